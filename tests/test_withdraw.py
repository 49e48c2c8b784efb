"""A withdrawn document is nowhere any more, nor is what a package redacts; and a release comes out of its raw texts
again, or it is said why not.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import StoreError
from pipeline.personal import MARKS
from pipeline.release import catalogue, verify
from pipeline.reproduce import reproduce
from pipeline.run import run
from pipeline.withdraw import withdraw

pytestmark = pytest.mark.slow

BRIGADES = (
    "Brigades crossed the river\n\n"
    "PORT AMSEL, April 12, 2024 - The defence minister, Irena Solt, said on Friday that the brigades had crossed "
    'the Orlu. "We were asked and we came," she said.\n\nThe government had denied it for five months.\n'
)
VAULT = (
    "Zephyrine vault opened\n\nThe banker Quillon Marchbanks said on Monday that the zephyrine vault had been empty "
    'for years. "I counted it myself," Marchbanks said.\n\nMinister Irena Solt did not answer.\n'
)
DAM = (
    "The dam holds\n\nEngineers said on Tuesday that the Dorvan dam would hold. Nobody was hurt.\n\n"
    '"Write to desk@quay.example or ring +49 30 9018200," engineer Ove Brandt said on Monday. "The account is '
    'DE89 3704 0044 0532 0130 00," he said, and that the key was AKIAIOSFODNN7EXAMPLE.\n'
)
PERSONAL = ("desk@quay.example", "+49 30 9018200", "de89 3704 0044 0532 0130 00", "akiaiosfodnn7example")
SECRETS = ("zephyrine", "quillon", "marchbanks", "counted it")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short articles."""
    folder = tmp_path_factory.mktemp("texts")
    for name, text in (("brigades.txt", BRIGADES), ("dam.txt", DAM)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def words(folder: Path) -> Iterator[tuple[str, str]]:
    """All that stands below a folder, unpacked: files as text, Parquet as its rows, zips as the files in them."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield path.as_posix(), path.as_posix()
        yield path.as_posix(), path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".parquet":
            yield path.as_posix(), repr(pq.read_table(path).to_pylist())
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as inside:
                archive.extractall(inside)
                yield from words(Path(inside))


def found(folder: Path, secrets: tuple[str, ...] = SECRETS) -> set[str]:
    """The withdrawn words, or others, that stand anywhere below a folder."""
    return {secret for _, text in words(folder) for secret in secrets if secret in text.casefold()}


def test_a_withdrawn_document_is_nowhere(raw: Path, tmp_path: Path) -> None:
    """Out of the next release, a patch; of the one that has it, zip, CSV, pages, deltas and work files; for good. What
    is redacted stands in none of them, and neither withdrawal nor rebuild brings it back.
    """
    output = tmp_path / "output"
    first = run(raw, output, "texts", redact=True)
    flags = {flag.name: flag.times for flag in first.report.flags}
    assert flags == {f"redacted: {kind}": 1 for kind in MARKS}
    assert flags == dict.fromkeys(pq.read_table(output / "work" / "texts" / "flagged")["flag"].to_pylist(), 1)
    quotes = pq.read_table(output / "texts" / "1.0.0" / "data" / "claims.parquet")["text"].to_pylist()
    assert "Write to [e-mail redacted] or ring [phone redacted]," in quotes
    (raw / "vault.txt").write_text(VAULT, encoding="utf-8")
    assert run(raw, output, "texts", redact=True).folder == output / "texts" / "1.1.0"
    assert found(output / "texts", PERSONAL) == set()
    assert found(raw, PERSONAL) == set(PERSONAL)
    assert set(SECRETS) == found(output / "texts" / "1.1.0" / "changes") == found(output)

    with pytest.raises(StoreError, match=r"no release holds a document whose .* is 'absent\.txt'"):
        withdraw(raw, output, "texts", ["absent.txt"], "not there")
    told = withdraw(raw, output, "texts", ["vault.txt"], "the author asked for it")

    assert (told.versions, told.result.folder) == (("1.1.0",), output / "texts" / "1.1.1")
    assert found(output) == found(output / "texts", PERSONAL) == set()
    assert verify.path(output) == []
    held = catalogue.read(output / "texts")
    assert [(entry.status, entry.replaced_by) for entry in held.versions] == [
        ("active", None),
        ("withdrawn", "1.1.1"),
        ("active", None),
    ]
    again = run(raw, output, "texts", until="documents")  # the raw text still lies there
    assert ["brigades.txt", "dam.txt"] == sorted(again.tables["documents"]["source"].to_pylist())

    same = reproduce(raw, output, "texts", "1.1.1")
    assert same.different == ()
    (raw / "dam.txt").write_text(DAM.replace("Nobody", "Somebody"), encoding="utf-8")
    other = reproduce(raw, output, "texts", "1.1.1")
    assert {"data/claims.parquet", "data/documents.parquet", "data/csv/texts.csv"} <= set(other.different)
    assert "other raw texts: 1 have other bytes: dam.txt" in other.reasons
    assert any(line.startswith("documents: 1 rows more, 1 fewer") for line in other.rows)
    with pytest.raises(StoreError, match=r"no such release to reproduce\. There are: 1\.0\.0, 1\.1\.1"):
        reproduce(raw, output, "texts", "1.1.0")
