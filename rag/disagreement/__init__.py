"""Articles that contradict one another, and questions that take something false for granted."""

__all__: list[str] = []
