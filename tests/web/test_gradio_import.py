"""Gradio is imported without its stub files, whole, and leaves everything else as it was."""

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from arena.web.gradio_import import gr, no_stubs

# Counted in a process of its own: this one has imported Gradio long ago.
OPENED = """
import inspect, sys
found, opened = inspect.getfile, []
def told(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".pyi"):
        opened.append(arguments[0])
sys.addaudithook(told)
from arena.web.gradio_import import gr
assert inspect.getfile is found
assert inspect.getfile(gr.Textbox).endswith("textbox.py")
print(len(opened))
"""


def test_no_stub_file_is_opened_and_everything_is_as_it_was() -> None:
    said = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", OPENED],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == "0\n", said.stderr


async def test_components_work_and_have_their_events() -> None:
    with gr.Blocks() as page:
        field = gr.Textbox(elem_id="field")
        field.change(str, inputs=[field], outputs=[field])
    (event,) = page.config["dependencies"]
    assert event["targets"] == [(field._id, "change")]  # noqa: SLF001 - no public name


def test_meanwhile_only_this_thread_and_only_gradio_have_no_files() -> None:
    found, elsewhere = inspect.getfile, []
    with no_stubs():
        with pytest.raises(OSError, match="no stub file"):
            inspect.getfile(gr.Textbox)
        assert inspect.getfile(threading.Thread) == found(threading.Thread)
        other = threading.Thread(target=lambda: elsewhere.append(inspect.getfile(gr.Textbox)))
        other.start()
        other.join()
    assert elsewhere == [found(gr.Textbox)]


def test_what_was_there_comes_back_whatever_happens() -> None:
    found = inspect.getfile
    with pytest.raises(ZeroDivisionError), no_stubs():
        _ = 1 / 0
    assert inspect.getfile is found
