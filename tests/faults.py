"""The faults a run must survive (rows F… of the plan), the tests that show it, and the figures those tests print.

One row is one `Fault`. To add a row: add a Fault below, name its tests ("folder/file.py::test"), and call `note(row, what, value, …)` in them
for every figure. `python launch.py bench faults` runs the named tests and prints the table; every run of the tests prints the figures
of the tests that ran. Figures are never asserted where a slow machine could change them; what must hold is asserted by the test.
"""

from __future__ import annotations

import ast
import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from places import ROOT

from workbench.core.text import Text

TESTS = ROOT / "tests"
FILE = "WORKBENCH_FIGURES"
"""Names a file that figures are appended to, a line of JSON each."""
ENGINE = {
    name: f"engine/test_engine_{name}.py"
    for name in ("crash", "durable", "queue", "resume", "runs", "faults", "folders", "clock", "memory", "finite", "writes", "full", "releases")
}  # fmt: skip
EVENTS, FEED, PAGE, VIEWS = (
    "core/test_events_and_runs.py", "ui/test_feed_and_notices.py", "ui/test_app_faults.py", "browser/test_run_views.py",
)  # fmt: skip

CARRIERS, CONSENT, SECRETS = (f"carriers/test_{name}.py" for name in ("carriers", "consent", "secrets"))
DOOR = {name: f"door/test_door_{name}.py" for name in ("handlers", "guard", "accounts", "guests", "sharing", "crowd")}
HOUSE, SUPPLY, LAUNCH = "test_architecture.py", "test_supply.py", "test_launch.py"


def named(path: str, *names: str) -> tuple[str, ...]:
    """Tests of one file."""
    return tuple(f"{ENGINE.get(path, path)}::test_{name}" for name in names)


@dataclass(frozen=True)
class Fault:
    """One row: what happens, what is promised then, the tests that show it, and how its figures are got."""

    id: str
    title: Text
    goal: Text
    tests: tuple[str, ...]
    how: str = ""


@dataclass(frozen=True)
class Figure:
    """One reading. `most`: the goal it must not exceed, where it has one."""

    row: str
    what: str
    value: float
    unit: str = ""
    most: float | None = None

    def __str__(self) -> str:
        goal = "" if self.most is None else f" (goal ≤ {self.most:g})"
        return f"{self.what} {self.value:,.4g} {self.unit}".rstrip() + goal


NOTED: list[Figure] = []
"""What this process has read so far."""


def note(row: str, what: str, value: float, unit: str = "", most: float | None = None) -> None:
    """Tell a figure: it is printed at the end of the tests, and kept for the benchmark."""
    made = Figure(row, what, round(float(value), 4), unit, most)
    NOTED.append(made)
    if path := os.environ.get(FILE):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(made)) + "\n")


def worst(figures: list[Figure]) -> dict[str, list[Figure]]:
    """Row → its figures, of each kind the largest, in the order of the rows."""
    kept: dict[tuple[str, str], Figure] = {}
    for each in figures:
        known = kept.get((each.row, each.what))
        if known is None or each.value > known.value:
            kept[each.row, each.what] = each
    rows = sorted({row for row, _ in kept}, key=place)
    return {row: [each for each in kept.values() if each.row == row] for row in rows}


def place(row: str) -> int:
    """Where a row stands."""
    return next((at for at, fault in enumerate(FAULTS) if fault.id == row), len(FAULTS))


@cache
def tests_of(path: str) -> dict[str, bool]:
    """The tests of a file below tests/, and whether they are of the long set."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))
    return {node.name: any("mark.long" in ast.unparse(each) for each in node.decorator_list) for node in found}


def is_long(test: str) -> bool:
    """Whether a named test is of the long set. KeyError when there is no such test."""
    path, _, name = test.partition("::")
    return tests_of(path)[name]


FAULTS: tuple[Fault, ...] = (
    Fault(
        "F1", Text("A worker is killed (kill -9) at any phase, at any instant", "训练进程在任意阶段、任意时刻被强制结束"),
        Text("Seen within 5 s, no torn checkpoint offered, the same weights and losses as an unbroken run", "5 秒内识别；不提供损坏的检查点；权重和损失与未中断时完全一致"),
        named("crash", "killed_at_every_phase_in_turn_a_run_ends_as_if_it_never_was", "a_worker_killed_before_its_first_word_is_lost_and_can_go_on", "killed_at_one_phase_a_run_ends_as_if_it_never_was", "killed_at_random_instants_a_run_ends_as_if_it_never_was")
        + named("resume", "a_run_goes_on_bit_by_bit", "a_checkpoint_that_is_damaged_or_foreign_is_never_used"),
        "real workers; a wrapped function kills its process at a named call; outcome compared byte by byte",
    ),
    Fault(
        "F2", Text("The page is killed in mid-run, again and again", "训练途中页面进程被反复强制结束"),
        Text("The worker lives, a new page shows the run within 3 s of its start, no step lost or told twice", "训练进程存活；新页面启动 3 秒内显示任务；步数不丢、不重"),
        named(PAGE, "a_page_that_is_killed_or_held_still_takes_no_run_with_it", "a_page_that_is_killed_fifty_times_takes_no_run_with_it")
        + named("runs", "a_worker_survives_its_parent_and_a_killed_worker_is_seen_as_lost"),
        "real page, stand-in worker; seconds from the start of the new page to its first answer that has the run",
    ),
    Fault(
        "F3", Text("Both are killed, the machine restarts, another program gets the worker’s number", "两者都被结束、机器重启、进程号被其他程序占用"),
        Text("“Interrupted, can go on”; the other program is never signalled", "显示“已中断，可继续”；绝不向其他程序发信号"),
        named("faults", "a_number_that_belongs_to_another_program_now_is_never_signalled") + named(EVENTS, "status_follows_the_folder"),
        "a real foreign process under the number that was written down; stop, cancel, resume and remove are all tried",
    ),
    Fault(
        "F4", Text("Worker or page is held still (SIGSTOP) and let go", "训练进程或页面被暂停（SIGSTOP）后恢复"),
        Text("“Not responding” within 15 s, goes on bit by bit, never two workers", "15 秒内提示“没有响应”；逐位一致地继续；绝不出现两个训练进程"),
        named("faults", "a_worker_that_is_held_still_goes_on_and_no_second_one_starts") + named(PAGE, "a_page_that_is_killed_or_held_still_takes_no_run_with_it"),
        "seconds from SIGSTOP to the words; losses of both runs compared",
    ),
    Fault(
        "F5", Text("A stop at every phase", "在每个阶段按下停止"),
        Text("Acknowledged within 300 ms, saved and gone within 10 s, no process left", "300 毫秒内确认；10 秒内保存并退出；不留进程"),
        named("faults", "a_stop_is_granted_in_every_phase_and_leaves_no_process") + named("runs", "a_stop_saves_and_ends_and_the_next_in_the_queue_starts"),
        "at the server; every process of the machine is looked at for the run’s folder",
    ),
    Fault(
        "F6", Text("The disk is full", "磁盘写满"),
        Text("The last checkpoint stays whole, the run waits and says how many MB it needs, goes on by itself", "最后的检查点完好；任务等待并说明还需多少 MB；腾出空间后自动继续"),
        named("full", "a_disk_that_is_really_full_is_waited_out")
        + named("durable", "a_full_disk_is_waited_out_and_told", "every_write_that_fails_for_want_of_room_is_done_again", "a_wait_for_room_can_be_ended", "events_wait_in_order_while_the_disk_is_full")
        + named("writes", "a_run_whose_nth_write_fails_ends_as_if_it_had_not"),
        "a mounted file system of 40 MB where that is allowed; injected ENOSPC and EDQUOT everywhere",
    ),
    Fault(
        "F7", Text("The Nth write fails, for every N", "第 N 次写入失败，N 取遍所有值"),
        Text("Nothing that is kept is torn; the run ends as if no write had failed", "保留的内容绝不损坏；任务结果与没有失败时一致"),
        named("writes", "a_run_whose_nth_write_fails_ends_as_if_it_had_not", "every_write_of_a_run_may_fail", "every_write_of_a_start_and_of_the_queue_may_fail"),
        "every write, fsync, rename and tensor file of a whole run is counted and made to fail in turn (ENOSPC, EDQUOT, EIO)",
    ),
    Fault(
        "F8", Text("Folders are locked, deleted, or replaced by links", "文件夹被锁定、删除或换成链接"),
        Text("Refused within 1 s before the start, or a clean end that names the last good checkpoint", "启动前 1 秒内拒绝；或干净地结束，并指明最后一个完好的检查点"),
        named("folders", "a_workspace_that_may_not_be_written_to_refuses_a_run_with_one_sentence", "a_refusal_is_quick_and_leaves_nothing", "a_folder_that_is_locked_keeps_no_other_run_from_starting", "the_queue_says_what_is_locked_or_of_another_release", "a_right_that_is_taken_away_ends_the_run_with_the_last_good_checkpoint_named", "nothing_is_written_through_a_link_put_in_the_place_of_a_folder", "a_run_whose_whole_folder_becomes_a_link_ends", "a_folder_nobody_may_look_into_breaks_no_list")
        + named("runs", "a_worker_whose_folder_was_deleted_ends"),
        "processes without root’s right to pass permissions; seconds to the refusal",
    ),
    Fault(
        "F11", Text("The clock is set, forth and back", "系统时钟被向前或向后调整"),
        Text("Durations never run backwards, time left is never negative, runs keep their order, a locked-out guesser stays out", "时长不倒退；剩余时间不为负；任务顺序不变；登录锁定不受影响"),
        named("clock", "a_run_does_not_notice_that_the_clock_was_set", "silence_is_told_by_a_clock_that_does_not_jump", "a_worker_is_known_again_after_the_clock_was_set", "runs_keep_their_order_when_the_clock_is_set_back", "a_guesser_stays_locked_out"),
        "time.time leaps by a day and by an hour in the middle of a run",
    ),
    Fault(
        "F13", Text("Memory runs out in the worker, or on its GPU", "训练进程或显卡内存耗尽"),
        Text("Only the worker ends; the words say a lower batch with a number; the system is told to take the worker first", "只有训练进程结束；提示给出更小的批大小；系统会先结束训练进程"),
        named("memory", "a_worker_without_memory_ends_with_a_number_and_the_change_is_a_recipe", "a_full_gpu_or_python_says_the_same", "a_worker_tells_the_system_to_take_it_before_the_page"),
        "RLIMIT_AS in a real worker; torch’s own error for a GPU",
    ),
    Fault(
        "F14", Text("NaN or infinity in loss, gradient, weights or held-out loss", "损失、梯度、权重或留出集损失出现 NaN 或无穷大"),
        Text("Ends at that very step, saves nothing after it, the curve shows a gap and never 0", "就在那一步停止；之后不再保存；曲线留空，绝不显示 0"),
        named("finite", "a_number_that_is_none_ends_the_run_at_that_step", "a_held_out_loss_that_is_none_ends_the_run_too", "a_rate_that_cannot_be_is_refused_before_anything")
        + named("runs", "a_number_that_is_not_finite_ends_the_run_at_that_step") + named(FEED, "a_loss_that_is_no_number_is_a_gap_in_the_curve_never_zero"),
        "weights, gradients and rows are poisoned at a known step, in both loops",
    ),
    Fault(
        "F15", Text("Fifty clicks on Start at once", "同时点击五十次“开始”"),
        Text("One run; everybody is answered within 500 ms", "只产生一个任务；500 毫秒内答复每一次点击"),
        named("queue", "fifty_clicks_are_one_run", "two_hundred_times_fifty_clicks"),
        "fifty threads; the slowest answer",
    ),
    Fault(
        "F16", Text("Two pages serve one workspace", "两个页面进程使用同一工作区"),
        Text("Both work; every run starts once, one at a time per device (locks, pid and start: neither has to be read-only)", "两者都可用；每个任务只启动一次，每个设备同时只有一个（靠锁与进程身份，无需只读）"),
        named(PAGE, "two_pages_on_one_workspace_start_each_run_once_and_show_the_same") + named("queue", "two_processes_on_one_workspace_start_each_run_once"),
        "two real pages over six queued runs",
    ),
    Fault(
        "F20", Text("A worker prints a gigabyte, a line of 10 MB, control codes", "训练进程输出 1 GB、10 MB 的单行、控制字符"),
        Text("The log is capped, the page answers as ever (95 % within 100 ms), codes and markup stay words", "日志有上限；页面响应如常（95% 在 100 毫秒内）；控制字符和标记只当文字"),
        named("faults", "a_worker_that_floods_its_log_neither_fills_the_disk_nor_slows_the_page", "a_worker_that_prints_a_gigabyte", "a_log_that_grows_is_cut_and_keeps_its_end") + named(FEED, "text_from_outside_cannot_become_markup"),
        "a real worker floods its log while the page’s view of it is drawn again and again",
    ),
    Fault(
        "F21", Text("A worker hangs", "训练进程卡死"),
        Text("Told as such, a stop is offered, nobody kills it unasked", "给出提示并提供停止；不擅自结束"),
        named("faults", "a_worker_that_hangs_is_told_of_never_killed_and_can_be_cancelled"),
        "a real deadlock in mid-training, with a shorter patience than the usual 60 s",
    ),
    Fault(
        "F22", Text("Reload, back, ten tabs, a network that goes away", "刷新、后退、十个标签页、断网"),
        Text("The same view within 2 s", "2 秒内恢复同样的画面"),
        named(VIEWS, "a_view_comes_back_as_it_was", "ten_tabs_show_the_same"),
        "a real Chromium; seconds until the Runs page says it again",
    ),
    Fault(
        "F23", Text("Runs of older releases, and of an unknown newer one", "旧版本和未知新版本留下的任务"),
        Text("They open, or are refused clearly; no file is changed", "能打开，或给出清楚的拒绝说明；文件不变"),
        named("releases", "runs_of_an_older_release_open_as_they_are", "runs_of_a_newer_release_are_listed_refused_clearly_and_left_alone") + named("faults", "runs_of_other_releases_are_listed_and_their_files_stay", "a_damaged_log_is_read_as_far_as_it_goes"),
        "run folders that three older commits left (tests/releases); digests of all files before and after",
    ),
    Fault(
        "F24", Text("Five hundred runs and a page that asks all the while", "五百个任务，页面持续刷新"),
        Text("Memory grows by 5 % at most, open files and threads stay flat, temporary files stay few", "内存增长不超过 5%；文件句柄和线程数持平；临时文件有限"),
        named(PAGE, "a_page_does_not_grow_with_runs", "a_page_does_not_grow_with_five_hundred_runs"),
        "real page, stand-in workers; from the first fifth of the runs to the last",
    ),
    Fault(
        "S2", Text("Paths and names that lead out of the workspace, in every field there is", "所有输入处的越界路径和名称"),
        Text("46 values in every field of page, boards, recipes and command line: nothing outside is read, written or asked, nobody sees a traceback; 1,000,000 texts do not get past the guards", "46 个值逐一填入页面、面板、配方和命令行的每个字段：不读、不写、不访问工作区之外，不出现回溯；100 万个随机文本无一越过防线"),
        named("hostile/test_hostile_paths.py", "hostile_names_stay_in_the_workspace", "every_hostile_name_in_every_field_stays_in_the_workspace", "links_out_of_the_workspace_are_no_runs", "a_conversation_is_written_to_its_own_file_only")
        + named("hostile/test_hostile_wire.py", "an_upload_lies_in_the_temporary_folder_whatever_it_is_called", "a_file_of_the_machine_is_no_upload")
        + named("hostile/test_hostile_guard.py", "nothing_gets_past_the_guards", "a_million_texts_do_not_get_past_the_guards"),
        "a process of its own, watched by Python’s audit events and the kernel’s inotify, among canaries; fields come from the registries",
    ),
    Fault(
        "S6", Text("HTML, scripts, links and control codes in every text that is shown", "显示的文本中含 HTML、脚本、链接和控制字符"),
        Text("All of it stays text: nothing runs, nothing is added to the page, no request leaves", "全部只是文字：不执行、不改变页面、不发出请求"),
        named("browser/test_hostile_text.py", "a_dataset_of_payloads", "a_run_of_payloads", "a_report_of_payloads", "a_conversation_of_payloads", "a_toast_of_payloads"),
        "a real Chromium; 25 payloads in each place; every element and attribute of the page is looked at",
    ),
    Fault(
        "S10", Text("Cells and heads that a spreadsheet would run as formulas", "会被电子表格当作公式执行的单元格和表头"),
        Text("None is a formula in CSV and Excel files, numbers stay numbers, JSONL and Parquet lose nothing", "CSV 和 Excel 中没有公式，数字仍是数字，JSONL 和 Parquet 不丢任何内容"),
        named("hostile/test_hostile_cells.py", "no_cell_of_an_export_is_a_formula", "the_other_formats_lose_nothing", "batch_answers_are_neutral_too", "nobody_else_writes_tables"),
        "25 payloads through every writer, read back",
    ),
    Fault(
        "H", Text("What is no number where a number belongs", "在数字处填入非数字"),
        Text("Refused beside the field within 200 ms, before any model is loaded; no argument of the trainer is smuggled in", "200 毫秒内在字段旁拒绝，且不加载模型；无法夹带训练器参数"),
        named("hostile/test_hostile_numbers.py", "every_number_is_taken_or_refused_beside_its_field", "no_argument_of_the_trainer_is_smuggled_in"),
        "24 values in every knob of every task and method",
    ),
    Fault(
        "C", Text("Hostile chat templates, and hostile words for a chat", "恶意的对话模板与对话内容"),
        Text("A template that runs for ever or writes a gigabyte ends within 5 s with a sentence; words stay words", "无限运行或输出 1 GB 的模板在 5 秒内结束并说明原因；文字只是文字"),
        named("hostile/test_hostile_chat.py", "a_hostile_template_ends_with_a_sentence", "no_single_step_makes_a_gigabyte", "words_for_a_chat_stay_words") + named("serve/test_serve_hostile.py", "each_is_answered_or_refused_and_the_next_is_answered_as_before", "two_at_once_and_another_model_in_the_middle_do_not_mix"),
        "every template rendered as chat and training render it",
    ),
    Fault(
        "S3", Text("A model, an adapter, a checkpoint or a dataset carries code or a pickle", "模型、适配器、检查点或数据集中夹带代码或 pickle"),
        Text("Nothing of it runs by any way; one sentence; code only after the owner’s consent to these very files", "任何途径都不会运行它；给出一句明确的说明；代码只有在所有者同意这些文件后才运行"),
        named(CARRIERS, "no_carrier_fires_by_any_way", "no_carrier_fires_or_stays_when_it_comes_from_the_hub", "the_canary_is_alive", "a_run_goes_on_from_none_but_its_own_workspace_s_checkpoints", "a_pickle_is_no_dataset", "no_builder_is_chosen_by_its_name")
        + named(CONSENT, "code_runs_after_consent_and_not_before", "whatever_changes_asks_again", "code_that_lies_elsewhere_is_never_agreed_to", "a_run_of_a_recipe_runs_no_code_on_its_own", "only_the_owner_at_the_machine_may_agree")
        + named(HOUSE, "code_is_trusted_at_one_place"),
        "thirty carriers, each with a canary that appears when it runs, by every loader there is; the network is closed",
    ),
    Fault(
        "S7", Text("Tokens and keys are set while everything is done", "在设置了各种密钥的情况下完成所有操作"),
        Text("Found nowhere: disk, temporary files, pages, logs, exports; never sent to another host", "任何地方都找不到：磁盘、临时文件、页面、日志、导出；绝不发送到其他主机"),
        named(SECRETS, "the_looker_finds_what_is_there", "a_run_by_a_real_worker_and_one_that_fails", "whatever_is_taken_away", "job_files_carry_none", "what_a_judge_is_asked_with", "a_token_does_not_follow_a_redirect_to_another_host", "the_page_shows_none_in_any_tab_or_language"),
        "seven secrets with values of their own; every byte that was written, served, printed or pushed is searched for them, plain and as a password travels",
    ),
    Fault(
        "S8", Text("A package is old, swapped, or a key is left in the repository", "软件包过旧或被替换，或仓库中遗留密钥"),
        Text("No release below a known floor, every file by its digest, a bill of materials, no key", "没有低于已知下限的版本；每个文件按摘要核对；有物料清单；没有密钥"),
        named(SUPPLY, "no_release_is_below_its_floor", "every_locked_release_has_digests_and_comes_by_name", "the_lock_holds_what_the_project_asks_for", "the_bill_of_materials_is_what_cyclonedx_asks_for", "no_key_is_in_the_repository")
        + named(LAUNCH, "packages_are_held_against_their_digests", "a_package_that_is_not_the_locked_one_ends_set_up"),
        "lock files, installed metadata and all files under version control are read",
    ),
    Fault(
        "S9", Text("Somebody writes a dangerous call", "有人写下危险的调用"),
        Text("A test fails: shells, text run as code, pickles, raw HTML, unchecked downloads", "测试失败：shell、把文本当代码运行、pickle、未转义的 HTML、未核对的下载"),
        named(HOUSE, "nothing_dangerous_is_said", "every_ban_catches_its_sample", "what_is_allowed_is_not_caught", "every_call_that_is_banned_has_a_sample", "the_network_is_asked_in_few_places"),
        "every module is parsed; each ban has a sample that it must catch",
    ),
    Fault(
        "S1", Text("Every handler and route is asked as nobody, guest, viewer, owner, and owner at the machine", "以陌生人、访客、查看者、所有者、本机所有者的身份请求每个处理函数和路由"),
        Text("Each answers whom its rule names; what has no rule is closed", "只回应规则允许的身份；没有规则的一律关闭"),
        named(DOOR["handlers"], "every_handler_answers_whom_its_rule_names_and_nobody_else", "sharing_and_consent_are_for_the_owner_at_this_machine", "what_scripts_of_components_call_is_gated_too", "a_call_without_a_sender_is_refused", "every_route_has_a_rule_or_is_closed_to_all", "routes_answer_by_the_table", "the_guests_table_is_as_it_was_promised"),
        "all handlers of the built page and all routes of both applications, walked; raw calls",
    ),
    Fault(
        "S4", Text("A page of another site, or under another name, calls us", "其他网站或其他主机名的页面向我们发请求"),
        Text("16 pairs of host and origin end as designed; what a proxy passes on is not this machine", "16 种主机与来源组合均按设计处理；代理转发的请求不算本机"),
        named(DOOR["guard"], "sixteen_pairs_of_host_and_origin_end_as_designed", "any_other_host_name_is_refused_on_loopback", "what_a_proxy_passes_on_is_not_this_machine", "what_no_rule_names_is_refused_whoever_asks"),
        "the guard itself, pair by pair",
    ),
    Fault(
        "S5", Text("Somebody guesses passwords", "有人猜密码"),
        Text("5 tries a minute by user and address, 30 by address; an unknown name takes as long as a wrong password", "每个用户和地址每分钟 5 次、每个地址 30 次；未知用户名与错误密码耗时相同"),
        named(DOOR["accounts"], "five_wrong_tries_a_minute_and_no_more_by_a_clock_nobody_can_set", "an_address_that_tries_many_names_is_slowed_down_too", "who_is_removed_while_logging_in_is_not_let_in", "a_damaged_file_lets_nobody_in_and_is_not_written_over", "an_unknown_name_takes_as_long_as_a_wrong_password", "ten_thousand_guesses_tell_no_name", "sessions_end_by_age_and_by_rest_and_only_their_hash_is_kept"),
        "the accounts themselves, with a hash 200 times cheaper; how often one kind of wrong answer takes longer than the other",
    ),
    Fault(
        "S11", Text("A link is taken back in the middle of an answer, or its time is over", "回答进行中收回链接，或链接到期"),
        Text("Nobody is answered after 1 s, whichever clock is set to what", "1 秒后不再回答任何人，不受时钟调整影响"),
        named(DOOR["sharing"], "a_link_that_is_taken_back_is_over_within_a_second_in_the_middle_of_an_answer", "a_link_is_over_when_only_its_file_can_be_written", "a_link_ends_by_itself_whatever_the_clock_is_set_to", "nothing_without_the_token", "a_guest_talks_with_the_shared_run_and_nothing_else", "answers_say_nothing_of_the_machine"),
        "real guests’ process; seconds until a connection is refused",
    ),
    Fault(
        "F9", Text("An event log is cut, doubled, out of order, full of junk", "事件日志被截断、重复、乱序或充满杂质"),
        Text("Read as far as it goes; damaged lines are kept as text", "能读多少读多少；损坏的行按文本保留"),
        named("faults", "a_damaged_log_is_read_as_far_as_it_goes") + named(EVENTS, "damaged_lines_are_kept_as_text", "a_writer_after_a_crash_does_not_glue_its_event_to_the_torn_line"),
        "damage of each kind, written into real logs",
    ),
    Fault(
        "F10", Text("A checkpoint is damaged, or another run’s", "检查点损坏，或属于别的任务"),
        Text("Seen before training; the one before is taken, and it is said", "训练前发现；改用上一个并说明"),
        named("resume", "a_checkpoint_that_is_damaged_or_foreign_is_never_used"),
        "each file missing, cut, one bit flipped, or from elsewhere",
    ),
    Fault(
        "F12", Text("A hub fails in fifteen ways", "模型站以十五种方式出错"),
        Text("One sentence within 10 s, nothing half fetched, the token to nobody else", "10 秒内给出一句说明；不留半成品；令牌不给任何其他主机"),
        named("models/test_models_hub_faults.py", "each_is_one_sentence_soon_and_nothing_is_half_fetched", "a_token_stays_with_the_hub_that_sends_us_elsewhere"),
        "a hub on loopback; models and datasets",
    ),
    Fault(
        "F17", Text("Training, chat and evaluation want one device", "训练、对话和评估争用同一设备"),
        Text("Chat gives way by a stated rule and goes on; nothing crashes", "对话按既定规则让出并随后继续；不崩溃"),
        named("serve/test_serve_queue.py", "training_takes_the_device_and_gives_it_back", "on_a_cpu_only_short_memory_sends_chat_away_until_training_ends", "a_place_is_told_and_one_too_many_is_busy"),
        "a real engine; answers in hand go on where they were",
    ),
    Fault(
        "F18", Text("Many guests talk at once", "许多访客同时对话"),
        Text("No error, nobody gets another’s answer, a place or a word within 1 s, the page answers within 100 ms, training slows by 10 % at most", "无错误；不串话；1 秒内告知排队位置或开始回答；页面 100 毫秒内响应；训练减慢不超过 10 %"),
        named(DOOR["crowd"], "twenty_guests_talk_at_once", "a_hundred_guests_talk_at_once", "twenty_guests_who_talk_all_the_time_leave_training_most_of_its_pace") + named(DOOR["guests"], "a_guest_asks_at_a_rate_and_one_question_at_a_time", "all_together_have_a_bound"),
        "real processes for page, guests and model on the same cores; a sample of answers asked again alone",
    ),
    Fault(
        "F19", Text("Large, many, slow, silent and vanishing uploads", "大量、超大、缓慢、静默和中断的上传"),
        Text("The page answers within 100 ms, memory grows by 64 MiB at most, nothing is left, quota answers 413", "页面 100 毫秒内响应；内存增长不超过 64 MiB；不留残余；超额返回 413"),
        named(DOOR["crowd"], "fifty_uploads_at_once_leave_the_page_quick", "a_client_that_vanishes_in_the_middle_leaves_nothing", "silent_and_slow_clients_do_not_keep_others_out", "who_connects_and_says_nothing_is_let_go", "who_does_not_read_the_answer_is_let_go_and_who_reads_slowly_is_not", "one_address_cannot_take_all_connections", "a_gigabyte_is_taken_in_without_being_held")
        + named(DOOR["guard"], "all_uploads_together_have_a_quota_and_leave_nothing_when_broken", "a_body_is_cut_off_where_it_grows_too_big", "a_body_that_stops_coming_is_not_waited_for"),
        "a real page; the 95th percentile of its answers meanwhile",
    ),
    Fault(
        "F25", Text("No home, a locked one, no temporary folder, locales without UTF-8, odd names, a taken port", "没有主目录、主目录不可写、没有临时目录、非 UTF-8 区域设置、特殊名称、端口被占用"),
        Text("Starts, or says why in one line", "能启动，或用一行说明原因"),
        named("ui/test_app_homes.py", "the_page_starts_in_any_home_or_says_why", "the_page_starts_in_odder_homes_or_says_why", "the_page_starts_where_the_temporary_folder_is_full", "a_port_that_is_taken_is_one_line_with_the_next", "a_workspace_that_is_a_file_is_one_line"),
        "a real page in each; its words are read",
    ),
)  # fmt: skip
