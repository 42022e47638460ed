"""What became of an article after it was published, and articles that were stored once."""

from __future__ import annotations

from alembic import context, op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make them."""
    for column in ("status text", "correction text", "status_by_editor integer NOT NULL DEFAULT 0"):
        op.execute(f"ALTER TABLE articles ADD COLUMN {column}")
    op.execute("CREATE INDEX articles_url ON articles (url)")
    op.execute(
        'CREATE TABLE former_articles (article_id text COLLATE "C" PRIMARY KEY,'
        " since text NOT NULL)"
    )
    if context.config.attributes["citus"]:
        op.execute("SELECT create_reference_table('former_articles')")
