"""Loads the plugins of the suite, one from each package."""

pytest_plugins = ["benchmark.plugin", "evaluators.plugin", "reports.plugin"]
