"""Sentences about the result of a run: what was not asked or not read, and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opro_cli.render.safe import printable
from opro_cli.reports import formats
from opro_cli.reports.formats import describe_excess, pluralize
from opro_cli.reports.request_words import list_request_notes

Data = Mapping[str, Any]
"""A part of `result.json`."""
SPLITS = ("train", "dev", "test")  # those of core/task/example, which takes 7 ms to import
_UNREAD = 200
"""Terminal cells of a reply of the optimizer."""
_SKIPPED = {
    "too long": "too long",
    "digits": "with digits",
    "tag": "with a tag in them",
    "leaks": "that quote train questions",
}


def describe_stopped(result: Data, stopped: Data) -> str:
    """Say who was not asked everything: they lost their race, or the budget ended them all."""
    some = f"{stopped['candidates']:,} of {pluralize(result['candidates'], 'candidate')}"
    saved = pluralize(stopped["questions_not_asked"], "question")
    train = ((result["best"] or {}).get("scores") or {}).get("train") or {}
    if train.get("estimated"):  # not even the winner has all answers: nobody lost a race
        was = "was" if stopped["candidates"] == 1 else "were"
        none = stopped.get("never_asked")  # a result of an older opro lacks it
        never = f", {none:,} of them none" if none else ""
        return f"{some} {was} asked some of the train questions only{never}; {saved} not asked"
    return f"racing: {some} stopped early, {saved} not asked"


def list_shared(result: Data) -> Iterator[str]:
    """Say which questions a difference is of, where start and best were asked different ones."""
    scale = formats.read_scale(result)
    for split, shared in result.get("shared", {}).items():  # a result of an older opro lacks it
        before, after = (formats.format_mean(shared[name], scale) for name in ("start", "best"))
        asked = f"{pluralize(shared['n'], 'question')} that both were asked"
        yield f"difference on {split}: of the {asked}, {before} → {after}"


def list_missed(result: Data, start: Data, best: Data) -> Iterator[str]:
    """Say how many questions have no answer that counts, and how that affects the score."""
    left_out = result.get("unanswerable") == "exclude"
    rule = "are left out" if left_out else "count as wrong"
    for name, candidate in (("start", start), ("best", best)):
        if unreadable := _count_missed("unreadable", candidate):
            yield f"unreadable answers under {name} (they count as wrong): {unreadable}"
        if cut := _count_missed("cut", candidate):
            yield f"  of these replies cut at scorer.max_tokens: {cut}"
        if refused := _count_missed("refused", candidate, left_out=left_out):
            yield f"refused questions under {name} (they {rule}): {refused}"


def _count_missed(kind: str, candidate: Data, *, left_out: bool = False) -> str:
    """Return the number of missed answers by split; results of an older opro lack some kinds.

    If they were `left_out` of a score, its `n` does not contain them.
    """
    scores = ((split, candidate["scores"].get(split)) for split in SPLITS)
    return ", ".join(
        f"{score[kind]} of {score['n'] + score[kind] * left_out} on {split}"
        for split, score in scores
        if score and score.get(kind)
    )


def describe_choice(result: Data) -> str:
    """Say how sure the winner was before test; "" where it won otherwise, or is the start prompt.

    The first by score may have had to stand back for a cheaper prompt.
    """
    choice, best = result.get("choice"), result["best"]  # a result of an older opro has no choice
    if not choice or not best or choice["share"] < choice["needed"] or "preferred" in result:
        return ""
    if (choice["first"], choice["step"]) != (best["instruction"], best["step"]):
        return ""
    share, splits = formats.format_share(choice["share"]), result["chosen_by"].replace("+", " and ")
    if choice.get("estimated"):
        return f"chosen by estimates on {splits}: better than the start prompt with chance {share}"
    return f"chosen on {splits}: better than the start prompt in {share} of resamples"


def format_noise(noise: Data) -> str:
    """Say how many scores changed when the scorer was asked the same again."""
    return (
        f"the start prompt's {pluralize(noise['n'], 'test question')} asked again, "
        f"{pluralize(noise['changed'], 'score')} changed "
        f"({formats.format_points(noise['difference'])} points)"
    )


def format_spared(spared: Data, best: Data) -> str:
    """Say which test questions were not asked where the start prompt is the winner, and why."""
    prompts, again = spared["prompts"], spared.get("again", 0)
    if prompts:
        first = pluralize(spared["questions"] - again, "question")
        what = f"{first} of {pluralize(prompts, 'prompt')} not asked"
        what += f", nor {again:,} of the start prompt a second time" if again else ""
    else:
        what = f"{pluralize(spared['questions'], 'question')} not asked"
        what += " a second time" if again else ""
    if best["scores"].get("test"):
        rest = ""
    elif spared.get("unaffordable"):
        rest = "; the budget left too few calls for the start prompt's (search.test_unbeaten_start)"
    else:
        rest = "; `search.test_unbeaten_start: true` asks the start prompt's, once"
    return f"test: {what}, since there is no gain to prove{rest}"


def _describe_idle(result: Data, idle: int, replies: int) -> str:
    """Return what held nothing new: replies of a model, or prompts where none was asked."""
    if result["proposals"].get("drafts"):
        return f"{idle} of {pluralize(replies, 'prompt')} that the strategy tried held"
    return f"{idle} of {pluralize(replies, 'reply', 'replies')} of the optimizer held"


def list_warnings(result: Data) -> Iterator[str]:
    """Yield exceeded limits, prompts not tried, leaks, an idle optimizer, proposals not scored."""
    for role, most in result["spend"].get("beyond_limits", {}).items():
        yield describe_excess(role, **most)
    yield from map(printable, list_request_notes(result))
    if untried := result.get("untried"):  # a result of an older opro lacks it
        was = "was" if untried == 1 else "were"
        yield (
            f"{pluralize(untried, 'prompt')} of search.candidates {was} not tried: the budget does "
            "not buy first looks at more"
        )
    leaks = (result["best"] or {}).get("leaks") or ()
    if leaks:
        quotes = "; ".join(f'"{printable(leak["quote"], 60)}"' for leak in leaks[:3])
        yield f"the best prompt quotes train questions: {quotes}"
    proposals = result.get("proposals", {})  # a result of an older opro lacks it
    if shown := proposals.get("shown"):
        yield f"the meta-prompt was too long for the optimizer: it had {printable(shown)}"
    replies, idle = proposals.get("replies", 0), proposals.get("nothing_new", 0)
    skipped = proposals.get("skipped", {})
    if replies and 2 * idle >= replies:
        new = "solution" if result.get("problem") else "instruction"
        why = ", ".join(proposals.get("why", ())) or "the replies are in events.jsonl"
        if not result.get("nothing_tried"):  # which has said so
            yield printable(f"{_describe_idle(result, idle, replies)} no new {new}: {why}")
        if unread := proposals.get("said"):
            yield f'the optimizer said: "{printable(" ".join(unread.split()), _UNREAD)}"'
        skipped = {} if "why" in proposals else skipped
    reasons = [f"{n} {_SKIPPED[reason]}" for reason, n in skipped.items() if reason in _SKIPPED]
    if reasons:
        yield f"proposals not scored: {', '.join(reasons)}"
