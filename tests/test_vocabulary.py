"""The vocabulary of web pages is checked when it is loaded."""

from __future__ import annotations

import pytest

from konkyo.index.errors import DataFileError
from konkyo.index.ingest.vocabulary import SECTIONS, parse_vocabulary, shipped_vocabulary


def _text(**changed: str) -> str:
    tables = dict.fromkeys(SECTIONS, "en = ['word']") | changed
    return "\n".join(f"[{section}]\n{table}" for section, table in tables.items())


def test_shipped_vocabulary_is_read() -> None:
    vocabulary = shipped_vocabulary()
    assert set(vocabulary.entries) == SECTIONS
    assert vocabulary.pattern("label").fullmatch("お問い合わせ")
    assert vocabulary.pattern("label").fullmatch("Sign in")


@pytest.mark.parametrize(
    ("changed", "key", "reason"),
    [
        ({"label": "en = ['(word']"}, "label.en", "not a regular expression"),
        ({"label": "en = ['word', 'word']"}, "label.en", "stands there twice"),
        ({"label": "en = []"}, "label.en", "not a list"),
        ({"label": "en = 'word'"}, "label.en", "not a list"),
        ({"label": "en = [3]"}, "label.en", "3 is not a regular expression"),
        ({"label": "xx = ['word']"}, "label.xx", "not one of any, de, en"),
        ({"label": ""}, "label", "not a table of languages"),
        ({"labels": "en = ['word']"}, "labels", "no section is called that"),
    ],
)
def test_names_file_and_key_of_a_wrong_entry(
    changed: dict[str, str], key: str, reason: str
) -> None:
    with pytest.raises(DataFileError, match=rf"^words\.toml: {key}: .*{reason}") as caught:
        parse_vocabulary(_text(**changed), "words.toml")
    assert caught.value.key == key


def test_names_a_missing_section() -> None:
    text = _text().replace("[notice]\nen = ['word']", "")
    with pytest.raises(DataFileError, match="notice: missing"):
        parse_vocabulary(text, "words.toml")


def test_names_a_file_that_is_not_toml() -> None:
    with pytest.raises(DataFileError, match=r"words\.toml: not valid TOML"):
        parse_vocabulary("[label", "words.toml")
