"""Every sentence of the heat maps on the leaderboard page, in English and Chinese.

Gaps in braces are filled in by the page. What is said at the pointer is filled in by plotly in the
browser, so it is written in plotly's own language: a cell's `customdata` are its two models, its
votes and its number as it is written.
"""

from collections.abc import Mapping
from typing import Final

HEAT_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "actual": ("Actual win rate", "实际胜率"),
    "actual_note": (
        "Row against column, ties half. Pale cells: fewer than {few} votes.",
        "行对列，平局计一半。浅色：不足 {few} 票。",
    ),
    "predicted": ("Predicted from ratings", "由评分预测"),
    "predicted_elo": ("Predicted from Elo", "由 Elo 预测"),
    "predicted_note": ("What the ratings alone would expect.", "仅凭评分的预期。"),
    "residual": ("Difference, in points", "差值（百分点）"),
    "residual_note": ("Actual less predicted.", "实际减预测。"),
    "outlined": (
        "Outlined: no luck, at a false discovery rate of 5 %.",
        "加框：在 5 % 的错误发现率下并非偶然。",
    ),
    "none_outlined": (
        "No cell stands out at a 5 % false discovery rate.",
        "在 5 % 的错误发现率下没有异常的格子。",
    ),
    "hover_actual": (
        (
            "<b>%{customdata[0]}</b> against %{customdata[1]}<br>"
            "wins %{customdata[3]} % of %{customdata[2]} votes, ties half"
        ),
        (
            "<b>%{customdata[0]}</b> 对 %{customdata[1]}<br>"
            "%{customdata[2]} 票中胜 %{customdata[3]} %，平局计一半"
        ),
    ),
    "hover_predicted": (
        (
            "<b>%{customdata[0]}</b> against %{customdata[1]}<br>"
            "should win %{customdata[3]} %, %{customdata[2]} votes"
        ),
        (
            "<b>%{customdata[0]}</b> 对 %{customdata[1]}<br>"
            "预期胜 %{customdata[3]} %，%{customdata[2]} 票"
        ),
    ),
    "hover_residual": (
        (
            "<b>%{customdata[0]}</b> against %{customdata[1]}<br>"
            "%{customdata[3]} points, %{customdata[2]} votes"
        ),
        (
            "<b>%{customdata[0]}</b> 对 %{customdata[1]}<br>"
            "%{customdata[3]} 个百分点，%{customdata[2]} 票"
        ),
    ),
    "heat_said": (
        "{title}: heat map of {n} models, in the order of the table.",
        "{title}：{n} 个模型的热力图，顺序与表格相同。",
    ),
    "heat_wait": ("Drawing …", "正在绘制……"),
    "heat_script": ("The heat maps need JavaScript.", "热力图需要 JavaScript。"),
}
