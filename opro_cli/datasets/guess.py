"""Guess from rows what a task is: its question, gold answer, options, and kind of answer.

Names and values both speak; what neither says is not guessed. Nothing in the rows is executed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opro_cli.datasets.columns import (
    LONG_TEXT,
    MOST_CLASSES,
    MOST_VALUES,
    Column,
    Fields,
    find_noise,
    is_chat,
    is_closed,
    is_list,
    is_scalar,
    is_text,
    list_columns,
)
from opro_cli.datasets.guess_kinds import guess_kind
from opro_cli.datasets.guess_options import OptionColumns, find_options
from opro_cli.datasets.paths import find_turn, get_field
from opro_cli.datasets.values import read_text

MOST_ROWS = 1000
"""Rows that are looked at."""

_TARGET_NAMES = {
    100: "answerkey correct gold truth target label labels expected",
    90: """answer answers class sentiment final output response completion summary highlights
        reference emotion intent team topic decision verdict toxic duplicate score rating fields
        entities slots department amount total price betrag summe preis antwort abteilung klasse
        stimmung ergebnis lösung réponse étiquette respuesta etiqueta risposta resposta ответ
        ner tags""",
    80: "solution result sql chosen",
    60: "category kategorie catégorie categoría categoria категория",
    40: "type genre status language level difficulty priority stars grade",
}
"""Words of a name that make a column the gold answer, by how surely they do."""
_NAMED = 70
_SURE = 90
_INPUT_WORDS = """question query input prompt instruction text sentence premise hypothesis context
    passage document article problem body title subject story goal review comment message content
    tweet headline description abstract statement claim ticket utterance tokens stem ctx dialogue
    email post request source startphrase contexts paragraph facts background transcript
    frage anfrage nachricht betreff titel beschreibung satz aufgabe eingabe vraag
    pregunta texto mensaje entrada testo domanda pergunta вопрос текст
    问题 題目 文本 質問"""
_INPUT_NAMES = frozenset(_INPUT_WORDS.split())
_ASKING = frozenset({"question", "query", "frage", "stem", "problem", "instruction", "request"})
_ASIDE_WORDS = """id idx index uuid guid url uri link date time timestamp created updated email
    phone name author user source src split lang locale file path level difficulty meta metadata
    subject nummer subset type genre category status concept ind"""
_ASIDE = frozenset(_ASIDE_WORDS.split())
"""Words of the names of columns that are about a row, unless they hold texts of their own."""
_TELLING_WORDS = "rationale explanation cot reasoning equation hint reason parse tree"
_TELLING = frozenset(_TELLING_WORDS.split())
"""Words of the names of columns that explain the answer or repeat the text: never asked."""
_ANSWERING = frozenset({"answer", "answers", "output", "response", "completion", "solution"})
_NOT_GOLD = frozenset(
    {
        "start",
        "id",
        "idx",
        "index",
        "normalized",
        "matched",
        "types",
        "parse",
        "annotator",
        "meshes",
    }
)
_NOTHING = frozenset({"it is empty", "it is the same in every row"})
"""Why a column can be nothing that is asked or answered, whatever its name."""
_NESTED_GOLDS = {"aliases": 12, "spans": 12, "text": 12, "texts": 12, "value": 8}
"""Fields of an object that is a gold answer, by how much it is the answer itself."""
_LANGUAGES = frozenset(
    {"en", "de", "fr", "es", "it", "pt", "nl", "ru", "zh", "ja", "ko", "cs", "ro", "pl", "fi", "tr"}
    | {"english", "german", "french", "spanish", "italian", "russian", "chinese", "deutsch"}
)


@dataclass(frozen=True, slots=True)
class Guess:
    """The task that rows seem to be for.

    Attributes:
        inputs: Paths that the question needs, in the order to show them.
        target: The path of the gold answer.
        answer: The kind of answer, as `task.answer` names it, or `guess_kinds.OPEN`.
        options: The columns of the options of a choice.
        labels: The closed set in the data, the commonest first.
        why: The reason of each of these, by "input", "target", "answer", "options".
        left_out: Other columns by the reason why they are not used.
        encoding: Of a text file that is not UTF-8; else "".
    """

    inputs: tuple[str, ...]
    target: str
    answer: str
    options: OptionColumns | None = None
    labels: tuple[str, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""


class NoGuessError(ValueError):
    """Rows do not say what their question or gold answer is.

    Attributes:
        missing: "input" or "target".
        fields: The names to choose from.
    """

    def __init__(self, missing: str, fields: Sequence[str]) -> None:
        super().__init__(f"no field is clearly the {missing}")
        self.missing, self.fields = missing, tuple(fields)


def guess_task(rows: Sequence[Fields], *, inputs: Sequence[str] = (), target: str = "") -> Guess:
    """Guess a task from its first rows.

    Args:
        rows: At most MOST_ROWS are looked at.
        inputs: Paths that the question is known to need.
        target: The path that is known to hold the gold answer.

    Raises:
        NoGuessError: The question or the gold answer is not clear.
    """
    columns = list_columns(rows[:MOST_ROWS])
    count = len(rows[:MOST_ROWS])
    if chat := next((each for each in columns if is_chat(each)), None):
        return _guess_chat(rows[:MOST_ROWS], chat, inputs, target)
    noise = {each.path: reason for each in columns if (reason := find_noise(each, count))}
    free = [each for each in columns if each.path not in inputs]
    options = find_options(free)
    gold = (
        _read_column(rows[:MOST_ROWS], target) if target else _choose_target(free, noise, options)
    )
    if options and options.target != gold.path:
        options = None
    chosen, why = _choose_inputs(columns, noise, gold, options, inputs)
    asked = [_read_column(rows[:MOST_ROWS], path) for path in chosen]
    kind = guess_kind(gold, options, asked)
    used = {*chosen, gold.path, *(options.paths if options else ())}
    tops = {path.split(".")[0] for path in used}
    left = {
        each.path: noise.get(each.path, "it does not look like a part of the question")
        for each in columns
        if each.path not in used and "." not in each.path and each.path not in tops
    }
    reasons = {"input": why, "target": _explain_target(gold, target), "answer": kind.why}
    if options:
        reasons["options"] = options.why
    return Guess(chosen, gold.path, kind.name, options, kind.labels, reasons, left)


def _guess_chat(rows: Sequence[Fields], chat: Column, inputs: Sequence[str], target: str) -> Guess:
    """Guess from chats: the last turn of the user is asked, the last of the assistant right."""
    turns: list[Mapping[str, object]] = [turn for v in chat.present for turn in v]  # type: ignore[attr-defined]
    by = "role" if "role" in turns[0] else "from"
    roles = {str(turn.get(by)) for turn in turns}
    user = next((name for name in ("user", "human") if name in roles), "")
    answerer = next((name for name in ("assistant", "gpt", "model", "bot") if name in roles), "")
    if not (inputs or user) or not (target or answerer):
        raise NoGuessError("target" if inputs or user else "input", sorted(roles))
    index, which = -1, "last"
    while True:
        asked = tuple(inputs) or (f"{chat.path}[{by}={user}][{index}]",)
        path = target or f"{chat.path}[{by}={answerer}][{index}]"
        question, gold = (_read_column(rows, each) for each in (asked[0], path))
        if index == 0 or (inputs and target) or not _contradicts(question, gold):
            break
        index, which = 0, "first"
    kind = guess_kind(gold, None, [question])
    why = {
        "input": _explain_known(inputs) or f"the {which} turn of {user} in {chat.path}",
        "target": _explain_known(target) or f"the {which} turn of {answerer} in {chat.path}",
        "answer": kind.why,
    }
    return Guess(asked, path, kind.name, None, kind.labels, why)


def _contradicts(question: Column, gold: Column) -> bool:
    """Return whether one question has two gold answers: "And then?" ends many chats."""
    pairs = set(zip(question.values, gold.values, strict=True))
    return len(pairs) > len({asked for asked, _ in pairs})


def _read_column(rows: Sequence[Fields], path: str) -> Column:
    """Return the values at any path, also one that `list_columns` does not list."""
    return Column(path, tuple(_read_value(row, path) for row in rows))


def _read_value(row: Fields, path: str) -> object:
    try:
        return read_text(row, path) if find_turn(row, path) else get_field(row, path)
    except ValueError:
        return None


def _explain_known(given: Sequence[str]) -> str:
    return "you named it" if given else ""


def _choose_target(
    columns: Sequence[Column],
    noise: Mapping[str, str],
    options: OptionColumns | None,
) -> Column:
    """Return the column of the gold answer; raises NoGuessError."""
    if options:
        return next(each for each in columns if each.path == options.target)
    if pair := _find_translation(columns):
        return pair[1]
    best, score = None, 0
    for column in columns:
        found = _score_target(column, columns, noise)
        # Of columns without a telling name the last one, else the first.
        if found > score or (found == score and 0 < score < _NAMED):
            best, score = column, found
    best = best or _find_short(columns, noise)
    if best is None:
        raise NoGuessError("target", _list_tops(columns))
    return best


def _find_short(columns: Sequence[Column], noise: Mapping[str, str]) -> Column | None:
    """Return the short one of two columns of which the other is a text; None for other rows."""
    plain = [each for each in columns if each.path not in noise and is_scalar(each)]
    if len(plain) != 2:
        return None
    short, long = sorted(plain, key=lambda each: each.mean_length)
    clear = short.mean_length <= 60 and 3 * short.mean_length <= long.mean_length
    return short if clear and not set(short.words) & _INPUT_NAMES else None


def _list_tops(columns: Sequence[Column]) -> list[str]:
    return [each.path for each in columns if "." not in each.path]


def _find_translation(columns: Sequence[Column]) -> tuple[Column, Column] | None:
    """Return a text and its translation: {"translation": {"de": …, "en": …}}."""
    spoken = [each for each in columns if {*each.words[-1:]} & _LANGUAGES and is_text(each)]
    if len(spoken) != 2 or spoken[0].path.rpartition(".")[0] != spoken[1].path.rpartition(".")[0]:
        return None
    return spoken[0], spoken[1]


def _score_target(column: Column, columns: Sequence[Column], noise: Mapping[str, str]) -> int:
    """Return how much a column looks like the gold answer; 0 for not at all."""
    words = set(column.words)
    named = _rate_name(column)
    idle = noise.get(column.path)
    known = idle not in _NOTHING and named >= _SURE
    if not column.present or is_chat(column) or (idle is not None and not known):
        return 0
    if words & _NOT_GOLD and not ("class" in words and "index" in words):
        return 0
    closed = is_closed(column, MOST_CLASSES if named else MOST_VALUES)
    if all(isinstance(value, Mapping) for value in column.present):
        fields = [each.path for each in columns if each.path.startswith(f"{column.path}.")]
        single = any(path.rpartition(".")[2] in _NESTED_GOLDS for path in fields)
        return 0 if single or named < _SURE else named + 10
    if not named and (not closed or words & (_INPUT_NAMES | _ASIDE)):
        return _rate_program(column, columns)
    leaf = _NESTED_GOLDS.get(column.path.rpartition(".")[2], 0) if "." in column.path else 0
    score = named + leaf - 3 * column.path.count(".") + 25 * closed
    score += 6 * (named > 0 and bool(words & {"text", "name"}) and closed)  # "label_text"
    if words & _TELLING or "long" in words:
        score -= 60
    return max(0, score - 30 * (column.mean_length > LONG_TEXT and named < _SURE))


def _rate_name(column: Column) -> int:
    """Return how surely a name is that of a gold answer; its last word counts most."""
    last = column.words[-1:]
    sizes = [
        size - 5 * (word not in last)
        for size, names in _TARGET_NAMES.items()
        for word in (*column.words, "".join(column.words))
        if word in names.split()
    ]
    return max(sizes, default=0)


def _rate_program(column: Column, columns: Sequence[Column]) -> int:
    """Return a score for the query, or the code, that a question is to become."""
    asked = any("question" in each.words for each in columns if each is not column)
    written = bool(set(column.words) & {"query", "code"}) and is_text(column)
    return 60 if asked and written else 0


def _explain_target(gold: Column, known: str) -> str:
    if known:
        return _explain_known(known)
    values = "value" if gold.distinct == 1 else "values"
    found = f"{gold.distinct} distinct {values} in {len(gold.present)} rows"
    return f"its name, and {found}" if _rate_name(gold) else found


def _choose_inputs(
    columns: Sequence[Column],
    noise: Mapping[str, str],
    gold: Column,
    options: OptionColumns | None,
    known: Sequence[str],
) -> tuple[tuple[str, ...], str]:
    """Return the paths that the question needs, the context first, and why; raises NoGuessError."""
    if known:
        return tuple(known), _explain_known(known)
    if (pair := _find_translation(columns)) and pair[1] == gold:
        return (pair[0].path,), "the other language"
    taken = {gold.path, *(options.paths if options else ())}
    tops = {path.split(".")[0] for path in taken}
    usable = _list_usable([each for each in columns if each.path.split(".")[0] not in tops], noise)
    named = [each for each in usable if set(each.words) & _INPUT_NAMES]
    chosen = _drop_contained(named or [each for each in usable if not is_closed(each)])
    if not chosen:  # whatever its values look like: "12 + 5", a date, a file
        chosen = named = [
            each
            for each in columns
            if each.path.split(".")[0] not in tops
            and set(each.words[-1:]) & _INPUT_NAMES
            and noise.get(each.path) not in _NOTHING
            and (is_scalar(each) or is_list(each))
        ]
    if not chosen:
        raise NoGuessError("input", _list_tops(columns))
    ordered = sorted(chosen, key=lambda each: bool(set(each.words) & _ASKING))
    paths = tuple(each.path for each in ordered)
    if named:
        return paths, "its name" if len(paths) == 1 else "their names"
    return paths, "the only text" if len(paths) == 1 else "the texts of a row"


def _list_usable(columns: Sequence[Column], noise: Mapping[str, str]) -> list[Column]:
    """Return the columns that a question could be, or have as a part."""
    usable = [
        each
        for each in columns
        if each.path not in noise
        and (is_text(each) or (is_list(each) and set(each.words) & _INPUT_NAMES))
        and not set(each.words) & (_TELLING | _ANSWERING)
        and not _is_aside(each)
    ]
    if any(map(is_text, usable)):
        usable = [each for each in usable if "tokens" not in each.words]
    return usable


def _is_aside(column: Column) -> bool:
    """Return whether a column is about the row, not a part of its question."""
    words = set(column.words)
    if not words & _ASIDE:
        return False
    return not (words & _INPUT_NAMES and not is_closed(column) and column.mean_length > 15)


def _drop_contained(columns: Sequence[Column]) -> list[Column]:
    """Return columns without those whose values stand in another one in every row."""
    return [
        column
        for index, column in enumerate(columns)
        if not any(
            _is_contained(column, other) and (index > position or not _is_contained(other, column))
            for position, other in enumerate(columns)
            if other is not column
        )
    ]


def _is_contained(column: Column, other: Column) -> bool:
    pairs = zip(column.values, other.values, strict=True)
    return all(str(one or "") in str(another or "") for one, another in pairs)
