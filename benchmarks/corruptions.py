"""Claims with one fact changed, and honest rewordings of true ones, to measure a checker of claims.

    python benchmarks/corruptions.py build  --shared ../shared
    python benchmarks/corruptions.py report --shared ../shared --half report

Sentences of real articles become claims; the passage around each is the evidence. ``build``
writes ``eval/datasets/corruptions.jsonl``: one row a claim, which names its source by file and
offset and gives only the edits, so that no article is copied; Korean, for which there is no
such data set, uses the seed articles and sentences written here. The two halves share no source:
fit is JaQuAD dev, XQuAD's first 24 titles and even lines of news-zh; report is JSQuAD valid,
XQuAD's last 24 and odd lines. Names come from the answers to who- and where-questions, and every
edit is made by rules of this file alone, so that the checker's own tables do not mark their own
work.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

DATASET = ROOT / "eval" / "datasets" / "corruptions.jsonl"
PER_KIND = 30
EVIDENCE_CHARS = {"en": 700, "de": 700, "es": 700, "ko": 420}

KOREAN = """
정부는 2025년 3월 14일 반도체 산업에 5조 2000억 원을 투자한다고 밝혔다.
김민수 장관은 지난해 12월 서울에서 열린 회의에 참석했다.
국회는 5월 7일 예산안을 찬성 187표로 가결했다.
이서연 대변인은 이번 조사에 약 300개사가 참여했다고 설명했다.
부산항의 지난달 수출은 12.5% 증가했다.
경찰은 화재로 36명이 다쳤다고 발표했다.
박지훈 선수는 2024년 8월 3일 파리에서 금메달을 땄다.
한국은행은 기준금리를 3.25%로 동결하지 않았다.
삼성전자는 올해 2분기에 10조 4400억 원의 영업이익을 거두었다.
최영호 시장은 9월 21일 대구에서 기자회견을 열었다.
이 다리는 1998년에 완공됐으며 길이는 1,420m이다.
환경부는 미세먼지 농도가 지난해보다 18% 감소했다고 밝혔다.
정수빈 박사는 연구진 45명과 함께 6년 동안 실험을 했다.
태풍으로 제주에서 2만 3000가구가 정전됐다.
법원은 11월 5일 회사의 항소를 기각했다.
한국과 베트남은 2023년 6월 협정에 서명했다.
윤하준 감독의 영화는 관객 840만 명을 모았다.
인천공항 이용객은 하루 평균 19만 명이다.
정부는 이 계획을 아직 승인하지 않았다.
오세진 교수는 백신이 효과가 있다고 말했다.
실업률은 2.7%로 전달보다 상승했다.
강원도의 인구는 152만 명으로 줄었다.
대통령은 4월 19일 캐나다 총리와 회담한다.
한지우 의원은 법안에 반대했다.
이 회사는 미국 텍사스에 공장 3곳을 세운다.
광주에서 열린 축제에 관람객 6만 5000명이 찾았다.
지진의 규모는 5.8이었고 여진은 27차례 이어졌다.
검찰은 1월 30일 전직 간부 4명을 기소했다.
노동조합은 7월 12일 파업을 시작했다.
송다은 작가의 소설은 15개국에서 출판됐다.
올해 쌀 생산량은 358만 톤이다.
합의에 따라 양측은 10월 1일부터 관세를 15%로 낮춘다.
문재호 연구원은 이 결과를 확인하지 못했다.
울산 공장은 2020년에 문을 닫았다.
독일은 우크라이나에 전차 18대를 보냈다.
신도시에는 2030년까지 주택 4만 8000호가 들어선다.
수원시는 버스 요금을 1,500원으로 올렸다.
조은별 판사는 증거가 충분하지 않다고 판단했다.
위원회는 2월 8일 투표에서 9대 4로 안건을 통과시켰다.
이 병원은 하루에 환자 620명을 진료한다.
""".strip().splitlines()
KOREAN_PEOPLE = [
    "김도윤",
    "이하은",
    "박서진",
    "최유나",
    "정태영",
    "강민지",
    "윤석호",
    "장보경",
    "임재현",
    "배수아",
]
KOREAN_PLACES = [
    "대전",
    "전주",
    "창원",
    "포항",
    "여수",
    "런던",
    "도쿄",
    "멕시코",
    "프랑스",
    "브라질",
]
KOREAN_NAME = re.compile(
    r"(?P<person>(?<![가-힣])(?:김민수|이서연|박지훈|최영호|정수빈|윤하준|오세진|한지우|송다은"
    r"|문재호|조은별|트럼프|시진핑|다카이치|아베|베선트|마두로))"
    r"|(?P<place>(?<![가-힣])(?:서울|부산|파리|대구|제주|베트남|캐나다|텍사스|광주|울산|독일"
    r"|우크라이나|수원|인천|강원|일본|중국|베네수엘라|태국|대만))"
)


# -- sources ---------------------------------------------------------------------------------


def shared_folder(given: str | None) -> Path:
    return Path(given or os.environ.get("KONKYO_SHARED") or ROOT.parent / "shared")


@lru_cache(maxsize=16)
def _paragraphs(folder: Path, name: str) -> list[dict[str, object]]:
    data = json.loads((folder / "data" / name).read_text(encoding="utf-8"))["data"]
    return [
        {"context": p["context"], "qas": p["qas"], "title": i}
        for i, article in enumerate(data)
        for p in article["paragraphs"]
    ]


@lru_cache(maxsize=1)
def _news(folder: Path) -> list[str]:
    with lzma.open(folder / "data" / "news-zh.txt.xz", "rt", encoding="utf-8") as lines:
        return [line.rstrip("\n") for line in lines]


@lru_cache(maxsize=32)
def _seed(name: str) -> str:
    return (ROOT / "seeds" / name).read_text(encoding="utf-8")


def source_text(folder: Path, source: str) -> str:
    """The text that a row's ``source`` names: FILE#NUMBER, seeds/FILE or korean."""
    if source == "korean":
        return "\n".join(KOREAN)
    if source.startswith("seeds/"):
        return _seed(source.removeprefix("seeds/"))
    name, _, number = source.partition("#")
    if name.startswith("news-zh"):
        return _news(folder)[int(number)]
    return str(_paragraphs(folder, name)[int(number)]["context"])


_ENDS = {"en": r"(?<=[.!?])\s+(?=[A-Z\"“])", "ko": r"(?<=[.!?])\s+|\n+"}


def sentences(text: str, language: str) -> Iterator[tuple[int, str]]:
    """Offsets and texts of the sentences of a passage."""
    pattern = _ENDS.get(language, r"(?<=[。！？])(?![」』”）)])|\n+|(?<=\[SEP\]) ")
    if language in {"de", "es"}:
        pattern = r"(?<=[.!?])\s+(?=[A-ZÄÖÜÁÉÍÓÚ¿])"
    at = 0
    for piece in re.split(f"({pattern})", text):
        if piece and piece.strip():
            lead = len(piece) - len(piece.lstrip())
            yield at + lead, piece.strip()
        at += len(piece or "")


def window(text: str, start: int, end: int, language: str) -> tuple[int, int]:
    """The evidence for a sentence.

    The whole sentences around it, up to a few hundred characters.
    """
    budget = EVIDENCE_CHARS.get(language, 320)
    low, high = start, end
    spans = [(a, a + len(s)) for a, s in sentences(text, language)]
    for a, b in spans:
        if a >= high and b - low <= budget:
            high = b
    for a, b in reversed(spans):
        if b <= low and high - a <= budget:
            low = a
    return low, high


def _fits(text: str, language: str) -> bool:
    low, high = (40, 260) if language in {"en", "de", "es"} else (15, 130)
    return low <= len(text) <= high and "[SEP]" not in text and text.count("「") == text.count("」")


def collect(folder: Path, language: str, half: str) -> list[tuple[str, int, str, str | None]]:
    """(source, offset, sentence, published) of one language and half."""
    found: list[tuple[str, int, str, str | None]] = []

    def add(source: str, text: str, published: str | None = None, skip: int = 0) -> None:
        for at, sentence in sentences(text, language):
            if at >= skip and _fits(sentence, language):
                found.append((source, at, sentence, published))

    if language == "ja":
        name = "jaquad-dev-0.1.0.json" if half == "fit" else "jsquad-valid-v1.3.json"
        for i, p in enumerate(_paragraphs(folder, name)):
            add(f"{name}#{i}", str(p["context"]))
    elif language in {"en", "de", "es"}:
        for i, p in enumerate(_paragraphs(folder, f"xquad.{language}.json")):
            if (int(str(p["title"])) < 24) == (half == "fit"):
                add(f"xquad.{language}.json#{i}", str(p["context"]))
    elif language == "zh":
        for i, line in enumerate(_news(folder)):
            if (i % 2 == 0) == (half == "fit") and i < 2400:
                stamp = re.match(r"\[?\s?(\d{4}-\d{2}-\d{2})", line)
                body = line.find("正文：")
                add(f"news-zh.txt.xz#{i}", line, stamp and stamp.group(1), max(0, body + 3))
        for i, p in enumerate(_paragraphs(folder, "xquad.zh.json")):
            if (int(str(p["title"])) < 24) == (half == "fit"):
                add(f"xquad.zh.json#{i}", str(p["context"]))
    elif language == "ko":
        text = "\n".join(KOREAN)
        for at, sentence in sentences(text, "ko"):
            if (KOREAN.index(sentence) % 2 == 0) == (half == "fit"):
                found.append(("korean", at, sentence, None))
        for i, path in enumerate(sorted((ROOT / "seeds").glob("*-ko-*.md"))):
            if (i % 2 == 0) == (half == "fit"):
                text = path.read_text(encoding="utf-8")
                stamp = re.search(r'published: "?(\d{4}-\d{2}-\d{2})', text)
                add(f"seeds/{path.name}", text, stamp and stamp.group(1), text.index("\n---\n") + 5)
    return found


# -- edits that make a claim false -------------------------------------------------------------

Edit = tuple[int, int, str]
Corruptor = Callable[[str, str, random.Random], tuple[Edit, str] | None]
_DIGITS = re.compile(
    r"(?<![A-Za-z0-9.,\-/：:第])\d[\d,]*(?:\.\d+)?(?![\d.,]*\d)(?![A-Za-z]?[\-/：:]\d)"
)
_DATE_NEXT = re.compile(
    r"\s?(?:年(?!間|前|半|連)|月|日(?!間)|时|時(?!間)|点|號|号|년(?! 동안|간)"
    r"|월|일(?!간)|시(?!간)|st\b|nd\b|rd\b|th\b|'?s\b)"
)
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_SCALES = [
    ("兆", "億"),
    ("億", "万"),
    ("亿", "万"),
    ("조", "억"),
    ("억", "만"),
    ("billion", "million"),
    ("million", "billion"),
    ("万", "億"),
]
_WORDS = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "twelve",
    "twenty",
]


def _is_date(text: str, found: re.Match[str]) -> bool:
    if _DATE_NEXT.match(text, found.end()):
        return True
    before = text[: found.start()]
    if re.search(rf"(?:{'|'.join(_MONTHS)})\s$", before) or re.match(
        rf"\s(?:{'|'.join(_MONTHS)})", text[found.end() :]
    ):
        return True
    return bool(re.fullmatch(r"1\d{3}|20\d{2}", found.group()))


def _another_number(figure: str, rng: random.Random) -> str:
    plain = figure.replace(",", "")
    whole, _, tail = plain.partition(".")
    for _ in range(50):
        style = rng.randrange(3) if int(whole) else 0
        if style == 0:
            digits = list(whole)
            i = rng.randrange(len(digits))
            digits[i] = rng.choice([d for d in "123456789" if d != digits[i]])
            new = "".join(digits)
        elif style == 1:
            new = str(max(1, round(int(whole) * rng.choice([0.5, 0.7, 1.3, 1.5, 2, 3]))))
        else:
            new = whole + "0" if len(whole) < 4 else whole[:-1]
        if new != whole:
            grouped = f"{int(new):,}" if "," in figure else new
            return grouped + ("." + tail if tail else "")
    return "7" + figure


def corrupt_number(text: str, evidence: str, rng: random.Random) -> tuple[Edit, str] | None:
    spots = [m for m in _DIGITS.finditer(text) if not _is_date(text, m)]
    style = rng.random()
    if style < 0.2:
        for scale, other in rng.sample(_SCALES, len(_SCALES)):
            found = re.search(rf"(?<=\d)\s?{scale}(?![a-z])", text)
            if found:
                at = found.end() - len(scale)
                return (at, found.end(), other), "magnitude"
    words = list(re.finditer(rf"\b(?:{'|'.join(_WORDS[1:])})\b", text))
    words += list(
        re.finditer(
            r"(?<![一二三四五六七八九十百千万第])[三四五六七八九](?=[人名社つ倍件艘隻カか個个])",
            text,
        )
    )
    if words and (style > 0.85 or not spots):
        found = rng.choice(words)
        pool = _WORDS if found.group().isascii() else list("三四五六七八九")
        new = rng.choice([w for w in pool if w != found.group()])
        return (found.start(), found.end(), new), "word"
    if not spots:
        return None
    found = rng.choice(spots)
    new = _another_number(found.group(), rng)
    if re.search(rf"(?<![\d.,]){re.escape(new)}(?![\d.,]*\d)", evidence):
        return (found.start(), found.end(), new), "value elsewhere"
    return (found.start(), found.end(), new), "value"


def corrupt_date(text: str, evidence: str, rng: random.Random) -> tuple[Edit, str] | None:
    options: list[tuple[Edit, str]] = []
    for found in re.finditer(r"(?<!\d)(1[0-9]{3}|20[0-2]\d)(?=\s?[年년])", text):
        options.append(
            (
                (
                    *found.span(),
                    str(int(found.group()) + rng.choice([-30, -9, -3, -1, 1, 2, 7, 20])),
                ),
                "year",
            )
        )
    for found in re.finditer(r"(?<![\d個个カか])(1[0-2]|[1-9])(?=\s?[月월])", text):
        options.append(
            (
                (
                    *found.span(),
                    str(rng.choice([m for m in range(1, 13) if m != int(found.group())])),
                ),
                "month",
            )
        )
    for found in re.finditer(r"(?<=[月월])\s?(3[01]|[12]\d|[1-9])(?=\s?[日日일号])", text):
        at = found.start(1)
        options.append(
            (
                (
                    at,
                    found.end(),
                    str(rng.choice([d for d in range(1, 29) if d != int(found.group(1))])),
                ),
                "day",
            )
        )
    for found in re.finditer(rf"\b(?:{'|'.join(_MONTHS)})\b(?=\s\d)", text):
        options.append(
            ((*found.span(), rng.choice([m for m in _MONTHS if m != found.group()])), "month")
        )
    for found in re.finditer(
        r"(?<=(?:in|of|by) )(?:1[0-9]{3}|20[0-2]\d)\b|(?<=\d, )(?:1[0-9]{3}|20[0-2]\d)\b", text
    ):
        options.append(
            (
                (
                    *found.span(),
                    str(int(found.group()) + rng.choice([-30, -9, -3, -1, 1, 2, 7, 20])),
                ),
                "year",
            )
        )
    for found in re.finditer(
        rf"(?<=(?:{'|'.join(f'(?:{m})' for m in ['May'])}) )\d{{1,2}}\b", text
    ):
        options.append(
            (
                (
                    *found.span(),
                    str(rng.choice([d for d in range(1, 29) if str(d) != found.group()])),
                ),
                "day",
            )
        )
    for group in (
        ["昨年", "今年", "来年"],
        ["先月", "来月"],
        ["昨日", "明日"],
        ["去年", "今年", "明年"],
        ["上月", "下月"],
        ["昨天", "明天"],
        ["지난해", "내년"],
        ["지난달", "다음 달"],
        ["last year", "next year"],
        ["last month", "next month"],
    ):
        for word in group:
            for found in re.finditer(word, text):
                options.append(
                    ((*found.span(), rng.choice([w for w in group if w != word])), "relative")
                )
    options = [o for o in options if not re.match(r"\d{2,4}年代", text[o[0][0] :])]
    return rng.choice(options) if options else None


_NEGATE: dict[str, list[tuple[str, str]]] = {
    "ja": [
        (r"ではない(?=。$)", "である"),
        (r"しなかった(?=。$)", "した"),
        (r"されなかった(?=。$)", "された"),
        (r"(?<=[れき])なかった(?=。$)", "た"),
        (r"していない(?=。$)", "している"),
        (r"されている(?=。$)", "されていない"),
        (
            r"している(?=。"
            r"$)",
            "していない",
        ),
        (r"されていた(?=。$)", "されていなかった"),
        (r"された(?=。$)", "されなかった"),
        (r"であった(?=。$)", "ではなかった"),
        (
            r"である(?=。"
            r"$)",
            "ではない",
        ),
        (r"だった(?=。$)", "ではなかった"),
        (r"(?<=[一-鿿])した(?=。$)", "しなかった"),
        (r"していた(?=。$)", "していなかった"),
        (
            r"される(?=。"
            r"$)",
            "されない",
        ),
        (r"(?<=[一-鿿])する(?=。$)", "しない"),
        (r"なった(?=。$)", "ならなかった"),
        (r"いる(?=。$)", "いない"),
        (r"いた(?=。$)", "いなかった"),
        (r"がある(?=。$)", "はない"),
        (r"があった(?=。$)", "はなかった"),
        (r"られた(?=。$)", "られなかった"),
    ],
    "zh": [
        (r"没有", "有"),
        (r"不是", "是"),
        (r"尚未|未(?=[能经曾])", "已"),
        (r"不会", "会"),
        (r"不能", "能"),
        (r"(?<=[一-鿿])并不", "很"),
        (r"(?<![不也就还可但若总要正都于只凡的])是(?![否不非])", "不是"),
        (
            r"将(?=[在于会继为对把"
            r"被进举开推])",
            "将不",
        ),
        (r"(?<!没)有(?=[一-鿿]{2})(?![关着效限所])", "没有"),
        (r"已(?=[经成完达])", "未"),
        (r"(?<![机社协学全大不开议])会(?=[在对把被有因])", "不会"),
        (
            r"能(?=[够在对使让为])(?<"
            r"![才功性可不])",
            "不能",
        ),
        (r"(?<=[一-鿿])(?=表示，)", "没有"),
    ],
    "en": [
        (r"(?<=\bwas) (?=\w+ed\b|a\b|the\b|\w+n\b)", " not "),
        (
            r"(?<=\bis) (?=\w+ed\b|a\b"
            r"|the\b)",
            " not ",
        ),
        (r"(?<=\bwere) (?!not)", " not "),
        (r"(?<=\bare) (?!not)", " not "),
        (r"(?<=\bcan) (?!not)", "not "),
        (
            r"(?<=\bwill) "
            r"(?!not)",
            " not ",
        ),
        (r"(?<=\bhad) (?=\w+ed\b|been)", " not "),
        (r"(?<=\bhas) (?=\w+ed\b|been)", " not "),
        (r"(?<=\bhave) (?=\w+ed\b|been)", " not "),
        (
            r"(?<=\bcould) "
            r"(?!not)",
            " not ",
        ),
        (r" not(?= (?!only|just|merely))", ""),
        (r"did not (?=\w)", "did "),
        (r"\bnever (?=\w)", "always "),
    ],
    "ko": [
        (r"하지 않았다(?=\.)", "했다"),
        (r"하지 못했다(?=\.)", "했다"),
        (r"하지 않다(?=고)", "하다"),
        (r"했다(?=\.)", "하지 않았다"),
        (r"됐다(?=\.)", "되지 않았다"),
        (r"밝혔다(?=\.)", "밝히지 않았다"),
        (r"이다(?=\.)", "이 아니다"),
        (r"있다(?=\.)", "있지 않다"),
        (r"한다(?=\.)", "하지 않는다"),
        (r"된다(?=\.)", "되지 않는다"),
        (r"열었다(?=\.)", "열지 않았다"),
        (r"했다고", "하지 않았다고"),
        (r"냈다(?=\.)", "내지 않았다"),
        (r"닫았다(?=\.)", "닫지 않았다"),
        (r"낮춘다(?=\.)", "낮추지 않는다"),
        (r"세운다(?=\.)", "세우지 않는다"),
        (r"않았다(?=\.)", "했다"),
    ],
}
_ANTONYMS: dict[str, list[tuple[str, str]]] = {
    "ja": [
        ("増加", "減少"),
        ("上昇", "低下"),
        ("賛成", "反対"),
        ("最初", "最後"),
        ("以上", "以下"),
        ("最大", "最小"),
        ("勝利", "敗北"),
        ("多い", "少ない"),
        ("高い", "低い"),
        ("成功", "失敗"),
        ("拡大", "縮小"),
        ("強化", "弱体化"),
    ],
    "zh": [
        ("增长", "下降"),
        ("增加", "减少"),
        ("上涨", "下跌"),
        ("最大", "最小"),
        ("以上", "以下"),
        ("成功", "失败"),
        ("提高", "降低"),
        ("同意", "反对"),
        ("支持", "反对"),
        ("首次", "最后一次"),
        ("高于", "低于"),
        ("扩大", "缩小"),
    ],
    "en": [
        ("increased", "decreased"),
        ("increase", "decrease"),
        ("more than", "less than"),
        ("largest", "smallest"),
        ("first", "last"),
        ("highest", "lowest"),
        ("before", "after"),
        ("higher", "lower"),
        ("supported", "opposed"),
        ("success", "failure"),
        ("won", "lost"),
        ("rise", "fall"),
    ],
    "ko": [
        ("증가", "감소"),
        ("찬성", "반대"),
        ("상승", "하락"),
        ("가결", "부결"),
        ("올렸다", "내렸다"),
        ("높이", "낮게"),
        ("강화", "약화"),
        ("줄었다", "늘었다"),
        ("시작", "중단"),
        ("낮춘다", "높인다"),
        ("통과", "부결"),
        ("첫", "마지막"),
    ],
}


def negation_for(language: str) -> Corruptor:
    def corrupt(text: str, evidence: str, rng: random.Random) -> tuple[Edit, str] | None:
        if rng.random() < 0.35:
            pairs = [(a, b) for x, y in _ANTONYMS[language] for a, b in ((x, y), (y, x))]
            boundary = r"\b" if language == "en" else ""
            hits = [
                (m, b)
                for a, b in pairs
                for m in re.finditer(boundary + re.escape(a) + boundary, text)
            ]
            if hits:
                found, other = rng.choice(hits)
                return (found.start(), found.end(), other), "opposite"
        rules = list(_NEGATE[language])
        if language != "ja":
            rng.shuffle(rules)
        for pattern, replacement in rules:
            spots = list(re.finditer(pattern, text))
            if spots:
                found = rng.choice(spots)
                removed = len(replacement) < len(found.group())
                return (found.start(), found.end(), replacement), "removed" if removed else "added"
        return None

    return corrupt


_WHO = {"ja": r"誰|だれ", "en": r"^Who\b|\bwho\b", "zh": r"谁"}
_WHERE = {
    "ja": r"どこ|何県|どの国|何という国|何市",
    "en": r"^Where\b|[Ww]hich country|[Ww]hat "
    r"city|[Ww]hat country|[Ww]hich city|[Ww]hat "
    r"region",
    "zh": r"哪里|哪个国家|哪座城|哪个城市|什么城市|何地",
}
_NAMED = {
    "ja": r"[゠-ヿ・＝A-Za-z]{3,}|[一-鿿々ヶノ]{2,8}|[一-鿿゠-ヿ・]{3,14}",
    "en": r"(?:[A-Z][\w'’.-]+)(?:\s(?:of|the|de|van|von|[A-Z][\w'’.-]+)){0,4}",
    "zh": r"[一-鿿·•・]{2,14}|[A-Z][\w .'-]{2,30}",
}
_TITLES = re.compile(
    r"(王|皇帝|天皇|首相|大統領|将軍|者|人|たち|家|長|官|師|員|法|国民|政府|会"
    r"|軍|派|達|市民|生|者|民|父|母|子|兵|内|部|本人|自分|側)$"
)


@lru_cache(maxsize=8)
def _answers(folder: Path, language: str, half: str) -> dict[str, list[tuple[str, int, str]]]:
    """Answers to who- and where-questions: class -> (source, offset, name)."""
    if language == "ja":
        name = "jaquad-dev-0.1.0.json" if half == "fit" else "jsquad-valid-v1.3.json"
    else:
        name = f"xquad.{language}.json"
    found: dict[str, list[tuple[str, int, str]]] = {"who": [], "where": []}
    for i, p in enumerate(_paragraphs(folder, name)):
        if language != "ja" and (int(str(p["title"])) < 24) != (half == "fit"):
            continue
        for qa in p["qas"]:  # type: ignore[attr-defined]
            answer = qa["answers"][0]["text"].strip()
            for kind, table in (("who", _WHO), ("where", _WHERE)):
                if re.search(table[language], qa["question"]) and re.fullmatch(
                    _NAMED[language], answer
                ):
                    if language == "ja" and _TITLES.search(answer) and kind == "who":
                        continue
                    found[kind].append((f"{name}#{i}", qa["answers"][0]["answer_start"], answer))
    return {kind: sorted(set(rows)) for kind, rows in found.items()}


_ZH_SPEAKER = re.compile(
    r"(?<=[，。；、 "
    r"])([王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋"
    r"蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷"
    r"钱汤尹黎易常武乔贺赖龚文][一-鿿]{1,2})(?=表示|说，|指出|介绍|强调|认为|告诉)"
)


def name_items(
    folder: Path, language: str, half: str, rng: random.Random
) -> Iterator[tuple[str, int, str, str | None, Edit, str]]:
    """Sentences with one name replaced by another of its class."""
    if language == "ko":
        for source, at, sentence, published in collect(folder, "ko", half):
            for found in KOREAN_NAME.finditer(sentence):
                person = bool(found.group("person"))
                pool = KOREAN_PEOPLE if person else KOREAN_PLACES
                yield (
                    source,
                    at,
                    sentence,
                    published,
                    (*found.span(), rng.choice(pool)),
                    "who" if person else "where",
                )
        return
    if language == "zh":
        speakers = sorted(
            {
                m.group(1)
                for _, _, s, _ in collect(folder, "zh", half)
                for m in _ZH_SPEAKER.finditer(s)
            }
        )
        rows = [
            (row, m) for row in collect(folder, "zh", half) for m in _ZH_SPEAKER.finditer(row[2])
        ]
        for (source, at, sentence, published), m in rng.sample(rows, min(len(rows), 40)):
            other = rng.choice([s for s in speakers if s != m.group(1) and len(s) > 1])
            yield source, at, sentence, published, (*m.span(1), other), "speaker"
    answers = _answers(folder, language, half)
    for kind, rows in answers.items():
        for source, offset, name in rows:
            text = source_text(folder, source)
            if text[offset : offset + len(name)] != name:
                continue
            for at, sentence in sentences(text, language):
                if at <= offset < at + len(sentence) and _fits(sentence, language):
                    script = bool(re.search(r"[゠-ヿ]", name))
                    pool = [
                        n
                        for _, _, n in rows
                        if n not in text
                        and not any(p in text for p in re.split(r"[・\s]", n) if len(p) > 1)
                        and bool(re.search(r"[゠-ヿ]", n)) == script
                    ]
                    if pool:
                        a = offset - at
                        yield source, at, sentence, None, (a, a + len(name), rng.choice(pool)), kind


# -- edits that keep a claim true --------------------------------------------------------------

_FULL = str.maketrans("0123456789%.,", "０１２３４５６７８９％．，")
_KANJI = "〇一二三四五六七八九"


def kanji_number(value: int) -> str:
    """A number below 10,000 in kanji: 1,205 is 千二百五."""
    out = ""
    for power, mark in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, value = divmod(value, power)
        if digit:
            out += ("" if digit == 1 and mark else _KANJI[digit]) + mark
    return out or "〇"


def english_number(value: int) -> str:
    """A number below one hundred in words."""
    ones = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ]
    tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    return (
        ones[value]
        if value < 20
        else tens[value // 10] + ("-" + ones[value % 10] if value % 10 else "")
    )


def rewordings(text: str, language: str) -> list[tuple[list[Edit], str]]:
    """Honest changes of notation, each with its name."""
    found: list[tuple[list[Edit], str]] = []

    def every(pattern: str, make: Callable[[re.Match[str]], str | None], name: str) -> None:
        edits = [
            (m.start(), m.end(), new)
            for m in re.finditer(pattern, text)
            if (new := make(m)) and new != m.group()
        ]
        if edits:
            found.append((edits, name))

    if language in {"ja", "zh"}:
        every(r"[0-9]+(?:\.[0-9]+)?[%％]?", lambda m: m.group().translate(_FULL), "full width")
        every(
            r"[０-９]+",
            lambda m: m.group().translate(
                {ord(a): b for a, b in zip("０１２３４５６７８９", "0123456789", strict=True)}
            ),
            "half width",
        )
        every(
            r"(?<![\d.,０-９一-鿿A-Za-z-])[1-9]\d{0,3}(?=[人名社倍回个個])",
            lambda m: kanji_number(int(m.group())) if int(m.group()) != 2 else None,
            "kanji numerals",
        )
    if language == "ja":
        every(r"(?<=\d)[%％]", lambda m: "パーセント", "percent in words")
        every(r"(?<!\d)(19[3-8]\d|199\d|20[0-2]\d)年(?!代)", lambda m: _era(int(m.group(1))), "era")
        every(
            r"(?<!\d)(\d{4})年(\d{1,2})月(\d{1,2})日",
            lambda m: f"{m[1]}/{int(m[2]):02d}/{int(m[3]):02d}",
            "slashes",
        )
    if language == "zh":
        every(r"(\d+(?:\.\d+)?)%", lambda m: f"百分之{m[1]}", "percent in words")
        every(
            r"(\d{4})年(\d{1,2})月(\d{1,2})日",
            lambda m: f"{m[1]}-{int(m[2]):02d}-{int(m[3]):02d}",
            "dashes",
        )
    if language == "ko":
        every(r"(\d+(?:\.\d+)?)%", lambda m: f"{m[1]}퍼센트", "percent in words")
        every(
            r"(\d+)([조억만]) (\d)000(?=[억만가명호 원])",
            lambda m: f"{m[1]}{m[2]} {m[3]}천",
            "magnitude word",
        )
        every(
            r"(\d{4})년 (\d{1,2})월 (\d{1,2})일", lambda m: f"{m[1]}년{m[2]}월{m[3]}일", "spacing"
        )
    if language == "en":
        months = "|".join(_MONTHS)
        every(
            rf"\b({months}) (\d{{1,2}}), (\d{{4}})", lambda m: f"{m[2]} {m[1]} {m[3]}", "day first"
        )
        every(
            rf"\b(\d{{1,2}}) ({months}) (\d{{4}})",
            lambda m: f"{m[2]} {m[1]}, {m[3]}",
            "month first",
        )
        every(r"(?<=\d)%|(?<=\d) percent\b", lambda m: " per cent", "percent in words")
        every(
            r"(?<![\dA-Za-z.,:$£€/-])(?<!to )(?<!and )[1-9]\d?(?= [a-z]{4,})(?!\s(?:million"
            r"|billion|percent|January"
            r"|degrees))",
            lambda m: english_number(int(m.group())),
            "in words",
        )
        every(
            r"\b(?:three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b(?= [a-z]{4,})",
            lambda m: str([english_number(i) for i in range(13)].index(m.group())),
            "in figures",
        )
        every(
            r"\$(\d+(?:\.\d+)?) (million|billion)\b",
            lambda m: f"{m[1]} {m[2]} dollars",
            "currency in words",
        )
        every(
            r"(\d+(?:\.\d+)?) million\b",
            lambda m: f"{float(m[1]) * 1e6:,.0f}",
            "magnitude in figures",
        )
    if language != "zh":
        every(
            r"(?<![\d.,/-])\d{1,3}(?:,\d{3})+(?![\d,])",
            lambda m: m.group().replace(",", ""),
            "no commas",
        )
    every(
        r"(?<![\d.,/-])[1-9]\d{4,6}(?=人|名|명|元|円|ドル)",
        lambda m: f"{int(m.group()):,}",
        "commas",
    )
    return found


def _era(year: int) -> str | None:
    for first, name in ((2019, "令和"), (1989, "平成"), (1926, "昭和")):
        if year >= first:
            return f"{name}{'元' if year == first else year - first + 1}年"
    return None


def clauses(text: str, language: str) -> list[Edit] | None:
    """Leave out the first clause, as a summary does; only where the rest stands alone."""
    mark = {"en": ", ", "ko": ", "}.get(language, "、" if language == "ja" else "，")
    at = text.find(mark)
    return [(0, at + len(mark), "")] if 4 <= at < len(text) * 0.5 else None


# -- building ----------------------------------------------------------------------------------


def row(
    kind: str,
    style: str,
    language: str,
    half: str,
    source: str,
    at: int,
    sentence: str,
    edits: list[Edit],
    published: str | None,
    folder: Path,
    evidence_source: str | None = None,
) -> dict[str, object]:
    text = source_text(folder, evidence_source or source)
    low, high = (
        (0, len(text)) if evidence_source else window(text, at, at + len(sentence), language)
    )
    evidence_language = re.search(r"xquad\.(\w\w)", evidence_source or "")
    if source == "korean":
        low, high = at, at + len(sentence)
    return {
        "kind": kind,
        "style": style,
        "language": language,
        "half": half,
        "source": source,
        "start": at,
        "end": at + len(sentence),
        "edits": edits,
        "evidence_source": evidence_source or source,
        "evidence_start": low,
        "evidence_end": high,
        "published": published,
        "evidence_language": evidence_language.group(1) if evidence_language else language,
    }


def build(folder: Path, seed: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for half in ("fit", "report"):
        for language in ("ja", "en", "zh", "ko"):
            rng = random.Random(f"{seed}/{half}/{language}")
            pool = collect(folder, language, half)
            rng.shuffle(pool)
            makers: dict[str, Corruptor] = {
                "number": corrupt_number,
                "date": corrupt_date,
                "negation": negation_for(language),
            }
            for kind, maker in makers.items():
                made = 0
                for source, at, sentence, published in pool:
                    text = source_text(folder, source)
                    low, high = window(text, at, at + len(sentence), language)
                    result = maker(sentence, text[low:high], rng)
                    if result and apply(sentence, [result[0]]) not in text and made < PER_KIND:
                        rows.append(
                            row(
                                kind,
                                result[1],
                                language,
                                half,
                                source,
                                at,
                                sentence,
                                [result[0]],
                                published,
                                folder,
                            )
                        )
                        made += 1
            named = list(name_items(folder, language, half, rng))
            for source, at, sentence, published, edit, style in rng.sample(
                named, min(PER_KIND, len(named))
            ):
                rows.append(
                    row(
                        "name",
                        style,
                        language,
                        half,
                        source,
                        at,
                        sentence,
                        [edit],
                        published,
                        folder,
                    )
                )
            rows += _clean(folder, language, half, pool, rng)
        rows += _crossed(folder, half, random.Random(f"{seed}/{half}/crossed"))
    for i, item in enumerate(rows):
        item["id"] = f"{item['half']}-{i:04d}"
    return rows


def _clean(
    folder: Path,
    language: str,
    half: str,
    pool: list[tuple[str, int, str, str | None]],
    rng: random.Random,
) -> list[dict[str, object]]:
    rows = []
    by_style: dict[str, list[dict[str, object]]] = defaultdict(list)
    for source, at, sentence, published in pool[:1500]:
        by_style["verbatim"].append(
            row("clean", "verbatim", language, half, source, at, sentence, [], published, folder)
        )
        if len(by_style["verbatim"]) >= 40:
            break
    for source, at, sentence, published in pool[:1500]:
        for edits, style in rewordings(sentence, language):
            if len(by_style[style]) < 12:
                by_style[style].append(
                    row(
                        "clean",
                        style,
                        language,
                        half,
                        source,
                        at,
                        sentence,
                        edits,
                        published,
                        folder,
                    )
                )
        cut = clauses(sentence, language)
        if cut and len(by_style["clause"]) < 15:
            by_style["clause"].append(
                row("clean", "clause", language, half, source, at, sentence, cut, published, folder)
            )
    for made in by_style.values():
        rows += made
    return rows


def _crossed(folder: Path, half: str, rng: random.Random) -> list[dict[str, object]]:
    """Sentences of XQuAD with a figure, the same paragraph in another language as evidence."""
    rows = []
    for claim, evidence in (
        ("en", "zh"),
        ("zh", "en"),
        ("en", "de"),
        ("es", "en"),
        ("en", "es"),
        ("de", "zh"),
    ):
        pool = [
            r
            for r in collect(folder, claim, half)
            if r[0].startswith("xquad") and re.search(r"\d", r[2])
        ]
        for source, at, sentence, _ in rng.sample(pool, min(30, len(pool))):
            other = source.replace(f"xquad.{claim}.", f"xquad.{evidence}.")
            rows.append(
                row(
                    "clean",
                    f"cross {claim}-{evidence}",
                    claim,
                    half,
                    source,
                    at,
                    sentence,
                    [],
                    None,
                    folder,
                    other,
                )
            )
            for kind, maker in (("number", corrupt_number), ("date", corrupt_date)):
                result = maker(sentence, source_text(folder, other), rng)
                if result and claim in {"en", "zh"}:
                    rows.append(
                        row(
                            kind,
                            f"cross {claim}-{evidence}",
                            claim,
                            half,
                            source,
                            at,
                            sentence,
                            [result[0]],
                            None,
                            folder,
                            other,
                        )
                    )
    return rows


def apply(text: str, edits: list[Edit]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


@dataclass(frozen=True)
class Item:
    """One row, its texts read back: is ``claim`` borne out by ``evidence``?"""

    id: str
    kind: str
    style: str
    language: str
    evidence_language: str
    half: str
    claim: str
    evidence: str
    published: str | None
    original: str


def load(folder: Path, path: Path = DATASET) -> list[Item]:
    """Read the rows and cut their texts out of the sources."""
    items = []
    for line in path.read_text(encoding="utf-8").splitlines():
        r = json.loads(line)
        sentence = source_text(folder, r["source"])[r["start"] : r["end"]]
        evidence = source_text(folder, r["evidence_source"])[
            r["evidence_start"] : r["evidence_end"]
        ]
        items.append(
            Item(
                r["id"],
                r["kind"],
                r["style"],
                r["language"],
                r["evidence_language"],
                r["half"],
                apply(sentence, [tuple(e) for e in r["edits"]]),
                evidence,
                r["published"],
                sentence,
            )
        )
    return items


# -- reporting ---------------------------------------------------------------------------------


def report(folder: Path, half: str, show: str | None, entailed: bool) -> dict[str, object]:
    from konkyo.rag.verification.facts import compare

    spent = 0.0
    caught: dict[tuple[str, str], list[bool]] = defaultdict(list)
    styles: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for item in load(folder):
        if item.half != half:
            continue
        began = time.perf_counter()
        found = compare(
            item.claim,
            [item.evidence],
            claim_language=item.language,
            evidence_languages=[item.evidence_language],
            published=[item.published],
        )
        spent += time.perf_counter() - began
        flagged = bool(found.issues)
        crossed = item.language != item.evidence_language
        where = "cross" if crossed else item.language
        caught[(item.kind, where)].append(flagged)
        styles[(item.kind, item.style)].append(flagged)
        wrong = flagged == (item.kind == "clean")
        if show and wrong and (show == "all" or show in f"{item.kind}/{where}/{item.style}"):
            issues = [(i.kind, i.text, i.detail) for i in found.issues]
            print(
                f"\n{item.id} {item.kind}/{where}/{item.style} {issues}\n  C {item.claim}\n  O "
                f"{item.original if item.kind != 'clean' else '='}\n  E {item.evidence}"
            )
    free = " --free" if entailed else ""
    summary: dict[str, object] = {
        "command": f"python benchmarks/corruptions.py report --half {half}{free}",
        "half": half,
        "milliseconds_per_claim": round(1000 * spent / max(1, sum(map(len, caught.values()))), 2),
        "by_kind_and_language": _shares(caught),
        "by_kind_and_style": _shares(styles),
    }
    for name, keep in (
        ("caught", lambda k: k != "clean"),
        ("false_alarms", lambda k: k == "clean"),
    ):
        for where, crossed in (("same_language", False), ("cross_language", True)):
            flat = [
                f
                for (kind, lang), fs in caught.items()
                if keep(kind) and (lang == "cross") == crossed
                for f in fs
            ]
            summary[f"{name}_{where}"] = [round(sum(flat) / max(1, len(flat)), 4), len(flat)]
    if entailed:
        summary["jnli"] = _jnli(folder, half, show)
        summary["questions"] = _questions(folder, half, show)
    return summary


def _questions(folder: Path, half: str, show: str | None) -> dict[str, list[float]]:
    """Share of real questions flagged when read as claims about their own paragraph.

    A question restates names, dates and numbers of its paragraph in free words, so nearly every
    flag is a false alarm; nobody wrote them with this checker in mind. Asked in one language of
    XQuAD about the paragraph in another, it measures the same across languages.
    """
    from konkyo.rag.verification.facts import compare

    pairs: list[tuple[str, str, str, str]] = []
    name = "jaquad-dev-0.1.0.json" if half == "fit" else "jsquad-valid-v1.3.json"
    for p in _paragraphs(folder, name)[:700]:
        pairs += [("ja", "ja", qa["question"], str(p["context"])) for qa in p["qas"]]  # type: ignore[attr-defined]
    for mine, theirs in (
        ("en", "en"),
        ("zh", "zh"),
        ("de", "de"),
        ("es", "es"),
        ("en", "zh"),
        ("zh", "en"),
        ("en", "de"),
        ("es", "en"),
        ("de", "zh"),
        ("en", "ru"),
        ("en", "th"),
        ("ar", "en"),
    ):
        other = _paragraphs(folder, f"xquad.{theirs}.json")
        for p, q in zip(_paragraphs(folder, f"xquad.{mine}.json"), other, strict=True):
            if (int(str(p["title"])) < 24) == (half == "fit"):
                pairs += [(mine, theirs, qa["question"], str(q["context"])) for qa in p["qas"]]  # type: ignore[attr-defined]
    table: dict[str, list[bool]] = defaultdict(list)
    for mine, theirs, question, context in pairs:
        found = compare(question, [context], claim_language=mine, evidence_languages=[theirs])
        table[mine if mine == theirs else f"{mine}-{theirs}"].append(bool(found.issues))
        if found.issues and show and show in f"questions/{mine}-{theirs}":
            print([(i.kind, i.text, i.detail) for i in found.issues], question, "|", context[:250])
    return {k: [round(sum(v) / len(v), 4), len(v)] for k, v in table.items()}


def _shares(table: dict[tuple[str, str], list[bool]]) -> dict[str, list[float]]:
    return {f"{a}/{b}": [round(sum(v) / len(v), 3), len(v)] for (a, b), v in sorted(table.items())}


def _jnli(folder: Path, half: str, show: str | None) -> dict[str, list[float]]:
    """Share flagged among JNLI pairs by label; a half of the pictures fits, the other reports."""
    from konkyo.rag.verification.facts import compare
    from training.sources import jnli_reports

    table: dict[str, list[bool]] = defaultdict(list)
    for line in (folder / "data" / "jnli-valid-v1.3.json").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if jnli_reports(pair) is not (half == "report"):
            continue
        found = compare(pair["sentence2"], [pair["sentence1"]], claim_language="ja")
        table[pair["label"]].append(bool(found.issues))
        if show == "jnli" and found.issues and pair["label"] == "entailment":
            print(
                [(i.kind, i.text) for i in found.issues], pair["sentence2"], "|", pair["sentence1"]
            )
    return {k: [round(sum(v) / len(v), 3), len(v)] for k, v in table.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("action", choices=["build", "report"])
    parser.add_argument("--shared")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--half", choices=["fit", "report"], default="report")
    parser.add_argument(
        "--show", help="print wrong decisions whose kind/language/style holds this text; 'all'"
    )
    parser.add_argument(
        "--free",
        action="store_true",
        help="also flag rates on free wordings: JNLI pairs, questions",
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    folder = shared_folder(options.shared)
    if options.action == "build":
        rows = build(folder, options.seed)
        DATASET.write_text(
            "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8"
        )
        counts: dict[str, int] = defaultdict(int)
        for r in rows:
            counts[f"{r['half']}/{r['kind']}/{r['language']}"] += 1
        print(json.dumps(counts, indent=1), len(rows), DATASET.stat().st_size)
        return
    summary = report(folder, options.half, options.show, options.free)
    text = json.dumps(summary, ensure_ascii=False, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
