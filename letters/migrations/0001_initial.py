import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('escalation', '0001_initial'),
        ('schools', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='StoredFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, unique=True)),
                ('content', models.BinaryField()),
                ('size', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('stored_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='Letter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ruleset', models.CharField(max_length=30)),
                ('wording', models.CharField(max_length=40)),
                ('wording_version', models.CharField(max_length=64)),
                ('title', models.CharField(max_length=200)),
                ('channel', models.CharField(choices=[('print', 'Post'), ('portal', "Parents' portal")], default='print', max_length=10)),
                ('state', models.CharField(choices=[('drafted', 'Drafted'), ('held', 'Held'), ('approved', 'Approved'), ('sending', 'Sending'), ('sent', 'Sent'), ('posted', 'Posted'), ('delivered', 'Delivered'), ('failed', 'Failed'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn')], default='drafted', max_length=10)),
                ('approves', models.CharField(choices=[('officer', 'Attendance officer'), ('tutor', 'Form tutor'), ('head_of_year', 'Head of year'), ('attendance_lead', 'Attendance lead'), ('safeguarding_lead', 'Designated safeguarding lead'), ('head', 'Headteacher'), ('trust_lead', 'Trust attendance lead'), ('governor', 'Governor'), ('administrator', 'Administrator')], max_length=20)),
                ('drafted_on', models.DateField()),
                ('drafted_at', models.DateTimeField()),
                ('facts', models.JSONField(help_text='Everything the letter states, as of ``figures_on``.')),
                ('figures_on', models.DateField()),
                ('fills', models.JSONField(default=dict, help_text='What a person filled in: date, time and place of a meeting.')),
                ('extra_paragraph', models.TextField(blank=True, help_text='What a person added to the letter.')),
                ('held_until', models.DateField(null=True)),
                ('reason', models.TextField(blank=True, help_text='Why it was held, declined or withdrawn.')),
                ('ask_again_on', models.DateField(null=True)),
                ('approved_at', models.DateTimeField(null=True)),
                ('leaves_at', models.DateTimeField(help_text='Until then the approval can be undone.', null=True)),
                ('text', models.TextField(blank=True, help_text='The words as approved.')),
                ('pdf', models.FileField(blank=True, max_length=200, upload_to='letters')),
                ('sha256', models.CharField(blank=True, help_text='Of the PDF.', max_length=64)),
                ('left_on', models.DateField(help_text='The day it was posted or sent.', null=True)),
                ('approved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='letters', to='escalation.case')),
                ('parent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='letters', to='schools.parent')),
                ('planned', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='letters', to='escalation.plannedletter')),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='letters', to='schools.school')),
                ('stage_record', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='letters', to='escalation.stagerecord')),
            ],
            options={
                'ordering': ['drafted_at', 'id'],
                'indexes': [models.Index(fields=['school', 'state'], name='letter_by_state'), models.Index(fields=['case', 'state'], name='letter_by_case')],
                'constraints': [models.UniqueConstraint(fields=('planned', 'parent'), name='letter_once_a_parent'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['approved', 'sending', 'sent', 'posted', 'delivered']), _negated=True), ('approved_by__isnull', False), _connector='OR'), name='approved_letter_has_its_approver')],
            },
        ),
        migrations.CreateModel(
            name='LetterEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('before', models.CharField(blank=True, max_length=10)),
                ('after', models.CharField(max_length=10)),
                ('role', models.CharField(blank=True, max_length=20)),
                ('at', models.DateTimeField()),
                ('reason', models.TextField(blank=True)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('letter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='letters.letter')),
            ],
            options={
                'ordering': ['at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='PrintBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('made_at', models.DateTimeField()),
                ('pdf', models.FileField(max_length=200, upload_to='batches')),
                ('manifest', models.JSONField(default=list, help_text='[{letter, pages, first_page, sha256}] in posting order.')),
                ('posted_on', models.DateField(null=True)),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('posted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='print_batches', to='schools.school')),
            ],
            options={
                'ordering': ['-made_at'],
            },
        ),
        migrations.AddField(
            model_name='letter',
            name='batch',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='letters', to='letters.printbatch'),
        ),
    ]
