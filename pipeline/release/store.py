"""How a release gets on to the disk: built beside its place, made durable, then renamed into it; written once.

    <output>/<package>/
        .lock                     held while a release is made or its standing changed
        .staging/                 what is being built; whoever holds the lock sweeps what a killed run left
        <version>/                a release, whole because it was renamed here; never written again
        <package>-<version>.zip   the same files
        versions.json ...         the catalogue: small files, each replaced in one step

Every step leaves the public tree whole, so a run may be killed between any two of them.
"""

import fcntl
import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.release import manifest

_STAGING = ".staging"
_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755
"""What is published is for readers, whatever the umask; who may not read it is kept out by the folder of packages."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The numbers of a version 'X.Y.Z'; None for any other string."""
    match = _VERSION.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def versions(home: Path) -> list[str]:
    """The version folders of a package, lowest first."""
    found = [entry.name for entry in home.iterdir() if entry.is_dir() and parse_version(entry.name)]
    return sorted(found, key=parse_version)  # type: ignore[arg-type]


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
            except BlockingIOError as error:
                raise StoreError(
                    f"{home}: another process is releasing this package. Run again when it is done."
                ) from error
            _remove(home / _STAGING)
            built = home / _STAGING / "package"
            built.mkdir(parents=True)
            try:
                yield built
            finally:
                _remove(home / _STAGING)
    except OSError as error:
        raise StoreError(
            f"{error.filename or home}: {error.strerror or error}. What was published before is whole; "
            "mend the cause and run again, which also finishes what was begun."
        ) from error


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def place(built: Path, home: Path, version: str) -> None:
    """Make a finished folder durable and rename it into its place, where nothing may be yet."""
    for name in manifest.files(built):
        _settle(built / name, _FILE_MODE)
    for folder in sorted(path for path in built.rglob("*") if path.is_dir()):
        _settle(folder, _FOLDER_MODE)
    _settle(built, _FOLDER_MODE)
    built.rename(home / version)
    _sync(home)


def archive(home: Path, version: str) -> Path:
    """The zip of a release, made when it is not there; call it inside `staging`."""
    path = home / f"{home.name}-{version}.zip"
    if not path.exists():
        part = _part(home, path.name)
        _write_zip(home / version, part)
        _settle(part, _FILE_MODE)
        part.rename(path)
        _sync(home)
    return path


def is_archive_of(path: Path, folder: Path) -> bool:
    """Whether a zip holds the files of a folder and nothing else; nothing is unpacked that is not stored as it is."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = archive.infolist()
            if [one.filename for one in held] != manifest.files(folder):
                return False
            for one in held:
                file = folder / one.filename
                if one.compress_type != zipfile.ZIP_STORED or one.file_size != file.stat().st_size:
                    return False
                with archive.open(one) as packed:
                    if hashlib.file_digest(packed, "sha256").hexdigest() != manifest.digest(file):  # type: ignore[arg-type]
                        return False
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return False
    return True


def replace(home: Path, path: Path, text: str) -> None:
    """Replace a small file on the same disk in one step, unless it holds that text; call it inside `staging`."""
    content = text.encode("utf-8")
    if path.is_file() and path.read_bytes() == content:
        return
    part = _part(home, path.name)
    part.write_bytes(content)
    _settle(part, _FILE_MODE)
    part.replace(path)
    _sync(path.parent)


def delete(path: Path) -> None:
    """Delete a file or a folder for good, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    _sync(path.parent)


@contextmanager
def shared(output: Path) -> Iterator[None]:
    """The lock over what all packages share; short, so a second holder waits."""
    with (output / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _part(home: Path, name: str) -> Path:
    return home / _STAGING / f"{name}.part"


def _write_zip(folder: Path, path: Path) -> None:
    """All files of a folder at the top of an archive, stored, with nothing in it that the files do not say."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in manifest.files(folder):
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.create_system, info.external_attr, info.file_size = 3, 0o100644 << 16, (folder / name).stat().st_size
            with archive.open(info, "w") as target, (folder / name).open("rb") as source:
                shutil.copyfileobj(source, target, 2**20)


def _settle(path: Path, mode: int) -> None:
    path.chmod(mode)
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
