"""Every text of a recipe, of every task and method: checked, saved, looked for, started (the worker's start is refused)."""

from __future__ import annotations

import types
from functools import partial
from typing import Any, Union, get_args, get_origin

from hostile import scene
from pydantic import BaseModel

from workbench.core.method import METHODS
from workbench.core.recipe import Recipe, parse
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine import supervisor
from workbench.engine.material import gather
from workbench.models import catalog


def texts(section: type[BaseModel], above: str) -> list[tuple[str, str]]:
    """(dotted path, how a text goes into it) of every field that can hold one."""
    found = []
    for name, field in section.model_fields.items():
        kinds = parts(field.annotation)
        path = f"{above}{name}"
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if inner is not None and name not in ("task", "method"):
            found += texts(inner, f"{path}.")
        elif kinds & {dict}:
            found += [(path, "key"), (path, "value")]
        elif kinds & {list, tuple}:
            found.append((path, "list"))
        elif not kinds <= {int, float, bool, type(None)}:
            found.append((path, "text"))
    return found


def parts(kind: Any) -> set[Any]:
    """The plain kinds an annotation is made of."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return {part for each in get_args(kind) for part in parts(each)}
    return {origin if origin in (dict, list, tuple) else str if origin is not None and not isinstance(origin, type) else kind}  # fmt: skip


def fields() -> list[tuple[dict[str, Any], str, str]]:
    """(a recipe's values, path, how) for everything there is, each once."""
    plain = {"task": "text-classification", "method": "lora", "model": {"id": "lumo"}, "data": {"dataset": "reviews"}}
    found = [(plain, *each) for each in texts(Recipe, "")]
    for part, registry in (("task", TASKS), ("method", METHODS)):
        for entry in registry.all():
            found += [({**plain, part: entry.kind}, *each) for each in texts(entry.section, f"{part}.")]
    return found


def spoiled(path: str, how: str, value: str) -> dict[str, Any]:
    return {path: {"text": value, "list": [value], "key": {value: "text"}, "value": {"text": value}}[how]}


def attack(attack: Any) -> None:
    workspace = Workspace(attack.yard.workspace)
    run = scene.build(workspace)
    attack.values = attack.yard.values(run.id, 9)
    snapshot = scene.Snapshot(workspace, attack.yard.temp / "snapshot")
    for values, path, how in fields():
        for which, value in attack.some():
            attack.call((path, how, which), partial(used, workspace, values, spoiled(path, how, value)))
        snapshot.restore()


def used(workspace: Workspace, values: dict[str, Any], change: dict[str, Any]) -> None:
    """What page, command line and worker do with it before torch is there."""
    recipe = parse(values).replace(change)
    recipe.save(workspace.root / "tried.yaml")
    gather(workspace, recipe)
    catalog.locate(workspace, recipe.model.id, recipe.model.revision)
    supervisor.start(workspace, recipe)
