import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trafilatura import bare_extraction

from pipeline.bench.corpus import pages
from pipeline.clean import clean, clean_text
from pipeline.offsets import RawSpans
from pipeline.read import RAW, RejectedError

FERRY = (
    "The ferry to Ilse Island left the quay at noon on Monday with forty passengers and a cargo of apples, "
    "the pilot said."
)
CRANES = (
    "Nobody on the harbour board could tell why the new cranes had stood still since the spring, although they cost "
    "nine million marks."
)
ARTICLE = f"""
<div class="cookie-banner"><p>We use cookies to see how our pages about the sea are read by our readers.</p></div>
<nav><ul><li><a href="/">Home</a></li><li><a href="/sea">Seals</a></li></ul></nav>
<main><article><h1>Cranes stand <em>still</em></h1>
<p>{FERRY.replace("quay", "<a href='/q'>quay</a>").replace("apples", "app&shy;les &amp; pears")}</p>
<h2>Seals</h2>
<p>{CRANES.replace(" the new", "&nbsp;the new").replace("since", "<!-- x -->since")}</p>
<p>&ldquo;We count the days,&rdquo; said Ada Quill, who has kept the tolls of the harbour for thirty years.</p>
<ul><li>Ropes are sold by the metre in the old hall.</li><li>Tar is sold by the barrel behind it.</li></ul>
</article>
<aside class="related"><h3>More</h3><p>Ten things about herring that you did not know until today.</p></aside>
</main><footer><p>Printed in Port Ilse since 1961. All our pages may be copied by whoever likes them.</p></footer>
<script>var x = "<p>{FERRY}</p>";</script>"""
HEAD = """<title>Cranes stand still | Evening Tide</title><meta property="og:title" content="Cranes stand still">
<meta name="author" content="By Ada Quill"><link rel="canonical" href="/sea/cranes">
<meta property="article:published_time" content="2031-03-03T18:00:00+01:00">"""


def test_a_page_gives_its_article_and_facts() -> None:
    """Headline, headings, paragraphs and items come without menu, notice, links and foot; facts from the head."""
    told = {"source": "a.html", "format": "html", "site": "https://tide.example/", "publish_text": True}
    row = dict.fromkeys(RAW.names) | told | {"content": _page(ARTICLE, HEAD)}
    documents, texts = clean(pa.Table.from_pylist([row], RAW))
    (document,), (text,) = documents.to_pylist(), texts.to_pylist()
    quill = "“We count the days,” said Ada Quill, who has kept the tolls of the harbour for thirty years."

    assert text["text"].split("\n\n") == [
        "Cranes stand still",
        FERRY.replace("apples", "apples & pears"),
        "Seals",
        CRANES,
        quill,
        "Ropes are sold by the metre in the old hall.",
        "Tar is sold by the barrel behind it.",
    ]
    kinds = [piece.split(":")[0] for piece in text["paragraphs"].split(";")]
    assert kinds == ["title", "body", "heading", "body", "body", "item", "item"]
    names = ("title", "byline", "url", "published", "published_source")
    assert tuple(document[name] for name in names) == (
        "Cranes stand still", "Ada Quill", "https://tide.example/sea/cranes", "2031-03-03", "html",
    )  # fmt: skip


def test_the_words_of_a_page_lead_back_to_its_source() -> None:
    """Tags and entities inside a span are part of its bytes, and a heading of one word is not found in the menu."""
    raw = _page(ARTICLE, HEAD)
    cleaned = clean_text(raw, kind="html")
    spans = RawSpans(raw, cleaned.encoding, cleaned.alignment)

    def source(words: str) -> str:
        at = cleaned.text.index(words)
        start, end = spans.span(at, at + len(words))
        return raw[start:end].decode()

    assert source("the quay at") == "the <a href='/q'>quay</a> at"
    assert source("“We") == "&ldquo;We"
    assert raw.decode().index(source("Seals")) < raw.decode().index("<h2>Seals")
    at = cleaned.text.index("Seals")
    assert raw[: spans.span(at, at + 1)[0]].endswith(b"<h2>")


PARAGRAPHS = "".join(f"<p>{FERRY} It was number {number}.</p>" for number in range(8))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<div>" * 300 + PARAGRAPHS, "too_deep"),
        ("<article><h1>Nothing here</h1></article>", "no_main_text"),
        ("<article><p>" + "word harbour " * 900_000 + "</p></article>", "text_loss"),
        ("", "empty"),
    ],
)
def test_a_page_that_cannot_be_read_whole_is_refused(body: str, reason: str) -> None:
    """What the extractor would cut, miss or drop without a word is a reason, not a short text."""
    raw = _page(body) if body else b"\n"

    with pytest.raises(RejectedError) as caught:
        clean_text(raw, kind="html")

    assert caught.value.reason == reason


def test_an_odd_page_keeps_every_paragraph() -> None:
    """Left-away end tags, bare signs, deep but legal nesting, broken references and equal paragraphs lose nothing."""
    body = "<div>" * 150 + "<article>" + PARAGRAPHS.replace("</p>", "").replace("noon", "1 < 2 & 3 &#x201C;noon&rdquo;")
    cleaned = clean_text(_page(body + f"<p>{CRANES}<p>{CRANES}"), kind="html").text

    assert [f"number {number}." in cleaned for number in range(8)] == [True] * 8
    assert "at 1 < 2 & 3 “noon” on" in cleaned
    assert CRANES in cleaned


_BITS = ["<", ">", "<p", "<!--", "'", '="', "</p>", "<script>", "&", "&#", FERRY, "<h1>", "/>"]


@given(st.lists(st.sampled_from(_BITS)))
def test_any_page_is_read_or_refused(parts: list[str]) -> None:
    """Whatever stands in a page, it ends as a text whose characters are the page's, or with a reason."""
    raw = _page("".join(parts))
    try:
        cleaned = clean_text(raw, kind="html")
    except RejectedError as refused:
        if refused.reason in ("no_main_text", "text_loss", "too_deep", "empty"):
            return
        raise
    spans = RawSpans(raw, cleaned.encoding, cleaned.alignment)

    for _, place, length in cleaned.alignment.kept:
        start, end = spans.span(place, place + length)
        assert raw[start:end].decode() == cleaned.text[place : place + length]


@pytest.mark.parametrize("asides", [0, 2, 30])
def test_an_article_is_what_all_extractors_together_choose(asides: int) -> None:
    """However much a page shows beside its article, it gives what trafilatura takes with the extractors it falls back
    on, though those are asked only where they could find more.
    """
    beside = "".join(f"<div><p>{number} {CRANES} {FERRY}</p></div>" for number in range(asides))
    for page in (*pages(4), _page(ARTICLE, HEAD)):
        page = page.replace(b"</body>", f"{beside}</body>".encode())
        whole = bare_extraction(
            page.decode(), favor_precision=True, include_comments=False, include_tables=False, with_metadata=False
        )

        wanted = [" ".join(element.itertext()) for element in whole.body.iter("p", "head", "item")]
        shown = "".join(clean_text(page, kind="html").text.split())
        places = [shown.find("".join(words.replace("\xad", "").split())) for words in wanted]
        assert min(places) >= 0
        assert places == sorted(places)
        assert shown.endswith("".join(wanted[-1].split()))


def _page(body: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head><meta charset=utf-8>{head}</head><body>{body}</body></html>".encode()
