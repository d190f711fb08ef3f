"""`opro init FILE --data ROWS`: a config from rows, its reasons, and what it refuses."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Opro

TICKETS = [
    ("My card was charged twice", "billing"),
    ("I cannot log in since Monday", "login"),
    ("The parcel has not come", "shipping"),
]


@pytest.fixture(autouse=True)
def at_home(folder: Path) -> Path:
    return folder


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_tickets(folder: Path) -> Path:
    path = folder / "tickets.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "created", "text", "team"])
        for i in range(12):
            text, team = TICKETS[i % 3]
            writer.writerow([i, f"2024-01-{i + 10}", f"{text} ({i})", team])
    return path


def test_a_config_from_rows_runs_and_says_why(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tickets(folder)
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    said = opro("init", "mine.yaml", "--data", "tickets.csv")
    assert said.code == 0, said.err
    text = (folder / "mine.yaml").read_text()
    task = yaml.safe_load(text)["task"]
    assert task["data"]["input"] == "text"
    assert task["data"]["target"] == "team"
    assert (task["answer"], task["labels"]) == ("label", ["billing", "login", "shipping"])
    assert "answer: label  # 3 distinct values in 12 rows" in text
    assert "# not used: created: it holds dates" in text
    assert said.out.count("gold answer: ") == 3
    assert "next: opro check mine.yaml && opro optimize mine.yaml\n" in said.out
    checked = opro("check", "mine.yaml", "--json")
    assert checked.code == 0, checked.err
    shown = checked.data["scorer_prompt"]
    assert shown[0]["content"].startswith("Classify the text. Answer with one of these labels")
    assert shown[1]["content"] in said.out


def test_spellings_of_a_label_are_one_and_sets_of_labels_are_told_from_labels(
    opro: Opro, folder: Path
) -> None:
    teams = ["billing", "Billing ", "BILLING", "billing", "login", "Log-in"]
    rows = [["text", "team"], *([f"mail {i} about it", teams[i % 6]] for i in range(24))]
    write_csv(folder / "mails.csv", rows)
    assert opro("init", "mails.yaml", "--data", "mails.csv").code == 0
    text = (folder / "mails.yaml").read_text()
    assert "answer: label  # 3 distinct values in 24 rows, in 5 spellings\n" in text
    assert yaml.safe_load(text)["task"]["labels"] == ["billing", "Log-in", "login"]

    sets = ["a thing", "a thing, b thing", "b thing;c thing", "C thing", "b thing"]
    rows = [["text", "about"], *([f"mail {i} about it", sets[i % 5]] for i in range(25))]
    write_csv(folder / "sets.csv", rows)
    assert opro("init", "sets.yaml", "--data", "sets.csv").code == 0
    task = yaml.safe_load((folder / "sets.yaml").read_text())["task"]
    assert (task["answer"], sorted(task["labels"])) == ("labels", ["C thing", "a thing", "b thing"])

    names = ["Smith, Jo", "Bauer, Al", "Li, Mei"]  # a comma, and no set
    rows = [["text", "clerk"], *([f"mail {i} about it", names[i % 3]] for i in range(24))]
    write_csv(folder / "names.csv", rows)
    assert opro("init", "names.yaml", "--data", "names.csv").code == 0
    assert yaml.safe_load((folder / "names.yaml").read_text())["task"]["answer"] == "label"


def test_a_column_of_yes_and_no_says_what_the_prompt_asks(opro: Opro, folder: Path) -> None:
    for number, (column, asked, prompt) in enumerate(
        [
            ("isSpam", "mail", "Decide about the text: is spam? Begin with yes or no."),
            ("label", "mail", "Answer the question. Begin with yes or no."),
            ("isSpam", "question", "Answer the question. Begin with yes or no."),
        ]
    ):
        rows = [
            [asked, column],
            *([f"text {i} of it", ["ja", "nein"][i % 2]] for i in range(24)),
        ]
        write_csv(folder / "rows.csv", rows)
        assert opro("init", f"{number}.yaml", "--data", "rows.csv").code == 0
        read = yaml.safe_load((folder / f"{number}.yaml").read_text())
        assert (read["task"]["answer"], read["search"]["start"]) == ("boolean", prompt)


def write_csv(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)


def test_the_same_rows_give_the_same_config(opro: Opro, folder: Path) -> None:
    write_tickets(folder)
    opro("init", "mine.yaml", "--data", "tickets.csv")
    first = (folder / "mine.yaml").read_bytes()
    again = opro("init", "mine.yaml", "--data", "tickets.csv", "--json").data
    assert again["unchanged"] == ["mine.yaml", ".opro.schema.json"]
    assert (folder / "mine.yaml").read_bytes() == first
    assert [each["key"] for each in again["chosen"]["choices"]] == [
        "input", "target", "answer", "start prompt",
    ]  # fmt: skip


def test_an_edited_config_is_not_overwritten(opro: Opro, folder: Path) -> None:
    write_tickets(folder)
    (folder / "mine.yaml").write_text("edited")
    said = opro("init", "mine.yaml", "--data", "tickets.csv")
    assert said.code == 2
    assert said.err.startswith("opro: mine.yaml is there already, with other content\n")
    assert (folder / "mine.yaml").read_text() == "edited"
    assert not (folder / ".opro.schema.json").exists()


def test_rows_without_a_clear_gold_answer_ask_for_its_name(opro: Opro, folder: Path) -> None:
    rows: list[dict[str, object]] = [
        {"left": f"one text of words, number {i}", "right": f"another text, number {i}"}
        for i in range(10)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    said = opro("init", "mine.yaml", "--data", "rows.jsonl")
    assert said.code == 2
    assert said.err == (
        "opro: rows.jsonl: no field is clearly the gold answer; it has left, right\n"
        "hint: name it: --target NAME\n"
    )
    assert not (folder / "mine.yaml").exists()
    named = opro("init", "mine.yaml", "--data", "rows.jsonl", "--target", "right")
    assert named.code == 0, named.err
    wrong = opro("init", "other.yaml", "--data", "rows.jsonl", "--target", "rihgt")
    assert "--target: rows.jsonl has no field rihgt; it has left, right" in wrong.err


def test_free_text_is_told_and_graded_by_a_function_to_edit(opro: Opro, folder: Path) -> None:
    rows: list[dict[str, object]] = [
        {"document": f"The town of number {i} has a mill. " * 9, "summary": f"A town, {i}. " * 9}
        for i in range(10)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    said = opro("init", "news.yaml", "--data", "rows.jsonl")
    assert said.code == 0, said.err
    assert "no kind of answer grades free text exactly" in " ".join(said.out.split())
    assert yaml.safe_load((folder / "news.yaml").read_text())["task"]["answer"] == (
        "python:news_metric:score"
    )
    space: dict[str, object] = {}
    exec((folder / "news_metric.py").read_text(), space)
    score = space["score"]
    assert callable(score)
    assert (score("a b", "b c", ""), score("", "b", "")) == (0.5, None)


def test_names_and_texts_of_the_rows_stay_texts(opro: Opro, folder: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "yes: [x]\n# no": f"Say it again, number {i}",
            "label": ("on", "!!python/x {}", "off")[i % 3],
        }
        for i in range(12)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    said = opro("init", "mine.yaml", "--data", "rows.jsonl")
    assert said.code == 0, said.err
    task = yaml.safe_load((folder / "mine.yaml").read_text())["task"]
    assert task["data"]["input"] == "yes: [x]\n# no"
    assert sorted(task["labels"]) == ["!!python/x {}", "off", "on"]


def test_numbers_as_labels_are_to_be_named(opro: Opro, folder: Path) -> None:
    rows: list[dict[str, object]] = [{"text": f"Text {i}", "label": i % 3} for i in range(12)]
    write_jsonl(folder / "rows.jsonl", rows)
    assert opro("init", "mine.yaml", "--data", "rows.jsonl").code == 0
    text = (folder / "mine.yaml").read_text()
    assert "# numbers: give each the name it has" in text
    assert yaml.safe_load(text)["task"]["answer"] == "label"


def test_a_system_turn_that_all_chats_share_is_the_start_prompt(opro: Opro, folder: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "messages": [
                {"role": "system", "content": "Name the team."},
                {"role": "user", "content": f"{TICKETS[i % 3][0]} ({i})"},
                {"role": "assistant", "content": TICKETS[i % 3][1]},
            ]
        }
        for i in range(12)
    ]
    write_jsonl(folder / "chats.jsonl", rows)
    assert opro("init", "mine.yaml", "--data", "chats.jsonl").code == 0
    config = yaml.safe_load((folder / "mine.yaml").read_text())
    assert config["task"]["data"]["input"] == "messages[role=user][-1]"
    assert config["search"]["start"] == "Name the team."


def test_an_own_prompt_is_named_by_its_file(opro: Opro, folder: Path) -> None:
    write_tickets(folder)
    (folder / "prompt.md").write_text("# Sort\n\nName the team.\n")
    said = opro("init", "mine.yaml", "--data", "tickets.csv", "--prompt", "prompt.md")
    assert said.code == 0, said.err
    config = yaml.safe_load((folder / "mine.yaml").read_text())
    assert config["search"]["start"] == "file:prompt.md"
    assert "│ # Sort" in said.out
    missing = opro("init", "other.yaml", "--data", "tickets.csv", "--prompt", "nothing.md")
    assert (missing.code, "nothing.md: cannot be read" in missing.err) == (2, True)


def test_rows_that_are_sorted_by_label_show_all_of_their_labels(opro: Opro, folder: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": f"Message {i} of the day", "label": f"class_{i // 60:02}"} for i in range(2400)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    assert opro("init", "mine.yaml", "--data", "rows.jsonl").code == 0
    text = (folder / "mine.yaml").read_text()
    task = yaml.safe_load(text)["task"]
    assert (task["data"]["input"], task["data"]["target"], task["answer"]) == (
        "text", "label", "label",
    )  # fmt: skip
    assert "labels" not in task  # 40 of them: the data has the list
    assert "split: {train: 50, dev: 100, test: 200, seed: 0}  # the usual sizes" in text


def test_a_label_that_fills_the_first_thousands_of_rows_is_not_the_only_one(
    opro: Opro, folder: Path
) -> None:
    rows: list[dict[str, object]] = [
        {"text": f"Message {i} of the day", "label": ("neg", "pos")[i // 1500]} for i in range(3000)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    assert opro("init", "mine.yaml", "--data", "rows.jsonl").code == 0
    task = yaml.safe_load((folder / "mine.yaml").read_text())["task"]
    assert (task["data"]["target"], task["labels"]) == ("label", ["neg", "pos"])


def test_a_config_in_another_folder_finds_its_rows(opro: Opro, folder: Path) -> None:
    write_tickets(folder)
    assert opro("init", "configs/mine.yaml", "--data", "tickets.csv").code == 0
    task = yaml.safe_load((folder / "configs" / "mine.yaml").read_text())["task"]
    assert task["data"]["train"] == "../tickets.csv"
    assert "no such file" not in opro("check", "configs/mine.yaml").err


def test_the_options_of_data_need_data(opro: Opro) -> None:
    both = opro("init", "mine.yaml", "--data", "rows.csv", "--template", "own-data")
    assert both.code == 2
    said = opro("init", "mine.yaml", "--target", "team")
    assert (said.code, "belong to --data" in said.err) == (2, True)


def test_binary_data_is_no_text_of_any_encoding(opro: Opro, folder: Path) -> None:
    (folder / "bin.csv").write_bytes(random.Random(0).randbytes(4000))
    said = opro("init", "new.yaml", "--data", "bin.csv")
    assert said.code == 2
    assert "bin.csv: expected text, found binary data" in said.err
    assert "encoding" not in said.err


def test_a_file_that_is_not_utf_8_is_read_in_the_encoding_that_is_offered(
    opro: Opro, folder: Path
) -> None:
    lines = [f"Ist {i} größer als fünf?;{('ja', 'nein')[i % 2]}" for i in range(12)]
    (folder / "fragen.csv").write_bytes("\n".join(["Frage;Antwort", *lines]).encode("cp1252"))
    said = opro("init", "mine.yaml", "--data", "fragen.csv")
    assert said.code == 0, said.err
    task = yaml.safe_load((folder / "mine.yaml").read_text())["task"]
    assert (task["data"]["encoding"], task["answer"]) == ("cp1252", "boolean")
    assert "größer als fünf?" in said.out


@pytest.mark.parametrize("option", ["--data", "--prompt", "--input", "--target"])
def test_an_option_that_is_empty_is_refused(opro: Opro, folder: Path, option: str) -> None:
    write_tickets(folder)
    rows = [] if option == "--data" else ["--data", "tickets.csv"]
    said = opro("init", "mine.yaml", *rows, option, "")
    assert (said.code, said.err) == (2, f"opro: {option}: expected a name, found an empty text\n")
    assert not (folder / "mine.yaml").exists()


def test_an_empty_prompt_file_is_refused(opro: Opro, folder: Path) -> None:
    write_tickets(folder)
    (folder / "prompt.md").write_text(" \n")
    said = opro("init", "mine.yaml", "--data", "tickets.csv", "--prompt", "prompt.md")
    assert said.code == 2
    assert said.err == "opro: prompt.md: expected a start prompt, found an empty file\n"
    assert not (folder / "mine.yaml").exists()


@pytest.mark.parametrize("more", [{}, {"context {more}": "A house"}])
def test_names_with_braces_are_fields_and_no_templates(
    opro: Opro, folder: Path, more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    rows: list[dict[str, object]] = [
        {
            **{name: f"{text} of {i} rooms" for name, text in more.items()},
            "text {raw}": f"Say it again, number {i}",
            "la{bel": "ab"[i % 2],
        }
        for i in range(12)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    said = opro("init", "mine.yaml", "--data", "rows.jsonl")
    assert said.code == 0, said.err
    checked = opro("check", "mine.yaml", "--json")
    assert checked.code == 0, checked.err
    assert "Say it again, number" in checked.data["scorer_prompt"][1]["content"]


def test_a_file_without_a_usable_row_says_why(opro: Opro, folder: Path) -> None:
    (folder / "rows.jsonl").write_text('\n[1, 2]\n{"a": \n')
    said = opro("init", "mine.yaml", "--data", "rows.jsonl")
    assert said.code == 2
    assert "rows.jsonl:2: expected an object" in said.err
    assert "found a list" in said.err


@pytest.mark.parametrize(
    ("question", "gold", "answer"),
    [("{0} + {0}", "{1}", "number"), ("photo{0}.png", "thing {0}", "exact"),
     ("When was king {0} born?", "19{0}-01-{0}", "exact")],
)  # fmt: skip
def test_a_name_wins_over_what_its_values_look_like(
    opro: Opro, folder: Path, question: str, gold: str, answer: str
) -> None:
    rows: list[dict[str, object]] = [
        {"question": question.format(i), "answers": gold.format(i, 2 * i)} for i in range(10, 22)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    said = opro("init", "mine.yaml", "--data", "rows.jsonl")
    assert said.code == 0, said.err
    task = yaml.safe_load((folder / "mine.yaml").read_text())["task"]
    chosen = task["data"]["input"], task["data"]["target"], task["answer"]
    assert chosen == ("question", "answers", answer)


@pytest.mark.parametrize("name", ["stars", "rating", "score"])
def test_ratings_are_labels_in_the_order_of_their_size(opro: Opro, folder: Path, name: str) -> None:
    rows: list[dict[str, object]] = [
        {"review": f"It was as good as number {i}", name: (5, 5, 1, 4)[i % 4]} for i in range(16)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    said = opro("init", "mine.yaml", "--data", "rows.jsonl")
    assert said.code == 0, said.err
    config = yaml.safe_load((folder / "mine.yaml").read_text())
    assert config["task"]["answer"] == "label"
    assert [*map(str, config["task"]["labels"])] == ["1", "4", "5"]
    assert config["search"]["start"].endswith("labels and nothing else: 1, 4, 5.")


def test_a_score_of_many_values_stays_a_number(opro: Opro, folder: Path) -> None:
    rows: list[dict[str, object]] = [
        {"review": f"It was as good as number {i}", "score": (7 * i) % 12 * 9} for i in range(48)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    assert opro("init", "mine.yaml", "--data", "rows.jsonl").code == 0
    assert yaml.safe_load((folder / "mine.yaml").read_text())["task"]["answer"] == "number"


def test_a_field_is_asked_once_and_never_its_own_answer(opro: Opro, folder: Path) -> None:
    write_tickets(folder)
    command = ("init", "mine.yaml", "--data", "tickets.csv", "--input", "text")
    said = opro(*command, "--target", "text")
    assert said.code == 2
    assert "--input and --target: text cannot be both question and gold answer" in said.err
    assert opro(*command, "--input", "text").code == 0
    task = yaml.safe_load((folder / "mine.yaml").read_text())["task"]
    assert (task["data"]["input"], task["data"]["target"]) == ("text", "team")
    other = opro("init", "other.yaml", "--data", "tickets.csv", "--input", "team")
    assert (other.code, "no field is clearly the gold answer" in other.err) == (2, True)


def test_a_hole_in_an_own_prompt_is_told(opro: Opro, folder: Path) -> None:
    write_tickets(folder)
    (folder / "prompt.md").write_text("Be kind.\n{{instruction}}\n")
    command = ("init", "mine.yaml", "--data", "tickets.csv", "--prompt", "prompt.md", "--json")
    (note,) = [each for each in opro(*command).data["chosen"]["notes"] if "prompt.md" in each]
    assert note.startswith("prompt.md: {{instruction}} is sent as it stands; task.prompt is ")


def test_a_name_in_single_braces_of_an_own_prompt_is_told(opro: Opro, folder: Path) -> None:
    write_tickets(folder)
    (folder / "prompt.md").write_text('Classify this mail: {mail}\nLike {"label": "x"}, {1}.\n')
    command = ("init", "mine.yaml", "--data", "tickets.csv", "--prompt", "prompt.md", "--json")
    noted = [each for each in opro(*command).data["chosen"]["notes"] if "braces" in each]
    assert len(noted) == 1
    assert noted[0].startswith("{mail} in a start prompt is sent as written: opro fills nothing in")
    checked = opro("check", "mine.yaml", "--json").data["notes"]
    assert [each for each in checked if "braces" in each] == noted


@pytest.mark.parametrize("name", ["{raw}", "a}b"])
def test_a_name_that_no_template_can_hold_is_refused(opro: Opro, folder: Path, name: str) -> None:
    rows: list[dict[str, object]] = [
        {name: f"Say it again, number {i}", "label": "ab"[i % 2]} for i in range(12)
    ]
    write_jsonl(folder / "rows.jsonl", rows)
    said = opro("init", "mine.yaml", "--data", "rows.jsonl")
    assert (said.code, "its fields have names that a config cannot hold" in said.err) == (2, True)
    assert not (folder / "mine.yaml").exists()
