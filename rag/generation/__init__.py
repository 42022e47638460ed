"""Language models: what they are asked, and how their replies are read."""

__all__: list[str] = []
