"""Duplicates and speakers over the whole corpus."""

import datetime
import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline import schema
from pipeline.link import link, name_key

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
    return link(
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
    """Two people who share a last name are never merged, and a last name without evidence stays by itself."""
    texts = [_document(i, "x") for i in range(1, 5)]
    minister = {"speaker_role": "defence minister"}
    one = [_claim(1, 1, "Irena Solt", **minister), _claim(2, 2, "Solt", **minister)]
    two = [*one, _claim(3, 3, "Pavo Solt", **minister)]
    without = [_claim(1, 1, "Irena Solt", **minister), _claim(2, 2, "Solt")]

    assert [_link(texts, claims)[2].num_rows for claims in (one, two, without)] == [1, 3, 2]


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
    ["Irena Solt", "Solt", "Pavo Solt", "Orlu Power", "the Orlu Power", "officials", "Tomas Velk", "VELK"]
)


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
