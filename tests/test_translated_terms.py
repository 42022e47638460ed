"""The words of a question in another language, by the shipped dictionary."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from konkyo.index.errors import ModelDamaged
from konkyo.rag.retrieval import translated_terms
from konkyo.rag.retrieval.translated_terms import translated, translated_share


def forms(question: str, language: str, target: str) -> set[str]:
    return {form for term in translated(question, language, target) for form in term.forms}


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("ja", "クラゲに刺された人は何人ですか。"),
        ("ko", "해파리에 쏘인 사람은 몇 명인가요?"),
        ("zh", "多少人被水母蜇伤？"),
    ],
)
def test_a_rare_word_is_known_in_every_language(language: str, question: str) -> None:
    assert "jellyfish" in forms(question, language, "en")


def test_english_is_looked_up_in_any_form_and_in_phrases() -> None:
    assert "水母" in forms("Why were the jellyfish there?", "en", "zh")
    assert "選挙" in forms("Who won the elections?", "en", "ja")
    assert {"勝つ", "勝ち"} & forms("Who won the elections?", "en", "ja")
    assert "지하철" in forms("Who drives the subway?", "en", "ko")
    assert not forms("What is it that they did?", "en", "ja")


def test_known_names_have_their_spellings() -> None:
    assert {"trump", "takaichi"} <= forms("高市首相はトランプ氏といつ会いますか。", "ja", "en")
    assert "美国" in forms("미국은 언제 공격했나요?", "ko", "zh")


def test_japanese_words_are_looked_up_as_the_dictionary_has_them() -> None:
    assert "resign" in forms("市長はいつ辞めましたか。", "ja", "en")


def test_han_characters_stand_for_themselves_and_are_simplified() -> None:
    assert "選挙" in forms("選挙はいつ？", "ja", "zh")
    terms = translated("選挙はいつ？", "ja", "zh")
    assert translated_share(terms, ["選舉結果出爐。", "今天下雨。"], "zh").tolist()[1] == 0.0
    assert translated_share(terms, ["選舉結果出爐。", "今天下雨。"], "zh")[0] > 0


def test_figures_and_latin_words_stand_for_themselves() -> None:
    found = forms("Nexahillは674年の何を買った？", "ja", "ko")
    assert {"nexahill", "674"} <= found
    assert forms("Warum kam Merkel 2015 nach Paris?", "de", "fr") >= {"merkel", "2015", "paris"}


def test_the_text_with_the_rarest_words_has_the_largest_share() -> None:
    terms = translated("해파리에 쏘인 사람은 몇 명인가요?", "ko", "en")
    texts = [
        "People swam in the harbour on Sunday.",
        "Jellyfish stung 316 people in the harbour.",
        "People ran along the road; people watched.",
    ]
    shares = translated_share(terms, texts, "en")
    assert shares.shape == (3,)
    assert int(shares.argmax()) == 1
    assert 0.0 <= float(shares.min()) <= float(shares.max()) <= 1.0


def test_a_word_that_every_text_has_decides_nothing() -> None:
    terms = translated("Who is the mayor?", "en", "ja")
    shares = translated_share(terms, ["市長が話した。", "市長は辞める。"], "ja")
    assert shares[0] == shares[1]
    assert translated_share((), ["市長"], "ja").tolist() == [0.0]


def test_english_texts_are_read_in_any_form() -> None:
    terms = translated("법원이 청구를 기각한 이유는?", "ko", "en")
    texts = ["The court dismissed the request.", "The road is closed."]
    assert translated_share(terms, texts, "en")[0] > 0


def test_a_damaged_dictionary_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lexicon.xz"
    monkeypatch.setattr(translated_terms, "DICTIONARY", file)
    whole = translated_terms._dictionary.__wrapped__
    cut = lzma.compress("ab\n[ja]\n魚\tfish\n".encode())
    for content in (b"no archive", cut[: len(cut) // 2], lzma.compress(b"abc\n[ja]\n")):
        file.write_bytes(content)
        with pytest.raises(ModelDamaged, match=r"lexicon\.xz is damaged: .*reinstall konkyo"):
            whole()
    file.write_bytes(cut)
    assert whole().words["ja"] == {"fish": ("魚",)}
