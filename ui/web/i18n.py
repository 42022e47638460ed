"""What the interface itself says, in Japanese, English, Korean and Chinese; no markup in here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

__all__ = ["LANGUAGES", "LANGUAGE_NAMES", "PHRASES", "Language", "negotiate", "say"]

Language = Literal["en", "ja", "ko", "zh"]

LANGUAGES: tuple[Language, ...] = get_args(Language)

LANGUAGE_NAMES: Mapping[Language, str] = MappingProxyType(
    {"en": "English", "ja": "日本語", "ko": "한국어", "zh": "中文"}
)

# One row a phrase: English, Japanese, Korean, Chinese. `{name}` marks a fact put in by `say`.
_ROWS: dict[str, tuple[str, str, str, str]] = {
    "title": (
        "Konkyo: ask the articles",
        "根拠 – 記事に聞く",
        "Konkyo – 기사에 묻기",
        "Konkyo – 向报道提问",
    ),
    "tagline": (
        "Every sentence shows its source.",
        "すべての文に、根拠を。",
        "모든 문장에 근거를.",
        "句句有出处。",
    ),
    "login": (
        "The user name is konkyo.",
        "ユーザー名は konkyo です。",
        "사용자 이름은 konkyo입니다.",
        "用户名为 konkyo。",
    ),
    "question_label": ("Your question", "質問", "질문", "你的问题"),
    "placeholder": (
        "Ask about the articles",
        "記事について質問する",
        "기사에 대해 질문하기",
        "就报道内容提问",
    ),
    "ask": ("Ask", "質問する", "질문", "提问"),
    "stop": ("Stop", "停止", "중지", "停止"),
    "retry": ("Ask again", "もう一度", "다시 묻기", "再问一次"),
    "edit": ("Edit", "編集", "수정", "编辑"),
    "copy": ("Copy", "コピー", "복사", "复制"),
    "copied": ("Copied", "コピーしました", "복사했습니다", "已复制"),
    "link": ("Copy link", "リンクをコピー", "링크 복사", "复制链接"),
    "new": ("New conversation", "新しい会話", "새 대화", "新对话"),
    "language": ("Language", "言語", "언어", "语言"),
    "theme": (
        "Light or dark",
        "明るい・暗い画面",
        "밝은 화면·어두운 화면",
        "浅色·深色",
    ),
    "sign_out": ("Sign out", "サインアウト", "로그아웃", "退出登录"),
    "close": ("Close", "閉じる", "닫기", "关闭"),
    "loading": (
        "Getting the models ready…",
        "モデルを準備しています…",
        "모델을 준비하고 있습니다…",
        "正在准备模型…",
    ),
    "loading_wait": (
        "Your question is kept and will be answered as soon as the models are ready.",
        "質問は受け付けました。モデルの準備ができしだいお答えします。",
        "질문을 받았습니다. 모델이 준비되는 대로 답합니다.",
        "问题已收到，模型就绪后立即作答。",
    ),
    "ready_one": ("1 article", "記事 1 本", "기사 1건", "1 篇报道"),
    "ready": ("{count} articles", "記事 {count} 本", "기사 {count}건", "{count} 篇报道"),
    "failed": ("Not ready", "準備できませんでした", "준비하지 못했습니다", "未能就绪"),
    "newer": (
        "Now reading a newer version of the index.",
        "索引が新しくなりました。以後は新しい索引で答えます。",
        "색인이 새로워졌습니다. 이제 새 색인으로 답합니다.",
        "索引已更新，现在使用新的索引。",
    ),
    "welcome": (
        "What would you like to know?",
        "何を知りたいですか。",
        "무엇이 궁금하신가요?",
        "想了解什么？",
    ),
    "welcome_more": (
        "Answers come only from the articles. Each sentence carries a number: press it to read "
        "the passage it rests on. Where the articles do not say, you are told so.",
        "記事に書かれていることだけで答えます。文の番号を押すと、根拠の一節が開きます。"
        "記事にないことは、ないとお伝えします。",
        "기사에 있는 내용으로만 답합니다. 문장의 번호를 누르면 근거가 된 대목이 열립니다. "
        "기사에 없는 것은 없다고 알려 드립니다.",
        "回答只依据报道内容。点按句末的编号，可查看所依据的原文段落。报道没有提到的，会如实告知。",
    ),
    "try": ("For example", "たとえば", "예를 들면", "例如"),
    "ask_about": (
        "What do the articles say about “{title}”?",
        "「{title}」とはどういうことですか。",
        "‘{title}’은(는) 어떤 내용인가요?",
        "“{title}”是怎么回事？",
    ),
    "in_index": ("In the index", "収録記事", "수록된 기사", "收录的报道"),
    "newest": ("The newest {count}", "新しい順に {count} 本", "최신 {count}건", "最新 {count} 篇"),
    "empty_index": (
        "The index is empty. Add articles with: konkyo index build SOURCE --store DIR",
        "索引は空です。次の命令で記事を加えてください: konkyo index build SOURCE --store DIR",
        "색인이 비어 있습니다. 다음 명령으로 기사를 추가하세요: konkyo index build SOURCE --store DIR",
        "索引是空的。请用以下命令加入报道：konkyo index build SOURCE --store DIR",
    ),
    "searching": (
        "Looking through the articles…",
        "記事を調べています…",
        "기사를 찾아보고 있습니다…",
        "正在查找报道…",
    ),
    "queued_one": (
        "1 question is ahead of yours…",
        "前に質問が 1 件あります…",
        "앞에 질문이 1건 있습니다…",
        "前面还有 1 个问题…",
    ),
    "queued": (
        "{count} questions are ahead of yours…",
        "前に質問が {count} 件あります…",
        "앞에 질문이 {count}건 있습니다…",
        "前面还有 {count} 个问题…",
    ),
    "writing": (
        "Writing from these passages…",
        "この一節をもとに書いています…",
        "이 대목을 바탕으로 쓰고 있습니다…",
        "正在根据这些段落作答…",
    ),
    "checking": (
        "Checking a sentence against its source…",
        "文を出典と照らし合わせています…",
        "문장을 출처와 대조하고 있습니다…",
        "正在核对句子与出处…",
    ),
    "evidence": ("Passages", "見つかった一節", "찾은 대목", "找到的段落"),
    "original": ("Original page", "元の記事", "원문 페이지", "原文页面"),
    "translate": ("Translate", "訳を見る", "번역 보기", "查看翻译"),
    "translating": ("Translating…", "訳しています…", "번역하고 있습니다…", "正在翻译…"),
    "translation_waits_one": (
        "1 question goes first…",
        "先に質問 1 件に答えています…",
        "먼저 질문 1건에 답하고 있습니다…",
        "先回答 1 个问题…",
    ),
    "translation_waits": (
        "{count} questions go first…",
        "先に質問 {count} 件に答えています…",
        "먼저 질문 {count}건에 답하고 있습니다…",
        "先回答 {count} 个问题…",
    ),
    "no_translation": (
        "No translation:",
        "訳せませんでした:",
        "번역하지 못했습니다:",
        "未能翻译：",
    ),
    "no_date": ("no date", "日付なし", "날짜 없음", "无日期"),
    "comments_one": (
        "1 reader's comment, never used as evidence",
        "読者のコメント 1 件(根拠には使いません)",
        "독자 댓글 1건(근거로 쓰지 않습니다)",
        "1 条读者评论（不作为依据）",
    ),
    "comments": (
        "{count} readers' comments, never used as evidence",
        "読者のコメント {count} 件(根拠には使いません)",
        "독자 댓글 {count}건(근거로 쓰지 않습니다)",
        "{count} 条读者评论（不作为依据）",
    ),
    "also_found_one": (
        "The same story was also found in 1 other place",
        "同じ記事がほか 1 か所にあります",
        "같은 기사가 다른 1곳에도 있습니다",
        "同一报道另见 1 处",
    ),
    "also_found": (
        "The same story was also found in {count} other places",
        "同じ記事がほか {count} か所にあります",
        "같은 기사가 다른 {count}곳에도 있습니다",
        "同一报道另见 {count} 处",
    ),
    "article_gone": (
        "This article is no longer in the index.",
        "この記事は索引から除かれました。",
        "이 기사는 이제 색인에 없습니다.",
        "该报道已不在索引中。",
    ),
    "quote_moved": (
        "The passage could not be marked: the text has changed since.",
        "本文が変わったため、この一節に印を付けられませんでした。",
        "본문이 바뀌어 이 대목을 표시할 수 없습니다.",
        "正文已有变动，无法标出该段落。",
    ),
    "all_articles": ("All articles", "記事一覧", "기사 목록", "全部报道"),
    "removed_one": (
        "1 sentence removed: {reason}",
        "1 文を除きました: {reason}",
        "문장 1개 삭제: {reason}",
        "删去 1 句：{reason}",
    ),
    "removed": (
        "{count} sentences removed: {reason}",
        "{count} 文を除きました: {reason}",
        "문장 {count}개 삭제: {reason}",
        "删去 {count} 句：{reason}",
    ),
    "removed_note": (
        "The model wrote this, but it did not pass the check. Do not rely on it.",
        "モデルが書きましたが、確認を通らなかった文です。根拠になりません。",
        "모델이 썼지만 확인을 통과하지 못한 문장입니다. 믿지 마십시오.",
        "这是模型写出但未通过核对的内容，请勿采信。",
    ),
    "refused": ("No answer", "回答なし", "답 없음", "没有答案"),
    "related": (
        "Related, but does not answer",
        "関連はあるが、答えではない記事",
        "관련은 있지만 답은 아닌 기사",
        "相关但未回答问题的报道",
    ),
    "refusal_tip": (
        "Try other words, a name or a date.",
        "言葉を変えるか、名前や日付を入れてみてください。",
        "다른 말이나 이름, 날짜로 물어보세요.",
        "可以换种说法，或加上名称、日期。",
    ),
    "refusal_tip_filter": (
        "A filter is on: widen it to search all articles.",
        "絞り込み中です。広げるとすべての記事を調べられます。",
        "필터가 켜져 있습니다. 넓히면 모든 기사를 찾습니다.",
        "正在使用筛选，放宽后可查找全部报道。",
    ),
    "stopped": ("Stopped", "停止しました", "중지했습니다", "已停止"),
    "stopped_more": (
        "Only sentences that had passed the check are shown.",
        "確認を通った文だけを表示しています。",
        "확인을 통과한 문장만 표시합니다.",
        "只显示已通过核对的句子。",
    ),
    "error": ("That did not work", "うまくいきませんでした", "잘되지 않았습니다", "出错了"),
    "error_internal": (
        "An unexpected error; its details are in the terminal where konkyo runs.",
        "予期しない誤りです。詳しくは konkyo を動かしている端末をご覧ください。",
        "예기치 못한 오류입니다. 자세한 내용은 konkyo를 실행한 터미널에 있습니다.",
        "发生意外错误，详情见运行 konkyo 的终端。",
    ),
    "too_long": (
        "The question is too long: at most {limit} characters.",
        "質問が長すぎます。{limit} 文字までにしてください。",
        "질문이 너무 깁니다. {limit}자까지 가능합니다.",
        "问题过长，最多 {limit} 个字符。",
    ),
    "too_many": (
        "Too many questions in a minute. Try again in {seconds} s.",
        "1 分あたりの質問が多すぎます。{seconds} 秒後にもう一度お試しください。",
        "1분 동안 질문이 너무 많습니다. {seconds}초 뒤에 다시 시도하세요.",
        "一分钟内提问过多，请在 {seconds} 秒后再试。",
    ),
    "verified_one": (
        "1 sentence, checked against its source",
        "1 文・出典と照合済み",
        "문장 1개 · 출처 대조 완료",
        "1 句 · 已与出处核对",
    ),
    "verified": (
        "{count} sentences, each checked against its source",
        "{count} 文・出典と照合済み",
        "문장 {count}개 · 출처 대조 완료",
        "{count} 句 · 均已与出处核对",
    ),
    "seconds": ("{seconds} s", "{seconds} 秒", "{seconds}초", "{seconds} 秒"),
    "filters": ("Filters", "絞り込み", "필터", "筛选"),
    "filters_on": (
        "Filters: {count} on",
        "絞り込み中（{count}）",
        "필터 {count}개 적용",
        "筛选（{count}）",
    ),
    "since": ("From", "開始日", "시작일", "起始日期"),
    "until": ("To", "終了日", "종료일", "截止日期"),
    "article_language": ("Language of the articles", "記事の言語", "기사 언어", "报道语言"),
    "outlet": ("Outlet", "媒体", "매체", "媒体"),
    "any": ("All", "すべて", "전체", "全部"),
    "clear_filters": ("Clear", "解除", "해제", "清除"),
    "widen": (
        "Ask all articles, without filters",
        "絞り込みを外してもう一度",
        "필터 없이 전체 기사에 묻기",
        "取消筛选，向全部报道提问",
    ),
    "offers": ("You could try", "次をお試しください", "이렇게 해 보세요", "可以试试"),
    "save": ("Save", "保存", "저장", "保存"),
    "print": ("Print", "印刷", "인쇄", "打印"),
    "nothing_to_save": (
        "There is no conversation to save yet.",
        "保存できる会話がまだありません。",
        "저장할 대화가 아직 없습니다.",
        "还没有可保存的对话。",
    ),
    "good": ("Good answer", "よい回答", "좋은 답", "回答得好"),
    "bad": ("Bad answer", "よくない回答", "좋지 않은 답", "回答不好"),
    "thanks": ("Thank you, noted.", "記録しました。", "기록했습니다.", "已记录，谢谢。"),
    "bad_why": (
        "What is wrong with it?",
        "どこがよくないですか。",
        "무엇이 문제인가요?",
        "有什么问题？",
    ),
    "reason_wrong": ("It is wrong", "内容が誤っている", "내용이 틀림", "内容有误"),
    "reason_unproven": (
        "The quote does not prove it",
        "引用が根拠になっていない",
        "인용문이 근거가 되지 않음",
        "引文不能证明",
    ),
    "reason_incomplete": ("Something is missing", "足りないことがある", "빠진 것이 있음", "有遗漏"),
    "reason_should_refuse": (
        "The articles do not say this",
        "記事に書かれていない",
        "기사에 없는 내용임",
        "报道并未提及",
    ),
    "reason_should_answer": (
        "The articles do answer it",
        "記事に答えがある",
        "기사에 답이 있음",
        "报道中有答案",
    ),
    "reason_other": ("Something else", "その他", "기타", "其他"),
    "correction": (
        "What would be right? (optional)",
        "正しくは？（任意）",
        "올바른 답은? (선택)",
        "正确的是？（可不填）",
    ),
    "send": ("Send", "送信", "보내기", "发送"),
    "sources_of_answer": ("Sources", "出典", "출처", "出处"),
    "keep_index": ("Manage the index", "索引の管理", "색인 관리", "管理索引"),
    "evaluate": ("Evaluate", "評価", "평가", "评测"),
    "index_page": ("The index", "索引", "색인", "索引"),
    "add_sources": ("Add articles", "記事を追加", "기사 추가", "添加报道"),
    "add_hint": (
        "Files or folders on the server, or addresses: one a line",
        "サーバー上のファイル・フォルダー、または URL（1 行に 1 つ）",
        "서버의 파일·폴더 또는 URL(한 줄에 하나)",
        "服务器上的文件、文件夹或网址，每行一个",
    ),
    "add": ("Add", "追加", "추가", "添加"),
    "upload_files": (
        "Files from this device…",
        "この端末のファイル…",
        "이 기기의 파일…",
        "本设备的文件…",
    ),
    "upload_folder": ("A folder…", "フォルダー…", "폴더…", "文件夹…"),
    "refresh": (
        "Read again what changed",
        "変わったものを読み直す",
        "바뀐 것 다시 읽기",
        "重读有变动的",
    ),
    "rebuild": ("Rebuild from scratch", "最初から作り直す", "처음부터 다시 만들기", "全部重建"),
    "undo": (
        "Undo the last change",
        "直前の変更を元に戻す",
        "마지막 변경 되돌리기",
        "撤销上次更改",
    ),
    "remove_anyway": (
        "Remove them all the same",
        "それでも外す",
        "그래도 빼기",
        "仍然移除",
    ),
    "verify": ("Verify", "検査", "검사", "检查"),
    "cancel": ("Cancel", "中止", "취소", "取消"),
    "remove": ("Remove", "外す", "빼기", "移除"),
    "indexed_sources": ("Sources", "収録元", "수록된 출처", "来源"),
    "more_sources": ("and {count} more", "ほか {count} 件", "외 {count}건", "另有 {count} 个"),
    "job_running": ("Working…", "作業中…", "작업 중…", "进行中…"),
    "job_read": ("Reading", "読み込み", "읽는 중", "读取"),
    "job_embed": ("Embedding", "ベクトル化", "벡터화", "向量化"),
    "job_index": ("Indexing", "索引作成", "색인 작성", "建立索引"),
    "job_done": ("Done", "完了", "완료", "完成"),
    "job_failed": ("Failed", "失敗", "실패", "失败"),
    "job_stopped": (
        "Cancelled; the index is as it was",
        "中止しました。索引は元のままです",
        "취소했습니다. 색인은 그대로입니다",
        "已取消，索引保持原样",
    ),
    "job_goes_on": (
        "The chat goes on answering from the index as it was.",
        "その間も、これまでの索引で質問に答えます。",
        "그동안에도 기존 색인으로 답합니다.",
        "期间仍按原索引回答问题。",
    ),
    "changed": (
        "{added} added, {changed} changed, {removed} removed, {unchanged} unchanged",
        "追加 {added}、変更 {changed}、削除 {removed}、変更なし {unchanged}",
        "추가 {added}, 변경 {changed}, 삭제 {removed}, 그대로 {unchanged}",
        "新增 {added}，变更 {changed}，移除 {removed}，未变 {unchanged}",
    ),
    "not_read": ("Could not be read", "読めなかったもの", "읽지 못한 것", "未能读取"),
    "all_kept": (
        "Every promise of the index holds.",
        "索引に問題はありません。",
        "색인에 문제가 없습니다.",
        "索引完好。",
    ),
    "not_editor": (
        "Sign in as editor to do this.",
        "編集者（editor）としてログインすると使えます。",
        "편집자(editor)로 로그인하면 쓸 수 있습니다.",
        "请以编辑者（editor）身份登录。",
    ),
    "eval_page": ("Evaluation", "評価", "평가", "评测"),
    "eval_more": (
        "Ask a set of questions with known answers, and see what is right and what is proven.",
        "答えの分かっている質問を続けて尋ね、正しさと根拠の確かさを測ります。",
        "정답을 아는 질문들을 물어 정확성과 근거를 측정합니다.",
        "用已知答案的问题集提问，衡量正确性与依据。",
    ),
    "eval_set": ("Questions", "質問集", "질문 모음", "问题集"),
    "eval_limit": ("At most", "上限", "최대", "最多"),
    "eval_run": ("Run", "実行", "실행", "运行"),
    "eval_none": (
        "No set of questions was found.",
        "質問集が見つかりません。",
        "질문 모음이 없습니다.",
        "没有找到问题集。",
    ),
    "eval_report": ("Open the whole report", "報告書を開く", "전체 보고서 열기", "打开完整报告"),
    "eval_stopped": (
        "Cancelled; what was asked is kept",
        "中止しました。そこまでの結果は残ります",
        "취소했습니다. 그때까지의 결과는 남습니다",
        "已取消，已有结果保留",
    ),
    "measure_handled": ("Handled rightly", "正しく対応", "바르게 처리", "处理正确"),
    "measure_correct": (
        "Right, of the answerable",
        "答えられる質問の正答",
        "답할 수 있는 질문의 정답",
        "可答问题答对",
    ),
    "measure_refused": (
        "Refused, of the unanswerable",
        "答えのない質問の回避",
        "답 없는 질문의 거절",
        "无答案问题拒答",
    ),
    "readers_feedback": ("Readers' feedback", "読者の評価", "독자 평가", "读者反馈"),
}

PHRASES: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        language: MappingProxyType({key: row[place] for key, row in _ROWS.items()})
        for place, language in enumerate(LANGUAGES)
    }
)


def say(language: Language, key: str, **facts: object) -> str:
    """Give the phrase ``key`` with its facts in place.

    A ``count`` of one takes the singular row where there is one. The result is plain text and
    is still to be escaped. Raises KeyError for an unknown phrase.
    """
    rows = PHRASES[language]
    singular = f"{key}_one"
    chosen = rows[singular] if facts.get("count") == 1 and singular in rows else rows[key]
    return chosen.format_map(facts) if facts else chosen


def negotiate(cookie: str | None, accept_language: str | None) -> Language:
    """Choose the interface language: the reader's own choice, else the browser's, else English.

    ``accept_language`` is the header of that name (RFC 9110, 12.5.4); unknown tags and malformed
    weights are passed over.
    """
    for language in LANGUAGES:
        if cookie == language:
            return language
    weighted: list[tuple[float, int, Language]] = []
    for place, part in enumerate((accept_language or "").split(",")[:20]):
        tag, _, weight = part.partition(";")
        main = tag.strip().lower().split("-")[0]
        for language in LANGUAGES:
            if main == language:
                weighted.append((-_weight(weight), place, language))
    best = min(weighted, default=None)
    return best[2] if best is not None and best[0] < 0 else "en"


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
