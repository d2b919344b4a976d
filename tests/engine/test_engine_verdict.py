"""The verdict says what the figures bear out, by known values."""

from __future__ import annotations

import pytest

from workbench.engine.verdict import chance, mcnemar, verdict, wilson


def test_wilson_by_a_known_value() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_mcnemar_mid_p_by_hand() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(1 / 32)
    assert mcnemar(3, 1) == pytest.approx(2 * (5 / 16) - 4 / 16)


def test_a_small_difference_is_called_chance_and_a_large_one_is_not() -> None:
    right, wrong = [1.0] * 50, [0.0] * 50
    small = verdict("accuracy", {"accuracy": 0.5}, {"accuracy": 0.51}, {}, (right + wrong, [*right, 1.0, *wrong[1:]]))
    large = verdict("accuracy", {"accuracy": 0.5}, {"accuracy": 1.0}, {}, (right + wrong, right * 2))
    assert "chance" in small.en
    assert "随机" in small.zh
    assert "better than before" in large.en


def test_lower_perplexity_is_better_and_the_baseline_stands_beside() -> None:
    pairs = [-3.0, -2.9, -3.1], [-1.0, -1.2, -0.9]
    assert chance(*pairs) < 0.05
    assert "better" in verdict("perplexity", {"perplexity": 20.0}, {"perplexity": 3.0}, {}, pairs).en
    beaten = verdict(
        "accuracy", {"accuracy": 0.0}, {"accuracy": 0.5}, {"tfidf": {"accuracy": 0.7}}, ([0.0, 0.0], [1.0, 0.0])
    )
    assert "not better than TF-IDF (70.0%)" in beaten.en
