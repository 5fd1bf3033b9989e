select track_id, artist_id, _covers_on as snapshot_on from {{ source('playback', 'tracks') }}
