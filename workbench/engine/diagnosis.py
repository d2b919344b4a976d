"""What went wrong with a run, or is about to, from what the run itself left behind: a sentence, and the change that mends it.

Every cause is a function of the evidence: recipe, events, the exit status, the end of worker.log. No torch, no guess without evidence.
What it does not know: whether the data is any good (see `inspect` and the quality report).
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable
from typing import Any

from workbench.core.errors import DISK, NETWORK, UserError
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine import symptoms, trend
from workbench.engine.casebook import Evidence, Finding, gathered, when
from workbench.engine.cause import MEMORY, PEER

FEW = 8
"""Steps from which on a curve says something."""
STILL, TIMES = 60.0, 10.0
"""Seconds without a word, and how many times the usual pause, from which on a run stands still while it trains."""
AGAIN = 2
"""How often it is worth while to start a run that stood still, before something has to change."""
LONG, LONGER = 600.0, 3600.0
"""Seconds without a word that are too many while scoring, downloading or saving (all of which tell how far they are, but for one batch
or one file); and while rows and models are made ready, which tell nothing and take as long as there is."""
SPARING, TRAIN = ("download", "evaluate", "save"), "train"


def diagnose(run: Run) -> list[Finding]:
    """Every cause for which there is evidence, the gravest first."""
    try:
        evidence = gathered(run)
    except UserError:
        return []
    return [found for cause in CAUSES if (found := cause(evidence)) is not None]


def alarms(run: Run) -> str:
    """Of a run that works: which causes make it stand still, by name. A page asks every second."""
    try:
        evidence = gathered(run)
    except UserError:
        return ""
    return " ".join(found.kind for cause in (held_still, standing_still) if (found := cause(evidence)) is not None)


def less_memory(recipe: Recipe) -> dict[str, Any]:
    """The next thing to try when memory runs out; the batch that counts stays the same."""
    training = recipe.training
    batch = training.per_device_train_batch_size
    if batch > 1:
        half = batch // 2
        return {
            "training.per_device_train_batch_size": half,
            "training.gradient_accumulation_steps": training.gradient_accumulation_steps * math.ceil(batch / half),
        }
    if not training.gradient_checkpointing:
        return {"training.gradient_checkpointing": True}
    length = getattr(recipe.task, "max_length", 0)
    return {"task.max_length": max(16, length // 2)} if length > 16 else {}


def in_words(changes: dict[str, Any]) -> Text:
    """A change that needs less memory, as a sentence with its numbers."""
    batch, length = changes.get("training.per_device_train_batch_size"), changes.get("task.max_length")
    if batch:
        times = changes["training.gradient_accumulation_steps"]
        return Text(f"Lower the batch size to {batch}; with gradient accumulation {times} the batch that counts stays the same.", f"请把批大小降到 {batch}；梯度累积设为 {times}，有效批不变。")  # fmt: skip
    if length:
        return Text(f"Lower the maximum length to {length} tokens.", f"请把最大长度降到 {length} 个词元。")
    if changes:
        return Text("The batch size is 1 already: turn on gradient checkpointing.", "批大小已经是 1：请打开激活重算。")
    return Text("Batch and length are as small as they can be: take a smaller model.", "批大小和长度都已最小：请换更小的模型。")  # fmt: skip


def out_of_memory(seen: Evidence) -> Finding | None:
    """Said so, or killed by the system while it held much memory."""
    killed = seen.status == "lost" and seen.exit == -9
    if not killed and not _told_of_memory(seen):
        return None
    changes = less_memory(seen.recipe)
    held = max((float(event.get("memory_mb") or 0) for event in seen.events if event.kind == "step"), default=0.0)
    much = f" It held {held:,.0f} MB." if held else ""
    if killed:
        less = in_words(changes)
        return Finding("killed", Text(f"The system, or somebody, killed the process (137); most often memory ran out.{much} {less.en}", f"进程被系统或他人强制结束（137），最常见的原因是内存不足。占用约 {held:,.0f} MB。{less.zh}"), changes, True)  # fmt: skip
    less = in_words(changes)
    return Finding("out_of_memory", Text(f"The memory ran out.{much} {less.en}", f"内存不足（占用约 {held:,.0f} MB）。{less.zh}"), changes)  # fmt: skip


def _told_of_memory(seen: Evidence) -> bool:
    """By the failure's own cause; of a process that was left by another, by what that one printed; of older releases, by the words."""
    words = (seen.log if seen.cause == PEER else seen.said).lower()
    if seen.cause and seen.cause != PEER:
        return seen.cause == MEMORY
    return bool(seen.failed) and any(each in words for each in ("memory ran out", "out of memory", "memoryerror"))


def left_alone(seen: Evidence) -> Finding | None:
    """Another process of the run ended, and did not say that memory ran out."""
    if seen.cause != PEER or _told_of_memory(seen):
        return None
    if "SIGKILL" in seen.log:
        changes = less_memory(seen.recipe)
        less = in_words(changes)
        return Finding("peer_killed", Text(f"The system, or somebody, killed one of the run's processes (SIGKILL), and the others ended with it; most often memory ran out. {less.en}", f"系统或他人强制结束了其中一个进程（SIGKILL），其余进程随之结束；最常见的原因是内存不足。{less.zh}"), changes, True)  # fmt: skip
    return Finding("peer_lost", Text("Another process of this run ended first, and the others with it. What it printed is in worker.log. The run can go on from its last whole checkpoint.", "本次训练的另一个进程先退出，其余进程随之结束。它的输出在 worker.log 中。训练可以从最后一个完整的检查点继续。"), resume=True)  # fmt: skip


def not_finite(seen: Evidence) -> Finding | None:
    """NaN or infinity at a step."""
    if seen.failed is None or seen.failed.get("step") is None:
        return None
    rate = seen.recipe.training.learning_rate
    changes: dict[str, Any] = {"training.learning_rate": rate / 10, "training.max_grad_norm": 1.0}
    if seen.recipe.training.warmup_steps == 0:
        changes["training.warmup_steps"] = 0.1
    if seen.recipe.compute.precision == "fp16":
        changes["compute.precision"] = "auto"
    step = seen.failed.get("step")
    return Finding("not_finite", Text(f"A number became NaN or infinite at step {step}: the learning rate {rate:g} is most likely too high.", f"第 {step} 步出现 NaN 或无穷大：学习率 {rate:g} 很可能过高。"), changes)  # fmt: skip


def nothing_to_learn(seen: Evidence) -> Finding | None:
    """No answer within the maximum length, or a loss that is 0 from the start."""
    length = int(getattr(seen.recipe.task, "max_length", 0) or 0)
    if seen.failed is not None and seen.failed.get("field") == "task.max_length":
        return _too_short(seen, length)
    steps, data = seen.curve("step"), seen.facts("data")
    if len(steps) < 3 or any(abs(loss) >= 1e-7 for _, loss in steps):
        return None
    if 2 * int(data.get("cut") or 0) >= max(1, int(data.get("train") or 0)):
        return Finding("no_labels", Text(f"The loss is 0 from the first step, and most rows are cut at {length} tokens: what is left of them has nothing to learn.", f"损失从第一步起就是 0，且多数行在 {length} 个词元处被截断：剩下的部分没有可学习的内容。"), {"task.max_length": length * 2})  # fmt: skip
    return Finding("no_labels", Text("The loss is 0 from the first step: there is nothing to learn. Either all rows have the same answer, or the model knows them all; look at the rows on the Data page.", "损失从第一步起就是 0：没有可学习的内容。要么所有行的答案相同，要么模型早已掌握；请在“数据”页查看各行。"))  # fmt: skip


def _too_short(seen: Evidence, length: int) -> Finding:
    """Every row is cut before its answer; the worker has counted which length would do (releases before did not)."""
    told = seen.facts("lengths")
    wanted = int(told.get("needed") or 0) if told else length * 2
    cut = Text(f"Within {length} tokens there is no answer to learn from: every row is cut before it.", f"前 {length} 个词元内没有可学习的回答：每一行都在回答之前被截断。")  # fmt: skip
    if wanted > length:
        return Finding("no_labels", cut, {"task.max_length": wanted})
    return Finding("no_labels", Text(f"{cut.en} The model reads no more than {told.get('context')} tokens: shorten the prompts, or take a model that reads more.", f"{cut.zh}模型一次最多读 {told.get('context')} 个词元：请缩短提示，或换用上下文更长的模型。"))  # fmt: skip


def diverging(seen: Evidence) -> Finding | None:
    """The training loss is clearly above where it began, after warm-up or from the very first step."""
    (losses, share), rate = seen.settled, seen.recipe.training.learning_rate
    if share < trend.RISE_SHARE or seen.failed:
        return None
    risen = trend.rose(losses) or trend.burst(seen.first, losses)
    if risen is None:
        return None
    begin, end = risen
    return Finding("rate_too_high", Text(f"The loss rose from {begin:.3g} to {end:.3g}: the learning rate {rate:g} is too high.", f"损失从 {begin:.3g} 升到 {end:.3g}：学习率 {rate:g} 过高。"), {"training.learning_rate": rate / 5})  # fmt: skip


def flat(seen: Evidence) -> Finding | None:
    """The training loss did not move."""
    (losses, share), rate = seen.settled, seen.recipe.training.learning_rate
    if share < trend.FLAT_SHARE or seen.failed or nothing_to_learn(seen) or (level := trend.stayed(losses, share)) is None:  # fmt: skip
        return None
    return Finding("rate_too_low", Text(f"The loss stayed at {level:.3g}: nothing was learned. The learning rate {rate:g} is most likely too low.", f"损失停在 {level:.3g}，没有学到东西。学习率 {rate:g} 很可能过低。"), {"training.learning_rate": min(1.0, rate * 10)})  # fmt: skip


def over_fitting(seen: Evidence) -> Finding | None:
    """The held-out loss was lowest early and rose since, while the training loss fell."""
    held, steps = seen.curve("eval"), seen.curve("step")
    if len(held) < 3 or len(steps) < FEW or seen.failed:
        return None
    best = min(held, key=lambda point: point[1])
    last = held[-1]
    if best[0] == last[0] or last[1] < best[1] * 1.05 or steps[-1][1] > steps[0][1]:
        return None
    training = seen.recipe.training
    if training.keep_best or training.early_stopping_patience:
        return None
    return Finding("over_fitting", Text(f"From step {best[0]} on it learned by heart: the held-out loss rose from {best[1]:.3g} to {last[1]:.3g}. Keep the best weights and stop early.", f"第 {best[0]} 步之后开始死记：留出集损失从 {best[1]:.3g} 升到 {last[1]:.3g}。请保留最佳权重并提前停止。"), {"training.keep_best": True, "training.early_stopping_patience": 2})  # fmt: skip


def unreachable(seen: Evidence) -> Finding | None:
    """The Hub did not answer."""
    if seen.failed is None or seen.phase != "download" or seen.cause not in ("", NETWORK):
        return None
    words = str(seen.failed.get("en")).lower()
    if not seen.cause and not any(each in words for each in ("be reached", "connection", "timed out", "name resolution")):  # fmt: skip
        return None
    return Finding("unreachable", Text("The model could not be fetched. Look at the network, or choose a mirror on the Model page; then go on: what was fetched is kept.", "模型下载失败。请检查网络，或在“模型”页选择镜像，然后继续；已下载的部分会保留。"), resume=True)  # fmt: skip


def disk_full(seen: Evidence) -> Finding | None:
    """It waits for room, or failed for want of it."""
    last = next((event for event in reversed(seen.events) if event.kind in ("paused", "continued")), None)
    waits = seen.status == "running" and last is not None and last.kind == "paused" and last.get("reason") == "disk"
    died = seen.cause == DISK or (seen.failed and not seen.cause and "no space left" in seen.said.lower())
    if not waits and not died:
        return None
    wanted = float((last.get("need_mb") if last else 0) or 0)
    need = (f": {wanted:,.0f} MB are needed", f"：还需要 {wanted:,.0f} MB") if wanted else ("", "")
    return Finding("disk_full", Text(f"The disk is full{need[0]}. Free some (Storage, below); nothing is lost.", f"磁盘已满{need[1]}。请腾出空间（见下方“存储”），不会丢失任何内容。"), resume=not waits)  # fmt: skip


def standing_still(seen: Evidence) -> Finding | None:
    """It lives and has said nothing for far longer than this takes."""
    if seen.status != "running" or seen.held or not seen.events or seen.events[-1].kind == "paused":
        return None
    silent, pauses = seen.now - when(seen.events[-1]), _pauses(seen)
    if silent < _patience(seen, pauses):
        return None
    usual = ("", "")
    if seen.phase in ("", TRAIN) and pauses:
        usual = f"; a step usually takes {statistics.median(pauses):.1f} s", f"，而一步通常只需 {statistics.median(pauses):.1f} 秒"  # fmt: skip
    tries = _tries(seen)
    if tries > AGAIN:
        return Finding("hangs", Text(f"No word for {silent:.0f} s{usual[0]}. It was started {tries} times since its last checkpoint and always stood still: to go on once more will hardly help. Cancel it, and look at the end of worker.log.", f"已有 {silent:.0f} 秒没有动静{usual[1]}。自上一个检查点以来已启动 {tries} 次，每次都停住：再继续多半无济于事。请取消它，并查看 worker.log 的末尾。"))  # fmt: skip
    return Finding("hangs", Text(f"No word for {silent:.0f} s{usual[0]}. It may hang: cancel it, then go on from the last checkpoint.", f"已有 {silent:.0f} 秒没有动静{usual[1]}。可能卡住了：可取消，再从上一个检查点继续。"), resume=True)  # fmt: skip


def _tries(seen: Evidence) -> int:
    """How often it was started since it last got anywhere that it can go on from."""
    kinds = [event.kind for event in seen.events]
    return kinds[len(kinds) - kinds[::-1].index("checkpoint") if "checkpoint" in kinds else 0 :].count("started")


def _pauses(seen: Evidence) -> list[float]:
    """Seconds between steps, of the last fifty; none while there are too few to tell."""
    times = [when(event) for event in seen.events if event.kind == "step"][-50:]
    return [late - early for early, late in itertools.pairwise(times)] if len(times) > 3 else []


def _patience(seen: Evidence, pauses: list[float]) -> float:
    """Seconds of silence that are nothing unusual for what it is at. The first steps may compile, and a step at which a checkpoint is due
    is followed by its writing."""
    if seen.phase not in ("", TRAIN):
        return LONG if seen.phase in SPARING else LONGER
    if not pauses:
        return LONGER
    last = next(int(event.get("step") or 0) for event in reversed(seen.events) if event.kind == "step")
    usual = max(STILL, TIMES * statistics.median(pauses), 2 * max(pauses))
    return max(usual, LONG) if last % seen.recipe.training.save_steps == 0 else usual


def held_still(seen: Evidence) -> Finding | None:
    """Its process is stopped, not ended: by a debugger, by job control, by somebody."""
    if seen.status != "running" or not seen.held:
        return None
    return Finding("held", Text("The process is not responding: something outside holds it still (SIGSTOP, a debugger). Nothing is lost; let it go on (kill -CONT) and it continues at the same step, or cancel it.", "进程没有响应：被外部暂停（SIGSTOP 或调试器）。没有丢失任何内容；恢复它（kill -CONT）会从同一步继续，也可以取消。"))  # fmt: skip


def interrupted(seen: Evidence) -> Finding | None:
    """Its process is gone, for no reason that is known."""
    if seen.status != "lost" or seen.exit == -9:
        return None
    kept = any(event.kind == "checkpoint" for event in seen.events)
    en = "It goes on from its last checkpoint." if kept else "There is no checkpoint yet: it begins anew."
    zh = "将从最后一个检查点继续。" if kept else "还没有检查点：将从头开始。"
    return Finding("interrupted", Text(f"The process is gone (the machine was switched off, or it was killed). {en}", f"进程已不在（机器关闭，或被结束）。{zh}"), resume=True)  # fmt: skip


def by_field(seen: Evidence) -> Finding | None:
    """A mistake in the recipe or the data, with the field it is in: the sentence says it already."""
    if seen.failed is None or seen.failed.get("field") in (None, "", "task.max_length") or unreachable(seen) or disk_full(seen):  # fmt: skip
        return None
    return Finding("recipe", Text(str(seen.failed.get("en")), str(seen.failed.get("zh"))))


CAUSES: tuple[Callable[[Evidence], Finding | None], ...] = (
    out_of_memory, left_alone, not_finite, nothing_to_learn, disk_full, unreachable, held_still, standing_still, interrupted, by_field,
    symptoms.unknown_labels, symptoms.many_labels, symptoms.misfit, symptoms.no_template, diverging, over_fitting, flat,
)  # fmt: skip
