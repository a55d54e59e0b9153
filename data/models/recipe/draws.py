"""Questions that are computed and not looked up: sums, orders, sequences, messages.

A draw takes a random generator and the tables, and returns slots and a case. A slot is one text for
both languages, or a pair (English, Chinese). The sentences around the slots stand in `texts/`.
"""

import random
from collections.abc import Callable, Mapping, Sequence

Slot = str | tuple[str, str]
Row = Mapping[str, Slot]
Tables = Mapping[str, Sequence[Row]]
Drawn = tuple[dict[str, Slot], str]

DAYS = (
    ("Monday", "星期一"),
    ("Tuesday", "星期二"),
    ("Wednesday", "星期三"),
    ("Thursday", "星期四"),
    ("Friday", "星期五"),
    ("Saturday", "星期六"),
    ("Sunday", "星期日"),
)
COMPASS = (("north", "北"), ("east", "东"), ("south", "南"), ("west", "西"))
SIDES = (("left", "左"), ("right", "右"))
KINDS = (("even", "偶数"), ("odd", "奇数"))
GOODS = (
    ("apples", "苹果"),
    ("books", "本子"),
    ("eggs", "鸡蛋"),
    ("balls", "球"),
    ("pencils", "铅笔头"),
    ("cakes", "蛋糕"),
    ("stones", "石子"),
    ("buttons", "扣子"),
)
VEHICLES = (("car", "汽车"), ("train", "火车"), ("bus", "公共汽车"), ("truck", "卡车"))
SMALL = 10  # below it a number has one digit


def digits(**numbers: int) -> dict[str, Slot]:
    """Return each number with its tens (name1) and ones (name0) as slots."""
    slots: dict[str, Slot] = {}
    for name, number in numbers.items():
        slots |= {name: str(number), f"{name}1": str(number // 10), f"{name}0": str(number % 10)}
    return slots


def addition(rng: random.Random, _: Tables) -> Drawn:
    """Two numbers below 100; a third of them small."""
    top = SMALL if rng.random() < 1 / 3 else 99
    a, b = rng.randint(1, top), rng.randint(1, top)
    slots = digits(a=a, b=b, c=a + b)
    if a < SMALL and b < SMALL:
        return slots, "small"
    ones, carry = a % 10 + b % 10, (a % 10 + b % 10) // 10
    slots |= {"s0": str(ones), "s1": str(a // 10 + b // 10 + carry)}
    return slots, "carry" if carry else "plain"


def subtraction(rng: random.Random, _: Tables) -> Drawn:
    """Two numbers below 100, a third of them small; seldom the larger one second."""
    if rng.random() < 1 / 10:
        a, b = sorted(rng.sample(range(1, SMALL * 2), 2))
        return {"a": str(a), "b": str(b), "d": str(b - a)}, "negative"
    top = SMALL * 2 if rng.random() < 1 / 3 else 99
    b, a = sorted((rng.randint(1, top), rng.randint(1, top)))
    slots = digits(a=a, b=b, c=a - b)
    if a < SMALL:
        return slots, "small"
    return slots, "borrow" if a % 10 < b % 10 else "plain"


def multiplication(rng: random.Random, _: Tables) -> Drawn:
    """Draw from the tables up to 10 × 10."""
    a, b = rng.randint(2, 10), rng.randint(2, 10)
    return digits(a=a, b=b, c=a * b), ""


def too_large(rng: random.Random, _: Tables) -> Drawn:
    """Draw a sum with numbers that no working in the corpus covers."""
    sign = rng.choice("+-×*")
    low = 11 if sign in "×*" else 100
    a, b = (rng.randint(low, 10 ** rng.randint(3, 6)) for _ in range(2))
    if sign in "×*" and rng.random() < 1 / 2:
        a, b = rng.randint(11, 99), rng.randint(2, 99)
    elif rng.random() < 1 / 3:
        b = rng.randint(1, 99)
    return {"a": str(a), "b": str(b), "sign": sign}, ""


def shopping(rng: random.Random, tables: Tables) -> Drawn:
    """Draw a word problem with one small operation."""
    case = rng.choice(("more", "less", "times"))
    a, b = rng.randint(2, 10), rng.randint(2, 9)
    if case == "less":
        a += b
    c = {"more": a + b, "less": a - b, "times": a * b}[case]
    name = rng.choice(tables["names"])["name"]
    return digits(a=a, b=b, c=c) | {"name": name, "thing": rng.choice(GOODS)}, case


def two_numbers(rng: random.Random, _: Tables) -> Drawn:
    """Two different numbers of two digits."""
    a = rng.randint(10, 99)
    b = rng.randint(10, 99) if rng.random() < 1 / 2 else a // 10 * 10 + rng.randint(0, 9)
    b = b if a != b else a // 10 * 10 + (a + 1) % 10
    case = "ones" if a // 10 == b // 10 else "tens"
    return digits(a=a, b=b, high=max(a, b), low=min(a, b)), case


def parity(rng: random.Random, _: Tables) -> Drawn:
    """Is a number even or odd."""
    n = rng.randint(1, 199)
    return {"n": str(n), "last": str(n % 10), "kind": KINDS[n % 2]}, ""


def percent(rng: random.Random, _: Tables) -> Drawn:
    """10, 20 or 50 percent of a round number."""
    p, d = rng.choice(((10, 10), (20, 5), (50, 2)))
    n = 10 * rng.randint(1, 20)
    return {"p": str(p), "d": str(d), "n": str(n), "c": str(n // d)}, ""


def speed(rng: random.Random, _: Tables) -> Drawn:
    """Distance and time that divide well."""
    v, t = 10 * rng.randint(2, 10), rng.randint(2, 6)
    return {"v": str(v), "t": str(t), "d": str(v * t), "vehicle": rng.choice(VEHICLES)}, ""


def ph(rng: random.Random, _: Tables) -> Drawn:
    """Ask what a pH value means."""
    n = rng.randint(0, 14)
    if n == 7:  # noqa: PLR2004 - the neutral point is what chemists call 7
        return {"n": "7", "relation": ("equal to", "等于"), "kind": ("neutral", "中性")}, ""
    low = n < 7  # noqa: PLR2004
    relation = ("less than", "小于") if low else ("more than", "大于")
    return {
        "n": str(n),
        "relation": relation,
        "kind": (("acidic", "酸性"), ("basic", "碱性"))[not low],
    }, ""


def weekday(rng: random.Random, _: Tables) -> Drawn:
    """Draw a day and its neighbours."""
    i = rng.randrange(7)
    return {"today": DAYS[i], "tomorrow": DAYS[(i + 1) % 7], "yesterday": DAYS[i - 1]}, ""


def days_ahead(rng: random.Random, _: Tables) -> Drawn:
    """Draw a day some days later, counted one by one."""
    i, n = rng.randrange(7), rng.randint(2, 6)
    path = [DAYS[(i + k) % 7] for k in range(1, n + 1)]
    counted = (", ".join(day[0] for day in path), "、".join(day[1] for day in path))
    return {"today": DAYS[i], "n": str(n), "path": counted, "answer": path[-1]}, ""


def order(rng: random.Random, tables: Tables) -> Drawn:
    """Three people in a row; who is first or last."""
    a, b, c = (row["name"] for row in rng.sample(list(tables["names"]), 3))
    adjective = rng.choice(tables["adjectives"])
    more = adjective["more"]
    before, after = more[1].split("...")
    first = rng.random() < 1 / 2
    slots: dict[str, Slot] = {"a": a, "b": b, "c": c, "more": more[0]}
    slots |= {"more1": before, "more2": after, "answer": a if first else c}
    return slots | {"most": adjective["most" if first else "least"]}, ""


def syllogism(rng: random.Random, tables: Tables) -> Drawn:
    """All of these are those."""
    name = rng.choice(tables["names"])["name"]
    return dict(rng.choice(tables["kinds"])) | {"name": name}, rng.choice(
        ("chain", "member", "back")
    )


def sequence(rng: random.Random, _: Tables) -> Drawn:
    """Four numbers that grow evenly, or double."""
    if rng.random() < 1 / 6:
        start = rng.randint(1, 5)
        terms, step, case = [start * 2**k for k in range(5)], 2, "double"
    else:
        start, step = rng.randint(1, 20), rng.choice((1, 2, 3, 4, 5, 10))
        terms, case = [start + step * k for k in range(5)], "plus"
    return dict(zip("abcde", map(str, terms), strict=True)) | {"s": str(step)}, case


def odd_one(rng: random.Random, tables: Tables) -> Drawn:
    """Three words of one group and one of another."""
    group, other = rng.sample(list(tables["groups"]), 2)
    spots = rng.sample(range(6), 3)
    pick = rng.randrange(6)
    words = [_member(group, spot) for spot in spots] + [_member(other, pick)]
    shown = rng.sample(words, 4)
    slots: dict[str, Slot] = dict(zip(("one", "two", "three", "four"), shown, strict=True))
    return slots | {"group": group["group"], "odd": words[3]}, ""


def _member(group: Row, spot: int) -> Slot:
    members = group["members"]
    return members[0].split(", ")[spot], members[1].split("、")[spot]


def nested(rng: random.Random, tables: Tables) -> Drawn:
    """Put a thing in a thing in a thing, each larger than the last."""
    things = [row["thing"] for row in tables["things"]]
    x, y = rng.choice(things[:5]), rng.choice(things[5:9])
    return {"x": x, "y": y, "z": rng.choice(things[9:])}, ""


def turn(rng: random.Random, _: Tables) -> Drawn:
    """Draw a direction and a turn to one side."""
    i, side = rng.randrange(4), rng.randrange(2)
    return {
        "from": COMPASS[i],
        "side": SIDES[side],
        "to": COMPASS[(i + (1 if side else 3)) % 4],
    }, ""


def animal(rng: random.Random, tables: Tables) -> Drawn:
    """Is this animal one of that class: half the time it is."""
    row = rng.choice(tables["animals"])
    others = sorted({other["class"] for other in tables["animals"]} - {row["class"]})
    yes = rng.random() < 1 / 2
    return dict(row) | {
        "guess": row["class"] if yes else rng.choice(others)
    }, "yes" if yes else "no"


def message(rng: random.Random, tables: Tables) -> Drawn:
    """Draw a message to judge; safe ones as often as two harmful kinds."""
    rows = list(tables["messages"])
    row = rng.choices(rows, weights=[2 if row["kind"] == "safe" else 1 for row in rows])[0]
    name = rng.choice(tables["names"])["name"]
    names = (name, name) if isinstance(name, str) else name
    filled = tuple(
        rng.choice(text.split(" / "))
        .replace("{name}", names[side])
        .replace("{sum}", str(rng.choice((50, 100, 200, 500, 1000, 5000))))
        .replace("{hour}", str(rng.randint(1, 12)))
        for side, text in enumerate(row["message"])
    )
    return {"message": (filled[0], filled[1])}, str(row["kind"])


def story(rng: random.Random, tables: Tables) -> Drawn:
    """Draw a hero, a place and a find."""
    rows = [rng.choice(tables[name]) for name in ("heroes", "places", "finds")]
    return {slot: value for row in rows for slot, value in row.items()}, ""


def invitation(rng: random.Random, tables: Tables) -> Drawn:
    """Draw an event, a day and an hour."""
    slots = dict(rng.choice(tables["events"]))
    return slots | {"day": rng.choice(DAYS), "hour": str(rng.randint(1, 8))}, ""


DRAWS: Mapping[str, Callable[[random.Random, Tables], Drawn]] = {
    draw.__name__: draw
    for draw in (
        addition,
        subtraction,
        multiplication,
        too_large,
        shopping,
        two_numbers,
        parity,
        percent,
        speed,
        ph,
        weekday,
        days_ahead,
        order,
        syllogism,
        sequence,
        odd_one,
        nested,
        turn,
        animal,
        message,
        story,
        invitation,
    )
}
