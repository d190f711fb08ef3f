"""From settings to examples: fields, templates, bad rows, repeats, leaks."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from opro_cli.core.task.example import Example
from opro_cli.datasets.loading import LoadedData
from opro_cli.errors import DataError
from opro_cli.metrics.label import LabelMetric

Write = Callable[[str, str | bytes], str]
Load = Callable[..., LoadedData]


def lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def qa(*pairs: tuple[str, object]) -> str:
    return lines(*({"question": question, "answer": answer} for question, answer in pairs))


ALL = {"split": {"train": 1.0, "dev": 0, "test": 0}}


def train_of(loaded: LoadedData) -> list[Example]:
    return sorted(loaded.examples["train"], key=lambda example: example.source)


def refused(load: Load, train: str, **data: object) -> DataError:
    with pytest.raises(DataError) as error:
        load(train, **data)
    return error.value


def test_fields_templates_paths_and_lists(write: Write, load: Load) -> None:
    row = {
        "the title": "T",
        "a.b": "literal",
        "a": {"b": "nested", "c": {"d": 5}},
        "options": ["x", "y"],
        "one": [39.0],
        "yes": True,
    }
    place = write("a.jsonl", lines(row))
    template = "{the title}|{a.b}|{a.c.d}|{options}|{options.1}|{{{yes}}}"
    (example,) = train_of(load(place, input=template, target="one", **ALL))
    assert example == Example("T|literal|5|x\ny|y|{true}", "39.0", "a.jsonl:1")


def test_every_bad_row_is_told_at_once(write: Write, load: Load) -> None:
    content = (
        qa(
            ("ok", "1"),
            ("", "2"),
            ("q3", None),
            ("q4", "?"),
            ("q5", [{"a": 1}, None]),
            ("q6", {"x": 1}),
        )
        + '{"question": "q7"}\n{"question": \n'
        + qa(("a\0b", "1"), ("\ud800", "1"), ("q11", []), ("q12", b"".decode()))
    )
    error = refused(load, write("train.jsonl", content))
    assert error.message.splitlines() == [
        "task.data: 11 rows cannot be used",
        "train.jsonl:2: field question: expected some text, found none",
        "train.jsonl:3: field answer: expected a value, found null",
        "train.jsonl:4: field answer: expected an answer; found '?'",
        "train.jsonl:5: field answer: expected text or a number, found an object with a",
        "train.jsonl:6: field answer: expected text or a number, found an object with x",
        "train.jsonl:7: field answer: expected a value, found no such field",
        "train.jsonl:8: broken JSON at column 14: expecting value",
        "train.jsonl:9: field question: expected text, found a NUL character in 'a\\x00b'",
        "train.jsonl:10: field question: expected text, found half a surrogate pair in '\\ud800'",
        "train.jsonl:11: field answer: expected one value, found an empty list",
        "and 1 more",
    ]
    assert "on_bad_row: skip" in str(error.hint)


def test_skipped_rows_are_counted_and_told(write: Write, load: Load) -> None:
    place = write("train.jsonl", qa(("a", "1"), ("b", "?"), ("c", None), ("d", "4")))
    loaded = load(place, on_bad_row="skip", **ALL)
    assert [example.input for example in train_of(loaded)] == ["a", "d"]
    assert loaded.left_out == 2
    assert loaded.notes[1].startswith("left out 2 rows that cannot be used: train.jsonl:2: field")


def test_rows_left_out_are_counted_by_reason_the_commonest_first(write: Write, load: Load) -> None:
    shared = [(f"shared {n}", "1") for n in range(30)]
    train = write("train.jsonl", qa(("a", "1"), ("a", "2"), *shared, ("b", "3")))
    test = write("test.jsonl", qa(*shared, ("c", "1")))
    loaded = load(train, test=test, on_bad_row="skip", split={"train": 1, "dev": 0})
    assert loaded.notes[1] == (
        "left out 32 rows that cannot be used: "
        "30 rows like train.jsonl:3: the question is also in test.jsonl:1; "
        "2 rows like train.jsonl:1: the question has another target in train.jsonl:2, '1' here and "
        "'2' there"
    )


def test_a_reason_that_no_quoted_row_has_is_told_with_its_rows(write: Write, load: Load) -> None:
    blank = [("", str(n)) for n in range(10)]
    shared = [(f"shared {n}", "1") for n in range(30)]
    train = write("train.jsonl", qa(*blank, *shared))
    error = refused(load, train, test=write("test.jsonl", qa(*shared)))
    assert error.message.splitlines()[-2:] == [
        "and 30 more",
        "among them 30 rows like train.jsonl:11: the question is also in test.jsonl:1",
    ]


def test_gold_answers_that_are_no_label_are_named_with_their_counts(
    write: Write, load: Load
) -> None:
    golds = [*["billing"] * 3, *["Tech support"] * 4, "Sales"]
    place = write("train.jsonl", qa(*((f"q{n}", gold) for n, gold in enumerate(golds))))
    loaded = load(place, metric=LabelMetric(("billing", "login")), on_bad_row="skip", **ALL)
    assert loaded.notes[1] == (
        "left out 5 rows that cannot be used: 5 rows like train.jsonl:4: field answer: expected "
        "one of task.labels (billing, login); found 'Tech support', in all 'Tech support' (4), "
        "'Sales' (1)"
    )


def test_nothing_left_is_an_error_even_when_skipping(write: Write, load: Load) -> None:
    error = refused(load, write("train.jsonl", qa(("a", "?"), ("b", "?"))), on_bad_row="skip")
    found = "no row of train.jsonl can be used: field answer: expected an answer; found '?'"
    assert error.message == f"task.data.target: {found}"


def test_what_is_wrong_with_question_and_gold_answer_is_told_at_once(
    write: Write, load: Load
) -> None:
    place = write("t.csv", "Subject,Message,Label\nhello,there,login\nbye,now,billing\n")
    error = refused(load, place, input="{subject}\n{Message}", target="label")
    assert error.message.splitlines() == [
        "task.data.input: t.csv has no field subject; it has Subject, Message, Label "
        '(did you mean "Subject"?)',
        "task.data.target: t.csv has no field label; it has Subject, Message, Label "
        '(did you mean "Label"?)',
    ]


def test_a_fault_of_all_rows_is_told_once_with_its_remedy(write: Write, load: Load) -> None:
    rows = [
        ("q1", {"name": "x", "n": 1}),
        ("q2", {"name": "y", "n": 2}),
        ("q3", {"name": "z", "n": 3}),
    ]
    error = refused(load, write("a.jsonl", qa(*rows)))
    fault = "field answer: expected text or a number, found an object with name, n"
    assert error.message == f"task.data.target: no row of a.jsonl can be used: {fault}"
    assert "target: answer.name" in str(error.hint)


def test_rows_without_the_turn_are_named(write: Write, load: Load) -> None:
    def chat(*turns: tuple[str, str]) -> dict[str, object]:
        return {"messages": [{"role": role, "content": text} for role, text in turns]}

    place = write(
        "chat.jsonl",
        lines(
            chat(("system", "Be brief."), ("user", "3 + 4"), ("assistant", "7")),
            chat(("user", "Hello"), ("assistant", "Hi"), ("user", "8 / 2"), ("assistant", "4")),
            chat(("system", "Be brief."), ("user", "2 + 2")),
        ),
    )
    paths = {"input": "messages[role=user][-1]", "target": "messages[role=assistant][-1]"}
    error = refused(load, place, **paths)
    assert error.message.splitlines()[1:] == [
        "chat.jsonl:3: field messages[role=assistant][-1]: expected a value, found none with "
        "role=assistant; 2 turns: system, user"
    ]
    loaded = load(place, **paths, on_bad_row="skip", **ALL)
    assert [(e.input, e.target) for e in train_of(loaded)] == [("3 + 4", "7"), ("8 / 2", "4")]
    fixed = {"input": "messages.0.content", "target": "messages[-1]"}
    notes = load(place, **fixed, on_bad_row="skip", **ALL).notes
    assert any("messages.0.content is not the same speaker's turn" in note for note in notes)
    assert any("(user in chat.jsonl:2)" in note for note in notes)
    early = {"input": "messages[role=user][-1]", "target": "messages[0]"}
    assert any(
        note.startswith("the gold answer of 3 rows stands before the question in the chat")
        for note in load(place, **early, **ALL).notes
    )
    assert not any("chat" in note for note in loaded.notes if "left out" not in note)
    whole = refused(load, place, input="messages", target="messages")
    assert "messages[role=user][-1] is the last question" in whole.message


@pytest.mark.parametrize("policy", ["error", "skip"])
def test_a_field_that_no_row_has_is_the_configs_mistake(
    write: Write, load: Load, policy: str
) -> None:
    place = write("train.csv", "question,answer,\x1b[31m\n1,2,3\n4,5,6\n")
    error = refused(load, place, input="{qestion}!", on_bad_row=policy)
    assert error.message == (
        "task.data.input: train.csv has no field qestion; it has question, answer, '\\x1b[31m'"
    )
    assert error.hint == 'did you mean "question"?'
    assert refused(load, place, target="gold").message.startswith("task.data.target: train.csv has")


def test_repeats_of_a_question_are_left_out_and_told(write: Write, load: Load) -> None:
    pairs = [("caf\u00e9  au\nlait", "1"), ("cafe\u0301 au lait", "1 "), ("b", "2")]
    loaded = load(write("train.jsonl", qa(*pairs)), **ALL)
    assert [example.source for example in train_of(loaded)] == ["train.jsonl:1", "train.jsonl:3"]
    assert loaded.left_out == 1
    assert loaded.notes[1] == ("left out 1 row of train.jsonl: the same question and target before")


def test_a_contradicted_question_goes_with_all_its_rows(write: Write, load: Load) -> None:
    place = write("train.jsonl", qa(("a", "1"), ("b", "2"), ("a", "3"), ("a", "1")))
    error = refused(load, place)
    assert error.message.splitlines() == [
        "task.data: 3 rows cannot be used",
        "train.jsonl:1: the question has another target in train.jsonl:3, '1' here and '3' there",
        "train.jsonl:3: the question has another target in train.jsonl:1, '3' here and '1' there",
        "train.jsonl:4: the question has another target in train.jsonl:3, '1' here and '3' there",
    ]
    loaded = load(place, on_bad_row="skip", **ALL)
    assert [example.input for example in train_of(loaded)] == ["b"]
    assert loaded.left_out == 3


def test_a_question_in_two_sources_leaks(write: Write, load: Load) -> None:
    train = write("train.jsonl", qa(("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")))
    dev = write("dev.jsonl", qa(("b", "2"), ("c", "3"), ("e", "5")))
    test = write("test.jsonl", qa(("c", "9"), ("f", "6")))
    error = refused(load, train, dev=dev, test=test)
    assert error.message.splitlines() == [
        "task.data: 3 rows cannot be used",
        "dev.jsonl:2: the question is also in test.jsonl:1",
        "train.jsonl:2: the question is also in dev.jsonl:1",
        "train.jsonl:3: the question is also in test.jsonl:1",
    ]
    loaded = load(train, dev=dev, test=test, on_bad_row="skip")
    inputs = {split: {each.input for each in own} for split, own in loaded.examples.items()}
    assert inputs == {"train": {"a", "d"}, "dev": {"b", "e"}, "test": {"c", "f"}}
    assert loaded.left_out == 3


def test_one_file_for_two_splits_is_refused(write: Write, load: Load) -> None:
    place = write("train.jsonl", qa(("a", "1")))
    error = refused(load, place, test=place, on_bad_row="skip")
    assert error.message == f"task.data.test: {place} is task.data.train as well"
    assert "leave task.data.test out" in str(error.hint)


def test_files_of_one_name_are_told_apart(write: Write, load: Load) -> None:
    train = write("train/rows.jsonl", qa(("a", "1")))
    test = write("test/rows.jsonl", qa(("b", "2")))
    loaded = load(train, test=test)
    assert loaded.examples["train"][0].source == f"{train}:1"
    assert loaded.examples["test"][0].source == f"{test}:1"


def test_the_cut_is_told_and_too_few_rows_refused(write: Write, load: Load) -> None:
    place = write("train.jsonl", qa(*((f"q{n}", str(n)) for n in range(40))))
    loaded = load(place)
    assert {split: len(own) for split, own in loaded.examples.items()} == {
        "train": 10,
        "dev": 14,
        "test": 16,
    }
    assert loaded.notes == (
        "split: 10 train, 14 dev, 16 test rows, drawn with seed 0 from 40 rows; "
        "too few for the usual 50 train, 100 dev, 200 test",
        "16 test questions tell only very large gains from chance (4 times in 5, when answers "
        "differ on 3 questions of 10)",
    )
    assert "only 40 usable rows" in refused(load, place, split={"train": 41}).message


PAPER = {"method": "paper"}


@pytest.mark.parametrize(
    "split", [{"train": 0}, {"train": 0.0}, {**PAPER, "train": 0}, {**PAPER, "train": 0.1}]
)
def test_a_search_needs_a_train_row(write: Write, load: Load, split: dict[str, object]) -> None:
    place = write("train.jsonl", qa(*((f"q{n}", str(n)) for n in range(9))))
    error = refused(load, place, split=split)
    assert error.message == "task.data.split.train: expected at least 1 row, found 0"
    assert error.hint == "the optimizer scores its candidates on the train rows"


def test_by_the_papers_method_every_usable_row_stands_where_it_stood(
    write: Write, load: Load
) -> None:
    pairs = [("a", "1"), ("b", "2"), ("a", "1"), ("a", "3"), ("c", "4")]
    place = write("train.jsonl", qa(*pairs))
    loaded = load(place, split={**PAPER, "train": 5})
    assert [(each.input, each.target) for each in loaded.examples["train"]] == pairs
    assert loaded.left_out == 0
    # The same file is refused where questions count once.
    assert "3 rows cannot be used" in refused(load, place).message


def test_by_the_papers_method_a_question_may_be_in_two_sources(write: Write, load: Load) -> None:
    train = write("train.jsonl", qa(("a", "1"), ("b", "2")))
    test = write("test.jsonl", qa(("b", "2"), ("c", "3")))
    loaded = load(train, test=test, split={**PAPER, "train": 2, "dev": 0})
    assert [example.input for example in loaded.examples["train"]] == ["a", "b"]
    assert [example.input for example in loaded.examples["test"]] == ["b", "c"]


@pytest.mark.parametrize("method", ["paper", "shuffle"])
def test_a_row_is_its_place_among_the_usable_ones(write: Write, load: Load, method: str) -> None:
    place = write("train.jsonl", qa(("a", "1"), ("b", "?"), ("c", "3"), ("d", "4"), ("e", "5")))
    split = {"method": method, "train": 2, "dev": 1, "test": 1}
    loaded = load(place, on_bad_row="skip", split=split)
    placed = {
        example.row: (example.input, example.source)
        for examples in loaded.examples.values()
        for example in examples
    }
    assert placed == {
        0: ("a", "train.jsonl:1"),
        1: ("c", "train.jsonl:3"),
        2: ("d", "train.jsonl:4"),
        3: ("e", "train.jsonl:5"),
    }


def test_rows_of_a_source_of_its_own_count_from_its_first(write: Write, load: Load) -> None:
    train = write("train.jsonl", qa(("a", "1"), ("b", "2"), ("c", "3")))
    test = write("test.jsonl", qa(("x", "8"), ("y", "9")))
    loaded = load(train, test=test, split={**PAPER, "train": 3, "dev": 0})
    assert [example.row for example in loaded.examples["train"]] == [0, 1, 2]
    assert [example.row for example in loaded.examples["test"]] == [0, 1]
