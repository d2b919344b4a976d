"""A blind contest: the same prompts answered by two or more models, shown without names, side by a toss of a coin; votes are kept.

arena.json (contestants, prompts, written once) · answers.jsonl · votes.jsonl · judged.jsonl, each append-only: a line is there whole or not
at all. The first contestant is what points are counted from. Answers are made beforehand, in a process of their own, one model after
another, so that none is told by its speed and none must wait for another to be loaded.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import entries, inside, read_json, safe_name, write_json
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.table import Table
from workbench.engine.bradley import Vote

LEFT, RIGHT, TIE, BAD = "left", "right", "tie", "bad"
WINS = {LEFT: 1.0, RIGHT: 0.0, TIE: 0.5, BAD: 0.5}
"""What the left one wins by a vote."""
PROMPTS, TOKENS = 20, 160
Message = dict[str, str]


@dataclass(frozen=True)
class Match:
    """One pair of answers to vote on; who is who is told after the vote."""

    prompt: int
    left: str
    right: str


@dataclass(frozen=True)
class Arena:
    """One contest's folder."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def facts(self) -> dict[str, Any]:
        """{"contestants": names, "prompts": lists of messages}."""
        found = read_json(self.folder / "arena.json")
        return found if isinstance(found, dict) else {}

    @property
    def contestants(self) -> list[str]:
        """Who takes part, the anchor first."""
        return list(self.facts.get("contestants") or [])

    @property
    def prompts(self) -> list[list[Message]]:
        """What is asked."""
        return list(self.facts.get("prompts") or [])

    def answers(self) -> dict[tuple[int, str], str]:
        """(prompt, contestant) → answer."""
        return {(int(each["prompt"]), str(each["who"])): str(each["answer"]) for each in read_lines(self.folder / "answers.jsonl")}  # fmt: skip

    def votes(self) -> list[dict[str, Any]]:
        """Every vote: prompt, left, right, winner."""
        return read_lines(self.folder / "votes.jsonl")

    def judged(self) -> list[dict[str, Any]]:
        """Every verdict of a judging model."""
        return read_lines(self.folder / "judged.jsonl")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of an append-only file; one that was torn off is none."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def append(path: Path, value: dict[str, Any]) -> None:
    """One line, on disk when this returns; what a kill tore off before it is closed first."""
    line = json.dumps(value, ensure_ascii=False).encode() + b"\n"
    with path.open("ab+") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size:
            stream.seek(size - 1)
            line = line if stream.read(1) == b"\n" else b"\n" + line
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def root(workspace: Workspace) -> Path:
    """Where contests lie."""
    return workspace.root / "arenas"


def all_arenas(workspace: Workspace) -> list[Arena]:
    """Every contest, newest first."""
    paths = entries(root(workspace), "arena.json")
    return [Arena(path) for path in sorted(paths, key=lambda path: path.name, reverse=True)]


def find(workspace: Workspace, name: str) -> Arena:
    """By its id; "last" is the newest."""
    known = all_arenas(workspace)
    if name == "last" and known:
        return known[0]
    found = Arena(inside(root(workspace), safe_name(name, "arena")))
    if not found.facts:
        raise UserError(f"There is no arena “{shorten(name)}” here.", f"这里没有名为“{shorten(name)}”的对战。", field="arena")  # fmt: skip
    return found


def create(workspace: Workspace, contestants: Sequence[str], prompts: Sequence[list[Message]]) -> Arena:
    """A new contest; nothing is answered yet."""
    names = list(dict.fromkeys(name.strip() for name in contestants if name.strip()))
    if len(names) < 2:
        raise UserError("Choose at least two models to compare.", "请至少选择两个模型。", field="contestants")
    if not prompts:
        raise UserError("There is nothing to ask; choose a dataset of conversations or write prompts.", "没有可提的问题；请选择对话数据集或填写提示词。", field="prompts")  # fmt: skip
    made = Arena(root(workspace) / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{secrets.token_hex(2)}")
    write_json(made.folder / "arena.json", {"contestants": names, "prompts": [list(prompt) for prompt in prompts]})
    return made


def prompts_of(workspace: Workspace, data: str, count: int = PROMPTS) -> list[list[Message]]:
    """The beginnings of a dataset's conversations, held-out ones first, up to their last answer."""
    from workbench.core.task import TASKS

    made = library.find(workspace, data).convert(TASKS.get("chat"), None)
    rows = [*(made.heldout or []), *made.rows]
    found = []
    for row in rows[: max(1, count)]:
        last = max((place for place, each in enumerate(row["messages"]) if each["role"] == "assistant"), default=0)
        asked = [{"role": str(each["role"]), "content": str(each["content"])} for each in row["messages"][:last]]
        found += [asked] if asked else []
    return found


def written(text: str) -> list[list[Message]]:
    """A prompt per line."""
    return [[{"role": "user", "content": line.strip()}] for line in text.splitlines() if line.strip()]


def next_match(made: Arena, dice: random.Random | None = None) -> Match | None:
    """The pair of answers least voted on, sides by chance; None when none is answered, or every one has been voted on as often as there
    are votes to give (identical answers are never shown)."""
    dice, given = dice or random.Random(secrets.randbits(64)), made.answers()
    seen = Counter((vote["prompt"], frozenset((vote["left"], vote["right"]))) for vote in made.votes())
    able = []
    for prompt in range(len(made.prompts)):
        ready = [name for name in made.contestants if (prompt, name) in given]
        pairs = [(one, other) for at, one in enumerate(ready) for other in ready[at + 1 :]]
        able += [(prompt, one, other) for one, other in pairs if given[prompt, one] != given[prompt, other]]
    fresh = [each for each in able if not seen[each[0], frozenset(each[1:])]]
    if not fresh:
        return None
    prompt, *sides = dice.choice(fresh)
    dice.shuffle(sides)
    return Match(prompt, sides[0], sides[1])


def vote(made: Arena, match: Match, winner: str) -> None:
    """Write a vote down."""
    if winner not in WINS:
        raise UserError(f"“{shorten(winner)}” is no vote; it is left, right, tie or bad.", f"“{shorten(winner)}”不是有效的投票：left、right、tie 或 bad。", field="vote")  # fmt: skip
    pair = {match.left, match.right}
    if any(each["prompt"] == match.prompt and {each["left"], each["right"]} == pair for each in made.votes()):
        raise UserError(
            "This pair has been voted on already; take the next one.", "这一对已经投过票了，请看下一对。", field="vote"
        )
    append(made.folder / "votes.jsonl", {"time": round(time.time(), 3), "prompt": match.prompt, "left": match.left, "right": match.right, "winner": winner})  # fmt: skip


def outcomes(votes: Sequence[dict[str, Any]]) -> list[Vote]:
    """Votes as Bradley–Terry takes them."""
    return [(vote["left"], vote["right"], WINS[vote["winner"]]) for vote in votes if vote.get("winner") in WINS]


def preferences(made: Arena) -> list[dict[str, str]]:
    """Rows for preference tuning: the answer voted for against the other; ties teach nothing."""
    given, rows = made.answers(), []
    for each in made.votes():
        if each["winner"] in (LEFT, RIGHT):
            won, lost = (each["left"], each["right"]) if each["winner"] == LEFT else (each["right"], each["left"])
            texts = given.get((each["prompt"], won), ""), given.get((each["prompt"], lost), "")
            if all(texts):
                prompt = json.dumps(made.prompts[each["prompt"]], ensure_ascii=False)
                rows.append({"prompt": prompt, "chosen": texts[0], "rejected": texts[1], "arena": made.id, "winner": won})  # fmt: skip
    return rows


def to_dataset(workspace: Workspace, made: Arena, name: str) -> library.Dataset:
    """The votes as a version of a dataset for preference tuning."""
    rows: list[dict[str, Any]] = [dict(row) for row in preferences(made)]
    if not rows:
        raise UserError("No vote prefers an answer yet; ties teach nothing.", "还没有分出高下的投票；平局无法用于训练。", field="arena")  # fmt: skip
    table = Table(list(rows[0]), rows, [], "jsonl", "utf-8")
    return library.save(workspace, name, table, {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"})


if __name__ == "__main__":
    from workbench.engine.answering import work

    here = Workspace(sys.argv[1])
    sys.exit(work(here, find(here, sys.argv[2])))
