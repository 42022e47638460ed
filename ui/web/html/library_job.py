"""How far a job on the index is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from konkyo.ui.server.index_jobs import Job
from konkyo.ui.web.html.admin_elements import action_button, progress_bar
from konkyo.ui.web.html.elements import phrase, shown_source
from konkyo.ui.web.i18n import INDEX_CHECKS, Language, say
from konkyo.ui.web.reasons import reason_words

__all__ = ["check_results", "job_part"]


def job_part(
    job: Job | None, counts: Mapping[str, int], language: Language, *, problem: str = ""
) -> str:
    """Returns how far the job is, or what came of it: every source that was named, and how it went.

    ``counts`` says how many articles of a source are indexed.
    """
    state = job.state if job is not None else "idle"
    parts = [f'<div id="k-job" data-job="{state}">']
    if problem:
        said = escape(reason_words(problem, language))
        parts.append(f'<p class="k-failed" role="alert" dir="auto">{said}</p>')
    if job is not None:
        parts.append(_section(job, language))
        if job.state == "done":
            parts.append(_results(job, counts, language))
            if _has_changed(job):
                undo = action_button("keep", language, key="undo", kind="k-quiet", order="undo")
                said = phrase(language, "can_be_undone")
                parts.append(f'<p class="k-note">{said} {undo}</p>')
    parts.append("</div>")
    return "".join(parts)


def _has_changed(job: Job) -> bool:
    """Whether the last change of the index is what this job did."""
    if job.action in ("add", "refresh"):
        report = job.report or {}
        return any(report.get(name) for name in ("added", "changed", "removed"))
    return job.action in ("rebuild", "remove")


def _results(job: Job, counts: Mapping[str, int], language: Language) -> str:
    """Returns one line for each source that was read."""
    rows = "".join(
        f'<li data-ok="yes"><span aria-hidden="true">✓</span> <bdi>'
        f"{escape(shown_source(source))}</bdi>"
        f' <span class="k-meta">{phrase(language, "ready", count=count)}</span></li>'
        for source, count in counts.items()
        if count
    )
    return f'<ul class="k-findings">{rows}</ul>' if rows and job.action == "add" else ""


def _section(job: Job, language: Language) -> str:
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
        said = escape(reason_words(job.message, language))
        parts.append(f'<p class="k-note" dir="auto">{said}</p>')
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
        f'<li dir="auto">{_failure(failure, language)}</li>'
        for failure in failures
        if isinstance(failure, dict)
    )
    return f"<h2>{phrase(language, 'not_read')}</h2><ul>{rows}</ul>"


def _failure(failure: Mapping[str, object], language: Language) -> str:
    source = escape(shown_source(str(failure.get("source"))))
    why = escape(reason_words(str(failure.get("reason")), language))
    return say(language, "labelled", label=f"<bdi>{source}</bdi>", x=why)


def check_results(job: Job, language: Language) -> str:
    """Returns what a check of the index found: each rule, and whether it holds."""
    if not job.findings:
        return ""
    rows = []
    for finding in job.findings:
        told = (str(finding.get(key) or "") for key in ("detail", "advice"))
        detail = " · ".join(reason_words(one, language) for one in told if one)
        mark = "✓" if finding.get("ok") else "✗"
        rows.append(
            f'<li data-ok="{"yes" if finding.get("ok") else "no"}"><span aria-hidden="true">{mark}'
            f"</span> {escape(_check_name(str(finding.get('what')), language))}"
            + (f'<br><span class="k-why" dir="auto">{escape(detail)}</span>' if detail else "")
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
