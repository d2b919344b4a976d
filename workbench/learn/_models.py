"""Models and tokenizers a lab looks into, loaded once in the labs' own process. Nothing here may be called by the page."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from workbench.core.errors import UserError
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.models import catalog
from workbench.models.loading import load_model, load_tokenizer, load_tuned, tuned_tokenizer

DECODER, ENCODER = "lumo", "all-MiniLM-L6-v2"
"""The starter models: there without a network."""
MOST = 6
"""Models and tokenizers that are kept."""
LONGEST = 64
"""Tokens of a text that is looked into: more than that nobody can see at once."""
_kept: OrderedDict[tuple[str, str], Any] = OrderedDict()


def model(workspace: Workspace, name: str, task: str) -> Any:
    """A model for a task (its head as it comes), in evaluation mode, with attention that can be looked at."""

    def made() -> Any:
        import torch

        torch.manual_seed(0)  # a head that begins at random is the same one every time
        found = load_model(catalog.here(workspace, name), TASKS.get(task), {}).eval().requires_grad_(False)
        found.set_attn_implementation("eager")
        return found

    return _keep((name, task), made)


def tokenizer(workspace: Workspace, name: str) -> Any:
    """A model's tokenizer."""
    return _keep((name, "tokenizer"), lambda: load_tokenizer(catalog.here(workspace, name)))


def tuned(workspace: Workspace, run: Run) -> tuple[Any, Any]:
    """(model, tokenizer) of a finished run."""

    def made() -> Any:
        base = catalog.here(workspace, run.recipe.model.id, run.recipe.model.revision)
        return load_tuned(run, base).eval(), tuned_tokenizer(run)

    return _keep((run.id, "tuned"), made)


def _keep(key: tuple[str, str], make: Callable[[], Any]) -> Any:
    """From what is kept, the longest unused going first."""
    if key not in _kept:
        _kept[key] = make()
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]


def encoded(workspace: Workspace, name: str, text: str) -> tuple[Any, list[str]]:
    """(batch of one text, its tokens as they are read); UserError when it is empty or too long to be seen."""
    words = tokenizer(workspace, name)
    batch = words(text, return_tensors="pt", split_special_tokens=False)
    ids = batch["input_ids"][0].tolist()
    if not ids or not text.strip():
        raise UserError("Type a text first.", "请先输入一段文字。", field="text")
    if len(ids) > LONGEST:
        raise UserError(
            f"The text has {len(ids)} tokens; up to {LONGEST} can be seen at once. Shorten it.",
            f"这段文字有 {len(ids)} 个词元，一次最多能看 {LONGEST} 个，请缩短。",
            field="text",
        )
    return batch, [words.decode([each]) for each in ids]
