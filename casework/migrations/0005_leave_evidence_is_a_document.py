import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0004_a_slot_is_claimed")]

    operations = [
        migrations.RemoveField(model_name="leaverequest", name="evidence_name"),
        migrations.RemoveField(model_name="leaverequest", name="evidence_type"),
        migrations.RemoveField(model_name="leaverequest", name="evidence"),
        migrations.AddField(
            model_name="leaverequest",
            name="evidence",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="casework.document"
            ),
        ),
    ]
