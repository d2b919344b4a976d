"""Bringing a file: uploaded or pasted, shown as it was read, its columns confirmed, saved as a dataset; what was refused to take away."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.data import intake, library, readers, roles
from workbench.ui.notices import empty, esc, fine, hint, problem, progress, table, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

PREVIEW_ROWS = 12
REFUSED_ROWS = 20
REASONS = 3
SEEN = """() => setTimeout(() => {
  const said = document.getElementById("import-said"), seen = said && said.textContent.trim() ? said : document.getElementById("save-dataset");
  if (seen) seen.scrollIntoView({ block: "nearest" });
}, 100)"""
"""Brings into view what was said of the file, or the button that saves it."""
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


def wire(page: Page, parts: dict[str, Any], picture: tuple[Any, list[Any]]) -> None:
    """Reading, choosing roles, saving. `parts` also holds the upload, the chosen dataset and the button that uses it; `picture` is
    how a dataset is drawn (a function of its name, and the components)."""
    fields, upload, columns, said = list(parts["fields"].values()), parts["upload"], parts["columns"], parts["said"]
    waiting = [parts[part] for part in ("panel", "use", "refused")]
    opened = [*waiting, said, *(parts[part] for part in ("notes", "columns", "name", "taken", "task")), *fields, *picture[1]]  # fmt: skip
    upload.change(partial(_read, page, picture[0]), [upload, parts["chosen"]], opened).then(None, None, None, js=SEEN)
    upload.clear(lambda name: [*_waits(False), "", *picture[0](name)], [parts["chosen"]], [*waiting, said, *picture[1]])
    parts["name"].change(partial(_taken, page), [parts["name"], columns], [parts["taken"]], queue=False, show_progress="hidden")  # fmt: skip
    parts["task"].input(lambda task, path: _role_fields(page, task, path), [parts["task"], upload], fields)
    saving = parts["save"].click(
        partial(_save, page), [upload, parts["name"], parts["task"], parts["later"], page.pulse, *fields],
        [said, parts["stop"], upload, *waiting, parts["chosen"], page.pulse], show_progress="hidden",
    )  # fmt: skip
    saving.then(None, None, None, js=SEEN)
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
    """What was said of it; the confirmation: name, save, task, one choice of column per role."""
    words = page.words
    said = gr.HTML(padding=False, elem_id="import-said")
    refused = gr.File(visible=False, interactive=False, label=words("refused_file"), elem_id="refused-file")
    with gr.Column(visible=False, elem_classes="plain", elem_id="confirm") as panel:
        gr.HTML(f"<h2>{esc(words('confirm_title'))}</h2>", padding=False)
        columns = gr.State([])
        name = gr.Textbox(label=words("dataset_name"), elem_id="dataset-name", interactive=True)
        taken = gr.HTML(padding=False, elem_id="dataset-taken")
        save = gr.Button(words("save_dataset"), variant="primary", elem_id="save-dataset")
        stop = gr.Button(words("import_stop"), elem_id="import-stop", visible=False)
        notes = gr.HTML(padding=False)
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
    return {
        "panel": panel, "notes": notes, "columns": columns, "name": name, "taken": taken, "task": task, "fields": fields,
        "save": save, "later": later, "stop": stop, "said": said, "refused": refused,
    }  # fmt: skip


def _role_label(page: Page, role: str) -> str:
    found = next((item for task in TASKS.all() for item in task.roles if item.name == role), None)
    label = page.words.say(found.label) if found else page.words("role_split")
    return label if label.casefold() == role else f"{label} · {role}"


def _waits(waiting: bool) -> list[Any]:
    """The confirmation is there while a file waits for it, and using a dataset stands back as long."""
    use = "secondary" if waiting else "primary"
    return [gr.update(visible=waiting), gr.update(variant=use), gr.update(visible=False)]


def _read(page: Page, draw: Any, path: str | None, chosen: str | None) -> list[Any]:
    """Read an uploaded file and guess; nothing is saved yet. When it cannot be read, the chosen dataset is shown."""
    untouched = [gr.skip()] * (5 + len(role_names()))
    if not path:  # saved, or taken away again, which is wired apart
        return [gr.skip()] * (7 + len(untouched))
    try:
        found, _ = readers.read_head(Path(path))
    except UserError as error:
        return [*_waits(False), problem(error, page.words.lang), *untouched, *draw(chosen)]
    guess = roles.guess(found)
    task = guess.task or TASKS.kinds()[0]
    name = _free(page, Path(path).stem, found.columns)
    fields = _columns(page, task, found.columns, guess.roles)
    rows = table(found.columns, ([row.get(column) for column in found.columns] for row in found.rows[:PREVIEW_ROWS]))
    shown = f"<h2>{esc(page.words('preview'))}</h2>{_read_facts(page, found)}{rows}{_refused(page, found)}"
    told = [_notes(page, found, guess), found.columns, name, _taken(page, name, found.columns), task]
    return [*_waits(True), "", *told, *fields, shown, *[gr.update(visible=False)] * 2]


def _free(page: Page, stem: str, columns: list[str]) -> str:
    """A name after the file's; with a number behind it where a dataset with other columns, or a sample, is called so."""
    plain = "".join(char if char.isalnum() or char in "-_." else "-" for char in stem)[:60].strip("-.") or "data"
    names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
    return next(name for name in names if _same_columns(page, name, columns) is not False)


def _same_columns(page: Page, name: str, columns: list[str]) -> bool | None:
    """None when no dataset is called so; else whether it is one of the same columns that may get another version."""
    try:
        found = library.find(page.workspace, name)
    except UserError:
        return None
    return not found.sample and {*found.meta["columns"]} - {"split"} == {*columns} - {"split"}


def _taken(page: Page, name: str, columns: list[str]) -> str:
    """What saving would do to the dataset that is called so already."""
    try:
        found = library.find(page.workspace, (name or "").strip())
    except UserError:
        return ""
    kind = "sample" if found.sample else "same" if _same_columns(page, found.name, columns) else "other"
    facts = {"name": found.name, "version": found.version, "rows": f"{found.meta['rows']:,}", "next": found.version + 1}
    return hint(page.words(f"taken_{kind}", **facts))


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
    words, hidden, (pulse, *columns), same = page.words, gr.update(visible=False), rest, [gr.skip()] * 5
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
                yield [progress(share, f"{words('importing')} {share:.0%}"), gr.update(visible=True), *same, gr.skip()]
            except StopIteration as end:
                made = end.value
    except UserError as error:
        yield [problem(error, words.lang), hidden, *same, gr.skip()]
        return
    page.draft.choose_dataset(made.dataset.name, made.dataset.version)
    if task != page.draft.get("task.kind"):
        page.draft.choose_task(task)
    rows = f"{made.dataset.meta['rows']:,}"
    told = fine(words("saved", name=made.dataset.name, version=made.dataset.version, rows=rows))
    told += left_out(words, made) + "".join(hint(words.say(warning)) for warning in made.warnings)
    kept = made.dataset.folder / intake.REFUSED
    file = gr.update(value=str(_copied(kept, made.dataset.name)), visible=True) if kept.is_file() else hidden
    names = list(dict.fromkeys(item.name for item in library.all_datasets(page.workspace)))
    shown = gr.update(
        choices=names, value=made.dataset.name
    )  # with the note: what is pressed next is about this dataset
    yield [told, hidden, None, *_waits(False)[:2], file, shown, pulse + 1]


def left_out(words: Words, made: intake.Imported) -> str:
    """How many rows were refused, and the most frequent reasons."""
    count = made.dataset.meta["steps"][0]["refused"]
    why = Counter(words.say(item.reason) for item in made.refused).most_common(REASONS)
    reasons = " · ".join(f"{reason} ({times:,})" for reason, times in why)
    return hint(words("saved_refused", n=f"{count:,}", why=reasons)) if count else ""


def _copied(path: Path, name: str) -> Path:
    """A copy that may be taken away; the dataset's own file is not served."""
    made = Path(tempfile.mkdtemp(prefix="refused-")) / f"{name}-{path.name}"
    made.write_bytes(path.read_bytes())
    return made
