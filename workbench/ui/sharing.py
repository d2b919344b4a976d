"""Sharing, for the owner at this machine: a link to chat with one run, until when, who is there, and taking it back. Nothing of this page is shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.door import link as links
from workbench.door.link import Terms, facts
from workbench.door.roles import LOCALS
from workbench.door.wire import mounted
from workbench.ui.access import only_here, roles_of
from workbench.ui.guest import process, tunnel
from workbench.ui.notices import esc, fine, hint, problem, tag
from workbench.ui.page import Page
from workbench.ui.shared import clock
from workbench.ui.words import Words

HOURS = (1, 8, 24)
PORT = 8123
PORTS = range(1024, 65536)
"""Of which a proxy can be told beforehand: those below are the system's."""
NGINX = """location {path}/ {{
    proxy_pass http://127.0.0.1:{port}/;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_buffering off;
}}"""


def build(page: Page, run: Any) -> None:
    """The fold on the Chat page."""
    words = page.words
    with gr.Accordion(words("share_title"), open=False, elem_id="share"):
        away = gr.HTML(hint(words("share_away")), padding=False, visible=False)
        with gr.Column() as here:
            gr.HTML(hint(words("share_text")), padding=False)
            with gr.Row():
                what = gr.Radio([(words("share_chat"), False), (words("share_runs"), True)], value=False, label=words("share_what"), elem_id="share-what", interactive=True)  # fmt: skip
                hours = gr.Radio([(words("share_hours", n=n), n) for n in HOURS], value=8, label=words("share_until"), elem_id="share-hours", interactive=True)  # fmt: skip
            where = _where(page)
            go = gr.Button(words("share_go"), variant="primary", elem_id="share-go")
            said = gr.HTML(padding=False, elem_id="share-said")
            open_now = gr.Radio([], label=words("share_open"), visible=False, elem_id="share-open", interactive=True)
            with gr.Row():
                back = gr.Button(words("share_stop"), visible=False, elem_id="share-stop")
                everything = gr.Button(words("share_stop_all"), visible=False, elem_id="share-stop-all")
            taken = gr.HTML(padding=False, elem_id="share-taken")  # apart from the new link, which is shown once
        shown = gr.State("")  # the link that is shown; one that is over is shown no longer
    given = [run, open_now, what, hours, *where[:3]]
    _wire(page, given, (go, back, everything), (where[3], taken, said, shown), (here, away))


def _wire(
    page: Page, given: list[Any], buttons: tuple[Any, Any, Any], told: tuple[Any, ...], places: tuple[Any, Any]
) -> None:
    """What the buttons do. `told`: what is wrong, what was taken back, the link that was made, and which it is."""
    words, open_now = page.words, given[1]
    (go, back, everything), (wrong, taken, said, shown) = buttons, told
    more = [open_now, back, everything, said, shown]

    def drawn(chosen: str | None, made: str) -> list[Any]:
        over = made and made not in [each.id for each in links.all_open(page.workspace)]
        return [*_listed(page, chosen), "" if over else gr.skip(), "" if over else gr.skip()]

    @only_here
    def shared(run_id: str | None, chosen: str | None, *terms: Any) -> list[Any]:
        refused, link, made = _shared(page, run_id or "", terms)
        return [refused, "", *_listed(page, chosen, made), link, made or gr.skip()]

    @only_here
    def stopped(chosen: str | None, made: str) -> list[Any]:
        return ["", _stopped(page, chosen), *drawn(chosen, made)]

    @only_here
    def all_stopped(made: str) -> list[Any]:
        for each in links.all_open(page.workspace):
            process.stop(page.workspace, each.id)
        return ["", fine(words("share_stopped")), *drawn(None, made)]

    seek = "wrong => { if (!wrong) wbSeek('share-said', 'center'); }"
    go.click(shared, given, [wrong, taken, *more]).then(None, [wrong], None, js=seek)
    back.click(stopped, [open_now, shown], [wrong, taken, *more], queue=False)
    everything.click(all_stopped, [shown], [wrong, taken, *more], queue=False)

    def opened(chosen: str | None, request: gr.Request) -> list[Any]:
        local = bool(roles_of(request) & LOCALS)
        return [gr.update(visible=local), gr.update(visible=not local), *drawn(chosen, "")]

    page.loads.append((opened, [open_now], [*places, *more]))
    page.aside.change(drawn, [open_now, shown], more, queue=False, show_progress="hidden")


def _where(page: Page) -> tuple[Any, Any, Any, Any]:
    """Who can reach it, what that means, and for a reverse proxy where it finds the page: place, port, path, what is wrong with those."""
    words = page.words
    # The network is chosen beforehand: the smallest circle in which a link is of use as it is. The tunnel passes everything through a stranger's
    # server and lets the whole world try the link, and a page for this machine alone needs a proxy first: both are for those who mean them.
    place = gr.Radio([(words(f"share_{name}"), name) for name in _places()], value="network", label=words("share_place"), elem_id="share-place", interactive=True)  # fmt: skip
    about = gr.HTML(_about(words, "network"), padding=False, elem_id="share-about")
    with gr.Row(visible=False) as proxy:
        port = gr.Number(PORT, label=words("share_port"), info=words("share_port_help"), precision=0, elem_id="share-port", interactive=True)  # fmt: skip
        path = gr.Textbox("", label=words("share_path"), info=words("share_path_help"), placeholder="/try", max_lines=1, max_length=200, elem_id="share-path", interactive=True)  # fmt: skip
    wrong = gr.HTML(padding=False, elem_id="share-wrong")

    def drawn(name: str) -> list[Any]:
        return [_about(words, name), gr.update(visible=name == "here"), ""]

    place.change(drawn, [place], [about, proxy, wrong], queue=False, show_progress="hidden")
    return place, port, path, wrong


def _places() -> tuple[str, ...]:
    return ("network", "tunnel", "here") if tunnel.has_tunnel() else ("network", "here")


def _about(words: Words, place: str) -> str:
    if place not in links.PLACES:
        return ""
    said = [words(f"share_about_{place}")]
    if place == "network" and not tunnel.has_tunnel():
        said.append(words("share_no_tunnel"))
    return hint(("" if words.lang == "zh" else " ").join(said))


def _shared(page: Page, run_id: str, given: Sequence[Any]) -> tuple[Any, Any, str]:
    """Make a link: what is wrong; what is said below the button, where a link that was shown stays until there is another; the new link."""
    words = page.words
    try:
        terms = _terms(*given)
        told = process.share(page.workspace, run_id, terms)
    except (UserError, ValueError, TypeError) as error:
        wrong = error if isinstance(error, UserError) else UserError("Choose how long.", "请选择有效期。")
        return problem(wrong, words.lang), gr.update(), ""
    key = "share_made_here" if terms.place == "here" else "share_made"
    made = fine(words(key, mark=_mark(told["link"]), until=clock(told["until"])))
    first, *others = (_address(words, url) for url in told["urls"])
    more = [first, _fold(words("share_others"), "".join(others)) if others else "", _behind(words, terms, told["urls"][0]) if terms.place == "here" else ""]  # fmt: skip
    return "", made + tag("div", "".join(more), class_="addresses") + hint(words("share_once")), str(told["link"])


def _terms(runs: bool, until: float, place: str, port: float | None, path: str | None) -> Terms:
    """What was chosen; a port and a path count for a proxy only. UserError for those that are none."""
    if place != "here":
        return Terms(float(until), bool(runs), str(place))
    if port is None or port not in PORTS:
        raise UserError(f"A port is a whole number from {PORTS[0]} to {PORTS[-1]}.", f"端口须为 {PORTS[0]} 到 {PORTS[-1]} 之间的整数。", field="port")  # fmt: skip
    below = (path or "").strip().strip("/")
    return Terms(float(until), bool(runs), place, mounted(f"/{below}" if below else ""), int(port))


def _behind(words: Words, terms: Terms, url: str) -> str:
    """The address that guests get from a proxy, and what the proxy needs."""
    theirs = _address(words, "https://YOUR-NAME" + url.removeprefix(f"http://127.0.0.1:{terms.port}"))
    needs = NGINX.format(path=terms.prefix, port=terms.port)
    return tag("p", esc(words("share_theirs"))) + theirs + _fold(words("share_nginx"), tag("pre", esc(needs), class_="said") + _copy(words, needs))  # fmt: skip


def _address(words: Words, url: str) -> str:
    return tag("div", tag("code", esc(url)) + _copy(words, url), class_="address")


def _fold(title: str, inner: str) -> str:
    return tag("details", tag("summary", esc(title)) + inner)


def _copy(words: Words, text: str) -> str:
    return f'<button type="button" data-copy="{esc(text)}" data-done="{esc(words("share_copied"))}">{esc(words("share_copy"))}</button>'


def _stopped(page: Page, chosen: str | None) -> str:
    try:
        if not chosen:
            raise UserError("Choose a link first.", "请先选择一个链接。", field="link")
        process.stop(page.workspace, links.load(page.workspace, chosen).id)
    except UserError as error:
        return problem(error, page.words.lang)
    left = len(links.all_open(page.workspace))
    return fine(page.words("share_stopped_one", mark=_mark(chosen), n=left))


def _listed(page: Page, chosen: str | None, made: str = "") -> list[Any]:
    """The open links, the two buttons. What is chosen and still open stays untouched (an answer may come after a newer choice); with
    several, nothing is chosen for the owner."""
    found = links.all_open(page.workspace)
    ids = [each.id for each in found]
    told: dict[str, Any] = {"choices": [(_line(page, each), each.id) for each in found], "visible": bool(found)}
    if made in ids:
        told["value"] = made
    elif len(ids) < 2 or (chosen and chosen not in ids):
        told["value"] = ids[0] if len(ids) == 1 else None
    return [gr.update(**told), gr.update(visible=bool(found)), gr.update(visible=len(found) > 1)]


def _line(page: Page, link: links.Link) -> str:
    told, words = facts(page.workspace, link), page.words
    what = words("share_runs" if link.runs else "share_chat")
    return f"{_mark(link.id)} · {link.run} · {what} · {words(f'share_{link.place}')} · {words('share_guests', n=told['guests'])} · {clock(link.until)}"


def _mark(link_id: str) -> str:
    """What tells two links for the same run and hour apart."""
    return f"#{link_id[-4:]}"
