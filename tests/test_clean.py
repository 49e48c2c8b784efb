import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
import strategies
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import schema
from pipeline.clean import MAX_LINE, Cleaned, clean, clean_text
from pipeline.clean.decode import decode
from pipeline.offsets import Alignment, RawSpans
from pipeline.read import RAW, RejectedError

FERRY = (
    "The ferry to Ilse Island left the quay at noon on Monday with forty passengers and a cargo of apples, "
    "the pilot said."
)
CRANES = (
    "Nobody on the harbour board could tell why the new cranes had stood still since the spring, although they cost "
    "nine million marks."
)
FRENCH = (
    "Le conseil du port a décidé lundi de fermer le quai, parce que les grues ne bougent plus depuis le printemps et "
    "que personne ne veut les réparer avant l’été."
)


def _row(content: bytes | None, source: str = "a.txt", **told: Any) -> dict[str, Any]:
    kind = {"txt": "text", "html": "html", "jsonl": "jsonl"}[source.split("#")[0].rsplit(".")[-1]]
    facts = {"source": source, "format": kind, "content": content, "publish_text": True}
    return dict.fromkeys(RAW.names) | facts | told


def _clean(*rows: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    documents, texts = clean(pa.Table.from_pylist(list(rows), RAW))
    return documents.to_pylist(), texts.to_pylist()


def _pieces(text: str, **told: Any) -> list[tuple[str, str]]:
    """Kind and words of each piece of a text file."""
    _, (row,) = _clean(_row(text.encode(), **told))
    found = [re.fullmatch(r"(\w+):(\d+)-(\d+)", piece) for piece in row["paragraphs"].split(";")]
    return [(piece[1], row["text"][int(piece[2]) : int(piece[3])]) for piece in found if piece]


def _accepted(content: bytes, **told: Any) -> Cleaned | None:
    """The cleaned document; None for one that has nothing to clean, and no other reason to be refused."""
    try:
        return clean_text(content, **told)
    except RejectedError as refused:
        if refused.reason in ("empty", "binary"):
            return None
        raise


def _reason(content: bytes, **told: Any) -> str:
    with pytest.raises(RejectedError) as caught:
        clean_text(content, **told)
    return caught.value.reason


# --- laws ------------------------------------------------------------------------------------------------------------


@given(st.lists(strategies.articles(), max_size=6), st.integers(0, 6))
def test_cleaning_parts_is_cleaning_the_whole(articles: list[str], cut: int) -> None:
    """`clean(a + b) == clean(a) + clean(b)`: no row depends on another."""
    raw = pa.Table.from_pylist([_row(text.encode(), f"{i}.txt") for i, text in enumerate(articles)], RAW)
    parts = [clean(raw.slice(0, cut)), clean(raw.slice(cut))]

    for whole, first, second in zip(clean(raw), *parts, strict=True):
        assert whole.equals(pa.concat_tables([first, second]))


@given(strategies.articles())
@example("\ufeff Café \u202eharbour\u202c\r\n\r\n► don\u00e2\u20ac\u2122t")
def test_each_character_leads_back_to_its_bytes(text: str) -> None:
    """What the cleaned text keeps are the raw document's own characters, and the alignment leads to their bytes."""
    raw = text.encode()
    cleaned = _accepted(raw)
    if not cleaned:
        return
    alignment = Alignment.parse(cleaned.alignment.cigar())
    spans = RawSpans(raw, cleaned.encoding, alignment)

    assert alignment.result_length == len(cleaned.text)
    for _, place, length in alignment.kept:
        start, end = spans.span(place, place + length)
        assert raw[start:end].decode(cleaned.encoding) == cleaned.text[place : place + length]


@given(strategies.articles())
def test_a_cleaned_text_has_the_form_that_is_promised(text: str) -> None:
    """Paragraphs are parted by exactly one empty line, spaces are single, and nothing is there that cannot be seen."""
    cleaned = _accepted(text.encode())

    for paragraph in cleaned.text.split("\n\n") if cleaned else ():
        assert re.fullmatch(r"[^\s\x00-\x1f\x7f-\x9f](?:.*\S)?", paragraph)
        assert not re.search("  |[\u00a0\u00ad\u2000-\u200b\u2028-\u202f\u2060\ufeff]", paragraph)


@given(strategies.articles())
def test_structure_covers_every_word_once(text: str) -> None:
    """Pieces come in order, do not overlap, and leave out nothing but white space."""
    documents, texts = _clean(_row(text.encode()))
    for row in texts:
        covered = [" "] * len(row["text"])
        at = 0
        for piece in row["paragraphs"].split(";"):
            start, end = map(int, piece.split(":")[1].split("-"))
            assert at <= start < end
            covered[start:end] = row["text"][start:end]
            at = end
        assert "".join(covered).split() == row["text"].split()
    assert len(documents) == 1


@given(strategies.encoded())
def test_decoding_gives_the_bytes_back(case: tuple[str, str]) -> None:
    """A declared codec decodes to what was written, and the codec that is recorded gives the bytes back."""
    codec, text = case
    written = re.sub(r"[\x00-\x1f\x7f]", " ", text)

    assert decode(written.encode(codec), codec) == (written, codec)


# --- decoding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_tells_the_encoding(codec: str) -> None:
    """A mark is believed, is not part of the text, and its bytes count in the offsets."""
    raw = ("\ufeff" + FERRY).encode(codec)
    cleaned = clean_text(raw)
    start, _ = RawSpans(raw, cleaned.encoding, cleaned.alignment).span(0, 1)

    assert (cleaned.text, cleaned.encoding) == (FERRY, codec)
    assert start == len("\ufeff".encode(codec))


@pytest.mark.parametrize(
    ("content", "encoding", "reason", "detail"),
    [
        (b"caf\xe9", "utf-8", "encoding_error", "byte 3"),
        (b"a\x81b", "cp1252", "encoding_error", "byte 1"),
        (b"\xef\xbb\xbfcaf\xe9", None, "encoding_error", "byte 6"),
        (b"caf\xe9", None, "encoding_unknown", "4 bytes are too few"),
        (bytes(range(1, 256)) * 8, None, "encoding_unknown", "declare it in source.toml"),
        (b"a\xed\xa0\x80b", None, "bad_unicode", "byte 1"),
        (b"\xff\xfea\x00\x00\xd8b\x00", None, "bad_unicode", "byte 4"),
        (b"text\x00text", None, "binary", "byte 4"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", None, "binary", "NUL"),
        (b"one \x01\x02\x03 two", None, "binary", "3 control characters"),
        (b" \r\n\t \n", None, "empty", "6 bytes"),
        (b"\xef\xbb\xbf", None, "empty", "3 bytes"),
        (b"* * *\n-----\n", None, "empty", "no letter"),
        (b"word " * (MAX_LINE // 5 + 1), None, "line_too_long", str(MAX_LINE)),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(
    content: bytes, encoding: str | None, reason: str, detail: str
) -> None:
    """Each fault of the bytes has its own reason, and the detail says where or what to do."""
    with pytest.raises(RejectedError, match=re.escape(detail)) as caught:
        clean_text(content, encoding=encoding)

    assert caught.value.reason == reason


def test_an_undeclared_encoding_is_told_from_a_long_text() -> None:
    """A French text in Windows-1252 that nobody declared is read right, its quotation marks too."""
    cleaned = clean_text((FRENCH + "\n\n" + FRENCH.replace("lundi", "« mardi »")).encode("cp1252"))

    assert cleaned.text.startswith(FRENCH)
    assert "« mardi »" in cleaned.text


# --- rules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("One.\r\nTwo.\rThree.\u2028Four.\u2029Five.", "One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive."),
        ("\n\n  One. \n \n\n\n\tTwo.  \n", "One.\n\nTwo."),
        ("a\u00a0b\u2009c   d\te", "a b c d e"),
        ("zero\u200bwidth \u202eright\u202c so\u00adft \u2066x\u2069\x07", "zerowidth right soft x"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Cafe\u0301 A\u030a \u212b", "Café Å Å"),
        ("The CafÃ© doesnâ€™t say â€œnoâ€\x9d.", "The Café doesn’t say “no”."),
        ("“Curly” ‘quotes’ — ﬁne… &amp; “straight\"", "“Curly” ‘quotes’ — ﬁne… &amp; “straight\""),
        ("Élan vital, ‘Ça va’ – naïve", "Élan vital, ‘Ça va’ – naïve"),
        ("One.\n* * *\nTwo.\n------\n• • •\nThree.", "One.\n\nTwo.\n\nThree."),
        ("► One.\n• Two.\n- Three.\n– Four.\n* Five.", "One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive."),
        ("1. One.\n2. Two.\n2031 was dry.\n-5 degrees", "One.\n\nTwo.\n\n2031 was dry.\n\n-5 degrees"),
        ("3. October was wet.\nIt rained.", "3. October was wet.\n\nIt rained."),
        ("The Quay Opens\n  THE QUAY OPENS\n\nIt rained.", "The Quay Opens\n\nIt rained."),
        ('He added:“We wait.”', 'He added:“We wait.”'),
    ],
)  # fmt: skip
def test_a_rule_changes_what_it_is_for_and_leaves_evidence(raw: str, text: str) -> None:
    """White space, invisible characters, wrong decodings and decoration go; words and quotation marks stay."""
    assert clean_text(raw.encode()).text == text


def test_hard_wrapped_lines_are_joined_within_paragraphs() -> None:
    """A text wrapped at a width becomes one line a paragraph; a hyphen at a line's end keeps its word together."""
    words = f"{FERRY} {CRANES} The well-known lighthouse-keeper went home.".split()
    lines = [""]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > 60:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    wrapped = "\n".join(lines)
    assert wrapped.count("\n") > 3

    assert clean_text(f"{wrapped}\n\n{wrapped}\n".encode()).text == "\n\n".join([" ".join(words)] * 2)
    assert clean_text(b"Ropes were\nlong-\nlasting\n").text == "Ropes were\n\nlong-\n\nlasting"


def test_short_lines_that_nobody_wrapped_stay_paragraphs() -> None:
    """Lines that end where the next word had room are paragraphs of their own."""
    raw = "It rained.\nThe quay was closed for a week.\nNobody came.\nWhy?\nThe board does not say.\nIt never did."

    assert clean_text(raw.encode()).text == raw.replace("\n", "\n\n")


@pytest.mark.parametrize(
    "grow",
    [
        lambda n: " " * n + "x",
        lambda n: "a" + " " * n + "b",
        lambda n: "► " * n + "x",
        lambda n: "â€™ " * n,
        lambda n: "e\u0301\u0327 " * n,
        lambda n: "\n" * n + "x",
        lambda n: "A. " * n,
        lambda n: "(" * n,
        lambda n: "VELM, " * n + "x",
    ],
)
def test_hostile_text_is_cleaned_at_length(grow: Callable[[int], str]) -> None:
    """A hundred thousand repetitions of what a pattern could stumble over come through, structure and all."""
    documents, _ = _clean(_row(grow(100_000).encode()))

    assert documents[0]["rejected"] in (None, "empty")


# --- structure -------------------------------------------------------------------------------------------------------


def test_an_essay_with_labels_and_marks_is_told_apart() -> None:
    """The title stands once, labels are pieces of their own, and marked paragraphs are items without their marks."""
    essay = (
        "      Two Quays, One Owner\n   Two Quays, One Owner\n\n    ► On Friday, the board met.\n\n"
        "    Quote: “We found no money.”\n\n    Details. The board had looked twice.\n\n"
        "    Reaction of the Dockers. They went home.\n\n    Important to Know. It was the first time.\n\n"
        "    Conclusion: The owner keeps both.\n"
    )

    assert _pieces(essay) == [
        ("title", "Two Quays, One Owner"),
        ("item", "On Friday, the board met."),
        ("label", "Quote:"),
        ("body", "“We found no money.”"),
        ("label", "Details."),
        ("body", "The board had looked twice."),
        ("label", "Reaction of the Dockers."),
        ("body", "They went home."),
        ("label", "Important to Know."),
        ("body", "It was the first time."),
        ("label", "Conclusion:"),
        ("body", "The owner keeps both."),
    ]


def test_a_transcript_is_told_apart() -> None:
    """Speaker labels, with what is said of them in brackets, stand apart from the turns."""
    head = "THE EVENING TIDE\nProgramme of Monday, 3 March 2031\nItem 2: Still cranes\n\n"
    turns = "HOST: Good evening from the quay\n\nQUILL (clip): I saw no crane.\n\nMusic plays.\n\nHOST: Good night."

    assert _pieces(head + turns, title="Still cranes", outlet="The Evening Tide") == [
        ("heading", "THE EVENING TIDE"),
        ("dateline", "Programme of Monday, 3 March 2031"),
        ("title", "Item 2: Still cranes"),
        ("label", "HOST:"),
        ("body", "Good evening from the quay"),
        ("label", "QUILL (clip):"),
        ("body", "I saw no crane."),
        ("body", "Music plays."),
        ("label", "HOST:"),
        ("body", "Good night."),
    ]


@pytest.mark.parametrize(
    ("paragraph", "dateline"),
    [
        ("PORT ILSE, April 12 (TW) - The quay was closed.", "PORT ILSE, April 12 (TW) -"),
        ("PORT ILSE — The quay was closed.", "PORT ILSE —"),
        ("LOWER QUAY, Velmia, Nov. 3 (TW) -- “No,” he said.", "LOWER QUAY, Velmia, Nov. 3 (TW) --"),
        ("Ilsemar, 14 March 2031 (TIDE) – The quay was closed.", "Ilsemar, 14 March 2031 (TIDE) –"),
        ("ILSEMAR, 13 June 2031 (TIDE). The quay was closed.", "ILSEMAR, 13 June 2031 (TIDE)."),
        ("Two things — rope and tar — were missing.", None),
        ("On Monday — a wet day — the quay was closed.", None),
        ("The quay was closed - again - on Monday.", None),
    ],
)
def test_a_dateline_is_no_part_of_the_sentence(paragraph: str, dateline: str | None) -> None:
    """Place, day and agency before a dash at the head of the text are a piece; a dash in a sentence makes none."""
    (title, *rest) = _pieces(f"The quay is closed\n\n{paragraph}\n\nNobody came.")

    assert title == ("title", "The quay is closed")
    expected = [("body", paragraph)]
    if dateline:
        expected = [("dateline", dateline), ("body", paragraph.removeprefix(dateline).strip())]
    assert rest[:-1] == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "He waited. The quay was closed.",
        "She said: “The quay was closed.”",
        "Details are scarce. The quay was closed.",
        "The results surprised everyone. The quay was closed.",
        "Captain Ada Q. Quill closed the quay.",
        "Prime Minister Lt. Gen. Quill closed the quay.",
        "It was this: the quay was closed.",
        "Dr. Quill closed the quay.",
    ],
)
def test_a_sentence_is_no_label(sentence: str) -> None:
    """Short sentences, initials, titles and introductions of quotes stay whole."""
    assert _pieces(f"{CRANES}\n\n{sentence}\n\n{FERRY}")[1] == ("body", sentence)


def test_the_head_and_foot_of_an_article_are_told_apart() -> None:
    """Byline, date line, headings and credits make no body."""
    head = "Cranes stand still!\nBy Ada Quill in Port Ilse\n\nPublished 06:05, 7 June 2031"
    pieces = _pieces(f"{head}\n\n{FERRY}\n\nWhat now?\n\n{CRANES}\n\n(Editing by B. Rope)")

    assert [kind for kind, _ in pieces] == ["title", "byline", "dateline", "body", "heading", "body", "byline"]


def test_a_text_without_a_headline_has_no_title() -> None:
    """A first line that is a sentence is body, and so is a text's only line."""
    assert _pieces(f"{FERRY}\n\n{CRANES}")[0] == ("body", FERRY)
    assert _clean(_row(FERRY.encode()))[0][0]["title"] is None


# --- records ---------------------------------------------------------------------------------------------------------


def test_a_record_gives_its_text_and_facts() -> None:
    """Escapes are undone with the way back to the line's bytes, and the record's facts win over its folder's."""
    line = r'{"id": 7, "title": "T\u00e9", "text": "\u201cYes,\u201d\n\n\ud83d\ude00 she said.", "published": '
    line += '"2031-03-02T23:30:00-05:00", "outlet": "Tide", "url": "/p/7", "author": "", "mood": [1.5, {}]}'
    raw = line.encode()
    told = {"outlet": "Folder", "site": "https://tide.example/", "byline": "B. Rope"}
    (document,), (text,) = _clean(_row(raw, "a.jsonl#1", **told))
    spans = RawSpans(raw, "utf-8", Alignment.parse(text["alignment"]))
    smile = text["text"].index("😀")
    start, end = spans.span(smile, smile + 5)

    assert text["text"] == "“Yes,”\n\n😀 she said."
    assert raw[start:end] == rb"\ud83d\ude00 she"
    names = ("title", "outlet", "url", "published", "published_source", "byline")
    assert tuple(document[name] for name in names) == (
        "Té", "Tide", "https://tide.example/p/7", "2031-03-02", "metadata", "B. Rope",
    )  # fmt: skip


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60), st.booleans())
def test_a_record_is_read_as_json_reads_it(text: str, ascii_only: bool) -> None:
    """The text of a record is what Python's own reader finds in it, before the rules have their say."""
    raw = json.dumps({"a": [text], "text": text + "x.", "b": {"text": 1}}, ensure_ascii=ascii_only).encode()

    assert clean_text(raw, kind="jsonl").text == clean_text((text + "x.").encode()).text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no json", "invalid_json"),
        ('["text"]', "invalid_json"),
        ('{"text": "a"', "invalid_json"),
        ('{"text": "a"} {}', "invalid_json"),
        ('{"text": "a", "text": "b"}', "invalid_json"),
        ('{"text": "a", "b": {"c": 1, "c": 2}}', "invalid_json"),
        ('{"text": "a", "b": NaN}', "invalid_json"),
        ('{"text": "a", "b": ' + "9" * 5000 + "}", "invalid_json"),
        ('{"text": "a\tb"}', "invalid_json"),
        ('{"text": "a", "b": ' + "[" * 10_000 + "]" * 10_000 + "}", "too_deep"),
        ("{}", "missing_text"),
        ('{"text": null}', "missing_text"),
        ('{"text": ["a"]}', "invalid_metadata"),
        ('{"text": "a", "title": 3}', "invalid_metadata"),
        ('{"text": "a", "id": true}', "invalid_metadata"),
        ('{"text": "a", "published": "last May"}', "invalid_metadata"),
        ('{"text": "a", "language": "English"}', "invalid_metadata"),
        (r'{"text": "a\ud800b"}', "bad_unicode"),
        (r'{"text": "a", "title": "\udc00"}', "bad_unicode"),
        ('{"text": " "}', "empty"),
    ],
)
def test_a_line_that_is_no_record_is_refused(line: str, reason: str) -> None:
    """Each way in which a line fails to be a record has its reason."""
    assert _reason(line.encode(), kind="jsonl") == reason


# --- rows ------------------------------------------------------------------------------------------------------------


def test_every_raw_row_is_a_document() -> None:
    """Accepted, withheld, rejected here and rejected before: each is a row with what is known of it."""
    documents, texts = _clean(
        _row(FERRY.encode(), "a.txt", outlet="Tide", licence="CC0-1.0"),
        _row(FERRY.encode(), "b.txt", publish_text=False),
        _row(b"\0", "c.txt", outlet="Tide", url="https://tide.example/2031/03/04/c"),
        _row(None, "d.txt", rejected="unreadable", rejected_detail="Permission denied"),
        _row(b'{"text": 1}', "e.jsonl#3", language="en"),
    )
    names = ("source", "rejected", "text_published", "characters", "published", "outlet", "language")

    assert [tuple(document[name] for name in names) for document in documents] == [
        ("a.txt", None, True, len(FERRY), None, "Tide", "en"),
        ("b.txt", None, False, len(FERRY), None, None, "en"),
        ("c.txt", "binary", False, None, "2031-03-04", "Tide", None),
        ("d.txt", "unreadable", False, None, None, None, None),
        ("e.jsonl#3", "invalid_metadata", False, None, None, None, "en"),
    ]
    assert [text["document_id"] for text in texts] == [document["document_id"] for document in documents[:2]]
    assert len({document["document_id"] for document in documents}) == len(documents)
    assert documents[0]["text_sha256"] == documents[1]["text_sha256"]


def test_the_tables_fit_their_schemas() -> None:
    """Both tables come with the Arrow schema that the schema files give."""
    documents, texts = clean(pa.Table.from_pylist([_row(FERRY.encode())], RAW))

    assert documents.schema.equals(schema.arrow("documents"))
    assert texts.schema.equals(schema.arrow("texts"))


@pytest.mark.parametrize(
    ("text", "told", "expected"),
    [
        (FERRY, None, ("en", "detected", None)),
        (FRENCH, None, ("fr", "detected", "language")),
        (FERRY, "fr", ("fr", "metadata", "language")),
        (FERRY, "en-GB", ("en-GB", "metadata", None)),
        ("Ada Quill, 2031", None, (None, None, None)),
    ],
)
def test_a_language_is_told_or_detected(text: str, told: str | None, expected: tuple[str | None, ...]) -> None:
    """Metadata win; a short text has none; only one known to be other than English is not annotated."""
    ((document,), _) = _clean(_row(text.encode(), language=told))

    assert (document["language"], document["language_source"], document["not_annotated"]) == expected
