"""The annotators on the sample corpus against its gold, field by field."""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.annotate.type_rules import LABELS
from pipeline.errors import SchemaError
from pipeline.evaluate.counts import RELAXED, WORD, Row, Scores, f1, labels, matches, percent, surname, tokens_of
from pipeline.link import link, name_key

HERE = Path(__file__).parents[2]


def gold(raw: Path = HERE / "raw", folder: Path = HERE / "tests" / "gold") -> Scores:
    """Clean, annotate and link the sample corpus, and score it against its gold, field by field."""
    import pyarrow as pa

    from pipeline.annotate.stage import annotate
    from pipeline.clean import clean
    from pipeline.read import RAW, read

    rows = pa.Table.from_pylist(list(read(raw)), schema=RAW)
    documents, texts = clean(rows)
    claims, _, stances = annotate(rows, documents, texts)
    documents, claims, *_ = link(documents, texts, claims)
    found = {row["source"]: row for row in documents.to_pylist()}
    text_of = dict(zip(texts["document_id"].to_pylist(), texts["text"].to_pylist(), strict=True))
    claims_of, stances_of = defaultdict(list), defaultdict(list)
    for row in claims.to_pylist():
        claims_of[row["document_id"]].append(row)
    for row in stances.to_pylist():
        stances_of[row["document_id"]].append(row)
    tally = _Tally()
    for path in sorted(folder.rglob("*.json")):
        article = json.loads(path.read_text(encoding="utf-8"))
        document = found[article["source"].removeprefix("raw/")]
        key = document["document_id"]
        tally.field("document.title", article["title"], document["title"])
        tally.field("document.published", article["published"], document["published"])
        tally.field("document.language", article["language"], document["language"])
        _score_claims(tally, path, text_of[key], article["claims"], claims_of[key])
        _score_stances(tally, article["stances"], stances_of[key])
    keys = {source: row["document_id"] for source, row in found.items()}
    mentions = [json.loads(line) for line in (folder / "speakers.jsonl").read_text(encoding="utf-8").splitlines()]
    scores = tally.scores() | speakers(mentions, keys, text_of, claims_of)
    return scores | _unseen(folder / "claim_types.jsonl")


def _unseen(path: Path) -> Scores:
    """Claim types, and what is no claim, on the sentences that neither the heads nor the rules were fitted on.

    The heads of the claim types are fitted on the sample corpus as well, so its own figure is no measure of them.
    """
    from pipeline.annotate.claim_types import classify
    from pipeline.annotate.type_rules import no_claim

    with path.open(encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["split"] == "test"]
    told = [row for row in rows if row["no_claim"] is None]
    found = [classify(row["text"], voice=row["voice"], speech_act=row["speech_act"]) for row in told]
    pairs = [(set(row["claim_types"]), set(types.all)) for row, types in zip(told, found, strict=True)]
    main = [types.main in row["claim_types"] for row, types in zip(told, found, strict=True)]
    own = [row for row in rows if row["voice"] == "outlet"]
    parted = [(row["no_claim"] is None) == (no_claim(row["text"], "body") is None) for row in own]
    return {
        "claim_types.unseen": labels(pairs, LABELS),
        "claim.claim_type.unseen": {"accuracy": percent(sum(main) / len(main)), "gold": len(main)},
        "claim.no_claim.unseen": {"accuracy": percent(sum(parted) / len(parted)), "gold": len(parted)},
    }


def gold_digest(folder: Path = HERE / "tests" / "gold") -> str:
    """SHA-256 over the gold: floors hold for this gold alone."""
    sums = hashlib.sha256()
    for path in sorted((*folder.rglob("*.json"), folder / "claim_types.jsonl")):
        sums.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return sums.hexdigest()


def speakers(
    mentions: Iterable[Row], keys: Mapping[str, str], text_of: Mapping[str, str], claims_of: Mapping[str, list[Row]]
) -> Scores:
    """How many of the mentions lead to the name that `speakers` should give: in all, and by how they name.

    A mention stands once in its `context`, which stands once in the text; without one, the context is what was said.
    It is right when claims name it as their speaker, and each of these by the wanted name: a person or an organisation
    by this very name, anybody else by all its words. A mention that no claim names is wrong, and lowers `found`.
    """
    right, found, every = Counter[str](), Counter[str](), Counter[str]()
    for want in mentions:
        key = keys[want["source"]]
        start = text_of[key].find(want["context"])
        if start < 0:
            raise SchemaError(f"speakers.jsonl: {want['source']} does not hold {want['context']!r}.")
        span = re.search(rf"(?<!\w){re.escape(want.get('mention', want['context']))}(?!\w)", want["context"])
        if span is None:
            raise SchemaError(f"speakers.jsonl: {want['context']!r} does not hold {want['mention']!r}.")
        place = "speaker_span" if "mention" in want else "spans"
        said = [
            claim
            for claim in claims_of[key]
            if claim["voice"] == "attributed"
            and claim[place]
            and any(
                first < start + span.end() and start + span.start() < last
                for first, last in (map(int, piece.split("-")) for piece in claim[place].split(";"))
            )
        ]
        for group in ("all", want["how"]):
            every[group] += 1
            found[group] += bool(said)
            right[group] += bool(said) and all(_canonical(want, claim) for claim in said)
    scores = {
        name: {"accuracy": percent(right[name] / count), "found": percent(found[name] / count), "gold": count}
        for name, count in sorted(every.items())
    }
    return {"canonical_speaker": scores.pop("all", {}), "canonical_speaker.how": scores}


def _canonical(want: Row, have: Row) -> bool:
    name, other = name_key(want["speaker"]), name_key(have["speaker"] or "")
    return name == other or (want["kind"] not in ("person", "organisation") and set(name.split()) <= set(other.split()))


class _Tally:
    """Counts while articles are scored: right and all of each field, matched and all claims, label sets."""

    def __init__(self) -> None:
        self.right, self.all = Counter[str](), Counter[str]()
        self.claims: dict[str, Counter[str]] = defaultdict(Counter)
        self.types: list[tuple[set[str], set[str]]] = []

    def field(self, name: str, gold: Any, predicted: Any) -> None:
        self.all[name] += 1
        self.right[name] += gold == predicted

    def scores(self) -> Scores:
        result: Scores = {
            f"claims.{voice}": f1(count["matched"], count["predicted"], count["matched"], count["gold"])
            for voice, count in sorted(self.claims.items())
        }
        result["claim_types"] = labels(self.types, sorted({name for gold, _ in self.types for name in gold}))
        for name in sorted(self.all):
            result[name] = {"accuracy": percent(self.right[name] / self.all[name]), "gold": self.all[name]}
        return result


def _score_claims(tally: _Tally, path: Path, text: str, gold: list[Row], predicted: list[Row]) -> None:
    wanted = [tokens_of(text, each) for each in places(path, text, gold)]
    spans = [[tuple(map(int, piece.split("-"))) for piece in claim["spans"].split(";")] for claim in predicted]
    pairs = matches(wanted, [tokens_of(text, each) for each in spans], RELAXED)
    for claim in gold:
        tally.claims[claim["voice"]]["gold"] += 1
    for claim in predicted:
        tally.claims[claim["voice"]]["predicted"] += 1
    for i, j in pairs:
        want, have = gold[i], predicted[j]
        tally.field("claim.voice", want["voice"], have["voice"])
        if want["voice"] != have["voice"]:
            continue
        tally.claims[want["voice"]]["matched"] += 1
        tally.types.append((set(want["claim_types"]), set(have["claim_types"].split(";"))))
        tally.field("claim.claim_type", True, have["claim_type"] in want["claim_types"])
        tally.field("claim.date", want["date"], have["date"])
        tally.field("claim.about_date", want["about_date"], have["about_date"])
        tally.field("claim.outlet_stance", want["outlet_stance"], have["outlet_stance"])
        if want["voice"] == "attributed":
            tally.field("claim.speaker", True, _same_person(want, have))
            tally.field("claim.mode", want["mode"], have["mode"])
            tally.field("claim.speaker_kind", want["speaker_kind"], have["speaker_kind"])
            tally.field("claim.speech_act", want["speech_act"], have["speech_act"])
            if want["via"]:
                tally.field("claim.via", True, _same_words(want["via"], have["via"]))


def _same_person(want: Row, have: Row) -> bool:
    """By canonical last name where the gold has a name; by the words that stand there where it has none."""
    if want["speaker"] or not want["speaker_text"]:
        return surname(want["speaker"]) == surname(have["speaker"])
    return _same_words(want["speaker_text"], have["speaker_text"])


def _same_words(want: str | None, have: str | None) -> bool:
    """Whether one name holds all words of the other."""
    words, others = (set(WORD.findall((text or "").casefold())) for text in (want, have))
    return bool(words & others) and (words <= others or others <= words)


def places(path: Path, text: str, claims: list[Row]) -> list[list[tuple[int, int]]]:
    """Where the pieces of each claim of an article's gold stand in its cleaned text.

    The first is looked for after the claim before it; SchemaError names the gold's path and a piece that is not there.
    """
    words = [(word.group(), word.start(), word.end()) for word in WORD.finditer(text)]
    found, at = [], 0
    for claim in claims:
        spans = []
        for piece in claim["pieces"]:
            at = _locate(path, [word for word, _, _ in words], piece, at)
            first, at = at, at + len(WORD.findall(piece))
            # The piece's marks at its ends are part of it where they stand in the text as well.
            start = text.find(piece, max(0, words[first][1] - len(piece)), words[at - 1][2] + len(piece))
            spans.append((start, start + len(piece)) if start >= 0 else (words[first][1], words[at - 1][2]))
        at = 0 if len(claim["pieces"]) > 1 else at
        found.append(spans)
    return found


def _locate(path: Path, held: list[str], piece: str, at: int) -> int:
    """Index of the word at which the piece begins, at or after `at`, else anywhere."""
    wanted = WORD.findall(piece)
    for start in (*range(at, len(held)), *range(at)):
        if held[start : start + len(wanted)] == wanted:
            return start
    raise SchemaError(f"{path}: the cleaned text does not hold the piece {piece!r}.")


def _score_stances(tally: _Tally, gold: list[Row], predicted: list[Row]) -> None:
    for want in gold:
        have = [row for row in predicted if surname(row["target"]) == surname(want["target"])]
        polarity = have[0]["polarity"] if have else "insufficient"  # no row: not assessed
        tally.field("stance.polarity", want["polarity"], polarity)
        if want["polarity"] != "insufficient":
            tally.field("stance.polarity_where_told", want["polarity"], polarity)
