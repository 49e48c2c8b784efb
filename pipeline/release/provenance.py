"""provenance.json: from what, by what and after what a release was made.

It is the one file of a release that tells of the machine it was built on: which code, which libraries, which kind of
processor. So it is left out when two builds are compared: the same input gives the same bytes of everything else, and
where it does not, this file says what was not the same. No path, name or time of a machine stands in it.
"""

import hashlib
import json
import platform
import re
import subprocess
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline import schema
from pipeline.corpus import Corpus, Source

FILE = "provenance.json"
_HERE = Path(__file__).parent.parent
_ROOT = _HERE.parent
_MODELS = (".onnx", "tokenizer.json")
_PASSED_OVER = {"__pycache__", "node_modules", "dist", "schemas"}
_ROUNDING = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "sve", "i8mm")
"""Features of a processor that choose the kernels of the models, and so the last bits of their sums."""


def describe(
    tables: Mapping[str, Source],
    package: str,
    version: str,
    previous: tuple[str, str] | None,
    withheld: tuple[int, str] | None,
    told: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The text of provenance.json.

    Args:
        tables: with the documents as published.
        package: its name.
        version: of the release.
        previous: version and tagmanifest digest of the release before.
        withheld: number of texts that are not published, and the digest of texts.parquet as it would be with them.
        told: digests of the files in the raw folder that tell about the documents, by path, as `told` finds them.
    """
    sources = _sources()
    found: dict[str, Any] = {
        "package": package,
        "version": version,
        "previous": previous and {"version": previous[0], "tagmanifest_sha256": previous[1]},
        "command": ["onrecord", "release", "--package", package, "--version", version],
        "inputs": inputs(tables) | {"told": dict(sorted(told.items()))},
        "withheld": withheld and {"documents": withheld[0], "texts_sha256": withheld[1]},
        "code": {
            "name": "onrecord",
            "version": _about()[0],
            "revision": _revision(),
            "sha256": hashlib.sha256(
                "".join(f"{sum_}  {name}\n" for name, sum_ in sources.items()).encode()
            ).hexdigest(),
        },
        "schemas": {name: schema.load(name).version for name in schema.TABLES},
        "models": {name: sum_ for name, sum_ in sources.items() if name.endswith(_MODELS)},
        "lock_sha256": _digest(_ROOT / "requirements.lock") if (_ROOT / "requirements.lock").is_file() else None,
        **environment(),
    }
    return json.dumps(found, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def inputs(tables: Mapping[str, Source]) -> dict[str, Any]:
    """Number, bytes and digest of the raw documents.

    The digest is the SHA-256 of a line for each, by `source`: its `raw_sha256` ('-' where it could not be read), two
    spaces, its `source`. Both stand in the table documents, row by row.
    """
    found, number, size = hashlib.sha256(), 0, 0
    rows = "SELECT source, coalesce(raw_sha256, '-'), coalesce(raw_bytes, 0) FROM documents ORDER BY source"
    for source, digest, length in Corpus.of(tables).rows(rows):
        found.update(f"{digest}  {source}\n".encode())
        number, size = number + 1, size + length
    return {"documents": number, "bytes": size, "sha256": found.hexdigest()}


def told(raw: Path) -> dict[str, str]:
    """The digests of what a raw folder tells about its documents: every source.toml and aliases.toml, by path."""
    found = {path.relative_to(raw).as_posix(): path for path in (*raw.rglob("source.toml"), raw / "aliases.toml")}
    return {name: _digest(path) for name, path in found.items() if path.is_file() and "/." not in f"/{name}"}


def environment() -> dict[str, Any]:
    """What a build hangs on besides code and input: Python, the libraries we ask for, the kind of processor."""
    return {
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in sorted(_libraries())},
        "processor": {"machine": platform.machine(), "features": _features()},
    }


def _about() -> tuple[str, list[str]]:
    """Version and dependencies of this project: of the clone, if we run in one, else of the installed package."""
    if (_ROOT / "pyproject.toml").is_file():
        told = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return told["version"], told["dependencies"]
    asked = metadata.requires("onrecord") or []
    return metadata.version("onrecord"), [told for told in asked if "extra ==" not in told]


def _libraries() -> list[str]:
    asked = _about()[1]
    return [match[0] for told in asked if (match := re.match(r"[A-Za-z0-9._-]+", told))]


def _features() -> list[str]:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    match = re.search(r"^(?:flags|Features)\s*:(.*)$", told, re.MULTILINE)
    return sorted(set(match[1].split()) & set(_ROUNDING)) if match else []


def _sources() -> dict[str, str]:
    """Digest of every file of the package, by path: the same in a clone and in an installed package."""
    files = [path for path in _HERE.rglob("*") if not _PASSED_OVER & set(path.relative_to(_HERE).parts)]
    found = {f"pipeline/{path.relative_to(_HERE).as_posix()}": _digest(path) for path in files if path.is_file()}
    found |= {f"schemas/{path.name}": _digest(path) for path in schema.FOLDER.glob("*.json")}
    return dict(sorted(found.items()))


def _revision() -> str | None:
    """The commit of a clone, with '-dirty' for changes that are not committed; None for an installed package."""
    if not (_ROOT / ".git").exists():
        return None
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
