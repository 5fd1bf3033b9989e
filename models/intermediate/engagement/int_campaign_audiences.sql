{{ config(materialized='whole') }}
{%- for name in campaigns() %}
    {%- if not loop.first %}
        union all
    {%- endif %}
    select '{{ name }}' as campaign, audience.account_id, audience.data_json
    from {{ ref('audience_' ~ name) }} as audience
    inner join {{ ref('int_campaign_periods') }} as periods on periods.campaign = '{{ name }}' and periods.is_due
{%- endfor %}
