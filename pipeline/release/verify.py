"""Whether what lies there is what was published: every byte, every row, the chain, the signature.

A fault names the file, what is wrong with it and what to do. SHA-256 over whole files is what finds a flipped bit:
Parquet readers take most of them for data, and Frictionless passes a Parquet file with a wrong hash.
"""

import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.release import catalogue, manifest, signature, store

AGAIN = "take it again from where the release came from, or from its zip if that is whole"


@dataclass(frozen=True, slots=True)
class Fault:
    """One file that is not as it was published: its path below what was verified, what is wrong and what to do."""

    file: str
    message: str


def path(folder: Path, signers: Path | None = None) -> list[Fault]:
    """The faults of a release, of a package with all its releases, or of a folder of packages; none when it is whole.

    A release is also held against its package's list, when that lies beside it. Raises StoreError for a folder that is
    none of the three.
    """
    if (folder / catalogue.INDEX).is_file():
        return output(folder, signers)
    if (folder / catalogue.FILE).is_file():
        return package(folder, signers)
    if (folder / manifest.TAGS).is_file() or (folder / "bagit.txt").is_file():
        home = folder.resolve().parent
        entry = catalogue.read(home).get(folder.resolve().name) if (home / catalogue.FILE).is_file() else None
        return release(folder, entry, signers)
    raise StoreError(
        f"{folder}: is no release, package or folder of packages (no {manifest.TAGS}, {catalogue.FILE} or "
        f"{catalogue.INDEX} in it)."
    )


def output(folder: Path, signers: Path | None = None) -> list[Fault]:
    """The faults of all packages of a folder, and of its index."""
    found = []
    for name in sorted(file.parent.name for file in folder.glob(f"*/{catalogue.FILE}")):
        found += _below(name, package(folder / name, signers))
    try:
        wanted = catalogue.index(folder)
    except StoreError:  # a package's list is damaged, and was named above
        return found
    index = folder / catalogue.INDEX
    if not index.is_file() or index.read_bytes() != wanted.encode("utf-8"):
        found.append(
            Fault(
                catalogue.INDEX,
                "it or a page it vouches for is changed or behind; `onrecord catalogue` makes them anew",
            )
        )
    return found


def package(home: Path, signers: Path | None = None) -> list[Fault]:
    """The faults of a package: each release, its zip, the chain from the first to the last, the pointer, the feed."""
    try:
        held = catalogue.read(home)
    except StoreError as error:
        return [Fault(catalogue.FILE, str(error))]
    found = []
    before: catalogue.Entry | None = None
    for entry in held.versions:
        found += _below(entry.version, release(home / entry.version, entry, signers))
        if (entry.previous, entry.previous_tagmanifest_sha256) != (
            before and before.version,
            before and before.tagmanifest_sha256,
        ):
            found.append(
                Fault(catalogue.FILE, f"{entry.version} does not name the release before it: the chain is broken")
            )
        if entry.archive:
            found += _archive(home, entry.archive)
        before = entry
    for name, content in catalogue.derived(held).items():
        there = (home / name).read_bytes() if (home / name).is_file() else None
        if there != (content and content.encode("utf-8")):
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


def release(folder: Path, entry: "catalogue.Entry | None" = None, signers: Path | None = None) -> list[Fault]:
    """The faults of one release: bytes, then rows, chain and signature where the bytes are right.

    Args:
        folder: where it lies.
        entry: what its package's list says of it, if that is known; with it a damaged list of sums is told from a
            damaged file, and a release rewritten together with its sums is found out.
        signers: an allowed-signers file of ssh; with it the release must be signed by one of these.
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
    if f"Payload-Oxum: {manifest.oxum(folder)}\n" not in (folder / "bag-info.txt").read_text(encoding="utf-8"):
        found.append(Fault("bag-info.txt", "Payload-Oxum does not count the payload"))
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    if entry is not None:
        named = told["previous"] or {"version": None, "tagmanifest_sha256": None}
        if named != {"version": entry.previous, "tagmanifest_sha256": entry.previous_tagmanifest_sha256}:
            found.append(Fault("provenance.json", f"names another release before it than {catalogue.FILE}"))
    return found + _rows(folder)


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


def _archive(home: Path, archive: "catalogue.Archive") -> list[Fault]:
    path = home / archive.name
    if not path.is_file():
        return [Fault(archive.name, "is not there; `onrecord catalogue` makes it anew from the folder")]
    if manifest.digest(path) != archive.sha256:
        return [Fault(archive.name, "was changed; delete it, and `onrecord catalogue` makes it anew from the folder")]
    return []


def _withdrawn(folder: Path, entry: "catalogue.Entry") -> list[Fault]:
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
    if not stone.is_file() or stone.read_bytes() != catalogue.tombstone(entry).encode():
        found.append(Fault(catalogue.TOMBSTONE, "is not there or was changed; `onrecord catalogue` makes it anew"))
    return found


def _rows(folder: Path) -> list[Fault]:
    """Whether the Parquet files hold the rows that tables.json names, whoever wrote them."""
    from pipeline.release import tables

    told: Mapping[str, object] = json.loads((folder / tables.FILE).read_text(encoding="utf-8"))["tables"]
    return [
        Fault(f"data/{name}.parquet", f"holds other rows than {tables.FILE} says")
        for name, wanted in told.items()
        if tables.logical_of_file(folder / "data" / f"{name}.parquet") != wanted
    ]


def _below(name: str, faults: Iterable[Fault]) -> list[Fault]:
    return [Fault(f"{name}/{fault.file}".rstrip("/"), fault.message) for fault in faults]
