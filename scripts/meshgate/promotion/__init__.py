"""Promotion by pull request: releases by content, pinned environments, files as state."""
