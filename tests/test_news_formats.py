"""Formats in which archives and agencies pass on news: MHTML, CSV, NITF, NewsML-G2, NewsAPI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from konkyo.index.errors import SourceError
from konkyo.index.ingest.articles import to_articles
from konkyo.index.ingest.sources import FEED, Listing, RawDocument, SourceFailure, expand
from konkyo.index.records import Article

FIRST = "The council of Harlow opened the new bridge on Monday, four years after work began."
SECOND = "It cost 4.5 million pounds, said the mayor, who had opposed the plan at first."


def read(
    content: str | bytes, media_type: str, refused: list[SourceFailure] | None = None
) -> list[Article]:
    held = content.encode() if isinstance(content, str) else content
    return to_articles(RawDocument("a", media_type, held), refused=refused)


# --- CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_reads_a_table_with_a_header(mark: str) -> None:
    rows = [
        ["Title", "Text", "Date", "Publisher", "Author", "URL"],
        [
            "Bridge",
            f'"{FIRST}\n\n{SECOND}"',
            "2026-02-09",
            "Lantern",
            "Ann Lee",
            "https://a.example/1",
        ],
        ["", "", "", "", "", ""],
        ["橋", '"市長は""新しい""橋の開通式に出席した。"', "", "", "", ""],
    ]
    first, second = read("\n".join(mark.join(row) for row in rows), "text/csv")
    assert (first.title, first.text) == ("Bridge", f"{FIRST}\n\n{SECOND}")
    assert (first.published, first.outlet, first.author) == ("2026-02-09", "Lantern", "Ann Lee")
    assert first.url == "https://a.example/1"
    assert (second.title, second.text) == ("橋", '市長は"新しい"橋の開通式に出席した。')


def test_a_bad_row_of_a_table_fails_alone() -> None:
    refused: list[SourceFailure] = []
    table = (
        f"title,text,date\nA,{FIRST},\nB,,\n".replace(FIRST, f'"{FIRST}"')
        + f'C,"{SECOND}",soon\nD,"{SECOND}",,,extra\nE,"Fine\nwords.",\nF,"{SECOND}"\nG,"open\n'
    )
    assert [a.title for a in read(table, "text/csv", refused)] == ["A", "E", "F"]
    assert [failure.reason.partition(":")[0] for failure in refused] == [
        "line 3",
        "line 4",
        "line 5",
        "line 9",
    ]


def test_a_table_without_a_column_of_text_is_refused() -> None:
    with pytest.raises(SourceError, match='names no column "text"'):
        read("name,age\nAnn,3\n", "text/csv")


def test_a_field_of_a_table_may_be_long() -> None:
    (article,) = read(f'text\n"{FIRST * 4000}"\n', "text/csv")
    assert len(article.text) == len(FIRST) * 4000


# --- MHTML ----------------------------------------------------------------------------------------


def saved_page(charset: str) -> bytes:
    page = (
        "<html><head><title>New bridge</title></head><body><article><h1>New bridge</h1>"
        f"<p>{FIRST}</p><p>{SECOND} Café.</p><p>{FIRST.replace('Monday', 'Tuesday')}</p>"
        "</article></body></html>"
    )
    head = (
        "From: <Saved by a browser>\r\nSnapshot-Content-Location: https://a.example/bridge\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; '
        'boundary="--cut"\r\n\r\n'
    )
    image = (
        "----cut\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
    )
    part = (
        f"----cut\r\nContent-Type: text/html; charset={charset}\r\n"
        "Content-Transfer-Encoding: 8bit\r\nContent-Location: https://a.example/bridge\r\n\r\n"
    )
    return (head + image + part).encode() + page.encode(charset) + b"\r\n----cut--\r\n"


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_reads_a_page_saved_as_one_file(charset: str) -> None:
    (article,) = read(saved_page(charset), "multipart/related")
    assert article.title == "New bridge"
    assert article.url == "https://a.example/bridge"
    assert SECOND in article.text
    assert "Café" in article.text


@pytest.mark.parametrize("header", ["Content-Transfer-Encoding: ", "Content-Type: text/html;a="])
def test_a_page_with_a_header_of_many_letters_is_refused(header: str) -> None:
    """Found by the fuzzer: parsing 80,000 letters of one took 14 seconds."""
    long = f"{header}{'a;' * 40_000}\r\nContent-Location".encode()
    content = saved_page("utf-8").replace(b"Content-Location", long, 2)
    with pytest.raises(SourceError, match="a header of it is longer"):
        read(content, "multipart/related")


def test_an_mhtml_file_without_a_page_is_refused() -> None:
    with pytest.raises(SourceError, match="holds no HTML page"):
        read(b"Subject: x\r\n\r\nwords", "multipart/related")


# --- NITF and NewsML-G2 ---------------------------------------------------------------------------

NITF = f"""<?xml version="1.0" encoding="UTF-8"?>
<nitf xml:lang="en"><head><title>bridge</title>
<docdata><date.issue norm="20260209T101500Z"/></docdata>
<pubdata name="Harlow Lantern" ex-ref="https://a.example/bridge"/></head>
<body><body.head><hedline><hl1>New bridge</hl1></hedline><byline>By
<person>Ann Lee</person></byline></body.head><body.content>
<media><media-caption><p>The bridge at night</p></media-caption></media>
<p>{FIRST}</p><hl2>Cost</hl2><p>{SECOND}</p><ul><li>Ferries run.</li></ul>
</body.content></body></nitf>"""


def test_reads_nitf() -> None:
    (article,) = read(NITF, FEED)
    assert (article.title, article.author, article.outlet) == (
        "New bridge",
        "Ann Lee",
        "Harlow Lantern",
    )
    assert article.published_at == "2026-02-09T10:15:00+00:00"
    assert (article.url, article.language) == ("https://a.example/bridge", "en")
    assert article.text == f"{FIRST}\nCost\n{SECOND}\nFerries run."


def test_cells_of_a_table_of_nitf_stand_apart() -> None:
    row = "<table><tr><td>2024</td><td>15</td></tr><tr><td>Plain</td></tr></table>"
    (article,) = read(NITF.replace("<ul><li>Ferries run.</li></ul>", row), FEED)
    assert article.text.split("\n")[3:] == ["2024 | 15", "Plain"]


def item(content: str, meta: str = "", guid: str = "urn:a:1") -> str:
    return f"""<newsItem guid="{guid}" xml:lang="en"><itemMeta>{meta}
<provider literal="Lantern"/><versionCreated>2026-02-10T08:00:00+01:00</versionCreated></itemMeta>
<contentMeta><contentCreated>2026-02-09T10:15:00+01:00</contentCreated>
<headline>New bridge</headline><by>Ann Lee</by><language tag="en-GB"/></contentMeta>
<contentSet>{content}</contentSet></newsItem>"""


def message(*items: str) -> str:
    return (
        '<?xml version="1.0"?><newsMessage xmlns="http://iptc.org/std/nar/2006-10-01/"><itemSet>'
        f"{''.join(items)}</itemSet></newsMessage>"
    )


@pytest.mark.parametrize(
    "content",
    [
        '<inlineXML contenttype="application/xhtml+xml"><html xmlns="http://www.w3.org/1999/xhtml">'
        f"<body><p>{FIRST}</p><p>{SECOND}</p></body></html></inlineXML>",
        f"<inlineXML><nitf><body><body.content><p>{FIRST}</p><p>{SECOND}</p></body.content></body>"
        "</nitf></inlineXML>",
        f'<inlineData contenttype="text/plain">{FIRST}\n{SECOND}</inlineData>',
        f'<inlineData contenttype="text/html">&lt;p&gt;{FIRST}&lt;/p&gt;&lt;p&gt;{SECOND}&lt;/p&gt;'
        "</inlineData>",
    ],
)
def test_reads_newsml_g2(content: str) -> None:
    (article,) = read(message(item(content, guid="https://a.example/1")), FEED)
    assert article.text == f"{FIRST}\n{SECOND}"
    assert (article.title, article.author, article.outlet) == ("New bridge", "Ann Lee", "Lantern")
    assert article.published_at == "2026-02-09T10:15:00+01:00"
    assert (article.url, article.language) == ("https://a.example/1", "en")


def test_items_of_newsml_g2_fail_alone() -> None:
    refused: list[SourceFailure] = []
    picture = item('<remoteContent href="a.jpg"/>')
    (article,) = read(message(picture, item(f"<inlineData>{FIRST}</inlineData>")), FEED, refused)
    assert article.text == FIRST
    assert [failure.reason for failure in refused] == [
        "item 1: it holds no text, only a reference to one or to a picture"
    ]


def versions(*kinds: tuple[str, str, int]) -> str:
    """Versions of one item: publishing status, text (if any) and number."""
    return message(
        *(
            item(
                f"<inlineData>{text}</inlineData>" if text else "",
                f'<pubStatus qcode="stat:{status}"/>',
            ).replace("<newsItem", f'<newsItem version="{number}"')
            for status, text, number in kinds
        )
    )


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ([("canceled", FIRST, 2)], [(FIRST, "retracted")]),
        ([("withheld", "", 2)], [("", "retracted")]),
        ([("usable", FIRST, 1), ("canceled", "", 2)], [(FIRST, "retracted")]),
        ([("canceled", "", 2), ("usable", FIRST, 1)], [(FIRST, "retracted")]),
        ([("withheld", FIRST, 1), ("usable", SECOND, 2)], [(FIRST, None), (SECOND, None)]),
    ],
)
def test_the_last_version_of_an_item_says_whether_it_is_retracted(
    kinds: list[tuple[str, str, int]], told: list[tuple[str, str | None]]
) -> None:
    found = read(versions(*kinds), FEED)
    assert [(article.text, article.status) for article in found] == told


@pytest.mark.parametrize("status", ["canceled", "withheld", "usable"])
def test_nitf_says_that_it_is_withdrawn(status: str) -> None:
    stated = NITF.replace("<docdata>", f'<docdata management-status="{status}">')
    assert stated != NITF
    (article,) = read(stated, FEED)
    assert article.status == (None if status == "usable" else "retracted")


def test_entities_of_news_xml_are_not_read_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    kind = f'<!DOCTYPE nitf [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    body = f"<nitf><body><body.content><p>{FIRST} &x;</p></body.content></body></nitf>"
    (article,) = read(kind + body, FEED)
    assert "secret" not in article.text


def test_damaged_news_xml_is_named() -> None:
    with pytest.raises(SourceError, match="a: it is damaged"):
        read("<nitf><body>", FEED)


# --- NewsAPI and JSON Feed ------------------------------------------------------------------------


def test_reads_an_answer_of_newsapi() -> None:
    told = {
        "source": {"id": None, "name": "Harlow Lantern"},
        "author": "Ann Lee",
        "title": "New bridge",
        "description": FIRST,
        "url": "https://a.example/1",
        "publishedAt": "2026-02-09T10:15:00Z",
        "content": f"{SECOND}… [+1234 chars]",
    }
    same = told | {"title": "Again", "content": f"{FIRST} {SECOND}… [+9 chars]"}
    empty = told | {"title": "[Removed]", "description": None, "content": None}
    refused: list[SourceFailure] = []
    answer = {"status": "ok", "totalResults": 3, "articles": [told, same, empty]}
    first, second = read(json.dumps(answer), "application/json", refused)
    assert (first.title, first.text) == ("New bridge", f"{FIRST}\n{SECOND}")
    assert (first.outlet, first.author, first.url) == (
        "Harlow Lantern",
        "Ann Lee",
        "https://a.example/1",
    )
    assert first.published_at == "2026-02-09T10:15:00+00:00"
    assert second.text == f"{FIRST} {SECOND}"
    assert [failure.reason.partition(":")[0] for failure in refused] == ["item 3"]


def test_an_error_of_newsapi_is_told() -> None:
    answer = {"status": "error", "code": "apiKeyInvalid", "message": "Your key is not valid."}
    with pytest.raises(SourceError, match="an error: Your key is not valid"):
        read(json.dumps(answer), "application/json")


def test_reads_a_json_feed() -> None:
    entry = {
        "id": "1",
        "url": "https://a.example/1",
        "title": "New bridge",
        "content_html": f"<p>{FIRST}</p><p>{SECOND}</p>",
        "date_published": "2026-02-09T10:15:00Z",
        "authors": [{"name": "Ann Lee"}, {"name": "Bo Park"}],
    }
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "L", "items": [entry]}
    (article,) = read(json.dumps(feed), "application/json")
    assert (article.text, article.author) == (f"{FIRST}\n{SECOND}", "Ann Lee, Bo Park")
    assert article.published == "2026-02-09"


# --- folders --------------------------------------------------------------------------------------


def test_files_of_these_formats_are_found_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'text\n"{FIRST}"\n')
    (tmp_path / "b.tsv").write_text(f"title\ttext\nB\t{FIRST}\n")
    (tmp_path / "c.mht").write_bytes(saved_page("utf-8"))
    (tmp_path / "d.mhtml").write_bytes(saved_page("utf-8"))
    (tmp_path / "e.xml").write_text(NITF)
    (tmp_path / "f.xml").write_text(message(item(f"<inlineData>{FIRST}</inlineData>")))
    (tmp_path / "g.xml").write_text("<settings/>")
    found = [listing for listing in expand([str(tmp_path)]) if isinstance(listing, Listing)]
    assert [Path(f.source).name for f in found] == [
        *("a.csv", "b.tsv", "c.mht", "d.mhtml", "e.xml", "f.xml"),
    ]
    assert all(to_articles(listing.read()) for listing in found)
