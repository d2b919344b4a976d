"""Tokens to text, piece by piece: never half a character, never part of a stop string.

Only a few tokens are decoded at each step: those since the last place at which the text was whole, and the whole piece before it,
which tells the tokenizer whether a space belongs in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

HALF = "\ufffd"


class Decoder:
    """Feed it tokens one by one; it gives back the text that is certain by then."""

    def __init__(self, decode: Callable[[list[int]], str], stops: Sequence[str] = (), template: bool = True) -> None:
        self._decode, self._stops = decode, list(stops)
        self._ids: list[int] = []
        self._before = self._whole = 0
        """Where the last whole piece begins, and where it ends."""
        self._piece = ""
        """That piece, read by itself."""
        self._text, self._sent = "", 0
        self._strip = template  # the template ends before the space of the first word; it is not part of the answer
        self.stopped = False
        """Whether a stop string was met."""

    def feed(self, token: int) -> str:
        """One more token, and the text that may be shown now."""
        self._ids.append(token)
        self._settle(last=False)
        found = self._cut()
        return self._send(len(self._text) - self._unsure()) if found is None else found

    def finish(self) -> str:
        """What was held back; a half character that never became whole is dropped."""
        if self.stopped:
            return ""
        self._settle(last=True)
        found = self._cut()
        return self._send(len(self._text)) if found is None else found

    def _cut(self) -> str | None:
        """What stands before a stop string, if one has come."""
        at = min((found for found in map(self._find, self._stops) if found >= 0), default=-1)
        self.stopped = at >= 0
        return self._send(at) if self.stopped else None

    def _settle(self, last: bool) -> None:
        """Take over what is whole now."""
        old, new = self._piece, self._decode(self._ids[self._before :])
        if last:
            new = new.rstrip(HALF)
        if len(new) <= len(old) or new.endswith(HALF):
            return
        self._before, self._whole = self._whole, len(self._ids)
        self._piece = self._decode(self._ids[self._before :])
        piece = new[len(old) :]
        if self._strip:
            piece, self._strip = piece.removeprefix(" "), False
        self._text += piece

    def _find(self, stop: str) -> int:
        return self._text.find(stop, max(0, self._sent - len(stop)))

    def _unsure(self) -> int:
        """How much of the end may be the beginning of a stop string."""
        lengths = (size for stop in self._stops for size in range(1, len(stop)) if self._text.endswith(stop[:size]))
        return max(lengths, default=0)

    def _send(self, end: int) -> str:
        piece, self._sent = self._text[self._sent : end], max(self._sent, end)
        return piece
