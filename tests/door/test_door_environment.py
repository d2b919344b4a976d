"""What of the owner's environment reaches the process that strangers talk to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from workbench.ui.guest import tunnel
from workbench.ui.guest.environment import for_guests

SECRET = (
    "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN", "GH_PAT", "DB_PASS", "PGPASSWORD", "PGPASSFILE", "HUB_AUTH", "DATABASE_URL", "PIP_INDEX_URL",
    "OPENAI_KEY", "OPENAI_API_KEY", "KEYRING", "SSH_AUTH_SOCK", "MYSQL_PWD", "PRIVATE_KEY_B64", "API_KEYS", "APIKEY", "DOCKER_AUTH_CONFIG",
    "AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "NVIDIA_API_KEY", "WORKBENCH_PASSWORD", "WORKBENCH_SERVE_KEY", "WORKBENCH_JUDGE_KEY", "GRADIO_SHARE_SERVER_TOKEN", "SOMETHING_NEW",
)  # fmt: skip
NEEDED = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SystemRoot", "USERPROFILE", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONUTF8", "LD_LIBRARY_PATH", "PYTORCH_CUDA_ALLOC_CONF",
    "HF_HOME", "HF_HUB_CACHE", "TRANSFORMERS_CACHE", "XDG_CACHE_HOME", "HF_ENDPOINT", "TOKENIZERS_PARALLELISM", "WORKBENCH_HOME", "WORKBENCH_LANG", "WORKBENCH_DEVICE",
    "GRADIO_SHARE_SERVER_ADDRESS", "HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE",
)  # fmt: skip


def test_what_is_needed_is_handed_on_and_nothing_else() -> None:
    given = for_guests(dict.fromkeys((*SECRET, *NEEDED), "x"))
    assert set(given) == {*NEEDED, "PYTHONPATH", "HF_HUB_DISABLE_IMPLICIT_TOKEN"}
    assert given["HF_HUB_DISABLE_IMPLICIT_TOKEN"] == "1"


def test_an_address_with_a_password_in_it_stays() -> None:
    for address in ("http://me:sesame@proxy:3128", "me:sesame@proxy:3128", "socks5://me@proxy"):
        given = for_guests({"https_proxy": address, "ALL_PROXY": address, "HF_ENDPOINT": address})
        assert not {"https_proxy", "ALL_PROXY", "HF_ENDPOINT"} & set(given)
    assert for_guests({"PATH": "/home/me@work/bin"})["PATH"] == "/home/me@work/bin"


LOOK = """
from huggingface_hub.utils import build_hf_headers
from workbench.ui.guest import tunnel
print(tunnel.binary(), "authorization" in build_hf_headers())
"""


def test_the_guests_process_finds_the_owners_tunnel_and_uses_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    (tmp_path / "token").write_text("hf_on_the_disk")

    given = for_guests(os.environ)
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, env=given, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "gradio" / "frpc" / tunnel.binary().name), "False"]
