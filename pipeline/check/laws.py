"""What must hold across columns, rows and tables, and what no expectation of one table can say.

A law is a function `(corpus, table) -> bad rows`. It never repeats another: where a text is missing, the law about
missing texts says so, and the laws about spans pass over the row.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.annotate.dates import edtf
from pipeline.check.report import Check, Failure, Found, checked
from pipeline.check.trace import TRACES, trace

Row = Mapping[str, Any]
Span = tuple[int, int]


class _Corpus:
    """The tables with the look-ups that several laws share, made when first asked for."""

    def __init__(self, tables: Mapping[str, pa.Table], inputs: int) -> None:
        self.tables = tables
        self.inputs = inputs

    def rows(self, table: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        """The values of some columns, row by row."""
        return zip(*(self.tables[table][column].to_pylist() for column in columns), strict=True)

    @cached_property
    def documents(self) -> Mapping[str, Row]:
        return {row["document_id"]: row for row in self.tables["documents"].to_pylist()}

    @cached_property
    def texts(self) -> Mapping[str, str]:
        return dict(self.rows("texts", "document_id", "text"))


def laws(
    tables: Mapping[str, pa.Table], inputs: int, contents: Callable[[str], bytes | None] | None
) -> list[tuple[Check, list[Failure]]]:
    """Each law on each of its tables, with what broke it."""
    corpus = _Corpus(tables, inputs)
    found = []
    for name, (of, find) in _LAWS.items():
        found += [checked(name, table, tables[table].num_rows, find(corpus, table)) for table in of]
    if contents is not None:
        untraced: dict[tuple[str, str], list[tuple[str, object, str]]] = defaultdict(list)
        for name, table, *bad in trace(tables, corpus.documents, corpus.texts, contents):
            untraced[name, table].append(tuple(bad))
        for name, table in TRACES:
            found.append(checked(name, table, tables[table].num_rows, untraced[name, table]))
    for number, floor in enumerate(schema.package()["floors"]):
        name = f"at least {floor['minimum']} rows"
        found.append(checked(name, floor["table"], tables[floor["table"]].num_rows, _floor(corpus, number)))
    return found


def unicode_law(name: str, table: pa.Table) -> tuple[Check, list[Failure]]:
    """Whether every string is valid UTF-8: pyarrow writes it unasked, and then most readers refuse the whole file."""
    return checked("strings are valid Unicode", name, table.num_rows, _not_unicode(table))


def _not_unicode(table: pa.Table) -> Found:
    for field in table.schema:
        try:
            table[field.name].validate(full=True)
        except pa.ArrowInvalid:
            for row, value in enumerate(table[field.name].cast(pa.binary()).to_pylist(), start=1):
                try:
                    (value or b"").decode("utf-8")
                except UnicodeDecodeError as error:
                    yield f"row {row}", value, f"{field.name} is no UTF-8: {error.reason} at byte {error.start}"


def _keys(corpus: _Corpus, table: str) -> Found:
    key = schema.load(table).primary_key
    counts = Counter(corpus.tables[table][key].to_pylist())
    for value in corpus.tables[table][key].to_pylist():
        if counts[value] > 1:
            yield value, value, f"{counts[value]} rows have this {key}"


def _foreign_keys(corpus: _Corpus, table: str) -> Found:
    spec = schema.load(table)
    rows = corpus.tables[table]
    for column, other, key in spec.foreign_keys:
        held = pc.is_in(rows[column], value_set=corpus.tables[other][key].combine_chunks())
        missing = rows.filter(pc.and_(pc.is_valid(rows[column]), pc.invert(held)))
        for row_key, value in zip(missing[spec.primary_key].to_pylist(), missing[column].to_pylist(), strict=True):
            yield row_key, value, f"{column} is no {key} of {other}"


def _identifiers(corpus: _Corpus, table: str) -> Found:
    letter, columns = {
        "documents": ("d", ("source", "raw_sha256")),
        "claims": ("c", ("document_id", "spans", "text")),
        "dates": ("t", ("document_id", "start", "end", "text")),
        "stances": ("s", ("document_id", "target")),
    }[table]
    for key, *parts in corpus.rows(table, schema.load(table).primary_key, *columns):
        if None in parts:
            continue
        digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
        if key != letter + digest[:16]:
            yield key, key, f"is not made from {', '.join(columns)}, which give {letter}{digest[:16]}"


def _inputs(corpus: _Corpus, table: str) -> Found:
    if corpus.tables[table].num_rows != corpus.inputs:
        yield "", corpus.tables[table].num_rows, f"{corpus.inputs} raw documents came in: each must have its row"


def _floor(corpus: _Corpus, number: int) -> Found:
    floor = schema.package()["floors"][number]
    rows = corpus.tables[floor["table"]].num_rows
    if rows < floor["minimum"]:
        yield "", rows, floor["reason"]


def _rejections(corpus: _Corpus, table: str) -> Found:
    for key, row in corpus.documents.items():
        if row["rejected"] is None:
            wanted: Mapping[str, bool] = {
                "rejected_detail": False,
                "raw_sha256": True,
                "encoding": True,
                "text_sha256": True,
            }
        else:
            wanted = {"rejected_detail": True, "text_sha256": False, "characters": False, "not_annotated": False}
        for column, held in wanted.items():
            if (row[column] is not None) != held:
                which = "an accepted" if row["rejected"] is None else "a rejected"
                yield key, row[column], f"{column} of {which} document {'is missing' if held else 'must be null'}"
        if row["rejected"] is not None and row["text_published"]:
            yield key, row["text_published"], "text_published of a rejected document must be false"


def _texts(corpus: _Corpus, table: str) -> Found:
    for key, row in corpus.documents.items():
        text = corpus.texts.get(key)
        if row["rejected"] is not None:
            if text is not None:
                yield key, None, "a rejected document has a text"
        elif text is None:
            if row["text_published"]:
                yield key, None, "its text is published, but there is none"
        else:
            digest = hashlib.sha256(text.encode()).hexdigest()
            if digest != row["text_sha256"]:
                yield key, row["text_sha256"], f"text_sha256 is not that of the text, {digest}"
            if len(text) != row["characters"]:
                yield key, row["characters"], f"the text has {len(text)} characters"


def _structure(corpus: _Corpus, table: str) -> Found:
    for key, text, paragraphs in corpus.rows("texts", "document_id", "text", "paragraphs"):
        pieces = _spans(re.sub("[a-z]+:", "", paragraphs))
        if pieces is None or not _ordered(pieces, 0, len(text)):
            yield key, paragraphs, f"pieces must be in order, apart, not empty, and inside the {len(text)} characters"


def _words(corpus: _Corpus, table: str) -> Found:
    key = schema.load(table).primary_key
    for row_key, document, words, start, end in corpus.rows(table, key, "document_id", "text", "start", "end"):
        text = corpus.texts.get(document)
        if text is not None and (not 0 <= start < end <= len(text) or text[start:end] != words):
            yield row_key, words, f"texts.text[{start}:{end}] is {text[max(start, 0) : end]!r}"


def _pieces(corpus: _Corpus, table: str) -> Found:
    for key, start, end, spans in corpus.rows("claims", "claim_id", "start", "end", "spans"):
        pieces = _spans(spans)
        if pieces is None or not _ordered(pieces, start, end) or (pieces[0][0], pieces[-1][1]) != (start, end):
            yield key, spans, f"spans must be in order, apart and not empty, from {start} to {end}"


def _pointed(corpus: _Corpus, table: str) -> Found:
    columns = ("claim_id", "document_id", "speaker_text", "speaker_span", "cue", "cue_span")
    for key, document, *pairs in corpus.rows("claims", *columns):
        text = corpus.texts.get(document)
        for column, words, place in (("speaker_text", *pairs[:2]), ("cue", *pairs[2:])):
            if (words is None) != (place is None):
                yield key, words or place, f"{column} and its span are both given or both null"
            elif words is not None and text is not None:
                spans = _spans(place)
                if not spans or text[spans[0][0] : spans[0][1]] != words:
                    yield key, words, f"{column} does not stand at {place}"


def _evidence(corpus: _Corpus, table: str) -> Found:
    for key, document, evidence in corpus.rows("stances", "stance_id", "document_id", "evidence"):
        text = corpus.texts.get(document)
        if evidence is not None and text is not None:
            spans = _spans(evidence)
            if spans is None or any(not 0 <= start < end <= len(text) for start, end in spans):
                yield key, evidence, f"evidence must be inside the {len(text)} characters of the text"


def _of_document(corpus: _Corpus, table: str) -> Found:
    outlets = "outlet" in corpus.tables[table].column_names
    key = schema.load(table).primary_key
    for row_key, document_id, *outlet in corpus.rows(table, key, "document_id", *(["outlet"] if outlets else [])):
        document = corpus.documents.get(document_id)
        if document is None:
            continue
        reason = document["rejected"] or document["not_annotated"]
        if reason is not None:
            yield row_key, reason, "its document was rejected or not annotated"
        if outlet and outlet[0] != document["outlet"]:
            yield row_key, outlet[0], f"its document's outlet is {document['outlet']!r}"


def _voices(corpus: _Corpus, table: str) -> Found:
    columns = ("claim_id", "voice", "mode", "speaker", "speaker_id", "speaker_missing")
    for key, voice, mode, speaker, speaker_id, missing in corpus.rows("claims", *columns):
        if (speaker is None) != (speaker_id is None):
            yield key, speaker or speaker_id, "speaker and speaker_id are both given or both null"
        if voice == "outlet":
            if (mode, speaker, speaker_id, missing) != (None,) * 4:
                yield key, speaker or mode, "in the outlet's voice, mode, speaker and speaker_missing are null"
        elif mode is None:
            yield key, None, "an attributed claim has a mode"
        elif (speaker is None) == (missing is None):
            yield key, speaker, "an attributed claim has either a speaker or the reason why there is none"


def _parents(corpus: _Corpus, table: str) -> Found:
    homes = dict(corpus.rows("claims", "claim_id", "document_id"))
    for key, document, parent in corpus.rows("claims", "claim_id", "document_id", "parent_id"):
        if parent is not None and (parent == key or homes.get(parent, document) != document):
            yield key, parent, "a parent is another claim of the same document"


def _claim_types(corpus: _Corpus, table: str) -> Found:
    labels = set(schema.load("claims").field("claim_type").labels)
    for key, main, joined in corpus.rows("claims", "claim_id", "claim_type", "claim_types"):
        types = joined.split(";")
        if types[0] != main or len(set(types)) != len(types) or not labels.issuperset(types):
            yield key, joined, f"claim_types are labels of claim_type, each once, {main!r} first"


def _speakers(corpus: _Corpus, table: str) -> Found:
    claims: Counter[str] = Counter()
    documents, outlets, names = defaultdict(set), defaultdict(set), defaultdict(set)
    for speaker_id, speaker, document, outlet in corpus.rows(
        "claims", "speaker_id", "speaker", "document_id", "outlet"
    ):
        if speaker_id is not None:
            claims[speaker_id] += 1
            documents[speaker_id].add(document)
            outlets[speaker_id].add(outlet)
            names[speaker_id].add(speaker)
    for key, name, *told in corpus.rows("speakers", "speaker_id", "name", "claims", "documents", "outlets"):
        counted = [claims[key], len(documents[key]), len(outlets[key] - {None})]
        if told != counted:
            yield key, told, f"claims, documents and outlets of this speaker are {counted}"
        for other in sorted(names[key] - {name, None}):
            yield key, other, f"a claim calls this speaker so, not {name!r}"


def _duplicates(corpus: _Corpus, table: str) -> Found:
    for key, row in corpus.documents.items():
        of, kind, similarity = row["duplicate_of"], row["duplicate_kind"], row["duplicate_similarity"]
        if (of is None, kind is None, similarity is None) not in ((True,) * 3, (False,) * 3):
            yield key, of, "duplicate_of, duplicate_kind and duplicate_similarity are all given or all null"
        elif of == key:
            yield key, of, "a document is no duplicate of itself"


def _days(corpus: _Corpus, table: str) -> Found:
    for value, first, last in {
        "documents": (("published", "published_start", "published_end"),),
        "claims": (("date", "date_start", "date_end"), ("about_date", "about_start", "about_end")),
        "dates": (("edtf", "date_start", "date_end"),),
    }[table]:
        for key, text, *days in corpus.rows(table, schema.load(table).primary_key, value, first, last):
            try:
                bounds = (None, None) if text is None else edtf.bounds(text)
            except ValueError as error:
                yield key, text, f"{value}: {error}"
                continue
            if tuple(days) != bounds:
                yield key, text, f"{first} and {last} are {_told(days)}, those of {value} {_told(bounds)}"


def _told(days: Any) -> str:
    return " and ".join("null" if day is None else day.isoformat() for day in days)


def _polarities(corpus: _Corpus, table: str) -> Found:
    columns = (
        "polarity",
        "score",
        "score_low",
        "score_high",
        "sentences_outlet",
        "sentences_negative",
        "sentences_positive",
    )
    for key, polarity, score, low, high, outlet, negative, positive in corpus.rows("stances", "stance_id", *columns):
        numbers = (score, low, high)
        if (negative is None) != (polarity == "insufficient") or (positive is None) != (negative is None):
            yield key, polarity, "the sentences for and against are null when insufficient, and only then"
            continue
        if negative is not None and negative + positive > outlet:
            yield key, polarity, f"{negative} against and {positive} for, of {outlet} sentences"
        if (polarity == "insufficient") != (outlet < 3):
            yield key, polarity, f"{outlet} sentences: below three, and only then, the stance is insufficient"
        if polarity == "insufficient" or None in numbers:
            if numbers != (None, None, None) or polarity != "insufficient":
                yield key, polarity, "score and its interval are null when insufficient, and only then"
        elif not low <= score <= high:
            yield key, score, f"the score is outside its interval, {low} to {high}"
        elif (
            (polarity == "negative" and (negative < 2 or high >= 0))
            or (polarity == "positive" and (positive < 2 or low <= 0))
            or (polarity == "mixed" and min(negative, positive) < 2)
        ):
            yield key, polarity, f"{negative} against, {positive} for, interval {low} to {high} do not bear it out"


def _in_raw(corpus: _Corpus, table: str) -> Found:
    key = schema.load(table).primary_key
    for row_key, document_id, start, end in corpus.rows(table, key, "document_id", "raw_start", "raw_end"):
        size = corpus.documents.get(document_id, {}).get("raw_bytes")
        if size is not None and not 0 <= start < end <= size:
            yield row_key, f"{start}-{end}", f"the raw document has {size} bytes"


def _spans(text: str) -> list[Span] | None:
    """'12-15;20-31' as pairs; None when it is nothing of the kind."""
    pairs = [piece.split("-") for piece in text.split(";")] if text else []
    if any(len(pair) != 2 or not all(end.isascii() and end.isdigit() for end in pair) for pair in pairs):
        return None
    return [(int(start), int(end)) for start, end in pairs]


def _ordered(spans: list[Span], first: int, last: int) -> bool:
    """Whether none is empty, none overlaps the one before, and all lie within `[first, last)`."""
    at = first
    for start, end in spans:
        if not at <= start < end <= last:
            return False
        at = end
    return True


_LAWS: Mapping[str, tuple[tuple[str, ...], Callable[[_Corpus, str], Found]]] = {
    "keys are unique": (schema.TABLES, _keys),
    "foreign keys lead somewhere": (("documents", "texts", "claims", "dates", "stances"), _foreign_keys),
    "identifiers come from content": (("documents", "claims", "dates", "stances"), _identifiers),
    "every input has its row": (("documents",), _inputs),
    "accepted or rejected, not both": (("documents",), _rejections),
    "texts are there and hash to text_sha256": (("documents",), _texts),
    "duplicates are told in full": (("documents",), _duplicates),
    "pieces lie in the text": (("texts",), _structure),
    "words stand at their span": (("claims", "dates"), _words),
    "spans fill the claim": (("claims",), _pieces),
    "speaker and cue stand at their span": (("claims",), _pointed),
    "evidence lies in the text": (("stances",), _evidence),
    "document was annotated, outlet is its own": (("claims", "dates", "stances"), _of_document),
    "every voice has its speaker": (("claims",), _voices),
    "parents are of the same document": (("claims",), _parents),
    "claim_types begin with claim_type": (("claims",), _claim_types),
    "days are those of the EDTF value": (("documents", "claims", "dates"), _days),
    "polarity follows from its numbers": (("stances",), _polarities),
    "speakers count their claims": (("speakers",), _speakers),
    "raw span lies in the document": (("claims", "dates"), _in_raw),
}
