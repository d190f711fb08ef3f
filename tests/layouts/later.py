"""Layouts that were written, and run once, after the heuristics were mended on the unseen ones."""

from __future__ import annotations

from tests.layouts import expect
from tests.layouts.texts import NAMES, OPTIONS, PASSAGES, QUESTIONS, SENTENCES, STORIES, SUMS

LATER = [
    expect(
        "Product reviews",
        [{"review_id": f"R{i * 97}", "product": NAMES[i], "stars": i % 5 + 1,
          "review_title": SENTENCES[i - 1], "review_body": SENTENCES[i], "verified": "yes",
          "review_date": f"2023-03-{i + 10}"} for i in range(12)],
        input=frozenset({"review_title", "review_body"}), target="stars", answer="number label",
        extra="product", file="reviews.csv",
    ),
    expect(
        "CaseHOLD",
        [{"example_id": i * 7, "citing_prompt": PASSAGES[i],
          **{f"holding_{j}": f"holding that {OPTIONS[i][j]} is enough" for j in range(4)},
          "label": str(i * 3 % 4)} for i in range(10)],
        input="citing_prompt", target="label", answer="choice",
        options="holding_0 holding_1 holding_2 holding_3",
    ),
    expect(
        "SciTail",
        [{"sentence1": SENTENCES[i], "sentence2": SENTENCES[i - 2],
          "gold_label": ("entails", "neutral")[i % 2]} for i in range(12)],
        input="sentence1 sentence2", target="gold_label", answer="label", file="dev.tsv",
    ),
    expect(
        "MRPC",
        [{"Quality": i % 3 % 2, "#1 ID": 70 + i * i, "#2 ID": 90 + i * i, "#1 String": SENTENCES[i],
          "#2 String": SENTENCES[i - 1]} for i in range(12)],
        input=frozenset({"#1 String", "#2 String"}), target="Quality", answer="label boolean",
        file="mrpc.tsv",
    ),
    expect(
        "Open-Orca",
        [{"id": f"flan.{i * 31}", "system_prompt": "You are a helpful assistant.",
          "question": QUESTIONS[i], "response": PASSAGES[i]} for i in range(10)],
        input="question", target="response", answer="open",
    ),
    expect(
        "ReClor",
        [{"context": PASSAGES[i], "question": QUESTIONS[i], "answers": OPTIONS[i],
          "label": i * 3 % 4, "id_string": f"train_{i}"} for i in range(10)],
        input="context question", target="label", answer="choice", options="answers",
        file="data.json",
    ),
    expect(
        "NarrativeQA",
        [{"document": {"id": f"{i:04x}a", "kind": "gutenberg", "url": "http://example.org",
                       "summary": {"text": PASSAGES[i], "title": NAMES[i]}},
          "question": {"text": QUESTIONS[i], "tokens": QUESTIONS[i].split()},
          "answers": [{"text": NAMES[i], "tokens": [NAMES[i]]},
                      {"text": f"the {NAMES[i]}", "tokens": ["the", NAMES[i]]}]}
         for i in range(10)],
        input="document.summary.text question.text",
        target=frozenset({"answers", "answers.text"}),
        answer="exact contains",
    ),
    expect(
        "Emotion",
        [{"text": SENTENCES[i].lower(), "emotion": ("joy", "anger", "fear")[i % 3]}
         for i in range(12)],
        input="text", target="emotion", answer="label",
    ),
    expect(
        "Hate speech",
        [{"": i, "count": 3, "hate_speech": i % 2, "offensive_language": 2, "neither": 1 - i % 2,
          "class": i % 3, "tweet": f"RT @x: {SENTENCES[i]}"} for i in range(12)],
        input="tweet", target="class", answer="label", file="labeled_data.csv",
    ),
    expect(
        "ASDiv",
        [{"body": STORIES[i].rpartition(". ")[0] + ".", "question": STORIES[i].rpartition(". ")[2],
          "solution_type": "Sum", "answer": f"{SUMS[i]} (pens)", "formula": f"{SUMS[i]}=1+1"}
         for i in range(12) if ". " in STORIES[i]],
        input="body question", target="answer", answer="number",
    ),
    expect(
        "Invoices",
        [{"rechnungstext": PASSAGES[i], "betrag": f"{i + 1}.{i}50,00 €"} for i in range(10)],
        input="rechnungstext", target="betrag", answer="number", file="rechnungen.csv",
    ),
    expect(
        "Intents, with out-of-scope",
        [{"utterance": f"{SENTENCES[j]} ({i})", "intent": ("order", "cancel", "oos")[j % 3],
          "domain": ("shop", "shop", "none")[j % 3]} for i in range(2) for j in range(12)],
        input="utterance", target="intent", answer="label",
    ),
    expect(
        "UltraChat",
        [{"prompt": QUESTIONS[i], "prompt_id": f"{i * 7919:x}",
          "messages": [{"role": "user", "content": QUESTIONS[i]},
                       {"role": "assistant", "content": PASSAGES[i]},
                       {"role": "user", "content": "And then?"},
                       {"role": "assistant", "content": PASSAGES[i - 1]}]} for i in range(10)],
        input="messages", target="messages", answer="open",
    ),
    expect(
        "Yes and no, in German",
        [{"Frage": f"Ist {NAMES[i]} ein Fluss?", "Antwort": ("ja", "nein")[i % 2]}
         for i in range(12)],
        input="Frage", target="Antwort", answer="boolean", file="fragen.csv",
    ),
]  # fmt: skip
