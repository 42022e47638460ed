"""Numbers in running text, with their units, so that they compare across notations and languages.

Kanji, Hangul and English numerals and magnitudes are read by tables here; number words of the
other European languages by ``text2num``; the marks that separate decimals and groups by Babel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from konkyo.index.text.normalize import fold, guess_language

__all__ = ["Quantity", "QuantityKind", "quantities", "same_quantity", "unit_conflict"]

QuantityKind = Literal[
    "count", "money", "percent", "duration", "ordinal", "age", "year", "measure", "plain"
]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a text: ``text[start:end]`` with its unit.

    ``value`` is in ``unit``, or the two ends of a range. ``unit`` is canonical ("USD", "percent",
    "year", "person", ...) or ``None``. ``approximate`` tells that the text says about, or more or
    less than. ``small`` marks words such as "one" or "both", which often only point.
    """

    start: int
    end: int
    text: str
    value: Decimal | tuple[Decimal, Decimal]
    unit: str | None
    kind: QuantityKind
    approximate: bool = False
    small: bool = False

    @property
    def values(self) -> tuple[Decimal, ...]:
        """The number, or both ends of the range."""
        return self.value if isinstance(self.value, tuple) else (self.value,)


@dataclass(frozen=True, slots=True)
class _Unit:
    """A canonical unit: values of one dimension compare after ``factor``."""

    kind: QuantityKind
    dimension: str
    factor: Decimal
    forms: str


def _unit(kind: QuantityKind, dimension: str, factor: str, forms: str) -> _Unit:
    return _Unit(kind, dimension, Decimal(factor), forms)


# Surface forms, folded; "|" separates them. A Latin form must end at a word's end.
_UNITS: dict[str, _Unit] = {
    "USD": _unit("money", "USD", "1", "米ドル|ドル|u.s. dollars|us dollars|us dollar|dollars|dollar|usd|美元|美金|미국 달러|미 달러|달러|弗|dólares|dólar|dollar us|доллар|доллара|долларов|$"),
    "cent": _unit("money", "USD", "0.01", "セント|cents|cent|美分|센트"),
    "JPY": _unit("money", "JPY", "1", "日本円|円|yen|jpy|日元|日圆|日円|엔화|엔|¥|иен"),
    "EUR": _unit("money", "EUR", "1", "ユーロ|euros|euro|eur|欧元|歐元|유로|€|евро"),
    "CNY": _unit("money", "CNY", "1", "人民元|人民币|人民幣|元人民币|元|yuan|renminbi|rmb|cny|위안화|위안"),
    "KRW": _unit("money", "KRW", "1", "韓国ウォン|ウォン|south korean won|korean won|won|krw|韩元|韓元|韩圆|원|₩"),
    "GBP": _unit("money", "GBP", "1", "英ポンド|スターリング|pounds sterling|british pounds|gbp|英镑|英鎊|파운드|£"),
    "pound": _unit("measure", "pound", "1", "ポンド|pounds|pound|磅|lbs|lb"),
    "TWD": _unit("money", "TWD", "1", "台湾ドル|taiwan dollars|new taiwan dollars|twd|新台币|新台幣|台币|대만 달러"),
    "HKD": _unit("money", "HKD", "1", "香港ドル|hong kong dollars|hkd|港元|港币|홍콩 달러"),
    "AUD": _unit("money", "AUD", "1", "豪ドル|オーストラリアドル|australian dollars|aud|澳元|호주 달러"),
    "CAD": _unit("money", "CAD", "1", "カナダドル|canadian dollars|加元|캐나다 달러"),
    "INR": _unit("money", "INR", "1", "ルピー|rupees|rupee|inr|卢比|루피|₹"),
    "RUB": _unit("money", "RUB", "1", "ルーブル|roubles|rubles|rouble|ruble|rub|卢布|루블|₽|рублей|рубля|рубль"),
    "CHF": _unit("money", "CHF", "1", "スイスフラン|swiss francs|chf|瑞士法郎|스위스 프랑"),
    "percent": _unit("percent", "share", "0.01", "パーセント|%|percent|per cent|pct|퍼센트|프로|prozent|por ciento|pour cent|por cento|per cento|процентов|процента|процент"),
    "tenth": _unit("percent", "share", "0.1", "割|成"),
    "point": _unit("percent", "point", "1", "パーセントポイント|%ポイント|ポイント|percentage points|percentage point|个百分点|個百分點|百分点|퍼센트포인트|%포인트|포인트|%p"),
    "basis point": _unit("percent", "point", "0.01", "ベーシスポイント|basis points|basis point|bps|个基点|基点|bp"),
    "share": _unit("percent", "share", "1", "\0"),
    "multiple": _unit("count", "multiple", "1", "倍|-fold|fold|배"),
    "year": _unit("duration", "month", "12", "年間|周年|年|years|year|yr|주년|년간|년|jahre|jahren|jahr|años|año|ans|années|anos|лет|года|год"),
    "month": _unit("duration", "month", "1", "か月間|ヶ月間|カ月間|ヵ月間|箇月|か月|ヶ月|ケ月|カ月|ヵ月|个月|個月|months|month|개월간|개월|달간|달|monate|monaten|meses|mes|mois|месяцев|месяца"),
    "week": _unit("duration", "day", "7", "週間|週|周间|个星期|星期|个礼拜|周|weeks|week|주간|주일|wochen|semanas|semaines"),
    "day": _unit("duration", "day", "1", "日間|日连续|天|days|day|일간|일|tage|tagen|días|jours|dias|дней|дня"),
    "hour": _unit("duration", "second", "3600", "時間|小时|小時|个小时|hours|hour|hrs|hr|시간|stunden|stunde|horas|hora|heures|heure|часов|часа"),
    "minute": _unit("duration", "second", "60", "分間|分钟|分鐘|分|minutes|minute|mins|min|분간|분|minuten|minutos|минут"),
    "second": _unit("duration", "second", "1", "秒間|秒钟|秒|seconds|second|secs|sec|초간|초|sekunden|segundos|secondes|секунд"),
    "age": _unit("age", "month", "12", "歳|才|岁|歲|세|살|years old|year old|years-old|year-old|years of age"),
    "person": _unit("count", "person", "1", "人|名|people|persons|person|명|인|personen|menschen|personas|personnes|pessoas|человек"),
    "company": _unit("count", "company", "1", "社|companies|company|firms|firm|家公司|家企业|개사|개 회사|개 기업|unternehmen|empresas|entreprises"),
    "country": _unit("count", "country", "1", "カ国|か国|ヶ国|ヵ国|ケ国|箇国|个国家|個國家|国|countries|country|nations|nation|개국|개 나라|länder|ländern|países|pays"),
    "seat": _unit("count", "seat", "1", "議席|席|seats|seat|석|sitze|escaños|sièges"),
    "vote": _unit("count", "vote", "1", "票|votes|vote|표"),
    "time": _unit("count", "time", "1", "回|度|次|times|차례|번|회|mal|veces|fois"),
    "ship": _unit("count", "ship", "1", "隻|艘|척|ships|ship|vessels|vessel|warships"),
    "kelvin": _unit("measure", "temperature", "1", "°c|℃|度c|摄氏度|degrees celsius|degrees|degree|도|°"),
    "kilometre": _unit("measure", "metre", "1000", "キロメートル|キロ|km|kilometers|kilometres|kilometer|kilometre|公里|千米|킬로미터|킬로|kilómetros|kilomètres|км"),
    "metre": _unit("measure", "metre", "1", "メートル|m|meters|metres|meter|metre|米|미터|metros|mètres"),
    "centimetre": _unit("measure", "metre", "0.01", "センチメートル|センチ|cm|centimeters|centimetres|厘米|公分|센티미터|센티"),
    "millimetre": _unit("measure", "metre", "0.001", "ミリメートル|ミリ|mm|millimeters|millimetres|毫米|밀리미터|밀리"),
    "mile": _unit("measure", "metre", "1609.344", "マイル|miles|mile|mi|英里|마일|millas"),
    "foot": _unit("measure", "metre", "0.3048", "フィート|feet|foot|ft|英尺|피트"),
    "gigatonne": _unit("measure", "gram", "1000000000000000", "ギガトン|gigatons|gigatonnes|gigaton|gt|gigatonnen|gigatoneladas"),
    "yard": _unit("measure", "metre", "0.9144", "ヤード|yards|yard|码|碼|야드|yardas"),
    "inch": _unit("measure", "metre", "0.0254", "インチ|inches|inch|英寸|인치|pulgadas|zoll"),
    "tonne": _unit("measure", "gram", "1000000", "トン|tons|tonnes|ton|tonne|吨|公吨|噸|톤|tonnen|toneladas|тонн"),
    "kilogram": _unit("measure", "gram", "1000", "キログラム|kg|kilograms|kilogrammes|kilogram|公斤|千克|킬로그램"),
    "gram": _unit("measure", "gram", "1", "グラム|grams|gram|克|그램"),
    "hectare": _unit("measure", "area", "10000", "ヘクタール|hectares|hectare|ha|公顷|헥타르"),
    "square kilometre": _unit("measure", "area", "1000000", "平方キロメートル|平方キロ|square kilometers|square kilometres|square km|sq km|km2|km²|平方公里|平方千米|제곱킬로미터|kilómetros cuadrados|quadratkilometern|quadratkilometer"),
    "square metre": _unit("measure", "area", "1", "平方メートル|square meters|square metres|m2|m²|平方米|제곱미터|㎡"),
    "square mile": _unit("measure", "area", "2589988", "平方マイル|square miles|sq mi|平方英里|millas cuadradas|quadratmeilen"),
    "gigawatt": _unit("measure", "watt", "1000000000", "ギガワット|gw|gigawatts|吉瓦|기가와트"),
    "megawatt": _unit("measure", "watt", "1000000", "メガワット|mw|megawatts|兆瓦|메가와트"),
    "kilowatt": _unit("measure", "watt", "1000", "キロワット|kw|kilowatts|千瓦|킬로와트"),
    "barrel": _unit("measure", "barrel", "1", "バレル|barrels|barrel|桶|배럴"),
}  # fmt: skip

_LATIN_END = r"(?![^\W\d_])"
_FORM_UNIT: dict[str, str] = {
    form: name for name, unit in reversed(_UNITS.items()) for form in unit.forms.split("|")
}


def _form_pattern(form: str) -> str:
    escaped = re.escape(form).replace(r"\ ", r"[\s-]?")
    last = form[-1]
    spaced = last.isalpha() and (ord(last) < 0x0250 or 0x0400 <= ord(last) <= 0x04FF)
    return escaped + (_LATIN_END if spaced else "")


# Surfaces that begin like a unit and are not one.
_NOT_UNIT = (
    r"(?!年代|年度|年号|年前後|月|日(?!間|连续|元|圆|圓|本円)|時(?!間)|点(?!数)|号|人民日報|人権|人工|国際|国連|国会|国家主席"
    r"|米中|米国|成功|成立|成果|成为|成人|度目|回目|回戦|次世代|元首|元旦|元大|元首相|元々|元年|分の|分之|분의|年生|年级"
    r"|대통령|원전|원자|주년|주의|주식|주째|회의|번째|번의|번지|번 국|일본|일부|일 오|시|인공|인민|년대|년생|월)"
)
_UNIT_RE = re.compile(
    r"[\s-]?(?:の|多(?=[个名家万公])|余|餘)?"
    + _NOT_UNIT
    + "(?P<unit>"
    + "|".join(_form_pattern(form) for form in sorted(_FORM_UNIT, key=len, reverse=True))
    + ")"
)

_CURRENCY_BEFORE = re.compile(
    r"(?P<cur>us\$|u\.s\.\$|nt\$|hk\$|a\$|c\$|\$|€|£|¥|₩|₹|₽|usd|jpy|eur|gbp|krw|cny|rmb|米ドル|人民币)\s?$"
)
_CURRENCY_MARK = {
    "us$": "USD", "u.s.$": "USD", "$": "USD", "usd": "USD", "米ドル": "USD", "nt$": "TWD", "hk$": "HKD",
    "a$": "AUD", "c$": "CAD", "€": "EUR", "eur": "EUR", "£": "GBP", "gbp": "GBP", "¥": "JPY",
    "jpy": "JPY", "₩": "KRW", "krw": "KRW", "cny": "CNY", "rmb": "CNY", "人民币": "CNY",
    "₹": "INR", "₽": "RUB",
}  # fmt: skip

_ABOUT_BEFORE = re.compile(
    r"(約|およそ|ほぼ|おおよそ|概ね|推定|最大|最大で|最低|少なくとも|about|around|nearly|almost|some|roughly|approximately|approx\.?|circa|ca\.|c\."
    r"|over|under|more than|less than|at least|at most|up to|an estimated|estimated|as many as|as much as|close to"
    r"|약|대략|거의|무려|최소|최대|大约|大約|约|將近|将近|近|超过|超過|逾|至少|最多|多达|不到|超"
    r"|etwa|rund|ungefähr|fast|über|mehr als|unos|unas|casi|cerca de|alrededor de|más de|aproximadamente"
    r"|environ|près de|plus de|presque|quasi|circa|quase|mais de|около|более|почти|~)\s?$"
)
_ABOUT_AFTER = re.compile(
    r"\s?(以上|以下|以内|未満|未满|超え|超|余り|余人|余|あまり|ほど|程度|前後|前后|左右|近く|弱|強|多|이상|이하|미만|가량|정도|여|or so|or more|\+|odd)"
)

_KANJI_DIGIT = {c: i for i, c in enumerate("〇一二三四五六七八九")} | {
    "零": 0, "両": 2, "两": 2, "兩": 2, "壱": 1, "弐": 2, "参": 3,
}  # fmt: skip
_SMALL = {"十": 10, "百": 100, "千": 1000, "십": 10, "백": 100, "천": 1000}
_BIG = {
    "万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8, "兆": 10**12, "京": 10**16,
    "만": 10**4, "억": 10**8, "조": 10**12, "경": 10**16,
}  # fmt: skip
_LOOKED_BACK = 40
_DIGITS = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
_HAN = "〇零一二三四五六七八九両两兩十百千万萬億亿兆"
_HANGUL = "십백천만억조"
_CJK_RE = re.compile(
    rf"(?:{_DIGITS}|[{_HAN}])"
    rf"(?:(?<=[조억만万億亿兆])\s(?=\d[\d,.]*\s?[{_HANGUL}])|(?<=\d)\s(?=[만억조万亿億兆])|(?<=[조억만])\s(?=\d)|"
    rf"{_DIGITS}|[{_HAN}{_HANGUL}])*"
)
_CJK_TOKEN = re.compile(rf"{_DIGITS}|[{_HAN}{_HANGUL}]")

# A lone kanji numeral counts only before one of these.
_COUNTER = (
    r"人|名|つ|回|度|次|年|月|日|時間|週|周|社|[かカヶヵケ箇个個]月|[かカヶヵケ箇个個]国|カ所|か所|件|点|本|台|隻|艘|機|架|倍|位|番|割|歳|才|岁|"
    r"世紀|世纪|代|個|个|種|种|冊|枚|匹|頭|軒|校|店|議席|席|票|パーセント|%|円|元|ドル|美元|日元|项|項|条|條|家|所|座|天|分|成|口|世|期|大|者|国|国家|公里|米|メートル|吨|トン|小时|地域"
    r"|歲|倍|版|部作|段階|層|階|阶段|層|师|级|級|步|方|場|场|首|篇|章|節|节|幕|話|集|支|只|头|颗|枚|块|张|辆|部|斤|克|尺|寸|里|丈|畝|亩"
)
_LONE_NOT = re.compile(
    r"(一部|一方|一緒|一般|一層|一時(?!間)|一定|一致|一体|一環|一連|一気|一面|一番|一国|十分|万一|千葉|万全|三菱|八王子|三重|四国|九州|七夕|五輪|六本木"
    r"|三井|三越|二重|百貨|百科|千代|八百屋|万博|万年|一丸|一因|一員|一覧|一見|一切|一斉|一転|一段|一足|一角|一種|一括|一躍|一手|一声|一例|三角|四半|四季"
    r"|四方|五感|三権|十字|一些|一直|一样|一起|一下|一旦|一个劲|一带|一路|一代|一流|一帯|千万(?!人|円|元|美|ドル|名|부|吨|トン)|四川|三星|百姓|三峡|五星|九江|三亚|一心|一早|一帆"
    r"|万里|万物|万歳|万能|百年|千年|百合|一家|一線|一线|一点|一系列|一边|一大|一口|一本|一世|一味|一同|一行|一向|一律|一举|一經|一经|一生|一名|一块|一座|一场|一場|一条|一項|一项|一位|一次|一部分"
    r"|一期|一所|一期一会|一石|二次元|三次元|三分|八方|八幡|三河|三島|三田|三原|一宮|二宮|三宮|四谷|五反|八戸|九段|十勝|百済|千歳|千島|七尾|八丈|万葉|三国|五大|六法|一級|二級|一番|四大|三大|二大"
    r"|四条|三条|五条|九条|二条|一条|七条|八条|五代|三代|千本|百花|百分|大)"
)  # fmt: skip
_LONE_BEFORE = re.compile(
    r"[唯統随均逐専択画純同不単统专择纯单万第其之歩十百千数幾几多每毎某另那这哪任]$"
)

_EN_UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
_EN_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_EN_WORD: dict[str, int] = (
    {word: i for i, word in enumerate(_EN_UNITS)}
    | {word: 20 + 10 * i for i, word in enumerate(_EN_TENS)}
    | {"both": 2, "dozen": 12}
)
_EN_SCALE = {
    "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "dozen": 12, "hundreds": 100, "bn": 10**9, "mn": 10**6, "mln": 10**6, "bln": 10**9, "tn": 10**12, "trn": 10**12, "k": 1000,
}  # fmt: skip
_EN_ORDINAL: dict[str, int] = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13,
    "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18,
    "nineteenth": 19, "twentieth": 20, "thirtieth": 30, "hundredth": 100,
}  # fmt: skip
_words = "|".join(sorted(_EN_WORD, key=len, reverse=True))
_scales = "hundred|thousand|million|billion|trillion|dozen"
_EN_RE = re.compile(
    rf"(?<![^\W\d_])(?:(?:a|an)\s(?=(?:{_scales})\b)|(?:{_words})\b)"
    rf"(?:(?:[\s-]|\sand\s|(?:(?<=thousand)|(?<=illion)),\s)(?:{_words}|{_scales})\b|(?<=a\s)(?:{_scales})\b|(?<=an\s)(?:{_scales})\b)*"
)
_EN_ORD_RE = re.compile(
    rf"(?<![^\W\d_])(?:(?:{'|'.join(_EN_TENS)})[\s-])?(?:{'|'.join(sorted(_EN_ORDINAL, key=len, reverse=True))})(?![^\W\d_])"
)
_SCALE_AFTER: dict[str, dict[str, int]] = {
    "en": _EN_SCALE,
    "de": {"tausend": 10**3, "millionen": 10**6, "million": 10**6, "milliarden": 10**9, "milliarde": 10**9, "billionen": 10**12, "billion": 10**12, "mio.": 10**6, "mrd.": 10**9, "mio": 10**6, "mrd": 10**9},
    "es": {"mil millones": 10**9, "mil": 10**3, "millones": 10**6, "millón": 10**6, "billones": 10**12, "billón": 10**12},
    "fr": {"mille": 10**3, "millions": 10**6, "million": 10**6, "milliards": 10**9, "milliard": 10**9, "billions": 10**12},
    "pt": {"mil milhões": 10**9, "mil": 10**3, "milhões": 10**6, "milhão": 10**6, "bilhões": 10**9, "bilhão": 10**9, "trilhões": 10**12},
    "it": {"mila": 10**3, "milioni": 10**6, "milione": 10**6, "miliardi": 10**9, "miliardo": 10**9},
    "nl": {"duizend": 10**3, "miljoen": 10**6, "miljard": 10**9, "biljoen": 10**12},
    "tr": {"bin": 10**3, "milyon": 10**6, "milyar": 10**9, "trilyon": 10**12},
    "ru": {"тысяч": 10**3, "тысячи": 10**3, "тыс.": 10**3, "миллионов": 10**6, "миллиона": 10**6, "миллион": 10**6, "млн": 10**6, "миллиардов": 10**9, "миллиарда": 10**9, "миллиард": 10**9, "млрд": 10**9, "триллионов": 10**12, "триллиона": 10**12, "трлн": 10**12},
    "ar": {"ألف": 10**3, "آلاف": 10**3, "مليون": 10**6, "ملايين": 10**6, "مليار": 10**9, "مليارات": 10**9, "تريليون": 10**12},
    "th": {"แสนล้าน": 10**11, "หมื่นล้าน": 10**10, "พันล้าน": 10**9, "ร้อยล้าน": 10**8, "ล้านล้าน": 10**12, "ล้าน": 10**6, "แสน": 10**5, "หมื่น": 10**4, "พัน": 10**3},
    "vi": {"nghìn": 10**3, "triệu": 10**6, "tỷ": 10**9},
    "id": {"ribu": 10**3, "juta": 10**6, "miliar": 10**9, "triliun": 10**12},
}  # fmt: skip
_WORD_LANGUAGES = frozenset({"de", "es", "fr", "it", "nl", "pt", "da"})

_KO_NATIVE: dict[str, int] = {
    "한두": 1, "두세": 2, "한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10,
    "열한": 11, "열두": 12, "스무": 20,
}  # fmt: skip
_KO_NATIVE_RE = re.compile(
    rf"(?<![가-힣])(?P<n>{'|'.join(sorted(_KO_NATIVE, key=len, reverse=True))})\s?"
    r"(?=(?:명|개월|개국|개사|개|번째|번|차례|달|시간|살|나라|곳|대|척|사람|배|가지|정상|국가|사|주|해)(?:$|[^가-힣]|[이가은는을를의에로만도과와간째])|번째)"
)

_ORDINAL_BEFORE = re.compile(r"(第|제\s?|no\.\s?|№\s?|nr\.\s?)$")
_ORDINAL_AFTER = re.compile(
    r"\s?(番目|度目|回目|つ目|人目|年目|個目|번째|위|位|代目|st\b|nd\b|rd\b|th\b|º|ª|ème|er\b|次(?!世)|차(?=[ 가-힣])|期)"
)
_HALF_AFTER = re.compile(r"\s?(半(?!島|数|分|導|减|減)|반(?=[ ,.의간이을에만가은는도째]|$))")
_MIXED = re.compile(
    r"[\s-](?:and[\s-](?:a|one)[\s-])half|\s?(?P<one>[½¼¾⅓⅔⅛])|[\s-](?:and\s)?(?P<num>[1-9])/(?P<den>[2-9])(?![\d/])"
)
_VULGAR = {"½": "0.5", "¼": "0.25", "¾": "0.75", "⅛": "0.125", "⅓": "0.3333", "⅔": "0.6667"}
_FRACTION_RE = re.compile(
    rf"(?P<den>(?<!\d)(?:\d{{1,3}}(?:,\d{{3}}){{1,6}}(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)|(?<![{_HAN}])[{_HAN}]++)\s?(?:分の|分之|분의)\s?(?P<num>(?:{_DIGITS}|[{_HAN}]+)(?:[点點][{_HAN}]+)?)"
)
_EN_FRACTION_RE = re.compile(
    r"(?<![^\W_])(?:(?P<num>a|one|two|three|four|five|\d)[\s-])?(?P<den>half|halves|thirds?|quarters?|(?:fourth|fifth|sixth|seventh|eighth|ninth|tenth)s?)(?:\s(?:of))(?![^\W_])(?!\sthe\s(?:\d|[a-z-]+\scentury))"
    r"|(?<![^\W_])(?P<num2>one|two|three|four|five|a)[\s-](?P<den2>thirds?|quarters?|fifths?|tenths?|fourths?|sixths?|eighths?)(?![^\W_])"
    r"|(?<![\d/.])(?<!\d\s)(?<!\d-)(?P<num3>[1-9])/(?P<den3>[2-9]|10)(?![\d/年月])"
)
_EN_DEN = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6,
    "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10,
}  # fmt: skip
_HALF_WORD_RE = re.compile(
    r"(?P<halfyear>半年(?:間)?|반년|half a year|half-year|半年时间)|(?P<half>半数|過半数|半分|절반|一半|半减|半減)"
)
_RANGE_JOIN = re.compile(
    r"(?:\s?(?:~|-|から|乃至|ないし|至|到|부터|에서)\s?|\s(?:to|and|bis|a|à)\s)"
)
_CITATION_RE = re.compile(r"\[\s?\d{1,3}(?:\s?,\s?\d{1,3})*\s?\]|【\s?\d{1,3}\s?】")
# Letters and figures glued together name a thing: G7, F-35, COVID-19, 5G, CO2, Wi-Fi 6E.
_CODE_RE = re.compile(
    r"(?<![^\W_])(?!(?:us|usd|eur|jpy|krw|gbp|rmb|cny|no|nr|c|ca)-?\d)[a-z][a-z]*-?\d+[a-z]*(?![a-z\d])(?!,\d)"
    r"|(?<![a-z\d.,])\d+(?:[dgwx](?![a-z]))|(?<![^\W_])[a-z]\.\d+"
)


@dataclass(frozen=True, slots=True)
class _Number:
    start: int
    end: int
    value: Decimal
    words: bool
    ordinal: bool = False
    fraction: bool = False
    scaled: int = 1


def _read_digits(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def _read_cjk(text: str) -> Decimal | None:
    """The value of digits, kanji and Hangul magnitudes: 1兆2000億, 二十五, 二〇二六, 5천만."""
    total, section = Decimal(0), Decimal(0)
    current: Decimal | None = None
    positional = False
    last_big: Decimal | None = None
    for match in _CJK_TOKEN.finditer(text):
        token = match.group()
        if token[0].isdigit():
            if current is not None:
                return None
            current, positional = _read_digits(token), False
        elif token in _KANJI_DIGIT:
            digit = Decimal(_KANJI_DIGIT[token])
            if current is None:
                current = digit
            elif positional:
                current = current * 10 + digit
            else:
                return None
            positional = True
        elif token in _SMALL:
            section += (Decimal(1) if current is None else current) * _SMALL[token]
            current = None
        else:
            big = Decimal(_BIG[token])
            section += current or Decimal(0)
            if last_big is not None and big >= last_big and section == 0:
                total *= big
            else:
                total += (section or Decimal(1)) * big
            last_big, section, current = big, Decimal(0), None
    return total + section + (current or Decimal(0))


def _cjk_numbers(text: str) -> Iterator[_Number]:
    for match in _CJK_RE.finditer(text):
        token = match.group().rstrip()
        start, end = match.start(), match.start() + len(token)
        if token[0] == "一" and text[max(0, start - 1) : start] in set("唯统統同单單"):
            start, token = start + 1, token[1:]  # 唯一一支: the first 一 belongs to the word
        value = _read_cjk(token) if token else None
        if value is None:
            continue
        has_digit = any(c.isdigit() and c.isascii() for c in token)
        if not has_digit and not _is_kanji_number(text, start, end, token):
            continue
        if start and text[start - 1] in "数數幾几수":
            continue  # 数百社: no number is given
        scaled = 1
        for char in token:
            scaled *= _BIG.get(char, 1)
        yield _Number(start, end, value, words=not has_digit, scaled=scaled)


def _is_kanji_number(text: str, start: int, end: int, token: str) -> bool:
    """Whether kanji numerals are a number here and not part of a word (一部, 千葉, 三菱)."""
    before, after = text[:start], text[end:]
    if before.endswith(("第", "前年比", "約", "约", "十")) and not before.endswith("十十"):
        return True
    if _LONE_NOT.match(text, start) and len(token) == 1:
        return False
    if token in {
        "千万",
        "百万",
        "万千",
        "千百",
        "十万",
        "万",
        "千",
        "百",
        "億",
        "兆",
        "亿",
        "万万",
    }:
        return bool(re.match(r"人|円|元|ドル|美元|日元|名|トン|吨|年前|票|部|本", after)) and not (
            _LONE_NOT.match(text, start)
        )
    if len(token) >= 2:
        return not _LONE_NOT.match(text, start) or bool(re.match(_COUNTER, after))
    if _LONE_BEFORE.search(before):
        return False
    return bool(re.match(_COUNTER, after))


def _english_value(text: str) -> Decimal:
    total, current = Decimal(0), Decimal(0)
    for word in re.split(r"[\s,-]+", text):
        if word in {"and", "a", "an"}:
            continue
        if word == "dozen" and current == 0:
            current = Decimal(12)
        elif word in _EN_SCALE:
            scale = _EN_SCALE[word]
            if scale in {12, 100}:
                current = (current or Decimal(1)) * scale
            else:
                total += (current or Decimal(1)) * scale
                current = Decimal(0)
        else:
            current += _EN_WORD[word]
    return total + current


def _english_numbers(text: str) -> Iterator[_Number]:
    for match in _EN_RE.finditer(text):
        token = match.group().strip()
        value = _english_value(token)
        # "five or six one": words in a row that do not build on one another are separate.
        yield _Number(match.start(), match.start() + len(token), value, words=True)
    for match in _EN_ORD_RE.finditer(text):
        parts = re.split(r"[\s-]", match.group())
        value = Decimal(sum(_EN_WORD.get(p, 0) or _EN_ORDINAL.get(p, 0) for p in parts))
        yield _Number(match.start(), match.end(), value, words=True, ordinal=True)


_VAGUE_WORDS = frozenset(
    [
        "cientos",
        "miles",
        "millones",
        "mil",
        "milliers",
        "centaines",
        "millions",
        "millionen",
        "milliarden",
        "tausende",
        "hunderte",
        "centinaia",
        "migliaia",
        "milioni",
        "centenas",
        "milhares",
        "milhões",
        "million",
        "un",
        "une",
        "uno",
        "una",
        "ein",
        "eine",
        "eins",
    ]
)


class _Word:
    """One word for text2num's token protocol."""

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self) -> str:
        return self._text

    def nt_separated(self, previous: _Word) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return self._text.isdigit()


def _european_numbers(text: str, language: str) -> Iterator[_Number]:
    """Number words as text2num finds them; figures are left to the other readers."""
    from text_to_num import find_numbers

    spans = [(m.start(), m.end()) for m in re.finditer(r"[^\W\d_]+|[^\w\s]", text)]
    words = [_Word(text[a:b]) for a, b in spans]
    for found in find_numbers(words, language, threshold=2):
        if found.end - found.start == 1 and words[found.start].text() in _VAGUE_WORDS:
            continue
        yield _Number(
            spans[found.start][0],
            spans[found.end - 1][1],
            Decimal(str(found.value)),
            words=True,
            ordinal=found.is_ordinal,
        )


@lru_cache(maxsize=64)
def _separators(language: str | None) -> tuple[str, str]:
    """Decimal and group mark of a language, as the CLDR has them; English when unknown."""
    if language is None or language[:2] in {"en", "ja", "zh", "ko", "th"}:
        return ".", ","
    from babel import Locale, UnknownLocaleError
    from babel.numbers import get_decimal_symbol, get_group_symbol

    try:
        locale = Locale.parse(language[:2])
    except (UnknownLocaleError, ValueError):
        return ".", ","
    group = get_group_symbol(locale)
    return get_decimal_symbol(locale), " " if group.isspace() else group


def _latin_figures(mark: str) -> str:
    """The pattern of figures that a mark groups.

    A point that cannot group (2.5) is taken for a decimal point: writers mix the two.
    """
    return rf"(?<![\d.,])(?:\d{{1,3}}(?:{mark}\d{{3}})+(?:,\d+)?|\d+\.\d{{1,2}}|\d+(?:,\d+)?)(?!\d)"


def _latin_digits(text: str, language: str | None) -> Iterator[_Number]:
    """Figures where the comma marks decimals and the point or a space groups digits."""
    decimal, group = _separators(language)
    if decimal != ",":
        return
    mark = r"[ .]" if group in {".", " "} else re.escape(group)
    for match in re.finditer(_latin_figures(mark), text):
        figure = match.group()
        if not re.fullmatch(r"\d+\.\d{1,2}", figure):
            figure = re.sub(mark, "", figure).replace(",", ".")
        yield _Number(match.start(), match.end(), Decimal(figure), words=False)


def _korean_numbers(text: str) -> Iterator[_Number]:
    for match in _KO_NATIVE_RE.finditer(text):
        name = match.group("n")
        yield _Number(match.start("n"), match.end("n"), Decimal(_KO_NATIVE[name]), words=True)


def _fractions(text: str) -> Iterator[_Number]:
    for match in _FRACTION_RE.finditer(text):
        whole, _, tail = re.sub("點", "点", match.group("num")).partition("点")
        den, num = _read_cjk(match.group("den")), _read_cjk(whole)
        if num is not None and tail:
            num += Decimal("0." + "".join(str(_KANJI_DIGIT[c]) for c in tail))
        if den and num is not None:
            yield _Number(match.start(), match.end(), num / den, words=False, fraction=True)
    for match in _EN_FRACTION_RE.finditer(text):
        name = match.group("num") or match.group("num2") or match.group("num3") or "one"
        den_text = match.group("den") or match.group("den2") or match.group("den3")
        num_value = int(name) if name.isdigit() else _EN_WORD.get(name, 1)
        den_value = (
            int(den_text)
            if den_text.isdigit()
            else _EN_DEN[den_text.rstrip("s") if den_text != "halves" else "half"]
        )
        yield _Number(
            match.start(), match.end(), Decimal(num_value) / den_value, words=False, fraction=True
        )


def _stands_before(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    """The match of a pattern that ends where a number begins, looked for as far as one reaches."""
    return pattern.search(text, max(0, at - _LOOKED_BACK), at)


def _with_scale(number: _Number, text: str, language: str) -> _Number:
    """Apply a magnitude word that follows figures: 550 billion, 5,5 Milliarden, 550bn."""
    if number.words and language == "en":
        return number
    tables = [_SCALE_AFTER.get(language, {})]
    if language not in {"de", "es", "fr", "pt", "it", "nl"}:
        tables.append(_EN_SCALE)
    for table in tables:
        for word in sorted(table, key=len, reverse=True):
            if word == "k" and not _stands_before(_CURRENCY_BEFORE, text, number.start):
                continue
            boundary = "" if language == "th" else _LATIN_END
            match = re.compile(rf"[\s-]?{re.escape(word)}{boundary}").match(text, number.end)
            if match:
                scaled = replace(
                    number, end=match.end(), value=number.value * table[word], scaled=table[word]
                )
                return _with_scale(scaled, text, language) if word != "k" else scaled
    match = re.compile(r"(?:m|b|t)(?![a-z])").match(text, number.end)
    if match and _stands_before(_CURRENCY_BEFORE, text, number.start):
        scale = {"m": 10**6, "b": 10**9, "t": 10**12}[match.group()]
        return replace(number, end=match.end(), value=number.value * scale, scaled=scale)
    return number


def _longest(numbers: list[_Number]) -> list[_Number]:
    """Keep the longest of overlapping readings, in text order."""
    kept: list[_Number] = []
    taken: set[int] = set()
    for number in sorted(numbers, key=lambda n: (n.start - n.end, n.start, not n.fraction)):
        span = range(number.start, number.end)
        if taken.isdisjoint(span):
            taken.update(span)
            kept.append(number)
    return sorted(kept, key=lambda n: n.start)


def _numbers(text: str, language: str) -> list[_Number]:
    found = list(_fractions(text))
    european = list(_latin_digits(text, language))
    found += european or list(_cjk_numbers(text))
    found += _korean_numbers(text)
    if language in _WORD_LANGUAGES:
        found += _european_numbers(text, language)
    else:
        found += _english_numbers(text)
    masked = [m.span() for p in (_CITATION_RE, _CODE_RE) for m in p.finditer(text)]
    clear = [n for n in found if not any(a < n.end and n.start < b for a, b in masked)]
    return [n if n.fraction else _with_scale(n, text, language) for n in _longest(clear)]


_DATE_AFTER = re.compile(
    r"\s?(?:月(?!間)|日(?!間|连续|元|圆|圓|本円)|時(?!間)|号(?!線|机|機)|월|일(?!간|째)|시(?!간)|点(?:\d|半|左右|,|。|钟))"
)


def _finish(number: _Number, text: str, original: str, language: str) -> Quantity | None:
    """Attach unit, kind and hedges to one number; ``None`` when it belongs to a date or a time."""
    start, end, value = number.start, number.end, number.value
    unit: str | None = None
    kind: QuantityKind = "plain"
    currency = _stands_before(_CURRENCY_BEFORE, text, start)
    ordinal = number.ordinal or bool(_stands_before(_ORDINAL_BEFORE, text, start))
    if currency:
        unit, kind, start = _CURRENCY_MARK[currency.group("cur")], "money", currency.start()
        if currency.group("cur") == "¥" and language == "zh":
            unit = "CNY"
        tail = _UNIT_RE.match(text, end)
        if tail and _UNITS[_FORM_UNIT[_surface(tail)]].kind == "money":
            end = tail.end()
    elif number.fraction:
        unit, kind = "share", "percent"
        if text[start:end].startswith(("half", "a half")):
            return Quantity(start, end, original[start:end], value, unit, kind, small=True)
    elif _DATE_AFTER.match(text, end) and not ordinal and value <= 31:
        return None
    elif not number.fraction and (mixed := _MIXED.match(text, end)):
        value, end = value + _part(mixed), mixed.end()
    if unit is None and not number.ordinal:
        after = _ORDINAL_AFTER.match(text, end)
        tail = _UNIT_RE.match(text, end)
        if after and (not tail or tail.group("unit") not in {"度", "次", "回", "期"} or ordinal):
            ordinal, end = True, after.end()
        elif tail:
            unit, end = _FORM_UNIT[_surface(tail)], tail.end()
            kind = _UNITS[unit].kind
            half = _HALF_AFTER.match(text, end)
            if half and kind == "duration":
                value, end = value + Decimal("0.5"), half.end()
            old = re.match(r"[\s-]?olds?\b|[\s-]of[\s-]age\b", text[end:])
            if unit == "year" and old:
                unit, kind, end = "age", "age", end + old.end()
            if unit == "JPY" and language == "zh" and tail.group("unit") == "¥":
                unit = "CNY"
    if unit == "year" and kind == "duration" and text[end - 1] in "年년" and 1000 <= value <= 2200:
        kind = "year"
    if ordinal:
        kind = "ordinal"
        start -= len(m.group()) if (m := _stands_before(_ORDINAL_BEFORE, text, start)) else 0
    hedged = bool(_stands_before(_ABOUT_BEFORE, text, start) or _ABOUT_AFTER.match(text, end))
    pointing = {"count", "plain"} if not number.ordinal else {"ordinal"}
    small = value <= 2 and kind in pointing and value == value.to_integral()
    # "a day", 一年: one of a length of time in words is hardly a measurement.
    small = small or (number.words and value == 1 and kind == "duration")
    return Quantity(start, end, original[start:end], value, unit, kind, hedged, small)


def _part(mixed: re.Match[str]) -> Decimal:
    """What a half, ½ or 3/8 after a whole number adds to it."""
    if mixed.group("one"):
        return Decimal(_VULGAR[mixed.group("one")])
    if mixed.group("num"):
        return Decimal(mixed.group("num")) / Decimal(mixed.group("den"))
    return Decimal("0.5")


def _surface(match: re.Match[str]) -> str:
    """The table's spelling of a matched unit (a hyphen may stand for a space)."""
    found = match.group("unit")
    if found in _FORM_UNIT:
        return found
    spaced = re.sub(r"[\s-]+", " ", found)
    return spaced if spaced in _FORM_UNIT else _glued()[re.sub(r"[\s-]", "", found)]


@lru_cache(maxsize=1)
def _glued() -> dict[str, str]:
    return {re.sub(r"[\s-]", "", form): form for form in _FORM_UNIT}


def _join_ranges(found: list[Quantity], text: str, original: str) -> list[Quantity]:
    """60〜75 and 60 to 75 become one quantity; the first end takes the second's unit and scale."""
    joined: list[Quantity] = []
    for quantity in found:
        last = joined[-1] if joined else None
        if last is None or isinstance(last.value, tuple) or isinstance(quantity.value, tuple):
            joined.append(quantity)
            continue
        gap = text[last.end : quantity.start]
        fits = _RANGE_JOIN.fullmatch(gap) and not unit_conflict(last, quantity)
        between = gap.strip() == "and" and not re.search(
            r"(between|from)\s$", text[max(0, last.start - _LOOKED_BACK) : last.start]
        )
        if not fits or between or "ordinal" in {last.kind, quantity.kind}:
            joined.append(quantity)
            continue
        low, high = last.value, quantity.value
        scale = _trailing_scale(quantity)
        if last.unit is None and low < high and low * scale < high:
            low *= scale
        unit = quantity.unit or last.unit
        kind = quantity.kind if quantity.unit else last.kind
        if low > high:
            joined.append(quantity)
            continue
        joined[-1] = Quantity(
            last.start, quantity.end, original[last.start : quantity.end], (low, high), unit, kind,
            last.approximate or quantity.approximate,
        )  # fmt: skip
    return joined


def _trailing_scale(quantity: Quantity) -> Decimal:
    folded = fold(quantity.text)
    for char in reversed(folded):
        if char in _BIG:
            return Decimal(_BIG[char])
    for word, scale in _EN_SCALE.items():
        if re.search(rf"(?:\d|[a-z])\s?\b{word}\b|\d{word}\b", folded):
            return Decimal(scale)
    return Decimal(1)


_COMPOUND = {
    ("year", "month"): Decimal(1) / 12,
    ("hour", "minute"): Decimal(1) / 60,
    ("minute", "second"): Decimal(1) / 60,
    ("week", "day"): Decimal(1) / 7,
    ("tenth", "minute"): Decimal("0.1"),  # 七割五分 is 75 %; 分 alone is a minute.
    ("foot", "inch"): Decimal(1) / 12,
}


def _join_durations(found: list[Quantity], text: str, original: str) -> list[Quantity]:
    """3年6カ月 and 2 hours 30 minutes are one duration, in the larger unit."""
    joined: list[Quantity] = []
    for quantity in found:
        last = joined[-1] if joined else None
        parts = (last.unit, quantity.unit) if last else None
        near = last is not None and re.fullmatch(
            r"(?:と|\s|\sand\s|,\s)?", text[last.end : quantity.start]
        )
        if (
            last is not None
            and near
            and parts in _COMPOUND
            and not isinstance(last.value, tuple)
            and not isinstance(quantity.value, tuple)
        ):
            ratio = _COMPOUND[parts]
            joined[-1] = replace(
                last,
                end=quantity.end,
                text=original[last.start : quantity.end],
                value=last.value + quantity.value * ratio,
            )
        else:
            joined.append(quantity)
    return joined


def _romans(original: str) -> Iterator[Quantity]:
    """World War II, Louis XIV: an ordinal that is never asked for, only found."""
    for match in re.finditer(
        r"(?<![A-Za-z])(?=[IVX]{2})X{0,3}(?:IX|IV|V?I{0,3})(?![A-Za-z])", original
    ):
        value = 0
        marks = [{"I": 1, "V": 5, "X": 10}[c] for c in match.group()]
        for here, following in zip(marks, [*marks[1:], 0], strict=True):
            value += -here if here < following else here
        yield Quantity(*match.span(), match.group(), Decimal(value), None, "ordinal", small=True)


def _halves(text: str, original: str) -> Iterator[Quantity]:
    for match in _HALF_WORD_RE.finditer(text):
        a, b = match.span()
        if match.group("halfyear"):
            yield Quantity(a, b, original[a:b], Decimal("0.5"), "year", "duration")
        else:
            yield Quantity(a, b, original[a:b], Decimal("0.5"), "share", "percent", small=True)


def quantities(text: str, language: str | None = None) -> list[Quantity]:
    """Every number of ``text`` with its unit, in text order.

    Days, months and times of day are left to ``konkyo.index.text.dates``; a year (2026年) is given with kind
    "year". ``language`` (ISO 639-1) decides what a comma means and which number words are read;
    without it the script decides, and Latin script is read as English.
    """
    # In Korean law 제2조 제4항 and 2조 4항 are articles, not trillions.
    folded = re.sub(
        r"(?<=\d)조(?=\s?(?:제\s?)?\d+항)|(?<=제)(\d+)조",
        lambda m: (m.group(1) or "") + "條",
        fold(text),
    )
    code = (language or guess_language(text) or "en")[:2]
    found: list[Quantity] = []
    for number in _numbers(folded, code):
        quantity = _finish(number, folded, text, code)
        # The 1 and the 2 of "9 1/2 years" are read already.
        if quantity is not None and not (found and quantity.start < found[-1].end):
            found.append(quantity)
    spans = [(q.start, q.end) for q in found]
    found += [
        h
        for h in (*_halves(folded, text), *_romans(text))
        if not any(a < h.end and h.start < b for a, b in spans)
    ]
    found.sort(key=lambda q: (q.start, q.end))
    return _join_durations(_join_ranges(found, folded, text), folded, text)


def unit_conflict(first: Quantity, second: Quantity) -> bool:
    """Whether two quantities measure different things for certain."""
    if first.unit is None or second.unit is None:
        # A bare number may be a count of anything, but "5" is not "5 %" nor "5 dollars".
        return False
    return _UNITS[first.unit].dimension != _UNITS[second.unit].dimension


def _scaled(value: Decimal, unit: str | None) -> Decimal:
    return value * _UNITS[unit].factor if unit else value


def _close(first: Decimal, second: Decimal, tolerance: Decimal) -> bool:
    return abs(first - second) <= tolerance * max(abs(first), abs(second))


def same_quantity(claim: Quantity, evidence: Quantity, *, convert: bool = True) -> bool:
    """Whether the evidence gives the claim's number, in compatible units.

    A range agrees when both of its ends are given; a single number also with one end of a range.
    A claim that says "about" may round an exact figure by 5 %; with ``convert``, other units of
    one dimension (miles and kilometres) may differ by 2 %.
    """
    if unit_conflict(claim, evidence):
        return False
    bare = claim.unit is None or evidence.unit is None or claim.unit == evidence.unit
    tolerance = Decimal("0.02") if convert and not bare and claim.kind == "measure" else Decimal(0)
    if claim.approximate and not evidence.approximate:
        tolerance = max(tolerance, Decimal("0.05"))
    if claim.kind == "ordinal" or evidence.kind == "ordinal":
        tolerance = Decimal(0)

    def agrees(a: Decimal, b: Decimal) -> bool:
        if bare and _close(a, b, tolerance):
            return True
        return _close(
            _scaled(a, claim.unit), _scaled(b, evidence.unit), max(tolerance, Decimal("1e-9"))
        )

    return all(any(agrees(a, b) for b in evidence.values) for a in claim.values)
