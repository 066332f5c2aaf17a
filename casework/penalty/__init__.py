"""Penalty notices and notices to improve: the counter, the ladder of three years, the checks, and what people record.

``parameters``, ``counter``, ``rules`` and ``states`` are plain Python without Django; ``reading`` and ``services`` meet the database.
"""
