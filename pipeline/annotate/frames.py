"""Who says what stands in quotation marks: the frame around it, a lead-in, a label, or the quotation before."""

import re
from bisect import bisect_left, bisect_right
from dataclasses import replace

from pipeline.annotate import cues
from pipeline.annotate.article import Piece
from pipeline.annotate.lexicons import load
from pipeline.annotate.parse import Tree
from pipeline.annotate.quotes import Run, title_cased
from pipeline.annotate.syntax import WORDS, Draft, Page, Span, cue_span, negated, source_of, source_span, trimmed

_PERSONS = load("speakers").words["person"]
FRAME = 30  # tokens between a quotation and the cue of its frame, at most
STOP = frozenset((".", "?", "!", ";"))


def with_marks(page: Page, drafts: list[Draft]) -> list[Draft]:
    """The drafts with their bounds set by the runs that they touch."""
    top = [n for n, run in enumerate(page.runs) if run.parent is None and run.kind != "title"]
    starts = [page.runs[n].start for n in top]
    ends = [page.runs[n].end for n in top]
    kept = []
    for draft in drafts:
        touched: list[int] = []
        for start, end in draft.spans:
            touched += top[bisect_right(ends, start) : bisect_left(starts, end + 2)]
        if not touched:
            kept.append(draft)
            continue
        draft.runs = sorted(set(touched))
        whole = [n for n in draft.runs if complete(page, page.runs[n])]
        if whole:
            draft.runs = whole
            draft.spans = [inner_span(page, page.runs[n]) for n in whole]
            draft.rule = "quote"
            if any(a >= b for a, b in draft.spans):
                continue
        else:
            draft.spans = _merged(draft.spans, [(page.runs[n].start, page.runs[n].end) for n in draft.runs])
            if len(draft.runs) == 1:
                run = page.runs[draft.runs[0]]
                draft.spans = [inner_span(page, run) if span == (run.start, run.end) else span for span in draft.spans]
        kept.append(draft)
    return kept


def inner_span(page: Page, run: Run) -> Span:
    """What stands between the marks, without white space at its ends."""
    start, end = run.inner_start, run.inner_end
    while start < end and page.text[start].isspace():
        start += 1
    while start < end and page.text[end - 1].isspace():
        end -= 1
    return start, end


def complete(page: Page, run: Run) -> bool:
    """Whether a run is a sentence or more of its own, not words fitted into the outlet's sentence."""
    inner = page.text[run.inner_start : run.inner_end].strip()
    if run.continues is not None:
        return True
    before = page.text[max(0, run.start - 4) : run.start].rstrip()
    starts = not inner[:1].islower() and (
        not before or before[-1] in ".?!:,;—–-\n”\"'’►)]" or page.text[run.start - 1] == "\n"
    )
    return starts and (
        not run.balanced
        or inner.endswith((".", "?", "!", ",", "…", "—", "–", "-"))
        or page.text[run.end : run.end + 1] in (",", ".")
    )


def _merged(spans: list[Span], more: list[Span]) -> list[Span]:
    result: list[Span] = []
    for start, end in sorted([*spans, *more]):
        if result and start <= result[-1][1] + 2:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def with_frames(page: Page, drafts: list[Draft]) -> list[Draft]:
    """The drafts, and one for each run that no draft holds yet, with the speaker of its frame."""
    owner: dict[int, Draft] = {}
    for draft in drafts:
        for number in draft.runs:
            if number not in owner or len(draft.spans) < len(owner[number].spans):
                owner[number] = draft
    result = list(drafts)
    known = {id(draft) for draft in drafts}
    starts = [pieces[0].start for pieces in page.paragraphs]
    latest: Draft | None = None
    quoting: Draft | None = None
    latest_paragraph = -1
    by_position = sorted((draft for draft in drafts if not draft.runs), key=lambda draft: draft.spans[0])
    cursor = 0
    for number, run in enumerate(page.runs):
        if run.parent is not None or run.kind == "title":
            continue
        while cursor < len(by_position) and by_position[cursor].spans[0][0] < run.start:
            place = bisect_right(starts, by_position[cursor].spans[0][0]) - 1
            # Within a paragraph a quotation goes on from the one before, whatever is reported between.
            if by_position[cursor].source is not None and not (
                quoting is not None and quoting is latest and place == latest_paragraph
            ):
                latest, latest_paragraph = by_position[cursor], place
            cursor += 1
        if number in owner:
            latest, latest_paragraph = owner[number], run.paragraph
            quoting = latest
            continue
        framed = _framed(page, number, owner, latest, latest_paragraph)
        if framed is None:
            continue
        owner[number] = framed
        if id(framed) not in known:
            known.add(id(framed))
            result.append(framed)
        latest = quoting = framed
        latest_paragraph = run.paragraph
    return result


def _framed(
    page: Page, number: int, owner: dict[int, Draft], latest: Draft | None, latest_paragraph: int
) -> Draft | None:
    run = page.runs[number]
    inner = inner_span(page, run)
    if inner[0] >= inner[1]:
        return None
    label = _QUOTED_LABEL.match(page.text, inner[0], inner[1])
    if label and label.end() < inner[1]:
        name = label.span(1)
        return Draft([(label.end(), inner[1])], "transcript", None, (name[1], name[1] + 1), name, [number])
    trailing = _trailing(page, run)
    if trailing is not None:
        return Draft([inner], "trailing", None, None, trailing, [number])
    if run.continues is not None and run.continues in owner:
        draft = owner[run.continues]
        draft.spans.append(inner)
        draft.runs.append(number)
        return draft
    whole = complete(page, run)
    pieces = page.paragraphs[run.paragraph]
    opens = page.text[pieces[0].start : run.start].strip("►•*- \t") == "" or (
        pieces[0].kind == "label" and pieces[0].end >= run.start - 2
    )
    after, before = _cue_after(page, run), _cue_before(page, run)
    last = page.text[inner[1] - 1] if run.balanced else " "
    choice = None
    if whole or run.kind == "speech":
        going_on = latest is not None and latest_paragraph == run.paragraph and bool(latest.runs)
        if after is not None and (last in ",—–-" or (before is None and not (going_on and whole))):
            choice = (after, "frame after")
        elif before is not None:
            choice = (before, "frame before")
    if choice is not None:
        verb, rule = choice
        source = source_of(page, verb)
        if rule == "frame after":
            source = _first_after(page, run, verb, source)
        span = source_span(page, source) or _beside(page, verb)
        known = cues.lexicon().get(page.tree.low[verb], cues.MARK)
        if rule == "frame before" and not whole:
            opening = cue_span(page, verb, known)[1]
            if not re.search(r"[.?!:;,]\s|\n", page.text[opening : run.start]):
                joined = trimmed(page.text, opening, run.end)
                if joined and joined[0] < run.start:
                    inner = joined
        return Draft([inner], rule, verb, cue_span(page, verb, known), span, [number])
    if pieces[0].kind != "label":
        lead = _lead_in(page, run, opens)
        if lead is not None:
            return replace(lead, spans=[inner], runs=[number])
    if pieces[0].kind == "label" and opens and label_word(page, pieces[0]) in WORDS["editorial"]:
        cue = pieces[0].start, pieces[0].end
        return Draft([inner], "editorial label", None, cue, _topic(page, run.paragraph - 1), [number])
    if run.kind == "phrase" and not whole:
        governor = _governor_subject(page, run)
        if (
            governor is None
            or page.text[run.start] in "'‘"
            or len(page.text[slice(*inner)].split()) < 3
            or page.tree.low[governor] in ("it", "which", "that", "this")
        ):
            return None
    headline = _headline(page, run)
    if headline is not None:
        colon = page.text[headline[1]] == ":"
        content = trimmed(page.text, headline[1], pieces[-1].end) if colon else inner
        return Draft(
            [content or inner], "headline", None, (headline[1], headline[1] + 1) if colon else None, headline, [number]
        )
    if latest is not None and (latest_paragraph == run.paragraph) and whole:
        gap = page.text[latest.spans[-1][1] : run.start]
        if (
            latest.runs
            and latest.spans[-1][1] < run.start
            and len(re.findall(r"[.?!]\s", gap)) <= 1
            and latest.rule != "editorial label"
        ):
            latest.spans.append(inner)
            latest.runs.append(number)
            return latest
        return Draft([inner], "continuation", None, None, latest.source, [number], relays=latest.relays)
    if (
        latest is not None
        and latest_paragraph == run.paragraph - 1
        and opens
        and whole
        and latest.runs
        and not re.search(
            r"[.?!]['\"”’]?\s+\S",
            page.text[max(latest.spans[-1][1] + 2, (latest.cue or (0, 0))[1]) : pieces[0].start].rstrip(),
        )
    ):
        return Draft([inner], "next paragraph", None, None, latest.source, [number], relays=latest.relays)
    if whole and run.kind == "phrase":
        return None
    if opens and whole and run.end >= pieces[-1].end - 1:
        topic = _topic(page, run.paragraph - 1)
        if topic is not None:
            return Draft([inner], "topic before", None, None, topic, [number])
    return Draft([inner], "fragment", None, None, source_span(page, _governor_subject(page, run)), [number])


def _cue_after(page: Page, run: Run) -> int | None:
    t = page.tree
    forms = cues.lexicon()
    first = page.token_at(run.end - 1)
    while first < len(t) and t.start[first] < run.end:
        first += 1
    limit = page.paragraphs[run.paragraph][-1].end
    for i in range(first, min(first + FRAME, len(t))):
        if t.start[i] >= limit or page.inside[i] >= 0 or (t.low[i] in STOP and i > first) or t.low[i] == ":":
            return None
        known = t.low[i] in forms and t.tag[i].startswith("VB")
        # Any verb may close a complete quotation: "...," Teal shot back.
        close = t.tag[i] in ("VBD", "VBZ") and page.text[run.inner_end - 1] in ",—–" and _near(t, first, i)
        if (known or close) and not negated(t, i):
            right = [k for k in t.kids[i] if k > i and t.dep[k] in ("ccomp", "dobj") and page.inside[k] < 0]
            if any(t.dep[k] == "ccomp" for k in right):
                return None
            return i
    return None


def _near(t: Tree, first: int, verb: int) -> bool:
    """Whether a verb directly follows a quotation, or only its own subject and adverbs stand between."""
    if verb - first <= 1:
        return t.tag[verb] == "VBD"
    subject = next((k for k in t.kids[verb] if t.dep[k] == "nsubj" and k < verb), None)
    return (
        subject is not None
        and t.left[subject] - first <= 1
        and not any(t.dep[k] in ("dobj", "attr", "acomp") for k in t.kids[verb])
    )


def _cue_before(page: Page, run: Run) -> int | None:
    t = page.tree
    forms = cues.lexicon()
    first = page.token_at(run.start) - 1
    if page.inside[min(first + 1, len(t) - 1)] < 0 and first + 1 < len(t) and t.start[first + 1] < run.start:
        first += 1
    limit = page.paragraphs[run.paragraph][0].start
    direct = first >= 0 and t.low[first] in (",", ":") and complete(page, run)
    for i in range(first, max(first - FRAME, -1), -1):
        if t.start[i] < limit or page.inside[i] >= 0 or t.low[i] in STOP:
            return None
        if direct and first - i <= 2 and t.tag[i] in ("VBD", "VBZ") and any(t.dep[k] == "nsubj" for k in t.kids[i]):
            return i
        if (
            (t.low[i] in forms or t.low[i] in ("continued", "captioned", "began", "continues"))
            and t.tag[i].startswith("VB")
            and not negated(t, i)
        ):
            return i
    return None


def _beside(page: Page, verb: int) -> Span | None:
    """The noun phrase next to a verb to which the parser gave no subject."""
    t = page.tree
    for k in (verb + 1, verb - 1, verb - 2):
        if (
            0 <= k < len(t)
            and page.inside[k] < 0
            and t.tag[k].startswith(("NN", "PRP"))
            and t.sentence[k] == t.sentence[verb]
        ):
            head = k
            while t.head[head] != head and t.head[head] != verb and t.tag[t.head[head]].startswith("NN"):
                head = t.head[head]
            return source_span(page, head)
    return None


def _first_after(page: Page, run: Run, verb: int, source: int | None) -> int | None:
    """The subject of a frame that follows its quotation: the noun phrase after the marks, else after the verb."""
    t = page.tree
    first = page.token_at(run.end - 1)
    while first < verb and (t.start[first] < run.end or t.low[first] in (",", '"', "”", "''")):
        first += 1
    if source is not None and first <= source <= verb + 12:
        return source
    k = first if first < verb else verb + 1
    while k < len(t) and k < first + 12 and not t.tag[k].startswith(("NN", "PRP")):
        if (k != verb and t.tag[k] in (".", ":", ",")) or page.inside[k] >= 0:
            return source
        k += 1
    if k >= len(t) or not t.tag[k].startswith(("NN", "PRP")):
        return source
    while t.head[k] > k and t.head[k] - k < 6 and t.tag[t.head[k]].startswith("NN") and page.inside[t.head[k]] < 0:
        k = t.head[k]
    return k


def _lead_in(page: Page, run: Run, opens: bool) -> Draft | None:
    """The sentence before a quotation that ends in a colon, in the same paragraph or alone in the one before."""
    text, t = page.text, page.tree
    end = run.start
    if opens:
        if run.paragraph == 0:
            return None
        end = page.paragraphs[run.paragraph - 1][-1].end
    while end > 0 and text[end - 1].isspace():
        end -= 1
    if end == 0 or text[end - 1] != ":":
        return None
    colon = page.token_at(end - 1)
    i = colon - 1
    number = t.sentence[min(max(i, 0), len(t.sentence) - 1)]
    verbs = [
        k for k in range(bisect_left(t.sentence, number), colon) if t.tag[k].startswith("VB") and page.inside[k] < 0
    ]
    known = [k for k in verbs if t.low[k] in cues.lexicon()]
    for verb in [*reversed(known), *[k for k in verbs if t.dep[k] in ("ROOT", "conj", "ccomp", "parataxis")], *verbs]:
        source = source_of(page, verb)
        if source is not None:
            cue = cue_span(page, verb, cues.MARK) if verb in known else (end - 1, end)
            return Draft([], "lead-in", verb, cue, source_span(page, source))
    nouns = [k for k in range(bisect_left(t.sentence, number), colon) if t.tag[k].startswith("NN") and t.head[k] == k]
    return Draft([], "lead-in", None, (end - 1, end), source_span(page, nouns[0]) if nouns else None)


_QUOTED_LABEL = re.compile(r"([A-Z][A-Z.'’]+(?: [A-Z.'’]+){0,2}):\s+")


_TRAILING = re.compile(
    r"[\s.,]{0,3}(?:--|[―—–-]) ?(?=[A-Z])([^\n\"“”―—–.]{2,60}(?:\b[A-Z]\.[^\n\"“”―—–.]{1,40})?)\.?\s*(?:\n|$)"
)


def _trailing(page: Page, run: Run) -> Span | None:
    """The name behind a dash that closes the paragraph of a quotation, or stands under it ('"..." - Mayor Renn')."""
    if not run.balanced:
        return None
    found = _TRAILING.match(page.text, run.end)
    if found is None or any(
        t.startswith("VB") for t in page.tree.tag[page.token_at(found.start(1)) : page.token_at(found.end(1))]
    ):
        return None
    name = found.group(1).split(",")[0].rstrip()
    words = name.split()
    if len(words) > 6 or not words[-1][0].isupper():
        return None
    return found.start(1), found.start(1) + len(name)


_HEADLINE_NAME = re.compile(r"((?:[A-Z][\w.’'-]*|of|the|and|&)(?: (?:[A-Z][\w.’'-]*|of|the|and|&)){0,6}):\s")


def _headline(page: Page, run: Run) -> Span | None:
    """The name that opens a headline ("Solt: 'Never Again'", "Solt Says ... 'Never Again'")."""
    piece = page.paragraphs[run.paragraph][0]
    if piece.end - piece.start > 200 or not title_cased(page.text, piece):
        return None
    name = _HEADLINE_NAME.match(page.text, piece.start, piece.end)
    if name:
        return name.span(1)
    t = page.tree
    forms = cues.lexicon()
    first = page.token_at(piece.start)
    for k in range(first + 1, min(first + 20, len(t))):
        if t.start[k] >= run.start:
            break
        if t.low[k] in forms and page.inside[k] < 0:
            return page.span(first, k - 1)
    return None


def _governor_subject(page: Page, run: Run) -> int | None:
    """Subject of the nearest verb above a quoted fragment."""
    t = page.tree
    first, last = page.token_at(run.start), page.token_at(run.end - 1)
    i = next((k for k in range(first, min(last + 1, len(t))) if not first <= t.head[k] <= last), None)
    for _ in range(8):
        if i is None or t.head[i] == i:
            return None
        i = t.head[i]
        if t.tag[i].startswith("VB"):
            source = source_of(page, i)
            if source is not None:
                return source
    return None


def label_word(page: Page, piece: Piece) -> str:
    """A label in lower case, without its colon and brackets."""
    return re.sub(r"\s{0,3}\([^)]{0,30}\)", "", page.text[piece.start : piece.end]).strip(" :.►•-").lower()


def _topic(page: Page, paragraph: int) -> Span | None:
    """Whose words follow a paragraph: who issued a document in it, else the last person or institution it speaks of."""
    t = page.tree
    if paragraph < 0:
        return None
    pieces = page.paragraphs[paragraph]
    last = None
    for i in range(page.token_at(pieces[0].start), min(page.token_at(pieces[-1].end - 1) + 1, len(t))):
        if t.dep[i] != "nsubj" or page.inside[i] >= 0 or t.low[i] in WORDS["issued"]:
            continue
        named = t.tag[i].startswith("NNP") or any(t.dep[k] == "appos" and t.tag[k] == "NNP" for k in t.kids[i])
        person = named or t.low[i] in ("he", "she") or t.low[i] in _PERSONS
        if not person and (last is not None or t.tag[i] != "NN"):
            continue
        if any(t.dep[k] == "dobj" and t.low[k] in WORDS["issued"] for k in t.kids[t.head[i]]):
            return source_span(page, i)
        if t.dep[t.head[i]] in ("ROOT", "conj"):
            last = i
    return source_span(page, last)
