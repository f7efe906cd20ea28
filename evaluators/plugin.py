"""The pytest plugin for judging: options, and the `engine` and `score` fixtures."""

import asyncio
import sys
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from benchmark.clips.rescue import end_rescues
from benchmark.engine.engine import Engine
from benchmark.errors import DataError, NotKept, RunError
from benchmark.model import Connected, Model
from benchmark.models.cached import CachedModel, recall_terms
from benchmark.plugin import (
    add_options,
    asks,
    bench_of,
    cache_of,
    cached,
    common_folder,
    deal_of,
    introduces,
    is_worker,
    read_options,
    reader_of,
    respondent_of,
    runs_cases,
    usage_errors,
)
from benchmark.storage.files import put
from benchmark.task import Sample
from evaluators.agents import Agents, EvaluatorOptions, find_agents, judge_of
from evaluators.clue import Listener
from evaluators.estimate import CountingCache, Expected, Rehearsal, StandIn, rehearsal_groups
from evaluators.judge.check import Checked, check_judge
from evaluators.judge.extractor import PromptedExtractor
from evaluators.metrics.metric import Partner, Roles, known_marks, metric_of
from evaluators.outcome import Score, Scored, Unscored
from evaluators.scorer import answer_and_score, unforeseen, with_waveform

pytest_plugins = ["benchmark.plugin"]

TURN_SECONDS = 0.0005
"""How long the engine's thread may wait for pytest's; Python's default of 5 ms, after each system call, adds up."""

MOST_AHEAD = 64
"""The most samples whose clips are decoded while all allowed requests are in flight."""

EVALUATOR_OPTIONS = pytest.StashKey[EvaluatorOptions]()
AGENTS = pytest.StashKey[Agents]()
ENGINE = pytest.StashKey[Engine[Scored | Unscored]]()
OUTCOME = pytest.StashKey[Scored | Unscored]()
UNKEPT = "mme_emotion_unkept"
"""The key in an xdist worker's output that says whether a result could not be kept."""


def agents_of(config: pytest.Config) -> Agents:
    """The agents, found on first use.

    Raises:
        pytest.UsageError: an agent cannot be used, or no judge is configured.
    """
    if AGENTS not in config.stash:
        with usage_errors():
            config.stash[AGENTS] = find_agents(config.stash[EVALUATOR_OPTIONS], bench_of(config))
    return config.stash[AGENTS]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options of the agents that judge."""
    add_options(parser, "MME-Emotion: the agents that judge", EvaluatorOptions)


def pytest_configure(config: pytest.Config) -> None:
    """Reads the options; turns `--setup-only` into `--setup-plan`, since making the `score` fixture asks models."""
    config.stash[EVALUATOR_OPTIONS] = read_options(config, EvaluatorOptions)
    if runs_cases(config) and config.option.setuponly:
        config.option.setupplan = True


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Finds the agents and checks that each endpoint can be reached, before anything is collected or paid for."""
    config = session.config
    if not introduces(config):
        return
    agents_of(config)
    if bench_of(config).options.estimate:
        if is_worker(config) or config.getoption("numprocesses", None):
            raise pytest.UsageError("--estimate runs in one process; omit -n.")
    elif asks(config) and not is_worker(config):
        with usage_errors():
            bench_of(config).check_engine()
            bench_of(config).local.check()
            if bertscore := agents_of(config).bertscore:
                bertscore.fetch()
            asyncio.run(_check(connected(config)))


def connected(config: pytest.Config) -> list[Connected]:
    """The model and the agents that have connections."""
    agents = agents_of(config)
    parts: tuple[object, ...] = (bench_of(config).respondent, agents.extractor, *agents.judges, agents.listener)
    return [part for part in parts if isinstance(part, Connected)]


async def _check(parts: Iterable[Connected]) -> None:
    """Checks that each endpoint can be reached, once for each identity."""
    await asyncio.gather(*(part.check() for part in {part.identity: part for part in parts}.values()))


async def _close(parts: Iterable[Connected]) -> None:
    for part in parts:
        await part.aclose()


def roles_of(config: pytest.Config, behind: Callable[[Model, str], Model]) -> Roles:
    """The agents of this run for metrics; `behind(model, role)` wraps a model before it is asked."""
    agents = agents_of(config)
    extractor, listener, templates = agents.extractor, agents.listener, agents.templates
    if isinstance(extractor, Model):
        extractor = PromptedExtractor(behind(extractor, "extractor"), templates)
    return Roles(
        extractor=extractor,
        judge=judge_of(agents.judges, templates, behind),
        reader=reader_of(config),
        listener=Listener(behind(listener, "listener"), templates["listen"]) if listener else None,
        thoughts=config.stash[EVALUATOR_OPTIONS].thoughts,
        bertscore=agents.bertscore,
    )


def check_judges(config: pytest.Config) -> tuple[Checked, ...]:
    """The judge's ratings of the anchors of the short check, without cached replies."""
    bench = bench_of(config)
    shared = not config.getoption("tx", None)
    local = bench.local if shared else bench.local.apart()  # the workers that start later need the devices
    bench = replace(bench, limits=bench.limits.elsewhere(), local=local)
    agents, reader = find_agents(config.stash[EVALUATOR_OPTIONS], bench), reader_of(config)

    def behind(model: Model, _: str) -> Model:
        recall_terms(model, cache_of(config))  # it must not be sent what its server is known to refuse
        return model

    async def check() -> tuple[Checked, ...]:
        try:
            return await check_judge(judge_of(agents.judges, agents.templates, behind), reader, short=True)
        finally:
            await _close(part for part in agents.judges if isinstance(part, Connected))

    try:
        return asyncio.run(check())
    finally:
        if not shared:
            local.release()


def rehearse(session: pytest.Session, *, gated: bool) -> list[tuple[str, Model, Expected]]:
    """Each role of this run with its model and what that would be asked; a gated run also checks its judge.

    Raises:
        RunError: a sample fails with an unexpected exception, so that the estimate would be too low.
    """
    config, samples = session.config, [sample for item in session.items if (sample := sample_of(item))]
    repeats = config.stash[EVALUATOR_OPTIONS].repeats
    rehearsal, options, reader = Rehearsal(cache_of(config), repeats), bench_of(config).options, reader_of(config)
    models: dict[str, Model] = {}

    def behind(model: Model, role: str) -> Model:
        models[role] = model
        return CachedModel(model, CountingCache(role, rehearsal), StandIn(model, role, rehearsal).generate)

    respondent = respondent_of(config, behind)
    roles = replace(roles_of(config, behind), bertscore=None)  # it costs nothing, and takes long to load
    groups = rehearsal_groups(samples, reader, fps=options.fps, most=options.frames)

    async def go_through() -> None:
        for weight, members in groups:
            rehearsal.weight = weight
            for sample in members:
                metric = metric_of(sample.task)
                rehearsal.said = metric.rehearsed if isinstance(metric, Partner) else None
                outcome = await answer_and_score(sample, respondent, roles)
                if outcome.fault is not None:
                    raise RunError(f"Cannot estimate the run: {outcome.fault.sentence}.")
        if gated:
            rehearsal.weight, rehearsal.said, agents = 1.0, None, agents_of(config)
            judge = judge_of(agents.judges, agents.templates, lambda model, role: behind(model, f"{role} check"))
            await check_judge(judge, reader, short=True)

    asyncio.run(go_through())
    return [(role, model, rehearsal.roles[role]) for role, model in models.items()]


def sample_of(item: pytest.Item) -> Sample | None:
    """The sample of a case; None for any other test."""
    if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "score" in item.fixturenames:
        sample = item.callspec.params.get("sample")
        return sample if isinstance(sample, Sample) else None
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Runs the engine, which works ahead of the cases, while cases run."""
    config = session.config
    rehearses = asks(config) and bench_of(config).options.estimate
    if not asks(config) or rehearses or not any(map(sample_of, session.items)):
        return (yield)
    engine = config.stash[ENGINE] = _start(config)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        pace = FollowingOrders if is_worker(config) else FirstDoneFirst
        config.pluginmanager.register(pace(engine, session))
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return (yield)
    finally:
        _end(session, engine)
        sys.setswitchinterval(interval)


def _end(session: pytest.Session, engine: Engine[Scored | Unscored]) -> None:
    """Ends the engine and keeps the last replies; if they cannot be kept, says so unless that stopped the engine."""
    stopped = engine.stopped
    end_rescues()
    engine.close()
    try:
        cache_of(session.config).flush()
    except NotKept as error:
        engine.unkept = True
        if stopped is None:
            raise session.Interrupted(str(error)) from error


def _start(config: pytest.Config) -> Engine[Scored | Unscored]:
    limits, behind, reader = bench_of(config).limits, partial(cached, config), reader_of(config)
    respondent, roles = respondent_of(config, behind), roles_of(config, behind)
    repeats = config.stash[EVALUATOR_OPTIONS].repeats

    async def work(sample: Sample) -> Scored | Unscored:
        return await with_waveform(await answer_and_score(sample, respondent, roles, repeats), reader)

    def most_at_once() -> int:
        window = limits.window()
        return window + max(4, min(window // 4, MOST_AHEAD))  # some are decoded while others are asked about

    return Engine(work, most_at_once, failure=_failure, rescue=unforeseen, farewell=partial(_close, connected(config)))


def _failure(outcome: Scored | Unscored) -> str | None:
    """Why there is no score, if other samples may fail for the same reason; None for a clip that cannot be read."""
    if isinstance(outcome, Scored):
        return None
    if outcome.fault is not None:
        return outcome.fault.kind
    return outcome.error if outcome.stage != DataError.stage else None


class FirstDoneFirst:
    """Runs next, in a single process, a case whose sample is done, so that none waits for a slow one."""

    def __init__(self, engine: Engine[Scored | Unscored], session: pytest.Session) -> None:
        """Begins all samples, and waits for the first."""
        self._engine, self._session = engine, session
        self._samples = [sample_of(item) for item in session.items]
        self._places = {sample.id: place for place, sample in enumerate(self._samples) if sample}
        # --stepwise continues where it stopped, which requires the original order
        stepwise = getattr(session.config.option, "stepwise", False)
        self._in_order = stepwise or len(self._places) < sum(map(bool, self._samples))
        self._next = 0
        engine.begin(filter(None, self._samples))
        self._choose()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """After a case, puts one whose sample is done where pytest takes the next case from."""
        handled = yield
        self._next += 1
        self._choose()
        return handled

    def _choose(self) -> None:
        """Swaps the next case with one whose sample is done; waits for such a sample."""
        place, session = self._next, self._session
        if (
            self._in_order
            or place >= len(self._samples)
            or self._samples[place] is None
            or session.shouldfail
            or session.shouldstop
        ):
            return
        done = self._engine.next_done()
        if done is None:
            session.shouldstop = self._engine.stopped or "The run was ended."
            return
        other, items, samples = self._places[done], session.items, self._samples
        items[place], items[other] = items[other], items[place]
        samples[place], samples[other] = samples[other], samples[place]
        self._places.update((sample.id, at) for at in (place, other) if (sample := self._samples[at]))


def end_workers(config: pytest.Config, why: str) -> None:
    """Tells all xdist workers to end, and why; the file is written atomically, so that none reads a part of it."""
    put(_over_file(config), why.encode())


def _over_file(config: pytest.Config) -> Path:
    return common_folder(config) / "over"


class FollowingOrders:
    """Begins, in an xdist worker, the samples of all cases assigned to it, long before xdist runs these."""

    def __init__(self, engine: Engine[Scored | Unscored], session: pytest.Session) -> None:
        """Begins nothing: no case is assigned yet."""
        self._engine, self._session = engine, session
        self._deal = deal_of(session.config, session.config.workerinput["workerid"])  # type: ignore[attr-defined]
        self._over = _over_file(session.config)
        self._limits = bench_of(session.config).limits

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Tells the controller whether a result could not be kept, and if this worker ends early, the others why."""
        self._session.config.workeroutput[UNKEPT] = self._engine.unkept  # type: ignore[attr-defined]
        if why := self._session.shouldstop or self._session.shouldfail:
            end_workers(self._session.config, str(why))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Begins the samples assigned since the last case; stops the engine if another worker has ended the run."""
        dealt = [self._session.items[index] for index in self._deal.hear()]
        self._engine.begin(filter(None, map(sample_of, [item, *([nextitem] if nextitem else []), *dealt])))
        if self._limits.halted is None and self._over.exists():
            self._limits.halted = self._over.read_text("utf-8")
            self._engine.stop(self._limits.halted)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Waits for the case's sample; skips the case if the engine stopped before the sample was done."""
    engine, sample = item.config.stash.get(ENGINE, None), sample_of(item)
    if engine is None or sample is None or engine.finish(sample):
        return None
    engine.drain()
    if not engine.unclaimed():
        item.session.shouldstop = engine.stopped or "The run was ended."
    return True


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Engine[Scored | Unscored]:
    """The engine, which works on samples ahead of their cases."""
    return pytestconfig.stash[ENGINE]


@pytest.fixture
def score(request: pytest.FixtureRequest, sample: Sample, engine: Engine[Scored | Unscored]) -> Score:
    """The sample's score. A sample without one is an error of this fixture, not a failure of the case."""
    outcome = engine.result(sample)
    request.node.stash[OUTCOME] = outcome
    if isinstance(outcome, Unscored):
        request.node.user_properties.append(("unscored", outcome.stage))
        pytest.fail(f"{sample.id} has no score ({outcome.stage}): {outcome.error}", pytrace=False)
    request.node.user_properties += known_marks(sample, outcome.score).items()
    return outcome.score


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Frees the memory of the outcome, which has been reported."""
    if OUTCOME in item.stash:
        del item.stash[OUTCOME]
