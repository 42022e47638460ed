"""Who may come in to ``konkyo chat``: passwords, keys and providers of flags and settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from konkyo.index.errors import SettingsError
from konkyo.ui.http.auth import Access, KeysFile

if TYPE_CHECKING:
    from konkyo.index.settings import OpenIDSettings, Settings
    from konkyo.ui.http.openid import OpenIDProvider

__all__ = ["access_of", "openid_of"]

_PASSWORD_LENGTH = 8


def access_of(
    settings: Settings, reader: Path | None, editor: Path | None, keys: Path | None
) -> Access:
    """Who may come in; the files of the command line win over those of the settings."""
    chat = settings.chat

    def given(flag: Path | None, named: str) -> Path | None:
        return flag or (Path(named).expanduser() if named else None)

    file = given(keys, chat.keys_file)
    known = KeysFile(file) if file else {}
    if settings.oidc.issuer:
        from konkyo.ui.http.openid_sign_in import USER_HEADER, Editors

        return Access(None, None, known, USER_HEADER, Editors(), own_header=True)
    if chat.user_header:
        return Access(None, None, known, chat.user_header, frozenset(chat.editors))
    return Access(
        _password(given(reader, chat.password_file), os.environ.get("KONKYO_PASSWORD")),
        _password(
            given(editor, chat.editor_password_file), os.environ.get("KONKYO_EDITOR_PASSWORD")
        ),
        known,
    )


def openid_of(oidc: OpenIDSettings) -> OpenIDProvider | None:
    """The provider people sign in with; None where the settings name none."""
    if not oidc.issuer:
        return None
    from konkyo.ui.http.openid import OpenIDProvider

    variable = oidc.client_secret_env
    if variable and variable not in os.environ:
        raise SettingsError(f"oidc.client_secret_env: the environment has no variable {variable}")
    return OpenIDProvider(oidc, os.environ[variable] if variable else "")


def _password(file: Path | None, variable: str | None) -> str | None:
    password = variable
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as exc:
            raise click.UsageError(f"{file}: cannot be read as text ({exc})") from exc
        password = lines[0].strip() if lines else ""
    if password is None:
        return None
    if len(password) < _PASSWORD_LENGTH:
        raise click.UsageError(f"the password needs at least {_PASSWORD_LENGTH} characters")
    return password
