"""Parts from outside opro, by `python:MODULE:NAME` and by entry points, under the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CONFIG = """\
task:
  data: {{train: rows.jsonl, input: question, target: answer, split: {{train: 4, dev: 0, test: 2}}}}
  answer: number
  evaluator: "{evaluator}"
search:
  strategy: "{strategy}"
  steps: 2
  initial_instructions: ["1"]
  baselines: []
  noise_check: false
"""
PARTS = '''\
from opro_cli import Draft, Evaluation, Evaluator, Solution, Strategy


class Count(Strategy):
    """Counts upwards."""

    name = "count"

    def propose(self, view, step):
        return [Draft(Solution(str(step + n))) for n in (1, 2)]

    def read(self, reply, ask):
        return []


class Near(Evaluator):
    """How near a number is to the target; no model is asked."""

    name = "near"

    async def evaluate(self, candidate, example, call):
        distance = abs(float(candidate.text) - float(example.target))
        return Evaluation(1 / (1 + distance), candidate.text)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config's folder with parts beside it."""
    (tmp_path / "project").mkdir()
    rows = [{"question": f"{n}?", "answer": "4"} for n in range(6)]
    (tmp_path / "project/rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "project/parts.py").write_text(PARTS)
    return tmp_path / "project"


def opro(*arguments: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    places = [root, *([str(path)] if path else [])]
    return subprocess.run(
        [sys.executable, "-m", "opro_cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
    )


def write(folder: Path, strategy: str, evaluator: str) -> Path:
    config = folder / "c.yaml"
    config.write_text(CONFIG.format(strategy=strategy, evaluator=evaluator))
    return config


def run_of(folder: Path) -> Path:
    (run,) = (folder / "runs").glob("[!.]*-*")
    return run


def test_parts_beside_the_config_search_and_score_without_any_model(folder: Path) -> None:
    config = write(folder, "python:parts:Count", "python:parts:Near")
    elsewhere = folder.parent
    done = opro("optimize", str(config), "--plain", "--json", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["best"]["instruction"] == "4"
    parts = json.loads((run_of(elsewhere) / "run.json").read_text())["parts"]
    assert parts["search.strategy"]["name"] == "python:parts:Count"
    assert len(parts["task.evaluator"]["sha256"]) == 64


LOSS = '''
from opro_cli import Scale


class Far(Near):
    """Squared distance to the target: less is better, and there is no bound."""

    scale = Scale(minimise=True, bounded=False)

    async def evaluate(self, candidate, example, call):
        return 1e300 * (float(candidate.text) - float(example.target)) ** 2
'''


def test_a_loss_without_a_bound_is_minimised_read_back_and_resumed(folder: Path) -> None:
    (folder / "parts.py").write_text(PARTS + LOSS)
    config = write(folder, "python:parts:Count", "python:parts:Far")
    done = opro("optimize", str(config), "--plain", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["best"]["instruction"] == "4"
    run = run_of(folder)
    for command in (["show", run.name], ["runs"], ["diff", f"{run.name}@start", run.name]):
        shown = opro(*command, cwd=folder)
        assert shown.returncode == 0, shown.stderr
    (run / "result.json").unlink()
    assert opro("resume", run.name, "--plain", cwd=folder).returncode == 0


SILENT = """

class Silent(Far):
    async def evaluate(self, candidate, example, call):
        if candidate.text == "2":
            return Evaluation(None, None)
        return await super().evaluate(candidate, example, call)
"""


@pytest.mark.parametrize("scale", ["minimise=True, bounded=False", "bounded=False"])
def test_scores_that_are_no_shares_are_not_raced(folder: Path, scale: str) -> None:
    loss = LOSS.replace("minimise=True, bounded=False", scale)
    (folder / "parts.py").write_text(PARTS + loss.replace("1e300", "10"))
    config = write(folder, "python:parts:Count", "python:parts:Far")
    rows = [{"question": f"{n}?", "answer": str(n % 7)} for n in range(60)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    wider = config.read_text().replace("train: 4,", "train: 40,").replace("steps: 2", "steps: 4")
    config.write_text(wider)
    done = opro("optimize", str(config), "--plain", cwd=folder)
    assert done.returncode == 0, done.stderr


def test_a_loss_is_never_good_for_want_of_a_value(folder: Path) -> None:
    (folder / "parts.py").write_text(PARTS + LOSS + SILENT)
    config = write(folder, "python:parts:Count", "python:parts:Silent")
    stopped = opro("optimize", str(config), "--plain", cwd=folder)
    assert stopped.returncode == 1
    assert "python:parts:Silent found no value on " in stopped.stderr
    assert "return the value of the worst answer there is" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_a_strategy_that_shows_shares_is_refused_beside_a_loss(folder: Path) -> None:
    (folder / "parts.py").write_text(PARTS + LOSS)
    config = write(folder, "opro", "python:parts:Far")
    config.write_text(config.read_text() + "optimizer: {model: embedded/tiny-optimizer}\n")
    refused = opro("optimize", str(config), "--plain", cwd=folder)
    assert refused.returncode == 2
    assert "search.strategy opro shows scores from 0 to 100" in refused.stderr
    assert not (folder / "runs").exists()


TRAJECTORY = """

class Improve(Count):
    def propose(self, view, step):
        best = view.trajectory()[-1]
        assert view.score(best) < 0
        return [Draft(Solution(str(float(best.instruction) + 1)))]
"""


def test_the_trajectory_of_losses_is_not_cut_at_a_threshold_of_shares(folder: Path) -> None:
    (folder / "parts.py").write_text(PARTS + LOSS + TRAJECTORY)
    config = write(folder, "python:parts:Improve", "python:parts:Far")
    done = opro("optimize", str(config), "--plain", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["best"]["instruction"] == "3.0"


SHOWN = """

from opro_cli import Demo, Prompt


class Shown(Strategy):
    name = "shown"
    needs = frozenset({"demos"})

    def propose(self, view, step):
        start = view.candidates()[0]
        return [Draft(Prompt(start.instruction, (Demo(step, start.id),)))]

    def read(self, reply, ask):
        return []
"""


def test_a_demonstration_shows_a_recorded_reply_also_in_a_resume(folder: Path) -> None:
    (folder / "parts.py").write_text(PARTS + SHOWN)
    config = write(folder, "python:parts:Shown", "model")
    models = "scorer: {model: embedded/tiny-mistral, temperature: 0, max_tokens: 40}\n"
    models += "optimizer: {model: embedded/tiny-optimizer}\n"
    config.write_text(config.read_text() + models)
    done = opro("optimize", str(config), "--plain", "--no-preflight", cwd=folder)
    assert done.returncode == 0, done.stderr
    journal = run_of(folder) / "events.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    started = next(n for n, line in enumerate(lines) if '"step":1' in line)
    journal.write_text("".join(lines[: started + 1]))
    for name in ("result.json", "snapshot.msgpack"):
        (run_of(folder) / name).unlink()
    resumed = opro("resume", run_of(folder).name, "--plain", "--no-preflight", cwd=folder)
    assert resumed.returncode == 0, resumed.stderr


def test_a_resume_under_another_content_is_refused(folder: Path) -> None:
    config = write(folder, "python:parts:Count", "python:parts:Near")
    assert opro("optimize", str(config), "--plain", cwd=folder).returncode == 0
    run = run_of(folder)
    (run / "result.json").unlink()
    (folder / "parts.py").write_text(PARTS.replace("(1, 2)", "(2, 3)"))
    refused = opro("resume", run.name, "--plain", cwd=folder)
    assert refused.returncode == 2
    assert "not the part that the run began with (sha256 was" in refused.stderr
    (folder / "parts.py").write_text(PARTS)
    assert opro("resume", run.name, "--plain", cwd=folder).returncode == 0


MODELS = """


def answer(chat, temperature):
    assert chat[-1]["role"] == "user" and temperature == 0
    return "4"


class Proposes:
    \"\"\"A model that takes its section of the config.\"\"\"

    def __init__(self, settings):
        self.name = settings.model

    async def reply(self, request):
        return ChatReply("<INS>Count.</INS>", "stop", 3, 2, None)

    async def aclose(self):
        pass
"""
OWN_MODELS = """\
scorer: {model: "python:parts:answer", temperature: 0}
optimizer: {model: "python:parts:Proposes"}
"""


def write_models(folder: Path) -> Path:
    (folder / "parts.py").write_text("from opro_cli import ChatReply\n" + PARTS + MODELS)
    config = folder / "opro.yaml"
    plain = CONFIG.format(strategy="opro", evaluator="model").replace("steps: 2", "steps: 1")
    config.write_text(plain + OWN_MODELS)
    return config


def test_models_may_be_a_function_and_a_class_beside_the_config(folder: Path) -> None:
    config = write_models(folder)
    elsewhere = folder.parent
    assert opro("check", str(config), cwd=elsewhere).returncode == 0
    done = opro("optimize", str(config), "--plain", "--json", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["best"]["scores"]["train"]["mean"] == 1.0
    assert result["candidates"] == 2
    run = run_of(elsewhere)
    parts = json.loads((run / "run.json").read_text())["parts"]
    assert parts["scorer.model"]["file"] == parts["optimizer.model"]["file"] == "parts.py"
    (run / "result.json").unlink()
    assert opro("resume", run.name, "--plain", cwd=elsewhere).returncode == 0
    (folder / "parts.py").write_text((folder / "parts.py").read_text() + "\n# edited\n")
    (run / "result.json").unlink()
    refused = opro("resume", run.name, "--plain", cwd=elsewhere)
    assert refused.returncode == 2
    assert "not the part that the run began with (sha256 was" in refused.stderr


def test_replies_of_a_model_that_may_be_edited_are_not_cached_unasked(folder: Path) -> None:
    config = write_models(folder)
    calls = []
    for _ in range(2):
        done = opro("optimize", str(config), "--plain", "--json", cwd=folder)
        assert done.returncode == 0, done.stderr
        calls.append(json.loads(done.stdout)["spend"]["calls"])
    assert calls[0] == calls[1] > 8


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("python:parts:nothing", "has no nothing"),
        ("python:nowhere:answer", "importing nowhere failed: ModuleNotFoundError"),
        ("python:parts:NUMBER", "python:parts:NUMBER is of type int, and not a model"),
        ("python:parts:Count", "python:parts:Count is a class without `reply`, and not a model"),
        ("python:parts:Broken", "(settings) raised KeyError: 'no'"),
        ("python:parts", "or python:MODULE:NAME, found 'python:parts'"),
    ],
)
@pytest.mark.parametrize("verb", ["check", "optimize"])
def test_what_is_no_model_is_refused_before_anything_is_made(
    folder: Path, verb: str, name: str, problem: str
) -> None:
    config = write_models(folder)
    broken = "\n\nNUMBER = 4\n\n\nclass Broken(Proposes):\n    def __init__(self, settings):\n"
    broken = (folder / "parts.py").read_text() + broken + "        raise KeyError('no')\n"
    (folder / "parts.py").write_text(broken)
    config.write_text(config.read_text().replace("python:parts:answer", name))
    refused = opro(verb, str(config), cwd=folder)
    assert refused.returncode == 2
    assert problem in refused.stderr
    assert "scorer.model: " in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (folder / "runs").exists()


def test_eval_asks_the_parts_beside_its_config_and_asks_anew_once_they_change(folder: Path) -> None:
    config = write_models(folder)
    asked = ["eval", str(config), "-p", "a", "--json"]
    for _ in range(2):  # the second time nothing is missing
        done = opro(*asked, cwd=folder.parent)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)[0]["mean"] == 1.0
    assert len(list((folder.parent / "runs/evals").glob("[!.]*"))) == 1
    edited = (folder / "parts.py").read_text().replace('return "4"', 'return "5"')
    (folder / "parts.py").write_text(edited)
    again = opro(*asked, cwd=folder.parent)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)[0]["mean"] == 0.0


def test_a_grading_function_is_looked_for_beside_the_config_first(folder: Path) -> None:
    config = write_models(folder)
    (folder / "graded.py").write_text("def grade(reply, target, question):\n    return 0.25\n")
    (folder.parent / "graded.py").write_text(
        "def grade(reply, target, question):\n    return 1.0\n"
    )
    plain = config.read_text().replace("answer: number", 'answer: "python:graded:grade"')
    config.write_text(plain)
    done = opro("optimize", str(config), "--plain", "--json", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["best"]["scores"]["train"]["mean"] == 0.25
    run = run_of(folder.parent)
    (run / "result.json").unlink()
    assert opro("resume", run.name, "--plain", cwd=folder.parent).returncode == 0


def test_the_cells_of_a_sweep_find_the_parts_beside_its_file(folder: Path) -> None:
    config = write(folder, "python:parts:Count", "python:parts:Near")
    (folder / "grid.yaml").write_text(f"base: {config.name}\nmatrix: {{search.seed: [0, 1]}}\n")
    elsewhere = folder.parent
    for how in (["--dry-run"], [], []):  # the last one finds that all is finished
        done = opro("sweep", str(folder / "grid.yaml"), *how, "--json", cwd=elsewhere)
        assert done.returncode == 0, done.stderr
    assert [row["status"] for row in json.loads(done.stdout)] == ["finished"] * 2


BROKEN = {
    "return 1 / 0": "failed in propose: ZeroDivisionError: division by zero",
    "return None": "failed in propose: TypeError: 'NoneType' object is not iterable",
    "return [4]": "failed in propose: TypeError: expected an Ask of messages, or a Draft of",
    "return [Draft(None)]": "failed in propose: TypeError: expected an Ask",
    "return [Ask(None)]": "failed in propose: TypeError: 'NoneType' object is not iterable",
    "return [Ask(['hello'])]": "failed in propose: TypeError: expected an Ask of messages",
    "return [Ask((Message('user', 'x'),))]": "failed in read: KeyError: 'reply'",
}


def test_a_reply_read_as_a_text_is_not_taken_letter_by_letter(folder: Path) -> None:
    text = "class Texts(Count):\n    name = 'texts'\n\n    def propose(self, view, step):\n"
    text += "        return [Ask((Message('user', 'x'),))]\n\n    def read(self, reply, ask):\n"
    text = f"from opro_cli import Ask, Message\n{PARTS}\n\n{text}        return 'Add.'\n"
    (folder / "parts.py").write_text(text)
    config = write(folder, "python:parts:Texts", "python:parts:Near")
    config.write_text(config.read_text() + "optimizer: {model: embedded/tiny-optimizer}\n")
    failed = opro("optimize", str(config), "--plain", "--no-preflight", cwd=folder)
    assert failed.returncode == 1
    assert "failed in read: TypeError: expected a sequence of candidates" in failed.stderr


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_strategy_is_blamed_and_loses_no_answer(folder: Path, line: str) -> None:
    broken = "class Broken(Count):\n    name = 'broken'\n\n    def propose(self, view, step):\n"
    broken += (
        f"        {line}\n\n    def read(self, reply, ask):\n        raise KeyError('reply')\n"
    )
    (folder / "parts.py").write_text(f"from opro_cli import Ask, Message\n{PARTS}\n\n{broken}")
    config = write(folder, "python:parts:Broken", "python:parts:Near")
    config.write_text(config.read_text() + "optimizer: {model: embedded/tiny-optimizer}\n")
    failed = opro("optimize", str(config), "--plain", "--no-preflight", cwd=folder)
    assert failed.returncode == 1
    assert f"opro: search.strategy broken {BROKEN[line]}" in failed.stderr
    assert "hint: correct it and start a new run: this one resumes only" in failed.stderr
    assert "Traceback" not in failed.stderr
    events = (run_of(folder) / "events.jsonl").read_text()
    assert events.count('"event":"answered"') == 4
    assert '"reason":"failed"' in events


PRINTS = """

print("noise on import")


def chatty(chat):
    print("noise in a model")
    return "4"
"""


def test_what_a_part_prints_is_not_on_the_stdout_of_json(folder: Path) -> None:
    config = write_models(folder)
    (folder / "parts.py").write_text((folder / "parts.py").read_text() + PRINTS)
    config.write_text(config.read_text().replace("parts:answer", "parts:chatty"))
    for verb in ("check", "optimize"):
        done = opro(verb, str(config), "--json", cwd=folder)
        assert done.returncode == 0, done.stderr
        json.loads(done.stdout)
        assert "noise on import" in done.stderr
    assert "noise in a model" in done.stderr


def test_a_model_that_fails_is_not_said_to_resume_once_it_is_mended(folder: Path) -> None:
    config = write_models(folder)
    broken = (folder / "parts.py").read_text().replace('return "4"', "return None")
    (folder / "parts.py").write_text(broken)
    failed = opro("optimize", str(config), "--plain", "--no-preflight", cwd=folder)
    assert failed.returncode == 1
    assert "opro: python:parts:answer returned NoneType, not a text or a Reply\n" in failed.stderr
    assert "hint: correct it and start a new run: this one resumes only" in failed.stderr
    assert "opro resume" not in failed.stderr


def install(site: Path, name: str, version: str, **points: str) -> None:
    """Make a distribution's metadata, as an installer would."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"[opro.{group}]\n{point}\n" for group, point in points.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))


def test_an_installed_part_is_found_by_its_name_and_pinned_by_its_version(folder: Path) -> None:
    site = folder.parent / "site"
    points = {"strategies": "count = mine:Count", "evaluators": "near = mine:Near"}
    install(site, "mine", "1.0", **points)
    (site / "mine.py").write_text(PARTS)
    config = write(folder, "count", "near")
    done = opro("optimize", str(config), "--plain", cwd=folder, path=site)
    assert done.returncode == 0, done.stderr
    parts: dict[str, Any] = json.loads((run_of(folder) / "run.json").read_text())["parts"]
    assert parts["search.strategy"] == {"name": "count", "distribution": "mine", "version": "1.0"}
    (run_of(folder) / "result.json").unlink()
    (site / "mine-1.0.dist-info").rename(site / "mine-2.0.dist-info")
    metadata = site / "mine-2.0.dist-info/METADATA"
    metadata.write_text(metadata.read_text().replace("1.0", "2.0"))
    refused = opro("resume", run_of(folder).name, "--plain", cwd=folder, path=site)
    assert refused.returncode == 2
    assert "version was 1.0, is 2.0" in refused.stderr


OFFERED = '''\
from opro_cli import ChatReply, Grade
from opro_cli.datasets.formats import Row


class Loud:
    """Right when the reply shouts the target."""

    def __init__(self, argument):
        self.argument = argument

    def target(self, raw):
        return raw.upper() + self.argument

    def grade(self, reply, example, prompt=""):
        return Grade(reply, float(reply == example.target))


class Echo:
    """Says the question again, in capitals; as an optimizer, an instruction."""

    def __init__(self, settings):
        self.name = settings.model

    async def reply(self, request):
        text = request.messages[-1].content
        meta = "generate" in text
        lines = text.split("\\n")
        question = lines[-3] if len(lines) > 2 else "ready"
        said = "<INS>Shout.</INS>" if meta else question.removeprefix("Q: ").upper() + "!"
        return ChatReply(said, "stop", 1, 1, 0.0)

    async def aclose(self):
        pass


def rows(source, columns=None):
    for number in range(8):
        yield Row(number + 1, {"question": f"hello{number}", "answer": f"hello{number}"})


def greet(name: str = "you"):
    """Greet somebody."""
    print(f"hello {name}")
'''
LOUD = """\
task:
  data: {train: "greetings://all", input: question, target: answer, split: {train: 4, dev: 0}}
  answer: "loud:!"
scorer: {model: echo/one}
optimizer: {model: echo/two}
search: {steps: 1, candidates_per_step: 1, baselines: [], noise_check: false}
"""


def test_metrics_models_data_and_commands_may_be_installed_too(folder: Path) -> None:
    site = folder.parent / "site"
    points = {
        "metrics": "loud = offered:Loud",
        "models": "echo = offered:Echo",
        "datasets": "greetings = offered:rows",
        "commands": "greet = offered:greet",
    }
    install(site, "offers", "1.0", **points)
    (site / "offered.py").write_text(OFFERED)
    (folder / "loud.yaml").write_text(LOUD)
    done = opro("optimize", "loud.yaml", "--plain", "--json", cwd=folder, path=site)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["best"]["scores"]["train"]["mean"] == 1.0
    parts = json.loads((run_of(folder) / "run.json").read_text())["parts"]
    assert parts.keys() == {"task.answer", "scorer.model", "optimizer.model"}
    (site / "offered.py").write_text(OFFERED.replace("lines = ", "lines = 1 / 0 or "))
    broken = opro("optimize", "loud.yaml", "--plain", cwd=folder, path=site)
    assert broken.returncode == 1
    assert "opro: echo/two raised ZeroDivisionError: division by zero" in broken.stderr
    assert opro("greet", "--name", "Ada", cwd=folder, path=site).stdout == "hello Ada\n"
    unknown = opro("greet", cwd=folder)
    assert unknown.returncode == 2
    assert "No such command" in unknown.stderr


@pytest.mark.parametrize(
    ("strategy", "evaluator", "complaint"),
    [
        ("nobody", "python:parts:Near", "expected one of opro, paper-gpt"),
        ("python:nobody:X", "python:parts:Near", "importing nobody failed"),
        ("python:parts:X", "python:parts:Near", "has no X"),
        ("python:parts", "python:parts:Near", "expected python:MODULE:NAME"),
        ("python:parts:Count", "nobody", "expected model or python:MODULE:NAME"),
        ("python:parts:Count", "python:parts:Count", "has no method evaluate"),
        ("python:parts:Count", "model", "scorer"),
        ("opro", "python:parts:Near", "optimizer"),
        (
            "python:os:getcwd",
            "python:parts:Near",
            "not a strategy: it has no propose, read, reject",
        ),
        ("python:os:PathLike", "python:parts:Near", "is not a strategy"),
    ],
)
def test_a_part_that_is_not_there_is_told_before_a_run_exists(
    folder: Path, strategy: str, evaluator: str, complaint: str
) -> None:
    refused = opro("optimize", str(write(folder, strategy, evaluator)), "--plain", cwd=folder)
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not list((folder / "runs").glob("c-*"))


SPREAD = '''

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Spread:
    """How far a step looks."""

    steps: tuple[int, ...] = (1, 2)
    share: float | None = None
    order: Literal["up", "down"] = "up"
    keep: bool = True
    label: str = ""

    def __post_init__(self):
        if min(self.steps) < 1:
            raise ValueError("steps: expected numbers of at least 1")


class Wide(Count):
    name = "wide"
    Options = Spread

    def propose(self, view, step):
        assert isinstance(view.options, Spread), view.options
        return [Draft(Solution(str(step + n))) for n in view.options.steps]


class Plain(Count):
    name = "plain"

    def propose(self, view, step):
        return [Draft(Solution(str(step + view.options["by"])))]


class Odd(Count):
    @dataclass(frozen=True)
    class Options:
        when: complex = 1j
'''


def write_options(folder: Path, name: str, options: str) -> Path:
    (folder / "parts.py").write_text(PARTS + SPREAD)
    config = write(folder, f"python:parts:{name}", "python:parts:Near")
    config.write_text(f"{config.read_text()}  options: {options}\n")
    return config


@pytest.mark.parametrize(
    ("name", "options"),
    [("Wide", "{}"), ("Wide", "{steps: [1, 2], share: 1, order: down}"), ("Plain", "{by: 2}")],
)
def test_a_strategy_gets_its_options_as_it_declares_them(
    folder: Path, name: str, options: str
) -> None:
    config = write_options(folder, name, options)
    elsewhere = folder.parent
    for command in (["check"], ["optimize", "--dry-run"]):
        assert opro(*command, str(config), cwd=elsewhere).returncode == 0
    done = opro("optimize", str(config), "--plain", "--json", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["best"]["instruction"] == "4"


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("Wide", "{step: [1]}", 'search.options.step: no such key; did you mean "steps"?'),
        (
            "Wide",
            "{steps: [x]}",
            "search.options.steps: expected a list, each a whole number, found ['x']",
        ),
        (
            "Wide",
            "{share: yes, keep: 1}",
            "search.options.share: expected a number, or null, found true\n"
            "search.options.keep: expected true or false, found 1",
        ),
        ("Wide", "{label: 3}", "search.options.label: expected some text, found 3"),
        (
            "Wide",
            "{order: dwn}",
            "search.options.order: expected one of up, down (did you mean \"down\"?), found 'dwn'",
        ),
        ("Wide", "{steps: [0]}", "search.options: steps: expected numbers of at least 1"),
        ("Odd", "{when: 1}", "Odd.Options cannot be read: no value of a config is a complex"),
    ],
)
def test_options_that_a_strategy_does_not_declare_are_refused_before_anything_is_asked(
    folder: Path, name: str, options: str, complaint: str
) -> None:
    config = write_options(folder, name, options)
    for command in (["check"], ["optimize", "--plain"]):
        refused = opro(*command, str(config), cwd=folder)
        assert refused.returncode == 2
        assert all(line in refused.stderr for line in complaint.split("\n"))
        assert "Traceback" not in refused.stderr
    assert not list(folder.glob("runs/[!.]*"))


def test_the_code_of_a_strategy_is_not_run_to_show_a_config(folder: Path) -> None:
    config = write_options(folder, "Wide", "{step: [1]}")
    (folder / "parts.py").write_text("raise SystemExit('was imported')")
    shown = opro("config", str(config), cwd=folder)
    assert shown.returncode == 0, shown.stderr
    assert "was imported" in opro("check", str(config), cwd=folder).stderr
