"""Landscapes of known truth: a scorer whose score depends on what a prompt says, and by how much.

A prompt's words have effects: it names the answers, asks for short ones, makes the model work or
weigh. Which of these matter, and how much, is drawn with the landscape; so is what a prompt is
worth by chance of its wording alone. The optimizer writes prompts of the same words, and partly
keeps those of the best prompt that it is shown, as OPRO's does.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from opro_cli.core.settings.models import OptimizerSettings, ScorerSettings
from opro_cli.core.settings.search import SearchSettings
from opro_cli.core.settings.settings import Settings
from opro_cli.core.settings.task import DataSettings, TaskSettings
from opro_cli.core.task.example import SPLITS, ChatReply, ChatRequest, Example, Split

LABELS = ("billing", "login", "refund")
START = "Sort the message."
SHARED = 0.6
SIZES: tuple[Mapping[Split, int], ...] = (
    {"train": 50, "dev": 100, "test": 200},
    {"train": 30, "dev": 50, "test": 100},
)
CUES: Mapping[str, tuple[str, ...]] = {
    "names": ("one of billing", "say which of the three teams"),
    "brief": ("nothing else", "be brief", "in a word"),
    "steps": ("step", "work", "intermediate"),
    "weighs": ("weigh", "habit", "compare the teams"),
    "secret": ("as the desk chief would",),
}
"""Words by which a prompt has an effect, in the probe's texts and in those of the optimizer."""
WRITTEN: Mapping[str, str] = {
    "names": "say which of the three teams",
    "brief": "in a word",
    "steps": "work it out",
    "weighs": "compare the teams",
    "secret": "as the desk chief would",
}
RATES: Mapping[str, float] = {
    "names": 0.35, "brief": 0.3, "steps": 0.35, "weighs": 0.2, "secret": 0.1,
}  # fmt: skip
OPENINGS = ("Please", "Now", "Carefully", "For each message", "Here", "Today", "As asked", "Well")
WITH = ("format", "bias", "room", "steps", "wording")
"""Landscapes with headroom of some kind: 10 points and more for the right words."""
WITHOUT = ("flat", "ceiling", "floor", "stuck", "cut off")
"""Landscapes where words do nothing, or next to it."""
DOUBTFUL = ("slight", "hidden")
"""Small effects on either side; and a large one of words that only the optimizer knows."""
FAMILIES = (*WITH, *WITHOUT, *DOUBTFUL)
_cut_at = NormalDist().inv_cdf


def draw(*parts: object) -> float:
    """Return a number in (0, 1) that depends on the arguments only."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return (int.from_bytes(digest[:6], "big") + 0.5) / 2**48


@dataclass(frozen=True)
class Landscape:
    """What is true of a scorer.

    Attributes:
        ability: Share of right answers under a prompt without effects, where it can be read.
        effects: By cue, what it adds to that share.
        spread: Standard deviation of what wording adds by itself.
        unreadable, biased, cut: Shares of replies with these faults; `mended` of each is what the
            cue that mends it leaves.
    """

    family: str
    seed: int
    sizes: Mapping[Split, int]
    ability: float
    effects: Mapping[str, float] = field(default_factory=dict)
    spread: float = 0.01
    unreadable: float = 0.0
    biased: float = 0.0
    cut: float = 0.0
    mended: float = 0.1
    start: str = START


def draw_landscape(family: str, seed: int) -> Landscape:
    """Return the landscape of a family and a seed."""
    rng = random.Random(f"{family} {seed}")
    base: dict[str, Any] = {"ability": rng.uniform(0.35, 0.8), "spread": rng.uniform(0.0, 0.02)}
    match family:
        case "format":
            base |= {"unreadable": rng.uniform(0.25, 0.8), "mended": rng.uniform(0, 0.2)}
        case "bias":
            base |= {"biased": rng.uniform(0.4, 0.85), "mended": rng.uniform(0, 0.3)}
        case "room":
            base |= {"cut": rng.uniform(0.25, 0.8), "mended": rng.uniform(0, 0.2)}
        case "steps":
            steps = {"steps": rng.uniform(0.15, 0.35)}
            base |= {"ability": rng.uniform(0.3, 0.6), "effects": steps}
        case "wording":
            base["spread"] = rng.uniform(0.08, 0.15)
        case "ceiling":
            base["ability"] = rng.uniform(0.96, 0.999)
        case "floor":
            base["ability"] = rng.uniform(0.0, 0.04)
        case "stuck":
            base |= {"biased": rng.uniform(0.4, 0.85), "mended": rng.uniform(0.9, 1.0)}
        case "cut off":
            base |= {"cut": rng.uniform(0.25, 0.75), "mended": rng.uniform(0.9, 1.0)}
        case "hidden":
            base["effects"] = {"secret": rng.uniform(0.1, 0.25)}
        case "slight":
            base |= {
                "spread": rng.uniform(0.0, 0.06),
                "unreadable": rng.uniform(0, 0.15),
                "effects": {cue: rng.uniform(-0.1, 0.1) for cue in ("steps", "brief", "weighs")},
            }
    return Landscape(family, seed, rng.choice(SIZES), **base)


@dataclass
class Model:
    """A scorer and an optimizer in one: `Landscape`, asked."""

    land: Landscape
    calls: int = 0
    name: str = "simulated"

    async def reply(self, request: ChatRequest) -> ChatReply:
        text = "\n".join(message.content for message in request.messages)
        self.calls += 1
        if "Your task is to generate" in text:
            return ChatReply(f"<INS>{self.write(text, request.seed or 0)}</INS>", "stop", 9, 9, 0.0)
        return self.answer(text)

    def write(self, text: str, seed: int) -> str:
        """Return another instruction, with some of the words of the best one that is listed."""
        rng = random.Random(f"{self.land.seed} {seed}")
        best = text.rpartition("text:\n")[2].partition("\nscore:")[0]
        kept = find_cues(best) if rng.random() < 0.6 else frozenset()
        cues = {cue for cue in kept if rng.random() < 0.9}
        cues |= {cue for cue, rate in RATES.items() if rng.random() < rate}
        words = ", ".join(WRITTEN[cue] for cue in sorted(cues))
        return f"{rng.choice(OPENINGS)} {chr(97 + rng.randrange(26))}, sort it: {words}."

    def answer(self, text: str) -> ChatReply:
        land = self.land
        number = int(re.findall(r"Message (\d+)", text)[-1])
        said = re.sub(rf"Message {number}\b", "", text)
        cues = find_cues(said)
        if "Message" in said:  # a worked example shows what an answer is
            cues |= {"names"}
        own = (land.family, land.seed, said, number)
        if draw(*own, "cut") < land.cut * (land.mended if "brief" in cues else 1) * (
            1.3 if "steps" in cues else 1
        ):
            return ChatReply("Let me see what this message is about. It", "length", 9, 9, 0.0)
        if draw(*own, "read") < land.unreadable * (land.mended if cues & {"names", "brief"} else 1):
            return ChatReply("I would have to know more about it.", "stop", 9, 9, 0.0)
        if draw(*own, "bias") < land.biased * (land.mended if "weighs" in cues else 1):
            return ChatReply(f"The team is {LABELS[0]}.", "stop", 9, 9, 0.0)
        chance = land.ability + sum(land.effects.get(cue, 0.0) for cue in cues)
        chance += land.spread * _cut_at(draw(land.family, land.seed, said.strip(), "worth"))
        chance = min(0.999, max(0.001, chance))
        hard = _cut_at(draw(land.family, land.seed, number))
        drawn = math.sqrt(SHARED) * hard + math.sqrt(1 - SHARED) * _cut_at(draw(*own))
        gold = gold_of(land, number)
        wrong = LABELS[(LABELS.index(gold) + 1 + (draw(*own, "which") < 0.5)) % 3]
        return ChatReply(
            f"The team is {gold if drawn < _cut_at(chance) else wrong}.", "stop", 9, 9, 0.0
        )

    async def aclose(self) -> None:
        """Nothing to close."""


def gold_of(land: Landscape, number: int) -> str:
    return LABELS[int(3 * draw(land.family, land.seed, number, "gold"))]


def find_cues(text: str) -> frozenset[str]:
    words = text.lower()
    return frozenset(cue for cue, marks in CUES.items() if any(mark in words for mark in marks))


def examples_of(land: Landscape) -> dict[Split, list[Example]]:
    rows: dict[Split, list[Example]] = {}
    number = 0
    for split in SPLITS:
        rows[split] = []
        for row in range(land.sizes[split]):
            number += 1
            rows[split].append(
                Example(f"Message {number}", gold_of(land, number), f"t:{number}", row)
            )
    return rows


def settings_of(land: Landscape) -> Settings:
    return Settings(
        task=TaskSettings(
            DataSettings("t", "q", "a"), "label", labels=tuple((each, each) for each in LABELS)
        ),
        scorer=ScorerSettings("simulated/scorer", temperature=0.0, concurrency=8),
        optimizer=OptimizerSettings("simulated/optimizer", concurrency=8),
        search=SearchSettings(
            steps=5,
            candidates_per_step=8,
            seed=land.seed,
            baselines=(),
            noise_check=False,
            racing=True,
            initial_instructions=(land.start,),
            max_instruction_chars=500,
        ),
    )
