"""What a reader asks before he takes a release: which there are, how they stand, which is the latest.

    <output>/<package>/versions.json   every release there ever was, oldest first, each naming the digest of the one
                                       before; active, yanked or withdrawn, why, and what replaces it; and the runs
                                       that were refused
    <output>/<package>/latest.json     a pointer to the highest active release, replaced in one step; never a data path
    <output>/<package>/feed.xml        the same for feed readers (Atom)
    <output>/index.json                the packages

versions.json is kept; the others are computed from it. No clock is read: a release has a time of publication only when
SOURCE_DATE_EPOCH (seconds since 1970) gave one, and order goes by version.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pipeline import schema
from pipeline.errors import StoreError
from pipeline.release import manifest

FILE, LATEST, FEED, INDEX = "versions.json", "latest.json", "feed.xml", "index.json"
TOMBSTONE = "TOMBSTONE.json"
REMAINS = {TOMBSTONE, manifest.PAYLOAD, manifest.TAGS, manifest.SIGNATURE}
"""What stays in the folder of a withdrawn release."""
FAILURES = 20
"""Refused runs that are kept, the last ones."""
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
    """What versions.json holds."""

    package: str
    title: str
    versions: tuple[Entry, ...] = ()
    failed: tuple[Failure, ...] = ()

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
        return _sealed(asdict(self))


def read(home: Path) -> Catalogue:
    """The catalogue of a package, empty when there is none yet.

    Raises StoreError when versions.json is not as it was written: it decides what is deleted and what is latest.
    """
    path = home / FILE
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Catalogue(home.name, schema.package()["title"])
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}.") from error
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
        )
    except (ValueError, KeyError, TypeError):
        found = None
    if found is None or found.to_json() != content:
        raise StoreError(
            f"{path}: is damaged or was changed by hand. Take it again from a copy; without one, delete it: the next "
            "run lists the releases that lie there anew, all as active."
        )
    return found


def derived(held: Catalogue) -> dict[str, str | None]:
    """The files computed from a package's catalogue; None for one that must not be there."""
    latest = held.latest
    pointer = latest and {
        "package": held.package,
        "version": latest.version,
        "tagmanifest_sha256": latest.tagmanifest_sha256,
    }
    return {LATEST: _json(pointer) if pointer else None, FEED: _feed(held)}


def tombstone(entry: Entry) -> str:
    """What stands in the folder of a withdrawn release beside the sums of what was there."""
    return _json(asdict(entry))


def entry(tombstone: str) -> Entry:
    """The entry that a tombstone tells of; ValueError, KeyError or TypeError when it is none."""
    return _entry(json.loads(tombstone))


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
    return Entry(**(told | {"archive": Archive(**told["archive"]) if told["archive"] else None}))


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
        f"    <title>{escape(_titled(held, entry))}</title>\n"
        f"    <updated>{entry.published or never}</updated>\n"
        + (
            ""
            if entry.status == "withdrawn"
            else f'    <link rel="alternate" type="text/html" href={quoteattr(f"{entry.version}/index.html")}/>\n'
        )
        + f"    <summary>{escape(_told(entry))}</summary>\n"
        "  </entry>\n"
        for entry in reversed(held.versions)
    ]
    times = [entry.published for entry in held.versions if entry.published]
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"  <id>{uuid.uuid5(uuid.NAMESPACE_OID, held.package).urn}</id>\n"
        f"  <title>{escape(held.title)}: {escape(held.package)}</title>\n  <author><name>onrecord</name></author>\n"
        f"  <updated>{max(times, default=never)}</updated>\n" + "".join(entries) + "</feed>\n"
    )


def _titled(held: Catalogue, entry: Entry) -> str:
    return f"{held.package} {entry.version}{'' if entry.status == 'active' else f' ({entry.status})'}"


def _told(entry: Entry) -> str:
    if entry.status == "active":
        return ", ".join(f"{count} {name}" for name, count in entry.rows.items())
    instead = f" Take {entry.replaced_by}." if entry.replaced_by else ""
    return f"{entry.status}: {entry.reason}.{instead}"
