"""Whether what lies there is what was published: every byte, every row, the chain, the signature.

A fault names the file, what is wrong with it and what to do. SHA-256 over whole files is what finds a flipped bit:
Parquet readers take most of them for data, and Frictionless passes a Parquet file with a wrong hash.
"""

import datetime
import json
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import catalogue, limited, manifest, signature, store

AGAIN = "take it again from where the release came from, or from its zip if that is whole"


@dataclass(frozen=True, slots=True)
class Fault:
    """One file that is not as it was published: its path below what was verified, what is wrong and what to do."""

    file: str
    message: str


Digests = Callable[[Sequence[Path]], Sequence[Mapping[str, Any] | str]]
"""The logical digests of Parquet files; a str says why a file has none."""


def path(folder: Path, signers: Path | None = None, since: Path | None = None) -> list[Fault]:
    """The faults of a release, of a package with all its releases, or of a folder of packages; none when it is whole.

    A release is also held against its package's list, when that lies beside it. Tables are read in a limited process:
    the folder may be from anywhere.

    Args:
        folder: what to verify.
        signers: an allowed-signers file of ssh; with it lists and releases must be signed by one of these.
        since: the versions.json of a package as it was seen before, for a package: its list must go on from there, and
            may not have expired.

    Raises StoreError for a folder that is none of the three, or a `since` that is no list of versions.
    """
    if since is not None and not (folder / catalogue.FILE).is_file():
        raise StoreError(f"{folder}: --since is for a package, and there is no {catalogue.FILE} in it.")
    if (folder / catalogue.INDEX).is_file():
        return output(folder, signers, limited.digests)
    if (folder / catalogue.FILE).is_file():
        return package(folder, signers, limited.digests, catalogue.load(since) if since else None)
    if (folder / manifest.TAGS).is_file() or (folder / "bagit.txt").is_file():
        home = folder.resolve().parent
        entry = catalogue.read(home).get(folder.resolve().name) if (home / catalogue.FILE).is_file() else None
        return release(folder, entry, signers, limited.digests)
    raise StoreError(
        f"{folder}: is no release, package or folder of packages (no {manifest.TAGS}, {catalogue.FILE} or "
        f"{catalogue.INDEX} in it)."
    )


def output(folder: Path, signers: Path | None = None, digests: Digests | None = None) -> list[Fault]:
    """The faults of all packages of a folder, and of its index."""
    found = []
    for name in sorted(file.parent.name for file in folder.glob(f"*/{catalogue.FILE}")):
        found += _below(name, package(folder / name, signers, digests))
    try:
        wanted = catalogue.index(folder)
    except StoreError:  # a package's list is damaged, and was named above
        return found
    index = folder / catalogue.INDEX
    if not _is(index, wanted):
        found.append(
            Fault(
                catalogue.INDEX,
                "it or a page it vouches for is changed or behind; `onrecord catalogue` makes them anew",
            )
        )
    return found


def package(
    home: Path,
    signers: Path | None = None,
    digests: Digests | None = None,
    since: catalogue.Catalogue | None = None,
) -> list[Fault]:
    """The faults of a package: each release, its zip, the chain from the first to the last, the pointer, the feed.

    `since` is its list as it was seen before; `digests` reads the tables.
    """
    try:
        held = catalogue.read(home)
    except StoreError as error:
        return [Fault(catalogue.FILE, str(error))]
    found = []
    wrong = (since and catalogue.continues(since, held)) or catalogue.attacked(
        held, datetime.datetime.now(datetime.UTC) if since else None, signers
    )
    if wrong:
        found.append(Fault(catalogue.FILE, wrong))
    for entry in held.versions:
        faults = release(home / entry.version, entry, signers, digests)
        found += _below(entry.version, faults)
        if entry.archive:
            found += _archive(home, entry.archive, None if faults else home / entry.version)
    for name, content in catalogue.derived(held).items():
        if (home / name).exists() if content is None else not _is(home / name, content):
            found.append(Fault(name, f"is not what {catalogue.FILE} says; `onrecord catalogue` makes it anew"))
    known = {entry.version for entry in held.versions} | {
        entry.archive.name for entry in held.versions if entry.archive
    }
    known |= {catalogue.FILE, *catalogue.derived(held)}
    for stray in sorted(home.iterdir()):
        if stray.name not in known and stray.name not in (".lock", ".staging"):
            message = f"is not listed in {catalogue.FILE}: "
            if store.parse_version(stray.name) or stray.suffix == ".zip":
                message += "left by a run that was killed; `onrecord catalogue` finishes it. If not, move it away"
            else:
                message += "move it away"
            found.append(Fault(stray.name, message))
    return found


def release(
    folder: Path,
    entry: catalogue.Entry | None = None,
    signers: Path | None = None,
    digests: Digests | None = None,
) -> list[Fault]:
    """The faults of one release: bytes, then rows, chain and signature where the bytes are right.

    Args:
        folder: where it lies.
        entry: what its package's list says of it, if that is known; with it a damaged list of sums is told from a
            damaged file, and a release rewritten together with its sums is found out.
        signers: an allowed-signers file of ssh; with it the release must be signed by one of these.
        digests: the logical digests of Parquet files; None reads them here and now, as fits a release of our own.
    """
    expected = entry and entry.tagmanifest_sha256
    if entry is not None and entry.status == "withdrawn":
        return _withdrawn(folder, entry)
    if (folder / catalogue.TOMBSTONE).is_file():
        return [Fault(catalogue.TOMBSTONE, "this release is withdrawn: its payload is deleted, take another version")]
    found = fixity(folder, expected)
    if found:
        return found
    signed = folder / manifest.SIGNATURE
    wrong, _ = signature.check(folder, signers)
    if entry is not None and (manifest.digest(signed) if signed.is_file() else None) != entry.signature_sha256:
        wrong = wrong or f"is not the one that {catalogue.FILE} names"
    if wrong:
        found.append(Fault(manifest.SIGNATURE, f"{wrong}; {AGAIN}"))
    try:
        oxum = f"Payload-Oxum: {manifest.oxum(folder)}\n".encode()
        if oxum not in manifest.small(folder / "bag-info.txt"):
            found.append(Fault("bag-info.txt", "Payload-Oxum does not count the payload"))
        told = json.loads(manifest.small(folder / "provenance.json"))["previous"]
        tables: dict[str, Any] = dict(json.loads(manifest.small(folder / "tables.json"))["tables"])
    except (StoreError, ValueError, KeyError, TypeError, RecursionError) as error:
        return [*found, Fault(manifest.TAGS, f"lists descriptors that are none of a release ({error!r})"[:300])]
    if entry is not None and (told or {"version": None, "tagmanifest_sha256": None}) != {
        "version": entry.previous,
        "tagmanifest_sha256": entry.previous_tagmanifest_sha256,
    }:
        found.append(Fault("provenance.json", f"names another release before it than {catalogue.FILE}"))
    return found + _strangers(folder) + _rows(folder, tables, digests)


def refuse_foreign(folder: Path) -> None:
    """Raise ReleaseRefused unless a release from anywhere is whole, leads nowhere else, and can be read in bounds."""
    if not (folder / manifest.TAGS).is_file():
        raise StoreError(f"{folder}: is no release (no {manifest.TAGS} in it).")
    for fault in fixity(folder) or _strangers(folder):
        raise ReleaseRefused(f"{folder / fault.file}: {fault.message}. It was not used.")
    limited.refuse_bombs([folder / name for name in manifest.payload(folder) if name.endswith(".parquet")])


def fixity(folder: Path, expected: str | None = None) -> list[Fault]:
    """The faults of a release's bytes: every file under one of its two lists, and nothing beside them.

    `expected` is the digest of tagmanifest-sha256.txt, if it is known from elsewhere.
    """
    if not folder.is_dir():
        return [Fault("", f"the release is not there; {AGAIN}")]
    names = manifest.files(folder)
    odd = [name for name in names if not stat.S_ISREG((folder / name).lstat().st_mode)]
    if odd:
        return [Fault(name, "is no plain file, and a release has no others; delete it") for name in odd]
    if expected is not None and (folder / manifest.TAGS).is_file():
        digest = manifest.digest(folder / manifest.TAGS)
        if digest != expected:
            told = f"hashes to {digest}, and {catalogue.FILE} says {expected}: it was changed; {AGAIN}"
            return [Fault(manifest.TAGS, told)]
    found = _listed(folder, manifest.TAGS, manifest.tags(folder), vouched=expected is not None)
    if any(fault.file in (manifest.TAGS, manifest.PAYLOAD) for fault in found):
        return found  # what the damaged list says of the files it lists is worth nothing
    return found + _listed(folder, manifest.PAYLOAD, manifest.payload(folder), vouched=True)


def _listed(folder: Path, name: str, there: Iterable[str], *, vouched: bool) -> list[Fault]:
    """The faults of the files under one list; `vouched` when the list itself is known to be right."""
    try:
        listed = manifest.read(folder / name)
    except StoreError as error:
        return [Fault(name, f"{str(error).removeprefix(f'{folder / name}: ')} It is damaged; {AGAIN}")]
    there = set(there)
    found = [Fault(lost, f"is listed in {name} and not there; {AGAIN}") for lost in sorted(listed.keys() - there)]
    found += [Fault(extra, f"is not listed in {name}; delete it") for extra in sorted(there - listed.keys())]
    doubt = "" if vouched else f" (or {name} is damaged)"
    for one in sorted(there & listed.keys()):
        digest = manifest.digest(folder / one)
        if digest != listed[one]:
            found.append(
                Fault(one, f"hashes to {digest}, and {name} says {listed[one]}: it was changed{doubt}; {AGAIN}")
            )
    return found


def _archive(home: Path, archive: catalogue.Archive, release: Path | None) -> list[Fault]:
    """The faults of a release's zip: its bytes, and that it holds the very files of a release that is whole."""
    path = home / archive.name
    if not _plain(path):
        return [Fault(archive.name, "is not there; `onrecord catalogue` makes it anew from the folder")]
    again = "delete it, and `onrecord catalogue` makes it anew from the folder"
    if manifest.digest(path) != archive.sha256:
        return [Fault(archive.name, f"was changed; {again}")]
    if release is not None and not store.is_archive_of(path, release):
        return [Fault(archive.name, f"holds other files than the release; {again}")]
    return []


def _withdrawn(folder: Path, entry: catalogue.Entry) -> list[Fault]:
    """A withdrawn release has its tombstone and its sums, and nothing else."""
    if not folder.is_dir():
        return [
            Fault("", "the tombstone of a withdrawn release is not there; `onrecord catalogue` cannot make it anew")
        ]
    found = [
        Fault(name, "is left of a withdrawn release; `onrecord catalogue` deletes it")
        for name in manifest.files(folder)
        if name not in catalogue.REMAINS
    ]
    for name, digest in (
        (manifest.TAGS, entry.tagmanifest_sha256),
        (manifest.PAYLOAD, entry.manifest_sha256),
        (manifest.SIGNATURE, entry.signature_sha256),
    ):
        if (manifest.digest(folder / name) if (folder / name).is_file() else None) != digest:
            found.append(Fault(name, f"is not what {catalogue.FILE} says; {AGAIN}"))
    stone = folder / catalogue.TOMBSTONE
    if not _is(stone, catalogue.tombstone(entry)):
        found.append(Fault(catalogue.TOMBSTONE, "is not there or was changed; `onrecord catalogue` makes it anew"))
    return found


def _rows(folder: Path, told: Mapping[str, Any], digests: Digests | None) -> list[Fault]:
    """Whether the Parquet files hold the rows that tables.json names, whoever wrote them."""
    there = set(manifest.payload(folder))
    names = [f"data/{name}.parquet" for name in told]
    if unlisted := [name for name in names if name not in there]:
        return [Fault("tables.json", f"tells of {unlisted[0]!r}, which is no file of the release")]
    if digests is None:
        from pipeline.release import tables

        found: Sequence[Mapping[str, Any] | str] = [tables.logical_of_file(folder / name) for name in names]
    else:
        found = digests([folder / name for name in names])
    return [
        Fault(name, has if isinstance(has, str) else "holds other rows than tables.json says")
        for name, has, wanted in zip(names, found, told.values(), strict=True)
        if has != wanted
    ]


def _strangers(folder: Path) -> list[Fault]:
    """The descriptors that lead a reader elsewhere: to an address, another folder, or what is not listed."""
    listed = {*manifest.payload(folder), *manifest.tags(folder)}
    found = []
    for name, paths in (("datapackage.json", _of_package), ("croissant.json", _of_croissant), ("README.md", _of_card)):
        if name not in listed:
            continue
        try:
            strange = [path for path in paths(manifest.small(folder / name).decode()) if path not in listed]
        except (StoreError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            found.append(Fault(name, "cannot be read as what it should be"))
            continue
        if strange:
            found.append(Fault(name, f"leads to {str(strange[0])[:80]!r}, which is no file of the release"))
    return found


def _of_package(text: str) -> Iterator[Any]:
    """What Frictionless would open: files, and schemas and profiles that are not in the file itself."""
    told = json.loads(text)
    for resource in told["resources"]:
        yield from resource["path"] if isinstance(resource["path"], list) else [resource["path"]]
        yield from (resource[key] for key in ("schema", "dialect", "profile") if isinstance(resource.get(key), str))


def _of_croissant(text: str) -> Iterator[Any]:
    for one in json.loads(text)["distribution"]:
        yield one["contentUrl"]


def _of_card(text: str) -> Iterator[Any]:
    """What datasets would open."""
    import yaml

    head = text.split("---\n", 2)[1] if text.startswith("---\n") else ""
    try:
        told = yaml.safe_load(head) or {}
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    for config in told.get("configs", ()):
        files = config["data_files"]
        for one in [files] if isinstance(files, (str, dict)) else files:
            paths = one["path"] if isinstance(one, dict) else one
            yield from [paths] if isinstance(paths, str) else paths


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is(path: Path, text: str) -> bool:
    """Whether a plain file holds a text."""
    content = text.encode("utf-8")
    return _plain(path) and path.stat().st_size == len(content) and path.read_bytes() == content


def _below(name: str, faults: Iterable[Fault]) -> list[Fault]:
    return [Fault(f"{name}/{fault.file}".rstrip("/"), fault.message) for fault in faults]
