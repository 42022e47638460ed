"""A full disk: a real one of a few hundred kilobytes. Said plainly, and nothing is left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.errors import StoreFull
from konkyo.index.stores.local.checks import verify
from konkyo.index.stores.local.reader import LocalStore

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder, write_stories, write_story, yes

SIZE = 700
LEFT = (0, 8, 16, 48, 96, 320)
"""Kilobytes of the disk, and kilobytes left free before a change that needs more."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own; skipped where this user may not mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("there is no mount command here")
    command = [mount, "-t", "tmpfs", "-o", f"size={SIZE}k", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"a disk may not be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True, timeout=300)


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def fill(disk: Path, left: int) -> None:
    """Leave so many kilobytes of a disk."""
    state = os.statvfs(disk)
    room = state.f_bavail * state.f_bsize // 1024
    (disk / "other").write_bytes(b"x" * max(0, (room - left) * 1024))


def test_a_first_build_on_a_full_disk_leaves_no_index(tmp_path: Path, disk: Path) -> None:
    news = write_stories(tmp_path / "news", 40)
    for left in (64, 300):
        fill(disk, left)
        with pytest.raises(StoreFull, match="the disk is full; nothing of this change was kept"):
            build([str(news)], disk / "store", ToyEncoder())
        assert files(disk / "store") == ["LOCK"]
        (disk / "other").unlink()
    assert build([str(news)], disk / "store", ToyEncoder()).added == 40


def test_a_change_on_a_full_disk_leaves_the_index_as_it_was(tmp_path: Path, disk: Path) -> None:
    news = write_stories(tmp_path / "news", 40)
    build([str(news)], disk / "store", ToyEncoder())
    before = files(disk / "store")
    with LocalStore(disk / "store") as opened:
        articles = [article.article_id for article in opened.articles()]
    write_story(news, 3, version=1)
    write_stories(news / "more", 90)
    for left in LEFT:
        fill(disk, left)
        with pytest.raises(StoreFull, match="the disk is full; nothing of this change was kept"):
            build([str(news)], disk / "store", ToyEncoder(), confirm=yes)
        (disk / "other").unlink()
        assert files(disk / "store") == before
        assert [f for f in verify(disk / "store") if not f.ok] == []
        with LocalStore(disk / "store") as opened:
            assert [article.article_id for article in opened.articles()] == articles
