"""One label of a closed set, or several: which one a reply gives."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opro_cli.core.spellings import is_same_label
from opro_cli.core.task.example import Example, Grade
from opro_cli.metrics.label import LabelMetric, LabelSetMetric, split_gold
from opro_cli.reading.labels import read_label
from opro_cli.reading.mentions import find_mentions

MOOD = ("positive", "negative")
TEAM = ("billing", "login", "shipping", "product")
CHINESE = ("正面", "负面", "中性")
JAPANESE = ("ポジティブ", "ネガティブ")
KOREAN = ("긍정", "부정")
NLI = ("entailment", "neutral", "contradiction", "not_entailment")
YES = ("yes", "no")

READ = [
    # alone, in any dress
    ("positive", MOOD, "positive"),
    ("**Negative**", MOOD, "negative"),
    ('"positive".', MOOD, "positive"),
    ("[billing]", TEAM, "billing"),
    ("<label>product</label>", TEAM, "product"),
    ('{"label": "login", "confidence": 0.9}', TEAM, "login"),
    ("Not-Entailment", NLI, "not_entailment"),
    ("not entailment", NLI, "not_entailment"),
    # at the beginning
    ("Positive: The quality is great.", MOOD, "positive"),
    ("BILLING\n\nExplanation: charged twice for a product.", TEAM, "billing"),
    ("Label: Shipping", TEAM, "shipping"),
    ('The label is "billing".', TEAM, "billing"),
    ("Yes, because he asks for the file.", YES, "yes"),
    ("No.", YES, "no"),
    # in a sentence that says what something is
    ("The sentiment of this review is negative.", MOOD, "negative"),
    ("This is a billing issue because the login worked.", TEAM, "billing"),
    ("I would classify this message as login.", TEAM, "login"),
    ("It falls under the shipping category.", TEAM, "shipping"),
    ("The billing team should handle this ticket.", TEAM, "billing"),
    ("I'd send it to the **login** team, because the password failed.", TEAM, "login"),
    ("I rate this review 5 stars.", ("1", "5"), "5"),
    # in a script without spaces
    ("正面", CHINESE, "正面"),
    ("这条评论是负面的。", CHINESE, "负面"),
    ("情感：正面", CHINESE, "正面"),
    ("答案是中性。", CHINESE, "中性"),
    ("ポジティブです。", JAPANESE, "ポジティブ"),
    ("このレビューはネガティブです。", JAPANESE, "ネガティブ"),
    ("ポジティブではないです。", JAPANESE, None),
    ("不是正面", CHINESE, None),
    ("正面还是负面？", CHINESE, None),
    ("긍정입니다.", KOREAN, "긍정"),
    # the later conclusion wins over what was weighed
    (
        "It could be billing. However, the customer cannot get in. Therefore, it is login.",
        TEAM,
        "login",
    ),
    ("It is not positive, it is negative.", MOOD, "negative"),
    ("Login? No: billing.", TEAM, "billing"),
    ("**Billing**? Nope, it is shipping.", TEAM, "shipping"),
    ("Billing? No idea.", TEAM, None),
    ("Billing? No doubt about it.", TEAM, "billing"),
    ("Billing since it is about an invoice. But on reflection it is login.", TEAM, None),
    ("billing - because the message is about a login page", TEAM, "billing"),
    ("Billing, since the login worked and the product arrived.", TEAM, "billing"),
    ("billing – the message is about a login", TEAM, None),
    ("The options are billing, login, shipping or product.\nAnswer: product", TEAM, "product"),
    # none
    ("This message is about billing, login, shipping or product.", TEAM, None),
    ("not about billing, login or product", TEAM, None),
    ("Answer: neither positive nor negative", MOOD, None),
    ("Category: billing or login", TEAM, None),
    ("The review is positive. The review is negative.", MOOD, None),
    ("I am sorry, I don't know.", MOOD, None),
    ("", MOOD, None),
    ("There is no problem with it.", YES, None),
]


@pytest.mark.parametrize(("reply", "labels", "label"), READ, ids=range(len(READ)))
def test_the_label_that_a_reply_gives(
    reply: str, labels: tuple[str, ...], label: str | None
) -> None:
    target = labels[0]
    grade = LabelMetric(labels).grade(reply, Example("What is it?", target, "t:1"))
    assert grade.answer == label
    assert grade.score == (None if label is None else float(label == target))


def test_the_questions_own_words_are_no_answer() -> None:
    question = "Is this about billing? My billing address is on the product page, he said."
    copied = "My billing address is on the product page."
    assert find_mentions(copied, TEAM, question) == []
    assert read_label("It is about shipping.", TEAM, question) is not None


def test_where_it_stands_is_told() -> None:
    text = "Well. The label is **login**, I think."
    found = read_label(text, TEAM)
    assert found is not None
    assert text[found.start : found.end] == "login"


def test_a_cut_reply_counts_for_what_it_had_stated() -> None:
    assert read_label("Positive: the writer praises the", MOOD, cut=True) is not None
    assert read_label("The writer says that the food was positive", MOOD, cut=True) is not None
    assert read_label("He weighs good and bad, the positive", MOOD, cut=True) is None
    assert read_label("He weighs good and bad: positive", MOOD, cut=False) is not None


def test_a_word_that_is_everywhere_counts_only_where_an_answer_stands() -> None:
    assert read_label("He has no car", YES) is None
    assert read_label("The answer is no", YES) is not None


def test_golds_are_mapped_and_refused() -> None:
    metric = LabelMetric(("billing", "login"), {"0": "billing", "1": "login"})
    assert metric.target("0") == "billing"
    assert metric.target(" Login ") == "login"
    with pytest.raises(
        ValueError, match=r"expected one of task.labels \(billing, login\); found '2'"
    ):
        metric.target("2")


@pytest.mark.parametrize(
    ("raw", "labels"),
    [
        ("billing, login", ["billing", "login"]),
        ('["a b", "c"]', ["a b", "c"]),
        ("x;y|z", ["x", "y", "z"]),
        ("one\ntwo", ["one", "two"]),
        ("[not json", ["[not json"]),
    ],
)
def test_several_golds(raw: str, labels: list[str]) -> None:
    assert split_gold(raw) == labels


def test_several_labels_are_compared_as_sets() -> None:
    example = Example("?", "billing, login", "t:1")
    exact, f1 = LabelSetMetric(TEAM), LabelSetMetric(TEAM, score="f1")
    assert exact.target("login,billing") == "billing, login"
    assert exact.grade("Login and billing.", example).score == 1.0
    assert exact.grade("billing", example).score == 0.0
    # precision 1, recall 1/2: 2/3
    assert f1.grade("billing", example).score == pytest.approx(2 / 3)
    # precision 2/3, recall 1: 4/5
    assert f1.grade("billing, login, product", example).score == pytest.approx(0.8)
    assert f1.grade("nothing", example).score is None
    assert f1.grade("not billing but login", example).answer == "login"


LANGUAGES = ("C++", "C#", "C", "Java")
INCOME = ("<=50K", ">50K")
GRADES = ("A", "A+", "A-", "A*", "B")
PRICES = ("$", "$$", "$$$")
SIGNED = ("+1", "-1")
SIZES = ("<50", ">50")
THAI = ("ใช่", "ไม่ใช่")
HANDS = ("👍", "👍🏽", "☀️")


@pytest.mark.parametrize(
    "labels", [LANGUAGES, INCOME, GRADES, PRICES, SIGNED, SIZES, THAI, HANDS, ("F", "F#"), MOOD]
)
def test_a_reply_that_is_a_label_is_that_label(labels: tuple[str, ...]) -> None:
    metric = LabelMetric(labels)
    for gold in labels:
        example = Example("Which one?", metric.target(gold), "here")
        assert example.target == gold
        for reply in labels:
            grade = metric.grade(reply, example)
            assert (grade.answer, grade.score) == (reply, float(reply == gold))
            assert LabelSetMetric(labels).grade(reply, example).score == float(reply == gold)


@pytest.mark.parametrize(
    ("reply", "labels", "label"),
    [
        ("It is C++.", LANGUAGES, "C++"),
        ("The language is C.", LANGUAGES, "C"),
        ("**c#**", LANGUAGES, "C#"),
        ("Answer: C", LANGUAGES, "C"),
        ("C++ because it has classes and C has none", LANGUAGES, "C++"),
        ("C or C++", LANGUAGES, None),
        ("not C but C++", LANGUAGES, "C++"),
        ("C+", LANGUAGES, None),  # no label, nor a part of one
        ("The income is <=50K.", INCOME, "<=50K"),
        ("<answer>>50K</answer>", INCOME, ">50K"),
        ("50K", INCOME, None),
        ("Grade: A-", GRADES, "A-"),
        ("A - because the essay is clear", GRADES, "A"),
        ("The grade is A*.", GRADES, "A*"),
        ("The answer is -1.", SIGNED, "-1"),
        ("1", SIGNED, None),
        ("It is >50.", SIZES, ">50"),
        ("It is $$.", PRICES, "$$"),
        ("$ or $$", PRICES, None),
        ("c+", ("c", "C++"), None),
        ("The language is C++.", ("c", "C++"), "C++"),
        ("คำตอบคือ ไม่ใช่", THAI, "ไม่ใช่"),
        ("☀", HANDS, "☀️"),  # without the sign that makes it a picture
        ("It is 👍🏽!", HANDS, "👍🏽"),
    ],
)
def test_labels_that_words_do_not_tell_apart(
    reply: str, labels: tuple[str, ...], label: str | None
) -> None:
    mention = read_label(reply, labels)
    assert (mention.label if mention else None) == label


@pytest.mark.parametrize("labels", [("café", "bar"), ("có", "không"), ("Änderung", "Rückgabe")])
@pytest.mark.parametrize("frame", ["{}", "The label is {}.", "**{}**, because"])
def test_accents_may_stand_behind_their_letters(labels: tuple[str, ...], frame: str) -> None:
    for form in ("NFC", "NFD"):
        metric = LabelMetric(tuple(normalize(form, label) for label in labels))
        for label in labels:
            for given_form in ("NFC", "NFD"):
                example = Example("Which?", metric.target(normalize(given_form, label)), "here")
                reply = normalize(given_form, frame.format(label))
                assert metric.grade(reply, example).score == 1.0, (form, given_form, label)


def test_labels_without_letters() -> None:
    assert LabelMetric((":)", ":(")).grade("I say :(", Example("?", ":(", "t")).score == 1.0
    assert is_same_label("+", "+")


TEXTS = st.text(st.characters(exclude_categories=()), max_size=80)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=4, unique=True), TEXTS, st.booleans())
def test_any_reply_is_read(reply: str, labels: list[str], question: str, cut: bool) -> None:
    found = read_label(reply, labels, question, cut=cut)
    assert found is None or found.label in labels


@given(st.sampled_from(TEAM), st.sampled_from(["{}", "The answer is {}.", "**{}**", "Label: {}"]))
def test_a_plain_answer_is_read_whatever_the_case(label: str, form: str) -> None:
    for text in (label, label.upper(), label.title()):
        found = read_label(form.format(text), TEAM)
        assert found is not None
        assert found.label == label


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        # recorded: r0246, r0409, r0535
        (" The answer is a smile.\n", "a smile."),
        ("The answer is 100.", "100."),
        (" President Obama pardoned inmates.\n#### health care\n", "health care"),
        # recorded: r0424, and what is no answer in any set
        (" The answer is not a password.\n", None),
        ("The answer is unknown.", None),
    ],
)
def test_an_answer_outside_of_the_set_is_wrong(reply: str, answer: str | None) -> None:
    grade = LabelMetric(TEAM).grade(reply, Example("Which team?", TEAM[0], "t:1"))
    assert grade == Grade(answer, None if answer is None else 0.0)


def test_what_a_sentence_is_about_is_no_label() -> None:
    # recorded: r0186
    reply = "The answer is: The weather is expected to be sunny and warm, with a high of 25°C."
    example = Example("What is the forecast?", "weather", "t:1")
    assert LabelMetric(("weather", "music")).grade(reply, example).score is None


def test_a_cut_line_may_have_named_more_labels() -> None:
    metric = LabelSetMetric(TEAM)
    example = Example("Which teams?", "billing", "t:1")
    assert metric.grade("billing", example).score == 1.0
    assert metric.grade("billing", example, cut=True).score is None
    assert metric.grade("billing\n", example, cut=True).score == 1.0


@pytest.mark.parametrize(
    ("reply", "given"),
    [
        # other labels of the task may be missing from its closed set
        ("The possible teams are billing, sales and product. This one goes to sales.", None),
        ("It could be billing, sales or product.", None),
        ("Options: billing / sales / product", None),
        ("It is either billing or sales.", None),
        ("Es ist entweder billing oder sales.", None),
        ("It could be sales, billing or product. It is billing.", "billing"),
        ("This is a billing and payments issue.", "billing"),
        ("Billing, because the card was charged twice or more.", "billing"),
        ("Category: billing, urgent", "billing"),
        ("billing or so", "billing"),
    ],
)
def test_a_label_among_choices_is_no_answer_though_the_others_are_no_labels(
    reply: str, given: str | None
) -> None:
    grade = LabelMetric(("billing", "login")).grade(reply, Example("My card?", "billing", "r:1"))
    assert grade.answer == given


@pytest.mark.parametrize(
    ("reply", "given"),
    [
        ('<think>{"label": "billing"}</think>\nlogin', "login"),
        ('<think>Perhaps {"label": "billing"}', None),
        ('{"label": "login"} <think>or {"label": "billing"}', "login"),
        ('<think>{"label": "billing"}</think>{"label": "login"}', "login"),
    ],
)
def test_a_json_object_in_thoughts_is_no_answer(reply: str, given: str | None) -> None:
    grade = LabelMetric(("billing", "login")).grade(reply, Example("My card?", "login", "r:1"))
    assert grade.answer == given
    if given:
        assert grade.span is not None
        assert reply[slice(*grade.span)] == given
