"""Every sentence of the heat maps on the leaderboard page, in English and Chinese.

Gaps in braces are filled in by the page; what is said at the pointer, by plotly in the browser. The
English that files of heat maps say too is that of `arena.charts.heat`.
"""

from collections.abc import Mapping
from typing import Final

from arena.charts.heat import HOVERS, OUTLINED

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
    "outlined": (OUTLINED, "加框：在 5 % 的错误发现率下并非偶然。"),
    "none_outlined": (
        "No cell stands out at a 5 % false discovery rate.",
        "在 5 % 的错误发现率下没有异常的格子。",
    ),
    "hover_actual": (
        HOVERS["actual"],
        (
            "<b>%{customdata[0]}</b> 对 %{customdata[1]}<br>"
            "%{customdata[2]} 票中胜 %{customdata[3]} %，平局计一半"
        ),
    ),
    "hover_predicted": (
        HOVERS["predicted"],
        (
            "<b>%{customdata[0]}</b> 对 %{customdata[1]}<br>"
            "预期胜 %{customdata[3]} %，%{customdata[2]} 票"
        ),
    ),
    "hover_residual": (
        HOVERS["residual"],
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
