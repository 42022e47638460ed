"""Makes the int8 engine of a model once, and checks it at every load.

The engine is compared with sentence-transformers on sample texts when it is made; some of those
vectors are kept and compared again at every load, because the same int8 product saturates on CPUs
without VNNI. There the weights get seven bits instead.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from konkyo.index.embedding.bert_folder import BertModel, BertWeights, Unsupported, read_bert
from konkyo.index.embedding.bert_graph import encoder_graph
from konkyo.index.embedding.int8_encoder import Int8Encoder
from konkyo.index.embedding.model_files import home
from konkyo.index.embedding.model_folder import read_json, read_prompts, state_of, weights_hash
from konkyo.index.errors import ModelError

__all__ = ["is_made", "kept_weights_hash", "load_int8"]

_VERSION = 5
_MINIMUM_COSINE = 0.985
_KILLED_AFTER = 3600.0
_SAMPLES = (
    "東京の桜は例年より五日早く満開になったと、気象台が発表した。",
    "The city council approved the new tram line on Tuesday by 31 votes to 12.",
    "정부는 내년 예산을 3.2% 늘리기로 했다.",
    "该公司第三季度营收为128亿元，同比增长7.5%。",
    "Der Hafen meldete im März einen Rückgang des Umschlags um zwei Prozent.",
    "ธนาคารกลางคงอัตราดอกเบี้ยไว้ที่ร้อยละ 2.5",
)
_log = logging.getLogger(__name__)


def load_int8(folder: Path, name: str, threads: int | None = None) -> Int8Encoder:
    """Load the fast engine of a sentence-transformers folder, making it the first time.

    Raises Unsupported if the model is of another kind or int8 does not reproduce it on this CPU;
    ModelError if the cache cannot be written.
    """
    from filelock import FileLock

    bert = read_bert(folder)
    engine = _place(folder, name)
    if (encoder := _open(bert, engine, name, threads)) is not None:
        return encoder
    try:
        engine.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(engine.with_name(f".{engine.name}.lock")):
            if (encoder := _open(bert, engine, name, threads)) is not None:
                return encoder
            _make(bert, engine, name)
    except OSError as exc:
        raise ModelError(
            f"cannot write the fast encoder to {engine}: {exc.strerror or exc}; free some space, "
            "check permissions or set KONKYO_HOME to another folder"
        ) from exc
    encoder = _open(bert, engine, name, threads)
    if encoder is None:
        raise Unsupported("int8 does not reproduce its vectors on this CPU")
    return encoder


def _place(folder: Path, name: str) -> Path:
    safe = "".join(c if c.isalnum() or c in "-." else "-" for c in name)
    return home() / "engines" / f"{safe}-{state_of(folder)}-v{_VERSION}"


def is_made(folder: Path, name: str) -> bool:
    """Whether the fast engine of this very folder was made before; loads nothing."""
    return (_place(folder, name) / "engine.json").is_file()


def kept_weights_hash(folder: Path, name: str) -> str:
    """``weights_hash`` of a folder: as its fast engine keeps it, worked out where none was made."""
    try:
        return str(read_json(_place(folder, name) / "engine.json")["weights"])
    except (OSError, ValueError, KeyError):
        return weights_hash(folder)


def _open(bert: BertModel, engine: Path, name: str, threads: int | None) -> Int8Encoder | None:
    """Open the engine; ``None`` if it is absent, damaged or gives other vectors on this CPU."""
    try:
        facts = read_json(engine / "engine.json")
        reference = np.array(facts["reference"], np.float32)
        graph = hashlib.sha256((engine / "encoder.onnx").read_bytes()).hexdigest()
        whole = graph == facts["graph"]
    except (OSError, ValueError, KeyError):
        return None
    if facts.get("unsupported"):
        raise Unsupported(str(facts["unsupported"]))
    if not whole:
        _log.warning("the fast engine in %s is damaged; making it again", engine)
        return None
    prompts = read_prompts(bert.folder, name)
    fingerprint = f"{name}:{facts['weights']}:int8-v{_VERSION}"
    try:
        encoder = Int8Encoder(bert, engine / "encoder.onnx", fingerprint, prompts, threads)
    except ModelError as exc:
        _log.warning("%s; making it again", exc)
        return None
    found = np.concatenate([encoder.passages([text]) for text in _SAMPLES[:2]])
    if reference.shape != found.shape or (reference * found).sum(axis=1).min() < _MINIMUM_COSINE:
        _log.warning("the fast engine in %s does not fit this CPU; making it again", engine)
        return None
    return encoder


def _make(bert: BertModel, engine: Path, name: str) -> None:
    """Build the engine, compare it with sentence-transformers, put it in place with one rename."""
    from konkyo.index.embedding.sentence_transformers import PlainEncoder

    _log.info("making the fast engine of %s, once", name)
    wanted = PlainEncoder(bert.folder, name).passages(_SAMPLES)
    weights = BertWeights(bert.folder / "model.safetensors")
    prompts = read_prompts(bert.folder, name)
    facts: dict[str, object] = {
        "folder": str(bert.folder.resolve()),
        "weights": weights_hash(bert.folder),
        "reference": wanted[:2].astype(float).tolist(),
    }
    with tempfile.TemporaryDirectory(dir=engine.parent, prefix=".making-") as temporary:
        made = Path(temporary) / "engine"
        made.mkdir()
        cosine = -1.0
        (made / "encoder.onnx").write_bytes(encoder_graph(bert, weights, 127.0))
        peaks = Int8Encoder(bert, made / "encoder.onnx", "", prompts, 1).channel_peaks(_SAMPLES)
        for limit in (127.0, 63.0):
            graph = encoder_graph(bert, weights, limit, peaks)
            (made / "encoder.onnx").write_bytes(graph)
            trial = Int8Encoder(bert, made / "encoder.onnx", "", prompts, 1)
            cosine = float((trial.passages(_SAMPLES) * wanted).sum(axis=1).min())
            facts |= {"weight_limit": limit, "cosine": round(cosine, 5)}
            facts["graph"] = hashlib.sha256(graph).hexdigest()
            if cosine >= _MINIMUM_COSINE:
                break
        else:
            facts["unsupported"] = f"int8 reaches only cosine {cosine:.3f} on this CPU"
        (made / "engine.json").write_text(json.dumps(facts), encoding="utf-8")
        if engine.exists():
            engine.rename(Path(temporary) / "old")
        made.rename(engine)
    _remove_stale(engine, bert.folder)


def _remove_stale(engine: Path, folder: Path) -> None:
    """Remove engines of an earlier state of the folder, and what an interrupted run left."""
    for other in engine.parent.iterdir():
        if not other.is_dir() or other == engine:
            continue
        if other.name.startswith(".making-"):
            stale = time.time() - other.stat().st_mtime > _KILLED_AFTER
        else:
            stale = read_json(other / "engine.json").get("folder") == str(folder.resolve())
        if stale:
            shutil.rmtree(other, ignore_errors=True)
