"""The learned tagger: which words are the content, the cue and the source of an attribution, and how sure that is.

A small BERT encoder in int8 reads windows of neighbouring paragraphs and gives every token seven tag scores and four
link vectors. A Viterbi pass turns tags into spans, link vectors tie each content to a cue and each cue to a source, and
two logistic functions, fitted on articles that the tagger never saw, turn the scores into probabilities. Every window
is run alone, so what comes out depends on the document only. `pipeline.train` makes the files that this module reads.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from math import exp, log
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.annotate.layers import half_precision
from pipeline.errors import StoreError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

Span = tuple[int, int]

FOLDER = Path(__file__).parent / "weights"
DIGESTS = {
    "tagger.onnx": "23a745f7ee0ccba0b92a8f2a2c0af763ead6b65202228d8bf97084d1fa3b1347",
    "polarity.onnx": "7166062676d3af1abc0619046d136fbe4d1c1e0db737502ef83d683c1ecfde71",
    "tokenizer.json": "9114256b104cca80e04367526f03f46aa3c443c2ed174904142a73bbf13b9fbb",
}
"""SHA-256 of the files in `FOLDER`; `pipeline.train` prints them."""

TAGS = ("O", "B-content", "I-content", "B-cue", "I-cue", "B-source", "I-source")
ROLES = ("content", "cue", "source")
WIDTH = 384  # of a hidden state
LOWER = 2  # layers below the one whose states other heads start from
LINK = 64  # width of a link vector
CONTENT_CUE, CUE_CONTENT, CUE_SOURCE, SOURCE_CUE = range(4)  # the four link vectors of a token: from, to; from, to

WINDOW = 192  # tokens that the encoder sees at once, special ones included: some four paragraphs of news
OVERLAP = 64  # tokens shared by two windows over a long paragraph; each decides the half that is nearer to its middle
UNIT = 20_000  # code points tokenised at once; a longer paragraph is parted, if possible after a sentence
CHUNK = 16_384  # tokens decoded at once: bounds the memory that a huge document takes
KEPT = 3  # chunks whose states are kept, 45 MB each: a document of some 35,000 words is read once
NEAR = 12  # cues on either side to which a content or a source may belong

SHAPES = 3  # small, Capitalised, ALL CAPITALS: the tokenizer drops case
FEATURES = 4 * SHAPES  # outside quotation marks, inside, opening mark, closing mark; times the shapes
CLS, SEP = 101, 102

_SURROGATE = re.compile("[\ud800-\udfff]")
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]{0,3}\s")
_CLOSING = frozenset("\"'”’»“")


@dataclass(frozen=True, slots=True)
class Tagged:
    """One attribution as the tagger sees it; spans are half-open, in code points of the text.

    spans               pieces of the content in order, marks included; more than one where cue or source part it
    cue                 words that attribute; None where no cue is near
    source              words that name the speaker; None where the text names none
    content_probability that the pieces together are right: at least 0.8 of the words shared with what people mark
    source_probability  that the source is right (that there is none, where it is None), given the content is
    evidence            what the two probabilities are computed from: `(content, source)`, for training
    """

    spans: tuple[Span, ...]
    cue: Span | None
    source: Span | None
    content_probability: float
    source_probability: float
    evidence: tuple[tuple[float, ...], tuple[float, ...]] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Decoding:
    """What turns scores into attributions; travels in the model file.

    outside    added to the score of the tag O before decoding; below 0 more is found
    content    weights of the logistic function for the content, the last one its constant; none: all are 1
    source     the same for the source
    threshold  content probability below which nothing is reported
    """

    outside: float = 0.0
    content: tuple[float, ...] = ()
    source: tuple[float, ...] = ()
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of some units of text in a row: arrays of the same length.

    ids       in the vocabulary
    features  quotation state and shape, in [0, FEATURES)
    starts    first code point
    ends      code point after the last
    units     number of the unit that a token stands in, rising
    """

    ids: np.ndarray
    features: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    units: np.ndarray


class Seen(NamedTuple):
    """What the encoder says of the tokens of a chunk, one row a token.

    scores  of the tags, (tokens, len(TAGS))
    links   link vectors, (tokens, 4 * LINK + 1)
    lower   hidden states after `LOWER` layers, (tokens, WIDTH), in half precision
    upper   hidden states after all layers, likewise
    """

    scores: np.ndarray
    links: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class Reading:
    """A text as the encoder reads it: its attributions, and the hidden states of any stretch of it.

    `paragraphs` are the stretches in which somebody may speak, in order; `asides`, such as headings, are read apart
    from them and give hidden states alone; `quoted` are the outermost runs in quotation marks, marks included. A chunk
    of the text is read when it is first asked for and the last `KEPT` are kept, so memory is bounded; only a document
    that is longer is read again, once for each annotator. Time is linear. Never fails on any text.
    Raises StoreError where a model file is missing or is not the one that this version pins.
    """

    def __init__(
        self, text: str, paragraphs: Sequence[Span], quoted: Sequence[Span], asides: Sequence[Span] = ()
    ) -> None:
        self._text = text
        self._session, tokenizer, self._decoding = _model()
        self._chunks = list(encode(tokenizer, text, paragraphs, quoted))
        self._spoken = len(self._chunks)
        self._chunks += encode(tokenizer, text, asides, quoted)
        self._reach = [(int(tokens.starts[0]), int(tokens.ends[-1])) for tokens in self._chunks]
        self._kept: dict[int, Seen] = {}

    def tagged(self) -> list[Tagged]:
        """The attributions, in the order of their first content."""
        found: list[Tagged] = []
        for number, tokens in enumerate(self._chunks[: self._spoken]):
            seen = self._seen(number)
            found.extend(decode(self._text, tokens, seen.scores, seen.links, self._decoding))
        return found

    def words(self, span: Span) -> Tokens:
        """The tokens that share a code point with a span; nothing is read for them.

        A span that reaches over two chunks gives those of the one that holds more of it.
        """
        place = self._place(span)
        if place is None:
            return Tokens(*(np.empty(0, np.int64),) * 5)
        tokens = self._chunks[place[0]]
        return Tokens(*(getattr(tokens, name)[place[1]] for name in Tokens.__slots__))

    def states(self, span: Span) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper hidden states of the same tokens, (tokens, WIDTH). Ask in the order of the text."""
        place = self._place(span)
        if place is None:
            nothing = np.empty((0, WIDTH), np.float16)
            return nothing, nothing
        seen = self._seen(place[0])
        return seen.lower[place[1]], seen.upper[place[1]]

    def _place(self, span: Span) -> tuple[int, slice] | None:
        """The chunk that holds most of a span, and the tokens of it; None where no token shares a code point."""
        best, most = None, 0
        for number, (start, end) in enumerate(self._reach):
            if start < span[1] and span[0] < end:
                tokens = self._chunks[number]
                first = int(np.searchsorted(tokens.ends, span[0], "right"))
                last = int(np.searchsorted(tokens.starts, span[1], "left"))
                if last - first > most:
                    best, most = (number, slice(first, last)), last - first
        return best

    def _seen(self, number: int) -> Seen:
        if number not in self._kept:
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[number] = forward(self._session, self._chunks[number])
        return self._kept[number]


def session(content: bytes) -> "InferenceSession":
    """The session of an ONNX file, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # it keeps a plan for every length of a text that it has met
    # The extended level would fuse additions into SkipLayerNormalization, whose kernel takes six times as long.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def load(content: bytes) -> tuple["InferenceSession", Decoding]:
    """The session of the tagger's file, and the decoding that it carries."""
    loaded = session(content)
    kept = json.loads(loaded.get_modelmeta().custom_metadata_map["decoding"])
    return loaded, Decoding(**{key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()})


def load_tokenizer(path: Path) -> "Tokenizer":
    """The tokenizer of a file; it neither cuts nor pads."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@cache
def _model() -> tuple["InferenceSession", "Tokenizer", Decoding]:
    verify(FOLDER)
    session, decoding = load((FOLDER / "tagger.onnx").read_bytes())
    return session, load_tokenizer(FOLDER / "tokenizer.json"), decoding


def verify(folder: Path) -> None:
    """Raises StoreError where a file of the tagger is missing in the folder or has another SHA-256 than is pinned."""
    for name, digest in DIGESTS.items():
        path = folder / name
        try:
            found = sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise StoreError(
                f"{path}: the tagger's file cannot be read ({error.strerror}); install the package again"
            ) from error
        if found != digest:
            raise StoreError(
                f"{path}: SHA-256 is {found}, expected {digest}; "
                "install the package again, or pin the new digest after training"
            )


def encode(tokenizer: "Tokenizer", text: str, paragraphs: Sequence[Span], quoted: Sequence[Span]) -> Iterator[Tokens]:
    """The tokens of the paragraphs in chunks of whole units: a unit is a paragraph, or part of a very long one."""
    # One code point stands for one, so offsets hold; the tokenizer refuses lone surrogates.
    readable = _SURROGATE.sub("\ufffd", text)
    states = _quote_states(text, quoted)
    batch: list[tuple[np.ndarray, ...]] = []
    size = 0
    for number, (start, end) in enumerate(_units(readable, paragraphs)):
        encoding = tokenizer.encode(readable[start:end], add_special_tokens=False)
        if not len(encoding):
            continue
        ids = np.asarray(encoding.ids, np.int64)
        starts, ends = (np.asarray(encoding.offsets, np.int64) + start).T
        batch.append((ids, starts, ends, np.full(len(ids), number)))
        size += len(ids)
        if size >= CHUNK:
            yield _tokens(readable, states, batch)
            batch, size = [], 0
    if batch:
        yield _tokens(readable, states, batch)


def _tokens(text: str, states: np.ndarray, batch: list[tuple[np.ndarray, ...]]) -> Tokens:
    ids, starts, ends, units = (np.concatenate(column) for column in zip(*batch, strict=True))
    return Tokens(ids, states[starts] * SHAPES + _shapes(text, starts, ends), starts, ends, units)


def _shapes(text: str, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """0 of words that open with no capital, 2 of those of capitals alone, 1 of the others and of single letters."""
    first = int(starts[0])
    codes = np.frombuffer(text[first : int(ends[-1])].encode("utf-32-le"), np.uint32)
    letters, places = np.unique(codes, return_inverse=True)
    kinds = [1 if (c := chr(code)).isupper() else -1 if c.islower() or c.istitle() else 0 for code in letters.tolist()]
    kind = np.asarray(kinds, np.int8)[places]
    small = np.concatenate([[0], np.cumsum(kind < 0)])
    capitals = (small[ends - first] == small[starts - first]) & (ends - starts > 1)
    return np.where(kind[starts - first] == 1, 1 + capitals, 0)


def _quote_states(text: str, quoted: Sequence[Span]) -> np.ndarray:
    states = np.zeros(len(text) + 1, np.int8)
    for start, end in quoted:
        states[start:end] = 1
        states[start] = 2
        if end - start > 1 and text[end - 1] in _CLOSING:
            states[end - 1] = 3
    return states


def _units(text: str, paragraphs: Sequence[Span]) -> Iterator[Span]:
    for start, end in paragraphs:
        while end - start > UNIT:
            cut = start + UNIT
            ends = [match.end() for match in _SENTENCE_END.finditer(text, cut - UNIT // 10, cut)]
            cut = ends[-1] if ends else text.rfind(" ", cut - UNIT // 10, cut) + 1 or cut
            yield start, cut
            start = cut
        yield start, end


def windows(tokens: Tokens, limit: int = WINDOW) -> list[tuple[int, int, int, int]]:
    """The windows over the tokens: `(first, end, first decided, end of decided)`; what they decide parts all tokens.

    Whole units are packed as long as they fit into WINDOW (the first window: into `limit`); a longer unit gets windows
    of its own that overlap.
    """
    edges = (np.flatnonzero(np.diff(tokens.units)) + 1).tolist()
    found: list[tuple[int, int, int, int]] = []
    if not len(tokens.ids):
        return found
    first = end = units = 0

    def close() -> None:
        nonlocal units, limit
        if units:
            found.append((first, end, first, end))
            limit = WINDOW
        units = 0

    for a, b in zip([0, *edges], [*edges, len(tokens.ids)], strict=True):
        if b - a + 2 > WINDOW:
            close()
            at = a
            while True:
                to = min(at + WINDOW - 2, b)
                found.append((at, to, at if at == a else at + OVERLAP // 2, to if to == b else to - OVERLAP // 2))
                if to == b:
                    break
                at += WINDOW - 2 - OVERLAP
            continue
        # The special tokens: one before, one after every unit.
        if units and b - first + units + 2 > limit:
            close()
        if not units:
            first = a
        end, units = b, units + 1
    close()
    return found


def assemble(tokens: Tokens, first: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids and features of a window with its special tokens, and where in it the tokens stand."""
    units = tokens.units[first:end]
    places = np.arange(1, end - first + 1)
    places[1:] += np.cumsum(np.diff(units) != 0)
    ids = np.full(places[-1] + 2, SEP, np.int64)
    ids[0] = CLS
    ids[places] = tokens.ids[first:end]
    features = np.zeros(len(ids), np.int64)
    features[places] = tokens.features[first:end]
    return ids, features, places


def forward(session: "InferenceSession", tokens: Tokens) -> Seen:
    """What the encoder says of every token, window by window."""
    sizes = (len(TAGS), np.float32), (4 * LINK + 1, np.float32), (WIDTH, np.float16), (WIDTH, np.float16)
    seen = Seen(*(np.empty((len(tokens.ids), size), kind) for size, kind in sizes))
    for first, end, decided, decided_end in windows(tokens):
        ids, features, places = assemble(tokens, first, end)
        kept = places[decided - first : decided_end - first]
        for told, found in zip(
            session.run(list(Seen._fields), {"ids": ids[None], "features": features[None]}), seen, strict=True
        ):
            found[decided:decided_end] = (told[0] if found.dtype == told.dtype else _half()(told[0]))[kept]
    return seen


@cache
def _half() -> Callable[[np.ndarray], np.ndarray]:
    return half_precision(WIDTH)


def _best(scores: np.ndarray) -> list[int]:
    """The best sequence of tags in which every I follows a B or an I of its role.

    Where the best tags one by one are such a sequence, it is theirs. The others are looked for between two tokens that
    are O for sure: their O wins by more than is lost where the token after them turns from I to B.
    """
    path = scores.argmax(1)
    before = np.concatenate([[0], path[:-1]])
    wrong = np.flatnonzero((path > 0) & (path % 2 == 0) & ((before + 1) // 2 != path // 2))
    if len(wrong):
        lost = np.concatenate([(scores[1:, 2::2] - scores[1:, 1::2]).max(1), [0.0]])
        sure = np.flatnonzero(scores[:, 0] - scores[:, 1:].max(1) > np.maximum(lost, 0.0))
        edges = np.concatenate([[-1], sure, [len(path)]])
        for at in np.unique(np.searchsorted(edges, wrong)).tolist():
            start, end = int(edges[at - 1]) + 1, int(edges[at])
            path[start:end] = _viterbi(scores[start:end].tolist())
    return path.tolist()


def _viterbi(scores: list[list[float]]) -> list[int]:
    """The same, token by token."""
    states = len(TAGS)
    best = [score if not state or state % 2 else -1e9 for state, score in enumerate(scores[0])]
    back: list[list[int]] = []
    for row in scores[1:]:
        top = max(range(states), key=best.__getitem__)
        value = best[top]
        pointers = [top] * states
        after = [value + score for score in row]
        for inside in (2, 4, 6):
            before = inside if best[inside] > best[inside - 1] else inside - 1
            pointers[inside] = before
            after[inside] = best[before] + row[inside]
        back.append(pointers)
        best = after
    state = max(range(states), key=best.__getitem__)
    path = [state]
    for pointers in reversed(back):
        state = pointers[state]
        path.append(state)
    return path[::-1]


def _spans(path: list[int]) -> dict[str, list[Span]]:
    """Spans of each role, in tokens."""
    found: dict[str, list[Span]] = {role: [] for role in ROLES}
    start = 0
    for at, state in enumerate([*path, 0]):
        before = path[at - 1] if at else 0
        if before and (at == len(path) or state % 2 or not state):
            found[ROLES[(before - 1) // 2]].append((start, at))
        if state % 2:
            start = at
    return found


def decode(text: str, tokens: Tokens, scores: np.ndarray, links: np.ndarray, decoding: Decoding) -> list[Tagged]:
    """The attributions in a chunk, from what `forward` says of its tokens."""
    scores = scores + np.array([decoding.outside] + [0.0] * (len(TAGS) - 1), np.float32)
    scores -= scores.max(1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(1, keepdims=True))
    path = _best(scores)
    spans = _spans(path)
    cues, sources = spans["cue"], spans["source"]
    chosen = scores[np.arange(len(path)), path]
    units = tokens.units.tolist()

    def pooled(spans: list[Span], vector: int) -> np.ndarray:
        if not spans:
            return np.empty((0, LINK), np.float32)
        # A row behind the last: every other sum is of what lies between two spans.
        vectors = np.pad(links[:, vector * LINK : (vector + 1) * LINK], ((0, 1), (0, 0)))
        edges = np.array(spans)
        return np.add.reduceat(vectors, edges.ravel())[::2] / np.diff(edges).astype(np.float32)

    def mean(span: Span) -> float:
        return float(chosen[span[0] : span[1]].sum() / (span[1] - span[0]))

    def choose(
        span: Span, query: np.ndarray, others: list[Span], keys: np.ndarray, none: float | None
    ) -> tuple[int | None, float]:
        """The best of the near others, and the logarithm of its probability; None where `none` beats them all.

        One in another paragraph counts only where `none` is no choice and the span's own paragraph holds no other.
        """
        at = bisect_right(others, span)
        near = range(max(0, at - NEAR), min(len(others), at + NEAR))
        here = [i for i in near if units[others[i][0]] == units[span[0]]]
        if none is None and not here:
            here = list(near)
        values = (keys[here] @ query).tolist() + ([] if none is None else [none])
        if not values:
            return None, 0.0
        top = max(range(len(values)), key=values.__getitem__)
        share = -log(sum(exp(max(value - values[top], -50.0)) for value in values))
        return (here[top] if top < len(here) else None), share

    asking, offered = pooled(spans["content"], CONTENT_CUE), pooled(cues, CUE_CONTENT)
    pieces: dict[int, list[tuple[Span, float]]] = {}
    for number, span in enumerate(spans["content"]):
        cue, share = choose(span, asking[number], cues, offered, None)
        pieces.setdefault(-1 - number if cue is None else cue, []).append((span, share))

    asking, offered = pooled(cues, CUE_SOURCE), pooled(sources, SOURCE_CUE)

    def chars(span: Span) -> Span:
        return int(tokens.starts[span[0]]), int(tokens.ends[span[1] - 1])

    found = []
    for key, parts in pieces.items():
        cue = cues[key] if key >= 0 else None
        source, source_share = None, 0.0
        if cue is not None:
            none = float(links[cue[0] : cue[1], 4 * LINK].mean())
            number, source_share = choose(cue, asking[key], sources, offered, none)
            source = None if number is None else sources[number]
        quoted = float(np.concatenate([tokens.features[start:end] >= SHAPES for (start, end), _ in parts]).mean())
        ends = [log(1 - exp(min(float(scores[end, 2]), -1e-4))) if end < len(path) else 0.0 for (_, end), _ in parts]
        words = sum(end - start for (start, end), _ in parts)
        logs = (
            sum(float(chosen[start:end].sum()) for (start, end), _ in parts) / words,
            float(min(chosen[start:end].min() for (start, end), _ in parts)),
            float(min(scores[start, 1] for (start, _), _ in parts)),
            min(ends),
            mean(cue) if cue else 0.0,
            min(share for _, share in parts),
        )
        shares = [exp(max(value, -8.0)) for value in logs]
        shape = (float(cue is None), float(len(parts) > 1), quoted, float(0 < quoted < 1), log(words))
        content = (*logs, *shares, *(share * share for share in shares), *shape)
        probability = _logistic(decoding.content, content)
        if probability < decoding.threshold:
            continue
        named = (
            source_share,
            mean(source) if source else 0.0,
            float(source is None),
            float(cue is None),
            mean(cue) if cue else 0.0,
            log(1 + abs(source[0] - cue[0])) if source and cue else 0.0,
            float(quoted == 1),
        )
        found.append(
            Tagged(
                _joined(text, [chars(span) for span, _ in parts]),
                chars(cue) if cue else None,
                chars(source) if source else None,
                probability,
                _logistic(decoding.source, named),
                (content, named),
            )
        )
    found.sort(key=lambda tagged: tagged.spans)
    return found


def _joined(text: str, spans: list[Span]) -> tuple[Span, ...]:
    """The spans with those made one that only white space parts."""
    kept = spans[:1]
    for start, end in spans[1:]:
        if text[kept[-1][1] : start].strip():
            kept.append((start, end))
        else:
            kept[-1] = (kept[-1][0], end)
    return tuple(kept)


def _logistic(weights: tuple[float, ...], evidence: tuple[float, ...]) -> float:
    if not weights:
        return 1.0
    value = sum(w * x for w, x in zip(weights, (*evidence, 1.0), strict=True))
    return round(1 / (1 + exp(-max(-30.0, min(30.0, value)))), 2)
