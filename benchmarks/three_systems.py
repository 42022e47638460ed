"""Konkyo with a model that phrases, its quotes alone and two LlamaIndex engines in one table.

    python benchmarks/three_systems.py --set ../shared/data/jsquad-valid-v1.3.json \
        --answerable 200 --unanswerable 200 --out benchmarks/results/three-systems
    python benchmarks/three_systems.py --set news-dev --draw 100 --out out/systems

The same questions, paragraphs, embedding weights, language model (greedy) and measures. With
``--draw`` questions are asked as they are, the set's own absent ones among them; else each
question drawn is asked twice: over all paragraphs, and with the paragraphs that answer it gone.
Rows are written as they come: stop with Ctrl-C and run the same command to go on; ``--questions
40`` stops each system after 40 rows (20 and 20, alternating in tens), and more may be asked later.

How the others' replies are read, each in their favour where there was a choice: a reply is a
refusal if any of its sentences says that the sources do not say (REFUSALS below); the plain engine
cites nothing, so every sentence is held to rest on all the passages it was given; of the
CitationQueryEngine, on the numbers the sentence carries. Both are LlamaIndex's own with their own
prompts; ``--top-k`` passages each (LlamaIndex's default of 2 gives the model less).
"""

from __future__ import annotations

import argparse
import functools
import gc
import hashlib
import random
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from konkyo.eval.answer_match import strip_marks  # noqa: E402
from konkyo.eval.citation_metrics import Judge  # noqa: E402
from konkyo.eval.formats.load import load  # noqa: E402
from konkyo.eval.judges import default_judges  # noqa: E402
from konkyo.eval.questions import Dataset, without_gold  # noqa: E402
from konkyo.eval.run import (  # noqa: E402
    Asker,
    Part,
    code_fingerprint,
    read_rows,
    run,
    setting_of,
    write_json,
    write_summary,
)
from konkyo.eval.scoring import Row  # noqa: E402
from konkyo.eval.statistics import Mean, mean, paired  # noqa: E402
from konkyo.eval.systems_table import shown, systems_table  # noqa: E402
from konkyo.index.errors import ArticleMissing, UsageError  # noqa: E402
from konkyo.index.records import Article  # noqa: E402
from konkyo.rag.conversation import Turn  # noqa: E402
from konkyo.rag.types import Answer, Citation, Claim, Outcome, Refusal  # noqa: E402

SYSTEMS = ("konkyo", "quotes", "plain", "citation")
NAMES = {
    "konkyo": "Konkyo",
    "quotes": "Konkyo, quotes alone",
    "plain": "LlamaIndex query engine",
    "citation": "LlamaIndex CitationQueryEngine",
}
OURS = frozenset({"konkyo", "quotes"})
BLOCK = 10
REFUSALS = re.compile(
    r"Empty Response|\b(?:do(?:es)? not|don't|doesn't|did not|is not|are not|isn't|aren't|not "
    r"been|not explicitly)\s+"
    r"(?:explicitly |directly |specifically )?(?:know|mention|state|provide|contain|specif|includ"
    r"|say|indicat|give|available|address|answer|enough|found|possible)"
    r"|\bno (?:specific |explicit |direct )?(?:information|mention|answer)\b|none of the "
    r"(?:provided |given )?sources|\bcannot (?:be )?(?:answer|determin|find|provid)"
    r"|\b(?:unable|not possible|impossible) to\b|insufficient information"
    r"|(?:情報|記述|記載|言及|回答|答え|データ)[はがも][^。]{0,16}(?:ありません|ない|なかった"
    r"|含まれて(?:い)?ません|見つかりません|できません|提供されていません|不足)"
    r"|(?:わかり|分かり|判り)ません|不明(?:です|である|。)|(?:記載|言及|明記|明示|説明|提供"
    r"|記述)されて(?:い)?(?:ません|ない)|(?:示|述べら|触れら|書か|含ま)れて(?:い)?(?:ません|ない)"
    r"|(?:特定|回答|確認|判断|断定)(?:する(?:こと)?[はが]?)?できません|答え(?:られ|ることができ"
    r"|ることはでき)ません"
    r"|정보(?:가|는)[^.]{0,12}(?:없|않|부족)|알 수 없|언급(?:되지|하지|이 없)|제공되지|확인할 수 "
    r"없|명시되어 있지"
    r"|没有(?:提供|提及|提到|说明|明确|相关|足够|直接|具体)|未(?:提供|提及|提到|说明|明确)"
    r"|无法(?:确定|回答|得知|找到|提供)|不(?:清楚|知道|详)|并未",
    re.IGNORECASE,
)
_MARK = re.compile(r"[\[［【](\d{1,3}(?:\s*[,、]\s*\d{1,3})*)[\]］】]")
_LEADING = re.compile(r"^(?:\s*[\[［【]\d{1,3}(?:\s*[,、]\s*\d{1,3})*[\]］】])+[。.]?")
_SOURCE = re.compile(r"^Source \d+:\n")


class LlamaIndexAsker:
    """A LlamaIndex query engine with the face of our pipeline."""

    def __init__(
        self,
        kind: str,
        articles: dict[str, Article],
        ask: Callable[[str], tuple[str, list[tuple[str, str, float]]]],
        fingerprint: str,
        languages: Mapping[str, str],
        usage: Callable[[], dict[str, int]],
    ) -> None:
        self.fingerprint = fingerprint
        self._kind = kind
        self._articles = articles
        self._ask = ask
        self._languages = languages
        self._usage = usage

    def article(self, article_id: str) -> Article:
        if article_id not in self._articles:
            raise ArticleMissing(f"no article {article_id}")
        return self._articles[article_id]

    def ask(self, question: str, *, history: Sequence[Turn]) -> Outcome:
        start = time.perf_counter()
        text, sources = self._ask(question)
        timings = {"total": round((time.perf_counter() - start) * 1000, 1)}
        return read_reply(
            question,
            text,
            sources,
            kind=self._kind,
            language=self._languages[question],
            article=self.article,
            fingerprint=self.fingerprint,
            timings=timings,
            usage=self._usage(),
        )


def read_reply(
    question: str,
    text: str,
    sources: Sequence[tuple[str, str, float]],
    *,
    kind: str,
    language: str,
    article: Callable[[str], Article],
    fingerprint: str,
    timings: dict[str, float],
    usage: dict[str, int],
) -> Outcome:
    """A free reply as our outcome; ``sources`` are (article_id, passage, score), best first."""
    from konkyo.index.text.sentences import sentences

    more = with_usage(usage)
    if not text.strip() or REFUSALS.search(text):
        return Refusal(
            question, language, "no_evidence", text, (), (), timings, fingerprint, **more
        )
    parts = []
    for start, end in sentences(text, language):
        sentence = text[start:end]
        lead = _LEADING.match(sentence)
        if lead and parts:
            # A number after the full stop belongs to the sentence before it.
            parts[-1] += lead.group()
            sentence = sentence[lead.end() :]
        if strip_marks(sentence).strip():
            parts.append(sentence)
    cited = [citation(n, source, article) for n, source in enumerate(sources, 1)]
    every = tuple(c.id for c in cited)
    sure = max((score for _, _, score in sources), default=0.0)
    claims = tuple(
        Claim(
            strip_marks(part).strip(),
            every if kind == "plain" else tuple(n for n in numbers(part) if n in every),
            round(sure, 4),
        )
        for part in parts
    )
    used = {n for claim in claims for n in claim.citations}
    shown = tuple(c for c in cited if c.id in used)
    return Answer(question, language, text, claims, shown, (), (), timings, fingerprint, **more)


def with_usage(usage: dict[str, int]) -> dict[str, dict[str, int]]:
    """Token counts, where outcomes have a place for them."""
    return {"usage": usage} if "usage" in Answer.__dataclass_fields__ else {}


def numbers(text: str) -> list[int]:
    found = [int(n) for m in _MARK.finditer(text) for n in re.split(r"\s*[,、]\s*", m.group(1))]
    return list(dict.fromkeys(found))


def citation(
    number: int, source: tuple[str, str, float], article: Callable[[str], Article]
) -> Citation:
    article_id, passage, _ = source
    whole = article(article_id)
    start = max(whole.text.find(passage), 0)
    return Citation(
        number,
        article_id,
        whole.title,
        whole.source,
        whole.url,
        whole.published,
        whole.language,
        whole.outlet,
        passage,
        start,
        start + len(passage),
    )


class Bench:
    """What all systems share: encoder, checker, judges, stores."""

    def __init__(self, out: Path, top_k: int, llm: str) -> None:
        from konkyo.index.embedding.encoders import load_encoder
        from konkyo.rag.factory import CHECKER_BASE, open_checker, open_verifier

        self.out, self.top_k, self.llm = out, top_k, llm
        from konkyo.rag.verification.verifier import SUPPORT, drafted

        self.encoder = load_encoder(CHECKER_BASE)
        verifier = open_verifier(self.encoder, open_checker())
        self._judges = default_judges(
            lambda draft, evidence, question, language: verifier.check(
                drafted(draft, evidence, question, language), SUPPORT
            )
        )
        self._counts: dict[str, int] = {}

    def judges(self, asker: Asker) -> Sequence[Judge]:
        return self._judges

    def konkyo(self, part: Dataset, whole: Dataset, *, quotes: bool) -> Asker:
        from konkyo.eval.answering import PipelineAsker
        from konkyo.rag.factory import open_llm, open_pipeline

        base = self._store(whole, None)
        folder = base if part.articles == whole.articles else self._store(part, base)
        model = open_llm("none") if quotes else open_llm("embedded", model=self.llm)
        opened = open_pipeline(str(folder), llm=model, encoder=self.encoder)
        # By default the models that are fetched do not phrase; here that is what is compared.
        return PipelineAsker(opened if quotes else opened.styled("always"))

    def _store(self, part: Dataset, base: Path | None) -> Path:
        from konkyo.eval.corpus import corpus_store
        from konkyo.index.embedding.model_files import home
        from konkyo.index.settings import ChunkSettings

        cut = ChunkSettings()
        return corpus_store(
            part.articles,
            self.encoder,
            home(),
            budget=cut.budget,
            overlap=cut.overlap,
            base=base,
            progress=lambda done, total: print(f"\rindexing {done}/{total}", end="", flush=True),
        )

    @functools.cached_property
    def _free(self):
        from konkyo.eval.llamaindex import llamaindex_llm

        return llamaindex_llm(
            f"embedded:{self.llm}" if self.llm else "embedded", on_usage=self._add
        )

    def _add(self, usage) -> None:
        for name in ("prompt_tokens", "cached_tokens", "completion_tokens"):
            self._counts[name] = self._counts.get(name, 0) + getattr(usage, name)
        self._counts["calls"] = self._counts.get("calls", 0) + 1

    def _take(self) -> dict[str, int]:
        counts, self._counts = self._counts, {}
        return counts

    @functools.cached_property
    def _embedding(self):
        from konkyo.index.llamaindex import embed_model

        return embed_model(self.encoder)

    def nodes(self, whole: Dataset):
        """One list of nodes for both engines and both halves, embedded once and kept in --out."""
        from llama_index.core import Document
        from llama_index.core.node_parser import SentenceSplitter
        from llama_index.core.schema import MetadataMode

        documents = [
            Document(text=a.text, id_=a.article_id, metadata={"title": a.title})
            for a in whole.articles
        ]
        nodes = SentenceSplitter().get_nodes_from_documents(documents)
        texts = [n.get_content(MetadataMode.EMBED) for n in nodes]
        digest = hashlib.sha256("\0".join([self.encoder.fingerprint, *texts]).encode())
        kept = self.out / f"vectors-{digest.hexdigest()[:16]}.npy"
        if kept.exists():
            vectors = np.load(kept, allow_pickle=False)
        else:
            print(f"embedding {len(texts)} nodes for LlamaIndex", flush=True)
            vectors = self.encoder.passages(texts)
            np.save(kept, vectors, allow_pickle=False)
        for node, vector in zip(nodes, vectors, strict=True):
            node.embedding = vector.tolist()
        return nodes

    def llamaindex(self, kind: str, part: Dataset, whole: Dataset) -> Asker:
        import llama_index.core
        from llama_index.core import VectorStoreIndex
        from llama_index.core.query_engine import CitationQueryEngine

        articles = {a.article_id: a for a in part.articles}
        nodes = [n for n in self.nodes(whole) if n.ref_doc_id in articles]
        index = VectorStoreIndex(nodes, embed_model=self._embedding)
        if kind == "plain":
            engine = index.as_query_engine(llm=self._free, similarity_top_k=self.top_k)
        else:
            engine = CitationQueryEngine.from_args(
                index, llm=self._free, similarity_top_k=self.top_k
            )

        def ask(question: str) -> tuple[str, list[tuple[str, str, float]]]:
            self._take()
            reply = engine.query(question)
            sources = [
                (
                    found.node.ref_doc_id or "",
                    _SOURCE.sub("", found.node.text).rstrip("\n"),
                    float(found.score or 0.0),
                )
                for found in reply.source_nodes
            ]
            return str(reply.response or ""), sources

        name = (
            f"{kind} llama-index-core {llama_index.core.__version__} top_k {self.top_k} "
            f"{self.encoder.fingerprint} {self._free.metadata.model_name} {len(nodes)}"
        )
        languages = {q.question: q.language for q in part.questions}
        return LlamaIndexAsker(kind, articles, ask, name, languages, self._take)


def blocks(halves: Sequence[Dataset], open_half: Callable[[int], Asker]) -> list[Part]:
    """Tens of each half in turn, so that a run that stops early has asked both."""
    found = []
    for at in range(0, max(len(h.questions) for h in halves), BLOCK):
        for number, half in enumerate(halves):
            questions = half.questions[at : at + BLOCK]
            if questions:
                part = replace(half, questions=questions)
                found.append(Part(part, functools.partial(open_half, number)))
    return found


def require_same_run(folder: Path, halves: Sequence[Dataset], *, code: bool) -> None:
    """Raise UsageError if the rows of a folder are of other questions or, if asked, other code."""
    questions = [part.dataset for part in blocks(halves, lambda number: sys.exit("not opened"))]
    wanted = {"dataset": " ".join(part.fingerprint for part in questions)}
    if code:
        wanted["code"] = code_fingerprint()
    changed = [name for name, value in wanted.items() if setting_of(folder, name) != value]
    if changed:
        raise UsageError(
            f"{folder} holds a run with another {', '.join(changed)}; name another --out, remove "
            "the folder, or make the table of what is there with --table"
        )


def ask_all(
    bench: Bench, system: str, halves: Sequence[Dataset], whole: Dataset, limit: int | None
) -> bool:
    """Ask what is left for one system; tell whether somebody interrupted."""
    folder = bench.out / system
    rows = read_rows(folder) if (folder / "rows.jsonl").exists() else []
    done = sum(row.error is None for row in rows)
    planned = sum(len(h.questions) for h in halves)
    most = planned if limit is None else min(limit, planned)
    if done >= most:
        require_same_run(folder, halves, code=system in OURS)
        print(f"{NAMES[system]}: {done} rows, nothing left to ask")
        return False
    askers: dict[int, Asker] = {}
    count = [done]

    def open_half(number: int) -> Asker:
        if number not in askers:
            if system in OURS:
                opened = bench.konkyo(halves[number], whole, quotes=system == "quotes")
                if askers:
                    # One model in memory, and one prompt cache, as in use.
                    opened.pipeline.llm = next(iter(askers.values())).pipeline.llm
            else:
                opened = bench.llamaindex(system, halves[number], whole)
            askers[number] = opened
        return askers[number]

    def on_row(row: Row, have: int, total: int) -> None:
        count[0] = have
        state = row.error or (row.outcome or {}).get("status")
        print(
            f"{NAMES[system]} {have}/{most} {row.question.id} {state} {row.seconds:.1f} s",
            flush=True,
        )

    result = run(
        blocks(halves, open_half),
        folder,
        judges=bench.judges,
        on_row=on_row,
        stop=lambda: count[0] >= most,
        # LlamaIndex's answers do not depend on this project's code; run.json keeps what changed.
        may_differ=frozenset() if system in OURS else frozenset({"code"}),
    )
    write_summary(result, folder)
    askers.clear()
    gc.collect()
    return result.interrupted and count[0] < most


def table(out: Path, systems: Sequence[str]) -> tuple[str, dict[str, object]]:
    """The table in Markdown and as an object, over the questions all systems were asked."""
    compared = systems_table({NAMES[s]: read_rows(out / s) for s in systems})
    rows = {s: compared.rows[NAMES[s]] for s in systems}
    summaries = {s: compared.summaries[NAMES[s]] for s in systems}
    asked, able = compared.questions, compared.answerable
    lines = [
        f"{asked} questions: {able} answerable, {asked - able} not. Not checked: questions that a"
        " figure says nothing about.",
        "",
        "| " + " | ".join(compared.heads) + " |",
        "|---|" + "---|" * (len(systems) + 1),
    ]

    def line(name: str, cells: Sequence[str]) -> None:
        lines.append(f"| {name} | " + " | ".join([*cells, ""]) + " |")

    lines += ["| " + " | ".join(cells) + " |" for cells in compared.lines]
    clean = {
        s: [
            r.scores["RefusalRecall"]
            for r in rows[s]
            if "RefusalRecall" in r.scores and r.question.note is None
        ]
        for s in systems
    }
    if any(clean.values()):
        line("RefusalRecall, answer nowhere else", [shown(mean(clean[s])) for s in systems])
    for name in ("prompt_tokens", "completion_tokens"):
        cells = [x.tokens.get(name) for x in summaries.values()]
        line(f"{name} a question", ["" if c is None else f"{c.mean:.0f}" for c in cells])
    line("failed", [str(x.errors) for x in summaries.values()])
    value: dict[str, object] = {"questions": asked, "answerable": able}
    value["systems"] = {
        s: {
            "measures": {n: as_json(m) for n, m in x.measures.items()},
            "faithfulness": {n: as_json(m) for n, m in x.faithfulness.items()},
            "seconds": {n: None if t != t else round(t, 3) for n, t in x.latency.items()},
            "tokens": {n: t.mean for n, t in x.tokens.items()},
            "errors": x.errors,
        }
        for s, x in summaries.items()
    }
    lines.append("")
    differences = {}
    for other in systems[1:]:
        for name in ("Useful", "Handled", "Right", "RefusalRecall"):
            a, b = (
                {r.question.id: r.scores[name] for r in rows[s] if name in r.scores}
                for s in (other, systems[0])
            )
            test = paired(a, b)
            if not test.n:
                continue
            differences[f"{name}: {systems[0]} - {other}"] = {
                "difference": test.difference,
                "low": test.low,
                "high": test.high,
                "p": test.p,
            }
            lines.append(
                f"{name}, {NAMES[systems[0]]} minus {NAMES[other]}: {test.difference:+.3f} "
                f"({test.low:+.3f} to {test.high:+.3f}), p = {test.p:.4f}, n = {test.n}  "
            )
    value["differences"] = differences
    lines += [
        "",
        "The checker is Konkyo's own and has passed every claim Konkyo shows; it reads sentences,"
        " and "
        "undervalues replies that are a bare word or date. The overlap judge shares no model "
        "with any system.",
    ]
    return "\n".join(lines) + "\n", value


def as_json(value: Mean) -> dict[str, object] | None:
    if not value.n:
        return None
    return {"value": value.value, "low": value.low, "high": value.high, "n": value.n}


def drawn(
    whole: Dataset, draw: int | None, answerable: int, unanswerable: int, seed: int
) -> tuple[Dataset, ...]:
    """What is asked: ``draw`` questions as they are, or two halves with and without what answers.

    Follow-ups are left out: the engines compared with take no history.
    """
    alone = replace(whole, questions=tuple(q for q in whole.questions if not q.history))
    if draw is not None:
        chosen = random.Random(seed).sample(alone.questions, min(draw, len(alone.questions)))
        return (replace(alone, questions=tuple(chosen)),)
    able, absent = without_gold(alone, max(answerable, unanswerable), seed=seed)
    return (
        replace(able, questions=able.questions[:answerable]),
        replace(absent, questions=absent.questions[:unanswerable]),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", "--squad", type=Path, required=True, help="file, folder or name")
    parser.add_argument(
        "--draw", type=int, default=None, help="ask N questions of the set as they are, once each"
    )
    parser.add_argument("--answerable", type=int, default=200)
    parser.add_argument("--unanswerable", type=int, default=200)
    parser.add_argument("--questions", type=int, default=None, help="stop each system after N rows")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--top-k", type=int, default=4, help="passages LlamaIndex gives the model")
    parser.add_argument("--llm", default="", help="catalogue name or GGUF file")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/three-systems")
    parser.add_argument("--table", action="store_true", help="only make the table from the rows")
    args = parser.parse_args()
    systems = args.systems.split(",")
    if unknown := set(systems) - set(SYSTEMS):
        parser.error(f"--systems: {sorted(unknown)[0]!r} is not one of {', '.join(SYSTEMS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.table:
        whole = load(args.set)
        halves = drawn(whole, args.draw, args.answerable, args.unanswerable, args.seed)
        bench = Bench(args.out, args.top_k, args.llm)
        for system in systems:
            if ask_all(bench, system, halves, whole, args.questions):
                print("interrupted: run the same command again to go on")
                return 130
    have = [s for s in SYSTEMS if (args.out / s / "rows.jsonl").exists()]
    text, value = table(args.out, have)
    command = "python " + " ".join(sys.argv)
    (args.out / "table.md").write_text(f"`{command}`\n\n{text}", encoding="utf-8")
    write_json(args.out / "table.json", {"command": command, **value})
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
