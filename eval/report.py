"""A run as one HTML page that needs no network: figures, plots, and every question. Pure."""

from __future__ import annotations

import base64
import hashlib
import math
import unicodedata
from collections.abc import Mapping, Sequence
from importlib import resources
from xml.etree.ElementTree import Element, SubElement, tostring

from konkyo.eval.metrics import MEASURES
from konkyo.eval.plots import reliability_plot, risk_coverage_plot
from konkyo.eval.robustness import Perturbation, Robustness
from konkyo.eval.scoring import Quote, Row
from konkyo.eval.statistics import Mean, mean, percentile
from konkyo.eval.summary import Summary, summarise
from konkyo.eval.systems_table import systems_table

__all__ = ["report"]

_WIDE = 40
"""Characters from which a cell keeps a readable width on a narrow screen."""

_STAGES = ("retrieve", "read", "first_evidence", "generate", "verify", "total")


def report(
    rows: Sequence[Row],
    *,
    title: str,
    about: Mapping[str, str],
    perturbed: Mapping[Perturbation, Robustness] | None = None,
    others: Mapping[str, Sequence[Row]] | None = None,
) -> str:
    """The HTML page of a run.

    ``about`` says what was run: fingerprints, dataset, command; ``perturbed`` what noise, another
    order and other words changed; ``others`` are rows of other systems over the same questions.

    The page is built as a tree and serialised, so no text from articles, questions or models
    can become markup; its policy allows only its own style and script, named by their hashes.
    """
    summary = summarise(rows)
    style, script = _static("report.css"), _static("report.js")
    html = Element("html", {"lang": "en"})
    head = SubElement(html, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"name": "viewport", "content": "width=device-width"})
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    _text(head, "title", title)
    _text(head, "style", style)
    page = SubElement(html, "body")
    body = SubElement(page, "main")
    _text(body, "h1", title)
    _about(body, about, summary)
    _measures(body, summary)
    _systems(body, rows, others or {})
    _matrix(body, rows)
    _plots(body, rows, summary)
    _robustness(body, perturbed or {})
    _latency(body, rows, summary)
    _questions(body, rows)
    _text(page, "script", script)
    return "<!doctype html>\n" + tostring(html, encoding="unicode", method="html")


def _static(name: str) -> str:
    return resources.files("konkyo.eval").joinpath("static", name).read_text("utf-8").strip()


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _text(parent: Element, tag: str, text: str, **attributes: str) -> Element:
    element = SubElement(parent, tag, {k.rstrip("_"): v for k, v in attributes.items()})
    element.text = "".join("\ufffd" if _unwanted(c) else c for c in text)
    return element


def _unwanted(char: str) -> bool:
    """Control characters, and those that would turn the direction of the page's own text."""
    return (unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t") or (
        "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"
    )


def _about(body: Element, about: Mapping[str, str], summary: Summary) -> None:
    counts = (
        f"{summary.asked} asked, {summary.answered} answered, {summary.refused} refused, "
        f"{summary.replies} replied to, {summary.errors} failed; {summary.claims} claims shown"
    )
    _text(body, "p", counts)
    lines = SubElement(body, "p", {"class": "soft"})
    for name, value in about.items():
        _text(lines, "span", f"{name}: {value}  ")
        SubElement(lines, "br")


def _table(body: Element, caption: str, heads: Sequence[str]) -> Element:
    # Who uses a keyboard scrolls a table that is wider than the screen once it has the focus.
    frame = SubElement(body, "div", {"class": "scroll", "tabindex": "0"})
    table = SubElement(frame, "table")
    _text(table, "caption", caption)
    row = SubElement(SubElement(table, "thead"), "tr")
    for head in heads:
        _text(row, "th" if head else "td", head)
    return SubElement(table, "tbody")


def _measures(body: Element, summary: Summary) -> None:
    _text(body, "h2", "Measures")
    table = _table(
        body,
        "Means with 95 % bootstrap intervals; a question that gave no outcome counts as zero. Not "
        "checked: questions (for faithfulness, claims) that the measure says nothing about.",
        ("measure", "share", "95 %", "n", "not checked", "meaning"),
    )
    for name, value in summary.measures.items():
        left = "" if name == "QuoteExact" else str(summary.asked - value.n)
        _measure(table, name, value, left, MEASURES[name])
    for judge, value in summary.faithfulness.items():
        left = str(summary.claims - value.n)
        _measure(table, f"Faithfulness ({judge})", value, left, MEASURES["Faithfulness"])
    if not math.isnan(summary.curve.area):
        area, left = f"{summary.curve.area:.3f}", str(summary.asked - summary.answered)
        _row(table, ("AURC", area, "", str(summary.answered), left, MEASURES["AURC"]))
    for pair in summary.agreement:
        _text(
            body,
            "p",
            f"Judges {pair.a} and {pair.b} agree on {_share(pair.share)} of {pair.n} claims "
            f"(Cohen's kappa {_share(pair.kappa)}).",
        )
    if summary.removed:
        reasons = ", ".join(f"{reason} {n}" for reason, n in summary.removed.items())
        _text(body, "p", f"Sentences the model wrote that were not shown: {reasons}.")
    if summary.flaws:
        counts = ", ".join(f"{flaw} {n}" for flaw, n in summary.flaws.items())
        _text(body, "p", f"What kept questions from a useful answer: {counts}.")


def _measure(table: Element, name: str, value: Mean, left: str, meaning: str) -> None:
    if value.n:
        interval = f"{value.low:.3f}-{value.high:.3f}"
        _row(table, (name, f"{value.value:.3f}", interval, str(value.n), left, meaning))


def _systems(body: Element, rows: Sequence[Row], others: Mapping[str, Sequence[Row]]) -> None:
    if not others:
        return
    table = systems_table({"this run": rows, **others})
    _text(body, "h2", "Beside other systems")
    caption = (
        f"{table.questions} questions that all were asked, {table.answerable} of them answerable. "
        "Not checked: questions that a figure says nothing about."
    )
    filled = _table(body, caption, table.heads)
    for line in table.lines:
        _row(filled, line)


def _row(table: Element, cells: Sequence[str]) -> None:
    row = SubElement(table, "tr")
    for cell in cells:
        number = cell.replace(".", "").replace("-", "").isdigit()
        kind = "n" if number else "wide" if len(cell) > _WIDE else ""
        _text(row, "td", cell, **({"class_": kind} if kind else {}))


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _matrix(body: Element, rows: Sequence[Row]) -> None:
    _text(body, "h2", "Handled, by kind and language")
    languages = sorted({row.question.language for row in rows})
    kinds = sorted({row.question.kind for row in rows})
    table = _table(body, "Share handled, and how many were asked.", ("", *languages, "all"))
    for kind in [*kinds, "all"]:
        cells = [kind]
        for language in [*languages, "all"]:
            found = [
                row.scores["Handled"]
                for row in rows
                if kind in {row.question.kind, "all"} and language in {row.question.language, "all"}
            ]
            cells.append(f"{mean(found, rounds=1).value:.2f} ({len(found)})" if found else "")
        _row(table, cells)


def _plots(body: Element, rows: Sequence[Row], summary: Summary) -> None:
    _text(body, "h2", "Does it know when it is right?")
    frame = SubElement(body, "div", {"class": "plots"})
    pairs = [
        (row.confidence, row.scores["Handled"] == 1.0) for row in rows if row.confidence is not None
    ]
    for svg, caption in (
        (
            risk_coverage_plot(summary.curve),
            "Risk and coverage: of all questions asked, the share answered at least this surely "
            "(across) and the share of those that is wrong (up). Low and flat is good.",
        ),
        (
            reliability_plot(pairs),
            "Reliability: stated support of the weakest claim (across) and the share handled "
            "(up), in ten bins; on the diagonal it means what it says. Larger dots hold more.",
        ),
    ):
        figure = SubElement(frame, "figure")
        figure.append(svg)
        _text(figure, "figcaption", caption, class_="soft")


def _robustness(body: Element, perturbed: Mapping[Perturbation, Robustness]) -> None:
    if not perturbed:
        return
    _text(body, "h2", "The same questions, perturbed")
    table = _table(
        body,
        "Noise: passages that answer something else, between those found. Order: passages "
        "reversed. "
        "Paraphrase: other words. Shares of the questions.",
        (
            "",
            "answered or not changed",
            "handled or not changed",
            "same words",
            "handled",
            "p",
            "n",
        ),
    )
    for kind, value in perturbed.items():
        shares = (value.flipped, value.changed, value.same_text)
        _row(
            table,
            (
                kind,
                *(_share(share.value) for share in shares),
                f"{value.handled.difference:+.3f}",
                f"{value.handled.p:.3f}",
                str(value.flipped.n),
            ),
        )


def _latency(body: Element, rows: Sequence[Row], summary: Summary) -> None:
    _text(body, "h2", "Latency")
    table = _table(
        body, "Milliseconds; total is the whole call.", ("stage", "p50", "p95", "questions")
    )
    for stage in _STAGES:
        times = [t for row in rows if (t := _stage(row, stage)) is not None]
        if times:
            p50, p95 = percentile(times, 0.5), percentile(times, 0.95)
            _row(table, (stage, f"{p50:.0f}", f"{p95:.0f}", str(len(times))))
    for title, groups in (
        ("Seconds from question to outcome, by kind.", summary.latency_by_kind),
        ("Seconds from question to outcome, by language.", summary.latency_by_language),
    ):
        inner = _table(body, title, ("", "p50", "p95", "questions"))
        for name, seconds in groups.items():
            _row(inner, (name, f"{seconds.p50:.2f}", f"{seconds.p95:.2f}", str(seconds.n)))
    if summary.tokens:
        inner = _table(
            body, "Tokens a question.", ("", "mean", "p50", "p95", "in all", "questions")
        )
        for name, count in summary.tokens.items():
            figures = (f"{count.mean:.0f}", f"{count.p50:.0f}", f"{count.p95:.0f}")
            _row(inner, (name, *figures, str(count.total), str(count.n)))


def _stage(row: Row, stage: str) -> float | None:
    timings = (row.outcome or {}).get("timings_ms")
    value = timings.get(stage) if isinstance(timings, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _questions(body: Element, rows: Sequence[Row]) -> None:
    _text(body, "h2", "Every question", id="questions")
    controls = SubElement(body, "div", {"class": "controls"})
    label = SubElement(controls, "label")
    SubElement(label, "input", {"type": "checkbox", "id": "failed"}).tail = " failures only"
    _choice(controls, "kind", sorted({row.question.kind for row in rows}))
    _choice(controls, "language", sorted({row.question.language for row in rows}))
    SubElement(
        controls, "input", {"type": "search", "id": "words", "placeholder": "words in it"}
    ).tail = " "
    _text(controls, "button", "open all", type="button", id="open").tail = " "
    _text(controls, "span", f"{len(rows)}", id="shown", class_="soft")
    for row in rows:
        _question(body, row)


def _choice(parent: Element, name: str, values: Sequence[str]) -> None:
    label = SubElement(parent, "label")
    label.text = f"{name} "
    select = SubElement(label, "select", {"id": name})
    _text(select, "option", "all", value="")
    for value in values:
        _text(select, "option", value, value=value)


def _question(body: Element, row: Row) -> None:
    question = row.question
    handled = row.scores["Handled"] == 1.0
    frame = SubElement(
        body,
        "details",
        {
            "data-kind": question.kind,
            "data-language": question.language,
            "data-state": "handled" if handled else "failed",
        },
    )
    line = SubElement(frame, "summary")
    _text(line, "span", "✓ " if handled else "✗ ", class_="good" if handled else "bad")
    _text(line, "span", question.question, lang=question.language)
    status = "failed" if row.outcome is None else str(row.outcome.get("status"))
    _text(line, "span", f"  {question.id} · {status} · {row.seconds:.1f} s", class_="soft")
    entries = SubElement(frame, "dl")
    for number, turn in enumerate(question.history, 1):
        _entry(entries, f"turn {number}", f"{turn.question} → {turn.answer}")
    _expected(entries, row)
    if row.error is not None:
        _entry(entries, "error", row.error)
    if row.outcome is not None:
        _outcome(entries, row, row.outcome)
    scores = ", ".join(f"{name} {value:.2f}" for name, value in row.scores.items())
    _entry(entries, "scores", scores)
    if row.flaws:
        _entry(entries, "not useful", ", ".join(row.flaws))


def _entry(parent: Element, name: str, text: str) -> Element:
    _text(parent, "dt", name)
    return _text(parent, "dd", text)


def _expected(entries: Element, row: Row) -> None:
    question = row.question
    if question.answers:
        _entry(entries, "expected, any of", " | ".join(question.answers))
    for group in question.all_of:
        _entry(entries, "expected, one of", " | ".join(group))
    if question.premise_truth:
        _entry(entries, "what the articles say", question.premise_truth)
    if not question.answerable and question.kind != "premise":
        _entry(entries, "expected", "a refusal: the articles do not say")
    for gold in question.gold:
        _entry(entries, f"gold: {gold.article}", gold.quote)
    if question.note:
        _entry(entries, "note", question.note)


def _outcome(entries: Element, row: Row, outcome: Mapping[str, object]) -> None:
    reason = f" ({outcome['reason']})" if outcome.get("reason") else ""
    _entry(entries, f"{outcome.get('status')}{reason}", str(outcome.get("answer", "")))
    for number, claim in enumerate(row.listed("claims")):
        says = ", ".join(
            f"{judge} {_verdict(shares[number])}"
            for judge, shares in row.judged.items()
            if number < len(shares)
        )
        text = f"{claim.get('text')} {claim.get('citations')}"
        entry = _entry(entries, f"claim {number + 1}", text)
        _text(entry, "div", f"supported: {says}", class_="soft")
    for number, citation in enumerate(row.listed("citations")):
        found = row.quotes[number] if number < len(row.quotes) else Quote(False)
        _citation(entries, citation, found)
    for removed in row.listed("removed"):
        detail = f", {removed['detail']}" if removed.get("detail") else ""
        _entry(entries, f"not shown ({removed.get('reason')}{detail})", str(removed.get("text")))
    notices = outcome.get("notices")
    for notice in notices if isinstance(notices, list) else []:
        _entry(entries, "notice", str(notice))


def _verdict(share: float) -> str:
    return "gave no verdict" if math.isnan(share) else f"{share:.2f}"


def _citation(entries: Element, citation: Mapping[str, object], quote: Quote) -> None:
    place = " · ".join(
        str(citation[k]) for k in ("title", "published", "source") if citation.get(k)
    )
    state = "verbatim" if quote.exact else "NOT VERBATIM"
    entry = _entry(entries, f"[{citation.get('id')}] {place} · {state}", "")
    block = SubElement(entry, "blockquote", {"lang": str(citation.get("language") or "")})
    _text(block, "span", quote.before, class_="soft")
    _text(block, "mark", str(citation.get("quote")))
    _text(block, "span", quote.after, class_="soft")
