import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('escalation', '0003_letters_that_state_more_than_figures'),
        ('schools', '0003_people_from_files'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='EvidencePack',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(choices=[('court', 'A court'), ('authority', 'The local authority'), ('panel', 'A panel or appeal')], max_length=10)),
                ('on', models.DateField(help_text='The record as it stood at the end of this day.')),
                ('role', models.CharField(max_length=20)),
                ('asked_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('making', 'Being made'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=8)),
                ('claimed_until', models.DateTimeField(help_text='Lease: after this another worker may take it.', null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('step', models.PositiveSmallIntegerField(default=0)),
                ('steps', models.PositiveSmallIntegerField(default=5)),
                ('doing', models.CharField(blank=True, help_text='What is being done now, in words.', max_length=60)),
                ('pdf', models.FileField(blank=True, max_length=200, upload_to='packs')),
                ('sha256', models.CharField(blank=True, help_text='Of the whole file.', max_length=64)),
                ('size', models.PositiveIntegerField(default=0)),
                ('pages', models.PositiveSmallIntegerField(default=0)),
                ('manifest', models.JSONField(default=dict, help_text='As it stands in the file, with the hash of the whole file and the seal.')),
                ('error', models.TextField(blank=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='evidence_packs', to='escalation.case')),
                ('parent', models.ForeignKey(help_text='Made about this parent alone; null: the whole case.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='schools.parent')),
            ],
            options={
                'ordering': ['-asked_at', '-id'],
                'indexes': [models.Index(fields=['state', 'claimed_until'], name='pack_by_state')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(models.Q(('pdf', ''), _negated=True), models.Q(('sha256', ''), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='done_pack_has_its_file'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='failed_pack_says_why')],
            },
        ),
    ]
