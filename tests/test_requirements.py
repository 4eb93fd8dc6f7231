"""What is installed to test with: every extra, and on request the oldest versions."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {
    name: {line.name: line for line in map(Requirement, lines)}
    for name, lines in PROJECT["optional-dependencies"].items()
}
AT_RUN_TIME = EXTRAS.keys() - {"dev", "test", "peers", "tables"}


def test_the_suite_runs_with_every_extra():
    assert EXTRAS["test"]["skdnn"].extras == AT_RUN_TIME
    assert EXTRAS["dev"]["skdnn"].extras == {"test"}


def test_oldest_txt_pins_the_oldest_versions_that_are_allowed():
    needed = {line.name: line for line in map(Requirement, PROJECT["dependencies"])}
    for name in (*AT_RUN_TIME, "test"):
        needed |= EXTRAS[name]
    del needed["skdnn"]
    lines = (ROOT / "tests" / "oldest.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    for pin in pins:
        (low,) = needed.pop(pin.name).specifier
        (only,) = pin.specifier
        assert (low.operator, only.operator) == (">=", "==")
        assert Version(low.version) == Version(only.version), pin
    assert not needed
