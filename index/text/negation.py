"""Whether a claim says the opposite of its evidence: negation and opposites, in one language.

Only the same words with the opposite polarity are reported. Both texts must be in one language
and the claim must lie over one sentence of the evidence (``konkyo.index.text.alignment``); a free paraphrase is
left to the learned checker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from konkyo.index.text.alignment import Alignment, align, tokens
from konkyo.index.text.normalize import fold

__all__ = [
    "Marker",
    "Opposite",
    "opposed_words",
    "opposite_of",
    "opposites",
    "polarity",
    "stands_in",
]


@dataclass(frozen=True, slots=True)
class Marker:
    """One negation: ``text[start:end]``. ``host`` is the span of the word that it negates."""

    start: int
    end: int
    text: str
    host: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Opposite:
    """A place of the claim that says the opposite of a place of the evidence."""

    start: int
    end: int
    evidence_start: int
    evidence_end: int
    detail: str


# The negations of each language, and what looks like one and is not.
_NEGATION: dict[str, tuple[str, str]] = {
    "ja": (
        r"なかった|なければ|なく(?=、|て|な[りっる])|な(?:い|かろ)|ませ(?:んでした|ん)|ず(?=[、にと。]|$)|ぬ(?=。|$)|ざる(?=を)|(?<=[一-鿿])否定|拒否|未(?=[一-鿿]{2})",
        r"少な[いか]\w?|危な[いか]|限りな[いか]|なければな(?:らない|りません)|なくてはならない|しかな[いか]|だけで(?:は)?なく|のみならず|ばかりで(?:は)?なく|かもしれない|に?違いない|にほかならない|ざるを得ない|"
        r"必ず|まず|いわず|関わらず|かかわらず|思わず|みならず|はずが?|少なく|つまらな|みずか|いずれ|わずか|とんでもない|もったいない|やむを得ない|未満|未来|未明|幼ない|切ない|なくては|あぶない|はかない|ぎこちない|絶え間な[いく]|間違いな[いく]",
    ),
    "en": (
        r"\bnot\b|n't\b|\bnever\b|\bno\b|\bwithout\b|\bneither\b|\bnor\b|\bnone\b|\bnobody\b|\bnothing\b|\bcannot\b|\bfail(?:ed|s|ing)? to\b|\brefus(?:ed|es?|ing|als?)\b|\bdenied\b|\bdenies\b|\bunable to\b|\bhardly\b|\brejected\b",
        r"\bnot only\b|\bnot just\b|\bnot merely\b|\bno\. ?\d|\bno doubt\b|\bno less than\b|\bno fewer than\b|\bwhether or not\b|\bno matter\b",
    ),
    "zh": (
        r"不|没有?|未|无法|无|并非|非|否认|拒绝|莫",
        r"不仅|不但|不只|不光|不断|不同|不过|不少|不久|不管|不论|不得不|不可不|不足|不良|不等|不锈|差不多|了不起|对不起|无论|无人机|无人|无线|无锡|非常|非洲|非法|南非|北非|东非|西非|中非|除非|未来|未成年|是否|能否|可否|否则|不禁|不由|"
        r"不妨|不愧|不料|不止|不乏|不忘|不凡|不懈|不限|无数|无疑|无比|无限|无穷|无私|无缝|非遗|非凡|非公|非物质|埋没|淹没|沉没|出没|不动产|不定期|不时|不已|不约而同|源源不断|不再仅|不惜|无形|无处不在|无国界|不可或缺|不可避免",
    ),
    "ko": (
        r"않|못(?=하|했|한|해|할| [가-힣])|없|아니(?=다|었|ㅂ|라고|며)|아닙|아닌|(?<![가-힣])안 (?=[가-힣])|거부|부인(?=했|하)",
        r"못지않|뿐만 아니라|뿐 아니라|끊임없|틀림없|변함없|어김없|다름없|상관없|잘못|더없|거침없",
    ),
    "de": (r"\bnicht\b|\bkein\w*\b|\bnie(?:mals)?\b|\bohne\b|\bweder\b", r"\bnicht nur\b"),
    "es": (r"\bno\b|\bnunca\b|\bsin\b|\bningún\w*\b|\btampoco\b|\bjamás\b", r"\bno s[oó]lo\b|\bno obstante\b"),
    "fr": (r"\bne\b|\bn'|\bjamais\b|\bsans\b|\baucune?\b", r"\bnon seulement\b"),
}  # fmt: skip

# Words that are each other's opposites; forms that begin alike are covered by their stem.
_OPPOSITES: dict[str, tuple[tuple[str, str], ...]] = {
    "ja": (
        ("増加", "減少"), ("増え", "減っ"), ("増え", "減り"), ("増や", "減ら"), ("増額", "減額"), ("増税", "減税"), ("上昇", "低下"), ("上昇", "下落"), ("上昇", "下降"), ("上が", "下が"), ("上回", "下回"), ("値上げ", "値下げ"), ("引き上げ", "引き下げ"),
        ("賛成", "反対"), ("支持", "反対"), ("支持", "不支持"), ("可決", "否決"), ("最初", "最後"), ("以上", "以下"), ("以上", "未満"), ("最大", "最小"), ("最高", "最低"), ("最多", "最少"), ("最長", "最短"), ("最古", "最新"), ("勝利", "敗北"), ("勝っ", "負け"), ("勝っ", "敗れ"),
        ("多い", "少ない"), ("多く", "少なく"), ("高い", "低い"), ("高く", "低く"), ("大きい", "小さい"), ("大きく", "小さく"), ("長い", "短い"), ("成功", "失敗"), ("拡大", "縮小"), ("強化", "弱体化"), ("強化", "緩和"), ("強い", "弱い"), ("輸出", "輸入"), ("黒字", "赤字"), ("円高", "円安"),
        ("合法", "違法"), ("有罪", "無罪"), ("有利", "不利"), ("可能", "不可能"), ("開始", "終了"), ("開始", "中止"), ("入院", "退院"), ("就任", "辞任"), ("就任", "退任"), ("加盟", "脱退"), ("参加", "不参加"), ("合格", "不合格"), ("肯定", "否定"), ("認め", "否定"), ("与党", "野党"), ("前に", "後に"), ("前半", "後半"), ("午前", "午後"), ("早い", "遅い"), ("安全", "危険"), ("友好", "敵対"), ("売", "買"), ("解除", "発動"), ("許可", "禁止"), ("継続", "中止"), ("公開", "非公開"), ("改善", "悪化"), ("急増", "急減"), ("急騰", "急落"),
    ),
    "en": (
        ("increas", "decreas"), ("increas", "declin"), ("rise", "fall"), ("rose", "fell"), ("rising", "falling"), ("grew", "shrank"), ("growth", "decline"), ("more than", "less than"), ("more than", "fewer than"), ("at least", "at most"), ("over", "under"), ("above", "below"), ("largest", "smallest"), ("biggest", "smallest"), ("highest", "lowest"), ("higher", "lower"), ("high", "low"), ("larger", "smaller"), ("longest", "shortest"), ("longer", "shorter"), ("oldest", "newest"), ("oldest", "youngest"),
        ("first", "last"), ("before", "after"), ("support", "oppos"), ("won", "lost"), ("win", "lose"), ("wins", "loses"), ("victory", "defeat"), ("success", "failure"), ("succeed", "fail"), ("succeeded", "failed"), ("accept", "reject"), ("approv", "reject"), ("agreed", "refused"), ("for", "against"), ("legal", "illegal"), ("possible", "impossible"), ("strengthen", "weaken"), ("strong", "weak"), ("expand", "reduc"), ("raise", "lower"), ("raised", "cut"), ("import", "export"), ("north", "south"), ("east", "west"), ("northern", "southern"), ("eastern", "western"), ("guilty", "innocent"), ("open", "close"), ("opened", "closed"), ("begin", "end"), ("began", "ended"), ("start", "stop"), ("always", "never"), ("all", "none"), ("with", "without"), ("better", "worse"), ("best", "worst"), ("early", "late"), ("majority", "minority"), ("public", "private"), ("war", "peace"), ("gain", "loss"), ("surplus", "deficit"), ("often", "rarely"), ("many", "few"), ("allow", "prohibit"), ("permit", "prohibit"), ("ally", "enemy"), ("hot", "cold"), ("join", "leave"), ("joined", "left"),
    ),
    "zh": (
        ("增长", "下降"), ("增长", "减少"), ("增加", "减少"), ("增加", "下降"), ("上涨", "下跌"), ("上升", "下降"), ("提高", "降低"), ("提升", "降低"), ("最大", "最小"), ("最高", "最低"), ("最多", "最少"), ("最早", "最晚"), ("以上", "以下"), ("成功", "失败"), ("同意", "反对"), ("支持", "反对"), ("赞成", "反对"), ("首次", "最后一次"), ("高于", "低于"), ("大于", "小于"), ("多于", "少于"), ("超过", "不足"), ("扩大", "缩小"), ("加强", "削弱"), ("强", "弱"), ("开始", "结束"), ("进口", "出口"), ("合法", "非法"), ("有利", "不利"), ("可能", "不可能"), ("接受", "拒绝"), ("胜", "负"), ("胜利", "失败"), ("赢", "输"), ("之前", "之后"), ("以前", "以后"), ("上午", "下午"), ("盈利", "亏损"), ("顺差", "逆差"), ("允许", "禁止"), ("加入", "退出"), ("升", "降"), ("涨", "跌"), ("改善", "恶化"), ("东", "西"), ("南", "北"), ("好", "坏"), ("多", "少"), ("快", "慢"), ("已", "未"), ("有", "没有"), ("承认", "否认"), ("通过", "否决"), ("放宽", "收紧"), ("安全", "危险"), ("正式", "非正式"), ("第一", "最后"),
    ),
    "ko": (
        ("증가", "감소"), ("늘", "줄"), ("찬성", "반대"), ("지지", "반대"), ("상승", "하락"), ("상승", "하강"), ("가결", "부결"), ("통과", "부결"), ("올렸", "내렸"), ("올리", "내리"), ("인상", "인하"), ("높", "낮"), ("강화", "약화"), ("시작", "중단"), ("시작", "종료"), ("시작", "끝"), ("첫", "마지막"), ("최초", "최후"), ("이상", "이하"), ("이상", "미만"), ("초과", "미만"), ("성공", "실패"), ("승리", "패배"), ("이겼", "졌"), ("최대", "최소"), ("최고", "최저"), ("많", "적"), ("크", "작"), ("확대", "축소"), ("수출", "수입"), ("흑자", "적자"), ("합법", "불법"), ("가능", "불가능"), ("유죄", "무죄"), ("유리", "불리"), ("가입", "탈퇴"), ("취임", "사임"), ("인정", "부인"), ("수락", "거부"), ("허용", "금지"), ("오전", "오후"), ("이전", "이후"), ("전에", "후에"), ("개선", "악화"), ("여당", "야당"), ("열었", "닫았"), ("길", "짧"), ("빠르", "느리"), ("급등", "급락"), ("압승", "참패"),
    ),
}  # fmt: skip
_SUFFIXED = frozenset({"ja", "ko"})  # The negation follows the word that it negates.
_REACH = 4
_SHARE = 0.6  # Of the claim's tokens in the sentence, before anything is said of its polarity.


@lru_cache(maxsize=16)
def _patterns(language: str) -> tuple[re.Pattern[str], re.Pattern[str]] | None:
    pair = _NEGATION.get(language[:2])
    return None if pair is None else (re.compile(pair[0]), re.compile(pair[1]))


@lru_cache(maxsize=1024)
def polarity(text: str, language: str) -> tuple[Marker, ...]:
    """Every negation of a text with the word it negates; none for a language without a table.

    Set phrases that only look negative (not only, だけでなく, 不仅, 뿐만 아니라) are left out.
    """
    patterns = _patterns(language)
    if patterns is None:
        return ()
    folded = fold(text)
    idle = [m.span() for m in patterns[1].finditer(folded)]
    words = tokens(text)
    found = []
    for match in patterns[0].finditer(folded):
        a, b = match.span()
        if any(x <= a < y or a <= x < b for x, y in idle):
            continue
        if language[:2] in _SUFFIXED:
            before = [t for t in words if t.end <= a]
            host = (
                (before[-2].start if len(before) > 1 else a, before[-1].end) if before else (a, a)
            )
        else:
            after = [t for t in words if t.start >= b]
            last = after[1] if len(after) > 1 and after[0].wide else after[0] if after else None
            host = (after[0].start, last.end) if last else (b, b)
        found.append(Marker(a, b, text[a:b], host))
    return tuple(found)


def opposites(claim: str, evidence: str, language: str) -> list[Opposite]:
    """Places where the claim says the opposite of the evidence sentence it lies over."""
    laid = align(claim, evidence)
    if laid is None or laid.share < _SHARE:
        return []
    negated = _negations(claim, evidence, language, laid)
    turned = _antonyms(claim, evidence, language, laid)
    # 未 for 已 is one turn seen twice; "did not reject" for "accepted" is two that make none.
    turned = [t for t in turned if not any(n.start < t.end and t.start < n.end for n in negated)]
    if negated and turned:
        return []
    return negated + turned


def _place(position: int, laid: Alignment, of_claim: bool) -> tuple[int, int] | None:
    """The stretch of the other text that corresponds to a place of this one."""
    low, high = None, None
    for a, b, c, d in laid.pairs:
        mine, theirs = ((a, b), (c, d)) if of_claim else ((c, d), (a, b))
        if mine[0] <= position <= mine[1]:
            there = theirs[0] + (position - mine[0])
            return there, there
        if mine[1] < position:
            low = (mine[1], theirs[1])
        elif high is None:
            high = (mine[0], theirs[0])
    if low is None and high is None:
        return None
    if low is None:
        assert high is not None
        return max(0, high[1] - (high[0] - position) - 2), high[1]
    if high is None:
        return low[1], low[1] + (position - low[0]) + 2
    return min(low[1], high[1]), max(low[1], high[1])


def _host_matched(marker: Marker, laid: Alignment, of_claim: bool, language: str) -> bool:
    """Whether the word next to a negation stands in both texts (or nearly: other endings)."""
    reach = _REACH if language[:2] in {"ja", "ko", "zh"} else 14
    for a, b, c, d in laid.pairs:
        start, end = (a, b) if of_claim else (c, d)
        if language[:2] in _SUFFIXED:
            if start < marker.start and end >= marker.start - reach:
                return True
        elif start <= marker.end + reach and end > marker.end:
            return True
    return False


def _partners(
    mine: Sequence[Marker], theirs: Sequence[Marker], laid: Alignment, slack: int
) -> tuple[set[Marker], set[Marker]]:
    """Pair the negations of both texts, each at most once: same words first, then the nearest."""
    options = []
    for marker in mine:
        place = _place(marker.start, laid, of_claim=True)
        if place is None:
            continue
        for other in theirs:
            apart = max(0, place[0] - other.start, other.start - place[1])
            if apart <= slack:
                options.append((marker.text != other.text, apart, marker.start, marker, other))
    used_mine: set[Marker] = set()
    used_theirs: set[Marker] = set()
    for _, _, _, marker, other in sorted(options, key=lambda o: o[:3]):
        if marker not in used_mine and other not in used_theirs:
            used_mine.add(marker)
            used_theirs.add(other)
    return used_mine, used_theirs


def _negations(claim: str, evidence: str, language: str, laid: Alignment) -> list[Opposite]:
    mine = polarity(claim, language)
    theirs = [m for m in polarity(evidence, language) if laid.start <= m.start < laid.end]
    slack = 6 if language[:2] in {"ja", "ko", "zh"} else 24
    paired, answered = _partners(mine, theirs, laid, slack)
    found = []
    for marker in mine:
        place = _place(marker.start, laid, of_claim=True)
        if marker in paired or place is None:
            continue
        if _host_matched(marker, laid, True, language):
            detail = "the evidence says this without the negation"
            a, b = (min(x, len(evidence)) for x in place)
            found.append(Opposite(marker.start, marker.end, a, b, detail))
    for marker in theirs:
        place = _place(marker.start, laid, of_claim=False)
        inside = laid.pairs and laid.pairs[0][2] <= marker.start <= laid.pairs[-1][3] + slack
        if marker in answered or place is None or not inside:
            continue
        if _host_matched(marker, laid, False, language) and _solid(marker.start, laid):
            a, b = (min(x, len(claim)) for x in (place[0], max(place[1], place[0] + 1)))
            found.append(Opposite(a, b, marker.start, marker.end, "the evidence negates this"))
    return found


def _solid(position: int, laid: Alignment) -> bool:
    """Whether a place of the evidence lies between two stretches that the claim keeps, or at its end."""
    for change in laid.changes:
        if change.evidence_start <= position < change.evidence_end:
            long = change.evidence_end - change.evidence_start > 24
            weak = min(change.left, change.right) < 2 or change.left + change.right < 6
            return not weak and not long
    return True


def _antonyms(claim: str, evidence: str, language: str, laid: Alignment) -> list[Opposite]:
    mine, theirs = fold(claim), fold(evidence)
    found = []
    for change in laid.changes:
        if change.left < 2 or change.right < 2:
            continue
        a, b = _widen(mine, change.start, change.end, language)
        c, d = _widen(theirs, change.evidence_start, change.evidence_end, language)
        if d - c > 40 or b - a > 40:
            continue
        for x, y in _both_ways(_OPPOSITES.get(language[:2], ())):
            at, there = _word(mine[a:b], x, language), _word(theirs[c:d], y, language)
            if at is None or there is None:
                continue
            if (
                _word(theirs[c:d], x, language) is not None
                or _word(mine[a:b], y, language) is not None
            ):
                continue
            found.append(
                Opposite(a + at, a + at + len(x), c + there, c + there + len(y), "the evidence says the opposite")
            )  # fmt: skip
            break
    return found


def opposed_words(one: str, other: str, language: str) -> list[tuple[str, str]]:
    """Pairs of opposites of which one text has the first alone and the other text the second alone.

    Single characters, which are parts of too many words, are left out.
    """
    mine, theirs = fold(one), fold(other)
    return [
        (x, y)
        for x, y in _both_ways(_OPPOSITES.get(language[:2], ()))
        if min(len(x), len(y)) > 1
        and _word(mine, x, language) is not None
        and _word(theirs, y, language) is not None
        and _word(theirs, x, language) is None
        and _word(mine, y, language) is None
    ]


def opposite_of(text: str, language: str) -> tuple[tuple[int, int], str] | None:
    """The first word of a text that has an opposite: where it stands, and the opposite."""
    for x, y in _both_ways(_OPPOSITES.get(language[:2], ())):
        at = _word(fold(text), x, language) if min(len(x), len(y)) > 1 else None
        if at is not None:
            return (at, at + len(x)), y
    return None


def stands_in(word: str, text: str, language: str) -> bool:
    """Whether a text has a word of the table of opposites, in any form that begins alike."""
    return _word(fold(text), word, language) is not None


def _both_ways(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [p for x, y in pairs for p in ((x, y), (y, x))]


def _word(text: str, stem: str, language: str) -> int | None:
    if language[:2] in {"ja", "ko", "zh"}:
        at = text.find(stem)
        return None if at < 0 else at
    whole = r"\b" if len(stem) <= 4 or " " in stem else r"\w*"
    found = re.search(rf"\b{re.escape(stem)}{whole}", text)
    return found.start() if found else None


_LAST_WORD = re.compile(r"(?<!\w)\w++\W*+$")
_NEXT_WORD = re.compile(r"\W*+\w+")


def _widen(text: str, start: int, end: int, language: str) -> tuple[int, int]:
    """One more character, or one more word, on both sides: opposites often share a character."""
    if language[:2] in {"ja", "zh", "ko"}:
        return max(0, start - 2), min(len(text), end + 2)
    before, after = _LAST_WORD.search(text[:start]), _NEXT_WORD.match(text, end)
    return (before.start() if before else start), (after.end() if after else end)
