"""Code that comes with a model runs after the owner's consent to these very files, and at no other time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from carried import CANARY, settings
from engineruns import QUIET, told, worked
from faults import note
from fewrows import write_rows
from places import ROOT
from served import made_run
from tinymodels import byte_tokenizer, llama_config

from workbench.core.errors import UserError
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run, create
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.door.guard import ROLE, anybody
from workbench.door.peer import Caller
from workbench.door.roles import AT_HOME, GUESTS, OWNERS, UNKNOWN, VIEWERS, Role, Roles
from workbench.engine import anatomy, supervisor
from workbench.models import catalog, consent, loading
from workbench.ui.access import roles_of

pytestmark = [QUIET, pytest.mark.usefixtures("modules")]
SOURCE = f"""import os, pathlib
from transformers import LlamaConfig, LlamaForCausalLM
from .more_x import NAME

pathlib.Path(os.environ["{CANARY}"]).touch()


class XConfig(LlamaConfig):
    model_type = "llama_x"


class XForCausalLM(LlamaForCausalLM):
    config_class = XConfig
    told = NAME
"""
TALK = [{"messages": [{"role": "user", "content": f"say {n}"}, {"role": "assistant", "content": f"{n}"}]} for n in range(12)]  # fmt: skip


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers copies code into a folder before it imports it: here into one of the test's own."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(consent._PLACE, "workspace", Workspace(tmp_path / "w"))


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What appears when the code ran."""
    monkeypatch.setenv(CANARY, str(tmp_path / "canary"))
    return tmp_path / "canary"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny Llama that is called otherwise, and brings the class it is loaded with."""
    from transformers import LlamaForCausalLM

    made = tmp_path / "with-code"
    LlamaForCausalLM(llama_config()).save_pretrained(made)
    byte_tokenizer().save_pretrained(made)
    (made / "modeling_x.py").write_text(SOURCE)
    (made / "more_x.py").write_text("NAME = 'own code'\n")
    entries = {"AutoConfig": "modeling_x.XConfig", "AutoModelForCausalLM": "modeling_x.XForCausalLM"}
    settings(made, "config.json", model_type="llama_x", architectures=["XForCausalLM"], auto_map=entries)
    return made


def load(workspace: Workspace, folder: Path) -> Any:
    return loading.load_model(catalog.here(workspace, str(folder)), TASKS.get("chat"), {})


def agree(workspace: Workspace, folder: Path) -> consent.Code:
    code = consent.code_of(folder)
    assert code is not None
    return consent.give(workspace, folder, code.digest, local=True)


def refused(workspace: Workspace, folder: Path, canary: Path) -> None:
    """Neither by the catalogue nor behind its back."""
    with pytest.raises(UserError, match="not run unless you agree"):
        catalog.here(workspace, str(folder))
    for way in (loading.load_config, lambda place: loading.load_model(place, TASKS.get("chat"), {})):
        with pytest.raises(UserError):
            way(folder)
    note("S3", "code ran without consent", canary.exists(), "times", 0)
    assert not canary.exists()


def test_code_runs_after_consent_and_not_before(workspace: Workspace, folder: Path, canary: Path) -> None:
    refused(workspace, folder, canary)
    agree(workspace, folder)
    assert load(workspace, folder).told == "own code"
    assert canary.exists()
    kept = workspace.root / consent.FILE
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())[0]["files"].keys() == {"modeling_x.py", "more_x.py"}


@pytest.mark.parametrize("change", ["a byte", "another file's byte", "one file more", "withdrawn", "a compiled file"])
def test_whatever_changes_asks_again(change: str, workspace: Workspace, folder: Path, canary: Path) -> None:
    agree(workspace, folder)
    if change == "withdrawn":
        assert consent.withdraw(workspace, folder)
        assert not consent.withdraw(workspace, folder)
    else:
        path = folder / {"a byte": "modeling_x.py", "another file's byte": "more_x.py", "a compiled file": "more_y.so"}.get(change, "more_y.py")  # fmt: skip
        path.write_text((path.read_text() if path.exists() else "") + " ")
    refused(workspace, folder, canary)


def test_what_was_shown_is_what_is_agreed_to(workspace: Workspace, folder: Path) -> None:
    code = consent.code_of(folder)
    assert code is not None
    (folder / "more_x.py").write_text("NAME = 'changed between looking and pressing'\n")
    with pytest.raises(UserError, match="not what was shown"):
        consent.give(workspace, folder, code.digest, local=True)
    assert not (workspace.root / consent.FILE).exists()


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_that_lies_elsewhere_is_never_agreed_to(name: str, workspace: Workspace, folder: Path, canary: Path) -> None:  # fmt: skip
    agree(workspace, folder)
    settings(folder, name, auto_map={"AutoModelForCausalLM": "stranger/code--modeling_x.XForCausalLM"})
    for way in (lambda: catalog.here(workspace, str(folder)), lambda: load_behind(folder), lambda: agree(workspace, folder)):  # fmt: skip
        with pytest.raises(UserError, match="another place"):
            way()
    assert not canary.exists()


def load_behind(folder: Path) -> Any:
    return loading.load_model(folder, TASKS.get("chat"), {})


def test_consent_in_one_workspace_is_none_in_another(workspace: Workspace, folder: Path, canary: Path, tmp_path: Path) -> None:  # fmt: skip
    agree(workspace, folder)
    refused(Workspace(tmp_path / "other"), folder, canary)


def recipe(folder: Path, **more: Any) -> Recipe:
    return parse({"task": {"kind": "chat", "max_length": 48}, "model": {"id": str(folder)}, "method": "lora", "data": {"dataset": "few"}, "training": {"max_steps": 2}, "evaluation": {"max_rows": 2, "samples": 0}, "compute": {"threads": 1}, **more})  # fmt: skip


def test_a_run_of_a_recipe_runs_no_code_on_its_own(workspace: Workspace, folder: Path, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    write_rows(workspace, tmp_path / "few.jsonl", TALK)
    for wish in ({"model": {"id": str(folder), "trust_remote_code": True}}, {"trust_remote_code": True}):
        with pytest.raises(UserError, match="trust_remote_code"):
            recipe(folder, **wish)
    with pytest.raises(UserError, match="not run unless you agree"):
        supervisor.check(workspace, recipe(folder))
    made = create(workspace, recipe(folder))
    assert worked(made, monkeypatch) == "failed"
    assert "not run unless you agree" in str(told(made, "failed", "en"))
    assert not canary.exists()


def test_a_run_with_consent_trains_evaluates_and_is_looked_into(workspace: Workspace, folder: Path, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    write_rows(workspace, tmp_path / "few.jsonl", TALK)
    agree(workspace, folder)
    assert anatomy.look(workspace, {"recipe": recipe(folder).dump()})["trainable"] > 0
    made = create(workspace, recipe(folder))
    assert worked(made, monkeypatch) == "finished", told(made, "failed", "en")
    assert loading.load_tuned(made, folder).get_base_model().told == "own code"


def test_the_result_of_a_whole_model_needs_the_same_consent(workspace: Workspace, folder: Path, canary: Path) -> None:
    agree(workspace, folder)
    run: Run = made_run(workspace, folder, "full")
    assert type(loading.load_tuned(run, folder)).__name__ == "XForCausalLM"
    consent.withdraw(workspace, folder)
    with pytest.raises(UserError):
        loading.load_tuned(run, folder)


@pytest.mark.parametrize("held", [AT_HOME, OWNERS, VIEWERS, GUESTS, UNKNOWN], ids=lambda held: "+".join(sorted(held)))
def test_only_the_owner_at_the_machine_may_agree(held: Roles, workspace: Workspace, folder: Path) -> None:
    code = consent.code_of(folder)
    assert code is not None
    local = Role.LOCAL in roles_of(SimpleNamespace(scope={ROLE: held}))
    assert local == (held == AT_HOME)
    if not local:
        with pytest.raises(UserError, match="Only the owner"):
            consent.give(workspace, folder, code.digest, local)
    assert not consent.given(workspace, code)


@pytest.mark.parametrize(("client", "headers"), [("192.168.1.7", {}), ("127.0.0.1", {"x-forwarded-for": "10.1.1.1"}), ("127.0.0.1", {"forwarded": "for=10.1.1.1"}), ("", {})])  # fmt: skip
def test_nobody_who_comes_from_elsewhere_is_at_the_machine(client: str, headers: dict[str, str]) -> None:
    assert Role.LOCAL not in anybody(Caller((client, 1), ours=True), {"host": "localhost:7860", **headers}, {})
    assert Role.LOCAL in anybody(Caller(("127.0.0.1", 1), ours=True), {"host": "localhost:7860"}, {})


def test_the_command_line_shows_then_asks_for_the_digest(workspace: Workspace, folder: Path, canary: Path) -> None:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "workbench.cli", "models", *words, "--workspace", str(workspace.root)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "WORKBENCH_LANG": "en"})  # fmt: skip

    shown = call("consent", str(folder))
    assert (shown.returncode, "modeling_x.py:1 import os" in shown.stdout) == (1, True)
    wrong = call("consent", str(folder), "--digest", "0" * 64)
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)
    digest = shown.stdout.split("--digest ")[1].strip()
    assert call("consent", str(folder), "--digest", digest).returncode == 0
    assert call("withdraw", str(folder)).returncode == 0
    assert not canary.exists(), "looking never runs it"


def test_what_one_would_look_at_first_is_found(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "x = 1\ny = '\u202e'\nfrom urllib.request import urlopen\neval('1')\n" + "#" * consent.LONGEST
    )
    (folder / "bad.py").write_text("def (")
    (folder / "lib.so").write_bytes(b"\x7fELF")
    code = consent.code_of(folder)
    assert code is not None
    said = consent.findings(folder, code)
    wanted = {"odd.py:0 longer", "odd.py:2 invisible", "odd.py:3 import urllib", "odd.py:4 eval", "bad.py:0 cannot be parsed", "lib.so:0 no source", "modeling_x.py:1 import os"}  # fmt: skip
    assert {want for want in wanted if any(each.startswith(want) for each in said)} == wanted


def test_a_model_from_the_hub_brings_its_code_to_be_read(workspace: Workspace, folder: Path, hub: Any, canary: Path) -> None:  # fmt: skip
    shutil.copytree(folder, hub.root / "someone" / "with-code")
    with pytest.raises(UserError, match="not run unless you agree"):
        catalog.fetch(workspace, catalog.locate(workspace, "someone/with-code"))
    fetched = catalog.present(workspace, "someone/with-code")
    agree(workspace, fetched)
    assert load(workspace, fetched).told == "own code"
