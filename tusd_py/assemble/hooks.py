"""The hooks that the settings name, and what goes with them. Imports what is configured, and nothing else.

Belongs here: settings to hooks, and the request that hooks are told of. Not here: what hooks are (hooks/).
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from protocol.upload import Upload
from tusd_py.access.identity import Identity
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.hooks.called import CalledHooks, HookMeter
from tusd_py.hooks.kinds import Asked, Hook, HookKind, HttpAnswer, current
from tusd_py.server.identify import Identify
from tusd_py.server.responses import Bare
from tusd_py.uploads.callbacks import Callbacks, in_turn

_NO_CONTENT = 204


def has_hooks(settings: Settings) -> bool:
    """Some are configured."""
    return bool(settings.hooks.http or settings.hooks.dir)


def with_hooks(
    settings: Settings, callbacks: Callbacks, meter: HookMeter, stack: AsyncExitStack
) -> Callbacks:
    """The callbacks, behind the hooks where there are some. Raises Refused."""
    if not has_hooks(settings):
        return callbacks
    kinds = [HookKind(name) for name in settings.hooks.enabled_events]
    called = CalledHooks(
        _hooks(settings, kinds, stack),
        lambda upload: _storage_of(settings, upload),
        meter,
        max_metadata=settings.uploads.max_metadata,
        progress_interval=settings.hooks.progress_interval,
    )
    return in_turn(called.callbacks(kinds), callbacks)


def _hooks(settings: Settings, kinds: Sequence[HookKind], stack: AsyncExitStack) -> list[Hook]:
    hooks, found = settings.hooks, list[Hook]()
    if hooks.dir:
        from tusd_py.hooks.by_program import ProgramHook  # noqa: PLC0415 - only when configured

        folder = Path(hooks.dir)
        if not folder.is_dir():
            raise Refused(f"hooks.dir is {hooks.dir}, where there is no folder")
        found.append(ProgramHook(folder, kinds, timeout=hooks.http_timeout, size_limit=hooks.http_size_limit))
    if hooks.http:
        from tusd_py.hooks.by_http import HttpHook, HttpHookRules  # noqa: PLC0415 - only when configured

        hook = HttpHook(
            HttpHookRules(
                url=hooks.http,
                kinds=kinds,
                forward_headers=hooks.http_forward_headers,
                retry=hooks.http_retry,
                backoff=hooks.http_backoff,
                timeout=hooks.http_timeout,
                size_limit=hooks.http_size_limit,
                skip_verify=hooks.http_skip_verify,
            )
        )
        stack.push_async_callback(hook.close)
        found.append(hook)
    return found


def _storage_of(settings: Settings, upload: Upload) -> Mapping[str, str]:
    if settings.storage.backend == "s3":
        return {
            "Type": "s3store",
            "Bucket": settings.s3.s3_bucket,
            "Key": settings.s3.s3_object_prefix + upload.ref,
        }
    path = Path(settings.storage.upload_dir).absolute() / upload.ref
    return {"Type": "filestore", "Path": str(path)}


def telling_hooks(settings: Settings, identify: Identify) -> Identify:
    """Every request asks who it is from, so this is where hooks learn of it."""
    if not has_hooks(settings):
        return identify

    async def identified(request: web.Request) -> Identity:
        identity = await identify(request)
        if current.get() is None:
            current.set(_asked(request))
        return identity

    return identified


def _asked(request: web.Request) -> Asked:
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return Asked(
        method=request.method,
        uri=request.raw_path,
        remote=f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else request.remote or "",
        headers=list(request.headers.items()),
    )


def hooks_middleware() -> Middleware:
    """What hooks want the answer to be, where nothing was refused."""

    @web.middleware
    async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
        token = current.set(None)
        try:
            response = await handler(request)
            asked = current.get()
            if asked is None or asked.answer == HttpAnswer() or response.prepared:
                return response
            if isinstance(response, Bare):
                response = response.filled()
            if isinstance(response, web.Response):
                _change(response, asked.answer)
            return response
        finally:
            current.reset(token)

    return answering


def _change(response: web.Response, wanted: HttpAnswer) -> None:
    if wanted.body:
        response.body = wanted.body.encode()
        if response.status == _NO_CONTENT:
            response.set_status(200)
    if wanted.status:
        response.set_status(wanted.status)
    for name, value in wanted.headers.items():
        response.headers[name] = value
