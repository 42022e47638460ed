"""The texts Konkyo itself says: every language has every message, and a broken file is named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from konkyo.rag.messages import (
    MessageTable,
    notice_text,
    refusal_text,
    removed_text,
    translation_text,
)
from konkyo.rag.spoken import language_name, spoken

SHIPPED = (Path(__file__).parents[1] / "rag" / "data" / "messages.toml").read_text("utf-8")


def test_the_text_of_each_group_is_found_by_language() -> None:
    assert refusal_text("weak_evidence", "en") == "The articles do not say."
    assert removed_text("number", "ja") == "数字が出典にない"
    assert notice_text("filter_applied", "zh", period="2026") == "已在2026的报道中查找。"
    assert translation_text("machine", "ko", model="m") == "기계 번역(m). 출처의 표현이 아닙니다"


def test_another_language_is_answered_in_english() -> None:
    assert refusal_text("weak_evidence", "th") == refusal_text("weak_evidence", "en")


def test_a_regional_tag_is_answered_in_its_language() -> None:
    assert refusal_text("weak_evidence", "zh-TW") == refusal_text("weak_evidence", "zh")
    assert [spoken(tag) for tag in ("zh-TW", "en_GB", "kok", "")] == ["zh", "en", None, None]
    assert language_name("ko", "zh-TW") == "韩语"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[refusal.no_evidence]", "[refusal.nothing]", "refusal.nothing"),
        ('[refusal.no_evidence]\nen = "', '[refusal.no_evidence]\nde = "', "no_evidence.de"),
        ('en = "The articles do not say."\n', "", "refusal.weak_evidence.en"),
        ('"The articles do not say."', "3", "refusal.weak_evidence.en"),
        ('"报道中没有这个问题的答案。"', '""', "refusal.weak_evidence.zh"),
        ("已在{period}的报道中查找。", "已查找。", r"notice.filter_applied.zh\n.*\['period'\]"),
        ("已在{period}的报道中查找。", "已在{period的", "notice.filter_applied.zh"),
        ("[translation.machine]", "[notices.machine]", "notices"),
    ],
)
def test_rejects_a_broken_file_naming_the_key(old: str, new: str, told: str) -> None:
    assert SHIPPED.count(old) == 1
    with pytest.raises(ValidationError, match=told):
        TypeAdapter(MessageTable).validate_python(tomllib.loads(SHIPPED.replace(old, new)))


def test_rejects_a_missing_message() -> None:
    data = tomllib.loads(SHIPPED)
    del data["removed"]["number"]
    with pytest.raises(ValidationError, match="no message number"):
        TypeAdapter(MessageTable).validate_python(data)
