"""Makes a response safe to render, without losing a character of it.

The browser's Markdown renderer and its sanitizer are built for pages, not for fair reading: they
drop `<int>` from `List<int>` together with the rest of the line, fetch the images a response
names, hide link definitions, draw diagrams, and read "$5 and $10" as a formula. A response that
lost half of its text loses the vote too.

Escaping cannot mend this alone, because where code begins and ends is for the renderer to say, and
`&lt;` inside code is shown as four characters. So a `<` travels as a private character that means
nothing to any renderer, and the page puts the `<` back as text (`assets/panes.js`): no tag can
come to be, whatever the renderer takes for code. Only in plain fences, which every renderer reads
alike, it stays, so that code keeps its colours.
"""

import re
from functools import lru_cache
from itertools import accumulate
from typing import Final

from arena.web.table_cells import with_all_cells

LESS: Final = "\ue0f0"  # the page shows it as <
TILDE: Final = "\ue0f4"  # the page shows it as ~
APART: Final = "\ue0f1"  # keeps two characters apart; the page removes it
ASKED: Final = APART * 2  # begins what a rater has asked; in what a model says they stand alone
DEEPEST: Final = 10  # lists and quotations in one another that one line may open
BRACES: Final = 50  # braces in one another of a formula: of 150 the browser's tab dies
_HELD: Final = "\ue0f3"  # keeps them together for the time being; removed here
END: Final = "\ue0f2"  # no text of a model: `arena.web.live` says with it that all is shown

# What the renderer is told to read as formulas; a bare dollar sign is never one of them.
FORMULAS: Final[list[dict[str, str | bool]]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "\\[", "right": "\\]", "display": True},
    {"left": "\\(", "right": "\\)", "display": False},
]

# Languages whose colours the renderer can draw in any order; asked first for C++, it throws and
# the whole response stays unseen. Every other language is shown without colours.
COLOURED: Final = {
    "bash": "bash",
    "c": "c",
    "c++": "c",
    "cpp": "c",
    "css": "css",
    "go": "go",
    "java": "java",
    "javascript": "javascript",
    "js": "javascript",
    "json": "json",
    "py": "python",
    "python": "python",
    "python3": "python",
    "rust": "rust",
    "sh": "bash",
    "shell": "bash",
    "sql": "sql",
    "ts": "javascript",
    "typescript": "javascript",
}

_ANY_FENCE: Final = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})")
_PLAIN_FENCE: Final = re.compile(r"(?P<mark>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)")
# Code is found only to leave its dollars alone, so one line is as far as it has to reach.
_PIECES: Final = re.compile(
    r"(?P<escaped>\\[\\`$])"
    r"|(?P<code>(?<![^\\]`)(?P<ticks>`+)[^`\n](?:.*?[^`])??(?P=ticks)(?!`))"
    # None holds the beginning of another, which `\\[2pt]` is not: else, where a model says nothing
    # but beginnings, each would be followed to the end of all.
    # (Python before 3.11.5 loses matches of `++`; no character here can be taken in two ways.)
    r"|(?P<formula>\$\$(?:[^$\n]|\n(?!\s*\n))+\$\$"
    r"|\\\[(?:[^\\\n]|\n(?!\s*\n)|\\(?![\[\]])|(?<=\\)\\(?!\]))+\\\]"
    r"|\\\((?:[^\\\n]|\\(?![()])|(?<=\\)\\(?!\)))+\\\))"
    # Formulas of several lines that models write without any mark around them.
    r"|(?P<environment>\\begin\{(?P<name>(?:align|alignat|equation|gather)\*?)\}"
    r"(?:[^\\$\n]|\n(?!\s*\n)"
    r"|\\(?!(?:begin|end)\{(?:align|equation|gather))(?:[^$\n]|(?![^$\n])))+"
    r"\\end\{(?P=name)\})"
    # By pandoc's rule: no space inside the dollars, and no digit after the last one.
    r"|\$(?P<dollars>(?![\s`])(?:[^$\n`\\]|\\[^\n`])*(?:[^\s$`\\]|\\[^\s`]))\$(?!\d)"
)
# The renderer takes all between two of them for a formula, whatever it is: code, paragraphs. And
# what it puts in the place of one is none.
_OPENING: Final = re.compile(r"\$(?=\$)|\\(?=[\[(])|%(?=%%LATEX_BLOCK)")
# What the renderer looks for before a kind of formula, so also in it, up to an end outside of it.
_EARLIER: Final = {"$$": (), "\\[": ("$$",), "\\(": ("$$", "\\[")}
# What a line can begin with, one in the other, as "1. 2. 3. ..." too: a thousand stop the renderer.
_NESTED: Final = re.compile(
    rf"^(?:[ \t]*(?:>|(?:[-*+]|\d{{1,9}}[.)])[ \t])){{{DEEPEST}}}", re.MULTILINE
)
# What lies between two of them would be struck out: "3~5 or 7~9". Not that of an address.
_SINGLE_TILDE: Final = re.compile(r"(?<![~/])~(?!~)")
_BROKEN: Final = rf"\g<0>{APART}"
_UNSHOWABLE: Final = re.compile(
    f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff{LESS}{TILDE}{APART}{END}{_HELD}]"
)
# Written by their numbers the browser would make the same of them.
_OURS: Final = re.compile(r"&(?=#(?:0*5758[4-8](?!\d)|[xX]0*[eE]0[fF][0-4](?![\da-fA-F])))")
# A sign of percent, which ends what is shown of its line.
_COMMENT: Final = re.compile(r"(?<!\\)((?:\\\\)*)%")
# Takes up room and shows nothing of what is in it, or lies over what stands beside it.
_HIDING: Final = re.compile(r"\\(?:[hv]?phantom|smash|(?:math)?[clr]lap)(?![a-zA-Z])")
# Where no spaces stand, "**so:**that" is no bold for the renderer, and what lies between two is.
_BOLD: Final = re.compile(r"(?<![*\\])\*\*(?![\s*])([^*\n]{1,500})(?<![\s\\])\*\*(?!\*)")
_WIDE: Final = re.compile(
    "[\u2018-\u201d\u2026\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]"
)


def safe(response: str) -> str:
    """Return Markdown that shows every character of a response and fetches nothing."""
    return _made_safe(response)[0]


def whole(response: str) -> str:
    """Return the same of a response that something comes behind: code that was cut is closed."""
    text, fence = _made_safe(response)
    fence = fence or _left_open(text)
    return f"{text}\n{fence}" if fence else text


def _left_open(text: str) -> str:
    """Return the mark of open code behind code in a list; none where anything is disputed."""
    mark, is_inner = "", False
    for line in text.split("\n"):
        found = _ANY_FENCE.match(line)
        if is_inner and mark and line[:1].strip():
            return ""  # some close the code of a list here, and some do not
        if found and mark:
            ends = found[1].startswith(mark) and not line[found.end() :].strip()
            mark = "" if ends else mark
        elif found:
            mark, is_inner = found[1], found.start(1) > 0
    return "" if is_inner else mark


@lru_cache(maxsize=512)
def _made_safe(response: str) -> tuple[str, str]:
    text = re.sub(r"\r\n?", "\n", response)
    text = _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    parts, fence = _parts(text.split("\n"))
    made = "\n".join(
        _OPENING.sub(_BROKEN, part if is_code else _disarmed(part)).replace(_HELD, "")
        for is_code, part in parts
    )
    return made, fence


def _parts(lines: list[str]) -> tuple[list[tuple[bool, str]], str]:
    """Split into plain fences (True) and everything else; return the mark of an open one, too."""
    parts: list[tuple[bool, str]] = []
    mark = ""
    held: list[str] = []
    certain = True  # until a fence stands inside a list or a quotation, whose end is disputed
    for line in lines:
        plain = _PLAIN_FENCE.fullmatch(line) if certain else None
        if mark:
            held.append(line)
            if plain and not plain["info"].strip() and plain["mark"].startswith(mark):
                parts.append((True, "\n".join(held)))
                mark, held = "", []
        elif plain:
            if held:
                parts.append((False, "\n".join(held)))
            mark = plain["mark"]
            held = [_relabelled(line)]
        else:
            certain = certain and not _ANY_FENCE.match(line)
            held.append(_relabelled(line))
    if held:
        parts.append((bool(mark), "\n".join(held)))
    return parts, mark


def _relabelled(line: str) -> str:
    """Let code have only such colours as cannot hide it: no diagrams, no half-loaded languages."""
    fence = _ANY_FENCE.match(line)
    if fence is None or not (info := line[fence.end() :].strip()):
        return line
    language = re.split(r"[\s{:,]", info, maxsplit=1)[0].lower()
    is_fence = "`" not in info or fence[1][0] == "~"
    return line[: fence.end()] + COLOURED.get(language, "text") if is_fence else line


def _piece(found: re.Match[str]) -> str:
    if found["formula"]:
        return _formula(found["formula"]) or found[0]
    if found["environment"]:
        return _formula(f"$${found[0]}$$") or found[0]
    if found["dollars"]:
        return _formula("\\(" + found["dollars"] + "\\)") or found[0]
    return found[0]


def _formula(text: str) -> str | None:
    """Return a formula as the renderer will find it; None if it would find another, or too much."""
    begin, inside, end = text[:2], text[2:-2], text[-2:]
    if any(mark in inside for mark in (*_EARLIER[begin], end)):
        return None
    if max(accumulate((c == "{") - (c == "}") for c in inside)) > BRACES:
        return None
    if _HIDING.search(inside):
        return None
    inside = _COMMENT.sub(r"\1\\%", inside).replace("<", "\\lt ").replace("~", "\\ ")
    return _OPENING.sub(rf"\g<0>{_HELD}", f"{begin}{inside}{end}")


def _disarmed(text: str) -> str:
    text = _PIECES.sub(_piece, text).replace("<", LESS).replace("![", f"!{APART}[")
    text = _OURS.sub(_BROKEN, _SINGLE_TILDE.sub(TILDE, with_all_cells(text)))
    text = _BOLD.sub(_bold, text)
    return _NESTED.sub(_BROKEN, text).replace("]:", f"]{APART}:")


def _bold(found: re.Match[str]) -> str:
    inside, (start, end) = found[1], found.span()
    ends = found.string[max(start - 1, 0)] + inside[0] + inside[-1] + found.string[end : end + 1]
    return f"**{APART}{inside}{APART}**" if _WIDE.search(ends) else found[0]
