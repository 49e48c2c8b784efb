"""Tables and their Report into one folder that every reader takes as it stands, written once.

The folder is a Hugging Face dataset (README.md with `configs`), a Frictionless data package (datapackage.json), CSV
copies, a quality report, and SHA256SUMS over all of it; beside it lies the same as a zip.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline import check, schema
from pipeline.errors import ReleaseRefused
from pipeline.release import card, datapackage, page, store, tables

_PACKAGE = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Released:
    """What a release came to.

    Attributes:
        folder: the finished release.
        report: the report of the tables with the checks of the package's own bytes added.
        new: False when the version was there already, byte for byte the same: nothing was written.
    """

    folder: Path
    report: check.Report
    new: bool


def release(
    rows: Mapping[str, pa.Table], report: check.Report, *, output: Path, package: str, version: str
) -> Released:
    """Publish the tables as `output/<package>/<version>/`, checked as the very bytes that are published.

    Args:
        rows: the six tables, in any row order; texts may hold the withheld ones, which are not published.
        report: what `check.check` found in them.
        output: the folder of all packages.
        package: its name: lower-case letters, digits, '.', '-' and '_'.
        version: 'X.Y.Z', or 'auto': the latest when the data are the same, else the next minor version; 1.0.0 first.

    Raises:
        ReleaseRefused: a name or version that is none, a report that is not ok, bytes that fail their checks, or a
            version that exists with other content. Nothing was published then.
        StoreError: a folder that cannot be written, or another process that is releasing the package.
    """
    if not _PACKAGE.fullmatch(package) or package == "work":  # output/work is where runs keep their shards
        raise ReleaseRefused(f"{package!r} cannot name a package. Take lower-case letters, digits, '.', '-' and '_'.")
    if version != "auto" and store.parse_version(version) is None:
        raise ReleaseRefused(f"{version!r} is no version. Give three numbers, such as 1.0.0, or auto.")
    if not report.ok:
        raise ReleaseRefused(
            f"{package}: {report.failed} of {len(report.checks)} checks failed. Nothing was published.", report
        )
    home = output / package
    canonical = tables.canonical(rows)
    with store.staging(home) as built:
        _write_data(canonical, built)
        chosen = _next_version(home, built) if version == "auto" else version
        full, finished = _describe(built, canonical, report, package, chosen)
        if version == "auto" and _different(home / chosen, finished):
            chosen = _bumped(chosen, patch=True)  # the same data, told differently
            full, finished = _describe(built, canonical, report, package, chosen)
        folder = home / chosen
        if not folder.exists():
            store.publish(built, home, chosen)
            return Released(folder, full, new=True)
        different = _different(folder, finished)
        if different:
            raise ReleaseRefused(
                f"{folder} exists with other content: {', '.join(different)}. "
                "A release is written once; give a new version, or auto.",
                full,
            )
        store.complete(home, chosen)
        return Released(folder, full, new=False)


def _describe(
    built: Path, canonical: Mapping[str, pa.Table], report: check.Report, package: str, version: str
) -> tuple[check.Report, Mapping[str, str]]:
    """Write all that stands beside `data/`; the full report and the digest of every file."""
    _write(built / datapackage.FILE, datapackage.descriptor(built, package, version))
    _write(built / store.SUMS, store.sums(store.digests(built)))
    full = report.plus(check.package(built))
    if not full.ok:
        raise ReleaseRefused(f"{package} {version}: the built package fails its checks. Nothing was published.", full)
    data = {name: digest for name, digest in store.digests(built).items() if name.startswith("data/")}
    manifest = hashlib.sha256(store.sums(data).encode()).hexdigest()
    _write(built / "README.md", card.card(canonical, full, package, version, manifest))
    _write(built / "quality" / "report.json", full.to_json())
    _write(built / "quality" / "report.html", page.page(full, package, version))
    finished = store.digests(built)
    _write(built / store.SUMS, store.sums(finished))
    return full, finished


def _different(folder: Path, finished: Mapping[str, str]) -> list[str]:
    """The files in which a published folder differs; none when there is no such folder."""
    return store.differences(finished, store.digests(folder)) if folder.exists() else []


def _write_data(canonical: Mapping[str, pa.Table], built: Path) -> None:
    (built / "data" / "csv").mkdir(parents=True)
    for name in schema.TABLES:
        tables.write_parquet(name, canonical[name], built / "data" / f"{name}.parquet")
        tables.write_csv(canonical[name], built / "data" / "csv" / f"{name}.csv")


def _next_version(home: Path, built: Path) -> str:
    latest = store.latest(home)
    if latest is None:
        return "1.0.0"
    if store.digests(home / latest / "data") == store.digests(built / "data"):
        return latest
    return _bumped(latest)


def _bumped(version: str, *, patch: bool = False) -> str:
    major, minor, last = (int(number) for number in version.split("."))
    return f"{major}.{minor}.{last + 1}" if patch else f"{major}.{minor + 1}.0"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
