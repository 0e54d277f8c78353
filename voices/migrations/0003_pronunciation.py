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
                ('dictionary_id', models.CharField(default=voices.dictionaries.new_dictionary_id, help_text='The pronunciation_dictionary_id that clients send in a locator.', max_length=64, unique=True, validators=[django.core.validators.RegexValidator(re.compile('^[A-Za-z0-9_-]+\\Z'), 'Use only letters, digits, - and _.')])),
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
                ('string_to_replace', models.CharField(help_text='The word as it is written.', max_length=200)),
                ('alias', models.CharField(help_text='The words to say instead. Phonetic symbols are not supported.', max_length=250)),
                ('case_sensitive', models.BooleanField(default=True, help_text='Distinguish upper and lower case.')),
                ('word_boundaries', models.BooleanField(default=True, help_text='Match whole words only.')),
                ('dictionary', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rules', to='voices.pronunciationdictionary')),
            ],
            options={
                'ordering': ('pk',),
                'constraints': [models.UniqueConstraint(fields=('dictionary', 'string_to_replace'), name='one_rule_per_string', violation_error_message='A rule for this word already exists.')],
            },
        ),
    ]
