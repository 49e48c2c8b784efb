"""The command line: `onrecord`, also `python -m pipeline`.

What a command made goes to standard output, progress and errors to standard error; control characters in either are
shown, never sent. How it went is told by the exit code:
"""

import argparse
import errno
import io
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline import interrupts

CODES = {
    0: "done",
    1: "the data were refused: checks that failed, files that are not as published, an attack",
    2: "wrong use: arguments, or a folder, version or document that is not there",
    70: "a fault of onrecord itself",
    73: "what was to be written cannot be created there",
    74: "reading or writing failed: the disk is full or broken",
    75: "try again: another process holds the lock, or a server cannot be reached",
    77: "no permission",
    78: "a file that describes others is wrong: source.toml, aliases.toml, a schema, annotated data",
    130: "interrupted",
}
"""Exit codes, those of sysexits.h from 64 on."""
_BY_ERROR = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), 77),
    **dict.fromkeys((errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP), 73),
    **dict.fromkeys((errno.EAGAIN, errno.EWOULDBLOCK), 75),
    errno.ENOENT: 2,
}
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
STAGES = {
    "documents": "read and clean: the documents and their texts",
    "claims": "... then annotate and link: claims, dates, stances, speakers",
    "check": "... then check them: expectations, laws, floors",
    "release": "... then publish the package as a folder that any reader takes",
    "run": "the same as release, with a report of what the package holds",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    from pipeline.errors import PipelineError, ReleaseRefused

    try:
        options = _parser().parse_args(arguments)
        with interrupts.heeded():
            return options.do(options)
    except ReleaseRefused as refused:
        print(f"onrecord: {refused}", file=sys.stderr)
        if refused.report is not None:
            from pipeline import summary

            summary.failures(refused.report, sys.stderr)
        return 1
    except PipelineError as error:
        print(f"onrecord: {error}", file=sys.stderr)
        return _code(error)
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:  # whoever read our output has gone
        return 74
    except Exception:
        if interrupts.heard.is_set():  # some library made another error of it
            return _interrupted()
        traceback.print_exc()
        print("onrecord: this is a fault of onrecord, not of your data. Please report it.", file=sys.stderr)
        return 70


def _interrupted() -> int:
    print("onrecord: interrupted; the next run goes on where this one stopped.", file=sys.stderr)
    return 130


def script() -> None:
    """Entry point. It leaves without interpreter shutdown, in which pyarrow may abort after all (arrow #34314)."""
    sys.stdout, sys.stderr = _shown(sys.stdout), _shown(sys.stderr)
    try:
        code = main()
    except SystemExit as left:  # argparse's own
        code = left.code if isinstance(left.code, int) else 2
    try:
        for stream in (sys.stdout, sys.__stdout__):
            stream.flush()
    except OSError as error:
        code = 74
        print(f"onrecord: standard output: {error.strerror}.", file=sys.stderr)
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)


def _code(error: Exception) -> int:
    """The exit code of an error that a user can mend."""
    from pipeline.errors import SchemaError

    cause = error.__cause__
    if isinstance(error, SchemaError):
        return 78
    if isinstance(cause, ConnectionError):
        return 75
    number = cause.errno if isinstance(cause, OSError) else getattr(error, "errno", None)  # a worker's lost its cause
    return 2 if number is None else _BY_ERROR.get(number, 74)


class _Shown(io.TextIOWrapper):
    """A stream that shows control characters instead of sending them; what it writes of JSON stays JSON."""

    def write(self, text: str) -> int:
        return super().write(_UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _shown(stream: Any) -> Any:
    if not hasattr(stream, "buffer"):
        return stream
    tell = {"encoding": stream.encoding, "errors": "backslashreplace", "line_buffering": stream.line_buffering}
    return _Shown(stream.buffer, **tell)


def _own(stream: Any) -> Any:
    """The stream itself, for what draws by control characters and shows those of others on its own."""
    return {sys.stdout: sys.__stdout__, sys.stderr: sys.__stderr__}[stream] if isinstance(stream, _Shown) else stream


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onrecord",
        description="Raw news texts in, versioned, checked, citable data packages of claims out.",
        epilog="exit codes:\n" + "\n".join(f"  {code:<4} {told}" for code, told in CODES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, do: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=text, description=text)
        found.set_defaults(do=do)
        return found

    for name, text in STAGES.items():
        stage = command(name, _run, text)
        _add_places(stage, raw=True)
        stage.add_argument(
            "--cluster",
            metavar="ADDRESS",
            help="a Dask scheduler, tcp://HOST:PORT, whose workers take the place of ours",
        )
        stage.add_argument("--retry", action="store_true", help="try documents again that crashed or took too long")
        stage.add_argument(
            "--redact",
            action="store_true",
            help="put e-mail addresses, telephone numbers, IBANs and keys out of sight in all documents "
            "(in source.toml: redact = true)",
        )
        stage.add_argument("--explain", action="store_true", help="say what would be done and why; do nothing")
        stage.add_argument(
            "--json", action="store_true", help="print what was made, and what it took, as one JSON object"
        )
        if name in ("release", "run"):
            stage.add_argument(
                "--version", default="auto", help="X.Y.Z, or auto: the least that the changes allow (default)"
            )
            _add_key(stage)
    verify = command("verify", _verify, "check every byte, row, chain and signature of what was published")
    verify.add_argument(
        "path", type=Path, nargs="?", default=Path("output"), help="a release, a package or all (default: output)"
    )
    _add_signers(verify)
    verify.add_argument(
        "--since", type=_file, help="versions.json of the package as you saw it before: its list must go on from there"
    )
    reproduce = command("reproduce", _reproduce, "build a release once more from the raw texts and compare the bytes")
    reproduce.add_argument("version", help="X.Y.Z")
    _add_places(reproduce, raw=True)
    diff = command("diff", _diff, "what changed from one release to another, as JSON")
    diff.add_argument("old", type=Path, help="folder of a release")
    diff.add_argument("new", type=Path, help="folder of a later one")
    yank = command("yank", _yank, "mark a release as wrong: it stays for whoever names it, nobody is led to it")
    yank.add_argument("version", help="X.Y.Z")
    yank.add_argument("--reason", required=True, help="what readers are told")
    _add_places(yank)
    _add_key(yank)
    withdraw = command("withdraw", _withdraw, "publish without some documents and delete every release that holds one")
    withdraw.add_argument("document", nargs="+", help="its document_id, source or url")
    withdraw.add_argument("--reason", required=True, help="what readers are told")
    _add_places(withdraw, raw=True)
    _add_key(withdraw)
    catalogue = command("catalogue", _catalogue, "finish what a killed run began; make lists, feed and pages anew")
    _add_places(catalogue)
    _add_key(catalogue)
    pull = command("pull", _pull, "fetch a release, verified, into a folder that datasets, DuckDB and pandas read")
    pull.add_argument("source", help="address or folder of a package, with @X.Y.Z for a version (default: its latest)")
    pull.add_argument("folder", type=Path, help="where to")
    _add_signers(pull)
    update = command("update", _update, "bring a pulled folder to a newer release, by what changed where that suffices")
    update.add_argument("folder", type=Path, help="folder of an earlier pull")
    update.add_argument("--to", help="X.Y.Z (default: the latest)")
    _add_signers(update)
    rehydrate = command(
        "rehydrate", _rehydrate, "make what a release withholds of its texts from your own copies, and prove it"
    )
    rehydrate.add_argument("folder", type=Path, help="folder of a release")
    rehydrate.add_argument("--raw", type=Path, required=True, help="folder of your copies")
    rehydrate.add_argument(
        "--to", type=Path, default=Path("rehydrated"), help="folder for the whole tables (default: rehydrated)"
    )
    push = command("push", _push, "send a package to a folder, an S3 bucket or the Hugging Face Hub")
    push.add_argument("target", help="a folder, s3://bucket/prefix, or hf://datasets/owner/name")
    push.add_argument("--version", help="X.Y.Z for the Hub (default: the latest); other targets get all releases")
    push.add_argument("--address", help="where others find the packages there: adds Croissant files to load by address")
    _add_places(push)
    serve = command("serve", _serve, "serve the packages on 127.0.0.1 until interrupted")
    serve.add_argument("--output", type=Path, default=Path("output"), help="folder of packages (default: output)")
    serve.add_argument("--port", type=_count, default=8000, help="(default: 8000)")
    evaluate = command(
        "evaluate",
        _score,
        "score the annotators: against the gold of the sample corpus, or on a file of annotated data",
    )
    evaluate.add_argument(
        "file", type=Path, nargs="?", help="quotes_*, dates_*, stance_* or claim_*.jsonl; without it, tests/gold"
    )
    evaluate.add_argument(
        "--predictions", type=Path, help="where to write what the annotators say, one JSON object a line"
    )
    evaluate.add_argument("--json", action="store_true", help="print the scores as one JSON object")
    bench = command(
        "bench",
        _score,
        "the annotators beside their peers on a folder of annotated data, or releases of a made-up corpus",
    )
    bench.add_argument(
        "folder", type=Path, nargs="?", help="folder of quotes_*, dates_* and stance_*.jsonl; without it, releases"
    )
    bench.add_argument(
        "--peers", metavar="PYTHON", help="a Python that has textacy, sayswho and en_core_web_sm, to run them as well"
    )
    bench.add_argument(
        "--scale",
        type=_count,
        metavar="N",
        help="runs over N made-up documents; a table and a picture go to output/bench",
    )
    bench.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    return parser


def _add_places(command: argparse.ArgumentParser, *, raw: bool = False) -> None:
    command.add_argument(
        "--output", type=Path, default=Path("output"), help="where work and packages go (default: output)"
    )
    command.add_argument("--raw", type=Path, default=Path("raw"), help="folder of raw texts (default: raw)")
    command.add_argument("--package", help="name of the package (default: the name of the raw folder)")
    if raw:
        command.add_argument(
            "--workers", type=_count, default=_cores(), help="processes (default: the cores this process may use)"
        )


def _add_key(command: argparse.ArgumentParser) -> None:
    command.add_argument("--key", type=_file, help="file of an ssh key that signs release and list (default: none)")


def _add_signers(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--signers", type=_file, help="allowed-signers file of ssh: lists and releases must be signed by one of it"
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    return Path(text)


def _cores() -> int:
    """Cores that this process may use: those it is bound to, and no more than its control group pays for."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(bound, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no such group, or "max": as much as there is
        return bound


def _run(options: argparse.Namespace) -> int:
    package = _package(options)
    if options.explain:
        from pipeline.shards.plan import plan

        for line in plan(options.raw, options.output / "work" / package, redact=options.redact):
            print(line)
        return 0
    from pipeline import summary
    from pipeline.progress import shown
    from pipeline.release.publish import today
    from pipeline.run import run

    with shown(_own(sys.stderr)) as show:

        def progress(what: str, done: int, of: int) -> None:
            if interrupts.heard.is_set():  # and was dropped
                raise KeyboardInterrupt
            show(what, done, of)

        result = run(
            options.raw,
            options.output,
            package,
            until="release" if options.command == "run" else options.command,
            version=getattr(options, "version", "auto"),
            key=getattr(options, "key", None),
            workers=options.workers,
            cluster=options.cluster,
            again=options.retry,
            redact=options.redact,
            progress=progress,
        )
    for line in result.in_vain:
        print(f"onrecord: {options.raw / 'aliases.toml'}: {line}. Mend or remove it.", file=sys.stderr)
    found = summary.summary(result, today())
    if options.json:
        json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
        print()
    elif options.command == "run":
        summary.show(found, _own(sys.stdout))
    else:
        summary.show_short(found, sys.stdout)
    return 0 if result.report is None or result.report.ok else 1


def _verify(options: argparse.Namespace) -> int:
    from pipeline.release import verify

    faults = verify.path(options.path, options.signers, options.since)
    for fault in faults:
        print(f"{(options.path / fault.file).as_posix()}: {fault.message}.")
    if not faults:
        print(f"{options.path.as_posix()}: whole, every byte as it was published")
    return 1 if faults else 0


def _reproduce(options: argparse.Namespace) -> int:
    from pipeline.progress import shown
    from pipeline.reproduce import reproduce

    with shown(_own(sys.stderr)) as progress:
        found = reproduce(
            options.raw,
            options.output,
            _package(options),
            options.version,
            workers=options.workers,
            progress=progress,
        )
    for name in found.different:
        print(f"{(found.folder / name).as_posix()}: comes out otherwise")
    for line in found.rows:
        print(f"  {line}")
    if found.different:
        data = "" if any(name.startswith("data/") for name in found.different) else " The data are."
        print(f"{len(found.different)} of {found.files} files are not reproduced.{data}", end=" ")
        print("Not the same as when it was built:" if found.reasons else "Nothing that is recorded explains it.")
    else:
        print(f"{found.folder.as_posix()}: reproduced, {found.files} files the same byte for byte", end="")
        print(", although these were not the same:" if found.reasons else "")
    for line in found.reasons:
        print(f"  {line}")
    return 1 if found.different else 0


def _diff(options: argparse.Namespace) -> int:
    from pipeline.release import changes, verify

    for folder in (options.old, options.new):
        verify.refuse_foreign(folder)
    found = changes.compare(options.old, options.new)
    json.dump(changes.report(found, found.least), sys.stdout, ensure_ascii=False, indent=2)
    print()
    return 0


def _yank(options: argparse.Namespace) -> int:
    from pipeline.release import publish

    home = options.output / _package(options)
    held = publish.yank(home, options.version, options.reason, options.key)
    print(f"{(home / options.version).as_posix()}: yanked; {_latest(held)}")
    return 0


def _withdraw(options: argparse.Namespace) -> int:
    from pipeline.progress import shown
    from pipeline.withdraw import withdraw

    package = _package(options)
    with shown(_own(sys.stderr)) as progress:
        found = withdraw(
            options.raw,
            options.output,
            package,
            options.document,
            options.reason,
            key=options.key,
            workers=options.workers,
            progress=progress,
        )
    print(f"{found.result.folder.as_posix()}: without {', '.join(found.documents)}")
    for version in found.versions:
        print(f"{(options.output / package / version).as_posix()}: withdrawn, its payload and zip are deleted")
    print(f"{options.raw.as_posix()}: if the text still lies there, it is yours to remove; later runs leave it out")
    return 0


def _pull(options: argparse.Namespace) -> int:
    from pipeline.release import fetch

    return _fetched(options.folder, fetch.pull(options.source, options.folder, options.signers))


def _update(options: argparse.Namespace) -> int:
    from pipeline.release import fetch

    return _fetched(options.folder, fetch.update(options.folder, options.to, options.signers))


def _fetched(folder: Path, found: Any) -> int:
    for warning in found.warnings:
        print(f"onrecord: {warning}", file=sys.stderr)
    told = f"{found.downloaded:,} of {found.bytes:,} bytes fetched" if found.new else "was there already"
    print(f"{folder.as_posix()}: {found.version}, whole; {told}")
    return 0


def _rehydrate(options: argparse.Namespace) -> int:
    from pipeline.release.rehydrate import rehydrate

    found = rehydrate(options.folder, options.raw, options.to)
    print(
        f"{options.to.as_posix()}: {found.rows:,} texts, {found.rebuilt:,} from your copies, byte for byte the "
        f"withheld; {found.quotes:,} quotes made whole, proved by their identifiers"
    )
    return 0


def _push(options: argparse.Namespace) -> int:
    from pipeline.release.push import push

    found = push(options.output / _package(options), options.target, options.version, options.address)
    print(f"{found.target}: {', '.join(found.new) if found.new else 'nothing new'}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from pipeline.release.serve import serve

    serve(options.output, options.port)
    return 0


def _catalogue(options: argparse.Namespace) -> int:
    from pipeline.release import publish

    home = options.output / _package(options)
    print(f"{home.as_posix()}: {_latest(publish.renew(home, options.key))}")
    return 0


def _latest(held: Any) -> str:
    return f"latest is {held.latest.version}" if held.latest else "no release is active"


def _package(options: argparse.Namespace) -> str:
    from pipeline.errors import PipelineError

    package = options.package or _package_name(options.raw)
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", package) or package == "work":
        raise PipelineError(
            f"{package!r} is no package name: a small letter, then small letters, digits, '-' and '_', 64 at most, "
            "and not 'work'. Name one with --package (make: PACKAGE=name)."
        )
    return package


def _package_name(raw: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", raw.resolve().name.casefold()).strip("-")
    return "sample" if name == "raw" else name


def _score(options: argparse.Namespace) -> int:
    from pipeline import evaluate

    if options.command == "bench":
        from pipeline.bench import bench, clean, releases, scale

        if options.scale:
            scores = scale.bench(options.scale, Path("output") / "bench")
        elif options.folder:
            scores = bench(options.folder, options.peers)
        else:
            scores = {"cleaning": clean.bench()} | releases.bench()
    else:
        scores = evaluate.file(options.file, options.predictions) if options.file else evaluate.gold()
    if options.json:
        json.dump(scores, sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        evaluate.show(scores, sys.stdout)
    return 0


if __name__ == "__main__":
    script()
