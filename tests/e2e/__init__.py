"""The lab of real parts: forge, GitOps, API server, istiod and Envoys on one machine."""
