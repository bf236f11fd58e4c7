//! Why there is no row, what is no part of the matrix, and the way through its pages.

use leptos::prelude::*;
use model::apps::{ListApps, Matrix};

use crate::{
    matrix_query,
    pages::Shelf,
    routes,
    ui::{
        empty::Empty,
        icon::Icon,
        pager::{Pager, Place},
    },
};

/// Why the matrix is empty: there are no apps, they are hidden, or nobody answers.
#[component]
pub(super) fn Nothing(shelf: Shelf<Matrix>, query: Memo<ListApps>) -> impl IntoView {
    #[derive(Clone, PartialEq)]
    enum Why {
        Hidden(u32),
        PastTheEnd,
        NoAnswer,
        None { without_environment: u32 },
    }
    let why = shelf.part(|it| {
        let answers = it.control_planes.iter().any(|plane| plane.freshness.is_live());
        match (it.rows.is_empty(), it.matching, it.total) {
            (false, ..) => None,
            (true, 0, 0) if !answers => Some(Why::NoAnswer),
            (true, 0, 0) => Some(Why::None { without_environment: it.without_environment }),
            (true, 0, total) => Some(Why::Hidden(total)),
            (true, ..) => Some(Why::PastTheEnd),
        }
    });
    let hidden = move |total: u32| {
        let query = query.get();
        let by = matrix_query::words(&query).join(" and ");
        let by = if by.is_empty() { "the choice of environments".into() } else { by };
        let (noun, verb) = if total == 1 { ("app", "is") } else { ("apps", "are") };
        view! {
            <Empty icon="filter" title="No app matches" why=format!("{total} {noun} {verb} hidden by {by}.")>
                <a class="btn" href=routes::matrix(&matrix_query::cleared(&query))>
                    <Icon name="x"/>
                    "Clear the filters"
                </a>
            </Empty>
        }
    };
    move || {
        Some(match why.get()? {
            Why::Hidden(total) => hidden(total).into_any(),
            Why::PastTheEnd => {
                let first = routes::matrix(&ListApps { page: 0, ..query.get() });
                view! {
                    <Empty icon="rows" title="Nothing on this page" why="The matrix became shorter than this page.">
                        <a class="btn" href=first>"Go to the first page"</a>
                    </Empty>
                }
                .into_any()
            }
            Why::NoAnswer => view! {
                <Empty
                    icon="unreachable"
                    title="No control plane answers"
                    why="Apps are made of Applications, which cannot be listed. They appear by themselves once one answers."
                />
            }
            .into_any(),
            Why::None { without_environment } => {
                let why = if without_environment == 0 {
                    "There is no Application that you may see. A new one appears here by itself.".to_owned()
                } else {
                    "No Application that you may see shows its environment: by its path, its cluster, or a label that the \
                     settings name."
                        .to_owned()
                };
                view! {
                    <Empty icon="grid" title="No app yet" why=why>
                        <a class="btn" href=routes::APPLICATIONS>"See the Applications"</a>
                    </Empty>
                }
                .into_any()
            }
        })
    }
}

/// Tells how many Applications no cell stands for.
#[component]
pub(super) fn Leftover(shelf: Shelf<Matrix>) -> impl IntoView {
    let count = shelf.part(|it| it.without_environment);
    move || {
        let count = count.get();
        let (noun, verb, whose) =
            if count == 1 { ("Application", "is", "its") } else { ("Applications", "are", "their") };
        (count > 0).then(|| {
            view! {
                <p class="mt-2 text-small text-mute">
                    {format!("{count} {noun} {verb} not shown, for {whose} environment is not known. ")}
                    <a class="link" href=routes::APPLICATIONS>"See the Applications"</a>
                </p>
            }
        })
    }
}

/// The way through the pages.
#[component]
pub(super) fn Pages(shelf: Shelf<Matrix>, query: Memo<ListApps>) -> impl IntoView {
    let place = shelf.part(|it| Place {
        page: it.page,
        per_page: it.per_page,
        matching: it.matching,
        shown: it.rows.len() as u32,
    });
    let to = move |page: u32| routes::matrix(&ListApps { page, ..query.get() });
    let more = Signal::derive(move || {
        let Place { per_page, matching, .. } = place.get();
        let query = ListApps { page: 0, per_page: 500, ..query.get() };
        (per_page < 500 && matching > per_page).then(|| ("Show 500 per page", routes::matrix(&query)))
    });
    view! { <Pager place to more/> }
}
