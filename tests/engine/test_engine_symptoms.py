"""Labels that are wrong in number, and a model without a chat template: seen from a run's own evidence, mended by a button or by a choice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from engineruns import QUIET, worked
from fewrows import LABELS, write_rows
from tinymodels import byte_tokenizer, tiny_llama

from workbench.core.events import Event
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run, all_runs, create
from workbench.core.workspace import Workspace
from workbench.engine import supervisor
from workbench.engine.casebook import Evidence, Finding
from workbench.engine.diagnosis import CAUSES, diagnose
from workbench.ui import healing
from workbench.ui.draft import Draft
from workbench.ui.feed import Feed
from workbench.ui.page import Page
from workbench.ui.words import Words

Make = Callable[..., Recipe]
pytestmark = [QUIET, pytest.mark.slow]
ONE = {"training__max_steps": 1, "training__eval_steps": 100, "evaluation__baseline": False}


def found(run: Run, kind: str) -> Finding:
    """The one finding of this kind, in both languages."""
    (made,) = [each for each in diagnose(run) if each.kind == kind]
    assert made.text.en
    assert made.text.zh != made.text.en
    return made


def labelled(label: Callable[[int], str], count: int = 24, **more: Callable[[int], str]) -> list[dict[str, Any]]:
    return [{"text": f"film number {i}", "label": label(i), **{name: make(i) for name, make in more.items()}} for i in range(count)]  # fmt: skip


@pytest.fixture
def trained(workspace: Workspace, recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A run of one step on these rows."""

    def make(rows: list[dict[str, Any]], **changes: Any) -> Run:
        write_rows(workspace, tmp_path / "other.jsonl", rows)
        run = create(workspace, recipe(**ONE, **changes))
        assert worked(run, monkeypatch) == "finished", run.events()[0][-1]
        return run

    return make


def test_labels_that_too_few_rows_bring_are_mended_by_all_rows(trained: Callable[..., Run]) -> None:
    rows = labelled(lambda i: LABELS[i % 2], split=lambda i: "test" if i > 19 else "train")
    for place, name in ((3, "rare"), (22, "rare")):
        rows[place]["label"] = name
    run = trained(rows, data__max_rows=6)
    made = found(run, "labels_unknown")
    assert made.changes == {"data.max_rows": 0}
    assert "rare" in made.text.en
    assert diagnose(trained(rows, data__max_rows=0)) == []


def test_labels_of_held_out_rows_only_are_told_with_the_reason_why_no_setting_helps(trained: Callable[..., Run]) -> None:  # fmt: skip
    rows = labelled(lambda i: "only here" if i > 19 else LABELS[i % 2], split=lambda i: "test" if i > 19 else "train")
    made = found(trained(rows), "labels_unknown")
    assert (made.changes, made.choices) == ({}, ())
    assert "No setting of the recipe can mend that" in made.text.en
    assert "4 of 4 held-out rows" in made.text.en


def test_a_label_for_every_row_that_is_a_number_becomes_a_number(trained: Callable[..., Run]) -> None:
    roles = {"text": "text", "label": "label"}
    run = trained(labelled(lambda i: f"{i / 7:.3f}"), data__roles=roles)
    made = found(run, "labels_many")
    assert made.changes == {"data.roles": {"text": "text", "label": "score"}}
    assert "24 different labels" not in made.text.en, "held-out rows are no training rows"
    again = trained(labelled(lambda i: f"{i / 7:.3f}"), data__roles=made.changes["data.roles"])
    assert "labels_many" not in [each.kind for each in diagnose(again)]


def test_a_label_for_every_row_that_is_text_asks_which_column_is_meant(trained: Callable[..., Run]) -> None:
    rows = labelled(lambda i: f"a word for {i}", mood=lambda i: LABELS[i % 2])
    run = trained(rows, data__roles={"text": "text", "label": "label"})
    made = found(run, "labels_many")
    assert (made.changes, len(made.choices)) == ({}, 1)
    assert made.choices[0][1] == {"data.roles": {"text": "text", "mood": "label"}}
    again = trained(rows, data__roles=made.choices[0][1]["data.roles"])
    assert diagnose(again) == []


@pytest.mark.parametrize("words", ["IndexError: Target 3 is out of bounds.", "CUDA error: device-side assert triggered"])  # fmt: skip
def test_a_head_that_does_not_fit_is_known_by_its_words(words: str, recipe: Make) -> None:
    failed = Event("failed", 9.0, {"en": f"The run ended unexpectedly ({words}).", "zh": "x", "field": None})
    seen = Evidence(recipe(), "failed", [Event("labels", 1.0, {"count": 3}), failed])
    (made,) = [each for cause in CAUSES if (each := cause(seen))]
    assert made.kind == "labels_misfit"
    assert "(3 labels)" in made.text.en


@pytest.fixture
def chat(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A chat run of one step on a model whose tokenizer has no template; `markers`: with ChatML's markers as tokens."""

    def make(markers: bool, template: str = "auto") -> Run:
        folder = tmp_path / f"model-{markers}"
        if not folder.exists():
            tiny_llama(folder, vocab_size=261)
            tokenizer = byte_tokenizer()
            tokenizer.add_tokens(["<|im_start|>", "<|im_end|>"] if markers else [], special_tokens=True)
            tokenizer.save_pretrained(folder)
        values = {
            "task": {"kind": "chat", "max_length": 64, "chat_template": template}, "model": {"id": str(folder)}, "method": "lora",
            "data": {"dataset": "persona", "max_rows": 20}, "training": {"max_steps": 1, "per_device_train_batch_size": 2},
            "evaluation": {"max_rows": 4, "samples": 0}, "compute": {"threads": 1},
        }  # fmt: skip
        run = create(workspace, parse(values))
        assert worked(run, monkeypatch) == "finished", run.events()[0][-1]
        return run

    return make


def test_a_model_that_knows_the_markers_is_offered_their_form(chat: Callable[..., Run]) -> None:
    run = chat(True)
    made = found(run, "no_template")
    assert made.changes == {"task.chat_template": "chatml"}
    assert diagnose(chat(True, "chatml")) == []


@pytest.mark.parametrize("choice", ["0", "1"])
def test_a_model_without_any_sign_leaves_the_choice_to_the_person(choice: str, chat: Callable[..., Run], workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    run = chat(False)
    made = found(run, "no_template")
    assert (made.changes, [each["task.chat_template"] for _, each in made.choices]) == ({}, ["plain", "chatml"])
    monkeypatch.setattr(supervisor, "launch_next", lambda workspace: None)
    page = Page(Words("zh"), workspace, Feed(), Draft(workspace))
    card, radio, button = healing.drawn(page, run.id)
    assert "对话模板" in card
    assert (radio["visible"], len(radio["choices"]), button["visible"]) == (True, 2, True)
    assert "请先选择" in healing.again(page, run.id, None, 0)[0]
    said = healing.again(page, run.id, choice, 0)
    started = next(each for each in all_runs(workspace) if each.id == said[1])
    assert started.recipe == run.recipe.replace({**made.choices[int(choice)][1], "data.version": started.recipe.data.version})  # fmt: skip
    assert isinstance(radio, type(gr.update()))
