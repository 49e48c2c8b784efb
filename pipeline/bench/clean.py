"""What cleaning costs, beside the usual chain for it: CPU of one process on the same documents in the same run.

Texts: `ftfy.fix_text`, `py3langid` and a MinHash of `datasketch` on each; ours without a sketch, which is no part of
cleaning, and with the one that finds our near duplicates. Pages: the extractor that we use, alone on each page.
"""

import re
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from pipeline.bench import corpus
from pipeline.bench.speed import timed
from pipeline.clean import clean
from pipeline.evaluate.counts import Scores
from pipeline.read import RAW

TEXTS, PAGES = 1000, 200
PERMUTATIONS = 128
DAY = "2029-05-04"


def bench(texts: Sequence[str] | None = None) -> Scores:
    """MB of raw text per CPU-second and the ratio to the peers, on these texts or the made-up corpus; pages are made
    up in either case. A peer that is not installed is named as not run.
    """
    pages = list(corpus.pages(PAGES))
    texts = list(corpus.texts(TEXTS)) if texts is None else texts
    return {"text": _texts(texts), "html": _pages(pages)}


def _texts(texts: Sequence[str]) -> Scores:
    from rensa import RMinHash

    contents = [text.encode() for text in texts]
    dated, undated = _raw(contents, "text", DAY), _raw(contents, "text", None)
    runs: dict[str, Callable[[], object]] = {
        "clean stage": lambda: clean(dated),
        "clean stage, day found in the text": lambda: clean(undated),
        "clean stage and sketches": lambda: [
            RMinHash(num_perm=PERMUTATIONS, seed=1).update(_sequences(text))
            for text in clean(dated)[1]["text"].to_pylist()
        ],
    }
    peer = "ftfy + py3langid + datasketch"
    chain = _chain()
    if chain is None:
        return {peer: {"not run": "datasketch is not installed"}}
    runs[peer] = lambda: [chain(text) for text in texts]
    size = sum(map(len, contents)) / 1e6
    spent = timed(runs)
    return {"documents": len(texts), "MB": round(size, 2)} | {
        name: {
            "MB_per_cpu_second": round(size / statistics.median(each), 2),
            "ratio_to_peers": round(statistics.median(b / e for b, e in zip(spent[peer], each, strict=True)), 2),
        }
        for name, each in spent.items()
    }


def _chain() -> Callable[[str], object] | None:
    """Repair, language and MinHash of five-word sequences, as documented; None without datasketch."""
    try:
        from datasketch import MinHash
    except ImportError:
        return None
    import ftfy
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def run(text: str) -> object:
        text = ftfy.fix_text(text)
        language = identifier.classify(text)
        sketch = MinHash(PERMUTATIONS)
        sketch.update_batch([sequence.encode() for sequence in _sequences(text)])
        return language, sketch

    return run


def _sequences(text: str) -> list[str]:
    """Its sequences of five words."""
    words = re.findall(r"\w+", text.casefold())
    return [" ".join(words[at : at + 5]) for at in range(len(words) - 4)]


def _pages(pages: Sequence[bytes]) -> Scores:
    from trafilatura import bare_extraction

    raw = _raw(pages, "html", None)

    def extract(page: bytes) -> Any:
        return bare_extraction(
            page.decode(),
            favor_precision=True,
            include_comments=False,
            include_tables=False,
            deduplicate=False,
            with_metadata=False,
        )

    alone = "trafilatura, text alone"
    spent = timed({alone: lambda: [extract(page) for page in pages], "clean stage": lambda: clean(raw)})
    return {"pages": len(pages)} | {
        name: {
            "ms_a_page": round(1000 * statistics.median(each) / len(pages), 2),
            "cpu_to_extractor": round(statistics.median(e / b for b, e in zip(spent[alone], each, strict=True)), 2),
        }
        for name, each in spent.items()
    }


def _raw(contents: Sequence[bytes], kind: str, published: str | None) -> pa.Table:
    ending = {"text": "txt"}.get(kind, kind)
    rows = [
        dict.fromkeys(RAW.names)
        | {"source": f"{number}.{ending}", "format": kind, "content": content, "publish_text": True}
        | {"published": published}
        for number, content in enumerate(contents)
    ]
    return pa.Table.from_pylist(rows, RAW)
