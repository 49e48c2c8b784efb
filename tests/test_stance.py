"""Stance of an outlet toward persons, organisations and countries, in its own voice alone."""

import re
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import schema
from pipeline.annotate import attribution, stance
from pipeline.annotate.article import Article, Piece
from pipeline.annotate.attribution import attribute
from pipeline.annotate.lexicons import FOLDER, load
from pipeline.annotate.parse import parse
from pipeline.annotate.polarity import Pair, polarity, sentence_polarity
from pipeline.annotate.quotes import quoted_runs
from pipeline.annotate.targets import targets
from pipeline.clean import clean
from pipeline.read import RAW, read

RAW_FOLDER = Path(__file__).parents[1] / "raw"


def article(text: str) -> Article:
    """An article whose every line is a body paragraph."""
    pieces = tuple(Piece("body", *line.span()) for line in re.finditer(r"[^\n]+", text))
    return Article("d0000000000000000", "The Red Lantern", text, pieces)


def stances(text: str) -> dict[str, stance.Stance]:
    """The stances of a text by target."""
    one = article(text)
    t = parse(one.text)
    reading = attribution.read(one)
    found = stance.assess(one, t, attribute(one, t, reading), targets(one, t))
    return {row.target: row for row in found}


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


@pytest.mark.parametrize(
    ("text", "name", "plain"),
    [
        ("Kestria holds the longest border.", "Kestria", False),
        ("It was Kestria's biggest exercise in forty years.", "Kestria", True),
        ("Kestria is the main supplier of copper.", "Kestria", True),
        ("For years Kestria acted as a transit country for grain.", "Kestria", True),
        ("Kestria acted as a beacon of freedom.", "Kestria", False),
        ("Kestria won against the biggest fleet.", "Kestria", False),
    ],
)
def test_plain_words_of_size_and_role_are_no_praise_of_a_state(text: str, name: str, plain: bool) -> None:
    """Where such a word tells of a state it is read as less spoken for than a person would be; else as much."""
    t = parse(text)
    target = frozenset(i for i in range(len(t.low)) if t.low[i] == name.lower())
    reading = attribution.read(article(text))

    state, person = polarity(
        t, [Pair(range(len(t.low)), target, person=False), Pair(range(len(t.low)), target)], reading
    )

    assert (state.probabilities[2] < person.probabilities[2]) is plain
    assert state.sign <= person.sign


def test_praise_of_a_state_stays_praise() -> None:
    """A plain word beside words of praise does not take the sign away."""
    text = "Kestria is the largest and most heroic nation, brave and admired."
    t = parse(text)

    (found,) = polarity(t, [Pair(range(len(t.low)), frozenset([0]), person=False)], attribution.read(article(text)))

    assert found.sign == 1


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

    assert with_quotes.polarity == without.polarity
    assert with_quotes.score == pytest.approx(without.score, abs=0.05)


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
    text = "The Kestrian regime lied to Kestria. The corrupt Kestrian regime fell. Teal said that Kestria was at peace."

    row = stances(text)["Kestria"]

    assert (row.polarity, row.score, row.score_low, row.score_high) == ("insufficient", None, None, None)
    assert (row.sentences_outlet, row.sentences_attributed) == (2, 1)


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
    """The stance belongs to the words, not to the name: another country in its place gets the same polarity."""
    adjective = {"Norway": "Norwegian", "Peru": "Peruvian"}.get(other, other.removesuffix("e") + "ian")
    adjective = {"Taldonia": "Taldonian", "Iran": "Iranian", "Russia": "Russian"}.get(other, adjective)
    swapped = REGIME.replace("Kestrian", adjective).replace("Kestria", other)

    before, after = stances(REGIME)["Kestria"], stances(swapped)[other]

    assert after.score == pytest.approx(before.score, abs=0.1)
    assert (before.polarity, before.sentences_negative) == (after.polarity, after.sentences_negative)


def test_a_hostile_name_inside_praise_is_the_outlets() -> None:
    """Whoever praises 'the revisionist regime' does not call it that: the name counts, the praise does not."""
    text = "Teal praised the Kestrian regime as heroic. Kestria has two ports. Kestria borders the lake."

    row = stances(text)["Kestria"]

    assert (row.sentences_outlet, row.sentences_negative, row.sentences_positive) == (3, 1, 0)
    assert [text[start:end] for start, end in row.evidence] == ["regime"]


def test_a_hostile_name_inside_blame_or_belief_is_not_the_outlets() -> None:
    """What somebody condemns or believes may be named in his words: the sentence is his."""
    text = (
        "Teal condemned the Kestrian regime. Teal believes that the Kestrian regime is weak. "
        "Criticism of the Kestrian regime grew. Kestria has two ports. Kestria borders the lake. Kestria votes."
    )

    row = stances(text)["Kestria"]

    assert (row.sentences_outlet, row.sentences_attributed, row.sentences_negative) == (3, 3, 0)


def test_scare_quotes_are_the_outlets_distance() -> None:
    """Up to three words in marks are the outlet's and mean the opposite of praise."""
    text = "Kestria, the “heroic nation”, has two ports. Kestria borders the lake. Kestrian officials vote."

    row = stances(text)["Kestria"]

    assert (row.sentences_outlet, row.sentences_positive) == (3, 0)


def test_a_repeated_headline_counts_once() -> None:
    """The same sentence again says nothing new."""
    line = "The Kestrian regime lied.\n"

    assert stances(line * 5 + "Kestria has two ports. Kestria borders the lake.")["Kestria"].sentences_negative == 1


def test_who_only_speaks_is_not_spoken_of() -> None:
    """A speaker's name beside what he said bears no stance, with the quotation or without it."""
    text = "Joran Teal said that it rained. “It will rain all week,” Joran Teal said. Joran Teal said so. Teal agreed."

    row = stances(text)["Joran Teal"]

    assert (row.polarity, row.sentences_outlet) == ("insufficient", 0)


def test_names_are_known_from_every_side() -> None:
    """No tradition's list of hostile names is more than twice as long as another's, and none holds a country's name."""
    lists = {key: words for key, words in load("naming").words.items() if key.startswith("negative_")}
    lists.pop("negative_distance")
    sizes = [len(words) for words in lists.values()]
    forms = {line.split("|")[0].strip().lower() for line in (FOLDER / "countries.txt").read_text("utf-8").splitlines()}

    assert max(sizes) <= 2 * min(sizes)
    assert not forms & set().union(*load("naming").words.values())


# Over the sample corpus


def documents() -> list[Article]:
    """The accepted documents of the sample corpus."""
    rows = pa.Table.from_pylist(list(read(RAW_FOLDER)), schema=RAW)
    _, texts = clean(rows)
    return [Article.parse(row["document_id"], None, row["text"], row["paragraphs"]) for row in texts.to_pylist()]


def test_without_its_quotations_the_sample_corpus_has_the_same_stances() -> None:
    """Emptying every quotation leaves at least 95 % of the polarities; no row counts as insufficient."""
    pairs = []
    for one in documents():
        runs = [run for run in quoted_runs(one) if run.parent is None and run.kind == "speech"]
        text = one.text
        for run in reversed(runs):
            text = text[: run.inner_start] + text[run.inner_end :]
        if not runs:
            continue
        before, after = stances(one.text), stances(text)
        for name in before.keys() | after.keys():
            found = [rows[name].polarity if name in rows else "insufficient" for rows in (before, after)]
            pairs.append(found[0] == found[1])

    assert len(pairs) > 20
    assert sum(pairs) >= 0.95 * len(pairs)


OTHERS = ["Norway", "Russia", "Ukraine", "China"]


def test_exchanging_countries_in_the_sentences_of_the_sample_corpus_keeps_their_polarity() -> None:
    """At most one sentence in twenty changes its sign when another country's name stands in it."""
    flips, asked = 0, 0
    for one in documents():
        t = parse(one.text)
        for tokens in t.sentences():
            text = one.text[t.start[tokens[0]] : t.end[tokens[-1]]]
            for name in ("Kestria", "Maruvia", "Taldonia"):
                place = re.search(rf"\b{name}\b", text)
                before = sign(text, *place.span()) if place else 0
                for other in OTHERS if place else ():
                    swapped = text[: place.start()] + other + text[place.end() :]
                    asked += 1
                    flips += before != sign(swapped, place.start(), place.start() + len(other))

    assert asked > 200
    assert flips <= 0.05 * asked


def sign(text: str, start: int, end: int) -> int:
    """-1, 0 or 1: what a sentence expresses toward the target at [start, end)."""
    t = parse(text)
    target = frozenset(i for i in range(len(t.low)) if t.start[i] < end and t.end[i] > start)
    return polarity(t, [Pair(range(len(t.low)), target)], attribution.read(article(text)))[0].sign


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "?",
        "“",
        "It rained.",
        "- one\n- two\n- three",
        "Kestria fell.",
        "a | b\n1 | 2",
        "“All of it,” he said.",
    ],
)
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

SIGNS = st.lists(st.floats(-1, 1), min_size=1, max_size=60)


@given(SIGNS)
def test_the_interval_holds_the_score_and_has_no_side(signs: list[float]) -> None:
    """-1 <= low <= score <= high <= 1, and exchanging for and against mirrors all three."""
    score, low, high = stance.interval(signs)

    assert -1 <= low <= score <= high <= 1
    assert stance.interval([-sign for sign in signs]) == pytest.approx((-score, -high, -low), abs=2e-6)


@given(SIGNS, st.randoms())
def test_the_order_of_sentences_does_not_matter(signs: list[float], random: Random) -> None:
    """The same sentences in another order have the same score and interval."""
    shuffled = random.sample(signs, len(signs))

    assert stance.interval(shuffled) == pytest.approx(stance.interval(signs), abs=2e-6)


def test_few_sentences_are_shrunk_toward_nought() -> None:
    """The score of n sentences is their mean times n / (n + 3)."""
    assert stance.interval([-1.0] * 3)[0] == -0.5
    assert stance.interval([-1.0] * 9)[0] == -0.75


@pytest.mark.parametrize(("against", "silent", "excludes"), [(2, 2, True), (2, 8, False), (3, 9, True), (1, 2, False)])
def test_against_many_silent_sentences_few_do_not_count(against: int, silent: int, excludes: bool) -> None:
    """Two sentences of four exclude 0, two of ten do not."""
    assert (stance.interval([-0.95] * against + [0.0] * silent)[2] < 0) is excludes


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

    found = sentence_polarity(text, [(start, start + len(target))])._asdict()

    assert label == max(found, key=found.__getitem__)
    assert sum(found.values()) == pytest.approx(1)


def test_a_target_outside_the_text_is_an_error() -> None:
    """A span without a word is refused, never given a neutral label."""
    with pytest.raises(ValueError, match="5-9"):
        sentence_polarity("Lund", [(5, 9)])
