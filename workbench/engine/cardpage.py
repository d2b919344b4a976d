"""The report card as one file to take along: HTML in both languages (a switch at the top, no script, no network, laid out for paper too),
or JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from workbench.core.errors import UserError
from workbench.core.metric import METRICS
from workbench.core.run import Run
from workbench.core.text import LANGS, Lang, Text
from workbench.engine import evidence
from workbench.engine.verdict import BASELINES, figure

ROWS, LONG = 100, 600
"""Rows and characters of a cell at most."""
WORDS = {
    "card": Text("Report card", "成绩单"), "before": Text("before", "微调前"), "after": Text("after", "微调后"), "metric": Text("Metric", "指标"),
    "interval": Text("95 % interval", "95% 区间"), "difference": Text("Difference", "差异"), "chance": Text("p (Holm but for the main one)", "p（除主指标外经 Holm 校正）"),
    "signature": Text("How it is computed", "计算方式"), "metrics": Text("All metrics", "全部指标"), "labels": Text("Per label", "按标签"),
    "label": Text("Label", "标签"), "precision": Text("Precision", "精确率"), "recall": Text("Recall", "召回率"), "support": Text("Rows", "行数"),
    "confusion": Text("Confusion matrix, after: rows are what is right, columns what was said", "混淆矩阵（微调后）：行为真实标签，列为模型回答"),
    "calibration": Text("Calibration: the model's probability and how often it is right", "校准：模型给出的概率与实际答对比例"),
    "sure": Text("Probability", "概率"), "correct": Text("Right", "答对比例"), "rows": Text("Rows, those that changed first", "逐行：有变化的在前"),
    "text": Text("Text", "文本"), "wanted": Text("wanted", "期望"), "state": Text("What became of it", "变化"), "samples": Text("Answers side by side", "回答并排对比"),
    "recipe": Text("Recipe", "配方"), "test": Text("Test", "检验"), "held": Text("held-out rows", "行留出数据"),
    "leak": Text("held-out rows are also trained on: the figures are too good", "行留出数据也出现在训练数据里：分数偏高"),
    "alone": Text("rows are answered otherwise alone than in a batch: the figures are partly the batch size's", "行逐条询问与成批询问时回答不同：分数部分取决于批大小"),
    "fixed": Text("wrong → right", "错 → 对"), "broken": Text("right → wrong", "对 → 错"), "right": Text("right both times", "两次都对"),
    "wrong": Text("wrong both times", "两次都错"), "up": Text("better", "变好"), "down": Text("worse", "变差"), "even": Text("unchanged", "不变"),
}  # fmt: skip
STYLE = """
:root{--ink:#2b2822;--soft:#6b665d;--line:#ddd6c9;--pine:#0f7565;--red:#b42318}
body{font:15px/1.5 Inter,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",system-ui,sans-serif;color:var(--ink);max-width:960px;margin:24px auto;padding:0 20px}
h1{font-size:22px;margin:8px 0}h2{font-size:16px;margin:26px 0 8px}small,.soft{color:var(--soft)}
.verdict{font-size:18px;border-left:4px solid var(--pine);padding:6px 14px;margin:14px 0}.bad{color:var(--red)}
.big{display:flex;gap:34px;flex-wrap:wrap}.big b{font-size:26px;display:block}.big .after b{color:var(--pine)}
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;vertical-align:top;padding:5px 9px;border-bottom:1px solid var(--line);white-space:pre-wrap;overflow-wrap:anywhere}
th{color:var(--soft)}pre{white-space:pre-wrap;background:#f6f3ec;padding:12px;font-size:12px}.num td{text-align:center}
input[name=lang]{margin-left:14px}#zh:checked~.en,#en:checked~.zh{display:none}
@media print{label,input{display:none}body{margin:0;max-width:none;font-size:12px}tr,.verdict,.big{break-inside:avoid}h2{break-after:avoid}@page{margin:16mm}}
"""


def written(run: Run, form: str, lang: Lang = "en") -> str:
    """The card of a finished run as "html" or "json"; UserError where there is none yet."""
    report = run.report
    if report is None:
        raise UserError(
            f"{run.id} has no report card yet; it is written when the run has finished.",
            f"{run.id} 还没有成绩单；训练完成后才会生成。",
            field="run",
        )
    rows = evidence.rows_of(run.result)
    if form == "json":
        facts = {"run": run.id, "recipe": run.recipe.dump(), "report": report, "rows": rows}
        return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"
    return page(run, report, rows, lang)


def page(run: Run, report: dict[str, Any], rows: Sequence[evidence.Told], lang: Lang) -> str:
    """The whole file; `lang` is what it opens in."""
    title = _esc(run.recipe.name or run.id)
    radios = "".join(
        f'<input type="radio" name="lang" id="{name}"{" checked" if name == lang else ""}><label for="{name}">{text}</label>'
        for name, text in (("en", "English"), ("zh", "中文"))
    )
    bodies = "".join(f'<main class="{each}" lang="{each}">{_body(run, report, rows, each)}</main>' for each in LANGS)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return f'<!doctype html><html lang="{lang}"><head>{head}<title>{title}</title><style>{STYLE}</style></head><body>{radios}{bodies}</body></html>\n'  # fmt: skip


def _body(run: Run, report: dict[str, Any], rows: Sequence[evidence.Told], lang: Lang) -> str:
    recipe = yaml.safe_dump(run.recipe.dump(), allow_unicode=True, sort_keys=False)
    parts = [
        f"<h1>{_say('card', lang)} · {_esc(run.recipe.name or run.id)}</h1>", f'<p class="verdict">{_esc(report["verdict"][lang])}</p>',
        _warnings(report, lang), _big(report, lang), _metrics(report, lang), _labels(report, lang), _confusion(report, lang),
        _calibration(report, lang), _samples(report, lang), _rows(rows or report.get("examples") or [], lang),
        f"<h2>{_say('recipe', lang)}</h2><pre>{_esc(recipe)}</pre><small>{_esc(run.id)}</small>",
    ]  # fmt: skip
    return "".join(parts)


def _warnings(report: dict[str, Any], lang: Lang) -> str:
    made, trained = "", (report.get("overlap") or {}).get("trained")
    if trained:
        made += f'<p class="bad">{trained} {_say("leak", lang)}</p>'
    alone = report.get("alone") or {}
    if alone.get("flipped", 0) > 1:
        made += f'<p class="bad">{alone["flipped"]} / {alone["rows"]} {_say("alone", lang)}</p>'
    if report.get("probe"):
        made += f"<p>{_esc(report['probe']['verdict'][lang])}</p>"
    return made


def _big(report: dict[str, Any], lang: Lang) -> str:
    main = report["main_metric"]
    metric, cells = METRICS.get(main), [("before", report["before"][main]), ("after", report["after"][main])]
    made = "".join(f'<div class="{side}"><b>{figure(metric, value)}</b>{_say(side, lang)}</div>' for side, value in cells)  # fmt: skip
    for name, scores in report.get("baseline", {}).items():
        label = BASELINES.get(name, Text(name, name)).say(lang)
        made += f"<div><b>{figure(metric, scores[main])}</b>{_esc(label)}</div>"
    test = report.get("test") or {}
    small = f"{report['rows']} {_say('held', lang)} · {_say('test', lang)}: {_esc(test.get('test', '–'))}"
    return f'<h2>{_esc(metric.label.say(lang))}</h2><div class="big">{made}</div><small>{small}</small>'


def _metrics(report: dict[str, Any], lang: Lang) -> str:
    lines = []
    for name, value in report["after"].items():
        metric, main = METRICS.get(name), name == report["main_metric"]
        test = (report.get("test") if main else (report.get("tests") or {}).get(name)) or {}
        span = (report.get("intervals") or {}).get(name)
        lines.append([
            metric.label.say(lang), figure(metric, report["before"][name]), figure(metric, value),
            " – ".join(figure(metric, end) for end in span) if span else "–",
            figure(metric, test["difference"]) if test else "–", f"{test.get('adjusted', test['p']):.3f}" if test else "–",
            (report.get("signatures") or {}).get(name, ""),
        ])  # fmt: skip
    return _table(
        "metrics", ("metric", "before", "after", "interval", "difference", "chance", "signature"), lines, lang
    )


def _labels(report: dict[str, Any], lang: Lang) -> str:
    found = report.get("per_class") or []
    lines = [[row["label"], *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")), row["support"]] for row in found]  # fmt: skip
    return _table("labels", ("label", "precision", "recall", "F1", "support"), lines, lang) if lines else ""


def _confusion(report: dict[str, Any], lang: Lang) -> str:
    grid = report.get("confusion")
    if not grid:
        return ""
    head = "".join(f"<th>{_esc(label)}</th>" for label in ("", *grid["labels"]))
    most, lines = max(1, *(value for row in grid["after"] for value in row)), ""
    for label, row in zip(grid["labels"], grid["after"], strict=True):
        cells = "".join(f'<td style="background:rgba(15,117,101,{0.6 * value / most:.2f})">{value}</td>' for value in row)  # fmt: skip
        lines += f"<tr><th>{_esc(label)}</th>{cells}</tr>"
    return f'<h2>{_say("confusion", lang)}</h2><table class="num"><tr>{head}</tr>{lines}</table>'


def _calibration(report: dict[str, Any], lang: Lang) -> str:
    lines = [[f"{bin_['confidence']:.1%}", f"{bin_['accuracy']:.1%}", bin_["rows"]] for bin_ in report.get("reliability") or []]  # fmt: skip
    return _table("calibration", ("sure", "correct", "support"), lines, lang) if lines else ""


def _samples(report: dict[str, Any], lang: Lang) -> str:
    lines = []
    for sample in report.get("samples") or []:
        asked = "\n".join(str(message.get("content", "")) for message in sample.get("messages", []))
        lines.append([asked, sample.get("reference", ""), sample.get("before", ""), sample.get("after", "")])
    return _table("samples", ("text", "wanted", "before", "after"), lines, lang) if lines else ""


def _rows(rows: Sequence[dict[str, Any]], lang: Lang) -> str:
    lines = []
    for row in evidence.ordered([{"gain": 0.0, **each} for each in rows])[:ROWS]:
        text = f"{row['text']}\n— {row['text_pair']}" if row.get("text_pair") else row["text"]
        state = _say(row["state"], lang) if row.get("state") in WORDS else ""
        lines.append([text, row.get("reference", ""), row.get("before", ""), row.get("answer", row.get("after", "")), state])  # fmt: skip
    return _table("rows", ("text", "wanted", "before", "after", "state"), lines, lang) if lines else ""


def _table(title: str, head: Iterable[str], lines: Iterable[Sequence[Any]], lang: Lang) -> str:
    top = "".join(f"<th>{_say(name, lang) if name in WORDS else _esc(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_esc(str(value)[:LONG])}</td>" for value in line) + "</tr>" for line in lines)  # fmt: skip
    return f"<h2>{_say(title, lang)}</h2><table><tr>{top}</tr>{body}</table>"


def _say(key: str, lang: Lang) -> str:
    return _esc(WORDS[key].say(lang))


def _esc(value: object) -> str:
    return html.escape(str(value), quote=True)
