"""What a cue verb introduces and who its subject is, read off the syntax of a sentence."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.annotate import cues
from pipeline.annotate.article import Piece
from pipeline.annotate.lexicons import load
from pipeline.annotate.parse import Tree
from pipeline.annotate.quotes import Run

Span = tuple[int, int]

WORDS = load("attribution").words
_SUBJECTS = ("nsubj", "nsubjpass", "csubj")
_RELATIVE = frozenset(("who", "which", "that", "whom"))
_FINITE = frozenset(("VBD", "VBZ", "VBP", "MD"))
_NAMELESS = ("not to be named", "not to be identified", "to remain anonymous")
_EDGE = " \t\n\r\u00a0,;:–—-"


@dataclass(slots=True)
class Draft:
    """An attribution in the making.

    spans       pieces of its content, in code points
    rule        name of the rule that found it
    verb        token of its cue, where that is a verb
    cue         place of the cue
    source      place of the words that name the speaker
    runs        indices of the runs that it holds
    relays      places of those who passed it on, outermost first
    content     token that heads the content
    parent_run  index of the run inside which it is quoted
    """

    spans: list[Span]
    rule: str
    verb: int | None = None
    cue: Span | None = None
    source: Span | None = None
    runs: list[int] = field(default_factory=list)
    relays: tuple[Span, ...] = ()
    content: int | None = None
    parent_run: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """All that the rules look at.

    text        of the article
    tree        its syntax
    runs        what stands in quotation marks
    inside      token -> index of the outermost run it stands in, or -1
    paragraphs  pieces by paragraph
    """

    text: str
    tree: Tree
    runs: tuple[Run, ...]
    inside: list[int]
    paragraphs: tuple[tuple[Piece, ...], ...]

    def token_at(self, offset: int) -> int:
        """Index of the first token that ends after an offset."""
        return bisect_right(self.tree.end, offset)

    def span(self, first: int, last: int) -> Span:
        """The code points from a token to another, both included."""
        return self.tree.start[first], self.tree.end[last]


def by_cue(page: Page) -> Iterator[Draft]:
    """What the cues outside quotation marks introduce, by syntax alone."""
    t = page.tree
    forms = cues.lexicon()
    for i, word in enumerate(t.low):
        if page.inside[i] >= 0:
            continue
        if word == "according" and i + 2 < len(t) and t.low[i + 1] == "to":
            yield from _according(page, i)
            continue
        cue = forms.get(word)
        if cue is None or not t.tag[i].startswith("VB") or negated(t, i):
            continue
        if t.dep[i] == "pcomp" and t.low[t.head[i]] not in WORDS["manner"]:
            continue
        source = source_of(page, i)
        if source is not None and t.low[source] in WORDS["first_person"]:
            continue
        if source is None and t.tag[i] == "VBN" and t.dep[i] in ("advcl", "acl"):
            continue
        if cue.lemma in WORDS["weak"] and not (source is not None and t.low[source] in WORDS["evidence"]):
            continue
        found = _content(page, i, cue)
        if found is None:
            continue
        ranges, head, rule = found
        if rule == "infinitive" and page.text.startswith(_NAMELESS, t.start[ranges[0][0]]):
            continue
        spans = [_without_verdict(page.text, *page.span(first, last)) for first, last in ranges]
        spans = [span for span in (trimmed(page.text, *span) for span in spans) if span]
        if spans:
            yield Draft(spans, rule, i, cue_span(page, i, cue), source_span(page, source), content=head)


def _content(page: Page, i: int, cue: cues.Cue) -> tuple[list[tuple[int, int]], int, str] | None:
    """Token ranges of what a cue verb introduces, the head of it, and the rule."""
    t = page.tree
    kids = t.kids[i]
    clauses = [k for k in kids if t.dep[k] == "ccomp"]
    infinitives = [k for k in kids if t.dep[k] == "xcomp" and k > i and _has_to(t, k)]
    objects = [k for k in kids if t.dep[k] == "dobj" and k > i and t.low[k] not in WORDS["time"]]
    if "name" in cue.complements:
        named = [k for k in kids if k > i and (t.dep[k] == "oprd" or (t.dep[k] == "prep" and t.low[k] == "as"))]
        if named and objects and objects[0] < named[0]:
            return [(t.left[objects[0]], t.right[named[0]])], objects[0], "object"
        if (
            clauses
            and clauses[0] > i
            and any(t.dep[k] == "nsubj" for k in t.kids[clauses[0]])
            and not _has_to(t, clauses[0])
        ):
            return [(t.left[clauses[0]], t.right[clauses[0]])], clauses[0], "object"
    if "that" in cue.complements and clauses:
        after = [k for k in clauses if k > i]
        if after and "him+to" in cue.complements and _has_to(t, after[0]):
            return [_without(t, after[0], i)], after[0], "infinitive"
        if "that" in cue.complements:
            if after and len(clauses) > len(after) and t.left[after[0]] <= i + 2:
                clauses = after
            return [_without(t, k, i) for k in clauses], clauses[0], "clause"
    if infinitives and ("to" in cue.complements or ("him+to" in cue.complements)):
        first, last = _without(t, infinitives[0], i)
        called = next((k for k in kids if i < k < first and t.dep[k] == "prep" and t.low[k] in ("on", "upon")), None)
        return [(first if called is None else called + 1, last)], infinitives[0], "infinitive"
    if clauses and "him+to" in cue.complements and _has_to(t, clauses[0]):
        return [(t.left[clauses[0]], t.right[clauses[0]])], clauses[0], "infinitive"
    gerund = next((k for k in kids if k > i and t.dep[k] == "xcomp" and t.tag[t.left[k]] == "VBG"), None)
    if "ing" in cue.complements and gerund is not None:
        return [_without(t, gerund, i)], gerund, "infinitive"
    for k in kids:
        if k > i and t.dep[k] == "prep" and t.low[k] in cue.complements and not (objects and objects[0] < k):
            inner = [n for n in t.kids[k] if t.dep[n] in ("pobj", "pcomp")]
            if inner:
                end = t.right[k]
                for n in kids:
                    if n > k and t.dep[n] == "prep" and t.left[n] == end + 1 and not _temporal(t, n):
                        end = t.right[n]
                return [(k + 1, end)], inner[0], "preposition"
    number = next(
        (k for k in kids if t.dep[k] == "prep" and t.low[k] in cue.complements and objects and k > objects[0]), None
    )
    if "obj+at" in cue.complements and number is not None:
        return [(t.left[objects[0]], t.right[number])], objects[0], "object"
    if "obj" in cue.complements and objects:
        end = t.right[objects[0]]
        for k in kids:
            if (
                k > objects[0]
                and (
                    (t.dep[k] == "prep" and t.low[k] in WORDS["object_prepositions"] and not _temporal(t, k))
                    or t.dep[k] in ("oprd", "xcomp", "ccomp", "acl")
                )
                and t.left[k] <= end + 2
            ):
                end = max(end, t.right[k])
        if end > objects[0] or not t.tag[objects[0]].startswith(("PRP", "WP", "WDT", "DT")):
            return [(t.left[objects[0]], end)], objects[0], "object"
    if "that" in cue.complements:
        return _parenthetical(page, i)
    return None


_VERDICT = re.compile(
    r", (?:a|an|the) (?:\w+ ){0,2}(?:claim|statement|assertion|accusation|allegation|remark|comment|charge|view|"
    r"position|warning|move|prediction|promise|suggestion|announcement|revelation)\b"
)


def _without_verdict(text: str, start: int, end: int) -> Span:
    """A content without what the outlet adds on it ("..., a claim that the ministry denies")."""
    added = _VERDICT.search(text, start, end)
    return start, added.start() if added and added.start() > start else end


def _without(t: Tree, clause: int, i: int) -> tuple[int, int]:
    """The range of a clause without the cue, and without what was parsed into it but belongs beside the cue."""
    first, last = t.left[clause], t.right[clause]
    forms = cues.lexicon()
    while first < clause and t.low[first] in WORDS["time"] and t.low[first + 1] == "to":
        first += 1
    heads = [clause]
    for head in heads:
        for k in t.kids[head]:
            if k < head or k < i:
                continue
            if t.dep[k] == "conj":
                if t.low[k] in forms and t.tag[k] == t.tag[i] and not any(t.dep[n] in _SUBJECTS for n in t.kids[k]):
                    last = min(last, t.left[k] - 1)
                else:
                    heads.append(k)
            elif (
                t.dep[k] == "advcl"
                and t.low[t.left[k] - 1] == ","
                and (t.low[t.left[k]] == "while" or (t.tag[k] == "VBG" and t.left[k] == k and t.low[k] in forms))
            ):
                last = min(last, t.left[k] - 1)
    while last > first and t.dep[last] in ("cc", "punct") and t.low[last] in ("and", "but", "or", ",", "then"):
        last -= 1
    if first < i < last:
        return (i + 1, last) if clause > i else (first, i - 1)
    return first, last


def _parenthetical(page: Page, i: int) -> tuple[list[tuple[int, int]], int, str] | None:
    """The sentence around "..., she said, ...": what is left of it without the cue's own clause."""
    t = page.tree
    subjects = [k for k in t.kids[i] if t.dep[k] in _SUBJECTS]
    if not subjects or t.dep[subjects[0]] == "nsubjpass":
        return None
    number = t.sentence[i]
    begin = bisect_left(t.sentence, number)
    final = bisect_right(t.sentence, number) - 1
    first = min(i, t.left[subjects[0]])
    marker = [k for k in t.kids[i] if t.dep[k] in ("mark", "advmod") and t.low[k] == "as" and k < first]
    if marker:
        first = marker[0]
    last = i
    for k in t.kids[i]:
        if (
            k >= i - 1
            and t.dep[k] in ("prep", "npadvmod", "advmod", "dobj", "dative", "nsubj", "advcl", "prt")
            and t.left[k] <= last + 2
        ):
            last = max(last, t.right[k])
    head = t.head[i]
    if t.dep[i] in ("parataxis", "advcl", "ccomp", "dep") and head != i and (marker or t.dep[i] != "advcl"):
        begin, final = t.left[head], t.right[head]
    elif t.dep[i] != "ROOT" or marker:
        return None
    before = first - 1 >= begin and (t.low[first - 1] in (",", "--", "—", "–", "''", '"', "”") or marker)
    ranges = []
    if before and first - 1 > begin + 1:
        ranges.append((begin, first - 1))
    if (before or marker) and last + 1 < final and t.low[last + 1] in (",", "--", "—", "–") and (t.dep[i] != "ROOT"):
        ranges.append((last + 1, final))
    if not ranges or page.inside[first - 1] >= 0:
        return None
    if (
        last < len(t) - 1
        and t.sentence[last + 1] == number
        and t.low[last + 1] not in (",", ".", ";", "--", "—", "–", ":", "?", "!")
    ):
        return None
    if not any(t.tag[k] in _FINITE for a, b in ranges for k in range(a, b + 1)):
        return None
    return ranges, head, "parenthetical"


def _according(page: Page, i: int) -> Iterator[Draft]:
    t = page.tree
    to = i + 1
    objects = [k for k in (*t.kids[to], *t.kids[i]) if t.dep[k] == "pobj"]
    if not objects:
        return
    source = objects[0]
    last = max(t.right[i], t.right[to])
    verb = t.head[i]
    while verb != t.head[verb] and not (
        t.tag[verb].startswith(("VB", "MD")) and t.dep[verb] not in ("aux", "auxpass", "amod")
    ):
        verb = t.head[verb]
    number = t.sentence[i]
    begin, final = bisect_left(t.sentence, number), bisect_right(t.sentence, number) - 1
    if last + 2 < final and t.tag[verb].startswith("VB") and t.dep[verb] not in ("xcomp", "acl"):
        begin, final = max(begin, t.left[verb]), min(final, t.right[verb])
    ranges = []
    if i - 1 > begin:
        ranges.append((begin, i - 1))
    after = last + 1
    if after < final and (not ranges or t.low[after] in (",", "--", "—")) and final - after > 2:
        if not ranges:
            ranges.append((after, final))
        else:
            clause = [k for k in t.kids[verb] if t.dep[k] in ("conj", "advcl", "cc") and k > last]
            stop = min((t.left[k] for k in clause), default=final + 1) - 1
            if stop - after > 2:
                ranges.append((after, stop))
    spans = [span for span in (trimmed(page.text, *page.span(*r)) for r in ranges) if span]
    if spans:
        yield Draft(spans, "according", i, page.span(i, to), source_span(page, source), content=verb)


def _temporal(t: Tree, preposition: int) -> bool:
    return t.low[preposition] in ("during", "after", "before", "since", "until") or any(
        t.low[k] in WORDS["time"] for k in t.kids[preposition]
    )


def _has_to(t: Tree, k: int) -> bool:
    return any(t.dep[n] == "aux" and t.low[n] == "to" for n in t.kids[k])


def negated(t: Tree, i: int) -> bool:
    """Whether a verb is denied ("did not say", "refused to say")."""
    if any(t.dep[k] == "neg" or t.low[k] in WORDS["negative"] for k in t.kids[i]):
        return True
    head = t.head[i]
    if t.dep[i] in ("xcomp", "pcomp") and t.dep[i] == "pcomp":
        head = t.head[head]
    return t.dep[i] in ("xcomp", "pcomp") and t.low[head] in WORDS["negative_verbs"]


def cue_span(page: Page, i: int, cue: cues.Cue) -> Span:
    """The verb with its particle, and with "has", "not" and adverbs that stand directly before it."""
    t = page.tree
    first = last = i
    while first - 1 in t.kids[i] and t.dep[first - 1] in ("aux", "auxpass", "neg", "advmod"):
        first -= 1
    if (
        i + 1 < len(t)
        and t.head[i + 1] == i
        and (t.dep[i + 1] == "prt" or (t.dep[i + 1] == "prep" and t.low[i + 1] in cue.complements))
    ):
        last = i + 1
    return page.span(first, last)


def source_of(page: Page, i: int, hops: int = 6) -> int | None:
    """Token that heads the noun phrase of who says what the verb at `i` introduces."""
    t = page.tree
    kids = t.kids[i]
    # The parser at times hangs a subject on the auxiliary ("officials have, for the first time, confirmed").
    kids = [*kids, *(n for k in kids if t.dep[k] == "aux" for n in t.kids[k])]
    passive = any(t.dep[k] in ("auxpass", "nsubjpass") for k in kids) or (
        t.tag[i] == "VBN" and t.dep[i] in ("acl", "advcl") and not any(t.dep[k] in ("aux", "nsubj") for k in kids)
    )
    for k in kids:
        if t.dep[k] == "agent":
            return next((n for n in t.kids[k] if t.dep[n] == "pobj"), None)
    subject = next((k for k in kids if t.dep[k] == "nsubj" and page.inside[k] == page.inside[i]), None)
    if subject is not None and not passive:
        if t.low[subject] in _RELATIVE and t.dep[i] in ("relcl", "acl"):
            return t.head[i]
        return None if t.low[subject] in ("there", "what") else subject
    if passive:
        return None
    if hops == 0:
        return None
    head = t.head[i]
    if t.dep[i] == "acl":
        verb = t.head[head]
        if t.low[head] in WORDS["issued"] and t.dep[head] == "dobj" and t.tag[verb].startswith("VB"):
            return source_of(page, verb, hops - 1) or head
        return head if t.tag[i] == "VBG" else _subject_above(page, head, hops)
    if t.dep[i] == "relcl":
        return _subject_above(page, head, hops)
    if t.dep[i] == "pcomp":
        head = t.head[head]
        if t.tag[head].startswith("NN"):
            return None
        while t.dep[head] in ("acomp", "conj"):
            head = t.head[head]
        patient = next((k for k in t.kids[head] if t.dep[k] == "nsubjpass"), None)
        if patient is not None:
            return patient
    outer = t.head[head]
    reported = t.dep[head] in ("ccomp", "conj") and outer != head and t.low[outer] in cues.lexicon()
    adding = t.dep[i] == "advcl" and t.tag[i] == "VBG" and t.low[t.left[i] - 1] == ","
    if reported and (adding or (t.dep[i] in ("conj", "advcl") and t.tag[i] == t.tag[outer])):
        # "said that he was ill and accused ...", "said that he was ill, adding ...": the outer subject goes on.
        return source_of(page, outer, hops - 1)
    if t.dep[i] in ("conj", "advcl", "xcomp", "pcomp", "ccomp", "dep", "prep") and head != i:
        if t.dep[i] == "xcomp":
            patient = next((k for k in t.kids[head] if t.dep[k] == "dobj" and k < i), None)
            cue = cues.lexicon().get(t.low[head])
            if patient is not None and cue is not None and cue.lemma in WORDS["object_control"]:
                return patient
        if t.tag[head].startswith(("VB", "MD")):
            return source_of(page, head, hops - 1)
        if t.tag[head].startswith(("NN", "PRP")) and t.tag[i] == "VBG":
            return head
    return None


def _subject_above(page: Page, i: int, hops: int) -> int | None:
    t = page.tree
    while t.head[i] != i and not t.tag[i].startswith("VB"):
        i = t.head[i]
    return source_of(page, i, hops - 1) if t.tag[i].startswith("VB") else None


def source_span(page: Page, head: int | None) -> Span | None:
    """The noun phrase of a head without relative clauses and what follows a comma."""
    if head is None:
        return None
    t = page.tree
    if not t.tag[head].startswith("NNP"):
        # "One of the leaders of the party, Viktor Aumann": the name is the apposition.
        for k in t.kids[head]:
            if t.dep[k] == "appos" and t.tag[k].startswith("NNP") and k > head:
                head = k
                break
    first, last = t.left[head], head
    for k in t.kids[head]:
        if k < head and t.dep[k] in ("acl", "advcl", "relcl", "punct", "mark", "cc", "preconj", "ccomp"):
            first = max(first, t.right[k] + 1)
        elif (
            k > head
            and t.dep[k] in ("prep", "nummod", "compound", "poss", "cc", "conj", "nmod")
            and t.left[k] <= last + 1
        ):
            if not any(t.dep[n] == "relcl" for n in range(k, t.right[k] + 1)) and t.right[k] - head < 14:
                last = t.right[k]
        elif k > head and t.dep[k] == "appos" and t.tag[k].startswith("NNP") and t.left[k] == last + 1:
            last = k
        elif k > head and t.dep[k] == "prep":
            break
    while (
        first > 0
        and page.inside[first - 1] < 0
        and (
            (t.end[first - 1] == t.start[first] and page.text[t.start[first - 1]] in "-–‑")
            or (t.tag[first - 1] in ("NNP", "HYPH") and t.tag[first].startswith(("NNP", "HYPH")))
        )
    ):
        first -= 1
    before = (
        page.runs[page.inside[first - 1]] if t.tag[head] == "NN" and first > 0 and page.inside[first - 1] >= 0 else None
    )
    if before is not None and before.kind == "title" and page.text[before.inner_end - 1] not in ".!?":
        first = page.token_at(before.start)
        if first > 0 and t.tag[first - 1] == "DT":
            first -= 1
    while (
        first < head
        and page.inside[first] < 0
        and t.low[first] in (",", '"', "“", "”", "and", "but", "''", "``", ":", ";", "--", "—", "►")
    ):
        first += 1
    while last > head and (page.text[t.start[last] : t.end[last]].isspace() or t.low[last] in (",", ".", ";")):
        last -= 1
    return page.span(first, last)


def trimmed(text: str, start: int, end: int) -> Span | None:
    """A content without the space and punctuation around it, and without a leading "that"."""
    while start < end and (text[start] in _EDGE or text[start].isspace()):
        start += 1
    if text[start : start + 5].lower() == "that " and end - start > 5:
        start += 5
    while start < end and (text[end - 1] in _EDGE or text[end - 1].isspace()):
        end -= 1
    if (
        end - start > 1
        and text[end - 1] == "."
        and not re.search(r"\b[A-Z]\.$|\.\w\.$", text[max(start, end - 5) : end])
    ):
        end -= 1
    return (start, end) if start < end else None
