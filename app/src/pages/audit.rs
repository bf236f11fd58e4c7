//! The record: every act and every attempt, where its chain stands, and its export.
//!
//! Its query is the URL, and its filters are a plain form. Nothing moves under the reader: new acts come with a reload.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{
    AppResult, Timestamp,
    record::{ChainStatus, Event, EventDetail, EventList, EventOutcome, ExportFormat, ListEvents, Seal},
};

use crate::{
    api::{get_event, list_events},
    routes,
    ui::{
        badge::{Look, Status},
        card::Table,
        empty::{Empty, Failure, Skeleton},
        icon::Icon,
        shell::{Crumb, TopBar, use_path},
        time::{Age, stamp},
    },
};

/// How much of a hash is shown; all of it is in the title.
const SHORT: usize = 12;

/// What the page shows: the acts, and the one that is open.
type Loaded = (AppResult<EventList>, Option<AppResult<EventDetail>>);

/// The page of the record.
#[component]
pub(crate) fn AuditPage() -> impl IntoView {
    let map = use_query_map();
    let query = Memo::new(move |_| map.with(|map| ListEvents::from_values(|key| map.get(key))));
    let open = Memo::new(move |_| map.with(|map| map.get("event")));
    let page = Resource::new_blocking(move || (query.get(), open.get()), |(query, open)| load(query, open));
    let crumbs = Signal::stored(vec![Crumb::link("Fleet", routes::OVERVIEW), Crumb::here("Audit")]);
    let waiting = move || view! { <Skeleton/> };
    view! {
        <Title text="Audit"/>
        <TopBar crumbs still=true/>
        <Transition fallback=waiting>{move || page.get().map(|loaded| draw(loaded, query.get()))}</Transition>
    }
}

async fn load(query: ListEvents, open: Option<String>) -> Loaded {
    let list = list_events(query).await;
    match open {
        Some(id) if list.is_ok() => (list, Some(get_event(id).await)),
        _ => (list, None),
    }
}

fn draw((list, open): Loaded, query: ListEvents) -> AnyView {
    match list {
        Ok(list) => view! { <Record list open query/> }.into_any(),
        Err(error) => view! {
            <main id="main" class="main" tabindex="-1">
                <Failure error path=use_path()/>
            </main>
        }
        .into_any(),
    }
}

#[component]
fn Record(list: EventList, open: Option<AppResult<EventDetail>>, query: ListEvents) -> impl IntoView {
    let export = |format| routes::audit_export(&query, format);
    let (ndjson, csv) = (export(ExportFormat::Ndjson), export(ExportFormat::Csv));
    let (next, previous) = (list.next_cursor.clone(), list.previous_cursor.clone());
    view! {
        <main id="main" class="main" tabindex="-1">
            <div class="page-head">
                <div>
                    <h1>"Audit"</h1>
                    <p class="page-sub">
                        "Every act and every attempt, written before it happens. Nothing here can be changed."
                    </p>
                </div>
                <div class="btn-row md:ml-auto">
                    <a class="btn" href=ndjson rel="external" download>
                        <Icon name="download"/>
                        "Export NDJSON"
                    </a>
                    <a class="btn" href=csv rel="external" download>
                        <Icon name="download"/>
                        "Export CSV"
                    </a>
                </div>
            </div>
            <Chain status=list.chain.clone() now=list.now/>
            <Filters query=query.clone()/>
            <ActiveFilters query=query.clone()/>
            <div class="card overflow-hidden">
                <Rows list open query=query.clone()/>
                <Pager next previous query/>
            </div>
        </main>
    }
}

/// Where the chain stands: what is broken first, then how far it is known to hold.
#[component]
fn Chain(status: ChainStatus, now: Timestamp) -> impl IntoView {
    let head = status.head.clone().map(|head| {
        view! {
            <p class="text-soft">
                "Head " <code title=format!("{}:{}", head.seq, head.hash)>{format!("{}:{}", head.seq, short(&head.hash))}</code>
            </p>
        }
    });
    let (class, icon) = match (&status.broken, status.verified_at) {
        (Some(_), _) => ("note mb-4 text-degraded", "failed"),
        (None, Some(_)) => ("note mb-4 text-healthy", "link"),
        (None, None) => ("note mb-4 text-mute", "link"),
    };
    let verdict = match (status.broken.clone(), status.verified_at) {
        (Some(broken), Some(at)) => {
            view! { "Chain broken, found " <Age at now suffix=" ago"/> ": " {broken} }.into_any()
        }
        (_, Some(at)) => view! { "Chain verified " <Age at now suffix=" ago"/> }.into_any(),
        (_, None) => "Chain not verified since Quarterdeck started".into_any(),
    };
    view! {
        <section class=class aria-label="Chain of the record">
            <Icon name=icon/>
            <div class="flex flex-1 flex-wrap items-baseline gap-x-6 gap-y-0.5">
                <p class="font-semibold wrap-anywhere">{verdict}</p>
                <p class="text-soft">{chain_words(&status)}</p>
                {head}
                <p class="text-small text-mute md:ml-auto">"Check it yourself: " <code>"quarterdeck audit verify"</code></p>
            </div>
        </section>
    }
}

fn chain_words(status: &ChainStatus) -> String {
    let events = if status.sealed == 1 { "event" } else { "events" };
    let mut words = vec![format!("{} {events} sealed", thousands(status.sealed))];
    if status.unsealed > 0 {
        words.push(format!("{} waiting for the seal", thousands(status.unsealed)));
    }
    if status.removed > 0 {
        words.push(format!("{} exported and removed", thousands(status.removed)));
    }
    words.join(", ")
}

/// The filters, as a plain form.
#[component]
fn Filters(query: ListEvents) -> impl IntoView {
    let text = |name: &'static str, label: &'static str, hint: &'static str, value: String| {
        view! {
            <div class="field min-w-0">
                <label for=format!("f-{name}")>{label}</label>
                <input
                    id=format!("f-{name}")
                    class="input"
                    name=name
                    value=value
                    placeholder=hint
                    autocomplete="off"
                    spellcheck="false"
                />
            </div>
        }
    };
    let moment = |name: &'static str, label: &'static str, value: Option<Timestamp>| {
        let value = value.map(|at| at.iso().trim_end_matches('Z').to_owned());
        view! {
            <div class="field min-w-0">
                <label for=format!("f-{name}")>{label}</label>
                <input id=format!("f-{name}") class="input" type="datetime-local" step="1" name=name value=value/>
            </div>
        }
    };
    let outcomes = EventOutcome::ALL
        .map(|outcome| {
            let selected = outcome.word() == query.outcome;
            view! { <option value=outcome.word() selected=selected>{outcome.label()}</option> }
        })
        .collect_view();
    view! {
        <form
            method="get"
            action=routes::AUDIT
            role="search"
            aria-label="The record"
            class="mb-3 grid grid-cols-2 items-end gap-2 md:grid-cols-4 xl:grid-cols-[repeat(8,minmax(0,1fr))_auto]"
        >
            {text("who", "Actor", "anyone", query.who.clone())}
            {text("verb", "Action", "any", query.verb.clone())}
            {text("app", "App", "any", query.app.clone())}
            {text("environment", "Environment", "any", query.environment.clone())}
            {text("object", "Object", "the whole of it", query.object.clone())}
            <div class="field min-w-0">
                <label for="f-outcome">"Outcome"</label>
                <select id="f-outcome" class="input" name="outcome">
                    <option value="" selected=query.outcome.is_empty()>"any"</option>
                    {outcomes}
                </select>
            </div>
            {moment("from", "From, UTC", query.from)}
            {moment("to", "Before, UTC", query.to)}
            <button type="submit" class="btn">"Show"</button>
        </form>
    }
}

/// The filters that are set; each link takes one back.
#[component]
fn ActiveFilters(query: ListEvents) -> impl IntoView {
    let filters = query.filters();
    let any = !filters.is_empty();
    let chips = filters
        .into_iter()
        .map(|(key, value)| {
            let href = routes::audit(&query.without(key));
            view! {
                <a class="chip chip-on max-w-full" href=href title="Take this filter back">
                    {title_of(key)}
                    ": "
                    <b class="truncate">{value}</b>
                    <Icon name="x" class="icon-sm"/>
                </a>
            }
        })
        .collect_view();
    any.then(|| {
        view! {
            <div class="toolbar">
                {chips}
                <a class="link text-small" href=routes::AUDIT>"Clear the filters"</a>
            </div>
        }
    })
}

fn title_of(key: &str) -> &'static str {
    match key {
        "who" => "Actor",
        "verb" => "Action",
        "app" => "App",
        "environment" => "Environment",
        "object" => "Object",
        "outcome" => "Outcome",
        "from" => "From",
        _ => "Before",
    }
}

#[component]
fn Rows(list: EventList, open: Option<AppResult<EventDetail>>, query: ListEvents) -> impl IntoView {
    let now = list.now;
    let open = open.map(|open| open.map_err(|error| error.to_string()));
    let is_open = |event: &Event| {
        let Some(Ok(detail)) = &open else { return false };
        detail.intent.id == event.id || detail.outcome.as_ref().is_some_and(|it| it.id == event.id)
    };
    let empty = list.events.is_empty();
    let elsewhere = !list.events.iter().any(is_open);
    let rows = list
        .events
        .iter()
        .map(|event| {
            let detail = is_open(event).then(|| open.clone()).flatten().and_then(Result::ok);
            view! {
                <Row event=event.clone() is_open=detail.is_some() query=query.clone()/>
                {detail
                    .map(|detail| {
                        view! {
                            <tr>
                                <td colspan="8" class="p-0!">
                                    <Detail detail now query=query.clone()/>
                                </td>
                            </tr>
                        }
                    })}
            }
        })
        .collect_view();
    let above = open.clone().filter(|_| elsewhere).map(|open| match open {
        Ok(detail) => view! { <Detail detail now query=query.clone()/> }.into_any(),
        Err(error) => view! { <p class="card-body text-soft" role="alert">{error}</p> }.into_any(),
    });
    view! {
        {above}
        <Table caption="Acts, newest first">
            <thead>
                <tr>
                    <th scope="col">"Time, UTC"</th>
                    <th scope="col" class="hidden sm:table-cell">"Actor"</th>
                    <th scope="col">"Action"</th>
                    <th scope="col" class="hidden sm:table-cell">"Object"</th>
                    <th scope="col">"Outcome"</th>
                    <th scope="col" class="hidden w-full lg:table-cell">"Why"</th>
                    <th scope="col" class="hidden xl:table-cell">"From"</th>
                    <th scope="col" class="w-8">
                        <span class="sr-only">"Details"</span>
                    </th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </Table>
        {empty.then(|| view! { <Nothing query/> })}
    }
}

#[component]
fn Nothing(query: ListEvents) -> impl IntoView {
    if query.filters().is_empty() {
        view! { <Empty icon="doc" title="Nothing on record yet" why="The first act will stand here."/> }
            .into_any()
    } else {
        view! {
            <Empty icon="filter" title="No act matches" why="Filters compare whole names, in the case that they have.">
                <a class="btn" href=routes::AUDIT>
                    <Icon name="x"/>
                    "Clear the filters"
                </a>
            </Empty>
        }
        .into_any()
    }
}

#[component]
fn Row(event: Event, is_open: bool, query: ListEvents) -> impl IntoView {
    let moment = stamp(event.at);
    let (day, time) = moment.split_at(10.min(moment.len()));
    let (day, time) = (day.to_owned(), time.trim_end_matches(" UTC").trim().to_owned());
    let href = if is_open { routes::audit(&query) } else { routes::audit_event(&query, &event.id) };
    let label = format!("Details of {} at {time}", verb_words(&event.verb));
    let narrow = format!("{}, {}", event.object, event.actor);
    view! {
        <tr class=if is_open { "bg-hover" } else { "" }>
            <td class="whitespace-nowrap font-mono text-small text-soft">
                <time datetime=event.at.iso() title=moment.clone()>
                    {time}
                    <span class="block text-micro text-mute">{day}</span>
                </time>
            </td>
            <td class="hidden whitespace-nowrap font-medium sm:table-cell">{event.actor.clone()}</td>
            <td class="sm:whitespace-nowrap">
                {verb_words(&event.verb)}
                {event.observed.then(|| view! { <span class="badge badge-plain ml-1.5">"observed"</span> })}
                <span class="block text-small wrap-anywhere text-mute sm:hidden">{narrow}</span>
            </td>
            <td class="hidden min-w-48 wrap-anywhere text-soft sm:table-cell lg:min-w-72">{event.object.clone()}</td>
            <td>
                <OutcomeStatus outcome=event.outcome/>
            </td>
            <td class="fill hidden text-soft lg:table-cell" title=event.reason.clone()>{event.reason.clone()}</td>
            <td class="hidden whitespace-nowrap font-mono text-small text-mute xl:table-cell">
                {event.address.clone().unwrap_or_default()}
            </td>
            <td class="py-0.5!">
                <a class="btn btn-ghost btn-icon btn-sm" href=href aria-label=label aria-expanded=is_open.to_string()>
                    <Icon name=if is_open { "down" } else { "right" }/>
                </a>
            </td>
        </tr>
    }
}

/// What came of an act. What was denied is as easy to see as what was done.
#[component]
fn OutcomeStatus(outcome: EventOutcome) -> impl IntoView {
    match outcome {
        EventOutcome::Requested => view! { <Status look=Look::Waiting word=outcome.label()/> }.into_any(),
        EventOutcome::Succeeded => view! { <Status look=Look::Healthy word=outcome.label()/> }.into_any(),
        EventOutcome::Failed => view! { <Status look=Look::Failed word=outcome.label()/> }.into_any(),
        EventOutcome::Refused | EventOutcome::Denied => view! {
            <span class="status font-medium whitespace-nowrap text-drift">
                <Icon name="stop"/>
                {outcome.label()}
            </span>
        }
        .into_any(),
    }
}

/// All that is on record of one act.
#[component]
fn Detail(detail: EventDetail, now: Timestamp, query: ListEvents) -> impl IntoView {
    let intent = detail.intent.clone();
    let outcome = detail.outcome.clone();
    let ended = outcome.clone().map(|outcome| {
        view! {
            <dt>"Ended"</dt>
            <dd>
                <OutcomeStatus outcome=outcome.outcome/>
                " "
                <Age at=outcome.at now suffix=" ago"/>
                {format!(", took {}", intent.at.took(outcome.at))}
            </dd>
        }
    });
    let reason = outcome.map_or(intent.reason.clone(), |outcome| outcome.reason);
    let by = |key: &'static str, value: Option<String>| {
        value.filter(|value| !value.is_empty()).map(|value| {
            let filter = ListEvents::from_values(|it| (it == key).then(|| value.clone()));
            view! {
                <dt>{title_of(key)}</dt>
                <dd class="wrap-anywhere"><a class="link" href=routes::audit(&filter)>{value}</a></dd>
            }
        })
    };
    let fact = |title: &'static str, value: Option<String>| {
        value.filter(|value| !value.is_empty()).map(|value| {
            view! {
                <dt>{title}</dt>
                <dd class="font-mono wrap-anywhere">{value}</dd>
            }
        })
    };
    let seals = detail.seals.iter().map(|seal| view! { <SealFacts seal=seal.clone()/> }).collect_view();
    let unsealed = detail.seals.is_empty();
    view! {
        <section
            id="event"
            class="grid grid-cols-1 gap-0 bg-sunken lg:grid-cols-[minmax(0,1fr)_24rem]"
            aria-label="Details of the event"
        >
            <div class="min-w-0 border-line lg:border-r">
                <Differences detail=detail.clone()/>
                <Json title="Asked for" text=detail.asked.clone()/>
                <Json title="What came of it" text=detail.answered.clone()/>
            </div>
            <dl class="kv px-3.5 py-3 text-small">
                <dt>"Asked for"</dt>
                <dd>{stamp(intent.at)}</dd>
                {ended}
                {fact("Why", Some(reason))}
                {by("who", Some(intent.actor.clone()))}
                {by("object", Some(intent.object.clone()))}
                {by("app", intent.app.clone())}
                {by("environment", intent.environment.clone())}
                {fact("Groups", Some(detail.groups.join(", ")))}
                {fact("Control plane", detail.control_plane.clone())}
                {fact("From", intent.address.clone())}
                {fact("Session", detail.session.clone())}
                {fact("Request", Some(detail.request_id.clone()))}
                {fact("Event", Some(intent.id.clone()))}
                {seals}
                {unsealed
                    .then(|| {
                        view! {
                            <dt>"Seal"</dt>
                            <dd>"It is sealed within a second."</dd>
                        }
                    })}
                <dt>"Link"</dt>
                <dd>
                    <a class="link" href=routes::audit_event(&ListEvents { cursor: String::new(), ..query }, &intent.id)>
                        "to this event"
                    </a>
                </dd>
            </dl>
        </section>
    }
}

#[component]
fn SealFacts(seal: Seal) -> impl IntoView {
    let before = seal.before.clone().map(|before| {
        view! {
            <dt>"Hash before"</dt>
            <dd class="font-mono" title=before.clone()>{short(&before)}</dd>
        }
    });
    view! {
        <dt>"Place"</dt>
        <dd class="font-mono">{thousands(seal.seq)}</dd>
        <dt>"Hash"</dt>
        <dd class="font-mono" title=seal.hash.clone()>{short(&seal.hash)}</dd>
        {before}
    }
}

/// What the act changed, line by line.
#[component]
fn Differences(detail: EventDetail) -> impl IntoView {
    let lines = |path: String, before: Option<String>, after: Option<String>| {
        let line = |class: &'static str, sign: &'static str, value: String| {
            view! {
                <tr class=class>
                    <td class="sg">{sign}</td>
                    <td>{format!("{path}: {value}")}</td>
                </tr>
            }
        };
        (before.map(|it| line("del", "−", it)), after.map(|it| line("add", "+", it)))
    };
    let changed = !detail.differences.is_empty();
    let lines = detail.differences.into_iter().map(|it| lines(it.path, it.before, it.after)).collect_view();
    changed.then(|| {
        view! {
            <div class="diff diff-wrap border-b border-line" tabindex="0" role="region" aria-label="What the act changed">
                <table>
                    <caption>"What the act changed"</caption>
                    <tbody>{lines}</tbody>
                </table>
            </div>
        }
    })
}

#[component]
fn Json(title: &'static str, text: String) -> impl IntoView {
    (!text.is_empty()).then(|| {
        view! {
            <p class="border-b border-line px-3.5 py-1.5 text-small font-medium text-soft">{title}</p>
            <pre
                class="overflow-x-auto border-b border-line px-3.5 py-2 font-mono text-small wrap-anywhere whitespace-pre-wrap"
                tabindex="0"
                role="region"
                aria-label=format!("{title}, as JSON")
            >
                {text}
            </pre>
        }
    })
}

#[component]
fn Pager(next: Option<String>, previous: Option<String>, query: ListEvents) -> impl IntoView {
    let step = |words: &'static str, cursor: Option<String>| match cursor {
        Some(cursor) => {
            let href = routes::audit(&ListEvents { cursor, ..query.clone() });
            view! { <a class="btn btn-sm" href=href>{words}</a> }.into_any()
        }
        None => view! { <span class="btn btn-sm" aria-disabled="true">{words}</span> }.into_any(),
    };
    let newest = (!query.cursor.is_empty()).then(|| {
        let href = routes::audit(&ListEvents { cursor: String::new(), ..query.clone() });
        view! { <a class="link" href=href>"To the newest"</a> }
    });
    view! {
        <nav
            class="flex flex-wrap items-center gap-2 border-t border-line px-3.5 py-2 text-small text-mute"
            aria-label="Pages"
        >
            {newest}
            <span class="btn-row ml-auto">{step("Newer", previous)} {step("Older", next)}</span>
        </nav>
    }
}

fn verb_words(verb: &str) -> String {
    verb.replace('_', " ")
}

fn short(hash: &str) -> String {
    hash.chars().take(SHORT).collect()
}

/// Writes a number with commas between the thousands.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut words = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
