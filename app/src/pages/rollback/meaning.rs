//! What a rollback means beyond its difference: only what is known is said.

use leptos::prelude::*;
use model::plan::{EarlierStates, ObjectChange, PlanDetail};

use super::counted;
use crate::{
    pages::plan::{has_unreachable, objects_of},
    ui::icon::Icon,
};

/// A consequence: its icon, its colour, a title and a sentence.
struct Consequence {
    icon: &'static str,
    class: &'static str,
    title: String,
    sentence: String,
}

impl Consequence {
    fn plain(icon: &'static str, title: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { icon, class: "mt-0.5 text-mute", title: title.into(), sentence: sentence.into() }
    }

    fn warning(icon: &'static str, title: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { class: "mt-0.5 text-drift", ..Self::plain(icon, title, sentence) }
    }
}

/// What it means.
#[component]
pub(super) fn Meaning(detail: PlanDetail, states: EarlierStates) -> impl IntoView {
    let rows = consequences(&detail, &states)
        .into_iter()
        .map(|Consequence { icon, class, title, sentence }| {
            view! {
                <li class="flex gap-3 px-3.5 py-2.5">
                    <Icon name=icon class/>
                    <div class="min-w-0">
                        <p class="font-medium">{title}</p>
                        <p class="text-small wrap-anywhere text-soft">{sentence}</p>
                    </div>
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="card" aria-labelledby="meaning">
            <div class="card-head">
                <h2 id="meaning">"3. What it means"</h2>
            </div>
            <ul class="rows">{rows}</ul>
        </section>
    }
}

fn consequences(detail: &PlanDetail, states: &EarlierStates) -> Vec<Consequence> {
    let mut known = vec![syncs(states), held(states)];
    known.extend(objects(detail));
    known.extend(database(detail));
    if has_unreachable(&detail.touched) {
        known.push(Consequence::warning(
            "unreachable",
            "Not every cluster answers",
            "One that does not would take it when it returns; until then nobody knows what it runs.",
        ));
    }
    known.extend(kept(detail));
    known
}

fn syncs(states: &EarlierStates) -> Consequence {
    let all = states.applications.len();
    let by_hand: Vec<_> =
        states.applications.iter().filter(|it| !it.auto_sync).map(|it| it.id.name.as_str()).collect();
    if by_hand.is_empty() && all > 0 {
        let sentence = "Argo CD follows Git as ever. Nothing is paused, nothing drifts.";
        Consequence::plain("sync", "Auto-sync stays on", sentence)
    } else {
        let sentence = format!(
            "Quarterdeck syncs {} to the commit once it is pushed. Auto-sync stays off there.",
            by_hand.join(", ")
        );
        Consequence::plain(
            "sync",
            format!("{} of {all} do not follow Git by themselves", by_hand.len()),
            sentence,
        )
    }
}

fn held(states: &EarlierStates) -> Consequence {
    let environment = states.environment.name().unwrap_or("its environment");
    Consequence {
        class: "mt-0.5 text-held",
        ..Consequence::plain(
            "held",
            format!("A hold is placed on {} in {environment}", states.name),
            "For as long as you choose beside it. The next promotions skip it and say so.",
        )
    }
}

fn objects(detail: &PlanDetail) -> Option<Consequence> {
    let Some([changed, added, removed]) = objects_of(&detail.rendered) else {
        let why = detail.rendered.iter().find_map(|it| it.not_rendered.clone());
        let sentence = why.unwrap_or_else(|| "Nothing was rendered.".to_owned());
        return Some(Consequence::warning("unknown", "What its objects become is not known", sentence));
    };
    let title = format!("{} would change", counted(changed as u32, "object", "objects"));
    let sentence = format!(
        "{added} added, {removed} removed. Objects that go are deleted where the Application prunes."
    );
    Some(if removed > 0 {
        Consequence::warning("trash", title, sentence)
    } else {
        Consequence::plain("refresh", title, sentence)
    })
}

/// Jobs that come or change with it: what they did, stays done.
fn database(detail: &PlanDetail) -> Option<Consequence> {
    let is_job = |it: &&ObjectChange| it.kind == "Job" && it.api_version.starts_with("batch/");
    let mut jobs: Vec<_> = detail
        .rendered
        .iter()
        .flat_map(|it| it.changes.iter().filter(is_job).map(|job| job.name.as_str()))
        .collect();
    jobs.sort_unstable();
    jobs.dedup();
    (!jobs.is_empty()).then(|| {
        let sentence = format!(
            "It concerns {}: {}. What a Job did to data stays done, and what it did is not known here. Look at it before you go on.",
            counted(jobs.len() as u32, "Job", "Jobs"),
            jobs.join(", ")
        );
        Consequence::warning("warn", "The database is not rolled back", sentence)
    })
}

fn kept(detail: &PlanDetail) -> Option<Consequence> {
    let stays: Vec<_> = detail.plan.rows.iter().flat_map(|row| &row.stays).collect();
    (!stays.is_empty()).then(|| {
        let some: Vec<_> = stays.iter().take(3).map(|it| it.field.as_deref().unwrap_or(&it.file)).collect();
        let more = if stays.len() > some.len() { " and more" } else { "" };
        let title = counted(stays.len() as u32, "difference stays as it is", "differences stay as they are");
        Consequence::plain(
            "check",
            title,
            format!("Changed since then, and kept: {}{more}.", some.join(", ")),
        )
    })
}
