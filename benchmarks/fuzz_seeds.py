"""Sound documents, one or more for each reader, from which the mutated ones are made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from konkyo.index.ingest.sources import FEED

__all__ = ["WORDS", "Seed", "seeds"]

WORDS = (
    "The mayor of Harlow opened the new bridge on 3 May 2024. It cost 4.5 million pounds.\n\n"
    "市長は五月三日、新しい橋の開通式に出席した。費用は四億五千万円だった。\n\n"
    "市长于5月3日为新桥剪彩，造价四百五十万元。\n\nСтоимость моста составила 4,5 млн фунтов.\n"
)


@dataclass(frozen=True, slots=True)
class Seed:
    """A sound document; ``members`` are the parts of an archive.

    ``around`` makes a sound document of other words (``inner``) where they need lengths and places.
    """

    name: str
    media_type: str
    content: bytes = b""
    members: tuple[tuple[str, bytes], ...] = ()
    inner: bytes = b""
    around: Callable[[bytes], bytes] | None = None


def seeds() -> list[Seed]:
    """One or more documents for each reader."""
    row = {"title": "Bridge", "text": WORDS, "date": "2024-05-03", "url": "https://a.example/1"}
    html = (
        "<html lang=en><head><title>Bridge</title><meta name=author content='A. Writer'><style>"
        ".x{display:none}</style></head><body><article><h1>Bridge</h1><p>"
        + WORDS.replace("\n\n", "</p><p style='color:red'>")
        + "</p><table><tr><td>1</td><td>2</td></tr></table></article></body></html>"
    )
    feed = (
        "<?xml version='1.0'?><rss version='2.0'><channel><title>News</title><language>en</langua"
        "ge>"
        "<item><title>Bridge</title><link>https://a.example/1</link><pubDate>Fri, 03 May 2024 "
        f"10:00:00 GMT</pubDate><description>{WORDS}</description></item></channel></rss>"
    )
    markdown = (
        f"---\ntitle: Bridge\ndate: 2024-05-03\ntags: [a, b]\n---\n# Bridge\n\n> "
        f"{WORDS}\n- [a](b)\n"
    )
    lines = "\n".join(f"[2024-05-0{n}] body: {WORDS.replace(chr(10), ' ')}" for n in range(1, 5))
    line = json.dumps(row, ensure_ascii=False)
    return [
        Seed("a.txt", "text/plain", WORDS.encode()),
        Seed("lines.txt", "text/plain", lines.encode()),
        Seed("sjis.txt", "text/plain", WORDS.split("\n\n")[1].encode("cp932") * 5),
        Seed("utf16.txt", "text/plain", WORDS.encode("utf-16")),
        Seed("a.md", "text/markdown", markdown.encode()),
        Seed("a.html", "text/html", html.encode()),
        Seed("a.jsonl", "application/jsonl", f"{line}\n{json.dumps(row)}\n".encode()),
        Seed("a.json", "application/json", json.dumps([row, row]).encode()),
        Seed("a.rss", FEED, feed.encode()),
        Seed("a.csv", "text/csv", f'title,text,date\nBridge,"{WORDS}",2024-05-03\n'.encode()),
        Seed("a.mhtml", "multipart/related", _mhtml(html)),
        Seed("nitf.xml", FEED, _nitf().encode()),
        Seed("newsml.xml", FEED, _newsml().encode()),
        Seed("a.pdf", "application/pdf", _pdf(_PDF_WORDS), inner=_PDF_WORDS, around=_pdf),
        Seed("a.docx", _DOCX, members=_docx()),
        Seed("a.epub", "application/epub+zip", members=_epub(html)),
    ]


_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def _mhtml(html: str) -> bytes:
    """A saved page of one part."""
    head = "Content-Type: multipart/related; boundary=cut\n\n--cut\n"
    part = "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    return f"{head}{part}{html}\n--cut--\n".encode()


def _nitf() -> str:
    paragraphs = "".join(f"<p>{line}</p>" for line in WORDS.split("\n\n"))
    return (
        '<nitf><head><docdata><date.issue norm="20240503T101500Z"/></docdata></head><body>'
        f"<body.head><hedline><hl1>Bridge</hl1></hedline></body.head><body.content>{paragraphs}"
        "</body.content></body></nitf>"
    )


def _newsml() -> str:
    """An item that holds NITF, and one that holds plain text."""
    return (
        "<newsMessage><itemSet><newsItem><contentMeta><headline>Bridge</headline></contentMeta>"
        f"<contentSet><inlineXML>{_nitf()}</inlineXML></contentSet></newsItem><newsItem>"
        f"<contentSet><inlineData>{WORDS}</inlineData></contentSet></newsItem></itemSet>"
        "</newsMessage>"
    )


_PDF_WORDS = b"The mayor opened the bridge on 3 May 2024."


def _pdf(words: bytes) -> bytes:
    """Two pages in a standard font; lengths and places are right for any ``words``."""
    text = b"BT /F1 12 Tf 72 700 Td (%s) Tj ET" % words
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>",
        b"<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
    ]
    out = b"%PDF-1.4\n"
    starts = []
    for number, body in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    count = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(out))
    return b"%sxref\n0 %d\n0000000000 65535 f \n%s%s" % (out, count, table, trailer)


def _docx() -> tuple[tuple[str, bytes], ...]:
    """The parts of a Word file; the template of a library has a hundred times their size."""
    schemas = "http://schemas.openxmlformats.org"
    kinds = f"{schemas}/officeDocument/2006/relationships"
    main = f"xmlns:w='{schemas}/wordprocessingml/2006/main'"
    office = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    core = "application/vnd.openxmlformats-package.core-properties+xml"
    types = (
        f"<Types xmlns='{schemas}/package/2006/content-types'>"
        "<Default Extension='rels'"
        " ContentType='application/vnd.openxmlformats-package.relationships+xml'/>"
        f"<Override PartName='/word/document.xml' ContentType='{office}.document.main+xml'/>"
        f"<Override PartName='/word/styles.xml' ContentType='{office}.styles+xml'/>"
        f"<Override PartName='/docProps/core.xml' ContentType='{core}'/></Types>"
    )
    related = f"<Relationships xmlns='{schemas}/package/2006/relationships'>"
    core_kind = f"{schemas}/package/2006/relationships/metadata/core-properties"
    top = (
        f"{related}<Relationship Id='a' Type='{kinds}/officeDocument' Target='word/document.xml'/>"
        f"<Relationship Id='b' Type='{core_kind}' Target='docProps/core.xml'/></Relationships>"
    )
    inner = f"{related}<Relationship Id='a' Type='{kinds}/styles' Target='styles.xml'/>"
    styles = (
        f"<w:styles {main}><w:style w:type='paragraph' w:default='1' w:styleId='Normal'>"
        "<w:name w:val='Normal'/></w:style><w:style w:type='paragraph' w:styleId='H1'>"
        "<w:name w:val='heading 1'/></w:style></w:styles>"
    )
    head = "<w:p><w:pPr><w:pStyle w:val='H1'/></w:pPr><w:r><w:t>Bridge</w:t></w:r></w:p>"
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in WORDS.split("\n\n"))
    table = (
        "<w:tbl><w:tblPr/><w:tblGrid><w:gridCol/></w:tblGrid><w:tr><w:tc><w:tcPr>"
        "<w:gridSpan w:val='2'/></w:tcPr><w:p><w:r><w:t>Cost</w:t></w:r></w:p></w:tc></w:tr>"
        "</w:tbl>"
    )
    properties = (
        f"<cp:coreProperties xmlns:cp='{schemas}/package/2006/metadata/core-properties'"
        " xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>Bridge</dc:title>"
        "<dc:creator>A. Writer</dc:creator></cp:coreProperties>"
    )
    parts = {
        "[Content_Types].xml": types,
        "_rels/.rels": top,
        "word/_rels/document.xml.rels": f"{inner}</Relationships>",
        "word/document.xml": (
            f"<w:document {main}><w:body>{head}{body}{table}</w:body></w:document>"
        ),
        "word/styles.xml": styles,
        "docProps/core.xml": properties,
    }
    return tuple((name, text.encode()) for name, text in parts.items())


def _epub(html: str) -> tuple[tuple[str, bytes], ...]:
    package = (
        "<package><metadata><title>Bridges</title><date>2024-05-03</date></metadata><manifest>"
        "<item id='c' href='c.xhtml' media-type='application/xhtml+xml'/></manifest>"
        "<spine><itemref idref='c'/></spine></package>"
    )
    container = "<container><rootfiles><rootfile full-path='p.opf'/></rootfiles></container>"
    return (
        ("META-INF/container.xml", container.encode()),
        ("p.opf", package.encode()),
        ("c.xhtml", html.encode()),
    )
