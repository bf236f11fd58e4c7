//! A kept plan: what would move, what stays, what it brings, how far it reaches, and the form that carries it out.

mod again;
mod brings;
mod confirm;
mod foreign;
mod gates;
mod moves;
mod reach;
mod rendered;
mod source;
mod stays;
mod train;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use model::{
    Timestamp,
    plan::{AskPlan, Plan, PlanDetail, PlanKind, PlanRow, RowOutcome, Standing, Verified},
};

use self::{
    again::{Again, AgainForm},
    brings::LaterCommits,
    confirm::Confirm,
    foreign::ForeignEdits,
    moves::Moves,
    reach::Reach,
    train::{Totals, Train},
};
pub(super) use self::{
    brings::Brings,
    confirm::{ConfirmCard, act_words, asked_of, look},
    gates::Gates,
    moves::Fields,
    reach::{has_unreachable, objects_of},
    rendered::{NoiseLinks, Rendered},
    source::SourceDifference,
    stays::Stays,
};
use super::{Bar, overview::counted, still_page_under};
use crate::{
    api::{StartChange, get_plan},
    routes,
    ui::{
        badge::{EnvironmentTag, Look, Revision, Status, short_revision},
        copy::CopyButton,
        icon::Icon,
        notice::ErrorNote,
        shell::Crumb,
        time::Age,
    },
};

/// The page of a plan.
#[component]
pub(crate) fn PlanPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let hash = move || params.read().get("hash").unwrap_or_default();
    let noise = Memo::new(move |_| query.read().get("noise").is_some());
    let again = Again::new();
    let start = ServerAction::<StartChange>::new();
    still_page_under(
        move || (hash(), again.version()),
        bar,
        |(hash, _)| get_plan(hash),
        move |detail| draw(detail, again, start, noise.get()),
    )
}

fn bar(detail: Option<&PlanDetail>) -> Bar {
    let mut crumbs = vec![Crumb::link("Matrix", routes::MATRIX)];
    if let Some([row]) = detail.map(|it| it.plan.rows.as_slice())
        && let Some(slug) = &row.slug
    {
        crumbs.push(Crumb::link(row.app.clone(), routes::app(slug)));
    }
    let hash = detail.map(|it| format!(" {}", hash_words(&it.plan.hash, 1))).unwrap_or_default();
    crumbs.push(Crumb::here(format!("Plan{hash}")));
    Bar { crumbs, protected: detail.is_some_and(|it| it.target.is_protected()) }
}

fn draw(detail: PlanDetail, again: Again, start: ServerAction<StartChange>, noise: bool) -> AnyView {
    let title = heading(&detail.plan);
    let hash = detail.plan.hash.clone();
    let links =
        NoiseLinks { without: routes::plan_objects(&hash, false), with: routes::plan_objects(&hash, true) };
    let PlanDetail { now, plan, ask, rendered, touched, .. } = detail.clone();
    let is_train = plan.rows.len() != 1;
    let is_valid = detail.standing == Standing::Valid;
    let error = Signal::derive(move || start.value().get().and_then(Result::err));
    view! {
        <Title text=title.clone()/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div class="min-w-0">
                    <div class="flex flex-wrap items-center gap-2.5">
                        <h1 class="wrap-anywhere">{title}</h1>
                        <EnvironmentTag environment=detail.target.clone()/>
                    </div>
                    <Facts detail=detail.clone()/>
                </div>
                <div class="btn-row md:ml-auto">
                    {is_valid
                        .then(|| {
                            view! { <AgainForm again ask=ask.clone() class="btn" icon="refresh" words="Compute again"/> }
                        })}
                </div>
            </div>
            <div class="mb-4 grid grid-cols-1 gap-2 empty:hidden">
                <StandingNote standing=detail.standing.clone() again ask=ask.clone()/>
                <Warnings plan=plan.clone()/>
            </div>
            <ErrorNote what="The plan was not made" error=again.error()/>
            <ErrorNote what="The change was not started" error/>
            <div class="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_23rem]">
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    {if is_train {
                        view! {
                            <Totals rows=plan.rows.clone()/>
                            <Train plan=plan.clone() ask=ask.clone() now/>
                        }
                            .into_any()
                    } else {
                        view! { <Moves plan=plan.clone() ask=ask.clone() now/> }.into_any()
                    }}
                    <ForeignEdits plan=plan.clone() ask=ask.clone() again now/>
                    <LaterCommits plan=plan.clone() ask again now/>
                    <Brings kind=plan.kind rows=plan.rows.clone() now/>
                    <Stays plan=plan.clone()/>
                    <SourceDifference files=plan.files.clone()/>
                    <Rendered rendered=rendered.clone() noise links/>
                </div>
                <div class="grid min-w-0 grid-cols-1 gap-4 xl:sticky xl:top-16">
                    <Reach touched rendered protected=detail.target.is_protected() now/>
                    <Gates gates=detail.gates.clone()/>
                    <Confirm detail start/>
                    <About plan/>
                </div>
            </div>
        </main>
    }
    .into_any()
}

/// Returns what the plan would do, as its heading.
pub(super) fn heading(plan: &Plan) -> String {
    let (from, to) = (&plan.from, &plan.to);
    let verb = plan.kind.word();
    match (plan.kind, plan.rows.as_slice()) {
        (PlanKind::Rollback, [row]) => {
            let version = row.after.clone().unwrap_or_else(|| short_revision(from));
            format!("{verb} {} in {to} to {version}", row.app)
        }
        (PlanKind::Rollback, rows) => {
            let moving = rows.iter().filter(|row| row.outcome == RowOutcome::Moves).count();
            format!("{verb} {} in {to}", counted(moving as u32, "app", "apps"))
        }
        (PlanKind::Introduce, [row]) => format!("{verb} {} to {to}", row.app),
        (_, [row]) => format!("{verb} {} from {from} to {to}", row.app),
        (_, rows) => {
            let moving = rows.iter().filter(|row| row.outcome == RowOutcome::Moves).count();
            let apps = if moving > 0 { moving } else { rows.len() };
            format!("{verb} {} from {from} to {to}", counted(apps as u32, "app", "apps"))
        }
    }
}

/// Returns the beginning of a hash, in groups of four.
pub(super) fn hash_words(hash: &str, groups: usize) -> String {
    let letters: Vec<char> = hash.chars().take(4 * groups).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// Who asked, when, and what was read.
#[component]
fn Facts(detail: PlanDetail) -> impl IntoView {
    let PlanDetail { now, plan, asked_by, asked_at, standing, .. } = detail;
    let hash = plan.hash.clone();
    view! {
        <p class="page-sub">
            "Asked by " {asked_by} " " <Age at=asked_at now suffix=" ago"/> ", computed at commit "
            <Revision revision=plan.commit/> ". Plan hash "
            <code class="whitespace-nowrap text-soft" title=hash.clone()>{hash_words(&hash, 3)}</code>
            <CopyButton text=hash label="Copy the hash"/>
        </p>
        {(standing == Standing::Valid)
            .then(|| {
                view! {
                    <p class="mt-0.5">
                        <Status look=Look::Healthy word="Still holds: computed again now, it is the same"/>
                    </p>
                }
            })}
    }
}

/// Why the plan does not hold any more, or why nobody can tell, with the way to a new one.
#[component]
fn StandingNote(standing: Standing, again: Again, ask: AskPlan) -> impl IntoView {
    let (class, icon, title, why) = match standing {
        Standing::Valid => return ().into_any(),
        Standing::Stale { why } => ("note text-drift", "stale", "This plan is stale", why),
        Standing::NotKnown { why } => {
            ("note text-mute", "unknown", "Whether this plan still holds is not known", why)
        }
    };
    view! {
        <section class=class aria-label="Standing of the plan">
            <Icon name=icon/>
            <div class="flex flex-1 flex-wrap items-center gap-x-4 gap-y-2">
                <div class="min-w-0 flex-1 basis-60">
                    <p class="font-semibold">{title}</p>
                    <p class="text-soft wrap-anywhere">{why}</p>
                </div>
                <AgainForm again ask class="btn btn-primary" icon="refresh" words="Compute again"/>
            </div>
        </section>
    }
    .into_any()
}

/// Why the actor could not carry it out.
#[component]
pub(super) fn Denied(denied: Option<String>) -> impl IntoView {
    denied.map(|why| {
        view! {
            <section class="note text-mute" aria-label="Your rights">
                <Icon name="shield"/>
                <div>
                    <p class="font-semibold">"You may read this plan, and not carry it out"</p>
                    <p class="text-soft wrap-anywhere">
                        {why} ". " <a class="link" href=routes::PERMISSIONS>"Who can?"</a>
                    </p>
                </div>
            </section>
        }
    })
}

/// What a person should know, of the plan and of its apps.
#[component]
pub(super) fn Warnings(plan: Plan) -> impl IntoView {
    let is_train = plan.rows.len() > 1;
    let of_rows = plan.rows.into_iter().flat_map(move |row| {
        let app = row.app;
        row.warnings.into_iter().map(move |it| if is_train { format!("{app}: {it}") } else { it })
    });
    let warnings: Vec<_> = plan.warnings.into_iter().chain(of_rows).collect();
    (!warnings.is_empty()).then(|| {
        let lines =
            warnings.into_iter().map(|it| view! { <li class="wrap-anywhere">{it}</li> }).collect_view();
        view! {
            <section class="note text-drift" aria-label="Warnings">
                <Icon name="warn"/>
                <ul class="grid min-w-0 gap-1 text-ink">{lines}</ul>
            </section>
        }
    })
}

/// Where it was computed, and the same in a terminal.
#[component]
fn About(plan: Plan) -> impl IntoView {
    let Plan { repository, commit, hash, files, .. } = plan;
    view! {
        <section class="card" aria-labelledby="about">
            <div class="card-head">
                <h2 id="about">"The plan"</h2>
            </div>
            <dl class="kv px-3.5 py-3 text-small">
                <dt>"Repository"</dt>
                <dd class="wrap-anywhere">{repository.unwrap_or_else(|| "not known".into())}</dd>
                <dt>"Commit"</dt>
                <dd class="font-mono wrap-anywhere">{commit}</dd>
                <dt>"Files"</dt>
                <dd>{files.len()}</dd>
                <dt>"Hash"</dt>
                <dd class="font-mono wrap-anywhere">{hash}</dd>
            </dl>
            <p class="border-t border-line px-3.5 py-2 text-small text-mute">
                "The hash covers what it read and would write: commits elsewhere leave it as it is. Approvals are for this hash alone."
            </p>
        </section>
    }
}

/// Whether the source environment ran well with what would be taken.
#[component]
pub(super) fn VerifiedStatus(verified: Verified, now: Timestamp) -> impl IntoView {
    match verified {
        Verified::Healthy { since: Some(since) } => view! {
            <span class="status s-healthy">
                <Icon name="healthy"/>
                "Healthy "
                <Age at=since now/>
            </span>
        }
        .into_any(),
        Verified::Healthy { since: None } => view! { <Status look=Look::Healthy word="Healthy"/> }.into_any(),
        Verified::Not { why } => view! {
            <span class="status wrap s-drift">
                <Icon name="warn"/>
                <span class="wrap-anywhere">{format!("Not verified: {why}")}</span>
            </span>
        }
        .into_any(),
        Verified::NotKnown => view! { <Status look=Look::Unknown word="Not known"/> }.into_any(),
    }
}

/// The choices that were made for an app when the plan was asked for.
#[component]
fn Choices(ask: AskPlan, row: PlanRow) -> impl IntoView {
    let AskPlan::Promote(ask) = ask else { return ().into_any() };
    let has = |slugs: &[String]| row.slug.as_ref().is_some_and(|slug| slugs.contains(slug));
    let latest = has(&ask.take_latest)
        .then(|| view! { <span class="badge text-drift">"newest commit, as asked"</span> });
    let over = has(&ask.overwrite)
        .then(|| view! { <span class="badge text-drift">"overwrites others, as asked"</span> });
    view! {
        {latest}
        {over}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::hash_words;

    #[test]
    fn a_hash_is_read_in_groups() {
        assert_eq!(hash_words("b71e90c45d2a77", 3), "b71e 90c4 5d2a");
        assert_eq!(hash_words("b7", 3), "b7");
    }
}
