"""News agencies' XML (NITF, NewsML-G2) -> one article an item; an item may fail alone.

A cancelled or withheld item is a retracted article; its text is empty where the item holds none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from konkyo.index.errors import SourceError
from konkyo.index.ingest.draft import Draft, article_from
from konkyo.index.ingest.encodings import clean
from konkyo.index.ingest.html import plain_text
from konkyo.index.ingest.sources import RawDocument
from konkyo.index.records import Article
from konkyo.index.text.header_dates import ParsedDate, parse_stated
from konkyo.index.text.language import is_language_code

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["read_news_xml"]

_BASIC_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z|[+-]\d\d:?\d\d)?)?")
_PARAGRAPHS = ("p", "hl2", "li", "tr", "pre", "dt", "dd")
# Of IPTC's publishing statuses (pubStatus of NewsML-G2, management-status of NITF).
_WITHDRAWN = frozenset({"canceled", "withheld"})


def read_news_xml(raw: RawDocument) -> Iterator[Article | SourceError]:
    """Read NITF or NewsML-G2: an article, or the error of its item, for each."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    root = etree.fromstring(raw.content, parser)
    if _name(root) == "nitf":
        yield _nitf_article(root, raw)
        return
    items = [root] if _name(root) == "newsItem" else _all(root, "newsItem")
    cancelled = _withdrawn_guids(items)
    for number, item in enumerate(items, 1):
        guid = item.get("guid") or ""
        withdrawn = guid in cancelled if guid else _is_withdrawn(item)
        if withdrawn and not _item_text(item) and _has_text(items, guid):
            continue
        try:
            yield _item_article(item, raw, withdrawn=withdrawn)
        except SourceError as exc:
            yield SourceError(raw.source, f"item {number}: {exc.reason}")


# --- NewsML-G2 ------------------------------------------------------------------------------------


def _is_withdrawn(item: _Element) -> bool:
    status = _attribute(item, ("itemMeta", "pubStatus"), "qcode")
    return status.rpartition(":")[2].lower() in _WITHDRAWN


def _withdrawn_guids(items: Sequence[_Element]) -> set[str]:
    """Return the guids of items whose last version in a document is cancelled or withheld."""
    last: dict[str, tuple[int, bool]] = {}
    for item in items:
        guid, version = item.get("guid") or "", item.get("version") or ""
        number = int(version) if version.isdecimal() else 0
        if guid and number >= last.get(guid, (0, False))[0]:
            last[guid] = (number, _is_withdrawn(item))
    return {guid for guid, (_, withdrawn) in last.items() if withdrawn}


def _has_text(items: Sequence[_Element], guid: str) -> bool:
    """Whether any version of an item in a document holds a text."""
    return bool(guid) and any(item.get("guid") == guid and _item_text(item) for item in items)


def _item_text(item: _Element) -> str:
    texts = map(_inline_text, _all(item, "inlineXML", "inlineData"))
    return "\n".join(filter(None, texts)).strip()


def _item_article(item: _Element, raw: RawDocument, *, withdrawn: bool) -> Article:
    """Return the article of a newsItem. Raises SourceError if it holds none and is in force."""
    text = _item_text(item)
    if not text and not withdrawn:
        raise SourceError(raw.source, "it holds no text, only a reference to one or to a picture")
    stated = _text(item, "contentMeta", "contentCreated") or _text(item, "itemMeta", "firstCreated")
    stated = stated or _text(item, "itemMeta", "versionCreated")
    provider = _attribute(item, ("itemMeta", "provider"), "literal")
    guid = item.get("guid") or ""
    draft = Draft(
        _text(item, "contentMeta", "headline") or _text(item, "itemMeta", "title"),
        text,
        published=_date(stated),
        url=guid if guid.startswith(("http://", "https://")) else None,
        author=_text(item, "contentMeta", "by") or _text(item, "contentMeta", "creator"),
        status="retracted" if withdrawn else None,
    )
    language = _attribute(item, ("contentMeta", "language"), "tag") or _language_of(item)
    outlet = _text(item, "itemMeta", "provider") or provider or None
    return article_from(draft, raw.source, _code(language), outlet)


def _inline_text(element: _Element) -> str:
    """Return the text within the element that holds the content of an item."""
    from lxml import etree

    nitf = _all(element, "nitf")
    if nitf:
        return _nitf_text(nitf[0])
    if len(element):
        # Prefixes of name spaces would make unknown tags of those of HTML.
        for child in element.iter(etree.Element):
            child.tag = _name(child)
        return plain_text(etree.tostring(element[0], encoding="unicode"))[1]
    text = "".join(element.itertext())
    kind = element.get("contenttype") or "text/plain"
    return plain_text(text)[1] if "html" in kind else clean(text).strip()


# --- NITF -----------------------------------------------------------------------------------------


def _nitf_article(root: _Element, raw: RawDocument) -> Article:
    """Return the article of a NITF document.

    Raises SourceError if there is no text in it and it is in force.
    """
    text = _nitf_text(root)
    withdrawn = _attribute(root, ("docdata",), "management-status").lower() in _WITHDRAWN
    if not text and not withdrawn:
        raise SourceError(raw.source, "there is no text in the body of this NITF document")
    stated = (
        _attribute(root, ("docdata", "date.issue"), "norm")
        or _attribute(root, ("dateline", "story.date"), "norm")
        or _attribute(root, ("head", "pubdata"), "date.publication")
    )
    url = _attribute(root, ("head", "pubdata"), "ex-ref")
    byline = re.sub(r"^by\s+", "", _text(root, "byline") or "", flags=re.IGNORECASE)
    draft = Draft(
        _text(root, "hedline", "hl1") or _text(root, "head", "title"),
        text,
        published=_date(stated),
        url=url if url.startswith(("http://", "https://")) else None,
        author=_text(root, "byline", "person") or byline or None,
        status="retracted" if withdrawn else None,
        correction=_attribute(root, ("docdata", "correction"), "info") or None,
    )
    outlet = _attribute(root, ("head", "pubdata"), "name") or _text(
        root, "body.head", "distributor"
    )
    return article_from(draft, raw.source, _code(_language_of(root)), outlet or None)


def _nitf_text(root: _Element) -> str:
    """Return the paragraphs of the body of a NITF document, pictures' captions left out."""
    lines: list[str] = []
    for body in _all(root, "body.content"):
        for element in body.iter():
            if isinstance(element.tag, str) and _name(element) in _PARAGRAPHS:
                above = {_name(a) for a in element.iterancestors()}
                if not above & {"media", *_PARAGRAPHS}:
                    lines.append(_line(element))
        if not any(lines):
            lines.append(" ".join("".join(body.itertext()).split()))
    return clean("\n".join(line for line in lines if line))


def _line(element: _Element) -> str:
    """Return the text of a paragraph, or the cells of a row with " | " between them."""
    cells = [e for e in element if isinstance(e.tag, str) and _name(e) in ("td", "th")] or [element]
    texts = (" ".join("".join(cell.itertext()).split()) for cell in cells)
    return " | ".join(text for text in texts if text)


# --- both -----------------------------------------------------------------------------------------


def _name(element: _Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _all(element: _Element, *names: str) -> list[_Element]:
    """Return all elements of some names below one, in order, whatever their name space."""
    return [e for e in element.iterdescendants() if isinstance(e.tag, str) and _name(e) in names]


def _first(element: _Element, path: tuple[str, ...]) -> _Element | None:
    """Return the first element of a path of names, each somewhere below the one before."""
    for name in path:
        found = _all(element, name)
        if not found:
            return None
        element = found[0]
    return element


def _text(element: _Element, *path: str) -> str | None:
    found = _first(element, path)
    return clean(" ".join("".join(found.itertext()).split())) or None if found is not None else None


def _attribute(element: _Element, path: tuple[str, ...], name: str) -> str:
    found = _first(element, path)
    return (found.get(name) or "").strip() if found is not None else ""


def _language_of(root: _Element) -> str:
    """Return the language that the document, or the first element that has one, states."""
    name = "{http://www.w3.org/XML/1998/namespace}lang"
    return next((e.get(name) or "" for e in root.iter() if e.get(name)), "")


def _code(language: str) -> str | None:
    code = language.lower().replace("_", "-").split("-")[0]
    return code if is_language_code(code) else None


def _date(stated: str | None) -> ParsedDate | None:
    """Return a date that is written as ISO 8601, with hyphens and colons or without."""
    if not stated:
        return None
    basic = _BASIC_DATE.fullmatch(stated.strip())
    if basic is not None:
        year, month, day, hour, minute, second, zone = basic.groups()
        clock = f"T{hour}:{minute}:{second or '00'}{zone or ''}" if hour else ""
        stated = f"{year}-{month}-{day}{clock}"
    return parse_stated(stated)
