"""What a server has in memory: one base, and beside it the results that are being asked, each loaded when first wanted.

The rule for memory: what lies beside the base may take half of what was free once the base was loaded (or `room` bytes). The least
recently used goes first; what is answering is never dropped, so a request waits until something else has finished. Results that
share the base's tensors count only what they add.
"""

from __future__ import annotations

import gc
import inspect
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch

from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.core.task import TASKS, Task
from workbench.models import catalog
from workbench.models.loading import checkpoint_file, lay_on, load_model, load_options
from workbench.models.twin import extra_bytes, tensors, twin
from workbench.serve.batch import agrees
from workbench.serve.mixed import Mixed, mixes
from workbench.serve.padding import even_out
from workbench.serve.roster import Part, Roster
from workbench.serve.schema import Refused

SHARED = "shared"
TOLERANCE = {torch.float32: 1e-3}


class Full(Exception):
    """No room until something that is answering now has finished."""


@dataclass(eq=False)
class Voice:
    """How rows asked of one model are answered. Rows of one `group` may share a batch."""

    key: str
    group: str
    model: Any
    adapter: str | None = None
    virtual: bool = False
    """Whether `model` reads the prompt, with learned positions in front, and the base goes on from there."""
    size: int = 0
    stamp: tuple[Any, ...] = ()
    used: float = field(default_factory=time.monotonic)


def device_of(wanted: str = "auto") -> tuple[str, str]:
    """Device and precision to answer with."""
    if wanted == "cpu" or not torch.cuda.is_available():
        return "cpu", "fp32"
    return "cuda", "bf16" if torch.cuda.is_bf16_supported() else "fp32"


class Holder:
    """Base and voices. Only the engine's thread may call it."""

    def __init__(self, roster: Roster, room: int | None = None) -> None:
        self.roster, self._room = roster, room
        recipe = roster.recipe(Part())
        self.device, self.dtype = device_of(recipe.compute.device if recipe else "auto")
        self.base: Any = None
        self.batches = False
        """Whether rows of this base can be answered together."""
        self.mixed: Any = None
        self.room = room or 0
        self.voices: dict[str, Voice] = {}

    def load(self) -> None:
        """The base, once."""
        if self.base is not None:
            return
        target, recipe = self.roster.target, self.roster.recipe(Part())
        model_id, revision = self.roster.base[:2]
        folder = catalog.fetch(self.roster.workspace, catalog.locate(self.roster.workspace, model_id, revision))
        options = dict[str, Any]()
        if target and recipe:
            options = {**load_options(target), **METHODS.get(recipe.method.kind).loading(recipe.method)}
        self.base = load_model(folder, self.task, options, self.device, self.dtype).eval().requires_grad_(False)
        if self.generates:
            even_out(self.base.get_output_embeddings())
        self.mixed = Mixed(self.base)
        with torch.inference_mode():
            wanted = TOLERANCE.get(self.base.dtype, 3e-2)
            self.batches = self.generates and agrees(_fitted(self.base), self.base.device, wanted)
        self.room = self._room if self._room is not None else free_bytes(self.device) // 2

    @property
    def task(self) -> Task:
        """What the base's head is for."""
        recipe = self.roster.recipe(Part())
        return TASKS.get(recipe.task.kind) if recipe else next(task for task in TASKS.all() if task.talks)

    @property
    def generates(self) -> bool:
        """Whether the base goes on with a text: an encoder-decoder or a classifier does not."""
        return hasattr(self.base, "generate") and not self.base.config.is_encoder_decoder and self.base.can_generate()

    def drop(self) -> None:
        """Forget everything; `load` brings the base back."""
        self.voices.clear()
        self.mixed = self.base = None
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()

    def voice(self, part: Part, busy: Collection[str] = ()) -> Voice:
        """The voice of a part, loaded if it is not here. `busy` (keys) stay. Full: ask again later. Refused: never here."""
        self.load()
        if part.run is None:
            return self._plain(part)
        found = self.voices.get(part.key)
        if found is not None and found.stamp != stamp(part):  # the run went on meanwhile and left another result
            if part.key in busy:
                raise Full
            self.forget(found)
            found = None
        if found is None:
            self._make_room(part, busy)
            found = self.voices[part.key] = self._loaded(part.run, part)
            found.stamp = stamp(part)
        found.used = time.monotonic()
        return found

    def known(self, part: Part) -> Voice | None:
        """The voice of a part that is loaded as it lies on disk."""
        if part.run is None:
            return self._plain(part)
        found = self.voices.get(part.key)
        return found if found is not None and found.stamp == stamp(part) else None

    def _plain(self, part: Part) -> Voice:
        return Voice(part.key, SHARED if self.batches else part.key, self.base)

    def _loaded(self, run: Run, part: Part) -> Voice:
        method = METHODS.get(run.recipe.method.kind)
        name = "ad__" + part.key.replace(
            ".", "-"
        )  # PEFT warns of names that are a part of "lora_", and cannot have dots
        if self.batches and mixes(run):
            size = self.mixed.add(run, name, part.step)
            return Voice(part.key, SHARED, self.mixed, name, size=size)
        if method.stores == "model" and part.step is None:
            model = load_model(run.tuned, TASKS.get(run.recipe.task.kind), load_options(run), self.device, self.dtype)
            model = model.eval().requires_grad_(False)
        else:
            model = lay_on(run, twin(self.base), name, part.step).requires_grad_(False)
        virtual = bool(getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False))
        group = SHARED if virtual and self.batches else part.key
        return Voice(part.key, group, model, virtual=virtual, size=extra_bytes(model, self.base))

    def _make_room(self, part: Part, busy: Collection[str]) -> None:
        """Let the least recently used go until the new one fits."""
        need = _on_disk(part)
        while sum(voice.size for voice in self.voices.values()) + need > self.room:
            idle = [voice for voice in self.voices.values() if voice.key not in busy]
            if idle:
                self.forget(min(idle, key=lambda voice: voice.used))
            elif self.voices:
                raise Full
            else:
                raise Refused(
                    f"{part.key} needs {need / 1e6:.0f} MB beside the base model and may have {self.room / 1e6:.0f} MB; "
                    "serve it by itself, or with more --room.", "model", 503, "no_room",
                )  # fmt: skip

    def forget(self, voice: Voice) -> None:
        """Out of memory with it."""
        del self.voices[voice.key]
        if voice.adapter:
            self.mixed.remove(voice.adapter)

    def forward(self, voices: Sequence[Voice]) -> Callable[..., Any]:
        """What computes one step for rows of these voices, which are of one group."""
        if voices[0].group == SHARED:
            return _fitted(self.mixed.forward([voice.adapter for voice in voices]))
        model = voices[0].model
        return _fitted(model.get_base_model() if hasattr(model, "peft_config") else model)

    def ready(self, voice: Voice) -> Any:
        """The model that answers as this voice by itself."""
        return self.mixed.only(voice.adapter) if voice.adapter else voice.model

    def recover(self) -> None:
        """After a call that raised."""
        if self.mixed is not None:
            self.mixed.recover()


def _fitted(model: Any) -> Callable[..., Any]:
    """A model's forward that is not told what it does not know."""
    known = inspect.signature(model.forward).parameters
    if any(each.kind is each.VAR_KEYWORD for each in known.values()):
        return model
    return lambda **given: model(**{name: value for name, value in given.items() if name in known})


def stamp(part: Part) -> tuple[Any, ...]:
    """Tells one state of a part's files from another."""
    return tuple(sorted((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in _files(part)))


def _files(part: Part) -> list[Path]:
    if part.run is None:
        return []
    files = [checkpoint_file(part.run, part.step)] if part.step is not None else part.run.tuned.glob("*.safetensors")
    return [path for path in files if path.is_file()]


def _on_disk(part: Part) -> int:
    """Bytes a part will take, as far as its files tell."""
    return sum(path.stat().st_size for path in _files(part))


def free_bytes(device: str) -> int:
    """Memory that is free on a device."""
    return int(torch.cuda.mem_get_info()[0]) if device == "cuda" else int(psutil.virtual_memory().available)


def weight_bytes(model: Any) -> int:
    """Memory of a model's own tensors."""
    return sum(value.numel() * value.element_size() for value in tensors(model))


def check_run(run: Run) -> None:
    """UserError for a run without a result."""
    if not run.tuned.is_dir():
        raise UserError(
            f"{run.id} has no tuned model yet: it is {run.status}. Choose a finished run.",
            f"{run.id} 还没有微调后的模型（状态：{run.status}）。请选择已完成的任务。",
            field="run",
        )
