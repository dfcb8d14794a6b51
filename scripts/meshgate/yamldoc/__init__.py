"""The one reader of YAML, JSON and the files that hold them; the one writer of YAML.

- `files`: read a regular file, bounded, inside a folder. Everything that decides is read with it.
- `reading.documents(text, file, reader)`: the value of each document, as the API server, as
  kustomize or as this project's own files take unquoted scalars (`scalars`).
- `document.parse(content, file)`: a file of this project's own: one document, strictly, with the
  place of every key on demand.
- `positions`: line and column of a path in any file, found when it is asked for.
- `writing`: YAML that every reader takes alike.

Only this package imports `yaml`. What cannot be read raises BuildError; who reads configuration or
records turns it into the error that they have.
"""
