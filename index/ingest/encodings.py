"""Bytes -> text: byte order mark, declared charset, UTF-8, then a statistical guess; and what is stripped."""

from __future__ import annotations

import codecs
import re
from functools import cache

from konkyo.index.errors import SourceError

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
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932",
          "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "iso-8859-1": "cp1252", "latin-1": "cp1252", "ascii": "utf-8", "us-ascii": "utf-8"}  # fmt: skip
# Control characters, zero-width characters and marks that turn the direction of writing: invisible,
# so able to hide words from a reader. Joiners between letters and emoji stay.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
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
    declared within, UTF-8 without an error, UTF-16 without a mark, a statistical guess.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return clean(_strictly(content, name, source))
    declared = _DECLARED.search(content[:4096])
    for named in (charset, declared[1].decode("ascii") if declared else None):
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
        return clean(_guessed(content, source))
    return clean(_guessed(content, source) if "\0" in text[:4096] else text)


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


_GUESSES = (
    "cp932",
    "euc_jp",
    "cp949",
    "gb18030",
    "big5",
    "cp1252",
    "cp1251",
    "utf-16-le",
    "utf-16-be",
)


def _guessed(content: bytes, source: str) -> str:
    """The decoding whose letters are most like those of written language."""
    best: tuple[float, str] = (0.0, "")
    wide = b"\0" in content[:4096]
    for charset in _GUESSES:
        if charset.startswith("utf-16") == wide or charset.startswith("utf-16"):
            try:
                text = content.decode(charset)
            except UnicodeDecodeError:
                continue
            if charset.startswith("utf-16") and _known(text) < 0.95:
                continue
            best = max(best, (_plausible(text), text))
    if best[0] < (0.3 if wide else 0.45):
        raise SourceError(
            source, "it is not text in any encoding Konkyo knows; if it is text, save it as UTF-8"
        )
    return best[1]


def _known(text: str) -> float:
    """The share of characters that are letters or marks of the scripts known here."""
    sample = text[:4000]
    common = _common()
    return sum(c in common or " " <= c <= "~" or c in "\r\n\t" for c in sample) / max(
        1, len(sample)
    )


def _plausible(text: str) -> float:
    """How likely letters are those of a written language: a share, more or less."""
    sample = text[:4000]
    common = _common()
    found = sum(common.get(c, 0.0) for c in sample if ord(c) > 127)
    total = sum(1 for c in sample if ord(c) > 127)
    controls = len(_HIDDEN.findall(sample))
    return (found / total if total else 1.0) - 5 * controls / max(1, len(sample))


@cache
def _common() -> dict[str, float]:
    """How usual characters are in news, 0..1; enough to tell right decodings from wrong ones."""
    common: dict[str, float] = {}
    for first, last, weight in (
        (0x3041, 0x3094, 1.0),
        (0x30A1, 0x30FC, 0.9),
        (0xAC00, 0xD7A3, 0.45),
        (0x4E00, 0x9FFF, 0.3),
        (0x0410, 0x044F, 0.8),
        (0x0E01, 0x0E5B, 0.8),
        (0x0600, 0x06FF, 0.8),
        (0x0900, 0x097F, 0.8),
        (0x00C0, 0x017F, 0.2),
    ):
        for code in range(first, last + 1):
            common[chr(code)] = weight
    for c in "的一是了不在有人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处理世车":
        common[c] = 0.8
    for c in "人日本国年月大会政府首相米中東京新長者時分出事業力発表高同上行見学生自社議党選挙外関係今後前者内":
        common[c] = 0.8
    for c in "이다는의을에가고하지로기사한은도인서대정시자를아리라나과만부보제주있었습니어":
        common[c] = 1.0
    for c in "。、，「」『』（）・！？：；“”‘’…　—–〜～０１２３４５６７８９％":
        common[c] = 1.0
    for c in "éèàçùâêîôûëïüöäßñáíóúÄÖÜÉãõåøæ£€":
        common[c] = 0.9
    return common
