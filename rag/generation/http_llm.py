"""Language models over HTTP: any server that speaks the OpenAI API, and Ollama's own.

One call has one time-out, retries included. What may pass by itself (a refused connection, a
server that is loading or overrun) is tried again, each time later; a server that takes too long
is not asked twice. Nothing is tried again once the first piece has come. A server that refuses a
part of the request it does not know is asked without it, and that is remembered.

Keys travel in one header and stand in no message, log or ``repr``.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol
from urllib.parse import urlsplit

from konkyo.index.errors import LLMTimeout, LLMUnreachable, SettingsError
from konkyo.rag.generation.llm import Usage, chat_messages
from konkyo.rag.generation.output_format import claims_grammar
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.generation.structured_output import (
    JSON_NOTE,
    Contract,
    claims_schema,
    json_as_lines,
    without_thoughts,
)

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["Remote", "RemoteLLM", "ollama_llm", "openai_compatible_llm"]

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_LONGEST_LINE = 1_000_000
_CONNECT = 10.0


class Remote(NamedTuple):
    """How a server is called: seconds for a whole call, tries after the first, prices.

    ``price_in`` and ``price_out`` are for a million tokens, in any one currency.
    """

    timeout: float = 120.0
    retries: int = 2
    contract: Contract = "auto"
    price_in: float = 0.0
    price_out: float = 0.0


_USUAL = Remote()


class _Chunk(NamedTuple):
    """What one message of a stream says."""

    text: str = ""
    usage: Mapping[str, int] | None = None
    finished: bool = False
    error: str = ""


class _Dialect(Protocol):
    """One protocol: where to post, what to post, and how the reply is read."""

    path: str

    def body(
        self, model: str, prompt: Prompt, max_tokens: int, contract: Contract, without: set[str]
    ) -> dict[str, object]: ...

    def read(self, line: str) -> _Chunk | None: ...

    def refused(self, message: str, without: set[str]) -> str | None: ...


class _OpenAI:
    """Chat completions as server-sent events."""

    path = "/chat/completions"

    def body(
        self, model: str, prompt: Prompt, max_tokens: int, contract: Contract, without: set[str]
    ) -> dict[str, object]:
        note = JSON_NOTE if contract == "json" and prompt.shown else ""
        limit = "max_completion_tokens" if "max_tokens" in without else "max_tokens"
        body: dict[str, object] = {
            "model": model,
            "messages": chat_messages(prompt, note),
            "stream": True,
            limit: max_tokens,
        }
        if "temperature" not in without:
            body["temperature"] = 0.0
        if "stream_options" not in without:
            body["stream_options"] = {"include_usage": True}
        if not prompt.shown:
            return body
        if contract == "grammar":
            body["grammar"] = claims_grammar(prompt.shown, lines=prompt.lines, least=prompt.least)
            body["cache_prompt"] = True
        if contract == "json":
            schema = {
                "name": "claims",
                "strict": True,
                "schema": claims_schema(prompt.shown, lines=prompt.lines),
            }
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def read(self, line: str) -> _Chunk | None:
        if not line.startswith("data:"):
            return None
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return _Chunk(finished=True)
        said = _object(data)
        if error := said.get("error"):
            return _Chunk(error=_told(error))
        text, finished = "", False
        choices = said.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                delta = choice.get("delta")
                content = delta.get("content") if isinstance(delta, dict) else None
                text += content if isinstance(content, str) else ""
                finished = finished or choice.get("finish_reason") is not None
        counts = said.get("usage")
        usage = None
        if isinstance(counts, dict):
            details = counts.get("prompt_tokens_details")
            usage = {
                "prompt_tokens": _count(counts, "prompt_tokens"),
                "completion_tokens": _count(counts, "completion_tokens"),
                "cached_tokens": _count(details, "cached_tokens"),
            }
        return _Chunk(text, usage, finished)

    def refused(self, message: str, without: set[str]) -> str | None:
        """Which part of the request a server does not know, by what it says."""
        said = message.lower()
        for part, words in (
            ("max_tokens", ("max_completion_tokens",)),
            ("temperature", ("temperature",)),
            ("stream_options", ("stream_options", "include_usage")),
        ):
            if part not in without and any(w in said for w in words):
                return part
        return None


class _Ollama:
    """Ollama's chat: one JSON object a line."""

    path = "/api/chat"

    def body(
        self, model: str, prompt: Prompt, max_tokens: int, contract: Contract, without: set[str]
    ) -> dict[str, object]:
        note = JSON_NOTE if contract == "json" and prompt.shown else ""
        # The context is named, for the server's default may be longer than its memory allows.
        options = {"temperature": 0.0, "num_predict": max_tokens, "num_ctx": 4096}
        body: dict[str, object] = {
            "model": model,
            "messages": chat_messages(prompt, note),
            "stream": True,
            "options": options,
        }
        if "think" not in without:
            body["think"] = False
        if contract == "json" and prompt.shown:
            body["format"] = claims_schema(prompt.shown, lines=prompt.lines)
        return body

    def read(self, line: str) -> _Chunk | None:
        if not line.strip():
            return None
        said = _object(line)
        if error := said.get("error"):
            return _Chunk(error=_told(error))
        message = said.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        done = said.get("done") is True
        usage = None
        if done:
            usage = {
                "prompt_tokens": _count(said, "prompt_eval_count"),
                "completion_tokens": _count(said, "eval_count"),
                "cached_tokens": 0,
            }
        return _Chunk(content if isinstance(content, str) else "", usage, done)

    def refused(self, message: str, without: set[str]) -> str | None:
        """Old servers and models without thoughts may not know ``think``."""
        return "think" if "think" in message.lower() and "think" not in without else None


class _Again(Exception):
    """A fault that may pass by itself; carries what is raised if it does not."""

    def __init__(self, error: LLMUnreachable, after: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


class RemoteLLM:
    """A model behind an HTTP address; holds no connection between calls, safe to share."""

    def __init__(
        self,
        name: str,
        model: str,
        base_url: str,
        dialect: _Dialect,
        *,
        api_key: str = "",
        how: Remote = _USUAL,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``sleep`` is for tests. Raises SettingsError for an address that is none."""
        self._name = name
        self._model = model
        self._base = _checked(base_url)
        self._dialect = dialect
        self._key = api_key
        self._how = how
        self._sleep = sleep
        self._contract: Contract | None = None if how.contract == "auto" else how.contract
        self._without: set[str] = set()

    def __repr__(self) -> str:
        return f"RemoteLLM({self._name!r}, {self._place!r})"

    @property
    def name(self) -> str:
        """Protocol and model."""
        return self._name

    @property
    def contract(self) -> Contract:
        """What this server is held to; ``auto`` until it has been asked once."""
        return self._contract or "auto"

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        """Pieces of text as the server sends them, as lines of claims under every contract.

        Closing the iterator closes the connection, at which a server stops. Raises LLMTimeout
        and LLMUnreachable.
        """
        import httpx

        until = time.monotonic() + self._how.timeout
        try:
            with httpx.Client(headers=self._headers(), verify=_trusted(self._base)) as client:
                if self._contract is None:
                    self._contract = self._found_out(client, until)
                with self._opened(client, prompt, max_tokens, until) as response:
                    pieces: Iterator[str] = self._pieces(response, until, usage)
                    pieces = without_thoughts(pieces)
                    if self._contract == "json" and prompt.shown:
                        pieces = json_as_lines(pieces)
                    yield from pieces
        except httpx.ConnectTimeout as exc:
            raise self._unreachable("no connection in time; is the server running?") from exc
        except httpx.TimeoutException as exc:
            raise self._late() from exc
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            raise self._unreachable(f"the connection broke off ({_said(exc)})") from exc

    @property
    def _place(self) -> str:
        return self._base.split("?")[0]

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _unreachable(self, what: str) -> LLMUnreachable:
        masked = what.replace(self._key, "***") if self._key else what
        return LLMUnreachable(f"{self._name} at {self._place}: {masked}")

    def _late(self) -> LLMTimeout:
        return LLMTimeout(
            f"{self._name} at {self._place}: no answer in time ({self._how.timeout:g} s); is the"
            " server busy? llm.timeout sets how long to wait"
        )

    def _url(self, path: str) -> httpx.URL:
        import httpx

        base = httpx.URL(self._base)
        return base.copy_with(path=base.path.rstrip("/") + path)

    def _left(self, until: float) -> httpx.Timeout:
        import httpx

        left = until - time.monotonic()
        if left <= 0:
            raise self._late()
        return httpx.Timeout(left, connect=min(_CONNECT, left))

    def _found_out(self, client: httpx.Client, until: float) -> Contract:
        """What the server supports: llama.cpp says who it is in its list of models."""
        import httpx

        if isinstance(self._dialect, _Ollama):
            return "json"
        try:
            reply = client.get(self._url("/models"), timeout=self._left(until))
            listed = reply.json().get("data") if reply.is_success else None
        except httpx.TimeoutException:
            raise
        except (httpx.HTTPError, ValueError, AttributeError):
            return "json"
        owners = {m.get("owned_by") for m in listed or [] if isinstance(m, dict)}
        return "grammar" if "llamacpp" in owners else "json"

    @contextmanager
    def _opened(
        self, client: httpx.Client, prompt: Prompt, max_tokens: int, until: float
    ) -> Iterator[httpx.Response]:
        """A response whose body may be read; tried again where the fault may pass."""
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            stop_before_delay,
            wait_exponential,
            wait_random,
        )

        backoff = wait_exponential(multiplier=0.5, max=8.0) + wait_random(0.0, 0.5)

        def wait(state: object) -> float:
            fault = state.outcome.exception()  # type: ignore[attr-defined]
            asked = fault.after if isinstance(fault, _Again) else 0.0
            return max(asked, backoff(state))  # type: ignore[arg-type]

        left = max(0.0, until - time.monotonic())
        again = Retrying(
            stop=stop_after_attempt(self._how.retries + 1) | stop_before_delay(left),
            wait=wait,
            retry=retry_if_exception_type(_Again),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            response = again(self._send, client, prompt, max_tokens, until)
        except _Again as exc:
            raise exc.error from exc.__cause__
        try:
            yield response
        finally:
            response.close()

    def _send(
        self, client: httpx.Client, prompt: Prompt, max_tokens: int, until: float
    ) -> httpx.Response:
        """One try; a part of the request that the server refuses is left out."""
        import httpx

        contract: Contract = self._contract or "lines"
        without = set(self._without)
        while True:
            body = self._dialect.body(self._model, prompt, max_tokens, contract, without)
            request = client.build_request(
                "POST", self._url(self._dialect.path), json=body, timeout=self._left(until)
            )
            try:
                response = client.send(request, stream=True)
                if response.is_success:
                    self._contract, self._without = contract, without
                    return response
                response.read()
                response.close()
            except httpx.TimeoutException:
                raise
            except httpx.TransportError as exc:
                raise _Again(self._unreachable(f"{_said(exc)}; is the server running?")) from exc
            refused = response.status_code in {400, 422, 501}
            part = self._dialect.refused(_message(response), without) if refused else None
            if part is not None:
                without.add(part)
            elif refused and self._how.contract == "auto" and contract != "lines":
                contract = "json" if contract == "grammar" else "lines"
            else:
                self._fail(response)

    def _fail(self, response: httpx.Response) -> NoReturn:
        """Raise what a refusal means to whoever set the address, the model and the key."""
        status, message = response.status_code, _message(response)
        if status in {401, 403}:
            raise self._unreachable(
                f"the server refuses the key ({status}); llm.api_key_env names the variable with it"
            )
        if status == 404:
            raise self._unreachable(
                f"no such model or address (404: {message}); look at llm.model and llm.base_url"
            )
        error = self._unreachable(f"the server answers {status}: {message}")
        if status in _PASSING:
            raise _Again(error, _seconds(response.headers.get("retry-after", "")))
        if status in {400, 422, 501} and self._how.contract not in {"auto", "lines"}:
            raise self._unreachable(
                f"the server answers {status}: {message}; llm.contract is {self._how.contract},"
                ' "auto" asks for what the server supports'
            )
        raise error

    def _pieces(self, response: httpx.Response, until: float, usage: Usage | None) -> Iterator[str]:
        finished = False
        for line in _lines(self._watched(response.iter_text(), until)):
            chunk = self._read(line)
            if chunk is None:
                continue
            if chunk.error:
                raise self._unreachable(f"the server broke off: {chunk.error[:200]}")
            if chunk.usage is not None and usage is not None:
                self._count(chunk.usage, usage)
            finished = finished or chunk.finished
            if chunk.text:
                yield chunk.text
        if not finished:
            raise self._unreachable("the reply broke off before its end")

    def _watched(self, parts: Iterable[str], until: float) -> Iterator[str]:
        """Parts of a reply while there is time: a server that trickles may not hold a reader."""
        for part in parts:
            if time.monotonic() > until:
                raise self._late()
            yield part

    def _read(self, line: str) -> _Chunk | None:
        try:
            return self._dialect.read(line)
        except ValueError as exc:
            raise self._unreachable(f"this is no reply of its protocol: {line[:80]!r}") from exc

    def _count(self, counts: Mapping[str, int], usage: Usage) -> None:
        usage.prompt_tokens = counts["prompt_tokens"]
        usage.completion_tokens = counts["completion_tokens"]
        usage.cached_tokens = counts["cached_tokens"]
        cost = usage.prompt_tokens * self._how.price_in
        cost += usage.completion_tokens * self._how.price_out
        usage.cost = cost / 1_000_000


def openai_compatible_llm(
    model: str,
    base_url: str,
    *,
    api_key: str = "",
    how: Remote = _USUAL,
    sleep: Callable[[float], None] = time.sleep,
) -> RemoteLLM:
    """Any server that speaks the OpenAI API; ``base_url`` ends where ``/chat/completions`` begins."""
    return RemoteLLM(
        f"openai:{model}", model, base_url, _OpenAI(), api_key=api_key, how=how, sleep=sleep
    )


def ollama_llm(
    model: str,
    base_url: str = "http://127.0.0.1:11434",
    *,
    api_key: str = "",
    how: Remote = _USUAL,
    sleep: Callable[[float], None] = time.sleep,
) -> RemoteLLM:
    """A model served by Ollama. It takes no grammar: SettingsError where one is demanded."""
    if how.contract == "grammar":
        raise SettingsError('llm.contract: Ollama takes no grammar; "auto" or "json" will do')
    return RemoteLLM(
        f"ollama:{model}", model, base_url, _Ollama(), api_key=api_key, how=how, sleep=sleep
    )


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        named = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError as exc:
        raise SettingsError(f"llm.base_url: {base_url!r} is not an address: {exc}") from exc
    if parts.username or parts.password:
        raise SettingsError(
            "llm.base_url: holds a name or a password; put a key into an environment variable and"
            " name it in llm.api_key_env"
        )
    if not named:
        raise SettingsError(f"llm.base_url: {base_url!r} is not an http or https address")
    return base_url


@functools.cache
def _certificates() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


def _trusted(base_url: str) -> ssl.SSLContext | bool:
    """The certificates to check with, read once; a plain address needs none."""
    return _certificates() if base_url.startswith("https:") else False


def _lines(parts: Iterable[str]) -> Iterator[str]:
    """Whole lines of a reply; the rest is given when the reply ends."""
    rest = ""
    for part in parts:
        *whole, rest = (rest + part).split("\n")
        if len(rest) > _LONGEST_LINE:
            raise LLMUnreachable("the server sends a line without end")
        yield from whole
    if rest.strip():
        yield rest


def _object(data: str) -> dict[str, object]:
    """One JSON object, empty where it is none. Raises ValueError for what is no JSON."""
    said = json.loads(data)
    return said if isinstance(said, dict) else {}


def _count(counts: object, key: str) -> int:
    value = counts.get(key) if isinstance(counts, dict) else 0
    return value if isinstance(value, int) else 0


def _told(error: object) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error)


def _message(response: httpx.Response) -> str:
    """What a refusal says, in at most 200 letters."""
    try:
        said = response.json()
    except ValueError:
        return " ".join(response.text.split())[:200] or response.reason_phrase
    error = said.get("error", said) if isinstance(said, dict) else said
    return " ".join(_told(error).split())[:200]


def _seconds(header: str) -> float:
    """What Retry-After asks for, in seconds; 0 where it gives a date or nothing."""
    try:
        return max(0.0, float(header))
    except ValueError:
        return 0.0


def _said(exc: Exception) -> str:
    return str(exc) or type(exc).__name__
