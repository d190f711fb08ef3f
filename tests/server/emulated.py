"""The servers that people run at home, in their own routes, words and shapes.

Written from their documentation, their sources and what people quote in public issues; none is a
recording. They answer chats as `LocalServer` does, and no question about themselves costs anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from aiohttp import web

from tests.server.app import LocalServer, Options, Writer
from tests.server.brain import ChatCall
from tests.server.dialects import Choice, openai_reply
from tests.server.faults import Fault


@dataclass(frozen=True, slots=True)
class Home:
    """How such a server was started.

    models: their names, as its list has them. context: tokens for a request and its reply.
    at_once: requests answered at a time. loading: the weights are still being read. key: wanted in
    every request.
    """

    models: tuple[str, ...] = ("mistral:latest",)
    context: int = 8192
    at_once: int = 4
    loading: bool = False
    key: str | None = None


class Emulated(LocalServer):
    """A server of one kind; `looked` has the routes asked for, beside the chats in `requests`."""

    owner: ClassVar[str]
    honours_n: ClassVar[bool] = False

    def __init__(self, home: Home | None = None, answers: dict[str, str] | None = None) -> None:
        self.home = home or Home()
        super().__init__(answers, Options(honour_n=self.honours_n))
        self.looked: list[str] = []

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/chat/completions", self._openai)
        for path, body in self.lists().items():
            router.add_get(path, self._telling(body))
        router.add_route("*", "/{path:.*}", self._elsewhere)

    def lists(self) -> dict[str, Any]:
        """What is told without an answer of the model: route -> JSON, or a Fault."""
        return {"/v1/models": {"object": "list", "data": [*map(self.row, self.home.models)]}}

    def row(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": self.owner}

    def without_key(self, authorization: str | None) -> bool:
        return self.home.key is not None and authorization != f"Bearer {self.home.key}"

    def _telling(self, body: Any) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def tell(request: web.Request) -> web.Response:
            self.looked.append(f"{request.method} {request.path}")
            if self.without_key(request.headers.get("Authorization")) and self.guards(request.path):
                return self.sent(self.unauthorized())
            return self.sent(body) if isinstance(body, Fault) else web.json_response(body)

        return tell

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.looked.append(f"{request.method} {request.path}")
        return self.sent(self.no_route(request.method, request.path))

    @staticmethod
    def sent(fault: Fault) -> web.Response:
        if isinstance(fault.body, str):
            return web.Response(status=fault.status, text=fault.body, headers=fault.headers)
        return web.json_response(fault.body, status=fault.status)

    def refusal(self, body: dict[str, Any], authorization: str | None) -> Fault | None:
        if self.without_key(authorization):
            return self.unauthorized()
        if self.home.loading:
            return self.still_loading()
        if not self.has(body["model"]):
            return self.unknown_model(body["model"])
        words = sum(len(message["content"].split()) for message in body["messages"])
        return self.too_long(words, body["max_tokens"])

    def has(self, model: str) -> bool:
        return model in self.home.models

    def guards(self, path: str) -> bool:
        """Whether a route wants the key."""
        return True

    def unauthorized(self) -> Fault:
        return Fault("status", 401, body={"error": "Unauthorized"})

    def still_loading(self) -> Fault:
        return Fault("close")

    def unknown_model(self, model: str) -> Fault:
        raise NotImplementedError

    def too_long(self, words: int, max_tokens: int) -> Fault | None:
        return None

    def no_route(self, method: str, path: str) -> Fault:
        return Fault("status", 404, body="404 page not found")

    def more_of(self, reply: dict[str, Any]) -> None:
        """Put into a right answer what this kind adds."""

    def _reply(self, call: ChatCall, write: Writer, fault: Fault | None) -> dict[str, Any]:
        def written(call: ChatCall, choices: list[Choice], with_usage: bool) -> dict[str, Any]:
            reply = openai_reply(call, choices, with_usage)
            self.more_of(reply)
            return reply

        return super()._reply(call, written, fault)


class Ollama(Emulated):
    """Lists what was pulled; a prompt that is too long is cut without a word."""

    owner = "library"

    def __init__(
        self,
        home: Home | None = None,
        answers: dict[str, str] | None = None,
        in_memory: bool = False,
        parameters: str = 'stop                           "[INST]"',
    ) -> None:
        self.in_memory, self.parameters = in_memory, parameters
        super().__init__(home, answers)

    def lists(self) -> dict[str, Any]:
        names = self.home.models if self.in_memory else ()
        running = [{"name": n, "model": n, "context_length": self.home.context} for n in names]
        data = [*map(self.row, self.home.models)] or None  # a nil slice
        return {"/v1/models": {"object": "list", "data": data}, "/api/ps": {"models": running}}

    def add_routes(self, router: web.UrlDispatcher) -> None:
        shown = {"parameters": self.parameters, "template": "{{ .Prompt }}", "model_info": {}}
        router.add_post("/api/show", self._telling(shown))
        super().add_routes(router)

    def has(self, model: str) -> bool:
        return model in self.home.models or f"{model}:latest" in self.home.models

    def unknown_model(self, model: str) -> Fault:
        error = {"message": f"model '{model}' not found", "type": "not_found_error"}
        return Fault("status", 404, body={"error": {**error, "param": None, "code": None}})

    def more_of(self, reply: dict[str, Any]) -> None:
        reply["system_fingerprint"] = "fp_ollama"


class VLLM(Emulated):
    """Knows the names it was given and no other; counts before it answers."""

    owner = "vllm"
    honours_n = True

    def row(self, name: str) -> dict[str, Any]:
        more = {"root": name, "parent": None, "max_model_len": self.home.context}
        return {**super().row(name), **more}

    def unknown_model(self, model: str) -> Fault:
        error = {"message": f"The model `{model}` does not exist.", "type": "NotFoundError"}
        return Fault("status", 404, body={"error": {**error, "param": "model", "code": 404}})

    def too_long(self, words: int, max_tokens: int) -> Fault | None:
        if words + max_tokens <= self.home.context:
            return None
        message = (
            f"This model's maximum context length is {self.home.context} tokens. However, you"
            f" requested {words + max_tokens} tokens ({words} in the messages, {max_tokens} in the"
            " completion). Please reduce the length of the messages or completion."
        )
        error = {"message": message, "type": "BadRequestError", "param": None, "code": 400}
        return Fault("status", 400, body={"error": error})

    def no_route(self, method: str, path: str) -> Fault:
        return Fault("status", 404, body={"detail": "Not Found"})

    def more_of(self, reply: dict[str, Any]) -> None:
        reply |= {"prompt_logprobs": None, "kv_transfer_params": None}
        for choice in reply["choices"]:
            choice |= {"logprobs": None, "stop_reason": None}
            choice["message"] |= {"reasoning_content": None, "tool_calls": []}


class LMStudio(Emulated):
    """Answers 200 to every route that it does not have, with an error inside."""

    owner = "organization_owner"

    def lists(self) -> dict[str, Any]:
        config = {"context_length": self.home.context}
        instances = [
            {"key": name, "loaded_instances": [{"id": name, "config": config}]}
            for name in self.home.models
        ]
        return {**super().lists(), "/api/v1/models": {"models": instances}}

    def row(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "owned_by": self.owner}

    def unknown_model(self, model: str) -> Fault:
        message = (
            "No models loaded. Please load a model in the developer page or use the 'lms load'"
        )
        error = {"message": f"{message} command.", "type": "invalid_request_error"}
        return Fault(
            "status", 404, body={"error": {**error, "param": "model", "code": "model_not_found"}}
        )

    def no_route(self, method: str, path: str) -> Fault:
        error = f"Unexpected endpoint or method. ({method} {path})"
        return Fault("status", 200, body={"error": error})

    def more_of(self, reply: dict[str, Any]) -> None:
        reply |= {"stats": {}, "system_fingerprint": reply["model"]}


class LlamaCpp(Emulated):
    """One model, whatever name is asked for; tells its slots and their context."""

    owner = "llamacpp"

    def lists(self) -> dict[str, Any]:
        loading = self.still_loading() if self.home.loading else None
        settings = {"id": 0, "n_ctx": self.home.context, "params": {}}
        return {
            **super().lists(),
            "/health": loading or {"status": "ok"},
            "/props": loading
            or {"default_generation_settings": settings, "total_slots": self.home.at_once},
        }

    def row(self, name: str) -> dict[str, Any]:
        meta = {"n_vocab": 32768, "n_ctx_train": 32768, "n_params": 7_248_023_552}
        return {**super().row(name), "meta": None if self.home.loading else meta}

    def has(self, model: str) -> bool:
        return True

    def guards(self, path: str) -> bool:
        return path not in ("/health", "/v1/models")

    def unauthorized(self) -> Fault:
        error = {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}
        return Fault("status", 401, body={"error": error})

    def still_loading(self) -> Fault:
        error = {"code": 503, "message": "Loading model", "type": "unavailable_error"}
        return Fault("status", 503, body={"error": error})

    def too_long(self, words: int, max_tokens: int) -> Fault | None:
        if words <= self.home.context:
            return None
        message = (
            f"request ({words} tokens) exceeds the available context size"
            f" ({self.home.context} tokens), try increasing it"
        )
        error = {"code": 400, "message": message, "type": "exceed_context_size_error"}
        more = {"n_prompt_tokens": words, "n_ctx": self.home.context}
        return Fault("status", 400, body={"error": {**error, **more}})

    def no_route(self, method: str, path: str) -> Fault:
        error = {"code": 404, "message": "File Not Found", "type": "not_found_error"}
        return Fault("status", 404, body={"error": error})

    def more_of(self, reply: dict[str, Any]) -> None:
        reply |= {"system_fingerprint": "b6000-0000000", "timings": {"predicted_per_second": 30.0}}


class LlamaCppRouter(LlamaCpp):
    """llama-server without a model of its own: it loads one by its name."""

    def row(self, name: str) -> dict[str, Any]:
        return {**super().row(name), "status": {"value": "unloaded"}}

    def has(self, model: str) -> bool:
        return model in self.home.models

    def unknown_model(self, model: str) -> Fault:
        error = {"code": 400, "message": "model not found", "type": "invalid_request_error"}
        return Fault("status", 400, body={"error": error})
