"""Files, folders and encodings: what is read, what is passed over, what is reported by name."""

import gzip
import lzma
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from konkyo.index.errors import SourceError
from konkyo.index.ingest.articles import to_articles
from konkyo.index.ingest.encodings import clean, decode
from konkyo.index.ingest.sources import FEED, Fetched, Listing, SourceFailure, expand

JAPANESE = (
    "首相は九日の記者会見で、防衛費の増額について説明した。野党は「説明が足りない」と反発している。"
    "来年度の予算は過去最大となる見込みで、社会保障費の伸びも続いている。"
)
CHINESE = (
    "市政府昨天宣布，新港大桥从四月一日起封闭检修，为期九个月。"
    "今年一月的例行检查发现两根主缆出现裂纹，市长表示安全第一。"
)
KOREAN = (
    "서울시는 한강 다리 두 곳의 보수 공사를 위해 구월까지 차로를 통제한다고 이일 밝혔다. "
    "하루 평균 구만 대가 이용하는 다리다."
)
FRENCH = (
    "Le président a annoncé hier une réforme très attendue. L’opposition, déçue, réclame un "
    "débat à l’Assemblée."
)
RUSSIAN = (
    "Президент объявил вчера о реформе, которую давно ждали. Оппозиция требует обсуждения "
    "в парламенте."
)


def found(*sources: Path | str) -> list[Listing | SourceFailure]:
    return list(expand([str(source) for source in sources]))


def test_a_folder_is_read_in_order_without_hidden_and_unknown_files(tmp_path: Path) -> None:
    for name in (
        "b.txt",
        "a.md",
        "photo.jpg",
        ".secret.txt",
        "data.xml",
        "deep/c.html",
        ".git/d.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("<x/>" if name.endswith("xml") else "words")
    (tmp_path / "feed.xml").write_text('<?xml version="1.0"?><rss><channel/></rss>')
    unknown: Counter[str] = Counter()
    listed = list(expand([str(tmp_path)], unknown_kinds=unknown))
    assert unknown == {".jpg": 1, ".xml": 1}
    names = [Path(item.source).relative_to(tmp_path).as_posix() for item in listed]
    assert names == ["a.md", "b.txt", "feed.xml", "deep/c.html"]
    assert all(isinstance(item, Listing) for item in listed)


def test_a_name_that_cannot_be_read_is_reported_with_the_reason(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8")
    failures = found(photo, tmp_path / "gone.txt", tmp_path / "*.pdf", "https://example.org/a")
    assert [f.reason.split(";")[0] for f in failures if isinstance(f, SourceFailure)] == [
        "Konkyo does not read files that end in '.jpg'",
        "no such file or folder",
        "no file matches this pattern",
        "fetching from the network is off",
    ]


def test_patterns_reach_down_and_nothing_is_read_twice(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("one.txt", "a/two.txt", "a/three.md"):
        (tmp_path / name).write_text("words")
    listed = found(tmp_path / "**/*.txt", tmp_path / "one.txt", tmp_path)
    assert [Path(item.source).name for item in listed] == ["two.txt", "one.txt", "three.md"]


def test_a_stamp_is_cheap_and_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    before = settled(path)
    assert settled(path) == before
    times = path.stat()
    path.write_text("two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert settled(path) not in (None, before)


def test_a_file_that_changed_in_this_moment_has_no_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    later = time.time_ns() + 10**9
    os.utime(path, ns=(later, later))
    (listing,) = found(path)
    assert isinstance(listing, Listing)
    assert listing.stamp is None


def settled(path: Path) -> str:
    """The stamp of a file once its last change is some time ago."""
    while True:
        (listing,) = found(path)
        assert isinstance(listing, Listing)
        if listing.stamp is not None:
            return listing.stamp
        time.sleep(0.01)


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)])
def test_packed_files_are_unpacked(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"a.txt.{ending}"
    path.write_bytes(pack(JAPANESE.encode()))
    (listing,) = found(path)
    assert isinstance(listing, Listing)
    assert to_articles(listing.read())[0].text == JAPANESE


@pytest.mark.parametrize("ending", ["gz", "xz"])
def test_a_damaged_archive_names_itself(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.txt.{ending}"
    path.write_bytes(b"not packed at all")
    (listing,) = found(path)
    assert isinstance(listing, Listing)
    with pytest.raises(SourceError, match=rf"a\.txt\.{ending}: .+"):
        listing.read()


def test_an_unreadable_folder_entry_does_not_stop_the_rest(tmp_path: Path) -> None:
    (tmp_path / "broken.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "fine.txt").write_text("words")
    broken, fine = found(tmp_path)
    assert isinstance(broken, SourceFailure)
    assert isinstance(fine, Listing)


def test_urls_go_through_the_fetcher_and_are_read_by_what_the_server_says() -> None:
    def fetch(url: str) -> Fetched:
        return Fetched(f"{url}/final.md", "text/plain", "utf-8", b"# Title\n\nSome words of text.")

    (listing,) = expand(["https://example.org/a"], fetch=fetch)
    assert isinstance(listing, Listing)
    raw = listing.read()
    assert (raw.media_type, raw.url) == ("text/markdown", "https://example.org/a/final.md")


def test_servers_names_for_feeds_are_known() -> None:
    (listing,) = expand(
        ["https://example.org/feed"],
        fetch=lambda url: Fetched(url, "application/rss+xml", None, b"<rss/>"),
    )
    assert isinstance(listing, Listing)
    assert listing.read().media_type == FEED


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        (JAPANESE, "shift_jis"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "utf-8"),
        (JAPANESE, "utf-8-sig"),
        (JAPANESE, "utf-16"),
        (JAPANESE, "utf-16-le"),
        (JAPANESE, "utf-16-be"),
        (JAPANESE, "utf-32"),
        (JAPANESE, "iso2022_jp"),
        (CHINESE, "gb18030"),
        (CHINESE, "gb2312"),
        (CHINESE, "utf-16"),
        (KOREAN, "euc_kr"),
        (KOREAN, "cp949"),
        (KOREAN, "utf-16-le"),
        (FRENCH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "utf-16-le"),
    ],
)
def test_encodings_are_told_apart_without_a_label(text: str, charset: str) -> None:
    assert decode(text.encode(charset), "a.txt") == text


def test_a_declared_charset_is_believed_and_a_mark_before_it() -> None:
    page = f'<html><head><meta charset="Shift_JIS"></head><p>{JAPANESE}</p>'
    assert JAPANESE in decode(page.encode("cp932"), "a.html")
    assert JAPANESE in decode(page.encode("utf-8-sig"), "a.html")
    assert decode("日本".encode("euc_jp"), "a.html", "EUC-JP") == "日本"


def test_a_false_label_does_not_spoil_utf_8() -> None:
    page = f'<meta charset="nonsense-8859"><p>{JAPANESE}</p>'
    assert JAPANESE in decode(page.encode(), "a.html")


@pytest.mark.parametrize(
    "content",
    [bytes(range(256)) * 8, b"\x00\x01\x02\x03" * 200, b"\x89PNG\r\n\x1a\n" + b"\x00\xff\xc3" * 99],
)
def test_what_is_not_text_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(SourceError, match=r"^photo\.txt: it .+"):
        decode(content, "photo.txt")


def test_nothing_invisible_survives_and_letters_stay_as_they_are() -> None:
    hidden = "a\u202eb\u2066c\u200bd\x00e\ufefff\u00adg\r\nh\u2028i"
    assert clean(hidden) == "abcdefg\nh\ni"
    assert clean("é ｶﾞ がＡ１ 👩\u200d👧 می\u200cخواهم") == "é ｶﾞ がＡ１ 👩\u200d👧 می\u200cخواهم"
