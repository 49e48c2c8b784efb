"""What looks like personal data or a key: found by its shape, counted, and put out of sight with the way back kept."""

import itertools
import json
import re
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from pipeline import personal
from pipeline.clean import CLEANER, clean, clean_text
from pipeline.offsets import Alignment, RawSpans
from pipeline.read import RAW

SHAPES = {
    "e-mail address": ["ada.quill@quay.example", "o'dorn+news@desk.quay.example", "ада@порт.укр", "x@a.co"],
    "telephone number": [
        *("+49 30 9018200", "+44 (0)20 7946 0018", "0049 30 123456", "(202) 555-0143", "1-202-555-0199"),
        *("020 7946 0018", "01 99 00 12 34", "030/901820-33", "+٤٩ ٣٠ ٩٠١٨٢٠٠"),
    ],
    "IBAN": ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "NO93 8601 1117 947"],
    "key": [
        *("AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1" * 18, "sk-proj-" + "b2" * 12, "xoxb-" + "1" * 12, "AIza" + "c" * 35),
        f"eyJ{'h' * 20}.eyJ{'p' * 20}.{'s' * 20}",
        f"-----BEGIN RSA PRIVATE KEY-----\n\n{'M' * 64}\n\n{'I' * 64}\n\nabcd==\n\n-----END RSA PRIVATE KEY-----",
    ],
}
INNOCENT = [
    *("2024-04-12", "04.05.2024", "05-12-2024", "from 0900-1130 GMT", "1914-1918", "10 000 000 people", "won 2-1"),
    *(
        "300 000-400 000",
        "10 000 000 000",
        "007",
        "+12.5 per cent",
        "1,000,000.50",
        "ISBN 978-3-16-148410-0",
        "2020-2021-2022",
    ),
    *("@quay said", "a@b", "an AA12 battery", "GB29NWBK60161331926818", "risk-averse", "the sk-27 fighter"),
    *("3.14159265358979", "/2024/0412/00491234567", "12:30-14:45", "Boeing 737-800", "hf_", "the key to it"),
]
ARTICLE = (
    "Ferry halted\n\nBy Ada Quill, ada@quay.example\n\n“Call {} or write to {},” the pilot said.\n\nHe paid {} and "
    "lost {} on 12 April 2024.\n"
)
PARAGRAPHS = "".join(f"<p>{one}</p>" for one in ARTICLE.split("\n\n")[1:])
PAGE = (
    "<html><body><article><h1>Ferry halted</h1>{}"
    + "<p>The ferry lay at the quay all day, and nobody could tell when it would leave again.</p>" * 4
    + "</article></body></html>"
)
HELD = [shapes[0] for shapes in SHAPES.values()]
OTHERS = ["dorn@wall.example", "+47 22 12 34 56", "NO9386011117947", "AKIAIOSFODNN7EXAMPLE"]


@pytest.mark.parametrize(("kind", "words"), [(kind, words) for kind, all_ in SHAPES.items() for words in all_])
@pytest.mark.parametrize("around", ["{}", "({}).", "See “{}”, 2 of 3.", "IN FY24 {} AND\n{}"])
def test_each_shape_is_found_where_it_stands(kind: str, words: str, around: str) -> None:
    """Whole, wherever it stands and whatever is written beside it, and nothing else with it."""
    text = around.replace("{}", words)

    assert [(words, kind)] * around.count("{}") == [(text[a:b], of) for a, b, of in personal.found(text)]


@pytest.mark.parametrize("words", INNOCENT)
def test_numbers_of_news_have_no_shape(words: str) -> None:
    """Dates, times, scores, sums, ranges and types are none of it."""
    assert personal.found(f"He said {words} on Monday.") == []


@pytest.mark.parametrize("label", ["Tel.: ", "phone ", "Fax no. ", "WhatsApp: "])
def test_a_label_makes_a_short_number_one(label: str) -> None:
    """Seven digits are a telephone number where it is said so, and else are not."""
    assert ["555-0143"] == [(label + "555-0143")[a:b] for a, b, _ in personal.found(f"{label}555-0143.")]
    assert personal.found("between 555-0143 and so on") == []
    assert ["800-273-8255"] == [(label + "(800-273-8255)")[a:b] for a, b, _ in personal.found(f"{label}(800-273-8255)")]
    assert ["(030) 901820"] == [(label + "(030) 901820")[a:b] for a, b, _ in personal.found(f"{label}(030) 901820")]


_PIECES = st.sampled_from(
    [*(one for all_ in SHAPES.values() for one in all_), *INNOCENT, " ", "\n", "@", "+", "0", "-"]
)


@given(st.lists(st.one_of(_PIECES, strategies.texts(8)), max_size=8).map("".join))
def test_where_something_is_found_the_pattern_of_candidates_is(text: str) -> None:
    """What a database passes over by `CANDIDATE` has nothing in it; what is found lies in order and apart, and after
    the redaction its words are gone.
    """
    found = personal.found(text)

    assert not found or _SQL.execute("SELECT regexp_matches(?, ?)", [text, personal.CANDIDATE]).fetchone() == (True,)
    assert all(0 <= start < end <= len(text) for start, end, _ in found)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(found))
    parts = re.split("|".join(map(re.escape, personal.MARKS.values())), personal.redacted(text))
    kept = [
        text[a:b]
        for a, b in zip([0, *(end for _, end, _ in found)], [*(s for s, _, _ in found), len(text)], strict=True)
    ]
    assert "".join(kept) == "".join(parts)


_SQL = duckdb.connect(config={"threads": 1})


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text", ARTICLE.format(*HELD).replace("\n", "\r\n").encode()),
        ("jsonl", json.dumps({"text": ARTICLE.format(*HELD)}).encode()),
        ("html", PAGE.format(PARAGRAPHS.format(*HELD)).encode()),
    ],
)
def test_a_mark_leads_back_to_the_bytes_of_what_it_hides(kind: str, content: bytes) -> None:
    """Text, page and record: each mark's span in the cleaned text is the span of the hidden words in the raw bytes."""
    plain, found = clean_text(content, kind=kind), clean_text(content, kind=kind, redact=True)
    spans = RawSpans(content, found.encoding, found.alignment)
    hidden = [one.span() for one in re.finditer("|".join(map(re.escape, personal.MARKS.values())), found.text)]

    assert [plain.text[a:b] for a, b, _ in personal.found(plain.text)] == [
        content[slice(*spans.span(*place))].decode() for place in hidden
    ]
    assert set(HELD) <= {content[slice(*spans.span(*place))].decode() for place in hidden}
    assert personal.redacted(plain.text) == found.text
    assert Alignment.parse(found.alignment.cigar()) == found.alignment


def _rows(**told: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    row = dict.fromkeys(RAW.names) | {"source": "a.jsonl#1", "format": "jsonl", "publish_text": True} | told
    return tuple(table.to_pylist() for table in clean(pa.Table.from_pylist([row], schema=RAW)))


def test_no_column_of_a_redacted_document_holds_it() -> None:
    """Headline, author, address and the reason of a refusal are redacted with the text, and the cleaner says so."""
    line = {
        "text": ARTICLE.format(*HELD),
        "title": f"Ferry halted, says {OTHERS[0]}",
        "author": f"Ada Quill {OTHERS[1]}",
        "url": f"https://quay.example/?mail={OTHERS[0]}",
        "outlet": OTHERS[2],
    }
    documents, texts = _rows(content=json.dumps(line).encode(), redact=True)
    told = repr((documents, texts))

    assert not [secret for secret in (*HELD, *OTHERS[:3]) if secret in told]
    assert "Ferry halted, says [e-mail redacted]" == documents[0]["title"]
    assert {CLEANER + personal.REDACTED} == {row["cleaner"] for row in (*documents, *texts)}
    refused, _ = _rows(content=json.dumps({"text": "x", "language": OTHERS[0]}).encode(), redact=True)
    assert ("invalid_metadata", "language: '[e-mail redacted]' is no BCP 47 code") == (
        refused[0]["rejected"],
        refused[0]["rejected_detail"],
    )


def test_without_being_asked_nothing_is_redacted() -> None:
    """The words stay as they are, and the cleaner's name is its own."""
    documents, texts = _rows(content=json.dumps({"text": ARTICLE.format(*HELD), "title": OTHERS[0]}).encode())

    assert all(secret in texts[0]["text"] for secret in HELD)
    assert (OTHERS[0], CLEANER) == (documents[0]["title"], documents[0]["cleaner"])
