"""The annotation guideline of the claim types: one text (`lexicons/guideline.toml`) and as Markdown.

The file is read by people who label claims and by the release, which ships it beside the table; a label, a reason or a
mapping is worded there and nowhere else.
"""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.annotate.lexicons import FOLDER
from pipeline.errors import SchemaError

SCHEMES = {
    "full_fact": "Full Fact",
    "claimbuster": "ClaimBuster",
    "nknews": "North Korea news annotation",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence, the labels it gets (main first), and why."""

    text: str
    labels: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Label:
    """One claim type.

    Attributes:
        name: as in `claims.claim_type`.
        test: one question; yes adds the label.
        definition: what counts and what does not.
        checkable: whether a claim with this label is `checkable`.
        full_fact, claimbuster, nknews: where it maps to in the schemas of others.
        examples: claims that get the label.
        near_misses: claims that do not, with the labels they get instead.
    """

    name: str
    test: str
    definition: str
    checkable: bool
    full_fact: str
    claimbuster: str
    nknews: str
    examples: tuple[Example, ...]
    near_misses: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class NoClaim:
    """A reason for which words are no claim, its test and an example."""

    reason: str
    test: str
    example: str


@dataclass(frozen=True, slots=True)
class Guideline:
    """The whole guideline; `labels` stand in the order in which their tests are asked.

    Attributes:
        title, lead: what it is.
        steps: how to go about it, in order.
        no_claim_lead, no_claim, request_or_demand: what is no claim, and where a request to the reader ends.
        labels: the claim types.
        choosing: how the main type and at most three labels are chosen.
        checkable: what the derived column means and does not mean.
        crosswalk_note: how to read the crosswalk.
        no_claim_crosswalk: scheme -> where words that are no claim map to.
    """

    title: str
    lead: str
    steps: tuple[str, ...]
    no_claim_lead: str
    no_claim: tuple[NoClaim, ...]
    request_or_demand: str
    labels: tuple[Label, ...]
    choosing: tuple[str, ...]
    checkable: str
    crosswalk_note: str
    no_claim_crosswalk: dict[str, str]

    def crosswalk(self) -> list[tuple[str, ...]]:
        """Rows of label and its category in each of `SCHEMES`; the last row is what is no claim."""
        rows = [(label.name, *(getattr(label, scheme) for scheme in SCHEMES)) for label in self.labels]
        return [*rows, ("no claim", *(self.no_claim_crosswalk[scheme] for scheme in SCHEMES))]


@cache
def guideline() -> Guideline:
    """The guideline of this version."""
    return read(FOLDER / "guideline.toml")


def read(path: Path) -> Guideline:
    """Read and check one guideline file; SchemaError names file and entry of what is missing or unknown."""
    with path.open("rb") as file:
        raw = tomllib.load(file)
    guide: Guideline = _entry(path, Guideline, raw, "the top level")
    if guide.no_claim_crosswalk.keys() != SCHEMES.keys():
        raise SchemaError(f"{path}: no_claim_crosswalk must map exactly {', '.join(SCHEMES)}.")
    names = [label.name for label in guide.labels]
    for label in guide.labels:
        for example in (*label.examples, *label.near_misses):
            if list(example.labels) != [name for name in names if name in example.labels][:3]:
                raise SchemaError(
                    f"{path}: {label.name}: the labels {list(example.labels)} of {example.text!r} must be at most "
                    "three known ones in the order of the tests."
                )
    return guide


def markdown() -> str:
    """The guideline in Markdown, for a README or a repository page."""
    guide = guideline()
    parts = [f"# {guide.title}", guide.lead, "## How to go about it", _list(guide.steps, numbered=True)]
    parts += ["## What is no claim", guide.no_claim_lead]
    parts += [_list(f"**{none.reason}**: {none.test} *{none.example}*" for none in guide.no_claim)]
    parts += [guide.request_or_demand, "## The labels, in the order of their tests"]
    for label in guide.labels:
        parts += [f"### `{label.name}`", f"**{label.test}**", label.definition]
        parts += ["Examples", _list(_example(example) for example in label.examples)]
        parts += ["Near misses", _list(_example(example) for example in label.near_misses)]
    parts += ["## Main type, and at most three", _list(guide.choosing)]
    parts += ["## `checkable`", guide.checkable]
    parts += ["## Crosswalk", guide.crosswalk_note, _table(guide.crosswalk())]
    return "\n\n".join(parts) + "\n"


_NESTED = {
    (Guideline, "labels"): Label,
    (Guideline, "no_claim"): NoClaim,
    (Label, "examples"): Example,
    (Label, "near_misses"): Example,
}


def _entry(path: Path, kind: Any, raw: dict[str, Any], where: str) -> Any:
    """`raw` as a value of the dataclass `kind`, its lists as tuples, its nested entries as theirs."""
    known = {field.name for field in fields(kind)}
    if raw.keys() != known:
        unknown, missing = sorted(raw.keys() - known), sorted(known - raw.keys())
        raise SchemaError(f"{path}: {where} has unknown keys {unknown} and lacks {missing}.")
    values = {}
    for key, value in raw.items():
        nested = _NESTED.get((kind, key))
        if nested:
            value = [_entry(path, nested, entry, f"{key} {i + 1} of {where}") for i, entry in enumerate(value)]
        values[key] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _example(example: Example) -> str:
    labels = ", ".join(f"`{name}`" for name in example.labels)
    return f"*{example.text}* {labels}: {example.why}"


def _list(items: Any, *, numbered: bool = False) -> str:
    return "\n".join(f"{f'{i}.' if numbered else '-'} {item}" for i, item in enumerate(items, 1))


def _table(rows: list[tuple[str, ...]]) -> str:
    head = ("claim type", *SCHEMES.values())
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
