"""Numbers, money and spend as text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opro_cli.core.scale import Scale  # too slow to import for `opro show`

UNKNOWN = "unknown"
_FORMULA = tuple("=+-@＝＋－＠")
"""How a formula begins for a spreadsheet, in wide characters, too (OWASP, CSV injection)."""
_UNSEEN = "\ufeff\u200b\u2060\0"
"""Characters that do not show, and are no white space to Python."""
_NUMBER = re.compile(r"[-+]?[0-9]+([.,][0-9]+)*", re.ASCII)


def disarm_formula(text: str) -> str:
    """Return a cell of a CSV file, behind an apostrophe if a spreadsheet took it for a formula.

    A number with a sign, such as -5, is none.
    """
    seen = text.lstrip().lstrip(_UNSEEN).lstrip()
    risky = seen.startswith(_FORMULA) or text[:1] in ("\t", "\r", "\n")
    return f"'{text}" if risky and not _NUMBER.fullmatch(text) else text


def read_scale(result: Mapping[str, Any]) -> Scale | None:
    """Return the scale of the scores in a result or in a row of `opro runs`; None for shares."""
    if "scale" not in result:
        return None
    from opro_cli.core.scale import Scale

    return Scale(**result["scale"])


def are_shares(scale: Scale | None) -> bool:
    """Return whether scores are shares of right answers, which are written in percent."""
    return scale is None or (scale.bounded and not scale.minimise)


def to_percent(share: float) -> float:
    """Return a share in percent, without the noise of floats, which rounds .5 either way."""
    return round(100 * share, 9)


def format_percent(mean: float) -> str:
    """Format 0.825 as "82.5 %"."""
    return f"{to_percent(mean):.1f} %"


def format_share(share: float) -> str:
    """Format 0.749 as "74 %": what is below a limit never looks as if it had reached it."""
    return f"{math.floor(100 * share + 1e-9)} %"


def format_number(value: float) -> str:
    """Format a value of any size: "0.0312", "12.4", "12,346", "1.2e+306"."""
    plain = 10_000 <= abs(value) < 10_000_000
    return f"{value:,.0f}" if plain else f"{value + 0.0:.4g}"  # + 0.0: -0.0 becomes 0.0


def format_bounds(low: float, high: float) -> str:
    """Format an interval in percent: "[70.1–90.4]"."""
    return f"[{to_percent(low):.1f}–{to_percent(high):.1f}]"


def format_score(
    mean: float, low: float, high: float, correct: int, n: int, scale: Scale | None = None
) -> str:
    """Format a score with its interval and counts: "82.5 % [70.1–90.4] 33/40", "12.4 n=40"."""
    if not are_shares(scale):
        return f"{format_mean(mean, scale)} n={format_count(n)}"
    return f"{format_percent(mean)} {format_bounds(low, high)} {correct}/{n}"


def format_mean(mean: float, scale: Scale | None = None, *, estimated: bool = False) -> str:
    """Format a score: "82.5 %", a loss "12.4", with a "~" for a candidate stopped early."""
    if scale is None or are_shares(scale):
        text = format_percent(mean)
    else:
        text = format_number(scale.orient(mean))
    return f"~{text}" if estimated else text


def format_change(before: float, after: float, scale: Scale | None = None) -> str:
    """Format the change of a score: "+20.0" points, or of a loss "-87.6"."""
    if scale is None or are_shares(scale):
        return format_points(after - before)
    change = scale.orient(after) - scale.orient(before)
    return f"{'+' if change > 0 else ''}{format_number(change)}"


def compute_gap(value: float, optimum: float, *, minimise: bool = True) -> float | None:
    """Return how far a value is off the optimum, as a share of it; None for an optimum of 0.

    It is negative for one that is better.
    """
    worse = value - optimum if minimise else optimum - value
    return worse / abs(optimum) if optimum else None


def describe_find(problem: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what a search for solutions found: a kind of colour, a headline, a sentence or "".

    Args:
        problem: The key `problem` of a result.
    """
    ended = f"search ended: {problem['ended']}" if problem["ended"] else ""
    if found := problem["found"]:
        solutions = pluralize(found["solutions"], "different solution")
        when = f"in step {found['step']}, after {solutions}" if found["step"] else "at the start"
        return "improved", "optimum found", when
    if problem["gap"] is None:
        return "none", "optimum not known", ended
    if problem["gap"] < 0:
        return "worse", "no solution", "what has a value better than the optimum's is none"
    return "none", "optimum not found", ended


def format_gain(result: Mapping[str, Any], split: str) -> str:
    """Format the change from start to best on a split; both have a score on it.

    It is that on the questions which both answered, where others have been asked of one alone.
    """
    shared = result.get("shared", {}).get(split)
    before, after = (
        shared[name] if shared else result[whole]["scores"][split]["mean"]
        for name, whole in (("start", "initial"), ("best", "best"))
    )
    return format_change(before, after, read_scale(result))


def format_points(change: float) -> str:
    """Format a difference of two means in percentage points: "+20.0", "-2.5", "0.0"."""
    value = round(to_percent(change), 1)
    return f"{value:+.1f}" if value else "0.0"


def format_span(low: float, high: float) -> str:
    """Format the ends of a difference in percentage points: "-1.2 to +3.4"."""
    return f"{format_points(low)} to {format_points(high)}"


def format_ends(low: float, high: float) -> str:
    """Format the ends of a difference like `format_span`, with a sign even for 0.0."""
    return f"{to_percent(low):+.1f} to {to_percent(high):+.1f}"


def format_p(p_value: float) -> str:
    """Format a p-value: "0.031", "1.2e-05"."""
    return f"{p_value:.2g}"


def format_count(number: int) -> str:
    """Format 12345 as "12,345"."""
    return f"{number:,}"


def format_tokens(number: int | None) -> str:
    """Format a number of tokens, rounded: "950", "34.5k", "1.21M"; None as "unknown"."""
    if number is None:
        return UNKNOWN
    if number < 10_000:
        return format_count(number)
    if number < 999_950:
        return f"{number / 1e3:.1f}k"
    return f"{number / 1e6:.2f}M" if number < 999_995_000 else f"{number / 1e9:.2f}B"


def format_money(usd: float | None) -> str:
    """Format dollars: "$12.34", "$0.123", "$0.00042"; None as "unknown"."""
    if usd is None:
        return UNKNOWN
    if usd == 0 or usd >= 1:
        return f"${usd:,.2f}"
    # Two significant digits, however small: a run of a tenth of a cent is not free.
    digits = min(10, max(3, 1 - math.floor(math.log10(usd))))
    return f"${usd:.{digits}f}"


def format_cost_of_1000(cost: float, kind: str) -> str:
    """Format the cost of 1,000 answers: "$1.20", or their tokens, "143k"."""
    return format_money(cost) if kind == "usd_per_1000" else format_tokens(round(cost))


def format_saving(before: float, after: float, kind: str) -> str:
    """Format two costs of 1,000 answers: "143k → 98.1k tokens per 1,000 answers (-31 %)"."""
    change = f" ({100 * (after / before - 1):+.0f} %)" if before else ""
    unit = "" if kind == "usd_per_1000" else "tokens "
    costs = f"{format_cost_of_1000(before, kind)} → {format_cost_of_1000(after, kind)}"
    return f"{costs} {unit}per 1,000 answers{change}"


def format_money_by_role(usd_by_role: dict[str, float | None]) -> str:
    """Format the sum: "$0.12 + unknown (scorer)" when one model's price is unknown."""
    known = sum(usd for usd in usd_by_role.values() if usd is not None)
    unpriced = [role for role, usd in usd_by_role.items() if usd is None]
    if not unpriced:
        return format_money(known)
    return f"{format_money(known)} + {UNKNOWN} ({', '.join(unpriced)})" if known else UNKNOWN


def format_megabytes(size: int) -> str:
    """Format bytes as "0.3 MB", "1,024.0 MB", of 2**20 bytes each."""
    return f"{size / 2**20:,.1f} MB"


def format_duration(seconds: float) -> str:
    """Format seconds as "12s", "2m 05s", "1h 02m", "3d 04h"."""
    whole = max(0, int(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d {hours % 24:02d}h"
    if hours:
        return f"{hours}h {minute:02d}m"
    return f"{minute}m {second:02d}s" if minute else f"{second}s"


def format_rough_duration(seconds: float) -> str:
    """Format an estimate as "12s", "3m", "1h 15m": no finer than it is good for."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))}s"
    minutes = round(seconds / 60)
    return f"{minutes}m" if minutes < 60 else format_duration(60 * minutes)


def format_time_left(likely: float, at_most: float) -> str:
    """Format seconds to come as "about 2m left (at most 9m)"."""
    about, most = format_rough_duration(likely), format_rough_duration(at_most)
    return f"about {about} left" + (f" (at most {most})" if most != about else "")


def format_rate(calls: float) -> str:
    """Format calls a second as "12.3/s" or "0.25/s"."""
    return f"{calls:.1f}/s" if calls >= 1 else f"{calls:.2f}/s"


def format_clock(seconds: float) -> str:
    """Format seconds since the start for a log line: "00:12", "1:02:03"."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute:02d}:{second:02d}"


def format_moment(at: float | None) -> str:
    """Format seconds since the epoch as "2026-11-28 20:14 UTC"."""
    return UNKNOWN if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def utc_minute(moment: str) -> str:
    """Format an ISO 8601 moment in UTC as "2026-11-28 20:14 UTC"."""
    return f"{moment[:16].replace('T', ' ')} UTC"


def pluralize(number: int, noun: str, many: str | None = None) -> str:
    """Format 12345 as "12,345 calls"; many: an irregular plural."""
    return f"{format_count(number)} {noun if number == 1 else many or f'{noun}s'}"


def format_cost(spend: Mapping[str, Any]) -> str:
    """Format the cost of a run: "$0.42", or "≤ $0.45" where some calls were not metered."""
    bounds = spend.get("uncounted")
    if not bounds or not bounds["calls"]:
        return format_money(spend["usd"])
    counted = spend["counted"]["usd"]
    if counted is None:
        return format_money(None)
    if bounds["usd"] is None:
        return f"{format_money(counted)} + {UNKNOWN}"
    return f"≤ {format_money(counted + bounds['usd'])}" if bounds["usd"] else format_money(counted)


def format_without_cache(spend: Mapping[str, Any]) -> str:
    """Format what a run would have cost without the cache: "$0.045"; "" where that is the same."""
    usd = spend.get("usd_without_cache")  # a result of an older opro lacks it
    if not spend.get("cached_calls") or not usd:
        return ""
    return format_money(usd)


def format_unmetered(bounds: Mapping[str, Any] | None) -> str:
    """Format unmetered calls: "plus at most $0.031 and 12.3k tokens in 5 unmetered calls"."""
    if not bounds or not bounds["calls"]:
        return ""
    most = f"{format_money(bounds['usd'])} and " if bounds["usd"] else ""
    calls = pluralize(bounds["calls"], "unmetered call")
    return f"plus at most {most}{format_tokens(bounds['tokens'])} tokens in {calls}"


def format_unmetered_briefly(bounds: Mapping[str, Any]) -> str:
    """Format unmetered calls as a suffix to a cost: " + at most $0.031 unmetered"."""
    if not bounds["calls"]:
        return ""
    if bounds["usd"]:
        return f" + at most {format_money(bounds['usd'])} unmetered"
    return f" + {pluralize(bounds['calls'], 'unmetered call')}"


def describe_excess(role: str, longest_reply: int, prompt_overhead: int) -> str:
    """Describe by how much a provider exceeded a limit, and the consequence."""
    excess = (
        f"the {role} took up to {pluralize(longest_reply, 'token')} for a reply, more than "
        "max_tokens"
        if longest_reply
        else f"prompts of the {role} take up to {pluralize(prompt_overhead, 'token')} more than "
        "they have bytes"
    )
    return f"{excess}; later calls are counted with that at most"


LEVEL = 0.05
"""`core.stats.paired.ALPHA`, whose module is slow to import for `opro show`."""


def describe_disagreement(p_value: float, low: float, high: float) -> str:
    """Say that test and interval of a difference disagree, as they can near p = 0.05.

    McNemar's mid-p test and Tango's interval are different methods, neither the inverse of the
    other. For scores between 0 and 1 the interval agrees with the test by construction.

    Args:
        p_value: The p-value of the test, which decides.
        low: The lower end of the 95 % interval.
        high: The upper end.

    Returns:
        A sentence without a full stop; "" if both agree.
    """
    told_apart = p_value < LEVEL
    if told_apart == (low > 0 or high < 0):
        return ""
    contains = "contains" if told_apart else "does not contain"
    below = "is" if told_apart else "is not"
    return (
        f"the interval {contains} 0 although p {below} below {LEVEL:g}: so close to the edge "
        "the two methods can differ, and p decides"
    )


def format_size(size: int) -> str:
    """Return bytes as people write them, "4.4 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


_FIRST = 0.05
"""The threshold of a first use, ALPHA of core/stats/paired, which takes long to import."""


def format_times(count: int) -> str:
    """Format a number of times: "once", "3 times"."""
    return "once" if count == 1 else f"{count:,} times"


def format_test_use(use: Mapping[str, Any]) -> str:
    """Return a line about the use of test rows in a result; "" where there is nothing to say.

    Args:
        use: As `result.json` has it.
    """
    parts = []
    if use["repeats"]:
        parts.append("these prompts had the same answers on these rows before: no further use")
    elif use["earlier"]:
        parts.append(f"verdicts have used them {format_times(use['earlier'])} before")
    if use["sharers"] > 1:
        parts.append(f"{use['sharers']:,} runs of the sweep share the use")
    if parts and use["threshold"] < _FIRST:
        parts.append(f"a gain needs p below {format_p(use['threshold'])}")
    if use["note"]:
        parts.append(use["note"])
    return f"{use['rows']:,} test rows: {'; '.join(parts)}" if parts else ""


def format_shared_tokens(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[str, str, str] | None:
    """Return a split and the tokens of an answer under each prompt on it; None if none has both.

    Questions differ in length, so that tokens on one split say nothing beside those on another.
    """
    for split in ("test", "dev", "train"):
        tokens = [format_tokens_of(each, split) for each in (before, after)]
        if "–" not in tokens:
            return split, tokens[0], tokens[1]
    return None


def format_tokens_of(candidate: Mapping[str, Any], *splits: str) -> str:
    """Return the tokens of an answer, prompt and reply, on the least seen split that tells them."""
    costs = candidate.get("costs", {})
    for split in splits or ("test", "dev", "train"):
        tokens = (costs.get(split) or {}).get("tokens_per_1000")
        if tokens is not None:
            return format_count(round(tokens / 1000))
    return "–"
