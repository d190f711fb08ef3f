"""Failed calls: each way to fail as a ModelError, with its remedy."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opro_cli.core.settings.schema import nearest
from opro_cli.errors import EmptyReplyError, ModelError
from opro_cli.models.error_texts import (
    LASTING,
    LOADING,
    NO_JSON,
    NO_SUCH_MODEL,
    NO_SYSTEM,
    OF_A_MINUTE,
    PAGE,
    REFUSES_A_TEXT,
    USE_ANOTHER_POSITION,
    classify,
    has_no_memory,
    infer_status,
    is_account_empty,
    is_too_long,
    make_one_line,
    read_refusal,
    refuses_the_config,
    shorten,
    suggest_address,
    suggest_remedy,
)
from opro_cli.models.parameters import describe_value, find_refused
from opro_cli.models.providers import (
    Provider,
    find_base,
    find_own_address,
    get_provider,
    parse_host,
    strip_provider,
    suggest_model,
    suggest_start,
)
from opro_cli.models.waits import read_retry_after
from opro_cli.models.wire import HttpAnswer, ModelCall
from opro_cli.reports.formats import format_rough_duration

MOST_NAMES = 5  # of the models that a server has, in a message
MOST_COMPARED = 200  # of them with the one that is missing
# The server, or a proxy before it, gave up waiting: what was asked may still have been answered.
GAVE_UP_WAITING = frozenset({408, 499, 504, 524})
LONGEST_OUTLASTED = 1800.0
"""Seconds of waiting that the tries of one call can outlast, see `calls/attempts`."""
LONGEST_LIMIT = 86_400.0 * 31
"""Seconds of a month; a longer wait is no limit's."""
QUOTA_OF_A_DAY = "PerDay"
"""In the name of a quota of Gemini's, which begins anew at midnight whatever wait stands beside."""
TRIES_WITHOUT_A_WAIT = 2
"""Calls that are made under a limit of a day that does not say when it ends: some providers count
those that they refuse."""
_LOADING_S = 20.0
"""Seconds between looks at a server that loads its model: eight outlast some minutes of it."""


def build_refusal(answer: HttpAnswer, call: ModelCall) -> ModelError:
    """Explain an answer with a status of 300 and above."""
    address = next((v for name, v in answer.headers.items() if name.lower() == "location"), None)
    if address is None or answer.status >= 400:
        return build_status_error(answer, call)
    # Nobody has entrusted that address with the key.
    return ModelError(
        f"{call.name} answered {answer.status}: it redirects to {make_one_line(address)}",
        "redirects are not followed; set api_base to the address that answers itself",
        transient=False,
        status=answer.status,
        about="config",
    )


def build_status_error(answer: HttpAnswer, call: ModelCall) -> ModelError:
    """Explain a refusal by its status and the provider's words."""
    refusal = read_refusal(answer.body)
    verdict = classify(answer.status, refusal.meaning, call.max_tokens)
    hint = suggest_remedy(answer.status, refusal.meaning, call.name, call.api_base, call.max_tokens)
    takes_no_system = (
        call.system and answer.status in REFUSES_A_TEXT and NO_SYSTEM.search(refusal.meaning)
    )
    if takes_no_system:
        verdict, hint = "permanent", USE_ANOTHER_POSITION
    if answer.status in (401, 403) and PAGE.search(shorten(answer.body)):
        hint = "a web page said so, not the model: is a firewall, a proxy or a login in between?"
    in_config = verdict == "permanent" and refuses_the_config(answer.status, refusal.meaning)
    failure = ModelError(
        f"{call.name} answered {answer.status}" + (f": {refusal.words}" if refusal.words else ""),
        hint,
        transient=verdict == "transient",
        unanswerable=verdict == "unanswerable",
        too_long=verdict == "unanswerable" and is_too_long(answer.status, refusal.meaning),
        status=answer.status,
        retry_after=read_retry_after(answer.headers, body=answer.body),
        maybe_billed=answer.status in GAVE_UP_WAITING,
        about="config" if in_config else "",
    )
    if takes_no_system:
        failure.about = "prompt"
        return failure
    empty = answer.status == 402 or is_account_empty(answer.status, refusal.meaning)
    if verdict == "permanent" and (empty or has_no_memory(refusal.meaning)):
        failure.about = "endpoint"
    if failure.transient and NO_SUCH_MODEL.search(refusal.meaning):
        failure.about = "address"  # one-api says 503, of a wrong name and of channels that are off
    if failure.transient and failure.retry_after is None and LOADING.search(refusal.meaning):
        failure.retry_after = _LOADING_S
    if answer.status == 429 and failure.transient:
        note_long_wait(failure, refusal.meaning)
    if failure.transient and NO_JSON.search(refusal.meaning):  # an answer, of which none was sent
        failure.tries, failure.maybe_billed = EmptyReplyError.tries, True
    return name_refused(failure, answer.status, answer.body, refusal.meaning, call)


def note_long_wait(failure: ModelError, meaning: str) -> None:
    """Say of a rate limit that it outlasts all tries; where none of them can help, make few.

    A limit of a day may give back a little at a time (Groq): there the provider says how soon.
    """
    wait = failure.retry_after
    is_far = wait is not None and LONGEST_OUTLASTED < wait <= LONGEST_LIMIT
    is_lasting = LASTING.search(meaning) is not None and OF_A_MINUTE.search(meaning) is None
    if is_lasting or is_far:
        end = f" (in {format_rough_duration(wait)})" if wait is not None and is_far else ""
        failure.hint = f"wait until that limit is over{end}"
    if is_lasting and (wait is None or is_far or QUOTA_OF_A_DAY in meaning):
        failure.tries = 1 if is_far else TRIES_WITHOUT_A_WAIT


def name_refused(
    failure: ModelError, status: int, body: str, meaning: str, call: ModelCall
) -> ModelError:
    """Return the failure with the optional parameter that it is about, if it is about one."""
    failure.refused = find_refused(status, body, meaning, call.sent)
    failure.sent = describe_value(call.sent[failure.refused]) if failure.refused else ""
    return failure


def build_error_in_answer(
    error: Any, answer: HttpAnswer, call: ModelCall, *, begun: bool = False
) -> ModelError:
    """Explain an error sent with status 200, as by OpenRouter and LM Studio.

    Some put the status they mean inside. One in the place of a choice came after the answer had
    `begun`, which may be billed.
    """
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and re.fullmatch("[45][0-9]{2}", code):
        code = int(code)
    alone = not begun and answer.body.lstrip().startswith("{")  # neither in a choice nor a stream
    body = answer.body if alone else json.dumps({"error": error})
    if isinstance(code, int) and 400 <= code < 600:
        failure = build_status_error(HttpAnswer(code, answer.headers, body), call)
        failure.maybe_billed = failure.maybe_billed or begun
        return failure
    refusal = read_refusal(body)
    if begun:
        message = f"{call.name} broke off: {refusal.words}"
        return ModelError(message, transient=True, maybe_billed=True)
    status = infer_status(refusal.meaning)
    if status is not None:  # its words are known, and it is no sign of a wrong address
        failure = build_status_error(HttpAnswer(status, answer.headers, body), call)
        failure.message = f"{call.name} did not answer: {refusal.words}"
        return failure
    hint = suggest_address(call.name, call.api_base)
    failure = build_no_answer_error(refusal.words, call, hint)
    return name_refused(failure, 400, body, refusal.meaning, call)


def build_unreadable_error(text: str, call: ModelCall) -> ModelError:
    """Explain an answer that holds no reply: a web page, JSON that breaks off, nothing at all.

    Nothing at all is no sign of a wrong address where that is the provider's own: DeepSeek ends so
    under load.
    """
    words = read_refusal(text).words
    is_page = bool(PAGE.search(shorten(text)))
    kind = "a web page" if is_page else "no readable answer"
    hint = suggest_address(call.name, call.api_base)
    if is_page and hint is None:
        hint = "is there a login page of the network, or a proxy, in between?"
    return ModelError(
        f"{call.name} sent {kind}: {words}" if words else f"{call.name} sent an empty answer",
        hint,
        transient=True,
        maybe_billed=True,
        about="address" if words or call.api_base else "",
    )


def build_no_choices_error(call: ModelCall) -> ModelError:
    """Explain an answer with an empty list of choices."""
    message = f"{call.name} sent a reply without choices"
    return ModelError(message, transient=True, maybe_billed=True)


def build_too_large_error(call: ModelCall) -> ModelError:
    """Explain an answer far longer than the request allows.

    Not transient: asked again, the server would send as much again, and each time is paid for.
    """
    several = f" and {call.choices} choices" if call.choices > 1 else ""
    return ModelError(
        f"{call.name} sent more than {call.most_bytes:,} bytes for max_tokens "
        f"{call.max_tokens}{several}: the rest was not read",
        "the server does not keep to max_tokens: ask another server; if answers may be that long, "
        "a new run with a larger max_tokens reads them",
        transient=False,
        unanswerable=True,
        maybe_billed=True,
    )


def build_timeout_error(
    call: ModelCall, hint: str = "raise the timeout, or lower the concurrency"
) -> ModelError:
    """Explain a call without an answer in its time."""
    message = f"{call.name} gave no answer within {call.timeout:g} s"
    return ModelError(message, hint, transient=True, maybe_billed=True)


def build_connection_error(call: ModelCall) -> ModelError:
    """Explain an address at which nobody listens."""
    address = call.api_base or find_own_address(call.name, None)
    where = f" at {make_one_line(address)}" if address else ""
    hint = suggest_start(call.name, call.api_base)
    return ModelError(f"{call.name} refused the connection{where}", hint, transient=True)


def find_host(call: ModelCall) -> str:
    """Return the host that a call goes to, as far as it is known, else the provider."""
    return parse_host(find_base(call.name, call.api_base) or "") or get_provider(call.name)


def build_unknown_host_error(call: ModelCall, host: str) -> ModelError:
    """Explain a host that has no address."""
    named = ", and is that name right in api_base" if call.api_base else ""
    return ModelError(
        f"{call.name}: {make_one_line(host)} cannot be found",
        f"is there a network{named}? behind a proxy set HTTPS_PROXY",
        transient=True,
        about="address",
    )


CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Environment variables that name the authorities to trust, in place of the usual ones. All that
are set count; litellm reads the first alone."""


def list_authorities() -> dict[str, str]:
    """Return the files and folders of authorities that the environment names, by variable."""
    named = {name: os.environ.get(name, "") for name in CERTIFICATES}
    return {name: path for name, path in named.items() if path}


def build_certificate_error(call: ModelCall, host: str, reason: str) -> ModelError:
    """Explain a certificate that is not trusted: no other try will find another one."""
    named = list_authorities()
    missing = [name for name, path in named.items() if not Path(path).exists()]
    hint = "a server, or a proxy on the way, with a certificate of your own? "
    if missing:
        hint = f"{missing[0]} names {make_one_line(named[missing[0]])}, which is not there: "
    elif named:
        hint = f"the authority that signed it is not in {' or '.join(named)}: "
    hint += "set SSL_CERT_FILE to the path of its ca.pem (REQUESTS_CA_BUNDLE is read, too)"
    words = f"the certificate of {make_one_line(host)} is not trusted: {make_one_line(reason)}"
    return ModelError(f"{call.name}: {words}", hint, transient=False)


def build_tls_error(call: ModelCall, host: str, reason: str) -> ModelError:
    """Explain a server that does not speak TLS, or none that both sides know."""
    address = (call.api_base or "").replace("https://", "http://", 1)
    hint = (
        f"does it speak plain http? set api_base to {make_one_line(address)}" if address else None
    )
    message = f"{call.name}: no TLS connection to {make_one_line(host)}: {make_one_line(reason)}"
    return ModelError(message, hint, transient=True, about="address")


def describe_models(name: str, names: Sequence[str]) -> str:
    """Say which models a server has, and which of them `name` may mean: "it has a, b"."""
    shown = [make_one_line(shorten(each)) for each in sorted(names)[:MOST_COMPARED]]
    guess = nearest(strip_provider(name), shown)
    several = ", ".join(shown[:MOST_NAMES])
    left = len(names) - MOST_NAMES
    has = f"it has {several or 'none'}" + (f" and {left} more" if left > 0 else "")
    return f"{has} (did you mean {guess}?)" if guess else has


def build_missing_model_error(
    call: ModelCall, server: Provider, names: Sequence[str]
) -> ModelError:
    """Explain a server that has other models, listed in `names` as it sent them."""
    has = describe_models(call.name, names)
    hint = suggest_model(call.name, call.api_base, server)
    message = f"{call.name}: the server lacks it; {has}"
    return ModelError(message, hint, transient=False, about="config")


def build_missing_list_error(call: ModelCall, url: str) -> ModelError:
    """Explain a program that answers without a list of models where a model server has one."""
    hint = suggest_address(call.name, call.api_base) or "another program may listen there"
    return ModelError(f"{call.name}: no list of models at {url}", hint, transient=False)


def build_broken_off_error(call: ModelCall) -> ModelError:
    """Explain a connection that ended within the answer."""
    message = f"{call.name} broke off in the middle of its answer"
    return ModelError(message, transient=True, maybe_billed=True)


def build_no_answer_error(
    words: str,
    call: ModelCall,
    hint: str | None = None,
    *,
    transient: bool = True,
    maybe_billed: bool = False,
) -> ModelError:
    """Explain a call without any answer; `words` are one line without keys, see `flatten`."""
    message = f"{call.name} did not answer" + (f": {words}" if words else "")
    return ModelError(message, hint, transient=transient, maybe_billed=maybe_billed)
