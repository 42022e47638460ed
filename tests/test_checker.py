"""The learned reader: the shipped weights do what they promise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from konkyo.index.embedding.model_files import home, sha256_of
from konkyo.index.errors import ModelDamaged, ModelMissing
from konkyo.rag.reading.network import Network, read_info, read_weights
from konkyo.rag.reading.reader import (
    WEIGHTS,
    ClaimSupport,
    LearnedReader,
    WindowReading,
    load_reader,
)

LANGUAGES = {
    "ja": "首相は7日、東京で会見した。費用は5,500億円だと述べた。反対の声もある。",
    "zh": "总理7日在东京举行记者会。他说费用为5,500亿日元。也有人反对。",
    "ko": "총리는 7일 도쿄에서 회견했다. 비용은 5,500억 엔이라고 말했다.",
    "th": "นายกรัฐมนตรีแถลงข่าวที่กรุงโตเกียวเมื่อวันที่ 7 ค่าใช้จ่ายคือ 550 พันล้านเยน",
    "ar": "عقد رئيس الوزراء مؤتمرا صحفيا في طوكيو. هل التكلفة 550 مليار ين؟ نعم.",
    "en": "The prime minister spoke in Tokyo on May 7. It costs 0.75 percent of GDP. Some object.",
    "combining": "Cafe\u0301 ouvert. Fermé.",
    "digits": "費用［１］は高い。【1】も参照。",
}

PASSAGE = (
    "通信大手のみらい通信は14日、名古屋市に約300人が働く研究所を2027年4月に開くと発表した。"
    "所長には東都大学の佐伯健一教授が就く。投資額は120億円を見込む。"
)


@pytest.fixture(scope="module")
def loaded() -> LearnedReader:
    folder = home() / "models" / "multilingual-e5-small"
    if not WEIGHTS.is_file() or not (folder / "model.safetensors").is_file():
        pytest.skip("the checker's weights or multilingual-e5-small are not here")
    return load_reader(folder, threads=1)


# --- the runtime --------------------------------------------------------------------------------


def test_a_window_with_the_answer_beats_one_without(loaded: LearnedReader) -> None:
    other = "みらい通信の株価は前日より2%下がった。市場では決算への不安が広がっている。"
    with_answer, without = loaded.answers("研究所の所長は誰ですか", [PASSAGE, other])
    assert with_answer.probability > 0.5 > without.probability
    assert "佐伯健一" in with_answer.span_text


def test_a_question_in_another_language_finds_the_answer(loaded: LearnedReader) -> None:
    reading = loaded.answers("How many people will work at the institute?", [PASSAGE])[0]
    assert "300" in reading.span_text


def test_the_span_is_a_span_of_the_window(loaded: LearnedReader) -> None:
    for text in LANGUAGES.values():
        reading = loaded.answers("費用はいくらですか", [text])[0]
        assert text[reading.start : reading.end] == reading.span_text
        assert 0.0 <= reading.probability <= 1.0


def test_the_span_does_not_begin_with_the_space_before_its_word(loaded: LearnedReader) -> None:
    text = "Two prizes were given on Monday. Ann Lee won the second prize, the jury said."
    reading = loaded.answers("Who won the second prize?", [text])[0]
    assert reading.span_text == text[reading.start : reading.end] == "Ann Lee"


def test_each_part_of_an_answer_is_marked(loaded: LearnedReader) -> None:
    text = "The prize went to Ann Lee for a novel, Omar Haddad for poems and Mei Tanaka for a play."
    places = loaded.answers("Who won prizes?", [text])[0].places
    marked = " ".join(text[start:end] for start, end in places)
    assert all(name in marked for name in ("Ann Lee", "Omar Haddad", "Mei Tanaka"))
    assert places == tuple(sorted(places))


def test_a_reading_does_not_depend_on_its_neighbours(loaded: LearnedReader) -> None:
    texts = list(LANGUAGES.values())
    together = loaded.answers("費用はいくらですか", texts)
    assert together == [loaded.answers("費用はいくらですか", [t])[0] for t in texts]
    assert together == loaded.answers("費用はいくらですか", texts)


def test_what_was_read_is_not_read_again(
    loaded: LearnedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, claim = "研究所はどこにできますか", "研究所は名古屋市にできる。"
    read, view = loaded.answers(question, [PASSAGE])[0], loaded.supports(claim, [PASSAGE])[0]

    def forbidden(*_: object) -> dict[str, object]:
        raise AssertionError("the network ran again")

    monkeypatch.setattr(Network, "run", forbidden)
    assert loaded.answers(question, [PASSAGE, PASSAGE]) == [read, read]
    assert loaded.supports(claim, [PASSAGE]) == [view]
    with pytest.raises(AssertionError, match="ran again"):
        loaded.answers(question, [PASSAGE], ["another article (2026-05-14)"])


def test_support_tells_a_true_claim_from_a_changed_one(loaded: LearnedReader) -> None:
    true, false = (
        loaded.supports(claim, [PASSAGE])[0]
        for claim in ("投資額は120億円を見込む。", "投資額は450億円を見込む。")
    )
    assert true.entail > false.entail
    assert true.entail + true.contradict + true.neutral == pytest.approx(1.0)


def test_nothing_to_read_answers_nothing_and_supports_nothing(loaded: LearnedReader) -> None:
    assert loaded.answers("何?", []) == []
    assert loaded.answers("何?", ["", " \n"]) == [WindowReading(0.0, 0, 0, "")] * 2
    assert loaded.supports("何か。", [""]) == [ClaimSupport(0.0, 0.0, 1.0)]


def test_a_long_window_is_read_to_its_end(loaded: LearnedReader) -> None:
    filler = "市場では決算への不安が広がり、株価は小幅に動いた。" * 40
    reading = loaded.answers("研究所の所長は誰ですか", [filler + PASSAGE])[0]
    assert "佐伯健一" in reading.span_text
    assert reading.start > len(filler)


def test_weights_that_are_not_there_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="reinstall konkyo"):
        load_reader(tmp_path, tmp_path / "none.safetensors")
    weights = tmp_path / "some.safetensors"
    weights.write_bytes(b"x")
    with pytest.raises(ModelMissing, match="models pull multilingual-e5-small"):
        load_reader(tmp_path, weights)


def test_the_shipped_weights_have_the_hash_beside_them() -> None:
    """Whoever puts new weights there writes ``reader.sha256`` too; training/export.py does."""
    assert WEIGHTS.with_suffix(".sha256").read_text("utf-8").strip() == sha256_of(WEIGHTS)


def test_weights_with_64_other_bytes_are_refused(tmp_path: Path) -> None:
    content = bytearray(WEIGHTS.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(b ^ 1 for b in content[middle : middle + 64])
    weights = tmp_path / WEIGHTS.name
    weights.write_bytes(content)
    shutil.copy(WEIGHTS.with_suffix(".sha256"), tmp_path)
    with pytest.raises(ModelDamaged, match=r"reader\.safetensors is damaged: .*reinstall konkyo"):
        read_weights(weights)


def test_weights_that_are_gone_are_told_as_damage(tmp_path: Path) -> None:
    gone = tmp_path / "gone.safetensors"
    for read in (read_weights, read_info):
        with pytest.raises(ModelDamaged, match=r"gone\.safetensors cannot be read .*reinstall"):
            read(gone)
    gone.with_suffix(".sha256").write_text("0" * 64, "utf-8")
    with pytest.raises(ModelDamaged, match=r"gone\.safetensors cannot be read .*reinstall"):
        read_weights(gone)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)
    (tmp_path / "tokenizer.json").write_text("{}")
    weights = tmp_path / "some.safetensors"
    weights.write_bytes(b"x" * 64)
    with pytest.raises(ModelDamaged, match=r"model\.safetensors"):
        load_reader(tmp_path, weights)


def test_another_models_vectors_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    if not WEIGHTS.is_file():
        pytest.skip("the checker's weights are not here")
    words = np.zeros((10, 8), np.float32)
    save_file({"embeddings.word_embeddings.weight": words}, tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelDamaged, match=r"\(10, 8\)"):
        load_reader(tmp_path)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(WEIGHTS.read_bytes()[:1000])
    with pytest.raises(ModelDamaged, match="reinstall konkyo"):
        load_reader(tmp_path, cut)


def test_the_weights_are_small_and_say_their_licence() -> None:
    if not WEIGHTS.is_file():
        pytest.skip("the checker's weights are not here")
    assert WEIGHTS.stat().st_size < 25_000_000
    with WEIGHTS.open("rb") as file:
        about = json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]
    assert about["licence"] == "CC BY-SA 4.0"
    assert about["card"] == "docs/checker.md"


# --- the graph -----------------------------------------------------------------------------------


def test_seven_bits_stay_near_eight() -> None:
    from konkyo.rag.reading.network import seven_bits

    rng = np.random.default_rng(1)
    eight = {
        "o.weight": rng.integers(-127, 128, (5, 4)).astype(np.int8),
        "o.scale": np.full(5, 0.01, np.float32),
        "o.bias": np.ones(5, np.float32),
    }
    seven = seven_bits(eight)
    assert np.abs(seven["o.weight"].astype(int)).max() <= 64
    before = eight["o.weight"] * eight["o.scale"][:, None]
    after = seven["o.weight"] * seven["o.scale"][:, None]
    assert np.abs(before - after).max() <= 0.0101
    assert seven["o.bias"] is eight["o.bias"]
