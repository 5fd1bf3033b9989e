{{ config(day='changed_on', reads={'stg_catalog__licensors': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_catalog__licensors'),
    key=['licensor_id'],
    columns=['name', 'ddex_party_id', 'country', 'currency', 'created_at']
) }}
