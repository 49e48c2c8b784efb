"""Where releases lie: each built beside its place, made durable, then renamed into it; a release is written once.

    <output>/<package>/
        .lock                     held while a release is made
        .staging/                 what is being built; whoever holds the lock sweeps what a killed run left
        <version>/                a release, whole because it was renamed here; never written again
        <package>-<version>.zip   the same files
        latest.json               {"version", "sums"}: a pointer, replaced in one step

A run that is killed between two of these steps leaves a whole release without its archive or pointer; the next run of
the same version finds it equal and adds what is missing.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import StoreError

SUMS = "SHA256SUMS"
_STAGING = ".staging"
_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The numbers of a version 'X.Y.Z'; None for any other string."""
    match = _VERSION.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def latest(home: Path) -> str | None:
    """The highest version that lies in a package's folder; None when it holds none."""
    found = (
        [entry.name for entry in home.iterdir() if entry.is_dir() and parse_version(entry.name)]
        if home.is_dir()
        else []
    )
    return max(found, key=parse_version, default=None)  # type: ignore[arg-type]


@contextmanager
def staging(home: Path) -> Iterator[Path]:
    """An empty folder to build in, beside the releases, under the package's lock; gone afterwards, whatever happened.

    Raises StoreError when another process is releasing the package, or when the disk refuses.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(
                    f"{home}: another process is releasing this package. Run again when it is done."
                ) from None
            _remove(home / _STAGING)
            built = home / _STAGING / "package"
            built.mkdir(parents=True)
            try:
                yield built
            finally:
                _remove(home / _STAGING)
    except OSError as error:
        raise StoreError(f"{error.filename or home}: {error.strerror or error}. Nothing was published.") from error


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def files(folder: Path) -> list[str]:
    """The paths of all files below a folder, with '/' between their parts, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder but its SHA256SUMS, by path."""
    return {name: digest(folder / name) for name in files(folder) if name != SUMS}


def sums(digests: Mapping[str, str]) -> str:
    """The text that `sha256sum -c` reads."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The paths that two releases do not share byte for byte, sorted."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def publish(built: Path, home: Path, version: str) -> None:
    """Rename a finished folder, with its archive, into its place; then move the pointer."""
    for name in files(built):
        _sync(built / name)
    for folder in sorted((path for path in built.rglob("*") if path.is_dir()), reverse=True):
        _sync(folder)
    _sync(built)
    built.rename(home / version)
    _sync(home)
    complete(home, version)


def complete(home: Path, version: str) -> None:
    """See to it that a published release has its archive and that `latest.json` names the highest version."""
    archive = home / f"{home.name}-{version}.zip"
    if not archive.exists():
        part = home / _STAGING / archive.name
        _write_zip(home / version, part)
        _sync(part)
        part.rename(archive)
    newest = latest(home) or version
    pointer = {"sums": f"sha256:{digest(home / newest / SUMS)}", "version": newest}
    part = home / _STAGING / "latest.json"
    part.write_text(json.dumps(pointer, indent=2) + "\n", encoding="utf-8")
    _sync(part)
    part.replace(home / "latest.json")
    _sync(home)


def _write_zip(folder: Path, path: Path) -> None:
    """All files of a folder at the top of an archive, stored, with nothing in it that the files do not say."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in files(folder):
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.create_system, info.external_attr, info.file_size = 3, 0o100644 << 16, (folder / name).stat().st_size
            with archive.open(info, "w") as target, (folder / name).open("rb") as source:
                shutil.copyfileobj(source, target, 2**20)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
