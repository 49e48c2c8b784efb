"""Rules and tagger as one decision."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotate.article import Article
from pipeline.annotate.attribution import attribute, bare_pieces, read
from pipeline.annotate.decision import Attribution, spoken
from pipeline.annotate.parse import parse


def _attributed(text: str) -> list[Attribution]:
    article = Article("d", None, text, tuple(bare_pieces(text)))
    return attribute(article, parse(text), read(article))


def _words(text: str, each: Attribution) -> tuple[list[str], str | None, str | None]:
    """Pieces of the content, cue and source in words."""
    cue, source = (text[slice(*span)] if span else None for span in (each.cue, each.source))
    return [text[slice(*span)] for span in each.spans], cue, source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Fishermen were told on Monday that the harbour would stay shut until the spring, the harbour board said.",
            ("Fishermen were told on Monday that the harbour would stay shut until the spring", "said"),
        ),
        ("The mayor is convinced that the dam will hold.", ("the dam will hold", "is convinced")),
    ],
)
def test_what_no_list_of_cues_holds_is_found(text, expected):
    """The tagger finds reported words whose cue or order the rules do not know."""
    (found,) = _attributed(text)

    pieces, cue, _ = _words(text, found)
    assert found.rule == "tagger"
    assert (pieces[0].rstrip(","), cue) == expected


def test_outer_marks_and_a_leading_that_are_not_content():
    """Whatever found it, a content begins and ends with the speaker's own words."""
    text = "Irena Solt said that the brigades had crossed. “We were asked,” she added. “We came.”"
    contents = [_words(text, each)[0] for each in _attributed(text)]

    assert contents[0] == ["the brigades had crossed"]
    assert [piece.rstrip(",") for piece in contents[1]] == ["We were asked", "We came."]


def test_turns_of_a_transcript_stay_whole():
    """Where labels tell who speaks, what is reported inside a turn is not cut out of it."""
    text = (
        "HOST: Good afternoon. The ministry said the dam is safe.\n\nBRANDT: I do not believe it.\n\n"
        "HOST: Why not?\n\nBRANDT: The engineers told us that the gate was old.\n\nHOST: Thank you for coming.\n"
    )

    assert [each.rule for each in _attributed(text)] == ["transcript"] * 5


def test_a_quotation_over_several_paragraphs_is_one_attribution():
    """Marks reopened at each paragraph and closed at the end hold one statement of three pieces."""
    text = (
        "President Tomas Velk spoke to the nation on Monday.\n\n“Citizens, we have waited for a long time.\n\n"
        "“We have waited and we have paid.\n\n“Now we act, and we shall win.”\n"
    )
    (quoted,) = [each for each in _attributed(text) if each.mode == "direct"]

    assert len(quoted.spans) == 3


def test_a_quotation_inside_another_names_its_parent():
    """An inner quotation points at the attribution that holds it."""
    text = "“He told us: ‘The gate will hold for a hundred years,’ and we believed him,” said Olga Renn."
    found = _attributed(text)
    inner = [each for each in found if each.parent is not None]

    assert len(inner) == 1
    assert _words(text, found[inner[0].parent])[2] == "Olga Renn"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The mayor said that the dam will hold.", 1),
        ("The mayor is convinced that the dam will hold.", 0),
        ("The mayor did not say who had opened the gate.", 0),
        ("We wrote on Friday that the colonel had resigned.", 0),
        ("“The dam will hold,” the mayor thinks.", 1),
    ],
)
def test_only_what_was_said_is_somebody_elses_statement(text, kept):
    """Beliefs, silence and the outlet's own words stay in the outlet's voice; quotation marks always tell of speech."""
    assert len(spoken(text, _attributed(text))) == kept


def test_a_title_in_quotation_marks_is_no_speech():
    """The name of a report is not what somebody said."""
    text = "The ministry published a report titled “Lessons of the Upper Valley” on Monday."

    assert spoken(text, _attributed(text)) == []


TEXTS = st.lists(
    st.sampled_from(
        ["Irena Solt", " said ", "that ", "“", "”", '"', "the dam ", "is safe", ", ", ". ", "\n\n", "HOST: ",
         "Quote: ", "‘", "’", "x"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@settings(max_examples=60)
@given(TEXTS)
def test_spans_are_ordered_parts_of_the_text_and_parents_come_from_the_list(text):
    """On any text: pieces in order, not empty, inside the text; a parent is another attribution."""
    found = _attributed(text)

    for number, each in enumerate(found):
        places = [point for span in each.spans for point in span]
        assert places == sorted(places)
        assert all(0 <= start < end <= len(text) for start, end in each.spans)
        assert each.parent is None or (each.parent != number and 0 <= each.parent < len(found))
