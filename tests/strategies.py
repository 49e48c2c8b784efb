"""What Hypothesis draws from: texts, edits and raw documents of our kind."""

from hypothesis import strategies as st

from pipeline.offsets import Alignment, Edit

CODECS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "cp1252", "iso8859-1", "gb18030", "koi8-r")

# Letters of one to four bytes, accents apart, and every sort of character that a rule takes away or changes.
ODD = "\u00a0\u2009\u3000\u200b\u200d\u202e\u2060\ufeff\u00ad\u0301\u0327\x07\x1b\x85\u2028\u2029\t\v\f"
_CHARACTERS = st.one_of(
    st.sampled_from("aB9 .,:“”\"'’-–—►•*\n\r\né𝒳漢б" + ODD), st.characters(exclude_categories=["Cs"])
)
_LINES = st.one_of(
    st.sampled_from(
        [
            "",
            "   ",
            "Harbour cranes stand still",
            "► The ferry left at noon, the pilot said.",
            "Quote: “We shall not wait for the tide.”",
            "PORT ILSE, May 3 (TW) - The quay was closed.",
            "By Ada Quill",
            "1. Ropes",
            "2. Anchors",
            "* * *",
            "    an indented line that goes on",
            "donâ€™t tell the CafÃ©",
        ]
    ),
    st.text(_CHARACTERS, max_size=40),
)


def texts(max_size: int = 60) -> st.SearchStrategy[str]:
    """Any text without lone surrogates, rich in what cleaning touches."""
    return st.text(_CHARACTERS, max_size=max_size)


def articles() -> st.SearchStrategy[str]:
    """Lines as raw articles have them, with any kind of line end."""
    return st.lists(st.tuples(_LINES, st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\u2029"])), max_size=12).map(
        lambda lines: "".join(line + end for line, end in lines)
    )


@st.composite
def edits(draw: st.DrawFn, text: str) -> tuple[Edit, ...]:
    """Edits of a text, in order, that do not overlap."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pairs = zip(places[::2], places[1::2], strict=False)
    return tuple(Edit(start, end, draw(st.text(max_size=3))) for start, end in pairs)


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, tuple[Edit, ...]]:
    """A text and edits of it."""
    text = draw(texts())
    return text, draw(edits(text))


@st.composite
def changes(draw: st.DrawFn, steps: int) -> tuple[list[str], list[Alignment]]:
    """A text changed several times over: its states, and the alignment between each two."""
    states = [draw(texts())]
    alignments = []
    for _ in range(steps):
        text, alignment = Alignment.apply(states[-1], draw(edits(states[-1])))
        states.append(text)
        alignments.append(alignment)
    return states, alignments


@st.composite
def encoded(draw: st.DrawFn) -> tuple[str, str]:
    """A codec, and a text that it can write and reads back: what it cannot write is left out.

    Not `st.characters(codec=...)`: that tries every code point in each codec at first use, which takes half a minute.
    """
    codec = draw(st.sampled_from(CODECS))
    text = draw(st.one_of(texts(80), st.binary(max_size=160).map(lambda raw: raw.decode(codec, "ignore"))))
    return codec, text.encode(codec, "ignore").decode(codec)
