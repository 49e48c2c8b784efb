"""Text -> runs of time words: one scan, one class a token.

Most words say nothing about time.  The scan keeps the tokens of the lexicon, the numbers and the punctuation between
them,
and drops every run without a trigger, so that the patterns see a tenth of the text.  A class is one character, so
that a
pattern over tokens is a regular expression over a short string.
"""

import re
from typing import NamedTuple

from pipeline.annotate.dates import lexicon
from pipeline.annotate.dates.lazy import lazy

LETTER = {name: chr(0xC0 + number) for number, name in enumerate(lexicon.CLASSES)}
BARRIER = " "  # between two runs
_WORDS = {
    word: (LETTER[name], words[word] if isinstance(words, dict) else None)
    for name, words in lexicon.CLASSES.items()
    for word in words
}
_TRIGGERS = frozenset(LETTER[name] for name in lexicon.TRIGGERS)
_PUNCTUATION = {
    "-": "hyphen",
    "‐": "hyphen",
    "‑": "hyphen",
    "–": "hyphen",
    ",": "comma",
    ".": "dot",
    "(": "lparen",
    ")": "rparen",
}
_MARKS = {mark: LETTER[name] for mark, name in _PUNCTUATION.items()}

# Longest number that is read as one: anything longer is no date.
_LONGEST_NUMBER = 32
_KINDS = {
    "space": r"\s+",
    "special": r"[12][0-9]{3}-W[0-5][0-9](?:-[1-7])?\b|FY\s?['’]?[0-9]{2,4}\b|[HQ][1-4]\b|"
    r"[AaPp]\.\s?[Mm]\b\.?|[Oo]['’]clock\b|['’][0-9]0s\b|['’]s\b|['’][0-9]{2}\b",
    "word": r"[^\W\d_]+",
    "number": r"[0-9](?:[0-9.,:/–-]*[0-9])?(?:[^\W\d_](?:[\w:.+-]*\w)?)?",
    "mark": ".",
}
_TOKEN = lazy("|".join((r"[^\W\d_]{3,}", *_KINDS.values())), re.DOTALL)  # no special token begins with three letters
_KIND = lazy("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()), re.DOTALL)
# A text whose longest line is no longer than the first is hard-wrapped: an expression may go on from a line at least as
# long as the second.  In any other text a line break ends a paragraph, a title or a date line.
_LONGEST_WRAPPED, _SHORTEST_WRAPPED = 100, 45


class Token(NamedTuple):
    """A token: half-open span in code points, its class letter, its value if the lexicon or the number gives one."""

    start: int
    end: int
    letter: str
    value: object
    word: str


class Runs(NamedTuple):
    """The tokens worth reading and, a character each, their classes; `BARRIER` stands between two runs."""

    tokens: list[Token]
    letters: str


def wraps(text: str) -> bool:
    """Whether an expression may go on from one line of a text to the next."""
    return max(map(len, text.split("\n"))) <= _LONGEST_WRAPPED


def scan(text: str) -> Runs:
    """Every run of time words in a text that contains a trigger.  Linear in the text's length."""
    kept: list[Token] = []
    run: list[tuple[int, int, str] | Token] = []  # a quiet word is no token yet: most runs hold nothing else
    telling = False  # whether the run does
    line_start = end = 0
    wrapped = wraps(text)
    for word in _TOKEN.findall(text):
        start, end = end, end + len(word)
        if word == " ":
            continue
        lower = word.lower()
        if lower in _QUIET:
            run.append((start, end, lower))
            continue
        token = None
        if word.isalpha():
            if lower in KNOWN:
                token = _token("word", word, start, end)
        elif word.isspace():
            lines = word.count("\n")
            goes_on = not lines or (lines == 1 and wrapped and start - line_start >= _SHORTEST_WRAPPED)
            line_start = end if lines else line_start
            if goes_on:
                continue
        elif match := _KIND.match(word):
            token = _token(match.lastgroup, word, start, end)
        if token is not None:
            run.append(token)
            telling = True
        elif run:
            if telling:
                _keep(run, kept)
            run, telling = [], False
    if telling:
        _keep(run, kept)
    return Runs(kept, "".join([token.letter for token in kept]))


def _keep(run: list[tuple[int, int, str] | Token], kept: list[Token]) -> None:
    """Keep a run, its phrases joined, if it holds a trigger."""
    joined = _phrases([it if isinstance(it, Token) else Token(*it[:2], *_QUIET[it[2]], it[2]) for it in run])
    if not _TRIGGERS.isdisjoint([token.letter for token in joined]):
        kept.extend(joined)
        kept.append(Token(joined[-1].end, joined[-1].end, BARRIER, None, ""))


def _token(kind: str | None, text: str, start: int, end: int) -> Token | None:
    if kind == "word":
        word = text.lower()
        found = _WORDS.get(word)
        if found is None:
            if word not in _PHRASE_WORDS or (word in _CAPITAL_HEADS and not text[0].isupper()):
                return None
            return Token(start, end, _PHRASE_PART, None, word)
        if word in lexicon.CAPITALISED and not text[0].isupper():
            return None
        return Token(start, end, found[0], found[1], word)
    if kind == "mark":
        letter = _MARKS.get(text)
        return Token(start, end, letter, None, text) if letter else None
    if kind == "special":
        name, value = _special(text)
        return Token(start, end, LETTER[name], value, text if name == "numdate" else text.lower())
    if kind == "number" and len(text) <= _LONGEST_NUMBER:
        form = number(text)
        return Token(start, end, LETTER[form[0]], form[1], text) if form else None
    return None


_SHORT_TURN = 30  # "'68" is of the 20th century, "'12" of the 21st


def _special(text: str) -> tuple[str, object]:
    if text[0] in "'’":
        if text[1] == "s":
            return "poss", None
        return (
            ("decade", 190 + int(text[1]))
            if text[-1] == "s"
            else ("shortyear", int(text[1:]) + (2000 if int(text[1:]) < _SHORT_TURN else 1900))
        )
    if text[0] in "12":
        return "numdate", None
    if text.startswith("FY"):
        year = int(text[2:].strip().lstrip("'’"))
        return "fy", year + (2000 if year < 100 else 0)
    if text[0] in "QH":
        return "qnum", ("quarter" if text[0] == "Q" else "half", int(text[1]))
    return ("oclock", None) if text[0] in "Oo" else ("ampm", None)


_ISO = lazy(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (lazy(pattern, re.ASCII), name)
    for pattern, name in (
        (r"\d{1,2}", "small"),
        (r"[12]\d{3}", "year4"),
        (r"\d+|\d{1,3}(?:,\d{3})+", "int"),
        (r"\d+\.\d+", "dec"),
        (r"[1-9]/[2-9]", "frac"),
        (r"\d{1,2}:\d\d(?::\d\d)?", "clock"),
        (r"[12]\d{3}s", "decade"),
        (r"[2-9]0s", "decade"),
        (r"\d{1,2}(?:st|nd|rd|th)", "nth"),
        (r"\d{1,2}(?::\d\d)?(?:am|pm|AM|PM)", "clock"),
        (r"[1-4]Q", "qnum"),
        (r"[12]\d{3}[-–/]\d{2}(?:\d{2})?", "yearrange"),
        (r"\d{1,2}[-–]\d{1,2}", "numrange"),
        (r"\d{1,2}([/.-])\d{1,2}\1\d{2}(?:\d{2})?|[12]\d{3}([/.])\d{1,2}\2\d{1,2}", "numdate"),
    )
)


def number(text: str) -> tuple[str, object] | None:
    """Class and value of a token that begins with a digit; None when its form is no date, time or count."""
    if _ISO.fullmatch(text):
        return "numdate", None
    name = next((name for form, name in _FORMS if form.fullmatch(text)), None)
    if name is None:
        return None
    if name in ("small", "int", "year4"):
        value = int(text.replace(",", ""))
        return "int" if name == "small" and value > 31 else name, value
    if name == "dec":
        return name, float(text)
    if name == "frac":
        above, below = text.split("/")
        return name, int(above) / int(below)
    if name == "nth":
        return name, int(text[:-2])
    if name == "decade":
        if len(text) == 5 and text[2] == "0":
            return None  # "the 1900s" is a century as often as a decade
        return name, int(text[:-2]) if len(text) == 5 else 190 + int(text[0])
    if name == "qnum":
        return name, ("quarter", int(text[0]))
    return name, None


_SPLIT = lazy(r"[^\W\d_]+|'s|.")
_PHRASES: dict[str, list[tuple[tuple[str, ...], str, object]]] = {}
for _words, _name in ((lexicon.FEASTS, "feast"), (lexicon.REFERENCES, "reference")):
    for _phrase, _value in _words.items():
        _parts = tuple(part for part in _SPLIT.findall(_phrase) if part != " ")
        _PHRASES.setdefault(_parts[0], []).append((_parts, LETTER[_name], _value))
for _known in _PHRASES.values():
    _known.sort(key=lambda known: -len(known[0]))
_PHRASE_WORDS = frozenset(part for known in _PHRASES.values() for parts, _, _ in known for part in parts)
KNOWN = _PHRASE_WORDS | _WORDS.keys()
"""Words that can be part of an expression, in lower case."""
# What makes no run worth keeping, alone or together: no trigger, no part of a phrase that has no other words.
_QUIET: dict[str, tuple[str, object]] = {
    word: found
    for word, found in (*_WORDS.items(), *((mark, (letter, None)) for mark, letter in _MARKS.items()))
    if found[0] not in _TRIGGERS and word not in lexicon.CAPITALISED
}
for _parts in [known[0] for listed in _PHRASES.values() for known in listed]:
    if _QUIET.keys() >= set(_parts):
        del _QUIET[_parts[0]]
_CAPITAL_HEADS = frozenset(phrase.split()[0] for phrase in lexicon.FEASTS)
_PHRASE_PART = "!"


def _phrases(run: list[Token]) -> list[Token]:
    """Join the words of a known phrase into one token."""
    out: list[Token] = []
    at = 0
    while at < len(run):
        token = run[at]
        for parts, letter, value in _PHRASES.get(token.word, ()):
            group = run[at : at + len(parts)]
            if len(group) == len(parts) and all(_same(t.word, part) for t, part in zip(group, parts, strict=True)):
                out.append(Token(token.start, group[-1].end, letter, value, " ".join(parts)))
                at += len(parts)
                break
        else:
            out.append(token)
            at += 1
    return out


def _same(word: str, part: str) -> bool:
    return word == part or (part in ("'s", "'") and word in ("'s", "’s", "'", "’"))
