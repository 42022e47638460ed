"""The ``konkyo`` command, one file a sub-command."""

__all__: list[str] = []
