"""Replies that end: whatever a server sends, so many bytes of it are read, for so long.

All requests to endpoints pass through here, so that the limits hold for whatever is asked: replies, errors, lists.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import httpx2

LONGEST_REPLY = 64 * 2**20
"""Bytes of a reply, once it is decompressed."""

LONGEST_PACKED = LONGEST_REPLY // 4
"""Bytes of one as they come, where they are compressed."""

LONGEST_ERROR = 2**20
"""Bytes that are read of what is no answer: an error, a redirect, a stream of events. The rest is left unread."""

LARGE_REPLY, LARGE_AT_ONCE = 2**20, 4
"""Replies of more bytes wait for one another: so many are read on at a time, whatever is in flight."""

CODINGS = frozenset({"gzip", "deflate"})
"""How replies may be compressed: so that Python's own zlib takes them apart, a bounded piece at a time."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class LongReply(httpx2.RequestError):
    """A reply is longer than any may be; says how long that is."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Another transport, of whose replies no more is read than they may have.

    A request has to be over, with the last byte of its reply, within the seconds that it gives for reading.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, query: str = "") -> None:
        """Adds the query to each request's URL: here, behind whatever logs URLs."""
        self._inner, self._query = inner, query.encode()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The reply, its body still to be read; it leaves no cookies behind, of which there may be any number.

        Raises:
            httpx2.ReadTimeout: it takes too long.
            httpx2.DecodingError: it is compressed in a way that was not asked for.
        """
        seconds = request.extensions.get("timeout", {}).get("read")
        due = None if seconds is None else asyncio.get_running_loop().time() + seconds
        async with _until(due):
            response = await self._inner.handle_async_request(self._whole(request))
        codings = _codings(response)
        if len(codings) > 1 or not CODINGS.issuperset(codings):
            await response.aclose()
            raise httpx2.DecodingError(f"it is encoded as {', '.join(codings)}, which was not asked for")
        most = LONGEST_REPLY if _answers(response) else LONGEST_ERROR
        come = LONGEST_PACKED if codings else most
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, _closing(response), due, come, is_read=not codings)
        if codings:
            response = _unpacked(response, due, most)
        response.headers.pop("set-cookie", None)
        response.encoding = "utf-8"  # JSON's; among those that a server may name are some that unpack
        return response

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()

    def _whole(self, request: httpx2.Request) -> httpx2.Request:
        """The request with the query in its URL."""
        if not self._query:
            return request
        url, stream, more = request.url.copy_with(query=self._query), request.stream, request.extensions
        return httpx2.Request(request.method, url, headers=request.headers, stream=stream, extensions=more)


class _Bounded(httpx2.AsyncByteStream):
    """The parts of a body, in time and up to the limit of its kind."""

    def __init__(
        self,
        parts: AsyncIterable[bytes],
        close: Callable[[], Awaitable[None]],
        due: float | None,
        most: int,
        *,
        is_read: bool,
    ) -> None:
        """Where it `is_read`, and not taken apart by another, it waits for its turn to be long."""
        self._parts, self._close, self._due, self._most = parts, close, due, most
        self._waits, self._turn = is_read and most > LARGE_REPLY, AsyncExitStack()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts, left = aiter(self._parts), self._most
        while left or self._most > LONGEST_ERROR:
            async with _until(self._due):
                if self._waits and self._most - left > LARGE_REPLY:
                    self._waits = False
                    await self._turn.enter_async_context(_turn())
                part = await anext(parts, None)
            if part is None:
                return
            if len(part) > left and self._most > LONGEST_ERROR:
                raise LongReply(f"longer than {self._most // 2**20} MB")
            part = part[:left]
            left -= len(part)
            yield part

    async def aclose(self) -> None:
        async with self._turn:  # held until then: what has been read is let go of no sooner
            await self._close()


def _closing(response: httpx2.Response) -> Callable[[], Awaitable[None]]:
    """What ends the reply, and the connection too where more has come behind it.

    Nobody has asked for that, and the next question on the connection would be answered with it.
    """
    stream, network = response.stream, response.extensions.get("network_stream")
    assert isinstance(stream, httpx2.AsyncByteStream)

    async def close() -> None:
        if network is not None and _has_more(stream):
            await network.aclose()
        await stream.aclose()

    return close


def _has_more(stream: Any) -> bool:
    """Whether bytes lie behind the reply; the packages tell that only those who look into them."""
    state = stream._httpcore_stream._stream._connection._h11_state
    return bool(state.trailing_data[0])


@asynccontextmanager
async def _until(due: float | None) -> AsyncIterator[None]:
    """Calls off what takes longer than to a time of the running loop.

    Raises:
        httpx2.ReadTimeout: it did.
    """
    try:
        async with asyncio.timeout_at(due):
            yield
    except TimeoutError:
        raise httpx2.ReadTimeout("the reply took too long") from None


def _turn() -> asyncio.Semaphore:
    """What large replies of the running loop wait for."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(LARGE_AT_ONCE))


def _codings(response: httpx2.Response) -> list[str]:
    told = response.headers.get("content-encoding")
    named = [coding.strip().lower() for coding in told.split(",")] if told else []
    return [coding for coding in named if coding not in ("", "identity")]


def _answers(response: httpx2.Response) -> bool:
    return response.is_success and "event-stream" not in response.headers.get("content-type", "").lower()


def _unpacked(response: httpx2.Response, due: float | None, most: int) -> httpx2.Response:
    """The reply, decompressed as it is read."""
    length_of = (b"content-encoding", b"content-length")
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in length_of]
    stream = _Bounded(response.aiter_bytes(), response.aclose, due, most, is_read=True)
    return httpx2.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)
