"""What an adapter's configuration may say: what is known to be plain LoRA, and nothing else."""

import json
from pathlib import Path

import pytest

from serving.adapters import (
    CONVERT,
    MERGE,
    REPLACE,
    RETRY,
    adapter_config,
    adapter_layers,
    check_fit,
)
from serving.contents import Shape
from serving.engine import EngineError


def written(folder: Path, **config: object) -> Path:
    described = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", **config}
    (folder / "adapter_config.json").write_text(json.dumps(described))
    return folder


def test_what_peft_writes_of_plain_lora_is_taken(tmp_path: Path) -> None:
    """Every key of PEFT's own, with its default or with what only training asks for."""
    peft = pytest.importorskip("peft")
    peft.LoraConfig(
        base_model_name_or_path="lab/base",
        exclude_modules=["lm_head"],
        fan_in_fan_out=True,
        init_lora_weights="gaussian",
        layers_pattern="layers",
        layers_to_transform=[0, 1],
        lora_dropout=0.1,
        revision="main",
        target_modules=["q_proj"],
        task_type="CAUSAL_LM",
        use_rslora=True,
    ).save_pretrained(tmp_path)
    assert adapter_config(tmp_path)["lora_dropout"] == 0.1


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        pytest.param({"init_lora_weights": "pissa"}, CONVERT, id="pissa"),
        pytest.param({"init_lora_weights": "pissa_niter_16"}, CONVERT, id="pissa in steps"),
        pytest.param({"init_lora_weights": "OLoRA"}, CONVERT, id="olora"),
        pytest.param({"init_lora_weights": "corda"}, CONVERT, id="corda"),
        pytest.param({"init_lora_weights": "lora_ga"}, CONVERT, id="lora-ga"),
        pytest.param({"init_lora_weights": "loftq"}, MERGE, id="loftq"),
        pytest.param({"init_lora_weights": "tomorrow"}, MERGE, id="a start of tomorrow"),
        pytest.param({"alora_invocation_tokens": [1]}, REPLACE, id="alora"),
        pytest.param({"arrow_config": {"top_k": 3}}, REPLACE, id="arrow"),
        pytest.param({"bias": "all"}, MERGE, id="bias"),
        pytest.param({"lora_bias": True}, MERGE, id="bias of an adapter"),
        pytest.param({"use_dora": True}, MERGE, id="dora"),
        pytest.param({"use_tomorrow": {"a": 1}}, MERGE, id="a key of tomorrow"),
        *(
            pytest.param({key: value}, MERGE, id=key)
            for key, value in {
                "alpha_pattern": {"q_proj": 8},
                "ensure_weight_tying": True,
                "kasa_config": {"a": 1},
                "layer_replication": [[0, 2]],
                "megatron_config": {"a": 1},
                "modules_to_save": ["lm_head"],
                "monteclora_config": {"a": 1},
                "rank_pattern": {"q_proj": 8},
                "target_parameters": ["experts"],
                "trainable_token_indices": [1],
                "use_bdlora": {"a": 1},
                "use_qalora": True,
                "velora_config": {"a": 1},
            }.items()
        ),
    ],
)
def test_whatever_else_is_set_is_refused_by_file_and_key(
    tmp_path: Path, said: dict[str, object], way_out: str
) -> None:
    ((key, value),) = said.items()
    with pytest.raises(EngineError) as refused:
        adapter_config(written(tmp_path, **said))
    assert refused.value.cause == (
        f"{tmp_path / 'adapter_config.json'} says {key} = {json.dumps(value)}, "
        f"which is more than plain LoRA; {way_out}"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "has no adapter_config.json; set adapter to a folder", id="gone"),
        pytest.param("{", "adapter_config.json is no JSON: .*; copy it again", id="no JSON"),
        pytest.param("[]", "holds .*, and no object; copy it again", id="a list"),
        pytest.param('{"peft_type": "IA3"}', "says no peft_type LORA; take", id="another method"),
    ],
)
def test_what_is_no_configuration_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(EngineError, match=message):
        adapter_config(tmp_path)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        pytest.param({"r": "8"}, "no whole number above 0", id="rank of text"),
        pytest.param({"r": 8.5}, "no whole number above 0", id="half a rank"),
        pytest.param({"r": True}, "no whole number above 0", id="true rank"),
        pytest.param({"r": 0}, "no whole number above 0", id="no rank"),
        pytest.param({"lora_alpha": None}, "no number above 0", id="no alpha"),
        pytest.param({"lora_alpha": float("inf")}, "no number above 0", id="endless alpha"),
    ],
)
def test_a_number_that_cannot_be_is_malformed_and_not_more_than_plain(
    tmp_path: Path, said: dict[str, object], fault: str
) -> None:
    ((key, value),) = said.items()
    with pytest.raises(EngineError) as refused:
        adapter_config(written(tmp_path, **said))
    file = tmp_path / "adapter_config.json"
    told = f"{file} says {key} = {json.dumps(value)}, which is {fault}; {RETRY}"
    assert refused.value.cause == told


LAYER = "base_model.model.model.layers.7.q_proj"
DOWN, UP = f"{LAYER}.lora_A.weight", f"{LAYER}.lora_B.weight"


def test_an_adapter_is_two_matrices_beside_each_layer(tmp_path: Path) -> None:
    found = adapter_layers(tmp_path, {"r": 4}, {DOWN: (4, 64), UP: (32, 4)})
    assert found == {"model.layers.7.q_proj": ((4, 64), (32, 4))}


@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        pytest.param({}, "changes no layer", id="nothing"),
        pytest.param({DOWN: (4, 64)}, f"has {DOWN} without its lora_B", id="half"),
        pytest.param({DOWN: (4, 64), UP: (32, 8)}, "has another rank than", id="rank"),
        pytest.param({DOWN: (4, 64, 1), UP: (32, 4)}, "has another rank than", id="dimensions"),
        pytest.param({DOWN: (4,), UP: ()}, "has another rank than", id="no matrices"),
        pytest.param({DOWN: (4, 64), UP: (32, 4), "x": (1,)}, "layers: x; ", id="more"),
    ],
)
def test_matrices_that_are_no_plain_lora_are_refused(
    tmp_path: Path, shapes: dict[str, Shape], told: str
) -> None:
    with pytest.raises(EngineError) as refused:
        adapter_layers(tmp_path, {"r": 4}, shapes)
    assert told in refused.value.cause


FITTING = {"model.layers.7.q_proj": ((4, 64), (32, 4))}


@pytest.mark.parametrize(
    "base",
    [
        pytest.param({"model.layers.7.q_proj.weight": (32, 64)}, id="as it is"),
        pytest.param({"model.layers.7.q_proj.weight": (64, 32)}, id="the other way round"),
        pytest.param({"layers.7.attn.q_proj.weight": (9, 9)}, id="under names of its own"),
    ],
)
def test_an_adapter_that_may_fit_is_taken(base: dict[str, Shape]) -> None:
    check_fit(FITTING, base)


@pytest.mark.parametrize(
    ("base", "told"),
    [
        pytest.param(
            {"model.layers.7.q_proj.weight": (32, 48)},
            "changes model.layers.7.q_proj as 32 x 64, and the checkpoint has it as 32 x 48; name",
            id="size",
        ),
        pytest.param(
            {"model.layers.6.q_proj.weight": (32, 64)},
            "changes model.layers.7.q_proj, which the checkpoint has not; name the checkpoint",
            id="depth",
        ),
        pytest.param(
            {"h.7.attn.c_attn.weight": (32, 64)},
            "changes model.layers.7.q_proj, and the checkpoint has nothing of that name; name the",
            id="architecture",
        ),
    ],
)
def test_an_adapter_of_another_base_is_refused(base: dict[str, Shape], told: str) -> None:
    with pytest.raises(EngineError) as refused:
        check_fit(FITTING, base)
    assert told in refused.value.cause
