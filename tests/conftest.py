"""How much the suite tries: the same little everywhere, or as much as asked for.

``SKDNN_FULL=1 pytest -n 2`` runs the long forms: 10,000 new examples of Hypothesis a
test, 500 kills, damage to every byte of a checkpoint.
"""

import os

try:
    from hypothesis import HealthCheck, settings
except ImportError:
    pass
else:
    common = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    settings.register_profile(
        "short", max_examples=800, derandomize=True, database=None, **common
    )
    settings.register_profile("full", max_examples=10_000, **common)
    settings.load_profile("full" if os.environ.get("SKDNN_FULL") else "short")
