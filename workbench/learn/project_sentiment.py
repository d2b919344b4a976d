"""7 Project: a judge of feelings. From rows of your own to an exported classifier, in six stations."""

from __future__ import annotations

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Choice, Guess, Trace
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine.evaluations import all_evaluations
from workbench.learn._project import Project


class Settings(Section):
    """Which rows."""

    data: str = knob(
        "sentiment-zh",
        Text("Dataset of the project", "项目用的数据集"),
        Text("Yours, or a sample to begin with.", "你自己的，或先用示例。"),
    )


@LABS.add
class ProjectSentiment(Project):
    """See the module."""

    kind = "project-sentiment"
    stop = "7"
    order = 95
    label = Text("Project: sentiment analysis", "项目：情感分析")
    idea = (
        Text(
            "Teach a small model to tell good reviews from bad ones: your rows, your recipe, your report card. Every station is an ordinary page of "
            "the workbench with what you made before filled in.",
            "教一个小模型分辨好评与差评：你的数据、你的配方、你的成绩单。每一站都是工作台的普通页面，之前的成果已填好。",
        ),
        Text(
            "A station is ticked by what lies in your workspace: a data version, a run, a report that is better beyond chance, a test on "
            "other rows, an export. Take the artefact away, and the tick goes.",
            "站点是否打勾由工作区里的东西决定：数据版本、训练任务、确有提升的成绩单、在别的数据上的测试、导出文件。删掉它们，勾也就没了。",
        ),
    )
    guess = Guess(
        Text(
            "Your classifier scores 99 % on held-out rows of the dataset it was trained on. On reviews from elsewhere it …",
            "分类器在同一数据集的留出行上得 99%。换成别处的评价，它……",
        ),
        (
            Choice(
                Text("scores 99 %, too", "也是 99%"),
                Text(
                    "Held-out rows are of the same kind as those it learned from; others are written otherwise.",
                    "留出行与训练行同出一源；别处的写法不一样。",
                ),
            ),
            Choice(
                Text("may score much less", "可能低得多"),
                Text(
                    "Yes; so the fifth station measures it on rows from elsewhere.",
                    "对；所以第五站要在别处的数据上再测。",
                ),
                right=True,
            ),
            Choice(
                Text("cannot be measured", "没法测"),
                Text(
                    "It can: any dataset with a text and the same labels will do.",
                    "可以：任何带文本和相同标签的数据集都行。",
                ),
            ),
        ),
    )
    section = Settings
    tasks = ("text-classification",)
    roles = (frozenset({"text", "label"}),)
    recipes = {"sentiment-zh": "sentiment-zh", "sentiment-en": "sentiment-en"}
    use = (
        Text("Test elsewhere", "换数据测试"),
        Text("Evaluate it on a dataset it was not trained on.", "在没训练过的数据集上评估它。"),
        "evaluate",
    )

    def used(self, workspace: Workspace, run: Run) -> Trace | None:
        """An evaluation on other rows."""
        for made in all_evaluations(workspace):
            asked = made.question
            if made.answer and asked.get("target") == run.id and asked.get("data") != run.recipe.data.dataset:
                rows = made.answer.get("rows")
                said = Text(
                    f"evaluated on “{asked.get('data')}”, {rows} rows", f"已在“{asked.get('data')}”上评估，{rows} 行"
                )
                return Trace(said, "evaluate", run.id)
        return None
