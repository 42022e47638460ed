"""Which language a question or an article is in."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from konkyo.index.text.language import detect
from konkyo.index.text.scripts import script_of_letter, scripts_of

QUESTIONS = [
    ("首相訪米日程", "ja"),
    ("首相访美日程", "zh"),
    ("高市首相 訪米 時期", "ja"),
    ("日米首脳会談 内容", "ja"),
    ("衆院選挙結果", "ja"),
    ("トランプ", "ja"),
    ("何が決まった？", "ja"),
    ("中国外交部发言人", "zh"),
    ("台灣總統選舉結果", "zh"),
    ("美國總統是誰", "zh"),
    ("谁赢得了选举？", "zh"),
    ("누가 이겼나", "ko"),
    ("Trump 대통령의 발언은?", "ko"),
    ("Who won?", "en"),
    ("What did Takaichi say about 日米同盟?", "en"),
    ("¿Quién ganó las elecciones?", "es"),
    ("Wer ist Kanzler?", "de"),
    ("Qui a gagné les élections ?", "fr"),
    ("Quem ganhou as eleições?", "pt"),
    ("Chi ha vinto le elezioni?", "it"),
    ("Seçimi kim kazandı ve neden?", "tr"),
    ("ใครชนะการเลือกตั้ง", "th"),
    ("من فاز في الانتخابات؟", "ar"),
    ("Кто победил на выборах?", "ru"),
    ("Хто переміг на виборах і чому?", "uk"),
    ("चुनाव कौन जीता?", "hi"),
]


@pytest.mark.parametrize(("text", "language"), QUESTIONS)
def test_a_question_is_answered_in_its_own_language(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize("default", ["ja", "en"])
def test_without_letters_the_default_holds(default: str) -> None:
    assert detect("2026-02-09 !? 0.75%", default) == default


def test_shared_characters_alone_are_settled_by_the_default() -> None:
    assert detect("北京大学", "ja") == "ja"
    assert detect("北京大学", "zh") == "zh"


@pytest.mark.parametrize("language", ["en", "zh", "es", "de", "ru", "th", "ar", "tr"])
def test_questions_of_a_parallel_set(shared: Path, language: str) -> None:
    data = json.loads((shared / "data" / f"xquad.{language}.json").read_text("utf-8"))["data"]
    texts = [q["question"] for a in data for p in a["paragraphs"] for q in p["qas"]]
    wrong = [text for text in texts if detect(text) != language]
    assert len(wrong) <= 0.015 * len(texts), wrong[:10]


def test_japanese_questions(shared: Path) -> None:
    data = json.loads((shared / "data" / "jsquad-valid-v1.3.json").read_text("utf-8"))["data"]
    texts = [q["question"] for a in data for p in a["paragraphs"] for q in p["qas"]]
    assert sum(detect(text) != "ja" for text in texts) <= 0.002 * len(texts)


def test_most_questions_need_no_trained_detector_and_no_time() -> None:
    code = (
        "import sys; from konkyo.index.text.language import detect\n"
        f"for text, _ in {QUESTIONS!r}: detect(text)\n"
        "print('lingua' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.strip() == "False"
    began = time.process_time()
    for text, _ in QUESTIONS:
        detect(text)
    assert (time.process_time() - began) / len(QUESTIONS) < 0.005


@pytest.mark.parametrize(
    ("language", "scripts"),
    [
        ("en", {"LATIN"}),
        ("vi", {"LATIN"}),
        ("el", {"GREEK"}),
        ("bg", {"CYRILLIC"}),
        ("fa", {"ARABIC"}),
        ("ko", {"HANGUL"}),
        ("zh", {"CJK"}),
        ("zh-TW", {"CJK"}),
        ("ja", {"CJK", "HIRAGANA", "KATAKANA"}),
        ("qq", set()),
        ("", set()),
    ],
)
def test_the_scripts_of_a_language_are_known(language: str, scripts: set[str]) -> None:
    assert scripts_of(language) == scripts


def test_the_script_of_a_letter_is_the_same_in_any_width() -> None:
    assert list(map(script_of_letter, "aＡéアｱー々漢가1 。")) == [
        *("LATIN", "LATIN", "LATIN", "KATAKANA", "KATAKANA", "KATAKANA", "IDEOGRAPHIC", "CJK"),
        *("HANGUL", None, None, None),
    ]
