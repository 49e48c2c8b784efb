"""What may be relied on: nothing raises, names do not decide a stance, nor do the words of others."""

import re
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from pipeline.bench.rows import tables
from pipeline.evaluate.counts import Row, Scores, percent

SENTENCES = 500
SEED = 7
BATCH = 200  # articles that are read and cleaned at once
_NAME = re.compile(r"[A-Z][\w.’'-]*(?: [A-Z][\w.’'-]*){0,3}")

Span = tuple[int, int]
Sentence = tuple[str, str, str]
"""Kind of the target (person, country), its name, and a text that holds the name."""


def failures(texts: Sequence[str]) -> Scores:
    """The whole annotate stage on each article by itself: what it raises, how often, and its speed."""
    from pipeline.annotate.stage import annotate

    count, raised = Counter[str](), Counter[str]()
    words, spent = 0, 0.0
    annotate(*tables(["Nobody said so."]))  # models load
    for at in range(0, len(texts), BATCH):
        raw, documents, cleaned = tables(texts[at : at + BATCH])
        held = documents["document_id"].to_pylist()
        count["rejected"] += documents.num_rows - cleaned.num_rows
        for number in range(cleaned.num_rows):
            text = cleaned.slice(number, 1)
            place = held.index(text["document_id"][0].as_py())
            start = time.process_time()
            try:
                claims, dates, stances = annotate(raw.slice(place, 1), documents.slice(place, 1), text)
            except Exception as error:  # any failure is counted, none hides the rest
                raised[f"{type(error).__name__}: {error}"[:200]] += 1
            else:
                count.update(claims=claims.num_rows, dates=dates.num_rows, stances=stances.num_rows)
            spent += time.process_time() - start
            words += len(text["text"][0].as_py().split())
    return {
        "articles": len(texts),
        "failures": raised.total(),
        "raised": dict(raised),
        "words": words,
        "words_per_cpu_second": round(words / spent) if spent else None,
        **{key: count[key] for key in ("rejected", "claims", "dates", "stances")},
    }


def exchanged(rows: Sequence[Row], others: Sequence[str]) -> Scores:
    """Sentences that are read otherwise when their target bears another name.

    rows: of the evaluation, each with a `target`. others: more sentences, in which countries are looked for. Half of
    `SENTENCES` are about countries, if there are as many; each name gives way to another of its kind and length in
    words, everywhere in the sentence. Percentages: `flips` to another label, `reversed` from one sign to the other.
    """
    from pipeline.annotate.polarity import sentence_polarity

    def label(text: str, name: str) -> str:
        scores = sentence_polarity(text, [found.span() for found in _whole(name).finditer(text)])._asdict()
        return max(scores, key=scores.__getitem__)

    random = Random(SEED)
    persons = {(row["text"], row["target"]): None for row in rows if _NAME.fullmatch(row["target"])}
    about = [("person", name, text) for text, name in persons if _whole(name).search(text)]
    about_countries = list(_about_countries([*dict.fromkeys(row["text"] for row in rows), *dict.fromkeys(others)]))
    chosen = random.sample(about_countries, min(SENTENCES // 2, len(about_countries)))
    chosen += random.sample(about, min(SENTENCES - len(chosen), len(about)))
    names = defaultdict(set)
    for kind, name, _ in (*about, *about_countries):
        names[kind, name.count(" ")].add(name)
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, name, text in chosen:
        pool = sorted(names[kind, name.count(" ")] - {name})
        if not pool:
            continue
        other = random.choice(pool)
        before, after = label(text, name), label(_whole(name).sub(other.replace("\\", r"\\"), text), other)
        for part in (kind, "all"):
            count[part].update(sentences=1, flips=before != after, reversed={before, after} == {"negative", "positive"})
    return {
        part: {
            "sentences": each["sentences"],
            "flips": percent(each["flips"] / each["sentences"]),
            "reversed": percent(each["reversed"] / each["sentences"]),
        }
        for part, each in sorted(count.items())
    }


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


def _about_countries(texts: Sequence[str]) -> Iterator[Sentence]:
    """Each text with the first country that it names, by the everyday names of the gazetteer."""
    from pipeline.annotate.lexicons import FOLDER

    lines = (FOLDER / "countries.txt").read_text(encoding="utf-8").splitlines()
    names = [line.partition("|")[0].strip() for line in lines if line and not line.startswith("#")]
    named = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, names), key=len, reverse=True))})(?!\w)")
    for text in texts:
        if found := named.search(text):
            yield "country", found.group(), text


def without_quotations(texts: Sequence[str]) -> Scores:
    """Targets toward which the stance stays the same when all that is quoted goes, marks and all.

    Titles of works and scare quotes stay: they are the outlet's words. `unchanged` is the percentage of the targets
    that were assessed before; `unchanged_of_all` counts those that were not as well; `changes` tells of the rest.
    """
    from pipeline.annotate.article import Article
    from pipeline.annotate.attribution import attribute, bare_pieces, read
    from pipeline.annotate.decision import spoken
    from pipeline.annotate.parse import parse
    from pipeline.annotate.quotes import quoted_runs
    from pipeline.annotate.stance import assess
    from pipeline.annotate.targets import targets

    changes = Counter[tuple[str, str]]()
    for text in texts:
        article = Article("", None, text, tuple(bare_pieces(text)))
        t = parse(text)
        reading = read(article)
        said = spoken(text, attribute(article, t, reading))
        before = assess(article, t, said, found := targets(article, t))
        rest = Remaining(
            text, [(r.start, r.end) for r in quoted_runs(article) if r.parent is None and r.kind == "speech"]
        )
        kept = [replace(each, mentions=tuple(rest.spans(each.mentions))) for each in found]
        article = Article("", None, rest.text, tuple(bare_pieces(rest.text)))
        t = parse(rest.text)
        reading = read(article)
        after = assess(article, t, spoken(rest.text, attribute(article, t, reading)), kept)
        changes.update((one.polarity, other.polarity) for one, other in zip(before, after, strict=True))
    assessed = {pair: n for pair, n in changes.items() if pair[0] != "insufficient"}
    return {
        "articles": len(texts),
        "targets": changes.total(),
        "assessed": sum(assessed.values()),
        "unchanged": _unchanged(assessed),
        "unchanged_of_all": _unchanged(changes),
        "changes": {f"{a} to {b}": n for (a, b), n in changes.most_common() if a != b},
    }


def _unchanged(changes: dict[tuple[str, str], int]) -> float:
    return percent(sum(n for (a, b), n in changes.items() if a == b) / (sum(changes.values()) or 1))


class Remaining:
    """A text without some stretches, which come in order and do not overlap; `text` is what remains."""

    def __init__(self, text: str, removed: Sequence[Span]) -> None:
        self._starts = [start for start, _ in removed]
        self._ends = [end for _, end in removed]
        edges = [0, *(place for span in removed for place in span), len(text)]
        self.text = "".join(text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))
        self._gone = [0]
        for start, end in removed:
            self._gone.append(self._gone[-1] + end - start)

    def spans(self, spans: Sequence[Span]) -> Iterator[Span]:
        """Where the spans stand now; those that a removed stretch touched are gone."""
        for start, end in spans:
            number = bisect_right(self._starts, start)
            untouched = number == bisect_right(self._starts, end - 1) and (
                not number or self._ends[number - 1] <= start
            )
            if untouched:
                yield start - self._gone[number], end - self._gone[number]
