"""What changed from one release to the next, which version that asks for, and the delta that leads from old to new.

`compare` reads two release folders and nothing else: the contract (`contract`) and the rows (`rows`). `write` tells it
in CHANGELOG.md and `changes/from-<previous>/`; `delta.apply` makes the new tables from the old ones and that folder.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.release.changes import contract, rows
from pipeline.release.changes.contract import BUMPS, Contract, Reason
from pipeline.release.changes.delta import apply, write_delta
from pipeline.release.changes.rows import TableChanges
from pipeline.release.changes.told import SCHEMA, changelog, report

__all__ = ["Changes", "Reason", "TableChanges", "apply", "compare", "write"]

GONE = 0.2
"""Share of a table's rows that may be gone without a new major version: PUBLISHING's rule, and that of datasemver."""
CORRECTED = 0.01
"""Share of a table's rows that may be changed or gone in a patch: above it the data say something else."""
FIRST = "1.0.0"
_TEMPLATES = Path(__file__).parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two releases.

    Attributes:
        old: the folder of the release before; None when this is the first.
        previous: its version.
        reasons: all that asks for another version, the strongest first.
        tables: for each table of either release, what became of its rows.
        withdrawals: (document_id, reason) of the documents withdrawn with the new release.
        contract: what the new release promises.
    """

    old: Path | None
    previous: str | None
    reasons: tuple[Reason, ...]
    tables: Mapping[str, TableChanges]
    withdrawals: tuple[tuple[str, str], ...]
    contract: Contract

    @property
    def bump(self) -> str:
        """The least that is allowed: major, minor, patch; none when contract and tables are the same."""
        return max((reason.bump for reason in self.reasons), key=BUMPS.index, default="none")

    @property
    def least(self) -> str:
        """The lowest version that the new release may bear; the previous one when nothing changed."""
        return FIRST if self.previous is None else bumped(self.previous, self.bump)

    def allows(self, version: str) -> bool:
        """Whether the new release may bear the version 'X.Y.Z'."""
        return self.previous is None or _numbers(version) >= _numbers(self.least)

    def why(self) -> str:
        """The least version and its reasons, on lines of their own."""
        lines = [f"after {self.previous} the least version is {self.least} ({self.bump}), because"]
        return "\n".join([*lines, *(f"  {one.bump}: {one.table or 'package'}: {one.text}" for one in self.reasons)])

    @property
    def has_delta(self) -> bool:
        """Whether old and delta make new: always, unless a table is told by another key or is gone."""
        return self.previous is not None and not any(
            r.what in ("key_column_changed", "table_removed") for r in self.reasons
        )


def bumped(version: str, bump: str) -> str:
    """The version after a major, minor or patch change; the same after none."""
    major, minor, patch = _numbers(version)
    return {
        "major": f"{major + 1}.0.0",
        "minor": f"{major}.{minor + 1}.0",
        "patch": f"{major}.{minor}.{patch + 1}",
        "none": version,
    }[bump]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def compare(old: Path | None, new: Path) -> Changes:
    """Compare two release folders, of which the new one may be half built: it needs `data/` and `datapackage.json`.

    Raises StoreError for a folder that is no release.
    """
    after = contract.read(new)
    if old is None:
        whole = Reason("major", None, "first_release", "this is the first release")
        lone = {name: rows.first(name, new / "data") for name in after.tables}
        return Changes(None, None, (whole,), lone, (), after)
    before = contract.read(old)
    withdrawn = _withdrawals(new)
    for key in _withdrawals(old):
        withdrawn.pop(key, None)
    touched = _touched(before, old / "data", withdrawn)
    tables = {}
    for name in dict.fromkeys([*before.tables, *after.tables]):
        table = after.tables[name] if name in after.tables else before.tables[name]
        tables[name] = rows.compare(
            name,
            table.key,
            None if _rekeyed(name, before, after) else old / "data",  # under another key no row is the same
            new / "data",
            labelled=table.labelled(),
            touched=touched.get(name),
        )
    reasons = [*contract.compare(before, after), *_row_reasons(tables)]
    if withdrawn:
        number = f"{len(withdrawn):,} document{'s were' if len(withdrawn) > 1 else ' was'} withdrawn"
        reasons.append(Reason("patch", "documents", "documents_withdrawn", number))
    reasons.sort(key=lambda reason: -BUMPS.index(reason.bump))
    previous = json.loads((old / "datapackage.json").read_bytes())["version"]
    return Changes(old, previous, tuple(reasons), tables, tuple(sorted(withdrawn.items())), after)


def write(found: Changes, built: Path, version: str) -> None:
    """Write CHANGELOG.md and, when there is a release before, `changes/from-<previous>/` into the built folder.

    Nothing but the two releases and the version decides the bytes. No word of a row enters the report or the changelog.
    """
    before = ""
    if found.old is not None:
        log = found.old / "CHANGELOG.md"
        before = log.read_text(encoding="utf-8") if log.exists() else ""
        folder = built / "changes" / f"from-{found.previous}"
        folder.mkdir(parents=True)
        if found.has_delta:
            write_delta(found.tables, found.contract, built / "data", folder)
        told = json.dumps(report(found, version), ensure_ascii=False, indent=2) + "\n"
        (folder / "changes.json").write_text(told, encoding="utf-8", newline="\n")
        (built / "changes" / SCHEMA).write_bytes((_TEMPLATES / SCHEMA).read_bytes())
    (built / "CHANGELOG.md").write_text(changelog(found, version, before), encoding="utf-8", newline="\n")


def _rekeyed(name: str, before: Contract, after: Contract) -> bool:
    return name in before.tables and name in after.tables and before.tables[name].key != after.tables[name].key


def _withdrawals(folder: Path) -> dict[str, str]:
    """The reason of each document that was ever withdrawn up to a release, by its key."""
    path = folder / "withdrawals.json"
    if not path.exists():
        return {}
    try:
        told = json.loads(path.read_bytes())["withdrawals"]
        return {one["document_id"]: one["reason"] for one in told}
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} lists no withdrawals: {error}. Run `onrecord verify` on it.") from error


def _touched(before: Contract, data: Path, withdrawn: Collection[str]) -> dict[str, dict[str, pa.Array]]:
    """For each table, by column, the values that mark the rows which withdrawn documents take away or change.

    These are the documents, the rows that name one of them, and what those rows name in their turn: the speakers.
    """
    if not withdrawn:
        return {}
    gone = pa.array(sorted(withdrawn))
    found: dict[str, dict[str, pa.Array]] = {"documents": {before.tables["documents"].key: gone}}
    for name, table in before.tables.items():
        owned = [column for column, to, _ in table.foreign_keys if to == "documents"]
        found.setdefault(name, {}).update(dict.fromkeys(owned, gone))
        for column, to, key in table.foreign_keys if owned else ():
            if to not in ("documents", name):
                named = rows.select(data, name, column, owned[0], gone)
                known = found.setdefault(to, {})
                known[key] = pa.concat_arrays([known[key], named]) if key in known else named
    return found


def _row_reasons(tables: Mapping[str, TableChanges]) -> Iterator[Reason]:
    for name, table in tables.items():
        gone = table.removed - table.withdrawn
        lost = gone + table.changed - table.touched
        if gone > GONE * table.old_rows:
            text = f"{gone:,} of {table.old_rows:,} rows are gone without a withdrawal, more than {GONE:.0%}"
            yield Reason("major", name, "rows_gone", text)
        if table.added:
            yield Reason("minor", name, "rows_added", f"{table.added:,} rows are new")
        if lost > CORRECTED * table.old_rows:
            text = f"{lost:,} of {table.old_rows:,} rows are changed or gone, more than {CORRECTED:.0%}"
            yield Reason("minor", name, "rows_changed", text)
        elif lost:
            text = f"{lost:,} of {table.old_rows:,} rows are changed or gone, at most {CORRECTED:.0%}"
            yield Reason("patch", name, "rows_corrected", text)
