"""Every sentence a person reads on the leaderboard page, in English and Chinese.

Where it stands, and when it is said, is not known here. `{n}` and the like are filled in by the
page; a model's name may fill in too, because a leaderboard hides nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from arena.web.heat_words import HEAT_WORDS

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("Leaderboard", "排行榜"),
    # what is shown, and how
    "filters": ("What is shown", "显示内容"),
    "all_aspects": ("All aspects", "全部方面"),
    "all_languages": ("All languages", "全部语言"),
    "by_rating": ("Ranked by rating", "按评分排序"),
    "by_elo": ("Ranked by Elo", "按 Elo 排序"),
    "download": ("Download", "下载"),
    "table_csv": ("This table, CSV", "本表，CSV"),
    "table_json": ("This table, JSON", "本表，JSON"),
    "votes_parquet": ("The votes, Parquet", "投票，Parquet"),
    "votes_csv": ("The votes, CSV", "投票，CSV"),
    "download_note": (
        "Votes without prompts, responses and times; raters by number.",
        "投票不含提示、回答和时间；评分者以编号表示。",
    ),
    # tiles
    "counted": ("votes counted · {stored} stored", "计入的票 · 共存 {stored} 票"),
    "counted_one": ("vote counted · {stored} stored", "计入的票 · 共存 {stored} 票"),
    "set_aside": ("{n} set aside", "{n} 票未计入"),
    "agreement": (
        "agreement of raters, tie-discounted · chance {chance}",
        "评分者一致性（平局折半）· 随机水平 {chance}",
    ),
    "agreement_none": (
        "agreement of raters: no two people have judged the same responses yet",
        "评分者一致性：还没有两个人评过同一组回答",
    ),
    "raters": ("raters · {items} rated twice", "评分者 · {items}被重复评判"),
    "rater": ("rater · {items} rated twice", "评分者 · {items}被重复评判"),
    "items": ("{n} items", "{n} 个项目"),
    "item": ("{n} item", "{n} 个项目"),
    "miss": (
        "points between actual and predicted win rates · {chance} from chance alone",
        "实际与预测胜率相差的百分点 · 仅随机即有 {chance}",
    ),
    "miss_none": (
        "points between actual and predicted win rates: too few votes yet",
        "实际与预测胜率相差的百分点：票数尚不足",
    ),
    # the warning
    "doubt": (
        "{n} of {of} neighbouring pairs cannot be told apart yet (95 %){each}: {pairs}.",
        "{of} 对相邻模型中有 {n} 对尚无法区分（95 %）{each}：{pairs}。",
    ),
    "doubt_elo": (
        (
            "Another order of the same votes could swap {n} of {of} neighbouring pairs "
            "(95 %){each}: {pairs}."
        ),
        "同样的票换个顺序，就可能使 {of} 对相邻模型中的 {n} 对互换名次（95 %）{each}：{pairs}。",
    ),
    "doubt_each": (", each from the next", "，依次相邻"),
    "doubt_each_elo": (", each with the next", "，依次相邻"),
    "doubt_rank": (
        (
            "Their ranks are shown as ranges; in Elo their places may change with the order of the "
            "same votes."
        ),
        "它们的名次以范围表示；在 Elo 中，同样的票换个顺序名次就可能改变。",
    ),
    "settled_one": (
        "About {votes} more votes like these would settle it.",
        "再有约 {votes} 张类似的票即可区分。",
    ),
    "settled_all": (
        "About {votes} more votes like these would settle all of them.",
        "再有约 {votes} 张类似的票即可全部区分。",
    ),
    "settled_some": (
        "About {votes} more votes like these would settle {n} of them; the rest may stay open.",
        "再有约 {votes} 张类似的票即可区分其中 {n} 对；其余可能仍无法区分。",
    ),
    "pair": ("{a} and {b}", "{a} 与 {b}"),
    "run": ("{a} to {b}", "{a} 至 {b}"),
    "then": ("; ", "；"),
    "between": (", ", "、"),
    # notes: why numbers are missing
    "apart": (
        "Group {n}, rated and ranked only among themselves: {models}.",
        "第 {n} 组，仅在组内评分和排名：{models}。",
    ),
    "apart_elo": (
        "Rated only among themselves, though Elo puts all on one scale: {models}.",
        "虽然 Elo 把全部模型放在同一尺度上，以下模型的评分仅在彼此之间有效：{models}。",
    ),
    "group": ("group {n}", "第 {n} 组"),
    "group_said": (
        "The votes cannot compare groups; ranks are those within the group.",
        "这些票无法比较不同的组；名次仅为组内名次。",
    ),
    "alone_no_votes": ("No votes yet: {models}.", "尚无投票：{models}。"),
    "alone_won": (
        "Won every vote, so the rating cannot be estimated: {models}.",
        "每一票都胜，无法估计评分：{models}。",
    ),
    "alone_lost": (
        "Lost every vote, so the rating cannot be estimated: {models}.",
        "每一票都负，无法估计评分：{models}。",
    ),
    "alone_between": (
        (
            "Won every vote against some models and lost every vote against the others, so the "
            "rating cannot be estimated: {models}."
        ),
        "对一些模型全胜、对其余模型全负，无法估计评分：{models}。",
    ),
    "no_interval": (
        "Too few votes, or votes too much alike, for an interval: {models}.",
        "票数太少或结果过于一致，无法给出区间：{models}。",
    ),
    "perhaps_missing": (
        "Is a name missing? Models that are called like one, with their votes: {models}.",
        "是否缺少模型名？以下模型（及票数）的名称像是缺失值：{models}。",
    ),
    "no_band": (
        "The band of Elo over orders of the votes was left out.",
        "未计算 Elo 随投票顺序变化的范围。",
    ),
    "narrower": (
        (
            "For some models ({models}) the interval for new questions and raters came out "
            "narrower than that of these votes alone: read the wider of the two."
        ),
        "有 {models} 个模型面向新问题和评分者的区间反而比仅就这些票的区间更窄：请以较宽的为准。",
    ),
    "unrated": (
        (
            "A rating needs something won and something lost (or a tie) against the others; models "
            "without one stand in the order of Elo."
        ),
        "要有评分，须对其他模型有胜有负（或有平局）；没有评分的模型按 Elo 排列。",
    ),
    "reasons": ("Set aside: {reasons}.", "未计入的原因：{reasons}。"),
    "reason": ("{n} {why}", "{why} {n} 票"),
    "withdrawn by the rater": ("withdrawn by the rater", "评分者撤回"),
    "corrected by the rater": ("corrected by the rater", "评分者更正"),
    "by simulated raters": ("by simulated raters", "由模拟评分者投出"),
    "by model judges": ("by model judges", "由模型评委投出"),
    "with the names shown": ("with the names shown", "已显示模型名称"),
    "simulated": (
        "Simulated raters cast every vote here. No person judged anything.",
        "此处所有的票均由模拟评分者投出，没有真人参与评判。",
    ),
    "by_models": (
        "Model judges cast every vote here. No person judged anything.",
        "此处所有的票均由模型评委投出，没有真人参与评判。",
    ),
    # the table
    "rank": ("Rank", "名次"),
    "model": ("Model", "模型"),
    "rating": ("Rating", "评分"),
    "interval_new": ("95 % interval, new questions and raters", "95 % 区间：换一批问题和评分者"),
    "interval_these": ("95 % interval, these votes only", "95 % 区间：仅就这些票而言"),
    "elo": ("Elo, K = 16", "Elo，K = 16"),
    "elo_band": ("± order of votes alone", "± 仅因投票顺序"),
    "votes": ("Votes", "票数"),
    "votes_unit": ("votes", "票"),
    "vote_unit": ("vote", "票"),
    "legend": (
        "Point and line: rating and its {interval}. Bar:",
        "点与线：评分及其 {interval}。条：",
    ),
    "wins": ("won", "胜"),
    "ties": ("tied", "平"),
    "both_bad": ("both bad", "都不好"),
    "losses": ("lost", "负"),
    "bar": ("Won · tied · both bad · lost", "胜 · 平 · 都不好 · 负"),
    "bar_said": (
        "{wins} won, {ties} tied, {both_bad} both bad, {losses} lost",
        "胜 {wins}，平 {ties}，都不好 {both_bad}，负 {losses}",
    ),
    "win_rate": ("Win rate", "胜率"),
    "best_said": ("the best of all: {n} %", "真正最好的概率：{n} %"),
    "best_of_group_said": ("the best of its group: {n} %", "组内真正最好的概率：{n} %"),
    "band_said": (
        "{low} to {high} with other orders, {low_all} to {high_all} with other votes too",
        "换个投票顺序为 {low} 至 {high}，若票也重新抽取则为 {low_all} 至 {high_all}",
    ),
    "interval_said": ("{lower} to {upper}", "{lower} 至 {upper}"),
    "interval_none": ("no interval can be given", "无法给出区间，票数不足"),
    "failed": ("{n} % failed", "{n} % 失败"),
    "failed_said": (
        "responses that were empty or cut at the length limit",
        "空回答或因长度上限被截断的回答",
    ),
    "quantization_none": ("not quantized", "未量化"),
    "table_note": (
        "Rating: Bradley-Terry, mean 1000. Ties and both bad count half.",
        "评分：Bradley-Terry 模型，均值 1000。平局和都不好各计一半。",
    ),
    "as_of": (
        (
            "Ratings and counts are of every vote up to now ({now}). Intervals for new questions, "
            "bands of Elo and agreement were made when the count was {then}; they are being made "
            "again."
        ),
        (
            "评分和计数已包含全部 {now} 票。面向新问题的区间、Elo 波动带和一致性"
            "基于 {then} 票时的数据，正在重新计算。"
        ),
    ),
    "as_of_changed": (
        (
            "Ratings and counts are of every vote as it stands now. Votes were changed since "
            "intervals for new questions, bands of Elo and agreement were made; they are being "
            "made again."
        ),
        (
            "评分和计数按现有的票得出。面向新问题的区间、Elo 波动带和一致性算出之后"
            "有票发生了变动，正在重新计算。"
        ),
    ),
    "as_of_all": (
        (
            "Every number here is of earlier votes: the {then} that counted a moment ago. Votes "
            "were cast or changed since; they are being taken in."
        ),
        "此处所有数字均基于稍早的 {then} 票；此后有新的或变动的票，正在计入。",
    ),
    # how far to trust it
    "judged": ("Do the ratings explain the votes?", "评分能解释这些票吗？"),
    "swayed": ("What else swayed the raters", "还有什么影响了评分者"),
    "swayed_note": (
        "In points of rating, with 95 % intervals. An association is not a cause.",
        "以评分的分数计，附 95 % 区间。相关并非因果。",
    ),
    # before the first board
    "counting_title": ("Counting the votes", "正在计票"),
    "counting": (
        "The leaderboard will be here in a moment; this page asks again by itself.",
        "排行榜稍后就会出现，本页会自动刷新。",
    ),
    # where it could not be made
    "failing_title": ("The leaderboard could not be made", "排行榜未能算出"),
    "failing": (
        "No vote is lost. The server's log says why; it tries again, and this page asks by itself.",
        "选票均未丢失。原因见服务器日志；服务器会重试，本页会自动刷新。",
    ),
    "failing_again": (
        "The last try failed, and the server's log says why; it tries again.",
        "上一次计算失败，原因见服务器日志；服务器会重试。",
    ),
    # no votes
    "empty_title": ("No votes yet", "还没有投票"),
    "empty": (
        (
            "Ask two hidden models something, say which response is better, and they appear here: "
            "rated from every vote so far, with how far each rating can be trusted."
        ),
        (
            "向两个匿名模型提问，选出更好的回答，它们就会出现在这里：由迄今所有的票算出评分，"
            "并说明每个评分有多可信。"
        ),
    ),
    "empty_go": ("Start a battle", "开始对战"),
    "none_title": ("No votes on this", "这里还没有投票"),
    "none": (
        "Nobody has voted on what you chose. Choose something wider.",
        "所选范围内还没有投票，请放宽选择。",
    ),
    "none_go": ("Show all votes", "显示全部投票"),
    "example": ("Example", "示例"),
    "example_title": ("What it will become", "它将会是这样"),
    "example_note": (
        "Invented models, simulated votes. Nothing below was measured here.",
        "模型为虚构，投票为模拟。以下内容均非此处实测。",
    ),
}


def board_words(lang: str) -> Mapping[str, str]:
    """Return every sentence of the leaderboard in one language; an unknown one reads English."""
    column = 1 if lang == "zh" else 0
    every = {**_WORDS, **HEAT_WORDS}
    return MappingProxyType({key: pair[column] for key, pair in every.items()})
