"""The tables of a database.

Rows that readers see are never changed: they are ``born`` with one generation and have ``died``
with another, so that any number of connections, to any replica, see one generation alike.
"""

from __future__ import annotations

from alembic import context, op

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);

CREATE TABLE generations (
    generation integer PRIMARY KEY,
    committed timestamptz NOT NULL DEFAULT now(),
    passages bigint NOT NULL
);

CREATE SEQUENCE article_numbers;
CREATE SEQUENCE passage_numbers;
CREATE SEQUENCE source_numbers;
CREATE SEQUENCE segment_numbers;

-- A stamp of NULL: read it again at the next build.
CREATE TABLE sources (
    source text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL,
    stamp text
);

-- ``number`` stays when an article is replaced; ``told_by`` is the source of its facts.
CREATE TABLE articles (
    number bigint NOT NULL,
    born integer NOT NULL,
    died integer,
    article_id text COLLATE "C" NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    language text COLLATE "C" NOT NULL,
    published text COLLATE "C",
    published_at text,
    url text,
    outlet text COLLATE "C",
    author text,
    comments text NOT NULL,
    passages integer NOT NULL,
    told_by text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    crc bigint NOT NULL
);
CREATE INDEX articles_number ON articles (number);
CREATE INDEX articles_article_id ON articles (article_id);
CREATE INDEX articles_told_by ON articles (told_by);
CREATE INDEX articles_died ON articles (died) WHERE died IS NOT NULL;

CREATE TABLE sketches (
    band bigint NOT NULL,
    article bigint NOT NULL,
    PRIMARY KEY (band, article)
);
CREATE INDEX sketches_article ON sketches (article);

CREATE TABLE excluded (
    article_id text COLLATE "C" PRIMARY KEY,
    title text NOT NULL,
    since text NOT NULL
);

CREATE TABLE places (
    article bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    found_as text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    crc bigint NOT NULL,
    born integer NOT NULL,
    died integer
);
CREATE INDEX places_article ON places (article);
CREATE INDEX places_source ON places (source);
CREATE INDEX places_died ON places (died) WHERE died IS NOT NULL;

-- What a filter asks for stands beside the vector, so that one scan does both.
CREATE TABLE passages (
    id bigint NOT NULL,
    article bigint NOT NULL,
    born integer NOT NULL,
    died integer,
    passage_id text COLLATE "C" NOT NULL,
    ordinal integer NOT NULL,
    start integer NOT NULL,
    stop integer NOT NULL,
    crc bigint NOT NULL,
    language text COLLATE "C" NOT NULL,
    published text COLLATE "C",
    outlet text COLLATE "C",
    key bytea NOT NULL,
    vector {vector} NOT NULL,
    vector_crc bigint NOT NULL,
    payload text,
    payload_crc bigint,
    PRIMARY KEY (id, article)
);
CREATE INDEX passages_article ON passages (article);
CREATE INDEX passages_passage_id ON passages (passage_id);
CREATE INDEX passages_key ON passages (key);
CREATE INDEX passages_died ON passages (died) WHERE died IS NOT NULL;

-- Passages that segments still hold and readers no longer see.
CREATE TABLE deletions (passage bigint PRIMARY KEY, generation integer NOT NULL);

-- BM25: one segment is some passages (``offsets`` from ``low``, and their lengths in terms),
-- one row of postings is one term's passages in a segment. Neither is ever changed.
CREATE TABLE segments (
    number bigint PRIMARY KEY,
    low bigint NOT NULL,
    offsets bytea NOT NULL,
    lengths bytea NOT NULL,
    retired timestamptz
);
CREATE TABLE postings (
    term bigint NOT NULL,
    segment bigint NOT NULL,
    docs bytea NOT NULL,
    frequencies bytea NOT NULL,
    PRIMARY KEY (term, segment)
);
CREATE INDEX postings_segment ON postings (segment);
ALTER TABLE segments ALTER offsets SET STORAGE EXTERNAL, ALTER lengths SET STORAGE EXTERNAL;
ALTER TABLE postings ALTER docs SET STORAGE EXTERNAL, ALTER frequencies SET STORAGE EXTERNAL;
"""

# Citus: an article, its places, passages and sketches lie on one node; small tables on all.
_DISTRIBUTED = (
    ("articles", "number"),
    ("places", "article"),
    ("passages", "article"),
    ("sketches", "article"),
)
_ON_ALL_NODES = ("meta", "generations", "sources", "excluded", "deletions", "segments")


def upgrade() -> None:
    """Make them."""
    vector = context.config.attributes["vector"]
    for statement in _TABLES.format(vector=vector).split(";\n"):
        if statement.strip():
            op.execute(statement)
    if context.config.attributes["citus"]:
        for table in _ON_ALL_NODES:
            op.execute(f"SELECT create_reference_table('{table}')")
        for at, (table, column) in enumerate(_DISTRIBUTED):
            beside = "default" if not at else _DISTRIBUTED[0][0]
            op.execute(
                f"SELECT create_distributed_table('{table}', '{column}',"
                f" colocate_with => '{beside}')"
            )
        op.execute("SELECT create_distributed_table('postings', 'term', colocate_with => 'none')")
