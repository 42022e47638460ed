"""Fetching: only public addresses, the very ones that were checked; bounded, polite."""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.errors import SourceError
from konkyo.index.ingest.fetch import USER_AGENT, Limits, WebFetcher, is_public
from konkyo.index.ingest.robots_txt import parsed_rules
from konkyo.index.ingest.validators import conditional_headers, validators_of
from konkyo.index.stores.open import open_store

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_site import Site, site
from fixtures_store import ToyEncoder

__all__ = ["site"]

LOCAL = ipaddress.ip_address("127.0.0.1")


def fetcher(
    site: Site,
    *,
    robots: bool = False,
    resolve: Callable[[str, int], list[str]] = lambda host, port: ["127.0.0.1"],
    **limits: float,
) -> WebFetcher:
    """A fetcher to which this machine is public, for the test's one port."""
    chosen = Limits(ports=frozenset({site.port}), **limits)  # type: ignore[arg-type]
    return WebFetcher(
        limits=chosen, resolve=resolve, allow=lambda a: a == LOCAL or is_public(a), robots=robots
    )


def test_a_page_comes_with_its_type_charset_and_final_address(site: Site) -> None:
    site.pages["/old"] = (302, {"Location": "/new?x=1#part"}, b"")
    site.pages["/new?x=1"] = (200, {"Content-Type": "text/html; charset=EUC-JP"}, b"<p>hello")
    got = fetcher(site)(site.url("/old"))
    assert (got.url, got.media_type, got.charset, got.content) == (
        site.url("/new?x=1"),
        "text/html",
        "euc-jp",
        b"<p>hello",
    )
    assert site.asked[0] == ("/old", f"news.example:{site.port}", USER_AGENT)


CHANGED = "Mon, 09 Feb 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    "named",
    [{"ETag": 'W/"a 1"'}, {"Last-Modified": CHANGED}, {"ETag": '"b"', "Last-Modified": CHANGED}],
)
def test_a_page_is_asked_for_by_its_validators_and_sent_once(
    site: Site, named: dict[str, str]
) -> None:
    site.pages["/old"] = (302, {"Location": "/new", "ETag": '"old"'}, b"")
    site.pages["/new"] = (200, {**named, "Content-Type": "text/html"}, b"<p>hello")
    fetch = fetcher(site)
    first = fetch(site.url("/old"))
    again = fetch(site.url("/old"), first.validators)
    assert (first.unchanged, again.unchanged, again.content) == (False, True, b"")
    assert again.validators == first.validators
    assert " " not in first.validators
    stated = (named.get("ETag"), named.get("Last-Modified"))
    assert site.answered == [
        *[(302, None, None), (200, None, None)],
        *[(302, None, None), (304, *stated)],
    ]
    site.pages["/new"] = (200, {"ETag": '"c"'}, b"<p>other")
    assert fetch(site.url("/old"), first.validators).content == b"<p>other"
    site.pages["/old"] = (304, {}, b"")
    with pytest.raises(SourceError, match="the server answered 304"):
        fetch(site.url("/old"), first.validators)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"last-modified": CHANGED, "date": CHANGED},
        {"etag": '"\xe9"'},
        {"etag": f'"{"e" * 2000}"'},
    ],
)
def test_a_version_without_a_sure_name_is_fetched_whole(headers: dict[str, str]) -> None:
    assert validators_of("http://news.example/", headers) == ""
    assert conditional_headers("", "http://news.example/") == []


def test_a_feed_that_did_not_change_is_not_read_again_and_keeps_its_articles(
    site: Site, tmp_path: Path
) -> None:
    store = tmp_path / "store"

    def serve(*titles: str, etag: str) -> None:
        items = "".join(
            f"<item><title>{title}</title><description>{title} opened.</description></item>"
            for title in titles
        )
        body = f"<rss version='2.0'><channel><title>N</title>{items}</channel></rss>"
        kind = {"Content-Type": "application/rss+xml", "ETag": etag}
        site.pages["/feed"] = (200, kind, body.encode())

    def index(*, rebuild: bool = False) -> list[str]:
        source = site.url("/feed")
        report = build([source], store, ToyEncoder(), fetch=fetcher(site), rebuild=rebuild)
        assert report.failures == ()
        with contextlib.closing(open_store(store)) as opened:
            return sorted(article.title for article in opened.articles())

    serve("Bridge", etag='"1"')
    assert [index(), index(), index()] == [["Bridge"]] * 3
    serve("Tunnel", etag='"2"')
    assert [index(), index()] == [["Bridge", "Tunnel"]] * 2
    assert index(rebuild=True) == ["Bridge", "Tunnel"]
    assert site.answered == [
        *[(200, None, None), (304, '"1"', None), (304, '"1"', None)],
        *[(200, '"1"', None), (304, '"2"', None)],
        (200, None, None),
    ]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2001:db8::1",
        "fec0::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)
def test_addresses_that_are_not_public_are_never_reached(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    fetch = WebFetcher(resolve=lambda host, port: [address], robots=False)
    with pytest.raises(SourceError, match="not a public address"):
        fetch("http://news.example/")


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("robots", [True, False])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://localhost/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1%25lo]/",
    ],
)
def test_no_spelling_of_this_machine_gets_through(url: str, robots: bool) -> None:
    with pytest.raises(SourceError) as refused:
        WebFetcher(robots=robots, limits=Limits(seconds=3))(url)
    # What failed is what was asked for, not the robots.txt beside it.
    assert refused.value.source == url


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    fetch = WebFetcher(resolve=lambda host, port: ["1.1.1.1", "10.0.0.1"], robots=False)
    with pytest.raises(SourceError, match=r"news\.example is 10\.0\.0\.1"):
        fetch("http://news.example/")


def test_the_connection_goes_to_the_address_that_was_checked(site: Site) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    site.pages["/"] = (200, {"Content-Type": "text/plain"}, b"fine")
    fetch = fetcher(site, resolve=resolve)
    assert fetch(site.url()).content == b"fine"
    assert asked == ["news.example"]
    with pytest.raises(SourceError, match=r"10\.0\.0\.1"):
        fetch(site.url())


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (
            "http://inner.example:{port}/",
            "inner.example is 192.168.0.9, which is not a public address",
        ),
        ("http://news.example:22/", "port 22 is not allowed"),
        ("file:///etc/passwd", "only http and https"),
        ("ftp://news.example/", "only http and https"),
        ("http://user:secret@news.example:{port}/", "user name or password"),
        ("//inner.example:{port}/", "192.168.0.9"),
        ("//a..b:{port}/", "the name a..b cannot be resolved"),
    ],
)
def test_every_redirect_is_checked_again(site: Site, target: str, reason: str) -> None:
    site.pages["/"] = (301, {"Location": target.format(port=site.port)}, b"")
    hosts = {"news.example": "127.0.0.1", "inner.example": "192.168.0.9"}

    def resolve(host: str, port: int) -> list[str]:
        return [hosts[host.encode("idna").decode()]]

    with pytest.raises(SourceError, match=reason):
        fetcher(site, resolve=resolve)(site.url())


def test_a_circle_of_redirects_ends(site: Site) -> None:
    site.pages["/"] = (302, {"Location": "/"}, b"")
    with pytest.raises(SourceError, match="more than 5 redirects"):
        fetcher(site)(site.url())
    assert len(site.asked) == 6


def test_ports_other_than_those_of_the_web_are_refused() -> None:
    with pytest.raises(SourceError, match=r"port 8080 is not allowed \(allowed: 80, 443\)"):
        WebFetcher(robots=False)("http://news.example:8080/")


@pytest.mark.parametrize("status", [403, 404, 500, 204])
def test_an_error_of_the_server_is_named(site: Site, status: int) -> None:
    site.pages["/"] = (status, {}, b"")
    with pytest.raises(SourceError, match=f"the server answered {status}"):
        fetcher(site)(site.url())


def test_bodies_are_bounded_stated_unstated_and_packed(site: Site) -> None:
    big = b"x" * 300_000
    site.pages["/stated"] = (200, {"Content-Length": str(len(big))}, big)
    site.pages["/unstated"] = (200, {}, big)
    site.pages["/packed"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(big))
    site.pages["/lie"] = (200, {"Content-Encoding": "br"}, b"xx")
    site.pages["/broken"] = (200, {"Content-Encoding": "gzip"}, b"not gzip")
    site.pages["/cut-off"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"hello")[:-9])
    site.pages["/empty"] = (200, {"Content-Encoding": "gzip"}, b"")
    fetch = fetcher(site, bytes=100_000)
    for path in ("/stated", "/unstated", "/packed"):
        with pytest.raises(SourceError, match=r"larger than 0\.09\d+ MB"):
            fetch(site.url(path))
    with pytest.raises(SourceError, match="an encoding nobody asked for"):
        fetch(site.url("/lie"))
    with pytest.raises(SourceError, match="the body is damaged"):
        fetch(site.url("/broken"))
    with pytest.raises(SourceError, match=r"the body is damaged \(it is cut off\)"):
        fetch(site.url("/cut-off"))
    assert fetch(site.url("/empty")).content == b""
    assert fetcher(site)(site.url("/packed")).content == big


def test_a_server_that_drips_is_left_when_time_is_up(site: Site) -> None:
    site.pages["/"] = (200, {}, b"x" * 65536 * 50)
    site.slow = 0.1
    began = time.monotonic()
    with pytest.raises(SourceError, match=r"no full answer within 0\.4 s"):
        fetcher(site, seconds=0.4)(site.url())
    assert time.monotonic() - began < 3


@contextmanager
def dripping_headers() -> Iterator[int]:
    """A server that sends one byte of its headers at a time, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while not over.is_set():
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return
                    over.wait(0.05)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join(120)


def test_headers_that_drip_are_bounded_too() -> None:
    with dripping_headers() as port:
        began = time.monotonic()
        with pytest.raises(SourceError):
            fetcher(Site(port=port), seconds=0.5)(f"http://news.example:{port}/")
        assert time.monotonic() - began < 3


def test_robots_txt_is_asked_once_and_honoured(site: Site) -> None:
    site.pages["/robots.txt"] = (
        200,
        {},
        b"User-agent: *\nDisallow: /private\nUser-agent: Konkyo\nDisallow: /ours\n",
    )
    site.pages["/open"] = (200, {"Content-Type": "text/html"}, b"<p>open")
    fetch = fetcher(site, robots=True)
    assert fetch(site.url("/open")).content == b"<p>open"
    with pytest.raises(SourceError, match=r"robots\.txt does not allow this page"):
        fetch(site.url("/ours/page"))
    assert [path for path, _, _ in site.asked] == ["/robots.txt", "/open"]


@pytest.mark.parametrize(
    ("status", "allowed"), [(404, True), (403, True), (500, False), (429, False)]
)
def test_without_robots_txt_all_is_allowed_and_without_an_answer_nothing(
    site: Site, status: int, allowed: bool
) -> None:
    site.pages["/robots.txt"] = (status, {}, b"")
    site.pages["/"] = (200, {}, b"fine")
    fetch = fetcher(site, robots=True)
    if allowed:
        assert fetch(site.url()).content == b"fine"
    else:
        with pytest.raises(SourceError, match=r"robots\.txt cannot be had"):
            fetch(site.url())


def test_a_robots_txt_that_takes_too_much_memory_cannot_be_had(site: Site) -> None:
    agents = "".join(f"User-agent: robot{n}\n" for n in range(2000))
    rules = "".join(f"Disallow: /{n}\n" for n in range(2000))
    site.pages["/robots.txt"] = (200, {}, f"{agents}{rules}".encode())
    site.pages["/"] = (200, {}, b"fine")
    with pytest.raises(SourceError, match=r"robots\.txt cannot be had"):
        fetcher(site, robots=True)(site.url())


def test_a_robots_txt_is_parsed_once() -> None:
    robots = "User-agent: *\nDisallow: /private\n"
    assert parsed_rules(robots) is parsed_rules(robots)


def test_a_redirect_leads_to_the_robots_txt_of_the_other_host(site: Site) -> None:
    site.pages["/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /closed\n")
    site.pages["/go"] = (302, {"Location": site.url("/closed", host="other.example")}, b"")
    with pytest.raises(SourceError, match=r"robots\.txt does not allow"):
        fetcher(site, robots=True)(site.url("/go"))


def test_the_delay_a_site_asks_for_is_kept(site: Site) -> None:
    site.pages["/robots.txt"] = (200, {}, b"User-agent: *\nCrawl-delay: 2\n")
    site.pages["/"] = (200, {}, b"fine")
    waits: list[float] = []
    fetch = WebFetcher(
        limits=Limits(ports=frozenset({site.port})),
        resolve=lambda host, port: ["127.0.0.1"],
        allow=lambda a: a == LOCAL,
        sleep=waits.append,
    )
    fetch(site.url())
    fetch(site.url())
    assert len(waits) == 1
    assert 1.0 < waits[0] <= 2.0


@pytest.mark.parametrize(
    "url", ["http://", "nonsense", "http://[bad/", "javascript:alert(1)", "http://exa mple/\n"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SourceError):
        WebFetcher(robots=False, limits=Limits(seconds=2))(url)


def test_a_name_that_does_not_resolve_is_named() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror("no such name")

    with pytest.raises(SourceError, match=r"news\.example cannot be resolved"):
        WebFetcher(resolve=resolve, robots=False)("http://news.example/")


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example", ".a"])
def test_a_name_with_an_empty_or_too_long_label_is_no_name(host: str) -> None:
    with pytest.raises(SourceError, match=f"the name {host} cannot be resolved"):
        WebFetcher(robots=False)(f"http://{host}/")
