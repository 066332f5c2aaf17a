import datetime
import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('schools', '0003_people_from_files'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('text', 'Text'), ('email', 'E-mail')], default='text', max_length=5)),
                ('purpose', models.SlugField(help_text='first-day, reply, letter …', max_length=40)),
                ('subject', models.CharField(blank=True, help_text='E-mail only.', max_length=200)),
                ('body', models.TextField()),
                ('to', models.CharField(help_text='+447700900123, or an e-mail address.', max_length=254)),
                ('reference', models.UUIDField(default=uuid.uuid4, help_text='Under which the provider has it.', unique=True)),
                ('batch', models.UUIDField(help_text='What was confirmed in one click: a second click makes nothing new.', null=True)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sending', 'Sending'), ('sent', 'Sent'), ('delivered', 'Delivered'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='waiting', max_length=10)),
                ('fault', models.TextField(blank=True, help_text='Why it failed or was put off, in words.')),
                ('asked_role', models.CharField(blank=True, max_length=20)),
                ('asked_at', models.DateTimeField()),
                ('why', models.CharField(blank=True, max_length=200)),
                ('not_before', models.DateTimeField()),
                ('not_after', models.DateTimeField(help_text='A text about today is worthless tomorrow: then it fails, and says so.', null=True)),
                ('try_at', models.DateTimeField(help_text='The next try: ``not_before``, then moved on by back-off and quiet hours.')),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('claim', models.UUIDField(help_text='Whose lease it is while it is being sent.', null=True)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('may_be_out', models.BooleanField(default=False, help_text='A try may have reached the provider without our hearing: look it up first.')),
                ('provider_id', models.CharField(blank=True, max_length=64)),
                ('sent_at', models.DateTimeField(help_text='When the provider had it.', null=True)),
                ('settled_at', models.DateTimeField(help_text='When it was delivered, had failed or was cancelled.', null=True)),
                ('look_at', models.DateTimeField(help_text='When to ask the provider what became of it; null: no more.', null=True)),
                ('asked_by', models.ForeignKey(help_text='Who approved it.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('parent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='schools.parent')),
                ('pupils', models.ManyToManyField(help_text="Whom it is about: the parent's own children only.", related_name='messages', to='schools.pupil')),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='schools.school')),
            ],
            options={
                'ordering': ['-asked_at', '-id'],
                'indexes': [models.Index(fields=['state', 'try_at'], name='message_due'), models.Index(fields=['state', 'look_at'], name='message_to_look_at'), models.Index(fields=['school', '-asked_at'], name='message_by_school'), models.Index(fields=['to', '-asked_at'], name='message_by_number')],
                'constraints': [models.UniqueConstraint(fields=('batch', 'parent'), name='message_once_a_batch'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'sending', 'sent', 'delivered', 'failed', 'cancelled'])), name='message_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('claim__isnull', False), ('claimed_until__isnull', False), ('state', 'sending')), models.Q(models.Q(('state', 'sending'), _negated=True), ('claim__isnull', True), ('claimed_until__isnull', True)), _connector='OR'), name='message_claimed_while_sending'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['sent', 'delivered']), _negated=True), models.Q(('sent_at__isnull', False), models.Q(('provider_id', ''), _negated=True)), _connector='OR'), name='message_sent_says_where_and_when'), models.CheckConstraint(condition=models.Q(models.Q(('settled_at__isnull', False), ('state__in', ['delivered', 'failed', 'cancelled'])), models.Q(('settled_at__isnull', True), ('state__in', ['waiting', 'sending', 'sent'])), _connector='OR'), name='message_settled_says_when'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('fault', ''), _negated=True), _connector='OR'), name='message_failed_says_why'), models.CheckConstraint(condition=models.Q(models.Q(('channel', 'text'), ('subject', ''), ('to__startswith', '+447')), models.Q(('channel', 'email'), ('to__contains', '@')), _connector='OR'), name='message_goes_where_its_channel_can'), models.CheckConstraint(condition=models.Q(models.Q(('body', ''), _negated=True), models.Q(('purpose', ''), _negated=True)), name='message_says_something'), models.CheckConstraint(condition=models.Q(('not_after__isnull', True), ('not_after__gt', models.F('not_before')), _connector='OR'), name='message_ends_after_it_begins')],
            },
        ),
        migrations.CreateModel(
            name='Reply',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider_id', models.CharField(max_length=64, unique=True)),
                ('number', models.CharField(help_text='+447700900123, or as the provider gave it.', max_length=20)),
                ('body', models.TextField(blank=True)),
                ('received_at', models.DateTimeField()),
                ('stored_at', models.DateTimeField()),
                ('read_at', models.DateTimeField(null=True)),
                ('message', models.ForeignKey(help_text='The last text to this number before it.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replies', to='messaging.message')),
                ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replies', to='schools.parent')),
                ('pupils', models.ManyToManyField(help_text='Whom the text was about; empty: nobody was matched.', related_name='replies', to='schools.pupil')),
                ('read_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='replies', to='schools.school')),
            ],
            options={
                'verbose_name_plural': 'replies',
                'ordering': ['-received_at', '-id'],
                'indexes': [models.Index(fields=['school', '-received_at'], name='reply_by_school')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('read_at__isnull', True), ('read_by__isnull', True)), models.Q(('read_at__isnull', False), ('read_by__isnull', False)), _connector='OR'), name='reply_read_says_by_whom_and_when'), models.CheckConstraint(condition=models.Q(('message__isnull', True), ('parent__isnull', False), _connector='OR'), name='reply_to_a_message_has_a_parent')],
            },
        ),
        migrations.AddField(
            model_name='message',
            name='answers',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='messaging.reply'),
        ),
        migrations.CreateModel(
            name='Sender',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.BinaryField(help_text='Encrypted, see schools.secrets; never shown again.', verbose_name='API key')),
                ('key_name', models.CharField(blank=True, help_text='The part of the key that is no secret.', max_length=120)),
                ('service', models.UUIDField(help_text='From the key: schools with the same service share its replies.', verbose_name='Notify service')),
                ('text_template', models.UUIDField(help_text='Its body is ((message)).', verbose_name='text message template')),
                ('email_template', models.UUIDField(blank=True, help_text='Its subject is ((subject)), its body ((message)).', null=True, verbose_name='e-mail template')),
                ('opens', models.TimeField(default=datetime.time(7, 30), verbose_name='texts leave from')),
                ('closes', models.TimeField(default=datetime.time(19, 0), help_text='On weekdays, in school time.', verbose_name='until')),
                ('changed_at', models.DateTimeField()),
                ('fault', models.TextField(blank=True, help_text='What keeps every text waiting, in words.')),
                ('faults', models.PositiveSmallIntegerField(default=0, help_text='One after the other.')),
                ('fault_at', models.DateTimeField(null=True)),
                ('paused_until', models.DateTimeField(help_text='Nothing is tried before.', null=True)),
                ('replies_read_at', models.DateTimeField(null=True)),
                ('changed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('school', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='sender', to='schools.school')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('closes__gt', models.F('opens'))), name='sender_closes_after_it_opens'), models.CheckConstraint(condition=models.Q(('faults', 0), models.Q(('fault', ''), _negated=True), _connector='OR'), name='sender_fault_is_told')],
            },
        ),
        migrations.CreateModel(
            name='MessageTry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('what', models.CharField(choices=[('began', 'Began'), ('sent', 'Accepted by the provider'), ('found', 'The provider already had it'), ('put_off', 'Put off'), ('failed', 'Failed')], max_length=8)),
                ('at', models.DateTimeField()),
                ('status', models.PositiveSmallIntegerField(help_text="The provider's HTTP status.", null=True)),
                ('sentence', models.TextField(blank=True)),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='all_tries', to='messaging.message')),
            ],
            options={
                'ordering': ['message', 'number', 'id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('what', 'began')), fields=('message', 'number'), name='message_try_begins_once'), models.UniqueConstraint(condition=models.Q(('what', 'began'), _negated=True), fields=('message', 'number'), name='message_try_ends_once'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='message_try_is_counted_from_one')],
            },
        ),
    ]
