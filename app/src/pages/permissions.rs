//! What one can do, who can do what to what and why, and which lines of policy do not do what they seem to do.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::AppError;
use model::access::{AskPermission, Capability, PermissionAnswer, Permissions, PolicyProblem, TraceStep};

use super::still_page;
use crate::{
    api::get_permissions,
    routes,
    ui::{
        card::{Card, Table},
        icon::Icon,
        notice::ErrorNote,
        shell::Crumb,
    },
};

/// The page of permissions.
#[component]
pub(crate) fn PermissionsPage() -> impl IntoView {
    let query = use_query_map();
    let ask = move || {
        let query = query.read();
        let part = |name: &str| query.get(name).unwrap_or_default().trim().to_owned();
        AskPermission {
            control_plane: part("control_plane"),
            resource: part("resource"),
            action: part("action"),
            object: part("object"),
            subject: part("who"),
        }
    };
    still_page(ask, crumbs, get_permissions, draw)
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("Permissions")]
}

fn draw(page: Permissions) -> AnyView {
    let Permissions { control_planes, environments, can, answer, unanswered, problems, .. } = page.clone();
    view! {
        <Title text="Permissions"/>
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Permissions"</h1>
                    <p class="page-sub">
                        "Argo CD's policy and Quarterdeck's own, evaluated as Argo CD evaluates them. What is shown here is what the buttons ask."
                    </p>
                </div>
            </div>
            <Identity page/>
            <div class="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)]">
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    <Abilities can environments/>
                    {problems.map(|problems| view! { <Problems problems/> })}
                </div>
                <div class="grid min-w-0 grid-cols-1 gap-4">
                    <Question control_planes answer unanswered/>
                    <Surprises/>
                </div>
            </div>
        </main>
    }
    .into_any()
}

#[component]
fn Identity(page: Permissions) -> impl IntoView {
    let list = |words: &'static str, names: Vec<String>| {
        let none = names.is_empty().then_some("none");
        let names = names
            .into_iter()
            .map(|name| view! { <span class="badge badge-plain font-mono">{name}</span> })
            .collect_view();
        view! {
            <span class="flex flex-wrap items-center gap-1.5">
                <span class="text-small text-mute">{words}</span>
                {names}
                {none}
            </span>
        }
    };
    view! {
        <div class="card mb-4 flex flex-wrap items-center gap-x-6 gap-y-1.5 px-3.5 py-2.5">
            <b>{page.actor}</b>
            <span class="text-small text-mute">"Policies call you " <code>{page.subject}</code></span>
            {list("Groups", page.groups)}
            {list("Roles", page.roles)}
            {page
                .is_above_policies
                .then(|| {
                    view! {
                        <span class="status s-drift">
                            <Icon name="warn"/>
                            "The local administrator stands above all policies"
                        </span>
                    }
                })}
        </div>
    }
}

#[component]
fn Abilities(can: Vec<Capability>, environments: Vec<String>) -> impl IntoView {
    let heads = environments.iter().map(|name| view! { <th scope="col">{name.clone()}</th> }).collect_view();
    let cell = |(may, all): (u32, u32)| {
        let (class, icon, words) = match (may, all) {
            (_, 0) => ("text-mute", "x", "nothing to see".to_owned()),
            (0, _) => ("text-mute", "stop", "No".to_owned()),
            (may, all) if may == all => ("s-healthy", "healthy", format!("Yes, all {all}")),
            (may, all) => ("s-drift", "drift", format!("{may} of {all}")),
        };
        view! {
            <td>
                <span class=format!("status whitespace-nowrap {class}")>
                    <Icon name=icon/>
                    {words}
                </span>
            </td>
        }
    };
    let rows = can
        .into_iter()
        .map(|row| {
            view! {
                <tr>
                    <td>
                        <span class="font-medium">{row.act}</span>
                        <span class="block font-mono text-small text-mute">{row.right}</span>
                    </td>
                    {row.in_environments.into_iter().map(cell).collect_view()}
                </tr>
            }
        })
        .collect_view();
    view! {
        <Card id="can" title="What can I do" count="Applications in each environment">
            <Table caption="What you can do">
                <thead>
                    <tr>
                        <th scope="col" class="sm:w-full">"Act"</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </Table>
        </Card>
    }
}

#[component]
fn Question(
    control_planes: Vec<String>,
    answer: Option<PermissionAnswer>,
    unanswered: Option<AppError>,
) -> impl IntoView {
    let unanswered = Signal::stored(unanswered);
    let asked = answer.as_ref().map(|answer| answer.asked.clone()).unwrap_or_default();
    let field = |id: &'static str,
                 name: &'static str,
                 words: &'static str,
                 hint: &'static str,
                 value: String| {
        view! {
            <div class="field">
                <label for=id>{words}</label>
                <input type="text" id=id class="input" name=name value=value placeholder=hint autocapitalize="none" spellcheck="false"/>
            </div>
        }
    };
    let planes = (control_planes.len() > 1).then(|| {
        let chosen = asked.control_plane.clone();
        let options = control_planes
            .into_iter()
            .map(|name| {
                let is_chosen = name == chosen;
                view! { <option value=name.clone() selected=is_chosen>{name.clone()}</option> }
            })
            .collect_view();
        view! {
            <div class="field">
                <label for="ask-plane">"Control plane"</label>
                <select id="ask-plane" class="input" name="control_plane">{options}</select>
            </div>
        }
    });
    view! {
        <Card id="ask" title="Who can do what to what">
            <form class="card-body grid gap-3 border-b border-line sm:grid-cols-2" method="get" action=routes::PERMISSIONS>
                {planes}
                {field("ask-who", "who", "User or group", "yourself", asked.subject)}
                {field("ask-resource", "resource", "Resource", "applications", asked.resource)}
                {field("ask-action", "action", "Action", "sync", asked.action)}
                {field("ask-object", "object", "Object", "an Application, or project/name", asked.object)}
                <p class="btn-row sm:col-span-2">
                    <button type="submit" class="btn btn-primary">"Explain"</button>
                    <span class="text-small text-mute">"The answer has an address that you can share."</span>
                </p>
            </form>
            <div class="px-3.5 pt-3 empty:hidden">
                <ErrorNote what="This cannot be answered" error=unanswered/>
            </div>
            {answer.map(|answer| view! { <Answer answer/> })}
        </Card>
    }
}

#[component]
fn Answer(answer: PermissionAnswer) -> impl IntoView {
    let PermissionAnswer { asked, allowed, trace, holders } = answer;
    let is_self = asked.subject.is_empty();
    let who = if is_self { "you".to_owned() } else { asked.subject };
    let verb = match (allowed, is_self) {
        (true, true) => "have",
        (true, false) => "has",
        (false, true) => "lack",
        (false, false) => "lacks",
    };
    let what = format!("{verb} the right {}, {} on {}", asked.resource, asked.action, asked.object);
    let (class, icon) = if allowed { ("note text-healthy", "healthy") } else { ("note text-drift", "stop") };
    let yes = if allowed { "Yes" } else { "No" };
    let holders =
        if holders.is_empty() { "Nobody whom a policy names.".to_owned() } else { holders.join(", ") };
    view! {
        <div class="px-3.5 pt-3">
            <div class=class role="status">
                <Icon name=icon/>
                <div>
                    <p class="font-semibold">{yes} ": " {who} " " {what} "."</p>
                    <p class="text-soft">"Who may: " {holders}</p>
                </div>
            </div>
        </div>
        <ol class="line px-3.5 py-4">{trace.into_iter().map(|step| view! { <Step step/> }).collect_view()}</ol>
    }
}

#[component]
fn Step(step: TraceStep) -> impl IntoView {
    let TraceStep { policy, question, allowed, line, subject } = step;
    let says = match (allowed, line.is_empty()) {
        (true, _) => format!("It allows that, for {subject}, by this line:"),
        (false, false) => format!("It denies that, for {subject}, by this line:"),
        (false, true) => "No line says anything of it, so it is denied.".to_owned(),
    };
    let icon = if allowed { "check" } else { "stop" };
    view! {
        <li>
            <Icon name=icon class=if allowed { "text-healthy" } else { "text-drift" }/>
            <div class="min-w-0">
                <p class="font-medium">{policy} " is asked for " <code class="wrap-anywhere">{question}</code></p>
                <p class="text-soft">{says}</p>
                {(!line.is_empty())
                    .then(|| {
                        view! {
                            <code class="mt-1.5 block rounded-md border border-line bg-sunken px-2.5 py-1 wrap-anywhere">
                                {line}
                            </code>
                        }
                    })}
            </div>
        </li>
    }
}

#[component]
fn Problems(problems: Vec<PolicyProblem>) -> impl IntoView {
    let count = match problems.len() {
        0 => "none found".to_owned(),
        many => many.to_string(),
    };
    let rows = problems
        .into_iter()
        .map(|problem| {
            view! {
                <li class="grid gap-0.5 px-3.5 py-2">
                    <code class="wrap-anywhere">{problem.line}</code>
                    <span class="text-mute">{problem.policy} " of control plane " {problem.control_plane}</span>
                    <span>{problem.why} " " <b>{problem.mend}</b></span>
                </li>
            }
        })
        .collect_view();
    view! {
        <Card id="problems" title="Lines that do not do what they seem to do" count>
            <ul class="rows text-small">{rows}</ul>
        </Card>
    }
}

#[component]
fn Surprises() -> impl IntoView {
    let point = |words: &'static str| {
        view! {
            <li class="flex gap-2">
                <Icon name="info" class="text-mute"/>
                <span class="text-soft">{words}</span>
            </li>
        }
    };
    view! {
        <Card id="surprises" title="How Argo CD decides" count="the parts that surprise people">
            <ul class="card-body grid gap-2 text-small">
                {point("What policy.default allows is allowed: no deny takes it back.")}
                {point("You and each of your groups are asked one by one. A deny counts for that one alone, and the first allow wins.")}
                {point("A group counts only where a g line names it, or a role of a project does.")}
                {point("* in an object crosses the slash: shop* also matches shop-beta/x.")}
                {point("Lists are made of what one may get: there is no action list.")}
                {point("Lines for applications in quarterdeck-rbac-cm come on top: then both policies have to allow.")}
            </ul>
        </Card>
    }
}
