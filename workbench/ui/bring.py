"""Bringing a file: uploaded or pasted, shown as it was read, its columns confirmed, saved as a dataset; what was refused to take away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.data import intake, readers, roles
from workbench.ui.notices import empty, esc, fine, hint, problem, progress, table, tag
from workbench.ui.page import Page

PREVIEW_ROWS = 12
REFUSED_ROWS = 20
PASTED = 20_000_000
"""Characters that can be pasted at most."""


def role_names() -> list[str]:
    """Every role of every task, in the tasks' order, and the split column last."""
    names = [role.name for task in TASKS.all() for role in task.roles]
    return [*dict.fromkeys(names), "split"]


def build(page: Page) -> tuple[Any, dict[str, Any]]:
    """A file to drop, a box to paste into, and the confirmation: (the file, the parts that are wired later)."""
    words = page.words
    gr.HTML(f"<h2>{esc(words('own_file'))}</h2>", padding=False)
    upload = gr.File(label=words("upload"), file_count="single", type="filepath", height=130, elem_id="upload")
    with gr.Accordion(words("paste_title"), open=False, elem_id="pasting"):
        text = gr.Textbox(lines=6, max_lines=14, label=words("paste"), info=words("paste_help"), elem_id="paste-text")
        read = gr.Button(words("paste_go"), elem_id="paste-go")
    parts = _confirm(page)
    read.click(lambda given: _pasted(page, given), [text], [upload, parts["said"]])
    return upload, parts


def wire(page: Page, upload: Any, parts: dict[str, Any], picture: list[Any]) -> None:
    """Reading, choosing roles, saving. `picture`: what is drawn of a dataset."""
    fields = list(parts["fields"].values())
    opened = [*(parts[part] for part in ("panel", "notes", "name", "task")), *fields, parts["said"], *picture]
    upload.change(lambda path: _read(page, path), [upload], opened)
    parts["task"].input(lambda task, path: _role_fields(page, task, path), [parts["task"], upload], fields)
    saving = parts["save"].click(
        partial(_save, page), [upload, parts["name"], parts["task"], parts["later"], page.pulse, *fields],
        [parts["said"], parts["stop"], parts["refused"], page.pulse], show_progress="hidden",
    )  # fmt: skip
    parts["stop"].click(
        lambda: [hint(page.words("import_stopped")), gr.update(visible=False)], None,
        [parts["said"], parts["stop"]], cancels=[saving], queue=False,
    )  # fmt: skip


def _pasted(page: Page, text: str | None) -> list[Any]:
    """What was pasted becomes a file, and is read like any other."""
    text = text or ""
    if not text.strip() or len(text) > PASTED:
        what = UserError("Paste some text or a table first (20 MB at most).", "请先粘贴文字或表格（最多 20 MB）。")
        return [gr.skip(), problem(what, page.words.lang)]
    path = Path(tempfile.mkdtemp(prefix="pasted-")) / "pasted.txt"
    path.write_text(text.replace("\r\n", "\n"), encoding="utf-8")
    return [str(path), ""]


def nothing(page: Page) -> list[Any]:
    return [empty(page.words("data_empty")), gr.update(visible=False), gr.update(visible=False)]


def _confirm(page: Page) -> dict[str, Any]:
    """The confirmation: name, task, one choice of column per role, save."""
    words = page.words
    with gr.Column(visible=False, elem_classes="plain") as panel:
        notes = gr.HTML(padding=False)
        name = gr.Textbox(label=words("dataset_name"), elem_id="dataset-name", interactive=True)
        task = gr.Radio(
            [(words.say(entry.label), entry.kind) for entry in TASKS.all()],
            label=words("task"),
            elem_id="data-task",
            interactive=True,
        )
        fields = {
            role: gr.Dropdown(
                [], label=_role_label(page, role), elem_id=f"role-{role}", interactive=True, visible=False
            )
            for role in role_names()
        }
        later = gr.Checkbox(False, label=words("label_later"), elem_id="label-later")
        save = gr.Button(words("save_dataset"), variant="primary", elem_id="save-dataset")
        stop = gr.Button(words("import_stop"), elem_id="import-stop", visible=False)
    said = gr.HTML(padding=False)
    refused = gr.File(visible=False, interactive=False, label=words("refused_file"), elem_id="refused-file")
    return {
        "panel": panel,
        "notes": notes,
        "name": name,
        "task": task,
        "fields": fields,
        "save": save,
        "later": later,
        "stop": stop,
        "said": said,
        "refused": refused,
    }


def _role_label(page: Page, role: str) -> str:
    found = next((item for task in TASKS.all() for item in task.roles if item.name == role), None)
    label = page.words.say(found.label) if found else page.words("role_split")
    return f"{label} · {role}"


def _read(page: Page, path: str | None) -> list[Any]:
    """Read an uploaded file and guess; nothing is saved yet."""
    count = len(role_names())
    if not path:
        return [gr.update(visible=False), "", gr.skip(), gr.skip(), *[gr.skip()] * count, "", *nothing(page)]
    try:
        found, _ = readers.read_head(Path(path))
    except UserError as error:
        said = problem(error, page.words.lang)
        return [
            gr.update(visible=False),
            "",
            gr.skip(),
            gr.skip(),
            *[gr.skip()] * count,
            said,
            *[gr.skip()] * 3,
        ]
    guess = roles.guess(found)
    task = guess.task or TASKS.kinds()[0]
    name = (
        "".join(char if char.isalnum() or char in "-_." else "-" for char in Path(path).stem)[:64].strip("-.") or "data"
    )
    fields = _columns(page, task, found.columns, guess.roles)
    rows = table(found.columns, ([row.get(column) for column in found.columns] for row in found.rows[:PREVIEW_ROWS]))
    shown = f"<h2>{esc(page.words('preview'))}</h2>{_read_facts(page, found)}{rows}{_refused(page, found)}"
    return [
        gr.update(visible=True),
        _notes(page, found, guess),
        name,
        task,
        *fields,
        "",
        shown,
        gr.update(visible=False),
        gr.update(visible=False),
    ]


def _columns(page: Page, task: str, columns: list[str], guessed: dict[str, str]) -> list[Any]:
    """One dropdown per role: those of the task are shown, with the guessed column chosen."""
    wanted = {role.name: role for role in TASKS.get(task).roles}
    by_role = {role: column for column, role in guessed.items()}
    updates = []
    for role in role_names():
        shown = role in wanted or (role == "split" and role in by_role)
        help_text = page.words.say(wanted[role].help) if role in wanted else None
        choices = [(page.words("no_column"), ""), *[(column, column) for column in columns]]
        updates.append(gr.update(choices=choices, value=by_role.get(role, ""), visible=shown, info=help_text))
    return updates


def _role_fields(page: Page, task: str, path: str | None) -> list[Any]:
    if not path:
        return [gr.skip()] * len(role_names())
    found, _ = readers.read_head(Path(path))
    return _columns(page, task, found.columns, roles.guess(found).roles)


def _notes(page: Page, found: Any, guess: Any) -> str:
    words = page.words
    notes = [hint(words.say(warning)) for warning in found.warnings]
    reasons = "\n".join(
        f"{column} → {guess.roles[column]}: {words.say(reason)}"
        for column, reason in guess.reasons.items()
        if column in guess.roles
    )
    return "".join(notes) + (hint(words("guessed") + "\n" + reasons) if reasons else hint(words("not_guessed")))


def _read_facts(page: Page, found: Any) -> str:
    words = page.words
    text = words(
        "read_as",
        rows=len(found.rows),
        columns=len(found.columns),
        format=found.format,
        encoding=found.encoding,
        refused=len(found.refused),
    )
    return tag("p", esc(text))


def _refused(page: Page, found: Any) -> str:
    if not found.refused:
        return ""
    words = page.words
    rows = [[item.line, words.say(item.reason)] for item in found.refused[:REFUSED_ROWS]]
    return f"<h2>{esc(words('refused', n=len(found.refused)))}</h2>" + table([words("line"), words("reason")], rows)


def _save(page: Page, path: str | None, name: str, task: str, later: bool, *rest: Any) -> Iterator[list[Any]]:
    """Check the confirmed roles and save, telling how far it is; the dataset is chosen for the next run at once."""
    words, hidden, (pulse, *columns) = page.words, gr.update(visible=False), rest
    try:
        if not path:
            raise UserError("Choose a file first.", "请先选择文件。")
        entry = TASKS.get(task)
        wanted = {role.name for role in entry.roles} | {"split"}
        chosen = {column: role for role, column in zip(role_names(), columns, strict=True) if column and role in wanted}
        steps, made = intake.importing(page.workspace, Path(path), name, chosen, entry, later), None
        while made is None:
            try:
                share = next(steps)
                yield [progress(share, f"{words('importing')} {share:.0%}"), gr.update(visible=True), hidden, gr.skip()]
            except StopIteration as end:
                made = end.value
    except UserError as error:
        yield [problem(error, words.lang), hidden, hidden, gr.skip()]
        return
    page.draft.choose_dataset(made.dataset.name, made.dataset.version)
    if task != page.draft.get("task.kind"):
        page.draft.choose_task(task)
    rows = f"{made.dataset.meta['rows']:,}"
    told = fine(words("saved", name=made.dataset.name, version=made.dataset.version, rows=rows))
    told += "".join(hint(words.say(warning)) for warning in made.warnings)
    kept = made.dataset.folder / intake.REFUSED
    file = gr.update(value=str(_copied(kept, made.dataset.name)), visible=True) if kept.is_file() else hidden
    yield [told, hidden, file, pulse + 1]


def _copied(path: Path, name: str) -> Path:
    """A copy that may be taken away; the dataset's own file is not served."""
    made = Path(tempfile.mkdtemp(prefix="refused-")) / f"{name}-{path.name}"
    made.write_bytes(path.read_bytes())
    return made
