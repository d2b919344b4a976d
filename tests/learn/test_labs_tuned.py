"""The numbers behind the labs on what is trained (3.2, 4.2, 5.1): counted on the workbench's own methods and tasks."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import save_file

from workbench.core import preset as presets
from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.files import write_json
from workbench.core.lab import LABS
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.learn import _models, lora_rank, mask_or_next, prefix_prompt_adapter, tasks, what_is_trained
from workbench.models import catalog

QUIET = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
"""PEFT asks an attribute that transformers renames."""
TEXT, ANSWER = "Rose found the green letter under a bench.", "the green letter"
WIDTH, LAYERS, INNER = 256, 4, 704
"""Of the starter decoder."""


def test_hidden_tokens_are_as_many_and_treated_as_in_bert(workspace: Workspace) -> None:
    words = _models.tokenizer(workspace, _models.ENCODER)
    texts = [" ".join(["river"] * 100)] * 100
    plain = words(texts[0])["input_ids"]
    batch = mask_or_next.hidden(words, texts, 0.15, seed=1, length=128)
    chosen = batch["labels"] != -100
    assert abs(int(chosen.sum()) - 1500) <= 107, "three standard deviations"
    now = batch["input_ids"][chosen]
    masked, kept = (float((now == token).float().mean()) for token in (words.mask_token_id, plain[1]))
    assert masked == pytest.approx(0.8, abs=0.04)
    assert kept == pytest.approx(0.1, abs=0.03)


def test_a_decoder_learns_from_all_but_the_first_token(workspace: Workspace) -> None:
    words, model = _models.tokenizer(workspace, "lumo"), _models.model(workspace, "lumo", mask_or_next.NEXT)
    batch = mask_or_next.following(words, TEXT)
    found = mask_or_next.spots(model, words, batch, shifted=True)
    losses = [spot.loss for spot in found if spot.loss is not None]
    assert len(losses) == len(found) - 1
    assert sum(losses) / len(losses) == pytest.approx(float(model(**batch).loss), abs=1e-4)


def test_an_encoder_without_a_trained_head_guesses_blindly(workspace: Workspace) -> None:
    words, model = (
        _models.tokenizer(workspace, _models.ENCODER),
        _models.model(workspace, _models.ENCODER, mask_or_next.MASK),
    )
    found = mask_or_next.spots(model, words, mask_or_next.hidden(words, [TEXT], 0.9, 1), shifted=False)
    losses = [spot.loss for spot in found if spot.loss is not None]
    assert sum(losses) / len(losses) == pytest.approx(math.log(len(words)), abs=2)


@QUIET
@pytest.mark.parametrize(
    ("kind", "trained"),
    [
        ("full", None),
        ("lora", LAYERS * 8 * (4 * 2 * WIDTH + 3 * (WIDTH + INNER))),
        ("prefix-tuning", 20 * LAYERS * 2 * WIDTH),
        ("prompt-tuning", 20 * WIDTH),
    ],
)
def test_what_is_trained_is_counted(kind: str, trained: int | None, workspace: Workspace) -> None:
    found = what_is_trained.measured(catalog.here(workspace, "lumo"), kind, (8, 20), 8)
    assert found.trained == (trained or found.base)
    assert found.memory.optimizer == 8 * found.trained


@QUIET
def test_lora_and_adapter_begin_as_no_change_and_have_their_sizes(workspace: Workspace) -> None:
    settings = prefix_prompt_adapter.Settings(length=10, reduction=8, rank=4)
    batch, _ = _models.encoded(workspace, "lumo", TEXT)
    base = prefix_prompt_adapter.scores(_models.model(workspace, "lumo", "text-generation"), batch)
    made = {kind: prefix_prompt_adapter.fresh(workspace, kind, settings) for kind in prefix_prompt_adapter.SHOWN}
    moved = {kind: float((prefix_prompt_adapter.scores(each, batch) - base).abs().max()) for kind, each in made.items()}
    assert {kind for kind, change in moved.items() if change == 0.0} == {"adapter", "lora"}
    narrow = WIDTH // 8
    assert prefix_prompt_adapter._counted.count(made["adapter"]).trained == 2 * LAYERS * (
        2 * WIDTH * narrow + narrow + WIDTH
    )


def test_a_change_of_rank_4_is_whole_with_4_directions() -> None:
    change = lora_rank.planted(4)
    kept = lora_rank.energy(lora_rank.spectrum(change))
    assert float(kept[3]) == pytest.approx(1, abs=1e-6)
    assert float(kept[2]) < 0.99
    torch.testing.assert_close(lora_rank.rebuilt(change, 8), change.double(), atol=1e-4, rtol=0)


def test_the_change_of_a_finished_lora_is_read_from_its_file(workspace: Workspace) -> None:
    run = runs.create(workspace, presets.find("persona"))
    run.tuned.mkdir(parents=True)
    name, first, second = "base_model.model.model.layers.0.self_attn.q_proj.lora_{}.weight", torch.randn(2, 6), torch.randn(5, 2)  # fmt: skip
    save_file({name.format("A"): first, name.format("B"): second}, str(run.tuned / lora_rank.ADAPTER))
    write_json(run.tuned / lora_rank.SETTINGS, {"r": 2, "lora_alpha": 8})
    [(told, read)] = lora_rank.changes(workspace, run)
    assert told == "model.layers.0.self_attn.q_proj"
    torch.testing.assert_close(read(), 4 * second @ first)


@pytest.mark.parametrize("kind", TASKS.kinds())
def test_every_task_makes_something_to_learn_of_the_same_text(kind: str, workspace: Workspace) -> None:
    inputs, tokens, _ = tasks.encoded(workspace, TASKS.get(kind), TEXT, ANSWER)
    assert len(tokens) == len(inputs["input_ids"])
    assert {"labels", "start_positions"} & set(inputs)


def test_the_marked_span_is_the_answer_and_one_that_is_not_there_is_refused(workspace: Workspace) -> None:
    inputs, tokens, _ = tasks.encoded(workspace, TASKS.get("question-answering"), TEXT, ANSWER)
    assert tokens[inputs["start_positions"] : inputs["end_positions"] + 1] == ANSWER.split()
    with pytest.raises(UserError, match="answer"):
        tasks.encoded(workspace, TASKS.get("question-answering"), TEXT, "a red kite")


def test_two_methods_on_one_dataset_are_a_trace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = LABS.get("what-is-trained")
    for name, expected in (("persona", False), ("prefix-persona", True)):
        run = runs.create(workspace, presets.find(name))
        run.tuned.mkdir(parents=True)
        run.events_path.write_text('{"kind": "finished", "time": 1}\n', encoding="utf-8")
        assert bool(lab.done(workspace)) is expected
