"""What each kind of exact fact and the learned meaning add to the check of a claim.

    python benchmarks/ablation.py --shared ../shared --out benchmarks/results/ablation.json

Every claim is checked once; a kind is left out afterwards, by not counting what it found. The
figure is balanced accuracy: half the share of supported claims that pass, half that of others that
are removed. Claims: the reporting clusters of News Reading (the quote alone as evidence), JaNLI's
test split, the reporting half of corruptions.jsonl, and the real and invented continuations of
UHGEval's third over their article's nearest window. No rule was written on any but corruptions,
whose edits are the facts' own kinds. Nothing is fitted here.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from corruptions import load  # noqa: E402
from quote_alone import quote_alone  # noqa: E402

from konkyo.index.embedding.encoders import load_encoder  # noqa: E402
from konkyo.index.embedding.model_registry import model_path  # noqa: E402
from konkyo.index.text.language import same_language  # noqa: E402
from konkyo.rag.calibration import load_calibration  # noqa: E402
from konkyo.rag.factory import CHECKER_BASE, open_checker  # noqa: E402
from konkyo.rag.generation.output_format import Draft  # noqa: E402
from konkyo.rag.verification.fact_sources import FactKind  # noqa: E402
from konkyo.rag.verification.facts import compare  # noqa: E402
from konkyo.rag.verification.verifier import Verifier, drafted  # noqa: E402
from training.news import load_clusters  # noqa: E402
from training.rows import SUPPORTED  # noqa: E402
from training.sources import janli, uhgeval  # noqa: E402

KINDS = get_args(FactKind)


@dataclass(frozen=True)
class Claim:
    """A claim over evidence; ``change`` is what is false in it, "none" where it is supported."""

    source: str
    text: str
    language: str
    evidence: str
    evidence_language: str
    published: str | None
    supported: bool
    change: str


@dataclass(frozen=True)
class Checked:
    """What each check says of a claim: kinds of facts that are missing, and meaning."""

    claim: Claim
    missing: frozenset[str]
    means: bool

    def passes(self, without: str = "") -> bool:
        """Whether it passes where one kind of fact, or meaning, is not asked."""
        return not self.missing - {without} and (self.means or without == "meaning")


def news_claims(data: Path) -> Iterator[Claim]:
    for cluster in load_clusters([data / "reading" / "clusters"], "dev"):
        for claim in cluster.claims:
            article = cluster.article(claim.quote[0])
            quote = article.text[claim.quote[1] : claim.quote[2]]
            own = same_language(article.language, claim.language)
            yield Claim(
                "news, same language" if own else "news, across",
                claim.text,
                claim.language,
                quote,
                article.language,
                article.published,
                claim.label == SUPPORTED,
                claim.change,
            )


def other_claims(data: Path, shared: Path, most: int) -> Iterator[Claim]:
    rng = random.Random(7)
    pairs = janli(data, report=True)
    for pair in rng.sample(pairs, min(most, len(pairs))):
        yes = pair.label == SUPPORTED
        yield Claim("JaNLI test", pair.claim, "ja", pair.evidence, "ja", None, yes, "")
    stories = list(uhgeval(data, report=True))
    for _, day, *told in rng.sample(stories, min(most // 2, len(stories))):
        for one in told:
            yes = one.label == SUPPORTED
            yield Claim("UHGEval third", one.claim, "zh", one.evidence, "zh", day, yes, "")
    for item in load(shared):
        if item.half == "report":
            yes = item.kind == "clean"
            yield Claim(
                "corruptions",
                item.claim,
                item.language,
                item.evidence,
                item.evidence_language,
                item.published,
                yes,
                item.kind,
            )


def nearest(encoder, cutter, claim: Claim) -> str:
    """The window of long evidence that is nearest to a claim."""
    windows = [w.text for w in cutter.cut(claim.evidence, claim.evidence_language)]
    if len(windows) < 2:
        return claim.evidence
    scores = encoder.passages(windows) @ encoder.passages([claim.text])[0]
    return windows[int(scores.argmax())]


def checked(verifier: Verifier, claim: Claim, evidence: str) -> Checked:
    report = compare(
        claim.text,
        [evidence],
        claim_language=claim.language,
        evidence_languages=[claim.evidence_language],
        published=[claim.published],
    )
    quote = quote_alone(evidence, claim.evidence_language, claim.published)
    verdict = verifier.check(
        drafted(Draft(claim.text, (1,)), [quote], "", claim.language), ("meaning",)
    )
    return Checked(claim, frozenset(i.kind for i in report.issues), verdict.reason is None)


def balanced(found: Sequence[Checked], without: str = "") -> float:
    """Half the share of supported claims that pass, half that of others that are removed."""
    true = [c.passes(without) for c in found if c.claim.supported]
    false = [c.passes(without) for c in found if not c.claim.supported]
    return (sum(true) / max(1, len(true)) + 1 - sum(false) / max(1, len(false))) / 2


def table_of(found: Sequence[Checked]) -> dict[str, object]:
    """For one source: all checks, and how many points each adds."""
    whole = balanced(found)
    true = [c.passes() for c in found if c.claim.supported]
    false = [c.passes() for c in found if not c.claim.supported]
    return {
        "claims": len(found),
        "balanced accuracy": round(whole, 4),
        "supported that pass": round(sum(true) / max(1, len(true)), 4),
        "others removed": round(1 - sum(false) / max(1, len(false)), 4),
        "points added": {
            kind: round(100 * (whole - balanced(found, kind)), 2) for kind in (*KINDS, "meaning")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--most", type=int, default=600, help="claims of JaNLI and of UHGEval")
    parser.add_argument("--out", type=Path, help="where the table is written as JSON")
    args = parser.parse_args()

    from tokenizers import Tokenizer

    from training.windows import product_cutter

    encoder = load_encoder(CHECKER_BASE)
    tokenizer = Tokenizer.from_file(str(model_path(CHECKER_BASE) / "tokenizer.json"))
    cutter = product_cutter(tokenizer)
    verifier = Verifier(
        support=load_calibration("support"), states=encoder, supporter=open_checker()
    )
    data = args.shared / "data"
    found: dict[str, list[Checked]] = {}
    for claim in (*news_claims(data), *other_claims(data, args.shared, args.most)):
        long = claim.source == "UHGEval third"
        evidence = nearest(encoder, cutter, claim) if long else claim.evidence
        found.setdefault(claim.source, []).append(checked(verifier, claim, evidence))
    table = {source: table_of(some) for source, some in found.items()}
    for source, told in table.items():
        print(source, json.dumps(told))
    if args.out:
        args.out.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
