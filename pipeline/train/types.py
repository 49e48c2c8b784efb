"""Fit the heads of the claim types: `python -m pipeline.train CORPORA types`, some minutes.

`python -m pipeline.train.types CORPORA` measures them out of fold and writes nothing: articles, or stories that share a
claim, are kept together.

CORPORA is the folder with claim_nknews_dev, claim_ct25subj_train, claim_ct25subj_dev, stance_babe_sg2,
quotes_polnear_train and claim_newsdiscourse_train.jsonl. The heads for the labels of other corpora are fitted on
claim_nknews, CT25 and BABE; ours on the sample corpus's gold, the half `dev` of tests/gold/claim_types.jsonl, the
invented claims of types.jsonl beside this file, and types.tsv, which labels sentences of PolNeAR and NewsDiscourse by
the SHA-256 of their words. The half `test` is never read here. The file goes to pipeline/annotate/weights; its SHA-256,
printed at the end, into claim_types.DIGEST.
"""

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.annotate import claim_types, cues
from pipeline.annotate.article import Article
from pipeline.annotate.attribution import read
from pipeline.annotate.claim_types import (
    BUCKETS,
    FOREIGN,
    NKNEWS,
    Evidence,
    Heads,
    evidence,
    pooled,
    read_alone,
    told,
)
from pipeline.annotate.model import FOLDER
from pipeline.annotate.parse import parse
from pipeline.annotate.type_rules import LABELS, unowned, words_of
from pipeline.evaluate.counts import labels as score
from pipeline.evaluate.counts import percent
from pipeline.evaluate.gold import HERE, places
from pipeline.train.examples import read as read_rows

Block = tuple[Any, float]  # columns of some examples, and the ridge penalty of their weights

FOLDS = 5
ROUNDS = 60  # of L-BFGS: to go on to 100 lost some tenths out of fold
# Ridge penalties, chosen by cross-validation on these corpora.
FOREIGN_RIDGE = {"tests": 0.3, "buckets": 0.2, "state": 350.0}
OWN_RIDGE = {"tests": 1.0, "foreign": 1.0, "buckets": 1.0, "state": 150.0}
HUMAN = {"Events": 67, "Regulations": 37, "Quantity": 60, "Prediction": 43, "Personal": 32, "Normative": 12}
"""F1 of each nknews annotator against the majority of the others, from their sheets; macro-F1 over all eight: 45."""
LISTED = Path(__file__).with_suffix(".tsv")
WRITTEN = Path(__file__).with_suffix(".jsonl")


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence or claim to learn from.

    found, state  what the heads see of it: `claim_types.pooled`
    labels        share of people who gave each label; labels of nobody may be missing
    group         what must not be parted between folds
    rule          whether the rule of `other` decides it
    """

    found: Evidence
    state: np.ndarray
    labels: dict[str, float]
    group: str
    rule: bool = False


def train(corpora: Path) -> None:
    """Fit and write the file."""
    content = file_of(fit(*examples(corpora)))
    (FOLDER / "claim_types.npz").write_bytes(content)
    print(f'DIGEST = "{sha256(content).hexdigest()}"')


def examples(corpora: Path) -> tuple[dict[str, list[Example]], dict[str, list[Example]]]:
    """The examples: of other corpora by set (`nknews`, `biased`, `subjective`), and of our labels by set."""
    rows = {name: read_rows(corpora / f"{name}.jsonl") for name in ("claim_nknews_dev", "stance_babe_sg2")}
    subjective = [row for half in ("train", "dev") for row in read_rows(corpora / f"claim_ct25subj_{half}.jsonl")]
    foreign = {
        "nknews": [_alone(row["text"], row["type_frac"], row["url"]) for row in rows["claim_nknews_dev"]],
        "biased": [_alone(row["text"], {"biased": row["label"] == "Biased"}, "") for row in rows["stance_babe_sg2"]],
        "subjective": [_alone(row["text"], {"subjective": row["label"] == "SUBJ"}, "") for row in subjective],
    }
    written = [_claim(**row, group=row["text"]) for row in read_rows(WRITTEN)]
    sets = {"sample": _sample(), "sentences": _sentences(), "listed": _listed(corpora), "written": written}
    return foreign, {name: list(each) for name, each in sets.items()}


def _alone(text: str, labels: dict[str, float], group: str) -> Example:
    found, state, _ = claim_types.alone(text)
    return Example(found, state, {name: float(share) for name, share in labels.items()}, group)


def _claim(text: str, voice: str, speech_act: str | None, claim_types: Sequence[str], group: str) -> Example:
    found = evidence(words_of(text, None), voice=voice, speech_act=speech_act)
    return Example(found, read_alone(text), dict.fromkeys(claim_types, 1.0), group, unowned(text))


def _sentences() -> Iterator[Example]:
    for row in read_rows(HERE / "tests" / "gold" / "claim_types.jsonl"):
        if row["split"] == "dev" and row["no_claim"] is None:
            yield _claim(row["text"], row["voice"], row["speech_act"], row["claim_types"], row["id"])


def _listed(corpora: Path) -> Iterator[Example]:
    lines = LISTED.read_text(encoding="utf-8").splitlines()
    wanted = {key: types.split(";") for key, types in (line.split("\t") for line in lines if not line.startswith("#"))}
    found = set()
    for row in read_rows(corpora / "quotes_polnear_train.jsonl"):
        for quote in row["quotes"]:
            text = row["text"][quote["start"] : quote["end"]].strip().strip('"“”').strip()
            text = text[5:] if text.lower().startswith("that ") else text
            key = _key(text)
            if key in wanted and key not in found and len(quote["spans"]) == 1 and quote["cue"]:
                found.add(key)
                cue = cues.classify(quote["cue"])
                yield _claim(text, "attributed", cue.act if cue else None, wanted[key], row["doc_id"])
    for row in read_rows(corpora / "claim_newsdiscourse_train.jsonl"):
        if (key := _key(row["text"])) in wanted and key not in found:
            found.add(key)
            yield _claim(row["text"], "outlet", None, wanted[key], row["doc"])


def _key(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _sample() -> Iterator[Example]:
    """The claims of the sample corpus where they stand; articles that share a claim are one group."""
    import pyarrow as pa

    from pipeline.clean import clean
    from pipeline.read import RAW
    from pipeline.read import read as raw

    documents, texts = clean(pa.Table.from_pylist(list(raw(HERE / "raw")), schema=RAW))
    text_of = {row["document_id"]: row for row in texts.to_pylist()}
    held = {row["source"]: (row, text_of.get(row["document_id"])) for row in documents.to_pylist()}
    articles = [
        (path, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted((HERE / "tests" / "gold").rglob("*.json"))
    ]
    groups = _stories([(path.as_posix(), article["claims"]) for path, article in articles])
    for path, gold in articles:
        document, text = held[gold["source"].removeprefix("raw/")]
        if not gold["claims"] or text is None:
            continue
        article = Article.parse(document["document_id"], document["outlet"], text["text"], text["paragraphs"])
        t, reading = parse(article.text), read(article)
        published = date.fromisoformat(gold["published"]) if gold["published"] else None
        for claim, spans in zip(gold["claims"], places(path, article.text, gold["claims"]), strict=True):
            start, end = spans[0][0], spans[-1][1]
            words = words_of(article.text[start:end], t, start)
            found = evidence(words, voice=claim["voice"], speech_act=claim["speech_act"], published=published)
            types = dict.fromkeys(claim["claim_types"], 1.0)
            yield Example(
                found, pooled(reading, spans), types, groups[path.as_posix()], unowned(article.text[start:end])
            )


def _stories(articles: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> dict[str, str]:
    """Article -> a name that all articles bear which share a claim of three words or more, directly or by others."""
    name = {key: key for key, _ in articles}
    first: dict[str, str] = {}
    for key, claims in articles:
        for claim in claims:
            words = re.findall(r"\w+", " ".join(claim["pieces"]).lower())
            other = first.setdefault(" ".join(words), key)
            if len(words) >= 3 and name[other] != name[key]:
                name = {each: name[other] if named == name[key] else named for each, named in name.items()}
    return name


# Fitting


class Matrix:
    """What the heads see of some examples, as blocks of columns that share a ridge penalty."""

    def __init__(self, examples: Sequence[Example]) -> None:
        from scipy.sparse import csr_matrix

        self.tests = np.array([one.found.tests for one in examples], np.float32)
        sizes = [len(one.found.buckets) for one in examples]
        columns = np.concatenate([one.found.buckets for one in examples])
        values = np.repeat([1 / np.sqrt(max(1, size)) for size in sizes], sizes).astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        self.buckets = csr_matrix((values, columns, starts), shape=(len(examples), BUCKETS))
        self.state = np.array([one.state for one in examples], np.float32)


def logistic(blocks: Sequence[Block], target: np.ndarray) -> np.ndarray:
    """Weights of logistic functions, one a column of `target` (shares of 1), the constants in the last row.

    blocks: matrices of the same rows, each with its ridge penalty.
    """
    from scipy.optimize import minimize

    cuts = np.cumsum([0, *(block.shape[1] for block, _ in blocks)])
    ridge = np.repeat([penalty for _, penalty in blocks], np.diff(cuts))[:, None]
    width, many = cuts[-1], target.shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(width + 1, many)
        logits = weights[-1] + sum(
            block @ weights[a:b] for (block, _), a, b in zip(blocks, cuts, cuts[1:], strict=False)
        )
        wrong = claim_types.probability(logits) - target
        slope = np.vstack([*(block.T @ wrong for block, _ in blocks), wrong.sum(0, keepdims=True)])
        slope[:-1] += ridge * weights[:-1]
        value = (np.logaddexp(0, logits) - target * logits).sum() + (ridge * weights[:-1] ** 2).sum() / 2
        return float(value), slope.ravel().astype(np.float64)

    start = np.zeros((width + 1, many))
    share = target.mean(0).clip(1e-3, 1 - 1e-3)
    start[-1] = np.log(share / (1 - share))
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS, "maxcor": 20})
    return found.x.reshape(width + 1, many)


def _target(examples: Sequence[Example], names: Sequence[str]) -> np.ndarray:
    return np.array([[one.labels.get(name, 0.0) for name in names] for one in examples])


def _blocks(seen: Matrix, centre: np.ndarray, scale: np.ndarray, ridge: dict[str, float]) -> list[Block]:
    return [
        (seen.tests, ridge["tests"]),
        (seen.buckets, ridge["buckets"]),
        ((seen.state - centre) / scale, ridge["state"]),
    ]


def _logits(blocks: Sequence[Block], weights: np.ndarray) -> np.ndarray:
    cuts = np.cumsum([0, *(block.shape[1] for block, _ in blocks)])
    return weights[-1] + sum(block @ weights[a:b] for (block, _), a, b in zip(blocks, cuts, cuts[1:], strict=False))


def folds(examples: Sequence[Example]) -> np.ndarray:
    """The fold of each example, by its group."""
    return np.array([int(sha256(one.group.encode()).hexdigest(), 16) % FOLDS for one in examples])


def held_out(blocks: Sequence[Block], target: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """The logits of each row by weights fitted without its fold."""
    found = np.zeros(target.shape)
    for part in np.unique(parts):
        inside, outside = parts == part, parts != part
        weights = logistic([(block[outside], penalty) for block, penalty in blocks], target[outside])
        found[inside] = _logits([(block[inside], penalty) for block, penalty in blocks], weights)
    return found


def cuts_of(likely: np.ndarray, gold: np.ndarray, lowest: float) -> np.ndarray:
    """For each column the probability, of a grid from `lowest` to 0.65, from which giving the label has the best F1."""
    grid = np.arange(lowest, 0.66, 0.025)
    f1 = np.array([((likely >= cut) & gold).sum(0) / ((likely >= cut).sum(0) + gold.sum(0) + 1e-9) for cut in grid])
    # A mean over neighbours, so that the luck of one cut does not decide.
    padded = np.pad(f1, ((1, 1), (0, 0)), mode="edge")
    return grid[(padded[:-2] + padded[1:-1] + padded[2:]).argmax(0)]


def calibration(logits: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and shift of each column that make probabilities of its held-out logits (Platt)."""
    fitted = [
        logistic([(logits[:, [column]].astype(np.float32), 1e-3)], gold[:, [column]].astype(float))[:, 0]
        for column in range(gold.shape[1])
    ]
    return np.array([pair[0] for pair in fitted]), np.array([pair[1] for pair in fitted])


@dataclass(frozen=True, slots=True)
class _Fitting:
    """The foreign heads, and the examples of our labels as the own heads see them."""

    centre: np.ndarray
    scale: np.ndarray
    foreign: np.ndarray
    blocks: list[tuple[Any, float]]
    gold: np.ndarray
    logits: np.ndarray
    parts: np.ndarray


def _fitting(foreign: dict[str, list[Example]], own: dict[str, list[Example]]) -> _Fitting:
    others = {name: Matrix(part) for name, part in foreign.items()}
    centre, scale = others["nknews"].state.mean(0), others["nknews"].state.std(0) + 1e-6
    labels = {"nknews": NKNEWS} | {name: (name,) for name in FOREIGN[len(NKNEWS) :]}
    weights = np.hstack(
        [
            logistic(_blocks(others[part], centre, scale, FOREIGN_RIDGE), _target(foreign[part], names))
            for part, names in labels.items()
        ]
    )
    every = [one for part in own.values() for one in part]
    tests, *rest = _blocks(Matrix(every), centre, scale, OWN_RIDGE)
    seen = told(_logits([tests, *rest], weights)).astype(np.float32)
    blocks = [tests, (seen, OWN_RIDGE["foreign"]), *rest]
    target = _target(every, LABELS[:-1])
    parts = folds(every)
    return _Fitting(centre, scale, weights, blocks, target > 0, held_out(blocks, target, parts), parts)


def _nknews(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Held-out probabilities of the nknews labels, whether half of the people gave them, and the folds."""
    target, parts, seen = _target(examples, NKNEWS), folds(examples), Matrix(examples)
    blocks = _blocks(seen, seen.state.mean(0), seen.state.std(0) + 1e-6, FOREIGN_RIDGE)
    return claim_types.probability(held_out(blocks, target, parts)), target >= 0.5, parts


def fit(foreign: dict[str, list[Example]], own: dict[str, list[Example]]) -> Heads:
    """The heads, from all examples; calibration and cuts from held-out logits."""
    made = _fitting(foreign, own)
    slope, shift = calibration(made.logits, made.gold)
    likely = claim_types.probability(made.logits * slope + shift)
    theirs, marked, _ = _nknews(foreign["nknews"])
    ruled = [one for part in own.values() for one in part if one.rule]
    return Heads(
        centre=made.centre,
        scale=made.scale,
        foreign=made.foreign,
        own=logistic(made.blocks, made.gold.astype(float)),
        slope=slope,
        shift=shift,
        given=cuts_of(likely, made.gold, 0.15),
        cut=cuts_of(theirs, marked, 0.1),
        unowned=np.float32((sum("other" in one.labels for one in ruled) + 1) / (len(ruled) + 2)),
    )


def file_of(heads: Heads) -> bytes:
    """The weights file: half precision for the large matrices, no time stamps."""
    out = BytesIO()
    large = ("foreign", "own")
    # dataclasses.asdict keeps the order of the fields; numpy writes every member with the same date.
    kept = {
        name: np.asarray(value, np.float16 if name in large else np.float32) for name, value in asdict(heads).items()
    }
    np.savez_compressed(out, **kept)
    return out.getvalue()


# Measuring


def report(foreign: dict[str, list[Example]], own: dict[str, list[Example]]) -> dict[str, Any]:
    """Out-of-fold F1: labels of nknews beside the human row, and ours; cuts and calibration come from other folds."""
    likely, marked, parts = _nknews(foreign["nknews"])
    pairs: list[tuple[set[str], set[str]]] = []
    for part in np.unique(parts):
        cut = cuts_of(likely[parts != part], marked[parts != part], 0.1)
        for said, gold in zip(likely[parts == part] >= cut, marked[parts == part], strict=True):
            pairs.append(({NKNEWS[i] for i in np.flatnonzero(gold)}, {NKNEWS[i] for i in np.flatnonzero(said)}))
    made = _fitting(foreign, own)
    every = [one for part in own.values() for one in part]
    types: list[claim_types.Types] = [claim_types.Types("other", ("other",), 1.0)] * len(every)
    for part in np.unique(made.parts):
        rest = made.parts != part
        slope, shift = calibration(made.logits[rest], made.gold[rest])
        given = cuts_of(claim_types.probability(made.logits[rest] * slope + shift), made.gold[rest], 0.15)
        for i in np.flatnonzero(~rest):
            if not every[i].rule:
                types[i] = claim_types.decide(claim_types.probability(made.logits[i] * slope + shift), given)
    found: dict[str, Any] = {"nknews": {"out_of_fold": score(pairs, NKNEWS), "human": HUMAN, "human_macro_f1": 45}}
    at = 0
    for name, part in own.items():
        said = types[at : at + len(part)]
        at += len(part)
        right = [each.main in one.labels for one, each in zip(part, said, strict=True)]
        found[name] = {
            "claims": len(part),
            **score([(set(one.labels), set(each.all)) for one, each in zip(part, said, strict=True)], LABELS),
            "main_right": percent(float(np.mean(right))),
            "other_given": percent(float(np.mean([each.main == "other" for each in said]))),
        }
    right = [each.main in one.labels for one, each in zip(every, types, strict=True)]
    found["calibration_error"] = round(
        _calibration_error(np.array([each.confidence for each in types]), np.array(right)), 3
    )
    return found


def _calibration_error(likely: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: mean gap of confidence and share right over bins of equal width, by their size."""
    place = np.minimum((likely * bins).astype(int), bins - 1)
    return float(
        sum(abs(likely[place == b].mean() - right[place == b].mean()) * (place == b).mean() for b in np.unique(place))
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the heads of the claim types out of fold.")
    parser.add_argument("corpora", type=Path, help="folder of annotated data")
    print(json.dumps(report(*examples(parser.parse_args().corpora)), indent=1))
