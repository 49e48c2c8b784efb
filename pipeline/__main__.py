"""The command line: `onrecord`, also `python -m pipeline`.

Exit codes: 0 done, 1 the data was refused, 2 wrong use (arguments, configuration, a folder that cannot be used),
130 interrupted. What a command made goes to standard output, progress and errors to standard error.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMANDS = {
    "documents": "read and clean: the documents and their texts",
    "claims": "... then annotate and link: claims, dates, stances, speakers",
    "check": "... then check them: expectations, laws, floors",
    "release": "... then publish the package as a folder that any reader takes",
    "run": "the same as release, with a report of what the package holds",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(arguments)
    from pipeline.errors import PipelineError, ReleaseRefused

    try:
        return _score(options) if options.command in ("evaluate", "bench") else _run(options)
    except ReleaseRefused as refused:
        print(f"onrecord: {refused}", file=sys.stderr)
        if refused.report is not None:
            from pipeline import summary

            summary.failures(refused.report, sys.stderr)
        return 1
    except PipelineError as error:
        print(f"onrecord: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("onrecord: interrupted; the next run goes on where this one stopped.", file=sys.stderr)
        return 130


def script() -> None:
    """Entry point. It leaves without interpreter shutdown, in which pyarrow may abort after all (arrow #34314)."""
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onrecord",
        description="Raw news texts in, versioned, checked, citable data packages of claims out.",
        epilog="exit codes: 0 done, 1 data refused, 2 wrong use, 130 interrupted",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--raw", type=Path, default=Path("raw"), help="folder of raw texts (default: raw)")
        command.add_argument(
            "--output", type=Path, default=Path("output"), help="where work and packages go (default: output)"
        )
        command.add_argument("--package", help="name of the package (default: the name of the raw folder)")
        command.add_argument(
            "--workers", type=_count, default=_cores(), help="processes (default: the cores this process may use)"
        )
        command.add_argument("--json", action="store_true", help="print what was made as one JSON object")
        if name in ("release", "run"):
            command.add_argument(
                "--version", default="auto", help="X.Y.Z, or auto: the next that the data asks for (default)"
            )
    text = "score the annotators: against the gold of the sample corpus, or on a file of annotated data"
    command = commands.add_parser("evaluate", help=text, description=text)
    command.add_argument(
        "file", type=Path, nargs="?", help="quotes_*, dates_*, stance_* or claim_*.jsonl; without it, tests/gold"
    )
    command.add_argument(
        "--predictions", type=Path, help="where to write what the annotators say, one JSON object a line"
    )
    command.add_argument("--json", action="store_true", help="print the scores as one JSON object")
    text = "the annotators beside their peers on a folder of annotated data: scores and speed"
    command = commands.add_parser("bench", help=text, description=text)
    command.add_argument(
        "folder", type=Path, help="folder of quotes_*, dates_* and stance_*.jsonl, peers in peers_dates/"
    )
    command.add_argument(
        "--peers", metavar="PYTHON", help="a Python that has textacy, sayswho and en_core_web_sm, to run them as well"
    )
    command.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(options: argparse.Namespace) -> int:
    from pipeline import summary
    from pipeline.errors import SchemaError
    from pipeline.run import run

    package = options.package or _package_name(options.raw)
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", package) or package == "work":
        raise SchemaError(
            f"{package!r} is no package name: a small letter, then small letters, digits, '-' and '_', 64 at most, "
            "and not 'work'. Name one with --package (make: PACKAGE=name)."
        )
    with _progress() as progress:
        result = run(
            options.raw,
            options.output,
            package,
            until="release" if options.command == "run" else options.command,
            version=getattr(options, "version", "auto"),
            workers=options.workers,
            progress=progress,
        )
    found = summary.summary(result)
    if options.json:
        json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
        print()
    elif options.command == "run":
        summary.show(found, sys.stdout)
    else:
        summary.show_short(found, sys.stdout)
    return 0 if result.report is None or result.report.ok else 1


def _package_name(raw: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", raw.resolve().name.casefold()).strip("-")
    return "sample" if name == "raw" else name


def _score(options: argparse.Namespace) -> int:
    from pipeline import evaluate

    if options.command == "bench":
        from pipeline.bench import bench

        scores = bench(options.folder, options.peers)
    else:
        scores = evaluate.file(options.file, options.predictions) if options.file else evaluate.gold()
    if options.json:
        json.dump(scores, sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        evaluate.show(scores, sys.stdout)
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar a stage on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda stage, done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def update(stage: str, done: int, of: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=None)
            bars.update(tasks[stage], completed=done, total=of or None)

        yield update


if __name__ == "__main__":
    script()
