"""The bank that ships: its shape, and every number and program in its keys worked out again."""

import math
import re
import runpy
import sqlite3
from collections import Counter
from contextlib import closing
from fractions import Fraction
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import pytest

from arena.questions import ASPECTS, LANGUAGES, Question, load_bank
from arena.shipped import shipped

BANK = load_bank(shipped("questions/nine-aspects.jsonl"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")
CHECKED = [q for q in BANK if q.aspect not in {"writing", "biology", "harmful"}]


def question(question_id: str) -> Question:
    return next(q for q in BANK if q.id == question_id)


def texts_of(question_id: str) -> list[str]:
    return list(question(question_id).text.values())


def has(text: str, figure: str) -> bool:
    """Whether a text holds a figure as a whole: 4 is not in 14, 40 or 4.5."""
    return re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d|\.\d)", text) is not None


def figures() -> dict[str, list[str]]:
    """Work out what the keys must hold, each figure as it is written there."""
    landing = 23 * 60 + 50 - 8 * 60 + 11 * 60 + 25 - 5 * 60
    saved = (60 - 9) * 5 / 1000
    ohms = [230**2 / 60, 230**2 / 100]
    ampere = 230 / sum(ohms)
    left = 0.5 * 4.2 * 50 - 0.2 * 334
    area = 50 * math.acos(0.6) - 24
    salt, sugar = 50 / 58.5, 50 / 180
    acid = (1e-9 + math.sqrt(1e-18 + 4e-14)) / 2
    rows = list(permutations(["red", "blue", "green", "yellow", "white"]))
    socks = list(combinations("bbbbwwwrr", 2))
    digits = [str(n) for n in range(100, 1000)]
    rising = sum(n[0] < n[1] < n[2] for n in digits)
    falling = sum(n[0] > n[1] > n[2] for n in digits)
    assert sum(map(fits, rows)) == 1
    return {
        "daily-02": [f"{landing // 60}:{landing % 60}"],
        "daily-03": [f"{(24 / 20) ** 2:.2f}", f"{3 * (24 / 20) ** 2:.2f}"],
        "daily-04": [f"{saved:.3f}", f"{saved * 0.3:.4f}", f"{6 / (saved * 0.3):.1f}", "79",
                     f"{365 * saved * 0.3:.2f}"],
        "mathematics-01": [str(round(182 / (1.3 * 0.7))), f"{100 * (200 / 182 - 1):.2f}"],
        "mathematics-02": [str(Fraction(sum(a == b for a, b in socks), len(socks))),
                           str(1 + len({*"bwr"})), str(2 + len("wwwrr")), str(Fraction(29, 81))],
        "mathematics-03": [f"{4 / math.e**2:.3f}", f"{2 - math.sqrt(2):.3f}",
                           f"{2 + math.sqrt(2):.3f}"],
        "mathematics-04": [str(pow(7, 2026, 100)), str((2**2026 + 3**2026) % 10)],
        "mathematics-05": [f"{2 * math.sqrt(25 - 9):.0f}", f"{area:.2f}", f"{area / 2:.2f}"],
        "mathematics-06": [str(rising), str(falling), str(falling - rising)],
        "physics-02": [str(20 + 15**2 / 20), "4", str(round(math.sqrt(15**2 + 2 * 10 * 20)))],
        "physics-03": [f"{ampere:.3f}"] + [f"{ampere**2 * r:.1f}" for r in ohms]
        + [f"{r:.0f}" for r in [*ohms, sum(ohms)]],
        "physics-04": [f"{left / (0.7 * 4.2):.2f}", "13", f"{left / (0.5 * 4.2):.1f}",
                       f"{105 / (0.7 * 4.2):.1f}", f"{1000 * 0.5 * 4.2 * 50 / 334:.0f}"],
        "physics-05": [f"{1.8 / 2:.2f}", f"{1.68 / 2:.2f}", f"{(1.68 + 1.8) / 2:.2f}"],
        "chemistry-01": [str(22 // 2 * 3 * 2), str(22 * 5 * 32 // 44), str(22 * 4 * 18 // 44)],
        "chemistry-02": [f"pH {-math.log10(0.1 * 0.01):.0f}", f"{-math.log10(acid):.3f}"],
        "chemistry-05": [f"{salt:.3f}", f"{salt * 2 * 1.86:.2f}", f"-{sugar * 1.86:.2f}",
                         f"{salt / sugar:.2f}", f"-{salt * 1.86:.1f}"],
        "biology-01": [str(Fraction(2, 3)), str(Fraction(2, 3) * Fraction(1, 4))],
        "reasoning-04": [f"{100 * part / whole:g}" for part, whole in [
            (1, 100), (180, 900), (181, 1000), (18, 900), (30, 100), (48, 1000)]],
        "reasoning-05": [str(40 + 3 * 60), str(40 + 3 * 45), str(20 + 3 * 60), str(3 * 100)],
        "programming-04": [str(40 * 2**2)],
    }  # fmt: skip


def fits(row: tuple[str, ...], *, last_clue: bool = True) -> bool:
    """Whether five books in this order fit the clues of reasoning-01."""
    place = {book: row.index(book) for book in row}
    return (
        place["yellow"] in (0, 4)
        and place["red"] < place["blue"]
        and abs(place["green"] - place["white"]) == 1
        and abs(place["blue"] - place["yellow"]) == 3
        and (abs(place["white"] - place["yellow"]) != 1 or not last_clue)
    )


def fenced(question_id: str) -> str:
    """Return the program that a question shows, the same in both languages."""
    found = [re.search(r"```\w+\n(.*?)```", text, re.DOTALL) for text in texts_of(question_id)]
    (program,) = {match[1] for match in found if match}
    return program


def test_fifty_questions_spread_over_the_nine_aspects() -> None:
    counts = Counter(q.aspect for q in BANK)
    assert sum(counts.values()) == 50
    assert tuple(counts) == tuple(ASPECTS)
    assert set(counts.values()) == {5, 6}


@pytest.mark.parametrize("q", BANK.questions, ids=lambda q: q.id)
def test_a_question_is_whole(q: Question) -> None:
    assert re.fullmatch(rf"{q.aspect}-0[1-6]", q.id)
    for texts in (q.text, q.key):
        assert tuple(texts) == LANGUAGES
        assert not CHINESE.search(texts["en"])
        assert len(CHINESE.findall(texts["zh"])) >= 20
        assert all(text == text.strip() and len(text) < 700 for text in texts.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_questions_are_alike(language: str) -> None:
    assert len({q.text[language] for q in BANK}) == 50


@pytest.mark.parametrize("q", CHECKED, ids=lambda q: q.id)
def test_the_key_holds_the_same_figures_in_both_languages(q: Question) -> None:
    english, chinese = (set(re.findall(r"\d+\.\d+|\d{3,}", q.key[code])) for code in LANGUAGES)
    assert english == chinese


@pytest.mark.parametrize(("question_id", "expected"), list(figures().items()))
def test_the_figures_of_a_key_come_out_again(question_id: str, expected: list[str]) -> None:
    for language, key in question(question_id).key.items():
        assert [f for f in expected if not has(key, f)] == [], language


def test_the_books_have_one_order_and_without_the_last_clue_two() -> None:
    rows = list(permutations(["red", "blue", "green", "yellow", "white"]))
    assert [row for row in rows if fits(row)] == [("red", "blue", "white", "green", "yellow")]
    loose = [row for row in rows if fits(row, last_clue=False)]
    assert [row for row in loose if not fits(row)] == [("red", "blue", "green", "white", "yellow")]
    key = question("reasoning-01").key
    assert "Red, blue, white, green, yellow" in key["en"]
    assert "红、蓝、白、绿、黄" in key["zh"]


def test_only_the_first_of_the_three_people_lies() -> None:
    cases = [
        (ada, ben, cleo)
        for ada, ben, cleo in product([True, False], repeat=3)
        if ada == ((ada, ben, cleo).count(False) == 2)
        and ben == (not ada)
        and cleo == (ben == cleo)
    ]
    assert cases == [(False, True, True)]
    assert question("reasoning-02").key["en"].startswith("Ada lies, Ben and Cleo tell the truth.")


def test_the_program_of_programming_01_prints_what_its_key_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "program.py").write_text(fenced("programming-01"))
    runpy.run_path(str(tmp_path / "program.py"))
    printed = capsys.readouterr().out.strip()
    assert all(printed in key for key in question("programming-01").key.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_examples_of_programming_02_are_right(language: str) -> None:
    def longest_run(text: str) -> tuple[str, int]:
        runs: list[str] = re.findall(r"((.)\2*)", text)
        best = max(runs, key=lambda run: len(run[0]), default=("", ""))
        return best[1], len(best[0])

    said = question("programming-02")
    examples = re.findall(r'"(\w*)"(?: gives| 得) \("(\w?)", (\d)\)', said.key[language])
    assert len(examples) == 5
    for text, character, length in examples:
        assert longest_run(text) == (character, int(length))
    assert longest_run("aabbbcc") == ("b", 3)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_query_of_programming_03_lists_namesakes_and_customers_without_orders(
    language: str,
) -> None:
    query = re.match(r"SELECT .*? DESC", question("programming-03").key[language])
    assert query is not None
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(
            "CREATE TABLE customers(id, name); CREATE TABLE orders(id, customer_id, total);"
            "INSERT INTO customers VALUES (1, 'Kim'), (2, 'Lee'), (3, 'Kim');"
            "INSERT INTO orders VALUES (1, 1, 5), (2, 3, 4), (3, 3, 4);"
        )
        rows = database.execute(query[0]).fetchall()
    database.close()
    assert rows == [("Kim", 2, 8), ("Kim", 1, 5), ("Lee", 0, 0)]


def test_sorting_without_a_comparison_is_by_text() -> None:
    prices: list[Any] = [int(n) for n in re.findall(r"-?\d+", fenced("programming-06"))]
    for key in question("programming-06").key.values():
        assert str(sorted(prices, key=str)) in key
        assert str(sorted(prices)) in key
