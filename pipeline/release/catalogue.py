"""What a reader asks before he takes a release: which there are, how they stand, which is the latest.

    <output>/<package>/versions.json   every release there ever was, oldest first, each naming the digest of the one
                                       before; active, yanked or withdrawn, why, and what replaces it; and the runs
                                       that were refused
    <output>/<package>/latest.json     a pointer to the highest active release, replaced in one step; never a data path
    <output>/<package>/feed.xml        the same for feed readers (Atom)
    <output>/index.json                the packages

versions.json is kept; the others are computed from it. No clock is read: a release has a time of publication only when
SOURCE_DATE_EPOCH (seconds since 1970) gave one, and order goes by version.

A list of versions only grows: releases are added at its end, and their standing only falls. So whoever remembers the
list that he saw last needs no counter to know an older or a rewritten one (`continues`), and `attacked` says what is
wrong with a list by itself. One file with digest, time, expiry and signature inside cannot be mixed with another; that,
and that one key signs here, is why this is not TUF, whose roles and threshold keys a folder on a plain server has not.
"""

import datetime
import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from pipeline import schema
from pipeline.errors import StoreError
from pipeline.release import manifest, signature, store

FILE, LATEST, FEED, INDEX = "versions.json", "latest.json", "feed.xml", "index.json"
TOMBSTONE = "TOMBSTONE.json"
REMAINS = {TOMBSTONE, manifest.PAYLOAD, manifest.TAGS, manifest.SIGNATURE}
"""What stays in the folder of a withdrawn release."""
FAILURES = 20
"""Refused runs that are kept, the last ones."""
STATUSES = ("active", "yanked", "withdrawn")
"""How a release may stand; it only falls."""
LASTS = datetime.timedelta(days=366)
"""How long a list may be taken for the last one, from the time that it states: whoever is led to the latest by an older
one may be held back by somebody. A year, because corpora come out some times a year; `onrecord catalogue` renews it."""
AHEAD = datetime.timedelta(days=1)
"""How far the clocks of those who publish and read may differ."""
LEAP = 10_000
"""By how much a number of a version may rise at once. A version that leaps further would use up the numbers (999999 is
the last): none could follow."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ARCHIVE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\.zip")
_STAMP = "%Y-%m-%dT%H:%M:%SZ"
_PAGES = ("index.html", "browser.js")  # what page.write_catalogue writes


@dataclass(frozen=True, slots=True)
class Archive:
    """The zip of a release."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One release.

    Attributes:
        version: X.Y.Z.
        status: active; yanked: wrong, still there for whoever names it; withdrawn: its payload is deleted.
        reason: why it is not active.
        replaced_by: the version to take in its stead; None when there is none, or it is active.
        manifest_sha256: digest of manifest-sha256.txt, which names the data.
        tagmanifest_sha256: digest of tagmanifest-sha256.txt, which names the release.
        previous: the version before, None for the first.
        previous_tagmanifest_sha256: digest of the release before.
        bytes: of all files.
        rows: of each table.
        archive: the zip; None when withdrawn.
        signature_sha256: digest of the signature; None for a release that is not signed.
        published: time of publication, ISO 8601 in UTC; None when none was given.
    """

    version: str
    status: str
    reason: str | None
    replaced_by: str | None
    manifest_sha256: str
    tagmanifest_sha256: str
    previous: str | None
    previous_tagmanifest_sha256: str | None
    bytes: int
    rows: dict[str, int]
    archive: Archive | None
    signature_sha256: str | None
    published: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that was refused: after which release, as which version, and the checks that failed ('table: name')."""

    after: str | None
    version: str
    failed_checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What versions.json holds.

    Attributes:
        package: its name.
        title: for people.
        versions: every release, oldest first.
        failed: the last runs that were refused.
        stated: when the list was made so or renewed, ISO 8601 in UTC; None when no time was given.
        expires: until when it may be taken for the last one; None with `stated`.
        signature: of the list without it, by ssh-keygen; None for a list that is not signed.
    """

    package: str
    title: str
    versions: tuple[Entry, ...] = ()
    failed: tuple[Failure, ...] = ()
    stated: str | None = None
    expires: str | None = None
    signature: str | None = None

    @property
    def last(self) -> Entry | None:
        """The release that the next one follows, however it stands."""
        return self.versions[-1] if self.versions else None

    @property
    def latest(self) -> Entry | None:
        """The highest active release."""
        return next((entry for entry in reversed(self.versions) if entry.status == "active"), None)

    def get(self, version: str) -> Entry | None:
        """The release of that version; None when there is none."""
        return next((entry for entry in self.versions if entry.version == version), None)

    def before(self, version: str) -> Entry | None:
        """The release that a version follows or, when there is no such version, would follow."""
        held = self.get(version)
        return self.last if held is None else self.get(held.previous) if held.previous else None

    def with_entry(self, entry: Entry) -> "Catalogue":
        """The catalogue with an entry in place of the one of its version."""
        return replace(self, versions=tuple(entry if held.version == entry.version else held for held in self.versions))

    def to_json(self) -> str:
        """The text of versions.json: keys sorted, with its own digest, so that a flipped bit is found in it too."""
        return _sealed(self._told() | ({"signature": self.signature} if self.signature else {}))

    def signed_text(self) -> bytes:
        """What its signature signs: versions.json without digest and signature."""
        return _json(self._told()).encode()

    def _told(self) -> dict[str, Any]:
        told = asdict(self)
        del told["signature"]
        return {key: value for key, value in told.items() if value is not None}


def read(home: Path) -> Catalogue:
    """The catalogue of a package, empty when there is none yet; what `load` says of its versions.json."""
    path = home / FILE
    return load(path) if os.path.lexists(path) else Catalogue(home.name, schema.package()["title"])


def load(path: Path) -> Catalogue:
    """The catalogue that a versions.json holds.

    Raises StoreError when it is not as it was written: it decides what is deleted and what is latest.
    """
    content = manifest.small(path)
    try:
        told = json.loads(content)
        found = Catalogue(
            told["package"],
            told["title"],
            tuple(_entry(entry) for entry in told["versions"]),
            tuple(
                Failure(failure["after"], failure["version"], tuple(failure["failed_checks"]))
                for failure in told["failed"]
            ),
            *(told.get(name) for name in ("stated", "expires", "signature")),
        )
        if found.to_json().encode() != content or not _sound(found):
            found = None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found = None
    if found is None:
        raise StoreError(
            f"{path}: is damaged or was changed by hand. Take it again from a copy; without one, delete it: the next "
            "run lists the releases that lie there anew, all as active."
        )
    return found


def attacked(held: Catalogue, now: datetime.datetime | None, signers: Path | None = None) -> str | None:
    """What is wrong with a list by itself, beginning with the name of the attack that it would be; None when nothing.

    Args:
        held: the list.
        now: the time; None when it does not matter whether it has expired.
        signers: as for `signature.fits`; with it a list must be signed.
    """
    before: Entry | None = None
    for entry in held.versions:
        if (entry.previous, entry.previous_tagmanifest_sha256) != (
            before and before.version,
            before and before.tagmanifest_sha256,
        ):
            return f"edited: {entry.version} does not name the release before it: the chain is broken"
        if before and (reached := leaps(before.version, entry.version)):
            return f"fast-forward: {reached}"
        before = entry
    if held.signature is None:
        if signers is not None:
            return "edited: the list is not signed, and --signers asks for a signature"
    elif wrong := signature.fits(held.signed_text(), held.signature.encode(), signature.LIST, signers)[0]:
        return f"edited: the signature of the list {wrong}"
    if now is None or held.stated is None or held.expires is None:
        return None
    if _time(held.stated) > now + AHEAD:
        return f"fast-forward: the list is dated {held.stated}, which is yet to come (here it is {_stamp(now)})"
    if _time(held.expires) < now:
        return (
            f"freeze: the list expired on {held.expires} (here it is {_stamp(now)}), so it may be an old one that "
            "somebody goes on showing. A version that is named can be taken all the same"
        )
    return None


def continues(seen: Catalogue, held: Catalogue) -> str | None:
    """Why a list cannot be the one that followed another, beginning with the name of the attack; None when it can."""
    for at, old in enumerate(seen.versions):
        if at >= len(held.versions):
            return f"rollback: the list lacks {old.version}, which it held when it was seen last"
        new = held.versions[at]
        if (new.version, new.tagmanifest_sha256) != (old.version, old.tagmanifest_sha256):
            return f"edited: the list no longer has the {old.version} that was seen last; its history was rewritten"
        if STATUSES.index(new.status) < STATUSES.index(old.status):
            return f"rollback: {old.version} was {old.status} when the list was seen last, and is {new.status} now"
    if seen.stated and (held.stated is None or held.stated < seen.stated):
        return f"rollback: the list is dated {held.stated or 'not at all'}, the one seen last {seen.stated}"
    if seen.signature is not None:
        keys = [
            signature.key_of(
                signature.fits(one.signed_text(), one.signature.encode(), signature.LIST)[1] if one.signature else ""
            )
            for one in (seen, held)
        ]
        if keys[0] != keys[1]:
            return f"edited: the list seen last was signed with {keys[0]}, this one {keys[1] or 'is not signed'}"
    return None


def leaps(before: str, version: str) -> str | None:
    """That a version lies out of reach of the one before it; None when it does not."""
    old, new = store.parse_version(before), store.parse_version(version)
    if old and new and max(now - then for now, then in zip(new, old, strict=True)) > LEAP:
        return f"{version} leaps over more than {LEAP:,} versions after {before}"
    return None


def derived(held: Catalogue) -> dict[str, str | None]:
    """The files computed from a package's catalogue; None for one that must not be there."""
    latest = held.latest
    pointer = latest and {
        "package": held.package,
        "version": latest.version,
        "tagmanifest_sha256": latest.tagmanifest_sha256,
        **({"expires": held.expires} if held.expires else {}),
    }
    return {LATEST: _json(pointer) if pointer else None, FEED: _feed(held)}


def tombstone(entry: Entry) -> str:
    """What stands in the folder of a withdrawn release beside the sums of what was there."""
    return _json(asdict(entry))


def entry(tombstone: str) -> Entry:
    """The entry that a tombstone tells of; ValueError, KeyError, TypeError or RecursionError when it is none."""
    return _entry(json.loads(tombstone))


def stated(before: Catalogue, held: Catalogue, epoch: int | None, key: Path | None, *, renew: bool) -> Catalogue:
    """A changed list with its time and signature; the one before when nothing changed and it is not to be renewed.

    Args:
        before: the list as it lies there.
        held: as it shall be.
        epoch: seconds since 1970; None when no time is given, and that of the list before stays.
        key: file of the ssh key that signs it.
        renew: state the time anew also when nothing else changed.

    Raises StoreError when the list before is signed, this one is another, and no key is given.
    """
    same = replace(held, stated=before.stated, expires=before.expires, signature=before.signature) == before
    if same and (not renew or (before.signature and key is None)):
        return before
    must_sign(before, key)
    time = before.stated
    if epoch is not None:  # a clock may have been set back
        time = max(filter(None, (before.stated, _stamp(datetime.datetime.fromtimestamp(epoch, datetime.UTC)))))
    held = replace(held, stated=time, expires=time and _stamp(_time(time) + LASTS), signature=None)
    return replace(held, signature=signature.of(held.signed_text(), key, signature.LIST)) if key else held


def must_sign(before: Catalogue, key: Path | None) -> None:
    """Raise StoreError when a list is signed and no key is given that could sign another."""
    if before.signature is not None and key is None:
        raise StoreError(
            f"{before.package}: its list of versions is signed, so a new one must be. Give the key: --key."
        )


def index(output: Path) -> str:
    """The text of <output>/index.json, which also vouches for the page beside it.

    Raises StoreError when the catalogue of a package cannot be read.
    """
    packages = []
    for path in sorted(output.glob(f"*/{FILE}")):
        held = read(path.parent)
        packages.append(
            {
                "package": held.package,
                "title": held.title,
                "latest": held.latest.version if held.latest else None,
                "versions": f"{held.package}/{FILE}",
                "feed": f"{held.package}/{FEED}",
            }
        )
    pages = {name: manifest.digest(output / name) for name in _PAGES if (output / name).is_file()}
    return _sealed({"packages": packages, "pages": pages})


def vouched(output: Path, name: str) -> str | None:
    """The text of a page as <output>/index.json vouches for it; None where it does not."""
    try:
        told = json.loads((output / INDEX).read_bytes())["pages"][name]
        content = (output / name).read_bytes()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return content.decode("utf-8") if hashlib.sha256(content).hexdigest() == told else None


def failed(held: Catalogue, version: str, failed_checks: Iterable[str]) -> Catalogue:
    """The catalogue with a refused run noted, once."""
    failure = Failure(held.last.version if held.last else None, version, tuple(failed_checks))
    return held if failure in held.failed else replace(held, failed=(*held.failed, failure)[-FAILURES:])


def stood_down(held: Catalogue, versions: Sequence[str], status: str, reason: str) -> Catalogue:
    """The catalogue with some releases yanked or withdrawn.

    Raises StoreError for a version that is not there, and for yanking what is withdrawn.
    """
    for version in versions:
        entry = held.get(version)
        if entry is None:
            there = ", ".join(one.version for one in held.versions) or "none"
            raise StoreError(f"{held.package} has no version {version}. There are: {there}.")
        if entry.status == "withdrawn" and status == "yanked":
            raise StoreError(f"{held.package} {version} is withdrawn: there is nothing left to yank.")
        gone = None if status == "withdrawn" else entry.archive
        held = held.with_entry(replace(entry, status=status, reason=reason, archive=gone))
    return replaced(held)


def replaced(held: Catalogue) -> Catalogue:
    """The catalogue in which whatever is not active names what to take: the next active release, else the latest."""
    instead = held.latest.version if held.latest else None
    for entry in reversed(held.versions):
        if entry.status == "active":
            instead = entry.version
        else:
            held = held.with_entry(replace(entry, replaced_by=instead))
    return held


def _entry(told: dict[str, Any]) -> Entry:
    entry = Entry(**(told | {"archive": Archive(**told["archive"]) if told["archive"] else None}))
    if not _fits(entry):
        raise ValueError(told)
    return entry


def _fits(entry: Entry) -> bool:
    """Whether an entry that may be from elsewhere has values that can be used as paths, digests, numbers and texts."""
    digests = [entry.manifest_sha256, entry.tagmanifest_sha256]
    digests += [one for one in (entry.previous_tagmanifest_sha256, entry.signature_sha256) if one is not None]
    numbers = [entry.bytes, *entry.rows.values()]
    if entry.archive is not None:
        digests.append(entry.archive.sha256)
        numbers.append(entry.archive.bytes)
    versions = [one for one in (entry.version, entry.previous, entry.replaced_by) if one is not None]
    return (
        entry.status in STATUSES
        and all(store.parse_version(one) for one in versions)
        and all(_DIGEST.fullmatch(one) for one in digests)
        and all(type(one) is int and one >= 0 for one in numbers)
        and all(type(one) is str for one in entry.rows)
        and (entry.reason is None or type(entry.reason) is str)
        and (entry.published is None or _is_time(entry.published))
        and (entry.archive is None or _ARCHIVE.fullmatch(entry.archive.name) is not None)
        and (entry.previous is None or store.parse_version(entry.previous) < store.parse_version(entry.version))
    )


def _sound(held: Catalogue) -> bool:
    """Whether what stands beside the entries is of the right kind."""
    times = [one for one in (held.stated, held.expires) if one is not None]
    texts = [held.package, held.title, *([] if held.signature is None else [held.signature])]
    return (
        len(times) in (0, 2)
        and all(map(_is_time, times))
        and all(type(one) is str for one in texts)
        and all(
            type(one.version) is str and all(type(name) is str for name in one.failed_checks) for one in held.failed
        )
    )


def _is_time(stamp: str) -> bool:
    return _stamp(_time(stamp)) == stamp


def _stamp(time: datetime.datetime) -> str:
    return time.strftime(_STAMP)


def _time(stamp: str) -> datetime.datetime:
    return datetime.datetime.strptime(stamp, _STAMP).replace(tzinfo=datetime.UTC)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _sealed(value: dict[str, Any]) -> str:
    return _json(value | {"sha256": hashlib.sha256(_json(value).encode()).hexdigest()})


def _feed(held: Catalogue) -> str:
    """An Atom feed, the newest release first. Without a time of publication an entry is dated 1970: none is made up."""
    never = "1970-01-01T00:00:00Z"
    entries = [
        "  <entry>\n"
        f"    <id>{uuid.uuid5(uuid.NAMESPACE_OID, entry.tagmanifest_sha256).urn}</id>\n"
        f"    <title>{escape(_titled(held, entry), quote=False)}</title>\n"
        f"    <updated>{entry.published or never}</updated>\n"
        + (
            ""
            if entry.status == "withdrawn"
            else f'    <link rel="alternate" type="text/html" href="{escape(entry.version)}/index.html"/>\n'
        )
        + f"    <summary>{escape(_told(entry), quote=False)}</summary>\n"
        "  </entry>\n"
        for entry in reversed(held.versions)
    ]
    times = [entry.published for entry in held.versions if entry.published]
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"  <id>{uuid.uuid5(uuid.NAMESPACE_OID, held.package).urn}</id>\n"
        f"  <title>{escape(held.title, quote=False)}: {escape(held.package)}</title>\n"
        "  <author><name>onrecord</name></author>\n"
        f"  <updated>{max(times, default=never)}</updated>\n" + "".join(entries) + "</feed>\n"
    )


def _titled(held: Catalogue, entry: Entry) -> str:
    return f"{held.package} {entry.version}{'' if entry.status == 'active' else f' ({entry.status})'}"


def _told(entry: Entry) -> str:
    if entry.status == "active":
        return ", ".join(f"{count} {name}" for name, count in entry.rows.items())
    instead = f" Take {entry.replaced_by}." if entry.replaced_by else ""
    return f"{entry.status}: {entry.reason}.{instead}"
