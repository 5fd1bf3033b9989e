-- B-cubed precision, recall and F1 of the stories in the hour's warehouse: of the articles put together with one, how
-- many belong to it, and the reverse, over all articles. The true stories come from the file, for this query alone.
with found as (
    select article_id, arg_max(story_id, hour) as story_id
    from intermediate.int_news__stories
    group by article_id
),

articles as (
    select
        truth.id as article_id,
        truth.story as true_story,
        -- an article that says nothing is a story of its own
        coalesce(found.story_id, truth.id) as story_id
    from read_csv(getvariable('truth'), header = true, all_varchar = true) as truth
    left join found on truth.id = found.article_id
),

shared as (
    select
        count(*) over (partition by true_story, story_id) as alike,
        count(*) over (partition by story_id) as together,
        count(*) over (partition by true_story) as belonging
    from articles
),

measured as (
    select avg(alike / together) as bcubed_precision, avg(alike / belonging) as bcubed_recall, count(*) as articles
    from shared
)

select
    articles,
    round(bcubed_precision, 4) as bcubed_precision,
    round(bcubed_recall, 4) as bcubed_recall,
    round(2 * bcubed_precision * bcubed_recall / (bcubed_precision + bcubed_recall), 4) as bcubed_f1
from measured
