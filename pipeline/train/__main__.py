"""The command line of training."""

import argparse
from pathlib import Path

from pipeline.train import __doc__ as about
from pipeline.train import polarity, speech, stances, tagger, types

PARTS = {
    "tagger": tagger.train,
    "polarity": polarity.train,
    "stances": stances.train,
    "types": types.train,
    "speech": speech.train,
}

parser = argparse.ArgumentParser(prog="python -m pipeline.train", description=about)
parser.add_argument("corpora", type=Path, help="folder of the annotated data")
parser.add_argument(
    "parts", nargs="*", metavar="PART", help=f"what to train: {', '.join(PARTS)}; all where none is named"
)
arguments = parser.parse_args()
if unknown := set(arguments.parts) - PARTS.keys():
    parser.error(f"no such part: {', '.join(sorted(unknown))}. There are {', '.join(PARTS)}.")
for name in arguments.parts or PARTS:
    PARTS[name](arguments.corpora)
