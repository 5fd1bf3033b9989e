{{ config(day='played_on', reads={'int_member_listening_daily': 'day'}) }}
-- HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007): a member's hash chooses one of 4,096 buckets, and each
-- keeps the longest run of zero bits that it has seen. Days and countries are put together by the greatest rank each.
with hashed as (

    select
        played_on,
        country,
        substr(md5(account_id), 1, 3) as sketch_bucket,
        substr(md5(account_id), 4, 13) as hex_digits
    from {{ ref('int_member_listening_daily') }}
    where {{ stale_days('played_on') }}

),

counted as (

    select
        *,
        length(hex_digits) - length(trim(leading '0' from hex_digits)) as zero_digits,
        substr(trim(leading '0' from hex_digits), 1, 1) as first_digit
    from hashed

)

select
    played_on,
    country,
    sketch_bucket,
    cast(max(
        4 * zero_digits + case
            when first_digit >= '8' or first_digit = '' then 1
            when first_digit >= '4' then 2
            when first_digit >= '2' then 3
            else 4
        end
    ) as integer) as sketch_rank
from counted
group by played_on, country, sketch_bucket
