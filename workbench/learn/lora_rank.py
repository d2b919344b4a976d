"""5.1 The rank of a change: singular values of ΔW, and what is left when only r of them are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import read_json
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Numbers, Picture, facts, lines, told
from workbench.core.run import Run
from workbench.core.run import find as find_run
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _offered
from workbench.learn._seen import chosen, run_that, trained
from workbench.models import catalog
from workbench.models.facts import weight_files

SIDE = 96
"""Rows and columns of a matrix made at random."""
NEWEST, RANDOM = "", "random"
"""Origins beside the id of a run; the first is at random where there is no run."""
ADAPTER, SETTINGS = "adapter_model.safetensors", "adapter_config.json"
_LAYER = re.compile(r"\.\d+\..*weight$")


class Settings(Section):
    """Which change, and how much of it is kept."""

    origin: str = knob(
        NEWEST,
        Text("Change of weights", "权重的改变"),
        Text(
            "Of a finished run (LoRA or full), or made at random.", "来自已完成的训练任务（LoRA 或全量），或随机生成。"
        ),
    )
    place: int = knob(1, Text("Which matrix", "第几个矩阵"), Text("Of the run, counted from 1.", "在该任务中从 1 开始数。"), ge=1, le=64)  # fmt: skip
    rank: int = knob(4, Text("Keep r directions", "保留 r 个方向"), Text("The rest is thrown away.", "其余的丢掉。"), ge=1, le=64)  # fmt: skip
    planted: int = knob(
        4, Text("Rank of the random change", "随机改变的秩"), Text("B·A with so many columns.", "B·A 的列数。"), ge=1, le=64
    )  # fmt: skip


def planted(rank: int, seed: int = 0) -> Any:
    """B·A of that rank, (SIDE, SIDE)."""
    import torch

    dice = torch.Generator().manual_seed(seed)
    return torch.randn(SIDE, rank, generator=dice) @ torch.randn(rank, SIDE, generator=dice) / rank**0.5


def spectrum(change: Any) -> Any:
    """Singular values, the largest first."""
    import torch

    return torch.linalg.svdvals(change.double())


def energy(values: Any) -> Any:
    """Share of the squared length that the first 1, 2, … directions hold."""
    return (values**2).cumsum(0) / (values**2).sum().clamp_min(1e-300)


def rebuilt(change: Any, rank: int) -> Any:
    """The nearest matrix of that rank (Eckart & Young, 1936)."""
    import torch

    left, values, right = torch.linalg.svd(change.double(), full_matrices=False)
    return (left[:, :rank] * values[:rank]) @ right[:rank]


def changes(workspace: Workspace, run: Run) -> Iterator[tuple[str, Any]]:
    """(name, a function that gives ΔW) of every matrix a run changed: α ÷ r · B·A of LoRA, tuned minus base of full fine-tuning."""
    if (run.tuned / ADAPTER).is_file():
        yield from _of_adapter(run)
    else:
        yield from _of_model(workspace, run)


def _of_adapter(run: Run) -> Iterator[tuple[str, Any]]:
    from safetensors.torch import load_file

    told_ = read_json(run.tuned / SETTINGS) or {}
    rank, alpha = int(told_.get("r") or 1), float(told_.get("lora_alpha") or 1)
    scale = alpha / (rank**0.5 if told_.get("use_rslora") else rank)
    found = load_file(str(run.tuned / ADAPTER))
    for name in sorted(found, key=_natural):
        if ".lora_A." in name and found[name].ndim == 2:
            first, second = found[name].float(), found[name.replace(".lora_A.", ".lora_B.")].float()
            yield name.removeprefix("base_model.model.").split(".lora_A.")[0], lambda a=first, b=second: scale * b @ a


def _of_model(workspace: Workspace, run: Run) -> Iterator[tuple[str, Any]]:
    base = dict(_matrices(catalog.here(workspace, run.recipe.model.id, run.recipe.model.revision)))
    for name, read in _matrices(run.tuned):
        if before := _under(name, base):
            yield name.removesuffix(".weight"), lambda new=read, old=before: new() - old()


def _under(name: str, base: dict[str, Any]) -> Any:
    """The same tensor of the base, whose names may lack the first word (`bert.`)."""
    return base.get(name) or base.get(name.partition(".")[2]) or base.get(f"model.{name}")


def _matrices(folder: Any) -> Iterator[tuple[str, Any]]:
    from safetensors import safe_open

    for path in weight_files(folder):
        with safe_open(str(path), "pt") as file:
            names = [name for name in file.keys() if _LAYER.search(name) and len(file.get_slice(name).get_shape()) == 2]  # noqa: SIM118 (no mapping)
        for name in sorted(names, key=_natural):
            yield name, lambda path=path, name=name: _read(path, name)


def _read(path: Any, name: str) -> Any:
    from safetensors import safe_open

    with safe_open(str(path), "pt") as file:
        return file.get_tensor(name).float()


def _natural(name: str) -> list[Any]:
    """layers.2 stands before layers.10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


@LABS.add
class LoraRank(Lab):
    """See the module."""

    kind = "lora-rank"
    stop = "5.1"
    order = 80
    label = Text("The rank of a change", "权重改变的秩")
    idea = (
        Text(
            "Training changes a matrix W by ΔW. Singular values say in how many directions it really changed: a few large ones and many tiny ones mean "
            "that a thin matrix would have done.",
            "训练让矩阵 W 改变 ΔW。奇异值说明它实际在多少个方向上变了：少数很大、其余极小，就说明窄矩阵也够用。",
        ),
        Text(
            "LoRA writes ΔW = α ÷ r · B·A from the start, so it can have r directions at most. α only scales them: "
            "α twice as large is like a learning rate that is larger, not a higher rank.",
            "LoRA 一开始就把 ΔW 写成 α ÷ r · B·A，所以最多有 r 个方向。α 只是整体缩放：α 加倍类似于加大学习率，并不会提高秩。",
        ),
    )
    guess = Guess(
        Text(
            "A change has rank 4. It is rebuilt from 8 singular values instead of 4. It becomes …",
            "某个权重改变的秩是 4。用 8 个奇异值而不是 4 个来重建，结果……",
        ),
        (
            Choice(
                Text("twice as exact", "精确一倍"),
                Text("With 4 nothing is missing: the fifth singular value is zero.", "用 4 个就已经不差什么：第五个奇异值是零。"),
            ),
            Choice(
                Text("no better", "没有更好"),
                Text("Four directions hold all of it. More rank helps only when there is something to put in it.", "四个方向已包含全部。只有确实有内容可装时，更高的秩才有用。"),
                right=True,
            ),
            Choice(
                Text("worse: it overfits", "更差：会过拟合"),
                Text("Rebuilding is no training; more directions never take it farther away.", "重建不是训练；更多方向绝不会让误差变大。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("Keep one direction only", "只留一个方向"), {"rank": 1})
    far = True
    source = "Hu et al., LoRA, arXiv:2106.09685; Eckart & Young, 1936"

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        ours = _offered.runs(workspace, _changed)
        return {"origin": [*ours, (Text("made at random", "随机生成"), RANDOM)]}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        name, change = _chosen(knobs, workspace)
        values = spectrum(change)
        most = float(values[0])
        if not most:
            raise UserError(f"{name.en} did not change at all; choose another matrix.", f"{name.zh} 完全没有改变；请换一个矩阵。", field="place")  # fmt: skip
        rank = min(knobs.rank, len(values))
        kept, error = energy(values), float((rebuilt(change, rank) - change).norm() / change.norm())
        shown = min(len(values), 64)
        mark = {rank: Text(f"r = {rank}", f"r = {rank}")}
        sizes: dict[Named, tuple[Numbers, Numbers]] = {Text("singular value", "奇异值"): (list(range(1, shown + 1)), [max(float(each), most * 1e-9) for each in values[:shown]])}  # fmt: skip
        shares: dict[Named, tuple[Numbers, Numbers]] = {Text("energy", "能量"): (list(range(1, shown + 1)), kept[:shown].tolist())}  # fmt: skip
        number = Text("number of the direction", "方向的序号")
        return [
            _said(rank, float(kept[rank - 1]), error),
            lines(Text(f"Singular values of ΔW: {name.en}", f"ΔW 的奇异值：{name.zh}"), sizes, number, Text("size (log)", "大小（对数）"), log="y", marks=mark),
            lines(Text("Energy in the first r directions", "前 r 个方向的能量"), shares, Text("r", "r"), Text("share", "占比"), marks=mark),
            _told(change, kept, rank),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["rank"] for each in touched}) >= 3

    def real(self, workspace: Workspace) -> Real:
        return Real(
            Text("Train a LoRA of rank 4", "训练一个秩为 4 的 LoRA"), "train", {"method.rank": 4}, preset="persona"
        )

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: chosen(run, "method.rank"))
        return Trace(trained(run), "runs", run.id) if run else None


def _changed(run: Run) -> bool:
    return run.recipe.method.kind in {"lora", "qlora", "full"}


def _chosen(knobs: Any, workspace: Workspace) -> tuple[Text, Any]:
    newest = run_that(workspace, _changed) if knobs.origin == NEWEST else None
    if knobs.origin == RANDOM or (knobs.origin == NEWEST and newest is None):
        named = Text(f"made at random, rank {knobs.planted}", f"随机生成，秩 {knobs.planted}")
        return named, planted(knobs.planted)
    found = list(changes(workspace, newest or find_run(workspace, knobs.origin)))
    if not found:
        raise UserError("This run changed no matrix; choose another.", "这个任务没有改变任何矩阵；请另选一个。", field="origin")  # fmt: skip
    name, read = found[min(knobs.place, len(found)) - 1]
    shown = f"{name} ({min(knobs.place, len(found))}/{len(found)})"
    return Text(shown, shown), read()


def _said(rank: int, share: float, error: float) -> Picture:
    text = Text(
        f"{rank} directions hold {share:.2%} of the energy; the rebuilt ΔW is {error:.2%} off.",
        f"{rank} 个方向包含 {share:.2%} 的能量；重建的 ΔW 误差为 {error:.2%}。",
    )
    return told(text, "good" if error < 0.01 else "plain")


def _told(change: Any, kept: Any, rank: int) -> Picture:
    rows, columns = change.shape
    needed = [int((kept < share - 1e-12).sum()) + 1 for share in (0.9, 0.99)]
    return facts(
        [
            (Text("Shape", "形状"), f"{rows} × {columns}"),
            (Text("Directions for 90 % / 99 % of the energy", "达到 90% / 99% 能量所需的方向数"), f"{needed[0]} / {needed[1]}"),
            (Text("Numbers of ΔW", "ΔW 的参数量"), f"{rows * columns:,}"),
            (Text(f"Numbers of B and A at r = {rank}", f"r = {rank} 时 B 与 A 的参数量"), f"{rank * (rows + columns):,}"),
        ]
    )  # fmt: skip
