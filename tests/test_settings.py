"""Settings are read once, in the right order, and a key nobody knows is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from konkyo.index.errors import SettingsError
from konkyo.index.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("KONKYO_STORE", "KONKYO_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "k.toml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_need_no_file() -> None:
    settings = load_settings()
    assert (settings.store, settings.embedding.model) == (".konkyo/store", "multilingual-e5-small")
    with pytest.raises(ValidationError, match="frozen"):
        settings.store = "x"


def test_konkyo_toml_of_this_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "konkyo.toml").write_text('store = "here"\n[chunks]\nbudget = 100\n', "utf-8")
    settings = load_settings()
    assert (settings.store, settings.chunks.budget) == ("here", 100)


def test_flags_beat_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = config(tmp_path, '[llm]\nmodel = "file"\nkind = "none"\nbase_url = "http://f"\n')
    monkeypatch.setenv("KONKYO_LLM__MODEL", "environment")
    monkeypatch.setenv("KONKYO_LLM__KIND", "openai")
    settings = load_settings(file, {"llm": {"kind": "ollama", "model": None}, "store": None})
    llm = settings.llm
    assert (llm.kind, llm.model, llm.base_url) == ("ollama", "environment", "http://f")
    assert isinstance(settings, Settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[llm]\nmodle = "x"\n', r"k\.toml: no setting is called llm\.modle; did you mean model\?"),
        ("[lm]\n", r"k\.toml: no setting is called lm; did you mean llm\?"),
        ("[chat]\nport = 70000\n", r"k\.toml: chat\.port: .*65535"),
        ('[llm]\nkind = "gpt"\n', r"k\.toml: llm\.kind: .*'embedded'"),
        ("store = 3\n", r"k\.toml: store: .*string"),
        ("[llm\n", r"k\.toml: not valid TOML.*line 1"),
        ("[chunks]\nbudget = 10\noverlap = 10\n", "chunks.overlap .* smaller"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(config(tmp_path, text))


def test_a_wrong_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KONKYO_HOME", "/not/a/setting/but/known/elsewhere")
    load_settings()
    monkeypatch.setenv("KONKYO_CHAT__PRT", "1")
    with pytest.raises(SettingsError, match=r"KONKYO_CHAT__PRT.*did you mean port\?"):
        load_settings()


def test_a_named_file_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        load_settings(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'store = "caf\xe9"')
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(tmp_path / "latin.toml")


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "konkyo.toml").write_text('store = "here"\n', "utf-8")
    file = config(tmp_path, 'store = "named"\n')
    monkeypatch.setenv("KONKYO_CONFIG", str(file))
    assert load_settings().store == "named"
    assert load_settings(tmp_path / "konkyo.toml").store == "here"
    monkeypatch.setenv("KONKYO_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(SettingsError, match=r"none\.toml: no such settings file"):
        load_settings()
    monkeypatch.setenv("KONKYO_CONFIG", "")
    assert load_settings().store == "here"
