{{ config(materialized='view') }}
-- What cannot be right in seeds/posting_rules.csv and seeds/accounts.csv, with the line a person will look for.
with rules as (

    select
        {{ seed_line() }} as line_number,
        event,
        coalesce(condition, '') as condition,
        debit_account,
        credit_account,
        amount_column,
        valid_from,
        valid_to
    from {{ ref('posting_rules') }}

),

accounts as (

    select {{ seed_line() }} as line_number, account_code, type, role, valid_from, valid_to from {{ ref('accounts') }}

),

sides as (

    select line_number, 'debit' as side, debit_account as account_code, valid_from, valid_to from rules
    union all
    select line_number, 'credit' as side, credit_account as account_code, valid_from, valid_to from rules

),

problems as (

    select
        'seeds/posting_rules.csv' as file,
        line_number,
        'no event' as problem
    from rules
    where event is null
    union all
    select
        'seeds/posting_rules.csv' as file,
        line_number,
        concat('unbalanced: no ', side, ' account') as problem
    from sides
    where account_code is null
    union all
    select
        'seeds/posting_rules.csv' as file,
        sides.line_number,
        concat('no ', sides.side, ' account ', sides.account_code, ' in seeds/accounts.csv while the rule holds')
            as problem
    from sides
    left join accounts
        on accounts.account_code = sides.account_code
        and accounts.valid_from <= sides.valid_from
        and (accounts.valid_to is null or accounts.valid_to >= sides.valid_to)
    where sides.account_code is not null and accounts.account_code is null
    union all
    select
        'seeds/posting_rules.csv' as file,
        line_number,
        concat('moves nothing: debit and credit are both ', debit_account) as problem
    from rules
    where debit_account = credit_account
    union all
    select
        'seeds/posting_rules.csv' as file,
        line_number,
        concat('no amount ', coalesce(amount_column, '(empty)'), '; there are {{ event_amounts() | join(", ") }}')
            as problem
    from rules
    where
        coalesce(amount_column, '') not in (
            {%- for column in event_amounts() %}
                '{{ column }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )
    union all
    select
        'seeds/posting_rules.csv' as file,
        line_number,
        concat('condition "', condition, '" is not: kind, plan_code, country or currency = (or !=) a value') as problem
    from rules
    where
        condition <> ''
        and not (
            split_part(condition, ' ', 1) in ('kind', 'plan_code', 'country', 'currency')
            and split_part(condition, ' ', 2) in ('=', '!=')
            and split_part(condition, ' ', 3) <> ''
        )
    union all
    select file, line_number, 'ends before it begins' as problem
    from (
        select 'seeds/posting_rules.csv' as file, line_number, valid_from, valid_to from rules
        union all
        select 'seeds/accounts.csv' as file, line_number, valid_from, valid_to from accounts
    ) as dated
    where valid_from is null or valid_to <= valid_from
    union all
    select
        'seeds/accounts.csv' as file,
        line_number,
        concat('type is ', coalesce(type, '(empty)'), '; it can be asset, liability, equity, income, expense')
            as problem
    from accounts
    where coalesce(type, '') not in ('asset', 'liability', 'equity', 'income', 'expense')
    union all
    select
        'seeds/accounts.csv' as file,
        later.line_number,
        concat('account ', later.account_code, ' stands in line ', earlier.line_number, ' already') as problem
    from accounts as later
    inner join accounts as earlier
        on earlier.account_code = later.account_code and earlier.line_number < later.line_number
        and (earlier.valid_to is null or earlier.valid_to > later.valid_from)

)

select file, line_number, problem from problems
