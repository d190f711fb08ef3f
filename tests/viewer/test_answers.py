"""What is sent: the figures of a grid, of an answer and of a comparison, against other commands."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from opro_cli.app.answers import read_answers
from opro_cli.app.diff import compare
from opro_cli.core.run.candidates import make_candidate_id
from opro_cli.core.run.events import Feedback, FirstReply, SessionStarted
from opro_cli.core.sweep import Cell
from opro_cli.reports.answers import MARKS
from opro_cli.store.journal import FileJournal
from opro_cli.store.run_folder import read_run
from opro_cli.store.summary import read_run_details
from opro_cli.store.sweep_folder import write_sweep
from tests.core.histories import START
from tests.core.runs import answered
from tests.store.conftest import Opro, cut_off
from tests.store.test_snapshot import new_run
from tests.viewer.conftest import Page


def name_of(version: int) -> str:
    return f"old-20261123-00000{version}-abcd"


async def test_a_grid_has_what_show_answers_says(page: Page, opro: Opro) -> None:
    """For every prompt of a run of every old opro."""
    seen = ""
    for folder in sorted(page.runs.iterdir()):
        name = folder.name
        shown = await page.get(f"run?name={name}")
        grids = {
            split: await page.get(f"grid?run={name}&split={split}") for split in shown["splits"]
        }
        assert {split: grid["size"] for split, grid in grids.items()} == shown["splits"]
        for prompt in shown["prompts"]:
            if prompt.get("is_baseline"):
                continue
            said = read_answers(page.runs, f"{name}@{prompt['name']}").to_json()
            for split, grid in grids.items():
                expected = ["."] * grid["size"]
                for each in said["answers"]:
                    if each["split"] == split:
                        mark = MARKS[each["judgement"]]
                        expected[each["question"]] = mark.upper() if each["cut"] else mark
                assert grid["prompts"][prompt["id"]] == "".join(expected), (name, prompt["name"])
                seen += "".join(expected)
    assert {"r", "w", "u", "."} <= set(seen)
    printed = opro("show", f"{name_of(4)}@start", "--answers", "--json", "--runs-dir", page.runs)
    answers = json.loads(printed.out)["answers"]
    shown = await page.get(f"run?name={name_of(4)}")
    start = next(each for each in shown["prompts"] if each["is_start"])
    for each in answers[:5]:
        place = f"split={each['split']}&question={each['question']}&prompt={start['id']}"
        got = await page.get(f"answer?run={name_of(4)}&{place}")
        assert {key: got[key] for key in each} == each


async def test_a_run_has_the_figures_of_show(page: Page) -> None:
    for folder in sorted(page.runs.iterdir()):
        shown = await page.get(f"run?name={folder.name}")
        details = read_run_details(folder)
        best = details.result["best"]
        mine = next(each for each in shown["prompts"] if each["is_best"])
        assert mine["text"] == best["instruction"]
        sign = -1 if shown["row"].get("scale", {}).get("minimise") else 1
        for split, score in mine["scores"].items():
            expected = best["scores"][split]
            assert score["mean"] == sign * expected["mean"]
            assert score["interval"] == sorted(sign * end for end in expected["interval"])
            assert (score["n"], score["correct"]) == (expected["n"], expected["correct"])
        own = [each for each in shown["prompts"] if not each.get("is_baseline")]
        assert [each["text"] for each in own] == [c["instruction"] for c in details.candidates]
        assert shown["row"]["verdict"] == details.result["verdict"]
        assert shown["row"]["calls"] == details.result["spend"]["calls"]
        assert shown["live"] is None
        assert shown["html"].startswith('<article id="run"')


async def test_the_list_has_the_rows_of_runs(page: Page, opro: Opro) -> None:
    data = await page.get("runs")
    rows = json.loads(opro("runs", "--json", "--runs-dir", page.runs).out)
    assert [each["run"] for each in data["runs"]] == [each["run"] for each in rows]
    for mine, row in zip(data["runs"], rows, strict=True):
        assert mine["created"] == row["created"]
        sign = -1 if row.get("scale", {}).get("minimise") else 1
        assert mine["spark"] == [sign * mean for mean in row["spark"]]
        assert mine["config"] == row["config"]
        if row["difference"]:
            assert mine["gain"] == {**row["difference"], "p": row["p_value"]}
    assert data["sweeps"] == data["unread"] == []


async def test_a_spark_is_the_best_so_far(page: Page) -> None:
    row = next(r for r in (await page.get("runs"))["runs"] if r["run"] == name_of(4))
    state = read_run(page.runs / name_of(4)).state
    best, expected = 0.0, []
    for step in range(state.step + 1):
        scores = [c.score("train") for c in state.of_step(step) if state.is_done(c)]
        best = max([best, *(score.mean for score in scores if score)])
        expected.append(best)
    assert row["spark"] == expected
    assert expected == sorted(expected)


async def test_an_answer_is_shown_as_it_was_sent(page: Page) -> None:
    """A worked example: two turns before the question, and where "no" stands in the reply."""
    shown = await page.get(f"run?name={name_of(9)}")
    best = next(each for each in shown["prompts"] if each["is_best"])
    got = await page.get(f"answer?run={name_of(9)}&split=test&question=3&prompt={best['id']}")
    assert got["messages"] == [
        {"role": "user", "content": "Q: Is it good?\nFilm 126 is dull.\n\nA:"},
        {"role": "assistant", "content": "no"},
        {"role": "user", "content": "Q: Film 115 is lovely.\n\nA:"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "Q: Film 100 is dull.\n\nA:"},
    ]
    assert got["rounds"] == [got["messages"]]
    assert (got["replies"], got["read_from"], got["judgement"]) == (["no"], [0, 2], "right")
    assert (got["tokens_in"], got["tokens_out"], got["cached"]) == (23, 1, False)
    assert got["seconds"] == 0.0935


async def test_questions_come_in_parts(page: Page) -> None:
    run = read_run(page.runs / name_of(4))
    whole = (await page.get(f"questions?run={name_of(4)}&split=train"))["questions"]
    assert [each["input"] for each in whole] == [e.input[:400] for e in run.examples["train"]]
    part = await page.get(f"questions?run={name_of(4)}&split=train&from=2&to=5")
    assert part["questions"] == whole[2:5]
    beyond = await page.get(f"questions?run={name_of(4)}&split=train&from=900&to=999")
    assert beyond["questions"] == []


async def test_a_search_looks_at_questions_golds_and_replies(page: Page) -> None:
    shown = await page.get(f"run?name={name_of(9)}")
    start = next(each for each in shown["prompts"] if each["is_start"])["id"]
    base = f"search?run={name_of(9)}&split=test"
    everything = list(range(12))
    assert (await page.get(f"{base}&text=FILM%20129"))["questions"] == [0]
    golds = (await page.get(f"{base}&text=yes"))["questions"]
    assert 0 < len(golds) < 12
    assert (await page.get(f"{base}&text=i%20believe"))["questions"] == []
    replies = await page.get(f"{base}&text=i%20believe&prompts={start}")
    assert replies["questions"] == everything


async def test_an_export_is_what_was_chosen(page: Page) -> None:
    shown = await page.get(f"run?name={name_of(9)}")
    ids = [each["id"] for each in shown["prompts"] if "test" in each["scores"]]
    base = f"api/export?run={name_of(9)}&split=test&prompts={','.join(ids)}&questions=3,0"
    got = await page.ask(f"{base}&format=csv")
    assert got.headers["Content-Disposition"] == 'attachment; filename="answers-test.csv"'
    rows = list(csv.DictReader(io.StringIO(got.body.decode("utf-8-sig"))))
    assert got.body.startswith(b"\xef\xbb\xbfrun,")
    assert [(row["question"], row["prompt"]) for row in rows] == [
        (number, id) for number in ("3", "0") for id in ids
    ]
    assert rows[0]["replies"] == "A film, I believe."
    got = await page.ask(f"{base}&format=jsonl")
    lines = [json.loads(line) for line in got.body.splitlines()]
    assert [line["judgement"] for line in lines] == [row["judgement"] for row in rows]
    whole = await page.ask(base.replace("&questions=3,0", ""))
    assert len(whole.body.splitlines()) == 1 + 12 * len(ids)


async def test_a_comparison_is_that_of_diff(page: Page) -> None:
    name = name_of(9)
    got = await page.get(f"compare?prompts={name}@start&prompts={name}")
    said = compare(page.runs, [f"{name}@start", name]).to_json()
    flips: dict[str, Any] = said["flips"]
    assert got["split"] == flips["split"] == "test"
    assert len(got["flips"]["gained"]) == len(flips["wrong_to_right"])
    assert got["difference"]["p"] == flips["p_value"]
    assert got["diff"] == [[piece["kind"], piece["text"]] for piece in said["prompt"]]
    assert [each["run"] for each in got["prompts"]] == [name, name]
    assert [each["labels"] for each in got["confusion"]] == [["yes", "no"]] * 2
    assert got["confusion"][0]["rows"] == [[0, 0, 0, 7], [0, 0, 0, 5]]
    assert got["text"].startswith("test, 12 shared questions: 12 wrong → right, 0 right → wrong")
    assert "other" not in got["flips"]


async def test_a_comparison_on_seen_questions_has_its_matrices_there_and_says_so(
    page: Page,
) -> None:
    name = name_of(9)
    got = await page.get(f"compare?prompts={name}@start&prompts={name}@1.1")
    assert got["split"] == "dev"
    assert {each["split"] for each in got["confusion"] if each} == {"dev"}
    assert any("dev questions choose the winner" in caveat for caveat in got["caveats"])


async def test_prompts_of_two_runs_are_compared_and_none_is_left_locked(page: Page) -> None:
    first, second = name_of(2), name_of(3)
    for pair in ((first, second), (second, first), (first, first + "@start")):
        got = await page.get(f"compare?prompts={pair[0]}&prompts={pair[1]}&prompts={pair[0]}")
        assert len(got["against_first"]) == 2
        assert len(got["cost"]) == 3
    assert (await page.ask(f"api/run?name={first}")).status == 200


async def test_a_trend_has_the_runs_of_one_config_by_date(page: Page) -> None:
    points = (await page.get("trend?config=walks"))["points"]
    assert len(points) > 1
    dates = [each["created"] for each in points]
    assert dates == sorted(dates)
    assert (await page.get("trend?config=none"))["points"] == []


@pytest.mark.parametrize("version", range(1, 10))
async def test_runs_of_old_formats_open(page: Page, version: int) -> None:
    name = name_of(version)
    shown = await page.get(f"run?name={name}")
    for prompt in shown["prompts"]:
        for split, score in prompt["scores"].items():
            grid = await page.get(f"grid?run={name}&split={split}")
            marks = grid["prompts"][prompt["id"]]
            assert marks.lower().count("r") == score["correct"]
            assert marks.lower().count("u") == score["unreadable"]
            asked = next(number for number, mark in enumerate(marks) if mark != ".")
            place = f"split={split}&question={asked}&prompt={prompt['id']}"
            got = await page.get(f"answer?run={name}&{place}")
            assert got["judgement"] in MARKS


async def test_cells_are_rows_of_their_sweep(page: Page) -> None:
    sweep = page.runs / "grid"
    write_sweep(sweep, "grid", [Cell("a", {}), Cell("b", {}), Cell("c", {})])
    (page.runs / name_of(4)).rename(sweep / "a")
    (page.runs / name_of(3)).rename(sweep / "b")
    (sweep / "b" / "result.json").unlink()
    cut_off(sweep / "b", 20)
    data = await page.get("runs")
    cells = {row["run"]: row["status"] for row in data["runs"] if row["sweep"] == "grid"}
    assert cells == {"grid/a": "finished", "grid/b": "killed"}
    assert data["sweeps"] == [{"name": "grid", "finished": 1, "cells": 3}]
    assert len(data["runs"]) == 9
    assert (await page.get("run?name=grid/a"))["row"]["run"] == "grid/a"
    got = await page.get("compare?prompts=grid/a@start&prompts=grid%2Fa")
    assert [each["run"] for each in got["prompts"]] == ["grid/a"] * 2
    for name in ("grid", "grid/c", "grid/none", "grid/a/b"):
        assert (await page.ask(f"api/run?name={name}")).status == 404
    (sweep / "sweep.json").write_text("{")
    data = await page.get("runs")
    assert (data["sweeps"], len(data["unread"]), len(data["runs"])) == ([], 1, 9)


def test_a_run_outside_is_shown_in_its_own_folder(runs: Path, tmp_path: Path) -> None:
    from opro_cli.app.open_runs import locate_run

    folder = runs / name_of(4)
    assert locate_run(folder, runs) == (runs, name_of(4))
    assert locate_run(folder, tmp_path / "others") == (runs.resolve(), name_of(4))
    sweep = runs / "grid"
    sweep.mkdir()
    (sweep / "sweep.json").write_text("{}")
    folder.rename(sweep / "cell")
    assert locate_run(sweep / "cell", runs) == (runs, "grid/cell")


async def test_two_rounds_are_shown_as_both_were_sent(page: Page) -> None:
    """The second chat is the first one's question with the first reply and the request behind."""
    folder = new_run(page.runs, rounds=2).rename(page.runs / "rounds")
    id = make_candidate_id(START)
    journal = FileJournal(folder / "events.jsonl")
    journal.append(
        SessionStarted(1.0, 4711, "0.1.0"),
        FirstReply(2.0, id, "train", 0, "I count 9.", "stop", 30, 4, 1e-05, 0.5),
        Feedback(3.0, id, "train", 0, "a remark"),
        replace(answered(START, 0, usd=2e-05), text="9", answer="9"),
    )
    journal.close()
    got = await page.get(f"answer?run=rounds&split=train&question=0&prompt={id}")
    first, second = got["rounds"]
    assert first == got["messages"]
    assert "train 0?" in first[-1]["content"]
    assert second[-1]["content"].startswith(first[-1]["content"])
    assert "I count 9." in second[-1]["content"]
    assert got["replies"] == ["I count 9.", "9"]
    assert got["read_from"] == [0, 1]
    assert (got["tokens_in"], got["tokens_out"], got["feedback"]) == (40, 6, "a remark")
    assert got["usd"] == pytest.approx(3e-05)
    assert got["seconds"] == pytest.approx(0.6)


async def test_a_reply_that_came_from_the_cache_has_no_figures_of_its_own(page: Page) -> None:
    folder = new_run(page.runs).rename(page.runs / "cached")
    id = make_candidate_id(START)
    journal = FileJournal(folder / "events.jsonl")
    event = replace(answered(START, 0), via="cache", prompt_tokens=0, completion_tokens=0)
    journal.append(SessionStarted(1.0, 4711, "0.1.0"), event)
    journal.close()
    got = await page.get(f"answer?run=cached&split=train&question=0&prompt={id}")
    assert (got["cached"], got["tokens_in"], got["tokens_out"]) == (True, None, None)
