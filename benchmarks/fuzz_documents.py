"""Read mutated documents of every kind: no crash, no hang, no memory beyond the limit.

    python -m benchmarks.fuzz_documents --inputs 1000000 --minutes 60 --progress fuzz.json

Every input follows from the seed and its own number alone. They are read as a build reads them, in
a process with limits of 5 seconds and 500 MB for each; what is refused with a reason is right, what
breaches a limit or ends the process is broken and kept in ``--keep``. Exit code 1 when one is.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import random
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.fuzz_process import Findings, run
from benchmarks.fuzz_seeds import Seed, seeds
from konkyo.index.ingest.preparation import DocumentTask, chunker, read_document
from konkyo.index.ingest.sources import Listing, RawDocument
from konkyo.index.settings import ChunkSettings, ReadingSettings

LIMITS = ReadingSettings(seconds=5, memory=500)
FINDINGS = ("takes longer", "takes more", "ended the process")
PARSERS = ("docx", "feedparser", "lxml.html", "pypdf", "trafilatura", "yaml")
_BATCH = 5_000
_STEP = 2_000
# Pieces that parsers take for something.
TOKENS = (
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b"\\",
        b"<",
        b">",
        b"</p>",
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"&",
    ),
    *(b"&#xD800;", b"&#0;", b"\\ud800", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b$B", b"---\n"),
    *(b"9" * 5000, b"[" * 2000, b"# ", b"> ", b"- ", b"| ", b"![", b"](", b"`", b"*", b"_", b"~~~"),
    *(b"<table><tr><td colspan=99999>", b"<div hidden>", b"<style>p{display:none}</style>"),
    *(b"<meta charset=idna>", b"1e999", b"-1", b"NaN", b"99999999-99-99", b"2024-02-31"),
    *("٣".encode(), "０".encode(), "\u202e".encode(), "\u0301".encode() * 50, "㍻".encode()),
    *(b" " * 200, b"\n" * 200, b"obj", b"endobj", b"stream\n", b"/Length 99999999", b"0 0 R"),
)


def mutated_text(content: bytes, chance: random.Random) -> bytes:
    """A document of sound structure with faults in its words, so that it is read to its end."""
    places = [at for word in _BEGINNINGS if (at := content.find(word)) >= 0]
    if not places:
        return mutated(content, chance)
    start = chance.choice(places)
    words = _STRUCTURE.split(content[start : start + 80].decode("utf-8", "ignore"), 1)[0].encode()
    hurt = mutated(words, chance).decode("utf-8", "ignore")
    return content[:start] + _STRUCTURE.sub("", hurt).encode() + content[start + len(words) :]


_BEGINNINGS = tuple(word.encode() for word in ("mayor", "市長", "市长", "Стоимость"))
_STRUCTURE = re.compile(r'[<>&"\\{}\[\]()\x00-\x1f]+')


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A document with a few faults in it."""
    data = bytearray(content)
    for _ in range(1 + int(chance.expovariate(0.5))):
        chance.choice(_MUTATIONS)(data, chance)
    return bytes(data[: 1 << 20])


def _flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)


def _delete(data: bytearray, chance: random.Random) -> None:
    start = chance.randint(0, len(data))
    del data[start : start + chance.randint(1, 64)]


def _truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randint(0, len(data)) :]


def _insert(data: bytearray, chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = chance.choice(TOKENS) * chance.choice((1, 1, 1, 2, 40))


def _repeat(data: bytearray, chance: random.Random) -> None:
    start = chance.randint(0, len(data))
    piece = data[start : start + chance.choice((1, 4, 16, 200))]
    data[start:start] = piece * chance.choice((1, 2, 20, 200))


def _swap(data: bytearray, chance: random.Random) -> None:
    start, to = chance.randint(0, len(data)), chance.randint(0, len(data))
    piece = data[start : start + 40]
    del data[start : start + 40]
    data[to:to] = piece


_MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _delete, _truncate, _insert, _insert, _repeat, _swap),
)


def document(corpus: Sequence[Seed], seed: int, number: int) -> RawDocument:
    """The input of a number."""
    chance = random.Random(f"{seed}:{number}")
    chosen = corpus[number % len(corpus)]
    name = f"{number}-{chosen.name}"
    change = mutated if chance.random() < 0.5 else mutated_text
    if chosen.around is not None and change is mutated_text:
        words = mutated_text(chosen.inner, chance)
        return RawDocument(name, chosen.media_type, chosen.around(words))
    content = chosen.content
    if chosen.members:
        hurt = chance.choice(_places(chosen, change is mutated_text))
        whole = chance.random() < 0.2
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for at, (part, held) in enumerate(chosen.members):
                same = whole or at != hurt
                archive.writestr(part, held if same else change(held, chance))
        content = file.getvalue()
        if not whole:
            return RawDocument(name, chosen.media_type, content)
    return RawDocument(name, chosen.media_type, change(content, chance))


def _places(archive: Seed, with_words: bool) -> list[int]:
    """The members of an archive, or those that hold words to be mutated."""
    parts = enumerate(part for _, part in archive.members)
    return [at for at, part in parts if not with_words or any(w in part for w in _BEGINNINGS)]


def held(raw: RawDocument) -> RawDocument:
    """What a listing of a document in memory reads."""
    return raw


def tokens(texts: Sequence[str]) -> list[int]:
    """A count as good as another."""
    return [max(1, len(text) // 3) for text in texts]


def read_one(corpus: Sequence[Seed], seed: int, number: int) -> str:
    """Read the input of a number as a build does; the reason where it is refused, else nothing.

    Raises MemoryError where a reader took more than it may, and whatever no reader should raise.
    """
    raw = document(corpus, seed, number)
    listing = Listing(raw.source, raw.media_type, None, partial(held, raw), portable=False)
    reading = read_document(DocumentTask(listing), None, chunker(tokens, ChunkSettings()))
    if reading.failure is None:
        return ""
    if any(text in reading.failure.reason for text in FINDINGS):
        raise MemoryError(reading.failure.reason)
    return reading.failure.reason


def read_mutated(seed: int, tried: int, wanted: int) -> Iterator[tuple[int, list[str]]]:
    """Read the inputs from ``tried`` to ``wanted``; yields how far it is and what broke."""
    for name in PARSERS:
        __import__(name)
    corpus = seeds()
    while tried < wanted:
        found = Findings()
        tried = run(
            partial(read_one, corpus, seed),
            range(tried, min(wanted, tried + _STEP)),
            seconds=LIMITS.seconds,
            memory=LIMITS.memory,
            until=math.inf,
            found=found,
        )
        yield tried, [f"input {number}: {reason}" for number, reason in found.broken.items()]


@dataclass(slots=True)
class Progress:
    """How far a run is, kept in a file so that it goes on where it was stopped."""

    file: Path | None
    seed: int
    next: int = 0
    found: Findings = field(default_factory=Findings)

    @classmethod
    def begin(cls, file: Path | None, seed: int) -> Progress:
        """What a file holds of the same seed, or a new run."""
        if file is None or not file.is_file():
            return cls(file, seed)
        held = json.loads(file.read_text("utf-8"))
        if held["seed"] != seed:
            return cls(file, seed)
        broken = {int(number): reason for number, reason in held["broken"].items()}
        return cls(file, seed, held["next"], Findings(held["read"], held["refused"], broken))

    def save(self) -> None:
        """Write it down."""
        if self.file is None:
            return
        facts = {"seed": self.seed, "next": self.next, "read": self.found.read}
        facts |= {"refused": self.found.refused, "broken": self.found.broken}  # type: ignore[dict-item]
        draft = self.file.with_name(f"{self.file.name}.part")
        draft.write_text(json.dumps(facts), "utf-8")
        draft.replace(self.file)


def fuzz(
    inputs: int,
    *,
    seed: int = 1,
    minutes: float = 60.0,
    progress_file: Path | None = None,
    say: Callable[[str], None] = print,
) -> Progress:
    """Read inputs 0 to ``inputs``, or go on with them, for so many minutes."""
    for name in PARSERS:
        __import__(name)
    corpus = seeds()
    progress = Progress.begin(progress_file, seed)
    until = time.monotonic() + minutes * 60
    while progress.next < inputs and time.monotonic() < until:
        stop = min(inputs, progress.next + _BATCH)
        progress.next = run(
            partial(read_one, corpus, seed),
            range(progress.next, stop),
            seconds=LIMITS.seconds,
            memory=LIMITS.memory,
            until=until,
            found=progress.found,
        )
        progress.save()
        found = progress.found
        broken = len(found.broken)
        counts = f"{found.read:,} read, {found.refused:,} refused, {broken} broken"
        say(f"{found.done:,} inputs: {counts}")
    return progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--progress", type=Path, default=None, help="go on where this file says")
    parser.add_argument("--keep", type=Path, default=None, help="folder for inputs that broke it")
    options = parser.parse_args(arguments)
    done = fuzz(
        options.inputs,
        seed=options.seed,
        minutes=options.minutes,
        progress_file=options.progress,
        say=partial(print, flush=True),
    )
    for number, reason in done.found.broken.items():
        raw = document(seeds(), options.seed, number)
        print(f"{raw.source}: {reason}")
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / raw.source).write_bytes(raw.content)
    return 1 if done.found.broken else 0


if __name__ == "__main__":
    sys.exit(main())
