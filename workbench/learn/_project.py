"""A guided project: six stations, each an ordinary tab with what came before filled in. What was done is read from the workspace: a chain
of data version → recipe → run → report → use → export, each link about the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from workbench.core.files import read_json
from workbench.core.lab import Lab, Real, Station, Trace
from workbench.core.metric import METRICS
from workbench.core.picture import Named, Numbers, Picture, bars, grid, told
from workbench.core.run import Run, all_runs
from workbench.core.text import Lang, Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.dataset import Dataset
from workbench.engine.taking import taken
from workbench.engine.verdict import BASELINES
from workbench.learn import _certificate
from workbench.learn._seen import FINISHED

DONE, NEXT, LATER = "✓", "→", "○"


class Project(Lab):
    """What both projects share."""

    tasks: ClassVar[tuple[str, ...]]
    roles: ClassVar[tuple[frozenset[str], ...]]
    """Roles of columns that fit, any of these."""
    recipes: ClassVar[dict[str, str]]
    """Sample → the preset that trains on it; the first one's preset is taken for a dataset of one's own."""
    use: ClassVar[tuple[Text, Text, str]]
    """Label, text and tab of the fifth station."""
    paper = Text("My certificate", "我的证书")

    def used(self, workspace: Workspace, run: Run) -> Trace | None:
        """What the fifth station left."""
        raise NotImplementedError(self.kind)

    def written(self, workspace: Workspace, lang: Lang) -> tuple[str, str]:
        return f"certificate.{lang}.html", _certificate.page(workspace, lang)

    def fits(self, dataset: Dataset) -> bool:
        """Whether the project can be done with it."""
        return any(wanted <= set(dataset.meta["roles"].values()) for wanted in self.roles)

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        own = [
            (each.name, each.name) for each in library.all_datasets(workspace) if not each.sample and self.fits(each)
        ]
        return {"data": [*own, *((Text(f"{name} (sample)", f"{name}（示例）"), name) for name in self.recipes)]}

    def run(self, workspace: Workspace, data: str) -> Run | None:
        """The newest finished run of this project's task on the dataset, else the newest at all."""
        found = [run for run in all_runs(workspace) if run.unreadable is None and self._ours(run, data)]
        return next((run for run in found if run.status in FINISHED and run.tuned.exists()), found[0] if found else None)  # fmt: skip

    def _ours(self, run: Run, data: str) -> bool:
        return run.recipe.task.kind in self.tasks and run.recipe.data.dataset == data

    def stations(self, knobs: Any, workspace: Workspace) -> list[Station]:
        data, run = library.find(workspace, knobs.data), self.run(workspace, knobs.data)
        preset = self.recipes.get(data.name, next(iter(self.recipes.values())))
        chosen = {"data.dataset": data.name, "data.version": 0 if data.sample else data.version, "data.roles": {}}
        train = Real(Text("Set the recipe", "设置配方"), "train", chosen, preset=preset)
        at = run.id if run else ""
        label, text, tab = self.use
        return [
            Station(Text("Data", "数据"), Text("Rows of your own: import a file, or clean the sample and save it under a name of its own.", "自己的数据：导入文件，或清洗示例并另存。"), Real(Text("Bring data", "准备数据"), "data", {"data.dataset": data.name}), _version(data)),
            Station(Text("Recipe", "配方"), Text("Model, method and settings; the dataset is filled in.", "模型、方法和设置；数据集已填好。"), train, self._drafted(workspace, data, run)),
            Station(Text("Run", "训练"), Text("Press Start and watch the loss.", "点“开始训练”，看损失下降。"), Real(Text("Train", "训练"), "runs", run=at) if run else train, _ended(run)),
            Station(Text("Report", "成绩单"), Text("Better than before and than the cheap baseline, beyond chance?", "是否比微调前、比简单基线更好，而且不只是偶然？"), Real(Text("Read the report", "看成绩单"), "evaluate", run=at), _better(run)),
            Station(label, text, Real(label, tab, run=at), self.used(workspace, run) if run else None),
            Station(Text("Export", "导出"), Text("Take it along: a model, a script or a notebook, checked against the run.", "带走它：模型、脚本或笔记本，并与原任务核对。"), Real(Text("Export", "导出"), "evaluate", run=at), _exported(run)),
        ]  # fmt: skip

    def _drafted(self, workspace: Workspace, data: Dataset, run: Run | None) -> Trace | None:
        if run is not None:
            return Trace(Text(f"the recipe of {run.id}", f"{run.id} 的配方"), "runs", run.id)
        draft = read_json(workspace.root / "draft.json")
        try:
            fits = draft["data"]["dataset"] == data.name and draft["task"]["kind"] in self.tasks
        except (KeyError, TypeError):
            return None
        return Trace(Text("filled in on the Train page", "已在训练页填好"), "train") if fits else None

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        stations, run = self.stations(knobs, workspace), self.run(workspace, knobs.data)
        done = sum(each.trace is not None for each in stations)
        coming = next((each for each in stations if each.trace is None), None)
        said = _told(done, len(stations), coming)
        return [said, *_figures(run), _chain(stations)]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return True

    def real(self, workspace: Workspace) -> Real:
        stations = self.stations(self._first(workspace), workspace)
        return next((each.real for each in stations if each.trace is None), stations[-1].real)

    def done(self, workspace: Workspace) -> Trace | None:
        """The export at the end of a whole chain on data of one's own."""
        for dataset in library.all_datasets(workspace):
            if not dataset.sample and self.fits(dataset):
                stations = self.stations(self.section(data=dataset.name), workspace)  # type: ignore[call-arg]
                if all(each.trace for each in stations):
                    return stations[-1].trace
        return None

    def _first(self, workspace: Workspace) -> Any:
        return self.section(data=self.choices(workspace)["data"][0][1])  # type: ignore[call-arg]


def _version(data: Dataset) -> Trace | None:
    if data.sample:
        return None
    rows = f"{data.meta['rows']:,}"
    return Trace(Text(f"“{data.name}”, version {data.version}, {rows} rows", f"“{data.name}”第 {data.version} 版，{rows} 行"), "data")  # fmt: skip


def _ended(run: Run | None) -> Trace | None:
    if run is None or run.status not in FINISHED or not run.tuned.exists():
        return None
    return Trace(Text(f"run {run.id}", f"训练任务 {run.id}"), "runs", run.id)


def _better(run: Run | None) -> Trace | None:
    """Its main figure, where it is better than before beyond chance."""
    card = run.report if run else None
    if run is None or card is None or card.get("outcome") != "better":
        return None
    return Trace(_certificate.figures(card), "evaluate", run.id)


def _exported(run: Run | None) -> Trace | None:
    found = next((each for each in taken(run) if each.get("word") != "broken"), None) if run else None
    return Trace(Text(f"exported: {found['to']}", f"已导出：{found['to']}"), "evaluate", run.id) if found and run else None  # fmt: skip


def _told(done: int, all_: int, coming: Station | None) -> Picture:
    if coming is None:
        return told(Text("All stations are done; the certificate tells how.", "所有站点都完成了；证书里有全部依据。"), "good")  # fmt: skip
    return told(
        Text(
            f"{done} of {all_} stations done. Next: {coming.label.en}. {coming.text.en}",
            f"已完成 {done}/{all_} 站。下一站：{coming.label.zh}。{coming.text.zh}",
        )
    )


def _figures(run: Run | None) -> list[Picture]:
    """The main figure of the report: cheap baselines, before, after."""
    card = run.report if run else None
    if card is None:
        return []
    metric = METRICS.get(card["main_metric"])
    values = {
        Text("before", "微调前"): card["before"][metric.kind],
        **{
            BASELINES.get(name, Text(name, name)): each[metric.kind]
            for name, each in card.get("baseline", {}).items()
            if metric.kind in each
        },
        Text("after", "微调后"): card["after"][metric.kind],
    }
    series: dict[Named, Numbers] = {metric.label: list(values.values())}
    return [bars(Text("The report card", "成绩单"), list(values), series, metric.label, **({"form": ".1%"} if metric.percent else {}))]  # fmt: skip


def _chain(stations: Sequence[Station]) -> Picture:
    coming = next((place for place, each in enumerate(stations) if each.trace is None), len(stations))
    rows = [
        [DONE if each.trace else NEXT if place == coming else LATER, each.label, each.trace.text if each.trace else each.text]
        for place, each in enumerate(stations)
    ]  # fmt: skip
    return grid(["", Text("station", "站点"), Text("what is there", "已有内容")], rows, Text("The chain", "链条"))
