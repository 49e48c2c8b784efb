"""Documents that kept every law before and are as they were: what need not be looked at again.

A law about a row looks at the row, its document and its text, and one about raw bytes at these besides. Where all of it
is what it was when every law was kept, and so is the code, the answer is known. What counts is the content as it is
read now, whatever made it and wherever it lies: a row that was changed behind our back gives its document another
print, and the raw bytes are hashed each time. Laws across rows are not of this kind: they are asked of all rows.
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from pipeline import schema
from pipeline.corpus import Corpus
from pipeline.kept import keeping, kept

FILE = "passed.parquet"
TABLES = tuple(name for name in schema.TABLES if "document_id" in schema.arrow(name).names)
"""The tables whose rows are of a document."""
_PRINTS = pa.schema([("document_id", pa.string()), ("print", pa.string())])


def new(corpus: Corpus, work: Path) -> Mapping[str, str]:
    """By table, a relation with the rows of those documents alone that must be looked at; empty when it is all of them.

    A document's print is the sum of the 64-bit hashes of its rows: of 10^19 documents that were changed, one is
    overlooked. The corpus must be on disk; raises InvalidInputException of DuckDB where a string is no Unicode.
    """
    hashes = []
    for name in TABLES:
        columns = ", ".join(f'"{column}"' for column in schema.arrow(name).names)
        hashes.append(f"SELECT document_id, sum(hash('{name}', {columns})) AS print FROM {name} GROUP BY document_id")
    corpus.execute(
        "CREATE OR REPLACE TABLE prints AS SELECT document_id, CAST(sum(print) AS VARCHAR) AS print "
        f"FROM ({' UNION ALL '.join(hashes)}) GROUP BY document_id"
    )
    known = kept(work / FILE)
    if known is None:
        return {}
    corpus.hold("passed", known)
    corpus.execute(
        "CREATE OR REPLACE TABLE new AS SELECT document_id FROM prints ANTI JOIN passed USING (document_id, print)"
    )
    for name in TABLES:  # made once, and small: of columns that are not asked for, little is read
        corpus.execute(
            f"CREATE OR REPLACE TABLE new_{name} AS SELECT * FROM {name} SEMI JOIN new USING (document_id) "
            f"UNION ALL SELECT * FROM {name} WHERE document_id IS NULL"
        )
    return {name: f"new_{name}" for name in TABLES}


def keep(corpus: Corpus, work: Path) -> None:
    """Keep that every document has passed, for the next run; `new` was called before."""
    with keeping(work / FILE, _PRINTS) as file:
        for batch in corpus.batches("FROM prints WHERE document_id IS NOT NULL ORDER BY document_id", _PRINTS):
            file.write_batch(batch)


def forget(corpus: Corpus) -> None:
    """Give back the memory of what `new` made."""
    for name in ("prints", "new", *(f"new_{table}" for table in TABLES)):
        corpus.execute(f"DROP TABLE IF EXISTS {name}")
