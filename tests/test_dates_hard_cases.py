"""Hard cases of dates, one by one: what the words mean, and what they must not be made to mean."""

import datetime

import pytest

from pipeline.annotate.dates import Timex, document_date, find, find_all
from pipeline.annotate.dates.confidence import OPEN_FIGURES, RATES, REST


def _found(text: str, day: str | None = "2025-04-28", *, southern: bool = False) -> list[Timex]:
    return find(text, document_date(metadata=day), southern=southern)


def _values(text: str, day: str | None = "2025-04-28") -> list[tuple[str, str]]:
    return [(timex.text, timex.value) for timex in _found(text, day)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The mill ran from 2009 to 2011.", [("2009", "2009"), ("2011", "2011")]),
        ("The ferry rests between March and May.", [("March", "2025-03"), ("May", "2025-05")]),
        ("The ferry rested from April to June 2023.", [("April", "2023-04"), ("June 2023", "2023-06")]),
        ("The ferry rested from December 2023 to March.", [("December 2023", "2023-12"), ("March", "2024-03")]),
        ("The ferry will rest from December to March 2026.", [("December", "2025-12"), ("March 2026", "2026-03")]),
        ("It was shut from April 3 to April 9, 2024.", [("April 3", "2024-04-03"), ("April 9, 2024", "2024-04-09")]),
        ("It was shut from May 3, 2019 through May 9.", [("May 3, 2019", "2019-05-03"), ("May 9", "2019-05-09")]),
        ("It was shut between Dec. 30 and Jan. 2.", [("Dec. 30", "2024-12-30"), ("Jan. 2", "2025-01-02")]),
        ("It was shut from Monday to Wednesday.", [("Monday", "2025-04-21"), ("Wednesday", "2025-04-23")]),
        ("It will be shut Monday through Wednesday.", [("Monday", "2025-04-28"), ("Wednesday", "2025-04-30")]),
        ("It was shut Friday to Monday.", [("Friday", "2025-04-25"), ("Monday", "2025-04-28")]),
    ],
)
def test_a_range_in_words_is_two_expressions_that_run_forward(text: str, expected: list[tuple[str, str]]) -> None:
    """Each end has its own value, an end without a year takes its place from the other, and none is joined."""
    found = _found(text)

    assert [(timex.text, timex.value) for timex in found] == expected
    assert all(timex.edtf == timex.value and timex.relation is None for timex in found)


def test_the_end_that_was_moved_names_the_other_as_its_anchor() -> None:
    """The reader sees what the day was counted from, and where it would have been without the range."""
    moved, fixed = _found("It was shut from April 3 to April 9, 2024.")

    assert (moved.anchor, moved.anchor_source, moved.alternatives) == ("2024-04-09", "text", ("2025-04-03",))
    assert (fixed.anchor, fixed.alternatives) == (None, ())


def test_an_impossible_range_leaves_its_ends_alone() -> None:
    """No year near 2023 has both days, so neither is moved."""
    assert _values("It ran from Feb. 29 to March 2, 2023.") == [
        ("Feb. 29", "2024-02-29"),
        ("March 2, 2023", "2023-03-02"),
    ]


@pytest.mark.parametrize(
    ("text", "value", "day"),
    [
        ("She rang at 0400 GMT Saturday.", "2025-04-26T04:00Z", "2025-04-26"),
        ("She rang at 0800 UTC on April 27.", "2025-04-27T08:00Z", "2025-04-27"),
        ("She rang at 11 p.m. EST Friday.", "2025-04-25T23:00", "2025-04-25"),
        ("She rang at 8 p.m. CET on Tuesday.", "2025-04-22T20:00+01:00", "2025-04-22"),
        ("She rang at 23:30 (BST) on Friday.", "2025-04-25T23:30+01:00", "2025-04-25"),
        ("She rang at midnight JST Friday.", "2025-04-25T24:00+09:00", "2025-04-25"),
        ("Logged 2025-04-27T23:30:00-05:00.", "2025-04-27T23:30-05:00", "2025-04-27"),
    ],
)
def test_a_clock_time_keeps_its_zone_and_the_day_it_names(text: str, value: str, day: str) -> None:
    """The day is the one in the words: nothing is converted, so no neighbouring day is invented."""
    (timex,) = _found(text)

    assert (timex.type, timex.value, timex.edtf) == ("TIME", value, day)
    assert timex.first == timex.last == datetime.date.fromisoformat(day)


@pytest.mark.parametrize(
    ("text", "words", "value", "written"),
    [
        ("In fiscal 1989 it grew.", "fiscal 1989", "1989", "1989~"),
        ("In FY25 it grew.", "FY25", "2025", "2025~"),
        ("In the 2024 fiscal year it grew.", "the 2024 fiscal year", "2024", "2024~"),
        ("In the last fiscal year it grew.", "the last fiscal year", "2024", "2024~"),
        ("In the financial year 2023-24 it grew.", "the financial year 2023-24", "2023", "2023~/2024~"),
        ("In Q1 FY25 it grew.", "Q1 FY25", "2025-Q1", "2025~"),
        ("In Q1 of fiscal 2024 it grew.", "Q1 of fiscal 2024", "2024-Q1", "2024~"),
        ("In the first quarter of fiscal 2024 it grew.", "the first quarter of fiscal 2024", "2024-Q1", "2024~"),
        ("In the first half of fiscal 2024 it grew.", "the first half of fiscal 2024", "2024-H1", "2024~"),
        ("In late fiscal 2024 it grew.", "late fiscal 2024", "2024", "2024~"),
        ("Since fiscal 2024 it grows.", "fiscal 2024", "2024", "2024~/.."),
        ("Before fiscal 2024 it grew.", "fiscal 2024", "2024", "../2023~"),
        ("Before Q1 FY25 it grew.", "Q1 FY25", "2025-Q1", "../2025~"),
    ],
)
def test_a_fiscal_period_is_its_year_approximately(text: str, words: str, value: str, written: str) -> None:
    """Nobody says when a fiscal year begins: the year is approximate, and its quarters have no days of their own."""
    (timex,) = _found(text)

    assert (timex.text, timex.value, timex.edtf) == (words, value, written)


@pytest.mark.parametrize(
    ("day", "southern", "text", "written"),
    [
        ("2025-01-10", False, "It froze this winter.", "2024-24"),
        ("2025-01-10", False, "It froze last winter.", "2023-24"),
        ("2025-01-10", False, "It will freeze next winter.", "2025-24"),
        ("2024-12-10", False, "It freezes this winter.", "2024-24"),
        ("2025-04-28", False, "It froze in the winter of 2023-24.", "2023-24"),
        ("2025-06-20", False, "It rained this spring.", "2025-21"),
        ("2025-01-10", True, "It burnt this summer.", "2024-30"),
        ("2025-01-10", True, "It burnt last summer.", "2023-30"),
        ("2025-01-10", True, "It burnt in the summer of 2023-24.", "2023-30"),
        ("2025-07-10", True, "It froze this winter.", "2025-32"),
    ],
)
def test_a_season_over_the_years_end_belongs_to_the_year_it_began_in(
    day: str, southern: bool, text: str, written: str
) -> None:
    """In January the winter, and in the south the summer, is the one that began in December."""
    (timex,) = _found(text, day, southern=southern)

    assert timex.edtf == written


def test_a_winter_with_one_year_may_have_ended_in_it() -> None:
    """The words do not say which of the two winters of 2024 it was: the other is kept."""
    winter, summer = _found("The winter of 2024 was mild, unlike the summer of 2024.")

    assert (winter.value, winter.edtf, winter.alternatives) == ("2024-WI", "2024-24", ("2023-24",))
    assert (winter.first, winter.last) == (datetime.date(2024, 12, 1), datetime.date(2025, 2, 28))
    assert summer.alternatives == ()


STORY = (
    "The lock gate is open again.\n"
    "On March 3, 2025, a barge struck it. On Friday divers came, and on Saturday night it held. "
    "The harbour said Tuesday that it was safe.\n"
    "On Thursday boats passed."
)


def test_weekdays_of_a_paragraph_follow_the_day_that_opens_it() -> None:
    """In that paragraph they follow its day, except beside a verb of saying; elsewhere they are the document's."""
    found = _found(STORY)

    assert [(t.text, t.value, t.anchor, t.anchor_source) for t in found] == [
        ("March 3, 2025", "2025-03-03", None, None),
        ("Friday", "2025-03-07", "2025-03-03", "text"),
        ("Saturday night", "2025-03-08TNI", "2025-03-03", "text"),
        ("Tuesday", "2025-04-22", "2025-04-28", "document"),
        ("Thursday", "2025-04-24", "2025-04-28", "document"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "They met on March 3. On Friday it fell.",
        "March 3, 2025\nOn Friday it fell.",
        "On 3/4/2025 it shook. On Friday it fell.",
    ],
)
def test_a_day_that_opens_nothing_moves_no_weekday(text: str) -> None:
    """A day inside a sentence, on a line of its own, or of two readings leaves the weekday to the document."""
    assert _found(text)[-1].value == "2025-04-25"


def test_a_weekday_still_to_come_is_the_documents() -> None:
    """A paragraph of the past may end with a plan, and no weekday told is later than the document."""
    plan = _found("On March 3 it fell. The crew will leave on Friday.")
    late = _found("On April 24 it fell. On Wednesday it was raised.")

    assert [timex.value for timex in plan] == ["2025-03-03", "2025-05-02"]
    assert [timex.value for timex in late] == ["2025-04-24", "2025-04-23"]


@pytest.mark.parametrize(
    ("day", "text", "expected"),
    [
        ("2025-04-28", "The vote is set for early next week.", [("early next week", "2025-W19")]),
        ("2025-04-28", "It rained in the 1990s and in the early 20th century.",
         [("the 1990s", "199"), ("the early 20th century", "19")]),
        ("2025-04-28", "It took at least three days.", [("at least three days", "P3D")]),
        ("2025-04-28", "In the second half of 2024 it fell.", [("the second half of 2024", "2024-H2")]),
        ("2025-04-28", "He left in June 2019; a year earlier he was well.",
         [("June 2019", "2019-06"), ("a year earlier", "2018")]),
        ("2025-04-28", "He left in June 2019. The following month he was back.",
         [("June 2019", "2019-06"), ("The following month", "2019-07")]),
        ("2025-04-28", "On May 3, 2019 he left. That day it rained.",
         [("May 3, 2019", "2019-05-03"), ("That day", "2019-05-03")]),
        ("2025-04-28", "It fell in the third quarter of 2024. For the quarter, sales were flat.",
         [("the third quarter of 2024", "2024-Q3"), ("the quarter", "2024-Q3")]),
        ("2025-04-28", "It rose in the third quarter of 2024, unlike the same period of 2023.",
         [("the third quarter of 2024", "2024-Q3"), ("the same period of 2023", "2023-Q3")]),
        ("2025-04-28", "The weekend of March 8 was wet.", [("The weekend of March 8", "2025-W10-WE")]),
        ("2025-04-28", "It has been shut since the September 11 attacks.", [("September 11", "2001-09-11")]),
        ("2025-04-28", "A leap day, 29 February 2024, it was.", [("29 February 2024", "2024-02-29")]),
        ("2025-01-03", "It sank last December, on Dec. 30.", [("last December", "2024-12"), ("Dec. 30", "2024-12-30")]),
        ("2025-04-28", "It was shut on Sept. 3, and in SEPT. 2024.", [("Sept. 3", "2024-09-03"),
                                                                     ("SEPT. 2024", "2024-09")]),
        ("2025-04-28", "August Wilder came in August.", [("August", "2024-08")]),
        ("2025-04-28", "It sank in mid-November, after a 30-day search.", [("mid-November", "2024-11"),
                                                                          ("30-day", "P30D")]),
        ("2025-04-28", "It reopened at 12:30 a.m. Saturday.", [("12:30 a.m. Saturday", "2025-04-26T00:30")]),
        ("2025-04-28", "It rose within a month; a month ago it fell.", [("a month", "P1M"),
                                                                       ("a month ago", "2025-03")]),
        ("2025-04-28", "The talks took two or three days.", [("two or three days", "P2D")]),
    ],
)  # fmt: skip
def test_a_hard_expression_has_its_words_and_value(day: str, text: str, expected: list[tuple[str, str]]) -> None:
    """The expression's span and TIMEX3 value, read on the day given."""
    assert _values(text, day) == expected


def test_a_line_break_inside_a_date_of_wrapped_text_parts_nothing() -> None:
    """In hard-wrapped text a date may run over the line's end; its span keeps the break."""
    (timex,) = _found("They gathered in the long hall beside the old river gate on April\n28, 2025, and sat.")

    assert (timex.text, timex.value) == ("April\n28, 2025", "2025-04-28")


def test_a_year_in_a_name_is_no_date_of_the_document() -> None:
    """A contest named after its year is in the text a year, and says nothing of when the text was written."""
    text = "The 2000 Olympics were long over."

    assert _values(text) == [("2000", "2000")]
    assert document_date(text=text).edtf is None


def test_a_reprint_keeps_the_day_it_was_first_published() -> None:
    """Of two lines on top, the one that does not speak of an update is the date."""
    text = "A gate is shut\nPublished: 2 May 2024\nUpdated: 27 April 2025\n\nIt was shut.\n\nArchived 1 May 2025"

    assert document_date(text=text).edtf == "2024-05-02"


def test_every_expression_has_the_measured_rate_of_its_family() -> None:
    """Rates are probabilities of two decimals; an open figure date is one reading of two, a rare family the rest."""
    friday, feast, figures, settled = _found("It rained Monday, at Easter, on 02/03/2025 and on 2025-03-04.")

    assert all(0 < rate < 1 and rate == round(rate, 2) for rate in (*RATES.values(), REST))
    assert [friday.confidence, feast.confidence, figures.confidence, settled.confidence] == [
        RATES["weekday"],
        REST,
        OPEN_FIGURES,
        RATES["monthday"],
    ]


def test_what_people_seldom_mark_is_refused_with_the_reason() -> None:
    """A word that annotators leave alone more often than not gives no expression, and the log says why."""
    found = find_all("The annual report is due.", document_date(metadata="2025-04-28"))

    assert (found.timexes, [reject.reason for reject in found.rejects]) == ([], ["seldom marked as a date"])


@pytest.mark.parametrize(
    ("text", "value"),
    [("Sales fell in week 53 of 2020.", "2020-W53"), ("In week 7, 2024 it rained.", "2024-W07")],
)
def test_a_numbered_week_is_that_of_iso_8601(text, value):
    """A week told by its number has its ISO value and, in EDTF, its seven days."""
    (found,) = find(text, None)

    assert (found.value, found.precision, (found.last - found.first).days) == (value, "week", 6)


def test_a_week_that_the_year_has_not_is_no_date():
    """2021 had 52 weeks: its week 53 is refused, with a reason."""
    found = find_all("It rose in week 53 of 2021.", None)

    assert "week 53 of 2021" in {reject.text for reject in found.rejects}
    assert not any("week" in timex.text for timex in found.timexes)
