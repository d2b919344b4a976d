"""The word of a check: what cannot be seen on so few rows is never called close, and other rows than the run's own score nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import exporting
import pytest

from workbench.core.run import Run
from workbench.engine import parity, parity_word

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
SOUND: dict[str, Any] = {
    "asked": "heldout", "tokens": True, "prompts": 20, "max_delta": 0.3, "scale": 2.0, "kl": 0.001, "alike": 1.0, "answers": 1.0, "answered": 8,
    "metric": "accuracy", "before": 0.9, "after": 0.9, "rows": 200, "p": 1.0, "limit": None, "margin": 0.05, "further": [], "trained": None,
}  # fmt: skip
RUINED = {"max_delta": 37.0, "kl": 3.1, "alike": 0.1, "answers": 0.0, "before": 1.0, "after": 0.0}


def word(**changes: Any) -> str:
    return str(parity_word.judged(SOUND | changes)["word"])


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 20])
def test_a_destroyed_model_is_never_close(rows: int) -> None:
    p = parity._p([1.0] * rows, [0.0] * rows)
    assert word(**RUINED, rows=rows, prompts=rows, p=p) == ("broken" if rows > 3 else "unjudged")
    half = {"max_delta": 37.0, "kl": 3.1, "alike": 0.6, "after": 0.75}
    assert word(**half, rows=rows, prompts=rows) == "unjudged"
    perplexity = {"metric": "perplexity", "before": 3.0, "after": 3000.0, "alike": 0.6, "kl": 3.1}
    assert word(**perplexity, rows=rows, prompts=rows, p=1.0) == "broken"


def test_what_coarse_rounding_needs_to_be_called_close() -> None:
    assert word() == "close"
    assert word(rows=12) == "close", "logits are near enough to need no rows"
    assert word(rows=12, kl=0.3, alike=0.8) == "unjudged"
    assert word(rows=60, kl=0.3, alike=0.8) == "close"
    assert word(rows=0, kl=0.3, alike=0.8) == "unjudged", "rows that cannot be paired say nothing"
    assert word(prompts=3, rows=3) == "unjudged"
    assert word(rows=8, kl=0.3, metric="perplexity", before=20.0, after=20.2) == "close"
    assert word(rows=12, alike=None, kl=0.0, metric="pearson") == "unjudged", (
        "of one number the divergence says nothing"
    )
    assert word(rows=12, alike=None, kl=0.0, metric="pearson", max_delta=0.05) == "close"
    assert word(rows=4, prompts=4, limit=0.2, kl=0.3) == "close", "a limit of logits needs no rows"


def test_it_says_on_how_many_rows_nothing_can_be_said() -> None:
    said = parity_word.judged(SOUND | {"rows": 12, "kl": 0.3, "alike": 0.8})["sentence"]
    assert said["en"].startswith("could not be judged: 12 held-out rows are too few")
    assert "at least 60" in said["en"]
    assert said["zh"].startswith("无法判断：只有 12 行留出数据")


def test_without_a_prompt_nothing_is_broken() -> None:
    nothing = {"prompts": 0, "max_delta": None, "scale": None, "kl": None, "alike": None, "metric": None, "before": None, "after": None, "rows": 0}  # fmt: skip
    for limit in (None, 1e-4):
        told = parity_word.judged(SOUND | nothing | {"limit": limit, "asked": "sample"})
        assert told["word"] == "unjudged"
        assert "no row to ask" in told["sentence"]["en"]
        assert "示例数据" in told["sentence"]["zh"]
    assert word(**nothing, further=[{"what": ("Layers", "层"), "ok": False}]) == "broken"


def without_dataset(task: str, family: str, folder: Path) -> Run:
    """A run whose dataset was removed since."""
    run = exporting.tuned(task, "lora", family, folder)
    recipe = run.recipe.replace({"data.dataset": "gone"})
    recipe.save(run.folder / "recipe.yaml")
    run.__dict__["recipe"] = recipe
    shutil.rmtree(folder / "datasets", ignore_errors=True)
    return run


@pytest.mark.slow
@QUIET
@pytest.mark.parametrize(("task", "family"), [("text-classification", "bert"), ("chat", "llama"), ("token-classification", "bert")])  # fmt: skip
def test_rows_of_the_sample_ask_and_do_not_score(task: str, family: str, tmp_path: Path) -> None:
    run = without_dataset(task, family, tmp_path)
    done = exporting.take(run, "merged")
    assert (done["asked"], done["metric"], done["rows"]) == ("sample", None, 0)
    assert done["prompts"] > 6
    assert done["word"] == "equal"
    assert "the run's own rows are gone" in done["sentence"]["en"]
    assert "示例数据" in done["sentence"]["zh"]


@pytest.mark.slow
@QUIET
def test_labels_of_the_run_stand_in_for_the_samples(tmp_path: Path) -> None:
    from workbench.core.files import read_json, write_json

    run = without_dataset("text-classification", "bert", tmp_path)
    told = read_json(run.tuned / "options.json")
    names = {number: f"kind {number}" for number in told["id2label"]}
    write_json(run.tuned / "options.json", {**told, "id2label": names, "label2id": {name: int(at) for at, name in names.items()}})  # fmt: skip
    done = exporting.take(run, "merged")
    assert done["word"] == "equal"
    assert done["prompts"] > 6
