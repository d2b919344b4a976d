"""Conversations: what was said to which models, with every branch, kept on disk. No torch here.

A conversation is a file in the workspace. In it a pane per model, side by side; in a pane a tree: every message knows the one before it,
so an edited question or another answer is a branch, and nothing is lost. `head` says which branch is shown.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import inside, read_json, safe_name, there, write_json, writing
from workbench.core.workspace import Workspace

CHAT, COMPLETE = "chat", "complete"
PANES = 3
"""Models side by side at most."""
LONGEST = 200_000
"""Characters of one message."""
Node = dict[str, Any]
_LOCK = threading.RLock()


class Talk:
    """One conversation, as its file says."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts

    @classmethod
    def begun(cls, run: str, mode: str, models: list[str]) -> Talk:
        """An empty one."""
        made = time.strftime("%Y%m%d-%H%M%S") + "-" + secrets.token_hex(3)
        facts = {"id": made, "run": run, "mode": mode, "title": "", "created": time.time(), "changed": time.time()}
        return cls({**facts, "system": "", "how": {}, "shown": models, "panes": [_pane(model) for model in models]})

    @property
    def id(self) -> str:
        """Its file's name."""
        return str(self.facts["id"])

    @property
    def panes(self) -> list[dict[str, Any]]:
        """Those that are shown, in that order."""
        return [self.pane(model) for model in self.facts["shown"]]

    def pane(self, model: str) -> dict[str, Any]:
        """The pane of a model; UserError when there is none."""
        for pane in self.facts["panes"]:
            if pane["model"] == model:
                return pane
        raise _gone()

    def show(self, models: list[str]) -> None:
        """These models, from now on. One that is new begins where the first pane stands."""
        chosen = list(dict.fromkeys(models))[:PANES]
        if not chosen:
            raise UserError("Choose at least one model to answer.", "请至少选择一个回答的模型。", field="model")
        known = {pane["model"] for pane in self.facts["panes"]}
        first = self.panes[0]
        for model in chosen:
            if model not in known:
                self.facts["panes"].append({**_copied(first), "model": model})
        self.facts["shown"] = chosen

    def path(self, model: str, to: int | None = None) -> list[Node]:
        """The messages of the branch that is shown, or up to one, the first message first."""
        pane = self.pane(model)
        nodes, at, found = pane["nodes"], pane["head"] if to is None else to, list[Node]()
        while at is not None:
            found.append(nodes[at])
            at = nodes[at]["parent"]
        return found[::-1]

    def siblings(self, model: str, node: int) -> list[int]:
        """The branches that begin where this message stands, itself among them."""
        nodes = self.pane(model)["nodes"]
        return [each["id"] for each in nodes if each["parent"] == nodes[node]["parent"]]

    def node(self, model: str, number: Any) -> Node:
        """One message; UserError when it is not there."""
        nodes = self.pane(model)["nodes"]
        if type(number) is not int or not 0 <= number < len(nodes):
            raise _gone()
        return nodes[number]

    def add(self, model: str, parent: int | None, role: str, text: str, **more: Any) -> int:
        """One more message behind `parent`, shown from now on."""
        pane = self.pane(model)
        number = len(pane["nodes"])
        pane["nodes"].append({"id": number, "parent": parent, "role": role, "text": text, "at": time.time(), **more})
        pane["head"] = number
        return number

    def ask(self, text: str) -> None:
        """A question to every model that is shown; to complete a text, each begins anew."""
        if not text.strip() or len(text) > LONGEST:
            raise UserError(
                f"Write something first (at most {LONGEST:,} characters).",
                f"请先写点内容（最多 {LONGEST:,} 个字符）。",
                field="text",
            )
        self.facts["title"] = self.facts["title"] or shorten(text, 60)
        for pane in self.panes:
            self.add(pane["model"], None if self.facts["mode"] == COMPLETE else pane["head"], "user", text)

    def edit(self, model: str, number: int, text: str) -> None:
        """The same question in other words, in every pane that has one at that place."""
        if not text.strip() or self.node(model, number)["role"] != "user":
            raise UserError("Write something first.", "请先写点内容。", field="text")
        turn = len(self.path(model, number)) - 1
        for pane in self.panes:
            line = self.path(pane["model"])
            if len(line) > turn:
                self.add(pane["model"], line[turn]["parent"], "user", text)

    def pick(self, model: str, number: int) -> None:
        """Show the branch of this message, to its newest end."""
        pane, at = self.pane(model), self.node(model, number)["id"]
        while after := [each["id"] for each in pane["nodes"] if each["parent"] == at]:
            at = after[-1]
        pane["head"] = at

    def judge(self, model: str, number: int, vote: int | None = None, text: str | None = None) -> None:
        """A thumb on an answer (1, −1, 0: none), or how it should have been."""
        node = self.node(model, number)
        if node["role"] != "assistant":
            raise _gone()
        if vote is not None:
            node["vote"] = vote if vote in (1, -1) else 0
        if text is not None:
            node["edited"] = text if text.strip() and text != node["text"] else None

    def waiting(self) -> list[tuple[str, int]]:
        """Models whose last message is a question, and that question."""
        return [(pane["model"], pane["head"]) for pane in self.panes if self._asked(pane)]

    def _asked(self, pane: dict[str, Any]) -> bool:
        return pane["head"] is not None and pane["nodes"][pane["head"]]["role"] == "user"

    def messages(self, model: str, to: int) -> list[dict[str, str]]:
        """What the model is asked with: the branch up to a question, answers as they were mended."""
        system = [{"role": "system", "content": self.facts["system"]}] if self.facts["system"].strip() else []
        return system + [{"role": each["role"], "content": said(each)} for each in self.path(model, to)]


def said(node: Node) -> str:
    """A message as it counts: an answer that was mended, as mended."""
    return str(node.get("edited") or node["text"])


def _pane(model: str) -> dict[str, Any]:
    return {"model": model, "head": None, "nodes": []}


def _copied(pane: dict[str, Any]) -> dict[str, Any]:
    found = json.loads(json.dumps(pane))
    for node in found["nodes"]:
        node.pop("vote", None)
    return dict(found)


def _gone() -> UserError:
    return UserError(
        "This is not there any more; load the page again.", "内容已不存在；请刷新页面。", field="conversation"
    )


def folder(workspace: Workspace) -> Any:
    """Where conversations lie."""
    return workspace.root / "conversations"


def load(workspace: Workspace, talk_id: str) -> Talk:
    """A conversation by its id; UserError when there is none."""
    found = read_json(_file(workspace, talk_id))
    if not isinstance(found, dict) or not {"id", "panes", "shown", "mode"} <= set(found) or found["id"] != talk_id:
        raise _gone()
    return Talk(found)


@contextmanager
def changing(workspace: Workspace, talk_id: str) -> Iterator[Talk]:
    """A conversation that is written back at the end, unless something was raised. One at a time."""
    with _LOCK:
        made = load(workspace, talk_id)
        yield made
        made.facts["changed"] = time.time()
        save(workspace, made)


def save(workspace: Workspace, talk: Talk) -> None:
    """Whole or not at all; UserError where there is no room."""
    with writing(folder(workspace)):
        write_json(folder(workspace) / f"{talk.id}.json", talk.facts)


def is_kept(workspace: Workspace, talk_id: str) -> bool:
    """Whether there is a file of it, and nobody deleted it."""
    return there(_file(workspace, talk_id))


def _file(workspace: Workspace, talk_id: str) -> Path:
    return inside(folder(workspace), f"{safe_name(talk_id, 'conversation')}.json")


def remove(workspace: Workspace, talk_id: str) -> None:
    """Delete a conversation."""
    with _LOCK:
        _file(workspace, load(workspace, talk_id).id).unlink(missing_ok=True)


def all_talks(workspace: Workspace, run: str | None = None) -> list[Talk]:
    """Conversations (with a run), the newest first."""
    paths = folder(workspace).glob("*.json") if folder(workspace).is_dir() else ()
    found = [read_json(path) for path in paths if not path.is_symlink()]
    kept = [
        Talk(each) for each in found if isinstance(each, dict) and "panes" in each and run in (None, each.get("run"))
    ]
    return sorted(kept, key=lambda talk: talk.facts["changed"], reverse=True)


def as_jsonl(talks: list[Talk]) -> str:
    """A line per branch that is shown: its model and its messages, as training data has them."""
    lines = []
    for talk in talks:
        for pane in talk.panes:
            if pane["head"] is not None:
                told = {
                    "messages": talk.messages(pane["model"], pane["head"]),
                    "model": pane["model"],
                    "conversation": talk.id,
                }
                lines.append(json.dumps(told, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def as_markdown(talk: Talk) -> str:
    """A page to read: a heading per model, a paragraph per message."""
    parts = [f"# {talk.facts['title'] or talk.id}", f"{talk.facts['run']}"]
    for pane in talk.panes:
        parts.append(f"## {pane['model']}")
        if pane["head"] is not None:
            parts += [f"**{each['role']}**\n\n{each['content']}" for each in talk.messages(pane["model"], pane["head"])]
    return "\n\n".join(parts) + "\n"
