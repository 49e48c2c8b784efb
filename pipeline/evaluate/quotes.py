"""Attributions against those that people marked, and people against one another."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations
from pathlib import Path

from pipeline.evaluate.calibration import calibration
from pipeline.evaluate.counts import RELAXED, Row, Scores, f1, matches, percent, surname, tokens_of

LEAST = 3  # words in quotation marks from which they are a segment
_DOUBLE = re.compile(r'[“„«"][^”»"\n]*[”»"]?')  # one left open ends with its paragraph
_SINGLE = re.compile(r"(?<!\w)‘\w[^‘\n]{0,1000}?[^\s‘]’(?!\w)")
_POSSESSIVE = re.compile(r"['’]s\b")
_BEYOND = re.compile(r"\s(?:who|whose|which|that|of|for|from|with|in|at)\s")  # what follows a name is none

Span = tuple[int, int]
Judged = tuple[Row, Row]
"""An annotated row, and the row of the same document that is judged by it."""


def quotes(rows: Sequence[Row], path: Path) -> tuple[list[Row], Scores]:
    """Attributions of a file of annotated articles, or of one that holds articles once for each of their annotators."""
    predicted = {row["doc_id"]: _predicted(row) for row in {row["doc_id"]: row for row in rows}.values()}
    if len(predicted) < len(rows):
        return list(predicted.values()), _beside_people(rows, predicted)
    pairs = [(row, predicted[row["doc_id"]]) for row in rows]
    return list(predicted.values()), score(pairs) | {"calibration": _calibrations(pairs)}


def _predicted(row: Row) -> Row:
    from pipeline.annotate.attribution import predict_quotes

    return {"doc_id": row["doc_id"], "quotes": predict_quotes(row["text"])}


def _beside_people(rows: Sequence[Row], predicted: dict[str, Row]) -> Scores:
    """Each annotator against each other one of the same article, and the annotator of this package against each."""
    articles = defaultdict(list)
    for row in rows:
        articles[row["doc_id"]].append(row)
    people = [pair for each in articles.values() for pair in permutations(each, 2)]
    return {
        "articles": len(articles),
        "people": score(people),
        "ours": score([(row, predicted[row["doc_id"]]) for row in rows]),
    }


def score(pairs: Sequence[Judged]) -> Scores:
    """Content, and content with the right speaker; a piece of a split attribution is one item.

    attributions  all
    speech        the gold of those with a cue of saying alone; what else is found and right is no wrong answer
    segments      both cut down to their parts of `LEAST` words or more in quotation marks
    """
    return {track: _track(pairs, track) for track in ("attributions", "speech", "segments")}


def _track(pairs: Sequence[Judged], track: str) -> Scores:
    count = Counter[str]()
    for row, guess in pairs:
        inside = marked(row["text"]) if track == "segments" else None
        gold, said = (list(_items(row["text"], each["quotes"], inside)) for each in (row, guess))
        asked = [track != "speech" or bool(quote.get("speech")) for _, quote in gold]
        count.update(gold=sum(asked), said=len(said))
        for name, floor in (("exact", 1.0), ("relaxed", RELAXED)):
            found = matches([tokens for tokens, _ in gold], [tokens for tokens, _ in said], floor)
            count[name + "_said"] += len(found)
            count[name] += sum(asked[i] for i, _ in found)
        count["said_named"] += len(said) - sum(not gold[i][1]["speaker"] for i, _ in found)
        count["gold_named"] += sum(bool(quote["speaker"]) and ok for (_, quote), ok in zip(gold, asked, strict=True))
        for i, j in found:
            if gold[i][1]["speaker"]:
                name, place = _same_name(gold[i][1], said[j][1]), _same_place(gold[i][1], said[j][1])
                count["both_said"] += name or place
                count["both"] += (name or place) and asked[i]
                count.update(named=1, name=name, speaker=name or place)
    return {
        "exact": f1(count["exact_said"], count["said"], count["exact"], count["gold"]),
        "relaxed": f1(count["relaxed_said"], count["said"], count["relaxed"], count["gold"]),
        "relaxed_and_speaker": f1(count["both_said"], count["said_named"], count["both"], count["gold_named"]),
        "speaker_of_matched": percent(count["speaker"] / (count["named"] or 1)),
        "speaker_name_of_matched": percent(count["name"] / (count["named"] or 1)),
    }


def marked(text: str) -> list[Span]:
    """The stretches in quotation marks, marks included, by no annotator's rules; those that touch are one."""
    found: list[Span] = []
    for start, end in sorted(match.span() for marks in (_DOUBLE, _SINGLE) for match in marks.finditer(text)):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _items(text: str, quotes: Iterable[Row], inside: Sequence[Span] | None) -> Iterator[tuple[frozenset[int], Row]]:
    """Each contiguous piece once, as (tokens, quote); with `inside`, its long enough parts there."""
    seen = set[frozenset[int]]()
    for quote in quotes:
        for start, end in quote.get("spans") or [(quote["start"], quote["end"])]:
            parts = [(start, end)]
            if inside is not None:
                parts = [(max(start, a), min(end, b)) for a, b in inside if a < end and start < b]
            for part in parts:
                tokens = tokens_of(text, [part])
                if len(tokens) >= (1 if inside is None else LEAST) and tokens not in seen:
                    seen.add(tokens)
                    yield tokens, quote


def _same_name(gold: Row, said: Row) -> bool:
    keys = [surname(_BEYOND.split(_POSSESSIVE.sub("", quote["speaker"] or ""))[0]) for quote in (gold, said)]
    return bool(said["speaker"]) and keys[0] == keys[1]


def _same_place(gold: Row, said: Row) -> bool:
    """Whether the words that name the speaker share a code point."""
    places = [
        quote.get("speaker_spans") or [(quote.get("speaker_start"), quote.get("speaker_end"))] for quote in (gold, said)
    ]
    return bool(said["speaker"]) and any(
        a < d and c < b for a, b in places[0] for c, d in places[1] if None not in (a, b, c, d)
    )


def _calibrations(pairs: Sequence[Judged]) -> Scores:
    """Of `confidence_span`: right with the gold's words (relaxed), all pieces together; once more for what
    stands on rules and not on the tagger. Of `confidence_speaker`, which
    is given the words: right with the gold's speaker; who is named where the gold names nobody is wrong.
    """
    spans: list[tuple[float | None, bool]] = []
    ruled: list[tuple[float | None, bool]] = []
    speakers: list[tuple[float | None, bool]] = []
    for row, guess in pairs:
        gold, said = (
            [tokens_of(row["text"], quote.get("spans") or [(quote["start"], quote["end"])]) for quote in each["quotes"]]
            for each in (row, guess)
        )
        found = {j: row["quotes"][i] for i, j in matches(gold, said, RELAXED)}
        for j, quote in enumerate(guess["quotes"]):
            told = quote["confidence_span"], j in found
            spans.append(told)
            if quote["rule"] != "tagger":
                ruled.append(told)
            if j in found and quote["speaker"]:
                right = bool(found[j]["speaker"]) and (_same_name(found[j], quote) or _same_place(found[j], quote))
                speakers.append((quote["confidence_speaker"], right))
    return {
        "confidence_span": calibration(spans),
        "confidence_span of the rules": calibration(ruled),
        "confidence_speaker": calibration(speakers),
    }
