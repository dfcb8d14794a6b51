"""The forges there are: each module has `connect(settings) -> Forge`."""
