"""Files from where a package is published: an http(s) address or a folder. Each is taken up where it broke off."""

import http.client
import os
import re
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import manifest

TRIES = 4
"""Times in a row that asking for a file may bring nothing before that is an error; each goes on where one ended."""
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken off."""
_CHUNK = 2**20
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(?:\d{1,18}|\*)")


class _BrokenOffError(ConnectionError):
    """The connection ended before the file did."""


class WrongDigest(ReleaseRefused):
    """What came is not what was published; `found` is its digest."""

    def __init__(self, found: str, message: str) -> None:
        super().__init__(message)
        self.found = found


class _SameSchemes(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to http and https only; urllib itself would also follow one to ftp."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        """The request that follows, unless it leaves the web."""
        if not newurl.lower().startswith(("http://", "https://")):
            raise urllib.error.URLError(f"a redirect to {newurl[:80]!r} is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Remote:
    """A published folder to read from. It is a class because it counts what it received.

    Attributes:
        base: its address or path, without a slash at the end.
        received: bytes received so far.
    """

    def __init__(self, base: str) -> None:
        self.base = base
        self.received = 0
        self._opener = urllib.request.build_opener(_SameSchemes)

    def fetch(self, name: str, target: Path, *, limit: int, digest: str | None = None) -> None:
        """Fetch one file to `target`, through `<target>.part`, from the end of that on when it is there.

        Args:
            name: path below the base, as a list of sums has it.
            target: where it comes to lie, whole.
            limit: bytes that it may have.
            digest: SHA-256 that it must have, if that is known.

        Raises:
            StoreError: it cannot be had, or is larger than the limit.
            WrongDigest: it has another digest.
        """
        part = target.with_name(target.name + ".part")
        target.parent.mkdir(parents=True, exist_ok=True)
        if digest is None:
            part.unlink(missing_ok=True)  # without a digest nothing tells that a part belongs to the file of today
        dropped = 0
        while True:
            begun = part.stat().st_size if part.exists() else 0
            try:
                self._receive(name, part, begun, limit)
            except _BrokenOffError as error:
                further = part.exists() and part.stat().st_size > begun
                dropped = 1 if further else dropped + 1
                if dropped == TRIES:
                    raise StoreError(f"{self.base}/{name}: {error}. Run again: it goes on where it stopped.") from error
                time.sleep(0.1 * dropped**2)
                continue
            if digest is None or manifest.digest(part) == digest:
                part.replace(target)
                return
            found = manifest.digest(part)
            part.unlink()
            if not begun:
                raise WrongDigest(
                    found,
                    f"{self.base}/{name}: hashes to {found}, published was {digest}. It was not used; "
                    "ask who publishes it, or take it from elsewhere.",
                )

    def _receive(self, name: str, part: Path, begun: int, limit: int) -> None:
        """Append to the part what lies beyond its end; from the start when the other side cannot do that."""
        with self._opened(name, begun) as (stream, start, length):
            mode = os.O_APPEND if start else os.O_TRUNC
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | mode, 0o644)
            with open(descriptor, "wb") as file:
                size = start
                for chunk in _chunks(stream):
                    size += len(chunk)
                    self.received += len(chunk)
                    if size > limit:
                        raise StoreError(f"{self.base}/{name}: has more than the {limit:,} bytes that it may have.")
                    file.write(chunk)
            if length is not None and size - start < length:
                raise _BrokenOffError(f"broke off after {size:,} bytes")

    @contextmanager
    def _opened(self, name: str, begun: int) -> Iterator[tuple[BinaryIO, int, int | None]]:
        """The file as a stream, the byte it starts at (`begun` or 0), and the bytes that it has from there, if told."""
        if "://" not in self.base:
            with closing(_open_file(Path(self.base), name)) as file:
                size = os.fstat(file.fileno()).st_size
                start = begun if begun <= size else 0
                file.seek(start)
                yield file, start, size - start
            return
        address = f"{self.base}/{name}"
        headers = {"Accept-Encoding": "identity", "User-Agent": "onrecord"}
        if begun:
            headers["Range"] = f"bytes={begun}-"
        try:
            answer = self._opener.open(urllib.request.Request(address, headers=headers), timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # nothing lies beyond: the part is the whole file, or no part of it
                with open(os.devnull, "rb") as nothing:
                    yield nothing, begun, None
                return
            if error.code >= 500:
                raise _BrokenOffError(f"the server answers {error.code} {error.reason}") from error
            raise StoreError(f"{address}: the server answers {error.code} {error.reason}.") from error
        except (urllib.error.URLError, http.client.HTTPException, ValueError, OSError) as error:
            raise _BrokenOffError(f"cannot be reached: {getattr(error, 'reason', None) or error}") from error
        with answer:
            match = _RANGE.fullmatch(answer.headers.get("Content-Range", "")) if answer.status == 206 else None
            start = int(match[1]) if match else 0
            if answer.status == 206 and (match is None or start != begun):
                raise StoreError(f"{address}: the server answers with another range than was asked for.")
            told = answer.headers.get("Content-Length")
            yield answer, start, int(told) if told and told.isdecimal() else None


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while True:
        try:
            chunk = stream.read(_CHUNK)
        except (http.client.HTTPException, OSError) as error:
            raise _BrokenOffError(f"broke off: {error}") from error
        if not chunk:
            return
        yield chunk


def _open_file(base: Path, name: str) -> BinaryIO:
    """A regular file below a folder; a link on the way to it is refused, because it may lead anywhere."""
    path = base / name
    try:
        if os.path.realpath(path) != os.path.join(os.path.realpath(base), name):
            raise ReleaseRefused(f"{path}: is a link, or lies behind one. A release has none.")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}.") from error
    file = open(descriptor, "rb")  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise ReleaseRefused(f"{path}: is no plain file. A release has no others.")
    return file
