"""Files of annotated data, and articles as the pipeline reads and cleans them."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from pipeline.evaluate.counts import Row


def read(path: Path) -> list[Row]:
    """The rows of a JSON Lines file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def articles(folder: Path, kind: str = "") -> dict[str, str]:
    """Document -> text of the annotated articles of a folder (`quotes_*`), those that several people annotated once;
    `kind` is how the names of the files end.
    """
    return {row["doc_id"]: row["text"] for path in sorted(folder.glob(f"quotes_*{kind}.jsonl")) for row in read(path)}


def tables(texts: Sequence[str]) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The raw rows, documents and texts of a raw folder that holds these texts, a file each."""
    from pipeline.clean import clean
    from pipeline.read import RAW
    from pipeline.read import read as read_folder

    with TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            Path(folder, f"{number:05}.txt").write_text(text, encoding="utf-8")
        Path(folder, "source.toml").write_text('outlet = "Bench"\nlanguage = "en"\n', encoding="utf-8")
        raw = pa.Table.from_pylist(list(read_folder(Path(folder))), schema=RAW)
    return raw, *clean(raw)
