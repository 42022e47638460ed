"""A toy encoder and small news folders for the tests of the store; run as a program it builds.

    python tests/fixtures_store.py SOURCE STORE SECONDS BUDGET

builds SOURCE into STORE with the toy encoder, SECONDS slower a batch, in passages of BUDGET
tokens: something to kill.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from konkyo.index.embedding.protocol import Vectors

DIMENSION = 48


def yes(removed: int, total: int) -> bool:
    """Consents to every removal."""
    return True


class ToyEncoder:
    """A vector a text, the same in every process: its hashed character bigrams."""

    def __init__(self, name: str = "toy", slow: float = 0.0, fail_after: int | None = None) -> None:
        self.fingerprint = f"{name}:1"
        self.dimension = DIMENSION
        self.encoded: list[str] = []
        self._slow = slow
        self._fail_after = fail_after

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [max(1, len(text) // 2) for text in texts]

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts)

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts)

    def iter_passages(self, texts: Sequence[str]) -> Iterator[tuple[np.ndarray, Vectors]]:
        for start in range(0, len(texts), 8):
            if self._fail_after is not None and len(self.encoded) >= self._fail_after:
                raise KeyboardInterrupt
            time.sleep(self._slow)
            part = texts[start : start + 8]
            self.encoded.extend(part)
            yield np.arange(start, start + len(part)), self._encode(part)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), DIMENSION), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for at in range(len(text) - 1):
                digest = hashlib.blake2b(text[at : at + 2].encode(), digest_size=4).digest()
                row[int.from_bytes(digest[:2], "little") % DIMENSION] += 1 - 2 * (digest[2] & 1)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


SUBJECTS = ("首相", "大統領", "日銀", "気象庁", "半導体", "台風", "選挙", "地震")
PLACES = ("東京", "大阪", "札幌", "福岡", "那覇", "仙台", "金沢")


def story(number: int, version: int = 0) -> str:
    """One Markdown article; another ``version`` is another text of the same file."""
    subject, place = SUBJECTS[number % len(SUBJECTS)], PLACES[number % len(PLACES)]
    body = "".join(
        f"{place}で{subject}についての第{number}号の発表{part}があった。"
        f"関係者は「{subject}は{number * 7 + part}件だ」と述べた。"
        for part in range(1, 4 + number % 3)
    )
    return (
        f"---\ntitle: {place}の{subject}、第{number}報\npublished: 2026-{number % 12 + 1:02d}-"
        f"{number % 28 + 1:02d}\nlanguage: ja\noutlet: {place}新聞\n---\n{body}"
        + (f"続報{version}によると、見通しは{version * 11}％に変わった。" if version else "")
        + "\n"
    )


def write_story(folder: Path, number: int, version: int = 0) -> Path:
    path = folder / f"{number:04d}.md"
    path.write_text(story(number, version), "utf-8")
    return path


def write_stories(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        write_story(folder, number)
    return folder


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from konkyo.index.builder import build
    from konkyo.index.settings import ChunkSettings

    source, store, pause, budget = sys.argv[1:5]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    slow = ToyEncoder(slow=float(pause))
    build([source], store, slow, ChunkSettings(budget=int(budget)), confirm=yes)
