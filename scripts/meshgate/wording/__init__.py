"""What is wrong with a value or a name, in words that a person can act on.

- `nearest.nearest`, `nearest.hint`: which known name was meant by an unknown one, the same for
  commands, environments, rules, fields, hosts and labels.
- `problems.problems(schema, value)`: everything a JSON Schema refuses in a value, each with its
  path, a message and, where there is one, the way out.
- `phrases`: values and names as parts of a sentence.
"""

from meshgate.wording.phrases import agree, joined, plural

__all__ = ["agree", "joined", "plural"]
