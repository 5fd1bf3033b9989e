{{ config(day='changed_on', reads={'stg_catalog__tracks': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_catalog__tracks'),
    key=['track_id'],
    columns=[
        'recording_id', 'release_id', 'artist_id', 'licensor_id', 'isrc', 'title', 'genre', 'language',
        'released_on', 'is_explicit', 'duration_ms', 'taken_down_at', 'created_at'
    ]
) }}
