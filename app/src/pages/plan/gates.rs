//! The gates of a plan, as they stand now.

use leptos::prelude::*;
use model::gate::Gate;

use crate::ui::gate::{GateRows, passing};

/// What a change would have to pass.
#[component]
pub(in crate::pages) fn Gates(gates: Vec<Gate>) -> impl IntoView {
    (!gates.is_empty()).then(|| {
        let count = passing(&gates);
        view! {
            <section class="card" aria-labelledby="gates">
                <div class="card-head">
                    <h2 id="gates">"Gates"</h2>
                    <span class="count">{count}</span>
                </div>
                <GateRows gates/>
            </section>
        }
    })
}
