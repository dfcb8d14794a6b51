"""Attacks: what a pull request, a tag or a file may try, one file a claim, and what must happen."""
