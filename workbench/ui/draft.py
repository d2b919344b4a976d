"""The draft: the recipe being filled in, kept in the workspace at every change, so that it survives reload and restart."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from workbench.core import recipe as recipes
from workbench.core.errors import UserError
from workbench.core.files import read_json, write_json
from workbench.core.method import METHODS
from workbench.core.preset import all_presets
from workbench.core.recipe import Recipe, put
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace


class Draft:
    """Values of the form as the person left them, right or wrong; `recipe()` checks them."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.root / "draft.json"

    def values(self) -> dict[str, Any]:
        """The nested values; the first sample where there is no usable draft yet."""
        found = read_json(self.path)
        if isinstance(found, dict) and _usable(found):
            return found
        return copy.deepcopy(_first())

    def get(self, dotted: str) -> Any:
        """One value, filled from the defaults of its section."""
        value: Any = self.values()
        for part in dotted.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def fill(self, values: dict[str, Any]) -> None:
        """Replace the whole draft."""
        write_json(self.path, values)

    def put(self, changes: Mapping[str, Any]) -> None:
        """Change dotted values."""
        values = self.values()
        for dotted, value in changes.items():
            values = put(values, dotted, value)
        write_json(self.path, values)

    def choose_method(self, kind: str) -> None:
        """Change the method and take over what it suggests (a learning rate that suits it)."""
        method = METHODS.get(kind)
        defaults = method.section(kind=kind).model_dump(mode="json")
        self.put({"method": defaults, **method.suggests})

    def choose_task(self, kind: str) -> None:
        """Change the task; its knobs start from their defaults."""
        self.put({"task": TASKS.get(kind).section(kind=kind).model_dump(mode="json")})

    def choose_model(self, model_id: str) -> None:
        """Change the model; settings that name its modules go back to what fits every model."""
        changes: dict[str, Any] = {"model.id": model_id}
        knobs_of_method = METHODS.get(self.get("method.kind")).section.model_fields
        if model_id != self.get("model.id") and "target_modules" in knobs_of_method:
            changes["method.target_modules"] = knobs_of_method["target_modules"].default
        self.put(changes)

    def choose_dataset(self, name: str, version: int = 0) -> None:
        """Change the dataset; the run is then called after it."""
        self.put({"data.dataset": name, "data.version": version, "data.roles": {}, "name": ""})

    def recipe(self) -> Recipe:
        """The checked recipe; UserError names the first wrong field."""
        return recipes.parse(self.values())

    def problem(self, dotted: str, value: Any) -> UserError | None:
        """What is wrong with one field's value, if it is this field that is wrong."""
        if value is None:
            return UserError(f"{dotted}: a value is missing.", f"{dotted}：缺少取值。", field=dotted)
        try:
            recipes.parse(put(self.values(), dotted, value))
        except UserError as error:
            return error if error.field == dotted else None
        return None


@lru_cache(maxsize=1)
def _first() -> dict[str, Any]:
    """The first sample; reading every preset anew for each field would take seconds."""
    return all_presets()[0].recipe.dump()


def _usable(values: dict[str, Any]) -> bool:
    task, method = values.get("task"), values.get("method")
    kinds = (
        isinstance(task, dict) and task.get("kind") in TASKS.kinds(),
        isinstance(method, dict) and method.get("kind") in METHODS.kinds(),
    )
    return all(kinds) and all(isinstance(values.get(part), dict) for part in ("model", "data", "training"))
