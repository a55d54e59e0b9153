"""Every notebook is committed without output and runs from top to bottom."""

import re
from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def said(notebook: nbformat.NotebookNode) -> str:
    """Return what the cells of a notebook printed or showed as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs)


def read(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # theirs
    assert isinstance(notebook, nbformat.NotebookNode)
    return notebook


def test_there_is_a_notebook_to_begin_with() -> None:
    assert "first-look.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_output(path: Path) -> None:
    for cell in read(path).cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_files_a_notebook_points_to_are_there(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#]+)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.slow
def test_the_first_look_runs_from_top_to_bottom_within_a_minute() -> None:
    notebook = read(ROOT / "notebooks" / "first-look.ipynb")
    place = {"metadata": {"path": str(ROOT)}}  # `arena` is found there, installed or not
    nbclient.NotebookClient(notebook, timeout=60, resources=place).execute()
    images = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(images) == 2
    assert "1,008 votes by 12 raters on 50 questions, 8 models" in said(notebook)
    assert "0.83 tie-discounted agreement (95 % 0.79 to 0.87) on 168 items" in said(notebook)


@pytest.mark.slow
def test_the_first_look_predicts_nothing_between_models_without_a_common_scale(
    tmp_path: Path,
) -> None:
    """Two pairs that tied; the one vote between them fits no rating, so it is no difference."""
    log = "model_a,model_b,winner\nharbor,pebble,tie\nwillow,harbor,model_a\ncedar,willow,tie\n"
    shown = said(run_on(tmp_path, log))
    assert "Mean difference 0.0 points" in shown


@pytest.mark.slow
def test_the_first_look_counts_what_a_board_counts_and_says_what_it_cannot(tmp_path: Path) -> None:
    """One model won every vote of people, on seat A, so that none is rated; a judge counts not."""
    shown = said(
        run_on(
            tmp_path,
            "model_a,model_b,winner,judge,question_id,rater_kind\n"
            "harbor,pebble,model_a,ann,q1,human\nharbor,pebble,model_a,ben,q1,human\n"
            "harbor,willow,model_a,ann,q2,human\npebble,harbor,model_a,robot,q1,model\n",
        )
    )
    assert "3 votes by 2 raters on 2 questions, 3 models" in shown
    assert "No two models can be compared." in shown
    assert "No pair that met has a prediction." in shown
    assert "(no interval) on 1 items" in shown
    assert "nan to" not in shown


def run_on(folder: Path, log: str) -> nbformat.NotebookNode:
    """Return the first look at a log after it ran."""
    (folder / "own.csv").write_text(log, encoding="utf-8")
    notebook = read(ROOT / "notebooks" / "first-look.ipynb")
    for cell in notebook.cells:
        own = f"SOURCE = {str(folder / 'own.csv')!r}"
        cell.source = cell.source.replace('SOURCE = shipped("votes/simulated.csv")', own)
    place = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(notebook, timeout=60, resources=place).execute()
    return notebook
