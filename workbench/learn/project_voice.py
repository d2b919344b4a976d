"""7 Project: a voice of its own. From dialogues of your own to a model that speaks like that, in six stations."""

from __future__ import annotations

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Choice, Guess, Trace
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._project import Project
from workbench.serve.talk import Talk, all_talks


class Settings(Section):
    """Which rows."""

    data: str = knob(
        "persona",
        Text("Dataset of the project", "项目用的数据集"),
        Text("Yours, or a sample to begin with.", "你自己的，或先用示例。"),
    )


@LABS.add
class ProjectVoice(Project):
    """See the module."""

    kind = "project-voice"
    stop = "7"
    order = 97
    label = Text("Project: a voice of its own", "项目：有个性的对话模型")
    idea = (
        Text(
            "Give a small chat model a name, a story and a way of speaking. A few hundred dialogues are enough: it learns the voice, not the world.",
            "给一个小对话模型起名字、编身世、定说话方式。几百段对话就够：它学的是口吻，不是世界知识。",
        ),
        Text(
            "Write the dialogues as you want to be answered, and keep some of other matters among them, or it forgets what it knew. Then talk to "
            "both, before and after, side by side.",
            "按你想要的回答来写对话，并掺入一些别的话题，否则它会忘掉原来会的。然后同时和微调前后的它聊天，并排比较。",
        ),
    )
    guess = Guess(
        Text(
            "After training on 400 dialogues about its new name, the model is asked something else. It …",
            "用 400 段关于新名字的对话训练后，问它别的事，它会……",
        ),
        (
            Choice(
                Text("answers as before: nothing else was touched", "和以前一样：别的没动过"),
                Text(
                    "All its answers go through the same weights; what is not practised may fade.",
                    "所有回答都经过同样的权重；不练的会变淡。",
                ),
            ),
            Choice(
                Text("may answer worse: it can forget", "可能变差：它会遗忘"),
                Text(
                    "Yes: catastrophic forgetting. Other dialogues among the rows keep it; the report card probes for it.",
                    "对：这叫灾难性遗忘。数据里掺入其他对话可以防止；成绩单会专门检查。",
                ),
                right=True,
            ),
            Choice(
                Text("knows more about everything", "什么都懂得更多"),
                Text("It learned a voice; facts it was not told it makes up.", "它学的是口吻；没告诉过它的事，它会编。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    tasks = ("chat", "text-generation")
    roles = (frozenset({"messages"}), frozenset({"prompt", "response"}))
    recipes = {"persona": "persona"}
    use = (
        Text("Talk", "对话"),
        Text("Talk to it, beside the model it came from.", "和它聊聊，并与原来的模型对比。"),
        "chat",
    )

    def used(self, workspace: Workspace, run: Run) -> Trace | None:
        """A conversation with the run in which it answered."""
        for talk in all_talks(workspace, run.id):
            if count := _answers(talk):
                return Trace(Text(f"a conversation with {count} answers", f"一段对话，{count} 个回答"), "chat", run.id)
        return None


def _answers(talk: Talk) -> int:
    return sum(node["role"] == "assistant" for pane in talk.facts["panes"] for node in pane["nodes"])
