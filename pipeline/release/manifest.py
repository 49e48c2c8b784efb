"""A release as a BagIt bag (RFC 8493): every file under one of two lists of SHA-256 sums, and one digest over all.

    manifest-sha256.txt      the files below data/; its own digest names the data
    tagmanifest-sha256.txt   every other file, manifest-sha256.txt among them; its own digest names the release

`sha256sum -c` reads both. Outside the lists stand only the second list itself, its signature, and what `pull` notes
beside a release it fetched. The chain goes through provenance.json: it names the release before and that one's digest,
and is itself under the second list, so nobody can change an old release without changing every later one.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.errors import StoreError

PAYLOAD = "manifest-sha256.txt"
TAGS = "tagmanifest-sha256.txt"
SIGNATURE = f"{TAGS}.sig"
ORIGIN, SEEN = ".origin.json", ".versions.json"
"""What `pull` notes beside a release: where it came from, and the list of versions as it was there."""
LIST_BYTES = 64 * 2**20
"""Bytes that a list of sums or versions, or a descriptor of a release, may have: half a million files."""
BAG = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_UNLISTED = {TAGS, SIGNATURE, ORIGIN, SEEN}
_LINE = re.compile(r"([0-9a-f]{64})  ((?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}/){0,5}[A-Za-z0-9_-][A-Za-z0-9._-]{0,99})")


def files(folder: Path) -> list[str]:
    """The paths of all that is no folder below a folder, with '/' between their parts, sorted."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    )


def payload(folder: Path) -> list[str]:
    """The files below data/."""
    return [name for name in files(folder) if name.startswith("data/")]


def tags(folder: Path) -> list[str]:
    """The files that tagmanifest-sha256.txt has to list."""
    return [name for name in files(folder) if not name.startswith("data/") and name not in _UNLISTED]


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def small(path: Path) -> bytes:
    """The bytes of a list or descriptor, which may be from elsewhere: a plain file of at most LIST_BYTES.

    Raises StoreError for anything else; a pipe is not waited for, a link not followed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
            content = file.read(LIST_BYTES + 1) if plain else b""
    except OSError as error:
        plain = error.errno != errno.ELOOP
        if plain:
            raise StoreError(f"{path}: {error.strerror}.") from error
    if not plain:
        raise StoreError(f"{path}: is no plain file, and a release has no others.")
    if len(content) > LIST_BYTES:
        raise StoreError(f"{path}: has more than the {LIST_BYTES:,} bytes that it may have.")
    return content


def digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of some files below a folder, by path."""
    return {name: digest(folder / name) for name in names}


def text(digests: Mapping[str, str]) -> str:
    """The lines that `sha256sum -c` reads, by path."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def read(path: Path) -> dict[str, str]:
    """The digests that a list holds, by path; StoreError when it is not, byte for byte, a list as it is written here.

    Paths that lead out of the folder are no paths of a release: a list from elsewhere cannot make a reader open them.
    """
    found = {}
    try:
        content = small(path).decode("ascii")
    except UnicodeDecodeError:
        raise StoreError(f"{path}: is no list of SHA-256 sums.") from None
    for number, line in enumerate(content.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise StoreError(f"{path}: line {number} is no SHA-256 sum with a path.")
        found[match[2]] = match[1]
    if text(found) != content:
        raise StoreError(f"{path}: its lines are not those of a sorted list, each path once.")
    return found


def listed(built: Path, name: str) -> str:
    """SHA-256 of a file below data/ of a release that is being built, as its list has it, if that is there by now."""
    known = read(built / PAYLOAD) if (built / PAYLOAD).is_file() else {}
    return known.get(name) or digest(built / name)


def write_payload(built: Path) -> str:
    """Write manifest-sha256.txt over data/; its own digest, which names the data."""
    return _write(built / PAYLOAD, text(digests(built, payload(built))))


def write_tags(built: Path, package: str, version: str) -> str:
    """Write what makes the folder a bag, tagmanifest-sha256.txt last; its own digest, which names the release."""
    _write(built / "bagit.txt", BAG)
    _write(built / "bag-info.txt", f"External-Identifier: {package} {version}\nPayload-Oxum: {oxum(built)}\n")
    return _write(built / TAGS, text(digests(built, tags(built))))


def oxum(folder: Path) -> str:
    """BagIt's quick check of a payload: bytes, a dot, number of files."""
    sizes = [(folder / name).stat().st_size for name in payload(folder)]
    return f"{sum(sizes)}.{len(sizes)}"


def _write(path: Path, lines: str) -> str:
    """Write a file of plain ASCII, as it stands; its digest."""
    content = lines.encode("ascii")
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()
