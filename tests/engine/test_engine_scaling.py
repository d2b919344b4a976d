"""The arithmetic of many GPUs, against figures published elsewhere and others worked out by hand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest
from places import ROOT

from workbench.engine import scaling
from workbench.engine.scaling import GB, Setting

PAGE = ROOT / "docs" / "scaling.md"


@pytest.mark.parametrize(
    ("strategy", "published"), [("ddp", 120.0), ("zero-1", 31.4), ("zero-2", 16.6), ("zero-3", 1.9)]
)
def test_states_are_those_of_the_zero_paper(strategy: str, published: float) -> None:
    """Figure 1 of arXiv:1910.02054: 7.5 billion parameters on 64 GPUs."""
    assert round(scaling.states(Setting(params=7.5e9, gpus=64), "full", strategy) / GB, 1) == published


@pytest.mark.parametrize(
    ("method", "strategy", "by_hand"),
    [
        ("lora", "ddp", 2 * 7e9 + 16 * 40e6),
        ("lora", "zero-1", 2 * 7e9 + 4 * 40e6 + 12 * 40e6 / 64),
        ("lora", "zero-2", 2 * 7e9 + 2 * 40e6 + 14 * 40e6 / 64),
        ("lora", "zero-3", (2 * 7e9 + 16 * 40e6) / 64),
        ("qlora", "ddp", 7e9 * 4.127 / 8 + 16 * 40e6),
    ],
)
def test_states_of_adapters(method: str, strategy: str, by_hand: float) -> None:
    assert scaling.states(Setting(), method, strategy) == pytest.approx(by_hand)


def test_width_moves_bytes_but_keeps_their_sum() -> None:
    wide = Setting(width=4)
    assert scaling.states(wide, "full", "ddp") == pytest.approx(16 * 7e9)
    assert scaling.states(wide, "full", "zero-1") == pytest.approx(8 * 7e9 + 8 * 7e9 / 64)
    assert scaling.wire(wide, "full", "ddp") == pytest.approx(2 * 63 / 64 * 4 * 7e9)


def test_activations_are_those_of_korthikanti() -> None:
    """The 22 B model of arXiv:2205.05198: s b h = 2048 · 4 · 6144 = 50,331,648; 5 a s / h = 106.67; 48 layers."""
    at = Setting(hidden=6144, heads=64, layers=48, length=2048, batch=4, vocab=51200)
    border = 4 * 8192 * (6144 + 51200)
    assert scaling.activations(at, False, scores=True) - border == pytest.approx(50_331_648 * (34 + 320 / 3) * 48)
    assert scaling.activations(at, False) - border == pytest.approx(50_331_648 * 34 * 48)
    assert scaling.activations(at, True) - border == pytest.approx(50_331_648 * (2 * 48 + 34))


def test_bytes_on_the_wire() -> None:
    at = Setting(params=7e9, gpus=64, accumulate=4)
    assert scaling.wire(at, "full", "ddp") == scaling.wire(at, "full", "zero-2") == pytest.approx(2 * 63 / 64 * 14e9)
    assert scaling.wire(at, "full", "zero-3") == pytest.approx(63 / 64 * (4 * 2 * 14e9 + 14e9))
    assert scaling.wire(at, "lora", "ddp") == pytest.approx(2 * 63 / 64 * 80e6)
    assert scaling.wire(at, "lora", "zero-3") == pytest.approx(63 / 64 * (4 * 2 * (14e9 + 80e6) + 80e6))
    assert scaling.wire(Setting(gpus=1), "full", "ddp") == 0


def test_operations_seconds_and_efficiency() -> None:
    """6 P per token, and 12 L h s for attention: 42e9 + 12 · 32 · 4096 · 4096 = 48.44e9 per token, 4096 tokens."""
    at = Setting()
    assert scaling.operations(at, "full", False) == pytest.approx(4096 * (42e9 + 12 * 32 * 4096 * 4096))
    assert scaling.operations(at, "full", True) == pytest.approx(4 / 3 * scaling.operations(at, "full", False))
    assert scaling.operations(at, "lora", False) == pytest.approx(4096 * (28e9 + 12 * 32 * 4096 * 4096))
    assert scaling.seconds(at, "full", False) == pytest.approx(4096 * 48.442450944e9 / 124.8e12)
    assert scaling.efficiency(3.0, 1.0) == (0.75, 1.0)
    assert scaling.efficiency(1.0, 4.0) == (0.2, 0.25)


def test_the_page_shows_what_the_script_prints() -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = re.findall(
        r"```\npython -m workbench\.engine\.scaling([^\n]*)\n```\n\n(\|.*?\n)\n(?=[^|\n])", page, re.DOTALL
    )
    assert len(shown) >= 2
    for options, tables in shown:
        command = [sys.executable, "-m", "workbench.engine.scaling", *shlex.split(options)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env={"WORKBENCH_LANG": "en"}, check=True
        )
        assert done.stdout.strip() == tables.strip(), f"run it again and paste: {shlex.join(command)}"


def test_a_number_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        scaling.main(["--gpus", "0"])
    assert ended.value.code == 2
    assert "--gpus" in capsys.readouterr().err


def test_it_needs_no_torch() -> None:
    code = "import sys, workbench.engine.scaling; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"
