"""How far each attack is: kept in a file, told as JSON and as a table."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Part", "Parts", "commit_here"]

ROOT = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class Part:
    """One kind of attack: how many were wanted and made, and what each that broke something did.

    ``commits`` are those of the code that was attacked, in order; ``begun`` and ``ended`` are days.
    """

    name: str
    wanted: int = 0
    tried: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    begun: str = ""
    ended: str = ""

    def add(self, tried: int, faults: Sequence[str], seconds: float, commit: str) -> None:
        """Count what was done of it up to now; ``tried`` is the new total."""
        today = datetime.now(UTC).date().isoformat()
        self.tried = tried
        self.broken += faults
        self.seconds = round(self.seconds + seconds, 1)
        self.begun, self.ended = self.begun or today, today
        if commit and commit not in self.commits:
            self.commits.append(commit)

    def row(self) -> str:
        """It as a row of the table."""
        of = f" of {self.wanted:,}" if self.tried < self.wanted else ""
        days = " – ".join(dict.fromkeys(day for day in (self.begun, self.ended) if day))
        return (
            f"| {self.name} | {self.tried:,}{of} | {len(self.broken)} | {days}"
            f" | {', '.join(self.commits)} |"
        )


class Parts:
    """The parts of an attack, in a file of the working folder from which a run goes on.

    Runs beside each other may share the folder where each makes other parts.
    """

    def __init__(self, work: Path, seed: int) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._file = work / "parts.json"
        self._seed = seed
        self._own: set[str] = set()
        self._parts = self._held()

    def _held(self) -> dict[str, Part]:
        """What the file says."""
        if not self._file.is_file():
            return {}
        held = json.loads(self._file.read_text("utf-8"))
        if held["seed"] != self._seed:
            return {}
        return {part["name"]: Part(**part) for part in held["parts"]}

    def of(self, name: str, wanted: int) -> Part:
        """A part as it is, or a new one."""
        self._own.add(name)
        part = self._parts.setdefault(name, Part(name))
        part.wanted = wanted
        return part

    def all(self) -> list[Part]:
        """All parts of which something was done."""
        return [part for part in self._parts.values() if part.tried or part.broken]

    def keep(self) -> None:
        """Write them down, with those of others as they are now."""
        self._parts |= {n: part for n, part in self._held().items() if n not in self._own}
        held = {"seed": self._seed, "parts": [asdict(part) for part in self._parts.values()]}
        draft = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        draft.write_text(json.dumps(held), "utf-8")
        draft.replace(self._file)

    def table(self) -> str:
        """What was done as Markdown, what broke below it."""
        head = ["| attack | tried | broken | days | commits |", "|---|---|---|---|---|"]
        lines = [*head, *(part.row() for part in self.all())]
        faults = [f"- {part.name}: {fault}" for part in self.all() for fault in part.broken]
        return "\n".join([*lines, *(["", *faults] if faults else [])]) + "\n"

    def publish(self, out: Path, command: str, names: Iterable[str]) -> None:
        """Write ``attack.json`` and ``attack.md``; ``names`` are those of all attacks there are."""
        out.mkdir(parents=True, exist_ok=True)
        facts = {"command": command, "seed": self._seed, "parts": [asdict(p) for p in self.all()]}
        (out / "attack.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
        short = [part.name for part in self.all() if part.tried < part.wanted]
        never = sorted(set(names) - {part.name for part in self.all()})
        said = [f"Stopped before its end: {', '.join(short)}."] if short else []
        said += [f"Not run: {', '.join(never)}."] if never else []
        told = "\n\n".join([f"`{command}`", *said, self.table()])
        (out / "attack.md").write_text(told, "utf-8")


def commit_here() -> str:
    """The commit of the code, with ``+`` where files differ from it; nothing outside of Git."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!benchmarks/results")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
