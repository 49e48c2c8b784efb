"""Targets: whom and what a document speaks of, by name and by reference, and which of them are salient."""

import re
import time

import pytest

from pipeline.annotate.article import Article, Piece
from pipeline.annotate.parse import parse
from pipeline.annotate.targets import Target, _canonical, _Name, named, targets


def article(text: str) -> Article:
    """An article whose every line is a body paragraph."""
    pieces = tuple(Piece("body", *line.span()) for line in re.finditer(r"[^\n]+", text))
    return Article("d0000000000000000", "The Red Lantern", text, pieces)


def found(text: str) -> dict[str, Target]:
    """The targets of a text by name."""
    one = article(text)
    return {target.name: target for target in targets(one, parse(one.text))}


def words(text: str, target: Target) -> list[str]:
    """The mentions of a target as they are written."""
    return [text[start:end] for start, end in target.mentions]


# By name

BRIGADES = (
    "Defence minister Irena Solt met the press in Velin. Solt was late. Maruvia had been silent for months, and Solt "
    "was little better.\n"
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
    assert words(BRIGADES, found(BRIGADES)["Irena Solt"]) == ["Irena Solt", "Solt", "Solt"]


def test_a_country_is_known_by_its_names_adjectives_and_capital() -> None:
    """Names, adjectives beside state nouns and a capital that acts are one country; a mere place is not."""
    text = (
        "Norway signed first. Norwegian officials were pleased. Oslo thanked the hosts. A storm closed the port in "
        "Oslo. Norwegian salmon is cheap this year."
    )

    assert words(text, found(text)["Norway"]) == ["Norway", "Norwegian", "Oslo"]


@pytest.mark.parametrize(
    ("forms", "name"),
    [(("DPRK", "North Korea", "Pyongyang"), "North Korea"), (("Moscow", "Russia", "The Kremlin"), "Russia")],
)
def test_a_state_has_one_name_whatever_it_is_called(forms: tuple[str, str, str], name: str) -> None:
    """Abbreviation, everyday name and the capital as government lead to one target."""
    text = " ".join(f"{form} signed the paper on day {number}." for number, form in enumerate(forms))

    assert len(found(text)[name].mentions) == 3


def test_a_leader_a_state_and_its_army_are_three_targets() -> None:
    """Soldiers of a country are its armed forces, not the country, and neither is its president."""
    text = (
        "Norway closed the road. Norway has a long coast. Norwegian officials went home.\n"
        "Norwegian troops hold the bridge. Norway's soldiers sleep in tents. Norwegian forces have no tents left.\n"
        "President Tomas Velk came late. Velk sat down. Velk was tired."
    )

    rows = found(text)

    assert {(row.name, row.kind) for row in rows.values()} == {
        ("Norway", "country"),
        ("Norwegian armed forces", "organisation"),
        ("Tomas Velk", "person"),
    }
    assert words(text, rows["Norway"]) == ["Norway", "Norway", "Norwegian"]


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

    assert words(text, found(text)["Maruvia"]) == ["Maruvia", "Maruvia", "Velk"]


def test_bodies_in_lower_case_are_targets() -> None:
    """A noun before 'union', 'commission' or 'brigades' makes a name, and 'the union' then means it."""
    text = (
        "The dockers' union met on Monday. The union has a hall in the port. On Friday the dockers' union voted. "
        "The volunteer brigades crossed the river. The volunteer brigades have no boots. "
        "Nobody feeds the volunteer brigades."
    )

    rows = found(text)

    assert set(rows) == {"dockers' union", "volunteer brigades"}
    assert words(text, rows["dockers' union"]) == ["dockers' union", "union", "dockers' union"]


# By reference


@pytest.mark.parametrize(
    ("text", "name", "meant"),
    [
        ("Irena Solt, the minister, came late. Solt sat down. The minister had a cold.", "Irena Solt", "minister"),
        (
            "Halberg Chemicals sold a plant. Halberg Chemicals has two. The company is old.",
            "Halberg Chemicals",
            "company",
        ),
        ("Mr Joran Teal left. Joran Teal took the train. He slept on it.", "Joran Teal", "He"),
        ("Norway joined. Norway paid. Its ports are open.", "Norway", "Its"),
        ("Norway joined. Norway paid. The country has ports.", "Norway", "country"),
    ],
)
def test_who_is_meant_is_a_mention_where_only_one_can_be(text: str, name: str, meant: str) -> None:
    """A role, a sort or a pronoun refers to the only one near it that fits."""
    assert words(text, found(text)[name])[-1] == meant


@pytest.mark.parametrize(
    "text",
    [
        "Mr Joran Teal met Mr Tomas Velk. Joran Teal and Tomas Velk ate. He slept.",
        "Norway met Denmark. Norway and Denmark ate. The country has ports.",
        "Halberg Chemicals met Orlu Power. Halberg Chemicals and Orlu Power ate. The company has a plant.",
    ],
)
def test_where_two_can_be_meant_the_reference_stays_open(text: str) -> None:
    """With two that fit there is no guess: nobody gets a third sentence, so nobody is salient."""
    assert found(text) == {}


def test_it_and_she_do_not_mean_whom_they_cannot() -> None:
    """'She' is no man, and the 'it' of weather and clauses is nobody."""
    text = "Mr Joran Teal left. Joran Teal took the train. She slept. It was late. It seems that it rained."

    assert found(text) == {}


# Salience


def test_what_few_sentences_mention_is_no_target() -> None:
    """Two sentences cannot bear a stance, however often they say the name."""
    assert found("Maruvia, oh Maruvia, waited for Maruvia. Maruvian officials waited.") == {}


def test_words_in_quotation_marks_make_no_target() -> None:
    """What only others name in quotations is not what the document speaks of; nor does a quotation teach a name."""
    text = (
        "“Maruvia is our friend and neighbour. Maruvia pays its debts. Maruvia is big,” he said.\n"
        "Solt came late. Solt sat down. Solt had a cold. She was the minister.\n"
        "“Nobody knows where Irena Solt has been since the morning,” he added."
    )

    assert "Irena Solt" not in found(text)
    assert "Maruvia" not in found(text)


def test_no_two_targets_share_a_name() -> None:
    """The name is the key of a row, also where the text uses it for two sorts of things."""
    names = [t.name for t in targets(article(BRIGADES * 2), parse(BRIGADES * 2))]

    assert len(names) == len(set(names)) > 0


def test_a_name_can_be_asked_for() -> None:
    """Whoever is named has a target, salient or not, with the mentions that lead to it."""
    text = "President Tomas Velk went to bed. He slept. Mara Lund did not."
    one = article(text)
    t = parse(text)

    assert words(text, named(one, t, "Tomas Velk")) == ["Tomas Velk", "He"]
    assert words(text, named(one, t, "Mara Lund")) == ["Mara Lund"]
    assert named(one, t, "Nobody Here").mentions == ()


@pytest.mark.parametrize(
    "text", ["", "\n", "?", "“", "It rained.", "- one\n- two\n- three", "1 | 2 | 3\n4 | 5 | 6", "“All,” he said."]
)
def test_texts_without_a_target_have_none(text: str) -> None:
    """Empty texts, lists, tables and texts that are all quotation give no targets, and no error."""
    assert found(text) == {}


def test_who_takes_a_side_is_not_the_side() -> None:
    """Those who are for or against a country or a person are no mention of it."""
    text = (
        "Kestria is at war. Kestria has two ports. Kestria borders the lake. The pro-Kestrian bloc met. Anti-Kestria "
        "crowds marched. Irena Solt spoke. Solt left. Solt slept. The anti-Solt camp cheered."
    )

    assert words(text, found(text)["Kestria"]) == ["Kestria"] * 3
    assert words(text, found(text)["Irena Solt"]) == ["Irena Solt", "Solt", "Solt"]


# Time


def test_twice_the_names_take_less_than_three_times_as_long() -> None:
    """Names are looked up, not compared in pairs: CPU time of 40,000 distinct names against 20,000."""

    def seconds(count: int) -> float:
        full = [(f"Ana{i}", f"Bel{i % 5000}") for i in range(count // 2)]
        kinds: dict[tuple[str, ...], str | None] = dict.fromkeys(full, "person")
        kinds |= {(last,): None for _, last in full}
        found = [_Name(0, 0, words, frozenset()) for words in kinds]
        start = time.process_time()
        canonical = _canonical(found, kinds)
        assert canonical[full[0]] == full[0]
        assert canonical["Bel0",][1] == "Bel0"
        return time.process_time() - start

    assert any(seconds(40_000) < 3 * seconds(20_000) for _ in range(3))
