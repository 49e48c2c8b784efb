"""What hostile texts cost the annotate stage: `PYTHONPATH=. python tests/annotate_growth.py 0.01 0.1 1`.

Prints CPU seconds and memory at these shares of the full sizes, which are a paragraph of 5 MB, 100,000 quotation marks
and a sentence of 50,000 words. A size is a process of its own, so that its memory is its own.
"""

import multiprocessing
import resource
import sys
import time

from test_annotate_hostile import GROWING, QUOTED, SAID, stage_input

from pipeline.annotate.stage import annotate

TEXTS = {
    "one paragraph": lambda share: GROWING["one paragraph"](int(5_000_000 * share)),
    "quotation marks": lambda share: '"' * int(100_000 * share),
    "one sentence": lambda share: "and the river rose near Harl " * int(50_000 * share / 6),
}


def cost(name: str, share: float) -> None:
    """Print what one text takes; what is loaded first is not counted."""
    annotate(*stage_input(SAID + QUOTED))
    text = TEXTS[name](share)
    loaded, start = _peak(), time.process_time()
    annotate(*stage_input(text))
    print(
        f"{name:<16} {len(text):>9} code points  {time.process_time() - start:8.1f} CPU s  {_peak():>5} MiB at most, "
        f"{loaded} before",
        flush=True,
    )


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    for name in TEXTS:
        for share in map(float, sys.argv[1:]):
            process = multiprocessing.get_context("spawn").Process(target=cost, args=(name, share))
            process.start()
            process.join()
