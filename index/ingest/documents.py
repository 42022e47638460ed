"""PDF, Word and EPUB files -> drafts. The one owner of pypdf and python-docx."""

from __future__ import annotations

import io
import logging
import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from konkyo.index.errors import SourceError
from konkyo.index.ingest.boilerplate import Draft
from konkyo.index.ingest.encodings import clean, decode
from konkyo.index.ingest.html import plain_text
from konkyo.index.ingest.site_chrome import kind_of
from konkyo.index.text.header_dates import parse_date

if TYPE_CHECKING:
    from docx.text.paragraph import Paragraph

__all__ = ["read_docx", "read_epub", "read_pdf"]

_MOST_PAGES = 5000
_LARGEST_UNPACKED = 512 * 1024 * 1024
_CJK = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")
_ENDS = re.compile(r"[。．.!?！？…؟۔।:：]['\"”’」』）)】]*$")
_PAGE_NUMBER = re.compile(
    r"[-–—\s]*+(?:(?:page|seite|p\.)\s*+)?\d{1,4}(?:\s*+(?:/|of|von)\s*+\d{1,4})?[-–—\s]*+(?:ページ|頁|页)?",
    re.IGNORECASE,
)
_LIST_ITEM = re.compile(r"[•・●○■◆◇▪‣*–-]\s|\(?\d{1,3}[.)]\s|【")
_LEAST_CHAPTER = 200


def read_pdf(content: bytes, source: str) -> Draft:
    """The text of a PDF as one article, running heads and page numbers left out."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    # What it says of a damaged file is said by the error below, with the file's name.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise SourceError(source, "the PDF is locked with a password; save it without one")
        if len(reader.pages) > _MOST_PAGES:
            raise SourceError(source, f"the PDF has more than {_MOST_PAGES} pages; split it")
        pages = [clean(page.extract_text()) for page in reader.pages]
        title = reader.metadata.title if reader.metadata else None
        author = reader.metadata.author if reader.metadata else None
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
        OSError,
    ) as exc:
        raise SourceError(source, f"the PDF is damaged ({exc})") from exc
    lines = _without_running_heads([page.split("\n") for page in pages])
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
    """The title the file claims, if its first lines bear it out; authoring tools write anything there."""
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


def _without_running_heads(pages: list[list[str]]) -> list[str]:
    """The lines of all pages, without page numbers and lines that head or foot half of the pages."""
    edges: Counter[str] = Counter()
    for page in pages:
        shown = [line.strip() for line in page if line.strip()]
        edges.update({_numberless(line) for line in (*shown[:2], *shown[-2:])})
    running = {line for line, n in edges.items() if n >= 3 and n * 2 >= len(pages)}
    lines: list[str] = []
    for page in pages:
        filled = [i for i, line in enumerate(page) if line.strip()]
        edge = {*filled[:2], *filled[-2:]}
        for i, line in enumerate(page):
            if i in edge and (_PAGE_NUMBER.fullmatch(line.strip()) or _numberless(line) in running):
                continue
            lines.append(line.rstrip())
    return lines


def _numberless(line: str) -> str:
    return re.sub(r"\d+", "#", line.strip())


def _paragraphs(lines: list[str]) -> list[str]:
    """Join the lines of a set page: a line that ends early, or with a full stop early, ends a paragraph."""
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
    """The paragraphs and tables of a Word file, in order; text set as hidden is left out."""
    from docx import Document
    from docx.oxml.exceptions import InvalidXmlError
    from docx.table import Table
    from lxml import etree

    _check_archive(content, source)
    try:
        document = Document(io.BytesIO(content))
        title = document.core_properties.title.strip()
        author = document.core_properties.author.strip()
        lines: list[str] = []
        heading: str | None = None
        for block in document.iter_inner_content():
            if isinstance(block, Table):
                lines.extend(_row(row) for row in block.rows)
                continue
            text = _visible(block)
            style = (block.style.name or "") if block.style is not None else ""
            if heading is None and not any(lines) and text and style in ("Title", "Heading 1"):
                heading = text
                continue
            lines.append(text)
    except (
        KeyError,
        ValueError,
        AttributeError,
        zipfile.BadZipFile,
        InvalidXmlError,
        etree.LxmlError,
    ) as exc:
        raise SourceError(source, f"the Word file is damaged ({exc})") from exc
    text = clean("\n".join(line for line in lines if line.strip()))
    if not text.strip():
        raise SourceError(source, "the Word file holds no text")
    head = [line for line in text.split("\n")[:4] if kind_of(line) in ("stamp", "byline")]
    stamp = next((found for line in head if (found := parse_date(line)) is not None), None)
    ignored = author.lower() in ("python-docx", "microsoft office user", "user", "")
    return Draft(
        heading or title or None, text, published=stamp, author=None if ignored else author
    )


def _visible(paragraph: Paragraph) -> str:
    """A paragraph's text with its links, without runs set as hidden."""
    parts: list[str] = []
    for piece in paragraph.iter_inner_content():
        runs = getattr(piece, "runs", None) or [piece]
        parts.extend(run.text for run in runs if not run.font.hidden)
    return "".join(parts).strip()


def _row(row: object) -> str:
    cells: list[str] = []
    for cell in getattr(row, "cells", ()):
        text = " ".join(_visible(paragraph) for paragraph in cell.paragraphs).strip()
        if text and (not cells or cells[-1] != text):
            cells.append(text)
    return " | ".join(cells)


def read_epub(content: bytes, source: str) -> Iterator[tuple[Draft, str | None, str | None]]:
    """One article a chapter, in reading order: draft, language, publisher."""
    from lxml import etree

    _check_archive(content, source)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            container = etree.fromstring(archive.read("META-INF/container.xml"), parser)
            package_path = str(container.xpath("string(//*[local-name()='rootfile']/@full-path)"))
            package = etree.fromstring(archive.read(package_path), parser)
            chapters = [
                (name, archive.read(name))
                for name in _spine(package, package_path)
                if name in archive.namelist()
            ]
    except (KeyError, ValueError, zipfile.BadZipFile, etree.LxmlError) as exc:
        raise SourceError(source, f"the EPUB is damaged ({exc})") from exc

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
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except zipfile.BadZipFile as exc:
        raise SourceError(source, f"the file is damaged ({exc})") from exc
    if size > _LARGEST_UNPACKED:
        raise SourceError(source, f"it unpacks to more than {_LARGEST_UNPACKED // 2**20} MB")
