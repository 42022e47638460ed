"""What may be wrong with an installation, each finding with the command that mends it.

Every check reads only: nothing is fetched, built or changed.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, files, requires, version
from pathlib import Path
from typing import Literal

from konkyo.index.errors import (
    KonkyoError,
    ModelDamaged,
    ModelError,
    ModelMissing,
    SettingsError,
    StoreMissing,
)
from konkyo.index.settings import Settings
from konkyo.rag.answer_style import AnswerStyle, Phrasing
from konkyo.rag.generation.http_llm import OLLAMA

__all__ = ["Finding", "examine", "memory_bytes", "settings_problem"]

Level = Literal["ok", "note", "wrong"]

_OLDEST = (3, 11)
_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_DISK = 2_000_000_000
_MEMORY = 3_000_000_000
_QUOTES_ALONE = "not asked to phrase answers, which are quotes, and loaded when it is needed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; ``mend`` is a command, empty where nothing needs mending."""

    name: str
    level: Level
    detail: str
    mend: str = ""


def examine(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """Look at everything, in the order in which it is needed."""
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _libraries,
        _torch,
        _memory,
        _disk,
        lambda: _embedding(settings),
        _checker,
        lambda: _llm(settings, environment),
        lambda: _store(settings),
        lambda: _fits(settings),
        lambda: _port(settings),
        _load,
    )
    return [check() for check in checks]


def _python() -> Finding:
    found = platform.python_version()
    if sys.version_info < _OLDEST:
        return Finding(
            "Python", "wrong", f"{found}; 3.11 or newer is needed", "make PYTHON=python3.12 setup"
        )
    return Finding("Python", "ok", f"{found} at {sys.executable}")


def _libraries() -> Finding:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = requires("konkyo") or []
    except PackageNotFoundError:
        return Finding("libraries", "wrong", "Konkyo itself is not installed", "pip install -e .")
    wrong: list[str] = []
    count = 0
    for line in wanted:
        try:
            need = Requirement(line)
        except InvalidRequirement:
            continue
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            have = version(need.name)
        except PackageNotFoundError:
            wrong.append(f"{need.name} is missing")
            continue
        if not need.specifier.contains(have, prereleases=True):
            wrong.append(f"{need.name} {have}, wanted {need.specifier}")
    if wrong:
        return Finding("libraries", "wrong", "; ".join(wrong), "make setup")
    return Finding("libraries", "ok", f"Konkyo {version('konkyo')}, {count} libraries as wanted")


def _torch() -> Finding:
    """Torch for graphics cards works, and takes gigabytes that nothing here uses."""
    try:
        found = version("torch")
    except PackageNotFoundError:
        return Finding("torch", "note", "not installed: only the fast encoder can be used")
    gpu = sorted(
        name
        for d in distributions()
        if (name := d.metadata["Name"].lower()).startswith("nvidia-") or name == "triton"
    )
    if not gpu:
        return Finding("torch", "ok", f"{found}, for the CPU")
    size = sum(_bytes(name) for name in gpu)
    return Finding(
        "torch",
        "note",
        f"{found} came with {len(gpu)} libraries for graphics cards, {size / 1e9:.1f} GB that"
        " Konkyo does not use",
        f"pip uninstall -y {' '.join(gpu)} && pip install --force-reinstall --no-deps"
        f" --index-url {_CPU_INDEX} torch=={found.split('+')[0]}",
    )


def _bytes(name: str) -> int:
    """What an installed library takes on disk, by its own list of files."""
    return sum(file.size or 0 for file in files(name) or ())


def memory_bytes() -> int | None:
    """Memory that programs may still take, in bytes; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _memory() -> Finding:
    free = memory_bytes()
    if free is None:
        return Finding("memory", "note", "this system does not say how much is free")
    said = f"{free / 1e9:.1f} GB free"
    if free < _MEMORY:
        return Finding(
            "memory",
            "note",
            f"{said}; the default models want about {_MEMORY / 1e9:.0f} GB",
            "konkyo chat --model qwen2.5-coder-0.5b-instruct   # or --llm none",
        )
    return Finding("memory", "ok", f"{said}, {os.cpu_count()} cores")


def _disk() -> Finding:
    from konkyo.index.embedding.model_files import home

    place = home()
    there = next(p for p in (place, *place.parents) if p.exists())
    free = shutil.disk_usage(there).free
    if free < _DISK:
        return Finding(
            "disk", "note", f"{free / 1e9:.1f} GB free at {there}", "export KONKYO_HOME=/elsewhere"
        )
    return Finding("disk", "ok", f"{free / 1e9:.1f} GB free at {there}")


def _embedding(settings: Settings) -> Finding:
    from konkyo.index.embedding.model_registry import resolve_embedding

    name = settings.embedding.model
    try:
        place = resolve_embedding(name)
    except KonkyoError as exc:
        return Finding("embedding model", "wrong", str(exc), f"konkyo models pull {name}")
    return Finding("embedding model", "ok", f"{name} at {place}")


def _checker() -> Finding:
    from konkyo.index.embedding.model_registry import model_path
    from konkyo.rag.factory import CHECKER_BASE
    from konkyo.rag.reading.network import read_weights
    from konkyo.rag.reading.reader import WEIGHTS

    try:
        _, info = read_weights(WEIGHTS)
    except (ModelDamaged, OSError) as exc:
        return Finding("checker", "wrong", str(exc), "pip install --force-reinstall konkyo")
    try:
        model_path(CHECKER_BASE)
    except ModelError as exc:
        level: Level = "note" if isinstance(exc, ModelMissing) else "wrong"
        return Finding("checker", level, str(exc), f"konkyo models pull {CHECKER_BASE}")
    return Finding("checker", "ok", f"version {info.version} on {CHECKER_BASE}")


def _llm(settings: Settings, environment: Mapping[str, str]) -> Finding:
    llm = settings.llm
    if llm.kind == "none":
        return Finding("language model", "note", "none: answers are quotes alone")
    if llm.kind == "embedded":
        return _embedded(llm.model, settings.answers.phrasing)
    if llm.api_key_env and llm.api_key_env not in environment:
        return Finding(
            "language model",
            "wrong",
            f"the environment has no variable {llm.api_key_env}",
            f"export {llm.api_key_env}=…",
        )
    default = OLLAMA if llm.kind == "ollama" else ""
    return _remote(llm.kind, llm.model, llm.base_url or default)


def _embedded(named: str, phrasing: Phrasing) -> Finding:
    from konkyo.index.embedding.catalogue import default_model
    from konkyo.index.embedding.model_registry import resolve_llm

    name = named or default_model("llm").name
    phrases = AnswerStyle(phrasing).phrases(f"embedded:{name}")
    try:
        path = resolve_llm(name)
    except KonkyoError as exc:
        level: Level = "wrong" if phrases or not isinstance(exc, ModelMissing) else "note"
        return Finding("language model", level, str(exc), f"konkyo models pull {name}")
    use = "phrases answers" if phrases else _QUOTES_ALONE
    return Finding("language model", "ok", f"{name} at {path}; {use}")


def _remote(kind: str, model: str, base_url: str) -> Finding:
    from urllib.parse import urlsplit

    parts = urlsplit(base_url)
    if not parts.hostname or not model:
        wanted = "model and base_url" if kind == "openai" else "model"
        return Finding(
            "language model", "wrong", f"[llm] of konkyo.toml names no {wanted}", "edit konkyo.toml"
        )
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), timeout=3).close()
    except (OSError, ValueError) as exc:
        start = "ollama serve" if kind == "ollama" else f"start the server at {base_url}"
        return Finding("language model", "wrong", f"{base_url} does not answer: {exc}", start)
    return Finding("language model", "ok", f"{kind} {model} at {base_url} answers")


def _store(settings: Settings) -> Finding:
    from konkyo.index.stores.address import masked
    from konkyo.index.stores.open import open_store

    try:
        opened = open_store(settings.store)
    except StoreMissing as exc:
        return Finding(
            "index",
            "wrong",
            str(exc),
            f"konkyo index build SOURCE... --store {masked(settings.store)}",
        )
    except KonkyoError as exc:
        return Finding(
            "index", "wrong", str(exc), f"konkyo index verify --store {masked(settings.store)}"
        )
    try:
        count = sum(1 for _ in opened.articles())
        generation = opened.generation
    finally:
        opened.close()
    if not count:
        return Finding(
            "index",
            "wrong",
            f"{masked(settings.store)}: holds no article",
            f"konkyo index add SOURCE... --store {masked(settings.store)}",
        )
    said = f"{masked(settings.store)}: {count} articles, generation {generation}"
    return Finding("index", "ok", said)


def _fits(settings: Settings) -> Finding:
    from konkyo.index.stores.address import masked
    from konkyo.index.stores.open import encoder_of, open_store

    try:
        opened = open_store(settings.store)
    except KonkyoError:
        return Finding("index and model", "note", "not compared: there is no index to open")
    try:
        made = encoder_of(opened.fingerprint)
    finally:
        opened.close()
    name = Path(settings.embedding.model).name
    if name.lower() not in made.lower():
        return Finding(
            "index and model",
            "note",
            f"the index was made with {made}, the settings name {settings.embedding.model}",
            f"konkyo index build SOURCE... --store {masked(settings.store)}",
        )
    return Finding("index and model", "ok", f"both are {name}")


def _port(settings: Settings) -> Finding:
    host, port = settings.chat.host, settings.chat.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as exc:
            return Finding(
                "port",
                "note",
                f"{host}:{port} cannot be taken ({exc.strerror}); is a chat running?",
                "konkyo chat --port 0",
            )
    return Finding("port", "ok", f"{host}:{port} is free")


def _load() -> Finding:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    cores = os.cpu_count() or 1
    if load > 2 * cores:
        return Finding("load", "note", f"{load:.1f} on {cores} cores: answers will be slow")
    return Finding("load", "ok", f"{load:.1f} on {cores} cores")


def settings_problem(error: SettingsError) -> Finding:
    """What is wrong with the settings, as a finding."""
    return Finding("settings", "wrong", str(error), "edit konkyo.toml or unset the variable named")
