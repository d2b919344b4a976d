"""A started page, asked over HTTP: languages, headers, other sites, the password, and that torch stays out."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from places import ROOT

from workbench.door.guard import HEADERS


def spawn(folder: Path, *more: str) -> tuple[subprocess.Popen[str], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "workbench.cli", "ui", "--port", str(port), "--workspace", str(folder), *more]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    for _ in range(900):
        try:
            get(port, "/health")
            break
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.1)
    return process, port


def get(port: int, path: str, data: bytes | None = None, **headers: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
    return urllib.request.urlopen(request, timeout=60)  # noqa: S310


def end(process: subprocess.Popen[str]) -> str:
    process.kill()
    out, _ = process.communicate()
    return out


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    process, port = spawn(tmp_path_factory.mktemp("page"))
    yield port
    end(process)


@pytest.mark.parametrize(
    ("asked", "given"), [("zh-CN,zh;q=0.9,en;q=0.8", "/zh/"), ("en-US,en", "/en/"), ("fr", "/en/"), ("", "/en/")]
)
def test_the_front_door_follows_the_browser(port: int, asked: str, given: str) -> None:
    with get(port, "/", **{"Accept-Language": asked}) as answer:
        assert answer.url.endswith(given)
        assert f"lang={given.strip('/')}" in answer.headers["set-cookie"]


def test_every_answer_carries_the_safe_headers_and_no_foreign_script(port: int) -> None:
    with get(port, "/en/") as answer:
        body = answer.read().decode()
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
    assert not re.findall(r"<script[^>]+src=\"https?://", body)


@pytest.mark.parametrize("path", ["/en/gradio_api/queue/join", "/zh/gradio_api/upload", "/en/gradio_api/run/predict"])
def test_another_site_cannot_post(port: int, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(port, path, b"{}", Origin="https://evil.example", **{"Content-Type": "application/json"})
    assert caught.value.code == 403
    caught.value.close()


@pytest.mark.parametrize("path", ["/etc/passwd", "pyproject.toml", "../pyproject.toml", "/proc/self/environ"])
def test_files_of_the_machine_are_not_served(port: int, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(port, f"/en/gradio_api/file={path}")
    assert caught.value.code in (403, 404)
    caught.value.close()


def test_nothing_is_reported_to_anyone(port: int) -> None:
    with get(port, "/en/config") as answer:
        config = json.load(answer)
    assert config["analytics_enabled"] is False


def test_a_page_at_rest_asks_one_plain_question(port: int) -> None:
    """An event of Gradio's every second would cost the browser a third of a core."""
    with get(port, "/en/news") as answer:
        mark, beat, bar, aside = json.load(answer)
    assert (mark, beat, aside) == ("", "", "[] [] [] []")
    assert 'id="jobs"' in bar
    with get(port, "/en/config") as answer:
        config = json.load(answer)
    assert [each for each in config["components"] if each["type"] == "timer" and each["props"]["active"]] == []
    quiet = [each for each in config["dependencies"] if each["show_progress"] == "hidden" and not each["queue"]]
    assert len({str(each["show_progress_on"]) for each in quiet}) == 1


def test_the_page_process_never_loads_torch(port: int) -> None:
    process = next(p for p in psutil.process_iter(["cmdline"]) if str(port) in (p.info["cmdline"] or []))
    get(port, "/en/").close()
    assert not [item.path for item in process.memory_maps() if "/torch/" in item.path]


class Stay(urllib.request.HTTPRedirectHandler):
    """Redirections are answers to look at."""

    def redirect_request(self, *given: Any) -> None:
        return None


def status(port: int, path: str, data: bytes | None = None, **headers: str) -> tuple[int, Any]:
    opener = urllib.request.build_opener(Stay)
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


@pytest.mark.parametrize("more", [("--host", "0.0.0.0"), ("--root-path", "/wb"), ("--allow-host", "bench.example")])
def test_a_door_that_others_can_reach_has_a_login_with_a_printed_password(tmp_path: Path, more: tuple[str, ...]) -> None:  # fmt: skip
    process, port = spawn(tmp_path, *more)
    prefix = "/wb" if "/wb" in more else ""
    try:
        for path in ("/en/config", "/en/gradio_api/startup-events", "/health", "/en/news", "/en/gradio_api/file=x"):
            assert status(port, path)[0] == 401
        for path in ("/en/gradio_api/queue/join", "/en/gradio_api/cancel", "/en/gradio_api/reset", "/en/gradio_api/upload"):  # fmt: skip
            assert status(port, path, b"{}")[0] == 401
        code, headers = status(port, "/zh/")
        assert (code, headers["location"]) == (303, f"{prefix}/login?next=/zh/")
        with get(port, "/login?next=/zh/") as answer:
            assert "script" not in answer.headers["content-security-policy"]
            assert 'name="password"' in answer.read().decode()
        wrong = [status(port, "/login", b"name=workbench&password=guess")[0] for _ in range(6)]
        assert wrong == [401] * 5 + [429]
        assert status(port, "/login", b"name=workbench&password=" + b"x" * 20_000)[0] == 401
        with ThreadPoolExecutor(20) as pool:
            at_once = list(pool.map(lambda n: status(port, "/login", b"name=other&password=guess%d" % n)[0], range(20)))
        assert sorted(at_once) == [401] * 5 + [429] * 15
    finally:
        out = end(process)
    assert re.search(r"workbench\s+Password · 密码 \S{16,}", out)


def test_who_logs_in_gets_a_cookie_and_the_page_under_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_PASSWORD", "correct horse battery")
    process, port = spawn(tmp_path, "--root-path", "/wb", "--allow-host", "bench.example")
    try:
        form = b"name=workbench&password=correct+horse+battery&next=https://evil.example/"
        through = {"Host": "bench.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "9.9.9.9"}
        code, headers = status(port, "/wb/login", form, Origin="https://bench.example", **through)
        assert (code, headers["location"]) == (303, "/wb/en/")
        cookie = headers["set-cookie"]
        assert {"HttpOnly", "Secure", "Path=/wb/", "SameSite=lax"} <= set(cookie.split("; "))
        mine = {"Cookie": cookie.partition(";")[0], **through}
        assert status(port, "/wb/en/news", **mine)[0] == 200
        assert status(port, "/en/news", **mine)[0] == 200, "stripped by the proxy"
        with get(port, "/wb/en/", **mine) as answer:
            page = answer.read().decode()
        assert '"root":"https://bench.example/wb/en"' in page.replace(" ", "")
        code, headers = status(port, "/wb/logout", b"", **mine)
        assert (code, headers["location"]) == (303, "/wb/login")
        assert status(port, "/wb/en/news", **mine)[0] == 401
    finally:
        out = end(process)
    assert "correct horse" not in out or "Password · 密码 correct horse battery" in out


JUNK = {
    "an unknown page": ("/en/?page=../x", None), "an unknown handler": ("/en/gradio_api/queue/join", {"data": [], "fn_index": 99_999, "session_hash": "x"}),
    "no handler": ("/en/gradio_api/queue/join", {"session_hash": "x"}), "an unknown name": ("/en/gradio_api/run/nothing", {"data": []}),
    "an unknown component": ("/en/gradio_api/component_server", {"data": None, "component_id": 99_999, "fn_name": "call", "session_hash": "x"}),
    "a list": ("/en/gradio_api/queue/join", []), "an unknown event": ("/en/gradio_api/cancel", {"session_hash": "x", "fn_index": 0, "event_id": "y"}),
}  # fmt: skip


@pytest.mark.parametrize("name", JUNK)
def test_what_no_page_of_ours_asks_is_refused_without_a_failure(port: int, name: str) -> None:
    path, body = JUNK[name]
    data = None if body is None else json.dumps(body).encode()
    code, _ = status(port, path, data, **{"Content-Type": "application/json"})
    assert 400 <= code < 500 or (code == 200 and name == "an unknown event")
