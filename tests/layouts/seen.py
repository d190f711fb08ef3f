"""Layouts that the heuristics were built on."""

from __future__ import annotations

from tests.layouts import expect
from tests.layouts.texts import (
    NAMES,
    OPTIONS,
    PASSAGES,
    QUESTIONS,
    SENTENCES,
    STORIES,
    SUMS,
)

MATH_ANSWERS = [r"\frac{3}{4}", "12\\pi", "(2,4)", "[2,5)", "x^2+3x+2", "7", "-\\frac{1}{2}",
                "\\text{Evelyn}", "2\\sqrt{3}", "36^\\circ", "1,3,5", "16"]  # fmt: skip
TICKETS = [
    ("My card was charged twice", "billing"),
    ("I cannot log in since Monday", "login"),
    ("The parcel has not come", "shipping"),
    ("Please send the invoice again", "billing"),
    ("The password mail never arrives", "login"),
    ("Wrong address on the parcel", "shipping"),
]

SEEN = [
    expect(
        "GSM8K",
        [
            {"question": STORIES[i], "answer": f"We compute it in steps.\n#### {SUMS[i]}"}
            for i in range(12)
        ],
        input="question",
        target="answer",
        answer="number",
    ),
    expect(
        "MATH",
        [
            {
                "problem": f"Find the value of {i} in the figure.",
                "level": f"Level {i % 5 + 1}",
                "type": ("Algebra", "Geometry")[i % 2],
                "solution": f"We see that it is $\\boxed{{{MATH_ANSWERS[i]}}}$.",
            }
            for i in range(12)
        ],
        input="problem",
        target="solution",
        answer="math",
    ),
    expect(
        "MATH-500",
        [
            {
                "problem": f"Find the value of {i} in the figure.",
                "solution": f"We see that it is $\\boxed{{{MATH_ANSWERS[i]}}}$.",
                "answer": MATH_ANSWERS[i],
                "subject": ("Algebra", "Geometry")[i % 2],
                "level": i % 5 + 1,
                "unique_id": f"test/algebra/{i * 31}.json",
            }
            for i in range(12)
        ],
        input="problem",
        target="answer",
        answer="math",
    ),
    expect(
        "SQuAD",
        [
            {
                "id": f"5733be284776f41900661{i:03}",
                "title": ("Skarvik", "Torsund")[i % 2],
                "context": PASSAGES[i],
                "question": QUESTIONS[i],
                "answers": {"text": [NAMES[i], f"the {NAMES[i]}"], "answer_start": [i * 7, i * 7]},
            }
            for i in range(10)
        ],
        input="context question",
        target="answers.text",
        answer="exact contains",
        extra="title",
    ),
    expect(
        "BoolQ",
        [
            {
                "question": f"is it true that {QUESTIONS[i][:-1].lower()}",
                "answer": i % 3 > 0,
                "passage": PASSAGES[i],
            }
            for i in range(10)
        ],
        input="passage question",
        target="answer",
        answer="boolean",
    ),
    expect(
        "ARC",
        [
            {
                "id": f"Mercury_{i * 7175}",
                "question": QUESTIONS[i],
                "choices": {"text": OPTIONS[i], "label": ["A", "B", "C", "D"]},
                "answerKey": "ABCD"[i * 3 % 4],
            }
            for i in range(12)
        ],
        input="question",
        target="answerKey",
        answer="choice",
        options="choices",
    ),
    expect(
        "MMLU",
        [
            {
                "question": QUESTIONS[i],
                "subject": "anatomy",
                "choices": OPTIONS[i],
                "answer": i * 3 % 4,
            }
            for i in range(12)
        ],
        input="question",
        target="answer",
        answer="choice",
        options="choices",
    ),
    expect(
        "CommonsenseQA",
        [
            {
                "id": f"{i * 99991:x}",
                "question": QUESTIONS[i],
                "question_concept": QUESTIONS[i].split()[-1],
                "choices": {
                    "label": ["A", "B", "C", "D", "E"],
                    "text": [*OPTIONS[i], "nothing"],
                },
                "answerKey": "ABCDE"[i * 3 % 5],
            }
            for i in range(12)
        ],
        input="question",
        target="answerKey",
        answer="choice",
        options="choices",
        extra="question_concept",
    ),
    expect(
        "IMDB",
        [{"text": f"{SENTENCES[i]} {PASSAGES[i % 10]}", "label": i % 2} for i in range(12)],
        input="text",
        target="label",
        answer="label boolean",
    ),
    expect(
        "AG News",
        [
            {
                "Class Index": (3, 1, 4, 2)[i % 4],
                "Title": SENTENCES[i],
                "Description": PASSAGES[i % 10],
            }
            for i in range(12)
        ],
        input="Title Description",
        target=frozenset({"Class Index"}),
        answer="label",
        file="train.csv",
    ),
    expect(
        "SST-2",
        [{"sentence": SENTENCES[i], "label": i % 2} for i in range(12)],
        input="sentence",
        target="label",
        answer="label boolean",
        file="train.tsv",
        delimiter="\t",
    ),
    expect(
        "QQP",
        [
            {
                "id": i,
                "qid1": 2 * i + 1,
                "qid2": 2 * i + 2,
                "question1": QUESTIONS[i],
                "question2": f"Tell me: {QUESTIONS[i if i % 3 else i - 1].lower()}",
                "is_duplicate": int(i % 3 > 0),
            }
            for i in range(12)
        ],
        input="question1 question2",
        target="is_duplicate",
        answer="boolean label",
        file="train.csv",
    ),
    expect(
        "STS-B",
        [
            {
                "sentence1": SENTENCES[i],
                "sentence2": SENTENCES[i - 1].lower(),
                "label": [5.0, 4.75, 3.2, 0.0, 1.6, 2.2, 3.8, 0.4, 4.25, 2.917, 1.0, 3.667][i],
                "idx": i,
            }
            for i in range(12)
        ],
        input="sentence1 sentence2",
        target="label",
        answer="number",
    ),
    expect(
        "GoEmotions",
        [
            {
                "text": SENTENCES[i],
                "labels": [["joy"], ["anger"], ["neutral"], ["joy", "love"]][i % 4],
                "id": f"eebb{i}qj",
            }
            for i in range(12)
        ],
        input="text",
        target="labels",
        answer="labels",
    ),
    expect(
        "LogiQA",
        [
            {
                "context": PASSAGES[i],
                "query": QUESTIONS[i],
                "options": OPTIONS[i],
                "correct_option": i * 3 % 4,
            }
            for i in range(10)
        ],
        input="context query",
        target="correct_option",
        answer="choice",
        options="options",
    ),
    expect(
        "CoNLL",
        [
            {
                "id": str(i),
                "tokens": SENTENCES[i].split(),
                "pos_tags": [i % 7] * len(SENTENCES[i].split()),
                "ner_tags": [0] * len(SENTENCES[i].split()),
            }
            for i in range(12)
        ],
        input="tokens",
        target="ner_tags pos_tags",
        answer="json",
    ),
    expect(
        "XSum",
        [
            {
                "document": f"{PASSAGES[i]} {PASSAGES[i - 1]}",
                "summary": f"{PASSAGES[i].split('. ')[0]}, as people of the town still tell.",
                "id": str(35232142 + i),
            }
            for i in range(10)
        ],
        input="document",
        target="summary",
        answer="open",
    ),
    expect(
        "OpenAI chat",
        [
            {
                "messages": [
                    {"role": "system", "content": "Name the team for a ticket."},
                    {"role": "user", "content": f"{text}, number {i}"},
                    {"role": "assistant", "content": team},
                ]
            }
            for i in range(2)
            for text, team in TICKETS
        ],
        input="messages",
        target="messages",
        answer="label",
    ),
    expect(
        "Alpaca",
        [
            {
                "instruction": f"Say something about case {i}.",
                "input": PASSAGES[i] if i % 2 else "",
                "output": f"Here is what can be said: {PASSAGES[(i + 2) % 10]}",
            }
            for i in range(10)
        ],
        input="instruction input",
        target="output",
        answer="open",
        file="data.json",
    ),
    expect(
        "BIG-Bench-Hard, movie recommendation",
        [
            {
                "input": f"{QUESTIONS[i]}\nOptions:\n"
                + "\n".join(
                    f"({letter}) {option}"
                    for letter, option in zip("ABCD", OPTIONS[i], strict=True)
                ),
                "target": f"({'ABCD'[i * 3 % 4]})",
            }
            for i in range(12)
        ],
        input="input",
        target="target",
        answer="choice",
    ),
    expect(
        "BIG-Bench-Hard, navigate",
        [
            {
                "input": f"If you walk {i} steps east and back, do you end where you began?",
                "target": ("Yes", "No")[i % 2],
            }
            for i in range(12)
        ],
        input="input",
        target="target",
        answer="boolean",
    ),
    expect(
        "AQuA",
        [
            {
                "question": STORIES[i],
                "options": [
                    f"{letter}){option}"
                    for letter, option in zip("ABCDE", [*OPTIONS[i], "none"], strict=True)
                ],
                "rationale": "We compute it, and get the second of the options.",
                "correct": "ABCDE"[i * 3 % 5],
            }
            for i in range(12)
        ],
        input="question",
        target="correct",
        answer="choice",
        options="options",
    ),
    expect(
        "SVAMP",
        [
            {
                "ID": f"chal-{i}",
                "Body": STORIES[i].rpartition(". ")[0] + ".",
                "Question": STORIES[i].rpartition(". ")[2],
                "Equation": f"( {SUMS[i]} - 0.0 )",
                "Answer": f"{SUMS[i]}.0",
                "Type": "Subtraction",
            }
            for i in range(12)
            if ". " in STORIES[i]
        ],
        input="Body Question",
        target="Answer",
        answer="number",
        file="data.json",
    ),
    expect(
        "Support tickets",
        [
            {
                "ticket_id": 1000 + 6 * i + j,
                "created_at": f"2024-0{i + 1}-1{j} 08:15:0{j}",
                "customer_email": f"user{6 * i + j}@example.org",
                "subject": f"{text} (case {i})",
                "body": f"Hello, please help me. {SENTENCES[6 * (i % 2) + j]} It is case {i}.",
                "status": ("open", "closed")[j % 2],
                "team": team,
            }
            for i in range(3)
            for j, (text, team) in enumerate(TICKETS)
        ],
        input="subject body",
        target="team",
        answer="label",
        file="tickets.csv",
    ),
    expect(
        "German tickets",
        [
            {
                "Nummer": 40 * i + j,
                "Anfrage": f"{text}, bitte helfen Sie mir (Fall {i}).",
                "Abteilung": team,
            }
            for i in range(3)
            for j, (text, team) in enumerate(
                [
                    ("Die Rechnung ist falsch", "Buchhaltung"),
                    ("Das Paket kam nie an", "Versand"),
                    ("Ich kann mich nicht anmelden", "Technik"),
                    ("Wo bleibt die Gutschrift", "Buchhaltung"),
                ]
            )
        ],
        input="Anfrage",
        target="Abteilung",
        answer="label",
        file="anfragen.csv",
        delimiter=";",
    ),
]
