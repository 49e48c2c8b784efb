"""Stance: of an outlet toward a claim, and toward persons, organisations and countries, in its own voice alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import schema
from pipeline.annotate import stance
from pipeline.annotate.article import Article, Piece
from pipeline.annotate.attribution import attribute, read
from pipeline.annotate.parse import parse
from pipeline.annotate.targets import Target, targets


def article(text: str) -> Article:
    """An article whose every line is a body paragraph."""
    pieces = tuple(Piece("body", *line.span()) for line in re.finditer(r"[^\n]+", text))
    return Article("d0000000000000000", "The Red Lantern", text, pieces)


def found(text: str) -> dict[str, Target]:
    """The targets of a text by name."""
    one = article(text)
    return {target.name: target for target in targets(one, parse(one.text))}


def stances(text: str) -> dict[str, stance.Stance]:
    """The stances of a text by target."""
    one = article(text)
    doc = parse(one.text)
    return {row.target: row for row in stance.assess(one, doc, attribute(one, doc, read(one)), targets(one, doc))}


# Toward a claim


@pytest.mark.parametrize(
    ("expected", "alignment", "voice", "frame"),
    [
        ("endorses", None, "outlet", ""),
        ("endorses", "endorses", "attributed", "Solt confirmed"),
        ("reports", "reports", "attributed", "Solt said"),
        ("reports", None, "attributed", ""),
        ("distances", "distances", "attributed", "the Front claimed"),
        ("reports", "endorses", "attributed", "Solt did not confirm"),
        ("reports", "endorses", "attributed", "the ministry declined to confirm"),
        ("distances", "reports", "attributed", "the so-called commission said"),
        ("distances", "reports", "attributed", "the “people's court” ruled"),
        ("distances", None, "outlet", "allegedly"),
    ],
)
def test_the_outlets_own_words_tell_how_it_stands_to_a_claim(
    expected: str, alignment: str | None, voice: str, frame: str
) -> None:
    """Its own voice and factive cues endorse; negation takes that back; hedges and scare quotes distance."""
    negated, hedged = stance.negates(frame), stance.withholds_belief(frame)

    label, confidence = stance.claim_stance(alignment, voice=voice, negated=negated, hedged=hedged)

    assert (label, confidence) == (expected, None)


# Targets

BRIGADES = (
    "Defence minister Irena Solt met the press in Velin. Solt was late. Maruvia had said nothing for months, and Solt "
    "said little more.\n"
    "The Valley Front holds the northern road. The Front has no tanks. The Valley Front has cattle.\n"
    "Maruvia borders Kestria. Maruvian officials left Port Amsel on Monday. The bridge at Lower Harl is closed; "
    "Lower Harl has no power, and the road to Lower Harl is blocked."
)


def test_names_lead_to_the_fullest_form_and_its_kind() -> None:
    """Surnames, shorter forms and adjectives are mentions of the fullest name; places are no targets."""
    assert {(t.name, t.kind, len(t.mentions)) for t in found(BRIGADES).values()} == {
        ("Irena Solt", "person", 3),
        ("Valley Front", "organisation", 3),
        ("Maruvia", "country", 3),
    }


def test_mentions_are_the_words_of_the_text() -> None:
    """Each mention is a span of the text that holds a form of the name."""
    solt = found(BRIGADES)["Irena Solt"]

    assert [BRIGADES[start:end] for start, end in solt.mentions] == ["Irena Solt", "Solt", "Solt"]


def test_a_country_is_known_by_its_names_adjectives_and_capital() -> None:
    """Names, adjectives beside state nouns and a capital that acts are one country; a mere place is not."""
    text = (
        "Norway signed first. Norwegian officials were pleased, and Oslo thanked the hosts. A storm closed the port in "
        "Oslo. Norwegian salmon is cheap this year."
    )

    assert [text[start:end] for start, end in found(text)["Norway"].mentions] == ["Norway", "Norwegian", "Oslo"]


def test_a_name_inside_a_longer_name_is_not_the_country() -> None:
    """A newspaper or bank that bears a country's name is no mention of the country."""
    text = "Norway Today wrote it. Norway Today repeated it. The Bank of Norway was silent. Norway Today laughed."

    assert "Norway" not in found(text)


def test_a_leaders_regime_is_the_country() -> None:
    """'Velk's regime' speaks of the country that is named around Velk."""
    text = (
        "President Tomas Velk rules Maruvia. Maruvian towns are small. Velk sleeps badly in Maruvia. "
        "Velk's regime is afraid."
    )

    assert [text[start:end] for start, end in found(text)["Maruvia"].mentions] == ["Maruvia", "Maruvia", "Velk"]


def test_few_mentions_make_no_target() -> None:
    """A name that is mentioned twice is not salient."""
    assert found("Maruvia waited. Maruvian officials waited.") == {}


# Toward a target

REGIME = (
    "The Kestrian regime sent the brigades at night. Kestria invaded the valley in spring. "
    "Kestria, desperate for money, sold the forest. Officials met Kestria on Monday."
)


def test_naming_acts_and_modifiers_make_an_outlet_negative() -> None:
    """Three sentences against and none for is negative, with an interval below 0 and the words that decided."""
    row = stances(REGIME)["Kestria"]

    assert (row.polarity, row.target_kind, row.sentences_outlet) == ("negative", "country", 4)
    assert (row.sentences_negative, row.sentences_positive) == (3, 0)
    assert row.score_low <= row.score <= row.score_high < 0
    assert {REGIME[start:end] for start, end in row.evidence} == {"regime", "invaded", "desperate"}
    assert REGIME[slice(*row.evidence[0])] == "regime"


def test_the_attacked_is_not_spoken_against() -> None:
    """Whoever suffers a negative act gets no negative sentence by it; whoever commits it does."""
    text = (
        "Kestria invaded Taldonia. Kestria bombed Taldonia. Kestria occupied Taldonia. "
        "Kestrian and Taldonian roads closed."
    )

    rows = stances(text)

    assert rows["Kestria"].sentences_negative == 3
    assert rows["Taldonia"].polarity != "negative"


def test_quoted_and_reported_words_do_not_count() -> None:
    """What others say of a target is counted apart and never sums into the outlet's stance."""
    text = (
        "Kestria signed the paper on Monday. Kestria has two ports. Kestria borders the lake.\n"
        "“The Kestrian regime is a gang of bandits,” Teal said. “Kestria is a corrupt and brutal state.”\n"
        "Teal said that Kestria had invaded the valley."
    )

    row = stances(text)["Kestria"]

    assert (row.polarity, row.sentences_outlet, row.sentences_negative) == ("neutral", 3, 0)
    assert row.sentences_attributed == 3
    assert row.quote_selection < 0


def test_taking_all_quotations_away_leaves_the_stance() -> None:
    """The outlet's stance does not move when everything in quotation marks is removed."""
    quote = "\n“Kestria is a glorious and heroic state,” Teal said. “We love Kestria.”"

    with_quotes, without = stances(REGIME + quote)["Kestria"], stances(REGIME)["Kestria"]

    assert (with_quotes.polarity, with_quotes.score) == (without.polarity, without.score)


def test_praise_that_somebody_gives_is_not_the_outlets() -> None:
    """'Teal hailed ...' outside quotation marks is Teal's praise: the sentence is left out of the outlet's."""
    text = (
        "Joran Teal hailed Kestria as a heroic and glorious nation. Kestria has two ports. Kestria borders the lake. "
        "Kestria has a Kestrian bridge."
    )

    row = stances(text)["Kestria"]

    assert (row.sentences_outlet, row.sentences_attributed, row.sentences_positive) == (3, 1, 0)


def test_harsh_words_of_a_target_do_not_speak_against_it() -> None:
    """What a target itself says against others is its evaluation, and does not make the outlet negative toward it."""
    text = (
        "Kestria vilified the weak and guilty general over his failing attacks. Kestria has two ports. "
        "Kestrian roads are long, and Kestria borders the lake."
    )

    row = stances(text)["Kestria"]

    assert (row.sentences_outlet, row.sentences_negative) == (3, 0)


def test_below_three_sentences_nothing_is_assessed() -> None:
    """Two sentences in the outlet's own voice are too few, however harsh: null score, no polarity."""
    row = stances("The Kestrian regime lied to Kestria. The corrupt Kestrian regime fell.")["Kestria"]

    assert (row.polarity, row.score, row.score_low, row.score_high) == ("insufficient", None, None, None)


def test_two_sentences_of_each_sign_are_mixed() -> None:
    """At least two sentences for and two against are mixed."""
    text = (
        "Kestria invaded the valley. The Kestrian regime lied. Kestria rescued the miners. "
        "The heroic Kestrian state rescued the sailors."
    )

    row = stances(text)["Kestria"]

    assert (row.polarity, row.sentences_negative, row.sentences_positive) == ("mixed", 2, 2)


def test_negated_acts_do_not_count() -> None:
    """What a target did not do does not speak against it."""
    text = "Kestria did not invade the valley. Kestria never bombed a town. Kestria has Kestrian ports."

    assert stances(text)["Kestria"].sentences_negative == 0


@pytest.mark.parametrize("other", ["Taldonia", "Norway", "Peru", "Iran", "Russia", "Ukraine"])
def test_exchanging_names_keeps_the_stance(other: str) -> None:
    """The stance belongs to the words, not to the name: another country in its place gets the same row."""
    adjective = {"Norway": "Norwegian", "Peru": "Peruvian"}.get(other, other.removesuffix("e") + "ian")
    adjective = {"Taldonia": "Taldonian", "Iran": "Iranian", "Russia": "Russian"}.get(other, adjective)
    swapped = REGIME.replace("Kestrian", adjective).replace("Kestria", other)

    before, after = stances(REGIME)["Kestria"], stances(swapped)[other]

    assert (before.polarity, before.score, before.sentences_negative) == (
        after.polarity,
        after.score,
        after.sentences_negative,
    )


@pytest.mark.parametrize("text", ["", "\n", "?", "“", "It rained.", "- one\n- two\n- three", "“All of it,” he said."])
def test_texts_without_a_target_have_no_row(text: str) -> None:
    """Empty texts, lists and texts that are all quotation give no rows, and no error."""
    assert stances(text) == {}


def test_the_columns_are_those_of_the_schema() -> None:
    """A stance has every column of `stances` but the keys, and its polarities are those of the schema."""
    table = schema.load("stances")
    keys = {"stance_id", "document_id", "outlet", "annotator"}

    assert {field.name for field in table.fields} - keys == set(stance.Stance.__slots__)
    assert stances(REGIME)["Kestria"].polarity in table.field("polarity").labels


# The interval

COUNTS = st.tuples(st.integers(0, 25), st.integers(0, 25), st.integers(0, 25))


@given(COUNTS)
def test_the_interval_holds_the_score_and_has_no_side(counts: tuple[int, int, int]) -> None:
    """-1 <= low <= score <= high <= 1, and exchanging for and against mirrors all three."""
    neutral, negative, positive = counts
    n = neutral + negative + positive

    score, low, high = stance.interval(n, negative, positive)
    mirrored = stance.interval(n, positive, negative)

    assert -1 <= low <= score <= high <= 1
    assert mirrored == (-score, -high, -low)


@given(st.integers(0, 60))
def test_three_unopposed_sentences_exclude_nought_and_two_never_do(neutral: int) -> None:
    """The rule of thumb that the documentation gives, for any number of neutral sentences."""
    assert stance.interval(neutral + 3, 3, 0)[2] < 0
    assert stance.interval(neutral + 2, 2, 0)[2] >= 0


def test_few_sentences_are_shrunk_toward_nought() -> None:
    """The score of n sentences is their mean times n / (n + 3)."""
    assert stance.interval(3, 3, 0)[0] == -0.5
    assert stance.interval(9, 9, 0)[0] == -0.75


# One sentence


@pytest.mark.parametrize(
    ("label", "text", "target"),
    [
        ("negative", "Gerrard lied to the inspectors and was found guilty.", "Gerrard"),
        ("positive", "Oom was praised as a brave and successful leader.", "Oom"),
        ("neutral", "Lund arrived at the hotel on Tuesday.", "Lund"),
    ],
)
def test_a_sentence_has_a_polarity_toward_its_target(label: str, text: str, target: str) -> None:
    """The label is the most probable one, and the probabilities sum to 1."""
    start = text.index(target)

    found_label, probabilities = stance.sentence_polarity(text, start, start + len(target))

    assert found_label == label == max(probabilities, key=probabilities.__getitem__)
    assert sum(probabilities.values()) == pytest.approx(1)


def test_a_target_outside_the_text_is_an_error() -> None:
    """A span without a word is refused, never given a neutral label."""
    with pytest.raises(ValueError, match="5-9"):
        stance.sentence_polarity("Lund", 5, 9)
