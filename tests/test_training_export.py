"""The shipped file: small, calibrated, and read by the product as the network in training reads."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from konkyo.index.embedding.model_files import home
from konkyo.rag.reading.reader import WindowReading, load_reader
from training.rows import ANSWERS, SILENT, Row

torch = pytest.importorskip("torch", reason="the dev extra holds torch")

from safetensors.numpy import load_file, save_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from training.checkpoint import load_average  # noqa: E402
from training.encoding import encode, make_batch  # noqa: E402
from training.export import PLAIN, calibrate, channel_peaks, quantise  # noqa: E402
from training.model import forward, load_base  # noqa: E402

TEXT = "Two prizes were given. Ann Lee won the second one. Tom Daley won the first, he said."


@pytest.fixture(scope="module")
def folder() -> Path:
    found = home() / "models" / "multilingual-e5-small"
    if not (found / "model.safetensors").is_file():
        pytest.skip("multilingual-e5-small is not here")
    return found


@pytest.fixture(scope="module")
def average(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network: the encoder with random heads, in a file as a run leaves it."""
    from safetensors.torch import save_file as save

    torch.manual_seed(1)
    network, _ = load_base(folder)
    path = tmp_path_factory.mktemp("run") / "average.safetensors"
    save({k: v.contiguous() for k, v in network.state_dict().items()}, path)
    return path


def test_the_product_reads_as_the_network_in_training(
    folder: Path, average: Path, tmp_path: Path
) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = [
        Row("query", "who won?", "prizes (2026-01-02)", TEXT, SILENT),
        Row("query", "受賞したのは誰?", "", "賞は林氏に決まった。賞金は42億円だ。", ANSWERS),
        Row("claim", "Tom Daley won the second.", "", TEXT, 1),
    ]
    out = tmp_path / "reader.safetensors"
    quantise(average, out, PLAIN, "v", channel_peaks(average, folder, rows))
    assert out.stat().st_size < 60_000_000
    checker = load_reader(folder, out, threads=1)
    network, words = load_base(folder)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in load_file(average).items()})
    again, _ = load_base(folder)
    load_average(again, out)
    for name, weights in network.state_dict().items():
        pair = (again.state_dict()[name].flatten(), weights.flatten())
        assert torch.allclose(*pair) or torch.cosine_similarity(*pair, dim=0) > 0.995, name
    for row in rows:
        (mine,) = checker._rows(row.task, row.asked, row.window, row.context)
        tokens, verdict = checker._run(mine)
        encoded = encode(tokenizer, row)
        assert mine.ids == encoded.ids.tolist()
        assert mine.segments == encoded.segments.tolist()
        with torch.no_grad():
            wanted = forward(network, words, make_batch([encoded]))
        size = len(mine.ids)
        assert np.abs(verdict - wanted.verdict[0].numpy()).max() < 0.15
        for column, theirs in ((2, wanted.tags), (3, wanted.marks)):
            assert np.corrcoef(tokens[:, column], theirs[0, :size].numpy())[0, 1] > 0.97


def test_marked_words_come_out_as_places(folder: Path, average: Path, tmp_path: Path) -> None:
    out = tmp_path / "reader.safetensors"
    everything = PLAIN | {"tag": -1e3, "mark": -1e3}
    nothing = PLAIN | {"tag": 1e3, "mark": 1e3}
    for calibration, places in ((everything, ((0, len(TEXT)),)), (nothing, ())):
        quantise(average, out, calibration, "v")
        checker = load_reader(folder, out, threads=1)
        (reading,) = checker.answers("who won?", [f"  {TEXT} "])
        assert tuple((a - 2, b - 2) for a, b in reading.places) == places
        assert not reading.span_text[:1].isspace()
        (view,) = checker.supports("Ann won.", [TEXT])
        assert view.unsupported == (((0, len("Ann won.")),) if places else ())
        assert view.entail + view.contradict + view.neutral == pytest.approx(1.0)
        assert isinstance(reading, WindowReading)


def test_weights_survive_quantisation(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(6, 4)).astype(np.float32)
    save_file({"layers.0.o.weight": matrix}, tmp_path / "average.safetensors")
    quantise(tmp_path / "average.safetensors", tmp_path / "out.safetensors", {}, "v")
    found = load_file(tmp_path / "out.safetensors")
    restored = found["layers.0.o.weight"] * found["layers.0.o.scale"][:, None]
    assert np.abs(restored - matrix).max() <= np.abs(matrix).max() / 254 + 1e-6


class Scored:
    """Scores of a reader that is right but far too sure of itself."""

    def answer_scores(self, question: str, window: str, context: str) -> list[tuple[float, float]]:
        sure = 20.0 if window == "yes" else -20.0
        wrong = random.Random(question).random() < 0.2
        return [(-sure if wrong else sure, 0.0)]

    def support_scores(self, claim: str, text: str, context: str) -> tuple[float, ...]:
        wrong = random.Random(claim).random() < 0.2
        return (0.0, 30.0, 0.0) if wrong else (30.0, 0.0, 0.0)

    def tag_scores(self, question: str, window: str, context: str) -> list[tuple[int, int, float]]:
        return [(0, 1, -1.0), (1, 3, -3.0)]

    def mark_scores(self, claim: str, text: str, context: str) -> list[tuple[int, int, float]]:
        return [(0, 1, 2.0), (1, 2, 0.5)]


def test_calibration_cools_what_is_too_sure() -> None:
    rows = [
        Row(
            "query",
            f"q{i}",
            "",
            "yes" if i % 2 else "no",
            ANSWERS if i % 2 else SILENT,
            ((0, 1),) if i % 2 else (),
        )
        for i in range(300)
    ] + [Row("claim", f"c{i}", "", "t", 0, (), ((0, 2, 0), (0, 1, i % 2))) for i in range(200)]
    fitted = calibrate(Scored(), rows)  # type: ignore[arg-type]
    share = 1 / (1 + np.exp(-(20 * fitted["answer"] + fitted["bias"])))
    assert share == pytest.approx(0.8, abs=0.07)
    assert fitted["temperature"] > 5
    assert (fitted["tag"], fitted["mark"]) == (-1.0, 2.0)
