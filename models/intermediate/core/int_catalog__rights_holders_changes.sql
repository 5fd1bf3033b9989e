{{ config(day='changed_on', reads={'stg_catalog__rights_holders': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_catalog__rights_holders'),
    key=['rights_holder_id'],
    columns=[
        'licensor_id', 'name', 'holder_kind', 'country', 'currency', 'payout_threshold', 'advance_amount',
        'withholding_tax_rate', 'created_at'
    ]
) }}
