"""Faults: rows are named, from 1, and what is no code is refused."""

import numpy as np
import pytest

from ratings.faults import codes_of, refuse


def test_a_row_is_named_with_each_of_its_reasons() -> None:
    one, other = np.array([False, True]), np.array([False, True])
    with pytest.raises(ValueError, match=r"^row 2: torn 1, wet$"):
        refuse([(one, lambda row: f"torn {row}"), (other, lambda _: "wet")])


def test_where_nothing_is_wrong_nothing_is_said() -> None:
    refuse([(np.zeros(3, dtype=bool), lambda _: "never")])


@pytest.mark.parametrize("values", [[True], ["1"], [None]], ids=["truth", "text", "nothing"])
def test_what_is_no_number_is_no_code(values: list[object]) -> None:
    with pytest.raises(ValueError, match="seats must be codes"):
        codes_of("seats", np.array(values))
    assert codes_of("seats", []).tolist() == []
