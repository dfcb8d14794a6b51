"""The story of one call, chapter by chapter, as somebody new to Istio can follow it."""
