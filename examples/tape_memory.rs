//! Writes a tape of 100 MB and reads it record by record: prints the time and the most memory that it took.

use kubetape::tape::Reader;
use std::{
    env, fs,
    io::{self, BufWriter, Write},
};

fn main() -> anyhow::Result<()> {
    let megabytes: usize = env::args().nth(1).map_or(Ok(100), |text| text.parse())?;
    let file = tempfile::NamedTempFile::new()?;
    let mut out = BufWriter::new(file.as_file());
    writeln!(out, "{{\"kubetape\":1,\"kind\":\"header\"}}")?;
    let body =
        format!("{{\"items\":[{}]}}", vec![format!("{{\"a\":\"{}\"}}", "x".repeat(100)); 100].join(","));
    let events = megabytes * 1_000_000 / (body.len() + 50);
    for n in 1..=events {
        writeln!(out, "{{\"n\":{n},\"at\":\"0s\",\"res\":\"r{n}\",\"status\":200,\"body\":{body}}}")?;
    }
    writeln!(out, "{{\"end\":\"ok\",\"events\":{events}}}")?;
    out.flush()?;
    let start = kubetape::entropy::instant();
    let mut records = 0;
    for record in Reader::open(file.path())? {
        record?;
        records += 1;
    }
    let memory = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        memory.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM is not known here").to_owned();
    writeln!(io::stdout(), "{records} records of {megabytes} MB in {:?}, {peak}", start.elapsed())?;
    Ok(())
}
