//! The launcher of sandboxed children alone, for tests: the program `quarterdeck` has it in itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    engine::render::sandbox::main_if_asked();
    ExitCode::FAILURE
}
