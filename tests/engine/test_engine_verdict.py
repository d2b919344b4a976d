"""The verdict says what the figures bear out: known values, and a simulated world in which nothing differs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench.core.metric import METRICS
from workbench.engine.interval import reach, wilson
from workbench.engine.paired import Compared, by_chance, compare, holm, mcnemar, newcombe
from workbench.engine.power import smallest, votes
from workbench.engine.verdict import BETTER, SAME, UNCLEAR, WORSE, Found, outcome, verdict

CARDS, ALLOWED = 2000, 0.06


def labelled(answers: list[str], right: list[str]) -> dict[str, Any]:
    return {"predictions": answers, "references": right, "labels": ["a", "b", "c"]}


def test_wilson_by_a_known_value() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_mcnemar_mid_p_by_hand() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(1 / 32)
    assert mcnemar(3, 1) == pytest.approx(2 * (5 / 16) - 4 / 16)


def test_newcombe_by_the_worked_example_of_his_paper() -> None:
    """Table II of Newcombe (1998), example of 36, 12, 2, 0 rows, method 10: 0.0569 to 0.3404."""
    assert newcombe(36, 12, 2, 50) == pytest.approx((0.0569, 0.3404), abs=1e-4)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize(
    ("rows", "disagreeing", "points"),
    [(50, 0.1, None), (50, 0.2, 16.5), (100, 0.2, 12.1), (200, 0.05, 4.1), (500, 0.3, 6.8), (1000, 0.1, 2.7), (5000, 0.2, 1.8)],
)  # fmt: skip
def test_what_a_test_could_have_seen(rows: int, disagreeing: float, points: float | None) -> None:
    """The values were simulated beforehand, to a tenth of a point."""
    found = smallest(rows, disagreeing)
    assert (found is None) if points is None else (found is not None and abs(100 * found - points) <= 0.15)


def test_the_smallest_difference_is_found_four_times_of_five() -> None:
    dice, rows, share = np.random.default_rng(1), 300, 0.2
    gap = smallest(rows, share)
    assert gap is not None
    parts = [(share + gap) / 2, (share - gap) / 2, 1 - share]
    found = [mcnemar(int(won), int(lost)) < 0.05 for won, lost, _ in dice.multinomial(rows, parts, 4000)]
    assert abs(sum(found) / len(found) - 0.8) < 0.03


def test_votes_needed() -> None:
    assert [votes(share) for share in (0.55, 0.6, 0.65, 0.7)] == [783, 194, 85, 47]


def test_a_world_without_differences_gives_false_alarms_in_one_card_of_twenty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dice, alarms = np.random.default_rng(7), dict.fromkeys(("accuracy", "f1", "mean_absolute_error", "perplexity"), 0)
    for number in range(CARDS):
        kind = list(alarms)[(0, 0, 0, 1, 2, 3)[number % 6]]
        found = compare(METRICS.get(kind), *nothing_differs(kind, dice), swaps=400)
        alarms[kind] += found is not None and outcome(METRICS.get(kind), found) in (BETTER, WORSE)
    share = sum(alarms.values()) / CARDS
    with capsys.disabled():
        print(f"\nfalse alarms in {CARDS} cards without a difference: {share:.2%} {alarms}")
    assert 0.02 < share <= ALLOWED


def nothing_differs(kind: str, dice: Any) -> list[dict[str, Any]]:
    """Two equally good models on the same rows, which agree on some of them."""
    rows = int(dice.choice([30, 60, 120, 240]))
    if kind in ("accuracy", "f1"):
        right = [str(each) for each in dice.choice(list("abc"), rows, p=[0.6, 0.3, 0.1])]
        both = dice.random(rows) < dice.choice([0.5, 0.8])
        shared, *sides = ([one if hit else str(dice.choice(list("abc"))) for one, hit in zip(right, dice.random(rows) < 0.6, strict=True)] for _ in "xyz")  # fmt: skip
        return [labelled([old if same else new for old, new, same in zip(shared, side, both, strict=True)], right) for side in sides]  # fmt: skip
    shared = dice.lognormal(0, 1, rows) + 0.5  # hard rows are hard for both
    sides = [shared * dice.lognormal(0, 0.3, rows) for _ in "xy"]
    if kind == "perplexity":
        tokens = dice.integers(5, 60, rows)
        return [{"predictions": list(side * tokens), "references": list(tokens)} for side in sides]
    return [{"predictions": list(side), "references": [0.0] * rows} for side in sides]


@pytest.mark.parametrize("kind", ["accuracy", "f1", "mcc", "roc_auc", "spearman"])
def test_identical_answers_are_no_difference(kind: str) -> None:
    right = list("abc" * 20)
    given: dict[str, Any] = labelled(right, right)
    if kind == "roc_auc":
        given["predictions"] = [[0.5, 0.3, 0.2]] * 60
    if kind == "spearman":
        given = {"predictions": [float(each) for each in range(60)], "references": [float(each) for each in range(60)]}
    found = compare(METRICS.get(kind), given, given)
    assert found is not None
    assert (found.difference, found.p, outcome(METRICS.get(kind), found)) == (0.0, 1.0, SAME)


def test_documents_change_sides_whole() -> None:
    """Ten documents of thirty like pieces: as three hundred draws the difference is sure, as ten it is not."""
    dice = np.random.default_rng(2)
    old = np.repeat(dice.normal(3, 1, 10), 30)
    new = old - np.repeat(dice.normal(0.1, 0.4, 10), 30)
    sides = [{"predictions": list(side), "references": [1] * 300} for side in (old, new)]
    names = [place // 30 for place in range(300)]
    alone, whole = (compare(METRICS.get("perplexity"), *sides, units=units) for units in (None, names))
    assert alone is not None
    assert whole is not None
    assert (alone.rows, whole.rows) == (300, 10)
    assert alone.p < 0.01 < 0.05 < whole.p
    narrow, wide = (reach(METRICS.get("perplexity"), sides[1], units) for units in (None, names))
    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    dice, held = np.random.default_rng(3), 0
    for _ in range(300):
        said = [float(each) for each in dice.normal(1.0, 1.0, 120)]
        found = reach(METRICS.get("mean_absolute_error"), {"predictions": said, "references": [-9.0] * 120})
        assert found is not None
        held += found[0] <= 10.0 <= found[1]
    assert 0.91 < held / 300 < 0.985


def seen(p: float, difference: float, **facts: Any) -> Compared:
    return Compared(difference, p, "McNemar mid-p", None, facts.get("seen", 0.121), facts.get("rows", 100), facts.get("rough", False))  # fmt: skip


def test_the_sentence_says_better_worse_or_what_could_have_been_seen() -> None:
    unclear = verdict(Found("accuracy", 0.5, 0.51, 100, (0.41, 0.61), seen(0.9, 0.01)))
    assert "can't tell: this test could only have seen a difference of 12.1 points or more" in unclear.en
    assert "无法判断：这次检验只能看出 12.1 个百分点以上的差异" in unclear.zh
    assert "(95 % interval 41.0% to 61.0%)" in unclear.en
    assert "better than before" in verdict(Found("accuracy", 0.5, 1.0, 100, None, seen(0.0, 0.5))).en
    assert "worse than before" in verdict(Found("accuracy", 0.5, 0.1, 100, None, seen(0.0, -0.4))).en
    assert "better" in verdict(Found("perplexity", 20.0, 3.0, 100, None, seen(0.0, -17.0))).en
    assert "too" not in unclear.en
    blind = verdict(Found("accuracy", 0.5, 0.6, 10, None, seen(0.5, 0.1, seen=None, rows=10, rough=True)))
    assert "no test could have seen a difference" in blind.en
    assert "take the figures as rough" in blind.en


def test_the_baseline_stands_beside_and_is_tested_too() -> None:
    def sentence(score: float, test: Compared) -> str:
        return verdict(Found("accuracy", 0.0, 0.5, 100, None, seen(0.0, 0.5), ("tfidf", score, test))).en

    assert "not better than TF-IDF (70.0%)" in sentence(0.7, seen(0.0, -0.2))
    assert "not clearly better than TF-IDF (45.0%)" in sentence(0.45, seen(0.4, 0.05))
    assert "; better than TF-IDF (30.0%)" in sentence(0.3, seen(0.001, 0.2))


def test_what_a_metric_without_direction_says_is_never_a_verdict() -> None:
    assert not METRICS.get("answer_length").directed
    assert outcome(METRICS.get("accuracy"), None) == UNCLEAR


def test_the_goodness_of_rows_alone_tells_chance_too() -> None:
    rows = [float(index % 7) for index in range(60)]
    assert by_chance(rows, rows) == 1.0
    assert by_chance(rows, [value + 0.5 for value in rows]) < 0.001
    assert by_chance(rows, [value + (-1) ** index for index, value in enumerate(rows)]) > 0.5
    assert by_chance([1.0, 0.0], [0.0, 1.0]) == mcnemar(1, 1)
