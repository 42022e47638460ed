"""The page's parts as HTML: pure functions that escape all text they are given."""

__all__: list[str] = []
