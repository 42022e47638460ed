"""``konkyo doctor`` and ``konkyo completion``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from konkyo.index.text.unicode import escaped

if TYPE_CHECKING:
    from konkyo.ui.server.diagnostics import Finding

__all__ = ["completion", "doctor"]

_MARKS = {"ok": ("ok   ", "green"), "note": ("note ", "yellow"), "wrong": ("WRONG", "red")}
_INSTALL = {
    "bash": 'eval "$(konkyo completion bash)"      # in ~/.bashrc',
    "zsh": 'eval "$(konkyo completion zsh)"       # in ~/.zshrc',
    "fish": "konkyo completion fish > ~/.config/fish/completions/konkyo.fish",
}


@click.command(
    epilog="""
    \b
    Examples:
      konkyo doctor
      konkyo doctor --store /data/news --json

    Exit codes: 0 nothing is wrong (notes may remain), 1 something is.
    """
)
@click.option("--store", default=None, envvar="KONKYO_STORE", help="Folder of the index.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="KONKYO_CONFIG",
    default=None,
    help="Settings file.  [default: konkyo.toml, if there is one]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array and nothing else.")
def doctor(store: str | None, config: Path | None, as_json: bool) -> int:
    """Look at Python, libraries, memory, disk, models, the index and the port."""
    from konkyo.index.errors import SettingsError
    from konkyo.index.settings import load_settings
    from konkyo.ui.server.diagnostics import examine, settings_problem

    try:
        findings = examine(load_settings(config, {"store": store}))
    except SettingsError as exc:
        findings = [settings_problem(exc)]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        _print(findings)
    return 1 if any(finding.level == "wrong" for finding in findings) else 0


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        mark, colour = _MARKS[finding.level]
        click.echo(f"{click.style(mark, fg=colour)} {finding.name}: {escaped(finding.detail)}")
        if finding.mend:
            click.echo(f"        → {click.style(finding.mend, bold=True)}")
    wrong = sum(finding.level == "wrong" for finding in findings)
    click.echo("nothing is wrong" if not wrong else f"{wrong} to mend, from the top down")


@click.command(
    epilog="""
    \b
    Examples:
      eval "$(konkyo completion bash)"
      konkyo completion fish > ~/.config/fish/completions/konkyo.fish
    """
)
@click.argument("shell", type=click.Choice(sorted(_INSTALL)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes konkyo's commands and options in a shell."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "konkyo", "_KONKYO_COMPLETE").source())
    click.echo(f"# {_INSTALL[shell]}")
