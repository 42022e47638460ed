"""Words in data files are checked when they are read; every file of the packages is sound."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import (
    CHECKED,
    Alternatives,
    Characters,
    FoldedPattern,
    WordDataError,
    any_word,
    parse_words,
    word_data,
)

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, config=CHECKED)
class Part:
    """One table of the test's file."""

    ends: Alternatives
    letters: Characters


@dataclass(frozen=True, slots=True, config=CHECKED)
class Words:
    """The test's file."""

    some: Part
    values: dict[str, int]


SOUND = '[some]\nends = ["a+", "b"]\nletters = "xyz"\n[values]\none = 1\n'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    name = "words_" + re.sub(r"\W", "_", request.node.name)
    (tmp_path / name / "data").mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return name


def written(package: str, text: str) -> str:
    folder = next(Path(p, package) for p in sys.path if Path(p, package, "__init__.py").is_file())
    (folder / "data" / "some.toml").write_text(text, "utf-8")
    return package


def test_reads_values_of_the_types_of_the_schema(package: str) -> None:
    words = word_data(Words, "some", written(package, SOUND))
    assert words.values == {"one": 1}
    assert words.some.letters == {"x", "y", "z"}
    assert [m.group() for m in words.some.ends.finditer("caab")] == ["aa", "b"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SOUND.replace('letters = "xyz"\n', ""), r"data/some.toml: some.letters: Field required"),
        (SOUND + "two = [1]\n", r"data/some.toml: values.two: Input should be a valid integer"),
        (SOUND + "[more]\n", r"data/some.toml: more: "),
        (SOUND.replace("a+", "(a"), r"data/some.toml: some.ends: .*no regular expression"),
        (SOUND.replace('["a+", "b"]', '"a"'), r"data/some.toml: some.ends: .*a list of"),
        ("[some", r"data/some.toml: "),
    ],
)
def test_names_the_file_and_the_key_of_a_fault(package: str, text: str, told: str) -> None:
    with pytest.raises(WordDataError, match=told):
        word_data(Words, "some", written(package, text))


def test_of_words_that_begin_alike_the_longest_is_found() -> None:
    found = re.match(any_word(["ten", "tenth", "a.b"]), "tenth")
    assert found is not None
    assert found.group() == "tenth"
    assert re.match(any_word(["a.b"]), "axb") is None


def test_no_word_list_of_the_packages_holds_a_word_twice() -> None:
    files = [*ROOT.glob("index/text/data/*.toml"), *ROOT.glob("rag/**/data/*.toml")]
    files += ROOT.glob("eval/data/*.toml")
    assert len(files) > 12

    def lists(value: object, key: str) -> list[tuple[str, list[object]]]:
        if isinstance(value, dict):
            return [found for k, v in value.items() for found in lists(v, f"{key}.{k}")]
        return [(key, value)] if isinstance(value, list) else []

    twice = [
        (file.name, key, item)
        for file in files
        for key, items in lists(tomllib.loads(file.read_text("utf-8")), "")
        if not key.endswith(".tails")  # a syllable's last sounds stand in Unicode's order
        for item in {str(i) for i in items}
        if [str(i) for i in items].count(item) > 1
    ]
    assert twice == []


def test_one_pattern_is_found_in_upper_or_lower_case_and_a_broken_one_is_told() -> None:
    schema = dict[str, FoldedPattern]
    assert parse_words(schema, 'one = "a+"', "some")["one"].findall("xAay") == ["Aa"]
    with pytest.raises(WordDataError, match=r"some: one: .*no regular expression"):
        parse_words(schema, 'one = "(a"', "some")
    with pytest.raises(WordDataError, match=r"some: one: .*must be a regular expression"):
        parse_words(schema, "one = 1", "some")
