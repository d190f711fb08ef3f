"""tracking_shuffled_objects: three, five or seven people swap what they have."""

from __future__ import annotations

import random
from dataclasses import dataclass

from opro_cli.embedded.training.questions import Question

PEOPLE = ("Alice", "Bob", "Claire", "Dave", "Eve", "Fred", "Gertrude")
LETTERS = "ABCDEFG"
SIZES = (3, 5, 7)
COLOURS = ("black", "blue", "brown", "green", "orange", "pink", "purple", "red", "white", "yellow")
POSITIONS = (
    "goalkeeper", "striker", "fullback", "cheerleader", "benchwarmer", "center midfielder",
    "left midfielder", "right midfielder", "left winger", "right winger",
)  # fmt: skip
PARTNERS = ("Helga", "Izzi", "Jamie", "Karl", "Lola", "Melissa", "Ophelia", "Patrick", "Rodrigo",
            "Sam")  # fmt: skip
BOOKS = (
    "Catch-22", "Frankenstein", "Hound of the Baskervilles", "Lolita", "Moby Dick",
    "The Fellowship of the Ring", "The Great Gatsby", "The Odyssey", "The Pearl", "Ulysses",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """The objects to swap, and the sentences that never vary; `has` is said of each person."""

    begin: str
    has: str
    objects: tuple[str, ...]
    middle: str
    swap: str
    end: str
    asked: str


STORIES = (
    Story(
        " are playing a game. At the start of the game, they are each holding a ball:",
        "has a",
        tuple(f"{colour} ball" for colour in COLOURS),
        "\nAs the game progresses, pairs of players trade balls.",
        "swap balls.",
        " At the end of the game,",
        "has the",
    ),
    Story(
        " are on the same team in a soccer match. At the start of the match, they are each"
        " assigned to a position:",
        "is playing",
        POSITIONS,
        "\nAs the game progresses, pairs of players occasionally swap positions.",
        "trade positions.",
        " At the end of the match,",
        "is playing",
    ),
    Story(
        " are holding a white elephant gift exchange. At the start of the event, they are each"
        " holding a present of a different color:",
        "has a",
        tuple(f"{colour} present" for colour in COLOURS),
        "\nAs the event progresses, pairs of people swap gifts.",
        "swap their gifts.",
        " At the end of the event,",
        "has the",
    ),
    Story(
        " are friends and avid readers who occasionally trade books. At the start of the semester,"
        " they each buy one new book:",
        "gets",
        BOOKS,
        "\nAs the semester proceeds, they start trading around the new books.",
        "swap books.",
        " At the end of the semester,",
        "has",
    ),
    Story(
        " are dancers at a square dance. At the start of a song, they each have a partner:",
        "is dancing with",
        PARTNERS,
        "\nThroughout the song, the dancers often trade partners.",
        "switch partners.",
        " At the end of the dance,",
        "is dancing with",
    ),
)
PHRASES = tuple(
    phrase
    for story in STORIES
    for phrase in (
        story.begin, story.middle, story.end, f" {story.has}", f" {story.swap}", f" {story.asked}",
        *(f" {name}" for name in story.objects),
    )
)  # fmt: skip


def draw_tracking(rng: random.Random) -> Question:
    """Draw as many random swaps as people, of objects dealt out at random."""
    size = rng.choice(SIZES)
    story = rng.choice(STORIES)
    objects = rng.sample(story.objects, size)
    swaps = [tuple(rng.sample(range(size), 2)) for _ in range(size)]
    return ask_owner(story, objects, swaps, rng.randrange(size))


def ask_owner(
    story: Story, objects: list[str], swaps: list[tuple[int, ...]], asked: int
) -> Question:
    """Build the question what person `asked` has after `swaps` (pairs of indices into PEOPLE).

    A line names the two who swap and the letters of what everyone has. An answer half-way is what
    the person has by then.
    """
    size = len(objects)
    people = PEOPLE[:size]
    holds = [f"{name} {story.has} {owned}" for name, owned in zip(people, objects, strict=True)]
    order = ("First,", *["Then,"] * (len(swaps) - 2), "Finally,")
    trades = [
        f" {word} {people[one]} and {people[other]} {story.swap}"
        for word, (one, other) in zip(order, swaps, strict=True)
    ]
    options = "".join(
        f"\n({letter}) {name}" for letter, name in zip(LETTERS, objects, strict=False)
    )
    text = (
        f"{', '.join(people[:-1])}, and {people[-1]}{story.begin}"
        f" {', '.join(holds[:-1])}, and {holds[-1]}.{story.middle}{''.join(trades)}{story.end}"
        f" {people[asked]} {story.asked}\nOptions:{options}"
    )
    has = list(LETTERS[:size])
    lines, answers = [], [f"({has[asked]})"]
    for one, other in swaps:
        has[one], has[other] = has[other], has[one]
        lines.append(f"{people[one]} {people[other]} {' '.join(has)}")
        answers.append(f"({has[asked]})")
    return Question(text, tuple(lines), tuple(answers), people[asked])
