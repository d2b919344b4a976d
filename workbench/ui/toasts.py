"""Short messages over the page. Gradio renders them as HTML, forms and names included: here they are text.

What nobody foresaw is said in general words only: the terminal has the rest, and no guest reads a path or a line of code.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from gradio import queueing, utils

from workbench.core.errors import UserError
from workbench.ui.notices import esc
from workbench.ui.words import Words

UNFORESEEN = "Something went wrong; the terminal says what. Load the page again. 出了点问题，详情见终端；请刷新页面。"

GRADIOS = {
    "Error": "toast_error", "Warning": "toast_warning", "Info": "toast_info", "Success": "toast_success",
    "Connection to the server was lost. Attempting reconnection...": "toast_lost",
}  # fmt: skip
"""What Gradio itself says there, in English whatever the page's language is, and our words for it."""


def instead(words: Words) -> str:
    """JSON that tells assets/page.js what to put in the place of each of Gradio's own messages."""
    return json.dumps({theirs: words(ours) for theirs, ours in GRADIOS.items()}, ensure_ascii=False)


def warn(text: str) -> None:
    """A message that goes away by itself."""
    gr.Warning(esc(text))


def only_text() -> None:
    """Errors that end an event become text, wherever Gradio makes a message of them (it imports the function by name)."""
    queueing.error_payload = utils.error_payload = payload


def payload(error: BaseException | None, show_error: bool) -> dict[str, Any]:
    """What the page is told of an error: {"error", "duration", "visible", "title"}."""
    if error is None:
        return {"error": None}
    facts = {"duration": error.duration, "visible": error.visible, "title": error.title} if isinstance(error, gr.Error) else {"visible": True}  # fmt: skip
    return {"error": esc(_said(error)), **facts}


def _said(error: BaseException) -> str:
    if isinstance(error, gr.Error):
        return str(error.message)
    return f"{error.text.en} {error.text.zh}" if isinstance(error, UserError) else UNFORESEEN
