"""`opro gate`: what is compared on what, how it ends, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from opro_cli.app.versions import Version, write_prompts
from opro_cli.core.task.chat import parse_chat
from opro_cli.core.task.example import ChatReply, ChatRequest
from opro_cli.errors import ModelError, UsageError
from tests.cli.conftest import CONFIG, Opro
from tests.loop.runs import ShuffledModel

GOOD, BAD, SAME = "Count well.", "Count badly.", "Count like that."
LARGE = CONFIG.replace("test: 7", "test: 100")


@pytest.fixture(autouse=True)
def rows(folder: Path) -> None:
    """A config with a hundred test rows, and three prompts in files."""
    sums = [{"question": f"What is {n} plus {n}?", "answer": str(2 * n)} for n in range(1, 131)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))
    (folder / "c.yaml").write_text(LARGE)
    for name, prompt in (("good", GOOD), ("bad", BAD), ("same", SAME)):
        (folder / f"{name}.md").write_text(f"{prompt}\n")


def gold_of(request: ChatRequest) -> int:
    return 2 * int(request.messages[-1].content.split("What is ")[1].split(" ")[0])


def judge(request: ChatRequest) -> str:
    """Wrong on three questions of ten under a bad prompt, else right."""
    text = request.messages[-1].content
    if "What is" not in text:
        return "Ready."
    gold = gold_of(request)
    wrong = BAD in text and gold % 20 in (0, 6, 12)
    return f"The answer is {gold + wrong}."


@pytest.fixture
def scorer(model: ShuffledModel) -> ShuffledModel:
    model._say = judge
    return model


PAIR = ("gate", "c.yaml", "-p", "good.md", "-p")


def gates(folder: Path) -> list[Path]:
    return sorted((folder / "runs" / "gates").glob("[!.]*"))


def test_a_worse_prompt_ends_with_4_at_a_fraction_of_the_calls(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    said = opro(*PAIR, "bad.md", "--json")
    assert said.code == said.data["exit_code"] == 4
    assert said.data["verdict"] == "worse"
    assert said.data["asked"] < said.data["rows"] == 100
    assert len(scorer.requests) == said.data["calls"] == 2 * said.data["asked"]
    assert said.data["old"]["mean"] == 1.0
    assert said.data["lost"] == round(said.data["asked"] * (1 - said.data["new"]["mean"]))
    low, high = said.data["difference"]["bounds"]
    assert low < said.data["difference"]["mean"] < high < 0


def test_a_prompt_that_is_as_good_ends_with_0(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    said = opro(*PAIR, "same.md", "--json")
    assert (said.code, said.data["verdict"]) == (0, "not_worse")
    # Without any difference: z = sqrt(n * .05 / .95), and the fourth look needs p < .0217.
    assert [look["rows"] for look in said.data["looks"]] == [20, 40, 60, 80]
    assert len(scorer.requests) == 160


def test_a_config_without_an_optimizer_is_gated(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    (folder / "c.yaml").write_text(re.sub("(?m)^optimizer: .*$", "", LARGE))
    (folder / "copy.md").write_bytes((folder / "good.md").read_bytes())
    assert opro("gate", "c.yaml", "--prompt", "good.md", "--prompt", "copy.md").code == 0
    assert "optimizer: missing" in opro("check", "c.yaml").err
    (folder / "bad.yaml").write_text(re.sub("(?m)^scorer: .*$", "", LARGE))
    both = ("--prompt", "good.md", "--prompt", "copy.md")
    assert "scorer: missing" in opro("gate", "bad.yaml", *both).err


def test_too_few_rows_end_with_5_and_say_how_many_would_do(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    said = opro(*PAIR, "same.md", "--limit", "30", "--json")
    assert (said.code, said.data["verdict"]) == (5, "undecided")
    assert len(scorer.requests) == 60
    assert said.data["further_rows"] > 30
    text = opro(*PAIR, "same.md", "--limit", "30").out
    assert f"about {said.data['further_rows']} more would" in " ".join(text.split())


def test_an_unchanged_prompt_asks_nothing_and_needs_no_model(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    (folder / "copy.md").write_bytes(f"{GOOD}\r\n".encode())
    (folder / "c.yaml").write_text(LARGE.replace("scripted/scorer", "openai/gpt-4o-mini"))
    said = opro(*PAIR, "copy.md", "--max-tokens", "5")
    assert said.code == 0
    assert "unchanged: the prompt is the same, so nothing was asked" in said.out
    assert "no threshold was measured" in said.out
    assert scorer.requests == []
    assert not (folder / "runs").exists()
    assert opro(*PAIR, "copy.md", "--json").data["verdict"] == "unchanged"


def test_a_changed_prompt_asks_both_sides_anew_every_time(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    opro("eval", "c.yaml", "-p", GOOD, "-p", BAD)
    scorer.requests.clear()
    first = opro(*PAIR, "bad.md", "--json").data
    asked = len(scorer.requests)
    assert asked == first["calls"] > 0
    second = opro(*PAIR, "bad.md", "--json").data
    assert len(scorer.requests) == 2 * asked
    assert (first["earlier"], second["earlier"]) == (0, 1)
    assert "2 earlier gates of the same two prompts" in opro(*PAIR, "bad.md").out
    assert len(gates(folder)) == 3
    assert opro("runs", "--json").data == []


def test_the_winner_of_a_run_is_the_old_prompt_and_its_folder_stays_as_it_is(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    text = LARGE.replace("search: {", "search: {start: file:good.md, ")
    (folder / "c.yaml").write_text(text.replace("steps: 2", "steps: 1"))
    scorer._say = lambda r: f"<INS>{BAD}</INS>" if "Your task" in str(r.messages) else judge(r)
    assert opro("optimize", "c.yaml", "--plain").code == 0
    (run,) = (folder / "runs").glob("sums-*")
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    assert opro("prompt", "sums", "--instruction").out == f"{GOOD}\n"
    assert opro("gate", "sums", "--prompt", "good.md").code == 0
    scorer.requests.clear()
    said = opro("gate", "sums", "--prompt", "bad.md", "--json")
    assert said.code == 4
    assert said.data["old"]["label"] == f"winner of {run.name}"
    # The new one ends with a line break as the old one does: nothing else differs.
    texts = {side: said.data[side]["prompt"] for side in ("old", "new")}
    assert texts == {"old": f"{GOOD}\n", "new": f"{BAD}\n"}
    test_rows = {row.split("What is ")[1] for row in map(question_of, scorer.requests)}
    assert len(test_rows) == said.data["asked"]
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def question_of(request: ChatRequest) -> str:
    return request.messages[-1].content


def test_a_budget_ends_with_3_and_the_same_command_goes_on_without_paying_twice(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    stopped = opro(*PAIR, "bad.md", "--budget", "calls=15")
    assert stopped.code == 3
    assert "unfinished" in stopped.out
    assert "the same command with --budget calls=+AMOUNT goes on" in stopped.err
    assert len(scorer.requests) == 15
    whole = opro(*PAIR, "bad.md", "--json")
    assert whole.code == 4
    assert len(scorer.requests) == whole.data["calls"] == 2 * whole.data["asked"]
    assert len({(question_of(each), each.seed) for each in scorer.requests}) == len(scorer.requests)
    assert len(gates(folder)) == 1


def test_a_gate_that_its_budget_ends_counts_what_both_prompts_answered(
    opro: Opro, scorer: ShuffledModel
) -> None:
    said = opro(*PAIR, "bad.md", "--budget", "calls=14", "--json")
    assert said.code == 3
    asked = said.data["asked"]
    assert asked == min(said.data["old"]["n"], said.data["new"]["n"]) > 0
    assert f"stopped before it was decided, after {asked} of " in said.data["sentence"]


def test_a_provider_that_fails_ends_with_1_which_says_nothing_of_the_prompt(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    def failing(request: ChatRequest) -> str | ModelError:
        return (
            ModelError("503: down", transient=False) if len(scorer.requests) > 9 else judge(request)
        )

    scorer._say = failing
    said = opro(*PAIR, "bad.md", "--junit", "gate.xml")
    assert said.code == 1
    assert "503: down" in said.err
    assert said.out == ""
    suite = ElementTree.parse(folder / "gate.xml").getroot()
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    scorer._say = judge
    assert opro(*PAIR, "bad.md").code == 4
    assert len(gates(folder)) == 1


@pytest.mark.parametrize(
    ("options", "code", "found"),
    [
        (("--min-score", "60"), 0, {"min_score": True}),
        (("--min-score", "100"), 0, {"min_score": True}),
        (("--max-unreadable", "0"), 0, {"max_unreadable": True}),
        (("--max-tokens", "1e9"), 0, {"max_tokens": True}),
        (("--max-tokens", "10"), 4, {"max_tokens": False}),
        (("--max-usd", "100", "--max-tokens", "10"), 4, {"max_tokens": False, "max_usd": True}),
        (("--max-usd", "0"), 4, {"max_usd": False}),
    ],
)
def test_thresholds_of_the_new_prompt(
    opro: Opro,
    folder: Path,
    scorer: ShuffledModel,
    options: tuple[str, ...],
    code: int,
    found: dict[str, bool],
) -> None:
    priced = LARGE.replace("scorer}", "scorer, price: {input: 1, output: 2}}")
    (folder / "c.yaml").write_text(priced)
    said = opro(*PAIR, "same.md", *options, "--json")
    assert {check["name"]: check["passed"] for check in said.data["checks"]} == found
    assert said.code == said.data["exit_code"] == code
    assert said.data["verdict"] == "not_worse"


def test_questions_that_are_asked_three_times_cost_what_an_answer_costs(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    sides = [opro(*PAIR, "bad.md", "--json").data]
    flaky = LARGE.replace("scorer}", "scorer, repeats: 3, temperature: 1.0}")
    (folder / "c.yaml").write_text(flaky)
    scorer.requests.clear()
    sides.append(opro(*PAIR, "bad.md", "--json").data)
    assert len(scorer.requests) == 6 * sides[1]["asked"]
    assert [data["most_calls"] for data in sides] == [200, 600]
    once, thrice = (data["new"]["tokens_per_1000"] for data in sides)
    assert thrice == pytest.approx(once, rel=0.1)  # not three times as much
    assert opro(*PAIR, "bad.md", "--max-tokens", str(2 * once), "--json").data["checks"][0][
        "passed"
    ]


def test_an_unreadable_answer_breaks_a_threshold_and_counts_as_wrong(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    scorer._say = lambda r: "I cannot say." if BAD in question_of(r) else judge(r)
    said = opro(*PAIR, "bad.md", "--max-unreadable", "2", "--json")
    assert said.code == 4
    (check,) = said.data["checks"]
    assert (check["value"], check["passed"], check["proven"]) == (1.0, False, True)


def test_dollars_that_nobody_knows_are_refused_and_tokens_that_nobody_counts_are_not_0(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    said = opro(*PAIR, "same.md", "--max-usd", "1")
    assert said.code == 2
    assert "--max-usd: the price of scorer scripted/scorer is not known" in said.err
    assert scorer.requests == []

    uncounted = ChatReply("", "stop", None, None, None)
    scorer._say = lambda r: ChatReply(judge(r), *uncounted_fields(uncounted))
    said = opro(*PAIR, "same.md", "--max-tokens", "1e9", "--json")
    (check,) = said.data["checks"]
    assert (check["value"], check["passed"]) == (None, None)
    assert said.code == 5


def uncounted_fields(reply: ChatReply) -> tuple[Any, ...]:
    return (reply.finish_reason, reply.prompt_tokens, reply.completion_tokens, reply.usd)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["c.yaml"], "c.yaml: nothing to compare"),
        (["c.yaml", "-p", "good.md"], "c.yaml: nothing to compare"),
        (["c.yaml", "-p", "gone.md", "-p", "bad.md"], "gone.md: cannot be read"),
        (["c.yaml", "-p", "", "-p", "bad.md"], "an empty name, or a folder, and no file"),
        (["c.yaml", "-p", "good.md", "-p", "whole.md"], "whole.md: a whole prompt, with {{quest"),
        (["gone.yaml", "-p", "good.md", "-p", "bad.md"], "gone.yaml: cannot be read"),
        (["nothing", "-p", "good.md"], "no run"),
        (["d.yaml", "-p", "good.md", "-p", "bad.md"], "its test split is empty"),
        (["p.yaml", "-p", "good.md", "-p", "bad.md"], "searches for solutions"),
        (["c.yaml", "-p", "good.md", "-p", "bad.md", "--margin", "0"], "--margin: expected points"),
        (["c.yaml", "-p", "good.md", "-p", "bad.md", "--margin", "nan"], "--margin: expected poin"),
        (["c.yaml", "-p", "good.md", "-p", "bad.md", "--min-score", "101"], "expected a percent"),
        (["c.yaml", "-p", "good.md", "-p", "bad.md", "--max-tokens", "-1"], "expected a number"),
        (["c.yaml", "-p", "good.md", "-p", "bad.md", "--budget", "euro=1"], "expected usd|calls"),
        (["c.yaml", "-p", "good.md", "-p", "bad.md", "--json", "--markdown"], "one of them"),
        (["c.yaml", "--against", "HEAD"], "--against needs a git repository"),
        (["c.yaml", "--against", "HEAD", "-p", "good.md"], "takes both prompts from the config"),
        (["e.yaml", "-p", "good.md", "-p", "bad.md"], "on a scale of their own"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_asked(
    opro: Opro, folder: Path, scorer: ShuffledModel, arguments: list[str], problem: str
) -> None:
    (folder / "whole.md").write_text("Q: Think.\n{{question}}\n\nA:")
    (folder / "d.yaml").write_text(LARGE.replace("test: 100", "test: 0"))
    (folder / "p.yaml").write_text(
        "task: {problem: regression}\noptimizer: {model: scripted/optimizer}\n"
    )
    (folder / "mine.py").write_text(EVALUATOR)
    (folder / "e.yaml").write_text(
        LARGE.replace("answer: number", "answer: number\n  evaluator: python:mine:Losses")
    )
    said = opro("gate", *arguments)
    assert said.code == 2
    assert problem in said.err
    assert scorer.requests == []
    assert not (folder / "runs").exists()


EVALUATOR = """\
from opro_cli import Evaluation, Scale


class Losses:
    name = "losses"
    roles = ("scorer",)
    scale = Scale(minimise=True, bounded=False)
    splits = True

    async def evaluate(self, candidate, example, call):
        return Evaluation(0.0, "0")
"""


def test_junit_is_read_by_a_parser(opro: Opro, folder: Path, scorer: ShuffledModel) -> None:
    said = opro(*PAIR, "bad.md", "--junit", "gate.xml", "--min-score", "99", "--max-tokens", "1e9")
    assert said.code == 4
    suite = ElementTree.parse(folder / "gate.xml").getroot()
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "3", "failures": "2", "errors": "0", "skipped": "0"}
    first, second, third = suite.findall("testcase")
    assert first.get("name") == "bad.md is not worse than good.md"
    assert [case.find("failure") is None for case in (first, second, third)] == [False, False, True]
    opro(*PAIR, "same.md", "--junit", "gate.xml")
    suite = ElementTree.parse(folder / "gate.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


def test_a_junit_file_that_cannot_be_written_is_told_before_anything_is_asked(
    opro: Opro, scorer: ShuffledModel
) -> None:
    said = opro(*PAIR, "same.md", "--junit", "no/such/gate.xml")
    assert said.code == 2
    assert "--junit: there is no folder no/such" in said.err
    assert scorer.requests == []


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(
    opro: Opro, folder: Path, scorer: ShuffledModel, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    name = "a-prompt-with-a-very-long-name-" * 4
    (folder / f"{name}.md").write_text(BAD)
    said = opro(*PAIR, f"{name}.md", "--min-score", "50", "--max-tokens", "100")
    assert said.code == 4
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("worse: the new prompt is worse, beyond noise, after ")


def test_a_prompt_that_is_empty_is_asked_and_said_to_be(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    (folder / "empty.md").write_text("\n")
    said = opro(*PAIR, "empty.md", "--json")
    assert said.data["notes"] == [
        "empty.md is empty: nothing stands in the place of the old prompt"
    ]
    assert said.data["calls"] == len(scorer.requests) > 0


def test_the_questions_of_another_split_come_with_a_warning(
    opro: Opro, folder: Path, scorer: ShuffledModel
) -> None:
    said = opro(*PAIR, "bad.md", "--split", "dev", "--json")
    assert said.data["rows"] == 5
    assert said.data["notes"] == [
        "the dev questions have tuned the old prompt, which they may flatter"
    ]


Git = Callable[..., None]


@pytest.fixture
def git(folder: Path) -> Git:
    def run(*arguments: str) -> None:
        names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.c"}
        names |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in names.items()}
        empty = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        environment = {**os.environ, **names, **empty}
        subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)

    run("init", "-q", "-b", "main", ".")
    return run


CHAT = """\
  prompt:
    - system: file:prompts/system.md
    - user: "{{question}}"
"""


def commit(git: Git) -> None:
    git("add", "-A")
    git("commit", "-qm", "as it was")


def test_against_a_revision_the_files_of_the_prompt_are_those_of_then(
    opro: Opro, folder: Path, scorer: ShuffledModel, git: Git
) -> None:
    (folder / "c.yaml").write_text(LARGE.replace("search: {", "search: {start: file:good.md, "))
    commit(git)
    assert opro("gate", "c.yaml", "--against", "HEAD").code == 0
    assert scorer.requests == []
    (folder / "good.md").write_text(f"{BAD}\n")
    said = opro("gate", "c.yaml", "--against", "main", "--json")
    assert said.code == 4
    assert said.data["old"] | {"label": "c.yaml at main", "prompt": f"{GOOD}\n"} == said.data["old"]
    assert said.data["new"] | {"label": "c.yaml", "prompt": f"{BAD}\n"} == said.data["new"]
    assert (folder / "good.md").read_text() == f"{BAD}\n"
    commit(git)
    assert opro("gate", "c.yaml", "--against", "HEAD").code == 0
    assert opro("gate", "c.yaml", "--against", "HEAD~1").code == 4


def test_frozen_text_around_the_start_prompt_is_a_part_of_the_prompt(
    opro: Opro, folder: Path, scorer: ShuffledModel, git: Git
) -> None:
    (folder / "prompts").mkdir()
    system = folder / "prompts" / "system.md"
    system.write_text("Be {{{{ kind.\n{{instruction}}\n".replace("{{{{", r"\{{"))
    text = LARGE.replace("  answer: number\n", f"  answer: number\n{CHAT}")
    (folder / "c.yaml").write_text(text.replace("search: {", "search: {start: file:good.md, "))
    commit(git)
    system.write_text(f"{BAD}\n{{{{instruction}}}}\n")
    scorer._say = lambda r: judge_whole(r)
    said = opro("gate", "c.yaml", "--against", "HEAD", "--json")
    assert said.code == 4
    assert said.data["new"]["prompt"].startswith(f"system:\n{BAD}\n{GOOD}")
    sent = {request.messages[0].content for request in scorer.requests if len(request.messages) > 1}
    assert sent == {f"Be {{{{ kind.\n{GOOD}\n\n", f"{BAD}\n{GOOD}\n\n"}
    (run,) = gates(folder)
    assert opro("show", str(run), "--json").code == 0
    assert opro("resume", str(run)).code == 0


def judge_whole(request: ChatRequest) -> str:
    *before, asked = request.messages
    gold = gold_of(request) if "What is" in asked.content else 0
    wrong = before and BAD in before[0].content and gold % 20 in (0, 6, 12)
    return f"The answer is {gold + bool(wrong)}."


@pytest.mark.parametrize(
    ("revision", "problem"),
    [
        ("nowhere", "this repository has no revision 'nowhere'"),
        ("--output=x", "this repository has no revision '--output=x'"),
        ("", "this repository has no revision ''"),
        ("HEAD~1", "c.yaml: is not in revision HEAD~1"),
        ("HEAD~2", "has no revision 'HEAD~2'"),
        ("several", "c.yaml at several: has 2 start prompts"),
        ("broken", "c.yaml at broken: 1 problem"),
        ("torn", "c.yaml at torn:2:9: not YAML"),
        ("moved", "new.md: is not in revision moved"),
    ],
)
def test_a_revision_that_has_no_such_prompt_is_refused(
    opro: Opro, folder: Path, scorer: ShuffledModel, git: Git, revision: str, problem: str
) -> None:
    now = LARGE.replace("search: {", "search: {start: file:good.md, ")
    (folder / "c.yaml").unlink()
    commit(git)
    for name, text in (
        ("several", LARGE.replace("search: {", "search: {start: [a, b], ")),
        ("broken", LARGE.replace("steps: 2", "stepz: 2")),
        ("torn", 'name: sums\ntask: "\\{"\n'),
        ("moved", now.replace("good.md", "new.md")),
    ):
        git("checkout", "-q", "-b", name)
        (folder / "c.yaml").write_text(text)
        commit(git)
        git("checkout", "-q", "main")
    (folder / "c.yaml").write_text(now)
    commit(git)
    said = opro("gate", "c.yaml", "--against", revision)
    assert said.code == 2
    assert problem in said.err
    assert scorer.requests == []
    assert not (folder / "x").exists()


def test_a_file_outside_of_the_repository_has_no_revisions(
    opro: Opro, folder: Path, scorer: ShuffledModel, git: Git
) -> None:
    outside = folder.parent / f"{folder.name}-outside.md"
    outside.write_text(GOOD)
    start = f'search: {{start: "file:../{outside.name}", '
    (folder / "c.yaml").write_text(LARGE.replace("search: {", start))
    commit(git)
    said = opro("gate", "c.yaml", "--against", "HEAD")
    assert said.code == 2
    assert "is outside of the repository" in said.err


def test_other_changes_of_the_config_are_told(
    opro: Opro, folder: Path, scorer: ShuffledModel, git: Git
) -> None:
    old = LARGE.replace("search: {", "search: {start: file:good.md, ")
    (folder / "c.yaml").write_text(old)
    commit(git)
    (folder / "good.md").write_text(BAD)
    (folder / "c.yaml").write_text(old.replace("scorer}", "scorer, temperature: 0.5}"))
    said = opro("gate", "c.yaml", "--against", "HEAD", "--json")
    assert said.data["notes"] == [
        "c.yaml at HEAD differs in scorer.temperature, too: both prompts are asked as c.yaml has it"
    ]


@pytest.mark.parametrize("is_absolute", [False, True])
def test_a_config_in_a_folder_differs_in_nothing_but_its_prompt(
    opro: Opro, folder: Path, scorer: ShuffledModel, git: Git, is_absolute: bool
) -> None:
    """Rows of the same name lie in the current folder, too, and its own are a link."""
    below = folder / "below"
    below.mkdir()
    shutil.copy(folder / "train.jsonl", folder / "rows.jsonl")
    (below / "train.jsonl").symlink_to("../rows.jsonl")
    shutil.copy(folder / "good.md", below / "p.md")
    (below / "c.yaml").write_text(LARGE.replace("search: {", "search: {start: file:p.md, "))
    commit(git)
    (below / "p.md").write_text(f"{BAD}\n")
    config = str(below / "c.yaml") if is_absolute else "below/c.yaml"
    said = opro("gate", config, "--against", "HEAD", "--json")
    assert said.code == 4
    assert said.data["notes"] == []


@pytest.mark.parametrize("place", ["", "/"])
def test_a_prompt_that_is_named_from_elsewhere_is_that_of_then(
    opro: Opro, folder: Path, scorer: ShuffledModel, git: Git, place: str
) -> None:
    """From the current folder, or by its whole path."""
    below = folder / "below"
    below.mkdir()
    shutil.move(folder / "train.jsonl", below / "train.jsonl")
    name = f"{folder.resolve()}/good.md" if place else "good.md"
    (below / "c.yaml").write_text(LARGE.replace("search: {", f"search: {{start: file:{name}, "))
    commit(git)
    (folder / "good.md").write_text(f"{BAD}\n")
    said = opro("gate", "below/c.yaml", "--against", "HEAD", "--json")
    assert said.data["old"]["prompt"] == f"{GOOD}\n"
    assert said.data["new"]["prompt"] == f"{BAD}\n"


def test_without_git_the_other_way_is_told(
    opro: Opro, scorer: ShuffledModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    said = opro("gate", "c.yaml", "--against", "HEAD")
    assert said.code == 2
    assert "--against needs git, and there is none on this machine" in said.err
    assert "--prompt OLD --prompt NEW" in said.err


def test_a_chat_that_cannot_hold_its_prompt_is_refused() -> None:
    """A backslash before a hole would escape it."""
    glued = parse_chat((("user", "{{instruction}}{{question}}"),))
    apart = parse_chat((("user", "{{instruction}} {{question}}"),))
    one, other = Version("one", "Add \\", glued, {}), Version("other", "Add \\", apart, {})
    with pytest.raises(UsageError, match="one: its prompt cannot be put into its messages"):
        write_prompts(one, other)
    assert write_prompts(other, other) == (("Add \\", ""), ("Add \\", ""))
