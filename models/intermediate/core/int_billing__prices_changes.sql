{{ config(day='changed_on', reads={'stg_billing__prices': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_billing__prices'),
    key=['plan_code', 'country', 'valid_from'],
    columns=['valid_to', 'currency', 'amount', 'tax_mode', 'tax_rate', 'created_at']
) }}
