"""Adapters in mixed batches, against PEFT serving them one by one."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.pytorch_utils import Conv1D

from serving.build import Builder
from serving.engine import Delta, EngineError, FailureKind, Prompt
from serving.estimate import estimate
from serving.local import LocalEngine
from serving.lora import Adapter, AdapterBank, read_adapter
from serving.spec import ModelSpec

# PEFT 0.21 asks transformers 5.23 in a way that transformers 6 will not know.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

NAMES = ("law", "med", "sci")
CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def adapters(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return random adapters of the tiny checkpoint, written by PEFT."""
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 -- heavy

    folders = {}
    for seed, name in enumerate(NAMES):
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        config = peft.LoraConfig(
            r=4, lora_alpha=16, target_modules="all-linear", init_lora_weights=False
        )
        folders[name] = tmp_path_factory.mktemp(name)
        peft.get_peft_model(base, config).save_pretrained(folders[name])
    return folders


def spec_of(folder: Path, name: str, adapter: Path | str | None = None, **fields: Any) -> ModelSpec:  # noqa: ANN401
    return ModelSpec.model_validate(
        {
            "name": name,
            "checkpoint": str(folder),
            "adapter": None if adapter is None else str(adapter),
            "sampling": {"temperature": 0.0},
            "output_tokens": 10,
            "context_tokens": 256,
            **fields,
        }
    )


async def say(engine: LocalEngine, asked: str) -> str:
    stream = engine.stream(Prompt.of(asked))
    return "".join([event.text async for event in stream if isinstance(event, Delta)])


def build(specs: list[ModelSpec]) -> list[LocalEngine]:
    builder = Builder()
    engines = [builder(spec) for spec in specs]
    assert all(isinstance(engine, LocalEngine) for engine in engines)
    return engines  # type: ignore[return-value]


async def test_mixed_batches_equal_peft_one_by_one(
    checkpoint: Path, adapters: dict[str, Path]
) -> None:
    from peft import PeftModel  # noqa: PLC0415 -- heavy
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 -- heavy

    engines = build([spec_of(checkpoint, name, adapters[name]) for name in NAMES])
    asked = [(engine, text) for engine in engines for text in ("a", "why is it so?")]
    said = await asyncio.gather(*(say(*one) for one in asked))
    encoder, decode = engines[0]._encoder, engines[0]._backend.decode  # noqa: SLF001
    expected = []
    for name in NAMES:
        base = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        model: Any = PeftModel.from_pretrained(base, adapters[name])
        for text in ("a", "why is it so?"):
            ids = torch.tensor([encoder.encode(Prompt.of(text)).ids])
            made = model.generate(input_ids=ids, max_new_tokens=10, do_sample=False, pad_token_id=0)
            expected.append(decode(made[0][ids.shape[1] :].tolist()).rstrip("\ufffd"))
    for engine in engines:
        await engine.close()
    assert list(said) == expected
    assert len(set(said)) > 3


@pytest.mark.parametrize("quantization", ["none", "int8", "nf4"])
async def test_company_changes_nothing(
    checkpoint: Path, adapters: dict[str, Path], quantization: str
) -> None:
    plain = spec_of(checkpoint, "plain", quantization=quantization)
    adapted = [spec_of(checkpoint, n, adapters[n], quantization=quantization) for n in NAMES]
    engines = build([plain, *adapted])
    alone = [await say(engine, "hello") for engine in engines]
    together = await asyncio.gather(*(say(engine, "hello") for engine in engines))
    for engine in engines:
        await engine.close()
    assert len(set(alone)) == 4
    if quantization != "int8":  # whose outliers are found over the whole batch
        assert list(together) == alone


LAYERS = [torch.nn.Linear(5, 3), Conv1D(3, 5)]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("layer", LAYERS, ids=["linear", "conv"])
@pytest.mark.parametrize("shape", [(1, 4, 5), (4, 5)], ids=["a batch", "tokens alone"])
def test_each_token_gets_the_adapter_of_its_own_request(
    layer: torch.nn.Module, shape: tuple[int, ...]
) -> None:
    """OPT hands its layers tokens without a batch; GPT-2 has layers of its own kind."""
    model: Any = torch.nn.ModuleDict({"fc": layer})
    model.get_output_embeddings, model.device = (lambda: None), CPU
    seen = torch.randn(shape)
    bare = layer(seen)
    down, up = torch.randn(2, 5), torch.randn(3, 2)
    bank = AdapterBank(model)
    bank.add("law", Adapter({"fc": (down, up)}, 2.0))
    bank.set_batch([(None, 1), ("law", 2), (None, 1)])
    change = torch.zeros_like(bare)
    change[..., 1:3, :] = 2 * seen[..., 1:3, :] @ down.T @ up.T
    assert torch.allclose(layer(seen), bare + change, atol=1e-5)


async def test_many_adapters_cost_little_more_than_one_model(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    """Eight adapters of rank 4 on a width of 256: at most 1.2 times one model."""
    folder = make_checkpoint(hidden_size=256, intermediate_size=512, num_hidden_layers=2)
    specs = [spec_of(folder, "plain", batch=2)]
    for number in range(8):
        adapter = tmp_path / str(number)
        _write(adapter, 256, layers=2)
        specs.append(spec_of(folder, f"a{number}", adapter, batch=2))
    engines = build(specs)
    alone = engines[0].footprint
    assert all(engine._weights is engines[0]._weights for engine in engines)  # noqa: SLF001
    together = alone + sum(engine.footprint - alone for engine in engines)
    for engine in engines:
        await engine.close()
    assert together <= 1.2 * alone
    assert estimate(specs[1]).adapter == pytest.approx(engines[1].footprint - alone, rel=0.2)


def _write(folder: Path, width: int, *, layers: int, **config: object) -> None:
    """Write an adapter of the query layers in PEFT's format."""
    from safetensors.torch import save_file  # noqa: PLC0415 -- here alone

    folder.mkdir()
    at = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
    weights = {}
    for layer in range(layers):
        weights[at.format(layer, "A")] = torch.randn(4, width)
        weights[at.format(layer, "B")] = torch.randn(width, 4)
    save_file(weights, folder / "adapter_model.safetensors")
    described = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", **config}
    (folder / "adapter_config.json").write_text(json.dumps(described))


async def test_the_last_to_leave_frees_the_weights(
    checkpoint: Path, adapters: dict[str, Path]
) -> None:
    law, med = build([spec_of(checkpoint, n, adapters[n]) for n in ("law", "med")])
    await law.close()
    assert law.health() is not None
    assert await say(med, "hello")
    weights = med._weights  # noqa: SLF001
    await med.close()
    assert weights.supervisor.health() is not None


async def test_weights_that_were_freed_are_loaded_again(checkpoint: Path) -> None:
    builder = Builder()
    first = builder(spec_of(checkpoint, "m"))
    await first.close()
    second = builder(spec_of(checkpoint, "m"))
    assert second.health() is None
    await second.close()


async def test_a_bad_adapter_leaves_nothing_behind(checkpoint: Path, tmp_path: Path) -> None:
    _write(tmp_path / "wide", 999, layers=1)
    builder = Builder()
    with pytest.raises(EngineError, match="does not fit the model at model"):
        builder(spec_of(checkpoint, "m", tmp_path / "wide"))
    assert builder._weights == {}  # noqa: SLF001


async def test_an_adapter_of_the_output_layer_is_refused_with_a_way_out(
    checkpoint: Path, tmp_path: Path
) -> None:
    """Only the tokens that a next one is drawn after get there: whose they are, nobody says."""
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 -- heavy

    base = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    config = peft.LoraConfig(r=4, target_modules=["lm_head", "q_proj"], init_lora_weights=False)
    peft.get_peft_model(base, config).save_pretrained(tmp_path, save_embedding_layers=False)
    builder = Builder()
    with pytest.raises(EngineError, match=r"changes the output layer lm_head; merge it into") as no:
        builder(spec_of(checkpoint, "law", tmp_path))
    assert no.value.kind is FailureKind.BACKEND
    assert builder._weights == {}  # noqa: SLF001


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        *(
            pytest.param({"init_lora_weights": start}, True, id=f"start {start}")
            for start in (True, False, "gaussian", "eva", "orthogonal", "mica")
        ),
        pytest.param({"use_rslora": True, "lora_dropout": 0.5}, True, id="rslora"),
        pytest.param({"fan_in_fan_out": True}, True, id="another order"),
        pytest.param({"init_lora_weights": "pissa"}, False, id="pissa"),
        pytest.param({"init_lora_weights": "pissa_niter_4"}, False, id="pissa in steps"),
        pytest.param({"init_lora_weights": "olora"}, False, id="olora"),
        pytest.param({"alora_invocation_tokens": [6, 7]}, False, id="alora"),
        pytest.param({"use_dora": True}, False, id="dora"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*fan_in_fan_out.*", "ignore:.*EVA.*")
def test_an_adapter_is_computed_as_peft_does_or_refused(
    checkpoint: Path, tmp_path: Path, fields: dict[str, object], *, taken: bool
) -> None:
    """The oracle: PEFT, and that what is refused could not be computed in our way."""
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 -- heavy

    def base() -> Any:  # noqa: ANN401 -- any architecture
        read = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        return read.train(mode=False)

    torch.manual_seed(0)
    named = {"target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM"}
    made = peft.get_peft_model(base(), peft.LoraConfig(r=4, lora_alpha=8, **named, **fields))
    with torch.no_grad():
        for name, matrix in made.named_parameters():
            if "lora_" in name:
                matrix.add_(torch.randn_like(matrix) * 0.1)
    made.save_pretrained(tmp_path)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        expected = peft.PeftModel.from_pretrained(base(), tmp_path).eval()(ids).logits
    if not taken:
        with pytest.raises(EngineError, match=f"says {next(iter(fields))} = "):
            read_adapter(tmp_path, device=CPU, dtype=torch.float32)
        _forget(tmp_path, *fields)
    assert torch.allclose(_adapted(base(), tmp_path, ids), expected, atol=1e-4) == taken
    assert not torch.allclose(base()(ids).logits, expected, atol=1e-3)


def _forget(folder: Path, *keys: str) -> None:
    """Take keys out of an adapter's configuration, and matrices that are neither A nor B."""
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 -- here alone

    file = folder / "adapter_config.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({key: one for key, one in said.items() if key not in keys}))
    weights = load_file(folder / "adapter_model.safetensors")
    kept = {key: one for key, one in weights.items() if "lora_A" in key or "lora_B" in key}
    save_file(kept, folder / "adapter_model.safetensors")


def _adapted(base: Any, folder: Path, ids: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    """Return the logits of a base with an adapter in our way."""
    bank = AdapterBank(base)
    bank.add("law", read_adapter(folder, device=CPU, dtype=torch.float32))
    bank.set_batch([("law", ids.shape[1])])
    with torch.no_grad():
        logits: torch.Tensor = base(ids).logits
    return logits


@pytest.mark.parametrize(
    ("r", "drop", "message"),
    [
        pytest.param(8, None, "has another rank than adapter_config.json", id="rank"),
        pytest.param(4, "lora_B", "without its lora_B; save it again with PEFT", id="half"),
        pytest.param(4, "lora_A", "changes more than linear layers", id="other half"),
        pytest.param(4, "lora", "changes no layer", id="nothing"),
    ],
)
def test_matrices_that_do_not_belong_together_are_told(
    tmp_path: Path, r: int, drop: str | None, message: str
) -> None:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 -- here alone

    _write(tmp_path / "a", 64, layers=1, r=r)
    file = tmp_path / "a" / "adapter_model.safetensors"
    kept = {key: one for key, one in load_file(file).items() if drop is None or drop not in key}
    save_file(kept, file)
    with pytest.raises(EngineError, match=message):
        read_adapter(tmp_path / "a", device=CPU, dtype=torch.float32)


def test_an_adapter_without_its_matrices_is_told_with_the_way_out(tmp_path: Path) -> None:
    _write(tmp_path / "a", 64, layers=1)
    (tmp_path / "a" / "adapter_model.safetensors").write_bytes(b"{}")
    with pytest.raises(EngineError, match="is cut short: 2 bytes; copy it again"):
        read_adapter(tmp_path / "a", device=CPU, dtype=torch.float32)


def test_a_rank_stabilised_scale_is_understood(tmp_path: Path) -> None:
    _write(tmp_path / "plain", 64, layers=1)
    _write(tmp_path / "stable", 64, layers=1, use_rslora=True)
    read = [
        read_adapter(tmp_path / name, device=CPU, dtype=torch.float32)
        for name in ("plain", "stable")
    ]
    assert [adapter.scale for adapter in read] == [2.0, 4.0]


def test_a_missing_adapter_is_named(checkpoint: Path) -> None:
    with pytest.raises(
        EngineError, match="m: there is no adapter folder /nowhere; correct the path"
    ):
        estimate(spec_of(checkpoint, "m", Path("/nowhere")))


async def test_adapters_and_bases_by_their_names_on_the_hub_are_those_of_their_folders(
    checkpoint: Path, adapters: dict[str, Path], put_on_hub: Callable[..., str]
) -> None:
    put_on_hub("lab/base", checkpoint)
    put_on_hub("lab/tuned", adapters["law"])
    put_on_hub("lab/tuned", adapters["med"], "v2")
    named = spec_of(checkpoint, "law", checkpoint="lab/base", adapter="lab/tuned")
    specs = [
        spec_of(checkpoint, "law", adapters["law"]),
        spec_of(checkpoint, "med", adapters["med"]),
        named,
        spec_of(
            checkpoint, "med", checkpoint="lab/base", adapter="lab/tuned", adapter_revision="v2"
        ),
    ]
    engines = build(specs)
    law, med, *by_name = [await say(engine, "hello") for engine in engines]
    shared = [engine._weights for engine in engines]  # noqa: SLF001
    for engine in engines:
        await engine.close()
    assert by_name == [law, med]
    assert law != med
    assert shared[2] is shared[3]
    assert estimate(named) == estimate(specs[0])
