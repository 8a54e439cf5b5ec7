//! How fast tapes are read and sealed: `cargo bench --bench tape`, and `cargo run --example tape_memory`.

use criterion::{Criterion, Throughput, criterion_main};
use kubetape::tape::{Reader, SealOptions, Tape};
use std::hint::black_box;

/// A captured tape of about `bytes` bytes: the fixture's events again and again.
fn captured(bytes: usize) -> String {
    let text = include_str!("../fixtures/tapes/v1-captured.ktape");
    let mut lines: Vec<&str> = text.lines().collect();
    let header = lines.remove(0);
    lines.pop();
    let mut out = format!("{header}\n");
    let mut n = 0;
    while out.len() < bytes {
        for line in &lines {
            n += 1;
            let rest = line.split_once(',').map_or("", |(_, rest)| rest);
            out += &format!("{{\"n\":{n},{rest}\n");
        }
    }
    out + &format!("{{\"end\":\"ok\",\"events\":{n}}}\n")
}

fn tapes(c: &mut Criterion) {
    let captured = captured(1_000_000);
    let tape = Tape::read(captured.as_bytes()).expect("the fixture is a tape");
    let sealed = tape.to_sealed(&SealOptions::default());
    let mut group = c.benchmark_group("tape");
    group.sample_size(10);
    for (name, text) in [("captured", &captured), ("sealed", &sealed)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("read {name}"), |b| {
            b.iter(|| Reader::new(black_box(text.as_bytes())).count())
        });
        group.bench_function(format!("load {name}"), |b| {
            b.iter(|| Tape::read(black_box(text.as_bytes())).is_ok())
        });
    }
    group.throughput(Throughput::Bytes(captured.len() as u64));
    group.bench_function("seal", |b| b.iter(|| black_box(&tape).to_sealed(&SealOptions::default()).len()));
    group.finish();
}

mod groups {
    use super::tapes;
    criterion::criterion_group!(benches, tapes);
}

criterion_main!(groups::benches);
