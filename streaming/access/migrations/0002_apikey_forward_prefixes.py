from typing import Any

from django.db import migrations, models

import streaming.access.models
from streaming.conf import get_config


def keep_what_keys_may_hear(apps: Any, schema_editor: Any) -> None:
    """The keys that exist were made when every key could listen to whatever the settings allow."""
    prefixes = "\n".join(get_config().forward.allowed_prefixes)
    apps.get_model("access", "ApiKey").objects.using(schema_editor.connection.alias).update(forward_prefixes=prefixes)


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='forward_prefixes',
            field=models.TextField(blank=True, default='', help_text='One per line. The key may listen to the channels of forward mode that begin with one of them and that forward.allowed_prefixes allows. End each with a separator: “sess:alice” would also mean “sess:alice2”, “sess:alice:” does not. Empty: none.', validators=[streaming.access.models.check_prefixes]),
            preserve_default=False,
        ),
        migrations.RunPython(keep_what_keys_may_hear, migrations.RunPython.noop),
    ]
