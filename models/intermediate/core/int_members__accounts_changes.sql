{{ config(day='changed_on', reads={'stg_members__accounts': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_members__accounts'),
    key=['account_id'],
    columns=[
        'created_at', 'country', 'time_zone', 'language', 'birth_year_band', 'acquisition_channel',
        'status', 'closed_at', 'explicit_content', 'email_hash'
    ],
    carried=['updated_at']
) }}
