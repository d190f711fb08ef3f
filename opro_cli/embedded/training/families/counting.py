"""object_counting: how many things of one group are in a list that may name others too."""

from __future__ import annotations

import random

from opro_cli.embedded.training.questions import Question

NUMBERS = ("no", "one", "two", "three", "four", "five")
QUANTITIES = ((1, 2, 3, 4, 5), (0.76, 0.11, 0.07, 0.04, 0.02))
# singular (with its article) and plural
GROUPS: dict[str, tuple[tuple[str, str], ...]] = {
    "fruits": (
        ("an apple", "apples"), ("a banana", "bananas"), ("a strawberry", "strawberries"),
        ("a peach", "peaches"), ("an orange", "oranges"), ("a plum", "plums"),
        ("a raspberry", "raspberries"), ("a grape", "grapes"), ("a nectarine", "nectarines"),
        ("a blackberry", "blackberries"),
    ),
    "vegetables": (
        ("a yam", "yams"), ("an onion", "onions"), ("a lettuce head", "lettuce heads"),
        ("a head of broccoli", "heads of broccoli"), ("a cauliflower", "cauliflowers"),
        ("a carrot", "carrots"), ("a potato", "potatoes"), ("a cabbage", "cabbages"),
        ("a stalk of celery", "stalks of celery"), ("a garlic", "garlics"),
    ),
    "animals": (
        ("a fish", "fish"), ("a bear", "bears"), ("a frog", "frogs"), ("a chicken", "chickens"),
        ("a mouse", "mice"), ("a cat", "cats"), ("a pig", "pigs"), ("a rabbit", "rabbits"),
        ("a goat", "goats"), ("a duck", "ducks"), ("a cow", "cows"), ("a donkey", "donkeys"),
        ("a dog", "dogs"), ("a snail", "snails"), ("a snake", "snakes"),
    ),
    "musical instruments": (
        ("a piano", "pianos"), ("a trombone", "trombones"), ("a clarinet", "clarinets"),
        ("an accordion", "accordions"), ("a trumpet", "trumpets"), ("a violin", "violins"),
        ("a drum", "drums"), ("a flute", "flutes"),
    ),
    "objects": (
        ("a stove", "stoves"), ("a bed", "beds"), ("a lamp", "lamps"),
        ("a microwave", "microwaves"), ("a chair", "chairs"), ("a toaster", "toasters"),
        ("a table", "tables"), ("a car", "cars"), ("a fridge", "fridges"), ("an oven", "ovens"),
        ("a couch", "couches"),
    ),
}  # fmt: skip


def draw_counting(rng: random.Random) -> Question:
    """Draw two to ten things of a group, in a third of the questions with one to four others."""
    group = rng.choice(list(GROUPS))
    count = rng.randint(2, 10)
    own = rng.sample(GROUPS[group], min(count, len(GROUPS[group])))
    others = [name for each in GROUPS if each != group for name in GROUPS[each]]
    # "objects" are of every group
    foreign = (
        [] if group == "objects" or rng.random() < 0.6 else rng.sample(others, rng.randint(1, 4))
    )
    items = [(name, True) for name in own] + [(name, False) for name in foreign]
    rng.shuffle(items)
    quantities = rng.choices(*QUANTITIES, k=len(items))
    names = [
        one if quantity == 1 else f"{NUMBERS[quantity]} {more}"
        for quantity, ((one, more), _) in zip(quantities, items, strict=True)
    ]
    counts = [q if wanted else 0 for q, (_, wanted) in zip(quantities, items, strict=True)]
    return ask_count(names, counts, group)


def ask_count(names: list[str], counts: list[int], group: str) -> Question:
    """Build the question about the items `names`, each with its count.

    An answer half-way is the total so far.
    """
    *first, last = names
    totals = [sum(counts[:end]) for end in range(len(counts) + 1)]
    lines = (f"{name} {total}" for name, total in zip(names, totals[1:], strict=True))
    return Question(
        f"I have {', '.join(first)}, and {last}. How many {group} do I have?",
        tuple(lines),
        tuple(str(total) for total in totals),
    )
