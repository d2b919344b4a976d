"""Every method × every task × one tiny model per family: two steps, only the named parameters change, reload, merge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matrix
import pytest

from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.recipe import parse
from workbench.core.task import TASKS, Task

CELLS = matrix.cells()
QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
VARIANTS = [
    {"use_rslora": True}, {"use_dora": True}, {"init_lora_weights": "pissa"}, {"loraplus_lr_ratio": 16},
    {"init_lora_weights": "pissa", "use_rslora": True}, {"target_modules": "q_proj,v_proj"},
]  # fmt: skip


@QUIET
@pytest.mark.parametrize(("task", "method", "family"), CELLS, ids=["-".join((t.kind, m.kind, f)) for t, m, f in CELLS])
def test_a_cell_works_or_says_why_not(task: Task, method: Any, family: str, tmp_path: Path) -> None:
    why = matrix.reason(task, method, family)
    if why is None:
        matrix.check(matrix.run_cell(task, method, family, tmp_path))
    else:
        assert len(why.en) > 30
        assert len(why.zh) > 10


@QUIET
@pytest.mark.parametrize("knobs", VARIANTS, ids=lambda knobs: "+".join(knobs))
def test_variants_of_lora(knobs: dict[str, Any], tmp_path: Path) -> None:
    matrix.check(matrix.run_cell(TASKS.get("chat"), METHODS.get("lora"), "llama", tmp_path, knobs))


@QUIET
@pytest.mark.parametrize("knobs", [{"placement": "pfeiffer"}, {"placement": "houlsby", "activation": "relu"}])
def test_placements_of_the_bottleneck(knobs: dict[str, Any], tmp_path: Path) -> None:
    cell = matrix.run_cell(TASKS.get("chat"), METHODS.get("adapter"), "llama", tmp_path, knobs)
    matrix.check(cell)
    behind_attention = [name for name in cell["wanted"] if "o_proj" in name]
    assert bool(behind_attention) == (knobs["placement"] == "houlsby")


@QUIET
def test_pissa_leaves_the_base_as_it_was(tmp_path: Path) -> None:
    import torch

    cell = matrix.run_cell(TASKS.get("chat"), METHODS.get("lora"), "llama", tmp_path, {"init_lora_weights": "pissa"})
    with cell["again"].disable_adapter():
        off = matrix.logits(cell["again"], cell["batch"])
    plain = matrix.base_logits(TASKS.get("chat"), "llama", cell["batch"])
    assert torch.allclose(off, plain, atol=1e-6)


@QUIET
def test_lora_plus_gives_the_second_matrix_its_own_rate(tmp_path: Path) -> None:
    recipe = matrix.recipe_of(TASKS.get("chat"), METHODS.get("lora"), "llama", {"loraplus_lr_ratio": 8})
    model = matrix.applied(recipe)
    slow, fast = METHODS.get("lora").groups(model, recipe.method, 1e-3, 0.0) or ()
    assert (slow["lr"], fast["lr"]) == (1e-3, 8e-3)
    assert len(slow["params"]) == len(fast["params"])


@QUIET
def test_adalora_spends_its_rank_where_it_matters() -> None:
    import torch

    recipe = matrix.recipe_of(TASKS.get("chat"), METHODS.get("adalora"), "llama", {"init_r": 6, "target_r": 2})
    model, method = matrix.applied(recipe), METHODS.get("adalora")
    method.plan(model, 20)
    batch = matrix.batch_of(recipe, model)
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=0.01)
    for index in range(20):
        model(**batch).loss.backward()
        optimizer.step()
        method.after_step(model, index)
        optimizer.zero_grad()
    left = [int((value != 0).sum()) for name, value in model.named_parameters() if "lora_E" in name]
    assert sum(left) == 2 * len(left)
    assert max(left) > min(left)


def test_dora_and_pissa_are_not_combined() -> None:
    with pytest.raises(UserError, match="cannot be combined"):
        parse({"task": "chat", "method": {"kind": "lora", "use_dora": True, "init_lora_weights": "pissa"}})
