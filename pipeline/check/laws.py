"""What must hold across columns, rows and tables, and what no expectation of one table can say.

A law about a row is one or more rules in SQL, and all rules of a table are looked at in one scan of it beside its
documents and texts; a law across rows is a query of its own. None repeats another: where a text is missing, the law
about missing texts says so, and the laws about spans pass over the row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import pyarrow as pa

from pipeline import schema
from pipeline.check.across import ACROSS, DAYS, unique_columns
from pipeline.check.report import Check, Failure, Found, checked
from pipeline.check.rules import FITS, Rule, of_schema, scan
from pipeline.check.trace import TRACES, trace
from pipeline.corpus import Corpus, Source

_MACROS = (
    "clamped(place) AS least(greatest(place, 0), 1000000000)",
    "slice(words, a, b) AS substring(words, clamped(a) + 1, greatest(clamped(b) - clamped(a), 0))",
    "pairs(spans) AS CASE WHEN spans = '' THEN [] ELSE list_transform(string_split(spans, ';'), lambda span: "
    "[TRY_CAST(split_part(span, '-', 1) AS BIGINT), TRY_CAST(split_part(span, '-', 2) AS BIGINT)]) END",
    # none is empty, none overlaps the one before, all lie within [first, last)
    "ordered(spans, a, b) AS len(list_filter(range(1, len(spans) + 1), lambda i: NOT coalesce("
    "spans[i][1] < spans[i][2] AND spans[i][2] <= b AND spans[i][1] >= CASE i WHEN 1 THEN a ELSE spans[i - 1][2] END, "
    "false))) = 0",
    "digest(letter, parts) AS letter || left(sha256(array_to_string(parts, chr(0))), 16)",
)
_ROWS = {
    "documents": "{documents} r LEFT JOIN {texts} t ON r.document_id = t.document_id",
    "texts": "{texts} r",
    "claims": "{claims} r LEFT JOIN {documents} d ON r.document_id = d.document_id "
    "LEFT JOIN {texts} t ON r.document_id = t.document_id",
    "dates": "{dates} r LEFT JOIN {documents} d ON r.document_id = d.document_id "
    "LEFT JOIN {texts} t ON r.document_id = t.document_id",
    "stances": "{stances} r LEFT JOIN {documents} d ON r.document_id = d.document_id "
    "LEFT JOIN {texts} t ON r.document_id = t.document_id",
    "speakers": "{speakers} r",
}
"""The rows of each table with what the rules about it look at: `d` is a row's document, `t` its text. A name in braces
stands for a relation with the rows of that table."""
_EVERY = {name: name for name in schema.TABLES}


def laws(
    tables: Mapping[str, Source],
    inputs: int,
    contents: Callable[[str], bytes | None] | None,
    new: Mapping[str, str] = MappingProxyType({}),
) -> list[tuple[Check, list[Failure]]]:
    """Each law on each of its tables, with what broke it. The laws about a row are asked of the relation that `new` has
    for a table, where it has one, for the other rows are known to keep them.
    """
    corpus = _with_macros(Corpus.of(tables))
    asked = _EVERY | new
    bad: dict[tuple[str, str], list[tuple[str, object, str]]] = defaultdict(list)
    for table in schema.TABLES:
        rules = [*of_schema(table), *_rules(table)]
        for law, found in scan(corpus, schema.load(table).primary_key, _ROWS[table].format_map(asked), rules).items():
            bad[law, table] += found
    for law, (of, find) in ACROSS.items():
        for table in of:
            bad[law, table] += find(corpus, table)
    counts = {table: corpus.count(table) for table in schema.TABLES}
    if counts["documents"] != inputs:
        told = f"{inputs} raw documents came in: each must have its row"
        bad["every input has its row", "documents"].append(("", counts["documents"], told))
    order = [(law, table) for law, of in _LAWS.items() for table in of]
    if contents is not None:
        for law, table, *one in trace(corpus, contents, asked):
            bad[law, table].append(tuple(one))
        order += TRACES
    for floor in schema.package()["floors"]:
        name = f"at least {floor['minimum']} rows"
        order.append((name, floor["table"]))
        if counts[floor["table"]] < floor["minimum"]:
            bad[name, floor["table"]].append(("", counts[floor["table"]], floor["reason"]))
    return [checked(law, table, counts[table], bad[law, table]) for law, table in order]


def _with_macros(corpus: Corpus) -> Corpus:
    for macro in _MACROS:
        corpus.execute(f"CREATE OR REPLACE MACRO {macro}")
    return corpus


def by_hand(corpus: Corpus) -> Iterator[str]:
    """Queries that count bad rows by the same conditions, as somebody would write them who wants no more than to know
    whether there are any: what `bench` measures the laws against.
    """
    _with_macros(corpus)
    for table in schema.TABLES:
        spec = schema.load(table)
        counts = ", ".join(f"count(*) FILTER ({rule.bad})" for rule in [*of_schema(table), *_rules(table)])
        yield f"SELECT {counts} FROM {_ROWS[table].format_map(_EVERY)}"
        for column in unique_columns(spec):
            yield f"SELECT count(*) - count(DISTINCT {column}) FROM {table}"
        for column, other, key in spec.foreign_keys:
            held = f"{table} r ANTI JOIN {other} o ON r.{column} = o.{key}"
            yield f"SELECT count(*) FROM {held} WHERE r.{column} IS NOT NULL"


def unicode_law(name: str, corpus: Corpus, *, read: bool = False) -> tuple[Check, list[Failure]]:
    """Whether every string is valid UTF-8: pyarrow writes it unasked, and then most readers refuse the whole file.

    `read` tells that the engine, which looks at it as it reads, has read all of them.
    """
    if read or corpus.is_unicode(name):
        return checked("strings are valid Unicode", name, corpus.count(name), ())
    rows = 0
    bad: list[tuple[str, object, str]] = []
    for batch in corpus.pieces(name):
        bad += _not_unicode(batch, rows)
        rows += batch.num_rows
    return checked("strings are valid Unicode", name, rows, bad)


def _not_unicode(batch: pa.RecordBatch, before: int) -> Found:
    for field, column in zip(batch.schema, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            for row, value in enumerate(column.cast(pa.binary()).to_pylist(), start=before + 1):
                try:
                    (value or b"").decode("utf-8")
                except UnicodeDecodeError as error:
                    yield f"row {row}", value, f"{field.name} is no UTF-8: {error.reason} at byte {error.start}"


def _rules(table: str) -> Iterator[Rule]:
    """The rules about a row of a table, with its document and its text."""
    if table in _IDENTIFIERS:
        letter, columns = _IDENTIFIERS[table]
        key = f"r.{schema.load(table).primary_key}"
        parts = [f'CAST(r."{column}" AS VARCHAR)' for column in columns]
        wanted = f"digest('{letter}', [{', '.join(parts)}])"
        given = " AND ".join(f"{part} IS NOT NULL" for part in parts)
        told = f"'is not made from {', '.join(columns)}, which give ' || {wanted}"
        yield Rule("identifiers come from content", f"{given} AND {key} <> {wanted}", key, told)
    if table in ("claims", "dates"):
        here = 'slice(t.text, r.start, r."end")'
        stands = f'r.start >= 0 AND r.start < r."end" AND length(r.text) = r."end" - r.start AND {here} = r.text'
        told = f"""'texts.text[' || r.start || ':' || r."end" || '] is ' || {here}"""
        yield Rule("words stand at their span", f"t.text IS NOT NULL AND NOT ({stands})", "r.text", told)
        yield Rule(
            "raw span lies in the document",
            "d.raw_bytes IS NOT NULL AND NOT (0 <= r.raw_start AND r.raw_start < r.raw_end AND "
            "r.raw_end <= d.raw_bytes)",
            "r.raw_start || '-' || r.raw_end",
            "'the raw document has ' || d.raw_bytes || ' bytes'",
        )
    if table in ("claims", "dates", "stances"):
        law = "document was annotated, outlet is its own"
        reason = "coalesce(d.rejected, d.not_annotated)"
        yield Rule(law, f"{reason} IS NOT NULL", reason, "'its document was rejected or not annotated'")
        if table != "dates":
            other = "d.document_id IS NOT NULL AND r.outlet IS DISTINCT FROM d.outlet"
            yield Rule(law, other, "r.outlet", "'its document''s outlet is ' || coalesce(d.outlet, 'null')")
    yield from {
        "documents": _DOCUMENTS, "texts": _TEXTS, "claims": _CLAIMS, "stances": _STANCES,
    }.get(table, ())  # fmt: skip


_IDENTIFIERS = {
    "documents": ("d", ("source", "raw_sha256")),
    "claims": ("c", ("document_id", "spans", "text")),
    "dates": ("t", ("document_id", "start", "end", "text")),
    "stances": ("s", ("document_id", "target")),
}


def _either() -> Iterator[Rule]:
    law = "accepted or rejected, not both"
    accepted = {"rejected_detail": False, "raw_sha256": True, "encoding": True, "text_sha256": True}
    rejected = {"rejected_detail": True, "text_sha256": False, "characters": False, "not_annotated": False}
    for which, of, columns in (("an accepted", "IS NULL", accepted), ("a rejected", "IS NOT NULL", rejected)):
        for column, held in columns.items():
            bad = f"r.rejected {of} AND r.{column} IS {'NULL' if held else 'NOT NULL'}"
            told = f"'{column} of {which} document {'is missing' if held else 'must be null'}'"
            yield Rule(law, bad, f"r.{column}", told)
    bad = "r.rejected IS NOT NULL AND r.text_published"
    yield Rule(law, bad, "r.text_published", "'text_published of a rejected document must be false'")


def _all_or_none(*columns: str) -> str:
    """Whether some columns are null and others not."""
    nulls = " + ".join(f"CAST(r.{column} IS NULL AS INTEGER)" for column in columns)
    return f"({nulls}) NOT IN (0, {len(columns)})"


_TEXT = "texts are there and hash to text_sha256"
_TWICE = "duplicates are told in full"
_DOCUMENTS = (
    *_either(),
    Rule(_TEXT, "r.rejected IS NOT NULL AND t.document_id IS NOT NULL", "NULL", "'a rejected document has a text'"),
    Rule(
        _TEXT,
        "r.rejected IS NULL AND t.document_id IS NULL AND r.text_published",
        "NULL",
        "'its text is published, but there is none'",
    ),
    Rule(
        _TEXT,
        "r.rejected IS NULL AND sha256(t.text) IS DISTINCT FROM r.text_sha256 AND t.text IS NOT NULL",
        "r.text_sha256",
        "'text_sha256 is not that of the text, ' || sha256(t.text)",
    ),
    Rule(
        _TEXT,
        "r.rejected IS NULL AND length(t.text) IS DISTINCT FROM r.characters AND t.text IS NOT NULL",
        "r.characters",
        "'the text has ' || length(t.text) || ' characters'",
    ),
    Rule(
        _TWICE,
        _all_or_none("duplicate_of", "duplicate_kind", "duplicate_similarity"),
        "r.duplicate_of",
        "'duplicate_of, duplicate_kind and duplicate_similarity are all given or all null'",
    ),
    Rule(_TWICE, "r.duplicate_of = r.document_id", "r.duplicate_of", "'a document is no duplicate of itself'"),
)
_TEXTS = (
    Rule(
        "pieces lie in the text",
        "NOT ordered(pairs(regexp_replace(r.paragraphs, '[a-z]+:', '', 'g')), 0, length(r.text))",
        "r.paragraphs",
        "'pieces must be in order, apart, not empty, and inside the ' || length(r.text) || ' characters'",
    ),
)


def _pointed() -> Iterator[Rule]:
    law = "speaker and cue stand at their span"
    for column, place in (("speaker_text", "speaker_span"), ("cue", "cue_span")):
        told = f"'{column} and its span are both given or both null'"
        yield Rule(law, f"(r.{column} IS NULL) <> (r.{place} IS NULL)", f"coalesce(r.{column}, r.{place})", told)
        here = f"slice(t.text, pairs(r.{place})[1][1], pairs(r.{place})[1][2])"
        yield Rule(
            law,
            f"r.{column} IS NOT NULL AND r.{place} IS NOT NULL AND t.text IS NOT NULL "
            f"AND {here} IS DISTINCT FROM r.{column}",
            f"r.{column}",
            f"'{column} does not stand at ' || r.{place}",
        )


_VOICE = "every voice has its speaker"
_CLAIMS = (
    Rule(
        "spans fill the claim",
        """r.spans <> r.start || '-' || r."end" AND NOT coalesce(ordered(pairs(r.spans), r.start, r."end") """
        """AND pairs(r.spans)[1][1] = r.start AND pairs(r.spans)[-1][2] = r."end", false)""",
        "r.spans",
        """'spans must be in order, apart and not empty, from ' || r.start || ' to ' || r."end\"""",
    ),
    *_pointed(),
    Rule(
        _VOICE,
        "(r.speaker IS NULL) <> (r.speaker_id IS NULL)",
        "coalesce(r.speaker, r.speaker_id)",
        "'speaker and speaker_id are both given or both null'",
    ),
    Rule(
        _VOICE,
        "r.voice = 'outlet' AND coalesce(r.mode, r.speaker, r.speaker_id, r.speaker_missing) IS NOT NULL",
        "coalesce(r.speaker, r.mode)",
        "'in the outlet''s voice, mode, speaker and speaker_missing are null'",
    ),
    Rule(_VOICE, "r.voice <> 'outlet' AND r.mode IS NULL", "NULL", "'an attributed claim has a mode'"),
    Rule(
        _VOICE,
        "r.voice <> 'outlet' AND r.mode IS NOT NULL AND (r.speaker IS NULL) = (r.speaker_missing IS NULL)",
        "r.speaker",
        "'an attributed claim has either a speaker or the reason why there is none'",
    ),
    Rule(
        "claim_types begin with claim_type",
        "r.claim_types <> r.claim_type AND NOT (string_split(r.claim_types, ';')[1] = r.claim_type "
        "AND len(list_distinct(string_split(r.claim_types, ';'))) = len(string_split(r.claim_types, ';')) "
        f"AND list_has_all({list(schema.load('claims').field('claim_type').labels)}, "
        "string_split(r.claim_types, ';')))",
        "r.claim_types",
        "'claim_types are labels of claim_type, each once, ' || r.claim_type || ' first'",
    ),
)
_STANCE = "polarity follows from its numbers"
_TOLD = "(r.sentences_negative IS NULL) = (r.polarity = 'insufficient') AND " \
        "(r.sentences_positive IS NULL) = (r.sentences_negative IS NULL)"  # fmt: skip
_SCORED = "coalesce(r.score, r.score_low, r.score_high) IS NOT NULL"
_WHOLE = "r.score IS NOT NULL AND r.score_low IS NOT NULL AND r.score_high IS NOT NULL"
_INSIDE = "r.score_low <= r.score AND r.score <= r.score_high"
_STANCES = (
    Rule(
        "evidence lies in the text",
        "t.text IS NOT NULL AND len(list_filter(pairs(r.evidence), "
        "lambda span: NOT coalesce(span[1] < span[2] AND span[2] <= length(t.text), false))) > 0",
        "r.evidence",
        "'evidence must be inside the ' || length(t.text) || ' characters of the text'",
    ),
    Rule(
        _STANCE,
        f"NOT ({_TOLD})",
        "r.polarity",
        "'the sentences for and against are null when insufficient, and only then'",
    ),
    Rule(
        _STANCE,
        f"{_TOLD} AND r.sentences_negative + r.sentences_positive > r.sentences_outlet",
        "r.polarity",
        "r.sentences_negative || ' against and ' || r.sentences_positive || ' for, of ' || r.sentences_outlet || "
        "' sentences'",
    ),
    Rule(
        _STANCE,
        f"{_TOLD} AND (r.polarity = 'insufficient') <> (r.sentences_outlet < 3)",
        "r.polarity",
        "r.sentences_outlet || ' sentences: below three, and only then, the stance is insufficient'",
    ),
    Rule(
        _STANCE,
        f"{_TOLD} AND CASE r.polarity WHEN 'insufficient' THEN {_SCORED} ELSE NOT ({_WHOLE}) END",
        "r.polarity",
        "'score and its interval are null when insufficient, and only then'",
    ),
    Rule(
        _STANCE,
        f"{_TOLD} AND r.polarity <> 'insufficient' AND {_WHOLE} AND NOT ({_INSIDE})",
        "r.score",
        "'the score is outside its interval, ' || r.score_low || ' to ' || r.score_high",
    ),
    Rule(
        _STANCE,
        f"{_TOLD} AND {_WHOLE} AND {_INSIDE} AND CASE r.polarity "
        "WHEN 'negative' THEN r.sentences_negative < 2 OR r.score_high >= 0 "
        "WHEN 'positive' THEN r.sentences_positive < 2 OR r.score_low <= 0 "
        "WHEN 'mixed' THEN least(r.sentences_negative, r.sentences_positive) < 2 ELSE false END",
        "r.polarity",
        "r.sentences_negative || ' against, ' || r.sentences_positive || ' for, interval ' || r.score_low || ' to ' || "
        "r.score_high || ' do not bear it out'",
    ),
)


_LAWS: Mapping[str, tuple[str, ...]] = {
    FITS: schema.TABLES,
    "keys are unique": schema.TABLES,
    "foreign keys lead somewhere": ("documents", "texts", "claims", "dates", "stances"),
    "identifiers come from content": tuple(_IDENTIFIERS),
    "every input has its row": ("documents",),
    "accepted or rejected, not both": ("documents",),
    _TEXT: ("documents",),
    _TWICE: ("documents",),
    "pieces lie in the text": ("texts",),
    "words stand at their span": ("claims", "dates"),
    "spans fill the claim": ("claims",),
    "speaker and cue stand at their span": ("claims",),
    "evidence lies in the text": ("stances",),
    "document was annotated, outlet is its own": ("claims", "dates", "stances"),
    _VOICE: ("claims",),
    "parents are of the same document": ("claims",),
    "claim_types begin with claim_type": ("claims",),
    "days are those of the EDTF value": tuple(DAYS),
    _STANCE: ("stances",),
    "speakers count their claims": ("speakers",),
    "raw span lies in the document": ("claims", "dates"),
}
"""Every law but those that need the raw bytes, in the order of the report, with its tables."""
