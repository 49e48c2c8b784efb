"""What kind of claim a statement is: the tests of `type_rules`, weighed by what people marked.

Each claim is described by the strengths of the tests, its words and tags, the speech act of its cue, its voice and the
means of its tokens' hidden states in the one encoder pass of the document. Logistic heads on these, one a label, give
calibrated probabilities; what is formal (no claim, `other`) stays with the rules. `pipeline.train.types` makes the
weights.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from io import BytesIO
from math import sqrt
from zlib import crc32

import numpy as np

from pipeline.annotate.model import FOLDER, WIDTH, Reading, Span
from pipeline.annotate.pinned import pinned
from pipeline.annotate.type_rules import HOLDS, LABELS, Words, no_claim, strengths, unowned, words_of

MOST = 3  # labels of one claim at most
DIGEST = "73d7a64385f0dc47d81c80ae9b0282ccd074a19a826a6aa1046cbbfc0c279fcf"
"""SHA-256 of `claim_types.npz` in `FOLDER`; `pipeline.train.types` prints it."""

FITTED_ON = ("claim_nknews_dev", "claim_ct25subj_train", "claim_ct25subj_dev", "stance_babe_sg2")
"""Files of annotated data whose labels the foreign heads were fitted on: figures on them are in sample."""

NKNEWS = ("Events", "Regulations", "Quantity", "Prediction", "Personal", "Normative", "Other", "NoClaim")
ACTS = ("state", "confirm", "deny", "admit", "accuse", "praise", "promise", "threaten", "demand", "predict", "question")
FOREIGN = (*NKNEWS, "biased", "subjective")  # labels of other corpora, whose logits the own heads see
LEAST = 0.2  # share of `given` that the nearest label needs
STATE = 2 * WIDTH  # of a claim: the means of its tokens' hidden states, lower and upper side by side
BUCKETS = 4096  # of hashed words and tags: 12 bits
_TESTS = LABELS[:-1]
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 by the golden ratio: Fibonacci hashing
_MODALS = (
    ("will", "'ll", "wo", "shall"),
    ("would", "'d"),
    ("may", "might"),
    ("could",),
    ("can", "ca"),
    ("should", "must"),
)
_HEADS = frozenset(("ROOT", "ccomp", "conj", "pcomp", "advcl"))  # relations of the verb that the claim hangs on


@dataclass(frozen=True, slots=True)
class Types:
    """The types of one claim.

    main        the main type: the first in the order of `LABELS`
    all         all types in that order, at most three
    confidence  calibrated probability that `main` is right
    """

    main: str
    all: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the heads see of a claim.

    tests    strengths of the tests, and what they tell together with form, voice and cue
    buckets  the buckets of its words and tags, each once
    """

    tests: np.ndarray
    buckets: np.ndarray


def evidence(
    words: Words, *, voice: str, speech_act: str | None = None, published: date | None = None, claim: bool = True
) -> Evidence:
    """The evidence of a claim; `claim` False for a sentence that is none, which only foreign labels need."""
    found = strengths(words, voice=voice, speech_act=speech_act, published=published)
    held = {test: strength >= HOLDS for test, strength in found.items()}
    state, happened, counted = held["attribute"], held["event"], held["quantity"]
    alone = not any(holds for test, holds in held.items() if test != "attribute")
    root = next((i for i, dep in enumerate(words.dep) if dep in _HEADS and words.tag[i][:1] in "VM"), -1)
    tag, low = (words.tag[root], words.low[root]) if root >= 0 else ("", "")
    being, having = low in ("is", "are", "was", "were", "be", "'s", "'re", "'m"), low in ("has", "have", "had")
    helpers = {word for word, tag in zip(words.low, words.tag, strict=True) if tag == "MD"}
    form = [
        state and alone, state and happened, state and counted, happened and counted, not any(held.values()),
        state and held["evaluation"], state and held["mental_state"], being, being and counted,
        being and held["evaluation"], having, tag == "VBD", tag in ("VBZ", "VBP"), tag == "VBN", tag == "VB",
        not {"VBD", "VBZ", "VBP", "MD"}.isdisjoint(words.tag), words.tag[:1] == ["TO"], voice == "attributed", claim,
        bool(words.low) and words.low[0] in ("i", "we"), min(len(words.low), 40) / 40,
        held["prediction"] or held["commitment"],
        *(not helpers.isdisjoint(modals) for modals in _MODALS),
        *(speech_act == act for act in ACTS),
    ]  # fmt: skip
    return Evidence(np.array([*found.values(), *held.values(), *form], np.float32), _buckets(words))


def _buckets(words: Words) -> np.ndarray:
    """The buckets of words and tags, alone and in neighbouring pairs; a number or a proper name is one word."""
    if not words.low:
        return np.empty(0, np.int64)
    word = np.array([_code(low, tag) for low, tag in zip(words.low, words.tag, strict=True)], np.uint64)
    tag = np.array([_hash(each) for each in words.tag], np.uint64)
    head = np.array([_hash(dep) if dep in _HEADS else 0 for dep in words.dep], np.uint64)
    hung = head > 0
    pairs = [(word, word), (tag, tag), (tag, word), (word, tag)]
    codes = [word, tag, *(before[:-1] * _MIX + after[1:] for before, after in pairs)]
    codes += [head[hung] * _MIX + word[hung], head[hung] * _MIX + tag[hung]]
    # The high bits of a product depend on all bits of its factors.
    found = (np.concatenate(codes) * _MIX) >> np.uint64(52)
    return np.flatnonzero(np.bincount(found.astype(np.int64), minlength=BUCKETS))


def _code(low: str, tag: str) -> int:
    if tag.startswith("NNP"):
        return 1
    return 2 if tag == "CD" and any(map(str.isdigit, low)) else _hash("w" + low)


@lru_cache(maxsize=1 << 16)
def _hash(name: str) -> int:
    return crc32(name.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Heads:
    """The learned weights; travels in `claim_types.npz`.

    centre, scale  of a state, (STATE,)
    foreign        on tests, buckets and state, the constant last, (tests + BUCKETS + STATE + 1, FOREIGN)
    own            the same with the foreign logits after the tests, (tests + FOREIGN + BUCKETS + STATE + 1, labels)
    slope, shift   of the calibrated logit of each label
    given          probability from which a label is given
    cut            probability from which each label of `NKNEWS` is given
    unowned        share of what the rule calls `other` that people call so
    """

    centre: np.ndarray
    scale: np.ndarray
    foreign: np.ndarray
    own: np.ndarray
    slope: np.ndarray
    shift: np.ndarray
    given: np.ndarray
    cut: np.ndarray
    unowned: np.ndarray

    def foreign_logits(self, found: Evidence, state: np.ndarray) -> np.ndarray:
        """Logits of the labels of `FOREIGN`; `state` as `pooled` gives it."""
        return self._logits(self.foreign, found.tests, found.buckets, state)

    def probabilities(self, found: Evidence, state: np.ndarray) -> np.ndarray:
        """Calibrated probability of each label but `other`, in the order of `LABELS`."""
        tests = np.concatenate([found.tests, told(self.foreign_logits(found, state))])
        return probability(self.slope * self._logits(self.own, tests, found.buckets, state) + self.shift)

    def _logits(self, weights: np.ndarray, tests: np.ndarray, buckets: np.ndarray, state: np.ndarray) -> np.ndarray:
        # A vector of the buckets has length one.
        words = weights[len(tests) + buckets].sum(0) / sqrt(max(1, len(buckets)))
        seen = (state - self.centre) / self.scale
        return tests @ weights[: len(tests)] + words + seen @ weights[-1 - STATE : -1] + weights[-1]


def told(logits: np.ndarray) -> np.ndarray:
    """Foreign logits as features of the own heads: bounded, of the size of the tests."""
    return np.minimum(np.maximum(logits, -6), 6) / 2


def probability(logits: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-np.minimum(np.maximum(logits, -30), 30)))


def load(content: bytes) -> Heads:
    """The heads of a weights file."""
    with np.load(BytesIO(content), allow_pickle=False) as kept:
        return Heads(**{name: kept[name].astype(np.float32) for name in Heads.__slots__})


@cache
def _heads() -> Heads:
    return load(pinned(FOLDER / "claim_types.npz", DIGEST))


def classify(
    text: str,
    *,
    voice: str,
    speech_act: str | None = None,
    words: Words | None = None,
    published: date | None = None,
    state: np.ndarray | None = None,
) -> Types:
    """The types of a claim.

    text: its words. voice: 'outlet' or 'attributed'. speech_act: what the cue tells, as in `claims.speech_act`.
    words: as `words_of` gives them; where None the text is parsed by itself. published: day of the document.
    state: as `pooled` gives it; where None the text is read by itself. StoreError where the
    weights are missing or changed.
    """
    heads = _heads()
    if unowned(text):
        return Types("other", ("other",), round(float(heads.unowned), 2))
    found = evidence(words or words_of(text), voice=voice, speech_act=speech_act, published=published)
    return decide(heads.probabilities(found, read_alone(text) if state is None else state), heads.given)


def decide(probabilities: np.ndarray, given: np.ndarray) -> Types:
    """The types by probability: the first three that reach `given` in the order of the tests.

    Where none does, the one that comes nearest; `other` where even that one has less than half of what it needs.
    """
    ratio = probabilities / given
    chosen = [i for i in range(len(_TESTS)) if ratio[i] >= 1][:MOST]
    if not chosen:
        nearest = int(ratio.argmax())
        if ratio[nearest] < LEAST:
            return Types("other", ("other",), round(float(np.prod(1 - probabilities)), 2))
        chosen = [nearest]
    return Types(_TESTS[chosen[0]], tuple(_TESTS[i] for i in chosen), round(float(probabilities[chosen[0]]), 2))


def pooled(reading: Reading, spans: Sequence[Span]) -> np.ndarray:
    """The means of the lower and of the upper hidden states of the tokens in the spans, (STATE,); zeros for none."""
    read = [reading.states(span) for span in spans]
    count = sum(len(lower) for lower, _ in read)
    if not count:
        return np.zeros(STATE, np.float32)
    sums = [np.concatenate([half.sum(0, np.float32) for half in halves]) for halves in read]
    return sum(sums[1:], sums[0]) / count


def read_alone(text: str) -> np.ndarray:
    """The state of a text that stands alone, read line by line."""
    from pipeline.annotate.article import Article
    from pipeline.annotate.attribution import bare_pieces, read

    return pooled(read(Article("", None, text, tuple(bare_pieces(text)))), [(0, len(text))])


def checkable(types: Sequence[str]) -> bool:
    """Whether a record, a count or a witness could settle one of the types in principle, as the guideline says."""
    return not _checkable().isdisjoint(types)


@cache
def _checkable() -> frozenset[str]:
    from pipeline.annotate.guideline import guideline

    return frozenset(label.name for label in guideline().labels if label.checkable)


def alone(text: str) -> tuple[Evidence, np.ndarray, bool]:
    """Evidence and state of a sentence that stands alone, and whether it is a claim."""
    words = words_of(text)
    claim = no_claim(text, "body", words) is None
    voice = "attributed" if re.search('["“”]', text) else "outlet"
    return evidence(words, voice=voice, claim=claim), read_alone(text), claim


def scores(text: str) -> dict[str, float]:
    """How strongly each label and 'none' (no claim) holds for a sentence that stands alone, 0 to 1.

    From 0.5 on a label would be given; these are no probabilities.
    """
    heads = _heads()
    found, state, claim = alone(text)
    likely = heads.probabilities(found, state)
    types = decide(likely, heads.given).all
    strength = np.minimum(1, likely / heads.given / 2)
    return {
        **dict(zip(_TESTS, map(float, strength), strict=True)),
        "other": float(unowned(text) or types == ("other",)),
        "none": float(not claim),
    }


def nknews(text: str) -> dict[str, float]:
    """How strongly each label of the nknews annotations holds for a sentence, 0 to 1: from 0.5 on it is given.

    Their labels have heads of their own, fitted on their annotators' shares; the tests of our labels are features
    there. What a label of ours maps to is told by the guideline's crosswalk.
    """
    heads = _heads()
    found, state, _ = alone(text)
    likely = probability(heads.foreign_logits(found, state)[: len(NKNEWS)])
    return dict(zip(NKNEWS, map(float, np.minimum(1, likely / heads.cut / 2)), strict=True))
