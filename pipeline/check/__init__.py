"""Tables into a Report: the expectations of schemas/, then our laws; and a built package, by its very bytes.

The only room that knows Great Expectations and Frictionless. A bad row is never an exception: it is counted in its
check, shown among the first five examples, and listed in full in the report's quarantine.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import pyarrow as pa

from pipeline import schema
from pipeline.check.built import package
from pipeline.check.expectations import expectations
from pipeline.check.laws import laws, unicode_law
from pipeline.check.report import Balance, Check, Failure, Report
from pipeline.errors import SchemaError

__all__ = ["Balance", "Check", "Failure", "Report", "check", "package"]


def check(
    tables: Mapping[str, pa.Table], *, inputs: int, contents: Callable[[str], bytes | None] | None = None
) -> Report:
    """Check all rows of all tables.

    Args:
        tables: the six tables, with a text for every accepted document, the withheld ones too.
        inputs: number of raw documents that came in.
        contents: the raw bytes of a document by its `source`; without it, no row is led back to its bytes.

    Raises SchemaError when a table has not the columns and types of its schema: that is no bad row but a bug.
    """
    for name in schema.TABLES:
        if not tables[name].schema.equals(schema.arrow(name)):
            raise SchemaError(
                f"schemas/{name}.json: a table came with other columns: {tables[name].schema.to_string()}"
            )
    rejected = Counter(reason for reason in tables["documents"]["rejected"].to_pylist() if reason is not None)
    found = [unicode_law(name, tables[name]) for name in schema.TABLES]
    if not any(check.failed for check, _ in found):  # what is no Unicode cannot even be read
        found += [result for name in schema.TABLES for result in expectations(name, tables[name])]
        found += laws(tables, inputs, contents)
    return Report(
        checks=tuple(check for check, _ in found),
        quarantine=tuple(failure for _, failures in found for failure in failures),
        counts={name: tables[name].num_rows for name in schema.TABLES},
        balance=Balance(
            inputs=inputs,
            accepted=tables["documents"].num_rows - rejected.total(),
            rejected=rejected.total(),
            reasons=dict(sorted(rejected.items())),
        ),
    )
