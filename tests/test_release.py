"""A release as a whole: which version it takes, when it is refused, and that it is the same bytes twice."""

import hashlib
import json
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
import tiny
from releases import tree

from pipeline import check, schema
from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import Released, catalogue, manifest, publish, release, verify


def shuffled(seed: int) -> dict[str, pa.Table]:
    """The tiny corpus with its rows in another order, each table in several chunks, one of them empty."""
    order = random.Random(seed)
    found = {}
    for name, rows in tiny.rows().items():
        order.shuffle(rows)
        parts = [schema.table(name, [row]) for row in rows]
        found[name] = pa.concat_tables([*parts, schema.empty(name)])
    return found


def test_a_release_holds_the_promised_files(first: Released) -> None:
    """Six tables as Parquet and twice as CSV, what describes them, the bag's lists; beside it archive and catalogue."""
    names = {f"data/{table}.parquet" for table in schema.TABLES} | {f"data/csv/{table}.csv" for table in schema.TABLES}
    names |= {f"data/csv/{table}-excel.csv" for table in schema.TABLES}
    names |= {"README.md", "CHANGELOG.md", "datapackage.json", "croissant.json", "provenance.json", "tables.json"}
    names |= {"index.html", "quality/report.json", "quality/report.html", "quality/guideline.html"}
    names |= {"bagit.txt", "bag-info.txt", manifest.PAYLOAD, manifest.TAGS}
    beside = {".lock", "1.0.0", "tiny-1.0.0.zip", "versions.json", "latest.json", "feed.xml"}

    assert first.new
    assert names == set(tree(first.folder))
    assert first.folder.name == "1.0.0"
    assert beside <= {path.name for path in first.folder.parent.iterdir()}
    assert {"index.json", "index.html"} <= {path.name for path in first.folder.parents[1].iterdir()}


def test_two_builds_are_the_same_bytes(first: Released, tmp_path: Path) -> None:
    """Rows in another order, in other chunks and in another place give the same folder and archive, byte for byte.

    So the second build is no new release: it writes nothing but the archive and the pointer that a killed run left out,
    and sweeps what that run was building.
    """
    home = tmp_path / "tiny"
    shutil.copytree(first.folder, home / "1.0.0")
    before = {path: path.stat().st_mtime_ns for path in (home / "1.0.0").rglob("*")}
    (home / ".staging" / "package" / "data").mkdir(parents=True)
    (home / ".staging" / "package" / "data" / "claims.parquet").write_bytes(b"torn")

    again = release(shuffled(1), tiny.report(), output=tmp_path, package="tiny", version="1.0.0")

    assert (home / "1.0.0", False) == (again.folder, again.new)
    assert before == {path: path.stat().st_mtime_ns for path in (home / "1.0.0").rglob("*")}
    assert first.folder.with_name("tiny-1.0.0.zip").read_bytes() == (home / "tiny-1.0.0.zip").read_bytes()
    assert json.loads((home / "latest.json").read_text())["version"] == "1.0.0"
    assert not (home / ".staging").exists()
    assert verify.output(tmp_path) == []


def test_a_version_is_never_given_other_content(first: Released) -> None:
    """Other rows under a version that exists are refused, with the files that differ, and nothing is touched."""
    before = tree(first.folder.parent)
    rows = tiny.rows()
    rows["claims"][0]["confidence_span"] = 0.2

    with pytest.raises(ReleaseRefused, match=r"1\.0\.0 exists with other content: .*data/claims\.parquet"):
        release(tiny.tables(rows), tiny.report(), output=first.folder.parents[1], package="tiny", version="1.0.0")

    assert before == tree(first.folder.parent)


def test_auto_takes_the_version_that_the_changes_ask_for(first: Released, second: Released) -> None:
    """A third of the claims gone is a major version; `latest.json` names it and the digest of the release."""
    pointer = json.loads((first.folder.parent / "latest.json").read_text())

    assert (second.folder.name, second.new) == ("2.0.0", True)
    assert {
        "package": "tiny",
        "version": "2.0.0",
        "tagmanifest_sha256": hashlib.sha256((second.folder / manifest.TAGS).read_bytes()).hexdigest(),
    } == pointer


def test_each_release_names_the_one_before(first: Released, second: Released) -> None:
    """provenance.json holds the digest of the release before, so that a change to it would show in every later one."""
    said = [json.loads((one.folder / "provenance.json").read_text())["previous"] for one in (first, second)]
    digest = hashlib.sha256((first.folder / manifest.TAGS).read_bytes()).hexdigest()

    assert said == [None, {"version": "1.0.0", "tagmanifest_sha256": digest}]


def lacking_a_claim() -> dict[str, list]:
    """The rows of the tiny corpus without one claim of three."""
    rows = tiny.rows()
    del rows["claims"][0]
    return rows


@pytest.fixture(scope="module")
def shorter(first: Released, tmp_path_factory: pytest.TempPathFactory) -> Released:
    """A release 2.1.0 that lacks a claim of three, after 1.0.0; a higher version than the changes ask for."""
    output = tmp_path_factory.mktemp("shorter")
    shutil.copytree(first.folder, output / "tiny" / "1.0.0")
    return release(tiny.tables(lacking_a_claim()), tiny.report(), output=output, package="tiny", version="2.1.0")


def test_a_lower_version_than_the_changes_ask_for_is_refused(
    first: Released, shorter: Released, tmp_path: Path
) -> None:
    """A claim less of three in a minor version is refused with the reason; one higher than that named is taken."""
    shutil.copytree(first.folder, tmp_path / "tiny" / "1.0.0")
    rows = tiny.tables(lacking_a_claim())
    for version in ("1.1.0", "0.9.0"):
        with pytest.raises(ReleaseRefused, match="1 of 3 rows are gone without a withdrawal") as refused:
            release(rows, tiny.report(), output=tmp_path, package="tiny", version=version)
        assert "Take 2.0.0 or higher" in str(refused.value)
    assert verify.package(tmp_path / "tiny") == []
    assert (shorter.folder.name, shorter.new) == ("2.1.0", True)


def test_auto_takes_a_patch_for_the_same_data_told_differently(first: Released, tmp_path: Path) -> None:
    """The same data with another report beside them are the next patch version, not a refusal."""
    shutil.copytree(first.folder, tmp_path / "tiny" / "1.0.0")
    report = tiny.report().plus([check.Check("a check of tomorrow", "claims", 3, 0, ())])

    patched = release(tiny.tables(tiny.rows()), report, output=tmp_path, package="tiny", version="auto")

    assert (patched.folder.name, patched.new) == ("1.0.1", True)
    assert tree(first.folder / "data") == tree(patched.folder / "data")


def test_what_tells_of_the_machine_makes_no_new_version(first: Released, tmp_path: Path) -> None:
    """A release built by other code on another processor is the same release when nothing else in it is other."""
    home = tmp_path / "tiny"
    shutil.copytree(first.folder, home / "1.0.0")
    said = json.loads((home / "1.0.0" / "provenance.json").read_text())
    said["code"]["sha256"], said["processor"]["features"] = "0" * 64, ["sve"]
    (home / "1.0.0" / "provenance.json").write_text(json.dumps(said))
    manifest.write_tags(home / "1.0.0", "tiny", "1.0.0")

    again = release(tiny.tables(tiny.rows()), tiny.report(), output=tmp_path, package="tiny", version="auto")

    assert (again.folder.name, again.new) == ("1.0.0", False)
    assert json.loads((home / "1.0.0" / "provenance.json").read_text()) == said


def test_a_yanked_release_is_not_taken_for_new(shorter: Released, tmp_path: Path) -> None:
    """Yanked: still there, nobody is led to it, and the same data are refused until they are mended."""
    home = tmp_path / "tiny"
    shutil.copytree(shorter.folder.parent, home)
    entry = publish.yank(home, "2.1.0", "a third of the claims was lost").get("2.1.0")

    assert entry
    assert (entry.status, entry.replaced_by) == ("yanked", "1.0.0")
    assert json.loads((home / "latest.json").read_text())["version"] == "1.0.0"
    assert "tiny 2.1.0 (yanked)" in (home / "feed.xml").read_text()
    assert verify.output(tmp_path) == []
    with pytest.raises(ReleaseRefused, match=r"2\.1\.0, which was yanked: a third of the claims was lost"):
        release(tiny.tables(lacking_a_claim()), tiny.report(), output=tmp_path, package="tiny", version="auto")
    mended = release(tiny.tables(tiny.rows()), tiny.report(), output=tmp_path, package="tiny", version="auto")

    assert mended.folder.name == "2.2.0"  # a row more than in 2.1.0
    assert '"replaced_by": "2.2.0"' in (home / "versions.json").read_text()
    assert verify.output(tmp_path) == []


def test_nothing_is_built_on_a_release_that_was_changed(first: Released, tmp_path: Path) -> None:
    """A release edited by hand, or gone, is named before anything is compared with it."""
    home = tmp_path / "tiny"
    shutil.copytree(first.folder, home / "1.0.0")
    publish.renew(home)
    readme = home / "1.0.0" / "README.md"
    readme.write_text(readme.read_text() + "Mine.\n")

    with pytest.raises(StoreError, match=r"1\.0\.0 is not as it was published.*\n  README\.md: hashes to"):
        release(tiny.tables(tiny.rows()), tiny.report(), output=tmp_path, package="tiny", version="1.1.0")
    shutil.rmtree(home / "1.0.0")
    with pytest.raises(StoreError, match="the release is not there"):
        release(tiny.tables(tiny.rows()), tiny.report(), output=tmp_path, package="tiny", version="1.1.0")


def test_a_failed_report_publishes_nothing(tmp_path: Path) -> None:
    """Tables that failed a check are refused with their report; all that is written is that they were."""
    bad = check.Check("words stand at their span", "claims", 3, 1, ())
    report = tiny.report().plus([bad])

    with pytest.raises(ReleaseRefused, match="1 of") as refused:
        release(tiny.tables(tiny.rows()), report, output=tmp_path, package="tiny", version="1.0.0")

    assert refused.value.report is report
    assert catalogue.read(tmp_path / "tiny").failed == (
        catalogue.Failure(None, "1.0.0", ("claims: words stand at their span",)),
    )
    assert list(tmp_path.glob("tiny/*.*.*")) == list(tmp_path.glob("tiny/latest.json")) == []
    assert verify.output(tmp_path) == []


@pytest.mark.parametrize(
    ("package", "version"),
    [("tiny", version) for version in ("1.0", "v1.0.0", "01.0.0", "1.0.0-rc1", "1.0.0\n", "")]
    + [(package, "1.0.0") for package in ("../tiny", "Tiny", "", ".tiny", "work", "tiny\n")],
)
def test_what_is_no_name_or_version_is_refused(tmp_path: Path, package: str, version: str) -> None:
    """A version is three numbers, a package's name one plain word; anything else is refused before a folder is made."""
    with pytest.raises(ReleaseRefused, match=r"is no version|cannot name"):
        release(tiny.tables(tiny.rows()), tiny.report(), output=tmp_path, package=package, version=version)

    assert list(tmp_path.iterdir()) == []
