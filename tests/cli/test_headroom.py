"""`opro check --headroom`, and the probe of `opro optimize`: what is asked, said, paid and kept."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from opro_cli import wiring
from opro_cli.app import probe_plan
from opro_cli.cli import probe
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Probed, Proposed
from opro_cli.core.stats.intervals import find_least_gain
from opro_cli.core.task.content import digest_rows
from opro_cli.reports import headroom as judging
from opro_cli.store.journal import read_events
from opro_cli.store.use_ledger import FileTestLedger, UseOrigin, find_ledger_path
from tests.cli.conftest import Opro
from tests.cli.test_cache_process import ready, rewrite
from tests.cli.test_process import Bench, new_server
from tests.loop.runs import ShuffledModel
from tests.server import LocalServer, LogEntry


def change(folder: Path, old: str, new: str) -> None:
    text = (folder / "c.yaml").read_text("utf-8")
    assert old in text
    (folder / "c.yaml").write_text(text.replace(old, new))


AT_END = '{"demos":[],"layout":{"position":"Q_end","qa_markers":null}}'
"""The form of a prompt."""


@pytest.fixture
def wide(folder: Path) -> Path:
    """More train rows, and no question that is asked twice on purpose."""
    change(folder, "train: 6, dev: 5, test: 7", "train: 14, dev: 5, test: 7")
    change(folder, "steps: 2", "noise_check: false, steps: 2")
    return folder


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any search is large enough to be probed first, and few rows are enough for a "no"."""
    monkeypatch.setattr(probe_plan, "DUE_CALLS", 20)
    monkeypatch.setattr(judging, "ROWS_FOR_NO", 4)


@pytest.fixture
def probes(wide: Path) -> Path:
    return wide / "runs" / "headroom"


def count(model: ShuffledModel) -> int:
    return model.asked().total()


def test_it_says_what_it_found_and_exits_with_0(opro: Opro, wide: Path) -> None:
    said = opro("check", "c.yaml", "--headroom")
    assert said.code == 0
    first = said.out.splitlines()[0]
    assert first.startswith(("go: ", "no: ", "cannot tell: "))
    assert "names the answers" in said.out
    assert "93 calls; the search takes 13 answers from here, unasked" in said.out
    assert "at most 150 calls" in said.err
    assert "no runs" in opro("runs").out + opro("runs").err  # it is none of them


def test_json_has_the_finding_beside_the_facts(
    opro: Opro, wide: Path, model: ShuffledModel
) -> None:
    found = opro("check", "c.yaml", "--headroom", "--json").data
    assert found["calls_expected"] > 0
    finding = found["headroom"]
    assert finding["outcome"] in ("go", "no", "cannot tell")
    assert finding["kind"] in headroom_kinds()
    assert finding["interval"][0] <= finding["gain"] <= finding["interval"][1]
    assert 0 <= finding["chance"] <= 1
    assert finding["calls"] == count(model) <= 150
    assert set(finding["least_gain"]) == {"dev", "test"}
    assert {"name", "instruction", "rows", "score", "start_score", "unreadable"} == set(
        finding["tried"][0]
    )
    again = opro("check", "c.yaml", "--headroom", "--json").data
    assert again["headroom"] == finding
    assert count(model) == finding["calls"]  # nothing is asked a second time
    assert "headroom" not in opro("check", "c.yaml", "--json").data


def headroom_kinds() -> tuple[str, ...]:
    return ("format", "bias", "room", "wording", "knowledge", "none", "unknown")


@pytest.mark.parametrize("calls", [400, 800, 1200, 3000])
def test_it_takes_five_percent_of_the_calls_at_most(
    opro: Opro, wide: Path, model: ShuffledModel, calls: int
) -> None:
    (wide / "c.yaml").write_text((wide / "c.yaml").read_text() + f"budget: {{calls: {calls}}}\n")
    finding = opro("check", "c.yaml", "--headroom", "--json").data["headroom"]
    assert count(model) == finding["calls"] <= min(150, calls // 20)
    if calls == 400:
        assert (finding["outcome"], finding["folder"], count(model)) == ("cannot tell", None, 0)
        assert "too little for a probe" in finding["sentence"]
    else:
        assert finding["rows"] >= 10


def test_of_three_start_prompts_with_plain_forms_two_are_asked(
    opro: Opro, wide: Path, model: ShuffledModel
) -> None:
    change(wide, "steps: 2", "start: [Add., Count., Sum.], initial_forms: ['', '', ''], steps: 2")
    finding = opro("check", "c.yaml", "--headroom", "--json").data["headroom"]
    assert finding["rows"] >= 10


@pytest.mark.parametrize("group", ["", "group: doc, "])
def test_one_figure_says_what_the_test_rows_can_prove(
    opro: Opro, wide: Path, model: ShuffledModel, group: str
) -> None:
    rows = [
        {"question": f"What is {n} plus {n}?", "answer": 2 * n, "doc": n // 2} for n in range(200)
    ]
    (wide / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    change(wide, "train: 14, dev: 5, test: 7", "train: 14, dev: 40, test: 100")
    change(
        wide, "    input: question", f"    {group.replace(', ', chr(10) + '    ')}input: question"
    )
    settings = wiring.read_config(Path("c.yaml"), [])
    test = digest_rows(wiring.load_data(settings, folders=(wide,)).examples["test"], "question")
    for used, threshold in ((0, 0.05), (2, 0.1 / 12)):
        for number in range(used):
            ledger = FileTestLedger(find_ledger_path(), UseOrigin(str(number), "c", "t"))
            drawn = ledger.draw(Candidate("a", "A.", 0), Candidate("b", "B.", 1), test)
            ledger.close(drawn.use, "not_distinguishable", str(number), repeats=False)
        found = opro("check", "c.yaml", "--headroom", "--json").data
        least = found["test_use"]["least_gain"]
        assert (found["test_use"]["earlier"], found["test_use"]["threshold"]) == (used, threshold)
        assert found["headroom"]["least_gain"]["test"] == least
        assert least == find_least_gain(50 if group else 100, alpha=threshold)
        figures = [note for note in found["notes"] if "a gain of some" in note]
        (figure,) = figures
        assert f"a gain of some {100 * least:.0f} points or more" in figure


def test_dollars_bind_it_too(opro: Opro, wide: Path, model: ShuffledModel) -> None:
    change(wide, "model: scripted/scorer", "model: scripted/scorer, price: {input: 1, output: 1}")
    change(
        wide, "model: scripted/optimizer", "model: scripted/optimizer, price: {input: 1, output: 1}"
    )
    text = (wide / "c.yaml").read_text()
    (wide / "c.yaml").write_text(text + "budget: {usd: 0.5}\n")
    finding = opro("check", "c.yaml", "--headroom", "--json").data["headroom"]
    events = list(read_events(Path(finding["folder"]) / "events.jsonl"))
    assert sum(getattr(event, "usd", 0) or 0 for event in events if hasattr(event, "text")) <= 0.025


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("steps: 2", "steps: 0", "no steps"),
        ("steps: 2", 'strategy: prune, start: "Add. Count."', "search.strategy prune drops parts"),
        (
            "steps: 2",
            f"start: Add., initial_forms: ['{AT_END}']",
            "its start prompts have forms",
        ),
        ("train: 14,", "train: 4,", ""),
    ],
)
def test_what_cannot_be_probed_is_said(
    opro: Opro, wide: Path, model: ShuffledModel, old: str, new: str, words: str
) -> None:
    change(wide, old, new)
    said = opro("check", "c.yaml", "--headroom")
    assert count(model) == 0
    if words:
        assert (said.code, words in said.err) == (2, True)
    else:
        assert said.code == 0
        assert "cannot tell: 4 train rows are too few" in said.out


@pytest.mark.parametrize("way", ["plain", "warm", "no cache"])
def test_the_search_that_follows_asks_nothing_twice(
    opro: Opro, probes: Path, model: ShuffledModel, way: str, due: None
) -> None:
    """By text and seed: a warm scorer, and one without a cache, are asked as little again."""
    if way == "warm":
        change(probes.parents[1], "scorer}", "scorer, temperature: 0.7}")
    more = ("--no-cache",) if way == "no cache" else ()
    if way != "no cache":
        assert opro("check", "c.yaml", "--headroom").code == 0
    before = count(model)
    said = opro("optimize", "c.yaml", "--json", *more)
    assert said.code == 0
    assert count(model) > before
    hello = {text for text, _ in model.asked() if "one word" in text}
    twice = {key: n for key, n in model.asked().items() if n > 1 and key[0] not in hello}
    assert twice == {}
    assert said.data["spend"]["cached_calls"] >= 11  # the start prompt on the rows of the probe
    if way != "no cache":
        assert "headroom:" in said.err  # said again, though nothing was asked again


def test_the_search_tries_the_best_prompts_of_its_probe_first(
    opro: Opro, probes: Path, model: ShuffledModel
) -> None:
    tried = opro("check", "c.yaml", "--headroom", "--json").data["headroom"]["tried"]
    said = opro("optimize", "c.yaml", "--json")
    run = only_run_of(probes.parent)
    drafts = json.loads((run / "run.json").read_text())["headroom"]["drafts"]
    most = max(each["rows"] for each in tried)
    assert 1 <= len(drafts) <= 4
    assert {each["instruction"] for each in tried if each["rows"] == most} <= {*drafts}
    proposed = [e for e in read_events(run / "events.jsonl") if isinstance(e, Proposed)]
    first = [text for each in proposed if each.step == 1 for text in each.instructions]
    assert first[: len(drafts)] == drafts
    # A resume tries the same, also where the probe is gone.
    shutil.rmtree(probes)
    assert said.code == opro("resume", run.name).code == 0


@pytest.mark.parametrize("way", [("--name", "x"), ("--budget", "calls=3000"), ("--steps", "1")])
def test_a_search_of_another_name_or_budget_tries_the_prompts_of_the_probe_too(
    opro: Opro, probes: Path, way: tuple[str, str]
) -> None:
    opro("check", "c.yaml", "--headroom")
    assert opro("optimize", "c.yaml", *way).code == 0
    (run,) = probes.parent.glob("*-*/run.json")
    assert 1 <= len(json.loads(run.read_text())["headroom"]["drafts"]) <= 4


@pytest.mark.parametrize("other", ["search.strategy=place", "optimizer.max_tokens=99"])
def test_a_search_without_words_or_of_another_probe_takes_no_prompts(
    opro: Opro, probes: Path, model: ShuffledModel, other: str
) -> None:
    opro("check", "c.yaml", "--headroom")
    assert opro("optimize", "c.yaml", "--set", other).code == 0
    probe = json.loads((only_run_of(probes.parent) / "run.json").read_text())["headroom"]
    assert probe["folders"]  # whose answers to the start prompt are known
    assert probe["drafts"] == []


def test_without_the_folder_of_the_probe_a_warm_scorer_is_asked_again(
    opro: Opro, probes: Path, model: ShuffledModel
) -> None:
    """What the test before this one rests on."""
    change(probes.parents[1], "scorer}", "scorer, temperature: 0.7}")
    opro("check", "c.yaml", "--headroom")
    shutil.rmtree(probes)
    opro("optimize", "c.yaml")
    asked = Counter({key: n for key, n in model.asked().items() if "one word" not in key[0]})
    assert max(asked.values()) == 2


def test_another_seed_or_scorer_takes_no_answers_of_a_probe(
    opro: Opro, probes: Path, model: ShuffledModel
) -> None:
    opro("check", "c.yaml", "--headroom")
    opro("optimize", "c.yaml", "--seed", "1", "--no-cache")
    opro("optimize", "c.yaml", "--set", "scorer.max_tokens=77")
    for run in (probes.parent).glob("sums-*/run.json"):
        assert "headroom" not in json.loads(run.read_text())


def test_the_probe_counts_under_the_ceiling_of_the_run(
    opro: Opro, probes: Path, model: ShuffledModel, due: None
) -> None:
    (probes.parents[1] / "c.yaml").write_text(
        (probes.parents[1] / "c.yaml").read_text() + "budget: {calls: 800}\n"
    )
    opro("optimize", "c.yaml", "--budget", "calls=800")
    total = count(model)
    run = only_run_of(probes.parent)
    spent = [e for e in read_events(run / "events.jsonl") if isinstance(e, Probed)]
    assert {each.role for each in spent} == {"scorer", "optimizer"}
    (folder,) = probes.iterdir()
    assert sum(each.calls for each in spent) == count_paid(folder) <= 40
    assert all(each.folder == folder.name for each in spent)
    assert json.loads((run / "result.json").read_text())["spend"]["calls"] == total


def count_paid(folder: Path) -> int:
    lines = (folder / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return sum(
        each["event"] == "checked"
        or (each["event"] in ("answered", "proposed") and each["via"] == "call")
        for each in events
    )


def only_run_of(runs: Path) -> Path:
    (run,) = runs.glob("sums-*")
    return run


def test_a_ceiling_is_kept_over_probe_and_run(
    opro: Opro, probes: Path, model: ShuffledModel, monkeypatch: pytest.MonkeyPatch, due: None
) -> None:
    monkeypatch.setattr(probe_plan, "SHARE", 0.5)
    said = opro("optimize", "c.yaml", "--budget", "calls=90", "--set", "search.racing=false")
    assert said.code == 3
    assert count(model) == 90
    said = opro("resume", "--last")
    assert (said.code, count(model)) == (3, 90)
    assert opro("resume", "--last", "--budget", "calls=none").code == 0
    run = only_run_of(probes.parent)
    assert sum(isinstance(e, Probed) for e in read_events(run / "events.jsonl")) == 2


def test_small_searches_and_others_are_not_probed(
    opro: Opro, probes: Path, model: ShuffledModel, due: None
) -> None:
    for given in (
        ("--no-headroom",),
        (
            "--set",
            "search.preset=paper-gpt",
            "--set",
            "search.steps=1",
            "--set",
            "task.scoring=paper",
        ),
        ("--set", "search.strategy=list", "--set", "search.candidates=[Add., Count.]"),
        ("--steps", "0"),
        ("--set", "search.strategy=prune", "--set", "search.start=Add both. Count them."),
    ):
        said = opro("optimize", "c.yaml", *given)
        assert "headroom" not in said.err
        assert not probes.exists()


def test_below_the_threshold_nothing_is_probed(opro: Opro, probes: Path) -> None:
    assert "headroom" not in opro("optimize", "c.yaml").err
    assert not probes.exists()


@pytest.fixture
def hopeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is found is a no."""
    from opro_cli.reports import headroom as judged

    monkeypatch.setattr(judged, "NO", 2.0)
    monkeypatch.setattr(judged, "GO", 3.0)


def test_after_a_no_a_script_goes_on(opro: Opro, wide: Path, due: None, hopeless: None) -> None:
    said = opro("optimize", "c.yaml")
    assert said.code == 0
    assert "headroom: no: " in said.err
    assert "going on all the same, since nobody can be asked; " in said.err
    assert only_run_of(wide / "runs").is_dir()
    assert "going on" not in opro("optimize", "c.yaml", "--quiet").err


@pytest.mark.parametrize("option", ["--keep-going", "--json"])
def test_an_option_that_asks_nobody_is_named(
    opro: Opro, wide: Path, due: None, hopeless: None, option: str
) -> None:
    said = opro("optimize", "c.yaml", option)
    assert said.code == 0
    assert f"going on all the same, since {option} asks nobody; " in said.err


@pytest.mark.parametrize("answer", [True, False])
def test_after_a_no_a_person_is_asked(
    opro: Opro,
    wide: Path,
    due: None,
    hopeless: None,
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
) -> None:
    asked: list[str] = []

    def confirm(question: str, _: str) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr(probe, "can_ask", lambda: True)
    monkeypatch.setattr(probe, "confirm", confirm)
    said = opro("optimize", "c.yaml")
    assert (said.code, asked) == (0, ["search all the same?"])
    assert bool(list((wide / "runs").glob("sums-*"))) is answer
    assert ("not begun" in said.err) is not answer
    opro("optimize", "c.yaml", "--keep-going")
    assert len(asked) == 1


def test_a_probe_is_no_run_to_resume(opro: Opro, probes: Path) -> None:
    opro("check", "c.yaml", "--headroom")
    (folder,) = probes.iterdir()
    (folder / "result.json").unlink()
    said = opro("resume", str(folder))
    assert said.code == 2
    assert "is a probe of `opro check --headroom`, and no search" in said.err


def test_a_prompt_with_placeholders_keeps_them_in_all_kinds(opro: Opro, wide: Path) -> None:
    change(wide, "exemplars: 2", 'exemplars: 2, start: "Answer {name}."')
    finding = opro("check", "c.yaml", "--headroom", "--json").data["headroom"]
    kinds = [each for each in finding["tried"] if each["name"]]
    assert kinds
    assert all("{name}" in each["instruction"] for each in kinds)


def to_models(server: LocalServer) -> list[LogEntry]:
    texts = [entry.body["messages"][-1]["content"] for entry in server.requests]
    return [e for e, text in zip(server.requests, texts, strict=True) if "one word" not in text]


@pytest.mark.slow
@pytest.mark.parametrize("scorer", ["", "temperature: 0.7, ", "cache: false, "])
async def test_over_http_each_question_is_asked_once(tmp_path: Path, scorer: str) -> None:
    async with new_server() as server:
        at = await ready(tmp_path / "w", server, scorer)
        rewrite(at, "train: 8", "train: 14")
        await finish(at, "check", "c.yaml", "--headroom")
        probed = len(to_models(server))
        assert 30 <= probed <= 150
        await finish(at, "optimize", "c.yaml", "--json")
        bodies = Counter(json.dumps(e.body, sort_keys=True) for e in to_models(server))
        assert max(bodies.values()) == 1
        assert len(to_models(server)) > probed


@pytest.mark.slow
async def test_a_killed_probe_is_gone_on_with(tmp_path: Path) -> None:
    async with new_server() as server:
        at = await ready(tmp_path / "w", server, "temperature: 0.7, ")
        rewrite(at, "train: 8", "train: 14")
        expected = json.loads(await finish(at, "check", "c.yaml", "--headroom", "--json"))
        whole = len(to_models(server))
        killed = await ready(tmp_path / "k", server, "temperature: 0.7, ")
        rewrite(killed, "train: 8", "train: 14")
        before = len(to_models(server))
        process = await killed.opro("check", "c.yaml", "--headroom")
        journals = killed.folder / "runs" / "headroom"
        while process.returncode is None and count_answers(journals) < 25:
            await killed.lives_for(0.005, process)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        await killed.server_is_quiet()
        kept = count_answers(journals)
        assert kept >= 25
        found = json.loads(await finish(killed, "check", "c.yaml", "--headroom", "--json"))
        assert found["headroom"] == expected["headroom"]
        asked = len(to_models(server)) - before
        assert asked <= whole + 2 * 4  # what was in flight at the kill, and no more


def count_answers(folder: Path) -> int:
    lines = [
        line
        for path in folder.glob("[!.]*/events.jsonl")
        for line in path.read_bytes().splitlines()
    ]
    return sum(line.startswith(b'{"event":"answered"') for line in lines)


async def finish(at: Bench, *arguments: str) -> str:
    process = await at.opro(*arguments)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()
