"""Dates owe nothing to the machine: no clock, zone or locale tells in them, and no text takes more than linear time."""

import ast
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.annotate import dates
from pipeline.annotate.dates import document_date, find

_SOURCES = sorted(Path(dates.__file__).parent.glob("*.py"))
_MODULES = {"time", "locale", "os", "random", "zoneinfo", "calendar", "platform"}
_READINGS = {
    ("date", "today"),
    ("date", "fromtimestamp"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("datetime", "fromtimestamp"),
}
_LOCAL = {"strftime", "strptime", "astimezone"}


def _asks_the_machine(source: str) -> list[str]:
    """What a source imports or calls that tells the time, the zone or the locale."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.partition(".")[0] in _MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in _MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rpartition(".")[2]
            if (owner, node.attr) in _READINGS or node.attr in _LOCAL:
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize(
    "source",
    ["import time", "from locale import getlocale", "import datetime\ndatetime.date.today()", "datetime.now()",
     "day.strftime('%A')"],
)  # fmt: skip
def test_a_source_that_asks_the_machine_is_seen(source: str) -> None:
    """The scan below is no idle one: it finds each way of asking."""
    assert len(_asks_the_machine(source)) == 1


def test_no_source_asks_the_machine() -> None:
    """No module of the package reads a clock, a zone, a locale or chance."""
    assert len(_SOURCES) > 20
    assert {path.name: found for path in _SOURCES if (found := _asks_the_machine(path.read_text("utf-8")))} == {}


_SCRIPT = """
from pipeline.annotate.dates import document_date, find
text = ("Now, on Friday, at 5 p.m. EST Wednesday and last May it ISN'T over. In I April the İstanbul fair opened at "
        "0400 GMT Saturday, from Monday to Wednesday, 02/03/2025, 03.02.25, overnight, this winter, in fiscal 2024.")
for document in (document_date(metadata="2025-04-28"), document_date(text=text), None):
    print(ascii(document), ascii(find(text, document)))
"""


def _printed(**environment: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, check=True, env={**os.environ, **environment}
    ).stdout


def test_zone_locale_and_hash_seed_change_nothing() -> None:
    """Fresh processes under other zones, locales and hash seeds print the same bytes."""
    here = _printed(TZ="UTC", LC_ALL="C", PYTHONHASHSEED="0")
    there = [
        _printed(TZ="Pacific/Kiritimati", LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="1"),
        _printed(TZ="America/Los_Angeles", LC_ALL="de_DE.UTF-8", PYTHONHASHSEED="2"),
        _printed(TZ="Asia/Kathmandu", LC_ALL="C.UTF-8", PYTHONHASHSEED="3"),
    ]

    assert here.count(b"Timex(") > 20
    assert there == [here] * 3


def _seconds(text: str) -> float:
    """CPU time of the quickest of three readings, without the garbage collector's."""
    written = document_date(metadata="2025-04-28")
    taken = []
    gc.disable()
    for _ in range(3):
        start = time.process_time()
        find(text, written)
        document_date(text=text)
        taken.append(time.process_time() - start)
    gc.enable()
    return min(taken)


@pytest.mark.parametrize(
    ("unit", "times"),
    [
        ("1", 500_000),
        ("1/", 250_000),
        ("1/1/1/1 ", 500),
        ("May ", 250),
        ("May 5 to ", 75),
        ("Monday to ", 100),
        ("-", 2_500),
        ("twenty-", 250),
        ("1998 ", 100),
        ("On May 5\n", 75),
    ],
)
def test_each_doubling_of_a_hostile_text_takes_less_than_thrice_the_time(unit: str, times: int) -> None:
    """Digits, slashes, months, ranges, dashes and lines cost what they are long: three doublings, less than 27-fold.

    Linear time would be 8-fold, quadratic 64-fold: what other work on the machine adds lies in between.
    """
    _seconds(unit * times)  # patterns are compiled when they are first used

    assert _seconds(unit * (8 * times)) < 27 * _seconds(unit * times)
