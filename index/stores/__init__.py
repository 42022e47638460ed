"""Stores of articles and passages: a folder, PostgreSQL, PostgreSQL with Milvus."""

__all__: list[str] = []
