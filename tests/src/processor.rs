//! Processor time of other processes, from `/proc` (Linux).

use std::{fs, time::Duration};

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

/// Processor time of the processes of PostgreSQL that serve a database, by their titles. Those that have
/// ended are not in it.
pub fn of_database(name: &str) -> Result<Duration> {
    let mut time = Duration::ZERO;
    for entry in fs::read_dir("/proc")? {
        let file = entry?.file_name();
        let Some(process) = file.to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end while it is looked at.
        let title = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        if title.starts_with("postgres:") && title.split(' ').any(|word| word == name) {
            time += of_process(process).unwrap_or_default();
        }
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time() {
        let before = of_process(std::process::id()).unwrap();
        let end = std::time::Instant::now() + Duration::from_millis(100);
        while std::time::Instant::now() < end {}
        assert!(of_process(std::process::id()).unwrap() > before);
    }
}
