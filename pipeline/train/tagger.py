"""The tagger of attributions: the lower layers of the base, fine-tuned, narrowed and written as int8.

What narrowing loses is taught by the wide tagger, on the same articles and on others of which no label is asked. One
article in ten of the training file is held out: the decoding and the probabilities are fitted on it, and nothing is
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
from pipeline.evaluate.corpora import documents
from pipeline.train import encoder
from pipeline.train.decoding import fitted, report, scored
from pipeline.train.encoder import Parameters
from pipeline.train.examples import Example, Span, example, read, store, tokens_of
from pipeline.train.narrow import Batch, distance, narrowed, taught

if TYPE_CHECKING:
    from onnx import ModelProto
    from tokenizers import Tokenizer
    from torch import Tensor

Window = tuple[int, int, int, int]
Text = tuple[model.Tokens, Window]

LAYERS = 4
EPOCHS, BATCH, RATE, HEAD_RATE, WARM, SEED = 4, 16, 2e-4, 1e-3, 0.06, 1
LINK_WEIGHT = 0.2  # of the loss of the links beside that of the tags
UNITS = 768  # of the base's 1,536 inner units in every layer
TAUGHT, TAUGHT_RATE, TAGS_WEIGHT = 3, 3e-4, 2.0  # epochs of the narrow layers; weight of the tags beside the states
SHOWN = 2000  # windows to which they are narrowed, and by which the ranges of the integers are set
HELD_OUT = 10  # one article in so many


def train(corpora: Path) -> None:
    """Train on quotes_polnear_train.jsonl and the texts of claim_newsdiscourse_train.jsonl, and write the files.

    Prints the figures on quotes_polnear_dev.jsonl.
    """
    tokenizer = model.load_tokenizer(encoder.base() / "tokenizer.json")
    rows = read(corpora / "quotes_polnear_train.jsonl")
    rows.sort(key=lambda row: sha256(row["doc_id"].encode()).digest())
    examples = [example(row, tokenizer) for row in rows]
    held = len(examples) // HELD_OUT
    held_out, examples = examples[:held], examples[held:]
    texts = [one.tokens for one in examples]
    for article, _, _ in documents(read(corpora / "claim_newsdiscourse_train.jsonl")):
        texts += tokens_of(article.text, tokenizer)
    p = narrow(fit(parameters(), examples), texts)
    content = file_of(p, ranges_of(p, texts), tokenizer, held_out)
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


def narrow(whole: Parameters, texts: Sequence[model.Tokens]) -> Parameters:
    """The parameters with narrower layers that give what the whole ones give on the texts."""
    import torch
    from torch.nn.functional import kl_div

    def windows(least: int = model.WINDOW) -> list[Text]:
        return [(one, window) for one in texts for window in model.windows(one, random.randint(least, model.WINDOW))]

    def batches(_: int) -> list[list[Text]]:
        items = sorted(windows(60), key=lambda item: item[1][1] - item[1][0] + 20 * random.random())  # of like length
        return [items[at : at + BATCH] for at in range(0, len(items), BATCH)]

    def told(p: Parameters, batch: "Sequence[Tensor]") -> "tuple[Tensor, ...]":
        ids, features, real = batch
        mask = ((real.float() - 1) * 1e4)[:, None, None].bfloat16()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            lower = encoder.run(p, embedded(p, ids, features), mask, 0.0, range(model.LOWER))
            upper = encoder.run(p, lower, mask, 0.0, range(model.LOWER, LAYERS))
            heads = (upper @ p[f"{name}.weight"] + p[f"{name}.bias"] for name in ("scores", "links"))
            return tuple(each[real].float() for each in (lower, upper, *heads))

    def apart(p: Parameters, items: list[Text]) -> "Tensor":
        batch = _padded(items)
        with torch.no_grad():
            goals = told(whole, batch)
        found = told(p, batch)
        tags, wanted = (each[2].log_softmax(-1) for each in (found, goals))
        parts = [distance(own, goal) for own, goal in zip(found, goals, strict=True)]
        return (
            parts[0] + parts[1] + parts[3] + TAGS_WEIGHT * kl_div(tags, wanted, log_target=True, reduction="batchmean")
        )

    random.seed(SEED)
    shown = random.sample(items := windows(), min(SHOWN, len(items)))
    shown.sort(key=lambda item: item[1][1] - item[1][0])
    padded = [_padded(shown[at : at + BATCH]) for at in range(0, len(shown), BATCH)]
    with torch.no_grad():
        p = narrowed(whole, [Batch(embedded(whole, ids, features), real) for ids, features, real in padded], UNITS)
    return taught(p, TAUGHT, TAUGHT_RATE, batches, apart)


def _padded(items: Sequence[Text]) -> tuple["Tensor", "Tensor", "Tensor"]:
    """Ids and features of windows, and which are no padding, each (windows, tokens)."""
    import torch

    placed = [model.assemble(one, window[0], window[1]) for one, window in items]
    shape = len(items), max(len(ids) for ids, _, _ in placed)
    ids, features = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    real = torch.zeros(shape, dtype=torch.bool)
    for row, (own_ids, own_features, _) in enumerate(placed):
        ids[row, : len(own_ids)] = torch.from_numpy(own_ids)
        features[row, : len(own_ids)] = torch.from_numpy(own_features)
        real[row, : len(own_ids)] = True
    return ids, features, real


def ranges_of(p: Parameters, texts: Sequence[model.Tokens]) -> Mapping[str, encoder.Range]:
    """How large the numbers are that the matrices read, on `SHOWN` windows of the texts."""
    import torch

    found = encoder.Ranges()
    windows = [(one, window) for one in texts for window in model.windows(one)]
    with torch.no_grad():
        for item in random.Random(SEED).sample(windows, min(SHOWN, len(windows))):
            ids, features, _ = _padded([item])
            states = encoder.run(p, embedded(p, ids, features), torch.zeros(()), 0.0, watch=found.watch)
            found.watch("links", states)
    return found.told()


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

    placed = [model.assemble(one.tokens, window[0], window[1])[2] for one, window in items]
    ids, features, real = _padded([(one.tokens, window) for one, window in items])
    mask, tags = ((real.float() - 1) * 1e4)[:, None, None].bfloat16(), torch.full(ids.shape, -100)
    for row, ((one, (first, end, _, _)), places) in enumerate(zip(items, placed, strict=True)):
        tags[row, torch.from_numpy(places)] = torch.from_numpy(one.tags[first:end])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = hidden(p, ids, features, mask, encoder.DROPOUT)
        scores = (states @ p["scores.weight"] + p["scores.bias"]).float().view(-1, len(model.TAGS))
        links = states @ p["links.weight"] + p["links.bias"]
    loss = cross_entropy(scores, tags.view(-1))
    links = links.float().view(*ids.shape, 4, model.LINK)
    parts = [
        _link_loss(links[row], p["none"], one, window[:2], places)
        for row, ((one, window), places) in enumerate(zip(items, placed, strict=True))
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
