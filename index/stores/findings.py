"""What a check of a store found, in words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from konkyo.index.errors import StoreError

__all__ = ["Finding", "finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: whether it holds, and if not, what to do."""

    what: str
    ok: bool
    detail: str = ""
    advice: str = ""


def finding(what: str, check: Callable[[], Iterable[str]], advice: str) -> Finding:
    """Run a check, which gives what is wrong; a StoreError it raises is wrong as well."""
    try:
        problems = list(check())
    except StoreError as exc:
        problems = [str(exc)]
    if not problems:
        return Finding(what, True)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Finding(what, False, problems[0] + more, advice)
