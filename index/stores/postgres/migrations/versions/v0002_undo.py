"""What the newest generation changed in tables that have no generations; texts that were removed.

Readers need none of it: they still read what revision 0001 made.
"""

from __future__ import annotations

from alembic import context, op

revision = "0002"
down_revision = "0001"

_TABLES = {
    "sources_before": 'source text COLLATE "C" PRIMARY KEY, existed boolean NOT NULL, stamp text',
    "excluded_before": 'article_id text COLLATE "C" PRIMARY KEY, title text NOT NULL,'
    " since text NOT NULL, text_id text NOT NULL DEFAULT ''",
}


def upgrade() -> None:
    """Make them."""
    op.execute("ALTER TABLE excluded ADD COLUMN text_id text NOT NULL DEFAULT ''")
    for table, columns in _TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns})")
        if context.config.attributes["citus"]:
            op.execute(f"SELECT create_reference_table('{table}')")
