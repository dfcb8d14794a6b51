"""Every workflow's jobs, run here with nektos/act against a local forge."""
