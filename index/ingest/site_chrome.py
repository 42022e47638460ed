"""What pages say that is not the article: labels, site notices, forms, in four languages and more.

A *label* is a whole line. A *notice* is a sentence in the site's own voice. A *hint* counts only
beside lines that are furniture already, because articles use such words, too.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["CJK", "Kind", "is_reply_button", "kind_of", "text_width"]

Kind = Literal[
    "blank", "prose", "short", "heading", "quote", "label", "form", "comments", "related", "notice", "hint",
    "references", "contributor", "byline", "stamp", "url", "rule",
]  # fmt: skip

_EDGE = "[]【】|｜•·»›:：!！*＊…-–—→↓↑▼▲▶◀✕×+#🔗📷 \t\u3000"

# After one of these nothing belongs to the article until another one begins.
_FORM = re.compile(
    r"コメントを(?:残す|書く|する|投稿(?:する)?|見る|もっと見る)|コメント(?:する|欄)|返信を(?:残す|キャンセル).*|"
    r"leave (?:a|your) (?:comment|reply).*|(?:post|add|write) (?:a|your) comment.*|join the (?:conversation|discussion).*|"
    r"(?:view|show|read|see|load)(?: all)?(?: \d+)? comments?|cancel reply|"
    r"댓글 ?(?:쓰기|남기기|달기|입력|을 남겨.*)|답글 ?(?:쓰기|남기기)|"
    r"(?:发表|發表|我要|网友|網友|最新|热门)(?:评论|評論)(?: ?[(（]?\d+[)）]?条?)?|(?:发表|發表)留言|发表回复|發佈留言|取消回复|"
    r"schreibe? einen kommentar.*|laisser un commentaire.*|deja (?:un comentario|una respuesta).*",
    re.IGNORECASE,
)
# A heading above readers' comments, or only a button that counts them.
_COMMENTS = re.compile(
    r"(?:\d+ ?)?(?:comments?|kommentare?|commentaires?|comentarios?)(?: ?[(（]?\d+[)）]?)?|(?:みんなの|読者の)?コメント(?:一覧)?(?: ?[(（]?\d+件?[)）]?)?|"
    r"(?:전체 ?)?댓글(?: ?[(（]?\d+[)）]?개?)?|(?:评论|評論|留言|回复)(?: ?[(（]?\d+[)）]?条?)?|\d+ ?[条則则](?:评论|評論|留言)",
    re.IGNORECASE,
)
_REPLY = re.compile(
    r"reply|like|report|flag|upvote|\d+ (?:minutes?|hours?|days?|weeks?|months?) ago|返信(?:する)?|いいね!?(?: ?\d+)?|通報(?:する)?|답글(?: ?\d+)?|공감(?: ?\d+)?|신고|回复|回覆|点赞|赞|举报",
    re.IGNORECASE,
)
# Links to other articles follow.
_RELATED = re.compile(
    r"(?:関連|おすすめ|人気|新着|最新|注目)の?(?:記事|ニュース|リンク|キーワード|トピックス|ランキング)(?:一覧)?|あわせて読みたい.*|こちらもおすすめ|"
    r"(?:アクセス|人気記事|記事|週間|月間)?ランキング|この記事を読んだ人.*|"
    r"(?:related|recommended|more|similar|popular|latest|top|trending|featured|recent)(?: (?:articles?|stories|story|content|posts?|news|topics?|reading|links?|headlines))|"
    r"related|more (?:on|from) .{2,40}|most (?:read|popular|viewed|shared)(?: .{0,20})?|recommended(?: for you)?|you (?:may|might) also (?:like|be interested in)|"
    r"trending(?: now)?|editors?['’]?s? picks?|up next|what to read next|don['’]t miss|keep reading|see also|also read|"
    r"(?:관련|추천|인기|최신|주요|다른)\s?(?:기사|뉴스|글|키워드)|많이 ?본 ?(?:뉴스|기사)|이 시각 (?:주요|많이 본) ?뉴스|함께 ?(?:본|읽으면 좋은|보면 좋은).*|실시간 ?(?:뉴스|랭킹|인기).*|"
    r"(?:相关|相關|推荐|推薦|热门|熱門|延伸|最新|精彩|更多)(?:阅读|閱讀|新闻|新聞|文章|推荐|推薦|链接|報導|报道|内容|資訊)|猜你喜欢|大家都在看|热点新闻|排行榜|"
    r"mehr zum thema|lesen sie auch|das könnte sie (?:auch )?interessieren|à lire aussi|sur le même sujet|te puede interesar|noticias relacionadas",
    re.IGNORECASE,
)
_REFERENCES = re.compile(
    r"参考[・/／、]?(?:参照|文献|資料|リンク|サイト|記事|资料|链接)?|出典|引用元|情報源|ソース|"
    r"references?|sources?|citations?|further reading|참고(?: ?자료|문헌|기사| ?링크)?|출처|(?:参考|資料|资料)(?:来源|來源)|參考(?:資料|連結|来源)?|quellen?|fuentes?|références",
    re.IGNORECASE,
)
_LABEL = re.compile(
    # Japanese
    r"(?:この(?:記事|ページ)を)?(?:シェア|共有)(?:する)?|ツイート|ポスト(?:する)?|いいね!?(?: ?\d+)?|はてなブックマーク|はてブ|LINEで送る|(?:記事を)?印刷(?:する)?|(?:記事を)?保存(?:する)?|"
    r"クリップ|フォロー(?:する|してください)?|(?:前|次)の(?:記事|ページ)(?:へ|を読む)?|(?:トップ|ホーム)(?:ページ|へ戻る|に戻る)?|メニュー|ログイン|会員登録|(?:無料)?(?:会員)?登録(?:はこちら|する)?|"
    r"続きを(?:読む|見る)|もっと(?:見る|読む)|一覧(?:へ|を見る)?|記事一覧|カテゴリー?|タグ|検索|お問い合わせ|プライバシーポリシー|利用規約|運営会社|サイトマップ|個人情報.{0,8}|"
    r"(?:広告|PR|AD|スポンサー(?:ード)?リンク)|名前|(?:メール)?アドレス|メール|サイト|ウェブサイト|(?:コメントを)?送信(?:する)?|評価|活動|すべて(?:同意|拒否|許可)(?:する)?|同意(?:する|して閉じる)?|拒否する|"
    r"文字サイズ.*|ページの先頭へ.*|ページトップへ?|メルマガ(?:登録|購読).*|ニュースレター.{0,12}|写真を?拡大.*|画像(?:を?拡大.*|\(\d+/\d+\))|(?:全文|記事)を?表示|閉じる|読者登録|通報(?:する)?|"
    # English and neighbours
    r"share(?: (?:this|on|via|with|to)\b.{0,40}| ?\(\d+\))?|(?:tweet|email|e-mail|print|facebook|twitter|x|whatsapp|linkedin|reddit|pinterest|telegram|instagram|youtube|tiktok|line|messenger|threads|bluesky|rss|copy link|link copied|save|bookmark|flipboard)(?: this(?: article)?)?|"
    r"(?:facebook|twitter|x|whatsapp|linkedin|reddit|pinterest|telegram|instagram|email|print|copy link|line|youtube|tiktok)(?:[\s,|/·•]+(?:facebook|twitter|x|whatsapp|linkedin|reddit|pinterest|telegram|instagram|email|print|copy link|line|youtube|tiktok))+|"
    r"(?:continue|read|show|load|see|view|learn|find out) (?:more|all|less|full story|reading)(?: .{0,30})?|advertisement|advert|ads?|sponsored(?: content| by .{0,30})?|paid (?:post|content)|"
    r"subscribe(?: (?:now|today|to .{0,40}))?|sign (?:in|up|out)(?: (?:now|here|to .{0,40}|for .{0,60}))?|log ?(?:in|out)|register(?: now)?|my account|(?:main )?menu|search(?: .{0,20})?|home|"
    r"skip to (?:main )?(?:content|navigation)|newsletters?(?: sign-?up)?|back to (?:top|home.*)|(?:privacy|cookie) (?:policy|notice|settings|preferences)|terms(?: (?:of (?:use|service)|and conditions|& conditions))?|"
    r"contact(?: us)?|about(?: us)?|careers|help|faq|site ?map|accessibility|accept(?: all)?(?: cookies)?|(?:reject|decline|allow)(?: all)?(?: cookies)?|(?:manage|cookie) (?:preferences|cookies|choices|settings|consent)|"
    r"name ?\*?|email(?: address)? ?\*?|website|submit|post comment|reply|report|like|dislike|likes? ?\d*|follow(?: us)?(?: on .{0,40})?|listen(?: to (?:this )?article)?.{0,12}|\d+ min(?:ute)?s? (?:read|listen)|loading|close|next|previous|prev|"
    r"(?:previous|next) (?:article|post|story|page).{0,80}|published|updated|tags?|topics?|categories|filed under.{0,60}|image (?:source|credit).{0,60}|getty images|photo ?credit.{0,60}|play video|video|gallery|watch live|breaking(?: news)?|gift this article|give this article|"
    r"teilen|drucken|anmelden|abonnieren|werbung|anzeige|startseite|partager|imprimer|s['’]abonner|publicité|compartir|imprimir|suscríbete|publicidad|inicio|"
    r"rate this(?: .{0,20})?|was this (?:article |page |story )?(?:helpful|useful).{0,3}|yes|no|about this (?:site|blog|page)|(?:tags?|topics?|category|categories|filed under)\s*:.{1,80}|disclaimer|"
    r"みんなの評価|総合評価|(?:この|当)?サイトについて|免責事項|運営者情報|(?:カテゴリー?|タグ|キーワード)\s*[:：].{1,60}|この記事は役に立ちましたか.?|はい|いいえ|"
    r"(?:태그|카테고리|키워드)\s*[:：].{1,60}|사이트 소개|(?:标签|標籤|分类|分類|关键词|關鍵字)\s*[:：].{1,60}|关于本站|關於本站|"
    # Korean
    r"(?:기사 ?)?공유(?: ?하기)?|좋아요(?: ?\d+)?|싫어요(?: ?\d+)?|화나요|슬퍼요|훈훈해요|구독(?: ?하기| ?신청)?|로그인|회원 ?가입|기사 ?(?:제보|저장|스크랩|원문|듣기|목록)|(?:기사 ?)?인쇄(?: ?하기)?|스크랩|글자 ?(?:크기|키우기|줄이기).{0,20}|뉴스레터.{0,20}|카카오톡|카카오스토리|네이버|밴드|페이스북|트위터|URL ?복사|이메일|본문 ?(?:바로가기|듣기)|목록(?:으로)?|(?:이전|다음) ?(?:기사|글)?|광고|홈|메뉴|검색|더 ?보기|전체 ?메뉴|닫기|맨 ?위로|개인정보.{0,10}|이용약관|(?:모두 )?동의(?:합니다)?|"
    # Chinese
    r"分享(?:到|至)?.{0,24}|转发(?:到.{0,12})?|(?:微信|微博|QQ空间|朋友圈|脸书|臉書|推特)(?:[\s、|/]+(?:微信|微博|QQ空间|QQ|朋友圈|脸书|臉書|推特))*|登录|登錄|登入|注册|註冊|首页|首頁|返回(?:首页|顶部|列表)|回(?:首頁|到顶部|頂部)|上一[篇页].{0,60}|下一[篇页].{0,60}|"
    r"打印|列印|字[号體体].{0,16}|收藏(?:本文)?|点赞(?: ?\d+)?|點讚|举报|舉報|广告|廣告|订阅.{0,20}|訂閱.{0,20}|(?:加载|查看|阅读|顯示|显示)(?:更多|全文)|更多|搜索|搜尋|导航|菜单|关闭|關閉|(?:全部)?(?:同意|接受|拒绝|拒絕)(?:所有|全部)?(?:cookie)?|联系我们|關於我們|关于我们|隐私政策|隱私(?:權)?政策|使用条款",
    re.IGNORECASE,
)
# A whole sentence in the site's voice, whatever surrounds it.
_NOTICE = re.compile(
    r"メールアドレスが公開されることはありません|欄は必須項目|スパム対策|無断(?:転載|複製|での?転載)[をはがの・、]?.{0,12}(?:禁|ご遠慮|お断り)|(?:Cookie|クッキー).{0,14}(?:使用|利用)し(?:て|ま)|"
    r"(?:当|本)(?:サイト|ブログ|ページ)(?:の|では?|は|を|に)|まとめるサイトです|(?:以下|下記)の活動を行いました|各項目の説明はこちら|という?と?思う人は$|を押してください。?$|"
    r"日本語が含まれない投稿|アプリ(?:を|で)(?:ダウンロード|読む)|(?:会員|有料)(?:限定|会員)(?:の)?記事です|この記事は(?:有料|会員)|ログインして(?:続き|コメント)|(?:メルマガ|ニュースレター)(?:に|を|へ)の?(?:登録|購読)|"
    r"your e-?mail address will not be published|required fields are marked|save my name, email|this site uses (?:akismet|cookies)|(?:we|this (?:web)?site) uses? (?:\w+ )?cookies|this (?:web)?site (?:collects|contains|may contain|is operated|does not)|takes no responsibility for|by (?:continuing|clicking|signing up|subscribing|using).{0,60}(?:agree|consent|accept)|"
    r"all rights reserved|©\s*(?:19|20)\d{2}|copyright (?:©|\(c\)|(?:19|20)\d{2})|sign up (?:for|to) (?:our|the|get).{0,60}(?:newsletter|inbox|alerts|email|briefing)|(?:get|receive).{0,60}(?:in your inbox|delivered|straight to your)|subscribe to (?:our|continue|read|get)|"
    r"(?:enable|turn on|please enable) javascript|already (?:a |have an? )(?:subscriber|account|member)|create a free account|you(?:r browser| have) (?:is (?:not|out)|reached your).{0,40}|click here to|follow us on|download (?:our|the) app|unsubscribe at any time|"
    r"무단 ?전재|재배포 ?금지|저작권자|이메일 주소는 공개되지|필수 (?:항목|입력)|쿠키를? ?사용|뉴스레터를? ?(?:구독|신청|받아)|로그인 ?(?:후|하시면|이 필요)|ⓒ ?.{1,24}(?:무단|금지|$)|카카오톡 ?[:：]|제보(?:하기|는|를 기다)|기사 ?제보 ?[:：]|"
    r"(?:电子)?(?:邮箱|邮件)地址不会被公开|電子郵件地址不會|必填项已用|必填欄位|未经(?:授权|许可|本[站网]).{0,16}(?:转载|使用)|未經.{0,10}轉載|版权(?:所有|声明)|版權(?:所有|聲明)|免责声明|免責聲明|扫(?:一扫|码|描二维码)|關注我們|关注.{0,12}公众号|本[站网](?:使用|所有|刊)|使用 ?cookies?|(?:责任|責任)编?編?辑?輯?[:：]|责编[:：]|下载.{0,8}(?:客户端|APP)|点击.{0,10}(?:查看|下载|订阅|关注)|"
    r"alle rechte vorbehalten|diese (?:website|seite) verwendet cookies|tous droits réservés|todos los derechos reservados|utiliza cookies|utilise des cookies",
    re.IGNORECASE,
)
# Words of forms and ratings; furniture only beside furniture.
_HINT = re.compile(
    r"進捗|達成度|(?:良い|悪い)と考えて|評価(?:され|や|に対)|公約・政策|(?:投稿|登録|利用|閲覧)することができます|ご意見|ご確認ください|ご注意ください|ご了承ください|幸いです|お寄せください|^※|"
    r"書き込まれた|会員|サイト|アンケート|投票|クリック|"
    r"\b(?:rating|rated|votes?|vote now|poll|survey|score|stars?|cookies?|newsletter|inbox|subscribers?|browser|account|moderat|community guidelines|log in|website)\b|"
    r"평점|투표|의견을|로그인|설문|구독|댓글|评分|投票|登录|账号|订阅|网友|本站|評分|會員|訂閱|"
    r"^\d+(?:[.,]\d+)?\s?(?:P|点|件|pt|points?|likes?|views?|人|票|%|％|명|건|分|次|shares?)?$|\d\s*+/\s*+(?:5|10|100)\b|[★☆]{2,}",
    re.IGNORECASE,
)
_COUNTER = re.compile(
    r"(?:現在の)?(?:進捗度|達成度|進捗度・達成度|活動|進捗|評価|閲覧数|総合|views?|shares?|조회수?|추천|阅读|浏览|阅读量|点击)\s*+(?:[:：]\s*+)?[\d,.]++\s*+(?:%|％|件|回|人|点|P|명|次|k|万)?|(?:\d{1,2}\s++)++\d{1,2}|\d+(?:\.\d+)?\s?(?:P|pt|件|いいね|views?|shares?|likes?|points?)",
    re.IGNORECASE,
)
# One link to another article in the midst of this one.
_ALSO = re.compile(
    r"(?:read (?:more|also|next)|see also|also read|related(?: (?:article|story|news))?|more|watch|listen|don['’]t miss|recommended|"
    r"関連(?:記事)?|あわせて読みたい|こちらも|おすすめ|(?:관련|추천) ?(?:기사|뉴스)|함께 ?보기|相关(?:阅读|新闻|文章|报道)|相關(?:新聞|報導|文章)|延伸(?:阅读|閱讀)|推荐阅读|更多)\s*(?:[:：>»|]|→)\s*.{4,120}",
    re.IGNORECASE,
)
_CONTRIBUTOR = re.compile(
    r"\S{1,20}\s?[(（]\s?\d{1,3}\s?(?:歳|才|代|세|대|岁|歲)(?:以上|前半|後半)?(?:\s?[・,、/·]\s?[^\s)）]{1,6})?\s?[)）]|\S.{0,24}\(\d{1,3}(?:,| ?[/·])\s?(?:male|female|m|f)\)",
    re.IGNORECASE,
)
_BYLINE = re.compile(
    r"(?:投稿者|執筆者?|著者|筆者|文|取材・文|作成者|更新者|投稿日時?|公開日時?|配信日時?|掲載日|更新日時?|最終更新日?|発行日|日付)\s*[:：|｜].{0,80}|"
    r"(?:by|written by|posted by|author|from|reporting by|published|posted|updated|last updated|first published|date)(?:\s*+[:：])?\s++\S.{0,80}|"
    r"(?:입력|수정|등록|승인|기사입력|최종수정|작성자|글쓴이|기자)(?:\s*+[:：]\s|\s++).{0,60}|.{1,20}\s기자(?:\s*+[=|].{0,40}|\s++[^\s@]++@\S+)?|"
    r"(?:来源|來源|作者|记者|記者|编辑|編輯|发布时间|發布時間|发表时间|时间|日期|责任编辑)\s*[:：].{1,80}|von\s+\S.{0,60}|par\s+\S.{0,60}|por\s+\S.{0,60}",
    re.IGNORECASE,
)
# "2026-03-02 10:15 来源：海滨日报 作者：李明"
_DATED_CREDIT = re.compile(
    r"[^\w]*+(?:19|20)\d{2}\s*+[-/.年년]\s*+\d{1,2}\s*+[-/.月월]\s*+\d{1,2}(?:\s*+[日일])?\.?[\s,T|·]*+(?:\d{1,2}[:：]\d{2}(?:[:：]\d{2})?)?\s*+(?:[|｜·/,]\s*+)?"
    r"(?:来源|來源|作者|记者|記者|编辑|編輯|出典|文|取材|配信|기자|입력|수정|by|source|author)\s*+(?:[:：|]\s*+)?\S.{0,60}|"
    r"(?:19|20)\d{2}\s*+[-/.年년]\s*+\d{1,2}\s*+[-/.月월]\s*+\d{1,2}(?:\s*+[日일])?\.?(?:[\s,T|·]*+\d{1,2}[:：]\d{2}(?:[:：]\d{2})?\s*+[|｜·]\s*+|[\s,T]*+[|｜·][\s|｜·]*+)\S.{0,40}",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?:by|von|par|por|from|date)\b", re.IGNORECASE)
_STAMP = re.compile(
    r"[^\w]*+(?:(?:公開|更新|配信|掲載|published|posted|updated|last (?:updated|modified)|입력|수정|등록|승인|发布|發布|发表|更新)\s*+(?:(?:日時?|于|於|時間|时间|on|at)\s*+)?(?:[:：]\s*+)?)?"
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*+,?\s++)?"
    r"(?:(?:19|20)\d{2}\s*+[-/.年년]\s*+\d{1,2}\s*+[-/.月월]\s*+\d{1,2}(?:\s*+[日일])?\.?|(?:令和|平成)(?:元|\d{1,2})年\d{1,2}月\d{1,2}日|\d{1,2}(?:st|nd|rd|th|\.)?\s+[A-Za-zéûäç]{3,10}\.?,?\s+(?:19|20)\d{2}|[A-Za-z]{3,9}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+(?:19|20)\d{2})"
    r"(?:\s*+[(（].{1,4}[)）])?[\s,|·]*+(?:(?:T|at)[\s,|·]*+)?(?:(?:午前|午後|오전|오후|上午|下午)\s*+)?(?:\d{1,2}\s*+[:：時时시]\s*+\d{0,2}(?:[:：分분]\d{0,2})?\s*+(?:분\s*+)?)?"
    r"(?:[ap]\.?m\.?\s*+)?(?:[A-Z]{2,4}|[+-]\d{2}:?\d{2}|Z)?[^\w]*+",
    re.IGNORECASE,
)
_URL = re.compile(
    r"[^\w]*+(?:(?:url|link|リンク|原文|元記事|出典|source|출처|원문|原文链接|来源)\s*+(?:[:：]\s*+)?<?)?https?://\S+",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*+([-=_*~─━―＝・.・･#◆◇□■＊+])\s*+(?:\1\s*+){2,}+")
_QUOTE = re.compile(r"\s*[>＞]")
_SEPARATOR = re.compile(r"[|｜>›»/·•]")
_TERMINAL = re.compile(r"(?:[。．.!?！？؟…۔।]|ます|です|した|다|요)[\"'”’」』）)】\]]*$")
CJK = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_HEADING = re.compile(
    r"#{1,6}\s+\S|[◇◆■□●○▼▲▽△★☆◎▶►]\s*\S|【[^】]+】$|〈[^〉]+〉$|＜[^＞]+＞$|\[[^\]]+\]$|［[^］]+］$"
)
_LONGEST_NOTICE = 160
_LONGEST_ITEM = 31


def kind_of(line: str) -> Kind:
    """The kind of one line by itself; its neighbours may still change a "hint" or a "short"."""
    text = line.strip()
    if not text:
        return "blank"
    if _QUOTE.match(line):
        return "quote"
    if _RULE.fullmatch(text):
        return "rule"
    bare = text.strip(_EDGE)
    if not bare:
        return "label"
    if len(bare) <= 90:
        if _FORM.fullmatch(bare):
            return "form"
        if _COMMENTS.fullmatch(bare):
            return "comments"
        if _RELATED.fullmatch(bare):
            return "related"
        if _REFERENCES.fullmatch(bare):
            return "references"
        if _CONTRIBUTOR.fullmatch(bare):
            return "contributor"
        if _STAMP.fullmatch(text):
            return "stamp"
        if _URL.fullmatch(text):
            return "url"
        if _ALSO.fullmatch(bare) and not _sentence(text):
            return "label"
        if _DATED_CREDIT.fullmatch(text) and not _sentence(text):
            return "byline"
        if _LABEL.fullmatch(bare) or _COUNTER.fullmatch(bare):
            return "label"
        if (
            _BYLINE.fullmatch(bare)
            and not _sentence(text)
            and (not _NAMED.match(bare) or _names(bare))
        ):
            return "byline"
    weight = text_width(text)
    if weight <= _LONGEST_NOTICE * 2 and _NOTICE.search(text):
        return "notice"
    if _HEADING.match(text) and weight < 160:
        return "heading"
    if weight <= 400 and _HINT.search(text):
        return "hint"
    if weight < 200 and not _sentence(text) and _navigation(text):
        return "label"
    if (weight >= 40 and _sentence(text)) or weight >= 240:
        return "prose"
    return "short"


def is_reply_button(line: str) -> bool:
    """Whether a line is one of those that stand under each reader's comment."""
    return bool(_REPLY.fullmatch(line.strip().strip(_EDGE)))


def _navigation(text: str) -> bool:
    """Whether a line is three short items or more between separators: "Home > World > Asia"."""
    # How many separators divide the text up to one of them into short items, at most.
    dividing = {-1: 0}
    for end in [*(m.start() for m in _SEPARATOR.finditer(text)), len(text)]:
        counts = [
            count + 1
            for start, count in dividing.items()
            if 1 <= len(text[start + 1 : end].strip()) <= _LONGEST_ITEM
        ]
        if end == len(text):
            return max(counts, default=0) > 2
        if counts:
            dividing[end] = max(counts)
    return False


def text_width(text: str) -> int:
    """Length, a character of Chinese, Japanese or Korean counting as two."""
    return len(text) + len(CJK.findall(text))


def _sentence(text: str) -> bool:
    return bool(_TERMINAL.search(text))


def _names(text: str) -> bool:
    """Whether the words after "By" look like names or a date, not like a sentence."""
    words = text.split()[1:8]
    return any(w[:1].isupper() or w[:1].isdigit() or not w.isascii() for w in words[:2])
