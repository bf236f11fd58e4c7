//! What stays as it is, on purpose: what nobody has listed first, what is expected to differ folded (rules R1 and R4).

use leptos::prelude::*;
use model::plan::{Plan, PlanKind, Stay};

use super::counted;
use crate::ui::{badge::short_revision, card::Table, diff::visible, icon::Icon};

/// The differences that do not travel.
#[component]
pub(in crate::pages) fn Stays(plan: Plan) -> impl IntoView {
    let Plan { kind, from, to, rows, .. } = plan;
    let is_train = rows.len() > 1;
    let all: Vec<_> = rows
        .into_iter()
        .flat_map(|row| row.stays.into_iter().map(move |stay| (row.app.clone(), stay)))
        .collect();
    if all.is_empty() {
        return ().into_any();
    }
    let between = match kind {
        PlanKind::Rollback => format!("{} and now", short_revision(&from)),
        _ => format!("{from} and {to}"),
    };
    let source = if kind == PlanKind::Rollback { format!("at {}", short_revision(&from)) } else { from };
    let target = format!("{to}, kept");
    let count = format!("{} between {between}", counted(all.len() as u32, "difference", "differences"));
    let (expected, unlisted): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, stay)| stay.expected);
    let (few, many) = (unlisted.len() as u32, expected.len() as u32);
    let columns = Columns { is_train, source, target };
    let first = (few > 0).then(|| {
        let words = match few {
            1 => "1 difference that nobody has listed as expected. It stays.".to_owned(),
            _ => format!("{few} differences that nobody has listed as expected. They stay."),
        };
        view! {
            <p class="status wrap s-drift px-3.5 py-2 text-small">
                <Icon name="warn"/>
                {words}
            </p>
            <Differences stays=unlisted columns=columns.clone() caption="Differences that nobody has listed"/>
        }
    });
    let then = (many > 0).then(|| {
        let class = if few > 0 { "group/expected border-t border-line" } else { "group/expected" };
        let words = if few > 0 { format!("{many} more are expected") } else { format!("{many} expected") };
        view! {
            <details class=class>
                <summary class="flex items-center gap-2 px-3.5 py-2 text-small hover:bg-hover">
                    <Icon name="right" class="icon-sm group-open/expected:rotate-90"/>
                    <span class="font-medium whitespace-nowrap">{words}</span>
                    <span class="truncate text-mute">{some_fields(&expected)}</span>
                </summary>
                <Differences stays=expected columns caption="Differences that are expected"/>
            </details>
        }
    });
    view! {
        <section class="card overflow-hidden" aria-labelledby="stays">
            <div class="card-head">
                <h2 id="stays">"What stays as it is, on purpose"</h2>
                <span class="count">{count}</span>
            </div>
            {first}
            {then}
        </section>
    }
    .into_any()
}

/// What the columns of the table are called.
#[derive(Clone)]
struct Columns {
    is_train: bool,
    source: String,
    target: String,
}

#[component]
fn Differences(stays: Vec<(String, Stay)>, columns: Columns, caption: &'static str) -> impl IntoView {
    let Columns { is_train, source, target } = columns;
    let rows = stays.into_iter().map(|(app, stay)| view! { <Row app stay is_train/> }).collect_view();
    view! {
        <div class="border-t border-line">
            <Table caption>
                <thead>
                    <tr>
                        <th scope="col" class="w-2/5">"Field"</th>
                        {is_train.then(|| view! { <th scope="col" class="hidden sm:table-cell">"App"</th> })}
                        <th scope="col">{target}</th>
                        <th scope="col">{source}</th>
                        <th scope="col" class="hidden lg:table-cell">"Why it stays"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </Table>
        </div>
    }
}

#[component]
fn Row(app: String, stay: Stay, is_train: bool) -> impl IntoView {
    let Stay { file, field, source, target, why, .. } = stay;
    let (name, place) = match field {
        Some(field) => (visible(&field), visible(&file)),
        None => (visible(&file), "the whole file".to_owned()),
    };
    let value = |value: Option<String>| value.map_or_else(|| "none".to_owned(), |value| visible(&value));
    view! {
        <tr class="align-top">
            <th scope="row" class="min-w-40 text-left font-normal wrap-anywhere">
                <span class="font-mono text-small">{name}</span>
                <span class="block text-small text-mute">{place}</span>
                {is_train.then(|| view! { <span class="block text-small text-mute sm:hidden">{app.clone()}</span> })}
            </th>
            {is_train.then(|| view! { <td class="hidden text-mute sm:table-cell">{app}</td> })}
            <td class="font-mono text-small wrap-anywhere">{value(target)}</td>
            <td class="font-mono text-small wrap-anywhere text-mute">{value(source)}</td>
            <td class="hidden text-small wrap-anywhere text-mute lg:table-cell">{why}</td>
        </tr>
    }
}

fn some_fields(stays: &[(String, Stay)]) -> String {
    let mut names: Vec<_> =
        stays.iter().map(|(_, stay)| visible(stay.field.as_deref().unwrap_or(&stay.file))).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
