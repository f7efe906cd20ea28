import json
from importlib.resources import files

from reports.kept.report import Report


def test_the_schema_in_the_repository_is_the_report_s() -> None:
    """Written by `python -c "import json; from reports.kept.report import Report; …"`, as README says."""
    kept = json.loads(files("reports.kept").joinpath("schema.json").read_text("utf-8"))
    assert kept == Report.model_json_schema()
