-- What is odd about the regular dumps (`regular`) of the nights not judged yet (`unjudged`), by what was measured of them
-- and of those before. One row per night, table and measure: mild, or severe where nothing built on it should be shown.
with arrived as (

    select
        *,
        count(*) over (partition by backend, table_name, day) as dumps
    from regular

),

-- The logs of a day add up; each of its snapshots is the whole table, and the smallest of them should have all rows.
counted as (

    select
        measures.backend,
        measures.table_name,
        measures.arrived_on as day,
        measures.measure,
        case
            when starts_with(measures.measure, 'values of ') then max(measures.amount)
            when not arrived.is_snapshot then sum(measures.amount)
            when measures.measure = 'rows' then min(measures.amount)
            else sum(measures.amount) / arrived.dumps
        end as amount
    from ops.measures as measures
    inner join arrived
        on arrived.backend = measures.backend
        and arrived.table_name = measures.table_name
        and arrived.dump_id = measures.dump_id
        and arrived.day = measures.arrived_on
    group by
        measures.backend, measures.table_name, measures.arrived_on, measures.measure, arrived.is_snapshot, arrived.dumps

),

-- Every day of a table beside every measure it ever had: what is missing is 0. Of what falls due every month, the last day
-- of a month, and the next in what follows from it, has what is due on days that this month has not; and a 31st only what
-- began on one, of which there are seven a year.
days as (

    select
        counted.backend,
        counted.table_name,
        counted.day,
        counted.amount as row_count,
        case
            when not tables.is_monthly then 0
            when counted.day = last_day(counted.day) then day(counted.day)
            when day(counted.day) = 1 then day(counted.day - 1)
            else 0
        end as month_ended
    from counted
    inner join (select distinct backend, table_name, is_monthly from regular) as tables
        on tables.backend = counted.backend
        and tables.table_name = counted.table_name
    where counted.measure = 'rows'

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
        days.month_ended,
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

-- Levels compare as ratios: a logarithm each, with the number of rows it rests on. Amounts compare by their geometric
-- mean: in one column there are yen and euros, and a single large one is no incident.
levels as (

    select
        backend,
        table_name,
        day,
        measure,
        amount as found,
        ln(1 + amount) as level,
        amount as weight,
        case when month_ended > 0 then ln(32 - month_ended) else 0 end as more_due,
        case when month_ended = 31 then ln(12 / 7) else 0 end as less_due
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
        amount,
        0,
        0
    from daily
    where starts_with(measure, 'rows with ') and row_count >= 30
    union all
    select
        logarithms.backend,
        logarithms.table_name,
        logarithms.day,
        concat('geometric mean of ', substr(sizes.measure, 10)),
        exp(logarithms.amount / sizes.amount),
        logarithms.amount / sizes.amount,
        sizes.amount,
        0,
        0
    from daily as logarithms
    inner join daily as sizes
        on sizes.backend = logarithms.backend
        and sizes.table_name = logarithms.table_name
        and sizes.day = logarithms.day
        and concat('logarithms of ', substr(sizes.measure, 10)) = logarithms.measure
    where starts_with(sizes.measure, 'sizes of ') and sizes.amount >= 30

),

-- What is usual: what the same weekday had, or what any day had, by whichever the days before were better foretold.
-- A table that keeps to its weekdays is not judged on one that it has not had.
with_season as (

    select
        *,
        median(level) over (
            partition by backend, table_name, measure, isodow(day)
            order by day range between interval 28 days preceding and interval 1 day preceding
        ) as weekday_level,
        median(level) over before as any_level,
        median(weight) over before as usual_weight
    from levels
    window before as (
        partition by backend, table_name, measure
        order by day range between interval 28 days preceding and interval 1 day preceding
    )

),

with_misses as (

    select
        *,
        mad(level - weekday_level) over before as weekday_miss,
        mad(level - any_level) over before as any_miss
    from with_season
    window before as (
        partition by backend, table_name, measure
        order by day range between interval 28 days preceding and interval 1 day preceding
    )

),

with_usual as (

    select
        * exclude (usual_weight),
        case when any_miss <= weekday_miss or weekday_miss is null then any_level else weekday_level end as usual_level,
        case measure when 'rows' then exp(usual_level) else usual_weight end as usual_weight
    from with_misses

),

with_spread as (

    select
        *,
        level - usual_level as away,
        median(level - usual_level) over before as usual_away,
        1.4826 * mad(level - usual_level) over before as spread,
        quantile_cont(abs(level - usual_level), 0.95) over before as farthest,
        count(level - usual_level) over before as days_before
    from with_usual
    window before as (
        partition by backend, table_name, measure
        order by day range between interval 28 days preceding and interval 1 day preceding
    )

),

-- Rows that are missing are asked for sooner than all else: it is one measure of a table's dozens. That there are more has
-- better reasons: a country's news, a launch; and rows that are there twice show by their keys.
level_scores as (

    select
        backend,
        table_name,
        day,
        measure,
        found,
        case measure when 'rows' then exp(usual_level + usual_away) else found * exp(usual_away - away) end as expected,
        greatest(away - usual_away - more_due, usual_away - away - less_due) as ratio,
        greatest(spread, 1.5 / sqrt(greatest(usual_weight, 1)), 0.03) as likely_ratio,
        greatest(farthest, 0.03) as farthest_ratio,
        measure = 'rows' and away < usual_away as is_loss,
        case
            when away < usual_away or starts_with(measure, 'geometric mean of ') then 0.35
            when measure = 'rows' then 0.75
            else 1.1
        end as least_ratio,
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
        case
            when ratio > 10 * likely_ratio and ratio > 2 * farthest_ratio and ratio > 0.6 then 'severe' else 'mild'
        end as severity
    from level_scores
    where
        ratio > case when is_loss then 2.5 else 6 end * likely_ratio
        and ratio > case when is_loss then 1.1 else 1.5 end * farthest_ratio
        and ratio > least_ratio
        and usual_weight >= 30

),

-- Shares of a dump's rows: nulls, zeros and negative numbers of a column, rows for each key, events in the hour before the
-- day and the one after.
shares as (

    select backend, table_name, day, measure, row_count, amount / row_count as share
    from daily
    where
        row_count >= 30
        and (
            starts_with(measure, 'nulls of ')
            or starts_with(measure, 'zeros of ')
            or starts_with(measure, 'negatives of ')
            or starts_with(measure, 'rows of the hour ')
            or measure = 'keys'
        )

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
                and earlier.day >= contents.day - 60
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
        order by day range between interval 60 days preceding and interval 1 day preceding
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
        and (min(days.row_count) > 3 or min(days.row_count) = max(days.row_count))

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
        when starts_with(measure, 'zeros of ') then printf('%.1f%% of %s are 0, usually %.1f%%', 100 * found, substr(measure, 10), 100 * expected)
        when starts_with(measure, 'negatives of ') then printf('%.1f%% of %s are negative, usually %.1f%%', 100 * found, substr(measure, 14), 100 * expected)
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
