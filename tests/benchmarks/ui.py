"""Start of the page against an empty Gradio page, interleaved in one run; prints ratios, asserts nothing.

python launch.py bench ui
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

EMPTY = """
import gradio as gr, sys
with gr.Blocks(analytics_enabled=False) as demo:
    pass
demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True, share=False)
"""
ROUNDS = 5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_answer(command: list[str], port: int, path: str, env: dict[str, str]) -> float:
    """Seconds from process start to the first HTTP 200 with a whole page."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - begin < 120:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                    if answer.status == 200 and len(answer.read()) > 500:
                        return time.perf_counter() - begin
            except OSError:
                time.sleep(0.02)
        raise TimeoutError(command)
    finally:
        process.kill()
        process.wait()


def main() -> None:
    env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    ours, empty = [], []
    with tempfile.TemporaryDirectory() as folder:
        for round_number in range(ROUNDS + 1):
            port = free_port()
            workbench = [sys.executable, "-m", "workbench.cli", "ui", "--port", str(port), "--workspace", folder]
            mine = first_answer(workbench, port, "/", env)
            port = free_port()
            bare = first_answer([sys.executable, "-c", EMPTY, str(port)], port, "/", env)
            if round_number:  # the first round warms the disk cache
                ours.append(mine)
                empty.append(bare)
    torch = subprocess.run(
        [sys.executable, "-c", "import sys, workbench.ui.app, workbench.ui.page; print('torch' in sys.modules)"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    ratio = statistics.median(ours) / statistics.median(empty)
    detail = {
        "workbench_s": [round(x, 2) for x in ours],
        "empty_s": [round(x, 2) for x in empty],
        "torch_imported": torch.stdout.strip(),
    }
    print(
        json.dumps(
            {
                "name": "ui",
                "ratios": {"start to first 200, workbench / empty Blocks": round(ratio, 3)},
                "detail": detail,
            }
        )
    )


if __name__ == "__main__":
    main()
