"""Bytes -> text, by byte order mark, declared charset, UTF-8 or a guess; and what is stripped."""

from __future__ import annotations

import codecs
import re

from konkyo.index.errors import SourceError
from konkyo.index.ingest.charset_guess import guessed

__all__ = ["clean", "decode"]

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,100}?encoding)\s*+=\s*+(?:[\"']\s*+)?([A-Za-z0-9_:.-]{2,40})",
    re.IGNORECASE,
)
# What pages call these charsets, and those that hold all their letters.
_WIDER = {
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987"), "cp949"),
    **dict.fromkeys(("iso-8859-1", "latin-1"), "cp1252"),
    **dict.fromkeys(("iso-8859-9", "latin-5", "windows-1254"), "cp1254"),
    **dict.fromkeys(("tis-620", "iso-8859-11", "windows-874"), "cp874"),
    **dict.fromkeys(("big5-hkscs", "big5"), "big5hkscs"),
    **dict.fromkeys(("ascii", "us-ascii"), "utf-8"),
}
# Control characters, zero-width characters and marks that turn the direction of writing: invisible,
# so able to hide words from a reader. Joiners between letters and emoji stay.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_HEAD = 4096
_WHOLE = 20
_WIDE_UNITS = re.compile("utf-?(?:16|32)|ucs-?[24]|unicode", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NEWLINES = re.compile("\r\n?|\x0c|\x85|\u2028|\u2029")


def clean(text: str) -> str:
    """One kind of line break and nothing invisible; letters are left exactly as they are.

    Half of a surrogate pair is no character and cannot be stored: U+FFFD takes its place.
    """
    return _SURROGATE.sub("\ufffd", _HIDDEN.sub("", _NEWLINES.sub("\n", text)))


def decode(content: bytes, source: str, charset: str | None = None) -> str:
    """The text of a file or page, cleaned. Raises SourceError if it is not text.

    ``charset`` is what a server said. Order of trust: byte order mark, ``charset`` or a charset
    declared at its head, UTF-8 without an error, UTF-16 without a mark, UTF-8 with few errors, a
    charset declared further down, a guess.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return clean(_strictly(content, name, source))
    for named in (charset, _declared(content, _HEAD)):
        text = _declared_as(content, named)
        if text is not None:
            return clean(text)
    if b"\x1b$B" in content or b"\x1b$@" in content:
        text = _declared_as(content, "iso2022_jp")
        if text is not None:
            return clean(text)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        late = _mostly_utf8(content) or _declared_as(content, _declared(content, len(content)))
        return clean(late or _guessed(content, source))
    return clean(_guessed(content, source) if "\0" in text[:4096] else text)


def _declared(content: bytes, end: int) -> str | None:
    """The charset that a page names before an offset; none that its name cannot be written in."""
    found = _DECLARED.search(content, 0, end)
    name = found[1].decode("ascii") if found else None
    return None if name and _WIDE_UNITS.match(name) else name


def _mostly_utf8(content: bytes) -> str | None:
    """The text of UTF-8 with U+FFFD for what is broken, if twenty times as much is whole.

    Letters of ASCII are not counted, because they are the same in other charsets.
    """
    text = content.decode("utf-8", "replace")
    broken = text.count("\ufffd") - content.count(b"\xef\xbf\xbd")
    whole = sum(map(str.isascii, text))
    return text if "\0" not in text and broken * _WHOLE <= len(text) - whole - broken else None


def _guessed(content: bytes, source: str) -> str:
    text = guessed(content)
    if text is None:
        raise SourceError(
            source, "it is not text in any encoding Konkyo knows; if it is text, save it as UTF-8"
        )
    return text


def _strictly(content: bytes, charset: str, source: str) -> str:
    try:
        return content.decode(charset)
    except UnicodeDecodeError as exc:
        raise SourceError(
            source,
            f"its byte order mark says {charset}, but byte {exc.start} is not; save it as UTF-8",
        ) from exc


def _declared_as(content: bytes, charset: str | None) -> str | None:
    if not charset:
        return None
    try:
        return content.decode(_WIDER.get(charset.lower(), charset))
    except (LookupError, ValueError):
        # ValueError: Python also knows charsets that are none of text, such as `idna`.
        return None
