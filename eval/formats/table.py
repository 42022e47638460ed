"""Tables with a header line."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from konkyo.eval.formats.fields import at_least_one, read_text
from konkyo.eval.formats.jsonl import read_question
from konkyo.eval.questions import Dataset, Question
from konkyo.index.errors import DatasetError
from konkyo.index.text.language import detect

__all__ = ["load_csv"]


def load_csv(path: Path, *, language: str | None = None) -> Dataset:
    """Read a table with a header line: ``question`` and ``answers`` are required.

    Several acceptable answers are parted by ``|``. Optional columns: id, language, kind,
    answerable (yes or no; by default whether there is an answer), article, quote, note.
    Raises DatasetError, naming file and line.
    """
    questions: list[Question] = []
    seen: set[str] = set()
    # str.splitlines would also cut a row at U+2028, U+0085 and form feeds.
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    missing = {"question", "answers"} - set(reader.fieldnames or ())
    if missing:
        raise DatasetError(f"{path}:1: the header line lacks {', '.join(sorted(missing))}")
    for row in reader:
        where = f"{path}:{reader.line_num}"
        question = _csv_question(where, row, len(questions) + 1, language)
        if question.id in seen:
            raise DatasetError(f"{where}: id {question.id!r} is used twice")
        seen.add(question.id)
        questions.append(question)
    return Dataset(path.stem, at_least_one(path, questions))


def _csv_question(
    where: str, row: Mapping[str, str | None], number: int, language: str | None
) -> Question:
    cell = {key: (value or "").strip() for key, value in row.items() if key is not None}
    if not cell["question"]:
        raise DatasetError(f"{where}: the question is empty")
    answers = tuple(a.strip() for a in cell["answers"].split("|") if a.strip())
    word = cell.get("answerable", "").casefold() or ("yes" if answers else "no")
    if word not in {"yes", "no", "true", "false", "1", "0"}:
        raise DatasetError(f"{where}: answerable is {word!r}; write yes or no")
    answerable = word in {"yes", "true", "1"}
    kind = cell.get("kind") or ("fact" if answerable else "absent")
    article = cell.get("article", "")
    built: dict[str, object] = {
        "id": cell.get("id") or str(number),
        "question": cell["question"],
        "language": language or cell.get("language") or detect(cell["question"]),
        "kind": kind,
        "answerable": answerable,
        "answers": list(answers),
        "gold": [{"article": article, "quote": cell.get("quote", "")}] if article else [],
        "note": cell.get("note") or None,
    }
    return read_question(where, built)
