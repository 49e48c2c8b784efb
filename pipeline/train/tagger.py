"""The tagger of attributions: the lower layers of the base, fine-tuned and written as int8.

One article in ten of the training file is held out: the decoding and the probabilities are fitted on it, and nothing is
chosen by the development file.
"""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.annotate import model
from pipeline.train import encoder
from pipeline.train.decoding import fitted, report, scored
from pipeline.train.encoder import Parameters
from pipeline.train.examples import Example, Span, example, read, store

if TYPE_CHECKING:
    from onnx import ModelProto
    from tokenizers import Tokenizer
    from torch import Tensor

LAYERS = 4
EPOCHS, BATCH, RATE, HEAD_RATE, WARM, SEED = 4, 16, 2e-4, 1e-3, 0.06, 1
LINK_WEIGHT = 0.2  # of the loss of the links beside that of the tags
HELD_OUT = 10  # one article in so many
SHOWN = 2000  # windows by which the ranges of the integers are set


def train(corpora: Path) -> None:
    """Train on quotes_polnear_train.jsonl, write the files, print the figures on quotes_polnear_dev.jsonl."""
    tokenizer = model.load_tokenizer(encoder.base() / "tokenizer.json")
    rows = read(corpora / "quotes_polnear_train.jsonl")
    rows.sort(key=lambda row: sha256(row["doc_id"].encode()).digest())
    examples = [example(row, tokenizer) for row in rows]
    held = len(examples) // HELD_OUT
    held_out, examples = examples[:held], examples[held:]
    p = fit(parameters(), examples)
    content = file_of(p, ranges_of(p, examples), tokenizer, held_out)
    session, decoding = model.load(content)
    store("tokenizer.json", tokenizer.to_str().encode())
    store("tagger.onnx", content)
    dev = [example(row, tokenizer) for row in read(corpora / "quotes_polnear_dev.jsonl")]
    print(json.dumps(report(decoding, scored(session, tokenizer, dev)), indent=1))


def parameters() -> Parameters:
    """The parameters before training: those of the base, and fresh heads."""
    import torch

    tensors = encoder.weights()
    torch.manual_seed(SEED)

    def fresh(*shape: int) -> "Tensor":
        return torch.randn(*shape) * 0.02

    return encoder.trainable(
        {
            **encoder.embeddings_of(tensors, model.WINDOW),
            "feature": torch.zeros(model.FEATURES, model.WIDTH),
            "scores.weight": fresh(model.WIDTH, len(model.TAGS)),
            "scores.bias": torch.zeros(len(model.TAGS)),
            "links.weight": fresh(model.WIDTH, 4 * model.LINK),
            "links.bias": torch.zeros(4 * model.LINK),
            "none": torch.zeros(model.LINK),
            **encoder.layers_of(tensors, range(LAYERS)),
        }
    )


def embedded(p: Parameters, ids: "Tensor", features: "Tensor") -> "Tensor":
    """What the first layer reads, (batch, tokens, WIDTH)."""
    return encoder.norm(p, p["word"][ids] + p["position"][: ids.shape[1]] + p["feature"][features], "norm")


def hidden(p: Parameters, ids: "Tensor", features: "Tensor", mask: "Tensor", dropout: float) -> "Tensor":
    """Hidden states, (batch, tokens, WIDTH); `mask` is added to the attention scores."""
    return encoder.run(p, encoder.dropped(embedded(p, ids, features), dropout), mask, dropout)


def fit(p: Parameters, examples: Sequence[Example]) -> Parameters:
    """The parameters after EPOCHS over the examples."""
    import torch

    random.seed(SEED)
    torch.manual_seed(SEED)
    heads = {"scores.weight", "scores.bias", "links.weight", "links.bias", "none", "feature"}
    groups = [
        {"params": [value for name, value in p.items() if name not in heads], "lr": RATE},
        {"params": [value for name, value in p.items() if name in heads], "lr": HEAD_RATE},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
    total = EPOCHS * (sum(len(model.windows(one.tokens)) for one in examples) // BATCH + 1)
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (WARM * total)) * max(0.02, 1 - step / total)
    )
    step, seen = 0, Counter[str]()
    for _ in range(EPOCHS):
        # The first window of an article ends elsewhere in every epoch, so paragraphs meet different neighbours.
        items = [
            (one, window) for one in examples for window in model.windows(one.tokens, random.randint(60, model.WINDOW))
        ]
        random.shuffle(items)
        for at in range(0, len(items), BATCH):
            loss_tags, loss_links = _loss(p, items[at : at + BATCH])
            optimiser.zero_grad()
            (loss_tags + LINK_WEIGHT * loss_links).backward()
            torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
            optimiser.step()
            rates.step()
            step += 1
            seen.update(tags=loss_tags.item(), links=loss_links.item(), steps=1)
            if step % 50 == 0:
                print(f"{step}/{total} tags {seen['tags'] / 50:.3f} links {seen['links'] / 50:.3f}", flush=True)
                seen.clear()
    return {name: value.detach() for name, value in p.items()}


def _loss(p: Parameters, items: Sequence[tuple[Example, tuple[int, int, int, int]]]) -> tuple["Tensor", "Tensor"]:
    """Loss of the tags and of the links of a batch of windows."""
    import torch
    from torch.nn.functional import cross_entropy

    placed = [model.assemble(one.tokens, window[0], window[1]) for one, window in items]
    shape = len(items), max(len(ids) for ids, _, _ in placed)
    ids, features = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    mask, tags = torch.full(shape, -1e4), torch.full(shape, -100)
    for row, ((one, (first, end, _, _)), (own_ids, own_features, places)) in enumerate(zip(items, placed, strict=True)):
        ids[row, : len(own_ids)] = torch.from_numpy(own_ids)
        features[row, : len(own_ids)] = torch.from_numpy(own_features)
        mask[row, : len(own_ids)] = 0
        tags[row, torch.from_numpy(places)] = torch.from_numpy(one.tags[first:end])
    mask = mask[:, None, None].bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = hidden(p, ids, features, mask, encoder.DROPOUT)
        scores = (states @ p["scores.weight"] + p["scores.bias"]).float().view(-1, len(model.TAGS))
        links = states @ p["links.weight"] + p["links.bias"]
    loss = cross_entropy(scores, tags.view(-1))
    links = links.float().view(*shape, 4, model.LINK)
    parts = [
        _link_loss(links[row], p["none"], one, window[:2], places)
        for row, ((one, window), (_, _, places)) in enumerate(zip(items, placed, strict=True))
    ]
    count = sum(part[1] for part in parts)
    return loss, sum(part[0] for part in parts) / max(1, count) if count else loss * 0


def _link_loss(
    links: "Tensor", none: "Tensor", one: Example, window: Span, places: np.ndarray
) -> tuple["Tensor | float", int]:
    """Summed loss of the links in a window, and their number: contents choose cues, cues choose sources or none."""
    import torch
    from torch.nn.functional import cross_entropy

    first, end = window

    def holds(span: Span) -> bool:
        return first <= span[0] and span[1] <= end

    def pooled(span: Span, vector: int) -> "Tensor":
        return links[places[span[0] - first] : places[span[1] - 1 - first] + 1, vector].mean(0)

    cues = {number: row for row, number in enumerate(n for n, span in enumerate(one.cues) if holds(span))}
    if not cues:
        return 0.0, 0
    scale = model.LINK**-0.5
    sources = [(span, numbers) for span, numbers in one.sources.items() if holds(span)]
    wanted = [len(sources)] * len(cues)
    for row, (_, numbers) in enumerate(sources):
        for number in numbers:
            if number in cues:
                wanted[cues[number]] = row
    asking = torch.stack([pooled(one.cues[number], model.CUE_SOURCE) for number in cues])
    offered = torch.stack([*(pooled(span, model.SOURCE_CUE) for span, _ in sources), none])
    loss = cross_entropy(asking @ offered.T * scale, torch.tensor(wanted), reduction="sum")
    contents = [(span, cues[number]) for span, number in one.contents if number in cues and holds(span)]
    if contents:
        asking = torch.stack([pooled(span, model.CONTENT_CUE) for span, _ in contents])
        offered = torch.stack([pooled(one.cues[number], model.CUE_CONTENT) for number in cues])
        wanted = [number for _, number in contents]
        loss = loss + cross_entropy(asking @ offered.T * scale, torch.tensor(wanted), reduction="sum")
    return loss, len(cues) + len(contents)


def ranges_of(p: Parameters, examples: Sequence[Example]) -> Mapping[str, encoder.Range]:
    """How large the numbers are that the matrices read, on `SHOWN` windows of the examples."""
    import torch

    found = encoder.Ranges()
    windows = [(one.tokens, window) for one in examples for window in model.windows(one.tokens)]
    with torch.no_grad():
        for tokens, window in random.Random(SEED).sample(windows, min(SHOWN, len(windows))):
            ids, features, _ = (torch.from_numpy(each)[None] for each in model.assemble(tokens, *window[:2]))
            states = encoder.run(p, embedded(p, ids, features), torch.zeros(()), 0.0, watch=found.watch)
            found.watch("links", states)
    return found.told()


def file_of(
    p: Parameters, ranges: Mapping[str, encoder.Range], tokenizer: "Tokenizer", held: Sequence[Example]
) -> bytes:
    """The model file, its decoding fitted to what the int8 model itself says of the held-out articles."""
    graph = graph_of({name: value.numpy() for name, value in p.items()}, ranges)
    session, _ = model.load(_bytes(graph, model.Decoding()))
    return _bytes(graph, fitted(scored(session, tokenizer, held)))


def _bytes(graph: "ModelProto", decoding: model.Decoding) -> bytes:
    import onnx

    onnx.helper.set_model_props(graph, {"decoding": json.dumps(asdict(decoding))})
    return graph.SerializeToString(deterministic=True)


def graph_of(p: dict[str, np.ndarray], ranges: Mapping[str, encoder.Range]) -> "ModelProto":
    """The int8 encoder and its heads: ids and features of a window in; scores, links and hidden states out."""
    from onnx import TensorProto, helper

    g = encoder.Graph(p, ranges)
    g.keep("feature", p["feature"])
    x = g.embedded("ids")
    x = g.norm(g.node("Add", [x, g.node("Gather", ["feature", "features"], "feature.at")], "embedded"), "norm")
    g.layers(x, range(encoder.depth(p)), {model.LOWER: "lower", encoder.depth(p): "upper"})
    scores = g.node("MatMul", ["upper", g.keep("scores.weight", p["scores.weight"])], "scores.raw")
    g.node("Add", [scores, g.keep("scores.bias", p["scores.bias"])], "scores")
    # The asking side takes the scale of the product. "No source" is a product with a constant: one more column.
    weight, bias = p["links.weight"].copy(), p["links.bias"].copy()
    for vector in (model.CONTENT_CUE, model.CUE_SOURCE):
        part = slice(vector * model.LINK, (vector + 1) * model.LINK)
        weight[:, part] *= model.LINK**-0.5
        bias[part] *= model.LINK**-0.5
    part = slice(model.CUE_SOURCE * model.LINK, (model.CUE_SOURCE + 1) * model.LINK)
    weight = np.c_[weight, weight[:, part] @ p["none"]]
    g.dense("upper", "links", weight, np.r_[bias, bias[part] @ p["none"]].astype(np.float32))
    sizes = {"scores": len(model.TAGS), "links": 4 * model.LINK + 1, "lower": model.WIDTH, "upper": model.WIDTH}
    return g.model(
        "tagger",
        [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "tokens"]) for name in ("ids", "features")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "tokens", n]) for name, n in sizes.items()],
    )
