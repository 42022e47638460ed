"""Many readers at once: start the chat, ask over HTTP, time evidence, short answer and answer.

    python benchmarks/readers.py --store .konkyo/store --readers 60 --seconds 120
    python benchmarks/readers.py --store .konkyo/store --readers 6 --seconds 120 --llm embedded

Each reader asks, reads for a while (``--think`` seconds on average, exponentially spread) and asks
again. ``short`` is the time to the answer in a few words; where there is none, as with a refusal,
the time to the whole answer counts. ``queued`` counts the answers that were told their place in the
line before the model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cold import chat

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Seen:
    evidence: list[float] = field(default_factory=list)
    short: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    queued: int = 0
    furthest: int = 0


def percentile(values: list[float], share: float) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


async def ask(client: httpx.AsyncClient, question: str, seen: Seen) -> None:
    began = time.perf_counter()
    placed = in_short = False
    body = {"question": question, "stream": True}
    async with client.stream("POST", "/api/ask", json=body) as response:
        if response.status_code != 200:
            seen.errors.append(f"{response.status_code} {(await response.aread()).decode()[:200]}")
            return
        event = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
                if event == "evidence":
                    seen.evidence.append(time.perf_counter() - began)
                elif event == "short" and not in_short:
                    in_short = True
                    seen.short.append(time.perf_counter() - began)
            elif line.startswith("data: "):
                data = json.loads(line.removeprefix("data: "))
                if event == "queued":
                    placed = True
                    seen.furthest = max(seen.furthest, data["ahead"])
                elif event == "error":
                    seen.errors.append(str(data))
                elif event == "outcome":
                    seen.answers.append(time.perf_counter() - began)
                    if not in_short:
                        seen.short.append(seen.answers[-1])
                    seen.outcomes[data["status"]] += 1
    seen.queued += placed


async def read(
    client: httpx.AsyncClient, questions: list[str], think: float, until: float, seen: Seen
) -> None:
    await asyncio.sleep(random.random() * think)
    while time.monotonic() < until:
        try:
            await ask(client, random.choice(questions), seen)
        except httpx.HTTPError as exc:
            seen.errors.append(f"{type(exc).__name__}: {exc}")
        if think:
            await asyncio.sleep(random.expovariate(1 / think))


async def measure(
    url: str, questions: list[str], readers: int, seconds: float, think: float
) -> Seen:
    seen = Seen()
    limits = httpx.Limits(max_connections=readers + 4)
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:
        while (await client.get("/api/ready")).status_code != 200:
            await asyncio.sleep(0.2)
        # The first answers load what is loaded once.
        for question in questions[:2]:
            await ask(client, question, Seen())
        until = time.monotonic() + seconds
        await asyncio.gather(*(read(client, questions, think, until, seen) for _ in range(readers)))
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default=".konkyo/store")
    parser.add_argument("--readers", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--think", type=float, default=10, help="mean pause between questions, s")
    parser.add_argument("--llm", default="none")
    parser.add_argument("--questions", type=Path, default=ROOT / "eval/datasets/alliance.jsonl")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    random.seed(given.seed)
    lines = given.questions.read_text("utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines if line.strip()]
    unlimited = {"KONKYO_CHAT__RATE": "0", "KONKYO_CHAT__CONCURRENT": "0"}
    with chat(given.store, given.llm, **unlimited) as (url, _):
        seen = asyncio.run(measure(url, questions, given.readers, given.seconds, given.think))
    result = {
        "readers": given.readers,
        "seconds": given.seconds,
        "think": given.think,
        "llm": given.llm,
        "questions": len(seen.answers),
        "outcomes": dict(seen.outcomes),
        "errors": len(seen.errors),
        "first_evidence_p50": percentile(seen.evidence, 0.5),
        "first_evidence_p95": percentile(seen.evidence, 0.95),
        "short_p50": percentile(seen.short, 0.5),
        "short_p95": percentile(seen.short, 0.95),
        "answer_p50": percentile(seen.answers, 0.5),
        "answer_p95": percentile(seen.answers, 0.95),
        "queued": seen.queued,
        "most_ahead": seen.furthest,
        "cores": os.cpu_count(),
    }
    text = json.dumps(result, indent=2)
    print(text)
    for error in seen.errors[:5]:
        print(error, file=sys.stderr)
    if given.out:
        given.out.write_text(text + "\n", "utf-8")
    sys.exit(1 if seen.errors else 0)


if __name__ == "__main__":
    main()
