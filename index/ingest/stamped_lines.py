"""Text files that hold one article a line, most of them with a date in front."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

from konkyo.index.ingest.draft import Draft
from konkyo.index.ingest.site_chrome import kind_of
from konkyo.index.ingest.vocabulary import shipped_vocabulary
from konkyo.index.text.header_dates import ParsedDate, parse_date
from konkyo.index.text.sentences import sentences

__all__ = ["line_drafts"]

_STAMPED = re.compile(
    r"^\s*+[\[【(（]?\s*+(?P<date>[\d年月日/:.：\s-]{0,24}?)(?:\s*+[\]】)）])?"
    # A comma or a bar, or a tab among the spaces.
    rf"(?:\s*+[，,|]|(?=[^\S\t]*+\t))\s*+{shipped_vocabulary().text_label}\s*+[:：]\s*+",
    re.IGNORECASE,
)
_STAMPED_LOOSELY = re.compile(
    r"^\s*+[\[【(（]?\s*+"
    r"(?P<date>(?:19|20)\d{2}[-/.年]\d{1,2}[-/.月]\d{1,2}日?"
    r"(?:[\sT　]++\d{1,2}[:：]\d{2}(?:[:：]\d{2})?)?)"
    r"(?:\s*+[\]】)）])?(?:\s*+[，,|:：])?\s*+"
)


def line_drafts(text: str) -> list[Draft] | None:
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
