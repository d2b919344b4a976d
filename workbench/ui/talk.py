"""What the playground asks its server for: conversations, answers on their way, thumbs. Checked like a form; text is only ever text."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from workbench.core.errors import UserError
from workbench.core.run import Run, find
from workbench.core.task import TASKS
from workbench.core.text import Lang
from workbench.core.workspace import Workspace
from workbench.data.values import as_text
from workbench.models import catalog
from workbench.models.facts import read_config
from workbench.serve import answers, harvest, roster, talk
from workbench.ui.notices import esc
from workbench.ui.words import Words

WORDS = (
    "send", "stop", "new", "say", "you", "copy", "copied", "edit", "save", "cancel", "again", "good", "bad", "mend", "mended", "before",
    "next", "settings", "answer_with", "system", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty",
    "frequency_penalty", "max_tokens", "seed", "seed_any", "stops", "likely", "likely_help", "waits", "away", "loading", "context", "export",
    "delete", "sure", "interrupted", "judged", "empty", "complete", "step", "base", "tuned",
)  # fmt: skip
CONTEXTS = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length")
Asked = dict[str, Any]


def surface(words: Words) -> str:
    """An empty board with its words; nothing of a conversation ever stands in a template, because templates are run as code."""
    told = json.dumps({name: words(f"talk_{name}") for name in WORDS}, ensure_ascii=False)
    return f'<div class="talk" data-words="{esc(told)}"></div>'


def server(workspace: Workspace, lang: Lang) -> Callable[[Any], dict[str, Any]]:
    """The function the board calls."""

    def call(asked: Any) -> dict[str, Any]:
        """Anybody may post anything here."""
        try:
            return answer(workspace, asked if isinstance(asked, dict) else {}, lang)
        except UserError as error:
            return {"error": error.say(lang)}

    return call


def mode_of(run: Run) -> str:
    """How one talks with a run: "chat", "complete" (it goes on with a text), or "" (a box to try it)."""
    task = TASKS.get(run.recipe.task.kind)
    if task.talks:
        return talk.CHAT
    return talk.COMPLETE if run.recipe.task.kind == "text-generation" else ""


def answer(workspace: Workspace, asked: Asked, lang: Lang) -> dict[str, Any]:
    """One request of the board; UserError for anything unknown."""
    op = as_text(asked.get("op"))
    if op == "open":
        return _opened(workspace, find(workspace, as_text(asked.get("run"))))
    if op not in CHANGES and op not in LOOKS:
        raise UserError("The page asked for something unknown; load it again.", "页面的请求无法识别；请刷新页面。")
    talk_id = as_text(asked.get("id"))
    if op in LOOKS:
        return LOOKS[op](workspace, talk_id, asked)
    if op in ASKING:
        answers.check_idle(workspace, talk_id)
    with talk.changing(workspace, talk_id) as made:
        CHANGES[op](made, asked)
    if op in ASKING:
        answers.forget(workspace, talk_id)
        answers.answer(workspace, talk_id)
    return _seen(workspace, talk_id, lang)


def _opened(workspace: Workspace, run: Run) -> dict[str, Any]:
    """The models there are beside a run, its conversations, and the newest of them (begun if there is none)."""
    mode = mode_of(run)
    if not mode:
        return {"mode": ""}
    base = roster.base_of(workspace, run)
    models = ["base"]
    for each in [run, *(other for other in roster.siblings(workspace, base) if other.id != run.id)]:
        models += [each.id, *(f"{each.id}@step-{step}" for step in roster.steps(each))]
    known = talk.all_talks(workspace, run.id)
    if not known:
        known = [_begin(workspace, run, mode, ["base", run.id])]
    listed = [{"id": each.id, "title": each.facts["title"]} for each in known[:100]]
    return {"mode": mode, "run": run.id, "models": models, "talks": listed, "context": _context(workspace, run)}


def _begin(workspace: Workspace, run: Run, mode: str, models: list[str]) -> talk.Talk:
    made = talk.Talk.begun(run.id, mode, models)
    talk.save(workspace, made)
    return made


def _context(workspace: Workspace, run: Run) -> int:
    """How many tokens the model can look at; 0 where nobody knows."""
    with contextlib.suppress(UserError, OSError):
        config = read_config(catalog.here(workspace, run.recipe.model.id, run.recipe.model.revision))
        inner = config.get("text_config")
        places = [config, inner if isinstance(inner, dict) else {}]
        return next((each[name] for each in places for name in CONTEXTS if isinstance(each.get(name), int)), 0)
    return 0


def _new(workspace: Workspace, talk_id: str, asked: Asked) -> dict[str, Any]:
    """An empty conversation with the same models and settings."""
    old = talk.load(workspace, talk_id)
    made = _begin(workspace, find(workspace, old.facts["run"]), old.facts["mode"], list(old.facts["shown"]))
    with talk.changing(workspace, made.id) as fresh:
        fresh.facts |= {"system": old.facts["system"], "how": old.facts["how"]}
    return {"id": made.id}


def _delete(workspace: Workspace, talk_id: str, asked: Asked) -> dict[str, Any]:
    answers.stop(workspace, talk_id)
    talk.remove(workspace, talk_id)
    return {}


def _export(workspace: Workspace, talk_id: str, asked: Asked) -> dict[str, Any]:
    made = talk.load(workspace, talk_id)
    if asked.get("form") == "markdown":
        return {"name": f"{made.id}.md", "text": talk.as_markdown(made)}
    return {"name": f"{made.id}.jsonl", "text": talk.as_jsonl([made])}


def _poll(workspace: Workspace, talk_id: str, asked: Asked) -> dict[str, Any]:
    """What is new of the answers on their way, behind what the board has already."""
    given = asked.get("have")
    have = given if isinstance(given, dict) else {}
    told = {}
    for model, live in answers.lives(workspace, talk_id).items():
        start = have.get(model) if type(have.get(model)) is int else 0
        told[model] = {
            "from": start,
            "tokens": live.tokens[start:],
            "place": live.place,
            "away": live.away,
            "text": bool(live.text),
        }
    return {"live": told, "running": any(not each.done for each in answers.lives(workspace, talk_id).values())}


def _stop(workspace: Workspace, talk_id: str, asked: Asked) -> dict[str, Any]:
    answers.stop(workspace, talk_id)
    return {}


def _look(workspace: Workspace, talk_id: str, asked: Asked) -> dict[str, Any]:
    return _seen(workspace, talk_id, "zh" if asked.get("lang") == "zh" else "en")


def _seen(workspace: Workspace, talk_id: str, lang: Lang) -> dict[str, Any]:
    """A conversation as the board paints it."""
    made, lives = talk.load(workspace, talk_id), answers.lives(workspace, talk_id)
    counts = {kind: len(rows) for kind, rows in harvest.rows(talk.all_talks(workspace, made.facts["run"])).items()}
    panes = []
    for pane in made.panes:
        model, live = pane["model"], lives.get(pane["model"])
        path = [_message(made, model, node) for node in made.path(model)]
        error = live.error.say(lang) if live and live.error else ""
        panes.append({"model": model, "path": path, "live": bool(live and not live.done), "error": error})
    facts = {name: made.facts[name] for name in ("id", "title", "system", "how", "mode", "shown")}
    return {**facts, "panes": panes, "judged": counts}


def _message(made: talk.Talk, model: str, node: dict[str, Any]) -> dict[str, Any]:
    around = made.siblings(model, node["id"])
    kept = {
        name: node.get(name) for name in ("id", "role", "text", "tokens", "used", "reason", "vote", "edited", "how")
    }
    return {**kept, "branches": around, "branch": around.index(node["id"])}


def _send(made: talk.Talk, asked: Asked) -> None:
    made.ask(as_text(asked.get("text")))


def _edit(made: talk.Talk, asked: Asked) -> None:
    made.edit(as_text(asked.get("model")), _number(asked), as_text(asked.get("text"))[: talk.LONGEST])


def _again(made: talk.Talk, asked: Asked) -> None:
    """Another answer to the same question."""
    model = as_text(asked.get("model"))
    node = made.node(model, _number(asked))
    if node["role"] == "assistant":
        made.pane(model)["head"] = node["parent"]


def _pick(made: talk.Talk, asked: Asked) -> None:
    made.pick(as_text(asked.get("model")), _number(asked))


def _judge(made: talk.Talk, asked: Asked) -> None:
    vote, text = asked.get("vote"), asked.get("text")
    made.judge(
        as_text(asked.get("model")), _number(asked), vote if type(vote) is int else None,
        text[: talk.LONGEST] if isinstance(text, str) else None,
    )  # fmt: skip


def _set(made: talk.Talk, asked: Asked) -> None:
    """Models, system prompt and knobs for what is asked next."""
    if isinstance(asked.get("shown"), list):
        made.show([as_text(each) for each in asked["shown"]])
    made.facts["system"] = as_text(asked.get("system"))[: talk.LONGEST]
    how = asked.get("how")
    if isinstance(how, dict):
        names = (*answers.KNOBS, "seed", "stop")
        made.facts["how"] = {name: how[name] for name in names if isinstance(how.get(name), (int, float, list))}


def _number(asked: Asked) -> int:
    return asked["node"] if type(asked.get("node")) is int else -1


CHANGES: dict[str, Callable[[talk.Talk, Asked], None]] = {
    "send": _send, "edit": _edit, "again": _again, "pick": _pick, "judge": _judge, "set": _set,
}  # fmt: skip
ASKING = ("send", "edit", "again")
LOOKS: dict[str, Callable[[Workspace, str, Asked], dict[str, Any]]] = {
    "look": _look, "poll": _poll, "stop": _stop, "new": _new, "delete": _delete, "export": _export,
}  # fmt: skip
