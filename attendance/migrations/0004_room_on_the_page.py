"""PostgreSQL: leaves room on each page, so that a changed row finds its new version's place beside the old one (a HOT update).

Nearly every row of a school is changed once a day. A page of half-filled register rows takes one new version of each before the old ones
are pruned; measured figures stand in docs/performance.md. The embedded database has no such setting.
"""

from django.db import migrations

FILLFACTORS = {"attendance_registerrow": 53, "attendance_figures": 50}


def leave_room(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table, fillfactor in FILLFACTORS.items():
            schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = {fillfactor})")


def fill_again(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in FILLFACTORS:
            schema_editor.execute(f"ALTER TABLE {table} RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [("attendance", "0003_lean_indexes")]

    operations = [migrations.RunPython(leave_room, fill_again, elidable=False)]
