"""A store in a folder on one machine: SQLite for the database, FAISS and BM25 as caches."""

__all__: list[str] = []
