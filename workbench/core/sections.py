"""The part of a recipe about the machine: compute."""

from __future__ import annotations

from workbench.core.knob import Section, knob
from workbench.core.text import Text

SINGLE, DDP, FSDP, TENSOR = "single", "ddp", "fsdp", "tensor-parallel"
DEEPSPEED, DEVICE_MAP = "deepspeed", "device-map"
"""How a run is spread over processes (workbench.engine.launcher starts them), or over the GPUs of one process (device-map)."""


class ComputeSection(Section):
    """The `compute:` part: where it runs and in which numbers."""

    device: str = knob(
        "auto",
        Text("Device", "设备"),
        Text(
            "auto takes the GPU where there is one. "
            "Choose CPU to leave the GPU to other work; training is then many times slower.",
            "auto：有 GPU 就用 GPU。想把 GPU 留给别的工作时选 CPU；训练会慢很多倍。",
        ),
        choices=(
            ("auto", Text("auto", "自动")),
            ("cpu", Text("CPU", "CPU")),
            ("cuda", Text("NVIDIA GPU", "NVIDIA GPU")),
        ),
        advanced=True,
    )
    precision: str = knob(
        "auto",
        Text("Numeric precision", "数值精度"),
        Text(
            "auto: bf16 on a GPU that has it, fp32 elsewhere. bf16 on a CPU holds the frozen model in half the memory and is "
            "faster on CPUs with bf16 instructions (LoRA on language models); answers differ in the third digit.",
            "auto：支持 bf16 的 GPU 用 bf16，其他用 fp32。在 CPU 上选 bf16：冻结的模型只占一半内存，带 bf16 指令的 CPU 更快"
            "（用于语言模型的 LoRA）；结果在第三位小数上略有差别。",
        ),
        choices=(
            ("auto", Text("auto", "自动")),
            ("fp32", Text("fp32", "fp32")),
            ("bf16", Text("bf16", "bf16")),
            ("fp16", Text("fp16 (GPU)", "fp16（GPU）")),
        ),
        advanced=True,
    )
    attn_implementation: str = knob(
        "auto",
        Text("Attention", "注意力实现"),
        Text(
            "auto: PyTorch's fused attention (SDPA) where the model has it. Rows laid end to end use one kernel on a GPU by "
            "themselves. eager is the plain formula: slower, always with padding.",
            "auto：模型支持时用 PyTorch 的融合注意力（SDPA）；首尾相接的批次在 GPU 上会自动用单个内核。eager 是原始公式：更慢，且总是填充。",
        ),
        choices=(
            ("auto", Text("auto", "自动")),
            ("sdpa", Text("SDPA", "SDPA")),
            (
                "flash_attention_2",
                Text("FlashAttention 2 (GPU, package flash-attn)", "FlashAttention 2（GPU，需 flash-attn）"),
            ),
            ("eager", Text("eager", "eager（原始公式）")),
        ),
        advanced=True,
    )
    torch_compile: bool = knob(
        False,
        Text("Compile the layers", "编译模型层"),
        Text(
            "Translates the repeated layers into faster code: minutes at the start of a long run on a GPU that come back "
            "later. Off, because it was slower on CPUs (BENCHMARKS). Needs a C++ compiler, on a GPU triton.",
            "把重复的层编译成更快的代码：开头要花几分钟，适合 GPU 上的长时间训练。默认关闭，因为在 CPU 上实测更慢（见 BENCHMARKS）。"
            "需要 C++ 编译器，GPU 上需要 triton。",
        ),
        advanced=True,
    )
    use_liger_kernel: bool = knob(
        False,
        Text("Liger kernels", "Liger 内核"),
        Text(
            "Fused kernels for Llama-like models on NVIDIA GPUs, where the package liger-kernel is installed; elsewhere the run "
            "goes without and says so. "
            "Turn it on for long rows or large vocabularies, where it saves most memory; the loss is the same but for rounding.",
            "用于 NVIDIA GPU 上 Llama 类模型的融合内核，需要安装 liger-kernel；否则训练不使用它，并给出提示。"
            "行很长或词表很大时打开最省显存；损失只有舍入上的差别。",
        ),
        advanced=True,
    )
    tf32: bool = knob(
        True,
        Text("TF32 (GPU)", "TF32（GPU）"),
        Text(
            "fp32 products of NVIDIA GPUs from Ampere on with 10 bits after the point: several times as fast, differences in "
            "the fourth digit. A CPU does not know it.",
            "在 Ampere 及更新的 NVIDIA GPU 上以 10 位尾数计算 fp32 乘法：快数倍，差别在第四位。CPU 不受影响。",
        ),
        advanced=True,
    )
    threads: int = knob(
        0,
        Text("CPU threads", "CPU 线程"),
        Text(
            "0 takes all cores; the page stays responsive because the run is polite. "
            "Give fewer to leave cores to other work; small models are no slower with one or two.",
            "0 表示全部核心；训练会主动让路，页面不会卡。想给别的工作留核心时调小；小模型用一两个线程也不慢。",
        ),
        ge=0,
        le=1024,
        advanced=True,
        example="0",
    )
    strategy: str = knob(
        SINGLE,
        Text("Spread over processes", "多进程方式"),
        Text(
            "single: one process. ddp: each process has the whole model and its own rows. fsdp: each holds a part of the weights, gradients "
            "and optimizer state (our own loop). deepspeed: the same by ZeRO, whose stages say what is apart (our own loop). tensor-parallel: "
            "all share each layer's product (our own loop, language models). device-map: one process, the layers one after another on all GPUs.",
            "single：单进程。ddp：每个进程有完整模型和各自的行。fsdp：每个进程只存一部分权重、梯度和优化器状态（自写训练循环）。"
            "deepspeed：用 ZeRO 做同样的事，分片内容由阶段决定（自写训练循环）。tensor-parallel：各进程分担每一层的乘法（自写训练循环，语言模型）。"
            "device-map：单进程，模型各层依次放在所有 GPU 上。",
        ),
        choices=(
            (SINGLE, Text("one process", "单进程")),
            (DDP, Text("DDP: rows apart", "DDP：数据并行")),
            (FSDP, Text("FSDP2: weights apart", "FSDP2：权重分片")),
            (DEEPSPEED, Text("DeepSpeed ZeRO", "DeepSpeed ZeRO")),
            (TENSOR, Text("tensor-parallel: layers apart", "张量并行：层内分片")),
            (DEVICE_MAP, Text("device-map: layers on several GPUs", "device-map：各层放在多个 GPU")),
        ),
        advanced=True,
    )
    zero_stage: str = knob(
        "2",
        Text("ZeRO stage", "ZeRO 阶段"),
        Text(
            "What lies in parts over the processes. 2: optimizer state and gradients; takes LoRA well. 3: the weights too, gathered layer by "
            "layer: less memory, more to send.",
            "哪些内容分片到各进程。2：优化器状态和梯度，适合 LoRA。3：权重也分片，逐层汇集：更省内存，通信更多。",
        ),
        choices=(
            ("2", Text("2: optimizer state, gradients", "2：优化器状态和梯度")),
            ("3", Text("3: weights too", "3：权重也分片")),
        ),
        advanced=True,
        shown_when=("strategy", DEEPSPEED),
    )
    offload_optimizer: bool = knob(
        False,
        Text("Optimizer state in main memory", "优化器状态放到内存"),
        Text(
            "Frees the GPU of two numbers for each trained weight; each step waits for the CPU. "
            "Turn it on when a run just misses fitting on the GPU; it needs as much memory beside the CPU.",
            "为每个训练的参数腾出两个数的显存；每一步都要等 CPU。显存只差一点时打开；内存中需要同样大小的空间。",
        ),
        advanced=True,
        shown_when=("strategy", DEEPSPEED),
    )
    processes: int = knob(
        1,
        Text("Processes per machine", "每台机器的进程数"),
        Text(
            "One per GPU, or a few on a CPU. A step then takes batch size × processes × machines rows (tensor-parallel: batch size).",
            "每个 GPU 一个进程；CPU 上可取几个。每一步的行数 = 批大小 × 进程数 × 机器数（张量并行时仍为批大小）。",
        ),
        ge=1,
        le=256,
        advanced=True,
        example="2",
    )
    machines: int = knob(
        1,
        Text("Machines", "机器数"),
        Text(
            "More than one need this workspace in a shared folder; launch.json in the run's folder has the command for each of the others. "
            "Only for models or data too large for one machine; the network between them sets the pace.",
            "多台机器须共享同一工作区文件夹；任务文件夹中的 launch.json 给出其余每台机器要执行的命令。"
            "只用于一台机器放不下的模型或数据；速度取决于机器间的网络。",
        ),
        ge=1,
        le=4096,
        advanced=True,
        example="1",
    )
    main_address: str = knob(
        "",
        Text("Address of the main machine", "主机器地址"),
        Text(
            "Where the other machines reach this one. Empty for one machine.",
            "其他机器连接本机所用的地址。只有一台机器时留空。",
        ),
        advanced=True,
        example="10.0.0.1",
    )
    main_port: int = knob(
        0,
        Text("Port of the main machine", "主机器端口"),
        Text(
            "0 takes a free one; several machines need a number they can all reach, e.g. 29500. "
            "Change it only when another program has it. It costs nothing.",
            "0 表示自动选择空闲端口；多台机器时需填一个都能访问的端口，例如 29500。"
            "只有端口被占用时才更改。不增加开销。",
        ),
        ge=0,
        le=65535,
        advanced=True,
        example="29500",
    )

    @property
    def feeds(self) -> int:
        """How many batches a step takes at once: processes that share one layer's product all see the same."""
        return 1 if self.strategy == TENSOR else self.processes * self.machines
