"""Talking to the Hub through huggingface_hub: the listing, one file, and what its failures mean in two languages.

The endpoint is HF_ENDPOINT as it is when called; ModelScope is asked in its own way (workbench.models.modelscope). A token is sent there only: the session drops it on a redirect to
another host.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from workbench.core.errors import DISK, NETWORK, UserError, shorten
from workbench.models import modelscope

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
PUBLIC = "https://huggingface.co"
TIMEOUT = 6.0
FIELD = "model.id"


class Short(Exception):
    """A body ended before its announced size."""


def endpoint() -> str:
    """The Hub that is asked."""
    return checked(os.environ.get("HF_ENDPOINT") or PUBLIC)


def checked(address: str) -> str:
    """A web address without its last slash; UserError for anything else."""
    chosen = address.rstrip("/")
    parts = urlsplit(chosen)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            f"HF_ENDPOINT is “{shorten(chosen)}”; it must be a web address such as {PUBLIC}.",
            f"HF_ENDPOINT 为“{shorten(chosen)}”；应为网址，例如 {PUBLIC}。",
            field=FIELD,
        )
    return chosen


def listing(model_id: str, revision: str) -> Any:
    """Commit and files with sizes and digests, in one request."""
    if modelscope.is_at(endpoint()):
        return modelscope.listing(endpoint(), model_id, revision, TIMEOUT)
    from huggingface_hub import HfApi

    return HfApi(endpoint=endpoint()).model_info(model_id, revision=revision, files_metadata=True, timeout=TIMEOUT)


@contextlib.contextmanager
def open_file(model_id: str, name: str, commit: str, held: int, kind: str = "model") -> Iterator[Any]:
    """The body of one file from byte `held` on."""
    if modelscope.is_at(endpoint()):
        with modelscope.open_file(endpoint(), (kind, model_id), name, commit, held, TIMEOUT) as response:
            yield response
        return
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    address = hf_hub_url(model_id, name, revision=commit, endpoint=endpoint(), repo_type=kind)
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
    with get_session().stream("GET", address, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response:
        if response.status_code >= 400:
            response.read()
        hf_raise_for_status(response)
        yield response


def broken() -> tuple[type[Exception], ...]:
    """What a connection raises when it breaks."""
    from huggingface_hub.errors import HTTPError

    return (HTTPError, Short)


def final(error: Exception) -> bool:
    """Whether the Hub answered with a refusal, which asking again does not change."""
    return getattr(error, "response", None) is not None


@contextlib.contextmanager
def explained(model_id: str) -> Iterator[None]:
    """Turn what huggingface_hub and the disk raise into a UserError."""
    try:
        yield
    except Short as error:
        raise _cut(model_id) from error
    except broken() as error:
        response = getattr(error, "response", None)
        raise (_refused(model_id, error, response.status_code) if response is not None else _lost(error)) from error
    except OSError as error:
        raise (_disk(error) if error.errno else _unreachable()) from error
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise unexpected(model_id) from error


def _lost(error: Exception) -> UserError:
    return _cut("") if type(error).__name__ in ("RemoteProtocolError", "ReadError") else _unreachable()


def _refused(model_id: str, error: Exception, status: int) -> UserError:
    kind = type(error).__name__
    if kind == "RevisionNotFoundError":
        return UserError(
            f"{model_id} has no such revision on the Hub; use main or a branch, tag or commit it has.",
            f"Hub 上的 {model_id} 没有这个版本；请用 main，或它已有的分支、标签、提交。",
            field="model.revision",
        )
    if status in (401, 403):
        return _error(
            f"{model_id} is gated or private, or does not exist. Ask for access on its page, then set HF_TOKEN.",
            f"{model_id} 需要授权、是私有的，或并不存在。请在其页面申请访问权限，然后设置 HF_TOKEN。",
        )
    if status == 404:
        return _error(
            f"{model_id} does not exist on {endpoint()}; check the spelling of owner/name.",
            f"{endpoint()} 上没有 {model_id}；请检查 owner/name 的拼写。",
        )
    return _error(
        f"{endpoint()} answered {status} for {model_id}; it has trouble of its own. Try again later.",
        f"{endpoint()} 对 {model_id} 的请求返回 {status}；服务端出现问题，请稍后再试。",
        NETWORK,
    )


def _unreachable() -> UserError:
    return _error(
        f"The Hub at {endpoint()} cannot be reached. Check the network, choose a mirror or ModelScope on the Model page "
        "(or in HF_ENDPOINT), or take a starter model or a local folder.",
        f"无法连接 {endpoint()}。请检查网络、在“模型”页（或用 HF_ENDPOINT）改选镜像或魔搭，或选择入门模型、本地文件夹。",
        NETWORK,
    )


def _cut(model_id: str) -> UserError:
    return _error(
        f"The connection broke during the download{' of ' + model_id if model_id else ''}; start it again, it goes on "
        "from there.",
        f"下载{model_id}时连接中断；请再次开始，会从中断处继续。",
        NETWORK,
    )


def unexpected(model_id: str) -> UserError:
    """The answer could not be understood."""
    return _error(
        f"{endpoint()} gave an answer for {model_id} that is not a Hub's; check HF_ENDPOINT and try again.",
        f"{endpoint()} 对 {model_id} 的回答不符合 Hub 格式；请检查 HF_ENDPOINT 后重试。",
    )


def damaged(name: str) -> UserError:
    """A file that arrived whole and is not what the Hub listed."""
    return _error(
        f"{name} arrived damaged (its digest differs from the Hub's) and was dropped; start the download again.",
        f"收到的 {name} 已损坏（摘要与 Hub 不符），已丢弃；请重新下载。",
    )


def _disk(error: OSError) -> UserError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "the disk is full" if full else shorten(error.strerror or error)
    return _error(
        f"The model cannot be written: {reason}. Make room or choose another workspace.",
        f"模型无法写入：{'磁盘已满' if full else reason}。请腾出空间或另选工作区。",
        DISK if full else "",
    )


def _error(en: str, zh: str, cause: str = "") -> UserError:
    return UserError(en, zh, field=FIELD, cause=cause)
