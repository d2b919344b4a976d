"""5.2 Many processes: what each device holds and what goes over the wire in a step, by arithmetic that is shown.

Mixed-precision Adam takes 16 bytes a parameter: 2 weights, 2 gradients, 12 state (fp32 weights, momentum, variance), as in ZeRO
(Rajbhandari et al., arXiv:1910.02054). What this does not know: activations (but those that are sent), buffers, fragmentation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Numbers, Picture, bars, grid, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._seen import run_that, trained

WEIGHTS, GRADIENTS, STATE = 2, 2, 12
"""Bytes a parameter."""
WAYS = {
    "stage 0": Text("data parallel (ZeRO 0)", "数据并行（ZeRO 0）"),
    "stage 1": Text("ZeRO 1: optimizer state apart", "ZeRO 1：优化器状态分片"),
    "stage 2": Text("ZeRO 2: gradients too", "ZeRO 2：梯度也分片"),
    "stage 3": Text("ZeRO 3: weights too", "ZeRO 3：权重也分片"),
    "tensor": Text("tensor parallel", "张量并行"),
    "pipeline": Text("pipeline parallel", "流水线并行"),
}
SHORT: tuple[Named, ...] = (
    Text("data parallel", "数据并行"), "ZeRO 1", "ZeRO 2", "ZeRO 3", Text("tensor", "张量并行"), Text("pipeline", "流水线并行"),
)  # fmt: skip
"""The same, under bars."""
SHAPE = 128
"""Width of a layer ÷ number of layers, about that of usual language models (7 B: 4,096 and 32)."""


class Settings(Section):
    """A model, devices, and how it is laid over them."""

    billions: float = knob(
        7.5, Text("Parameters (billions)", "参数量（十亿）"), Text("7.5 is the example of the ZeRO paper.", "7.5 是 ZeRO 论文的例子。"), ge=0.1, le=200
    )  # fmt: skip
    devices: int = knob(64, Text("Devices", "设备数"), Text("One process each.", "每个设备一个进程。"), ge=1, le=256)
    way: str = knob(
        "stage 2", Text("How", "方式"), Text("What lies apart.", "什么被分开存放。"), choices=tuple(WAYS.items())
    )
    offload: bool = knob(
        False, Text("Optimizer state in main memory", "优化器状态转存到内存"), Text("Frees the device; each step waits for the CPU.", "腾出显存；每一步都要等 CPU。")
    )  # fmt: skip
    tokens: int = knob(
        4096, Text("Tokens of a device's batch", "每个设备一批的词元数"), Text("Tensor and pipeline parallel send activations of all of them.", "张量和流水线并行要发送它们的激活值。"), ge=128, le=65536, example="4096"
    )  # fmt: skip
    micro_batches: int = knob(
        8, Text("Micro-batches", "微批数"), Text("Pipeline: the more, the shorter the bubble.", "流水线：越多，气泡越短。"), ge=1, le=64
    )  # fmt: skip


class Held(NamedTuple):
    """Gigabytes on each device, those of its process in main memory, and gigabytes that each device sends in a step."""

    weights: float
    gradients: float
    state: float
    main: float
    wire: float

    @property
    def device(self) -> float:
        """All of it on the device."""
        return self.weights + self.gradients + self.state


def held(billions: float, devices: int, way: str, offload: bool = False, tokens: int = 4096) -> Held:
    """What one device holds and sends. One billion parameters of one byte are one gigabyte (10⁹ bytes)."""
    stage = int(way[-1]) if way.startswith("stage") else 3
    apart = [devices if stage >= needed else 1 for needed in (3, 2, 1)]
    weights, gradients, state = (
        size * billions / part for size, part in zip((WEIGHTS, GRADIENTS, STATE), apart, strict=True)
    )
    main = state if offload else 0.0
    return Held(weights, gradients, 0.0 if offload else state, main, sent(billions, devices, way, tokens))


def sent(billions: float, devices: int, way: str, tokens: int) -> float:
    """Gigabytes a device sends in a step. A ring sends (N − 1) ÷ N of the whole for a reduce-scatter, and again for an all-gather."""
    ring = (devices - 1) / devices
    if way.startswith("stage"):
        return (3 if way == "stage 3" else 2) * ring * WEIGHTS * billions
    layers, width = shape(billions)
    activations = tokens * width * 2 / 1e9
    if way == "tensor":  # an all-reduce behind attention and behind the feed-forward part, forward and backward
        return 4 * layers * 2 * ring * activations
    return 2 * activations if devices > 1 else 0.0  # to the next stage forward, to the one before backward


def shape(billions: float) -> tuple[int, int]:
    """(layers, width) of a usual language model of that size: 12 × layers × width² parameters."""
    layers = max(1, round((billions * 1e9 / (12 * SHAPE**2)) ** (1 / 3)))
    return layers, layers * SHAPE


def bubble(devices: int, micro_batches: int) -> float:
    """Share of a step in which a pipeline's device waits (Huang et al., GPipe, arXiv:1811.06965)."""
    return (devices - 1) / (micro_batches + devices - 1)


@LABS.add
class ManyProcesses(Lab):
    """See the module."""

    kind = "many-processes"
    stop = "5.2"
    order = 85
    label = Text("Many processes", "多进程训练")
    idea = (
        Text(
            "Training with Adam in mixed precision takes 16 bytes for each parameter: 2 for the weight, 2 for its gradient, 12 for the "
            "optimizer. Data parallel keeps all of it on every device and shares out the rows.",
            "用混合精度的 Adam 训练，每个参数占 16 字节：权重 2、梯度 2、优化器 12。数据并行在每个设备上都存一份，只分摊数据行。",
        ),
        Text(
            "ZeRO lays it in parts over the devices and fetches what is needed. Tensor parallel cuts each layer, pipeline parallel "
            "gives each device some layers: they send activations in place of gradients.",
            "ZeRO 把它们分片到各设备，用时再取。张量并行把每一层切开，流水线并行让每个设备负责几层：它们传的是激活值而不是梯度。",
        ),
    )
    guess = Guess(
        Text(
            "A model of 7.5 billion parameters takes 120 GB. With plain data parallel on 64 devices, each holds …",
            "75 亿参数的模型要 120 GB。用普通数据并行放到 64 个设备上，每个设备要存……",
        ),
        (
            Choice(
                Text("120 ÷ 64 = 1.9 GB", "120 ÷ 64 = 1.9 GB"),
                Text("That is ZeRO 3. Plain data parallel shares out rows, not the model.", "那是 ZeRO 3。普通数据并行只分数据行，不分模型。"),
            ),
            Choice(
                Text("120 GB", "120 GB"),
                Text(
                    "Yes: every device has a whole copy; 64 of them are faster, not larger.",
                    "对：每个设备都有完整的一份；64 个更快，但装不下更大的模型。",
                ),
                right=True,
            ),
            Choice(
                Text("60 GB: weights whole, the rest shared", "60 GB：权重完整，其余分摊"),
                Text("ZeRO 1 and 2 do something like it: 31.4 and 16.6 GB.", "ZeRO 1 和 2 类似这样：31.4 和 16.6 GB。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("Put it on one device", "放到一个设备上"), {"devices": 1})
    source = "Rajbhandari et al., ZeRO, arXiv:1910.02054; Shoeybi et al., Megatron-LM, arXiv:1909.08053; Huang et al., GPipe, arXiv:1811.06965"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        if knobs.way == "pipeline" and knobs.devices > (most := shape(knobs.billions)[0]):
            raise UserError(
                f"A pipeline of {knobs.devices} devices needs as many layers; a model of this size has about {most}.",
                f"{knobs.devices} 个设备的流水线至少要有同样多的层；这么大的模型约有 {most} 层。",
                field="devices",
            )
        every = {way: held(knobs.billions, knobs.devices, way, knobs.offload, knobs.tokens) for way in WAYS}
        mine = every[knobs.way]
        parts: dict[Named, Numbers] = {
            Text("weights", "权重"): [each.weights for each in every.values()],
            Text("gradients", "梯度"): [each.gradients for each in every.values()],
            Text("optimizer state", "优化器状态"): [each.state for each in every.values()],
        }
        return [
            _said(knobs, mine),
            bars(Text("Memory of each device", "每个设备的内存"), SHORT, parts, Text("GB", "GB"), stacked=True),
            bars(Text("Sent by each device in a step", "每个设备每步发送的数据"), SHORT, {Text("sent", "发送"): [each.wire for each in every.values()]}, Text("GB", "GB")),
            _growth(knobs),
            _arithmetic(knobs, mine),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["way"] for each in touched}) >= 3

    def real(self, workspace: Workspace) -> Real:
        label = Text("Train with two processes on this machine", "在本机用两个进程训练")
        changes = {"compute.strategy": "ddp", "compute.processes": 2, "training.max_steps": 20}
        return Real(label, "train", changes, preset="sentiment-zh")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: run.recipe.compute.processes * run.recipe.compute.machines > 1)
        return Trace(trained(run), "runs", run.id) if run else None


def _said(knobs: Any, mine: Held) -> Picture:
    way = WAYS[knobs.way]
    en = f"{way.en} over {knobs.devices} devices: {mine.device:.4g} GB on each, {mine.wire:.3g} GB sent by each in a step."
    zh = f"{way.zh}，{knobs.devices} 个设备：每个存 {mine.device:.4g} GB，每步各发送 {mine.wire:.3g} GB。"
    if knobs.offload:
        en += f" {mine.main:.4g} GB more lie in main memory, for each process."
        zh += f"另有每个进程 {mine.main:.4g} GB 放在内存里。"
    if knobs.way == "pipeline":
        share = bubble(knobs.devices, knobs.micro_batches)
        en += f" Each device waits for {share:.0%} of the step."
        zh += f"每个设备有 {share:.0%} 的时间在等待。"
    return told(Text(en, zh), "good" if mine.device <= 24 else "plain")


def _growth(knobs: Any) -> Picture:
    counts = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    series: dict[Named, tuple[Numbers, Numbers]] = {
        name: (counts, [held(knobs.billions, count, way, knobs.offload).device for count in counts])
        for way, name in zip(WAYS, SHORT[:4], strict=False)
    }
    return lines(Text("The more devices", "设备越多"), series, Text("devices", "设备数"), Text("GB on each", "每个设备 GB"), log="xy")  # fmt: skip


def _arithmetic(knobs: Any, mine: Held) -> Picture:
    size, count = knobs.billions, knobs.devices
    stage = int(knobs.way[-1]) if knobs.way.startswith("stage") else 3
    names = (Text("weights", "权重"), Text("gradients", "梯度"), Text("optimizer state", "优化器状态"))
    rows: list[list[Any]] = []
    for name, bytes_, needed, value in zip(names, (WEIGHTS, GRADIENTS, STATE), (3, 2, 1), mine[:3], strict=True):
        shared = f" ÷ {count}" if stage >= needed else ""
        moved = knobs.offload and bytes_ == STATE
        rows.append(
            [
                name,
                f"{bytes_} × {size:g}{shared}",
                f"{mine.main if moved else value:.4g} GB" + (" (CPU)" if moved else ""),
            ]
        )
    rows.append([Text("on the device", "设备上合计"), "", f"{mine.device:.4g} GB"])
    rows.append([Text("sent", "发送"), _wire(knobs), f"{mine.wire:.4g} GB"])
    if knobs.offload:
        part = count if stage >= 1 else 1
        both = f"({GRADIENTS} + {WEIGHTS}) × {size:g} ÷ {part}"
        rows.append(
            [Text("to and from main memory", "与内存之间往返"), both, f"{(GRADIENTS + WEIGHTS) * size / part:.4g} GB"]
        )
    columns = [Text("what", "内容"), Text("bytes × billions", "字节 × 十亿"), Text("value", "数值")]
    return grid(columns, rows, Text("The arithmetic", "怎么算的"))


def _wire(knobs: Any) -> str:
    ring = f"({knobs.devices} − 1) ÷ {knobs.devices}"
    if knobs.way.startswith("stage"):
        return f"{3 if knobs.way == 'stage 3' else 2} × {ring} × {WEIGHTS} × {knobs.billions:g}"
    layers, width = shape(knobs.billions)
    return f"4 × {layers} × 2 × {ring} × {knobs.tokens} × {width} × 2 ÷ 10⁹" if knobs.way == "tensor" else f"2 × {knobs.tokens} × {width} × 2 ÷ 10⁹"  # fmt: skip
