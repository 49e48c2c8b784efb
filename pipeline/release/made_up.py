"""A made-up corpus of any size, for benchmarks: rows as the stages give them in shape and size, never in meaning."""

import datetime
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline import schema

CLAIMS_A_DOCUMENT = 20
_DAY = datetime.date(2029, 1, 1)
_DAYS = 730
_OUTLETS = 40
_SYLLABLES = ("ba", "dor", "el", "fin", "gra", "hus", "il", "jo", "ka", "lem", "mi", "nor", "o", "pel", "qua", "ris",
              "su", "tam", "ur", "vel", "wo", "xi", "yar", "zu")  # fmt: skip


def corpus(claims: int, seed: int = 0) -> dict[str, pa.Table]:
    """The six tables of a corpus with so many claims, two years of it from 40 outlets; equal for equal arguments.

    A claim has about 90 characters, a document 20 claims and 2,400 characters; a third of the claims has a speaker.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    documents = max(1, claims // CLAIMS_A_DOCUMENT)
    people = max(1, documents // 5)
    words = pa.array(["".join(random.choice(_SYLLABLES, 1 + n % 3)) for n in range(4_000)])
    keys = {name: _keys(random, name[0], number) for name, number in (("d", documents), ("c", claims))}
    keys["p"] = _keys(random, "p", people)
    names = _sentences(random, words, people, 2)
    days = np.sort(random.integers(0, _DAYS, documents))
    outlets = pa.array([f"The {words[n].as_py().title()} Courier" for n in range(_OUTLETS)])
    outlet = random.integers(0, _OUTLETS, documents)
    of = np.sort(random.integers(0, documents, claims))
    start = np.arange(claims) % CLAIMS_A_DOCUMENT * 120
    text = _sentences(random, words, claims, 16)
    length = pa.compute.utf8_length(text).to_numpy()
    speaker = random.integers(0, people, claims)
    silent = random.random(claims) > 0.35
    hexes = _keys(random, "", documents * 2, 64)
    day = _days(days)
    found: dict[str, Mapping[str, Any]] = {
        "documents": {
            "document_id": keys["d"],
            "source": pa.compute.binary_join_element_wise(keys["d"], ".txt", ""),
            "format": "text",
            "outlet": outlets.take(pa.array(outlet)),
            "title": _sentences(random, words, documents, 7),
            "published": day.cast(pa.string()),
            "published_start": day,
            "published_end": day,
            "published_source": "metadata",
            "published_confidence": 1.0,
            "language": "en",
            "language_source": "detected",
            "licence": "CC0-1.0",
            "text_published": True,
            "encoding": "utf-8",
            "raw_sha256": hexes[:documents],
            "text_sha256": hexes[documents:],
            "raw_bytes": random.integers(2_000, 4_000, documents),
            "characters": random.integers(2_000, 4_000, documents),
            "cleaner": "clean/1",
        },
        "texts": {
            "document_id": keys["d"],
            "text": _sentences(random, words, documents, 400),
            "paragraphs": "title:0-60;body:62-2400",
            "alignment": "2400=",
            "cleaner": "clean/1",
        },
        "claims": {
            "claim_id": keys["c"],
            "document_id": keys["d"].take(pa.array(of)),
            "outlet": outlets.take(pa.array(outlet[of])),
            "text": text,
            "start": start,
            "end": start + length,
            "spans": _spans(start, start + length),
            "raw_start": start,
            "raw_end": start + length,
            "voice": _labels(random, "claims", "voice", claims),
            "mode": _null(_labels(random, "claims", "mode", claims), silent),
            "speaker": _null(names.take(pa.array(speaker)), silent),
            "speaker_id": _null(keys["p"].take(pa.array(speaker)), silent),
            "speaker_text": _null(names.take(pa.array(speaker)), silent),
            "speaker_span": _null(_spans(start, start + 12), silent),
            "speaker_kind": _null(_labels(random, "claims", "speaker_kind", claims), silent),
            "speaker_resolution": _null(_labels(random, "claims", "speaker_resolution", claims), silent),
            "cue": _null(words.take(pa.array(random.integers(0, 60, claims))), silent),
            "cue_span": _null(_spans(start + 13, start + 17), silent),
            "speech_act": _null(_labels(random, "claims", "speech_act", claims), silent),
            "claim_type": (kind := _labels(random, "claims", "claim_type", claims)),
            "claim_types": kind,
            "checkable": random.random(claims) < 0.8,
            "date": day.cast(pa.string()).take(pa.array(of)),
            "date_start": day.take(pa.array(of)),
            "date_end": day.take(pa.array(of)),
            "date_precision": "day",
            "date_source": _labels(random, "claims", "date_source", claims),
            "outlet_stance": _labels(random, "claims", "outlet_stance", claims),
            **{
                f"confidence_{what}": random.random(claims).round(3)
                for what in ("span", "speaker", "type", "date", "stance")
            },
            "annotator": "annotate/1",
        },
        "dates": _dates(random, keys["d"], words),
        "stances": _stances(random, keys["d"], outlets.take(pa.array(outlet)), names),
        "speakers": {
            "speaker_id": keys["p"],
            "name": names,
            "kind": "person",
            "forms": pa.compute.binary_join_element_wise('["', names, '"]', ""),
            **{what: random.integers(1, 90, people) for what in ("claims", "documents", "outlets")},
            "linker": "link/1",
        },
    }
    return {name: _table(name, columns) for name, columns in found.items()}


def _dates(random: Any, documents: pa.Array, words: pa.Array) -> dict[str, Any]:
    number = 4 * len(documents)
    start = random.integers(0, 2_300, number)
    day = _days(random.integers(0, _DAYS, number))
    return {
        "date_id": _keys(random, "t", number),
        "document_id": documents.take(pa.array(random.integers(0, len(documents), number))),
        "text": words.take(pa.array(random.integers(0, 300, number))),
        "start": start,
        "end": start + 8,
        "raw_start": start,
        "raw_end": start + 8,
        "timex_type": _labels(random, "dates", "timex_type", number),
        "timex_value": day.cast(pa.string()),
        "edtf": day.cast(pa.string()),
        "date_start": day,
        "date_end": day,
        "precision": "day",
        "vague": False,
        "confidence": random.random(number).round(3),
        "annotator": "annotate/1",
    }


def _stances(random: Any, documents: pa.Array, outlets: pa.Array, names: pa.Array) -> dict[str, Any]:
    score = (2 * random.random(len(documents)) - 1).round(3)
    return {
        "stance_id": _keys(random, "s", len(documents)),
        "document_id": documents,
        "outlet": outlets,
        "target": names.take(pa.array(random.integers(0, len(names), len(documents)))),
        "target_kind": "person",
        "polarity": _labels(random, "stances", "polarity", len(documents)),
        "score": score,
        "score_low": score - 0.2,
        "score_high": score + 0.2,
        **{
            f"sentences_{what}": random.integers(0, 20, len(documents))
            for what in ("outlet", "attributed", "negative", "positive")
        },
        "confidence": random.random(len(documents)).round(3),
        "annotator": "annotate/1",
    }


def _table(name: str, columns: Mapping[str, Any]) -> pa.Table:
    """The columns in the order of the schema; a value stands for all rows, a column that is left out is null."""
    rows = len(columns[schema.load(name).primary_key])
    arrays = []
    for field in schema.arrow(name):
        value = columns.get(field.name)
        if value is None:
            arrays.append(pa.nulls(rows, field.type))
        elif isinstance(value, str | bool | float):
            arrays.append(pa.repeat(pa.scalar(value, field.type), rows))
        else:
            arrays.append(pa.array(value, field.type) if not isinstance(value, pa.Array) else value.cast(field.type))
    return pa.table(arrays, schema=schema.arrow(name))


def _keys(random: Any, letter: str, number: int, digits: int = 16) -> pa.Array:
    text = random.bytes(number * digits // 2).hex()
    return pa.array([letter + text[at : at + digits] for at in range(0, len(text), digits)])


def _sentences(random: Any, words: pa.Array, number: int, length: int) -> pa.Array:
    """So many texts of so many words, each word drawn so that a few are common and most are rare."""
    import numpy as np

    drawn = (random.random(number * length) ** 3 * len(words)).astype(np.int64)
    lists = pa.ListArray.from_arrays(pa.array(np.arange(number + 1, dtype=np.int32) * length), words.take(drawn))
    return pa.compute.binary_join(lists, " ")


def _days(numbers: Any) -> pa.Array:
    return pa.array(numbers.astype("int32") + (_DAY - datetime.date(1970, 1, 1)).days).cast(pa.date32())


def _spans(start: Any, end: Any) -> pa.Array:
    return pa.compute.binary_join_element_wise(pa.array(start).cast(pa.string()), pa.array(end).cast(pa.string()), "-")


def _labels(random: Any, table: str, column: str, number: int) -> pa.Array:
    labels = pa.array(schema.load(table).field(column).labels)
    return labels.take(pa.array((random.random(number) ** 2 * len(labels)).astype("int64")))


def _null(values: pa.Array, where: Any) -> pa.Array:
    return pa.compute.if_else(pa.array(where), pa.scalar(None, values.type), values)
