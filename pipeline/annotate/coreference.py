"""Who is meant where a document names nobody: "the company", "the minister", "he", when only one can be meant.

A reference is resolved only when exactly one of those named near it, or in the whole document by that very word, fits;
where two do, it stays open. Words in quotation marks neither refer nor are referred to: they are another's.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pipeline.annotate.lexicons import load
from pipeline.annotate.parse import Tree

_W = load("names").words
_SPEAKERS = load("speakers").words
_MEN = _SPEAKERS["male"]
_WOMEN = _SPEAKERS["female"]
_HE = frozenset(("he", "him", "his"))
_SHE = frozenset(("she", "her", "hers"))
_IT = frozenset(("it", "its"))
_DEFINITE = frozenset(("the", "this", "that"))
_EMPTY_IT = _W["empty_it"]  # verbs whose "it" means nobody
PRONOUN = 1  # sentences back in which a pronoun's antecedent is looked for
NOUN = 3  # sentences back for "the company"


@dataclass(slots=True)
class Named:
    """Somebody or something that the document names, target or not.

    kind      person, organisation, country; None where it cannot be told
    words     lower-case words of its names
    roles     lower-case titles and roles that stand with its name
    mentions  first and last token of each, in order
    """

    kind: str | None
    words: frozenset[str]
    roles: frozenset[str]
    mentions: list[tuple[int, int]]

    @property
    def gender(self) -> str | None:
        """m, f, or None where neither title nor given name tells."""
        if not _MEN.isdisjoint(self.roles):
            return "m"
        if not _WOMEN.isdisjoint(self.roles):
            return "f"
        given = self.words
        man, woman = not _SPEAKERS["male_names"].isdisjoint(given), not _SPEAKERS["female_names"].isdisjoint(given)
        return "m" if man > woman else "f" if woman > man else None


def references(t: Tree, named: Sequence[Named], hidden: Collection[int]) -> Iterator[tuple[int, int]]:
    """(index in `named`, token) of each reference that can only mean that one; `hidden` tokens are not read."""
    at = sorted((first, last, number) for number, one in enumerate(named) for first, last in one.mentions)
    covered = {i for first, last, _ in at for i in range(first, last + 1)}
    genders = [one.gender for one in named]
    holders = _holders(named)
    recent: list[tuple[int, int]] = []  # (sentence rank, index in named), in the order of the text
    rank, sentence, coming = -1, -1, 0
    for i in range(len(t)):
        if i in hidden:
            continue
        if t.sentence[i] != sentence:
            rank, sentence = rank + 1, t.sentence[i]
        while coming < len(at) and at[coming][0] <= i:
            if at[coming][0] == i:
                recent.append((rank, at[coming][2]))
            coming += 1
        if i in covered:
            continue
        word = t.low[i]
        if word in _HE or word in _SHE:
            gender = "m" if word in _HE else "f"
            near = _near(recent, rank - PRONOUN)
            fits = {
                n
                for n in near
                if (named[n].kind == "person" and genders[n] in (gender, None))
                or (named[n].kind is None and genders[n] == gender)
            }
        elif word in _IT:
            if word == "it" and (t.dep[i] != "nsubj" or t.low[t.head[i]] in _EMPTY_IT):
                continue
            fits = {n for n in _near(recent, rank - PRONOUN) if named[n].kind in ("organisation", "country")}
        elif t.tag[i] == "NN" and any(t.low[kid] in _DEFINITE for kid in t.kids[i]) and _bare(t, i):
            fits = _meant(word, named, holders, recent, rank)
        else:
            continue
        if len(fits) == 1:
            (number,) = fits
            if named[number].kind is not None:
                recent.append((rank, number))
                yield number, i


def _holders(named: Sequence[Named]) -> dict[str, set[int]]:
    """Noun -> those whose name or role holds it."""
    holders: dict[str, set[int]] = {}
    for number, one in enumerate(named):
        for word in one.roles if one.kind == "person" else one.words & (_W["organisation"] | _W["body"]):
            holders.setdefault(word, set()).add(number)
    return holders


def _near(recent: Sequence[tuple[int, int]], rank: int) -> set[int]:
    """Those mentioned in a sentence from `rank` on."""
    near = set()
    for at, number in reversed(recent):
        if at < rank:
            break
        near.add(number)
    return near


def _bare(t: Tree, i: int) -> bool:
    """Whether a noun has no words of its own that would tell another ("the rival company", "the company of Solt")."""
    return t.dep[i] not in ("compound", "nmod", "attr", "appos") and all(
        t.dep[kid] not in ("compound", "nmod", "amod", "poss", "nummod", "relcl", "acl")
        and not (t.dep[kid] == "prep" and t.low[kid] == "of")
        for kid in t.kids[i]
    )


def _meant(
    noun: str, named: Sequence[Named], holders: dict[str, set[int]], recent: Sequence[tuple[int, int]], rank: int
) -> set[int]:
    """Whom "the <noun>" may mean."""
    if noun in holders:
        held = holders[noun]
        return held if len(held) == 1 else held & _near(recent, rank - NOUN)
    if noun in _W["company"]:
        other = (_W["organisation"] | _W["body"]) - _W["company"] - _SPEAKERS["company"]
        near = _near(recent, rank - NOUN)
        return {n for n in near if named[n].kind == "organisation" and named[n].words.isdisjoint(other)}
    if noun in _W["polity"]:
        return {n for n in _near(recent, rank - PRONOUN) if named[n].kind == "country"}
    return set()
