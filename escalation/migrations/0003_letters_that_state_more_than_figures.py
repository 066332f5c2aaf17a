
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('escalation', '0002_ladder_drafts_and_trials'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='case',
            name='on_hold_until',
        ),
        migrations.AddField(
            model_name='plannedletter',
            name='about',
            field=models.JSONField(default=dict, help_text='What the letter states beyond the figures: {merge field: its words}.'),
        ),
        migrations.AlterField(
            model_name='plannedletter',
            name='cause',
            field=models.CharField(help_text='What asks for it, and its id: stage 3, recovery, leave 12, meeting 7.', max_length=40),
        ),
    ]
