"""From a question to ranked passages, and from those to quotes."""

__all__: list[str] = []
