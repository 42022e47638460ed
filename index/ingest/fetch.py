"""Fetch pages and feeds from public addresses; robots.txt and limits of size and time are kept.

Every address a name resolves to is checked, and the connection goes to the very address that was
checked, so that a name cannot change its mind in between; the TLS certificate is still that of the
name. Each redirect is checked again. Ports and the number of redirects are limited, too. Proxies of
the environment are not used: a proxy would resolve names again. What was fetched before is asked
for by its ETag and time of change (RFC 9110, conditional requests).
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property

import httpcore
import httpx

from konkyo.index.errors import SourceError
from konkyo.index.ingest.robots_txt import is_parsable, parsed_rules
from konkyo.index.ingest.sources import Fetched
from konkyo.index.ingest.validators import conditional_headers, validators_of

__all__ = ["USER_AGENT", "Limits", "WebFetcher", "is_public"]

USER_AGENT = "Konkyo/0.1 (reads news articles for their owner; honours robots.txt)"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Header = tuple[str, str]
Resolve = Callable[[str, int], list[str]]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ROBOTS_BYTES = 500 * 1024
_ACCEPTED = "text/html,application/xhtml+xml,application/rss+xml,application/atom+xml,*/*;q=0.5"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one fetch may take: bytes after unpacking, seconds in all, redirects, ports."""

    bytes: int = 10 * 1024 * 1024
    seconds: float = 20.0
    redirects: int = 5
    ports: frozenset[int] = frozenset({80, 443})
    longest_delay: float = 10.0


def is_public(address: Address) -> bool:
    """Whether an address is public; of one that holds another (IPv4 in IPv6), the inner one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (
        address.is_multicast
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_reserved
        or address.is_unspecified
    )


def _resolve(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class _Refused(Exception):
    """A connection that must not be made; carries the reason."""


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose every wait ends when the time of the whole fetch is over."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def _left(self, timeout: float | None) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("out of time")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _DeadlineStream(secure, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _CheckedBackend(httpcore.NetworkBackend):
    """Resolves a name, checks every address, and connects to one of those it checked."""

    def __init__(self, resolve: Resolve, allow: Callable[[Address], bool], deadline: float) -> None:
        self._resolve = resolve
        self._allow = allow
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._addresses(host.strip("[]"), port):
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise httpcore.ConnectTimeout("out of time")
            try:
                stream = self._backend.connect_tcp(str(address), port, min(left, timeout or left))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
                continue
            return _DeadlineStream(stream, self._deadline)
        raise failure or _Refused(f"the name {host} has no address")

    def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            names = self._resolve(host, port)
        except (OSError, UnicodeError) as exc:
            # An empty or too long label of a name is a UnicodeError.
            raise _Refused(f"the name {host} cannot be resolved ({exc})") from exc
        addresses = [ipaddress.ip_address(name.split("%")[0]) for name in dict.fromkeys(names)]
        for address in addresses:
            if not self._allow(address):
                if host == str(address):
                    raise _Refused(f"{host} is not a public address")
                raise _Refused(f"{host} is {address}, which is not a public address")
        return addresses


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(slots=True)
class _Origin:
    """What is known of one server: its rules and when it was last asked."""

    rules: str | None
    asked: float = field(default=0.0)


class WebFetcher:
    """A ``Fetcher`` for public web pages and feeds.

    ``resolve`` and ``allow`` exist for tests and for intranets: the first turns a name into
    addresses, the second says which addresses may be reached.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        resolve: Resolve = _resolve,
        allow: Callable[[Address], bool] = is_public,
        robots: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limits = limits or Limits()
        self._resolve = resolve
        self._allow = allow
        self._robots = robots
        self._sleep = sleep
        self._origins: dict[str, _Origin] = {}

    def __call__(self, url: str, validators: str = "") -> Fetched:
        """Fetch one page, unless it is as it was when it had these validators.

        Raises SourceError, which names the address and the reason.
        """
        deadline = time.monotonic() + self._limits.seconds
        target = url
        for _ in range(self._limits.redirects + 1):
            checked = self._checked(target, url)
            if self._robots:
                deadline += self._await_permission(checked, url)
            conditions = conditional_headers(validators, str(checked))
            reply = self._get(checked, url, deadline, *conditions)
            if reply.status in _REDIRECTS and "location" in reply.headers:
                target = self._joined(checked, reply.headers["location"], url)
                continue
            if reply.status == 304 and conditions:
                return Fetched(str(checked), "", None, b"", validators, unchanged=True)
            if reply.status != 200:
                raise SourceError(url, f"the server answered {reply.status}")
            return _fetched(str(checked), reply)
        raise SourceError(url, f"more than {self._limits.redirects} redirects")

    def _joined(self, base: httpx.URL, location: str, source: str) -> str:
        try:
            return str(base.join(location))
        except httpx.InvalidURL as exc:
            raise SourceError(
                source, f"redirected to something that is no address ({exc})"
            ) from exc

    def _checked(self, url: str, source: str) -> httpx.URL:
        """A parsed address that may be asked for at all. Raises SourceError."""
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as exc:
            raise SourceError(source, f"not an address ({exc})") from exc
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise SourceError(
                source, f"only http and https are fetched, not {parsed.scheme or 'this'!r}"
            )
        if parsed.userinfo:
            raise SourceError(source, "an address with a user name or password is not fetched")
        if _port(parsed) not in self._limits.ports:
            allowed = ", ".join(str(port) for port in sorted(self._limits.ports))
            raise SourceError(source, f"port {_port(parsed)} is not allowed (allowed: {allowed})")
        return parsed.copy_with(fragment=None)

    def _await_permission(self, url: httpx.URL, source: str) -> float:
        """Wait as robots.txt asks; return the seconds. Raises SourceError if it forbids it."""
        began = time.monotonic()
        origin = self._origin(url, source)
        if origin.rules is None:
            raise SourceError(source, "its robots.txt cannot be had, so nothing may be fetched")
        rules = parsed_rules(origin.rules)
        if not rules.can_fetch(str(url), USER_AGENT.split("/")[0]):
            raise SourceError(source, "its robots.txt does not allow this page")
        delay = min(rules.crawl_delay(USER_AGENT.split("/")[0]) or 0.0, self._limits.longest_delay)
        wait = origin.asked + delay - time.monotonic()
        if origin.asked and wait > 0:
            self._sleep(wait)
        origin.asked = time.monotonic()
        return time.monotonic() - began

    def _origin(self, url: httpx.URL, source: str) -> _Origin:
        key = f"{url.scheme}://{url.netloc.decode('ascii')}"
        if key not in self._origins:
            self._origins[key] = _Origin(self._rules(f"{key}/robots.txt", source))
        return self._origins[key]

    def _rules(self, url: str, source: str) -> str | None:
        """The text of a robots.txt; empty if there is none, None if it cannot be had (RFC 9309).

        One that would take too much memory to parse cannot be had, either. Raises SourceError,
        which names the page that it was read for, where its server may not be reached.
        """
        deadline = time.monotonic() + self._limits.seconds
        target = url
        for _ in range(self._limits.redirects + 1):
            checked = self._checked(target, source)
            try:
                reply = self._get(checked, source, deadline)
            except SourceError as exc:
                if isinstance(exc.__cause__, _Refused):
                    raise
                return None
            if reply.status in _REDIRECTS and "location" in reply.headers:
                target = self._joined(checked, reply.headers["location"], source)
                continue
            if reply.status == 200:
                text = reply.content[:_ROBOTS_BYTES].decode("utf-8", "replace")
                return text if is_parsable(text) else None
            return "" if 400 <= reply.status < 500 and reply.status != 429 else None
        return ""

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)

    def _get(self, url: httpx.URL, source: str, deadline: float, *conditions: Header) -> _Reply:
        """One request to one checked address, no redirect followed."""
        backend = _CheckedBackend(self._resolve, self._allow, deadline)
        host = url.netloc.decode("ascii")
        request = httpcore.Request(
            "GET",
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=[
                ("Host", host),
                ("User-Agent", USER_AGENT),
                ("Accept", _ACCEPTED),
                ("Accept-Encoding", "gzip, deflate"),
                ("Connection", "close"),
                *conditions,
            ],
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), 10.0)},
        )
        try:
            with httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool:
                response = pool.handle_request(request)
                try:
                    headers = {
                        name.decode("latin-1").lower(): value.decode("latin-1")
                        for name, value in response.headers
                    }
                    content = self._body(response, headers, source, deadline)
                finally:
                    response.close()
        except _Refused as exc:
            raise SourceError(source, str(exc)) from exc
        except (httpcore.TimeoutException, TimeoutError) as exc:
            raise SourceError(source, f"no full answer within {self._limits.seconds:g} s") from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as exc:
            raise SourceError(
                source, f"the connection failed ({exc or type(exc).__name__})"
            ) from exc
        return _Reply(response.status, headers, content)

    def _body(
        self, response: httpcore.Response, headers: Mapping[str, str], source: str, deadline: float
    ) -> bytes:
        """The body, unpacked; stops at the first byte too many."""
        unpack = _Unpacker(headers.get("content-encoding", ""), source)
        stated = headers.get("content-length", "")
        parts: list[bytes] = []
        size = 0
        if stated.isdigit() and int(stated) > self._limits.bytes:
            raise SourceError(source, _too_large(self._limits.bytes))
        for packed in response.iter_stream():
            if time.monotonic() > deadline:
                raise TimeoutError
            part = unpack(packed, self._limits.bytes - size + 1)
            size += len(part)
            if size > self._limits.bytes:
                raise SourceError(source, _too_large(self._limits.bytes))
            parts.append(part)
        unpack.finish()
        return b"".join(parts)


class _Unpacker:
    """Unpacks a body piece by piece. Raises SourceError for an encoding that was not asked for."""

    def __init__(self, encoding: str, source: str) -> None:
        if encoding.lower() not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise SourceError(source, f"the server sent an encoding nobody asked for ({encoding})")
        self._source = source
        self._inflate = zlib.decompressobj(47) if encoding.lower() not in ("", "identity") else None
        self._begun = False

    def __call__(self, packed: bytes, most: int) -> bytes:
        """Return at most ``most`` unpacked bytes. Raises SourceError if the body is damaged."""
        self._begun = self._begun or bool(packed)
        if self._inflate is None:
            return packed
        try:
            return self._inflate.decompress(packed, max(1, most))
        except zlib.error as exc:
            raise SourceError(self._source, f"the body is damaged ({exc})") from exc

    def finish(self) -> None:
        """Raise SourceError if a packed body ended before its end."""
        if self._inflate is not None and self._begun and not self._inflate.eof:
            raise SourceError(self._source, "the body is damaged (it is cut off)")


def _too_large(limit: int) -> str:
    return f"larger than {limit / 2**20:g} MB"


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _fetched(url: str, reply: _Reply) -> Fetched:
    stated = Message()
    stated["content-type"] = reply.headers.get("content-type", "application/octet-stream")
    kind, charset = stated.get_content_type(), stated.get_content_charset()
    return Fetched(url, kind, charset, reply.content, validators_of(url, reply.headers))
