"""What an expression means, and where in the document it is read."""

import datetime
from collections.abc import Callable
from typing import NamedTuple

from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.values import RANK, Period

USUAL = 0.9  # share of the expressions that annotators marked, where a rule says nothing else
_HEAD = 8  # code points before a day in which its paragraph begins, blanks and "On" between


class Reading(NamedTuple):
    """What an expression means.

    Attributes:
        type: DATE, TIME, DURATION or SET.
        value: TIMEX3 value when there is no period; a pattern with X when there is no anchor.
        period: the stretch of the calendar, None for durations, sets, vague words and unresolved patterns.
        until: last period of a range ("2009-2010"), None otherwise.
        mod: TIMEX3 modifier.
        part: part of day or clock time as a TIMEX3 suffix ("TMO", "T22:00").
        relative: the anchor or the memory was needed.
        confidence: share of such words that annotators marked at all; below 0.5 it is not reported.
        alternatives: other periods that the words allow.
        vague: now, recently, the future.
        edtf: EDTF value where it is not that of the period.
        end: end of the expression where its last words do not belong to it ("an hour" of "an hour later").
    """

    type: str = "DATE"
    value: str | None = None
    period: Period | None = None
    until: Period | None = None
    mod: str | None = None
    part: str | None = None
    relative: bool = False
    confidence: float = USUAL
    alternatives: tuple[Period, ...] = ()
    vague: bool = False
    edtf: str | None = None
    end: int | None = None


class Context:
    """Where the reading stands in the document; it changes as the reading goes on.

    Attributes:
        text: the whole text.
        anchor: the day of writing or saying, None when unknown.
        day_first: numeric dates are day before month; None when the text does not tell.
        southern: seasons of the southern hemisphere.
        leant: the earlier date of the text that the expression at hand was counted from, None when it was the anchor.
        outer: the coarser period that places the expression at hand ("last year" in "July last year"), None without
            one.
        memory: what was spoken of, by unit, in the order of the telling.
        last: what was spoken of last, of any unit.
        reported: offset and period of the quarter or half whose results were told last.
        narrated: end of the paragraph at hand and the explicit day that opens it.
    """

    def __init__(
        self, text: str, anchor: datetime.date | None, day_first: bool | None = None, southern: bool = False
    ) -> None:
        self.text = text
        self.anchor = anchor
        self.day_first = day_first
        self.southern = southern
        self.leant: Period | None = None
        self.outer: Period | None = None
        self.memory: dict[str, Period] = {}
        self.last: Period | None = None
        self.reported: tuple[int, Period] | None = None
        self.narrated: tuple[int, Period] | None = None

    def narrate(self, period: Period, start: int, end: int) -> None:
        """Note an explicit day that opens a paragraph (a line): its bare weekdays follow that day, up to its end."""
        head = self.text[max(0, start - _HEAD) : start]
        if ("\n" in head or start <= _HEAD) and head.rpartition("\n")[2].strip().lower() in ("", "on"):
            close = self.text.find("\n", end)
            self.narrated = (close if close >= 0 else len(self.text), period)

    def told(self, at: int) -> Period | None:
        """The day that opens the paragraph of the offset `at`, None without one."""
        return self.narrated[1] if self.narrated is not None and at < self.narrated[0] else None

    def remember(self, period: Period, at: int) -> None:
        """Note a resolved period for the expressions that lean on it."""
        self.memory.pop(period.unit, None)  # the order of the dictionary is that of the telling
        self.memory[period.unit] = period
        self.last = period
        if period.unit in ("quarter", "half"):
            self.reported = (at, period)

    def now(self, unit: str) -> Period | None:
        """The period of granularity `unit` that the anchor lies in."""
        return Period.containing(unit, self.anchor) if self.anchor else None

    def recent(self, unit: str) -> Period | None:
        """The period of that granularity spoken of last, seen at that granularity; else that of the anchor."""
        for known in reversed(self.memory.values()):
            if known.unit == unit or (RANK[known.unit] < RANK[unit] and known.first is not None):
                self.leant = known
                return known if known.unit == unit or known.first is None else Period.containing(unit, known.first)
        return self.now(unit)

    def latest_quarter(self) -> Period | None:
        """The quarter whose results the text speaks of: the last one named that is over, else the last before the
        anchor.
        """
        now = self.now("quarter")
        known = self.memory.get("quarter")
        if now is None or (known is not None and known.index < now.index):
            return known
        return now.shift(-1)


# TIMEX3 patterns of a period whose place nobody knows.
UNRESOLVED = {
    "day": "XXXX-XX-XX",
    "week": "XXXX-WXX",
    "weekend": "XXXX-WXX-WE",
    "month": "XXXX-XX",
    "quarter": "XXXX-QX",
    "year": "XXXX",
    "decade": "XXX",
    "century": "XX",
}
Reader = Callable[[Expression, Context], Reading | None]


def part_of_day(expression: Expression) -> str | None:
    """TIMEX3 suffix of the part of the day that an expression names, None without one."""
    part = expression.value("part")
    return part if isinstance(part, str) else None
