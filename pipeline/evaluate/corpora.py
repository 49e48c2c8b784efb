"""The annotators on files of annotated data, one JSON object a line: quotes_*, dates_*, stance_* and claim_*.jsonl."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pipeline.errors import SchemaError
from pipeline.evaluate.counts import RELAXED, Row, Scores, f1, labels, matches, one_to_one, percent, surname, tokens_of

_CALENDAR = re.compile(r"\d{2}(\d{1,2})?($|[-T])|\d{3}$")  # a year, a decade or a century, and what follows it
_EDGE = " \t\r\n,.;:'\"“”‘’"

_POLARITY = {"neg": "negative", "neu": "neutral", "pos": "positive"}

Predicted = tuple[list[Row], Scores]


def quotes(rows: list[Row], path: Path) -> Predicted:
    """Attributions: content, and content with the right speaker; of all, and of the parts inside quotation marks."""
    from pipeline.annotate.article import Article
    from pipeline.annotate.attribution import bare_pieces, predict_quotes
    from pipeline.annotate.quotes import quoted_runs

    predicted = [{"doc_id": row["doc_id"], "quotes": predict_quotes(row["text"])} for row in rows]
    scores = {}
    for track in ("attributions", "segments"):
        count = Counter[str]()
        for row, guess in zip(rows, predicted, strict=True):
            inside = None
            if track == "segments":
                runs = quoted_runs(Article("", None, row["text"], tuple(bare_pieces(row["text"]))))
                inside = [(run.start, run.end) for run in runs if run.parent is None and row["text"][run.start] != "'"]
            gold, said = (_items(row["text"], quotes, inside) for quotes in (row["quotes"], guess["quotes"]))
            count.update(gold=len(gold), said=len(said))
            count["exact"] += len(matches([tokens for tokens, _ in gold], [tokens for tokens, _ in said], 1.0))
            pairs = matches([tokens for tokens, _ in gold], [tokens for tokens, _ in said], RELAXED)
            count["relaxed"] += len(pairs)
            silent = {j for i, j in pairs if not gold[i][1]["speaker"]}
            count.update(
                gold_named=sum(bool(quote["speaker"]) for _, quote in gold), said_named=len(said) - len(silent)
            )
            for i, j in pairs:
                if gold[i][1]["speaker"]:
                    count["with_speaker"] += 1
                    count["right_speaker"] += _same_speaker(gold[i][1], said[j][1])
        scores[track] = {
            "exact": f1(count["exact"], count["said"], count["exact"], count["gold"]),
            "relaxed": f1(count["relaxed"], count["said"], count["relaxed"], count["gold"]),
            "relaxed_and_speaker": f1(
                count["right_speaker"], count["said_named"], count["right_speaker"], count["gold_named"]
            ),
            "speaker_of_matched": percent(count["right_speaker"] / (count["with_speaker"] or 1)),
        }
    return predicted, scores


def _items(
    text: str, quotes: Iterable[Row], inside: Sequence[tuple[int, int]] | None
) -> list[tuple[frozenset[int], Row]]:
    """Each contiguous piece as (tokens, quote); with `inside`, its parts of three words or more in quotation marks."""
    found = {}
    for quote in quotes:
        for start, end in quote.get("spans") or [(quote["start"], quote["end"])]:
            parts = [(start, end)]
            if inside is not None:
                parts = [(max(start, a), min(end, b)) for a, b in inside if a < end and start < b]
            for part in parts:
                tokens = tokens_of(text, [part])
                if tokens and (inside is None or len(tokens) >= 3):
                    found.setdefault(tokens, quote)
    return list(found.items())


def _same_speaker(gold: Row, said: Row) -> bool:
    if not said["speaker"]:
        return False
    if surname(gold["speaker"]) == surname(said["speaker"]):
        return True
    spans = [
        quote.get("speaker_spans") or [(quote.get("speaker_start"), quote.get("speaker_end"))] for quote in (gold, said)
    ]
    return any(a < d and c < b for a, b in spans[0] for c, d in spans[1] if None not in (a, b, c, d))


def dates(rows: list[Row], path: Path) -> Predicted:
    """TIMEX3: strict and relaxed span, and value; for claimlink files the day on which something was said."""
    from pipeline.annotate.dates import predict_timexes

    if "claimlink" in path.name:
        return _days(rows, path)
    predicted = [predict_timexes(row) for row in rows]
    return predicted, timexes(rows, predicted)


def timexes(rows: Sequence[Row], predicted: Sequence[Row]) -> Scores:
    """TIMEX3 as TempEval-3 scores it: strict and relaxed span, value; `calendar` is value over calendar dates alone.

    The day of creation is metadata, not text: it is no task, and what overlaps it no wrong answer.
    """
    held = {row["doc_id"]: row["timexes"] for row in predicted}
    count = Counter[str]()
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
            count[name + "value"] += sum(gold[i][1]["value"] == said[j][1]["value"] for i, j in pairs)
    scores = {key: f1(count[key], count["said"], count[key], count["gold"]) for key in ("strict", "relaxed", "value")}
    right = count["calendar_value"]
    return scores | {"calendar": f1(right, count["calendar_said"], right, count["calendar_gold"])}


def _bare(text: str, timex: Row) -> tuple[int, int]:
    """The span without blanks and punctuation at its ends, which TempEval does not compare."""
    start, end = timex["start"], timex["end"]
    while start < end and text[start] in _EDGE:
        start += 1
    while start < end and text[end - 1] in _EDGE:
        end -= 1
    return start, end


def _days(rows: list[Row], path: Path) -> Predicted:
    """Days of speech; the texts come from the other dates_* files of the same folder."""
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
    for row in predicted:
        days = row.get("gold_dates") or [row["gold"]]
        right["right_day"].append(row["date"] in days)
        if "event_class" in row:
            right[row["event_class"]].append(row["date"] in days)
    return predicted, {
        name: {"accuracy": percent(sum(each) / len(each)), "gold": len(each)} for name, each in right.items()
    }


def stances(rows: list[Row], path: Path) -> Predicted:
    """Stance toward a target: in one sentence (`start`), in an article (`sentences`, `paragraph_labels`), of a span
    (`span`); and whether a sentence is loaded at all (`biased_words`).
    """
    if "biased_words" in rows[0]:
        predicted, scores = _binary(rows, "Biased", "Non-biased", _loaded)
        return predicted, _seen(path) | scores
    if "sentences" in rows[0]:
        return _whole(
            (f"{row['id']}|{name}", " ".join(row["sentences"]), name.replace("_", " "), feeling)
            for row in rows
            for name, feeling in row["author_feeling"].items()
            if name != "main_event"
        )
    if "paragraph_labels" in rows[0]:
        return _whole((row["id"], row["text"], row["target"], row["label"]) for row in rows)
    from pipeline.annotate.stance import sentence_polarity

    if "span" in rows[0]:
        beside = path.with_name(path.name.replace("spans", "articles"))
        try:
            articles = {row["id"]: row["sentences"] for row in map(json.loads, beside.open(encoding="utf-8"))}
        except FileNotFoundError:
            raise SchemaError(f"{path}: {beside.name} must lie beside it: it holds the sentences.") from None
    predicted, pairs = [], []
    for row in rows:
        text = articles[row["article"]][row["sent_idx"]] if "span" in row else row["text"]
        label, scores = sentence_polarity(text, row["start"], row["end"])
        predicted.append({"id": row["id"], "label": label, "scores": scores})
        pairs.append((row["label"], label))
    return _spelt(predicted, pairs)


def _spelt(predicted: list[Row], pairs: Sequence[tuple[str, str]]) -> Predicted:
    """The predictions with their labels spelt as the file spells them, and the scores of (gold, predicted)."""
    own = {_POLARITY[gold[:3].lower()]: gold for gold, _ in pairs}
    scores = labels((({_POLARITY[gold[:3].lower()]}, {label}) for gold, label in pairs), tuple(_POLARITY.values()))
    return [{**row, "label": own.get(row["label"], row["label"])} for row in predicted], scores


def _whole(rows: Iterable[tuple[str, str, str, str]]) -> Predicted:
    """(id, text, target, label) of whole articles; mixed and not assessed count as neutral: there is no other label."""
    from pipeline.annotate.article import Article
    from pipeline.annotate.attribution import attribute, bare_pieces, read
    from pipeline.annotate.decision import spoken
    from pipeline.annotate.parse import parse
    from pipeline.annotate.stance import assess
    from pipeline.annotate.targets import Target

    predicted, pairs = [], []
    for key, text, name, gold in rows:
        article = Article(key, None, text, tuple(bare_pieces(text)))
        doc = parse(text)
        last = re.escape(name.split()[-1])
        mentions = tuple(match.span() for match in re.finditer(rf"(?<!\w)(?:{re.escape(name)}|{last})(?!\w)", text))
        said = spoken(text, attribute(article, doc, read(article)))
        (found,) = assess(article, doc, said, [Target(name, "person", mentions)])
        label = found.polarity if found.polarity in _POLARITY.values() else "neutral"
        share = {"negative": found.sentences_negative, "positive": found.sentences_positive}
        scores = {sign: count / (found.sentences_outlet or 1) for sign, count in share.items()}
        predicted.append({"id": key, "label": label, "scores": scores | {"score": found.score}})
        pairs.append((gold, label))
    return _spelt(predicted, pairs)


def claims(rows: list[Row], path: Path) -> Predicted:
    """Claim types over a crosswalk (`type_frac`), subjectivity (SUBJ, OBJ), and the voice of a sentence (`speech`).

    The scores say so where the weights were fitted on the file.
    """
    if "speech" in rows[0]:
        return _binary(rows, "speech", "no speech", _reported)
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
    return {"fitted_on_these_rows": "out of fold: python -m pipeline.train_types CORPORA --report"}


def _binary(rows: list[Row], yes: str, no: str, strength: Callable[[str], float]) -> Predicted:
    predicted, pairs = [], []
    for row in rows:
        found = strength(row["text"])
        label = yes if found >= 0.5 else no
        gold = row["speech"] if "speech" in row else row["label"] == yes
        predicted.append({"id": row["id"], "label": label, "scores": {yes: found, no: 1 - found}})
        pairs.append(({yes if gold else no}, {label}))
    return predicted, labels(pairs, (yes, no))


def _loaded(text: str) -> float:
    """How strongly a sentence evaluates, 0 to 1."""
    from pipeline.annotate.claim_types import scores

    return scores(text)["evaluation"]


def _reported(text: str) -> float:
    """The share of a sentence's words that somebody else says."""
    from pipeline.annotate.article import Article
    from pipeline.annotate.attribution import attribute, bare_pieces, read
    from pipeline.annotate.decision import spoken
    from pipeline.annotate.parse import parse

    article = Article("", None, text, tuple(bare_pieces(text)))
    found = attribute(article, parse(text), read(article))
    spans = [span for each in spoken(text, found) for span in each.spans]
    return len(tokens_of(text, spans)) / (len(tokens_of(text, [(0, len(text))])) or 1)
