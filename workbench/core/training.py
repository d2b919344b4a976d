"""The `training:` part of a recipe: what a run does step by step. Names are TrainingArguments'."""

from __future__ import annotations

from workbench.core.knob import Section, knob
from workbench.core.text import Text


class TrainingSection(Section):
    """The `training:` part."""

    engine: str = knob(
        "trainer",
        Text("Loop", "训练循环"),
        Text(
            "Who runs the steps. "
            "Both give the same losses; take our own loop to read every line of it, and the Trainer where trackers or many GPUs are needed.",
            "由谁执行每一步。两者损失相同；想逐行读懂就用自带循环，需要记录工具或多块 GPU 时用 Trainer。",
        ),
        choices=(
            ("trainer", Text("Hugging Face Trainer", "Hugging Face Trainer")),
            ("loop", Text("our own loop, to read along", "自写训练循环（可对照阅读）")),
        ),
        advanced=True,
    )
    learning_rate: float = knob(
        2e-4,
        Text("Learning rate", "学习率"),
        Text(
            "How far each step moves. Too high and the loss jumps or becomes NaN; too low and nothing is learned.",
            "每一步走多远。过大会让损失跳动甚至变成 NaN；过小则学不到东西。",
        ),
        gt=0,
        le=1,
        example="2e-4",
    )
    num_train_epochs: float = knob(
        3.0,
        Text("Epochs", "轮数"),
        Text(
            "How many times every row is seen. More learns more, then starts to memorise.",
            "每一行被看几遍。多看学得更多，再多就开始死记。",
        ),
        gt=0,
        le=10000,
        example="3",
    )
    per_device_train_batch_size: int = knob(
        16,
        Text("Batch size", "批大小"),
        Text(
            "Rows per step. Larger is smoother and needs more memory.",
            "每一步的行数。越大越平稳，也越占内存。",
        ),
        ge=1,
        le=4096,
        example="16",
    )
    gradient_accumulation_steps: int = knob(
        1,
        Text("Gradient accumulation", "梯度累积"),
        Text(
            "Adds up this many batches before a step: a larger effective batch in the same memory. "
            "Raise it when memory does not suffice for the batch size you want; a step then takes as many times longer.",
            "累积这么多批再走一步：在同样内存里得到更大的有效批。"
            "内存放不下想要的批大小时调大；每一步的用时也成倍增加。",
        ),
        ge=1,
        le=1024,
        advanced=True,
        example="1",
    )
    max_steps: int = knob(
        -1,
        Text("Steps at most", "最多步数"),
        Text(
            "−1 lets the epochs decide; a number ends the run there. "
            "A small number is for a first try of a large dataset; what comes later is then not seen.",
            "−1 表示由轮数决定；填数字则到此结束。数据很大时，可用小数字先试跑；其后的数据就不会看到。",
        ),
        ge=-1,
        le=100_000_000,
        advanced=True,
        example="-1",
    )
    warmup_steps: float = knob(
        0.1,
        Text("Warm-up", "预热"),
        Text(
            "The learning rate rises from 0 during this part of the run (below 1: a share; otherwise: steps). "
            "Raise it when the loss jumps at the beginning; a long one wastes steps.",
            "学习率在这一段内从 0 升起（小于 1 表示比例，否则表示步数）。开头损失跳动时调大；太长会浪费步数。",
        ),
        ge=0,
        le=1_000_000,
        advanced=True,
        example="0.1",
    )
    lr_scheduler_type: str = knob(
        "linear",
        Text("Scheduler", "学习率调度"),
        Text(
            "How the learning rate falls after warm-up. "
            "Linear or cosine are right nearly always; constant only where the run may be continued later. It costs nothing.",
            "预热之后学习率如何下降。线性或余弦几乎总是合适；只有之后还要续训时才用常数。不增加开销。",
        ),
        choices=(
            ("linear", Text("linear", "线性")),
            ("cosine", Text("cosine", "余弦")),
            ("constant_with_warmup", Text("constant", "恒定")),
            ("constant", Text("constant, without warm-up", "恒定，无预热")),
        ),
        advanced=True,
    )
    weight_decay: float = knob(
        0.0,
        Text("Weight decay", "权重衰减"),
        Text(
            "Pulls weights towards 0; a little can help against overfitting. "
            "Try 0.01 where the held-out loss turns upwards; too much hinders learning. It costs nothing.",
            "把权重拉向 0；少量有助于减轻过拟合。留出集损失回升时可试 0.01；太大会妨碍学习。不增加开销。",
        ),
        ge=0,
        le=1,
        advanced=True,
        example="0.01",
    )
    max_grad_norm: float = knob(
        1.0,
        Text("Gradient clipping", "梯度裁剪"),
        Text(
            "Longer gradients are shortened to this length. 0 turns it off.",
            "更长的梯度会被缩到这个长度。0 表示关闭。",
        ),
        ge=0,
        le=1000,
        advanced=True,
        example="1.0",
    )
    optim: str = knob(
        "adamw_torch_fused",
        Text("Optimizer", "优化器"),
        Text(
            "The rule that turns gradients into steps. The fused AdamW makes the same steps in half the time.",
            "把梯度变成步子的规则。融合实现的 AdamW 步子相同，只用一半时间。",
        ),
        choices=(
            ("adamw_torch_fused", Text("AdamW, fused", "AdamW（融合实现）")),
            ("adamw_torch", Text("AdamW", "AdamW")),
            ("adafactor", Text("Adafactor (less memory)", "Adafactor（省内存）")),
            ("sgd", Text("SGD", "SGD")),
        ),
        advanced=True,
    )
    seed: int = knob(
        42,
        Text("Seed", "随机种子"),
        Text(
            "The same seed and settings give the same run. "
            "Change it to see how much of a difference is luck: three seeds tell more than one.",
            "相同的种子与设置得到相同的结果。换一个种子，可看出差别有多少出于运气：三个种子比一个更有说服力。",
        ),
        ge=0,
        lt=2**32,
        advanced=True,
        example="42",
    )
    save_steps: int = knob(
        200,
        Text("Save every", "保存间隔"),
        Text(
            "Steps between checkpoints. "
            "Fewer steps lose less after a crash, but each checkpoint takes a moment and room on the disk.",
            "两个检查点之间的步数。间隔越小，中断时损失越少，但每个检查点都要花时间和磁盘空间。",
        ),
        ge=1,
        le=100_000_000,
        advanced=True,
        example="200",
    )
    save_total_limit: int = knob(
        2,
        Text("Checkpoints kept", "保留检查点数"),
        Text(
            "Older ones are removed, so that the disk does not fill. "
            "Keep more to go back to an earlier one, or to compare them in Chat.",
            "更旧的会被删除，避免占满磁盘。想回到较早的检查点或在对话中比较时，多留几个。",
        ),
        ge=1,
        le=1000,
        advanced=True,
        example="2",
    )
    eval_steps: int = knob(
        0,
        Text("Evaluate every", "评估间隔"),
        Text(
            "Steps between looks at the held-out loss. 0 looks once per epoch.",
            "每隔多少步看一次留出集损失。0 表示每轮一次。",
        ),
        ge=0,
        le=100_000_000,
        advanced=True,
        example="0",
    )
    padding_free: bool = knob(
        True,
        Text("No padding", "无填充批次"),
        Text(
            "Causal tasks: the rows of a batch are laid end to end, each seeing itself alone; others: rows of like lengths share "
            "a batch. The same loss, up to three times as fast.",
            "因果语言模型任务：一批内的行首尾相接，互不可见；其他任务：长度相近的行同批。损失不变，最快可达三倍。",
        ),
        advanced=True,
    )
    keep_best: bool = knob(
        False,
        Text("Keep the best", "保留最佳"),
        Text(
            "At the end the weights with the lowest held-out loss are taken, not the last ones. "
            "Turn it on where the held-out loss rises again at the end; it costs an evaluation at every eval_steps and room for one more checkpoint.",
            "结束时取留出集损失最低的权重，而不是最后的权重。"
            "留出集损失在末尾回升时打开；代价是每隔 eval_steps 评估一次，并多占一个检查点的空间。",
        ),
        advanced=True,
    )
    early_stopping_patience: int = knob(
        0,
        Text("Early stopping", "早停"),
        Text(
            "Ends the run after this many looks at the held-out loss without a better one, and keeps the best. 0 turns it off.",
            "连续这么多次评估都没有更低的留出集损失就提前结束，并保留最佳权重。0 表示关闭。",
        ),
        ge=0,
        le=1000,
        advanced=True,
        example="3",
    )
    gradient_checkpointing: bool = knob(
        False,
        Text("Gradient checkpointing", "激活重算（梯度检查点）"),
        Text(
            "Computes activations again instead of keeping them: much less memory, about a third slower. "
            "Turn it on when memory does not suffice; what is learned is the same.",
            "不保存激活而是重新计算：显著省内存，约慢三分之一。内存不够时打开；学到的结果相同。",
        ),
        advanced=True,
    )
    report_to: str = knob(
        "none",
        Text("Also report to", "同时汇报到"),
        Text(
            "TensorBoard files always lie in the run's folder (tensorboard/). A tracker gets the settings and curves too; its package "
            "must be installed. wandb sends them to its servers, unless WANDB_MODE=offline; mlflow to MLFLOW_TRACKING_URI.",
            "任务文件夹中总有 TensorBoard 文件（tensorboard/）。也可把设置和曲线交给其他记录工具，需先安装其软件包。"
            "wandb 会发送到它的服务器，除非设置 WANDB_MODE=offline；mlflow 发送到 MLFLOW_TRACKING_URI。",
        ),
        choices=(
            ("none", Text("nobody else", "不再汇报")),
            ("trackio", Text("trackio (on this machine)", "trackio（本机）")),
            ("wandb", Text("Weights & Biases (its servers)", "Weights & Biases（其服务器）")),
            ("mlflow", Text("MLflow", "MLflow")),
        ),
        advanced=True,
    )
