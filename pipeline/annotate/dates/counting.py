"""Numbers in words and figures, and what is said about their exactness."""

from pipeline.annotate.dates.expressions import Expression
from pipeline.annotate.dates.tokens import LETTER, Token


def count(tokens: list[Token]) -> float | None:
    """Value of a run of number tokens ("two and a half", "twenty five", "2 1/2"); None for a few, several."""
    total, group = 0.0, 0.0
    seen = False
    for token in tokens:
        if token.letter in (LETTER["few"], LETTER["several"]):
            return None
        if token.letter == LETTER["couple"]:
            return 2
        if token.letter == LETTER["half"]:
            total, seen = total + 0.5, True
        elif token.letter == LETTER["a"]:
            group, seen = group or (0 if seen else 1), True
        elif isinstance(token.value, (int, float)):
            seen = True
            if token.word in ("hundred", "dozen"):
                group = (group or 1) * token.value
            elif token.letter == LETTER["big"]:
                total, group = total + (group or 1) * token.value, 0
            else:
                group += token.value
    return total + group if seen else None


def year_of_words(tokens: list[Token]) -> int | None:
    """Year spelt out: "nineteen ninety-six", "two thousand and eight"; None for any other number."""
    numbers = [token.value for token in tokens if isinstance(token.value, int)]
    if not numbers:
        return None
    if 13 <= numbers[0] <= 20 and len(numbers) > 1 and 10 <= numbers[1] < 100:
        rest = sum(numbers[1:])
        return numbers[0] * 100 + rest if rest < 100 and (len(numbers) == 2 or numbers[1] >= 20) else None
    if numbers[:2] == [2, 1000] and sum(numbers[2:]) < 100:
        return 2000 + sum(numbers[2:])
    return None


def exactness(expression: Expression) -> str | None:
    """TIMEX3 modifier of "about", "more than", "at least" before a number; None without one."""
    words = [token.word for token in expression.parts.get("approx", ())]
    if not words:
        return None
    if words[0] == "no":
        return "EQUAL_OR_LESS" if "more" in words else "EQUAL_OR_MORE"
    if words[0] == "at":
        return "EQUAL_OR_MORE" if "least" in words else "EQUAL_OR_LESS"
    if words[0] in ("more", "less", "fewer"):
        return "MORE_THAN" if words[0] == "more" else "LESS_THAN"
    return {"over": "MORE_THAN", "up": "EQUAL_OR_LESS", "almost": "LESS_THAN", "nearly": "LESS_THAN"}.get(
        words[0], "APPROX"
    )


def third(word: str) -> str | None:
    """TIMEX3 modifier of a word for the beginning, the middle or the end."""
    return {
        "early": "START",
        "earlier": "START",
        "beginning": "START",
        "start": "START",
        "mid": "MID",
        "middle": "MID",
        "late": "END",
        "later": "END",
        "end": "END",
    }.get(word)
