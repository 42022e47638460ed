"""Names in running text, and whether two spellings can be of the same one.

Japanese is read by SudachiPy, whose dictionary marks proper nouns; countries come from the CLDR
through Babel in every language it knows; Latin, Hangul and Chinese names are found by capitals,
titles, surnames and speech verbs. A small gazetteer names leaders, cities and organisations of the
news in four scripts. Across scripts a name is compared by its sound, and what cannot be told is
``None``, never a guess.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from konkyo.index.text.normalize import fold, guess_language

if TYPE_CHECKING:
    from sudachipy import Tokenizer

__all__ = [
    "Name",
    "NameKind",
    "entity",
    "find_name",
    "foreign_sounds",
    "is_person",
    "names",
    "same_name",
]

NameKind = Literal["person", "place", "other", "code"]


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a text: ``text[start:end]``; "code" is letters and figures, such as F-35 or G7.

    ``certain`` tells whether the reader is sure that it is a name; where it is not, only a swap
    with another name should count against a claim.
    """

    start: int
    end: int
    text: str
    kind: NameKind = "other"
    certain: bool = True


# key -> spellings in Japanese, Chinese, Korean and Latin script. Countries: see _territories().
_GAZETTEER: dict[str, str] = {
    "trump": "トランプ|特朗普|川普|트럼프|Trump",
    "biden": "バイデン|拜登|바이든|Biden",
    "harris": "ハリス|哈里斯|해리스|Harris",
    "obama": "オバマ|奥巴马|오바마|Obama",
    "rubio": "ルビオ|鲁比奥|루비오|Rubio",
    "vance": "バンス|万斯|밴스|Vance",
    "bessent": "ベッセント|贝森特|베선트|베센트|Bessent",
    "hegseth": "ヘグセス|赫格塞思|헤그세스|Hegseth",
    "lutnick": "ラトニック|卢特尼克|러트닉|Lutnick",
    "takaichi": "高市|高市早苗|다카이치|Takaichi",
    "ishiba": "石破|이시바|Ishiba",
    "kishida": "岸田|기시다|Kishida",
    "abe": "安倍|아베|Abe",
    "koizumi": "小泉|고이즈미|Koizumi",
    "xi jinping": "習近平|习近平|시진핑|Xi Jinping|Xi",
    "li qiang": "李強|李强|리창|Li Qiang",
    "wang yi": "王毅|왕이|Wang Yi",
    "putin": "プーチン|普京|푸틴|Putin",
    "zelensky": "ゼレンスキー|泽连斯基|젤렌스키|Zelensky|Zelenskyy",
    "netanyahu": "ネタニヤフ|内塔尼亚胡|네타냐후|Netanyahu",
    "kim jong un": "金正恩|김정은|Kim Jong Un|Kim Jong-un",
    "lee jae-myung": "李在明|이재명|Lee Jae-myung|Lee Jae Myung",
    "yoon suk yeol": "尹錫悦|尹锡悦|윤석열|Yoon Suk Yeol|Yoon Suk-yeol",
    "macron": "マクロン|马克龙|마크롱|Macron",
    "scholz": "ショルツ|朔尔茨|숄츠|Scholz",
    "merz": "メルツ|默茨|메르츠|Merz",
    "starmer": "スターマー|斯塔默|스타머|Starmer",
    "modi": "モディ|莫迪|모디|Modi",
    "maduro": "マドゥロ|マドゥーロ|马杜罗|마두로|Maduro",
    "machado": "マチャド|马查多|마차도|Machado",
    "erdogan": "エルドアン|埃尔多安|에르도안|Erdogan|Erdoğan",
    "guterres": "グテーレス|グテレス|古特雷斯|구테흐스|Guterres",
    "carney": "カーニー|卡尼|카니|Carney",
    "milei": "ミレイ|米莱|밀레이|Milei",
    "lula": "ルラ|卢拉|룰라|Lula",
    "tokyo": "東京|东京|도쿄|Tokyo",
    "beijing": "北京|베이징|Beijing|Peking",
    "washington": "ワシントン|华盛顿|워싱턴|Washington",
    "seoul": "ソウル|首尔|서울|Seoul",
    "pyongyang": "平壌|平壤|평양|Pyongyang",
    "taipei": "台北|타이베이|Taipei",
    "shanghai": "上海|상하이|Shanghai",
    "moscow": "モスクワ|莫斯科|모스크바|Moscow",
    "kyiv": "キーウ|キエフ|基辅|키이우|Kyiv|Kiev",
    "london": "ロンドン|伦敦|런던|London",
    "paris": "パリ|巴黎|파리|Paris",
    "berlin": "ベルリン|柏林|베를린|Berlin",
    "new york": "ニューヨーク|纽约|뉴욕|New York",
    "osaka": "大阪|오사카|Osaka",
    "yokosuka": "横須賀|横须贺|요코스카|Yokosuka",
    "okinawa": "沖縄|冲绳|오키나와|Okinawa",
    "caracas": "カラカス|加拉加斯|카라카스|Caracas",
    "gaza": "ガザ|加沙|가자|Gaza",
    "jerusalem": "エルサレム|耶路撒冷|예루살렘|Jerusalem",
    "geneva": "ジュネーブ|日内瓦|제네바|Geneva",
    "brussels": "ブリュッセル|布鲁塞尔|브뤼셀|Brussels",
    "busan": "釜山|부산|Busan",
    "gyeongju": "慶州|庆州|경주|Gyeongju",
    "europe": "ヨーロッパ|欧州|欧洲|유럽|Europe|European|Europeans|Europa|europa",
    "asia": "アジア|亚洲|亞洲|아시아|Asia|Asian",
    "africa": "アフリカ|非洲|아프리카|Africa|African|Africans",
    "white house": "ホワイトハウス|白宫|白宮|백악관|White Server",
    "pentagon": "国防総省|ペンタゴン|五角大楼|펜타곤|국방부|Pentagon",
    "united nations": "国連|国際連合|联合国|유엔|United Nations|UN|U.N.",
    "eu": "欧州連合|欧盟|유럽연합|European Union|EU",
    "nato": "北大西洋条約機構|北约|북대서양조약기구|나토|NATO",
    "imf": "国際通貨基金|国际货币基金组织|국제통화기금|IMF|International Monetary Fund",
    "wto": "世界貿易機関|世贸组织|世界贸易组织|세계무역기구|WTO|World Trade Organization",
    "who": "世界保健機関|世界卫生组织|世卫组织|세계보건기구|World Health Organization",
    "ldp": "自民党|自由民主党|自民黨|자민당|자유민주당|LDP|Liberal Democratic Party",
    "komeito": "公明党|公明黨|공명당|Komeito",
    "ishin": "日本維新の会|維新|日本维新会|일본유신회|유신회|Japan Innovation Party|Ishin",
    "cdp": "立憲民主党|立宪民主党|입헌민주당|Constitutional Democratic Party",
    "democrats": "民主党|민주당|Democratic Party|Democrats",
    "republicans": "共和党|공화당|Republican Party|Republicans",
    "apec": "アジア太平洋経済協力|亚太经合组织|아시아태평양경제협력체|APEC",
    "nobel": "ノーベル|诺贝尔|노벨|Nobel",
    "toyota": "トヨタ|丰田|도요타|Toyota",
    "nippon steel": "日本製鉄|日本制铁|일본제철|Nippon Steel",
    "us steel": "USスチール|美国钢铁|US스틸|U.S. Steel|US Steel",
    "softbank": "ソフトバンク|软银|소프트뱅크|SoftBank",
    "samsung": "サムスン|三星|삼성|Samsung",
}

# What the CLDR does not have: short forms, one-character forms, adjectives and peoples.
_COUNTRY_FORMS: dict[str, str] = {
    "US": "米国|米|アメリカ|合衆国|美国|美方|美|미국|미|美軍|U.S.|US|U.S|USA|America|American|Americans|United States|the States",
    "JP": "日本|日|日方|일본|일|Japan|Japanese",
    "CN": "中国|中|中方|中国大陸|중국|중|China|Chinese|中華人民共和国|中华人民共和国",
    "KR": "韓国|韓|韩国|韩|한국|한|대한민국|South Korea|South Korean|Korea|Korean|ROK",
    "KP": "北朝鮮|朝|朝鲜|北韓|북한|North Korea|North Korean|DPRK",
    "TW": "台湾|台|臺灣|대만|타이완|Taiwan|Taiwanese",
    "RU": "ロシア|露|俄罗斯|俄|러시아|Russia|Russian|Russians",
    "UA": "ウクライナ|乌克兰|乌|우크라이나|Ukraine|Ukrainian|Ukrainians",
    "GB": "英国|英|イギリス|イングランド|英格兰|잉글랜드|영국|Britain|British|UK|U.K.|United Kingdom|England|English",
    "FR": "フランス|仏|法国|法|프랑스|France|French",
    "DE": "ドイツ|独|德国|德|독일|Germany|German|Germans",
    "IT": "イタリア|伊|意大利|意|이탈리아|Italy|Italian|Italians",
    "ES": "スペイン|西班牙|스페인|Spain|Spanish",
    "IN": "インド|印度|印|인도|India|Indian|Indians",
    "AU": "オーストラリア|豪州|豪|澳大利亚|澳洲|澳|호주|Australia|Australian|Australians",
    "CA": "カナダ|加拿大|加|캐나다|Canada|Canadian|Canadians",
    "VE": "ベネズエラ|委内瑞拉|委|베네수엘라|Venezuela|Venezuelan|Venezuelans",
    "IL": "イスラエル|以色列|以|이스라엘|Israel|Israeli|Israelis",
    "IR": "イラン|伊朗|이란|Iran|Iranian|Iranians",
    "SA": "サウジアラビア|サウジ|沙特|사우디아라비아|사우디|Saudi Arabia|Saudi",
    "TR": "トルコ|土耳其|튀르키예|터키|Turkey|Turkish|Türkiye",
    "BR": "ブラジル|巴西|브라질|Brazil|Brazilian",
    "MX": "メキシコ|墨西哥|멕시코|Mexico|Mexican",
    "TH": "タイ|泰国|泰|태국|Thailand|Thai",
    "VN": "ベトナム|越南|越|베트남|Vietnam|Vietnamese",
    "PH": "フィリピン|菲律宾|菲|필리핀|Philippines|Philippine|Filipino",
    "ID": "インドネシア|印尼|印度尼西亚|인도네시아|Indonesia|Indonesian",
    "KH": "カンボジア|柬埔寨|캄보디아|Cambodia|Cambodian",
    "MY": "マレーシア|马来西亚|말레이시아|Malaysia|Malaysian",
    "SG": "シンガポール|新加坡|싱가포르|Singapore",
    "NL": "オランダ|荷兰|네덜란드|Netherlands|Dutch|Holland",
    "PL": "ポーランド|波兰|폴란드|Poland|Polish",
    "SE": "スウェーデン|瑞典|스웨덴|Sweden|Swedish",
    "CH": "スイス|瑞士|스위스|Switzerland|Swiss",
    "GR": "ギリシャ|ギリシア|希腊|그리스|Greece|Greek|Greeks",
    "EG": "エジプト|埃及|이집트|Egypt|Egyptian",
    "ZA": "南アフリカ|南非|남아프리카공화국|남아공|South Africa|South African",
    "AT": "オーストリア|奥地利|오스트리아|Austria|Austrian",
    "CU": "キューバ|古巴|쿠바|Cuba|Cuban",
    "CO": "コロンビア|哥伦比亚|콜롬비아|Colombia|Colombian",
    "HK": "香港|홍콩|Hong Kong",
}

_JA_TITLE = r"首相|総理|大統領|氏|長官|大臣|外相|財務相|防衛相|知事|市長|議員|社長|会長|選手|監督|教授|博士|さん|容疑者|被告|国王|女王|皇帝|天皇|将軍|主席|国家主席|総書記|議長|報道官|大使|代表|幹事長|官房長官|教皇|法王|司令官|提督"
_ZH_TITLE = r"总统|总理|首相|国家主席|主席|部长|外长|大使|市长|省长|教授|博士|院长|董事长|总裁|总经理|书记|局长|将军|先生|女士|同志|秘书长|议员|州长|教练|校长|国王|女王|皇帝|医生|老师|会长|委员长"
_ZH_SPEECH = r"表示|说|指出|强调|介绍|认为|称|告诉|透露|坦言|提到|写道|回忆|宣布|解释|直言|补充"
_KO_TITLE = r"총리|대통령|장관|의원|대표|위원장|시장|지사|회장|사장|교수|박사|감독|선수|대변인|국가주석|주석|총서기|의장|대사|씨|국왕|여왕|황제|판사|검사|작가|연구원|기자|실장|차관|본부장|총장|전 총리|전 대통령|사나에 총리"
_ZH_SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文习庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原官衣楚佟栗匡宗应台巫鞠僧桑荆谌银扬明沙薄伏岑习胥保和蔺"
)
_ZH_NO_NAMES = frozenset(
    [
        "文章",
        "报告",
        "公告",
        "通知",
        "消息",
        "方面",
        "公司",
        "常委",
        "方案",
        "应该",
        "任何",
        "单位",
        "何时",
        "何人",
        "白皮书",
        "路透社",
        "石油",
        "金融",
        "江苏",
        "安徽",
        "时任",
        "史料",
        "白宫",
        "方才",
        "和平",
        "高层",
        "马上",
        "万一",
        "全国",
        "解放军",
        "常务",
        "相关",
        "段落",
        "计划",
        "成员",
        "关于",
        "符合",
        "满意",
        "于是",
        "由于",
    ]
)
_EN_TITLES = frozenset(
    [
        "president",
        "prime",
        "minister",
        "secretary",
        "mr",
        "mrs",
        "ms",
        "dr",
        "sir",
        "lord",
        "lady",
        "king",
        "queen",
        "prince",
        "princess",
        "professor",
        "senator",
        "governor",
        "general",
        "captain",
        "pope",
        "saint",
        "st",
        "chancellor",
        "ambassador",
        "former",
        "then-president",
        "leader",
        "chairman",
        "treasury",
        "foreign",
        "defense",
        "defence",
        "state",
        "the",
        "of",
        "and",
        "in",
        "de",
        "la",
        "von",
        "van",
        "del",
        "vice",
        "u.s",
        "us",
    ]
)
_EN_COMMON = frozenset(
    [
        "the",
        "a",
        "an",
        "in",
        "on",
        "at",
        "by",
        "of",
        "to",
        "for",
        "from",
        "with",
        "as",
        "it",
        "its",
        "he",
        "she",
        "they",
        "we",
        "you",
        "i",
        "his",
        "her",
        "their",
        "our",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "when",
        "where",
        "while",
        "after",
        "before",
        "during",
        "since",
        "until",
        "although",
        "though",
        "however",
        "because",
        "if",
        "but",
        "and",
        "or",
        "nor",
        "so",
        "yet",
        "both",
        "each",
        "every",
        "all",
        "some",
        "many",
        "most",
        "several",
        "few",
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
        "another",
        "other",
        "such",
        "no",
        "not",
        "only",
        "also",
        "even",
        "then",
        "thus",
        "hence",
        "therefore",
        "moreover",
        "furthermore",
        "despite",
        "according",
        "under",
        "over",
        "between",
        "among",
        "within",
        "without",
        "about",
        "against",
        "into",
        "through",
        "per",
        "like",
        "unlike",
        "instead",
        "both",
        "either",
        "neither",
        "what",
        "who",
        "which",
        "how",
        "why",
        "whose",
        "as",
        "now",
        "today",
        "yesterday",
        "tomorrow",
        "later",
        "earlier",
        "recently",
        "currently",
        "once",
        "first",
        "second",
        "third",
        "finally",
        "next",
        "last",
        "new",
        "old",
        "more",
        "less",
        "much",
        "according",
        "because",
        "still",
        "often",
        "sometimes",
        "usually",
        "generally",
        "additionally",
        "specifically",
        "particularly",
        "similarly",
        "other",
        "others",
        "people",
        "officials",
        "is",
        "are",
        "was",
        "were",
        "has",
        "have",
        "had",
        "do",
        "does",
        "did",
        "can",
        "could",
        "will",
        "would",
        "may",
        "might",
        "must",
        "should",
        "be",
        "been",
        "being",
        "let",
        "just",
        "upon",
        "along",
        "across",
        "behind",
        "toward",
        "towards",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "government",
        "police",
        "president",
        "minister",
        "prime",
        "treasury",
        "secretary",
        "north",
        "south",
        "east",
        "west",
        "northern",
        "southern",
        "eastern",
        "western",
    ]
)
_CODE = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{1,6}-?\d+[A-Za-z]*|(?<![$€£¥₩.,\d])\d+[DGWX](?![A-Za-z]))(?![A-Za-z0-9])"
)
_UP, _LOW = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞİĶŁŃŇŌŐŘŚŞŠŤŪŮŰŹŻŽ", "A-Za-zÀ-ɏ0-9"
# A point belongs to a word only in initials and short titles: not in "Super Bowls. He".
_WORD = rf"(?:(?:[{_UP}]\.)+[{_UP}]?|(?:St|Mr|Ms|Mrs|Dr|Jr|Sr|Gen|Gov|Sen)\.|[{_UP}][{_LOW}]*(?:['’&-][{_LOW}]+)*)(?![{_LOW}])"
_LATIN = re.compile(
    rf"(?<![{_LOW}]){_WORD}(?:(?:\s(?:of|the|de|la|le|von|van|der|del|da|di|and|al-)){{0,2}}\s{_WORD})*"
)
_KATAKANA = re.compile(r"[ァ-ヴー]{2,}(?:[・＝=･·][ァ-ヴー]+)*")


_JA_NO_NAMES = frozenset({"何", "太平", "平成", "昭和", "令和", "大正", "明治"})

# -- finding names -------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _sudachi() -> Tokenizer:
    from sudachipy import Dictionary

    return Dictionary(dict="small").tokenizer()


def _japanese(text: str) -> Iterator[Name]:
    """Runs of proper nouns, and katakana that a title, a middle dot or the dictionary's silence marks."""
    run: list[tuple[int, int, str]] = []

    def flush() -> Iterator[Name]:
        if run:
            start, end = run[0][0], run[-1][1]
            kinds = {part[2] for part in run}
            kind: NameKind = (
                "person" if "人名" in kinds else "place" if "地名" in kinds else "other"
            )
            titled = re.match(rf"(?:元|前)?(?:{_JA_TITLE})", text[end:])
            if end - start >= 2 or titled:
                known = bool(kinds - {""}) or bool(re.search(r"[・＝]", text[start:end]))
                yield Name(start, end, text[start:end], kind, certain=known)
            run.clear()

    for piece in _sudachi().tokenize(text):
        start, end = piece.begin(), piece.end()
        pos = piece.part_of_speech()
        surface = text[start:end]
        proper: bool = (
            pos[1] == "固有名詞"
            and not surface.isascii()
            and surface not in _JA_NO_NAMES
            and not re.fullmatch(r"[ぁ-ん]{1,3}", surface)
        )
        joiner: bool = surface in {"・", "＝", "=", "･"} and bool(run)
        if proper:
            run.append((start, end, pos[2]))
        elif (joiner and re.match(r"[ァ-ヴ]", text[end : end + 1])) or (
            run and text[start - 1 : start] in {"・", "＝", "･"} and _KATAKANA.fullmatch(surface)
        ):
            run.append((start, end, ""))
        else:
            yield from flush()
            katakana = bool(re.fullmatch(r"[ァ-ヴー]{2,}", surface))
            titled = re.match(
                rf"(?:米|元|前|英|仏|独|中国|韓国)?(?:{_JA_TITLE}|[一-鿿]{{0,4}}(?:大統領|首相|長官|氏))",
                text[end:],
            )
            dotted = text[end : end + 1] in {"・", "＝"} and re.match(
                r"[ァ-ヴ]", text[end + 1 : end + 2]
            )
            if katakana and (titled or dotted):
                run.append((start, end, "人名"))
            elif katakana and len(surface) >= 3 and piece.is_oov():
                run.append((start, end, ""))
    yield from flush()


_ZH_SOUNDS = frozenset(
    "阿艾安奥巴拜邦鲍贝本比彼宾波伯博布查茨达戴丹道德登迪狄蒂丁顿多厄恩尔法菲费芬佛弗福盖冈戈格哥葛古哈海汉赫亨胡华霍基吉加佳贾杰金卡凯坎康科克肯库夸拉莱兰朗劳勒雷蕾利莉里丽"
    "莲列林琳卢鲁伦罗洛马玛迈曼梅门蒙米密缅明莫默姆穆纳娜奈尼妮涅纽诺欧帕潘庞佩彭皮珀普齐奇恰乔切琴琼丘热日瑞萨塞赛桑瑟沙莎圣施史士舒斯丝松苏索塔泰坦汤特滕提廷图托瓦万旺威韦维魏温文翁沃乌武西希锡夏肖谢辛休许雪逊雅亚扬耶叶伊因英尤约泽扎詹珍芝朱兹祖佐柱第匈撒芭蒙麦莎毕凡达爱"
)


_ZH_MORE_SOUNDS = _ZH_SOUNDS | frozenset(
    "易卜埃昂敖柏班包贝蔡柴岑道凡范芬丰富根贡瓜罕豪黑洪季坚江捷津久考柯孔昆腊赖黎理立连良龙隆吕麻毛美孟敏缪摩木那南瑙内嫩宁牛农努女泼蒲朴钱切钦曲让仁荣茹儒若撒森山绍舍申胜什顺司孙台唐陶藤天田铁通汪伟显欣兴徐延彦尧衣永宇云张章哲治忠准宗扬"
)


def _sound_run(text: str) -> str:
    """The leading characters that Chinese writes foreign sounds with."""
    size = next((i for i, c in enumerate(text) if c not in _ZH_MORE_SOUNDS), len(text))
    return text[:size]


def foreign_sounds(text: str) -> bool:
    """Whether Chinese could have written a foreign name so: two or more sound characters."""
    return len(text) >= 2 and all(c in _ZH_SOUNDS for c in text)


def _han_sounds(text: str) -> Iterator[Name]:
    """Runs of the characters that Chinese writes foreign sounds with; never certain."""
    for found in re.finditer(r"[一-鿿]{3,12}", text):
        run = ""
        for at, char in enumerate([*found.group(), " "], found.start()):
            if char in _ZH_SOUNDS:
                run += char
                continue
            if len(run) >= 3:
                yield Name(at - len(run), at, run, certain=False)
            run = ""


def _han_titled(text: str) -> Iterator[Name]:
    """Chinese names before titles and speech verbs, and transliterations with a middle dot."""
    for found in re.finditer(rf"(?P<n>[一-鿿]{{2,3}})(?={_ZH_SPEECH})", text):
        name = found.group("n")
        for size in (3, 2):
            part = name[-size:]
            at = found.end("n") - len(part)
            clear = (
                at == 0
                or not "一" <= text[at - 1] <= "鿿"
                or bool(
                    re.search(rf"(?:{_ZH_TITLE}|记者|人|员|长|家|授)$", text[max(0, at - 16) : at])
                )
            )
            if part in _ZH_NO_NAMES:
                break
            if len(part) == size and part[0] in _ZH_SURNAMES and clear:
                yield Name(at, found.end("n"), part, "person")
                break
    for found in re.finditer(rf"(?P<n>[一-鿿]{{2,4}}?)(?={_ZH_TITLE})", text):
        at = found.start("n")
        clear = at == 0 or not "一" <= text[at - 1] <= "鿿"
        if clear and found.group("n")[0] in _ZH_SURNAMES and len(found.group("n")) <= 3:
            yield Name(at, found.end("n"), found.group("n"), "person", certain=False)
    for found in re.finditer(r"[一-鿿]{1,6}(?:[·•・][一-鿿]{1,6})+", text):
        start, end = found.span()
        first, last = re.split(r"[·•・]", found.group())[0], re.split(r"[·•・]", found.group())[-1]
        # What stands before and after, without a space, is not part of the name.
        lead = len(first) - len(_sound_run(first[::-1]))
        tail = len(last) - len(_sound_run(last))
        start, end = (
            start + (lead if lead < len(first) else 0),
            end - (tail if tail < len(last) else 0),
        )
        yield Name(start, end, text[start:end], "person")
    for found in re.finditer(r"(?<=记者)\s?[一-鿿]{2,3}(?=[）)\s])", text):
        yield Name(found.start(), found.end(), found.group(), "person")


def _hangul_titled(text: str) -> Iterator[Name]:
    for found in re.finditer(
        rf"(?<![가-힣])(?P<n>[가-힣]{{2,5}}(?:\s[가-힣]{{2,4}})?)\s(?=(?:전|현|부|미국|일본|중국)?\s?(?:{_KO_TITLE})(?![가-힣]{{3}}))",
        text,
    ):
        part = found.group("n").split()[-1]
        at = found.end("n") - len(part)
        if part not in {
            "전",
            "현",
            "신임",
            "미국",
            "일본",
            "중국",
            "한국",
            "러시아",
        } and not re.search(r"(?:은|는|을|를|에서|의|와|과|한|된|인|로)$", part):
            yield Name(at, found.end("n"), part, "person")


# Letters before a word that are looked at for the end of another sentence.
_LOOKED_BACK = 200


def _heads_sentence(text: str, start: int) -> bool:
    """Whether a sentence may begin here: after a mark that ends one, a line break or nothing."""
    before = text[max(0, start - _LOOKED_BACK) : start]
    opened = before.rstrip("\"“'(¿¡«")
    if start <= _LOOKED_BACK and not before.strip("\"“'([¿¡«"):
        return True
    if before[-1:] in {"¿", "¡"} or '"' in before[len(opened) :]:
        return True
    spaces = before[len(before.rstrip()) :]
    return "\n" in spaces or opened.rstrip()[-1:] in set('.!?:。！？」”"')


def _latin(text: str, language: str) -> Iterator[Name]:
    """Capitalised words; a lone one at the head of a sentence only if it is no common word."""
    for found in _LATIN.finditer(text):
        start, end = found.span()
        value = found.group().rstrip(".'’&-")
        value = re.sub(r"['’]s$", "", value)
        end = start + len(value)
        head = _heads_sentence(text, start)
        words = value.split()
        if head and words[0].lower() in _EN_COMMON:
            rest = words[1:]
            while rest and not rest[0][:1].isupper():
                rest = rest[1:]
            if not rest:
                continue
            value = value[value.index(rest[0], len(words[0])) :]
            start = end - len(value)
            words = value.split()
            head = False
        if not any(c.isalpha() for c in value) or (len(value) < 2):
            continue
        if all(w.lower().strip(".") in _EN_COMMON for w in words):
            continue
        # German writes every noun with a capital; elsewhere the first word of a sentence has one.
        sure = language != "de" and (not head or (len(words) > 1 and language == "en"))
        yield Name(start, end, value, certain=sure)


@lru_cache(maxsize=512)
def names(text: str, language: str | None = None) -> tuple[Name, ...]:
    """Names of a text in text order. Recall is honest, not complete: see the module's docstring."""
    code = (language or guess_language(text) or "en")[:2]
    found: list[Name] = [
        Name(m.start(), m.end(), m.group(), "code") for m in _CODE.finditer(_width(text))
    ]
    if code == "ja":
        found += _japanese(text)
    elif code == "zh":
        found += (*_han_titled(text), *_han_sounds(text))
    elif code == "ko":
        found += _hangul_titled(text)
    if code in {"ja", "zh", "ko"}:
        found += (n for n in _latin(text, code) if len(n.text) > 2 and not n.text.isupper())
    elif code not in {"th", "ar"}:
        found += _latin(text, code)
    found += _gazetteer_names(text, code)
    kept: list[Name] = []
    for name in sorted(found, key=lambda n: (n.start - n.end, n.start)):
        if not any(name.start < k.end and k.start < name.end for k in kept):
            kept.append(name)
    return tuple(sorted(kept, key=lambda n: n.start))


def _width(text: str) -> str:
    """Half-width letters and figures, case kept, same length."""
    return "".join(chr(ord(c) - 0xFEE0) if 0xFF01 <= ord(c) <= 0xFF5E else c for c in text)


# -- knowing names ---------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _territories(language: str) -> dict[str, str]:
    """Country names of one language (CLDR), folded, to their codes."""
    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return {}
    return {
        fold(name): code
        for code, name in locale.territories.items()
        if len(code) == 2 and code.isalpha() and len(name) > 1 and code not in {"EU", "UN", "EZ"}
    }


@lru_cache(maxsize=1)
def _forms() -> dict[str, str]:
    table: dict[str, str] = {}
    for source in (_GAZETTEER, _COUNTRY_FORMS):
        for key, forms in source.items():
            for form in forms.split("|"):
                table.setdefault(fold(form), key)
    return table


_KNOWN_LANGUAGES = ("en", "ja", "zh", "ko", "de", "es", "fr", "it", "pt", "ru", "tr", "th", "ar")


@lru_cache(maxsize=4096)
def entity(name: str, language: str | None = None) -> str | None:
    """The key of a name that the gazetteer or the CLDR knows, else ``None``."""
    folded = fold(name).strip()
    known = _forms().get(folded)
    if known is not None:
        return known
    for code in dict.fromkeys((language or "en", *_KNOWN_LANGUAGES)):
        if folded in _territories(code[:2]):
            return _territories(code[:2])[folded]
    return None


@lru_cache(maxsize=1)
def _people() -> frozenset[str]:
    keys = list(_GAZETTEER)
    return frozenset(keys[: keys.index("tokyo")])


def is_person(key: str) -> bool:
    """Whether a key given by ``entity`` is a person."""
    return key in _people()


@lru_cache(maxsize=256)
def _spellings(key: str) -> tuple[str, ...]:
    forms = [f for f, k in _forms().items() if k == key]
    if len(key) == 2 and key.isupper():
        forms += [
            f
            for code in ("en", "ja", "zh", "ko")
            for f, k in _territories(code).items()
            if k == key
        ]
    return tuple(dict.fromkeys(forms))


@lru_cache(maxsize=16)
def _gazetteer_pattern(language: str) -> re.Pattern[str]:
    forms = set(_forms())
    if language not in {"en"}:
        forms |= set(_territories(language))
    forms |= set(_territories("en"))
    wide = [f for f in forms if not f[0].isascii() and len(f) >= 2]
    return re.compile("|".join(map(re.escape, sorted(wide, key=len, reverse=True))))


def _gazetteer_names(text: str, language: str) -> Iterator[Name]:
    """Known names in scripts where nothing else marks them."""
    if language not in {"ja", "zh", "ko"}:
        return
    for found in _gazetteer_pattern(language).finditer(fold(text)):
        a, b = found.span()
        if language == "ko" and a and "가" <= text[a - 1] <= "힣":
            continue
        if (
            language == "ja"
            and re.match(r"[ァ-ヴー]", text[b : b + 1])
            and re.match(r"[ァ-ヴ]", text[a])
        ):
            continue
        if (
            language == "ja"
            and a
            and re.match(r"[ァ-ヴー]", text[a - 1])
            and re.match(r"[ァ-ヴ]", text[a])
        ):
            continue
        yield Name(a, b, text[a:b])


def find_name(name: str, text: str, language: str | None = None) -> tuple[int, int] | None:
    """Where a text has a name in any spelling that can be told; ``None`` when it is not found."""
    folded = _loose(text)
    wanted = _loose(name)[0]
    at = folded[0].find(wanted)
    if at >= 0 and wanted:
        return folded[1][at], folded[1][at + len(wanted) - 1] + 1
    key = entity(name, language)
    if key is not None:
        for form in _spellings(key):
            found = _find_form(form, text)
            if found:
                return found
    return None


def _find_form(form: str, text: str) -> tuple[int, int] | None:
    folded = fold(text)
    if form.isascii():
        if form == "us":
            hit = re.search(r"(?<![A-Za-z])US(?![A-Za-z])", text)
        else:
            hit = re.search(rf"(?<![^\W_]){re.escape(form)}(?![^\W_])", folded)
    else:
        hit = re.search(re.escape(form), folded)
    return hit.span() if hit else None


@lru_cache(maxsize=1024)
def _loose(text: str) -> tuple[str, tuple[int, ...]]:
    """Folded, without spaces, dots and marks between name parts; and each character's offset."""
    kept = [
        (c, i)
        for i, c in enumerate(fold(text))
        if not (c.isspace() or c in "・·•＝=･.,'’\"-「」『』“”")
    ]
    return "".join(c for c, _ in kept), tuple(i for _, i in kept)


# -- comparing by sound ----------------------------------------------------------------------------

_ROWS = {
    "": "アイウエオ", "k": "カキクケコ", "g": "ガギグゲゴ", "s": "サシスセソ", "z": "ザジズゼゾ", "t": "タチツテト", "d": "ダヂヅデド",
    "n": "ナニヌネノ", "h": "ハヒフヘホ", "b": "バビブベボ", "p": "パピプペポ", "m": "マミムメモ", "r": "ラリルレロ",
}  # fmt: skip
_KANA = {c: row + v for row, chars in _ROWS.items() for c, v in zip(chars, "aiueo", strict=True)} | {
    "シ": "shi", "チ": "chi", "ツ": "tsu", "フ": "fu", "ジ": "ji", "ヂ": "ji", "ヤ": "ya", "ユ": "yu", "ヨ": "yo", "ワ": "wa", "ヲ": "o",
    "ン": "n", "ヴ": "vu", "ー": "", "ッ": "", "ヰ": "i", "ヱ": "e",
}  # fmt: skip
_SMALL_KANA = {
    "ァ": "a",
    "ィ": "i",
    "ゥ": "u",
    "ェ": "e",
    "ォ": "o",
    "ャ": "ya",
    "ュ": "yu",
    "ョ": "yo",
    "ヮ": "wa",
}
_LEADS = [
    "g",
    "kk",
    "n",
    "d",
    "tt",
    "r",
    "m",
    "b",
    "pp",
    "s",
    "ss",
    "",
    "j",
    "jj",
    "ch",
    "k",
    "t",
    "p",
    "h",
]
_VOWELS = [
    "a",
    "ae",
    "ya",
    "yae",
    "eo",
    "e",
    "yeo",
    "ye",
    "o",
    "wa",
    "wae",
    "oe",
    "yo",
    "u",
    "wo",
    "we",
    "wi",
    "yu",
    "eu",
    "ui",
    "i",
]
_TAILS = [
    "",
    "k",
    "k",
    "k",
    "n",
    "n",
    "n",
    "t",
    "l",
    "k",
    "m",
    "l",
    "l",
    "l",
    "p",
    "l",
    "m",
    "p",
    "p",
    "t",
    "t",
    "ng",
    "t",
    "t",
    "k",
    "t",
    "p",
    "t",
]


def _kana_sound(text: str) -> str:
    out = ""
    for char in text:
        if char in _SMALL_KANA and out and out[-1] in "aiueo":
            out = out[:-1] + _SMALL_KANA[char]
        else:
            out += _KANA.get(char, _SMALL_KANA.get(char, ""))
    return out


def _hangul_sound(text: str) -> str:
    out = ""
    for char in text:
        index = ord(char) - 0xAC00
        if 0 <= index < 11172:
            lead, rest = divmod(index, 588)
            vowel, tail = divmod(rest, 28)
            out += _LEADS[lead] + _VOWELS[vowel] + _TAILS[tail]
    return out


@lru_cache(maxsize=4096)
def _sound(name: str) -> str | None:
    """A name in plain Latin letters as it sounds, or ``None`` for Han characters outside Japanese."""
    hira = "".join(chr(ord(c) + 0x60) if 0x3041 <= ord(c) <= 0x3096 else c for c in name)
    wide = unicodedata.normalize("NFKC", hira)
    if re.fullmatch(r"[ァ-ヴー・＝=\s]+", wide):
        return _kana_sound(wide)
    if re.fullmatch(r"[가-힣\s·]+", wide):
        return _hangul_sound(wide)
    if re.search(r"[一-鿿]", wide):
        readings = [m.reading_form() for m in _sudachi().tokenize(wide)]
        kana = "".join(readings)
        return _kana_sound(kana) if re.fullmatch(r"[ァ-ヴー]+", kana) else None
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", wide.lower()) if not unicodedata.combining(c)
    )
    return re.sub(r"[^a-z\s]", "", plain)


_SAME_SOUND = [
    ("ph", "f"), ("sch", "sh"), ("tsch", "ch"), ("th", "s"), ("ck", "k"), ("qu", "k"), ("x", "ks"), ("tsu", "t"), ("ts", "t"), ("shi", "s"),
    ("sh", "s"), ("chi", "c"), ("ch", "c"), ("ji", "c"), ("j", "c"), ("ti", "ci"), ("ng", "n"), ("v", "b"), ("f", "h"), ("l", "r"), ("m", "n"), ("d", "t"), ("g", "k"), ("b", "p"), ("z", "s"),
    ("q", "k"),
]  # fmt: skip


def _skeleton(sound: str) -> str:
    """The consonants that survive a change of script: trump, toranpu and teureompeu are all trnp."""
    text = sound.replace(" ", "")
    for old, new in _SAME_SOUND:
        text = text.replace(old, new)
    text = re.sub(r"c(?=[aouktrn]|$)", "k", text)
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiouyhw]", "", text))


def _sounds_alike(first: str, second: str) -> bool:
    a, b = _sound(first), _sound(second)
    if not a or not b:
        return False
    bones, others = _skeleton(a), _skeleton(b)
    if bones == others and len(bones) >= 3:
        return True
    if min(len(bones), len(others)) >= 4 and SequenceMatcher(None, bones, others).ratio() >= 0.85:
        return True
    return (
        bones == others
        and SequenceMatcher(None, a.replace(" ", ""), b.replace(" ", "")).ratio() >= 0.6
    )


def _script(name: str) -> str:
    if re.search(r"[一-鿿]", name):
        return "han"
    if re.search(r"[ァ-ヴぁ-ん]", name):
        return "kana"
    if re.search(r"[가-힣]", name):
        return "hangul"
    return "latin"


def same_name(first: str, second: str) -> bool | None:
    """Whether two spellings are of one name; ``None`` when that cannot be told.

    Case, width, spaces and dots do not matter; a surname is the same name as the full name that
    has it (高市, 高市早苗; Trump, Donald Trump). Known names decide across scripts, else the sound
    can say yes, but never no.
    """
    a, b = _loose(first)[0], _loose(second)[0]
    if not a or not b:
        return None
    if a == b:
        return True
    known, other = entity(first), entity(second)
    if known is not None and other is not None:
        return known == other
    if _script(first) != _script(second):
        return True if _any_part_alike(first, second) else None
    if _script(first) == "latin":
        return _latin_same(first, second)
    short, long = sorted((a, b), key=len)
    return bool(len(short) >= 2 and (long.startswith(short) or long.endswith(short)))


def _any_part_alike(first: str, second: str) -> bool:
    parts = [p for p in re.split(r"[\s・＝=·]+", first) if len(p) > 1] or [first]
    others = [p for p in re.split(r"[\s・＝=·]+", second) if len(p) > 1] or [second]
    pairs = [(p, q) for p in [first, *parts] for q in [second, *others]]
    reversed_latin = [" ".join(reversed(x.split())) for x in (first, second)]
    return any(_sounds_alike(p, q) for p, q in [*pairs, (reversed_latin[0], reversed_latin[1])])


def _latin_same(first: str, second: str) -> bool:
    mine = [w for w in re.findall(r"[^\W\d_]+", fold(first)) if w not in _EN_TITLES]
    theirs = [w for w in re.findall(r"[^\W\d_]+", fold(second)) if w not in _EN_TITLES]
    if not mine or not theirs:
        return fold(first) == fold(second)
    if set(mine) <= set(theirs) or set(theirs) <= set(mine):
        return True
    return len(mine[-1]) >= 6 and SequenceMatcher(None, mine[-1], theirs[-1]).ratio() >= 0.87
