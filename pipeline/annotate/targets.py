"""Whom and what a document speaks of: persons, organisations and countries, with all their mentions.

Countries and their armed forces are told in `countries`; other persons and organisations are runs of proper nouns, of
which every mention votes on what it is, and bodies in lower case ("the dockers' union"). Shorter forms of a name
("Solt", "the Front", an acronym) lead to its fullest form in the document; `coreference` adds "the minister" and "he".
A leader, a state and its army are three targets.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.annotate import countries, cues
from pipeline.annotate.article import Article
from pipeline.annotate.coreference import Named, references
from pipeline.annotate.countries import Found, demonyms, proper
from pipeline.annotate.lexicons import load
from pipeline.annotate.parse import Tree
from pipeline.annotate.voice import marked

SALIENT = 3  # sentences that must mention a target: below that no stance could be assessed (`stance.ENOUGH`)
BY_NAME = 2  # of them, by name: what is named once and then only meant is too uncertain

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
    """Somebody or something that a document speaks of.

    name      the fullest form in the document, of a known country its everyday name; no two targets share one
    kind      person, organisation or country
    mentions  where it is mentioned, half-open spans in code points, in the order of the text
    """

    name: str
    kind: str
    mentions: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """A run of proper nouns: token indexes, the last one included, without titles before it; `roles` are these."""

    first: int
    last: int
    words: tuple[str, ...]
    roles: frozenset[str]


def targets(article: Article, t: Tree) -> list[Target]:
    """The salient targets of an article, most mentioned first; `t` is `parse(article.text)`.

    Salient is what at least `SALIENT` sentences mention outside quotation marks, `BY_NAME` of them by name: words in
    quotation marks make nobody a target and teach no name, so that a text has the same targets without its quotations.
    """
    hidden, _ = marked(article, t)
    found = _mentions(article, t, hidden)

    def sentences(spans: list[tuple[int, int]]) -> int:
        return len({t.sentence[first] for first, _ in spans if first not in hidden})

    counted = [
        (name, kind, spans, sentences(spans + meant))
        for (name, kind), (spans, meant) in found.items()
        if sentences(spans) >= BY_NAME
    ]
    made: dict[str, tuple[int, Target]] = {}
    for name, kind, spans, count in counted:
        if count >= SALIENT and (name not in made or made[name][0] < count):
            places = sorted({(t.start[a], t.end[b]) for a, b in spans + found[name, kind][1]})
            made[name] = count, Target(name, kind, tuple(places))
    return [one for _, one in sorted(made.values(), key=lambda entry: (-entry[0], entry[1].mentions[0], entry[1].name))]


def named(article: Article, t: Tree, name: str) -> Target:
    """Whom a name means in an article, salient or not, with all mentions; by its words alone where nobody is found."""
    hidden, _ = marked(article, t)
    found = _mentions(article, t, hidden)
    words = name.casefold().split()
    last = re.escape(name.split()[-1])
    literal = [m.span() for m in re.finditer(rf"(?<!\w)(?:{re.escape(name)}|{last})(?!\w)", article.text)]
    best, most = ("person", []), 0
    for (other, kind), (spans, meant) in found.items():
        parts = other.casefold().split()
        places = {(t.start[a], t.end[b]) for a, b in spans + meant}
        if parts == words or (words[-1] in parts and len(places) > most):
            best, most = (kind, sorted(places)), len(places)
            if parts == words:
                break
    kind, places = best
    merged = sorted({*places, *(span for span in literal if not any(a < span[1] and span[0] < b for a, b in places))})
    return Target(name, kind, tuple(merged))


_Mentions = dict[tuple[str, str], tuple[list[tuple[int, int]], list[tuple[int, int]]]]


def _mentions(article: Article, t: Tree, hidden: Collection[int]) -> _Mentions:
    """(name, kind) -> token ranges, last included, of mentions by name, and of mentions by reference."""
    cased = [article.text[s:e] for s, e in zip(t.start, t.end, strict=True)]
    closed = _closed(article, t)
    found: Found = {}
    taken = countries.known(t, cased, closed, found)
    names = list(_names(t, cased, taken))
    taught = [name for name in names if not closed[name.first] and name.first not in hidden]
    kinds = _kinds(t, cased, taught)
    canonical = _canonical(taught, kinds)
    states = []
    for name in names:
        full = canonical.get(name.words)
        if full is not None and kinds[full] is not None and not countries.taken_side(t, name.first):
            if kinds[full] == "country":
                states.append((_written(full), name.first, name.last))
            else:
                found.setdefault((_written(full), kinds[full] or ""), []).append((name.first, name.last))
    countries.unknown(t, cased, taken, states, found)
    _governments(t, [name for name in names if kinds.get(canonical.get(name.words)) == "person"], canonical, found)
    _bodies(article.text, t, {i for spans in found.values() for a, b in spans for i in range(a, b + 1)}, found)
    cast = list(_cast(t, found, taught, kinds, canonical))
    meant: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, i in references(t, cast, {i for i, shut in enumerate(closed) if shut} | set(hidden)):
        meant[number].append((i, i))
    return {key: (spans, meant[number]) for number, (key, spans) in enumerate(found.items())}


def _cast(
    t: Tree,
    found: Found,
    taught: list[_Name],
    kinds: Mapping[tuple[str, ...], str | None],
    canonical: Mapping[tuple[str, ...], tuple[str, ...]],
) -> Iterator[Named]:
    """Everybody named: first what was found, in its order, then the names of which the kind cannot be told."""
    roles: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name in taught:
        full = canonical.get(name.words)
        if full is not None and kinds[full] is not None:
            roles[_written(full), kinds[full] or ""] |= name.roles | _apposed(t, name)
    for (written, kind), spans in found.items():
        words = frozenset(re.findall(r"[\w'’]+", written.lower()))
        yield Named(kind, words, frozenset(roles[written, kind]), sorted(spans))
    for name in taught:
        if canonical.get(name.words) is None:
            yield Named(None, frozenset(word.lower() for word in name.words), name.roles, [(name.first, name.last)])


def _closed(article: Article, t: Tree) -> list[bool]:
    """Which tokens stand in titles, headings and labels."""
    closed = [False] * len(t)
    for piece in article.pieces:
        if piece.kind in _CLOSED:
            first, last = bisect_right(t.end, piece.start), bisect_left(t.start, piece.end)
            closed[first:last] = [True] * (last - first)
    return closed


def _bodies(text: str, t: Tree, taken: Collection[int], found: Found) -> None:
    """Add bodies in lower case that a noun tells apart: "the dockers' union", "volunteer brigades"."""
    for i, word in enumerate(t.low):
        if word not in _W["body"] or t.tag[i] not in ("NN", "NNS") or i in taken:
            continue
        first = i
        for kid in reversed(t.kids[i]):
            if kid < i and t.dep[kid] in ("compound", "nmod", "poss") and t.tag[kid] in ("NN", "NNS", "VBG"):
                first = min(first, t.left[kid])
        while first < i and t.tag[first] in ("DT", "PRP$", "JJ", "``", "''"):
            first += 1
        if first < i and i - first < 4 and not any(k in taken for k in range(first, i)):
            found.setdefault((text[t.start[first] : t.end[i]].lower(), "organisation"), []).append((first, i))


def _governments(
    t: Tree, persons: list[_Name], canonical: Mapping[tuple[str, ...], tuple[str, ...]], found: Found
) -> None:
    """Mentions of a country by its leader's government ("Velk's regime"): the country most named around that leader."""
    governing = [person for person in persons if _governs(t, person)]
    if not governing:
        return
    country_at: dict[int, Counter[str]] = defaultdict(Counter)
    for (name, kind), spans in found.items():
        for first, _ in spans if kind == "country" else ():
            country_at[t.sentence[first]][name] += 1
    leaders = {canonical[person.words] for person in governing}
    around: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for person in persons:
        sentence = t.sentence[person.first]
        for near in (sentence, sentence - 1) if canonical[person.words] in leaders else ():
            if near in country_at:
                around[canonical[person.words]].update(country_at[near])
    for person in governing:
        ranked = around[canonical[person.words]].most_common(2)
        if ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]):
            found[ranked[0][0], "country"].append((person.first, person.last))


def _governs(t: Tree, name: _Name) -> bool:
    """Whether a mention of a name has a government, regime or cabinet."""
    head = t.head[name.last]
    return t.dep[name.last] in ("poss", "nmod") and (
        t.low[head] in _W["government"] or any(t.low[kid] in _W["government"] for kid in t.kids[head])
    )


# Persons and organisations


def _names(t: Tree, cased: list[str], taken: Collection[int]) -> Iterator[_Name]:
    """Runs of proper nouns outside the gazetteer, titles cut off."""
    n = len(cased)
    i = 0
    while i < n:
        if not proper(t, cased, i) or i in taken:
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
        before = {t.low[k] for k in range(max(0, i - 3), i) if t.sentence[k] == t.sentence[i]} if first == i else set()
        if i == 0 or t.low[i - 1] not in _W["person"]:
            before = set()
        roles = frozenset((before | {t.low[k] for k in range(i, first)}) & _W["person"])
        if any(len(cased[k]) > 1 for k in range(first, last + 1)):
            yield _Name(first, last, tuple(cased[first : last + 1]), roles)
        i = last + 1


def _joined(t: Tree, cased: list[str], first: int, last: int) -> int | None:
    """The next token of the name after `last`, or None where the name ends."""
    i = last + 1
    if i >= len(cased) or t.sentence[i] != t.sentence[last]:
        return None
    if proper(t, cased, i):
        return i
    if cased[i] in "-–" and t.start[i] == t.end[last] and i + 1 < len(cased) and t.start[i + 1] == t.end[i]:
        return i + 1
    if t.tag[i] == "POS" and t.low[last].endswith("s") and i + 1 < len(cased) and t.low[i + 1] in _W["organisation"]:
        return i + 1 if proper(t, cased, i + 1) else None
    if t.low[i] == "of" and any(t.low[k] in _W["organisation"] | _W["country"] | {"chief"} for k in range(first, i)):
        after = i + 2 if i + 1 < len(cased) and t.low[i + 1] == "the" else i + 1
        return after if after < len(cased) and proper(t, cased, after) else None
    return None


def _kinds(t: Tree, cased: list[str], names: list[_Name]) -> dict[tuple[str, ...], str | None]:
    """What each name is, by its words and its mentions; None for what is no target or cannot be told."""
    mentions: dict[tuple[str, ...], list[_Name]] = defaultdict(list)
    for name in names:
        mentions[name.words].append(name)
    words = set(cased)
    described = _W["of_country"] | _W["person"]
    adjectives = {
        low
        for low, dep, head in zip(t.low, t.dep, t.head, strict=True)
        if dep in ("compound", "amod") and t.low[head] in described
    }
    return {full: _kind(t, full, found, words, adjectives, mentions) for full, found in mentions.items()}


def _kind(
    t: Tree,
    full: tuple[str, ...],
    found: list[_Name],
    words: set[str],
    adjectives: set[str],
    all_names: Mapping[tuple[str, ...], list[_Name]],
) -> str | None:
    low = {word.lower() for word in full}
    if low <= _W["person"] | {"prime"}:
        return None
    if any(name.roles or _apposed(t, name) for name in found):
        return "person"
    if _is_country(t, full, found, words, adjectives):
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


def _apposed(t: Tree, name: _Name) -> set[str]:
    """The roles that an apposition gives the name: "Petra Oom, a shop steward", "the mayor, Olga Renn"."""
    roles = [kid for kid in t.kids[name.last] if t.dep[kid] == "appos"]
    if t.dep[name.last] == "appos":
        roles.append(t.head[name.last])
    return {t.low[role] for role in roles} & _W["person"]


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


def _is_country(t: Tree, full: tuple[str, ...], found: list[_Name], words: set[str], adjectives: set[str]) -> bool:
    """Whether the text uses a name as a country's: it has an adjective of its own, or a parliament, border, army.

    words: all of the text. adjectives: those in lower case that stand with a noun of state or a role.
    """
    if len(full) == 1 and full[0].endswith("a") and not words.isdisjoint(demonyms(full[0])):
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
    return federal and full[0].lower() in adjectives


def _canonical(
    names: list[_Name], kinds: Mapping[tuple[str, ...], str | None]
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Each name -> the fullest name of the document that it is a form of; itself where it is the fullest."""
    counts = Counter(name.words for name in names)
    full = [words for words, kind in kinds.items() if kind is not None]
    acronyms = {"".join(word[0] for word in words if word[0].isupper()): words for words in full if len(words) > 2}
    fuller = _fuller(counts, full, kinds)
    canonical: dict[tuple[str, ...], tuple[str, ...]] = {}
    for words in counts:
        if kinds[words] == "country":
            plain = words[2:] if words[1:2] == ("of",) and kinds.get(words[2:]) == "country" else words
            canonical[words] = plain
            continue
        longer = fuller.get(words, [])
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


def _fuller(
    names: Collection[tuple[str, ...]],
    full: Sequence[tuple[str, ...]],
    kinds: Mapping[tuple[str, ...], str | None],
) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    """Each name -> the longer names that begin or end with it and may be the same; looked up, not compared in pairs."""
    lengths = sorted({len(words) for words in names})
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for other in full:
        if kinds[other] == "country":
            continue
        for length in lengths[: bisect_left(lengths, len(other))]:
            for form in {other[:length], other[-length:]}:
                if form in names and kinds.get(form) in (None, kinds[other]):
                    found[form].append(other)
    return found


def _written(words: tuple[str, ...]) -> str:
    """A name's tokens as they are written."""
    return re.sub(r" ?([-–]) ?| (?=['’])", r"\1", " ".join(words))
