"""The split is seeded and stratified and never leaves a side empty."""

from __future__ import annotations

from collections import Counter

import pytest

from workbench.core.errors import UserError
from workbench.data.split import apart, split

ROWS = [{"id": number, "label": "rare" if number % 10 == 0 else "often"} for number in range(200)]


def test_every_row_goes_to_one_side_in_its_order() -> None:
    train, heldout = split(ROWS, 0.2, seed=1)
    ids = [row["id"] for row in train], [row["id"] for row in heldout]
    assert (len(train), len(heldout)) == (160, 40)
    assert sorted(ids[0] + ids[1]) == list(range(200))
    assert ids == (sorted(ids[0]), sorted(ids[1]))


def test_each_label_is_held_out_alike() -> None:
    _, heldout = split(ROWS, 0.2, seed=3, stratify="label")
    assert Counter(row["label"] for row in heldout) == {"often": 36, "rare": 4}


def test_the_seed_decides() -> None:
    assert split(ROWS, 0.1, 7, "label") == split(ROWS, 0.1, 7, "label")
    assert split(ROWS, 0.1, 7, "label") != split(ROWS, 0.1, 8, "label")


@pytest.mark.parametrize("share", [0.0001, 0.5, 0.9999])
@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("labels", ["a", "ab", "aab", "abcdefghij"])
def test_no_side_is_ever_empty(share: float, count: int, labels: str) -> None:
    rows = [{"label": labels[number % len(labels)]} for number in range(count)]
    train, heldout = split(rows, share, 0, "label")
    assert train
    assert heldout
    assert len(train) + len(heldout) == count


def test_a_label_with_one_row_is_kept_for_training() -> None:
    rows = [{"label": "a"}] * 20 + [{"label": "single"}]
    assert all(row["label"] == "a" for seed in range(10) for row in split(rows, 0.3, seed, "label")[1])


def test_one_row_cannot_be_split() -> None:
    with pytest.raises(UserError, match="at least 2"):
        split([{"label": "a"}], 0.1, 0)


def test_rows_that_ask_the_same_stay_on_one_side() -> None:
    rows = [{"text": f"question {n // 2}", "label": "ab"[n % 3 == 0]} for n in range(200)]
    train, held = apart(rows, 0.1, 1, "label")
    assert not {row["text"] for row in train} & {row["text"] for row in held}
    assert (len(train) + len(held), 15 <= len(held) <= 25) == (200, True)
    assert apart(rows, 0.1, 1, "label") == (train, held)
    alone = [{"text": f"question {n}", "label": "ab"[n % 2]} for n in range(50)]
    assert apart(alone, 0.2, 3, "label") == split(alone, 0.2, 3, "label")
    same = [{"text": "one", "label": "a"}] * 4
    assert len(apart(same, 0.25, 0)[1]) == 1
