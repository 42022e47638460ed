"""Language models over HTTP: any server that speaks the OpenAI API, and Ollama's own.

One call has one time-out, retries included. What may pass by itself (a refused connection, a
server that is loading or overrun) is tried again, each time later; a server that takes too long
is not asked twice. Nothing is tried again once the first piece has come. A server that refuses a
part of the request it does not know is asked without it, and that is remembered.

Keys travel in one header and stand in no message, log or ``repr``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, NoReturn
from urllib.parse import urlsplit

from konkyo.index.errors import LLMRefused, LLMTimeout, LLMUnreachable, SettingsError
from konkyo.rag.generation.chat_protocols import ChatProtocol, Chunk, OllamaChat, OpenAIChat
from konkyo.rag.generation.http_deadline import client_until
from konkyo.rag.generation.http_probe import why_unreachable
from konkyo.rag.generation.http_response import describe, refusal_message, retry_after, whole_lines
from konkyo.rag.generation.llm import Usage
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.generation.structured_output import Contract, json_as_lines, without_thoughts

if TYPE_CHECKING:
    import httpx

__all__ = ["OLLAMA", "Remote", "RemoteLLM", "ollama_llm", "openai_compatible_llm"]

OLLAMA = "http://127.0.0.1:11434"
"""Where Ollama listens unless it is told otherwise."""

_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_NOT_KNOWN = frozenset({400, 422, 501})
_NOT_THERE = _MAY_PASS - {500}
"""The model is away, is being loaded or has too much to do; 500 may come for each question."""
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


class _MayPass(Exception):
    """A fault that may pass by itself; carries what is raised if it does not."""

    def __init__(self, error: LLMUnreachable, after: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


class _Call(NamedTuple):
    """What one call asks for, until when (``time.monotonic``), and by which contract."""

    client: httpx.Client
    prompt: Prompt
    max_tokens: int
    until: float
    contract: Contract


class RemoteLLM:
    """A model behind an HTTP address; holds no connection between calls, safe to share."""

    def __init__(
        self,
        name: str,
        model: str,
        base_url: str,
        protocol: ChatProtocol,
        *,
        api_key: str = "",
        how: Remote = _USUAL,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``sleep`` is for tests. Raises SettingsError for an address that is none."""
        self._name = name
        self._model = model
        self._base = _checked(base_url)
        self._protocol = protocol
        self._key = api_key
        self._how = how
        self._sleep = sleep
        self._contract: Contract | None = None if how.contract == "auto" else how.contract
        self._left_out: set[str] = set()

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
            with client_until(until, self._headers(), self._base) as client:
                contract = self._contract or self._find_contract(client, until)
                call = _Call(client, prompt, max_tokens, until, contract)
                with self._open(call) as (response, held):
                    pieces: Iterator[str] = self._pieces(response, until, usage)
                    pieces = without_thoughts(pieces)
                    if held == "json" and prompt.shown:
                        pieces = json_as_lines(pieces)
                    yield from pieces
        except httpx.ConnectTimeout as exc:
            raise self._unreachable("no connection in time; is the server running?") from exc
        except httpx.TimeoutException as exc:
            raise self._timed_out() from exc
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            self._check_time(until)
            raise self._unreachable(f"the connection broke off ({describe(exc)})") from exc

    def check_reachable(self, seconds: float = 5.0) -> None:
        """Find out whether the server is there, by its list of models. Raises LLMUnreachable."""
        import httpx

        try:
            url = self._url(self._protocol.list_path)
        except httpx.InvalidURL as exc:
            raise self._unreachable(describe(exc)) from exc
        if why := why_unreachable(url, self._headers(), seconds):
            raise self._unreachable(why)

    @property
    def _place(self) -> str:
        return self._base.split("?")[0]

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _unreachable(self, what: str) -> LLMUnreachable:
        return LLMUnreachable(self._told(what))

    def _refused(self, what: str) -> LLMRefused:
        return LLMRefused(self._told(what))

    def _told(self, what: str) -> str:
        masked = what.replace(self._key, "***") if self._key else what
        return f"{self._name} at {self._place}: {masked}"

    def _timed_out(self) -> LLMTimeout:
        return LLMTimeout(
            f"{self._name} at {self._place}: no answer in time ({self._how.timeout:g} s); is the"
            " server busy? llm.timeout sets how long to wait"
        )

    def _url(self, path: str) -> httpx.URL:
        import httpx

        base = httpx.URL(self._base)
        return base.copy_with(path=base.path.rstrip("/") + path)

    def _check_time(self, until: float) -> None:
        if time.monotonic() >= until:
            raise self._timed_out()

    def _time_left(self, until: float) -> httpx.Timeout:
        import httpx

        self._check_time(until)
        left = max(0.001, until - time.monotonic())
        return httpx.Timeout(left, connect=min(_CONNECT, left))

    def _find_contract(self, client: httpx.Client, until: float) -> Contract:
        """The strongest contract the server supports.

        It is remembered, but not where a fault that may pass keeps the server from saying.
        """
        import httpx

        models, known = None, True
        if self._protocol.models_path is not None:
            try:
                reply = client.get(
                    self._url(self._protocol.models_path), timeout=self._time_left(until)
                )
                known = reply.status_code not in _MAY_PASS
                models = reply.json() if reply.is_success else None
            except httpx.TimeoutException:
                raise
            except httpx.HTTPError:
                known = False
            except (ValueError, RecursionError):
                models = None  # What was answered is no list of models.
        contract = self._protocol.contract(models)
        if known:
            self._contract = contract
        return contract

    @contextmanager
    def _open(self, call: _Call) -> Iterator[tuple[httpx.Response, Contract]]:
        """Open a response, with the contract it is held to; again where a fault may pass."""
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
            asked = fault.after if isinstance(fault, _MayPass) else 0.0
            return max(asked, backoff(state))  # type: ignore[arg-type]

        left = max(0.0, call.until - time.monotonic())
        again = Retrying(
            stop=stop_after_attempt(self._how.retries + 1) | stop_before_delay(left),
            wait=wait,
            retry=retry_if_exception_type(_MayPass),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            response, held = again(self._send, call)
        except _MayPass as exc:
            raise exc.error from exc.__cause__
        try:
            yield response, held
        finally:
            response.close()

    def _send(self, call: _Call) -> tuple[httpx.Response, Contract]:
        """One try; a part of the request that the server refuses is left out."""
        import httpx

        contract, left_out = call.contract, set(self._left_out)
        url = self._url(self._protocol.path)
        while True:
            asked = (self._model, call.prompt, call.max_tokens, contract, left_out)
            request = call.client.build_request(
                "POST", url, json=self._protocol.body(*asked), timeout=self._time_left(call.until)
            )
            try:
                response = call.client.send(request, stream=True)
                if response.is_success:
                    self._left_out = left_out
                    if self._contract == call.contract:
                        self._contract = contract
                    return response, contract
                message = refusal_message(response)
            except httpx.TimeoutException:
                raise
            except httpx.TransportError as exc:
                self._check_time(call.until)
                raise _MayPass(
                    self._unreachable(f"{describe(exc)}; is the server running?")
                ) from exc
            refused = response.status_code in _NOT_KNOWN
            part = self._protocol.refused_part(message, left_out) if refused else None
            if part is not None:
                left_out.add(part)
            elif refused and self._how.contract == "auto" and contract != "lines":
                contract = "json" if contract == "grammar" else "lines"
            else:
                self._fail(response, message)

    def _fail(self, response: httpx.Response, message: str) -> NoReturn:
        """Raise the error that a refusal stands for, with the setting to look at."""
        status = response.status_code
        if status in {401, 403}:
            raise self._refused(
                f"the server refuses the key ({status}); llm.api_key_env names the variable with it"
            )
        if status == 404:
            raise self._refused(
                f"no such model or address (404: {message}); look at llm.model and llm.base_url"
            )
        told = f"the server answers {status}: {message}"
        error = self._unreachable(told) if status in _NOT_THERE else self._refused(told)
        if status in _MAY_PASS:
            raise _MayPass(error, retry_after(response.headers.get("retry-after", "")))
        if status in _NOT_KNOWN and self._how.contract not in {"auto", "lines"}:
            raise self._refused(
                f'{told}; llm.contract is {self._how.contract}, "auto" asks for what the server'
                " supports"
            )
        raise error

    def _pieces(self, response: httpx.Response, until: float, usage: Usage | None) -> Iterator[str]:
        finished = False
        for line in whole_lines(self._in_time(response.iter_text(), until)):
            chunk = self._read(line)
            if chunk is None:
                continue
            if chunk.error:
                raise self._refused(f"the server broke off: {chunk.error[:200]}")
            if chunk.usage is not None and usage is not None:
                self._count(chunk.usage, usage)
            finished = finished or chunk.finished
            if chunk.text:
                yield chunk.text
        if not finished:
            raise self._unreachable("the reply broke off before its end")

    def _in_time(self, parts: Iterable[str], until: float) -> Iterator[str]:
        """Yield parts of a reply until the time is up. Raises LLMTimeout."""
        for part in parts:
            self._check_time(until)
            yield part
        # Where its end is that of the connection, a reply that ran out of time ends here, too.
        self._check_time(until)

    def _read(self, line: str) -> Chunk | None:
        try:
            return self._protocol.read(line)
        except ValueError as exc:
            raise self._refused(f"this is no reply of its protocol: {line[:80]!r}") from exc

    def _count(self, counts: Mapping[str, int], usage: Usage) -> None:
        usage.set_counts(counts)
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
    """Any server that speaks the OpenAI API.

    ``base_url`` is what stands before ``/chat/completions``.
    """
    return RemoteLLM(
        f"openai:{model}", model, base_url, OpenAIChat(), api_key=api_key, how=how, sleep=sleep
    )


def ollama_llm(
    model: str,
    base_url: str = OLLAMA,
    *,
    api_key: str = "",
    how: Remote = _USUAL,
    sleep: Callable[[float], None] = time.sleep,
) -> RemoteLLM:
    """A model served by Ollama. It takes no grammar: SettingsError where one is demanded."""
    if how.contract == "grammar":
        raise SettingsError('llm.contract: Ollama takes no grammar; "auto" or "json" will do')
    return RemoteLLM(
        f"ollama:{model}", model, base_url, OllamaChat(), api_key=api_key, how=how, sleep=sleep
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
