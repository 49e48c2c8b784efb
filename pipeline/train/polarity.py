"""The reader of polarity: how a sentence speaks of one of its targets, by an encoder of its own.

All six layers of the base, fine-tuned whole. The first reads the sentence once; after it a learned vector marks the
tokens of the target, so that what follows is read with regard to it. The target is the mean of its tokens' states
beside the mean of the sentence's. Trained on NewsMTSC: every sentence beside itself with another name for the target,
or with none, and both are to be read alike, so that names tell little. Then the layers are narrowed and taught to read
these sentences, and others of which no label is known, as the whole ones do.
"""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.annotate import model, polarity_head
from pipeline.annotate.article import Article
from pipeline.annotate.attribution import bare_pieces
from pipeline.annotate.lexicons import FOLDER
from pipeline.annotate.parse import parse
from pipeline.annotate.polarity_head import LABELS, LONGEST
from pipeline.annotate.targets import targets
from pipeline.train import encoder
from pipeline.train.decoding import calibration_error
from pipeline.train.encoder import Parameters
from pipeline.train.examples import read, store
from pipeline.train.narrow import Batch, distance, narrowed, taught

if TYPE_CHECKING:
    from onnx import ModelProto
    from tokenizers import Tokenizer
    from torch import Tensor

LAYERS, MARKED = 6, 1  # of the base; those below the mark
EPOCHS, BATCH, SEED, WARM = 4, 32, 1, 0.06
RATE, DECAY, FRESH_RATE = 1.2e-4, 0.9, 1e-3  # of the uppermost layer, from each layer to the one below, of what is new
ALIKE = 1.0  # weight of the distance between a sentence and the same with another name
SMOOTHING = 0.05  # of the labels
UNITS = 768  # of the base's 1,536 inner units in every layer
TAUGHT, TAUGHT_RATE = 5, 2e-4  # epochs of the narrow layers
UNTOLD = 4_000  # sentences without a label
SHOWN = 600  # sentences to which the layers are narrowed, and by which the ranges of the integers are set
NAMELESS = 1 / 3  # of the second readings have no name in the target's place, the others another name
NAMES = """
NATO|the European Union|the United Nations|the Kremlin|the White House|Beijing|Moscow|Washington|Kyiv|Pyongyang|Tehran|
the government|the party|the army|the ministry|the union|the company|the opposition|the rebels|the Senate|the police|
the Russian army|the Ukrainian army|the court|the church|Hamas|Hezbollah|the Taliban|Google|Boeing
"""
MASK = 103  # the token that stands for no name

_NAME = re.compile(r"[A-Z][\w.’'-]*(?: [A-Z][\w.’'-]*){0,3}")
_PRONOUNS = frozenset("he she they him her his hers it i we you them their who himself herself".split())  # noqa: SIM905

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence as the encoder reads it: its ids, which of them are the target's, and the right label."""

    ids: np.ndarray
    held: np.ndarray
    label: int


def train(corpora: Path) -> None:
    """Train on stance_newsmtsc_train.jsonl and the texts of quotes_polnear_train.jsonl, and write polarity.onnx.

    Prints the figures on both development files.
    """
    tokenizer = model.load_tokenizer(model.FOLDER / "tokenizer.json")
    rows = read(corpora / "stance_newsmtsc_train.jsonl")
    learnt = [row for row in rows if not _held_out(row)]
    own = [example(row["text"], mentions(row), _label(row), tokenizer) for row in learnt]
    untold = unlabelled(read(corpora / "quotes_polnear_train.jsonl"), tokenizer)
    fitted = narrow(fit(parameters(), learnt, tokenizer), learnt, own, Others(learnt, tokenizer), untold)
    ranges = ranges_of(fitted, own)
    p = {name: value.numpy() for name, value in fitted.items()}
    _store(graph_of(p, ranges))
    scale, shift = calibrated(*_told([row for row in rows if _held_out(row)], tokenizer))
    p |= {"head.weight": p["head.weight"] * scale, "head.bias": p["head.bias"] * scale + shift}
    _store(graph_of(p, ranges))
    for name in ("rw", "mt"):
        print(name, json.dumps(report(*_told(read(corpora / f"stance_newsmtsc_{name}_dev.jsonl"), tokenizer))))


def _store(graph: "ModelProto") -> None:
    store("polarity.onnx", graph.SerializeToString(deterministic=True))
    polarity_head.head.cache_clear()


def _told(rows: Sequence[dict[str, Any]], tokenizer: "Tokenizer") -> tuple[np.ndarray, np.ndarray]:
    """What the stored encoder says of rows, (rows, labels), and the right labels."""
    examples = [example(row["text"], mentions(row), _label(row), tokenizer) for row in rows]
    told = [polarity_head.scores(one.ids, one.held[None])[0] for one in examples]
    return np.array(told), np.array([one.label for one in examples])


def calibrated(told: np.ndarray, right: np.ndarray) -> tuple[float, np.ndarray]:
    """By what scores are multiplied, and what is added to each label's, so that what is right is the most probable."""
    import torch
    from torch.nn.functional import cross_entropy

    scores, labels = torch.from_numpy(told), torch.from_numpy(right)
    scale, shift = torch.ones((), requires_grad=True), torch.zeros(len(LABELS), requires_grad=True)
    optimiser = torch.optim.LBFGS([scale, shift], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> "Tensor":
        optimiser.zero_grad()
        value = cross_entropy(scores * scale + shift, labels)
        value.backward()
        return value

    optimiser.step(loss)
    return scale.item(), (shift - shift.mean()).detach().numpy()


def _held_out(row: dict[str, Any]) -> bool:
    """One sentence in ten, on which the probabilities are fitted."""
    return int(sha256(row["text"].encode()).hexdigest(), 16) % 10 == 0


def _label(row: dict[str, Any]) -> int:
    return LABELS.index(row["label"].lower())


def mentions(row: dict[str, Any]) -> list[Span]:
    """The spans of a row's target, the annotated one first."""
    return [(row["start"], row["end"]), *((start, end) for start, end in row.get("coref", ()))]


def example(text: str, spans: Sequence[Span], label: int, tokenizer: "Tokenizer") -> Example:
    """A sentence with a target, given the spans of its mentions."""
    (tokens,) = model.encode(tokenizer, text, [(0, len(text))], [])
    ids, (held,) = polarity_head.inputs([tokens], [spans])
    return Example(ids, held, label)


def nameless(row: dict[str, Any], tokenizer: "Tokenizer") -> Example:
    """The same with one token in the place of each name of the target's; pronouns and roles stay."""
    text, spans = row["text"], mentions(row)
    told = example(text, spans, _label(row), tokenizer)
    if not any(_names(text[start:end]) for start, end in spans):
        return told
    names = example(text, [(start, end) for start, end in spans if _names(text[start:end])], 0, tokenizer).held
    ids = np.where(names, MASK, told.ids)
    kept = np.r_[True, (ids[1:] != MASK) | (ids[:-1] != MASK)]
    return Example(ids[kept], told.held[kept], told.label)


def _names(words: str) -> bool:
    return bool(_NAME.fullmatch(words)) and words.lower() not in _PRONOUNS and not words.startswith("The ")


def renamed(text: str, spans: Sequence[Span], name: str) -> tuple[str, list[Span]]:
    """The text with another name wherever the first span's words stand, and where the mentions stand then."""
    start, end = spans[0]
    places = [match.span() for match in re.finditer(rf"(?<!\w){re.escape(text[start:end])}(?!\w)", text)]
    if (start, end) not in places:
        places = [(start, end)]
    longer = len(name) - (end - start)

    def moved(at: int) -> int:
        return at + longer * sum(end <= at for _, end in places)

    edges = [0, *(at for place in places for at in place), len(text)]
    told = name.join(text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))
    own = [(moved(a), moved(a) + len(name)) for a, _ in places]
    return told, own + [(moved(a), moved(b)) for a, b in spans if all(b <= c or a >= d for c, d in places)]


class Others:
    """The second readings of rows: with another name for the target, or with none."""

    def __init__(self, rows: Sequence[dict[str, Any]], tokenizer: "Tokenizer") -> None:
        self._draw = random.Random(SEED)
        self._tokenizer = tokenizer
        countries = (FOLDER / "countries.txt").read_text(encoding="utf-8").splitlines()
        self._persons = sorted({row["target"] for row in rows if _names(row["target"])})
        self._countries = [line.partition("|")[0].strip() for line in countries if line and line[0] != "#"]
        self._others = [name.strip() for name in NAMES.split("|")]

    def of(self, row: dict[str, Any]) -> Example:
        """Another reading of a row; the same where its target is a pronoun."""
        spans = mentions(row)
        words = row["text"][slice(*spans[0])]
        if self._draw.random() < NAMELESS:
            return nameless(row, self._tokenizer)
        if len(words) < 3 or words.lower() in _PRONOUNS:
            return example(row["text"], spans, _label(row), self._tokenizer)
        name = self._draw.choice(
            self._draw.choices((self._persons, self._countries, self._others), weights=(4, 2, 1))[0]
        )
        if not spans[0][0]:
            name = name[0].upper() + name[1:]
        return example(*renamed(row["text"], spans, name), _label(row), self._tokenizer)


def parameters() -> Parameters:
    """The parameters before training: the base, the mark of a target and a fresh head."""
    import torch

    torch.manual_seed(SEED)
    tensors = encoder.weights()
    return encoder.trainable(
        {
            **encoder.embeddings_of(tensors, LONGEST),
            **encoder.layers_of(tensors, range(LAYERS)),
            "mark": torch.randn(model.WIDTH) * 0.02,
            "head.weight": torch.randn(2 * model.WIDTH, len(LABELS)) * 0.02,
            "head.bias": torch.zeros(len(LABELS)),
        }
    )


def _rate(name: str) -> float:
    """How fast a parameter learns: the lower, the slower."""
    first = name.partition(".")[0]
    if first in ("mark", "head"):
        return FRESH_RATE
    return RATE * DECAY ** (LAYERS - 1 - int(first) if first.isdigit() else LAYERS)


def fit(p: Parameters, rows: Sequence[dict[str, Any]], tokenizer: "Tokenizer") -> Parameters:
    """The parameters after EPOCHS over the rows: their mean over the last two, steadier than the last ones alone."""
    import torch
    from torch.nn.functional import cross_entropy, kl_div

    random.seed(SEED)
    others = Others(rows, tokenizer)
    own = [example(row["text"], mentions(row), _label(row), tokenizer) for row in rows]
    groups: dict[float, list[Tensor]] = {}
    for name, value in p.items():
        groups.setdefault(_rate(name), []).append(value)
    optimiser = torch.optim.AdamW(
        [{"params": each, "lr": rate} for rate, each in groups.items()],
        weight_decay=0.01,
        betas=(0.9, 0.98),
        fused=True,
    )
    total = EPOCHS * -(-len(rows) // BATCH)
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (WARM * total)) * max(0.02, 1 - step / total)
    )
    mean: Parameters = {}
    step = taken = 0
    for epoch in range(EPOCHS):
        order = sorted(range(len(rows)), key=lambda i: len(own[i].ids) + 12 * random.random())  # of like length
        batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
        random.shuffle(batches)
        lost = apart = 0.0
        for batch in batches:
            pairs = [own[i] for i in batch] + [others.of(rows[i]) for i in batch]
            found, _ = readings(p, pairs, encoder.DROPOUT)
            loss = cross_entropy(found, torch.tensor([one.label for one in pairs]), label_smoothing=SMOOTHING)
            one, other = found.log_softmax(-1).chunk(2)
            distance = sum(
                kl_div(a, b, log_target=True, reduction="batchmean") for a, b in ((one, other), (other, one))
            )
            optimiser.zero_grad()
            (loss + ALIKE * distance).backward()
            torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
            optimiser.step()
            rates.step()
            lost, apart, step = lost + loss.item(), apart + distance.item(), step + 1
            if 2 * step >= total and step % 20 == 0:
                taken += 1
                for name, value in p.items():
                    mean[name] = mean[name].lerp(value.detach(), 1 / taken) if taken > 1 else value.detach().clone()
        print(f"epoch {epoch + 1}/{EPOCHS} loss {lost / len(batches):.3f} apart {apart / len(batches):.3f}", flush=True)
    return mean


def unlabelled(rows: Sequence[dict[str, Any]], tokenizer: "Tokenizer") -> list[Example]:
    """Sentences of whole articles with each of their targets; no label of them is known or asked for."""
    found = []
    for row in rows:
        article = Article(row["doc_id"], None, row["text"], tuple(bare_pieces(row["text"])))
        t = parse(article.text)
        told = targets(article, t)
        for tokens in t.sentences():
            start, end = t.start[tokens[0]], t.end[tokens[-1]]
            for target in told:
                spans = [(a - start, b - start) for a, b in target.mentions if start <= a and b <= end]
                if spans:
                    found.append(example(article.text[start:end], spans, 0, tokenizer))
    return random.Random(SEED).sample(found, min(UNTOLD, len(found)))


def narrow(
    whole: Parameters,
    rows: Sequence[dict[str, Any]],
    own: Sequence[Example],
    others: Others,
    untold: Sequence[Example],
) -> Parameters:
    """The parameters with narrower layers that give what the whole ones give; `own` are the rows as examples."""
    import torch
    from torch.nn.functional import kl_div

    def batches(epoch: int) -> list[list[Example]]:
        pool = [*untold, *(others.of(rows[i]) if (i + epoch) % 2 else one for i, one in enumerate(own))]
        pool.sort(key=lambda one: len(one.ids) + 12 * random.random())  # of like length
        return [pool[at : at + BATCH] for at in range(0, len(pool), BATCH)]

    def apart(p: Parameters, batch: list[Example]) -> "Tensor":
        with torch.no_grad():
            wanted, goals = readings(whole, batch)
        told, found = readings(p, batch)
        real = _padded(batch)[2].bool()
        parts = [distance(mine[real], theirs[real]) for mine, theirs in zip(found, goals, strict=True)]
        likely = told.log_softmax(-1), wanted.log_softmax(-1)
        return kl_div(*likely, log_target=True, reduction="batchmean") + parts[1] / 2 + parts[3] / 2 + parts[-1]

    shown = sorted(random.Random(SEED).sample(own, min(SHOWN, len(own))), key=lambda one: len(one.ids))
    read = []
    with torch.no_grad():
        for at in range(0, len(shown), BATCH):
            ids, held, real = _padded(shown[at : at + BATCH])
            read.append(Batch(_embedded(whole, ids), real.bool(), held[..., None] * whole["mark"]))
        p = narrowed(whole, read, UNITS, MARKED)
    return taught(p, TAUGHT, TAUGHT_RATE, batches, apart)


def ranges_of(p: Parameters, examples: Sequence[Example]) -> Mapping[str, encoder.Range]:
    """How large the numbers are that the matrices read, on `SHOWN` of the examples."""
    import torch

    found = encoder.Ranges()
    with torch.no_grad():
        for one in random.Random(SEED).sample(examples, min(SHOWN, len(examples))):
            readings(p, [one], watch=found.watch)
    return found.told()


def readings(
    p: Parameters, batch: Sequence[Example], dropout: float = 0.0, watch: encoder.Watch = lambda name, x: None
) -> "tuple[Tensor, list[Tensor]]":
    """The scores of a batch, (examples, labels), and the states after each layer that knows the target.

    `watch` is told what each matrix of the layers reads.
    """
    import torch

    ids, held, real = _padded(batch)
    mask = (real - 1)[:, None, None] * 1e4
    states = []
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = encoder.dropped(_embedded(p, ids), dropout)
        x = encoder.run(p, x, mask, dropout, range(MARKED), watch) + held[..., None] * p["mark"]
        for layer in range(MARKED, LAYERS):
            x = encoder.run(p, x, mask, dropout, [layer], watch)
            states.append(x)
    shares = torch.stack([each / each.sum(1, keepdim=True).clamp(min=1) for each in (held, real)], 1)
    both = torch.nn.functional.dropout((shares @ x.float()).flatten(1), dropout)
    return both @ p["head.weight"] + p["head.bias"], states


def _embedded(p: Parameters, ids: "Tensor") -> "Tensor":
    return encoder.norm(p, p["word"][ids] + p["position"][: ids.shape[1]], "norm")


def _padded(batch: Sequence[Example]) -> tuple["Tensor", "Tensor", "Tensor"]:
    """Ids, the target's tokens and those that are no padding, each (examples, tokens)."""
    import torch

    shape = len(batch), max(len(one.ids) for one in batch)
    ids, held, real = torch.zeros(shape, dtype=torch.long), torch.zeros(shape), torch.zeros(shape)
    for row, one in enumerate(batch):
        length = len(one.ids)
        ids[row, :length] = torch.from_numpy(one.ids)
        held[row, :length] = torch.from_numpy(one.held.astype(np.float32))
        real[row, :length] = 1
    return ids, held, real


def graph_of(p: dict[str, np.ndarray], ranges: Mapping[str, encoder.Range]) -> "ModelProto":
    """The int8 encoder and its head as an ONNX graph.

    In: `ids` of a sentence, and for each target 1 where a token is its, else 0, (targets, tokens). Out: scores.
    """
    from onnx import TensorProto, helper

    g = encoder.Graph(p, ranges)
    g.layers(g.norm(g.embedded("ids"), "norm"), range(MARKED), {MARKED: "read"})
    column = g.node("Unsqueeze", ["held", g.keep("last", np.array([2]))], "column")
    marks = g.node("Mul", [column, g.keep("mark", p["mark"])], "marks")
    seen = g.layers(g.node("Add", ["read", marks], "marked"), range(MARKED, LAYERS), {})
    tokens = g.keep("tokens.axis", np.array([1]))
    total = g.node("ReduceSum", [g.node("Mul", [seen, column], "own"), tokens], "own.sum", keepdims=0)
    count = g.node("ReduceSum", [column, tokens], "own.count", keepdims=0)
    parts = [g.node("Div", [total, count], "own.mean"), g.node("ReduceMean", [seen], "mean", axes=[1], keepdims=0)]
    both = g.node("Concat", parts, "both", axis=1)
    raw = g.node("MatMul", [both, g.keep("head.weight", p["head.weight"])], "scores.raw")
    g.node("Add", [raw, g.keep("head.bias", p["head.bias"])], "scores")
    value = helper.make_tensor_value_info
    return g.model(
        "polarity",
        [
            value("ids", TensorProto.INT64, [1, "tokens"]),
            value("held", TensorProto.FLOAT, ["targets", "tokens"]),
        ],
        [value("scores", TensorProto.FLOAT, ["targets", len(LABELS)])],
    )


def report(told: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """Macro F1 in percent, of all and of the surest four fifths; calibration error; rows are right, columns said."""
    shares = np.exp(told - told.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    said, sure = shares.argmax(1), shares.max(1)
    surest = np.argsort(-sure, kind="stable")[: len(sure) * 4 // 5]
    confusion = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(confusion, (right, said), 1)
    return {
        "macro_f1": _macro_f1(said, right),
        "macro_f1_of_the_surest_four_fifths": _macro_f1(said[surest], right[surest]),
        "calibration_error": round(calibration_error(sure.tolist(), (said == right).tolist()), 3),
        "confusion": confusion.tolist(),
    }


def _macro_f1(said: np.ndarray, right: np.ndarray) -> float:
    """In percent."""
    each = [2 * ((said == n) & (right == n)).sum() / max(1, (said == n).sum() + (right == n).sum()) for n in (0, 1, 2)]
    return round(100 * float(np.mean(each)), 1)
