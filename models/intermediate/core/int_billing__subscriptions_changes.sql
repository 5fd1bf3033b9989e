{{ config(day='changed_on', reads={'stg_billing__subscriptions': 'previous'}) }}
{{ snapshot_changes(
    ref('stg_billing__subscriptions'),
    key=['subscription_id'],
    columns=[
        'account_id', 'plan_code', 'state', 'country', 'currency', 'discount_code', 'started_at',
        'trial_ends_at', 'ended_at', 'end_reason'
    ],
    carried=['updated_at']
) }}
