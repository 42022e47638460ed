"""The page of articles without a web framework: what it shows, and what editors do on it."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from functools import partial

from konkyo.index.errors import ArticleMissing, KonkyoError
from konkyo.index.records import ArticlePage, ArticleQuery, Filter, status_of
from konkyo.index.settings_file import Value, change_settings
from konkyo.ui.server.audit import AuditLog, recorded
from konkyo.ui.server.index_jobs import IndexJobs, Job, Order
from konkyo.ui.server.watcher import Watcher
from konkyo.ui.web.admin import UPLOAD_LIMIT, Tickets
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.html.article import article_page
from konkyo.ui.web.html.library import SORTS, ArticleListing, article_list
from konkyo.ui.web.html.library_job import job_part
from konkyo.ui.web.html.library_watch import watch_part
from konkyo.ui.web.html.library_work import sources_part, work_part
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.pipeline_protocol import NotReady
from konkyo.ui.web.reasons import reason_words
from konkyo.ui.web.turns import IndexSummary

__all__ = ["Library", "article_listing"]

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_ARTICLE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}\Z")
_LONGEST = 200
_MOST_CHOICES = 50
_MOST_PAGES = 1_000_000
_COUNTED = 200
_LONGEST_CORRECTION = 2000


def article_listing(pairs: Sequence[tuple[str, str]]) -> ArticleListing:
    """Returns what the query of an address asks for; what makes no sense there is passed over."""
    last = dict(pairs)

    def several(name: str) -> frozenset[str]:
        found = [value[:_LONGEST] for key, value in pairs if key == name and value]
        return frozenset(found[:_MOST_CHOICES])

    dates = [d if _ISO_DATE.match(d := last.get(name, "")) else None for name in ("since", "until")]
    page = last.get("page", "")
    number = int(page) if page.isdecimal() and len(page) <= len(str(_MOST_PAGES)) else 1
    return ArticleListing(
        words=last.get("words", "")[:_LONGEST],
        sort=last["sort"] if last.get("sort") in SORTS else "newest",
        where=Filter(dates[0], dates[1], several("language"), several("outlet")),
        page=min(max(1, number), _MOST_PAGES),
    )


class Library:
    """Lists the articles of one server's index, and changes it for editors."""

    def __init__(
        self,
        chat_service: ChatService,
        index_jobs: IndexJobs | None,
        tickets: Tickets,
        watcher: Watcher | None = None,
    ) -> None:
        self._chat_service = chat_service
        self._index_jobs = index_jobs
        self._tickets = tickets
        self._watcher = watcher

    @property
    def audit(self) -> AuditLog | None:
        """What keeps who changed what."""
        return None if self._index_jobs is None else self._index_jobs.audit

    @property
    def loading(self) -> bool:
        """Whether the models are not ready yet and will be."""
        return self._chat_service.will_be_ready

    def page(self, listing: ArticleListing, language: Language, *, editor: bool) -> str:
        """Returns the content of the page. Raises NotReady while there is no index."""
        self._chat_service.renew()
        store = self._chat_service.reader.store
        summary = self._chat_service.index_summary or IndexSummary(0)
        found = ArticlePage((), 0)
        if summary.count:
            found = store.article_page(listing.query, listing.where)
        editing = editor and self._index_jobs is not None
        work = ""
        if editing and self._index_jobs is not None:
            sources = self._index_jobs.sources()
            ticket = self._tickets.issue("upload")
            job = self.job(language)
            work = work_part(len(sources), job, language, ticket=ticket, limit=UPLOAD_LIMIT)
            work += sources_part(sources, language) + self.watched(language)
        listed = article_list(listing, found, summary, language, editor=editing)
        # Where there is no article yet, the invitation to add some comes first.
        return work + listed if summary.count else listed + work

    def article(self, article_id: str, language: Language) -> tuple[str, str]:
        """Returns title and content of the page of one article. Raises ArticleMissing, NotReady."""
        if not _ARTICLE_ID.match(article_id):
            raise ArticleMissing(say(language, "article_unknown"))
        article = self._chat_service.reader.article(article_id)
        return article.title, article_page(article, (), language)

    def job(self, language: Language, problem: str = "") -> str:
        """Returns how far the job under way is, or how the last one ended."""
        job = self._jobs().job
        return job_part(job, self._counts(job), language, problem=problem)

    def order(
        self, order: Order, sources: Sequence[str], language: Language, who: str, *, yes: bool
    ) -> str:
        """Give an order; returns how far it is, or why it was refused."""
        jobs = self._jobs()
        try:
            if order == "cancel":
                jobs.cancel(who=who)
            else:
                jobs.start(order, sources, yes=yes, who=who)
        except KonkyoError as exc:
            return self.job(language, str(exc))
        return self.job(language)

    def mark(
        self, article_id: str, status: str, correction: str, language: Language, who: str
    ) -> str:
        """Say what became of an article; returns why that cannot be done, or nothing."""
        said = " ".join(correction[:_LONGEST_CORRECTION].split()) or None
        try:
            self._jobs().mark(article_id, status_of(status), said, who)
        except KonkyoError as exc:
            return reason_words(str(exc), language)
        return ""

    def watched(self, language: Language, problem: str = "") -> str:
        """Returns the watched sources, and the form that adds one; nothing without a watcher."""
        if self._watcher is None:
            return ""
        try:
            states = self._watcher.states()
        except KonkyoError as exc:
            states, problem = [], str(exc)
        return watch_part(states, self._watcher.settings.hours, language, problem=problem)

    def watch(self, action: str, source: str, hours: str, language: Language, who: str = "") -> str:
        """Watch a source, or no more, or read all of them now; returns the watched sources."""
        watcher = self._watcher
        if watcher is None:
            raise NotReady("this server watches nothing")
        if action == "now":
            threading.Thread(target=partial(watcher.run, all_now=True), daemon=True).start()
            return self.watched(language)
        kept = [one for one in watcher.settings.sources if one != source]
        sources = [*kept, source] if action == "add" and source else kept
        try:
            with recorded(self.audit, who, f"watch: {action}", [source]):
                if action == "add":
                    self._jobs().require_allowed(source)
                changes: dict[str, Value] = {"watch.sources": sources}
                if hours:
                    changes["watch.hours"] = _number(hours)
                watcher.change(change_settings(changes).watch)
        except KonkyoError as exc:
            return self.watched(language, str(exc))
        return self.watched(language)

    def _jobs(self) -> IndexJobs:
        if self._index_jobs is None:
            raise NotReady("this server does not change its index")
        return self._index_jobs

    def _counts(self, job: Job | None) -> dict[str, int]:
        """How many articles of each source that a job has added are indexed."""
        if job is None or job.action != "add" or job.state != "done":
            return {}
        store = self._chat_service.reader.store
        only = ArticleQuery(limit=0)
        return {
            source: store.article_page(only, Filter(sources=frozenset({source}))).total
            for source in job.sources[:_COUNTED]
        }


def _number(text: str) -> float | str:
    """Returns a number, or the text itself, which the settings then refuse."""
    try:
        return float(text)
    except ValueError:
        return text
