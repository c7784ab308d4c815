//! Processor time and memory of other processes, from `/proc` (Linux).

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context, Result};

/// Ticks of a second in `/proc/<pid>/stat`, the same on every Linux that we know.
const TICKS: f64 = 100.0;

/// Processor time that a process has had so far, its own and the system's for it.
pub fn of_process(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in brackets may hold anything; what follows are numbers.
    let (_, numbers) = stat.rsplit_once(')').context("/proc has another form")?;
    let ticks = numbers.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(Duration::from_secs_f64(ticks.sum::<Result<f64, _>>()? / TICKS))
}

/// What a process has in main memory, in megabytes.
pub fn resident(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024.0 / 1e6)
}

/// Processor time of each process of PostgreSQL that serves a database, found by their titles.
fn of_database(name: &str) -> Result<BTreeMap<u32, Duration>> {
    let mut times = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let file = entry?.file_name();
        let Some(process) = file.to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end while it is looked at.
        let title = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        if title.starts_with("postgres:") && title.split(' ').any(|word| word == name) {
            times.insert(process, of_process(process).unwrap_or_default());
        }
    }
    Ok(times)
}

/// Counts what a server and its database use from its start on.
pub struct Meter {
    server: (u32, Duration),
    database: Option<(String, BTreeMap<u32, Duration>)>,
    own: Duration,
}

/// Processor time that was used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// By the server. On SQLite the database is in it.
    pub server: Duration,
    /// By the processes of PostgreSQL that serve the database and have not ended.
    pub database: Duration,
    /// By this process: what calls the server, and the scripted provider.
    pub own: Duration,
}

impl Meter {
    /// Begins to count for a server's process and the PostgreSQL database of this name.
    pub fn start(server: u32, database: Option<&str>) -> Result<Self> {
        let database =
            database.map(|name| Ok::<_, anyhow::Error>((name.to_owned(), of_database(name)?))).transpose()?;
        Ok(Self { server: (server, of_process(server)?), database, own: of_process(std::process::id())? })
    }

    /// What was used since.
    pub fn spent(&self) -> Result<Spent> {
        let (server, before) = self.server;
        let server = of_process(server)?.saturating_sub(before);
        let mut database = Duration::ZERO;
        if let Some((name, before)) = &self.database {
            for (process, time) in of_database(name)? {
                database += time.saturating_sub(before.get(&process).copied().unwrap_or_default());
            }
        }
        let own = of_process(std::process::id())?.saturating_sub(self.own);
        Ok(Spent { server, database, own })
    }
}

impl Spent {
    /// Of server and database for each of so many, in milliseconds.
    pub fn each(self, count: u64) -> f64 {
        milliseconds_each(self.server + self.database, count)
    }

    /// Of the server alone for each of so many, in milliseconds.
    pub fn server_each(self, count: u64) -> f64 {
        milliseconds_each(self.server, count)
    }

    /// Of this process for each of so many, in milliseconds.
    pub fn own_each(self, count: u64) -> f64 {
        milliseconds_each(self.own, count)
    }
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.server += other.server;
        self.database += other.database;
        self.own += other.own;
    }
}

fn milliseconds_each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e3 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time() {
        let meter = Meter::start(std::process::id(), None).unwrap();
        let end = std::time::Instant::now() + Duration::from_millis(100);
        while std::time::Instant::now() < end {}
        let spent = meter.spent().unwrap();
        assert!(spent.server > Duration::ZERO && spent.own > Duration::ZERO);
        assert_eq!(spent.database, Duration::ZERO);
    }

    #[test]
    fn time_is_shared_out() {
        let second = Duration::from_secs(1);
        let mut spent = Spent { server: second, database: second, own: second };
        spent += spent;
        assert_eq!((spent.each(4), spent.server_each(4), spent.own_each(1)), (1_000.0, 500.0, 2_000.0));
    }
}
