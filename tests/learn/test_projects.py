"""The guided projects: each station is read from what lies in the workspace, in a chain; and the certificate made of it."""

from __future__ import annotations

import re

import pytest
from fabricated import right, run

from workbench.core.errors import UserError
from workbench.core.files import sha256, write_json
from workbench.core.lab import LABS
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.table import Table
from workbench.learn import _certificate
from workbench.serve.talk import Talk, save

LAB = LABS.get("project-sentiment")


def finished(workspace: Workspace, **settings: str) -> Run:
    made = run(workspace, right(0.5), right(0.95), **settings)
    made.tuned.mkdir(parents=True)
    (made.tuned / "adapter_model.safetensors").write_bytes(b"weights")
    return made


def marks(workspace: Workspace, data: str) -> str:
    return "".join("✓" if each.trace else "○" for each in LAB.stations(LAB.section(data=data), workspace))


def test_the_chain_of_a_dataset_grows_with_what_was_made(workspace: Workspace) -> None:
    rows = [{"text": f"t{place}", "label": "ab"[place % 2]} for place in range(20)]
    library.save(workspace, "mine", Table(["text", "label"], rows), {"text": "text", "label": "label"})
    assert LAB.choices(workspace)["data"][0] == ("mine", "mine")
    assert marks(workspace, "mine") == "✓○○○○○"
    write_json(workspace.root / "draft.json", {"task": {"kind": "text-classification"}, "data": {"dataset": "mine"}})
    assert marks(workspace, "mine") == "✓✓○○○○"
    made = finished(workspace, data__dataset="mine")
    assert marks(workspace, "mine") == "✓✓✓✓○○"
    assert marks(workspace, "sentiment-zh") == "○○○○○○"
    folder = workspace.root / "evaluations" / "one"
    write_json(folder / "question.json", {"target": made.id, "data": "mine", "rows": 0})
    write_json(folder / "answer.json", {"rows": 9})
    assert marks(workspace, "mine") == "✓✓✓✓○○", "the rows it was trained on are no other rows"
    write_json(folder / "question.json", {"target": made.id, "data": "sentiment-en", "rows": 0})
    assert LAB.done(workspace) is None
    write_json(made.folder / "exports" / "merged" / "parity.json", {"to": "merged", "word": "equal"})
    assert marks(workspace, "mine") == "✓✓✓✓✓✓"
    trace = LAB.done(workspace)
    assert trace is not None
    assert trace.run == made.id
    assert LAB.touch(LAB.section(data="mine"), workspace)[0]["tone"] == "good"


def test_a_report_that_is_no_better_leaves_its_station_open(workspace: Workspace) -> None:
    made = run(workspace, right(0.5), right(0.5))
    made.tuned.mkdir(parents=True)
    assert marks(workspace, "sentiment-en") == "○✓✓○○○"
    assert LAB.stations(LAB.section(data="sentiment-en"), workspace)[3].real.run == made.id


def test_a_conversation_with_the_run_is_the_voice_station(workspace: Workspace) -> None:
    lab, made = LABS.get("project-voice"), finished(workspace)
    talk = Talk.begun(made.id, "chat", ["tuned"])
    talk.ask("Who are you?")
    save(workspace, talk)
    assert lab.used(workspace, made) is None  # type: ignore[attr-defined]
    talk.add("tuned", talk.pane("tuned")["head"], "assistant", "I am Pip.")
    save(workspace, talk)
    assert lab.used(workspace, made)  # type: ignore[attr-defined]


def test_the_certificate_tells_figures_and_sums_and_escapes_what_comes_from_outside(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="no finished run"):
        _certificate.page(workspace, "en")
    made = finished(workspace, model__id="lumo<script>alert(1)</script>")
    for lang, title in (("en", "What I fine-tuned"), ("zh", "我的微调成果")):
        page = _certificate.page(workspace, lang)  # type: ignore[arg-type]
        assert title in page
        assert "50.0 % → 95.0 %" in page
        assert sha256(made.tuned / "adapter_model.safetensors") in page
        assert sha256(made.folder / "recipe.yaml") in page
        assert "<script" not in page
        assert not re.search(r"(src|href)=", page)


def test_a_link_in_a_run_is_not_followed(workspace: Workspace) -> None:
    made = finished(workspace)
    (made.tuned / "other.safetensors").symlink_to(workspace.root.parent)
    secret = workspace.root / "secret"
    secret.write_text("secret")
    (made.tuned / "more.safetensors").symlink_to(secret)
    assert [name for name, _, _ in _certificate.files_of(made)] == ["recipe.yaml", "result/report.json", "result/rows.jsonl", "result/model/adapter_model.safetensors"]  # fmt: skip
