"""A real Gitea, and the story of promotion on it."""
