"""What runs behind page and interface: queues, jobs, sessions, measurements."""

__all__: list[str] = []
