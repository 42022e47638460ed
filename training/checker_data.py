"""Training pairs for the checker: windows that answer, windows that do not, claims true and false.

Everything here is pure and seeded: the same files and the same seed give the same pairs. What may
be trained on is decided by ``load_training``: JaQuAD train, the first 24 titles of XQuAD and the
odd ids of JNLI. The other halves are for reporting only and are refused here.
"""

from __future__ import annotations

import json
import lzma
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from konkyo.index.errors import DatasetError

__all__ = [
    "XQUAD_FITTED_TITLES",
    "XQUAD_LANGUAGES",
    "Bigrams",
    "Example",
    "Inference",
    "Paragraph",
    "Question",
    "claim_from_question",
    "corrupt",
    "hard_windows",
    "load_jnli",
    "load_squad",
    "load_training",
    "load_xquad",
    "sentence_spans",
    "tile_windows",
    "window_around",
]

XQUAD_LANGUAGES = ("en", "zh", "es", "de", "ru", "th", "ar", "tr")
XQUAD_FITTED_TITLES = 24
SUPPORTED, CONTRADICTED, NEUTRAL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Question:
    """One question and where its first answer stands in its paragraph (code points; -1: nowhere)."""

    question_id: str
    text: str
    answer: str
    answer_start: int
    answers: tuple[str, ...]
    answer_type: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of one article with its questions."""

    title: str
    text: str
    language: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Inference:
    """Does ``premise`` support ``claim``? label: 0 supported, 1 contradicted, 2 neutral."""

    premise: str
    claim: str
    label: int


@dataclass(frozen=True, slots=True)
class Example:
    """One training row.

    ``task`` is "query" or "claim"; ``span`` are code points in ``window`` or ``None`` where the
    window does not answer; ``label`` is 1/0 (answers or not) or the label of an ``Inference``.
    """

    task: str
    asked: str
    context: str
    window: str
    label: int
    span: tuple[int, int] | None = None


def load_squad(path: Path, language: str) -> list[Paragraph]:
    """Read a SQuAD 1.1 file (plain or .xz); JSQuAD's ``title [SEP] text`` is taken apart.

    Raises DatasetError naming the file where it is not such a file.
    """
    try:
        with lzma.open(path, "rt") if path.suffix == ".xz" else path.open(encoding="utf-8") as file:
            data = json.load(file)["data"]
    except (OSError, ValueError, KeyError, lzma.LZMAError) as exc:
        raise DatasetError(f"{path}: not a SQuAD 1.1 file ({exc}); check the download") from exc
    found: list[Paragraph] = []
    for article in data:
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            shift = 0
            cut = text.find(" [SEP] ")
            if cut >= 0:
                shift = cut + len(" [SEP] ")
                text = text[shift:]
            questions = tuple(
                Question(
                    qa["id"],
                    qa["question"].strip(),
                    qa["answers"][0]["text"],
                    _place(text, qa["answers"][0], shift),
                    tuple(a["text"] for a in qa["answers"]),
                    qa["answers"][0].get("answer_type", ""),
                )
                for qa in paragraph["qas"]
                if qa["answers"]
            )
            title = article["title"].replace("_", " ")
            found.append(Paragraph(title, text, language, questions))
    return found


def _place(text: str, answer: dict[str, object], shift: int) -> int:
    """Where an answer starts; one marked in the title counts where the text repeats it, else -1."""
    start = int(str(answer["answer_start"])) - shift
    return start if start >= 0 else text.find(str(answer["text"]))


def load_xquad(folder: Path, fitted: bool) -> dict[str, list[Paragraph]]:
    """XQuAD by language, the same paragraphs in the same order: first 24 titles, or the last 24."""
    found: dict[str, list[Paragraph]] = {}
    for language in XQUAD_LANGUAGES:
        paragraphs = load_squad(folder / f"xquad.{language}.json", language)
        titles = list(dict.fromkeys(p.title for p in paragraphs))
        half = titles[:XQUAD_FITTED_TITLES] if fitted else titles[XQUAD_FITTED_TITLES:]
        found[language] = [p for p in paragraphs if p.title in half]
    return found


def load_jnli(path: Path, odd: bool) -> list[Inference]:
    """JNLI pairs with odd (fitting) or even (reporting) ids."""
    labels = {"entailment": SUPPORTED, "contradiction": CONTRADICTED, "neutral": NEUTRAL}
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            if int(row["sentence_pair_id"]) % 2 == int(odd):
                found.append(Inference(row["sentence1"], row["sentence2"], labels[row["label"]]))
        except (ValueError, KeyError) as exc:
            raise DatasetError(f"{path}:{number}: not a JNLI row ({exc})") from exc
    return found


_END = re.compile(r"[。！？!?؟]+[」』）)\"”]*|(?<=[^\d\s][^\d\s])\.(?=\s|$)|(?<=\d)\.(?=\s)|\n+")
_THAI = re.compile(r"[\u0e00-\u0e7f]")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Half-open spans of the sentences of ``text``, without outer white space, none empty."""
    ends = [m.end() for m in _END.finditer(text)]
    if not ends and _THAI.search(text):
        ends = [m.end() for m in re.finditer(r"(?<=\S{30}) ", text)]
    spans = []
    start = 0
    for end in [*ends, len(text)]:
        piece = text[start:end]
        left = start + len(piece) - len(piece.lstrip())
        right = start + len(piece.rstrip())
        if right > left:
            spans.append((left, right))
        start = end
    return spans


def _weight(text: str) -> float:
    """Length of a text in units of one ideograph: letters of alphabets count 0.4."""
    wide = sum(1 for c in text if c >= "\u2e80")
    return wide + 0.4 * (len(text) - wide)


def window_around(
    text: str, start: int, end: int, target: float, rng: random.Random
) -> tuple[int, int]:
    """A run of whole sentences that holds text[start:end], grown at random sides to ``target``."""
    spans = sentence_spans(text)
    inside = [i for i, (a, b) in enumerate(spans) if a < end and b > start]
    if not inside:
        return 0, len(text)
    lo, hi = inside[0], inside[-1]
    while _weight(text[spans[lo][0] : spans[hi][1]]) < target and (lo > 0 or hi + 1 < len(spans)):
        left = lo > 0 and (hi + 1 == len(spans) or rng.random() < 0.5)
        grown = (lo - 1, hi) if left else (lo, hi + 1)
        if _weight(text[spans[grown[0]][0] : spans[grown[1]][1]]) > 1.4 * target:
            break
        lo, hi = grown
    return min(spans[lo][0], start), max(spans[hi][1], end)


def tile_windows(text: str, target: float) -> list[tuple[int, int]]:
    """Cut a text into consecutive runs of whole sentences of about ``target`` units."""
    tiles: list[tuple[int, int]] = []
    for a, b in sentence_spans(text):
        if tiles and _weight(text[tiles[-1][0] : b]) <= target:
            tiles[-1] = (tiles[-1][0], b)
        else:
            tiles.append((a, b))
    return tiles


def _terms(text: str) -> list[str]:
    """Character bigrams of wide scripts, lower-case words of the others."""
    found = []
    for run in re.findall(r"[\u0e00-\u0e7f\u2e80-\uffff]+|[^\W\u0e00-\u0e7f\u2e80-\uffff]+", text):
        if run[0] >= "\u0e00":
            found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        else:
            found.append(run.lower())
    return found


class Bigrams:
    """BM25 (k1 1.2, b 0.5) over a fixed list of texts; enough to find hard negatives."""

    def __init__(self, texts: Sequence[str]) -> None:
        from scipy.sparse import csc_matrix

        self._vocabulary: dict[str, int] = {}
        rows, columns, counts = [], [], []
        lengths = np.zeros(len(texts), np.float32)
        for i, text in enumerate(texts):
            seen: dict[int, int] = defaultdict(int)
            for term in _terms(text):
                seen[self._vocabulary.setdefault(term, len(self._vocabulary))] += 1
                lengths[i] += 1
            for column, count in seen.items():
                rows.append(i)
                columns.append(column)
                counts.append(count)
        count_array = np.array(counts, np.float32)
        row_array = np.array(rows)
        column_array = np.array(columns)
        df = np.bincount(column_array, minlength=len(self._vocabulary))
        idf = np.log(1 + (len(texts) - df + 0.5) / (df + 0.5)).astype(np.float32)
        norm = 1.2 * (0.5 + 0.5 * lengths / max(float(lengths.mean()), 1.0))
        weights = idf[column_array] * count_array * 2.2 / (count_array + norm[row_array])
        self._matrix = csc_matrix(
            (weights, (row_array, column_array)), shape=(len(texts), len(self._vocabulary))
        )

    def scores(self, query: str) -> npt.NDArray[np.float32]:
        """One score a text, shape (texts,)."""
        found = [self._vocabulary[t] for t in set(_terms(query)) if t in self._vocabulary]
        if not found:
            return np.zeros(self._matrix.shape[0], np.float32)
        return np.asarray(self._matrix[:, found].sum(axis=1), np.float32).ravel()

    def top(self, query: str, k: int) -> list[int]:
        """The k best texts, best first."""
        scores = self.scores(query)
        k = min(k, len(scores))
        best = np.argpartition(-scores, k - 1)[:k]
        return [int(i) for i in best[np.argsort(-scores[best], kind="stable")]]


def _overlap(question: str, window: str) -> float:
    asked = set(_terms(question))
    return len(asked & set(_terms(window))) / max(1, len(asked))


def hard_windows(
    question: Question,
    own: Paragraph,
    near: Sequence[str],
    far: Sequence[str],
    rng: random.Random,
    count: int,
) -> list[str]:
    """Windows that look like they answer but do not hold an answer string.

    ``near`` are other paragraphs of the same article, ``far`` the lexically best of other
    articles. One comes from the own paragraph's other sentences where there are any.
    """
    gold = tuple(a for a in question.answers if a)

    def clean(text: str) -> bool:
        return not any(a in text for a in gold)

    def pick(text: str) -> str | None:
        tiles = [text[a:b] for a, b in tile_windows(text, rng.choice((50, 90, 140, 200)))]
        usable = [t for t in tiles if clean(t) and len(t) > 12]
        if not usable:
            return None
        if rng.random() < 0.7:
            return max(usable, key=lambda t: _overlap(question.text, t))
        return rng.choice(usable)

    sources: list[str] = []
    spans = [
        (a, b)
        for a, b in sentence_spans(own.text)
        if b <= question.answer_start or a >= question.answer_start + len(question.answer)
    ]
    if spans and rng.random() < 0.6:
        before = own.text[: question.answer_start]
        cut = max((b for _, b in sentence_spans(before)[:-1]), default=0)
        after = next((a for a, _ in spans if a > question.answer_start), len(own.text))
        sources.append(max(own.text[:cut], own.text[after:], key=len))
    both = [*[(t, 1) for t in near], *[(t, 2) for t in far]]
    rng.shuffle(both)
    sources += [t for t, _ in both]
    found: list[str] = []
    for text in sources:
        window = pick(text)
        if window is not None and window not in found:
            found.append(window)
        if len(found) == count:
            break
    return found


# --- claims -----------------------------------------------------------------------------------

_JA_WHAT = re.compile(
    r"(?:何という名前の|なんという名前の|何という|なんという|どのような|どんな|どの|誰が|だれが|どこで|どこに|どこ|誰|だれ|いつ|何年何月何日|何年何月|何月何日"
    r"|何年|何月|何日|何人|何歳|何回|何個|何パーセント|何%|何メートル|いくつ|いくら|どれくらい|どのくらい|何|なに)"
)
_JA_TAIL = re.compile(
    r"(?:のでしょうか|でしょうか|ですか|ますか|のか|か|かな|(?<![?？。]))[?？。]*+$"
)
_ZH_WHAT = re.compile(
    r"(?:哪一年|哪年|什么时候|何时|多少|几|谁|什么|哪里|哪个国家|哪个|哪位|哪些|哪)"
)
_EN_WHO = re.compile(
    r"^(?:who\s+(?!(?:did|do|does)\b)|(?:which \w+|what(?: \w+)?)\s+"
    r"(?=(?:was|is|were|are|has|had|\w+ed|\w+s)\b))",
    re.I,
)


def claim_from_question(question: str, answer: str, language: str) -> str:
    """Put an answer where the question asks: "誰が建てたか" + "父" = "父が建てた".

    Where no rule fits, question and answer simply follow each other; the checker sees both forms.
    """
    if language == "ja" and _JA_WHAT.search(question):
        asked = _JA_TAIL.sub("", question)
        hits = list(_JA_WHAT.finditer(asked))
        if hits:
            hit = hits[-1]
            kept = hit.group()[-1] if hit.group() in ("誰が", "だれが", "どこで", "どこに") else ""
            stem = asked[: hit.start()] + answer + kept + asked[hit.end() :]
            if re.search(r"(?:[すたるい])$", stem):
                return stem + "。"
            return stem + ("です。" if len(question) % 2 else "である。")
    if language == "zh":
        asked = question.rstrip("?？。呢吗")
        if _ZH_WHAT.search(asked):
            return _ZH_WHAT.sub(lambda _: answer, asked, count=1) + "。"
    if language == "en" and _EN_WHO.match(question):
        return _EN_WHO.sub(lambda _: answer + " ", question).rstrip("? ") + "."
    return f"{question} {answer}"


_NUMBER = re.compile(r"[0-9０-９]+(?:[.,，．][0-9０-９]+)*")
_KANJI_NUMBER = re.compile(
    r"[一二三四五六七八九十](?=(?:人|年|月|日|回|つ|本|位|番|代|世|度|種|個|か|ヶ|カ))"
)
_KATAKANA = re.compile(r"[ァ-ヴー・]{3,}")
_CAPITALISED = re.compile(r"(?<=[a-zà-ÿа-я,] )[A-ZÀ-ÝА-Я][\w’'-]{2,}(?: [A-ZÀ-ÝА-Я][\w’'-]+)*")
_NEGATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "ja": (
        ("ではない。", "である。"),
        ("ではなかった。", "であった。"),
        ("していない", "している"),
        ("しなかった", "した"),
        ("なかった。", "あった。"),
        ("できない", "できる"),
        ("されている", "されていない"),
        ("されていた", "されていなかった"),
        ("されない", "される"),
        ("された。", "されなかった。"),
        ("している。", "していない。"),
        ("していた。", "していなかった。"),
        ("ている。", "ていない。"),
        ("ていた。", "ていなかった。"),
        ("となった。", "とならなかった。"),
        ("なった。", "ならなかった。"),
        ("した。", "しなかった。"),
        ("であった。", "ではなかった。"),
        ("だった。", "ではなかった。"),
        ("である。", "ではない。"),
        ("があった。", "はなかった。"),
        ("がある。", "はない。"),
        ("いた。", "いなかった。"),
        ("れた。", "れなかった。"),
        ("する。", "しない。"),
        ("れる。", "れない。"),
        ("ました。", "ませんでした。"),
        ("ます。", "ません。"),
        ("です。", "ではありません。"),
        ("できる", "できない"),
    ),
    "zh": (
        ("不是", "是"),
        ("没有", "有"),
        ("不会", "会"),
        ("不能", "能"),
        ("是", "不是"),
        ("可以", "不可以"),
        ("已经", "没有"),
        ("会", "不会"),
        ("有", "没有"),
        ("成为", "没有成为"),
        ("获得", "没有获得"),
    ),
    "en": (
        (" did not ", " did "),
        (" was not ", " was "),
        (" is not ", " is "),
        (" are not ", " are "),
        (" were not ", " were "),
        (" cannot ", " can "),
        (" never ", " "),
        (" no longer ", " still "),
        (" was ", " was not "),
        (" were ", " were not "),
        (" is ", " is not "),
        (" are ", " are not "),
        (" has ", " has not "),
        (" had ", " had not "),
        (" can ", " cannot "),
        (" could ", " could not "),
        (" will ", " will not "),
        (" would ", " would not "),
        (" have ", " have not "),
    ),
    "es": (
        (" no ", " "),
        (" fue ", " no fue "),
        (" es ", " no es "),
        (" era ", " no era "),
        (" son ", " no son "),
        (" ha ", " no ha "),
        (" había ", " no había "),
        (" tiene ", " no tiene "),
        (" puede ", " no puede "),
        (" fueron ", " no fueron "),
        (" se ", " no se "),
    ),
    "de": (
        (" nicht ", " "),
        (" kein ", " ein "),
        (" keine ", " eine "),
        (" wurde ", " wurde nicht "),
        (" ist ", " ist nicht "),
        (" war ", " war nicht "),
        (" sind ", " sind nicht "),
        (" hat ", " hat nicht "),
        (" kann ", " kann nicht "),
        (" waren ", " waren nicht "),
    ),
    "ru": (
        (" не ", " "),
        (" был ", " не был "),
        (" была ", " не была "),
        (" было ", " не было "),
        (" были ", " не были "),
        (" является ", " не является "),
        (" может ", " не может "),
        (" имеет ", " не имеет "),
    ),
    "tr": ((" değildir", "dir"), ("mıştır", "mamıştır"), ("miştir", "memiştir")),
    "ar": ((" ليس ", " "), (" كان ", " لم يكن "), (" كانت ", " لم تكن ")),
    "th": (("ไม่ได้", "ได้"), ("เป็น", "ไม่เป็น"), ("มี", "ไม่มี"), ("ได้", "ไม่ได้")),
}


def _other_number(text: str, others: Sequence[str], rng: random.Random) -> str:
    plain = text.translate(str.maketrans("０１２３４５６７８９．，", "0123456789.,"))
    swaps = [o for o in others if o != text and abs(len(o) - len(text)) <= 1]
    if swaps and rng.random() < 0.4:
        return rng.choice(swaps)
    digits = plain.replace(",", "")
    kind = rng.random()
    if digits.isdigit() and kind < 0.55:
        value = int(digits)
        step = rng.choice((1, 1, 2, 3, 5, 10)) if value > 12 else rng.choice((1, 2, 3))
        changed = value + step if value <= step or rng.random() < 0.5 else value - step
        return f"{changed:,}" if "," in plain else str(changed)
    if digits.isdigit() and kind < 0.65 and len(digits) < 4:
        return plain + "0"
    places = [i for i, c in enumerate(plain) if c.isdigit()]
    place = rng.choice(places)
    fresh = rng.choice([d for d in "123456789" if d != plain[place]])
    return plain[:place] + fresh + plain[place + 1 :]


def corrupt(
    claim: str, language: str, passage: str, names: Sequence[str], rng: random.Random
) -> str | None:
    """Make a claim false by one small change: number, date, name or negation; ``None``: no handle.

    ``names`` are interchangeable strings of the same kind from the same article.
    """
    ways = ["number", "name", "negation"]
    rng.shuffle(ways)
    if rng.random() < 0.35 and _NUMBER.search(claim):
        ways.insert(0, "number")
    for way in ways:
        changed: str | None = None
        if way == "number":
            hits = [*_NUMBER.finditer(claim), *_KANJI_NUMBER.finditer(claim)]
            if hits:
                hit = rng.choice(hits)
                if hit.group() in "一二三四五六七八九十":
                    fresh = rng.choice([k for k in "一二三四五六七八九" if k != hit.group()])
                else:
                    fresh = _other_number(hit.group(), _NUMBER.findall(passage), rng)
                changed = claim[: hit.start()] + fresh + claim[hit.end() :]
        elif way == "name":
            known = [n for n in names if n in claim and len(n) > 1]
            pattern = _KATAKANA if language == "ja" else _CAPITALISED
            runs = [m.group() for m in pattern.finditer(claim)]
            inside = [*known, *runs]
            if inside:
                old = rng.choice(inside)
                pool = names if old in known else [*pattern.findall(passage), *names]
                fitting = [
                    n
                    for n in pool
                    if n not in claim
                    and old not in n
                    and bool(_NUMBER.search(n)) is bool(_NUMBER.search(old))
                ]
                if fitting:
                    changed = claim.replace(old, rng.choice(fitting))
        else:
            table = _NEGATIONS.get(language, ())
            hits2 = [(a, b) for a, b in table if a in claim]
            if hits2:
                old, new = hits2[0] if rng.random() < 0.6 else rng.choice(hits2)
                at = claim.rfind(old)
                changed = claim[:at] + new + claim[at + len(old) :]
        if changed is not None and changed != claim and changed not in passage:
            return changed
    return None


def _shorten(sentence: str, rng: random.Random) -> str:
    """Drop a leading adverbial part up to the first comma, sometimes."""
    for mark in ("、", "，", ", "):
        head, found, tail = sentence.partition(mark)
        if found and 3 <= len(head) <= len(tail) and rng.random() < 0.5:
            return tail[:1].upper() + tail[1:]
    return sentence


# --- rows -------------------------------------------------------------------------------------


class _Corpus:
    """Paragraphs with their neighbours and their lexically nearest strangers."""

    def __init__(self, paragraphs: Sequence[Paragraph]) -> None:
        self.paragraphs = paragraphs
        self.by_title: dict[str, list[int]] = defaultdict(list)
        self.names: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for i, p in enumerate(paragraphs):
            self.by_title[p.title].append(i)
            for q in p.questions:
                self.names[p.title][q.answer_type].append(q.answer)
        self.lexical = Bigrams([p.text for p in paragraphs])

    def negatives(
        self, index: int, question: Question, rng: random.Random, count: int
    ) -> list[str]:
        own = self.paragraphs[index]
        top = [i for i in self.lexical.top(question.text, 12) if i != index]
        near = [i for i in top if self.paragraphs[i].title == own.title][:3]
        if not near:
            siblings = [i for i in self.by_title[own.title] if i != index]
            near = rng.sample(siblings, min(1, len(siblings)))
        far = [i for i in top if self.paragraphs[i].title != own.title][:4]
        return hard_windows(
            question,
            own,
            [self.paragraphs[i].text for i in near],
            [self.paragraphs[i].text for i in far],
            rng,
            count,
        )

    def names_like(self, index: int, kind: str) -> list[str]:
        return self.names[self.paragraphs[index].title][kind]


def _context(title: str, rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.5:
        return ""
    if kind < 0.85:
        return title
    return f"{title} {rng.randint(1995, 2026)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _target(rng: random.Random) -> float:
    return float(40 * (270 / 40) ** rng.random())


def _positive(p: Paragraph, q: Question, rng: random.Random) -> tuple[str, tuple[int, int]]:
    end = q.answer_start + len(q.answer)
    a, b = window_around(p.text, q.answer_start, end, _target(rng), rng)
    return p.text[a:b], (q.answer_start - a, end - a)


def _false_premise(
    q: Question, window: str, names: Sequence[str], rng: random.Random
) -> str | None:
    """The question with a year, number or name changed that the window does mention."""
    for hit in _NUMBER.finditer(q.text):
        if hit.group() in window and len(hit.group()) > 1:
            fresh = _other_number(hit.group(), [], rng)
            if fresh not in window:
                return q.text[: hit.start()] + fresh + q.text[hit.end() :]
    inside = [n for n in names if len(n) > 2 and n in q.text and n in window]
    outside = [n for n in names if n not in window and n not in q.text and len(n) > 2]
    if inside and outside:
        return q.text.replace(inside[0], rng.choice(outside))
    return None


def _question_rows(
    corpus: _Corpus, index: int, q: Question, rng: random.Random, negatives: float
) -> Iterator[Example]:
    p = corpus.paragraphs[index]
    window, span = _positive(p, q, rng)
    context = _context(p.title, rng)
    yield Example("query", q.text, context, window, 1, span)
    count = int(negatives) + (rng.random() < negatives % 1)
    if rng.random() < 0.3:
        names = corpus.names_like(index, "Person") + corpus.names_like(index, "Location")
        asked = _false_premise(q, window, names, rng)
        if asked is not None:
            yield Example("query", asked, context, window, 0)
            count -= 1
    for other in corpus.negatives(index, q, rng, max(count, 0)):
        yield Example("query", q.text, context if rng.random() < 0.7 else "", other, 0)


def _claim_rows(corpus: _Corpus, index: int, rng: random.Random) -> Iterator[Example]:
    """A supported claim, a corrupted twin and a sentence of elsewhere, over one window."""
    p = corpus.paragraphs[index]
    spans = sentence_spans(p.text)
    if not spans:
        return
    q = rng.choice(p.questions) if p.questions else None
    context = _context(p.title, rng)
    kind = rng.random()
    if q is not None and kind < 0.5:
        window, _ = _positive(p, q, rng)
        kin = [n for n in corpus.names_like(index, q.answer_type) if n != q.answer]
        claim = claim_from_question(q.text, q.answer, p.language)
        yield Example("claim", claim, context, window, SUPPORTED)
        wrong = [n for n in kin if n not in q.answers and n not in q.text and q.answer not in n]
        if wrong and rng.random() < 0.6:
            false = claim_from_question(q.text, rng.choice(wrong), p.language)
            yield Example("claim", false, context, window, CONTRADICTED)
        else:
            twin = corrupt(claim, p.language, window, kin, rng)
            if twin is not None:
                yield Example("claim", twin, context, window, CONTRADICTED)
        if rng.random() < 0.5:
            others = corpus.negatives(index, q, rng, 1)
            for other in others:
                yield Example("claim", claim, context, other, NEUTRAL)
        return
    a, b = rng.choice(spans)
    sentence = p.text[a:b]
    if not 8 <= _weight(sentence) <= 160:
        return
    lo, hi = window_around(p.text, a, b, _target(rng), rng)
    window = p.text[lo:hi]
    claim = _shorten(sentence, rng)
    if rng.random() < 0.25:
        more = [s for s in sentence_spans(window) if window[s[0] : s[1]] != sentence]
        if more:
            c, d = rng.choice(more)
            claim = claim + ("" if p.language in ("ja", "zh") else " ") + window[c:d]
    yield Example("claim", claim, context, window, SUPPORTED)
    kinds = corpus.names[p.title]
    names = [n for k in ("Person", "Location", "Organization", "Object", "") for n in kinds[k]]
    twin = corrupt(claim, p.language, window, names, rng)
    if twin is not None:
        yield Example("claim", twin, context, window, CONTRADICTED)
    if rng.random() < 0.5:
        siblings = [i for i in corpus.by_title[p.title] if i != index]
        if siblings:
            other = corpus.paragraphs[rng.choice(siblings)].text
            c, d = rng.choice(sentence_spans(other))
            if other[c:d] not in window:
                stray = other[c:d]
                if rng.random() < 0.3:
                    stray = claim + ("" if p.language in ("ja", "zh") else " ") + stray
                yield Example("claim", stray, context, window, NEUTRAL)


def _cross_rows(
    half: dict[str, list[Paragraph]], corpora: dict[str, _Corpus], rng: random.Random, index: int
) -> Iterator[Example]:
    """Ask in one language, read in another; claim in one language, evidence in another."""
    ask, read = rng.sample(XQUAD_LANGUAGES, 2)
    if rng.random() < 0.5:
        ask = rng.choice(("zh", "en"))
        read = rng.choice([x for x in ("zh", "en", "es", "de") if x != ask])
    asked, told = half[ask][index], half[read][index]
    for qa, qt in zip(asked.questions, told.questions, strict=True):
        if rng.random() < 0.5:
            continue
        window, span = _positive(told, qt, rng)
        yield Example("query", qa.text, _context(told.title, rng), window, 1, span)
        for other in corpora[read].negatives(index, qt, rng, 1):
            yield Example("query", qa.text, _context(told.title, rng), other, 0)
    here, there = sentence_spans(asked.text), sentence_spans(told.text)
    if len(here) == len(there) and len(here) > 1:
        i = rng.randrange(len(here))
        claim = asked.text[here[i][0] : here[i][1]]
        a, b = window_around(told.text, *there[i], _target(rng), rng)
        window = told.text[a:b]
        yield Example("claim", claim, _context(told.title, rng), window, SUPPORTED)
        names = corpora[ask].names_like(index, "")
        twin = corrupt(claim, ask, asked.text, names, rng)
        if twin is not None:
            yield Example("claim", twin, _context(told.title, rng), window, CONTRADICTED)
        away = [j for j in range(len(there)) if j != i]
        c, d = there[rng.choice(away)]
        if rng.random() < 0.5 and not (a <= there[i][0] and there[i][1] <= b and a <= c and d <= b):
            yield Example("claim", claim, _context(told.title, rng), told.text[c:d], NEUTRAL)


def load_training(
    folder: Path, seed: int, claims: int = 1, negatives: float = 1.25
) -> tuple[list[Example], list[Example]]:
    """All training rows in a seeded order, and the rows of 24 held-out JaQuAD titles.

    ``claims`` is how many times claims are drawn; above 1 (the second stage) every fourth question
    is kept. The held-out titles serve to watch the training and to fit the calibration.
    """
    paragraphs = load_squad(folder / "jaquad-train-0.1.0.json.xz", "ja")
    titles = list(dict.fromkeys(p.title for p in paragraphs))
    held_titles = set(titles[-24:])
    corpus = _Corpus(paragraphs)
    rows: list[Example] = []
    held: list[Example] = []
    for index, p in enumerate(paragraphs):
        rng = random.Random(f"{seed}/ja/{index}")
        bag = held if p.title in held_titles else rows
        for q in p.questions:
            if claims == 1 or bag is held or rng.random() < 0.25:
                bag += _question_rows(corpus, index, q, rng, negatives)
        for _ in range(1 if bag is held else claims):
            bag += _claim_rows(corpus, index, rng)
    half = load_xquad(folder, fitted=True)
    corpora = {language: _Corpus(half[language]) for language in XQUAD_LANGUAGES}
    for language in XQUAD_LANGUAGES:
        for index, p in enumerate(half[language]):
            rng = random.Random(f"{seed}/{language}/{index}")
            major = language in ("en", "zh")
            for q in p.questions:
                if major or rng.random() < 0.5 / claims:
                    rows += _question_rows(corpora[language], index, q, rng, 1.0)
            for _ in range((4 if major else 2) * claims):
                rows += _claim_rows(corpora[language], index, rng)
    for index in range(len(half["en"])):
        rng = random.Random(f"{seed}/cross/{index}")
        for _ in range(14):
            rows += _cross_rows(half, corpora, rng, index)
    for pair in load_jnli(folder / "jnli-valid-v1.3.json", odd=True):
        rows += [Example("claim", pair.claim, "", pair.premise, pair.label)] * claims
    random.Random(f"{seed}/order").shuffle(rows)
    return rows, held
