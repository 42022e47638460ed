"""Finds out whether the server of a language model is there, without asking the model anything."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from konkyo.rag.generation.http_deadline import client_until
from konkyo.rag.generation.http_response import describe

if TYPE_CHECKING:
    import httpx

__all__ = ["why_unreachable"]


def why_unreachable(url: httpx.URL, headers: Mapping[str, str], seconds: float) -> str:
    """Why a server does not answer a GET within some seconds; empty if it does.

    Any answer will do, none of it is read and no redirect is followed; only one that says that
    the server itself fails (500 and above, but not that it has no such list) will not.
    """
    import httpx

    until = time.monotonic() + seconds
    try:
        with (
            client_until(until, headers, str(url)) as client,
            client.stream("GET", url, timeout=seconds) as response,
        ):
            status = response.status_code
    except httpx.HTTPError as exc:
        if time.monotonic() >= until:
            return f"no answer in {seconds:g} s; is the server busy?"
        return f"{describe(exc)}; is the server running?"
    failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    return f"the server answers {status}" if failed else ""
