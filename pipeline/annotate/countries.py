"""Where a document speaks of a country, its government or its armed forces, by name, adjective or seat.

Forms come from a gazetteer (`lexicons/countries.txt`); for countries that it does not know, adjectives are formed from
the names that the text uses as a country's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pipeline.annotate.lexicons import FOLDER, load
from pipeline.annotate.parse import Tree

_W = load("names").words
_BESIDE = frozenset(("amod", "compound", "nmod", "poss"))

Found = dict[tuple[str, str], list[tuple[int, int]]]  # (name, kind) -> token ranges, last included


@dataclass(frozen=True, slots=True)
class _Gazetteer:
    """forms: tokens -> country and what the form is (name, adjective or seat); longest: first token -> most tokens of a
    form that begins with it; adjectives: country -> its first one.
    """

    forms: Mapping[tuple[str, ...], tuple[str, str]]
    longest: Mapping[str, int]
    adjectives: Mapping[str, str]


@cache
def _gazetteer() -> _Gazetteer:
    forms: dict[tuple[str, ...], tuple[str, str]] = {}
    first: dict[str, str] = {}
    for line in (FOLDER / "countries.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, others, adjectives, seats = (part.strip() for part in (line + " | | | ").split("|")[:4])
        if adjectives:
            first[name] = adjectives.split(";")[0].strip()
        for kind, text in (("name", f"{name};{others}"), ("adjective", adjectives), ("seat", seats)):
            for form in filter(None, (form.strip() for form in text.split(";"))):
                forms.setdefault(_form(form), (name, kind))
    longest: dict[str, int] = {}
    for form in forms:
        longest[form[0]] = max(len(form), longest.get(form[0], 0))
    return _Gazetteer(forms, longest, first)


def _form(text: str) -> tuple[str, ...]:
    """A written form as the tokenizer parts it: hyphens and possessive marks are tokens of their own."""
    plain = text.replace("’", "'")
    return tuple(re.findall(r"(?:\w\.){2,8}|'s\b|-|[^\s'-]{1,40}(?:'(?!s\b)[^\s'-]{1,40})?", plain))


def known(t: Tree, cased: list[str], closed: list[bool], found: Found) -> set[int]:
    """Add the mentions of countries and armies of the gazetteer to `found`; all tokens that belong to one of its forms.

    Inside a longer name ("Norway Today") the form is that name's, except in pieces in capitals (`closed`).
    """
    forms = _gazetteer().forms
    plain = [word.replace("’", "'") for word in cased]
    longest = _gazetteer().longest
    taken: set[int] = set()
    after = 0
    for i, word in enumerate(plain):
        if i < after or word not in longest:
            continue
        most = min(longest[word], len(plain) - i)
        size = next((n for n in range(most, 0, -1) if tuple(plain[i : i + n]) in forms), 0)
        if not size:
            continue
        country, kind = forms[tuple(plain[i : i + size])]
        last = i + size - 1
        if closed[i] or not _swallowed(t, cased, i, last):
            taken.update(range(i, last + 1))
            _add(t, i, last, country, kind, found)
        after = last + 1
    return taken


def unknown(t: Tree, cased: list[str], taken: set[int], names: Iterable[tuple[str, int, int]], found: Found) -> None:
    """Add mentions of countries that only the text knows: by name (name, first, last token), and by adjective."""
    adjectives: dict[str, str] = {}
    for name, first, last in names:
        _add(t, first, last, name, "name", found)
        adjectives |= dict.fromkeys(demonyms(name), name)
    for i, word in enumerate(cased):
        if word in adjectives and i not in taken:
            _add(t, i, i, adjectives[word], "adjective", found)


def demonyms(name: str) -> Iterator[str]:
    """Adjectives that may be formed from the name of a country."""
    if name.endswith("a"):
        yield name + "n"
        yield name[:-1] + "ian"
    yield name + "ian"
    yield name + "ese"


def _add(t: Tree, first: int, last: int, country: str, kind: str, found: Found) -> None:
    if taken_side(t, first):
        return
    head = t.head[last]
    if t.dep[last] in _BESIDE and t.low[head] in _W["army"] and head > last:
        name = f"{_gazetteer().adjectives.get(country, country)} armed forces"
        found.setdefault((name, "organisation"), []).append((first, head) if head - last < 5 else (first, last))
    elif _means_country(t, last, kind):
        found.setdefault((country, "country"), []).append((first, last))


def _swallowed(t: Tree, cased: list[str], first: int, last: int) -> bool:
    """Whether a country's name is part of a longer name ("Norway Today", "Bank of Norway")."""
    after = last + 1
    if after < len(cased) and proper(t, cased, after) and t.sentence[after] == t.sentence[last]:
        return t.low[after] not in _W["person"] and t.low[after] not in _W["state"] and t.low[after] not in _W["army"]
    if (
        first > 0
        and t.head[first - 1] == last
        and t.tag[first - 1] == "NNP"
        and t.dep[first - 1] in ("compound", "amod")
    ):
        return t.low[first - 1] not in _W["person"]
    return (
        first > 1 and t.low[first - 1] == "of" and t.tag[first - 2] == "NNP" and t.low[first - 2] in _W["organisation"]
    )


def _means_country(t: Tree, i: int, kind: str) -> bool:
    """Whether a form stands for the country or its government: an adjective by a state's noun, a seat as actor."""
    if kind == "name":
        return True
    if kind == "adjective":
        return t.dep[i] in ("amod", "compound", "nmod") and t.low[t.head[i]] in _W["state"]
    if t.dep[i] == "pobj":
        return t.low[t.head[i]] not in _W["locative"]
    return t.dep[i] in ("nsubj", "nsubjpass", "poss", "dobj", "conj")


def proper(t: Tree, cased: list[str], i: int) -> bool:
    """Whether a token is a capitalised proper noun."""
    return t.tag[i] in ("NNP", "NNPS") and cased[i][0].isupper()


def taken_side(t: Tree, first: int) -> bool:
    """Whether a name stands in "pro-X" or "anti-X", which speaks of those who are for or against X, not of X."""
    return first > 1 and t.low[first - 1] in "-–‑" and t.low[first - 2] in ("pro", "anti")
