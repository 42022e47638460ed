"""Words Konkyo itself says to a reader, per language; never a control signal."""

from __future__ import annotations

from konkyo.rag.types import RefusalReason, RemovedReason

__all__ = ["notice_text", "refusal_text", "removed_text", "translation_text"]

_REFUSAL: dict[str, dict[RefusalReason, str]] = {
    "ja": {
        "no_evidence": "記事の中に、この質問に関係する記述は見つかりませんでした。",
        "weak_evidence": "記事の中に、この質問の答えは見つかりませんでした。",
        "unsupported": "記事で裏付けられる答えを作れませんでした。",
        "empty_index": "索引に記事がありません。先に記事を取り込んでください。",
    },
    "en": {
        "no_evidence": "Nothing in the articles bears on this question.",
        "weak_evidence": "The articles do not say.",
        "unsupported": "No answer could be given that the articles support.",
        "empty_index": "The index holds no articles yet. Build it first.",
    },
    "ko": {
        "no_evidence": "기사에서 이 질문과 관련된 내용을 찾지 못했습니다.",
        "weak_evidence": "기사에는 이 질문에 대한 답이 없습니다.",
        "unsupported": "기사로 뒷받침되는 답을 만들지 못했습니다.",
        "empty_index": "색인에 기사가 없습니다. 먼저 색인을 만드세요.",
    },
    "zh": {
        "no_evidence": "文章中没有与这个问题相关的内容。",
        "weak_evidence": "文章中没有这个问题的答案。",
        "unsupported": "无法给出有文章依据的回答。",
        "empty_index": "索引中还没有文章，请先建立索引。",
    },
}

_REMOVED: dict[str, dict[RemovedReason, str]] = {
    "ja": {
        "no_citation": "根拠の番号がない",
        "unknown_citation": "示していない番号を根拠にしている",
        "number": "数字が出典にない",
        "date": "日付が出典にない",
        "name": "名前が出典にない",
        "negation": "肯定・否定が出典と逆",
        "quotation": "引用が出典の言葉と違う",
        "meaning": "出典が裏付けていない",
        "relation": "出典の言葉だが、関係が同じと確かめられない",
        "off_question": "質問への答えになっていない",
        "language": "質問と違う言語で書かれている",
    },
    "en": {
        "no_citation": "it names no source",
        "unknown_citation": "it cites a quote that was not shown",
        "number": "the figure is not in the source",
        "date": "the date is not in the source",
        "name": "the name is not in the source",
        "negation": "the source says the opposite",
        "quotation": "the quotation is not in the source's words",
        "meaning": "the source does not support it",
        "relation": "it may put the source's words into another relation",
        "off_question": "it does not answer the question",
        "language": "it is not in the language of the question",
    },
    "ko": {
        "no_citation": "근거 번호가 없음",
        "unknown_citation": "제시되지 않은 번호를 근거로 함",
        "number": "숫자가 출처에 없음",
        "date": "날짜가 출처에 없음",
        "name": "이름이 출처에 없음",
        "negation": "출처와 긍정·부정이 반대",
        "quotation": "인용이 출처의 표현과 다름",
        "meaning": "출처가 뒷받침하지 않음",
        "relation": "출처의 말이지만 관계가 같다고 확인되지 않음",
        "off_question": "질문에 대한 답이 아님",
        "language": "질문과 다른 언어로 쓰임",
    },
    "zh": {
        "no_citation": "没有注明依据",
        "unknown_citation": "引用了未出示的编号",
        "number": "数字不在出处中",
        "date": "日期不在出处中",
        "name": "名称不在出处中",
        "negation": "与出处肯定否定相反",
        "quotation": "引语与出处原文不符",
        "meaning": "出处不支持这句话",
        "relation": "用了出处的词，但无法确认关系相同",
        "off_question": "没有回答问题",
        "language": "与提问语言不同",
    },
}

_NOTICE = {
    "conflict": {
        "ja": "記事によって食い違いがあります: {told}",
        "en": "The articles disagree: {told}",
        "ko": "기사마다 내용이 다릅니다: {told}",
        "zh": "各篇文章说法不一：{told}",
    },
    "premise": {
        "ja": "質問には「{asked}」とありますが、記事では「{told}」です。",
        "en": "The question says “{asked}”; the article says “{told}”.",
        "ko": "질문에는 “{asked}”라고 되어 있지만 기사에는 “{told}”라고 되어 있습니다.",
        "zh": "提问中说“{asked}”，而文章说的是“{told}”。",
    },
    "llm_unavailable": {
        "ja": "言語モデルが使えないため、記事の引用だけを示します。",
        "en": "The language model is not available; these are quotes from the articles alone.",
        "ko": "언어 모델을 사용할 수 없어 기사의 인용문만 보여 드립니다.",
        "zh": "语言模型不可用，仅显示文章引文。",
    },
    "llm_stopped": {
        "ja": "言語モデルが途中で止まったため、確認を通った文だけを示します。",
        "en": "The language model stopped before it had finished; only sentences that passed are shown.",
        "ko": "언어 모델이 도중에 멈춰 확인을 통과한 문장만 보여 드립니다.",
        "zh": "语言模型中途停止，仅显示已通过核对的句子。",
    },
    "filter_opened": {
        "ja": "指定の期間には該当する記事がないため、全期間から探しました。",
        "en": "No article falls in that period, so all dates were searched.",
        "ko": "해당 기간의 기사가 없어 전체 기간에서 찾았습니다.",
        "zh": "该时间范围内没有文章，已在全部日期中查找。",
    },
    "filter_applied": {
        "ja": "期間 {period} の記事から探しました。",
        "en": "Searched articles of {period}.",
        "ko": "{period} 기간의 기사에서 찾았습니다.",
        "zh": "已在 {period} 的文章中查找。",
    },
    "quotes_only": {
        "ja": "言語モデルの文は確認を通らなかったため、記事の引用を示します。",
        "en": "The model's own words did not pass the check; this is the article's wording.",
        "ko": "모델의 문장이 확인을 통과하지 못해 기사 원문을 보여 드립니다.",
        "zh": "模型的表述未通过核对，以下为文章原文。",
    },
}

_TRANSLATION = {
    "machine": {
        "ja": "機械翻訳（{model}）。出典の言葉ではありません",
        "en": "machine translation by {model}; not the source's words",
        "ko": "기계 번역({model}). 출처의 표현이 아닙니다",
        "zh": "机器翻译（{model}），并非出处原文",
    },
    "doubtful": {
        "ja": "機械翻訳（{model}）。数字か名前が出典と一致しません。原文を確認してください",
        "en": "machine translation by {model}; its figures or names differ from the source: read the original",
        "ko": "기계 번역({model}). 숫자나 이름이 출처와 다릅니다. 원문을 확인하세요",
        "zh": "机器翻译（{model}），数字或名称与出处不符，请查看原文",
    },
}


def refusal_text(reason: RefusalReason, language: str) -> str:
    """What a reader is told when the articles do not say."""
    return _REFUSAL.get(language, _REFUSAL["en"])[reason]


def removed_text(reason: RemovedReason, language: str) -> str:
    """Why a sentence was removed."""
    return _REMOVED.get(language, _REMOVED["en"])[reason]


def notice_text(key: str, language: str, **values: str) -> str:
    """A notice by its key, with its values filled in."""
    table = _NOTICE[key]
    return table.get(language, table["en"]).format(**values)


def translation_text(key: str, language: str, *, model: str) -> str:
    """What stands beside a translation: who made it, and that it is not the source."""
    table = _TRANSLATION[key]
    return table.get(language, table["en"]).format(model=model)
