"""Regular expressions of reading, cleaning and dates: twice the length takes less than three times as long."""

import contextlib
import json
import time
from collections.abc import Callable

import pytest

from pipeline.annotate.dates import DocumentDate, document_date, edtf, find
from pipeline.clean import clean_text, record
from pipeline.clean.decode import decode
from pipeline.clean.markup import Walk
from pipeline.clean.rules import RULES
from pipeline.clean.structure import structure
from pipeline.personal import found
from pipeline.read import RejectedError, warc

LENGTH = 10_000  # code points, and twice that
ENOUGH = 0.2  # CPU-seconds below which a time says nothing of growth
DAY = DocumentDate.of("2031-05-04", "metadata", 1.0)

TEXTS = [
    " ", "\n", "a", "a ", "\n ", " \n", "- ", "* ", "•", "1. ", "1.\n", "“", "“a ", "\"", "(", "()", "[a", "a:",
    "A: ", "a.", "By ", "By A", "A, ", "A (", "A -", "- -", "--", "é", "e\u0301", "\u0301\u0327", "â€™", "Ã", "Ã ",
    "\u200d", "\t", "\r\n", "\r", "\u2028", "1", "1,", "1-", "1/1/", "1 May ", "May 1, ", "May ", "2031",
    "2031-05-04", "2031-", "Monday ", "the last ", "two ", "two years ", "ago ", "from May to ", "'68 ", "Q1 ",
    "10:30 ", "5 p.m. ", "FY", "said ", "W-", "T1:",
]  # fmt: skip
PAGES = [
    "<", "<a", "<a ", "<a =", "<a a=", "<a a='", '<a "', "<!--", "<!", "</", "</a", "<p>", "<b>", "</b>",
    "<p><b></p>", "&", "&a", "&#", "&#x", "&amp;", "<script>", "<title>", "<meta ", "<meta charset", "<meta name=a ",
    "<li>", "<td>", "<a class='",
]  # fmt: skip
SHAPES = [
    "@", "a@", "a.", ".a@a.", "a@b.c.", "+1", "+1 ", "00", "01 ", "(1", "1-", "tel 1 ", "tel: 123456 ", "AA00", "AA00 ",
    "DE89 3704 0044 0532 0130 0 ", "A", "eyJ", "eyJaaaaaaaa.", "sk-", "ghp_", "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n" + "a" * 64 + "\n", "-----BEGIN A PRIVATE KEY----- a ", "-----END PRIVATE KEY-----",
]  # fmt: skip
LINES = ["[", "{", '"', "\\", "\\u", "\\ud83d", '{"a":', '"a",', "[]", "9", " ", "\\\\", '\\"', "]"]
HEADERS = ["A: b\r\n", "Content-Length: ", "Content-Length: 1 ", "Content-Length:\t", "\r", "\n\r", "a", " ", "1"]


def _grows_with_length(run: Callable[[str], object], piece: str) -> None:
    """The best of three times of twice the length is under three times that of the length, where it can be told."""

    def spent(length: int) -> float:
        text = piece * (length // len(piece))
        times = []
        for _ in range(3):
            start = time.process_time()
            run(text)
            times.append(time.process_time() - start)
            if times[-1] < ENOUGH:
                break
        return min(times)

    twice = spent(2 * LENGTH)
    if twice >= ENOUGH:
        assert twice < 3 * spent(LENGTH), f"{twice:.3f} s for {2 * LENGTH} characters of {piece!r}"


def _refused(run: Callable[[], object]) -> None:
    with contextlib.suppress(RejectedError):
        run()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_cleaning_rule_grows_with_the_length(rule: Callable[[str], object]) -> None:
    """Each rule, over repetitions of whatever its expression looks for or nearly so."""
    for piece in TEXTS:
        _grows_with_length(lambda text: list(rule(text)), piece)


def test_structure_grows_with_the_length() -> None:
    """Titles, bylines, labels and datelines, in one paragraph and in many."""
    for piece in TEXTS:
        if piece.strip():
            _grows_with_length(lambda text: structure(text.strip()), piece)
            _grows_with_length(lambda text: structure(text.strip("\n ") or "a"), piece + "\n\n")


def test_decoding_grows_with_the_length() -> None:
    """What a page tells of its encoding, and what a detector's guess is tried by."""
    for piece in ["<meta ", "<meta charset ", "charset=", "\xe9t\xe9 ", "É ", "\x92", "a\xa1"]:
        _grows_with_length(lambda text: _refused(lambda: decode(text.encode("latin-1"), None, web=True)), piece)


def test_the_walk_over_a_page_grows_with_the_length() -> None:
    """Tags, attributes, comments and references, whole and broken off."""
    for piece in PAGES:
        _grows_with_length(lambda text: _refused(lambda: Walk(text).run()), piece)
        _grows_with_length(lambda text: _refused(lambda: Walk("<p " + text).run()), piece)


def test_reading_a_record_grows_with_the_length() -> None:
    """Brackets, strings and escapes of a line of JSON, whole and broken off."""
    for piece in LINES:
        for head in ("", '{"text": "', '{"text": '):
            _grows_with_length(lambda text, head=head: _refused(lambda: record.parse(head + text)), piece)
    _grows_with_length(lambda text: record.parse(json.dumps({"text": text})), "é\n“\U0001f600")


def test_the_header_of_a_web_archive_grows_with_the_length() -> None:
    """Lines, lengths and ends of headers."""
    for piece in HEADERS:
        _grows_with_length(lambda text: warc._LENGTH.findall(text.encode()), piece)
        _grows_with_length(lambda text: warc._HEADER_END.search(text.encode()), piece)
        _grows_with_length(lambda text: warc._CHARSET.search("charset" + text), piece)


def test_shapes_of_personal_data_grow_with_the_length() -> None:
    """Addresses, numbers, accounts and keys, whole and begun."""
    for piece in SHAPES:
        _grows_with_length(found, piece)


def test_dates_grow_with_the_length() -> None:
    """Temporal expressions of a text, the day that a document tells of itself or its address, and EDTF."""
    for piece in TEXTS[TEXTS.index("1") :]:
        _grows_with_length(lambda text: find(text, DAY), piece)
        _grows_with_length(lambda text: document_date(text=text), piece)
        _grows_with_length(lambda text: document_date(url="https://a.example/" + text), piece)
        _grows_with_length(lambda text: _edtf(text), piece.strip() or "2031/")


def _edtf(text: str) -> object:
    try:
        return edtf.parse(text)
    except ValueError:
        return None


def test_cleaning_as_a_whole_grows_with_the_length() -> None:
    """The rules one after the other, with the alignments that they compose."""
    for piece in ("a  b\u00a0", "e\u0301 ", "* a\n", "â€™ ", "a\r\n\r\n\r\n"):
        _grows_with_length(lambda text: clean_text((text + "x").encode()), piece)
