"""Quoted runs: which marks pair, what is a title, what is a child."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.annotate.article import Article, Piece
from pipeline.annotate.quotes import Run, quoted_runs


def _article(*paragraphs: str, label: str | None = None) -> Article:
    text = "\n\n".join(paragraphs)
    pieces, start = [], 0
    for paragraph in paragraphs:
        body = start
        if label and paragraph.startswith(label):
            pieces.append(Piece("label", start, start + len(label)))
            body = start + len(label) + 1
        if body < start + len(paragraph):
            pieces.append(Piece("body", body, start + len(paragraph)))
        start += len(paragraph) + 2
    return Article("d0", None, text, tuple(pieces))


def _inner(article: Article, **wanted: object) -> list[str]:
    runs = [run for run in quoted_runs(article) if all(getattr(run, key) == value for key, value in wanted.items())]
    return [article.text[run.inner_start : run.inner_end] for run in runs]


def test_directed_marks_pair_by_kind():
    """Curly and angled marks each close with their own kind."""
    article = _article("“The gate held all night,” she said, and «the water was lower by noon».")

    assert _inner(article) == ["The gate held all night,", "the water was lower by noon"]


def test_straight_marks_alternate():
    """Straight marks open and close in turn."""
    article = _article('"We will stay put," he said. "We have nowhere else to go."')

    assert _inner(article) == ["We will stay put,", "We have nowhere else to go."]


def test_unclosed_run_ends_with_its_paragraph():
    """A mark that nothing closes quotes up to the end of its paragraph and is told to be repaired."""
    article = _article("“We will mend the gate by spring, she said.", "The river fell again on Sunday.")
    (run,) = quoted_runs(article)

    assert (
        article.text[run.inner_start : run.inner_end],
        run.balanced,
    ) == ("We will mend the gate by spring, she said.", False)


def test_run_goes_on_in_a_paragraph_that_opens_with_a_mark():
    """A quotation over three paragraphs is one chain of runs."""
    article = _article("“The first winter was hard.", "“The second winter was worse.", "“The third killed the mill.”")

    assert [run.continues for run in quoted_runs(article)] == [None, 0, 1]


def test_run_does_not_go_on_in_a_paragraph_without_a_mark():
    """An unclosed quotation ends where the next paragraph does not open with a mark."""
    article = _article("“The first winter was hard.", "Nobody answered. “The second winter was worse,” he said.")

    assert [run.continues for run in quoted_runs(article)] == [None, None]


def test_inner_marks_make_a_child():
    """A quotation inside a quotation is the child of the outer one."""
    article = _article("“They told us ‘the gate is sound’ and went home,” Valence said.")

    assert [run.parent for run in quoted_runs(article)] == [None, 0]
    assert _inner(article, parent=0) == ["the gate is sound"]


def test_apostrophes_are_no_marks():
    """Neither genitives, contractions nor clipped years quote anything."""
    article = _article("The engineers’ union didn't strike in '98; it wasn’t the workers' fault, nor Lund's.")

    assert not quoted_runs(article)


def test_single_marks_quote_in_a_headline():
    """A headline's single marks are a quotation in spite of the capitals around and in it."""
    article = _article("Mayor Renn: ‘We Will Not Leave This Valley’")

    assert _inner(article, kind="speech") == ["We Will Not Leave This Valley"]


def test_plural_genitive_does_not_close_a_single_quotation():
    """The apostrophe of a plural is passed over in search of the closing mark."""
    article = _article("He called it ‘the workers’ last stand’ on Monday.")

    assert _inner(article) == ["the workers’ last stand"]


def test_titles_and_names_are_told_from_speech():
    """Works, programmes and parties in marks are titles."""
    article = _article(
        "Her report, titled “What the river took from us”, was read out on “Morning on the Lake”. "
        "The “Hearth and Home” party and the “Valley Chronicle” channel kept silent."
    )

    assert len(_inner(article, kind="title")) == 4


def test_few_words_are_a_phrase():
    """Up to three words may be a scare quote, so they are not yet speech."""
    article = _article("The “volunteer brigades” crossed the river with “what they could carry on their backs”.")

    assert _inner(article, kind="phrase") == ["volunteer brigades"]
    assert _inner(article, kind="speech") == ["what they could carry on their backs"]


def test_label_is_outside_the_run():
    """A run-in label before the mark does not keep a quotation from going on."""
    article = _article("Quote: “The first winter was hard.", "“The second winter was worse.”", label="Quote:")

    assert [run.continues for run in quoted_runs(article)] == [None, 0]


_MARKS = st.text(alphabet="ab .,?!s\n\"'“”‘’„«»`—:(", max_size=80)


@given(_MARKS)
def test_any_marks_give_sound_runs(text: str):
    """Whatever the marks, runs lie in the text, inner in outer, and children in their parents."""
    lines, start = [], 0
    for line in text.split("\n"):
        if line:
            lines.append(Piece("body", start, start + len(line)))
        start += len(line) + 1
    runs = quoted_runs(Article("d0", None, text, tuple(lines)))

    for number, run in enumerate(runs):
        assert 0 <= run.start < run.inner_start <= run.inner_end <= run.end <= len(text)
        assert "\n" not in text[run.start : run.end]
        if run.parent is not None:
            assert run.parent < number
            assert runs[run.parent].inner_start <= run.start <= run.end <= runs[run.parent].end
        if run.continues is not None:
            assert run.continues < number


@given(st.integers(min_value=0, max_value=12))
def test_an_odd_count_of_marks_loses_nothing(count: int):
    """Any number of straight marks around words gives runs and no failure."""
    article = _article(" ".join(['"one two three four'] * count) or "none")

    assert all(isinstance(run, Run) for run in quoted_runs(article))
