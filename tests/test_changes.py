import datetime
import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from releases import built, many

from pipeline import schema
from pipeline.errors import StoreError
from pipeline.release import changes
from pipeline.release.changes import contract
from pipeline.release.changes.contract import Column, Contract


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Release 1.4.2 of 300 made-up claims, which nothing may change."""
    return built(tmp_path_factory.mktemp("old") / "release", many(), "1.4.2")


@pytest.fixture(scope="module")
def promised(old: Path) -> Contract:
    """What that release promises."""
    return contract.read(old)


def drop(number: int) -> Callable[[tiny.Rows], None]:
    """Take away so many claims."""

    def edit(rows: tiny.Rows) -> None:
        del rows["claims"][:number]

    return edit


def correct(number: int) -> Callable[[tiny.Rows], None]:
    """Change the confidence of so many claims."""

    def edit(rows: tiny.Rows) -> None:
        for row in rows["claims"][:number]:
            row["confidence_span"] = 0.123

    return edit


def add(rows: tiny.Rows) -> None:
    """One claim more."""
    rows["claims"].append(dict(rows["claims"][0], claim_id="c" + "0" * 16))


@pytest.mark.parametrize(
    ("edit", "bump", "least", "frictionless", "croissant"),
    [
        (lambda rows: None, "none", "1.4.2", "none", "none"),
        (correct(3), "patch", "1.4.3", "patch", "major"),
        (correct(4), "minor", "1.5.0", "patch", "major"),
        (drop(3), "patch", "1.4.3", "patch", "major"),
        (drop(60), "minor", "1.5.0", "patch", "major"),
        (drop(61), "major", "2.0.0", "patch", "major"),
        (add, "minor", "1.5.0", "minor", "minor"),
    ],
)
def test_the_rows_ask_for_a_version(
    edit: Callable[[tiny.Rows], None],
    bump: str,
    least: str,
    frictionless: str,
    croissant: str,
    old: Path,
    tmp_path: Path,
) -> None:
    """1 % of rows may be corrected in a patch, 20 % gone in a minor version; other standards judge otherwise."""
    rows = many()
    edit(rows)
    found = changes.compare(old, built(tmp_path / "new", rows))

    assert (bump, least) == (found.bump, found.least)
    told = changes.told.report(found, found.least)["other_rules"]
    assert {"frictionless": frictionless, "croissant": croissant} == {name: one["bump"] for name, one in told.items()}


def column(name: str, **values: object) -> Callable[[Contract], Contract]:
    """A contract in which one column of claims is another."""

    def edit(given: Contract) -> Contract:
        columns = tuple(replace(one, **values) if one.name == name else one for one in given.tables["claims"].columns)
        return claims(columns=columns)(given)

    return edit


def claims(**values: object) -> Callable[[Contract], Contract]:
    """A contract in which the table of claims is another."""
    return lambda given: replace(given, tables={**given.tables, "claims": replace(given.tables["claims"], **values)})


def columns(edit: Callable[[list[Column]], object]) -> Callable[[Contract], Contract]:
    """A contract in which the list of the columns of claims was edited."""

    def change(given: Contract) -> Contract:
        found = list(given.tables["claims"].columns)
        edit(found)
        return claims(columns=tuple(found))(given)

    return change


def labels(edit: Callable[[list[tuple[str, str]]], object]) -> Callable[[Contract], Contract]:
    """A contract in which the list of the claim types was edited."""

    def change(given: Contract) -> Contract:
        found = [("event", "it happened"), ("rule", "a law"), ("other", "none of these")]
        edit(found)
        return column("claim_type", labels=tuple(found))(given)

    return change


def licensed(licence: str) -> Callable[[Contract], Contract]:
    """A contract under another licence."""
    return lambda given: replace(given, licence=licence)


NEW = Column("note", "string", True, {}, ())


@pytest.mark.parametrize(
    ("before", "after", "bump", "what"),
    [
        (None, licensed("CC-BY-4.0"), "major", "licence_narrower"),
        (None, licensed("terms of our own"), "major", "licence_narrower"),
        (licensed("CC-BY-NC-4.0"), licensed("CC-BY-4.0"), "patch", "licence_wider"),
        (None, lambda c: replace(c, tables={"claims": c.tables["claims"]}), "major", "table_removed"),
        (None, lambda c: replace(c, tables={**c.tables, "topics": c.tables["dates"]}), "minor", "table_added"),
        (None, claims(key="text"), "major", "key_column_changed"),
        (None, column("claim_id", constraints={"pattern": "k[0-9]{9}"}), "major", "key_redefined"),
        (None, claims(foreign_keys=()), "major", "foreign_key_removed"),
        (claims(foreign_keys=()), None, "minor", "foreign_key_added"),
        (claims(version="1.0.0"), claims(version="2.0.0"), "major", "meaning_changed"),
        (claims(version="1.0.0"), claims(version="1.1.0"), "minor", "meaning_changed"),
        (claims(version="1.0.0"), claims(version="1.0.1"), "patch", "meaning_changed"),
        (None, columns(lambda found: found.pop(5)), "major", "column_removed"),
        (None, columns(lambda found: found.insert(1, found.pop(5))), "major", "columns_reordered"),
        (None, columns(lambda found: found.insert(1, NEW)), "major", "columns_reordered"),
        (None, columns(lambda found: found.append(NEW)), "minor", "column_added"),
        (None, columns(lambda found: found.append(replace(NEW, nullable=False))), "major", "column_added"),
        (None, column("start", type="string"), "major", "column_retyped"),
        (None, column("claim_type", labels=()), "major", "column_retyped"),
        (None, column("start", nullable=True), "major", "column_nullable"),
        (None, column("cue", nullable=False), "minor", "column_required"),
        (None, column("spans", constraints={"pattern": ".*"}), "minor", "constraint_changed"),
        (labels(list), labels(lambda found: found.pop(1)), "major", "label_removed"),
        (labels(list), labels(list.reverse), "major", "labels_reordered"),
        (labels(list), labels(lambda found: found.insert(0, ("causal", "a cause"))), "major", "labels_reordered"),
        (labels(list), labels(lambda found: found.__setitem__(0, ("event", "it will"))), "major", "label_redefined"),
        (labels(list), labels(lambda found: found.append(("causal", "a cause"))), "minor", "label_added"),
    ],
)  # fmt: skip
def test_the_contract_asks_for_a_version(
    before: Callable[[Contract], Contract] | None,
    after: Callable[[Contract], Contract] | None,
    bump: str,
    what: str,
    promised: Contract,
) -> None:
    """Each change of what a release promises asks for its version, and is named."""
    found = contract.compare(before(promised) if before else promised, after(promised) if after else promised)

    assert (bump, what) in {(reason.bump, reason.what) for reason in found}
    assert bump == max((reason.bump for reason in found), key=contract.BUMPS.index)


def test_an_unchanged_contract_asks_for_nothing(promised: Contract) -> None:
    """A contract is read from a release as it was written, types and labels included."""
    assert () == contract.compare(promised, promised)
    assert schema.TABLES == tuple(promised.tables)
    types = next(one for one in promised.tables["claims"].columns if one.name == "claim_type")
    assert schema.load("claims").field("claim_type").categories == types.labels
    assert not types.nullable


def test_a_lower_version_is_refused_with_its_reasons(old: Path, tmp_path: Path) -> None:
    """`allows` takes the least version or a higher one, and `why` names table, count and rule."""
    rows = many()
    drop(61)(rows)
    found = changes.compare(old, built(tmp_path / "new", rows))

    assert [False, False, True, True] == [found.allows(version) for version in ("1.4.3", "1.5.0", "2.0.0", "2.1.0")]
    assert "major: claims: 61 of 300 rows are gone without a withdrawal, more than 20%" in found.why()


def test_a_withdrawal_is_a_patch(old: Path, tmp_path: Path) -> None:
    """Rows of a withdrawn document, and those that change because it went, do not count as gone or changed."""
    rows = many()
    gone = rows["documents"][0]["document_id"]
    silent = {row["speaker_id"] for row in rows["claims"] if row["document_id"] == gone} - {None}
    for name in ("documents", "texts", "claims", "dates", "stances"):
        rows[name] = [row for row in rows[name] if row["document_id"] != gone]
    rows["speakers"] = [row for row in rows["speakers"] if row["speaker_id"] not in silent]
    new = built(tmp_path / "new", rows)

    assert changes.compare(old, new).bump == "major"  # 1 of 15 documents, but all 3 of its speakers

    told = {"withdrawals": [{"document_id": gone, "reason": "a court's order", "version": "1.4.3"}]}
    (new / "withdrawals.json").write_text(json.dumps(told))
    found = changes.compare(old, new)

    assert found.least == "1.4.3"
    assert ((gone, "a court's order"),) == found.withdrawals
    assert found.tables["speakers"].removed == found.tables["speakers"].withdrawn == len(silent) > 0


def test_what_changed_is_counted(old: Path, tmp_path: Path) -> None:
    """Added, removed and changed rows are told by table, outlet, column and label."""
    rows = many()
    first, second, third = rows["claims"][:3]
    first["confidence_span"], first["cue"] = None, "quoth"
    second["outlet_stance"] = next(
        label for label in schema.load("claims").field("outlet_stance").labels if label != second["outlet_stance"]
    )
    rows["claims"].remove(third)
    rows["dates"][0]["text"] += "!"
    found = changes.compare(old, built(tmp_path / "new", rows)).tables

    claims = found["claims"]
    assert (300, 299, 0, 1, 2) == (claims.old_rows, claims.new_rows, claims.added, claims.removed, claims.changed)
    assert {"confidence_span": 1, "cue": 1, "outlet_stance": 1} == claims.columns
    assert {(first["outlet"], 0, 1, 2)} == {(o.outlet, o.added, o.removed, o.changed) for o in claims.outlets}
    before, after = claims.labels["outlet_stance"][second["outlet_stance"]]
    assert after - before == (0 if third["outlet_stance"] == second["outlet_stance"] else 1)
    outlets = {row["document_id"]: row["outlet"] for row in rows["documents"]}
    assert [outlets[rows["dates"][0]["document_id"]]] == [one.outlet for one in found["dates"].outlets]


def test_a_long_column_is_compared_by_row_groups_with_the_same_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read some row groups at a time or whole, a table of many groups has the same changes, also where rows moved."""
    monkeypatch.setattr("pipeline.release.tables.ROW_GROUP_ROWS", 16)
    monkeypatch.setattr("pipeline.release.tables._LONG_ROWS", {"documents": 3})
    rows = many(200)
    one = built(tmp_path / "one", rows)
    del rows["claims"][3:25]
    for number in (0, 40, 150):
        rows["claims"][number] |= {"confidence_span": None, "cue": "quoth"}
    rows["documents"][-1]["title"] = None
    later = built(tmp_path / "later", rows)
    whole = changes.compare(one, later)
    monkeypatch.setattr("pipeline.release.changes.rows._LONG", 0)
    parts = changes.compare(one, later)

    assert whole.tables["claims"].columns == {"confidence_span": 3, "cue": 3}
    assert whole.tables["documents"].columns == {"title": 1}
    for name, table in whole.tables.items():
        other = parts.tables[name]
        assert table.upserts.equals(other.upserts)
        assert table.deletes.equals(other.deletes)
        assert replace(table, upserts=None, deletes=None) == replace(other, upserts=None, deletes=None)


def test_a_number_counts_by_its_bits(tmp_path: Path) -> None:
    """A nan equals itself and -0.0 is not 0.0: what is written alike is equal, and nothing else."""
    rows = many(20)
    rows["claims"][0]["confidence_span"] = float("nan")
    rows["claims"][1]["confidence_span"] = 0.0
    one = built(tmp_path / "one", rows)
    rows["claims"][1]["confidence_span"] = -0.0
    rows["claims"][2]["cue"] = "quoth"
    found = changes.compare(one, built(tmp_path / "other", rows)).tables["claims"]

    assert {"confidence_span": 1, "cue": 1} == found.columns


def chain(folder: Path, *versions: tiny.Rows) -> list[Path]:
    """Releases 1.0.0, 1.0.1 ... each with its delta from the one before."""
    found: list[Path] = []
    for number, rows in enumerate(versions):
        version = f"1.0.{number}"
        new = built(folder / version, rows, version)
        changes.write(changes.compare(found[-1] if found else None, new), new, version)
        found.append(new)
    return found


def parquet(folder: Path) -> dict[str, bytes]:
    """The Parquet files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def test_deltas_lead_over_three_versions(tmp_path: Path) -> None:
    """Old tables and deltas make the new ones byte for byte: rows edited, gone, added and moved by another date."""
    one, two, three = many(), many(), many()
    two["documents"][3]["published_start"] = datetime.date(2099, 1, 1)  # its rows go to the end of every table
    correct(40)(two)
    drop(10)(two)
    three["documents"][3]["published_start"] = None
    add(three)
    del three["texts"][0], three["speakers"][-1]
    releases = chain(tmp_path, one, two, three)
    steps = [releases[1] / "changes" / "from-1.0.0", releases[2] / "changes" / "from-1.0.1"]

    changes.apply(releases[0] / "data", steps, tmp_path / "both")
    changes.apply(releases[1] / "data", steps[1:], tmp_path / "last")

    assert parquet(releases[2] / "data") == parquet(tmp_path / "both") == parquet(tmp_path / "last")
    assert parquet(releases[0] / "data") != parquet(releases[1] / "data") != parquet(releases[2] / "data")


@st.composite
def edited(draw: st.DrawFn) -> tiny.Rows:
    """The tiny corpus with rows removed, changed and added; keys stay unique and every document stays."""
    rows = tiny.rows()
    for name in ("texts", "claims", "dates", "stances", "speakers"):
        kept = [row for row in rows[name] if draw(st.booleans())]
        key = schema.load(name).primary_key
        if rows[name] and name != "texts":
            for digit in draw(st.sets(st.sampled_from("0123456789abcdef"), max_size=4)):
                kept.append(dict(rows[name][0], **{key: rows[name][0][key][0] + digit * 16}))
        rows[name] = kept
    for row in rows["claims"]:
        row["confidence_span"] = draw(st.one_of(st.none(), st.floats()))
        row["cue"] = draw(
            st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5))
        )
    for row in rows["documents"]:
        row["published_start"] = draw(st.one_of(st.none(), st.dates()))
        row["text_published"] = draw(st.booleans())
    return draw(st.permutations(list(rows.items())).map(dict))


@settings(max_examples=12)
@given(versions=st.tuples(edited(), edited(), edited()))
def test_any_edits_are_undone_by_no_delta(
    versions: tuple[tiny.Rows, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever was edited between three versions, old and deltas make the new Parquet files byte for byte."""
    folder = tmp_path_factory.mktemp("chain")
    releases = chain(folder, *versions)
    steps = [new / "changes" / f"from-{old.name}" for old, new in itertools.pairwise(releases)]

    changes.apply(releases[0] / "data", steps, folder / "made")

    assert parquet(releases[-1] / "data") == parquet(folder / "made")
    shutil.rmtree(folder)


def test_a_new_column_comes_with_the_delta(tmp_path: Path) -> None:
    """A release from before a nullable column was added at the end still leads to the new one, byte for byte."""
    rows = many(40)
    old = built(tmp_path / "1.0.0", rows)
    last = schema.load("stances").fields[-1].name
    path = old / "data" / "stances.parquet"
    pq.write_table(pq.read_table(path).drop_columns([last]), path)
    described = json.loads((old / "datapackage.json").read_text())
    for resource in described["resources"]:
        if resource["name"] == "stances":
            resource["schema"]["fields"].pop()
    (old / "datapackage.json").write_text(json.dumps(described))
    new = built(tmp_path / "2.0.0", rows, "2.0.0")
    found = changes.compare(old, new)
    changes.write(found, new, "2.0.0")

    changes.apply(old / "data", [new / "changes" / "from-1.0.0"], tmp_path / "made")

    assert {"column_added"} == {reason.what for reason in found.reasons if reason.table == "stances"} - {"rows_changed"}
    assert parquet(new / "data") == parquet(tmp_path / "made")


def test_changes_json_is_as_its_schema_says(old: Path, tmp_path: Path) -> None:
    """changes.json validates against the JSON Schema that lies beside it, and so does one with everything in it."""
    rows = many()
    correct(40)(rows)
    add(rows)
    rows["documents"][0]["outlet"] = None
    new = built(tmp_path / "new", rows)
    (new / "withdrawals.json").write_text(
        '{"withdrawals": [{"document_id": "d0", "reason": "asked", "version": "2.0.0"}]}'
    )
    changes.write(changes.compare(old, new), new, "2.0.0")
    folder = new / "changes" / "from-1.4.2"
    told = json.loads((folder / "changes.json").read_text(encoding="utf-8"))
    described = json.loads((folder / told["$schema"]).read_text(encoding="utf-8"))

    jsonschema.Draft202012Validator.check_schema(described)
    jsonschema.validate(told, described)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**told, "bump": "huge"}, described)
    kinds = set(described["properties"]["reasons"]["items"]["properties"]["what"]["enum"])
    assert {reason["what"] for reason in told["reasons"]} <= kinds
    assert {None} <= {one["outlet"] for one in told["tables"]["documents"]["outlets"]}
    assert (1, 40) == (told["tables"]["claims"]["added"], told["tables"]["claims"]["changed"])


def test_the_changelog_grows(tmp_path: Path) -> None:
    """CHANGELOG.md holds a section a release, newest first, with counts; the older ones stay word for word."""
    one, two, three = many(), many(), many()
    add(two)
    drop(2)(three)
    one_log, two_log, three_log = (
        (release / "CHANGELOG.md").read_text(encoding="utf-8") for release in chain(tmp_path, one, two, three)
    )

    assert "## 1.0.0\n\nThe first release." in one_log
    assert two_log.endswith(one_log.removeprefix("# Changes\n\n"))
    assert three_log.endswith(two_log.removeprefix("# Changes\n\n"))
    assert ["## 1.0.2", "## 1.0.1", "## 1.0.0"] == [line for line in three_log.splitlines() if line.startswith("## ")]
    assert "- `claims`: 1 rows added, 0 removed, 0 changed; 301 rows now" in two_log


def test_no_word_of_a_row_is_told(tmp_path: Path) -> None:
    """What a removed row said stands neither in the report nor in the changelog nor in the delta."""
    rows = tiny.rows()
    rows["claims"][0]["text"] = "zephyrine"
    old = built(tmp_path / "old", rows)
    del rows["claims"][0]
    new = built(tmp_path / "new", rows)
    changes.write(changes.compare(old, new), new, "2.0.0")
    folder = new / "changes" / "from-1.0.0"

    assert ["claim_id"] == pq.read_table(folder / "claims" / "deletes.parquet").column_names
    assert not (folder / "claims" / "upserts.parquet").exists()
    for path in [*folder.rglob("*"), new / "CHANGELOG.md"]:
        assert path.is_dir() or b"zephyrine" not in path.read_bytes()


def test_two_writes_are_the_same_bytes(old: Path, tmp_path: Path) -> None:
    """The same two releases give the same report, changelog and delta."""
    rows = many()
    correct(9)(rows)
    trees = []
    for name in ("one", "other"):
        new = built(tmp_path / name, rows)
        changes.write(changes.compare(old, new), new, "1.5.0")
        trees.append({path.relative_to(new): path.read_bytes() for path in new.rglob("*") if path.is_file()})

    assert trees[0] == trees[1]


def test_a_folder_that_is_no_release_is_told(old: Path, tmp_path: Path) -> None:
    """A missing descriptor, a torn table and a key that stands twice are errors that name the file."""
    new = built(tmp_path / "new", many(20))
    with pytest.raises(StoreError, match=r"elsewhere/datapackage\.json does not describe a release"):
        changes.compare(tmp_path / "elsewhere", new)
    path = new / "data" / "claims.parquet"
    twice = pq.read_table(path)
    pq.write_table(pa.concat_tables([twice, twice.slice(0, 1)]), path)
    with pytest.raises(StoreError, match=r"claims\.parquet: two rows share a claim_id"):
        changes.compare(old, new)
    with pytest.raises(StoreError, match=r"claims\.parquet: two rows share a claim_id"):
        changes.compare(new, old)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreError, match="does not describe a release"):
        changes.compare(old, new)
