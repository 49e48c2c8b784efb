"""What looks like personal data or a secret in a text: found by its shape, counted, and put out of sight where asked.

Four kinds have a shape of their own: e-mail addresses, telephone numbers, bank accounts (IBAN) and keys that open
services. Names and addresses of people are what news is about: they are no business of this module. A shape is no
proof, and what is written out ("ada at example dot org") has none: counts are a hint to look, redaction is no warrant.
"""

import re
from collections import Counter
from collections.abc import Iterator

from pipeline.offsets import Alignment, Edit

MARKS = {
    "e-mail address": "[e-mail redacted]",
    "telephone number": "[phone redacted]",
    "IBAN": "[IBAN redacted]",
    "key": "[key redacted]",
}
"""What stands in the place of each kind in a redacted text."""
REDACTED = " redacted"
"""What the name of the cleaner ends with, in `documents` and `texts`, where a document was redacted."""

# Runs are read whole (`++`) from where they begin, so that each character is read once whatever follows.
_MAIL = re.compile(r"(?<![\w.%+'-])[.%+'-]*+([\w.%+'-]++[@＠](?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})")
_GAP = r"[ ./()‐‑–-]"
_DIGITS = re.compile(r"[+(\d][\d ./()‐‑–-]{5,}+")  # where a telephone number may stand
_PHONE = re.compile(
    rf"""(?<![\w+=&/.,-])(?:
    (?:\+|00)[ ]?\(?(?!0)\d(?:{_GAP}{{0,2}}\d){{7,14}}                  # with the code of its country
    |(?:1[-. ])?(?:\(\d{{3}}\)[ ]?|\d{{3}}[-. ])\d{{3}}[-.]\d{{4}}      # (202) 555-0143
    |(?:\(0\d{{2,4}}\)|(?!000)0\d{{2,4}})(?:{_GAP}{{1,2}}\d{{2,8}}){{1,4}}  # 020 7946 0018; no 10 000 000 000
    |0\d(?:[ .]\d\d){{4}}                                           # 01 99 00 12 34
    )(?!\w)""",
    re.VERBOSE,
)
_LABEL = re.compile(
    r"\b(?:tel|telephone|phone|mobile|cell|fax|whatsapp|hotline)\b[.:]{0,2} ?(?:no\.?|number)?:? ?\Z", re.IGNORECASE
)
_LABELLED = re.compile(rf"(?:\(\d{{1,5}}\){_GAP}{{0,2}})?\d(?:{_GAP}{{0,2}}\d){{5,14}}(?!\w)")  # Tel.: 555-0143
_LABEL_LENGTH = 24  # code points of the longest label
_MIN_DIGITS = 9
"""Of a number without the code of a country or a label before it; "0900-1130" is a time of day."""
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?<![A-Za-z0-9].{4})")
_SHORTEST, _LONGEST = 15, 34  # characters of an IBAN (ISO 13616)
_OPENINGS = (
    *("AKIA", "ASIA", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "hf_", "xox", "AIza", "sk-"),
    *("sk_", "rk_", "eyJ", "PRIVATE KEY"),
)
"""What keys begin with; a text without them is not looked at further."""
_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"  # Amazon
    r"|(?:gh[opsur]_|github_pat_|glpat-|hf_)[A-Za-z0-9_-]{20,255}"  # GitHub, GitLab, Hugging Face
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,255}"  # Slack
    r"|AIza[A-Za-z0-9_-]{35}"  # Google
    r"|[sr]k[_-](?:live_|test_|proj-|ant-)?[A-Za-z0-9_-]{20,255}"  # Stripe, OpenAI, Anthropic
    r"|eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}"  # JSON Web Token
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:\s*+[A-Za-z0-9+/=]{16,80}(?![A-Za-z0-9+/=]))*+"
    r"(?:\s*+[A-Za-z0-9+/=]{1,80}(?=\s*+-----END))?+(?:\s*+-----END [A-Z ]{0,40}PRIVATE KEY-----)?)"
)


CANDIDATE = (
    r"[@＠]|\p{Nd}(?:[ ./()‐‑–-]{0,3}\p{Nd}){5}|[A-Z]{2}[0-9]{2}|"
    "AKIA|ASIA|gh[opsur]_|github_pat_|glpat-|hf_|xox|AIza|[sr]k[_-]|eyJ|PRIVATE KEY"
)
"""What every text has in which something is found, as a pattern of RE2: most texts can be passed over by it."""


def found(text: str) -> list[tuple[int, int, str]]:
    """The stretches of a text that have the shape of a kind, half-open, with its name, in order. None overlap: what
    does is one, of the kind that begins first.
    """
    kinds = (("key", _keys), ("e-mail address", _mails), ("IBAN", _accounts), ("telephone number", _phones))
    places = [(start, order, end) for order, (_, of) in enumerate(kinds) for start, end in of(text)]
    spans: list[tuple[int, int, str]] = []
    for start, order, end in sorted(places):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]), spans[-1][2])
        else:
            spans.append((start, end, kinds[order][0]))
    return spans


def counts(text: str) -> Counter[str]:
    """How often each kind is found in a text."""
    return Counter(kind for _, _, kind in found(text))


def redactions(text: str) -> Iterator[Edit]:
    """Put the mark of its kind in the place of each: a cleaning rule."""
    for start, end, kind in found(text):
        yield Edit(start, end, MARKS[kind])


def redacted(text: str) -> str:
    """A text after its `redactions`."""
    return Alignment.apply(text, redactions(text))[0]


def without_marks(text: str) -> str:
    """A text without what redactions put there."""
    for mark in MARKS.values():
        text = text.replace(mark, "")
    return text


def _keys(text: str) -> Iterator[tuple[int, int]]:
    if any(opening in text for opening in _OPENINGS):
        yield from (match.span() for match in _KEY.finditer(text))


def _mails(text: str) -> Iterator[tuple[int, int]]:
    if "@" in text or "＠" in text:
        yield from (match.span(1) for match in _MAIL.finditer(text))


def _accounts(text: str) -> Iterator[tuple[int, int]]:
    """Of each candidate the longest stretch whose check digits are right."""
    for match in _IBAN.finditer(text):
        start, at = match.span()
        head, rest, length, last = _number(match[0]), 0, 4, None
        while length < _LONGEST:
            at += text[at : at + 1] == " "
            letter = text[at : at + 1]
            if not ("0" <= letter <= "9" or "A" <= letter <= "Z"):
                break
            rest = (rest * (10 if letter <= "9" else 100) + int(letter, 36)) % 97
            length, at = length + 1, at + 1
            if length >= _SHORTEST and (rest * 10**6 + head) % 97 == 1 and not text[at : at + 1].isalnum():
                last = at
        if last is not None:
            yield start, last


def _number(letters: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in letters))


def _phones(text: str) -> Iterator[tuple[int, int]]:
    for digits in _DIGITS.finditer(text):
        start, end = digits.start(), digits.end() + 1  # what follows counts, too
        if _LABEL.search(text, max(0, start - _LABEL_LENGTH), start) and (told := _LABELLED.search(text, start, end)):
            yield told.span()
            start = told.end()
        for match in _PHONE.finditer(text, start, end):
            if match[0].startswith(("+", "00")) or sum(map(str.isdigit, match[0])) >= _MIN_DIGITS:
                yield match.span()
