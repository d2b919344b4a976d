"""A push to the Hub: after the check, with the card, by a token that is written nowhere; not at all where the check says broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exporting
import pytest
from engineruns import run_with
from fakehub import Hub

from workbench.core.errors import UserError
from workbench.core.run import Run
from workbench.engine import card
from workbench.engine.taking import EXPORTS

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
pytestmark = [QUIET, pytest.mark.slow]
TOKEN = "hf_" + "x" * 34


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_with(tmp_path_factory.mktemp("push"), "trainer", {"max_steps": 3}, task="chat")


@pytest.fixture
def token(monkeypatch: Any) -> str:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return TOKEN


def test_an_adapter_is_sent_after_the_check(run: Run, hub: Hub, token: str, tmp_path: Path) -> None:
    done = exporting.take(run, "hub", tmp_path / "x", repo="me/tuned")
    assert (done["word"], done["published"]["url"]) == ("equal", f"{hub.url}/me/tuned")
    sent, kept = hub.root / "me" / "tuned", tmp_path / "x"
    names = {path.name for path in sent.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "README.md"} <= names
    assert not names & {"parity.json", ".reference", "logits.safetensors"}
    assert (sent / "adapter_model.safetensors").read_bytes() == (kept / "adapter_model.safetensors").read_bytes()
    assert card.figures_of(sent / "README.md") == (run.report or {})["after"]
    assert hub.private["me/tuned"]
    assert f"Bearer {token}" in hub.tokens
    everything = b"".join(path.read_bytes() for path in [*sent.rglob("*"), *kept.rglob("*")] if path.is_file())
    assert token.encode() not in everything
    assert str(Path(run.recipe.model.id).parent).encode() not in everything.replace(str(kept).encode(), b"")


def test_a_merged_model_is_sent_and_loads_from_there(run: Run, hub: Hub, token: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    done = exporting.take(run, "hub", tmp_path / "x", repo="me/whole", form="merged", private=False)
    assert done["word"] == "equal"
    assert not hub.private["me/whole"]
    model = AutoModelForCausalLM.from_pretrained(hub.root / "me" / "whole")
    assert model.config.model_type == "llama"


def test_what_is_broken_is_not_sent(run: Run, hub: Hub, token: str, tmp_path: Path, monkeypatch: Any) -> None:
    real = type(EXPORTS.get("adapter")).reload

    def damaged(self: Any, *given: Any) -> Any:
        model, tokenizer = real(self, *given)
        for value in model.parameters():
            value.data = value.data * 1.2
        return model, tokenizer

    monkeypatch.setattr(type(EXPORTS.get("adapter")), "reload", damaged)
    done = exporting.take(run, "hub", tmp_path / "x", repo="me/tuned")
    assert done["word"] == "broken"
    assert "published" not in done
    assert not [asked for asked in hub.requests if asked.startswith("POST")]


@pytest.mark.parametrize(
    ("repo", "said"), [("", "no repository"), ("../x", "no repository"), ("just-a-name", "no repository")]
)
def test_a_wrong_name_is_said_first(repo: str, said: str, run: Run, hub: Hub, token: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        exporting.take(run, "hub", tmp_path / "x", repo=repo)
    assert not (tmp_path / "x").exists()


def test_no_token_and_one_that_may_not_write(run: Run, hub: Hub, tmp_path: Path, monkeypatch: Any) -> None:
    from huggingface_hub import constants

    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "none"))
    with pytest.raises(UserError, match="no token"):
        exporting.take(run, "hub", tmp_path / "x", repo="me/tuned")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.fault = 403
    with pytest.raises(UserError, match="does not let this token write") as caught:
        exporting.take(run, "hub", tmp_path / "x", repo="me/tuned")
    assert TOKEN not in str(caught.value)
