"""The commands over votes: their output, their exit status, their sentences."""

import csv
import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from arena.cli.board_table import AXIS, Axis
from tests.arena.cli.conftest import SIMULATED, Arena
from tests.arena.logs import vote, written


def test_a_piped_table_has_every_column_and_every_name_in_full(
    arena: Arena, real_votes: Path
) -> None:
    said = arena("leaderboard", real_votes).stdout
    for figure in ("GPT 4", "1172.133", "1161.026", "1117.5 to 1226.7", "0.69785", "8,931"):
        assert figure in said
    assert "Open-Assistant Pythia SFT-4 (12B)" in said


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (414.6, 2019.2, ["500", "1000", "1500", "2000"]),
        (900.0, 1100.0, ["900", "950", "1000", "1050", "1100"]),
        (999.5, 1150.2, ["1000", "1050", "1100", "1150"]),
    ],
)
def test_the_numbers_of_the_axis_are_whole_at_its_ends(
    low: float, high: float, ticks: list[str]
) -> None:
    """Cut at the edge, 2000 read 200."""
    rows = pd.DataFrame({"lower": [low], "upper": [high], "rating": [(low + high) / 2]})
    header = Axis(rows).header().plain
    assert header.split() == ticks
    assert len(header) == AXIS


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_table_fits_its_terminal(arena: Arena, columns: int) -> None:
    lines = arena("leaderboard", SIMULATED, columns=columns).stdout.splitlines()
    assert max(len(line) for line in lines) <= columns
    assert any("alder-13b-nf4" in line and "1118.663" in line for line in lines)


def test_a_table_says_what_cannot_be_told_apart_and_whose_votes_they_are(arena: Arena) -> None:
    said = " ".join(arena("leaderboard", SIMULATED).stdout.split())
    assert "5 of 7 neighbouring pairs cannot be told apart yet (95 %), each from the next:" in said
    assert "cast by simulated raters" in said


def test_a_table_says_how_far_the_ratings_explain_the_votes(arena: Arena) -> None:
    said = " ".join(arena("leaderboard", SIMULATED).stdout.split())
    assert "by 4.5 points on average; 4.3 would be expected from chance alone." in said
    assert "No pair stands out at a false discovery rate of 5 %." in said
    assert "on questions held out are predicted better than by a coin" in said
    assert "which may be luck." in said
    assert "With the luck of the votes too, ± at Elo is 58 on average, not 47." in said


def groups(folder: Path) -> Path:
    """Two pairs of models that never met, and one that won all it had."""
    rows = [vote("oak", "pine", w) for w in ("model_a", "model_a", "model_b")]
    rows += [vote("elm", "yew", w) for w in ("model_a", "model_b")]
    return written(folder, *rows, vote("ash", "oak", "model_a"))


def test_separated_groups_are_marked_in_every_format(arena: Arena, tmp_path: Path) -> None:
    log = groups(tmp_path)
    table = arena("leaderboard", log).stdout
    assert [line.split("group ")[1][0] for line in table.splitlines() if "  group " in line] == [
        *("1", "1", "2", "2"),
    ]
    rows = list(csv.DictReader(arena("leaderboard", log, "-f", "csv").stdout.splitlines()))
    assert [row["group"] for row in rows] == ["1", "1", "2", "2", "0"]
    latex = arena("leaderboard", log, "-f", "latex").stdout
    places = [
        latex.index(said) for said in ("Group 1:", "oak", "Group 2:", "Not comparable", "ash")
    ]
    assert places == sorted(places)


def test_one_scale_needs_no_group(arena: Arena, tmp_path: Path) -> None:
    for options in ((SIMULATED,), (groups(tmp_path), "--rank-by", "elo")):
        said = arena("leaderboard", *options).stdout
        assert "  group " not in said
        assert "ranked only" not in said


def test_json_is_one_object(arena: Arena) -> None:
    board = json.loads(arena("leaderboard", SIMULATED, "--format", "json").stdout)
    assert (board["votes"], board["counted"], board["set_aside"]) == (1008, 1008, {})


def test_json_by_aspect_is_one_object_with_a_board_each(arena: Arena) -> None:
    run = arena("leaderboard", SIMULATED, "--by", "aspect", "--format", "json")
    assert len(json.loads(run.stdout)["by"]) == 9


def test_a_table_by_aspect_has_the_shrunken_rating(arena: Arena) -> None:
    said = arena("leaderboard", SIMULATED, "--by", "aspect").stdout
    assert said.count(" Shrunk ") == 9
    assert " ".join(said.split()).count("drawn towards the model's overall one") == 9
    assert "Shrunk" not in arena("leaderboard", SIMULATED).stdout


def test_csv_has_the_rows_and_the_scores(arena: Arena, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("model,mmlu\nbirch-7b,0.4\n", encoding="utf-8")
    run = arena("leaderboard", SIMULATED, "--with", tmp_path / "s.csv", "-f", "csv")
    rows = {row["model"]: row for row in csv.DictReader(run.stdout.splitlines())}
    assert (rows["birch-7b"]["mmlu"], rows["cedar-7b"]["mmlu"]) == ("0.4", "")


def test_csv_by_aspect_names_the_aspect_first(arena: Arena) -> None:
    run = arena("leaderboard", SIMULATED, "--by", "aspect", "-f", "csv")
    header = run.stdout.splitlines()[0]
    assert header.startswith("aspect,rank,rank_low,rank_high,model,")
    assert header.endswith(",shrunk,shrunk_error")


def test_latex_escapes_names(arena: Arena, tmp_path: Path) -> None:
    rows = [vote("a_b & 50%", "pine", w) for w in ("model_a", "model_a", "model_b")]
    run = arena("leaderboard", written(tmp_path, *rows), "-f", "latex")
    assert r"a\_b \& 50\% & " in run.stdout
    assert run.stdout.count(r"\\") == 3


@pytest.mark.parametrize(("name", "xelatex"), [("通义", True), ("Évora-ł", False)])
def test_latex_says_what_names_beyond_latin_need(
    arena: Arena, tmp_path: Path, name: str, *, xelatex: bool
) -> None:
    rows = [vote(name, "pine", w) for w in ("model_a", "model_b")]
    said = arena("leaderboard", written(tmp_path, *rows), "-f", "latex").stdout
    assert ("xelatex or lualatex" in said) == xelatex


@pytest.mark.parametrize("command", ["leaderboard", "heatmap"])
def test_help_says_that_csv_is_raw(arena: Arena, command: str) -> None:
    assert "CSV is raw:" in " ".join(arena(command, "--help").stdout.split())


def test_one_vote_is_no_plural_and_has_no_luck_to_speak_of(arena: Arena, tmp_path: Path) -> None:
    log = written(tmp_path, vote("oak", "pine", "tie"))
    said = " ".join(arena("leaderboard", log).stdout.split())
    assert "1 vote stored, 1 counted" in said
    assert "With the luck" not in said
    assert "% log.json: 1 vote, 1 counted" in arena(
        "leaderboard", log, "-f", "latex"
    ).stdout.replace(f"{tmp_path}/", "")


def test_a_band_that_rounds_alike_is_not_said_twice(arena: Arena, tmp_path: Path) -> None:
    log = written(tmp_path, *(vote("oak", "pine", "tie") for _ in range(5)))
    assert "With the luck" not in arena("leaderboard", log).stdout


def test_ranking_by_elo_orders_by_elo(arena: Arena) -> None:
    run = arena("leaderboard", SIMULATED, "--rank-by", "elo", "-f", "json")
    elo = [row["elo"] for row in json.loads(run.stdout)["rows"]]
    assert elo == sorted(elo, reverse=True)


def test_a_heat_map_is_written(arena: Arena, tmp_path: Path) -> None:
    run = arena(
        *("heatmap", SIMULATED, "--kind", "predicted", "--from", "elo"),
        *("-o", tmp_path / "heat.csv"),
    )
    assert (run.returncode, run.stdout) == (0, "")
    assert "Elo ratings miss the actual win rates by" in run.stderr
    assert (tmp_path / "heat.csv").read_text(encoding="utf-8").startswith("model,birch-7b,")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["leaderboard", "none.csv"], 2, "there is no such file"),
        (["leaderboard", "none.db"], 2, "There is no database"),
        (["leaderboard", "tests"], 2, "tests is a folder"),
        (["export", str(SIMULATED), "tests"], 2, "the ending says no format"),
        (["leaderboard", str(SIMULATED), "--by", "rater"], 2, "rater"),
        (["leaderboard", str(SIMULATED), "--with", "none.csv"], 2, "there is no such file"),
        (["leaderboard", "mysql://lab/votes"], 2, "Name a SQLite file, for example arena.db"),
        (["leaderboard", str(SIMULATED), "--aspect", "art"], 1, "choose something the log has"),
        (["heatmap", str(SIMULATED), "-o", "heat.gif"], 2, "no format that we draw"),
        (["export", "none.csv", "out.csv"], 2, "there is no such file"),
    ],
)
def test_what_went_wrong_is_a_sentence_and_a_status(
    arena: Arena, arguments: list[str], status: int, says: str
) -> None:
    run = arena(*arguments)
    assert (run.returncode, run.stdout) == (status, "")
    assert says in run.stderr
    assert "Traceback" not in run.stderr


def test_an_export_is_a_log_again(arena: Arena, tmp_path: Path) -> None:
    run = arena("export", SIMULATED, tmp_path / "out.parquet")
    assert "1,008 votes" in run.stderr
    again = arena("leaderboard", tmp_path / "out.parquet", "-f", "csv").stdout
    assert again == arena("leaderboard", SIMULATED, "-f", "csv").stdout


def test_an_export_says_what_its_format_cannot(arena: Arena, tmp_path: Path) -> None:
    run = arena("export", SIMULATED, tmp_path / "out.csv", "--format", "lmsys")
    assert run.returncode == 0
    assert "Among them" in run.stderr
    assert "by simulated raters, which this format cannot say" in run.stderr


@pytest.mark.parametrize("command", ["leaderboard", "agreement", "heatmap", "export"])
def test_help_shows_an_example(arena: Arena, command: str) -> None:
    assert f"Example: arena {command}" in " ".join(arena(command, "--help").stdout.split())


NASTY = "a\x1b[31mRED\nforged [bold]x"


@pytest.mark.parametrize("command", ["leaderboard", "agreement", "heatmap"])
def test_no_name_of_a_strangers_file_moves_the_cursor(
    arena: Arena, tmp_path: Path, command: str
) -> None:
    rows = [
        vote(NASTY, model, winner, judge=judge + NASTY, question_id=f"q{number}", aspect=NASTY)
        for judge in ("ann", "ben")
        for model in ("oak", "pine")
        for number, winner in enumerate(("model_a", "model_b", "tie"))
    ]
    rows += [
        vote(NASTY, "oak", "tie", judge=NASTY, question_id=f"q{number}", rater_kind="model")
        for number in range(3)
    ]
    scores = tmp_path / "s.csv"
    scores.write_text('model,"mm\x1b[31mlu"\noak,0.4\npine,0.5\n', encoding="utf-8")
    options = {
        "leaderboard": ("--by", "aspect", "--with", scores),
        "agreement": (),
        "heatmap": ("-o", tmp_path / "heat.csv"),
    }[command]
    run = arena(command, written(tmp_path, *rows), *options)
    said = run.stdout + run.stderr
    assert run.returncode == 0
    assert "\x1b" not in said
    assert not any(line.startswith("forged") for line in said.splitlines())
    if command != "heatmap":
        assert r"a\x1b[31mRED\nforged [bold]x" in said


def test_programs_get_names_as_they_are(arena: Arena, tmp_path: Path) -> None:
    log = written(tmp_path, *(vote(NASTY, "oak", w) for w in ("model_a", "model_b")))
    board = json.loads(arena("leaderboard", log, "-f", "json").stdout)
    assert NASTY in {row["model"] for row in board["rows"]}
    lines = io.StringIO(arena("leaderboard", log, "-f", "csv").stdout)
    assert NASTY in {row["model"] for row in csv.DictReader(lines)}


def test_nor_does_a_refusal(arena: Arena, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("a\x1b[31mRED,b\n1,2\n", encoding="utf-8")
    run = arena("leaderboard", tmp_path / "log.csv")
    assert run.returncode == 1
    assert r"found: 'a\x1b[31mRED', b." in run.stderr


@pytest.mark.parametrize("command", ["export", "heatmap"])
@pytest.mark.parametrize("way", ["itself", "a link", "another name"])
def test_no_command_writes_over_what_it_reads(
    arena: Arena, tmp_path: Path, command: str, way: str
) -> None:
    source = tmp_path / "votes.csv"
    shutil.copy(SIMULATED, source)
    target = source if way == "itself" else tmp_path / "other.csv"
    if way == "a link":
        target.symlink_to(source)
    elif way == "another name":
        target.hardlink_to(source)
    run = arena(command, source, *(("-o",) if command == "heatmap" else ()), target)
    assert run.returncode == 2
    assert run.stderr == (
        f"arena: {target} is the file that is read ({source}), and would be overwritten; "
        "name another file to write.\n"
    )
    assert source.read_bytes() == target.read_bytes() == SIMULATED.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["leaderboard", "x.csv", "--by", "colour"], "'colour' is not one of 'aspect', 'language'"),
        (["leaderboard", "x.csv", "--format", "xml"], "'xml' is not one of 'table', 'csv',"),
        (["demo", "--port", "99999"], "'--port': it should be less than or equal to 65535"),
    ],
)
def test_wrong_options_are_told_in_our_words(arena: Arena, arguments: list[str], says: str) -> None:
    run = arena(*arguments)
    assert run.returncode == 2
    assert says in " ".join(run.stderr.replace("│", " ").split())
    assert "Value error" not in run.stderr


def test_without_a_command_there_is_help(arena: Arena) -> None:
    run = arena()
    assert (run.returncode, "Commands" in run.stdout + run.stderr) == (2, True)
