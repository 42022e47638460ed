"""The learned reader: its data keep to their halves, its weights do what they promise."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest

from konkyo.index.embedding.model_files import home
from konkyo.index.errors import DatasetError, ModelDamaged, ModelMissing
from konkyo.rag.reading.reader import (
    WEIGHTS,
    ClaimSupport,
    LearnedReader,
    WindowReading,
    load_reader,
)
from training.checker_data import (
    Bigrams,
    Example,
    Paragraph,
    Question,
    claim_from_question,
    corrupt,
    hard_windows,
    load_jnli,
    load_squad,
    load_xquad,
    sentence_spans,
    tile_windows,
    window_around,
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
        assert 0.0 <= reading.span_score <= 1.0


def test_a_reading_does_not_depend_on_its_neighbours(loaded: LearnedReader) -> None:
    texts = list(LANGUAGES.values())
    together = loaded.answers("費用はいくらですか", texts)
    assert together == [loaded.answers("費用はいくらですか", [t])[0] for t in texts]
    assert together == loaded.answers("費用はいくらですか", texts)


def test_support_tells_a_true_claim_from_a_changed_one(loaded: LearnedReader) -> None:
    true, false = (
        loaded.supports(claim, [PASSAGE])[0]
        for claim in ("投資額は120億円を見込む。", "投資額は450億円を見込む。")
    )
    assert true.entail > false.entail
    assert true.entail + true.contradict + true.neutral == pytest.approx(1.0)


def test_nothing_to_read_answers_nothing_and_supports_nothing(loaded: LearnedReader) -> None:
    assert loaded.answers("何?", []) == []
    assert loaded.answers("何?", ["", " \n"]) == [WindowReading(0.0, 0, 0, "", 0.0)] * 2
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


# --- the data -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_sentences_cover_the_text_in_order(name: str) -> None:
    text = LANGUAGES[name]
    spans = sentence_spans(text)
    assert all(a < b for a, b in spans)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    assert "".join("".join(text[a:b] for a, b in spans).split()) == "".join(text.split())


def test_a_decimal_point_ends_no_sentence() -> None:
    text = LANGUAGES["en"]
    assert [text[a:b] for a, b in sentence_spans(text)][1] == "It costs 0.75 percent of GDP."


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_a_window_holds_what_it_is_grown_around(name: str) -> None:
    text = LANGUAGES[name]
    for seed in range(20):
        rng = random.Random(seed)
        start = rng.randrange(len(text) - 2)
        end = start + 2
        a, b = window_around(text, start, end, rng.uniform(5, 60), rng)
        assert a <= start < end <= b


def test_tiles_are_whole_sentences() -> None:
    text = LANGUAGES["ja"]
    tiles = [text[a:b] for a, b in tile_windows(text, 20)]
    assert "".join(tiles) == text
    assert all(t.endswith("。") for t in tiles)


def test_hard_windows_never_hold_the_answer() -> None:
    own = Paragraph("件", LANGUAGES["ja"], "ja", ())
    question = Question("1", "費用はいくらですか", "5,500億円", 18, ("5,500億円", "5500億円"))
    near = [
        "費用は5500億円とされた。費用をめぐる議論は続いている。",
        "費用は示されなかったという。",
    ]
    for seed in range(20):
        found = hard_windows(question, own, near, [LANGUAGES["ja"]], random.Random(seed), 3)
        assert found
        assert not any(a in window for a in question.answers for window in found)


def test_a_corrupted_claim_differs_from_the_claim() -> None:
    names = ["東京", "大阪", "名古屋"]
    for seed in range(60):
        false = corrupt(
            "首相は7日、東京で会見した。", "ja", LANGUAGES["ja"], names, random.Random(seed)
        )
        assert false is not None
        assert false != "首相は7日、東京で会見した。"
        assert false not in LANGUAGES["ja"]


@pytest.mark.parametrize(
    ("question", "answer", "language", "claim"),
    [
        ("この橋は誰が建てたか", "父", "ja", "この橋は父が建てた。"),
        ("黑豹队的防守丢了多少分？", "308", "zh", "黑豹队的防守丢了308分。"),
        ("Who wrote the book?", "Ann", "en", "Ann wrote the book."),
        ("¿Quién?", "Ana", "es", "¿Quién? Ana"),
    ],
)
def test_an_answer_takes_the_place_of_the_question_word(
    question: str, answer: str, language: str, claim: str
) -> None:
    assert claim_from_question(question, answer, language) == claim


def test_bigrams_find_the_text_that_shares_most() -> None:
    texts = list(LANGUAGES.values())
    assert Bigrams(texts).top("費用は5,500億円だと述べた", 1) == [0]
    assert Bigrams(texts).scores("").tolist() == [0.0] * len(texts)


def test_jnli_is_split_by_its_ids(shared: Path) -> None:
    file = shared / "data" / "jnli-valid-v1.3.json"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for odd in (True, False):
        wanted = [r["sentence2"] for r in rows if int(r["sentence_pair_id"]) % 2 == odd]
        assert [p.claim for p in load_jnli(file, odd)] == wanted


def test_xquads_halves_share_no_title(shared: Path) -> None:
    fitted = load_xquad(shared / "data", fitted=True)
    reported = load_xquad(shared / "data", fitted=False)
    assert len({p.title for p in fitted["en"]}) == len({p.title for p in reported["en"]}) == 24
    assert not {p.title for p in fitted["en"]} & {p.title for p in reported["en"]}


def test_jsquad_loses_its_title_mark_and_keeps_its_answers(shared: Path) -> None:
    paragraphs = load_squad(shared / "data" / "jsquad-valid-v1.3.json", "ja")
    assert len(paragraphs) == 1145
    questions = [(p, q) for p in paragraphs for q in p.questions]
    assert len(questions) == 4442
    for p, q in questions:
        assert "[SEP]" not in p.text
        if q.answer_start >= 0:
            assert p.text[q.answer_start : q.answer_start + len(q.answer)] == q.answer
        else:
            assert q.answer not in p.text


def test_a_file_that_is_not_squad_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    with pytest.raises(DatasetError, match=r"broken\.json"):
        load_squad(broken, "ja")


def test_rows_become_tokens_with_the_answer_where_it_was() -> None:
    folder = home() / "models" / "multilingual-e5-small"
    if not (folder / "tokenizer.json").is_file():
        pytest.skip("multilingual-e5-small is not here")
    from tokenizers import Tokenizer

    from training.checker_train import encode, make_batch

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    at = PASSAGE.index("佐伯健一")
    row = Example("query", "所長は誰ですか", "研究所", PASSAGE, 1, (at, at + 4))
    encoded = encode(tokenizer, row)
    inside = tokenizer.decode(encoded.ids[encoded.span[0] : encoded.span[1] + 1].tolist())
    assert "佐伯健一" in inside
    batch = make_batch([encoded, encoded])
    assert batch.ids.shape[1] % 8 == 0
    assert batch.mask.sum() == 2 * len(encoded.ids)


def test_weights_survive_quantisation(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    from training.checker_train import export

    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(6, 4)).astype(np.float32)
    save_file({"layers.0.o.weight": matrix}, tmp_path / "average.safetensors")
    export(tmp_path / "average.safetensors", tmp_path / "out.safetensors", {}, "v")
    found = load_file(tmp_path / "out.safetensors")
    restored = found["layers.0.o.weight"] * found["layers.0.o.scale"][:, None]
    assert np.abs(restored - matrix).max() <= np.abs(matrix).max() / 254 + 1e-6


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
