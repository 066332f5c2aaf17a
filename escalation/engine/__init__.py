"""The engine: plain register marks and a ruleset go in, decisions with their reasons come out.

Pure Python and NumPy: no Django, no clock, no database, so that the night, the back-test, the pupil's page and the tests all run
the same code. Read it in this order: ``conditions`` (what a rule is made of), ``ruleset`` (the file that states it), ``ladder`` (what
the file becomes), ``register`` (the marks and their sums), ``windows`` and ``measures`` (a figure for every pupil at once), ``state``
(what was already done), ``evaluate`` (the decisions of one day), ``reasons`` (why, in a sentence), ``backtest`` and ``outlook`` (days
in a loop).
"""
