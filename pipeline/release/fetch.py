"""Take a release from where it is published, and bring one up to date: nothing is used before its digest was checked.

    pull     versions.json names the release by the digest of its tagmanifest; that lists every other file
    update   the same for a later version, with what is there, or follows from it by the deltas, not fetched again

Everything comes to lie in `<folder>/.incoming` first. A run that is killed is taken up where it stopped: a file that is
there is not fetched again, and one that is there in part is fetched from its end on. `.origin.json` notes where the
release came from, `.versions.json` keeps the list as it was seen last: what a later list must go on from.
"""

import datetime
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import schema
from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import catalogue, changes, limited, manifest, signature, store, tables
from pipeline.release.remote import Remote, WrongDigest

_INCOMING, _LISTED, _MADE = ".incoming", "fetched", "made"
_README = "README.md"
_FIRST = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came.

    Attributes:
        version: the release that now lies in the folder, whole.
        new: False when it lay there already.
        downloaded: bytes that were fetched.
        bytes: of the whole release.
        rebuilt: files that were made from the older release and the deltas.
        warnings: what the user should know.
    """

    version: str
    new: bool
    downloaded: int
    bytes: int
    rebuilt: int = 0
    warnings: tuple[str, ...] = ()


def pull(source: str, folder: Path, signers: Path | None = None) -> Fetched:
    """Fetch a release into a folder, which then loads with `datasets.load_dataset(folder)`.

    Args:
        source: address or path of a package, `https://host/name` or `https://host/name@1.2.0`; without a version the
            latest that is not yanked.
        folder: where to: not there yet, empty, or what an interrupted pull left.
        signers: an allowed-signers file of ssh; with it list and release must be signed by one of these.

    Raises:
        StoreError: what cannot be reached or written, a version that there is not, a folder that holds something else.
        ReleaseRefused: a release that was withdrawn, bytes that are not those published, or a list that is an attack:
            the message begins with its name (rollback, freeze, fast-forward, edited, mixed, tampered).
    """
    base, wanted = _parsed(source)
    noted = _origin(folder)
    if (
        noted is None
        and folder.exists()
        and (not folder.is_dir() or {path.name for path in folder.iterdir()} - {_INCOMING})
    ):
        raise StoreError(f"{folder}: is there and holds something else. Name a new or empty folder.")
    remote = Remote(base)
    held = _catalogue(remote, folder, signers, latest=wanted is None)
    entry, warnings = _chosen(held, wanted, base)
    if noted and noted["tagmanifest_sha256"] != entry.tagmanifest_sha256:
        raise StoreError(
            f"{folder}: holds {noted['version']}, not {entry.version}. `onrecord update` brings it up to date; "
            "for another version name another folder."
        )
    with _incoming(folder) as incoming:
        new = noted is None or bool(_damaged(folder, entry.tagmanifest_sha256))
        if new:
            lists = _lists(remote, held, entry, incoming, signers)
            _complete(remote, held, base, entry, folder, incoming, lists, [folder])
        _remember(folder, incoming, held)
    return Fetched(entry.version, new, remote.received, entry.bytes, warnings=warnings)


def update(folder: Path, to: str | None = None, signers: Path | None = None) -> Fetched:
    """Bring a folder that `pull` made up to a later version: the latest, or the one named.

    What the two releases share is kept, tables are made from the old ones and the deltas between them; what does not
    then hash to what was published is fetched whole.

    Raises StoreError and ReleaseRefused as `pull` does; StoreError also for an older version.
    """
    noted = _origin(folder)
    if noted is None:
        raise StoreError(f"{folder}: was not made by `onrecord pull`, so nothing tells where its releases are.")
    remote = Remote(noted["source"])
    held = _catalogue(remote, folder, signers, latest=to is None)
    here = held.get(noted["version"])
    if here is None or here.tagmanifest_sha256 != noted["tagmanifest_sha256"]:
        name = "rollback" if here is None else "edited"
        raise ReleaseRefused(
            f"{name}: {noted['source']} does not list the {noted['version']} that lies in {folder}: its history was "
            "rewritten. Ask who publishes it; nothing was changed."
        )
    entry, warnings = _chosen(held, to, noted["source"])
    if _follows(here.version, entry.version):
        raise StoreError(f"{folder}: holds {here.version}; pull the older {entry.version} into another folder.")
    if here.status != "active":
        warnings += (f"the {here.version} that lay in {folder} is {here.status}: {here.reason}.",)
    with _incoming(folder) as incoming:
        damaged = _damaged(folder, here.tagmanifest_sha256)
        if entry == here and not damaged:
            _remember(folder, incoming, held)
            return Fetched(entry.version, False, remote.received, entry.bytes, warnings=warnings)
        lists = _lists(remote, held, entry, incoming, signers)
        made = incoming / _MADE
        if damaged:
            warnings += (f"{folder / damaged[0]}: is not as it was published; what is damaged is fetched anew.",)
        elif entry != here and not _rebuild(remote, held, here, entry, folder, made, lists):
            warnings += (f"no delta leads from {here.version} to {entry.version}: its tables are fetched whole.",)
        rebuilt = sum(_holds(made / name, digest) for name, digest in lists.items())
        _complete(remote, held, noted["source"], entry, folder, incoming, lists, [folder, made])
        _remember(folder, incoming, held)
    return Fetched(entry.version, True, remote.received, entry.bytes, rebuilt, warnings)


def _parsed(source: str) -> tuple[str, str | None]:
    """Address or path of a package, and the version that stands behind it: `name@1.2.0` or `name/1.2.0`."""
    base, version = source.removeprefix("file://").rstrip("/"), None
    for mark in "@/":
        head, _, tail = base.rpartition(mark)
        if head and version is None and store.parse_version(tail):
            base, version = head.rstrip("/"), tail
    if "://" in base and not base.lower().startswith(("http://", "https://")):
        raise StoreError(f"{source}: give a path or an address that begins with http:// or https://.")
    return (base if "://" in base else os.path.abspath(base)), version


def _origin(folder: Path) -> dict[str, str] | None:
    """What `.origin.json` notes: source, version, tagmanifest_sha256; None when there is none."""
    path = folder / manifest.ORIGIN
    try:
        if not os.path.lexists(path):
            return None
        noted = json.loads(manifest.small(path))
        return {key: str(noted[key]) for key in ("source", "version", "tagmanifest_sha256")}
    except (StoreError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{path}: is damaged ({error}). Pull the release into a new folder.") from error


@contextmanager
def _incoming(folder: Path) -> Iterator[Path]:
    """The folder in which files arrive, held by one process at a time; links in it are refused."""
    incoming = folder / _INCOMING
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if incoming.is_symlink():
            raise StoreError(f"{incoming}: is a link. Delete it.")
        incoming.mkdir(exist_ok=True)
        with (incoming / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                told = f"{folder}: another process is fetching into it. Run again when it is done."
                raise StoreError(told) from error
            for path in incoming.rglob("*"):
                if path.is_symlink():
                    raise StoreError(f"{path}: is a link. Delete {incoming}.")
            yield incoming
        shutil.rmtree(incoming)
    except OSError as error:
        raise StoreError(
            f"{error.filename or folder}: {error.strerror or error}. Mend the cause and run again: it goes on there."
        ) from error


def _catalogue(remote: Remote, folder: Path, signers: Path | None, *, latest: bool) -> catalogue.Catalogue:
    """The list of versions as it is published now, held against attacks and against the one that was seen last.

    `latest` asks for the last list there is, which may not have expired; a version that is named needs none.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / catalogue.FILE
        remote.fetch(catalogue.FILE, path, limit=manifest.LIST_BYTES)
        try:
            held = catalogue.load(path)
        except StoreError:
            raise ReleaseRefused(
                f"edited: {remote.base}/{catalogue.FILE}: is damaged, or of a later onrecord than this one. "
                "Update onrecord, or ask who publishes it."
            ) from None
    now = datetime.datetime.now(datetime.UTC)
    wrong = catalogue.attacked(held, now if latest else None, signers)
    seen = folder / manifest.SEEN
    if wrong is None and os.path.lexists(seen):
        wrong = catalogue.continues(catalogue.load(seen), held)
    if wrong:
        name, _, told = wrong.partition(": ")
        raise ReleaseRefused(
            f"{name}: {remote.base}/{catalogue.FILE}: {told}. Nothing was used. Ask who publishes it, by another way; "
            "if it is right after all, pull into a new folder."
        )
    return held


def _remember(folder: Path, incoming: Path, held: catalogue.Catalogue) -> None:
    """Keep the list that was accepted beside the release."""
    (incoming / manifest.SEEN).write_text(held.to_json(), encoding="utf-8", newline="\n")
    (incoming / manifest.SEEN).replace(folder / manifest.SEEN)


def _follows(version: str, previous: str | None) -> bool:
    return previous is None or (store.parse_version(previous) or _FIRST) < (store.parse_version(version) or _FIRST)


def _chosen(held: catalogue.Catalogue, wanted: str | None, base: str) -> tuple[catalogue.Entry, tuple[str, ...]]:
    """The release to take, and what to say of it: the one named, else the latest that is active."""
    entry = held.get(wanted) if wanted else held.latest
    there = ", ".join(f"{one.version}{'' if one.status == 'active' else f' ({one.status})'}" for one in held.versions)
    if entry is None:
        raise StoreError(
            f"{base} has no {f'version {wanted}' if wanted else 'active version'}. There are: {there or 'none'}."
        )
    instead = f" Take {entry.replaced_by}." if entry.replaced_by else ""
    if entry.status == "withdrawn":
        raise ReleaseRefused(f"{held.package} {entry.version} was withdrawn: {entry.reason}.{instead}")
    if entry.status == "yanked":
        return entry, (f"{held.package} {entry.version} was yanked: {entry.reason}.{instead}",)
    return entry, ()


def _lists(
    remote: Remote, held: catalogue.Catalogue, entry: catalogue.Entry, incoming: Path, signers: Path | None = None
) -> dict[str, str]:
    """The digest of every file of a release by path, from its two lists, which are fetched and vouched for first."""
    place = incoming / _LISTED / entry.version
    found = {manifest.TAGS: entry.tagmanifest_sha256}
    _have(remote, held, entry.version, manifest.TAGS, entry.tagmanifest_sha256, place, manifest.LIST_BYTES)
    tags = manifest.read(place / manifest.TAGS)
    if entry.signature_sha256:
        found[manifest.SIGNATURE] = entry.signature_sha256
        _have(remote, held, entry.version, manifest.SIGNATURE, entry.signature_sha256, place, manifest.LIST_BYTES)
    if wrong := signature.check(place, signers)[0]:
        raise ReleaseRefused(f"edited: {remote.base}/{entry.version}/{manifest.SIGNATURE}: {wrong}. Nothing was used.")
    if manifest.PAYLOAD not in tags or any(name.startswith("data/") for name in tags):
        raise ReleaseRefused(f"edited: {remote.base}/{entry.version}/{manifest.TAGS}: is not the list of a release.")
    _have(remote, held, entry.version, manifest.PAYLOAD, tags[manifest.PAYLOAD], place, manifest.LIST_BYTES)
    payload = manifest.read(place / manifest.PAYLOAD)
    if not all(name.startswith("data/") for name in payload):
        raise ReleaseRefused(f"edited: {remote.base}/{entry.version}/{manifest.PAYLOAD}: is not the list of a release.")
    return found | tags | payload


def _have(
    remote: Remote, held: catalogue.Catalogue, version: str, name: str, digest: str, place: Path, limit: int
) -> None:
    """See to it that a file of a release lies in `place`; what comes from another release is told from what is new."""
    if _holds(place / name, digest):
        return
    try:
        remote.fetch(f"{version}/{name}", place / name, limit=limit, digest=digest)
    except WrongDigest as wrong:
        if other := _owner(remote, held, wrong.found, place.parent):
            raise ReleaseRefused(
                f"mixed: {remote.base}/{version}/{name}: is a file of {other}, so two releases are mixed. It was not "
                "used; ask who publishes it, or take it from elsewhere."
            ) from None
        raise ReleaseRefused(f"tampered: {wrong}") from None


def _owner(remote: Remote, held: catalogue.Catalogue, digest: str, fetched: Path) -> str | None:
    """The release of the package, of the last ten, that has a file with this digest."""
    for entry in held.versions[-10:]:
        known = {manifest.TAGS: entry.tagmanifest_sha256, manifest.PAYLOAD: entry.manifest_sha256}
        for name, sum_ in list(known.items()):
            place = fetched / entry.version / name
            with suppress(StoreError, ReleaseRefused):
                if not _holds(place, sum_):
                    remote.fetch(f"{entry.version}/{name}", place, limit=manifest.LIST_BYTES, digest=sum_)
                known |= manifest.read(place)
        if digest in known.values():
            return entry.version
    return None


def _holds(path: Path, digest: str) -> bool:
    return path.is_file() and not path.is_symlink() and manifest.digest(path) == digest


def _damaged(folder: Path, expected: str) -> list[str]:
    """The files of the release in a folder that are not as its lists say; other files are the user's own."""
    if not _holds(folder / manifest.TAGS, expected):
        return [manifest.TAGS]
    tags = manifest.read(folder / manifest.TAGS)
    if not _holds(folder / manifest.PAYLOAD, tags[manifest.PAYLOAD]):
        return [manifest.PAYLOAD]
    listed = tags | manifest.read(folder / manifest.PAYLOAD)
    return [name for name, digest in listed.items() if not _holds(folder / name, digest)]


def _rebuild(
    remote: Remote,
    held: catalogue.Catalogue,
    here: catalogue.Entry,
    entry: catalogue.Entry,
    folder: Path,
    made: Path,
    lists: Mapping[str, str],
) -> bool:
    """Make the data files of a release from the older one in the folder; False when no chain of deltas leads there."""
    chain = []
    step: catalogue.Entry | None = entry
    while step and step.version != here.version:
        chain.append(step)
        step = held.get(step.previous) if step.previous else None
    if step is None or any(one.status == "withdrawn" for one in chain):
        return False
    left = entry.bytes  # deltas that come to more than the release are no help
    steps = []
    try:
        for one in reversed(chain):
            place = made.with_name(_LISTED) / one.version
            inside = f"changes/from-{one.previous}/"
            for name, digest in _lists(remote, held, one, made.parent).items():
                if name.startswith(inside):
                    _have(remote, held, one.version, name, digest, place, left)
                    left -= (place / name).stat().st_size
            if not json.loads(manifest.small(place / inside / "changes.json"))["delta"]:
                return False
            steps.append(place / inside)
        limited.refuse_bombs([path for step in steps for path in sorted(step.glob("*.parquet"))])
        limited.refuse_bombs(sorted((folder / "data").glob("*.parquet")))
        changes.apply(folder / "data", steps, made / "data")
    except (StoreError, FileNotFoundError):  # a release between is gone, or was made with other schemas than ours
        return False
    except (ValueError, KeyError, TypeError, RecursionError, pa.ArrowException):  # an account that is none
        return False
    (made / "data" / "csv").mkdir(exist_ok=True)
    for name in schema.TABLES:
        if f"data/csv/{name}.csv" in lists:
            rows = pq.read_table(made / "data" / f"{name}.parquet")
            tables.write_csv(rows, made / "data" / "csv" / f"{name}.csv")
    return True


def _complete(
    remote: Remote,
    held: catalogue.Catalogue,
    base: str,
    entry: catalogue.Entry,
    folder: Path,
    incoming: Path,
    lists: Mapping[str, str],
    sources: Sequence[Path],
) -> None:
    """Bring all files of a release together beside their place, then move them into it.

    A file with the right digest in one of `sources` is not fetched. Files of the release that lay there before are
    removed; README.md, by which readers know a dataset, goes first and comes last.
    """
    place = incoming / _LISTED / entry.version
    left = entry.bytes
    for name, digest in lists.items():
        source = next((source for source in sources if _holds(source / name, digest)), None)
        if source is folder:
            continue
        if source is not None:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).replace(place / name)
        else:
            _have(remote, held, entry.version, name, digest, place, left)
            left -= (place / name).stat().st_size
    real = folder.resolve()
    ordered = sorted(lists, key=lambda name: (name == _README, name == manifest.TAGS, name))
    before = _names(folder)
    note = json.dumps(
        {"source": base, "tagmanifest_sha256": entry.tagmanifest_sha256, "version": entry.version}, indent=2
    )
    (incoming / manifest.ORIGIN).write_text(note + "\n", encoding="utf-8")
    (incoming / manifest.ORIGIN).replace(folder / manifest.ORIGIN)
    if not _holds(folder / _README, lists.get(_README, "")):
        (folder / _README).unlink(missing_ok=True)
    for name in before - lists.keys():
        (folder / name).unlink(missing_ok=True)
        _prune((folder / name).parent, folder)
    for name in ordered:
        if (place / name).exists():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.parent.resolve() != real / Path(name).parent:
                raise StoreError(f"{target.parent}: is a link. Delete it: a release has none.")
            (place / name).replace(target)


def _names(folder: Path) -> set[str]:
    """The files of the release that lies in a folder, as far as its lists can be read."""
    found: set[str] = set()
    for name in (manifest.TAGS, manifest.PAYLOAD):
        with suppress(StoreError):
            found |= manifest.read(folder / name).keys()
    return found


def _prune(folder: Path, root: Path) -> None:
    """Remove folders that are empty now."""
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
