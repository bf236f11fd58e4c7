//! What a cell tells when one looks into it: the release, and what may be done there, with the reason where it may not.
//!
//! It lies in the top layer of the browser, so that no scroller clips it. Without JavaScript the page of the app says
//! the same.

use leptos::{html, prelude::*, web_sys::HtmlElement};
use model::{
    AppError, AppResult, Timestamp,
    application::{ApplicationId, ApplicationRow},
    apps::{Act, ActKind, CellDetail, CellId, Matrix, ReleaseRef},
    plan::EarlierStates,
};
use wasm_bindgen::JsCast;

use super::{
    board::{Board, spot_of},
    earlier::Earlier,
    keys::{act_id, click},
};
use crate::{
    api::{get_cell, list_earlier_states},
    pages::Shelf,
    routes,
    ui::{
        act::{RefreshChoices, SyncChoices, act_href, act_icon, act_key, act_words},
        badge::{EnvironmentTag, Revision, RowHealth},
        cell::{CellStatus, CellVersion, GateLines},
        form::IdFields,
        icon::Icon,
        time::Age,
    },
};

/// The id of the popover.
pub(super) const POPOVER: &str = "peek";
/// Where the popover may begin at most, from the left, in pixels: it is this much narrower than a phone.
const WIDTH: f64 = 352.0;

/// The answer to what was looked into, with its question.
type Answer = (CellId, AppResult<CellDetail>);
/// The earlier states of a cell.
type States = (CellId, AppResult<EarlierStates>);

/// The popover, closed until a cell is looked into.
#[component]
pub(super) fn PeekPopover(shelf: Shelf<Matrix>, board: Board) -> impl IntoView {
    let popover = NodeRef::<html::Div>::new();
    let load = Action::new(|id: &CellId| {
        let id = id.clone();
        async move {
            let answer = get_cell(id.app.clone(), id.environment.clone()).await;
            (id, answer)
        }
    });
    let load_earlier = Action::new(|id: &CellId| {
        let id = id.clone();
        async move {
            let states = list_earlier_states(id.app.clone(), id.environment.clone()).await;
            (id, states)
        }
    });
    let open = Memo::new(move |_| board.peek.with(|peek| peek.as_ref().map(|it| it.id.clone())));
    // What the matrix shows of the cell: when that changes, what the popover tells has changed, too.
    let seen = Memo::new(move |_| {
        let id = open.get()?;
        shelf.data.with(|it| {
            let column = it.columns.iter().position(|column| column.environment == id.environment)?;
            it.rows.iter().find(|row| row.slug == id.app)?.cells.get(column)?.clone()
        })
    });
    Effect::new(move |_| {
        seen.track();
        if let Some(id) = open.get() {
            load.dispatch(id);
        }
    });
    Effect::new(move |_| match (popover.get(), open.get()) {
        // By then it is drawn, and can take the focus.
        (Some(popover), Some(id)) => request_animation_frame(move || show(&popover, shelf, &id)),
        (Some(popover), None) => drop(popover.hide_popover()),
        (None, _) => {}
    });
    let answer = Memo::new(move |_| {
        let id = open.get()?;
        load.value().with(|answer| answer.as_ref().filter(|(it, _)| *it == id).cloned())
    });
    Effect::new(move |_| {
        if answer.with(Option::is_some) {
            settle(board);
        }
    });
    // After what may be done, which does not wait for the repository.
    Effect::new(move |_| {
        if let Some((id, Ok(detail))) = answer.get()
            && may_roll_back(&detail)
        {
            load_earlier.dispatch(id);
        }
    });
    let earlier = Signal::derive(move || {
        let id = open.get()?;
        load_earlier.value().with(|states| states.as_ref().filter(|(it, _)| *it == id).cloned())
    });
    Effect::new(move |_| {
        if matches!(board.refresh.value().get(), Some(Ok(_))) {
            board.peek.set(None);
        }
    });
    let closed = move |_| {
        if popover.get_untracked().is_some_and(|it| !it.matches(":popover-open").unwrap_or(false)) {
            board.peek.set(None);
        }
    };
    let label = move || match open.get() {
        Some(id) => {
            let name = shelf.data.with(|it| name_of(it, &id.app));
            format!("{name} in {}", id.environment)
        }
        None => "Acts".into(),
    };
    view! {
        <div
            node_ref=popover
            id=POPOVER
            popover="auto"
            tabindex="-1"
            role="dialog"
            aria-label=label
            class=move || if open.with(Option::is_some) { "pop peek" } else { "pop peek hidden" }
            on:toggle=closed
        >
            {move || open.get().map(|id| body(shelf, board, &id, answer.get(), earlier))}
        </div>
    }
}

fn may_roll_back(detail: &CellDetail) -> bool {
    detail.acts.iter().any(|act| act.kind == ActKind::RollBack && act.denied.is_none())
}

fn body(
    shelf: Shelf<Matrix>,
    board: Board,
    id: &CellId,
    answer: Option<Answer>,
    earlier: Signal<Option<States>>,
) -> AnyView {
    match answer {
        None => view! {
            <p class="px-3 py-3 text-mute" role="status">
                "Asking what may be done…"
            </p>
        }
        .into_any(),
        Some((_, Err(error))) => view! { <Failed error/> }.into_any(),
        Some((_, Ok(detail))) => {
            let compare = shelf.data.with_untracked(|it| neighbour(it, id));
            let earlier = may_roll_back(&detail).then_some(earlier);
            view! { <Told detail compare earlier board now=shelf.now/> }.into_any()
        }
    }
}

#[component]
fn Failed(error: AppError) -> impl IntoView {
    view! {
        <p class="flex items-start gap-2 px-3 py-3 text-soft" role="alert">
            <Icon name="failed" class="mt-0.5 text-degraded"/>
            <span>{error.to_string()}</span>
        </p>
    }
}

#[component]
fn Told(
    detail: CellDetail,
    /// The environments to compare: this one and its neighbour.
    compare: Option<(String, String)>,
    /// What it had before, where one may go back.
    earlier: Option<Signal<Option<States>>>,
    board: Board,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let CellDetail { id, name, environment, cell, release, acts, applications, .. } = detail;
    let reason = cell.reason.clone();
    let acts = acts
        .into_iter()
        .map(|act| view! { <ActItem id=id.clone() act applications=applications.clone() board/> })
        .collect_view();
    let hold = cell.held.is_none().then(|| {
        view! {
            <li>
                <a class="menu-item" href=routes::place_hold(&id)>
                    <Icon name="held"/>
                    "Place a hold…"
                </a>
            </li>
        }
    });
    let compare = compare.map(|(from, to)| {
        let other = if from == id.environment { to.clone() } else { from.clone() };
        view! { <a class="link" href=routes::comparison(&id.app, &from, &to)>{format!("Compare with {other}")}</a> }
    });
    let earlier = earlier.map(|states| {
        let id = id.clone();
        move || {
            let states = states.get().map(|(_, states)| states);
            view! { <Earlier id=id.clone() states now/> }
        }
    });
    view! {
        <div class="px-3 pt-2.5 pb-2">
            <div class="flex flex-wrap items-center gap-x-2">
                <span class="min-w-0 font-medium wrap-anywhere">{name}</span>
                <EnvironmentTag environment/>
                <span class="ml-auto inline-flex items-baseline gap-2">
                    <CellVersion cell=cell.clone()/>
                </span>
            </div>
            {release.map(|release| view! { <Brought release now/> })}
            <p class="mt-1 flex flex-wrap items-baseline gap-x-2 text-small">
                <CellStatus cell=cell.clone() now/>
                {cell.since.map(|at| view! { <span class="text-mute"><Age at now/></span> })}
            </p>
            {(!reason.is_empty()).then(|| view! { <p class="text-small text-soft wrap-anywhere">{reason}</p> })}
            <GateLines cell/>
        </div>
        <ul class="menu border-t border-line">{acts} {hold}</ul>
        {earlier}
        <Applications applications now/>
        <p class="flex items-center gap-3 border-t border-line px-3 py-2 text-small">
            <a class="link" href=routes::app_environment(&id)>"Open"</a>
            {compare}
            <kbd class="kbd ml-auto" aria-hidden="true">"Esc"</kbd>
        </p>
    }
}

/// The commit that brought the version.
#[component]
fn Brought(release: ReleaseRef, now: Signal<Timestamp>) -> impl IntoView {
    view! {
        <p class="text-small text-soft wrap-anywhere">{release.subject}</p>
        <p class="text-small text-mute wrap-anywhere">
            <Revision revision=release.commit/>
            " by "
            {release.author}
            ", "
            <Age at=release.at now suffix=" ago"/>
        </p>
    }
}

/// The Applications of the cell with their health.
#[component]
fn Applications(applications: Vec<ApplicationRow>, now: Signal<Timestamp>) -> impl IntoView {
    let rows = applications
        .into_iter()
        .map(|row| {
            view! {
                <li class="flex items-center gap-2">
                    <a class="min-w-0 truncate text-soft hover:underline" href=routes::application(&row.id) title=row.id.name.clone()>
                        {row.id.name.clone()}
                    </a>
                    <span class="ml-auto">
                        <RowHealth row now/>
                    </span>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="grid max-h-32 gap-0.5 overflow-y-auto border-t border-line px-3 py-2 text-small">{rows}</ul> }
}

/// An act: a link to its form, a button, or greyed with the reason why not.
#[component]
fn ActItem(id: CellId, act: Act, applications: Vec<ApplicationRow>, board: Board) -> impl IntoView {
    let words = act_words(&act);
    let href = act_href(&id, &act, &applications);
    let kind = act.kind;
    let element = act_id(act_key(kind));
    match (act.denied, href) {
        (Some(why), _) => view! {
            <li>
                <span class="menu-item h-auto! min-h-7.5 py-1" aria-disabled="true">
                    <Icon name=act_icon(kind)/>
                    {words}
                    <span class="ml-auto min-w-0 text-right text-small wrap-anywhere">{why}</span>
                </span>
            </li>
        }
        .into_any(),
        (None, Some(href)) => view! {
            <li>
                <a id=element class="menu-item" href=href>
                    {content(kind, words)}
                </a>
            </li>
        }
        .into_any(),
        (None, None) => {
            let ids = applications.into_iter().map(|row| row.id).collect();
            view! { <Several kind words ids board/> }.into_any()
        }
    }
}

/// An act that has no one place: a refresh, which is done at once, and what is chosen from several Applications.
#[component]
fn Several(kind: ActKind, words: String, mut ids: Vec<ApplicationId>, board: Board) -> impl IntoView {
    let element = act_id(act_key(kind));
    let refresh = board.refresh;
    match kind {
        ActKind::Refresh if ids.len() == 1 => {
            let id = ids.remove(0);
            view! {
                <li>
                    <ActionForm action=refresh>
                        <IdFields id/>
                        <button
                            type="submit"
                            id=element
                            class="menu-item"
                            name="kind"
                            value="normal"
                            disabled=refresh.pending()
                        >
                            {content(kind, words)}
                        </button>
                    </ActionForm>
                </li>
            }
            .into_any()
        }
        ActKind::Refresh => view! {
            <Choices kind words>
                <RefreshChoices ids refresh/>
            </Choices>
        }
        .into_any(),
        _ => view! {
            <Choices kind words>
                <SyncChoices ids/>
            </Choices>
        }
        .into_any(),
    }
}

#[component]
fn Choices(kind: ActKind, words: String, children: Children) -> impl IntoView {
    view! {
        <li>
            <details>
                <summary id=act_id(act_key(kind)) class="menu-item">
                    {content(kind, words)}
                </summary>
                <ul class="max-h-40 overflow-y-auto pl-4">{children()}</ul>
            </details>
        </li>
    }
}

fn content(kind: ActKind, words: String) -> impl IntoView {
    view! {
        <Icon name=act_icon(kind)/>
        {words}
        <kbd class="kbd" aria-hidden="true">{act_key(kind)}</kbd>
    }
}

/// Opens the popover beside its cell: below it, or above where there is no room. The place is set through the object
/// model, for the policy allows no style attributes.
fn show(popover: &HtmlElement, shelf: Shelf<Matrix>, id: &CellId) {
    let cell = shelf.data.with_untracked(|it| spot_of(it, id)).map(|spot| spot.id());
    let cell = cell.and_then(|id| document().get_element_by_id(&id));
    let height = window().inner_height().ok().and_then(|it| it.as_f64()).unwrap_or(0.0);
    let width = window().inner_width().ok().and_then(|it| it.as_f64()).unwrap_or(0.0);
    if let Some(cell) = cell {
        let edges = cell.get_bounding_client_rect();
        let left = edges.left().min(width - WIDTH).max(8.0);
        let below = edges.bottom() < height * 0.55;
        let (side, other, distance) = if below {
            ("top", "bottom", edges.bottom() + 4.0)
        } else {
            ("bottom", "top", height - edges.top() + 4.0)
        };
        let place = popover.style();
        let _ = place.set_property("left", &format!("{left}px"));
        let _ = place.set_property(side, &format!("{distance}px"));
        let _ = place.set_property(other, "auto");
    }
    // It is open already where it goes from one cell to another.
    let _ = popover.show_popover();
    let _ = popover.focus();
}

/// Puts the focus on the first act, or does what was asked for by its key; where that may not be, the reason is read.
fn settle(board: Board) {
    let intent = board.peek.with_untracked(|peek| peek.as_ref().and_then(|it| it.intent));
    request_animation_frame(move || {
        if let Some(kind) = intent {
            board.peek.update(|peek| {
                if let Some(peek) = peek {
                    peek.intent = None;
                }
            });
            if click(&act_id(act_key(kind))) {
                return;
            }
        }
        let selector = format!("#{POPOVER} .menu-item:not([aria-disabled])");
        // What was drawn anew has lost the focus to the body.
        let held = document().active_element().is_none_or(|it| it.id() == POPOVER || it.tag_name() == "BODY");
        if let Some(first) = document().query_selector(&selector).ok().flatten().filter(|_| held)
            && let Some(first) = first.dyn_ref::<HtmlElement>()
        {
            let _ = first.focus();
        }
    });
}

/// Returns the pair of environments to compare: with the next one that the app is in, else with the one before.
fn neighbour(matrix: &Matrix, id: &CellId) -> Option<(String, String)> {
    let row = matrix.rows.iter().find(|row| row.slug == id.app)?;
    let at = matrix.columns.iter().position(|column| column.environment == id.environment)?;
    let is_there = |column: &usize| row.cells.get(*column).is_some_and(Option::is_some);
    let name = |column: usize| matrix.columns.get(column).map(|it| it.environment.clone());
    if let Some(next) = (at + 1..matrix.columns.len()).find(is_there) {
        return Some((id.environment.clone(), name(next)?));
    }
    let before = (0..at).rev().find(is_there)?;
    Some((name(before)?, id.environment.clone()))
}

fn name_of(matrix: &Matrix, slug: &str) -> String {
    let row = matrix.rows.iter().find(|row| row.slug == slug);
    row.map_or_else(|| slug.to_owned(), |row| row.name.clone())
}
