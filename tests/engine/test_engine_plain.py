"""What the workbench measures of MiniLM equals what a plain Trainer script measures, at the same rows, seed and settings, on real data."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from typing import Any

import plain
import pytest
from engineruns import work
from metrics.test_metrics_references import entities
from places import ROOT, SHARED

from workbench.core.recipe import parse
from workbench.core.run import create
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.table import Table

MINILM = ROOT / "assets" / "models" / "all-MiniLM-L6-v2"
NEAR = 5e-6
"""Reports keep six digits; a correlation of predictions that hardly differ yet (three steps) adds its own last digits."""
Row = dict[str, Any]
Data = tuple[list[Row], list[Row]]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
    pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="the folder of real data is not beside the repository"),
    pytest.mark.skipif(not (MINILM / "model.safetensors").is_file(), reason="the starter encoder is not set up"),
]


def sst2(train: int, held: int) -> Data:
    return tuple(  # type: ignore[return-value]
        [{"text": line[0], "label": line[1]} for line in csv.reader((SHARED / "data" / name).open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)][:count]
        for name, count in (("sst2_train.tsv", train), ("sst2_dev.tsv", held))
    )  # fmt: skip


def bustm(train: int, held: int) -> Data:
    lines = (SHARED / "data" / "fewclue_bustm.json").read_text("utf-8").splitlines()
    rows = [{"text": each["sentence1"], "text_pair": each["sentence2"], "label": each["label"]} for each in map(json.loads, lines)]  # fmt: skip
    return rows[:train], rows[train : train + held]


def stsb(train: int, held: int) -> Data:
    with (SHARED / "data" / "stsb-en-dev.csv").open(encoding="utf-8", newline="") as stream:
        rows = [{"text": line[0], "text_pair": line[1], "score": line[2]} for line in csv.reader(stream)][::2]
    return rows[:train], rows[train : train + held]


def wnut17(train: int, held: int) -> Data:
    """Sentences with an entity: the others teach a model to mark nothing, for longer than a test can wait."""
    both = [
        [row for row in entities(name) if set(row["tags"]) != {"O"}]
        for name in ("wnut17_train.conll", "wnut17_dev.conll")
    ]
    return both[0][:train], both[1][:held]


def xquad(train: int, held: int) -> Data:
    rows = []
    for article in json.loads((SHARED / "data" / "xquad.en.json").read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                rows.append({"question": asked["question"], "context": paragraph["context"], "answers": asked["answers"]})  # fmt: skip
    return rows[:train], rows[-held:]


Case = tuple[Callable[[int, int], Data], str, Callable[..., dict[str, float]], dict[str, Any], tuple[int, int]]
CASES: dict[str, Case] = {
    "sst2": (sst2, "text-classification", plain.classification, {"max_length": 128}, (480, 300)),
    "bustm": (bustm, "text-classification", plain.classification, {"max_length": 128}, (400, 200)),
    "stsb": (stsb, "text-classification", plain.regression, {"max_length": 128}, (400, 200)),
    "wnut17": (wnut17, "token-classification", plain.tagging, {"max_length": 128}, (320, 120)),
    "xquad": (xquad, "question-answering", plain.answering, {"max_length": 256, "doc_stride": 64}, (200, 80)),
}

SETTINGS = {"wnut17": {"num_train_epochs": 6, "learning_rate": 5e-4}}
"""Where one gentle epoch teaches nothing."""


def ours(workspace: Workspace, case: str, data: Data, settings: dict[str, Any]) -> dict[str, float]:
    """The workbench's report on the same rows."""
    _, kind, _, knobs, _ = CASES[case]
    rows = [{**row, "split": part} for part, side in zip(("train", "validation"), data, strict=True) for row in side]
    columns = list(rows[0])
    library.save(workspace, case, Table(columns, rows, [], "jsonl", "utf-8"), {name: name for name in columns})
    recipe = parse(
        {
            "task": {"kind": kind, **knobs}, "method": "full", "model": {"id": str(MINILM)}, "data": {"dataset": case},
            "training": {"padding_free": False, "per_device_train_batch_size": 16, "seed": plain.SEED, **settings},
            "evaluation": {"max_rows": len(data[1]), "baseline": False}, "compute": {"precision": "fp32"},
        }
    )  # fmt: skip
    run = create(workspace, recipe)
    work(run)
    report = run.report or {}
    assert report["rows"] == len(data[1])
    found: dict[str, float] = report["after"]
    return found


def compared(workspace: Workspace, case: str, sizes: tuple[int, int], settings: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:  # fmt: skip
    read, _, script, _, _ = CASES[case]
    data = read(*sizes)
    theirs = script(MINILM, *data, settings)
    found = ours(workspace, case, data, settings)
    return {kind: found[kind] for kind in theirs}, theirs


@pytest.mark.parametrize("case", ["sst2", "stsb"])
def test_a_few_steps_end_at_the_same_metrics(case: str, workspace: Workspace) -> None:
    found, theirs = compared(workspace, case, (48, 40), {"max_steps": 3, "learning_rate": 1e-3})
    assert found == pytest.approx(theirs, abs=NEAR)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_real_training_ends_at_the_same_metrics(case: str, workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    settings = {"num_train_epochs": 1, "learning_rate": 2e-4} | SETTINGS.get(case, {})
    found, theirs = compared(workspace, case, CASES[case][4], settings)
    assert 0 < next(iter(theirs.values())) < 1, "there is something to agree on"
    with capsys.disabled():
        print(f"\n{case}: " + "  ".join(f"{kind} {found[kind]:.6f} = {theirs[kind]:.6f}" for kind in theirs))
    assert found == pytest.approx(theirs, abs=NEAR)
