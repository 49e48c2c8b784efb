"""The document's date: the order of evidence, and what the text alone can tell."""

import datetime

import pytest

from pipeline.annotate.dates import DocumentDate, document_date

TEXT = "PORT VELK, April 27, 2025 — The gate was shut on Friday."


def test_better_evidence_wins() -> None:
    """Metadata, HTML, URL, dateline and text are asked in this order; what is no date is passed over."""
    evidence = {
        "metadata": "2025-04-30T09:00:00Z",
        "html_date": "2025-04-29",
        "url": "https://velk.example/2025/04/28/gate",
    }
    found = []
    for name in evidence:
        found.append(document_date(**evidence, text=TEXT))
        evidence[name] = "no date"
    found.append(document_date(**evidence, text=TEXT))

    assert [(date.edtf, date.source) for date in found] == [
        ("2025-04-30", "metadata"),
        ("2025-04-29", "html"),
        ("2025-04-28", "url"),
        ("2025-04-27", "dateline"),
    ]
    assert all(date.day == datetime.date.fromisoformat(date.edtf or "") for date in found)


def test_coarse_metadata_stay_coarse() -> None:
    """A month is the date of the document, and no day to count from."""
    assert document_date(metadata="2025-04") == DocumentDate("2025-04", "metadata", 0.99, None)


def test_nothing_is_later_than_the_collection() -> None:
    """A date after the day of collection is no evidence."""
    date = document_date(metadata="2025-06-01", url="https://velk.example/2025/04/28/gate", collected="2025-05-01")

    assert (date.edtf, date.source) == ("2025-04-28", "url")


@pytest.mark.parametrize(
    ("url", "edtf"),
    [
        ("https://velk.example/2025/04/28/gate", "2025-04-28"),
        ("https://velk.example/2025/apr/28/gate", "2025-04-28"),
        ("https://velk.example/20250428/gate", "2025-04-28"),
        ("https://velk.example/gate-2025-04-28.html", "2025-04-28"),
        ("https://velk.example/2025/04/31/gate", None),
        ("https://velk.example/article/1234567890", None),
        ("https://velk.example/2025/gate", None),
    ],
)
def test_a_url_tells_its_day(url: str, edtf: str | None) -> None:
    """A full date in the path is one; a month, an identifier or an impossible day is none."""
    assert document_date(url=url).edtf == edtf


@pytest.mark.parametrize(
    ("text", "edtf"),
    [
        ("A gate is shut\nApril 28, 2025\nThe gate was shut.", "2025-04-28"),
        ("A gate is shut\nBy Ada Quill | 28 April 2025 10:15 GMT\n\nThe gate was shut.", "2025-04-28"),
        ("PORT VELK, APRIL 28, 2025 (TW) -- The gate was shut.", "2025-04-28"),
        ("A gate is shut\nUpdated May 3, 2025\nPublished: 2 May 2025\n\nThe gate was shut.", "2025-05-02"),
    ],
)
def test_a_date_line_on_top_is_the_date(text: str, edtf: str) -> None:
    """A line that is a date, or an agency's dateline, is the date; the first publication before an update."""
    date = document_date(text=text)

    assert (date.edtf, date.source) == (edtf, "dateline")


def test_a_dateline_without_a_year_takes_it_from_the_collection() -> None:
    """A "Dec. 30" collected in January is of the year before."""
    assert document_date(text="PORT VELK, Dec. 30 (TW) - It shut.", collected="2025-01-03").edtf == "2024-12-30"


def test_a_day_told_is_a_lower_bound() -> None:
    """A day in the past tense bounds the date from below, the day of collection from above, and there is no anchor."""
    text = "The keeper spoke to us. The gate was shut on April 27, 2025, he said."

    assert document_date(text=text) == DocumentDate("2025-04-27/..", "text", 0.7, None)
    assert document_date(text=text, collected="2025-05-10").edtf == "2025-04-27/2025-05-10"


def test_weekdays_that_lead_up_to_a_day_make_it_an_estimate() -> None:
    """Saturday, Monday and April 28, a Monday, agree: the day is the date, approximately; a clash leaves the bound."""
    story = "On Saturday the keeper confirmed it. On Monday the gate was shut. On April {}, 2025 it was shown."

    assert document_date(text=story.format(28)).edtf == "2025-04-28~"
    assert document_date(text=story.format(29)).edtf == "2025-04-29/.."


def test_the_news_of_the_day_told_twice_is_an_estimate() -> None:
    """A dated event that opens the text and closes it is its news."""
    text = "The pier, sold on May 9, 2024, was old. Ropes lay idle. It was handed over on May 9, 2024."

    assert document_date(text=text).edtf == "2024-05-09~"


@pytest.mark.parametrize(
    "text",
    ["", "The gate will be shut on May 3, 2025.", "© 2025 Velk Wire. Archived on May 3, 2025", "It was shut on Friday.",
     "The 2000 Olympics were held.", "The loan is due by May 3, 2031."],
)  # fmt: skip
def test_no_evidence_gives_no_date(text: str) -> None:
    """Plans, footers, names and bare weekdays say nothing of the document's date."""
    assert document_date(text=text) == DocumentDate()


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("ISHEMAR, 13 June 2025 (MSTA). The government closed the market.", "2025-06-13"),
        ("THE NOON HOUR\nProgramme of Monday, 24 February 2025\nItem 2: Counting again\n", "2025-02-24"),
        ("Edition of 3 May 2021\n\nThe bridge was closed.", "2021-05-03"),
    ],
)
def test_a_dateline_may_end_in_its_agency_and_a_programme_in_its_day(text, day):
    """State agencies put a stop after their name, and broadcasters a word before the day."""
    found = document_date(text=text)

    assert (found.edtf, found.source) == (day, "dateline")


def test_a_day_beside_brackets_in_a_sentence_is_no_dateline():
    """Only a place in front makes a dateline."""
    found = document_date(text="The bridge fell on 13 June 2025 (see page 4). It was old.")

    assert found.source != "dateline"


@pytest.mark.parametrize(
    "head",
    [
        *(
            "Published on ",
            "First posted: ",
            "Released ",
            "Date: ",
            "Issued on ",
            "Last updated: ",
            "Created ",
            "Modified ",
        ),
        *("Programme of ", "Program for ", "Edition of ", "Issue ", "Broadcast from ", "By Ana Ferrant | ", ""),
    ],
)
def test_a_date_line_above_long_paragraphs_is_read_whatever_its_label(head: str) -> None:
    """A first look at each line spares most texts the grammar, and lets through every label of a date line."""
    body = f"The gate of the lower harbour was shut {'again and again ' * 8}by the guards."
    date = document_date(text=f"{head}27 April 2025\n\n{body}")

    assert (date.edtf, date.source) == ("2025-04-27", "dateline")
