"""Changes the settings file: comments and order stay, and nothing invalid is written."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from konkyo.index.errors import SettingsError
from konkyo.index.settings import Settings, config_file, load_settings

__all__ = ["Value", "change_settings"]

Value = str | int | float | bool | list[str] | None


def change_settings(changes: Mapping[str, Value], file: Path | None = None) -> Settings:
    """Write values by their keys (``llm.kind``) and return the settings that then hold.

    None takes a key out. The file is replaced in one piece, and only by one that can be loaded.
    Without ``file`` it is the one that ``config_file`` returns. Raises SettingsError.
    """
    import tomlkit
    from tomlkit.container import Container
    from tomlkit.exceptions import TOMLKitError

    path = (file or config_file()).resolve()
    draft = path.with_name(f".{path.name}.draft")
    try:
        document = tomlkit.parse(path.read_text("utf-8") if path.exists() else "")
        for key, value in changes.items():
            section, _, name = key.rpartition(".")
            table = cast("Container", document)
            if section:
                table = cast("Container", document.setdefault(section, tomlkit.table()))
            if value is None:
                table.pop(name, None)
            else:
                table[name] = value
        draft.write_text(tomlkit.dumps(document), "utf-8")
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        settings = load_settings(draft)
        draft.replace(path)
    except SettingsError as exc:
        raise SettingsError(str(exc).replace(str(draft), str(path))) from exc
    except (TOMLKitError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: not valid TOML: {exc}") from exc
    except OSError as exc:
        raise SettingsError(f"{path}: cannot be written ({exc.strerror})") from exc
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return settings
