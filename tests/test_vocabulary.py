"""The vocabulary of web pages is checked when it is loaded."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from konkyo.index.ingest.vocabulary import Vocabulary, shipped_vocabulary
from konkyo.index.text.word_data import WordDataError, parse_words

SECTIONS = [field.name for field in fields(Vocabulary)]


def _text(**changed: str) -> str:
    tables = dict.fromkeys(SECTIONS, "en = ['word']") | changed
    return "\n".join(f"[{section}]\n{table}" for section, table in tables.items())


def test_shipped_vocabulary_is_read() -> None:
    label = re.compile(shipped_vocabulary().label, re.IGNORECASE)
    assert label.fullmatch("お問い合わせ")
    assert label.fullmatch("Sign in")


@pytest.mark.parametrize(
    ("changed", "key", "reason"),
    [
        ({"label": "en = ['(word']"}, "label", "en: .*not a regular expression"),
        ({"label": "en = ['word', 'word']"}, "label", "en: .*stands there twice"),
        ({"label": "en = []"}, "label", "en: must be a list"),
        ({"label": "en = 'word'"}, "label", "en: must be a list"),
        ({"label": "en = [3]"}, "label", "en: 3 is not a regular expression"),
        ({"label": "xx = ['word']"}, "label", "xx: not one of any, ja, en"),
        ({"label": ""}, "label", "must be a table of languages"),
        ({"labels": "en = ['word']"}, "labels", "[Uu]nexpected"),
    ],
)
def test_names_file_and_key_of_a_wrong_entry(
    changed: dict[str, str], key: str, reason: str
) -> None:
    with pytest.raises(WordDataError, match=rf"^words\.toml: {key}: .*{reason}"):
        parse_words(Vocabulary, _text(**changed), "words.toml")


def test_names_a_missing_section() -> None:
    text = _text().replace("[notice]\nen = ['word']", "")
    with pytest.raises(WordDataError, match=r"notice: .*required"):
        parse_words(Vocabulary, text, "words.toml")


def test_names_a_file_that_is_not_toml() -> None:
    with pytest.raises(WordDataError, match=r"words\.toml: not valid TOML"):
        parse_words(Vocabulary, "[label", "words.toml")
