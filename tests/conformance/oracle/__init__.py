"""Random meshes, and what Istio's own code makes of them."""
