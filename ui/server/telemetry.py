"""What operators see of each answer: a structured log line, metrics and a trace.

The metrics are for Prometheus, the trace is OpenTelemetry's. Questions, answers and articles are
written to none of them; an answer is named by its fingerprint.
Nothing is sent anywhere unless an operator names a collector.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from konkyo.index.errors import ExtraMissing, KonkyoError
from konkyo.rag.types import (
    Answer,
    ClaimChecked,
    ClaimRemoved,
    Event,
    EvidenceReady,
    Finished,
    Outcome,
    Refusal,
    Reply,
)
from konkyo.ui.server.llm_queue import Queued

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

__all__ = ["Channel", "JsonLines", "Telemetry", "Watch", "configure_logs", "open_tracer"]

Channel = Literal["page", "api", "openai", "mcp", "terminal"]

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
_OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

_log = logging.getLogger("konkyo.answers")


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message and what was given as extra."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; an exception's text under ``error``."""
        when = datetime.fromtimestamp(record.created, UTC)
        said: dict[str, object] = {
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        said.update((k, v) for k, v in record.__dict__.items() if k not in _OWN_FIELDS)
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


class _Plain(logging.Formatter):
    """For people: the message and its facts as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{k}={v}" for k, v in record.__dict__.items() if k not in _OWN_FIELDS)
        return super().format(record) + (f" {facts}" if facts else "")


def configure_logs(form: Literal["text", "json"], level: int = logging.INFO) -> None:
    """Send this program's log records to standard error, as text or as JSON lines.

    As JSON lines, also those of libraries, warnings, errors nobody caught and whatever is printed
    there.
    """
    own = isinstance(sys.stderr, _StandardError)
    handler = logging.StreamHandler(sys.__stderr__ if own else sys.stderr)
    plain = _Plain("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else plain)
    for name in ("konkyo", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
    if form == "json":
        root = logging.getLogger()
        root.handlers[:] = [handler]
        logging.captureWarnings(True)
        sys.stderr = _StandardError()
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda hook: _log_uncaught(
            hook.exc_type, hook.exc_value, hook.exc_traceback
        )


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    error = error or kind()
    if isinstance(error, KeyboardInterrupt):
        return
    logging.getLogger("konkyo").critical("unexpected error", exc_info=(kind, error, trace))


class _StandardError(io.TextIOBase):
    """Logs what is printed on standard error, a record a line."""

    def __init__(self) -> None:
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if line.strip():
                logging.getLogger("konkyo.stderr").error(line)
        return len(text)


def open_tracer() -> Tracer | None:
    """A tracer that exports where OTEL_EXPORTER_OTLP_ENDPOINT says; None where it says nothing.

    Raises ExtraMissing when the exporter is wanted and not installed.
    """
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as exc:
        raise ExtraMissing(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but tracing is not installed;"
            " run: pip install 'konkyo[trace]'"
        ) from exc
    provider = TracerProvider(resource=Resource.create({"service.name": "konkyo"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("konkyo")


class Telemetry:
    """Counts and times every answer of one server. Safe to share by threads."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self.tracer = tracer
        self.questions = Counter(
            "konkyo_questions",
            "Questions that ended, by how they were asked and how they ended.",
            ("channel", "status", "reason"),
            registry=self.registry,
        )
        self.sentences = Counter(
            "konkyo_sentences",
            "Sentences the language model wrote, by what the check said.",
            ("verdict",),
            registry=self.registry,
        )
        self.evidence_seconds = Histogram(
            "konkyo_first_evidence_seconds",
            "From the question to the first quotes.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.answer_seconds = Histogram(
            "konkyo_answer_seconds",
            "From the question to the outcome.",
            ("channel",),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.translations = Counter(
            "konkyo_translations",
            "Translations of quotes, by how they were asked for and what came of it.",
            ("channel", "status"),
            registry=self.registry,
        )
        self.requests = Counter(
            "konkyo_http_requests",
            "Requests to the HTTP interface, by route and status code.",
            ("route", "code"),
            registry=self.registry,
        )
        self._open = Gauge("konkyo_open_questions", "Being answered now.", registry=self.registry)

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a figure that is asked for whenever the metrics are read."""
        from prometheus_client import Gauge

        Gauge(name, meaning, registry=self.registry).set_function(value)

    def exposition(self) -> bytes:
        """The metrics in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)

    def watch(self, channel: Channel) -> Watch:
        """Start watching one question."""
        self._open.inc()
        span = self.tracer.start_span("konkyo.ask") if self.tracer is not None else None
        if span is not None:
            span.set_attribute("konkyo.channel", channel)
        return Watch(self, channel, span)

    def _ended(self) -> None:
        self._open.dec()


@dataclass(slots=True)
class Watch:
    """One question from its start to its end; tell it every event, then ``end`` it once."""

    telemetry: Telemetry
    channel: Channel
    span: Span | None
    began: float = field(default_factory=time.perf_counter)
    status: str = "stopped"
    reason: str = ""
    fingerprint: str = ""
    evidence: float | None = None
    verdicts: Counter[str] = field(default_factory=Counter)

    def saw(self, event: Event | Queued) -> None:
        """Take note of an event."""
        seconds = time.perf_counter() - self.began
        match event:
            case EvidenceReady(evidence=quotes):
                if self.evidence is None:
                    self.evidence = seconds
                    self.telemetry.evidence_seconds.observe(seconds)
                self._mark("evidence", quotes=len(quotes))
            case Queued(ahead=ahead):
                self._mark("queued", ahead=ahead)
            case ClaimChecked(claim=claim):
                self._judged("passed", citations=str(claim.citations), support=claim.support)
            case ClaimRemoved(removed=removed):
                self._judged(removed.reason)
            case Finished(outcome=outcome):
                self.status, self.reason = _status_of(outcome)
                self.fingerprint = outcome.fingerprint
                if self.span is not None:
                    for stage, taken in outcome.timings_ms.items():
                        self.span.set_attribute(f"konkyo.{stage}_ms", taken)

    def failed(self, error: KonkyoError) -> None:
        """Take note that it could not be answered."""
        self.status, self.reason = "failed", type(error).__name__

    def end(self) -> None:
        """Write it down."""
        seconds = time.perf_counter() - self.began
        self.telemetry._ended()
        self.telemetry.questions.labels(self.channel, self.status, self.reason).inc()
        self.telemetry.answer_seconds.labels(self.channel).observe(seconds)
        facts: dict[str, object] = {
            "channel": self.channel,
            "status": self.status,
            "reason": self.reason,
            "seconds": round(seconds, 3),
            "first_evidence_seconds": None if self.evidence is None else round(self.evidence, 3),
            "sentences": dict(self.verdicts),
            "fingerprint": self.fingerprint,
        }
        if self.span is not None:
            self.span.set_attribute("konkyo.status", self.status)
            self.span.set_attribute("konkyo.reason", self.reason)
            self.span.set_attribute("konkyo.fingerprint", self.fingerprint)
            self.span.end()
            facts["trace_id"] = f"{self.span.get_span_context().trace_id:032x}"
        _log.info("answer", extra=facts)

    def _judged(self, verdict: str, **facts: str | float) -> None:
        self.verdicts[verdict] += 1
        self.telemetry.sentences.labels(verdict).inc()
        self._mark("sentence", verdict=verdict, **facts)

    def _mark(self, name: str, **facts: str | float) -> None:
        if self.span is not None:
            self.span.add_event(name, dict(facts))


def _status_of(outcome: Outcome) -> tuple[str, str]:
    """What became of a question, and why it was refused."""
    match outcome:
        case Answer():
            return "answered", ""
        case Refusal(reason=reason):
            return "refused", reason
        case Reply(kind=kind):
            return "replied", kind
