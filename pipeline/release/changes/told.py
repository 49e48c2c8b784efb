"""Changes as they are told: changes.json for programs, CHANGELOG.md for people. Neither holds a word of any row."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.release.changes.contract import BUMPS, Reason
from pipeline.release.changes.rows import TableChanges

if TYPE_CHECKING:
    from pipeline.release.changes import Changes

SCHEMA = "changes.schema.json"
_TITLE = "# Changes\n\n"
_ADDITIONS = {"table_added", "column_added", "rows_added", "foreign_key_added"}
_TOP = 8  # outlets, columns and labels named in a changelog entry; changes.json has all


def report(found: "Changes", version: str) -> dict[str, Any]:
    """The content of changes.json, as `templates/changes.schema.json` describes it."""
    return {
        "$schema": f"../{SCHEMA}",
        "previous": found.previous,
        "version": version,
        "bump": found.bump,
        "least_version": found.least,
        "reasons": [
            {"bump": one.bump, "table": one.table, "what": one.what, "text": one.text} for one in found.reasons
        ],
        "other_rules": {
            name: {"bump": bump, "because": because}
            for name, (bump, because) in (("croissant", croissant(found)), ("frictionless", frictionless(found)))
        },
        "delta": found.has_delta,
        "tables": {name: _table(table) for name, table in found.tables.items()},
        "withdrawals": [{"document_id": key, "reason": reason} for key, reason in found.withdrawals],
    }


def _table(table: TableChanges) -> dict[str, Any]:
    return {
        "rows": {"old": table.old_rows, "new": table.new_rows},
        "added": table.added,
        "removed": table.removed,
        "changed": table.changed,
        "because_of_withdrawals": {"removed": table.withdrawn, "changed": table.touched},
        "columns": dict(table.columns),
        "outlets": [
            {"outlet": one.outlet, "added": one.added, "removed": one.removed, "changed": one.changed}
            for one in table.outlets
        ],
        "labels": {
            column: {label: {"old": old, "new": new} for label, (old, new) in labels.items()}
            for column, labels in table.labels.items()
        },
    }


def croissant(found: "Changes") -> tuple[str, str]:
    """What Croissant 1.1 asks for: data that change are major, more of it is minor, the same data are a patch."""
    if any(table.changed or table.removed for table in found.tables.values()):
        return "major", "rows that were there are changed or gone"
    return _by_contract(found.reasons, lambda one: "minor" if one.what in _ADDITIONS | {"label_added"} else one.bump)


def frictionless(found: "Changes") -> tuple[str, str]:
    """What the Data Package recipe asks for: another set of fields is major, more rows are minor, else a patch."""
    strict = {"column_added", "column_required"}
    return _by_contract(
        found.reasons,
        lambda one: (
            "major" if one.what in strict else "patch" if one.what in ("rows_gone", "rows_changed") else one.bump
        ),
    )


def _by_contract(reasons: tuple[Reason, ...], rule: Callable[[Reason], str]) -> tuple[str, str]:
    ruled = [(rule(one), one) for one in reasons]
    if not ruled:
        return "none", "nothing changed"
    bump, reason = max(ruled, key=lambda pair: BUMPS.index(pair[0]))
    return bump, f"{reason.table or 'package'}: {reason.text}"


def changelog(found: "Changes", version: str, before: str) -> str:
    """CHANGELOG.md: this release above what the one before told."""
    lines = [f"## {version}", ""]
    if found.previous is None:
        lines += ["The first release.", ""]
        lines += [f"- `{name}`: {table.new_rows:,} rows" for name, table in found.tables.items()]
    else:
        lines += [f"After {found.previous}; what changed asks for {_asked(found)}.", ""]
        lines += [
            f"- {one.bump}: {f'`{one.table}`: ' if one.table else ''}{_plain(one.text)}"
            for one in found.reasons
            if one.what not in ("rows_added", "rows_corrected")
        ]
        for name, table in found.tables.items():
            if table.added or table.removed or table.changed:
                lines += _table_lines(name, table)
        lines += [f"- withdrawn: `{key}` ({_plain(reason)})" for key, reason in found.withdrawals]
    return _TITLE + "\n".join(lines).rstrip() + "\n" + ("\n" + before.removeprefix(_TITLE) if before else "")


def _asked(found: "Changes") -> str:
    return "no new version" if found.bump == "none" else f"a {found.bump} version"


def _table_lines(name: str, table: TableChanges) -> list[str]:
    line = f"- `{name}`: {table.added:,} rows added, {table.removed:,} removed, {table.changed:,} changed"
    if table.withdrawn or table.touched:
        line += f" (withdrawals: {table.withdrawn:,} removed, {table.touched:,} changed)"
    lines = [f"{line}; {table.new_rows:,} rows now"]
    if table.columns:
        lines.append(f"  - changed columns: {_top({f'`{column}`': n for column, n in table.columns.items()})}")
    if table.outlets:
        by_outlet = {_plain(one.outlet or "(not told)"): one.added + one.removed + one.changed for one in table.outlets}
        lines.append(f"  - rows by outlet: {_top(by_outlet)}")
    for column, labels in table.labels.items():
        moved = {label: new - old for label, (old, new) in labels.items()}
        lines.append(f"  - labels of `{column}`: {_top({f'`{label}`': n for label, n in moved.items()}, sign='+')}")
    return lines


def _top(counts: Mapping[str, int], sign: str = "") -> str:
    """The largest counts, and how many more there are."""
    ordered = sorted(counts.items(), key=lambda item: (-abs(item[1]), item[0]))
    told = ", ".join(f"{name} {count:{sign},}" for name, count in ordered[:_TOP])
    return f"{told}, and {len(ordered) - _TOP} more" if len(ordered) > _TOP else told


def _plain(text: str) -> str:
    """Text that is nothing but text in Markdown, on its line."""
    from pipeline.release.card import _cell

    return _cell(text)
