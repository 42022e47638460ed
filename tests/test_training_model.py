"""The network in training: rows become tokens, the loss is heard, a stop loses nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from konkyo.eval.logistic import auc
from konkyo.index.embedding.model_files import home
from training.encoding import UNKNOWN, Encoded, batches, encode, make_batch, usable
from training.rows import ANSWERS, CONTRADICTED, NOT_SUPPORTED, SILENT, SUPPORTED, Row

torch = pytest.importorskip("torch", reason="the dev extra holds torch")

from training import checkpoint  # noqa: E402
from training.mixture import Inputs  # noqa: E402
from training.model import Network, Outputs, Weights, loss_of  # noqa: E402
from training.reading import character_f1  # noqa: E402
from training.train import Plan, Trainer, rate  # noqa: E402

PASSAGE = (
    "通信大手は14日、研究所を開くと発表した。所長には佐伯健一教授が就く。副所長は林めぐみ氏だ。"
)
ENGLISH = "Two prizes were given. Ann Lee won the second one. Tom Daley won the first."


@pytest.fixture(scope="module")
def folder() -> Path:
    found = home() / "models" / "multilingual-e5-small"
    if not (found / "tokenizer.json").is_file():
        pytest.skip("multilingual-e5-small is not here")
    return found


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _places(text: str, *words: str) -> tuple[tuple[int, int], ...]:
    return tuple((text.index(w), text.index(w) + len(w)) for w in words)


# --- rows as tokens -----------------------------------------------------------------------------


def test_the_span_and_the_tags_are_where_the_answers_were(tokenizer: Tokenizer) -> None:
    spans = _places(PASSAGE, "佐伯健一", "林めぐみ")
    encoded = encode(tokenizer, Row("query", "所長と副所長は?", "研究所", PASSAGE, ANSWERS, spans))
    first, last = encoded.span
    assert "佐伯健一" in tokenizer.decode(encoded.ids[first : last + 1].tolist())
    tagged = tokenizer.decode(encoded.ids[encoded.tags == 1].tolist())
    assert "佐伯健一" in tagged
    assert "林めぐみ" in tagged
    assert (encoded.tags[: encoded.first] == UNKNOWN).all()
    assert (encoded.marks == UNKNOWN).all()


def test_the_span_begins_after_the_space(tokenizer: Tokenizer) -> None:
    row = Row("query", "who?", "", ENGLISH, ANSWERS, _places(ENGLISH, "Ann Lee"))
    first, last = encode(tokenizer, row).span
    tokens = [tokenizer.id_to_token(int(i)) for i in encode(tokenizer, row).ids[first : last + 1]]
    assert tokens == ["▁Ann", "▁Lee"]


def test_marks_are_on_the_words_of_the_claim(tokenizer: Tokenizer) -> None:
    claim = "Ann Lee won the third one."
    at = claim.index("third")
    marks = ((0, len(claim), 0), (at, at + 5, 1))
    encoded = encode(tokenizer, Row("claim", claim, "", ENGLISH, CONTRADICTED, (), marks))
    assert tokenizer.decode(encoded.ids[encoded.marks == 1].tolist()).strip() == "third"
    assert (
        tokenizer.decode(encoded.ids[encoded.marks == 0].tolist()).strip() == "Ann Lee won the one."
    )
    assert (encoded.tags == UNKNOWN).all()


def test_an_answer_behind_the_limit_teaches_nothing(tokenizer: Tokenizer) -> None:
    long = "x " * 400 + ENGLISH
    row = Row("query", "who?", "", long, ANSWERS, _places(long, "Ann Lee"))
    encoded = encode(tokenizer, row, limit=64)
    assert len(encoded.ids) == 64
    assert encoded.span == (0, 0)
    assert usable(make_batch([encoded])).tolist() == [False]
    silent = encode(tokenizer, Row("query", "who?", "", long, SILENT), limit=64)
    assert usable(make_batch([silent])).tolist() == [True]


def test_batches_hold_every_row_once_and_go_on_where_they_stopped(tokenizer: Tokenizer) -> None:
    rows = [Row("query", f"q{i}", "", ENGLISH * (1 + i % 4), SILENT) for i in range(60)]
    whole = list(batches(tokenizer, rows, 512, "s"))
    assert whole[-1][0] == 60
    seen = [ids.tobytes() for _, parts in whole for part in parts for ids in part.ids]
    assert len(seen) == 60
    for used, _ in whole[:-1]:
        rest = list(batches(tokenizer, rows, 512, "s", skip=used))
        assert [u for u, _ in rest] == [u for u, _ in whole if u > used]
    for _, parts in whole:
        assert sum(part.ids.size for part in parts) <= 512 + 16 * 8


def test_twins_are_read_side_by_side(tokenizer: Tokenizer) -> None:
    spans = _places(ENGLISH, "Ann Lee")
    rows = [Row("query", "who won?", "", ENGLISH, ANSWERS, spans, (), "誰が受賞?")] * 4
    ((_, parts),) = batches(tokenizer, rows, 4096, "s", twins=True)
    for part in parts:
        assert len(part.label) == 4
        assert part.twins == ((0, 1), (2, 3))
        for left, right in part.twins:
            a, b = int(part.first[left]), int(part.first[right])
            assert part.ids[left, a] == part.ids[right, b]


# --- the loss -----------------------------------------------------------------------------------


def _encoded(task: str, label: int) -> Encoded:
    tags = np.array([UNKNOWN, UNKNOWN, 0, 1, 1, UNKNOWN])
    marks = np.array([UNKNOWN, 0, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN])
    query = task == "query"
    span = (3, 4) if query and label == ANSWERS else (0, 0)
    return Encoded(
        np.array([0, 5, 6, 7, 8, 2]),
        np.array([0, 0, 2, 2, 2, 2]),
        span,
        tags if query else np.full(6, UNKNOWN),
        marks if not query else np.full(6, UNKNOWN),
        int(not query),
        label,
        2,
    )


def _outputs(rows: int, width: int, **logits: object) -> Outputs:
    span, tags = torch.zeros(rows, width, 2), torch.full((rows, width), -9.0)
    marks, verdict = torch.full((rows, width), -9.0), torch.zeros(rows, 4)
    out = {"span": span, "tags": tags, "marks": marks, "verdict": verdict} | logits
    return Outputs(**out)


def test_a_right_reading_costs_less_than_a_wrong_one() -> None:
    batch = make_batch([_encoded("query", ANSWERS)])
    width = batch.ids.shape[1]
    right, wrong = torch.zeros(1, width, 2), torch.zeros(1, width, 2)
    right[0, 3, 0] = right[0, 4, 1] = 9.0
    wrong[0, 0] = 9.0
    tags = torch.full((1, width), -9.0)
    tags[0, 3:5] = 9.0
    yes, no = torch.tensor([[5.0, 0, 0, 0]]), torch.tensor([[-5.0, 0, 0, 0]])
    good = loss_of(_outputs(1, width, span=right, tags=tags, verdict=yes), batch, Weights())
    bad = loss_of(_outputs(1, width, span=wrong, verdict=no), batch, Weights())
    assert set(good) == {"answer", "span", "tags"}
    for name in good:
        assert float(good[name]) < float(bad[name])


def test_not_supported_is_content_with_either_of_two() -> None:
    batch = make_batch([_encoded("claim", NOT_SUPPORTED)])
    width = batch.ids.shape[1]

    def cost(*verdict: float) -> float:
        told = torch.tensor([[0.0, *verdict]])
        return float(loss_of(_outputs(1, width, verdict=told), batch, Weights())["support"])

    assert cost(-4.0, 4.0, -4.0) == pytest.approx(cost(-4.0, -4.0, 4.0))
    assert cost(-4.0, 4.0, -4.0) < cost(4.0, -4.0, -4.0)


def test_claims_teach_no_span_and_queries_no_support() -> None:
    rows = [_encoded("claim", SUPPORTED), _encoded("query", SILENT)]
    batch = make_batch(rows)
    out = _outputs(2, batch.ids.shape[1], verdict=torch.zeros(2, 4, requires_grad=True))
    parts = loss_of(out, batch, Weights())
    (grad,) = torch.autograd.grad(sum(parts.values()), [out.verdict], allow_unused=True)
    assert grad[0, 0] == 0.0
    assert grad[0, 1:].abs().sum() > 0
    assert grad[1, 1:].abs().sum() == 0


def test_the_rate_warms_up_and_cools_down() -> None:
    assert rate(0, 0) < rate(0.01, 100) < rate(0.3, 400) == 1.0
    assert 0 < rate(0.9, 4000) < 0.5
    assert rate(1.0, 5000) == 0.0


def test_auc_and_f1() -> None:
    assert auc([3.0, 2.0, 1.0], [True, True, False]) == 1.0
    assert auc([1.0, 1.0], [True, False]) == 0.5
    assert np.isnan(auc([1.0], [True]))
    assert character_f1("42億円", "42 億円") == 1.0
    assert character_f1("a", "b") == 0.0


# --- a run --------------------------------------------------------------------------------------


def test_a_stopped_run_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    if not (folder / "model.safetensors").is_file():
        pytest.skip("multilingual-e5-small is not here")
    spans = _places(ENGLISH, "Ann Lee")
    rows = [
        Row("query", "who won?", "", ENGLISH, ANSWERS, spans),
        Row("query", "?", "", PASSAGE, 0),
    ]
    from training.rows import write_rows

    write_rows(tmp_path / "rows-7-0.jsonl", rows * 8)
    inputs = Inputs(tmp_path)
    plan = Plan(inputs, folder, tmp_path, total=10_000, tokens=256)
    first = Trainer(plan)
    first.stopped.set()
    assert first.run() is False
    saved = (first.progress.step, first.progress.used)
    assert saved[0] == 1
    assert 0 < saved[1] < 16
    second = Trainer(plan)
    assert (second.progress.step, second.progress.used) == saved
    for name, parameter in first.parameters.items():
        assert torch.equal(parameter, second.parameters[name])
        assert torch.equal(
            first.optimiser.state[parameter]["exp_avg"],
            second.optimiser.state[second.parameters[name]]["exp_avg"],
        )
    second.stopped.set()
    assert second.run() is False
    assert second.progress.used > saved[1]
    network = Network()
    checkpoint.load_average(network, tmp_path / "average.safetensors")
    checkpoint.append_curve(tmp_path, {"step": 1})
    assert json.loads((tmp_path / "curve.jsonl").read_text().splitlines()[-1]) == {"step": 1}
