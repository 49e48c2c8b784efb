"""How often a stance toward a target is right, counted again: `[weights.confidence]` of `lexicons/stance.toml`.

Nothing is trained: the rows of our own that whole articles of BASIL and PerSenT get are held against what people said
of the author's feeling. To be run after every training of the reader of polarity.
"""

from collections import Counter
from pathlib import Path

from pipeline.evaluate.corpora import assessed
from pipeline.train.examples import read

FILES = ("stance_basil_articles_dev.jsonl", "stance_persent_dev.jsonl")
ENOUGH = 50  # rows of a polarity from which its share is told


def train(corpora: Path) -> None:
    """Print the share of right rows of each polarity, as lines of the lexicon, with the counts."""
    given, right = Counter[str](), Counter[str]()
    for name in FILES:
        for _, gold, stance in assessed(read(corpora / name)):
            given[stance.polarity] += 1
            right[stance.polarity] += stance.polarity.startswith(gold[:3].lower())
    for polarity, count in sorted(given.items()):
        share = f"{right[polarity] / count:.2f}" if count >= ENOUGH else "too few"
        print(f"{polarity} = {share}  # {right[polarity]} of {count}")
