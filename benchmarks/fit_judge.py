"""Fit which place is the answer, and the share that what was found answers a question.

The weights of places are printed, to be put into ``rag/reading/place_choice.py``; those of the
share go to rag/calibration.json, "answers".

    python benchmarks/fit_judge.py --shared ../shared --questions 200

The clusters of Konkyo News Reading whose number is 9, which no training saw, are asked over the
articles of all clusters, in four languages: a question that is answered counts as answered where
the surest place is one that is marked as its answer, an absent one never.
Questions of 60 titles of JaQuAD dev, which neither the encoder nor the checker was trained on, are
asked over all their paragraphs (those nearest to one that is taken away stay), each once as it is
and once with its own paragraph taken from what was found; the first 24 titles of XQuAD, on which
the reader was trained, add English, Chinese and questions across the two; where a question names a
figure or a date, it is also asked with another one, which no paragraph answers; each store is also
asked what only another collection answers. No witness may speak against its own sense: the weights
are bounded by sign. JSQuAD and the project's own questions are kept for reporting, as are the
clusters 3, 7, 11 and 15.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from bounded import fit, held_out, keep  # noqa: E402
from corruptions import corrupt_date, corrupt_number  # noqa: E402
from fit_places import Case, Remembered, fit_places  # noqa: E402


def squad(path: Path, part: slice = slice(None)) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """What ``paragraphs_of`` gives of a part of a SQuAD file."""
    return paragraphs_of(json.loads(path.read_text("utf-8"))["data"][part])


def paragraphs_of(articles: list[Any]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(title, text, [(question, answer)]) of each paragraph."""
    found = []
    for article in articles:
        for p in article["paragraphs"]:
            asked = [(q["question"], q["answers"][0]["text"]) for q in p["qas"]]
            found.append((str(article.get("title", "")), p["context"], asked))
    return found


def store_of(
    paragraphs: list[tuple[str, str, list[tuple[str, str]]]], folder: Path, encoder: object
):
    """A store of the paragraphs, built by the project's own commands."""
    from konkyo.index.builder import build
    from konkyo.index.stores.open import open_store

    source = folder / "articles.jsonl"
    with source.open("w", encoding="utf-8") as out:
        for title, text, _ in paragraphs:
            out.write(json.dumps({"title": title, "text": text}, ensure_ascii=False) + "\n")
    build([str(source)], folder / "store", encoder)  # type: ignore[arg-type]
    return open_store(folder / "store")


def held_news(encoder: Any, across: Any, rng: random.Random, most: int) -> Iterator[Any]:
    """(question, its marked places with language, passages found) of the clusters kept for this."""
    from konkyo.eval.corpus import corpus_store
    from konkyo.eval.formats.shipped import load_shipped
    from konkyo.index.embedding.model_files import home
    from konkyo.index.stores.open import open_store
    from konkyo.rag.retrieval.hybrid import FusionWeights, Retriever
    from training.news import part_of

    whole = load_shipped("news")
    store = open_store(str(corpus_store(whole.articles, encoder, home(), budget=192, overlap=0)))
    retriever = Retriever(store, encoder, FusionWeights(), across)
    held = [q for q in whole.questions if part_of(q.id) == "held"]
    articles = {a.source: a for a in whole.articles}
    for question in rng.sample(held, min(most, len(held))):
        marked = marked_places(question, articles)
        hits = retriever.retrieve(question.question, 16, language=question.language)
        yield question, marked, hits
    store.close()


def marked_places(question: Any, articles: Mapping[str, Any]) -> list[Any]:
    """The marked places of a question of News Reading, by articles by their source."""
    from konkyo.rag.retrieval.evidence import Span

    marked = []
    for gold in question.gold:
        article = articles[gold.article]
        at = article.text.find(gold.quote)
        end = at + len(gold.quote)
        marked.append(Span(gold.quote, 1.0, article.article_id, article.language, at, end))
    return marked


def answering(hit: Any, answer: str) -> Any:
    """The place of an answer in a passage; the whole passage where its words are not there."""
    from konkyo.rag.retrieval.evidence import Span

    at, text = hit.passage.text.find(answer), hit.passage.text
    start, end = (at, at + len(answer)) if at >= 0 else (0, len(text))
    base, article = hit.passage.start, hit.article
    return Span(
        text[start:end], 1.0, article.article_id, article.language, base + start, base + end
    )


def changed(question: str, rng: random.Random) -> tuple[str, str] | None:
    """The question with another date or figure, and what stood there with a little around it.

    ``None`` if it names none.
    """
    for corrupt in (corrupt_date, corrupt_number):
        edit = corrupt(question, "", rng)
        if edit is not None:
            (start, end, other), _ = edit
            return question[:start] + other + question[end:], question[max(0, start - 6) : end + 8]
    return None


PAIRS = (
    ("en", "en"),
    ("zh", "zh"),
    ("zh", "en"),
    ("en", "zh"),
    ("ru", "en"),
    ("th", "zh"),
    ("en", "ru"),
    ("zh", "th"),
)
SIGNS = {
    "against": ("figures_missing",),
    "free": ("crossed", "fused_crossed"),
}
TITLES = 60
HELD = 9
THRESHOLD = 0.7
NEAR = ("withheld", "absent", "changed")
"""Endings of the kinds of questions that are not answered by something near."""
REFUSED = 0.9
"""The share of near misses that is to be refused."""


def logit(share):
    return np.log(share / (1 - share))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument(
        "--rows", type=Path, help="keep what was measured here, or fit to what is there"
    )
    args = parser.parse_args()

    from sklearn.metrics import roc_auc_score

    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.text.sentences import sentences
    from konkyo.rag.calibration import Calibration
    from konkyo.rag.factory import CHECKER_BASE, open_checker, open_query_encoder
    from konkyo.rag.reading.answerability import Answerability
    from konkyo.rag.retrieval.evidence import SelectionLimits, select
    from konkyo.rag.retrieval.hybrid import FusionWeights, Retriever

    kept = args.rows is not None and args.rows.exists()
    rows, labels, kinds = json.loads(args.rows.read_text("utf-8")) if kept else ([], [], [])
    encoder, checker = load_encoder(CHECKER_BASE), open_checker()
    judge = Answerability(Calibration({}, 0.0, 0.5))
    across = open_query_encoder(encoder)
    rng = random.Random(args.seed)
    data = args.shared / "data"
    ja = squad(data / "jaquad-dev-0.1.0.json")
    titles = set(rng.sample(list(dict.fromkeys(title for title, _, _ in ja)), TITLES))
    ja = [p for p in ja if p[0] in titles]
    sets = [("ja", ja, None, args.questions)]
    x = {code: squad(data / f"xquad.{code}.json", slice(24)) for code in ("en", "zh", "ru", "th")}
    for mine, theirs in PAIRS:
        sets.append((f"{mine}-{theirs}", x[theirs], x[mine], args.questions // 4))

    cases: list[Case] = []

    def add(
        question: str, hits: list, label: bool, kind: str, language: str, gold: Any = None
    ) -> None:
        if hits:  # Else every passage found holds the answer's words.
            cases.append(Case(question, language, tuple(hits), label, kind, gold))

    for question, gold, hits in () if kept else held_news(encoder, across, rng, 5 * args.questions):
        own = any(g.language == question.language for g in gold)
        kind = "news same" if own else "news across"
        kind = kind if question.answerable else "news absent"
        add(question.question, hits, question.answerable, kind, question.language, gold)
    for name, paragraphs, askers, most in () if kept else sets:
        with tempfile.TemporaryDirectory() as folder:
            store = store_of(paragraphs, Path(folder), encoder)
            retriever = Retriever(store, encoder, FusionWeights(), across)
            speaks = name[:2]
            asked = [
                (q, answer, text)
                for (_, text, own), theirs in zip(askers or paragraphs, paragraphs, strict=True)
                for (q, _), (_, answer) in zip(own, theirs[2], strict=True)
                for text in [theirs[1]]
            ]
            for q, answer, text in rng.sample(asked, min(most, len(asked))):
                hits = retriever.retrieve(q, 16, language=speaks)
                own = [h for h in hits if h.passage.text in text or answer in h.passage.text]
                if own:
                    add(q, hits, True, name, speaks, [answering(h, answer) for h in own])
                add(q, [h for h in hits if h not in own], False, f"{name} withheld", speaks)
                false = changed(q, rng)
                if false is not None:
                    near = retriever.retrieve(false[0], 16, language=speaks)
                    add(false[0], near, False, "changed", speaks)
            foreign = x["en"] + x["zh"] if name == "ja" else ja
            away = [q for _, _, own in foreign for q, _ in own]
            for q in rng.sample(away, most // 2):
                near = retriever.retrieve(q, 16, language=speaks)
                add(q, near, False, f"{name} away", speaks)
            store.close()
        print(f"{name}: {len(cases)} cases so far", flush=True)
    if not kept:
        reads = Remembered(checker)
        weights = fit_places(cases, reads, SelectionLimits().passages)
        print(weights, flush=True)
        limits = SelectionLimits(places=weights)
        for case in cases:
            chosen = select(
                case.question,
                case.hits,
                encoder=encoder,
                sentences=sentences,
                reader=reads,
                language=case.language,
                limits=limits,
            )
            wrong = case.label and not (chosen.spans and case.right(chosen.spans[0]))
            wrong = wrong and case.kind.startswith("news")
            rows.append(judge.features(case.question, case.language, chosen, case.hits))
            labels.append(case.label and not wrong)
            kinds.append("news wrong" if wrong else case.kind)
        if args.rows:
            args.rows.write_text(json.dumps([rows, labels, kinds]), "utf-8")
    names = sorted({n for r in rows for n in r})
    matrix = np.array([[r.get(n, 0.0) for n in names] for r in rows])
    y = np.array(labels)
    near = np.array([k.endswith(NEAR) for k in kinds])
    crossed = matrix[:, names.index("crossed")] > 0
    out: dict[str, object] = {}
    for title, used in (("reader alone", ["reader"]), ("all witnesses", names)):
        columns = [names.index(n) for n in used]
        share = held_out(matrix[:, columns], y, used, seed=args.seed, **SIGNS)
        out[title] = round(float(roc_auc_score(y, share)), 4)
        print(f"{title:14} AUC {out[title]:.4f} over {len(y)} (five folds)")
    for name in dict.fromkeys(k.split()[0] for k in kinds if k != "changed"):
        these = np.array([k.split()[0] == name for k in kinds])
        print(f"  {name:6} AUC {roc_auc_score(y[these], share[these]):.4f}")
    weights, bias = fit(matrix, y, names, **SIGNS)
    level = np.quantile(logit(share[near]), REFUSED)
    alone = np.quantile(matrix[near & ~crossed, names.index("reader")], REFUSED)
    bias += logit(THRESHOLD) - level
    share = 1 / (1 + np.exp(-(logit(share) + logit(THRESHOLD) - level)))
    for threshold in (0.5, 0.6, THRESHOLD, 0.8):
        told = [f"at {threshold:.2f}"]
        for kind in dict.fromkeys(kinds):
            these = np.array([k == kind for k in kinds])
            passed = (share[these] >= threshold).mean()
            told.append(f"{kind} {passed if y[these][0] else 1 - passed:.3f}")
        for title, part in (("one language", ~crossed), ("across", crossed)):
            answered, refused = share[part & y], share[part & near]
            told.append(f"{title}: answered {(answered >= threshold).mean():.3f}")
            told.append(f"refused {(refused < threshold).mean():.3f}")
        print("; ".join(told))
    keep(
        "answers",
        f"benchmarks/fit_judge.py: News Reading's clusters {HELD}, {TITLES} titles of JaQuAD dev, "
        f"XQuAD's first 24 (en, zh, ru, th)",
        names,
        weights,
        bias,
        threshold=THRESHOLD,
        threshold_chosen=f"refuses {REFUSED:.0%} of near misses",
        reader_alone=round(float(1 / (1 + np.exp(-alone))), 4),
        auc_five_folds=out,
    )


if __name__ == "__main__":
    main()
