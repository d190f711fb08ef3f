"""The result of a run as it is printed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from opro_cli.render.summary import print_result
from opro_cli.render.tables import Page
from tests.render.test_safe import HOSTILE, only_visible


@pytest.fixture(autouse=True)
def _no_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")


def score(correct: int, n: int, low: float, high: float, unreadable: int = 0) -> dict[str, Any]:
    return {
        "mean": correct / n,
        "n": n,
        "correct": correct,
        "unreadable": unreadable,
        "interval": [low, high],
    }


def result(**changes: Any) -> dict[str, Any]:
    """A finished run that found something."""
    before = {
        "train": score(25, 40, 0.47, 0.758),
        "dev": score(36, 60, 0.474, 0.714, unreadable=3),
        "test": score(245, 500, 0.447, 0.534),
    }
    after = {
        "train": score(33, 40, 0.681, 0.913),
        "dev": score(45, 60, 0.628, 0.842),
        "test": score(355, 500, 0.669, 0.748),
    }
    return {
        "status": "finished",
        "initial": {"instruction": "Solve it.", "step": 0, "scores": before},
        "best": {"instruction": "Think.\nThen answer.", "step": 7, "scores": after},
        "verdict": "improved",
        "verdict_sentence": "better than the start prompt on 500 unseen test questions: 49.0 % → "
        "71.0 % (150 gained, 40 lost, McNemar mid-p = 2.1e-16)",
        "spend": {
            "usd": 0.0123,
            "prompt_tokens": 1_210_000,
            "completion_tokens": 34_500,
            "calls": 5678,
            "cached_calls": 0,
        },
        "steps_done": 20,
        "models": {"scorer": "ollama_chat/mistral", "optimizer": "openai/gpt-4o-mini"},
        "seed": 0,
        **changes,
    }


def printed(data: dict[str, Any], width: int = 80) -> list[str]:
    stream = io.StringIO()
    print_result(data, Page(stream, width, terminal=True))
    return stream.getvalue().splitlines()


def test_on_a_terminal_the_verdict_is_last_with_what_may_be_done_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    closing: list[tuple[str, str | Path]] = [
        ("report", tmp_path / "report.html"),
        ("next", "opro show x --answers --wrong"),
    ]
    print_result(result(), Page(stream, 80, terminal=True), closing=closing)
    lines = stream.getvalue().splitlines()
    assert lines[-1] == "next    opro show x --answers --wrong"
    assert f"\x1b]8;;{(tmp_path / 'report.html').as_uri()}\x1b\\" in lines[-2]
    verdict = [index for index, line in enumerate(lines) if "improved" in line]
    assert verdict == [len(lines) - 4]  # of two lines, above two of what is next
    piped = io.StringIO()
    print_result(result(), Page(piped, 80, terminal=False), closing=closing)
    assert piped.getvalue().startswith("improved: ")
    assert "next" not in piped.getvalue()


def test_what_it_would_have_cost_without_the_cache() -> None:
    spend = {**result()["spend"], "usd_without_cache": 0.045, "cached_calls": 1423}
    text = " ".join(printed(result(spend=spend)))
    assert "1,423 cached (about $0.045 without the cache)" in text


def test_start_and_best_side_by_side() -> None:
    lines = printed(result())
    assert all(cell_len(line) <= 80 for line in lines)
    table = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert table["split"] == ["start", "(initial)", "best", "(step", "7)", "points"]
    assert " ".join(table["train"]) == "62.5 % [47.0–75.8] 25/40 82.5 % [68.1–91.3] 33/40 +20.0"
    assert " ".join(table["test"]) == "49.0 % [44.7–53.4] 245/500 71.0 % [66.9–74.8] 355/500 +22.0"
    assert "unreadable answers under start (they count as wrong): 3 of 60 on dev" in lines


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        ("improved", "improved: "),
        ("not_distinguishable", "no measurable gain: "),
        ("worse", "worse: "),
        (None, "no verdict: "),
    ],
)
def test_the_verdict_is_the_headline(verdict: str | None, word: str) -> None:
    assert printed(result(verdict=verdict, verdict_sentence="so it is"))[0] == f"{word}so it is"


def test_a_stopped_run_says_so_first() -> None:
    data = result(
        status="stopped", verdict=None, verdict_sentence="the run is not finished", steps_done=1
    )
    first = printed(data)[0]
    assert first == "stopped after 1 step, no verdict: the run is not finished"


@pytest.mark.parametrize(
    ("status", "headline"),
    [
        ("running", "running, 1 step done: so far"),
        ("failed", "failed after 1 step, no verdict: so far"),
        ("killed", "killed after 1 step, no verdict: so far"),
        ("stopped", "stopped after 1 step, no verdict: so far"),
    ],
)
def test_a_run_without_its_end_is_called_what_it_is_now(status: str, headline: str) -> None:
    data = result(status="stopped", verdict=None, verdict_sentence="so far", steps_done=1)
    stream = io.StringIO()
    print_result(data, Page(stream, 80), status)
    assert stream.getvalue().splitlines()[0] == headline


def test_the_change_on_test_is_that_of_a_whole_search() -> None:
    for status, shown in (("finished", True), ("stopped", False)):
        lines = printed(result(status=status, steps_done=1))
        (test,) = (line for line in lines if line.startswith("test"))
        (train,) = (line for line in lines if line.startswith("train"))
        assert (test.split()[-1][0] in "+-") == shown
        assert train.split()[-1][0] in "+-"


def test_an_estimate_is_marked_as_one_with_the_questions_that_were_asked() -> None:
    data = result()
    before = data["initial"]["scores"]
    before["train"] = {**score(3, 5, 0.343, 0.95), "mean": 0.649, "estimated": True}
    before["dev"] = {**before["train"], "correct": 0, "n": 0}
    train, dev = (line for line in printed(data) if line.startswith(("train ", "dev ")))
    assert train.split()[1:6] == ["~64.9", "%", "[34.3–95.0]", "3/5", "82.5"]
    assert dev.split()[1:5] == ["~64.9", "%", "[34.3–95.0]", "75.0"]


def test_the_prompt_keeps_its_lines() -> None:
    lines = printed(result())
    at = lines.index("best prompt (step 7):")
    assert lines[at + 1 : at + 3] == ["Think.", "Then answer."]


def test_a_piped_prompt_is_not_broken_into_lines() -> None:
    data = result()
    data["best"]["instruction"] = "word " * 60 + "end"
    stream = io.StringIO()
    print_result(data, Page(stream, 80))
    assert "word " * 60 + "end" in stream.getvalue().splitlines()


def test_the_start_prompt_as_winner_is_called_that() -> None:
    data = result()
    data["best"] = data["initial"]
    assert "best prompt, still the one it started with (initial):" in printed(data)


def test_what_it_cost() -> None:
    lines = printed(result())
    assert lines[-2] == "cost $0.012 · 5,678 calls · tokens 1.21M in, 34.5k out"
    assert lines[-1] == "scorer ollama_chat/mistral · optimizer openai/gpt-4o-mini · seed 0"
    spend = {**result()["spend"], "usd": None, "prompt_tokens": None, "cached_calls": 1200}
    said = printed(result(spend=spend))[-2]
    assert said == "cost unknown · 5,678 calls · 1,200 cached · tokens unknown in, 34.5k out"


def test_splits_without_answers_are_left_out() -> None:
    data = result()
    data["initial"]["scores"].update(dev=None, test=None)
    data["best"]["scores"].update(dev=None)
    lines = printed(data)
    assert not any(line.startswith("dev") for line in lines)
    test = next(line for line in lines if line.startswith("test"))
    assert test.split()[:2] == ["-", "71.0"] or test.split()[1:3] == ["-", "71.0"]


def test_nothing_scored_yet() -> None:
    lines = printed(result(status="stopped", initial=None, best=None, verdict=None, steps_done=0))
    assert lines[0].startswith("stopped after 0 steps, no verdict: ")
    assert not any(line.startswith("best prompt") for line in lines)


@pytest.mark.parametrize("text", HOSTILE[:-1])
def test_hostile_text_is_harmless(text: str) -> None:
    data = result(verdict_sentence=text, models={"scorer": text, "optimizer": "x"})
    data["best"]["instruction"] = text
    lines = printed(data)
    assert all(only_visible(line) and cell_len(line) <= 80 for line in lines)


def meeting(mean: float, low: float, high: float, p_value: float) -> dict[str, Any]:
    difference = {"mean": mean, "interval": [low, high]}
    return {"difference": difference, "paired_test": {"p_value": p_value}}


def test_baselines_stand_beside_start_and_winner() -> None:
    data = result()
    test = data["initial"]["scores"]["test"]
    known = {"instruction": "", "step": 0, "scores": {"test": {**test, "mean": 0.61}}}
    data |= meeting(0.22, 0.17, 0.27, 1e-9)
    data["baselines"] = [
        {**known, "against_start": meeting(0.12, 0.05, 0.19, 0.002)},
        {**known, "instruction": data["initial"]["instruction"], "against_start": None},
    ]
    lines = printed(data)
    at = next(place for place, line in enumerate(lines) if line.startswith("on test"))
    rows = [" ".join(line.split()) for line in lines[at + 1 : at + 4]]
    assert rows == [
        "start prompt 49.0 %",
        "best prompt 71.0 % +22.0 [+17.0 to +27.0], p = 1e-09",
        "(empty) 61.0 % +12.0 [+5.0 to +19.0], p = 0.002",
    ]


def test_what_the_scorer_changes_by_itself_is_said() -> None:
    noise = {"n": 200, "changed": 1, "difference": -0.005, "mean": 0.48}
    (line,) = [line for line in printed(result(noise=noise), width=120) if "noise" in line]
    assert line == (
        "noise: the start prompt's 200 test questions asked again, 1 score changed (-0.5 points)"
    )
    assert not any("noise" in line for line in printed(result(noise=None)))


def test_how_sure_the_choice_was_is_said_of_the_winner_alone() -> None:
    choice = {"first": "Think.\nThen answer.", "step": 7, "share": 0.99, "needed": 0.75}
    line = "chosen on train and dev: better than the start prompt in 99 % of resamples"
    plain = result(choice=choice, chosen_by="train+dev")
    assert line in printed(plain)
    others: tuple[dict[str, Any], ...] = (
        {"choice": {**choice, "first": "a dear one", "step": 5}},
        {"choice": {**choice, "first": "a dear one"}},
        {"choice": {**choice, "share": 0.7}},
        {"best": plain["initial"]},
        {"preferred": {}},
    )
    for changes in others:
        assert not any("resamples" in each for each in printed({**plain, **changes}))


def test_what_an_unbeaten_start_prompt_spares_is_said() -> None:
    data = result(not_asked={"prompts": 4, "questions": 225, "again": 45})
    data["best"] = data["initial"] = {**data["initial"], "scores": {"train": None, "test": None}}
    data["baselines"] = [{**data["initial"], "instruction": "", "against_start": None}]
    lines = printed(data, width=200)
    assert (
        "test: 180 questions of 4 prompts not asked, nor 45 of the start prompt a second time, "
        "since there is no gain to prove; "
        "`search.test_unbeaten_start: true` asks the start prompt's, once"
    ) in lines
    assert not any(line.startswith("on test") for line in lines)  # no table without a score
    data["not_asked"]["unaffordable"] = True
    assert "the budget left too few calls for the start prompt's" in " ".join(printed(data))
    data["initial"]["scores"] |= {"test": score(245, 500, 0.447, 0.534)}
    data["not_asked"] = {"prompts": 3, "questions": 180, "again": 45}
    assert (
        "test: 135 questions of 3 prompts not asked, nor 45 of the start prompt a second time, "
        "since there is no gain to prove"
    ) in printed(data, width=200)
    data["not_asked"] = {"prompts": 0, "questions": 45, "again": 45}
    assert (
        "test: 45 questions not asked a second time, since there is no gain to prove"
    ) in printed(data, width=200)
    data["not_asked"] = {"prompts": 3, "questions": 135, "again": 0}
    assert (
        "test: 135 questions of 3 prompts not asked, since there is no gain to prove"
    ) in printed(data, width=200)


def test_a_winner_that_quotes_train_questions_is_told() -> None:
    data = result()
    data["best"]["leaks"] = [{"kind": "question", "quote": "Claire has\x1b[2J", "question": 3}]
    assert 'the best prompt quotes train questions: "Claire has\\x1b[2J"' in printed(data)
