"""The page of articles without a web framework: what it shows, and what editors do on it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from konkyo.index.builder import mark_article
from konkyo.index.errors import ArticleMissing, KonkyoError
from konkyo.index.records import ArticlePage, ArticleQuery, Filter, status_of
from konkyo.ui.server.index_jobs import IndexJobs, Job, Order
from konkyo.ui.web.admin import Tickets
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.html.article import article_page
from konkyo.ui.web.html.library import SORTS, ArticleListing, article_list
from konkyo.ui.web.html.library_work import job_part, work_part
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.pipeline_protocol import NotReady
from konkyo.ui.web.turns import IndexSummary

__all__ = ["Library", "article_listing"]

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_ARTICLE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}\Z")
_LONGEST = 200
_MOST_CHOICES = 50
_MOST_PAGES = 1_000_000
_COUNTED = 200
_LONGEST_CORRECTION = 2000
_WAIT = 5.0


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
        self, chat_service: ChatService, index_jobs: IndexJobs | None, tickets: Tickets
    ) -> None:
        self._chat_service = chat_service
        self._index_jobs = index_jobs
        self._tickets = tickets

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
            sources = len(self._index_jobs.sources())
            ticket = self._tickets.issue("upload")
            work = work_part(sources, self.job(language), language, ticket=ticket)
        return work + article_list(listing, found, summary, language, editor=editing)

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

    def order(self, order: Order, sources: Sequence[str], language: Language, *, yes: bool) -> str:
        """Give an order; returns how far it is, or why it was refused."""
        jobs = self._jobs()
        try:
            if order == "cancel":
                jobs.cancel()
            else:
                jobs.start(order, sources, yes=yes)
        except KonkyoError as exc:
            return self.job(language, str(exc))
        return self.job(language)

    def mark(self, article_id: str, status: str, correction: str) -> str:
        """Say what became of an article; returns why that cannot be done, or nothing."""
        said = " ".join(correction[:_LONGEST_CORRECTION].split()) or None
        try:
            mark_article(
                article_id, status_of(status), self._jobs().store, correction=said, wait=_WAIT
            )
        except KonkyoError as exc:
            return str(exc)
        self._chat_service.renew()
        return ""

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
