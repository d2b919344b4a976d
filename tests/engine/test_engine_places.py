"""What is taken away names its base so that others can find it: by its name on the Hub, else by its folder's name, never by a place."""

from __future__ import annotations

import ast
import shutil
import zipfile
from pathlib import Path

import exporting
import pytest
import yaml

from workbench.core.errors import UserError
from workbench.core.recipe import parse, read
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.engine import card
from workbench.models import catalog

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("given", "name", "there"),
    [
        ("all-MiniLM-L6-v2", MINILM, True),
        ("lumo", "lumo", False),
        ("owner/name", "owner/name", True),
        ("/home/me/secret/my base", "my base", False),
        ("~/models/qwen/", "qwen", False),
        ("C:\\Users\\me\\qwen", "qwen", False),
    ],
)
def test_a_model_has_a_name_for_others(given: str, name: str, there: bool) -> None:
    assert catalog.public(given) == (name, there)


def test_a_recipe_to_be_read_elsewhere_has_no_place_of_this_machine(tmp_path: Path) -> None:
    made = parse({"task": "chat", "method": "lora", "model": {"id": "/home/me/secret/base"}})
    text = card.portable(made)
    assert "secret" not in text
    assert "不在任何 Hub 上" in text
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    assert read(tmp_path / "recipe.yaml") == made.replace({"model.id": "base"})
    assert yaml.safe_load(card.portable(made.replace({"model.id": "lumo"})))["model"]["id"] == "lumo"
    assert "#" not in card.portable(made.replace({"model.id": "owner/name"}))


def test_a_card_names_a_starter_as_the_hub_does(tmp_path: Path) -> None:
    run = create(Workspace(tmp_path), parse({"task": "text-classification", "method": "lora"}))
    front = yaml.safe_load(card.card(run, None).split("---\n")[1])
    assert front["base_model"] == MINILM


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of a base that lies in a folder of its own."""
    made = exporting.tuned("chat", "lora", "llama", tmp_path_factory.mktemp("places"))
    base = tmp_path_factory.mktemp("SECRET") / "my-base"
    shutil.copytree(made.recipe.model.id, base)
    for path in (made.folder / "recipe.yaml", made.tuned / "adapter_config.json"):
        path.write_text(path.read_text().replace(made.recipe.model.id, str(base)))
    return Run(made.folder)


@pytest.mark.slow
@QUIET
@pytest.mark.parametrize("kind", ["adapter", "merged", "script", "notebook", "zip", "card"])
def test_no_file_says_where_the_base_lies(kind: str, run: Run, tmp_path: Path) -> None:
    done = exporting.take(run, kind, tmp_path / "x", **({"check_steps": 0} if kind in ("script", "notebook") else {}))
    assert done["word"] in ("equal", "apart")
    for packed in (tmp_path / "x").glob("*.zip"):
        zipfile.ZipFile(packed).extractall(tmp_path / "x")
    for path in (path for path in (tmp_path / "x").rglob("*") if path.is_file()):
        assert b"SECRET" not in path.read_bytes(), path.name
    named = [path.name for path in (tmp_path / "x").rglob("*") if path.is_file() and b"my-base" in path.read_bytes()]
    assert named


@pytest.mark.slow
@QUIET
def test_a_script_finds_a_base_that_is_put_beside_it(run: Run, tmp_path: Path) -> None:
    exporting.take(run, "script", tmp_path / "x", check_steps=0)
    code = (tmp_path / "x" / "train.py").read_text(encoding="utf-8")
    assert "MODEL = os.environ.get('MODEL', 'my-base')" in ast.unparse(ast.parse(code))
    assert "# 基础模型不在任何 Hub 上" in code


@pytest.mark.slow
@QUIET
def test_a_run_whose_base_was_moved_is_taken_from_the_workspace(tmp_path: Path) -> None:
    run = exporting.tuned("chat", "lora", "llama", tmp_path)
    lost = str(tmp_path / "unplugged" / "disk" / "base")
    path = run.folder / "recipe.yaml"
    path.write_text(path.read_text().replace(run.recipe.model.id, lost))
    moved = Run(run.folder)
    with pytest.raises(UserError, match="If it was moved, put it, or a link to it, at"):
        exporting.take(moved, "adapter", tmp_path / "x")
    (tmp_path / "models" / "base").symlink_to(run.recipe.model.id)
    assert exporting.take(Run(run.folder), "adapter", tmp_path / "x")["word"] == "equal"
