"""Duplicates and speakers over the whole corpus."""

import datetime
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_growth import nodes

from pipeline import schema
from pipeline.errors import SchemaError
from pipeline.evaluate.gold import speakers
from pipeline.link import Aliases, link, name_key
from pipeline.link.aliases import read
from pipeline.link.resolve import resolve
from pipeline.read import read as read_raw

NO_ALIASES = Aliases()

BLANK_DOCUMENT = dict.fromkeys(schema.arrow("documents").names) | {
    "format": "text",
    "text_published": True,
    "cleaner": "test",
}
BLANK_CLAIM = dict.fromkeys(schema.arrow("claims").names) | {
    "text": "so",
    "start": 0,
    "end": 2,
    "spans": "0-2",
    "raw_start": 0,
    "raw_end": 2,
    "voice": "attributed",
    "mode": "indirect",
    "claim_type": "event",
    "claim_types": "event",
    "checkable": True,
    "outlet_stance": "reports",
    "annotator": "test",
}


def _document(number: int, text: str, day: int | None = None) -> tuple[dict, dict]:
    key = f"d{number:016x}"
    document = BLANK_DOCUMENT | {
        "document_id": key,
        "source": f"{number}.txt",
        "outlet": f"outlet {number}",
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "published_start": None if day is None else datetime.date(2024, 4, day),
    }
    row = {"document_id": key, "text": text, "paragraphs": "", "alignment": f"{len(text)}=", "cleaner": "test"}
    return document, row


def _claim(number: int, document: int, speaker: str | None, kind: str | None = "person", **more) -> dict:
    return (
        BLANK_CLAIM
        | {
            "claim_id": f"c{number:016x}",
            "document_id": f"d{document:016x}",
            "speaker": speaker,
            "speaker_kind": kind,
            "speaker_text": speaker,
            "speaker_resolution": "named",
        }
        | more
    )


def _link(documents: list[tuple[dict, dict]], claims: list[dict]):
    return link(*_tables(documents, claims))[:3]


def _tables(documents: list[tuple[dict, dict]], claims: list[dict]):
    return (
        schema.table("documents", [document for document, _ in documents]),
        schema.table("texts", [text for _, text in documents]),
        schema.table("claims", claims),
    )


STORY = (
    "The gate at the dam gave way before dawn, and within an hour the lower town stood under two metres of water. "
    "Boats took families from the roofs until noon, the mayor said, and nobody yet knows how many are missing."
)


def test_the_same_text_is_an_exact_duplicate_of_the_earliest():
    """What was printed first is what the others duplicate, whatever its file is called."""
    documents, _, _ = _link([_document(1, STORY, day=9), _document(2, STORY, day=4), _document(3, STORY)], [])

    rows = documents.to_pylist()
    assert [row["duplicate_of"] for row in rows] == ["d0000000000000002", None, "d0000000000000002"]
    assert [row["duplicate_kind"] for row in rows] == ["exact", None, "exact"]


def test_a_reprint_with_cuts_is_a_near_duplicate_and_another_story_is_not():
    """Most of the same five-word sequences, no more, makes a near duplicate."""
    cut = STORY.replace(", and nobody yet knows how many are missing", "")
    other = "Nobody yet knows how many are missing after the fire at the mill, which burned until noon on Sunday."
    documents, _, _ = _link([_document(1, STORY, day=4), _document(2, cut, day=5), _document(3, other, day=6)], [])

    rows = documents.to_pylist()
    assert [row["duplicate_kind"] for row in rows] == [None, "near", None]
    assert rows[1]["duplicate_of"] == "d0000000000000001"
    assert 0.5 <= rows[1]["duplicate_similarity"] < 1


def test_a_speaker_is_one_row_over_hyphens_case_and_accents():
    """'Jun-ho Räm' and 'JUN HO RAM' are one person, named by the commonest fullest form."""
    texts = [_document(1, "a"), _document(2, "b")]
    claims = [_claim(1, 1, "Jun-ho Räm"), _claim(2, 2, "JUN HO RAM"), _claim(3, 2, "Jun-ho Räm")]
    _, linked, speakers = _link(texts, claims)

    (speaker,) = speakers.to_pylist()
    assert speaker["name"] == "Jun-ho Räm"
    assert (speaker["claims"], speaker["documents"], speaker["outlets"]) == (3, 2, 2)
    assert json.loads(speaker["forms"]) == ["JUN HO RAM", "Jun-ho Räm"]
    assert set(linked["speaker_id"].to_pylist()) == {speaker["speaker_id"]}
    assert set(linked["speaker"].to_pylist()) == {"Jun-ho Räm"}


def test_a_last_name_is_linked_only_when_one_person_of_that_role_bears_it():
    """Two people who share a last name are never merged, and what nobody else bears needs no evidence."""
    texts = [_document(i, "x") for i in range(1, 5)]
    minister = {"speaker_role": "defence minister"}
    one = [_claim(1, 1, "Irena Solt", **minister), _claim(2, 2, "Solt", **minister)]
    two = [*one, _claim(3, 3, "Pavo Solt", **minister)]
    without = [_claim(1, 1, "Irena Solt", **minister), _claim(2, 2, "Solt")]

    assert [_link(texts, claims)[2].num_rows for claims in (one, two, without)] == [1, 3, 1]


def test_unnamed_sources_of_two_documents_are_not_one_speaker():
    """'officials' here and 'officials' there are different people."""
    claims = [_claim(1, 1, "officials", "group"), _claim(2, 2, "officials", "group")]
    _, _, speakers = _link([_document(1, "a"), _document(2, "b")], claims)

    assert speakers.num_rows == 2


def test_claims_without_a_speaker_keep_none():
    """Null stays null: nothing is linked to nobody."""
    _, linked, speakers = _link([_document(1, "a")], [_claim(1, 1, None, None, speaker_missing="implicit")])

    assert speakers.num_rows == 0
    assert linked["speaker_id"].to_pylist() == [None]


NAMES = st.sampled_from(
    ["Irena Solt", "Solt", "Pavo Solt", "P. Solt", "Pavo K. Solt", "Orlu Power", "the Orlu Power", "Orlu", "officials"]
)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(NAMES, st.sampled_from(["person", "organisation", "group"]), st.integers(1, 3)), max_size=12),
    st.randoms(),
)
def test_linking_does_not_depend_on_the_order_of_rows(said, random):
    """Shuffled claims and documents give the same speakers and the same links."""
    documents = [_document(i, STORY[: 60 * i], day=i) for i in range(1, 4)]
    claims = [_claim(i, document, name, kind) for i, (name, kind, document) in enumerate(said)]
    expected = _link(documents, claims)
    random.shuffle(documents)
    random.shuffle(claims)
    actual = _link(documents, claims)

    for name, key, before, after in zip(
        ("documents", "claims", "speakers"), ("document_id", "claim_id", "speaker_id"), expected, actual, strict=True
    ):
        assert before.sort_by(key).to_pylist() == after.sort_by(key).to_pylist(), name


@given(st.text())
def test_a_name_key_is_its_own_key(name):
    """Folding a folded name changes nothing more, so no chain of forms drifts apart."""
    assert name_key(name_key(name)) == name_key(name)


def _names(*said: tuple[str, str] | str, texts: tuple[str, ...] = ("", "", ""), aliases: Aliases = NO_ALIASES):
    """The linked names of persons, each claimed in a document and outlet of its own (or kind told)."""
    said = [entry if isinstance(entry, tuple) else (entry, "person") for entry in said]
    documents = [_document(i, texts[i - 1] if i <= len(texts) else "") for i in range(1, len(said) + 1)]
    claims = [_claim(i, i, name, kind) for i, (name, kind) in enumerate(said, start=1)]
    found = link(*_tables(documents, claims), aliases)
    return found, found.claims["speaker"].to_pylist()


ONE = {
    "hyphens and case": ("Oda Min-ho", "ODA MIN HO", "Oda Minho"),
    "initials with and without stops": ("J. D. Harrow", "JD Harrow", "J.D. Harrow"),
    "titles": ("Dr Lena Fisk", "Lena Fisk", "Prof. Lena Fisk, MP"),
    "letters of other alphabets": ("Søren Łukas", "Soren Lukas"),
    "Slavic endings": ("Artem Velenskyy", "Artem Velensky", "Artem Velenskiy"),
    "Arabic article": ("Hadi al-Sarim", "Hadi el-Sarim", "Hadi Sarim"),
    "middle name": ("Anna Brook", "Anna K. Brook", "Anna Karin Brook"),
    "initial": ("A. Brook", "Anna Brook"),
    "last name": ("Anna Brook", "Brook", "Ms Brook"),
    "last name with particles": ("Ilse von der Marsch", "von der Marsch", "Marsch"),
}


@pytest.mark.parametrize("case", ONE)
def test_forms_of_one_name_are_one_speaker(case: str):
    """However a name is spelled, its speaker is one row."""
    found, names = _names(*ONE[case])

    assert found.speakers.num_rows == 1, names
    assert len(set(names)) == 1


APART = {
    "last name": ("Anna Brook", "Joran Brook"),
    "last name of two": ("Anna Brook", "Joran Brook", "Brook"),
    "first name": ("Anna Brook", "Anna Teal"),
    "a bare first name": ("Anna Brook", "Anna"),
    "initials that differ": ("A. Brook", "J. Brook"),
    "initial of two": ("A. Brook", "Anna Brook", "Ada Brook"),
    "middle names that differ": ("Anna K. Brook", "Anna R. Brook"),
    "middle name of two": ("Anna Brook", "Anna K. Brook", "Anna R. Brook"),
    "father and son": ("Tomas Velk", "Tomas Velk Jr."),
    "spaces inside a name": ("Ann Alee", "Anna Lee"),
    "one letter": ("Erik Hansen", "Eric Hansen"),
    "a particle that opens a name": ("Van Brook", "Anna Brook"),
}


@pytest.mark.parametrize("case", APART)
def test_people_who_share_part_of_a_name_are_never_merged(case: str):
    """What two people may share joins nobody."""
    _, names = _names(*APART[case])

    assert list(APART[case]) == names


def test_a_romanisation_needs_a_common_role():
    """'Kim Dong Eul' is 'Kim Dong-ul' where both lead the same, and nobody else's name is bent."""
    documents = [_document(1, "a"), _document(2, "b"), _document(3, "c")]
    leader = {"speaker_role": "Kestrian leader"}
    claims = [
        _claim(1, 1, "Kim Dong-ul", **leader),
        _claim(2, 2, "Kim Dong Eul", **leader),
        _claim(3, 3, "Kim Dong Ool"),
    ]
    speakers = link(*_tables(documents, claims)).speakers.to_pylist()

    assert sorted(row["name"] for row in speakers) == ["Kim Dong Eul", "Kim Dong Ool"]
    assert [row["evidence"] for row in speakers if row["evidence"]] == ['{"Kim Dong-ul": "romanisation"}']


def test_a_role_that_differs_keeps_a_last_name_apart():
    """A roofer is not the minister, though nobody else bears the name."""
    documents = [_document(1, "a"), _document(2, "b")]
    claims = [
        _claim(1, 1, "Irena Solt", speaker_role="defence minister"),
        _claim(2, 2, "Solt", speaker_role="roofer"),
    ]

    assert link(*_tables(documents, claims)).speakers.num_rows == 2


def test_a_last_name_means_whom_its_outlet_names_in_full():
    """Of two people with one last name, the outlet's own is meant; an outlet that names neither keeps its own row."""
    documents = [_document(i, "") for i in range(1, 7)]
    for number, outlet in enumerate(("a", "a", "b", "b", "c", "d")):
        documents[number][0]["outlet"] = outlet
    said = ("Anna Brook", "Brook", "Joran Brook", "Brook", "Brook", "Brook")
    claims = [_claim(i, i, name) for i, name in enumerate(said, start=1)]
    linked = link(*_tables(documents, claims))

    assert linked.claims["speaker"].to_pylist() == [*["Anna Brook"] * 2, *["Joran Brook"] * 2, "Brook", "Brook"]
    assert linked.speakers.num_rows == 4


ORGANISATIONS = {
    "spelled out in the text": (
        ("Harbour Workers' Union", "HWU"),
        "The Harbour Workers' Union (HWU) met.",
        {"HWU": "acronym: d0000000000000001"},
    ),
    "spelled out behind the acronym": (
        ("HWU", "Harbour Workers' Union"),
        "HWU (Harbour Workers' Union) met.",
        {"HWU": "acronym: d0000000000000001"},
    ),
    "legal form": (("Halberg Chemicals", "Halberg Chemicals Ltd."), "", {"Halberg Chemicals": "spelling"}),
    "short name": (("Halberg", "Halberg Chemicals"), "", {"Halberg": "short name"}),
    "article": (("Orlu Power", "the Orlu Power"), "", {"the Orlu Power": "spelling"}),
}


@pytest.mark.parametrize("case", ORGANISATIONS)
def test_forms_of_an_organisation_are_one_speaker(case: str):
    """Acronyms join where a text spells them out; the evidence tells the rule, and the document."""
    names, text, evidence = ORGANISATIONS[case]
    found, _ = _names(*((name, "organisation") for name in names), texts=(text, ""))

    (speaker,) = found.speakers.to_pylist()
    assert evidence == json.loads(speaker["evidence"])


def test_an_acronym_that_is_spelled_out_in_two_ways_joins_nobody():
    """HWU may be the harbour workers or the hotel waiters; an outlet that has neither keeps its own."""
    texts = ("Harbour Workers Union (HWU)", "Hotel Waiters Union (HWU)", "")
    said = ("Harbour Workers Union", "Hotel Waiters Union", "HWU")
    _, names = _names(*((name, "organisation") for name in said), texts=texts)

    assert list(said) == names


def test_an_acronym_gives_the_name_that_only_the_text_has():
    """Where no claim names it in full, the speaker still bears its full name."""
    _, names = _names(("HWU", "organisation"), texts=("The Harbour Workers Union (HWU) met.",))

    assert names == ["Harbour Workers Union"]


def test_common_nouns_are_others_elsewhere():
    """'police' here are not those there, and 'Supreme Court' is one in an outlet alone."""
    documents = [_document(i, "") for i in (1, 2, 3)]
    documents[1][0]["outlet"] = documents[0][0]["outlet"]
    said = [(1, "police"), (2, "police"), (1, "Supreme Court"), (2, "Supreme Court"), (3, "Supreme Court")]
    claims = [_claim(n, document, name, "organisation") for n, (document, name) in enumerate(said)]

    assert link(*_tables(documents, claims)).speakers.num_rows == 4


def test_a_name_is_of_the_kind_that_most_claims_give_it():
    """A group taken once for a person's name is the organisation, and its claims say so."""
    found, _ = _names(("Ballot Watch", "organisation"), ("Ballot Watch", "person"), ("Ballot Watch", "organisation"))

    assert found.claims["speaker_kind"].to_pylist() == ["organisation"] * 3
    assert json.loads(found.speakers["evidence"][0].as_py() or "{}") == {}


def _aliases(tmp_path, content: str) -> Aliases:
    (tmp_path / "aliases.toml").write_text(content, encoding="utf-8")
    return read(tmp_path)


def test_an_alias_merges_what_no_rule_would(tmp_path):
    """The user's word joins names, tells the name and the kind, and is given as evidence."""
    aliases = _aliases(
        tmp_path, '[[merge]]\nname = "Joran Teal"\nkind = "person"\nforms = ["Weaver", "the Front\'s man"]'
    )
    found, names = _names("Joran Teal", ("weaver", "organisation"), ("the Front's man", "anonymous"), aliases=aliases)

    assert names == ["Joran Teal"] * 3
    (speaker,) = found.speakers.to_pylist()
    assert speaker["kind"] == "person"
    assert json.loads(speaker["evidence"]) == {"the Front's man": "alias", "weaver": "alias"}


def test_an_alias_splits_what_a_rule_would_join(tmp_path):
    """Names that the user keeps apart are never one, though one fits the other."""
    aliases = _aliases(tmp_path, '[[split]]\nnames = ["A. Brook", "Anna Brook"]')
    _, names = _names("A. Brook", "Anna Brook", aliases=aliases)

    assert names == ["A. Brook", "Anna Brook"]


def test_an_alias_tells_two_people_of_one_name_apart(tmp_path):
    """One name means another person in the outlet that the user names."""
    aliases = _aliases(
        tmp_path,
        '[[merge]]\nname = "Anna Brook (roofer)"\nkind = "person"\nforms = ["Anna Brook"]\noutlets = ["outlet 2"]',
    )
    found, names = _names("Anna Brook", "Anna Brook", "Anna Brook", aliases=aliases)

    assert names == ["Anna Brook", "Anna Brook (roofer)", "Anna Brook"]
    assert found.speakers.num_rows == 2


def test_what_an_alias_names_in_vain_is_told(tmp_path):
    """A name, outlet or document that is not there is reported with its place, and nothing else changes."""
    content = """
        [[merge]]
        name = "Anna Brook"
        kind = "person"
        forms = ["Anne Brook"]
        outlets = ["outlet 1", "Nobody's"]
        [[split]]
        names = ["Anna Brook", "Ada Brook"]
    """
    found, names = _names("Anna Brook", aliases=_aliases(tmp_path, content))

    assert names == ["Anna Brook"]
    assert found.in_vain == (
        "[[merge]] 1: no claim of 'Anne Brook'",
        '[[merge]] 1: no outlet "Nobody\'s"',
        "[[split]] 1: no claim of 'Ada Brook'",
    )


WRONG = {
    "no TOML": ("[[merge", "is no TOML"),
    "unknown table": ("[[join]]\nname = 1", "unknown key 'join'"),
    "not a list": ("[merge]\nname = 'x'", "Write each entry below its own line [[merge]]"),
    "unknown key": ("[[merge]]\nnmae = 'x'", "[[merge]] 1: unknown key 'nmae'"),
    "no name": ("[[merge]]\nkind = 'person'\nforms = ['x']", "[[merge]] 1: name is None"),
    "unknown kind": ("[[merge]]\nname = 'x'\nkind = 'man'\nforms = ['y']", "kind is 'man'. Give one of person"),
    "no forms": ("[[merge]]\nname = 'x'\nkind = 'person'\nforms = []", "at least 1 names"),
    "one name to split": ("[[split]]\nnames = ['x']", "[[split]] 1: names is ['x']"),
    "one name twice": ("[[split]]\nnames = ['J. Ash', 'J Ash']", "are one name but for case"),
    "two merges of one name": (
        "[[merge]]\nname = 'a'\nkind = 'person'\nforms = ['x']\n[[merge]]\nname = 'b'\nkind = 'person'\nforms = ['X']",
        "'x' stands in [[merge]] 1 and 2",
    ),
    "merge against split": (
        "[[merge]]\nname = 'a'\nkind = 'person'\nforms = ['b']\n[[split]]\nnames = ['a', 'b']",
        "[[split]] 1 keeps 'a' and 'b' apart, [[merge]] 1 joins them",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_aliases_file_says_what_where_and_what_to_do(tmp_path, case: str):
    """Nothing starts with aliases that cannot be meant so."""
    content, told = WRONG[case]
    with pytest.raises(SchemaError) as caught:
        _aliases(tmp_path, content)

    assert told in str(caught.value)
    assert "aliases.toml" in str(caught.value)


def test_no_aliases_file_is_no_aliases(tmp_path):
    """The file is optional."""
    assert read(tmp_path) == Aliases()


def test_each_name_is_compared_with_few_others():
    """Four times the names make about four times the comparisons, also where many share a last name."""
    looked = [resolve(nodes(count), {}, Aliases()).looked for count in (2_000, 8_000)]

    assert looked[0] > 500
    assert looked[1] < 5 * looked[0]


def test_the_aliases_file_is_no_document(tmp_path):
    """`aliases.toml` in the raw folder is read by `link`; below it, a file of that name is an input like any other."""
    (tmp_path / "below").mkdir()
    for place in (tmp_path, tmp_path / "below"):
        (place / "aliases.toml").write_text("", encoding="utf-8")

    assert [row["source"] for row in read_raw(tmp_path)] == ["below/aliases.toml"]


def test_a_mention_is_right_only_by_the_wanted_name():
    """The score counts wrong names and mentions without a claim as wrong, and lets words lead to nobody's name."""
    text = "Irena Solt spoke. She said the bridge stood. Solt left, an official at the gate said."

    def claim(words: str, speaker: str) -> dict:
        at = text.index(words)
        return {"voice": "attributed", "speaker_span": f"{at}-{at + len(words)}", "speaker": speaker}

    said = [claim("She said", "Irena Solt"), claim("an official at the gate", "official at the gate")]
    mentions = [
        {"source": "a", "context": "She said", "mention": "She", "speaker": speaker, "kind": kind, "how": how}
        for speaker, kind, how in (("Irena Solt", "person", "right"), ("Solt", "person", "wrong"))
    ]
    mentions += [
        {"source": "a", "context": "an official", "speaker": "official", "mention": "official", "kind": "anonymous",
         "how": "right"},
        {"source": "a", "context": "Solt left", "speaker": "Irena Solt", "mention": "Solt", "kind": "person",
         "how": "no claim"},
    ]  # fmt: skip
    scores = speakers(mentions, {"a": "d"}, {"d": text}, {"d": said})

    assert scores["canonical_speaker"] == {"accuracy": 50.0, "found": 75.0, "gold": 4}
    assert {how: each["accuracy"] for how, each in scores["canonical_speaker.how"].items()} == {
        "right": 100.0,
        "wrong": 0.0,
        "no claim": 0.0,
    }
