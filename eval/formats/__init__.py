"""Readers of evaluation sets, one file a format; errors name the file and the line."""

__all__: list[str] = []
