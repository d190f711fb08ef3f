"""Twenty layouts that no heuristic was tuned to: named, and expected, before any was written."""

from __future__ import annotations

import json

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

LETTERS = "ABCDEFGHIJ"

TRIVIAQA = expect(
    "TriviaQA",
    [
        {
            "question": QUESTIONS[i],
            "question_id": f"tc_{i * 37 + 2}",
            "question_source": "http://www.example.org/quiz",
            "entity_pages": {"doc_source": [], "filename": [], "title": [], "wiki_context": []},
            "search_results": {"description": [], "rank": [], "title": [], "url": []},
            "answer": {
                "aliases": [NAMES[i], f"The {NAMES[i]}", NAMES[i].upper()],
                "normalized_aliases": [NAMES[i].lower(), f"the {NAMES[i].lower()}"],
                "matched_wiki_entity_name": "",
                "normalized_matched_wiki_entity_name": "",
                "normalized_value": NAMES[i].lower(),
                "type": "WikipediaEntity",
                "value": NAMES[i],
            },
        }
        for i in range(12)
    ],
    input="question",
    target="answer.aliases answer.normalized_aliases answer.value answer.normalized_value",
    answer="exact contains",
)
_SPANS = [["1874"], ["Marta Lindqvist"], ["beetles", "worms"], ["18"], ["9"], ["eleven nights"],
          ["two brothers"], ["a baker"], ["48"], ["nets", "boats"]]  # fmt: skip
DROP = expect(
    "DROP",
    [
        {
            "section_id": f"hist_{i + 100}",
            "query_id": f"a1b2c3-{i}-{i * 7}",
            "passage": PASSAGES[i],
            "question": f"{QUESTIONS[i][:-1]}, says the text?",
            "answers_spans": {"spans": _SPANS[i], "types": ["span"] * len(_SPANS[i])},
        }
        for i in range(10)
    ],
    input="passage question",
    target="answers_spans.spans",
    answer="exact contains",
)
MMLU_PRO = expect(
    "MMLU-Pro",
    [
        {
            "question_id": 70 + i,
            "question": QUESTIONS[i],
            "options": [*OPTIONS[i], *OPTIONS[(i + 3) % 12], "none of these", "N/A"][: 8 + i % 3],
            "answer": LETTERS[(i * 3) % 8],
            "answer_index": (i * 3) % 8,
            "cot_content": "",
            "category": ("history", "biology", "physics")[i % 3],
            "src": "made",
        }
        for i in range(12)
    ],
    input="question",
    target="answer answer_index",
    answer="choice",
    options="options",
)
HELLASWAG = expect(
    "HellaSwag",
    [
        {
            "ind": 4 + i * 11,
            "activity_label": ("Cutting wood", "Baking bread", "Sailing")[i % 3],
            "ctx_a": PASSAGES[i].split(". ")[0] + ".",
            "ctx_b": "then the two of them",
            "ctx": PASSAGES[i].split(". ")[0] + ". then the two of them",
            "endings": [
                f"go home and {each}." for each in ("sleep", "sing a song", "count", "start again")
            ],
            "source_id": f"made~v_{i}",
            "split": "train",
            "split_type": "indomain",
            "label": str(i * 3 % 4),
        }
        for i in range(10)
    ],
    input="ctx",
    target="label",
    answer="choice",
    options="endings",
    extra="activity_label",
)
OPENBOOKQA = expect(
    "OpenBookQA",
    [
        {
            "id": f"7-{i * 13}",
            "question_stem": QUESTIONS[i][:-1],
            "choices": {"text": OPTIONS[i], "label": ["A", "B", "C", "D"]},
            "answerKey": "ABCD"[i * 3 % 4],
        }
        for i in range(12)
    ],
    input="question_stem",
    target="answerKey",
    answer="choice",
    options="choices",
)
PIQA = expect(
    "PIQA",
    [
        {
            "goal": f"How to mend {each}?",
            "sol1": f"Clean it, then glue the parts of {each} together with care.",
            "sol2": f"Throw the parts of {each} into the sea and hope for the best.",
            "label": i % 3 % 2,
        }
        for i, each in enumerate(
            ["a cup", "a chair", "a tent", "a kite", "a shoe", "a drum", "a lamp", "a book"]
        )
    ],
    input="goal",
    target="label",
    answer="choice",
    options="sol1 sol2",
)
WINOGRANDE = expect(
    "WinoGrande",
    [
        {
            "sentence": f"{a} gave the keys to {b} because _ was about to leave the house.",
            "option1": a,
            "option2": b,
            "answer": "12"[i % 3 % 2],
        }
        for i, (a, b) in enumerate(
            zip(
                ["Ann", "Bob", "Cem", "Dan", "Eva", "Fay", "Gus", "Hal"],
                ["Ivo", "Jan", "Kim", "Leo", "Mia", "Ned", "Oda", "Pat"],
                strict=True,
            )
        )
    ],
    input="sentence",
    target="answer",
    answer="choice",
    options="option1 option2",
)
SCIQ = expect(
    "SciQ",
    [
        {
            "question": QUESTIONS[i],
            "distractor3": OPTIONS[i][1],
            "distractor1": OPTIONS[i][2],
            "distractor2": OPTIONS[i][3],
            "correct_answer": OPTIONS[i][0],
            "support": PASSAGES[i],
        }
        for i in range(10)
    ],
    input="question",
    target="correct_answer",
    answer="choice",
    options="correct_answer distractor1 distractor2 distractor3",
    extra="support",
)
TRUTHFULQA = expect(
    "TruthfulQA, multiple choice",
    [
        {
            "question": QUESTIONS[i],
            "mc1_targets": {"choices": OPTIONS[i], "labels": [1, 0, 0, 0]},
            "mc2_targets": {
                "choices": [*OPTIONS[i], f"perhaps {OPTIONS[i][0]}"],
                "labels": [1, 0, 0, 0, 1],
            },
        }
        for i in range(12)
    ],
    input="question",
    target="mc1_targets.labels mc1_targets",
    answer="choice",
    options="mc1_targets.choices mc1_targets",
)
_INTENTS = ["card_arrival", "lost_or_stolen_card", "exchange_rate", "top_up_failed",
            "wrong_amount_of_cash_received", "verify_my_identity"]  # fmt: skip
BANKING77 = expect(
    "Banking77",
    [
        {"text": f"{start} {what}", "category": _INTENTS[j]}
        for start in ("Hello,", "Please help:", "I want to know:", "Hi there,")
        for j, what in enumerate(
            [
                "when will my new card get here?",
                "somebody took my card on the train",
                "what is the rate for Swedish crowns today?",
                "my top up did not go through",
                "the machine gave me too little cash",
                "how do I prove who I am?",
            ]
        )
    ],
    input="text",
    target="category",
    answer="label",
    file="train.csv",
)
TWEETEVAL = expect(
    "TweetEval, sentiment",
    [{"text": f"@user {SENTENCES[i]} #{i}", "label": (2, 0, 1)[i % 3]} for i in range(12)],
    input="text",
    target="label",
    answer="label",
)
COLA = expect(
    "CoLA",
    [
        {
            "sentence": SENTENCES[i] if i % 3 else " ".join(reversed(SENTENCES[i].split())),
            "label": int(i % 3 > 0),
            "idx": i,
        }
        for i in range(12)
    ],
    input="sentence",
    target="label",
    answer="label boolean",
)
MNLI = expect(
    "MultiNLI",
    [
        {
            "annotator_labels": [("entailment", "neutral", "contradiction")[i % 3]],
            "genre": ("fiction", "travel")[i % 2],
            "gold_label": ("entailment", "neutral", "contradiction")[i % 3],
            "pairID": f"{i * 1009}n",
            "promptID": str(i * 1009),
            "sentence1": SENTENCES[i],
            "sentence1_binary_parse": f"( {SENTENCES[i][:-1]} . )",
            "sentence1_parse": f"(ROOT (S {SENTENCES[i][:-1]} (. .)))",
            "sentence2": f"Somebody says that {SENTENCES[(i * 5) % 12].lower()}",
            "sentence2_binary_parse": "( Somebody ( says . ) )",
            "sentence2_parse": "(ROOT (S (NN Somebody) (VP says) (. .)))",
        }
        for i in range(12)
    ],
    input="sentence1 sentence2",
    target="gold_label",
    answer="label",
)
TOXIC = expect(
    "Toxic comments",
    [
        {
            "id": f"{i * 7919:016x}",
            "comment_text": SENTENCES[i],
            "toxic": i % 4 % 2,
            "severe_toxic": int(i == 5),
            "obscene": int(i % 8 == 1),
            "threat": int(i == 7),
            "insult": int(i in (1, 3)),
            "identity_hate": int(i == 3),
        }
        for i in range(12)
    ],
    input="comment_text",
    target="toxic",
    answer="boolean label",
    file="train.csv",
)
WMT = expect(
    "WMT translation",
    [
        {
            "translation": {
                "de": f"Das ist Satz Nummer {i} über den alten Leuchtturm am Hafen.",
                "en": f"This is sentence number {i} about the old lighthouse by the harbour.",
            }
        }
        for i in range(10)
    ],
    input="translation.de",
    target="translation.en",
    answer="open",
)
SHAREGPT = expect(
    "ShareGPT",
    [
        {
            "id": f"Ab{i}xY_0",
            "conversations": [
                {"from": "human", "value": QUESTIONS[i]},
                {"from": "gpt", "value": f"Good question. {PASSAGES[i]}"},
            ],
        }
        for i in range(10)
    ],
    input="conversations",
    target="conversations",
    answer="open",
)
DOLLY = expect(
    "Dolly",
    [
        {
            "instruction": QUESTIONS[i],
            "context": PASSAGES[i] if i % 2 else "",
            "response": f"As far as is known, {PASSAGES[(i + 3) % 10]}",
            "category": ("closed_qa", "open_qa", "brainstorming")[i % 3],
        }
        for i in range(10)
    ],
    input="instruction context",
    target="response",
    answer="open",
)
MULTIARITH = expect(
    "MultiArith",
    [{"question": f" {STORIES[i]} ", "final_ans": SUMS[i]} for i in range(12)],
    input="question",
    target="final_ans",
    answer="number",
)
PUBMEDQA = expect(
    "PubMedQA",
    [
        {
            "pubid": 21645374 + i * 17,
            "question": f"Does {what} shorten the stay in hospital?",
            "context": {
                "contexts": PASSAGES[i : i + 2],
                "labels": ["BACKGROUND", "RESULTS"],
                "meshes": ["Adult", "Humans"],
            },
            "long_answer": f"Our results on {what} suggest so, but more trials are needed.",
            "final_decision": ("yes", "no", "maybe", "yes")[i % 4],
        }
        for i, what in enumerate(
            ["music", "early walking", "green tea", "zinc", "honey", "yoga", "light", "a dog"]
        )
    ],
    input="question context.contexts",
    target="final_decision",
    answer="label",
)
FUNCTION_CALLING = expect(
    "Function calling",
    [
        {
            "id": i,
            "query": f"What is the weather in {city} on day {i}?",
            "answers": json.dumps([{"name": "get_weather", "arguments": {"city": city, "day": i}}]),
            "tools": json.dumps(
                [{"name": "get_weather", "parameters": {"city": "str", "day": "int"}}]
            ),
        }
        for i, city in enumerate(
            ["Oslo", "Rome", "Lima", "Bern", "Kyiv", "Cairo", "Quito", "Seoul", "Delhi", "Riga"]
        )
    ],
    input="query",
    target="answers",
    answer="json",
    extra="tools",
)

UNSEEN = [
    TRIVIAQA, DROP, MMLU_PRO, HELLASWAG, OPENBOOKQA, PIQA, WINOGRANDE, SCIQ, TRUTHFULQA, BANKING77,
    TWEETEVAL, COLA, MNLI, TOXIC, WMT, SHAREGPT, DOLLY, MULTIARITH, PUBMEDQA, FUNCTION_CALLING,
]  # fmt: skip
