"""The database itself refuses to change a ruleset version's words, whoever asks: a bulk update, a script, another program.

SQLite drops a table's triggers when Django rebuilds the table: a later migration that alters this table makes the trigger again.
"""

from django.db import migrations

REFUSED = "a ruleset version is frozen once kept: add a new one"
POSTGRESQL = (
    f"""
    CREATE FUNCTION escalation_version_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER escalation_version_is_frozen BEFORE UPDATE ON escalation_rulesetversion FOR EACH ROW
    WHEN ((OLD.key, OLD.name, OLD.text, OLD.sha256) IS DISTINCT FROM (NEW.key, NEW.name, NEW.text, NEW.sha256))
    EXECUTE FUNCTION escalation_version_is_frozen()
    """,
)
SQLITE = (
    f"""
    CREATE TRIGGER escalation_version_is_frozen BEFORE UPDATE ON escalation_rulesetversion FOR EACH ROW
    WHEN OLD.key IS NOT NEW.key OR OLD.name IS NOT NEW.name OR OLD.text IS NOT NEW.text OR OLD.sha256 IS NOT NEW.sha256
    BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END
    """,
)
UNDONE = {
    "postgresql": (
        "DROP TRIGGER escalation_version_is_frozen ON escalation_rulesetversion",
        "DROP FUNCTION escalation_version_is_frozen()",
    ),
    "sqlite": ("DROP TRIGGER escalation_version_is_frozen",),
}


def freeze(apps, schema_editor):
    for statement in {"postgresql": POSTGRESQL, "sqlite": SQLITE}[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def thaw(apps, schema_editor):
    for statement in UNDONE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("escalation", "0003_letters_that_state_more_than_figures")]
    operations = [migrations.RunPython(freeze, thaw)]
