"""The page on which editors evaluate the index with sets of questions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from konkyo.ui.server.evaluation_jobs import EvaluationRun
from konkyo.ui.web.html.admin_elements import action_button, progress_bar
from konkyo.ui.web.html.elements import phrase, source_navigation
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.reasons import reason_words

__all__ = ["evaluation_page"]

_MEASURES = {
    "Handled": "measure_handled",
    "Right": "measure_correct",
    "RefusalRecall": "measure_refused",
}


def evaluation_page(
    sets: Sequence[str],
    run: EvaluationRun | None,
    language: Language,
    *,
    ticket: str = "",
    problem: str = "",
) -> str:
    """Returns the page: the sets of questions, and the current or last run.

    While one is running the sets are not shown. ``ticket`` opens the report of the run;
    ``problem`` is why an order was refused.
    """
    running = run is not None and run.running
    state = "running" if running else "idle"
    parts = [
        source_navigation(language),
        f'<div class="k-admin" data-job="{state}" data-admin="evaluate">',
        f'<h2 id="k-article-title" tabindex="-1">{phrase(language, "eval_page")}</h2>',
        f'<p class="k-note">{phrase(language, "eval_more")}</p>',
        f'<p class="k-failed" role="alert" dir="auto">{escape(reason_words(problem, language))}</p>'
        if problem
        else "",
        _run(run, language, ticket) if run else "",
    ]
    if not sets and not running:
        parts.append(f'<p class="k-note">{phrase(language, "eval_none")}</p>')
    elif not running:
        options = "".join(f'<option value="{escape(s)}">{escape(s)}</option>' for s in sets)
        button = action_button("evaluate", language, key="eval_run", kind="k-chip k-main")
        parts.append(
            '<section><p class="k-row-of">'
            f'<label class="k-field"><span>{phrase(language, "eval_set")}</span>'
            f'<select id="k-set">{options}</select></label>'
            f'<label class="k-field"><span>{phrase(language, "eval_limit")}</span>'
            '<input id="k-limit" type="number" min="1" max="9999" value="20"></label>'
            f"{button}</p></section>"
        )
    parts.append("</div>")
    return "".join(parts)


def _run(run: EvaluationRun, language: Language, ticket: str) -> str:
    if run.running:
        cancel = action_button("evaluate-stop", language, key="cancel")
        return (
            f'<section class="k-job" aria-live="polite"><p><bdi>{escape(run.name)}</bdi>'
            f' <span class="k-meta">{run.done} / {run.total}</span></p>'
            f"{progress_bar(run.done, run.total, language)}"
            f'<p class="k-row-of">{cancel}</p></section>'
        )
    word = {"done": "job_done", "failed": "job_failed", "stopped": "eval_stopped"}[run.state]
    parts = [
        f'<section class="k-job" data-state="{run.state}" role="status">'
        f"<p><strong>{phrase(language, word)}</strong> <bdi>{escape(run.name)}</bdi>"
        f' <span class="k-meta">{run.done} / {run.total}</span></p>'
    ]
    if run.message:
        parts.append(
            f'<p class="k-note" dir="auto">{escape(reason_words(run.message, language))}</p>'
        )
    if run.figures:
        rows = "".join(
            f'<tr><th scope="row">{phrase(language, _MEASURES[name])}</th><td>{value:.0%}</td>'
            f'<td class="k-meta">{count}</td></tr>'
            for name, (value, count) in run.figures.items()
        )
        parts.append(f'<table class="k-figures">{rows}</table>')
    if run.done and ticket:
        parts.append(
            f'<p><a class="k-open" href="konkyo/report/{escape(ticket)}" target="_blank"'
            f' rel="noopener">{phrase(language, "eval_report")}'
            ' <span aria-hidden="true">↗</span></a></p>'
        )
    parts.append("</section>")
    return "".join(parts)
