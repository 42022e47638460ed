"""A store on a PostgreSQL server: words and offsets there, vectors there or in Milvus."""

__all__: list[str] = []
