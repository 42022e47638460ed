"""The HTTP interface beside the page, and what protects both."""

__all__: list[str] = []
