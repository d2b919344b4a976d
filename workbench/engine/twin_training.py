"""The training of a run in plain code: TrainingArguments with what differs from its defaults, and a Trainer or one of TRL's."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

TRL = {
    "dpo": ("from trl import DPOConfig, DPOTrainer", "DPO"), "kto": ("from trl import KTOConfig, KTOTrainer", "KTO"),
    "orpo": ("from trl.experimental.orpo import ORPOConfig, ORPOTrainer", "ORPO"),
    "reward": ("from trl import RewardConfig, RewardTrainer", "Reward"),
}  # fmt: skip
OURS = ("output_dir", "use_cpu", "eval_strategy", "eval_steps", "per_device_eval_batch_size", "save_strategy", "save_steps", "logging_nan_inf_filter", "prediction_loss_only", "dataloader_pin_memory", "disable_tqdm", "label_names", "per_device_train_batch_size", "seed")  # fmt: skip
"""Values of a run that a script does without, or that stand in it under a name."""
STOP = '''class StopAfter(TrainerCallback):
    """STEPS=3 in the environment ends after 3 steps; the schedule stays that of the whole run."""

    def on_step_end(self, args, state, control, **_):
        if STEPS and state.global_step >= STEPS:
            control.should_training_stop = True
'''
RANKS = '''class Ranks(TrainerCallback):
    """AdaLoRA moves its ranks after every step of the optimizer, while the gradients are still there."""

    def on_optimizer_step(self, args, state, control, **_):
        if state.global_step < args.max_steps or args.max_steps < 0:
            model.base_model.update_and_allocate(state.global_step)
'''
PLAN = """steps = {steps}
config = model.peft_config["default"]
config.total_step, config.tinit, config.tfinal = steps, int(steps * {warmup}), int(steps * {rest})
model.base_model.rankallocator.set_total_step(steps)
"""
FASTER = """fast = [value for name, value in model.named_parameters() if value.requires_grad and "lora_B" in name]
slow = [value for name, value in model.named_parameters() if value.requires_grad and "lora_B" not in name]
optimizer = torch.optim.AdamW([
    {{"params": slow, "lr": {rate!r}, "weight_decay": {decay!r}}},
    {{"params": fast, "lr": {fast!r}, "weight_decay": {decay!r}}},  # LoRA+: the second matrix learns faster
], fused=True)
"""
END = """trainer.train()
model.save_pretrained(OUTPUT)
tokenizer.save_pretrained(OUTPUT)
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
Path(OUTPUT, "losses.json").write_text(json.dumps(losses))
print(f"{len(losses)} steps, loss {losses[0]} → {losses[-1]}, saved in {OUTPUT}")"""
TENSORS = """
from safetensors.torch import save_file

save_file({name: value.detach().cpu().contiguous() for name, value in model.named_parameters() if value.requires_grad}, f"{OUTPUT}/selected.safetensors")"""


def told(twin: Any) -> dict[str, Any]:
    """What the run told of itself: device, precision, steps in all."""
    facts: dict[str, Any] = {"device": "cpu", "precision": "fp32", "steps": 0}
    for event in twin.source.run.events()[0]:
        if event.kind == "model":
            facts |= {"device": event.get("device"), "precision": event.get("precision")}
        if event.kind == "step":
            facts["steps"] = event.get("total")
    return facts


def base_in_half(twin: Any) -> bool:
    """Whether the run held its base in bf16."""
    from workbench.engine.hardware import base_dtype

    facts = told(twin)
    return base_dtype(facts["device"], facts["precision"], twin.source.task, twin.source.method) == "bf16"


def arguments(twin: Any) -> list[str]:
    """TrainingArguments that differ from their defaults."""
    from workbench.engine.hardware import autocast_of, base_dtype
    from workbench.engine.trainer import settings

    facts = told(twin)
    base = base_dtype(facts["device"], facts["precision"], twin.source.task, twin.source.method)
    mixed = autocast_of(facts["device"], facts["precision"], base)
    usual = {field.name: field.default for field in fields(_config(twin))}
    wanted = settings(twin.recipe, twin.source.run.checkpoints, facts["device"], mixed, False)
    kept = {name: value for name, value in wanted.items() if name not in OURS and value != usual.get(name, value)}
    if twin.source.task.loop == "preference":
        kept |= {"bf16": wanted["bf16"], "fp16": wanted["fp16"]}  # TRL's own default depends on the machine
    kept |= {"report_to": "none", "logging_steps": 1, "save_strategy": "no"}
    lines = ["output_dir=OUTPUT", "per_device_train_batch_size=BATCH_SIZE", "seed=SEED"]
    lines += [f"{name}={value!r}" for name, value in kept.items()]
    return [*lines, "dataloader_pin_memory=torch.cuda.is_available()"]


def _config(twin: Any) -> Any:
    """The class whose defaults count."""
    if twin.source.task.loop != "preference":
        from transformers import TrainingArguments

        return TrainingArguments
    from workbench.engine.preference import KINDS

    return KINDS[getattr(twin.recipe.task, "loss", "reward")]()[1]


def render(twin: Any) -> str:
    """The whole step."""
    callbacks, before = ["StopAfter()"], STOP
    if hasattr(getattr(twin.model, "base_model", None), "rankallocator"):
        from workbench.methods.adalora import REST, WARMUP

        callbacks.append("Ranks()")
        before += "\n\n" + RANKS + "\n\n" + PLAN.format(steps=told(twin)["steps"], warmup=WARMUP, rest=REST)
    before += _faster(twin)
    made = _trl(twin, callbacks) if twin.source.task.loop == "preference" else _trainer(twin, callbacks)
    tensors = TENSORS if twin.source.method.stores == "selected" else ""
    return f"from transformers import TrainerCallback\n\n\n{before}\n\n{made}\n{END}{tensors}"


def _faster(twin: Any) -> str:
    """LoRA+ has its own optimizer."""
    ratio, training = getattr(twin.recipe.method, "loraplus_lr_ratio", 1), twin.recipe.training
    if ratio == 1:
        return ""
    return "\n\n" + FASTER.format(rate=training.learning_rate, fast=training.learning_rate * ratio, decay=training.weight_decay)  # fmt: skip


def _call(name: str, given: list[str]) -> str:
    return f"{name}(\n" + "".join(f"    {each},\n" for each in given) + ")"


def _given(twin: Any, callbacks: list[str]) -> list[str]:
    faster = ["optimizers=(optimizer, None)"] if _faster(twin) else []
    return [f"callbacks=[{', '.join(callbacks)}]", *faster]


def _trainer(twin: Any, callbacks: list[str]) -> str:
    """Hugging Face's, with the order and the loss of the run."""
    from workbench.engine.twin import text

    training, parts = (
        twin.recipe.training,
        ["from transformers import Trainer, TrainingArguments", "train = encode(rows)"],
    )
    if training.padding_free and not twin.packed:
        parts.append(text("lengths") + "\n\n")
    loss = getattr(twin.recipe.task, "class_weights", False)
    if loss:
        parts.append(text("weights"))
    parts.append(f"arguments = {_call('TrainingArguments', arguments(twin))}")
    pad = "hide" if twin.recipe.task.kind == "fill-mask" else "pad"
    given = ["model=model", "args=arguments", "train_dataset=train", f"data_collator={pad}", *_given(twin, callbacks)]
    parts.append(f"trainer = {_call('Trainer', [*given, *(['compute_loss_func=weighted'] if loss else [])])}")
    if training.gradient_accumulation_steps > 1 and not loss and not twin.counted:
        parts.append(
            "trainer.model_accepts_loss_kwargs = False  # this model's loss is the mean of one batch, whatever it is told"
        )
    return "\n".join(parts)


def _trl(twin: Any, callbacks: list[str]) -> str:
    """One of TRL's trainers, which encodes the rows by itself."""
    from workbench.engine.preference import COMPARING

    section = twin.recipe.task
    line, name = TRL[getattr(section, "loss", "reward")]
    given = [
        each for each in arguments(twin) if not each.startswith(("remove_unused_columns", "gradient_checkpointing"))
    ]
    given += [f"max_length={section.max_length}", "gradient_checkpointing=False"]
    given += [f"beta={section.beta}"] if hasattr(section, "beta") else []
    parts = ["from datasets import Dataset", line, f"arguments = {_call(f'{name}Config', given)}"]
    extra = []
    if name.lower() in COMPARING and not (twin.source.method.adapter and twin.source.method.twice):
        parts.append(f"reference = {twin.auto}.from_pretrained(MODEL, dtype=model.dtype)  # the model as it was")
        extra.append("ref_model=reference")
    given = ["model=model", *extra, "args=arguments", "train_dataset=Dataset.from_list(pairs(rows))", "processing_class=tokenizer"]  # fmt: skip
    parts.append(f"trainer = {_call(f'{name}Trainer', [*given, *_given(twin, callbacks)])}")
    if getattr(twin.base, "is_loaded_in_4bit", False):
        parts += ["for value in model.parameters():", "    if value.requires_grad:", "        value.data = value.data.float()  # TRL holds it in bf16"]  # fmt: skip
    return "\n".join(parts)
