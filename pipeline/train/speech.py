"""The head that tells whether a sentence passes on what somebody says: `python -m pipeline.train CORPORA speech`.

CORPORA holds claim_newsdiscourse_{train,dev}.jsonl. One document in ten is held out, and the cut is chosen on it; the
figures on the development file are printed. Some two minutes; the SHA-256 printed at the end goes into
annotate/speech.DIGEST.
"""

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.annotate import speech
from pipeline.annotate.attribution import attribute, read
from pipeline.annotate.model import FOLDER, WIDTH
from pipeline.annotate.parse import parse
from pipeline.evaluate.corpora import documents
from pipeline.evaluate.counts import f1
from pipeline.train.examples import read as read_rows

if TYPE_CHECKING:
    from torch import nn

EPOCHS, BATCH, RATE, DECAY, DROPPED, SEED = 4, 64, 1e-3, 0.05, 0.3, 1
POOLS, TAKEN, INNER = 4, 64, 64
HELD_OUT = 10  # one document in so many


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences in a row, as the head sees them.

    states    of the tokens of each, (tokens, 2 * WIDTH), in half precision
    evidence  (sentences, speech.EVIDENCE)
    passes    what people say: whether it passes something on
    held      whether its document is held out
    """

    states: list[np.ndarray]
    evidence: np.ndarray
    passes: np.ndarray
    held: np.ndarray


def sentences(rows: list[dict[str, Any]]) -> Sentences:
    """The rows of a file as the head sees them."""
    states, evidence, passes, held = [], [], [], []
    for article, spans, kept in documents(rows):
        reading = read(article)
        found = attribute(article, parse(article.text), reading)
        states += [speech.states(reading, span)[: speech.LONGEST] for span in spans]
        evidence.append(speech.evidence(article, found, spans))
        passes += [row["speech"] for row in kept]
        held += [int(sha256(article.document_id.encode()).hexdigest(), 16) % HELD_OUT == 0] * len(kept)
    return Sentences(states, np.concatenate(evidence), np.array(passes), np.array(held))


def train(corpora: Path) -> None:
    """Fit, write the file, and print the figures on the development file."""
    head = fit(sentences(read_rows(corpora / "claim_newsdiscourse_train.jsonl")))
    content = file_of(head)
    (FOLDER / "speech.npz").write_bytes(content)
    dev = sentences(read_rows(corpora / "claim_newsdiscourse_dev.jsonl"))
    print("development file:", scored(logits(head, dev), dev.passes, float(head.cut)))
    print(f'DIGEST = "{sha256(content).hexdigest()}"')


def logits(head: speech.Head, seen: Sentences) -> np.ndarray:
    """The log odds of every sentence."""
    return np.array([head.logit(*pair) for pair in zip(seen.states, seen.evidence, strict=True)])


def scored(found: np.ndarray, passes: np.ndarray, cut: float) -> dict[str, float]:
    """F1 of the sentences said to pass something on."""
    said = found >= cut
    right = int((said & passes).sum())
    return f1(right, int(said.sum()), right, int(passes.sum()))


def fit(seen: Sentences) -> speech.Head:
    """The head, from all documents that are not held out; its cut from those that are."""
    import torch

    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    rows = np.flatnonzero(~seen.held)
    centre, scale = seen.evidence[rows].mean(0), seen.evidence[rows].std(0) + 1e-3
    net = network()
    adam = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    batches = EPOCHS * -(-len(rows) // BATCH)
    falling = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: max(0.02, 1 - step / batches))
    sizes = np.array([len(seen.states[row]) for row in rows])
    net.train()
    for _ in range(EPOCHS):
        # Sentences of like length stand in one batch, so that little of it is empty.
        order = rows[np.argsort(sizes + random.normal(0, 4, len(sizes)))]
        parts = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
        random.shuffle(parts)  # type: ignore[arg-type]
        for part in parts:
            tokens, there = _padded([seen.states[row] for row in part])
            found = torch.from_numpy(((seen.evidence[part] - centre) / scale).astype(np.float32))
            told = net(torch.from_numpy(tokens), torch.from_numpy(there), found)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                told, torch.from_numpy(seen.passes[part].astype(np.float32))
            )
            adam.zero_grad()
            loss.backward()
            adam.step()
            falling.step()
    head = _head(net, centre, scale)
    at = np.flatnonzero(seen.held)
    held = logits(head, Sentences([seen.states[row] for row in at], seen.evidence[at], seen.passes[at], seen.held[at]))
    return _head(net, centre, scale, _best_cut(held, seen.passes[at]))


def network() -> "nn.Module":
    """The head as torch trains it."""
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.take = nn.Linear(2 * WIDTH, TAKEN)
            self.look = nn.Linear(2 * WIDTH, POOLS)
            self.join = nn.Linear(POOLS * TAKEN + speech.EVIDENCE, INNER)
            self.tell = nn.Linear(INNER, 1)
            self.drop = nn.Dropout(DROPPED)
            self.blur = nn.Dropout(0.1)

        def forward(self, tokens: "torch.Tensor", there: "torch.Tensor", found: "torch.Tensor") -> "torch.Tensor":
            taken = nn.functional.gelu(self.take(self.blur(tokens)), approximate="tanh")
            weight = self.look(tokens).masked_fill(~there[..., None], -1e4).softmax(1)
            pools = torch.einsum("btd,btp->bpd", taken, weight).flatten(1)
            inner = torch.relu(self.join(self.drop(torch.cat([pools, found], 1))))
            return self.tell(self.drop(inner))[:, 0]

    return Net()


def _padded(states: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """States of several sentences as one array, and which tokens are there; one is, at least."""
    longest = max(1, *(len(each) for each in states))
    tokens = np.zeros((len(states), longest, 2 * WIDTH), np.float32)
    there = np.zeros((len(states), longest), bool)
    there[:, 0] = True
    for row, each in enumerate(states):
        tokens[row, : len(each)] = each
        there[row, : len(each)] = True
    return tokens, there


def _head(net: Any, centre: np.ndarray, scale: np.ndarray, cut: float = 0.0) -> speech.Head:
    def weights(name: str) -> np.ndarray:
        layer = getattr(net, name)
        return np.vstack([layer.weight.detach().numpy().T, layer.bias.detach().numpy()]).astype(np.float16)

    layers = {name: weights(name).astype(np.float32) for name in ("look", "take", "join")}
    return speech.Head(centre, scale, **layers, tell=weights("tell")[:, 0].astype(np.float32), cut=np.float32(cut))


def _best_cut(found: np.ndarray, passes: np.ndarray) -> float:
    """The log odds from which F1 is best, on the mean of neighbours, so that the luck of one cut does not decide."""
    grid = np.arange(-1.5, 1.51, 0.1)
    scores = [scored(found, passes, cut)["f1"] for cut in grid]
    return float(grid[2:-2][np.convolve(scores, np.ones(5), "valid").argmax()])


def file_of(head: speech.Head) -> bytes:
    """The weights file: layers in half precision, no time stamps."""
    out = BytesIO()
    small = ("centre", "scale", "cut")
    kept = {name: getattr(head, name).astype(np.float32 if name in small else np.float16) for name in head.__slots__}
    np.savez_compressed(out, **kept)
    return out.getvalue()
