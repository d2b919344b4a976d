"""The model card: result/README.md, short, in both languages, with the figures of the report."""

from __future__ import annotations

from typing import Any

import yaml

from workbench.core.files import write_text
from workbench.core.method import METHODS
from workbench.core.metric import METRICS
from workbench.core.run import Run
from workbench.core.task import TASKS

PIPELINES = {"chat": "text-generation", "preference": "text-generation", "reward": "text-classification"}
"""The Hub's name of a task, where ours is another."""


def write_card(run: Run, report: dict[str, Any]) -> None:
    """Write the card."""
    write_text(run.result / "README.md", card(run, report))


def card(run: Run, report: dict[str, Any]) -> str:
    """Front matter, verdict, figures, how it was made."""
    front = yaml.safe_dump(_front(run), allow_unicode=True, sort_keys=False)
    recipe = run.recipe
    task, method = TASKS.get(recipe.task.kind), METHODS.get(recipe.method.kind)
    made = yaml.safe_dump(recipe.dump(), allow_unicode=True, sort_keys=False)
    return "\n".join(
        [
            f"---\n{front}---",
            f"# {recipe.name or run.id}",
            f"{task.label.en} · {method.label.en} · base model `{recipe.model.id}` · dataset `{recipe.data.dataset}`",
            f"{task.label.zh} · {method.label.zh} · 基础模型 `{recipe.model.id}` · 数据集 `{recipe.data.dataset}`",
            f"\n{report['verdict']['en']}\n\n{report['verdict']['zh']}\n",
            _figures(report),
            "\nMeasured on held-out rows of the same dataset; other texts may fare worse.",
            "以上数字来自同一数据集的留出行；换成别的文本，效果可能更差。",
            f"\n## Recipe · 配方\n\n```yaml\n{made}```\n",
        ]
    )


def _front(run: Run) -> dict[str, Any]:
    recipe = run.recipe
    adapter = METHODS.get(recipe.method.kind).adapter
    task = TASKS.get(recipe.task.kind)
    base = recipe.model.id if not recipe.model.id.startswith(("/", "~", ".")) else recipe.model.id.rsplit("/", 1)[-1]
    return {
        "base_model": base,
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": PIPELINES.get(task.kind, task.kind),
        "tags": ["finetune-workbench", recipe.task.kind, recipe.method.kind],
    }


def _figures(report: dict[str, Any]) -> str:
    lines = ["| Metric · 指标 | before · 微调前 | after · 微调后 |", "| --- | --- | --- |"]
    for name, value in report["after"].items():
        label = METRICS.get(name).label
        lines.append(f"| {label.en} · {label.zh} | {report['before'][name]:.4g} | {value:.4g} |")
    return "\n".join(lines)
