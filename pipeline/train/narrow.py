"""A trained encoder made narrower: fewer inner units in every layer, fitted to what the wide one says.

Of the two matrices of a layer's inner part, `down` reads the units. It is solved anew by least squares, so that what it
gives from the units that stay comes nearest to what the whole layer gave; that unit goes whose loss adds least error,
until as many are left as wanted. This is the optimal brain surgeon (Hassibi and Stork 1993), as ZipLM (Kurtic et al.
2023) takes it to transformers. The layers follow one another, and each also mends what those below it lost. What is
still lost then is taught: the narrow encoder learns to give what the wide one gives, with no label seen again.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pipeline.train import encoder
from pipeline.train.encoder import Parameters

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 1e-4  # of the mean square of what is read: keeps the system solvable where units never act
WARM = 40  # steps of teaching in which the rate rises
FIXED = ("word", "position", "feature", "norm.weight", "norm.bias")  # what the first layer reads stays as it is

Text = TypeVar("Text")


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts as the first layer reads them.

    states  (batch, tokens, WIDTH)
    real    whether a token is one, not padding, (batch, tokens)
    marks   what is added to the states before a layer, of their shape; 0 for nothing
    """

    states: "Tensor"
    real: "Tensor"
    marks: "Tensor | int" = 0


def narrowed(p: Parameters, batches: Sequence[Batch], units: int, marked: int = 0) -> Parameters:
    """The parameters with so many inner units in every layer, fitted to the batches' real tokens.

    marked: the layer before which the batches' marks are added.
    """
    import torch

    p = dict(p)
    whole = [batch.states for batch in batches]  # as the given parameters have them
    own = whole  # as the narrower ones have them
    with torch.no_grad():
        for layer in range(encoder.depth(p)):
            if layer == marked:
                whole, own = (
                    [x + batch.marks for x, batch in zip(states, batches, strict=True)] for states in (whole, own)
                )
            masks = [((one.real.float() - 1) * 1e4)[:, None, None] for one in batches]
            goals, pairs = [], []
            for x, mine, one, mask in zip(whole, own, batches, masks, strict=True):
                rest, active = _inside(p, x, layer, mask)
                goal = rest + active @ p[f"{layer}.down.weight"] + p[f"{layer}.down.bias"]
                goals.append(encoder.norm(p, goal, f"{layer}.norm2"))
                rest, active = _inside(p, mine, layer, mask)
                pairs.append((active[one.real].double().numpy(), (goal - rest)[one.real].double().numpy()))
            kept, solved = solve(pairs, units)
            for ending in (".weight", ".bias"):
                p[f"{layer}.up{ending}"] = p[f"{layer}.up{ending}"][..., kept].contiguous()
            weights = torch.from_numpy(solved).float()
            p[f"{layer}.down.weight"], p[f"{layer}.down.bias"] = weights[:-1].contiguous(), weights[-1]
            own = [encoder.run(p, x, mask, 0.0, [layer]) for x, mask in zip(own, masks, strict=True)]
            whole = goals
    return p


def _inside(p: Parameters, x: "Tensor", layer: int, mask: "Tensor") -> tuple["Tensor", "Tensor"]:
    """What a layer's inner part reads and adds its own to, and its units."""
    seen: dict[str, Tensor] = {}
    encoder.run(p, x, mask, 0.0, [layer], seen.__setitem__)
    return seen[f"{layer}.up"], seen[f"{layer}.down"]


def solve(pairs: Iterable[tuple[np.ndarray, np.ndarray]], wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Which columns of the inputs stay, `wanted` of them, and weights that give the outputs.

    pairs: inputs, (rows, columns), and outputs, (rows, width). The weights, (wanted + 1, width), hold the constant in
    the last row.
    """
    square = product = 0.0
    for inputs, outputs in pairs:
        with_one = np.c_[inputs, np.ones(len(inputs))]
        square, product = square + with_one.T @ with_one, product + with_one.T @ outputs
    columns = len(square) - 1
    inverse = np.linalg.inv(square + RIDGE * np.trace(square) / len(square) * np.eye(len(square)))
    weights = inverse @ product
    kept = np.arange(columns)
    while len(kept) > wanted:
        own = inverse[kept, kept]
        least = int(((weights[kept] ** 2).sum(1) / own).argmin())
        gone = kept[least]
        step = inverse[:, gone] / own[least]
        weights -= np.outer(step, weights[gone])
        inverse -= np.outer(step, inverse[gone])
        kept = np.delete(kept, least)
    return kept, weights[np.r_[kept, columns]]


def taught(
    p: Parameters,
    epochs: int,
    rate: float,
    batches: Callable[[int], Sequence[Text]],
    apart: Callable[[Parameters, Text], "Tensor"],
) -> Parameters:
    """The parameters after so many epochs, each over `batches(epoch)`, that bring down how far `apart` they are."""
    import torch

    fixed = {name: value for name, value in p.items() if name in FIXED}
    free = encoder.trainable({name: value for name, value in p.items() if name not in FIXED})
    optimiser = torch.optim.AdamW(free.values(), lr=rate, weight_decay=0.0, betas=(0.9, 0.98), fused=True)
    step, lost = 0, 0.0
    for epoch in range(epochs):
        items = list(batches(epoch))
        random.shuffle(items)
        for done, batch in enumerate(items):
            left = 1 - (epoch + done / len(items)) / epochs
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, (step + 1) / WARM) * max(0.02, left)
            loss = apart({**fixed, **free}, batch)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(free.values(), 1.0)
            optimiser.step()
            step, lost = step + 1, lost + loss.item()
            if step % 50 == 0:
                print(f"taught {epoch + 1}/{epochs} {done + 1}/{len(items)} apart {lost / 50:.3f}", flush=True)
                lost = 0.0
    return {name: value.detach() for name, value in {**fixed, **free}.items()}


def distance(own: "Tensor", goal: "Tensor") -> "Tensor":
    """Mean squared distance, as a part of the goal's variance."""
    return (own.float() - goal.float()).square().mean() / goal.float().var()
