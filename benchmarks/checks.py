"""What each check of a claim removes that no other one does: all checks, and all but one.

    python benchmarks/checks.py --shared ../shared --out benchmarks/results/checks.json

From JSQuAD valid, a question each: the sentence that answers it (to be kept), and claims that are
to be removed: another sentence of the paragraph as the answer, the same after the answer, the
answer twice, with a number that no quote has, in the language of a reader who does not read it, and
told of someone else in the sentence. From the reporting half of eval/datasets/corruptions.jsonl:
sentences with a changed number, day, name or negation. Nothing is fitted here.

The first check that fails decides, so leaving one out can change only the claims that it removed:
each is judged again without it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from corruptions import load as load_changed  # noqa: E402
from quote_alone import quote_alone  # noqa: E402

from konkyo.eval.formats.load import load as load_questions  # noqa: E402
from konkyo.eval.questions import Question  # noqa: E402
from konkyo.index.embedding.encoders import load_encoder  # noqa: E402
from konkyo.index.records import Article, ArticleSummary  # noqa: E402
from konkyo.index.text.names import names  # noqa: E402
from konkyo.index.text.sentences import sentences  # noqa: E402
from konkyo.rag.factory import CHECKER_BASE, open_checker, open_verifier  # noqa: E402
from konkyo.rag.reading.answerability import asked_for  # noqa: E402
from konkyo.rag.reading.protocol import Reader  # noqa: E402
from konkyo.rag.retrieval.evidence import Span  # noqa: E402
from konkyo.rag.short_answer.place import place_in  # noqa: E402
from konkyo.rag.types import Evidence  # noqa: E402
from konkyo.rag.verification.answer_place import anchors  # noqa: E402
from konkyo.rag.verification.verifier import CHECKS, Check, DraftedClaim, Verifier  # noqa: E402

Claims = list[tuple[str, DraftedClaim]]


def quote(number: int, article: ArticleSummary, text: str, start: int, end: int) -> Evidence:
    return Evidence(number, article, start, end, text[start:end], 1.0)


def asked_claims(
    question: Question, article: Article, reader: Reader
) -> Iterator[tuple[str, DraftedClaim]]:
    """Claims that a model might draft for a question, each with what is the matter with it."""
    text, language = article.text, article.language
    at = next((text.find(a) for a in question.answers if a in text), -1)
    bounds = sentences(text, language)
    answering = next(((s, e) for s, e in bounds if s <= at < e), None)
    beside = next(
        ((s, e) for s, e in bounds if not any(a in text[s:e] for a in question.answers)), None
    )
    if answering is None or beside is None:
        return
    summary = ArticleSummary("a", "", "a", None, None, language, None, 1)
    shown = [quote(1, summary, text, *answering), quote(2, summary, text, *beside)]
    (found,) = reader.answers(question.question, [shown[0].text])
    place = Span(
        shown[0].text[found.start : found.end],
        found.probability,
        "a",
        language,
        shown[0].start + found.start,
        shown[0].start + found.end,
    )
    true = DraftedClaim(
        shown[0].text,
        (1,),
        shown,
        question.question,
        language,
        places=anchors([place]),
        short=place_in(shown[0], place),
        one_fact=asked_for(question.question) is not None,
    )
    yield "true", true
    yield "another sentence", replace(true, text=shown[1].text, citations=(2,))
    yield (
        "another sentence after it",
        replace(true, text=shown[1].text, citations=(2,), before=(true.text,)),
    )
    yield "the same again", replace(true, before=(true.text,))
    yield "no such quote", replace(true, citations=(3,))
    yield "in another language", replace(true, language="ko")
    people = [n for n in names(true.text, language) if n.certain]
    if len(people) > 1 and people[0].text != people[1].text:
        a, b = people[:2]
        turned = true.text[: a.start] + b.text + true.text[a.end : b.start] + a.text
        yield "names exchanged", replace(true, text=turned + true.text[b.end :])


def changed_claims(shared: Path, count: int, rng: random.Random) -> Claims:
    items = [
        i for i in load_changed(shared) if i.half == "report" and i.language == i.evidence_language
    ]
    rng.shuffle(items)
    taken: Counter[str] = Counter()
    found = []
    for item in items:
        taken[item.kind] += 1
        if taken[item.kind] <= count:
            shown = [quote_alone(item.evidence, item.language, item.published)]
            kind = "true" if item.kind == "clean" else f"changed {item.kind}"
            found.append((kind, DraftedClaim(item.claim, (1,), shown, "", item.language)))
    return found


def decided_by(verifier: Verifier, claim: DraftedClaim) -> Check | None:
    """The first check that fails a claim, as the verifier makes them in order."""
    return next((one for one in CHECKS if verifier.check(claim, (one,)).reason is not None), None)


def table(claims: Claims, made: dict[Check | None, Verifier]) -> dict[str, object]:
    """By kind of claim: how many there are, are removed, and are let through without a check."""
    asked, removed = Counter(kind for kind, _ in claims), Counter[str]()
    through: dict[str, Counter[str]] = {kind: Counter() for kind in asked}
    for kind, claim in claims:
        if made[None].check(claim).reason is None:
            continue
        removed[kind] += 1
        check = decided_by(made[None], claim)
        if check is not None and made[check].check(claim).reason is None:
            through[kind][check] += 1
    return {
        kind: {"claims": n, "removed": removed[kind], "let through without": dict(through[kind])}
        for kind, n in asked.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    encoder, checker = load_encoder(CHECKER_BASE), open_checker()
    assert checker is not None
    made: dict[Check | None, Verifier] = {None: open_verifier(encoder, checker)}
    made |= {one: open_verifier(encoder, checker, without={one}) for one in CHECKS}
    whole, rng = load_questions(args.shared / "data" / "jsquad-valid-v1.3.json"), random.Random(12)
    articles = {a.article_id: a for a in whole.articles}
    claims = changed_claims(args.shared, args.questions, rng)
    for question in rng.sample(list(whole.questions), args.questions):
        claims += asked_claims(question, articles[question.gold[0].article], checker)
    told = {
        "command": f"python benchmarks/checks.py --shared ../shared --questions {args.questions}",
        "kinds": table(claims, made),
    }
    print(json.dumps(told, ensure_ascii=False, indent=1))
    if args.out:
        args.out.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
