"""Whom and what a document speaks of: persons, organisations and countries, with all their mentions by name.

Countries come from a gazetteer of names, adjectives and capitals (`lexicons/countries.txt`) and, for those it does not
know, from how the text uses the name. Persons and organisations are runs of proper nouns; every mention of a name votes
on what it is. Shorter forms of a name ("Solt", "the Front", an acronym) lead to its fullest form in the document.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pipeline.annotate import cues
from pipeline.annotate.article import Article
from pipeline.annotate.lexicons import FOLDER, load
from pipeline.annotate.parse import Tree, tree

if TYPE_CHECKING:
    from spacy.tokens import Doc

SALIENT = 3  # mentions from which a name is a target
_LONGEST = 6  # words in the longest name of the gazetteer

_W = load("names").words
_ACRONYM = re.compile(r"[A-Z](?:[A-Z]\.?){1,6}s?")
_CLOSED = (
    "title",
    "heading",
    "label",
    "byline",
    "dateline",
)  # pieces in capitals: they hold mentions, but teach no name


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody or something that a document names at least `SALIENT` times.

    name      the fullest form in the document
    kind      person, organisation or country
    mentions  where it is named, half-open spans in code points, in the order of the text
    """

    name: str
    kind: str
    mentions: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """A run of proper nouns: token indexes, the last one included, without titles before it."""

    first: int
    last: int
    words: tuple[str, ...]
    titled: bool


def targets(article: Article, doc: "Doc") -> list[Target]:
    """The salient targets of an article, most mentioned first; `doc` is `parse(article.text)`."""
    t = tree(doc)
    cased = [article.text[s:e] for s, e in zip(t.start, t.end, strict=True)]
    closed = _closed(article, t)
    taken, found = _countries(t, cased, closed)
    names = list(_names(t, cased, taken))
    taught = [name for name in names if not closed[name.first]]
    kinds = _kinds(t, cased, taught)
    canonical = _canonical(taught, kinds)
    countries = {name: kind for name, kind in canonical.items() if kinds.get(kind) == "country"}
    for name in names:
        full = canonical.get(name.words)
        if full is not None and kinds[full] is not None:
            found[_written(full), kinds[full]].append((name.first, name.last))
    _adjectives(t, cased, taken, {_written(full) for full in countries.values()}, found)
    _governments(t, [name for name in names if kinds.get(canonical.get(name.words)) == "person"], canonical, found)
    made = [
        Target(name, kind, tuple(sorted({(t.start[first], t.end[last]) for first, last in spans})))
        for (name, kind), spans in found.items()
    ]
    return sorted(
        (target for target in made if len(target.mentions) >= SALIENT),
        key=lambda target: (-len(target.mentions), target.mentions[0]),
    )


@cache
def _gazetteer() -> Mapping[tuple[str, ...], tuple[str, str]]:
    """Tokens of a form -> country and what the form is: name, adjective or seat."""
    forms: dict[tuple[str, ...], tuple[str, str]] = {}
    for line in (FOLDER / "countries.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, others, adjectives, seats = (part.strip() for part in (line + " | | | ").split("|")[:4])
        for kind, text in (("name", f"{name};{others}"), ("adjective", adjectives), ("seat", seats)):
            for form in filter(None, (form.strip() for form in text.split(";"))):
                forms.setdefault(_form(form), (name, kind))
    return forms


def _form(text: str) -> tuple[str, ...]:
    """A written form as the tokenizer parts it: hyphens and possessive marks are tokens of their own."""
    plain = text.replace("’", "'")
    return tuple(re.findall(r"(?:\w\.){2,8}|'s\b|-|[^\s'-]{1,40}(?:'(?!s\b)[^\s'-]{1,40})?", plain))


def _closed(article: Article, t: Tree) -> list[bool]:
    """Which tokens stand in titles, headings and labels."""
    closed = [False] * len(t.low)
    for piece in article.pieces:
        if piece.kind in _CLOSED:
            first, last = bisect_right(t.end, piece.start), bisect_left(t.start, piece.end)
            closed[first:last] = [True] * (last - first)
    return closed


# Countries

_Found = dict[tuple[str, str], list[tuple[int, int]]]  # (name, kind) -> token ranges, last included


def _countries(t: Tree, cased: list[str], closed: list[bool]) -> tuple[dict[int, str], _Found]:
    """Tokens that belong to a form of the gazetteer, with the form's kind, and the mentions of countries."""
    forms = _gazetteer()
    plain = [word.replace("’", "'") for word in cased]
    taken: dict[int, str] = {}
    mentions: dict[str, list[tuple[int, int]]] = defaultdict(list)
    i = 0
    while i < len(plain):
        size = next((n for n in range(min(_LONGEST, len(plain) - i), 0, -1) if tuple(plain[i : i + n]) in forms), 0)
        if not size:
            i += 1
            continue
        country, kind = forms[tuple(plain[i : i + size])]
        last = i + size - 1
        if closed[i] or not _swallowed(t, cased, i, last):
            taken.update(dict.fromkeys(range(i, last + 1), kind))
            if _means_country(t, last, kind):
                mentions[country].append((i, last))
        i = last + 1
    return taken, defaultdict(list, {(country, "country"): spans for country, spans in mentions.items()})


def _swallowed(t: Tree, cased: list[str], first: int, last: int) -> bool:
    """Whether a country's name is part of a longer name ("Norway Today", "Bank of Norway")."""
    after = last + 1
    if after < len(cased) and _proper(t, cased, after) and t.sentence[after] == t.sentence[last]:
        return t.low[after] not in _W["person"] and t.low[after] not in _W["state"]
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


def _adjectives(t: Tree, cased: list[str], taken: Mapping[int, str], names: Iterable[str], found: _Found) -> None:
    """Mentions, by adjective, of countries that only the text knows."""
    forms = {form: name for name in names for form in _demonyms(name)}
    for i, word in enumerate(cased):
        name = forms.get(word)
        if name is not None and i not in taken and _means_country(t, i, "adjective"):
            found[name, "country"].append((i, i))


def _demonyms(name: str) -> Iterator[str]:
    if name.endswith("a"):
        yield name + "n"
        yield name[:-1] + "ian"
    yield name + "ian"
    yield name + "ese"


def _governments(
    t: Tree, persons: list[_Name], canonical: Mapping[tuple[str, ...], tuple[str, ...]], found: _Found
) -> None:
    """Mentions of a country by its leader's government ("Velk's regime"): the country most named around that leader."""
    country_at = {t.sentence[first]: Counter[str]() for spans in found.values() for first, _ in spans}
    for (name, kind), spans in found.items():
        for first, _ in spans if kind == "country" else ():
            country_at[t.sentence[first]][name] += 1
    around: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for person in persons:
        sentence = t.sentence[person.first]
        for near in (sentence, sentence - 1):
            around[canonical[person.words]] += country_at.get(near, Counter())
    for person in persons:
        head = t.head[person.last]
        governs = t.low[head] in _W["government"] or any(t.low[kid] in _W["government"] for kid in t.kids[head])
        if t.dep[person.last] in ("poss", "nmod") and governs:
            ranked = around[canonical[person.words]].most_common(2)
            if ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]):
                found[ranked[0][0], "country"].append((person.first, person.last))


# Persons and organisations


def _names(t: Tree, cased: list[str], taken: Mapping[int, str]) -> Iterator[_Name]:
    """Runs of proper nouns outside the gazetteer, titles cut off."""
    n = len(cased)
    i = 0
    while i < n:
        if not _proper(t, cased, i) or i in taken:
            i += 1
            continue
        last = i
        while True:
            step = _joined(t, cased, i, last)
            if step is None or any(k in taken for k in range(last + 1, step + 1)):
                break
            last = step
        first = i
        for k in range(i, last):
            if t.low[k] in _W["person"] or (t.low[k] == "staff" and k > i):
                first = k + 1
        if t.low[first] == "of":
            first = i
        titled = first > i or (i > 0 and t.low[i - 1] in _W["person"] and t.sentence[i - 1] == t.sentence[i])
        if any(len(cased[k]) > 1 for k in range(first, last + 1)):
            yield _Name(first, last, tuple(cased[first : last + 1]), titled and first <= last)
        i = last + 1


def _proper(t: Tree, cased: list[str], i: int) -> bool:
    return t.tag[i] in ("NNP", "NNPS") and cased[i][0].isupper()


def _joined(t: Tree, cased: list[str], first: int, last: int) -> int | None:
    """The next token of the name after `last`, or None where the name ends."""
    i = last + 1
    if i >= len(cased) or t.sentence[i] != t.sentence[last]:
        return None
    if _proper(t, cased, i):
        return i
    if cased[i] in "-–" and t.start[i] == t.end[last] and i + 1 < len(cased) and t.start[i + 1] == t.end[i]:
        return i + 1
    if t.tag[i] == "POS" and t.low[last].endswith("s") and i + 1 < len(cased) and t.low[i + 1] in _W["organisation"]:
        return i + 1 if _proper(t, cased, i + 1) else None
    if t.low[i] == "of" and any(t.low[k] in _W["organisation"] | _W["country"] | {"chief"} for k in range(first, i)):
        after = i + 2 if i + 1 < len(cased) and t.low[i + 1] == "the" else i + 1
        return after if after < len(cased) and _proper(t, cased, after) else None
    return None


def _kinds(t: Tree, cased: list[str], names: list[_Name]) -> dict[tuple[str, ...], str | None]:
    """What each name is, by its words and its mentions; None for what is no target or cannot be told."""
    mentions: dict[tuple[str, ...], list[_Name]] = defaultdict(list)
    for name in names:
        mentions[name.words].append(name)
    words = set(cased)
    return {full: _kind(t, full, found, words, mentions) for full, found in mentions.items()}


def _kind(
    t: Tree,
    full: tuple[str, ...],
    found: list[_Name],
    words: set[str],
    all_names: Mapping[tuple[str, ...], list[_Name]],
) -> str | None:
    low = {word.lower() for word in full}
    if low <= _W["person"] | {"prime"}:
        return None
    if any(name.titled or _entitled(t, name) for name in found):
        return "person"
    if _is_country(t, full, found, words):
        return "country"
    if low & _W["organisation"]:
        return "organisation"
    if low & _W["neither"]:
        return None
    if any(_ACRONYM.fullmatch(word) for word in full) and len(full) < 3:
        return None if re.fullmatch("[IVX]+", full[0]) else "organisation"
    if 2 * sum(_placed(t, name) for name in found) >= len(found):
        return None
    after_the = sum(t.low[name.first - 1] == "the" for name in found if name.first > 0)
    if 2 * after_the >= len(found):
        return "organisation" if len(full) > 1 else None
    if any(_relative(t, name) for name in found):
        return "person"
    said = any(t.dep[name.last] == "nsubj" and t.low[t.head[name.last]] in cues.lexicon() for name in found)
    if 2 <= len(full) <= 4 and (said or (full[-1],) in all_names or (full[0],) in all_names):
        return "person"
    return None


def _entitled(t: Tree, name: _Name) -> bool:
    """Whether an apposition gives the name a role: "Petra Oom, a shop steward", "the mayor, Olga Renn"."""
    roles = [kid for kid in t.kids[name.last] if t.dep[kid] == "appos"]
    if t.dep[name.last] == "appos":
        roles.append(t.head[name.last])
    return any(t.low[role] in _W["person"] for role in roles)


def _placed(t: Tree, name: _Name) -> bool:
    """Whether a mention stands where places stand: "in Harl", "the Harl region"."""
    before = t.low[name.first - 1] if name.first > 0 else ""
    return before in _W["locative"] - {"of", "to"} or (
        t.dep[name.last] in ("compound", "nmod") and t.low[t.head[name.last]] in _W["neither"]
    )


def _relative(t: Tree, name: _Name) -> bool:
    """Whether 'who' or an age follows: only persons have them."""
    after = t.low[name.last + 1 : name.last + 3]
    return bool(after) and (
        after[0] == "who" or (after[0] == "," and (after[1:] == ["who"] or (after[1:2] != [] and after[1].isdigit())))
    )


def _is_country(t: Tree, full: tuple[str, ...], found: list[_Name], words: set[str]) -> bool:
    """Whether the text uses a name as a country's: it has an adjective of its own, or a parliament, border, army."""
    if len(full) == 1 and full[0].endswith("a") and not words.isdisjoint(_demonyms(full[0])):
        return True
    if len(full) > 2 and full[0].lower() in _W["country"] and full[1] == "of":
        return True
    federal = len(full) == 2 and full[1].lower() in _W["country"]
    if len(full) > 1 and not federal:
        return False
    for name in found:
        head = t.head[name.last]
        if t.dep[name.last] == "poss" and t.low[head] in _W["of_country"]:
            return True
        if t.dep[name.last] == "pobj" and t.low[head] == "of" and t.low[t.head[head]] in _W["of_country"]:
            return True
    return federal and any(
        low == full[0].lower()
        and t.dep[i] in ("compound", "amod")
        and t.low[t.head[i]] in _W["of_country"] | _W["person"]
        for i, low in enumerate(t.low)
    )


def _canonical(
    names: list[_Name], kinds: Mapping[tuple[str, ...], str | None]
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Each name -> the fullest name of the document that it is a form of; itself where it is the fullest."""
    counts = Counter(name.words for name in names)
    full = [words for words, kind in kinds.items() if kind is not None]
    acronyms = {"".join(word[0] for word in words if word[0].isupper()): words for words in full if len(words) > 2}
    canonical: dict[tuple[str, ...], tuple[str, ...]] = {}
    for words in counts:
        if kinds[words] == "country":
            plain = words[2:] if words[1:2] == ("of",) and kinds.get(words[2:]) == "country" else words
            canonical[words] = plain
            continue
        longer = [other for other in full if len(other) > len(words) and _form_of(words, other, kinds)]
        if len(words) == 1 and words[0].replace(".", "") in acronyms:
            longer.append(acronyms[words[0].replace(".", "")])
        last = [other for other in longer if other[-1] == words[-1]] or longer
        if last:
            canonical[words] = max(last, key=lambda other: (counts[other], len(other), other))
        elif kinds[words] is not None:
            canonical[words] = words
    for words, target in list(canonical.items()):
        while canonical.get(target, target) != target:
            target = canonical[target]
        canonical[words] = target
    return canonical


def _form_of(words: tuple[str, ...], other: tuple[str, ...], kinds: Mapping[tuple[str, ...], str | None]) -> bool:
    """Whether `words` is a shorter form of a longer name: its start or its end."""
    if kinds.get(words) not in (None, kinds[other]) or kinds[other] == "country":
        return False
    return other[-len(words) :] == words or other[: len(words)] == words


def _written(words: tuple[str, ...]) -> str:
    """A name's tokens as they are written."""
    return re.sub(r" ?([-–]) ?| (?=['’])", r"\1", " ".join(words))
