//! The committed table of prices, loaded exactly: no float ever touches an amount.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{
        ConnectionTrait, Statement, Value,
        prelude::{ChronoDate, Uuid},
    },
};

/// Tab-separated: id, provider, model, USD per million tokens of input, cached input (may be empty)
/// and output, first day in force, where the figures come from, the day they stand for.
const TABLE: &str = include_str!("../prices.tsv");

/// Places after the point: $1 a million tokens is 1,000,000 pico-USD a token.
const PLACES: usize = 6;

/// One line of the table.
struct Price<'a> {
    id: Uuid,
    provider: &'a str,
    model: &'a str,
    input: i64,
    cached_input: Option<i64>,
    output: i64,
    valid_from: ChronoDate,
    source: String,
}

/// Writes the prices.
pub(crate) async fn insert(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    let sql = "INSERT INTO model_prices (id, provider, model, input_pico_usd_per_token, \
               cached_input_pico_usd_per_token, output_pico_usd_per_token, valid_from, source) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    for price in parse(TABLE)? {
        let values: [Value; _] = [
            price.id.into(),
            price.provider.into(),
            price.model.into(),
            price.input.into(),
            price.cached_input.into(),
            price.output.into(),
            price.valid_from.and_time(Default::default()).and_utc().into(),
            price.source.into(),
        ];
        manager.get_connection().execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    Ok(())
}

/// Reads the table; lines that start with `#` are remarks.
fn parse(table: &str) -> Result<Vec<Price<'_>>, DbErr> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .skip(1)
        .map(|line| parse_line(line).ok_or_else(|| DbErr::Migration(format!("not a line of prices: {line}"))))
        .collect()
}

fn parse_line(line: &str) -> Option<Price<'_>> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [id, provider, model, input, cached_input, output, valid_from, source, as_of] = fields[..] else {
        return None;
    };
    Some(Price {
        id: id.parse().ok()?,
        provider,
        model,
        input: pico_usd_per_token(input)?,
        cached_input: if cached_input.is_empty() { None } else { Some(pico_usd_per_token(cached_input)?) },
        output: pico_usd_per_token(output)?,
        valid_from: valid_from.parse().ok()?,
        source: format!("{source}, as of {as_of}"),
    })
}

/// Decimal USD per million tokens as pico-USD per token, exactly; `None` where that is no whole number.
fn pico_usd_per_token(usd_per_million: &str) -> Option<i64> {
    let (whole, fraction) = usd_per_million.split_once('.').unwrap_or((usd_per_million, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > PLACES || !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<PLACES$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn prices_are_read_exactly() {
        assert_eq!(pico_usd_per_token("1"), Some(1_000_000));
        assert_eq!(pico_usd_per_token("0.02"), Some(20_000));
        assert_eq!(pico_usd_per_token("0.075"), Some(75_000));
        assert_eq!(pico_usd_per_token("150.00"), Some(150_000_000));
        for text in ["", ".5", "-1", "1,5", "1.2.3", "0.0000001", "1e3", "99999999999999"] {
            assert_eq!(pico_usd_per_token(text), None, "{text}");
        }
    }

    #[test]
    fn the_committed_table_is_readable_and_names_nothing_twice() {
        let prices = parse(TABLE).unwrap();
        let ids: HashSet<_> = prices.iter().map(|price| price.id).collect();
        let names: HashSet<_> = prices.iter().map(|price| (price.provider, price.model, price.valid_from)).collect();
        assert_eq!((ids.len(), names.len()), (prices.len(), prices.len()));
        let find = |model: &str| prices.iter().find(|price| price.model == model).unwrap();
        assert_eq!((find("gpt-4o-mini").input, find("gpt-4o-mini").cached_input), (150_000, Some(75_000)));
        assert_eq!((find("extractive").input, find("extractive").output), (0, 0));
    }

    #[test]
    fn a_broken_line_is_refused() {
        assert!(parse("header\nnot\ta\tline\n").is_err());
    }
}
