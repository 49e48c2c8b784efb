"""The annotator on the evaluation's own rows: documents with gold expressions, and reporting verbs with the day they
happened.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.annotate.dates.annotator import find
from pipeline.annotate.dates.claims import said_on
from pipeline.annotate.dates.document import DocumentDate, document_date


def _written(row: Mapping[str, Any]) -> DocumentDate:
    """The creation time that the gold gives ("1998-03-06T13:19:00" counts as its day); without one, what the text
    tells.
    """
    return document_date(metadata=row["dct"][:10]) if row.get("dct") else document_date(text=row["text"])


def predict_timexes(document: Mapping[str, Any]) -> dict[str, Any]:
    """What `score_dates` reads for one document `{doc_id, dct, text}`: its `timexes` with span, type, value and
    confidence.
    """
    names = ("start", "end", "type", "value", "confidence")
    timexes = [{name: getattr(t, name) for name in names} for t in find(document["text"], _written(document))]
    return {"doc_id": document["doc_id"], "timexes": timexes}


def predict_links(document: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The day of each event of saying `{doc_id, start, end, ...}` of one document `{doc_id, dct, text}`.

    Returns the rows in the order of the text, each with `date`: `YYYY-MM-DD`, or None without evidence; and its
    `confidence`.
    """
    ordered = sorted(rows, key=lambda row: (row["start"], row["end"]))
    written = _written(document)
    days = said_on(
        document["text"], [(row["start"], row["end"]) for row in ordered], find(document["text"], written), written
    )
    return [
        {**row, "date": day.edtf.rstrip("~") if day.edtf else None, "confidence": day.confidence}
        for row, day in zip(ordered, days, strict=True)
    ]
