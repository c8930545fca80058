"""One history: its steps are done to the real server and to the model, and each answer is compared.

Belongs here: from a step to requests, and verdicts. Not here: which steps (steps.py), how many (run.py).
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from tests.harness.tus import BYTES
from tests.harness.wire import Answer

from .model import Model
from .requests import Request, checksum, said, spoilt
from .service import MAX_SIZE, Service
from .steps import Body, Concatenate, Create, Cut, Delete, HalfADay, Look, Mistake, Patch, Restart, Step
from .values import Kind, Proof, Said, State, Upload

SHORTEST_CUT = 65
"""Bytes; shorter bodies could take the short cut, which no HEAD interrupts."""


class Diverged(AssertionError):
    """The server said something else than the model."""


class History:
    """Uploads from nothing to nothing."""

    def __init__(self, service: Service, counted: Counter[str]) -> None:
        self.heard: list[str] = []
        """What was asked and answered so far."""
        self._service = service
        self._counted = counted
        self._model = Model(max_size=MAX_SIZE)
        self._targets: list[str] = []
        self._bodies = 0

    def run(self, steps: Sequence[Step]) -> None:
        """Raises Diverged."""
        self._service.start()
        for step in steps:
            self._perform(step)
            self._service.settle()
        self._end()

    def _perform(self, step: Step) -> None:
        match step:
            case Create():
                self._create(step)
            case HalfADay():
                self._counted["half a day"] += 1
                self._service.pass_half_a_day()
                self._model.pass_half_a_day()
            case Restart():
                self._counted[f"restart by {'kill -9' if step.kill else 'SIGTERM'}"] += 1
                self._service.restart(kill=step.kill)
            case _ if self._model.uploads:
                self._perform_on_some(step)

    def _perform_on_some(self, step: Step) -> None:
        match step:
            case Concatenate():
                self._concatenate(step)
            case Patch():
                self._patch(step)
            case Cut():
                self._cut(step)
            case Delete():
                self._delete(self._pick(step.pick, _is_any), override=step.override)
            case Look():
                self._look(self._pick(step.pick, _is_any))
            case Mistake():
                self._mistake(step)

    def _end(self) -> None:
        """Everything is looked at, deleted, deleted again, and gone."""
        for upload in self._model.uploads:
            self._look(upload)
            self._delete(upload)
            self._look(upload)
            self._delete(upload)
        self._service.settle()
        self._delete_another()
        self._service.settle_files()
        self._counted["histories"] += 1

    # Steps

    def _create(self, step: Create) -> None:
        concat = "partial" if step.kind is Kind.PARTIAL else ""
        upload = Upload(kind=step.kind, length=step.length, metadata=step.metadata, concat=concat)
        body, proof = self._creation_body(step.body, upload)
        length = ("Upload-Defer-Length", "1") if step.length is None else ("Upload-Length", str(step.length))
        named = (("Upload-Metadata", step.metadata), ("Upload-Concat", concat))
        headers = [length, *(header for header in named if header[1])]
        if body is not None and step.body is not None:
            headers += [BYTES, *checksum(body, proof, step.body.algorithm)]
        chunked = step.body is not None and step.body.chunked
        request = Request(method="POST", target="/files/", headers=headers, body=body, chunked=chunked)
        self._make("create", request, self._model.create(upload, body, proof))

    def _creation_body(self, wanted: Body | None, upload: Upload) -> tuple[bytes | None, Proof]:
        body = None if wanted is None else self._bytes(upload, wanted)
        if wanted is None or not (body or wanted.chunked):
            return None, Proof.NONE  # nobody can tell an empty one from none
        return body, wanted.proof

    def _concatenate(self, step: Concatenate) -> None:
        wanted = _is_any if step.anything else _is_partial
        partials = tuple(self._pick(pick, wanted) for pick in step.picks)
        base = self._service.server.address.url if step.absolute else ""
        raw = "final;" + " ".join(base + self._target(partial) for partial in partials)
        final = Upload(kind=Kind.FINAL, length=None, metadata="", concat=raw, partials=partials)
        request = Request(method="POST", target="/files/", headers=[("Upload-Concat", raw)])
        self._make("concatenate", request, self._model.concatenate(final))

    def _make(self, what: str, request: Request, expected: Said) -> None:
        answer = self._ask(request)
        self._compare(what, answer, expected)
        if expected.status == 201:
            self._targets.append(urlsplit(answer.headers["location"]).path)

    def _patch(self, step: Patch) -> None:
        upload = self._pick(step.pick, _is_open)
        before = len(upload.content)
        offset = max(0, before + step.off)
        body = self._bytes(upload, step.body)
        length = self._declared(upload, step.declares, body)
        request = self._patching(upload, offset, body, length, step.body)
        if step.override:
            request = _overridden(request)
        expected = self._model.patch(upload, offset, body, length, step.body.proof)
        answer = self._ask(request)
        if expected.status == 413 and step.body.chunked and offset == before:
            # Nobody could know before it came: checkpoints may have kept what fits.
            self._learn(upload, b"" if step.body.proof is not Proof.NONE else body, length)
            expected = Said(413, {**expected.headers, **self._model.expires(upload)})
        self._compare("patch", answer, expected)

    def _cut(self, step: Cut) -> None:
        upload = self._pick(step.pick, _is_open)
        body = self._bytes(upload, step.body, at_least=SHORTEST_CUT)
        length, offset = self._declared(upload, step.declares, body), len(upload.content)
        if upload.state is not State.OPEN or self._model.refuses(
            upload, offset, body, length, step.body.proof
        ):
            return
        sent = body[: min(len(body) - 1, int(len(body) * step.reach))]
        self._counted[f"cut by {step.how}"] += 1
        request = self._patching(upload, offset, body, length, step.body)
        answer = self._break_off(request, upload, len(sent), step.how)
        self._learn(upload, b"" if step.body.proof is not Proof.NONE else sent, length)
        if answer is not None:
            self._compare("patch overtaken", answer, Said(423, self._model.expires(upload)))

    def _break_off(self, request: Request, upload: Upload, reach: int, how: str) -> Answer | None:
        """The answer, where one is sure to come."""
        name = f"cut-{self._bodies}-{self._target(upload)[-32:]}"
        self.heard.append(f"{request}, {how} after {reach} bytes")
        connection = self._service.begin(request, reach, name)
        try:
            if how == "overtake":
                self._head_when_free(upload)
                return self._service.answer(connection)
            if how in ("kill", "terminate"):
                self._service.restart(kill=how == "kill")
        finally:
            self._service.end(connection, reset=how == "reset")
        if how in ("close", "reset"):
            self._service.wait_for_end(name)
        return None

    def _learn(self, upload: Upload, sent: bytes, length: int | None) -> None:
        """HEAD says what was kept, of the bytes and of the length; from then on it is certain."""
        told = self._head_when_free(upload).headers
        before, limit = len(upload.content), length if upload.length is None else upload.length
        kept = int(told["upload-offset"]) - before
        most = len(sent) if limit is None else min(len(sent), limit - before)
        if not 0 <= kept <= most:
            raise Diverged(f"{kept} bytes were kept, of at most {most}")
        self._model.keep(upload, sent[:kept], length if "upload-length" in told else None)
        self._look(upload)

    def _delete(self, upload: Upload, *, override: bool = False) -> None:
        request = Request(method="DELETE", target=self._target(upload))
        expected = self._model.delete(upload)
        self._compare("delete", self._ask(_overridden(request) if override else request), expected)

    def _look(self, upload: Upload) -> None:
        head = self._ask(Request(method="HEAD", target=self._target(upload)))
        self._compare("head", head, self._model.head(upload))
        if head.headers["cache-control"] != "no-store":
            raise Diverged("HEAD may be cached")
        got, expected = self._ask(Request(method="GET", target=self._target(upload))), self._model.get(upload)
        self._compare("get", got, expected)
        if expected.status == 200 and got.body != expected.content:
            raise Diverged(f"GET gives {len(got.body)} bytes, other than the {len(expected.content)} sent")

    def _mistake(self, step: Mistake) -> None:
        upload = self._pick(step.pick, _is_open)
        body = Body(amount="some", size=10, chunked=False, proof=Proof.NONE, algorithm="")
        right = self._patching(upload, len(upload.content), b"x" * body.size, None, body)
        request, expected = spoilt(right, step.what)
        self._compare(f"mistake in {step.what}:", self._ask(request), expected)

    # Asking and comparing

    def _patching(self, upload: Upload, offset: int, body: bytes, length: int | None, how: Body) -> Request:
        return Request(
            method="PATCH",
            target=self._target(upload),
            headers=[
                BYTES,
                ("Upload-Offset", str(offset)),
                *([] if length is None else [("Upload-Length", str(length))]),
                *checksum(body, how.proof, how.algorithm),
            ],
            body=body,
            chunked=how.chunked,
        )

    def _ask(self, request: Request) -> Answer:
        answer = self._service.ask(request)
        self.heard.append(f"{request} -> {said(answer)} {answer.body[:60]!r}")
        return answer

    def _head_when_free(self, upload: Upload) -> Answer:
        while (answer := self._ask(Request(method="HEAD", target=self._target(upload)))).status == 423:
            self._counted["head 423"] += 1
        if answer.status != 200:
            raise Diverged(f"HEAD of an open upload: {answer.status}")
        return answer

    def _compare(self, what: str, answer: Answer, expected: Said) -> None:
        found = said(answer)
        self._counted[f"{what} {found.status}"] += 1
        if answer.headers.get("tus-resumable") != "1.0.0":
            raise Diverged(f"{what}: {found} has no Tus-Resumable")
        if (found.status, found.headers) != (expected.status, expected.headers):
            raise Diverged(f"{what}: the server said {found}, wanted {expected}")

    def _delete_another(self) -> None:
        """After a DELETE the server looks for jobs at once, instead of in two seconds."""
        made = self._service.ask(Request(method="POST", target="/files/", headers=[("Upload-Length", "1")]))
        self._service.ask(Request(method="DELETE", target=urlsplit(made.headers["location"]).path))

    # Choosing

    def _target(self, upload: Upload) -> str:
        return self._targets[self._model.uploads.index(upload)]

    def _pick(self, pick: int, wanted: Callable[[Upload], bool]) -> Upload:
        """Mostly one that is `wanted`, where there is one; 0 is the latest."""
        some = [upload for upload in self._model.uploads if wanted(upload)]
        every = self._model.uploads if pick >= 8 or not some else some
        return every[-1 - pick % len(every)]

    def _bytes(self, upload: Upload, body: Body, *, at_least: int = 0) -> bytes:
        """Bytes that nobody sent before."""
        self._bodies += 1
        size = body.size
        if upload.length is not None:
            missing = max(0, upload.length - len(upload.content))
            size = {"some": min(size, missing), "rest": missing}.get(body.amount, missing + 1 + size % 7)
        return random.Random(self._bodies).randbytes(max(at_least, min(size, MAX_SIZE + 1)))

    def _declared(self, upload: Upload, declares: str | None, body: bytes) -> int | None:
        end = len(upload.content) + len(body)
        settled = end if upload.length is None else upload.length
        known = {"what follows": end, "more": end + 70, "less": max(0, end - 1), "other": settled}
        return None if declares is None else known[declares]


def _overridden(request: Request) -> Request:
    return request.by("POST", ("X-HTTP-Method-Override", request.method))


def _is_any(upload: Upload) -> bool:
    return True


def _is_open(upload: Upload) -> bool:
    return upload.state is State.OPEN


def _is_partial(upload: Upload) -> bool:
    return upload.kind is Kind.PARTIAL and upload.state is not State.GONE
