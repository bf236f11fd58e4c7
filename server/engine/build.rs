//! Tells Cargo that the migrations are part of the engine: they are read at compile time.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
