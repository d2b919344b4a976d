"""Kubernetes: the recipe as a ConfigMap, a headless Service by which the machines find one another, and an indexed Job."""

from __future__ import annotations

from typing import Any, ClassVar

from workbench.core.recipe import Recipe
from workbench.core.text import Text
from workbench.engine.machine import REFUSED
from workbench.engine.target import PORT, TARGETS, Job, Target, as_yaml

IMAGE, CLAIM, NAME = "workbench:latest", "workbench", "workbench"
ROOT, DISK, RECIPE = "/opt/workbench", "/work", "/recipe"
TRIES, GRACE = 20, 300
"""How often a pod that was taken away is replaced, and the seconds it has to save."""

TAKEN = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
"""A pod that the cluster took away counts for nothing."""
HOPELESS = {"action": "FailJob", "onExitCodes": {"containerName": NAME, "operator": "In", "values": [REFUSED]}}
"""A mistake in the recipe or the data stays one, however often it is tried."""


@TARGETS.add
class Kubernetes(Target):
    """kubectl apply -f FILE."""

    kind: ClassVar[str] = "kubernetes"
    label: ClassVar[Text] = Text("Kubernetes", "Kubernetes")
    help: ClassVar[Text] = Text("An indexed Job for kubectl apply.", "用于 kubectl apply 的带序号 Job。")
    order: ClassVar[int] = 30

    def recipe(self, job: Job) -> Recipe:
        """A model of this machine lies on the claim there."""
        if job.model_folder is None:
            return job.recipe
        return job.recipe.replace({"model.id": f"{DISK}/models/{job.model_folder.name}"})

    def render(self, job: Job) -> str:
        """Comments, then three documents."""
        return "\n".join([*job.about(WAYS), as_yaml(config(job, self.recipe(job)), service(job), work(job))])


WAYS = (
    Text(
        f"Build an image {IMAGE} with this repository at {ROOT} (run `python3 launch.py doctor` in it) and push it where the cluster finds it.",
        f"请构建镜像 {IMAGE}，把本仓库放在 {ROOT}（并在其中运行 `python3 launch.py doctor`），推送到集群可访问的仓库。",
    ),
    Text(
        f"The claim {CLAIM} (ReadWriteMany) is the disk {DISK}: copy the dataset's folder to {DISK}/workspace/datasets/ and a local model's to "
        f"{DISK}/models/ with `kubectl cp`; a model of the Hub is fetched there.",
        f"存储声明 {CLAIM}（ReadWriteMany）即磁盘 {DISK}：用 `kubectl cp` 把数据集文件夹放到 {DISK}/workspace/datasets/，把本地模型放到 "
        f"{DISK}/models/；Hub 上的模型会在那里下载。",
    ),
)


def config(job: Job, recipe: Recipe) -> dict[str, Any]:
    """The recipe."""
    text = as_yaml(recipe.dump())
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": job.slug}, "data": {"recipe.yaml": text}}


def service(job: Job) -> dict[str, Any]:
    """Gives every pod a name of its own; pods that are not ready yet are found as well, or none could meet another."""
    wanted = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {"job-name": job.slug}}
    ports = [{"name": "meet", "port": PORT}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": job.slug}, "spec": {**wanted, "ports": ports}}


def work(job: Job) -> dict[str, Any]:
    """As many pods as machines, all at once, each with its index."""
    machines = job.size.machines
    spec = {
        "completionMode": "Indexed",
        "completions": machines,
        "parallelism": machines,
        "backoffLimit": TRIES * machines,
        "podFailurePolicy": {"rules": [TAKEN, HOPELESS]},
        "activeDeadlineSeconds": job.minutes * 60,
        "template": {"spec": pod(job)},
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job.slug}, "spec": spec}


def pod(job: Job) -> dict[str, Any]:
    """One machine. Shared memory is a disk in memory: the 64 MB of a container are too few for several processes."""
    volumes = [
        {"name": "disk", "persistentVolumeClaim": {"claimName": CLAIM}},
        {"name": "recipe", "configMap": {"name": job.slug}},
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
    ]
    return {
        "restartPolicy": "Never",
        "subdomain": job.slug,
        "terminationGracePeriodSeconds": GRACE,
        "containers": [container(job)],
        "volumes": volumes,
    }


def container(job: Job) -> dict[str, Any]:
    """The same verb as everywhere; the kubelet puts the pod's index in."""
    words = [word.replace("$(", "$$(") for word in job.join(f"{RECIPE}/recipe.yaml", f"{DISK}/workspace")]
    where = [f"--address={job.slug}-0.{job.slug}:{PORT}", "--machine=$(JOB_COMPLETION_INDEX)"]
    places = (("disk", DISK), ("recipe", RECIPE), ("shm", "/dev/shm"))  # noqa: S108 (a mount, no temporary file)
    return {
        "name": NAME,
        "image": IMAGE,
        "workingDir": ROOT,
        "command": [f"{ROOT}/.venv/bin/python", *words, *where],
        "resources": {"limits": {"nvidia.com/gpu": job.gpus}} if job.gpus else {},
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in places],
    }
