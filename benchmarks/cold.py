"""Start of the chat: until the address is printed, until the page is painted, until ready.

The page is painted once while the server loads its models, and five times when it is idle, each
time in a browser that has kept nothing; of these the median and the longest are given.

python benchmarks/cold.py --store .konkyo/store --out benchmarks/results/cold.json
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
_IDLE_PAINTS = 5
_IDLE_SECONDS = 10  # What the server finds out once it is ready, such as example questions.


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default=".konkyo/store")
    parser.add_argument("--llm", default="embedded")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    began = time.perf_counter()

    def since() -> float:
        return round(time.perf_counter() - began, 2)

    command = [sys.executable, "-m", "konkyo", "chat", "--no-open"]
    with subprocess.Popen(
        [*command, "--port", "0", "--store", given.store, "--llm", given.llm],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found is not None, "the chat did not start"
        result: dict[str, object] = {"address_printed": since()}
        url = found.group()
        result["first_paint_ms"] = next(iter(first_paints(url, 1)), None)
        while httpx.get(url + "api/ready").status_code != 200:
            time.sleep(0.05)
        result["ready"] = since()
        time.sleep(_IDLE_SECONDS)
        if paints := first_paints(url, _IDLE_PAINTS):
            result["idle_first_paint_ms"] = statistics.median(paints)
            result["idle_first_paint_longest_ms"] = max(paints)
        server.send_signal(signal.SIGINT)
    text = json.dumps(result, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", "utf-8")


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
