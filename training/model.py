"""The network: the twelve layers of multilingual-e5-small with heads for places and verdicts.

The word vectors are the encoder's own, frozen and shared; everything above them is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from training.encoding import UNKNOWN, WINDOW, Batch, usable

__all__ = [
    "HEADS",
    "LAYERS",
    "WIDTH",
    "Network",
    "Outputs",
    "Weights",
    "forward",
    "load_base",
    "loss_of",
]

LAYERS, WIDTH, HEADS, INNER = 12, 384, 12, 1536


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.o = nn.Linear(WIDTH, WIDTH)
        self.n1 = nn.LayerNorm(WIDTH, eps=1e-12)
        self.f1 = nn.Linear(WIDTH, INNER)
        self.f2 = nn.Linear(INNER, WIDTH)
        self.n2 = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x: torch.Tensor, mask: torch.Tensor, drop: float) -> torch.Tensor:
        rows, tokens = x.shape[0], x.shape[1]
        shape = (rows, tokens, 3, HEADS, WIDTH // HEADS)
        q, k, v = self.qkv(x).view(shape).permute(2, 0, 3, 1, 4).unbind(0)
        # Written out: torch's fused bfloat16 attention is three times slower backwards on a CPU.
        scores = torch.matmul(q, k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5) + mask
        mixed = torch.matmul(torch.softmax(scores, -1), v)
        told = self.o(mixed.transpose(1, 2).reshape(rows, tokens, WIDTH))
        x = self.n1(x + functional.dropout(told, drop, drop > 0))
        inner = self.f2(functional.gelu(self.f1(x)))
        out: torch.Tensor = self.n2(x + functional.dropout(inner, drop, drop > 0))
        return out


class Network(nn.Module):
    """Word vectors in; logits a token and a row out.

    ``tokens`` (rows, tokens, 4): span start, span end, part of an answer, part of a claim that is
    not supported. ``verdict`` (rows, 4): answers; supports, contradicts, does not say.
    """

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(512, WIDTH))
        self.segments = nn.Parameter(torch.zeros(4, WIDTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList([_Layer() for _ in range(LAYERS)])
        self.tokens = nn.Linear(WIDTH, 4)
        self.pool = nn.Linear(WIDTH, WIDTH)
        self.verdict = nn.Linear(WIDTH, 4)

    def forward(
        self, words: torch.Tensor, segments: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Read word vectors (rows, tokens, width) with the marks of their parts."""
        x = self.states(words, mask, marks=self.segments[segments])
        return self.tokens(x), self.verdict(torch.tanh(self.pool(x[:, 0])))

    def states(
        self,
        words: torch.Tensor,
        mask: torch.Tensor,
        drop: float = 0.0,
        marks: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The state of each token (rows, tokens, width); ``marks`` are added before the layers."""
        x = self.norm(words + self.positions[: words.shape[1]])
        x = x if marks is None else x + marks
        wall = ((1.0 - mask.to(x.dtype)) * -1e4)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, wall, drop)
        return x


@dataclass(frozen=True, slots=True)
class Outputs:
    """Logits in float32; ``span`` is closed outside the window and position 0."""

    span: torch.Tensor
    tags: torch.Tensor
    marks: torch.Tensor
    verdict: torch.Tensor


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part of the loss counts beside "answers", which counts 1.

    Support learns more slowly than reading and has a quarter of the rows, so it counts double.
    """

    span: float = 0.5
    null: float = 0.25
    tags: float = 0.5
    support: float = 2.0
    marks: float = 1.0
    twins: float = 0.0


def load_base(folder: Path) -> tuple[Network, torch.Tensor]:
    """A network with the encoder's weights in it, heads untrained, and the frozen word vectors."""
    from safetensors.torch import load_file

    raw = load_file(folder / "model.safetensors")
    base = {
        k.removeprefix("0.auto_model.").removeprefix("bert."): v.float() for k, v in raw.items()
    }
    network = Network()
    state = dict(network.state_dict())
    state["positions"] = (
        base["embeddings.position_embeddings.weight"]
        + base["embeddings.token_type_embeddings.weight"][0]
    )
    state["norm.weight"] = base["embeddings.LayerNorm.weight"]
    state["norm.bias"] = base["embeddings.LayerNorm.bias"]
    names = {
        "o": "attention.output.dense",
        "n1": "attention.output.LayerNorm",
        "f1": "intermediate.dense",
        "f2": "output.dense",
        "n2": "output.LayerNorm",
    }
    for i in range(LAYERS):
        for kind in ("weight", "bias"):
            prefix = f"encoder.layer.{i}."
            state[f"layers.{i}.qkv.{kind}"] = torch.cat(
                [base[f"{prefix}attention.self.{n}.{kind}"] for n in ("query", "key", "value")]
            )
            for mine, theirs in names.items():
                state[f"layers.{i}.{mine}.{kind}"] = base[f"{prefix}{theirs}.{kind}"]
    network.load_state_dict(state)
    return network, base["embeddings.word_embeddings.weight"]


def forward(network: nn.Module, words: torch.Tensor, batch: Batch) -> Outputs:
    """Read a batch; ``words`` are all word vectors."""
    dtype = next(network.parameters()).dtype
    vectors = words[torch.from_numpy(batch.ids)].to(dtype)
    segments, mask = torch.from_numpy(batch.segments), torch.from_numpy(batch.mask)
    tokens, verdict = network(vectors, segments, mask)
    readable = (segments >= WINDOW) & mask
    readable[:, 0] = True
    tokens = tokens.float()
    span = tokens[:, :, :2].masked_fill(~readable[:, :, None], -1e4)
    return Outputs(span, tokens[:, :, 2], tokens[:, :, 3], verdict.float())


def loss_of(out: Outputs, batch: Batch, weights: Weights) -> dict[str, torch.Tensor]:
    """The weighted parts of the loss, each a sum over the rows of the batch."""
    found: dict[str, torch.Tensor] = {}
    label = torch.from_numpy(batch.label)
    asked = torch.from_numpy(usable(batch))
    claim = torch.from_numpy(batch.task == 1)
    if bool(asked.any()):
        found |= _answer_loss(out, batch, asked, weights)
    if bool(claim.any()):
        support = _support_loss(out.verdict[claim, 1:], label[claim])
        found["support"] = weights.support * support
        marks = _token_loss(out.marks[claim], torch.from_numpy(batch.marks)[claim])
        found["marks"] = weights.marks * marks
    if batch.twins and weights.twins:
        found["twins"] = weights.twins * _twin_loss(out.span, batch)
    return found


def _answer_loss(
    out: Outputs, batch: Batch, asked: torch.Tensor, weights: Weights
) -> dict[str, torch.Tensor]:
    start, end = torch.from_numpy(batch.start)[asked], torch.from_numpy(batch.end)[asked]
    where = functional.cross_entropy(out.span[asked, :, 0], start, reduction="none")
    where = where + functional.cross_entropy(out.span[asked, :, 1], end, reduction="none")
    weight = torch.where(start > 0, weights.span, weights.null)
    smooth = torch.from_numpy(batch.label)[asked].float() * 0.96 + 0.02
    whether = functional.binary_cross_entropy_with_logits(
        out.verdict[asked, 0], smooth, reduction="sum"
    )
    tags = _token_loss(out.tags[asked], torch.from_numpy(batch.tags)[asked])
    return {"answer": whether, "span": (weight * where).sum(), "tags": weights.tags * tags}


def _support_loss(verdict: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Cross-entropy over three labels; the fourth is "one of the last two, unknown which"."""
    logs = functional.log_softmax(verdict, 1)
    either = torch.logsumexp(logs[:, 1:], 1, keepdim=True)
    known = torch.cat([logs, either], 1).gather(1, label[:, None])[:, 0]
    smooth = logs.mean(1)
    return -(0.97 * known + 0.03 * smooth).sum()


def _token_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy over known tokens, so scaled a row that few right ones are heard."""
    known = (wanted != UNKNOWN).float()
    each = functional.binary_cross_entropy_with_logits(
        logits, wanted.clamp(min=0).float(), reduction="none"
    )
    size = (wanted == 1).float().sum(1) + 6.0
    total: torch.Tensor = ((each * known).sum(1) / size).sum()
    return total


def _twin_loss(span: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Symmetric divergence of where two wordings of a question see the answer (2309.17134)."""
    total = span.new_zeros(())
    for left, right in batch.twins:
        a, b = int(batch.first[left]), int(batch.first[right])
        size = min(int(batch.mask[left].sum()) - a, int(batch.mask[right].sum()) - b) - 1
        one = functional.log_softmax(span[left, a : a + size], 0)
        two = functional.log_softmax(span[right, b : b + size], 0)
        total = total + functional.kl_div(one, two, reduction="sum", log_target=True) / 2
        total = total + functional.kl_div(two, one, reduction="sum", log_target=True) / 2
    return total
