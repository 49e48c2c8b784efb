"""One pass over the source of a web page: what it shows, and where; what it tells of itself.

lxml gives no places in the source, and html.parser takes the square of some broken input; this reads each tag once.
"""

import html
import re
from dataclasses import dataclass, field

from pipeline.offsets import Edit
from pipeline.read import RejectedError
from pipeline.read.limits import MAX_HTML_DEPTH, MAX_TAGS

MIN_BLOCK = 40
"""Letters of a block that count as the page's own text; shorter ones are mostly menus and captions."""

# Possessive, and quotation marks count only behind "=", as in HTML: each tag is read once, whatever stands in it.
_TAG = re.compile(r"""<(/?)([a-zA-Z][^\s/>]{0,60})((?:[^>"'=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+|["'])*+)>""")
_ATTRIBUTE = re.compile(r"""([^\s=/>"']{1,60})\s{0,9}=\s{0,9}("[^"]*"|'[^']*'|[^\s>"']+)""")
_ENTITY_OR_BLANK = re.compile(  # blanks but for a single space, which stays
    r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?|[\t\r\n\f][ \t\r\n\f]*| [ \t\r\n\f]+"
)
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
_BEYOND = re.compile(r"[^\W\d_\x00-\x7f]")  # letters beyond ASCII
_ASIDE = re.compile(  # words in class and id
    r"(?:^|[\s_-])(?:comments?|related|promo|sidebar|newsletter|cookies?|consent|share|sharing|social|nav|menu|footer"
    r"|disqus|subscribe|signup|advert|ads?|sponsored|recommended|teasers?|breadcrumbs?|popup|modal|banner|paywall|poll"
    r"|tags?)(?:$|[\s_-])",
    re.IGNORECASE,
)

_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_RAW = frozenset({
    "script", "style", "textarea", "title", "iframe", "noembed", "noframes", "xmp",
})  # fmt: skip
_UNSEEN = frozenset({
    "template", "svg", "math", "object", "select", "datalist",
})  # fmt: skip
_ASIDES = frozenset({
    "nav", "footer", "aside", "form", "figure", "button", "dialog", "noscript",
})  # fmt: skip
_BLOCK = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "button", "caption", "center", "dd", "details",
    "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hr", "html", "legend", "li", "main", "menu", "nav", "ol", "option", "p", "pre",
    "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
})  # fmt: skip
# What an opening tag ends when it is still open: end tags that HTML lets people leave away.
_ENDS = {
    "li": {"li", "p"},
    "dt": {"dt", "dd", "p"},
    "dd": {"dt", "dd", "p"},
    "tr": {"tr", "td", "th", "p"},
    "td": {"td", "th", "p"},
    "th": {"td", "th", "p"},
    "option": {"option"},
}
_ENDS |= {name: {"p"} for name in _BLOCK - {"br", "button", "caption", "html", "body"} - set(_ENDS)}


@dataclass(slots=True)
class Walk:
    """One pass over a page's source; what it gathers as it goes.

    Attributes:
        source: the page.
        edits: what is left of the source after them is what the page shows, a newline where a block begins or ends.
        metas: content of each meta element, by its name or property in lower case; the first counts.
        canonical: address that the page gives itself.
        title: the title element, as written.
        ledgers: contents of the JSON-LD scripts.
        headlines: source spans of what stands in h1 elements.
        shares: letters of the page's own paragraphs, by the outermost article or main element that holds them; 0 is
        none.
    """

    source: str
    edits: list[Edit] = field(default_factory=list)
    metas: dict[str, str] = field(default_factory=dict)
    canonical: str | None = None
    title: str | None = None
    ledgers: list[str] = field(default_factory=list)
    headlines: list[tuple[int, int]] = field(default_factory=list)
    shares: dict[int, int] = field(default_factory=dict)
    _open: list[tuple[str, bool, bool]] = field(default_factory=list)  # name, whether unseen, whether an aside
    _tags: int = 0
    _unseen: int = 0
    _asides: int = 0
    _links: int = 0
    _kept: int = 0  # elements open that keep their blanks
    _articles: int = 0
    _article: int = 0  # number of the outermost one that is open; 0 is none
    _block: int = 0  # letters of the block so far
    _linked: int = 0  # those of them that stand in links

    def letters(self) -> int:
        """Letters of the article that has most, or of the page where none is marked."""
        return max((count for article, count in self.shares.items() if article), default=self.shares.get(0, 0))

    def run(self) -> None:
        """Walk; raises RejectedError when there are too many elements, or too deep in one another."""
        source, at = self.source, 0
        while (tag := source.find("<", at)) >= 0:
            if at < tag:
                self._text(at, tag)
            match = _TAG.match(source, tag)
            at = self._tag(match) if match else self._other(tag)
        if at < len(source):
            self._text(at, len(source))
        self._flush()

    def _tag(self, match: re.Match[str]) -> int:
        """Read a tag, with its content where that is no markup; returns where it ends."""
        at, end = match.span()
        closing, name, written = match.groups()
        name = name.lower()
        self._tags += 1
        if self._tags > MAX_TAGS:
            raise RejectedError("too_deep", f"more than {MAX_TAGS} tags, the last at character {at}")
        block = name in _BLOCK
        if block:
            self._flush()
        if not closing:
            end = self._start(name, written, at, end)
        elif any(element[0] == name for element in reversed(self._open)):
            while self._pop(at) != name:
                pass
        self.edits.append(Edit(at, end, "\n" if block and not self._unseen else ""))
        return end

    def _other(self, at: int) -> int:
        """Read what begins with `<` and is no whole tag; returns where it ends."""
        source = self.source
        if source.startswith("<!--", at):
            return self._gone(at, source.find("-->", at + 2), 3)
        following = source[at + 1 : at + 3]
        if following[:1] in ("!", "?") or (following[:1] == "/" and not following[1:].isalpha()):
            return self._gone(at, source.find(">", at), 1)
        if (following[:1].isascii() and following[:1].isalpha()) or following[:1] == "/":
            return self._gone(at, -1, 0)
        self._text(at, at + 1)  # a bare "<"
        return at + 1

    def _start(self, name: str, written: str, at: int, end: int) -> int:
        """An opening tag, with its content where that is no markup; returns where it ends."""
        if name in ("meta", "link", "script") or "class" in written or "id" in written:
            attributes = {
                key.lower(): html.unescape(value[1:-1] if value[0] in "\"'" else value)
                for key, value in _ATTRIBUTE.findall(written)
            }
        else:
            attributes = {}
        if name == "meta":
            key = (attributes.get("property") or attributes.get("name") or "").lower()
            self.metas.setdefault(key, attributes.get("content", "").strip())
        elif name == "link" and attributes.get("rel", "").lower() == "canonical":
            self.canonical = self.canonical or attributes.get("href")
        if name in _RAW:
            close = re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE).search(self.source, end)
            content = self.source[end : close.start() if close else len(self.source)]
            if name == "title" and self.title is None:
                self.title = html.unescape(content)
            elif name == "script" and "ld+json" in attributes.get("type", ""):
                self.ledgers.append(content)
            return end + len(content)
        if name in _VOID or (written.endswith("/") and name in _UNSEEN):
            return end
        while self._open and self._open[-1][0] in _ENDS.get(name, ()):
            self._pop(at)
        unseen = name in _UNSEEN
        aside = name in _ASIDES or (
            bool(attributes)
            and name not in ("html", "body", "main", "article")
            and bool(_ASIDE.search(f"{attributes.get('class', '')} {attributes.get('id', '')}"))
        )
        self._open.append((name, unseen, aside))
        self._unseen += unseen
        self._asides += aside
        self._links += name == "a"
        self._kept += name == "pre"
        if name in ("article", "main") and not self._article:
            self._articles += 1
            self._article = self._articles
        if name == "h1":
            self.headlines.append((end, end))
        if len(self._open) > MAX_HTML_DEPTH:
            raise RejectedError("too_deep", f"more than {MAX_HTML_DEPTH} open elements at character {at}")
        return end

    def _pop(self, at: int) -> str:
        name, unseen, aside = self._open.pop()
        self._unseen -= unseen
        self._asides -= aside
        self._links -= name == "a"
        self._kept -= name == "pre"
        if name in ("article", "main") and not any(element[0] in ("article", "main") for element in self._open):
            self._article = 0
        if name == "h1" and self.headlines[-1][0] == self.headlines[-1][1]:
            self.headlines[-1] = (self.headlines[-1][0], at)
        return name

    def _text(self, start: int, end: int) -> None:
        if self._unseen:
            self.edits.append(Edit(start, end))
            return
        words = self.source[start:end]
        count = count_letters(words)
        odd = "&" in words or "  " in words or not words.isprintable()
        for match in _ENTITY_OR_BLANK.finditer(self.source, start, end) if odd else ():
            if match[0][0] == "&":
                meant = html.unescape(match[0])
                count += count_letters(meant) - count_letters(match[0])
            elif self._kept:
                continue
            else:
                meant = " "
            if meant != match[0]:
                self.edits.append(Edit(match.start(), match.end(), meant))
        self._block += count
        self._linked += count if self._links else 0

    def _gone(self, at: int, found: int, length: int) -> int:
        """Delete from a place to the end of what was found, or of the page."""
        end = found + length if found >= 0 else len(self.source)
        self.edits.append(Edit(at, end))
        return end

    def _flush(self) -> None:
        """End a block: count its letters where it is text of the page's own."""
        if not self._block:
            return
        if self._block >= MIN_BLOCK and 2 * self._linked < self._block and not self._asides:
            self.shares[self._article] = self.shares.get(self._article, 0) + self._block
        self._block = self._linked = 0


def count_letters(text: str) -> int:
    """Number of letters of any script."""
    plain = len(text.encode("ascii", "ignore").translate(None, _NO_LETTERS))
    return plain if text.isascii() else plain + len(_BEYOND.findall(text))
