"""Heat maps in files: every kind of file, equal bytes, nothing fetched, numbers as they are."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arena.board import Heat
from arena.charts.files import write_heat
from arena.errors import ConfigError

NAN = float("nan")


@pytest.fixture
def heat() -> Heat:
    values = np.array([[NAN, 0.75, 1 / 3], [0.25, NAN, NAN], [2 / 3, NAN, NAN]])
    votes = np.array([[0, 4, 30], [4, 0, 0], [30, 0, 0]])
    stands_out = np.zeros((3, 3), dtype=bool)
    stands_out[0, 2] = stands_out[2, 0] = True
    return Heat("actual", ("oak", "</script>", "松树"), values, votes.astype(float), stands_out)


@pytest.mark.parametrize(
    ("ending", "begins"),
    [
        (".png", b"\x89PNG"),
        (".svg", b"<?xml"),
        (".pdf", b"%PDF"),
        (".html", b"<!doctype html>"),
        (".csv", b"model,oak"),
    ],
)
def test_equal_boards_give_equal_files(
    heat: Heat, tmp_path: Path, ending: str, begins: bytes
) -> None:
    for name in ("first", "second"):
        write_heat(heat, tmp_path / f"{name}{ending}")
    first = (tmp_path / f"first{ending}").read_bytes()
    assert first.startswith(begins)
    assert first == (tmp_path / f"second{ending}").read_bytes()


def test_the_csv_holds_the_numbers_to_the_last_digit(heat: Heat, tmp_path: Path) -> None:
    write_heat(heat, tmp_path / "heat.csv")
    with (tmp_path / "heat.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    assert table[0][:4] == ["model", *heat.models]
    assert table[1][:4] == ["oak", "", "0.75", repr(1 / 3)]


def test_the_csv_has_the_votes_and_what_stands_out_beside_them(heat: Heat, tmp_path: Path) -> None:
    write_heat(heat, tmp_path / "heat.csv")
    with (tmp_path / "heat.csv").open(encoding="utf-8", newline="") as file:
        oak = next(csv.DictReader(file))
    assert [oak[f"votes: {model}"] for model in heat.models] == ["0", "4", "30"]
    assert [oak[f"stands out: {model}"] for model in heat.models] == ["0", "0", "1"]


def test_the_page_stands_alone_and_no_name_breaks_out(heat: Heat, tmp_path: Path) -> None:
    write_heat(heat, tmp_path / "heat.html")
    page = (tmp_path / "heat.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 3
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", page)


def test_an_image_says_the_numbers(heat: Heat, tmp_path: Path) -> None:
    write_heat(heat, tmp_path / "heat.svg")
    drawing = (tmp_path / "heat.svg").read_text(encoding="utf-8")
    for said in ("<!-- Actual win rate -->", "<!-- 75 -->", "<!-- 33 -->", "<!-- against -->"):
        assert said in drawing
    for said in ("Pale: fewer than 20 votes.", "Outlined: no luck"):
        assert said in drawing


def test_a_pair_that_stands_out_is_framed_and_a_cell_of_few_votes_is_pale(
    heat: Heat, tmp_path: Path
) -> None:
    unframed = replace(heat, stands_out=np.zeros((3, 3), dtype=bool))
    drawn = set()
    for shown in (heat, unframed, replace(heat, votes=heat.votes * 5)):
        write_heat(shown, tmp_path / "heat.png")
        drawn.add((tmp_path / "heat.png").read_bytes())
    assert len(drawn) == 3


def test_the_page_has_the_frames_and_the_legend(heat: Heat, tmp_path: Path) -> None:
    write_heat(heat, tmp_path / "heat.html")
    page = (tmp_path / "heat.html").read_text(encoding="utf-8")
    assert '"outlined":[[0,2],[2,0]]' in page
    assert "<p>Pale: fewer than 20 votes. Outlined: no luck" in page


def test_many_models_are_drawn_without_numbers(tmp_path: Path) -> None:
    models = tuple(f"model {n}" for n in range(30))
    values = np.full((30, 30), 0.25)
    none = np.zeros((30, 30), dtype=bool)
    write_heat(Heat("residual", models, values, values, none), tmp_path / "heat.svg")
    assert "<!-- +25 -->" not in (tmp_path / "heat.svg").read_text(encoding="utf-8")


def test_another_kind_of_file_is_refused(heat: Heat, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"use one of \.html, \.png, \.svg, \.pdf, \.csv"):
        write_heat(heat, tmp_path / "heat.gif")
