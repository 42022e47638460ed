"""PDF, Word and EPUB files -> drafts. The only module that imports pypdf and python-docx."""

from __future__ import annotations

import io
import logging
import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from konkyo.index.errors import SourceError
from konkyo.index.ingest.draft import Draft
from konkyo.index.ingest.encodings import clean, decode
from konkyo.index.ingest.html import plain_text
from konkyo.index.ingest.site_chrome import kind_of
from konkyo.index.ingest.vocabulary import shipped_vocabulary
from konkyo.index.text.header_dates import parse_date

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

__all__ = ["read_docx", "read_epub", "read_pdf"]

_MOST_PAGES = 5000
_LARGEST_UNPACKED = 512 * 1024 * 1024
_CJK = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")
_ENDS = re.compile(r"[。．.!?！？…؟۔।:：]['\"”’」』）)】]*$")
_WORDS = shipped_vocabulary()
_PAGE_NUMBER = re.compile(
    rf"[-–—\s]*+(?:{_WORDS.page}\s*+)?\d{{1,4}}(?:\s*+(?:/|{_WORDS.page_of})\s*+\d{{1,4}})?"
    rf"[-–—\s]*+{_WORDS.page_after}?",
    re.IGNORECASE,
)
_LIST_ITEM = re.compile(r"[•・●○■◆◇▪‣*–-]\s|\(?\d{1,3}[.)]\s|【")
_FIGURES = re.compile(r"\d{1,9}")
_PAGE_NUMBER_LINES, _RUNNING_LINES = 2, 3
_LEAST_CHAPTER = 200


def read_pdf(content: bytes, source: str) -> Draft:
    """The text of a PDF as one article, running heads and page numbers left out."""
    from pypdf import PdfReader

    # What it says of a damaged file is said by the error below, with the file's name.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise SourceError(source, "the PDF is locked with a password; save it without one")
    if len(reader.pages) > _MOST_PAGES:
        raise SourceError(source, f"the PDF has more than {_MOST_PAGES} pages; split it")
    pages = [clean(page.extract_text()) for page in reader.pages]
    title = reader.metadata.title if reader.metadata else None
    author = reader.metadata.author if reader.metadata else None
    lines = _without_running_heads([page.split("\n") for page in pages], title or "")
    head = [line.strip() for line in lines if line.strip()][:6]
    if not head:
        raise SourceError(source, "the PDF holds no text, only pictures of it; run OCR on it first")
    stamp = next((parse_date(line) for line in head if kind_of(line) in ("stamp", "byline")), None)
    paragraphs = _paragraphs(lines)
    stated = _stated_title(title, head)
    if (
        stated is None
        and len(paragraphs) > 1
        and len(paragraphs[0]) < 120
        and not _ENDS.search(paragraphs[0])
    ):
        stated, paragraphs = paragraphs[0], paragraphs[1:]
    elif stated is not None and paragraphs and _same(paragraphs[0], stated):
        paragraphs = paragraphs[1:]
    return Draft(
        stated,
        "\n".join(paragraphs),
        published=stamp,
        author=clean(author).strip() or None if author else None,
    )


def _stated_title(title: str | None, head: list[str]) -> str | None:
    """The title the file states, if it is among its first lines; many programs state another."""
    if not title or not title.strip():
        return None
    wanted = "".join(clean(title).split())
    return (
        " ".join(clean(title).split())
        if len(wanted) >= 6 and wanted in "".join("".join(head).split())
        else None
    )


def _same(one: str, other: str) -> bool:
    return "".join(one.split()) == "".join(other.split())


def _without_running_heads(pages: list[list[str]], title: str) -> list[str]:
    """The lines of all pages without page numbers, and without lines that head or foot pages.

    The title of the file stays where it stands first, although later pages may repeat it.
    """
    running = _running_lines(pages)
    lines: list[str] = []
    for number, page in enumerate(pages):
        edge = set(_edge(page, _PAGE_NUMBER_LINES))
        for i, line in enumerate(page):
            if i in edge and _PAGE_NUMBER.fullmatch(line.strip()):
                continue
            if (number, i) in running and not (number == 0 and title and _same(line, title)):
                continue
            lines.append(line.rstrip())
    if running and not any(line.strip() for line in lines):
        # Pages that all say the same say it as their text.
        return [line.rstrip() for page in pages for line in page]
    return lines


def _edge(page: list[str], count: int) -> list[int]:
    """The offsets of the first and last lines of a page that are not empty."""
    filled = [i for i, line in enumerate(page) if line.strip()]
    return list(dict.fromkeys([*filled[:count], *filled[-count:]]))


def _running_lines(pages: list[list[str]]) -> set[tuple[int, int]]:
    """Page and offset of every line at an edge whose letters stand at the edge of other pages.

    A third of the pages is enough (left and right pages may differ) where the line is the same or
    counts the pages; half of them where its figures differ otherwise.
    """
    groups: dict[str, list[tuple[int, int]]] = {}
    for number, page in enumerate(pages):
        for i in _edge(page, _RUNNING_LINES):
            letters = "".join(c for c in page[i].casefold() if c.isalpha())
            if letters:
                groups.setdefault(letters, []).append((number, i))
    running: set[tuple[int, int]] = set()
    for places in groups.values():
        count = len({number for number, _ in places})
        least = 3 if _numbered_alike(pages, places) else 2
        if count >= (2 if least == 3 else 3) and count * least >= len(pages):
            running.update(places)
    return running


def _numbered_alike(pages: list[list[str]], places: list[tuple[int, int]]) -> bool:
    """Whether the figures of lines are the same on all pages, or one of them counts the pages."""
    figures = [[int(n) for n in _FIGURES.findall(pages[page][i])] for page, i in places]
    if all(found == figures[0] for found in figures):
        return True
    steps = [{n - page for n in found} for found, (page, _) in zip(figures, places, strict=True)]
    return bool(set.intersection(*steps))


def _paragraphs(lines: list[str]) -> list[str]:
    """Join printed lines to paragraphs: a short line, above all with a full stop, ends one."""
    widths = sorted(_width(line) for line in lines if line.strip())
    full = widths[len(widths) * 9 // 10] if widths else 0
    paragraphs: list[str] = []
    ended = True
    for line in lines:
        text = line.strip()
        if not text:
            ended = True
            continue
        if ended or _LIST_ITEM.match(text):
            paragraphs.append(text)
        else:
            paragraphs[-1] = _glued(paragraphs[-1], text)
        short = _width(text) < 0.75 * full
        ended = short and (bool(_ENDS.search(text)) or _width(text) < 0.5 * full)
    return paragraphs


def _glued(one: str, other: str) -> str:
    if one.endswith("-") and one[-2:-1].isalpha() and other[:1].islower():
        return one[:-1] + other
    return (
        one
        + ("" if _CJK.match(one[-1]) or _CJK.match(other[0]) or one[-1] in "、。，" else " ")
        + other
    )


def _width(text: str) -> int:
    return len(text.strip()) + len(_CJK.findall(text))


def read_docx(content: bytes, source: str) -> Draft:
    """Return the paragraphs and tables of a Word file, without hidden and deleted text."""
    from docx import Document as open_document
    from docx.table import Table

    _check_archive(content, source)
    document = open_document(io.BytesIO(content))
    title = document.core_properties.title.strip()
    author = document.core_properties.author.strip()
    lines: list[str] = []
    heading: str | None = None
    for block in _blocks(document):
        if isinstance(block, Table):
            lines.extend(_row(row) for row in block.rows if not _is_deleted(row))
            continue
        text = _visible(block)
        # To know the style of a paragraph costs a search of all styles: only of the first one.
        if heading is None and text and not any(lines) and _is_title(block):
            heading = text
            continue
        lines.append(text)
    text = clean("\n".join(line for line in lines if line.strip()))
    if not text.strip():
        raise SourceError(source, "the Word file holds no text")
    head = [line for line in text.split("\n")[:4] if kind_of(line) in ("stamp", "byline")]
    stamp = next((found for line in head if (found := parse_date(line)) is not None), None)
    ignored = author.lower() in ("python-docx", "microsoft office user", "user", "")
    return Draft(
        heading or title or None, text, published=stamp, author=None if ignored else author
    )


def _is_title(paragraph: Paragraph) -> bool:
    """Whether a paragraph's style is that of a title."""
    style = paragraph.style
    return style is not None and style.name in ("Title", "Heading 1")


def _blocks(document: Document) -> Iterator[Paragraph | Table]:
    """The paragraphs and tables of a Word file in order, those of content controls included."""
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    body = document.element.body
    for element in body.xpath(
        ".//*[self::w:p or self::w:tbl][not(ancestor::w:tbl) and not(ancestor::w:txbxContent)]"
    ):
        kind = Table if element.tag.endswith("}tbl") else Paragraph
        yield kind(element, document._body)


def _visible(paragraph: Paragraph) -> str:
    """A paragraph's text with links and tracked insertions, without deletions and hidden runs."""
    from docx.text.run import Run

    found = paragraph._p.xpath(
        "./descendant::w:r[not(ancestor::w:del or ancestor::w:moveFrom)]"
        "[not(ancestor::w:txbxContent)]"
    )
    runs = (Run(run, paragraph) for run in found)
    return "".join(run.text for run in runs if not run.font.hidden).strip()


def _is_deleted(row: object) -> bool:
    """Whether a row of a table is a tracked deletion."""
    return bool(row._tr.xpath("./w:trPr/w:del"))  # type: ignore[attr-defined]


def _row(row: object) -> str:
    cells: list[str] = []
    last: object = None
    for cell in getattr(row, "cells", ()):
        # A cell that spans columns is listed once for each of them, perhaps a million times.
        if cell._tc is last:
            continue
        last = cell._tc
        text = " ".join(_visible(paragraph) for paragraph in cell.paragraphs).strip()
        if text:
            cells.append(text)
    return " | ".join(cells)


def read_epub(content: bytes, source: str) -> Iterator[tuple[Draft, str | None, str | None]]:
    """One article a chapter, in reading order: draft, language, publisher."""
    from lxml import etree

    _check_archive(content, source)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        container = etree.fromstring(archive.read("META-INF/container.xml"), parser)
        package_path = str(container.xpath("string(//*[local-name()='rootfile']/@full-path)"))
        package = etree.fromstring(archive.read(package_path), parser)
        held = set(archive.namelist())
        # Each once: a small file may name one chapter many thousand times.
        named = dict.fromkeys(_spine(package, package_path))
        chapters = [(name, archive.read(name)) for name in named if name in held]

    def stated(name: str) -> str | None:
        value = str(package.xpath(f"string(//*[local-name()='metadata']/*[local-name()='{name}'])"))
        return clean(" ".join(value.split())) or None

    date = stated("date")
    language = (stated("language") or "").lower()[:2] or None
    read = [plain_text(decode(page, f"{source}!{name}")) for name, page in chapters]
    # Covers and half-titles are no articles, unless a book has nothing longer.
    least = min(_LEAST_CHAPTER, max((_weight(text) for _, text in read), default=0))
    for heading, text in read:
        if text and _weight(text) >= least:
            title = heading or stated("title")
            draft = Draft(
                title, text, published=parse_date(date) if date else None, author=stated("creator")
            )
            yield draft, language, stated("publisher") or stated("title")


def _weight(text: str) -> int:
    """Length, a character of Chinese or Japanese counting as two."""
    return len(text) + len(_CJK.findall(text))


def _spine(package: object, package_path: str) -> list[str]:
    """Names of the chapters in reading order, the table of contents left out."""
    base = posixpath.dirname(package_path)
    items = {
        item.get("id"): item
        for item in package.xpath("//*[local-name()='manifest']/*[local-name()='item']")  # type: ignore[attr-defined]
    }
    names: list[str] = []
    for reference in package.xpath("//*[local-name()='spine']/*[local-name()='itemref']"):  # type: ignore[attr-defined]
        item = items.get(reference.get("idref"))
        if item is None or "nav" in (item.get("properties") or "").split():
            continue
        if "html" in (item.get("media-type") or ""):
            names.append(posixpath.normpath(posixpath.join(base, unquote(item.get("href") or ""))))
    return names


def _check_archive(content: bytes, source: str) -> None:
    """Refuse what is not a zip archive, or unpacks to more than memory should hold."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(info.file_size for info in archive.infolist())
    if size > _LARGEST_UNPACKED:
        raise SourceError(source, f"it unpacks to more than {_LARGEST_UNPACKED // 2**20} MB")
