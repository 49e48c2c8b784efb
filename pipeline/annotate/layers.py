"""The three heaviest layers of a spaCy pipeline, put in place by equal ones that take a third of the time.

The weights are spaCy's own, read from the loaded pipeline; only who multiplies changes. In the notation of one token i:

    embedding   e[i] = norm(maxout(W [E1[norm], E2[prefix], E3[suffix], E4[shape], E5[spacy], E6[is_space]] + b)):
                depends on the word only, so spaCy's own layer is asked once for each distinct word
    encoding    four times over: x[i] + norm(maxout(W [x[i-1], x[i], x[i+1]] + b)), x = 0 beyond the first and last row
    parser      y[i] = W x[i], the part of the parser's hidden layer that each token adds as each of its features

`maxout` is the largest of three linear pieces, `norm` scales to mean 0 and variance 1, then by G and b. The last two
run in onnxruntime on one thread, from a graph written here, because the library that thinc multiplies with takes three
times as long on recent processors. Vectors differ from spaCy's by rounding, about 1e-6; tests compare the parses.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

WORDS = 20_000  # distinct words whose embedding is kept: 8 MB; all are forgotten when they are more
_EPSILON = 1e-8  # thinc's LayerNorm adds it to the variance
_OPSET = 17  # of ONNX; the first with LayerNormalization
_FORMAT = 8  # of ONNX files; the one of that opset
_FLOAT, _HALF = 1, 10  # kinds of numbers in ONNX files


def quicken(nlp: "Language") -> None:
    """Put the equal layers in place; tagger and parser of the pipeline share one HashEmbedCNN, as in en_core_web_sm."""
    tok2vec = nlp.get_pipe("tok2vec").model
    embed, encode = tok2vec.get_ref("embed"), tok2vec.get_ref("encode").layers[0]
    tok2vec.replace_node(embed, _layer("embed", _embedding(embed)))
    tok2vec.replace_node(encode, _layer("encode", _run(_encoding(encode))))
    parser = nlp.get_pipe("parser").model
    lower = parser.get_ref("lower")
    parser.replace_node(lower, _parser_layer(lower))


def _layer(name: str, function: Callable[[Any], Any], **parts: Any) -> Any:
    from thinc.api import Model

    def forward(_: Any, inputs: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]:
        if is_train:
            raise NotImplementedError(f"{name}: this layer only predicts")
        return function(inputs), lambda gradient: gradient

    return Model(name, forward, **parts)


def _embedding(embed: Any) -> "Callable[[Sequence[Doc]], list[np.ndarray]]":
    extract, _, hashes, mix, _ = embed.layers
    columns = extract.attrs["columns"]
    width = mix.get_dim("nO")
    kept = np.empty((WORDS, width), np.float32)
    row: dict[bytes, int] = {}

    def vectors(docs: "Sequence[Doc]") -> list[np.ndarray]:
        attributes = np.concatenate([doc.to_array(columns) for doc in docs])
        size = attributes.itemsize * len(columns)
        packed = attributes.tobytes()
        words = [packed[at : at + size] for at in range(0, len(packed), size)]
        new = {word: i for i, word in enumerate(words) if word not in row}
        if len(row) + len(new) > WORDS:
            row.clear()
            new = {word: i for i, word in enumerate(words)}
        if new:
            found = mix.predict(hashes.predict(attributes[list(new.values())]))
            if len(new) > WORDS:
                place = {word: i for i, word in enumerate(new)}
                return _parted(found[[place[word] for word in words]], docs)
            kept[len(row) : len(row) + len(new)] = found
            row.update(zip(new, range(len(row), len(row) + len(new)), strict=True))
        return _parted(kept[[row[word] for word in words]], docs)

    return vectors


def _parted(vectors: np.ndarray, docs: "Sequence[Doc]") -> list[np.ndarray]:
    return np.split(vectors, np.cumsum([len(doc) for doc in docs])[:-1])


def _encoding(encode: Any) -> bytes:
    """The graph of the residual layers; x is the array of all rows, padding included."""
    width = encode.get_dim("nO")
    graph = _Graph(width)
    zero = graph.constant(np.zeros((1, width), np.float32))
    first, second, last, end, rows = (graph.constant(np.array([n])) for n in (0, 1, -1, 2**31, 0))
    x = "x"
    for residual in encode.layers:
        maxout, norm = (next(node for node in residual.walk() if node.name == name) for name in ("maxout", "layernorm"))
        before = graph.node("Concat", [zero, graph.node("Slice", [x, first, last, rows])], axis=0)
        after = graph.node("Concat", [graph.node("Slice", [x, second, end, rows]), zero], axis=0)
        window = graph.node("Concat", [before, x, after], axis=1)
        # One product a piece: their largest is then taken without moving anything.
        pieces = [
            graph.node("Gemm", [window, graph.constant(weights.T), graph.constant(bias)])
            for weights, bias in zip(maxout.get_param("W").swapaxes(0, 1), maxout.get_param("b").T, strict=True)
        ]
        scale, shift = (graph.constant(norm.get_param(name)) for name in ("G", "b"))
        normed = graph.node("LayerNormalization", [graph.node("Max", pieces), scale, shift], epsilon=_EPSILON)
        x = graph.node("Add", [x, normed])
    return graph.content(x, width)


def _parser_layer(lower: Any) -> Any:
    features, hidden, pieces, width = lower.get_param("W").shape
    pad = lower.get_param("pad").reshape(1, -1)
    graph = _Graph(width)
    product = graph.node("MatMul", ["x", graph.constant(lower.get_param("W").reshape(-1, width).T)])
    # Row 0 stands for a token that is not there; the parser counts from row 1.
    out = graph.node("Concat", [graph.constant(pad), product], axis=0)
    run = _run(graph.content(out, pad.shape[1]))
    return _layer(
        lower.name,
        lambda x: run(x).reshape(-1, features, hidden, pieces),
        dims={name: lower.get_dim(name) for name in lower.dim_names},
        params={name: lower.get_param(name) for name in lower.param_names},
    )


def _run(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """The function that a graph of one input and one output computes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # it keeps a plan for every length of a text that it has met
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def half_precision(width: int) -> Callable[[np.ndarray], np.ndarray]:
    """The function that rounds rows of `width` numbers to half precision as numpy does, in a tenth of its time."""
    graph = _Graph(width)
    return _run(graph.content(graph.node("Cast", ["x"], to=_HALF), width, _HALF))


class _Graph:
    """Writes an ONNX file: the few messages of its protocol buffers that a chain of products needs.

    Numbers are those of the fields in onnx.proto. `constant` and `node` return the name of what they add.
    """

    def __init__(self, width: int) -> None:
        self._names = 0
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._input = _value("x", width)

    def _name(self) -> str:
        self._names += 1
        return f"n{self._names}"

    def constant(self, array: np.ndarray) -> str:
        name = self._name()
        kind = {"float32": 1, "int64": 7}[array.dtype.name]
        content = np.ascontiguousarray(array).tobytes()
        self._constants.append(
            _join(_field(1, size) for size in array.shape) + _field(2, kind) + _field(8, name) + _field(9, content)
        )
        return name

    def node(self, kind: str, inputs: Sequence[str], **attributes: int | float) -> str:
        name = self._name()
        self._nodes.append(
            _join(_field(1, value) for value in inputs)
            + _field(2, name)
            + _field(4, kind)
            + _join(_field(5, _attribute(key, value)) for key, value in attributes.items())
        )
        return name

    def content(self, output: str, width: int, kind: int = _FLOAT) -> bytes:
        graph = (
            _join(_field(1, node) for node in self._nodes)
            + _field(2, "layers")
            + _join(_field(5, constant) for constant in self._constants)
            + _field(11, self._input)
            + _field(12, _value(output, width, kind))
        )
        return _field(1, _FORMAT) + _field(7, graph) + _field(8, _field(1, "") + _field(2, _OPSET))


def _value(name: str, width: int, kind: int = _FLOAT) -> bytes:
    shape = _field(1, _field(2, "rows")) + _field(1, _field(1, width))
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, shape)))


def _attribute(name: str, value: int | float) -> bytes:
    if isinstance(value, float):
        return _field(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _field(20, 1)
    return _field(1, name) + _field(3, value) + _field(20, 2)


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _join(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts)
