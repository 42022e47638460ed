"""Cold start of the chat: until the address is printed, until the page is painted, until ready.

python benchmarks/cold.py --store .konkyo/store
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default=".konkyo/store")
    parser.add_argument("--llm", default="embedded")
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
        result["first_paint_ms"] = first_paint(url)
        while httpx.get(url + "api/ready").status_code != 200:
            time.sleep(0.05)
        result["ready"] = since()
        server.send_signal(signal.SIGINT)
    print(json.dumps(result, indent=2))


def first_paint(url: str) -> float | None:
    """Milliseconds from opening the page to its first contentful paint; None without a browser."""
    executable = shutil.which("chromium")
    if executable is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("#k-box textarea")
        painted = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
        )
        browser.close()
        return None if painted is None else round(float(painted))


if __name__ == "__main__":
    main()
