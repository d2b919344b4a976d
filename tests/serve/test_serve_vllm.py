"""vLLM is never needed: what it would be started with is right, and where it is missing, that is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from served import made_run

from workbench import ASSETS
from workbench.cli import main
from workbench.core.errors import UserError
from workbench.core.files import read_json, write_json
from workbench.core.workspace import Workspace
from workbench.serve import vllm

LUMO = ASSETS / "models" / "lumo"
HOW = {"host": "127.0.0.1", "port": 8000, "slots": None}


def after(told: list[str], option: str) -> str:
    return told[told.index(option) + 1]


def test_adapters_go_by_the_names_of_our_own_server(workspace: Workspace) -> None:
    narrow, wide = made_run(workspace, LUMO, knobs={"rank": 4}), made_run(workspace, LUMO, seed=1, knobs={"rank": 24})
    told = vllm.command(workspace, narrow, {**HOW, "slots": 8})
    assert told[3:5] == ["serve", str(LUMO)] or Path(told[4]) == LUMO.resolve()
    assert after(told, "--served-model-name") == "base"
    modules = told[told.index("--lora-modules") + 1 :]
    assert modules == [f"tuned={narrow.tuned}", f"{narrow.id}={narrow.tuned}", f"{wide.id}={wide.tuned}"]
    assert "--enable-lora" in told
    assert after(told, "--max-lora-rank") == "32", "the smallest step that holds every rank there is"
    assert after(told, "--max-num-seqs") == "8"
    assert after(told, "--chat-template") == str(narrow.tuned / "chat_template.jinja")


def test_a_whole_model_is_served_as_it_is(workspace: Workspace) -> None:
    run = made_run(workspace, LUMO, "full")
    told = vllm.command(workspace, run, HOW)
    assert told[4] == str(run.tuned)
    assert told[6:8] == ["tuned", run.id]
    assert "--enable-lora" not in told


def test_a_bare_model_is_the_base(workspace: Workspace) -> None:
    assert after(vllm.command(workspace, "lumo", HOW), "--served-model-name") == "base"


@pytest.mark.parametrize(("method", "knobs", "words"), [("adapter", {}, "only LoRA"), ("lora", {"use_dora": True}, "DoRA")])  # fmt: skip
def test_what_vllm_cannot_lay_over_a_base_is_refused(workspace: Workspace, method: str, knobs: dict[str, Any], words: str) -> None:  # fmt: skip
    run = made_run(workspace, LUMO, method, knobs=knobs)
    with pytest.raises(UserError, match=words) as caught:
        vllm.command(workspace, run, HOW)
    assert "--to merged" in caught.value.say("en")
    assert run.id in caught.value.say("zh")


def test_the_largest_rank_of_any_module_counts(workspace: Workspace) -> None:
    run = made_run(workspace, LUMO, knobs={"rank": 4})
    file = run.tuned / "adapter_config.json"
    write_json(file, {**read_json(file), "rank_pattern": {"down_proj": 40}})
    assert after(vllm.command(workspace, run, HOW), "--max-lora-rank") == "64"
    write_json(file, {**read_json(file), "modules_to_save": ["lm_head"]})
    assert "modules_to_save" in vllm.unfit(run)[0]  # type: ignore[index]


def test_missing_it_is_explained_with_the_command(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:  # fmt: skip
    run = made_run(workspace, LUMO)
    monkeypatch.setattr(vllm, "find_spec", lambda name: None)
    serve = ["--workspace", str(workspace.root), "serve", run.id, "--engine", "vllm"]
    assert main(serve) == 2
    said = capsys.readouterr().err
    assert "vllm serve" in said
    assert "finetune-workbench[vllm]" in said
    assert main([*serve, "--print"]) == 0
    assert capsys.readouterr().out.startswith("vllm serve ")
    assert main([*serve, "--host", "0.0.0.0"]) == 2
    assert "WORKBENCH_SERVE_KEY" in capsys.readouterr().err


def test_the_key_stays_off_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(vllm, "find_spec", lambda name: object())
    monkeypatch.setattr(vllm.os, "execve", lambda *given: started.append(given))
    vllm.start(["python", "-m", "x", "serve"], "secret")
    program, told, environment = started[0]
    assert (program, environment[vllm.KEY]) == ("python", "secret")
    assert "secret" not in told
