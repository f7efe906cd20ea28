"""Why scores do not compare with published ones."""

from collections import Counter

from benchmark.suite import find_suite
from evaluators.lookup import PAPER_EXTRACTOR, PAPER_JUDGE
from reports.kept.provenance import incomparable


def test_an_extractor_is_compared_with_that_of_the_suite_s_own_authors() -> None:
    suite = find_suite("mer-unibench")
    counts = Counter(suite.read_published()["samples"])
    assert list(incomparable(suite, "data", counts, PAPER_EXTRACTOR, [PAPER_JUDGE])) == [
        f"the extractor is {PAPER_EXTRACTOR}, not Qwen2.5-7B-Instruct"
    ]
    assert not list(incomparable(suite, "data", counts, "Qwen2.5-7B-Instruct", ["rules"]))
    assert list(incomparable(find_suite(), "demo", Counter(), "x", [PAPER_JUDGE]))[1:] == [
        f"the extractor is x, not {PAPER_EXTRACTOR}"
    ]
