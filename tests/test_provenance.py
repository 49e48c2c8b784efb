"""What a release says of its inputs, and what a rebuild says of them when they are others."""

import hashlib
import json
from pathlib import Path

import tiny

from pipeline import reproduce
from pipeline.release import provenance

FACTS = {"source.toml": 'outlet = "Tide"\n', "deep/er/source.toml": 'licence = "CC0-1.0"\n', "aliases.toml": ""}


def raw(folder: Path, facts: dict[str, str]) -> Path:
    """A raw folder with files that tell, and some that only look so."""
    for name, text in {**facts, ".git/source.toml": "x", "deep/aliases.toml": "x", "a.txt": "x"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_what_is_told_of_the_documents_is_named_by_digest(tmp_path: Path) -> None:
    """Every source.toml that is read and the folder's aliases.toml, and no file that is not."""
    found = provenance.told(raw(tmp_path, FACTS))

    assert {name: hashlib.sha256(text.encode()).hexdigest() for name, text in FACTS.items()} == found


def test_a_rebuild_tells_which_facts_are_others(tmp_path: Path) -> None:
    """A file that is changed, missing or new is named with what became of it; equal ones are not."""
    documents = tiny.tables(tiny.rows())["documents"]
    later = {
        "source.toml": 'outlet = "Ebb"\n',
        "deep/er/source.toml": FACTS["deep/er/source.toml"],
        "b/source.toml": "",
    }
    for name, facts in (("then", FACTS), ("now", later)):
        told = provenance.told(raw(tmp_path / f"raw-{name}", facts))
        (tmp_path / name).mkdir()
        said = provenance.describe({"documents": documents}, "tiny", "1.0.0", None, None, told)
        (tmp_path / name / provenance.FILE).write_text(said)

    assert [
        "other facts told: aliases.toml is missing",
        "other facts told: b/source.toml is new",
        "other facts told: source.toml has other bytes",
    ] == list(reproduce._reasons(tmp_path / "then", tmp_path / "now"))
    said = json.loads((tmp_path / "then" / provenance.FILE).read_text())
    assert sorted(FACTS) == list(said["inputs"]["told"])
