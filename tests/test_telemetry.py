"""An answer leaves a log line, counts and a trace; none of them holds a word of it."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeReader

from konkyo.index.errors import ExtraMissing, KonkyoError
from konkyo.ui.server.telemetry import JsonLines, Telemetry, open_tracer
from konkyo.ui.web.chat_service import ChatService


def asked(question: str, telemetry: Telemetry) -> None:
    chat_service = ChatService(lambda: FakeReader(0), telemetry)
    chat_service.open()
    assert chat_service.wait(30)
    try:
        list(chat_service.events(question, "api"))
    except KonkyoError:
        return


def test_a_log_line_is_one_json_object_without_the_question(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "konkyo.answers"):
        asked("How much will Japan invest?", Telemetry())
    (record,) = caplog.records
    line = JsonLines().format(record)
    said = json.loads(line)
    assert {k: said[k] for k in ("level", "message", "channel", "status", "fingerprint")} == {
        "level": "info",
        "message": "answer",
        "channel": "api",
        "status": "answered",
        "fingerprint": "0123456789ab",
    }
    assert said["sentences"] == {"passed": 2, "number": 1}
    assert "Japan" not in line


def test_failures_and_refusals_are_counted_apart() -> None:
    telemetry = Telemetry()
    for question in ("How much?", "What is the weather?", "damaged"):
        asked(question, telemetry)
    text = telemetry.exposition().decode()
    for status, reason in (
        ("answered", ""),
        ("refused", "weak_evidence"),
        ("failed", "LLMUnreachable"),
    ):
        line = f'konkyo_questions_total{{channel="api",reason="{reason}",status="{status}"}} 1.0'
        assert line in text
    assert "konkyo_open_questions 0.0" in text


def test_a_trace_leads_from_the_question_to_its_claims() -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    asked("How much will Japan invest?", Telemetry(provider.get_tracer("test")))
    (span,) = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["konkyo.fingerprint"] == "0123456789ab"
    assert [event.name for event in span.events] == ["evidence", "sentence", "sentence", "sentence"]
    verdicts = [dict(event.attributes or {}).get("verdict") for event in span.events[1:]]
    assert verdicts == ["passed", "number", "passed"]
    assert "Japan" not in str(span.to_json())


def test_without_a_collector_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert open_tracer() is None


def test_a_wanted_but_missing_exporter_names_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    name = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ExtraMissing, match=r"konkyo\[trace\]"):
        open_tracer()
