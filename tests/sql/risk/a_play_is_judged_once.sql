-- A play is judged artificial once and given back once, however often commands were killed and run again.
select play_id, verdict
from {{ ref('stg_nightshift__judgements') }}
where {{ changed_days('artificial_plays', 'played_on') }}
group by play_id, verdict
having count(*) > 1
