"""Encoders, and the catalogue of models that can be fetched."""

__all__: list[str] = []
