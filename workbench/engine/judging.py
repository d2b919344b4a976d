"""A model as a judge, through any OpenAI-compatible endpoint: an option, never needed.

Every pair is asked in both orders; a judge that says one thing and then the other is taken to have no opinion (Zheng et al., 2023,
arXiv:2306.05685). The prompt is shown, the key comes from the environment only and is written nowhere. What it does not know: the truth.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from workbench.core.errors import UserError, shorten
from workbench.core.files import read_json, write_json
from workbench.core.workspace import Workspace
from workbench.engine.answering import explained, spawn
from workbench.engine.arena import BAD, LEFT, RIGHT, TIE, WINS, Arena, Message, append, find

KEY = "WORKBENCH_JUDGE_KEY"
FLIPPING = 0.3
"""Share of pairs judged otherwise when turned round from which on a judge is not to be trusted."""
PROMPT = """You compare two answers to the same request. Judge correctness and helpfulness first, then clarity; length is no merit, and the order of the answers means nothing.

[Request]
{request}

[Answer A]
{a}

[Answer B]
{b}

Write one or two sentences of reasons. Then, on the last line, exactly one of: [[A]] [[B]] [[TIE]]"""
_VERDICT = re.compile(r"\[\[\s*(A|B|TIE)\s*\]\]", re.IGNORECASE)
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Judge:
    """Where the judge answers, by which name, and how it is asked."""

    url: str
    model: str
    prompt: str = PROMPT

    def checked(self) -> Judge:
        """Itself, or a UserError that says what is missing."""
        if not re.match(r"https?://[^\s/]+", self.url.strip()):
            raise UserError("The judge's address must begin with http:// or https://.", "裁判地址须以 http:// 或 https:// 开头。", field="judge.url")  # fmt: skip
        if not self.model.strip():
            raise UserError("Name the judging model.", "请填写裁判模型的名称。", field="judge.model")
        if missing := [name for name in ("{request}", "{a}", "{b}") if name not in self.prompt]:
            raise UserError(f"The judge's prompt lacks {', '.join(missing)}.", f"裁判提示词缺少 {'、'.join(missing)}。", field="judge.prompt")  # fmt: skip
        return self


def filled(prompt: str, request: str, one: str, other: str) -> str:
    """The prompt for one order; braces in the texts stay what they are."""
    parts = {"request": request, "a": one, "b": other}
    return re.sub(r"{(request|a|b)}", lambda found: parts[found.group(1)], prompt)


def told(text: str) -> str:
    """left, right, tie or unreadable: by the last verdict in an answer."""
    found = _VERDICT.findall(text)
    return {"A": LEFT, "B": RIGHT, "TIE": TIE}[found[-1].upper()] if found else UNREADABLE


def ask(judge: Judge, content: str) -> str:
    """One answer of the judge."""
    headers = {"Authorization": f"Bearer {os.environ[KEY]}"} if os.environ.get(KEY) else {}
    body = {"model": judge.model, "messages": [{"role": "user", "content": content}], "temperature": 0}
    try:
        answer = httpx.post(f"{judge.url.rstrip('/')}/chat/completions", json=body, headers=headers, timeout=120)
        answer.raise_for_status()
        return str(answer.json()["choices"][0]["message"]["content"] or "")
    except httpx.HTTPStatusError as error:
        said = error.response.text.replace(
            os.environ.get(KEY) or "\0", "…"
        )  # some answer with the key they were asked with
        raise _refused(f"status {error.response.status_code}: {shorten(said, 160)}") from None
    except (httpx.HTTPError, KeyError, IndexError, TypeError, ValueError) as error:
        raise _refused(shorten(error or type(error).__name__, 160)) from None


def _refused(reason: str) -> UserError:
    return UserError(
        f"The judge did not answer ({reason}). Check address, model and, where one is needed, the key in {KEY}.",
        f"裁判没有回答（{reason}）。请检查地址、模型，以及环境变量 {KEY} 中的密钥（如需要）。",
        field="judge.url",
    )


def judged(made: Arena, judge: Judge, limit: int = 0, tell: Callable[[int, int], None] = lambda done, all_: None) -> int:  # fmt: skip
    """Judge every pair of different answers that this judge has not judged yet (at most `limit`; 0: all); how many were."""
    judge.checked()
    known = {(each["prompt"], each["one"], each["other"]) for each in made.judged() if each["model"] == judge.model}
    pairs = [pair for pair in _pairs(made) if pair not in known][: limit or None]
    for done, (prompt, one, other) in enumerate(pairs):
        append(made.folder / "judged.jsonl", _one(made, judge, (prompt, one, other)))
        tell(done + 1, len(pairs))
    return len(pairs)


def _pairs(made: Arena) -> list[tuple[int, str, str]]:
    given, names = made.answers(), made.contestants
    pairs = [(one, other) for at, one in enumerate(names) for other in names[at + 1 :]]
    return [
        (prompt, one, other) for prompt in range(len(made.prompts)) for one, other in pairs
        if (prompt, one) in given and (prompt, other) in given and given[prompt, one] != given[prompt, other]
    ]  # fmt: skip


def _one(made: Arena, judge: Judge, pair: tuple[int, str, str]) -> dict[str, Any]:
    """Both orders of a pair."""
    prompt, one, other = pair
    given, request = made.answers(), requested(made.prompts[prompt])
    texts = given[prompt, one], given[prompt, other]
    said = [ask(judge, filled(judge.prompt, request, *order)) for order in (texts, texts[::-1])]
    first, turned = told(said[0]), _turned(told(said[1]))
    return {
        "time": round(time.time(), 3), "model": judge.model, "prompt": prompt, "one": one, "other": other, "orders": [first, turned],
        "winner": first if first == turned and first in WINS else TIE, "said": said,
    }  # fmt: skip


def requested(messages: Sequence[Message]) -> str:
    """A conversation as the judge reads it."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n".join(f"{each['role']}: {each['content']}" for each in messages)


def _turned(verdict: str) -> str:
    return {LEFT: RIGHT, RIGHT: LEFT}.get(verdict, verdict)


def summary(made: Arena, model: str = "") -> dict[str, Any] | None:
    """{"model", "pairs", "flips", "trusted", "unreadable", "agreement", "kappa", "shared", "family"}; None before anything was judged."""
    lines = [each for each in made.judged() if model in ("", each["model"])]
    if not lines:
        return None
    readable = [each for each in lines if UNREADABLE not in each["orders"]]
    flips = sum({LEFT, RIGHT} == set(each["orders"]) for each in readable) / max(1, len(readable))
    return {
        "model": lines[-1]["model"], "pairs": len(lines), "flips": flips, "trusted": flips <= FLIPPING and bool(readable),
        "unreadable": len(lines) - len(readable), **_agreement(made, lines), "family": _family(made, lines[-1]["model"]),
    }  # fmt: skip


def _agreement(made: Arena, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """With the person's own votes on the same pairs: share alike, and beyond chance (Cohen's kappa)."""
    mine = {(vote["prompt"], *sorted((vote["left"], vote["right"]))): _winner(vote, "left", "right") for vote in made.votes()}  # fmt: skip
    theirs = {(each["prompt"], *sorted((each["one"], each["other"]))): _winner(each, "one", "other") for each in lines}
    both = [(mine[pair], theirs[pair]) for pair in mine if pair in theirs]
    if not both:
        return {"agreement": None, "kappa": None, "shared": 0}
    alike = sum(one == other for one, other in both) / len(both)
    names = {name for pair in both for name in pair}
    chance = sum((sum(one == name for one, _ in both) * sum(other == name for _, other in both)) for name in names) / len(both) ** 2  # fmt: skip
    return {"agreement": alike, "kappa": (alike - chance) / (1 - chance) if chance < 1 else 1.0, "shared": len(both)}


def _winner(line: dict[str, Any], left: str, right: str) -> str:
    return {LEFT: line[left], RIGHT: line[right], TIE: TIE, BAD: TIE}[line["winner"]]


def _family(made: Arena, model: str) -> bool:
    """Whether the judge bears the name of a contestant's family: models favour their own."""
    word = re.split(r"[-_:./\d]", model.rsplit("/", 1)[-1].lower())[0]
    return len(word) > 2 and any(word in name.lower() for name in made.contestants)


def start(workspace: Workspace, made: Arena, judge: Judge, limit: int = 0) -> None:
    """Judge in a process of its own; it has the key from this one's environment."""
    judge.checked()
    write_json(made.folder / "judge.json", {"url": judge.url, "model": judge.model, "prompt": judge.prompt, "limit": limit})  # fmt: skip
    spawn(workspace, made, "judging", "judging")


def work(made: Arena) -> int:
    """What the process does."""
    asked = read_json(made.folder / "judge.json")
    return explained(made, lambda: judged(made, Judge(asked["url"], asked["model"], asked["prompt"]), asked["limit"]))


if __name__ == "__main__":
    sys.exit(work(find(Workspace(sys.argv[1]), sys.argv[2])))
