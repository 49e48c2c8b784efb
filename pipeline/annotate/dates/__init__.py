"""When: temporal expressions of English news, the document's date, and the date of each claim.

No model, no clock, no locale: rules over a lexicon, the calendar, and the document's own date.  The same text
gives the same values on any day and any machine.  Precision is never invented: "December 2024" is `2024-12`.

    document = document_date(metadata="2025-04-28")
    timexes = find("Talks resume on Friday.", document)
    dates = claim_dates(text, timexes, claims, document)

Values are named tuples: data classes alone would cost a third of the time that this package takes to import.
`edtf` reads and writes the EDTF values; `find_all` also says what was refused and why.
"""

from pipeline.annotate.dates import edtf
from pipeline.annotate.dates.annotator import Found, Timex, find, find_all
from pipeline.annotate.dates.claims import ClaimDate, ClaimSpan, claim_dates, dated, said_on
from pipeline.annotate.dates.document import DocumentDate, document_date
from pipeline.annotate.dates.expressions import Reject
from pipeline.annotate.dates.gold import predict_links, predict_timexes

__all__ = [
    "ClaimDate",
    "ClaimSpan",
    "DocumentDate",
    "Found",
    "Reject",
    "Timex",
    "claim_dates",
    "dated",
    "document_date",
    "edtf",
    "find",
    "find_all",
    "predict_links",
    "predict_timexes",
    "said_on",
]
