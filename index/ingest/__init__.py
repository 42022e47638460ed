"""From files, folders, addresses and feeds to clean articles."""

__all__: list[str] = []
