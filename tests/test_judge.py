"""What a question asks for, and whether a text holds it."""

import pytest

from rag.judge import Asked, asked_for, holds


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("自民党は何議席を獲得しましたか。", "number"),
        ("投資の規模はいくらですか。", "number"),
        ("会談はいつでしたか。", "date"),
        ("会談したのは誰ですか。", "name"),
        ("なぜ訪米するのですか。", None),
        ("How many Japanese were injured?", "number"),
        ("When will she visit?", "date"),
        ("Who is the president of South Korea?", "name"),
        ("Why did she visit?", None),
        ("숨진 사람은 몇 명인가요?", "number"),
        ("방미는 언제인가요?", "date"),
        ("누가 회담했나요?", "name"),
        ("拿下了多少议席？", "number"),
        ("什么时候访美？", "date"),
        ("防卫大臣是谁？", "name"),
    ],
)
def test_questions_say_what_they_ask_for(question: str, kind: Asked | None) -> None:
    assert asked_for(question) == kind


@pytest.mark.parametrize(
    ("kind", "text", "language", "held"),
    [
        ("number", "自民党が圧勝した。", "ja", False),
        ("number", "約160人の邦人が滞在する。", "ja", True),
        ("date", "首相が会見した。", "ja", False),
        ("date", "2月9日に会見した。", "ja", True),
        ("date", "The talks were held on May 7.", "en", True),
        ("name", "高市首相が会見した。", "ja", True),
    ],
)
def test_a_text_holds_what_was_asked_for(kind: Asked, text: str, language: str, held: bool) -> None:
    assert holds(kind, text, language) is held
