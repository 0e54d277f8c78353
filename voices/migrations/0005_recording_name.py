
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('voices', '0004_voice_labels'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='referenceclip',
            options={'ordering': ('pk',), 'verbose_name': 'reference recording'},
        ),
    ]
