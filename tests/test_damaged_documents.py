"""A document that cannot be read is one failure with its name and a reason.

Nothing else is raised.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import os
import pkgutil
import sys
import zipfile
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.errors import SourceError
from konkyo.index.ingest.articles import to_articles
from konkyo.index.ingest.foreign_errors import GENERAL, LIBRARIES, errors_of
from konkyo.index.ingest.sources import FEED, RawDocument
from konkyo.index.text.header_dates import parse_stated

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EPUB = "application/epub+zip"
OWNED = {
    "dateparser": "text/html",
    "docx": DOCX,
    "feedparser": FEED,
    "justext": "text/html",
    "lxml": EPUB,
    "pypdf": "application/pdf",
    "trafilatura": "text/html",
    "yaml": "text/markdown",
    "zipfile": EPUB,
}
"""Libraries that parse documents, and a media type they parse."""
WORDS = "The mayor opened the new bridge over the river on Monday morning. "


def exceptions_of(library: str) -> set[type[Exception]]:
    top = importlib.import_module(library)
    names = [m.name for m in pkgutil.walk_packages(getattr(top, "__path__", []), library + ".")]
    found: set[type[Exception]] = set()
    for name in [library, *(n for n in names if not n.endswith(("__main__", "usedoctest")))]:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for one in vars(module).values():
            if (
                inspect.isclass(one)
                and issubclass(one, Exception)
                and not issubclass(one, Warning)
                and one.__module__.partition(".")[0] == library
            ):
                found.add(one)
    return found


@pytest.mark.parametrize("library", OWNED)
@pytest.mark.filterwarnings("ignore")
def test_every_error_class_of_a_library_is_translated(library: str) -> None:
    missing = {e for e in exceptions_of(library) if not issubclass(e, errors_of(OWNED[library]))}
    assert missing == set()


def test_python_s_own_errors_are_translated() -> None:
    import builtins

    own = {e for e in vars(builtins).values() if inspect.isclass(e) and issubclass(e, Exception)}
    # An import or a syntax that fails is our installation's, not the document's.
    ours = (Warning, ImportError, SyntaxError, ExceptionGroup, StopAsyncIteration)
    assert {e for e in own if not issubclass(e, (*GENERAL, *ours))} == {Exception}


def test_every_class_named_exists() -> None:
    for media_type in LIBRARIES:
        assert all(issubclass(e, Exception) for e in errors_of(media_type))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": ' + "[" * 100_000, "line 2: it is nested too deeply"),
        ('{"text": "a", "n": ' + "9" * 5_000 + "}", "line 2: it is damaged"),
    ],
)
def test_a_bad_row_is_named(line: str, reason: str) -> None:
    content = json.dumps({"text": WORDS}) + "\n" + line
    with pytest.raises(SourceError, match=rf"a\.jsonl: {reason}"):
        to_articles(RawDocument("a.jsonl", "application/jsonl", content.encode()))


@pytest.mark.parametrize("content", ["[" * 100_000, "[" + "9" * 5_000 + "]"])
def test_bad_json_is_a_failure(content: str) -> None:
    with pytest.raises(SourceError, match=r"a\.json: it is"):
        to_articles(RawDocument("a.json", "application/json", content.encode()))


def test_front_matter_that_is_nested_deeply_is_a_failure() -> None:
    content = f"---\na: {'[' * 10_000}\n---\n{WORDS}"
    with pytest.raises(SourceError, match=r"a\.md: its front matter"):
        to_articles(RawDocument("a.md", "text/markdown", content.encode()))


def test_half_a_surrogate_pair_is_replaced_in_every_field(tmp_path: Path) -> None:
    row = dict.fromkeys(("text", "title", "author", "outlet", "url"), WORDS + "\ud800")
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    report = build([str(tmp_path / "a.jsonl")], tmp_path / "store", ToyEncoder())
    assert (report.added, report.failures) == (1, ())


def test_a_file_whose_name_is_no_text_is_a_failure(tmp_path: Path) -> None:
    news = tmp_path / "news"
    news.mkdir()
    (news / "good.txt").write_text(WORDS * 3)
    Path(os.fsdecode(os.fsencode(news) + b"/bad\xff.txt")).write_text(WORDS)
    report = build([str(news)], tmp_path / "store", ToyEncoder())
    assert report.added == 1
    (failure,) = report.failures
    assert failure.source.endswith(r"bad\udcff.txt")
    assert "rename it" in failure.reason


@pytest.mark.parametrize("charset", ["idna", "undefined", "unicode_escape", "rot13", "zlib"])
def test_a_charset_that_is_none_is_not_believed(charset: str) -> None:
    page = f"<meta charset={charset}><p>{WORDS * 20}</p>"
    (article,) = to_articles(RawDocument("a.html", "text/html", page.encode()))
    assert "the new bridge" in article.text


def test_a_chapter_named_many_times_is_read_once() -> None:
    chapter = f"<html><body><p>{WORDS * 20}</p></body></html>"
    package = (
        "<package><manifest><item id='c' href='c.xhtml' media-type='application/xhtml+xml'/>"
        "</manifest><spine>" + "<itemref idref='c'/>" * 20_000 + "</spine></package>"
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "META-INF/container.xml", "<container><rootfile full-path='p.opf'/></container>"
        )
        archive.writestr("p.opf", package)
        archive.writestr("c.xhtml", chapter)
    assert len(to_articles(RawDocument("a.epub", EPUB, file.getvalue()))) == 1


def test_a_cell_that_spans_a_million_columns_is_read_once() -> None:
    import docx

    document = docx.Document()
    document.add_table(1, 1).cell(0, 0).text = WORDS
    file = io.BytesIO()
    document.save(file)
    bomb = io.BytesIO()
    with zipfile.ZipFile(file) as plain, zipfile.ZipFile(bomb, "w") as archive:
        for info in plain.infolist():
            content = plain.read(info)
            if info.filename == "word/document.xml":
                content = content.replace(b"<w:tcPr>", b'<w:tcPr><w:gridSpan w:val="1000000"/>')
                assert b"gridSpan" in content
            archive.writestr(info.filename, content)
    (article,) = to_articles(RawDocument("a.docx", DOCX, bomb.getvalue()))
    assert article.text.count("mayor") == 1


def test_a_bad_row_fails_alone_and_is_told_until_it_is_mended(tmp_path: Path) -> None:
    rows = [
        {"text": WORDS, "date": 1714730400},
        {"text": WORDS + "It rained.", "date": "yesterday"},
        {"text": ""},
        {"text": WORDS + "It was cold.", "date": "03/04/2024"},
        {"text": WORDS + "It was late.", "date": "25/12/2024"},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n{")
    for added in (2, 0):
        report = build([str(path)], tmp_path / "store", ToyEncoder())
        assert report.added == added
        places = [failure.reason.partition(":")[0] for failure in report.failures]
        assert places == ["line 2", "line 3", "line 4", "line 6"]
    with pytest.raises(SourceError, match="line 2: cannot read the date 'yesterday'"):
        build([str(path)], tmp_path / "store", ToyEncoder(), strict=True)


@pytest.mark.parametrize(
    ("stated", "day", "at"),
    [
        ("1714730400", "2024-05-03", "2024-05-03T10:00:00+00:00"),
        ("1714730400.5", "2024-05-03", "2024-05-03T10:00:00+00:00"),
        ("1714730400000", "2024-05-03", "2024-05-03T10:00:00+00:00"),
        ("25/12/2024", "2024-12-25", None),
        ("12/25/2024 09:30", "2024-12-25", "2024-12-25T09:30"),
        ("04/04/2024", "2024-04-04", None),
    ],
)
def test_dates_that_metadata_states(stated: str, day: str, at: str | None) -> None:
    found = parse_stated(stated)
    assert found is not None
    assert (found.day, found.at) == (day, at)


@pytest.mark.parametrize("stated", ["03/04/2024", "31/02/2024", "yesterday", "13/13/2024"])
def test_dates_that_cannot_be_known(stated: str) -> None:
    assert parse_stated(stated) is None
