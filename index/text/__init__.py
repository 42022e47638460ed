"""Analysis of text: language, sentences, dates, quantities, names. Imports nothing of ours."""

__all__: list[str] = []
