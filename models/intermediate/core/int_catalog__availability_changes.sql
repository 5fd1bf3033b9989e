{{ config(day='changed_on', reads={'stg_catalog__availability': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_catalog__availability'),
    key=['track_id', 'territory', 'valid_from'],
    columns=['valid_to', 'is_available']
) }}
