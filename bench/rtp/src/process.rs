//! What a process has used, from /proc.

use std::{fs, io, process};

/// Linux counts in hundredths for /proc on every machine we know (`sysconf(_SC_CLK_TCK)`), to the tick exactly.
const TICKS_PER_SECOND: f64 = 100.0;

pub struct Process(u32);

impl Process {
    pub fn new(pid: u32) -> Self {
        Self(pid)
    }

    pub fn own() -> Self {
        Self(process::id())
    }

    /// User and kernel.
    pub fn cpu_seconds(&self) -> io::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        Ok(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND)
    }

    pub fn resident_bytes(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        Ok(line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1_024)
    }
}
