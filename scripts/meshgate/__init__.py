"""meshgate: judge and promote service-mesh mutual TLS policy from files."""

try:
    from meshgate._version import __version__
except ImportError:  # a tree that was never built
    __version__ = "0.0.0"

__all__ = ["__version__"]
