"""Safe Markdown: worked examples first, then what must hold for any text."""

import re
import time
import timeit
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import arena.web.markdown
from arena.web.markdown import APART, END, LESS, TILDE, safe, whole


def as_read(markdown: str) -> str:
    """Put back what the page puts back."""
    return markdown.replace(LESS, "<").replace(TILDE, "~").replace(APART, "")


pieces = st.sampled_from(
    (
        *("<", ">", "`", "```", "~~~", "\n", " ", "![", "](x)", "[a]:", "$", "\\(", "\\)", "- "),
        *("> ", "a", "1", "<b>", "\\", "mermaid", "|", "    ", "$$", "中", "~", "|-|"),
    )
)
texts = st.lists(pieces, max_size=40).map("".join)


@pytest.mark.parametrize(
    ("response", "markdown"),
    [
        pytest.param("List<int>", f"List{LESS}int>", id="a type in prose"),
        pytest.param("`List<int>`", f"`List{LESS}int>`", id="a type in code"),
        pytest.param("![a](b)", f"!{APART}[a](b)", id="an image"),
        pytest.param("[a]: hidden", f"[a]{APART}: hidden", id="a link definition"),
        pytest.param("$5 and $10", "$5 and $10", id="prices"),
        pytest.param("so $x^2$ it is", "so \\(x^2\\) it is", id="a formula in dollars"),
        pytest.param("$a < b$", "\\(a \\lt  b\\)", id="a formula with less-than"),
        pytest.param(r"\(a", f"\\{APART}(a", id="a formula that only begins"),
        pytest.param("$$a\n\nb$$", f"${APART}$a\n\nb${APART}$", id="dollars in two paragraphs"),
        pytest.param(r"\[a\\[2pt]b\]", r"\[a\\[2pt]b\]", id="lines of a formula"),
        pytest.param(r"\(a\[b\)", rf"\{APART}(a\{APART}[b\)", id="one that begins in another"),
        pytest.param(r"$a\)b$", r"$a\)b$", id="one that ends in another"),
        pytest.param(r"\[$$\]", rf"\{APART}[${APART}$\]", id="dollars that begin in another"),
        pytest.param("%%%LATEX_BLOCK_0%%%", f"%{APART}%%LATEX_BLOCK_0%%%", id="no formula"),
        pytest.param("`$$` `$$`", f"`${APART}$` `${APART}$`", id="two dollars in code"),
        pytest.param("```sh\n$$\n```", f"```bash\n${APART}$\n```", id="two dollars in a fence"),
        pytest.param(r"$20% \cdot 3\%$", r"\(20\% \cdot 3\%\)", id="percent in a formula"),
        pytest.param(r"$\$$ $x$", r"\(\$\) \(x\)", id="a dollar in a formula"),
        pytest.param(r"$a = \$5$", r"\(a = \$5\)", id="a price in a formula"),
        pytest.param(r"$a\$ b $", r"$a\$ b $", id="no formula of dollars"),
        pytest.param("$a~b$", r"\(a\ b\)", id="a space in a formula"),
        pytest.param(r"$\phantom{a}$", r"$\phantom{a}$", id="a formula that hides a word"),
        pytest.param(
            "\\begin{align*}\na &< b \\\\\nc &= d\n\\end{align*}",
            "$$\\begin{align*}\na &\\lt  b \\\\\nc &= d\n\\end{align*}$$",
            id="lines of a formula by name",
        ),
        pytest.param(
            r"\begin{align}a\end{gather}", r"\begin{align}a\end{gather}", id="another name"
        ),
        pytest.param("3~5, 7~9", f"3{TILDE}5, 7{TILDE}9", id="ranges"),
        pytest.param("~~no~~ x.org/~me", "~~no~~ x.org/~me", id="other tildes"),
        pytest.param("&#xe0f1;&#57586;", f"&{APART}#xe0f1;&{APART}#57586;", id="ours by number"),
        pytest.param("&#xe0f11;", "&#xe0f11;", id="another number"),
        pytest.param("**好：**的", f"**{APART}好：{APART}**的", id="bold without spaces"),
        pytest.param("(x+1)**2 + (y+1)**2", "(x+1)**2 + (y+1)**2", id="powers"),
        pytest.param("- " * 12, "- " * 10 + APART + "- " * 2, id="lists in lists"),
        pytest.param("1. " * 12, "1. " * 10 + APART + "1. " * 2, id="numbers in a row"),
        pytest.param("`$HOME/$USER`", "`$HOME/$USER`", id="dollars in code"),
        pytest.param("```c\na < b $x$\n```", "```c\na < b $x$\n```", id="a plain fence"),
        pytest.param("```\na<b", "```\na<b", id="a fence that never ends"),
        pytest.param("- ```\n  a<b", f"- ```\n  a{LESS}b", id="a fence in a list"),
        pytest.param("```mermaid\ng\n```", "```text\ng\n```", id="a diagram"),
        pytest.param("```C++\nx\n```", "```c\nx\n```", id="a language that would throw"),
        pytest.param("```py {.x}\nx\n```", "```python\nx\n```", id="a language with attributes"),
        pytest.param("a\x00b\r\nc", "a\N{REPLACEMENT CHARACTER}b\nc", id="control characters"),
    ],
)
def test_examples(response: str, markdown: str) -> None:
    assert safe(response) == markdown


@pytest.mark.parametrize(
    "said",
    [
        *(
            "[",
            "\\[",
            "\\(",
            "\\[ a\n",
            "$$ a ",
            "`a``",
            "- ",
            "1. ",
            "<",
            "![",
            "~a",
            "**a",
            "$a",
            "$\\",
            "\\begin{align}",
            "\\begin{align} a \\begin{gather} b\n",
        ),
        *("a|\n|-|\n`a``|b|", "a|\n|-|\n|", "|", "a|\n|-|\n" + "`|" * 1500 + "\n", "**" + "a" * 50),
    ],
)
def test_a_model_that_loops_holds_nobody_up(said: str) -> None:
    """All pages wait meanwhile, and it is done anew with each piece of a response.

    Else brackets alone took hundreds of times what plain words take.
    """
    assert seconds(said) < 30 * seconds("ice floats ")


new = count()  # what was made safe once is remembered


def seconds(said: str) -> float:
    """Return what 16,000 characters of this take, at best."""
    response = said * (16_000 // len(said))
    made = partial(timeit.timeit, number=1, timer=time.process_time)
    return min(made(partial(safe, f"{response}{next(new)}")) for _ in range(5))


def test_a_model_cannot_write_our_own_characters() -> None:
    assert safe(f"{LESS}{TILDE}{APART}{END}") == "\N{REPLACEMENT CHARACTER}" * 4


@pytest.mark.parametrize(
    ("response", "markdown"),
    [
        pytest.param("```py\nx", "```python\nx\n```", id="code that was cut"),
        pytest.param("~~~~\nx\n~~~", "~~~~\nx\n~~~\n~~~~", id="a longer fence"),
        pytest.param("```\nx\n```", "```\nx\n```", id="code that ends"),
        pytest.param(
            "- ```\n  a\n  ```\n```\nx",
            "- ```\n  a\n  ```\n```\nx\n```",
            id="behind code in a list",
        ),
        pytest.param("- ```\n  a", "- ```\n  a", id="code in a list that was cut"),
        pytest.param("> ```\n> a\n\n```", "> ```\n> a\n\n```", id="disputed"),
        pytest.param("x", "x", id="no code"),
    ],
)
def test_code_that_was_cut_is_closed_where_something_follows(response: str, markdown: str) -> None:
    assert whole(response) == markdown


def test_half_a_character_does_no_harm() -> None:
    assert safe("a\ud83d").encode("utf-8")


@given(texts)
def test_a_tag_can_begin_in_plain_fences_only(response: str) -> None:
    outside = re.sub(r"(?ms)^(`{3,}|~{3,})[^\n`]*$.*?(^\1[`~]*[ \t]*$|\Z)", "", safe(response))
    assert "<" not in outside


@given(texts.filter(lambda text: "$" not in text and "\\" not in text and "mermaid" not in text))
def test_the_page_reads_what_the_model_wrote(response: str) -> None:
    without_labels = r"(?m)((?:`{3,}|~{3,})).*$"
    read = re.sub(without_labels, r"\1", as_read(safe(response)))
    assert read == re.sub(without_labels, r"\1", response)


@given(texts)
def test_no_image_and_no_definition_is_left_outside_code(response: str) -> None:
    outside = re.sub(r"(?ms)^(`{3,}|~{3,})[^\n`]*$.*?(^\1[`~]*[ \t]*$|\Z)", "", safe(response))
    assert "![" not in outside
    assert not re.search(r"\[[^\]\n]*\]:", outside)


def test_no_pattern_repeats_in_a_way_that_older_pythons_mistake() -> None:
    """Python before 3.11.5, as in Debian 12, loses matches of possessive repeats (gh-106052)."""
    source = Path(arena.web.markdown.__file__).read_text(encoding="utf-8")
    assert re.findall(r"[)\]]\+\+|\(\?>", source) == []
