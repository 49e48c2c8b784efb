"""What an input may be at most, in one place, and the refusal of one that is more.

Every limit has a reason in `documents.rejected`: what is beyond it is a row, never an error of the run.
"""

MAX_DOCUMENT = 20_000_000
"""Bytes of one document after decompression (`too_large`; for a line of .jsonl `line_too_long`). A long report has
under 1 MB; what is larger is data or an attack."""
MAX_LINE = 1_000_000
"""Code points in one line of plain text (`line_too_long`): a paragraph of 150,000 words is data, and what reads it is
made for paragraphs."""
MAX_EXPANDED = 20_000_000_000
"""Bytes that one packed file of records may expand to (`bomb`). An archive of Common Crawl News has 1 GB and expands to
5; documents of their own are bounded by MAX_DOCUMENT."""
MAX_RATIO = 200
"""Times its own size that a packed file, or a packed document in a file, may expand to once past RATIO_FROM (`bomb`).
Text reaches 3 to 10, deflate's limit is 1032."""
RATIO_FROM = 1_000_000
"""Bytes of expansion up to which no ratio counts: a short text of one letter is no bomb."""
MAX_HEADER = 65_536
"""Bytes of the header of a WARC record (`bad_warc`); those of Common Crawl have under 2,000."""
MAX_JSON_DEPTH = 100
"""Open brackets in a line of .jsonl (`too_deep`). News records have under 5; Python's own parser ends at about 1000."""
MAX_HTML_DEPTH = 200
"""Open elements of a page (`too_deep`). lxml cuts a page at 254 and says nothing; news pages have 15 to 40."""
MAX_TAGS = 200_000
"""Tags of a page (`too_deep`). News pages have 500 to 5,000; the extractor takes a minute for a million."""


class RejectedError(Exception):
    """An input that cannot be used: `documents.rejected` and `documents.rejected_detail`. It becomes a row, here or in
    clean.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
