"""Rows with adapters of their own in one model, and rows added where that is faster: always what each row alone would get."""

from __future__ import annotations

from typing import Any

import peft
import pytest
import torch

from workbench.models.twin import twin
from workbench.serve import padding
from workbench.serve.mixed import Mixed

IDS = torch.tensor([[3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14], [3, 4, 5]])
ROWS = ["one", None, "two", "one", "three"]


@pytest.fixture
def base() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=40, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2)  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning"
)  # peft asks transformers for a deprecated name
@pytest.mark.parametrize("modules", [["q_proj", "down_proj"], ["v_proj", "embed_tokens"]])
@torch.inference_mode()
def test_each_row_counts_its_own_adapter_only(base: Any, modules: list[str]) -> None:
    mixed = Mixed(base)
    for name, rank in (("one", 4), ("two", 2), ("three", 4)):
        chosen = modules if name != "three" else modules[:1]
        how = peft.LoraConfig(r=rank, lora_alpha=3 * rank, target_modules=chosen, init_lora_weights=False, use_rslora=name == "two")  # fmt: skip
        if mixed.model is None:
            mixed.model = peft.PeftModel(twin(base), how, adapter_name=name).eval()
        else:
            mixed.model.add_adapter(name, how)
        mixed.names.add(name)
    mixed.model.requires_grad_(False).eval()
    together = mixed.forward(ROWS)(input_ids=IDS).logits
    alone = [mixed.forward([name])(input_ids=IDS[place : place + 1]).logits for place, name in enumerate(ROWS)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)
    assert not torch.allclose(together[0], together[4], atol=1e-3), "the same prompt with another adapter"


@torch.inference_mode()
def test_added_rows_change_no_answer(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one = IDS[:, :1]
    right = [base(input_ids=one[:rows]).logits for rows in (1, 2, 3, 5)]
    seen: list[int] = []
    monkeypatch.setattr(padding, "faster", lambda layer: {2: 4, 3: 4})
    padding.even_out(base.lm_head)
    base.lm_head.register_forward_hook(lambda layer, given, made: seen.append(len(given[0])))
    assert all(torch.allclose(base(input_ids=one[: len(each)]).logits, each, atol=1e-6) for each in right)
    assert seen == [1, 4, 4, 5]
    assert base(input_ids=IDS[:2]).logits.shape == (2, 3, 40), "prompts that are read are left alone"


def test_what_is_faster_is_measured_on_the_layer(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(padding, "_seconds", lambda layer, given: {1: 2.0, 2: 4.0, 3: 6.0}.get(len(given), 3.0))
    assert padding.faster(base.lm_head) == {2: 4, 3: 4}
