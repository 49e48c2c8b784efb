"""Temporal expressions: what is found, what it means, and what is no date."""

import datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotate.dates import Timex, document_date, edtf, find, find_all


def _found(text: str, day: str | None = "2025-04-28") -> list[Timex]:
    return find(text, document_date(metadata=day))


def _values(text: str, day: str | None = "2025-04-28") -> list[tuple[str, str]]:
    return [(timex.text, timex.value) for timex in _found(text, day)]


@pytest.mark.parametrize(
    ("day", "text", "expected"),
    [
        ("2025-04-28", "He came on Monday.", [("Monday", "2025-04-28")]),
        ("2025-04-28", "He came last Monday.", [("last Monday", "2025-04-21")]),
        ("2025-04-29", "The shelling resumed Monday night.", [("Monday night", "2025-04-28TNI")]),
        ("1989-10-10", "The plan failed late last July.", [("late last July", "1989-07")]),
        ("2025-04-28", "It rained in the first two weeks of March.", [("the first two weeks of March", "2025-03")]),
        ("2025-04-28", "The mill will close in five years.", [("five years", "2030")]),
        ("2025-04-28", "They built the mill in five years.", [("five years", "P5Y")]),
        ("2025-04-28", "It fell over the past two years.", [("the past two years", "P2Y")]),
        ("2025-04-28", "It fell last year.", [("last year", "2024")]),
        ("2025-04-28", "The strike came overnight.", [("overnight", "2025-04-28TNI")]),
        ("2025-04-28", "In the early hours of April 28 it sank.", [("the early hours of April 28", "2025-04-28TNI")]),
        ("2025-04-28", "The offer will end at midnight Friday.", [("midnight Friday", "2025-05-02T24:00")]),
        ("2025-04-28", "The call begins at 0800 UTC.", [("0800 UTC", "2025-04-28T08:00Z")]),
        ("2025-04-28", "In fiscal 2024 and FY25 it grew.", [("fiscal 2024", "2024"), ("FY25", "2025")]),
        ("2025-01-15", "This winter is mild, unlike last winter.", [("This winter", "2024-WI"),
                                                                    ("last winter", "2023-WI")]),
        ("2025-01-04", "They met on New Year's Eve.", [("New Year's Eve", "2024-12-31")]),
        ("2025-01-03", "They met on Dec. 30.", [("Dec. 30", "2024-12-30")]),
        ("2025-04-28", "It is due in 2020-W53.", [("2020-W53", "2020-W53")]),
        ("2025-04-28", "Since the October 7 attacks it is shut.", [("October 7", "2023-10-07")]),
        ("2025-04-28", "It was rare fifteen or twenty years ago.", [("fifteen", "2010"), ("twenty years ago", "2005")]),
        ("2025-04-28", "They met on April 24 and 25.", [("April 24", "2025-04-24"), ("25", "2025-04-25")]),
        ("2025-04-28", "They met on Jan. 5-7.", [("Jan. 5", "2025-01-05"), ("7", "2025-01-07")]),
        ("2025-04-28", "It was shut Monday to Wednesday last week.", [("Monday", "2025-04-21"),
                                                                      ("Wednesday last week", "2025-04-23")]),
        ("2025-04-28", "It opened in July last year.", [("July last year", "2024-07")]),
        ("2025-04-28", "It grew in this year's third quarter.", [("this year's third quarter", "2025-Q3")]),
        ("1999-10-24", "It began in the last half of the '80s.", [("the last half of the '80s", "198")]),
        ("2025-04-28", "On May 3 he left; two days later he was back.", [("May 3", "2025-05-03"),
                                                                         ("two days later", "2025-05-05")]),
        ("2025-04-28", "In June 2019 he left, and the following year he was back.", [("June 2019", "2019-06"),
                                                                                   ("the following year", "2020")]),
        ("2025-04-28", "They struck on Friday the 13th.", [("Friday the 13th", "2024-12-13")]),
        ("2025-04-28", "It was told the day before last Tuesday.", [("the day before last Tuesday", "2025-04-21")]),
        ("2025-04-28", "He was born in nineteen ninety-six.", [("nineteen ninety-six", "1996")]),
        ("2025-04-28", "The wall fell in 44 BC.", [("44 BC", "BC0044")]),
        ("2025-04-28", "They met on 28\u00a0April\u00a02025.", [("28\u00a0April\u00a02025", "2025-04-28")]),
        ("2025-04-28", "At this year’s end it shut, in Sept. Then it rained.", [("this year", "2025"),
                                                                               ("Sept", "2024-09")]),
        ("2025-04-28", "It shuts every Friday and each year.", [("every Friday", "XXXX-WXX-5"), ("each year", "P1Y")]),
        ("2025-04-28", "2025-04-27T08:30:00Z and 27.04.2025", [("2025-04-27T08:30:00Z", "2025-04-27T08:30Z"),
                                                               ("27.04.2025", "2025-04-27")]),
    ],
)  # fmt: skip
def test_an_expression_has_its_words_and_value(day: str, text: str, expected: list[tuple[str, str]]) -> None:
    """The expression's span and TIMEX3 value, read on the day given."""
    assert _values(text, day) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Russia Today showed it.", "a title"),
        ("USA TODAY showed it.", "a title"),
        ("The Sunday Times showed it.", "a title"),
        ("So Theresa May said.", "a verb or a name as often as a month"),
        ("The June Carver story.", "a name"),
        ("They March on.", "a verb or a name as often as a month"),
        ("Prices fall.", "a verb or a thing as often as a season"),
        ("A 22-year-old man came.", "an age"),
        ("A clerk, 45 years old, came.", "an age"),
        ("It cost $1998 then.", "money or a measure"),
        ("About 1998 soldiers came.", "a count"),
        ("He drove a 1998 Ford.", "a model year"),
        ("He ran Windows 2000.", "a number in a name"),
        ("It ended 10:30 to them.", "a score or a ratio"),
        ("It was shown on 60 Minutes.", "a title"),
        ("It ends on April 31.", "no such date, or no value"),
        ("It ended on 29 February 2023.", "no such date, or no value"),
        ("It ended in 2021-W53.", "no such date, or no value"),
    ],
)
def test_what_is_no_date_is_refused_with_the_reason(text: str, reason: str) -> None:
    """Names, titles, money, counts, ages and impossible days give no expression, and the log says why."""
    found = find_all(text, document_date(metadata="2025-04-28"))

    assert found.timexes == []
    assert reason in {reject.reason for reject in found.rejects}
    assert all(text[reject.start : reject.end] == reject.text for reject in found.rejects)


def test_a_second_and_nine_eleven_are_no_dates() -> None:
    """Words that only sometimes tell time are left alone without a cue."""
    assert _values("A second later the 9/11 memorial may open; march on, and the second man did.") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("It is ready by Friday.", "2025-05-02"),
        ("It was ready by Friday.", "2025-04-25"),
        ("She said it would open Thursday.", "2025-05-01"),
        ("Until Thursday, they had not called.", "2025-04-24"),
        ("It could come as soon as Wednesday.", "2025-04-30"),
        ("She spoke Wednesday.", "2025-04-23"),
        ("In June it rained.", "2024-06"),
        ("It will open in June.", "2025-06"),
    ],
)
def test_the_verb_tells_past_from_future(text: str, value: str) -> None:
    """A bare weekday or month is past unless the words around it say that it is still to come; the loser is kept."""
    (timex,) = _found(text)

    assert timex.value == value
    assert len(timex.alternatives) == 1


@pytest.mark.parametrize(
    ("text", "written", "relation"),
    [
        ("There since late 2024.", "2024-09~/..", "since"),
        ("There until May.", "../2025-05", "until"),
        ("There before 2025.", "../2024", "before"),
        ("There after 2026.", "2027/..", "after"),
        ("In December 2024.", "2024-12", None),
        ("In early April.", "2025-04-01/2025-04-10~", None),
        ("Around May 5.", "2025-05-05~", None),
        ("From 2009-2010.", "2009/2010", None),
        ("The past decade? No, the 1990s.", "199X", None),
        ("Later this year.", "2025-04-28~/2025-12-31", None),
        ("It is over now.", "2025-04-28~", None),
        ("The week of March 6.", "2025-03-03/2025-03-09", None),
    ],
)
def test_an_expression_has_its_edtf_value(text: str, written: str, relation: str | None) -> None:
    """Open, approximate and coarse expressions keep what they are in EDTF, with first and last day to match."""
    timex = next(timex for timex in _found(text) if timex.edtf is not None)

    assert (timex.edtf, timex.relation) == (written, relation)
    assert (timex.first, timex.last) == edtf.bounds(written)


def test_numeric_dates_follow_the_text_or_stay_open() -> None:
    """02/03/2025 keeps both readings until another date, or the caller, tells the order."""
    (open_date,) = _found("Signed 02/03/2025.")
    told = _values("Signed 02/03/2025, paid 25/12/2024.")
    (asked,) = find("Signed 02/03/2025.", None, day_first=True)

    assert (open_date.value, open_date.alternatives) == ("2025-02-03", ("2025-03-02",))
    assert told == [("02/03/2025", "2025-03-02"), ("25/12/2024", "2024-12-25")]
    assert (asked.value, asked.alternatives) == ("2025-03-02", ())


def test_seasons_follow_the_hemisphere() -> None:
    """The same summer lies half a year apart in the north and in the south."""
    (north,) = find("In the summer of 2024.", None)
    (south,) = find("In the summer of 2024.", None, southern=True)

    assert (north.edtf, north.first) == ("2024-22", datetime.date(2024, 6, 1))
    assert (south.edtf, south.first, south.value) == ("2024-30", datetime.date(2024, 12, 1), "2024-SU")


def test_without_a_document_date_nothing_is_guessed() -> None:
    """Relative expressions stay TIMEX3 patterns without days; explicit ones are placed."""
    found = _found("On Saturday, on April 28, last week and in December 2024.", None)

    assert [t.value for t in found] == ["XXXX-WXX-6", "XXXX-04-28", "XXXX-WXX", "2024-12"]
    assert [t.first for t in found] == [None, None, None, datetime.date(2024, 12, 1)]


def test_an_inferred_anchor_leaves_its_doubt_on_the_value() -> None:
    """What is counted from a day that was inferred from the text carries a question mark."""
    document = document_date(text="On Saturday it sank. On Monday it rose. On April 28, 2025 it was shown.")
    saturday = find("On Saturday it sank.", document)[0]

    assert (document.edtf, document.source) == ("2025-04-28~", "text")
    assert (saturday.edtf, saturday.anchor, saturday.anchor_source) == ("2025-04-26?", "2025-04-28~", "document")


def test_quoted_words_count_from_the_day_they_were_said() -> None:
    """The word "yesterday" in a statement of Saturday is Friday, while the article's own "yesterday" is its own."""
    text = "“It fell yesterday,” he said. It rained yesterday."
    inside, outside = find(
        text, document_date(metadata="2025-04-28"), quotes=[(0, 20)], quote_days=[datetime.date(2025, 4, 26)]
    )

    assert (inside.value, inside.anchor_source) == ("2025-04-25", "quote")
    assert (outside.value, outside.anchor_source) == ("2025-04-27", "document")


def test_memory_says_what_it_counted_from() -> None:
    """The words "that day" name the earlier date of the text as its anchor."""
    that_day = _found("On May 3, 2019 he left. That day it rained.")[1]

    assert (that_day.value, that_day.anchor, that_day.anchor_source) == ("2019-05-03", "2019-05-03", "text")


_WORDS = st.sampled_from(
    [
        "May",
        "March",
        "5",
        "31",
        "1998",
        ",",
        ".",
        "-",
        "of",
        "the",
        "last",
        "next",
        "two",
        "week",
        "years",
        "ago",
        "Friday",
        "night",
        "'",
        "'90s",
        "half",
        "early",
        "end",
        "Q3",
        "Christmas",
        "and",
        "to",
        "“",
        "”",
        "’s",
        "10:30",
        "a.m.",
        "1/1/2000",
        "2025-04-28",
        "BC",
        "99999",
        "\n",
        "\xa0",
        "é",
        "since",
        "until",
        "few",
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=20).map(" ".join)), st.dates())
def test_any_text_gives_ordered_expressions_with_readable_values(text: str, day: datetime.date) -> None:
    """Whatever the text and the day: no crash, spans in order, the text's own words, EDTF that parses to its days."""
    found = _found(text, day.isoformat())

    assert all(timex.text == text[timex.start : timex.end] and timex.value for timex in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all((t.first, t.last) == edtf.bounds(t.edtf) for t in found if t.edtf is not None)


@pytest.mark.parametrize(
    "text", ["1" * 10_000_000, "1/" * 5_000_000, "May " * 60_000, "'8" * 200_000, "1998 " * 20_000]
)
def test_hostile_text_of_any_length_is_read_to_its_end(text: str) -> None:
    """Ten million digits, endless slashes and endless months are read without a crash."""
    assert all(timex.end <= len(text) for timex in find(text, document_date(metadata="2025-04-28")))
