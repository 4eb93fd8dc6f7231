"""How many examples Hypothesis tries: the same few everywhere, or as many as asked."""

try:
    from hypothesis import HealthCheck, settings
except ImportError:
    pass
else:
    common = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    settings.register_profile(
        "short", max_examples=800, derandomize=True, database=None, **common
    )
    settings.register_profile("long", max_examples=10_000, **common)
    settings.load_profile("short")  # --hypothesis-profile=long comes later, and wins
