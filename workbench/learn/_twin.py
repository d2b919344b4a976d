"""The plain script of a recipe that need not have been run, for a lab; what was changed in it; what each part is in Python."""

from __future__ import annotations

import contextlib
import difflib
import shutil
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.errors import UserError, shorten
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine import twin
from workbench.engine.source import Source
from workbench.models import catalog


class Change(NamedTuple):
    """A line that differs: its number in the new script (0: it is gone), the old and the new line."""

    number: int
    before: str
    after: str


def changes(old: str, new: str) -> list[Change]:
    """The lines that differ, in order."""
    before, after, found = old.splitlines(), new.splitlines(), []
    for what, start, end, first, last in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        for place in range(max(end - start, last - first)):
            left = before[start + place] if start + place < end else ""
            right = after[first + place] if first + place < last else ""
            found.append(Change(first + place + 1 if first + place < last else 0, left, right))
    return found


class Written(NamedTuple):
    """A script, and (part, Python's name for it, an example) of what it was written from."""

    text: str
    pieces: tuple[tuple[Text, str, Text | str], ...]


def written(workspace: Workspace, recipe: Recipe, run: Run | None) -> Written:
    """Kept by recipe: the old script is looked at again and again."""
    return _kept(workspace, recipe.model_dump_json(), run)


@lru_cache(maxsize=16)
def _kept(workspace: Workspace, dumped: str, run: Run | None) -> Written:
    recipe = Recipe.model_validate_json(dumped)
    if why := twin.refusal(recipe):
        raise UserError(why.en, why.zh, field="recipe")
    catalog.here(workspace, recipe.model.id, recipe.model.revision)
    with _staged(recipe, run) as stand_in:
        made = twin.Twin(Source(workspace, stand_in))
        text = twin.script(twin.pieces(made, recipe.model.id), twin.about(made.source))
        return Written(text, tuple(_pieces(made)))


@contextlib.contextmanager
def _staged(recipe: Recipe, run: Run | None) -> Iterator[Run]:
    """A run that never ran, with what a real one told of its machine."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / (run.id if run else recipe.name or "run")
        folder.mkdir()
        recipe.save(folder / "recipe.yaml")
        if run is not None and run.events_path.is_file():
            shutil.copy(run.events_path, folder)
        yield Run(folder)


def _pieces(made: twin.Twin) -> Iterator[tuple[Text, str, Text | str]]:
    """What lies behind the form, with its type in Python."""
    recipe, row, inputs = made.recipe, made.rows[0], made.inputs[0]
    yield (
        Text("a knob: learning rate", "一个旋钮：学习率"),
        _type(recipe.training.learning_rate),
        repr(recipe.training.learning_rate),
    )
    yield Text("the recipe", "配方"), "dict", ", ".join(made.recipe.dump())
    yield Text("the dataset's rows", "数据集的行"), "list[dict]", f"len(rows) == {len(made.rows)}"
    yield Text("one row", "一行"), _type(row), _short(row)
    if labels := made.options.get("id2label"):
        yield Text("labels", "标签"), "dict[int, str]", _short(labels)
    yield Text("the row as tokens", "变成词元的行"), "dict[str, list[int]]", _short(inputs)
    yield (
        Text("the vocabulary", "词表"),
        "dict[str, int]",
        f"len(tokenizer.get_vocab()) == {len(made.tokenizer.get_vocab())}",
    )
    count = sum(value.numel() for value in made.base.parameters())
    yield Text("the model", "模型"), type(made.base).__name__, Text(f"{count:,} parameters", f"{count:,} 个参数")
    yield (
        Text("task and method", "任务与方法"),
        "class",
        f"{type(made.source.task).__name__}, {type(made.source.method).__name__}",
    )
    yield Text("the run's events", "训练任务的事件"), "list[dict]", Text("a line of JSON each", "每个事件一行 JSON")


def _type(value: Any) -> str:
    return type(value).__name__


def _short(value: Any) -> str:
    return shorten(value, 110)
