"""Thirty carriers by every way in which the workbench takes weights, tokenizers, adapters, checkpoints and data: the canary never fires,
nothing is asked of the network, and what is refused is refused in one sentence."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import carried
import exporting
import pytest
from carried import CANARY, CARRIERS, HARMLESS, PICKLED, SOUND, carrier
from engineruns import run_with, told, work
from fakehub import Hub
from faults import note
from fewrows import write_rows
from served import made_run
from tinymodels import tiny_llama

from workbench.core.errors import UserError
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.data import hubset, intake
from workbench.data.readers import read_table
from workbench.engine import anatomy, checkpoint, evaluate_model, forecast, inspect, supervisor
from workbench.models import catalog, loading
from workbench.models.anatomy import parts

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
TALK = [{"messages": [{"role": "user", "content": f"say {n}"}, {"role": "assistant", "content": f"{n}"}]} for n in range(12)]  # fmt: skip
Way = Callable[[Workspace, Path, Run], Any]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model nothing is wrong with."""
    return tiny_llama(tmp_path_factory.mktemp("models") / "sound")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a few rows of talk."""
    made = Workspace(tmp_path_factory.mktemp("home") / "w")
    write_rows(made, made.root.parent / "few.jsonl", TALK)
    return made


@pytest.fixture(scope="module")
def tuned(home: Workspace, sound: Path) -> dict[str, Run]:
    """A result that is a whole model, and one that is an adapter."""
    return {method: made_run(home, sound, method, options={}) for method in ("full", "lora")}


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What appears when something ran."""
    monkeypatch.setenv(CANARY, str(tmp_path / "canary"))
    return tmp_path / "canary"


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Hosts beyond this machine that were asked for; there must be none."""
    asked: list[str] = []
    plain = socket.getaddrinfo

    def look_up(host: Any, *given: Any, **named: Any) -> Any:
        if str(host) in ("127.0.0.1", "localhost", "::1"):
            return plain(host, *given, **named)
        asked.append(str(host))
        raise socket.gaierror("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield asked
    assert asked == []


def recipe(folder: Path) -> Recipe:
    return parse({"task": {"kind": "chat", "max_length": 64}, "model": {"id": str(folder)}, "method": "lora", "data": {"dataset": "few"}, "compute": {"threads": 1}})  # fmt: skip


def serve(workspace: Workspace, folder: Path, run: Run) -> None:
    from workbench.serve.holder import Holder
    from workbench.serve.roster import Roster, base_of_model

    Holder(Roster(workspace, base_of_model(workspace, str(folder)), None)).load()


def evaluate(workspace: Workspace, folder: Path, run: Run) -> None:
    evaluate_model.score(workspace, {"target": str(folder), "data": "few", "rows": 1})


def in_place_of(run: Run, folder: Path) -> Run:
    """A run whose result is that folder."""
    shutil.rmtree(run.tuned, ignore_errors=True)
    shutil.copytree(folder, run.tuned)
    return run


def twice(run: Run, folder: Path, what: Callable[[Run], Any]) -> Any:
    """Something done with a run that has another result; afterwards it has its own again."""
    kept = run.result / "kept"
    run.tuned.rename(kept)
    try:
        return what(in_place_of(run, folder))
    finally:
        shutil.rmtree(run.tuned)
        kept.rename(run.tuned)


def as_adapter(workspace: Workspace, folder: Path, run: Run) -> None:
    """The files as the result of a LoRA run, under the model it was trained on."""
    twice(run, folder, lambda made: loading.load_tuned(made, Path(made.recipe.model.id)))


WAYS: dict[str, Way] = {
    "facts": lambda workspace, folder, run: catalog.facts(folder),
    "fetch": lambda workspace, folder, run: catalog.fetch(workspace, catalog.locate(workspace, str(folder))),
    "parts": lambda workspace, folder, run: parts(folder),
    "start": lambda workspace, folder, run: supervisor.check(workspace, recipe(folder)),
    "config": lambda workspace, folder, run: loading.load_config(folder),
    "model": lambda workspace, folder, run: loading.load_model(folder, TASKS.get("chat"), {}),
    "tokenizer": lambda workspace, folder, run: loading.load_tokenizer(folder),
    "gguf": lambda workspace, folder, run: loading.load_gguf(folder / "model.gguf", TASKS.get("chat"), Path(run.recipe.model.id)),
    "anatomy": lambda workspace, folder, run: anatomy.look(workspace, {"recipe": recipe(folder).dump()}),
    "inspect": lambda workspace, folder, run: inspect.look(workspace, {"recipe": recipe(folder).dump(), "rows": 2, "first": 0}),
    "forecast": lambda workspace, folder, run: forecast.look(workspace, {"recipe": recipe(folder).dump(), "measure": False}),
    "serve": serve,
    "evaluate": evaluate,
    "adapter": as_adapter,
}  # fmt: skip


def refused(way: Callable[[], Any]) -> UserError | None:
    """What was said, where it was refused. Nothing but a UserError may come."""
    said: UserError | None = None
    try:
        way()
    except UserError as error:
        said = error
    if said is not None:
        assert "\n" not in said.text.en + said.text.zh
        assert any("\u3400" <= char <= "\u9fff" for char in said.text.zh)
        assert len(said.text.en) < 500
    return said


HOWS = ["swapped", "manifest rewritten", "signed elsewhere", "one file more"]
FILES = [*PICKLED, "model.pkl.csv", "rows.jsonl", "rows.parquet", "rows.arrow", "rows.xlsx"]
TOTAL = len(CARRIERS) * (len(WAYS) + 2) + len(HOWS) + 3 * len(FILES)


def quiet(canary: Path) -> None:
    """Nothing ran."""
    note("S3", "canary fired", canary.exists(), f"of {TOTAL} openings", 0)
    assert not canary.exists()


@pytest.mark.parametrize("name", CARRIERS)
def test_no_carrier_fires_by_any_way(name: str, sound: Path, home: Workspace, tuned: dict[str, Run], canary: Path, tmp_path: Path) -> None:  # fmt: skip
    folder = carrier(name, sound, tmp_path / "carrier")
    before = sorted(path.name for path in home.models.iterdir())
    outcome = {way: refused(lambda act=act: act(home, folder, tuned["lora"])) for way, act in WAYS.items()}  # type: ignore[misc]
    as_whole = refused(lambda: twice(tuned["full"], folder, lambda run: exporting.take(run, "merged", tmp_path / "out")))  # fmt: skip
    quiet(canary)
    assert (outcome["fetch"] is None) == (name in SOUND)
    assert outcome["gguf"] is not None
    assert outcome["adapter"] is not None
    assert as_whole is not None or name in HARMLESS
    assert sorted(path.name for path in home.models.iterdir()) == before


@pytest.mark.parametrize("name", CARRIERS)
def test_no_carrier_fires_or_stays_when_it_comes_from_the_hub(name: str, sound: Path, workspace: Workspace, hub: Hub, canary: Path) -> None:  # fmt: skip
    carrier(name, sound, hub.root / "stranger" / "model")
    said = refused(lambda: catalog.fetch(workspace, catalog.locate(workspace, "stranger/model")))
    quiet(canary)
    there = [path for path in workspace.models.iterdir() if not path.name.startswith(".")]
    pickles = [path.name for path in workspace.models.rglob("*") if path.suffix in {Path(name).suffix for name in PICKLED}]  # fmt: skip
    assert pickles == []
    if said is not None and "code" not in name:
        assert there == [], "no folder that looks like a model"


@pytest.mark.parametrize("name", PICKLED)
def test_the_canary_is_alive(name: str, canary: Path, tmp_path: Path) -> None:
    carried.put(tmp_path / name)
    assert not canary.exists()
    carried.careless(tmp_path / name)
    assert canary.exists()


def put_in(place: Path, signed_by: Path | None) -> None:
    """A stranger's optimizer in a checkpoint, with a manifest that says so; `signed_by`: another workspace that signed it."""
    carried.put(place / "optimizer.pt")
    found = json.loads((place / checkpoint.MANIFEST).read_text())
    if signed_by is None:
        path = place / "optimizer.pt"
        found["files"]["optimizer.pt"] = {"size": path.stat().st_size, "sha256": checkpoint.sha256(path)}
        (place / checkpoint.MANIFEST).write_text(json.dumps(found))
        return
    elsewhere = signed_by / "runs" / "x" / "checkpoints" / place.name
    shutil.copytree(place, elsewhere)
    (elsewhere / checkpoint.MANIFEST).unlink()
    checkpoint.seal(elsewhere, found["step"], found["of"])
    shutil.rmtree(place)
    shutil.copytree(elsewhere, place)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with one checkpoint of the Trainer's, pickles included."""
    return run_with(tmp_path_factory.mktemp("w"), "trainer", {"max_steps": 2, "save_steps": 2, "eval_steps": 0})


@pytest.mark.parametrize("how", HOWS)
def test_a_run_goes_on_from_none_but_its_own_workspace_s_checkpoints(how: str, trained: Run, tmp_path: Path, canary: Path) -> None:  # fmt: skip
    run = Run(trained.folder.with_name(how.replace(" ", "-")))
    shutil.copytree(trained.folder, run.folder)
    (place,) = checkpoint.sealed(run.checkpoints)
    assert (place / "optimizer.pt").is_file()
    if how in ("swapped", "one file more"):
        carried.put(place / ("optimizer.pt" if how == "swapped" else "rng_state_7.pth"))
    else:
        put_in(place, tmp_path / "stranger" if how == "signed elsewhere" else None)
    work(run, again=True)
    reason = {"swapped": "damaged", "one file more": "put into it later"}.get(how, "not written by this workspace")
    quiet(canary)
    assert any(reason in str(said) for said in told(run, "note", "en"))
    assert told(run, "resumed", "step") == [0]


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_is_no_dataset(name: str, workspace: Workspace, hub: Hub, canary: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    carried.put(path) if name in PICKLED else path.write_bytes(carried.bait())
    folder = hub.root / "datasets" / "stranger" / "rows"
    folder.mkdir(parents=True)
    shutil.copy(path, folder / name)
    ways: list[Callable[[], Any]] = [
        lambda: read_table(path),
        lambda: intake.import_file(workspace, path, "mine"),
        lambda: intake.ended(hubset.fetching(workspace, hubset.Wish("stranger/rows"), "mine")),
    ]
    assert all(refused(way) for way in ways)
    quiet(canary)
    assert list(workspace.datasets.iterdir()) == []


@pytest.mark.parametrize("name", ["pandas", "json", "csv", "text", "arrow", "pickle", "cache", "../rows", "stranger/rows@evil", "a/b/c"])  # fmt: skip
def test_no_builder_is_chosen_by_its_name(name: str, workspace: Workspace, hub: Hub) -> None:
    assert refused(lambda: intake.ended(hubset.fetching(workspace, hubset.Wish(name), "mine")))
    assert [line for line in hub.requests if "resolve" in line] == []
    assert list(workspace.datasets.iterdir()) == []
