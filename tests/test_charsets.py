"""Text in the charsets of many languages is decoded right without and with a declaration."""

from __future__ import annotations

import re

import pytest

from konkyo.index.ingest.charset_guess import LetterTables
from konkyo.index.ingest.encodings import decode
from konkyo.index.text.word_data import WordDataError, parse_words

RUSSIAN = "Мэр города открыл новый мост через реку. Стоимость работ составила 4,5 млн рублей."
UKRAINIAN = "Міський голова відкрив новий міст. Його будували чотири роки, і він коштував дорожче."
GREEK = "Ο δήμαρχος εγκαινίασε χθες τη νέα γέφυρα. Το έργο κόστισε τέσσερα εκατομμύρια ευρώ."
TURKISH = (
    "Belediye başkanı yeni köprünün açılışını yaptı. İnşaat dört yıl sürdü, çoğu gece çalışıldı."
)
THAI = "นายกเทศมนตรีเปิดสะพานใหม่ข้ามแม่น้ำเมื่อวันที่ 3 พฤษภาคม การก่อสร้างใช้เวลาสี่ปี"
ARABIC = "افتتح رئيس البلدية أمس الجسر الجديد فوق النهر، وبلغت كلفته أربعة ملايين جنيه."
ICELANDIC = "Borgarstjórinn opnaði nýja brú yfir ána í gær. Það tók fjögur ár að byggja hana."
GERMAN = (
    "Der Bürgermeister eröffnete die Brücke über den Fluß; die Kosten übertrafen alle Schätzungen."
)
JAPANESE = "市長は三日、川に架かる新しい橋の開通式に出席した。工事には四年かかった。"
SIMPLIFIED = "市长三日出席了新桥的通车仪式，这座桥的建设用了四年时间，造价超过预算。"
TRADITIONAL = "市長三日出席了新橋的通車儀式，這座橋的建設用了四年時間，造價超過預算。"
KOREAN = "시장은 3일 새 다리의 개통식에 참석했다. 공사에는 4년이 걸렸고 비용은 예산을 넘었다."


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        (RUSSIAN, "koi8_r"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "iso8859_5"),
        (UKRAINIAN, "cp1251"),
        (GREEK, "cp1253"),
        (GREEK, "iso8859_7"),
        (TURKISH, "cp1254"),
        (THAI, "cp874"),
        (ARABIC, "cp1256"),
        (ICELANDIC, "cp1252"),
        (GERMAN, "cp1252"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (SIMPLIFIED, "gb18030"),
        (TRADITIONAL, "big5"),
        (KOREAN, "cp949"),
    ],
)
def test_decodes_text_without_a_declared_charset(text: str, charset: str) -> None:
    assert decode(text.encode(charset), "a.txt") == text
    # A page may begin with thousands of letters of mark-up.
    page = f"<script>{'var a = 1; ' * 500}</script><p>{text}</p>"
    assert decode(page.encode(charset), "a.html") == page


@pytest.mark.parametrize(
    ("text", "declared", "charset"),
    [
        ("渋谷区", "Shift_JIS", "cp932"),
        ("渋谷区", "EUC-JP", "euc_jp"),
        ("襄阳市", "GB2312", "gb18030"),
        ("臺北縣", "Big5", "big5"),
        ("Ωρα", "iso-8859-7", "iso8859_7"),
        ("Ёж", "koi8-r", "koi8_r"),
        ("Ağrı", "iso-8859-9", "cp1254"),
        ("ฯลฯ", "tis-620", "cp874"),
    ],
)
def test_decodes_a_few_letters_by_a_late_declaration(
    text: str, declared: str, charset: str
) -> None:
    head = f"<style>{'p { margin: 0 } ' * 400}</style><meta charset={declared}>"
    page = f"<html><head>{head}</head><body><p>{text}</p></body></html>"
    assert decode(page.encode(charset), "a.html") == page


def test_valid_utf8_is_believed_before_a_late_declaration() -> None:
    page = f"<p>{JAPANESE}</p>{'<br>' * 2000}<pre><meta charset=big5></pre>"
    assert decode(page.encode(), "a.html") == page


@pytest.mark.parametrize("text", [JAPANESE, SIMPLIFIED, KOREAN, RUSSIAN, THAI, ARABIC])
def test_utf8_with_one_broken_byte_is_utf8(text: str) -> None:
    broken = text.encode() + b"\xe3" + text.encode()
    assert decode(broken, "a.txt") == f"{text}\ufffd{text}"
    page = f"<p>{text}</p>{'<br>' * 2000}<pre><meta charset=windows-1251></pre>"
    assert decode(page.encode() + b"\xe3", "a.html") == page + "\ufffd"


def test_a_few_letters_of_another_charset_are_no_broken_utf8() -> None:
    text = GERMAN + " Die Arbeiten begannen im Mai." * 400
    assert decode(text.encode("cp1252"), "a.txt") == text


@pytest.mark.parametrize("charset", ["utf-16", "UTF-16LE", "ucs-2"])
@pytest.mark.parametrize("before", ["", "<br>" * 2000])
def test_a_page_of_bytes_cannot_say_that_it_is_utf16(charset: str, before: str) -> None:
    for page in (
        f"{before}<meta charset={charset}><p>{JAPANESE}</p>",
        f"{before}<meta charset={charset}><p>{JAPANESE}</p> ",
    ):
        assert decode(page.encode(), "a.html") == page
    wide = f"<meta charset=utf-16><p>{JAPANESE}</p>"
    assert decode(wide.encode("utf-16-le"), "a.html") == wide
    assert decode(wide.encode("utf-16-le"), "a.html", "utf-16-le") == wide


@pytest.mark.parametrize(
    ("change", "key", "reason"),
    [
        (("share = 0.5", "share = 2.0"), "usual.0.share", "less than or equal to 1"),
        (('"а-я"', '"я-а"'), "usual.0.ranges", "'я-а' is not a range"),
        (('"koi8_r"', '"koi9"'), "alphabet.0.charsets.0", "no charset 'koi9'"),
        (("within_latin = false", "within_latin = 0"), "alphabet.0.within_latin", "valid boolean"),
        (('rare = "ъ"', "rare = 3"), "alphabet.0.rare", "valid string"),
    ],
)
def test_names_file_and_key_of_a_wrong_table_of_letters(
    change: tuple[str, str], key: str, reason: str
) -> None:
    text = (
        '[[usual]]\nshare = 0.5\nranges = ["а-я"]\n[[alphabet]]\ncharsets = ["koi8_r"]\n'
        'within_latin = false\nfrequent = "оеа"\nusual = "дпу"\nrare = "ъ"\n'
    )
    assert parse_words(LetterTables, text, "letters.toml").letters.usual["б"] == 0.5
    with pytest.raises(WordDataError, match=rf"^letters\.toml: {key}: .*{re.escape(reason)}"):
        parse_words(LetterTables, text.replace(*change), "letters.toml")
