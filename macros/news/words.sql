{# A text as clustering reads it: no markup, no accents, small letters, abbreviations without their dots. #}
{% macro news_text(text) %}
  {{- return("regexp_replace(lower(strip_accents(replace(regexp_replace(left(" ~ text ~ ", 2000), '<[^>]*>', ' ', 'g'), '’', ''''))), '\\b([a-z])\\.([a-z])\\b\\.?', '\\1\\2', 'g')") -}}
{% endmacro %}

{# What an address says behind its host, numbers left out. #}
{% macro address_path(url) %}
  {{- return("regexp_replace(regexp_replace(regexp_replace(coalesce(" ~ url ~ ", ''), '^[a-zA-Z]+://[^/]*', ''), '[?#].*$', ''), '[0-9]+', ' ', 'g')") -}}
{% endmacro %}

{# Its words in order. Chinese, Japanese and Korean are written without spaces: there a word is every two signs. #}
{% macro news_words(text) %}
  {%- set signs = '\\p{Han}\\p{Hiragana}\\p{Katakana}\\p{Hangul}' -%}
  {{- return("regexp_extract_all(" ~ text ~ ", '[" ~ signs ~ "]{1,2}|[\\p{Latin}\\p{Greek}\\p{Cyrillic}\\p{Arabic}\\p{Hebrew}\\p{Devanagari}\\p{N}]+')") -}}
{% endmacro %}

{# A word without its ending, by the few rules that join most of what belongs together in a language. #}
{% macro news_stem(word, language) -%}
  case
    when length({{ word }}) < 5 then regexp_replace({{ word }}, '([^s])s$', '\1')
    when {{ language }} = 'de' then regexp_replace({{ word }}, '(en|er|es|em|e|n|s)$', '')
    when {{ language }} = 'fr' then regexp_replace({{ word }}, '(es|s|e|ent|aux)$', '')
    else regexp_replace(regexp_replace({{ word }}, 'ies$', 'y'), '(ings|ing|ed|es|e|s|er|ers)$', '')
  end
{%- endmacro %}
