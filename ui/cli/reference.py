"""The reference pages of the documentation, made from the code: settings and commands.

    python -m konkyo.ui.cli.reference docs

writes ``configuration.md`` and ``commands.md``; a test holds that they are what the code says.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from konkyo.index.settings import CONFIG_NAME, Settings
from konkyo.index.text.thresholds import TextThresholds
from konkyo.rag.options import Options
from konkyo.rag.retrieval.evidence import SelectionLimits
from konkyo.rag.retrieval.hybrid import FusionWeights
from konkyo.rag.retrieval.languages import LanguageLimits
from konkyo.rag.thresholds import Thresholds

__all__ = ["commands_page", "configuration_page", "main"]

_NOTE = "<!-- Made from the code by `python -m konkyo.ui.cli.reference docs`; do not edit. -->\n"


def configuration_page() -> str:
    """Every setting: its section, key, values, default and environment variable."""
    parts = [
        _NOTE,
        "# Configuration\n",
        f"Settings are read once: flags over the environment over `{CONFIG_NAME}` of the current"
        " folder (or the file KONKYO_CONFIG names) over these defaults. A key nobody knows is an"
        " error that names it. Secrets are never settings: a setting names the file or the"
        " environment variable that holds one. A list is a TOML array, and JSON in the environment:"
        """ `KONKYO_CHAT__NAMES='["news.example"]'`.\n""",
    ]
    own = {n: f for n, f in Settings.model_fields.items() if not _is_section(f)}
    parts.append(_table("", own))
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            parts.append(f"## [{name}]\n")
            parts.append(inspect.getdoc(section) or "")
            parts.append("\n")
            parts.append(_table(name, section.model_fields))
    parts.append(_thresholds())
    return "\n".join(parts).rstrip() + "\n"


def _thresholds() -> str:
    """Every limit that decides what is said, with its value; not a setting."""
    rows = [
        "## What decides: thresholds\n",
        "These are not settings: they are fitted or chosen on data named in the code, and part of"
        " every answer's fingerprint. A program may give `Options(thresholds=Thresholds(...))`."
        " `answerable` and the weights of the fitted models come from `rag/calibration.json`, or "
        "from"
        " the file that `calibration` names.\n",
        "| threshold | default | what it decides |",
        "|---|---|---|",
    ]
    for field in (*fields(Thresholds), *fields(TextThresholds)):
        rows.append(f"| `{field.name}` | `{field.default}` | {field.metadata['doc']} |")
    rows.append("\n## How much is searched, read and shown\n")
    rows.append("The other frozen values of `Options`; the fingerprint covers them, too.\n")
    for value in (Options, SelectionLimits, FusionWeights, LanguageLimits):
        rows += [f"### {value.__name__}\n", f"{inspect.getdoc(value)}\n".replace("``", "`")]
        rows += ["| value | default |", "|---|---|"]
        rows += [f"| `{f.name}` | `{f.default!r}` |" for f in fields(value) if f.default != MISSING]
        rows.append("")
    return "\n".join(rows) + "\n"


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _table(section: str, fields: dict[str, FieldInfo]) -> str:
    rows = ["| key | values | default | environment |", "|---|---|---|---|"]
    for name, field in fields.items():
        variable = "KONKYO_" + (f"{section}__{name}" if section else name).upper()
        default = "fitted" if field.default is None else _written(field.default)
        rows.append(f"| `{name}` | {_values(field)} | `{default}` | `{variable}` |")
    return "\n".join(rows) + "\n"


def _written(default: object) -> str:
    """A default as TOML writes it; a list is a tuple here."""
    told = list(default) if isinstance(default, tuple) else default
    return repr(told).replace("'", '"')


def _values(field: FieldInfo) -> str:
    kind = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is tuple:
        return "list of texts"
    inner = [k for k in get_args(kind) if k is not type(None)] or [kind]
    words = {"str": "text", "int": "whole number", "float": "number"}
    name = words.get(getattr(inner[0], "__name__", ""), str(inner[0]))
    bounds = []
    for limit in field.metadata:
        for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            value = getattr(limit, attribute, None)
            if value is not None:
                bounds.append(f"{sign} {value}")
    return f"{name} {', '.join(bounds)}".strip()


def commands_page() -> str:
    """Every command with its help text."""
    from konkyo.ui.cli.main import konkyo

    parts = [_NOTE, "# Commands\n"]
    with click.Context(konkyo, info_name="konkyo", max_content_width=90) as root:
        for name in konkyo.list_commands(root):
            command = konkyo.get_command(root, name)
            assert command is not None
            parts.extend(_help(command, root, name, 2))
    return "\n".join(parts).rstrip() + "\n"


def _help(command: click.Command, above: click.Context, name: str, level: int) -> list[str]:
    parts: list[str] = []
    with click.Context(
        command, info_name=name, parent=above, max_content_width=90, terminal_width=90
    ) as ctx:
        text = "\n".join(line.rstrip() for line in command.get_help(ctx).splitlines())
        parts += [f"{'#' * level} {ctx.command_path}\n", f"```text\n{text}\n```\n"]
        if isinstance(command, click.Group):
            for inner in command.list_commands(ctx):
                found = command.get_command(ctx, inner)
                if found is not None:
                    parts.extend(_help(found, ctx, inner, level + 1))
    return parts


def main(folder: Path) -> None:
    """Write both pages into a folder."""
    (folder / "configuration.md").write_text(configuration_page(), "utf-8")
    (folder / "commands.md").write_text(commands_page(), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
