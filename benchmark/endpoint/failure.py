"""What becomes of a request that failed: sent again, given up, or the end of the run; and in which words."""

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
from benchmark.text import one_line, storable

REFUSED = frozenset({429, 503, 529})
"""Statuses that say the server is asked too much."""

HEALING = REFUSED | {408, 409, 425}
"""What below 500 may pass by itself; everything from 500 on may."""

ELSEWHERE = frozenset({401, 403, 404})
"""What an endpoint of several may say of itself: its key, or the models that it has."""

PAYMENT = 402
MALFORMED = frozenset({400, 422})
"""Statuses by which servers refuse a parameter."""

EMPTY_ATTEMPTS = 3
"""How often a model that says nothing, for no reason given, is asked."""


class ParameterRefused(Exception):
    """A server does not take a parameter of the request.

    Attributes:
        name: the parameter.
    """

    def __init__(self, name: str, words: str) -> None:
        super().__init__(words)
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """How the failures of one model's requests are told and what follows from them.

    Attributes:
        model: its name at the endpoint.
        key_env: environment variable with the key.
        seconds: how long a request may take.
        patience: the longest pause in seconds that a request waits for.
        redact: takes off what must not be told.
        several: whether there are other servers to ask.
        proxies: by URL, the proxy by way of which it is asked, as it may be shown.
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
        """The failure as one that may heal, one that will not, one that ends the run, or a parameter to leave out.

        Args:
            error: what was raised, by the client or by the reply's parser.
            url: where.
            sent: names of the request's parameters.
        """
        said = self.said(error, url)
        match error:
            case openai.APIStatusError():
                headers, complaint = error.response.headers, self.complaint(error.response.text)
                return self._by_status(said, error.status_code, complaint, headers, sent)
            case ErrorInside():
                return self._by_status(said, error.status, self.complaint(error.told), {}, sent)
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
        if complaint.spent or status == PAYMENT:  # waiting does not help, and no other sample fares better
            return Passing(said, attempts=1, strikes=STRIKES) if self.several else RunError(f"{said} {KEPT}")
        if status in ELSEWHERE and self.several:
            return Passing(said, attempts=1, strikes=STRIKES)
        if complaint.too_large or not (status is None or status in HEALING or status >= 500):
            return ModelError(said)
        after = pause_asked(headers)
        after = complaint.pause if after is None else after
        refused = status in REFUSED
        if refused and not self.several and (after or 0) > self.patience:
            return ModelError(
                said
            )  # nobody waits so long: each request hears it, and the first eight alike end the run
        # a 503 that names no pause may also come from a proxy whose server is gone
        strikes = (status is None or status >= 500) and not (refused and after is not None)
        return Passing(said, refused=refused, after=after, strikes=strikes)

    def said(self, error: Exception, url: str) -> str:
        """One sentence on what went wrong, free of the key."""
        where = shown(url)
        match error:
            case openai.APITimeoutError() | TimeoutError():
                return f"{where} did not answer within {self.seconds:g} s{self._by_way_of(url)}."
            case openai.APIConnectionError():
                cause = error.__cause__ or error
                if isinstance(cause, LongReply):
                    return f"The reply of {self.model} at {where} is {cause}; no answer is so long."
                told = self.line(str(cause) or type(cause).__name__)  # a connection that is reset has no words
                if isinstance(cause, httpx2.DecodingError):
                    return f"{where} gave a reply that cannot be decompressed ({told})."
                return f"{where} cannot be reached{self._by_way_of(url)} ({told}); is it running?"
            case openai.APIStatusError():
                return self._refused(error, url)
            case ErrorInside():
                status = "an error inside a reply" if error.status is None else f"{error.status} inside a reply"
                # as below, what is said of a key may quote parts of it
                words = "the key is refused" if error.status == 401 else self.complaint(error.told).words
                return f"{where} answered {status}: {words or 'it does not say why'}."
            case EmptyReply() | Withheld() | NoCompletion():
                return f"{self.model} at {where} gave {self.brief(error)}."
            case GivenUp():
                return f"{self.model} at {where} {self.brief(error)}."
            case _:
                return f"{where} gave no usable reply: {self.brief(error)}."

    def _refused(self, error: openai.APIStatusError, url: str) -> str:
        where, status = shown(url), error.status_code
        words = self.brief(error)
        if (target := redirect_of(error.response, url)) is not None:
            target = self.line(target) or "what is no URL"
            return f"{where} redirects to {target} ({status}), where no clip is sent: give the URL that it leads to."
        match status:
            case 401 if self.key_env:  # told without the provider's words, which quote parts of the key
                return f"{where} refuses the key in {self.key_env} (401)."
            case 403 if self.key_env and not self.complaint(error.response.text).spent:
                return f"{where} refuses the key in {self.key_env} (403: {words})."
            case 401:
                return f"{where} wants a key (401): name the environment variable that holds it, as --api-key-env does."
            case 404:
                said = f"{where} knows no model {self.model}, or the URL is not an API's, up to its /v1"
                return f"{said} (404: {words})."
            case 413:
                return (
                    f"{where} answered 413: {words}. The request is too large: send fewer frames (--frames=N), or raise"
                    " the limit of the proxy in front of the model (nginx: client_max_body_size)."
                )
        return f"{where} answered {status}{self._by_way_of(url) if status in (407, 502, 504) else ''}: {words}."

    def _by_way_of(self, url: str) -> str:
        proxy = self.proxies.get(url)
        return f" by way of the proxy {proxy}" if proxy else ""

    def brief(self, error: Exception) -> str:
        """What the server says, else the client, on one line."""
        if isinstance(error, openai.APIStatusError):
            words = self.complaint(error.response.text).words
            return words or self.line(error.response.reason_phrase) or "it does not say why"
        return self.line(str(error))

    def complaint(self, body: object) -> Complaint:
        """What a server says where it does not answer, as it may be told."""
        return parse_complaint(body, self.redacted)

    def line(self, words: str) -> str:
        """Words of a server's or a client's as they may be told: without what is secret, on one line."""
        return one_line(head_of(words, self.redacted), LONGEST).rstrip(" .")

    def redacted(self, text: str) -> str:
        """The text without key and password."""
        return storable(self.redact(text))
