"""A job file: what a cluster needs to do the same run elsewhere. One file in workbench/engine/export/ per target.

The recipe lies beside the job file; on every machine the job file calls `join` (workbench.engine.machine), so a target only says how many
machines there are, which of them this one is, and where the first is found. What it does not know: any cluster's own names and limits.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import yaml

from workbench.core.errors import UserError, shorten
from workbench.core.files import write_text
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.registry import Registry
from workbench.core.sections import SINGLE
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine import launcher, supervisor
from workbench.models import catalog
from workbench.models.facts import facts, read_config
from workbench.models.forecast import Load, parts, shape

PORT = 29500
GUESS, LIBRARIES = 16, 2
"""Gigabytes of a process whose model is not known here; and what the libraries and rows of any take."""


@dataclass(frozen=True)
class Size:
    """How much of a cluster is asked for. 0 processes or machines: as the recipe says."""

    processes: int = 0
    machines: int = 0
    hours: float = 24.0
    partition: str = ""

    def __post_init__(self) -> None:
        for name, value, most in (("processes", self.processes, 1024), ("machines", self.machines, 100_000)):
            if not 0 <= value <= most:
                raise _not_possible(name, value, Text(f"a whole number from 1 to {most}", f"1 到 {most} 的整数"))
        if not 0.02 <= self.hours <= 10_000:
            raise _not_possible("hours", self.hours, Text("hours from 0.02 to 10000", "0.02 到 10000 小时"))
        if self.partition and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.,+-]{0,200}", self.partition):
            raise _not_possible("partition", self.partition, Text("a name of the cluster", "集群中的名称"))


def _not_possible(name: str, value: object, expected: Text) -> UserError:
    return UserError(
        f"--{name} {shorten(value)}: expected {expected.en}.",
        f"--{name} {shorten(value)}：应为{expected.zh}。",
        field=f"--{name}",
    )


@dataclass(frozen=True)
class Job:
    """One run to be done elsewhere."""

    recipe: Recipe
    run: str
    """Its id there: the same job file always goes on with the same run."""
    recipe_file: Path
    workspace: Workspace
    size: Size

    @property
    def slug(self) -> str:
        """A name that every cluster accepts: small ASCII letters, digits and hyphens."""
        words = re.sub(r"[^a-z0-9]+", "-", self.run.lower()).strip("-")
        return f"workbench-{words}"[:52].strip("-")

    @property
    def minutes(self) -> int:
        """The time limit."""
        return max(1, round(self.size.hours * 60))

    @property
    def gpus(self) -> int:
        """GPUs of a machine, one for each process; none where the recipe asks for a CPU."""
        return 0 if self.recipe.compute.device == "cpu" else self.size.processes

    @property
    def memory_gb(self) -> int:
        """Memory of a machine beside its GPUs: each process holds the weights before they go there; on a CPU it does everything there
        (models.forecast, with the longest rows, and all weights trained unless only an adapter is). A guess where the model is not here."""
        path = self._model_here()
        if path is None:
            return GUESS * self.size.processes
        total, training, method = facts(path).parameters, self.recipe.training, METHODS.get(self.recipe.method.kind)
        rows = training.per_device_train_batch_size
        count = rows * self.recipe.task.max_length
        trained = total if method.stores == "model" else total // 20
        told = {
            "device": "cpu", "precision": "fp32", "base_dtype": "fp32", "optim": training.optim, "adapter": method.adapter,
            "gradient_checkpointing": training.gradient_checkpointing,
        }  # fmt: skip
        needed = parts(shape(read_config(path), True), (total, trained), Load(rows, count // rows, count, count), told)
        held = needed.base + needed.weights if self.gpus else 1e6 * needed.total_mb
        return math.ceil((LIBRARIES + 1.25 * held / 1e9) * self.size.processes)

    def _model_here(self) -> Path | None:
        try:
            return catalog.locate(self.workspace, self.recipe.model.id, self.recipe.model.revision).path
        except UserError:  # it lies elsewhere, or nowhere
            return None

    @property
    def carried(self) -> Path | None:
        """The dataset's folder, where it is not a sample that comes with the workbench."""
        folder = self.workspace.datasets / self.recipe.data.dataset
        return folder if folder.is_dir() else None

    @property
    def model_folder(self) -> Path | None:
        """The model's folder, where it is neither a starter nor fetched from the Hub."""
        path = Path(self.recipe.model.id)
        return path if path.is_absolute() else None

    def join(self, run_file: str, workspace: str) -> list[str]:
        """The verb that every machine calls, but for which machine it is and where the first one is found."""
        size = [f"--machines={self.size.machines}", f"--processes={self.size.processes}"]
        return ["-m", "workbench.cli", "join", self.run, run_file, *size, f"--workspace={workspace}"]

    def about(self, ways: Sequence[Text]) -> list[str]:
        """Comment lines: what is run, then the target's own remarks. Names are quoted so that none can end a comment."""
        data, model = self.recipe.data, self.recipe.model
        name, start = shorten(data.dataset, 200), shorten(model.id, 200)
        where = f" ({shorten(self.carried, 300)})" if self.carried else ""
        lines = [
            Text(f"Run {self.run}: recipe {shorten(self.recipe_file.name, 200)}.", f"训练任务 {self.run}。"),
            Text(f"Dataset: {name}, version {data.version}{where}.", f"数据集：{name}，版本 {data.version}{where}。"),
            Text(
                f"Model: {start}, revision {shorten(model.revision)}.",
                f"模型：{start}，版本 {shorten(model.revision)}。",
            ),
            Text(
                "Submitted again, this file goes on with the same run from its newest checkpoint.",
                "再次提交本文件，会从最新的检查点继续同一个训练任务。",
            ),
        ]
        return [f"# {line}" for text in (*lines, *ways) for line in text]


class Target(ABC):
    """One kind of cluster."""

    kind: ClassVar[str]
    label: ClassVar[Text]
    help: ClassVar[Text]
    order: ClassVar[int] = 50

    def recipe(self, job: Job) -> Recipe:
        """The recipe as it is run there."""
        return job.recipe

    @abstractmethod
    def render(self, job: Job) -> str:
        """The text of the job file."""


class Readable(yaml.SafeDumper):
    """YAML in which a text of several lines stands as such."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


Readable.add_representer(str, _text)


def as_yaml(*documents: dict[str, Any]) -> str:
    """Plain values as YAML documents."""
    return yaml.dump_all(documents, Dumper=Readable, allow_unicode=True, sort_keys=False, width=1000)


TARGETS: Registry[Target] = Registry(Text("target", "导出目标"), "workbench.engine.export")


def write(target: Target, job: Job, out: Path) -> list[Path]:
    """The recipe and the job file beside it."""
    if out.is_dir():
        raise UserError(
            f"{shorten(out)} is a folder; name a file.", f"{shorten(out)} 是文件夹；请给出文件名。", field="--out"
        )
    text = target.render(job)
    target.recipe(job).save(job.recipe_file)
    write_text(out, text)
    return [out, job.recipe_file]


def sized(recipe: Recipe, size: Size) -> tuple[Recipe, Size]:
    """Recipe and size that agree. UserError when several processes are asked of a recipe that runs in one."""
    compute = recipe.compute
    made = replace(size, processes=size.processes or compute.processes, machines=size.machines or compute.machines)
    if compute.strategy == SINGLE and made.processes * made.machines > 1:
        raise UserError(
            "This recipe runs in one process; choose another compute.strategy (ddp, fsdp …) for several.",
            "此配方只用一个进程；要用多个进程，请先更改 compute.strategy（ddp、fsdp 等）。",
            field="compute.strategy",
        )
    return recipe.replace({"compute.processes": made.processes, "compute.machines": made.machines}), made


def checked(workspace: Workspace, recipe: Recipe) -> Recipe:
    """The recipe after every check that can be made here. How many GPUs there are, and where the first machine is found, is the
    cluster's business."""
    alone = {"compute.strategy": SINGLE, "compute.processes": 1, "compute.machines": 1}
    launcher.check(
        recipe.replace({"compute.device": "cpu", "compute.main_address": "there", "compute.main_port": PORT}), None
    )
    compute = recipe.compute.model_dump()
    return supervisor.check(workspace, recipe.replace(alone)).replace({"compute": compute})
