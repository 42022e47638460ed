"""Do the reader's marks name the words of a claim that its evidence does not bear out?

    python benchmarks/marks.py --shared ../shared --out benchmarks/results/marks.json

F1 over the tokens of false claims whose wrong words are known, the marks widened to whole words as
the product shows them: the written claims of the reporting clusters E03 to H03 of News Reading
(``changed_words.jsonl``) over their quote, in its language or across; sentences with one fact
changed by rule (``corruptions.jsonl``, reporting half); invented continuations of Chinese news
whose readers named the wrong words (UHGEval, the third that reports, over the first 600 letters).
Of the written claims that the verifier removes for their meaning, false and true, by what the
reader holds likeliest: marks are shown where that is that the quote does not say it. "F1 all" is
what marking every token would have.

``--fitting`` counts how many removed claims have marks, over the clusters 9.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import corruptions  # noqa: E402

from konkyo.index.embedding.encoders import load_encoder  # noqa: E402
from konkyo.index.embedding.model_registry import model_path  # noqa: E402
from konkyo.index.records import ArticleSummary  # noqa: E402
from konkyo.rag.factory import CHECKER_BASE, open_checker, open_verifier  # noqa: E402
from konkyo.rag.reading.reader import ClaimSupport, tokenizer_of  # noqa: E402
from konkyo.rag.types import Evidence  # noqa: E402
from konkyo.rag.verification.meaning import whole_words  # noqa: E402
from konkyo.rag.verification.verifier import SUPPORT, DraftedClaim, Verifier  # noqa: E402
from training import sources  # noqa: E402
from training.news import load_clusters  # noqa: E402
from training.rows import SUPPORTED  # noqa: E402

NEWS = ROOT / "eval" / "datasets" / "news"
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Case:
    """A false claim, what it is read over, and where it is wrong."""

    sets: tuple[str, ...]
    claim: str
    evidence: str
    wrong: Spans


def written(verifier: Verifier, part: str) -> Iterator[Case]:
    """Claims of News Reading over the quote alone; where known, with the words that are wrong."""
    rows = map(json.loads, (NEWS / "changed_words.jsonl").read_text("utf-8").splitlines())
    changed = {(row["cluster"], row["claim"]): row["changed"] for row in rows}
    read = {name for name, _ in changed}
    for cluster in load_clusters([NEWS / "clusters"], part):
        if part == "dev" and cluster.cluster_id not in read:
            continue
        for claim in cluster.claims:
            article_id, start, end = claim.quote
            article = cluster.article(article_id)
            quote = article.text[start:end]
            about = ArticleSummary(
                article_id, article.title, "", None, article.published, article.language, None, 0
            )
            shown = [Evidence(1, about, start, end, quote, 1.0)]
            drafted = DraftedClaim(claim.text, (1,), shown, "", claim.language)
            where = "same" if article.language == claim.language else "across"
            sets = [] if claim.label == SUPPORTED else [f"news {where}"]
            if verifier.check(drafted, SUPPORT).reason == "meaning":
                sets.append("removed, true" if claim.label == SUPPORTED else "removed, false")
            words = changed.get((cluster.cluster_id, claim.text), ())
            at = [(claim.text.find(one), len(one)) for one in words]
            yield Case(tuple(sets), claim.text, quote, [(a, a + size) for a, size in at])


def by_rule(shared: Path) -> Iterator[Case]:
    """Sentences with one fact changed."""
    rows = map(json.loads, corruptions.DATASET.read_text("utf-8").splitlines())
    for row, item in zip(rows, corruptions.load(shared), strict=True):
        if item.half == "report" and item.kind != "clean" and len(row["edits"]) == 1:
            ((start, _, new),) = row["edits"]
            where = "same" if item.language == item.evidence_language else "across"
            wrong = [(start, start + max(1, len(new)))]
            yield Case((f"by rule {where}",), item.claim, item.evidence, wrong)


def invented(shared: Path) -> Iterator[Case]:
    """Invented continuations of news with the words that people called wrong."""
    for _, _, _, false in sources.uhgeval(shared / "data", report=True):
        if false.wrong:
            yield Case(("uhgeval",), false.claim, false.evidence[:600], false.wrong)


def overlaps(tokens: Spans, spans: Spans) -> list[bool]:
    """Of each token, whether a stretch touches it."""
    return [any(start < b and a < end for start, end in spans) for a, b in tokens]


def figures(marked: Sequence[tuple[list[bool], list[bool]]]) -> dict[str, float]:
    """Claims, the share with a mark and, where wrong words are known, what the marks are worth."""
    found: dict[str, float] = {
        "claims": len(marked),
        "marked": round(sum(any(a) for a, _ in marked) / len(marked), 3),
    }
    told = [pair for one, other in marked for pair in zip(one, other, strict=True)]
    right = sum(a and b for a, b in told)
    given, wanted = sum(a for a, _ in told), sum(b for _, b in told)
    if wanted:
        found |= {
            "F1": round(2 * right / (given + wanted), 3),
            "precision": round(right / max(1, given), 3),
            "recall": round(right / wanted, 3),
            "F1 all": round(2 * wanted / (len(told) + wanted), 3),
        }
    return found


def likeliest(view: ClaimSupport) -> str:
    """What a view is of the evidence."""
    shares = {
        "says so": view.entail,
        "says otherwise": view.contradict,
        "does not say": view.neutral,
    }
    return max(shares, key=lambda name: shares[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--fitting", action="store_true", help="the clusters 9 alone")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    checker = open_checker()
    assert checker is not None
    tokenizer = tokenizer_of(model_path(CHECKER_BASE))
    verifier = open_verifier(load_encoder(CHECKER_BASE), checker)
    cases = list(written(verifier, "held" if args.fitting else "dev"))
    if not args.fitting:
        cases += [*by_rule(args.shared), *invented(args.shared)]
    found: dict[str, list[tuple[list[bool], list[bool]]]] = defaultdict(list)
    for case in cases:
        (view,) = checker.supports(case.claim, [case.evidence])
        offsets = tokenizer.encode(case.claim, add_special_tokens=False).offsets
        tokens = [(a, b) for a, b in offsets if case.claim[a:b].strip()]
        marks = [(m.start, m.end) for m in whole_words(case.claim, view.unsupported)]
        told = overlaps(tokens, marks), overlaps(tokens, case.wrong)
        for name in case.sets:
            removed = name.startswith("removed")
            found[f"{name}, {likeliest(view)}" if removed else name].append(told)
    part = " --fitting" if args.fitting else ""
    table: dict[str, object] = {
        "command": f"python benchmarks/marks.py --shared ../shared{part}",
        "reader": checker.fingerprint,
        **{name: figures(marked) for name, marked in sorted(found.items())},
    }
    text = json.dumps(table, indent=1)
    print(text)
    if args.out is not None:
        args.out.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
