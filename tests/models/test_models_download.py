"""A model comes from the Hub whole or not at all, and every failure says which it is."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from fakehub import Hub
from tinymodels import raw_model, tiny_llama

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.models import catalog

NAME = "someone/small-model"


def get(workspace: Workspace, name: str = NAME, **how: object) -> Path:
    return catalog.fetch(workspace, catalog.locate(workspace, name), **how)  # type: ignore[arg-type]


def test_a_fetched_model_loads_from_its_folder(workspace: Workspace, hub: Hub) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tiny_llama(hub.root / NAME)
    assert catalog.locate(workspace, NAME).path is None
    folder = get(workspace)
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    assert AutoTokenizer.from_pretrained(folder)("é").input_ids
    assert catalog.facts(folder).parameters == sum(each.numel() for each in model.parameters())


def test_progress_only_grows_and_ends_at_the_total(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME, 100_000)
    hub.rate = 1000
    seen: list[tuple[int, int]] = []
    get(workspace, progress=lambda done, total: seen.append((done, total)))
    total = sum(path.stat().st_size for path in (hub.root / NAME).iterdir())
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) > 2
    assert seen[-1] == (total, total)


def test_one_request_lists_and_one_fetches_each_file(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME)
    get(workspace)
    assert len(hub.requests) == 3
    assert not [line for line in hub.requests if line.startswith("HEAD")]


def test_what_was_fetched_is_used_without_the_hub(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME)
    folder = get(workspace)
    hub.requests.clear()
    assert catalog.locate(workspace, NAME).path == folder
    assert get(workspace) == folder
    assert not hub.requests


def test_a_damaged_copy_is_not_taken_for_whole(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME)
    (get(workspace) / "model.safetensors").write_bytes(b"half")
    assert catalog.locate(workspace, NAME).path is None
    catalog.check_folder(get(workspace))


def test_a_cancel_is_heard_and_the_next_try_goes_on_from_there(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME, 200_000)
    hub.rate = 400
    stop = threading.Event()
    with pytest.raises(catalog.Cancelled):
        get(workspace, progress=lambda done, total: done > 100_000 and stop.set(), cancelled=stop.is_set)
    assert catalog.locate(workspace, NAME).path is None
    hub.rate = 0
    first: list[int] = []
    get(workspace, progress=lambda done, total: first.append(done))
    assert first[0] >= 100_000
    assert (workspace.models / "someone--small-model" / "model.safetensors").stat().st_size > 800_000


def test_a_cancel_does_not_wait_for_a_hub_that_hangs(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME)
    hub.fault = "hang"
    with pytest.raises(catalog.Cancelled):
        get(workspace, cancelled=lambda: bool(hub.requests))
    hub.closing.set()


def test_a_body_cut_short_is_resumed(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME, 50_000)
    hub.fault, hub.only_files = "truncate", True
    with pytest.raises(UserError, match="connection broke"):
        get(workspace)
    assert not (workspace.models / "someone--small-model").exists()
    hub.fault = None
    assert (get(workspace) / "model.safetensors").read_bytes() == (hub.root / NAME / "model.safetensors").read_bytes()


def test_bytes_that_are_not_the_listed_ones_are_dropped(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME)
    hub.fault, hub.only_files = "corrupt", True
    with pytest.raises(UserError, match="damaged"):
        get(workspace)
    hub.fault = None
    catalog.check_folder(get(workspace))


@pytest.mark.parametrize(
    ("fault", "said"), [(401, "gated or private"), (403, "gated or private"), (500, "answered 500")]
)
def test_a_refusal_says_which(workspace: Workspace, hub: Hub, fault: int, said: str) -> None:
    raw_model(hub.root / NAME)
    hub.fault = fault
    with pytest.raises(UserError, match=said) as caught:
        get(workspace)
    assert caught.value.field == "model.id"
    assert caught.value.text.zh != caught.value.text.en


def test_a_refused_file_is_not_asked_for_again(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME)
    hub.fault, hub.only_files = 403, True
    with pytest.raises(UserError, match="gated or private"):
        get(workspace)
    assert len(hub.requests) == 2


def test_a_name_nobody_has(workspace: Workspace, hub: Hub) -> None:
    with pytest.raises(UserError, match="someone/small-model does not exist"):
        get(workspace)
    assert not (workspace.models / ".someone--small-model.part").exists()


def test_a_revision_nobody_has(workspace: Workspace, hub: Hub) -> None:
    raw_model(hub.root / NAME)
    with pytest.raises(UserError, match="no such revision") as caught:
        catalog.fetch(workspace, catalog.locate(workspace, NAME, "v9"))
    assert caught.value.field == "model.revision"


def test_nobody_listens(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(UserError, match="cannot be reached"):
            get(workspace)


@pytest.mark.parametrize("address", ["nonsense", "ftp://x", "http://"])
def test_an_endpoint_that_is_no_address(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(UserError, match="HF_ENDPOINT"):
        get(workspace)


def test_weights_that_can_run_code_are_refused_before_any_file(workspace: Workspace, hub: Hub) -> None:
    folder = raw_model(hub.root / NAME)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model\.bin.*safetensors"):
        get(workspace)
    assert len(hub.requests) == 1


def test_only_what_is_needed_is_fetched(workspace: Workspace, hub: Hub) -> None:
    folder = raw_model(hub.root / NAME)
    (folder / "pytorch_model.bin").write_bytes(b"x")
    (folder / "run.py").write_text("raise SystemExit")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"x")
    (folder / "tokenizer.model").write_bytes(b"x")
    names = {path.name for path in get(workspace).iterdir() if not path.name.startswith(".")}
    assert names == {"config.json", "model.safetensors", "tokenizer.model", "run.py"}, "code is fetched to be read"


def test_a_disk_without_room_is_told_first(workspace: Workspace, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    raw_model(hub.root / NAME)
    monkeypatch.setattr("workbench.models.download.SPARE", 1 << 60)
    with pytest.raises(UserError, match="make room"):
        get(workspace)
    assert len(hub.requests) == 1


def test_the_token_goes_to_the_hub_that_was_set(
    workspace: Workspace, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw_model(hub.root / NAME)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    get(workspace)
    assert set(hub.tokens) == {"Bearer hf_secret"}
