{{ config(day='changed_on', reads={'stg_members__consents': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_members__consents'),
    key=['account_id', 'topic'],
    columns=['is_given', 'changed_at', 'source'],
    newest='changed_at'
) }}
