"""Checkpoints one can trust: written beside their place, forced to disk, sealed by a manifest that comes last, then renamed.

A checkpoint holds what is trained, the optimizer, the schedule and the state of every generator of random numbers, so that a run goes on
as if it had never been interrupted. It is read back only when every file is there with its size and digest, and only by the run it
belongs to: the manifest names recipe, data and model, and is signed with a key that only this workspace has, because the Trainer's own
files in it are read with torch.load. What it does not know: checkpoints of other programs, and of other workspaces.
"""

from __future__ import annotations

import hmac
import json
import os
import random
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from workbench.core.errors import UserError
from workbench.core.files import read_json, sha256, sync_folder, write_json
from workbench.core.text import Text
from workbench.engine import spread
from workbench.engine.room import patiently
from workbench.engine.stage import Stage

MANIFEST, KEY = "manifest.json", ".checkpoint-key"
STAGED, PLACE, ASIDE = "checkpoint-", "step-", "unused-"
TRAINED, METHOD, CHANCE, SESSION, STATE = (
    "trained.safetensors", "method.safetensors", "chance.safetensors", "session.json", "trainer_state.json",
)  # fmt: skip
Mark = dict[str, str]
"""Whose checkpoint it is: digests of recipe, data and model."""


class Keeper:
    """Writes the checkpoints of one run and keeps the newest `keep` of them."""

    def __init__(self, stage: Stage, keep: int, mark: Mark) -> None:
        self.stage, self.keep, self.mark = stage, keep, mark
        self.folder = stage.run.checkpoints
        self.need = 0
        """Bytes the next one will take, as far as is known."""

    def begin(self) -> None:
        """Take away what a killed worker left half-written."""
        self._check_place()
        for torn in [*self.folder.glob(f"{STAGED}*"), *self.folder.glob(".*.part")]:
            shutil.rmtree(torn, ignore_errors=True) if torn.is_dir() else torn.unlink(missing_ok=True)

    def _check_place(self) -> None:
        """A link in the place of the folder would lead the checkpoint somewhere else. UserError then."""
        if self.folder.is_symlink():
            raise UserError(
                f"{self.folder.name} in the run's folder has become a link; nothing is written through it. Put the folder back, then go on.",
                f"任务文件夹中的 {self.folder.name} 变成了链接；不会通过它写入任何内容。请恢复该文件夹，然后继续训练。",
                field="run",
            )

    def set_aside(self, after: int) -> None:
        """Checkpoints later than the one that is gone on from were of no use: under their names they would count as the newest, and those
        that come now would go as the oldest."""
        for path in sealed(self.folder):
            if int(path.name.removeprefix(PLACE)) > after:
                place = path.with_name(f"{ASIDE}{path.name}")
                shutil.rmtree(place, ignore_errors=True)
                path.rename(place)

    def save(self, step: int, write: Callable[[], None], facts: dict[str, Any], tensors: dict[str, Any]) -> None:
        """`write` puts the loop's own files into checkpoint-STEP; everything else is done here."""
        self._check_place()
        made, place = self.folder / f"{STAGED}{step}", self.folder / f"{PLACE}{step}"

        def whole() -> None:
            write()
            if world.main:
                save_file(tensors, str(made / METHOD)) if tensors else None
                write_json(made / SESSION, facts)
            if not world.many:
                self.need = seal(made, step, self.mark)

        def undo() -> None:
            if world.main:
                shutil.rmtree(made, ignore_errors=True)

        world = self.stage.world
        world.first(lambda: patiently(self.stage, self.folder, self.need, whole, undo))
        world.wait()  # every process's random numbers are there
        world.alone(lambda: self._put_in_place(made, place, step))

    def _put_in_place(self, made: Path, place: Path, step: int) -> None:
        """Sealed where several processes wrote into it, renamed, told; the oldest go."""
        if self.stage.world.many:

            def closed() -> None:
                self.need = seal(made, step, self.mark)

            patiently(self.stage, self.folder, 0, closed, lambda: None)
        shutil.rmtree(place, ignore_errors=True)

        def named() -> None:
            made.rename(place)

        patiently(self.stage, self.folder, 0, named, lambda: None)
        sync_folder(self.folder)
        self.stage.write("checkpoint", step=step, mb=round(self.need / 1e6, 2))
        for old in sealed(self.folder)[: -self.keep]:
            shutil.rmtree(old, ignore_errors=True)

    def kept_best(self) -> set[int]:
        """The best step so far, as each kept checkpoint knows it."""
        told = [read_json(path / SESSION) or {} for path in sealed(self.folder)]
        return {int(each["best"]["step"]) for each in told if each.get("best")}


def sealed(folder: Path) -> list[Path]:
    """Every checkpoint, the oldest first."""
    return sorted(folder.glob(f"{PLACE}*"), key=lambda path: int(path.name.removeprefix(PLACE)))


def _held(folder: Path) -> list[Path]:
    """Every file of a checkpoint but its manifest."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def seal(folder: Path, step: int, mark: Mark) -> int:
    """Force every file to disk, then write the manifest; how many bytes there are."""
    files, total = dict[str, Any](), 0
    for path in _held(folder):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        files[str(path.relative_to(folder))] = {"size": path.stat().st_size, "sha256": sha256(path)}
        total += path.stat().st_size
    told = {"step": step, "of": mark, "files": files}
    write_json(folder / MANIFEST, {**told, "signed": _signature(folder, told)})
    return total


def _signature(folder: Path, told: dict[str, Any]) -> str:
    """Of a manifest's words, by the workspace that RUNS/ID/checkpoints/PLACE lies in."""
    return hmac.new(
        _key(folder.resolve().parents[3] / KEY), json.dumps(told, sort_keys=True).encode(), "sha256"
    ).hexdigest()


def _key(path: Path) -> bytes:
    """The workspace's own secret, made when it is first wanted; whoever is second takes that of the first."""
    if not path.is_file():
        handle, name = tempfile.mkstemp(prefix=KEY, dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(32))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            pass
        except OSError:  # a disk without hard links
            Path(name).replace(path)
        Path(name).unlink(missing_ok=True)
    return path.read_bytes()


def newest(folder: Path, mark: Mark) -> tuple[Path | None, list[Text]]:
    """(the newest checkpoint that is whole and this run's own, what is to be said of newer ones that are not)."""
    said: list[Text] = []
    for path in reversed(sealed(folder)):
        reason = wrong_with(path, mark)
        if reason is None:
            return path, said
        said.append(
            Text(
                f"Checkpoint {path.name} is not used: {reason.en}. The one before it is looked at.",
                f"未使用检查点 {path.name}：{reason.zh}。改用更早的一个。",
            )
        )
    return None, said


def wrong_with(folder: Path, mark: Mark) -> Text | None:
    """None for a whole checkpoint of this run, else the reason."""
    found = read_json(folder / MANIFEST)
    files = found.get("files") if isinstance(found, dict) else None
    if not isinstance(files, dict) or not {TRAINED, STATE} <= files.keys():
        return Text("its manifest is missing or damaged", "清单缺失或损坏")
    whose = found.get("of") or {}
    if whose.get("spread") != mark.get("spread"):
        here, there = mark.get("spread", "single × 1"), whose.get("spread", "single × 1")
        return Text(
            f"it was made by {there} and this run is {here}; processes and strategy cannot change in the middle of a run",
            f"它由 {there} 生成，而本次训练是 {here}；训练中途不能更换进程数和多进程方式",
        )
    if whose != mark:
        return Text("it belongs to another recipe, dataset or model", "它属于另一个配方、数据集或模型")
    told = {key: found.get(key) for key in ("step", "of", "files")}
    if not hmac.compare_digest(str(found.get("signed")), _signature(folder, told)):
        return Text("it was not written by this workspace", "它不是由这个工作区写入的")
    for name, facts in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != facts.get("size") or sha256(path) != facts.get("sha256"):
            return Text(f"{name} is missing or damaged", f"{name} 缺失或损坏")
    more = [path.name for path in _held(folder) if str(path.relative_to(folder)) not in files]
    return Text(f"{more[0]} was put into it later", f"{more[0]} 是后来放进去的") if more else None


def trained(model: Any) -> dict[str, Any]:
    """What is trained, by name, whole, on the CPU. Of a model in parts, every process must ask."""
    return {
        name: spread.full(value).cpu().clone().contiguous()
        for name, value in spread.plain(model).named_parameters()
        if value.requires_grad
    }


def lay(model: Any, path: Path) -> None:
    """Put saved values in their places. ValueError when names do not match: nothing is laid over silently in part."""
    put(model, load_file(str(path)), path.name)


def put(model: Any, found: dict[str, Any], name: str) -> None:
    """The same, from values that are at hand."""
    places = {name: value for name, value in model.named_parameters() if value.requires_grad}
    if found.keys() != places.keys():
        raise ValueError(f"{name} holds other parameters than those that are trained")
    if any(spread.divided(value) for value in places.values()):
        with torch.no_grad():
            for key, place in places.items():
                place.copy_(spread.like(found[key], place))
    else:
        model.load_state_dict(found, strict=False)


def own(name: str, rank: int) -> str:
    """A process's file of this kind; the first one's has the plain name."""
    return f"{rank}-{name}" if rank else name


def chance() -> dict[str, Any]:
    """The state of every generator of random numbers, as tensors."""
    version, numbers, spare = random.getstate()
    _, keys, place, has, cached = np.random.get_state()
    made = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor([version, *numbers], dtype=torch.int64),
        "python_spare": torch.tensor([] if spare is None else [spare], dtype=torch.float64),
        "numpy": torch.tensor([int(key) for key in keys] + [int(place), int(has)], dtype=torch.int64),
        "numpy_cached": torch.tensor([cached], dtype=torch.float64),
    }
    return {**made, **{f"cuda:{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}}


def set_chance(path: Path) -> None:
    """Generators go on where they stood."""
    found = load_file(str(path))
    torch.set_rng_state(found["torch"])
    version, *numbers = found["python"].tolist()
    random.setstate((version, tuple(numbers), (found["python_spare"].tolist() or [None])[0]))
    *keys, place, has = found["numpy"].tolist()
    np.random.set_state(("MT19937", np.array(keys, np.uint32), place, has, found["numpy_cached"].item()))
    for index in range(torch.cuda.device_count()):
        if f"cuda:{index}" in found:
            torch.cuda.set_rng_state(found[f"cuda:{index}"], index)


def done(folder: Path) -> bool:
    """Whether a checkpoint was made after the last step, or after the one at which there was nothing more to hope for."""
    if (read_json(folder / SESSION) or {}).get("over"):
        return True  # stopped early: more steps might still find better weights
    state = read_json(folder / STATE) or {}
    return bool(state.get("max_steps")) and state.get("global_step", 0) >= state["max_steps"]
