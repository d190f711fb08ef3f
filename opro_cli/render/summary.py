"""The result of a run as a person reads it: after `optimize` and `resume`, and by `show`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from opro_cli.render.safe import display_instruction, printable, printable_lines
from opro_cli.reports import formats
from opro_cli.reports.formats import describe_excess, format_unmetered

if TYPE_CHECKING:
    from opro_cli.render.page import Page

_NAME = 30
"""Cells of an instruction beside its score at most."""

_HEADLINES = {
    "improved": ("improved", "bold green"),
    "not_distinguishable": ("no measurable gain", "bold yellow"),
    "worse": ("worse", "bold red"),
}

_SPLITS = ("train", "dev", "test")  # those of core/task/example, which takes 7 ms to import

_SKIPPED = {
    "too long": "too long",
    "digits": "with digits",
    "tag": "with a tag in them",
    "leaks": "that quote train questions",
}


def print_result(result: Mapping[str, Any], page: Page) -> None:
    """Print what `result.json` says: the verdict, start against best, the best prompt, the cost."""
    _print_headline(result, page)
    start, best = result["initial"], result["best"]
    if start is not None and best is not None:
        page.line()
        page.table(_scores(start, best), right=(3,))
        for line in _missed(result, start, best):
            page.line(line, "yellow")
    if result.get("baselines"):
        page.line()
        page.table(_baselines(result), right=(1,))
        for line in _at_the_edge(result):
            page.line(line, "dim")
    for line in _noise(result) + _stopped_early(result):
        page.line(line)
    for line in (
        _beyond_limits(result) + _leaks(result) + _idle_optimizer(result) + _skipped(result)
    ):
        page.line(line, "yellow")
    if best is not None:
        page.line()
        _print_prompt(best, start, page)
    page.line()
    for line in _cost(result):
        page.line(line, "dim")


def _print_headline(result: Mapping[str, Any], page: Page) -> None:
    word, style = _HEADLINES.get(result["verdict"] or "", ("no verdict", "bold yellow"))
    if result["status"] == "stopped":
        word = f"stopped after {formats.pluralize(result['steps_done'], 'step')}, {word}"
    sentence = printable(result["verdict_sentence"] or "")
    page.line(f"{word}: {sentence}" if sentence else word, style, styled=len(word))


def _scores(start: Mapping[str, Any], best: Mapping[str, Any]) -> list[list[str]]:
    rows = [["split", f"start ({_origin(start)})", f"best ({_origin(best)})", "points"]]
    for split in _SPLITS:
        before, after = start["scores"].get(split), best["scores"].get(split)
        if before is None and after is None:
            continue
        change = "" if before is None or after is None else _change(before, after)
        rows.append([split, _score(before), _score(after), change])
    return rows


def _origin(candidate: Mapping[str, Any]) -> str:
    return f"step {candidate['step']}" if candidate["step"] else "initial"


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return formats.format_points(after["mean"] - before["mean"])


def _score(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return "-"
    low, high = score["interval"]
    return formats.format_score(score["mean"], low, high, score["correct"], score["n"])


def _missed(
    result: Mapping[str, Any], start: Mapping[str, Any], best: Mapping[str, Any]
) -> list[str]:
    """How many questions have no answer that counts, and what that did to the score."""
    lines = []
    for name, candidate in (("start", start), ("best", best)):
        left_out = result.get("unanswerable") == "exclude"
        unreadable = _numbers("unreadable", candidate)
        refused = _numbers("refused", candidate, beside=left_out)
        if unreadable:
            lines.append(f"unreadable answers under {name} (they count as wrong): {unreadable}")
        if refused:
            how = "are left out" if left_out else "count as wrong"
            lines.append(f"refused questions under {name} (they {how}): {refused}")
    return lines


def _numbers(kind: str, candidate: Mapping[str, Any], *, beside: bool = False) -> str:
    """How many of a kind on which split; a result of an older opro lacks some kinds.

    beside: they are no part of the questions that the score is about.
    """
    scores = ((split, candidate["scores"].get(split)) for split in _SPLITS)
    found = [(split, each) for split, each in scores if each and each.get(kind)]
    return ", ".join(
        f"{each[kind]} of {each['n'] + each[kind] * beside} on {split}" for split, each in found
    )


def _baselines(result: Mapping[str, Any]) -> list[list[str]]:
    """What well-known instructions do on test, beside the start prompt's and the winner's score."""
    rows = [["on test", "score", "against the start prompt"]]
    for name, each, meeting in _on_test(result):
        score = each["scores"]["test"]
        if score is not None:
            rows.append([name, formats.format_percent(score["mean"]), _difference(meeting)])
    return rows


def _at_the_edge(result: Mapping[str, Any]) -> Iterator[str]:
    """Of which baselines test and interval disagree; the verdict's own sentence says so itself."""
    from opro_cli.reports.edge import describe_disagreement

    for name, _, meeting in _on_test(result):
        if meeting is None or meeting is result or not meeting["difference"]:
            continue
        bounds = meeting["difference"]["interval"]
        if edge := describe_disagreement(meeting["paired_test"]["p_value"], *bounds):
            yield f"{name}: {edge}"


def _on_test(
    result: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any] | None]]:
    start, best = result["initial"], result["best"]
    yield "start prompt", start, None
    if best["instruction"] != start["instruction"]:
        yield "best prompt", best, result
    for each in result["baselines"]:
        if each["instruction"] not in (start["instruction"], best["instruction"]):
            name = printable(display_instruction(each["instruction"]), _NAME)
            yield name, each, each["against_start"]


def _difference(meeting: Mapping[str, Any] | None) -> str:
    if meeting is None or meeting["difference"] is None:
        return ""
    change = meeting["difference"]
    low, high = (f"{100 * each:+.1f}" for each in change["interval"])
    p_value = meeting["paired_test"]["p_value"]
    return f"{formats.format_points(change['mean'])} [{low} to {high}], p = {p_value:.2g}"


def _noise(result: Mapping[str, Any]) -> list[str]:
    """How much the scorer changes its mind by itself."""
    noise = result.get("noise")
    if not noise:
        return []
    return [
        f"noise: the start prompt's {formats.pluralize(noise['n'], 'test question')} asked again, "
        f"{formats.pluralize(noise['changed'], 'score')} changed "
        f"({formats.format_points(noise['difference'])} points)"
    ]


def _stopped_early(result: Mapping[str, Any]) -> list[str]:
    """What the races have saved."""
    told = result.get("stopped_early", {})  # a result of an older opro lacks it
    if not told.get("candidates"):
        return []
    candidates = formats.pluralize(result["candidates"], "candidate")
    questions = formats.pluralize(told["questions_not_asked"], "question")
    return [f"racing: {told['candidates']:,} of {candidates} stopped early, {questions} not asked"]


def _leaks(result: Mapping[str, Any]) -> list[str]:
    """That the best prompt tells about single questions, where it does."""
    leaks = (result["best"] or {}).get("leaks") or ()
    quotes = "; ".join(f'"{printable(leak["quote"], 60)}"' for leak in leaks[:3])
    return [f"the best prompt quotes train questions: {quotes}"] if quotes else []


def _idle_optimizer(result: Mapping[str, Any]) -> list[str]:
    """Why nothing was found, where the optimizer hardly proposed anything."""
    told = result.get("proposals", {})  # a result of an older opro lacks it
    replies, idle = told.get("replies", 0), told.get("nothing_new", 0)
    if not replies or 2 * idle < replies:
        return []
    return [
        f"{idle} of {formats.pluralize(replies, 'reply', 'replies')} of the optimizer held no new "
        "instruction in its tags: its texts are in events.jsonl"
    ]


def _skipped(result: Mapping[str, Any]) -> list[str]:
    """How many proposed texts were not scored, and why, apart from those that came again."""
    skipped = result.get("proposals", {}).get("skipped", {})
    why = [f"{count} {_SKIPPED[each]}" for each, count in skipped.items() if each in _SKIPPED]
    return [f"proposals not scored: {', '.join(why)}"] if why else []


def _print_prompt(best: Mapping[str, Any], start: Mapping[str, Any] | None, page: Page) -> None:
    same = start is not None and start["instruction"] == best["instruction"]
    what = "best prompt, still the one it started with" if same else "best prompt"
    page.line(f"{what} ({_origin(best)}):", "bold")
    if not best["instruction"]:
        page.line(display_instruction(""), "dim")
        return
    # In a pipe the lines stay as they are: somebody may paste them.
    write = page.line if page.is_terminal else page.write
    for line in printable_lines(best["instruction"]):
        write(line)


def _beyond_limits(result: Mapping[str, Any]) -> list[str]:
    """Which model took more than it was allowed."""
    beyond = result["spend"].get("beyond_limits", {})
    return [describe_excess(role, **most) for role, most in beyond.items()]


def _cost(result: Mapping[str, Any]) -> list[str]:
    spend = result["spend"]
    known = spend.get("counted", spend)  # results of before there was such a key
    tokens_in = formats.format_tokens(known["prompt_tokens"])
    tokens_out = formats.format_tokens(known["completion_tokens"])
    more = format_unmetered(spend.get("uncounted"))
    calls = formats.pluralize(spend["calls"], "call")
    if spend["cached_calls"]:
        calls += f" · {formats.format_count(spend['cached_calls'])} cached"
    models = result["models"]
    return [
        f"cost {formats.format_money(known['usd'])} · {calls} · tokens {tokens_in} in, {tokens_out} out",
        *([more] if more else []),
        f"scorer {printable(models['scorer'])} · optimizer {printable(models['optimizer'])}"
        f" · seed {result['seed']}",
    ]
