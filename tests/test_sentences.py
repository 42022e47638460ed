"""Sentence borders: exact in every language, never within a quotation or a number."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konkyo.index.text.quotations import Quotations, quotations
from konkyo.index.text.sentences import is_heading, sentences

CASES = {
    "ja quotation goes on": [
        "彼は「これは良い。とても良い。」と述べた。",
        "次の文だ。",
    ],
    "ja decimals": ["政策金利は0.75％に上がった。", "前回は０．５％だった。"],
    "ja parenthesis": ["首相（当時。前知事）が会談した。", "合意は近い。"],
    "ja marks": ["本当？と記者は聞いた。", "「まさか！」と答えた。", "なぜか？", "分からない。"],
    "ja name with a full stop": ["モーニング娘。の公演があった。", "Yahoo!ニュースが伝えた。"],
    "ja label": ["【異例の軍事作戦】", "トランプ氏は3日、発表した。"],
    "ja two quotations": ["「賛成だ。」", "「反対だ。」"],
    "zh attribution before": ["他说：“这很好。我们继续。”", "会议结束了。"],
    "zh attribution after": ["“好的。”他说。", "第二句！", "真的？", "是的。"],
    "ko": ["오늘은 2026. 2. 9. 월요일이다.", "그는 “가겠다.”고 말했다.", "금리는 0.75%다."],
    "en titles and initials": [
        "Mr. Smith of the U.S. said 1.5 billion was lost.",
        "J. K. Rowling left at 5 p.m.",
        "The end.",
    ],
    "en numbers": ["See No. 5 and Fig. 2 here.", "It was 3.5 in 2025.", "12 people came."],
    "en ellipsis": ["He waited... and left.", "Next one…", "And more.", "What?!", "No."],
    "en quotation": ["“Really?” he asked.", '"Yes. It is true," she said.', "So it was."],
    "en address": [["Visit https://a.example/b.c?d=1.", " works."][0], "It works."],
    "en parties": ["Brown v. Board of Education was decided."],
    "en glued": ["They left in the end.", "The next day came."],
    "es": ["La Sra. Pérez dijo que sí.", "¿Qué pasa?", "¡Vamos!"],
    "de": [
        "Am 3. Oktober kam er.",
        "Das kostet z.B. 3,5 Mio. Euro im 19. Jahrhundert.",
        "Er ging.",
    ],
    "fr": ["M. Dupont est là.", "« Venez ! » dit-il.", "Il est parti."],
    "ar": ["مرحبا بكم.", "كيف حالك؟", "أنا بخير."],
    "hi": ["यह एक वाक्य है।", "दूसरा वाक्य।"],
    "ru": ["А. С. Пушкин родился в 1799 г. в Москве.", "Он поэт."],
    "tr": ["II. Dünya Savaşı bitti.", "Herkes sevindi."],
}


def pieces(text: str, language: str | None = None) -> list[str]:
    return [text[a:b] for a, b in sentences(text, language)]


@pytest.mark.parametrize("name", CASES)
def test_each_sentence_is_found_whole(name: str) -> None:
    wanted = CASES[name]
    spaced = name[:2] not in ("ja", "zh") and name != "en glued"
    assert pieces((" " if spaced else "").join(wanted)) == wanted


def test_two_headlines_in_one_roman_numeral_case_stay_together() -> None:
    assert pieces("World War II. Nobody spoke.") == ["World War II. Nobody spoke."]


def test_line_breaks_are_borders_and_white_space_is_left_out() -> None:
    assert pieces("　見出し\r\n\n 本文です。 \n◇小見出し") == ["見出し", "本文です。", "◇小見出し"]


def test_an_open_quotation_mark_does_not_swallow_the_rest() -> None:
    assert pieces("「賛成だ。反対もある。結論はない。") == [
        "「賛成だ。",
        "反対もある。",
        "結論はない。",
    ]


class CountedSpans(tuple[tuple[int, int], ...]):
    """Spans that count how many of them are looked at."""

    read = 0

    def __getitem__(self, key: Any) -> Any:
        CountedSpans.read += 1
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for span in super().__iter__():
            CountedSpans.read += 1
            yield span


def test_few_of_many_quotations_are_looked_at_for_one_offset() -> None:
    spans = [(start, start + 5) for start in range(0, 80_000, 8)]
    many = Quotations(CountedSpans(spans))
    for offset in (0, 7, 40_000, 40_003, 40_006, 79_997, 80_010):
        CountedSpans.read = 0
        assert many.opens(offset) == any(a == offset for a, _ in spans)
        assert many.within(offset) == any(a < offset <= b for a, b in spans)
        assert many.around(offset) == next(((a, b) for a, b in spans if a < offset < b), None)
        assert CountedSpans.read < 100


@pytest.mark.parametrize(
    ("line", "spans"),
    [
        ("「a（b）」「c」", [(0, 5), (6, 8)]),
        ("「a（b」", [(0, 4)]),
        ("a」b）「c", []),
        ("„a“ “b”", [(0, 2), (4, 6)]),
        ("「「「a）", []),
        ('"a" "b', []),
        ('"a" (b"c) d"', [(0, 2), (4, 11)]),
        ("「" * 3 + "（" + "」" * 3, [(0, 6)]),
    ],
)
def test_marks_are_paired_and_stray_ones_passed_over(
    line: str, spans: list[tuple[int, int]]
) -> None:
    assert list(quotations((mark, at) for at, mark in enumerate(line)).spans) == spans


def test_a_line_of_many_quotations_is_cut_after_each() -> None:
    assert len(sentences("「賛成だ。」「反対だ。」" * 3000)) == 6000
    assert len(sentences("「" * 20_000 + "）" * 20_000)) == 1


def test_thai_is_cut_at_gaps_but_not_between_names() -> None:
    first = "นายกรัฐมนตรีญี่ปุ่นเดินทางเยือนกรุงวอชิงตันเพื่อพบกับประธานาธิบดีสหรัฐในเดือนมีนาคม"
    second = "ทั้งสองฝ่ายเห็นพ้องว่าจะเพิ่มความร่วมมือด้านความมั่นคงและเศรษฐกิจระหว่างกันต่อไป"
    assert pieces(f"{first} {second}".replace("ทั้งสอง", "สอง"), "th") == [
        first,
        second.replace("ทั้งสอง", "สอง"),
    ]
    named = f"{first} จอช นอร์แมน"
    assert pieces(named, "th") == [named]


def test_german_ordinals_need_the_language() -> None:
    text = "Er wurde 5. Sieger war Max."
    assert len(pieces(text)) == 2
    assert len(pieces(text, "de")) == 1


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("◇「強い日本」と一致", True),
        ("【日本政府、対応を注視】", True),
        ("## Next steps", True),
        ("※この情報は利用者によるものです。", False),
        ("首相は会談した。", False),
    ],
)
def test_headings_are_known_by_shape(line: str, heading: bool) -> None:
    assert is_heading(line) is heading


ALPHABET = "ab Z9.。!?！？…「」『』（）()“”\"' \n\t　,、๑กขあ漢字한글-#【】:.és\u0301"


@given(st.text(alphabet=ALPHABET, max_size=200) | st.text(max_size=120))
def test_spans_are_ordered_disjoint_trimmed_and_cover_all_ink(text: str) -> None:
    spans = sentences(text)
    covered = set()
    previous = 0
    for start, end in spans:
        assert previous <= start < end <= len(text)
        assert not text[start].isspace()
        assert not text[end - 1].isspace()
        covered.update(range(start, end))
        previous = end
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)


@given(st.lists(st.sampled_from([s for case in CASES.values() for s in case]), max_size=8))
def test_a_line_is_cut_the_same_wherever_it_stands(lines: list[str]) -> None:
    alone = [piece for line in lines for piece in pieces(line)]
    assert pieces("\n".join(lines)) == alone


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("jsquad-valid-v1.3", 0.001),
        ("xquad.en", 0.003),
        ("xquad.zh", 0.003),
        ("xquad.es", 0.003),
        ("xquad.de", 0.005),
        ("xquad.ru", 0.003),
        ("xquad.ar", 0.005),
        ("xquad.th", 0.015),
        ("xquad.tr", 0.003),
    ],
)
def test_borders_cut_hardly_any_answer_people_gave(shared: Path, name: str, most: float) -> None:
    data = json.loads((shared / "data" / f"{name}.json").read_text("utf-8"))["data"]
    cut = total = 0
    for paragraph in (p for article in data for p in article["paragraphs"]):
        spans = sentences(paragraph["context"])
        for answer in (q["answers"][0] for q in paragraph["qas"]):
            start = answer["answer_start"]
            end = start + len(answer["text"])
            total += 1
            cut += not any(a <= start and end <= b for a, b in spans)
    assert cut / total <= most
