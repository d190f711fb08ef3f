"""Datasets of the paper by name: `task.preset: gsm8k` stands for a whole `task` section.

A preset names the dataset on the hub and also reads the authors' own files, so that
`task: {preset: mmlu/anatomy, data: {train: anatomy_test.csv}}` works.
"""

from __future__ import annotations

from typing import Any

from opro_cli.core.settings.schema import nearest

# The 27 BIG-Bench-Hard tasks by the kind of their answers.
_BBH_KINDS = {
    "boolean": """
        boolean_expressions causal_judgement formal_fallacies navigate sports_understanding
        web_of_lies
    """,
    "choice": """
        date_understanding disambiguation_qa geometric_shapes hyperbaton
        logical_deduction_five_objects logical_deduction_seven_objects
        logical_deduction_three_objects movie_recommendation penguins_in_a_table
        reasoning_about_colored_objects ruin_names salient_translation_error_detection snarks
        temporal_sequences tracking_shuffled_objects_five_objects
        tracking_shuffled_objects_seven_objects tracking_shuffled_objects_three_objects
    """,
    "exact": """
        dyck_languages word_sorting
    """,
    "number": """
        multistep_arithmetic_two object_counting
    """,
}
_BBH = {name: kind for kind, names in _BBH_KINDS.items() for name in names.split()}

_MMLU_SUBJECTS = """
    abstract_algebra anatomy astronomy business_ethics clinical_knowledge college_biology
    college_chemistry college_computer_science college_mathematics college_medicine
    college_physics computer_security conceptual_physics econometrics electrical_engineering
    elementary_mathematics formal_logic global_facts high_school_biology high_school_chemistry
    high_school_computer_science high_school_european_history high_school_geography
    high_school_government_and_politics high_school_macroeconomics high_school_mathematics
    high_school_microeconomics high_school_physics high_school_psychology high_school_statistics
    high_school_us_history high_school_world_history human_aging human_sexuality international_law
    jurisprudence logical_fallacies machine_learning management marketing medical_genetics
    miscellaneous moral_disputes moral_scenarios nutrition philosophy prehistory
    professional_accounting professional_law professional_medicine professional_psychology
    public_relations security_studies sociology us_foreign_policy virology world_religions
"""

PRESETS: tuple[str, ...] = (
    "gsm8k",
    "multiarith",
    "aqua",
    *(f"bbh/{name}" for name in sorted(_BBH)),
    *(f"mmlu/{subject}" for subject in _MMLU_SUBJECTS.split()),
)


def expand_preset(name: str) -> dict[str, Any]:
    """Return the `task` section of a preset as plain data; ValueError says what is expected."""
    if name not in PRESETS:
        guess = nearest(name, list(PRESETS))
        meant = f' (did you mean "{guess}"?)' if guess else ""
        raise ValueError(
            f"expected gsm8k, multiarith, aqua, bbh/TASK or mmlu/SUBJECT{meant}, found {name!r:.60}"
        )
    family, _, member = name.partition("/")
    # "grade school math" and the task's name in words are the reference's own descriptions.
    description, answer, rows = member.replace("_", " "), "choice", family
    question, target, test = "question", "answer", None
    match family:
        case "gsm8k":
            description, answer, rows = "grade school math", "number", "plain"
            train, test = "hub:openai/gsm8k:main#train", "hub:openai/gsm8k:main#test"
        case "multiarith":
            description, answer = "arithmetic", "number"
            train, test = "hub:ChilleD/MultiArith#train", "hub:ChilleD/MultiArith#test"
        case "aqua":
            description = "algebra"
            # Not #train: 97,467 rows written by a crowd, against 254 that were checked.
            train, test = "hub:deepmind/aqua_rat:raw#validation", "hub:deepmind/aqua_rat:raw#test"
        case "bbh":
            answer, rows, question, target = _BBH[member], "plain", "input", "target"
            train = f"hub:lukaemon/bbh:{member}#test"
        case _:
            # The paper cuts its train rows from the test file of a subject too.
            train = f"hub:cais/mmlu:{member}#test"
    data = {
        "train": train,
        "input": question,
        "target": target,
        # Public files have rows that contradict each other (causal_judgement asks one question
        # twice, with both answers); mending them is not the user's work. The run reports them.
        "on_bad_row": "skip",
        "rows": rows,
    }
    data |= {} if test is None else {"test": test}
    return {"data": data, "answer": answer, "description": description}
