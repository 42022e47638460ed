"""HTML page -> its main text, and its own title, date, author. Only this imports trafilatura."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from konkyo.index.errors import SourceError
from konkyo.index.ingest.draft import Draft
from konkyo.index.ingest.encodings import clean
from konkyo.index.ingest.hidden_style import colours_of, declarations, hides, indistinct
from konkyo.index.ingest.linked_data import stated_correction
from konkyo.index.text.delimited import without_between
from konkyo.index.text.header_dates import parse_date
from konkyo.index.text.language import detect, is_language_code

if TYPE_CHECKING:
    from lxml.html import HtmlElement

__all__ = ["Page", "plain_text", "read_html"]

# What a reader does not see must not become text: it is where instructions to a model are hidden.
_HIDDEN_CLASS = re.compile(
    r"(?<![\w-])(?:visually-?hidden|sr-only|screen-reader(?:-text|-only)?|d-none|is-hidden|u-hidden|hidden-text|invisible)(?![\w-])",
    re.IGNORECASE,
)
_RULE = re.compile(r"(?<![^{}@])([^{}@]++)\{([^{}]*+)\}")
_AT_RULE = re.compile(r"@(?:media|supports|keyframes)[^{@]*+\{(?:[^{}]*+\{[^{}]*+\})*+[^{}]*+\}")
_SIMPLE_SELECTOR = re.compile(r"([a-z][\w-]*+)?+([.#])([\w-]++)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """The article of one page, with the language and outlet the page itself states."""

    draft: Draft
    language: str | None
    outlet: str | None


def read_html(html: str, source: str, url: str | None = None) -> Page:
    """The main text of a page, without menus, comments, hidden text. Raises SourceError."""
    from lxml import etree
    from trafilatura import bare_extraction

    if not html.strip():
        raise SourceError(source, "the page is empty")
    try:
        tree = _tree(html)
    except (etree.ParserError, ValueError) as exc:
        raise SourceError(source, f"the page cannot be parsed as HTML ({exc})") from exc
    language = (
        tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang") or ""
    ).lower()[:2]
    _drop_hidden(tree)
    _hash_stop_words_once()
    found = bare_extraction(
        tree,
        url=url,
        include_comments=False,
        include_tables=True,
        with_metadata=True,
        favor_recall=False,
        date_extraction_params={"original_date": True, "extensive_search": False},
    )
    if found is None or isinstance(found, dict) or len((found.text or "").strip()) < _LEAST:
        raise SourceError(source, "no article text was found on the page")
    text = clean(found.text or "")
    title = found.title
    lines = text.split("\n")
    if title and lines and lines[0].strip() == title.strip():
        text = "\n".join(lines[1:]).strip()
    stated = _stated_time(tree)
    published = parse_date(stated) if stated else None
    if published is None and found.date:
        published = parse_date(found.date)
    canonical = found.url or url
    correction = stated_correction(str(script.text or "") for script in tree.iterfind(_LINKED_DATA))
    draft = Draft(
        clean(title) if title else None,
        text,
        published=published,
        url=canonical,
        author=_stated_author(tree) or (clean(found.author) if found.author else None),
        status=correction.status,
        correction=correction.text,
    )
    # What the text shows is believed before what the page claims; pages are often left at "en".
    seen = detect(text[:2000], default=language or "en")
    return Page(draft, seen if is_language_code(seen) else None, found.sitename or found.hostname)


def _hash_stop_words_once() -> None:
    """Make trafilatura keep justext's stop words as a set.

    justext looks its words up in a cache by their hash: Python keeps that of a set, but computes
    that of a tuple, of all languages' words, for each page.
    """
    from trafilatura import external

    if not isinstance(external.JT_STOPLIST, frozenset):
        words = external.JT_STOPLIST or external.jt_stoplist_init()
        external.JT_STOPLIST = frozenset(words)  # type: ignore[assignment]


_LEAST = 20
_LINKED_DATA = ".//script[@type='application/ld+json']"


def _tree(html: str) -> HtmlElement:
    """A page without its comments: trafilatura loses the text that follows one."""
    from lxml import html as lxml_html

    parser = lxml_html.HTMLParser(remove_comments=True, remove_pis=True)
    plain = re.sub(r"^\s*<\?xml[^>]*\?>", "", html)
    tree: HtmlElement = lxml_html.document_fromstring(plain, parser=parser)
    return tree


def _stated_author(tree: HtmlElement) -> str | None:
    """The author a page names; trafilatura passes over names written without a space."""
    values = tree.xpath("//meta[@name='author' or @property='article:author']/@content")
    names = [" ".join(clean(str(value)).split()) for value in values]
    return next((n for n in names if n and len(n) <= 60 and not n.startswith("http")), None)


_TIME_META = (
    "//meta[@property='article:published_time']/@content",
    "//meta[@name='pubdate' or @name='publishdate' or @name='date'"
    " or @itemprop='datePublished']/@content",
    "//*[@itemprop='datePublished']/@datetime",
    "//article//time[@datetime][1]/@datetime",
)
_JSON_TIME = re.compile(r'"datePublished"\s*:\s*"([^"]{8,40})"')


def _stated_time(tree: HtmlElement) -> str | None:
    """When the page says it was published, with its time zone."""
    for path in _TIME_META:
        values = tree.xpath(path)
        if isinstance(values, list) and values:
            return str(values[0])
    for script in tree.iter("script"):
        found = _JSON_TIME.search(script.text or "")
        if found:
            return found[1]
    return None


_Sheet = Mapping[str, Mapping[str, str]]
"""By class or id, perhaps of one tag, what a page's own style sheet declares of it."""


def _drop_hidden(tree: HtmlElement) -> None:
    """Take everything out of a page that a browser would not show."""
    sheet = _sheet(tree)
    colours: dict[HtmlElement, tuple[str, str]] = {}
    doomed = []
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue
        declared = _declared(element, sheet)
        ink, paper = _colours(element, declared, colours.get(element.getparent(), ("", "")))
        colours[element] = ink, paper
        if _hidden(element, sheet, declared):
            doomed.append(element)
        elif ink and indistinct(ink, paper):
            _drop_own_text(element)
    for element in doomed:
        if element.getparent() is not None and element.tag not in ("html", "body", "head"):
            element.drop_tree()


def _drop_own_text(element: HtmlElement) -> None:
    """Take out the text in an element's colour; elements below it may have colours of their own."""
    element.text = None
    for child in element:
        child.tail = None


def _colours(
    element: HtmlElement, declared: Mapping[str, str], inherited: tuple[str, str]
) -> tuple[str, str]:
    """The colours of an element's text and its ground, its own or those around it."""
    ink, paper = colours_of(declared)
    if element.tag in ("html", "body") and not (paper or inherited[1]):
        # A whole page of white text stands on a ground that is stated elsewhere.
        ink = ""
    if paper in ("transparent", "none", "inherit"):
        paper = ""
    return ("" if ink == "inherit" else ink) or inherited[0], paper or inherited[1]


def _declared(element: HtmlElement, sheet: _Sheet) -> dict[str, str]:
    """What the page's style sheet and the element's own style declare of it."""
    found: dict[str, str] = {}
    for name in _names_of(element):
        found |= sheet.get(name, {})
    style = element.get("style")
    return found | declarations(style) if style else found


def _names_of(element: HtmlElement) -> Iterator[str]:
    """How simple selectors name an element, the least exact first."""
    yield element.tag
    marks = [f".{name}" for name in (element.get("class") or "").split()]
    if element.get("id"):
        marks.append(f"#{element.get('id')}")
    for mark in marks:
        yield mark
        yield f"{element.tag}{mark}"


def _hidden(element: HtmlElement, sheet: _Sheet, declared: Mapping[str, str]) -> bool:
    if element.tag in ("template", "noscript", "dialog") or "hidden" in element.attrib:
        return not (element.tag == "dialog" and "open" in element.attrib)
    if (element.get("aria-hidden") or "").lower() == "true":
        return True
    if element.tag == "input" and (element.get("type") or "").lower() == "hidden":
        return True
    style = element.get("style")
    if style and hides(declarations(style)):
        return True
    classes = element.get("class") or ""
    if classes and _HIDDEN_CLASS.search(classes):
        return True
    return bool(declared) and hides(declared, sizes=False)


def _sheet(tree: HtmlElement) -> _Sheet:
    """What the page's style sheet declares for everybody, of classes, ids and the body."""
    found: dict[str, dict[str, str]] = {}
    for style in tree.iter("style"):
        if (style.get("media") or "all").strip().lower() not in ("all", "screen"):
            continue
        text = without_between(style.text or "", "/*", "*/")
        # A rule within @media hides from some readers only.
        text = _AT_RULE.sub("", text)
        for selectors, body in _RULE.findall(text):
            declared = declarations(body)
            for selector in selectors.split(","):
                name = _simple(selector.strip())
                if name:
                    found[name] = found.get(name, {}) | declared
    return found


def _simple(selector: str) -> str:
    """A selector of a class, an id or the body as ``_names_of`` names them; else nothing."""
    if selector.lower() in ("html", "body"):
        return selector.lower()
    found = _SIMPLE_SELECTOR.fullmatch(selector)
    return (found[1] or "").lower() + found[2] + found[3] if found else ""


_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_CELL = "\x1f"
"""Stands before each cell of a table until its row is complete; ``_flat`` lets no text hold it."""

_SILENT = frozenset(
    {
        "script",
        "style",
        "head",
        "template",
        "noscript",
        "svg",
        "math",
        "iframe",
        "object",
        "rt",
        "rp",
        "nav",
    }
)


def plain_text(html: str) -> tuple[str | None, str]:
    """First heading and all shown text of trusted-to-be-an-article HTML (a chapter, a feed entry).

    No line is taken for site chrome here; the heading is not part of the text.
    """
    from lxml import etree

    if "<" not in html and "&" not in html:
        return None, clean(html).strip()
    try:
        tree = _tree(html)
    except (etree.ParserError, ValueError):
        return None, ""
    _drop_hidden(tree)
    heading: str | None = None
    for element in tree.iter("h1", "h2", "h3"):
        heading = " ".join(element.text_content().split()) or None
        if heading is not None:
            element.drop_tree()
            break
    parts: list[str] = []
    _gather(tree, parts)
    lines = map(_row_text, "".join(parts).split("\n"))
    return clean(heading) if heading else None, clean("\n".join(line for line in lines if line))


def _gather(root: HtmlElement, parts: list[str]) -> None:
    """Append the text below an element, a line break around every block."""
    stack: list[tuple[HtmlElement, bool]] = [(root, False)]
    while stack:
        element, leaving = stack.pop()
        block = element.tag in _BLOCKS
        if leaving:
            parts.append("\n" if block else "")
            if element is not root:
                parts.append(_flat(element.tail))
            continue
        if not isinstance(element.tag, str) or element.tag in _SILENT:
            parts.append(_flat(element.tail))
            continue
        parts.append("\n" if block else _CELL if element.tag in ("td", "th") else "")
        parts.append(_flat(element.text))
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))


def _row_text(line: str) -> str:
    """A line of text; of a row of a table the cells with " | " between them, as in Word files."""
    cells = (" ".join(cell.split()) for cell in line.split(_CELL))
    return " | ".join(cell for cell in cells if cell)


def _flat(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")
