"""A dataset from the Hub, a mirror or ModelScope (HF_ENDPOINT says which): its files are listed, those of one configuration fetched
and read by our readers.

No code of the repository is run, and no builder is chosen by name: only data files are read. GLUE and SQuAD have names of their own.
What it does not know: repositories that hold a script only, unless the Hub has converted them.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.dataset import SPLIT
from workbench.data.intake import Imported, keep_refused
from workbench.data.names import HELD_OUT, normal
from workbench.data.readers import read_table
from workbench.data.roles import Guess, check, guess
from workbench.data.table import Table
from workbench.models import hub, modelscope

REPO = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
CONVERTED = "refs/convert/parquet"
FILE = re.compile(
    r"(?:(?P<config>[^/]+)/)?(?:.*/)?(?P<stem>[^/]+?)(?:-\d+-of-\d+)?\.(?:parquet|jsonl|json|csv|tsv|jsonl\.gz|csv\.gz|arrow)"
)
WORDS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
PAIRS = {
    "cola": {"sentence": "text"}, "sst2": {"sentence": "text"}, "mrpc": {"sentence1": "text", "sentence2": "text_pair"},
    "qqp": {"question1": "text", "question2": "text_pair"}, "stsb": {"sentence1": "text", "sentence2": "text_pair"},
    "mnli": {"premise": "text", "hypothesis": "text_pair"}, "qnli": {"question": "text", "sentence": "text_pair"},
    "rte": {"sentence1": "text", "sentence2": "text_pair"}, "wnli": {"sentence1": "text", "sentence2": "text_pair"},
}  # fmt: skip
ASKED = {"question": "question", "context": "context", "answers": "answers"}


@dataclass(frozen=True)
class Named:
    """A well-known set: where it lies and what its columns mean."""

    repo: str
    config: str
    task: str
    roles: dict[str, str]


NAMED = {
    **{
        f"glue/{name}": Named("nyu-mll/glue", name, "text-classification", {**texts, "label": "score" if name == "stsb" else "label"})
        for name, texts in PAIRS.items()
    },
    "squad": Named("rajpurkar/squad", "plain_text", "question-answering", ASKED),
    "squad_v2": Named("rajpurkar/squad_v2", "squad_v2", "question-answering", ASKED),
}  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What is asked for. `name`: owner/name or one of NAMED; no `config`: the only one; no `splits`: training and validation rows;
    `rows`: at most so many of each split (0: all)."""

    name: str
    config: str = ""
    splits: tuple[str, ...] = ()
    rows: int = 0


@dataclass(frozen=True)
class File:
    """A data file in a repository."""

    path: str
    size: int
    config: str
    split: str


def files(repo: str, revision: str = "main") -> tuple[str, list[File]]:
    """(commit, data files); where a repository holds no data files, those of its converted branch. UserError with what is wrong."""
    there = modelscope.is_at(hub.endpoint())
    with hub.explained(repo):
        info = _listing(repo, revision, there)
    found = [_file(item) for item in info.siblings or [] if FILE.fullmatch(item.rfilename)]
    if found or there or revision == CONVERTED:
        return str(info.sha), found
    return files(repo, CONVERTED)


def _listing(repo: str, revision: str, there: bool) -> Any:
    if there:
        return modelscope.dataset_listing(hub.endpoint(), repo, revision, hub.TIMEOUT)
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub.endpoint()).dataset_info(
        repo, revision=revision, files_metadata=True, timeout=hub.TIMEOUT
    )


def _file(item: Any) -> File:
    hit = FILE.fullmatch(item.rfilename)
    folder, stem = (hit.group("config") or "", hit.group("stem")) if hit else ("", "")
    parts = [normal(part) for part in [*item.rfilename.split("/")[:-1][::-1], *re.split(r"[-_.]", stem)]]
    split = next((WORDS[part] for part in parts if part in WORDS), "train")
    config = "default" if normal(folder) in {"", "data", *WORDS} else folder
    return File(item.rfilename, int(item.size or 0), config, split)


def choose(found: list[File], wish: Wish) -> list[File]:
    """The files of one configuration and the wanted splits; UserError that lists what there is."""
    configs = sorted({file.config for file in found})
    config = wish.config or (configs[0] if len(configs) == 1 else "")
    mine = [file for file in found if file.config == config]
    if not mine:
        listed = ", ".join(configs[:30]) or "–"
        raise UserError(
            f"{wish.name}: say which configuration; it has: {listed}."
            if configs
            else f"{wish.name}: there is no data file that can be read.",
            f"{wish.name}：请指明配置；现有：{listed}。" if configs else f"{wish.name}：没有可读取的数据文件。",
            field="config",
        )
    splits = sorted({file.split for file in mine})
    wanted = wish.splits or tuple(name for name in ("train", "validation") if name in splits) or tuple(splits)
    missing = [name for name in wanted if name not in splits]
    if missing:
        raise UserError(
            f"{wish.name}: there is no split {missing[0]}; it has: {', '.join(splits)}.",
            f"{wish.name}：没有 {missing[0]} 部分；现有：{'、'.join(splits)}。",
            field="split",
        )
    return [file for file in mine if file.split in wanted]


def fetching(workspace: Workspace, wish: Wish, name: str) -> Generator[float, None, Imported]:
    """Fetch, read and save as a new version of `name`, telling the share that is done. Closed before its end, it leaves nothing."""
    library.check_name(workspace, name)
    known = NAMED.get(wish.name)
    repo = known.repo if known else wish.name
    if not REPO.fullmatch(repo) or ".." in repo:
        raise UserError(
            f"“{shorten(wish.name)}” is no dataset of the Hub; write owner/name, or one of: {', '.join(NAMED)}.",
            f"“{shorten(wish.name)}”不是 Hub 数据集；请写 owner/name，或以下之一：{'、'.join(NAMED)}。",
            field="hub",
        )
    asked = Wish(wish.name, wish.config or (known.config if known else ""), wish.splits, wish.rows)
    commit, found = files(repo)
    mine = choose(found, asked)
    with tempfile.TemporaryDirectory(dir=workspace.datasets, prefix=".hub-") as folder:
        parts: list[tuple[str, Table]] = []
        total, done = max(1, sum(file.size for file in mine)), 0
        for number, file in enumerate(mine):
            if asked.rows and sum(len(part.rows) for split, part in parts if split == file.split) >= asked.rows:
                continue
            target = Path(folder) / f"{number}-{Path(file.path).name}"
            for size in _fetch(repo, file, commit, target):
                yield min(1.0, (done + size) / total)
            done += file.size
            parts.append((file.split, read_table(target)))
            target.unlink()
    return _saved(workspace, name, parts, (asked, known, commit))


def _fetch(repo: str, file: File, commit: str, target: Path) -> Generator[int, None, None]:
    with (
        hub.explained(repo),
        hub.open_file(repo, file.path, commit, 0, "dataset") as response,
        target.open("wb") as stream,
    ):
        written = 0
        for piece in response.iter_raw():
            stream.write(piece)
            written += len(piece)
            yield written
        if file.size and written != file.size:
            raise hub.Short(file.path)


Asked = tuple[Wish, "Named | None", str]


def _saved(workspace: Workspace, name: str, parts: list[tuple[str, Table]], asked: Asked) -> Imported:
    wish, known, commit = asked
    table = _joined(parts, wish.rows)
    guessed = guess(table)
    roles, task = guessed.roles, guessed.task
    if known is not None:
        roles, task = dict(known.roles), known.task
        roles.update({SPLIT: SPLIT} if SPLIT in table.columns else {})
        check(roles, table.columns, TASKS.get(task))
        guessed = Guess(task, roles, guessed.reasons)
    source = {
        "hub": known.repo if known else wish.name,
        "config": wish.config,
        "commit": commit,
        "splits": sorted({split for split, _ in parts}),
    }
    steps = [{"kind": "import", "file": wish.name, "refused": len(table.refused), **source}]
    saved = library.save_version(workspace, name, table, {"task": task, "roles": roles, "steps": steps})
    keep_refused(saved.folder, wish.name, table.refused)
    return Imported(saved, guessed, table.refused, table.warnings)


def _joined(parts: list[tuple[str, Table]], limit: int) -> Table:
    """One table; with several splits, a column that tells them apart."""
    columns = list(dict.fromkeys(column for _, part in parts for column in part.columns))
    several = len({split for split, _ in parts}) > 1
    rows: list[dict[str, Any]] = []
    for split in dict.fromkeys(split for split, _ in parts):
        mine = [row for own, part in parts if own == split for row in part.rows][: limit or None]
        rows += (
            [{**row, SPLIT: "validation" if normal(split) in HELD_OUT else "train"} for row in mine]
            if several
            else mine
        )
    first = parts[0][1]
    refused = [item for _, part in parts for item in part.refused]
    names = [*columns, *([SPLIT] if several and SPLIT not in columns else [])]
    return Table(
        names,
        rows,
        refused,
        first.format,
        first.encoding,
        list(dict.fromkeys(w for _, part in parts for w in part.warnings)),
    )
