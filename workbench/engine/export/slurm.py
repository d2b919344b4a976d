"""Slurm: a batch script. One `join` on every machine; before the time is up, or when the job is preempted, the run saves and the job
is put back into Slurm's queue."""

from __future__ import annotations

from shlex import join, quote
from typing import ClassVar

import workbench
from workbench.core.text import Text
from workbench.engine.machine import INTERRUPTED
from workbench.engine.target import TARGETS, Job, Target

CORES = 4
"""CPU cores of a process at least, whatever the recipe says: Slurm gives one where nothing is asked for, and reading rows takes more."""
WARNING = 180
"""Seconds before the end at which Slurm says so: enough to write a checkpoint."""
BODY = """set -euo pipefail

root={root}
python="$root/.venv/bin/python"
cd "$root"
[ -x "$python" ] || python3 launch.py doctor

# The first machine of the job is where the others meet, at a port that no outgoing connection is given by itself (Linux: 32768 and up).
# 所有机器在第一台机器会合；端口低于系统自动分配的范围。
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
address="${{hosts[0]}}:$((20000 + SLURM_JOB_ID % 12000))"

# USR1: the time is nearly up, so save and queue again. TERM: preempted (Slurm queues again by itself) or cancelled.
# USR1：时间将尽，保存并重新排队。TERM：被抢占（Slurm 会自动重新排队）或被取消。
again=""
step=""
trap 'again=yes; [ -z "$step" ] || kill -TERM "$step"' USR1
trap '[ -z "$step" ] || kill -TERM "$step"' TERM

# One task on each machine; it starts torchrun where there are several processes. 每台机器一个任务；多进程时由它启动 torchrun。
srun --ntasks-per-node=1 --kill-on-bad-exit=1 \\
  bash -c 'exec "$@" --machine="${{SLURM_NODEID:-0}}"' join \\
  "$python" {words} --address="$address" &
step=$!

status=0
wait "$step" || status=$?
while kill -0 "$step" 2>/dev/null; do # a signal ends the wait, not the step
  status=0
  wait "$step" || status=$?
done
if [ -n "$again" ] && [ "$status" -eq {interrupted} ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
"""


@TARGETS.add
class Slurm(Target):
    """sbatch FILE."""

    kind: ClassVar[str] = "slurm"
    label: ClassVar[Text] = Text("Slurm", "Slurm")
    help: ClassVar[Text] = Text("A batch script for sbatch.", "用于 sbatch 的批处理脚本。")
    order: ClassVar[int] = 10

    def render(self, job: Job) -> str:
        """Options of the job, what is run, and the script."""
        words = join(job.join(str(job.recipe_file), str(job.workspace.root)))
        body = BODY.format(root=quote(str(workbench.ROOT)), words=words, interrupted=INTERRUPTED)
        return "\n".join(["#!/bin/bash", *options(job), *job.about(WAYS), body])


WAYS = (
    Text(
        "Every machine must see the workbench, its workspace (datasets/, models/, runs/) and the recipe at the paths below: a shared disk.",
        "每台机器都要能在下列路径看到工作台、工作区（datasets/、models/、runs/）和配方：请放在共享磁盘上。",
    ),
    Text(
        "A model of the Hub that is not in the workspace yet is fetched when the job begins; download it before, if the machines have no network.",
        "工作区中还没有的 Hub 模型会在任务开始时下载；计算节点不联网时请先下载好。",
    ),
)


def options(job: Job) -> list[str]:
    """#SBATCH lines; every value is a number or a checked name."""
    hours, minutes = divmod(job.minutes, 60)
    wanted = {
        "job-name": job.slug,
        "nodes": job.size.machines,
        "ntasks-per-node": 1,
        "gpus-per-node": job.gpus,
        "cpus-per-task": max(job.recipe.compute.threads, CORES) * job.size.processes,
        "time": f"{hours}:{minutes:02d}:00",
        "partition": job.size.partition,
        "signal": f"B:USR1@{WARNING}",
        "output": "%x-%j.out",
        "open-mode": "append",
    }
    lines = [f"#SBATCH --{name}={value}" for name, value in wanted.items() if value]
    return [*lines, "#SBATCH --requeue", *memory(job)]


def memory(job: Job) -> list[str]:
    """How much memory to ask for, as a comment: many clusters give it with the cores or GPUs, and kill who takes more than was asked."""
    return [
        "# Memory of a machine, by arithmetic; remove one # to ask for it. 每台机器的内存（估算值）；去掉一个 # 即可申请。",
        f"##SBATCH --mem={job.memory_gb}G",
    ]
