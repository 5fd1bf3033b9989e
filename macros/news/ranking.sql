{# One parameter of a formula in seeds/headline_ranking.csv, as a scalar. #}
{% macro ranking(formula, parameter, otherwise='null') -%}
  coalesce((select max(value) from {{ ref('headline_ranking') }} where formula = '{{ formula }}' and parameter = {{ parameter }}), {{ otherwise }})
{%- endmacro %}

{# The score of a story by the formula in use: ours, or what Hacker News and Reddit have published of theirs. #}
{% macro ranking_score(formula) -%}
  case {{ formula }}
    when 'hacker_news' then
      (stories.outlets + stories.read - 1)
      / pow(stories.age_hours + {{ ranking('hacker_news', "'offset_hours'") }}, {{ ranking('hacker_news', "'gravity'") }})
    {#- Reddit counts seconds from a day in December 2005 #}
    when 'reddit_hot' then
      log10(greatest(stories.outlets + stories.read, 1))
      + date_diff('second', timestamp '2005-12-08 07:46:43', stories.newest_at) / {{ ranking('reddit_hot', "'seconds_for_tenfold'") }}
    else
      (
        {{ ranking('nightshift', "'outlet_weight'") }} * log2(1 + stories.outlets)
        + {{ ranking('nightshift', "'interest_weight'") }} * stories.interest
        + {{ ranking('nightshift', "'local_weight'") }} * log2(1 + stories.local_outlets)
      )
      * pow(0.5, stories.age_hours / {{ ranking('nightshift', "'half_life_hours'") }})
  end
{%- endmacro %}
