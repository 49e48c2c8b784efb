"""Whether a run would publish what is published already: the same input through the same code after the same releases.

All that a release hangs on goes into one digest, kept beside the shards when a run ends. Where it comes out again and
the release lies there with every byte that was published, to link, check and build it once more would change nothing.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.shards import Shard, code

FILE = "published.json"


def state(annotated: Sequence[Shard], aliases: object, gone: Mapping[str, str], home: Path, version: str) -> str:
    """Hexadecimal digest of all that a release hangs on.

    Args:
        annotated: the shards; each is named by its input, code and libraries.
        aliases: what aliases.toml tells, of which the `repr` counts.
        gone: withdrawn documents, with the reason.
        home: folder of the package, whose list of versions says what was released before.
        version: the version that is asked for.
    """
    told = [
        [(shard.fingerprint, shard.failed) for shard in annotated],
        repr(aliases),
        sorted(gone.items()),
        _digest(home / "versions.json"),
        version,
        code.everything(),
    ]
    return hashlib.sha256(json.dumps(told).encode("utf-8", "surrogatepass")).hexdigest()


def released(work: Path, home: Path, state: str) -> tuple[Path, tuple[str, ...]] | None:
    """The folder of the release that was made in this state, when it lies there whole and nobody is warned of it; and
    what aliases.toml names in vain.
    """
    from pipeline.release import catalogue, verify

    try:
        kept = json.loads((work / FILE).read_text(encoding="utf-8"))
        version = kept["version"] if kept["state"] == state else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    entry = catalogue.read(home).get(version) if version else None
    if entry is None or entry.status != "active" or verify.fixity(home / version, entry.tagmanifest_sha256):
        return None
    return home / version, tuple(kept["in_vain"])


def keep(work: Path, state: str, folder: Path, in_vain: Sequence[str]) -> None:
    """Keep that a release was made in this state."""
    part = work / f"{FILE}.part"
    part.write_text(json.dumps({"state": state, "version": folder.name, "in_vain": in_vain}) + "\n", encoding="utf-8")
    part.replace(work / FILE)


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
