"""Questions with known answers: the schema, and readers that name the file and line they dislike."""

from __future__ import annotations

import csv
import hashlib
import json
import lzma
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from konkyo.index.errors import DatasetError, UsageError
from konkyo.index.records import Article, article_id_for
from konkyo.index.text.language import detect
from konkyo.rag.conversation import Turn

__all__ = [
    "KINDS",
    "Dataset",
    "Gold",
    "Kind",
    "Question",
    "load",
    "load_beir",
    "load_csv",
    "load_jsonl",
    "load_rgb",
    "load_squad",
    "read_question",
    "without_gold",
]

Kind = Literal[
    "fact",
    "list",
    "why",
    "comparison",
    "date",
    "several",
    "cross",
    "followup",
    "conflict",
    "absent",
    "premise",
    "injected",
]
KINDS: tuple[str, ...] = get_args(Kind)

_FIELDS = {
    "id",
    "question",
    "language",
    "kind",
    "answerable",
    "answers",
    "all_of",
    "forbidden",
    "gold",
    "history",
    "paraphrases",
    "premise_truth",
    "note",
}


@dataclass(frozen=True, slots=True)
class Gold:
    """Where the answer stands: an article (identifier, file name or title) and its words."""

    article: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question and what a right answer holds.

    An answer is right if it holds any of ``answers`` and, for each group of ``all_of``, one
    member; ``forbidden`` strings (what an injected article asks for) make it wrong.
    ``answerable`` says whether the articles hold the answer. ``premise_truth`` says, for a
    false premise, what the articles say instead. ``paraphrases`` ask the same in other words.
    """

    id: str
    question: str
    language: str
    kind: Kind
    answerable: bool
    answers: tuple[str, ...] = ()
    all_of: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[str, ...] = ()
    gold: tuple[Gold, ...] = ()
    history: tuple[Turn, ...] = ()
    premise_truth: str | None = None
    note: str | None = None
    paraphrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """Questions and, where the file carries them, the articles they are asked of.

    ``articles`` is empty for a set that is asked of a store built elsewhere.
    """

    name: str
    questions: tuple[Question, ...]
    articles: tuple[Article, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any question or article."""
        digest = hashlib.sha256()
        for question in self.questions:
            digest.update(json.dumps(asdict(question), sort_keys=True).encode())
        for article in self.articles:
            digest.update(article.article_id.encode())
        return digest.hexdigest()[:16]


def load(
    path: Path,
    *,
    form: str = "auto",
    language: str | None = None,
    noise: float | None = None,
    counterfactual: bool = False,
) -> Dataset:
    """Read a dataset in any known form.

    ``form`` is ``auto``, ``jsonl``, ``squad``, ``beir``, ``rgb`` or ``csv``; ``noise`` and
    ``counterfactual`` are for ``rgb`` alone (``load_rgb``). Raises DatasetError, UsageError.
    """
    if not path.exists():
        raise DatasetError(f"{path}: no such file or folder; check the path of the dataset")
    chosen = _form_of(path) if form == "auto" else form
    if chosen != "rgb" and (noise is not None or counterfactual):
        raise UsageError(f"{path}: noise and counterfactual are for JSONL in RGB's form only")
    if chosen == "squad":
        return load_squad(path, language=language)
    if chosen == "beir":
        return load_beir(path, language=language)
    if chosen == "rgb":
        share = 0.4 if noise is None else noise
        return load_rgb(path, language=language, noise=share, counterfactual=counterfactual)
    if chosen == "csv":
        return load_csv(path, language=language)
    if chosen == "jsonl":
        return load_jsonl(path)
    raise UsageError(f"unknown dataset form {form!r}: use auto, jsonl, squad, beir, rgb or csv")


def _form_of(path: Path) -> str:
    if path.is_dir():
        return "beir"
    suffixes = [s for s in path.suffixes if s != ".xz"]
    if suffixes[-1:] == [".csv"]:
        return "csv"
    if suffixes[-1:] == [".json"] and _opens_with_data(path):
        return "squad"
    first = next(_json_lines(path), None)
    return "rgb" if first is not None and {"query", "positive"} <= first[1].keys() else "jsonl"


def _opens_with_data(path: Path) -> bool:
    """Whether a JSON file is one object (SQuAD) and not one object a line (RGB's own files)."""
    try:
        return isinstance(json.loads(_read(path)), dict)
    except json.JSONDecodeError as exc:
        return exc.msg != "Extra data"


def load_jsonl(path: Path) -> Dataset:
    """Read the project's own form: one question a line; blank lines are skipped.

    A set ``NAME.jsonl`` brings its own articles if ``NAME.articles.jsonl`` stands beside it: an
    object a line with name, title, language, text and perhaps published (ISO date).

    Raises DatasetError, naming file and line, for malformed JSON, an unknown or missing
    field, an unknown kind, a second use of an id, or an answerable question without answers.
    """
    questions: list[Question] = []
    seen: dict[str, int] = {}
    for line, row in _json_lines(path):
        where = f"{path}:{line}"
        question = read_question(where, row)
        if question.id in seen:
            raise DatasetError(f"{where}: id {question.id!r} is used on line {seen[question.id]}")
        seen[question.id] = line
        questions.append(question)
    beside = path.with_name(f"{_stem(path)}.articles.jsonl")
    articles = tuple(_own_articles(beside)) if beside.exists() else ()
    return Dataset(path.stem, _some(path, questions), articles)


def _own_articles(path: Path) -> Iterator[Article]:
    for line, row in _json_lines(path):
        where = f"{path}:{line}"
        title, text = _text(where, row, "title"), _text(where, row, "text")
        yield Article(
            article_id=article_id_for(title, text),
            title=title,
            text=text,
            language=_text(where, row, "language"),
            source=_text(where, row, "name"),
            published=_optional(where, row, "published"),
        )


def read_question(where: str, row: Mapping[str, object]) -> Question:
    """One question from its JSON object; ``where`` opens the message of a DatasetError."""
    unknown = sorted(row.keys() - _FIELDS)
    if unknown:
        raise DatasetError(f"{where}: unknown field {unknown[0]!r}; known: {sorted(_FIELDS)}")
    kind = _text(where, row, "kind")
    if kind not in KINDS:
        raise DatasetError(f"{where}: kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    answerable = row.get("answerable")
    if not isinstance(answerable, bool):
        raise DatasetError(f"{where}: 'answerable' must be true or false, not {answerable!r}")
    question = Question(
        id=_text(where, row, "id"),
        question=_text(where, row, "question"),
        language=_text(where, row, "language"),
        kind=next(k for k in get_args(Kind) if k == kind),
        answerable=answerable,
        answers=_texts(where, row.get("answers", []), "answers"),
        all_of=tuple(
            _texts(where, group, "all_of")
            for group in _sequence(where, row.get("all_of") or [], "all_of")
        ),
        forbidden=_texts(where, row.get("forbidden") or [], "forbidden"),
        gold=tuple(_gold(where, g) for g in _sequence(where, row.get("gold") or [], "gold")),
        history=tuple(
            _turn(where, t) for t in _sequence(where, row.get("history") or [], "history")
        ),
        premise_truth=_optional(where, row, "premise_truth"),
        note=_optional(where, row, "note"),
        paraphrases=_texts(where, row.get("paraphrases") or [], "paraphrases"),
    )
    if answerable and not (question.answers or question.all_of):
        raise DatasetError(f"{where}: an answerable question needs 'answers' or 'all_of'")
    if any(not group for group in question.all_of):
        raise DatasetError(f"{where}: a group of 'all_of' is empty")
    return question


def _gold(where: str, value: object) -> Gold:
    row = _mapping(where, value, "gold")
    return Gold(_text(where, row, "article"), _optional(where, row, "quote") or "")


def _turn(where: str, value: object) -> Turn:
    row = _mapping(where, value, "history")
    return Turn(_text(where, row, "question"), _text(where, row, "answer"))


def load_squad(path: Path, *, language: str | None = None) -> Dataset:
    """Read SQuAD 1.1 or 2.0 (also JSQuAD and JaQuAD); each paragraph becomes an article.

    A context ``title [SEP] text`` gives the article its title, and only ``text`` its text.
    ``gold`` names the paragraph's article identifier. Raises DatasetError with the place.
    """
    root = _mapping(str(path), _json(path), "the file")
    # One language a file: a question made of digits and Latin names has no script of its own.
    language = language or detect(" ".join(_contexts(root)))
    articles: dict[str, Article] = {}
    questions: list[Question] = []
    seen: set[str] = set()
    for a, entry in enumerate(_sequence(str(path), root.get("data"), "data")):
        at = f"{path}: data[{a}]"
        group = _mapping(at, entry, "data")
        for p, item in enumerate(_sequence(at, group.get("paragraphs"), "paragraphs")):
            spot = f"{at}.paragraphs[{p}]"
            paragraph = _mapping(spot, item, "paragraphs")
            article = _paragraph(group, _text(spot, paragraph, "context"), path.name, language)
            articles[article.article_id] = article
            for q, qa in enumerate(_sequence(spot, paragraph.get("qas"), "qas")):
                place = f"{spot}.qas[{q}]"
                question = _squad_question(place, _mapping(place, qa, "qas"), article)
                if question.id in seen:
                    raise DatasetError(f"{place}: id {question.id!r} is used twice")
                seen.add(question.id)
                questions.append(question)
    return Dataset(_stem(path), _some(path, questions), tuple(articles.values()))


def _contexts(root: Mapping[str, object]) -> Iterator[str]:
    """The first words of the first paragraphs; what is malformed is told of later."""
    data = root.get("data")
    for group in data[:5] if isinstance(data, list) else []:
        paragraphs = group.get("paragraphs") if isinstance(group, dict) else None
        for item in paragraphs[:2] if isinstance(paragraphs, list) else []:
            if isinstance(item, dict):
                yield str(item.get("context"))[:200]


def _paragraph(group: Mapping[str, object], context: str, source: str, language: str) -> Article:
    title, separator, text = context.partition(" [SEP] ")
    if not separator:
        title, text = str(group.get("title") or ""), context
    clean = text.strip("\ufeff \t\r\n")
    name = title.strip("\ufeff \t\r\n").replace("_", " ")
    return Article(
        article_id=article_id_for(name, clean),
        title=name,
        text=clean,
        language=language,
        source=source,
    )


def _squad_question(place: str, row: Mapping[str, object], article: Article) -> Question:
    text = _text(place, row, "question").strip("\ufeff \t\r\n")
    found = _sequence(place, row.get("answers") or [], "answers")
    answers = [_text(place, _mapping(place, a, "answers"), "text").strip() for a in found]
    impossible = bool(row.get("is_impossible", False)) or not answers
    return Question(
        id=_text(place, row, "id"),
        question=text,
        language=article.language,
        kind="absent" if impossible else "fact",
        answerable=not impossible,
        answers=() if impossible else tuple(dict.fromkeys(answers)),
        gold=(Gold(article.article_id, "" if impossible else answers[0]),),
    )


def without_gold(dataset: Dataset, count: int, *, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Draw ``count`` answerable questions; give them with and without their gold articles.

    Both parts ask the same questions. The first holds all articles; from the second the gold
    articles of the drawn questions are gone, its questions count as unanswerable and their ids
    end in ``#absent``. The draw depends on ``seed`` and ids alone. A note on each question of
    the second part says when one of its answers still stands in another article of the same
    title, so that the reader may set those aside. Raises UsageError if there are too few.
    """
    able = sorted((q for q in dataset.questions if q.answerable and q.gold), key=lambda q: q.id)
    if not 0 < count <= len(able):
        raise UsageError(
            f"{dataset.name} has {len(able)} answerable questions with a gold article; "
            f"asked for {count}"
        )
    drawn = random.Random(seed).sample(able, count)
    gone = {g.article for q in drawn for g in q.gold}
    kept = tuple(a for a in dataset.articles if a.article_id not in gone)
    titles = {a.article_id: a.title for a in dataset.articles}
    by_title: dict[str, list[str]] = {}
    for article in kept:
        by_title.setdefault(article.title, []).append(article.text)
    absent = tuple(_absent(q, by_title.get(titles.get(q.gold[0].article, ""), [])) for q in drawn)
    return (
        replace(dataset, questions=tuple(drawn)),
        Dataset(f"{dataset.name}-absent", absent, kept),
    )


def _absent(question: Question, others: Sequence[str]) -> Question:
    left = sum(any(answer in text for answer in question.answers) for text in others)
    note = f"an answer still stands in {left} other articles of the same title" if left else None
    return replace(
        question,
        id=f"{question.id}#absent",
        kind="absent",
        answerable=False,
        answers=(),
        all_of=(),
        gold=(),
        note=note,
    )


def load_beir(folder: Path, *, split: str = "test", language: str | None = None) -> Dataset:
    """Read a BEIR folder: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/SPLIT.tsv``.

    Such a set tests retrieval: its questions have gold articles but no answers. Queries without
    a positive judgement are left out. Raises DatasetError, naming file and line.
    """
    identifiers: dict[str, str] = {}
    articles: dict[str, Article] = {}
    corpus = folder / "corpus.jsonl"
    for line, row in _json_lines(corpus):
        where = f"{corpus}:{line}"
        title = _optional(where, row, "title") or ""
        text = _text(where, row, "text")
        article = Article(
            article_id=article_id_for(title, text),
            title=title,
            text=text,
            language=language or detect(text),
            source=corpus.name,
        )
        identifiers[_text(where, row, "_id")] = article.article_id
        articles[article.article_id] = article
    relevant = _qrels(folder / "qrels" / f"{split}.tsv", identifiers)
    questions: list[Question] = []
    queries = folder / "queries.jsonl"
    for line, row in _json_lines(queries):
        where = f"{queries}:{line}"
        name, text = _text(where, row, "_id"), _text(where, row, "text")
        if name not in relevant:
            continue
        questions.append(
            Question(
                id=name,
                question=text,
                language=language or detect(text),
                kind="fact",
                answerable=True,
                gold=tuple(Gold(article) for article in relevant[name]),
            )
        )
    return Dataset(folder.name, _some(folder, questions), tuple(articles.values()))


def _qrels(path: Path, identifiers: Mapping[str, str]) -> dict[str, list[str]]:
    relevant: dict[str, list[str]] = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        cells = line.split("\t")
        if number == 1 and cells[:1] == ["query-id"]:
            continue
        if len(cells) != 3 or not cells[2].lstrip("-").isdigit():
            raise DatasetError(f"{path}:{number}: expected 'query-id<TAB>corpus-id<TAB>score'")
        if cells[1] not in identifiers:
            raise DatasetError(f"{path}:{number}: {cells[1]!r} is not in corpus.jsonl")
        if int(cells[2]) > 0:
            relevant.setdefault(cells[0], []).append(identifiers[cells[1]])
    return relevant


def load_rgb(
    path: Path,
    *,
    language: str | None = None,
    documents: int = 5,
    noise: float = 0.4,
    counterfactual: bool = False,
) -> Dataset:
    """Read JSONL in the form of RGB (arXiv 2309.01431): query, answer, positive, negative.

    Of ``documents`` texts a question, the share ``noise`` are negatives and the rest positives.
    ``noise=1.0`` leaves negatives only, so every question counts as unanswerable. With
    ``counterfactual`` the positives are ``positive_wrong`` and the answer is ``fakeanswer``:
    what the articles say is right, for a system that must not bring its own knowledge.
    All texts of all questions make one collection. Raises DatasetError, naming file and line.
    """
    if not 0.0 <= noise <= 1.0:
        raise UsageError(f"the noise share must be from 0 to 1, not {noise}")
    negatives = round(documents * noise)
    articles: dict[str, Article] = {}
    questions: list[Question] = []
    for line, row in _json_lines(path):
        where = f"{path}:{line}"
        field = "positive_wrong" if counterfactual else "positive"
        good = _flat(row.get(field))
        if not good:
            raise DatasetError(f"{where}: {field!r} is empty or missing")
        wanted = _flat(row.get("negative"))[:negatives] + good[: documents - negatives]
        ids: dict[str, str] = {}
        for text in wanted:
            article = Article(
                article_id=article_id_for("", text),
                title="",
                text=text,
                language=language or detect(text),
                source=path.name,
            )
            articles[article.article_id] = article
            ids[text] = article.article_id
        query = _text(where, row, "query")
        answerable = negatives < documents
        answers, all_of = _rgb_answers(row, counterfactual=counterfactual)
        if not (answers or all_of):
            raise DatasetError(f"{where}: there is no answer")
        questions.append(
            Question(
                id=str(row.get("id", line)),
                question=query,
                language=language or detect(query),
                kind="fact" if answerable else "absent",
                answerable=answerable,
                answers=answers if answerable else (),
                all_of=all_of if answerable else (),
                gold=tuple(Gold(ids[t]) for t in good if t in ids and answerable),
            )
        )
    return Dataset(_stem(path), _some(path, questions), tuple(articles.values()))


def _rgb_answers(
    row: Mapping[str, object], *, counterfactual: bool
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """RGB's ``answer``: a text, a list of texts that must all be there, or lists of synonyms."""
    value = row.get("fakeanswer" if counterfactual else "answer")
    if isinstance(value, list) and len(value) > 1:
        return (), tuple(tuple(_flat(item)) for item in value if _flat(item))
    return tuple(_flat(value)), ()


def load_csv(path: Path, *, language: str | None = None) -> Dataset:
    """Read a table with a header line: ``question`` and ``answers`` are required.

    Several acceptable answers are parted by ``|``. Optional columns: id, language, kind,
    answerable (yes or no; by default whether there is an answer), article, quote, note.
    Raises DatasetError, naming file and line.
    """
    questions: list[Question] = []
    seen: set[str] = set()
    reader = csv.DictReader(_read(path).splitlines(keepends=True))
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
    return Dataset(path.stem, _some(path, questions))


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


def _read(path: Path) -> str:
    try:
        if path.suffix == ".xz":
            with lzma.open(path, "rt", encoding="utf-8-sig") as file:
                return file.read()
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DatasetError(f"{path}: not UTF-8 at byte {exc.start}; save it as UTF-8") from exc
    except (OSError, lzma.LZMAError, EOFError) as exc:
        raise DatasetError(f"{path}: cannot be read: {exc}") from exc


def _json(path: Path) -> object:
    try:
        value: object = json.loads(_read(path))
    except json.JSONDecodeError as exc:
        raise DatasetError(f"{path}:{exc.lineno}: not JSON: {exc.msg}") from exc
    return value


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    # Only a line feed ends a line: str.splitlines would also cut at U+2028 inside a string.
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as exc:
            raise DatasetError(
                f"{path}:{number}: not JSON at column {exc.colno}: {exc.msg}"
            ) from exc
        if not isinstance(row, dict):
            raise DatasetError(f"{path}:{number}: expected an object {{...}}")
        yield number, row


def _stem(path: Path) -> str:
    return path.name.removesuffix(".xz").rsplit(".", 1)[0]


def _some(path: Path, questions: Sequence[Question]) -> tuple[Question, ...]:
    if not questions:
        raise DatasetError(f"{path}: no question in it")
    return tuple(questions)


def _text(where: str, row: Mapping[str, object], key: str) -> str:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and key in {"id", "_id"}:
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise DatasetError(f"{where}: {key!r} must be a text that is not empty, not {value!r}")
    return value


def _optional(where: str, row: Mapping[str, object], key: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise DatasetError(f"{where}: {key!r} must be a text, not {value!r}")
    return value or None


def _sequence(where: str, value: object, key: str) -> list[object]:
    if not isinstance(value, list):
        raise DatasetError(f"{where}: {key!r} must be a list, not {value!r}"[:300])
    return value


def _texts(where: str, value: object, key: str) -> tuple[str, ...]:
    items = _sequence(where, value, key)
    if not all(isinstance(item, str) and item.strip() for item in items):
        raise DatasetError(f"{where}: {key!r} must hold texts that are not empty, not {items!r}")
    return tuple(str(item) for item in items)


def _mapping(where: str, value: object, key: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: {key!r} must hold objects {{...}}, not {value!r}"[:300])
    return value


def _flat(value: object) -> list[str]:
    """The texts of a value that may be a text, a list of them, or lists of lists."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, list):
        return [text for item in value for text in _flat(item)]
    return [str(value)] if isinstance(value, int | float) and not isinstance(value, bool) else []
