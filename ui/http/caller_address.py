"""Where a request comes from, behind a proxy or not."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["caller_address"]

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_LONGEST = 200


def caller_address(request: Request, *, proxied: bool) -> str:
    """Where a request comes from, for counting; a whole IPv6 network is one caller."""
    host = request.client.host if request.client is not None else ""
    if proxied and host in _LOOPBACK:
        # The last entry is the proxy's own, which may be a header of its own; those before it are
        # anybody's.
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        host = forwarded.split(",")[-1].strip() or host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:_LONGEST]
    if address.version == 6 and not address.is_loopback:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
