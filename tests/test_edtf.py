"""EDTF values: what is read, what is refused, and the days they cover."""

import datetime

import pytest
from edtf import parse_edtf
from hypothesis import given
from hypothesis import strategies as st

from pipeline.annotate.dates import edtf
from pipeline.annotate.dates.values import UNITS, Period

DAYS = st.dates(datetime.date(1000, 1, 1), datetime.date(2999, 12, 31))
DATES = st.one_of(
    DAYS.map(datetime.date.isoformat),
    DAYS.map(lambda day: day.isoformat()[:7]),
    DAYS.map(lambda day: day.isoformat()[:4]),
    DAYS.map(lambda day: day.isoformat()[:3] + "X"),
)


def _oracle(text: str) -> tuple[datetime.date, datetime.date]:
    value = parse_edtf(text)
    return datetime.date(*value.lower_strict()[:3]), datetime.date(*value.upper_strict()[:3])


@given(DATES)
def test_bounds_of_dates_are_those_of_the_oracle(text: str) -> None:
    """A day, month, year or decade covers the days that the edtf library says."""
    assert edtf.bounds(text) == _oracle(text)


@given(DAYS, DAYS)
def test_bounds_of_closed_intervals_are_those_of_the_oracle(one: datetime.date, other: datetime.date) -> None:
    """A closed interval of days covers what the edtf library says."""
    text = edtf.interval(min(one, other).isoformat(), max(one, other).isoformat())

    assert edtf.bounds(text) == _oracle(text)


@pytest.mark.parametrize(
    ("text", "start", "end", "precision"),
    [
        ("2025-04-28", "2025-04-28", "2025-04-28", "day"),
        ("2024-02", "2024-02-01", "2024-02-29", "month"),
        ("19XX", "1900-01-01", "1999-12-31", "century"),
        ("2004-XX", "2004-01-01", "2004-12-31", "year"),
        ("2024-24", "2024-12-01", "2025-02-28", "season"),
        ("2024-30", "2024-12-01", "2025-02-28", "season"),
        ("2024-36", "2024-10-01", "2024-12-31", "quarter"),
        ("2024-41", "2024-07-01", "2024-12-31", "half"),
        ("2024-09~/..", "2024-09-01", None, "interval"),
        ("../2025-05", None, "2025-05-31", "interval"),
        ("2025-04-21/2025-04-27", "2025-04-21", "2025-04-27", "week"),
        ("{2025-04-24,2025-04-25}", "2025-04-24", "2025-04-25", "set"),
        ("[2025-04-27..2025-04-29]", "2025-04-27", "2025-04-29", "set"),
        ("-0043", None, None, "year"),
        ("XXXX-04-28", None, None, "unknown"),
    ],
)
def test_a_value_has_its_bounds_and_precision(text: str, start: str | None, end: str | None, precision: str) -> None:
    """Each form of our subset gives its first and last day, None for an open end, and its granularity."""
    value = edtf.parse(text)

    assert (str(value), value.precision) == (text, precision)
    assert [day and day.isoformat() for day in edtf.bounds(text)] == [start, end]
    assert edtf.precision(text) == precision


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "2025-04-31", "2023-02-29", "2025-13", "2025-2-1", "2025/2024", "1/2/3", "../..", "{}", "[2025",
     "199X-04", "XXXX-02-30", "2025-W17", "2025-04-28T10:00", "9" * 100_000],
)  # fmt: skip
def test_what_is_no_value_is_refused_in_a_short_message(text: str) -> None:
    """A string outside the subset raises a ValueError whose message stays short, however long the string."""
    with pytest.raises(ValueError, match="not an EDTF value") as error:
        edtf.parse(text)

    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("text", "mark", "marked"),
    [
        ("2025-04-26", "?", "2025-04-26?"),
        ("2025-04-26~", "?", "2025-04-26%"),
        ("2024-09~/2024-12", "?", "2024-09%/2024-12?"),
        ("../2025-04-26", "~", "../2025-04-26~"),
        ("199X", "~", "199X~"),
    ],
)
def test_a_qualifier_is_added_to_every_dated_part(text: str, mark: str, marked: str) -> None:
    """Doubt on an approximate value makes it both; open ends stay open."""
    assert edtf.qualify(text, mark) == marked
    assert edtf.parse(marked).qualifier in ("?", "~", "%")


@given(st.sampled_from(UNITS[:-1]), st.dates(datetime.date(1, 1, 8), datetime.date(9990, 1, 1)))
def test_a_period_holds_its_day_and_writes_its_own_bounds(unit: str, day: datetime.date) -> None:
    """Whatever the granularity, the period around a day covers it, and EDTF reads the same bounds back."""
    period = Period.containing(unit, day)

    if unit != "weekend" and period.first is not None and period.last is not None:
        assert period.first <= day <= period.last
    if period.valid:
        assert edtf.bounds(period.edtf) == (period.first, period.last)
