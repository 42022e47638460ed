"""Raw document -> clean Articles: what a reader would call the articles, and nothing else of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from konkyo.index.errors import SourceError
from konkyo.index.ingest.boilerplate import Draft, drafts
from konkyo.index.ingest.encodings import clean, decode
from konkyo.index.ingest.site_chrome import kind_of
from konkyo.index.ingest.sources import FEED, Fetcher, RawDocument
from konkyo.index.records import Article, article_id_for
from konkyo.index.text.delimited import without_between, without_emphasis
from konkyo.index.text.header_dates import ParsedDate, parse_date, parse_stated
from konkyo.index.text.language import detect, is_language_code
from konkyo.index.text.sentences import sentences

__all__ = ["Known", "to_articles"]

_LONGEST_TITLE = 200
_DERIVED_TITLE = 60


Known = Mapping[str, tuple[str, str]]
"""Title and language that an untitled text was given when it was last read."""

_NOTHING: Known = {}


def to_articles(
    raw: RawDocument, *, fetch: Fetcher | None = None, known: Known = _NOTHING
) -> list[Article]:
    """The articles of one document, in its order; at least one.

    With ``fetch``, entries of a feed that only tease are read at their own addresses. ``known``
    saves the work of describing lines of text that an earlier reading has described. Raises
    SourceError, which names the document (and the line, where there is one) and the reason.
    """
    if raw.media_type == FEED:
        found = list(_feed(raw, fetch))
    elif raw.media_type == "text/plain":
        found = list(_text(raw, known))
    elif raw.media_type in _READERS:
        found = list(_READERS[raw.media_type](raw))
    else:
        raise SourceError(
            raw.source, f"Konkyo does not read documents of the type {raw.media_type!r}"
        )
    if not found:
        raise SourceError(raw.source, "there is no article text in it")
    return found


def _text(raw: RawDocument, known: Known = _NOTHING) -> Iterator[Article]:
    text = decode(raw.content, raw.source, raw.charset)
    lines = _line_articles(text)
    if lines is not None:
        yield from (_line_article(draft, raw.source, known) for draft in lines)
        return
    yield from (_article(draft, raw.source) for draft in drafts(text))


def _line_article(draft: Draft, source: str, known: Known) -> Article:
    """As ``_article``, but a line that is known is not described again."""
    title, language = known.get(draft.text.strip(), ("", ""))
    if draft.title or not title:
        return _article(draft, source)
    return _article(replace(draft, title=title), source, language)


def _article(
    draft: Draft, source: str, language: str | None = None, outlet: str | None = None
) -> Article:
    """Give a draft its title, language and identifier."""
    text = draft.text.strip()
    title = (draft.title or "").strip() or _derived_title(text)
    title = " ".join(title.split())[:_LONGEST_TITLE]
    return Article(
        article_id=article_id_for(title, text),
        title=title,
        text=text,
        language=language or detect(f"{text[:1500]}\n{title}"),
        source=source,
        published=draft.published.day if draft.published else None,
        published_at=draft.published.at if draft.published else None,
        url=draft.url,
        outlet=outlet or draft.outlet,
        author=draft.author,
        sources=(source,),
        comments=draft.comments,
    )


_DATELINE = re.compile(
    r"(?:原标题[:：]\s*|来源[:：]\s*\S{2,12}[ \u3000]+)|[^。]{0,24}?\d{1,2}月\d{1,2}日(?:电|讯|消息|报道|電|訊)[，,\s]*(?:[（(][^）)]{1,40}[）)])?\s*|[（(](?:记者|見習記者|见习记者)[^）)]{1,40}[）)]\s*"
)


def _derived_title(text: str) -> str:
    """A title for a text without one: its first sentence without the dateline, shortened."""
    head = text[:600].lstrip()
    dateline = _DATELINE.match(head)
    if dateline is not None and len(head) > dateline.end() + 8:
        head = head[dateline.end() :]
    spans = sentences(head)
    first = head[spans[0][0] : spans[0][1]] if spans else head
    if len(first) <= _DERIVED_TITLE:
        return first.rstrip("。.．")
    cut = max(first.rfind(mark, 20, _DERIVED_TITLE) for mark in "，、, ；;：:")
    return first[: cut if cut > 0 else _DERIVED_TITLE].rstrip() + "…"


# --- one article a line ---------------------------------------------------------------------------

_STAMPED = re.compile(
    r"^\s*+[\[【(（]?\s*+(?P<date>[\d年月日/:.：\s-]{0,24}?)(?:\s*+[\]】)）])?"
    # A comma or a bar, or a tab among the spaces.
    r"(?:\s*+[，,|]|(?=[^\S\t]*+\t))\s*+(?:正文|内容|本文|text|body)\s*+[:：]\s*+",
    re.IGNORECASE,
)
_STAMPED_LOOSELY = re.compile(
    r"^\s*+[\[【(（]?\s*+(?P<date>(?:19|20)\d{2}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:[\sT　]++\d{1,2}[:：]\d{2}(?:[:：]\d{2})?)?)"
    r"(?:\s*+[\]】)）])?(?:\s*+[，,|:：])?\s*+"
)


def _line_articles(text: str) -> list[Draft] | None:
    """The articles of a file that holds one a line, most lines long and most with a date stamp."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2:
        return None
    for pattern in (_STAMPED, _STAMPED_LOOSELY):
        found = [pattern.match(line) for line in lines]
        stamped = sum(m is not None for m in found)
        lengths = sorted(len(line) for line in lines)
        if stamped >= 2 and stamped * 10 >= 6 * len(lines) and lengths[len(lengths) // 2] >= 120:
            return _stamped_drafts(lines, found)
    return None


def _stamped_drafts(lines: list[str], found: list[re.Match[str] | None]) -> list[Draft]:
    """One draft a line; a stamp without a year gets the year most stamps of the file have."""
    stamps = [_stamp(m["date"], None) if m is not None else None for m in found]
    months = Counter(stamp.day[:7] for stamp in stamps if stamp is not None)
    reference = date.fromisoformat(months.most_common(1)[0][0] + "-15") if months else None
    result: list[Draft] = []
    for line, match, stamp in zip(lines, found, stamps, strict=True):
        body = _without_tail(line[match.end() :].strip() if match is not None else line.strip())
        if match is not None and stamp is None:
            stamp = _stamp(match["date"], reference)
        if len(body) >= 10:
            result.append(Draft(None, body, published=stamp))
    return result


def _without_tail(line: str) -> str:
    """A one-line article without the editor's name and the buttons that were glued to its end."""
    end = len(line)
    for start, stop in reversed(sentences(line[-200:])):
        begun = max(0, len(line) - 200) + start
        if stop - start > 60 or begun == 0 or kind_of(line[begun:end]) not in _TAIL:
            break
        end = begun
    return line[:end].rstrip()


_TAIL = frozenset({"label", "notice", "byline", "form", "related"})


def _stamp(text: str, reference: date | None) -> ParsedDate | None:
    return parse_date(text, reference=reference) if text.strip() else None


# --- Markdown -------------------------------------------------------------------------------------

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
_EMPHASIS = ("***", "**", "*", "~~", "___", "__", "_")
_INLINE_CODE = re.compile(r"`([^`\n]+)`")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")
_LIST_MARK = re.compile(r"^(\s*)[*+-]\s+(?:\[[ xX]\]\s+)?")
_SETEXT = re.compile(r"^\s{0,3}(=+|-{2,})\s*$")
_ATX = re.compile(r"^\s{0,3}(#{1,6})\s++(.*)$")
_BLOCKQUOTE = re.compile(r"^\s{0,3}(?:>\s?)+")


def _markdown(raw: RawDocument) -> Iterator[Article]:
    text = decode(raw.content, raw.source, raw.charset)
    matter = _FRONT_MATTER.match(text)
    fields = _front_matter(matter[1], raw.source) if matter else {}
    title, body = _plain_markdown(text[matter.end() :] if matter else text)
    stated = _field(fields, "title", "headline")
    if stated is not None and title is not None and title != stated:
        body = f"{title}\n\n{body}"
    yield _described(raw.source, fields, stated or title, body)


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
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise SourceError(source, "its front matter is not a list of `key: value` lines")
    return {str(key).lower(): value for key, value in fields.items()}


def _field(fields: Mapping[str, object], *names: str) -> str | None:
    """The first of some fields that holds something, as one line of text."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, (list, tuple)):
            value = ", ".join(part for part in value if isinstance(part, str))
        if isinstance(value, (str, int, float, date)) and not isinstance(value, bool):
            text = clean(value.isoformat() if isinstance(value, date) else str(value))
            if text.strip():
                return " ".join(text.split())
    return None


def _described(source: str, fields: Mapping[str, object], title: str | None, body: str) -> Article:
    """An article whose facts are stated beside it (front matter, a JSON object)."""
    stated = _field(
        fields, "published", "date", "published_at", "pubdate", "datepublished", "publish_date"
    )
    published = parse_stated(stated) if stated else None
    if stated and published is None:
        raise SourceError(source, f"cannot read the date {stated[:40]!r}; write it as YYYY-MM-DD")
    language = (_field(fields, "language", "lang") or "").lower().replace("_", "-").split("-")[0]
    draft = Draft(
        title,
        clean(body),
        published=published,
        url=_field(fields, "url", "link", "canonical", "source_url"),
        author=_field(fields, "author", "authors", "byline"),
    )
    outlet = _field(fields, "outlet", "publisher", "site", "sitename", "source")
    return _article(draft, source, language if is_language_code(language) else None, outlet)


def _plain_markdown(text: str) -> tuple[str | None, str]:
    """Title (a first heading of level one) and plain text; quoted blocks are part of the article."""
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
            plain = _inline(heading[2].rstrip().rstrip("#").rstrip())
            if len(heading[1]) == 1 and title is None and not any(x.strip() for x in lines):
                title = plain
            else:
                lines.extend(("", plain, ""))
            continue
        lines.append(_inline(_LIST_MARK.sub(r"\1- ", _BLOCKQUOTE.sub("", line))).rstrip())
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


def _inline(line: str) -> str:
    """A line without links, images, emphasis and code marks; their words stay, images go."""
    line = _IMAGE.sub("", line)
    line = _LINK.sub(r"\1", line)
    line = _AUTOLINK.sub(r"\1", line)
    for _ in range(3):
        plain = without_emphasis(line, _EMPHASIS)
        if plain == line:
            break
        line = plain
    return _INLINE_CODE.sub(r"\1", line)


# --- JSON -----------------------------------------------------------------------------------------


def _jsonl(raw: RawDocument) -> Iterator[Article]:
    text = decode(raw.content, raw.source, raw.charset)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _object(line, raw.source, number)


def _object(line: str, source: str, number: int) -> Article:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as exc:
        raise SourceError(
            source, f"line {number}: not a JSON object ({exc.msg}, column {exc.colno})"
        ) from exc
    return _from_object(fields, source, f"line {number}")


def _from_object(fields: object, source: str, place: str) -> Article:
    if not isinstance(fields, dict):
        raise SourceError(source, f"{place}: not a JSON object but {type(fields).__name__}")
    lowered = {str(key).lower(): value for key, value in fields.items()}
    body = next(
        (lowered[key] for key in ("text", "body", "content") if isinstance(lowered.get(key), str)),
        None,
    )
    if body is None or not body.strip():
        raise SourceError(source, f'{place}: no "text" (or "body", "content") with words in it')
    try:
        return _described(source, lowered, _field(lowered, "title", "headline"), body)
    except SourceError as exc:
        raise SourceError(source, f"{place}: {exc.reason}") from exc


def _json(raw: RawDocument) -> Iterator[Article]:
    text = decode(raw.content, raw.source, raw.charset)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as exc:
        if exc.msg == "Extra data":
            yield from _jsonl(raw)
            return
        raise SourceError(
            raw.source, f"line {exc.lineno}: not JSON ({exc.msg}, column {exc.colno})"
        ) from exc
    items = value if isinstance(value, list) else [value]
    for number, item in enumerate(items, start=1):
        yield _from_object(item, raw.source, f"item {number}")


def _html(raw: RawDocument) -> Iterator[Article]:
    from konkyo.index.ingest.html import read_html

    page = read_html(decode(raw.content, raw.source, raw.charset), raw.source, raw.url)
    yield _article(page.draft, raw.source, page.language, page.outlet)


def _pdf(raw: RawDocument) -> Iterator[Article]:
    from konkyo.index.ingest.documents import read_pdf

    yield _article(replace(read_pdf(raw.content, raw.source), url=raw.url), raw.source)


def _docx(raw: RawDocument) -> Iterator[Article]:
    from konkyo.index.ingest.documents import read_docx

    yield _article(replace(read_docx(raw.content, raw.source), url=raw.url), raw.source)


def _epub(raw: RawDocument) -> Iterator[Article]:
    from konkyo.index.ingest.documents import read_epub

    for draft, language, outlet in read_epub(raw.content, raw.source):
        seen = detect(draft.text, default=language or "en")
        yield _article(draft, raw.source, seen, outlet)


def _feed(raw: RawDocument, fetch: Fetcher | None = None) -> Iterator[Article]:
    """The entries of a feed; with ``fetch``, an entry that is a mere teaser is read at its address."""
    from konkyo.index.ingest.feeds import read_feed

    followed = 0
    for entry in read_feed(raw.content, raw.source):
        draft = entry.draft
        if (
            fetch is not None
            and draft.url
            and len(draft.text) < _TEASER
            and followed < _MOST_FOLLOWED
        ):
            followed += 1
            full = _followed(draft.url, fetch)
            if full is not None and len(full.text) > len(draft.text):
                yield replace(
                    full,
                    source=raw.source,
                    sources=(raw.source,),
                    url=draft.url,
                    outlet=full.outlet or entry.outlet,
                )
                continue
        if draft.text.strip():
            seen = detect(draft.text, default=entry.language or "en")
            yield _article(draft, raw.source, seen, entry.outlet)


_TEASER = 600
_MOST_FOLLOWED = 100


def _followed(url: str, fetch: Fetcher) -> Article | None:
    """The page behind a feed's entry, or None: then the feed's own words have to do."""
    try:
        got = fetch(url)
        found = to_articles(RawDocument(url, got.media_type, got.content, got.charset, got.url))
    except SourceError:
        return None
    return found[0] if len(found) == 1 else None


_READERS: dict[str, Callable[[RawDocument], Iterator[Article]]] = {
    "text/plain": _text,
    "text/markdown": _markdown,
    "text/html": _html,
    "application/jsonl": _jsonl,
    "application/json": _json,
    "application/pdf": _pdf,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _docx,
    "application/epub+zip": _epub,
}
