"""A trained encoder made narrower without more training: it loses heads and inner units that the others can replace.

In a layer two matrices read what can be left out: `out` the heads of attention, HEAD numbers each, and `down` the inner
units. Each is solved anew, by least squares, so that what it gives from the parts that stay comes nearest to what the
whole layer gave; the part goes whose loss adds the least error, until as many are left as wanted. This is the optimal
brain surgeon (Hassibi and Stork 1993) on blocks, as ZipLM (Kurtic et al. 2023) takes it to transformers. The layers
follow one another, and each also mends what those below it lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.train import encoder
from pipeline.train.encoder import HEAD, Parameters

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 1e-4  # of the mean square of what is read: keeps the system solvable where parts never act


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


def narrowed(p: Parameters, batches: Sequence[Batch], heads: int, inner: int, marked: int = 0) -> Parameters:
    """The parameters with so many heads and inner units in every layer, fitted to the batches' real tokens.

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
            for readers, writers, size, wanted in (("out", "qkv", HEAD, heads), ("down", "up", 1, inner)):
                reader, writer = f"{layer}.{readers}", f"{layer}.{writers}"
                goals = [
                    x + _read(p, x, layer, readers, one) @ p[reader + ".weight"] + p[reader + ".bias"]
                    for x, one in zip(whole, batches, strict=True)
                ]
                seen = [_read(p, x, layer, readers, one) for x, one in zip(own, batches, strict=True)]
                kept, solved = solve(
                    (
                        (parts[one.real].double().numpy(), (goal - x)[one.real].double().numpy())
                        for parts, goal, x, one in zip(seen, goals, own, batches, strict=True)
                    ),
                    size,
                    wanted,
                )
                p[reader + ".weight"], p[reader + ".bias"] = torch.from_numpy(solved).float().split([len(kept), 1])
                p[reader + ".bias"] = p[reader + ".bias"][0]
                for ending in (".weight", ".bias"):
                    told = p[writer + ending]
                    thirds = told.reshape(*told.shape[:-1], -1, seen[0].shape[-1])  # query, key, value; or the units
                    p[writer + ending] = thirds[..., kept].flatten(-2).contiguous()
                norm = f"{layer}.norm{1 + (readers == 'down')}"
                own = [
                    encoder.norm(p, x + parts[..., kept] @ p[reader + ".weight"] + p[reader + ".bias"], norm)
                    for x, parts in zip(own, seen, strict=True)
                ]
                whole = [encoder.norm(p, goal, norm) for goal in goals]
    return p


def _read(p: Parameters, x: "Tensor", layer: int, reader: str, batch: Batch) -> "Tensor":
    """What one of the two matrices of a layer reads, (batch, tokens, parts)."""
    if reader == "down":
        return encoder.widened(p, x, layer)
    return encoder.attended(p, x, layer, (batch.real[:, None, None].float() - 1) * 1e4)


def solve(pairs: Iterable[tuple[np.ndarray, np.ndarray]], size: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Which columns of the inputs stay, in blocks of `size`, `wanted` of them; and weights that give the outputs.

    pairs: inputs, (rows, columns), and outputs, (rows, width). The weights, (columns that stay + 1, width), hold the
    constant in the last row.
    """
    square = product = 0.0
    for inputs, outputs in pairs:
        with_one = np.c_[inputs, np.ones(len(inputs))]
        square, product = square + with_one.T @ with_one, product + with_one.T @ outputs
    columns = len(square) - 1
    inverse = np.linalg.inv(square + RIDGE * np.trace(square) / len(square) * np.eye(len(square)))
    weights = inverse @ product
    blocks = np.arange(columns).reshape(-1, size)
    while len(blocks) > wanted:
        hessians = np.linalg.inv(inverse[blocks[:, :, None], blocks[:, None, :]])
        errors = np.einsum("bio,bij,bjo->b", weights[blocks], hessians, weights[blocks])
        least = int(errors.argmin())
        gone = blocks[least]
        step = inverse[:, gone] @ hessians[least]
        weights -= step @ weights[gone]
        inverse -= step @ inverse[gone]
        blocks = np.delete(blocks, least, 0)
    kept = blocks.ravel()
    return kept, weights[np.r_[kept, columns]]
