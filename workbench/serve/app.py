"""The OpenAI-compatible endpoints over one engine: who may ask, who waits, and how an answer travels."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from workbench.core.task import TASKS
from workbench.serve.decode import Decoder
from workbench.serve.generate import Engine
from workbench.serve.schema import ChatRequest, Refused, attempt_request, chat_request, classify_request

LOOPBACK = ("127.0.0.1", "localhost", "::1")
WAITING = 8
HEAD_NOTE = {
    "en": "The base model's classification head is untrained: its probabilities are random.",
    "zh": "基础模型的分类头未经训练：其概率是随机的。",
}


class Service:
    """The endpoints' state: who waits, and when something was last asked."""

    def __init__(self, engine: Engine, key: str, loopback: bool) -> None:
        self.engine, self.key, self.loopback = engine, key, loopback
        self.waiting = 0
        self.last = time.monotonic()

    @property
    def names(self) -> list[str]:
        """The models there are."""
        return list(self.engine.held.models)

    def admit(self, request: Request) -> None:
        """Refuse a foreign host name (DNS rebinding) or a wrong key."""
        host = (request.headers.get("host") or "").rpartition(":")[0].strip("[]") or request.headers.get("host", "")
        if self.loopback and host not in LOOPBACK:
            raise Refused("This server answers on loopback only.", status=403)
        given = request.headers.get("authorization", "").encode()
        if self.key and request.url.path != "/health" and not hmac.compare_digest(given, f"Bearer {self.key}".encode()):
            raise Refused("The API key is missing or wrong.", status=401, code="invalid_api_key")

    def enter(self) -> None:
        """One more request in hand, unless too many are."""
        if self.waiting > WAITING:
            raise Refused("The model is busy; try again in a moment.", status=429, code="busy")
        self.waiting += 1

    def leave(self) -> None:
        """One less."""
        self.waiting -= 1
        self.last = time.monotonic()

    def health(self) -> dict[str, Any]:
        """What is held and how busy it is."""
        held = self.engine.held
        facts = {"target": held.target, "task": held.task, "models": self.names}
        return {"status": "ok", **facts, "generated": self.engine.generated, "waiting": self.waiting}

    async def pieces(self, request: ChatRequest, ids: list[int]) -> AsyncIterator[tuple[str, str | None, int]]:
        """(text, finish_reason, tokens so far); leaving this early stops the model at its next token."""
        loop, stop = asyncio.get_running_loop(), threading.Event()
        queue: asyncio.Queue[int | BaseException | None] = asyncio.Queue()

        def send(item: int | BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone: the server is ending
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def work() -> None:
            try:
                self.engine.answer(request, ids, send, stop)
                send(None)
            except Exception as error:
                send(error)

        tokenizer = self.engine.held.tokenizer
        decoder = Decoder(lambda tokens: str(tokenizer.decode(tokens, skip_special_tokens=True)), request.stop)
        count, reason = 0, "length"
        threading.Thread(target=work, daemon=True).start()
        try:
            while (item := await queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                count += 1
                if item in self.engine.ends:
                    reason = "stop"
                    break
                piece = decoder.feed(item)
                if piece:
                    yield piece, None, count
                if decoder.stopped:
                    reason = "stop"
                    break
            yield decoder.finish(), reason, count
        finally:
            stop.set()


async def streamed(service: Service, request: ChatRequest, ids: list[int]) -> AsyncIterator[str]:
    """Server-sent events of one answer."""
    facts = {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": "chat.completion.chunk", "created": int(time.time())}
    facts["model"] = request.model

    def event(choices: list[dict[str, Any]], **more: Any) -> str:
        return f"data: {json.dumps({**facts, 'choices': choices, **more}, ensure_ascii=False)}\n\n"

    def choice(delta: dict[str, str], reason: str | None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "finish_reason": reason}]

    count = 0
    try:
        yield event(choice({"role": "assistant", "content": ""}, None))
        async with contextlib.aclosing(service.pieces(request, ids)) as pieces:  # type: ignore[type-var]
            async for text, reason, count in pieces:  # noqa: B007 (the last count is used below)
                yield event(choice({"content": text} if text else {}, reason))
        if request.usage:
            yield event([], usage=usage(len(ids), count))
        yield "data: [DONE]\n\n"
    except (RuntimeError, ValueError, IndexError) as error:
        yield f"data: {json.dumps(Refused(f'The model failed: {error}', status=500).body())}\n\n"
    finally:
        service.leave()


def usage(prompt: int, answer: int) -> dict[str, int]:
    """Tokens as OpenAI counts them."""
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


async def whole(service: Service, request: ChatRequest, ids: list[int], http: Request) -> dict[str, Any]:
    """The answer in one piece; given up when the client goes."""
    text, reason, count = "", None, 0
    try:
        async with contextlib.aclosing(service.pieces(request, ids)) as pieces:  # type: ignore[type-var]
            async for piece, reason, count in pieces:  # noqa: B007 (the last ones are used below)
                text += piece
                if await http.is_disconnected():
                    break
    finally:
        service.leave()
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": reason}]
    facts = {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": "chat.completion", "created": int(time.time())}
    return {**facts, "model": request.model, "choices": choices, "usage": usage(len(ids), count)}


async def body_of(request: Request) -> Any:
    """The JSON body, or Refused."""
    try:
        return await request.json()
    except (ValueError, RecursionError) as error:
        raise Refused("The body is not JSON.") from error


async def talk(service: Service, request: Request) -> Response | dict[str, Any]:
    """A chat completion, streamed or whole."""
    if not service.engine.held.talks:
        raise Refused("This model classifies and cannot chat; use /v1/classify.", "model")
    wanted = chat_request(await body_of(request), service.names)
    ids = service.engine.prompt(wanted)
    service.enter()
    if wanted.stream:
        return StreamingResponse(streamed(service, wanted, ids), media_type="text/event-stream")
    return await whole(service, wanted, ids, request)


async def classified(service: Service, request: Request) -> dict[str, Any]:
    """Probabilities of every text."""
    if service.engine.held.talks:
        raise Refused("This model chats and cannot classify; use /v1/chat/completions.", "model")
    name, rows = classify_request(await body_of(request), service.names)
    service.enter()
    try:
        found = await asyncio.to_thread(service.engine.classify, name, rows)
    finally:
        service.leave()
    note = {"note": HEAD_NOTE} if name == "base" else {}
    return {"object": "classification", "model": name, "data": found, **note}


async def attempted(service: Service, request: Request) -> dict[str, Any]:
    """The answer to what was typed, for tasks that do not chat."""
    roles = TASKS.get(service.engine.held.task).asks
    if not roles:
        raise Refused("This model chats; use /v1/chat/completions.", "model")
    name, fields = attempt_request(await body_of(request), service.names, roles)
    service.enter()
    try:
        answer = await asyncio.to_thread(service.engine.attempt, name, fields)
    finally:
        service.leave()
    return {"object": "attempt", "model": name, "answer": answer}


def build(service: Service) -> FastAPI:
    """The application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def admit(request: Request, call: Any) -> Response:
        try:
            service.admit(request)
        except Refused as error:
            return JSONResponse(error.body(), error.status)
        return await call(request)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return JSONResponse(error.body(), error.status)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return service.health()

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "workbench"} for name in service.names]
        return {"object": "list", "data": data}

    @app.post("/v1/chat/completions", response_model=None)
    async def chat(request: Request) -> Response | dict[str, Any]:
        return await talk(service, request)

    @app.post("/v1/classify")
    async def classify(request: Request) -> dict[str, Any]:
        return await classified(service, request)

    @app.post("/v1/attempt")
    async def attempt(request: Request) -> dict[str, Any]:
        return await attempted(service, request)

    return app
