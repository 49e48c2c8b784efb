"""Who is said to say what: content, cue and source of each attribution, as spans of the text.

Two ways lead to an attribution by rule: a cue verb has a content in its syntax ("Solt said that ..."), and words in
quotation marks have a frame around them ("...", said Solt). What the learned tagger reads in the words is set beside
them, and `decide` makes one decision of both.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator

from pipeline.annotate import cues, model
from pipeline.annotate.article import Article, Piece
from pipeline.annotate.decision import Attribution, decide
from pipeline.annotate.frames import STOP, complete, inner_span, with_frames, with_marks
from pipeline.annotate.parse import Tree, parse
from pipeline.annotate.quotes import quoted_runs
from pipeline.annotate.syntax import WORDS, Draft, Page, Span, by_cue, cue_span, source_of, source_span, trimmed

NEAR = 6  # tokens between an inner quotation and its cue, at most
TRANSCRIPT = 2  # labels with speakers from which they are taken for speakers
TRANSCRIPT_SHARE = 0.5  # share of labelled paragraphs from which the whole text is a transcript
_NO_SPEECH = frozenset(("label", "title", "heading", "byline", "dateline"))
_PARTICULAR = frozenset(("the", "its", "his", "her", "their"))  # openings of a source that is one, not some of many
_LABEL = re.compile(r"([A-Z][\w.'’-]*(?: [\w.'’-]+){0,4})(?: \([a-z ]{1,20}\))?:(?=\s)")

# (rule, mode) -> share of contents with the bounds that annotators gave (words in common over words in either >= 0.8),
# and share of those with the annotators' source; measured on the 840 articles of PolNeAR train, with 25 cases of the
# rule's own figure added to each cell. Rules that do not occur there are not measured, nor are turns of transcripts:
# its annotators bounded what is reported inside a turn instead.
CONFIDENCE: dict[tuple[str, str], tuple[float, float]] = {
    ("according", "indirect"): (0.77, 0.99),
    ("according", "mixed"): (0.77, 0.99),
    ("clause", "direct"): (0.90, 0.94),
    ("clause", "indirect"): (0.76, 0.95),
    ("clause", "mixed"): (0.82, 0.96),
    ("continuation", "direct"): (0.94, 0.97),
    ("fragment", "direct"): (0.36, 0.30),
    ("frame after", "direct"): (0.88, 0.95),
    ("frame before", "direct"): (0.76, 0.84),
    ("frame before", "mixed"): (0.61, 0.87),
    ("headline", "direct"): (0.65, 0.99),
    ("headline", "mixed"): (0.79, 0.99),
    ("infinitive", "indirect"): (0.56, 0.94),
    ("infinitive", "mixed"): (0.69, 0.96),
    ("lead-in", "direct"): (0.59, 0.66),
    ("next paragraph", "direct"): (0.60, 0.70),
    ("object", "direct"): (0.67, 0.84),
    ("object", "indirect"): (0.59, 0.90),
    ("object", "mixed"): (0.70, 0.91),
    ("parenthetical", "direct"): (0.82, 0.99),
    ("parenthetical", "indirect"): (0.73, 0.99),
    ("parenthetical", "mixed"): (0.80, 0.99),
    ("preposition", "direct"): (0.52, 0.90),
    ("preposition", "indirect"): (0.53, 0.90),
    ("preposition", "mixed"): (0.60, 0.89),
    ("quote", "direct"): (0.97, 0.98),
    ("topic before", "direct"): (0.46, 0.62),
    ("trailing", "direct"): (0.99, 0.99),
}


def read(article: Article) -> model.Reading:
    """The article as the encoder reads it, what is no speech aside."""
    quoted = [(run.start, run.end) for run in quoted_runs(article) if run.parent is None]
    spoken, asides = [], []
    for piece in article.pieces:
        (asides if piece.kind in _NO_SPEECH else spoken).append((piece.start, piece.end))
    return model.Reading(article.text, spoken, quoted, asides)


def attribute(article: Article, t: Tree, reading: model.Reading) -> list[Attribution]:
    """All attributions of an article in the order of the text; `t` is `parse(article.text)`."""
    page = _page(article, t)
    return decide(article.text, page.runs, _ruled(article, page), reading.tagged())


def by_rules(article: Article, t: Tree) -> list[Attribution]:
    """What the rules alone find, for those who measure them."""
    return _ruled(article, _page(article, t))


def _ruled(article: Article, page: Page) -> list[Attribution]:
    drafts = list(by_cue(page))
    drafts = with_marks(page, drafts)
    drafts = _relays(page, with_frames(page, drafts))
    drafts = _turns(page, drafts)
    drafts += _nested(page, drafts)
    starts = [piece.start for piece in article.pieces]
    unique: dict[tuple[Span, ...], Draft] = {}
    for draft in drafts:
        piece = article.pieces[max(0, bisect_right(starts, draft.spans[0][0]) - 1)]
        if piece.kind not in _NO_SPEECH:
            unique.setdefault(tuple(draft.spans), draft)
    drafts = sorted(unique.values(), key=lambda draft: (draft.spans[0][0], -draft.spans[-1][1]))
    holder = {run: number for number, draft in reversed(list(enumerate(drafts))) for run in draft.runs}
    return [_finished(page, holder, draft) for draft in drafts]


def predict_quotes(text: str) -> list[dict[str, object]]:
    """The attributions of a bare text in the evaluation format: start, end, spans, speaker, its place, cue, kind."""
    article = Article("", None, text, tuple(bare_pieces(text)))
    found = []
    for one in attribute(article, parse(text), read(article)):
        if one.parent is not None:
            continue
        (first, end), *_ = one.spans
        lead = re.search(r"\bthat\s{1,3}[\"“'‘]?$", text[max(0, first - 8) : first])
        spans = [(first - (len(lead.group()) if lead and one.mode != "direct" else 0), end), *one.spans[1:]]
        speaker, cue = one.source, one.cue
        if speaker and cue and speaker[1] < cue[0]:
            # The format names the word beside the cue: of "Solt, who said" it wants "who".
            relative = re.search(
                r"\b(?:who|which|that)(?=\s+(?:\w+\s+){0,2}$)", text[speaker[1] : min(cue[0], speaker[1] + 200)]
            )
            if relative:
                speaker = speaker[1] + relative.start(), speaker[1] + relative.end()
        found.append(
            {
                "start": spans[0][0],
                "end": max(end for _, end in spans),
                "spans": [list(span) for span in spans],
                "speaker": text[slice(*speaker)] if speaker else None,
                "speaker_start": speaker[0] if speaker else None,
                "speaker_end": speaker[1] if speaker else None,
                "cue": text[slice(*cue)] if cue else None,
                "kind": one.mode,
                "rule": one.rule,
                "confidence_span": one.confidence_span,
                "confidence_speaker": one.confidence_speaker,
            }
        )
    return found


def bare_pieces(text: str) -> Iterator[Piece]:
    """The structure of a text of which nothing is known: a body a line, and labels of quotations and speakers apart."""
    lines = []
    for line in re.finditer(r"[^\n]*\S", text):
        start = line.start() + len(line.group()) - len(line.group().lstrip())
        lines.append((start, line.end(), _LABEL.match(text, start, line.end())))
    names = Counter(label.group(1) for _, _, label in lines if label)
    transcript = max(names.values(), default=0) > 2 and len(names) > 1
    for start, end, label in lines:
        if label and (label.group(1).lower() in WORDS["editorial"] or (transcript and names[label.group(1)] > 1)):
            yield Piece("label", label.start(), label.end())
            start = label.end() + len(text[label.end() : end]) - len(text[label.end() : end].lstrip())
        if start < end:
            yield Piece("body", start, end)


def _page(article: Article, t: Tree) -> Page:
    runs = quoted_runs(article)
    inside = [-1] * len(t)
    for number, run in enumerate(runs):
        if run.parent is None:
            first = bisect_right(t.end, run.start)
            last = bisect_left(t.start, run.end)
            inside[first:last] = [number] * (last - first)
    return Page(article.text, t, runs, inside, article.paragraphs)


def _finished(page: Page, holder: dict[int, int], draft: Draft) -> Attribution:
    """The attribution of a draft; `holder` leads from a run to the attribution that holds it."""
    runs = [run for number in draft.runs if (run := page.runs[number]).kind != "title"]
    spans = tuple(draft.spans)
    words = [start + m.start() for start, end in spans for m in re.finditer(r"\w+", page.text[start:end])]
    covered = sum(_covered(words, run.start, run.end) for run in runs)
    if draft.parent_run is not None or draft.rule == "transcript":
        covered = len(words)
    mode = "indirect" if not covered else "direct" if covered >= len(words) else "mixed"
    parent = None if draft.parent_run is None else holder.get(draft.parent_run)
    marks = None if not runs else "balanced" if all(run.balanced for run in runs) else "repaired"
    span, speaker = CONFIDENCE.get((draft.rule, mode), (None, None))
    via = tuple(page.text[start:end] for start, end in draft.relays)
    return Attribution(
        spans, mode, draft.cue, draft.source, parent, via, draft.relays, marks, draft.rule, span, speaker
    )


def _covered(places: list[int], start: int, end: int) -> int:
    return bisect_left(places, end) - bisect_left(places, start)


def _speaker_label(page: Page, piece: Piece) -> Span | None:
    """The name in a label of a transcript ("HOST:", "Brandt (clip):"); None for labels of sections and quotations."""
    text = page.text[piece.start : piece.end]
    name = re.match(r"[►•*\s-]{0,4}([^():]{1,60}?)(?: \([^()]{0,30}\))?:$", text)
    if (
        name is None
        or not text[name.start(1)].isupper()
        or not set(name.group(1).lower().split()).isdisjoint(WORDS["section"] | WORDS["editorial"])
    ):
        return None
    words = name.group(1).split()
    if len(words) > 5 or not (name.group(1).isupper() or all(w[0].isupper() for w in words)):
        return None
    return piece.start + name.start(1), piece.start + name.end(1)


def _turns(page: Page, drafts: list[Draft]) -> list[Draft]:
    """The drafts with each turn of a transcript as one attribution, instead of what was found inside it."""
    speakers = [_speaker_label(page, pieces[0]) if pieces[0].kind == "label" else None for pieces in page.paragraphs]
    labelled = sum(speaker is not None for speaker in speakers)
    if labelled < TRANSCRIPT:
        return drafts
    spoken = sum(pieces[0].kind in ("label", "body", "item") for pieces in page.paragraphs)
    throughout = labelled >= TRANSCRIPT_SHARE * spoken
    turns: list[Draft] = []
    for pieces, speaker in zip(page.paragraphs, speakers, strict=True):
        spans = [span for p in pieces if p.kind not in _NO_SPEECH and (span := trimmed(page.text, p.start, p.end))]
        if speaker is not None and spans and (throughout or " " in page.text[slice(*speaker)]):
            turns.append(Draft(spans, "transcript", None, (pieces[0].end - 1, pieces[0].end), speaker))
        elif turns and throughout and pieces[0].kind in ("body", "item"):
            turns[-1].spans += spans
    starts = [turn.spans[0][0] for turn in turns]
    ends = [turn.spans[-1][1] for turn in turns]

    def outside(draft: Draft) -> bool:
        at = bisect_right(starts, draft.spans[0][0]) - 1
        return at < 0 or draft.spans[0][0] >= ends[at]

    return [draft for draft in drafts if outside(draft)] + turns


def _nested(page: Page, drafts: list[Draft]) -> Iterator[Draft]:
    """Attributions of what is quoted inside a quotation, by a cue inside it (“He says ‘it holds’, and I ...”)."""
    t = page.tree
    held = {number for draft in drafts for number in draft.runs}
    for run in page.runs:
        if run.parent not in held or page.runs[run.parent].parent is not None or run.kind == "title":
            continue
        first = page.token_at(run.start) - 1
        for i in range(first, max(first - NEAR, -1), -1):
            if t.start[i] < page.runs[run.parent].start or t.low[i] in STOP:
                break
            cue = cues.lexicon().get(t.low[i])
            if cue is not None and t.tag[i].startswith("VB"):
                inner = inner_span(page, run)
                if inner[0] < inner[1]:
                    yield Draft(
                        [inner],
                        "nested",
                        i,
                        cue_span(page, i, cue),
                        source_span(page, source_of(page, i)),
                        parent_run=run.parent,
                    )
                break


def _passes_on(page: Page, outer: Span, inner: Span) -> bool:
    """Whether the outer source only hands on what the inner one says.

    What a poll or a record shows of others is its own finding, and what "many voters" say is told by who counted them.
    """
    words = page.text[slice(*outer)].lower().split() + page.text[slice(*inner)].lower().split()
    first, end = page.token_at(inner[0]), page.token_at(inner[1] - 1) + 1
    named = any(tag.startswith(("NNP", "PRP")) for tag in page.tree.tag[first:end])
    return (named or page.tree.low[first] in _PARTICULAR) and WORDS["evidence"].isdisjoint(words)


def _relays(page: Page, drafts: list[Draft]) -> list[Draft]:
    """The drafts without those inside the content of another; an outer one that only passes on becomes a relay."""
    by_verb = {draft.verb: draft for draft in drafts if draft.verb is not None}
    dropped: set[int] = set()
    for draft in drafts:
        inner = by_verb.get(draft.content) if draft.content is not None else None
        if inner is None or inner is draft or draft.source is None or inner.source is None:
            continue
        if not _passes_on(page, draft.source, inner.source):
            continue
        if draft.cue and page.text[slice(*draft.cue)].lower() == "according to":
            inner.relays = (draft.source, *inner.relays)
            dropped.add(id(draft))
            continue
        if draft.rule != "clause" or any(page.tree.tag[k] == "MD" for k in page.tree.kids[inner.verb or 0]):
            continue
        if (
            page.text[slice(*inner.source)].lower() in WORDS["pronouns"]
            or page.text[slice(*draft.source)].lower() == "i"
        ):
            continue
        inner.relays = (*draft.relays, draft.source, *inner.relays)
        dropped.add(id(draft))
    outer = sorted(
        (span[0], -span[1], id(draft))
        for draft in drafts
        if id(draft) not in dropped and draft.rule != "according"
        for span in draft.spans
    )
    starts = [start for start, _, _ in outer]
    for draft in drafts:
        if (
            draft.verb is None
            or id(draft) in dropped
            or (draft.runs and any(complete(page, page.runs[n]) for n in draft.runs))
        ):
            continue
        at = page.tree.start[draft.verb]
        for start, end, owner in reversed(outer[max(0, bisect_right(starts, at) - 12) : bisect_right(starts, at)]):
            if start <= at < -end and owner != id(draft) and owner not in dropped:
                dropped.add(id(draft))
                break
    return [draft for draft in drafts if id(draft) not in dropped]
