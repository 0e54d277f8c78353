from django.db import migrations, models

import voices.models


class Migration(migrations.Migration):
    dependencies = [("voices", "0003_pronunciation")]

    operations = [
        migrations.AddField(
            model_name="voice",
            name="labels",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text='Labels that clients can search for, as JSON: {"accent": "scottish", "gender": "female"}.',
                validators=[voices.models.check_labels],
            ),
        ),
    ]
