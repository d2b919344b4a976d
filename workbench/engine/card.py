"""The model card: result/README.md, short, in both languages, with the figures of the report, for people and (as model-index) for the Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from workbench.core.errors import shorten
from workbench.core.files import write_text
from workbench.core.method import METHODS
from workbench.core.metric import METRICS
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.models import catalog

PIPELINES = {"chat": "text-generation", "preference": "text-generation", "reward": "text-classification"}
"""The Hub's name of a task, where ours is another."""


ELSEWHERE = Text(
    "model.id is a folder that was on the machine of the run, and on no hub: write here where yours is.",
    "model.id 是训练时所用机器上的文件夹，不在任何 Hub 上：请改成你的路径。",
)
SPECIAL = re.compile(r"[\\`*_\[\]<>#|$&~!]")
"""What Markdown reads as more than a letter."""


def write_card(run: Run, report: dict[str, Any]) -> None:
    """Write the card."""
    write_text(run.result / "README.md", card(run, report))


def written(run: Run, usage: str, merged: bool = False) -> str:
    """The card of an export: with how it is loaded; `merged` where it is a whole model."""
    return card(run, run.report, usage, merged)


def card(run: Run, report: dict[str, Any] | None, usage: str = "", merged: bool = False) -> str:
    """Front matter, verdict, figures, how it is loaded, how it was made. A run that was stopped has no figures."""
    front = yaml.safe_dump(_front(run, report, merged), allow_unicode=True, sort_keys=False)
    recipe = run.recipe
    task, method = TASKS.get(recipe.task.kind), METHODS.get(recipe.method.kind)
    base, made = catalog.public(recipe.model.id)[0].replace("`", "'"), portable(recipe)
    return "\n".join(
        [
            f"---\n{front}---",
            f"# {plain(recipe.name or run.id)}",
            f"{task.label.en} · {method.label.en} · base model `{base}` · dataset `{recipe.data.dataset}`",
            f"{task.label.zh} · {method.label.zh} · 基础模型 `{base}` · 数据集 `{recipe.data.dataset}`",
            *(_told(report) if report else ()),
            *([f"\n## Load it · 加载\n\n{usage}"] if usage else ()),
            f"\n## Recipe · 配方\n\n{fenced(made, 'yaml')}\n",
        ]
    )


def _told(report: dict[str, Any]) -> list[str]:
    return [
        f"\n{report['verdict']['en']}\n\n{report['verdict']['zh']}\n",
        _figures(report),
        "\nMeasured on held-out rows of the same dataset; other texts may fare worse.",
        "以上数字来自同一数据集的留出行；换成别的文本，效果可能更差。",
    ]


def _front(run: Run, report: dict[str, Any] | None, merged: bool) -> dict[str, Any]:
    recipe = run.recipe
    adapter = METHODS.get(recipe.method.kind).adapter and not merged
    task = TASKS.get(recipe.task.kind)
    index = {"model-index": [_index(run, report, task)]} if report else {}
    return {
        "base_model": catalog.public(recipe.model.id)[0],
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": PIPELINES.get(task.kind, task.kind),
        "tags": ["finetune-workbench", recipe.task.kind, recipe.method.kind],
        **index,
    }


def portable(recipe: Recipe) -> str:
    """A recipe as YAML to be read elsewhere: a base that is a folder here goes by the folder's name."""
    name, public = catalog.public(recipe.model.id)
    starter = any(recipe.model.id == each.kind for each in catalog.STARTERS)
    kept = recipe if public or starter else recipe.replace({"model.id": name})
    head = "" if kept is recipe else f"# {ELSEWHERE.en}\n# {ELSEWHERE.zh}\n"
    return head + yaml.safe_dump(kept.dump(), allow_unicode=True, sort_keys=False)


def plain(words: str) -> str:
    """Words of a person's own as Markdown that says them, and nothing else: no link, no tag, no formula."""
    return SPECIAL.sub(r"\\\g<0>", shorten(words, 200))


def fenced(text: str, language: str = "") -> str:
    """Lines of code in Markdown, between fences longer than any in it."""
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}{fence}"


def _index(run: Run, report: dict[str, Any], task: Any) -> dict[str, Any]:
    """Results as the Hub reads them: one entry per metric after tuning."""
    data = run.recipe.data.dataset
    metrics = [{"type": name, "value": value, "name": METRICS.get(name).label.en} for name, value in report["after"].items()]  # fmt: skip
    found = {"task": {"type": PIPELINES.get(task.kind, task.kind), "name": task.label.en}, "dataset": {"type": data, "name": data, "split": "held-out"}, "metrics": metrics}  # fmt: skip
    return {"name": run.recipe.name or run.id, "results": [found]}


def figures_of(path: Path) -> dict[str, float]:
    """The figures a card tells the Hub, by metric."""
    front = yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1])
    results = [result for model in front.get("model-index", ()) for result in model["results"]]
    return {metric["type"]: metric["value"] for result in results for metric in result["metrics"]}


def _figures(report: dict[str, Any]) -> str:
    lines = ["| Metric · 指标 | before · 微调前 | after · 微调后 |", "| --- | --- | --- |"]
    for name, value in report["after"].items():
        label = METRICS.get(name).label
        lines.append(f"| {label.en} · {label.zh} | {report['before'][name]:.4g} | {value:.4g} |")
    return "\n".join(lines)
