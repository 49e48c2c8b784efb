"""The polarity head: how a sentence speaks of each of its targets, from the states that the tagger computes anyway.

It starts from the hidden states after model.LOWER layers, as the int8 tagger itself gives them, and goes on with the
upper layers of the base, the words of one sentence alone. A target is the mean of its tokens' states beside the mean
of the sentence's. Trained on NewsMTSC; a sentence is seen alone or among others, as it will stand in an article, and a
third of them with another name for the target as well, so that names tell little. (To hide the target's words
altogether was tried: four to seven points of macro F1 lower.)
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.annotate import model, polarity_head
from pipeline.annotate.article import Article, Piece
from pipeline.annotate.polarity_head import LABELS, Polarity, polarities
from pipeline.annotate.quotes import quoted_runs
from pipeline.train import encoder
from pipeline.train.decoding import calibration_error
from pipeline.train.encoder import Parameters
from pipeline.train.examples import read, store

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer
    from torch import Tensor

LAYERS = (2, 3, 4, 5)  # of the base
EPOCHS, BATCH, RATE, HEAD_RATE, WARM, SEED = 5, 32, 1.5e-4, 1e-3, 0.06, 1
STEADY_RATE = 7e-5
ALIKE = 2.0  # weight of the distance between a sentence and the same with another name
SMOOTHING = 0.05  # of the labels
RENAMED = 1 / 3  # copies with another name beside each sentence
NAMES = [
    "Russia",
    "Ukraine",
    "the United States",
    "China",
    "North Korea",
    "South Korea",
    "Iran",
    "Israel",
    "Germany",
    "France",
    "Britain",
    "Poland",
    "Cuba",
    "Venezuela",
    "India",
    "Pakistan",
    "Turkey",
    "Syria",
    "Egypt",
    "Japan",
    "NATO",
    "the European Union",
    "the United Nations",
    "the Kremlin",
    "Beijing",
    "Moscow",
    "Washington",
    "Kyiv",
    "Pyongyang",
    "Tehran",
    "the government",
    "the party",
    "the army",
    "the ministry",
    "the union",
    "the company",
    "Hamas",
    "Hezbollah",
    "the Taliban",
    "the Russian army",
    "the Ukrainian army",
    "the opposition",
    "the rebels",
    "the Senate",
    "Google",
    "Boeing",
    "the police",
    "Merkel",
    "Putin",
    "Zelensky",
    "Xi",
    "Kim",
    "Macron",
    "Modi",
    "Erdogan",
    "Netanyahu",
    "Obama",
    "Trump",
    "Clinton",
    "Biden",
    "May",
    "Johnson",
    "Sanders",
    "Ryan",
    "McConnell",
    "Pelosi",
    "Mueller",
    "Comey",
]

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with the states of its tokens, (tokens, WIDTH), and (which tokens, which label) of each target."""

    states: np.ndarray
    targets: list[tuple[np.ndarray, int]]


def train(corpora: Path) -> None:
    """Train on stance_newsmtsc_train.jsonl, write polarity.onnx, print the figures on both development files."""
    session, _ = model.load((model.FOLDER / "tagger.onnx").read_bytes())
    tokenizer = model.load_tokenizer(model.FOLDER / "tokenizer.json")
    rows = read(corpora / "stance_newsmtsc_train.jsonl")
    held = [row for row in rows if _held_out(row)]
    rows = [row for row in rows if not _held_out(row)]
    alone = sentences(rows, session, tokenizer, None)
    among = sentences(rows, session, tokenizer, random.Random(1))
    renamed = sentences(_renamed(rows, random.Random(7)), session, tokenizer, random.Random(2))
    p = fit(parameters(), alone, among, renamed)
    pairs = [
        (*sentences([row], session, tokenizer, None), *sentences([other], session, tokenizer, None))
        for row, other in zip(rows, _renamed(rows, random.Random(11), share=1.0), strict=True)
    ]
    p = steadied(encoder.trainable(p), [pair for pair in pairs if len(pair) == 2])
    graph = graph_of({name: value.numpy() for name, value in p.items()})
    store("polarity.onnx", _bytes(graph, 1.0))
    told = [(_alone(row["text"], mentions(row)), LABELS.index(row["label"].lower())) for row in held]
    store("polarity.onnx", _bytes(graph, tempered(*zip(*told, strict=True))))
    polarity_head.head.cache_clear()
    print(json.dumps({name: report(corpora / f"stance_newsmtsc_{name}_dev.jsonl") for name in ("rw", "mt")}, indent=1))


def _held_out(row: dict[str, Any]) -> bool:
    """One sentence in ten, on which the temperature is fitted."""
    return int(sha256(row["text"].encode()).hexdigest(), 16) % 10 == 0


def mentions(row: dict[str, Any]) -> list[Span]:
    """The spans of a row's target, the annotated one first."""
    return [(row["start"], row["end"]), *((start, end) for start, end in row.get("coref", ()))]


def _bytes(graph: "ModelProto", temperature: float) -> bytes:
    import onnx

    onnx.helper.set_model_props(graph, {"temperature": json.dumps(temperature)})
    return graph.SerializeToString(deterministic=True)


def tempered(found: Sequence[Sequence[float]], right: Sequence[int]) -> float:
    """The temperature at which the probabilities of what is right are the largest, in steps of 0.05."""
    scores = np.log(np.maximum(np.asarray(found), 1e-9))

    def loss(temperature: float) -> float:
        each = scores / temperature
        each -= np.log(np.exp(each).sum(1, keepdims=True))
        return -float(each[np.arange(len(right)), right].mean())

    return min(np.arange(0.5, 4.0, 0.05).round(2).tolist(), key=loss)


def tokens_of(text: str, tokenizer: "Tokenizer") -> model.Tokens:
    """The tokens of a sentence; it must hold no line end."""
    article = Article("", None, text, (Piece("body", 0, len(text)),))
    quoted = [(run.start, run.end) for run in quoted_runs(article) if run.parent is None]
    (tokens,) = model.encode(tokenizer, text, [(0, len(text))], quoted)
    return tokens


def sentences(
    rows: Sequence[dict[str, Any]], session: "InferenceSession", tokenizer: "Tokenizer", draw: random.Random | None
) -> list[Sentence]:
    """The sentences of rows, each read alone, or among up to three others that are drawn."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row["text"].replace("\n", " "), []).append(row)
    tokens = {text: tokens_of(text, tokenizer) for text in grouped}
    texts = list(tokens)
    found = []
    for text, each in grouped.items():
        before = [tokens[draw.choice(texts)] for _ in range(draw.randint(0, 2))] if draw else []
        after = [tokens[draw.choice(texts)] for _ in range(draw.randint(0, 1))] if draw else []
        own = tokens[text]
        while before and sum(len(one.ids) + 1 for one in (*before, own)) + 1 > model.WINDOW:
            before.pop()
        together = _together([*before, own, *after])
        states = model.forward(session, together).lower[together.units == len(before)]
        targets = []
        for row in each:
            held = np.zeros(len(own.ids), bool)
            for start, end in mentions(row):
                held |= (own.ends > start) & (own.starts < end)
            if held.any():
                targets.append((held, LABELS.index(row["label"].lower())))
        if targets:
            found.append(Sentence(states, targets))
    return found


def _together(parts: Sequence[model.Tokens]) -> model.Tokens:
    """Tokens of several texts as units of one."""
    names = ("ids", "features", "starts", "ends")
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    return model.Tokens(*columns, np.repeat(np.arange(len(parts)), [len(part.ids) for part in parts]))


def _renamed(rows: Sequence[dict[str, Any]], draw: random.Random, share: float = 0.75) -> list[dict[str, Any]]:
    """The rows with another name at the target's first mention, in that share of them."""
    found = []
    for row in rows:
        start, end = row["start"], row["end"]
        if draw.random() >= share or end - start < 3:
            found.append(row)
            continue
        name = draw.choice(NAMES)
        name = name if start else name[0].upper() + name[1:]
        moved = len(name) - (end - start)
        also = [
            [a + moved * (a >= end), b + moved * (a >= end)] for a, b in row.get("coref", ()) if b <= start or a >= end
        ]
        text = row["text"][:start] + name + row["text"][end:]
        found.append({**row, "text": text, "end": start + len(name), "coref": also})
    return found


def parameters() -> Parameters:
    """The parameters before training: layers of the base and a fresh head."""
    import torch

    torch.manual_seed(SEED)
    head = {"head.weight": torch.randn(2 * model.WIDTH, len(LABELS)) * 0.02, "head.bias": torch.zeros(len(LABELS))}
    return encoder.trainable({**encoder.layers_of(encoder.weights(), LAYERS), **head})


def fit(p: Parameters, alone: Sequence[Sentence], among: Sequence[Sentence], renamed: Sequence[Sentence]) -> Parameters:
    """The parameters after EPOCHS over the sentences."""
    import torch
    from torch.nn.functional import cross_entropy

    random.seed(SEED)
    heads = [value for name, value in p.items() if not name[0].isdigit()]
    layers = [value for name, value in p.items() if name[0].isdigit()]
    optimiser = torch.optim.AdamW(
        [{"params": layers, "lr": RATE}, {"params": heads, "lr": HEAD_RATE}],
        weight_decay=0.01,
        betas=(0.9, 0.98),
        fused=True,
    )
    copies = round(len(renamed) * RENAMED)
    total = EPOCHS * ((len(alone) + copies) // BATCH + 1)
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (WARM * total)) * max(0.02, 1 - step / total)
    )
    ends: list[Parameters] = []
    for epoch in range(EPOCHS):
        pool = [random.choice(pair) for pair in zip(alone, among, strict=True)] + random.sample(renamed, copies)
        pool.sort(key=lambda one: len(one.states) + 12 * random.random())  # batches of like length
        batches = [pool[at : at + BATCH] for at in range(0, len(pool), BATCH)]
        random.shuffle(batches)
        lost = 0.0
        for batch in batches:
            scores, labels = _scores(p, batch)
            loss = cross_entropy(scores, labels, label_smoothing=SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
            optimiser.step()
            rates.step()
            lost += loss.item()
        print(f"epoch {epoch + 1}/{EPOCHS} loss {lost / len(batches):.3f}", flush=True)
        ends.append({name: value.detach().clone() for name, value in p.items()})
    return {name: (ends[-2][name] + ends[-1][name]) / 2 for name in p}  # steadier than the last epoch alone


def steadied(p: Parameters, pairs: Sequence[tuple[Sentence, Sentence]]) -> Parameters:
    """The parameters after one more pass over sentences beside the same with another name: both are to read alike."""
    import torch
    from torch.nn.functional import cross_entropy, kl_div

    random.seed(SEED)
    optimiser = torch.optim.AdamW(p.values(), lr=STEADY_RATE, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
    pool = sorted(pairs, key=lambda pair: len(pair[0].states) + 12 * random.random())
    batches = [pool[at : at + BATCH // 2] for at in range(0, len(pool), BATCH // 2)]
    random.shuffle(batches)
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (WARM * len(batches))) * max(0.02, 1 - step / len(batches))
    )
    lost = apart = 0.0
    for number, batch in enumerate(batches, 1):
        scores, labels = _scores(p, [one for pair in batch for one in pair])
        loss = cross_entropy(scores, labels, label_smoothing=SMOOTHING)
        one, other = (scores[start::2].log_softmax(-1) for start in (0, 1))
        distance = sum(kl_div(a, b, log_target=True, reduction="batchmean") for a, b in ((one, other), (other, one)))
        optimiser.zero_grad()
        (loss + ALIKE * distance).backward()
        torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
        optimiser.step()
        rates.step()
        lost, apart = lost + loss.item(), apart + distance.item()
        if number % 50 == 0:
            print(f"{number}/{len(batches)} loss {lost / number:.3f} apart {apart / number:.3f}", flush=True)
    return {name: value.detach() for name, value in p.items()}


def _scores(p: Parameters, batch: Sequence[Sentence]) -> tuple["Tensor", "Tensor"]:
    """Scores of every target of a batch, (targets, labels), and the right labels."""
    import torch

    shape = len(batch), max(len(one.states) for one in batch)
    states, mask = torch.zeros(*shape, model.WIDTH), torch.full((shape[0], 1, 1, shape[1]), -1e4)
    pooled, rows, labels = [], [], []
    for row, one in enumerate(batch):
        length = len(one.states)
        states[row, :length] = torch.from_numpy(one.states.astype(np.float32))
        mask[row, ..., :length] = 0
        for held, label in one.targets:
            shares = torch.zeros(2, shape[1])
            shares[0, :length] = torch.from_numpy(held / held.sum())
            shares[1, :length] = 1 / length
            pooled.append(shares)
            rows.append(row)
            labels.append(label)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = encoder.run(p, encoder.dropped(states, encoder.DROPOUT), mask, encoder.DROPOUT)
    both = torch.stack(pooled) @ seen.float()[rows]
    return both.flatten(1) @ p["head.weight"] + p["head.bias"], torch.tensor(labels)


def graph_of(p: dict[str, np.ndarray]) -> "ModelProto":
    """The int8 layers and the head as an ONNX graph.

    In: `states` of a sentence's tokens, and `shares` of each target, (targets, 2, tokens), which pool them.
    Out: scores.
    """
    from onnx import TensorProto, helper

    g = encoder.Graph(p)
    seen = g.layers("states", {})
    both = g.node("MatMul", ["shares", seen], "pooled")
    flat = g.node("Reshape", [both, g.keep("flat", np.array([-1, 2 * model.WIDTH]))], "flattened")
    raw = g.node("MatMul", [flat, g.keep("head.weight", p["head.weight"])], "scores.raw")
    g.node("Add", [raw, g.keep("head.bias", p["head.bias"])], "scores")
    value = helper.make_tensor_value_info
    return g.model(
        "polarity",
        [
            value("states", TensorProto.FLOAT, [1, "tokens", model.WIDTH]),
            value("shares", TensorProto.FLOAT, ["targets", 2, "tokens"]),
        ],
        [value("scores", TensorProto.FLOAT, ["targets", len(LABELS)])],
    )


def _alone(text: str, spans: Sequence[Span]) -> Polarity:
    """What the head by itself says of a lone sentence."""
    article = Article("", None, text, (Piece("body", 0, len(text)),))
    quoted = [(run.start, run.end) for run in quoted_runs(article) if run.parent is None]
    (found,) = polarities(model.Reading(text, [(0, len(text))], quoted), [(0, len(text))], [spans])
    return found or Polarity(1 / 3, 1 / 3, 1 / 3)


def report(path: Path) -> dict[str, float]:
    """Macro F1 in percent, over all and over the most confident four fifths, and the calibration error."""
    told = []
    for row in read(path):
        found = _alone(row["text"], mentions(row))
        told.append((max(found), LABELS[found.index(max(found))], row["label"].lower()))
    told.sort(reverse=True)
    sure = told[: len(told) * 4 // 5]
    return {
        "targets": len(told),
        "macro_f1": _macro_f1(told),
        "macro_f1_of_the_surest_four_fifths": _macro_f1(sure),
        "calibration_error": round(calibration_error([p for p, _, _ in told], [a == b for _, a, b in told]), 3),
    }


def _macro_f1(told: Sequence[tuple[float, str, str]]) -> float:
    scores = []
    for label in LABELS:
        said, right = ([each == label for each in column] for column in list(zip(*told, strict=True))[1:])
        scores.append(2 * sum(map(min, said, right)) / max(1, sum(said) + sum(right)))
    return round(100 * sum(scores) / len(scores), 1)
