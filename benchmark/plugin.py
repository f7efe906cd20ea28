"""The pytest plugin for the samples and the model under test: options and parametrisation."""

import asyncio
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import pytest
from platformdirs import user_cache_path

from benchmark.accounts.limits import Limits
from benchmark.accounts.money import Budget
from benchmark.clips.reader import ClipReader
from benchmark.cluster.cluster import RayCluster
from benchmark.engine.schedule import DEPTH, Deal, Dealing, Node
from benchmark.engine.signals import end_on_signals, sign_up
from benchmark.errors import EmotionError, RunError
from benchmark.local.devices import devices
from benchmark.local.run import LocalRun, Site
from benchmark.model import Answer, Connected, Model, Respondent, Watcher
from benchmark.models.asking import Asking, Prompter, Watching
from benchmark.models.cached import CachedModel
from benchmark.options import declare, declared, flag_of, parse_options, read_option_file
from benchmark.prompt import Prompt
from benchmark.run_setup import Bench, BenchmarkOptions, data_of_environment, prepare
from benchmark.storage.cache import Cache
from benchmark.storage.digests import Contents
from benchmark.storage.passing import passing_folder, sweep
from benchmark.suite import find_suite
from benchmark.text import did_you_mean

T = TypeVar("T")

PYTEST_S_OWN = frozenset({"filterwarnings", "parametrize", "skip", "skipif", "usefixtures", "xfail"})
"""Markers that change what pytest does; a source with such a name gets no marker."""

TITLE = "MME-Emotion: the samples and the model under test"
"""The title of the options in `pytest --help`."""

CASES = Path(__file__).resolve().with_name("test_mme_emotion.py")

# an installed suite has no conftest.py; with this it needs only `-p benchmark.plugin`
pytest_plugins = ["evaluators.plugin", "reports.plugin"]

OPTIONS = pytest.StashKey[BenchmarkOptions]()
BENCH = pytest.StashKey[Bench]()
CACHE = pytest.StashKey[Cache]()
READER = pytest.StashKey[ClipReader]()
COMMON_FOLDER = pytest.StashKey[Path]()
WORKERS = pytest.StashKey[int]()
COMMON = "mme_emotion_folder"
"""The key in an xdist worker's input of the run's common folder."""

LEFT_OUT = "mme_emotion_left_out"
"""The key of the names of endpoints that cannot be reached."""


def add_options(parser: pytest.Parser, title: str, kind: type[Any]) -> None:
    """Declares the dataclass's options, on the command line and in the ini section."""
    declare(kind, parser.getgroup(title).addoption)
    for one in declared(kind):
        parser.addini(f"mme_{one.name}", help=f"as {one.flag}", default=None)


def read_options(config: pytest.Config, kind: type[T]) -> T:
    """The options of this run: the command line takes precedence over `--config`, and that over the ini section.

    Raises:
        pytest.UsageError: a value is malformed, or the file of `--config` cannot be used.
    """
    given: dict[str, object] = {}
    with usage_errors():
        kept = _option_file(config)
        for one in declared(kind):
            asked = config.getoption(one.flag)
            given[one.name] = kept.get(one.name, config.getini(f"mme_{one.name}")) if asked is None else asked
        return parse_options(kind, given)


def given_as(config: pytest.Config, name: str) -> str:
    """How an option that has a value was set, for messages: its flag, else the file, else the ini option."""
    flag = flag_of(name)
    if config.getoption(flag):
        return flag
    if name in _option_file(config):
        return f"{flag}, set in {config.getoption('--config')},"
    return f"mme_{name}, an ini option (-o mme_{name}= empties it),"


def _option_file(config: pytest.Config) -> Mapping[str, object]:
    path = config.getoption("--config")
    return read_option_file(Path(path), partial(_names, config)) if path else {}


def _names(config: pytest.Config) -> list[str]:
    """The names of all options of the suite: those of pytest's options that have an ini option `mme_NAME`."""
    names = []
    for name in vars(config.option):
        with suppress(ValueError):
            config.getini(f"mme_{name}")
            names.append(name)
    return names


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: Sequence[str]
) -> Generator[None, None, None]:
    """Once all options are known, refuses an unknown option that is similar to one of the suite's, and names that."""
    yield
    for argument in parser.parse_known_and_unknown_args(args)[1]:
        flag = argument.partition("=")[0]
        if flag.startswith("--") and (hint := did_you_mean(flag, map(flag_of, [*_names(early_config), "config"]))):
            raise pytest.UsageError(f"unknown option {flag}{hint}")


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turns the suite's errors into `pytest.UsageError`: pytest prints the message and exits with 4."""
    try:
        yield
    except EmotionError as error:
        raise pytest.UsageError(str(error)) from error


def runs_cases(config: pytest.Config) -> bool:
    """Whether pytest was asked to collect the benchmark's cases; `pytest tests` does not."""
    asked = (_place(config, argument.partition("::")[0]).resolve() for argument in config.args)
    return any(path == CASES or path in CASES.parents for path in asked)


def _place(config: pytest.Config, argument: str) -> Path:
    """The path of one of pytest's arguments; with `--pyargs` the argument may be the name of a package or module."""
    if config.option.pyargs:
        try:
            spec = find_spec(argument)
        except (AttributeError, ImportError, ValueError):
            spec = None
        if spec is not None and spec.origin not in (None, "namespace"):
            return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
    return config.invocation_params.dir / argument


SHOWING: Mapping[str, str] = {
    "collectonly": "--collect-only",
    "setupplan": "--setup-plan",
    "setuponly": "--setup-only",
    "showfixtures": "--fixtures",
    "show_fixtures_per_test": "--fixtures-per-test",
    "markers": "--markers",
    "cacheshow": "--cache-show",
}
"""pytest's options that show something instead of running cases: the flag by the name in `config.option`."""


def asks(config: pytest.Config) -> bool:
    """Whether the benchmark's cases are run, so that models are asked."""
    return runs_cases(config) and not shows(config)


def shows(config: pytest.Config) -> str:
    """The flag with which pytest shows something instead of running cases; "" if there is none."""
    return next((flag for name, flag in SHOWING.items() if getattr(config.option, name, None)), "")


def introduces(config: pytest.Config) -> bool:
    """Whether to print which models are used: if cases are run or only listed."""
    return asks(config) or (runs_cases(config) and config.option.collectonly)


def is_worker(config: pytest.Config) -> bool:
    """Whether this is one of xdist's processes."""
    return hasattr(config, "workerinput")


def common_folder(config: pytest.Config) -> Path:
    """A temporary folder shared by all processes of the run and deleted at its end.

    Raises:
        pytest.UsageError: it cannot be created.
    """
    if is_worker(config):
        return Path(config.workerinput[COMMON])  # type: ignore[attr-defined]
    if COMMON_FOLDER not in config.stash:
        sweep()
        stack = ExitStack()
        config.add_cleanup(stack.close)
        try:
            config.stash[COMMON_FOLDER] = stack.enter_context(passing_folder())
        except OSError as error:
            raise pytest.UsageError(
                f"Cannot create a temporary folder ({error.strerror}); free space, or set TMPDIR to another folder."
            ) from error
    return config.stash[COMMON_FOLDER]


def bench_of(config: pytest.Config) -> Bench:
    """The samples and the model under test, prepared on first use.

    Raises:
        pytest.UsageError: the samples, the selection or the model cannot be used.
    """
    if BENCH not in config.stash:
        with usage_errors():
            options = config.stash[OPTIONS]
            asked = asks(config) and not options.estimate
            config.stash[BENCH] = prepare(options, _limits(config), _local_run(config), asks=asked)
    return config.stash[BENCH]


def _local_run(config: pytest.Config) -> LocalRun:
    """Where hf: models are loaded: in each worker on its own devices, or on a cluster."""
    options, worker = config.stash[OPTIONS], getattr(config, "workerinput", {})
    site = Site(
        folder=common_folder(config),
        worker=int(worker.get("workerid", "gw0").removeprefix("gw")),
        workers=worker.get("workercount") or len(config.getoption("tx", None) or ()) or 1,
        gpus=options.gpus_per_worker,
        digest=lambda path: Contents(cache_of(config)).digest(path),
        replaceable=is_worker(config),
    )
    run = LocalRun(site, _cluster(config))
    config.add_cleanup(run.close)
    return run


def _cluster(config: pytest.Config) -> RayCluster | None:
    options = config.stash[OPTIONS]
    if options.engine is None:
        return None
    name, _, address = options.engine.partition(":")
    if name != "ray" or address.startswith("//"):
        raise RunError(
            f"--engine must be ray, or ray:HOST:PORT of a cluster, got {options.engine}{did_you_mean(name, ['ray'])}"
        )
    if is_worker(config) or config.getoption("tx", None):
        raise RunError("--engine=ray runs models on the nodes of the cluster, not in local processes; omit -n.")
    return RayCluster(address, options.gpus_per_worker, partial(cache_of, config))


def _limits(config: pytest.Config) -> Limits:
    options, worker = config.stash[OPTIONS], getattr(config, "workerinput", {})
    books = common_folder(config) / "budget.sqlite" if worker or config.getoption("numprocesses", None) else None
    return Limits(
        options.concurrency,
        share=worker.get("workercount", 1),
        timeout=options.request_timeout,
        budget=None if options.max_cost is None else Budget(options.max_cost, books),
        out=worker.get(LEFT_OUT, ()),
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options of the samples and the model, and `--config`."""
    add_options(parser, TITLE, BenchmarkOptions)
    parser.getgroup(TITLE).addoption(
        "--config", metavar="FILE", help="TOML file of options of the suite; those of the command line take precedence"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Reads the options and makes each task a marker."""
    options = read_options(config, BenchmarkOptions)
    # NumPy warns the developers of a library about each batch
    warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
    config.stash[OPTIONS] = replace(options, data=options.data or data_of_environment())
    with usage_errors():
        suite = find_suite(options.suite)
    for name, title in [(one.name, one.title) for one in suite.task] + [(one.name, one.title) for one in suite.members]:
        config.addinivalue_line("markers", f"{name}: {title}")
    if is_worker(config):
        sign_up(common_folder(config), config.workerinput["workerid"])  # type: ignore[attr-defined]
    elif asks(config):
        config.add_cleanup(end_on_signals(common_folder(config)))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Prepares the samples and the model before anything is collected, and makes each source a marker."""
    if not runs_cases(session.config):
        return
    config = session.config
    for source in sorted({sample.source for sample in bench_of(config).dataset.samples}):
        config.addinivalue_line("markers", f"{source}: clips from {source}")
    if asks(config):
        cache_of(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[object]) -> None:
    """Records the number of workers."""
    config.stash[WORKERS] = len(specs)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """The number of processes with `-n auto`: for hf: models one for each `gpus_per_worker` GPUs, else xdist's own."""
    options = read_options(config, BenchmarkOptions)
    if not options.model.startswith("hf:") or "device_map" in dict(options.model_option):
        return None
    with usage_errors():
        return max(1, len(devices()) // options.gpus_per_worker)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Sends a worker the run's common folder, and the endpoints that cannot be reached."""
    node.workerinput[COMMON] = str(common_folder(node.config))
    node.workerinput[LEFT_OUT] = bench_of(node.config).limits.out() if BENCH in node.config.stash else []


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> Dealing | None:
    """A scheduler that lets each worker work far ahead; None if `--dist` names another than xdist's default."""
    if not runs_cases(config) or config.getvalue("dist") != "load":
        return None
    workers = config.stash[WORKERS]
    depth = DEPTH * -(-bench_of(config).limits.window(workers) // workers)
    return Dealing(workers, depth, partial(_tell, config), pytest.UsageError)


def _tell(config: pytest.Config, node: Node, cases: Sequence[int]) -> None:
    try:
        deal_of(config, node.gateway.id).tell(cases)
    except OSError as error:
        pytest.exit(
            f"Cannot write to the temporary folder {common_folder(config)} ({error.strerror}); free space, or set"
            " TMPDIR to another folder, then run the same command again to continue.",
            returncode=pytest.ExitCode.INTERNAL_ERROR,
        )


def deal_of(config: pytest.Config, worker: str) -> Deal:
    """The cases assigned to the worker of that name."""
    return Deal(common_folder(config) / f"{worker}.cases")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes one case of each sample, marked with its task, its source and, if there are several, its suite."""
    if "sample" in metafunc.fixturenames and metafunc.definition.path.resolve() == CASES:
        samples = bench_of(metafunc.config).samples
        cases = [
            pytest.param(one, id=one.id, marks=_marks(one.task.name, one.source, one.task.suite)) for one in samples
        ]
        metafunc.parametrize("sample", cases)


@cache
def _marks(*names: str) -> tuple[pytest.MarkDecorator, ...]:
    return tuple(getattr(pytest.mark, name) for name in names if name and name not in PYTEST_S_OWN)


def cache_of(config: pytest.Config) -> Cache:
    """The cache of decoded clips and replies, opened on first use.

    Raises:
        pytest.UsageError: its folder cannot be used.
    """
    if CACHE not in config.stash:
        options = config.stash[OPTIONS]
        folder = options.cache or user_cache_path("mme-emotion")
        if options.no_cache:
            folder = common_folder(config) / "cache"
        with usage_errors():
            cache = config.stash[CACHE] = Cache(folder, int(options.cache_limit * 1e9))
        config.add_cleanup(cache.close)
    return config.stash[CACHE]


def reader_of(config: pytest.Config) -> ClipReader:
    """The reader of clips, shared so that each clip is read once for the model and the judge."""
    if READER not in config.stash:
        options = config.stash[OPTIONS]
        config.stash[READER] = ClipReader(
            cache_of(config), options.decoder, spread=options.spread, limits=options.clip_limits
        )
    return config.stash[READER]


def cached(config: pytest.Config, model: Model, role: str) -> CachedModel:
    """The model behind the cache. A model without connections gets at most the allowed number of requests at once."""
    if isinstance(model, Connected):
        return CachedModel(model, cache_of(config), role=role.partition(" ")[0])
    gate = asyncio.Semaphore(bench_of(config).limits.window())

    async def ask(prompt: Prompt) -> Answer:
        async with gate:
            return await model.generate(prompt)

    return CachedModel(model, cache_of(config), ask, role.partition(" ")[0])


def respondent_of(config: pytest.Config, behind: Callable[[Model, str], Model]) -> Respondent:
    """The model under test as a respondent; `behind(model, role)` wraps a model before it is asked."""
    bench = bench_of(config)
    if not isinstance(bench.respondent, (Model, Watcher)):
        return bench.respondent
    prompter = Prompter(
        reader=reader_of(config),
        templates=bench.templates,
        fps=bench.options.fps,
        most=bench.options.frames,
        modalities=frozenset(bench.options.modalities or ("video", "audio")),
    )
    if isinstance(bench.respondent, Watcher):
        return Watching(bench.respondent, prompter)
    return Asking(behind(bench.respondent, "model"), prompter)
