"""Padding-free batches: the loss of every row as if it were alone, no row sees another, and the same rows in every step."""

from __future__ import annotations

from typing import Any

import matrix
import pytest

from workbench.core.method import METHODS
from workbench.core.task import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
CAUSAL = ("llama", "qwen", "gemma", "mistral", "gpt2")
CHAT, LORA = TASKS.get("chat"), METHODS.get("lora")


def rows_and_model(family: str, method: str = "lora") -> tuple[list[dict[str, Any]], Any, Any]:
    """Encoded rows of mixed lengths, the model, and the padding collator."""
    from workbench.models.loading import load_tokenizer

    recipe = matrix.recipe_of(CHAT, METHODS.get(method), family)
    model = matrix.applied(recipe)
    tokenizer = load_tokenizer(matrix.model_folder(family))
    section = recipe.task.model_copy(update={"max_length": 200})
    return (
        CHAT.encode(list(matrix.rows("chat"))[:12], tokenizer, section, model).inputs,
        model,
        CHAT.collator(tokenizer),
    )


@pytest.mark.parametrize("family", CAUSAL)
def test_every_row_has_the_loss_it_has_alone(family: str) -> None:
    import torch

    from workbench.engine import packing

    rows, model, pad = rows_and_model(family)
    assert packing.packable(model, rows)
    alone = [model(**pad([row])).loss.item() for row in rows]
    undo = packing.enable(model)
    counts = [sum(label != -100 for label in row["labels"][1:]) for row in rows]
    for row, count, loss in zip(rows, counts, alone, strict=True):
        assert abs(packing.loss_of(model, packing.pack([row]), None).item() - loss) < 1e-5
        del count
    together = packing.loss_of(model, packing.pack(rows), None)
    mean = sum(loss * count for loss, count in zip(alone, counts, strict=True)) / sum(counts)
    assert abs(together.item() - mean) < 1e-5
    assert abs(model(**pad(rows)).loss.item() - mean) < 1e-5  # padded batches keep working meanwhile
    undo()
    assert model.get_base_model().config._attn_implementation == "sdpa"
    assert torch.isfinite(together)


@pytest.mark.parametrize("family", CAUSAL)
def test_no_row_sees_another(family: str) -> None:
    import torch

    from workbench.engine import packing

    rows, model, _ = rows_and_model(family)
    undo = packing.enable(model.eval())
    other = {**rows[1], "input_ids": [(token + 7) % 250 for token in rows[1]["input_ids"]]}
    length = len(rows[0]["input_ids"])
    with torch.no_grad():
        one, two = (
            model(
                **{name: value for name, value in packing.pack(pair).items() if name != "labels"}, use_cache=False
            ).logits
            for pair in ([rows[1], rows[0]], [other, rows[0]])
        )
    assert torch.equal(one[:, -length:], two[:, -length:])
    assert not torch.equal(one[:, :-length], two[:, :-length])
    undo()


def test_gradients_are_those_of_the_padded_batch() -> None:
    import torch

    from workbench.engine import packing

    rows, model, pad = rows_and_model("llama")
    model(**pad(rows)).loss.backward()
    padded = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    model.zero_grad()
    undo = packing.enable(model)
    packing.loss_of(model, packing.pack(rows), None).backward()
    undo()
    assert padded
    for name, value in model.named_parameters():
        if name in padded:
            assert torch.allclose(value.grad, padded[name], atol=1e-6), name


def test_virtual_tokens_and_other_tasks_are_padded() -> None:
    from workbench.engine import packing

    rows, model, _ = rows_and_model("llama", "prefix-tuning")
    assert not packing.packable(model, rows)
    _, plain, _ = rows_and_model("llama")
    assert not packing.packable(plain, [{"input_ids": [1], "attention_mask": [1], "labels": 0}])


def test_a_window_smaller_than_a_row_is_padded() -> None:
    from workbench.engine import packing

    rows, model, _ = rows_and_model("mistral")
    model.get_base_model().config.sliding_window = 8
    assert not packing.packable(model, rows)


def test_a_model_that_disagrees_is_found_out() -> None:
    from workbench.engine import packing

    rows, model, pad = rows_and_model("llama")
    undo = packing.enable(model)
    assert packing.same_loss(model, rows, pad, "cpu")
    undo()  # without row-by-row attention the rows would see one another, or the call would fail
    assert not packing.same_loss(model, rows, pad, "cpu")


def test_like_lengths_share_a_batch_and_every_row_comes_once_per_epoch() -> None:
    from workbench.engine.order import LikeLengths

    lengths = [(index * 37) % 101 for index in range(330)]
    order = LikeLengths(lengths, 8, seed=1)
    first, second = list(order), list(order)
    assert first == second
    order.set_epoch(1)
    assert sorted(order) == sorted(first) == list(range(330))
    assert list(order) != first
    spread = [
        max(batch) - min(batch) for batch in ([lengths[i] for i in first[at : at + 8]] for at in range(0, 320, 8))
    ]
    assert sum(spread) / len(spread) < 15
