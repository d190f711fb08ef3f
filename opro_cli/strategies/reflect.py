"""Reflection on failures: what goes wrong is grouped once a step, and rewritten for several aims.

After ESPO (arXiv 2609.04197) and GEPA (Agrawal et al. 2025), with one difference: nothing is
accepted on a few questions. Every rewrite goes through the race like any other candidate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opro_cli.core.draws import Random
from opro_cli.core.run.view import Ask, Draft, End, SearchView
from opro_cli.core.settings.schema import key, whole
from opro_cli.strategies.failures import FailureGroup, group_failures
from opro_cli.strategies.front import Front, count_stagnant, find_best, list_failing
from opro_cli.strategies.words import WordedStrategy

AIMS: Mapping[str, str] = {
    "root cause": "Find out why the instruction lets this happen. Change the instruction so that "
    "the cause is gone, and leave alone what works.",
    "harden": "State as strict rules what the failed replies break: what to look at, how to decide "
    "between answers that are easily confused, and the exact form of the answer.",
    "simplify": "Say what is needed in fewer words than now. Drop whatever the failures show to be "
    "useless or misleading.",
    "exemplify": "Make the instruction concrete with one short example that you make up (none of "
    "the questions above), which shows how such a question is answered.",
}
"""What a rewrite is for, by its name in lineage and report."""

WORDS = """\
Your task is to improve an instruction. A language model gets it together with one question at a \
time, and its answer is compared with the right one.

# What the questions are about
{{description}}

# The instruction
{{prompt}}

# What goes wrong under it
{{failures}}

# Questions that another instruction got right, and this one wrong
{{contrasts}}

# What must stay
{{must_stay}}

# What to do
{{aim}}

The new instruction has to work for all questions of this kind: neither quote the questions above \
nor give their answers away. It may have {{length}} characters at most. Write it between <{{tag}}> \
and </{{tag}}>, and nothing but the instruction between these tags.
"""
"""The meta-prompt of `reflect`, which `opro init --template meta-prompt` writes."""


@dataclass(frozen=True)
class ReflectOptions:
    """The `search.options` of `reflect`."""

    failures: int = key(whole(1), 6, doc="Failed answers that a meta-prompt shows.")
    contrasts: int = key(whole(0), 2, doc="Questions that tell two prompts apart, likewise.")
    restart_after: int = key(
        whole(1),
        3,
        doc="Steps without a better prompt after which the parent is drawn from the front instead "
        "of being the best one.",
    )


@dataclass(frozen=True)
class ReflectStrategy(WordedStrategy):
    """Shows what goes wrong under the best prompt, and asks for rewrites with different aims."""

    name = "reflect"
    Options = ReflectOptions
    words: str = WORDS

    def propose(self, view: SearchView, step: int) -> Sequence[Ask | Draft] | End:
        """Ask for a rewrite of one parent for each of up to four aims."""
        own, state = view.options, view.state
        best = find_best(view)
        if not view.failures(best) and not state.missing(best, "train"):
            return End("the best prompt answers all train questions right")
        # What was right on its few questions so far gives nothing to mend.
        parent = find_best(view, list_failing(view))
        if count_stagnant(view) >= own.restart_after:
            parent = Front.find(view).draw(view.rng("parent")) or parent
        groups = group_failures(view, parent)
        asking = replace(self, failures=own.failures, contrasts=own.contrasts)
        total, rng = sum(len(group.failures) for group in groups), view.rng("kinds")
        asks = []
        for aim, samples in share_out(view.search.candidates_per_step, step):
            name = _draw(groups, rng).describe(total) if groups else ""
            focus = f"Above all mend this: {name}.\n" if name else ""
            note = f"{aim}: {name}" if name else aim
            asks.append(asking.ask(view, parent, focus + AIMS[aim], note, samples))
        return asks


def share_out(samples: int, step: int) -> list[tuple[str, int]]:
    """Return the aims of a step with the samples of each; a small step has other aims each time."""
    names = list(AIMS)
    first = (step - 1) * samples % len(names) if samples < len(names) else 0
    turns = [names[(first + number) % len(names)] for number in range(samples)]
    return [(name, turns.count(name)) for name in dict.fromkeys(turns)]


def _draw(groups: Sequence[FailureGroup], rng: Random) -> FailureGroup:
    """Draw what a rewrite is to mend, in proportion to how often it happens."""
    return rng.choices(groups, [len(group.failures) for group in groups])[0]
