"""Fitting the heads of the claim types: what is held out is held out, and a file says what was fitted."""

import numpy as np

from pipeline.annotate import claim_types
from pipeline.train import types as train_types

FACTS = ("The gate failed at dawn.", "The bridge was closed.", "Two dockers left.", "The log vanished.")
DUTIES = ("The board should resign.", "She must pay.", "They ought to ask a diver.", "It should stop.")


def example(text: str, label: str, group: str) -> train_types.Example:
    """A claim of one label, without hidden states."""
    found = claim_types.evidence(claim_types.words_of(text, None), voice="outlet")
    return train_types.Example(found, np.zeros(claim_types.STATE, np.float32), {label: 1.0}, group)


def test_logistic_functions_meet_the_shares_they_are_fitted_on() -> None:
    """With one column that parts the rows, each side gets the share of ones that it has."""
    column = np.array([[0.0]] * 10 + [[1.0]] * 10, np.float32)
    share = np.array([[0.2]] * 10 + [[0.7]] * 10)

    weights = train_types.logistic([(column, 1e-6)], share)

    low, high = claim_types.probability(np.array([weights[-1, 0], weights[-1, 0] + weights[0, 0]]))
    assert (round(low, 2), round(high, 2)) == (0.2, 0.7)


def test_a_row_never_sees_its_own_fold() -> None:
    """A column that tells only the answer of one fold's rows says nothing about them when they are held out."""
    parts = np.array([0] * 6 + [1] * 6)
    leak = np.array([[1.0], [0.0]] * 3 + [[0.0], [0.0]] * 3, np.float32)
    target = np.array([[1.0], [0.0]] * 6)

    held = train_types.held_out([(leak, 0.01)], target, parts)

    assert np.ptp(held[parts == 0]) < 0.01


def test_articles_that_share_a_claim_stay_together() -> None:
    """Sharing is passed on from article to article, and two words in common are no shared claim."""

    def claim(*pieces: str) -> dict[str, list[str]]:
        return {"pieces": list(pieces)}

    named = train_types._stories(
        [
            ("a", [claim("The gate failed."), claim("more than")]),
            ("b", [claim("the gate failed"), claim("Nobody came to see.")]),
            ("c", [claim("Nobody came", "to see")]),
            ("d", [claim("more than")]),
        ]
    )

    assert named["a"] == named["b"] == named["c"] != named["d"]


def test_the_cut_is_where_f1_is_best() -> None:
    """Labels that are right from 0.4 on get a cut between the wrong ones and the right ones."""
    likely = np.array([[0.2], [0.25], [0.3], [0.45], [0.5], [0.55]])
    gold = likely >= 0.4

    (cut,) = train_types.cuts_of(likely, gold, 0.1)

    assert 0.3 < cut <= 0.45


def test_a_file_holds_what_was_fitted_and_is_the_same_twice() -> None:
    """The fitted heads tell a duty from a fact, and fitting again gives the same bytes."""
    own = {
        "sentences": [example(text, "event", text) for text in FACTS]
        + [example(text, "normative", text) for text in DUTIES]
    }
    foreign = {
        "nknews": [example(text, "Events", text) for text in FACTS]
        + [example(text, "Normative", text) for text in DUTIES],
        "biased": [example(text, "biased", text) for text in DUTIES],
        "subjective": [example(text, "subjective", text) for text in DUTIES],
    }
    content = train_types.file_of(train_types.fit(foreign, own))
    heads = claim_types.load(content)
    new = example("The harbour board should ask.", "", "")

    likely = heads.probabilities(new.found, new.state)

    assert claim_types.LABELS[int(likely.argmax())] == "normative"
    assert content == train_types.file_of(train_types.fit(foreign, own))
