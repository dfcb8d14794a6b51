"""meshgate: judge and promote service-mesh mutual TLS policy from files."""

__version__ = "0.1.0"
