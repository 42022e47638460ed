"""The OpenAPI document says everything, and a client generated from it works on a real server."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import schemathesis

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import served
from fixtures_chat import ENGLISH, JAPANESE
from test_http_api import MASTER, QUESTION, SECRET, wait_ready

from konkyo.index.records import Article
from konkyo.rag.types import Answer, Short, ShortReady, to_json
from konkyo.ui.http.schemas import EVENTS, ArticleObject, OutcomeObject
from konkyo.ui.http.service import api_document
from konkyo.ui.http.services import Services, event_json
from konkyo.ui.web.chat_service import ChatService


def document() -> dict[str, Any]:
    def never() -> Any:
        raise AssertionError("a document needs no models")

    return api_document(Services(ChatService(never)))


def operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in told["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def empty_schemas(value: object, where: str = "") -> Iterator[str]:
    """The places where a schema says nothing."""
    if isinstance(value, dict):
        for name, inner in value.items():
            place = f"{where}/{name}"
            known = name in ("schema", "items", "contentSchema", "prefixItems")
            held = where.endswith(("/properties", "/schemas", "/$defs"))
            if (known or held) and not set(inner) - {"title", "description", "default"}:
                yield place
            if name == "content" and not held:
                yield from (
                    f"{place}/{kind}" for kind, told in inner.items() if "schema" not in told
                )
            if isinstance(inner, dict) and name not in ("example", "examples"):
                yield from empty_schemas(inner, place)
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from empty_schemas(inner, f"{where}/{number}")


def test_the_document_is_valid_and_no_schema_says_nothing() -> None:
    told = document()
    schemathesis.openapi.from_dict(told).validate()
    assert list(empty_schemas(told)) == []


def test_every_operation_has_a_name_of_its_own_and_says_who_may_come_in() -> None:
    told = document()
    names = [operation["operationId"] for _, _, operation in operations(told)]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalpha() for name in names)
    assert told["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    free = {path for _, path, operation in operations(told) if "security" not in operation}
    assert free == {"/api/health", "/api/ready"}


def test_every_error_is_described_by_its_form() -> None:
    for _, path, operation in operations(document()):
        for status, response in operation["responses"].items():
            if status < "400" or path == "/api/ready":
                continue
            kinds = list(response["content"])
            form = "application/json" if path.startswith("/v1/") else "application/problem+json"
            assert kinds == [form], f"{path} {status}"


def test_outcomes_and_articles_have_the_keys_that_are_described() -> None:
    outcome = Answer("?", "en", "!", (), (), (), (), {}, "0")
    assert list(to_json(outcome)) == list(OutcomeObject.model_fields)
    assert [field.name for field in fields(Article)] == list(ArticleObject.model_fields)


def test_every_event_is_described() -> None:
    from fixtures_chat import FakeReader

    from konkyo.ui.server.llm_queue import Queued

    short = ShortReady(Short("550 billion dollars", "en", True))
    events = [Queued(1), short, *FakeReader(0).stream(QUESTION)]
    told = dict(event_json(event) for event in events)
    assert set(told) == set(EVENTS) - {"error"}
    for name, data in told.items():
        EVENTS[name].model_validate(json.loads(json.dumps(data)), strict=False)
    schemas = document()["components"]["schemas"]
    assert {model.__name__ for model in EVENTS.values()} <= set(schemas)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The package that a generator makes of the document."""
    folder = tmp_path_factory.mktemp("client")
    told = folder / "openapi.json"
    told.write_text(json.dumps(document()), "utf-8")
    (folder / "config.yaml").write_text("package_name_override: konkyo_client\npost_hooks: []\n")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", str(told), "--config", str(folder / "config.yaml")),
            *("--output-path", str(folder / "made")),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert "WARNING" not in made.stdout, made.stdout
    (folder / "made").rename(folder / "konkyo_client")
    sys.path.insert(0, str(folder))
    yield importlib.import_module("konkyo_client")
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"reader {SECRET}\neditor {MASTER}\n", "utf-8")
    with served(FAKE_PACE="0", FAKE_KEYS=str(keys)) as address:
        wait_ready(address)
        yield address.rstrip("/")


def part(client: Any, name: str) -> Any:
    return importlib.import_module(f"{client.__name__}.{name}")


@pytest.fixture(scope="module")
def reader(client: Any, url: str) -> Iterator[Any]:
    with client.AuthenticatedClient(base_url=url, token=SECRET) as made:
        yield made


def test_a_generated_client_gets_typed_objects(client: Any, reader: Any) -> None:
    ask, get_article = part(client, "api.konkyo.ask"), part(client, "api.konkyo.get_article")
    models = part(client, "models")
    outcome = ask.sync(client=reader, body=models.AskRequest(question=QUESTION))
    assert isinstance(outcome, models.OutcomeObject)
    cited = outcome.citations[0]
    assert isinstance(cited, models.Citation)
    article = get_article.sync(cited.article_id, client=reader)
    assert isinstance(article, models.ArticleObject)
    assert article.text[cited.start : cited.end] == cited.quote


def test_a_generated_client_lists_and_searches(client: Any, reader: Any) -> None:
    list_articles = part(client, "api.konkyo.list_articles")
    search, models = part(client, "api.konkyo.search"), part(client, "models")
    page = list_articles.sync(client=reader, language=["en"], limit=1)
    assert isinstance(page, models.ArticleList)
    assert [one.title for one in page.articles] == [ENGLISH.title]
    assert (page.total, page.next_) == (2, 1)
    found = search.sync(client=reader, q="日本", language=["ja"])
    assert isinstance(found, models.SearchResult)
    assert found.hits[0].title == JAPANESE.title
    assert found.hits[0].scores.dense == 0.9


def test_a_generated_client_gets_typed_errors(client: Any, reader: Any, url: str) -> None:
    get_article, models = part(client, "api.konkyo.get_article"), part(client, "models")
    change_index = part(client, "api.konkyo.change_index")
    with client.AuthenticatedClient(base_url=url, token="x" * 20) as stranger:
        problem = get_article.sync("0" * 16, client=stranger)
    assert isinstance(problem, models.Problem)
    assert (problem.status, problem.code) == (401, "key_needed")
    order = models.OrderRequest(action=models.OrderRequestAction.VERIFY)
    assert change_index.sync(client=reader, body=order).code == "forbidden"


def test_a_generated_client_changes_the_index_and_waits(client: Any, url: str) -> None:
    change_index = part(client, "api.konkyo.change_index")
    get_index, models = part(client, "api.konkyo.get_index"), part(client, "models")
    order = models.OrderRequest(action=models.OrderRequestAction.ADD, sources=["a.md"])

    async def change() -> Any:
        async with client.AuthenticatedClient(base_url=url, token=MASTER) as editor:
            taken = await change_index.asyncio(client=editor, body=order)
            assert isinstance(taken, models.OrderTaken)
            while (state := await get_index.asyncio(client=editor)).job.running:
                await asyncio.sleep(0.05)
            return state

    state = asyncio.run(change())
    assert isinstance(state, models.IndexState)
    assert state.job.state == "done"
    assert state.job.report.added == 2
