"""Sentences about what servers did with requests; light, since `opro show` prints them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from opro_cli.reports.formats import format_count

LIMITS = ("max_tokens", "max_completion_tokens")  # core/task/example takes 7 ms to import

KINDS = ("cut", "prompts_cut", "refused")
"""What may have happened to requests, the most harmful first."""


def list_request_notes(result: Mapping[str, Any], kinds: Sequence[str] = KINDS) -> Iterator[str]:
    """Yield sentences about the `requests` of a result, which one of an older opro lacks."""
    requests: Mapping[str, Any] = result.get("requests") or {}
    for kind in kinds:
        affected = requests.get(kind) or {}
        if kind == "refused":
            for each in affected:
                unsent = {one["parameter"] for one in affected if one["role"] == each["role"]}
                is_renamed = each["parameter"] in LIMITS and not unsent.issuperset(LIMITS)
                if not is_renamed:  # which changes nothing
                    words = each["value"], each["error"]
                    yield describe_refused(each["role"], each["parameter"], *words, unsent)
        elif kind == "cut":
            for role, counts in affected.items():
                if role != "optimizer":  # whose replies are told by what was found in them
                    yield from describe_cut(role, **counts)
        else:
            for role, counts in affected.items():
                yield describe_window(role, **counts)


def name_role(role: str) -> str:
    """Return the section of a config that a role has."""
    return role if role in ("scorer", "optimizer") else f"roles.{role}"


def describe_cut(
    role: str, replies: int, cut: int, cut_empty: int, max_tokens: int | None
) -> Iterator[str]:
    """Yield how many replies were cut at their limit, and the key to raise."""
    key, of = f"{name_role(role)}.max_tokens", f"of {format_count(replies)} replies of the {role}"
    limit = f"{key} ({max_tokens})" if max_tokens else f"the server's own limit; set {key}"
    raise_it = "; raise it" if max_tokens else ""
    if cut_empty:
        yield f"{cut_empty} {of} were empty: cut at {limit}, reasoning included{raise_it}"
    if cut:
        yield f"{cut} {of} could not be read because they were cut at {limit}{raise_it}"


def describe_refused(
    role: str, parameter: str, value: str, error: str, refused: Collection[str] = ()
) -> str:
    """Say which parameter a server refused, what is done instead, and in whose words.

    Args:
        role: That asked.
        parameter: Its name in the request.
        value: As it was sent.
        error: The server's words.
        refused: All that it refused so far.
    """
    section = name_role(role)
    if parameter in LIMITS:
        other = LIMITS[LIMITS[0] == parameter]
        done = f"is sent as {other}: {parameter} was refused"
        if other in refused:
            done = f"is not sent, so that replies have no limit: {parameter} was refused, too"
        return f"{section}.max_tokens {done} ({error})"
    extra = {"n": "several choices in one call", "seed": "the seed"}
    own = parameter in ("temperature", "top_p", "stop")
    what = f"{section}.{parameter}: {value}" if own else f"{section}: {parameter} {value}"
    what = f"{section}: {extra[parameter]}" if parameter in extra else what
    after = {
        "seed": "; sampling is not repeatable there",
        "temperature": "; the model samples at its own temperature",
        "stop": "; replies are cut there by opro",
    }
    return f"{what} was refused, so it is left out{after.get(parameter, '')} ({error})"


def describe_window(role: str, tokens: int, prompts: int) -> str:
    """Say that prompts seem to have been cut to a window, and how to raise that."""
    twice = 2 * tokens
    return (
        f"{prompts} different prompts of the {role} were all counted with {format_count(tokens)} "
        "tokens, and none with more: the server's window is likely too small, and cuts them "
        f"without a word (Ollama: set OLLAMA_CONTEXT_LENGTH={twice} for `ollama serve`, or num_ctx "
        "in the Modelfile)"
    )
