"""Split the rows of the data into train, dev and test.

Rows are shuffled once, by the seed. Train is taken from the front, then dev, and test from the
back, so the number of test rows never changes train, and the number of train or dev rows never
changes test. A split keeps the shuffled order, so its first k rows are a random sample of it.

Rows of one group (`core/copies.py`) are never in two splits. Groups stand in the order of their
first rows, which is that of the rows where each has a group of its own; a group that a split takes
a part of is not used for another one.

With `method: paper` the rows are those of the reference (google-deepmind/opro,
optimize_instructions.main): drawn by numpy's legacy generator, each split in the order of the
file, dev from the rows after train (none by default), test all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from opro_cli.core.draws import LegacyStream, create_rng
from opro_cli.core.settings.task import SplitSettings
from opro_cli.core.stats.groups import count_independent, find_provable_gain
from opro_cli.core.task.example import SPLITS, Split
from opro_cli.errors import DataError

# The usual sizes, and each split's weight if there are too few rows for them.
USUAL: Mapping[Split, int] = {"train": 50, "dev": 100, "test": 200}
WEIGHT: Mapping[Split, int] = {"train": 25, "dev": 35, "test": 40}


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of each split, and a sentence about them for people.

    Rows are indices from 0 into the split's own source, or that of train if it has none; they
    are disjoint within a source.

    Attributes:
        left_out: Rows of no split whose group is in one.
    """

    rows: Mapping[Split, tuple[int, ...]]
    note: str
    left_out: int = 0


def cut_splits(
    available: Mapping[Split, int], settings: SplitSettings, groups: Sequence[int] = ()
) -> Cut:
    """Cut the rows into train, dev and test.

    A default size (None) is all rows of its own source for dev and test; otherwise the usual 50,
    100 and 200, or about 25, 35 and 40 % of the rows if those do not fit.

    Args:
        available: The number of rows of "train", and of "dev" and "test" if they have their own
            sources.
        settings: The sizes and the seed.
        groups: For each row of "train" the first row of its group; empty where each row is alone.
            The paper's draw knows no groups.

    Raises:
        DataError: There are too few rows, or too few groups. It has the numbers.
    """
    sizes = _choose_sizes(available, settings)
    if settings.method == "paper":
        rows = _draw_paper_rows(available, settings.seed, sizes)
        return Cut(rows, _describe_cut(available, settings, sizes))
    rows = _shuffle_rows(available, settings.seed, sizes, groups or range(available["train"]))
    taken = {split: len(rows[split]) for split in SPLITS}
    note = _describe_cut(available, settings, taken)
    short = [split for split in SPLITS if taken[split] < sizes[split]]
    if short:
        wanted = ", ".join(f"{sizes[split]} {split}" for split in short)
        note += f"; groups stay whole, so that there are not the {wanted} rows wanted"
    return Cut(rows, note, _count_left_out(available, rows, groups))


def describe_doubts(sizes: Mapping[Split, int], test_groups: Sequence[int] = ()) -> tuple[str, ...]:
    """Describe the limits of splits of these sizes, in sentences for people.

    Args:
        sizes: Of the splits.
        test_groups: What each test question belongs to; empty where each is alone.
    """
    doubts = []
    if not sizes["dev"]:
        doubts.append("no dev split: the winner is chosen on train, which it was made to fit")
    if not sizes["test"]:
        doubts.append("no test split: no gain will be claimed")
    elif doubt := describe_test_doubt(sizes["test"], test_groups):
        doubts.append(doubt)
    return tuple(doubts)


def describe_test_doubt(n: int, groups: Sequence[int] = ()) -> str:
    """Say what gain so many test questions can prove at their first use; "" for enough of them."""
    if count_independent(n, groups) >= USUAL["test"]:
        return ""
    least = find_provable_gain(n, groups)
    gains = f"a gain of some {100 * least:.0f} points or more"
    gains = gains if least < 1 else "only very large gains"
    among = f" of {len({*groups})} groups" if groups else ""
    return (
        f"{n} test questions{among} tell {gains} "
        "from chance (4 times in 5, when answers differ on 3 questions of 10)"
    )


def _shuffle_rows(
    available: Mapping[Split, int], seed: int, sizes: Mapping[Split, int], groups: Sequence[int]
) -> dict[Split, tuple[int, ...]]:
    order = _shuffle(available["train"], seed)
    rank = {row: index for index, row in enumerate(order)}
    shared: list[Split] = [split for split in SPLITS if split == "train" or split not in available]
    whole = sorted(order, key=lambda row: (rank[groups[row]], rank[row]))
    starts = [i for i, row in enumerate(whole) if not i or groups[row] != groups[whole[i - 1]]]
    spans = _place_splits({split: sizes[split] for split in shared}, starts, len(whole))
    rows: dict[Split, tuple[int, ...]] = {}
    for split in SPLITS:
        if split in spans:
            rows[split] = tuple(sorted((whole[i] for i in spans[split]), key=rank.__getitem__))
        else:
            rows[split] = _shuffle(available[split], seed, split)[: sizes[split]]
    return rows


def _place_splits(
    sizes: Mapping[Split, int], starts: Sequence[int], count: int
) -> dict[Split, range]:
    """Return where splits stand among rows that are ordered by group, no group in two of them.

    Train stands at the front, dev behind it and test at the end. Where whole groups leave dev and
    test too few rows for their sizes, they share the groups behind train by these.

    Args:
        sizes: Of the splits that are cut from these rows.
        starts: The first row of each group, ascending.
        count: The number of rows.
    """
    train, dev, test = (sizes.get(split, 0) for split in SPLITS)
    behind = [start for start in (*starts, count) if start >= train]
    begin, first = behind[0], count - test  # of dev and of test
    edge = max((start for start in starts if start <= first), default=0) if test else count
    if begin + dev > edge or (test and first < begin):
        inner = behind[1:-1]
        if (dev or test) and (begin == count or (dev and test and not inner)):
            _refuse_few_groups(sizes, len(starts))
        if dev and test:
            ideal = begin + (count - begin) * dev / (dev + test)
            edge = min(inner, key=lambda start: abs(start - ideal))
        else:
            edge = begin if test else count
        dev, first = min(dev, edge - begin), max(first, edge)
    spans = {"train": range(train), "dev": range(begin, begin + dev), "test": range(first, count)}
    return {split: spans[split] for split in SPLITS if split in sizes}


def _refuse_few_groups(sizes: Mapping[Split, int], groups: int) -> None:
    wanted = [split for split in SPLITS if sizes.get(split)]
    raise DataError(
        f"task.data.split: expected a group of rows for each of {', '.join(wanted)}, found "
        f"{groups} in all, none of which may be in two of them: rows of one task.data.group, or "
        "nearly equal texts",
        "give more groups or sources of their own for dev and test, or set the size of a split to "
        "0 under task.data.split",
    )


def _count_left_out(
    available: Mapping[Split, int], rows: Mapping[Split, Sequence[int]], groups: Sequence[int]
) -> int:
    """Count the rows in no split whose group is in one."""
    cut = [split for split in SPLITS if split == "train" or split not in available]
    taken = {row for split in cut for row in rows[split]}
    used = {groups[row] for row in taken} if groups else set()
    return sum(group in used and row not in taken for row, group in enumerate(groups))


def _draw_paper_rows(
    available: Mapping[Split, int], seed: int, sizes: Mapping[Split, int]
) -> dict[Split, tuple[int, ...]]:
    """Draw all splits from one stream, so that dev depends on the size of train."""
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
        requested = getattr(settings, split)
        if requested is not None:
            sizes[split] = _count_rows(split, requested, source, settings)
        elif split not in shared:
            sizes[split] = source
    if "train" not in sizes:
        # From the number of rows alone, so that more test rows leave train unchanged.
        sizes["train"] = min(USUAL["train"], max(1, _share("train", shared, rows)))
    if settings.method == "paper" and "dev" in shared:
        sizes.setdefault("dev", 0)
    if settings.method == "paper" and "test" in shared and "test" not in sizes:
        sizes["test"] = max(0, rows - sum(sizes[split] for split in shared if split in sizes))
    open_splits = [split for split in shared if split not in sizes]
    for position, split in enumerate(open_splits):
        left = max(0, rows - sum(sizes.get(other, 0) for other in shared))
        sizes[split] = min(USUAL[split], _share(split, open_splits[position:], left))
    _check_fit(available, settings, sizes, shared)
    return sizes


def _share(split: Split, among: list[Split], rows: int) -> int:
    return rows * WEIGHT[split] // sum(WEIGHT[other] for other in among)


def _count_rows(split: Split, requested: int | float, rows: int, settings: SplitSettings) -> int:
    if isinstance(requested, int):
        return requested
    # The decimal as written: as a double, 0.29 of 100 rows would be 28, as in the reference.
    share = requested if settings.method == "paper" else Fraction(repr(requested))
    count = int(share * rows)
    if count == 0 and requested > 0 and settings.method != "paper":
        raise DataError(
            f"task.data.split.{split}: {requested} of {rows} rows is less than one row",
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
                + (" (default)" if getattr(settings, split) is None else "")
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
        if getattr(settings, split) is None
        and (split == "train" or split not in available)
        and sizes[split] < USUAL[split]
    ]
    if scaled:
        usual = ", ".join(f"{USUAL[split]} {split}" for split in scaled)
        note += f"; too few for the usual {usual}"
    return note
