"""One module per client; importing a module registers its tests."""
from suites import (  # noqa: F401
    aiokafka, confluent, confluent_groups, java_configs, java_console, java_groups, java_logs, java_tools, kafka_go,
    kafka_python, kafka_python_groups, kafka_python_own, kafkajs, kcat, sarama)
