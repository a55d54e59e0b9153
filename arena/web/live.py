"""The two panes: Gradio renders the responses while they are made.

One event, fed by a hidden field with the battle's id and put out to the two panes alone; the last
text it puts out ends with a mark, by which the page knows that all of it is shown. Everything else
on the page is our own HTML. Names of functions and components reach the browser, so they are
neutral; who the visitor is comes from the signed cookie and never from Gradio's session.
"""

import json
import logging
import time
import unicodedata
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from typing import Final

from arena.battle.views import State, Turn
from arena.errors import NotAllowed, StoreError
from arena.web.flow import Flow
from arena.web.gradio_import import gr
from arena.web.markdown import ASKED, END, FORMULAS, safe, whole
from arena.web.raters import Raters
from arena.web.words import DEFAULT_LANGUAGE, LANGUAGE_NAMES, say

_log: Final = logging.getLogger(__name__)

# Gradio runs at most this many events at one time, streams and their ends together.
EVENTS_AT_ONCE: Final = 1000
# It looks for new ones in a loop: a thousand times a second unless told otherwise, also when idle.
LOOKS_EVERY_S: Final = 0.02
# Who follows models that are silent puts the same out again after so long: only then does Gradio
# look whether the tab is still there, and end what nobody reads.
SILENT_S: Final = 5.0
# A browser draws both panes anew each time, which takes the longer the more they hold. Long ones
# are put out less often, or the page would stand still for a minute.
DRAWN_PER_S: Final = 100_000  # characters
# Tabs of which something is remembered. Gradio by itself never forgets which had an event; and of
# the last 10,000 it keeps a copy of the page with all that both panes hold.
_TABS: Final = 10_000
_COPIES: Final = 500  # tens of kilobytes each, and the text
# An invisible character: an empty value would leave the pane of the last battle as it was.
_NOTHING: Final = "\N{ZERO WIDTH SPACE}"


class Panes:
    """Follows one battle in each browser tab."""

    def __init__(self, flow: Flow, raters: Raters) -> None:
        self._flow = flow
        self._raters = raters
        self._newest: OrderedDict[str, str] = OrderedDict()

    async def show(self, order: str, request: gr.Request) -> AsyncIterator[tuple[str, str]]:
        """Yield both panes until the newest turn is complete."""
        battle, lang, number = _read(order)
        tab = request.session_hash or ""
        self._remember(tab, order)
        try:
            if request.request is None:
                return
            rater = self._raters.require(request.request)
            shown, panes, when = None, (_NOTHING, _NOTHING), 0.0
            async for panes in self._follow(battle, rater, lang):
                if self._newest.get(tab) != order:
                    return  # the tab asks for something else by now
                waited = time.monotonic() - when
                if (panes != shown and waited >= _drawing_s(panes)) or waited > SILENT_S:
                    yield (shown := panes)
                    when = time.monotonic()
            end = f"\n\n{END}{number}{END}"
            yield (panes[0] + end, panes[1] + end)
        except NotAllowed:  # another's battle, or none: strangers ask for what they like
            return
        except StoreError as error:  # a full disk, say: the same sentence for every pane
            _log.error("%s", error)
        except Exception:  # noqa: BLE001 - the page boundary: the browser learns nothing but "reload"
            _log.exception("showing a battle failed")

    def _remember(self, tab: str, order: str) -> None:
        self._newest[tab] = order
        self._newest.move_to_end(tab)
        while len(self._newest) > _TABS:
            self._newest.popitem(last=False)

    async def _follow(self, battle: str, rater: str, lang: str) -> AsyncIterator[tuple[str, str]]:
        view = await self._flow.view(battle, rater)
        if view.state is State.STREAMING:
            *earlier, newest = view.turns
            before_a, before_b = conversation(earlier, lang)
            asked = _asked(newest, first=not earlier)
            yield (before_a + asked or _NOTHING, before_b + asked or _NOTHING)
            async for frame in self._flow.stream(battle, rater):
                yield (
                    before_a + asked + safe(frame.a) or _NOTHING,
                    before_b + asked + safe(frame.b) or _NOTHING,
                )
            view = await self._flow.view(battle, rater)
        if view.state is State.VOID:
            return  # what was shown of it stays until the next battle opens
        yield conversation(view.turns, lang)


def _drawing_s(panes: tuple[str, str]) -> float:
    return sum(map(len, panes)) / DRAWN_PER_S


def conversation(turns: Iterable[Turn], lang: str) -> tuple[str, str]:
    """Return the text of both panes for complete turns; a follow-up stands above its responses."""
    pane_a, pane_b = "", ""
    for number, turn in enumerate(turns):
        asked = _asked(turn, first=number == 0)
        pane_a += asked + _said(turn.a, lang) + "\n\n"
        pane_b += asked + _said(turn.b, lang) + "\n\n"
    return pane_a, pane_b


def _asked(turn: Turn, *, first: bool) -> str:
    """Return a follow-up as a heading of the pane; the first prompt stands above both panes."""
    if first:
        return ""
    words = " ".join(turn.prompt.split())
    return f"\n\n###### {ASKED}{_literal(words)}\n\n"


def _literal(words: str) -> str:
    return safe("".join(c if c.isalnum() or c in " <" else f"&#{ord(c)};" for c in words))


def _said(response: str, lang: str) -> str:
    return whole(response) if _is_seen(response) else f"*{say('empty_response', lang)}*"


def _is_seen(response: str) -> bool:
    return any(not c.isspace() and unicodedata.category(c) != "Cf" for c in response)


def _read(order: str) -> tuple[str, str, int]:
    """Take an order of the page apart (battle, language, number); anything may stand in it."""
    try:
        said = json.loads(order)
        battle, lang, number = str(said["battle"]), str(said["lang"]), int(said["n"])
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError):
        return "", DEFAULT_LANGUAGE, 0
    return battle, lang if lang in LANGUAGE_NAMES else DEFAULT_LANGUAGE, number


def blocks(flow: Flow, raters: Raters) -> gr.Blocks:
    """Build the part of the battle page that Gradio renders."""
    import matplotlib as mpl  # noqa: PLC0415  # takes its time

    if mpl.get_backend(auto_select=False) is None:
        # Else Gradio loads all of it in its first event to choose one, and every stream waits.
        mpl.use("agg")
    panes = Panes(flow, raters)
    page = gr.Blocks(title="Battle", analytics_enabled=False, fill_width=True)
    page.max_threads = EVENTS_AT_ONCE
    page.state_session_capacity = _COPIES  # one that is forgotten is made again by the next event
    with page:
        order = gr.Textbox(elem_id="order", container=False, show_label=False, label="order")
        with gr.Row(elem_id="panes", equal_height=True):
            shown = [_pane("a"), _pane("b")]
        order.change(
            panes.show,
            inputs=[order],
            outputs=shown,
            trigger_mode="multiple",
            show_progress="hidden",
            api_visibility="private",
            api_name="show",
        )
    page.queue(default_concurrency_limit=None, api_open=False)
    queue = page._queue  # noqa: SLF001  # no option leads there
    queue.sleep_when_free = LOOKS_EVERY_S
    queue.progress_update_sleep_when_free = 1.0  # none of our events has a progress bar
    queue.pending_event_ids_session = gr.utils.LRUCache(_TABS)
    return page


def _pane(seat: str) -> gr.Markdown:
    with gr.Column(elem_id=f"pane-{seat}", elem_classes=["pane", seat], min_width=0):
        pane = gr.Markdown(
            elem_id=f"text-{seat}",
            latex_delimiters=FORMULAS,
            line_breaks=True,
            sanitize_html=True,
            header_links=False,
            container=False,
        )
    # Gradio's own takes text for a docstring: no tabs, and no indentation that all lines have.
    pane.postprocess = _as_it_is  # type: ignore[assignment, method-assign]
    return pane


def _as_it_is(text: str) -> str:
    return text
