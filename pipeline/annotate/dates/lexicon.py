"""The words of time: each word has one class, and a value where it has one.

A class is what the patterns of `expressions` are written with.  Words are matched in lower case; a class in
`CAPITALISED`
needs a capital in the text as well ("May", not "may").
"""

# fmt: off
MONTHS = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9,
    "october": 10, "november": 11, "december": 12, "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8,
    "sep": 9, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}
WEEKDAYS = {"monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6, "sunday": 7}
WEEKDAY_SHORT = {
    "mon": 1, "tue": 2, "tues": 2, "wed": 3, "weds": 3, "thu": 4, "thur": 4, "thurs": 4, "fri": 5, "sat": 6, "sun": 7,
}
UNIT = ("second", "minute", "hour", "day", "week", "fortnight", "month", "year", "decade", "century", "millennium")
UNIT_PLURAL = {unit + "s": unit for unit in UNIT if unit != "century"} | {
    "centuries": "century", "millennia": "millennium", "millenia": "millennium", "mins": "minute", "secs": "second",
    "hrs": "hour", "yrs": "year",
}
SEASONS = {"spring": 0, "summer": 1, "autumn": 2, "fall": 2, "winter": 3, "springtime": 0, "summertime": 1,
    "wintertime": 3}
NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}
BIG_NUMBERS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "dozen": 12}
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}
DECADES = {
    "twenties": 2, "thirties": 3, "forties": 4, "fifties": 5, "sixties": 6, "seventies": 7, "eighties": 8,
    "nineties": 9,
}
# Part of a day: TIMEX3 suffix.
PARTS = {
    "morning": "TMO", "mornings": "TMO", "afternoon": "TAF", "afternoons": "TAF", "evening": "TEV", "evenings": "TEV",
    "night": "TNI", "nights": "TNI", "dawn": "TMO", "dusk": "TEV", "daybreak": "TMO", "lunchtime": "TMI",
}
CLOCK_WORDS = {"noon": "T12:00", "midday": "T12:00", "midnight": "T24:00"}
# TIMEX3 suffix of a clock time in a zone.  The American zones have none: TimeBank and AQUAINT write their clock times
# bare (three of three), those of Greenwich with a Z.
ZONES: dict[str, str] = {
    "gmt": "Z", "utc": "Z", "bst": "+01:00", "cet": "+01:00", "cest": "+02:00", "eet": "+02:00", "eest": "+03:00",
    "msk": "+03:00", "jst": "+09:00", "kst": "+09:00", "aest": "+10:00", "aedt": "+11:00",
} | dict.fromkeys(("est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt"), "")
# Days of the calendar by name: (month, day), or a rule that `holidays` knows.
FEASTS: dict[str, tuple[int, int] | str] = {
    "new year's day": (1, 1), "new years day": (1, 1), "new year's eve": (12, 31), "new years eve": (12, 31),
    "christmas eve": (12, 24), "christmas day": (12, 25), "christmas": (12, 25), "boxing day": (12, 26),
    "halloween": (10, 31), "independence day": (7, 4), "fourth of july": (7, 4), "bastille day": (7, 14),
    "valentine's day": (2, 14), "st. patrick's day": (3, 17), "saint patrick's day": (3, 17), "may day": (5, 1),
    "veterans day": (11, 11), "armistice day": (11, 11), "april fool's day": (4, 1), "april fools' day": (4, 1),
    "victory day": (5, 9), "international women's day": (3, 8), "all saints' day": (11, 1), "anzac day": (4, 25),
    "groundhog day": (2, 2), "columbus day": "columbus", "easter": "easter", "easter sunday": "easter",
    "good friday": "good friday", "easter monday": "easter monday", "palm sunday": "palm sunday",
    "ash wednesday": "ash wednesday", "ascension day": "ascension", "pentecost": "pentecost",
    "thanksgiving": "thanksgiving", "thanksgiving day": "thanksgiving", "labor day": "labor",
    "memorial day": "memorial", "martin luther king day": "king", "presidents day": "presidents",
    "presidents' day": "presidents", "mother's day": "mothers", "father's day": "fathers",
    "election day": "election", "mardi gras": "mardi gras",
}
# Days that became the name of what happened on them: (month, day) -> year.  Read so before "attacks", "massacre" and
# the like.
EVENTS = {(9, 11): 2001, (7, 7): 2005, (1, 6): 2021, (10, 7): 2023}
# Vague words: TIMEX3 value, and the share of their occurrences that annotators marked (TimeBank, AQUAINT).
REFERENCES: dict[str, tuple[str, float]] = {
    "now": ("PRESENT_REF", 0.70), "right now": ("PRESENT_REF", 0.9), "currently": ("PRESENT_REF", 0.58),
    "these days": ("PRESENT_REF", 0.9), "nowadays": ("PRESENT_REF", 0.8),
    "recently": ("PAST_REF", 0.65), "more recently": ("PAST_REF", 0.7),
    "most recently": ("PAST_REF", 0.7), "the near future": ("FUTURE_REF", 0.9),
    "the distant future": ("FUTURE_REF", 0.9),
    "the distant past": ("PAST_REF", 0.9), "the recent past": ("PAST_REF", 0.9),
    "as soon as possible": ("FUTURE_REF", 0.6), "the near term": ("FUTURE_REF", 0.6),
    "the short term": ("FUTURE_REF", 0.6),
}
FREQUENCIES = {"daily": "P1D", "weekly": "P1W", "monthly": "P1M", "yearly": "P1Y", "annually": "P1Y", "hourly": "PT1H",
               "nightly": "XXXX-XX-XXTNI"}

# Every class with its words; a dictionary gives the words values.  Classes without words are those of numbers, phrases
# and punctuation, which `expressions.tokens` recognises by their form.
CLASSES: dict[str, tuple[str, ...] | dict[str, int] | dict[str, str]] = {
    "month": MONTHS, "weekday": WEEKDAYS, "weekdayshort": WEEKDAY_SHORT,
    "weekdays": {name + "s": number for name, number in WEEKDAYS.items()},
    "unit": {unit: unit for unit in UNIT if unit != "second"},
    "units": UNIT_PLURAL, "quarter": {"quarter": "quarter"}, "quarters": {"quarters": "quarter"},
    "half": {"half": "half"}, "weekend": {"weekend": "weekend"}, "weekends": {"weekends": "weekend"},
    "period": ("period",), "season": SEASONS, "seasons": {"springs": 0, "summers": 1, "autumns": 2, "winters": 3},
    "number": NUMBERS, "big": BIG_NUMBERS, "ordinal": {word: n for word, n in ORDINALS.items() if word != "second"},
    "second": {"second": 2}, "decadeword": DECADES, "part": PARTS, "clockword": CLOCK_WORDS, "zone": ZONES,
    "frequency": FREQUENCIES, "annual": ("annual",), "today": {"today": 0, "yesterday": -1, "tomorrow": 1},
    "tonight": ("tonight",), "overnight": ("overnight",),
    "a": ("a", "an"), "the": ("the",), "of": ("of",), "in": ("in", "during"), "on": ("on",),
    "to": ("to", "through", "until", "till"), "and": ("and",), "or": ("or",), "from": ("from",), "at": ("at",),
    "this": ("this",), "that": ("that",), "these": ("these", "those"), "its": ("its", "their", "our"),
    "last": ("last",), "next": ("next",), "past": ("past",), "previous": ("previous", "prior", "preceding"),
    "following": ("following", "ensuing"), "coming": ("coming", "upcoming"), "same": ("same",),
    "current": ("current",), "latest": ("latest",), "recent": ("recent",), "each": ("each", "every"),
    "ago": ("ago",), "earlier": ("earlier",), "later": ("later",), "before": ("before",), "after": ("after",),
    "hence": ("hence",), "early": ("early",), "late": ("late",), "mid": ("mid",),
    "beginning": ("beginning", "start"), "middle": ("middle",), "end": ("end",), "very": ("very",),
    "about": ("about", "around", "approximately", "roughly", "circa"), "almost": ("almost", "nearly"),
    "over": ("over",), "more": ("more",), "less": ("less", "fewer"), "than": ("than",), "least": ("least",),
    "most": ("most",), "up": ("up",), "no": ("no",), "few": ("few",), "several": ("several",), "couple": ("couple",),
    "additional": ("additional", "extra", "full", "consecutive", "straight", "trading", "working", "business"),
    "so": ("so",), "old": ("old",), "long": ("long",), "fiscal": ("fiscal", "financial"),
    "comparable": ("corresponding", "comparable"), "once": ("once", "twice"), "sometime": ("sometime",),
    "ahead": ("ahead",), "future": ("future",), "bc": ("bc", "bce"), "ad": ("ad", "ce"), "oclock": ("o'clock",),
    "feast": (), "reference": (), "year4": (), "shortyear": (), "small": (), "int": (), "dec": (), "frac": (),
    "nth": (), "numdate": (),
    "yearrange": (), "numrange": (), "clock": (), "ampm": ("am", "pm"), "decade": (), "qnum": (), "fy": (),
    "hyphen": (), "comma": (), "dot": (), "poss": (), "lparen": (), "rparen": (),
}

# Words that are a month, a weekday or a zone only with a capital.
CAPITALISED = frozenset((*MONTHS, *WEEKDAY_SHORT, *ZONES)) - {"january", "february", "september", "october",
    "november", "december"}

# Classes whose presence alone makes a run of words worth the patterns' while.
TRIGGERS = (
    "month", "weekday", "weekdayshort", "weekdays", "unit", "units", "quarter", "quarters", "weekend", "weekends",
    "period", "season", "seasons", "decadeword", "part", "clockword", "feast", "reference", "frequency", "annual",
    "today", "tonight", "overnight", "zone", "year4", "shortyear", "past", "future", "numdate", "yearrange", "clock",
    "ampm", "decade", "qnum", "fy",
    "half", "oclock", "bc", "ad", "number",
)
