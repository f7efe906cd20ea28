"""What the suite is measured against, each in a process of its own: plain decoding, a bare client, the official flow.

python -m tests.performance.reference decode FOLDER | client URL BODIES KILOBYTES | official URL FOLDER COUNT
"""

import asyncio
import base64
import io
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import httpx2
import openai
from PIL import Image

from benchmark.clips.jpeg import JPEG_QUALITY

STEPS = "There are 2 steps. Step 2: 1/1</score>"
LABELS = "The labels:\\n===== 0 =====\\nhappy; sad\\nCandidate labels: happy; sad"


def frames_of(clip: Path) -> list[bytes]:
    """One picture a second, every frame decoded on the way, as JPEG."""
    pictures = []
    with av.open(str(clip)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            if number % 25 == 0:
                buffer = io.BytesIO()
                Image.fromarray(frame.to_ndarray(format="rgb24")).save(buffer, "JPEG", quality=JPEG_QUALITY)
                pictures.append(buffer.getvalue())
    return pictures[:10]


def decode(folder: str) -> None:
    """All clips of a folder, on two threads; prints the seconds."""
    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(frames_of, sorted(Path(folder).glob("[0-9]*.mp4"))))
    print(time.monotonic() - started)


def client(url: str, bodies: str, kilobytes: str) -> None:
    """So many requests by the client alone, bodies ready-made, 64 in flight; prints the CPU seconds."""
    padding = base64.b64encode(bytes(int(kilobytes) * 768)).decode()
    large = f'{{"model": "model", "messages": [{{"content": "{padding} {LABELS} {STEPS}"}}]}}'.encode()
    small = f'{{"model": "model", "messages": [{{"content": "{LABELS} {STEPS}"}}]}}'.encode()

    async def ask() -> None:
        clients = [
            openai.AsyncOpenAI(
                base_url=url, api_key="none", max_retries=0, http_client=openai.DefaultAsyncHttpx2Client()
            )
            for _ in range(8)
        ]
        gate = asyncio.Semaphore(64)

        async def once(number: int) -> None:
            # of three requests, the extractor's carries no pictures
            body = small if number % 3 == 1 else large
            async with gate:
                await clients[number % 8].post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    content=body,
                    options={"headers": {"Content-Type": "application/json"}},
                )

        await asyncio.gather(*map(once, range(int(bodies))))
        for one in clients:
            await one.close()

    started = time.process_time()
    asyncio.run(ask())
    print(time.process_time() - started)


def official(url: str, folder: str, count: str) -> None:
    """One sample after the other: decode, answer, extract, decode again, judge; prints the seconds."""
    asking = openai.OpenAI(base_url=url, api_key="none")
    started = time.monotonic()
    for clip in sorted(Path(folder).glob("[0-9]*.mp4"))[: int(count)]:
        for model in ("model", "extractor", "judge"):
            pictures = [] if model == "extractor" else frames_of(clip)
            urls = ["data:image/jpeg;base64," + base64.b64encode(picture).decode() for picture in pictures]
            parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
            text = {"type": "text", "text": f"{clip} {LABELS} {STEPS}"}
            messages: Any = [{"role": "user", "content": [*parts, text]}]
            asking.chat.completions.create(model=model, messages=messages)
    print(time.monotonic() - started)


if __name__ == "__main__":
    what: Any = {"decode": decode, "client": client, "official": official}[sys.argv[1]]
    what(*sys.argv[2:])
