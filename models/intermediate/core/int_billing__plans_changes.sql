{{ config(day='changed_on', reads={'stg_billing__plans': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_billing__plans'),
    key=['plan_code'],
    columns=['name', 'billing_period', 'seats', 'has_ads', 'trial_days', 'created_at']
) }}
