"""The files that a run keeps, their types, and how they are read again."""
