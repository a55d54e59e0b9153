"""What a heat map shows: whole numbers in the cells, pale where votes are few."""

import json
from dataclasses import replace

import numpy as np
import pytest

from arena.board import Heat, Kind
from arena.charts.heat import (
    cell_texts,
    drawing,
    figure,
    in_script,
    legend,
    paleness,
    plotly_script,
)

NAN = float("nan")
VALUES = np.array([[NAN, 0.254], [-0.05, NAN]])
VOTES = np.array([[0.0, 5.0], [40.0, 0.0]])
NONE = np.zeros((2, 2), dtype=bool)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("actual", [["", "25"], ["-5", ""]]),
        ("residual", [["", "+25"], ["-5", ""]]),
    ],
)
def test_cells_show_whole_points(kind: Kind, texts: list[list[str]]) -> None:
    heat = Heat(kind, ("oak", "pine"), VALUES, VOTES, NONE)
    assert cell_texts(heat) == texts


def test_a_difference_of_nothing_has_no_sign() -> None:
    small = np.array([[NAN, 0.004], [-0.004, NAN]])
    heat = Heat("residual", ("oak", "pine"), small, VOTES, NONE)
    assert cell_texts(heat) == [["", "0"], ["0", ""]]


def test_cells_fade_with_few_votes() -> None:
    faded = paleness(Heat("actual", ("oak", "pine"), VALUES, VOTES, NONE))
    assert faded.tolist() == [[1.0, 0.75], [0.0, 1.0]]


def test_a_prediction_fades_nowhere() -> None:
    assert not paleness(Heat("predicted", ("oak", "pine"), VALUES, VOTES, NONE)).any()


@pytest.mark.parametrize(
    ("kind", "ends"), [("actual", (0.0, 1.0)), ("predicted", (0.0, 1.0)), ("residual", (-0.3, 0.3))]
)
def test_a_figure_has_the_ends_of_its_kind(kind: Kind, ends: tuple[float, float]) -> None:
    cells = figure(Heat(kind, ("oak", "pine"), VALUES, VOTES, NONE))["cells"]
    assert (cells["zmin"], cells["zmax"]) == ends


@pytest.mark.parametrize(("models", "gap"), [(24, 3), (25, 1)])
def test_cells_of_many_models_stand_close_and_say_no_numbers(models: int, gap: int) -> None:
    grid, names = np.full((models, models), 0.5), tuple(map(str, range(models)))
    cells = figure(Heat("actual", names, grid, grid, np.zeros(grid.shape, dtype=bool)))["cells"]
    assert (cells["xgap"], cells["ygap"]) == (gap, gap)
    assert ("texttemplate" in cells) is (gap > 1)


def test_a_figure_is_json_without_nan() -> None:
    made = figure(Heat("actual", ("oak", "pine"), VALUES, VOTES, NONE))
    assert json.loads(json.dumps(made, allow_nan=False))["cells"]["z"] == [
        [None, 0.254],
        [-0.05, None],
    ]


def test_the_legend_explains_what_is_there_and_no_more() -> None:
    heat = Heat("actual", ("oak", "pine"), VALUES, VOTES + 20, NONE)
    assert legend(heat) == []
    assert legend(replace(heat, votes=VOTES)) == ["Pale: fewer than 20 votes."]
    framed = replace(heat, stands_out=~NONE)
    assert [said[:9] for said in legend(framed)] == ["Outlined:"]
    assert figure(framed)["outlined"] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_json_in_a_script_cannot_end_it() -> None:
    said = in_script({"name": "</script><!--\u2028"})
    assert "<" not in said
    assert json.loads(said) == {"name": "</script><!--\u2028"}


def test_the_scripts_are_there() -> None:
    assert plotly_script().stat().st_size > 10**6
    assert "Plotly.react" in drawing()
