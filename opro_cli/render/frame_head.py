"""The top of a frame of the live view: what is done, at what pace, and what it has cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from rich.cells import cell_len
from rich.text import Text

from opro_cli.core.run import progress
from opro_cli.core.run.progress import Progress, RunHeader
from opro_cli.core.run.remaining import FIRST_CALLS, estimate_calls_left, estimate_time_left
from opro_cli.core.run.state import RunState
from opro_cli.core.settings.settings import BudgetSettings
from opro_cli.render.safe import printable
from opro_cli.reports import formats
from opro_cli.reports.formats import format_count, format_duration, format_rough_duration
from opro_cli.reports.request_words import list_request_notes
from opro_cli.reports.requests import describe_requests
from opro_cli.reports.spend import bound_unmetered, count_metered, find_excess, sum_reported

_DOT = " · "
_GROWS = 1.02
"""By how much a cost exceeds that so far before its end is told beside it."""
MEANINGFUL = 1.0
"""Seconds after which a rate says something."""


def draw_head(
    briefing: RunHeader,
    state: RunState,
    activity: Progress,
    missed: Mapping[str, int],
    now: float,
    width: int,
    *,
    bar: bool,
) -> list[Text]:
    """Return the title, how much is done, the calls and the spend."""
    elapsed, done = measure_time(activity, now), progress.count_calls(state)
    total = done + estimate_calls_left(state).total if state.ended is None else done
    return [
        draw_title(briefing, state, elapsed, width),
        _draw_bar(state, done / total if total else 0.0, width, blocks=bar),
        join_fitting(list_calls(state, missed, elapsed, total, briefing.budget), width),
        _draw_spend(state, activity, width, briefing.budget, total / done if done else 0.0),
    ]


def measure_time(activity: Progress, now: float) -> float:
    """Return the seconds that all sessions have worked, which all calls are of."""
    return activity.worked + now - activity.started


def draw_title(briefing: RunHeader, state: RunState, elapsed: float, width: int) -> Text:
    """Return the name of the run, its phase or how it ended, and the time of all sessions."""
    phase = briefing.name_split(progress.describe_phase(state))
    at = state.ended.reason if state.ended else phase
    return fill_between(briefing.run, f"{at}{_DOT}{format_duration(elapsed)}", width)


def _draw_bar(state: RunState, share: float, width: int, *, blocks: bool) -> Text:
    """Return a bar of the calls that are done, and the time that the others are expected to take.

    Nothing of it is left once a session is over.
    """
    if state.ended is not None:
        return Text()
    left = estimate_time_left(state)
    time = f"about {format_rough_duration(left.likely)} left" if left else "time left unknown yet"
    words = f" {min(99, int(100 * share)):>3} %{_DOT}{time}"
    room = max(0, width - cell_len(words))
    full = min(room, round(share * room))
    done, rest = ("━", "─") if blocks else ("=", "-")
    line = Text(done * full, style="green").append(rest * (room - full), style="dim")
    return line.append(words, style="")


def list_calls(
    state: RunState,
    missed: Mapping[str, int],
    elapsed: float,
    total: float = 0.0,
    budget: BudgetSettings | None = None,
) -> list[str]:
    """Return the calls so far, out of how many that are expected, and how fast they are."""
    done, cached = progress.count_calls(state), progress.count_spared_calls(state)
    expected = "" if state.ended or not total else f" of about {_round_count(total)}"
    if budget is not None and budget.calls is not None:
        expected += f" (budget {format_count(budget.calls)})"
    parts = [f"calls {format_count(done)}{expected}"]
    if cached:
        parts.append(f"{format_count(cached)} cached")
    if elapsed >= MEANINGFUL and done:
        parts.append(formats.format_rate(done / elapsed))
    if budget is not None and budget.minutes is not None:
        worked = format_duration(state.working_seconds)
        parts.append(f"{worked} of {format_rough_duration(60 * budget.minutes)}")
    return parts + [f"{format_count(number)} {kind}" for kind, number in missed.items() if number]


def _round_count(number: float) -> str:
    """Return an estimate with as many digits as it is good for: "1,320", "47"."""
    digits = max(0, len(str(int(number))) - 3)
    return format_count(round(number / 10**digits) * 10**digits)


def _draw_spend(
    state: RunState, activity: Progress, width: int, budget: BudgetSettings, growth: float
) -> Text:
    """Return tokens and cost, out of a budget; `growth`: by how much a whole run exceeds this."""
    tokens_in, tokens_out, cost = format_metered(state)
    cost += formats.format_unmetered_briefly(bound_unmetered(state.spend.values()))
    tokens = f"tokens {tokens_in} in, {tokens_out} out"
    tokens += f" of {formats.format_tokens(budget.tokens)}" if budget.tokens is not None else ""
    money = f"cost {cost}"
    money += f" of {formats.format_money(budget.usd)}" if budget.usd is not None else ""
    style = ""
    if (end := _expect_cost(state, growth)) is not None:
        money += f", about {formats.format_money(end)} in the end"
        style = "yellow" if budget.usd is not None and end > budget.usd else ""
    parts = [money, tokens] if budget.usd is not None else [tokens, money]
    if activity.in_flight and not state.ended:
        in_flight = (f"{name} {number}" for name, number in activity.in_flight.items())
        parts.append(f"in flight: {', '.join(in_flight)}")
    if thoughts := sum_reported([spend.reasoning_tokens for spend in state.spend.values()]):
        parts.append(f"thoughts {formats.format_tokens(thoughts)}")
    line = join_fitting(parts, width)
    line.highlight_words([money], style)
    return line


def _expect_cost(state: RunState, growth: float) -> float | None:
    """Return what the whole run is likely to cost; None where no price or pace is known.

    Calls of both models are assumed to go on in the proportion that they have come in.
    """
    known = [spend.known_usd for spend in state.spend.values()]
    asked = state.spend_of("optimizer").calls or not state.search.steps
    if state.ended or not asked or None in known or progress.count_calls(state) < FIRST_CALLS:
        return None
    spent = sum(usd for usd in known if usd is not None)
    return spent * growth if spent and growth > _GROWS else None


def format_metered(state: RunState) -> tuple[str, str, str]:
    """Return the metered tokens in, tokens out and cost of all sessions."""
    metered = count_metered(state.spend.values())
    return (
        formats.format_tokens(metered["prompt_tokens"]),
        formats.format_tokens(metered["completion_tokens"]),
        formats.format_money_by_role({name: r.known_usd for name, r in state.spend.items()}),
    )


def draw_notice(
    state: RunState,
    activity: Progress,
    now: float,
    width: int,
    limits: Mapping[str, int | None],
    reply: str = "",
) -> Text:
    """Return the line about a stop, a wait, an outage, an excess or what servers did to requests.

    Where the run has nothing urgent to say, `reply` to a key stands there; blank without one.
    """
    style, notice = "yellow", ""
    if state.ended:
        notice = state.ended.detail
    elif activity.stopping:
        style, notice = "bold yellow", format_stopping(activity)
    elif loading := activity.loading():
        notice = loading
    elif activity.waiting and (seconds := math.ceil(activity.waiting_until - now)) > 0:
        notice = f"waiting {format_duration(seconds)}: {activity.waiting}"
    elif activity.note and not activity.out:
        notice = activity.note
    elif reply:
        style, notice = "bold", reply
    elif activity.out:
        notice = format_outage(*next(iter(activity.out.items())))
    elif excess := find_excess(state.spend):
        role, most = next(iter(excess.items()))
        notice = formats.describe_excess(role, **most)
    else:
        requests = {"requests": describe_requests(state, limits)}
        notice = next(list_request_notes(requests), "")
    return Text(printable(notice, width), style=style)


def format_outage(endpoint: str, reason: str) -> str:
    """Say which endpoint gets no calls, and why."""
    return f"{endpoint} is out: {reason}"


def format_stopping(activity: Progress) -> str:
    """Say what a clean stop waits for, and how not to wait."""
    calls = formats.pluralize(sum(activity.in_flight.values()), "call")
    return f"stopping: waiting for {calls} in flight (Ctrl-C again to stop at once)"


def fill_between(left: str, right: str, width: int) -> Text:
    """Return the first line of a frame: a name on the left, its status on the right."""
    name = printable(left, max(0, width - cell_len(right) - 2))
    gap = max(1, width - cell_len(name) - cell_len(right))
    return Text(printable(name + " " * gap + right, width), style="bold")


def join_fitting(parts: Iterable[str], width: int) -> Text:
    """Return the parts that fit, in this order; none is cut, since a cut number would be wrong."""
    first, *others = parts
    line = printable(first, width)
    for part in others:
        if cell_len(line) + len(_DOT) + cell_len(part) <= width:
            line += _DOT + part
    return Text(line)
