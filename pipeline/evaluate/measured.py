"""What is known of how well stance and voice are read, kept for the cards of releases.

`python -m pipeline.evaluate.measured CORPORA` scores the annotators on the corpora that nothing was trained on and
writes the figures to pipeline/annotate/weights/measured.json; to be run again after every training.
"""

import json
import sys
from pathlib import Path

from pipeline import evaluate
from pipeline.annotate.model import FOLDER
from pipeline.evaluate.counts import Scores

FILES = {
    "stance_newsmtsc_rw_dev": "one sentence, toward a person (NewsMTSC, rw)",
    "stance_newsmtsc_mt_dev": "one sentence with several persons (NewsMTSC, mt)",
    "stance_basil_articles_dev": "a whole article, toward whom it is about (BASIL)",
    "claim_newsdiscourse_dev": "whether a sentence passes on what others said (NewsDiscourse)",
}
"""Files of annotated data, and what is measured on each."""


def measure(corpora: Path) -> list[Scores]:
    """The scores of each of `FILES`, as `onrecord evaluate` gives them, with `what` was measured."""
    return [{"what": what, **evaluate.file(corpora / f"{name}.jsonl")} for name, what in FILES.items()]


if __name__ == "__main__":
    content = json.dumps(measure(Path(sys.argv[1])), indent=1, sort_keys=True) + "\n"
    (FOLDER / "measured.json").write_text(content, encoding="utf-8")
    print(content)
