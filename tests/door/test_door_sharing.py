"""A real guests' process: what a link opens, what it never does, and how fast it is over."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faults
import httpx
import psutil
import pytest
from fabricated import left
from fastapi.testclient import TestClient
from reverseproxy import proxied
from served import made_run
from tinymodels import tiny_llama

from workbench.core.errors import UserError
from workbench.core.files import read_json
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.door import link as links
from workbench.door import wire
from workbench.door.link import Terms
from workbench.serve import client
from workbench.ui import sharing
from workbench.ui.guest import process, tunnel
from workbench.ui.words import Words

pytestmark = pytest.mark.slow
ASK = {"messages": [{"role": "user", "content": "hi 你好"}]}
CLOSED = ("/en/", "/zh/", "/en/news", "/en/gradio_api/queue/join", "/en/gradio_api/upload", "/config", "/login", "/docs", "/openapi.json", "/v1/models", "/health", "/../accounts.json", "/runs/../x")  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    root = tmp_path_factory.mktemp("sharing")
    workspace = Workspace(root / "w")
    made = made_run(workspace, tiny_llama(root / "llama", initializer_range=0.3))
    yield made
    os.environ.pop("HF_TOKEN", None)
    for each in links.all_open(workspace):
        process.stop(workspace, each.id)
    for child in process._CHILDREN.values():
        child.wait(20)
    client.shutdown(workspace)


@pytest.fixture(scope="module")
def workspace(run: Run) -> Workspace:
    return Workspace(run.folder.parents[1])


@pytest.fixture(scope="module")
def url(run: Run, workspace: Workspace) -> str:
    os.environ["HF_TOKEN"] = "hf_never_here"
    return str(process.share(workspace, run.id, Terms(hours=1, runs=True))["urls"][0])


@pytest.fixture
def guest(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url.partition("/in/")[0], follow_redirects=True, timeout=120, trust_env=False) as made:
        assert made.get(url).status_code == 200
        yield made


def heard(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]


def test_a_guest_talks_with_the_shared_run_and_nothing_else(guest: httpx.Client, run: Run) -> None:
    about = guest.get("/about").json()
    assert (about["run"], about["mode"], about["runs"]) == (run.id, "chat", True)
    told = heard(guest.post("/chat", json={**ASK, "model": "base", "max_tokens": 100_000, "temperature": 9}))
    assert "".join(each.get("text", "") for each in told)
    assert told[-1]["end"] in ("stop", "length")
    for path in CLOSED:
        for method in ("GET", "POST"):
            assert guest.request(method, path).status_code in (403, 404), path


def test_nothing_without_the_token(url: str) -> None:
    base, _, token = url.partition("/in/")
    with httpx.Client(base_url=base, trust_env=False) as stranger:
        assert stranger.get("/").status_code == stranger.get("/about").status_code == 401
        assert stranger.post("/chat", json=ASK).status_code == 401
        assert stranger.get("/in/" + token[:-1] + ("a" if token[-1] != "a" else "b")).status_code == 403
        answer = stranger.get(f"/in/{token}")
        assert {"HttpOnly", "SameSite=lax"} <= set(answer.headers["set-cookie"].split("; "))
        for foreign in ("https://evil.example", "null"):
            assert stranger.post("/chat", json=ASK, headers={"origin": foreign}).status_code == 403


def test_answers_say_nothing_of_the_machine(guest: httpx.Client, workspace: Workspace, run: Run) -> None:
    seen = left(workspace, "seen", [2.0, 1.0, 0.5], ("failed", {"en": "secret row", "zh": "secret row", "field": None}))  # fmt: skip
    pages = [guest.get(path).text for path in ("/", "/about", "/runs", f"/runs/{run.id}", f"/runs/{seen.id}", "/runs/nothing", "/runs/..%2f..%2fx")]  # fmt: skip
    whole = "\n".join(pages)
    for secret in (str(workspace.root), str(Path.home()), os.uname().nodename, "secret row", "llama", "Traceback"):
        assert secret not in whole, secret
    assert json.loads(pages[4])["curve"]


def test_a_strict_policy_stands_over_every_answer(guest: httpx.Client) -> None:
    for path in ("/", "/guest.js", "/runs", "/nothing"):
        policy = guest.get(path).headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe-eval" not in policy


def test_what_is_no_question_is_refused_in_a_sentence(guest: httpx.Client) -> None:
    for body in (b"", b"[" * 100_000, b'{"messages": 1}', b"\xff\xfe"):
        answer = guest.post("/chat", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["zh"]
    assert guest.post("/chat", content=b"x" * 300_000).status_code == 413


def test_the_owner_is_told_who_is_there(guest: httpx.Client, workspace: Workspace) -> None:
    [link] = links.all_open(workspace)
    until = time.monotonic() + 10
    while not links.facts(workspace, link)["guests"] and time.monotonic() < until:
        time.sleep(0.1)
    assert links.facts(workspace, link)["guests"] >= 1
    assert links.facts(workspace, link)["asked"] >= 1


def test_the_guests_process_holds_no_torch_no_gradio_and_no_token(workspace: Workspace, url: str) -> None:
    [link] = links.all_open(workspace)
    found = links.running(workspace, link.id)
    assert found
    loaded = {item.path for item in found.memory_maps()}
    assert not [path for path in loaded if "/torch/" in path or "/gradio/" in path]
    assert "hf_never_here" not in str(found.environ())
    token = url.rpartition("/")[2]
    assert token not in " ".join(found.cmdline())
    for path in workspace.root.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path


def test_a_link_works_behind_a_proxy_under_a_path_of_its_own(run: Run, workspace: Workspace) -> None:
    told = process.share(workspace, run.id, Terms(hours=1, prefix="/try"))
    port = int(told["urls"][0].split(":")[2].split("/")[0])
    token = told["urls"][0].rpartition("/")[2]
    with proxied(port, "/try") as address, httpx.Client(follow_redirects=True, timeout=120, trust_env=False) as guest:
        page = guest.get(f"{address}/in/{token}")
        assert (page.status_code, str(page.url)) == (200, f"{address}/")
        assert {cookie.path for cookie in guest.cookies.jar} == {"/try/"}
        assert guest.get(f"{address}/guest.js").status_code == 200
        origin = {"origin": address.removesuffix("/try")}
        assert heard(guest.post(f"{address}/chat", json=ASK, headers=origin))[-1]["end"]
    process.stop(workspace, told["link"])


def test_a_link_that_is_taken_back_is_over_within_a_second_in_the_middle_of_an_answer(run: Run, workspace: Workspace) -> None:  # fmt: skip
    told = process.share(workspace, run.id, Terms(hours=1))
    base = told["urls"][0].partition("/in/")[0]
    with httpx.Client(base_url=base, follow_redirects=True, timeout=60, trust_env=False) as guest:
        guest.get(told["urls"][0])
        worker = links.running(workspace, told["link"])
        assert worker
        asking = threading.Thread(target=lambda: _quietly(lambda: guest.post("/chat", json=ASK)))
        asking.start()
        begin = time.monotonic()
        process.stop(workspace, told["link"])
        while _quietly(lambda: httpx.get(f"{base}/about", trust_env=False)):
            pass
        faults.note(
            "S11", "seconds from taking a link back to nobody being answered", time.monotonic() - begin, "s", most=1
        )
        asking.join()
    worker.wait(10)


def _quietly(work: Any) -> None:
    with contextlib.suppress(httpx.HTTPError):
        work()


def test_a_link_is_over_when_only_its_file_can_be_written(run: Run, workspace: Workspace) -> None:
    """The owner's page may have died, the process may not be told: the folder decides."""
    told = process.share(workspace, run.id, Terms(hours=1))
    worker = links.running(workspace, told["link"])
    links.close(workspace, told["link"])
    assert worker
    assert worker.wait(10) in (0, None)


def test_a_link_ends_by_itself_whatever_the_clock_is_set_to(workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    link = links.make(workspace, run, Terms(hours=1))[0]
    term = links.Term(workspace, link)
    wall, steady = time.time, time.monotonic
    assert not term.over()
    monkeypatch.setattr(time, "time", lambda: wall() - 86_400)
    monkeypatch.setattr(time, "monotonic", lambda: steady() + 3601)
    assert term.over(), "set back a day"
    monkeypatch.setattr(time, "monotonic", steady)
    monkeypatch.setattr(time, "time", lambda: wall() + 3601)
    assert term.over()
    links.close(workspace, link.id)


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="only Linux bounds a process from outside")
def test_a_link_is_over_on_time_where_nothing_can_be_written(run: Run, workspace: Workspace) -> None:
    """A full disk: what the guests' process tells fails, and the owner's word counts all the same."""
    told = process.share(workspace, run.id, Terms(hours=1))
    worker = links.running(workspace, told["link"])
    assert worker
    worker.rlimit(psutil.RLIMIT_FSIZE, (0, 0))
    with httpx.Client(follow_redirects=True, timeout=60, trust_env=False) as guest:
        assert guest.get(told["urls"][0]).status_code == 200
        time.sleep(2 * process.LOOKS)
        about = told["urls"][0].partition("/in/")[0] + "/about"
        assert guest.get(about).status_code == 200, "still open"
        links.close(workspace, told["link"])
        assert not _quietly(lambda: guest.get(about).raise_for_status())
    worker.wait(10)  # with whatever status: its last words cannot be written either


def test_a_process_that_was_killed_is_not_taken_for_another(workspace: Workspace, run: Run) -> None:
    told = process.share(workspace, run.id, Terms(hours=1))
    worker = links.running(workspace, told["link"])
    assert worker
    worker.kill()
    psutil.wait_procs([worker], 10)
    assert links.running(workspace, told["link"]) is None
    assert told["link"] not in [each.id for each in links.all_open(workspace)]
    process.stop(workspace, told["link"])


def _server(workspace: Workspace, link_id: str) -> psutil.Process | None:
    """The model server of a link."""
    return client.process_of(read_json(links.folder(workspace, link_id) / "server" / "state.json"))


def _gone(pid: int) -> bool:
    """Whether a process ends within a while."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def _asked(url: str) -> list[dict[str, Any]]:
    with httpx.Client(follow_redirects=True, timeout=120, trust_env=False) as guest:
        guest.get(url)
        return heard(guest.post(url.partition("/in/")[0] + "/chat", json=ASK))


def test_the_owner_and_every_link_have_a_server_of_their_own_that_ends_with_it(workspace: Workspace, run: Run, tmp_path: Path) -> None:  # fmt: skip
    mine = client.ensure(workspace, made_run(workspace, tiny_llama(tmp_path / "other", hidden_size=32)))
    back, killed = (process.share(workspace, run.id, Terms(hours=1)) for _ in range(2))
    with ThreadPoolExecutor() as pool:
        assert all(told[-1]["end"] for told in pool.map(_asked, [back["urls"][0], killed["urls"][0]]))
    owners = client.process_of(read_json(client.state_path(workspace)))
    assert owners
    assert owners.pid == mine.pid, "guests asked, and the owner's goes on"
    one, two = _server(workspace, back["link"]), _server(workspace, killed["link"])
    assert one
    assert two
    assert len({mine.pid, one.pid, two.pid}) == 3
    assert "hf_never_here" not in str(one.environ())
    assert str(workspace.root) in one.cmdline(), "whose runs go first"
    process.stop(workspace, back["link"])
    assert _gone(one.pid), "taken back"
    assert _server(workspace, killed["link"])
    worker = links.running(workspace, killed["link"])
    assert worker
    worker.kill()
    assert _gone(two.pid), "nobody is there to end it"
    assert client.health(mine)
    process.stop(workspace, killed["link"])


def test_a_link_that_ends_while_its_model_is_loaded_leaves_no_server(workspace: Workspace, run: Run) -> None:
    told = process.share(workspace, run.id, Terms(hours=1))
    worker = links.running(workspace, told["link"])
    assert worker
    asking = threading.Thread(target=lambda: _quietly(lambda: _asked(told["urls"][0])))
    asking.start()
    started, until = list[int](), time.monotonic() + 60
    while not started and time.monotonic() < until:
        started = [each.pid for each in worker.children()]
    process.stop(workspace, told["link"])
    asking.join()
    assert started
    assert all(_gone(pid) for pid in [*started, worker.pid])


def test_without_its_program_a_tunnel_is_refused_with_what_to_do(workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    before = len(links.all_open(workspace))
    monkeypatch.setenv("HF_HOME", "/nowhere")
    monkeypatch.setattr(tunnel, "binary", lambda: Path("/nowhere/frpc"))
    assert not tunnel.has_tunnel()
    with pytest.raises(UserError, match="reverse proxy"):
        tunnel.open_tunnel(1)
    assert len(links.all_open(workspace)) == before


def test_strangers_are_not_told_why_a_model_fails(
    run: Run, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.ui.guest import asking, site

    link, token = links.make(workspace, run, Terms(hours=1))

    async def fails(*given: Any) -> Any:
        raise UserError(f"{workspace.root} has no weights", "没有权重")

    monkeypatch.setattr(asking.Model, "attempt", fails)
    monkeypatch.setattr(asking.Model, "endpoint", fails)
    monkeypatch.setattr(asking.Model, "asks", ("text",))
    with TestClient(site.create(workspace, link)[0], base_url="http://localhost") as guest:
        guest.get(f"/in/{token}")
        tried = guest.post("/try", json={"fields": {"text": "x"}})
        assert (tried.status_code, tried.json()["error"]) == (400, asking.BROKEN._asdict())
        assert heard(guest.post("/chat", json=ASK))[-1]["error"] == asking.BROKEN._asdict()
    links.close(workspace, link.id)


FRPC = """#!/bin/sh
echo "start proxy success: https://abc123.gradio.example"
sleep 60
"""


def test_with_its_program_the_tunnels_address_is_the_links(tmp_path: Path, workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """A stand-in for frpc that says what the real one says."""
    frpc = tmp_path / "frpc"
    frpc.write_text(FRPC)
    frpc.chmod(0o755)
    from gradio import networking, tunneling

    monkeypatch.setattr(tunneling, "BINARY_PATH", str(frpc))
    monkeypatch.setattr(tunneling.Tunnel, "download_binary", staticmethod(lambda: None))
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", "localhost:7000")
    assert tunnel.has_tunnel()
    assert tunnel.open_tunnel(7999) == "https://abc123.gradio.example"
    for each in tunneling.CURRENT_TUNNELS:
        if each.proc:
            with each.proc:
                each.kill()
    link = links.make(workspace, run, replace(Terms(), place="tunnel"))[0]
    monkeypatch.setattr(process, "open_tunnel", lambda port: "https://abc123.gradio.example")
    assert process.addresses(link, 1) == ["https://abc123.gradio.example"]
    links.close(workspace, link.id)


def cards(*addresses: str) -> dict[str, list[Any]]:
    return {f"card{at}": [SimpleNamespace(family=socket.AF_INET, address=each)] for at, each in enumerate(addresses)}


@pytest.mark.parametrize(("out", "told"), [("192.168.1.5", ["192.168.1.5", "172.17.0.1", "10.0.0.9"]), ("", ["172.17.0.1", "192.168.1.5", "10.0.0.9"]), ("8.8.8.8", ["172.17.0.1", "192.168.1.5", "10.0.0.9"])])  # fmt: skip
def test_on_a_network_the_address_by_the_way_out_is_told_first(out: str, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    found = cards("127.0.0.1", "172.17.0.1", "192.168.1.5", "169.254.3.3", "10.0.0.9")
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)
    monkeypatch.setattr(process, "way_out", lambda: out)
    link = links.Link("x", "r", True, False, "", 0, 0, "network", "/try")
    assert process.addresses(link, 81) == [f"http://{each}:81/try" for each in told]


def test_the_way_out_is_one_of_ours_or_none() -> None:
    ours = [each.address for found in psutil.net_if_addrs().values() for each in found]
    assert wire.way_out() in ["", *ours]


@pytest.mark.parametrize("given", ["/..", "/a/../b", "/.", "/a b", "try", "/a//b", "/试"])
def test_what_is_no_path_for_a_proxy_is_refused(given: str) -> None:
    with pytest.raises(UserError, match="looks like /workbench"):
        wire.mounted(given)
    assert wire.mounted("/a.b/..c/") == "/a.b/..c"


@pytest.mark.parametrize("port", [-1, 65_536])
def test_what_is_no_port_is_refused_before_anything_is_made(port: int, workspace: Workspace, run: Run) -> None:
    before = sorted((workspace.root / "door" / "links").iterdir())
    with pytest.raises(UserError, match="A port is a number") as caught:
        process.share(workspace, run.id, Terms(port=port))
    assert caught.value.field == "port"
    assert sorted((workspace.root / "door" / "links").iterdir()) == before


@pytest.mark.parametrize(("port", "path", "field"), [(None, "", "port"), (80, "", "port"), (65_536, "/try", "port"), (8123, "a b", "--root-path"), (8123, "..", "--root-path")])  # fmt: skip
def test_what_a_proxy_cannot_use_is_said_beside_its_fields(port: int | None, path: str, field: str) -> None:
    with pytest.raises(UserError) as caught:
        sharing._terms(False, 1, "here", port, path)
    assert caught.value.field == field
    assert sharing._terms(False, 1, "network", port, path) == Terms(1, place="network"), "they count for a proxy only"
    assert sharing._terms(True, 8, "here", 8123, " try/it/ ") == Terms(8, True, "here", "/try/it", 8123)


def test_one_address_is_shown_and_the_others_lie_in_a_fold(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    told = {"link": "x", "until": 0.0, "urls": [f"http://10.0.0.{n}:81/in/t" for n in (1, 2, 3)]}
    monkeypatch.setattr(process, "share", lambda *given: told)
    page: Any = SimpleNamespace(words=Words("en"), workspace=workspace)
    beside, said, made = sharing._shared(page, "r", (False, 1, "network", 8123, ""))
    assert made == "x"
    first, _, fold = said.partition("<details>")
    assert beside == ""
    assert [url in first for url in told["urls"]] == [True, False, False]
    assert [f"<code>{url}</code>" in fold for url in told["urls"]] == [False, True, True]
