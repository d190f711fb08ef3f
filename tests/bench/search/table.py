"""The table of the benchmark, and the arithmetic behind it."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median, variance

from tests.bench.search.results import Cell, Results, Score

CHECKPOINTS = (50, 71, 100, 141, 200, 283, 400, 566, 800, 1131, 1600)
"""50 · 2^(k/2) scorer calls."""
SHARE = 0.9
"""Of the way from the start prompt to the plateau."""
FLIPS = 9_999
START = "start"
"""The method that does nothing."""
Curve = Mapping[int, float]
Block = tuple[str, int]
"""What methods are paired by: a task and a seed."""


def find_plateau(curves: Sequence[Curve]) -> float:
    """Return the best mean of any method at the last checkpoint that any of them has."""
    last = max(max(curve) for curve in curves if curve)
    return max(curve[last] for curve in curves if last in curve)


def find_calls_to(curve: Curve, level: float) -> float | None:
    """Return the calls at which a curve first reaches a level; None where it never does.

    Between two checkpoints it is a straight line over the logarithm of calls. A curve that starts
    above the level has reached it at its first checkpoint.
    """
    points = sorted(curve.items())
    for index, (calls, value) in enumerate(points):
        if value < level:
            continue
        if index == 0:
            return float(calls)
        before, low = points[index - 1]
        share = (level - low) / (value - low)
        return math.exp(math.log(before) + share * math.log(calls / before))
    return None


def measure_area(curve: Curve) -> float:
    """Return the mean of a curve over the logarithm of calls."""
    points = sorted(curve.items())
    if len(points) == 1:
        return points[0][1]
    whole = math.log(points[-1][0] / points[0][0])
    area = 0.0
    for (a, left), (b, right) in pairwise(points):
        area += (left + right) / 2 * math.log(b / a)
    return area / whole


def flip_signs(gains: Sequence[float]) -> float:
    """Return the two-sided p-value of random sign flips; exact where there are few gains."""
    if not any(gains):
        return 1.0
    observed = abs(math.fsum(gains)) - 1e-9
    if len(gains) <= 12:
        signs = range(2 ** len(gains))
        sums = (math.fsum(g if s >> i & 1 else -g for i, g in enumerate(gains)) for s in signs)
        return sum(abs(total) >= observed for total in sums) / float(2 ** len(gains))
    rng = random.Random(0)
    large = sum(
        abs(math.fsum(rng.choice((gain, -gain)) for gain in gains)) >= observed
        for _ in range(FLIPS)
    )
    return (1 + large) / (1 + FLIPS)


@dataclass(frozen=True, slots=True)
class Sample:
    """The accuracies in % of a method at a checkpoint, by task and seed."""

    values: Mapping[Block, float]

    @property
    def mean(self) -> float:
        """The mean over tasks of the mean over seeds."""
        return fmean(fmean(values) for values in self._by_task().values())

    @property
    def margin(self) -> float:
        """Half of the 95 % interval of the mean, over seeds."""
        tasks = self._by_task().values()
        parts = [variance(values) / len(values) for values in tasks if len(values) > 1]
        return 1.96 * math.sqrt(sum(parts)) / len(tasks)

    def _by_task(self) -> dict[str, list[float]]:
        tasks: dict[str, list[float]] = {}
        for (task, _), value in self.values.items():
            tasks.setdefault(task, []).append(value)
        return tasks


def is_ours(method: str) -> bool:
    """Whether a method is opro's; the others are peers."""
    return method.partition(":")[0] == "opro" or method.startswith("opro")


class Figures:
    """The figures of one writer."""

    def __init__(self, results: Results, tasks: Sequence[str], writer: str) -> None:
        self._results = results
        self.tasks = tasks
        self.writer = writer
        self.samples: dict[str, dict[int, dict[Block, float]]] = {}
        self.calls: dict[tuple[str, int], list[int]] = {}
        self.informed: dict[str, list[float]] = {}
        for cell, returned in results.returned.items():
            accuracy = results.find_accuracy(cell)
            if accuracy is None or cell.task not in tasks or cell.writer != writer:
                continue
            if cell.method == START:
                continue
            checkpoints = self.samples.setdefault(cell.method, {})
            checkpoints.setdefault(cell.checkpoint, {})[cell.task, cell.seed] = 100 * accuracy
            self.calls.setdefault((cell.method, cell.checkpoint), []).append(returned.calls)
            if returned.written:
                share = returned.informed / returned.written
                self.informed.setdefault(cell.method, []).append(100 * share)
        self.checkpoints = sorted({at for each in self.samples.values() for at in each})

    def find_sample(self, method: str, checkpoint: int) -> Sample | None:
        """Return the accuracies of a method at a checkpoint; None without any."""
        values = self.samples.get(method, {}).get(checkpoint)
        return Sample(values) if values else None

    def find_curve(self, method: str, task: str, seed: int | None = None) -> dict[int, float]:
        """Return the mean accuracy of a method on a task at each checkpoint, or that of a seed."""
        curve: dict[int, float] = {}
        for checkpoint, values in self.samples[method].items():
            chosen = [v for (t, s), v in values.items() if t == task and seed in (None, s)]
            if chosen:
                curve[checkpoint] = fmean(chosen)
        return curve

    def find_best_peer(self, method: str, checkpoint: int) -> str | None:
        """Return the peer that is best at a checkpoint on a method's own tasks and seeds.

        A peer that has fewer of them than another has is left out: it may have had the easy ones.
        None without any.
        """
        ours = self.samples[method].get(checkpoint, {})
        shared = {
            peer: [value for block, value in sampled[checkpoint].items() if block in ours]
            for peer, sampled in self.samples.items()
            if not is_ours(peer) and checkpoint in sampled
        }
        most = max(map(len, shared.values()), default=0)
        whole = {peer: fmean(values) for peer, values in shared.items() if len(values) == most > 0}
        return max(whole, key=lambda peer: whole[peer]) if whole else None

    def compare(self, method: str, other: str, checkpoint: int) -> tuple[float, float, int] | None:
        """Return the mean gain over another method, its p-value, and the number of pairs."""
        ours, theirs = self.find_sample(method, checkpoint), self.find_sample(other, checkpoint)
        if ours is None or theirs is None:
            return None
        both = ours.values.keys() & theirs.values.keys()
        if not both:
            return None
        gains = [ours.values[block] - theirs.values[block] for block in sorted(both)]
        return fmean(gains), flip_signs(gains), len(gains)

    def find_level(self, task: str, start: float) -> float | None:
        """Return the accuracy that is SHARE of the way to the plateau of a task.

        Only methods with the most seeds can be the plateau; None where none is at the end.
        """
        last = self.checkpoints[-1]
        seeds = {
            method: sum(known == task for known, _ in sampled.get(last, {}))
            for method, sampled in self.samples.items()
        }
        most = max(seeds.values())
        curves = [self.find_curve(method, task) for method in seeds if seeds[method] == most > 0]
        if not curves:
            return None
        plateau = find_plateau(curves)
        return start + SHARE * (plateau - start)

    def find_winners(self, method: str, rows: str = "test") -> dict[Block, Score]:
        """Return the scores of the winners at the last checkpoint, on a kind of rows."""
        found: dict[Block, Score] = {}
        for task, seed in self.samples[method].get(self.checkpoints[-1], {}):
            cell = Cell(task, self.writer, method, seed, self.checkpoints[-1])
            score = self._results.scores.get((self._results.returned[cell].key, rows))
            if score:
                found[task, seed] = score
        return found

    def find_calls(self, method: str, levels: Mapping[str, float]) -> dict[Block, float]:
        """Return the calls of each search to the level of its task, where it has the last one.

        A search that never gets there counts as twice the last checkpoint.
        """
        last = self.checkpoints[-1]
        calls: dict[Block, float] = {}
        for task, seed in self.samples[method].get(last, {}):
            if task in levels:
                reached = find_calls_to(self.find_curve(method, task, seed), levels[task])
                calls[task, seed] = reached or 2.0 * last
        return calls


def find_start_score(results: Results, task: str, rows: str = "test") -> Score | None:
    """Return the score of the start prompt of a task; None while it is unknown."""
    for cell, returned in results.returned.items():
        if cell.task == task and cell.method == START:
            return results.scores.get((returned.key, rows))
    return None


def find_start(results: Results, task: str, rows: str = "test") -> float:
    """Return the accuracy in % of the start prompt of a task; 0.0 while it is unknown."""
    score = find_start_score(results, task, rows)
    return 100 * score.accuracy if score else 0.0


def print_table(results: Results, tasks: Sequence[str], writers: Sequence[str]) -> None:
    """Print everything that is known of some tasks, a section for each writer."""
    for writer in writers:
        figures = Figures(results, tasks, writer)
        if figures.samples:
            _print_writer(results, figures, writer)


def _print_writer(results: Results, figures: Figures, writer: str) -> None:
    methods = sorted(figures.samples, key=lambda each: (not is_ours(each), each))
    tasks = [task for task in figures.tasks if any(figures.find_curve(m, task) for m in methods)]
    starts = {task: find_start(results, task) for task in tasks}
    bbh = [share for task in tasks if (share := find_start(results, task, "bbh"))]
    on_bbh = f", on BBH {fmean(bbh):.1f}" if bbh else ""
    tokens = [score.tokens for task in tasks if (score := find_start_score(results, task))]
    print(f"\n## Writer: {writer}\n")
    print(
        f"Accuracy in % on unseen rows (mean over {', '.join(tasks)} and seeds, ± 95 %) of what is "
        f"returned after so many scorer calls; start prompt {fmean(starts.values()):.1f}{on_bbh}, "
        f"{median(tokens or [0]):.0f} tokens. BBH and tokens are those of the winners at "
        f"{figures.checkpoints[-1]:,}; informed: the share of proposals that were asked for with "
        f"failures in sight, if the writer reads.\n"
    )
    heads = [f"{each:,}" for each in figures.checkpoints]
    print(
        "| method | " + " | ".join([*heads, "area", "BBH", "tokens", "informed", "searches"]) + " |"
    )
    print("|---" * (len(heads) + 6) + "|")
    for method in methods:
        print(f"| {method} | {' | '.join(_describe_row(figures, method))} |")
    _print_comparisons(figures)
    _print_plateaus(figures, methods, starts)
    _print_areas(figures, methods, tasks)


def _describe_row(figures: Figures, method: str) -> list[str]:
    columns: list[str] = []
    curve: dict[int, float] = {}
    searches = 0
    for checkpoint in figures.checkpoints:
        sample = figures.find_sample(method, checkpoint)
        if sample is None:
            columns.append("–")
            continue
        curve[checkpoint] = sample.mean
        searches = max(searches, len(sample.values))
        columns.append(f"{sample.mean:.1f} ± {sample.margin:.1f}")
    bbh = {
        block: 100 * score.accuracy for block, score in figures.find_winners(method, "bbh").items()
    }
    lengths = [score.tokens for score in figures.find_winners(method).values()]
    return [
        *columns,
        f"{measure_area(curve):.1f}",
        f"{Sample(bbh).mean:.1f}" if bbh else "–",
        f"{median(lengths):.0f}" if lengths else "–",
        f"{fmean(figures.informed.get(method, [0])):.0f} %",
        str(searches),
    ]


def _print_comparisons(figures: Figures) -> None:
    print("\nAgainst the best peer at each checkpoint, paired by task and seed (sign flips):\n")
    print("| method | calls | best peer | gain | p | pairs |\n|---|---|---|---|---|---|")
    for method in sorted(filter(is_ours, figures.samples)):
        for checkpoint in figures.checkpoints:
            peer = figures.find_best_peer(method, checkpoint)
            found = figures.compare(method, peer, checkpoint) if peer else None
            if found:
                gain, p, pairs = found
                print(f"| {method} | {checkpoint:,} | {peer} | {gain:+.1f} | {p:.3g} | {pairs} |")


def _print_plateaus(figures: Figures, methods: Sequence[str], starts: Mapping[str, float]) -> None:
    print(
        f"\nCalls to {SHARE:.0%} of the way from the start prompt to the plateau (mean curves):\n"
    )
    print("| task | start | level | " + " | ".join(methods) + " |")
    print("|---" * (len(methods) + 3) + "|")
    levels: dict[str, float] = {}
    for task, start in starts.items():
        level = figures.find_level(task, start)
        if level is None:
            continue
        levels[task] = level
        columns = []
        for method in methods:
            curve = figures.find_curve(method, task)
            calls = find_calls_to(curve, level) if curve else None
            columns.append(f"{calls:,.0f}" if calls else "never" if curve else "–")
        print(f"| {task} | {start:.1f} | {level:.1f} | {' | '.join(columns)} |")
    _print_ratios(figures, methods, levels)
    last = figures.checkpoints[-1]
    most = [f"{m} {max(figures.calls[m, last]):,}" for m in methods if (m, last) in figures.calls]
    print(f"\nMost scorer calls of a search to {last:,}: {', '.join(most)}.")


def _print_ratios(figures: Figures, methods: Sequence[str], levels: Mapping[str, float]) -> None:
    """Print how many calls ours take to the level for one of the best peer's, search by search."""
    calls = {method: figures.find_calls(method, levels) for method in methods}
    for method in filter(is_ours, methods):
        ratios = {
            peer: [
                math.log(calls[method][block] / reached)
                for block, reached in sorted(calls[peer].items())
                if block in calls[method]
            ]
            for peer in methods
            if not is_ours(peer)
        }
        most = max(map(len, ratios.values()), default=0)
        whole = {peer: logs for peer, logs in ratios.items() if len(logs) == most > 0}
        if whole:
            best = max(whole, key=lambda peer: fmean(whole[peer]))  # ours over theirs
            print(
                f"\n{method} takes {math.exp(fmean(whole[best])):.2f} times the calls of {best} "
                f"(p = {flip_signs(whole[best]):.3g}, {most} pairs; never: twice the last)."
            )


def _print_areas(figures: Figures, methods: Sequence[str], tasks: Sequence[str]) -> None:
    print("\nArea under the curve by task (mean accuracy over the logarithm of calls):\n")
    print("| task | " + " | ".join(methods) + " |")
    print("|---" * (len(methods) + 1) + "|")
    for task in tasks:
        curves = [figures.find_curve(method, task) for method in methods]
        areas = [f"{measure_area(curve):.1f}" if curve else "–" for curve in curves]
        print(f"| {task} | {' | '.join(areas)} |")
