"""Many clients over HTTP: nobody gets another's answer, and nobody an error. The figures are in BENCHMARKS.md; this is the judgement."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from served import made_run
from tinymodels import tiny_llama

from workbench.core.workspace import Workspace
from workbench.serve import client

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_no_answer_from_the_wrong_adapter_and_no_cross_talk(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    base = tiny_llama(tmp_path / "llama", initializer_range=0.3)
    names = [made_run(workspace, base, seed=seed).id for seed in (1, 2, 3)]
    from workbench.core.run import find

    endpoint = client.ensure(workspace, find(workspace, names[0]))
    try:
        judge(endpoint, [(names[n % 3], f"canary {n % 50}") for n in range(4 * 3 * 50)], 4)
        judge(endpoint, [(["base", *names][n % 4], f"user {n} says {n * n}") for n in range(100)], 100)
    finally:
        client.shutdown(workspace)


def judge(endpoint: client.Endpoint, asked: list[tuple[str, str]], at_once: int) -> None:
    ask: Callable[[tuple[str, str]], str] = lambda each: "".join(  # noqa: E731
        client.chat(endpoint, each[0], [{"role": "user", "content": each[1]}], temperature=0, max_tokens=10)
    )
    singly = {each: ask(each) for each in asked}
    with ThreadPoolExecutor(at_once) as pool:
        assert list(pool.map(ask, asked)) == [singly[each] for each in asked]
    assert len(set(singly.values())) > 0.8 * len(singly), "answers must differ, or this test could not fail"
