"""What a sentence expresses toward one target, from the words that one voice answers for.

The learned encoder (`polarity_head`) reads the sentence; rules over closed lists are added in log odds, which see what
its training did not show: how a state or a movement is named (`lexicons/naming.toml`), what is said of it, what it does
to others (`lexicons/stance.toml`). No name of a person, country or party is in any list. A linear model over single
words and their place in the sentence (`lexicons/polarity.txt`) tells which words to show as evidence, and reads alone
what need not be read as well: the words of others.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log

from pipeline.annotate import model
from pipeline.annotate.article import Article, Piece
from pipeline.annotate.attribution import read
from pipeline.annotate.lexicons import FOLDER, load
from pipeline.annotate.parse import Tree, parse
from pipeline.annotate.polarity_head import Polarity, polarities

SURE = 0.65  # probability from which a sentence has a sign: of those told with less, four in ten are wrong
DOUBT = 0.5  # part of a reading that counts against a rule: rules see what its training did not show
LEAST = 1e-9  # probability that a reading may have: keeps its logarithm finite
NEAR = 2  # steps in the parse tree within which a word names or modifies a target

_LEXICON = load("stance")
_W = _LEXICON.words
_STRENGTH = _LEXICON.weights["strength"]
_NAMING = load("naming").words
_HOSTILE = frozenset().union(*(words for key, words in _NAMING.items() if key.startswith("negative_")))
_FRIENDLY = frozenset().union(*(words for key, words in _NAMING.items() if key.startswith("positive_")))
_CONTENT = ("JJ", "RB", "VB", "NN")
_EMPTY = frozenset(
    ["be", "is", "was", "were", "are", "been", "being", "am", "'s", "'re", "'m", "’s", "’re", "’m", "'d", "’d"]
)
_OBJECT = frozenset(("dobj", "nsubjpass", "pobj"))
_INSIDE = ("compound", "amod", "nmod", "poss", "appos", "acl")

_Sign = tuple[int, str, int]  # token, kind of rule, -1 or 1


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence and one target that it mentions, as indexes of tokens.

    sentence  all its tokens
    target    the tokens of the target's mentions in it
    hidden    its tokens that do not count: another voice's
    scare     its tokens in scare quotes: their sense is not meant
    person    whether the target is a person, as in all that the encoder was trained on
    """

    sentence: range
    target: frozenset[int]
    hidden: frozenset[int] = frozenset()
    scare: frozenset[int] = frozenset()
    person: bool = True


@dataclass(frozen=True, slots=True)
class Leaning:
    """What one sentence expresses toward one target.

    probabilities  of negative, neutral, positive, in this order; they sum to 1
    evidence       tokens that speak for its sign, with their strength in log odds, strongest first; empty without sign
    """

    probabilities: tuple[float, float, float]
    evidence: tuple[tuple[int, float], ...] = ()

    @property
    def sign(self) -> int:
        """-1 against, 0 neither, 1 for."""
        negative, _, positive = self.probabilities
        return 1 if positive >= SURE else -1 if negative >= SURE else 0

    @property
    def balance(self) -> float:
        """Positive less negative probability."""
        return self.probabilities[2] - self.probabilities[0]


def polarity(t: Tree, pairs: Sequence[Pair], reading: model.Reading | None) -> list[Leaning]:
    """What each pair's sentence expresses toward its target: the one place where a sentence is read.

    Without a reading the linear model over words takes the place of the learned encoder, at a fraction of its cost.
    """
    grouped: dict[tuple[range, frozenset[int]], list[int]] = {}
    for number, pair in enumerate(pairs if reading is not None else ()):
        grouped.setdefault((pair.sentence, pair.hidden), []).append(number)
    learned: list[Polarity | None] = [None] * len(pairs)
    for (sentence, hidden), numbers in grouped.items():
        stretches = _stretches(t, [i for i in sentence if i not in hidden])
        mentions = [_stretches(t, sorted(pairs[number].target)) for number in numbers]
        if reading is not None and stretches:
            for number, found in zip(numbers, polarities(reading, stretches, mentions), strict=True):
                learned[number] = found
    return [_combined(t, pair, found) for pair, found in zip(pairs, learned, strict=True)]


def _stretches(t: Tree, tokens: Sequence[int]) -> list[tuple[int, int]]:
    """Tokens as spans of the text, neighbours joined."""
    found: list[tuple[int, int]] = []
    before = -2
    for i in tokens:
        if i == before + 1:
            found[-1] = (found[-1][0], t.end[i])
        else:
            found.append((t.start[i], t.end[i]))
        before = i
    return found


def sentence_polarity(text: str, mentions: Sequence[tuple[int, int]]) -> Polarity:
    """What a text of a sentence or two expresses toward the target that is mentioned in these spans.

    Nothing is left out as somebody else's words: the stance toward a target is read from one voice at a time.
    """
    t = parse(text)
    target = frozenset(i for i in range(len(t)) for start, end in mentions if t.start[i] < end and t.end[i] > start)
    if not target:
        raise ValueError(f"no word of the text stands at {', '.join(f'{start}-{end}' for start, end in mentions)}")
    article = Article("", None, text, (Piece("body", 0, len(text)),))
    (found,) = polarity(t, [Pair(range(len(t)), target)], read(article))
    return Polarity(*found.probabilities)


def _combined(t: Tree, pair: Pair, learned: Polarity | None) -> Leaning:
    """The reading and the rules in log odds against neutral, and the words that carry the sign."""
    ruled = list(rules(t, pair))
    weighed = list(_features(t, pair))
    if learned is not None:
        odds = [log(max(p, LEAST) / max(learned.neutral, LEAST)) for p in learned[::2]]
        ruled_sides = {sign > 0 for _, _, sign in ruled}
        for side in (False, True):
            if (side if odds[side] < 0 else not side) in ruled_sides:
                odds[side] *= DOUBT
    else:
        bias = _model()["bias", "*"]
        odds = [bias[side] + sum(weights[side] * value for _, weights, value in weighed) for side in (0, 1)]
    for _, kind, sign in ruled:
        odds[sign > 0] += _STRENGTH[kind]
    if not pair.person and _plain(t, pair):
        odds[True] -= _STRENGTH["plain"]
    if _attacked(t, pair):
        odds[False] -= _STRENGTH["attacked"]
    top = max(*odds, 0.0)
    parts = (exp(odds[0] - top), exp(-top), exp(odds[1] - top))
    probabilities = (parts[0] / sum(parts), parts[1] / sum(parts), parts[2] / sum(parts))
    sign = Leaning(probabilities).sign
    if not sign:
        return Leaning(probabilities)
    words: dict[int, float] = {}
    for i, kind, own in ruled:
        if own == sign:
            words[i] = max(words.get(i, 0.0), _STRENGTH[kind])
    if not words:
        told = ((weights[sign > 0] * value, i) for i, weights, value in weighed if _tells(t, i))
        words = {i: strength for strength, i in sorted(told, reverse=True)[:2] if strength > 0}
    return Leaning(probabilities, tuple(sorted(words.items(), key=lambda word: (-word[1], word[0]))))


def _tells(t: Tree, i: int) -> bool:
    """Whether a token of the linear model can be shown as evidence: a content word, not the shape of the sentence."""
    return i >= 0 and t.tag[i].startswith(_CONTENT) and t.low[i] not in _W["negation"]


# Rules


def rules(t: Tree, pair: Pair) -> Iterator[_Sign]:
    """Tokens that by rule speak against or for the target, each with the rule's name in `[weights.strength]`."""
    for i in sorted(_noun_phrase(t, pair)):
        if i in pair.hidden or i in pair.target or _negated(t, i):
            continue
        word = t.low[i]
        if i in pair.scare:
            if word in _HOSTILE or word in _FRIENDLY or word in _W["modifier_positive"] or t.tag[i][:2] == "NN":
                yield i, "scare", -1
        elif word in _HOSTILE:
            yield i, "naming", -1
        elif word in _FRIENDLY:
            yield i, "naming", 1
        elif word in _W["modifier_negative"]:
            yield i, "modifier", -1
        elif word in _W["modifier_positive"]:
            yield i, "modifier", 1
    for i in pair.sentence:
        if t.low[i] in _W["feared"] and i not in pair.hidden and t.tag[i][:2] == "NN" and _feared(t, i, pair.target):
            yield i, "feared", -1
    for verb, role in _verbs(t, pair.target):
        if verb in pair.hidden or verb in pair.scare or verb not in pair.sentence or _negated(t, verb):
            continue
        word = t.low[verb]
        if role == "subject" and word in _W["acts_negative"]:
            yield verb, "act", -1
        elif role == "subject" and word in _W["admits"]:
            yield verb, "admits", -1
        elif role == "subject" and word in _W["acts_positive"]:
            yield verb, "act", 1
        elif role == "object" and word in _W["exposes"]:
            yield verb, "exposed", -1


def _plain(t: Tree, pair: Pair) -> bool:
    """Whether a word of size, rank, order or role tells of the target: of a state the encoder takes it for praise."""
    told = set(_noun_phrase(t, pair))
    for verb, role in _verbs(t, pair.target):
        if role == "subject":
            for kid in t.kids[verb]:
                if t.dep[kid] == "prep" and t.low[kid] == "as":
                    told.update(range(t.left[kid], t.right[kid] + 1))
    return any(t.low[i] in _W["plain"] and i in pair.sentence and i not in pair.hidden for i in told)


def _attacked(t: Tree, pair: Pair) -> bool:
    """Whether the target suffers a negative act, which the encoder takes for blame."""
    return any(role == "object" and t.low[verb] in _W["acts_negative"] for verb, role in _verbs(t, pair.target))


def _feared(t: Tree, noun: int, target: frozenset[int]) -> bool:
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


def _noun_phrase(t: Tree, pair: Pair) -> Iterator[int]:
    """Tokens at most `NEAR` steps from the target that name or modify it, or are said of it with 'be'."""
    reached = dict.fromkeys(pair.target, 0)
    queue = deque(sorted(pair.target))
    while queue:
        i = queue.popleft()
        yield i
        if reached[i] == NEAR:
            continue
        near = [kid for kid in t.kids[i] if t.dep[kid] in _INSIDE]
        if t.dep[i] in _INSIDE[:4] and not t.tag[t.head[i]].startswith("VB"):
            near.append(t.head[i])
        if t.dep[i] in ("nsubj", "nsubjpass") and i in pair.target:
            near += [kid for kid in t.kids[t.head[i]] if t.dep[kid] in ("attr", "acomp", "oprd")]
        for j in near:
            if j not in reached and j in pair.sentence:
                reached[j] = reached[i] + 1
                queue.append(j)


def _verbs(t: Tree, target: frozenset[int]) -> Iterator[tuple[int, str]]:
    """Verbs whose subject or object the target is, through coordination, complements and what belongs to it."""
    for i in sorted(target):
        head, dep = t.head[i], t.dep[i]
        if head in target:
            continue
        if dep in _INSIDE[:4] and t.tag[head].startswith("NN"):
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
                if dep not in ("pobj", "prep", *_INSIDE[:4]):
                    break
                head, dep = t.head[head], t.dep[head]


def _negated(t: Tree, i: int) -> bool:
    return any(t.low[kid] in _W["negation"] for kid in t.kids[i]) or (
        t.dep[i] in ("attr", "acomp", "xcomp") and any(t.low[kid] in _W["negation"] for kid in t.kids[t.head[i]])
    )


# The linear model

_Weighed = tuple[int, tuple[float, float], float]  # token or -1, weights of negative and positive, value


@cache
def _model() -> Mapping[tuple[str, str], tuple[float, float]]:
    """(role, word) -> weights of negative and positive against neutral."""
    weights = {}
    for line in (FOLDER / "polarity.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            role, word, negative, positive = line.split()
            weights[role, word] = (float(negative), float(positive))
    return weights


def _features(t: Tree, pair: Pair) -> Iterator[_Weighed]:
    """Every feature that the model knows.

    near: content words, weighted by 1 / sqrt(1 + steps in the parse tree). subject, object: the verb or preposition
    that the target depends on. relation: its own (inside a noun phrase it has none: taggers take some adjectives of
    countries for names, and names must be exchangeable).
    """
    model = _model()
    target, unseen = pair.target, pair.hidden | pair.scare
    steps = _steps(t, target)
    for i in pair.sentence:
        if i in target or i in unseen or not t.tag[i].startswith(_CONTENT) or t.tag[i] in ("NNP", "NNPS"):
            continue
        weights = model.get(("near", t.low[i]))
        if weights is not None and t.low[i] not in _EMPTY:
            yield i, weights, (1 + steps[i]) ** -0.5 if i in steps else 0.2
    root = next((i for i in sorted(target) if t.head[i] not in target), min(target))
    head = t.head[root]
    if head not in target and head not in unseen and t.tag[head] not in ("NNP", "NNPS"):
        role = "subject" if t.dep[root] == "nsubj" else "object" if t.dep[root] in _OBJECT else None
        if role is not None and (role, t.low[head]) in model:
            yield head, model[role, t.low[head]], 1.0
    if ("relation", t.dep[root]) in model:
        yield -1, model["relation", t.dep[root]], 0.5


def _steps(t: Tree, target: frozenset[int]) -> dict[int, int]:
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
