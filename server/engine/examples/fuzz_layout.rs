//! Looks for repositories that break the discovery of layouts, rules, lint or releases.
//!
//! `cargo run --release -p engine --example fuzz_layout -- --seconds 1800 --seed 1`; `scripts/soak layout` runs it. A seed
//! that fails goes into `tests/fuzzed/layout-seeds.txt`.

#[path = "../tests/hostile.rs"]
mod hostile;
#[path = "fuzz/looking.rs"]
mod looking;

use hostile::Hostile;

/// Objects are kept in memory: a fresh repository now and then.
const CASES: u64 = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("quarterdeck-fuzz-{}", std::process::id()));
    let mut repository = Hostile::in_folder(&folder)?;
    let mut left = CASES;
    let looked = looking::look(|seed| {
        left -= 1;
        if left == 0 {
            left = CASES;
            repository = Hostile::in_folder(&folder).map_err(|error| error.to_string())?;
        }
        repository.try_seed(seed)
    });
    std::fs::remove_dir_all(&folder)?;
    looked
}
