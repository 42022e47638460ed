"""The ``konkyo`` command: a group whose sub-commands are imported only when they are called."""

from __future__ import annotations

import importlib
import os
import sys

import click

from konkyo.index.errors import KonkyoError
from konkyo.index.text.unicode import escaped

__all__ = ["main"]

_KEPT = "\n\t"
_COMMANDS = {
    "ask": "konkyo.ui.cli.ask:ask",
    "audit": "konkyo.ui.cli.audit:audit",
    "chat": "konkyo.ui.cli.chat:chat",
    "completion": "konkyo.ui.cli.doctor:completion",
    "doctor": "konkyo.ui.cli.doctor:doctor",
    "eval": "konkyo.ui.cli.eval:evaluate",
    "feedback": "konkyo.ui.cli.feedback:feedback",
    "index": "konkyo.ui.cli.index:index",
    "mcp": "konkyo.ui.cli.mcp:mcp",
    "models": "konkyo.ui.cli.models:models",
    "search": "konkyo.ui.cli.ask:search",
    "show": "konkyo.ui.cli.ask:show",
    "store": "konkyo.ui.cli.store:store",
}
_HELP = {
    "ask": "Ask the articles a question.",
    "audit": "Print what editors did on the page and over HTTP.",
    "chat": "Open the chat in a browser.",
    "completion": "Print the completion script of a shell.",
    "doctor": "Say what is wrong and the command that mends it.",
    "eval": "Measure whether answers are right and faithful.",
    "feedback": "List readers' feedback, or make an evaluation set of it.",
    "index": "Build, change and inspect an index of articles.",
    "mcp": "Offer the articles to an assistant (Model Context Protocol).",
    "models": "List, fetch and find models.",
    "search": "Rank passages for a query.",
    "show": "Print one article, exactly as it is quoted.",
    "store": "Move an index between a folder, PostgreSQL and Milvus.",
}


class _Lazy(click.Group):
    """Imports a sub-command's module when it runs, so that ``--help`` loads nothing heavy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _HELP[name]) for name in sorted(_COMMANDS)])


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done or answered, 1 failure, 2 wrong use, 3 refused, 130 interrupted.",
)
@click.version_option(package_name="konkyo")
def konkyo() -> None:
    """Ask news articles; every sentence of the answer points at the passage that proves it."""


def main() -> None:
    """Run the command line; errors of ours become one line and an exit code."""
    # No library may phone home, and the two cores are not to be fought over.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # A module that happens to lie in the working folder must not run in our children.
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        code = konkyo.main(standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        sys.exit(exc.exit_code)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except KonkyoError as exc:
        click.echo(f"konkyo: {escaped(str(exc), keep=_KEPT)}", err=True)
        sys.exit(exc.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
