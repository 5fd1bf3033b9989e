"""What a new campaign begins with: a folder that builds, sends nobody anything yet, and is edited from there."""

from __future__ import annotations

FILES = {
    "campaign.yml": """models:
  - name: audience_{name}
    description: One row per listener who …, and what the mail says.
    config:
      meta:
        owner: {{name: Lifecycle marketing, email: lifecycle@example.com}}
        campaign:
          topic: {topic}
          schedule: {{every: week, day: 3, open_days: 2}}   # day: 1 (Monday) to 7; every: month, day: 1 to 28
          priority: 90                                    # the lowest goes first
          frequency_cap: {{mails: 2, days: 7}}              # so many mails of all campaigns in so many days
          holdout_share: 0.1
          window: {{from: "09:00", to: "19:00"}}            # by the reader's clock
          languages: [en]
          fallback_language: en
          track_opens: true
          goal_days: 7
    columns:
      - {{name: account_id, data_type: varchar, description: "{{{{ doc('account_id') }}}}"}}
      - {{name: data_json, data_type: varchar, description: "What the template is filled with, as JSON."}}
""",
    "audience_{name}.sql": """{{{{ campaign_audience() }}}}
-- Who gets it, and what the mail says. Consent, caps, quiet hours and the rest are seen to elsewhere.
select
    activity.account_id,
    {{{{ json_object_of({{'streams': 'activity.streams_30'}}) }}}} as data_json
from {{{{ ref('fct_member_activity') }}}} as activity
cross join {{{{ campaign_period('{name}') }}}} as periods
where false
""",
    "mail.mjml.j2": """{{% extends "_layout/layout.mjml.j2" %}}
{{% from "_layout/parts.mjml.j2" import greeting with context %}}
{{% block content %}}
        {{{{ greeting() }}}}
        <mj-text>{{{{ t('lead') }}}}</mj-text>
        <mj-button href="{{{{ link('/', 'button') }}}}">{{{{ t('button') }}}}</mj-button>
{{% endblock %}}
""",
    "mail.txt.j2": """{{% extends "_layout/layout.txt.j2" %}}
{{% block content %}}
{{% if name is defined %}}{{{{ t('hello_name') }}}}{{% else %}}{{{{ t('hello') }}}}{{% endif %}}


{{{{ t('lead') }}}}

{{{{ t('button') }}}}: {{{{ link('/', 'button') }}}}
{{% endblock %}}
""",
    "texts.yml": """en:
  subject: "{{{{ streams | number }}}} tracks in thirty days"
  preheader: What the inbox shows after the subject.
  lead: What the mail says.
  button: Listen
""",
}


def files(name: str, topic: str) -> dict[str, str]:
    """The files of a new campaign by their names."""
    return {path.format(name=name): text.format(name=name, topic=topic) for path, text in FILES.items()}
