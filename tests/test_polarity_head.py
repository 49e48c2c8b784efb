"""The learned reading of a sentence, and the sentences with other names that it is trained on."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.annotate import model
from pipeline.annotate.polarity_head import LABELS, LONGEST, inputs, polarities
from pipeline.train.polarity import example, nameless, renamed

SENTENCE = "Gerrard lied to the inspectors, while Oom rescued the miners."
TOKENIZER = model.load_tokenizer(model.FOLDER / "tokenizer.json")


def reading(text: str) -> model.Reading:
    """The text as one paragraph."""
    return model.Reading(text, [(0, len(text))], [])


def place(text: str, words: str) -> tuple[int, int]:
    """Where the words stand first."""
    start = text.index(words)
    return start, start + len(words)


def test_each_target_of_a_sentence_has_its_own_reading() -> None:
    """Who lied is spoken against, who rescued less so; probabilities sum to 1; a target without a token has none."""
    targets = [[place(SENTENCE, "Gerrard")], [place(SENTENCE, "Oom")], [(90, 95)]]

    liar, other, nobody = polarities(reading(SENTENCE), [(0, len(SENTENCE))], targets)

    assert nobody is None
    assert liar.negative > 0.5
    assert liar.negative > other.negative
    assert abs(sum(liar) - 1) < 1e-6
    assert liar._fields == LABELS


def test_what_stands_around_a_sentence_does_not_change_its_reading() -> None:
    """The same words of one voice are read the same alone, among others, and where a quotation was taken out."""
    text = f"It rained on Monday. {SENTENCE} “He is a hero,” said Lund. The port is closed."
    sentence = place(text, SENTENCE)

    (alone,) = polarities(reading(SENTENCE), [(0, len(SENTENCE))], [[place(SENTENCE, "Gerrard")]])
    (among,) = polarities(reading(text), [sentence], [[place(text, "Gerrard")]])

    assert alone == among


def test_of_a_very_long_sentence_the_words_around_the_target_are_read() -> None:
    """At most `LONGEST` tokens are read at once, the target's among them."""
    text = "and so on " * 400 + "Gerrard lied" + " and so on" * 400
    (tokens,) = model.encode(TOKENIZER, text, [(0, len(text))], [])

    ids, held = inputs([tokens], [[place(text, "Gerrard")]])

    assert len(ids) == LONGEST
    assert held.any()
    assert polarities(reading(text), [(0, len(text))], [[place(text, "Gerrard")]])[0] is not None


WORDS = st.lists(st.sampled_from(["Ann", "Bo", "Annie", "saw", "she", ",", "Ann's"]), min_size=1, max_size=12)


@given(WORDS, st.sampled_from(["Zoë Long", "X", "the union"]), st.integers(0, 11))
def test_another_name_stands_wherever_the_name_stood(words: list[str], name: str, chosen: int) -> None:
    """Every whole occurrence gives way, other mentions move along, and every span holds what it is to hold."""
    words = [*words[:chosen], "Ann", *words[chosen:], "she"]
    at = words.index("Ann")
    starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
    text = " ".join(words)
    spans = [(starts[at], starts[at] + 3), (starts[-1], starts[-1] + 3)]

    told, moved = renamed(text, spans, name)

    assert told.split(" ") == " ".join(
        word.replace("Ann", name) if word in ("Ann", "Ann's") else word for word in words
    ).split(" ")
    assert [told[start:end] for start, end in moved] == [name] * (words.count("Ann") + words.count("Ann's")) + ["she"]


def test_without_a_name_one_token_stands_for_it() -> None:
    """A name of several pieces becomes one token that the target holds; a pronoun stays as it is."""
    row = {
        "text": "Zebulon Quarrington left, and he wept.",
        "start": 0,
        "end": 19,
        "coref": [[30, 32]],
        "label": "neutral",
    }
    pronoun = {**row, "start": 30, "end": 32, "coref": []}

    found, same = nameless(row, TOKENIZER), nameless(pronoun, TOKENIZER)

    assert found.held.sum() == 2
    assert len(found.ids) < len(example(row["text"], [(0, 19)], 1, TOKENIZER).ids)
    assert same.ids.tolist() == example(row["text"], [(30, 32)], 1, TOKENIZER).ids.tolist()
