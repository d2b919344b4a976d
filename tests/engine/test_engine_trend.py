"""How often a healthy run is called sick, looked at after every step; and whether sick ones are still found. The figures are printed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from workbench.engine import trend

STEPS, WARM, RUNS = 120, 12, 50
Shape = Callable[[int], float]


def ever(shape: Shape, spread: float) -> dict[str, float]:
    """The share of seeded runs with this curve of which each was said at some step."""
    said = {"rose": 0, "stayed": 0}
    for seed in range(RUNS):
        dice = random.Random(seed)
        losses = [max(0.001, shape(step) + dice.gauss(0, spread)) for step in range(STEPS)]
        looks = [(losses[WARM:step], step / STEPS) for step in range(STEPS // 4, STEPS + 1)]
        said["rose"] += any(
            trend.rose(seen) or trend.burst(losses[:3], seen) for seen, share in looks if share >= trend.RISE_SHARE
        )
        said["stayed"] += any(trend.stayed(seen, share) for seen, share in looks if share >= trend.FLAT_SHARE)
    print(f"noise {spread}: { ({name: f'{count / RUNS:.0%}' for name, count in said.items()}) }")
    return {name: count / RUNS for name, count in said.items()}


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.2, 0.4, 0.6])
def test_a_healthy_run_is_left_alone_at_every_step(spread: float) -> None:
    found = ever(lambda step: 2.5 - (1 - math.exp(-max(0, step - 20) / 150)), spread)
    assert max(found.values()) <= 0.02


@pytest.mark.parametrize(
    ("name", "shape", "spread"),
    [
        ("stayed", lambda step: math.log(2), 0.02),  # one class for everything
        ("stayed", lambda step: 2.3 - step * 5e-5, 0.05),  # a rate far too low
        ("rose", lambda step: 2 + max(0, step - 30) * 0.04, 0.4),
        ("rose", lambda step: 1.5 * 1.5 ** max(0, step - 106), 0.2),
        (
            "rose",
            lambda step: 3.2 if step < 4 else 10 - step * 0.037,
            0.4,
        ),  # thrown up while it warmed up, falling since
    ],
)
def test_a_sick_run_is_found(name: str, shape: Shape, spread: float) -> None:
    assert ever(shape, spread)[name] >= 0.95


def test_one_spike_is_no_trend() -> None:
    losses = [2 - step / 100 + (40 if step == 95 else 0) for step in range(100)]
    assert all(trend.rose(losses[:step]) is None for step in range(101))
