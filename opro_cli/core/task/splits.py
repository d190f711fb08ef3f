"""Which rows of the data are train, dev and test.

Rows are shuffled once, by the seed. Train takes them from the front, dev comes next, test is
taken from the back: so the number of test rows never changes train, and the number of train
or dev rows never changes test. The order inside a split is the shuffled one, so that its
first k rows are a random sample of it.

With `method: paper` the rows are those of the reference (google-deepmind/opro,
optimize_instructions.main): drawn by numpy's legacy generator, each split in the order of the
file, dev from what train left (none unless asked for), test all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from opro_cli.core.draws import LegacyStream, create_rng
from opro_cli.core.settings.settings import SplitSettings
from opro_cli.core.stats.intervals import find_least_gain
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.errors import DataError

# The usual sizes, and each split's weight where there are too few rows for them.
USUAL: Mapping[Split, int] = {"train": 50, "dev": 100, "test": 200}
WEIGHT: Mapping[Split, int] = {"train": 25, "dev": 35, "test": 40}


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of each split, and a sentence about them for people.

    rows: indices from 0 into the source that the split is drawn from (its own one where
    it has one, else that of train); disjoint within a source.
    """

    rows: Mapping[Split, tuple[int, ...]]
    note: str


def cut_splits(available: Mapping[Split, int], settings: SplitSettings) -> Cut:
    """Cut the rows into train, dev and test.

    available: the rows of each source; "train" always, "dev" and "test" when they have a
    source of their own. Raises DataError with the numbers when there are too few rows.

    A size left open (None) is all rows of its own source for dev and test; otherwise the
    usual 50, 100 and 200, or about 25, 35 and 40 % of the rows where those do not fit.
    """
    sizes = _choose_sizes(available, settings)
    draw = _draw_paper_rows if settings.method == "paper" else _shuffle_rows
    return Cut(draw(available, settings.seed, sizes), _describe_cut(available, settings, sizes))


def describe_doubts(sizes: Mapping[Split, int]) -> tuple[str, ...]:
    """What splits of these sizes cannot tell, in sentences for people."""
    told = []
    if not sizes["dev"]:
        told.append("no dev split: the winner is chosen on train, which it was made to fit")
    if not sizes["test"]:
        told.append("no test split: no gain will be claimed")
    elif sizes["test"] < USUAL["test"]:
        least = find_least_gain(sizes["test"])
        what = "only very large gains"
        if least < 1:
            what = f"a gain of some {100 * least:.0f} points or more"
        told.append(
            f"{sizes['test']} test questions tell {what} from chance "
            "(4 times in 5, when answers differ on 3 questions of 10)"
        )
    return tuple(told)


def _shuffle_rows(
    available: Mapping[Split, int], seed: int, sizes: Mapping[Split, int]
) -> dict[Split, tuple[int, ...]]:
    order = _shuffle(available["train"], seed)
    rows: dict[Split, tuple[int, ...]] = {"train": order[: sizes["train"]]}
    for split in ("dev", "test"):
        if split in available:
            own = _shuffle(available[split], seed, split)
            rows[split] = own[: sizes[split]]
        elif split == "dev":
            rows[split] = order[sizes["train"] : sizes["train"] + sizes["dev"]]
        else:
            rows[split] = order[len(order) - sizes["test"] :]
    return rows


def _draw_paper_rows(
    available: Mapping[Split, int], seed: int, sizes: Mapping[Split, int]
) -> dict[Split, tuple[int, ...]]:
    """One stream draws them all, so what dev gets depends on the size of train."""
    stream = LegacyStream(seed)
    left: Sequence[int] = range(available["train"])
    rows: dict[Split, tuple[int, ...]] = {}
    for split in SPLITS:
        own = split != "train" and split in available
        pool = range(available[split]) if own else left
        rows[split] = tuple(sorted(stream.choice(pool, sizes[split])))
        if not own:
            taken = {*rows[split]}
            left = [row for row in left if row not in taken]
    return rows


def _shuffle(rows: int, seed: int, *source: str) -> tuple[int, ...]:
    order = list(range(rows))
    create_rng(seed, "split", *source).shuffle(order)
    return tuple(order)


def _choose_sizes(available: Mapping[Split, int], settings: SplitSettings) -> dict[Split, int]:
    rows = available["train"]
    shared: list[Split] = [split for split in SPLITS if split == "train" or split not in available]
    sizes: dict[Split, int] = {}
    for split in SPLITS:
        source = rows if split in shared else available[split]
        asked = _get_requested(split, settings)
        if asked is not None:
            sizes[split] = _count_rows(split, asked, source, settings)
        elif split not in shared:
            sizes[split] = source
    if "train" not in sizes:
        # From the number of rows alone, so that asking for more test rows leaves train as it is.
        sizes["train"] = min(USUAL["train"], max(1, _share("train", shared, rows)))
    if settings.method == "paper" and "dev" in shared:
        sizes.setdefault("dev", 0)
    if settings.method == "paper" and "test" in shared and "test" not in sizes:
        sizes["test"] = max(0, rows - sum(sizes[split] for split in shared if split in sizes))
    open_splits = [split for split in shared if split not in sizes]
    for position, split in enumerate(open_splits):
        left = max(0, rows - sum(sizes.get(each, 0) for each in shared))
        sizes[split] = min(USUAL[split], _share(split, open_splits[position:], left))
    _check_fit(available, settings, sizes, shared)
    return sizes


def _share(split: Split, among: list[Split], rows: int) -> int:
    return rows * WEIGHT[split] // sum(WEIGHT[each] for each in among)


def _get_requested(split: Split, settings: SplitSettings) -> int | float | None:
    asked: int | float | None = getattr(settings, split)
    return asked


def _count_rows(split: Split, asked: int | float, rows: int, settings: SplitSettings) -> int:
    if isinstance(asked, int):
        return asked
    # The decimal as written: as a double, 0.29 of 100 rows would be 28, as it is in the paper's.
    share = asked if settings.method == "paper" else Fraction(repr(asked))
    count = int(share * rows)
    if count == 0 and asked > 0 and settings.method != "paper":
        raise DataError(
            f"task.data.split.{split}: {asked} of {rows} rows is less than one row",
            "give a larger fraction, or a count",
        )
    return count


def _check_fit(
    available: Mapping[Split, int],
    settings: SplitSettings,
    sizes: Mapping[Split, int],
    shared: list[Split],
) -> None:
    groups = [shared, *([split] for split in SPLITS if split not in shared)]
    for group in groups:
        rows, wanted = available[group[0]], sum(sizes[split] for split in group)
        if wanted > rows:
            parts = " + ".join(
                f"{sizes[split]} {split}"
                + (" (default)" if _get_requested(split, settings) is None else "")
                for split in group
                if sizes[split]
            )
            total = f" = {wanted}" if "+" in parts else ""
            raise DataError(
                f"task.data.split: {parts}{total} rows wanted, only {rows} usable rows there",
                "ask for fewer rows under task.data.split, or give more data",
            )


def _describe_cut(
    available: Mapping[Split, int], settings: SplitSettings, sizes: Mapping[Split, int]
) -> str:
    parts = []
    for split in SPLITS:
        own = f" of {available[split]}" if split != "train" and split in available else ""
        parts.append(f"{sizes[split]} {split}{own}")
    note = (
        f"split: {', '.join(parts)} rows, drawn with seed {settings.seed} "
        f"from {available['train']} rows"
    )
    if settings.method == "paper":
        return f"{note}, as the paper's reference draws them"
    scaled = [
        split
        for split in SPLITS
        if _get_requested(split, settings) is None
        and (split == "train" or split not in available)
        and sizes[split] < USUAL[split]
    ]
    if scaled:
        usual = ", ".join(f"{USUAL[split]} {split}" for split in scaled)
        note += f"; too few for the usual {usual}"
    return note
