import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('schools', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RulesetVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField()),
                ('name', models.CharField(max_length=120)),
                ('text', models.TextField()),
                ('sha256', models.CharField(max_length=64, unique=True)),
                ('added_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField(help_text='2025 is 2025/26.')),
                ('opened_on', models.DateField()),
                ('closed_on', models.DateField(null=True)),
                ('with_authority_since', models.DateField(null=True)),
                ('on_hold_until', models.DateField(null=True)),
                ('pupil', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='schools.pupil')),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='schools.school')),
            ],
            options={
                'indexes': [models.Index(fields=['school', 'year'], name='case_by_school')],
                'constraints': [models.UniqueConstraint(fields=('pupil', 'school', 'year'), name='case_once_a_year')],
            },
        ),
        migrations.CreateModel(
            name='NightRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('on', models.DateField()),
                ('state', models.CharField(choices=[('due', 'Due'), ('running', 'Running'), ('put_off', 'Put off: the register is missing'), ('done', 'Done'), ('failed', 'Failed')], default='due', max_length=10)),
                ('claimed_until', models.DateTimeField(help_text='Lease: after this another worker may take it.', null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('pupils', models.PositiveIntegerField(default=0)),
                ('evaluated', models.PositiveIntegerField(default=0)),
                ('proposed', models.PositiveIntegerField(default=0)),
                ('drafted', models.PositiveIntegerField(default=0)),
                ('withdrawn', models.PositiveIntegerField(default=0)),
                ('watched', models.PositiveIntegerField(default=0)),
                ('skipped', models.JSONField(default=list, help_text='[sentence]: what was put off and why.')),
                ('errors', models.JSONField(default=list)),
                ('seconds', models.FloatField(default=0)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='night_runs', to='schools.school')),
            ],
            options={
                'ordering': ['-on', 'school'],
                'indexes': [models.Index(fields=['state', 'on'], name='night_by_state')],
                'constraints': [models.UniqueConstraint(fields=('school', 'on'), name='night_once_a_school_and_day')],
            },
        ),
        migrations.CreateModel(
            name='Period',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stage', models.CharField(max_length=20)),
                ('starts_on', models.DateField()),
                ('weeks', models.PositiveSmallIntegerField()),
                ('ends_on', models.DateField()),
                ('target', models.DecimalField(decimal_places=2, help_text="%; null: improve on the year's figure.", max_digits=5, null=True)),
                ('outcome', models.CharField(blank=True, choices=[('met', 'Target met'), ('missed', 'Target missed'), ('no sessions', 'No possible session')], max_length=12)),
                ('possible', models.PositiveSmallIntegerField(null=True)),
                ('attended', models.PositiveSmallIntegerField(null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='periods', to='escalation.case')),
            ],
            options={
                'ordering': ['starts_on'],
                'constraints': [models.UniqueConstraint(fields=('case', 'stage', 'starts_on'), name='period_once_a_start'), models.CheckConstraint(condition=models.Q(('ends_on__gt', models.F('starts_on'))), name='period_ends_after_it_starts')],
            },
        ),
        migrations.CreateModel(
            name='Adoption',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts', models.DateField()),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adoptions', to='schools.school')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adoptions', to='escalation.rulesetversion')),
            ],
            options={
                'ordering': ['school', 'starts'],
                'constraints': [models.UniqueConstraint(fields=('school', 'starts'), name='adoption_once_a_day')],
            },
        ),
        migrations.CreateModel(
            name='StageRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stage', models.CharField(help_text="The id in the policy's table.", max_length=20)),
                ('name', models.CharField(max_length=120)),
                ('band', models.CharField(max_length=40)),
                ('level', models.PositiveSmallIntegerField(help_text='Colour of the band, 1 (mild) to 5.')),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('held', 'Held'), ('done', 'Done'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn'), ('passed_over', 'Passed over'), ('carried_over', 'Carried over from last year')], default='proposed', max_length=14)),
                ('proposed_on', models.DateField()),
                ('because', models.JSONField(default=list, help_text="The engine's reasons: measure, window, value, comparison, threshold, marks.")),
                ('sentences', models.JSONField(default=list)),
                ('acts', models.CharField(choices=[('officer', 'Attendance officer'), ('tutor', 'Form tutor'), ('head_of_year', 'Head of year'), ('attendance_lead', 'Attendance lead'), ('safeguarding_lead', 'Designated safeguarding lead'), ('head', 'Headteacher'), ('trust_lead', 'Trust attendance lead'), ('governor', 'Governor'), ('administrator', 'Administrator')], max_length=20)),
                ('approves', models.CharField(blank=True, choices=[('officer', 'Attendance officer'), ('tutor', 'Form tutor'), ('head_of_year', 'Head of year'), ('attendance_lead', 'Attendance lead'), ('safeguarding_lead', 'Designated safeguarding lead'), ('head', 'Headteacher'), ('trust_lead', 'Trust attendance lead'), ('governor', 'Governor'), ('administrator', 'Administrator')], max_length=20)),
                ('done_on', models.DateField(null=True)),
                ('ask_again_on', models.DateField(help_text='A declined or held stage may come again from this day.', null=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.TextField(blank=True)),
                ('not_on_todays_register_since', models.DateField(help_text='Done, but a correction has removed its ground.', null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stages', to='escalation.case')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='escalation.rulesetversion')),
            ],
            options={
                'ordering': ['proposed_on', 'id'],
                'indexes': [models.Index(fields=['state', 'case'], name='stage_by_state')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['proposed', 'held', 'done', 'passed_over', 'carried_over'])), fields=('case', 'stage'), name='stage_stands_once_a_case'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), ('done_on__isnull', False), _connector='OR'), name='done_stage_has_its_day')],
            },
        ),
        migrations.CreateModel(
            name='PlannedLetter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('letter', models.CharField(help_text='Key of the wording.', max_length=40)),
                ('cause', models.CharField(help_text='stage or recovery, and its id.', max_length=40)),
                ('on', models.DateField()),
                ('encloses', models.CharField(blank=True, max_length=30)),
                ('approves', models.CharField(choices=[('officer', 'Attendance officer'), ('tutor', 'Form tutor'), ('head_of_year', 'Head of year'), ('attendance_lead', 'Attendance lead'), ('safeguarding_lead', 'Designated safeguarding lead'), ('head', 'Headteacher'), ('trust_lead', 'Trust attendance lead'), ('governor', 'Governor'), ('administrator', 'Administrator')], max_length=20)),
                ('state', models.CharField(choices=[('planned', 'Planned'), ('drafted', 'Drafted'), ('nobody', 'Nobody may be written to'), ('withdrawn', 'Withdrawn')], default='planned', max_length=10)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='planned_letters', to='escalation.case')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='escalation.rulesetversion')),
                ('stage_record', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='planned_letters', to='escalation.stagerecord')),
            ],
            options={
                'indexes': [models.Index(fields=['state', 'id'], name='planned_letter_by_state')],
                'constraints': [models.UniqueConstraint(fields=('case', 'cause', 'letter', 'on'), name='planned_letter_once_a_cause')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(help_text='stage, conversation, call, meeting, letter, period, watch, note, decision.', max_length=20)),
                ('on', models.DateField()),
                ('at', models.DateTimeField()),
                ('role', models.CharField(blank=True, max_length=20)),
                ('text', models.TextField()),
                ('outcome', models.CharField(blank=True, max_length=20)),
                ('by', models.ForeignKey(help_text='Null: the night.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='escalation.case')),
                ('parent', models.ForeignKey(help_text='The parent who took part.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='schools.parent')),
                ('stage_record', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='escalation.stagerecord')),
            ],
            options={
                'ordering': ['-on', '-at', '-id'],
                'indexes': [models.Index(fields=['case', '-on'], name='event_by_case')],
            },
        ),
        migrations.CreateModel(
            name='Task',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('title', models.CharField(max_length=120)),
                ('role', models.CharField(choices=[('officer', 'Attendance officer'), ('tutor', 'Form tutor'), ('head_of_year', 'Head of year'), ('attendance_lead', 'Attendance lead'), ('safeguarding_lead', 'Designated safeguarding lead'), ('head', 'Headteacher'), ('trust_lead', 'Trust attendance lead'), ('governor', 'Governor'), ('administrator', 'Administrator')], max_length=20)),
                ('due_on', models.DateField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('done', 'Done'), ('cancelled', 'Cancelled')], default='open', max_length=10)),
                ('outcome', models.CharField(blank=True, max_length=40)),
                ('note', models.TextField(blank=True)),
                ('done_on', models.DateField(null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to='escalation.case')),
                ('done_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to=settings.AUTH_USER_MODEL)),
                ('stage_record', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to='escalation.stagerecord')),
            ],
            options={
                'ordering': ['due_on', 'id'],
                'indexes': [models.Index(fields=['state', 'due_on'], name='task_by_due')],
                'constraints': [models.UniqueConstraint(fields=('stage_record', 'kind'), name='task_once_a_kind')],
            },
        ),
        migrations.CreateModel(
            name='WatchEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule', models.CharField(max_length=40)),
                ('name', models.CharField(max_length=120)),
                ('opened_on', models.DateField()),
                ('because', models.JSONField(default=list)),
                ('sentences', models.JSONField(default=list)),
                ('role', models.CharField(choices=[('officer', 'Attendance officer'), ('tutor', 'Form tutor'), ('head_of_year', 'Head of year'), ('attendance_lead', 'Attendance lead'), ('safeguarding_lead', 'Designated safeguarding lead'), ('head', 'Headteacher'), ('trust_lead', 'Trust attendance lead'), ('governor', 'Governor'), ('administrator', 'Administrator')], max_length=20)),
                ('state', models.CharField(choices=[('open', 'Open'), ('closed', 'Closed')], default='open', max_length=10)),
                ('closed_at', models.DateTimeField(null=True)),
                ('reason', models.TextField(blank=True)),
                ('closed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('pupil', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='watch_entries', to='schools.pupil')),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='watch_entries', to='schools.school')),
            ],
            options={
                'ordering': ['-opened_on', 'id'],
                'indexes': [models.Index(fields=['school', 'state', 'opened_on'], name='watch_by_school')],
                'constraints': [models.UniqueConstraint(fields=('pupil', 'school', 'rule', 'opened_on'), name='watch_entry_once_a_day')],
            },
        ),
        migrations.CreateModel(
            name='WatchMemory',
            fields=[
                ('enrolment', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='watch_memory', serialize=False, to='schools.enrolment')),
                ('facts', models.JSONField(default=dict)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='schools.school')),
            ],
        ),
    ]
