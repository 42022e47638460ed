"""The tables of a store on PostgreSQL: their version, facts about the store, and migrations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.index.errors import StoreDamaged, StoreMismatch
from konkyo.index.stores.postgres.database import run
from konkyo.index.stores.postgres.vectors import VectorEngine

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "ARTICLE_COLUMNS",
    "EXCLUSION",
    "SCHEMA",
    "article_columns",
    "knows_former",
    "meta_of",
    "migrate",
    "set_meta",
]

SCHEMA = "0003"
"""The newest revision of the tables that this version reads."""

ARTICLE_COLUMNS = (
    "number, article_id, title, text, language, published, published_at, url, outlet, author,"
    " comments, status, correction, status_by_editor, digest"
)

EXCLUSION = "article_id, title, since, coalesce(to_jsonb(e) ->> 'text_id', '')"
"""An article removed by hand, of a table ``e`` that an earlier version may have made."""

_ADDRESSES = {"milvus": "milvus://..."}


def meta_of(connection: Connection, shown: str, engine: VectorEngine) -> dict[str, str]:
    """Return facts about the store of the search path. Raises StoreMismatch, StoreDamaged."""
    rows = run(connection, "SELECT key, value FROM meta")
    facts = {str(key): str(value) for key, value in rows}
    missing = {"fingerprint", "encoder", "dimension", "created", "engine", "schema"} - facts.keys()
    if missing:
        raise StoreDamaged(
            f"{shown}: the index does not say its {min(missing)}; rebuild with"
            " `konkyo index build SOURCE... --rebuild`"
        )
    if facts["schema"] > SCHEMA:
        raise StoreMismatch(
            f"{shown}: made by a later version of Konkyo (schema {facts['schema']}, this one reads"
            f" up to {SCHEMA}); upgrade, or name another store"
        )
    if facts["engine"] != engine.name:
        named = _ADDRESSES.get(facts["engine"], "postgresql://...")
        raise StoreMismatch(
            f"{shown}: this index keeps its vectors in {facts['engine']}; name it as {named}"
        )
    return facts


def article_columns(facts: Mapping[str, str]) -> str:
    """Return ``ARTICLE_COLUMNS`` for tables that an earlier version may have made."""
    if knows_former(facts):
        return ARTICLE_COLUMNS
    return ARTICLE_COLUMNS.replace("status, correction, status_by_editor", "NULL, NULL, 0")


def knows_former(facts: Mapping[str, str]) -> bool:
    """Whether there is a table of articles that were stored once."""
    return facts["schema"] >= "0003"


def set_meta(connection: Connection, key: str, value: str) -> None:
    """Write one fact about the store itself."""
    run(
        connection,
        "INSERT INTO meta VALUES (:key, :value)"
        " ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value",
        {"key": key, "value": value},
    )


def migrate(connection: Connection, engine: VectorEngine, schema: str, dimension: int) -> None:
    """Bring the tables of a schema to this version, in the transaction under way."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
    )
    citus = run(connection, "SELECT 1 FROM pg_extension WHERE extname = 'citus'").fetchone()
    config.attributes.update(
        connection=connection,
        schema=schema,
        vector=engine.column.type(dimension),
        citus=citus is not None,
    )
    command.upgrade(config, "head")
