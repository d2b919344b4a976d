"""A real serving process answers the official client, stops when asked, and is reused, replaced and missed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from places import ROOT
from served import made_run
from tinymodels import tiny_bert, tiny_llama

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.serve import client, server
from workbench.serve.slot import within

pytestmark = pytest.mark.slow
ASK = [{"role": "user", "content": "hi 你好"}]


class World:
    """A workspace with one chat run."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root / "w")
        self.model = tiny_llama(
            root / "llama", initializer_range=0.3
        )  # answers far from a tie, however they are added up
        self.run, self.other = (made_run(self.workspace, self.model, seed=seed) for seed in (1, 2))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("serve"))
    yield made
    client.shutdown(made.workspace)


@pytest.fixture
def endpoint(world: World) -> client.Endpoint:
    return client.ensure(world.workspace, world.run)


@pytest.fixture
def official(endpoint: client.Endpoint) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=endpoint.key, max_retries=0) as made:
        yield made


def said(endpoint: client.Endpoint, side: str, **how: Any) -> str:
    return "".join(client.chat(endpoint, side, ASK, **{"temperature": 0, "max_tokens": 24, **how}))


def test_the_official_client_gets_the_same_streamed_or_whole(world: World, official: openai.OpenAI) -> None:
    how: Any = {"model": "tuned", "messages": ASK, "temperature": 0, "max_tokens": 20}
    whole = official.chat.completions.create(**how)
    with official.chat.completions.create(stream=True, **how) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason in ("stop", "length")
    assert whole.usage.prompt_tokens > 0
    assert [model.id for model in official.models.list()] == ["base", "tuned", world.other.id, world.run.id]


def test_base_is_the_plain_model_and_tuned_is_not(world: World, endpoint: client.Endpoint) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from workbench.models.conversation import prompt_ids
    from workbench.models.loading import load_tokenizer

    tokenizer = load_tokenizer(world.model)
    ids = torch.tensor([prompt_ids(tokenizer, ASK)])
    model = AutoModelForCausalLM.from_pretrained(world.model)
    plain = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24)
    text = tokenizer.decode(plain[0, ids.shape[1] :], skip_special_tokens=True)
    assert said(endpoint, "base") == text.removeprefix(" ").rstrip("\ufffd")
    assert said(endpoint, "tuned") != said(endpoint, "base")


def test_a_seed_repeats_and_broken_characters_never_come(endpoint: client.Endpoint) -> None:
    first = said(endpoint, "base", temperature=1.0, seed=3, max_tokens=60)
    assert first == said(endpoint, "base", temperature=1.0, seed=3, max_tokens=60)
    assert first != said(endpoint, "base", temperature=1.0, seed=4, max_tokens=60)


def test_closing_the_stream_stops_the_model(endpoint: client.Endpoint) -> None:
    before = client.health(endpoint)["generated"]
    talk = client.chat(endpoint, "base", ASK, temperature=1.0, max_tokens=400, seed=1)
    next(talk)
    talk.close()
    until = time.monotonic() + 20
    while client.health(endpoint)["in_hand"] and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.2)
    after = client.health(endpoint)["generated"]
    time.sleep(0.3)
    assert client.health(endpoint)["generated"] == after
    assert after - before < 390


def test_what_is_not_supported_is_refused_by_name(official: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="logit_bias"):
        official.chat.completions.create(model="base", messages=ASK, logit_bias={"5": 1})  # type: ignore[arg-type]


def test_a_key_and_a_loopback_name_are_needed(endpoint: client.Endpoint) -> None:
    with httpx.Client(base_url=endpoint.url, trust_env=False) as plain:
        assert plain.get("/v1/models").status_code == 401
        assert plain.get("/v1/models", headers={"Authorization": "Bearer x"}).status_code == 401
        assert plain.get("/health", headers={"Host": "evil.example"}).status_code == 403


def test_too_long_a_conversation_says_so(endpoint: client.Endpoint) -> None:
    with pytest.raises(UserError, match="context is 512"):
        list(client.chat(endpoint, "base", [{"role": "user", "content": "x" * 600}]))


def test_tokens_come_with_their_probabilities(official: openai.OpenAI) -> None:
    how: Any = {
        "model": "base",
        "messages": ASK,
        "temperature": 0,
        "max_tokens": 6,
        "logprobs": True,
        "top_logprobs": 3,
    }
    told = official.chat.completions.create(**how).choices[0].logprobs.content
    with official.chat.completions.create(stream=True, **how) as stream:
        streamed = [each for chunk in stream if chunk.choices[0].logprobs for each in chunk.choices[0].logprobs.content]
    assert [each.token for each in told] == [each.token for each in streamed]
    for each in told:
        assert each.logprob <= 0
        assert (each.token, each.logprob) == (each.top_logprobs[0].token, each.top_logprobs[0].logprob)
        assert len(each.top_logprobs) == 3


def test_a_completion_goes_on_with_the_text_and_tells_what_it_used(official: openai.OpenAI) -> None:
    how: Any = {"model": "base", "prompt": "ab", "temperature": 0, "max_tokens": 9}
    whole = official.completions.create(logprobs=2, **how)
    likely = whole.choices[0].logprobs
    assert list(likely.token_logprobs) == [max(tops.values()) for tops in likely.top_logprobs]
    with official.completions.create(stream=True, stream_options={"include_usage": True}, **how) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text
    assert chunks[-1].usage == whole.usage
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (2, 9)


def test_a_stop_string_ends_the_answer_before_it(official: openai.OpenAI) -> None:
    how: Any = {"model": "base", "messages": ASK, "temperature": 1, "seed": 2, "max_tokens": 60}
    whole = official.chat.completions.create(**how).choices[0].message.content
    at = next(place for place in range(4, len(whole)) if whole[place] not in whole[:place])
    cut = official.chat.completions.create(stop=[whole[at]], **how).choices[0]
    assert (cut.message.content, cut.finish_reason) == (whole[:at], "stop")


def test_clients_of_several_adapters_at_once_get_their_own_answers(world: World, official: openai.OpenAI) -> None:
    names = ["base", world.run.id, world.other.id]

    def ask(number: int) -> str | None:
        text = [{"role": "user", "content": f"canary {number % 7}"}]
        how: Any = {"model": names[number % 3], "messages": text, "temperature": 0, "max_tokens": 10}
        return official.chat.completions.create(**how).choices[0].message.content

    singly = [ask(number) for number in range(21)]
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, [*range(21), *range(21)])) == singly * 2
    assert len(set(singly)) > 14


def test_off_loopback_a_key_is_needed(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--workspace", str(world.workspace.root), "--run", world.run.id, "--state", str(tmp_path / "s.json")]
    assert server.main([*given, "--host", "0.0.0.0", "--key", ""]) == 2
    assert "key" in capsys.readouterr().err


def test_a_server_is_reused_and_a_dead_one_is_replaced(world: World, endpoint: client.Endpoint) -> None:
    assert client.ensure(world.workspace, world.run) == endpoint
    os.killpg(endpoint.pid, signal.SIGKILL)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: client.ensure(world.workspace, world.run), range(2))
    assert first == second
    assert first.pid != endpoint.pid


def test_classification_and_another_target_replaces_the_first(world: World, tmp_path: Path) -> None:
    first = client.ensure(world.workspace, world.run)
    labels = {0: "bad", 1: "good", 2: "so-so"}
    options = {"num_labels": 3, "id2label": labels, "label2id": {name: index for index, name in labels.items()}}
    bert = tiny_bert(tmp_path / "bert")
    run = made_run(world.workspace, bert, task="text-classification", options=options)
    found = client.ensure(world.workspace, run)
    assert found.pid != first.pid
    for side in ("base", "tuned"):
        for row in client.classify(found, side, [{"text": "fine"}, {"text": "你好", "text_pair": "b"}]):
            assert set(row) == set(labels.values())
            assert sum(row.values()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(UserError, match="classifies"):
        list(client.chat(found, "base", ASK))


def test_a_slot_that_is_over_waits_for_no_model_and_touches_no_other(world: World, tmp_path: Path) -> None:
    first = client.ensure(world.workspace, world.run)
    with pytest.raises(UserError, match="could not be started"):
        client.ensure(world.workspace, world.run, slot=within(tmp_path, lambda: True))
    assert not (tmp_path / "server" / "state.json").exists()
    assert client.ensure(world.workspace, world.run) == first


def test_a_held_server_ends_when_nobody_holds_it_even_before_it_answers(world: World, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workbench.serve.server", "--workspace", str(world.workspace.root)]
    command += ["--run", world.run.id, "--state", str(tmp_path / "state.json"), "--held"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, cwd=ROOT)
    assert done.returncode != 0
    assert not (tmp_path / "state.json").exists()


def test_a_target_that_cannot_be_loaded_says_why(world: World) -> None:
    with pytest.raises(UserError, match="not a model") as caught:
        client.ensure(world.workspace, "../nothing")
    assert "不是模型" in caught.value.text.zh
    assert not client.state_path(world.workspace).exists()
    shutil.rmtree(world.workspace.root / "serve")
