"""One release folder, from data to the last list of sums; knows nothing of where it will lie.

Everything in it but provenance.json is a function of the tables, the report, the schemas, package and version, and the
release before.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline import check
from pipeline.corpus import Source
from pipeline.errors import ReleaseRefused
from pipeline.release import card, changes, croissant, datapackage, manifest, page, provenance, signature, tables

WITHDRAWALS = "withdrawals.json"


class Withdrawal(NamedTuple):
    """A document that was taken out for good, why, and with which version; this one and later ones lack it."""

    document_id: str
    reason: str
    version: str


class Build:
    """A release in the making: `data/` is there from the start; `describe`, `compare`, `finish` add what tells of it.

    All may be called again, in this order: for another version, or against another release.

    Attributes:
        folder: where it is built.
        package: its name.
        report: of the tables; after `finish` with the checks of the package's own bytes.
    """

    def __init__(
        self,
        folder: Path,
        package: str,
        rows: Mapping[str, Source],
        report: check.Report,
        told: Mapping[str, str],
    ) -> None:
        self.folder, self.package, self.report, self._told = folder, package, report, told
        self._checked = False
        self._tables_json, withheld, whole = tables.write(rows, folder / "data")
        self._withheld = (withheld, whole) if withheld else None
        self._manifest = manifest.write_payload(folder)

    def describe(self, version: str, withdrawals: Sequence[Withdrawal]) -> None:
        """Begin anew with what two releases are compared by, as of a version."""
        for path in self.folder.iterdir():
            if path.is_dir() and path.name != "data":
                shutil.rmtree(path)
            elif path.is_file() and path.name != manifest.PAYLOAD:
                path.unlink()
        self._write(tables.FILE, self._tables_json)
        self._write(datapackage.FILE, datapackage.descriptor(self.folder, self.package, version))
        if withdrawals:
            told = {"withdrawals": [held._asdict() for held in sorted(withdrawals)]}
            self._write(WITHDRAWALS, json.dumps(told, ensure_ascii=False, indent=2) + "\n")

    def compare(self, base: Path | None) -> changes.Changes:
        """What is other than in the release `base`, None for the first; it does not hang on the version."""
        return changes.compare(base, self.folder)

    def finish(
        self, version: str, told: changes.Changes | Path, previous: tuple[str, str] | None, key: Path | None = None
    ) -> None:
        """Write all that stands beside `data/`, for the version that `describe` was given.

        Args:
            version: of the release.
            told: what `compare` found; or the release of this very version, to take its account of the changes from,
                when the one before it was withdrawn and can no longer be compared with.
            previous: version and digest of the release before.
            key: file of the key that signs the release; None for none.

        Raises ReleaseRefused when the data as written fail their checks.
        """
        if isinstance(told, Path):
            shutil.copytree(told / "changes", self.folder / "changes")
            shutil.copy(told / "CHANGELOG.md", self.folder)
        else:
            changes.write(told, self.folder, version)
        if not self._checked:
            self.report, self._checked = self.report.plus(check.package(self.folder)), True
        if not self.report.ok:
            raise ReleaseRefused(
                f"{self.package} {version}: the built package fails its checks. Nothing was published.", self.report
            )
        written = tables.written(self.folder / "data")
        self._write("README.md", card.card(written, self.report, self.package, version, self._manifest))
        self._write("quality/report.json", self.report.to_json())
        self._write("quality/report.html", page.quality(self.report, self.package, version))
        self._write("quality/guideline.html", page.guideline())
        self._write(croissant.FILE, croissant.descriptor(self.folder, self.package, version))
        self._write(
            provenance.FILE,
            provenance.describe(written, self.package, version, previous, self._withheld, self._told),
        )
        page.write(self.folder, self.package, version)
        manifest.write_tags(self.folder, self.package, version)
        if key is not None:
            signature.sign(self.folder, key)

    def differences(self, folder: Path) -> list[str]:
        """The files in which a release is other than this one; what tells only of the machine does not count."""
        ours, theirs = (_comparable(one) for one in (self.folder, folder))
        return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def withdrawals(folder: Path) -> list[Withdrawal]:
    """The documents withdrawn from a package up to one of its releases."""
    path = folder / WITHDRAWALS
    if not path.is_file():
        return []
    return [Withdrawal(**told) for told in json.loads(path.read_text(encoding="utf-8"))["withdrawals"]]


def _comparable(folder: Path) -> dict[str, str]:
    names = [*manifest.payload(folder), *manifest.tags(folder)]
    return manifest.digests(folder, [name for name in names if name != provenance.FILE])
