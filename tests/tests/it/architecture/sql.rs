//! SQL is written, not put together: what comes from outside is bound.

use anyhow::Result;

use super::tree;

/// Functions that take the text of a statement, and which of their arguments it is.
const SINKS: &[(&str, usize)] = &[
    ("Statement::from_string(", 1),
    ("Statement::from_sql_and_values(", 1),
    ("AssertSqlSafe(", 0),
    ("raw_sql(", 0),
    ("execute_unprepared(", 0),
    ("Expr::cust", 0),
];

/// Files that may hand over text which is not a literal, each with what it is made of.
const MADE_OF: &[(&str, &str)] = &[
    (
        "crates/infra-postgres/src/lease.rs",
        "BEGIN and set_config with a scope's ids, which print hexadecimal digits only",
    ),
    ("crates/infra-postgres/src/migrate.rs", "CREATE DATABASE with a name that the database quoted"),
    ("crates/infra-postgres/src/unit.rs", "statements of SeaORM and of infra-sql, passed on with their bound values"),
    ("crates/infra-sql/src/sql.rs", "pieces known at compile time and the names of columns; values are bound"),
    ("crates/infra-sqlite/src/write_queue.rs", "savepoints with a number"),
    ("crates/infra-sqlite/src/unit.rs", "statements of SeaORM and of infra-sql, passed on with their bound values"),
    ("migration/src/access.rs", "policies and grants for the tables of the schema"),
    ("migration/src/postgres/prepare.rs", "names of roles and databases of the operator, quoted"),
    ("migration/src/sql.rs", "texts of the schema, with types written out for a database"),
    ("migration/src/run.rs", "lock times and the owner's role, constants"),
];

/// Every place of a file where a sink is handed something other than a literal or a constant.
fn made_texts(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for &(sink, position) in SINKS {
        for (start, _) in source.match_indices(sink) {
            let line_start = source[..start].rfind('\n').map_or(0, |end| end + 1);
            let before = source[line_start..start].trim_start();
            if before.starts_with("//") || before.ends_with("fn ") {
                continue;
            }
            let open = start + source[start..].find('(').unwrap_or_default();
            let arguments = arguments(&source[open + 1..]);
            let text = arguments.get(position).map(String::as_str).unwrap_or_default();
            if !is_fixed(text) && !is_fixed_local(source, text) {
                let line = 1 + source[..start].matches('\n').count();
                found.push((line, format!("{sink} {text}")));
            }
        }
    }
    found
}

/// The arguments of a call, from after its opening bracket, split at the commas of its own level.
fn arguments(source: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped) = (0_i32, false, false);
    let mut arguments = vec![String::new()];
    for c in source.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            match c {
                '"' => quoted = true,
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    arguments.push(String::new());
                    continue;
                }
                _ => {}
            }
        }
        if depth < 0 {
            break;
        }
        if let Some(last) = arguments.last_mut() {
            last.push(c);
        }
    }
    arguments.into_iter().map(|argument| argument.trim().to_owned()).collect()
}

/// Whether an argument is a string literal, a constant, or text included at compile time.
fn is_fixed(argument: &str) -> bool {
    let included = argument.starts_with("include_str!(") || argument.starts_with("concat!(");
    let name = argument.rsplit("::").next().unwrap_or_default();
    let constant = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let literal = argument.trim_start_matches('r').trim_start_matches('#').starts_with('"')
        && argument.trim_end_matches('#').ends_with('"');
    // What another sink wraps is judged there.
    let wrapped = argument.starts_with("AssertSqlSafe(") || argument.starts_with("sqlx::AssertSqlSafe(");
    included || constant || literal || wrapped
}

/// Whether an argument is a local variable of the file that only ever holds a literal.
fn is_fixed_local(source: &str, argument: &str) -> bool {
    let name = argument.trim_start_matches('&');
    let bound = source.matches(&format!("let {name} =")).count() + source.matches(&format!("let {name}:")).count();
    let parameter = source.contains(&format!("{name}: &")) || source.contains(&format!("{name}: String"));
    bound > 0 && !parameter && bound == source.matches(&format!("let {name} = \"")).count()
}

#[test]
fn statements_are_literals() -> Result<()> {
    let (mut made_in, mut unlisted) = (Vec::new(), Vec::new());
    for source in tree::sources()?.iter().filter(|source| source.is_shipped()) {
        let made = made_texts(source.without_tests());
        if MADE_OF.iter().any(|(path, _)| *path == source.path) {
            made_in.push(source.path.clone());
            assert!(!made.is_empty(), "{} makes no statement any more: take it off the list", source.path);
            continue;
        }
        unlisted.extend(made.iter().map(|(line, text)| format!("{}:{line}: {text}", source.path)));
    }
    assert!(unlisted.is_empty(), "statements put together at run time:\n{}", unlisted.join("\n"));
    assert_eq!(made_in.len(), MADE_OF.len(), "a listed file is gone: {MADE_OF:?}");
    Ok(())
}

#[test]
fn a_statement_put_together_is_seen() {
    let good = "db.execute_unprepared(\"SELECT ')', 1\").await; Statement::from_string(backend, QUERY);\n\
                Statement::from_sql_and_values(backend, r#\"SELECT $1\"#, [value]); raw_sql(include_str!(\"x.sql\"))";
    assert_eq!(made_texts(good), []);
    assert_eq!(made_texts("let sql = \"SELECT 1\"; db.execute_unprepared(sql)"), []);
    let bad = "\nStatement::from_string(backend, format!(\"SELECT '{name}'\"));";
    assert_eq!(made_texts(bad).len(), 1);
    assert_eq!(made_texts(bad)[0].0, 2);
    assert_eq!(made_texts("tx.execute_unprepared(&sql)").len(), 1);
    assert_eq!(made_texts("fn a(sql: &str) { let sql = \"x\"; tx.execute_unprepared(sql) }").len(), 1);
    assert_eq!(made_texts("AssertSqlSafe(\"SELECT \".to_owned() + name)").len(), 1);
}
