import re

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import voices.dictionaries


class Migration(migrations.Migration):

    dependencies = [
        ('voices', '0002_voice_conditioning'),
    ]

    operations = [
        migrations.CreateModel(
            name='PronunciationDictionary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dictionary_id', models.CharField(default=voices.dictionaries.new_dictionary_id, help_text='What clients name: the pronunciation_dictionary_id of a locator.', max_length=64, unique=True, validators=[django.core.validators.RegexValidator(re.compile('^[A-Za-z0-9_-]+\\Z'), 'Use only letters, digits, - and _.')])),
                ('name', models.CharField(max_length=100)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name_plural': 'pronunciation dictionaries',
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='PronunciationRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('string_to_replace', models.CharField(help_text='As it is written.', max_length=200)),
                ('alias', models.CharField(help_text='As it is to be read: words, not phonetic signs.', max_length=250)),
                ('case_sensitive', models.BooleanField(default=True, help_text='Only where capitals and small letters are the same.')),
                ('word_boundaries', models.BooleanField(default=True, help_text='Only whole words.')),
                ('dictionary', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rules', to='voices.pronunciationdictionary')),
            ],
            options={
                'ordering': ('pk',),
                'constraints': [models.UniqueConstraint(fields=('dictionary', 'string_to_replace'), name='one_rule_per_string', violation_error_message='There is a rule for this already.')],
            },
        ),
    ]
