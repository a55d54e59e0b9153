"""Votes: what a log becomes, what makes an item, and what is refused."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import ArrayLike

from ratings.columns import Labels
from ratings.votes import OUTCOMES, SCORES, Outcome, Votes


def log(**columns: list[object]) -> pd.DataFrame:
    """Return a vote log of Gemma against Qwen, with columns changed or added."""
    n_votes = max((len(values) for values in columns.values()), default=2)
    usual: dict[str, list[object]] = {
        "model_a": ["Gemma"] * n_votes,
        "model_b": ["Qwen"] * n_votes,
        "winner": ["tie"] * n_votes,
    }
    return pd.DataFrame(usual | columns)


def test_a_win_scores_one_and_both_bad_scores_as_a_tie() -> None:
    scores = dict(zip(OUTCOMES, SCORES, strict=True))
    assert scores == {
        Outcome.MODEL_A: 1.0,
        Outcome.MODEL_B: 0.0,
        Outcome.TIE: 0.5,
        Outcome.BOTH_BAD: 0.5,
    }


def test_models_are_sorted_and_seats_kept() -> None:
    votes = Votes.from_frame(log(model_a=["Qwen", "Yi"], model_b=["Gemma", "Qwen"]))
    assert votes.models == ("Gemma", "Qwen", "Yi")
    assert votes.pairs.tolist() == [[1, 0], [2, 1]]


def test_both_spellings_of_both_bad_are_read() -> None:
    votes = Votes.from_frame(log(winner=["both_bad", "tie (bothbad)", "tie", "model_b"]))
    assert [OUTCOMES[code] for code in votes.outcome] == ["both_bad", "both_bad", "tie", "model_b"]


def test_a_log_without_votes_has_no_models() -> None:
    votes = Votes.from_frame(log(model_a=[], model_b=[], winner=[]))
    assert (len(votes), votes.models) == (0, ())


def test_a_categorical_column_reads_like_its_text() -> None:
    frame = log(model_b=["Qwen", "Yi"], judge=["ann", None])
    plain, encoded = Votes.from_frame(frame), Votes.from_frame(frame.astype("category"))
    assert plain.models == encoded.models
    assert_array_equal(plain.pairs, encoded.pairs)
    assert encoded.rater is not None
    assert encoded.rater.codes.tolist() == [0, -1]


def test_a_category_without_votes_is_no_model() -> None:
    frame = log(model_b=["Qwen", "Yi"]).astype("category")
    assert Votes.from_frame(frame[:1]).models == ("Gemma", "Qwen")


@pytest.mark.parametrize("encoded", [False, True], ids=["plain", "dictionary"])
def test_an_arrow_table_reads_like_its_frame(*, encoded: bool) -> None:
    frame = log(winner=["tie", "model_a", "both_bad"], judge=["ann", None, "ben"])
    table = pa.concat_tables([pa.Table.from_pandas(frame[:1]), pa.Table.from_pandas(frame[1:])])
    if encoded:
        columns = [column.dictionary_encode() for column in table.columns]
        table = pa.table(columns, names=table.column_names)
    votes, same = Votes.from_arrow(table), Votes.from_frame(frame)
    assert votes.models == same.models
    assert_array_equal(votes.pairs, same.pairs)
    assert_array_equal(votes.outcome, same.outcome)
    assert votes.rater is not None
    assert votes.rater.codes.tolist() == [0, -1, 1]


def test_an_empty_arrow_table_has_no_votes() -> None:
    schema = pa.schema([(name, pa.string()) for name in ("model_a", "model_b", "winner")])
    assert len(Votes.from_arrow(schema.empty_table())) == 0


def test_an_item_is_a_question_and_a_pair_whatever_the_seats() -> None:
    votes = Votes.from_frame(
        log(
            model_a=["Gemma", "Qwen", "Gemma", "Gemma"],
            model_b=["Qwen", "Gemma", "Yi", "Qwen"],
            question_id=["q1", "q1", "q1", "q2"],
        )
    )
    assert votes.items.tolist() == [0, 0, 1, 2]


def test_other_responses_make_another_item() -> None:
    votes = Votes.from_frame(
        log(
            model_a=["Gemma", "Qwen", "Gemma", "Gemma"],
            model_b=["Qwen", "Gemma", "Qwen", "Qwen"],
            question_id=["q1"] * 4,
            conversation_a=[["hi"], ["ho"], ["ho"], ["hi"]],
            conversation_b=[["ho"], ["hi"], ["hi"], ["ho"]],
        )
    )
    assert votes.items.tolist() == [0, 0, 1, 0]


def test_an_item_id_tells_items_apart_without_their_text() -> None:
    votes = Votes.from_frame(log(question_id=["q1"] * 4, item_id=["i1", "i2", "i1", None]))
    assert votes.items.tolist() == [0, 1, 0, 2]


def test_a_vote_on_nothing_known_is_on_no_item() -> None:
    assert Votes.from_frame(log(question_id=[None, "q1"])).items.tolist() == [-1, 0]
    assert Votes.from_frame(log()).items.tolist() == [-1, -1]


def test_taking_rows_keeps_models_and_labels() -> None:
    frame = log(
        model_b=["Qwen", "Yi"],
        judge=["ann", "ben"],
        question_id=["q1", "q2"],
        aspect=["writing", "physics"],
        item_id=["i1", "i2"],
    )
    taken = Votes.from_frame(frame).take(np.array([1]))
    assert taken.models == ("Gemma", "Qwen", "Yi")
    assert (len(taken), len(taken.items)) == (1, 1)
    for labels, name in ((taken.rater, "ben"), (taken.question, "q2"), (taken.aspect, "physics")):
        assert labels is not None
        assert labels.used_names().tolist() == [name]


@given(st.from_type(Votes))
def test_text_and_back_changes_no_vote(votes: Votes) -> None:
    names = np.array(votes.models)
    frame = pd.DataFrame(
        {
            "model_a": names[votes.a],
            "model_b": names[votes.b],
            "winner": [OUTCOMES[code].value for code in votes.outcome],
        }
    )
    again = Votes.from_frame(frame)
    assert [again.models[code] for code in again.a] == frame["model_a"].tolist()
    assert [again.models[code] for code in again.b] == frame["model_b"].tolist()
    assert_array_equal(again.outcome, votes.outcome)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        pytest.param(log(winner=["tie", "banana"]), "row 2: winner is 'banana'", id="not a winner"),
        pytest.param(log(winner=["Model_A "]), "row 1: winner is 'Model_A'", id="near a winner"),
        pytest.param(log(winner=["tie", None]), "row 2: winner is empty", id="no winner"),
        pytest.param(log(winner=[float("nan")]), "row 1: winner is empty", id="nan for a winner"),
        pytest.param(log(model_a=[None, "Yi"]), "row 1: model_a is empty", id="no model A"),
        pytest.param(log(model_b=["Yi", "  "]), "row 2: model_b is empty", id="a blank model B"),
        pytest.param(log(model_b=["Yi", "Gemma"]), "row 2: 'Gemma' meets itself", id="self-pair"),
        pytest.param(log().drop(columns="winner"), "has no column winner", id="no column"),
    ],
)
def test_refuses_with_the_row(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Votes.from_frame(frame)


def test_lists_twenty_refused_rows_and_counts_the_rest() -> None:
    with pytest.raises(ValueError, match=r"row 20: .*; and 5 more rows$") as refused:
        Votes.from_frame(log(winner=["?"] * 25))
    assert "row 21" not in str(refused.value)


@pytest.mark.parametrize(
    ("pairs", "outcome", "message"),
    [
        pytest.param([[0, 1], [0, 0]], [0, 0], "row 2: 'Gemma' meets itself", id="self-pair"),
        pytest.param([[0, 2]], [0], r"row 1: \[0, 2\] are not", id="an unknown model"),
        pytest.param([[-1, 1]], [0], r"row 1: \[-1, 1\] are not", id="no model"),
        pytest.param([[0, 1]], [4], "row 1: 4 is no outcome", id="an unknown outcome"),
        pytest.param([[0, 1]], [-1], "row 1: -1 is no outcome", id="no outcome"),
        pytest.param([[0, 1]], [256], "row 1: 256 is no outcome", id="an outcome that would wrap"),
        pytest.param([[0, 1]], [0.5], "row 1: 0.5 is no outcome", id="a score for an outcome"),
        pytest.param([[0, 1]], [0, 1], "1 pairs but 2 outcomes", id="other lengths"),
    ],
)
def test_refuses_codes(pairs: list[list[int]], outcome: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Votes.from_arrays(("Gemma", "Qwen"), pairs, outcome)


@pytest.mark.parametrize(
    ("models", "pairs", "outcome", "message"),
    [
        (("A", "A"), [[0, 1]], [0], "two models are named 'A'"),
        (("A", " "), [[0, 1]], [0], "model 1 has no name"),
        (("A", "B"), [[0, 1.9]], [0], "row 1: \\[0.0, 1.9\\] are not two known models"),
        (("A", "B"), [[0, float("nan")]], [0], "row 1: .* are not two known models"),
        (("A", "B"), [[0, 1]], [[0]], "of shape .1, 2. and outcome of .1, 1."),
        (("A", "B"), [[0, 1, 0]], [0], "of shape .1, 3."),
        (("A", "B"), [[0, 1]], [True], "outcome must be codes, .* not bool"),
    ],
    ids=["twice", "no name", "a part", "no number", "nested", "three seats", "truth"],
)
def test_refuses_arrays_that_are_no_votes(
    models: tuple[str, ...], pairs: list[list[float]], outcome: ArrayLike, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Votes.from_arrays(models, pairs, outcome)


def test_refuses_a_column_that_stands_twice_or_holds_no_names() -> None:
    row = pd.DataFrame(
        [["A", "B", "tie", "tie"]], columns=["model_a", "model_b", "winner", "winner"]
    )
    with pytest.raises(ValueError, match="two columns winner"):
        Votes.from_frame(row)
    with pytest.raises(ValueError, match="column model_a holds something that is no name"):
        Votes.from_frame(log(model_a=[["Gemma"]]))


def test_refuses_arrays_that_skip_the_constructor_too() -> None:
    good = Votes.from_arrays(("Gemma", "Qwen"), [[0, 1]], [0])
    with pytest.raises(ValueError, match="row 1: 9 is no outcome"):
        Votes(good.models, good.pairs, np.array([9], dtype=np.int8))


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 votes but 1 rater"):
        Votes.from_arrays(("Gemma", "Qwen"), [[0, 1]] * 2, [0, 1], rater=Labels.of(["ann"]))
