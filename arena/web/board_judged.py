"""How far a board's ratings explain its votes, in plain words, in English and Chinese.

The figures are those of `ratings.calibration` and `arena.board.sway`; the leaderboard page, the
terminal and the command that draws heat maps say the same sentences. Where they stand is not
known here.
"""

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from arena.board import Board

NAMED: Final = 3  # pairs that stand out, and circles, by name
LUCK: Final = 0.05  # a lack of fit that chance gives less often than this is none
LEAST: Final = 0.001  # a p value below it is not written out

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "rating": ("Ratings", "评分"),
    "elo": ("Elo ratings", "Elo 评分"),
    "miss": (
        (
            "{which} miss the actual win rates by {mad} points on average; {floor} would be "
            "expected from chance alone."
        ),
        "{which}预测的胜率与实际胜率平均相差 {mad} 个百分点；仅随机即应有 {floor}。",
    ),
    "miss_unjudged": (
        (
            "{which} miss the actual win rates by {mad} points on average; there is nothing to "
            "judge that by yet."
        ),
        "{which}预测的胜率与实际胜率平均相差 {mad} 个百分点；目前尚无从判断这是否正常。",
    ),
    "luck": (
        "That is no more than luck (lack of fit: p = {p}).",
        "这不超出偶然（失拟检验 p = {p}）。",
    ),
    "no_luck": (
        "That is more than luck (lack of fit: p {p}): one number a model does not explain it all.",
        "这超出偶然（失拟检验 p {p}）：每个模型一个数字不足以解释全部结果。",
    ),
    "no_luck_shared": (
        (
            "That would be more than luck if votes were independent (lack of fit: p {p}), but "
            "votes on one question move together; perhaps one number a model does not explain it "
            "all."
        ),
        (
            "若各票相互独立，这便超出偶然（失拟检验 p {p}），但同一问题上的票会一起变动；"
            "每个模型一个数字或许不足以解释全部结果。"
        ),
    ),
    "none_out": (
        "No pair stands out at a false discovery rate of 5 %.",
        "在 5 % 的错误发现率下，没有异常的模型对。",
    ),
    "some_out": (
        "Pairs that stand out at a false discovery rate of 5 %: {n} of {of}, such as {pairs}.",
        "在 5 % 的错误发现率下异常的模型对：{of} 对中有 {n} 对，例如 {pairs}。",
    ),
    "pair_out": ("{a} over {b} ({points} points)", "{a} 对 {b}（{points} 个百分点）"),
    "unseen": (
        "Votes on questions held out are predicted better than by a coin: {by}.",
        "对留出问题上的票，预测优于抛硬币：{by}。",
    ),
    "unseen_worse": (
        "Votes on questions held out are predicted no better than by a coin: {by}.",
        "对留出问题上的票，预测并不优于抛硬币：{by}。",
    ),
    "unseen_mixed": (
        (
            "Votes on questions held out are predicted better than by a coin by one measure "
            "alone: {by}."
        ),
        "对留出问题上的票，仅按一种度量，预测优于抛硬币：{by}。",
    ),
    "log_loss": ("log loss", "对数损失"),
    "brier": ("Brier score", "Brier 分数"),
    "lower": ("{what} {n} % lower", "{what}低 {n} %"),
    "higher": ("{what} {n} % higher", "{what}高 {n} %"),
    "alike": ("the same {what}", "{what}相同"),
    "no_circle": (
        "Triples of models that go in a circle: none of {of}.",
        "{of} 个三模型组合中没有循环胜负。",
    ),
    "circles": (
        "Triples of models that go in a circle: {n} of {of}, such as {circle}; none beyond doubt.",
        "{of} 个三模型组合中有 {n} 个循环胜负，例如 {circle}；均不能排除偶然。",
    ),
    "sure_circles": (
        (
            "Triples of models that go in a circle: {n} of {of}; {sure} beyond doubt, such as "
            "{circle}."
        ),
        "{of} 个三模型组合中有 {n} 个循环胜负；其中 {sure} 个可排除偶然，例如 {circle}。",
    ),
    "circle": ("{a} over {b} over {c} over {a}", "{a} 胜 {b} 胜 {c} 又胜 {a}"),
    "seat A": (
        "Seat A {points} ({lower} to {upper}){luck}.",
        "A 席{points}（{lower} 至 {upper}）{luck}。",
    ),
    "twice the length": (
        "A response twice as long {points} ({lower} to {upper}){luck}.",
        "长一倍的回答{points}（{lower} 至 {upper}）{luck}。",
    ),
    "gained": ("gained {n} points", "得益 {n} 分"),
    "gained one": ("gained {n} point", "得益 {n} 分"),
    "lost": ("lost {n} points", "损失 {n} 分"),
    "lost one": ("lost {n} point", "损失 {n} 分"),
    "may_be_luck": (", which may be luck", "，可能只是偶然"),
    "and": (", ", "、"),
}


def judged_said(board: Board, lang: str = "en") -> list[str]:
    """Return what is said of a board's predictions; nothing where nothing can be judged."""
    words = judged_words(lang)
    if not board.calibration.pairs:
        return []
    space = "" if lang == "zh" else " "
    return [space.join(_fit(board, words)), *_unseen(board, words), *_circles(board, words)]


def swayed_said(board: Board, lang: str = "en") -> list[str]:
    """Return what swayed the raters besides the models."""
    words = judged_words(lang)
    return [
        words[each.by].format(
            points=_moved(each.points, words),
            lower=_signed(each.lower),
            upper=_signed(each.upper),
            luck="" if each.sure else words["may_be_luck"],
        )
        for each in board.swayed
    ]


def _moved(points: float, words: Mapping[str, str]) -> str:
    shown = f"{abs(points):.0f}"
    key = "lost" if points < 0 and shown != "0" else "gained"
    return words[f"{key} one" if shown == "1" else key].format(n=shown)


def _signed(points: float) -> str:
    """Return a bound with its sign: that of a loss may be a gain."""
    shown = f"{points:+.0f}"
    return "0" if shown in {"+0", "-0"} else shown


def judged_words(lang: str) -> Mapping[str, str]:
    """Return every sentence of this module in one language; an unknown one reads English."""
    column = 1 if lang == "zh" else 0
    return MappingProxyType({key: pair[column] for key, pair in _WORDS.items()})


def _fit(board: Board, words: Mapping[str, str]) -> Iterator[str]:
    found = board.calibration
    yield words["miss_unjudged" if math.isnan(found.floor) else "miss"].format(
        which=words[board.settings["rank_by"]],
        mad=f"{100 * found.mad:.1f}",
        floor=f"{100 * found.floor:.1f}",
    )
    if not math.isnan(found.p):
        luck = found.p >= LUCK
        p = f"< {LEAST}" if found.p < LEAST else f"{found.p:.2f}" if luck else f"= {found.p:.3f}"
        # the test takes votes as independent, which they are not where they share questions
        shared = "_shared" if board.interval.startswith("clustered") else ""
        yield words["luck" if luck else f"no_luck{shared}"].format(p=p)
        yield _standing_out(board, words)


def _standing_out(board: Board, words: Mapping[str, str]) -> str:
    found, heat = board.calibration, board.heat("residual", by=board.settings["rank_by"])
    pairs = np.argwhere(heat.stands_out & (heat.cells > 0))
    if not len(pairs):
        return words["none_out"]
    largest = sorted(pairs.tolist(), key=lambda pair: -heat.cells[*pair])[:NAMED]
    named = [
        words["pair_out"].format(
            a=heat.models[row],
            b=heat.models[column],
            points=f"{100 * heat.cells[row, column]:+.0f}",
        )
        for row, column in largest
    ]
    return words["some_out"].format(n=len(pairs), of=found.pairs, pairs=words["and"].join(named))


def _unseen(board: Board, words: Mapping[str, str]) -> Iterator[str]:
    found = board.held_out
    if found.split_by == "question" and found.votes:
        skills = {"log_loss": found.log_loss_skill, "brier": found.brier_skill}
        lower = {
            name: round(100 * skill, 1)
            for name, skill in skills.items()
            if not math.isnan(skill)  # of ties alone a coin misses nothing that could be less
        }
        better = {each > 0 for each in lower.values()}
        key = "unseen_mixed" if len(better) > 1 else "unseen" if any(better) else "unseen_worse"
        by = [_against_a_coin(words, words[name], each) for name, each in lower.items()]
        yield words[key].format(by=words["and"].join(by))


def _against_a_coin(words: Mapping[str, str], what: str, lower: float) -> str:
    """Return how much lower a loss is than a coin's, by the figure that is shown."""
    key = "lower" if lower > 0 else "higher" if lower < 0 else "alike"
    return words[key].format(what=what, n=f"{abs(lower):.1f}")


def _circles(board: Board, words: Mapping[str, str]) -> Iterator[str]:
    found = board.calibration
    if not found.triples:
        return
    sure = found.certain_cycles
    key = "sure_circles" if sure else "circles" if found.cycles else "no_circle"
    a, b, c = found.surest_cycle or ("", "", "")
    circle = words["circle"].format(a=a, b=b, c=c)
    said = {"n": f"{found.cycles:,}", "of": f"{found.triples:,}", "sure": f"{len(sure):,}"}
    yield words[key].format(circle=circle, **said)
