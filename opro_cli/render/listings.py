"""The facts that commands list: runs, candidates, what a run would do and cost, the cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opro_cli.render.safe import (
    display_prompt,
    measure_width,
    printable,
    printable_lines,
    wrap_printable,
)
from opro_cli.render.tables import GAP, Column, Page, Table
from opro_cli.reports import formats
from opro_cli.reports.formats import format_count, format_money, format_tokens_of, pluralize

if TYPE_CHECKING:
    from rich.console import Console  # `opro runs` and `opro show` have no time for it

    from opro_cli.core.scale import Scale
    from opro_cli.core.settings.differences import KeyOrigin

Data = Mapping[str, Any]

_MOST_CELLS = 2000
"""Terminal cells of an instruction, or of a note, in a table."""
_NARROWEST = 10
"""Columns that an instruction, or a run's name, has on any terminal."""
_NARROWEST_NAME = 24
"""Columns below which a terminal has the name of a run above its row, in one piece."""
_WIDE = 110
"""Columns from which a table of runs has room for dates and models."""
_WIDEST = 160
"""Columns from which it has room for the prompts."""


def print_runs(rows: Sequence[Data], page: Page) -> None:
    """Print runs in their order: what came of them, the best score on the least seen split, gain.

    A wide page has room for dates and models, a wider one for the prompts.
    """
    columns: dict[str, list[str]] = {
        "outcome": [_describe_outcome(row) for row in rows],
        "best": [_format_best(row) for row in rows],
        "gain": [_format_gain(row["difference"]) for row in rows],
        "cost": [_format_cost(row["spend"]) for row in rows],
    }
    if page.width >= _WIDE:
        columns["began"] = [formats.utc_minute(row["created"]) for row in rows]
        columns["scorer"] = [printable(str(row["models"].get("scorer") or "–")) for row in rows]
    titles, figures = list(columns), list(zip(*columns.values(), strict=True))
    has_prompts = page.width >= _WIDEST
    names = [row["run"] + (f" ({', '.join(row['tags'])})" if row["tags"] else "") for row in rows]
    room = page.width - _measure(titles, figures)
    longest = min(_MOST_CELLS, max(map(measure_width, names), default=0))
    if page.is_terminal and longest > room:  # which brings columns closer
        room = max(room, page.width - _measure(titles, figures) + len(titles))
    room = room // 2 if has_prompts else room
    if not page.is_terminal and longest > room:  # whoever reads a pipe looks for whole names
        page.width += longest - room
        room = longest
    if room < _NARROWEST_NAME:
        room = _stack(room, longest, page)
    cells = [
        (
            _wrap(name, room),
            *own,
            printable(display_prompt(row["best"]), _MOST_CELLS) if row["best"] else "–",
        )
        for name, row, own in zip(names, rows, figures, strict=True)
    ]
    titles = ["run", *titles, "best prompt"]
    shown = len(titles) if has_prompts else -1
    table = Table.build(titles[:shown], [row[:shown] for row in cells], right=(2, 3, 4))
    page.write_table(table, ruled=True)
    if any(formats.format_without_cache(row["spend"]) for row in rows):
        page.write_line("(…) about what it would have cost without the cache", "dim")


def _format_cost(spend: Data) -> str:
    without = formats.format_without_cache(spend)
    return formats.format_cost(spend) + (f" ({without})" if without else "")


_OUTCOMES = {"improved": "improved", "worse": "worse", "not_distinguishable": "no gain"}
"""The words for the verdicts."""


def _describe_outcome(row: Data) -> str:
    """Say what came of a run: its verdict, or how far it is and why it goes no further."""
    if row["status"] == "finished":
        return _OUTCOMES.get(row["verdict"], "no verdict")
    return f"{row['status']} {row['steps_done']}/{row['steps']}"


def _format_gain(difference: Data | None) -> str:
    return formats.format_points(difference["mean"]) if difference else "–"


def print_candidates(rows: Sequence[Data], page: Page, result: Data | None = None) -> None:
    """Print all candidates, the best on train last, so that it is next to the prompt.

    Args:
        rows: The candidates.
        page: Where to.
        result: Of their run, which knows the scale of their scores.
    """
    scale = formats.read_scale(result or {})
    solutions = bool((result or {}).get("problem"))
    columns = ("step", "value") if solutions else ("step", "train", "dev", "test", "unreadable")
    if any(row.get("demos") for row in rows):  # they make answers longer, each by its own
        columns = (*columns, "tokens")
    sorted_rows = sorted(_number_candidates(rows), key=lambda numbered: _get_train(numbered[1]))
    figures = [
        (number, *_list_figures(row, scale), format_tokens_of(row))[: len(columns)]
        for number, row in sorted_rows
    ]
    room = page.width - _measure(columns, figures)
    if room < _NARROWEST:
        room = _stack(room, _MOST_CELLS, page)
    cells = [
        (*own, _wrap(_describe_lineage(row), room))
        for own, (_, row) in zip(figures, sorted_rows, strict=True)
    ]
    name = "solution" if solutions else "instruction"
    table = Table.build((*columns, name), cells, right=range(len(columns)))
    page.write_table(table, ruled=True)
    if any((row["scores"]["train"] or {}).get("estimated") for row in rows):
        page.write_line("~ stopped early, so estimated; --json has the interval", "dim")
    if "tokens" in columns:
        page.write_line("tokens: of an answer, prompt and reply together, on average", "dim")


def _describe_lineage(row: Data) -> str:
    """Return an instruction with its leaks, what it was made from, and what for."""
    text = display_prompt(row, row.get("leaks"))
    made = [f"from {' and '.join(row['parents'])}"] if row.get("parents") else []
    made += [row["note"]] if row.get("note") else []
    return f"{text} [{': '.join(made)}]" if made else text


def _measure(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how many terminal cells columns take, with the gap to the next one."""
    widths = (max(map(measure_width, column)) for column in zip(titles, *rows, strict=True))
    return sum(width + len(GAP) for width in widths)


def _stack(room: int, longest: int, page: Page) -> int:
    """Return room for whole texts on a terminal, where the rows of the table are then stacked.

    They are wrapped there: pieces of a name could not be put together again.
    """
    return longest if page.is_terminal and longest > room else room


def _wrap(text: str, room: int) -> str:
    lines = wrap_printable(printable(text, _MOST_CELLS), max(_NARROWEST, room), _MOST_CELLS)
    return "\n".join(lines)


def _list_figures(row: Data, scale: Scale | None) -> tuple[str, ...]:
    scores = row["scores"]
    unreadable = sum(score["unreadable"] for score in scores.values() if score)
    means = (
        formats.format_mean(score["mean"], scale, estimated=score.get("estimated", False))
        if score
        else "–"
        for score in (scores[split] for split in ("train", "dev", "test"))
    )
    cut = sum(score.get("cut", 0) for score in scores.values() if score)
    missed = format_count(unreadable) + (f" ({format_count(cut)} cut)" if cut else "")
    return (*means, missed if unreadable else "–")


def _number_candidates(rows: Sequence[Data]) -> Iterator[tuple[str, Data]]:
    """Yield each candidate with its number, "3.2", as `opro diff RUN@3.2` takes it."""
    counts: Counter[int] = Counter()
    for row in rows:
        counts[row["step"]] += 1
        yield f"{row['step']}.{counts[row['step']]}", row


def _format_best(row: Data) -> str:
    """Return the score of a run's best prompt on the least seen split.

    On test it says of how many questions, where a run may have more of them to ask.
    """
    best, scale = row["best"], formats.read_scale(row)
    for split in ("test", "dev", "train"):
        if best and (score := best["scores"].get(split)):
            estimated = score.get("estimated", False)
            mean = formats.format_mean(score["mean"], scale, estimated=estimated)
            asked = f" of {score['n']}" if split == "test" and row["status"] != "finished" else ""
            return f"{split} {mean}{asked}"
    return "–"


def _get_train(row: Data) -> float:
    score = row["scores"]["train"]
    return float(score["mean"]) if score else float("-inf")


def print_forecast(facts: Data, console: Console, *, ready: bool = True) -> None:
    """Print what a run would do, with the first prompt that each model would get.

    Args:
        facts: As `opro check --json` has them.
        console: Where to.
        ready: Nothing keeps a run from beginning.
    """
    sizes = " · ".join(f"{split} {format_count(size)}" for split, size in facts["sizes"].items())
    calls, limit = format_count(facts["calls_at_most"]), facts.get("calls_limited_by")
    steps = f", by {limit}" if limit else f" in {pluralize(facts['steps'], 'step')}"
    problem = facts.get("problem")
    rows = [
        ("config", f"{facts['name']}: {'fine' if ready else 'cannot run yet, see the end'}"),
        *([] if problem else [("scorer", facts["models"]["scorer"])]),
        ("optimizer", facts["models"]["optimizer"]),
        *(("server", describe_server(server)) for server in facts["servers"]),
        *(("file", describe_file(file)) for file in facts["files"]),
        *([("problem", problem)] if problem else [("answers", facts["answer"])]),
        *([] if problem else [("questions", sizes)]),
        *([] if problem else [("gold answers", describe_golds(facts["gold_answers"]))]),
        ("calls", f"at most {calls}{steps}"),
        ("time", describe_time(facts["time"])),
        *(("note", note) for note in facts["notes"]),
    ]
    _print_facts(((name, printable(value, _MOST_CELLS)) for name, value in rows), console)
    if not problem:
        _print_prompt(console, "first prompt for the scorer", facts["scorer_prompt"])
        from opro_cli.render.consoles import print_lines

        gold = printable(facts["gold_answer"], _MOST_CELLS)
        print_lines(console, "", [f"  gold answer: {gold}"])
    if facts["meta_prompt"]:
        tokens = format_count(facts["meta_prompt_tokens"])
        title = f"first meta-prompt for the optimizer (some {tokens} tokens)"
        _print_prompt(console, title, facts["meta_prompt"])


def describe_golds(golds: Data) -> str:
    """Say how the gold answers are spread: "billing 25 %, login 25 %"."""
    shares = [
        f"{each['answer']} {formats.format_percent(each['rows'] / golds['rows'])}"
        for each in golds["commonest"]
    ]
    if golds["distinct"] <= len(shares):
        return ", ".join(shares)
    return f"{format_count(golds['distinct'])} different ones, the commonest {shares[0]}"


def describe_server(server: Data) -> str:
    """Say where the server of a model is, and whether a run can begin."""
    where = f"{server['model']} at {server['address']}"
    if not server["asked"]:
        return f"{where}: not on this machine, not asked"
    if server["problem"]:
        return f"{where}: not ready"
    if server["serves"] is None:
        return f"{where}: answers, and does not list this model"
    words = [f"{where}: ready"]
    if not server["model"].endswith(f"/{server['serves']}"):
        words.append(f"serves {server['serves']}")
    words += [f"context {format_count(server['context'])} tokens"] if server["context"] else []
    words += [f"{server['at_once']} requests at once"] if server["at_once"] else []
    return ", ".join(words)


def describe_file(file: Data) -> str:
    """Say which file a gguf/ model has, and whether opro can serve it."""
    if file["download"]:
        return f"{file['model']}: will be downloaded ({file['download']})"
    if file["size"] is None:
        return f"{file['model']}: cannot be served"
    named = file["model"].endswith(file["file"])
    words = [
        file["model"] if named else f"{file['model']}: {file['file']}",
        formats.format_size(file["size"]),
    ]
    words += [f"mostly {file['format']}"] if file["format"] else []
    words.append("with a chat template" if file["chat"] else "a base model")
    words += [f"context up to {format_count(file['context'])} tokens"] if file["context"] else []
    words += ["cannot be served"] if file["problem"] else []
    return ", ".join(words)


def _print_prompt(console: Console, title: str, messages: Sequence[Mapping[str, str]]) -> None:
    from opro_cli.render.consoles import print_heading, print_lines

    print_heading(console, f"{title}:")
    for message in messages:
        if message["role"] != "user":
            print_lines(console, "    ", [f"({message['role']})"])
        print_lines(console, "  │ ", printable_lines(message["content"]), again=True)


def print_costs(costs: Data, console: Console) -> None:
    """Print what `reports.costs` computed: expected and at most, for each model and both."""
    from opro_cli.render.consoles import print_lines, print_table

    titles = ("calls", "tokens in", "tokens out", "cost")
    figures = (Column(title, right=True, wrap=False) for title in titles)
    columns = (Column(printable(costs["name"])), Column(wrap=False), *figures)
    named = {f"{role} {printable(row['model'])}": row for role, row in costs["roles"].items()}
    rows = [
        (
            name,
            kind.replace("_", " "),
            format_count(row[kind]["calls"]),
            formats.format_tokens(row[kind]["prompt_tokens"]),
            formats.format_tokens(row[kind]["completion_tokens"]),
            format_money(row[kind]["usd"]),
        )
        for title, row in (named | ({"both": costs["total"]} if len(named) > 1 else {})).items()
        for name, kind in ((title, "expected"), ("", "at_most"))
    ]
    print_table(console, Table(columns, tuple(rows)), gap=2)
    if "time" in costs:  # a sweep's cells go side by side
        print_lines(console, "", [f"time: {describe_time(costs['time'])}"])
    print_lines(console, "", [costs["assumptions"]], "dim")


def describe_time(time: Data | None) -> str:
    """Say how long a run may take, where an earlier one shows how fast its models are."""
    if time is None:
        return "told after the first answers: no finished run of these models shows their pace"
    about, most = (formats.format_rough_duration(time[kind]) for kind in ("expected", "at_most"))
    rate = formats.format_rate(time["calls_per_second"]).removesuffix("/s")
    run = printable(time["learnt_from"], _MOST_CELLS)
    return f"about {about}, at most {most}, at the {rate} calls/s of {run}"


def format_cleared(answers: int | None, size: int, path: str) -> str:
    """Return what was removed from the cache: its answers, None for an unusable file, and bytes."""
    what = "an unusable file" if answers is None else formats.pluralize(answers, "answer")
    return f"removed {what}, {formats.format_megabytes(size)}, from {printable(path)}"


def print_cache(facts: Data, console: Console) -> None:
    """Print how many answers the cache holds, its limit, and how many each model gave."""
    size, limit = (formats.format_megabytes(facts[key]) for key in ("bytes", "limit_bytes"))
    rows = [
        ("kept in", facts["path"]),
        ("answers", format_count(facts["answers"])),
        ("size", f"{size} of at most {limit}"),
    ]
    if facts["answers"]:
        rows += [(end, formats.utc_minute(facts[end])) for end in ("oldest", "newest")]
    rows += [(format_count(number), name) for name, number in facts["by_model"].items()]
    _print_facts(((name, printable(value)) for name, value in rows), console)


def _print_facts(rows: Iterable[tuple[str, str]], console: Console) -> None:
    from opro_cli.render.consoles import print_table

    print_table(console, Table((Column(wrap=False), Column()), tuple(rows)), gap=2)


_COLUMN = 44
"""Terminal cells before a comment, unless the line is longer."""


def print_config(
    keys: Sequence[KeyOrigin], lines: Mapping[tuple[str, ...], int], page: Page
) -> None:
    """Print every key in its section, with its origin as a comment.

    Args:
        keys: In the order of the config.
        lines: The line in the file of each key that the file gives.
        page: Receives unbroken lines, which may be redirected into a file.
    """
    above: tuple[str, ...] = ()
    for key in keys:
        *sections, name = key.path
        shared = 0
        while shared < min(len(above), len(sections)) and above[shared] == sections[shared]:
            shared += 1
        for depth in range(shared, len(sections)):
            page.write(f"{'  ' * depth}{sections[depth]}:")
        above = tuple(sections)
        text = f"{'  ' * len(sections)}{name}: {_format_yaml(key.value)}"
        blanks = " " * max(2, _COLUMN - measure_width(text))
        page.write(f"{text}{blanks}# {_name_origin(key, lines.get(key.path))}")


def _name_origin(key: KeyOrigin, line: int | None) -> str:
    if key.kind == "preset":
        return f"preset {printable(key.preset)}"
    return f"line {line}" if line is not None else key.kind


def _format_yaml(value: Any) -> str:
    """Return a value as one line of YAML, escaping characters that a terminal would obey."""
    import yaml

    def dump(*, unicode: bool) -> str:
        text = yaml.safe_dump(
            value,
            allow_unicode=unicode,
            default_flow_style=True,
            default_style='"' if isinstance(value, str) and "\n" in value else None,
            width=float("inf"),
            sort_keys=False,
        )
        return str(text).removesuffix("\n...\n").strip()

    text = dump(unicode=True)
    return text if printable(text) == text else dump(unicode=False)
