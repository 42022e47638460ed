"""Are two sentences with different figures about the same matter? The threshold of rag.conflict.

    python benchmarks/conflicts.py --shared ../shared

Disputed pairs: a sentence with a figure and the same sentence with another figure, in its own
language or (XQuAD, whose paragraphs are parallel) in another. Undisputed pairs: two sentences of
one encyclopaedia article, from different paragraphs, whose figures have the same unit and differ.
Fitting half: JaQuAD dev and XQuAD's first 24 titles; reporting half: JSQuAD valid and its last 24.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from corruptions import corrupt_number  # noqa: E402

from konkyo.index.text.quantities import Quantity, quantities, same_quantity  # noqa: E402
from konkyo.index.text.sentences import sentences  # noqa: E402
from konkyo.rag.disagreement.conflicts import same_matter  # noqa: E402
from konkyo.rag.factory import open_checker  # noqa: E402

Told = tuple[str, Quantity]
MOST = 150


def figure(text: str, language: str) -> Quantity | None:
    """The one figure with a unit that a sentence holds."""
    found = [q for q in quantities(text, language) if q.unit and not q.small and q.kind != "year"]
    return found[0] if len(found) == 1 else None


def told(text: str, language: str) -> Iterator[Told]:
    for start, end in sentences(text, language):
        one = text[start:end].strip()
        found = figure(one, language) if 12 <= len(one) <= 240 else None
        if found is not None:
            yield one, found


def articles(path: Path, part: slice) -> list[tuple[str, list[str]]]:
    """(title, paragraphs) of each article; those of one title are put together."""
    whole: dict[str, list[str]] = {}
    for article in json.loads(path.read_text("utf-8"))["data"][part]:
        whole.setdefault(str(article.get("title", "")), []).extend(
            p["context"] for p in article["paragraphs"]
        )
    return list(whole.items())


def changed(sentence: str, rng: random.Random) -> str | None:
    edit = corrupt_number(sentence, sentence, rng)
    if edit is None:
        return None
    (start, end, other), _ = edit
    return sentence[:start] + other + sentence[end:]


def undisputed(path: Path, part: slice, language: str, rng: random.Random) -> list[tuple[str, str]]:
    pairs = []
    for _, paragraphs in articles(path, part):
        some = [(n, *t) for n, text in enumerate(paragraphs) for t in told(text, language)]
        pairs += [
            (a, b)
            for i, a, p in some
            for j, b, q in some
            if i < j and (p.unit, p.kind) == (q.unit, q.kind) and not same_quantity(p, q)
        ]
    return rng.sample(pairs, min(MOST, len(pairs)))


def disputed(
    path: Path, other: Path, part: slice, languages: tuple[str, str], rng: random.Random
) -> list[tuple[str, str]]:
    pairs = []
    for (_, one), (_, two) in zip(articles(path, part), articles(other, part), strict=True):
        for text, parallel in zip(one, two, strict=True):
            theirs = list(told(parallel, languages[1]))
            for sentence, found in told(text, languages[0]):
                same = [s for s, q in theirs if same_quantity(found, q) and q.unit == found.unit]
                twin = changed(same[0], rng) if len(same) == 1 else None
                if twin is not None and figure(twin, languages[1]) is not None:
                    pairs.append((sentence, twin))
    return rng.sample(pairs, min(MOST, len(pairs)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/conflicts.json")
    args = parser.parse_args()
    data, checker = args.shared / "data", open_checker()
    assert checker is not None
    out: dict[str, object] = {"command": "python benchmarks/conflicts.py --shared ../shared"}
    for half, japanese, part in (
        ("fit", "jaquad-dev-0.1.0.json", slice(0, 24)),
        ("report", "jsquad-valid-v1.3.json", slice(24, 48)),
    ):
        rng = random.Random(7)
        x = {code: data / f"xquad.{code}.json" for code in ("en", "zh")}
        every = slice(None)
        sets = {
            "undisputed ja": (False, undisputed(data / japanese, every, "ja", rng)),
            "undisputed en": (False, undisputed(x["en"], part, "en", rng)),
            "undisputed zh": (False, undisputed(x["zh"], part, "zh", rng)),
            "disputed ja": (
                True,
                disputed(data / japanese, data / japanese, every, ("ja", "ja"), rng),
            ),
            "disputed zh, zh": (True, disputed(x["zh"], x["zh"], part, ("zh", "zh"), rng)),
            "disputed en, zh": (True, disputed(x["en"], x["zh"], part, ("en", "zh"), rng)),
            "disputed zh, en": (True, disputed(x["zh"], x["en"], part, ("zh", "en"), rng)),
        }
        table: dict[str, object] = {}
        for name, (_, pairs) in sets.items():
            shares = [same_matter(checker, a, b) for a, b in pairs]
            table[name] = {
                "pairs": len(pairs),
                **{
                    f"at {t}": round(sum(s >= t for s in shares) / max(1, len(shares)), 3)
                    for t in (0.5, 0.6, 0.7, 0.8)
                },
            }
            print(half, name, table[name], flush=True)
        out[half] = table
    args.out.write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
