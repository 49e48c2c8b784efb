"""What `source.toml` tells about the files beside it and below; the nearest one wins, key by key. All are optional:

outlet        name of the outlet
url           address of the outlet; in a file's own table the address of that document
licence       SPDX identifier or name of the licence
language      BCP 47 code
encoding      name of a Python codec; without it the encoding is told from the bytes
publish_text  whether the package may hold the cleaned text (true when not told)
redact        whether e-mail addresses, telephone numbers, bank accounts and keys are put out of sight (else false)
published     day of publication, EDTF or TOML date; in a file's own table as a rule
author        byline
collected     day on which the texts were collected, as `published`
[files."name.txt"]  the same keys and `title` for one file, its path as seen from this source.toml
"""

import codecs
import datetime
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin

from pipeline.annotate.dates import edtf
from pipeline.errors import SchemaError

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}", re.ASCII)
_TEXT_KEYS = ("outlet", "url", "licence", "language", "encoding", "author")
_DATE_KEYS = ("published", "collected")
_YES_OR_NO = ("publish_text", "redact")
_KEYS = {*_TEXT_KEYS, *_DATE_KEYS, *_YES_OR_NO}
# A byte of these cannot be led back to one place of the text, because what it means depends on the bytes before it.
_STATEFUL = re.compile(r"iso2022.*|hz|utf_?7|idna|punycode|.*unicode_escape|undefined|mbcs|oem")


def codec_name(encoding: str) -> str | None:
    """Name of the codec that decodes it and gives the bytes back; None when there is none of that kind.

    A byte order mark stays in the text as its first character, so `utf-8-sig` is `utf-8` and `utf-16` is `utf-16-le`,
    the order that files without a mark have in practice.
    """
    try:
        codec = codecs.lookup(encoding)
        "".encode(encoding)  # refuses codecs that do not lead from text to bytes, such as hex and rot13
    except (LookupError, ValueError):
        return None
    name = codec.name.replace("-", "_")
    if _STATEFUL.fullmatch(name):
        return None
    return {"utf_8_sig": "utf-8", "utf_16": "utf-16-le", "utf_32": "utf-32-le"}.get(name, codec.name)


def facts(path: str, content: bytes, exists: Callable[[str], bool]) -> Mapping[str, Any]:
    """One source.toml, checked; `exists` tells whether there is a file of that name beside it. Raises SchemaError."""
    try:
        facts = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SchemaError(f"{path}: cannot be read as TOML in UTF-8: {error}") from error
    files = facts.pop("files", {})
    if not isinstance(files, dict) or not all(isinstance(table, dict) for table in files.values()):
        raise SchemaError(f'{path}: key files: write one table for each file, [files."name.txt"].')
    checked: dict[str, Any] = {key: _fact(path, key, value, _KEYS) for key, value in facts.items()}
    checked["files"] = {}
    for name, table in files.items():
        key = f'files."{name}"'
        if not exists(name):
            raise SchemaError(f"{path}: key {key}: there is no such file beside it.")
        checked["files"][name] = {
            inner: _fact(path, inner, value, {*_KEYS, "title"}, f"{key}.") for inner, value in table.items()
        }
    return checked


def _fact(path: str, key: str, value: object, known: set[str], place: str = "") -> object:
    """One value as the rows hold it. Raises SchemaError that names file and key."""
    wrong = f"{path}: key {place}{key}"
    if key not in known:
        raise SchemaError(f"{wrong}: not known; known are {', '.join(sorted(known))}.")
    if key in _YES_OR_NO:
        if not isinstance(value, bool):
            raise SchemaError(f"{wrong}: {value!r} is neither true nor false.")
        return value
    if key in _DATE_KEYS and isinstance(value, datetime.date):
        return (value.date() if isinstance(value, datetime.datetime) else value).isoformat()
    if not isinstance(value, str) or not value.strip():
        raise SchemaError(f"{wrong}: {value!r} is no text; leave the key away when there is nothing to tell.")
    if key in _DATE_KEYS:
        try:
            return str(edtf.parse(value))
        except ValueError as error:
            raise SchemaError(f"{wrong}: {error}") from error
    if key == "language" and not LANGUAGE.fullmatch(value):
        raise SchemaError(f'{wrong}: {value!r} is no BCP 47 code such as "en" or "pt-BR".')
    if key == "encoding":
        name = codec_name(value)
        if name is None:
            raise SchemaError(f"{wrong}: {value!r} is no codec of Python that gives each byte its place in the text.")
        return name
    return value.strip()


def facts_of(path: str, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the files source.toml, by their folders, tell about a file, from the root down to its own: as a raw row."""
    told: dict[str, Any] = {}
    own: dict[str, Any] = {}
    parts = path.split("/")
    for depth in range(len(parts)):
        here = facts.get("/".join(parts[:depth]), {})
        told |= {key: value for key, value in here.items() if key != "files"}
        own |= here.get("files", {}).get("/".join(parts[depth:]), {})
    site = told.pop("url", None)
    told |= own
    return {
        "outlet": told.get("outlet"),
        "site": site,
        "url": urljoin(site or "", told["url"]) if "url" in told else None,
        "title": told.get("title"),
        "byline": told.get("author"),
        "published": told.get("published"),
        "language": told.get("language"),
        "licence": told.get("licence"),
        "encoding": told.get("encoding"),
        "publish_text": told.get("publish_text", True),
        "redact": told.get("redact", False),
        "collected": told.get("collected"),
    }
