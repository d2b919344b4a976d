"""What of the owner's environment the guests' process, and the model server it starts, are given: what is named here, and nothing else.

A list of names that look secret is never whole (GH_PAT, MYSQL_PWD, DATABASE_URL …). Libraries find what they need by what is here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from workbench import ROOT

SYSTEM = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "NIX_LD", "NIX_LD_LIBRARY_PATH",
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME", "HOMEDRIVE", "HOMEPATH", "APPDATA",
    "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
)  # fmt: skip
PYTHON = (
    "PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONUNBUFFERED", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX", "PYTHONHASHSEED", "PYTHONWARNINGS", "VIRTUAL_ENV", "CONDA_PREFIX",
)  # fmt: skip
DEVICES = (
    "CUDA_*", "NVIDIA_*", "CUBLAS_*", "CUDNN_*", "HIP_*", "ROCR_*", "ROCM_*", "HSA_*", "GPU_*", "MIOPEN_*", "ZE_*", "ONEAPI_*", "SYCL_*",
    "OMP_*", "GOMP_*", "KMP_*", "MKL_*", "OPENBLAS_*", "VECLIB_*", "NUMEXPR_*", "PYTORCH_*", "TORCH_*", "TORCHINDUCTOR_*", "TRITON_*",
)  # fmt: skip
MODELS = (
    "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_MODULES_CACHE", "TRANSFORMERS_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_*", "TOKENIZERS_PARALLELISM", "WORKBENCH_*",
)  # fmt: skip
TUNNEL = (
    "GRADIO_SHARE_SERVER_ADDRESS", "GRADIO_ANALYTICS_ENABLED", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
)  # fmt: skip
NAMED = re.compile("|".join(name.replace("*", ".*") for name in (*SYSTEM, *PYTHON, *DEVICES, *MODELS, *TUNNEL)), re.I)
SECRET = re.compile(r"TOKEN(?!IZERS_)|SECRET|PASS|PWD|CREDENTIAL|AUTH|KEY", re.IGNORECASE)
"""Never, whatever family a name belongs to (WORKBENCH_PASSWORD)."""
ADDRESS = re.compile(r"HF_ENDPOINT|GRADIO_SHARE_SERVER_ADDRESS|.*_PROXY", re.IGNORECASE)
"""Those that name a place on the network, and may hold a user and a password before an @."""


def for_guests(environ: Mapping[str, str]) -> dict[str, str]:
    """What they are given. No token that lies on the disk is used for them either."""
    search = os.pathsep.join(part for part in (str(ROOT), environ.get("PYTHONPATH", "")) if part)
    kept = {name: value for name, value in environ.items() if _is_given(name, value)}
    return {**kept, "PYTHONPATH": search, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}


def _is_given(name: str, value: str) -> bool:
    logs_in = "@" in value and ADDRESS.fullmatch(name)
    return bool(NAMED.fullmatch(name)) and not SECRET.search(name) and not logs_in
