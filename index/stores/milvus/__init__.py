"""Vectors searched by Milvus, beside a store on PostgreSQL."""

__all__: list[str] = []
