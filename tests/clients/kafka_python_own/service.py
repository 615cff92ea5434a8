"""What kafka-python's fixtures import and its source distribution leaves out: a broker that runs already."""


class ExternalService:
    """A broker that somebody else started."""

    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self):
        pass

    def close(self):
        pass


class SpawnedService:
    """A broker that the fixtures would start; they never do."""
