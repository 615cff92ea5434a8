"""One module per client; importing a module registers its tests."""
from suites import confluent, java_configs, java_console, java_logs, java_tools, kafka_python, kcat  # noqa: F401
