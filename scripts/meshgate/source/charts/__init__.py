"""Helm charts of a repository: their files, their render, and where a value of it is written."""
