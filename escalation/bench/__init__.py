"""The bench: one school of any size, made on the spot, and the night over it beside the least and the most that it could cost.

``made`` makes the school, ``contestants`` are the ways of getting its figures, ``measure`` runs them and counts. Nothing stays behind:
the command holds one transaction and rolls it back.
"""
