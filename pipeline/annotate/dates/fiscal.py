"""Quarters, halves and fiscal years, and the periods that results are compared with.

A fiscal year is written as the calendar year of its name, as TimeBank does ("fiscal 1989" is 1989, its first quarter
1989-Q1), although it may begin in any month: in EDTF both are `1989~`: no day is said that the words do not.
"""

from pipeline.annotate.dates.context import Context, Reader, Reading
from pipeline.annotate.dates.counting import count
from pipeline.annotate.dates.direction import future
from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.values import Period, duration


def _quarter(e: Expression, c: Context) -> Reading | None:
    number, unit = e.value("ord"), e.value("unit")
    if not isinstance(number, int) or not isinstance(unit, str) or number > (4 if unit == "quarter" else 2):
        return None
    per_year = 4 if unit == "quarter" else 2
    year = e.value("year")
    outer = c.outer
    if not isinstance(year, int):
        year = outer.year_number if outer is not None else None
    if isinstance(year, int):
        return Reading(period=Period(unit, year * per_year + number - 1), relative=outer is not None)
    now = c.now(unit)
    if now is None:
        return Reading(value=f"XXXX-{'Q' if unit == 'quarter' else 'H'}{number}")
    back = (now.index - (number - 1)) % per_year
    past, coming = now.shift(-back), now.shift(per_year - back)
    if "yearago" in e.parts:
        return Reading(period=past.shift(-per_year), relative=True)
    if e.word("which") in ("last", "past", "previous") or back == 0:
        return Reading(period=now.shift(-back if back or e.word("which") == "this" else 0), relative=True)
    if e.word("which") == "next":
        return Reading(period=coming, relative=True)
    forward = (future(e, c) and back > 1) or (e.word("which") == "this" and back > 2)
    chosen, other = (coming, past) if forward else (past, coming)
    return Reading(period=chosen, relative=True, alternatives=(other,))


def _quarters(e: Expression, c: Context) -> Reading | None:
    outer = c.outer
    number = count(e.parts["count"])
    if outer is not None and outer.unit == "year" and number == 2:
        return Reading(period=Period("half", outer.index * 2 + (0 if e.value("ord") == 1 else 1)), relative=True)
    if number is None:
        return None
    return Reading("DURATION", value=duration(number * 3, "month"))


def _qnum(e: Expression, c: Context) -> Reading | None:
    value = e.value("qnum")
    assert isinstance(value, tuple)
    unit, number = value
    year = e.value("year") or e.value("fy") or (c.outer.year_number if c.outer is not None else None)
    per_year = 4 if unit == "quarter" else 2
    if isinstance(year, int):
        return Reading(period=Period(unit, year * per_year + number - 1))
    now = c.now(unit)
    if now is None:
        return Reading(value=f"XXXX-{'Q' if unit == 'quarter' else 'H'}{number}")
    back = (now.index - (number - 1)) % per_year
    return Reading(period=now.shift(-back), relative=True, alternatives=(now.shift(per_year - back),))


def _yearago(e: Expression, c: Context) -> Reading | None:
    if e.parts["yearago"][0].value != "year" or c.anchor is None:
        return None
    quarter = c.memory.get("quarter")
    if "unit" in e.parts and e.value("unit") not in ("quarter", None):
        return None
    if quarter is None and e.value("unit") == "quarter":
        now = c.now("quarter")
        quarter = now.shift(-1) if now else None
    if quarter is not None:
        return Reading(period=quarter.shift(-4), relative=True)
    return Reading(period=Period.year(c.anchor.year - 1), relative=True)


def _yearquarter(e: Expression, c: Context) -> Reading | None:
    year, quarter = e.value("year"), c.memory.get("quarter")
    assert isinstance(year, int)
    if quarter is None:
        return Reading(period=Period.year(year), relative=True)
    return Reading(period=Period("quarter", year * 4 + quarter.index % 4), relative=True)


def _sameperiod(e: Expression, c: Context) -> Reading | None:
    outer = c.outer
    quarter = c.memory.get("quarter")
    if outer is not None and outer.unit == "year" and quarter is not None:
        return Reading(period=Period("quarter", outer.index * 4 + quarter.index % 4), relative=True)
    if outer is not None:
        return Reading(period=outer, relative=True)
    return Reading(period=quarter, relative=True, confidence=0.6) if quarter else None


READERS: dict[str, Reader] = {
    "quarter": _quarter,
    "quarters": _quarters,
    "qnum": _qnum,
    "yearago": _yearago,
    "yearquarter": _yearquarter,
    "sameperiod": _sameperiod,
}
