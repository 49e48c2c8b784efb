"""A document withdrawn for good: out of the next release, and every release that holds it deleted.

A yank leaves the data where they are; a withdrawal is for what must not be there any more, such as a text whose author
forbids it. The new release comes first, so that `latest` always names one that is whole; then the payloads, the zips
and the work folder go. Of a withdrawn release stay its sums, its signature and a tombstone; of the document its key and
the reason, which keep later runs from publishing it again.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.release import catalogue, publish, redacts, withdrawn_from
from pipeline.run import Progress, Result, run


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a withdrawal came to: the documents, the releases that were deleted, and the run that made the new one."""

    documents: tuple[str, ...]
    versions: tuple[str, ...]
    result: Result


def withdraw(
    raw: Path,
    output: Path,
    package: str,
    documents: Sequence[str],
    reason: str,
    *,
    key: Path | None = None,
    workers: int = 0,
    progress: Progress = lambda stage, done, of: None,
) -> Withdrawn:
    """Publish the package without some documents, then delete every release of it that holds one of them.

    Args:
        raw: the raw folder; whether it still holds the documents does not matter.
        output: the folder of all packages.
        package: its name.
        documents: each a `document_id`, `source` or `url` of the table documents.
        reason: what readers are told.
        key: signs the new release.
        workers: processes; 0 for this very one.
        progress: called as by `run`.

    A run that was killed is finished by the same call. Raises StoreError for a document that no release holds, and what
    `run` raises; nothing is deleted then.
    """
    home = output / package
    held = _holders(home)
    known = set(withdrawn_from(home))
    wanted: set[str] = set()
    for asked in documents:
        matching = {row["document_id"] for rows in held.values() for row in rows if asked in row.values()}
        matching |= {asked} & known
        if not matching:
            raise StoreError(f"{home}: no release holds a document whose document_id, source or url is {asked!r}.")
        wanted |= matching
    result = run(
        raw,
        output,
        package,
        withdrawn=dict.fromkeys(sorted(wanted), reason),
        key=key,
        workers=workers,
        redact=redacts(home / list(held)[-1]),  # no withdrawal may bring back what the last release redacts
        progress=progress,
    )
    gone = wanted | known
    versions = [version for version, rows in held.items() if any(row["document_id"] in gone for row in rows)]
    publish.withdraw(home, versions, reason, key)
    shutil.rmtree(output / "work" / package, ignore_errors=True)
    return Withdrawn(tuple(sorted(wanted)), tuple(versions), result)


def _holders(home: Path) -> dict[str, list[dict[str, str]]]:
    """The documents of each release of a package that has its payload, by how a user may name them."""
    found = {}
    for entry in catalogue.read(home).versions:
        path = home / entry.version / "data" / "documents.parquet"
        if entry.status != "withdrawn":
            try:
                found[entry.version] = pq.read_table(path, columns=["document_id", "source", "url"]).to_pylist()
            except OSError as error:
                raise StoreError(f"{path}: {error}. Run `onrecord verify {home}`.") from error
    if not found:
        raise StoreError(f"{home}: there is no release to withdraw a document from.")
    return found
