{{ config(day='changed_on', reads={'stg_catalog__splits': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_catalog__splits'),
    key=['split_id'],
    columns=['recording_id', 'rights_holder_id', 'share', 'valid_from', 'valid_to', 'created_at']
) }}
