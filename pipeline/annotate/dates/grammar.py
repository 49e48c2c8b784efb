"""The patterns of temporal expressions, over token classes.

A pattern is made of class names (`lexicon.CLASSES`), macros in capitals, `<name:...>` for a part that the resolver
reads,
`!name` for a class that must not follow, and the operators of regular expressions.  Every repetition is bounded, so
that matching is linear in the text.
"""

import re
from functools import cache

from pipeline.annotate.dates.lazy import lazy
from pipeline.annotate.dates.tokens import LETTER

_MACROS = {
    "UNIT": "(unit|units|quarter|quarters|weekend|weekends)",
    "WORDS": "(number (hyphen? number)?)",
    "NUM": "(small hyphen? frac|small|int|year4|dec|frac|WORDS|(WORDS|a|small|dec)? big big? (and? WORDS)?)",
    "FEW": "(the? a? few|several|a? couple of?)",
    "COUNT": "(NUM ((hyphen? and hyphen?) a? half)?|FEW|a)",
    "APPROX": "(about|almost|no? (more|less) than|at (least|most)|up to)",
    "NEAR": "(last|next|this|past|previous|following|coming|same|that|each)",
    "WHICH": "(NEAR|current|latest|recent|these)",
    "ORD": "(ordinal|second|nth)",
    "DAY": "(small|nth|ordinal|second)",
    "WD": "((NEAR{0,2} weekday|weekdayshort dot?) comma?)",
    "TAIL": "<tail:ago|earlier|later|from reference|hence>",
    "LIST": "<list:numrange|small (comma? (and|or|to|hyphen) small|comma small){1,3}>",
    "ZONE": "(<zone:zone>|lparen <zone:zone> rparen)",
    "OFYEAR": "((comma|of)? <year:year4>)",
    "CYEAR": "(comma? <year:year4>)",
}

RULES: dict[str, str] = {
    "numdate": "WD? <date:numdate>",
    "monthday": "(WD|last|this|next)? <month:month> dot? the? <day:DAY> CYEAR?",
    "daymonth": "WD? the? <day:DAY> of? <month:month> dot? CYEAR?",
    "days": "WD? <month:month> dot? LIST !month CYEAR?",
    "daysmonth": "LIST <month:month> dot? CYEAR?",
    "month": "<which:last|next|this|previous|following|coming|same|that|each>? <month:month> dot? OFYEAR?",
    "weekday": "(on|<det:the|this|that>)? <which:NEAR>? <weekday:weekday> (the <day:nth>)? <edge:early|late>? "
    "<part:part>?",
    "weekdays": "<weekday:weekdays> <part:part>?",
    "today": "<today:today> <part:part>?",
    "tonight": "<part:tonight|overnight>",
    "part": "<which:last|next|this|that|the (same|next|previous|following)?|each> <edge:early|late|mid>? <part:part>",
    "midpart": "<edge:mid> hyphen? <part:part>",
    "sameperiod": "the (same|comparable) <unit:period|quarter>",
    "unitwhich": "(<det:the|this|its>? <which:WHICH>|<det:the|its>|<det:that> <which:same>|the very "
    "<which:same|next>) additional? <fiscal:fiscal>? <unit:unit|quarter|weekend|period>",
    "unitswhich": "(<det:the>|these)? <which:last|next|past|previous|following|coming|recent|future|these>?"
    " <unit:units|quarters|weekends> ((and|or) units|<ahead:ahead>|hyphen <long:long>)?",
    "unitlong": "<unit:unit> hyphen long",
    "yearago": "<det:the>? comparable? <yearago:unit hyphen (ago|earlier)> <unit:quarter|period|unit>?",
    "yearquarter": "the <year:year4> <unit:quarter|period>",
    "count": "(<approx:APPROX>|<over:over>)? (<det:the|these|its|each of the>)? "
    "(<which:last|past|next|previous|coming|following|latest|same|recent>|<ord:ordinal>)?"
    " <count:COUNT> (more|additional){0,2} <hyphen:hyphen>? <unit:UNIT> (hyphen? <old:old|long>)? TAIL?",
    "countor": "<approx:APPROX>? the? <which:last|past|next|previous|coming|following>?"
    " (<count:NUM> (and|or|to|hyphen) <second:NUM> additional? hyphen? <unit:UNIT>|a <unit:unit> (and|or) NUM) TAIL?",
    "countso": "<approx:APPROX>? the? <which:last|past|next|previous|coming>? <count:COUNT>? <unit:UNIT> or <so:so> "
    "TAIL?",
    "half": "<approx:APPROX>? (half (a|hyphen) <unit:unit>|a half hyphen? <unit:unit>|<one:a|number> "
    "<unit:unit|units> and a half) TAIL?",
    "quarter": "<det:the>? (<year:year4> poss?)? <yearago:unit hyphen (ago|earlier)>? <fiscal:fiscal>? hyphen?"
    " <which:last|next|this|past|previous|following|coming|same|latest|"
    "current>? <ord:ORD> <fiscal:fiscal>? (<hyphen:hyphen>? <unit:quarter>|<hyphen:hyphen> <unit:half>)",
    "quarters": "the? <ord:ORD|last> <count:number|small> <unit:quarters>",
    "qnum": "<qnum:qnum> (OFYEAR|<fy:fy>)?",
    "weekno": "<unit:unit> <number:small|int> (comma|of)? <year:year4>",
    "year": "(the unit)? <year:year4>|<year:shortyear>",
    "past": "<word:the past|the future|future>",
    "fiscal": "(the fiscal? unit)? fiscal? unit? <fy:fy>|the? fiscal unit? (<year:year4>|<range:yearrange>)|"
    "the? <year:year4> fiscal unit",
    "yearrange": "<range:yearrange>",
    "era": "<bc:ad> <year:small|int|year4>|<year:small|int|year4> <bc:bc|ad>",
    "yearwords": "(the <unit:unit>)? <words:number (hyphen? (number|big)){1,3}|number big and number>",
    "decade": "<the:the>? <edge:early|mid|late>? hyphen? <decade:decade|decadeword>",
    "century": "the? <edge:early|mid|late>? hyphen? <ord:ORD> hyphen? <unit:unit> <bc:bc>?",
    "season": "<det:the|this|that>? <which:NEAR>? <season:season> (of? (<year:year4>|<range:yearrange>))?",
    "feast": "<which:NEAR>? <feast:feast> CYEAR?",
    "reference": "<ref:reference>",
    "set": "each <count:number|small|ORD>? <unit:UNIT>",
    "frequency": "<freq:frequency|annual>",
    "rate": "(a|once a) <unit:unit|quarter>",
    "yearend": "the? unit (poss|hyphen)? end",
    "clock": "<approx:about|almost>? (<clock:clock> ampm?|(<hour:small|number>|<clock:dec>) "
    "(oclock|<ampm:ampm>|in the <part:part>)|<word:clockword>"
    "|<hhmm:int|year4> ZONE) ZONE?",
}
# Expressions that count only together with the one right behind them.
PREFIXES: dict[str, str] = {
    "edge": "<det:the>? <edge:early|late|mid|earlier|later> (<hyphen:hyphen>|in)?",
    "edgeof": "(the very?)? <edge:beginning|middle|end> of",
    "halfof": "the <ord:ORD|last> half of",
    "weekof": "the? <unit:unit|weekend> of",
    "partof": "the <edge:early|late>? (<part:part>|<hours:units>) (of|on)",
    "dayoff": "the? <unit:unit> <side:before|after>",
    "approx": "about|almost",
    "firstof": "the <ord:ordinal|last> <count:NUM> <unit:units> of",
}
_ITEM = lazy(
    r"<(?P<group>\w+):|(?P<macro>[A-Z]+)|(?P<word>[a-z]\w*)|(?P<open>\()|(?P<close>>)|(?P<rest>\{\d,\d\}|[?|)])"
    r"|!(?P<refused>\w+)| +"
)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of this grammar as a regular expression over class letters; `ValueError` when it cannot be read."""
    used: dict[str, int] = {}

    def translate(text: str) -> str:
        out, at = [], 0
        while at < len(text):
            item = _ITEM.match(text, at)
            if item is None:
                raise ValueError(f"pattern cannot be read at {text[at : at + 20]!r}")
            at = item.end()
            if item["group"]:
                used[item["group"]] = used.get(item["group"], 0) + 1
                out.append(f"(?P<{item['group']}_{used[item['group']]}>")
            elif item["macro"]:
                out.append(f"(?:{translate(_MACROS[item['macro']])})")
            elif item["word"]:
                out.append(LETTER[item["word"]])
            elif item["refused"]:
                out.append(f"(?!{LETTER[item['refused']]})")
            elif item["open"]:
                out.append("(?:")
            elif item["close"]:
                out.append(")")
            else:
                out.append(item["rest"] or "")
        return "".join(out)

    return re.compile(translate(pattern))
