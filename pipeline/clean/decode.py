"""Bytes to text, strictly: the codec gives the very bytes back, or the document is refused.

The ladder: the declared encoding alone where there is one; else a byte order mark, UTF-8, what a web page says of
itself, and at last a detector, for texts long enough to tell. A byte order mark stays in the text, so that each
character of it leads back to its own bytes; a cleaning rule takes it away later.
"""

import codecs
import re
import unicodedata

from pipeline.read import RejectedError, codec_name

MIN_DETECT = 200
"""Bytes below which no encoding is guessed: chardet 7 took nine bytes of cp1252 for another code page."""
MIN_CONFIDENCE = 0.2
"""Of chardet 7, whose figures are low (0.2 to 0.7 where it is right); what it is wrong about, `_IMPROBABLE` tells."""
MAX_CONTROLS = 0.01
"""Share of control characters above which a text with more than two is none. Scanned texts have under one in a
thousand."""

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(rb"<meta[^>]{0,200}charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_META_WITHIN = 4096  # bytes; a browser looks at 1024
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# What chardet's guesses are believed for; DOS and other Macintosh pages are too rare for its errors.
_GUESSED = re.compile(
    r"cp125[0-8]|iso8859-.*|koi8-.*|mac-roman|utf-.*|gb.*|big5.*|euc_.*|shift_jis.*|cp932|cp949|tis-620|cp874"
)
# What a wrong code page leaves: an accented capital behind a small letter or alone, a sign inside a word, a control
# character.
_IMPROBABLE = re.compile(
    "[a-zß-ÿ][À-ÖØ-Þ]|(?<!\\S)[Á-ÇË-ÖØ-Þ](?!\\S)|[^\\W\\d_][‚„†‡ˆ‰¡-©¬®-¶¸¹¼-¿][^\\W\\d_]|[\x80-\x9f]|ÿ|Õ[A-Z][a-z]|[0-9.,:;]Ê"
)


def decode(content: bytes, declared: str | None, *, web: bool = False) -> tuple[str, str]:
    """The text and the codec that gives `content` back; raises RejectedError with the byte offset.

    Args:
        content: the raw document.
        declared: codec that source.toml names, as `read.codec_name` gives it.
        web: whether to believe a `<meta charset>` where the bytes are no UTF-8.
    """
    text, codec = _ladder(content, declared, web)
    if b"".join(text[i : i + 4096].encode(codec) for i in range(0, len(text), 4096)) != content:
        raise RejectedError("encoding_error", f"{codec} does not give the bytes back that it decodes")
    nul = text.find("\0")
    if nul >= 0:
        raise RejectedError("binary", f"a NUL character at byte {len(text[:nul].encode(codec))}")
    control = _CONTROL.search(text)
    if control and (count := len(_CONTROL.findall(text))) > max(2, MAX_CONTROLS * len(text)):
        place = len(text[: control.start()].encode(codec))
        raise RejectedError("binary", f"{count} control characters, the first at byte {place}")
    return text, codec


def _ladder(content: bytes, declared: str | None, web: bool) -> tuple[str, str]:
    if declared is not None:
        return _strict(content, declared, "declared"), declared
    for mark, codec in _MARKS:
        if content.startswith(mark):
            return _strict(content, codec, "by its byte order mark"), codec
    if b"\0" in content:
        raise RejectedError("binary", f"a NUL byte at byte {content.index(0)}")
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        _refuse_surrogates(content, "utf-8", error)
        broken = error.start
    told = _META.search(content, 0, _META_WITHIN) if web else None
    if told:
        name = codec_name(told[1].decode("ascii"))
        # As browsers do: who writes Latin-1 or ASCII means the Windows code page.
        name = "cp1252" if name in ("iso8859-1", "ascii") else name
        try:
            if name:
                return content.decode(name), name
        except UnicodeDecodeError:
            pass
    return _detected(content, broken)


def _strict(content: bytes, codec: str, how: str) -> str:
    try:
        return content.decode(codec)
    except UnicodeDecodeError as error:
        _refuse_surrogates(content, codec, error)
        raise RejectedError("encoding_error", f"no {codec} ({how}) at byte {error.start}: {error.reason}") from error


def _refuse_surrogates(content: bytes, codec: str, error: UnicodeDecodeError) -> None:
    """Refuse as bad Unicode what only lone surrogates keep from decoding."""
    if not codec.startswith("utf"):
        return
    try:
        content.decode(codec, "surrogatepass")
    except UnicodeDecodeError:
        return
    raise RejectedError("bad_unicode", f"a lone surrogate at byte {error.start}") from error


def _detected(content: bytes, broken: int) -> tuple[str, str]:
    """What chardet says, when it is sure enough and the text it gives is likely one."""
    import chardet

    why = f"no UTF-8 at byte {broken}, and "
    if len(content) < MIN_DETECT:
        raise RejectedError(
            "encoding_unknown", f"{why}{len(content)} bytes are too few to tell another encoding; declare it"
        )
    found = chardet.detect(content)
    name = codec_name(found["encoding"]) if found["encoding"] else None
    if name is None or not _GUESSED.fullmatch(name) or found["confidence"] < MIN_CONFIDENCE:
        raise RejectedError("encoding_unknown", f"{why}no other encoding is likely; declare it in source.toml")
    try:
        text = content.decode(name)
    except UnicodeDecodeError:
        raise RejectedError("encoding_unknown", f"{why}it is no {name} either; declare it in source.toml") from None
    odd = _IMPROBABLE.search(text)
    if odd or any(unicodedata.category(letter) in ("Cn", "Co") for letter in set(text)):
        raise RejectedError(
            "encoding_unknown", f"{why}as {name} it holds improbable letters; declare it in source.toml"
        )
    return text, name
