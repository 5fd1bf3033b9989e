-- The report adds up: of every campaign that is due, all members and nobody else.
with members as (

    select count(*) as members from {{ ref('int_mail_members') }}

),

judged as (

    select campaign, count(*) as members
    from {{ ref('rpt_campaign_audience') }}
    group by campaign

)

select due.campaign, members.members, coalesce(judged.members, 0) as judged
from {{ ref('int_campaign_periods') }} as due
cross join members
left join judged on judged.campaign = due.campaign
where due.is_due and members.members <> coalesce(judged.members, 0)
