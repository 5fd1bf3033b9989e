{#
  Walks the campaigns of each address in the order of its turns: a mail is within the cap of its campaign if those of the
  last days (recent_mails) and those before it tonight are fewer than cap_mails. Who is held out takes no place.
  The relation has campaign, account_id, address_hash, turn, recent_mails, cap_mails, lot and holdout_lots.
#}
{% macro within_the_cap(eligible) -%}
with recursive walked as (

        select
            campaign,
            account_id,
            address_hash,
            turn,
            recent_mails < cap_mails as is_within_cap,
            case when recent_mails < cap_mails and lot >= holdout_lots then 1 else 0 end as taken
        from {{ eligible }}
        where turn = 1
        union all
        select
            next_turn.campaign,
            next_turn.account_id,
            next_turn.address_hash,
            next_turn.turn,
            next_turn.recent_mails + walked.taken < next_turn.cap_mails,
            walked.taken + case when next_turn.recent_mails + walked.taken < next_turn.cap_mails and next_turn.lot >= next_turn.holdout_lots then 1 else 0 end
        from walked
        inner join {{ eligible }} as next_turn
            on next_turn.address_hash = walked.address_hash
            and next_turn.turn = walked.turn + 1

    )

    select campaign, account_id, is_within_cap from walked
{%- endmacro %}

{# Why a listener gets a mail or does not, by the code in rpt_campaign_audience.outcome. #}
{% macro outcomes_in_words() %}
  {{- return({
    'included': 'She gets the mail.',
    'holdout': 'Held out of this campaign, to compare with.',
    'held_out_before': 'Held out of this campaign, to compare with; put on record before.',
    'not_in_audience': "The campaign's query did not find her.",
    'not_active': 'The account is not active.',
    'erased': 'She asked to be forgotten.',
    'no_address': 'No e-mail address is known.',
    'unknown_time_zone': 'Her time zone is unknown, so her quiet hours are.',
    'country': "A rule of the account's country forbids it.",
    'no_consent': 'There is no consent to the topic, or it was withdrawn.',
    'consent_too_old': "The consent is older than the account's country lets it hold.",
    'complained': 'She, or somebody at the same address, reported a mail as spam.',
    'unsubscribed': 'She, or somebody at the same address, left the topic or all mail after the consent.',
    'bad_mailbox': 'Mail to the address came back because the mailbox is bad.',
    'language': 'The campaign has no text in her language and no other to fall back on.',
    'already_sent': 'She got the mail of this period.',
    'failed_before': 'The mail of this period was refused for good.',
    'address_taken': 'Another account at the same address gets it.',
    'frequency_cap': "Mails of the last days, or of campaigns that go first, fill the campaign's cap.",
  }) -}}
{% endmacro %}

{% macro outcome_in_words(code) -%}
case {{ code }}
    {%- for name, words in outcomes_in_words().items() %}
        when '{{ name }}' then '{{ words | replace("'", "''") }}'
    {%- endfor %}
    end
{%- endmacro %}
