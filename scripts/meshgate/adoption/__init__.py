"""An existing repository becomes a policy repository: what it has, what is proposed, what lacks.

- `contents`: what lies in the repository, read and never run.
- `argocd`, `flux`, `loose`: the sources that its objects and folders name, one module each way.
- `environments`: which environment a source belongs to. `facts`: what files tell of the mesh.
- `proposal`: all of it together, judged; `files`: the files that are proposed.
"""
