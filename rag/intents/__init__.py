"""What an utterance wants, and what is said to all that is not a question about a fact."""

__all__: list[str] = []
