"""Options that say which language model a command uses."""

from __future__ import annotations

import click

__all__ = ["BASE_URL_OPTION", "LLM_OPTION", "MODEL_OPTION"]

LLM_OPTION = click.option(
    "--llm",
    default=None,
    help="embedded, openai, ollama or none (quotes alone).  [default: from settings, embedded]",
)

MODEL_OPTION = click.option("--model", default=None, help="Model name, or the path of a GGUF file.")

BASE_URL_OPTION = click.option(
    "--base-url", default=None, help="Address of an OpenAI-compatible or Ollama server."
)
