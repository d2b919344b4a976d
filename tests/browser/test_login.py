"""Behind a reverse proxy, under a path of its own: log in, use the page in both languages, share nothing from afar, log out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.conftest import Workbench
from reverseproxy import proxied

from workbench.core.workspace import Workspace
from workbench.door import link as links

PASSWORD = "correct horse battery"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    made = Workbench(Workspace(tmp_path / "w"), extra={"WORKBENCH_PASSWORD": PASSWORD}, more=["--root-path", "/wb"])
    made.start()
    with proxied(made.port, "/wb") as address:
        yield address
    made.kill()


def test_the_page_is_used_through_a_proxy(url: str, chromium: Any, tmp_path: Path, picture: Any) -> None:
    context = chromium.new_context(locale="zh-CN", viewport={"width": 1100, "height": 800})
    page, problems = context.new_page(), []
    page.set_default_timeout(90_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda asked: problems.append(asked.url) if not asked.url.startswith((url, "data:", "blob:")) else None)  # fmt: skip
    page.goto(url + "/zh/#model")
    page.fill("input[name=name]", "workbench")
    page.fill("input[name=password]", "not the password")
    picture(page, "login-zh")
    page.click("button")
    page.locator(".bad", has_text="用户名或密码不正确").wait_for()
    page.fill("input[name=name]", "workbench")
    page.fill("input[name=password]", PASSWORD)
    page.click("button")
    page.wait_for_selector("#rail [aria-current=page]")
    assert page.url == f"{url}/zh/#model", "where somebody wanted to go"
    page.click("#rail [data-go=data]")
    page.locator("#sample-list, #page-data").first.wait_for()
    page.click("#rail [data-go=chat]")
    page.click("#share > button")
    page.locator("#share", has_text="链接只能在运行工作台的那台机器上").wait_for()
    assert not page.locator("#share-go").is_visible(), "and who calls it all the same is refused: test_door_handlers.py"
    assert links.all_open(Workspace(tmp_path / "w")) == []
    page.click("#lang a")
    page.wait_for_url(f"{url}/en/**")
    page.wait_for_selector("#rail [aria-current=page]")
    other = context.new_page()
    other.goto(url + "/en/")
    other.wait_for_selector("#rail [aria-current=page]")
    page.locator("#lang form button").click()
    page.wait_for_url(f"{url}/login")
    page.goto(url + "/en/")
    page.locator("input[name=password]").wait_for()
    other.bring_to_front()
    other.locator("input[name=password]").wait_for()  # a page that is open notices by itself
    context.close()
    assert problems == []
