//! A change that waits for a decision: enough to take it, and the way to the page where it is taken.

use std::collections::BTreeSet;

use leptos::prelude::*;
use model::{
    Timestamp,
    change::{Approval, Step, Verdict, WaitingChange, WaitingList},
    plan::{PlanKind, PlanRow, Touched, Verified},
};

use crate::{
    pages::{Shelf, overview::counted, plan::hash_words},
    routes,
    ui::{
        badge::EnvironmentTag,
        change::heading,
        diff::visible,
        gate,
        icon::{Icon, glyph},
        moved::Moved,
        time::{Age, ahead},
    },
};

/// So many apps are listed at once; the rest is folded.
const LISTED: usize = 8;

/// The card of a change.
#[component]
pub(super) fn ToDecide(shelf: Shelf<WaitingList>, id: u64) -> impl IntoView {
    let change = shelf.part(move |it| it.to_decide.iter().find(|it| it.row.id == id).cloned());
    let now = shelf.now;
    let Some(first) = change.get_untracked() else { return ().into_any() };
    let (heading_id, protected) = (format!("change-{id}"), first.row.environment.is_protected());
    let class = if protected { "card prod-frame" } else { "card overflow-hidden" };
    view! {
        <section class=class aria-labelledby=heading_id.clone()>
            <div class="card-head">
                <h2 id=heading_id.clone() class="min-w-0 text-lead wrap-anywhere">{heading(&first.row)}</h2>
                <EnvironmentTag environment=first.row.environment.clone()/>
                <span class="more">
                    {format!("change {id}, plan ")}
                    <code class="whitespace-nowrap" title=first.plan.clone()>{hash_words(&first.plan, 3)}</code>
                </span>
            </div>
            {move || change.get().map(|change| view! { <Body change now/> })}
            <Foot id protected expires_at=first.expires_at now/>
        </section>
    }
    .into_any()
}

#[component]
fn Body(change: WaitingChange, now: Signal<Timestamp>) -> impl IntoView {
    let facts = facts(&change, now);
    let WaitingChange { row, moving, looked_at, since_looked, .. } = change;
    let way = match row.kind {
        PlanKind::Rollback => String::new(),
        _ => format!(", from {}", row.from),
    };
    let reason = (!row.reason.is_empty()).then(|| {
        view! {
            ": "
            <span class="text-soft">"“" <bdi>{visible(&row.reason)}</bdi> "”"</span>
        }
    });
    view! {
        <div class="card-body grid gap-x-6 gap-y-4 lg:grid-cols-[minmax(0,1.2fr)_minmax(0,1fr)]">
            <div class="grid min-w-0 grid-cols-1 content-start gap-3">
                <p class="wrap-anywhere">
                    <bdi>{visible(&row.who)}</bdi>
                    " asks, "
                    <Age at=row.asked_at now suffix=" ago"/>
                    {way}
                    {reason}
                </p>
                <MovingApps kind=row.kind rows=moving/>
                {looked_at.map(|at| view! { <SinceLooked at steps=since_looked now/> })}
            </div>
            <ul class="grid content-start gap-2 text-small">{facts}</ul>
        </div>
    }
}

/// What moves: each app with its versions, and how many commits that brings.
#[component]
fn MovingApps(kind: PlanKind, rows: Vec<PlanRow>) -> impl IntoView {
    let mut rows: Vec<_> = rows.into_iter().map(|row| moving_app(kind, row).into_any()).collect();
    let folded = rows.split_off(rows.len().min(LISTED));
    let more = (!folded.is_empty()).then(|| {
        view! {
            <details class="text-small">
                <summary class="link">{format!("{} more", folded.len())}</summary>
                <ul class="rows">{folded}</ul>
            </details>
        }
    });
    view! {
        <div>
            <ul class="rows" aria-label="What moves">
                {rows}
            </ul>
            {more}
        </div>
    }
}

fn moving_app(kind: PlanKind, row: PlanRow) -> impl IntoView {
    let name = match row.slug.as_deref().map(routes::app) {
        Some(href) => {
            view! { <a class="font-medium wrap-anywhere hover:underline" href=href>{row.app.clone()}</a> }
                .into_any()
        }
        None => view! { <span class="font-medium wrap-anywhere">{row.app.clone()}</span> }.into_any(),
    };
    let commits = counted(row.commits.len() as u32, "commit", "commits");
    let commits = match (kind, row.commits.len()) {
        (_, 0) => String::new(),
        (PlanKind::Rollback, _) => format!("takes back {commits}"),
        _ => format!("brings {commits}"),
    };
    let fields = (row.moves.len() > 1).then(|| counted(row.moves.len() as u32, "field", "fields"));
    let words: Vec<_> = fields.into_iter().chain((!commits.is_empty()).then_some(commits)).collect();
    view! {
        <li class="grid grid-cols-1 gap-x-3 py-1.5 sm:grid-cols-[8rem_minmax(0,1fr)_auto]">
            {name} <Moved before=row.before after=row.after/>
            <span class="text-small text-soft">{words.join(", ")}</span>
        </li>
    }
}

/// What happened since the actor looked at it last.
#[component]
fn SinceLooked(at: Timestamp, steps: Vec<Step>, now: Signal<Timestamp>) -> impl IntoView {
    let steps = if steps.is_empty() {
        vec![since_line(view! { <span class="text-soft">"Nothing changed."</span> }.into_any())]
    } else {
        steps.into_iter().map(|step| since_line(view! { <SinceStep step now/> }.into_any())).collect()
    };
    view! {
        <div class="since">
            <p class="font-medium">"Since you looked, " {at.clock(now.get_untracked())}</p>
            <ul class="mt-1 grid gap-1">{steps}</ul>
        </div>
    }
}

fn since_line(words: AnyView) -> AnyView {
    view! {
        <li class="flex gap-2">
            <span class="text-accent">{glyph("right", "icon-sm")}</span>
            {words}
        </li>
    }
    .into_any()
}

#[component]
fn SinceStep(step: Step, now: Signal<Timestamp>) -> impl IntoView {
    let who = (!step.who.is_empty()).then(|| {
        view! {
            <bdi>{visible(&step.who)}</bdi>
            ": "
        }
    });
    view! {
        <span class="min-w-0 text-soft wrap-anywhere">
            {who} {visible(&step.text)} " " <span class="whitespace-nowrap text-mute">
                <Age at=step.at now suffix=" ago"/>
            </span>
        </span>
    }
}

/// When it is dropped, and the way to the page where it is decided.
#[component]
fn Foot(id: u64, protected: bool, expires_at: Timestamp, now: Signal<Timestamp>) -> impl IntoView {
    let at = expires_at.clock(now.get_untracked());
    let class = if protected { "btn btn-prod" } else { "btn" };
    view! {
        <div class="flex flex-wrap items-center gap-2 border-t border-line bg-sunken px-3.5 py-2.5">
            <span class="status s-waiting text-small">
                <Icon name="waiting"/>
                <span>{move || format!("Expires {at}, {}", ahead(expires_at, now.get()))}</span>
            </span>
            <span class="btn-row ml-auto">
                <a class=class href=routes::change(id)>
                    <Icon name="promote"/>
                    "Review and approve…"
                    <span class="sr-only">{format!(" change {id}")}</span>
                </a>
            </span>
        </div>
    }
}

/// What the decision rests on: gates, approvals so far, what makes one look twice, and how far it reaches.
fn facts(change: &WaitingChange, now: Signal<Timestamp>) -> Vec<AnyView> {
    let warn = |words: String| fact("s-drift", "warn", "", words);
    let gates = change.gates.iter().map(|it| {
        let (class, icon) = gate::look(it.kind, it.passed);
        fact(class, icon, it.kind.label(), it.why.clone())
    });
    let approvals = change.approvals.iter().map(|it| approval_fact(it, now));
    let findings = change.findings.iter().cloned().map(warn);
    let is_train = change.moving.len() > 1;
    let of_rows = change.moving.iter().flat_map(|row| {
        let app = row.app.clone();
        let unverified = match &row.verified {
            Verified::Not { why } => Some(format!("Not verified: {why}")),
            _ => None,
        };
        let overwritten = (!row.foreign.is_empty()).then(|| {
            let edits = counted(row.foreign.len() as u32, "edit", "edits");
            format!("Overwrites {edits} that others made since the last promotion")
        });
        let words = unverified.into_iter().chain(overwritten).chain(row.warnings.clone());
        words.map(move |words| if is_train { format!("{app}: {words}") } else { words })
    });
    gates
        .chain(approvals)
        .chain(findings)
        .chain(of_rows.map(warn))
        .chain([reach_fact(&change.touched)])
        .collect()
}

fn approval_fact(approval: &Approval, now: Signal<Timestamp>) -> AnyView {
    let Approval { who, verdict, comment, at, void, .. } = approval.clone();
    let (class, icon, did) = match (verdict, &void) {
        (_, Some(_)) => ("s-stale", "stale", "approved, which does not count any more"),
        (Verdict::Approve, None) => ("s-healthy", "check", "approved"),
        (Verdict::Decline, None) => ("s-drift", "stop", "declined"),
        (Verdict::TakeBack, None) => ("s-unknown", "rollback", "took the approval back"),
    };
    let said = void.or_else(|| (!comment.is_empty()).then(|| format!("“{comment}”")));
    let said = said.map(|said| format!(": {}", visible(&said))).unwrap_or_default();
    let words = view! {
        <span class="font-medium">
            <bdi>{visible(&who)}</bdi>
            " "
            {did}
        </span>
        " "
        <span class="text-soft">
            <Age at now suffix=" ago"/>
            {said}
        </span>
    };
    fact_line(class, icon, words.into_any())
}

/// How far it reaches, in words.
fn reach_fact(touched: &Touched) -> AnyView {
    let applications = touched.applications.len() as u32 + touched.hidden;
    let clusters: BTreeSet<_> =
        touched.applications.iter().map(|it| (&it.id.control_plane, &it.cluster)).collect();
    let silent: BTreeSet<_> = touched
        .applications
        .iter()
        .filter(|it| !it.freshness.is_live())
        .map(|it| it.cluster.as_str())
        .collect();
    let applications = counted(applications, "Application", "Applications");
    let hidden = match touched.hidden {
        0 => String::new(),
        hidden => format!(", of which you may not see {hidden}"),
    };
    let clusters = counted(clusters.len() as u32, "cluster", "clusters");
    let silent = match silent.len() {
        0 => String::new(),
        1 => format!(". {} does not answer now", silent.into_iter().collect::<String>()),
        _ => format!(". {} do not answer now", silent.into_iter().collect::<Vec<_>>().join(", ")),
    };
    fact("s-waiting", "layers", "Blast radius", format!("{applications}{hidden}, {clusters}{silent}"))
}

fn fact(class: &'static str, icon: &'static str, label: &'static str, words: String) -> AnyView {
    let label = (!label.is_empty()).then(|| {
        view! {
            <b class="font-medium">{label} ":"</b>
            " "
        }
    });
    let words = view! {
        {label}
        <span class="text-soft">{visible(&words)}</span>
    };
    fact_line(class, icon, words.into_any())
}

fn fact_line(class: &'static str, icon: &'static str, words: AnyView) -> AnyView {
    view! {
        <li class="flex gap-2">
            <span class=format!("status {class} self-start pt-0.5")>{glyph(icon, "")}</span>
            <span class="min-w-0 wrap-anywhere">{words}</span>
        </li>
    }
    .into_any()
}
