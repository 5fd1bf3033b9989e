{{ config(day='changed_on', reads={'stg_catalog__releases': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_catalog__releases'),
    key=['release_id'],
    columns=['artist_id', 'licensor_id', 'title', 'upc', 'release_kind', 'label', 'released_on', 'created_at']
) }}
