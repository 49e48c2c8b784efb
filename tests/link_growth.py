"""How linking grows: `python tests/link_growth.py 10000 100000 1000000` prints comparisons, CPU seconds and memory."""

import resource
import sys
import time

from pipeline.link.aliases import Aliases
from pipeline.link.resolve import Node, resolve

_SYLLABLES = ("ba", "der", "kin", "lo", "mar", "ne", "os", "pel", "ri", "sol", "tan", "ul", "ve", "wen", "yor", "zim")


def nodes(count: int) -> list[Node]:
    """Distinct names as a corpus has them: full names, some of one last name, initials, bare last names, companies."""
    found = []
    for number in range(count):
        person = number // 4  # some forms a person, a last name for every three persons
        given, last = _word(7 * person + 1), _word(person // 3)
        outlets = frozenset((f"outlet {number % 40}",))
        match number % 8:
            case 3:
                found.append(Node(f"{given[0]}. {last}", "person", outlets=outlets))
            case 5:
                found.append(Node(last, "person", scope=min(outlets), bare=True, outlets=outlets))
            case 7:
                found.append(Node(f"{given} Power", "organisation", outlets=outlets))
            case form:
                role = frozenset(("minister",) if form else ())
                found.append(Node(f"{given} {_word(number)[:1]}. {last}" if form == 1 else f"{given} {last}", "person",
                                  outlets=outlets, described=role))  # fmt: skip
    return found


def _word(number: int) -> str:
    letters = ""
    number += 16
    while number:
        number, at = divmod(number, len(_SYLLABLES))
        letters += _SYLLABLES[at]
    return letters.capitalize()


if __name__ == "__main__":
    for size in map(int, sys.argv[1:]):
        held = nodes(size)
        start = time.process_time()
        result = resolve(held, {}, Aliases())
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        found = f"{size:>9} names  {result.looked:>9} comparisons  {seconds:7.2f} CPU s  {peak:>5} MiB at most"
        print(found, flush=True)
