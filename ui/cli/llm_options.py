"""Options that say which language model a command uses, and how answers are put."""

from __future__ import annotations

import click

__all__ = [
    "BASE_URL_OPTION",
    "LLM_OPTION",
    "MODEL_OPTION",
    "PHRASING_OPTION",
    "STRICTNESS_OPTION",
]

LLM_OPTION = click.option(
    "--llm",
    default=None,
    help="embedded, openai, ollama or none (quotes alone).  [default: from settings, embedded]",
)

MODEL_OPTION = click.option("--model", default=None, help="Model name, or the path of a GGUF file.")

BASE_URL_OPTION = click.option(
    "--base-url", default=None, help="Address of an OpenAI-compatible or Ollama server."
)

PHRASING_OPTION = click.option(
    "--phrasing",
    type=click.Choice(["auto", "always", "never"]),
    default=None,
    help="Whether a language model may phrase answers; auto: if it writes well enough."
    "  [default: from settings, auto]",
)

STRICTNESS_OPTION = click.option(
    "--strictness",
    type=click.FloatRange(0, 1),
    default=None,
    help="How sure the articles must answer; 0.5 is the fitted threshold."
    "  [default: from settings, 0.5]",
)
