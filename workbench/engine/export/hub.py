"""A repository on the Hub: the adapter or the merged model with its card, sent only after the check.

The token is HF_TOKEN or what `hf auth login` stored; it is never written anywhere by us.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.errors import UserError, shorten
from workbench.core.knob import Section, knob
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine.taking import EXPORTS, REFERENCE, Export, ExportSection, section_of
from workbench.models import catalog, hub, modelscope

FORMS = (
    ("auto", Text("adapter, or the whole model where there is none", "适配器；没有适配器时为完整模型")),
    ("merged", Text("merged model", "合并后的模型")),
)


class HubSection(ExportSection):
    """Where to, and in which form."""

    repo: str = knob(
        "",
        Text("Repository", "仓库"),
        Text(
            "owner/name; it is made where it is not there yet. "
            "Choose another name to keep an earlier upload: the same name gets a new commit.",
            "owner/name；不存在时会创建。想保留以前的上传就换个名称：同名会产生新的提交。",
        ),
        example="you/my-model",
    )
    private: bool = knob(
        True,
        Text("Private", "私有"),
        Text(
            "Only you see it. It can be made public on its page later. "
            "Leave it on unless the data may be seen: a model can repeat what it was trained on.",
            "只有你能看到；以后可在其页面改为公开。除非数据可以公开，否则保持打开：模型可能复述训练内容。",
        ),
    )
    form: str = knob(
        "auto",
        Text("What is sent", "上传内容"),
        Text(
            "The adapter is small. The merged model is as large as its base and runs without it.",
            "适配器很小。合并后的模型与基础模型一样大，可单独运行。",
        ),
        choices=FORMS,
    )


@EXPORTS.add
class Hub(Export):
    """owner/name."""

    kind: ClassVar[str] = "hub"
    label: ClassVar[Text] = Text("Hugging Face Hub", "Hugging Face Hub")
    help: ClassVar[Text] = Text(
        "Adapter or merged model with its card, sent to the Hub after the check. Needs a token that may write: HF_TOKEN, or `hf auth login`.",
        "把适配器或合并后的模型连同模型卡在核对之后上传到 Hub。需要有写权限的访问密钥：HF_TOKEN，或 `hf auth login`。",
    )
    order: ClassVar[int] = 8
    section: ClassVar[type[Section]] = HubSection
    publishes: ClassVar[bool] = True

    def inner(self, run: Run, section: Any) -> Export:
        """What is sent."""
        whole = section.form == "merged" or METHODS.get(run.recipe.method.kind).stores == "model"
        return EXPORTS.get("merged" if whole else "adapter")

    def base(self, run: Run, section: Any) -> bool:
        """As what is sent."""
        return self.inner(run, section).base(run, section)

    def limit(self, section: Any) -> float | None:
        """fp32."""
        return 1e-4

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """What is sent; whether it may be sent is asked before anything is loaded."""
        checked(section.repo)
        inner = self.inner(source.run, section)
        why = inner.fits(source.run, {})
        if why is not None:
            raise UserError(why.en, why.zh, field="form")
        inner.write(source, section_of(inner, {}), folder)

    def reload(self, source: Any, section: Any, folder: Path) -> tuple[Any, Any]:
        """As what is sent."""
        inner = self.inner(source.run, section)
        return inner.reload(source, section_of(inner, {}), folder)

    def publish(self, source: Any, section: Any, folder: Path) -> dict[str, Any]:
        """One commit; where it is now."""
        if hub.endpoint() != hub.PUBLIC:
            os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # a Hub of one's own speaks Git LFS
        from huggingface_hub import HfApi

        api = HfApi(endpoint=hub.endpoint())
        with refused(section.repo), hub.explained(section.repo):
            api.create_repo(section.repo, private=section.private, exist_ok=True)
            done = api.upload_folder(
                repo_id=section.repo, folder_path=folder, commit_message="Fine-tuned with the workbench", ignore_patterns=[f"{REFERENCE}/*"],
            )  # fmt: skip
        return {"url": f"{hub.endpoint()}/{section.repo}", "commit": str(done.oid)}


class refused:
    """A token that may not write is told so; other refusals are the Hub's own."""

    def __init__(self, repo: str) -> None:
        self.repo = repo

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """The cause of what `explained` raised says which it was."""
        response = getattr(getattr(error, "__cause__", None), "response", None)
        if response is not None and response.status_code in (401, 403):
            raise UserError(
                f"The Hub does not let this token write to {self.repo}. Make one with write permission, or name a repository of your own.",
                f"Hub 不允许此访问密钥写入 {self.repo}。请创建有写权限的访问密钥，或填写自己的仓库。",
                field="repo",
            ) from error


def checked(repo: str) -> None:
    """UserError unless it is a name the Hub takes, on a Hub that takes uploads, and there is a token."""
    if not catalog.HUB_ID.fullmatch(repo) or "--" in repo or ".." in repo:
        raise UserError(
            f"“{shorten(repo)}” is no repository; write owner/name, for instance you/my-model.",
            f"“{shorten(repo)}”不是仓库名；请写成 owner/name，例如 you/my-model。",
            field="repo",
        )
    if modelscope.is_at(hub.endpoint()):
        raise UserError(
            "ModelScope takes no uploads from here; choose Hugging Face on the Model page.",
            "这里不能上传到魔搭；请在“模型”页选择 Hugging Face。",
            field="repo",
        )
    from huggingface_hub import get_token

    if not get_token():
        raise UserError(
            "There is no token for the Hub: set HF_TOKEN to one with write permission, or run `hf auth login`.",
            "没有 Hub 的访问密钥：请把 HF_TOKEN 设为有写权限的访问密钥，或运行 `hf auth login`。",
            field="repo",
        )
