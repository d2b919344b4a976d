"""Thumbs and mended answers as training rows: examples to follow, and pairs of a better and a worse answer. No torch here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.dataset import Dataset
from workbench.data.table import Table
from workbench.serve.talk import Talk, all_talks, said

EXAMPLES, PAIRS = "chat", "preference"
NAMES = {EXAMPLES: "from-chat", PAIRS: "from-chat-pairs"}
ROLES = {
    EXAMPLES: {"messages": "messages"},
    PAIRS: {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"},
}
Messages = list[dict[str, str]]


@dataclass
class Judged:
    """What was said good and bad to the same history."""

    history: Messages
    good: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    """Answer → the conversation and model it came from."""


def judged(talks: list[Talk]) -> list[Judged]:
    """Every history with answers that a person judged: 👍 and mended ones are good, 👎 and those that were mended are bad."""
    found: dict[str, Judged] = {}
    for talk in talks:
        for pane in talk.facts["panes"]:
            for node in pane["nodes"]:
                if node["role"] == "assistant" and (node.get("vote") or node.get("edited")):
                    history = talk.messages(pane["model"], node["parent"])
                    place = found.setdefault(repr(history), Judged(history))
                    _sorted(place, node, f"{talk.id} · {pane['model']}")
    return list(found.values())


def _sorted(place: Judged, node: dict[str, Any], source: str) -> None:
    if node.get("edited"):
        place.good[node["edited"]] = source
        place.bad[node["text"]] = source
    elif node["vote"] > 0:
        place.good[said(node)] = source
    else:
        place.bad[said(node)] = source


def rows(talks: list[Talk]) -> dict[str, list[dict[str, Any]]]:
    """Rows by task."""
    made: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in judged(talks):
        for answer, source in each.good.items():
            messages = [*each.history, {"role": "assistant", "content": answer}]
            made[EXAMPLES].append({"messages": messages, "source": source})
            for worse in each.bad:
                if worse != answer:
                    pair = {"prompt": each.history, "chosen": answer, "rejected": worse, "source": source}
                    made[PAIRS].append(pair)
    return {EXAMPLES: made[EXAMPLES], PAIRS: made[PAIRS]}


def dataset(workspace: Workspace, run: str, kind: str) -> Dataset:
    """A new version of the dataset of that kind: everything that was judged in talks with a run. UserError when there is nothing."""
    found = rows(all_talks(workspace, run))[kind if kind in NAMES else EXAMPLES]
    if not found:
        raise _nothing(kind)
    table = Table(list(found[0]), found, format="chat", encoding="utf-8")
    facts = {"task": kind, "roles": dict(ROLES[kind]), "steps": [{"kind": "chat", "run": run, "rows": len(found)}]}
    return library.save_version(workspace, NAMES[kind], table, facts)


def _nothing(kind: str) -> UserError:
    if kind == PAIRS:
        return UserError(
            "There is no pair yet: give one answer 👍 and another to the same question 👎, or mend an answer.",
            "还没有成对的回答：对同一个问题，给一个回答 👍、另一个 👎，或者修改某个回答。",
            field="chat",
        )
    return UserError(
        "No answer was judged yet: give one 👍, or mend it.",
        "还没有评价过的回答：请给某个回答 👍，或修改它。",
        field="chat",
    )
