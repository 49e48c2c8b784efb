"""From a claim to its dates: when it was said, and when what it speaks of happened."""

import datetime
import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.annotate.dates import edtf
from pipeline.annotate.dates.annotator import Timex, find
from pipeline.annotate.dates.document import DocumentDate
from pipeline.annotate.dates.lazy import lazy
from pipeline.annotate.dates.lexicon import WEEKDAYS

Span = tuple[int, int]


class ClaimSpan(NamedTuple):
    """What the linker needs to know of a claim; all spans half-open, in code points of the text.

    Attributes:
        start, end: hull of the claim's words.
        spans: its contiguous pieces.
        cue: the words that introduce it ("said"), None when there are none.
        sentence: the sentence that holds the cue, or the claim.
        paragraph: number of the paragraph.
        speaker_key: who said it, equal for the same speaker; None when unknown.
        voice: attributed or outlet.
    """

    start: int
    end: int
    spans: tuple[Span, ...]
    cue: Span | None
    sentence: Span
    paragraph: int
    speaker_key: str | None = None
    voice: str = "attributed"


class ClaimDate(NamedTuple):
    """The dates of a claim.

    Attributes:
        edtf: when it was said; None without evidence.
        source: adjacent, sentence, carried, the document's source as `metadata` or `document`; None without evidence.
        about_edtf: when what it speaks of happened or will happen; None unless its own words say.
        confidence: probability that `edtf` is right, None without evidence.
    """

    edtf: str | None
    source: str | None
    about_edtf: str | None
    confidence: float | None


def dated(text: str, claims: Sequence[ClaimSpan], document: DocumentDate | None) -> tuple[list[Timex], list[ClaimDate]]:
    """Temporal expressions and the dates of the claims, where words in quotation marks count from the day they were
    said.

    "Yesterday" in a statement of Saturday is Friday, whenever the article was printed.  Claims come in text order.
    """
    timexes = find(text, document)
    dates = claim_dates(text, timexes, claims, document)
    quotes: list[tuple[Span, datetime.date | None]] = []
    for claim, date in zip(claims, dates, strict=True):
        if date.edtf is None or date.source not in ("adjacent", "sentence", "carried"):
            continue
        day = edtf.bounds(date.edtf)[0] if edtf.precision(date.edtf) == "day" else None
        quotes += [(span, day) for span in claim.spans if _quoted(text, span)]
    if all(document is not None and day == document.day for _, day in quotes):
        return timexes, dates
    quotes.sort(key=lambda quote: quote[0])
    timexes = find(text, document, quotes=[span for span, _ in quotes], quote_days=[day for _, day in quotes])
    return timexes, claim_dates(text, timexes, claims, document)


def _quoted(text: str, span: Span) -> bool:
    """Whether an opening mark stands at the start of the span or before it."""
    return any(mark in _OPENING_MARKS for mark in text[max(0, span[0] - 1) : span[0] + 1])


_OPENING_MARKS = "\"“‘`'«„"
ADJACENT = 14  # code points between a cue and its date: within them the date is right in 97 of 100 (TimeBank, AQUAINT)
_CONFIDENCE = {"adjacent": 0.97, "sentence": 0.85, "carried": 0.7, "document": 0.8}
_DAY = lazy(r"\d{4}-\d\d-\d\d")
_CARRIES = lazy(
    r"[^\w]*(?:later|afterwards?|following this|after this|after that|then|subsequently|shortly after\w*|soon after\w*|"
    r"earlier (?:that|the same) day|(?:later )?(?:that|the same) day|in the same \w+|at the same \w+|"
    r"minutes later|hours later)\b",
    re.I,
)


def claim_dates(
    text: str, timexes: Sequence[Timex], claims: Sequence[ClaimSpan], document: DocumentDate | None
) -> list[ClaimDate]:
    """The dates of each claim, in the order given, which is that of the text.

    When it was said: a day beside the cue; else the nearest day in the sentence outside the claim's own words; else
    carried from the claim before it by the same speaker in the paragraph, or by "later", "following this" (then `~`);
    else a later sentence that dates it ("the announcement was made on ..."); else the document's date.  Never later
    than the document.
    """
    days = [timex for timex in timexes if day_of(timex) is not None]
    out: list[ClaimDate] = []
    dateline = _dateline(text, days, document)
    days = [timex for timex in days if timex is not dateline]
    written = dateline.value if dateline else document.edtf if document else None
    for number, claim in enumerate(claims):
        about = _about(claim, timexes)
        found = _said(text, claim, days, document) if claim.voice == "attributed" else None
        if found is None and claim.voice == "attributed":
            found = _carried(text, number, claims, out) or _told(text, claim, days, document)
        said, source = found or (written, "document" if written else None)
        out.append(ClaimDate(said, source, about, _CONFIDENCE[source] if source else None))
    return _filled_in(text, days, claims, out)


def said_on(
    text: str, events: Sequence[Span], timexes: Sequence[Timex], document: DocumentDate | None
) -> list[ClaimDate]:
    """The date of each event of saying, given by its words alone ("said"), in text order: for gold without claims."""
    claims: list[ClaimSpan] = []
    speaker: str | None = None
    for start, end in events:
        sentence = sentence_around(text, start, end)
        speaker = _speaker_beside(text, start, end, speaker)
        quoted = tuple(match.span() for match in _QUOTED.finditer(text, *sentence))
        paragraph = text.count("\n", 0, start)
        claims.append(ClaimSpan(end, end, quoted, (start, end), sentence, paragraph, speaker))
    return claim_dates(text, timexes, claims, document)


_QUOTED = lazy(r"``[^`]{0,1500}?''|“[^”]{0,1500}”|\"[^\"]{0,1500}\"|''[^']{2,1500}?''")
_SUBJECT = lazy(r"([A-Z][\w'’-]+|[Hh]e|[Ss]he)(?:\s+(?:also|later|then|has|had|have))?\s+$")
_INVERTED = lazy(r"\s+((?:[A-Z][\w.'’-]*\s+){0,3}[A-Z][\w'’-]+)")


def _speaker_beside(text: str, start: int, end: int, before: str | None) -> str | None:
    """Surname of the speaker right beside a verb of saying; a pronoun is whoever spoke before; None when neither is
    there.
    """
    inverted = _INVERTED.match(text, end, end + 60)
    if inverted and inverted[1].split()[-1].lower() not in WEEKDAYS:
        return inverted[1].split()[-1]
    subject = _SUBJECT.search(text[max(0, start - 40) : start])
    if subject is None:
        return None
    return before if subject[1].lower() in ("he", "she") else subject[1]


def day_of(timex: Timex) -> datetime.date | None:
    """The single day a timex names, whatever relation stands before it; None for anything coarser or vague."""
    match = _DAY.match(timex.value) if timex.type in ("DATE", "TIME") and not timex.vague else None
    return datetime.date.fromisoformat(match[0]) if match else None


def _within(timexes: Sequence[Timex], low: int, high: int) -> Sequence[Timex]:
    """Those that begin in [low, high); the expressions are in text order."""
    first = bisect_left(timexes, low, key=_start)
    return timexes[first : bisect_left(timexes, high, lo=first, key=_start)]


def _start(timex: Timex) -> int:
    return timex.start


_SENTENCE_END = lazy(r"[.!?][\"'”’)]*\s+(?=[\"'“‘(`]*[A-Z])|\n\s*\n|\n(?=[\"'“‘(`]*[A-Z])")
_ABBREVIATION = lazy(
    r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Gen|Sen|Rep|Gov|Lt|Col|Sgt|Capt|Rev|Corp|Inc|Co|Ltd|Jr|Sr|No|vs|Jan|Feb|Mar|"
    r"Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec|Calif|Fla|Mass)\.$"
)
_REACH = 1200  # code points looked at on either side for the ends of a sentence


def sentence_around(text: str, start: int, end: int) -> Span:
    """The sentence that holds a span, by punctuation: half-open, in code points."""
    low = max(0, start - _REACH)
    left = low
    for match in _SENTENCE_END.finditer(text, low, start):
        if not _ABBREVIATION.search(text[max(low, match.start() - 6) : match.start() + 1]):
            left = match.end()
    for match in _SENTENCE_END.finditer(text, end, min(len(text), end + _REACH)):
        if not _ABBREVIATION.search(text[max(low, match.start() - 6) : match.start() + 1]):
            return left, match.start() + 1
    return left, min(len(text), end + _REACH)


_NARRATED_DAYS = 3  # a story is that many days older than its document at most


def _told(text: str, claim: ClaimSpan, days: Sequence[Timex], document: DocumentDate | None) -> tuple[str, str] | None:
    """The day of the story, where the cue hangs on its telling: a participle ("he unveiled it, saying ..."), a
    headline.
    """
    if claim.cue is None or document is None or document.day is None:
        return None
    start, end = claim.cue
    if _participle(text, start, end):
        for timex in reversed(_within(days, text.rfind("\n\n", 0, start) + 1, start)):
            day = day_of(timex)
            if day is not None and not timex.relation and day <= document.day:
                near = (document.day - day).days <= _NARRATED_DAYS
                return (day.isoformat(), "carried") if near else None
        return None
    title = text.find("\n")
    if 0 <= start < title < _LONGEST_TITLE:
        lead = next((match.start(1) for match in _LEAD.finditer(text, title, title + _REACH)), None)
        if lead is not None:
            for timex in _within(days, lead, lead + _LEAD_OPENING):
                day = day_of(timex)
                if day is not None and not timex.relation and day <= document.day:
                    return day.isoformat(), "carried"
    return None


def _participle(text: str, start: int, end: int) -> bool:
    """Whether the cue hangs on the verb of its sentence ("..., saying that"); "according" and "is saying" do not."""
    return (
        text[start:end].endswith("ing")
        and text[start:end].lower() != "according"
        and not re.search(
            r"\b(?:is|are|was|were|be|been|am|['’]re|['’]s)\s+(?:\w+ly\s+)?$", text[max(0, start - 20) : start]
        )
    )


_LONGEST_TITLE = 200  # code points
_LEAD = lazy(r"\n([^\n]{80})")
_LEAD_OPENING = 80


# Beyond these distances (code points) a day in the sentence dates something else more often than the saying (TimeBank,
# AQUAINT): behind the cue it stands in the words said, before it in what led to them.
_BEHIND, _BEFORE, _OPENING = 60, 45, 25
_CLAUSE = lazy(r"\b(?:that|was|were|had|has|he|she|it|they|would|will|over|of)\b")
_DATED = lazy(r"\b(?:dated|read|issued|aired|broadcast|published|released|filed) $")


def _said(text: str, claim: ClaimSpan, days: Sequence[Timex], document: DocumentDate | None) -> tuple[str, str] | None:
    start, end = claim.cue or (claim.start, claim.start)
    best: tuple[int, str, str] | None = None
    for timex in _within(days, *claim.sentence):
        day = day_of(timex)
        if day is None or timex.relation:
            continue
        if any(left < timex.end and timex.start < right for left, right in claim.spans):
            continue
        if document is not None and document.day is not None and day > document.day:
            continue
        if timex.end <= start and text[start : start + 9].lower() == "according":
            continue  # "arriving Tuesday, according to ...": the words before it are what was said
        gap = timex.start - end if timex.start >= end else start - timex.end
        if gap > ADJACENT and not _dates_the_saying(text, claim, timex, start, end, gap):
            continue
        if best is None or gap < best[0]:
            best = gap, day.isoformat(), "adjacent" if gap <= ADJACENT else "sentence"
    return (best[1], best[2]) if best else None


def _dates_the_saying(text: str, claim: ClaimSpan, timex: Timex, start: int, end: int, gap: int) -> bool:
    if timex.start >= end:
        return gap <= _BEHIND and (
            _CLAUSE.search(text, end, timex.start) is None
            or _DATED.search(text[max(0, timex.start - 12) : timex.start]) is not None
        )
    opens = timex.start - claim.sentence[0] <= _OPENING and not _CLAUSE.search(text, claim.sentence[0], timex.start)
    return gap <= _BEFORE or opens or _participle(text, start, end)


def _carried(text: str, number: int, claims: Sequence[ClaimSpan], done: Sequence[ClaimDate]) -> tuple[str, str] | None:
    claim = claims[number]
    follows = _CARRIES.match(text, claim.sentence[0], claim.sentence[1]) is not None
    for earlier in range(number - 1, -1, -1):
        known, before = done[earlier], claims[earlier]
        if claim.paragraph - before.paragraph > (1 if follows else 0):
            return None
        if known.source not in ("adjacent", "sentence", "carried") or known.edtf is None:
            continue
        if follows:
            return known.edtf.rstrip("~") + "~", "carried"
        if claim.speaker_key is not None and claim.speaker_key == before.speaker_key:
            return known.edtf, "carried"
    return None


_TOP = 250  # code points of the opening in which an agency's dateline stands
_DATELINE_DAYS = 3  # a dateline is that many days older than the publication at most


def _dateline(text: str, days: Sequence[Timex], document: DocumentDate | None) -> Timex | None:
    """The day of an agency's dateline ("PLACE, March 12 (AGENCY) --"), the day of writing; None without one."""
    if document is None or document.day is None:
        return None
    for timex in _within(days, 0, _TOP):
        day = day_of(timex)
        if (
            day is not None
            and 0 <= (document.day - day).days <= _DATELINE_DAYS
            and text[max(0, timex.start - 2) : timex.start] == ", "
            and _DATELINE_END.match(text, timex.end)
        ):
            return timex
    return None


_DATELINE_END = lazy(r"\s{0,3}(?:\([\w ./]{1,30}\)\s{0,3})?(?:--?|[—–_])")


def _about(claim: ClaimSpan, timexes: Sequence[Timex]) -> str | None:
    for timex in _within(timexes, claim.start, claim.end):
        inside = any(left <= timex.start and timex.end <= right for left, right in claim.spans)
        if inside and timex.edtf is not None and not timex.vague and timex.type in ("DATE", "TIME"):
            return timex.edtf
    return None


_NOUNS = {
    "announcement": "announc",
    "statement": "stat",
    "report": "report",
    "confirmation": "confirm",
    "admission": "admi",
    "warning": "warn",
    "declaration": "declar",
    "disclosure": "disclos",
    "denial": "den",
    "claim": "claim",
    "acknowledgment": "acknowledg",
    "acknowledgement": "acknowledg",
    "revelation": "reveal",
    "promise": "promis",
}
_MADE = lazy(
    r"\b(?:the|that|this|his|her|their|its)\s+(" + "|".join(_NOUNS) + r")\s+(?:was|were|came|is)\b"
    r"(?:\s+(?:made|released|published|issued|broadcast|aired|given|delivered|public|first))*\s*(?:on|late|"
    r"early|,)?\s*$",
    re.I,
)
_MADE_REACH = 90


def _filled_in(text: str, days: Sequence[Timex], claims: Sequence[ClaimSpan], done: list[ClaimDate]) -> list[ClaimDate]:
    """Date earlier claims by a later sentence about the act: "The announcement was made public on April 27"."""
    out = list(done)
    for timex in days:
        match = _MADE.search(text[max(0, timex.start - _MADE_REACH) : timex.start])
        day = day_of(timex)
        if match is None or day is None:
            continue
        stem = _NOUNS[match[1].lower()]
        for number in range(len(claims) - 1, -1, -1):
            claim = claims[number]
            if claim.sentence[0] >= timex.start or claim.cue is None or claim.voice != "attributed":
                continue
            if text[slice(*claim.cue)].lower().startswith(stem) and out[number].source in ("document", None):
                out[number] = ClaimDate(day.isoformat(), "carried", out[number].about_edtf, _CONFIDENCE["carried"])
                break
    return out
