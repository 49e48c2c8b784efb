"""The annotators on files of annotated data, one JSON object a line: dates_*, stance_* and claim_*.jsonl."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import SchemaError
from pipeline.evaluate.calibration import calibration, macro_f1_interval
from pipeline.evaluate.counts import Row, Scores, f1, labels, one_to_one, percent

if TYPE_CHECKING:
    from pipeline.annotate.article import Article
    from pipeline.annotate.stance import Stance

_CALENDAR = re.compile(r"\d{2}(\d{1,2})?($|[-T])|\d{3}$")  # a year, a decade or a century, and what follows it
_EDGE = " \t\r\n,.;:'\"“”‘’"

_SAYING = "SPEECH_COGNITIVE"  # class of the events to which the confidence of a claim's date applies
_SURE = 0.8  # share of the rows that are kept when the least sure go
CONFIDENT = 0.8  # probability from which a reading is called confident

_POLARITY = {"neg": "negative", "neu": "neutral", "pos": "positive"}

Predicted = tuple[list[Row], Scores]


def dates(rows: list[Row], path: Path) -> Predicted:
    """TIMEX3: strict and relaxed span, and value; for claimlink files the day on which something was said. Both with
    the calibration of the confidence.
    """
    from pipeline.annotate.dates import predict_timexes

    if "claimlink" in path.name:
        return _days(rows, path)
    predicted = [predict_timexes(row) for row in rows]
    return predicted, timexes(rows, predicted)


def timexes(rows: Sequence[Row], predicted: Sequence[Row]) -> Scores:
    """TIMEX3 as TempEval-3 scores it: strict and relaxed span, value; `calendar` is value over calendar dates alone.

    The day of creation is metadata, not text: it is no task, and what overlaps it no wrong answer. `calibration` is of
    the confidence that span and value are right.
    """
    held = {row["doc_id"]: row["timexes"] for row in predicted}
    count = Counter[str]()
    judged: list[tuple[float | None, bool]] = []
    for row in rows:
        gold, said = (
            [(_bare(row["text"], timex), timex) for timex in found]
            for found in (row["timexes"], held.get(row["doc_id"], []))
        )
        near = [
            (place != other, max(place[0], other[0]) - min(place[1], other[1]), i, j)
            for i, (place, _) in enumerate(gold)
            for j, (other, _) in enumerate(said)
            if place[0] < other[1] and other[0] < place[1]
        ]
        matched = one_to_one(near)
        told = [timex.get("functionInDocument") not in ("CREATION_TIME", "PUBLICATION_TIME") for _, timex in gold]
        dated = [ok and bool(_CALENDAR.match(timex["value"])) for ok, (_, timex) in zip(told, gold, strict=True)]
        for name, asked in (("", told), ("calendar_", dated)):
            pairs = [(i, j) for i, j in matched if asked[i]]
            aside = {j for *_, i, j in near if not asked[i]}
            if name:
                aside |= {j for j, (_, timex) in enumerate(said) if not _CALENDAR.match(timex["value"] or "")}
            aside -= {j for _, j in pairs}
            count[name + "gold"] += sum(asked)
            count[name + "said"] += len(said) - len(aside)
            count[name + "relaxed"] += len(pairs)
            count[name + "strict"] += sum(gold[i][0] == said[j][0] for i, j in pairs)
            right = {j for i, j in pairs if gold[i][1]["value"] == said[j][1]["value"]}
            count[name + "value"] += len(right)
            if not name:
                judged += [(t.get("confidence"), j in right) for j, (_, t) in enumerate(said) if j not in aside]
    scores = {key: f1(count[key], count["said"], count[key], count["gold"]) for key in ("strict", "relaxed", "value")}
    hits = count["calendar_value"]
    scores["calendar"] = f1(hits, count["calendar_said"], hits, count["calendar_gold"])
    return scores | {"calibration": calibration(judged)}


def _bare(text: str, timex: Row) -> tuple[int, int]:
    """The span without blanks and punctuation at its ends, which TempEval does not compare."""
    start, end = timex["start"], timex["end"]
    while start < end and text[start] in _EDGE:
        start += 1
    while start < end and text[end - 1] in _EDGE:
        end -= 1
    return start, end


def _days(rows: list[Row], path: Path) -> Predicted:
    """Days of events; calibration of those of saying. The texts come from the other dates_* files of the folder."""
    from pipeline.annotate.dates import predict_links

    wanted = {row["doc_id"] for row in rows}
    texts = {}
    for other in sorted(path.parent.glob("dates_*.jsonl")):
        if "claimlink" not in other.name:
            with other.open(encoding="utf-8") as lines:
                texts |= {row["doc_id"]: row for row in map(json.loads, lines) if row["doc_id"] in wanted}
    if missing := sorted(wanted - texts.keys()):
        raise SchemaError(f"{path}: no dates_* file beside it holds the document {missing[0]!r}.")
    predicted = [
        row for key in sorted(wanted) for row in predict_links(texts[key], [r for r in rows if r["doc_id"] == key])
    ]
    right: dict[str, list[bool]] = defaultdict(list)
    sure: list[tuple[float | None, bool]] = []
    for row in predicted:
        true = row["date"] in (row.get("gold_dates") or [row["gold"]])
        right["right_day"].append(true)
        if "event_class" in row:
            right[row["event_class"]].append(true)
        if row["date"] and row.get("event_class", _SAYING) == _SAYING:
            sure.append((row["confidence"], true))
    scores = {name: {"accuracy": percent(sum(each) / len(each)), "gold": len(each)} for name, each in right.items()}
    return predicted, {**scores, "calibration": calibration(sure)}


def stances(rows: list[Row], path: Path) -> Predicted:
    """Stance toward a target: in one sentence (`start`), in an article (`sentences`, `paragraph_labels`), of a span
    (`span`); and whether a sentence is loaded at all (`biased_words`).
    """
    if "biased_words" in rows[0]:
        predicted, scores = _binary(rows, "Biased", "Non-biased", _loaded)
        return predicted, _seen(path) | scores
    if "sentences" in rows[0] or "paragraph_labels" in rows[0]:
        return _whole(rows)
    if "span" in rows[0]:
        beside = path.with_name(path.name.replace("spans", "articles"))
        try:
            articles = {row["id"]: row["sentences"] for row in map(json.loads, beside.open(encoding="utf-8"))}
        except FileNotFoundError:
            raise SchemaError(f"{path}: {beside.name} must lie beside it: it holds the sentences.") from None
        rows = [{**row, "text": articles[row["article"]][row["sent_idx"]]} for row in rows]
    return _sentences(rows)


def _sentences(rows: Sequence[Row]) -> Predicted:
    """The reading of one sentence; with what may be relied on: the surest rows, those read with a probability of at
    least `CONFIDENT`, calibration.
    """
    from pipeline.annotate.polarity import sentence_polarity

    predicted, pairs, told = [], [], []
    for row in rows:
        mentions = [(row["start"], row["end"]), *(tuple(span) for span in row.get("coref", ()))]
        scores = sentence_polarity(row["text"], mentions)._asdict()
        label = max(scores, key=scores.__getitem__)
        predicted.append({"id": row["id"], "label": label, "scores": scores})
        pairs.append((row["label"], label))
        told.append((scores[label], _POLARITY[row["label"][:3].lower()], label))
    predicted, found = _spelt(predicted, pairs)
    surest = sorted(told, reverse=True)[: max(1, int(_SURE * len(told)))]
    confident = [gold == label for probability, gold, label in told if probability >= CONFIDENT]
    return predicted, found | {
        "confident": {
            "coverage": percent(len(confident) / len(told)),
            "right": percent(sum(confident) / (len(confident) or 1)),
        },
        "surest_80_percent": labels((({gold}, {label}) for _, gold, label in surest), tuple(_POLARITY.values())),
        "calibration": calibration((probability, gold == label) for probability, gold, label in told),
    }


def _spelt(predicted: list[Row], pairs: Sequence[tuple[str, str]]) -> Predicted:
    """The predictions with their labels spelt as the file spells them, and the scores of (gold, predicted): F1 with its
    interval, and under `confusion` how many rows of each gold label were read as which.
    """
    own = {_POLARITY[gold[:3].lower()]: gold for gold, _ in pairs}
    read = [(_POLARITY[gold[:3].lower()], label) for gold, label in pairs]
    scores = labels((({gold}, {label}) for gold, label in read), tuple(_POLARITY.values()))
    low, high = macro_f1_interval(read)
    scores["interval"] = {"low": low, "high": high}
    counted = Counter(read)
    scores["confusion"] = {
        gold: {label: counted[gold, label] for label in _POLARITY.values()} for gold in _POLARITY.values()
    }
    return [{**row, "label": own.get(row["label"], row["label"])} for row in predicted], scores


def _whole(rows: Sequence[Row]) -> Predicted:
    """Stance in whole articles; mixed and not assessed count as neutral: there is no other label."""
    predicted, pairs = [], []
    for key, gold, found in assessed(rows):
        label = found.polarity if found.polarity in _POLARITY.values() else "neutral"
        share = {"negative": found.sentences_negative, "positive": found.sentences_positive}
        scores = {sign: (count or 0) / (found.sentences_outlet or 1) for sign, count in share.items()}
        predicted.append({"id": key, "label": label, "scores": scores | {"score": found.score}})
        pairs.append((gold, label))
    return _spelt(predicted, pairs)


def assessed(rows: Sequence[Row]) -> Iterator[tuple[str, str, "Stance"]]:
    """(id, label that people gave, our row) for each target that people judged in whole articles.

    rows: of BASIL, with several targets an article, or of PerSenT, with one.
    """
    from pipeline.annotate.article import Article
    from pipeline.annotate.attribution import attribute, bare_pieces, read
    from pipeline.annotate.decision import spoken
    from pipeline.annotate.parse import parse
    from pipeline.annotate.stance import assess
    from pipeline.annotate.targets import named

    for row in rows:
        if "sentences" in row:
            text = " ".join(row["sentences"])
            wanted = [
                (f"{row['id']}|{name}", name.replace("_", " "), feeling)
                for name, feeling in row["author_feeling"].items()
                if name != "main_event"
            ]
        else:
            text, wanted = row["text"], [(row["id"], row["target"], row["label"])]
        article = Article(row["id"], None, text, tuple(bare_pieces(text)))
        t = parse(text)
        said = spoken(text, attribute(article, t, read(article)))
        found = assess(article, t, said, [named(article, t, name) for _, name, _ in wanted])
        for (key, _, gold), stance in zip(wanted, found, strict=True):
            yield key, gold, stance


def claims(rows: list[Row], path: Path) -> Predicted:
    """Claim types over a crosswalk (`type_frac`), subjectivity (SUBJ, OBJ), and the voice of a sentence (`speech`).

    The scores say so where the weights were fitted on the file.
    """
    if "speech" in rows[0]:
        return _voices(rows)
    if "type_frac" not in rows[0]:
        predicted, scores = _binary(rows, "SUBJ", "OBJ", _loaded)
        return predicted, _seen(path) | scores
    from pipeline.annotate.claim_types import nknews

    predicted, pairs = [], []
    for row in rows:
        scores = nknews(row["text"])
        found = {name for name, score in scores.items() if score >= 0.5}
        predicted.append({"id": row["id"], "label": max(scores, key=scores.__getitem__), "scores": scores})
        pairs.append(({name for name, share in row["type_frac"].items() if share >= 0.5}, found))
    return predicted, _seen(path) | labels(pairs, sorted({name for row in rows for name in row["type_frac"]}))


def _seen(path: Path) -> Scores:
    """A warning where the heads of the claim types were fitted on the rows of a file."""
    from pipeline.annotate.claim_types import FITTED_ON

    if path.stem not in FITTED_ON:
        return {}
    return {"fitted_on_these_rows": "out of fold: python -m pipeline.train.types CORPORA"}


def _binary(rows: list[Row], yes: str, no: str, strength: Callable[[str], float]) -> Predicted:
    return _told(rows, [row["label"] == yes for row in rows], [strength(row["text"]) for row in rows], yes, no)


def _told(rows: list[Row], gold: Iterable[bool], likely: Sequence[float], yes: str, no: str) -> Predicted:
    predicted, pairs = [], []
    for row, true, found in zip(rows, gold, likely, strict=True):
        label = yes if found >= 0.5 else no
        predicted.append({"id": row["id"], "label": label, "scores": {yes: found, no: 1 - found}})
        pairs.append(({yes if true else no}, {label}))
    return predicted, labels(pairs, (yes, no))


def _loaded(text: str) -> float:
    """How strongly a sentence evaluates, 0 to 1."""
    from pipeline.annotate.claim_types import scores

    return scores(text)["evaluation"]


def _voices(rows: list[Row]) -> Predicted:
    """Whether each sentence passes on what somebody says, read in its document."""
    from pipeline.annotate.attribution import attribute, read
    from pipeline.annotate.parse import parse
    from pipeline.annotate.speech import passed_on

    likely: list[float] = []
    for article, spans, _ in documents(rows):
        reading = read(article)
        likely += passed_on(article, attribute(article, parse(article.text), reading), spans, reading)
    return _told(rows, [row["speech"] for row in rows], likely, "speech", "no speech")


def documents(rows: Iterable[Row]) -> Iterator[tuple["Article", list[tuple[int, int]], list[Row]]]:
    """The documents that rows are the sentences of, each sentence a line, with span and row of each."""
    from pipeline.annotate.article import Article, Piece

    for key, group in groupby(rows, key=lambda row: row["doc"]):
        kept = list(group)
        ends = list(accumulate(len(row["text"]) + 1 for row in kept))
        spans = [(end - 1 - len(row["text"]), end - 1) for end, row in zip(ends, kept, strict=True)]
        text = "\n".join(row["text"] for row in kept)
        pieces = (Piece("body", start, end) for start, end in spans if text[start:end].strip())
        yield Article(key, None, text, tuple(pieces)), spans, kept
