"""Where raw files lie: a folder of this machine, or an address that fsspec reads (s3://, https://, ...).

A folder may hold anything, so nothing in it leads out of it and only regular files are opened. An address is told by
whoever starts the run, never by a file.
"""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pipeline.errors import StoreError
from pipeline.read.limits import RejectedError

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]{1,20}):/{1,2}([^/].*)")  # a Path has one slash left of "://"
MAX_FACTS = 1_000_000
"""Bytes of a source.toml or aliases.toml."""


class Entry(NamedTuple):
    """An input: its path below the place, and the error of a folder that cannot be listed."""

    path: str
    error: OSError | None = None


class Folder:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.root = os.path.realpath(folder)
        if not os.path.isdir(self.root):
            raise StoreError(f"{folder} is no folder; name one that holds .txt, .html or .jsonl files.")

    def entries(self) -> Iterator[Entry]:
        """All files, without those in hidden folders; StoreError when the folder itself cannot be listed."""
        waiting = [""]
        while waiting:
            place = waiting.pop()
            try:
                found = list(os.scandir(os.path.join(self.root, place)))
            except OSError as error:
                if not place:
                    raise StoreError(f"{self.root} cannot be listed: {error.strerror}.") from error
                yield Entry(place, error)
                continue
            for entry in found:
                path = os.path.join(place, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    waiting += [] if entry.name.startswith(".") else [path]
                else:
                    yield Entry(path)

    @contextmanager
    def opened(self, path: str) -> Iterator[tuple[BinaryIO, int]]:
        """A file and its size in bytes. Raises RejectedError."""
        target = self._target(path)
        try:
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise RejectedError("not_a_file", "no regular file any more when it was opened")
                yield file, status.st_size
        except OSError as error:
            raise RejectedError("unreadable", error.strerror or str(error)) from error

    @contextmanager
    def named(self, path: str) -> Iterator[str]:
        """The name under which a library that wants one opens a file. Raises RejectedError."""
        with self.opened(path):
            yield self._target(path)

    def _target(self, path: str) -> str:
        """The regular file that a path leads to; raises RejectedError without opening anything."""
        target = os.path.realpath(os.path.join(self.root, path))
        if os.path.commonpath((self.root, target)) != self.root:
            raise RejectedError("symlink_outside", "a symbolic link that leads out of the raw folder")
        try:
            mode = os.lstat(target).st_mode
        except FileNotFoundError:
            raise RejectedError("not_a_file", "a link to nothing, or a file that went away") from None
        except OSError as error:
            raise RejectedError("unreadable", error.strerror or str(error)) from error
        if not stat.S_ISREG(mode):
            kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a symbolic link to a folder"}
            kinds[stat.S_IFLNK] = "a symbolic link that leads to itself"
            raise RejectedError("not_a_file", kinds.get(stat.S_IFMT(mode), "a device"))
        return target


class Remote:
    """An address: what lies below it, or the one file that it names. What the network refuses is StoreError: a file
    that could not be fetched is no bad document.
    """

    def __init__(self, url: str, one_file: bool) -> None:
        self.url = url
        with self._told():
            self.files, self.root = _filesystem(url)
        self.root = self.root.rstrip("/")
        self.only = ""
        if one_file:
            self.root, _, self.only = self.root.rpartition("/")

    def entries(self) -> Iterator[Entry]:
        """All files, without those in hidden folders."""
        if self.only:
            yield Entry(self.only)
            return
        with self._told():
            found = sorted(self.files.find(self.root))
        paths = [name.removeprefix(f"{self.root}/") for name in found if name.startswith(f"{self.root}/")]
        if not paths:
            raise StoreError(f"{self.url}: there is nothing. Name a folder of files, or one file.")
        if "aliases.toml" in paths:
            raise StoreError(f"{self.url}: aliases.toml is read from a folder of this machine alone. Remove it.")
        yield from (Entry(path) for path in paths if not any(p.startswith(".") for p in path.split("/")[:-1]))

    @contextmanager
    def opened(self, path: str) -> Iterator[tuple[BinaryIO, int]]:
        """A file, read as it is asked for, and its size in bytes."""
        with self._told(), self.files.open(f"{self.root}/{path}", "rb") as file:
            yield file, int(getattr(file, "size", None) or self.files.info(f"{self.root}/{path}")["size"])

    @contextmanager
    def named(self, path: str) -> Iterator[str]:
        """A copy of a file, gone afterwards, for a library that wants a name."""
        with tempfile.TemporaryDirectory() as folder, self._told():
            copy = f"{folder}/{path.rpartition('/')[2]}"
            self.files.get_file(f"{self.root}/{path}", copy)
            yield copy

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong with the network, of whatever library, as one error."""
        try:
            yield
        except (RejectedError, StoreError, GeneratorExit):
            raise
        except Exception as error:
            told = str(error) or type(error).__name__
            raise StoreError(f"{self.url} cannot be read: {told}.") from error


Place = Folder | Remote


def place(raw: Path | str, one_file: bool = False) -> Place:
    """Where the raw files lie; `one_file` when an address names a file and no folder. Raises StoreError."""
    address = _ADDRESS.fullmatch(str(raw))
    if address and not os.path.lexists(raw):
        return Remote(f"{address[1]}://{address[2]}", one_file)
    return Folder(Path(raw))


def content(where: Place, path: str) -> bytes:
    """A small file whole; raises RejectedError."""
    with where.opened(path) as (file, _):
        found = file.read(MAX_FACTS + 1)
    if len(found) > MAX_FACTS:
        raise RejectedError("too_large", f"more than {MAX_FACTS} bytes")
    return found


def _filesystem(url: str) -> tuple[Any, str]:
    """The file system of an address and the path in it; object stores by obstore where it is installed."""
    import fsspec

    scheme = url.partition("://")[0]
    if scheme in ("s3", "gs", "az"):
        try:
            from obstore.fsspec import register
        except ImportError:
            pass
        else:
            register(scheme)
    return fsspec.core.url_to_fs(url)
