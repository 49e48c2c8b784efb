"""Speakers: from the words beside a claim to whom they mean."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.annotate.article import Article, Piece
from pipeline.annotate.attribution import bare_pieces, by_rules
from pipeline.annotate.parse import parse
from pipeline.annotate.speakers import Speaker, resolve


def _speakers(text: str, pieces: tuple[Piece, ...] | None = None) -> list[Speaker]:
    article = Article("d0", None, text, pieces or tuple(bare_pieces(text)))
    t = parse(text)
    return resolve(article, t, by_rules(article, t))


def _last(text: str) -> tuple[str | None, str | None, str | None]:
    """Name, kind and resolution of the speaker of the last attribution."""
    speaker = _speakers(text)[-1]
    return speaker.name, speaker.kind, speaker.resolution


CASES = {
    "surname": (
        "Defence minister Irena Solt spoke on Friday. Solt said the brigades would stay.",
        ("Irena Solt", "person", "named"),
    ),
    "address and surname": (
        "Marek Lund arrived late. “The gate was sound,” Mr Lund said.",
        ("Marek Lund", "person", "named"),
    ),
    "she": (
        "Defence minister Irena Solt met Colonel Pavo Drenn on Friday. She said the brigades would stay.",
        ("Irena Solt", "person", "pronoun"),
    ),
    "he passes over a spokeswoman": (
        "Union chair Tobin Oom spoke to spokeswoman Jun Talbrecht. He said the strike would go on.",
        ("Tobin Oom", "person", "pronoun"),
    ),
    "role noun": (
        "Kestrian prime minister Hanna Oskari toured the valley. “We will rebuild it,” the prime minister said.",
        ("Hanna Oskari", "person", "role"),
    ),
    "role noun in apposition": (
        "Hanna Oskari, the prime minister of Kestria, toured the valley. The prime minister said help was coming.",
        ("Hanna Oskari", "person", "role"),
    ),
    "institution": ("The interior ministry said 29 people had died.", ("interior ministry", "organisation", "named")),
    "the ministry": (
        "The interior ministry sent boats. The ministry said 29 people had died.",
        ("interior ministry", "organisation", "role"),
    ),
    "the company": (
        "Halberg Chemicals closed the plant. The company said the valve had failed.",
        ("Halberg Chemicals", "organisation", "role"),
    ),
    "group": ("Residents of Tanner Street said the air was yellow.", ("Residents of Tanner Street", "group", "named")),
    "anonymous": (
        "A senior official said the vote would be annulled.",
        ("senior official", "anonymous", "named"),
    ),
    "document": ("The annual report said spending had halved.", ("annual report", "document", "named")),
    "issuer of a document": (
        "President Tomas Velk spoke on Monday. The monument, Velk’s decree said, will stand in the capital.",
        ("Tomas Velk", "person", "named"),
    ),
    "continued quote": (
        "“We are tired,” Olga Renn said on the bridge. The crowd fell silent. “We are not finished.”",
        ("Olga Renn", "person", "inherited"),
    ),
    "label": (
        "Mayor Olga Renn spoke on the bridge.\n\nQuote: “We are tired, and we are not finished with this river.”",
        ("Olga Renn", "person", "label"),
    ),
    "institution of another": (
        "The Front's high command said the bridge stood.",
        ("Front's high command", "organisation", "named"),
    ),
    "name in apposition to a label's paragraph": (
        "One of the founders of the party, Viktor Aumann, published an article on the vote. The article is long.\n\n"
        "Quote: “The door of this house stands open to all who come in peace.”",
        ("Viktor Aumann", "person", "label"),
    ),
    "acronym in brackets": (
        "The Harbour Workers’ Union (HWU) met on Friday. HWU said the strike would go on.",
        ("Harbour Workers’ Union", "organisation", "named"),
    ),
    "another's relative clause": (
        "I met a young man who would not give his name and who claimed the Front had buried twelve soldiers.",
        ("young man", "anonymous", "named"),
    ),
    "she for a nurse without a name": (
        "“I knew,” a nurse at the hospital said. She said the alarm was silent.",
        ("nurse at the hospital", "anonymous", "pronoun"),
    ),
    "the nurse without a name": (
        "“I knew,” a nurse at the hospital said. The nurse said nobody came.",
        ("nurse at the hospital", "anonymous", "role"),
    ),
    "her mother is nobody before": (
        "Anna Teal spoke on Friday. Her mother said the bridge stood.",
        ("Her mother", "anonymous", "named"),
    ),
    "he after an apposition": (
        "The rebels' commander, Joran Teal, said the road was theirs. He threatened to shell the bridge.",
        ("Joran Teal", "person", "pronoun"),
    ),
    "surname right after a quote": (
        'The chair of the union, Dita Valence, said the gate was old. "This was not weather," Valence said.',
        ("Dita Valence", "person", "named"),
    ),
    "role that only a noun tells": (
        "Ina Brok arrived at noon. The minister said the bridge stood.",
        ("Ina Brok", "person", "role"),
    ),
    "chief for boss": (
        "Power boss Marek Lund stayed in his villa. The Orlu Power chief said it was an act of nature.",
        ("Marek Lund", "person", "role"),
    ),
    "family name first": (
        "General Oda Min-ha praised the crews. Oda said the lake was safe.",
        ("Oda Min-ha", "person", "named"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_speaker(case: str):
    """Surnames, pronouns, roles, institutions and labels lead to the fullest name of the document."""
    text, expected = CASES[case]

    assert expected == _last(text)


ROLES = {
    "affiliation in front": (
        "Taldonian foreign minister Elise Brandt said the vote was fair.",
        ("foreign minister", "Taldonian"),
    ),
    "capital at the start of a sentence": (
        "Interior minister Sami Korr said the search went on.",
        ("Interior minister", None),
    ),
    "role with of": (
        "Kestrian Chief of the General Staff Oren Vass said the valley was clear.",
        ("Chief of the General Staff", "Kestrian"),
    ),
    "apposition": (
        "Marek Lund, chief executive of Orlu Power, said the gate was sound.",
        ("chief executive of Orlu Power", "Orlu Power"),
    ),
    "no more than an address": ("Mr Lund said the gate was sound.", (None, None)),
}


@pytest.mark.parametrize("case", ROLES)
def test_role_and_affiliation_as_written(case: str):
    """Role and affiliation are the document's own words, apart from forms of address."""
    text, expected = ROLES[case]
    speaker = _speakers(text)[-1]

    assert expected == (speaker.role, speaker.affiliation)


def test_words_and_place_are_those_beside_the_claim():
    """`text` is what stands at `span`, however the name was found."""
    text = "Defence minister Irena Solt spoke on Friday. She said the brigades would stay."
    speaker = _speakers(text)[-1]

    assert (text[slice(*speaker.span)], speaker.name) == ("She", "Irena Solt")
    assert speaker.text == "She"


def test_nobody_named_is_implicit():
    """A passive without an agent has no speaker, and says that the text names none."""
    (speaker,) = _speakers("It was reported that the bridge had fallen.")

    assert (speaker.name, speaker.missing) == (None, "implicit")


def test_pronoun_without_antecedent_is_unresolved():
    """A pronoun that means nobody in the document keeps its words and gets no name."""
    (speaker,) = _speakers("She said the bridge had fallen.")

    assert (speaker.name, speaker.text, speaker.missing) == (None, "She", "unresolved")


def test_via_is_resolved():
    """Who passed a claim on is named like a speaker, pronouns included."""
    text = "State media broke the silence. They reported that Tomas Velk had ordered a monument to the dead."
    speaker = _speakers(text)[-1]

    assert (speaker.name, speaker.via) == ("Tomas Velk", ("State media",))


def test_transcript_labels_find_names():
    """A label is the surname of whom the text names, or of who gives the name in a turn."""
    turns = [
        ("HOST:", "Good afternoon, I'm Calla Merrow. With me is Tobin Achterly."),
        ("ACHTERLY:", "Nobody will give you one number."),
        ("HOST:", "Thank you."),
    ]
    text, pieces = "", []
    for label, words in turns:
        start = len(text)
        text += f"{label} {words}\n\n"
        body = start + len(label) + 1
        pieces += [Piece("label", start, body - 1), Piece("body", body, body + len(words))]

    assert [each.name for each in _speakers(text, tuple(pieces))] == ["Calla Merrow", "Tobin Achterly", "Calla Merrow"]


def test_two_people_with_one_surname_stay_two():
    """A full name is never taken for another with the same last name."""
    text = "Anna Teal said the bridge stood. Joran Teal said the bridge had fallen."

    assert [each.name for each in _speakers(text)] == ["Anna Teal", "Joran Teal"]


_WORDS = st.sampled_from([
    "Solt", "Irena", "said", "that", "the", "minister", "she", "they", "it", "who", "ministry", ",", ".", "“", "”",
    "according", "to", "Mr", "of", "President", "-", "’s", "statement", "\n\n", "HOST:", "Quote:", "and", "report",
    "One", "\u00a0",
])  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_WORDS, max_size=40).map(" ".join))
def test_each_attribution_has_a_speaker_or_a_reason(text: str):
    """Speakers are parallel to attributions, and exactly those without a name say why."""
    article = Article("d0", None, text, tuple(bare_pieces(text)))
    t = parse(text)
    attributions = by_rules(article, t)
    speakers = resolve(article, t, attributions)

    assert len(attributions) == len(speakers)
    for speaker in speakers:
        assert (speaker.name is None) == (speaker.missing is not None)
        assert (speaker.name is None) == (speaker.kind is None) == (speaker.resolution is None)
        assert speaker.name is None or speaker.name.strip()
        assert speaker.span is None or speaker.text == text[slice(*speaker.span)]
