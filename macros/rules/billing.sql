{#- Generated from backends/billing.yml by ./nightshift sources; edit that file and run it again. -#}
{% macro rules_of_billing() %}
  {{- return({
    "plans": {},
    "prices": {
      "negative_amount": "amount < 0",
      "ends_before_it_starts": "valid_to <= valid_from"
    },
    "subscriptions": {
      "unknown_state": "state not in ('trial', 'active', 'paused', 'past_due', 'ended')"
    },
    "subscription_events": {
      "unknown_event": "event not in ('trial_started', 'started', 'upgraded', 'downgraded', 'paused', 'resumed', 'cancelled', 'lapsed', 'reactivated')"
    },
    "invoices": {
      "negative_amount": "net_amount < 0 or tax_amount < 0",
      "total_is_not_the_sum": "total_amount <> net_amount + tax_amount",
      "unknown_state": "state not in ('open', 'paid', 'uncollectible', 'void')"
    },
    "invoice_lines": {
      "total_is_not_the_sum": "gross_amount - discount_amount <> net_amount + tax_amount",
      "negative_amount": "kind <> 'proration' and (net_amount < 0 or tax_amount < 0)",
      "ends_before_it_starts": "service_to <= service_from"
    },
    "credit_notes": {
      "negative_amount": "net_amount < 0 or tax_amount < 0",
      "unknown_kind": "kind not in ('refund', 'goodwill')"
    },
    "payments": {
      "negative_amount": "amount < 0",
      "unknown_result": "result not in ('pending', 'succeeded', 'declined')",
      "for_nothing": "invoice_id is null and gift_card_id is null"
    },
    "refunds": {
      "negative_amount": "amount < 0",
      "unknown_state": "state not in ('pending', 'succeeded', 'failed')"
    },
    "chargebacks": {
      "negative_amount": "amount < 0",
      "unknown_state": "state not in ('open', 'won', 'lost')"
    },
    "gift_cards": {
      "negative_amount": "amount < 0",
      "unknown_event": "event not in ('sold', 'redeemed', 'expired')"
    },
    "ad_revenue": {
      "negative_amount": "amount < 0"
    }
  }) -}}
{% endmacro %}
