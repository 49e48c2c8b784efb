"""The named of a document: persons and institutions, where they are mentioned, and what tells who they are."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.annotate.attribution import Attribution
from pipeline.annotate.lexicons import load
from pipeline.annotate.parse import Tree

Span = tuple[int, int]
_LEXICON = load("speakers")
WORDS = _LEXICON.words
NAMESAKES = 200  # names with one word in common that are compared
_TIME = load("attribution").words["time"]
_MISTAKEN = frozenset(("NN", "NNS", "FW", "UH", "VB", "VBP", "VBZ", "VBD", "RB", "XX"))
_NO_NOUN = frozenset(("VB", "VBP", "VBD", "VBZ", "UH", "FW", "XX", "RB"))
_OPENERS = frozenset(('"', "“", "‘", "'", ":", "``", "►", "-", "--", "—", "–", "..."))


@dataclass(slots=True)
class Entity:
    """Somebody or something that the document names.

    name         fullest form
    kind         person, organisation or group
    first        token of the first mention
    gender       m, f or None where nothing tells
    role         as written, or None
    affiliation  as written, or None
    """

    name: str
    kind: str
    first: int
    gender: str | None = None
    role: str | None = None
    affiliation: str | None = None


@dataclass(slots=True)
class Mention:
    """Where an entity is mentioned.

    first, last  its tokens, both included
    entity       who
    subject      whether it is the subject of its clause
    quoted       whether it stands in direct speech
    """

    first: int
    last: int
    entity: Entity
    subject: bool
    quoted: bool


@dataclass(slots=True)
class Cast:
    """The named of a document and where they are mentioned.

    text      of the document
    tree      its syntax
    mentions  in the order of the text
    entities  long names first
    by_word   word of a name -> entities
    starts    first token of each mention
    demonyms  words that may be formed from the name of a country
    """

    text: str
    tree: Tree
    mentions: list[Mention] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    by_word: dict[str, list[Entity]] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    demonyms: frozenset[str] = frozenset()


def cast_of(text: str, t: Tree, attributions: Sequence[Attribution], silent: Sequence[Span]) -> Cast:
    """The cast of a text; names in the `silent` spans (titles, headings, bylines) are left out."""
    cast = Cast(
        text,
        t,
        demonyms=frozenset(
            w for w, tag in zip(t.low, t.tag, strict=True) if w.endswith(("an", "ese")) and tag[0] in "JN"
        ),
    )
    quoted = sorted(span for one in attributions if one.mode == "direct" for span in one.spans)
    quoted_starts = [start for start, _ in quoted]
    sequences = list(_name_sequences(t, text))
    full: list[tuple[int, int, int]] = []
    silent_starts = [start for start, _ in silent]
    for first, last in sequences:
        at = bisect_right(silent_starts, t.start[first]) - 1
        if at >= 0 and t.start[first] < silent[at][1]:
            continue
        full.append((first, _name_start(t, first, last), last))
    acronyms: dict[str, Entity] = {}
    ended: dict[int, Entity] = {}  # last token of a mention -> who
    # Long names first, so that a surname finds the full name wherever that stands.
    for first, start, last in sorted(full, key=lambda entry: (entry[1] - entry[2], entry[0])):
        words = text[t.start[start] : t.end[last]]
        if start > last or t.low[start] in WORDS["person"]:
            continue
        role, affiliation, gender = _title(t, text, first, start, last)
        entity = acronyms.get(words) or _same(cast, t, words, start, last, role is not None)
        before = ended.get(start - 2)
        if before is not None and t.low[start - 1] == "(" and words == _initials(before.name):
            entity = acronyms.setdefault(words, before)
        if entity is None:
            kind = _kind_of_name(cast, words, start, last, role is not None)
            entity = Entity(words, kind, start)
            cast.entities.append(entity)
            for word in {w.lower() for w in re.findall(r"[\w’'-]+", words)} - WORDS["particles"]:
                cast.by_word.setdefault(word, []).append(entity)
        if role is not None and (entity.role is None or start < entity.first):
            entity.role, entity.affiliation = role, affiliation or entity.affiliation
        ended[last] = entity
        entity.first = min(entity.first, start)
        if entity.gender is None:
            entity.gender = gender or _gender_of_name(entity.name)
        at = bisect_right(quoted_starts, t.start[start]) - 1
        inside = at >= 0 and t.start[start] < quoted[at][1]
        head = head_of(t, first, last)
        head = t.head[head] if t.dep[head] == "appos" else head
        cast.mentions.append(Mention(first, last, entity, t.dep[head] in ("nsubj", "nsubjpass"), inside))
    cast.mentions += _institutions(cast, quoted_starts, quoted)
    cast.mentions.sort(key=lambda mention: mention.first)
    cast.starts = [mention.first for mention in cast.mentions]
    return cast


def _initials(name: str) -> str:
    """What may stand for a name in brackets behind it: "Korean Central News Agency (KCNA)"."""
    return "".join(word[0] for word in re.findall(r"[\w’']+", name) if word[0].isupper())


def _institutions(cast: Cast, starts: list[int], quoted: list[Span]) -> Iterator[Mention]:
    """Institutions without a proper name ("the interior ministry"): what "the ministry" may mean later."""
    t = cast.tree
    known: dict[str, Entity] = {}
    for i, word in enumerate(t.low):
        if t.tag[i] != "NN" or word not in WORDS["organisation"] or t.dep[i] in ("compound", "amod", "nmod"):
            continue
        first = i
        while (
            first > 0
            and t.head[first - 1] == i
            and t.dep[first - 1] in ("compound", "amod", "nmod")
            and t.tag[first - 1] != "JJS"
        ):
            first -= 1
        if first == i:
            continue
        name = cast.text[t.start[first] : t.end[i]]
        entity = known.setdefault(name.lower(), Entity(name, "organisation", first))
        at = bisect_right(starts, t.start[i]) - 1
        inside = at >= 0 and t.start[i] < quoted[at][1]
        yield Mention(first, i, entity, t.dep[i] in ("nsubj", "nsubjpass"), inside)


def _name_sequences(t: Tree, text: str) -> list[tuple[int, int]]:
    """Token ranges of proper names, hyphens, particles and "of" inside them included."""
    found: list[tuple[int, int]] = []
    n = len(t)
    i = 0
    while i < n:
        opening = i == 0 or t.sentence[i - 1] != t.sentence[i]
        if not (_proper(t, text, i) or (opening and _given(t, text, i))) or (opening and t.low[i] in WORDS["opening"]):
            i += 1
            continue
        last = i
        while last + 1 < n and t.sentence[last + 1] == t.sentence[i]:
            nxt = last + 1
            if _proper(t, text, nxt):
                last = nxt
            elif nxt + 1 < n and (
                (text[t.start[nxt]] in "-–" and t.end[last] == t.start[nxt] and t.end[nxt] == t.start[nxt + 1])
                or (t.low[nxt] in WORDS["particles"] and _proper(t, text, nxt + 1))
                # "Harbour Workers' Union"
                or (t.low[nxt] in "'’" and t.low[last][-1] == "s" and t.low[nxt + 1] in WORDS["organisation"])
            ):
                last = nxt + 1
            elif t.low[nxt] == "of" and (t.low[last] in WORDS["person"] or t.low[last] in WORDS["organisation"]):
                after = nxt + 2 if nxt + 1 < n and t.low[nxt + 1] == "the" else nxt + 1
                if after >= n or not _proper(t, text, after):
                    break
                last = after
            else:
                break
        found.append((i, last))
        i = last + 1
    return found


def _proper(t: Tree, text: str, i: int) -> bool:
    if not text[t.start[i]].isupper() or t.low[i] in _TIME:
        return False
    if t.tag[i] in ("NNP", "NNPS"):
        return True
    # An unknown name is at times tagged as a common noun or a verb; inside a sentence its capital tells.
    return i > 0 and t.sentence[i - 1] == t.sentence[i] and t.tag[i] in _MISTAKEN and t.low[i - 1] not in _OPENERS


def _given(t: Tree, text: str, i: int) -> bool:
    """Whether the word that opens a sentence is a name that was taken for a verb ("Elise Brandt")."""
    return (
        i + 1 < len(t)
        and t.dep[i] == "compound"
        and t.tag[i] in _NO_NOUN
        and text[t.start[i]].isupper()
        and _proper(t, text, i + 1)
    )


def _name_start(t: Tree, first: int, last: int) -> int:
    """Where the name begins after titles: the token after the last title or institution that is followed by a name."""
    start = first
    for k in range(first, last):
        if t.low[k] in WORDS["person"] or (t.low[k] == "staff" and k > first):
            start = k + 1
    if start <= last and t.low[start] == "of":
        return first
    return start


def _title(t: Tree, text: str, first: int, start: int, last: int) -> tuple[str | None, str | None, str | None]:
    """Role, affiliation and gender that stand before a name or beside it in apposition."""
    begin = first
    while (
        begin > 0
        and t.sentence[begin - 1] == t.sentence[first]
        and (
            t.tag[begin - 1] in ("NN", "JJ", "NNP", "NNPS", "HYPH", "POS", "VBG", "CD")
            or text[t.start[begin - 1]] in "-’'"
        )
        and t.tag[begin - 1] not in (",", "''", "``")
    ):
        begin -= 1
    head = head_of(t, first, last)
    gender = next(
        (
            "m" if t.low[k] in WORDS["male"] else "f"
            for k in range(begin, start)
            if t.low[k] in WORDS["male"] or t.low[k] in WORDS["female"]
        ),
        None,
    )
    while begin < start and t.low[begin] in WORDS["address"]:
        begin += 1
    if begin < start and any(t.low[k] in WORDS["person"] for k in range(begin, start)):
        role, affiliation = split_role(t, text, begin, start - 1)
        return role, affiliation, gender
    for k in t.kids[head]:
        if t.dep[k] == "appos" and k > last and t.tag[k] in ("NN", "NNP") and t.low[k] in WORDS["person"]:
            gender = gender or ("m" if t.low[k] in WORDS["male"] else "f" if t.low[k] in WORDS["female"] else None)
            return (*_appositive(t, text, k), gender)
    if t.dep[head] == "appos":
        outer = t.head[head]
        if t.tag[outer] in ("NN", "NNP", "CD") and outer < first:
            gender = gender or (
                "m" if t.low[outer] in WORDS["male"] else "f" if t.low[outer] in WORDS["female"] else None
            )
            if t.low[outer] in WORDS["person"]:
                return (*_appositive(t, text, outer), gender)
            if t.low[outer] == "one":
                noun = next((n for k in t.kids[outer] if t.low[k] == "of" for n in t.kids[k]), None)
                if noun is not None:
                    return (*_appositive(t, text, noun), gender)
    return None, None, gender


def _appositive(t: Tree, text: str, head: int) -> tuple[str | None, str | None]:
    first, last = t.left[head], head
    while first < head and (t.tag[first] in ("DT", "PRP$", ",") or t.low[first] in (",", "a")):
        first += 1
    affiliation = None
    for k in t.kids[head]:
        if k > head and t.dep[k] == "prep" and t.low[k] in ("of", "for", "at", "in") and t.left[k] == last + 1:
            inner = [n for n in t.kids[k] if t.dep[n] == "pobj"]
            if inner:
                end = _phrase_end(t, inner[0])
                if t.tag[inner[0]].startswith("NNP"):
                    affiliation = plain(text[t.start[t.left[inner[0]]] : t.end[end]])
                if t.low[k] in ("of", "for"):
                    last = end
            break
    role, before = split_role(t, text, first, last)
    return role, affiliation or before


def _phrase_end(t: Tree, head: int) -> int:
    """Last token of a noun with what follows it by "of" ("Republic of Maruvia")."""
    for k in t.kids[head]:
        if t.dep[k] == "prep" and t.low[k] == "of" and k == head + 1:
            inner = next((n for n in t.kids[k] if t.dep[n] == "pobj"), None)
            if inner is not None and inner - head < 8:
                return inner
    return head


def split_role(t: Tree, text: str, first: int, last: int) -> tuple[str | None, str | None]:
    """'Kestrian Chief of the General Staff' -> role, affiliation: the capitalised words before the role."""
    noun = next((k for k in range(first, last + 1) if t.low[k] in WORDS["person"]), None)
    if noun is None:
        return None, None
    cut = first
    for k in range(first, noun):
        if t.low[k] in WORDS["role_words"]:
            break
        if t.tag[k] == "POS" or text[t.start[k]].isupper() or t.low[k] in ("-", "–", "’s", "'s"):
            cut = k + 1
        elif k == cut:
            break
    named = [k for k in range(first, noun) if text[t.start[k]].isupper() and t.low[k] not in WORDS["role_words"]]
    if cut == first and named:
        return text[t.start[first] : t.end[last]], text[t.start[named[0]] : t.end[named[-1]]]
    affiliation = re.sub(r"\s?['’]s?$", "", text[t.start[first] : t.end[cut - 1]]) if cut > first else None
    return text[t.start[cut] : t.end[last]], affiliation


def head_of(t: Tree, first: int, last: int) -> int:
    """The token of a range whose head is outside."""
    return next((k for k in range(last, first - 1, -1) if not first <= t.head[k] <= last or t.head[k] == k), last)


def _same(cast: Cast, t: Tree, words: str, start: int, last: int, titled: bool) -> Entity | None:
    """The entity that a name means: the same words, or a part of a longer name."""
    parts = [w.lower() for w in re.findall(r"[\w’'-]+", words)]
    if not parts:
        return None
    candidates = cast.by_word.get(parts[-1], [])[-NAMESAKES:]
    exact = [e for e in candidates if e.name.lower() == words.lower()]
    if exact:
        return exact[0]
    held = [e for e in candidates if set(parts) <= {w.lower() for w in re.findall(r"[\w’'-]+", e.name)}]
    persons = [e for e in held if e.kind == "person" and (len(parts) > 1 or e.name.lower().split()[-1] == parts[-1])]
    if not persons:
        persons = [e for e in held if e.kind == "person" and e.name.lower().split()[0] == parts[0]]
    if persons:
        before = [e for e in persons if e.first <= start]
        return max(before, key=lambda e: e.first) if before else persons[0]
    if titled:
        return None
    if len(parts) == 1 and parts[0] not in WORDS["organisation"] | WORDS["place"]:
        for e in held:
            rest = e.name.lower().split()
            if (
                e.kind == "organisation"
                and rest[0] == parts[0]
                and set(rest[1:]) <= WORDS["organisation"] | WORDS["company"]
            ):
                return e
        return None
    organisations = [e for e in held if e.kind != "person" and e.name.lower().endswith(" ".join(parts))]
    return organisations[0] if organisations and parts[-1] in WORDS["organisation"] else None


def _kind_of_name(cast: Cast, words: str, start: int, last: int, titled: bool) -> str:
    t = cast.tree
    parts = [w.lower() for w in re.findall(r"[\w.’'-]+", words)]
    lower = " ".join(parts)
    if titled:
        return "person"
    if (
        any(w in WORDS["organisation"] for w in parts)
        or any(place in lower for place in _LEXICON.phrases["places"])
        or parts[-1] in WORDS["place"]
    ):
        return "organisation"
    if (words.isupper() and len(parts) == 1) or (
        any(w.isupper() and len(w) > 2 for w in words.split()) and not words.isupper()
    ):
        return "organisation"
    if len(parts) == 1 and cast.demonyms & {
        lower + "n",
        lower + "an",
        lower[:-1] + "an",
        lower + "ese",
        lower[:-1] + "ian",
    }:
        return "organisation"
    if t.tag[last] == "NNPS" and len(parts) == 1:
        return "group"
    if (
        start > 0
        and t.low[start - 1] in ("the", "in", "across", "throughout", "into")
        and t.head[start - 1] in (last, t.head[last])
    ):
        return "organisation"
    return "person"


def _gender_of_name(name: str) -> str | None:
    given = name.split()[0].lower() if len(name.split()) > 1 else ""
    return "m" if given in WORDS["male_names"] else "f" if given in WORDS["female_names"] else None


def plain(words: str) -> str:
    """A noun phrase without its article."""
    return re.sub(r"^(?:the|a|an|one|this|these|those)\s+", "", words.strip(), flags=re.IGNORECASE)
