"""What a failed request leads to: another attempt, a failed sample, or the end of the run; and the message for it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import httpx2
import openai

from benchmark.accounts.breaker import STRIKES
from benchmark.accounts.limits import Passing
from benchmark.endpoint.complaint import LONGEST, Complaint, parse_complaint
from benchmark.endpoint.connection import redirect_of
from benchmark.endpoint.headers import pause_asked
from benchmark.endpoint.redaction import Redactor, head_of
from benchmark.endpoint.reply import EmptyReply, ErrorInside, GivenUp, NoCompletion, Withheld
from benchmark.endpoint.transport import LongReply
from benchmark.endpoint.urls import shown
from benchmark.errors import KEPT, ModelError, RunError
from benchmark.text import one_line

REFUSED = frozenset({429, 503, 529})
"""Statuses that say that there are too many requests."""

HEALING = REFUSED | {408, 409, 425}
"""Statuses below 500 that may pass by themselves; all from 500 on may."""

ELSEWHERE = frozenset({401, 403, 404})
"""Statuses about the key or the model, where another endpoint may differ."""

PAYMENT = 402
MALFORMED = frozenset({400, 422})
"""Statuses with which servers refuse a parameter."""

EMPTY_ATTEMPTS = 3
"""How often a request is sent if its reply is empty for no given reason."""

UNEXPLAINED = "it does not say why"


class ParameterRefused(Exception):
    """A server does not take a parameter of the request.

    Attributes:
        name: the parameter.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Puts the failures of one model's requests into words, and decides what follows from them.

    Attributes:
        model: its name at the endpoint.
        key_env: environment variable with the key.
        seconds: the time limit of a request.
        patience: the longest pause in seconds that a request waits for.
        redact: masks secrets in a text.
        several: whether the model has other endpoints.
        proxies: for each URL the proxy that it is reached through, without secrets.
    """

    model: str
    key_env: str | None
    seconds: float
    patience: float
    redact: Redactor
    several: bool
    proxies: Mapping[str, str | None]

    def failure(
        self, error: Exception, url: str, sent: Collection[str]
    ) -> Passing | ModelError | RunError | ParameterRefused:
        """The failure as one that may pass, one that will not, one that ends the run, or a parameter to leave out.

        Args:
            error: what the client or the parser of the reply raised.
            url: the endpoint's.
            sent: names of the request's parameters.
        """
        said = self.said(error, url)
        match error:
            case openai.APIStatusError():
                headers, complaint = error.response.headers, self.complaint(error.response.text)
                return self._by_status(said, error.status_code, complaint, headers, sent)
            case ErrorInside():
                return self._by_status(said, error.status, self.complaint(error.body), {}, sent)
            case EmptyReply():
                return Passing(said, attempts=EMPTY_ATTEMPTS)
            case GivenUp():
                return Passing(said, strikes=1)
            case Withheld():
                return ModelError(said)
            case NoCompletion() | openai.APIConnectionError(__cause__=LongReply()):
                return Passing(said, attempts=1, strikes=STRIKES) if self.several else ModelError(said)
        unreached = isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout))
        return Passing(said, strikes=STRIKES, unreached=unreached)

    def _by_status(
        self, said: str, status: int | None, complaint: Complaint, headers: Mapping[str, str], sent: Collection[str]
    ) -> Passing | ModelError | RunError | ParameterRefused:
        if status in MALFORMED and (name := complaint.refused(sent)):
            return ParameterRefused(name, said)
        if complaint.spent or status == PAYMENT:  # waiting does not help, and all other samples would fail too
            return Passing(said, attempts=1, strikes=STRIKES) if self.several else RunError(f"{said} {KEPT}")
        if status in ELSEWHERE and self.several:
            return Passing(said, attempts=1, strikes=STRIKES)
        if complaint.too_large or not (status is None or status in HEALING or status >= 500):
            return ModelError(said)
        after = pause_asked(headers)
        after = complaint.pause if after is None else after
        refused = status in REFUSED
        if refused and not self.several and (after or 0) > self.patience:
            return ModelError(said)  # too long to wait: if the first samples all fail like this, the run ends
        # a 503 without a pause may also come from a proxy whose server is down
        strikes = (status is None or status >= 500) and not (refused and after is not None)
        return Passing(said, refused=refused, after=after, strikes=strikes)

    def said(self, error: Exception, url: str) -> str:
        """One sentence that says what went wrong, without secrets."""
        where = shown(url)
        match error:
            case openai.APITimeoutError() | TimeoutError():
                return f"{where} did not answer within {self.seconds:g} s{self._through_proxy(url)}."
            case openai.APIConnectionError():
                cause = error.__cause__ or error
                if isinstance(cause, LongReply):
                    return f"The reply of {self.model} at {where} is {cause}; no answer is so long."
                words = self.line(str(cause) or type(cause).__name__)  # the error of a reset connection has no text
                if isinstance(cause, httpx2.DecodingError):
                    return f"{where} sent a reply that cannot be decompressed ({words})."
                return f"{where} cannot be reached{self._through_proxy(url)} ({words}); is it running?"
            case openai.APIStatusError():
                return self._said_by_status(error, url)
            case ErrorInside():
                status = "an error inside a reply" if error.status is None else f"{error.status} inside a reply"
                return f"{where} answered {status}: {self.brief(error)}."
            case EmptyReply() | Withheld() | NoCompletion() | GivenUp():
                return f"{self.model} at {where} gave {self.brief(error)}."
            case _:
                return f"{where} gave no usable reply: {self.brief(error)}."

    def _said_by_status(self, error: openai.APIStatusError, url: str) -> str:
        where, status, words = shown(url), error.status_code, self.brief(error)
        if (target := redirect_of(error.response, url)) is not None:
            target = self.line(target) or "an invalid URL"
            return f"{where} redirects to {target} ({status}); no clip is sent there: give the URL that it leads to."
        match status:
            case 401 if self.key_env:  # without the provider's words, which quote parts of the key
                return f"{where} refuses the key in {self.key_env} (401)."
            case 403 if self.key_env and not self.complaint(error.response.text).spent:
                return f"{where} refuses the key in {self.key_env} (403: {words})."
            case 401:
                return f"{where} needs a key (401): name the environment variable that holds it, as --api-key-env does."
            case 404:
                return f"{where} has no model {self.model}, or the URL is not an API's, up to its /v1 (404: {words})."
            case 413:
                return (
                    f"{where} answered 413: {words}. The request is too large: send fewer frames (--frames=N), or raise"
                    " the limit of the proxy in front of the model (nginx: client_max_body_size)."
                )
        return f"{where} answered {status}{self._through_proxy(url) if status in (407, 502, 504) else ''}: {words}."

    def _through_proxy(self, url: str) -> str:
        proxy = self.proxies.get(url)
        return f" through the proxy {proxy}" if proxy else ""

    def brief(self, error: Exception) -> str:
        """What the server says, or else the client, on one line, without secrets."""
        match error:
            case ErrorInside(status=401):  # without the provider's words, which quote parts of the key
                return "the key is refused"
            case ErrorInside():
                return self.complaint(error.body).words or UNEXPLAINED
            case openai.APIStatusError():
                words = self.complaint(error.response.text).words
                return words or self.line(error.response.reason_phrase) or UNEXPLAINED
        return self.line(str(error))

    def complaint(self, body: object) -> Complaint:
        """What a server says instead of an answer, without secrets."""
        return parse_complaint(body, self.redact)

    def line(self, words: str) -> str:
        """Words of a server or a client as they may be shown: on one line, without secrets."""
        return one_line(head_of(words, self.redact), LONGEST).rstrip(" .")
