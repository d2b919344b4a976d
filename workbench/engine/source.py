"""What an export is made from: a run, its base, its held-out rows, and its tuned model in the forms that exports need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.task import TASKS, Row
from workbench.core.workspace import Workspace
from workbench.engine.material import Material, gather
from workbench.models import catalog


@dataclass(frozen=True)
class Source:
    """A run to be taken away; models are loaded anew by every call, because a merge changes what it merges."""

    workspace: Workspace
    run: Run

    @property
    def recipe(self) -> Recipe:
        """The run's recipe."""
        return self.run.recipe

    @cached_property
    def task(self) -> Any:
        """The run's task."""
        return TASKS.get(self.recipe.task.kind)

    @cached_property
    def method(self) -> Any:
        """The run's method."""
        return METHODS.get(self.recipe.method.kind)

    @cached_property
    def device(self) -> str:
        """cpu or cuda."""
        from workbench.engine.hardware import device_of

        return device_of(self.recipe.compute)

    @cached_property
    def base(self) -> Path:
        """The base's folder (the result's own, where a whole model was trained)."""
        return self.run.tuned if self.method.stores == "model" else self.start

    @cached_property
    def start(self) -> Path:
        """The folder of the model that training began with."""
        model = self.recipe.model
        return catalog.fetch(self.workspace, catalog.locate(self.workspace, model.id, model.revision))

    @property
    def hub_name(self) -> tuple[str, bool]:
        """The base's name on the Hub (its last name, where it has none there), and whether it has one."""
        return catalog.public(self.recipe.model.id)

    @cached_property
    def material(self) -> Material:
        """Training and held-out rows of the run."""
        return gather(self.workspace, self.recipe)

    @property
    def heldout(self) -> list[Row]:
        """Held-out rows of the run; those of the task's sample where `foreign`."""
        return self._asked[0]

    @property
    def foreign(self) -> bool:
        """Whether the run's own rows are gone, so that those of the task's sample stand in: good to ask two models the same, not to score one."""
        return self._asked[1]

    @cached_property
    def _asked(self) -> tuple[list[Row], bool]:
        try:
            rows = self.material.heldout
        except UserError:
            rows = []
        return (
            (rows, False)
            if rows
            else ([self._answered(row) for row in gather(self.workspace, self._instead()).heldout], True)
        )

    def _instead(self) -> Recipe:
        return self.recipe.replace({"data": {"dataset": self.task.sample}})

    def _answered(self, row: Row) -> Row:
        """A label of the run's own in place of the sample's, which the model has none for."""
        names = self.options().get("id2label")
        return {**row, "label": names[0], "labels": [], "score": 0.0} if names and "label" in row else row

    def tuned(self, full: bool = False) -> Any:
        """The tuned model as the run left it, in fp32 beside whatever is quantised; `full`: on the base in full precision."""
        from workbench.models.loading import load_tuned

        return load_tuned(self.run, self.base, self.device, "fp32", full)

    def merged(self) -> Any:
        """One plain model in fp32."""
        return self.method.merge(self.tuned(full=True)).eval()

    def tokenizer(self) -> Any:
        """The tokenizer saved with the run."""
        from workbench.models.loading import tuned_tokenizer

        return tuned_tokenizer(self.run)

    def options(self) -> dict[str, Any]:
        """The head's options (its labels)."""
        from workbench.models.loading import load_options

        return load_options(self.run)
