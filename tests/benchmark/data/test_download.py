import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlparse
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from benchmark.data.download import read_table, unpack
from benchmark.errors import DataError

ROOT = Path(__file__).parents[3]
SHA = "a" * 40


def packed(path: Path, members: Mapping[str, bytes]) -> Path:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(ZipInfo(name), content)
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_zip_file_is_unpacked_into_its_folder(tmp_path: Path) -> None:
    unpack(packed(tmp_path / "a.zip", {"x.mp4": b"x", "deep/er/y.mp4": b"y"}), tmp_path / "a")

    assert (tmp_path / "a" / "deep" / "er" / "y.mp4").read_bytes() == b"y"
    assert left(tmp_path) == ["a", "a.zip"]


@pytest.mark.parametrize(
    "name", ["../out.mp4", "/tmp/out.mp4", "in/../../out.mp4", "..\\out.mp4", "C:\\out.mp4", "\\out.mp4"]
)
def test_a_member_that_would_leave_the_folder_refuses_the_whole_file(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path / "a.zip", {"good.mp4": b"x", name: b"y"})
    with pytest.raises(DataError) as caught:
        unpack(archive, tmp_path / "a")

    assert str(caught.value) == f"is refused as a whole: its member {name} could write outside its folder"
    assert left(tmp_path) == ["a.zip"]


def test_members_that_differ_in_case_never_overwrite_each_other(tmp_path: Path) -> None:
    """On Linux both are there; where the file system ignores case, as on macOS, the file is refused."""
    archive = packed(tmp_path / "a.zip", {"x.mp4": b"x", "X.mp4": b"y"})
    if (tmp_path / "A.zip").exists():
        with pytest.raises(DataError, match=r"is refused as a whole: its member X\.mp4 would overwrite another"):
            unpack(archive, tmp_path / "a")
    else:
        unpack(archive, tmp_path / "a")
        assert left(tmp_path / "a") == ["X.mp4", "x.mp4"]


def test_a_member_with_backslashes_lies_in_folders(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with ZipFile(archive, "w") as opened:
        for name, content in (("deep\\", b""), ("deep\\er\\y.mp4", b"y"), ("deep/x.mp4", b"x")):
            opened.writestr(ZipInfo(name), content)
    unpack(archive, tmp_path / "a")

    assert left(tmp_path / "a") == ["deep"]
    assert (tmp_path / "a" / "deep" / "er" / "y.mp4").read_bytes() == b"y"
    assert (tmp_path / "a" / "deep" / "x.mp4").read_bytes() == b"x"


def test_a_link_refuses_the_whole_file(tmp_path: Path) -> None:
    link = ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc")
        archive.writestr("link/passwd", "x")
    with pytest.raises(DataError, match="its member link could write outside its folder"):
        unpack(tmp_path / "a.zip", tmp_path / "a")
    assert left(tmp_path) == ["a.zip"]


def test_a_damaged_file_leaves_nothing_behind(tmp_path: Path) -> None:
    content = packed(tmp_path / "whole.zip", {"x.mp4": os.urandom(5000), "y.mp4": b"y" * 5000}).read_bytes()
    flipped = content[:200] + bytes([content[200] ^ 1]) + content[201:]
    for number, damaged in enumerate((content[:-30], content[:2000], flipped, b"", b"no zip")):
        archive = tmp_path / f"{number}.zip"
        archive.write_bytes(damaged)
        with pytest.raises(DataError, match=r"cannot be unpacked \(.*\); unpack it by hand, into "):
            unpack(archive, tmp_path / str(number))
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_an_encrypted_file_is_left_to_the_user(tmp_path: Path) -> None:
    content = bytearray(packed(tmp_path / "a.zip", {"x.mp4": b"x"}).read_bytes())
    content[6] |= 1  # the flag in the member's own header, and in the directory's
    content[content.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match="is encrypted with a password; unpack it by hand"):
        unpack(tmp_path / "a.zip", tmp_path / "a")


def test_a_file_too_large_for_the_disk_is_refused(tmp_path: Path) -> None:
    content = bytearray(packed(tmp_path / "a.zip", {f"{number}.mp4": b"x" for number in range(20_000)}).read_bytes())
    at = 0
    while (at := content.find(b"PK\1\2", at)) >= 0:  # each claims to take 4 GB
        content[at + 24 : at + 28] = b"\xfe\xff\xff\xff"
        at += 4
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"it takes 85,899,345,880,000 bytes and the disk has [\d,]+ left"):
        unpack(tmp_path / "a.zip", tmp_path / "a")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_says_so(tmp_path: Path) -> None:
    packed(tmp_path / "a.zip", {"x.mp4": b"x"})
    tmp_path.chmod(0o555)
    with pytest.raises(DataError, match=r"cannot be unpacked \(Permission denied\); unpack it by hand"):
        unpack(tmp_path / "a.zip", tmp_path / "a")


def test_several_may_unpack_at_once(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {f"{number}.mp4": b"x" * 1000 for number in range(200)})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: unpack(archive, tmp_path / "a"), range(8)))

    assert len(left(tmp_path / "a")) == 200
    assert left(tmp_path) == ["a", "a.zip"]


def question(video_id: str) -> dict[str, object]:
    return {"video_id": video_id, "label": "Anger", "label_set": ["Anger", "Sadness"]}


def zipped(name: str, content: bytes) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def parquet() -> bytes:
    """A table that holds its clips."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {
            "video": {"bytes": b"clip %d" % number, "path": "door.mp4"},
            "label": "joy",
            "label_set": ["joy", "fear"],
            "task": "SA",
        }
        for number in range(2)
    ]
    buffer = BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


CSV = b"video,label,label_set,task\nfilms/a.mp4,joy,joy;fear,SA\n../b.mp4,joy,joy;fear,SA\n"


def repositories() -> Mapping[str, Mapping[str, bytes]]:
    name = "Ses05M_impro07_F008.mp4"
    return {
        "o/whole": {
            "ER_Lab.json": json.dumps([question(f"ER_Lab/{name}")]).encode(),
            "ER_Lab.zip": zipped(name, b"a clip"),
            "README.md": b"# A data set",
        },
        "o/gated": {"ER_Lab.json": b"closed"},
        "o/table": {"data/test-00000-of-00001.parquet": parquet()},
        "o/stray": {"list.csv": CSV, "films/a.mp4": b"a clip"},
        "o/empty": {"README.md": b"# Nothing"},
    }


@dataclass(frozen=True)
class Reply:
    body: bytes = b"{}"
    error: str = ""
    etag: str = ""


def reply_to(path: str, kept: Mapping[str, Mapping[str, bytes]]) -> Reply:
    """What the hub says, as far as a download asks."""
    parts = path.removeprefix("/api").strip("/").split("/")
    files = kept.get("/".join(parts[1:3]))
    if parts[0] != "datasets" or files is None:
        return Reply(error="RepoNotFound")
    match parts[3:]:
        case ["revision", "main"]:
            return Reply(json.dumps({"id": "/".join(parts[1:3]), "sha": SHA}).encode())
        case ["revision", _]:
            return Reply(error="RevisionNotFound")
        case ["tree", *_]:
            return Reply(json.dumps([listed(name, content) for name, content in files.items()]).encode())
        case ["resolve", _, *_] if parts[2] == "gated":
            return Reply(error="GatedRepo")
        case ["resolve", _, *name]:
            content = files["/".join(name)]
            return Reply(content, etag=hashlib.sha1(content).hexdigest())
    return Reply(error="EntryNotFound")


def listed(name: str, content: bytes) -> dict[str, object]:
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """A server on this machine that speaks as much of the hub's API as a download needs."""
    kept = repositories()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply = reply_to(unquote(urlparse(self.path).path), kept)
            self.send_response({"": 200, "GatedRepo": 403}.get(reply.error, 404))
            headers = {"X-Error-Code": reply.error, "ETag": f'"{reply.etag}"', "X-Repo-Commit": SHA}
            for name, value in headers.items():
                if value.strip('"'):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(reply.body)

        do_HEAD = do_GET  # noqa: N815  the name that http.server asks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


ASK = """
import json, sys
from benchmark.data.dataset import read_samples
from benchmark.errors import EmotionError
from tests.tasks import clip_of

for name in sys.argv[1:]:
    try:
        dataset = read_samples(f"hf:{name}")
        told = [[one.id, one.source, clip_of(one).path.read_bytes().decode()] for one in dataset.samples]
    except EmotionError as error:
        told = [type(error).__name__, str(error)]
    print(json.dumps(told))
"""


def ask(endpoint: str, home: Path, *names: str) -> list[list[object]]:
    """What a fresh process makes of hub ids; fresh because the hub's client reads its settings when it is imported."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *names],
        env={**os.environ, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not done.returncode, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_data_set_comes_from_the_hub_and_stays(hub: str, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    whole = [["ER-Lab/IEMOCAP/Ses05M_impro07_F008", "IEMOCAP", "a clip"]]

    assert ask(hub, tmp_path, "o/whole", "o/whole@main") == [whole, whole]
    assert ask("http://127.0.0.1:9", tmp_path, "o/whole") == [whole]  # nobody listens there


def test_what_the_hub_refuses_is_told_in_a_sentence(hub: str, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    told = ask(hub, tmp_path, "o/gated", "o/none", "o/whole@v9", "a/b/c") + ask(
        "http://127.0.0.1:9", tmp_path, "o/else"
    )

    for (kind, text), said in zip(
        told,
        ["its terms must be accepted first", "there is no such data set, or it is private", "it has no revision v9",
         "write it as hf:OWNER/NAME", "the download failed (ConnectError: "],
        strict=True,
    ):  # fmt: skip
        assert kind == "DataError"
        assert said in str(text)
        assert "\n" not in str(text)


def test_a_table_on_the_hub_is_read_as_a_users_own_clips(hub: str, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    table, stray, empty = ask(hub, tmp_path, "o/table", "o/stray", "o/empty")

    assert sorted(str(clip) for _, _, clip in table) == ["clip 0", "clip 1"]  # type: ignore[misc,has-type]
    assert stray[0] == empty[0] == "DataError"
    assert "../b.mp4: its path leaves the folder" in str(stray[1])
    assert "has no MME-Emotion questions" in str(empty[1])


def test_what_a_table_lacks_is_absent(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").Table
    rows = [{"video": "a.mp4", "id": 1.0, "length": 2.5}, {"video": "b.mp4", "id": float("nan"), "length": None}]
    parquet.write_table(table.from_pylist(rows), tmp_path / "test.parquet")

    assert list(read_table(tmp_path)) == [rows[0], rows[1] | {"id": None}]
