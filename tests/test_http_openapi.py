"""Thousands of requests made from the OpenAPI document.

No answer of the server is its own fault.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, assume, given, settings  # noqa: E402
from hypothesis.errors import Unsatisfiable  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import served  # noqa: E402
from test_http_api import wait_ready  # noqa: E402

CHECKS = (
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
    schemathesis.checks.status_code_conformance,
)


OPERATIONS = (
    ("POST", "/api/ask"),
    ("POST", "/api/translate"),
    ("GET", "/api/search"),
    ("GET", "/api/articles"),
    ("GET", "/api/articles/{article_id}"),
    ("GET", "/api/index"),
    ("POST", "/api/index"),
    ("GET", "/api/health"),
    ("GET", "/api/ready"),
    ("GET", "/metrics"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model}"),
    ("POST", "/v1/chat/completions"),
)


@pytest.fixture(scope="module")
def document() -> Iterator[schemathesis.BaseSchema]:
    with served(FAKE_PACE="0") as address:
        wait_ready(address)
        yield schemathesis.openapi.from_url(address + "api/openapi.json")


_FRAMING = {"content-length", "transfer-encoding", "connection", "upgrade", "expect"}


def test_every_operation_is_tried(document: schemathesis.BaseSchema) -> None:
    found = {(r.ok().method.upper(), r.ok().path) for r in document.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_makes_the_server_fail(
    document: schemathesis.BaseSchema, method: str, path: str, mode: GenerationMode
) -> None:
    operation = document[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: schemathesis.Case) -> None:
        # What is no HTTP message is refused before any route.
        assume(not _FRAMING & {name.lower() for name in case.headers or {}})
        case.call_and_validate(checks=list(CHECKS))

    # An operation without parameters has nothing that could be got wrong.
    with contextlib.suppress(Unsatisfiable):
        holds()
