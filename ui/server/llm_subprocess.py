"""The embedded language model in a process of its own.

llama.cpp's binding keeps Python's lock while it reads a model, for seconds: in the process that
serves the page nobody could open it meanwhile. Apart, it can also crash without taking the chat
along. The two talk by lines of JSON over pipes; no socket, no pickle. The child ends when the
parent's end of the pipe closes, however that comes about.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

from konkyo.index.errors import LLMError, LLMUnreachable
from konkyo.rag.generation.llm import LLM, EmbeddedLLM, Usage
from konkyo.rag.generation.prompts import Prompt

__all__ = ["SubprocessLLM", "attend", "main"]

_STOP_SECONDS = 1.0
_CHILD = "import sys; from konkyo.ui.server.llm_subprocess import main; main(sys.argv[1])"


class SubprocessLLM:
    """An ``EmbeddedLLM`` behind two pipes: the same answers, one call at a time.

    ``command`` starts the child; tests give another one. A child that ended is started again by
    the next question.
    """

    def __init__(self, path: Path, command: Sequence[str] | None = None) -> None:
        self._path = path
        self._command = command or (sys.executable, "-P", "-c", _CHILD, str(path))
        self._turn = threading.Lock()
        self._interrupted = threading.Event()
        self._child: subprocess.Popen[str] | None = None

    @property
    def name(self) -> str:
        """The name ``EmbeddedLLM`` goes by: what is written does not depend on where it runs."""
        return f"embedded:{self._path.stem}"

    def load(self) -> None:
        """Start the process and wait until its model is ready. Raises LLMUnreachable."""
        with self._turn:
            self._ensure()

    def close(self) -> None:
        """End the process, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        """Pieces of text as they are written; closing the iterator stops the engine.

        Raises LLMUnreachable.
        """
        self._turn.acquire()
        self._interrupted.clear()
        ended = False
        try:
            child = self._ensure()
            self._tell(child, {"prompt": asdict(prompt), "max_tokens": max_tokens})
            if self._interrupted.is_set():
                # While the process was started; what it was told then came before the question.
                self._tell(child, {"stop": True})
            while True:
                said = self._hear(child)
                if "piece" in said:
                    yield str(said["piece"])
                    continue
                ended = True
                if "error" in said:
                    raise LLMUnreachable(str(said["error"]))
                if usage is not None and isinstance(counts := said.get("usage"), dict):
                    for field, count in counts.items():
                        setattr(usage, field, count)
                return
        except LLMError:
            ended = True
            raise
        finally:
            if ended:
                self._turn.release()
            else:
                # Whoever closes the stream shall not wait for the engine's next token.
                threading.Thread(target=self._drain, daemon=True).start()

    def interrupt(self) -> None:
        """Stop what is being written, from another thread; the caller it was for gets an error."""
        self._interrupted.set()
        child = self._child
        if child is not None and self._turn.locked():
            with contextlib.suppress(LLMUnreachable):
                self._tell(child, {"stop": True})

    def _drain(self) -> None:
        try:
            child = self._child
            if child is not None:
                self._tell(child, {"stop": True})
                while "piece" in self._hear(child):
                    pass
        except LLMUnreachable:
            pass
        finally:
            self._turn.release()

    def _ensure(self) -> subprocess.Popen[str]:
        if self._child is None:
            # A session of its own: Ctrl-C in the terminal is for the server, which then ends us.
            self._child = subprocess.Popen(
                list(self._command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                bufsize=1,
                start_new_session=True,
            )
            said = self._hear(self._child)
            if "error" in said:
                self.close()
                raise LLMUnreachable(str(said["error"]))
        return self._child

    def _tell(self, child: subprocess.Popen[str], message: object) -> None:
        try:
            assert child.stdin is not None
            child.stdin.write(json.dumps(message) + "\n")
            child.stdin.flush()
        except (OSError, ValueError) as exc:
            raise self._gone() from exc

    def _hear(self, child: subprocess.Popen[str]) -> dict[str, object]:
        try:
            assert child.stdout is not None
            said = json.loads(child.stdout.readline())
        except (OSError, ValueError) as exc:
            raise self._gone() from exc
        if not isinstance(said, dict):
            raise self._gone()
        return said

    def _gone(self) -> LLMUnreachable:
        self.close()
        return LLMUnreachable(
            f"{self.name}: its process ended without an answer; the next question starts it again"
        )


def attend(
    llm: LLM,
    asked: IO[str],
    answered: IO[str],
    give_up: Callable[[], object] = lambda: None,
) -> None:
    """The child's side: answer line after line until ``asked`` ends.

    ``give_up`` is called when the engine goes on for a second after it was told to stop: nothing
    can interrupt it while it reads a prompt, which may take half a minute.
    """
    requests: queue.Queue[dict[str, object] | None] = queue.Queue()
    stop, idle = threading.Event(), threading.Event()
    idle.set()

    def listen() -> None:
        for line in asked:
            message = json.loads(line)
            if "stop" in message:
                stop.set()
                if not idle.wait(_STOP_SECONDS):
                    give_up()
            else:
                idle.clear()
                requests.put(message)
        stop.set()
        requests.put(None)

    def say(**message: object) -> None:
        answered.write(json.dumps(message) + "\n")
        answered.flush()

    threading.Thread(target=listen, daemon=True).start()
    say(ready=True)
    while (request := requests.get()) is not None:
        stop.clear()
        usage = Usage()
        fields = request["prompt"]
        assert isinstance(fields, dict)
        pieces = llm.stream(
            Prompt(**fields), max_tokens=int(str(request["max_tokens"])), usage=usage
        )
        try:
            for piece in pieces:
                if stop.is_set():
                    break
                say(piece=piece)
            idle.set()
            say(done=True, usage=asdict(usage))
        except LLMError as exc:
            idle.set()
            say(error=str(exc))


def _threads(cores: int) -> int | None:
    """One thread where the cores are fought over, else the engine's own choice (None).

    Its threads wait for each other at every layer: ten tokens on two cores at a load of 15 took
    93 s with two threads and 12 s with one; left alone, two are faster.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return 1 if load > 2 * cores else None


def main(path: str) -> None:
    """Serve the GGUF model at ``path`` over standard input and output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What the engine prints must not end up between our lines.
    answered = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    llm = EmbeddedLLM(Path(path), threads=_threads(os.cpu_count() or 2))
    with contextlib.suppress(BrokenPipeError):
        try:
            llm.load()
        except LLMError as exc:
            answered.write(json.dumps({"error": str(exc)}) + "\n")
            answered.flush()
            return
        attend(llm, sys.stdin, answered, lambda: os._exit(0))
    # The engine's own threads would keep an ordinary exit waiting.
    os._exit(0)
