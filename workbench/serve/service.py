"""Between the endpoints and the engine: who may ask, how many may wait, and how tokens become pieces of text."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.models import catalog
from workbench.models.chat_template import ensure_chat_template
from workbench.models.conversation import prompt_ids
from workbench.models.loading import load_tokenizer, tuned_tokenizer
from workbench.serve.asks import Ask, Job, News, tell
from workbench.serve.decode import Decoder
from workbench.serve.engine import Engine
from workbench.serve.roster import Part, Roster
from workbench.serve.sampling import Dice, Sampling
from workbench.serve.schema import ChatRequest, Refused

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ENDS = ("<|im_end|>", "<|eot_id|>", "<|eot|>", "<|end|>", "<end_of_turn>", "<turn|>", "<|endoftext|>", "</s>")
LONG, PER_TOKEN = 20_000, 24
"""Characters from which on a question is cut into tokens in another thread; and that a token never has on average."""
LOOK = 0.25
"""Seconds between two looks at whether a client that waits is still there."""
BUSY = "The model is busy: {n} requests wait already. Try again in a moment."


@dataclass(frozen=True)
class Piece:
    """What is new of an answer: text, the tokens it came with (by name and probability), why it ended, or where it waits."""

    text: str = ""
    tokens: list[dict[str, Any]] = field(default_factory=list)
    reason: str | None = None
    count: int = 0
    place: int = 0


class Service:
    """The endpoints' state."""

    def __init__(self, roster: Roster, engine: Engine, key: str, most: int) -> None:
        self.roster, self.engine, self.key, self.most = roster, engine, key, most
        self.loopback = True
        self.held = 0
        self.last = time.monotonic()
        self._reading = asyncio.Lock()
        self._hearing: set[asyncio.Queue[News | None]] = set()
        self._tokenizers: dict[str, Any] = {}
        self._ends: dict[str, frozenset[int]] = {}
        base = engine.holder.base
        self.context = context_of(base.config)
        self.generates = engine.holder.generates
        self._base_ends = getattr(getattr(base, "generation_config", None), "eos_token_id", None)
        self._load_tokenizer(Part())

    def start(self) -> None:
        """Take the engine's news into this thread's loop, all of a step at once."""
        loop = asyncio.get_running_loop()

        def deliver(news: list[News]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone: the server is ending
                loop.call_soon_threadsafe(tell, news)

        self.engine.deliver = deliver
        self.engine.start()
        self._ticking = loop.create_task(self._tick())

    async def _tick(self) -> None:
        """Wake whoever has heard nothing for a while: one clock for all is cheaper than a deadline per token."""
        while True:
            await asyncio.sleep(LOOK)
            for news in list(self._hearing):
                if news.empty():
                    news.put_nowait(None)

    @property
    def task(self) -> Any:
        """What the server was started for."""
        return self.engine.holder.task

    def admit(self, request: Request) -> None:
        """Refuse a foreign host name (DNS rebinding) or a wrong key."""
        host = (request.headers.get("host") or "").rpartition(":")[0].strip("[]") or request.headers.get("host", "")
        if self.loopback and host not in LOOPBACK:
            raise Refused("This server answers on loopback only.", status=403)
        if request.url.path != "/health" and not self.known(request):
            raise Refused("The API key is missing or wrong.", status=401, code="invalid_api_key")

    def known(self, request: Request) -> bool:
        """Whether a request has the key, where one is needed."""
        given = request.headers.get("authorization", "").encode()
        return not self.key or hmac.compare_digest(given, f"Bearer {self.key}".encode())

    @contextlib.contextmanager
    def entered(self) -> Any:
        """One more request in hand, unless too many are."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """See `entered`; a streamed answer leaves when it ends."""
        if self.held >= self.most:
            raise Refused(BUSY.format(n=self.held), status=429, code="busy")
        self.held += 1

    def leave(self) -> None:
        """One less."""
        self.held -= 1
        self.last = time.monotonic()

    def health(self) -> dict[str, Any]:
        """What is held and how busy it is."""
        engine, target = self.engine, self.roster.target
        facts = {
            "target": f"run:{target.id}" if target else f"model:{self.roster.base[0]}", "task": self.task.kind,
            "models": self.roster.names(), "loaded": list(engine.holder.voices), "context": self.context,
        }  # fmt: skip
        busy = {"generated": engine.generated, "in_hand": self.held, "waiting": engine.waiting, "away": engine.away}
        return {"status": "ok", **facts, **busy, "batches": engine.holder.batches}

    async def do(self, name: str, work: Any) -> Any:
        """Something else than an answer, in the engine's thread."""
        job = Job(self.roster.part(name), work)
        with self.entered():
            self.engine.put(job)
            return await asyncio.wrap_future(job.future)

    def judge_of(self, name: str) -> tuple[Any, Any]:
        """(tokenizer, task section) that a part is asked by."""
        part = self.roster.part(name)
        return self.tokenizer(part), getattr(self.roster.recipe(part), "task", None)

    def tokenizer(self, part: Part) -> Any:
        """The tokenizer saved with a run, or the base's."""
        key = part.run.id if part.run else ""
        if key not in self._tokenizers:
            self._load_tokenizer(part)
        return self._tokenizers[key]

    def _load_tokenizer(self, part: Part) -> None:
        run, roster = part.run or self.roster.target, self.roster
        if run:
            made = tuned_tokenizer(run)
        else:
            made = load_tokenizer(catalog.here(roster.workspace, roster.base[0], roster.base[1]))
            ensure_chat_template(made)
        key = part.run.id if part.run else ""
        self._tokenizers[key], self._ends[key] = made, self._ends_of(made)

    def _ends_of(self, tokenizer: Any) -> frozenset[int]:
        known = self._base_ends
        found = {*(known if isinstance(known, list) else [known]), tokenizer.eos_token_id}
        vocabulary = tokenizer.get_vocab() if self.generates else {}
        found |= {vocabulary.get(word) for word in ENDS}
        return frozenset(int(each) for each in found if each is not None)

    async def asked(self, request: ChatRequest) -> Ask:
        """The question in tokens. What is long is read beside the loop, what cannot fit is not read at all."""
        size = len(request.prompt or "") + sum(len(each["content"]) for each in request.messages)
        if size > PER_TOKEN * self.context:
            raise Refused(
                f"{size} characters are more than the model's context of {self.context} tokens can hold; shorten them.",
                "messages" if request.prompt is None else "prompt", code="context_length_exceeded",
            )  # fmt: skip
        if size < LONG:
            return self.ask(request)
        async with self._reading:
            return await asyncio.to_thread(self.ask, request)

    def ask(self, request: ChatRequest) -> Ask:
        """The question in tokens, or Refused when no room is left for an answer."""
        part = self.roster.part(request.model)
        if not self.generates:
            raise Refused("This model classifies and cannot chat; use /v1/classify or /v1/attempt.", "model")
        ids = self._ids(part, request)
        if len(ids) >= self.context:
            raise Refused(
                f"The messages take {len(ids)} tokens and the model's context is {self.context}; shorten them.",
                "messages" if request.prompt is None else "prompt", code="context_length_exceeded",
            )  # fmt: skip
        dice = Dice(Sampling(**request.sampling, logprobs=request.logprobs), ids)
        limit = min(request.max_tokens, self.context - len(ids))
        return Ask(part, dice, limit, self._ends[part.run.id if part.run else ""], tell=lambda news: None)

    def _ids(self, part: Part, request: ChatRequest) -> list[int]:
        tokenizer = self.tokenizer(part)
        if request.prompt is not None:
            return list(tokenizer(request.prompt, split_special_tokens=True)["input_ids"])
        run = part.run or self.roster.target
        if run and not TASKS.get(run.recipe.task.kind).talks:
            raise Refused("This model goes on with a text and cannot chat; use /v1/completions.", "model")
        try:
            return prompt_ids(tokenizer, request.messages)
        except UserError as error:
            raise Refused(error.text.en, "messages") from error

    async def pieces(self, request: ChatRequest, ask: Ask) -> AsyncIterator[Piece]:
        """The answer as it comes; leaving this early stops the model at its next token."""
        news: asyncio.Queue[News | None] = asyncio.Queue()
        self._hearing.add(news)
        ask.tell = news.put_nowait
        tokenizer = self.tokenizer(ask.part)
        decoder = Decoder(
            lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)), request.stop, request.prompt is None
        )
        self.engine.put(ask)
        try:
            yield Piece(place=self.engine.place(ask))
            async for piece in self._followed(ask, news, decoder, tokenizer):
                yield piece
        finally:
            self._hearing.discard(news)
            self.engine.withdraw(ask)

    async def _followed(
        self, ask: Ask, news: asyncio.Queue[News | None], decoder: Decoder, tokenizer: Any
    ) -> AsyncIterator[Piece]:
        count = 0
        while True:
            told = await news.get()
            if told is None:
                yield Piece(place=self.engine.place(ask), count=count)
                continue
            _, token, probable = told
            if isinstance(token, BaseException):
                raise token
            if token is None:
                yield Piece(decoder.finish(), reason="length", count=count)
                return
            count += 1
            if token in ask.ends:
                yield Piece(decoder.finish(), reason="stop", count=count)
                return
            names = [named(tokenizer, token, probable)] if probable else []
            text = decoder.feed(token)
            if decoder.stopped:
                yield Piece(text, names, "stop", count)
                return
            yield Piece(text, names, None, count)


def named(tokenizer: Any, token: int, probable: Any) -> dict[str, Any]:
    """A token and its probability as OpenAI tells them."""
    chosen, tops = probable

    def one(place: int, value: float) -> dict[str, Any]:
        text = str(tokenizer.decode([place]))
        return {"token": text, "logprob": round(value, 5), "bytes": list(text.encode())}

    return {**one(token, chosen), "top_logprobs": [one(place, value) for place, value in tops]}


def context_of(config: Any) -> int:
    """How many tokens a model can look at."""
    inner = config.get_text_config() if hasattr(config, "get_text_config") else config
    found = [getattr(inner, name, None) for name in ("max_position_embeddings", "n_positions", "n_ctx", "seq_length")]
    return next((int(each) for each in found if isinstance(each, int) and each > 0), 1 << 20)
