//! What fuzzing found once, again; and a few fresh cases of each kind.

use crate::{damaged, hostile::Hostile};

fn seeds(listed: &str) -> impl Iterator<Item = u64> {
    let listed = listed.lines().filter(|line| !line.starts_with('#')).map(|line| line.trim().parse());
    listed.map(|seed| seed.expect("a number")).chain(0..30)
}

#[test]
fn a19_a27_no_repository_breaks_layouts_rules_lint_or_releases() {
    let folder =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{}", std::process::id()));
    let hostile = Hostile::in_folder(&folder).expect("a repository");
    for seed in seeds(include_str!("fuzzed/layout-seeds.txt")) {
        hostile.try_seed(seed).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn r6_no_damage_breaks_the_editor() {
    let corpus = damaged::corpus().expect("the corpus");
    for seed in seeds(include_str!("fuzzed/edit-seeds.txt")) {
        damaged::try_seed(seed, &corpus).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}
