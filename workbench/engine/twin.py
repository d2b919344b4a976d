"""The plain twin of a run: the same training as a short script of Transformers and PEFT, in pieces, from the texts in assets/twin/.

Same rows, same order, same seeds, so the same losses; what a run does beside training (events, checkpoints, report) is left out. Batches
without padding are padded again: the same loss, slower. What it does not do: several processes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import workbench
from workbench.core.errors import shorten
from workbench.core.sections import SINGLE
from workbench.core.text import Text
from workbench.engine import twin_method, twin_training
from workbench.engine.source import Source
from workbench.engine.world import ALONE

TEXTS = workbench.ASSETS / "twin"
FILES = {"summarization": "rewriting", "translation": "rewriting", "preference": "pairs", "reward": "pairs"}
"""The text of a task, where it has not its own name."""
IMPORTS = ("import json", "import os", "from pathlib import Path", "import torch")
NOWHERE = Text(
    "The base model is on no hub: put its folder beside this file, or name the place here or in the environment variable MODEL.",
    "基础模型不在任何 Hub 上：请把它的文件夹放到本文件旁边，或在此处或环境变量 MODEL 中写上路径。",
)
LEFT_OUT = ("kind", "chat_template", "loss", "beta", "class_weights", "max_answer_length")
"""Knobs of a task that the script has no use for, or that stand elsewhere in it."""


@dataclass(frozen=True)
class Piece:
    """A step of the script, with its heading."""

    title: Text
    code: str


def refusal(recipe: Any) -> Text | None:
    """Why a recipe has no plain twin, if it has none."""
    if not (TEXTS / f"{FILES.get(recipe.task.kind, recipe.task.kind)}.py").is_file() and recipe.task.kind != "chat":
        return Text(
            f"There is no plain script for {recipe.task.kind} yet; take the adapter or the merged model.",
            f"{recipe.task.kind} 还没有对应的脚本；请导出适配器或合并后的模型。",
        )
    if recipe.compute.strategy != SINGLE:
        return Text(
            "The plain script runs in one process; this run was spread over several, so its losses would differ.",
            "脚本只用一个进程；该任务由多个进程完成，损失会不同。",
        )
    return None


@dataclass(frozen=True)
class Twin:
    """A run, looked at as it begins: base, tokenizer, rows and their encoding, and the model under its method."""

    source: Source

    @cached_property
    def recipe(self) -> Any:
        """The run's recipe."""
        return self.source.recipe

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The training rows, conversations as the template can write them."""
        from workbench.models.conversation import _Reader

        found = self.source.material.train
        if not self.source.task.talks or "messages" not in found[0]:
            return [dict(row) for row in found]
        return [{**row, "messages": list(_Reader(self.tokenizer, row.get("tools", ())).plain(row["messages"]))} for row in found]  # fmt: skip

    @cached_property
    def tokenizer(self) -> Any:
        """As it was trained with."""
        from workbench.models.chat_template import ensure_chat_template
        from workbench.models.loading import load_tokenizer

        made, wanted = load_tokenizer(self.source.start), getattr(self.recipe.task, "chat_template", None)
        if wanted:
            ensure_chat_template(made, wanted)
        return made

    @cached_property
    def options(self) -> dict[str, Any]:
        """The head's options."""
        return dict(self.source.task.model_options(self.source.material.train))

    @cached_property
    def base(self) -> Any:
        """The base with its head, on the CPU."""
        from workbench.models.loading import load_model

        return load_model(
            self.source.start, self.source.task, {**self.options, **self.source.method.loading(self.recipe.method)}
        )

    @cached_property
    def inputs(self) -> list[dict[str, Any]]:
        """Encoded rows."""
        encoded = self.source.task.encode(self.source.material.train, self.tokenizer, self.recipe.task, self.base)
        return list(encoded.inputs)

    @cached_property
    def packed(self) -> bool:
        """Whether the run laid its rows end to end."""
        from workbench.engine import loops, packing

        held = SimpleNamespace(
            recipe=self.recipe, train=SimpleNamespace(inputs=self.inputs), task=self.source.task, undo=[],
            tokenizer=self.tokenizer, model=self.model, device="cpu", stage=SimpleNamespace(world=ALONE),
        )  # fmt: skip
        pads, _ = loops.batches(held)
        for undo in held.undo:
            undo()
        return bool(pads[0] is packing.pack)

    @cached_property
    def counted(self) -> bool:
        """Whether the model divides its loss by the number of answers it is told."""
        from workbench.engine.answers import counted

        return counted(self.model, self.inputs, self.source.task.collator(self.tokenizer), "cpu")

    @cached_property
    def started(self) -> set[str]:
        """Names of the base's own parameters."""
        return {name for name, _ in self.base.named_parameters()}

    @cached_property
    def model(self) -> Any:
        """The base under its method."""
        _ = self.started, self.inputs  # looked at before the method changes the base
        return self.source.method.apply(self.base, self.source.task, self.recipe.method)

    @cached_property
    def auto(self) -> str:
        """The auto class."""
        from workbench.models.facts import read_config

        return str(self.source.task.head(read_config(self.source.start)))


def pieces(twin: Twin, model: str, public: bool = True) -> list[Piece]:
    """The script, step by step; `model` is the base by the name it has where the script will run, `public` whether a hub has it."""
    encode = _encode(twin)
    method = twin_method.render(twin)
    training = twin_training.render(twin)
    return [
        Piece(Text("Settings", "设置"), _settings(twin, model, public)),
        Piece(Text("Data: one JSON object per line", "数据：每行一个 JSON 对象"), _data(twin)),
        Piece(Text("From rows to what the model sees", "从数据行到模型输入"), encode),
        Piece(Text("The model", "模型"), _model(twin)),
        Piece(Text("The method: what is trained", "方法：训练哪些参数"), method),
        Piece(Text("Training", "训练"), training),
    ]


def text(name: str) -> str:
    """One of the texts."""
    return (TEXTS / f"{name}.py").read_text(encoding="utf-8").strip()


def _settings(twin: Twin, model: str, public: bool) -> str:
    """Constants: the base, the task's knobs, the head's labels."""
    recipe = twin.recipe
    values: dict[str, Any] = {name.upper(): value for name, value in recipe.task.model_dump().items() if name not in LEFT_OUT}  # fmt: skip
    values |= {"SEED": recipe.training.seed, "BATCH_SIZE": recipe.training.per_device_train_batch_size}
    if FILES.get(recipe.task.kind) == "rewriting":
        paired = bool(getattr(twin.base.config, "is_encoder_decoder", False))
        values |= {"SOURCE": twin.source.task.source, "TARGET": twin.source.task.target, "PAIRED": paired}
    if twin.options:
        values["OPTIONS"] = twin.options
    lines = [] if public else [f"# {line}" for line in NOWHERE]
    lines += [f'MODEL = os.environ.get("MODEL", {model!r})', 'STEPS = int(os.environ.get("STEPS", "0"))  # 0: all']
    return "\n".join(
        [*IMPORTS, "", *lines, 'OUTPUT = "tuned"', *(f"{name} = {value!r}" for name, value in values.items())]
    )


def _data(twin: Twin) -> str:
    """Rows and tokenizer; a template of ours stands in the script."""
    from workbench.models.loading import load_tokenizer

    lines = [
        "from transformers import AutoTokenizer",
        "",
        'with open("train.jsonl", encoding="utf-8") as stream:',
        "    rows = [json.loads(line) for line in stream]",
        "tokenizer = AutoTokenizer.from_pretrained(MODEL)",
        "if tokenizer.pad_token_id is None:",
        f"    tokenizer.pad_token = {twin.tokenizer.pad_token!r}",
    ]
    if twin.tokenizer.chat_template != load_tokenizer(twin.source.start).chat_template:
        lines.append(f"tokenizer.chat_template = {twin.tokenizer.chat_template!r}")
    return "\n".join(lines)


def _encode(twin: Twin) -> str:
    """The task's text, and how rows become a batch where TRL does not do that."""
    from workbench.models.conversation import GENERATION

    kind, section = twin.recipe.task.kind, twin.recipe.task
    if kind == "chat":
        return f"{text('chat.marked' if GENERATION.search(twin.tokenizer.chat_template) else 'chat.prefix')}\n\n\n{text('pad')}"
    if twin.source.task.loop == "preference":
        return text("judged" if getattr(section, "loss", "") == "kto" else "pairs")
    return f"{text('pad')}\n\n\n{text(FILES.get(kind, kind))}"


def _model(twin: Twin) -> str:
    """Loaded as the run loads it; the seed comes first, because a new head starts at random."""
    loading = twin_method.quantised(twin)
    dtype = "torch.bfloat16" if twin_training.base_in_half(twin) else "torch.float32"
    given = [f"dtype={dtype}", *(["ignore_mismatched_sizes=True", "**OPTIONS"] if twin.options else []), *loading[1]]
    lines = [f"from transformers import {twin.auto}, set_seed{loading[0]}", "", "set_seed(SEED)"]
    lines.append(f"model = {twin.auto}.from_pretrained(MODEL, {', '.join(given)})")
    lines += ["if model.config.pad_token_id is None:", "    model.config.pad_token_id = tokenizer.pad_token_id"]
    return "\n".join(lines)


def script(made: list[Piece], about: Text) -> str:
    """The pieces as one file: imports first, then each under its heading."""
    imports, bodies = [], []
    for number, piece in enumerate(made, start=1):
        lines = piece.code.splitlines()
        imports += [line for line in lines if line.startswith(("import ", "from "))]
        body = "\n".join(line for line in lines if not line.startswith(("import ", "from "))).strip()
        bodies.append(f"# {number}. {piece.title.en} · {piece.title.zh}\n{body}")
    ordered = sorted(joined(imports), key=lambda line: (line.split()[1].split(".")[0] not in STANDARD, line))
    head = f'"""{_literal(about.en)}\n\n{_literal(about.zh)}\n"""\n\n'
    return head + "\n".join(ordered) + "\n\n" + "\n\n".join(bodies) + "\n"


def _literal(words: str) -> str:
    """Words as they may stand between three quotes: what a person named must never end them, for the script is run."""
    return shorten(words, len(words) + 1).replace("\\", "\\\\").replace('"', '\\"')


def joined(imports: list[str]) -> list[str]:
    """Imports from one place in one line."""
    names: dict[str, set[str]] = {}
    for line in imports:
        place, _, found = line.partition(" import ")
        names.setdefault(place if found else line, set()).update(found.split(", ") if found else ())
    return [f"{place} import {', '.join(sorted(found))}" if found else place for place, found in names.items()]


def about(source: Source, spelled: Callable[[str], str] = str) -> Text:
    """What the script is, at its top; `spelled` writes the name as the place needs it."""
    named = spelled(shorten(source.recipe.name or source.run.id, 200))
    task, method = source.task.label, source.method.label
    return Text(
        f"{named}: {task.en}, {method.en}. The same training in plain Transformers and PEFT; train.jsonl holds the rows.",
        f"{named}：{task.zh}，{method.zh}。同样的训练，只用 Transformers 和 PEFT；数据在 train.jsonl 中。",
    )


def needs(source: Source) -> list[str]:
    """Packages with the versions of this machine."""
    names = [
        "torch",
        "transformers",
        "peft",
        "accelerate",
        *(["trl", "datasets"] if source.task.loop == "preference" else []),
    ]
    names += ["bitsandbytes"] if source.method.quantised else []
    return [f"{name}=={version(name).partition('+')[0]}" for name in names]


STANDARD = ("json", "os", "pathlib", "random", "re", "collections")


def lines(rows: list[dict[str, Any]]) -> str:
    """Rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(twin: Twin, folder: Path) -> None:
    """train.jsonl."""
    (folder / "train.jsonl").write_text(lines(twin.rows), encoding="utf-8")
