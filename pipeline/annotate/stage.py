"""The annotate stage: documents and texts in, claims, dates and stances out.

One pass over each text: parse, attributions, what is left to the outlet's own voice, temporal expressions, and then for
each claim its speaker, type, dates and stance. Every annotator sees the text and its structure, never the table.
"""

import dataclasses
import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from unicodedata import category

import pyarrow as pa

from pipeline import schema
from pipeline.annotate import claim_types, cues, dates, stance
from pipeline.annotate.alignment import claim_stance, toward_claims, withholds_belief
from pipeline.annotate.article import Article
from pipeline.annotate.attribution import Attribution, attribute, read
from pipeline.annotate.decision import spoken
from pipeline.annotate.model import Reading
from pipeline.annotate.parse import Tree, parse
from pipeline.annotate.speakers import Speaker, resolve
from pipeline.annotate.targets import targets
from pipeline.offsets import Alignment, RawSpans

VERSION = "annotate/1"
_SPOKEN_IN = ("body", "item")  # pieces in which the outlet's own statements stand
_EDGE = " \t\n,;:–—-"

Row = dict[str, Any]
Span = tuple[int, int]


def annotate(raw: pa.Table, documents: pa.Table, texts: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Annotate every accepted document in a language that the annotators read.

    Args:
        raw: raw rows with at least `source` and `content`, which lead spans back to bytes.
        documents: rows of `documents`.
        texts: a row for each accepted document, the withheld ones too.

    Returns:
        claims (`speaker_id` null: linking needs all documents), dates and stances.
    """
    held = {row["document_id"]: row for row in documents.to_pylist()}
    content = dict(zip(raw["source"].to_pylist(), raw["content"], strict=True))
    claims: list[Row] = []
    timexes: list[Row] = []
    stances: list[Row] = []
    for text in texts.to_pylist():
        document = held[text["document_id"]]
        if document["not_annotated"] is not None:
            continue
        try:
            found = _annotate(document, text, content[document["source"]].as_py())
        except Exception as error:
            error.add_note(f"in document {document['source']} ({document['document_id']})")
            raise
        for rows, new in zip((claims, timexes, stances), found, strict=True):
            rows += new
    return schema.table("claims", claims), schema.table("dates", timexes), schema.table("stances", stances)


def _annotate(document: Row, text: Row, content: bytes) -> tuple[list[Row], list[Row], list[Row]]:
    article = Article.parse(document["document_id"], document["outlet"], text["text"], text["paragraphs"])
    raw = RawSpans(content, document["encoding"], Alignment.parse(text["alignment"]))
    t = parse(article.text)
    sentences = _Sentences(t)
    published = dates.DocumentDate.of(
        document["published"], document["published_source"], document["published_confidence"]
    )
    reading = read(article)
    attributions = spoken(article.text, attribute(article, t, reading))
    speakers = resolve(article, t, attributions)

    claims = [
        _attributed(article, each, speaker, towards)
        for each, speaker, towards in zip(
            attributions, speakers, toward_claims(article.text, sentences.spans, attributions), strict=True
        )
    ]
    for claim, each in zip(claims, attributions, strict=True):
        if each.parent is not None:
            claim["parent_id"] = claims[each.parent]["claim_id"]
    claims += [_own(article, span) for span in _own_statements(article, t, attributions)]
    claims.sort(key=lambda claim: (claim["start"], claim["end"], claim["spans"]))
    _type(article, t, reading, claims, published)
    found = _date(article, claims, sentences, published)
    for claim in claims:
        claim["raw_start"], claim["raw_end"] = raw.span(claim["start"], claim["end"])
    assessed = stance.assess(article, t, attributions, targets(article, t))
    stances = [_stance(article, one) for one in assessed]
    return claims, [_timex(article, raw, timex) for timex in found], stances


class _Sentences:
    """The sentences of a tree as half-open spans of code points; `at` gives the one that holds a position."""

    def __init__(self, t: Tree) -> None:
        self.spans: list[Span] = [(t.start[tokens[0]], t.end[tokens[-1]]) for tokens in t.sentences()]
        self._starts = [start for start, _ in self.spans]

    def at(self, position: int) -> Span:
        return self.spans[max(0, bisect_right(self._starts, position) - 1)]


def _own_statements(article: Article, t: Tree, attributions: Sequence[Attribution]) -> Iterator[Span]:
    """What the outlet says itself: sentences without a word of an attribution, and free clauses beside one."""
    taken = sorted(span for each in attributions for span in (*each.spans, each.cue, each.source) if span is not None)
    ends: list[int] = []  # running maximum, so that one bisection finds whether anything reaches beyond a position
    for _, end in taken:
        ends.append(max(end, ends[-1] if ends else 0))
    starts = [start for start, _ in taken]

    def free(start: int, end: int) -> bool:
        before = bisect_right(starts, end - 1)
        return before == 0 or ends[before - 1] <= start

    pieces = [piece for piece in article.pieces if piece.kind in _SPOKEN_IN]
    piece_starts = [piece.start for piece in pieces]
    for tokens in t.sentences():
        opens, closes = t.start[tokens[0]], t.end[tokens[-1]]
        at = max(0, bisect_right(piece_starts, opens) - 1)
        for piece in pieces[at:]:
            if piece.start >= closes:
                break
            start, end = max(piece.start, opens), min(piece.end, closes)
            if start >= end:
                continue
            spans = [(start, end)] if free(start, end) else [s for s in _clauses(t, tokens, start, end) if free(*s)]
            for first, last in spans:
                first, last = _trimmed(article.text, first, last)
                words = article.text[first:last]
                if words and claim_types.no_claim(words, piece.kind, claim_types.words_of(words, t, first)) is None:
                    yield first, last


def _clauses(t: Tree, sentence: range, start: int, end: int) -> Iterator[Span]:
    """The main clauses of a sentence that have a subject of their own, when 'and', 'but' or ';' joins several."""
    heads = [next(i for i in sentence if t.head[i] == i)]
    for head in heads:
        if any(t.dep[kid] == "cc" or t.word[kid] == ";" for kid in t.kids[head]):
            heads += [kid for kid in t.kids[head] if t.dep[kid] == "conj" and t.tag[kid][:1] in ("V", "M")]
    if len(heads) < 2:
        return
    for head in heads:
        if not any(t.dep[kid] in ("nsubj", "nsubjpass", "expl") for kid in t.kids[head]):
            continue
        inner = {i for kid in t.kids[head] if kid in heads for i in t.subtree(kid)}
        own = [i for i in t.subtree(head) if i not in inner and t.dep[i] != "cc" and not _marks(t.word[i])]
        if own and own[-1] - own[0] < len(own) + 3:
            yield max(start, t.start[own[0]]), min(end, t.end[own[-1]])


def _marks(word: str) -> bool:
    """Whether a word is punctuation alone."""
    return all(category(letter)[0] == "P" for letter in word)


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start] in _EDGE:
        start += 1
    while start < end and text[end - 1] in _EDGE:
        end -= 1
    return start, end


def _attributed(article: Article, each: Attribution, speaker: Speaker, towards: tuple[str, float | None]) -> Row:
    words = article.text[each.cue[0] : each.cue[1]] if each.cue else None
    cue = cues.classify(words)
    act = cue.act if cue else None
    return _claim(article, each.spans, "attributed") | {
        "mode": each.mode,
        "speaker": speaker.name,
        "speaker_text": speaker.text,
        "speaker_span": _joined([speaker.span]) if speaker.span else None,
        "speaker_kind": speaker.kind,
        "speaker_role": speaker.role,
        "speaker_affiliation": speaker.affiliation,
        "speaker_resolution": speaker.resolution,
        "speaker_missing": speaker.missing,
        "via": " > ".join(speaker.via) or None,
        "cue": words,
        "cue_span": _joined([each.cue]) if each.cue else None,
        "speech_act": act,
        "outlet_stance": towards[0],
        "confidence_span": each.confidence_span,
        "confidence_speaker": each.confidence_speaker if speaker.name else None,
        "confidence_stance": towards[1],
    }


def _own(article: Article, span: Span) -> Row:
    towards, confidence = claim_stance(None, voice="outlet", hedged=withholds_belief(article.text[slice(*span)]))
    return _claim(article, (span,), "outlet") | {
        "outlet_stance": towards,
        "confidence_stance": confidence,
    }


def _claim(article: Article, spans: Sequence[Span], voice: str) -> Row:
    """A claim with its words and place; every other column null."""
    start, end = spans[0][0], spans[-1][1]
    words = article.text[start:end]
    return dict.fromkeys(schema.arrow("claims").names) | {
        "claim_id": _id("c", article.document_id, _joined(spans), words),
        "document_id": article.document_id,
        "outlet": article.outlet,
        "text": words,
        "start": start,
        "end": end,
        "spans": _joined(spans),
        "voice": voice,
        "annotator": VERSION,
    }


def _type(article: Article, t: Tree, reading: Reading, claims: Sequence[Row], published: "dates.DocumentDate") -> None:
    """Fill the type columns of the claims, which come in the order of the text."""
    for claim in claims:
        types = claim_types.classify(
            claim["text"],
            voice=claim["voice"],
            speech_act=claim["speech_act"],
            words=claim_types.words_of(claim["text"], t, claim["start"]),
            published=published.day,
            state=claim_types.pooled(reading, _spans(claim["spans"])),
        )
        claim.update(
            claim_type=types.main,
            claim_types=";".join(types.all),
            checkable=claim_types.checkable(types.all),
            confidence_type=types.confidence,
        )


def _date(
    article: Article,
    claims: Sequence[Row],
    sentences: _Sentences,
    published: "dates.DocumentDate",
) -> list["dates.Timex"]:
    """Fill the date columns of the claims, which come in the order of the text; the temporal expressions found."""
    starts = [paragraph[0].start for paragraph in article.paragraphs]
    places = [
        dates.ClaimSpan(
            start=claim["start"],
            end=claim["end"],
            spans=_spans(claim["spans"]),
            cue=_spans(claim["cue_span"])[0] if claim["cue_span"] else None,
            sentence=_around(sentences, claim),
            paragraph=max(0, bisect_right(starts, claim["start"]) - 1),
            speaker_key=claim["speaker"],
            voice=claim["voice"],
        )
        for claim in claims
    ]
    found, days = dates.dated(article.text, places, published)
    for claim, said in zip(claims, days, strict=True):
        first, last, precision = _bounds(said.edtf)
        about_first, about_last, _ = _bounds(said.about_edtf)
        claim.update(
            date=said.edtf,
            date_start=first,
            date_end=last,
            date_precision=precision,
            date_source=said.source,
            confidence_date=said.confidence if said.edtf else None,
            about_date=said.about_edtf,
            about_start=about_first,
            about_end=about_last,
        )
    return found


def _around(sentences: _Sentences, claim: Row) -> Span:
    """The sentence of the claim's frame: that of its cue, else that in which it begins."""
    return sentences.at(_spans(claim["cue_span"])[0][0] if claim["cue_span"] else claim["start"])


def _bounds(value: str | None) -> tuple[Any, Any, str | None]:
    if value is None:
        return None, None, None
    parsed = dates.edtf.parse(value)
    return parsed.first, parsed.last, None if parsed.precision == "unknown" else parsed.precision


def _timex(article: Article, raw: RawSpans, timex: "dates.Timex") -> Row:
    raw_start, raw_end = raw.span(timex.start, timex.end)
    first, last, precision = _bounds(timex.edtf)
    return {
        "date_id": _id("t", article.document_id, str(timex.start), str(timex.end), timex.text),
        "document_id": article.document_id,
        "text": timex.text,
        "start": timex.start,
        "end": timex.end,
        "raw_start": raw_start,
        "raw_end": raw_end,
        "timex_type": timex.type,
        "timex_value": timex.value,
        "timex_mod": timex.mod,
        "edtf": timex.edtf,
        "date_start": first,
        "date_end": last,
        "precision": precision,
        "part_of_day": timex.part_of_day,
        "relation": timex.relation,
        "anchor": timex.anchor,
        "anchor_source": timex.anchor_source,
        "vague": timex.vague,
        "alternatives": ";".join(timex.alternatives) or None,
        "confidence": timex.confidence,
        "annotator": VERSION,
    }


def _stance(article: Article, found: stance.Stance) -> Row:
    row = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return row | {
        "stance_id": _id("s", article.document_id, found.target),
        "document_id": article.document_id,
        "outlet": article.outlet,
        "evidence": _joined(found.evidence) or None,
        "annotator": VERSION,
    }


def _joined(spans: Iterable[Span]) -> str:
    return ";".join(f"{start}-{end}" for start, end in spans)


def _spans(text: str) -> tuple[Span, ...]:
    return tuple((int(start), int(end)) for start, _, end in (piece.partition("-") for piece in text.split(";")))


def _id(prefix: str, *parts: str) -> str:
    return prefix + hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()[:16]
