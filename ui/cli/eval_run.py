"""``konkyo eval run``: ask every question of a set."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import date, datetime

    from konkyo.eval.citation_metrics import Judge
    from konkyo.eval.questions import Dataset
    from konkyo.eval.robustness import Perturbation
    from konkyo.eval.session import Evaluation
    from konkyo.rag.pipeline import Pipeline
from konkyo.ui.cli.eval_options import FORMS, JSON_OPTION, chosen_questions
from konkyo.ui.cli.eval_retrieval import RetrievalMeasurement
from konkyo.ui.cli.eval_tables import print_summary
from konkyo.ui.cli.llm_options import BASE_URL_OPTION, LLM_OPTION, MODEL_OPTION
from konkyo.ui.cli.progress import progress_bar

__all__ = ["run_command"]


@click.command(
    name="run",
    epilog="""
    \b
    Examples:
      konkyo eval run alliance --out out/first
      konkyo eval run own.csv --store my/store --out out/own --llm none --limit 20
      konkyo eval run news-dev --draw 300 --out out/news --llm none
      konkyo eval run jsquad-valid.json --unanswerable 200 --out out/jsquad
      konkyo eval run own.jsonl --store my/store --unanswerable 20 --out out/own
      konkyo eval run own.csv --out out/own --perturb noise --perturb order --perturb paraphrase
      konkyo eval run own.csv --out out/own --judge ollama:qwen2.5:7b
      konkyo eval run rgb-en.json --form rgb --noise 0.8 --out out/noisy
    Stop it with Ctrl-C at any time: run the same command again and it goes on.

    Exit codes: 0 done, 1 failure, 2 wrong use, 130 interrupted (rows are kept).
    """,
)
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--store",
    default=None,
    envvar="KONKYO_STORE",
    help="Folder of the index that is asked.  [default: .konkyo/store, or the articles DATASET "
    "has]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for rows and summary.",
)
@click.option("--form", type=FORMS, default="auto", show_default=True, help="Form of the dataset.")
@click.option(
    "--language", default=None, help="Language of the questions, where the file does not say."
)
@click.option(
    "--noise",
    type=click.FloatRange(0.0, 1.0),
    default=None,
    help="Share of a question's texts that do not answer it (RGB's form); 1: none answers.",
)
@click.option(
    "--counterfactual", is_flag=True, help="Use the texts that say something false (RGB's form)."
)
@click.option(
    "--unanswerable",
    type=click.IntRange(1),
    default=None,
    metavar="N",
    help="Ask N questions drawn by chance, with and without the articles that answer them.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which N are drawn.")
@click.option(
    "--draw",
    type=click.IntRange(1),
    default=None,
    metavar="N",
    help="Only N questions, drawn by chance.",
)
@click.option("--limit", type=click.IntRange(1), default=None, help="Only the first N questions.")
@click.option("--kind", "kinds", multiple=True, help="Only questions of this kind; repeatable.")
@LLM_OPTION
@MODEL_OPTION
@BASE_URL_OPTION
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help='What "last month" is relative to (YYYY-MM-DD), so that a run can be repeated.',
)
@click.option(
    "--perturb",
    multiple=True,
    type=click.Choice(["noise", "order", "paraphrase"]),
    help="Ask all again with passages that answer something else, in reverse order, or in other "
    "words, and tell what changed; repeatable.",
)
@click.option(
    "--judge",
    "judge_specs",
    multiple=True,
    metavar="SPEC",
    help="A language model that judges the claims too: embedded, ollama:MODEL or "
    "openai:MODEL@URL, by LlamaIndex's evaluator; ragas:SPEC by ragas; repeatable.",
)
@click.option(
    "--judge-key-env",
    default="",
    metavar="NAME",
    help="Environment variable that holds the judge's key.",
)
@click.option("--fresh", is_flag=True, help="Throw away the rows in --out and start over.")
@JSON_OPTION
def run_command(
    dataset: Path,
    store: str | None,
    out: Path,
    form: str,
    language: str | None,
    noise: float | None,
    counterfactual: bool,
    unanswerable: int | None,
    seed: int,
    draw: int | None,
    limit: int | None,
    kinds: tuple[str, ...],
    llm: str | None,
    model: str | None,
    base_url: str | None,
    today: datetime | None,
    perturb: tuple[str, ...],
    judge_specs: tuple[str, ...],
    judge_key_env: str,
    fresh: bool,
    as_json: bool,
) -> int:
    """Ask every question of DATASET and measure the answers.

    --out gets rows.jsonl (a line a question, written as it goes), run.json (what was run),
    summary.json and report.html. Running again goes on where it ended.
    """
    from konkyo.eval.formats.load import load
    from konkyo.eval.llamaindex import faithfulness_from
    from konkyo.eval.questions import without_gold
    from konkyo.eval.robustness import PERTURBATIONS

    whole = load(dataset, form=form, language=language, noise=noise, counterfactual=counterfactual)
    chosen = chosen_questions(whole, limit, kinds, draw, seed)
    parts = (
        [chosen] if unanswerable is None else list(without_gold(chosen, unanswerable, seed=seed))
    )

    done = _asked(
        parts,
        out,
        opened=_opener(parts, whole, store, partial(_open, llm, model, base_url)),
        today=None if today is None else today.date(),
        judges=[faithfulness_from(spec, key_env=judge_key_env) for spec in judge_specs],
        perturb=[kind for kind in PERTURBATIONS if kind in perturb],
        fresh=fresh,
    )
    if as_json:
        click.echo(json.dumps(done.summary, ensure_ascii=False))
    else:
        print_summary(done, out)
    return 130 if done.interrupted else 0


def _open(llm: str | None, model: str | None, base_url: str | None, folder: str) -> Pipeline:
    from konkyo.rag.factory import open_from_settings

    return open_from_settings(folder, llm=llm, model=model, base_url=base_url)


def _opener(
    parts: Sequence[Dataset], whole: Dataset, store: str | None, opened: Callable[[str], Pipeline]
) -> Callable[[Dataset], Pipeline]:
    """Opens the pipeline that a part is asked of.

    A part with articles of its own is asked of a store made of them; other parts of one store. The
    second of two parts without articles does not find what answers the first.
    """
    from konkyo.eval.withheld import withheld

    own: list[Pipeline] = []

    def pipeline_of(part: Dataset) -> Pipeline:
        if store is None and part.articles:
            return opened(str(own_store(part, whole)))
        if not own:
            own.append(opened(store or settings_store()))
        if part is parts[0]:
            return own[0]
        return withheld(own[0], {gold.article for q in parts[0].questions for gold in q.gold})

    return pipeline_of


def _asked(
    parts: Sequence[Dataset],
    out: Path,
    *,
    opened: Callable[[Dataset], Pipeline],
    today: date | None,
    judges: Sequence[Judge],
    perturb: Sequence[Perturbation],
    fresh: bool,
) -> Evaluation:
    """Ask all questions under a progress bar."""
    from konkyo.eval.session import evaluate_parts

    with progress_bar("asking") as told:
        told(0, sum(len(part.questions) for part in parts))
        return evaluate_parts(
            parts,
            out,
            open_part=opened,
            today=today,
            judges=judges,
            perturb=perturb,
            fresh=fresh,
            on_progress=lambda progress: told(progress.done, progress.total),
        )


def own_store(part: Dataset, whole: Dataset) -> Path:
    """The store of one part of a dataset; the vectors are those of the whole one's store."""
    measurement = RetrievalMeasurement(None)
    base = measurement.folder(whole)
    return base if part.articles == whole.articles else measurement.folder(part, base)


def settings_store() -> str:
    from konkyo.index.settings import load_settings

    return load_settings().store
