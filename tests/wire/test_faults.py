"""Every fault on the wire, and what one call of a model makes of it: the table.

transient: asking again may help. unanswerable: this question will never be answered, others may
be. permanent: nothing will be answered until somebody acts. Each is asked once: asking again is
`calls/attempts`. Names that can be asked without litellm are asked both ways.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from opro_cli.core.task.example import ChatReply
from opro_cli.errors import ModelError
from tests.server import Fault
from tests.server import refusals as said
from tests.server.faults import HUGE
from tests.wire.conftest import OLLAMA, OPENAI, VLLM, Wire, asking

ANTHROPIC, GEMINI = "anthropic/claude-3-5-haiku-latest", "gemini/gemini-2.0-flash"
AZURE = "azure/gpt-4o"
BOTH, SERVERS, ALL = [OPENAI, OLLAMA], [OPENAI, VLLM], [OPENAI, VLLM, OLLAMA]  # litellm's ways out

KEY = "plain-secret-of-no-shape"
KEYS = ("OPRO_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "AZURE_API_KEY")
DATE = datetime(2036, 1, 5, 12, 0, 30, tzinfo=UTC)
HTTP_DATE = "Sat, 05 Jan 2036 12:00:30 GMT"
SLOW = ("hang", "trickle", "drip")
SHORTER = "shorten the prompt, lower max_tokens"


@dataclass(frozen=True)
class Refused:
    """A ModelError; `says` is how its message goes on after "MODEL " or "MODEL answered 4xx: ".

    billed: the provider may bill an answer that did not arrive.
    """

    meant: str
    status: int | None
    says: str
    hint: str | None
    retry_after: float | datetime | None
    billed: bool = False


@dataclass(frozen=True)
class Replied:
    """A ChatReply; `text` is how it ends, `counted` whether it has token counts."""

    text: str
    finish_reason: str = "stop"
    counted: bool = True


@dataclass(frozen=True)
class Row:
    """`fault` None: nobody listens at the address. `by`: the adapters that see it so."""

    what: str
    names: list[str]
    fault: Fault | None
    outcome: Refused | Replied
    by: tuple[str, ...] = ("litellm", "lean")


def transient(
    status: int | None,
    says: str,
    hint: str | None = None,
    retry_after: float | datetime | None = None,
) -> Refused:
    return Refused("transient", status, says, hint, retry_after)


def lost(says: str, hint: str | None = None, status: int | None = None) -> Refused:
    """Asked again, though what was lost may have been computed."""
    return Refused("transient", status, says, hint, None, billed=True)


def permanent(status: int, says: str, hint: str | None) -> Refused:
    return Refused("permanent", status, says, hint, None)


def unanswerable(status: int | None, says: str, hint: str) -> Refused:
    return Refused("unanswerable", status, says, hint, None)


def http(status: int) -> Fault:
    return Fault.http(status, "busy")


# fmt: off
TABLE = [
    # too many requests, and servers in trouble: waited for
    Row("429, Retry-After in seconds", ALL,
        Fault.http(429, "slower", Retry_After="7"), transient(429, "slower", retry_after=7.0)),
    Row("429, Retry-After as a date", ALL,
        Fault.http(429, "slower", Retry_After=HTTP_DATE),
        transient(429, "slower", retry_after=DATE)),
    Row("429 without Retry-After", ALL, http(429), transient(429, "busy")),
    Row("429, the wait in the body", [GEMINI],
        said.GEMINI_BUSY, transient(429, "You exceeded your current quota", retry_after=26.0)),
    Row("500", BOTH, http(500), transient(500, "busy")),
    Row("502", BOTH, http(502), transient(502, "busy")),
    Row("503", BOTH, http(503), transient(503, "busy")),
    Row("529", BOTH, http(529), transient(529, "busy")),
    Row("408", BOTH, http(408), lost("busy", status=408)),
    Row("504", BOTH, http(504), lost("busy", status=504)),
    Row("524", BOTH, http(524), lost("busy", status=524)),
    Row("499", BOTH, http(499),
        Refused("permanent", 499, "busy", None, None, billed=True)),
    Row("502, a web page", ALL, said.BAD_GATEWAY, transient(502, "502 Bad Gateway")),
    Row("503, a web page without a title", ALL,
        said.CLOUD_503, transient(503, "We'll be back soon.")),
    Row("500, 10 MB long", BOTH,
        Fault("status", 500, body="word " * (HUGE // 5)), transient(500, "word word")),
    # accidents between here and there: waited for
    Row("connection refused", [OPENAI],
        None, transient(None, "refused the connection at ", "running?")),
    Row("connection refused (vLLM)", [VLLM],
        None, transient(None, "refused the connection at ", "`vllm serve mistral`")),
    Row("connection refused (Ollama)", [OLLAMA],
        None, transient(None, "refused the connection at ", "`ollama serve`")),
    Row("reset", BOTH, Fault("reset"), lost("did not answer: Connection reset by peer")),
    # litellm does not tell a connection that ends before the answer from one that ends within
    Row("closed before the answer", BOTH,
        Fault("close"), lost("broke off in the middle"), ("litellm",)),
    Row("closed before the answer", BOTH,
        Fault("close"), lost("did not answer: Server disconnected"), ("lean",)),
    Row("reset in mid-body", BOTH,
        Fault("reset_mid_body"), lost("broke off in the middle")),
    Row("truncated: shorter than its Content-Length", ALL,
        Fault("truncated"), lost("broke off in the middle")),
    Row("hang past the timeout", BOTH,
        Fault("hang"), lost("gave no answer", "the timeout")),
    Row("slow drip: a byte now and then", ALL,
        Fault("drip", seconds=0.05), lost("gave no answer", "the timeout")),
    Row("malformed JSON", ALL,
        Fault("malformed_json"), lost("sent no readable answer: {", "check api_base")),
    Row("an empty body", ALL,
        Fault("status", 200), lost("sent an empty answer", "check api_base")),
    Row("200, a web page", ALL,
        said.LOGIN_PAGE,
        lost("sent a web page: Sign in to the Wi-Fi", "check api_base")),
    Row("empty choices", SERVERS, Fault("no_choices"), lost("sent a reply without")),
    # nothing will work until somebody acts: stops the run
    Row("401", [OPENAI],
        said.bad_key(KEY),
        permanent(401, "Incorrect API key provided: [redacted].", "set OPRO_API_KEY")),
    Row("401 (Ollama)", [OLLAMA], http(401), permanent(401, "busy", "set OLLAMA_API_KEY")),
    Row("401 (Anthropic)", [ANTHROPIC], http(401), permanent(401, "busy", "set ANTHROPIC_API_KEY")),
    Row("400 for a bad key (Gemini)", [GEMINI],
        said.GEMINI_BAD_KEY, permanent(400, "API key not valid", "set GEMINI_API_KEY")),
    Row("403", [OPENAI], http(403), permanent(403, "busy", "set OPRO_API_KEY")),
    Row("402", BOTH, http(402), permanent(402, "busy", "needs credit")),
    Row("429 for an empty account", [OPENAI],
        said.EMPTY_ACCOUNT, permanent(429, "You exceeded your current quota", "needs credit")),
    Row("400 for an empty account (Anthropic)", [ANTHROPIC],
        said.ANTHROPIC_NO_CREDIT, permanent(400, "Your credit balance is too low", "needs credit")),
    Row("404, an unknown model", SERVERS,
        said.UNKNOWN_MODEL,
        permanent(404, "The model `gpt-5-nanoo` does not exist", "check the model's name")),
    Row("404, a model that was not pulled (Ollama)", [OLLAMA],
        said.NOT_PULLED, permanent(404, "model 'mistral' not found", "`ollama pull mistral`")),
    Row("404, a web page", SERVERS, said.NO_SUCH_PAGE, permanent(404, "404 Not Found", "api_base")),
    Row("400 of any other kind", BOTH, Fault.http(400, "top_p?"), permanent(400, "top_p?", None)),
    Row("400 that mentions a rate limit", ALL,
        Fault.http(400, "unknown field rate_limit, see rule 429"),
        permanent(400, "unknown field rate_limit", None)),
    Row("max_tokens above what the model writes", [OPENAI],
        said.OPENAI_MAX_TOKENS,
        permanent(400, "max_tokens is too large: 32000.", "lower max_tokens")),
    Row("max_tokens above the context length (vLLM)", SERVERS,
        said.VLLM_MAX_TOKENS, permanent(400, "'max_tokens' or", "lower max_tokens")),
    # one question that can never be answered: recorded, and the run goes on
    Row("context length (OpenAI)", [OPENAI],
        said.OPENAI_TOO_LONG, unanswerable(400, "This model's maximum context", SHORTER)),
    Row("context length (vLLM)", SERVERS,
        said.VLLM_TOO_LONG, unanswerable(400, "This model's maximum context", SHORTER)),
    Row("context length (llama.cpp)", [OPENAI],
        said.LLAMA_CPP_TOO_LONG, unanswerable(400, "request (42947 tokens) exceeds", SHORTER)),
    Row("context length (llama.cpp, with a 500)", [OPENAI],
        said.OLD_LLAMA_CPP_TOO_LONG,
        unanswerable(500, "the request exceeds the available", SHORTER)),
    Row("context length (Ollama)", [OLLAMA],
        said.OLLAMA_TOO_LONG, unanswerable(400, "the input length exceeds", SHORTER)),
    Row("context length (Anthropic)", [ANTHROPIC],
        said.ANTHROPIC_TOO_LONG, unanswerable(400, "prompt is too long: 208310 tokens", SHORTER)),
    Row("context length (Gemini)", [GEMINI],
        said.GEMINI_TOO_LONG, unanswerable(400, "The input token count", SHORTER)),
    Row("more tokens than a minute allows", [OPENAI],
        said.ABOVE_THE_RATE, unanswerable(429, "Request too large", SHORTER)),
    Row("413", BOTH, http(413), unanswerable(413, "busy", SHORTER)),
    Row("content filter (Azure)", [AZURE, OPENAI],
        said.AZURE_FILTER, unanswerable(400, "The response was filtered", "change the words")),
    Row("content filter (OpenAI)", [OPENAI],
        said.OPENAI_FILTER,
        unanswerable(400, "Invalid prompt: your prompt was flagged", "the words")),
    Row("content filter (Anthropic)", [ANTHROPIC],
        said.ANTHROPIC_FILTER, unanswerable(400, "Output blocked by", "change the words")),
    Row("content filter (Gemini, with a 200)", [GEMINI],
        said.GEMINI_FILTER, Replied("", "content_filter")),
    Row("finish_reason content_filter, content null", SERVERS,
        Fault("null_content", finish_reason="content_filter"),
        Replied("", "content_filter")),
    # answers all the same
    Row("content null", SERVERS, Fault("null_content"), Replied("")),
    Row("content null (Ollama)", [OLLAMA], Fault("null_content"), Replied("")),
    Row("content null, all tokens spent on reasoning", SERVERS,
        Fault("null_content", finish_reason="length"), Replied("", "length")),
    Row("JSON as text/plain", ALL, Fault("wrong_type"), Replied("of: hello")),
    Row("usage missing", SERVERS, Fault("no_usage"), Replied("of: hello", counted=False)),
    # litellm guesses what Ollama does not say
    Row("usage missing (Ollama)", [OLLAMA], Fault("no_usage"), Replied(""), ("litellm",)),
    Row("usage missing (Ollama)", [OLLAMA],
        Fault("no_usage"), Replied("", counted=False), ("lean",)),
    # far longer than max_tokens: neither read to its end nor asked for again
    Row("an answer of 10 MB", ALL,
        Fault("huge"),
        Refused("unanswerable", None, "sent more than 67,136 bytes for max_tokens 50", "a larger",
                None, billed=True)),
]
# fmt: on
LEAN = {OPENAI, VLLM, OLLAMA}
CASES = [
    pytest.param(row, name, adapter, id=f"{row.what}-{name.partition('/')[0]}-{adapter}")
    for row in TABLE
    for name in row.names
    for adapter in row.by
    if adapter == "litellm" or name in LEAN
]


@pytest.mark.parametrize(("row", "name", "wire"), CASES, indirect=["wire"])
async def test_a_fault(row: Row, name: str, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in KEYS:
        monkeypatch.setenv(variable, KEY)
    before = datetime.now(UTC)
    if isinstance(row.outcome, Replied):
        check_reply(await outcome(row, name, wire), row.outcome)
    else:
        with pytest.raises(ModelError) as caught:
            await outcome(row, name, wire)
        check_refusal(caught.value, row.outcome, name, before)
    assert row.fault is None or len(wire.server.requests) <= 1, "asking again is not its business"


async def outcome(row: Row, name: str, wire: Wire) -> ChatReply:
    if row.fault is None:
        with socket.socket() as closed:  # bound, never listening: it refuses
            closed.bind(("127.0.0.1", 0))
            base = f"http://127.0.0.1:{closed.getsockname()[1]}"
            return await wire.at(base, name).reply(asking())
    await wire.serve(faults={0: row.fault})
    timeout = 0.3 if row.fault.kind in SLOW else 60.0
    return await wire.model(name, timeout).reply(asking())


def check_reply(reply: ChatReply, expected: Replied) -> None:
    assert reply.text.endswith(expected.text)
    assert (reply.finish_reason, reply.prompt_tokens is not None) == (
        expected.finish_reason,
        expected.counted,
    )


def check_refusal(error: ModelError, expected: Refused, name: str, before: datetime) -> None:
    meant = "transient" if error.transient else "permanent"
    assert (("unanswerable" if error.unanswerable else meant), error.status) == (
        expected.meant,
        expected.status,
    )
    assert not (error.unanswerable and error.transient)
    # SHORTER is for an answer that is too long
    assert error.too_long == (error.unanswerable and expected.hint == SHORTER)
    answered = "" if expected.status is None else f"answered {expected.status}: "
    assert error.message.startswith(f"{name} {answered}{expected.says}")
    assert error.maybe_billed == expected.billed
    assert len(error.message) < 400
    assert (error.hint is None) == (expected.hint is None)
    assert (expected.hint or "") in (error.hint or "")
    assert KEY not in f"{error.message} {error.hint} {error!r}"
    if isinstance(expected.retry_after, datetime):
        assert error.retry_after is not None
        latest, earliest = ((expected.retry_after - x).total_seconds() for x in (before, now()))
        assert earliest <= error.retry_after <= latest
    else:
        assert error.retry_after == expected.retry_after


def now() -> datetime:
    return datetime.now(UTC)
