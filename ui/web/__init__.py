"""The chat page."""

__all__: list[str] = []
