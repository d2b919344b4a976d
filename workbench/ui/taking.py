"""Take it with you, on the Evaluate page: a target, its knobs, progress, the table of the check, and where the files lie."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.knob import knobs
from workbench.core.metric import METRICS
from workbench.core.run import Run, find
from workbench.core.text import Text
from workbench.engine.ask import Asked
from workbench.engine.taking import EXPORTS, WORDS, refusal, section_of, take, taken, wish
from workbench.ui.form import Form
from workbench.ui.notices import empty, esc, fine, hint, problem, progress, table, tag
from workbench.ui.page import Page

POLL = 0.4
"""Seconds between two looks at how far an export is."""
SMALL = 200_000_000
"""Bytes that are offered as a download; more lies in its folder."""
SHARES = {"ask": 0.1, "write": 0.4, "check": 0.7, "publish": 0.9}
"""How far each phase is, about."""


class TargetForm(Form):
    """The knobs of every target, filled from their defaults; nothing of it is kept."""

    def value(self, path: str, field: Any) -> Any:
        """The default."""
        return field.default

    def chosen(self, kind: str, values: tuple[Any, ...]) -> dict[str, Any]:
        """The knobs of one target as they stand."""
        pairs = zip(self.fields, values, strict=True)
        mine = {path.rpartition(".")[2]: value for path, value in pairs if path.startswith(f"take:{kind}.")}
        return {name: value for name, value in mine.items() if value is not None}


def build(page: Page, chosen: Any) -> None:
    """The fold; `chosen` is the choice of a run above."""
    words, form = page.words, TargetForm(page.words, page.draft)
    first = EXPORTS.all()[0].kind
    with gr.Accordion(words("take_title"), open=False, elem_id="take"):
        gr.HTML(hint(words("take_text")), padding=False)
        with gr.Row(elem_classes="two"):
            with gr.Column(scale=2, min_width=320):
                choices = [(words.say(each.label), each.kind) for each in EXPORTS.all()]
                kind = gr.Radio(choices, value=first, label=words("take_target"), elem_id="take-kind", interactive=True)
                about = gr.HTML(padding=False, elem_id="take-about")
                groups = _groups(form)
                with gr.Row():
                    go = gr.Button(words("take_go"), variant="primary", elem_id="take-go")
                    stop = gr.Button(words("cancel"), variant="stop", visible=False, elem_id="take-stop")
            with gr.Column(scale=3, min_width=340):
                said = gr.HTML(padding=False, elem_id="take-said")
                file = gr.File(visible=False, interactive=False, label=words("take_file"), elem_id="take-file")
                before = gr.HTML(padding=False, elem_id="take-before")
    parts = {"kind": kind, "about": about, "go": go, "stop": stop, "said": said, "file": file, "before": before}
    _wire(page, form, chosen, groups, parts)


def _groups(form: TargetForm) -> list[tuple[str, Any]]:
    """The knobs of every target, one group visible at a time."""
    found: list[tuple[str, Any]] = []
    for export in EXPORTS.all():
        with gr.Column(visible=not found, elem_classes="plain") as group:
            for name, (field, made) in sorted(knobs(export.section).items(), key=lambda item: item[1][1].advanced):
                path = f"take:{export.kind}.{name}"
                form.fields[path] = form.component(path, field, made)
        found.append((export.kind, group))
    return found


def _wire(page: Page, form: TargetForm, chosen: Any, groups: list[Any], parts: dict[str, Any]) -> None:
    quiet = {"queue": False, "show_progress": "hidden"}
    asked: dict[str, Asked] = {}
    kind, given = parts["kind"], form.components

    def call_off(session: gr.Request) -> None:
        if found := asked.get(str(session.session_hash)):
            found.cancel()

    def go(session: gr.Request, run: str, target: str, *values: Any) -> Iterator[list[Any]]:
        asked[str(session.session_hash)] = mine = Asked()
        yield from _taking(page, run, target, form.chosen(target, values), mine)

    outputs = [parts["said"], parts["stop"], parts["file"], parts["before"]]
    parts["go"].click(go, [chosen, kind, *given], outputs, show_progress="hidden")
    parts["stop"].click(call_off, None, None, queue=False)
    for event in (kind.change, chosen.change, page.mark.change, *(each.change for each in given)):
        event(lambda run, target, *values: _about(page, run, target, form.chosen(target, values)), [chosen, kind, *given], [parts["about"], parts["go"]], **quiet)  # fmt: skip
    kind.input(lambda now: [gr.update(visible=name == now) for name, _ in groups], [kind], [group for _, group in groups], **quiet)  # fmt: skip
    chosen.change(lambda run: ["", gr.update(visible=False), _before(page, run)], [chosen], [parts["said"], parts["file"], parts["before"]], **quiet)  # fmt: skip


def _run(page: Page, run: str | None) -> Run | None:
    try:
        return find(page.workspace, run or "")
    except UserError:
        return None


def _about(page: Page, run_id: str | None, kind: str, given: dict[str, Any]) -> list[Any]:
    """What the target is for and how large it will be, or why it cannot be."""
    words, export, run = page.words, EXPORTS.get(kind), _run(page, run_id)
    said = tag("p", esc(words.say(export.help)))
    if run is None:
        return [said, gr.update(interactive=False)]
    why = refusal(page.workspace, run, export)
    if why is not None:
        return [said + hint(words.say(why)), gr.update(interactive=False)]
    try:
        size = export.megabytes(run, section_of(export, given))
    except UserError as error:
        return [said + problem(error, words.lang), gr.update(interactive=True)]
    return [said + tag("small", esc(words("take_size", size=_size(size * 1e6)))), gr.update(interactive=True)]


def _size(count: float) -> str:
    return (
        f"{count / 1e9:.1f} GB"
        if count >= 1e9
        else f"{count / 1e6:.1f} MB"
        if count >= 1e5
        else f"{count / 1e3:.1f} kB"
    )


def _taking(page: Page, run_id: str, kind: str, given: dict[str, Any], asked: Asked) -> Iterator[list[Any]]:
    """Progress until it ends; the work goes on in its own process, wherever this page is."""
    words, hidden, began = page.words, gr.update(visible=False), time.monotonic()
    try:
        run = find(page.workspace, run_id or "")
        wanted = wish(page.workspace, run, kind, given)
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(take, page.workspace, wanted, asked)
            while not _ended(work):
                yield [_far(page, asked, time.monotonic() - began), gr.update(visible=True), hidden, gr.skip()]
            done = work.result()
    except UserError as error:
        yield [problem(error, words.lang), hidden, hidden, gr.skip()]
        return
    yield [_told(page, done), hidden, _offered(Path(done["folder"]), done["bytes"]), _before(page, run_id)]


def _ended(work: Future[Any]) -> bool:
    wait([work], timeout=POLL)
    return work.done()


def _far(page: Page, asked: Asked, seconds: float) -> str:
    phase = str(asked.told.get("phase", "ask"))
    return progress(SHARES.get(phase, 0.05), f"{page.words(f'take_phase_{phase}')} · {seconds:.0f} s")


def _offered(folder: Path, size: int) -> Any:
    """One file to download: the only one there is, or all of them packed; none where there is no room to pack them."""
    try:
        return gr.update(value=_packed(folder), visible=True) if size <= SMALL else gr.update(visible=False)
    except OSError:
        return gr.update(visible=False)


def _packed(folder: Path) -> str:
    place = Path(tempfile.mkdtemp(prefix="take-"))
    files = [path for path in folder.iterdir() if path.name != "parity.json"]
    if len(files) == 1 and files[0].is_file():
        return str(shutil.copy(files[0], place))
    return shutil.make_archive(str(place / f"{folder.parent.parent.name}-{folder.name}"), "zip", folder)


def _told(page: Page, done: dict[str, Any]) -> str:
    """The word, the table, the place."""
    words, sentence = page.words, page.words.pick(done["sentence"])
    note = fine(sentence) if done["word"] != "unjudged" else hint(words("take_unjudged", why=sentence))
    if done["word"] == "broken":
        note = problem(words("take_broken", why=sentence), words.lang)
    place = tag("p", esc(words("take_place", size=_size(done["bytes"]))) + "<br>" + tag("code", esc(done["folder"])))
    link = done.get("published", {}).get("url")
    sent = fine(words("take_sent", where=link)) if link else ""
    return tag("div", note + sent + _parity(page, done) + place, class_="card")


def _parity(page: Page, done: dict[str, Any]) -> str:
    """The check, line by line."""
    words, lines = page.words, _lines(page, done)
    lines += [(words.say(Text(*each["what"])), each["run"], each["export"], each["ok"]) for each in done["further"]]
    head = [words("take_what"), words("take_run"), words("take_export"), ""]
    return table(head, [(what, run, new, "✓" if good else "✗") for what, run, new, good in lines]) if lines else ""


def _lines(page: Page, done: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """The lines that every model has."""
    if "max_delta" not in done:
        return []
    words, delta, limit = page.words, done["max_delta"], done["limit"]
    near = delta is not None and (limit is None or delta <= limit * done["scale"])
    most = f"{(limit or 0) * (done['scale'] or 0):.2g}"
    allowed = f" ({words('take_limit', limit=most)})" if limit and delta is not None else ""
    share = done["answers"] * done["answered"]
    rows = [
        (words("take_tokens"), str(done["prompts"]), "=" if done["tokens"] else "≠", bool(done["tokens"])),
        (words("take_delta"), "0", f"{delta:.2g}{allowed}" if delta is not None else "–", near),
        (words("take_kl"), "0", f"{done['kl']:.2g}" if done["kl"] is not None else "–", True),
        (words("take_answers"), str(done["answered"]), f"{share:.0f}", True),
    ]
    return rows + (_scored(page, done) if done["metric"] else [])


def _scored(page: Page, done: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """The metric; twice where the run was trained on a quantised base."""
    words, after, name = page.words, _figure(done["after"]), page.words.say(METRICS.get(done["metric"]).label)
    rows = [(words("take_metric", name=name, n=done["rows"]), _figure(done["before"]), after, True)]
    if done.get("trained"):
        rows.append((words("take_trained", name=name), _figure(done["trained"].get(done["metric"])), after, True))
    return rows


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else "–"


def _before(page: Page, run_id: str | None) -> str:
    """What was taken of this run before."""
    words, run = page.words, _run(page, run_id)
    found = taken(run) if run else []
    if not found:
        return empty(words("take_none"))
    names = {each.kind: words.say(each.label) for each in EXPORTS.all()}
    rows = [(names.get(each["to"], each["to"]), words.say(WORDS[each["word"]]), _size(each["bytes"]), each["folder"]) for each in found]  # fmt: skip
    return tag("h2", esc(words("take_before"))) + table(
        [words("take_target"), words("take_check"), words("take_bytes"), words("take_folder")], rows
    )
