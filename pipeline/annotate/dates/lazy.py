"""Regular expressions that are compiled when they are first used: some sixty of them would cost most of the import."""

import re
from typing import Any, cast

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub")


class _Lazy:
    """Stands for a pattern until one of its methods is asked for; then it has them all, and asks no more."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._source = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(*self._source)
        for method in _METHODS:
            self.__dict__[method] = getattr(compiled, method)
        return self.__dict__[name]


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` returns, made at first use; its methods search, match, fullmatch, finditer, findall and sub."""
    return cast(re.Pattern[str], _Lazy(pattern, flags))
