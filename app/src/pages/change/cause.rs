//! Why a change does not go on, or ended, in words; and what to do next.

use leptos::prelude::*;
use model::{
    change::{ChangeDetail, ChangeRow, ChangeState, May},
    plan::PlanKind,
};

use super::acts::cell_of;
use crate::{
    pages::Shelf,
    routes,
    ui::{change::look, diff::visible, icon::Icon},
};

/// The cause over everything else; nothing for a change that goes on, or went well.
#[component]
pub(super) fn Cause(shelf: Shelf<ChangeDetail>) -> impl IntoView {
    let told = shelf.part(Told::of);
    move || told.get().map(note)
}

/// What is told.
#[derive(Clone, PartialEq)]
struct Told {
    class: &'static str,
    icon: &'static str,
    title: String,
    why: String,
    /// What to do next, in a sentence; and where.
    next: &'static str,
    link: Option<(String, String)>,
}

impl Told {
    fn of(detail: &ChangeDetail) -> Option<Self> {
        let row = &detail.row;
        let by = row.by.map(|by| (format!("Open change {by}"), routes::change(by)));
        let (class, title, next, link) = match row.state {
            ChangeState::AwaitingApproval => {
                let given = detail.approvals.iter().filter(|it| it.void.is_none()).count();
                let given = format!("It waits for approval: {given} of {} given", detail.quorum);
                let title = if row.why.is_empty() { given } else { "It waits for approval".to_owned() };
                let may = detail.decide == Some(May::Yes);
                let link = may.then(|| ("Decide".to_owned(), routes::approvals(row.id)));
                let next = if may { "You may decide." } else { "Nothing is written until then." };
                ("note mb-4 text-accent", title, next, link)
            }
            ChangeState::Waiting => {
                let next = "It goes on by itself once nothing is in the way. Nothing is written until then.";
                ("note mb-4 text-mute", "It waits".to_owned(), next, None)
            }
            ChangeState::NeedsAttention => {
                let next = "Mend what is behind, and it goes on; or roll back, or leave it so.";
                let link = cell_of(row).map(|cell| ("Roll back…".to_owned(), routes::rollback(&cell)));
                ("note mb-4 text-degraded", "It needs attention".to_owned(), next, link)
            }
            ChangeState::Failed => {
                let next = "It does not go on. Plan it again, and read the new plan.";
                ("note mb-4 text-degraded", "It failed".to_owned(), next, again(row))
            }
            ChangeState::Cancelled => (
                "note mb-4 text-mute",
                "It was cancelled".to_owned(),
                "Nothing of it was written.",
                again(row),
            ),
            ChangeState::Superseded => {
                ("note mb-4 text-mute", ended("took its place", row), "It has no effect any more.", by)
            }
            ChangeState::RolledBack => {
                let next = "What it wrote is not there any more.";
                ("note mb-4 text-mute", ended("took it back", row), next, by)
            }
            _ => return None,
        };
        Some(Self { class, icon: look(row.state).1, title, why: visible(&row.why), next, link })
    }
}

fn ended(how: &str, row: &ChangeRow) -> String {
    match row.by {
        Some(by) => format!("Change {by} {how}"),
        None => format!("A later change {how}"),
    }
}

/// Returns the way to a new plan of the same.
fn again(row: &ChangeRow) -> Option<(String, String)> {
    let words = "Plan again…".to_owned();
    if row.kind == PlanKind::Rollback {
        return cell_of(row).map(|cell| (words, routes::rollback(&cell)));
    }
    let apps: Vec<_> = row.apps.iter().map(|app| app.slug.clone()).collect();
    Some((words, routes::promote(&apps, &row.from, row.environment.name()?)))
}

fn note(told: Told) -> impl IntoView {
    let Told { class, icon, title, why, next, link } = told;
    let why = (!why.is_empty()).then(|| view! { <p class="wrap-anywhere">{why}</p> });
    let link = link.map(|(words, href)| view! { <a class="btn" href=href>{words}</a> });
    view! {
        <section class=class aria-label="Why it stands where it does">
            <Icon name=icon/>
            <div class="flex flex-1 flex-wrap items-center gap-x-4 gap-y-2">
                <div class="min-w-0 flex-1 basis-60">
                    <p class="font-semibold">{title}</p>
                    {why}
                    <p class="text-soft">{next}</p>
                </div>
                {link}
            </div>
        </section>
    }
}
