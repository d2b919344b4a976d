"""Tokens to text, piece by piece: never half a character, never part of a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

HALF = "\ufffd"


class Decoder:
    """Feed it tokens one by one; it gives back the text that is certain by then."""

    def __init__(self, decode: Callable[[list[int]], str], stops: Sequence[str] = ()) -> None:
        self._decode, self._stops = decode, list(stops)
        self._ids: list[int] = []
        self._sent = 0
        self.stopped = False
        """Whether a stop string was met."""

    def feed(self, token: int) -> str:
        """One more token, and the text that may be shown now."""
        self._ids.append(token)
        text = self._text()
        at = min((found for found in (text.find(stop) for stop in self._stops) if found >= 0), default=-1)
        if at >= 0:
            self.stopped = True
            return self._send(text[:at])
        return self._send(text[: len(text) - self._unsure(text)])

    def finish(self) -> str:
        """What was held back; a half character that never became whole is dropped."""
        return "" if self.stopped else self._send(self._text())

    def _text(self) -> str:
        """The template ends before the space of the first word; that space is not part of the answer."""
        return self._decode(self._ids).removeprefix(" ").rstrip(HALF)

    def _unsure(self, text: str) -> int:
        """How much of the end may be the beginning of a stop string."""
        lengths = (size for stop in self._stops for size in range(1, len(stop)) if text.endswith(stop[:size]))
        return max(lengths, default=0)

    def _send(self, text: str) -> str:
        piece, self._sent = text[self._sent :], max(self._sent, len(text))
        return piece
