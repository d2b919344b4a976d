"""The profile counts what a person should know before training."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workbench.data.profile import histogram, profile

ROLES = {"t": "text", "l": "label", "s": "split"}


def row(text: Any, label: Any, split: str = "train") -> dict[str, Any]:
    return {"t": text, "l": label, "s": split}


def test_what_a_table_is_like() -> None:
    rows = [
        row("aa", "x"),
        row("aa", "x"),
        row("bbbb", "y"),
        row("", None),
        row("aa ", "x", "test"),
        row("c", "y", "dev"),
    ]
    found = profile(rows, ROLES)
    assert (found.rows, found.columns) == (6, ["t", "l", "s"])
    assert found.labels == {"x": 3, "y": 2, "": 1}
    assert (found.shortest, found.median, found.longest) == (0, 2, 4)
    assert found.empty == {"t": 1, "l": 1}
    assert (found.duplicates, found.heldout, found.overlap) == (2, 2, 1)
    assert sum(found.counts) == 6
    json.dumps(found.facts())


def test_conversations_are_measured_by_what_is_said() -> None:
    rows = [{"m": [{"from": "human", "value": "123"}, {"from": "gpt", "value": "4567"}]}]
    assert profile(rows, {"m": "messages"}).longest == 8


def test_an_empty_table_has_a_profile() -> None:
    assert profile([], ROLES).rows == 0


@pytest.mark.parametrize("lengths", [[0], [5] * 30, list(range(1000)), [1] * 99 + [100_000], [0, 0, 7_000_000]])
def test_the_histogram_counts_every_row_once(lengths: list[int]) -> None:
    edges, counts = histogram(sorted(lengths))
    assert sum(counts) == len(lengths)
    assert len(edges) == len(counts) + 1
    assert edges == sorted(edges)
    assert len(counts) <= 22
