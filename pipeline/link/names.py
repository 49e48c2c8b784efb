"""What the spelling of a name tells: keys under which two forms of one name meet.

All keys are case-folded, without accents, stops and a leading article.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from pipeline.annotate.lexicons import load

_WORD = re.compile(r"\w+")
_LETTERS = str.maketrans(  # letters that Unicode does not take apart
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "æ": "ae",
     "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ı": "i", "ħ": "h", "Ħ": "H", "&": " and "}
)  # fmt: skip
_POSSESSIVE = re.compile(r"['’ʼ]s\b|[.'’ʼ‘`]")
_GENERATIONS = {"jr", "sr", "ii", "iii", "iv"}
_ARTICLES = {"al", "el"}
_LINKING = {"of", "the", "for", "and", "in", "on", "de", "la", "du", "des"}


def name_key(name: str) -> str:
    """A name without case, accents, hyphens, stops and a leading article: 'Kim Jong-un' and 'KIM Jong Un' are equal."""
    return " ".join(part for word in _words(name) for part in word)


def _words(name: str) -> list[list[str]]:
    """The folded words of a name, each as its parts between hyphens."""
    bare = name
    if not name.isascii() or "&" in name:
        bare = unicodedata.normalize("NFKD", name.translate(_LETTERS))
        bare = "".join(c for c in bare if not unicodedata.combining(c))
    bare = bare.casefold()
    found = [parts for word in _POSSESSIVE.sub("", bare).split() if (parts := _WORD.findall(word))]
    while len(found) > 1 and found[0] == ["the"]:
        found = found[1:]
    return found


def untitled(name: str) -> str:
    """A person's name without forms of address and titles before it and honours after it ('Dr Lena Fiske, MP')."""
    words = name.split()
    while len(words) > 1 and words[0].casefold().rstrip(".") in _titles(len(words) > 2):
        words = words[1:]
    while len(words) > 1 and words[-1].casefold().replace(".", "") in load("speakers").words["honours"]:
        words = words[:-1]
    return " ".join(words).rstrip(",")


@cache
def _titles(full: bool) -> frozenset[str]:
    """Titles that go before a last name; those that go before a first name alone ("Sir Keir") only before two words."""
    words = load("speakers").words
    return words["titles"] | (words["titles_full"] if full else frozenset())


class PersonName:
    """Keys of a person's name, its titles left out.

    Attributes:
        given: folded words before the last name, hyphens taken as spaces; none in a bare last name.
        lasts: the forms in which the last name may stand alone, hyphens and what makes a generation ("Jr") inside it:
            "leyen", "von der leyen"; of a bare last name the one form that stands there.
        spellings: keys that are the same for other spacings, Slavic endings and Arabic articles.
    """

    __slots__ = ("given", "lasts", "spellings")

    def __init__(self, name: str) -> None:
        words = _words(name)
        particles = load("speakers").words["particles"]
        start = max(len(words) - 1, 0)
        while start > 1 and words[start][0] in _GENERATIONS:
            start -= 1
        opening = start
        while opening > 0 and words[opening - 1][0] in particles:
            opening -= 1
        whole = [" ".join(part for word in words[at:] for part in word) for at in (start, opening)]
        self.given = tuple(part for word in words[:opening] for part in word)
        self.lasts = tuple(dict.fromkeys(whole)) if self.given else (whole[1],)
        parts = [_ending(part) for word in words for part in word]
        parts = [part for part in parts if part not in _ARTICLES] or parts
        self.spellings = (
            (f"{parts[0]}|{''.join(parts[1:])}", f"{''.join(parts[:-1])}|{parts[-1]}") if self.given else ()
        )

    @property
    def initials(self) -> str | None:
        """The initials that stand for the given names ("J. D." -> "jd"); None when any is written out."""
        if all(len(part) == 1 for part in self.given):
            return "".join(self.given) or None
        # "JD Vance": two or three letters without a vowel are no given name.
        only = self.given[0] if len(self.given) == 1 else ""
        return only if 1 < len(only) <= 3 and not set(only) & set("aeiouy") else None


def _ending(word: str) -> str:
    return re.sub(r"(?:yy|iy|ii|ij|yi)$", "y", word)


_ROMANISED = (
    (re.compile(r"\bm[ou]h?am+[ae]d\b"), "muhamad"),
    (re.compile(r"sch|sh"), "s"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"[qg]h?|kh|ck"), "k"),
    (re.compile(r"dh"), "d"),
    (re.compile(r"eu|oo|ou|ue"), "u"),
    (re.compile(r"eo|oe"), "o"),
    (re.compile(r"ae"), "a"),
    (re.compile(r"[iyj]+e?(?=[aou])|[iyj]+|ee"), "i"),
    (re.compile(r"w"), "v"),
    (re.compile(r"ks"), "x"),
    (re.compile(r"(\w)\1"), r"\1"),
)


def romanised(key: str) -> str:
    """A rougher key than `name_key`, given that: the same for most Latin spellings of a name from another script. It is
    no proof by itself.
    """
    for pattern, letter in _ROMANISED:
        key = pattern.sub(letter, key)
    return key.replace(" ", "")


def organisation_key(key: str) -> str:
    """The `name_key` of an organisation without its legal form; "Ministry of X" is "X ministry"."""
    words = key.split()
    while len(words) > 1 and words[-1] in load("speakers").words["legal"]:
        words = words[:-1]
    if len(words) > 2 and words[0] in ("ministry", "department") and words[1] in ("of", "for"):
        rest = words[3:] if words[2] == "the" and len(words) > 3 else words[2:]
        words = [*rest, words[0]]
    return " ".join(words)


def common(name: str) -> bool:
    """Whether an institution is named by common nouns alone ("interior ministry", "Supreme Court"): each country,
    city or company has its own.
    """
    return not any(word[0].isupper() and not _is_common(word) for word in re.findall(r"[^\W\d_][\w’'-]*", name))


def capitalised(name: str) -> bool:
    """Whether a name of several words is written as a proper name ("Supreme Court", not "Interior ministry")."""
    words = [word for word in re.findall(r"\w+", name) if word.casefold() not in _LINKING]
    return len(words) > 1 and all(word[0].isupper() for word in words)


def _is_common(word: str) -> bool:
    words = load("speakers").words
    low = re.sub(r"['’]s?$", "", word.casefold())
    if low in words["unique"]:
        return False
    return any(low in words[name] for name in ("organisation", "document", "collective", "role_words", "general"))


def extends(short: str, full: str) -> bool:
    """Whether a full name is a short one and words of its kind alone ("Halberg", "Halberg Chemicals"); both folded."""
    words = load("speakers").words
    rest = full.split()[1:]
    return (
        full.startswith(short + " ")
        and short not in words["place"]
        and all(word in words["company"] or word in words["short_for"] or word in words["legal"] for word in rest)
    )


def spelled_out(acronym: str, words: Sequence[str]) -> int | None:
    """How many of the last words an acronym stands for; None when their initials do not give it.

    >>> spelled_out("HWU", ["the", "Harbour", "Workers'", "Union"])
    3
    """
    letters = name_key(acronym).replace(" ", "")
    for count in range(2, min(len(words), 2 * len(letters)) + 1):
        last = [part for word in words[-count:] for part in re.split(r"[-–]", word.casefold()) if part]
        content = [word for word in last if word not in _LINKING]
        opens = words[-count].casefold() not in _LINKING and words[-count][0].isupper()
        if opens and letters in ("".join(w[0] for w in content), "".join(w[0] for w in last)):
            return count
    return None
