"""Columns: codes of names, and hashes that do not know the seats."""

import numpy as np
import pandas as pd

from ratings.columns import Labels, response_hash


def test_missing_and_blank_names_have_no_code() -> None:
    labels = Labels.of(["ann", "", None, float("nan"), " ", "ben", "ann"])
    named = [None if code < 0 else labels.names[code] for code in labels.codes]
    assert named == ["ann", None, None, None, None, "ben", "ann"]


def test_numbers_are_names_too() -> None:
    assert Labels.of([7, 3, 7]).used_names().tolist() == ["7", "3"]


def test_a_number_beside_a_missing_one_keeps_its_name() -> None:
    assert Labels.of([7, None, 3]).used_names().tolist() == ["7", "3"]
    assert Labels.of([7.5, 3.0]).used_names().tolist() == ["7.5", "3.0"]


def test_a_number_and_its_text_are_one_name() -> None:
    """Pandas reads a large CSV a piece at a time, and a column of numbers and names as both."""
    labels = Labels.of(pd.Series([7, "7", "ann", 3.0, None, "3"], dtype=object))
    assert labels.names.tolist() == ["7", "ann", "3"]
    assert labels.codes.tolist() == [0, 0, 1, 2, -1, 2]
    hashes = response_hash(pd.DataFrame({"item_id": [7, 7.0, "7", None]}, dtype=object))
    assert hashes is not None
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3] == 0


def test_numbers_that_are_too_large_for_a_whole_one_keep_their_names() -> None:
    labels = Labels.of([2.0**64, 2.0**65, None, float("inf")])
    assert labels.codes.tolist() == [0, 1, -1, 2]
    assert len(set(labels.names)) == 3


def test_blanks_around_a_name_are_no_part_of_it() -> None:
    labels = Labels.of(["ann ", "ben", "ann", " ben"])
    assert labels.names.tolist() == ["ann", "ben"]
    assert labels.codes.tolist() == [0, 1, 0, 1]


def test_names_of_no_vote_are_not_used() -> None:
    labels = Labels.of(["ann", "ben", "ann"]).take(np.array([0, 2]))
    assert (labels.names.tolist(), labels.used_names().tolist()) == (["ann", "ben"], ["ann"])


def test_a_name_that_comes_late_is_used_too() -> None:
    codes = np.zeros(250_000, dtype=np.int32)
    labels = Labels(pd.Index(["ann", "ben", "cid"], dtype="str"), codes)
    assert labels.used_names().tolist() == ["ann"]
    codes[-2:] = 2, -1
    assert labels.used_names().tolist() == ["ann", "cid"]


def test_a_log_without_responses_has_no_hash() -> None:
    models = pd.DataFrame({"model_a": ["Gemma"], "model_b": ["Qwen"]})
    assert response_hash(models) is None
    assert response_hash(models.assign(item_id=None)) is None
    assert response_hash(models.assign(conversation_a=None, conversation_b="hi")) is None


def test_the_hash_knows_which_model_said_what() -> None:
    frame = pd.DataFrame(
        {
            "model_a": ["Gemma", "Qwen", "Gemma"],
            "model_b": ["Qwen", "Gemma", "Qwen"],
            "conversation_a": ["hi", "ho", "ho"],
            "conversation_b": ["ho", "hi", "hi"],
        }
    )
    hashes = response_hash(frame)
    assert hashes is not None
    assert hashes[0] == hashes[1] != hashes[2]


def test_blanks_around_names_make_no_other_response() -> None:
    frame = pd.DataFrame({"model_a": ["Gemma", "Gemma "], "model_b": ["Qwen", " Qwen"]})
    for said in (
        {"conversation_a": ["hi", "hi"], "conversation_b": ["ho", "ho"]},
        {"item_id": ["i1", " i1"]},
    ):
        hashes = response_hash(frame.assign(**said))
        assert hashes is not None
        assert hashes[0] == hashes[1]


def test_a_vote_without_an_items_name_is_told_by_its_responses() -> None:
    """A log that went through a file has every column, also those it has no entries for."""
    frame = pd.DataFrame(
        {
            "model_a": ["Gemma"] * 4,
            "model_b": ["Qwen"] * 4,
            "item_id": [None, "", "i1", None],
            "conversation_a": ["hi", "hi", "hi", None],
            "conversation_b": ["ho"] * 4,
        }
    )
    hashes = response_hash(frame)
    assert hashes is not None
    assert hashes[0] == hashes[1] == response_hash(frame.drop(columns="item_id"))[0]  # type: ignore[index]  # not None
    assert 0 != hashes[2] != hashes[0]
    assert hashes[3] == 0
