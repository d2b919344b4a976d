"""Take a run away: what it learned, in a form that another program reads. One file in workbench/engine/export/ per target.

An export is written beside its place by one process, reloaded from disk and compared with the run by another
(workbench.engine.parity), and only then put in its place. parity.json lies beside the files and says equal, close, broken or that it
could not be judged.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError

from workbench.core.errors import UserError
from workbench.core.files import read_json, write_json, write_text, writing
from workbench.core.knob import Section, explain, knob
from workbench.core.method import METHODS
from workbench.core.registry import Registry
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine import placing
from workbench.engine.ask import Answer, Asked, ask
from workbench.engine.placing import PARITY
from workbench.models import catalog
from workbench.models.facts import read_config

BROKEN = "BROKEN.txt"
WORDS = {
    "equal": Text("equal", "一致"),
    "close": Text("close", "接近"),
    "broken": Text("broken", "已损坏"),
    "unjudged": Text("could not be judged", "无法判断"),
    "apart": Text("nothing to compare", "无需比较"),
}
"""What the check says of an export; `apart` is said of files that hold no model."""
DTYPES = (
    ("fp32", Text("fp32 (as trained, 4 bytes each)", "fp32（原精度，每个数 4 字节）")),
    ("bf16", Text("bf16 (half the size)", "bf16（体积减半）")),
)


class ExportSection(Section):
    """Knobs that every target has."""

    check_rows: int = knob(
        200,
        Text("Rows of the check", "核对行数"),
        Text(
            "Held-out rows on which the export is scored beside the run. Fewer is faster.",
            "用多少行留出数据给导出结果和原任务同时打分。越少越快。",
        ),
        ge=8,
        le=2000,
        advanced=True,
        example="200",
    )


class TwinSection(Section):
    """How far a script is tried."""

    check_steps: int = knob(
        3,
        Text("Steps of the check", "核对步数"),
        Text(
            "The script is started and its first losses are compared with the run's. 0 only looks whether it is Python.",
            "启动脚本，把最初几步的损失与原任务比较。0 表示只检查语法。",
        ),
        ge=0,
        le=10000,
        advanced=True,
        example="3",
    )


@dataclass(frozen=True)
class Wish:
    """What is asked for: a run, a target with its knobs, and where to."""

    run: Run
    kind: str
    section: Any
    out: Path
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def part(self) -> Path:
        """Where it is built: a folder of this wish alone."""
        return self.out.with_name(f".{self.out.name}.{self.token}.part")

    @property
    def own(self) -> bool:
        """Whether it goes where the run itself keeps what was taken of it."""
        return self.out.parent == (self.run.folder / "exports").resolve()

    def question(self, do: str) -> dict[str, Any]:
        """For the other process."""
        knobs = self.section.model_dump(mode="json")
        return {"do": do, "run": self.run.id, "kind": self.kind, "knobs": knobs, "folder": str(self.part)}


class Export(ABC):
    """One target. Class attributes describe it; `write` and `reload` run in processes of their own, with torch."""

    kind: ClassVar[str]
    label: ClassVar[Text]
    help: ClassVar[Text]
    """What it is for and what it needs, in one sentence."""
    order: ClassVar[int] = 50
    section: ClassVar[type[Section]] = ExportSection
    packages: ClassVar[tuple[str, ...]] = ()
    """What must be importable beside the workbench's own needs."""
    extra: ClassVar[str] = ""
    """The extra of pyproject.toml that brings them."""
    full: ClassVar[bool] = True
    """Whether the export stands on the base in full precision, even where the run was trained on a quantised one; see `base`."""
    model: ClassVar[bool] = True
    """Whether there is a model to reload and compare."""
    publishes: ClassVar[bool] = False
    """Whether something is sent away after the check; it is not, where the check says broken."""

    def fits(self, run: Run, config: dict[str, Any]) -> Text | None:
        """None when this run (on a base with this config.json) can be taken so, else why not."""
        return None

    def base(self, run: Run, section: Any) -> bool:
        """Whether this export stands on the base in full precision."""
        return self.full

    def megabytes(self, run: Run, section: Any) -> float:
        """About how large it will be."""
        return folder_bytes(run.tuned) / 1e6

    def limit(self, section: Any) -> float | None:
        """The largest difference of logits called close; None where only the metric decides."""
        return 1e-4

    def margin(self, section: Any) -> float:
        """How much of the metric may be lost: a share of 1, or of the figure itself where lower is better."""
        return 0.02

    @abstractmethod
    def write(self, source: Any, section: Any, folder: Path) -> None:
        """Write the files; `source` is workbench.engine.source.Source."""

    def reload(self, source: Any, section: Any, folder: Path) -> tuple[Any, Any]:
        """(model, tokenizer) as read back from `folder`; the model answers like one of transformers."""
        raise NotImplementedError(self.kind)

    def further(self, source: Any, section: Any, folder: Path, model: Any) -> list[dict[str, Any]]:
        """Further lines of the check (of the reloaded `model`, where there is one): {"what": (en, zh), "run": shown, "export": shown, "ok": bool}."""
        return []

    def publish(self, source: Any, section: Any, folder: Path) -> dict[str, Any]:
        """Send it away; facts to be kept in parity.json."""
        return {}


EXPORTS: Registry[Export] = Registry(Text("export target", "导出目标"), "workbench.engine.export")


def folder_bytes(folder: Path) -> int:
    """What the files of a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def parameters(run: Run) -> int:
    """How many the model has: as the run told, else as its base's files say."""
    for event in run.events()[0]:
        if event.kind == "model" and event.get("total"):
            return int(event.get("total"))
    workspace, model = Workspace(run.folder.parent.parent), run.recipe.model
    try:
        return catalog.facts(catalog.here(workspace, model.id, model.revision)).parameters
    except UserError:
        return 0


def mergeable(run: Run) -> Text | None:
    """Why a run cannot become one plain model, if it cannot."""
    method = METHODS.get(run.recipe.method.kind)
    return None if method.quantised else method.unmergeable


def base_config(workspace: Workspace, run: Run) -> dict[str, Any]:
    """config.json of the run's base, empty where the base is not here now."""
    recipe = run.recipe
    try:
        return read_config(catalog.here(workspace, recipe.model.id, recipe.model.revision))
    except UserError:
        return {}


def refusal(workspace: Workspace, run: Run, export: Export) -> Text | None:
    """Why a run cannot be taken so now, if it cannot: nothing learned yet, a package missing, or target and run do not go together."""
    if not run.tuned.is_dir():
        return Text(
            f"{run.id} has no tuned model yet: it is {run.status}. Choose a finished run.",
            f"{run.id} 还没有微调后的模型（状态：{run.status}）。请选择已完成的任务。",
        )
    missing = [name for name in export.packages if importlib.util.find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        return Text(
            f"{export.label.en} needs {names}, which is not installed: pip install -e .[{export.extra}], then try again.",
            f"{export.label.zh}需要 {names}，尚未安装：请运行 pip install -e .[{export.extra}] 后重试。",
        )
    return export.fits(run, base_config(workspace, run))


def section_of(export: Export, knobs: dict[str, Any]) -> Any:
    """Checked knobs of a target."""
    try:
        return export.section.model_validate(knobs)
    except ValidationError as error:
        raise explain(error, export.section, export.kind) from error


def wish(workspace: Workspace, run: Run, kind: str, knobs: dict[str, Any], out: Path | None = None) -> Wish:
    """A checked wish; UserError when the run cannot be taken so, or the place is somebody else's."""
    export = EXPORTS.get(kind)
    section = section_of(export, knobs)
    why = refusal(workspace, run, export)
    if why is not None:
        raise UserError(why.en, why.zh, field="to")
    wanted = Wish(run, kind, section, (out or run.folder / "exports" / kind).expanduser().resolve())
    placing.check_place(wanted.out, wanted.own)
    return wanted


def take(workspace: Workspace, wanted: Wish, asked: Asked | None = None) -> Answer:
    """Write, check in a new process, put in place. The answer is what parity.json says, with the folder and its size. UserError where
    somebody exports there already, and where it cannot be written; what lay there stays until the new one is whole and checked."""
    asked, export = asked or Asked(), EXPORTS.get(wanted.kind)
    with writing(wanted.out.parent), placing.reserved(wanted.out, wanted.own):
        placing.sweep(wanted.run.folder / "exports")
        try:
            ask("taker", workspace, wanted.question("write"), asked)
            files = placing.listed(wanted.part, without=REFERENCE)
            said = ask("taker", workspace, wanted.question("check"), asked)
            placing.check_whole(wanted.part, files)
            placing.check_place(wanted.out, wanted.own)
            if export.publishes and said["word"] != "broken":
                said["published"] = ask("taker", workspace, wanted.question("publish"), asked)
            return _placed(wanted, said)
        finally:
            shutil.rmtree(wanted.part, ignore_errors=True)


REFERENCE = ".reference"
"""What the run itself said, kept beside the export until it is checked."""


def _placed(wanted: Wish, said: Answer) -> Answer:
    """Label what is broken, list the files, and rename."""
    shutil.rmtree(wanted.part / REFERENCE, ignore_errors=True)
    facts = {"run": wanted.run.id, "to": wanted.kind, "knobs": wanted.section.model_dump(mode="json"), **said}
    facts["bytes"] = folder_bytes(wanted.part)
    if said["word"] == "broken":
        write_text(wanted.part / BROKEN, f"{said['sentence']['en']}\n{said['sentence']['zh']}\n")
    write_json(wanted.part / PARITY, {**facts, "files": placing.listed(wanted.part)})
    placing.check_place(wanted.out, wanted.own)
    placing.put(wanted.part, wanted.out)
    return {**facts, "folder": str(wanted.out)}


def taken(run: Run) -> list[dict[str, Any]]:
    """What was exported of a run into its own folder, with where it lies."""
    found = []
    for path in sorted((run.folder / "exports").glob(f"*/{PARITY}")):
        facts = read_json(path)
        if isinstance(facts, dict):
            found.append({**facts, "folder": str(path.parent)})
    return found


def able(workspace: Workspace, run: Run) -> list[tuple[Export, Text | None]]:
    """Every target, and why not where it does not go with the run."""
    return [(export, refusal(workspace, run, export)) for export in EXPORTS.all()]


def task_of(run: Run) -> Any:
    """The run's task."""
    return TASKS.get(run.recipe.task.kind)
