"""The result of a run as a person reads it: after `optimize` and `resume`, and by `show`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opro_cli.render.front import print_front
from opro_cli.render.labels import name_constant
from opro_cli.render.result_notes import (
    SPLITS,
    Data,
    describe_choice,
    describe_stopped,
    format_noise,
    format_spared,
    list_missed,
    list_shared,
    list_warnings,
)
from opro_cli.render.safe import (
    describe_form,
    display_instruction,
    format_origin,
    is_same_prompt,
    printable,
    printable_lines,
)
from opro_cli.render.tables import Page, Table
from opro_cli.reports import formats
from opro_cli.reports.formats import (
    compute_gap,
    describe_disagreement,
    describe_find,
    format_test_use,
    format_unmetered,
    pluralize,
)

if TYPE_CHECKING:
    from opro_cli.core.scale import Scale

_PURPOSE = 120
"""Terminal cells of what a prompt was made for."""
_NAME = 30
"""Terminal cells of a baseline's name."""

_HEADLINES = {
    "improved": ("improved", "bold green"),
    "not_distinguishable": ("no measurable gain", "bold yellow"),
    "worse": ("worse", "bold red"),
}

_STYLES = {"improved": "bold green", "none": "bold yellow", "worse": "bold red"}
"""Of the kinds of what a search for solutions found."""


def print_result(
    result: Data, page: Page, status: str = "", closing: Sequence[tuple[str, str | Path]] = ()
) -> None:
    """Print `result.json`: the verdict, start against best, the best prompt, the cost.

    Args:
        result: The content of the file.
        page: Where to.
        status: Of the run now, as `opro runs` has it; "" for that of the result.
        closing: Names, each with a path or a command. Where there are some a terminal gets the
            verdict last, with these lines below it, so that it is what stands on the screen.
    """
    best, problem = result["best"], result.get("problem")
    if not (closing and page.is_terminal):
        _print_headline(result, page, status)
        if _has_scores(result):
            page.write_line()
        _print_details(result, page)
        if best is not None:
            page.write_line()
            _print_prompt(best, result["initial"], page, "solution" if problem else "prompt")
        page.write_line()
        for line in _list_costs(result):
            page.write_line(line, "dim")
        return
    _print_details(result, page)
    for line in _list_costs(result):
        page.write_line(line, "dim")
    if best is not None:
        page.write_line()
        _print_prompt(best, result["initial"], page, "solution" if problem else "prompt")
    page.write_line()
    _print_headline(result, page, status)
    _print_closing(closing, page)


def _has_scores(result: Data) -> bool:
    return result["initial"] is not None and result["best"] is not None


def _print_details(result: Data, page: Page) -> None:
    """Print the scores, what they are compared with, and what there is to know about them."""
    start, best, problem = result["initial"], result["best"], result.get("problem")
    if problem and start is not None and best is not None:
        page.write_table(_build_values(problem, result))
    elif start is not None and best is not None:
        page.write_table(_build_scores(result))
        for line in list_shared(result):
            page.write_line(line)
        for line in list_missed(result, start, best):
            page.write_line(line, "yellow")
    tested = any(baseline["scores"]["test"] for baseline in result.get("baselines", ()))
    if tested or result.get("closed_set"):
        page.write_line()
        if (table := _build_baselines(result)).rows:
            page.write_table(table)
        elif constant := _describe_constant(result):
            page.write_line(constant)
        for line in _list_disagreements(result):
            page.write_line(line, "dim")
    if choice := describe_choice(result):
        page.write_line(choice)
    print_front(result, page)
    if noise := result.get("noise"):
        page.write_line(f"noise: {format_noise(noise)}")
    if (use := result.get("test_use")) and (
        line := format_test_use(use)
    ):  # an older opro's lacks it
        page.write_line(printable(line))
    if spared := result.get("not_asked"):  # a result of an older opro lacks it
        page.write_line(format_spared(spared, result["best"]))
    stopped = result.get("stopped_early", {})  # a result of an older opro lacks it
    if stopped.get("candidates"):
        page.write_line(describe_stopped(result, stopped))
    for line in list_warnings(result):
        page.write_line(line, "yellow")


def _print_closing(closing: Sequence[tuple[str, str | Path]], page: Page) -> None:
    """Print where the files are, which a terminal may open, and what may be typed next."""
    wide = max(len(name) for name, _ in closing) + 2
    for name, what in closing:
        text = printable(str(what))
        shown = text if isinstance(what, str) else page.link(text, what.absolute().as_uri())
        page.write(f"{name:<{wide}}{shown}")


def _print_headline(result: Data, page: Page, status: str) -> None:
    word, style = _HEADLINES.get(result["verdict"] or "", ("no verdict", "bold yellow"))
    sentence = result["verdict_sentence"] or ""
    headline = result.get("headline") or ""  # a result of an older opro lacks it
    if headline and sentence.startswith(headline) and status != "running":
        page.write_line(printable(sentence), "bold yellow", styled=len(headline))
        return
    if problem := result.get("problem"):
        kind, word, sentence = describe_find(problem)
        style = _STYLES[kind]
    if result["status"] == "stopped":
        steps = pluralize(result["steps_done"], "step")
        ended = status if status in ("failed", "killed") else "stopped"
        word = f"running, {steps} done" if status == "running" else f"{ended} after {steps}, {word}"
    failure = result.get("failure") or {}
    sentence = printable(failure.get("reason") or sentence)
    page.write_line(f"{word}: {sentence}" if sentence else word, style, styled=len(word))
    if hint := failure.get("hint"):
        page.write_line(f"hint: {printable(hint)}")


def _build_values(problem: Data, result: Data) -> Table:
    """Build the table of the start, the best and what else is known, with values and gaps."""
    scale = formats.read_scale(result)
    optimum = next((e["value"] for e in problem["references"] if e["name"] == "optimum"), None)
    start, best = result["initial"], result["best"]
    rows = [
        (f"{name} ({format_origin(each['step'])})", _get_value(each, scale))
        for name, each in (("start", start), ("best", best))
    ]
    rows += [(each["name"], each["value"]) for each in problem["references"]]
    return Table.build(
        ("", "value", "off the optimum"),
        [
            (name, formats.format_number(value), _format_gap(value, optimum, scale))
            for name, value in rows
        ],
        right=(1, 2),
    )


def _get_value(candidate: Data, scale: Scale | None) -> float:
    mean: float = candidate["scores"]["train"]["mean"]
    return -mean if scale is not None and scale.minimise else mean


def _format_gap(value: float, optimum: float | None, scale: Scale | None) -> str:
    minimise = scale is None or scale.minimise
    gap = None if optimum is None else compute_gap(value, optimum, minimise=minimise)
    return "-" if gap is None else f"{100 * gap:.1f} %"


def _build_scores(result: Data) -> Table:
    """Build the table of start against best.

    The change on test is a result of a whole search: before its end the two may have answered
    different questions.
    """
    start, best, scale = result["initial"], result["best"], formats.read_scale(result)
    titles = (
        "split",
        f"start ({format_origin(start['step'])})",
        f"best ({format_origin(best['step'])})",
        "points" if formats.are_shares(scale) else "change",
    )
    rows = []
    for split in SPLITS:
        before, after = start["scores"].get(split), best["scores"].get(split)
        if before or after:
            change = ""
            if before and after and (split != "test" or result["status"] == "finished"):
                change = formats.format_gain(result, split)
            rows.append((split, _format_score(before, scale), _format_score(after, scale), change))
    demos = best.get("demos") or start.get("demos")  # examples make answers dearer
    if demos and (tokens := formats.format_shared_tokens(start, best)):
        on, before, after = tokens
        rows.append(("tokens", f"{before} an answer on {on}", f"{after} an answer on {on}", ""))
    return Table.build(titles, rows, right=(3,))


def _format_score(score: Data | None, scale: Scale | None) -> str:
    if score is None:
        return "-"
    low, high = score["interval"]
    text = formats.format_score(score["mean"], low, high, score["correct"], score["n"], scale)
    if not score.get("estimated"):
        return text
    return f"~{text.removesuffix(' 0/0')}"  # the dev questions may have been asked of others alone


def _build_baselines(result: Data) -> Table:
    """Return the test scores of well-known instructions, beside start prompt and winner."""
    scale = formats.read_scale(result)
    rows = [
        (
            name,
            formats.format_mean(candidate["scores"]["test"]["mean"], scale),
            _format_difference(comparison),
        )
        for name, candidate, comparison in _list_tested(result)
        if candidate["scores"].get("test") is not None
    ]
    if closed := result.get("closed_set"):
        rows += _list_constant(closed["majority"], scale)
    return Table.build(("on test", "score", "against the start prompt"), rows, right=(1,))


def _list_constant(majority: Data, scale: Scale | None) -> list[tuple[str, str, str]]:
    """Return the row of always giving the commonest answer; none without test questions."""
    if (score := majority["scores"]["test"]) is None:
        return []
    name = name_constant(majority["answer"], _NAME)
    mean = formats.format_mean(score["mean"], scale)
    return [(name, mean, _format_difference(majority["against_start"]))]


def _describe_constant(result: Data) -> str:
    """Say what always giving the commonest answer scores where there are no test questions."""
    majority = (result.get("closed_set") or {}).get("majority")
    for split in reversed(SPLITS):
        if majority and (score := majority["scores"][split]):
            name = name_constant(majority["answer"], _NAME)
            return f"{name} on {split}: {formats.format_percent(score['mean'])}"
    return ""


def _list_disagreements(result: Data) -> Iterator[str]:
    """Yield the baselines whose test and interval disagree; the verdict says its own."""
    for name, _, comparison in _list_tested(result):
        if comparison is None or comparison is result or not comparison["difference"]:
            continue
        p_value = comparison["paired_test"]["p_value"]
        if edge := describe_disagreement(p_value, *comparison["difference"]["interval"]):
            yield f"{name}: {edge}"


def _list_tested(result: Data) -> Iterator[tuple[str, Data, Data | None]]:
    """Yield a name, the candidate, and its comparison with the start prompt."""
    start, best = result["initial"], result["best"]
    if start is None or best is None:
        return
    yield "start prompt", start, None
    if not is_same_prompt(best, start):
        yield "best prompt", best, result
    for baseline in result["baselines"]:
        if not any(is_same_prompt(baseline, each) for each in (start, best)):
            name = printable(display_instruction(baseline["instruction"]), _NAME)
            yield name, baseline, baseline["against_start"]


def _format_difference(comparison: Data | None) -> str:
    if comparison is None or comparison["difference"] is None:
        return ""
    change, p_value = comparison["difference"], comparison["paired_test"]["p_value"]
    points, ends = formats.format_points(change["mean"]), formats.format_ends(*change["interval"])
    return f"{points} [{ends}], p = {formats.format_p(p_value)}"


def _print_prompt(best: Data, start: Data | None, page: Page, kind: str = "prompt") -> None:
    same = start is not None and is_same_prompt(start, best)
    name = f"best {kind}, still the one it started with" if same else f"best {kind}"
    purpose = f"; {printable(best['note'], _PURPOSE)}" if best.get("note") else ""
    page.write_line(f"{name} ({format_origin(best['step'])}{purpose}):", "bold")
    if form := describe_form(best):
        page.write_line(f"[{form}; `opro prompt` prints it whole]", "dim")
    if not best["instruction"]:
        page.write_line(display_instruction(""), "dim")
        return
    # A pipe gets the lines as they are, to be pasted.
    write = page.write_line if page.is_terminal else page.write
    for line in printable_lines(best["instruction"]):
        write(line)


def _list_costs(result: Data) -> list[str]:
    spend, models = result["spend"], result["models"]
    counted = spend.get("counted", spend)  # a result of an older opro lacks the key
    tokens_in, tokens_out = (
        formats.format_tokens(counted[key]) for key in ("prompt_tokens", "completion_tokens")
    )
    calls = pluralize(spend["calls"], "call")
    if spend["cached_calls"]:
        calls += f" · {formats.format_count(spend['cached_calls'])} cached"
        without = formats.format_without_cache(spend)
        calls += f" (about {without} without the cache)" if without else ""
    cost = formats.format_money(counted["usd"])
    unmetered = format_unmetered(spend.get("uncounted"))
    thoughts = formats.format_tokens(spend.get("reasoning_tokens"))
    scorer = "" if result.get("problem") else f"scorer {printable(models['scorer'])} · "
    return [
        f"cost {cost} · {calls} · tokens {tokens_in} in, {tokens_out} out",
        *([f"thoughts: {thoughts} of the tokens out"] if spend.get("reasoning_tokens") else []),
        *([unmetered] if unmetered else []),
        f"{scorer}optimizer {printable(models['optimizer'])} · seed {result['seed']}",
    ]
