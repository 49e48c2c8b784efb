"""The expectations of schemas/, run by Great Expectations: on every row of a table, or on a sample of a large one."""

import gc
import json
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import ModuleType
from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.check.report import Check, Failure, checked
from pipeline.corpus import Corpus, Source

SAMPLED = 2_000
"""Rows of a table up to which Great Expectations looks at all. A million claims take it 25 CPU-seconds and 1 GB;
of a larger table it looks at so many, and the rules in SQL, which ask the same, at all of them."""
_SEED = "on record"


@contextmanager
def under_way(tables: Mapping[str, Source]) -> Iterator[Callable[[], list[tuple[Check, list[Failure]]]]]:
    """Let the expectations of all tables be looked at meanwhile; what gives what `expectations` does, table by table.

    Of a large corpus, that is done in a process of its own, which takes its memory along when it ends.
    """
    corpus = Corpus.of(tables)
    if max(corpus.count(name) for name in schema.TABLES) <= SAMPLED:
        yield lambda: [one for name in schema.TABLES for one in expectations(name, corpus)]
        return
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", "from pipeline.check.expectations import main; main()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            with suppress(BrokenPipeError):  # it died at once, and gives nothing below
                pickle.dump({name: _sample(name, corpus) for name in schema.TABLES}, process.stdin)
                process.stdin.close()
            yield partial(_told, process)
        except BaseException:
            process.kill()  # nobody waits for it when the run is interrupted
            raise


def _told(process: subprocess.Popen[bytes]) -> list[tuple[Check, list[Failure]]]:
    try:
        return pickle.load(process.stdout)
    except EOFError:
        raise ChildProcessError(f"Great Expectations ended with exit status {process.wait()}") from None


def main() -> None:
    """The process: read the tables, give what `validated` finds in them."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # whatever a library prints must not stand before it
        tables = pickle.load(sys.stdin.buffer)
        pickle.dump([one for name, table in tables.items() for one in validated(name, table)], out)


def expectations(name: str, tables: Mapping[str, Source]) -> list[tuple[Check, list[Failure]]]:
    """Each expectation of a table with what failed it, from an ephemeral context: no file, network or telemetry.

    The sample of a large table is the rows with the least MD5 of a seed and their key; `Check.rows` is its size.
    """
    return validated(name, _sample(name, Corpus.of(tables)))


def _sample(name: str, corpus: Corpus) -> pa.Table:
    if corpus.count(name) <= SAMPLED:
        return corpus[name]
    key = schema.load(name).primary_key
    least = f"SELECT {key} FROM {name} ORDER BY md5('{_SEED}' || {key}) LIMIT {SAMPLED}"
    batches = corpus.batches(f"SELECT * FROM {name} WHERE {key} IN ({least})", schema.arrow(name))
    return pa.Table.from_batches(batches, schema.arrow(name))


@contextmanager
def _without(*modules: str) -> Iterator[None]:
    """Let imports of some modules find empty ones: Great Expectations imports more for an expectation that no schema
    of ours has, and for its pictures, than for all others, 0.9 CPU-seconds and 77 MB.
    """
    empty = {name: ModuleType(name) for name in modules if name not in sys.modules}
    sys.modules.update(empty)
    try:
        yield
    finally:
        for name in empty:
            sys.modules.pop(name, None)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Nobody looks for garbage meanwhile: of a million objects that Great Expectations makes, few die before it ends,
    and the search takes a seventh of its time. It leaves 10 MB more.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@_uncollected()
def validated(name: str, table: pa.Table) -> list[tuple[Check, list[Failure]]]:
    """Each expectation of a table with what failed it, all rows of it being looked at."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import pandas as pd

    with _without("altair", "scipy.stats"):
        import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.registry import get_expectation_impl

    key = schema.load(name).primary_key
    wanted = schema.expectations(name)
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)  # keeps integers whole in columns that hold nulls
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe(name).get_batch({"dataframe": frame})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of groups in a pattern, and of conditions as strings, which GX 2 will refuse
        suite = gx.ExpectationSuite(
            name=name,
            expectations=[
                get_expectation_impl(expectation["type"])(**expectation["kwargs"], meta={"place": place})
                for place, expectation in enumerate(wanted)
            ],
        )
        outcome = batch.validate(suite, result_format="BASIC")
        if not outcome.success:  # to name all rows takes twice as long, so that is asked only when there are any
            outcome = batch.validate(
                suite, result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [key]}
            )
    results = sorted(outcome.results, key=lambda result: result.expectation_config.meta["place"])
    return [_read(name, key, table.num_rows, *pair) for pair in zip(wanted, results, strict=True)]


def _read(table: str, key: str, rows: int, expectation: Mapping[str, Any], outcome: Any) -> tuple[Check, list[Failure]]:
    kwargs = {part: value for part, value in expectation["kwargs"].items() if value is not None}
    columns = [kwargs.pop(part) for part in ("column", "column_A", "column_B") if part in kwargs]
    where = kwargs.pop("row_condition", None)
    kwargs.pop("condition_parser", None)
    name = expectation["type"] + (f"({', '.join(columns)})" if columns else "") + (f" where {where}" if where else "")
    message = ", ".join(f"{part}={json.dumps(value)}" for part, value in kwargs.items()) or "as the schema asks"
    found: list[tuple[str, object, str]] = [
        (str(row[key]), ", ".join(_value(row[column]) for column in columns), f"expected {message}")
        for row in outcome.result.get("unexpected_index_list") or ()
    ]
    if not outcome.success and not found:  # about the table as a whole, or it could not be evaluated
        found = [("", outcome.result.get("observed_value") or outcome.exception_info, f"expected {message}")]
    return checked(name, table, outcome.result.get("element_count", rows), found)


def _value(value: object) -> str:
    return "null" if value is None or str(value) in ("<NA>", "nan", "NaT") else str(value)
