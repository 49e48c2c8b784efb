"""The user's own word on who is who: `aliases.toml` in the raw folder. It wins over every rule.

    [[merge]]                            these names are one speaker
    name = "Kim Jong Un"                 what the speaker is called
    kind = "person"                      as in `speakers.kind`
    forms = ["Kim Jong Eun", "Marshal Kim"]
    outlets = ["Continental Wire"]       optional: only in what these outlets print
    sources = ["wire/2024-04-12.txt"]    optional: only in these documents, as in `documents.source`

    [[split]]                            these names are never one speaker
    names = ["Irena Solt", "I. Solt"]

A name is one that claims have before linking, without regard to case, accents, hyphens and stops.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import schema
from pipeline.errors import SchemaError, StoreError
from pipeline.link.names import name_key, untitled

FILE = "aliases.toml"


@dataclass(frozen=True, slots=True)
class Merge:
    """Names that are one speaker; `outlets` and `sources` are empty where the whole corpus is meant."""

    name: str
    kind: str
    forms: tuple[str, ...]
    outlets: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        """Whether it speaks of some outlets or documents alone."""
        return bool(self.outlets or self.sources)

    @property
    def keys(self) -> frozenset[str]:
        """The folded names that it joins; where it is local, the new name itself may mean others."""
        names = self.forms if self.local else (self.name, *self.forms)
        return frozenset(map(self.key, names))

    def key(self, form: str) -> str:
        """The folded form, titles left out where it is a person's."""
        return name_key(untitled(form) if self.kind == "person" else form)


@dataclass(frozen=True, slots=True)
class Aliases:
    """What a user's aliases.toml tells; empty without one. Equal contents have equal `repr`, for fingerprints."""

    merges: tuple[Merge, ...] = ()
    splits: tuple[tuple[str, ...], ...] = ()


def read(raw: Path) -> Aliases:
    """The aliases of a raw folder; SchemaError for a wrong file, StoreError for one that cannot be read."""
    path = raw / FILE
    try:
        content = path.read_bytes().decode("utf-8")
        found = tomllib.loads(content)
    except FileNotFoundError:
        return Aliases()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path} is not UTF-8: byte {error.start}. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"{path} is no TOML: {error}. Mend the line.") from None
    _known(str(path), found, {"merge", "split"})
    merges = tuple(_merge(f"{path}: [[merge]] {n}", entry) for n, entry in _entries(path, found, "merge"))
    splits = []
    for number, entry in _entries(path, found, "split"):
        where = f"{path}: [[split]] {number}"
        _known(where, entry, {"names"})
        splits.append(_names(where, entry, "names", 2))
        _refuse_equal(where, "names", splits[-1])
    aliases = Aliases(merges, tuple(splits))
    _refuse_contradictions(path, aliases)
    return aliases


def _merge(where: str, entry: dict[str, Any]) -> Merge:
    _known(where, entry, {"name", "kind", "forms", "outlets", "sources"})
    kinds = schema.load("speakers").field("kind").labels
    name, kind = entry.get("name"), entry.get("kind")
    if not isinstance(name, str) or not name_key(name):
        raise SchemaError(f'{where}: name is {name!r}. Give the speaker\'s name, as in name = "Irena Solt".')
    if kind not in kinds:
        raise SchemaError(f"{where}: kind is {kind!r}. Give one of {', '.join(kinds)}.")
    forms = _names(where, entry, "forms", 1)
    _refuse_equal(where, "forms", forms)
    outlets, sources = (_names(where, entry, key, 1) if key in entry else () for key in ("outlets", "sources"))
    return Merge(name, kind, forms, outlets, sources)


def _entries(path: Path, found: dict[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
    entries = found.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SchemaError(f"{path}: {key} is no list of tables. Write each entry below its own line [[{key}]].")
    return list(enumerate(entries, start=1))


def _known(where: str, found: dict[str, Any], known: set[str]) -> None:
    for key in found:
        if key not in known:
            raise SchemaError(f"{where}: unknown key {key!r}. Known: {', '.join(sorted(known))}.")


def _names(where: str, entry: dict[str, Any], key: str, least: int) -> tuple[str, ...]:
    names = entry.get(key)
    if not isinstance(names, list) or len(names) < least or not all(isinstance(n, str) and name_key(n) for n in names):
        raise SchemaError(f"{where}: {key} is {names!r}. Give a list of at least {least} names.")
    return tuple(names)


def _refuse_equal(where: str, key: str, names: tuple[str, ...]) -> None:
    held: dict[str, str] = {}
    for name in names:
        other = held.setdefault(name_key(name), name)
        if other is not name:
            raise SchemaError(
                f"{where}: {key} {other!r} and {name!r} are one name but for case, accents, hyphens and stops. Keep "
                "one; two people of one name are told apart by [[merge]] entries with outlets or sources."
            )


def _refuse_contradictions(path: Path, aliases: Aliases) -> None:
    merged: dict[str, int] = {}
    for number, merge in enumerate(aliases.merges, start=1):
        for key in sorted(merge.keys) if not merge.local else ():
            if merged.setdefault(key, number) != number:
                raise SchemaError(
                    f"{path}: {key!r} stands in [[merge]] {merged[key]} and {number}. Join the two, or give outlets or "
                    "sources to tell which is meant where."
                )
    for number, names in enumerate(aliases.splits, start=1):
        held: dict[int, str] = {}
        for name in names:
            entry = merged.get(name_key(name))
            if entry is not None and held.setdefault(entry, name) != name:
                raise SchemaError(
                    f"{path}: [[split]] {number} keeps {held[entry]!r} and {name!r} apart, [[merge]] {entry} joins "
                    "them. Take them out of one."
                )
