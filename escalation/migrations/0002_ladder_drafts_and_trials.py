import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('escalation', '0001_initial'),
        ('schools', '0002_cache_table'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LadderDraft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(help_text='The ruleset file; it may still have faults while it is being written.')),
                ('note', models.TextField(blank=True, help_text='Why the change is made.')),
                ('state', models.CharField(choices=[('draft', 'Being written'), ('reviewed', 'Reviewed'), ('published', 'Published'), ('discarded', 'Discarded')], default='draft', max_length=10)),
                ('changed_at', models.DateTimeField()),
                ('reviewed_at', models.DateTimeField(null=True)),
                ('review_note', models.TextField(blank=True)),
                ('starts', models.DateField(help_text='The day from which it was published.', null=True)),
                ('based_on', models.ForeignKey(help_text='Null: begun afresh.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='escalation.rulesetversion')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('published_as', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='escalation.rulesetversion')),
                ('reviewed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ladder_drafts', to='schools.school')),
            ],
            options={
                'ordering': ['-changed_at', '-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('reviewed_by', models.F('by')), _negated=True), name='draft_reviewed_by_a_second_person'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'published'), _negated=True), models.Q(('published_as__isnull', False), ('starts__isnull', False)), _connector='OR'), name='published_draft_has_its_version')],
            },
        ),
        migrations.CreateModel(
            name='Trial',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ladders', models.JSONField(help_text='[{label, text}]: the rulesets compared, the one in force first.')),
                ('starts', models.DateField()),
                ('ends', models.DateField()),
                ('asked_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('claimed_until', models.DateTimeField(help_text='Lease: after this another worker may take it.', null=True)),
                ('done_days', models.PositiveIntegerField(default=0)),
                ('all_days', models.PositiveIntegerField(default=0)),
                ('result', models.JSONField(default=dict)),
                ('error', models.TextField(blank=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('draft', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='trials', to='escalation.ladderdraft')),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='trials', to='schools.school')),
            ],
            options={
                'ordering': ['-asked_at', '-id'],
            },
        ),
    ]
