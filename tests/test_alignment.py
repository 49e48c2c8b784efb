"""Stance of an outlet toward a claim: what its cue, its own words and its comment beside the claim tell."""

import pytest

from pipeline import schema
from pipeline.annotate.alignment import claim_stance, comment, negates, toward_claims, withholds_belief
from pipeline.annotate.article import Article
from pipeline.annotate.attribution import attribute, bare_pieces, read
from pipeline.annotate.decision import spoken
from pipeline.annotate.parse import parse


def toward(text: str) -> list[str]:
    """How the outlet stands to what each attribution of a text reports."""
    t = parse(text)
    article = Article("", None, text, tuple(bare_pieces(text)))
    found = spoken(text, attribute(article, t, read(article)))
    sentences = [(t.start[tokens[0]], t.end[tokens[-1]]) for tokens in t.sentences()]
    return [label for label, _ in toward_claims(text, sentences, found)]


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
        ("reports", "endorses", "attributed", "Solt may confirm"),
        ("distances", "reports", "attributed", "the so-called commission said"),
        ("distances", "reports", "attributed", "the “people's court” ruled"),
        ("distances", "reports", "attributed", "falsely said"),
        ("distances", "reports", "attributed", "without evidence, Teal said"),
        ("distances", None, "outlet", "allegedly"),
    ],
)
def test_the_outlets_own_words_tell_how_it_stands_to_a_claim(
    expected: str, alignment: str | None, voice: str, frame: str
) -> None:
    """Its own voice and factive cues endorse; negation takes that back; hedges and scare quotes distance."""
    negated, hedged = negates(frame), withholds_belief(frame)

    label, confidence = claim_stance(alignment, voice=voice, negated=negated, hedged=hedged)

    assert label == expected
    assert confidence is not None
    assert 0.5 < confidence < 1


def test_every_label_is_one_of_the_schema() -> None:
    """What can be said of a claim is what the column holds."""
    said = {claim_stance(cue, voice="attributed")[0] for cue in (None, "reports", "endorses", "distances")}

    assert said == set(schema.load("claims").field("outlet_stance").labels)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("distances", "Drenn said that the valley was quiet. That is untrue."),
        ("distances", "Drenn said that the valley was quiet. There is no evidence of this."),
        ("endorses", "Drenn said that the valley was quiet. Records confirm it."),
        ("reports", "Drenn said that the valley was quiet. The valley has three roads."),
        ("reports", "Drenn said that the valley was quiet. Solt said that this is untrue."),
    ],
)
def test_a_comment_beside_the_claim_outweighs_its_cue(expected: str, text: str) -> None:
    """The outlet's own next sentence decides; what somebody else says there is no comment of the outlet's."""
    assert toward(text)[0] == expected


def test_a_comment_has_no_measured_confidence() -> None:
    """Where nothing was measured, nothing is claimed."""
    assert claim_stance("reports", voice="attributed", comment="distances") == ("distances", None)


@pytest.mark.parametrize(
    ("expected", "sentence"),
    [("distances", "In truth the valley burned."), ("endorses", "He is right."), (None, "It rained."), (None, "")],
)
def test_a_comment_is_a_closed_phrase(expected: str | None, sentence: str) -> None:
    """Only what the lists hold is taken for a comment."""
    assert comment(sentence) == expected


@pytest.mark.parametrize("text", ["", "“All of it,” he said.", "He said that it rained.", "It rained. He said so."])
def test_texts_without_a_neighbour_have_no_comment(text: str) -> None:
    """At the edges of a text the cue alone decides."""
    assert "distances" not in toward(text)
