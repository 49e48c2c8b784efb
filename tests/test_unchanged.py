"""Whether a run may end at the release that is there: only when all is as it was, and the release is whole."""

import shutil
from pathlib import Path

import pytest

from pipeline import unchanged
from pipeline.release import Released, publish
from pipeline.shards import Shard, code

SHARDS = [Shard(number, Path(f"{number}"), f"{number:032x}", 4, "") for number in range(3)]


@pytest.fixture
def home(first: Released, tmp_path: Path) -> Path:
    """A package with one release."""
    shutil.copytree(first.folder.parents[1], tmp_path / "output")
    return tmp_path / "output" / "tiny"


def test_a_release_that_is_whole_is_found_again_with_what_was_said_of_the_aliases(home, tmp_path):
    """What was kept with a state is told for this state, and for no other."""
    state = unchanged.state(SHARDS, (), {}, home, "auto")
    unchanged.keep(tmp_path, state, home / "1.0.0", ["nobody is called so"])

    assert unchanged.state(list(SHARDS), (), {}, home, "auto") == state
    assert unchanged.released(tmp_path, home, state) == (home / "1.0.0", ("nobody is called so",))
    assert unchanged.released(tmp_path, home, state[::-1]) is None


@pytest.mark.parametrize("harm", ["flipped", "absent", "more", "yanked", "unlisted", "forgotten", "torn"])
def test_a_release_that_is_not_as_it_was_published_is_not_relied_on(home, tmp_path, harm):
    """One flipped bit, a file more or less, a yank, a lost list or record: the run must go all the way."""
    state = unchanged.state(SHARDS, (), {}, home, "auto")
    unchanged.keep(tmp_path, state, home / "1.0.0", [])
    path = home / "1.0.0" / "data" / "claims.parquet"
    if harm == "flipped":
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.write_bytes(content)
    elif harm == "absent":
        path.unlink()
    elif harm == "more":
        (home / "1.0.0" / "data" / "more.txt").write_text("more", encoding="utf-8")
    elif harm == "yanked":
        publish.yank(home, "1.0.0", "wrong")
    elif harm == "unlisted":
        (home / "versions.json").unlink()
    elif harm == "forgotten":
        (tmp_path / unchanged.FILE).unlink()
    else:
        (tmp_path / unchanged.FILE).write_text('{"state"', encoding="utf-8")

    assert unchanged.released(tmp_path, home, state) is None


def test_every_thing_a_release_hangs_on_changes_the_state(home, monkeypatch):
    """Shards, failures in them, aliases, withdrawals, the releases before, the version asked for, and all code."""

    def state(shards=SHARDS, aliases: object = (), gone=None, version: str = "auto") -> str:
        return unchanged.state(shards, aliases, gone or {}, home, version)

    states = [
        state(),
        state(SHARDS[:2]),
        state([*SHARDS[:2], Shard(2, Path("2"), SHARDS[2].fingerprint, 4, "", failed=1)]),
        state(aliases=(("Dorn", "Ilse Dorn"),)),
        state(gone={"d0000000000000000": "asked"}),
        state(version="1.0.0"),
    ]
    publish.yank(home, "1.0.0", "wrong")
    states.append(state())
    monkeypatch.setattr(code, "everything", lambda: "other code")
    states.append(state())

    assert len(set(states)) == len(states)
