"""What checks find, as values: Failure, Check, Report."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

EXAMPLES = 5
SHOWN = 200  # characters of a value that a report shows
LISTED = 10_000  # rows of a flag that are listed

Found = Iterable[tuple[str, object, str]]
"""Bad rows of one check of one table: (key, value, message)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One bad value.

    Attributes:
        table: table, or resource of the package.
        key: primary key of the row, or its row number where Frictionless found it; empty when it is about the table.
        check: name of the check.
        value: what was found, control characters shown, at most 200 characters.
        message: what is wrong with it.
    """

    table: str
    key: str
    check: str
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one table: rows looked at, rows that failed, and the first five of these."""

    name: str
    table: str
    rows: int
    failed: int
    examples: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """What no check refuses and somebody ought to look at.

    Attributes:
        name: what it is.
        table: table in which it was looked for.
        rows: rows looked at.
        flagged: rows that have it.
        times: how often in all.
        listed: primary key and value, control characters shown, of the first 10,000 of these rows by key.
    """

    name: str
    table: str
    rows: int
    flagged: int
    times: int
    listed: tuple[tuple[str, str], ...]

    @property
    def examples(self) -> tuple[tuple[str, str], ...]:
        """The first five of these rows."""
        return self.listed[:EXAMPLES]

    def told(self) -> dict[str, object]:
        """The flag for machines: numbers and examples."""
        names = ("name", "table", "rows", "flagged", "times")
        return {name: getattr(self, name) for name in names} | {"examples": [list(one) for one in self.examples]}


class Flagged:
    """The rows of a flag while they are found, in any order; however many, 20,000 are held at most."""

    def __init__(self) -> None:
        self._rows = self._times = 0
        self._first: list[tuple[str, str]] = []

    def add(self, key: str, value: object, times: int = 1) -> None:
        """Take a row by its primary key."""
        self._rows += 1
        self._times += times
        self._first.append((key, _shown(value)))
        if len(self._first) == 2 * LISTED:
            self._first = sorted(self._first)[:LISTED]

    def flag(self, name: str, table: str, rows: int) -> Flag:
        """The flag of so many rows looked at."""
        return Flag(name, table, rows, self._rows, self._times, tuple(sorted(self._first)[:LISTED]))


@dataclass(frozen=True, slots=True)
class Balance:
    """Where the raw documents went: inputs = accepted + rejected; `reasons` counts the rejected by reason."""

    inputs: int
    accepted: int
    rejected: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks found.

    Attributes:
        checks: all of them, passed ones too, in a fixed order.
        quarantine: every bad value.
        counts: rows of each table.
        balance: where the raw documents went.
        flags: what ought to be looked at, nothing that was looked for in vain.
    """

    checks: tuple[Check, ...]
    quarantine: tuple[Failure, ...]
    counts: Mapping[str, int]
    balance: Balance
    flags: tuple[Flag, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return not self.failed

    @property
    def failed(self) -> int:
        """Number of checks that failed."""
        return sum(1 for check in self.checks if check.failed)

    def plus(self, checks: Iterable[Check]) -> "Report":
        """The report with more checks, whose examples join the quarantine."""
        more = tuple(checks)
        shown = tuple(example for check in more for example in check.examples)
        return replace(self, checks=self.checks + more, quarantine=self.quarantine + shown)

    def to_json(self) -> str:
        """The report for machines, keys sorted; nothing in it tells when, where or with what it was made."""
        found = {
            "ok": self.ok,
            "balance": asdict(self.balance),
            "counts": dict(self.counts),
            "checks": [asdict(check) for check in self.checks],
            "quarantined": len(self.quarantine),
        } | ({"flags": [flag.told() for flag in self.flags]} if self.flags else {})
        return json.dumps(found, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def checked(name: str, table: str, rows: int, found: Found) -> tuple[Check, list[Failure]]:
    """A check of a table with all its failures."""
    failures = [Failure(table, key, name, _shown(value), message) for key, value, message in found]
    return Check(name, table, rows, len(failures), tuple(failures[:EXAMPLES])), failures


def _shown(value: object) -> str:
    text = "" if value is None else str(value)
    cut = text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)[:SHOWN]
