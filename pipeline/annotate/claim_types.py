"""What kind of claim a statement is, by tests that its own words answer.

Each test gives a strength from 0 to 1 and a label is given from `GIVEN` on. The tests are rules over word lists
(`lexicons/claim_types.toml`) and Penn Treebank tags. `LABELS` are in the order of the tests in DESIGN.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import prod
from typing import TYPE_CHECKING

from pipeline.annotate.lexicons import load
from pipeline.annotate.parse import parse

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span

LABELS = (
    "quantity", "rule", "causal", "prediction", "commitment", "normative", "mental_state", "evaluation", "event",
    "attribute", "other",
)  # fmt: skip
GIVEN = 0.5  # strength from which a label is given
MOST = 3  # labels of one claim at most

_LEXICON = load("claim_types")
_W = _LEXICON.words
_PHRASES = {
    name: re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, phrases))})") for name, phrases in _LEXICON.phrases.items()
}
_CONFIDENCE = _LEXICON.weights["confidence"]
# Where several labels hold, the main one is the most particular: the earlier in this order.
_MAIN_ORDER = (
    "commitment", "normative", "prediction", "rule", "quantity", "causal", "mental_state", "event", "evaluation",
    "attribute",
)  # fmt: skip
_NKNEWS = {
    "Events": ("event", 0.5), "Regulations": ("rule", 0.55), "Quantity": ("quantity", 0.75),
    "Prediction": ("prediction", 0.5), "Personal": ("mental_state", 0.5), "Normative": ("normative", 0.65),
}  # fmt: skip
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d(?:s|[-–]\d\d(?:\d\d)?)?")
_COMING = re.compile(r"20\d\d")
_HAPPENING = re.compile(
    r"(?:tion|sion|ment|ance|ence|ery|val|ing|ure|yment)s?$|"
    r"^(?:attack|strike|death|arrest|talk|visit|vote|raid|release|return|use|loss|birth|theft|leak|flood|fire|crash)s?$"
)
_CLOCK = re.compile(r"\d{1,2}[:.]\d\d")
_FINITE = frozenset(("VBD", "VBZ", "VBP", "MD"))
_PIECES = {"title": "heading", "heading": "heading", "label": "label", "byline": "label", "dateline": "label"}
_LINK = re.compile(r"(?:https?://|www\.)\S{1,300}")
_CAPTION = re.compile(
    r"^\W{0,3}(?:photo|photograph|picture|image|file photo|caption|video|graphic|map)\b[^.]{0,60}[:/]|"
    r"[(/] {0,2}(?:\w+ {1,3}){0,3}(?:reuters|afp|ap|epa|getty(?: images)?|handout)\W{0,3}$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Types:
    """The types of one claim.

    main        the main type
    all         all types, the main one first, at most three
    confidence  probability that `main` is among the right types, measured on held-back news; None where not measured
    """

    main: str
    all: tuple[str, ...]
    confidence: float | None


@dataclass(frozen=True, slots=True)
class _Words:
    """A claim as parallel lists without white space, and its text in lower case with straight apostrophes."""

    low: list[str]
    tag: list[str]
    dep: list[str]
    cased: list[str]
    text: str

    def around(self, i: int, offset: int) -> str:
        j = i + offset
        return self.low[j] if 0 <= j < len(self.low) else ""

    def tag_at(self, i: int) -> str:
        return self.tag[i] if 0 <= i < len(self.tag) else ""

    def finite_before(self, i: int) -> bool:
        return not _FINITE.isdisjoint(self.tag[:i])


def classify(
    text: str,
    *,
    voice: str,
    speech_act: str | None = None,
    tokens: "Span | Doc | None" = None,
    published: date | None = None,
) -> Types:
    """The types of a claim.

    text: its words. voice: 'outlet' or 'attributed'. speech_act: what the cue tells, as in `claims.speech_act`.
    tokens: the words, tagged; where None the text is parsed by itself. published: day of the document.
    """
    found = strengths(text, voice=voice, speech_act=speech_act, tokens=tokens, published=published)
    given = [label for label in _MAIN_ORDER if found[label] >= GIVEN]
    if given[:-1] and set(given) - {"quantity", "rule", "causal"} != {"attribute"}:
        given = [label for label in given if label != "attribute"]
    if not given:
        return Types("other", ("other",), _CONFIDENCE.get("other"))
    main = given[0]
    rest = sorted(given[1:], key=lambda label: (-found[label], LABELS.index(label)))
    return Types(main, (main, *rest[: MOST - 1]), _CONFIDENCE.get(main))


def strengths(
    text: str,
    *,
    voice: str,
    speech_act: str | None = None,
    tokens: "Span | Doc | None" = None,
    published: date | None = None,
) -> dict[str, float]:
    """How strongly each label but 'other' holds, 0 to 1, for the arguments of `classify`. Not probabilities."""
    words = _words(text, tokens)
    return {
        "quantity": _quantity(words),
        "rule": _rule(words),
        "causal": _causal(words),
        "prediction": _prediction(words, voice, speech_act, published),
        "commitment": _commitment(words, voice, speech_act),
        "normative": _normative(words, speech_act),
        "mental_state": _mental_state(words),
        "evaluation": _evaluation(words, speech_act),
        "event": _event(words),
        "attribute": _attribute(words),
    }


def no_claim(text: str, kind: str, tokens: "Span | Doc | None" = None) -> str | None:
    """Why a sentence of the outlet is no claim, or None where it is one.

    text: the sentence. kind: kind of the piece it stands in (`Piece.kind`). tokens: the sentence, tagged; where None it
    is parsed. Reasons: heading, label, caption, links, boilerplate, question, request, fragment.
    """
    if kind in _PIECES:
        return _PIECES[kind]
    stripped = text.strip().rstrip("\"'”’)]» ")
    if stripped.endswith("?"):
        return "question"
    if _CAPTION.search(text):
        return "caption"
    if sum(len(link) for link in _LINK.findall(text)) * 2 > len(text):
        return "links"
    lowered = text.lower()
    if len(text) < 200 and _PHRASES["boilerplate"].search(lowered):
        return "boilerplate"
    words = _words(text, tokens)
    if words.tag and words.tag[0] == "VB" and words.dep[0] == "ROOT":
        return "request"
    if not any(_finite(words, i) for i in range(len(words.low))) or len(words.low) < 3:
        return "fragment"
    if _title_case(words):
        return "heading"
    return None


def scores(text: str) -> dict[str, float]:
    """Strength of each label and of 'none' (no claim) for a sentence that stands alone, 0 to 1. Not probabilities."""
    tokens = parse(text)
    voice = "attributed" if re.search('["“”]', text) else "outlet"
    found = strengths(text, voice=voice, tokens=tokens)
    none = no_claim(text, "body", tokens) is not None
    other = max(found.values()) < GIVEN and not none
    return {**found, "other": float(other), "none": float(none)}


def nknews(text: str) -> dict[str, float]:
    """Strength of each label of the nknews annotations for a sentence: the published crosswalk.

    Theirs are read more narrowly than ours, so some need more strength (`_NKNEWS`). Events: event, unless the writer's
    own ('I'). Regulations: rule. Quantity: quantity by a number, not by a superlative. Prediction: prediction.
    Normative: normative. Personal, 'personal experience': mental_state beside 'I'. NoClaim: no claim. Other:
    evaluation, attribute, causal, commitment, mental_state or other where none of these holds. A sentence that is no
    claim has no other label.
    """
    found = scores(text)
    claim = found["none"] < GIVEN
    own = not claim or not _W["own_words"].isdisjoint(re.findall(r"\w+", text.lower()))
    named = {name: found[label] * (claim and found[label] >= least) for name, (label, least) in _NKNEWS.items()}
    named["Events"] *= not own
    named["Personal"] *= own
    rest = max(found[label] for label in ("evaluation", "attribute", "causal", "commitment", "mental_state", "other"))
    free = claim and not own and max(named.values()) == 0
    return {**named, "Other": rest * free, "NoClaim": found["none"]}


def _words(text: str, tokens: "Span | Doc | None") -> _Words:
    kept = [token for token in (parse(text) if tokens is None else tokens) if not token.is_space]
    return _Words(
        low=[token.lower_.replace("’", "'") for token in kept],
        tag=[token.tag_ for token in kept],
        dep=[token.dep_ for token in kept],
        cased=[token.text for token in kept],
        text=text.lower().replace("’", "'"),
    )


def _either(strengths: Iterator[float]) -> float:
    """One of several independent signs is enough."""
    return 1 - prod(1 - strength for strength in strengths)


def _finite(words: _Words, i: int) -> bool:
    """Whether the word is a finite verb, or the bare verb of a command."""
    return words.tag[i] in _FINITE or (words.tag[i] == "VB" and words.dep[i] == "ROOT")


def _title_case(words: _Words) -> bool:
    """Whether all words of some length are capitalised and no stop ends them: a headline."""
    long = [word for word in words.cased if len(word) > 3 and word[0].isalpha()]
    return len(long) > 2 and all(word[0].isupper() for word in long) and words.low[-1] not in (".", "!", "…")


def _quantity(words: _Words) -> float:
    return max(
        max((_amount(words, i) for i, tag in enumerate(words.tag) if tag == "CD"), default=0.0),
        max((_comparison(words, i) for i in range(len(words.low))), default=0.0),
        0.7 if _PHRASES["compare"].search(words.text) else 0.0,
    )


def _amount(words: _Words, i: int) -> float:
    """Strength of a number as an amount: not a year, day, hour, age, or number in a name."""
    number, before, after = words.low[i], words.around(i, -1), words.around(i, 1)
    following = words.low[i + 1 : i + 6]
    if after in ("%", "percent", "per") or before in ("$", "£", "€"):
        return 1.0
    if _YEAR.fullmatch(number) and words.tag_at(i + 1) != "NNS":
        return 0.0
    if (
        before in _W["months"]
        or after in _W["months"]
        or _CLOCK.fullmatch(number)
        or after in ("am", "pm", "a.m.", "p.m.")
    ):
        return 0.0
    if before in ("aged", "age", "#") or ("old" in following and not {"than"} & set(following)) or "-old" in number:
        return 0.0
    if before == "," and after == "," and words.tag_at(i - 2).startswith("NNP"):
        return 0.0
    if before in _W["numbered"] or (words.tag_at(i - 1).startswith("NNP") and words.tag_at(i + 1) != "NNS"):
        return 0.0
    if after in _W["time_units"] and words.around(i, 2) in (
        "ago",
        "later",
        "earlier",
        "before",
        "after",
        "old",
        "since",
    ):
        return 0.0
    if number in ("one", "1"):
        return 0.6 if before in ("only", "just") and after != "of" else 0.0
    small = number in ("two", "three", "four", "2", "3", "4")
    if small and before in ("the", "these", "those", "both", "its", "their", "his", "her", "our", "your", "my"):
        return 0.0
    if i == 0 and (after in (".", ")", ":") or words.tag_at(1) in ("NNP", "PRP", "PRP$", "DT", "IN", "RB")):
        return 0.0
    return 0.6 if small else 1.0


def _comparison(words: _Words, i: int) -> float:
    low, tag = words.low[i], words.tag[i]
    if low in _W["share"] and not words.tag[i].startswith(("RB", "VB")):
        return 0.6
    if low in _W["part"] and words.around(i, 1) == "of":
        return 0.6
    if tag in ("JJR", "RBR") and "than" in words.low[i + 1 : i + 5]:
        return 0.7
    if tag in ("JJS", "RBS") and words.around(i, -1) != "at":
        if words.low[max(0, i - 3) : i][:2] == ["one", "of"] or low in ("best", "worst", "least"):
            return 0.0
        if low != "most":
            return 0.7
        return 0.6 if words.around(i, -1) in ("the", "'s") and words.tag_at(i + 1).startswith(("JJ", "NN")) else 0.0
    if low == "first" and words.around(i, 1) not in _W["not_first"] and words.around(i, -1) != "at":
        return 0.5 if tag == "JJ" and words.around(i, -1) in ("the", "its", "his", "her", "their", "'s") else 0.0
    if low == "only" and words.around(i, -1) in ("the", "'s") and words.tag_at(i + 1).startswith(("NN", "JJ", "CD")):
        return 0.6
    return 0.5 if low in _W["change"] and words.tag_at(i).startswith("VB") and "by" in words.low[i + 1 : i + 4] else 0.0


def _rule(words: _Words) -> float:
    return _either(
        0.6 if low in _W["law"] or (low in _W["law_name"] and words.cased[i][0].isupper() and i > 0)
        else 0.5 if low in _W["rule_verb"] and words.tag[i].startswith("VB")
        else 0.3 if low in _W["law_weak"]
        else 0.5 if low == "accordance"
        else 0.0
        for i, low in enumerate(words.low)
    )  # fmt: skip


def _causal(words: _Words) -> float:
    return _either(_causal_signs(words))


def _causal_signs(words: _Words) -> Iterator[float]:
    yield 0.7 if _PHRASES["cause"].search(words.text) else 0.0
    for i, low in enumerate(words.low):
        if low in _W["cause"]:
            yield 0.6
        elif low in _W["cause_verb"] and words.tag[i].startswith("VB"):
            yield 0.5
        elif low in _W["cause_weak"] and words.tag[i].startswith("VB"):
            yield 0.3
        elif (words.tag[i] == "VB" and words.dep[i] == "advcl" and words.around(i, -1) == "to") or (
            low in _W["punish_verb"] and words.tag[i].startswith("VB") and "for" in words.low[i + 1 : i + 9]
        ):
            yield 0.5


def _prediction(words: _Words, voice: str, speech_act: str | None, published: date | None) -> float:
    return _either(_prediction_signs(words, voice, speech_act, published))


def _prediction_signs(words: _Words, voice: str, speech_act: str | None, published: date | None) -> Iterator[float]:
    condition = bool(_PHRASES["condition"].search(words.text))
    reported = voice == "attributed" and not re.search('["“”]', words.text)
    yield 0.6 if speech_act == "predict" else 0.0
    yield 0.5 if _PHRASES["future"].search(words.text) else 0.0
    for i, low in enumerate(words.low):
        if words.tag[i] == "MD" and not _had(words, i):
            perfect = "have" in words.low[i + 1 : i + 4] and "VBN" in words.tag[i + 2 : i + 6]
            if low in _W["modal_future"]:
                yield 0.4 if perfect else 0.7
            elif low in _W["modal_would"]:
                later = reported and not perfect and not words.finite_before(i)
                yield 0.3 if perfect else 0.6 if condition else 0.5 if later else 0.4
            elif low in _W["modal_possible"]:
                yield 0.2 if perfect else 0.5 if condition else 0.4
        elif low in _W["likely"] and words.tag[i] != "NNP":
            told = words.tag[i].startswith("NN") or words.around(i, -1) in ("is", "are", "'s", "'re")
            yield 0.5 if told else 0.3
        elif low in _W["future"]:
            yield 0.4
        elif published is not None and low.startswith("20") and _COMING.fullmatch(low) and int(low) > published.year:
            yield 0.6


def _had(words: _Words, i: int) -> bool:
    """Whether a 'd is 'had' ("I'd seen it")."""
    following = [tag for tag in words.tag[i + 1 : i + 4] if tag != "RB"]
    return words.low[i] in ("'d", "’d") and following[:1] in (["VBN"], ["VBD"])


def _commitment(words: _Words, voice: str, speech_act: str | None) -> float:
    return _either(_commitment_signs(words, voice, speech_act))


def _commitment_signs(words: _Words, voice: str, speech_act: str | None) -> Iterator[float]:
    yield 0.8 if speech_act in ("promise", "threaten") else 0.0
    for i, low in enumerate(words.low):
        modal = words.tag[i] == "MD" and (low in _W["modal_future"] or low in _W["modal_would"])
        subject = set(words.low[max(0, i - 3) : i]) if modal else set()
        if modal and subject & {"i", "we"} and words.around(i, 1) != "like" and voice == "attributed":
            yield 0.7
        elif modal and i <= 3 and subject & {"it", "he", "she", "they"} and voice == "attributed":
            yield 0.5
        elif (
            low in _W["commit_verb"]
            and words.tag[i] in ("VB", "VBD", "VBP", "VBZ")
            and "to" in words.low[i + 1 : i + 3]
        ):
            yield 0.6


def _normative(words: _Words, speech_act: str | None) -> float:
    return _either(_normative_signs(words, speech_act))


def _normative_signs(words: _Words, speech_act: str | None) -> Iterator[float]:
    yield 0.6 if speech_act == "demand" else 0.0
    yield 0.5 if _PHRASES["normative"].search(words.text) else 0.0
    for i, low in enumerate(words.low):
        if words.tag[i] == "MD" and low in _W["deontic"]:
            inferred = low == "must" and words.around(i, 1) in ("have", "be") and "VBN" in words.tag[i + 2 : i + 4]
            yield 0.3 if inferred and words.around(i, 1) == "have" else 0.7
        elif (
            words.tag[i] == "VB" and words.dep[i] == "ROOT" and "MD" not in words.tag[:i] and "to" not in words.low[:i]
        ):
            yield 0.5 if i < 3 else 0.0


def _mental_state(words: _Words) -> float:
    return _either(
        0.6 if low in _W["mental_verb"] and words.tag[i].startswith("VB")
        else 0.5 if low in _W["feeling"] and words.dep[i] in ("acomp", "attr", "oprd", "ROOT", "conj")
        else 0.3 if low in _W["feeling_noun"]
        else 0.0
        for i, low in enumerate(words.low)
    )  # fmt: skip


def _evaluation(words: _Words, speech_act: str | None) -> float:
    praise = 0.5 if speech_act in ("praise", "accuse") else 0.0
    return 1 - (1 - praise) * (1 - _either(_evaluation_signs(words)))


def _evaluation_signs(words: _Words) -> Iterator[float]:
    for i, low in enumerate(words.low):
        if (low in _W["evaluative"] and words.tag[i].startswith(("JJ", "RB", "VB"))) or (
            low in _W["evaluative_noun"] and words.tag[i].startswith(("NN", "JJ")) and words.tag[i] != "NNP"
        ):
            yield 0.5
        elif low in _W["intensifier"]:
            yield 0.25
        elif (
            words.dep[i] == "acomp" and words.tag[i] == "JJ" and low not in _W["plain"] | _W["feeling"] | _W["likely"]
        ) or (words.dep[i] == "attr" and words.around(i, -2) == "not" and words.around(i, -1) in ("a", "an")):
            yield 0.5
        elif low in ("such", "too") and words.tag_at(i + 1).startswith(("JJ", "DT", "RB")):
            yield 0.3
        elif low in _W["absolute"]:
            yield 0.2
        elif words.tag[i] == "JJR" and words.around(i, 1) == "than" and low not in ("more", "less", "fewer"):
            yield 0.4


def _event(words: _Words) -> float:
    if not any(_finite(words, i) for i in range(len(words.low))):
        # A bare noun phrase ("the participation of troops") is what a verb of saying has as its object.
        doing = words.tag[0] == "VBG" and words.low[0] not in ("being", "including") if words.tag else False
        return 0.6 if doing else next((0.6 * (_HAPPENING.search(low) is not None) for low in _nouns(words)), 0.0)
    return max(_happened(words, i) for i in range(len(words.low)))


def _nouns(words: _Words) -> Iterator[str]:
    """The common nouns that are no part of a compound, in order: of a noun phrase the first is its head."""
    for low, tag, dep in zip(words.low, words.tag, words.dep, strict=True):
        if tag in ("NN", "NNS") and dep != "compound":
            yield low


def _happened(words: _Words, i: int) -> float:
    """Strength of a verb as something that happened before publication."""
    low, tag = words.low[i], words.tag[i]
    before = words.low[max(0, i - 4) : i]
    if tag == "VBD":
        if "if" in before:
            return 0.2
        return 0.8 if low not in _W["stative"] and low != "did" else 0.2
    if tag == "VBN":
        helpers = words.low[max(0, i - 4) : i]
        modal = "MD" in words.tag[max(0, i - 5) : i]
        if {"has", "have", "had", "'ve", "was", "were", "been", "got"} & set(helpers) and low not in ("been", "had"):
            return 0.3 if modal else 0.7
    if (
        tag == "VBG"
        and {"is", "are", "'s", "'re", "been"} & set(before[-2:])
        and low not in ("going", "being", "having")
    ):
        return 0.5
    if tag == "VB" and (
        "did" in before[-3:] or ("could" in before[-3:] and not _W["negation"].isdisjoint(before[-2:]))
    ):
        return 0.6
    return 0.0


def _attribute(words: _Words) -> float:
    for i, low in enumerate(words.low):
        going = words.tag_at(i + 1) == "VBG"
        if words.tag[i] in ("VBZ", "VBP") and not going:
            # "is financed by": a state, unless "has" makes it something that happened
            return 0.6 if words.tag_at(i + 1) != "VBN" else 0.5 if low not in ("has", "have", "'ve") else 0.0
        if words.tag[i] == "VBD" and low in _W["stative"] and not going and words.tag_at(i + 1) != "VBN":
            return 0.6
        if words.tag[i] == "MD" and low in ("can", "cannot", "ca", "could") and words.around(i, 1) != "have":
            return 0.6
    return 0.0
