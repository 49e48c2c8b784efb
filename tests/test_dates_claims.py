"""When a claim was said, and when what it speaks of happened."""

from pipeline.annotate.dates import (
    ClaimDate,
    ClaimSpan,
    claim_dates,
    dated,
    document_date,
    find,
    predict_links,
    predict_timexes,
    said_on,
)

WRITTEN = document_date(metadata="2025-04-28")


def _claim(text: str, words: str, cue: str | None, *, paragraph: int = 0, speaker: str | None = None) -> ClaimSpan:
    start = text.index(words)
    at = text.index(cue) if cue else None
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    return ClaimSpan(
        start,
        start + len(words),
        ((start, start + len(words)),),
        None if at is None or cue is None else (at, at + len(cue)),
        (first, last if last >= 0 else len(text)),
        paragraph,
        speaker,
    )


def _dates(text: str, *claims: ClaimSpan) -> list[ClaimDate]:
    return claim_dates(text, find(text, WRITTEN), claims, WRITTEN)


def test_the_day_beside_the_cue_dates_the_claim() -> None:
    """A cue with its day ("said on Friday") dates the saying; a day inside the words dates what they speak of."""
    text = "The keeper said on Friday that the gate fell on April 3."
    (date,) = _dates(text, _claim(text, "the gate fell on April 3", "said"))

    assert (date.edtf, date.source, date.about_edtf) == ("2025-04-25", "adjacent", "2025-04-03")


def test_a_day_in_the_sentence_outside_the_words_dates_the_claim() -> None:
    """Without a day beside the cue, the nearest of the sentence outside the claim's own words counts."""
    text = "On Thursday, after a long meeting, the keeper said that it fell in May."
    (date,) = _dates(text, _claim(text, "it fell in May", "said"))

    assert (date.edtf, date.source, date.about_edtf) == ("2025-04-24", "sentence", "2024-05")


def test_later_carries_the_day_of_the_claim_before() -> None:
    """What "later, she added" introduces is of the same day, approximately."""
    text = "She said on Friday that it fell.\nLater, she added that it broke."
    dates = _dates(text, _claim(text, "it fell", "said"), _claim(text, "it broke", "added", paragraph=1))

    assert [(date.edtf, date.source) for date in dates] == [("2025-04-25", "adjacent"), ("2025-04-25~", "carried")]


def test_the_same_speaker_in_the_paragraph_carries_the_day() -> None:
    """The next words of the same speaker are of the same day; another speaker's are of the document's."""
    text = "Quill said on Friday that it fell.\nQuill told us it broke.\nOram noted it sank."
    dates = _dates(
        text,
        _claim(text, "it fell", "said", speaker="quill"),
        _claim(text, "it broke", "told", speaker="quill"),
        _claim(text, "it sank", "noted", speaker="oram"),
    )

    assert [(date.edtf, date.source) for date in dates] == [
        ("2025-04-25", "adjacent"),
        ("2025-04-25", "carried"),
        ("2025-04-28", "document"),
    ]


def test_a_later_sentence_dates_an_earlier_claim() -> None:
    """A sentence like "The announcement came on April 26" fills in the day of what was announced."""
    text = "The harbour announced it had closed.\nThe announcement came on April 26."
    (date,) = _dates(text, _claim(text, "it had closed", "announced"))

    assert (date.edtf, date.source) == ("2025-04-26", "carried")


def test_no_claim_is_later_than_its_document() -> None:
    """A day to come beside the cue is none on which something was said."""
    text = "The keeper said on May 9 that it will fall."
    (date,) = _dates(text, _claim(text, "it will fall", "said"))

    assert (date.edtf, date.source) == ("2025-04-28", "document")


def test_an_agency_dateline_is_the_day_of_writing() -> None:
    """Words without a day are of the dateline's day, not of the day of printing."""
    text = "PORT VELK, April 27 (TW) -- The keeper said that it fell."
    (date,) = _dates(text, _claim(text, "it fell", "said"))

    assert (date.edtf, date.source) == ("2025-04-27", "document")


def test_without_any_evidence_there_is_no_date() -> None:
    """No document date, no day in the text: null, without source or confidence."""
    text = "The keeper said that it fell."

    assert claim_dates(text, [], [_claim(text, "it fell", "said")], None) == [ClaimDate(None, None, None, None)]


def test_quoted_words_are_read_on_the_day_they_were_said() -> None:
    """Inside quotation marks "yesterday" counts from the day of the quote: the claim is about Thursday."""
    text = "“It fell yesterday,” the keeper said on Friday."
    timexes, (date,) = dated(text, [_claim(text, "“It fell yesterday,”", "said")], WRITTEN)

    assert [(t.text, t.value) for t in timexes] == [("yesterday", "2025-04-24"), ("Friday", "2025-04-25")]
    assert (date.edtf, date.about_edtf) == ("2025-04-25", "2025-04-24")


def test_events_of_saying_are_dated_by_their_words_alone() -> None:
    """Gold that gives only the verb is dated by the same rules."""
    text = "The keeper said Friday it fell. According to the log, it sank on March 3."
    events = [(text.index(word), text.index(word) + len(word)) for word in ("said", "According")]

    assert [day.edtf for day in said_on(text, events, find(text, WRITTEN), WRITTEN)] == ["2025-04-25", "2025-04-28"]


def test_the_evaluation_rows_are_predicted() -> None:
    """A row of the evaluation gives spans with type, value and confidence, and each event its day, in text order."""
    document = {"doc_id": "a", "dct": "2025-04-28T10:00:00", "text": "The keeper said Friday it fell."}
    rows = [{"doc_id": "a", "start": 11, "end": 15, "trigger": "said"}]

    assert predict_timexes(document) == {
        "doc_id": "a",
        "timexes": [{"start": 16, "end": 22, "type": "DATE", "value": "2025-04-25", "confidence": 0.87}],
    }
    assert predict_links(document, rows) == [{**rows[0], "date": "2025-04-25", "confidence": 0.97}]
