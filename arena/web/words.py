"""Every sentence a person reads on the battle page and around it, in English and Chinese.

A sentence never names a model, an exception or a machine. Where it stands, and when it is said,
is not known here. `{n}` and the like are filled in by the page.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

DEFAULT_LANGUAGE: Final = "en"
LANGUAGE_NAMES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文"}
HTML_LANGUAGE: Final[Mapping[str, str]] = {"en": "en", "zh": "zh-CN"}

_SPOKEN: Final = tuple(LANGUAGE_NAMES)

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    # the frame of every page
    "nav": ("Pages", "页面"),
    "nav_battle": ("Battle", "对战"),
    "nav_leaderboard": ("Leaderboard", "排行榜"),
    "nav_about": ("About", "关于"),
    "to_main": ("To the content", "跳到正文"),
    "footer": (
        "Blind votes, and ratings with their uncertainty. This page loads nothing from elsewhere.",
        "盲评投票，评分附带不确定性。本页不从外部加载任何内容。",
    ),
    # asking
    "ask_title": ("Two models answer. You cannot see which.", "两个模型作答，您看不到是谁。"),
    "ask_title_2": ("Say which is better.", "请选出更好的一个。"),
    "ask_sub": (
        "Your vote moves a rating. The names appear after you vote.",
        "您的一票会改变评分。投票之后才显示模型名称。",
    ),
    "prompt": ("Prompt", "提示"),
    "prompt_hint": ("Ask anything, or pick a question below", "随意提问，或从下方挑选一个问题"),
    "follow_hint": ("Ask both a follow-up, or vote", "向双方追问，或直接投票"),
    "send": ("Send", "发送"),
    "demo_note": (
        (
            "This demonstration runs {n} models of one million parameters on your processor. "
            "They know only questions like these:"
        ),
        "本演示在您的处理器上运行{n}个百万参数的小模型。它们只懂得这类问题：",
    ),
    "ask_note": ("Or take one of these:", "也可以选择："),
    "more": ("Other questions", "换一批问题"),
    # the battle
    "response_a": ("Response A", "回答 A"),
    "response_b": ("Response B", "回答 B"),
    "copy": ("Copy", "复制"),
    "empty_response": ("(empty response)", "（空回答）"),
    "a_better": ("A is better", "A 更好"),
    "tie": ("Tie", "平局"),
    "both_bad": ("Both bad", "都不好"),
    "b_better": ("B is better", "B 更好"),
    "vote": ("Your vote", "您的投票"),
    "skip": ("Skip", "跳过"),
    "key_sheet": ("Keys", "按键"),
    "keys_pill": ("keys", "按键"),
    "criteria": ("Criteria", "标准"),
    "withdraw": ("Withdraw", "撤回"),
    "next": ("Next battle", "下一场"),
    "looking": ("Looking for your battle …", "正在查找您的对战……"),
    "still_open": (
        "Your battle is still open; a new prompt would end it.",
        "您的对战尚未结束；发送新提示将结束它。",
    ),
    "back": ("Back to it", "返回对战"),
    # the status line
    "opening": ("Sending …", "正在发送……"),
    "waiting": ("Waiting for both models …", "正在等待两个模型……"),
    "waiting_s": ("Waiting for both models … {n} s", "正在等待两个模型……{n} 秒"),
    "writing": ("Both models are writing …", "两个模型正在作答……"),
    "ready": ("Both responses are ready", "两个回答都已就绪"),
    "saving": ("Saving …", "正在保存……"),
    "saved": ("Saved", "已保存"),
    "saved_nth": ("Saved · your {nth} vote", "已保存 · 您的{nth}票"),
    "nth_one": ("{n}st", "第 {n} "),
    "nth_two": ("{n}nd", "第 {n} "),
    "nth_few": ("{n}rd", "第 {n} "),
    "nth_other": ("{n}th", "第 {n} "),
    "withdrawn": ("Withdrawn. This vote no longer counts.", "已撤回，这一票不再计入。"),
    "skipped": ("Skipped. Nothing was counted.", "已跳过，未计入任何结果。"),
    "void": (
        "The battle before could not be finished. This is a new one with the same prompt.",
        "上一场对战未能完成。这是用同一提示开始的新一场。",
    ),
    "void_talk": (
        (
            "The battle before could not be finished. This is a new one: "
            "the conversation starts over with your first prompt."
        ),
        "上一场对战未能完成。这是新的一场，对话从您的第一个提示重新开始。",
    ),
    "void_long": (
        (
            "The battle before ended because your last prompt was too long. "
            "This is a new one: the conversation starts over with your first prompt."
        ),
        "上一场对战因您最后的提示过长而结束。这是新的一场，对话从您的第一个提示重新开始。",
    ),
    "void_next": ("Your next prompt waits in the box below.", "您的下一个提示已在下方输入框中。"),
    "void_later": (
        "What you asked after it is kept, and comes back once it is answered.",
        "您之后的提示已保留，得到回答后会重新出现。",
    ),
    "void_ended": ("The battle before could not be finished.", "上一场对战未能完成。"),
    "void_again": (
        "No battle could be finished just now. Your prompt is in the box: send it again.",
        "目前无法完成对战。您的提示仍在输入框中，请再次发送。",
    ),
    "closed": (
        (
            "That battle was left without a vote: in another window, or because nobody read it. "
            "Your prompt is in the box: send it again."
        ),
        "那场对战未经投票便已结束：可能在另一个窗口中离开，或长时间无人阅读。您的提示仍在输入框中，请再次发送。",
    ),
    "lost_line": ("The connection was lost. Trying again …", "连接中断，正在重试……"),
    # the reveal
    "you_preferred": ("you preferred it", "您认为它更好"),
    "you_tied": ("you called it a tie", "您判为平局"),
    "you_both_bad": ("you found both bad", "您认为都不好"),
    "quantization_none": ("not quantized", "未量化"),
    "quantization_int8": ("int8", "int8"),
    "quantization_nf4": ("nf4", "nf4"),
    # refusals and failures
    "not_saved": ("Your vote is NOT saved. Press again.", "您的投票尚未保存。请再按一次。"),
    "already_voted": (
        "Your earlier vote on this battle is in force; this one was not taken.",
        "您之前对这场对战的投票有效，本次未计入。",
    ),
    "not_ready": (
        "This was not taken: the battle has gone on meanwhile, perhaps in another window.",
        "未能执行：这场对战已有新进展，可能是在另一个窗口中。",
    ),
    "not_withdrawn": ("The vote was NOT withdrawn. Press again.", "撤回未成功。请再按一次。"),
    "prompt_empty": ("Write a prompt first.", "请先写下提示。"),
    "prompt_long": (
        "The prompt is too long. Shorten it and send it again.",
        "提示过长。请缩短后再次发送。",
    ),
    "prompt_turns": (
        "This battle has had all its turns. Please vote.",
        "这场对战的轮数已用完，请投票。",
    ),
    "prompt_full": (
        "This conversation is full. Please vote on it.",
        "这场对话已满，请投票。",
    ),
    "prompt_refused": ("This prompt cannot be sent.", "无法发送该提示。"),
    "too_many": (
        "That was quick. Wait a moment and send it again.",
        "操作过快，请稍候再次发送。",
    ),
    "unavailable": (
        "Fewer than two models can respond just now. Try again in a minute.",
        "目前可作答的模型不足两个，请一分钟后再试。",
    ),
    "not_allowed": (
        "This is not possible here: the battle belongs to another visitor or is over.",
        "无法执行：这场对战属于其他访客或已结束。",
    ),
    "no_cookie": (
        "Evenhand needs its cookie to know your battles. Allow cookies and load the page again.",
        "需要 Cookie 才能识别您的对战。请允许 Cookie 并重新加载页面。",
    ),
    "bad_request": ("This request was not understood.", "无法理解该请求。"),
    "no_store": (
        "The arena cannot save anything at the moment. Please tell whoever runs it.",
        "本站目前无法保存任何内容，请告知管理员。",
    ),
    "unexpected": (
        "Something went wrong on our side. Nothing you wrote is lost; try again.",
        "我们这边出了问题。您写的内容没有丢失，请重试。",
    ),
    "offline": (
        "The server cannot be reached. Nothing you wrote is lost; try again.",
        "无法连接服务器。您写的内容没有丢失，请重试。",
    ),
    "noscript": ("This page needs JavaScript.", "本页需要 JavaScript。"),
    "not_found": ("There is nothing at this address.", "此地址没有内容。"),
    "not_found_lead": (
        "Look at how it is spelled, or go on from the head of this page.",
        "请检查地址的拼写，或从页面顶部继续。",
    ),
    # the sheets
    "close": ("Close", "关闭"),
    "keys_title": ("Keys", "按键"),
    "key_vote": ("A is better, tie, both bad, B is better", "A 更好、平局、都不好、B 更好"),
    "key_letters": ("the same votes, by letter", "同样的投票，用字母"),
    "key_next": ("next battle, after the vote", "投票后进入下一场"),
    "key_withdraw": ("withdraw the vote", "撤回投票"),
    "key_skip": ("skip this battle", "跳过这场对战"),
    "key_criteria": ("what to look for", "评判标准"),
    "key_escape": ("leave the text box, so that the keys vote", "离开输入框，按键即可投票"),
    "key_help": ("this sheet", "本说明"),
    "criteria_title": ("What to look for", "评判标准"),
    "criteria_1": (
        "Is it right? A short correct response beats a long wrong one.",
        "是否正确？简短而正确胜过冗长而错误。",
    ),
    "criteria_2": (
        "Does it do what the prompt asks, in the language of the prompt?",
        "是否按提示的要求、用提示的语言作答？",
    ),
    "criteria_3": ("Is it clear, and no longer than it needs to be?", "是否清楚，且不冗长？"),
    "criteria_4": (
        "Does it refuse what would do harm, and help with the rest?",
        "是否拒绝有害的请求，并对其余部分给予帮助？",
    ),
    "criteria_tie": (
        "Tie: both are about equally good. Both bad: neither is of use.",
        "平局：两者大致同样好。都不好：两者都没有用。",
    ),
}


@cache
def words_of(lang: str) -> Mapping[str, str]:
    """Return every sentence in one language; an unknown language reads English."""
    column = _SPOKEN.index(lang) if lang in _SPOKEN else 0
    return MappingProxyType({key: pair[column] for key, pair in _WORDS.items()})


def say(key: str, lang: str) -> str:
    """Return one sentence in one language."""
    return words_of(lang)[key]
