"""Days that move: Easter and what hangs on it, the nth weekday of a month."""

import datetime

_AFTER_EASTER = {
    "easter": 0,
    "good friday": -2,
    "easter monday": 1,
    "palm sunday": -7,
    "ash wednesday": -46,
    "ascension": 39,
    "pentecost": 49,
    "mardi gras": -47,
}
# Month, ISO weekday, which one; -1 is the last.
_NTH = {
    "thanksgiving": (11, 4, 4),
    "labor": (9, 1, 1),
    "memorial": (5, 1, -1),
    "king": (1, 1, 3),
    "presidents": (2, 1, 3),
    "mothers": (5, 7, 2),
    "fathers": (6, 7, 3),
    "columbus": (10, 1, 2),
}


def day(rule: object, year: int) -> datetime.date | None:
    """The day of a feast in a year: `rule` is (month, day) or a name of this module; None outside the years 1583 to
    9998.
    """
    if not 1583 <= year <= 9998:
        return None
    if isinstance(rule, tuple):
        return datetime.date(year, *rule)
    name = str(rule)
    if name in _AFTER_EASTER:
        return easter(year) + datetime.timedelta(_AFTER_EASTER[name])
    if name == "election":  # the Tuesday after the first Monday of November
        return _nth(year, 11, 1, 1) + datetime.timedelta(1)
    return _nth(year, *_NTH[name])


def easter(year: int) -> datetime.date:
    """Easter Sunday in the Gregorian calendar."""
    century, golden = year // 100, year % 19
    correction = century - century // 4 - (8 * century + 13) // 25
    epact = (correction + 19 * golden + 15) % 30
    moon = epact - (epact // 28) * (1 - (29 // (epact + 1)) * ((21 - golden) // 11))
    weekday = (year + year // 4 + moon + 2 - century + century // 4) % 7
    offset = moon - weekday
    month = 3 + (offset + 40) // 44
    return datetime.date(year, month, offset + 28 - 31 * (month // 4))


def _nth(year: int, month: int, weekday: int, which: int) -> datetime.date:
    if which > 0:
        first = datetime.date(year, month, 1)
        return first + datetime.timedelta((weekday - first.isoweekday()) % 7 + 7 * (which - 1))
    last = datetime.date(year, month + 1, 1) - datetime.timedelta(1)
    return last - datetime.timedelta((last.isoweekday() - weekday) % 7)
