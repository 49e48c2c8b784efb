"""Tables and their Report into one folder that every reader takes as it stands, written once.

The folder is a Hugging Face dataset (README.md with `configs`), a Frictionless data package (datapackage.json), a
Croissant dataset (croissant.json), a BagIt bag and a page (index.html); it tells what changed since the release before
and from what it was made. Its version says how much changed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pipeline import check
from pipeline.corpus import Corpus, Source
from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import catalogue, publish, store, verify
from pipeline.release.build import Build, Withdrawal, withdrawals
from pipeline.release.changes import bumped

_PACKAGE = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?")


def redacts(folder: Path) -> bool:
    """Whether every document of a release was redacted, so that what is made again of its texts must be, too."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from pipeline.personal import REDACTED

    cleaners = pq.read_table(folder / "data" / "documents.parquet", columns=["cleaner"])["cleaner"]
    return len(cleaners) > 0 and pc.all(pc.ends_with(cleaners, REDACTED)).as_py()


@dataclass(frozen=True, slots=True)
class Released:
    """What a release came to.

    Attributes:
        folder: the finished release.
        report: the report of the tables with the checks of the package's own bytes added.
        new: False when the version was there already, the same in every file: nothing was written.
    """

    folder: Path
    report: check.Report
    new: bool


def release(
    rows: Mapping[str, Source],
    report: check.Report,
    *,
    output: Path,
    package: str,
    version: str,
    withdrawn: Mapping[str, str] | None = None,
    key: Path | None = None,
    told: Mapping[str, str] = MappingProxyType({}),
) -> Released:
    """Publish the tables as `output/<package>/<version>/`, checked as the very bytes that are published.

    Args:
        rows: the six tables, in any row order; texts may hold the withheld ones, which are not published.
        report: what `check.check` found in them.
        output: the folder of all packages.
        package: its name: lower-case letters, digits, '.', '-' and '_'.
        version: 'X.Y.Z', or 'auto': the least that the changes since the last release allow, that one itself when there
            are none; 1.0.0 first.
        withdrawn: documents that this release and all later ones leave out for good, with the reason; their rows are
            already out of `rows`.
        key: file of an ssh key that signs the release; None for none.
        told: digests of the files that tell about the documents, as `provenance.told` finds them in a raw folder.

    Raises:
        ReleaseRefused: a name or version that is none, a report that is not ok, bytes that fail their checks, a version
            that exists with other content or is lower than the changes allow, or rows of a withdrawn document.
        StoreError: a folder that cannot be written or is not as it was published, or another process that is releasing
            the package.
    """
    if not _PACKAGE.fullmatch(package) or package == "work":  # output/work is where runs keep their shards
        raise ReleaseRefused(f"{package!r} cannot name a package. Take lower-case letters, digits, '.', '-' and '_'.")
    if version != "auto" and store.parse_version(version) is None:
        raise ReleaseRefused(f"{version!r} is no version. Give three numbers, such as 1.0.0, or auto.")
    home = output / package
    if not report.ok:
        publish.refuse(home, version, report)
        raise ReleaseRefused(
            f"{package}: {report.failed} of {len(report.checks)} checks failed. Nothing was published.", report
        )
    rows = Corpus.of(rows)
    with store.staging(home) as folder:
        held = publish.settle(home, key)
        last = held.last
        known = withdrawals(home / last.version) if last else []
        _refuse_withdrawn(rows, known, package)
        build = Build(folder, package, rows, report, told)
        entry = held.get(version) if version != "auto" else None
        if entry is not None:
            different = _rebuilt(build, home, held, entry)
            if different:
                raise ReleaseRefused(
                    f"{home / version} exists with other content: {', '.join(different)}. "
                    "A release is written once; give a new version, or auto.",
                    build.report,
                )
            return _nothing_new(build, home, held, entry)
        gone = {one.document_id for one in known}
        new = {document: reason for document, reason in (withdrawn or {}).items() if document not in gone}
        base = _base(home, held)
        build.describe(last.version if last else "1.0.0", _listed(known, new, "0.0.0"))
        found = build.compare(base)
        least = found.least
        if last is not None and found.bump == "none":
            if version == "auto" and not _rebuilt(build, home, held, last):
                return _nothing_new(build, home, held, last)
            least = bumped(last.version, "patch")  # the same data, told differently
        if last is not None and store.parse_version(least) <= store.parse_version(last.version):
            least = bumped(last.version, "patch")
        chosen = least if version == "auto" else version
        if last is not None and store.parse_version(chosen) < store.parse_version(least):
            raise ReleaseRefused(
                f"{package} {chosen} is too low a version, the last one is {last.version}:\n{found.why()}\n"
                f"Take {least} or higher, or auto.",
                build.report,
            )
        build.describe(chosen, _listed(known, new, chosen))
        build.finish(chosen, found, last and (last.version, last.tagmanifest_sha256), key)
        _whole(folder, verify.release(folder))
        publish.publish(folder, home, chosen, key)
        return Released(home / chosen, build.report, new=True)


def withdrawn_from(home: Path) -> dict[str, str]:
    """The documents that a package has withdrawn, with the reason; none where there is no package yet.

    Raises StoreError when its list of versions cannot be read.
    """
    last = catalogue.read(home).last
    return {one.document_id: one.reason for one in withdrawals(home / last.version)} if last else {}


def _refuse_withdrawn(rows: Corpus, known: list[Withdrawal], package: str) -> None:
    wanted = [one.document_id for one in known]
    found = rows.rows("SELECT document_id FROM documents WHERE document_id IN $wanted", wanted=wanted)
    there = {key for (key,) in found}
    for one in known:
        if one.document_id in there:
            raise ReleaseRefused(
                f"{package}: document {one.document_id} was withdrawn with {one.version} ({one.reason}) and is among "
                "the rows again. Take it out of the raw folder."
            )


def _listed(known: list[Withdrawal], new: Mapping[str, str], version: str) -> list[Withdrawal]:
    return [*known, *(Withdrawal(document, reason, version) for document, reason in new.items())]


def _base(home: Path, held: catalogue.Catalogue) -> Path | None:
    """The release that a new one is compared with: the last that was not withdrawn. StoreError when it is not whole."""
    for entry in reversed(held.versions):
        if entry.status != "withdrawn":
            _whole(home / entry.version, verify.fixity(home / entry.version, entry.tagmanifest_sha256))
            return home / entry.version
    return None


def _rebuilt(build: Build, home: Path, held: catalogue.Catalogue, entry: catalogue.Entry) -> list[str]:
    """Build a version that exists once more, as it was built: in which files the two are different."""
    folder = home / entry.version
    if entry.status == "withdrawn":
        raise ReleaseRefused(f"{folder} was withdrawn: {entry.reason}. Its version is not given again.", build.report)
    _whole(folder, verify.fixity(folder, entry.tagmanifest_sha256))
    rebuild(build, folder, home, held)
    return build.differences(folder)


def rebuild(build: Build, folder: Path, home: Path, held: catalogue.Catalogue) -> None:
    """Finish a build as the release that lies in `folder`: of its version, after the one before it."""
    before = held.before(folder.name)
    gone = before is not None and before.status == "withdrawn"
    base = None if before is None or gone else home / before.version
    build.describe(folder.name, withdrawals(folder))
    build.finish(
        folder.name, folder if gone else build.compare(base), before and (before.version, before.tagmanifest_sha256)
    )


def _nothing_new(build: Build, home: Path, held: catalogue.Catalogue, entry: catalogue.Entry) -> Released:
    if entry.status == "yanked":
        raise ReleaseRefused(
            f"{home.name}: these are the data of {entry.version}, which was yanked: {entry.reason}. Mend them, or give "
            "a higher version.",
            build.report,
        )
    publish.finish(home, held)
    return Released(home / entry.version, build.report, new=False)


def _whole(folder: Path, faults: list[verify.Fault]) -> None:
    if faults:
        told = "\n".join(f"  {fault.file}: {fault.message}" for fault in faults[:5])
        raise StoreError(f"{folder} is not as it was published, so nothing can be released after it:\n{told}")
