"""Start of the chat: until the address is printed, until the page is painted, until ready.

The page is painted once while the server loads its models, and five times when it is idle, each
time in a browser that has kept nothing; of these the median and the longest are given.

Then the memory of two other servers, the process and its children (VmRSS, so that pages they share
count in each): without a language model, ready for a question; with ``--llm``, after one question
whose answer that model phrased.

python benchmarks/cold.py --store .konkyo/store --out benchmarks/results/cold.json
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
_IDLE_PAINTS = 5
_IDLE_SECONDS = 10  # What the server finds out once it is ready, such as example questions.


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default=".konkyo/store")
    parser.add_argument("--llm", default="embedded")
    parser.add_argument(
        "--question", default="日本の対米投資の規模は？", help="One with an answer."
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    began = time.perf_counter()

    def since() -> float:
        return round(time.perf_counter() - began, 2)

    with chat(given.store, given.llm) as (url, _):
        result: dict[str, object] = {"address_printed": since()}
        result["first_paint_ms"] = next(iter(first_paints(url, 1)), None)
        wait_until_ready(url)
        result["ready"] = since()
        time.sleep(_IDLE_SECONDS)
        if paints := first_paints(url, _IDLE_PAINTS):
            result["idle_first_paint_ms"] = statistics.median(paints)
            result["idle_first_paint_longest_ms"] = max(paints)
    result["memory_mb"] = {
        llm: memory_of_chat(given.store, llm, given.question)
        for llm in dict.fromkeys(("none", given.llm))
    }
    text = json.dumps(result, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", "utf-8")


@contextmanager
def chat(store: str, llm: str, **environment: str) -> Iterator[tuple[str, int]]:
    """Start a server; gives its address, as soon as that is printed, and its process id."""
    command = [sys.executable, "-m", "konkyo", "chat", "--no-open"]
    with subprocess.Popen(
        [*command, "--port", "0", "--store", store, "--llm", llm],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found is not None, "the chat did not start"
        try:
            yield found.group(), server.pid
        finally:
            server.send_signal(signal.SIGINT)


def wait_until_ready(url: str) -> None:
    """Wait until the server of an address can answer questions."""
    while httpx.get(url + "api/ready").status_code != 200:
        time.sleep(0.05)


def memory_of_chat(store: str, llm: str, question: str) -> int:
    """Megabytes of a server that is idle; with a model, once that has phrased an answer."""
    with chat(store, llm) as (url, process):
        wait_until_ready(url)
        if llm != "none":
            asked = {"question": question, "phrasing": "always"}
            outcome = httpx.post(url + "api/ask", json=asked, timeout=600).json()
            assert any(outcome["usage"].values()), "the model was not asked: another --question"
        time.sleep(_IDLE_SECONDS)
        return round(sum(map(resident_megabytes, with_children(process))))


def with_children(process: int) -> list[int]:
    """A process, its children and theirs."""
    children: dict[int, list[int]] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        parent = _status(int(directory.name)).get("PPid")
        if parent is not None:
            children.setdefault(int(parent), []).append(int(directory.name))
    found = [process]
    for known in found:
        found += children.get(known, [])
    return found


def resident_megabytes(process: int) -> float:
    """VmRSS of a process; 0 if it has ended."""
    return int(_status(process).get("VmRSS", "0 kB").split()[0]) / 1024


def _status(process: int) -> dict[str, str]:
    """The fields of /proc/PID/status; none if the process has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def first_paints(url: str, times: int) -> list[int]:
    """Milliseconds from opening the page to its first contentful paint; none without a browser."""
    executable = shutil.which("chromium")
    if executable is None:
        return []
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for _ in range(times):
            context = browser.new_context()
            page = context.new_page()
            page.goto(url)
            page.wait_for_selector("#k-box textarea")
            painted = page.evaluate(
                "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
            )
            context.close()
            if painted is not None:
                found.append(round(float(painted)))
        browser.close()
    return found


if __name__ == "__main__":
    main()
