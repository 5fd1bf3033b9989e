-- Every play judged artificial is a play of the account and track that the judgement names.
select judged.play_id
from {{ ref('artificial_plays') }} as judged
left join {{ ref('fct_plays') }} as plays on plays.played_on = judged.played_on and plays.play_id = judged.play_id
where
    {{ changed_days('artificial_plays', 'judged.played_on') }}
    and (plays.account_id is distinct from judged.account_id or plays.track_id is distinct from judged.track_id)
