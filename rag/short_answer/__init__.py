"""The answer in a few words, in the asker's language, and the frame around a foreign quote."""

__all__: list[str] = []
