"""Cases that Istio's own code computed, and their comparison with the mesh model."""
