
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('schools', '0002_cache_table'),
    ]

    operations = [
        migrations.AddField(
            model_name='registertime',
            name='year_groups',
            field=models.JSONField(blank=True, default=list, help_text='For whom, where afternoons differ. Empty: all.'),
        ),
        migrations.AddField(
            model_name='school',
            name='establishment_number',
            field=models.CharField(blank=True, max_length=4, validators=[django.core.validators.RegexValidator('^\\d{4}$', 'It has four digits.')]),
        ),
        migrations.AddField(
            model_name='school',
            name='la_number',
            field=models.CharField(blank=True, max_length=3, validators=[django.core.validators.RegexValidator('^\\d{3}$', 'It has three digits.')], verbose_name='LA number'),
        ),
        migrations.CreateModel(
            name='ContactNumber',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=40)),
                ('parent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mis_numbers', to='schools.parent')),
                ('school', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='schools.school')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('school', 'number'), name='contact_number_once_a_school')],
            },
        ),
        migrations.CreateModel(
            name='PeopleBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file_name', models.CharField(max_length=200)),
                ('sha256', models.CharField(max_length=64)),
                ('format', models.CharField(choices=[('table', 'Table'), ('ctf', 'Common transfer file'), ('sims', 'SIMS report'), ('wonde', 'Wonde'), ('api', 'API')], max_length=10)),
                ('at', models.DateTimeField()),
                ('rows', models.PositiveIntegerField()),
                ('new', models.PositiveIntegerField()),
                ('changed', models.PositiveIntegerField()),
                ('unchanged', models.PositiveIntegerField()),
                ('refused', models.PositiveIntegerField()),
                ('leavers', models.PositiveIntegerField(default=0)),
                ('refusals', models.JSONField(default=list, help_text='[{row, reason}], the first thousand.')),
                ('before', models.JSONField(default=list, help_text='What the rows that were changed said before, to undo by.')),
                ('undone_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='people_batches', to='schools.school')),
                ('undone_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['school', '-at'], name='people_batch_by_school')],
            },
        ),
    ]
