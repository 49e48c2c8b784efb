"""Fuzzing of what takes strangers' bytes: reading, cleaning, the entry of the annotators, and offsets.

`python -m tests.fuzz 100000` tries so many inputs with atheris (`--seed N` for others); a crash, more than five
CPU-seconds for one input, a row that is lost or a span that does not lead back to its bytes ends it, and the input is
left in a file. `test_fuzz.py` tries a thousand in each run of the tests.
"""

import gzip
import inspect
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pyarrow as pa

from pipeline.annotate.article import Article
from pipeline.annotate.dates import DocumentDate, find
from pipeline.annotate.quotes import quoted_runs
from pipeline.clean import clean
from pipeline.offsets import Alignment, Edit, RawSpans
from pipeline.read import RAW, read

SECONDS = 5
_NAMES = ("a.txt", "a.html", "a.jsonl", "a.warc", "a.warc.gz", "a.parquet", "a.txt.gz", "a.jsonl.gz")
_GUIDED = ("pipeline.read", "pipeline.clean", "pipeline.annotate", "pipeline.offsets")
_DAY = DocumentDate.of("2031-05-04", "metadata", 1.0)


def check(data: bytes) -> None:
    """Take one input through all; AssertionError where a promise does not hold."""
    start = time.process_time()
    kind, content = (data[0], data[1:]) if data else (0, b"")
    if kind % 3 == 0:
        _offsets(content)
    elif kind % 3 == 1:
        _cleaned(pa.Table.from_pylist([_row(content, ("text", "html", "jsonl")[kind // 3 % 3])], RAW))
    else:
        name = _NAMES[kind // 3 % len(_NAMES)]
        _files(name, gzip.compress(content, 1, mtime=0) if kind >= 128 and name.endswith(".gz") else content)
    assert time.process_time() - start < SECONDS, f"more than {SECONDS} CPU-seconds"


def _row(content: bytes, kind: str) -> dict[str, object]:
    if kind == "jsonl" and content[:1] != b"{":
        content = json.dumps({"text": content.decode("latin-1")}).encode()
    source = {"text": "a.txt", "html": "a.html", "jsonl": "a.jsonl#1"}[kind]
    facts = {"source": source, "format": kind, "content": content, "publish_text": True}
    return dict.fromkeys(RAW.names) | facts


def _files(name: str, content: bytes) -> None:
    """A file of any bytes gives rows that each have content or a reason, and no two the same name."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        rows = list(read(Path(folder)))
    assert rows
    assert len({row["source"] for row in rows}) == len(rows)
    assert all((row["content"] is None) == (row["rejected"] is not None) for row in rows)
    _cleaned(pa.Table.from_pylist(rows, RAW))


def _cleaned(raw: pa.Table) -> None:
    """Rows balance, each text leads back to its bytes, and what reads texts takes it."""
    documents, texts = clean(raw)
    accepted = documents["rejected"].null_count
    assert documents.num_rows == raw.num_rows
    assert texts.num_rows == accepted
    contents = dict(zip(documents["document_id"].to_pylist(), raw["content"].to_pylist(), strict=True))
    codecs = dict(zip(documents["document_id"].to_pylist(), documents["encoding"].to_pylist(), strict=True))
    for row in texts.to_pylist():
        content, codec = contents[row["document_id"]], codecs[row["document_id"]]
        alignment = Alignment.parse(row["alignment"])
        spans = RawSpans(content, codec, alignment)
        for _, place, length in alignment.kept:
            for at in {place, place + length - 1}:
                start, end = spans.span(at, at + 1)
                assert content[start:end].decode(codec) == row["text"][at]
        article = Article.parse(row["document_id"], None, row["text"], row["paragraphs"])
        quoted_runs(article)
        for timex in find(row["text"], _DAY):
            assert row["text"][timex.start : timex.end] == timex.text


def _offsets(data: bytes) -> None:
    """Edits made of any bytes compose, and what was kept is what it was."""
    text = "".join(chr(0x40 + byte % 0x40) for byte in data[:200])
    states, whole = [text], Alignment.identity(len(text))
    for step in range(1, 4):
        places = sorted(byte * len(states[-1]) // 255 for byte in data[step::7][:8])
        edits = [Edit(start, end, states[0][: end % 4]) for start, end in zip(places[::2], places[1::2], strict=False)]
        result, alignment = Alignment.apply(states[-1], edits)
        states.append(result)
        whole = whole.then(alignment)
    assert Alignment.parse(whole.cigar()) == whole
    for source, place, length in whole.kept:
        assert text[source : source + length] == states[-1][place : place + length]
        assert whole.source(place, place + length) == (source, source + length)


def _functions() -> Iterator[FunctionType]:
    """Every function and method that strangers' bytes come to, so that atheris sees which branch an input takes."""
    for name in [name for name in sys.modules if name.startswith(_GUIDED)]:
        module = sys.modules[name]
        classes = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == name]
        for holder in (module, *classes):
            for one in list(vars(holder).values()):
                one = one.fget if isinstance(one, property) else getattr(one, "__func__", one)
                one = inspect.unwrap(one) if callable(one) else one
                if isinstance(one, FunctionType) and one.__module__ == name:
                    yield one


def main(count: int, seed: int, folder: Path) -> None:
    """Try so many inputs with atheris, which leaves the process when it is done or has found something."""
    import atheris

    for function in _functions():
        atheris.instrument_func(function)
    options = [
        f"-runs={count}",
        f"-seed={seed}",
        "-max_len=2000",
        "-timeout=900",
        "-report_slow_units=900",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    number = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 1
    with tempfile.TemporaryDirectory() as corpus:
        main(int(sys.argv[1]), number, Path(corpus))
