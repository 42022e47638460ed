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
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.fuzz_process import Findings, run
from konkyo.index.ingest.preparation import DocumentTask, chunker, read_document
from konkyo.index.ingest.sources import FEED, Listing, RawDocument
from konkyo.index.settings import ChunkSettings, ReadingSettings

LIMITS = ReadingSettings(seconds=5, memory=500)
FINDINGS = ("takes longer", "takes more", "ended the process")
PARSERS = ("docx", "feedparser", "lxml.html", "pypdf", "trafilatura", "yaml")
_BATCH = 5_000
_STEP = 500
WORDS = (
    "The mayor of Harlow opened the new bridge on 3 May 2024. It cost 4.5 million pounds.\n\n"
    "市長は五月三日、新しい橋の開通式に出席した。費用は四億五千万円だった。\n\n"
    "市长于5月3日为新桥剪彩，造价四百五十万元。\n\nСтоимость моста составила 4,5 млн фунтов.\n"
)
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


@dataclass(frozen=True, slots=True)
class Seed:
    """A sound document; ``members`` are the parts of an archive."""

    name: str
    media_type: str
    content: bytes = b""
    members: tuple[tuple[str, bytes], ...] = ()


def seeds() -> list[Seed]:
    """One or more documents for each reader."""
    row = {"title": "Bridge", "text": WORDS, "date": "2024-05-03", "url": "https://a.example/1"}
    html = (
        "<html lang=en><head><title>Bridge</title><meta name=author content='A. Writer'><style>"
        ".x{display:none}</style></head><body><article><h1>Bridge</h1><p>"
        + WORDS.replace("\n\n", "</p><p style='color:red'>")
        + "</p><table><tr><td>1</td><td>2</td></tr></table></article></body></html>"
    )
    feed = (
        "<?xml version='1.0'?><rss version='2.0'><channel><title>News</title><language>en</langua"
        "ge>"
        "<item><title>Bridge</title><link>https://a.example/1</link><pubDate>Fri, 03 May 2024 "
        f"10:00:00 GMT</pubDate><description>{WORDS}</description></item></channel></rss>"
    )
    markdown = (
        f"---\ntitle: Bridge\ndate: 2024-05-03\ntags: [a, b]\n---\n# Bridge\n\n> "
        f"{WORDS}\n- [a](b)\n"
    )
    lines = "\n".join(f"[2024-05-0{n}] body: {WORDS.replace(chr(10), ' ')}" for n in range(1, 5))
    line = json.dumps(row, ensure_ascii=False)
    return [
        Seed("a.txt", "text/plain", WORDS.encode()),
        Seed("lines.txt", "text/plain", lines.encode()),
        Seed("sjis.txt", "text/plain", WORDS.split("\n\n")[1].encode("cp932") * 5),
        Seed("utf16.txt", "text/plain", WORDS.encode("utf-16")),
        Seed("a.md", "text/markdown", markdown.encode()),
        Seed("a.html", "text/html", html.encode()),
        Seed("a.jsonl", "application/jsonl", f"{line}\n{json.dumps(row)}\n".encode()),
        Seed("a.json", "application/json", json.dumps([row, row]).encode()),
        Seed("a.rss", FEED, feed.encode()),
        Seed("a.csv", "text/csv", f'title,text,date\nBridge,"{WORDS}",2024-05-03\n'.encode()),
        Seed("a.mhtml", "multipart/related", _mhtml(html)),
        Seed("nitf.xml", FEED, _nitf().encode()),
        Seed("newsml.xml", FEED, _newsml().encode()),
        Seed("a.pdf", "application/pdf", _pdf()),
        Seed("a.docx", _DOCX, members=_members(_docx())),
        Seed("a.epub", "application/epub+zip", members=_epub(html)),
    ]


_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def _mhtml(html: str) -> bytes:
    """A saved page of one part."""
    head = "Content-Type: multipart/related; boundary=cut\n\n--cut\n"
    part = "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    return f"{head}{part}{html}\n--cut--\n".encode()


def _nitf() -> str:
    paragraphs = "".join(f"<p>{line}</p>" for line in WORDS.split("\n\n"))
    return (
        '<nitf><head><docdata><date.issue norm="20240503T101500Z"/></docdata></head><body>'
        f"<body.head><hedline><hl1>Bridge</hl1></hedline></body.head><body.content>{paragraphs}"
        "</body.content></body></nitf>"
    )


def _newsml() -> str:
    """An item that holds NITF, and one that holds plain text."""
    return (
        "<newsMessage><itemSet><newsItem><contentMeta><headline>Bridge</headline></contentMeta>"
        f"<contentSet><inlineXML>{_nitf()}</inlineXML></contentSet></newsItem><newsItem>"
        f"<contentSet><inlineData>{WORDS}</inlineData></contentSet></newsItem></itemSet>"
        "</newsMessage>"
    )


def _pdf() -> bytes:
    """Two pages in a standard font."""
    text = "BT /F1 12 Tf 72 700 Td (The mayor opened the bridge on 3 May 2024.) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>",
        "<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
    ]
    out = "%PDF-1.4\n"
    starts = []
    for number, body in enumerate(objects, 1):
        starts.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    count = len(objects) + 1
    trailer = f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return f"{out}xref\n0 {count}\n0000000000 65535 f \n{table}{trailer}".encode()


def _docx() -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("Bridge", 1)
    for paragraph in WORDS.split("\n\n"):
        document.add_paragraph(paragraph)
    document.add_table(2, 2).cell(0, 0).text = "Cost"
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _members(content: bytes) -> tuple[tuple[str, bytes], ...]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return tuple((name, archive.read(name)) for name in archive.namelist())


def _epub(html: str) -> tuple[tuple[str, bytes], ...]:
    package = (
        "<package><metadata><title>Bridges</title><date>2024-05-03</date></metadata><manifest>"
        "<item id='c' href='c.xhtml' media-type='application/xhtml+xml'/></manifest>"
        "<spine><itemref idref='c'/></spine></package>"
    )
    container = "<container><rootfiles><rootfile full-path='p.opf'/></rootfiles></container>"
    return (
        ("META-INF/container.xml", container.encode()),
        ("p.opf", package.encode()),
        ("c.xhtml", html.encode()),
    )


def mutated_text(content: bytes, chance: random.Random) -> bytes:
    """A document of sound structure with faults in its words, so that it is read to its end."""
    start = content.find(b"mayor")
    end = min(len(content), start + 80)
    words = mutated(content[start:end], chance).decode("utf-8", "ignore")
    plain = "".join(c for c in words if c not in _STRUCTURE and c >= " ")
    return content[:start] + plain.encode() + content[end:] if start >= 0 else content


_STRUCTURE = frozenset('<>&"\\{}[]()')


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
    content = chosen.content
    change = mutated if chance.random() < 0.5 else mutated_text
    if chosen.members:
        hurt = chance.randrange(len(chosen.members))
        whole = chance.random() < 0.2
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for at, (name, part) in enumerate(chosen.members):
                same = whole or at != hurt
                archive.writestr(name, part if same else change(part, chance))
        content = file.getvalue()
        if not whole:
            return RawDocument(f"{number}-{chosen.name}", chosen.media_type, content)
    return RawDocument(f"{number}-{chosen.name}", chosen.media_type, change(content, chance))


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
