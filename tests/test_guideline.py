"""The annotation guideline of the claim types: complete, in step with the schema, safe as a page, kept by the gold."""

import json
from collections import Counter
from pathlib import Path

import pytest
from lxml import html as lxml_html

from pipeline import schema
from pipeline.annotate.guideline import SCHEMES, guideline, markdown, read
from pipeline.annotate.lexicons import FOLDER
from pipeline.errors import SchemaError
from pipeline.release import page

GOLD = Path(__file__).parent / "gold" / "claim_types.jsonl"
TESTS = (
    "quantity", "rule", "causal", "prediction", "commitment", "normative", "mental_state", "evaluation", "event",
    "attribute", "other",
)  # fmt: skip
FULL_FACT = {
    "personal experience", "quantity", "correlation or causation", "current laws or rules", "prediction", "other",
    "not a claim",
}  # fmt: skip
NKNEWS = {"Events", "Regulations", "Quantity", "Prediction", "Personal", "Normative", "Other", "NoClaim"}


def test_labels_are_those_of_the_schema() -> None:
    """The guideline explains exactly the labels of claims.claim_type, in the order in which the tests are asked."""
    names = tuple(label.name for label in guideline().labels)

    assert names == TESTS
    assert set(names) == set(schema.load("claims").field("claim_type").labels)


def test_every_label_has_two_examples_and_two_near_misses() -> None:
    """Each example gets the label it stands under, and no near miss does; no sentence stands twice."""
    sentences = []
    for label in guideline().labels:
        assert len(label.examples) == len(label.near_misses) == 2
        assert all(label.name in example.labels for example in label.examples)
        assert all(example.labels and label.name not in example.labels for example in label.near_misses)
        sentences += [example.text for example in (*label.examples, *label.near_misses)]

    assert len(sentences) == len(set(sentences)) == 44


def test_crosswalk_is_complete() -> None:
    """Each label and what is no claim has a category in each scheme; every category of theirs is reached."""
    rows = guideline().crosswalk()
    full_fact, claimbuster, nknews = ([row[i] for row in rows] for i in (1, 2, 3))

    assert [row[0] for row in rows] == [*TESTS, "no claim"]
    assert set(full_fact) == FULL_FACT
    assert set(claimbuster) == {"UFS or CFS", "NFS"}
    assert set(nknews) == NKNEWS
    assert len(SCHEMES) == 3


def test_checkable_labels_are_the_factual_ones() -> None:
    """Checkable is what a record could settle, which is what ClaimBuster calls factual; the text names the same."""
    guide = guideline()
    checkable = {label.name for label in guide.labels if label.checkable}

    assert checkable == {"quantity", "rule", "causal", "event", "attribute"}
    assert checkable == {label.name for label in guide.labels if label.claimbuster != "NFS"}
    assert all(f"`{name}`" in guide.checkable for name in checkable)


def test_markdown_holds_the_whole_guideline() -> None:
    """Every label has a heading with its test and its four sentences below, and the crosswalk is a table."""
    text = markdown()
    guide = guideline()
    for label in guide.labels:
        section = text.split(f"### `{label.name}`")[1].split("\n## ")[0].split("\n### ")[0]
        for words in (label.test, label.definition, *(e.text for e in (*label.examples, *label.near_misses))):
            assert words in section

    assert all(none.example in text for none in guide.no_claim)
    assert text.count("\n| ") == 1 + 1 + len(guide.crosswalk())


def test_page_shows_everything_as_text() -> None:
    """The page escapes what it is given, shows every sentence of the guideline and asks for nothing outside."""
    text = page.guideline()
    tree = lxml_html.fromstring(text)
    shown = " ".join(tree.find("body").text_content().split())
    guide = guideline()

    assert "questions &amp; answers" in text
    assert "questions & answers" not in text
    for label in guide.labels:
        assert label.test in shown
        assert label.definition.replace("`", "") in shown
        assert all(example.text in shown for example in (*label.examples, *label.near_misses))
    assert all(part.replace("`", "") in shown for part in (*guide.steps, *guide.choosing, guide.checkable))
    assert "`" not in shown
    assert not tree.xpath("//script | //link | //img | //*[@src] | //*[starts-with(@href, 'http')]")
    assert len(ids := tree.xpath("//@id")) == len(set(ids))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('test = "Did all', 'tests = "Did all', "'tests'"),
        ('labels = ["other"]', 'labels = ["others"]', "others"),
        ('labels = ["rule", "event"]', 'labels = ["event", "rule"]', "order of the tests"),
        ('claimbuster = "NFS"\nnknews = "NoClaim"', 'nknews = "NoClaim"', "no_claim_crosswalk"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, old: str, new: str, word: str) -> None:
    """A misspelt key, an unknown label, labels out of order or a gap in the crosswalk is refused by name."""
    text = (FOLDER / "guideline.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "guideline.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(SchemaError, match=word):
        read(path)


def test_gold_keeps_the_guideline() -> None:
    """Each gold sentence has labels in the order of the tests or a reason to have none, and stands in no example."""
    guide, claims = guideline(), schema.load("claims")
    reasons = {none.reason for none in guide.no_claim}
    examples = {example.text for label in guide.labels for example in (*label.examples, *label.near_misses)}
    rows = _gold()

    assert len(rows) == len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == 300
    for row in rows:
        types = row["claim_types"]
        assert types == [name for name in TESTS if name in types][:3], row["id"]
        assert (row["no_claim"] in reasons) if not types else (row["no_claim"] is None), row["id"]
        assert types == ["other"] or "other" not in types, row["id"]
        assert row["voice"] in claims.field("voice").labels
        assert row["speech_act"] in (
            {None, *claims.field("speech_act").labels} if row["voice"] == "attributed" else {None}
        )
        assert row["text"] not in examples


def test_gold_holds_enough_of_each_label_in_both_halves() -> None:
    """At least 20 of each label, 12 as the main one and 35 that are no claim; the halves differ by three at most."""
    rows = _gold()
    halves = [[row for row in rows if row["split"] == split] for split in ("dev", "test")]
    main = [Counter((row["claim_types"] or ["no claim"])[0] for row in half) for half in halves]
    every = Counter(name for row in rows for name in row["claim_types"])

    assert [len(half) for half in halves] == [150, 150]
    assert all(every[name] >= 20 and main[0][name] + main[1][name] >= 12 for name in TESTS)
    assert main[0]["no claim"] + main[1]["no claim"] >= 35
    assert all(abs(main[0][name] - main[1][name]) <= 3 for name in (*TESTS, "no claim"))


def _gold() -> list[dict]:
    return [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]
