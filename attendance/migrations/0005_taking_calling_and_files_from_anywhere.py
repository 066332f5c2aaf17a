import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('attendance', '0004_room_on_the_page'),
        ('schools', '0003_people_from_files'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='importbatch',
            name='undone_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='importbatch',
            name='undone_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='importbatch',
            name='format',
            field=models.CharField(choices=[('long', 'One mark a row'), ('weeks', 'One week a row'), ('ctf', 'Common transfer file'), ('wonde', 'Wonde'), ('api', 'API'), ('leave', 'Leave entered ahead'), ('demo', 'Demo data')], max_length=10),
        ),
        migrations.CreateModel(
            name='FormRegister',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('form', models.CharField(max_length=20)),
                ('date', models.DateField()),
                ('session', models.CharField(choices=[('AM', 'Morning'), ('PM', 'Afternoon')], max_length=2)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(help_text='When every pupil first had a mark.', null=True)),
                ('closed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='form_registers', to='schools.school')),
            ],
            options={
                'ordering': ['-date', 'form'],
                'constraints': [models.UniqueConstraint(fields=('school', 'date', 'session', 'form'), name='form_register_once_a_session'), models.CheckConstraint(condition=models.Q(('closed_at__isnull', True), ('closed_by__isnull', False), _connector='OR'), name='closed_register_says_by_whom')],
            },
        ),
        migrations.CreateModel(
            name='MisConnection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('wonde_id', models.CharField(max_length=20, verbose_name='Wonde school id')),
                ('token', models.BinaryField(help_text='Encrypted, see schools.secrets.')),
                ('is_active', models.BooleanField(default=True)),
                ('last_read_at', models.DateTimeField(null=True)),
                ('last_error', models.TextField(blank=True)),
                ('read_from', models.DateTimeField(help_text='Marks changed since then are asked for; null: all. See attendance.mis.', null=True)),
                ('busy_until', models.DateTimeField(help_text='A worker that reads the school now has it until then.', null=True)),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='mis_connection', to='schools.school')),
            ],
        ),
        migrations.CreateModel(
            name='RawCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('raw', models.CharField(max_length=10)),
                ('code', models.CharField(max_length=2)),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='raw_codes', to='schools.school')),
            ],
            options={
                'ordering': ['raw'],
                'constraints': [models.UniqueConstraint(fields=('school', 'raw'), name='raw_code_once_a_school')],
            },
        ),
        migrations.CreateModel(
            name='RegisterConflict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('date', models.DateField()),
                ('session', models.CharField(max_length=2)),
                ('ours', models.CharField(max_length=2)),
                ('theirs', models.CharField(max_length=2)),
                ('state', models.CharField(choices=[('open', 'Open'), ('kept', 'Ours was kept'), ('taken', "The file's was taken")], default='open', max_length=5)),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conflicts', to='attendance.importbatch')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('row', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='conflicts', to='attendance.registerrow')),
                ('school', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='schools.school')),
            ],
            options={
                'ordering': ['date', 'id'],
                'indexes': [models.Index(fields=['school', 'state'], name='register_conflict_by_school')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('row', 'date', 'session'), name='register_conflict_open_once_a_session'), models.CheckConstraint(condition=models.Q(('ours', models.F('theirs')), _negated=True), name='register_conflict_contradicts')],
            },
        ),
        migrations.CreateModel(
            name='RegisterEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(blank=True, max_length=20)),
                ('at', models.DateTimeField()),
                ('entered', models.PositiveSmallIntegerField()),
                ('first_entries', models.BinaryField(help_text='See history.pack.')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('register', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='attendance.formregister')),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='schools.school')),
            ],
            options={
                'verbose_name_plural': 'register entries',
                'ordering': ['at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='AbsenceCall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('about', models.DateField(help_text='The day of absence that was asked about.')),
                ('at', models.DateTimeField()),
                ('role', models.CharField(blank=True, max_length=20)),
                ('channel', models.CharField(choices=[('call', 'Call'), ('text', 'Text'), ('email', 'E-mail'), ('visit', 'Home visit'), ('came_in', 'Told us')], default='call', max_length=8)),
                ('outcome', models.CharField(choices=[('spoke', 'Spoke'), ('no_answer', 'No answer'), ('left_message', 'Left a message'), ('wrong_number', 'Wrong number')], max_length=12)),
                ('code', models.CharField(blank=True, help_text='The code of the reason that was given; empty: none yet.', max_length=2)),
                ('said', models.TextField(blank=True)),
                ('expected_return', models.DateField(null=True)),
                ('next_try_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('parent', models.ForeignKey(help_text='Who was tried; null: somebody else.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='schools.parent')),
                ('pupil', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='absence_calls', to='schools.pupil')),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='schools.school')),
            ],
            options={
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['school', 'about'], name='absence_call_by_school'), models.Index(fields=['pupil', '-at'], name='absence_call_by_pupil')],
                'constraints': [models.CheckConstraint(condition=models.Q(('code', ''), ('outcome', 'spoke'), _connector='OR'), name='absence_call_reason_was_told_by_somebody'), models.CheckConstraint(condition=models.Q(('expected_return__isnull', True), ('expected_return__gte', models.F('about')), _connector='OR'), name='absence_call_return_is_not_before_the_absence')],
            },
        ),
        migrations.CreateModel(
            name='ColumnMap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('long', 'One mark a row'), ('weeks', 'One week a row'), ('people', 'People')], max_length=10)),
                ('headings', models.JSONField(help_text="The file's headings in their order.")),
                ('headings_sha256', models.CharField(max_length=64)),
                ('columns', models.JSONField(help_text='{our column: their heading}')),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='column_maps', to='schools.school')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('school', 'headings_sha256'), name='column_map_once_a_heading_row')],
            },
        ),
        migrations.CreateModel(
            name='EarlierAttendance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField(help_text='2025 is 2025/26.')),
                ('local_authority', models.CharField(blank=True, max_length=3, verbose_name='LA number')),
                ('establishment', models.CharField(blank=True, max_length=4)),
                ('school_name', models.CharField(blank=True, max_length=120)),
                ('possible', models.PositiveSmallIntegerField(null=True)),
                ('attended', models.PositiveSmallIntegerField(null=True)),
                ('authorised', models.PositiveSmallIntegerField(null=True)),
                ('unauthorised', models.PositiveSmallIntegerField(null=True)),
                ('marks_start', models.DateField(null=True)),
                ('slots_a_week', models.PositiveSmallIntegerField(help_text='10 or 14.', null=True)),
                ('marks', models.TextField(blank=True, help_text='One character a session from marks_start, as in a register row.')),
                ('added_at', models.DateTimeField()),
                ('pupil', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='earlier_attendance', to='schools.pupil')),
            ],
            options={
                'ordering': ['-year', 'school_name'],
                'constraints': [models.UniqueConstraint(fields=('pupil', 'year', 'local_authority', 'establishment'), name='earlier_attendance_once_a_school_year')],
            },
        ),
    ]
