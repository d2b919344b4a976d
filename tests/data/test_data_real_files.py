"""Real files as their authors published them: row counts and roles stated by hand (see MANIFEST.md beside the data)."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.core.task import TASKS, Task
from workbench.core.workspace import Workspace
from workbench.data.intake import import_file

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the folder shared/data is not beside the repository")

CLASSIFICATION = [
    ("sst2_train.tsv", 6920, "utf-8", {"column_1": "text", "column_2": "label"}, 2),
    ("sst2_dev.tsv", 872, "utf-8", {"column_1": "text", "column_2": "label"}, 2),
    ("cola_in_domain_dev.tsv", 527, "utf-8", {"column_2": "label", "column_4": "text"}, 2),
    ("chnsenticorp_1k_utf8bom_crlf.csv", 1000, "utf-8-sig", {"label": "label", "review": "text"}, 2),
    ("thucnews_dev_gbk.csv", 10000, "gbk", {"类别": "label", "标题": "text"}, 10),
    ("fewclue_eprstmt.json", 610, "utf-8", {"sentence": "text", "label": "label"}, 2),
    ("fewclue_tnews.json", 2010, "utf-8", {"label": "label", "sentence": "text"}, 15),
    ("fewclue_bustm.json", 1772, "utf-8", {"sentence1": "text", "sentence2": "text_pair", "label": "label"}, 2),
    ("sms_spam.tsv", 5574, "utf-8", {"column_1": "label", "column_2": "text"}, 2),
]
ALPACA = {"instruction": "prompt", "input": "context", "output": "response"}
CHAT = [
    ("lf_alpaca_en_demo.json", 999, ALPACA, 999),
    ("lf_alpaca_zh_demo.json", 1000, ALPACA, 1000),
    ("lf_identity.json", 91, ALPACA, 91),
    ("dummy_conversation.json", 500, {"conversations": "messages"}, 500),
    ("lf_kto_en_demo.json", 300, {"messages": "messages"}, 300),
    ("imdb_200.jsonl", 200, {"prompt": "prompt", "completion": "response"}, 200),
    ("samsum_200.jsonl", 200, {"prompt": "prompt", "completion": "response"}, 200),
    # 153 of the 300 conversations call tools
    ("lf_glaive_toolcall_en_demo.json", 300, {"conversations": "messages"}, 300),
]


@pytest.mark.parametrize(("name", "rows", "encoding", "roles", "classes"), CLASSIFICATION)
def test_classification_files(
    workspace: Workspace, classification: Task, name: str, rows: int, encoding: str, roles: dict[str, str], classes: int
) -> None:
    made = import_file(workspace, DATA / name, "real")
    assert (made.dataset.meta["rows"], made.refused) == (rows, [])
    assert (made.dataset.meta["encoding"], made.dataset.meta["roles"]) == (encoding, roles)
    assert made.guess.task == "text-classification"
    train, heldout = made.dataset.task_rows(classification, None)
    assert (len(train), heldout) == (rows, None)
    assert len({row["label"] for row in train}) == classes
    assert all(isinstance(value, str) for row in train for value in row.values())


@pytest.mark.parametrize(("name", "rows", "roles", "usable"), CHAT)
def test_chat_files(workspace: Workspace, chat: Task, name: str, rows: int, roles: dict[str, str], usable: int) -> None:
    made = import_file(workspace, DATA / name, "real")
    assert (made.dataset.meta["rows"], made.dataset.meta["roles"], made.refused) == (rows, roles, [])
    assert made.guess.task == "chat"
    found = made.dataset.convert(chat)
    assert (len(found.rows), len(found.dropped)) == (usable, rows - usable)
    assert all(row["messages"][-1]["role"] == "assistant" for row in found.rows)


def test_raw_quotes_survive(workspace: Workspace) -> None:
    made = import_file(workspace, DATA / "sms_spam.tsv", "sms")
    raw = (DATA / "sms_spam.tsv").read_text(encoding="utf-8").split("\n")
    assert ["\t".join(row.values()) for row in made.dataset.rows()] == [line for line in raw if line]


def test_chinese_from_gbk_is_chinese(workspace: Workspace) -> None:
    made = import_file(workspace, DATA / "thucnews_dev_gbk.csv", "news")
    assert made.dataset.rows(0, 1) == [{"类别": "game", "标题": "体验2D巅峰 倚天屠龙记十大创新概览"}]
    assert any("GBK" in warning.zh for warning in made.warnings)


TASKS_BY_FILE = [
    # sentences or questions; all of them usable
    ("wnut17_train.conll", "token-classification", 3394, 13),
    ("wnut17_dev.conll", "token-classification", 1009, 13),
    ("weiboNER_2nd_conll.train", "token-classification", 1350, 17),
    ("weiboNER_2nd_conll.dev", "token-classification", 270, 17),
    ("xquad.en.json", "question-answering", 1190, 0),
    ("xquad.zh.json", "question-answering", 1190, 0),
    ("lf_dpo_en_demo.json", "preference", 300, 0),
    ("stsb-en-dev.csv", "text-classification", 1500, 0),
    ("stsb-zh-dev.csv", "text-classification", 1500, 0),
    ("csl_ts_dev.tsv", "summarization", 1000, 0),
    ("dialogsum.dev.jsonl", "summarization", 500, 0),
    ("seed_tasks.jsonl", "chat", 175, 0),
]


@pytest.mark.parametrize(("name", "kind", "rows", "tags"), TASKS_BY_FILE)
def test_files_of_other_tasks(workspace: Workspace, name: str, kind: str, rows: int, tags: int) -> None:
    from workbench.core.task import TASKS

    made = import_file(workspace, DATA / name, "real")
    assert (made.guess.task, made.dataset.meta["rows"], made.refused) == (kind, rows, [])
    found = made.dataset.convert(TASKS.get(kind))
    assert len(found.rows) == rows - len(found.dropped)
    assert len(found.dropped) <= rows // 100
    if tags:
        assert len({tag for row in found.rows for tag in row["tags"]}) == tags


def test_plain_text_keeps_every_line(workspace: Workspace) -> None:
    from workbench.core.task import TASKS

    made = import_file(workspace, DATA / "tinyshakespeare.txt", "real")
    assert (made.dataset.meta["rows"], made.dataset.meta["format"], made.refused) == (40000, "text", [])
    assert (made.guess.task, made.dataset.meta["roles"]) == ("text-generation", {"text": "text"})
    found = made.dataset.convert(TASKS.get("text-generation"))
    assert (len(found.rows), len(found.dropped)) == (32777, 7223)  # the blank lines


def test_pictures_are_said_before_anything_is_trained(workspace: Workspace) -> None:
    made = import_file(workspace, DATA / "lf_mllm_demo.json", "real")
    assert made.dataset.meta["rows"] == 6
    assert any("pictures" in warning.en for warning in made.warnings)


def test_a_list_of_names_is_plain_text(workspace: Workspace) -> None:
    made = import_file(workspace, DATA / "thucnews_class.txt", "real")
    assert (made.dataset.meta["rows"], made.guess.task, made.refused) == (10, "text-generation", [])


def test_reasoning_and_calls_in_parts_are_learned(workspace: Workspace) -> None:
    made = import_file(workspace, DATA / "lf_reason_tool_use_demo_50.jsonl", "real")
    assert (made.dataset.meta["rows"], made.dataset.meta["roles"]) == (50, {"messages": "messages"})
    rows, _ = made.dataset.task_rows(TASKS.get("chat"))
    answers = [message for row in rows for message in row["messages"] if message["role"] == "assistant"]
    assert (len(rows), len(answers)) == (50, 112)
    assert all(answer["content"].startswith("<think>\n") for answer in answers)
    assert sum(len(answer.get("tool_calls", [])) for answer in answers) == 41 + 2 * 9 + 3 * 3


@pytest.mark.parametrize("name", ["weiboNER_2nd_conll.dev", "xquad.en.json", "lf_dpo_en_demo.json"])
def test_rows_that_differ_are_not_called_copies(workspace: Workspace, name: str) -> None:
    made = import_file(workspace, DATA / name, "real")
    assert not any("more than once" in warning.en for warning in made.warnings)
