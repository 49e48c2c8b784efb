"""What a run made, in numbers and on screen."""

import datetime
from collections.abc import Mapping
from typing import Any, TextIO

from pipeline.check.flags import days_to_come
from pipeline.corpus import Corpus
from pipeline.run import Result

TOP = 10


def summary(result: Result, today: datetime.date | None = None) -> dict[str, Any]:
    """The numbers of a run, ready for JSON: counts by label, commonest first; absent keys were not reached.

    `today` is the day after which no document can have been published: told are those that say so all the same. Only
    here, for what hangs on a clock has no place in a release.
    """
    tables = Corpus.of(result.tables)
    rejected = _counts(tables, "rejected", "documents")
    found: dict[str, Any] = {
        "inputs": result.inputs,
        "documents": tables.count("documents") - sum(rejected.values()),
        "rejected": rejected,
        "not_annotated": _counts(tables, "not_annotated", "documents"),
        "duplicates": _counts(tables, "duplicate_kind", "documents"),
        "shards_made": {stage: f"{made} of {of}" for stage, (made, of) in result.made.items()},
    }
    flags = [*(result.report.flags if result.report else ()), *(days_to_come(tables, today) if today else ())]
    if flags:
        found["flags"] = [flag.told() for flag in flags]
    if "claims" in tables:
        known = "SELECT DISTINCT name FROM speakers WHERE kind IN ('person', 'organisation')"
        found |= {
            "rows": {name: tables.count(name) for name in tables},
            "voice": _counts(tables, "voice", "claims"),
            "claim_types": _counts(tables, "claim_type", "claims"),
            "top_speakers": _counts(tables, "speaker", f"claims JOIN ({known}) ON speaker = name", f"LIMIT {TOP}"),
            "speaker_missing": _counts(tables, "speaker_missing", "claims"),
            "stances": _stances(tables),
        }
    if result.report is not None:
        found["checks"] = {
            "passed": sum(check.failed == 0 for check in result.report.checks),
            "failed": [check.name for check in result.report.checks if check.failed],
        }
    if result.cost:
        found["cost"] = dict(result.cost)
    if result.folder is not None:
        found["folder"] = result.folder.as_posix()
        found["new"] = result.new
    return found


def _counts(tables: Corpus, column: str, rows: str, limit: str = "") -> dict[str, int]:
    """Rows by the value of a column that is not null, commonest first."""
    return dict(
        tables.rows(
            f"SELECT {column}, count(*) AS number FROM {rows} WHERE {column} IS NOT NULL "
            f"GROUP BY {column} ORDER BY number DESC, {column} {limit}"
        )
    )


def _stances(tables: Corpus) -> list[dict[str, Any]]:
    """For each outlet and target that was assessed: documents by polarity, most documents first."""
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for outlet, target, polarity, count in tables.rows(
        "SELECT coalesce(outlet, '(no outlet)'), target, polarity, count(*) FROM stances "
        "WHERE polarity <> 'insufficient' GROUP BY ALL ORDER BY ALL"
    ):
        groups.setdefault((outlet, target), {})[polarity] = count
    order = sorted(groups.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    return [{"outlet": outlet, "target": target, **counts} for (outlet, target), counts in order]


def show_short(found: Mapping[str, Any], out: TextIO) -> None:
    """One line a fact, for the commands of single stages."""
    rejected = sum(found["rejected"].values())
    print(f"{found['inputs']} inputs = {found['documents']} documents + {rejected} rejected", file=out)
    if "rows" in found:
        print(", ".join(f"{rows} {name}" for name, rows in found["rows"].items()), file=out)
    if "checks" in found:
        print(_checks(found["checks"]), file=out)
    for flag in found.get("flags", ()):
        print(_flag(flag), file=out)
    if "folder" in found:
        print(found["folder"] + ("" if found["new"] else " (was there already, the same)"), file=out)
    if "cost" in found:
        print(_cost(found["cost"]), file=out)


def show(found: Mapping[str, Any], out: TextIO) -> None:
    """The report at the end of a run, plain in a pipe."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=out, highlight=False, width=None if out.isatty() else 100)

    def text(value: object) -> Text:
        return Text("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(value)))

    def counts(title: str, values: Mapping[str, int]) -> None:
        if values:
            console.print()
            console.print(text(title), style="bold")
            table = Table.grid(padding=(0, 2))
            for name, count in values.items():
                table.add_row("", text(name), Text(str(count), justify="right"))
            console.print(table)

    rejected = sum(found["rejected"].values())
    console.print(
        text(f"{found['inputs']} inputs = {found['documents']} documents + {rejected} rejected"), style="bold"
    )
    for title, key in (("rejected", "rejected"), ("not annotated", "not_annotated"), ("duplicates", "duplicates")):
        for name, count in found[key].items():
            console.print(text(f"  {title}: {name} {count}"))
    counts("Claims by type", found["claim_types"])
    counts("Claims by voice", found["voice"])
    counts("Who is quoted most", found["top_speakers"])
    if found["stances"]:
        console.print()
        console.print(text("Outlet's own voice toward target (documents)"), style="bold")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in ("", "outlet", "target", "negative", "neutral", "mixed", "positive"):
            table.add_column(column, justify="left" if column in ("", "outlet", "target") else "right")
        for row in found["stances"][:TOP]:
            numbers = (str(row.get(name, "")) for name in ("negative", "neutral", "mixed", "positive"))
            table.add_row("", text(row["outlet"]), text(row["target"]), *numbers)
        console.print(table)
        if len(found["stances"]) > TOP:
            console.print(text(f"  and {len(found['stances']) - TOP} more in the table stances"))
    if "checks" in found:
        console.print()
        console.print(text(_checks(found["checks"])), style="bold")
    if "flags" in found:
        console.print()
        console.print(text("Worth a look"), style="bold")
        for flag in found["flags"]:
            console.print(text(f"  {_flag(flag)}"))
    console.print()
    costs = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "stage", "documents", "seconds", "of processors", "peak MB", "of a worker"):
        costs.add_column(column, justify="left" if column in ("", "stage") else "right")
    for name, stage in found["cost"]["stages"].items():
        numbers = (f"{stage['wall_s']:.1f}", f"{stage['cpu_s']:.1f}", _megabytes([stage["peak_bytes"]]))
        worker = _megabytes([used["peak_bytes"] for used in stage["workers"].values()])
        costs.add_row("", name, str(stage.get("computed", stage.get("documents", ""))), *numbers, worker)
    console.print(costs)
    console.print(text(_cost(found["cost"])))
    folder = found["folder"]
    if not found["new"]:
        console.print(text(f"Nothing changed: {folder} was published before, byte for byte the same."))
    console.print(text(f"Look at {folder}/ (begin with README.md and quality/report.html)"))
    console.print()
    for line in (
        "from datasets import load_dataset",
        f'claims = load_dataset("{folder}", "claims", split="train")',
        'print(claims.filter(lambda row: row["speaker"])[0])',
    ):
        console.print(text("    " + line), soft_wrap=True)


def _cost(cost: Mapping[str, Any]) -> str:
    stages = cost["stages"].values()
    ours = max((stage["peak_bytes"] for stage in stages), default=0)
    theirs = [used["peak_bytes"] for stage in stages for used in stage["workers"].values()]
    workers = f", a worker at most {_megabytes(theirs)} MB" if theirs else ""
    return f"{cost['wall_s']:.1f} s, {cost['cpu_s']:.1f} s of processors, at most {_megabytes([ours])} MB{workers}"


def _megabytes(sizes: list[float]) -> str:
    return f"{max(sizes) / 1e6:,.0f}" if sizes else ""


def _checks(checks: Mapping[str, Any]) -> str:
    failed = f", failed: {', '.join(checks['failed'])}" if checks["failed"] else ""
    return f"{checks['passed']} checks passed{failed}"


def _flag(flag: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{key} ({value})" for key, value in flag["examples"])
    more = ", ..." if flag["flagged"] > len(flag["examples"]) else ""
    return f"{flag['name']}: {flag['flagged']} of {flag['rows']} {flag['table']}: {shown}{more}"


def failures(report: Any, out: TextIO) -> None:
    """The failed checks of a report, five examples each."""
    for check in report.checks:
        if check.failed:
            print(f"  {check.table}: {check.name}: {check.failed} of {check.rows}", file=out)
            for example in check.examples:
                print(f"    {example.key}: {example.message} ({example.value})", file=out)
