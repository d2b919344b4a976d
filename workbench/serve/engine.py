"""One thread owns the model. Everybody else hands it questions and hears of tokens.

Answers in hand take turns token by token: rows of one group share a batch, groups and prompts that are being read alternate.
When the device is wanted (`away`), the models are dropped and every answer in hand goes back to the head of the queue with what it
has said so far; it goes on when the device is free again. A call that raises costs the rows that were in it, and nobody else.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch

from workbench.core.errors import UserError
from workbench.serve.alone import answer_alone
from workbench.serve.asks import Ask, Job, News, Table, tell, voices_of
from workbench.serve.batch import Batch, Reading
from workbench.serve.holder import Full, Holder, Voice
from workbench.serve.pace import Pace
from workbench.serve.roster import Part
from workbench.serve.sampling import Likely, choose, likely
from workbench.serve.schema import Refused

READ_AT_ONCE = 4096
"""Prompt tokens, with padding, that are read together."""


class Engine(threading.Thread):
    """See the module."""

    def __init__(self, holder: Holder, slots: int = 16, deliver: Callable[[list[News]], None] | None = None) -> None:
        super().__init__(daemon=True, name="engine")
        self.holder, self.slots = holder, slots
        self.deliver = deliver or tell
        self.generated = 0
        self.away = ""
        """Why the models are not here, if they are not."""
        self.wanted_away = ""
        """Why they are to go; `away` follows after the step at hand."""
        self.pace = Pace()
        self._waiting: deque[Ask | Job] = deque()
        self._reading: tuple[Reading, list[Ask]] | None = None
        self._tables: dict[str, Table] = {}
        self._news: list[News] = []
        self._bell = threading.Condition()
        self._ended = False

    # What other threads call.

    def put(self, item: Ask | Job) -> None:
        """Into the queue."""
        with self._bell:
            self._waiting.append(item)
            self._bell.notify()

    def place(self, ask: Ask) -> int:
        """How many are before it in the queue, counted from 1; 0 when it is being answered."""
        with self._bell:
            return self._waiting.index(ask) + 1 if ask in self._waiting else 0

    def withdraw(self, ask: Ask) -> None:
        """Nobody waits for this answer any more: out of the queue, or ended at its next token."""
        ask.cancelled.set()
        with self._bell, contextlib.suppress(ValueError):
            self._waiting.remove(ask)

    @property
    def waiting(self) -> int:
        """How many are in the queue."""
        return len(self._waiting)

    def go_away(self, why: str) -> None:
        """Give the device up as soon as possible; "": it is free again."""
        with self._bell:
            self.wanted_away = why
            self._bell.notify()

    def end(self) -> None:
        """Stop after the step at hand."""
        with self._bell:
            self._ended = True
            self._bell.notify()

    def run(self) -> None:
        """Until `end`. This, and what follows, is for this thread only."""
        with torch.inference_mode():
            while self._next():
                self.pace.begin()
                self._turn()
                self._flush()
                self.pace.rest(self._called)

    def _called(self) -> bool:
        return self._ended or self.away != self.wanted_away

    def _flush(self) -> None:
        news, self._news = self._news, []
        if news:
            self.deliver(news)

    def _next(self) -> bool:
        """Wait until there is something to do; False at the end."""
        with self._bell:
            while not self._ended and self.away == self.wanted_away and not self._busy():
                self._bell.wait()
            return not self._ended

    def _busy(self) -> bool:
        return bool(self._tables or self._reading or (self._waiting and not self.away))

    def _turn(self) -> None:
        """Something for everybody: take in, read a piece of a prompt, one token per row."""
        if self.away != self.wanted_away:
            self._leave_or_return()
            return
        self._take_in()
        if self._reading:
            self._read(*self._reading)
        for group in list(self._tables):
            self._step(self._tables[group], group)

    def _leave_or_return(self) -> None:
        self.away = self.wanted_away
        if self.away:
            with self._bell:
                self._waiting.extendleft(reversed(list(self._in_hand())))
            self._tables.clear()
            self._reading = None
            self.holder.drop()

    def _in_hand(self) -> Iterator[Ask]:
        for table in self._tables.values():
            yield from table.rows
        yield from self._reading[1] if self._reading else ()

    def _take_in(self) -> None:
        """From the queue into the batches, in the order they came, as far as there is room."""
        while not self._reading and (item := self._first()):
            if isinstance(item, Job):
                self._do(item)
                if self.pace.share < 1:
                    return  # one in a turn, and then a rest
            elif item.cancelled.is_set():
                self._end(item)
            elif not self._begin(item):
                with self._bell:
                    self._waiting.appendleft(item)
                return

    def _first(self) -> Ask | Job | None:
        room = sum(1 for _ in self._in_hand()) < self.slots
        with self._bell:
            return self._waiting.popleft() if self._waiting and room else None

    def _do(self, job: Job) -> None:
        try:
            voice = self._voice(job.part)
            job.future.set_result(job.work(self.holder.ready(voice)))
        except Full:
            job.future.set_exception(Refused("The model is busy; try again in a moment.", None, 429, "busy"))
        except Exception as error:  # whoever asked is told; this thread goes on
            self.holder.recover()
            job.future.set_exception(error)

    def _voice(self, part: Part) -> Voice:
        """Of a part, loaded if need be; to load is no work that is rested from."""
        voice = self.holder.voice(part, {ask.part.key for ask in self._in_hand()})
        self.pace.begin()
        return voice

    def _begin(self, ask: Ask) -> bool:
        """Start an answer; False when it must wait for another to finish."""
        try:
            ask.voice = self._voice(ask.part)
            if not self.holder.batches:
                if answer_alone(self.holder.ready(ask.voice), ask, self._heard_alone, lambda: bool(self.wanted_away)):
                    return False
                self._end(ask)
            elif ask.voice.virtual:
                self._read_virtual(ask)
            else:
                self._start_reading([ask, *self._alike(ask)])
            return True
        except Full:
            return False
        except Exception as error:
            self._fail([ask], error)
            return True

    def _alike(self, first: Ask) -> list[Ask]:
        """Those next in the queue that can be read together with `first`."""
        found, longest, room = list[Ask](), len(first.ids), self.slots - sum(1 for _ in self._in_hand()) - 1
        with self._bell:
            while self._waiting and len(found) < room:
                ask = self._waiting[0]
                if isinstance(ask, Job) or ask.cancelled.is_set() or not self._here(ask, first.voice):
                    break
                longest = max(longest, len(ask.ids))
                if longest * (len(found) + 2) > READ_AT_ONCE:
                    break
                found.append(self._waiting.popleft())  # type: ignore[arg-type]
        return found

    def _here(self, ask: Ask, beside: Voice | None) -> bool:
        """Whether its voice is loaded already, of that group, and reads its prompt in the common way."""
        known = self.holder.known(ask.part)
        if known is None or beside is None or known.virtual or known.group != beside.group:
            return False
        ask.voice = known
        return True

    def _start_reading(self, asks: list[Ask]) -> None:
        self._reading = Reading([ask.ids for ask in asks], self.holder.base.device), asks

    def _read(self, reading: Reading, asks: list[Ask]) -> None:
        """A piece of the prompts at hand; after the last one their first tokens, and into the batch with them."""
        if all(ask.cancelled.is_set() for ask in asks):
            self._reading = None
            for ask in asks:
                self._end(ask)
            return
        try:
            logits = reading.advance(self.holder.forward(voices_of(asks)))
        except Exception as error:
            self._reading = None
            self._fail(asks, error)
            return
        if logits is not None:
            self._reading = None
            self._sit_down(asks, reading.batch, logits)

    def _read_virtual(self, ask: Ask) -> None:
        """Learned positions in front: read by the model that has them, alone; from there on the base goes on."""
        ids = torch.tensor([ask.ids], device=self.holder.base.device)
        made = ask.voice.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True)
        self._sit_down([ask], Batch.of(made.past_key_values), made.logits[:, -1])

    def _sit_down(self, asks: list[Ask], batch: Batch, logits: Any) -> None:
        staying = self._choose(asks, logits)
        batch.keep(staying)
        if staying:
            table = self._tables.setdefault(asks[0].voice.group, Table())
            table.batch.join(batch)
            table.rows += [asks[place] for place in staying]

    def _step(self, table: Table, group: str) -> None:
        try:
            forward = self.holder.forward(voices_of(table.rows))
            logits = table.batch.step(forward, [ask.dice.said[-1] for ask in table.rows])
        except Exception as error:
            del self._tables[group]
            self._fail(table.rows, error)
            return
        staying = self._choose(table.rows, logits)
        table.batch.keep(staying)
        table.rows = [table.rows[place] for place in staying]
        if not table.rows:
            del self._tables[group]

    def _choose(self, asks: list[Ask], logits: Any) -> list[int]:
        """A token for each, and who goes on."""
        tokens = choose(logits, [ask.dice for ask in asks])
        goes_on = []
        for place, (ask, token) in enumerate(zip(asks, tokens, strict=True)):
            how = ask.dice.how
            if self._heard(ask, token, likely(logits[place], token, how.top_logprobs) if how.logprobs else None):
                goes_on.append(place)
            else:
                self._end(ask)
        return goes_on

    def _heard(self, ask: Ask, token: int, probable: Likely | None) -> bool:
        """A token of an answer; whether the answer goes on."""
        if ask.cancelled.is_set():
            return False
        ask.dice.said.append(token)
        self.generated += 1
        self._news.append((ask, token, probable))
        return token not in ask.ends and len(ask.dice.said) < ask.limit

    def _heard_alone(self, ask: Ask, token: int, probable: Likely | None) -> bool:
        goes_on = self._heard(ask, token, probable)
        self._flush()
        self.pace.rest(self._called)
        return goes_on

    def _end(self, ask: Ask) -> None:
        self._news.append((ask, None, None))

    def _fail(self, asks: list[Ask], error: Exception) -> None:
        with contextlib.suppress(Exception):
            self.holder.recover()
        known = isinstance(error, (Refused, UserError))
        told = error if known else RuntimeError(f"{type(error).__name__}: {error}")
        self._news += [(ask, told, None) for ask in asks]
