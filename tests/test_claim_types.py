"""Claim types: each label by its test, with near misses; what is no claim; the laws of the result."""

import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import schema
from pipeline.annotate import claim_types, lexicons, type_rules
from pipeline.annotate.guideline import guideline
from pipeline.annotate.pinned import pinned
from pipeline.errors import SchemaError, StoreError


def types(text: str, voice: str = "outlet", speech_act: str | None = None) -> tuple[str, ...]:
    """All types of a text that stands alone."""
    return claim_types.classify(text, voice=voice, speech_act=speech_act).all


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("quantity", "The flood destroyed 214 houses in the lower town."),
        ("quantity", "A third of the wells are dry."),
        ("quantity", "It was the largest strike since the docks were built."),
        ("quantity", "The new pumps cost more than the old ones did."),
        ("rule", "The treaty forbids foreign troops in the valley."),
        ("rule", "The court ruled that the ban was illegal."),
        ("causal", "The gate failed because nobody had greased the hinges."),
        ("causal", "The leak triggered a week of strikes."),
        ("prediction", "The recount will take until April."),
        ("prediction", "If the rain goes on, the second gate could fail."),
        ("normative", "The minister should resign."),
        ("normative", "Voters must not be asked to wait."),
        ("mental_state", "The mayor feared for the lower town."),
        ("mental_state", "Many residents are angry."),
        ("evaluation", "It was a shameful and reckless decision."),
        ("evaluation", "That is not an inquiry, it is a farce."),
        ("event", "The brigades crossed the river on Tuesday."),
        ("event", "The bridge was closed last week."),
        ("attribute", "The company owns the dam."),
        ("attribute", "The valley lies between two ridges."),
    ],
)
def test_each_label_is_given_where_its_test_says_yes(label: str, text: str) -> None:
    """A sentence that passes the test of a label gets that label."""
    assert label in types(text)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("quantity", "The dam was finished in 1974."),
        ("quantity", "The meeting began at 10:30 on 4 March."),
        ("quantity", "Bo Haskin, 52, lost the house."),
        ("quantity", "The 47-year-old engineer signed the report."),
        ("quantity", "One of the engineers left early."),
        ("quantity", "The two ministers met in the capital."),
        ("quantity", "They left three days ago."),
        ("rule", "The column reached the town at noon."),
        ("causal", "The gate failed at noon."),
        ("prediction", "The recount ended on Friday."),
        ("normative", "The minister must have known about the leak."),
        ("commitment", "The road will be wet tomorrow."),
        ("evaluation", "The plant has two gates."),
        ("event", "The plant stands beside the river."),
        ("attribute", "The brigades crossed the river on Tuesday."),
    ],
)
def test_near_misses_do_not_get_the_label(label: str, text: str) -> None:
    """Dates, ages, names with numbers and other near misses of a label do not get it."""
    assert label not in types(text)


def test_a_promise_in_the_speakers_own_words_is_a_commitment() -> None:
    """'We will' is a commitment of somebody who is quoted, not of the outlet that writes it."""
    assert types("We will rebuild every house.", voice="attributed")[0] == "commitment"
    assert "commitment" not in types("The rain will stop on Monday.", voice="attributed")


@pytest.mark.parametrize(
    ("speech_act", "label"),
    [("promise", "commitment"), ("threaten", "commitment"), ("demand", "normative"), ("predict", "prediction")],
)
def test_the_cue_tells_what_the_words_alone_do_not(speech_act: str, label: str) -> None:
    """A speech act that is itself of a type gives the type to what it introduces."""
    assert label in types("an end to the blockade", voice="attributed", speech_act=speech_act)


def test_a_year_after_publication_is_a_prediction() -> None:
    """A year lies in the future only by the day of publication."""
    text = "The fair moves to Velin in 2030."

    before = claim_types.classify(text, voice="outlet", published=datetime.date(2024, 11, 7))
    after = claim_types.classify(text, voice="outlet", published=datetime.date(2032, 1, 1))

    assert ("prediction" in before.all, "prediction" in after.all) == (True, False)


@pytest.mark.parametrize(
    ("reason", "text", "kind"),
    [
        ("question", "Who opened the gate?", "body"),
        ("question", "“Who opened the gate?”", "body"),
        ("heading", "Dam operator blames storm for flood", "title"),
        ("heading", "What the Inspectors Found Under Lower Harl", "heading"),
        ("label", "Details.", "label"),
        ("label", "VELIN, April 12 (CW) -", "dateline"),
        ("caption", "Photo: the broken gate at dawn / Handout", "body"),
        ("links", "See https://harbour-notes.example/dam-log-part-two", "body"),
        ("boilerplate", "Sign up for our newsletter and read more every Friday.", "body"),
        ("request", "Send your pictures of the flood to the newsdesk.", "body"),
        ("fragment", "A long night, then silence.", "body"),
        ("fragment", "Really?!.", "body"),
    ],
)
def test_what_is_no_claim_has_a_reason(reason: str, text: str, kind: str) -> None:
    """Questions, headings, captions, links, boilerplate and fragments are no claims, and the reason says which."""
    assert type_rules.no_claim(text, kind) == reason


@pytest.mark.parametrize("text", ["The gate failed at dawn.", "The log must be out.", "The gate, he said, had failed."])
def test_a_full_sentence_is_a_claim(text: str) -> None:
    """A sentence with a finite verb is kept."""
    assert type_rules.no_claim(text, "body") is None


def test_labels_agree_with_the_schema() -> None:
    """The labels that the stage decides are those that the schema defines."""
    assert set(schema.load("claims").field("claim_type").labels) == set(claim_types.LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "It is still not clear who opened the gate.",
        "Why the alarm stayed silent remains a mystery.",
        "We apologise to the families of Lower Harl.",
        "I name this tug the Petra.",
        "A promise is a promise.",
        "By “dry” the ministry means less than ten centimetres of water.",
    ],
)
def test_what_no_test_asks_for_is_other(text: str) -> None:
    """Nobody's ignorance, words that do what they say, tautologies and meanings of words are `other`, alone."""
    assert types(text) == ("other",)


@pytest.mark.parametrize("text", ["It is clear that the ban was illegal.", "What he did was known to the ministry."])
def test_what_is_known_is_not_other(text: str) -> None:
    """Only ignorance that nobody owns is `other`: the same words about what is clear or known are a claim."""
    assert not type_rules.unowned(text)


def test_the_main_type_is_the_first_test_that_holds() -> None:
    """Types come in the order of the tests, so people who agree on the labels agree on the main one."""
    given = np.full(10, 0.5)
    likely = np.zeros(10)
    likely[[0, 3, 7, 8]] = 0.6, 0.9, 0.7, 0.8

    assert claim_types.decide(likely, given).all == ("quantity", "prediction", "evaluation")
    assert claim_types.decide(likely, given).confidence == 0.6


def test_where_no_test_quite_holds_the_nearest_is_given_or_other() -> None:
    """A label that comes near is better than none; what comes near nothing is `other`, with the chance of that."""
    given = np.full(10, 0.4)
    near, far = np.full(10, 0.02), np.full(10, 0.02)
    near[8] = 0.3

    assert claim_types.decide(near, given).all == ("event",)
    assert claim_types.decide(far, given) == claim_types.Types("other", ("other",), 0.82)


def test_checkable_is_what_the_guideline_says() -> None:
    """A claim is checkable when one of its labels is in the guideline's list."""
    for label in guideline().labels:
        assert claim_types.checkable((label.name,)) == label.checkable
    assert claim_types.checkable(("normative", "event"))
    assert not claim_types.checkable(("normative", "evaluation"))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    """Without the weights file the error names it and says what to do."""
    with pytest.raises(StoreError, match=r"claim_types\.npz: the weights cannot be read .*install the package again"):
        pinned(tmp_path / "claim_types.npz", claim_types.DIGEST)


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    """One changed byte is another SHA-256, and the error gives both."""
    content = bytearray((claim_types.FOLDER / "claim_types.npz").read_bytes())
    content[-1] ^= 1
    (tmp_path / "claim_types.npz").write_bytes(content)

    with pytest.raises(StoreError, match=claim_types.DIGEST):
        pinned(tmp_path / "claim_types.npz", claim_types.DIGEST)


def test_states_of_the_whole_text_need_no_second_reading() -> None:
    """A sentence that stands alone gets the same types from its own states as from those that it is handed."""
    text = "The recount will take until April."

    handed = claim_types.classify(text, voice="outlet", state=claim_types.read_alone(text))

    assert handed == claim_types.classify(text, voice="outlet")


def test_a_claim_without_word_pieces_has_types() -> None:
    """No hidden states at all: the words and tests decide alone."""
    none = np.zeros(claim_types.STATE, np.float32)

    assert claim_types.classify("The bridge was closed last week.", voice="outlet", state=none).all


@given(
    st.text(max_size=200),
    st.sampled_from(("outlet", "attributed")),
    st.sampled_from((None, "state", "demand", "threaten")),
)
@settings(max_examples=60, deadline=None)
def test_any_text_gets_one_to_three_legal_types(text: str, voice: str, speech_act: str | None) -> None:
    """Whatever the text, the main type comes first, types are legal and different, and 'other' stands alone."""
    found = claim_types.classify(text, voice=voice, speech_act=speech_act)

    assert found.main == found.all[0]
    assert 1 <= len(found.all) <= claim_types.MOST
    assert len(set(found.all)) == len(found.all)
    assert set(found.all) <= set(claim_types.LABELS)
    assert found.all == ("other",) or "other" not in found.all
    assert list(found.all) == sorted(found.all, key=claim_types.LABELS.index)
    assert 0 <= found.confidence <= 1
    assert found == claim_types.classify(text, voice=voice, speech_act=speech_act)


@given(st.text(max_size=200))
@settings(max_examples=40, deadline=None)
def test_the_labels_of_others_have_strengths(text: str) -> None:
    """Any text gets a strength in 0..1 for each label of the nknews annotations and of ours."""
    found = claim_types.nknews(text)

    assert tuple(found) == claim_types.NKNEWS
    assert all(0 <= strength <= 1 for strength in (*found.values(), *claim_types.scores(text).values()))


@pytest.mark.parametrize(
    ("entry", "forms"),
    [
        ("fight/fought", {"fight", "fights", "fighting", "fought"}),
        ("steal/stole/stolen", {"steal", "steals", "stealing", "stole", "stolen"}),
        ("deny", {"deny", "denies", "denied", "denying"}),
        ("invade", {"invade", "invades", "invaded", "invading"}),
        ("lie", {"lie", "lies", "lied", "lying"}),
        ("rig", {"rig", "rigs", "riged", "rigged", "riging", "rigging"}),
        ("flee/fled", {"flee", "flees", "fled", "fleeing"}),
        ("push", {"push", "pushes", "pushed", "pushing"}),
    ],
)
def test_verbs_of_the_lists_are_read_with_their_forms(entry: str, forms: set[str]) -> None:
    """A verb of a word list stands for all its inflected forms."""
    assert lexicons.inflections(entry) == forms


def test_every_list_names_its_source() -> None:
    """Each data file of the annotators says in its header where it comes from."""
    files = sorted(path for path in lexicons.FOLDER.iterdir() if path.suffix in (".toml", ".txt"))

    assert files
    for path in files:
        header = [line for line in path.read_text(encoding="utf-8").splitlines()[:6] if line.startswith("#")]
        assert any("Source:" in line for line in header), path.name


def test_a_misspelt_table_of_a_list_is_refused(tmp_path: Path) -> None:
    """An unknown table in a word list is an error that names the file and the table."""
    (tmp_path / "odd.toml").write_text('[wrods]\nlaw = "act"\n', encoding="utf-8")

    with pytest.raises(SchemaError, match=r"odd\.toml.*wrods"):
        lexicons.read(tmp_path / "odd.toml")
