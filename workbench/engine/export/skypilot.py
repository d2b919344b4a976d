"""SkyPilot: a task in YAML for `sky launch` or `sky jobs launch`, on whichever cloud has room."""

from __future__ import annotations

from shlex import join, quote
from typing import Any, ClassVar

import workbench
from workbench.core.text import Text
from workbench.engine.target import PORT, TARGETS, Job, Target, as_yaml

HOME = "~/workbench-job"
SETUP = "python3 launch.py doctor\n"


@TARGETS.add
class SkyPilot(Target):
    """sky jobs launch FILE."""

    kind: ClassVar[str] = "skypilot"
    label: ClassVar[Text] = Text("SkyPilot", "SkyPilot")
    help: ClassVar[Text] = Text("A task file for sky launch.", "用于 sky launch 的任务文件。")
    order: ClassVar[int] = 20

    def render(self, job: Job) -> str:
        """Comments, then the task."""
        return "\n".join([*job.about(WAYS), as_yaml(task(job))])


WAYS = (
    Text(
        "The workbench is copied from `workdir`, recipe, dataset and a local model by `file_mounts`; a model of the Hub is fetched there.",
        "工作台由 `workdir` 复制，配方、数据集和本地模型由 `file_mounts` 复制；Hub 上的模型在那里下载。",
    ),
    Text(
        f"Each machine has its own {HOME}/workspace. For several machines, and to go on after a spot machine is taken away, put a volume there "
        "(`volumes:`); a bucket will not do, because logs are appended to.",
        f"每台机器有各自的 {HOME}/workspace。多台机器，或要在抢占式机器被收回后继续，请在那里挂载卷（`volumes:`）；存储桶不行，因为日志需要追加写入。",
    ),
    Text("Any accelerator will do: `sky show-gpus` lists them.", "可换成任何加速卡：`sky show-gpus` 可列出。"),
)


def task(job: Job) -> dict[str, Any]:
    """The task's values."""
    resources: dict[str, Any] = {"accelerators": f"A100:{job.gpus}"} if job.gpus else {"cpus": "4+"}
    return {
        "name": job.slug,
        "num_nodes": job.size.machines,
        "resources": resources,
        "workdir": str(workbench.ROOT),
        "file_mounts": mounts(job),
        "setup": SETUP,
        "run": script(job),
    }


def mounts(job: Job) -> dict[str, str]:
    """What is copied to the machines, and where to."""
    found = {f"{HOME}/recipe.yaml": str(job.recipe_file)}
    if job.carried is not None:
        found[f"{HOME}/workspace/datasets/{job.carried.name}"] = str(job.carried)
    if job.model_folder is not None:
        found[str(job.model_folder)] = str(job.model_folder)
    return found


def script(job: Job) -> str:
    """What every machine does. Its rank and the first machine's address come from SkyPilot."""
    seconds = job.minutes * 60
    words = join(job.join("@recipe@", "@workspace@"))
    for name, path in (("@recipe@", "recipe.yaml"), ("@workspace@", "workspace")):
        words = words.replace(name, f'"$home"/{quote(path)}')
    return (
        f'set -euo pipefail\nhome="$HOME/{HOME.removeprefix("~/")}"\n'
        'mapfile -t hosts <<< "$SKYPILOT_NODE_IPS"\n'
        f"exec timeout --signal=TERM --kill-after=300 {seconds} .venv/bin/python {words} \\\n"
        f'  --machine="$SKYPILOT_NODE_RANK" --address="${{hosts[0]}}:{PORT}"\n'
    )
