"""The OpenAI-compatible endpoints: what a request is, and how its answer travels."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.engine.evaluation import Judge
from workbench.serve.asks import Ask
from workbench.serve.roster import BASE
from workbench.serve.schema import (
    ChatRequest,
    Refused,
    attempt_request,
    chat_request,
    classify_request,
    completion_request,
    model_name,
)
from workbench.serve.service import Piece, Service

HEAD_NOTE = {
    "en": "The base model's classification head is untrained: its probabilities are random.",
    "zh": "基础模型的分类头未经训练：其概率是随机的。",
}
MOST_BYTES = 8 << 20
"""Of a request: far more than any model can read."""
GONE = 499
"""What nobody reads: the client has left."""


class Form:
    """How an answer is written: as a chat completion, or as a completion."""

    def __init__(self, request: ChatRequest) -> None:
        self.chat = request.prompt is None
        kind = "chat.completion" if self.chat else "text_completion"
        facts = {"id": f"{'chatcmpl' if self.chat else 'cmpl'}-{uuid.uuid4().hex}", "created": int(time.time())}
        self.facts = {**facts, "object": kind, "model": request.model}

    def chunk(self, piece: Piece) -> dict[str, Any]:
        """A piece of a stream."""
        kind = "chat.completion.chunk" if self.chat else "text_completion"
        text: dict[str, Any] = {"text": piece.text}
        if self.chat:
            text = {"delta": {"content": piece.text} if piece.text else {}}
        return {**self.facts, "object": kind, "choices": [self._choice(text, piece.tokens, piece.reason)]}

    def first(self) -> dict[str, Any]:
        """Who speaks."""
        choice = self._choice({"delta": {"role": "assistant", "content": ""}}, [], None)
        return {**self.facts, "object": "chat.completion.chunk", "choices": [choice]}

    def whole(self, text: str, tokens: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
        """All of it."""
        said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text}
        return {**self.facts, "choices": [self._choice(said, tokens, reason)]}

    def _choice(self, said: dict[str, Any], tokens: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
        told = None if not tokens else {"content": tokens} if self.chat else older(tokens)
        return {"index": 0, **said, "logprobs": told, "finish_reason": reason}


def older(tokens: list[dict[str, Any]]) -> dict[str, Any]:
    """Probabilities as completions tell them. Of tokens that are written alike (parts of a character) the likeliest stands."""
    return {
        "tokens": [each["token"] for each in tokens],
        "token_logprobs": [each["logprob"] for each in tokens],
        "top_logprobs": [{top["token"]: top["logprob"] for top in reversed(each["top_logprobs"])} for each in tokens],
    }


async def streamed(service: Service, request: ChatRequest, ask: Ask) -> AsyncIterator[str]:
    """Server-sent events of one answer; the place in the queue comes as a comment, which clients pass over."""
    form, count = Form(request), 0
    try:
        if form.chat:
            yield event(form.first())
        async with contextlib.aclosing(service.pieces(request, ask)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                count = piece.count
                if piece.text or piece.tokens or piece.reason:
                    yield event(form.chunk(piece))
                elif piece.place:
                    yield f": place {piece.place} {service.engine.wanted_away}\n\n"
        if request.usage:
            yield event({**form.facts, "choices": [], "usage": usage(ask, count)})
        yield "data: [DONE]\n\n"
    except (Refused, UserError, RuntimeError, ValueError, LookupError) as error:
        yield event(refusal(error).body())
    finally:
        service.leave()


def event(told: dict[str, Any]) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(told, ensure_ascii=False)}\n\n"


def refusal(error: Exception) -> Refused:
    """An error in OpenAI's shape."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, UserError):
        return Refused(error.text.en, error.field, 500)
    return Refused(f"The model failed: {error}", status=500)


def usage(ask: Ask, answer: int) -> dict[str, int]:
    """Tokens as OpenAI counts them."""
    prompt = len(ask.dice.prompt)
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


async def whole(service: Service, request: ChatRequest, ask: Ask, http: Request) -> Response | dict[str, Any]:
    """The answer in one piece; given up when the client goes."""
    text, tokens, last = "", list[dict[str, Any]](), Piece()
    try:
        async with contextlib.aclosing(service.pieces(request, ask)) as pieces:  # type: ignore[type-var]
            async for last in pieces:
                text, tokens = text + last.text, tokens + last.tokens
                if not last.text and last.reason is None and await http.is_disconnected():
                    return Response(status_code=GONE)
    except (UserError, RuntimeError, ValueError, LookupError) as error:
        raise refusal(error) from error
    finally:
        service.leave()
    return {**Form(request).whole(text, tokens, last.reason), "usage": usage(ask, last.count)}


async def body_of(request: Request) -> Any:
    """The JSON body, or Refused: of more bytes than anything can have to say, before they are all taken in."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise Refused(f"The body is larger than {MOST_BYTES >> 20} MB.", status=413, code="too_large")
    try:
        found = json.loads(body)
        if b"\\ud" in body.lower():
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except UnicodeEncodeError as error:
        raise Refused("The body holds half a character (a lone surrogate).") from error
    except (ValueError, RecursionError) as error:
        raise Refused("The body is not JSON.") from error


async def answered(
    service: Service, http: Request, read: Callable[[Any, list[str]], ChatRequest]
) -> Response | dict[str, Any]:
    """A chat completion or a completion, streamed or whole."""
    wanted = read(await body_of(http), service.roster.names())
    ask = await service.asked(wanted)
    service.enter()
    if wanted.stream:
        return StreamingResponse(streamed(service, wanted, ask), media_type="text/event-stream")
    return await whole(service, wanted, ask, http)


async def classified(service: Service, request: Request) -> dict[str, Any]:
    """Probabilities of every text."""
    if service.task.kind != "text-classification":
        raise Refused("This model does not classify; use /v1/chat/completions or /v1/attempt.", "model")
    name, rows = classify_request(await body_of(request), service.roster.names())
    tokenizer, section = service.judge_of(name)
    limit = min(section.max_length, service.context)

    def one(model: Any, row: dict[str, str]) -> dict[str, float]:
        batch = tokenizer(
            row["text"], row.get("text_pair") or None, truncation=True, max_length=limit, split_special_tokens=True,
            return_tensors="pt",
        ).to(model.device)  # fmt: skip
        shares = model(**batch).logits[0].float().softmax(-1).tolist()
        return {model.config.id2label[index]: share for index, share in enumerate(shares)}

    found = await service.do(name, lambda model: [one(model, row) for row in rows])
    note = {"note": HEAD_NOTE} if name == BASE else {}
    return {"object": "classification", "model": name, "data": found, **note}


async def attempted(service: Service, request: Request) -> dict[str, Any]:
    """The answer to what was typed, for tasks that do not chat."""
    task = TASKS.get(service.task.kind)
    if not task.asks:
        raise Refused("This model chats; use /v1/chat/completions.", "model")
    name, fields = attempt_request(await body_of(request), service.roster.names(), task.asks)
    tokenizer, section = service.judge_of(name)

    def work(model: Any) -> dict[str, Any]:
        return task.picture(fields, Judge(model, tokenizer, section, str(model.device), generated=1))

    shown = await service.do(name, work)
    return {"object": "attempt", "model": name, "answer": shown["text"], "shown": shown}


class Door:
    """Before every route: who may come in. Plain ASGI, so that streams and disconnects pass through untouched."""

    def __init__(self, app: Any, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let in or refuse."""
        answer = self.app
        if scope["type"] == "http":
            try:
                self.service.admit(Request(scope))
            except Refused as error:
                answer = said(error)
        await answer(scope, receive, send)


def build(service: Service) -> FastAPI:
    """The application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Door, service=service)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return said(error)

    @app.exception_handler(UserError)
    async def explained(request: Request, error: UserError) -> Response:
        return said(Refused(error.text.en, error.field, 500))

    @app.get("/health")
    async def health(request: Request) -> dict[str, Any]:
        return service.health() if service.known(request) else {"status": "ok"}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        data = [{"id": n, "object": "model", "created": 0, "owned_by": "workbench"} for n in service.roster.names()]
        return {"object": "list", "data": data}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        name = model_name({"model": name}, service.roster.names())
        return {"id": name, "object": "model", "created": 0, "owned_by": "workbench"}

    @app.post("/v1/chat/completions", response_model=None)
    async def chat(request: Request) -> Response | dict[str, Any]:
        return await answered(service, request, chat_request)

    @app.post("/v1/completions", response_model=None)
    async def completions(request: Request) -> Response | dict[str, Any]:
        return await answered(service, request, completion_request)

    @app.post("/v1/classify")
    async def classify(request: Request) -> dict[str, Any]:
        return await classified(service, request)

    @app.post("/v1/attempt")
    async def attempt(request: Request) -> dict[str, Any]:
        return await attempted(service, request)

    return app


def said(error: Refused) -> JSONResponse:
    """A refusal; of a busy server with the hint when to come again."""
    return JSONResponse(error.body(), error.status, {"Retry-After": "1"} if error.status == 429 else None)
