"""Gradio's own tunnel, where its program is on this machine already: none is fetched behind the owner's back."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import psutil

from workbench.core.errors import UserError


def binary() -> Path:
    """Where Gradio keeps the tunnel's program."""
    from gradio import tunneling

    return Path(tunneling.BINARY_PATH)


def has_tunnel() -> bool:
    """Whether a public link can be tried."""
    return binary().is_file()


def open_tunnel(port: int) -> str:
    """A public https address for a port of this machine. UserError when there is none to be had."""
    if not has_tunnel():
        raise UserError(
            f"Gradio's tunnel program is not on this machine ({binary().name}). Choose “This network”, or put a reverse proxy before “This machine” (docs/sharing.md).",
            f"本机没有 Gradio 隧道程序（{binary().name}）。请选择“本局域网”，或在“仅本机”前放置反向代理（见 docs/sharing.md）。",
            field="place",
        )  # fmt: skip
    from gradio import networking

    try:
        return networking.setup_tunnel("127.0.0.1", port, secrets.token_urlsafe(32), None, None).rstrip("/")
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"No public link could be made ({reason}). Choose “This network”, or a reverse proxy (docs/sharing.md).",
            f"无法建立公开链接（{reason}）。请选择“本局域网”，或使用反向代理（见 docs/sharing.md）。", field="place",
        ) from error  # fmt: skip


def tunnel_process() -> psutil.Process | None:
    """The tunnel's program, if this process has started one."""
    tunneling = sys.modules.get("gradio.tunneling")
    started = [each.proc for each in tunneling.CURRENT_TUNNELS if each.proc] if tunneling else []
    return psutil.Process(started[-1].pid) if started else None
