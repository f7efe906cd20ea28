"""The suite's plugins, one a folder."""

pytest_plugins = ["benchmark.plugin", "evaluators.plugin", "reports.plugin"]
