"""Markdown files with front matter -> articles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from konkyo.index.errors import SourceError
from konkyo.index.ingest.encodings import decode
from konkyo.index.ingest.foreign_errors import reason
from konkyo.index.ingest.sources import RawDocument
from konkyo.index.ingest.stated_fields import described_article, field_text
from konkyo.index.records import Article
from konkyo.index.text.delimited import without_between, without_emphasis

__all__ = ["EMPHASIS", "plain_line", "plain_markdown", "read_markdown"]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_CODE_FENCE = re.compile(r"^(```|~~~)")
# Within an image no other begins, within the words of a link no bracket opens: so every letter is
# read for one opening bracket only.
_IMAGE = re.compile(
    r"!\[(?:[^\]!]|!(?!\[))*+\](?:\((?:[^)!]|!(?!\[))*+\)|\[(?:[^\]!]|!(?!\[))*+\])"
)
_LINK = re.compile(r"\[([^\[\]]++)\](?:\((?:[^()]|\([^()]*+\))*+\)|\[[^\[\]]*+\])")
_AUTOLINK = re.compile(r"<(https?://[^<>\s]++)>")
_LINK_TARGET = re.compile(r"^\s{0,3}\[[^\]^]+\]:\s+\S")
EMPHASIS = ("***", "**", "*", "~~", "___", "__", "_")
_INLINE_CODE = re.compile(r"`([^`\n]+)`")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")
_LIST_MARK = re.compile(r"^(\s*)[*+-]\s+(?:\[[ xX]\]\s+)?")
_SETEXT = re.compile(r"^\s{0,3}(=+|-{2,})\s*$")
_ATX = re.compile(r"^\s{0,3}(#{1,6})\s++(.*)$")
_BLOCKQUOTE = re.compile(r"^\s{0,3}(?:>\s?)+")


def read_markdown(raw: RawDocument) -> Iterator[Article]:
    """Read one file; facts of its front matter are kept. Raises SourceError."""
    text = decode(raw.content, raw.source, raw.charset)
    matter = _FRONT_MATTER.match(text)
    fields = _front_matter(matter[1], raw.source) if matter else {}
    title, body = plain_markdown(text[matter.end() :] if matter else text)
    stated = field_text(fields, "title", "headline")
    if stated is not None and title is not None and title != stated:
        body = f"{title}\n\n{body}"
    yield described_article(raw.source, fields, stated or title, body)


def _front_matter(block: str, source: str) -> Mapping[str, object]:
    import yaml

    try:
        # The base loader makes text of everything: no date is shifted, no `no` becomes false.
        fields = yaml.load(block, Loader=yaml.BaseLoader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f" in line {mark.line + 2}" if mark is not None else ""
        raise SourceError(
            source, f"its front matter is not YAML{line}; quote values that hold a colon"
        ) from exc
    except (RecursionError, ValueError) as exc:
        raise SourceError(source, f"its front matter: {reason(exc)}") from exc
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise SourceError(source, "its front matter is not a list of `key: value` lines")
    return {str(key).lower(): value for key, value in fields.items()}


def plain_markdown(text: str) -> tuple[str | None, str]:
    """Title (a first heading of level one) and plain text, quoted blocks included."""
    title: str | None = None
    lines: list[str] = []
    fenced = False
    for line in _TAG.sub("", without_between(text, "<!--", "-->")).split("\n"):
        if _CODE_FENCE.match(line.strip()):
            fenced = not fenced
            continue
        if fenced:
            lines.append(line)
            continue
        if _LINK_TARGET.match(line):
            continue
        if _SETEXT.match(line):
            if (
                line.strip().startswith("=")
                and title is None
                and [x for x in lines if x.strip()][1:] == []
            ):
                title = next((x for x in lines if x.strip()), None)
                lines = []
            continue
        heading = _ATX.match(line)
        if heading is not None:
            plain = plain_line(heading[2].rstrip().rstrip("#").rstrip())
            if len(heading[1]) == 1 and title is None and not any(x.strip() for x in lines):
                title = plain
            else:
                lines.extend(("", plain, ""))
            continue
        lines.append(plain_line(_LIST_MARK.sub(r"\1- ", _BLOCKQUOTE.sub("", line))).rstrip())
    return title, re.sub(r"\n{3,}", "\n\n", "\n".join(_joined(lines))).strip()


def _joined(lines: list[str]) -> list[str]:
    """Join the lines of one paragraph, as Markdown means them."""
    joined: list[str] = []
    for line in lines:
        fresh = not joined or not joined[-1] or not line or line.lstrip().startswith(("- ", "|"))
        if fresh or joined[-1].startswith("|") or re.match(r"\s*\d{1,3}[.)] ", line):
            joined.append(line.strip() if not line.startswith("|") else line)
        else:
            glue = (
                ""
                if ord(joined[-1][-1]) > 0x2E80
                and ord(line.lstrip()[0]) > 0x2E80
                and not _hangul(joined[-1][-1])
                else " "
            )
            joined[-1] += glue + line.strip()
    return joined


def _hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3"


def plain_line(line: str) -> str:
    """A line without links, images, emphasis and code marks; their words stay, images go."""
    line = _IMAGE.sub("", line)
    line = _LINK.sub(r"\1", line)
    line = _AUTOLINK.sub(r"\1", line)
    for _ in range(3):
        plain = without_emphasis(line, EMPHASIS)
        if plain == line:
            break
        line = plain
    return _INLINE_CODE.sub(r"\1", line)
