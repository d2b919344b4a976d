"""What makes a run faster is used where it is there, left out with a reason where it is not, and changes no loss."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import matrix
import pytest
from engineruns import run_with, told

from workbench.core.sections import ComputeSection
from workbench.engine import speed, varlen

WARNS = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")


@pytest.mark.parametrize("gear", speed.GEARS[1:])
def test_gpu_gears_are_left_out_on_a_cpu_with_a_reason(gear: str) -> None:
    why = speed.lacking(gear, "cpu")
    assert why is not None
    assert gear in why.en
    assert gear in why.zh


def test_a_compiler_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    why = speed.lacking("torch_compile", "cpu")
    assert why is not None
    assert "compiler" in why.en


def test_flash_attention_falls_back_and_others_are_passed_on() -> None:
    assert speed.attention(ComputeSection(attn_implementation="flash_attention_2"), "cpu") == {}
    assert speed.attention(ComputeSection(attn_implementation="eager"), "cpu") == {"attn_implementation": "eager"}
    assert speed.attention(ComputeSection(), "cpu") == {}


@WARNS
def test_a_recipe_of_a_large_machine_runs_here_and_says_what_it_does_without(tmp_path: Path) -> None:
    asked = {"use_liger_kernel": True, "attn_implementation": "flash_attention_2"}
    run = run_with(tmp_path, "trainer", {"max_steps": 2}, compute=asked)
    notes = " ".join(told(run, "note", "en"))
    assert run.status == "finished" or told(run, "report", "after")
    assert "use_liger_kernel needs an NVIDIA GPU" in notes
    assert "flash_attention_2 needs an NVIDIA GPU" in notes


@WARNS
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler here")
@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_compiled_layers_have_the_same_losses(tmp_path: Path, engine: str) -> None:
    settings: dict[str, Any] = {"max_steps": 6, "eval_steps": 3}
    plain = run_with(tmp_path / "plain", engine, settings)
    compiled = run_with(tmp_path / "compiled", engine, settings, compute={"torch_compile": True})
    assert len(told(plain, "step", "loss")) == 6
    assert told(plain, "step", "loss") == pytest.approx(told(compiled, "step", "loss"), abs=1e-4)
    assert told(plain, "eval", "loss") == pytest.approx(told(compiled, "eval", "loss"), abs=1e-4)


def test_the_layers_of_every_family_are_found() -> None:
    for family in matrix.FAMILIES:
        from transformers import AutoModel

        model = AutoModel.from_pretrained(matrix.model_folder(family))
        found = list(speed.blocks(model))
        assert found, family
        assert not any(inner in found for block in found for inner in block.children())


def fake_kernel(query: Any, key: Any, value: Any, *ends_and_most: Any, **options: Any) -> Any:
    """What PyTorch documents of varlen_attn, computed plainly: (tokens, heads, width) → the same."""
    import torch

    assert options["window_size"] == (-1, 0)
    ends = ends_and_most[0].tolist()
    assert ends_and_most[0].dtype == torch.int32
    assert ends_and_most[2] == max(b - a for a, b in pairwise(ends))
    made = []
    for start, end in pairwise(ends):
        part = [each[start:end].transpose(0, 1)[None] for each in (query, key, value)]
        made.append(
            torch.nn.functional.scaled_dot_product_attention(
                *part, is_causal=True, scale=options["scale"], enable_gqa=options["enable_gqa"]
            )[0].transpose(0, 1)
        )
    return torch.cat(made)


@pytest.mark.parametrize("groups", [4, 2])
def test_the_kernel_for_rows_end_to_end_gets_what_it_wants(monkeypatch: pytest.MonkeyPatch, groups: int) -> None:
    import torch
    from torch.nn.attention import varlen as torch_varlen

    assert varlen.known()
    monkeypatch.setattr(varlen, "known", lambda: True)
    monkeypatch.setattr(torch_varlen, "varlen_attn", fake_kernel)
    varlen.agrees.cache_clear()
    assert varlen.agrees(4, groups, 8, torch.bfloat16, "cpu")
    monkeypatch.setattr(torch_varlen, "varlen_attn", lambda *given, **named: fake_kernel(*given, **named) * 1.1)
    varlen.agrees.cache_clear()
    assert not varlen.agrees(4, groups, 8, torch.bfloat16, "cpu")
    varlen.agrees.cache_clear()


def test_a_kernel_that_refuses_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch.nn.attention import varlen as torch_varlen

    def refuses(*given: Any, **named: Any) -> Any:
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(torch_varlen, "varlen_attn", refuses)
    varlen.agrees.cache_clear()
    assert not varlen.agrees(4, 4, 8, torch.bfloat16, "cpu")
    assert not varlen.usable(torch.zeros(1, 4, 3, 8), torch.zeros(1, 4, 3, 8), {})
    varlen.agrees.cache_clear()
