//! Metrics of the process, under the names that Prometheus has for them, from `/proc` of Linux.

use std::fmt::Write as _;
use std::fs;

/// Clock ticks per second in `/proc`, which Linux has fixed for programs.
const TICKS: f64 = 100.0;
/// Size of a page of memory in kilobytes, in the unit of `VmRSS`.
const KILOBYTE: f64 = 1024.0;

/// Returns what can be read; nothing on systems without `/proc`.
pub(crate) fn exposition() -> String {
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        }
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may have spaces.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |position: usize| fields.get(position)?.parse::<f64>().ok();
    let cpu = ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / TICKS);
    add("process_cpu_seconds_total", "counter", "User and system CPU time of the process.", cpu);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.split_whitespace().next()?.parse::<f64>().ok()? * KILOBYTE)
    };
    add("process_resident_memory_bytes", "gauge", "Memory of the process that is resident.", memory("VmRSS:"));
    add("process_virtual_memory_bytes", "gauge", "Virtual memory of the process.", memory("VmSize:"));
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let open = fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as f64);
    add("process_open_fds", "gauge", "Open file descriptors of the process.", open);
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let most = most.and_then(|line| line.split_whitespace().next()?.parse().ok());
    add("process_max_fds", "gauge", "Largest number of file descriptors that the process may open.", most);
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
    let began = boot.zip(ticks(19)).map(|(boot, ticks)| boot + ticks / TICKS);
    add("process_start_time_seconds", "gauge", "Time of the start of the process since 1970-01-01.", began);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_process_is_there() {
        let text = exposition();
        for name in [
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
            "process_virtual_memory_bytes",
            "process_open_fds",
            "process_max_fds",
            "process_start_time_seconds",
        ] {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
            assert!(value.is_some_and(|value| value >= 0.0), "{name} in {text}");
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let start: f64 = text
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("process_start_time_seconds "))
            .unwrap()
            .parse()
            .unwrap();
        assert!((now - start).abs() < 86_400.0, "{start} is not about {now}");
    }
}
