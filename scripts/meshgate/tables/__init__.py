"""A mesh as tables: rows of plain values, as Parquet files, and questions on them in SQL.

- `schema`: the tables and their columns, with a version. `rows`: the rows of a judged environment.
- `parquet`: writes them (pyarrow). `query`: asks them (DuckDB). `questions`: those with a name.

pyarrow and DuckDB come with the extra `tables`, and are imported where tables are written or asked.
"""
