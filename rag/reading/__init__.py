"""The learned reader, and the decision whether what was found answers."""

__all__: list[str] = []
