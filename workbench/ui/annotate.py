"""Labelling, below cleaning: say who you are, open the board, press keys; save what stands as a new version."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import gradio as gr

from workbench import ASSETS
from workbench.core.errors import UserError
from workbench.core.run import all_runs
from workbench.core.workspace import Workspace
from workbench.data import annotate
from workbench.data.step import View
from workbench.engine import prelabel
from workbench.ui.notices import esc, fine, hint, problem, table
from workbench.ui.page import Page
from workbench.ui.words import Words

WORDS = ("row", "saved", "offline", "undone", "nothing", "choose", "left", "right", "save", "skip", "undo", "yours", "given", "thought", "end")  # fmt: skip
PROBE = 5000


def build(page: Page, chosen: Any) -> None:
    """The fold, the board in it, and the wiring."""
    words = page.words
    with gr.Accordion(words("label_title"), open=False, elem_id="labelling"):
        gr.HTML(hint(words("label_text")), padding=False)
        with gr.Row():
            who = gr.Textbox("", label=words("label_who"), elem_id="label-who", max_length=60)
            names = gr.Textbox("", label=words("label_names"), info=words("label_names_help"), elem_id="label-names")
            order = gr.Dropdown(
                [(words.say(text), kind) for kind, text in annotate.ORDERS.items()], value="missing",
                label=words("label_order"), filterable=False, elem_id="label-order",
            )  # fmt: skip
        with gr.Row():
            run = gr.Dropdown([], label=words("label_run"), elem_id="label-run", interactive=True)
            pre = gr.Button(words("label_pre"), elem_id="label-pre")
        go = gr.Button(words("label_open"), variant="primary", elem_id="label-open")
        gr.HTML(
            html_template=surface(words), js_on_load=(ASSETS / "board.js").read_text(encoding="utf-8"),
            server_functions=[_server(page)], elem_id="board", padding=False,
        )  # fmt: skip
        with gr.Row():
            save = gr.Button(words("label_save"), elem_id="label-save")
            agree = gr.Button(words("label_agree"), elem_id="label-agree")
        said = gr.HTML(padding=False, elem_id="label-said")
    go.click(
        None, [chosen, who, names, order], None,
        js="(...given) => { window.dispatchEvent(new CustomEvent('wb-board', {detail: given})); }",
    )  # fmt: skip
    page.run_list(run, lambda: _classifiers(page), "data")
    pre.click(lambda name, chosen_run: _prelabelled(page, name, chosen_run), [chosen, run], [said, order])
    save.click(lambda name, pulse: _save(page, name, pulse), [chosen, page.pulse], [said, page.pulse])
    agree.click(lambda name: _agreement(page, name), [chosen], [said], queue=False)


def surface(words: Words) -> str:
    """An empty board with its words; nothing of the data ever stands in a template, because templates are run as code."""
    told = json.dumps({name: words(f"board_{name}") for name in WORDS}, ensure_ascii=False)
    return f'<div class="board" tabindex="0" role="application" aria-label="{esc(words("label_title"))}" data-words="{esc(told)}"></div>'


def _server(page: Page) -> Any:
    def call(asked: Any) -> dict[str, Any]:
        """What the board asks for. Anybody may post anything here: it is checked like a form."""
        try:
            return answer(page.workspace, asked if isinstance(asked, dict) else {})
        except UserError as error:
            return {"error": error.say(page.words.lang)}

    return call


def answer(workspace: Workspace, asked: dict[str, Any]) -> dict[str, Any]:
    """One request of the board: open, next, save or undo. UserError for anything else."""
    told = {name: str(asked.get(name) or "") for name in ("op", "dataset", "who", "order", "extra", "client")}
    board = annotate.open_board(workspace, told["dataset"], told["who"], told["order"])
    if asked.get("version") not in (None, board.dataset.meta["root"]):
        raise UserError(
            "This dataset was imported anew; open the board again.", "此数据集已重新导入；请重新打开标注台。"
        )
    if told["op"] == "open":
        return _opened(board, told["extra"])
    if told["op"] == "next":
        skip = [place for place in _list(asked.get("skip")) if isinstance(place, int)]
        return {"items": board.next(max(0, min(20, _number(asked.get("count")))), skip)}
    if told["op"] == "undo":
        place = board.labels.undo(board.who)
        return {"done": len(board.labels.of(board.who)), "item": None if place is None else board.item(place)}
    if told["op"] == "save" and isinstance(asked.get("value"), dict) and 0 < len(told["client"]) < 80:
        board.save(_number(asked.get("place")), asked["value"], told["client"])
        return {"done": len(board.labels.of(board.who))}
    raise UserError("The board asked for something unknown.", "标注台的请求无法识别。")


def _opened(board: annotate.Board, extra: str) -> dict[str, Any]:
    view: View = board.view
    named = [name.strip() for name in extra.replace("，", ",").split(",") if name.strip()]
    used = board.mode.labels(board.dataset.rows(0, PROBE), view)
    given = [value["label"] for value in board.labels.final().values() if "label" in value]
    labels = list(dict.fromkeys([*used, *named, *given]))
    if board.mode.kind in ("choice", "spans") and not labels:
        raise UserError(
            "Say which labels there are, separated by commas.", "请填写可选的标签，以逗号分隔。", field="labels"
        )
    done = len(board.labels.of(board.who))
    return {"mode": board.mode.kind, "labels": labels, "version": board.dataset.meta["root"], "done": done, "total": board.dataset.meta["rows"]}  # fmt: skip


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> int:
    return value if type(value) is int else -1


def _save(page: Page, name: str | None, pulse: float) -> list[Any]:
    """A new version with the labels, chosen for the next run at once."""
    try:
        made = annotate.keep(page.workspace, name or "")
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    return page.chosen(made, "label_saved", pulse, n=f"{sum(step.get('labels', 0) for step in made.meta['steps']):,}")


def _classifiers(page: Page) -> list[Any]:
    """Runs that can label."""
    found = []
    for run in all_runs(page.workspace):
        with contextlib.suppress(UserError):
            if run.recipe.task.kind == prelabel.KIND and run.tuned.exists():
                found.append(run.id)
    return found


def _prelabelled(page: Page, name: str | None, run: str | None) -> list[Any]:
    """A trained run says what it thinks of every row; the board then begins with those it is least sure of."""
    try:
        if not run:
            raise UserError(
                "Train a text classification first, then choose it here.", "请先训练一个文本分类模型，再在此选择。"
            )
        found = prelabel.prelabel(page.workspace, run, name or "")
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    return [fine(page.words("label_prelabelled", n=f"{found['rows']:,}", run=run)), "run"]


def _agreement(page: Page, name: str | None) -> str:
    """Who agrees with whom, beyond chance."""
    words = page.words
    try:
        board = annotate.open_board(page.workspace, name or "", "-")
    except UserError as error:
        return problem(error, words.lang)
    found = board.labels.agreement()
    if not found:
        return hint(words("label_alone"))
    head = [words("label_who"), words("label_both"), words("label_same"), "Cohen κ"]
    return table(
        head, [[" · ".join(each["who"]), each["rows"], f"{each['same']:.0%}", f"{each['kappa']:.2f}"] for each in found]
    )
