"""A process of an index job that changes nothing, for the tests of the page and the HTTP interface.

It obeys one order as ``konkyo.ui.server.index_jobs`` sends it: a source with ``slow`` in it takes
minutes, one with ``missing`` fails, ``verify`` finds one promise kept and one broken.
"""

from __future__ import annotations

import json
import sys
import time

PROGRESS = ({"stage": "read", "done": 1, "total": 2}, {"stage": "embed", "done": 8, "total": 8})
REPORT = {
    "added": 2,
    "changed": 1,
    "removed": 0,
    "unchanged": 3,
    "duplicates": 1,
    "excluded": 0,
    "embedded": 8,
    "failures": [{"source": "<b>bad</b>.pdf", "reason": "damaged"}],
    "seconds": 1.5,
    "generation": 7,
}
FINDINGS = (
    {"what": "references lead somewhere", "ok": True, "detail": "", "advice": ""},
    {"what": "vectors are whole", "ok": False, "detail": "row 3", "advice": "build it again"},
)


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    order = json.loads(sys.stdin.read())
    try:
        named = " ".join(order["sources"])
        if "missing" in named:
            say(state="failed", message="missing.md: no such file")
        elif order["action"] == "verify":
            say(state="done", findings=FINDINGS)
        else:
            for step in PROGRESS:
                say(**step)
            time.sleep(600 if "slow" in named else 0.05)
            say(state="done", report=REPORT)
    except KeyboardInterrupt:
        say(state="stopped")
        sys.exit(130)
