"""Further layouts that the heuristics were built on."""

from __future__ import annotations

from tests.layouts import expect
from tests.layouts.texts import NAMES, OPTIONS, PASSAGES, QUESTIONS, SENTENCES, STORIES, SUMS

MORE = [
    expect(
        "RACE",
        [
            {"example_id": f"high{i}.txt", "article": PASSAGES[i], "answer": "ABCD"[i * 3 % 4],
             "question": QUESTIONS[i], "options": OPTIONS[i]}
            for i in range(10)
        ],
        input="article question", target="answer", answer="choice", options="options",
    ),
    expect(
        "HotpotQA",
        [
            {"id": f"5a7a0{i}9e554", "question": QUESTIONS[i], "answer": NAMES[i],
             "type": ("bridge", "comparison")[i % 2], "level": ("easy", "hard")[i % 2],
             "supporting_facts": {"title": ["A", "B"], "sent_id": [0, 1]},
             "context": {"title": ["A", "B"], "sentences": [[PASSAGES[i]], [PASSAGES[i - 1]]]}}
            for i in range(10)
        ],
        input="question", target="answer", answer="exact", extra="context context.sentences",
    ),
    expect(
        "NQ-open",
        [{"question": QUESTIONS[i][:-1].lower(), "answer": [NAMES[i], f"the {NAMES[i]}"]}
         for i in range(12)],
        input="question", target="answer", answer="exact contains",
    ),
    expect(
        "WebQuestions",
        [{"url": f"http://www.example.org/view/{i}", "question": QUESTIONS[i],
          "answers": [NAMES[i]]} for i in range(12)],
        input="question", target="answers", answer="exact contains",
    ),
    expect(
        "COPA",
        [{"premise": SENTENCES[i], "choice1": SENTENCES[i - 1], "choice2": SENTENCES[i - 2],
          "question": ("cause", "effect")[i % 2], "idx": i, "label": i % 3 % 2}
         for i in range(12)],
        input="premise question", target="label", answer="choice", options="choice1 choice2",
    ),
    expect(
        "WiC",
        [{"word": ("bank", "light", "court")[i % 3], "sentence1": SENTENCES[i],
          "sentence2": SENTENCES[i - 1], "start1": i, "start2": i * 2, "end1": i + 4,
          "end2": i * 2 + 5, "idx": i, "label": i % 3 % 2} for i in range(12)],
        input="sentence1 sentence2", target="label", answer="label boolean", extra="word",
    ),
    expect(
        "SNLI",
        [{"premise": SENTENCES[i], "hypothesis": SENTENCES[i - 3], "label": i * 5 % 3}
         for i in range(12)],
        input="premise hypothesis", target="label", answer="label",
    ),
    expect(
        "ANLI",
        [{"uid": f"aa{i}-bb", "premise": PASSAGES[i], "hypothesis": SENTENCES[i],
          "label": i * 5 % 3, "reason": f"Because {SENTENCES[i - 1].lower()}"}
         for i in range(10)],
        input="premise hypothesis", target="label", answer="label",
    ),
    expect(
        "TREC",
        [{"text": QUESTIONS[i], "coarse_label": i % 3, "fine_label": 40 - 2 * (i % 6)}
         for i in range(12)],
        input="text", target="coarse_label", answer="label",
    ),
    expect(
        "DBpedia",
        [{"label": i * 5 % 4, "title": NAMES[i], "content": PASSAGES[i]} for i in range(10)],
        input="title content", target="label", answer="label",
    ),
    expect(
        "20 Newsgroups",
        [{"text": PASSAGES[i % 10] + f" {i}", "label": i % 3,
          "label_text": ("rec.autos", "sci.space", "alt.books")[i % 3]} for i in range(12)],
        input="text", target="label_text", answer="label",
    ),
    expect(
        "SMS Spam",
        [{"v1": ("ham", "spam")[i % 3 == 0], "v2": SENTENCES[i]} for i in range(12)],
        input="v2", target="v1", answer="label", file="spam.csv",
    ),
    expect(
        "FEVER",
        [{"id": 75397 + 11 * i, "label": ("SUPPORTS", "REFUTES", "NOT ENOUGH INFO")[i % 3],
          "claim": SENTENCES[i], "evidence_annotation_id": 92206 + i * i,
          "evidence_wiki_url": "Nikolaj_" + "abc"[i % 3], "evidence_sentence_id": i % 4}
         for i in range(12)],
        input="claim", target="label", answer="label",
    ),
    expect(
        "CNN/DailyMail",
        [{"article": PASSAGES[i] + " " + PASSAGES[i - 1],
          "highlights": f"{SENTENCES[i]}\n{SENTENCES[i - 1]}", "id": f"{i * 7919:040x}"}
         for i in range(10)],
        input="article", target="highlights", answer="open",
    ),
    expect(
        "SAMSum",
        [{"id": f"13818{i}", "dialogue": f"Ann: {SENTENCES[i]}\nBob: {SENTENCES[i - 1]}",
          "summary": f"Ann and Bob talk; {SENTENCES[i].lower()}"} for i in range(12)],
        input="dialogue", target="summary", answer="open",
    ),
    expect(
        "GSM-hard",
        [{"input": STORIES[i], "code": "def solution():\n    return 1",
          "target": float(SUMS[i]) * 1000} for i in range(12)],
        input="input", target="target", answer="number",
    ),
    expect(
        "AIME",
        [{"ID": f"2024-I-{i + 1}", "Problem": STORIES[i],
          "Solution": f"We count. The total is \\boxed{{{SUMS[i]}}}.", "Answer": int(SUMS[i])}
         for i in range(12)],
        input="Problem", target="Answer", answer="number math",
    ),
    expect(
        "StrategyQA",
        [{"qid": f"{i * 7919:x}", "term": NAMES[i], "description": f"A thing called {NAMES[i]}",
          "question": f"Could one carry {NAMES[i]} home?", "answer": i % 3 == 0,
          "facts": [SENTENCES[i], SENTENCES[i - 1]],
          "decomposition": [QUESTIONS[i], QUESTIONS[i - 1]]} for i in range(12)],
        input="question", target="answer", answer="boolean", extra="term description facts",
    ),
    expect(
        "MedMCQA",
        [{"id": f"e9ad821a-c438-4965-9f77-760819d{i}", "question": QUESTIONS[i],
          **dict(zip(("opa", "opb", "opc", "opd"), OPTIONS[i], strict=True)), "cop": i * 3 % 4,
          "choice_type": "single", "exp": PASSAGES[i % 10],
          "subject_name": ("Anatomy", "Surgery")[i % 2], "topic_name": None} for i in range(12)],
        input="question", target="cop", answer="choice", options="opa opb opc opd",
    ),
    expect(
        "MedQA",
        [{"question": QUESTIONS[i], "answer": OPTIONS[i][i * 3 % 4],
          "options": dict(zip("ABCD", OPTIONS[i], strict=True)), "meta_info": "step1",
          "answer_idx": "ABCD"[i * 3 % 4]} for i in range(12)],
        input="question", target="answer answer_idx", answer="choice", options="options",
    ),
    expect(
        "SocialIQA",
        [{"context": SENTENCES[i], "question": QUESTIONS[i], "answerA": OPTIONS[i][0],
          "answerB": OPTIONS[i][1], "answerC": OPTIONS[i][2], "label": str(i * 2 % 3 + 1)}
         for i in range(12)],
        input="context question", target="label", answer="choice",
        options="answerA answerB answerC",
    ),
    expect(
        "CosmosQA",
        [{"id": f"3Q{i}FFK", "context": PASSAGES[i], "question": QUESTIONS[i],
          **{f"answer{j}": OPTIONS[i][j] for j in range(4)}, "label": i * 3 % 4}
         for i in range(10)],
        input="context question", target="label", answer="choice",
        options="answer0 answer1 answer2 answer3",
    ),
    expect(
        "SWAG",
        [{"video-id": f"anetv_{i}x", "fold-ind": str(i * 31), "startphrase": SENTENCES[i] + " He",
          "sent1": SENTENCES[i], "sent2": "He", "gold-source": "gold",
          **{f"ending{j}": f"{OPTIONS[i][j]} it is, he says." for j in range(4)},
          "label": i * 3 % 4} for i in range(12)],
        input="startphrase", target="label", answer="choice",
        options="ending0 ending1 ending2 ending3", extra="sent1 sent2",
    ),
    expect(
        "Prompts and completions",
        [{"prompt": f"{SENTENCES[i]}\n\n###\n\n", "completion": (" good", " bad")[i % 2]}
         for i in range(12)],
        input="prompt", target="completion", answer="label",
    ),
    expect(
        "x and y",
        [{"x": SENTENCES[i], "y": ("good", "bad")[i % 2]} for i in range(12)],
        input="x", target="y", answer="label",
    ),
    expect(
        "Spalten",
        [{"Nr.": i + 1, "Satz": SENTENCES[i], "Stimmung": ("positiv", "negativ")[i % 2],
          "Datum": f"{i + 1}.3.2024"} for i in range(12)],
        input="Satz", target="Stimmung", answer="label", file="saetze.csv", delimiter=";",
    ),
    expect(
        "Receipts",
        [{"text": SENTENCES[i], "fields": {"total": f"{i}.50", "shop": NAMES[i]}}
         for i in range(12)],
        input="text", target="fields", answer="json",
    ),
    expect(
        "Extraction",
        [{"document": PASSAGES[i], "output": {"name": NAMES[i], "year": 1800 + i}}
         for i in range(10)],
        input="document", target="output", answer="json",
    ),
    expect(
        "Spider",
        [{"db_id": ("shops", "ships")[i % 2], "question": QUESTIONS[i],
          "query": f"SELECT name FROM towns WHERE id = {i} AND size > {i * 100} ORDER BY name"}
         for i in range(12)],
        input="question", target="query", answer="open", extra="db_id",
    ),
    expect(
        "Opus",
        [{"id": str(i), "source": f"Satz {i} über den alten Hafen am Morgen.",
          "target": f"Sentence {i} about the old harbour in the morning."} for i in range(12)],
        input="source", target="target", answer="open",
    ),
    expect(
        "OpenAI chat, free text",
        [{"messages": [{"role": "user", "content": QUESTIONS[i]},
                       {"role": "assistant", "content": PASSAGES[i]}]} for i in range(10)],
        input="messages", target="messages", answer="open",
    ),
    expect(
        "Answers, long and short",
        [{"question": QUESTIONS[i], "long_answer": PASSAGES[i], "short_answer": NAMES[i]}
         for i in range(10)],
        input="question", target="short_answer", answer="exact contains",
    ),
    expect(
        "BBQ",
        [{"example_id": i * 3, "question_index": str(i % 4), "context": PASSAGES[i],
          "question": QUESTIONS[i], "ans0": OPTIONS[i][0], "ans1": OPTIONS[i][1],
          "ans2": "Not known", "label": i * 2 % 3} for i in range(10)],
        input="context question", target="label", answer="choice", options="ans0 ans1 ans2",
    ),
]  # fmt: skip
