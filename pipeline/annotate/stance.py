"""How an outlet stands to a claim, and to the persons, organisations and countries that a document speaks of.

Stance toward a claim follows from the cue that the outlet chose and what surrounds it. Stance toward a target is read
from the outlet's own voice alone, sentence by sentence: rules over closed lists (`lexicons/stance.toml`) first, then a
linear model over single words and their place in the sentence (`lexicons/polarity.txt`). It is what the text expresses
toward the target, not belief, truth or quality.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from pipeline.annotate.article import Article
from pipeline.annotate.lexicons import FOLDER, load
from pipeline.annotate.parse import Tree, parse, tree
from pipeline.annotate.quotes import quoted_runs
from pipeline.annotate.targets import Target

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from pipeline.annotate.attribution import Attribution

Span = tuple[int, int]

LABELS = ("negative", "neutral", "positive")
ENOUGH = 3  # sentences in the outlet's voice from which a target is assessed
AGREEING = 2  # sentences of one sign that a polarity needs
PRIOR = 3  # neutral sentences added to every target: shrinks the score by n / (n + 3)
SURE = 0.55  # probability from which the linear model gives a sentence a sign; 0.5 to 0.6 do as well on BASIL
WEAK = 0.4  # strength of evidence of the linear model at most, below that of any rule
NEAR = 2  # steps in the parse tree within which a word names or modifies a target
EXACT = 150  # sentences up to which the interval is computed exactly: the time grows with their square
SHOWN = 12  # spans of evidence of one row at most

_LEXICON = load("stance")
_W = _LEXICON.words
_CONFIDENCE = _LEXICON.weights["confidence"]
_CONTENT = ("JJ", "RB", "VB", "NN")
_EMPTY = frozenset(
    ["be", "is", "was", "were", "are", "been", "being", "am", "'s", "'re", "'m", "’s", "’re", "’m", "'d", "’d"]
)
_SCARE = re.compile(r"[\"“‘][a-z][\w'’-]{0,30}(?: [\w'’-]{1,30}){0,2}[\"”’](?!\w)")
_OBJECT = frozenset(("dobj", "nsubjpass", "pobj"))


@dataclass(frozen=True, slots=True)
class Stance:
    """One row of `stances` without its keys; fields as in the schema, `evidence` as half-open spans."""

    target: str
    target_kind: str
    polarity: str
    score: float | None
    score_low: float | None
    score_high: float | None
    sentences_outlet: int
    sentences_attributed: int
    sentences_negative: int
    sentences_positive: int
    evidence: tuple[Span, ...]
    quote_selection: float | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one sentence expresses toward one target.

    sign           -1 against, 0 neither, 1 for
    probabilities  of negative, neutral, positive, in this order
    evidence       tokens that speak for `sign` with their strength, strongest first
    """

    sign: int
    probabilities: tuple[float, float, float]
    evidence: tuple[tuple[int, float], ...]


def claim_stance(
    alignment: str | None, *, voice: str, negated: bool = False, hedged: bool = False
) -> tuple[str, float | None]:
    """How the outlet stands to a claim, and the probability that this is right (None: not measured).

    alignment: the cue's own ('endorses', 'reports', 'distances'); None without a cue. voice: 'outlet' or 'attributed'.
    negated: `negates` of the outlet's words around the claim. hedged: `withholds_belief` of them.
    """
    if hedged:
        return "distances", None
    if voice == "outlet":
        return "endorses", None
    if alignment is None or negated:
        return "reports", None
    return alignment, None


def withholds_belief(frame: str) -> bool:
    """Whether the outlet's own words around a claim hold a hedge ('allegedly', 'so-called') or scare quotes."""
    return not _W["hedge"].isdisjoint(frame.lower().split()) or _SCARE.search(frame) is not None


def negates(frame: str) -> bool:
    """Whether the outlet's own words around a claim negate the cue ("did not confirm", "refused to")."""
    words = re.findall(r"n['’]t\b|\w+", frame.lower())
    return not _W["negation"].isdisjoint(words) or not _W["withholds"].isdisjoint(words)


def assess(
    article: Article, doc: "Doc", attributions: Sequence["Attribution"], targets: Sequence[Target]
) -> list[Stance]:
    """The outlet's stance in one article toward each target, in the order of `targets`.

    doc: `parse(article.text)`. attributions: what the article reports others to have said.
    """
    t = tree(doc)
    page = _Page(article, t, attributions)
    return [_stance(page, target) for target in targets]


def sentence_polarity(text: str, start: int, end: int) -> tuple[str, dict[str, float]]:
    """What a text of a sentence or two expresses toward the target at [start, end): label, and all probabilities.

    Nothing is left out as somebody else's words: this is the reading that `assess` applies to one voice at a time.
    """
    t = tree(parse(text))
    tokens = range(len(t.low))
    target = {i for i in tokens if t.start[i] < end and t.end[i] > start}
    if not target:
        raise ValueError(f"no word of the text stands at {start}-{end}")
    probabilities = _read(t, target, tokens, frozenset()).probabilities
    return LABELS[max(range(3), key=probabilities.__getitem__)], dict(zip(LABELS, probabilities, strict=True))


class _Page:
    """The tokens of a document with whose words they are; a class because every target asks the same."""

    def __init__(self, article: Article, t: Tree, attributions: Sequence["Attribution"]) -> None:
        self.tree = t
        quoted = ((run.start, run.end) for run in quoted_runs(article) if run.kind != "phrase")
        self.said = self._marked(chain((span for each in attributions for span in each.spans), quoted))
        self.frame = self._marked(span for each in attributions for span in (each.cue, each.source) if span is not None)
        self.judged = frozenset(i for verb in range(len(t.low)) for i in _judged(t, verb))
        self.hidden = self.said | self.judged
        firsts = [i for i, sentence in enumerate(t.sentence) if i == 0 or sentence != t.sentence[i - 1]]
        self.sentences = [range(first, end) for first, end in pairwise([*firsts, len(t.low)])]

    def _marked(self, spans: Iterable[Span]) -> frozenset[int]:
        t = self.tree
        return frozenset(
            i for start, end in spans for i in range(bisect_right(t.end, start), bisect_left(t.start, end))
        )


def _judged(t: Tree, verb: int) -> Iterator[int]:
    """A verb by which its subject evaluates something, and what it evaluates: words of the subject alone."""
    if t.low[verb] not in _W["evaluates"] or not t.tag[verb].startswith("VB"):
        return
    yield verb
    passive = any(t.dep[kid] in ("nsubjpass", "auxpass") for kid in t.kids[verb])
    for kid in t.kids[verb]:
        if t.dep[kid] in ("dobj", "oprd", "ccomp", "prep", "dative") or (passive and t.dep[kid] == "nsubjpass"):
            yield from range(t.left[kid], t.right[kid] + 1)


def _stance(page: _Page, target: Target) -> Stance:
    own: list[Reading] = []
    others: list[Reading] = []
    t = page.tree
    named: dict[int, set[int]] = {}
    for start, end in target.mentions:
        for i in range(bisect_right(t.end, start), bisect_left(t.start, end)):
            named.setdefault(t.sentence[i], set()).add(i)
    for number, here in sorted(named.items()):
        sentence = page.sentences[number]
        free = here - page.said - page.judged
        hidden = page.hidden.intersection(sentence)
        if free - page.frame or any(True for _ in _signs(t, free, sentence, hidden)):
            own.append(_read(t, free, sentence, hidden))
        else:
            others.append(_read(t, here, sentence, frozenset(sentence) - hidden - here))
    return _aggregated(target, own, others, t)


def _aggregated(target: Target, own: Sequence[Reading], others: Sequence[Reading], t: Tree) -> Stance:
    negative = sum(reading.sign < 0 for reading in own)
    positive = sum(reading.sign > 0 for reading in own)
    score = low = high = None
    polarity = "insufficient"
    if len(own) >= ENOUGH:
        score, low, high = interval(len(own), negative, positive)
        if negative >= AGREEING and positive >= AGREEING:
            polarity = "mixed"
        elif negative >= AGREEING and high < 0:
            polarity = "negative"
        elif positive >= AGREEING and low > 0:
            polarity = "positive"
        else:
            polarity = "neutral"
    decided = {"negative": (-1,), "positive": (1,)}.get(polarity, (-1, 1))
    words = [word for reading in own if reading.sign in decided for word in reading.evidence]
    words.sort(key=lambda word: (-word[1], word[0]))
    return Stance(
        target=target.name,
        target_kind=target.kind,
        polarity=polarity,
        score=score,
        score_low=low,
        score_high=high,
        sentences_outlet=len(own),
        sentences_attributed=len(others),
        sentences_negative=negative,
        sentences_positive=positive,
        evidence=tuple((t.start[i], t.end[i]) for i, _ in words[:SHOWN]),
        quote_selection=round(sum(reading.sign for reading in others) / len(others), 6) if others else None,
        confidence=_CONFIDENCE.get(polarity),
    )


def interval(sentences: int, negative: int, positive: int) -> tuple[float, float, float]:
    """Score and its 95 % interval from counts of sentences.

    The score is the mean sign after `PRIOR` neutral sentences are added. The interval is the percentile bootstrap over
    those sentences, computed exactly: the distribution of the mean of as many draws, by repeated convolution, with
    mid-p ranks, as is usual where values are few; above `EXACT` sentences the normal limit of that distribution. Three
    sentences of one sign with none against them exclude 0, two never do.
    """
    n = sentences + PRIOR
    if sentences > EXACT:
        mean = (positive - negative) / n
        half = 1.96 * math.sqrt(((positive + negative) / n - mean * mean) / n)
        return round(mean, 6), round(max(-1.0, mean - half), 6), round(min(1.0, mean + half), 6)
    steps = (negative / n, (n - negative - positive) / n, positive / n)
    mass = [1.0]
    for _ in range(n):
        grown = [0.0] * (len(mass) + 2)
        for i, p in enumerate(mass):
            for step, q in enumerate(steps):
                grown[i + step] += p * q
        mass = grown
    below, low, high = 0.0, n, -n
    for value, p in enumerate(mass, start=-n):
        rank = below + p / 2
        if rank >= 0.025:
            low = min(low, value)
        if rank <= 0.975:
            high = value
        below += p
    return round((positive - negative) / n, 6), round(low / n, 6), round(high / n, 6)


# One sentence and one target


def _read(t: Tree, target: set[int], sentence: range, hidden: Collection[int]) -> Reading:
    """What the visible words of a sentence express toward the target."""
    ruled = list(_signs(t, target, sentence, hidden))
    weighed = list(_weighed(t, target, sentence, hidden))
    total = sum(strength for _, strength in ruled)
    probabilities = _probabilities(weighed, total)
    if ruled:
        sign = (total > 0) - (total < 0)
    else:
        sign = 1 if probabilities[2] >= SURE else -1 if probabilities[0] >= SURE else 0
        strongest = sorted(
            ((weights[sign > 0] * value, i) for i, weights, value in weighed if _tells(t, i)), reverse=True
        )
        ruled = [(i, sign * min(WEAK, strength / 4)) for strength, i in strongest[:2] if strength > 0]
    evidence = sorted(((i, strength * sign) for i, strength in ruled), key=lambda word: (-word[1], word[0]))
    return Reading(sign, probabilities, tuple((i, strength) for i, strength in evidence if strength > 0))


def _tells(t: Tree, i: int) -> bool:
    """Whether a token of the linear model can be shown as evidence: a content word, not the shape of the sentence."""
    return i >= 0 and t.tag[i].startswith(_CONTENT) and t.low[i] not in _W["negation"]


def _signs(t: Tree, target: set[int], sentence: range, hidden: Collection[int]) -> Iterator[tuple[int, float]]:
    """Tokens that by rule speak against (negative strength) or for the target."""
    for i in _noun_phrase(t, target, sentence):
        if i in hidden or i in target or _negated(t, i):
            continue
        word = t.low[i]
        if word in _W["naming_negative"]:
            yield i, -1.0
        elif word in _W["naming_positive"]:
            yield i, 1.0
        elif word in _W["modifier_negative"]:
            yield i, -0.8
        elif word in _W["modifier_positive"]:
            yield i, 0.8
    for i in sentence:
        if t.low[i] in _W["feared"] and i not in hidden and t.tag[i].startswith("NN") and _feared(t, i, target):
            yield i, -0.5
    for verb, role in _verbs(t, target):
        if verb in hidden or _negated(t, verb) or verb not in sentence:
            continue
        word = t.low[verb]
        if role == "subject" and word in _W["acts_negative"]:
            yield verb, -0.7
        elif role == "subject" and word in _W["admits"]:
            yield verb, -0.6
        elif role == "subject" and word in _W["acts_positive"]:
            yield verb, 0.6
        elif role == "object" and word in _W["exposes"]:
            yield verb, -0.7


def _feared(t: Tree, noun: int, target: set[int]) -> bool:
    """Whether the target is what a fear is of: in its prepositional phrase, or in the subject of its clause."""
    for kid in t.kids[noun]:
        if t.dep[kid] in ("acl", "ccomp", "relcl"):
            parts = [k for k in t.kids[kid] if t.dep[k] in ("nsubj", "agent")]
        elif t.dep[kid] == "prep" and t.low[kid] in _W["feared_of"]:
            parts = [k for k in t.kids[kid] if t.dep[k] == "pobj"]
        else:
            continue
        if any(t.left[part] <= i <= t.right[part] for part in parts for i in target):
            return True
    return False


def _noun_phrase(t: Tree, target: set[int], sentence: range) -> set[int]:
    """Tokens at most `NEAR` steps from the target that name or modify it, or are said of it with 'be'."""
    inside = ("compound", "amod", "nmod", "poss", "appos", "acl")
    reached = dict.fromkeys(target, 0)
    queue = deque(sorted(target))
    while queue:
        i = queue.popleft()
        if reached[i] == NEAR:
            continue
        near = [kid for kid in t.kids[i] if t.dep[kid] in inside]
        if t.dep[i] in inside[:4] and not t.tag[t.head[i]].startswith("VB"):
            near.append(t.head[i])
        if t.dep[i] in ("nsubj", "nsubjpass") and i in target:
            near += [kid for kid in t.kids[t.head[i]] if t.dep[kid] in ("attr", "acomp", "oprd")]
        for j in near:
            if j not in reached and j in sentence:
                reached[j] = reached[i] + 1
                queue.append(j)
    return set(reached)


def _verbs(t: Tree, target: set[int]) -> Iterator[tuple[int, str]]:
    """Verbs whose subject or object the target is, through coordination, complements and what belongs to it."""
    for i in sorted(target):
        head, dep = t.head[i], t.dep[i]
        if head in target:
            continue
        if dep in ("compound", "amod", "nmod", "poss") and t.tag[head].startswith("NN"):
            head, dep = t.head[head], t.dep[head]
        if dep == "nsubj":
            verbs = [head]
            for verb in verbs:
                yield verb, "subject"
                for kid in t.kids[verb]:
                    if t.dep[kid] in ("xcomp", "conj") and not any(
                        t.dep[k] in ("nsubj", "nsubjpass") for k in t.kids[kid]
                    ):
                        verbs.append(kid)
                    elif t.dep[kid] == "prep":
                        verbs += [k for k in t.kids[kid] if t.dep[k] == "pcomp"]
        elif dep == "pobj" and t.dep[head] == "agent":
            yield t.head[head], "subject"
        else:
            for _ in range(4):
                if dep in ("dobj", "nsubjpass"):
                    yield head, "object"
                    break
                if dep not in ("pobj", "prep", "poss", "compound", "amod", "nmod"):
                    break
                head, dep = t.head[head], t.dep[head]


def _negated(t: Tree, i: int) -> bool:
    return any(t.low[kid] in _W["negation"] for kid in t.kids[i]) or (
        t.dep[i] in ("attr", "acomp", "xcomp") and any(t.low[kid] in _W["negation"] for kid in t.kids[t.head[i]])
    )


# The linear model


@cache
def _model() -> dict[tuple[str, str], tuple[float, float]]:
    """(role, word) -> weights of negative and positive against neutral."""
    weights = {}
    for line in (FOLDER / "polarity.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            role, word, negative, positive = line.split()
            weights[role, word] = (float(negative), float(positive))
    return weights


def _probabilities(
    weighed: Iterable[tuple[int, tuple[float, float], float]], ruled: float
) -> tuple[float, float, float]:
    """Probability of negative, neutral and positive from weighed features and the sum of the rules' strengths."""
    negative, positive = _model()["bias", "*"]
    for _, weights, value in weighed:
        negative += weights[0] * value
        positive += weights[1] * value
    negative += max(0.0, -ruled)
    positive += max(0.0, ruled)
    top = max(negative, positive, 0.0)
    parts = [math.exp(negative - top), math.exp(-top), math.exp(positive - top)]
    return parts[0] / sum(parts), parts[1] / sum(parts), parts[2] / sum(parts)


def _weighed(
    t: Tree, target: set[int], sentence: range, hidden: Collection[int]
) -> Iterator[tuple[int, tuple[float, float], float]]:
    """Token (-1 for the sentence's shape), weights and value of every feature that the model knows."""
    model = _model()
    for i, role, word, value in features(t, target, sentence, hidden):
        weights = model.get((role, word))
        if weights is not None:
            yield i, weights, value


def features(
    t: Tree, target: set[int], sentence: range, hidden: Collection[int]
) -> Iterator[tuple[int, str, str, float]]:
    """Token, role, word and value of the features of a target in a sentence.

    near: content words, weighted by 1 / sqrt(1 + steps in the parse tree). subject, object: the verb or preposition
    that the target depends on. relation: its own. marks: quotation marks before it, and any at all.
    """
    steps = _steps(t, target)
    for i in sentence:
        if i in target or i in hidden or t.low[i] in _EMPTY or not t.low[i][0].isalpha():
            continue
        if t.tag[i].startswith(_CONTENT) and t.tag[i] not in ("NNP", "NNPS"):
            yield i, "near", t.low[i], (1 + steps[i]) ** -0.5 if i in steps else 0.2
    root = next((i for i in sorted(target) if t.head[i] not in target), min(target))
    head = t.head[root]
    if head not in target and head not in hidden and t.tag[head] not in ("NNP", "NNPS"):
        role = "subject" if t.dep[root] == "nsubj" else "object" if t.dep[root] in _OBJECT else None
        if role is not None:
            yield head, role, t.low[head], 1.0
    yield -1, "relation", t.dep[root], 0.5
    marks = [i for i in sentence if t.low[i] in _W["quote_marks"]]
    yield -1, "marks", "open", 0.5 * (sum(i < min(target) for i in marks) % 2)
    yield -1, "marks", "any", 0.5 * bool(marks)


def _steps(t: Tree, target: set[int]) -> dict[int, int]:
    """Steps in the parse tree from the target to every token of its sentence."""
    steps = dict.fromkeys(target, 0)
    queue = deque(sorted(target))
    while queue:
        i = queue.popleft()
        for j in (*t.kids[i], t.head[i]):
            if j not in steps:
                steps[j] = steps[i] + 1
                queue.append(j)
    return steps
