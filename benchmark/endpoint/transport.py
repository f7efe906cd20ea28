"""Limits on replies: how many bytes of one are read, and for how long.

All requests to endpoints pass through here, so the limits hold for answers, errors and lists of models.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import httpx2

LONGEST_REPLY = 64 * 2**20
"""Bytes of a reply after decompression."""

LONGEST_PACKED = LONGEST_REPLY // 4
"""Bytes of a compressed reply before decompression."""

LONGEST_ERROR = 2**20
"""Bytes that are read of an error, a redirect or an event stream; the rest is ignored."""

LARGE_REPLY, LARGE_AT_ONCE = 2**20, 4
"""At most 4 replies of more than 1 MB are read at a time, to limit memory; the others wait."""

CODINGS = frozenset({"gzip", "deflate"})
"""How replies may be compressed: only in ways that zlib decompresses in pieces of bounded size."""

_large: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class LongReply(httpx2.RequestError):
    """A reply is longer than the limit, which the message names."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Limits the replies of another transport.

    The last byte of a reply must arrive within the request's read timeout, counted from its start.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, query: str = "") -> None:
        """Adds the query to each request's URL: here, where no log shows it."""
        self._inner, self._query = inner, query.encode()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response, with its body still to be read, and without cookies, which could pile up.

        Raises:
            httpx2.ReadTimeout: it takes too long.
            httpx2.DecodingError: it is compressed in a way that was not requested.
        """
        seconds = request.extensions.get("timeout", {}).get("read")
        due = None if seconds is None else asyncio.get_running_loop().time() + seconds
        async with _until(due):
            response = await self._inner.handle_async_request(self._whole(request))
        named = response.headers.get("content-encoding", "").lower().split(",")
        codings = [coding for name in named if (coding := name.strip()) not in ("", "identity")]
        if len(codings) > 1 or not CODINGS.issuperset(codings):
            await response.aclose()
            raise httpx2.DecodingError(f"it is encoded as {', '.join(codings)}, which was not requested")
        events = "event-stream" in response.headers.get("content-type", "").lower()
        most = LONGEST_REPLY if response.is_success and not events else LONGEST_ERROR
        most_packed = LONGEST_PACKED if codings else most
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, _closing(response), due, most_packed, waits=not codings)
        if codings:
            response = _unpacked(response, due, most)
        response.headers.pop("set-cookie", None)
        response.encoding = "utf-8"  # JSON's; some that a server may name decompress
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
    """The body of a reply, within limits of time and size."""

    def __init__(
        self,
        parts: AsyncIterable[bytes],
        close: Callable[[], Awaitable[None]],
        due: float | None,
        most: int,
        *,
        waits: bool,
    ) -> None:
        """Reads until `due`, a time of the running loop, and up to `most` bytes; if large, it `waits` for others."""
        self._parts, self._close, self._due, self._most = parts, close, due, most
        self._waits, self._turn = waits and most > LARGE_REPLY, AsyncExitStack()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts, left = aiter(self._parts), self._most
        while left or self._most > LONGEST_ERROR:
            async with _until(self._due):
                if self._waits and self._most - left > LARGE_REPLY:
                    self._waits = False
                    large = _large.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(LARGE_AT_ONCE))
                    await self._turn.enter_async_context(large)
                part = await anext(parts, None)
            if part is None:
                return
            if len(part) > left and self._most > LONGEST_ERROR:
                raise LongReply(f"longer than {self._most // 2**20} MB")
            part = part[:left]
            left -= len(part)
            yield part

    async def aclose(self) -> None:
        async with self._turn:  # until here, what has been read stays in memory
            await self._close()


def _closing(response: httpx2.Response) -> Callable[[], Awaitable[None]]:
    """What closes the reply, and its connection too if the server has sent more than the reply.

    Otherwise the surplus would be taken for the reply to the connection's next request.
    """
    stream: Any = response.stream
    network = response.extensions.get("network_stream")

    async def close() -> None:
        if network is not None:
            state = stream._httpcore_stream._stream._connection._h11_state  # no public attribute shows a surplus
            if state.trailing_data[0]:
                await network.aclose()
        await stream.aclose()

    return close


@asynccontextmanager
async def _until(due: float | None) -> AsyncIterator[None]:
    """Cancels its body at a time of the running loop.

    Raises:
        httpx2.ReadTimeout: it was cancelled.
    """
    try:
        async with asyncio.timeout_at(due):
            yield
    except TimeoutError:
        raise httpx2.ReadTimeout("the reply took too long") from None


def _unpacked(response: httpx2.Response, due: float | None, most: int) -> httpx2.Response:
    """The response, decompressed as it is read."""
    of_the_packed = (b"content-encoding", b"content-length")
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in of_the_packed]
    stream = _Bounded(response.aiter_bytes(), response.aclose, due, most, waits=True)
    return httpx2.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)
