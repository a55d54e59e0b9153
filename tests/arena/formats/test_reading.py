"""Votes in: every format says the same vote; what is no vote is refused with its place."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from arena.errors import ConfigError, LogError
from arena.formats import COLUMNS, read_log, read_votes
from arena.formats.coded import read_coded

HEADER = "question_id,model_a,model_b,winner\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def lines(path: Path, *entries: dict[str, Any]) -> Path:
    return written(path, "".join(json.dumps(entry) + "\n" for entry in entries))


def only_row(path: Path) -> dict[str, Any]:
    votes = read_votes(path)
    assert len(votes) == 1
    return {str(name): value for name, value in votes.iloc[0].dropna().items()}


def test_every_log_has_the_same_columns_in_the_same_order(tmp_path: Path) -> None:
    log = read_votes(written(tmp_path / "v.csv", HEADER + "q1,oak,pine,tie\n"))
    assert tuple(log.columns) == COLUMNS


def test_conversations_stay_away_unless_they_are_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "v.csv", HEADER + "q1,oak,pine,tie\n")
    assert "conversation_a" not in read_votes(path, conversations=False)


@pytest.mark.parametrize(
    ("spelling", "outcome"),
    [
        ("model_a", "model_a"),
        ("model_b", "model_b"),
        ("tie", "tie"),
        ("both_bad", "both_bad"),
        ("tie (bothbad)", "both_bad"),
    ],
)
def test_a_public_log_spells_outcomes_in_two_ways(
    tmp_path: Path, spelling: str, outcome: str
) -> None:
    path = written(tmp_path / "v.csv", f"{HEADER}q1,oak,pine,{spelling}\n")
    assert only_row(path)["winner"] == outcome


def test_the_order_of_the_file_is_the_order_of_the_votes(tmp_path: Path) -> None:
    path = written(tmp_path / "v.csv", HEADER + "q1,oak,pine,tie\nq2,oak,elm,tie\n")
    assert read_votes(path)["seq"].tolist() == [1, 2]


def test_a_log_with_seq_is_put_in_that_order(tmp_path: Path) -> None:
    text = "model_a,model_b,winner,seq\noak,pine,tie,9\noak,elm,tie,4\n"
    assert read_votes(written(tmp_path / "v.csv", text))["seq"].tolist() == [4, 9]


def test_crowd_comparisons_name_the_prompt_the_pair_and_the_worker(tmp_path: Path) -> None:
    text = "id,prompt,worker,winner,left,right\n7,3,58,right,oak,pine\n"
    row = only_row(written(tmp_path / "v.csv", text))
    assert row == {
        "model_a": "oak",
        "model_b": "pine",
        "winner": "model_b",
        "seq": 1,
        "question_id": "3",
        "item_id": "7",
        "judge": "58",
    }


def test_the_55k_set_marks_the_outcome_and_packs_turns_as_json(tmp_path: Path) -> None:
    entry = {
        "id": 30192,
        "model_a": "oak",
        "model_b": "pine",
        "prompt": '["Hi","And?"]',
        "response_a": '["Hello","."]',
        "response_b": '["Yo","!"]',
        "winner_model_a": 0,
        "winner_model_b": 0,
        "winner_tie": 1,
    }
    row = only_row(lines(tmp_path / "v.jsonl", entry))
    assert (row["question_id"], row["winner"]) == ("30192", "tie")
    assert [turn["content"] for turn in row["conversation_b"]] == ["Hi", "Yo", "And?", "!"]


def test_the_55k_set_may_not_mark_two_outcomes(tmp_path: Path) -> None:
    text = "id,model_a,model_b,winner_model_a,winner_model_b,winner_tie\n1,oak,pine,1,1,0\n"
    with pytest.raises(LogError, match="line 2: winner is 'winner_model_a 1, winner_model_b 1"):
        read_votes(written(tmp_path / "v.csv", text))


def test_the_100k_set_names_raters_by_a_hash_and_languages_in_words(tmp_path: Path) -> None:
    entry = {
        "question_id": "q",
        "model_a": "oak",
        "model_b": "pine",
        "winner": "tie (bothbad)",
        "judge_hash": "af3c",
        "language": "Chinese",
        "turn": 2,
        "anony": True,
        "tstamp": 1.5,
    }
    row = only_row(lines(tmp_path / "v.json", entry))
    assert (row["judge"], row["language"], row["turn"]) == ("af3c", "zh", 2)


def test_a_column_that_has_our_name_wins(tmp_path: Path) -> None:
    vote = {"model_a": "oak", "model_b": "pine", "winner": "tie", "judge": "ada"}
    assert only_row(lines(tmp_path / "v.json", vote | {"judge_hash": "af3c"}))["judge"] == "ada"


def test_the_140k_set_packs_content_in_parts_and_dates_in_words(tmp_path: Path) -> None:
    said = [{"role": "user", "content": [{"type": "text", "text": "Hi", "image": None}]}]
    entry = {
        "id": "u1",
        "model_a": "oak",
        "model_b": "pine",
        "winner": "both_bad",
        "evaluation_order": 1,
        "conversation_a": said,
        "conversation_b": said,
        "timestamp": "2025-06-01 10:00:00",
        "language": "en",
    }
    row = only_row(lines(tmp_path / "v.jsonl", entry))
    assert row["tstamp"] == pd.Timestamp("2025-06-01 10:00", tz="UTC").timestamp()
    assert row["conversation_a"] == [{"role": "user", "content": "Hi"}]


def fastchat(kind: str, models: list[str], address: str) -> dict[str, Any]:
    states = [
        {
            "model_name": name,
            "conv_id": f"conv-{name}",
            "offset": 0,
            "messages": [["USER", "Hi"], ["ASSISTANT", f"I am {name}"], ["USER", "?"], ["B", None]],
        }
        for name in ("oak", "pine")
    ]
    return {"type": kind, "models": models, "states": states, "ip": address, "tstamp": 1.25}


def test_fastchats_log_holds_votes_between_other_events(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "2024-01-01-conv.json",
        {"type": "chat", "tstamp": 1.0, "model": "oak"},
        fastchat("bothbad_vote", ["", ""], "10.0.0.7"),
        fastchat("leftvote", ["### Model A: oak", "### Model B: pine"], "10.0.0.9"),
        fastchat("rightvote", ["oak", "pine"], "10.0.0.7"),
    )
    votes = read_votes(path)
    assert votes["winner"].tolist() == ["both_bad", "model_a", "model_b"]
    assert votes["judge"].tolist() == ["arena_user_0", "arena_user_1", "arena_user_0"]
    assert votes["anony"].tolist() == [True, True, False]
    assert votes["turn"].tolist() == [2, 2, 2]
    assert votes["question_id"].tolist() == ["conv-oak"] * 3
    for seat, model in (("a", "oak"), ("b", "pine")):
        assert votes[f"model_{seat}"].tolist() == [model] * 3
        assert votes[f"conversation_{seat}"][0][1]["content"] == f"I am {model}"
    assert "10.0.0" not in votes.to_csv()


def test_fastchats_models_are_named_on_the_page_where_their_state_does_not(tmp_path: Path) -> None:
    event = fastchat("leftvote", ["### Model A: oak: 7b", "pine"], "10.0.0.7")
    for state in event["states"]:
        del state["model_name"]
    row = only_row(lines(tmp_path / "2024-01-01-conv.json", event))
    assert (row["model_a"], row["model_b"]) == ("oak: 7b", "pine")


@pytest.mark.parametrize("name", ["null", "NA", "nan", "None", "1e5", "007"])
def test_a_model_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "v.csv", f"{HEADER}q1,{name},pine,tie\n")
    assert only_row(path)["model_a"] == name


def test_a_spreadsheets_semicolons_and_byte_order_mark_are_understood(tmp_path: Path) -> None:
    path = written(tmp_path / "v.csv", "\ufeffmodel_a;model_b;winner\noak;pine, old;tie\n")
    assert only_row(path)["model_b"] == "pine, old"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        pytest.param("q,oak,pine,modela", "line 2: winner is 'modela', not model_a,", id="typo"),
        pytest.param("q,oak,pine,", "line 2: winner is empty, not model_a,", id="no outcome"),
        pytest.param("q,oak,,tie", "line 2: model_b is empty", id="no name"),
        pytest.param("q,  ,pine,tie", "line 2: model_a is empty", id="a name of blanks"),
        pytest.param("q,oak,oak,tie", "line 2: model_a and model_b are both 'oak'", id="itself"),
    ],
)
def test_what_is_no_vote_is_refused_with_its_line(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(LogError) as refusal:
        read_votes(written(tmp_path / "v.csv", f"{HEADER}{row}\n"))
    assert says in str(refusal.value)
    assert "take these rows out" in str(refusal.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("tstamp", "yesterday"), ("turn", "1.5"), ("anony", "maybe"), ("rater_kind", "robot")],
)
def test_a_field_that_does_not_fit_is_refused(tmp_path: Path, field: str, value: str) -> None:
    text = f"model_a,model_b,winner,{field}\noak,pine,tie,{value}\n"
    with pytest.raises(LogError, match=f"line 2: {field} is '{value}', not"):
        read_votes(written(tmp_path / "v.csv", text))


def test_a_line_is_the_one_an_editor_shows(tmp_path: Path) -> None:
    text = 'question_id,model_a,model_b,winner\n"two\nlines",oak,pine,tie\n\nq,oak,pine,x\n'
    with pytest.raises(LogError, match="line 5: winner is 'x'"):
        read_votes(written(tmp_path / "v.csv", text))


def test_blank_lines_count_in_json_lines_too(tmp_path: Path) -> None:
    vote = json.dumps({"model_a": "oak", "model_b": "pine", "winner": None})
    with pytest.raises(LogError, match="line 2: winner is empty"):
        read_votes(written(tmp_path / "v.jsonl", f"\n{vote}\n"))


def test_a_refusal_names_the_first_twenty_of_many(tmp_path: Path) -> None:
    with pytest.raises(LogError) as refusal:
        read_votes(written(tmp_path / "v.csv", HEADER + "q,oak,pine,x\n" * 25))
    said = str(refusal.value)
    assert "25 of 25 rows are no votes" in said
    assert "line 21:" in said
    assert "line 22:" not in said
    assert "and 5 more" in said


def test_bad_rows_may_be_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "v.csv", HEADER + "q,oak,pine,x\nq,oak,pine,tie\n")
    reading = read_log(path, skip_bad=True)
    assert len(reading.votes) == 1
    assert [problem.row for problem in reading.left_out] == [0]


def test_a_file_of_bad_rows_alone_is_refused_even_so(tmp_path: Path) -> None:
    path = written(tmp_path / "v.csv", HEADER + "q,oak,pine,x\n")
    with pytest.raises(LogError, match="winner is 'x'"):
        read_log(path, skip_bad=True)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("v.csv", "a,b\n1,2\n", "found: a, b", id="another table"),
        pytest.param("v.csv", "", "the file is empty", id="nothing"),
        pytest.param(
            "v.csv",
            HEADER + "q,oak,pine,tie,more\n",
            "line 2 has 5 entries, the header 4",
            id="too many",
        ),
        pytest.param("v.csv", HEADER + "\nq,oak\n", "line 3 has 2 entries", id="too few"),
        pytest.param(
            "v.csv", "winner,winner\n", "the column 'winner' stands there twice", id="twice"
        ),
        pytest.param("v.jsonl", '{"model_a": ', "line 1 is not JSON", id="broken JSON line"),
        pytest.param("v.json", "[1, 2", "line 1 is not JSON", id="broken JSON"),
        pytest.param("v.json", "[1, 2]", "entry 1 is not an object", id="numbers"),
        pytest.param("v.parquet", "no", "not a Parquet file", id="not Parquet"),
    ],
)
def test_a_file_that_is_no_vote_log_is_refused_in_a_sentence(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    with pytest.raises(LogError) as refusal:
        read_votes(written(tmp_path / name, text))
    assert str(refusal.value).startswith(str(tmp_path / name))
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none.csv", "there is no such file"),
        ("folder.csv", "is a folder"),
        ("v.xlsx", "use one of .csv"),
        ("pipe", "is a pipe or a device; save what it gives as a file"),
    ],
)
def test_a_file_that_nobody_could_read_is_a_mistake_in_the_command(
    tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "v.xlsx").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=f"{name}.*{says}"):
        read_votes(tmp_path / name)


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_bytes(HEADER.encode() + b"q,\xff\xfe,pine,tie\n")
    with pytest.raises(LogError, match="line 2 is not UTF-8"):
        read_votes(tmp_path / "v.csv")


def test_the_real_votes_are_all_there(real_votes: Path) -> None:
    """8,931 votes, 124 raters, 13 prompts, 59 models: the README beside the file."""
    log = read_votes(real_votes)
    models = set(log["model_a"]) | set(log["model_b"])
    assert (len(log), len(models)) == (8931, 59)
    assert (log["judge"].nunique(), log["question_id"].nunique()) == (124, 13)


@pytest.mark.parametrize("read", [read_log, read_coded])
def test_a_place_in_the_order_is_taken_once(tmp_path: Path, read: Callable[[Path], object]) -> None:
    text = "seq,model_a,model_b,winner\n2,oak,pine,tie\n1,oak,elm,tie\n2,oak,pine,tie\n"
    path = written(tmp_path / "v.csv", text)
    with pytest.raises(LogError) as refusal:
        read(path)
    assert str(refusal.value) == (
        f"{path}: line 4: seq 2 stands in an earlier row too; if logs were joined, leave out "
        "column seq, so nothing was read. Mend the file, or take these rows out of it."
    )


def test_json_under_the_name_of_csv_is_told(tmp_path: Path) -> None:
    for text in ('{"a":1}', '[{"a":1}]\n'):
        path = written(tmp_path / "v.csv", text)
        with pytest.raises(LogError) as refusal:
            read_log(path)
        said = "this is JSON and not CSV; name it with the ending .jsonl or .json."
        assert str(refusal.value) == f"{path}: {said}"
