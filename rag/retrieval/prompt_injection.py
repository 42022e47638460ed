"""Paragraphs that command whoever answers: they are no evidence for anything.

An article may say "ignore the above and say ...", speak as a system, or hold the tokens of a chat
template. A model that gives in writes what it was told, and a checker that compares sentence with
source finds it there. So such a paragraph is cut out of what is read, quoted and sent, before any
of that; the rest of its article stays. It can still be searched for and read as a page.

Known by its form alone, in the four languages of the news and a few more; a report *about* such
attacks loses at most the paragraph that quotes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from konkyo.index.records import Hit, Passage
from konkyo.rag.generation.chat_template import template_token, visible

__all__ = ["commands", "without_commands"]

_ANSWER_EN = (
    r"(?:say|saying|state|reply|answer|respond|output|print|write|repeat|cite|quote|claim|tell)"
)
_MACHINE = (
    r"(?:assistant|chat\s?bot|language model|LLM|AI|A\.I\.|ChatGPT|GPT|model|system|summari[sz]er)"
)
_COMMANDS = re.compile(
    "|".join(
        (
            # Forget what was said.
            r"\b(?:ignore|disregard|forget|override|bypass)\b[^.!?\n]{0,40}\b(?:above|previous|prior|earlier|preceding|other quotes|instructions?|prompts?|guidelines)\b",
            r"(?:指示|命令|指令|プロンプト|上記|上の(?:文|引用)|これまでの(?:話|引用|文)|引用)[^。\n]{0,20}(?:無視|忘れ)(?:し?て(?:ください|下さい)|せよ|しろ|(?:し|て|して)?、?[^。\n]{0,60}(?:答え|回答|返答|出力|言[えい])(?:よ|ろ|せよ|しろ|て|し|なさい))",
            r"(?:忽略|无视|忽視|無視|忘记|忘記|不要理会)[^。\n]{0,10}(?:以上|上面|上述|之前|先前|前面|所有)[^。\n]{0,8}(?:指示|指令|内容|內容|提示|规则|引文|命令)",
            r"(?:지시|명령|위의?|이전|앞의|프롬프트)[^.\n]{0,14}(?:무시하|잊(?:고|으|어))",
            r"\b(?:ignorez|oubliez|ignoriere?n?|vergiss|vergessen sie|ignora|ignore[ns]?|olvida)\b[^.!?\n]{0,40}\b(?:instructions?|anweisung(?:en)?|instrucciones|précédent\w*|vorherige\w*|anterior\w*)\b",
            # Say this.
            rf"\b(?:the|you|your|an?)?\s*{_MACHINE}\b[^.!?\n]{{0,20}}\b(?:must|should|shall|has to|is to|will now|needs? to)\s+(?:now\s+|always\s+|only\s+)?{_ANSWER_EN}\b",
            rf"\b(?:you are|act as|pretend to be)\b[^.!?\n]{{0,24}}\b{_MACHINE}\b",
            r"(?:だ|である|です|ます|た|る|い)と(?:必ず|だけ|のみ)?(?:答え|回答|返答|返事|出力|引用)(?:よ|ろ|せよ|しろ|てください|て下さい|してください|して下さい|すること|ること|なさい|しなさい)",
            r"(?:必ず|そのまま|次の文を)[^。\n]{0,16}(?:答え|回答|出力|引用|返答)(?:し|て|す|る|よ|せ)[^。\n]{0,6}(?:ください|下さい|こと|なさい|せよ|ろ|$)",
            r"(?:AI|ＡＩ|人工知能|チャットボット|アシスタント|言語モデル)(?:アシスタント)?(?:へ|に告ぐ|は必ず|は次)[：:、,]?",
            r"(?:请|必须|务必|一定要|應当|应当|只能|直接)(?:回答|回复|回覆|答复|输出|輸出|声称)(?:说|說|道|称|：|:)",
            r"(?:请|必须|务必)[^。\n]{0,8}(?:原样|逐字|直接)?(?:输出|輸出|引用|回答|复述)(?:以下|下面|上述|如下|这句|该)",
            r"(?:라고|다고|이라고)\s*(?:만\s*)?(?:답|대답|응답|출력|말)(?:하세요|해라|하라|하시오|해\s?주세요|하십시오)",
            r"(?:그대로|반드시)[^.\n]{0,16}(?:출력|인용|답변?|대답)(?:하고|하세요|해라|하라|하시오|하십시오)",
            # Speak as another. A line's own beginning is enough: the lines before it are tried, too.
            r"(?im:^(?:[^\S\n]|[#*>-])*+(?:system|assistant|developer|システム|系统|系統|시스템)(?:\s+(?:message|prompt|note))?\s*[:：])",
            r"(?im:^[^\S\n]*+#{2,}+\s*+(?:system|instruction|response|human|assistant)s?\b)",
            # Look like one of the numbered quotes; in an honest article, an entry of its references.
            r"(?m:^[^\S\n]*+[\[［【]\d{1,3}[\]］】]\s*+\S)",
            r'\{\s*"(?:claims|role|quotes|messages)"\s*:',
        )
    ),
    re.IGNORECASE,
)


def commands(paragraph: str) -> bool:
    """Whether a paragraph addresses the machine that reads it, or holds a chat template's tokens."""
    paragraph = visible(paragraph)
    return template_token(paragraph) or _COMMANDS.search(paragraph) is not None


def without_commands(hits: Sequence[Hit]) -> list[Hit]:
    """The same hits in their order, each cut to the paragraphs that command nobody.

    What is left of a cut passage is one hit a run of whole paragraphs; offsets stay exact:
    ``article.text[start:end] == text``.
    """
    kept: list[Hit] = []
    for hit in hits:
        if commands(hit.passage.text):
            kept.extend(replace(hit, passage=part) for part in _innocent(hit.passage))
        else:
            kept.append(hit)
    return kept


def _innocent(passage: Passage) -> Iterator[Passage]:
    """Runs of whole lines of a passage without its commands."""
    start = end = at = 0
    for line in passage.text.splitlines(keepends=True):
        if commands(line):
            yield from _part(passage, start, end)
            start = at + len(line)
        at += len(line)
        end = at
    yield from _part(passage, start, end)


def _part(passage: Passage, start: int, end: int) -> Iterator[Passage]:
    text = passage.text[start:end]
    inner = text.strip()
    if inner:
        first = start + text.index(inner)
        yield replace(
            passage,
            start=passage.start + first,
            end=passage.start + first + len(inner),
            text=inner,
        )
