"""The page on which editors add, refresh and remove sources."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from konkyo.ui.server.index_jobs import Job
from konkyo.ui.web.html.admin_elements import action_button, progress_bar
from konkyo.ui.web.html.elements import phrase, source_navigation
from konkyo.ui.web.i18n import INDEX_CHECKS, Language

__all__ = ["check_results", "index_page", "job_section"]

_SHOWN = 200


def index_page(
    sources: Sequence[str],
    job: Job | None,
    language: Language,
    *,
    ticket: str = "",
    problem: str = "",
) -> str:
    """Returns the page: sources, ways to add some, and the current or last job.

    ``ticket`` lets this page's script hand over files; ``problem`` is why an order was refused.
    """
    running = job is not None and job.running
    parts = [
        source_navigation(language),
        f'<div class="k-admin" data-job="{"running" if running else "idle"}"'
        f' data-ticket="{escape(ticket)}">',
        f'<h2 id="k-article-title" tabindex="-1">{phrase(language, "index_page")}</h2>',
        f'<p class="k-failed" role="alert" dir="auto">{escape(problem)}</p>' if problem else "",
        job_section(job, language) if job else "",
        "" if running else _forms(language),
        "" if running else _sources(sources, language),
        "</div>",
    ]
    return "".join(parts)


def _forms(language: Language) -> str:
    add = action_button("keep-add", language, key="add", kind="k-chip k-main")
    return (
        f"<section><h3>{phrase(language, 'add_sources')}</h3>"
        f'<label class="k-field"><span>{phrase(language, "add_hint")}</span>'
        '<textarea id="k-sources" rows="3" spellcheck="false" dir="auto"></textarea></label>'
        f'<p class="k-row-of">{add}'
        f'<label class="k-chip k-file">{phrase(language, "upload_files")}'
        '<input type="file" multiple data-upload></label>'
        f'<label class="k-chip k-file">{phrase(language, "upload_folder")}'
        '<input type="file" multiple webkitdirectory data-upload></label></p></section>'
        '<section><p class="k-row-of">'
        + "".join(
            action_button("keep", language, key=order, order=order)
            for order in ("refresh", "verify", "rebuild", "undo")
        )
        + "</p></section>"
    )


def job_section(job: Job, language: Language) -> str:
    """Returns how far a job is, or how it ended."""
    return _running_job(job, language) if job.running else _ended_job(job, language)


def _running_job(job: Job, language: Language) -> str:
    stage = phrase(language, f"job_{job.stage or 'running'}")
    figures = f' <span class="k-meta">{job.done} / {job.total}</span>' if job.total else ""
    cancel = action_button("keep", language, key="cancel", order="cancel")
    return (
        f'<section class="k-job" data-number="{job.number}" aria-live="polite">'
        f"<p>{stage}{figures}</p>"
        f"{progress_bar(job.done, job.total, language)}"
        f'<p class="k-note">{phrase(language, "job_goes_on")}</p>'
        f'<p class="k-row-of">{cancel}</p>'
        "</section>"
    )


def _ended_job(job: Job, language: Language) -> str:
    parts = [
        f'<section class="k-job" data-number="{job.number}" data-state="{job.state}" role="status">'
    ]
    word = {"done": "job_done", "failed": "job_failed", "stopped": "job_stopped"}[job.state]
    parts.append(f"<p><strong>{phrase(language, word)}</strong></p>")
    if job.message:
        parts.append(f'<p class="k-note" dir="auto">{escape(job.message)}</p>')
    if job.asks:
        # All sources are named by the server itself.
        named = () if job.action in ("refresh", "rebuild") else job.sources
        data = {"order": job.action, "source": "\n".join(named), "yes": "yes"}
        parts.append(f"<p>{action_button('keep', language, key='remove_anyway', **data)}</p>")
    report = job.report or {}
    if "added" in report:
        parts.append(f"<p>{phrase(language, 'changed', **report)}</p>")
    parts.append(_failures(report.get("failures"), language))
    parts.append(check_results(job, language))
    parts.append("</section>")
    return "".join(parts)


def _failures(failures: object, language: Language) -> str:
    if not isinstance(failures, list) or not failures:
        return ""
    rows = "".join(
        f'<li dir="auto"><bdi>{escape(str(f.get("source")))}</bdi>:'
        f" {escape(str(f.get('reason')))}</li>"
        for f in failures
        if isinstance(f, dict)
    )
    return f"<h3>{phrase(language, 'not_read')}</h3><ul>{rows}</ul>"


def check_results(job: Job, language: Language) -> str:
    """Returns what a check of the index found: each rule, and whether it holds."""
    if not job.findings:
        return ""
    rows = []
    for finding in job.findings:
        detail = " · ".join(str(finding.get(k)) for k in ("detail", "advice") if finding.get(k))
        mark = "✓" if finding.get("ok") else "✗"
        rows.append(
            f'<li data-ok="{"yes" if finding.get("ok") else "no"}"><span aria-hidden="true">{mark}'
            f"</span> {escape(_check_name(str(finding.get('what')), language))}"
            + (
                f'<br><span class="k-why" dir="auto" lang="en">{escape(detail)}</span>'
                if detail
                else ""
            )
            + "</li>"
        )
    good = all(finding.get("ok") for finding in job.findings)
    said = f"<p>{phrase(language, 'all_kept')}</p>" if good else ""
    return f'{said}<ul class="k-findings">{"".join(rows)}</ul>'


def _check_name(name: str, language: Language) -> str:
    """Returns a check in the reader's language, or as it is where there are no words for it."""
    if language == "en":
        return name
    return INDEX_CHECKS[language].get(name.partition(" (")[0], name)


def _sources(sources: Sequence[str], language: Language) -> str:
    rows = []
    for source in sources[:_SHOWN]:
        button = action_button(
            "keep", language, key="remove", kind="k-quiet", order="remove", source=source
        )
        rows.append(f'<li><bdi class="k-path">{escape(source)}</bdi>{button}</li>')
    more = len(sources) - _SHOWN
    rest = (
        f'<p class="k-note">{phrase(language, "more_sources", count=more)}</p>' if more > 0 else ""
    )
    return (
        f"<section><h3>{phrase(language, 'indexed_sources')} ({len(sources)})</h3>"
        f'<ul class="k-sources">{"".join(rows)}</ul>{rest}</section>'
    )
