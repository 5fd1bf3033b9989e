{{ config(day='changed_on', reads={'stg_catalog__contracts': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_catalog__contracts'),
    key=['contract_id'],
    columns=[
        'licensor_id', 'territory', 'plan_code', 'revenue_share', 'minimum_per_subscriber',
        'minimum_currency', 'allocation_method', 'trial_streams_count', 'silent_subscribers', 'valid_from',
        'valid_to', 'created_at'
    ]
) }}
