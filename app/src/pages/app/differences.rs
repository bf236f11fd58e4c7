//! What differs between two environments of an app, field by field: what a promotion would bring first, then what
//! nobody listed, then, folded, what is expected to differ.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{
    AppResult,
    apps::{AppDetail, Comparison, FieldDifference},
};

use crate::{
    api::{compare_environments, get_app},
    pages::Shelf,
    routes,
    ui::{badge::Revision, empty::Empty, icon::Icon, notice::ErrorNote},
};

/// The ids of the fields.
const FROM: &str = "compare-from";
const TO: &str = "compare-to";

/// What came of a comparison; nothing where there are no two environments to compare.
pub(super) type Compared = Resource<AppResult<Option<Comparison>>>;

/// Compares the environments that the URL names, by default the first two that the app is in.
///
/// It belongs to the page and not to the card, which is drawn more than once while the server waits for its data.
pub(super) fn comparison(slug: Memo<String>) -> Compared {
    let map = use_query_map();
    let asked =
        Memo::new(move |_| map.with(|map| ["from", "to"].map(|key| map.get(key).unwrap_or_default())));
    Resource::new_blocking(
        move || (slug.get(), asked.get()),
        |(slug, [from, to])| async move {
            let ends = if from.is_empty() || to.is_empty() {
                ends_of(&names_of(&get_app(slug.clone()).await?), &from, &to)
            } else {
                Some((from, to))
            };
            match ends {
                Some((from, to)) if from != to => compare_environments(slug, from, to).await.map(Some),
                _ => Ok(None),
            }
        },
    )
}

/// The comparison of two environments.
#[component]
pub(super) fn DifferencesCard(shelf: Shelf<AppDetail>, comparison: Compared) -> impl IntoView {
    let map = use_query_map();
    let slug = shelf.part(|it| it.slug.clone());
    let names = shelf.part(names_of);
    let ends = Memo::new(move |_| {
        let asked = |key: &str| map.with(|map| map.get(key)).unwrap_or_default();
        names.with(|names| ends_of(names, &asked("from"), &asked("to")))
    });
    // What runs there: when that changes, they are compared again.
    let versions = shelf.part(|it| {
        let cells = it.environments.iter().map(|it| it.cell.as_ref().and_then(|cell| cell.version.clone()));
        cells.collect::<Vec<_>>()
    });
    Effect::new(move |before: Option<Vec<Option<String>>>| {
        let versions = versions.get();
        if before.is_some_and(|before| before != versions) {
            comparison.refetch();
        }
        versions
    });
    let body = move || {
        comparison.get().map(|comparison| match comparison {
            Ok(Some(comparison)) => view! { <Told comparison/> }.into_any(),
            Err(error) => view! {
                <div class="card-body pb-0">
                    <ErrorNote what="The environments could not be compared" error=Signal::stored(Some(error))/>
                </div>
            }
            .into_any(),
            Ok(None) => view! { <NotCompared ends=ends.get()/> }.into_any(),
        })
    };
    view! {
        <section id="differences" class="card scroll-mt-16 overflow-hidden" aria-labelledby="differences-head">
            <div class="card-head">
                <h2 id="differences-head">"Differences between environments"</h2>
                {move || (names.with(Vec::len) > 1).then(|| view! { <Choose slug names ends/> })}
            </div>
            <Transition fallback=|| {
                view! { <p class="card-body text-mute" role="status">"Comparing…"</p> }
            }>{body}</Transition>
        </section>
    }
}

/// The form that chooses the two.
#[component]
fn Choose(
    slug: Memo<String>,
    names: Memo<Vec<String>>,
    ends: Memo<Option<(String, String)>>,
) -> impl IntoView {
    let navigate = use_navigate();
    let go = StoredValue::new(move |from: String, to: String| {
        let options = NavigateOptions { scroll: false, ..Default::default() };
        let path = routes::comparison(&slug.get_untracked(), &from, &to);
        navigate(path.split('#').next().unwrap_or_default(), options);
    });
    let change = move |from: Option<String>, to: Option<String>| {
        if let Some((old_from, old_to)) = ends.get_untracked() {
            go.with_value(|go| go(from.unwrap_or(old_from), to.unwrap_or(old_to)));
        }
    };
    let options = move |is_from: bool| {
        let chosen = ends.get().map(|(from, to)| if is_from { from } else { to });
        let known = names.get();
        known
            .into_iter()
            .map(|name| {
                let selected = chosen.as_ref() == Some(&name);
                view! { <option value=name.clone() selected=selected>{name.clone()}</option> }
            })
            .collect_view()
    };
    view! {
        <form
            method="get"
            action=move || format!("{}#differences", routes::app(&slug.get()))
            class="ml-auto flex flex-wrap items-center gap-1.5"
        >
            <label class="text-small text-mute" for=FROM>"From"</label>
            <select
                id=FROM
                name="from"
                class="input w-auto"
                on:change:target=move |event| change(Some(event.target().value()), None)
            >
                {move || options(true)}
            </select>
            <label class="text-small text-mute" for=TO>"to"</label>
            <select
                id=TO
                name="to"
                class="input w-auto"
                on:change:target=move |event| change(None, Some(event.target().value()))
            >
                {move || options(false)}
            </select>
            <button type="submit" class="btn">"Compare"</button>
        </form>
    }
}

#[component]
fn NotCompared(ends: Option<(String, String)>) -> impl IntoView {
    let why = match ends {
        Some((name, _)) => {
            format!("An environment does not differ from itself. Choose another one than {name}.")
        }
        None => "The app is in fewer than two environments.".into(),
    };
    view! { <Empty icon="filter" title="Nothing to compare" why=why/> }
}

#[component]
fn Told(comparison: Comparison) -> impl IntoView {
    let Comparison { from, to, commit, travels, unlisted, expected, .. } = comparison;
    let count = expected.len();
    let nothing = travels.is_empty() && unlisted.is_empty();
    let (folded_from, folded_to) = (from.clone(), to.clone());
    let expected = (count > 0).then(|| {
        let noun = if count == 1 { "difference is" } else { "differences are" };
        view! {
            <details class="border-t border-line">
                <summary class="flex min-h-9 flex-wrap items-center gap-2 px-3.5 py-1.5 text-small text-soft hover:text-ink">
                    <Icon name="right" class="icon-sm"/>
                    {format!("{count} {noun} expected")}
                    <span class="text-mute">"namespaces, replicas, hosts, and what the rules name"</span>
                </summary>
                <Fields
                    caption="Expected differences"
                    differences=expected
                    from=folded_from
                    to=folded_to
                    with_why=true
                />
            </details>
        }
    });
    let even = nothing.then(|| {
        let words = format!(
            "A promotion from {from} to {to} would bring nothing, and nothing differs that is not expected."
        );
        view! {
            <p class="card-body flex items-start gap-2">
                <Icon name="check" class="mt-0.5 text-mute"/>
                <span>{words}</span>
            </p>
        }
    });
    let travels = (!travels.is_empty()).then(|| {
        let title = format!("A promotion from {from} to {to} would bring");
        let count = travels.len();
        view! {
            <Part icon="promote" class="text-mute" title count=count/>
            <Fields caption="What a promotion would bring" differences=travels from=from.clone() to=to.clone()/>
        }
    });
    let unlisted = (!unlisted.is_empty()).then(|| {
        let title = "Differs, and nobody listed it as expected: a promotion leaves it".to_owned();
        let count = unlisted.len();
        view! {
            <Part icon="warn" class="text-drift" title count=count/>
            <Fields
                caption="Differences that nobody listed"
                differences=unlisted
                from=from.clone()
                to=to.clone()
                with_why=true
            />
        }
    });
    view! {
        {even}
        {travels}
        {unlisted}
        {expected}
        <p class="border-t border-line px-3.5 py-2 text-small text-mute">
            "Read at commit "
            <Revision revision=commit/>
            "."
        </p>
    }
}

#[component]
fn Part(icon: &'static str, class: &'static str, title: String, count: usize) -> impl IntoView {
    view! {
        <h3 class="flex items-center gap-2 px-3.5 pt-3 pb-2">
            <Icon name=icon class=class/>
            <span class="min-w-0 wrap-anywhere">{title}</span>
            <span class="count">{count}</span>
        </h3>
    }
}

/// Fields with what each environment has.
#[component]
fn Fields(
    caption: &'static str,
    differences: Vec<FieldDifference>,
    from: String,
    to: String,
    #[prop(optional)] with_why: bool,
) -> impl IntoView {
    let rows = differences
        .into_iter()
        .map(|it| {
            let field = it.field.unwrap_or_else(|| "the whole file".into());
            let why = it.why.clone();
            view! {
                <tr>
                    <th scope="row" class="font-normal md:w-[34%]">
                        <span class="block font-mono text-small wrap-anywhere">{field}</span>
                        <span class="block font-mono text-small wrap-anywhere text-mute">{it.file}</span>
                        {with_why
                            .then(|| {
                                view! { <span class="block text-small wrap-anywhere text-mute lg:hidden">{it.why}</span> }
                            })}
                    </th>
                    <td class="min-w-24">{value(it.from)}</td>
                    <td class="min-w-24">{value(it.to)}</td>
                    {with_why
                        .then(|| {
                            view! { <td class="hidden w-[28%] text-small text-soft wrap-anywhere lg:table-cell">{why}</td> }
                        })}
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="scroll border-t border-line" tabindex="0" role="region" aria-label=format!("{caption}, scrolls")>
            <table class="table table-top">
                <caption>{caption}</caption>
                <thead>
                    <tr>
                        <th scope="col">"Field"</th>
                        <th scope="col">{format!("In {from}")}</th>
                        <th scope="col">{format!("In {to}")}</th>
                        {with_why.then(|| view! { <th scope="col" class="hidden lg:table-cell">"Why"</th> })}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

fn value(value: Option<String>) -> AnyView {
    match value {
        Some(value) if value.is_empty() => view! { <span class="text-mute">"empty"</span> }.into_any(),
        Some(value) => {
            view! { <span class="font-mono text-small whitespace-pre-wrap wrap-anywhere">{value}</span> }
                .into_any()
        }
        None => view! { <span class="text-mute">"absent"</span> }.into_any(),
    }
}

/// Returns the environments that the app is in, in their order.
fn names_of(app: &AppDetail) -> Vec<String> {
    let there = app.environments.iter().filter(|it| it.cell.is_some());
    there.map(|it| it.environment.clone()).collect()
}

/// Returns which two are compared: those asked for, else the first one, and the one behind it, of the last the one before.
fn ends_of(names: &[String], from: &str, to: &str) -> Option<(String, String)> {
    let from = if from.is_empty() { names.first()?.clone() } else { from.to_owned() };
    if !to.is_empty() {
        return Some((from, to.to_owned()));
    }
    let at = names.iter().position(|name| *name == from).unwrap_or(0);
    let to = names.get(at + 1).or_else(|| at.checked_sub(1).and_then(|before| names.get(before)))?;
    Some((from, to.clone()))
}

#[cfg(test)]
mod tests {
    use super::ends_of;

    #[test]
    fn what_the_url_does_not_name_is_the_first_pair() {
        let names = ["dev", "staging", "prod"].map(String::from);
        let ends = |from: &str, to: &str| ends_of(&names, from, to).expect("a pair");
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(ends("", ""), pair("dev", "staging"));
        assert_eq!(ends("staging", ""), pair("staging", "prod"));
        assert_eq!(ends("prod", ""), pair("prod", "staging"));
        assert_eq!(ends("", "prod"), pair("dev", "prod"));
        assert_eq!(ends_of(&names[..1], "", ""), None, "one environment has no other");
    }
}
