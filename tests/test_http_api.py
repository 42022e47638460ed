"""The doors for programs: HTTP, server-sent events, OpenAI's form, keys, limits, metrics."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from konkyo.index.builder import build, remove
from konkyo.index.errors import (
    ArticleGone,
    ArticleMissing,
    KonkyoError,
    LLMTimeout,
    LLMUnreachable,
    ModelDamaged,
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreUnreachable,
    WorkersLost,
)
from konkyo.index.stores.local.reader import LocalStore
from konkyo.ui.http.problems import fault_of

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import served
from fixtures_chat import ENGLISH, JAPANESE
from fixtures_store import ToyEncoder, write_stories, yes

QUESTION = "How much will Japan invest?"
SECRET = "reader-key-of-sixteen"
MASTER = "editor-key-of-sixteen"


def wait_ready(url: str) -> None:
    for _ in range(600):
        if httpx.get(url + "api/ready").status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError("the server did not get ready")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(FAKE_PACE="0") as address:
        wait_ready(address)
        yield address


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"# who may come in\nreader {SECRET}\neditor {MASTER}\n", "utf-8")
    with served(
        FAKE_PACE="0", FAKE_KEYS=str(keys), FAKE_RATE="6", FAKE_PASSWORD="p" * 9
    ) as address:
        wait_ready(address)
        yield address


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


# ---- asking


def test_an_answer_cites_what_the_article_says(url: str) -> None:
    found = httpx.post(url + "api/ask", json={"question": QUESTION}).json()
    assert found["status"] == "answered"
    for citation in found["citations"]:
        article = httpx.get(f"{url}api/articles/{citation['article_id']}").json()
        assert article["text"][citation["start"] : citation["end"]] == citation["quote"]


def test_a_refusal_cites_nothing(url: str) -> None:
    found = httpx.post(url + "api/ask", json={"question": "What is the weather?"}).json()
    assert (found["status"], found["reason"], found["citations"]) == (
        "refused",
        "weak_evidence",
        [],
    )


def test_events_come_in_order_and_nothing_unchecked_is_sent(url: str) -> None:
    with httpx.stream(
        "POST", url + "api/ask", json={"question": QUESTION, "stream": True}
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [block.split("\n", 1) for block in response.read().decode().split("\n\n") if block]
    names = [name.removeprefix("event: ") for name, _ in events]
    assert names == [
        "evidence",
        "checking",
        "claim",
        "checking",
        "removed",
        "checking",
        "claim",
        "outcome",
    ]
    data = [json.loads(line.removeprefix("data: ")) for _, line in events]
    assert data[1] == {}
    assert data[2]["citations"] == [1]
    assert data[-1]["status"] == "answered"


def test_history_reaches_the_pipeline(url: str) -> None:
    past = [{"question": "Who?", "answer": "Japan."}]
    found = httpx.post(url + "api/ask", json={"question": "How many turns?", "history": past})
    assert "Before: Who?." in found.json()["answer"]


def test_a_fault_in_mid_stream_is_an_event(url: str) -> None:
    found = httpx.post(url + "api/ask", json={"question": "damaged", "stream": True})
    assert found.status_code == 503
    assert found.json()["code"] == "llm_unreachable"


def test_a_reader_who_hangs_up_frees_the_place() -> None:
    with served(FAKE_PACE="0", FAKE_BUSY="1") as url:
        wait_ready(url)
        body = {"question": "endless", "stream": True}
        with httpx.stream("POST", url + "api/ask", json=body) as response:
            # Held: an iterator that is dropped closes the connection.
            pieces = response.iter_text()
            next(pieces)
            second = httpx.post(url + "api/ask", json={"question": QUESTION})
            assert second.status_code == 429
            assert "at most 1" in second.json()["detail"]
        for _ in range(300):
            if httpx.post(url + "api/ask", json={"question": QUESTION}).status_code == 200:
                return
            time.sleep(0.2)
        raise AssertionError("the place was never freed")


# ---- searching and reading


def test_search_gives_scores_and_takes_filters(url: str) -> None:
    found = httpx.get(url + "api/search", params={"q": "Japan 日本", "language": "ja"}).json()
    assert [hit["article_id"] for hit in found["hits"]] == [JAPANESE.article_id]
    assert found["hits"][0]["scores"] == {"fused": 0.5, "dense": 0.9, "lexical": None}


def test_an_unknown_article_is_a_stable_error(url: str) -> None:
    found = httpx.get(url + "api/articles/0000000000000000")
    assert found.status_code == 404
    assert found.json()["code"] == "article_missing"


@pytest.mark.parametrize(
    "kind",
    [
        *(StoreError, StoreDamaged, StoreLocked, StoreUnreachable),
        *(ModelDamaged, LLMUnreachable, LLMTimeout, WorkersLost),
    ],
)
def test_an_error_names_no_folder_or_machine_to_callers(
    kind: type[KonkyoError], caplog: pytest.LogCaptureFixture
) -> None:
    fault = fault_of(kind("/srv/konkyo/store on db.example: it broke"))
    assert "/srv" not in fault.message
    assert "db.example" not in fault.message
    assert "/srv/konkyo/store on db.example: it broke" in caplog.text


def test_a_missing_article_does_not_say_where_the_index_is(tmp_path: Path) -> None:
    build([str(write_stories(tmp_path / "news", 3))], tmp_path / "store", ToyEncoder())
    with LocalStore(tmp_path / "store") as store:
        with pytest.raises(ArticleMissing) as never:
            store.article("0" * 16)
        (known, *_) = store.articles()
    remove([known.article_id], tmp_path / "store", confirm=yes)
    with LocalStore(tmp_path / "store") as store, pytest.raises(ArticleGone) as gone:
        store.article(known.article_id)
    for error in (never.value, gone.value):
        assert str(tmp_path) not in fault_of(error).message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "body.question"),
        ({"question": "   "}, "body.question"),
        ({"question": "x" * 501}, "body.question"),
        ({"question": "x", "since": "yesterday"}, "body.since"),
        ({"question": "x", "since": "2026-02-02", "until": "2026-02-01"}, "body"),
        ({"question": "x", "colour": "red"}, "body.colour"),
    ],
)
def test_a_wrong_field_is_named(url: str, body: dict[str, object], param: str) -> None:
    found = httpx.post(url + "api/ask", json=body)
    assert found.status_code == 422
    error = found.json()
    assert (error["code"], error["param"]) == ("invalid", param)


@pytest.mark.parametrize(
    ("method", "path", "code", "name"),
    [
        ("GET", "api/nowhere", 404, "not_found"),
        ("GET", "api/ask", 405, "method_not_allowed"),
        ("DELETE", "api/index", 405, "method_not_allowed"),
    ],
)
def test_errors_have_one_form(url: str, method: str, path: str, code: int, name: str) -> None:
    found = httpx.request(method, url + path)
    assert found.status_code == code
    assert found.headers["content-type"] == "application/problem+json"
    told = found.json()
    assert (told["type"], told["status"], told["code"]) == ("about:blank", code, name)


def test_a_large_body_is_refused_in_the_same_form(url: str) -> None:
    found = httpx.post(url + "api/ask", content=b"x" * 70_000)
    assert found.status_code == 413
    assert found.json()["code"] == "too_large"


def test_articles_are_listed_a_page_at_a_time(url: str) -> None:
    first = httpx.get(url + "api/articles", params={"limit": 2}).json()
    assert (len(first["articles"]), first["total"], first["next"]) == (2, 5, 2)
    last = httpx.get(url + "api/articles", params={"limit": 2, "offset": 4}).json()
    assert (len(last["articles"]), last["total"], last["next"]) == (1, 5, None)
    listed = {one["article_id"] for one in first["articles"]}
    assert not listed & {one["article_id"] for one in last["articles"]}


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        ({"language": "ja"}, [JAPANESE.title]),
        ({"outlet": "Alliance Wire"}, [ENGLISH.title]),
        ({"text": "INVESTMENT framework"}, [ENGLISH.title]),
        ({"since": "2026-02-09", "until": "2026-02-09"}, [JAPANESE.title]),
        ({"language": "ja", "outlet": "Alliance Wire"}, []),
    ],
)
def test_articles_are_filtered(url: str, wanted: dict[str, str], titles: list[str]) -> None:
    found = httpx.get(url + "api/articles", params=wanted).json()
    assert [one["title"] for one in found["articles"]] == titles
    assert found["total"] == len(titles)


# ---- the index


def settled_job(url: str, headers: dict[str, str] | None = None) -> dict[str, object]:
    for _ in range(600):
        job: dict[str, object] = httpx.get(url + "api/index", headers=headers).json()["job"]
        if not job["running"]:
            return job
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def test_an_order_runs_and_tells_what_changed(url: str) -> None:
    sent = httpx.post(url + "api/index", json={"action": "add", "sources": ["a.md"]})
    assert sent.status_code == 202
    job = settled_job(url)
    assert (job["state"], job["stage"], job["done"]) == ("done", "embed", 8)
    report = job["report"]
    assert isinstance(report, dict)
    assert report["added"] == 2


def test_one_job_at_a_time_and_it_can_be_cancelled(url: str) -> None:
    httpx.post(url + "api/index", json={"action": "add", "sources": ["slow.md"]})
    second = httpx.post(url + "api/index", json={"action": "verify"})
    assert second.status_code == 409
    assert second.json()["code"] == "index_busy"
    while httpx.get(url + "api/index").json()["job"]["stage"] != "embed":
        time.sleep(0.05)
    httpx.post(url + "api/index", json={"action": "cancel"})
    assert settled_job(url)["state"] == "stopped"


def test_a_failed_order_says_why(url: str) -> None:
    httpx.post(url + "api/index", json={"action": "add", "sources": ["missing.md"]})
    job = settled_job(url)
    assert (job["state"], job["message"]) == ("failed", "missing.md: no such file")
    assert httpx.post(url + "api/index", json={"action": "add"}).status_code == 400


# ---- keys, roles, limits


def test_without_a_key_only_health_is_told(locked: str) -> None:
    assert httpx.get(locked + "api/health").json()["status"] == "ok"
    for path in ("api/search?q=x", "metrics", "v1/models", "api/index"):
        found = httpx.get(locked + path)
        assert found.status_code == 401
        assert found.headers["www-authenticate"] == "Bearer"
        body = found.json()
        assert body.get("error", body)["code"] == "key_needed"
    wrong = httpx.get(locked + "v1/models", headers=bearer("x" * 20))
    assert wrong.status_code == 401


def test_a_reader_reads_and_an_editor_edits(locked: str) -> None:
    order = {"action": "verify"}
    refused = httpx.post(locked + "api/index", json=order, headers=bearer(SECRET))
    assert refused.status_code == 403
    assert httpx.get(locked + "v1/models", headers=bearer(SECRET)).status_code == 200
    taken = httpx.post(locked + "api/index", json=order, headers=bearer(MASTER))
    assert taken.status_code == 202
    assert settled_job(locked, bearer(MASTER))["state"] == "done"


def test_too_many_questions_are_told_when_to_come_again(locked: str) -> None:
    codes = []
    for _ in range(8):
        found = httpx.post(locked + "api/ask", json={"question": QUESTION}, headers=bearer(MASTER))
        codes.append(found.status_code)
    assert codes[0] == 200
    assert codes[-1] == 429
    assert int(found.headers["retry-after"]) >= 1
    assert "6 a minute" in found.json()["detail"]


# ---- figures


def test_metrics_count_answers_by_channel_and_outcome(url: str) -> None:
    httpx.post(url + "api/ask", json={"question": QUESTION})
    text = httpx.get(url + "metrics").text
    assert 'konkyo_questions_total{channel="api",reason="",status="answered"}' in text
    assert 'konkyo_sentences_total{verdict="number"}' in text
    assert 'konkyo_http_requests_total{code="200",route="/api/ask"}' in text
    assert "konkyo_first_evidence_seconds_bucket" in text


def test_the_openapi_document_names_every_door(url: str) -> None:
    document = httpx.get(url + "api/openapi.json").json()
    assert set(document["paths"]) == {
        "/api/ask",
        "/api/translate",
        "/api/search",
        "/api/articles",
        "/api/articles/{article_id}",
        "/api/index",
        "/api/health",
        "/api/ready",
        "/metrics",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/chat/completions",
    }
