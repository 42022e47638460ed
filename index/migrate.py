"""Copy a store to another address: nothing is encoded again, and everything is compared.

Articles go over in the order they were found in, some at a time, each batch in a transaction of
its own; a copy that was stopped goes on after the last one. Until it is whole the target's
fingerprint says that it is not, so that nobody answers from a part.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np

from konkyo.index.errors import StoreDamaged, StoreMismatch, StoreMissing
from konkyo.index.stores.address import masked
from konkyo.index.stores.base import (
    ArticleWriter,
    Copyable,
    Described,
    KeptArticle,
    KeptPlace,
    Readable,
    Searchable,
    SourceWriter,
    StoreWriter,
)
from konkyo.index.stores.open import open_store, open_writer

__all__ = ["CopyReport", "copy_store"]

Progress = Callable[[str, int, int], None]
"""Called with the stage (``copy`` or ``compare``), articles done and articles in all."""

_BATCH = 200
_SEARCHES = 20
_NEAREST = 10
_EPSILON = 1e-3
_UNFINISHED = "unfinished copy of "


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied, counted in articles, passages, sources and exclusions.

    ``resumed`` articles were there already; ``checksum`` is over all that both stores hold;
    ``searches`` were asked of both with the same answers.
    """

    articles: int
    passages: int
    sources: int
    exclusions: int
    resumed: int
    searches: int
    checksum: str
    generation: int
    seconds: float


def copy_store(
    origin: str,
    target: str,
    *,
    replace: bool = False,
    progress: Progress = lambda stage, done, total: None,
    wait: float = 0.0,
) -> CopyReport:
    """Make ``target`` hold what ``origin`` holds, and compare the two.

    An unfinished copy is gone on with. A target that holds anything else is refused, or with
    ``replace`` made anew beside and put in force in one piece. ``wait`` (seconds) is how long to
    wait for another writer of the target. Raises StoreMissing, StoreMismatch, StoreLocked,
    StoreDamaged (the two differ in the end), StoreError.
    """
    started = time.monotonic()
    with contextlib.closing(open_store(origin)) as source:
        copying = _Copying(source, target, replace, progress, wait)
        resumed = copying.run()
        with contextlib.closing(open_store(target)) as made:
            checksum = _compare(source, made, target, progress)
            searches = _compare_searches(source, made, target)
            return CopyReport(
                articles=len(copying.articles),
                passages=made.passage_count,
                sources=len(made.stamps()),
                exclusions=len(made.exclusions()),
                resumed=resumed,
                searches=searches,
                checksum=checksum,
                generation=made.generation,
                seconds=round(time.monotonic() - started, 3),
            )


class _Origin(Described, Copyable, Protocol):
    """What is read of a store to copy it."""


class _Compared(Described, Copyable, Readable, Searchable, Protocol):
    """What is asked of two stores to compare them."""


class _CopyWriter(ArticleWriter, SourceWriter, Protocol):
    """What a batch of articles is written with."""


class _Copying:
    """One copy under way."""

    def __init__(
        self, source: _Origin, target: str, replace: bool, progress: Progress, wait: float
    ) -> None:
        self._source = source
        self._target = target
        self._replace = replace
        self._progress = progress
        self._wait = wait
        self._places = source.kept_places()
        self._stamps = source.stamps()
        self._held: dict[str, list[tuple[str, str]]] = {}
        self.articles = list(dict.fromkeys(place.article_id for place in self._places))

    def run(self) -> int:
        """Copy what is missing; give how many articles were there already."""
        done, anew = self._begun()
        known = {place.article_id for place in self._places[:done]}
        resumed = len(known)
        self._hold(self._places[:done])
        if self._replace:
            with self._writer(self._source.fingerprint, rebuild=True) as writer:
                self._pass_on(writer, self._places, set())
                self._finish(writer)
            return 0
        unfinished = _UNFINISHED + self._source.fingerprint
        for batch in _batches(self._places, done):
            with self._writer(unfinished, rebuild=anew) as writer:
                self._pass_on(writer, batch, known)
                writer.commit()
                writer.keep_up()
            anew = False
        with self._writer(unfinished, rebuild=anew) as writer:
            writer.set_fingerprint(self._source.fingerprint)
            self._finish(writer)
        return resumed

    def _begun(self) -> tuple[int, bool]:
        """How many places were copied before, and whether to begin anew all the same."""
        try:
            opened = open_store(self._target)
        except StoreMissing:
            return 0, False
        with contextlib.closing(opened):
            if self._replace:
                return 0, True
            if opened.fingerprint != _UNFINISHED + self._source.fingerprint:
                raise StoreMismatch(
                    f"{masked(self._target)}: there is an index already ({opened.fingerprint});"
                    " name another place, or put the copy in its place with --replace"
                )
            held = opened.kept_places()
            if held != self._places[: len(held)]:
                # The origin changed since: what was copied of it may be gone there.
                return 0, True
            return len(held), False

    def _writer(
        self, fingerprint: str, *, rebuild: bool
    ) -> contextlib.AbstractContextManager[StoreWriter]:
        return open_writer(
            self._target,
            fingerprint=fingerprint,
            encoder=self._source.encoder,
            dimension=self._source.dimension,
            wait=self._wait,
            rebuild=rebuild,
        )

    def _pass_on(self, writer: _CopyWriter, places: Sequence[KeptPlace], known: set[str]) -> None:
        """Put the articles of some places, and link them in the order they were found in."""
        fresh = [n for n in dict.fromkeys(p.article_id for p in places) if n not in known]
        for some in _cut(fresh):
            for kept in self._source.kept(some):
                # float16 to float32 and back changes nothing.
                vectors = kept.vectors.astype(np.float32)
                writer.put(
                    kept.article, kept.passages, vectors, kept.keys, kept.bands, kept.payloads
                )
            known.update(some)
            self._progress("copy", len(known), len(self.articles))
        for source, run in _runs(places):
            self._hold(run)
            writer.set_source(source, self._stamps.get(source), self._held[source])

    def _hold(self, places: Sequence[KeptPlace]) -> None:
        """Remember what the sources hold in the target, in the order of the origin."""
        for place in places:
            self._held.setdefault(place.source, []).append((place.article_id, place.found_as))

    def _finish(self, writer: StoreWriter) -> None:
        """What belongs to no article: sources of none, what was removed, what was stored once."""
        there = writer.stamps()
        for source, stamp in self._stamps.items():
            if source not in there:
                writer.set_source(source, stamp, [])
        for source in there.keys() - self._stamps.keys():
            writer.remove_source(source)
        writer.exclude(self._source.exclusions())
        writer.remember(self._source.former_articles())
        writer.commit()
        writer.keep_up()


def _batches(places: Sequence[KeptPlace], done: int) -> Iterator[Sequence[KeptPlace]]:
    for at in range(done, len(places), _BATCH):
        yield places[at : at + _BATCH]


def _cut(names: Sequence[str]) -> Iterator[list[str]]:
    for at in range(0, len(names), 50):
        yield list(names[at : at + 50])


def _runs(places: Sequence[KeptPlace]) -> Iterator[tuple[str, list[KeptPlace]]]:
    """Neighbours of one source."""
    at = 0
    while at < len(places):
        source = places[at].source
        run = [places[at]]
        while at + len(run) < len(places) and places[at + len(run)].source == source:
            run.append(places[at + len(run)])
        yield source, run
        at += len(run)


def _checksum(kept: KeptArticle) -> str:
    """All of an article, as one number: text, facts, offsets, vectors, keys, sketch, payloads."""
    digest = hashlib.sha256(repr((kept.article, kept.passages, kept.bands, kept.payloads)).encode())
    for key in kept.keys:
        digest.update(key)
    digest.update(kept.vectors.tobytes())
    return digest.hexdigest()


def _compare(source: _Compared, made: _Compared, target: str, progress: Progress) -> str:
    """Compare counts, all articles and all places; give the checksum over everything."""
    names = sorted(summary.article_id for summary in source.articles())
    for what, here, there in (
        ("articles", names, sorted(summary.article_id for summary in made.articles())),
        ("passages", source.passage_count, made.passage_count),
        ("places", source.kept_places(), made.kept_places()),
        ("stamps", source.stamps(), made.stamps()),
        ("articles removed by hand", source.exclusions(), made.exclusions()),
        ("articles stored once", source.former_articles(), made.former_articles()),
    ):
        if here != there:
            raise _differs(target, what)
    total = hashlib.sha256()
    compared = 0
    for some in _cut(names):
        for one, other in zip(source.kept(some), made.kept(some), strict=True):
            checksum = _checksum(one)
            if checksum != _checksum(other):
                raise _differs(target, f"article {one.article.article_id}")
            total.update(checksum.encode())
        compared += len(some)
        progress("compare", compared, len(names))
    return total.hexdigest()


def _compare_searches(source: _Compared, made: _Compared, target: str) -> int:
    """Ask both the same, by vectors and by words; give how often."""
    names = [summary.article_id for summary in islice(source.articles(), _SEARCHES)]
    asked = 0
    for name in names:
        passages = source.passages_of(name)
        if not passages:
            continue
        (vector,) = source.vectors([passages[0].passage_id])
        text = passages[0].text[:80]
        for one, other in (
            (source.dense(vector, _NEAREST), made.dense(vector, _NEAREST)),
            (source.lexical(text, _NEAREST), made.lexical(text, _NEAREST)),
        ):
            here, there = ([hit.score for hit in found] for found in (one, other))
            if len(here) != len(there) or not np.allclose(here, there, atol=_EPSILON):
                raise _differs(target, f"what is found for {text!r}")
        asked += 1
    return asked


def _differs(target: str, what: str) -> StoreDamaged:
    return StoreDamaged(
        f"{masked(target)}: the copy is not equal to its origin ({what}); if the origin was"
        " changed meanwhile, copy again with --replace"
    )
