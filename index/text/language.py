"""Which language a text is in: scripts first, then small words, a trained detector last."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingua import LanguageDetector

__all__ = ["detect", "is_language_code"]

_SAMPLE = 1000
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(ranges))
    for name, ranges in (
        ("kana", r"[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]"),
        ("hangul", r"[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]"),
        ("han", r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々]"),
        ("latin", r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"),
        ("th", r"[\u0e01-\u0e5b]"),
        ("arabic", r"[\u0620-\u06ff\u0750-\u077f]"),
        ("hi", r"[\u0900-\u097f]"),
        ("cyrillic", r"[\u0400-\u04ff]"),
        ("el", r"[\u0370-\u03ff\u1f00-\u1fff]"),
        ("he", r"[\u0590-\u05ff]"),
        ("bn", r"[\u0980-\u09ff]"),
        ("ta", r"[\u0b80-\u0bff]"),
        ("te", r"[\u0c00-\u0c7f]"),
        ("ka", r"[\u10a0-\u10ff]"),
        ("hy", r"[\u0531-\u0589]"),
        ("my", r"[\u1000-\u109f]"),
        ("km", r"[\u1780-\u17ff]"),
        ("lo", r"[\u0e80-\u0eff]"),
    )
)
# A character of these scripts says about as much as this many Latin letters.
_WEIGHT = {"kana": 2.0, "hangul": 2.5, "han": 3.0}
_CODE = re.compile(r"[a-z]{2,3}")
_JAPANESE_WORDS = re.compile(
    r"訪米|訪中|訪韓|日米|米国|米中|米軍|在米|対米|渡米|首相|総理|首脳会談|会談|衆院|参院|与党|閣議|株価|円安|円高|"
    r"自民党|官房長官|都内|電話会談"
)
_CHINESE_WORDS = re.compile(
    r"什么|怎么|多少|哪|谁|吗|呢|的|了|是否|什麼|怎麼|誰|嗎|他|她|您|为何|如何|何时|何時|几"
)
_WORDS = {
    "en": "the of and to in is was for that on with as at by an are be it from has have were which who what when where how why did does this his their",
    "de": "was wie viele wurde wurden war waren zur zum über zwischen welchem welcher welchen welches wem wen gab gibt unter bis nannte seine seiner ihre nahm fand ist der die das und in den von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei wer wann wie warum welche",
    "fr": "combien quels quelles où a ont était qu le la les de des et en un une du dans est que qui pour par sur au aux avec ne pas plus ce cette il elle sont été quand où quel quelle pourquoi comment",
    "es": "cuánto cuánta cuántas cuáles cuál cómo dónde fueron era el la los las de y en que un una del se por con para es al lo como su más fue ha son sobre entre cuándo qué quién dónde cuál cómo cuántos está",
    "pt": "quem quantos quanto onde quais o a os as de e em que um uma do da dos das no na para com por não se ao foi é são mais como sua quando quem onde qual",
    "it": "chi ha cosa quanto quanti perché il lo la gli le di e in che un una del della dei per con non è si al da sono nel alla ha più come quando chi dove quale perché",
    "nl": "de het een van en in is dat op te zijn met voor niet aan er om ook als bij door naar wie wat waar wanneer heeft werd worden",
    "tr": "kaç tane nedir neydi neden oldu adı mı mi hangisi vardır kime kimdir nerede neresi hangi tarafından sonra sırasında göre ve bir bu da de için ile olarak olan ne kadar gibi daha çok sonra ise olduğu kim nerede zaman hangi nasıl",
    "id": "yang dan di dari untuk dengan pada ini itu dalam tidak adalah akan ke oleh apa siapa kapan juga telah",
    "vi": "và của là có trong được cho các một những với không người đã này khi ở ai gì nào",
    "pl": "i w na z do się nie jest że o od za po przez dla jak oraz kto kiedy gdzie co był",
    "sv": "och i att det som en på är av för med till den har de inte om ett vem när var vad",
}
_VOTES: dict[str, tuple[str, ...]] = {}
for _language, _words in _WORDS.items():
    for _word in set(_words.split()):
        _VOTES[_word] = (*_VOTES.get(_word, ()), _language)
# Letters one of these languages has nearly to itself.
_LETTERS = {
    "ß": "de", "ä": "de", "ö": "de", "ü": "de", "ı": "tr", "ğ": "tr", "ş": "tr", "ñ": "es", "¿": "es", "¡": "es",
    "ã": "pt", "õ": "pt", "ł": "pl", "ę": "pl", "ą": "pl", "ż": "pl", "å": "sv", "đ": "vi", "ơ": "vi", "ư": "vi",
    "œ": "fr", "è": "fr", "ê": "fr",
}  # fmt: skip
_LATIN_WORDS = re.compile(r"[^\W\d_]+")


def is_language_code(code: str) -> bool:
    """Whether a text looks like an ISO 639 code, as metadata ought to give."""
    return bool(_CODE.fullmatch(code))


def detect(text: str, default: str = "en") -> str:
    """The ISO 639-1 code of a text's language, of a question's as well as of an article's.

    Only the first 1,000 characters count. ``default`` is returned for a text without letters and
    settles Chinese or Japanese when a few shared characters are all there is.
    """
    sample = text[:_SAMPLE]
    counts = {name: len(pattern.findall(sample)) for name, pattern in _SCRIPTS}
    weights = {name: n * _WEIGHT.get(name, 1.0) for name, n in counts.items() if n}
    if not weights:
        return default
    if counts["kana"] or counts["han"]:
        # Kana is written nowhere but in Japanese; a brand name in kana does not make Chinese Japanese.
        cjk = weights.get("kana", 0.0) + weights.get("han", 0.0)
        rest = max((w for name, w in weights.items() if name not in ("kana", "han")), default=0.0)
        if cjk >= rest:
            if counts["kana"] * 12 >= counts["han"]:
                return "ja"
            return _han(sample, default)
    script = max(weights, key=lambda name: weights[name])
    if script == "hangul":
        return "ko"
    if script == "kana":
        return "ja"
    if script == "arabic":
        return _arabic(sample)
    if script == "cyrillic":
        return _cyrillic(sample)
    if script == "latin":
        return _latin(sample, default)
    return _han(sample, default) if script == "han" else script


def _han(text: str, default: str) -> str:
    """Chinese or Japanese, for a text (almost) without kana, from forms only one of them uses."""
    japanese = 2.0 * len(_JAPANESE_WORDS.findall(text))
    chinese = 1.5 * len(_CHINESE_WORDS.findall(text))
    for char in set(text[:400]):
        if "\u3400" <= char <= "\u9fff":
            lean = _lean(char)
            if lean > 0:
                japanese += lean
            else:
                chinese -= lean
    if japanese == chinese:
        return default if default in ("ja", "zh") else "zh"
    return "ja" if japanese > chinese else "zh"


@cache
def _lean(char: str) -> int:
    """How Japanese (positive) or Chinese (negative) one character's form is, from -3 to 3."""
    jis = _level(char)
    simplified, traditional = _encodes(char, "gb2312"), _encodes(char, "big5")
    if jis == 0:
        return -3 if simplified or traditional else 0
    if simplified:
        return 0
    if not traditional:
        return 3
    return 1 if jis == 1 else -2


def _encodes(char: str, charset: str) -> bool:
    try:
        char.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _level(char: str) -> int:
    """1 or 2 for the levels of JIS X 0208, 0 for a character outside it."""
    try:
        code = char.encode("euc_jp")
    except UnicodeEncodeError:
        return 0
    if len(code) != 2:
        return 0
    return 1 if code[0] <= 0xCF else 2


def _arabic(text: str) -> str:
    if re.search(r"[ٹڈڑےں]", text):
        return "ur"
    return "fa" if len(re.findall(r"[پچژگیک]", text)) > len(re.findall(r"[يكةى]", text)) else "ar"


def _cyrillic(text: str) -> str:
    if re.search(r"[іїєґІЇЄҐ]", text):
        return "uk"
    if re.search(r"[ђћџјљњ]", text):
        return "sr"
    return "ru" if re.search(r"[ыэёЫЭЁ]", text) or not re.search(r"ъ[а-я]", text) else "bg"


def _latin(text: str, default: str) -> str:
    """A vote of small words; the trained detector when they do not decide."""
    votes: dict[str, float] = {}
    words = [w.lower() for w in _LATIN_WORDS.findall(text)]
    for word in words:
        for language in _VOTES.get(word, ()):
            votes[language] = votes.get(language, 0.0) + 1.0 / len(_VOTES[word])
    for letter in set(text.lower()) & _LETTERS.keys():
        votes[_LETTERS[letter]] = votes.get(_LETTERS[letter], 0.0) + 0.8
    ranked = sorted(votes.items(), key=lambda item: -item[1])
    if ranked:
        best = ranked[0][1]
        second = ranked[1][1] if len(ranked) > 1 else 0.0
        if best >= 1.0 and best >= 1.6 * second + 0.5:
            return ranked[0][0]
    if len("".join(words)) < 3:
        return default
    found = _detector().detect_language_of(text)
    return found.iso_code_639_1.name.lower() if found is not None else default


@cache
def _detector() -> LanguageDetector:
    from lingua import Language, LanguageDetectorBuilder

    names = "ENGLISH GERMAN FRENCH SPANISH PORTUGUESE ITALIAN DUTCH TURKISH INDONESIAN VIETNAMESE POLISH SWEDISH"
    languages = [getattr(Language, name) for name in names.split()]
    return LanguageDetectorBuilder.from_languages(*languages).with_low_accuracy_mode().build()
