"""Servers on loopback that answer as real ones do."""
