import datetime
import hashlib
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import check, schema
from pipeline.check.expectations import expectations
from pipeline.check.laws import laws
from pipeline.corpus import Corpus, Files
from pipeline.errors import SchemaError
from pipeline.offsets import Alignment, Edit, RawSpans
from pipeline.release import card

CLAIM, DOCUMENT = "c" + "0" * 16, "d" + "0" * 16
WALL, BRIDGE, SPOKEN, PAID, SPEAKER = 1, 2, 2, 1, 0  # places in tiny.rows(); 0 is the first claim, said by nobody named


@pytest.fixture(scope="module")
def report() -> check.Report:
    """The report of the untouched corpus."""
    return tiny.report()


def broken(rows: tiny.Rows, **options: object) -> dict[tuple[str, str], list[str]]:
    """The laws that rows break: keys of the bad rows by law and table."""
    found = laws(tiny.tables(rows), **({"inputs": len(tiny.RAW), "contents": tiny.content} | options))
    return {(one.name, one.table): [failure.key for failure in failures] for one, failures in found if one.failed}


def test_a_good_corpus_passes_every_expectation_and_every_law(report: check.Report) -> None:
    """Nothing is wrong with the tiny corpus, and each expectation of each schema was run on it."""
    assert report.ok
    assert not report.quarantine
    for name in schema.TABLES:
        run = [one for one in report.checks if one.table == name and one.name.startswith("expect_")]

        assert len(schema.expectations(name)) == len(run)
    assert report.counts == {"documents": 4, "texts": 3, "claims": 3, "dates": 1, "stances": 2, "speakers": 1}
    assert check.Balance(inputs=4, accepted=3, rejected=1, reasons={"binary": 1}) == report.balance


def test_row_order_does_not_reach_the_checks() -> None:
    """The same rows in another order give the same checks."""
    rows = {name: table[::-1] for name, table in tiny.rows().items()}
    here, there = (laws(tiny.tables(some), 4, tiny.content) for some in (tiny.rows(), rows))

    assert [one for one, _ in here] == [one for one, _ in there]


def _set(table: str, row: int, **values: object) -> Callable[[tiny.Rows], None]:
    return lambda rows: rows[table][row].update(values)


def _twice(table: str) -> Callable[[tiny.Rows], None]:
    return lambda rows: rows[table].append(rows[table][0])


def _text_of_rejected(rows: tiny.Rows) -> None:
    rows["texts"].append(dict(rows["texts"][0], document_id=rows["documents"][0]["document_id"]))


def _parent_elsewhere(rows: tiny.Rows) -> None:
    rows["claims"][0]["parent_id"] = rows["claims"][PAID]["claim_id"]


TUESDAY = tiny.MONDAY + datetime.timedelta(days=1)
SEEDS: list[tuple[str, str, Callable[[tiny.Rows], None]]] = [
    ("keys are unique", "speakers", _twice("speakers")),
    ("foreign keys lead somewhere", "claims", _set("claims", PAID, speaker_id="p" + "0" * 16)),
    ("foreign keys lead somewhere", "claims", _set("claims", PAID, parent_id=CLAIM)),
    ("foreign keys lead somewhere", "documents", _set("documents", WALL, duplicate_of=DOCUMENT)),
    ("foreign keys lead somewhere", "texts", _set("texts", 0, document_id=DOCUMENT)),
    ("foreign keys lead somewhere", "stances", _set("stances", 0, document_id=DOCUMENT)),
    ("identifiers come from content", "claims", _set("claims", PAID, claim_id=CLAIM)),
    ("identifiers come from content", "documents", _set("documents", WALL, source="herald/moved.txt")),
    ("identifiers come from content", "dates", _set("dates", 0, end=99)),
    ("identifiers come from content", "stances", _set("stances", 0, target="Dorn")),
    ("every input has its row", "documents", lambda rows: rows["documents"].pop(0)),
    ("accepted or rejected, not both", "documents", _set("documents", 0, rejected_detail=None)),
    ("accepted or rejected, not both", "documents", _set("documents", 0, text_published=True)),
    ("accepted or rejected, not both", "documents", _set("documents", WALL, encoding=None)),
    ("texts are there and hash to text_sha256", "documents", lambda rows: rows["texts"].pop(1)),
    ("texts are there and hash to text_sha256", "documents", _set("documents", WALL, text_sha256="0" * 64)),
    ("texts are there and hash to text_sha256", "documents", _set("documents", WALL, characters=1)),
    ("texts are there and hash to text_sha256", "documents", _text_of_rejected),
    ("duplicates are told in full", "documents", _set("documents", WALL, duplicate_similarity=0.5)),
    ("pieces lie in the text", "texts", _set("texts", 1, paragraphs="body:0-999")),
    ("pieces lie in the text", "texts", _set("texts", 1, paragraphs="title:0-9;body:5-20")),
    ("words stand at their span", "claims", _set("claims", PAID, text="The council paid 41 million crowns for it.")),
    ("words stand at their span", "claims", _set("claims", PAID, end=10_000)),
    ("words stand at their span", "dates", _set("dates", 0, start=0)),
    ("spans fill the claim", "claims", _set("claims", SPOKEN, spans="1-5;4-20")),
    ("spans fill the claim", "claims", _set("claims", SPOKEN, spans="1-19")),
    ("spans fill the claim", "claims", _set("claims", SPOKEN, spans="all of it")),
    ("speaker and cue stand at their span", "claims", _set("claims", SPOKEN, speaker_span="0-9")),
    ("speaker and cue stand at their span", "claims", _set("claims", SPOKEN, cue_span=None)),
    ("evidence lies in the text", "stances", _set("stances", 0, evidence="0-5;90-9999")),
    ("document was annotated, outlet is its own", "claims", _set("claims", PAID, outlet="Herald")),
    ("document was annotated, outlet is its own", "stances", _set("stances", 0, outlet=None)),
    ("document was annotated, outlet is its own", "dates", _set("documents", BRIDGE, not_annotated="language")),
    ("every voice has its speaker", "claims", _set("claims", PAID, speaker="Ilse Dorn")),
    ("every voice has its speaker", "claims", _set("claims", PAID, mode="direct")),
    ("every voice has its speaker", "claims", _set("claims", SPOKEN, mode=None)),
    ("every voice has its speaker", "claims", _set("claims", SPOKEN, speaker_missing="implicit")),
    ("every voice has its speaker", "claims", _set("claims", 0, speaker_missing=None)),
    ("parents are of the same document", "claims", _parent_elsewhere),
    ("claim_types begin with claim_type", "claims", _set("claims", PAID, claim_types="event;quantity")),
    ("claim_types begin with claim_type", "claims", _set("claims", PAID, claim_types="quantity;rumour")),
    ("days are those of the EDTF value", "documents", _set("documents", BRIDGE, published_end=TUESDAY)),
    ("days are those of the EDTF value", "documents", _set("documents", BRIDGE, published=None)),
    ("days are those of the EDTF value", "claims", _set("claims", SPOKEN, about_date="2031-03")),
    ("days are those of the EDTF value", "claims", _set("claims", SPOKEN, date="3 March")),
    ("days are those of the EDTF value", "dates", _set("dates", 0, date_start=None)),
    ("polarity follows from its numbers", "stances", _set("stances", 0, polarity="positive")),
    ("polarity follows from its numbers", "stances", _set("stances", 0, sentences_outlet=7)),
    ("polarity follows from its numbers", "stances", _set("stances", 0, sentences_negative=9)),
    ("speakers count their claims", "speakers", _set("speakers", SPEAKER, claims=2)),
    ("speakers count their claims", "speakers", _set("claims", SPOKEN, speaker="I. Dorn")),
    ("raw span lies in the document", "claims", _set("claims", SPOKEN, raw_end=10_000)),
    ("raw bytes hash to raw_sha256", "documents", _set("documents", WALL, raw_sha256="0" * 64)),
    ("raw bytes hash to raw_sha256", "documents", _set("documents", WALL, raw_bytes=1)),
    ("alignment gives the text", "texts", _set("documents", WALL, encoding="utf-8")),
    ("alignment gives the text", "texts", _set("texts", 1, alignment="54=1D")),
    ("alignment gives the text", "texts", _set("texts", 2, alignment="4I97=8D")),
    ("raw bytes hold the words", "claims", _set("claims", SPOKEN, raw_start=0)),
    ("raw bytes hold the words", "dates", _set("dates", 0, raw_start=4, raw_end=10)),
    ("at least 1 rows", "texts", lambda rows: rows["texts"].clear()),
]  # fmt: skip


@pytest.mark.parametrize(("law", "table", "spoil"), SEEDS, ids=[f"{law}-{n}" for n, (law, _, _) in enumerate(SEEDS)])
def test_each_law_catches_its_bad_row(law: str, table: str, spoil: Callable[[tiny.Rows], None]) -> None:
    """A row that breaks a law is found by that law, in the table where it stands."""
    rows = tiny.rows()
    spoil(rows)

    assert (law, table) in broken(rows)


def test_every_law_has_a_seeded_bad_row(report: check.Report) -> None:
    """No law goes without a test that shows it catching something."""
    ours = {one.name for one in report.checks if not one.name.startswith("expect_")}

    assert ours - {"strings are valid Unicode", "values are as the schema asks"} == {law for law, _, _ in SEEDS}


def test_changed_raw_bytes_are_found() -> None:
    """A raw file that was changed after it was read is named; a missing one too."""
    changed = broken(tiny.rows(), contents=lambda source: tiny.RAW[source].replace(b"paid", b"owes"))
    missing = broken(tiny.rows(), contents=lambda source: None)

    assert [row["document_id"] for row in tiny.rows()["documents"] if "bridge" in row["source"]] == changed[
        "raw bytes hash to raw_sha256", "documents"
    ]
    assert len(missing["raw bytes hash to raw_sha256", "documents"]) == 4


def test_bytes_that_hold_other_words_are_found() -> None:
    """An alignment that calls everything replaced leads nowhere, and its claims say so."""
    rows = tiny.rows()
    wall, claim = rows["texts"][1], rows["claims"][0]
    source = tiny.RAW["herald/wall.txt"]
    wall["alignment"] = f"{len(source)}D{len(wall['text'])}I"
    assert not broken(rows, contents=None)
    claim.update(raw_start=0, raw_end=len(source))
    assert not broken(rows)
    rows["documents"][WALL]["raw_sha256"] = hashlib.sha256(b"x" * len(source)).hexdigest()

    found = broken(rows, contents=lambda name: b"x" * len(source) if "wall" in name else tiny.RAW[name])

    assert [claim["claim_id"]] == found["raw bytes hold the words", "claims"]


@st.composite
def traced(draw: st.DrawFn) -> tuple[str, str, list[Edit], tuple[int, int], str]:
    """A raw text, its encoding, edits that delete or add what is no letter, and a span of the result."""
    raw = draw(st.text(st.sampled_from("ab1 é“”\n\t€"), min_size=4, max_size=40))
    places = sorted(draw(st.sets(st.integers(0, len(raw)), max_size=6)))
    edits = [
        Edit(place, place + draw(st.integers(0, 1)) * (place < len(raw)), draw(st.sampled_from(["", " ", "\n\n"])))
        for place in places
    ]
    text, _ = Alignment.apply(raw, edits)
    start = draw(st.integers(0, max(len(text) - 1, 0)))
    end = draw(st.integers(start + 1, max(len(text), start + 1)))
    return raw, draw(st.sampled_from(["utf-8", "cp1252", "utf-16-le"])), edits, (start, end), text


@settings(max_examples=20, deadline=None)
@given(traced(), st.integers(-2, 2), st.integers(-2, 2))
def test_one_raw_span_is_right_and_every_other_is_wrong(
    case: tuple[str, str, list[Edit], tuple[int, int], str], before: int, after: int
) -> None:
    """Whatever cleaning did, the raw span that the alignment leads to passes, and any other is a bad row."""
    raw, encoding, edits, (start, end), text = case
    if end > len(text):
        return
    content = raw.encode(encoding)
    alignment = Alignment.apply(raw, edits)[1]
    raw_start, raw_end = RawSpans(content, encoding, alignment).span(start, end)
    rows = tiny.rows()
    wall, wall_text, claim = rows["documents"][WALL], rows["texts"][1], rows["claims"][0]
    wall.update(encoding=encoding, raw_sha256=hashlib.sha256(content).hexdigest(), raw_bytes=len(content))
    wall.update(text_sha256=hashlib.sha256(text.encode()).hexdigest(), characters=len(text))
    wall_text.update(text=text, alignment=alignment.cigar(), paragraphs=f"body:0-{len(text)}")
    claim.update(text=text[start:end], start=start, end=end, spans=f"{start}-{end}")
    claim.update(raw_start=raw_start + before, raw_end=raw_end + after)

    found = broken(rows, contents=lambda source: content if "wall" in source else tiny.RAW[source])

    assert (("raw bytes hold the words", "claims") in found) == ((before, after) != (0, 0))


def _spoilt_claims() -> pa.Table:
    rows = tiny.rows()["claims"]
    rows[0].update(voice="nobody", confidence_span=1.5)
    rows[1].update(claim_id="c123", speaker="Ilse Dorn", start=99)
    rows[2].update(outlet="", mode=None)
    return schema.table("claims", [*rows, rows[2]])


@pytest.fixture(scope="module")
def expected() -> dict[str, list[str]]:
    """Keys of the bad claims by expectation."""
    found = expectations("claims", {"claims": _spoilt_claims()})
    return {one.name: [failure.key for failure in failures] for one, failures in found if one.failed}


def test_the_expectations_of_the_schema_catch_bad_claims(expected: dict[str, list[str]]) -> None:
    """A wrong label, pattern, number, length, pair, condition and key are found in their rows, and nothing else."""
    said_by_nobody, _, spoken = (row["claim_id"] for row in tiny.rows()["claims"])

    assert {
        "expect_column_values_to_be_in_set(voice)": [said_by_nobody],
        "expect_column_values_to_be_between(confidence_span)": [said_by_nobody],
        "expect_column_values_to_match_regex(claim_id)": ["c123"],
        "expect_column_values_to_be_null(speaker) where voice == \"outlet\"": ["c123"],
        "expect_column_pair_values_a_to_be_greater_than_b(end, start)": ["c123"],
        "expect_column_value_lengths_to_be_between(outlet)": [spoken, spoken],
        "expect_column_values_to_not_be_null(mode) where voice == \"attributed\"": [spoken, spoken],
        "expect_column_values_to_be_unique(claim_id)": [spoken, spoken],
    } == expected  # fmt: skip


def test_expectations_and_laws_agree_where_both_look(expected: dict[str, list[str]]) -> None:
    """Great Expectations and our laws name the same rows for repeated keys and for speakers in the outlet's voice."""
    tables = tiny.tables(tiny.rows()) | {"claims": _spoilt_claims()}
    found = {
        (one.name, one.table): [failure.key for failure in failures]
        for one, failures in laws(tables, len(tiny.RAW), None)
    }

    assert expected["expect_column_values_to_be_unique(claim_id)"] == found["keys are unique", "claims"]
    voices = {key for name, keys in expected.items() if " where voice " in name for key in keys}
    assert voices == set(found["every voice has its speaker", "claims"]) - {tiny.rows()["claims"][0]["claim_id"]}


def test_a_null_in_a_required_column_is_found() -> None:
    """What slipped past the schema's own constructor is still found by the expectations."""
    table = tiny.tables(tiny.rows())["speakers"]
    names = pa.array([None], pa.string())
    spoilt = pa.Table.from_arrays(
        [names if column == "name" else table[column] for column in table.column_names], schema=table.schema
    )
    found = {one.name: one.failed for one, _ in expectations("speakers", {"speakers": spoilt})}

    assert found["expect_column_values_to_not_be_null(name)"] == 1


def test_what_fails_is_asked_for_apart_and_the_other_numbers_stay() -> None:
    """A bad row in one column changes the outcome of its own expectations; all others count the same rows."""
    rows = tiny.rows()["claims"]
    rows[0]["confidence_span"] = 1.5
    good, bad = (
        {one.name: (one.rows, one.failed) for one, _ in expectations("claims", {"claims": table})}
        for table in (tiny.tables(tiny.rows())["claims"], schema.table("claims", rows))
    )

    assert {name for name in good if good[name] != bad[name]} == {"expect_column_values_to_be_between(confidence_span)"}
    assert {rows for rows, _ in good.values()} > {3}
    assert {failed for _, failed in good.values()} == {0}


def test_a_large_table_is_sampled_for_great_expectations_and_the_card_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a size it looks at the same rows whatever their order, our rules at all, and the card tells the numbers."""
    monkeypatch.setattr(import_module("pipeline.check.expectations"), "SAMPLED", 2)
    claims = _spoilt_claims()
    one, other = (expectations("claims", {"claims": table}) for table in (claims, claims.take([3, 2, 1, 0])))
    rows = tiny.tables(tiny.rows()) | {"claims": claims}
    report = check.Report(tuple(made for made, _ in one), (), {"claims": 4}, check.Balance(4, 3, 1, {}))
    every = {made.name: made for made, _ in laws(rows, len(tiny.RAW), None) if made.table == "claims"}

    assert sorted(map(str, one)) == sorted(map(str, other))
    assert max(made.rows for made, _ in one) < 4 == every["values are as the schema asks"].rows
    assert every["values are as the schema asks"].failed > 4
    assert f"{max(made.rows for made, _ in one)} of 4 claims" in card.card(rows, report, "tiny", "1.0.0", "0" * 64)


def test_invalid_unicode_is_found_before_anything_reads_it(tmp_path: Path) -> None:
    """A string column with bytes that are no UTF-8 is reported with its row, not raised, in memory and on disk."""
    tables = tiny.tables(tiny.rows())
    speakers = tables["speakers"]
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"Ilse \xff"], pa.binary()).buffers())
    tables["speakers"] = speakers.set_column(1, speakers.schema.field("name"), bad)

    pq.write_table(tables["speakers"], tmp_path / "speakers.parquet")
    for held in (tables["speakers"], Files((tmp_path / "speakers.parquet",))):
        report = check.check(tables | {"speakers": held}, inputs=4)

        assert [(failure.table, failure.key) for failure in report.quarantine] == [("speakers", "row 1")]
        assert not report.ok


def test_a_table_on_disk_without_a_row_is_an_empty_table(tmp_path: Path) -> None:
    """A corpus in which nobody holds a stance is checked like any other; its table has its columns."""
    pq.write_table(schema.empty("stances"), tmp_path / "stances.parquet")
    held = Files((tmp_path / "stances.parquet",))

    assert Corpus({"stances": held})["stances"].equals(schema.empty("stances"))
    assert expectations("stances", Corpus({"stances": held}))


def test_a_report_shows_five_examples_and_keeps_all() -> None:
    """Seven bad rows make one check with five examples, seven lines of quarantine, and values that cannot act up."""
    rows = tiny.rows()
    rows["stances"] = [dict(rows["stances"][0], target=f"\x1b[31m{n}" + "x" * 300) for n in range(7)]
    found = {(one.name, one.table): (one, failures) for one, failures in laws(tiny.tables(rows), 4, None)}
    one, failures = found["identifiers come from content", "stances"]

    assert (one.failed, len(one.examples), len(failures)) == (7, 5, 7)
    rows["documents"][0]["source"] = "\x1b[31m" + "x" * 300
    shown = laws(tiny.tables(rows), 4, lambda source: b"")
    values = [failure.value for _, failures in shown for failure in failures]
    assert any(value.startswith("\\x1b[31mxxx") for value in values)
    assert all(value.isprintable() and len(value) <= 200 for value in values)


def test_the_report_for_machines_is_stable_json(report: check.Report) -> None:
    """report.json has sorted keys, a verdict, counts, balance and every check."""
    told = json.loads(report.to_json())

    assert sorted(told) == list(told)
    assert (True, 4, len(report.checks)) == (told["ok"], told["balance"]["inputs"], len(told["checks"]))


def test_other_columns_are_a_bug_and_raise() -> None:
    """A table that is not of its schema is refused with the name of the schema."""
    tables = tiny.tables(tiny.rows())

    with pytest.raises(SchemaError, match=r"schemas/dates\.json"):
        check.check(tables | {"dates": tables["dates"].drop_columns(["vague"])}, inputs=4)
