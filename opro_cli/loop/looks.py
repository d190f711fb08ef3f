"""The next work of a race without full answer sheets, read off the state.

A race goes on in looks. Each is decided when the questions of the look before are all answered,
and recorded: who is asked which questions next. So neither the order of arrival nor a kill can
show in it. All candidates meet the questions in one order, and one of an earlier step may be asked
more at any time. When no more steps are to come, the best of all meet the dev questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from opro_cli.core.draws import create_rng
from opro_cli.core.racing.abilities import Ability
from opro_cli.core.racing.looks import choose_look
from opro_cli.core.racing.standings import Eases, Sheet, learn_eases
from opro_cli.core.run.candidates import Candidate
from opro_cli.core.run.events import Looked, Span
from opro_cli.core.run.layout import Layout, count_spent, lay_out
from opro_cli.core.run.selection import may_lead, select_finalists, spread_out
from opro_cli.core.run.state import RunState
from opro_cli.core.task.example import Split

PLACES = 4
"""Decimal places of a recorded estimate."""


@dataclass(frozen=True, slots=True)
class Look:
    """Decide who is asked next; the fields are those of `events.Looked`."""

    step: int
    split: Split = "train"
    asked: dict[str, tuple[int, ...]] = field(default_factory=dict)
    joining: tuple[int, ...] = ()
    train: dict[str, Span] = field(default_factory=dict)
    dev: dict[str, Span] = field(default_factory=dict)
    finalists: tuple[str, ...] = ()
    over: bool = False


def list_open(state: RunState) -> list[tuple[Candidate, Split, int]]:
    """List the questions of the present look that are not answered.

    Those that calls lost with a killed process have taken the money of are never asked.
    """
    look = state.look
    if look is None:
        return []
    asked = [(state.candidates[id], questions) for id, questions in look.asked.items()]
    if look.joining:
        new = [*state.of_step(look.step), *state.pending.values()]
        asked += [(each, look.joining) for each in new]
    layout = lay_out(state)
    affordable = max(0, int((layout.dev - count_spent(state)) // state.calls_per_question))
    found: list[tuple[Candidate, Split, int]] = []
    for candidate, questions in asked:
        missing = {*state.missing(candidate, look.split)}
        found += [(candidate, look.split, each) for each in questions if each in missing]
    return found[:affordable]


def order_questions(state: RunState, split: Split) -> list[int]:
    """Return the order in which all candidates meet the questions of a split.

    Every part of it has the labels of the whole: under a prompt that gets one answer to everything,
    a first look could otherwise be right by luck, and better than what reads the questions.
    """
    order = list(range(state.sizes[split]))
    create_rng(state.search.seed, "looks", split).shuffle(order)
    return spread_out(order, state.labels[split]) if state.labels else order


def decide_look(state: RunState) -> Look | None:
    """Return the next look; None where proposals are to be asked for, or the race is over.

    All questions of the look before it are answered.
    """
    look, layout = state.look, lay_out(state)
    if look is None:
        first = tuple(order_questions(state, "train")[: layout.first])
        return Look(0, asked={each.id: first for each in state.of_step(0)})
    if state.race_is_over or (look.step > state.step and state.is_searching):
        return None  # the proposals of a step come first
    table = _Table(state, layout)
    if look.split == "train" and (next_look := _decide_on_train(state, look, layout, table)):
        return next_look
    # Without a rival that was asked anything there is nothing to choose on dev.
    compares = any(each.step and each.is_asked for each in state.candidates.values())
    finalists = select_finalists(state) if state.sizes["dev"] and compares else []
    ids = tuple(each.id for each in finalists)
    if chosen := table.choose("dev", finalists):
        return Look(state.step, "dev", chosen, finalists=ids)
    train = table.estimate("train")
    asked_dev = any(each.answers["dev"].by_question for each in finalists)
    dev = table.estimate("dev", finalists) if asked_dev else {}
    return Look(state.step, "dev", train=train, dev=dev, finalists=ids, over=True)


def _decide_on_train(state: RunState, look: Looked, layout: Layout, table: _Table) -> Look | None:
    """Return the next look at train, or the one that begins another step; None if both are over."""
    racing = [each for each in state.candidates.values() if may_lead(state, each)]
    if state.step and (chosen := table.choose("train", racing)):
        return Look(state.step, asked=chosen)
    affords_step = not state.step or count_spent(state) + layout.own <= layout.dev
    if state.is_searching and state.step < layout.steps and affords_step:
        first = tuple(order_questions(state, "train")[: layout.first])
        return Look(state.step + 1, joining=first, train=table.estimate("train"))
    if look.asked:  # who meets dev goes by estimates of now
        return Look(state.step, train=table.estimate("train"))
    return None


class _Table:
    """The answers to train and dev questions of all candidates, and what they tell."""

    def __init__(self, state: RunState, layout: Layout) -> None:
        self.state, self.layout = state, layout
        sizes = state.sizes
        self._begin: dict[Split, int] = {"train": 0, "dev": sizes["train"]}
        self._sheets = {each.id: self._read(each) for each in state.candidates.values()}
        self._eases: Eases = learn_eases(list(self._sheets.values()), sizes["train"] + sizes["dev"])
        self._abilities: dict[str, Ability] = {
            id: self._eases.measure(sheet) for id, sheet in self._sheets.items()
        }

    def _read(self, candidate: Candidate) -> Sheet:
        return [
            (begin + question, outcome.score or 0.0)
            for split, begin in self._begin.items()
            for question, outcome in sorted(candidate.answers[split].by_question.items())
            if not outcome.excluded
        ]

    def choose(self, split: Split, among: Sequence[Candidate]) -> dict[str, tuple[int, ...]]:
        """Return who is asked next and what; {} where this part of the race is over."""
        state, layout = self.state, self.layout
        abilities = {each.id: self._abilities[each.id] for each in among}
        missing = {id: {*state.missing(state.candidates[id], split)} for id in abilities}
        spent, question = count_spent(state), state.calls_per_question
        if split == "dev":
            since, until = layout.search, layout.dev
        else:
            since, until = layout.until(state.step - 1) + layout.own, layout.until(state.step)
        left = (until - spent) / question
        if split == "dev" and sum(map(len, missing.values())) <= left:  # everybody all of it
            return {id: tuple(sorted(rows)) for id, rows in missing.items() if rows}
        counts = {id: len(rows) for id, rows in missing.items()}
        allowance = max(left, (until - since) / question)
        chosen, block = choose_look(abilities, counts, left, allowance)
        order = order_questions(state, split)
        return {id: tuple([q for q in order if q in missing[id]][:block]) for id in chosen}

    def estimate(self, split: Split, among: Sequence[Candidate] | None = None) -> dict[str, Span]:
        """Return what unfinished candidates are estimated to score on a split."""
        state = self.state
        begin, size = self._begin[split], state.sizes[split]
        everyone = state.candidates.values() if among is None else among
        questions = range(begin, begin + size)
        spans: dict[str, Span] = {}
        for each in everyone:
            if state.is_scored(each, split):
                continue
            mean, interval, _ = self._eases.expect(
                self._abilities[each.id], self._sheets[each.id], questions
            )
            parts = (mean, interval.low, interval.high)
            low, middle, high = sorted(round(min(1.0, part), PLACES) for part in parts)
            spans[each.id] = (middle, low, high)
        return spans
