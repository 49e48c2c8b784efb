"""The clean stage: raw rows in, documents and texts out.

Each row is decoded (`decode`), taken out of its page (`page`) or record (`record`), cleaned (`rules`) and told apart
into pieces (`structure`). Every step yields edits, and the edits compose into the one alignment that `texts` keeps.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urljoin

import pyarrow as pa

from pipeline import schema
from pipeline.annotate.dates import document_date, edtf
from pipeline.clean import page, record
from pipeline.clean.decode import decode
from pipeline.clean.rules import RULES, list_marks
from pipeline.clean.structure import structure
from pipeline.offsets import Alignment
from pipeline.personal import REDACTED, redacted, redactions
from pipeline.read import LANGUAGE, RejectedError
from pipeline.read.limits import MAX_LINE

CLEANER = "clean/1"

MIN_LETTERS = 50
"""Letters below which no language is told: a line of names could be any."""
LANGUAGE_FROM = 2000
"""Code points at the head of a text from which its language is told."""
ENGLISH = frozenset({
    "the", "of", "and", "that", "with", "said", "from", "by", "which", "were", "have", "has", "been", "this", "their",
    "they", "would", "but", "not", "it", "his",
})  # fmt: skip
"""Words of English that other languages in Latin letters do not have, or not so often."""
MIN_ENGLISH, MIN_DIFFERENT, MIN_WORDS = 0.1, 5, 40
"""Share of these among all words, and number of different ones, from which a text of so many words is English without
a detector: nine in ten news texts. Of 1,949 the detector said so of each."""
MAX_FOREIGN = 1.05
"""Bytes of UTF-8 for each code point of such a text: curly quotes are two in a hundred, letters beyond Latin all."""
MIN_LIKELY = 0.7
"""Probability that py3langid must give a language. At 0.5 one in 800 stretches of 80 English letters was told
wrongly."""
ANNOTATED = "en"
"""The language that the annotators read."""
_WORD = re.compile(r"[^\W_]")
_FACTS = ("outlet", "url", "title", "byline", "published", "language", "licence")
_WORDS = ("outlet", "url", "title", "byline")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned text with the way back, and what the document tells of itself.

    Attributes:
        text: the cleaned text.
        alignment: from the decoded raw document to `text`.
        encoding: codec that decoded it.
        headings: where, in `text`, paragraphs begin that the document marks as headings.
        items: the same for items of a list.
        facts: what the page or record tells: outlet, url, title, byline, published, language, licence.
        html_date: day on which the page says that it was published.
    """

    text: str
    alignment: Alignment
    encoding: str
    headings: Collection[int] = ()
    items: Collection[int] = ()
    facts: dict[str, str] = field(default_factory=dict)
    html_date: str | None = None


def clean(raw: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows of `documents` and `texts` for raw rows (`read.RAW`).

    `documents` has a row for each raw row, in its order; `texts` one for each accepted document, withheld or not: what
    may be published, `documents.text_published` says. Duplicates are left for `link`, which sees all documents.
    """
    documents, texts = [], []
    for row in raw.to_pylist():
        try:
            document, text = _document(row)
        except Exception as error:
            error.add_note(f"while cleaning {row['source']}")
            raise
        documents.append(document)
        texts += [text] if text else []
    return schema.table("documents", documents), schema.table("texts", texts)


def clean_text(
    content: bytes,
    *,
    kind: str = "text",
    encoding: str | None = None,
    site: str | None = None,
    redact: bool = False,
) -> Cleaned:
    """Clean one raw document; raises RejectedError with the reason.

    Args:
        content: a text file, a web page, or a line of JSON Lines.
        kind: text, html or jsonl, as `documents.format`.
        encoding: the declared codec.
        site: address of the outlet.
        redact: whether what looks like personal data is put out of sight.
    """
    source, codec = decode(content, encoding, web=kind == "html")
    if not source.strip("\ufeff").strip():
        raise RejectedError("empty", f"{len(content)} bytes, no character but white space")
    headings: frozenset[int] = frozenset()
    items: frozenset[int] = frozenset()
    facts: dict[str, str] = {}
    html_date = None
    if kind == "html":
        found = page.parse(source, site)
        text, alignment, headings, items = found.text, found.alignment, found.headings, found.items
        facts = {key: value for key in ("title", "byline", "url") if (value := getattr(found, key))}
        html_date = found.published
    elif kind == "jsonl":
        line = record.parse(source)
        text, alignment = Alignment.apply(source, line.edits)
        facts = _checked(line.facts, site)
    else:
        text, alignment = source, Alignment.identity(len(source))
    longest = max(map(len, text.splitlines()), default=0)
    if longest > MAX_LINE:
        raise RejectedError("line_too_long", f"a line of {longest} characters; the limit is {MAX_LINE}")
    for rule in (*RULES, redactions) if redact else RULES:
        edits = tuple(rule(text))
        if not edits:
            continue
        text, step = Alignment.apply(text, edits)
        alignment = alignment.then(step)
        headings = frozenset(map(step.result, headings))
        items = frozenset(map(step.result, items))
        if rule is list_marks:
            items |= {step.result(edit.end) for edit in edits}
    if not _WORD.search(text):
        raise RejectedError("empty", "no letter and no digit is left")
    return Cleaned(text, alignment, codec, headings, items, facts, html_date)


def _document(row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The rows that one raw row becomes."""
    content, found = row["content"], None
    rejected, detail = row["rejected"], row["rejected_detail"]
    if rejected is None:
        try:
            found = clean_text(
                content, kind=row["format"], encoding=row["encoding"], site=row["site"], redact=bool(row["redact"])
            )
        except RejectedError as refused:
            rejected, detail = refused.reason, refused.detail
    facts = {name: row[name] for name in _FACTS}
    if found:  # a page knows less than who collected it, a record more
        told = {name: value for name, value in found.facts.items() if row["format"] == "jsonl" or facts[name] is None}
        facts |= told
    if row["redact"]:
        facts |= {name: redacted(facts[name]) for name in _WORDS if facts[name]}
        detail = redacted(detail) if detail else None
    cleaner = CLEANER + REDACTED if row["redact"] else CLEANER
    text = found.text if found else ""
    shape = (
        structure(text, title=facts["title"], outlet=facts["outlet"], items=found.items, headings=found.headings)
        if found
        else None
    )
    if shape:
        facts["title"] = facts["title"] or shape.title
        facts["byline"] = facts["byline"] or shape.byline
    date = document_date(
        metadata=facts.pop("published"),
        html_date=found.html_date if found else None,
        url=facts["url"],
        text=text,
        collected=row["collected"],
    )
    first, last = edtf.bounds(date.edtf) if date.edtf else (None, None)
    language, language_source = _language(facts.pop("language"), text)
    other = found is not None and language is not None and language.split("-")[0] != ANNOTATED
    digest = hashlib.sha256(content).hexdigest() if content is not None else None
    key = "d" + hashlib.sha256(f"{row['source']}\0{digest or ''}".encode()).hexdigest()[:16]
    document = facts | {
        "document_id": key,
        "source": row["source"],
        "format": row["format"],
        "rejected": rejected,
        "rejected_detail": detail,
        "not_annotated": "language" if other else None,
        "dateline": shape.dateline if shape else None,
        "published": date.edtf,
        "published_start": first,
        "published_end": last,
        "published_source": date.source,
        "published_confidence": date.confidence,
        "language": language,
        "language_source": language_source,
        "text_published": bool(found and row["publish_text"]),
        "encoding": found.encoding if found else None,
        "raw_sha256": digest,
        "raw_bytes": len(content) if content is not None else None,
        "text_sha256": hashlib.sha256(text.encode()).hexdigest() if found else None,
        "characters": len(text) if found else None,
        "duplicate_of": None,
        "duplicate_kind": None,
        "duplicate_similarity": None,
        "cleaner": cleaner,
    }
    if not found:
        return document, None
    return document, {
        "document_id": key,
        "text": text,
        "paragraphs": str(shape),
        "alignment": found.alignment.cigar(),
        "cleaner": cleaner,
    }


def _checked(facts: dict[str, str], site: str | None) -> dict[str, str]:
    """A record's facts under our names; raises RejectedError for a value that cannot be used."""
    told = {"byline" if key == "author" else key: value for key, value in facts.items()}
    if "published" in told:
        day, _, time = told["published"].replace(" ", "T").partition("T")
        try:
            told["published"] = str(edtf.parse(day if time else told["published"]))
        except ValueError as error:
            raise RejectedError("invalid_metadata", f"published: {error}") from error
    if "language" in told and not LANGUAGE.fullmatch(told["language"]):
        raise RejectedError("invalid_metadata", f"language: {told['language'][:40]!r} is no BCP 47 code")
    if "url" in told:
        try:
            told["url"] = urljoin(site or "", told["url"])
        except ValueError as error:
            raise RejectedError("invalid_metadata", f"url: {error}") from error
    return told


def _language(told: str | None, text: str) -> tuple[str | None, str | None]:
    """The language as told, else as detected in the text, and the evidence."""
    if told:
        return told, "metadata"
    head = text[:LANGUAGE_FROM]
    if any(sum(map(str.isalpha, part)) >= MIN_LETTERS for part in (head[: 2 * MIN_LETTERS], text)):
        words = head.lower().split()
        if _is_english(words) and len(head.encode()) <= MAX_FOREIGN * len(head):
            return "en", "detected"
        language, likely = _identifier().classify(head)
        if likely >= MIN_LIKELY:
            return language, "detected"
    return None, None


def _is_english(words: list[str]) -> bool:
    """Whether nobody need ask a detector."""
    return (
        len(words) >= MIN_WORDS
        and len(ENGLISH.intersection(words)) >= MIN_DIFFERENT
        and sum(map(ENGLISH.__contains__, words)) >= MIN_ENGLISH * len(words)
    )


@cache
def _identifier() -> Any:
    """The detector with the model that ships with it."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(set(identifier.labels) - {"pcm"})  # Nigerian Pidgin, for which it takes short English
    return identifier
