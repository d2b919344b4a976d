"""Sharing, for the owner at this machine: a link to chat with one run, until when, who is there, and taking it back. Nothing of this page is shared."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.door import link as links
from workbench.door.link import Terms, facts
from workbench.ui.access import only_here
from workbench.ui.guest import process, tunnel
from workbench.ui.notices import esc, fine, hint, problem, tag
from workbench.ui.page import Page
from workbench.ui.shared import clock
from workbench.ui.words import Words

HOURS = (1, 8, 24)


def build(page: Page, run: Any) -> None:
    """The fold on the Chat page."""
    words = page.words
    with gr.Accordion(words("share_title"), open=False, elem_id="share"):
        gr.HTML(hint(words("share_text")), padding=False)
        with gr.Row():
            what = gr.Radio([(words("share_chat"), False), (words("share_runs"), True)], value=False, label=words("share_what"), elem_id="share-what", interactive=True)  # fmt: skip
            hours = gr.Radio([(words("share_hours", n=n), n) for n in HOURS], value=8, label=words("share_until"), elem_id="share-hours", interactive=True)  # fmt: skip
        place = gr.Radio([(words(f"share_{name}"), name) for name in _places()], value="network", label=words("share_place"), elem_id="share-place", interactive=True)  # fmt: skip
        go = gr.Button(words("share_go"), variant="primary", elem_id="share-go")
        said = gr.HTML(padding=False, elem_id="share-said")
        open_now = gr.Radio([], label=words("share_open"), visible=False, elem_id="share-open", interactive=True)
        with gr.Row():
            back = gr.Button(words("share_stop"), visible=False, elem_id="share-stop")
            everything = gr.Button(words("share_stop_all"), visible=False, elem_id="share-stop-all")
    listed = [open_now, back, everything]

    @only_here
    def shared(run_id: str | None, runs: bool, until: float, where: str, chosen: str | None) -> list[Any]:
        return [_shared(page, run_id, runs, until, where), *_listed(page, chosen)]

    @only_here
    def stopped(chosen: str | None) -> list[Any]:
        return [_stopped(page, chosen), *_listed(page, chosen)]

    @only_here
    def all_stopped() -> list[Any]:
        for each in links.all_open(page.workspace):
            process.stop(page.workspace, each.id)
        return [fine(words("share_stopped")), *_listed(page, None)]

    go.click(shared, [run, what, hours, place, open_now], [said, *listed])
    back.click(stopped, [open_now], [said, *listed], queue=False)
    everything.click(all_stopped, None, [said, *listed], queue=False)
    page.loads.append((lambda chosen: _listed(page, chosen), [open_now], listed))
    page.aside.change(lambda chosen: _listed(page, chosen), [open_now], listed, queue=False, show_progress="hidden")


def _places() -> tuple[str, ...]:
    return links.PLACES if tunnel.has_tunnel() else links.PLACES[:2]


def _shared(page: Page, run_id: str | None, runs: bool, until: float, where: str) -> str:
    words = page.words
    try:
        told = process.share(page.workspace, run_id or "", Terms(float(until), bool(runs), str(where)))
    except (UserError, ValueError, TypeError) as error:
        return problem(
            error if isinstance(error, UserError) else UserError("Choose how long.", "请选择有效期。"), words.lang
        )
    lines = "".join(tag("div", tag("code", esc(url)) + _copy(words, url), class_="address") for url in told["urls"])
    return (
        fine(words("share_made", until=clock(told["until"])))
        + tag("div", lines, class_="addresses")
        + hint(words("share_once"))
    )


def _copy(words: Words, text: str) -> str:
    return f'<button type="button" data-copy="{esc(text)}" data-done="{esc(words("share_copied"))}">{esc(words("share_copy"))}</button>'


def _stopped(page: Page, chosen: str | None) -> str:
    try:
        if not chosen:
            raise UserError("Choose a link first.", "请先选择一个链接。", field="link")
        process.stop(page.workspace, links.load(page.workspace, chosen).id)
    except UserError as error:
        return problem(error, page.words.lang)
    return fine(page.words("share_stopped"))


def _listed(page: Page, chosen: str | None) -> list[Any]:
    """The open links, the two buttons. What is chosen and still open stays untouched (an answer may come after a newer choice); with
    several, nothing is chosen for the owner."""
    found = links.all_open(page.workspace)
    ids = [each.id for each in found]
    told: dict[str, Any] = {"choices": [(_line(page, each), each.id) for each in found], "visible": bool(found)}
    if len(ids) < 2 or (chosen and chosen not in ids):
        told["value"] = ids[0] if len(ids) == 1 else None
    return [gr.update(**told), gr.update(visible=bool(found)), gr.update(visible=len(found) > 1)]


def _line(page: Page, link: links.Link) -> str:
    told, words = facts(page.workspace, link), page.words
    what = words("share_runs" if link.runs else "share_chat")
    return f"{link.run} · {what} · {words(f'share_{link.place}')} · {words('share_guests', n=told['guests'])} · {clock(link.until)}"
