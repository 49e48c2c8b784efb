"""A built release into its package, and the package's files made to say so.

Data, descriptors and sums were written and are made durable; the folder is renamed into place; its zip follows; then
the list of versions, the pointer, the feed, the page and the index. A run that is killed leaves the list behind the
folders at worst: `settle`, with which every next one begins, brings all of it up to what lies there.
"""

import datetime
import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.check import Report
from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import catalogue, manifest, page, provenance, store, verify


def publish(built: Path, home: Path, version: str, key: Path | None = None) -> None:
    """Rename a finished folder into its place and list it; call it inside `store.staging`.

    `key` is the file of the ssh key that signs the list. Raises StoreError when that is needed and not given, and
    ReleaseRefused for a version that leaps beyond what a reader accepts.
    """
    before = catalogue.read(home)
    catalogue.must_sign(before, key)
    if before.last and (reached := catalogue.leaps(before.last.version, version)):
        raise ReleaseRefused(f"{before.package}: {reached}. Name a lower version.")
    store.place(built, home, version)
    finish(home, settle(home, key))


def settle(home: Path, key: Path | None = None, *, renew: bool = False) -> catalogue.Catalogue:
    """Bring the catalogue of a package up to the releases that lie there, and finish what a killed run began.

    A release folder that is not listed is listed when it is whole and follows the last one; `renew` states the time of
    the list anew. Call it inside `store.staging`. Raises StoreError when a folder is no such release, with what to do,
    and when the list is signed and there is no key.
    """
    before = held = catalogue.read(home)
    for version in store.versions(home):
        if held.get(version) is None:
            held = replace(held, versions=(*held.versions, _adopted(home, version, held.last)))
    held = catalogue.stated(before, catalogue.replaced(held), _epoch(), key, renew=renew)
    if held.versions:
        write(home, held)
    return held


def write(home: Path, held: catalogue.Catalogue) -> None:
    """Make the files of a package say what the catalogue holds; call it inside `store.staging`.

    The list first, so that nobody is sent to a withdrawn release; then its payload is deleted; then what is computed.
    """
    store.replace(home, home / catalogue.FILE, held.to_json())
    for entry in held.versions:
        if entry.status == "withdrawn":
            _purge(home, entry)
        else:
            store.archive(home, entry.version)
    for name, content in catalogue.derived(held).items():
        if content is not None:
            store.replace(home, home / name, content)
        elif (home / name).exists():
            store.delete(home / name)


def finish(home: Path, held: catalogue.Catalogue) -> None:
    """Write a package's catalogue, then the page and index of all packages; call it inside `store.staging`."""
    write(home, held)
    output = home.parent
    with store.shared(output):
        lists = sorted(output.glob(f"*/{catalogue.FILE}"))
        store.replace(home, output / page.FILE, page.catalogue([json.loads(path.read_bytes()) for path in lists]))
        store.replace(home, output / page.BROWSER, page.browser(catalogue.vouched(output, page.BROWSER)))
        store.replace(home, output / catalogue.INDEX, catalogue.index(output))


def refuse(home: Path, version: str, report: Report) -> None:
    """Note in the list of versions that a run was refused, and for which checks; not in a list that is signed."""
    failed = [f"{check.table}: {check.name}" for check in report.checks if check.failed]
    with store.staging(home):
        held = settle(home)
        if held.signature is None:
            held = catalogue.stated(held, catalogue.failed(held, version, failed), _epoch(), None, renew=False)
        finish(home, held)


def renew(home: Path, key: Path | None = None) -> catalogue.Catalogue:
    """Finish what a killed run began, state the time of the list anew, and make all files of the catalogue again.

    A signed list keeps its time when no key is given. Raises StoreError when there is no such package, or a release in
    it is not whole.
    """
    _must_be_there(home)
    with store.staging(home):
        held = settle(home, key, renew=True)
        finish(home, held)
    return held


def yank(home: Path, version: str, reason: str, key: Path | None = None) -> catalogue.Catalogue:
    """Mark a release as wrong: it stays for whoever names it, and nobody is led to it.

    Raises StoreError when there is no such package or version, and when a signed list is given no key.
    """
    return _stand_down(home, (version,), "yanked", reason, key)


def withdraw(home: Path, versions: Sequence[str], reason: str, key: Path | None = None) -> catalogue.Catalogue:
    """Delete the payload and zip of some releases for good; their tombstones and sums stay."""
    return _stand_down(home, versions, "withdrawn", reason, key)


def _stand_down(home: Path, versions: Sequence[str], status: str, reason: str, key: Path | None) -> catalogue.Catalogue:
    _must_be_there(home)
    with store.staging(home):
        before = settle(home, key)
        held = catalogue.stood_down(before, versions, status, reason)
        held = catalogue.stated(before, held, _epoch(), key, renew=False)
        finish(home, held)
    return held


def _must_be_there(home: Path) -> None:
    if not home.is_dir() or not (store.versions(home) or (home / catalogue.FILE).is_file()):
        raise StoreError(f"{home}: there is no such package (no {catalogue.FILE} and no release in it).")


def _adopted(home: Path, version: str, last: catalogue.Entry | None) -> catalogue.Entry:
    """A release that lies there, as its entry; StoreError unless it is whole and follows the last one."""
    folder = home / version
    advice = "Move it away, or take it again from where it came"
    if (folder / catalogue.TOMBSTONE).is_file():
        try:
            return catalogue.entry((folder / catalogue.TOMBSTONE).read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreError(f"{folder / catalogue.TOMBSTONE}: is damaged. {advice}.") from error
    if faults := verify.fixity(folder):
        told = "; ".join(f"{fault.file}: {fault.message}" for fault in faults[:3])
        raise StoreError(f"{folder}: is not listed in {catalogue.FILE} and is no whole release ({told}). {advice}.")
    said = json.loads((folder / provenance.FILE).read_text(encoding="utf-8"))
    wanted = last and {"version": last.version, "tagmanifest_sha256": last.tagmanifest_sha256}
    if (said["package"], said["version"], said["previous"]) != (home.name, version, wanted):
        raise StoreError(
            f"{folder}: is not listed in {catalogue.FILE} and does not follow "
            f"{last.version if last else 'nothing'}: its {provenance.FILE} says {said['package']} {said['version']} "
            f"after {said['previous']}. {advice}."
        )
    tables = json.loads((folder / "tables.json").read_text(encoding="utf-8"))["tables"]
    archive = store.archive(home, version)
    signed = folder / manifest.SIGNATURE
    return catalogue.Entry(
        version=version,
        status="active",
        reason=None,
        replaced_by=None,
        manifest_sha256=manifest.digest(folder / manifest.PAYLOAD),
        tagmanifest_sha256=manifest.digest(folder / manifest.TAGS),
        signature_sha256=manifest.digest(signed) if signed.is_file() else None,
        previous=last.version if last else None,
        previous_tagmanifest_sha256=last.tagmanifest_sha256 if last else None,
        bytes=sum((folder / name).stat().st_size for name in manifest.files(folder)),
        rows={name: tables[name]["rows"] for name in sorted(tables)},
        archive=catalogue.Archive(archive.name, archive.stat().st_size, manifest.digest(archive)),
        published=_published(last),
    )


_NO_TIME = 253_339_228_800
"""The first second of the year 9998. What is stated holds for 366 days, and a year has four digits."""


def _published(last: catalogue.Entry | None) -> str | None:
    """The time that SOURCE_DATE_EPOCH gives, never before that of the last release: a clock may have been set back."""
    epoch = _epoch()
    if epoch is None:
        return None
    time = datetime.datetime.fromtimestamp(epoch, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return max(time, last.published) if last and last.published else time


def today() -> datetime.date:
    """The day that SOURCE_DATE_EPOCH gives, in UTC; where it is not set, that of the clock."""
    epoch = _epoch()
    now = datetime.datetime.now(datetime.UTC)
    return (now if epoch is None else datetime.datetime.fromtimestamp(epoch, datetime.UTC)).date()


def _epoch() -> int | None:
    """The seconds since 1970 that SOURCE_DATE_EPOCH gives; None when it is not set. StoreError when it is no time."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not given:
        return None
    if not re.fullmatch("[0-9]{1,12}", given) or int(given) >= _NO_TIME:
        raise StoreError(f"SOURCE_DATE_EPOCH={given[:20]}: is no time. Give seconds since 1970, or leave it unset.")
    return int(given)


def _purge(home: Path, entry: catalogue.Entry) -> None:
    """Delete the payload of a withdrawn release; its sums and signature stay, so that the chain can be followed."""
    folder = home / entry.version
    store.replace(home, folder / catalogue.TOMBSTONE, catalogue.tombstone(entry))
    for path in (home / f"{home.name}-{entry.version}.zip", *sorted(folder.iterdir())):
        if path.exists() and path.name not in catalogue.REMAINS:
            store.delete(path)
