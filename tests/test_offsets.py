import re

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from pipeline.offsets import Alignment, Edit, RawSpans


@given(strategies.edited())
def test_edits_replace_what_they_name_and_nothing_else(case: tuple[str, tuple[Edit, ...]]) -> None:
    """Applying edits from the first gives what replacing them from the last gives."""
    text, edits = case
    expected = text
    for edit in reversed(edits):
        expected = expected[: edit.start] + edit.replacement + expected[edit.end :]

    assert Alignment.apply(text, edits)[0] == expected


@given(strategies.edited())
def test_what_is_kept_is_equal_on_both_sides(case: tuple[str, tuple[Edit, ...]]) -> None:
    """Each kept stretch holds the same characters in the source and in the result, and the lengths are theirs."""
    text, edits = case
    result, alignment = Alignment.apply(text, edits)

    assert (alignment.source_length, alignment.result_length) == (len(text), len(result))
    for source, place, length in alignment.kept:
        assert text[source : source + length] == result[place : place + length]


@given(strategies.changes(steps=2))
def test_alignments_compose_as_the_changes_do(case: tuple[list[str], list[Alignment]]) -> None:
    """A character of the second result leads, through both alignments at once, where one after the other leads it."""
    (_, _, last), (first, second) = case
    both = first.then(second)

    assert both.result_length == len(last)
    for place in range(len(last)):
        start, end = second.source(place, place + 1)
        if start < end:
            low, high = first.source(start, end)
            assert both.source(place, place + 1)[0] <= low
            assert high <= both.source(place, place + 1)[1]
    assert set(_characters(both)) == {
        (source, place) for source, middle in _characters(first) for at, place in _characters(second) if at == middle
    }


@given(strategies.changes(steps=3))
def test_what_is_kept_does_not_depend_on_the_order_of_composing(case: tuple[list[str], list[Alignment]]) -> None:
    """Of several alignments any two neighbours may be composed first, and one that changes nothing changes none."""
    states, (first, second, third) = case

    assert list(first.then(second).then(third).kept) == list(first.then(second.then(third)).kept)
    assert Alignment.identity(len(states[0])).then(first) == first == first.then(Alignment.identity(len(states[1])))


@given(strategies.changes(steps=2))
def test_the_whole_is_cut_where_both_are(case: tuple[list[str], list[Alignment]]) -> None:
    """Its blocks begin where both parts are cut, and of their cuts it lacks only those where a deletion meets an
    insertion.
    """
    (_, middle, _), (first, second) = case
    whole = first.then(second)
    cuts, joined = _cuts(whole), set()
    for place in range(len(middle) + 1):
        gone = sorted(source for source, at in _cuts(first) if at == place)
        come = sorted(result for at, result in _cuts(second) if at == place)
        if gone and come:  # what is deleted here goes first, then comes what is inserted
            joined |= {(source, come[0]) for source in gone} | {(gone[-1], result) for result in come}

    assert {(source, result) for source, result, _ in whole.blocks} <= joined
    for cut in joined - cuts:
        assert cut[1] == max(one for one in cuts if one < cut)[1] or cut[0] == min(one for one in cuts if one > cut)[0]


def _cuts(alignment: Alignment) -> set[tuple[int, int]]:
    """Where an alignment can be cut, in source and result, by its cigar: all but the inside of what was replaced."""
    points = {(0, 0)}
    source = result = 0
    for run in re.finditer(r"(\d+)=|(\d+)D(?:(\d+)I)?|(\d+)I", alignment.cigar()):
        kept, gone, come, new = (int(length or 0) for length in run.groups())
        steps = [(1, 1)] * kept + ([(gone, come)] if come else [(1, 0)] * gone) + [(0, 1)] * new
        for before, after in steps:
            source, result = source + before, result + after
            points.add((source, result))
    return points


def _characters(alignment: Alignment) -> list[tuple[int, int]]:
    """Each kept character's place in source and result."""
    return [(source + i, place + i) for source, place, length in alignment.kept for i in range(length)]


def test_blocks_that_meet_stay_apart() -> None:
    """A sign that stands for an entity leads to it alone, though what stood before it was replaced by another rule."""
    page = "end.</p><p>&ldquo;We"
    shown, first = Alignment.apply(page, [Edit(4, 8, "\n"), Edit(8, 11, "\n"), Edit(11, 18, "“")])
    text, second = Alignment.apply(shown, [Edit(4, 6, "\n\n")])
    both = first.then(second)

    assert text == "end.\n\n“We"
    assert both.cigar() == "4=7D2I7D1I2="
    assert both.source(6, 9) == (11, 20)
    assert both.source(4, 6) == (4, 11)


@pytest.mark.parametrize(
    ("text", "earlier", "later", "cigar"),
    [
        (  # what is deleted begins and ends inside what was put there before, and holds more of that between
            "abcdefghij", [Edit(2, 3, "XY"), Edit(5, 6, "Z"), Edit(8, 9, "PQ")], [Edit(3, 10)], "2=1D1I5D1D1I1=",
        ),
        ("abcdef", [Edit(2, 2, "WXYZ")], [Edit(5, 8, "Q")], "2=3I2D1I2="),  # of what was inserted, the end is replaced
        (  # more was deleted before than the change is far into the text
            "xaxbxcxdxexf", [Edit(place, place + 1) for place in range(0, 12, 2)], [Edit(1, 2, "Q")],
            "1D1=1D1D1I1D1=1D1=1D1=1D1=",
        ),
    ],
)  # fmt: skip
def test_what_lies_across_an_edge_is_cut_there(text: str, earlier: list[Edit], later: list[Edit], cigar: str) -> None:
    """What stands for several characters as a whole takes no more of its neighbours with it than it must."""
    changed, before = Alignment.apply(text, earlier)

    assert before.then(Alignment.apply(changed, later)[1]).cigar() == cigar


@given(strategies.edited())
def test_a_cigar_reads_back_as_the_alignment(case: tuple[str, tuple[Edit, ...]]) -> None:
    """The written form holds the whole alignment and fits the pattern of the schema."""
    _, alignment = Alignment.apply(*case)

    assert Alignment.parse(alignment.cigar()) == alignment
    assert re.fullmatch(r"(\d+[=DI])*", alignment.cigar())


def test_a_cigar_is_written_as_the_design_shows_it() -> None:
    """Four characters replaced by one between kept stretches read `3=4D1I2=`."""
    _, alignment = Alignment.apply("abc1234de", [Edit(3, 7, "x")])

    assert alignment.cigar() == "3=4D1I2="


@given(strategies.edited(), st.data())
def test_a_span_leads_to_the_hull_of_its_parts(case: tuple[str, tuple[Edit, ...]], data: st.DataObject) -> None:
    """Cutting a span in two and leading each part back gives the ends of the whole."""
    result, alignment = Alignment.apply(*case)
    start, middle, end = sorted(data.draw(st.tuples(*[st.integers(0, len(result))] * 3)))

    if start < middle < end:
        assert alignment.source(start, end) == (alignment.source(start, middle)[0], alignment.source(middle, end)[1])


@given(strategies.edited())
def test_a_kept_character_leads_to_itself_and_back(case: tuple[str, tuple[Edit, ...]]) -> None:
    """A kept character leads to exactly one of the source, which leads to it again."""
    _, alignment = Alignment.apply(*case)
    for source, place, length in alignment.kept:
        for step in range(length):
            assert alignment.source(place + step, place + step + 1) == (source + step, source + step + 1)
            assert alignment.result(source + step) == place + step


def test_an_insertion_leads_to_where_it_was_inserted() -> None:
    """Inserted characters lead to an empty span, replaced ones to all that they stand for."""
    result, alignment = Alignment.apply("abcdef", [Edit(2, 2, "XY"), Edit(4, 6, "Z")])

    assert result == "abXYcdZ"
    assert alignment.source(2, 4) == (2, 2)
    assert alignment.source(6, 7) == (4, 6)
    assert alignment.source(1, 5) == (1, 3)
    assert alignment.source(3, 3) == (2, 2)
    assert alignment.cigar() == "2=2I2=2D1I"
    assert alignment.source(7, 7) == (6, 6)
    assert Alignment.parse("4D2I").source(1, 1) == (0, 0)
    assert [alignment.result(position) for position in range(7)] == [0, 1, 4, 5, 6, 6, 7]


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 4), (4, 4)])
def test_a_span_outside_the_text_is_a_mistake(start: int, end: int) -> None:
    """A span that is none, or that leaves the text, raises and is shown with the length of the text."""
    with pytest.raises(ValueError, match=rf"\[{start}, {end}\) leaves a result of 3 code points"):
        Alignment.identity(3).source(start, end)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ""),
        ("0=0D0I", ""),
        ("1=2=", "3="),
        ("1D2D", "3D"),
        ("1I2I", "3I"),
        ("1D2I3I", "1D2I3I"),
        ("1D2I3D", "1D2I3D"),
        ("1D0=2D0=3I", "3D3I"),
        ("1D2D3I", "1D2D3I"),
        ("1I2D", "1I2D"),
        ("1D2I", "1D2I"),
        ("999999999999=", "999999999999="),
    ],
)
def test_neighbours_that_could_be_one_block_are_one(written: str, read: str) -> None:
    """Kept meets kept, deleted deleted, inserted inserted, and a deletion the insertion behind it; all else stays."""
    assert Alignment.parse(written).cigar() == read


@pytest.mark.parametrize("edits", [[Edit(2, 1)], [Edit(0, 3), Edit(2, 4)], [Edit(0, 9)], [Edit(3, 4), Edit(1, 2)]])
def test_edits_that_do_not_fit_are_a_mistake(edits: list[Edit]) -> None:
    """Overlapping, disordered or foreign edits raise instead of giving some text."""
    with pytest.raises(ValueError, match="overlaps"):
        Alignment.apply("abcdef", edits)


@pytest.mark.parametrize("cigar", ["x", "3", "=3", "3=x", "3= 2D", "-1="])
def test_no_cigar_is_no_alignment(cigar: str) -> None:
    """A string of another form raises and shows where."""
    with pytest.raises(ValueError, match="no alignment from character"):
        Alignment.parse(cigar)
    with pytest.raises(ValueError, match=f"^no alignment from character 2 on: {('x' + cigar * 20)[:20]!r}$"):
        Alignment.parse(f"4=x{cigar * 20}")


def test_the_empty_text_has_no_blocks() -> None:
    """Nothing changed in nothing is what no edits of it give."""
    assert Alignment.identity(0) == Alignment.apply("", [])[1] == Alignment.parse("") == Alignment(0, 0, ())


def test_alignments_of_other_lengths_do_not_compose() -> None:
    """Composing over a text of another length is a mistake, not a shorter alignment."""
    with pytest.raises(ValueError, match="meets"):
        Alignment.identity(3).then(Alignment.identity(4))


@given(strategies.encoded(), st.data())
def test_each_kept_character_leads_to_the_bytes_that_decode_to_it(case: tuple[str, str], data: st.DataObject) -> None:
    """In every codec, and however far into the document, the bytes of a kept character are that character."""
    codec, text = case
    text = text * data.draw(st.sampled_from([1, 20]))  # past the first known offset
    raw = text.encode(codec)
    result, alignment = Alignment.apply(text, data.draw(strategies.edits(text)))
    spans = RawSpans(raw, codec, alignment)
    for _, place, length in alignment.kept:
        for at in {place, place + length // 2, place + length - 1}:
            start, end = spans.span(at, at + 1)
            assert raw[start:end].decode(codec) == result[at]


def test_a_byte_order_mark_counts_as_bytes() -> None:
    """Offsets count the bytes of the file, the mark before its text among them."""
    raw = b"\xef\xbb\xbf\xe2\x80\x9cYes\xe2\x80\x9d"
    text, alignment = Alignment.apply(raw.decode(), [Edit(0, 1)])

    assert text == "“Yes”"
    assert RawSpans(raw, "utf-8", alignment).span(1, 4) == (6, 9)


def test_bytes_of_another_document_are_refused() -> None:
    """A document, codec and alignment that do not belong together raise."""
    with pytest.raises(ValueError, match="code points decoded"):
        RawSpans(b"four", "utf-8", Alignment.identity(5))
    with pytest.raises(UnicodeDecodeError):
        RawSpans(b"\xff", "utf-8", Alignment.identity(1))
    with pytest.raises(ValueError, match="the codec utf-7 does not give back the 5 bytes it decoded"):
        RawSpans(b"+AEE-", "utf-7", Alignment.identity(1))
