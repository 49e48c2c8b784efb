import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.annotate import model
from pipeline.errors import StoreError
from pipeline.train import decoding

HARBOUR = (
    "The harbour board will raise its fees next spring, chairwoman Orla Venn said on Tuesday. “Nobody likes it,” she "
    "added, “but the cranes are forty years old.”"
)

WORDS = st.lists(
    st.sampled_from(
        ["“", "”", '"', "'", "said", "he", "Venn", "that", "Tuesday", ",", ".", "\ud800", "\x00", "é", "𝔘", "\t", "10"]
    ),
    max_size=60,
).map(" ".join)


def tagged(text: str, quoted: tuple[model.Span, ...] = ()) -> list[model.Tagged]:
    """What is found in a text of one paragraph."""
    return model.Reading(text, [(0, len(text))], quoted).tagged()


def marks(text: str) -> tuple[model.Span, ...]:
    """Runs in curly marks."""
    opening = [at for at, letter in enumerate(text) if letter == "“"]
    return tuple((at, text.index("”", at) + 1) for at in opening)


def tokens(lengths: list[int]) -> model.Tokens:
    """Tokens of units of the given lengths."""
    units = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(units))
    return model.Tokens(places, places, places, places + 1, units)


def test_reported_speech_has_its_cue_and_its_source():
    """A reported clause comes with the verb that reports it and the words that name the speaker."""
    first = tagged(HARBOUR, marks(HARBOUR))[0]

    assert [HARBOUR[slice(*span)].rstrip(",") for span in first.spans] == [
        "The harbour board will raise its fees next spring"
    ]
    assert HARBOUR[slice(*first.cue)] == "said"
    assert "Orla Venn" in HARBOUR[slice(*first.source)]


def test_a_parted_quote_is_one_attribution():
    """Both halves of a quotation that its cue parts belong to one attribution."""
    second = tagged(HARBOUR, marks(HARBOUR))[1]

    assert [HARBOUR[slice(*span)].strip("“”,.") for span in second.spans] == [
        "Nobody likes it",
        "but the cranes are forty years old",
    ]
    assert HARBOUR[slice(*second.source)] == "she"


def test_plain_narration_is_not_attributed():
    """A sentence in which nobody says or thinks anything gives no attribution."""
    assert tagged("Two ferries left the harbour at noon and came back after dark.") == []


@given(text=WORDS, cuts=st.lists(st.integers(0, 200), max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_ordered_spans_inside_it(text: str, cuts: list[int]):
    """Whatever the text, spans are non-empty parts of it, pieces do not overlap, and probabilities are in [0, 1]."""
    edges = [0, *sorted(cut for cut in set(cuts) if 0 < cut < len(text)), len(text)]
    quoted = marks(text) if text.count("”") and text[-1:] == "”" else ()
    for one in model.Reading(text, list(itertools.pairwise(edges)), quoted).tagged():
        spans = [*one.spans, *(span for span in (one.cue, one.source) if span)]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(one.spans))
        assert 0 <= one.content_probability <= 1
        assert 0 <= one.source_probability <= 1


def test_texts_without_words_give_nothing():
    """No paragraphs, an empty one, or one of white space alone: nothing is found, and nothing raises."""
    assert model.Reading("", [], []).tagged() == []
    assert model.Reading("", [(0, 0)], []).tagged() == []
    assert model.Reading(" \n\t\u200b", [(0, 4)], []).tagged() == []


def test_a_paragraph_longer_than_a_unit_is_read_to_its_end():
    """An attribution at the end of a paragraph of some 60,000 code points is found as it is alone."""
    filler = "The ferry left the harbour at noon and came back after dark. " * 1_000
    text = filler + HARBOUR
    quoted = [(start + len(filler), end + len(filler)) for start, end in marks(HARBOUR)]
    last = model.Reading(text, [(0, len(text))], quoted).tagged()[-2:]

    assert [one.cue and text[slice(*one.cue)] for one in last] == ["said", "added"]


def test_equal_texts_are_tagged_alike_wherever_other_documents_stood():
    """What is found depends on the document alone: the same before and after another one was read."""
    before = tagged(HARBOUR, marks(HARBOUR))
    tagged("“Never,” the pilot replied. " * 40)

    assert before == tagged(HARBOUR, marks(HARBOUR))


def test_code_points_beyond_the_first_plane_do_not_move_offsets():
    """Letters outside the Basic Multilingual Plane and lone surrogates count one code point each."""
    text = "𝔘\ud800 " + HARBOUR
    first = model.Reading(text, [(0, len(text))], []).tagged()[0]

    assert text[slice(*first.cue)] == "said"


@given(lengths=st.lists(st.integers(1, 500), min_size=1, max_size=30), limit=st.integers(2, model.WINDOW))
def test_windows_part_all_tokens_and_fit_the_encoder(lengths: list[int], limit: int):
    """Each token is decided in exactly one window, and no window is longer than the encoder's limit."""
    row = tokens(lengths)
    found = model.windows(row, limit)
    ends = [decided_end for *_, decided_end in found]

    assert [decided for _, _, decided, _ in found] == [0, *ends[:-1]]
    assert ends[-1] == sum(lengths)
    assert all(first <= decided < decided_end <= end for first, end, decided, decided_end in found)
    assert max(len(model.assemble(row, first, end)[0]) for first, end, *_ in found) <= model.WINDOW


@given(
    scores=st.lists(
        st.lists(st.integers(-9, 9).map(float), min_size=len(model.TAGS), max_size=len(model.TAGS)),
        min_size=1,
        max_size=4,
    )
)
def test_decoding_finds_the_best_of_all_legal_paths(scores: list[list[float]]):
    """The decoded path is legal, and no legal path scores higher (all paths tried)."""

    def legal(path: tuple[int, ...]) -> bool:
        return all(
            state not in (2, 4, 6) or before in (state - 1, state) for before, state in itertools.pairwise((0, *path))
        )

    def value(path: tuple[int, ...]) -> float:
        return sum(row[state] for row, state in zip(scores, path, strict=True))

    path = tuple(model._viterbi(scores))

    assert legal(path)
    assert value(path) == max(
        value(p) for p in itertools.product(range(len(model.TAGS)), repeat=len(scores)) if legal(p)
    )


def test_a_missing_file_is_named(tmp_path):
    """A model file that is not there is an error that names it."""
    with pytest.raises(StoreError, match=r"tagger\.onnx.*cannot be read"):
        model.verify(tmp_path)


def test_a_changed_file_is_refused(tmp_path):
    """A model file with other bytes than pinned is refused, with both digests."""
    for name in model.DIGESTS:
        (tmp_path / name).write_bytes(b"other")
    with pytest.raises(StoreError, match=model.DIGESTS["tagger.onnx"]):
        model.verify(tmp_path)


def test_the_files_of_the_package_are_the_pinned_ones():
    """The digests in the code are those of the files beside it."""
    model.verify(model.FOLDER)


def test_the_hidden_states_of_a_span_are_those_of_its_tokens():
    """Other heads get the hidden states of exactly the tokens that a span touches."""
    reading = model.Reading(HARBOUR, [(0, len(HARBOUR))], marks(HARBOUR))
    start = HARBOUR.index("Orla")
    span = (start, start + len("Orla Venn"))
    tokens, (lower, upper) = reading.words(span), reading.states(span)

    assert (tokens.starts[0], tokens.ends[-1]) == (start, start + len("Orla Venn"))
    assert lower.shape == upper.shape == (len(tokens.ids), model.WIDTH)
    assert not np.array_equal(lower, upper)


def test_a_text_without_tokens_has_no_hidden_states():
    """Where nothing can be read, a span has no tokens."""
    assert model.Reading(" ", [(0, 1)], []).states((0, 1))[0].shape == (0, model.WIDTH)
    assert len(model.Reading(" ", [(0, 1)], []).words((0, 1)).ids) == 0


def test_hidden_states_do_not_hang_on_the_chunk_that_was_read_last():
    """A span of a document of several chunks gives the same states before and after another chunk was read."""
    text = HARBOUR + "\n" + "The ferry left the harbour at noon and came back after dark. " * 1_500
    paragraphs = [(0, len(HARBOUR)), (len(HARBOUR) + 1, len(text))]
    reading = model.Reading(text, paragraphs, marks(HARBOUR))
    before = reading.states((0, 40))[1]
    reading.states((len(text) - 40, len(text)))

    assert np.array_equal(before, reading.states((0, 40))[1])


def test_calibration_error_of_honest_and_of_boasting_probabilities():
    """Probabilities that come true as often as they say have no error; certainty that fails half the time has 0.5."""
    assert decoding.calibration_error([0.25] * 4, [True, False, False, False]) == pytest.approx(0)
    assert decoding.calibration_error([1.0] * 4, [True, True, False, False]) == pytest.approx(0.5)


def test_logistic_regression_finds_the_share_where_evidence_tells_nothing():
    """Without evidence, the fitted probability is the share that is right."""
    weights = decoding.logistic([(0.0,)] * 400, [True] * 300 + [False] * 100, ridge=1e-6)

    assert model._logistic(weights, (0.0,)) == 0.75


@given(
    arrays(np.float32, st.tuples(st.integers(1, 30), st.just(len(model.TAGS))), elements=st.floats(-9, 9, width=32)),
    st.floats(0, 9),
)
def test_best_tags_are_those_of_the_full_search(scores: np.ndarray, outside: float) -> None:
    """Looking only where the best tags one by one break the rule finds a path as good as a search over all of it."""
    scores = scores + np.array([outside] + [0.0] * (len(model.TAGS) - 1), np.float32)
    quick, full = model._best(scores), model._viterbi(scores.tolist())
    rows = np.arange(len(scores))

    assert all(not tag or tag % 2 or (before + 1) // 2 == tag // 2 for before, tag in itertools.pairwise([0, *quick]))
    assert scores[rows, quick].sum() == pytest.approx(scores[rows, full].sum(), abs=1e-4)
