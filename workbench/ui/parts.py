"""The anatomy of a model on its page: where the parameters are, what the chosen method would train, how it is spoken to."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.engine.anatomy import anatomy
from workbench.models import catalog
from workbench.models.anatomy import branches, parts
from workbench.ui import figures
from workbench.ui.notices import esc, facts, problem, table, tag
from workbench.ui.page import Page


def build(page: Page, name: Any) -> None:
    """The picture of the parts under the model's card; on a press, what would be trained, and the chat template."""
    words = page.words
    with gr.Accordion(words("anatomy"), open=False, elem_id="anatomy"):
        picture = gr.Plot(visible=False, show_label=False)
        tree = gr.HTML(padding=False)
        go = gr.Button(words("anatomy_go"), elem_id="anatomy-go")
        trained = gr.HTML(padding=False, elem_id="anatomy-trained")
    name.change(lambda model: _tree(page, model), [name], [picture, tree, trained], show_progress="hidden", queue=False)
    go.click(lambda model: _trained(page, model), [name], [trained], show_progress="minimal")


def _tree(page: Page, model: str) -> list[Any]:
    """From the files alone: parts, shapes, numbers."""
    words = page.words
    try:
        found = parts(catalog.here(page.workspace, (model or "").strip()))
    except UserError:
        return [gr.update(visible=False), "", ""]
    sums = branches(found)
    head = [words("part"), words("shape"), words("times"), words("parameters")]
    rows = [[part.name, _shape(part.shape), part.repeats, f"{part.parameters:,}"] for part in found]
    return [gr.update(value=figures.icicle(sums, words("whole_model")), visible=True), table(head, rows), ""]


def _shape(shape: tuple[int, ...] | list[int]) -> str:
    return " × ".join(map(str, shape))


def _trained(page: Page, model: str) -> str:
    """The method of the Train page on this model: exact names and numbers; special tokens; the template."""
    words = page.words
    try:
        recipe = page.draft.recipe().replace({"model.id": (model or "").strip()})
        found = anatomy(page.workspace, recipe)
    except UserError as error:
        return problem(error, words.lang)
    method = words.say(METHODS.get(recipe.method.kind).label)
    share = f"{found['trainable']:,} / {found['total']:,} ({found['trainable'] / max(1, found['total']):.2%})"
    head = [words("part"), words("shape"), words("times"), words("parameters")]
    rows = [[row["name"], _shape(row["shape"]), row["repeats"], f"{row['parameters']:,}"] for row in found["trained"]]
    title = tag("h2", esc(words("trains", method=method, share=share)))
    special = tag("h2", esc(words("special_tokens"))) + facts(found["special"].items())
    return title + table(head, rows) + special + _template(page, found["template"])


def _template(page: Page, found: dict[str, Any]) -> str:
    words = page.words
    title = tag("h2", esc(words("template_own" if found["own"] else "template_ours")))
    said = tag("pre", esc(found["rendered"]), class_="said")
    source = tag(
        "details",
        f"<summary>{esc(words('template_source'))}</summary>{tag('pre', esc(found['source']), class_='said')}",
    )
    return title + said + source
