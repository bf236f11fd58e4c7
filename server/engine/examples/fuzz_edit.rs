//! Looks for files that break the editor of YAML.
//!
//! `cargo run --release -p engine --example fuzz_edit -- --seconds 1800 --seed 1`; `scripts/soak edit` runs it. A seed that
//! fails goes into `tests/fuzzed/edit-seeds.txt`.

#[path = "../tests/damaged.rs"]
mod damaged;
#[path = "fuzz/looking.rs"]
mod looking;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let corpus = damaged::corpus()?;
    looking::look(|seed| damaged::try_seed(seed, &corpus))
}
