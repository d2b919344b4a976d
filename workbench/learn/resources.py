"""6 Resources: courses, books, papers and platforms, by stop, kind and language (assets/resources.yaml)."""

from __future__ import annotations

from functools import cache
from typing import Any

from workbench import ASSETS
from workbench.core import yamls
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, STOPS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, bars, links, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine.taking import taken
from workbench.learn._seen import finished

ALL = "all"
EVERY = Text("all", "全部")
KINDS = {
    "course": Text("course", "课程"),
    "book": Text("book", "书"),
    "paper": Text("paper", "论文"),
    "platform": Text("platform", "平台"),
    "tool": Text("tool", "工具"),
}
AWAY = ("notebook", "script")
"""Exports that run elsewhere without the workbench."""


class Settings(Section):
    """What is looked for."""

    stop: str = knob(
        ALL, Text("Stop", "站点"), Text("A stop of the road map.", "学习路线上的一站。"), choices=((ALL, EVERY), *((stop, Text(f"{stop} {name.en}", f"{stop} {name.zh}")) for stop, name in STOPS.items()))
    )  # fmt: skip
    sort: str = knob(
        ALL, Text("Kind", "类型"), Text("Of what sort.", "哪一类。"), choices=((ALL, EVERY), *KINDS.items())
    )
    language: str = knob(
        ALL, Text("Language", "语言"), Text("What it is written in.", "用什么语言写的。"), choices=((ALL, EVERY), ("zh", Text("Chinese", "中文")), ("en", Text("English", "英文")))
    )  # fmt: skip


@cache
def shelf() -> list[dict[str, Any]]:
    """Every entry of the file."""
    return list(yamls.read(ASSETS / "resources.yaml"))


def found(stop: str = ALL, sort: str = ALL, language: str = ALL) -> list[dict[str, Any]]:
    """Those that fit."""
    return [
        each for each in shelf()
        if (stop == ALL or stop in each["stops"]) and sort in (ALL, each["kind"]) and (language == ALL or each["lang"] in (language, "both"))
    ]  # fmt: skip


@LABS.add
class Resources(Lab):
    """See the module."""

    kind = "resources"
    stop = "6"
    order = 90
    label = Text("Courses, papers, platforms", "课程、论文与平台")
    idea = (
        Text(
            "Read what belongs to the stop you stand at, then do it. One paper read with a run of your own beside it is worth ten that are only read.",
            "只读你所在那一站的内容，然后动手。一边看论文一边跑自己的任务，胜过只读十篇。",
        ),
        Text(
            "Colab and Kaggle lend a GPU for some hours. A notebook exported here carries rows, settings and the versions of its packages, so that it "
            "runs there and gives the losses that were recorded here.",
            "Colab 和 Kaggle 会借你几小时 GPU。这里导出的笔记本自带数据、设置和软件包版本，在那里也能运行，并得到这里记录的损失。",
        ),
    )
    guess = Guess(
        Text(
            "A script that trained well last year is run on another machine. It …",
            "一份去年训练得很好的脚本，换一台机器运行，它会……",
        ),
        (
            Choice(
                Text("gives the same result", "得到同样的结果"),
                Text(
                    "Only with the same package versions, the same rows and the same numbers. Another GPU alone changes the last digits.",
                    "只有软件包版本、数据和数值精度都相同才行。单是换一块 GPU，末位数字就会变。",
                ),
            ),
            Choice(
                Text("often does not even start", "往往根本跑不起来"),
                Text(
                    "Yes: libraries change their names and defaults. So an export here names the versions it was checked with.",
                    "对：库的名称和默认值会变。所以这里的导出会写明核对时所用的版本。",
                ),
                right=True,
            ),
            Choice(
                Text("is faster: hardware gets better", "更快：硬件在进步"),
                Text("If it starts. Versions that do not fit are the usual end of a tutorial.", "前提是能跑起来。版本不合是教程失效最常见的原因。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("Only what is in Chinese", "只看中文资源"), {"language": "zh"})

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        rows = found(knobs.stop, knobs.sort, knobs.language)
        said = Text(f"{len(rows)} of {len(shelf())} fit.", f"{len(shelf())} 个资源中有 {len(rows)} 个符合。")
        counts = [len(found(stop, knobs.sort, knobs.language)) for stop in STOPS]
        title = Text("How many for each stop", "每一站有多少")
        listed = [(each["title"], each["url"], Text(**each["why"])) for each in rows]
        return [
            told(said),
            bars(title, list(STOPS), {Text("entries", "条目"): counts}, Text("entries", "条目")),
            links(listed, Text("Read on", "延伸阅读")),
        ]

    def real(self, workspace: Workspace) -> Real:
        run = next(finished(workspace), None)
        if run is None:
            return Real(Text("Train something to take along", "先训练一个可以带走的"), "train", preset="sentiment-zh")
        label = Text("Take a run along as a notebook", "把训练任务导出为笔记本")
        return Real(label, "evaluate", run=run.id)

    def done(self, workspace: Workspace) -> Trace | None:
        for run in finished(workspace):
            if any(each.get("to") in AWAY and each.get("word") != "broken" for each in taken(run)):
                return Trace(Text(f"{run.id} was exported to run elsewhere", f"{run.id} 已导出，可在别处运行"), "evaluate", run.id)  # fmt: skip
        return None
