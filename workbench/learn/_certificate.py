"""A certificate that can be checked: what was done for real, with the figures of each run and the sha256 of its files. One HTML page in one
language, without script or network; everything from outside is escaped. It proves that files agree with it, not who made them."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import sha256
from workbench.core.lab import LABS, Trace
from workbench.core.metric import METRICS
from workbench.core.run import Run
from workbench.core.text import Lang, Text
from workbench.core.workspace import Workspace
from workbench.learn import _progress
from workbench.learn._seen import finished

RUNS = 20
"""Newest runs that are listed at most."""
FILES = ("recipe.yaml", "result/report.json", "result/rows.jsonl")
WORDS = {
    "title": Text("What I fine-tuned", "我的微调成果"),
    "said": Text(
        "Read from a workspace on {date}. Whoever has the files can compute the same sums: sha256sum FILE.",
        "{date} 根据工作区内容生成。持有这些文件的人都能算出相同的校验值：sha256sum 文件名。",
    ),
    "labs": Text("Done for real: {done} of {all} labs of the road map", "学习路线：{all} 个实验中真正完成 {done} 个"),
    "runs": Text("Runs", "训练任务"),
    "task": Text("task", "任务"), "model": Text("model", "模型"), "data": Text("data", "数据"), "method": Text("method", "方法"),
    "date": Text("date", "日期"), "metric": Text("result on {rows} held-out rows", "{rows} 行留出数据上的结果"),
    "file": Text("file", "文件"), "size": Text("bytes", "字节"), "none": Text("No report card.", "没有成绩单。"),
}  # fmt: skip
STYLE = """body{font:15px/1.6 Inter,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",system-ui,sans-serif;color:#23211d;background:#fbfaf8;max-width:860px;margin:32px auto;padding:0 20px}
h1{font-size:26px;margin:0;border-bottom:3px solid #0f7565;padding-bottom:8px}h2{font-size:18px;margin:28px 0 8px}h3{font-size:15px;margin:20px 0 6px;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:13px}td,th{text-align:left;vertical-align:top;padding:4px 8px 4px 0;border-bottom:1px solid #e8e3da}code{font-size:11px;overflow-wrap:anywhere}
.figure{font-size:17px;border-left:4px solid #0f7565;padding:4px 12px}@media print{body{margin:0;max-width:none}section{break-inside:avoid}}"""


def page(workspace: Workspace, lang: Lang) -> str:
    """The page; UserError while nothing has been trained."""
    runs = list(finished(workspace))[:RUNS]
    if not runs:
        raise UserError(
            "There is no finished run yet; a certificate tells what you did. Train something first.",
            "还没有完成的训练任务；证书记录的是你做过的事。请先训练一个模型。",
        )
    known = _progress.all_of(workspace)
    done = [(LABS.get(kind), each.trace) for kind, each in known.items() if each.trace]
    title, today = _say("title", lang), time.strftime("%Y-%m-%d")
    body = [
        f"<h1>{title}</h1>",
        f"<p>{_say('said', lang, date=today)}</p>",
        f"<h2>{_say('labs', lang, done=len(done), all=len(known))}</h2>",
        "".join(_lab(lab, trace, lang) for lab, trace in done if trace),
        f"<h2>{_say('runs', lang)}</h2>",
        *(_run(run, lang) for run in runs),
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return f'<!doctype html><html lang="{lang}"><head>{head}<title>{title}</title><style>{STYLE}</style></head><body>{"".join(body)}</body></html>\n'  # fmt: skip


def figures(card: dict[str, Any]) -> Text:
    """ "Accuracy: 50.0 % → 99.5 % (97.2 % – 99.9 %)": before, after, its 95 % interval."""
    metric = METRICS.get(card["main_metric"])
    before, after = (_figure(metric.percent, card[side][metric.kind]) for side in ("before", "after"))
    span = card.get("interval")
    low_high = f"{_figure(metric.percent, span[0])} – {_figure(metric.percent, span[1])}" if span else "–"
    said = f"{before} → {after}"
    return Text(f"{metric.label.en}: {said} (95 %: {low_high})", f"{metric.label.zh}：{said}（95% 区间 {low_high}）")


def _figure(percent: bool, value: float) -> str:
    return f"{100 * value:.1f} %" if percent else f"{value:.4g}"


def files_of(run: Run) -> Iterator[tuple[str, int, str]]:
    """(name in the run's folder, bytes, sha256) of its recipe, report, answers and weights. What is a link leads elsewhere, and is left out."""
    named = [run.folder / name for name in FILES]
    weights = sorted(run.tuned.glob("*.safetensors")) if run.tuned.is_dir() else []
    for path in [*named, *weights]:
        if path.is_file() and not _linked(path, run.folder):
            yield path.relative_to(run.folder).as_posix(), path.stat().st_size, sha256(path)


def _linked(path: Path, root: Path) -> bool:
    return any(part.is_symlink() for part in (path, *path.parents) if part.is_relative_to(root) and part != root)


def _lab(lab: Any, trace: Trace, lang: Lang) -> str:
    return f"<div>✓ {_esc(lab.stop)} {_esc(lab.label.say(lang))}: {_esc(trace.text.say(lang))}</div>"


def _run(run: Run, lang: Lang) -> str:
    recipe, card = run.recipe, run.report
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    data = f"{recipe.data.dataset} v{recipe.data.version}" if recipe.data.version else recipe.data.dataset
    facts = {
        "date": when,
        "task": recipe.task.kind,
        "model": recipe.model.id,
        "data": data,
        "method": recipe.method.kind,
    }
    told = "".join(f"<tr><th>{_say(name, lang)}</th><td>{_esc(value)}</td></tr>" for name, value in facts.items())
    result = (
        _say("none", lang)
        if card is None
        else f"{_say('metric', lang, rows=card['rows'])}: {_esc(figures(card).say(lang))}"
    )
    files = "".join(
        f"<tr><td>{_esc(name)}</td><td>{size:,}</td><td><code>{digest}</code></td></tr>"
        for name, size, digest in files_of(run)
    )
    head = f"<tr><th>{_say('file', lang)}</th><th>{_say('size', lang)}</th><th>sha256</th></tr>"
    return f'<section><h3>{_esc(run.id)}</h3><p class="figure">{result}</p><table>{told}</table><table>{head}{files}</table></section>'  # fmt: skip


def _say(key: str, lang: Lang, **values: object) -> str:
    return _esc(WORDS[key].fill(**values).say(lang))


def _esc(value: object) -> str:
    return html.escape(str(value), quote=True)
