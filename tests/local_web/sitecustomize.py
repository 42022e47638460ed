"""Lets every Python program that has this folder in its path read one web server of this machine.

The port is in ``KONKYO_TEST_SITE``; the name news.example leads there. What else is fetched is
checked as always.
"""

from __future__ import annotations

import os

from konkyo.index.ingest import fetch

PORT = int(os.environ["KONKYO_TEST_SITE"])
HOST = "news.example"


def _resolve(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if host == HOST else fetch._resolve(host, port)


def _allow(address: fetch.Address) -> bool:
    return str(address) == "127.0.0.1" or fetch.is_public(address)


fetch.WebFetcher.__init__.__kwdefaults__.update(  # type: ignore[attr-defined]
    limits=fetch.Limits(ports=frozenset({PORT})), resolve=_resolve, allow=_allow
)
