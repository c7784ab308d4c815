//! The database of an installation, looked at and filled beside its server, and the words in which
//! PostgreSQL and SQLite differ.

use anyhow::Result;
use e2e::Installation;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use uuid::Uuid;

/// A connection that sees every row.
pub(crate) enum Database {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// How a database says what is told here once. What comes in and goes out are expressions of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// What a made id belongs to; no two kinds share ids.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    User = 1,
    UserRole,
    Conversation,
    Message,
    Stream,
    Request,
    Turn,
    Call,
    Audit,
    Tenant,
    Collection,
    Source,
    Version,
    Chunk,
    File,
}

impl Database {
    /// Connects to the database of an installation.
    pub(crate) async fn open(installation: &Installation) -> Result<Self> {
        Ok(match &installation.database {
            Some(database) => Self::Postgres(database.superuser().await?),
            None => {
                let options = SqliteConnectOptions::new().filename(installation.sqlite_file());
                Self::Sqlite(SqliteConnection::connect_with(&options).await?)
            }
        })
    }

    /// Its dialect.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Runs statements that were made here.
    pub(crate) async fn run(&mut self, statements: &str) -> Result<()> {
        match self {
            Self::Postgres(connection) => connection.execute(AssertSqlSafe(statements)).await.map(drop)?,
            Self::Sqlite(connection) => connection.execute(AssertSqlSafe(statements)).await.map(drop)?,
        }
        Ok(())
    }

    /// The one number that a query gives, which names it as a floating-point number.
    pub(crate) async fn number(&mut self, query: &str) -> Result<f64> {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        Ok(match self {
            Self::Postgres(connection) => sqlx::query_scalar(query).fetch_one(connection).await?,
            Self::Sqlite(connection) => sqlx::query_scalar(query).fetch_one(connection).await?,
        })
    }

    /// The rows of a query of three columns: an id and two texts.
    pub(crate) async fn rows(&mut self, query: &str) -> Result<Vec<(Uuid, String, String)>> {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        Ok(match self {
            Self::Postgres(connection) => sqlx::query_as(query).fetch_all(connection).await?,
            Self::Sqlite(connection) => sqlx::query_as(query).fetch_all(connection).await?,
        })
    }

    /// Bytes of all tables and indexes.
    pub(crate) async fn size(&mut self) -> Result<f64> {
        let query = match self.dialect() {
            Dialect::Postgres => {
                "SELECT sum(pg_total_relation_size(c.oid))::float8 FROM pg_class c \
                 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r'"
            }
            Dialect::Sqlite => {
                "SELECT CAST(page_count * page_size AS REAL) FROM pragma_page_count(), pragma_page_size()"
            }
        };
        self.number(query).await
    }
}

impl Dialect {
    /// A number in lower-case hexadecimal, of at least so many digits.
    fn hexadecimal(self, number: &str, digits: usize) -> String {
        match self {
            Self::Postgres => format!("lpad(to_hex({number}), {digits}, '0')"),
            Self::Sqlite => format!("printf('%0{digits}x', {number})"),
        }
    }

    fn uuid(self, hexadecimal: &str) -> String {
        match self {
            Self::Postgres => format!("({hexadecimal})::uuid"),
            Self::Sqlite => format!("unhex({hexadecimal})"),
        }
    }

    /// An id that is known here.
    pub(crate) fn known(self, id: Uuid) -> String {
        self.uuid(&format!("'{}'", id.simple()))
    }

    /// The hexadecimal digits of [`Dialect::id`].
    // A multiplication by an odd number permutes the numbers of 32 bits, so the ids of neighbours are far
    // apart in an index, as random ones are; the kind and the number itself keep them unique. The number
    // must be below 3.4 thousand million, or the product leaves 63 bits.
    pub(crate) fn digits(self, kind: Kind, number: &str) -> String {
        let scattered = self.hexadecimal(&format!("({number}) * 2654435761 & 4294967295"), 8);
        let (low, whole) =
            (self.hexadecimal(&format!("({number}) * 31 & 4095"), 3), self.hexadecimal(&format!("({number})"), 12));
        format!("({scattered} || '{:04x}4' || {low} || '8' || {low} || {whole})", kind as u16)
    }

    /// The id of version 4 of the row of this number.
    pub(crate) fn id(self, kind: Kind, number: &str) -> String {
        self.uuid(&self.digits(kind, number))
    }

    /// The id of version 7 of the row of this number, at a time in milliseconds since 1970.
    pub(crate) fn ordered_id(self, kind: Kind, number: &str, milliseconds: &str) -> String {
        let (time, low) = (
            self.hexadecimal(&format!("({milliseconds})"), 12),
            self.hexadecimal(&format!("({number}) * 31 & 4095"), 3),
        );
        let whole = self.hexadecimal(&format!("({number})"), 12);
        self.uuid(&format!("{time} || '7{:03x}8' || {low} || {whole}", kind as u16))
    }

    /// A time in milliseconds since 1970, as columns keep it.
    pub(crate) fn time(self, milliseconds: &str) -> String {
        match self {
            Self::Postgres => format!("to_timestamp(({milliseconds}) / 1000.0)"),
            Self::Sqlite => {
                format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', ({milliseconds}) / 1000.0, 'unixepoch')")
            }
        }
    }

    /// A text as JSON, as columns keep it.
    pub(crate) fn json(self, text: &str) -> String {
        match self {
            Self::Postgres => format!("({text})::jsonb"),
            Self::Sqlite => text.to_owned(),
        }
    }

    /// A table of one column `i`, with the whole numbers from one to another.
    pub(crate) fn numbers(self, name: &str, from: i64, to: i64) -> String {
        match self {
            Self::Postgres => format!("generate_series({from}::bigint, {to}::bigint) AS {name}(i)"),
            Self::Sqlite => format!(
                "(WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to}) \
                 SELECT i FROM n WHERE i <= {to}) AS {name}"
            ),
        }
    }

    /// For each row before it a table of the whole numbers from 1 to `to`, which may name that row and is
    /// never greater than `most`.
    pub(crate) fn each(self, name: &str, to: &str, most: i64) -> String {
        match self {
            Self::Postgres => format!("CROSS JOIN LATERAL generate_series(1::bigint, {to}) AS {name}(i)"),
            Self::Sqlite => format!("CROSS JOIN {} ON {name}.i <= {to}", self.numbers(name, 1, most)),
        }
    }
}

impl Kind {
    /// The id that [`Dialect::id`] gives the row of this number.
    pub(crate) fn id(self, number: u64) -> Uuid {
        let low = u128::from((number * 31) & 4095);
        let scattered = u128::from(number.wrapping_mul(2_654_435_761) & 0xffff_ffff);
        let whole = u128::from(number & 0xffff_ffff_ffff);
        Uuid::from_u128(scattered << 96 | (self as u128) << 80 | 4 << 76 | low << 64 | 8 << 60 | low << 48 | whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ids_are_of_their_version_and_the_same_here_and_in_sql() {
        let mut database = Database::Sqlite(SqliteConnection::connect("sqlite::memory:").await.unwrap());
        let dialect = database.dialect();
        for number in [0, 1, 4_095, 100_000, 2_000_000_017] {
            let (id, ordered) = (
                dialect.id(Kind::Message, &number.to_string()),
                dialect.ordered_id(Kind::Call, &number.to_string(), "1764284400123"),
            );
            let row = database.rows(&format!("SELECT {id}, hex({ordered}), 'x'")).await.unwrap().remove(0);
            assert_eq!(row.0, Kind::Message.id(number));
            assert_eq!((row.0.get_version_num(), row.0.get_variant()), (4, uuid::Variant::RFC4122));
            let ordered = Uuid::try_parse(&row.1).unwrap();
            assert_eq!((ordered.get_version_num(), ordered.get_variant()), (7, uuid::Variant::RFC4122));
            let (seconds, nanoseconds) = ordered.get_timestamp().unwrap().to_unix();
            assert_eq!((seconds, nanoseconds / 1_000_000), (1_764_284_400, 123));
        }
    }

    #[tokio::test]
    async fn numbers_are_whole_and_bounded_by_the_row_before() {
        let mut database = Database::Sqlite(SqliteConnection::connect("sqlite::memory:").await.unwrap());
        let dialect = database.dialect();
        let tables = format!("{} {}", dialect.numbers("c", 3, 5), dialect.each("s", "c.i - 2", 10));
        let sum = database.number(&format!("SELECT CAST(sum(c.i * 100 + s.i) AS REAL) FROM {tables}")).await.unwrap();
        assert_eq!(sum, f64::from(301 + 401 + 402 + 501 + 502 + 503));
        let none = format!("SELECT CAST(count(*) AS REAL) FROM {}", dialect.numbers("c", 5, 4));
        assert_eq!(database.number(&none).await.unwrap(), 0.0);
    }
}
