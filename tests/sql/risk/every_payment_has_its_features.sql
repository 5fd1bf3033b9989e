-- A payment has features in both tables, once, whether or not its currency, account or terminal is known;
-- in the one of what was known in time, if it arrived in time.
select payments.payment_id
from {{ ref('int_risk__payments') }} as payments
left join {{ ref('fct_payment_features') }} as features
    on features.paid_on = payments.paid_on and features.payment_id = payments.payment_id
left join {{ ref('int_risk__features_as_known') }} as known
    on known.paid_on = payments.paid_on and known.payment_id = payments.payment_id
where
    {{ changed_days('fct_payment_features', 'payments.paid_on') }}
    and (
        features.payment_id is null
        or (known.payment_id is null and payments.arrived_on <= payments.paid_on + {{ var('late_days') }})
    )
