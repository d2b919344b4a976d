"""An Ollama Modelfile: where the model is, what ends an answer, and how a conversation is written.

Ollama reads Go templates, not Jinja. A TEMPLATE is written only where it says, on several conversations, letter by letter what the
model's own template says; otherwise the file says that there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from workbench.models.chat_template import understood

ROLES = ("system", "user", "assistant")
MARK = "\u241f{}\u241f"
TALKS: tuple[tuple[str, ...], ...] = (
    ("user",), ("user", "assistant", "user"), ("system", "user"), ("system", "user", "assistant", "user"),
    ("user", "assistant", "user", "assistant", "user"),
)  # fmt: skip
CONTENTS = ("Hello, {}!", "1 + 1 = 2\nand {{more}}", "你好，世界。", "def f(x):\n    return x", "It's “fine”.")
Shape = tuple[str, dict[str, tuple[str, str]], str]
"""What stands at the start, before and after each role's words, and where an answer begins."""


def modelfile(name: str, tokenizer: Any, stops: Sequence[str]) -> str:
    """The whole file."""
    lines = [f"FROM ./{name}"]
    lines += [f"PARAMETER stop {_quoted(stop)}" for stop in stops]
    template = proven(tokenizer)
    if template is None:
        lines += ["# No TEMPLATE: this model's chat template could not be written in Ollama's form letter by letter.",
                  "# 没有 TEMPLATE：该模型的对话模板无法逐字写成 Ollama 的形式。"]  # fmt: skip
    else:
        lines.append(f'TEMPLATE """{template}"""')
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def proven(tokenizer: Any) -> str | None:
    """A Go template that says the same as the tokenizer's on every conversation tried; None where there is none."""
    if not tokenizer.chat_template:
        return None
    shape = _shape(tokenizer)
    if shape is None:
        return None
    template = written(shape)
    if '"""' in template:
        return None
    return template if all(rendered(template, talk) == _said(tokenizer, talk) for talk in conversations()) else None


def conversations() -> list[list[dict[str, str]]]:
    """What both are tried on."""
    return [[{"role": role, "content": CONTENTS[(place + number) % len(CONTENTS)]} for place, role in enumerate(roles)] for number, roles in enumerate(TALKS)]  # fmt: skip


def _said(tokenizer: Any, talk: Sequence[dict[str, str]], ask: bool = True) -> str:
    with understood():
        return str(tokenizer.apply_chat_template(list(talk), tokenize=False, add_generation_prompt=ask))


def _shape(tokenizer: Any) -> Shape | None:
    """Read off one conversation in which every role speaks."""
    talk = [{"role": role, "content": MARK.format(number)} for number, role in enumerate((*ROLES, "user"))]
    try:
        whole, asked = _said(tokenizer, talk, ask=False), _said(tokenizer, talk)
        first = _said(tokenizer, [{"role": "user", "content": MARK.format(0)}], ask=False)
    except Exception:  # a template may refuse a role in any way
        return None
    parts = re.split("|".join(MARK.format(number) for number in range(4)), whole)
    lone = first.split(MARK.format(0))
    if len(parts) != 5 or len(lone) != 2 or not asked.startswith(whole):
        return None
    return _fitted(parts, lone, asked.removeprefix(whole))


def _fitted(parts: list[str], lone: list[str], ask: str) -> Shape | None:
    """Cut what stands between two turns into the end of one and the beginning of the next, by what a turn alone has."""
    after_user = lone[1]
    if not parts[2].startswith(after_user) or parts[4] != after_user:
        return None
    before_assistant = parts[2].removeprefix(after_user)
    for cut in range(len(parts[1]) + 1):
        after_system, before_user = parts[1][:cut], parts[1][cut:]
        if not parts[3].endswith(before_user) or not lone[0].endswith(before_user):
            continue
        start = lone[0][: len(lone[0]) - len(before_user)]
        if not parts[0].startswith(start):
            continue
        after_assistant = parts[3][: len(parts[3]) - len(before_user)]
        turns = {"system": (parts[0].removeprefix(start), after_system), "user": (before_user, after_user), "assistant": (before_assistant, after_assistant)}  # fmt: skip
        return start, turns, ask
    return None


def written(shape: Shape) -> str:
    """In Go's form; a literal that Go would read as its own is spelled as a string."""
    start, turns, ask = shape
    cases = ""
    for place, (role, (before, after)) in enumerate(turns.items()):
        word = "if" if place == 0 else "else if"
        cases += "{{ " + word + f' eq .Role "{role}"' + " }}" + _plain(before) + "{{ .Content }}" + _plain(after)
    return _plain(start) + "{{ range .Messages }}" + cases + "{{ end }}{{ end }}" + _plain(ask)


def _plain(text: str) -> str:
    return "{{ " + _quoted(text) + " }}" if "{{" in text or "}}" in text or '"""' in text else text


TOKEN = re.compile(r"\{\{ (.*?) \}\}", re.DOTALL)


def rendered(template: str, talk: Sequence[dict[str, str]]) -> str:
    """What Ollama makes of such a template: the few words of Go's that `written` uses."""
    start, _, rest = template.partition("{{ range .Messages }}")
    body, _, ask = rest.rpartition("{{ end }}{{ end }}")
    said = _literal(start)
    for message in talk:
        said += _turn(body, message)
    return said + _literal(ask)


def _turn(body: str, message: dict[str, str]) -> str:
    cases = re.split(r"\{\{ (?:else )?if eq \.Role \"(\w+)\" \}\}", body)[1:]
    chosen = dict(zip(cases[::2], cases[1::2], strict=True)).get(message["role"], "")
    before, _, after = chosen.partition("{{ .Content }}")
    return _literal(before) + message["content"] + _literal(after) if chosen else ""


def _literal(text: str) -> str:
    """Text with Go's strings spelled out."""
    return TOKEN.sub(lambda found: found[1][1:-1].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\"), text)
