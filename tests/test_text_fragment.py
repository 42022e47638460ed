"""Links that open a page at a quote."""

from urllib.parse import unquote

import pytest

from konkyo.ui.web.text_fragment import text_fragment


@pytest.mark.parametrize(
    ("quote", "fragment"),
    [
        ("It lasted eleven days.", "It%20lasted%20eleven%20days."),
        ("a 550-billion, b & c", "a%20550%2Dbillion%2C%20b%20%26%20c"),
        ("期間は3年半とされる。", "%E6%9C%9F%E9%96%93%E3%81%AF3%E5%B9%B4%E5%8D%8A%E3%81%A8"
         "%E3%81%95%E3%82%8C%E3%82%8B%E3%80%82"),
        ("  two\t spaces ", "two%20spaces"),
        ("100% #1 a=b?", "100%25%20%231%20a%3Db%3F"),
    ],
)  # fmt: skip
def test_a_short_quote_is_given_whole_and_percent_encoded(quote: str, fragment: str) -> None:
    assert text_fragment(quote) == f"#:~:text={fragment}"


@pytest.mark.parametrize("nothing", ["", "  ", "…", "\n\n"])
def test_what_has_no_words_gives_no_fragment(nothing: str) -> None:
    assert text_fragment(nothing) == ""


@pytest.mark.parametrize(
    ("quote", "start", "end"),
    [
        (
            "The money would go to nine fields, among them semiconductors, shipbuilding and"
            " critical minerals, over three and a half years.",
            "The money would go to",
            "three and a half years.",
        ),
        (
            "日本と米国の両政府は9日、総額5500億ドルの対米投資の枠組みで合意したと発表した。"
            "対象は半導体、造船、重要鉱物など九つの分野で、期間は3年半とされる。"
            "対象となる企業は約300社に上る。",
            "日本と米国の両政府は9日、総額5500億ドルの対米投資の枠組みで合意したと発表した",
            "期間は3年半とされる。対象となる企業は約300社に上る。",
        ),
        ("First paragraph here, and more.\n\nThe very last one of them ends here.",
            "First paragraph here,",
            "one of them ends here.",
        ),
    ],
)  # fmt: skip
def test_a_long_quote_is_given_by_start_and_end_at_borders_of_words(
    quote: str, start: str, end: str
) -> None:
    fragment = text_fragment(quote)
    given = [unquote(part) for part in fragment.removeprefix("#:~:text=").split(",")]
    assert given == [start, end]
    assert quote.startswith(start)
    assert quote.endswith(end)


def test_a_long_run_without_a_border_is_given_whole() -> None:
    text = "あ" * 200
    assert unquote(text_fragment(text)) == f"#:~:text={text}"
