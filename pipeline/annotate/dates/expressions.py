"""A temporal expression as the grammar matched it, before it has a value."""

from typing import NamedTuple

from pipeline.annotate.dates.tokens import Token


class Expression(NamedTuple):
    """A stretch of text that a rule of the grammar matched.

    Attributes:
        rule: name of the rule.
        start, end: half-open span in code points.
        parts: the tokens of each named part.
        prefixes: what stands before it and belongs to it, outermost first ("the end of", "10 p.m.").
        container: the coarser expression that places it ("last year" in "July last year").
        low, high: half-open token span, for joining.
    """

    rule: str
    start: int
    end: int
    parts: dict[str, list[Token]]
    low: int
    high: int
    prefixes: tuple["Expression", ...] = ()
    container: "Expression | None" = None

    def value(self, part: str) -> object:
        """Value of the first token of a part, None when the part is absent."""
        tokens = self.parts.get(part)
        return tokens[0].value if tokens else None

    def integer(self, part: str) -> int:
        """Value of a part that is an integer by its class; `TypeError` when the grammar gave it another."""
        value = self.value(part)
        if not isinstance(value, int):
            raise TypeError(f"rule {self.rule}: part {part} holds {value!r}, not an integer")
        return value

    def unit(self) -> str:
        """Name of the part `unit`, "period" for what is counted by no unit."""
        value = self.value("unit")
        return value if isinstance(value, str) else "period"

    @property
    def fiscal(self) -> bool:
        """Whether it, or what places it, counts in fiscal years: nobody says when those begin."""
        return bool(self.parts.keys() & {"fiscal", "fy"}) or "fiscal" in (
            self.rule,
            self.container.rule if self.container else "",
        )

    def word(self, part: str) -> str:
        """First word of a part in lower case, empty when the part is absent."""
        tokens = self.parts.get(part)
        return tokens[0].word if tokens else ""


class Reject(NamedTuple):
    """Something that looks like a date and is none: its span in code points, its words, the reason."""

    start: int
    end: int
    text: str
    reason: str
