-- What is odd about the regular dumps (`regular`) of the nights not judged yet (`unjudged`), by what was measured of them
-- and of those before. One row per night, table and measure: mild, or severe where nothing built on it should be shown.
with counted as (

    select
        measures.backend,
        measures.table_name,
        measures.arrived_on as day,
        measures.measure,
        case when starts_with(measures.measure, 'values of ') then max(measures.amount) else sum(measures.amount) end as amount
    from ops.measures as measures
    inner join regular
        on regular.backend = measures.backend
        and regular.table_name = measures.table_name
        and regular.dump_id = measures.dump_id
        and regular.day = measures.arrived_on
    group by measures.backend, measures.table_name, measures.arrived_on, measures.measure

),

-- Every day of a table beside every measure it ever had: what is missing is 0.
days as (

    select backend, table_name, day, amount as row_count
    from counted
    where measure = 'rows'

),

measures as (

    select distinct backend, table_name, measure
    from counted

),

daily as (

    select
        days.backend,
        days.table_name,
        days.day,
        days.row_count,
        measures.measure,
        coalesce(counted.amount, 0) as amount
    from days
    inner join measures
        on measures.backend = days.backend
        and measures.table_name = days.table_name
    left join counted
        on counted.backend = days.backend
        and counted.table_name = days.table_name
        and counted.day = days.day
        and counted.measure = measures.measure

),

nulls as (

    select backend, table_name, day, substr(measure, 10) as column_name, amount
    from daily
    where starts_with(measure, 'nulls of ')

),

-- Levels compare as ratios: a logarithm each, with the number of rows it rests on.
levels as (

    select backend, table_name, day, measure, amount as found, ln(1 + amount) as level, amount as weight
    from daily
    where measure = 'rows'
    union all
    select
        backend,
        table_name,
        day,
        measure,
        amount,
        ln((amount + 0.5) / (row_count + 1)),
        amount
    from daily
    where starts_with(measure, 'rows with ') and row_count >= 30
    union all
    select
        daily.backend,
        daily.table_name,
        daily.day,
        concat('mean of ', nulls.column_name),
        daily.amount / (daily.row_count - nulls.amount),
        ln(abs(daily.amount / (daily.row_count - nulls.amount))),
        daily.row_count - nulls.amount
    from daily
    inner join nulls
        on nulls.backend = daily.backend
        and nulls.table_name = daily.table_name
        and nulls.day = daily.day
        and daily.measure = concat('sum of ', nulls.column_name)
    where daily.row_count - nulls.amount >= 30 and daily.amount <> 0

),

with_season as (

    select
        *,
        coalesce(
            median(level) over (
                partition by backend, table_name, measure, isodow(day)
                order by day range between interval 28 days preceding and interval 1 day preceding
            ),
            median(level) over (
                partition by backend, table_name, measure
                order by day range between interval 14 days preceding and interval 1 day preceding
            )
        ) as usual_level,
        median(weight) over (
            partition by backend, table_name, measure
            order by day range between interval 28 days preceding and interval 1 day preceding
        ) as usual_weight
    from levels

),

with_spread as (

    select
        *,
        level - usual_level as away,
        median(level - usual_level) over before as usual_away,
        1.4826 * mad(level - usual_level) over before as spread,
        max(abs(level - usual_level)) over before as farthest,
        count(level - usual_level) over before as days_before
    from with_season
    window before as (
        partition by backend, table_name, measure
        order by day range between interval 28 days preceding and interval 1 day preceding
    )

),

level_scores as (

    select
        backend,
        table_name,
        day,
        measure,
        found,
        case measure when 'rows' then exp(usual_level + usual_away) else found * exp(usual_away - away) end as expected,
        abs(away - usual_away) as ratio,
        abs(away - usual_away) / greatest(spread, 1.5 / sqrt(greatest(usual_weight, 1)), 0.03) as score,
        abs(away - usual_away) / greatest(farthest, 0.03) as beyond,
        usual_weight
    from with_spread
    where days_before >= $fewest

),

level_anomalies as (

    select
        backend,
        table_name,
        day,
        measure,
        found,
        expected,
        case when score > 10 and beyond > 2 and ratio > 0.6 then 'severe' else 'mild' end as severity
    from level_scores
    where
        score > 6
        and beyond > 1.5
        and ratio > 0.35
        and usual_weight >= 30

),

-- Shares of a dump's rows: nulls of a column, rows for each key, events in the hour before the day and the one after.
shares as (

    select backend, table_name, day, measure, row_count, amount / row_count as share
    from daily
    where
        row_count >= 30
        and (starts_with(measure, 'nulls of ') or starts_with(measure, 'rows of the hour ') or measure = 'keys')

),

share_scores as (

    select
        *,
        median(share) over before as usual,
        max(share) over before as most,
        min(share) over before as least,
        count(*) over before as days_before
    from shares
    window before as (
        partition by backend, table_name, measure
        order by day range between interval 28 days preceding and interval 1 day preceding
    )

),

share_anomalies as (

    select
        backend,
        table_name,
        day,
        measure,
        share as found,
        usual as expected,
        case
            when starts_with(measure, 'rows of the hour ') or greatest(share - most, least - share) > 0.3 then 'severe'
            else 'mild'
        end as severity
    from share_scores
    where
        days_before >= $fewest
        and greatest(share - most, least - share) > case
            when starts_with(measure, 'rows of the hour ') then 0.015
            when measure = 'keys' then 0.05
            else 0.15
        end
        and greatest(share - most, least - share) > 5 * sqrt(greatest(usual * (1 - usual), 0.01) / row_count)

),

value_scores as (

    select
        *,
        median(amount) over before as usual,
        min(amount) over before as least,
        count(*) over before as days_before
    from daily
    where starts_with(measure, 'values of ') and row_count >= 30
    window before as (
        partition by backend, table_name, measure
        order by day range between interval 28 days preceding and interval 1 day preceding
    )

),

value_anomalies as (

    select backend, table_name, day, measure, amount as found, usual as expected, 'severe' as severity
    from value_scores
    where days_before >= $fewest and amount <= 1 and least >= 5 and usual >= 8

),

-- The hours of the day: is the day more like the days before when its clock is put on or back?
hours as (

    select
        backend,
        table_name,
        day,
        cast(substr(measure, 14) as integer) as hour_of_day,
        amount / sum(amount) over (partition by backend, table_name, day) as share,
        sum(amount) over (partition by backend, table_name, day) as row_count
    from daily
    where starts_with(measure, 'rows at hour ')

),

usual_hours as (

    select
        *,
        avg(share) over (
            partition by backend, table_name, hour_of_day
            order by day range between interval 28 days preceding and interval 1 day preceding
        ) as usual_share,
        count(*) over (
            partition by backend, table_name, hour_of_day
            order by day range between interval 28 days preceding and interval 1 day preceding
        ) as days_before
    from hours

),

shifted as (

    select
        today.backend,
        today.table_name,
        today.day,
        steps.shift,
        sum(abs(today.share - usual.usual_share)) as distance,
        max(today.row_count) as row_count,
        min(today.days_before) as days_before,
        count(*) as hours_seen
    from usual_hours as today
    inner join unjudged on unjudged.night = today.day
    cross join (values (-2), (-1), (0), (1), (2)) as steps (shift)
    inner join usual_hours as usual
        on usual.backend = today.backend
        and usual.table_name = today.table_name
        and usual.day = today.day
        and usual.hour_of_day = (today.hour_of_day - steps.shift + 24) % 24
    group by today.backend, today.table_name, today.day, steps.shift

),

hour_anomalies as (

    select
        backend,
        table_name,
        day,
        'hours of the day' as measure,
        cast(arg_min(shift, distance) as double) as found,
        0.0 as expected,
        'severe' as severity
    from shifted
    where days_before >= $fewest and row_count >= 300 and hours_seen >= 20
    group by backend, table_name, day
    having
        arg_min(shift, distance) <> 0
        and min(distance) < 0.6 * max(case shift when 0 then distance end)
        and max(case shift when 0 then distance end) > 0.08

),

-- The same files again, of a table whose files were never the same before; or nothing at all. Those of the day before
-- may be a table that stood still, and show a state a day old; older ones take back what has happened since.
contents as (

    select
        backend,
        table_name,
        day,
        string_agg(content, ',' order by content) as content,
        min(dump_id) as dump_id
    from regular
    group by backend, table_name, day

),

repeats as (

    select
        *,
        content in (
            select earlier.content
            from contents as earlier
            where
                earlier.backend = contents.backend
                and earlier.table_name = contents.table_name
                and earlier.day < contents.day
                and earlier.day >= contents.day - 28
        ) as is_repeat,
        content = lag(content) over (partition by backend, table_name order by day) as is_as_the_day_before
    from contents

),

repeat_scores as (

    select
        *,
        count(*) over before as days_before,
        coalesce(sum(cast(is_repeat as integer)) over before, 0) as repeats_before
    from repeats
    window before as (
        partition by backend, table_name
        order by day range between interval 28 days preceding and interval 1 day preceding
    )

),

repeat_anomalies as (

    select
        backend,
        table_name,
        day,
        'the same files again' as measure,
        1.0 as found,
        0.0 as expected,
        case when is_as_the_day_before then 'mild' else 'severe' end as severity
    from repeat_scores
    where is_repeat and repeats_before = 0 and days_before >= $fewest

),

expected_tables as (

    select unjudged.night, days.backend, days.table_name
    from unjudged
    inner join days
        on days.day between unjudged.night - 28 and unjudged.night
    where days.row_count > 0
    group by unjudged.night, days.backend, days.table_name
    having
        count(case when days.day < unjudged.night then 1 end) = 28
        and count(case when days.day = unjudged.night then 1 end) = 0

),

missing_anomalies as (

    select backend, table_name, night as day, 'nothing arrived' as measure, 0.0 as found, 1.0 as expected, 'mild' as severity
    from expected_tables

),

anomalies as (

    select * from level_anomalies
    union all
    select * from share_anomalies
    union all
    select * from value_anomalies
    union all
    select * from hour_anomalies
    union all
    select * from repeat_anomalies
    union all
    select * from missing_anomalies

)

select
    anomalies.backend,
    anomalies.table_name,
    contents.dump_id,
    anomalies.day as night,
    anomalies.measure,
    anomalies.severity,
    anomalies.found,
    anomalies.expected,
    case
        when measure = 'hours of the day' then concat('its hours of the day lie ', cast(cast(found as integer) as varchar), ' h beside the usual ones')
        when starts_with(measure, 'rows of the hour ') then printf('%.1f%% are %s, usually %.1f%%', 100 * found, measure, 100 * expected)
        when measure = 'the same files again' then 'the very files of an earlier day came again'
        when measure = 'nothing arrived' then 'nothing arrived, and something did on every day before'
        when starts_with(measure, 'nulls of ') then printf('%.1f%% of %s are empty, usually %.1f%%', 100 * found, substr(measure, 10), 100 * expected)
        when measure = 'keys' then printf('only %.1f%% of its rows have a key of their own, usually %.1f%%', 100 * found, 100 * expected)
        when starts_with(measure, 'values of ') then printf('%s has %.0f value, usually %.0f', substr(measure, 11), found, expected)
        else printf('%s: %.6g, expected about %.6g', measure, found, expected)
    end as sentence,
    anomalies.day = $night as is_tonight
from anomalies
inner join unjudged on unjudged.night = anomalies.day
left join contents
    on contents.backend = anomalies.backend
    and contents.table_name = anomalies.table_name
    and contents.day = anomalies.day
