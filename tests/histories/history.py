"""One history: its steps are done to the real server and to the model, and each answer is compared.

Belongs here: from a step to requests, and verdicts. Not here: which steps (steps.py), how many (run.py), how
either dialect says it (tus_words.py, ietf_words.py).
"""

import random
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from tests.harness.tus import RESUMABLE
from tests.harness.wire import Answer, Interim

from .ietf_model import IetfModel
from .ietf_words import IetfWords, check_interims
from .model import Model
from .requests import Request
from .service import MAX_SIZE, Service
from .steps import (
    Body,
    Concatenate,
    Create,
    Cut,
    CutCreate,
    Delete,
    HalfADay,
    Look,
    Mistake,
    Patch,
    Restart,
    Step,
)
from .tus_model import TusModel
from .tus_words import TusWords
from .values import Dialect, Kind, Manner, Proof, Said, Sent, State, Upload
from .words import Answers, Diverged, Words, predicted

SHORTEST_CUT = 65
"""Bytes; shorter bodies could take the short cut, which no HEAD interrupts."""
PLAINLY = Manner(complete=False, version=None)


@dataclass(frozen=True, slots=True)
class Side:
    """One dialect: what its clients say, and what they must hear."""

    words: Words
    model: Answers


class History:
    """Uploads from nothing to nothing."""

    def __init__(self, service: Service, counted: Counter[str]) -> None:
        self.heard: list[str] = []
        """What was asked and answered so far."""
        self._service = service
        self._counted = counted
        self._model = Model(max_size=MAX_SIZE)
        self._tus_words, self._tus_model = TusWords(), TusModel(self._model)
        self._sides: Mapping[Dialect, Side] = {
            Dialect.TUS: Side(self._tus_words, self._tus_model),
            Dialect.IETF: Side(IetfWords(), IetfModel(self._model)),
        }
        self._targets: dict[Upload, str] = {}
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
            case CutCreate():
                self._cut_create(step)
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
                upload = self._pick(step.pick, _is_any)
                self._delete(upload, _spoken(upload, astray=step.astray), override=step.override)
            case Look():
                upload = self._pick(step.pick, _is_any)
                if step.astray:
                    self._head(upload, _spoken(upload, astray=True), step.manner)
                else:
                    self._look(upload, step.manner)
            case Mistake():
                self._mistake(step)

    def _end(self) -> None:
        """Everything is looked at, deleted, deleted again, and gone."""
        for upload in self._model.uploads:
            self._look(upload)
            self._delete(upload, upload.dialect)
            self._look(upload)
            self._delete(upload, upload.dialect)
        self._service.settle()
        self._delete_another()
        self._service.settle_files()
        self._counted["histories"] += 1

    # Steps

    def _create(self, step: Create) -> None:
        upload, side = _new(step), self._sides[step.dialect]
        sent = self._sent(upload, step.body, step.length, step.manner)
        if not sent.has_body:
            sent = replace(sent, proof=Proof.NONE)  # nobody can tell an empty one from none
        expected = side.model.create(upload, sent)
        self._make("create", upload, side.words.creating(upload, sent), expected, step.manner)

    def _concatenate(self, step: Concatenate) -> None:
        wanted = _is_any if step.anything else _is_partial
        partials = tuple(self._pick(pick, wanted) for pick in step.picks)
        base = self._service.server.address.url if step.absolute else ""
        raw = "final;" + " ".join(base + self._targets[partial] for partial in partials)
        final = Upload(dialect=Dialect.TUS, kind=Kind.FINAL, length=None, concat=raw, partials=partials)
        expected = self._tus_model.concatenate(final)
        self._make("concatenate", final, self._tus_words.concatenating(raw), expected, PLAINLY)

    def _make(self, what: str, upload: Upload, request: Request, expected: Said, manner: Manner) -> None:
        answer = self._ask(request)
        self._compare(what, answer, expected, upload.dialect, manner)
        if expected.status == 201:
            self._targets[upload] = urlsplit(answer.headers["location"]).path

    def _patch(self, step: Patch) -> None:
        upload = self._pick(step.pick, _is_open)
        spoken = _spoken(upload, astray=step.astray)
        side, offset = self._sides[spoken], max(0, len(upload.content) + step.off)
        sent = self._sent(upload, step.body, None, step.manner, declares=step.declares)
        request = side.words.appending(self._targets[upload], offset, sent)
        if step.override:
            request = _overridden(request)
        expected = side.model.append(upload, offset, sent)
        answer = self._ask(request)
        if side.model.may_keep(upload, offset, sent, expected):
            self._learn(upload, sent.keepable, sent.length, step.manner)
            expected = side.model.after_keeping(upload, expected)
        self._compare("patch", answer, expected, spoken, step.manner)
        if any("location" in told.headers for told in answer.interims):
            raise Diverged(f"104 to a PATCH gives a Location: {answer.interims}")

    def _cut(self, step: Cut) -> None:
        upload = self._pick(step.pick, _is_open)
        side, offset = self._sides[upload.dialect], len(upload.content)
        sent = self._sent(upload, step.body, None, step.manner, declares=step.declares, at_least=SHORTEST_CUT)
        if upload.state is not State.OPEN or side.model.refuses(upload, offset, sent):
            return
        self._break_off(side.words.appending(self._targets[upload], offset, sent), upload, sent, step)

    def _cut_create(self, step: CutCreate) -> None:
        upload = Upload(dialect=Dialect.IETF, kind=Kind.WHOLE, length=step.length)
        side = self._sides[Dialect.IETF]
        sent = self._sent(upload, step.body, step.length, step.manner, at_least=SHORTEST_CUT)
        upload.length = None
        if side.model.refuses(upload, 0, sent):
            return
        # Only what came of its body is not known yet; all else was said before it.
        upload.length = sent.told_length(0)
        self._model.add(upload)
        self._break_off(side.words.creating(upload, sent), upload, sent, step)

    def _break_off(self, request: Request, upload: Upload, sent: Sent, step: Cut | CutCreate) -> None:
        """The end of a body is missing; of a chunked one, that may be no more than the word that it ended."""
        self._counted[f"cut by {step.how}"] += 1
        can_have_all = upload.dialect is Dialect.IETF and sent.chunked
        reach = min(len(sent.body) - (not can_have_all), int(len(sent.body) * step.reach))
        length = sent.told_length(len(upload.content)) if upload.dialect is Dialect.IETF else sent.length
        answer = self._hang_up(request, upload, reach, step)
        self._learn(upload, sent.keepable[:reach], length, step.manner)
        if answer is not None:
            expected = self._sides[upload.dialect].model.overtaken(upload)
            if request.method in ("POST", "PUT"):
                expected.headers["Location"] = "given"  # with which its client can go on
            self._compare("body overtaken", answer, expected, upload.dialect, step.manner)

    def _hang_up(self, request: Request, upload: Upload, reach: int, step: Cut | CutCreate) -> Answer | None:
        """The answer, where one is sure to come."""
        name = f"cut-{secrets.token_hex(8)}"
        self.heard.append(f"{request}, {step.how} after {reach} bytes")
        connection, interims = self._service.begin(request, reach, name)
        try:
            if upload not in self._targets:
                self._targets[upload] = _told_location(interims, step.manner)
            if step.how == "overtake":
                self._head_when_free(upload)
                return self._service.answer(connection, request.method)
            if step.how in ("kill", "terminate"):
                self._service.restart(kill=step.how == "kill")
        finally:
            self._service.end(connection, reset=step.how == "reset")
        if step.how in ("close", "reset"):
            self._service.wait_for_end(name)
        return None

    def _learn(self, upload: Upload, body: bytes, length: int | None, manner: Manner) -> None:
        """HEAD says what was kept, of the bytes and of the length; from then on it is certain."""
        before = len(upload.content)
        told = self._head_when_free(upload).headers
        limit = length if upload.length is None else upload.length
        kept = int(told["upload-offset"]) - before
        most = len(body) if limit is None else min(len(body), limit - before)
        if not 0 <= kept <= most:
            raise Diverged(f"{kept} bytes were kept, of at most {most}")
        # Nobody said the end of what broke off; where the length tells it, all bytes are enough.
        complete = None if upload.dialect is Dialect.TUS or manner.ends is None else False
        self._model.keep(upload, body[:kept], length if "upload-length" in told else None, complete=complete)
        self._look(upload)

    def _delete(self, upload: Upload, spoken: Dialect, *, override: bool = False) -> None:
        side = self._sides[spoken]
        request = side.words.asking("DELETE", self._targets[upload], PLAINLY)
        expected = side.model.delete(upload)
        answer = self._ask(_overridden(request) if override else request)
        self._compare("delete", answer, expected, spoken, PLAINLY)

    def _look(self, upload: Upload, manner: Manner = PLAINLY) -> None:
        self._head(upload, upload.dialect, manner)
        request = self._sides[upload.dialect].words.asking("GET", self._targets[upload], manner)
        got = self._ask(request)
        if upload.dialect is Dialect.IETF and manner.version is not None:
            expected = self._sides[Dialect.IETF].model.head(upload)
            self._compare("get of an offset", got, expected, Dialect.IETF, manner)
            return
        expected = self._model.get(upload)
        self._compare("get", got, expected, Dialect.TUS, PLAINLY)
        if expected.status == 200 and got.body != expected.content:
            raise Diverged(f"GET gives {len(got.body)} bytes, other than the {len(expected.content)} sent")

    def _head(self, upload: Upload, spoken: Dialect, manner: Manner) -> None:
        side = self._sides[spoken]
        head = self._ask(side.words.asking("HEAD", self._targets[upload], manner))
        self._compare("head", head, side.model.head(upload), spoken, manner)
        if head.headers["cache-control"] != "no-store":
            raise Diverged("HEAD may be cached")

    def _mistake(self, step: Mistake) -> None:
        upload = self._pick(step.pick, _is_open)
        words = self._sides[upload.dialect].words
        sent = Sent(
            body=b"x" * 10, length=None, proof=Proof.NONE, algorithm="", chunked=False, manner=PLAINLY
        )
        right = words.appending(self._targets[upload], len(upload.content), sent)
        what = words.mistakes[step.what % len(words.mistakes)]
        request, expected = words.spoilt(right, what)
        self._compare(f"mistake in {what}:", self._ask(request), expected, upload.dialect, PLAINLY)

    # Asking and comparing

    def _ask(self, request: Request) -> Answer:
        answer = self._service.ask(request)
        self.heard.append(f"{request} -> {answer.status} {predicted(answer)} {answer.body[:60]!r}")
        return answer

    def _head_when_free(self, upload: Upload) -> Answer:
        words = self._sides[upload.dialect].words
        request = words.asking("HEAD", self._targets[upload], PLAINLY)
        while (answer := self._ask(request)).status == words.busy_status:
            self._counted[f"head {words.busy_status}"] += 1
        if answer.status != words.offset_status:
            raise Diverged(f"HEAD of an open upload: {answer.status}")
        return answer

    def _compare(self, what: str, answer: Answer, expected: Said, spoken: Dialect, manner: Manner) -> None:
        found = self._sides[spoken].words.heard(answer, manner)
        self._counted[f"{spoken} {what} {found.status}"] += 1
        if (found.status, found.headers) != (expected.status, expected.headers):
            raise Diverged(f"{spoken} {what}: the server said {found}, wanted {expected}")

    def _delete_another(self) -> None:
        """After a DELETE the server looks for jobs at once, instead of in two seconds."""
        length = ("Upload-Length", "1")
        made = self._service.ask(Request(method="POST", target="/files/", headers=[RESUMABLE, length]))
        target = urlsplit(made.headers["location"]).path
        self._service.ask(Request(method="DELETE", target=target, headers=[RESUMABLE]))

    # Choosing

    def _pick(self, pick: int, wanted: Callable[[Upload], bool]) -> Upload:
        """Mostly one that is `wanted`, where there is one; 0 is the latest."""
        some = [upload for upload in self._model.uploads if wanted(upload)]
        every = self._model.uploads if pick >= 8 or not some else some
        return every[-1 - pick % len(every)]

    def _sent(
        self,
        upload: Upload,
        body: Body | None,
        length: int | None,
        manner: Manner,
        *,
        declares: str | None = None,
        at_least: int = 0,
    ) -> Sent:
        content = b"" if body is None else self._bytes(upload, body, at_least=at_least)
        if declares is not None:
            length = self._declared(upload, declares, content)
        return Sent(
            body=content,
            length=length,
            proof=Proof.NONE if body is None else body.proof,
            algorithm="" if body is None else body.algorithm,
            chunked=body is not None and body.chunked,
            manner=manner,
        )

    def _bytes(self, upload: Upload, body: Body, *, at_least: int) -> bytes:
        """Bytes that nobody sent before."""
        self._bodies += 1
        size = body.size
        if upload.length is not None and upload.length <= MAX_SIZE:
            missing = max(0, upload.length - len(upload.content))
            size = {"some": min(size, missing), "rest": missing}.get(body.amount, missing + 1 + size % 7)
        return random.Random(self._bodies).randbytes(max(at_least, min(size, MAX_SIZE + 1)))

    def _declared(self, upload: Upload, declares: str, body: bytes) -> int:
        end = len(upload.content) + len(body)
        settled = end if upload.length is None else upload.length
        return {"what follows": end, "more": end + 70, "less": max(0, end - 1), "other": settled}[declares]


def _new(step: Create) -> Upload:
    if step.dialect is Dialect.IETF:
        return Upload(dialect=Dialect.IETF, kind=Kind.WHOLE, length=step.length)
    concat = "partial" if step.kind is Kind.PARTIAL else ""
    return Upload(
        dialect=Dialect.TUS, kind=step.kind, length=step.length, metadata=step.metadata, concat=concat
    )


def _spoken(upload: Upload, *, astray: bool) -> Dialect:
    """The dialect of an upload, or the other one."""
    if not astray:
        return upload.dialect
    return Dialect.IETF if upload.dialect is Dialect.TUS else Dialect.TUS


def _told_location(interims: Sequence[Interim], manner: Manner) -> str:
    told = check_interims(interims, manner)
    if "location" not in told:
        raise Diverged("a creation was told to go on, but not where it went")
    return urlsplit(told["location"]).path


def _overridden(request: Request) -> Request:
    return request.by("POST", ("X-HTTP-Method-Override", request.method))


def _is_any(_upload: Upload) -> bool:
    return True


def _is_open(upload: Upload) -> bool:
    return upload.state is State.OPEN


def _is_partial(upload: Upload) -> bool:
    return upload.kind is Kind.PARTIAL and upload.state is not State.GONE
