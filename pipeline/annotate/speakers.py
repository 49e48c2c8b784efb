"""Who the words that name a speaker stand for: surnames, titles, pronouns and role nouns led to the fullest name."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.annotate.article import Article
from pipeline.annotate.attribution import Attribution
from pipeline.annotate.cast import WORDS, Cast, Entity, Mention, Span, cast_of, head_of, plain, split_role
from pipeline.annotate.parse import Tree

PRONOUN_WINDOW = 8  # sentences to look back for whom a pronoun means
RECENT = 400  # mentions to look back, or ahead, for whom a role means: bounds the time on huge documents


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who an attribution is from.

    name         fullest name in the document, or what stands for one ("state media"); None where missing
    text         the words that name the speaker where the content stands
    span         their place
    kind         person, organisation, group, document, anonymous
    role         title or role as written
    affiliation  country or institution it is given with, as written
    resolution   named, pronoun, role, label, inherited
    missing      implicit or unresolved where there is no name, else None
    via          names of those who passed it on, outermost first
    """

    name: str | None
    text: str | None
    span: Span | None
    kind: str | None
    role: str | None
    affiliation: str | None
    resolution: str | None
    missing: str | None
    via: tuple[str, ...] = ()


_INHERITED = frozenset(("continuation", "next paragraph"))


_LABELS = frozenset(("editorial label", "transcript"))


def resolve(article: Article, t: Tree, attributions: Sequence[Attribution]) -> list[Speaker]:
    """The speaker of each attribution, parallel to `attributions`; `t` is `parse(article.text)`."""
    silent = [(piece.start, piece.end) for piece in article.pieces if piece.kind in ("title", "heading", "byline")]
    cast = cast_of(article.text, t, attributions, silent)
    spans = {span for one in attributions for span in (one.source, *one.relays) if span is not None}
    # In the order of the text, so that a pronoun can look back at the pronoun before it.
    labels = {one.source: one for one in attributions if one.rule == "transcript" and one.source is not None}
    hosts = _introduced(cast, labels)
    known = {span: _labelled(cast, hosts, span) if span in labels else _resolved(cast, span) for span in sorted(spans)}
    return [_speaker(article.text, one, known) for one in attributions]


def _speaker(text: str, one: Attribution, known: "dict[Span, _Found | None]") -> Speaker:
    via = tuple(found[0] if (found := known[span]) else text[slice(*span)] for span in one.relays)
    if one.source is None:
        missing = "implicit" if one.cue is not None else "unresolved"
        return Speaker(None, None, None, None, None, None, None, missing, via)
    words = text[slice(*one.source)]
    found = known[one.source]
    if found is None:
        return Speaker(None, words, one.source, None, None, None, None, "unresolved", via)
    name, kind, role, affiliation, resolution = found
    if one.rule in _INHERITED:
        resolution = "inherited"
    elif one.rule in _LABELS:
        resolution = "label"
    return Speaker(name, words, one.source, kind, role, affiliation, resolution, None, via)


_Found = tuple[str, str, str | None, str | None, str]


def _resolved(cast: Cast, span: Span) -> _Found | None:
    """Name, kind, role, affiliation and resolution of the words of a source."""
    t = cast.tree
    first, last = bisect_right(t.end, span[0]), bisect_left(t.start, span[1]) - 1
    if first > last:
        return cast.text[slice(*span)], "person", None, None, "named"
    head = head_of(t, first, last)
    if first == last and t.tag[head] in ("PRP", "DT") and t.low[head] not in ("this", "that"):
        return _pronoun(cast, head)
    if t.tag[head] in ("WP", "WDT") and first == last:
        before = _relative(cast, head)
        if before is None:
            return None
        first, last, head = max(t.left[before], before - 4), before, before
    mention = _mention_in(cast, first, last, head)
    if mention is not None and mention.first > first + (t.tag[first] in ("DT", "PRP$")):
        # "The Front's high command" is not just "high command", which is no name.
        mention = None if cast.text[t.start[mention.first]].islower() else mention
    if mention is None and t.low[head] in WORDS["person"]:
        # "The chair of the union, Dita Valence": the name closes the phrase.
        mention = next((m for m in _mentions(cast, first, last) if m.last == last and t.low[m.first - 1] == ","), None)
    if mention is None and first == last and cast.text[t.start[head]].isupper():
        # A last name that was taken for a common noun.
        named = [e for e in cast.by_word.get(t.low[head], ()) if e.name.lower().endswith(" " + t.low[head])]
        if len(named) == 1 and named[0].kind == "person":
            return _described(cast, named[0], "named")
    if mention is not None:
        joined = [k for k in t.kids[head] if t.dep[k] == "conj" and first <= k <= last]
        if joined:
            return cast.text[slice(*span)], "group", None, None, "named"
        return _described(cast, mention.entity, "named")
    return _common(cast, first, last, head)


def _relative(cast: Cast, at: int) -> int | None:
    """The noun that a relative pronoun stands for: before it, or before the clauses that are joined to its own."""
    t = cast.tree
    before = next((k for k in range(at - 1, max(at - 4, -1), -1) if t.low[k] != ","), None)
    if before is not None and not t.tag[before].startswith("NN"):
        verb = t.head[at]
        for _ in range(4):
            if t.dep[verb] != "conj":
                break
            verb = t.head[verb]
        before = t.head[verb] if t.dep[verb] == "relcl" else None
    return before if before is not None and t.tag[before].startswith("NN") else None


_INTRODUCTION = re.compile(r"\b(?:I(?:'m|’m| am)|[Tt]his is|[Mm]y name is) ([A-Z][\w’'-]+(?: [A-Z][\w’'-]+){1,2})")


def _introduced(cast: Cast, labels: dict[Span, Attribution]) -> dict[str, str]:
    """Labels of a transcript whose speakers give their own names in a turn ("I'm Ilse Marrow")."""
    hosts: dict[str, str] = {}
    for span, turn in sorted(labels.items()):
        name = _INTRODUCTION.search(cast.text, turn.spans[0][0], turn.spans[-1][1])
        if name:
            hosts.setdefault(cast.text[slice(*span)].casefold(), name.group(1))
    return hosts


def _labelled(cast: Cast, hosts: dict[str, str], span: Span) -> "_Found":
    """The speaker of a transcript's label: a surname that the text holds in full, or who says so in a turn."""
    words = cast.text[slice(*span)]
    label = words.casefold()
    named = hosts.get(label)
    for entity in cast.by_word.get((named or words).split()[-1].lower(), ()):
        name = entity.name.casefold()
        fits = name in (label, (named or "").casefold()) or name.endswith(" " + label)
        # The label itself may have been read as a name; it is not its own full form.
        if fits and entity.kind == "person" and (entity.name != words or " " in label):
            return _described(cast, entity, "label")
    if named is not None:
        return named, "person", None, None, "label"
    kind = "anonymous" if label.split()[0] in WORDS["person"] or len(label) == 1 else "person"
    return words, kind, None, None, "label"


def _described(cast: Cast, entity: Entity, resolution: str) -> _Found:
    return entity.name, entity.kind, entity.role, entity.affiliation, resolution


def _mention_in(cast: Cast, first: int, last: int, head: int) -> Mention | None:
    """The mention that is the head of a noun phrase (or all of it), not one that only modifies it."""
    at = bisect_left(cast.starts, first - 8)
    for mention in cast.mentions[at : bisect_right(cast.starts, last)]:
        if mention.first <= head <= mention.last and mention.last >= first:
            return mention
    return None


def _before(cast: Cast, at: int) -> list[Mention]:
    """The mentions before a token, as far back as is looked."""
    end = bisect_left(cast.starts, at)
    return cast.mentions[max(0, end - RECENT) : end]


def _mentions(cast: Cast, first: int, last: int) -> list[Mention]:
    return cast.mentions[bisect_left(cast.starts, first) : bisect_right(cast.starts, last)]


def _common(cast: Cast, first: int, last: int, head: int) -> _Found:
    t, text = cast.tree, cast.text
    noun = t.low[head]
    words = text[t.start[first] : t.end[last]]
    determiner = t.low[first]
    plural = t.tag[head] in ("NNS", "NNPS") or any(t.dep[k] == "conj" and first <= k <= last for k in t.kids[head])
    if plural and noun not in WORDS["organisation"]:
        return plain(words), "document" if noun in WORDS["document"] else "group", None, None, "named"
    if noun in WORDS["organisation"] or noun in WORDS["collective"]:
        if determiner in ("the", "its", "their", "this") and head - first <= 2:
            institutions = [m.entity for m in _before(cast, head + 1) if m.entity.kind == "organisation"]
            for wanted in ({noun}, WORDS["company"] if noun in WORDS["company_nouns"] else frozenset()):
                for entity in reversed(institutions):
                    if not wanted.isdisjoint(entity.name.lower().split()):
                        return _described(cast, entity, "role")
        return plain(words), "organisation", None, None, "named"
    if noun in WORDS["person"]:
        role, affiliation = split_role(t, text, first + (t.tag[first] in ("DT", "PRP$", "CD")), last)
        if determiner in ("the", "this", "that") or t.tag[first] == "PRP$":
            holder = _holder(cast, head, noun, alone=t.tag[first] == "DT" and first + 1 == head == last)
            if holder is not None:
                return _described(cast, holder, "role")
        found = plain(words), "anonymous", role, affiliation, "named"
        if t.tag[first] == "DT" and determiner not in ("the", "this", "that"):
            # Whom "he" or "the official" may mean later.
            gender = "m" if noun in WORDS["male"] else "f" if noun in WORDS["female"] else None
            _note(cast, head, Entity(found[0], "anonymous", first, gender, role, affiliation))
        return found
    if noun in WORDS["document"]:
        # "Velk's decree said": what an issuer's document says, the issuer says.
        owner = next(
            (k for k in t.kids[head] if t.dep[k] == "poss" or (t.dep[k] == "prep" and t.low[k] in ("by", "from"))), None
        )
        if owner is not None and t.dep[owner] == "prep":
            owner = next((k for k in t.kids[owner] if t.dep[k] == "pobj"), None)
        if owner is not None and t.tag[owner].startswith("NNP"):
            issuer = _mention_in(cast, owner, owner, owner)
            if issuer is not None:
                return _described(cast, issuer.entity, "named")
        return plain(words), "document", None, None, "named"
    kind = "anonymous" if determiner in ("a", "an", "one", "another") else "organisation"
    return plain(words), kind, None, None, "named"


def _holder(cast: Cast, before: int, noun: str, alone: bool) -> Entity | None:
    """The person whose role holds a noun: the likeliest before a place, else the first after it.

    A noun alone with its article may also mean somebody without a name, or whom the sentence before is about.
    """
    t = cast.tree

    def fits(entity: Entity, nouns: frozenset[str] = frozenset((noun,))) -> bool:
        told = entity.role or "" if entity.kind == "person" else entity.name
        return entity.kind in (("person", "anonymous") if alone else ("person",)) and not nouns.isdisjoint(
            re.findall(r"[\w.]+", told.lower())
        )

    earlier = [m for m in _before(cast, before) if fits(m.entity)]
    if earlier:
        return max(
            earlier,
            key=lambda m: (-(t.sentence[before] - t.sentence[m.first]) + 1.6 * m.subject - 2.5 * m.quoted, m.first),
        ).entity
    if alone:
        near = [m for m in _before(cast, before) if t.sentence[before] - t.sentence[m.first] == 1 and m.subject]
        entity = near[-1].entity if near and not near[-1].quoted else None
        gender = "m" if noun in WORDS["male"] else "f" if noun in WORDS["female"] else None
        if entity and entity.kind == "person" and entity.role is None and {entity.gender, gender} != {"m", "f"}:
            return entity
    later = bisect_left(cast.starts, before)
    after = [m.entity for m in cast.mentions[later : later + RECENT]]
    known = next((entity for entity in after if fits(entity)), None)
    if known is None and noun in WORDS["heads"]:  # "the Orlu Power chief" is its boss
        nearest = [m.entity for m in reversed(_before(cast, before))] + after
        known = next((entity for entity in nearest if fits(entity, WORDS["heads"])), None)
    return known


def _pronoun(cast: Cast, at: int) -> _Found | None:
    t = cast.tree
    word = t.low[at]
    if word in ("he", "she", "him", "her"):
        gender = "m" if word in ("he", "him") else "f"
        entity = _antecedent(cast, at, gender)
        if entity is None:
            return None
        entity.gender = entity.gender or gender
        _note(cast, at, entity)
        return _described(cast, entity, "pronoun")
    if word in ("they", "it"):
        return _plural_or_thing(cast, at, word)
    return None


def _note(cast: Cast, at: int, entity: Entity) -> None:
    """Enter a source that means somebody, for those after it to look back at."""
    position = bisect_left(cast.starts, at)
    cast.mentions.insert(position, Mention(at, at, entity, True, False))
    cast.starts.insert(position, at)


def _antecedent(cast: Cast, at: int, gender: str) -> Entity | None:
    t = cast.tree
    number = t.sentence[at]
    best, best_score = None, -99.0
    end = bisect_left(cast.starts, at)
    for mention in reversed(cast.mentions[max(0, end - 60) : end]):
        distance = number - t.sentence[mention.first]
        if distance > PRONOUN_WINDOW:
            break
        entity = mention.entity
        if entity.kind not in ("person", "anonymous") or entity.gender not in (None, gender):
            continue
        score = -1.0 * distance + 1.6 * mention.subject + 0.8 * (entity.gender == gender) - 2.5 * mention.quoted
        head = head_of(t, mention.first, mention.last)
        score -= 0.7 * (t.dep[head] == "poss")
        if score > best_score:
            best, best_score = entity, score
    return best


def _plural_or_thing(cast: Cast, at: int, word: str) -> _Found | None:
    t = cast.tree
    if word == "it":
        end = bisect_left(cast.starts, at)
        near = [
            m
            for m in cast.mentions[max(0, end - 30) : end]
            if m.entity.kind == "organisation" and m.subject and not m.quoted
        ]
        if near and t.sentence[at] - t.sentence[near[-1].first] <= 2:
            return _described(cast, near[-1].entity, "pronoun")
    for distance in range(PRONOUN_WINDOW // 2):
        number = t.sentence[at] - distance
        begin = bisect_left(t.sentence, number)
        stop = min(at, bisect_right(t.sentence, number))
        nouns = [
            k
            for k in range(begin, stop)
            if t.tag[k].startswith("NN") and t.dep[k] in ("nsubj", "nsubjpass", "dobj", "pobj", "attr", "appos", "ROOT")
        ]
        nouns.sort(key=lambda k: (t.dep[k] != "nsubj", -k))
        for k in nouns:
            organisation = (
                t.low[k] in WORDS["organisation"] or t.low[k] in WORDS["document"] or t.low[k] in WORDS["place"]
            )
            if word == "they" and not (t.tag[k] in ("NNS", "NNPS") or t.low[k] in WORDS["collective"]):
                continue
            if word == "it" and (not organisation or t.low[k] in WORDS["person"] or t.tag[k] in ("NNS", "NNPS")):
                continue
            mention = _mention_in(cast, k, k, k)
            if mention is not None and mention.entity.kind != "person":
                return _described(cast, mention.entity, "pronoun")
            first = t.left[k]
            while first < k and (t.dep[first] in ("punct", "cc", "prep", "mark") or t.tag[first] in (",", ":")):
                first += 1
            if (
                t.tag[k] in ("NNS", "NNPS", "NN")
                and k - first < 8
                and (t.low[k] in WORDS["person"] or t.low[k].rstrip("s") in WORDS["person"] or organisation)
            ):
                found = _common(cast, first, k, k)
                return (*found[:4], "pronoun")
    return None
