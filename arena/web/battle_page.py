"""The document at `/`: our own HTML around the two panes that Gradio renders.

All words of all languages travel with it, so that the language can change without a reload in the
middle of a battle. No model is mentioned: the page knows how many there are and nothing else.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from arena.questions import ASPECTS, QuestionBank
from arena.web.gradio_import import gr
from arena.web.raters import Raters
from arena.web.shell import Shell
from arena.web.words import LANGUAGE_NAMES, words_of

QUESTIONS_SENT: Final = 60  # of a larger bank the page offers every so manieth question
_NUMBERS: Final = {
    "en": ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    "zh": ("零", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十"),
}


def spelled(number: int, lang: str) -> str:
    """Return a small number as a word."""
    names = _NUMBERS[lang]
    return names[number] if number < len(names) else str(number)


def gradio_entry() -> tuple[str, str]:
    """Return the script and the style sheet with which this version of Gradio starts.

    Raises
    ------
    RuntimeError
        If Gradio's own start page does not name them: a version we do not know.
    """
    start = Path(gr.__file__).parent / "templates" / "frontend" / "index.html"
    page = start.read_text(encoding="utf-8")
    script = re.search(r'<script type="module"[^>]* src="\./(assets/[\w.-]+\.js)"', page)
    style = re.search(r'<link rel="stylesheet"[^>]* href="\./(assets/[\w.-]+\.css)"', page)
    if script is None or style is None:
        raise RuntimeError(f"{start} names no script or no style. Install the pinned Gradio.")
    return f"/{script[1]}", f"/{style[1]}"


def offered(bank: QuestionBank | None) -> list[dict[str, Any]]:
    """Return the questions the page may offer; what a good response needs stays here."""
    questions = [] if bank is None else list(bank.questions)
    step = max(1, -(-len(questions) // QUESTIONS_SENT))
    return [
        {"id": q.id, "aspect": q.aspect, "text": {code: q.text[code] for code in LANGUAGE_NAMES}}
        for q in questions[::step]
    ]


def _words(models: int) -> dict[str, dict[str, str]]:
    words = {code: dict(words_of(code)) for code in LANGUAGE_NAMES}
    for code, spoken in words.items():
        spoken["demo_note"] = spoken["demo_note"].replace("{n}", spelled(models, code))
    return words


def battle_route(
    shell: Shell, raters: Raters, bank: QuestionBank | None, *, models: int, demo: bool
) -> APIRouter:
    """Return the route of the battle page."""
    routes = APIRouter()
    script, style = gradio_entry()
    words = _words(models)
    carried = {"words": words, "aspects": ASPECTS, "questions": offered(bank), "demo": demo}
    # "<" would let a question close the script element it travels in.
    data = json.dumps(carried, ensure_ascii=False).replace("<", "\\u003c")

    @routes.get("/")
    async def battle(request: Request) -> HTMLResponse:
        page = shell.page(
            request,
            "battle.html",
            active="battle",
            data=data,
            demo=demo,
            modules=shell.modules,
            words_by_language=words,
            gradio_script=script,
            gradio_style=style,
        )
        raters.welcome(request, page)
        return page

    return routes
