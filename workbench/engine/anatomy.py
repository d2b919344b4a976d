"""What a recipe's method would train of its model, exact names and numbers; special tokens and the chat template, rendered.

In a process of its own (see workbench.engine.ask). The model is built without weights wherever the method allows that.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from workbench.core.method import METHODS
from workbench.core.recipe import Recipe, parse
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine.ask import Answer, Question, answer, ask
from workbench.models import catalog
from workbench.models.anatomy import fold

EXAMPLE = [
    {"role": "user", "content": "你好 · Hello"},
    {"role": "assistant", "content": "Hi! · 你好！"},
]
SOURCE_LIMIT = 6000


def anatomy(workspace: Workspace, recipe: Recipe) -> Answer:
    """{"trained": [{"name", "shape", "repeats", "parameters"}], "trainable", "total", "special", "template"}."""
    return ask("anatomy", workspace, {"recipe": recipe.dump()})


def look(workspace: Workspace, question: Question) -> Answer:
    """The answer, made here."""
    recipe = parse(question["recipe"])
    folder = catalog.here(workspace, recipe.model.id, recipe.model.revision)
    model = METHODS.get(recipe.method.kind).apply(_bare(folder, recipe), TASKS.get(recipe.task.kind), recipe.method)
    named = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    return {
        "trained": [
            {"name": part.name, "shape": list(part.shape), "repeats": part.repeats, "parameters": part.parameters}
            for part in fold((_plain(name), tuple(value.shape)) for name, value in named)
        ],
        "trainable": sum(value.numel() for _, value in named),
        "total": sum(value.numel() for value in model.parameters()),
        **_words(folder),
    }


def _bare(folder: Path, recipe: Recipe) -> Any:
    """The architecture with the task's head and no weights worth the name: a plan to count on."""
    import torch
    import transformers

    from workbench.models.facts import read_config
    from workbench.models.loading import hollow, load_config

    task = TASKS.get(recipe.task.kind)
    auto, config = getattr(transformers, task.head(read_config(folder))), load_config(folder)
    with torch.device("meta"):
        return hollow(auto, folder, config)


def _plain(name: str) -> str:
    """A parameter's name without the wrapper's own pieces."""
    return name.removeprefix("base_model.model.").replace(".default", "")


def _words(folder: Path) -> Answer:
    from workbench.models.chat_template import ensure_chat_template, understood
    from workbench.models.loading import load_tokenizer

    tokenizer = load_tokenizer(folder)
    own = bool(tokenizer.chat_template)
    ensure_chat_template(tokenizer)
    special = {name: str(value) for name, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}
    with understood():
        rendered = str(tokenizer.apply_chat_template(EXAMPLE, tokenize=False))
    source = tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else ""
    return {"special": special, "template": {"own": own, "source": source[:SOURCE_LIMIT], "rendered": rendered}}


if __name__ == "__main__":
    sys.exit(answer(look))
