"""Konkyo News Reading as an evaluation set: each question in four languages, every place told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from konkyo.eval.formats.clusters import DEV, cluster_number, load_clusters
from konkyo.eval.formats.load import load
from konkyo.index.errors import DatasetError

CLUSTER: dict[str, object] = {
    "cluster": "Z03",
    "topic": "a bridge",
    "articles": [
        {
            "id": "Z03-a",
            "language": "ja",
            "outlet": "西港新聞",
            "published": "2026-02-09",
            "title": "北浜大橋が開通",
            "text": "開通式は5月3日に開かれた。費用は12億円だった。",
        },
        {
            "id": "Z03-b",
            "language": "en",
            "outlet": "Harbour News",
            "published": "2026-02-10",
            "title": "Bridge opens",
            "text": "The bridge cost 1.3 billion yen, the city said.",
        },
    ],
    "questions": [
        {
            "id": "Z03-q01",
            "kind": "date",
            "ask": {"ja": "開通式はいつ", "en": "When did it open?"},
            "gold": [
                {"article": "Z03-a", "quote": "開通式は5月3日に開かれた。", "answer": "5月3日"}
            ],
            "short": {"ja": "5月3日", "en": "3 May"},
            "note": "",
        },
        {
            "id": "Z03-q02",
            "kind": "conflict",
            "ask": {"ja": "費用はいくら", "en": "What did it cost?"},
            "gold": [
                {"article": "Z03-a", "quote": "費用は12億円だった。", "answer": "12億円"},
                {
                    "article": "Z03-b",
                    "quote": "The bridge cost 1.3 billion yen, the city said.",
                    "answer": "1.3 billion yen",
                },
            ],
            "short": {"ja": "12億円とも13億円とも", "en": "1.2 or 1.3 billion yen"},
            "note": "",
        },
        {
            "id": "Z03-q03",
            "kind": "absent",
            "ask": {"ja": "設計者は誰", "en": "Who designed it?"},
            "gold": [],
            "short": {},
            "note": "no designer is named",
        },
    ],
    "claims": [],
}


def write(folder: Path, name: str, cluster: dict[str, object]) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(cluster, ensure_ascii=False), encoding="utf-8")
    return file


def test_asks_each_question_in_each_language(tmp_path: Path) -> None:
    write(tmp_path, "Z03", CLUSTER)
    found = load(tmp_path)
    assert [q.id for q in found.questions] == [
        "Z03-q01-en",
        "Z03-q01-ja",
        "Z03-q02-en",
        "Z03-q02-ja",
        "Z03-q03-en",
        "Z03-q03-ja",
    ]
    assert [a.source for a in found.articles] == ["Z03-a", "Z03-b"]
    assert found.articles[0].outlet == "西港新聞"


def test_knows_one_cluster_by_its_articles(tmp_path: Path) -> None:
    file = write(tmp_path, "Z03", CLUSTER)
    assert load(file) == load(file, form="clusters")


def test_accepts_the_articles_words_and_the_askers_own(tmp_path: Path) -> None:
    write(tmp_path, "Z03", CLUSTER)
    by_id = {q.id: q for q in load_clusters(tmp_path).questions}
    assert by_id["Z03-q01-en"].answers == ("3 May", "5月3日")
    assert by_id["Z03-q01-ja"].answers == ("5月3日",)
    assert by_id["Z03-q02-en"].all_of == (("12億円",), ("1.3 billion yen",))
    assert not by_id["Z03-q03-ja"].answerable


def test_keeps_all_articles_of_the_clusters_that_do_not_ask(tmp_path: Path) -> None:
    write(tmp_path, "Z03", CLUSTER)
    other = json.loads(json.dumps(CLUSTER, ensure_ascii=False).replace("Z03", "Z04"))
    write(tmp_path, "Z04", other)
    found = load_clusters(tmp_path, language="en", numbers={3})
    assert {q.id.split("-")[0] for q in found.questions} == {"Z03"}
    assert {q.language for q in found.questions} == {"en"}
    assert len(found.articles) == 4


def test_a_cluster_has_the_number_that_its_questions_have() -> None:
    names = ("Z03", "Z03-q01-en", "final")
    assert [cluster_number(name) for name in names] == [3, 3, None]


def test_names_the_file_and_place_of_a_quote_that_does_not_stand_there(tmp_path: Path) -> None:
    text = json.dumps(CLUSTER, ensure_ascii=False).replace('費用は12億円だった。"', '違う。"', 1)
    file = tmp_path / "Z03.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=r"Z03\.json: questions\[1\]: the quote does not stand"):
        load_clusters(file)


NEWS = Path(__file__).resolve().parents[1] / "eval" / "datasets" / "news"


def test_every_cluster_of_the_package_can_be_asked() -> None:
    whole, dev = load(Path("news")), load(Path("news-dev"))
    assert {q.language for q in whole.questions} == {"ja", "en", "ko", "zh"}
    assert {int(q.id[1:3]) for q in dev.questions} == DEV
    assert dev.articles == whole.articles
    by_kind = Counter(q.kind for q in whole.questions)
    assert by_kind["absent"] >= 4 * 4 * len(list((NEWS / "clusters").glob("*.json")))


def test_questions_over_parallel_news_hold_their_answers_in_four_languages() -> None:
    files = sorted((NEWS / "ntrex").glob("*.json"))
    assert len(files) >= 50
    for file in files:
        questions = json.loads(file.read_text("utf-8"))["questions"]
        assert sum(not q["gold"] for q in questions) >= 4, file.name
        for question in questions:
            assert set(question["ask"]) == {"ja", "en", "ko", "zh"}
            assert all(set(g["answer"]) == {"ja", "en", "ko", "zh"} for g in question["gold"])


def test_changed_words_stand_once_in_every_false_claim_of_their_clusters() -> None:
    lines = (NEWS / "changed_words.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    false = [
        (name, claim["text"])
        for name in sorted({row["cluster"] for row in rows})
        for claim in json.loads((NEWS / "clusters" / f"{name}.json").read_text("utf-8"))["claims"]
        if claim["label"] != "supported"
    ]
    assert [(row["cluster"], row["claim"]) for row in rows] == false
    assert all(row["claim"].count(words) == 1 for row in rows for words in row["changed"])
    assert all(cluster_number(row["cluster"]) in DEV for row in rows)


def test_follow_ups_have_their_places_in_the_articles_of_their_cluster() -> None:
    articles = {article.source: article.text for article in load(Path("news")).articles}
    lines = (NEWS / "follow_ups.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["language"] for row in rows} == {"ja", "en", "ko", "zh"}
    assert len({row["id"] for row in rows}) == len(rows) >= 70
    assert sum(not row["gold"] for row in rows) >= 10
    for row in rows:
        for gold in row["gold"]:
            assert gold["article"].startswith(row["id"][:3])
            assert gold["quote"] in articles[gold["article"]], row["id"]
            assert gold["answer"] in gold["quote"], row["id"]


def test_questions_in_two_parts_have_their_places_in_clusters_that_report() -> None:
    articles = {article.source: article.text for article in load(Path("news")).articles}
    lines = (NEWS / "two_parts.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({row["id"] for row in rows}) == len(rows) >= 70
    assert sum(not part["gold"] for row in rows for part in row["parts"]) >= 20
    for row in rows:
        cluster = row["id"][:3]
        assert cluster_number(cluster) in DEV
        assert set(row["ask"]) == {"ja", "en", "ko", "zh"}
        assert len(row["parts"]) == 2
        for gold in (gold for part in row["parts"] for gold in part["gold"]):
            assert gold["article"].startswith(cluster)
            assert gold["quote"] in articles[gold["article"]], row["id"]
            assert gold["answer"] in gold["quote"], row["id"]
