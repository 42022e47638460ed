"""The page on which editors change settings."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from konkyo.index.settings import Settings, load_settings
from konkyo.index.settings_file import change_settings
from konkyo.ui.web.i18n import LANGUAGES, PHRASES, Language
from konkyo.ui.web.settings_page import CHANGEABLE, SettingsPage


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "konkyo.toml"
    path.write_text(
        "# ours\n[llm]\nkind = 'openai'\nmodel = 'm'\nbase_url = 'http://a.example'\n"
        "api_key_env = 'PATH'\n"
    )
    return path


def test_the_page_shows_the_values_of_now_in_every_language(file: Path) -> None:
    for language in LANGUAGES:
        page = SettingsPage(file).page(language)
        assert '<option value="openai" selected>' in page
        assert 'name="llm.model" value="m"' in page
        assert 'name="answers.strictness" value="0.5" step="any" min="0" max="1"' in page
        assert "api_key" not in page
        for key in CHANGEABLE:
            assert f"set_{key.replace('.', '_')}" in PHRASES[language]


def test_what_is_saved_holds_and_only_what_changed_is_written(file: Path) -> None:
    told: list[Settings] = []
    page = SettingsPage(file, told.append)
    good, said = page.save({"answers.strictness": "0.8", "llm.model": "m"}, "en")
    assert (good, said) == (True, "Saved. It takes effect when the server next starts.")
    assert load_settings(file).answers.strictness == 0.8
    assert [settings.answers.strictness for settings in told] == [0.8]
    text = file.read_text()
    assert text.startswith("# ours\n[llm]\nkind = 'openai'\nmodel = 'm'\n")
    assert "phrasing" not in text


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"answers.strictness": "2"}, "answers.strictness"),
        ({"watch.hours": "often"}, "watch.hours"),
        ({"llm.kind": "oracle"}, "llm.kind"),
    ],
)
def test_what_is_wrong_is_refused_with_its_key(
    file: Path, said: dict[str, object], reason: str
) -> None:
    before = file.read_text()
    good, told = SettingsPage(file).save(said, "en")
    assert not good
    assert reason in told
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("language", "no_name", "no_name_or_address"),
    [
        ("en", "Ollama needs llm.model", "needs llm.model and llm.base_url"),
        ("ja", "モデルの名前を書いてください", "モデルの名前とアドレスの両方を書いてください"),
        ("ko", "모델 이름을 적으세요", "모델의 이름과 주소를 모두 적으세요"),
        ("zh", "请填写模型名称", "请同时填写模型名称和地址"),
    ],
)
def test_a_model_that_could_not_be_opened_is_not_saved(
    tmp_path: Path, language: Language, no_name: str, no_name_or_address: str
) -> None:
    file = tmp_path / "konkyo.toml"
    page = SettingsPage(file)
    good, told = page.save({"llm.kind": "ollama", "llm.model": " "}, language)
    assert (good, no_name in told) == (False, True)
    for said in (
        {"llm.kind": "openai", "llm.model": "", "llm.base_url": "http://a.example"},
        {"llm.kind": "openai", "llm.model": "m", "llm.base_url": ""},
    ):
        good, told = page.save(said, language)
        assert (good, no_name_or_address in told) == (False, True)
    assert not page.save({"llm.kind": "ollama", "llm.model": "m", "llm.base_url": "a"}, language)[0]
    assert not file.exists()
    assert page.save({"llm.kind": "ollama", "llm.model": "m"}, language)[0]
    good, told = page.save({"llm.model": ""}, language)
    assert (good, no_name in told) == (False, True)
    # What has nothing to do with the model can be changed whatever the file says of it.
    file.write_text("[llm]\nkind = 'ollama'\n")
    assert page.save({"answers.strictness": "0.8"}, language)[0]


def test_what_holds_at_once_is_said_to(file: Path) -> None:
    told: list[Settings] = []
    page = SettingsPage(file, told.append)
    assert '<option value="off" selected>' in page.page("en")
    assert page.save({"chat.sharing": "anyone"}, "en") == (True, "Saved. It takes effect at once.")
    assert '<option value="anyone" selected>' in page.page("en")
    assert [settings.chat.sharing for settings in told] == ["anyone"]
    both: dict[str, object] = {"chat.sharing": "off", "llm.model": "n"}
    assert page.save(both, "en")[1] == "Saved. It takes effect when the server next starts."
    good, said = page.save({"chat.sharing": "everybody"}, "en")
    assert (good, "chat.sharing" in said) == (False, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_environment_sets_is_shown_and_cannot_be_changed(
    file: Path, language: Language
) -> None:
    page = SettingsPage(file, environment={"KONKYO_CHAT__SHARING": "readers"}).page(language)
    assert "KONKYO_CHAT__SHARING" in page
    assert re.findall(r'name="([\w.]+)" disabled', page) == ["chat.sharing"]
    opened = "（" if language in {"ja", "zh"} else " ("
    assert f"{PHRASES[language]['set_chat_sharing']}{opened}" in page


def test_languages_are_written_as_a_list_of_codes(file: Path) -> None:
    page = SettingsPage(file)
    assert page.save({"answers.languages": " JA、en "}, "en")[0]
    assert load_settings(file).answers.languages == ("ja", "en")
    assert 'name="answers.languages" value="ja, en"' in page.page("zh")
    good, told = page.save({"answers.languages": "日本語"}, "ja")
    assert (good, "日本語は言語のコードではありません" in told) == (False, True)
    assert load_settings(file).answers.languages == ("ja", "en")
    assert page.save({"answers.languages": ""}, "en")[0]
    assert "languages" not in file.read_text()


def test_what_the_page_does_not_offer_is_not_written(file: Path) -> None:
    before = file.read_text()
    said: dict[str, object] = {"chat.host": "0.0.0.0", "llm.api_key_env": "HOME", "store": "/x"}
    SettingsPage(file).save(said, "en")
    assert file.read_text() == before


def test_a_key_does_not_follow_to_another_address(file: Path) -> None:
    good, _ = SettingsPage(file).save({"llm.base_url": "http://other.example"}, "en")
    assert good
    settings = load_settings(file).llm
    assert (settings.base_url, settings.api_key_env) == ("http://other.example", "")


@pytest.mark.parametrize("said", [{"llm.base_url": "http://other.example"}, {"llm.kind": "ollama"}])
def test_a_key_of_the_environment_is_sent_to_no_other_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, object]
) -> None:
    file = tmp_path / "konkyo.toml"
    file.write_text("[llm]\nkind = 'openai'\nmodel = 'm'\nbase_url = 'http://a.example'\n")
    before = file.read_text()
    monkeypatch.setenv("KONKYO_LLM__API_KEY_ENV", "PATH")
    page = SettingsPage(file, environment=os.environ)
    good, told = page.save(said, "en")
    assert (good, "KONKYO_LLM__API_KEY_ENV" in told) == (False, True)
    assert file.read_text() == before
    assert page.save({"llm.model": "n"}, "en")[0]
    monkeypatch.setenv("KONKYO_LLM__API_KEY_ENV", "")
    assert SettingsPage(file, environment=os.environ).save(said, "en")[0]


def test_the_file_that_the_environment_names_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[answers]\nstrictness = 0.6\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KONKYO_CONFIG", str(file))
    page = SettingsPage()
    assert 'name="answers.strictness" value="0.6"' in page.page("en")
    assert page.save({"answers.strictness": "0.8"}, "en")[0]
    assert load_settings(file).answers.strictness == 0.8
    assert change_settings({"answers.strictness": 0.7}).answers.strictness == 0.7
    assert load_settings(file).answers.strictness == 0.7
    assert [path.name for path in tmp_path.iterdir()] == ["own.toml"]


def test_the_model_is_tested_before_it_is_saved(file: Path) -> None:
    page = SettingsPage(file)
    good, said = page.test({"llm.kind": "none"}, "en")
    assert good, said
    good, said = page.test({"llm.kind": "ollama", "llm.base_url": "http://127.0.0.1:9"}, "en")
    assert not good
    assert "127.0.0.1:9" in said
    # What is no setting at all is told in one line, as when it is saved.
    good, said = page.test({"llm.kind": "oracle"}, "en")
    assert (good, "llm.kind" in said, "\n" in said) == (False, True, False)
    assert load_settings(file).llm.kind == "openai"


@pytest.mark.parametrize(
    ("language", "too_strict", "no_name", "no_server"),
    [
        ("ja", "1以下にしてください", "モデルの名前を書いてください", "サーバーは動いていますか？"),
        (
            "ko",
            "1 이하로 하세요",
            "모델 이름을 적으세요",
            "서버가 실행 중인가요?",
        ),
        ("zh", "应不大于1", "请填写模型名称", "服务器在运行吗？"),
    ],
)
def test_what_is_wrong_is_said_in_the_language_of_the_page(
    file: Path, language: Language, too_strict: str, no_name: str, no_server: str
) -> None:
    page = SettingsPage(file)
    _, said = page.save({"answers.strictness": "2"}, language)
    assert too_strict in said
    assert "Input" not in said
    _, said = page.test({"llm.kind": "ollama", "llm.model": ""}, language)
    assert re.search(no_name, said)
    form = {"llm.kind": "ollama", "llm.base_url": "http://127.0.0.1:9"}
    _, said = page.test(form, language)
    assert no_server in said
    assert not re.search("Connection|running", said)
