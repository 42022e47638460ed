"""What the training rows are made of: each set keeps to its half, and each row says what is so."""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from konkyo.index.errors import DatasetError
from konkyo.rag.reading.protocol import Reading
from training import sources
from training.corruption import claim_from_question, corrupt, question_from_claim
from training.hard_negatives import Asked, misleading_rows
from training.mixture import Inputs, counts, held_rows, mixture
from training.negatives import Encoders, Lexical, cached_vectors, holds_answer, nearest
from training.news import load_clusters, load_ntrex, ntrex_clusters, part_of
from training.news_rows import (
    Drawn,
    claim_rows,
    news_windows,
    parallel_claim_rows,
    question_rows,
    together,
    yes_or_no_rows,
)
from training.rows import (
    ANSWERS,
    CONTRADICTED,
    NEUTRAL,
    SILENT,
    SUPPORTED,
    Row,
    read_rows,
    write_rows,
)
from training.sources import Paragraph, Question
from training.squad_rows import Corpus, squad_rows
from training.windows import Cutter, about, within

PASSAGE = "首相は7日、東京で会見した。費用は5,500億円だと述べた。反対の声もある。"


def _count(texts: Sequence[str]) -> list[int]:
    """One token a character: enough to cut by."""
    return [len(t) for t in texts]


CUTTER = Cutter(_count)


class HashEncoder:
    """Vectors that depend on the text alone."""

    fingerprint = "hash"

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        rows = [np.random.default_rng(len(t)).normal(size=8) for t in texts]
        return np.array(rows, np.float32)

    passages = queries


HASHED = Encoders(HashEncoder(), HashEncoder())


def _cluster(folder: Path, name: str) -> None:
    """A small cluster: the answer in one article, its figure repeated in another."""
    texts = {
        "ja": "港湾局は3日、港を閉じた。\n\n損害は42億円に上る。局長は佐久間修氏だ。",
        "en": "The port was closed on Tuesday.\n\nDamage is put at 42 units by the bureau. "
        "Ships wait outside. Nobody was hurt in the storm.",
    }
    articles = [
        {
            "id": f"{name}-{i}",
            "language": language,
            "outlet": "x",
            "published": "2026-01-03",
            "title": f"title {language}",
            "text": text,
        }
        for i, (language, text) in enumerate(texts.items())
    ]
    content = {
        "cluster": name,
        "topic": "x",
        "articles": articles,
        "questions": _questions(name),
        "claims": [
            {
                "article": f"{name}-0",
                "quote": "損害は42億円に上る。",
                "language": "en",
                "text": "The damage is 4.2 billion yen.",
                "label": label,
                "change": "none",
            }
            for label in ("supported", "contradicted", "unsupported")
        ],
    }
    (folder / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _questions(name: str) -> list[dict[str, object]]:
    four = ("ja", "en", "ko", "zh")
    return [
        {
            "id": f"{name}-q1",
            "kind": "number",
            "ask": {x: f"damage? {x}" for x in four},
            "gold": [{"article": f"{name}-0", "quote": "損害は42億円に上る。", "answer": "42億円"}],
            "short": dict.fromkeys(four, "42億円"),
        },
        {
            "id": f"{name}-q2",
            "kind": "absent",
            "ask": {x: f"who was fined? {x}" for x in four},
            "gold": [],
        },
        {
            "id": f"{name}-q3",
            "kind": "premise",
            "ask": {x: f"how many were hurt? {x}" for x in four},
            "gold": [
                {
                    "article": f"{name}-1",
                    "quote": "Nobody was hurt in the storm.",
                    "answer": "Nobody was hurt",
                }
            ],
            "short": dict.fromkeys(four, "nobody"),
        },
    ]


# --- news ---------------------------------------------------------------------------------------


def test_the_number_of_a_cluster_says_what_it_is_for() -> None:
    assert [part_of(x) for x in ("A03", "B07", "K11", "E15")] == ["dev"] * 4
    assert part_of("A09") == "held"
    assert [part_of(x) for x in ("A01", "L13", "F04")] == ["train"] * 3
    with pytest.raises(DatasetError, match="no number"):
        part_of("final")


def test_clusters_of_several_folders_are_read_once_and_by_part(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    for folder, name in ((one, "A01"), (one, "A03"), (two, "A01"), (two, "B02"), (two, "B09")):
        _cluster(folder, name)
    assert [c.cluster_id for c in load_clusters([one, two], "train")] == ["A01", "B02"]
    assert [c.cluster_id for c in load_clusters([one, two], "dev")] == ["A03"]
    assert [c.cluster_id for c in load_clusters([one, two], "held")] == ["B09"]


def test_a_broken_cluster_is_named(tmp_path: Path) -> None:
    (tmp_path / "A01.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"A01\.json"):
        load_clusters([tmp_path], "train")


def test_rows_of_a_cluster_say_what_its_articles_say(tmp_path: Path) -> None:
    _cluster(tmp_path, "A01")
    (cluster,) = load_clusters([tmp_path], "train")
    rows = [
        row
        for seed in range(20)
        for row in question_rows(cluster, CUTTER, {}, random.Random(seed), "news")
    ]
    answered = [r for r in rows if r.task == "query" and r.label == ANSWERS]
    silent = [r for r in rows if r.task == "query" and r.label == SILENT]
    assert {r.window[slice(*r.spans[0])] for r in answered} == {"42億円"}
    assert all("damage" in r.asked for r in answered)
    assert {r.asked[-2:] for r in answered} == {"ja", "en", "ko", "zh"}
    assert all(r.twin and r.twin != r.asked for r in answered)
    # The other article repeats the figure, so it is neither an answer nor surely silent.
    assert not any("damage?" in r.asked and "42" in r.window for r in silent)
    assert any("hurt" in r.asked and "Nobody" in r.window for r in silent)
    assert {r.label for r in rows if r.task == "claim" and "hurt" in r.asked} == {CONTRADICTED}


def test_claims_of_a_cluster_are_over_their_quotes(tmp_path: Path) -> None:
    _cluster(tmp_path, "A01")
    (cluster,) = load_clusters([tmp_path], "train")
    rows = [
        row
        for seed in range(20)
        for row in claim_rows(cluster, CUTTER, random.Random(seed), "news")
    ]
    assert {r.label for r in rows} == {SUPPORTED, CONTRADICTED, NEUTRAL}
    said = [r for r in rows if r.label in (SUPPORTED, CONTRADICTED)]
    assert all("損害は42億円に上る。" in r.window for r in said)
    for row in rows:
        for start, end, value in row.marks:
            assert 0 <= start < end <= len(row.asked)
            assert value in (0, 1)


def test_windows_of_other_stories_are_silent(tmp_path: Path) -> None:
    for name in ("A01", "B02"):
        _cluster(tmp_path, name)
    first, second = load_clusters([tmp_path], "train")
    far = news_windows(second, CUTTER)
    mined = {(q.question_id, x): far for q in first.questions for x in ("ja", "en", "ko", "zh")}
    rows = [
        row
        for seed in range(20)
        for row in question_rows(first, CUTTER, mined, random.Random(seed), "news")
    ]
    plain = [
        row
        for seed in range(20)
        for row in question_rows(first, CUTTER, {}, random.Random(seed), "news")
    ]
    silent = [
        [r for r in some if r.task == "query" and r.label == SILENT] for some in (rows, plain)
    ]
    asked = 20 * 4 * len(first.questions)
    assert len(silent[0]) - len(silent[1]) >= min(2, len(far)) * asked * 0.9


@dataclass(frozen=True)
class _Read:
    """A reading without a place."""

    probability: float
    start: int = 0
    end: int = 0
    places: Sequence[tuple[int, int]] = ()


class LengthReader:
    """Takes a window for an answer the more, the shorter it is."""

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> Sequence[Reading]:
        return [_Read(100 / (100 + len(w))) for w in windows]


def test_the_windows_that_mislead_a_reader_are_those_it_holds_likeliest(tmp_path: Path) -> None:
    for name in ("A01", "A02"):
        _cluster(tmp_path, name)
    first, second = load_clusters([tmp_path], "train")
    far = news_windows(second, CUTTER, budget=24)
    near = [w for x in ("ja", "en") for w in [w for w in far if w.article.language == x][:2]]
    assert len(near) < len(far)
    for question in first.questions:
        asked = Asked(question, "en", question.ask["ja"])
        drawn = Drawn(first, CUTTER, random.Random(3))
        rows = list(misleading_rows(asked, drawn, far, LengthReader()))
        answering, silent = drawn.split(question)
        if question.kind == "premise":
            silent, answering = [*silent, *(w for w, _ in answering)], []
        misleading = sorted((w.window.text for w in (*silent, *near)), key=len)[:3]
        assert sorted((r.window for r in rows if r.label == SILENT), key=len) == misleading
        assert len([r for r in rows if r.label == ANSWERS]) == min(2, len(answering))
        assert {r.twin for r in rows} == {question.ask["ja"]}


def test_a_claim_as_a_question_is_answered_by_its_quote(tmp_path: Path) -> None:
    _cluster(tmp_path, "A01")
    (cluster,) = load_clusters([tmp_path], "train")
    rows = [
        row
        for seed in range(20)
        for row in yes_or_no_rows(cluster, CUTTER, random.Random(seed), "news")
    ]
    answered = [r for r in rows if r.label == ANSWERS]
    assert {r.window[slice(*r.spans[0])] for r in answered} == {"損害は42億円に上る。"}
    assert {r.task for r in rows} == {"query"}


@pytest.mark.parametrize(
    ("claim", "language", "beginning"),
    [
        ("橋は1934年に完成した。", "ja", "橋は1934年に完成した"),
        ("知事は元記者だ。", "ja", "知事は元記者な"),
        ("租约为期两年。", "zh", "租约为期两年"),
        ("시는 버스를 늘렸다.", "ko", "시는 버스를 늘렸나"),
        ("시는 버스를 늘린다.", "ko", "시는 버스를 늘리나"),
        ("도는 이를 먹는다.", "ko", "도는 이를 먹나"),
    ],
)
def test_a_statement_becomes_a_question_by_its_ending(
    claim: str, language: str, beginning: str
) -> None:
    for seed in range(8):
        asked = question_from_claim(claim, language, random.Random(seed))
        assert asked is not None
        assert asked.startswith(beginning)


def test_a_statement_of_no_known_ending_is_left() -> None:
    assert question_from_claim("이것은 크다.", "ko", random.Random(1)) is None
    assert question_from_claim("Das ist so.", "de", random.Random(1)) is None


def test_parallel_news_has_each_answer_in_each_language(tmp_path: Path) -> None:
    languages = ("ja", "en", "ko", "zh", "es", "de", "fr", "ru", "ar", "th", "vi")
    lines = [{x: f"{x} title" for x in languages}, {x: f"{x} says 42 now." for x in languages}]
    question = {
        "id": "d-q1",
        "kind": "number",
        "ask": {x: f"how many {x}" for x in languages[:4]},
        "gold": [{"line": 1, "answer": dict.fromkeys(languages[:4], "42")}],
        "short": dict.fromkeys(languages[:4], "42"),
    }
    claim = {
        "id": "d-c1",
        "lines": [0, 1],
        "label": "contradicted",
        "change": "negation",
        "text": {x: f"{x} denied" for x in languages[:4]},
    }
    told = {"doc": "d", "questions": [question], "claims": [claim]}
    (tmp_path / "d.json").write_text(json.dumps(told))
    (cluster,) = ntrex_clusters({"d": lines}, tmp_path)
    assert {(c.quote[0], c.language) for c in cluster.claims} == {
        (f"d-{told}", spoken) for told in languages[:4] for spoken in languages[:4]
    }
    for one in cluster.claims:
        article_id, start, end = one.quote
        text = cluster.article(article_id).text[start:end]
        assert text == f"{article_id[2:]} title\n{article_id[2:]} says 42 now."
    assert [a.language for a in cluster.articles] == ["ja", "en", "ko", "zh"]
    for article_id, start, end in cluster.questions[0].places:
        assert cluster.article(article_id).text[start:end] == "42"
    assert len(cluster.questions[0].places) == 4
    told = {wording for line in lines for wording in line.values()}
    told |= {
        together(one[x], two[x], x)[0] for one, two in permutations(lines, 2) for x in languages
    }
    seen = set()
    for seed in range(60):
        for row in parallel_claim_rows(lines, random.Random(seed), 1.0, "x"):
            seen.add(row.label)
            if row.label in (SUPPORTED, NEUTRAL):
                assert row.asked in told
            for start, end, value in row.marks:
                if value:
                    assert row.asked[start:end] not in ("", row.asked)
    assert seen == {SUPPORTED, CONTRADICTED, NEUTRAL}


# --- reading sets -------------------------------------------------------------------------------


def test_windows_are_whole_sentences_of_the_text() -> None:
    windows = CUTTER.cut(PASSAGE, "ja", 20)
    assert len(windows) > 1
    for window in windows:
        assert PASSAGE[window.start : window.end] == window.text
        assert window.text.endswith("。")
    at = PASSAGE.index("5,500億円")
    ((window, (span,)),) = within(windows, [(at, at + 7)])
    assert window.text[slice(*span)] == "5,500億円"


def test_context_is_title_and_day() -> None:
    assert about("題", "2026-01-02") == "題 (2026-01-02)"
    assert about("題", "") == "題"
    assert about("", "2026-01-02") == ""


def test_silent_windows_never_hold_the_answer() -> None:
    at = PASSAGE.index("5,500億円")
    question = Question("1", "費用はいくらですか", (at, at + 7), ("5,500億円",))
    others = [
        Paragraph("件", "費用は示されなかったという。議論は続く。", "ja", ()),
        Paragraph("別", "費用をめぐる声がある。まだ決まらない。", "ja", ()),
    ]
    corpus = Corpus([Paragraph("件", PASSAGE, "ja", (question,)), *others], CUTTER)
    for seed in range(20):
        rows = list(squad_rows(corpus, random.Random(seed), "x", negatives=2.0))
        answered = [r for r in rows if r.task == "query" and r.label == ANSWERS]
        assert [r.window[slice(*r.spans[0])] for r in answered] == ["5,500億円"]
        for row in rows:
            if row.task == "query" and row.label == SILENT and row.asked == question.text:
                assert "5,500億円" not in row.window


def test_an_unanswerable_question_gives_no_answering_row() -> None:
    corpus = Corpus([Paragraph("件", PASSAGE, "ja", (Question("1", "誰?", None, ()),))], CUTTER)
    assert {r.label for r in squad_rows(corpus, random.Random(1), "x")} == {SILENT}


def test_a_corrupted_claim_differs_where_it_says() -> None:
    claim = "首相は7日、東京で会見した。"
    for seed in range(60):
        change = corrupt(claim, "ja", PASSAGE, ["東京", "大阪"], random.Random(seed))
        assert change is not None
        assert change.text != claim
        assert change.text not in PASSAGE
        assert change.text[: change.start] == claim[: change.start]
        rest = change.text[change.end :]
        assert claim.endswith(rest)


@pytest.mark.parametrize(
    ("question", "answer", "language", "claim"),
    [
        ("この橋は誰が建てたか", "父", "ja", "この橋は父が建てた。"),
        ("黑豹队的防守丢了多少分？", "308", "zh", "黑豹队的防守丢了308分。"),
        ("Who wrote the book?", "Ann", "en", "Ann wrote the book."),
        ("¿Quién?", "Ana", "es", "¿Quién? Ana"),
    ],
)
def test_an_answer_takes_the_place_of_the_question_word(
    question: str, answer: str, language: str, claim: str
) -> None:
    made = claim_from_question(question, answer, language)
    assert made.text == claim
    assert made.text[made.start : made.end].startswith(answer)


def test_an_answers_figure_in_other_words_counts_as_the_answer() -> None:
    assert holds_answer("about 1,200 people", ("1200人",))
    assert holds_answer("ＡＢＣ社が受注", ("ABC社",))
    assert not holds_answer("about 1,300 people", ("1200人", "千二百人"))


def test_nearest_windows_come_nearest_first(tmp_path: Path) -> None:
    passages = np.eye(4, dtype=np.float32)
    queries = np.array([[0.1, 0.9, 0.5, 0.0]], np.float32)
    assert nearest(queries, passages, 3).tolist() == [[1, 2, 0]]
    first = cached_vectors(HashEncoder(), ["a", "bb"], "passage", tmp_path)
    again = cached_vectors(HashEncoder(), ["a", "bb"], "passage", tmp_path)
    assert np.array_equal(first, again)
    assert len(list(tmp_path.iterdir())) == 1


def test_lexical_search_finds_the_text_that_shares_most() -> None:
    lexical = Lexical([PASSAGE, "天気は晴れだ。", "The bridge is closed."])
    assert lexical.top("費用は5,500億円だと述べた", 1) == [0]
    assert lexical.top("bridge", 1) == [2]
    assert lexical.top("", 1) == []


def test_rows_survive_their_file(tmp_path: Path) -> None:
    rows = [
        Row("query", "誰?", "題", "窓", 1, ((0, 1),), (), "who?", "x"),
        Row("claim", "a", "", "b", 3, (), ((0, 1, 1),)),
    ]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert list(read_rows(tmp_path / "rows.jsonl")) == rows


# --- the sets themselves ------------------------------------------------------------------------


def test_halves_of_jnli_and_klue_share_no_picture_and_no_premise(shared: Path) -> None:
    data = shared / "data"
    text = (data / "jnli-valid-v1.3.json").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    pictures: dict[bool, set[str]] = {True: set(), False: set()}
    for row in rows:
        pictures[sources.jnli_reports(row)].add(row["yjcaptions_id"].split("-")[0])
    assert not pictures[True] & pictures[False]
    halves = [[sources.jnli(data, report=r), sources.klue(data, report=r)] for r in (True, False)]
    assert [[len(pairs) for pairs in half] for half in halves] == [[1196, 1323], [1238, 1677]]
    assert not {p.evidence for p in halves[0][1]} & {p.evidence for p in halves[1][1]}


def test_what_reports_is_not_trained_on(shared: Path) -> None:
    data = shared / "data"
    fitted, reported = sources.xquad(data), sources.xquad(data, report=True)
    assert not {p.title for p in fitted["en"]} & {p.title for p in reported["en"]}
    assert len({p.title for p in fitted["en"]}) == len({p.title for p in reported["en"]}) == 24
    assert len(sources.janli(data, report=True)) == 720
    assert len(sources.uhgeval(data, report=True)) == 200
    assert not {p.title for p in sources.jaquad(data)} & {
        p.title for p in sources.jaquad(data, held=True)
    }
    # SQuAD 2 shares XQuAD's origin: none of its paragraphs may be among those that report.
    kept = {p.text for p in reported["en"]}
    assert not kept & {p.text for p in sources.squad2(data)}
    with pytest.raises(DatasetError, match="only ko and en dev report"):
        sources.tydi(data, "ru", report=True)


def test_jsquad_loses_its_title_mark_and_keeps_its_answers(shared: Path) -> None:
    paragraphs = sources.jsquad(shared / "data")
    assert len(paragraphs) == 1145
    for p in paragraphs:
        assert "[SEP]" not in p.text
        for q in p.questions:
            assert q.place is not None
            assert p.text[slice(*q.place)] == q.answers[0]


def test_ntrex_lines_are_aligned(shared: Path) -> None:
    documents = load_ntrex(shared / "data")
    assert len(documents) == 98
    assert sum(map(len, documents.values())) == 1609


def test_a_file_that_is_not_squad_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    with pytest.raises(DatasetError, match=r"broken\.json"):
        sources.load_squad(broken, "ja")


def test_a_file_that_was_cut_off_is_named(tmp_path: Path) -> None:
    cut = tmp_path / "cut.json.xz"
    cut.write_bytes(lzma.compress(b'{"data": []}')[:-8])
    with pytest.raises(DatasetError, match=r"cut\.json\.xz: cannot be read"):
        sources.load_squad(cut, "ja")


def test_the_mixture_depends_on_seed_and_epoch_alone(shared: Path, tmp_path: Path) -> None:
    inputs = Inputs(shared / "data", news_draws=1, share=0.0)
    first = mixture(inputs, 0, 7, CUTTER, HASHED, tmp_path)
    assert first == mixture(inputs, 0, 7, CUTTER, HASHED, tmp_path)
    other = mixture(inputs, 1, 7, CUTTER, HASHED, tmp_path)
    assert other != first
    assert {"news", "news claims", "ntrex claims", "uhgeval"} <= set(counts(first))
    dev = load_clusters(inputs.cluster_folders, "dev")
    held = load_clusters(inputs.cluster_folders, "held")
    kept = {q.ask["ja"] for c in (*dev, *held) for q in c.questions}
    assert not kept & {r.asked for r in first}
    kept_text = [a.text for c in (*dev, *held) for a in c.articles]
    for row in (r for r in first if r.source.startswith("news")):
        assert not any(row.window in text for text in kept_text)


def test_held_rows_are_not_in_the_mixture(shared: Path, tmp_path: Path) -> None:
    rows = held_rows(Inputs(shared / "data"), 7, CUTTER, HASHED, tmp_path)
    assert {r.source for r in rows} == {"held"}
    assert {r.task for r in rows} == {"query", "claim"}
