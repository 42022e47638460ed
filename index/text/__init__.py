"""Analysis of text: language, sentences, terms, dates, quantities, names. Imports nothing of ours."""

__all__: list[str] = []
