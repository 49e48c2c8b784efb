"""The tests of the claim types as rules over word lists (`lexicons/claim_types.toml`) and Penn Treebank tags.

Each test gives a strength from 0 to 1, which is no probability: `pipeline.annotate.claim_types` weighs them. Where a
test is formal (what is no claim, what `other` holds), the rule decides.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pipeline.annotate.lexicons import load
from pipeline.annotate.parse import Tree, parse

LABELS = (
    "quantity", "rule", "causal", "prediction", "commitment", "normative", "mental_state", "evaluation", "event",
    "attribute", "other",
)  # fmt: skip
HOLDS = 0.5  # strength from which a test says yes

_LEXICON = load("claim_types")
_W = _LEXICON.words
_BINDING = _W["modal_future"] | _W["modal_would"]
_PLAIN = _W["plain"] | _W["feeling"] | _W["likely"]
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d(?:s|[-–]\d\d(?:\d\d)?)?")
_HAPPENING = re.compile(
    r"(?:tion|sion|ment|ance|ence|ery|val|ing|ure|yment)s?$|"
    r"^(?:attack|strike|death|arrest|talk|visit|vote|raid|release|return|use|loss|birth|theft|leak|flood|fire|crash)s?$"
)
_LAW_ASKED = re.compile(r"to |that |a |an |the ")  # "demanded a law", "promised to ban": none is said to exist
_OTHER = re.compile(
    r"^\W{0,3}(?:(?:it|this) (?:is|was|remains|remained) (?:(?:still|yet|immediately|entirely) ){0,2}"
    r"(?:un(?:clear|known|certain)|not (?:(?:yet|immediately|entirely|fully) ){0,2}(?:clear|known|certain))\b|"
    r"(?:why|how|whether|who|what|where|when|which)\b[^.;]{3,120}\b(?:is|are|was|were|remains?|remained) "
    r"(?:(?:still|as yet) ){0,1}(?:un(?:clear|known|certain)|not (?:yet )?(?:clear|known)|a mystery|a puzzle|"
    r"any(?:body|one)'s guess)\b|"
    r"(?:i|we)(?:'m| am|'re| are) (?:so |very |truly )?sorry\W{0,3}$|(?:i|we) (?:hereby )?apologi[sz]e\b|"
    r"(?:i|we) (?:hereby )?(?:declare|name|christen|pronounce|dedicate|thank|salute)\b|thank you\b|"
    r"time will tell|only time\b|an? (\w{3,20}) is an? \1\b|by [\"“‘'][^\"”]{1,40}[\"”’'],? |"
    r"the (?:word|term|name|phrase) [\"“‘'][^\"”’]{1,40}[\"”’'])",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\d{1,2}[:.]\d\d")
_BETWEEN = frozenset(("RB", "``", "''", ","))  # what may part a helping verb from its participle
_FINITE = frozenset(("VBD", "VBZ", "VBP", "MD"))
_PIECES = {"title": "heading", "heading": "heading", "label": "label", "byline": "label", "dateline": "label"}
_LINK = re.compile(r"(?:https?://|www\.)\S{1,300}")
_CAPTION = re.compile(
    r"^\W{0,3}(?:photo|photograph|picture|image|file photo|caption|video|graphic|map)\b[^.]{0,60}[:/]|"
    r"[(/] {0,2}(?:\w+ {1,3}){0,3}(?:reuters|afp|ap|epa|getty(?: images)?|handout)\W{0,3}$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Words:
    """A claim as parallel lists without white space, and its text in lower case with straight apostrophes."""

    low: list[str]
    tag: list[str]
    dep: list[str]
    cased: list[str]
    text: str

    def around(self, i: int, offset: int) -> str:
        """The word `offset` places after word i; empty outside."""
        j = i + offset
        return self.low[j] if 0 <= j < len(self.low) else ""

    def tag_at(self, i: int) -> str:
        """The tag of word i; empty outside."""
        return self.tag[i] if 0 <= i < len(self.tag) else ""


def strengths(
    words: Words, *, voice: str, speech_act: str | None = None, published: date | None = None
) -> dict[str, float]:
    """How strongly each label but `other` holds, 0 to 1, in the order of `LABELS`.

    voice: 'outlet' or 'attributed'. speech_act: what the cue tells, as in `claims.speech_act`; published: day of the
    document; both None where unknown.
    """
    bound = _commitment(words, voice, speech_act)
    ahead = _prediction(words, voice, speech_act, published)
    if bound >= HOLDS and not _says("condition", words.text):
        ahead /= 2  # what one binds oneself to lies ahead as well, but depends on oneself
    return {
        "quantity": _quantity(words),
        "rule": _rule(words, speech_act),
        "causal": _causal(words),
        "prediction": ahead,
        "commitment": bound,
        "normative": _normative(words, speech_act),
        "mental_state": _mental_state(words),
        "evaluation": _evaluation(words, speech_act),
        "event": _event(words),
        "attribute": _attribute(words),
    }


def no_claim(text: str, kind: str, words: Words | None = None) -> str | None:
    """Why a sentence of the outlet is no claim, or None where it is one.

    text: the sentence. kind: kind of the piece it stands in (`Piece.kind`). words: as `words_of` gives them; where None
    the sentence is parsed. Reasons: heading, label, caption, links, boilerplate, question, request, fragment.
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
    if len(text) < 200 and _says("boilerplate", lowered):
        return "boilerplate"
    words = words or words_of(text)
    if words.tag and words.tag[0] == "VB" and words.dep[0] == "ROOT":
        return "request"
    if not any(_finite(words, i) for i in range(len(words.low))) or len(words.low) < 3:
        return "fragment"
    if _title_case(words):
        return "heading"
    return None


def words_of(text: str, t: Tree | None = None, start: int = 0) -> Words:
    """The words of a text that stands at `start` in what `t` is the tree of; where None it is parsed by itself."""
    t = parse(text) if t is None else t
    kept = [i for i in t.within(start, start + len(text)) if not t.low[i].isspace()]
    return Words(
        low=[t.low[i].replace("’", "'") for i in kept],
        tag=[t.tag[i] for i in kept],
        dep=[t.dep[i] for i in kept],
        cased=[t.word[i] for i in kept],
        text=text.lower().replace("’", "'"),
    )


def _says(name: str, lowered: str) -> bool:
    """Whether a text in lower case holds a phrase of the list, from the start of a word."""
    for phrase in _LEXICON.phrases[name]:
        at = lowered.find(phrase) if phrase in lowered else -1
        while at >= 0:
            if not at or not lowered[at - 1].isalnum():
                return True
            at = lowered.find(phrase, at + 1)
    return False


def _either(strengths: Iterator[float]) -> float:
    """One of several independent signs is enough."""
    none = 1.0
    for strength in strengths:
        none *= 1 - strength
    return 1 - none


def _finite(words: Words, i: int) -> bool:
    """Whether the word is a finite verb, or the bare verb of a command."""
    return words.tag[i] in _FINITE or (words.tag[i] == "VB" and words.dep[i] == "ROOT")


def _title_case(words: Words) -> bool:
    """Whether all words of some length are capitalised and no stop ends them: a headline."""
    long = [word for word in words.cased if len(word) > 3 and word[0].isalpha()]
    return len(long) > 2 and all(word[0].isupper() for word in long) and words.low[-1] not in (".", "!", "…")


def _quantity(words: Words) -> float:
    return max(
        max((_amount(words, i) for i, tag in enumerate(words.tag) if tag == "CD"), default=0.0),
        max((_comparison(words, i) for i in range(len(words.low))), default=0.0),
        0.7 if _says("compare", words.text) else 0.0,
    )


def _amount(words: Words, i: int) -> float:
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


def _comparison(words: Words, i: int) -> float:
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


def _rule(words: Words, speech_act: str | None) -> float:
    strength = _either(_rule_signs(words))
    return strength / 2 if speech_act in ("demand", "promise") and _LAW_ASKED.match(words.text) else strength


def _rule_signs(words: Words) -> Iterator[float]:
    yield 0.6 if _says("law", words.text) else 0.0
    for i, low in enumerate(words.low):
        named = low in _W["law_name"] and words.cased[i][0].isupper() and i > 0
        if (low in _W["law"] and words.around(i, -1) != "-") or named:
            yield 0.6
        elif low in _W["rule_verb"] and words.tag[i].startswith("VB"):
            out = low.startswith("rul") and {"in", "out"} & set(words.low[i + 1 : i + 4])
            yield 0.0 if out else 0.5
        elif low in _W["law_weak"]:
            yield 0.6 if low == "rule" and words.tag[i] == "NN" and words.around(i, 1) != "of" else 0.3
        elif low in ("shall", "accordance") or (low == "may" and words.around(i, 1) == "not"):
            yield 0.5


def _causal(words: Words) -> float:
    return _either(_causal_signs(words))


def _causal_signs(words: Words) -> Iterator[float]:
    yield 0.7 if _says("cause", words.text) else 0.0
    for i, low in enumerate(words.low):
        if low in _W["cause"]:
            yield 0.6
        elif (low in _W["cause_verb"] and words.tag[i].startswith("VB")) or (
            low == "so" and words.tag_at(i + 1)[:2] in ("JJ", "RB") and "that" in words.low[i + 2 : i + 12]
        ):
            yield 0.5
        elif low in _W["cause_weak"] and words.tag[i].startswith("VB"):
            yield 0.3
        elif (words.tag[i] == "VB" and words.dep[i] == "advcl" and words.around(i, -1) == "to") or (
            low in _W["punish_verb"] and words.tag[i].startswith("VB") and "for" in words.low[i + 1 : i + 9]
        ):
            yield 0.5


def _prediction(words: Words, voice: str, speech_act: str | None, published: date | None) -> float:
    return _either(_prediction_signs(words, voice, speech_act, published))


def _prediction_signs(words: Words, voice: str, speech_act: str | None, published: date | None) -> Iterator[float]:
    condition = _says("condition", words.text)
    dated = not any(tag == "VBD" for tag in words.tag)
    yield 0.6 if speech_act == "predict" else 0.0
    yield 0.5 if _says("future", words.text) else 0.0
    for i, low in enumerate(words.low):
        if words.tag[i] == "MD" and not _had(words, i):
            perfect = "have" in words.low[i + 1 : i + 4] and "VBN" in words.tag[i + 2 : i + 6]
            if low in _W["modal_future"]:
                yield 0.4 if perfect else 0.7
            elif low in _W["modal_would"]:
                yield 0.6 if perfect or condition else 0.5 if voice == "attributed" else 0.4
            elif low in _W["modal_possible"]:
                past = perfect or (low == "could" and voice == "outlet" and not condition)
                yield 0.3 if past else 0.5
        elif words.tag[i] in ("VBZ", "VBP") and low not in _W["stative"]:
            yield 0.5 if dated and not _W["days"].isdisjoint(words.low[i + 1 : i + 6]) else 0.0
        elif low in _W["likely"] and words.tag[i] != "NNP":
            told = words.tag[i].startswith("NN") or words.around(i, -1) in ("is", "are", "'s", "'re")
            yield 0.5 if told else 0.3
        elif low in _W["future"]:
            yield 0.4
        elif published is not None and re.fullmatch(r"20\d\d", low) and int(low) > published.year:
            yield 0.6


def _had(words: Words, i: int) -> bool:
    """Whether a 'd is 'had' ("I'd seen it")."""
    following = [tag for tag in words.tag[i + 1 : i + 4] if tag != "RB"]
    return words.low[i] in ("'d", "’d") and following[:1] in (["VBN"], ["VBD"])


def _commitment(words: Words, voice: str, speech_act: str | None) -> float:
    return _either(_commitment_signs(words, voice, speech_act))


def _commitment_signs(words: Words, voice: str, speech_act: str | None) -> Iterator[float]:
    yield 0.8 if speech_act in ("promise", "threaten") else 0.0
    for i, low in enumerate(words.low):
        subject = set(words.low[max(0, i - 3) : i])
        modal = words.tag[i] == "MD" and low in _BINDING
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


def _normative(words: Words, speech_act: str | None) -> float:
    return _either(_normative_signs(words, speech_act))


def _normative_signs(words: Words, speech_act: str | None) -> Iterator[float]:
    yield 0.6 if speech_act == "demand" else 0.0
    yield 0.5 if _says("normative", words.text) else 0.0
    for i, low in enumerate(words.low):
        if words.tag[i] == "MD" and low in _W["deontic"]:
            inferred = low == "must" and words.around(i, 1) in ("have", "be") and "VBN" in words.tag[i + 2 : i + 4]
            yield 0.3 if inferred and words.around(i, 1) == "have" else 0.7
        elif (
            words.tag[i] == "VB" and words.dep[i] == "ROOT" and "MD" not in words.tag[:i] and "to" not in words.low[:i]
        ):
            yield 0.5 if i < 3 else 0.0


def _mental_state(words: Words) -> float:
    return _either(_mental_signs(words))


def _mental_signs(words: Words) -> Iterator[float]:
    for i, low in enumerate(words.low):
        verb = words.tag[i].startswith("VB")
        if low in _W["mental_verb"] and verb:
            yield 0.6
        elif (low in _W["perception"] and verb and {"i", "we"} & set(words.low[max(0, i - 3) : i])) or (
            low in _W["feeling"] and words.dep[i] in ("acomp", "attr", "oprd", "ROOT", "conj", "ccomp")
        ):
            yield 0.5
        elif low in _W["feeling_noun"]:
            yield 0.3


def _evaluation(words: Words, speech_act: str | None) -> float:
    praise = 0.5 if speech_act in ("praise", "accuse") else 0.0
    return 1 - (1 - praise) * (1 - _either(_evaluation_signs(words)))


def _evaluation_signs(words: Words) -> Iterator[float]:
    for i, low in enumerate(words.low):
        if (low in _W["evaluative"] and words.tag[i].startswith(("JJ", "RB", "VB"))) or (
            low in _W["evaluative_noun"] and words.tag[i].startswith(("NN", "JJ")) and words.tag[i] != "NNP"
        ):
            yield 0.5
        elif low in _W["intensifier"]:
            yield 0.25
        elif (words.dep[i] == "acomp" and words.tag[i] == "JJ" and low not in _PLAIN) or (
            words.dep[i] == "attr" and words.around(i, -2) == "not" and words.around(i, -1) in ("a", "an")
        ):
            yield 0.5
        elif low in ("such", "too") and words.tag_at(i + 1).startswith(("JJ", "DT", "RB")):
            yield 0.3
        elif low in _W["absolute"]:
            yield 0.2
        elif words.tag[i] == "JJR" and words.around(i, 1) == "than" and low not in ("more", "less", "fewer"):
            yield 0.4


def _event(words: Words) -> float:
    if not any(_finite(words, i) for i in range(len(words.low))):
        # A bare noun phrase ("the participation of troops") is what a verb of saying has as its object.
        doing = words.tag[0] == "VBG" and words.low[0] not in ("being", "including") if words.tag else False
        return 0.6 if doing else next((0.6 * (_HAPPENING.search(low) is not None) for low in _nouns(words)), 0.0)
    return max(_happened(words, i) for i in range(len(words.low)))


def _nouns(words: Words) -> Iterator[str]:
    """The common nouns that are no part of a compound, in order: of a noun phrase the first is its head."""
    for low, tag, dep in zip(words.low, words.tag, words.dep, strict=True):
        if tag in ("NN", "NNS") and dep != "compound":
            yield low


def _happened(words: Words, i: int) -> float:
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


def _attribute(words: Words) -> float:
    for i, low in enumerate(words.low):
        tag = words.tag[i]
        if tag in ("VBZ", "VBP", "VBD"):
            ahead = [other for other in words.tag[i + 1 : i + 5] if other not in _BETWEEN][:1]
            doing = ahead == ["VBG"] and low in _W["stative"]
            if tag != "VBD" and not doing:
                # "is financed by": a state, unless "has" makes it something that happened
                return 0.6 if ahead != ["VBN"] else 0.5 if low not in ("has", "have", "'ve") else 0.0
            if low in _W["stative"] and not doing and ahead != ["VBN"]:
                return 0.6
        if tag == "MD" and low in ("can", "cannot", "ca", "could") and words.around(i, 1) != "have":
            return 0.6
    return 0.0


def unowned(text: str) -> bool:
    """Whether a claim is of one of the four kinds that end in `other`: nobody's ignorance, words that do what they say,
    a tautology, the meaning of a word.
    """
    return _OTHER.search(text.replace("’", "'")) is not None
