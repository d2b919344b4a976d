"""Data: bring a file, see how it was read, confirm what the columns mean, keep it as a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.data import intake, library, profile, readers, roles
from workbench.ui import annotate, cleaning, figures, hubdata, rows, splitting, understand
from workbench.ui.notices import empty, esc, facts, fine, heading, hint, problem, progress, table, tag
from workbench.ui.page import Page

PREVIEW_ROWS = 12
REFUSED_ROWS = 20


def role_names() -> list[str]:
    """Every role of every task, in the tasks' order, and the split column last."""
    names = [role.name for task in TASKS.all() for role in task.roles]
    return [*dict.fromkeys(names), "split"]


def build(page: Page) -> None:
    """Import on the left, picture on the right."""
    words = page.words
    gr.HTML(heading(words("data_title"), words("data_text")), padding=False)
    with gr.Row(elem_classes="two"):
        with gr.Column(scale=2, min_width=320):
            chosen = gr.Dropdown([], label=words("dataset"), elem_id="dataset-choice", interactive=True)
            use = gr.Button(words("use_dataset"), variant="primary", elem_id="use-dataset")
            gr.HTML(f"<h2>{esc(words('own_file'))}</h2>", padding=False)
            upload = gr.File(
                label=words("upload"), file_count="single", type="filepath", height=130, elem_id="upload",
            )  # fmt: skip
            confirm = _confirm(page)
            hubdata.build(page)
        with gr.Column(scale=3, min_width=340):
            picture = gr.HTML(padding=False)
            balance = gr.Plot(visible=False, show_label=False)
            lengths = gr.Plot(visible=False, show_label=False)
    _wire(page, (chosen, use, upload), confirm, [picture, balance, lengths])
    rows.build(page, chosen)
    understand.build(page, chosen)
    cleaning.build(page, chosen, (lambda name: _show(page, name), [picture, balance, lengths]))
    annotate.build(page, chosen)
    splitting.build(page, chosen)


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
    }


def _role_label(page: Page, role: str) -> str:
    found = next((item for task in TASKS.all() for item in task.roles if item.name == role), None)
    label = page.words.say(found.label) if found else page.words("role_split")
    return f"{label} · {role}"


def _wire(page: Page, top: tuple[Any, Any, Any], confirm: dict[str, Any], picture: list[Any]) -> None:
    chosen, use, upload = top
    fields = list(confirm["fields"].values())
    page.view(lambda: _datasets(page), [], [chosen])
    chosen.change(lambda name: _show(page, name), [chosen], picture, queue=False, show_progress="hidden")
    use.click(lambda name, pulse: _use(page, name, pulse), [chosen, page.pulse], [page.pulse], queue=False).then(
        None, None, None, js="() => wbGo('model')"
    )
    opened = [*(confirm[part] for part in ("panel", "notes", "name", "task")), *fields, confirm["said"], *picture]
    upload.change(lambda path: _read(page, path), [upload], opened)
    confirm["task"].input(lambda task, path: _role_fields(page, task, path), [confirm["task"], upload], fields)
    saving = confirm["save"].click(
        partial(_save, page), [upload, confirm["name"], confirm["task"], confirm["later"], page.pulse, *fields],
        [confirm["said"], confirm["stop"], page.pulse], show_progress="hidden",
    )  # fmt: skip
    confirm["stop"].click(
        lambda: [hint(page.words("import_stopped")), gr.update(visible=False)], None,
        [confirm["said"], confirm["stop"]], cancels=[saving], queue=False,
    )  # fmt: skip


def _datasets(page: Page) -> Any:
    names = list(dict.fromkeys(item.name for item in library.all_datasets(page.workspace)))
    current = page.draft.get("data.dataset")
    return gr.update(choices=names, value=current if current in names else (names[0] if names else None))


def _use(page: Page, name: str | None, pulse: float) -> float:
    if name:
        dataset = library.find(page.workspace, name)
        page.draft.choose_dataset(name)
        task = dataset.meta.get("task")
        if task in TASKS.kinds() and task != page.draft.get("task.kind"):
            page.draft.choose_task(task)
    return pulse + 1


def _read(page: Page, path: str | None) -> list[Any]:
    """Read an uploaded file and guess; nothing is saved yet."""
    count = len(role_names())
    if not path:
        return [gr.update(visible=False), "", gr.skip(), gr.skip(), *[gr.skip()] * count, "", *_nothing(page)]
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
                yield [progress(share, f"{words('importing')} {share:.0%}"), gr.update(visible=True), gr.skip()]
            except StopIteration as end:
                made = end.value
    except UserError as error:
        yield [problem(error, words.lang), hidden, gr.skip()]
        return
    page.draft.choose_dataset(made.dataset.name, made.dataset.version)
    if task != page.draft.get("task.kind"):
        page.draft.choose_task(task)
    rows = f"{made.dataset.meta['rows']:,}"
    yield [fine(words("saved", name=made.dataset.name, version=made.dataset.version, rows=rows)), hidden, pulse + 1]


def _nothing(page: Page) -> list[Any]:
    return [empty(page.words("data_empty")), gr.update(visible=False), gr.update(visible=False)]


def _show(page: Page, name: str | None) -> list[Any]:
    """The chosen dataset: facts, first rows, label balance, lengths."""
    words = page.words
    if not name:
        return _nothing(page)
    try:
        dataset = library.find(page.workspace, name)
        found = profile.profile(dataset.rows(0, profile.PART), dataset.meta.get("roles") or {})
    except UserError as error:
        return [problem(error, words.lang), gr.update(visible=False), gr.update(visible=False)]
    columns = list(dataset.meta.get("columns") or [])
    rows = dataset.rows(0, PREVIEW_ROWS)
    shown = facts([
        (words("rows"), f"{dataset.meta['rows']:,}" + (words("looked_at", n=f"{found.rows:,}") if found.rows < dataset.meta["rows"] else "")),
        (words("columns"), ", ".join(f"{column} → {role}" for column, role in (dataset.meta.get("roles") or {}).items()) or ", ".join(columns)),
        (words("version"), dataset.version),
        (words("duplicates"), found.duplicates),
        (words("overlap"), found.overlap),
    ])  # fmt: skip
    card = tag("div", f"<h2>{esc(dataset.name)}</h2>{shown}", class_="card")
    body = table(columns, ([_cell(row.get(column)) for column in columns] for row in rows))
    return [card + body, _balance(page, found), _lengths(page, found)]


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return "\n".join(
            f"{item.get('role')}: {item.get('content')}" if isinstance(item, dict) else str(item) for item in value
        )
    return value


def _balance(page: Page, found: Any) -> Any:
    if not found.labels:
        return gr.update(visible=False)
    labels = list(found.labels)[:12]
    height = 80 + 28 * len(labels)
    return gr.update(value=figures.counts(labels, [found.labels[label] for label in labels], height), visible=True)


def _lengths(page: Page, found: Any) -> Any:
    if not found.counts:
        return gr.update(visible=False)
    return gr.update(value=figures.histogram(found.edges, found.counts, page.words("characters")), visible=True)
