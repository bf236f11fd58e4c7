//! Gates: what a change must pass, how each stands, and what it rests on.

use leptos::prelude::*;
use model::gate::{Gate, GateKind};

use super::icon::glyph;

/// Gates, one a row, each with its evidence or with what is in the way.
#[component]
pub(crate) fn GateRows(gates: Vec<Gate>) -> impl IntoView {
    let rows = gates
        .into_iter()
        .map(|gate| {
            let Gate { kind, passed, why } = gate;
            let (class, icon) = look(kind, passed);
            let word = if passed { "Passed" } else { "Waits" };
            view! {
                <li class="grid grid-cols-[1rem_minmax(0,1fr)_auto] gap-x-2.5 px-3.5 py-2">
                    <span class=format!("status {class} self-start pt-px")>{glyph(icon, "")}</span>
                    <div class="min-w-0">
                        <p class="font-medium">{kind.label()}</p>
                        <p class="text-small wrap-anywhere text-mute">{why}</p>
                    </div>
                    <span class=format!("text-small {class}")>{word}</span>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="rows">{rows}</ul> }
}

/// Returns the class of a gate, and the name of its icon.
pub(crate) fn look(kind: GateKind, passed: bool) -> (&'static str, &'static str) {
    match (kind, passed) {
        (_, true) => ("s-healthy", "healthy"),
        (GateKind::Health, _) => ("s-drift", "warn"),
        (GateKind::Soak, _) => ("s-progressing", "soak"),
        (GateKind::Freeze, _) => ("s-frozen", "frozen"),
        (GateKind::Window, _) => ("s-frozen", "calendar"),
        (GateKind::Hold, _) => ("s-held", "held"),
        (GateKind::Approval, _) => ("s-waiting", "user"),
    }
}

/// Returns how many gates pass: `4 of 5 pass`.
pub(crate) fn passing(gates: &[Gate]) -> String {
    let passing = gates.iter().filter(|gate| gate.passed).count();
    format!("{passing} of {} pass", gates.len())
}

/// Returns what a change would wait for, in words: `freeze, approval`; none where all gates pass.
pub(crate) fn waits_for(gates: &[Gate]) -> Option<String> {
    let waits: Vec<_> =
        gates.iter().filter(|gate| !gate.passed).map(|it| it.kind.label().to_lowercase()).collect();
    (!waits.is_empty()).then(|| waits.join(", "))
}
