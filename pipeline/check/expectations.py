"""The expectations of schemas/, run by Great Expectations: on every row of a table, or on a sample of a large one."""

import gc
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.check.report import Check, Failure, checked
from pipeline.corpus import Corpus, Source

SAMPLED = 2_000
"""Rows of a table up to which Great Expectations looks at all. A million claims take it 25 CPU-seconds and 1 GB;
of a larger table it looks at so many, and the rules in SQL, which ask the same, at all of them."""
_SEED = "on record"


def expectations(name: str, tables: Mapping[str, Source]) -> list[tuple[Check, list[Failure]]]:
    """Each expectation of a table with what failed it, from an ephemeral context: no file, network or telemetry.

    The sample of a large table is the rows with the least MD5 of a seed and their key; `Check.rows` is its size.
    """
    corpus = Corpus.of(tables)
    key = schema.load(name).primary_key
    if corpus.count(name) <= SAMPLED:
        return validated(name, corpus[name])
    least = f"SELECT {key} FROM {name} ORDER BY md5('{_SEED}' || {key}) LIMIT {SAMPLED}"
    batches = corpus.batches(f"SELECT * FROM {name} WHERE {key} IN ({least})", schema.arrow(name))
    return validated(name, pa.Table.from_batches(batches, schema.arrow(name)))


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
    import great_expectations as gx
    import pandas as pd
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
