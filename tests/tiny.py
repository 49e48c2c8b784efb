"""A corpus of four raw documents, written out by hand as the stages would give it: one withheld, one rejected."""

import datetime
import hashlib
from functools import cache
from typing import Any

import pyarrow as pa

from pipeline import check, schema
from pipeline.offsets import Alignment, Edit, RawSpans

Rows = dict[str, list[dict[str, Any]]]

RAW = {
    "gazette/bridge.txt": (
        "“The bridge is open,” Mayor Ilse Dorn said on Monday.\r\n\r\nThe council paid 40 million crowns for it.\r\n"
    ).encode(),
    "herald/wall.txt": "It was reported that =1+1 stood on the wall – a ‘joke’.\r\n".encode("cp1252"),
    "herald/secret.txt": b"Ilse Dorn keeps silent about the zephyrine vault.",
    "herald/noise.bin": b"\x00\x01\x02",
}
MONDAY = datetime.date(2031, 3, 3)


def content(source: str) -> bytes | None:
    """The raw bytes of a document; None for one that never came in."""
    return RAW.get(source)


def rows() -> Rows:
    """The rows of all six tables, anew at each call, so that a test may spoil them."""
    bridge = _document("gazette/bridge.txt", "The Gazette", published="2031-03-03", licence="CC0-1.0")
    wall = _document("herald/wall.txt", "Herald | <b>bold</b>", encoding="cp1252", title="<script>alert(1)</script>")
    secret = _document("herald/secret.txt", "Herald | <b>bold</b>", published="2031-02", text_published=False)
    noise = _document("herald/noise.bin", "Herald | <b>bold</b>", rejected="binary", encoding=None)
    texts = {row["source"]: _text(row) for row in (bridge, wall, secret)}
    dorn = "p" + _digest("person", "ilse dorn")
    spoken = _claim(
        bridge,
        texts,
        "The bridge is open,",
        voice="attributed",
        mode="direct",
        speaker="Ilse Dorn",
        speaker_id=dorn,
        speaker_text="Ilse Dorn",
        speaker_kind="person",
        speaker_role="Mayor",
        speaker_resolution="named",
        cue="said",
        speech_act="state",
        claim_type="attribute",
        claim_types="attribute",
        outlet_stance="reports",
        date="2031-03-03",
        date_start=MONDAY,
        date_end=MONDAY,
        date_precision="day",
        date_source="adjacent",
    )
    paid = _claim(
        bridge, texts, "The council paid 40 million crowns for it.", claim_type="quantity", claim_types="quantity;event"
    )
    wrote = _claim(
        wall,
        texts,
        "=1+1 stood on the wall",
        voice="attributed",
        mode="indirect",
        speaker_missing="implicit",
        outlet_stance="distances",
        confidence_span=0.1,
    )
    monday = _date(bridge, texts, "Monday", edtf="2031-03-03", date_start=MONDAY, date_end=MONDAY, precision="day")
    return {
        "documents": [noise, wall, bridge, secret],
        "texts": [texts[row["source"]] for row in (secret, wall, bridge)],
        "claims": [wrote, paid, spoken],
        "dates": [monday],
        "stances": [_stance(bridge, "Ilse Dorn"), _stance(wall, "Herald")],
        "speakers": [
            {
                "speaker_id": dorn,
                "name": "Ilse Dorn",
                "kind": "person",
                "forms": '["Ilse Dorn"]',
                "evidence": None,
                "roles": '["Mayor"]',
                "affiliations": None,
                "claims": 1,
                "documents": 1,
                "outlets": 1,
                "linker": "link/1",
            }
        ],
    }


def tables(rows: Rows) -> dict[str, pa.Table]:
    """The rows as tables of the schemas."""
    return {name: schema.table(name, rows[name]) for name in schema.TABLES}


@cache
def report() -> check.Report:
    """The report of the untouched rows, made once: to import Great Expectations takes seconds."""
    return check.check(tables(rows()), inputs=len(RAW), contents=content)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _row(table: str, **values: Any) -> dict[str, Any]:
    return dict.fromkeys((field.name for field in schema.load(table).fields), None) | values


def _document(source: str, outlet: str, **values: Any) -> dict[str, Any]:
    raw_sha256 = hashlib.sha256(RAW[source]).hexdigest()
    encoding = values.pop("encoding", "utf-8")
    row = _row(
        "documents",
        document_id="d" + _digest(source, raw_sha256),
        source=source,
        format="other" if "rejected" in values else "text",
        outlet=outlet,
        language=None if "rejected" in values else "en",
        encoding=encoding,
        text_published="rejected" not in values,
        rejected_detail="a NUL byte at 0" if "rejected" in values else None,
        raw_sha256=raw_sha256,
        raw_bytes=len(RAW[source]),
        cleaner="clean/1",
    )
    row |= values
    if row["published"] == "2031-03-03":
        row |= {"published_start": MONDAY, "published_end": MONDAY, "published_source": "metadata"}
    elif row["published"] == "2031-02":
        row |= {"published_start": datetime.date(2031, 2, 1), "published_end": datetime.date(2031, 2, 28)}
    if encoding:
        cleaned, _ = _clean(RAW[source].decode(encoding))
        row |= {"text_sha256": hashlib.sha256(cleaned.encode()).hexdigest(), "characters": len(cleaned)}
    return row


def _clean(decoded: str) -> tuple[str, Alignment]:
    breaks = [place for place in range(len(decoded)) if decoded.startswith("\r\n", place)]
    last = [Edit(place, place + 2) for place in breaks if place + 2 == len(decoded)]
    return Alignment.apply(decoded, [*(Edit(place, place + 1) for place in breaks if place + 2 < len(decoded)), *last])


def _text(document: dict[str, Any]) -> dict[str, Any]:
    text, alignment = _clean(RAW[document["source"]].decode(document["encoding"]))
    pieces, start = [], 0
    for paragraph in text.split("\n\n"):
        pieces.append(f"body:{start}-{start + len(paragraph)}")
        start += len(paragraph) + 2
    return _row(
        "texts",
        document_id=document["document_id"],
        text=text,
        paragraphs=";".join(pieces),
        alignment=alignment.cigar(),
        cleaner="clean/1",
    )


def _placed(document: dict[str, Any], texts: dict[str, dict[str, Any]], words: str) -> dict[str, Any]:
    text = texts[document["source"]]
    start = text["text"].index(words)
    spans = RawSpans(RAW[document["source"]], document["encoding"], Alignment.parse(text["alignment"]))
    raw_start, raw_end = spans.span(start, start + len(words))
    return {
        "document_id": document["document_id"],
        "text": words,
        "start": start,
        "end": start + len(words),
        "raw_start": raw_start,
        "raw_end": raw_end,
    }


def _claim(document: dict[str, Any], texts: dict[str, dict[str, Any]], words: str, **values: Any) -> dict[str, Any]:
    placed = _placed(document, texts, words)
    spans = f"{placed['start']}-{placed['end']}"
    for pointer, place in (("speaker_text", "speaker_span"), ("cue", "cue_span")):
        if pointer in values:
            at = texts[document["source"]]["text"].index(values[pointer])
            values[place] = f"{at}-{at + len(values[pointer])}"
    defaults = {
        "claim_id": "c" + _digest(document["document_id"], spans, words),
        "outlet": document["outlet"],
        "spans": spans,
        "voice": "outlet",
        "claim_type": "event",
        "claim_types": "event",
        "checkable": True,
        "outlet_stance": "endorses",
        "annotator": "annotate/1",
    }
    return _row("claims", **placed, **(defaults | values))


def _date(document: dict[str, Any], texts: dict[str, dict[str, Any]], words: str, **values: Any) -> dict[str, Any]:
    placed = _placed(document, texts, words)
    return _row(
        "dates",
        date_id="t" + _digest(document["document_id"], str(placed["start"]), str(placed["end"]), words),
        **placed,
        timex_type="DATE",
        timex_value="2031-03-03",
        vague=False,
        annotator="annotate/1",
        **values,
    )


def _stance(document: dict[str, Any], target: str) -> dict[str, Any]:
    return _row(
        "stances",
        stance_id="s" + _digest(document["document_id"], target),
        document_id=document["document_id"],
        outlet=document["outlet"],
        target=target,
        target_kind="organisation" if target == "Herald" else "person",
        polarity="insufficient",
        sentences_outlet=1,
        sentences_attributed=1,
        annotator="annotate/1",
    )
