"""Reads documents and encodes passages on a Ray cluster. The one owner of ray.

Two Ray Data pipelines serve a build, which stays in this process with all its decisions and its
one transaction: tasks read, extract and cut documents, and a pool of actors encodes the new
passages. Ray Data limits how much is under way and repeats the work of a lost node; a result that
comes twice is taken once.
"""

from __future__ import annotations

import itertools
import logging
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from konkyo.index.builder import BuildEncoder
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.embedding.sentence_transformers import PlainEncoder
from konkyo.index.errors import ExtraMissing, KonkyoError, ModelError, WorkersLost
from konkyo.index.ingest.preparation import DocumentTask, Reading, reads_alone
from konkyo.index.ingest.sources import Fetcher
from konkyo.index.process_pool import ProcessReader
from konkyo.index.settings import ChunkSettings, ReadingSettings

if TYPE_CHECKING:
    from ray.data import Dataset

__all__ = ["BATCH", "Cluster"]

BATCH = 131_072
"""Passages that are encoded at once: a pool of actors is started for each such batch."""

_DOCUMENTS = 4_096
_BLOCK = 16
_PASSAGES = 128
_OUR_ERROR = re.compile(r"konkyo\.index\.errors\.\w+: (.+)")
_log = logging.getLogger(__name__)

Load = Callable[[], BuildEncoder]


class Cluster(AbstractContextManager["Cluster"]):
    """A Ray cluster, joined until closed. It reads for a build, and is its encoder.

    ``address`` is ``auto`` (the cluster this machine belongs to), ``local`` (one of this machine
    alone) or the host:port of a cluster's head. ``load`` loads the encoder wherever it is called:
    it is sent to the nodes, which need Konkyo, the model and the sources under the same names,
    and is compared there. The plain encoder gets a GPU each where there are some.
    Raises ExtraMissing, WorkersLost; later also what reading and encoding raise there.
    """

    def __init__(
        self,
        address: str,
        encoder: BuildEncoder,
        load: Load,
        chunks: ChunkSettings,
        fetch: Fetcher | None = None,
        limits: ReadingSettings | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as exc:
            raise ExtraMissing("Ray is not installed; pip install 'konkyo[ray]'") from exc
        self._address = address
        self._encoder = encoder
        self._load = load
        self._chunks = chunks
        self._fetch = fetch
        self._limits = limits or ReadingSettings()
        self._here = ProcessReader(
            1, None, chunks, fetch, count=encoder.count_tokens, limits=limits
        )
        _require_listener(address)
        with self._translated():
            # Its own log would run through our progress bar; what goes wrong is raised.
            ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
            _hide_progress()
            total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self._gpus = int(total.get("GPU", 0)) if isinstance(encoder, PlainEncoder) else 0
        self._cpus = max(1, int(total.get("CPU", 1)))
        nodes = sum(name.startswith("node:") and "internal" not in name for name in total)
        _log.info("%d nodes, %d CPUs, %d GPUs", nodes, self._cpus, self._gpus)

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        import ray

        self._here.close()
        ray.shutdown()

    # --- reading: konkyo.index.ingest.preparation.Reader ---

    def __call__(self, tasks: Iterator[DocumentTask]) -> Iterator[Reading]:
        """One reading a task, in order; some thousand documents are read ahead."""
        while some := list(itertools.islice(tasks, _DOCUMENTS)):
            shared = [task for task in some if not reads_alone(task, self._fetch)]
            done = self._read(shared) if shared else iter(())
            for task in some:
                if reads_alone(task, self._fetch):
                    yield from self._here(iter([task]))
                else:
                    yield next(done)

    def _read(self, tasks: Sequence[DocumentTask]) -> Iterator[Reading]:
        import ray.data

        blocks = min(len(tasks), max(-(-len(tasks) // _BLOCK), 2 * self._cpus))
        read = _Read(self._load, self._chunks, self._limits)
        with self._translated():
            rows = ray.data.from_items(
                [{"task": task} for task in tasks], override_num_blocks=blocks
            )
            # To the end, before the first is taken: a task that waits for its reader to come back
            # would keep the CPU that encoding needs meanwhile.
            done = rows.map(read).materialize()
            for row in done.iter_rows():
                reading = row["reading"]
                assert isinstance(reading, Reading)
                yield reading

    # --- encoding: konkyo.index.builder.BuildEncoder ---

    @property
    def fingerprint(self) -> str:
        """That of the encoder, which every node must have too."""
        return self._encoder.fingerprint

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._encoder.dimension

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, counted here."""
        return self._encoder.count_tokens(texts)

    def iter_passages(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        """Positions and vectors as they come from the actors, each position once.

        Less than a batch for every CPU is encoded here: that is done before actors have started.
        """
        if len(texts) <= _PASSAGES * self._cpus and not self._gpus:
            yield from self._encoder.iter_passages(texts)
            return
        missing = np.ones(len(texts), bool)
        with self._translated():
            for batch in self._encoded(texts).iter_batches(batch_size=None, batch_format="numpy"):
                self._require_same({str(name) for name in batch["fingerprint"]})
                positions = np.asarray(batch["position"], np.int64)
                new = missing[positions]
                missing[positions] = False
                yield positions[new], np.asarray(batch["vector"], np.float32)[new]
        if missing.any():
            raise WorkersLost(
                f"{self._address}: {missing.sum()} passages came back from nobody; run it again,"
                " what was encoded is kept"
            )

    def _require_same(self, fingerprints: set[str]) -> None:
        for other in fingerprints - {self.fingerprint}:
            raise ModelError(
                f"{self._address}: a node has another model or engine ({other}, here"
                f" {self.fingerprint}); give every node the same one"
            )

    def _encoded(self, texts: Sequence[str]) -> Dataset:
        import pyarrow as pa
        import ray.data
        from ray.data import ActorPoolStrategy

        parts = [
            pa.table({"position": np.arange(at, at + len(some)), "text": some})
            for at in range(0, len(texts), _PASSAGES)
            if (some := list(texts[at : at + _PASSAGES]))
        ]
        most = min(self._gpus or self._cpus, len(parts))
        return ray.data.from_arrow(parts).map_batches(
            _Encode,
            batch_size=None,
            batch_format="numpy",
            fn_constructor_args=(self._load,),
            compute=ActorPoolStrategy(min_size=1, max_size=most),
            num_cpus=None if self._gpus else 1,
            num_gpus=1 if self._gpus else None,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from ray.exceptions import RayError

        try:
            yield
        except (RayError, ConnectionError, TimeoutError, RuntimeError, ValueError) as exc:
            raise _workers_lost(self._address, exc) from exc


def _workers_lost(address: str, error: Exception) -> KonkyoError:
    """What went wrong on the nodes, in its last words: a whole trace comes with it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [found[1] for line in lines if (found := _OUR_ERROR.match(line))]
    said = (told or lines or [type(error).__name__])[-1]
    return WorkersLost(
        f"{address}: the Ray cluster failed: {said[:500]}. The index is as it was, what was encoded"
        " is kept; see to the cluster and run it again"
    )


def _require_listener(address: str) -> None:
    """Raise WorkersLost where nobody listens: Ray itself would try for many minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host.rpartition("/")[2].strip("[]"), int(port)), 10).close()
    except (OSError, OverflowError) as exc:
        raise WorkersLost(
            f"{address}: no Ray cluster answers there ({exc}); start one with `ray start --head`,"
            " or see to the address"
        ) from exc


def _hide_progress() -> None:
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.execution_options.verbose_progress = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


class _Read:
    """A task: one document."""

    def __init__(self, load: Load, chunks: ChunkSettings, limits: ReadingSettings) -> None:
        self._load = load
        self._chunks = chunks
        self._limits = limits

    def __call__(self, row: Mapping[str, DocumentTask]) -> dict[str, Reading]:
        reader = _reader(self._load, self._chunks, self._limits)
        (reading,) = reader(iter([row["task"]]))
        return {"reading": reading}


@lru_cache(maxsize=1)
def _reader(load: Load, chunks: ChunkSettings, limits: ReadingSettings) -> ProcessReader:
    """One of each process, which serves many tasks.

    Ray alone can send ``load`` on, so it counts.
    """
    return ProcessReader(1, None, chunks, count=load().count_tokens, limits=limits)


class _Encode:
    """An actor: the encoder of one CPU or GPU."""

    def __init__(self, load: Load) -> None:
        self._encoder = load()

    def __call__(self, batch: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, object]:
        texts = [str(text) for text in batch["text"]]
        vectors = np.empty((len(texts), self._encoder.dimension), np.float32)
        for positions, rows in self._encoder.iter_passages(texts):
            vectors[positions] = rows
        return {
            "position": batch["position"],
            "vector": vectors,
            "fingerprint": [self._encoder.fingerprint] * len(texts),
        }
