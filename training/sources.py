"""Readers of the public data sets: paragraphs with questions, and pairs of claim and evidence.

What may be trained on is decided here and in ``training.news``: each reader takes ``report=True``
to give the part that only reports, and never gives both.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from konkyo.eval.formats.fields import read_text
from konkyo.index.errors import DatasetError
from training.rows import CONTRADICTED, NEUTRAL, NOT_SUPPORTED, SUPPORTED

__all__ = [
    "XQUAD_LANGUAGES",
    "Pair",
    "Paragraph",
    "Question",
    "cmrc",
    "drcd",
    "jamp",
    "janli",
    "jaquad",
    "jnli",
    "jnli_reports",
    "jsick",
    "jsquad",
    "klue",
    "load_squad",
    "squad2",
    "tydi",
    "uhgeval",
    "wice",
    "xquad",
]

XQUAD_LANGUAGES = ("en", "zh", "es", "de", "ru", "th", "ar", "tr")
_XQUAD_FITTED_TITLES = 24
_JAQUAD_HELD_TITLES = 24
_LABELS = {
    "entailment": SUPPORTED,
    "contradiction": CONTRADICTED,
    "neutral": NEUTRAL,
    "non-entailment": NOT_SUPPORTED,
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the place of its answer in its paragraph; ``place`` None: not answered."""

    question_id: str
    text: str
    place: tuple[int, int] | None
    answers: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of one article with its questions."""

    title: str
    text: str
    language: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim and evidence; ``wrong`` are stretches of the claim that the evidence lacks."""

    evidence: str
    claim: str
    label: int
    wrong: tuple[tuple[int, int], ...] = ()


def load_squad(path: Path, language: str) -> list[Paragraph]:
    """Read a SQuAD 1.1 or 2.0 file; JSQuAD's ``title [SEP] text`` is taken apart.

    A question whose marked answer is not in the text at its place is left out.
    Raises DatasetError naming the file where it is not such a file.
    """
    try:
        data = json.loads(read_text(path))["data"]
        return [
            _paragraph(article.get("title", ""), paragraph, language)
            for article in data
            for paragraph in article["paragraphs"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise DatasetError(f"{path}: not a SQuAD file ({exc}); check the download") from exc


def _paragraph(title: str, paragraph: dict[str, Any], language: str) -> Paragraph:
    text: str = paragraph["context"]
    shift = 0
    cut = text.find(" [SEP] ")
    if cut >= 0:
        shift = cut + len(" [SEP] ")
        text = text[shift:]
    found = []
    for qa in paragraph["qas"]:
        answers = tuple(dict.fromkeys(a["text"] for a in qa["answers"]))
        place = None
        if answers:
            place = _place(text, qa["answers"][0], shift)
            if place is None:
                continue
        kind = qa["answers"][0].get("answer_type", "") if answers else ""
        found.append(Question(qa["id"], qa["question"].strip(), place, answers, kind))
    return Paragraph(title.replace("_", " "), text, language, tuple(found))


def _place(text: str, answer: dict[str, Any], shift: int) -> tuple[int, int] | None:
    """Where an answer stands; one marked in JSQuAD's title counts where the text repeats it."""
    words: str = answer["text"]
    start = int(answer["answer_start"]) - shift
    if start < 0:
        start = text.find(words)
    if start < 0 or text[start : start + len(words)] != words or not words.strip():
        return None
    return start, start + len(words)


def jaquad(folder: Path, *, held: bool = False) -> list[Paragraph]:
    """JaQuAD train without its last 24 titles, or (``held``) these, for calibration."""
    paragraphs = load_squad(folder / "jaquad-train-0.1.0.json.xz", "ja")
    titles = list(dict.fromkeys(p.title for p in paragraphs))
    kept = set(titles[-_JAQUAD_HELD_TITLES:])
    return [p for p in paragraphs if (p.title in kept) is held]


def jsquad(folder: Path) -> list[Paragraph]:
    """JSQuAD validation: reports only."""
    return load_squad(folder / "jsquad-valid-v1.3.json", "ja")


def cmrc(folder: Path, *, report: bool = False) -> list[Paragraph]:
    """CMRC 2018 train, or its trial part, which reports."""
    return load_squad(folder / f"cmrc2018-{'trial' if report else 'train'}.json.xz", "zh")


def drcd(folder: Path) -> list[Paragraph]:
    """DRCD dev: traditional Chinese, for training."""
    return load_squad(folder / "drcd-dev.json.xz", "zh")


def tydi(folder: Path, language: str, *, report: bool = False) -> list[Paragraph]:
    """TyDi QA: train of ko and en, dev of ru, ar, id and fi; ``report``: dev of ko and en."""
    part = "train" if language in ("ko", "en") and not report else "dev"
    if report and language not in ("ko", "en"):
        raise DatasetError(f"TyDi QA {language} dev is for training; only ko and en dev report")
    return load_squad(folder / f"tydiqa-{language}-{part}.json.xz", language)


def squad2(folder: Path) -> list[Paragraph]:
    """SQuAD 2.0 dev without XQuAD's reporting titles; about half is unanswerable."""
    return load_squad(folder / "squad2-en.json.xz", "en")


def xquad(folder: Path, *, report: bool = False) -> dict[str, list[Paragraph]]:
    """XQuAD by language, the same paragraphs in the same order: first 24 titles or the last."""
    found: dict[str, list[Paragraph]] = {}
    for language in XQUAD_LANGUAGES:
        paragraphs = load_squad(folder / f"xquad.{language}.json", language)
        titles = list(dict.fromkeys(p.title for p in paragraphs))
        kept = set(titles[_XQUAD_FITTED_TITLES:] if report else titles[:_XQUAD_FITTED_TITLES])
        found[language] = [p for p in paragraphs if p.title in kept]
    return found


def _table(path: Path) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(io.StringIO(read_text(path)), delimiter="\t", quoting=csv.QUOTE_NONE)


def _reports(name: str) -> bool:
    """Whether what has this name is in the half that reports: the same in every run."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def jnli_reports(row: Mapping[str, str]) -> bool:
    """Whether a JNLI pair only reports: by its picture, whose captions stand in several pairs."""
    return _reports(row["yjcaptions_id"].partition("-")[0])


def jnli(folder: Path, *, report: bool = False) -> list[Pair]:
    """JNLI pairs of one half of the pictures, or (``report``) of the other."""
    rows = map(json.loads, read_text(folder / "jnli-valid-v1.3.json").splitlines())
    return [
        Pair(r["sentence1"], r["sentence2"], _LABELS[r["label"]])
        for r in rows
        if jnli_reports(r) is report
    ]


def klue(folder: Path, *, report: bool = False) -> list[Pair]:
    """KLUE-NLI pairs of one half of the premises, or (``report``) of the other."""
    rows = json.loads(read_text(folder / "klue-nli-dev.json.xz"))
    return [
        Pair(r["premise"], r["hypothesis"], _LABELS[r["gold_label"]])
        for r in rows
        if _reports(r["premise"]) is report
    ]


def janli(folder: Path, *, report: bool = False) -> list[Pair]:
    """JaNLI's train split, or (``report``) its test split."""
    split = "test" if report else "train"
    return [
        Pair(r["sentence_A_Ja"], r["sentence_B_Ja"], _LABELS[r["entailment_label_Ja"]])
        for r in _table(folder / "janli.tsv.xz")
        if r["split"] == split
    ]


def jsick(folder: Path) -> list[Pair]:
    """JSICK's Japanese pairs, for training."""
    return [
        Pair(r["sentence_A_Ja"], r["sentence_B_Ja"], _LABELS[r["entailment_label_Ja"]])
        for r in _table(folder / "jsick-train.tsv.xz")
    ]


def jamp(folder: Path) -> list[Pair]:
    """Jamp's pairs on time, for training; they are templates, so a part is enough."""
    return [
        Pair(r["premise"], r["hypothesis"], _LABELS[r["gold_label"]])
        for r in _table(folder / "jamp-train.tsv.xz")
    ]


def uhgeval(folder: Path, *, report: bool = False) -> list[tuple[str, str, Pair, Pair]]:
    """(title, day, real continuation, invented one) over Chinese news; every third reports.

    Both pairs have the whole article as evidence; the invented one tells which words are wrong.
    """
    found = []
    for i, line in enumerate(read_text(folder / "uhgeval-news.jsonl.xz").splitlines()):
        if (i % 3 == 2) is not report:
            continue
        row = json.loads(line)
        article = f"{row['newsBeginning'].strip()}\n{row['newsRemainder'].strip()}"
        invented = row["hallucinatedContinuation"].strip()
        wrong = []
        for note in row["annotations"]:
            word, _, verdict = note.partition("<sep>")
            at = invented.find(word) if verdict.startswith("不合理") and word else -1
            if at >= 0:
                wrong.append((at, at + len(word)))
        real = Pair(article, row["realContinuation"].strip(), SUPPORTED)
        false = Pair(article, invented, NOT_SUPPORTED, tuple(wrong))
        title = re.sub(r"^（[^）]*）", "", row["headLine"])
        found.append((title, row["broadcastDate"][:10], real, false))
    return found


def wice(folder: Path) -> list[Pair]:
    """WiCE's claims over the sentences marked as their support, or, with none, the first ten."""
    found = []
    for line in read_text(folder / "wice-claims-dev.jsonl.xz").splitlines():
        row = json.loads(line)
        marked = row["supporting_sentences"][0] if row["supporting_sentences"] else []
        chosen = marked or list(range(1, min(11, len(row["evidence"]))))
        evidence = "\n".join(row["evidence"][i] for i in sorted(chosen))
        label = {"supported": SUPPORTED, "partially_supported": NEUTRAL, "not_supported": NEUTRAL}
        found.append(Pair(evidence, row["claim"], label[row["label"]]))
    return found
