"""Whether a claim is supported by exactly what it cites."""

__all__: list[str] = []
