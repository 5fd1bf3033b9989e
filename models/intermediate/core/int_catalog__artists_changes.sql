{{ config(day='changed_on', reads={'stg_catalog__artists': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_catalog__artists'),
    key=['artist_id'],
    columns=['name', 'aliases', 'country', 'main_genre', 'created_at']
) }}
