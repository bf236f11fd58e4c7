//! The gates of a change: what each rests on.

use leptos::prelude::*;
use model::change::ChangeDetail;

use crate::{
    pages::Shelf,
    ui::{card::Card, diff::visible, gate::look, icon::glyph},
};

/// The evidence of each gate.
#[component]
pub(super) fn Evidence(shelf: Shelf<ChangeDetail>) -> impl IntoView {
    let gates = shelf.part(|it| it.gates.clone());
    let count = Signal::derive(move || {
        let is_committed = shelf.data.with(|it| it.row.commit.is_some());
        let words =
            if is_committed { "why each gate passed, at the commit" } else { "how each gate stands now" };
        words.to_owned()
    });
    move || {
        let gates = gates.get();
        (!gates.is_empty()).then(|| {
            let rows = gates
                .into_iter()
                .map(|gate| {
                    let (class, icon) = look(gate.kind, gate.passed);
                    let icon = if gate.passed { "check" } else { icon };
                    view! {
                        <li class="flex gap-3 px-3.5 py-1.5">
                            <span class=format!("status {class} self-start pt-0.5")>{glyph(icon, "")}</span>
                            <span class="w-20 shrink-0 font-medium">
                                {gate.kind.label()}
                                <span class="sr-only">{if gate.passed { ", passed:" } else { ", waits:" }}</span>
                            </span>
                            <span class="min-w-0 wrap-anywhere text-soft">{visible(&gate.why)}</span>
                        </li>
                    }
                })
                .collect_view();
            view! {
                <Card id="evidence" title="Evidence" count>
                    <ul class="rows text-small">{rows}</ul>
                </Card>
            }
        })
    }
}
