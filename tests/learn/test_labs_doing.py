"""Numbers of the labs about data, evaluation, many processes and resources, against figures known from elsewhere."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest

from workbench.core.lab import LABS, STOPS
from workbench.core.workspace import Workspace
from workbench.data import labels, library
from workbench.data.table import Table
from workbench.learn import annotation, cleaning, many_processes, metrics, rate_and_batch, resources
from workbench.learn._labelled import Labelled

ROWS = [Labelled(f"row number {place} says it was {'good' if place % 2 else 'bad'} {place * 7}", "pn"[place % 2]) for place in range(120)]  # fmt: skip


def test_what_is_planted_is_found() -> None:
    dirty = cleaning.soiled(ROWS, 0.2)
    left = cleaning.cleaned(dirty, cleaning.Settings(errors=False, near=0.95))[-1][1]
    planted, still = ({kind: sum(row["dirt"] == kind for row in rows) for kind in cleaning.KINDS} for rows in (dirty.train, left))  # fmt: skip
    assert planted == {"wrong": 12, "copy": 6, "near": 6, "leak": 12}
    assert (still["copy"], still["leak"]) == (0, 0)
    assert all(row["dirt"] == "" for row in cleaning.soiled(ROWS, 0.0).train)


def test_kappa_of_the_textbook_and_of_nothing() -> None:
    known = annotation.table(annotation.Settings())
    assert labels.kappa(known) == pytest.approx(0.4)
    assert annotation.chance(known) == pytest.approx(0.5)
    broken = annotation.Settings(**annotation.Annotation.breaks.knobs)  # type: ignore[union-attr]
    assert labels.kappa(annotation.table(broken)) < 0


def test_labels_given_twice_are_offered_and_twenty_are_done(workspace: Workspace) -> None:
    lab = LABS.get("annotation")
    library.save(workspace, "mine", Table(["text"], [{"text": f"t{place}"} for place in range(30)]), {"text": "text"})
    board = labels.Labels(workspace.dataset_folder("mine"), 1)
    for row in range(20):
        board.save(row, "Ann", {"label": "a"}, f"ann{row}")
        board.save(row, "Bo", {"label": "ab"[row % 2]}, f"bo{row}")
    (_, _), (name, key) = lab.choices(workspace)["whose"]
    assert name == "mine: Ann · Bo"
    assert json.loads(key) == ["mine", "Ann", "Bo"]
    assert lab.touch(lab.section(whose=key), workspace)[1]["z"] == [[0, 0], [10, 10]]
    assert lab.done(workspace)


def test_the_majority_scores_as_known() -> None:
    said, wanted = metrics.answers(95, 0.0, 0.0)
    assert metrics.score("accuracy", said, wanted) == pytest.approx(0.95)
    assert metrics.score("f1", said, wanted) == pytest.approx(0.4872, abs=5e-5)


def test_bleu_counts_a_word_only_as_often_as_the_reference_has_it() -> None:
    found, words = metrics.bleu("the the the the the the the", "the cat is on the mat", "13a")
    assert found.precisions[0] == pytest.approx(100 * 2 / 7)
    assert sum(shared for _, shared in metrics._marked(*words)) == 2
    chinese = ("今天的天气很好。", "今天天气很好。")
    assert metrics.bleu(*chinese, "13a")[0].score == 0
    assert metrics.bleu(*chinese, "zh")[0].score > 50


def test_equal_micro_batches_are_the_whole_and_unequal_ones_only_when_weighted() -> None:
    data = rate_and_batch.tensors(tuple(ROWS))
    assert rate_and_batch.accumulated(data, 4)[0] < 1e-6
    plain, weighted = rate_and_batch.accumulated(data, 6)
    assert plain > 0.1
    assert weighted < 1e-6


def test_a_rate_that_is_far_too_large_ends_worse() -> None:
    data = rate_and_batch.tensors(tuple(ROWS))
    good, bad = (rate_and_batch.curve(data, rate, 16, 0, 1) for rate in (0.03, 3.0))
    assert good[0][-1] == bad[0][-1] == rate_and_batch.SHOWN
    assert good[1][-1] < good[1][0] < bad[1][-1]


def test_memory_and_wire_as_the_zero_paper_has_them() -> None:
    stages = [many_processes.held(7.5, 64, f"stage {stage}") for stage in range(4)]
    assert [round(each.device, 4) for each in stages] == [120, 31.4062, 16.6406, 1.875]
    assert [round(each.wire / stages[0].wire, 4) for each in stages] == [1, 1, 1, 1.5]
    moved = many_processes.held(7.5, 64, "stage 1", offload=True)
    assert (moved.device, moved.main) == (30, 90 / 64)
    assert many_processes.held(7.5, 1, "stage 2").wire == 0
    assert many_processes.bubble(4, 8) == pytest.approx(3 / 11)


def is_address(url: str) -> bool:
    """https, a host with a known kind of name, no doubled slash, no trace of copying; papers by a number there can be."""
    found = urlsplit(url)
    host = re.fullmatch(r"([a-z0-9-]+\.)+(com|org|cn|ai|edu|io|co)", found.netloc)
    plain = found.scheme == "https" and host and not re.search(r"\s|//|utm_|\.\.", found.path + found.query)
    paper = found.netloc != "arxiv.org" or re.fullmatch(r"/abs/\d{2}(0[1-9]|1[0-2])\.\d{4,5}", found.path)
    return bool(plain and paper and url == found.geturl())


def test_every_stop_has_something_to_read_and_every_entry_is_whole() -> None:
    assert all(resources.found(stop) for stop in STOPS)
    assert all(resources.found(sort=kind) for kind in resources.KINDS)
    for each in resources.shelf():
        assert set(each["stops"]) <= set(STOPS)
        assert each["kind"] in resources.KINDS
        assert each["lang"] in ("en", "zh", "both")
        assert is_address(each["url"]), each["url"]
        assert each["why"]["en"]
        assert each["why"]["zh"]
    kept = [(each["url"].rstrip("/").lower(), each["title"]) for each in resources.shelf()]
    assert all(len(set(names)) == len(names) for names in zip(*kept, strict=True)), "nothing stands twice"
