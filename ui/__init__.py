"""The ways people come in: command line, HTTP interface and chat page.

What others may use is listed in ``__all__`` and loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if __name__ != "konkyo.ui":
    raise ImportError(f"import konkyo.ui instead of {__name__}: all packages live under konkyo")

if TYPE_CHECKING:
    from konkyo.ui.cli.main import main

__all__ = [
    "main",
]

_MODULES = {
    "main": "cli.main",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'konkyo.ui' has no attribute {name!r}")
    return getattr(import_module(f"konkyo.ui.{_MODULES[name]}"), name)
