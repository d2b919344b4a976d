"""1.1 The plain twin: a form and the Python script that does the same; what each part of the workbench is in Python."""

from __future__ import annotations

from itertools import islice
from typing import Any

from workbench.core import preset as presets
from workbench.core.errors import UserError, shorten
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.method import METHODS
from workbench.core.picture import Picture, code, grid, told
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine import twin
from workbench.engine.taking import taken
from workbench.learn._seen import finished, trained
from workbench.learn._twin import Change, changes, written

RUNS = 8
"""Runs that are offered, the newest first."""
AS_IT_IS = Text("as it is", "保持原样")
METHOD_KINDS = ("lora", "full", "bitfit", "ia3")
PATHS = {
    "learning_rate": "training.learning_rate",
    "batch": "training.per_device_train_batch_size",
    "length": "task.max_length",
    "method": "method.kind",
}


class Settings(Section):
    """A recipe, and what is changed in it; 0 or empty leaves it as it is."""

    recipe: str = knob("", Text("Run or preset", "训练任务或预设"), Text("Whose script is shown.", "显示谁的脚本。"))
    learning_rate: float = knob(
        0.0, Text("Learning rate", "学习率"), Text("0: as it is.", "0：保持原样。"), ge=0, example="0.001"
    )
    batch: int = knob(0, Text("Batch size", "批大小"), Text("0: as it is.", "0：保持原样。"), ge=0, le=64)
    length: int = knob(0, Text("Maximum length", "最大长度"), Text("0: as it is.", "0：保持原样。"), ge=0, le=512)
    method: str = knob(
        "",
        Text("Method", "方法"),
        Text("Which parameters are trained.", "训练哪些参数。"),
        choices=(("", AS_IT_IS), *((kind, METHODS.get(kind).label) for kind in METHOD_KINDS)),
    )


def named(workspace: Workspace, wished: str) -> tuple[Recipe, Run | None]:
    """(recipe, the run it belongs to): what is wished for, or the first that is offered."""
    kind, _, name = (wished or offered(workspace)[0][1]).partition(":")
    if kind == "run":
        run = next((each for each in finished(workspace) if each.id == name), None)
        if run is None:
            raise UserError(
                f"There is no run “{shorten(name)}” any more; choose another.",
                f"训练任务“{shorten(name)}”已不存在；请换一个。",
                field="recipe",
            )
        return run.recipe, run
    known = {preset.kind: preset for preset in presets.all_presets()}
    if name not in known:
        raise UserError(
            f"There is no preset “{shorten(name)}”; choose one from the list.",
            f"没有预设“{shorten(name)}”；请从列表中选择。",
            field="recipe",
        )
    return known[name].recipe, None


def offered(workspace: Workspace) -> list[tuple[Text | str, str]]:
    """The learner's newest runs, then the samples."""
    runs = (run for run in finished(workspace) if twin.refusal(run.recipe) is None)
    mine: list[tuple[Text | str, str]] = [(run.recipe.name or run.id, f"run:{run.id}") for run in islice(runs, RUNS)]
    samples = (each for each in presets.all_presets() if each.about.get("sample") and twin.refusal(each.recipe) is None)
    return [*mine, *((each.label, f"preset:{each.kind}") for each in samples)]


@LABS.add
class PythonTwin(Lab):
    """See the module."""

    kind = "python-twin"
    stop = "1.1"
    order = 10
    label = Text("The form and its code", "表单与它的代码")
    idea = (
        Text(
            "A form hides nothing: every run can be written as a Python script of about a hundred lines. Change a field, and see which line "
            "changes.",
            "表单背后没有魔法：每个训练任务都能写成一百来行的 Python 脚本。改一个字段，看看哪一行变了。",
        ),
        Text(
            "Python keeps things in few shapes: a number, a text (str), a list of things in order, a dict of names and values. A dataset is a list of dicts, "
            "a recipe a dict of dicts.",
            "Python 存东西的样式不多：数、文本（str）、有序的列表（list）、名字对值的字典（dict）。数据集是字典的列表，配方是字典套字典。",
        ),
        Text(
            "The script has six parts: settings, data, encoding, model, method, training. They stand in the order in which a run does them.",
            "脚本有六部分：设置、数据、编码、模型、方法、训练。顺序就是训练任务执行的顺序。",
        ),
    )
    guess = Guess(
        Text("You change the learning rate on the form. In the script …", "你在表单上改了学习率。脚本里……"),
        (
            Choice(
                Text("one line changes", "只变一行"),
                Text(
                    "Right: a knob is a value in one place. Try the method: then a whole part changes.",
                    "对：一个旋钮就是一处的一个值。再试试方法：那会变一整段。",
                ),
                right=True,
            ),
            Choice(
                Text("nothing: code and form are two worlds", "什么都不变：代码和表单是两回事"),
                Text(
                    "The form fills in a recipe, and the recipe is what the script is written from.",
                    "表单填写的是配方，脚本就是照着配方写出来的。",
                ),
            ),
            Choice(
                Text("everything is written anew", "全部重写"),
                Text(
                    "Count the marked lines: the loop, the data and the model do not know the learning rate.",
                    "数一数标出的行：循环、数据和模型都不关心学习率。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(
        Text("Change everything at once", "一次全改"),
        {"learning_rate": 0.01, "batch": 4, "length": 32, "method": "bitfit", "recipe": "preset:sentiment-en"},
    )
    far = True
    source = "The Python Tutorial, chapter 5: Data Structures (docs.python.org)"

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        return {"recipe": offered(workspace)}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        recipe, run = named(workspace, knobs.recipe)
        wanted = {PATHS[name]: value for name, value in knobs.model_dump().items() if name in PATHS and value}
        if "task.max_length" in wanted and not hasattr(recipe.task, "max_length"):
            raise UserError(
                "This task has no maximum length; leave it at 0.", "这个任务没有最大长度；请保持 0。", field="length"
            )
        old, new = written(workspace, recipe, run), written(workspace, recipe.replace(wanted), run)
        found = changes(old.text, new.text)
        return [
            _said(found, new.text, wanted),
            *([_table(found)] if found else []),
            grid(
                [
                    Text("part of the workbench", "工作台的部分"),
                    Text("in Python", "在 Python 里"),
                    Text("for example", "例如"),
                ],
                [list(row) for row in new.pieces],
            ),
            code(new.text, [each.number for each in found if each.number]),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return any(each["learning_rate"] for each in touched) and any(each["method"] for each in touched)

    def real(self, workspace: Workspace) -> Real:
        run = next((run for run in finished(workspace) if twin.refusal(run.recipe) is None), None)
        if run is None:
            return Real(
                Text("Train first, then export the script", "先训练，再导出脚本"), "train", preset="sentiment-zh"
            )
        return Real(Text("Export the script of your last run", "导出你最近一次训练的脚本"), "runs", run=run.id)

    def done(self, workspace: Workspace) -> Trace | None:
        for run in finished(workspace):
            if any(each.get("to") == "script" for each in taken(run)):
                return Trace(trained(run), "runs", run.id)
        return None


def _said(found: list[Change], text: str, wanted: dict[str, Any]) -> Picture:
    total = len(text.splitlines())
    if not wanted:
        return told(
            Text(
                f"{total} lines. Change one field and see which line changes.",
                f"共 {total} 行。改一个字段，看看哪一行变了。",
            )
        )
    fields = ", ".join(wanted)
    if not found:
        return told(Text(f"{fields}: already so; no line changes.", f"{fields}：本来就是这样；没有变化的行。"))
    if len(wanted) > 1:
        return told(
            Text(
                f"{len(found)} of {total} lines differ by {len(wanted)} changes: if the result is worse, which one was it? Change one at a time.",
                f"{len(wanted)} 处改动让 {total} 行中的 {len(found)} 行不同：结果变差时，是哪一处造成的？一次只改一处。",
            ),
            "bad",
        )
    return told(
        Text(f"{fields}: {len(found)} of {total} lines differ.", f"{fields}：{total} 行中有 {len(found)} 行不同。"),
        "good",
    )


def _table(found: list[Change]) -> Picture:
    columns = [Text("line", "行"), Text("before", "之前"), Text("now", "现在")]
    rows = [[each.number or "–", each.before.strip()[:120], each.after.strip()[:120]] for each in found[:12]]
    return grid(columns, rows, Text("What differs", "有什么不同"))
