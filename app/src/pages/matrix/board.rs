//! Where a person is on the matrix: the cell that has the focus, the one that is looked into, the apps that are chosen.

use std::collections::BTreeSet;

use leptos::{
    prelude::*,
    web_sys::{Element, HtmlElement},
};
use model::apps::{ActKind, CellId, Matrix};
use wasm_bindgen::JsCast;

use crate::{api::RefreshApplication, pages::Shelf};

/// The place of the checkbox in a row.
pub(super) const CHECK: usize = 0;
/// The place of the name in a row.
pub(super) const NAME: usize = 1;
/// The place of the first environment in a row.
pub(super) const FIRST: usize = 2;

/// Something in a row that can have the focus.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Spot {
    pub(super) slug: String,
    pub(super) place: usize,
}

impl Spot {
    /// Returns the id of its element.
    pub(super) fn id(&self) -> String {
        format!("at-{}-{}", self.place, self.slug)
    }

    /// Returns the spot that an element is, or is a part of.
    pub(super) fn of(element: &Element) -> Option<Self> {
        let id = element.closest("[id^='at-']").ok()??.id();
        let (place, slug) = id.strip_prefix("at-")?.split_once('-')?;
        Some(Self { slug: slug.to_owned(), place: place.parse().ok()? })
    }

    /// Gives it the focus; returns whether there is such an element, and it is seen.
    pub(super) fn focus(&self) -> bool {
        let element =
            document().get_element_by_id(&self.id()).and_then(|it| it.dyn_into::<HtmlElement>().ok());
        element.filter(|element| element.offset_parent().is_some()).is_some_and(|it| it.focus().is_ok())
    }
}

/// The cell that is looked into.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Peek {
    pub(super) id: CellId,
    /// What was asked for by its key, to be done as soon as it is known whether it may be.
    pub(super) intent: Option<ActKind>,
}

/// Where a person is. It outlives a change of the filters.
#[derive(Clone, Copy)]
pub(super) struct Board {
    /// What had the focus last.
    pub(super) at: RwSignal<Option<Spot>>,
    pub(super) peek: RwSignal<Option<Peek>>,
    /// The slugs of the chosen apps, on whatever page they are.
    pub(super) chosen: RwSignal<BTreeSet<String>>,
    /// From where to where the chosen apps go, where a person said so.
    pub(super) from: RwSignal<Option<String>>,
    pub(super) to: RwSignal<Option<String>>,
    pub(super) refresh: ServerAction<RefreshApplication>,
    /// Whether the browser took over: from then on the table is one stop of the tabulator.
    alive: RwSignal<bool>,
    here: StoredValue<Option<Memo<Option<Spot>>>>,
    stop: StoredValue<Option<Selector<Option<Spot>>>>,
    peeked: StoredValue<Option<Selector<Option<CellId>>>>,
}

impl Board {
    /// Makes the board of a page.
    pub(super) fn new() -> Self {
        let board = Self {
            at: RwSignal::new(None),
            peek: RwSignal::new(None),
            chosen: RwSignal::new(BTreeSet::new()),
            from: RwSignal::new(None),
            to: RwSignal::new(None),
            refresh: ServerAction::new(),
            alive: RwSignal::new(false),
            here: StoredValue::new(None),
            stop: StoredValue::new(None),
            peeked: StoredValue::new(None),
        };
        Effect::new(move |_| board.alive.set(true));
        board
    }

    /// Follows the rows of the page, so that one of them always has the stop of the tabulator.
    pub(super) fn follow(self, shelf: Shelf<Matrix>) {
        let stop = Memo::new(move |_| shelf.data.with(|it| self.at.with(|at| stop_of(it, at.as_ref()))));
        self.here.set_value(Some(stop));
        self.stop.set_value(Some(Selector::new(move || stop.get())));
        self.peeked.set_value(Some(Selector::new(move || {
            self.peek.with(|peek| peek.as_ref().map(|it| it.id.clone()))
        })));
    }

    /// Returns the `tabindex` of a spot: none before the browser took over, so that each link is a stop of its own.
    pub(super) fn tabindex(self, spot: &Spot) -> Option<i32> {
        self.alive.get().then(|| {
            let here =
                self.stop.with_value(|it| it.as_ref().is_some_and(|it| it.selected(&Some(spot.clone()))));
            if here { 0 } else { -1 }
        })
    }

    /// Returns whether a cell is looked into.
    pub(super) fn is_peeked(self, id: &CellId) -> bool {
        self.peeked.with_value(|it| it.as_ref().is_some_and(|it| it.selected(&Some(id.clone()))))
    }

    /// Returns the spot that the tabulator stops at.
    pub(super) fn here(self) -> Option<Spot> {
        self.here.get_value().and_then(|here| here.get_untracked())
    }

    /// Chooses an app, or leaves it.
    pub(super) fn toggle(self, slug: &str) {
        self.chosen.update(|chosen| {
            if !chosen.remove(slug) {
                chosen.insert(slug.to_owned());
            }
        });
    }

    /// Looks into a cell.
    pub(super) fn look_into(self, id: CellId, intent: Option<ActKind>) {
        self.peek.set(Some(Peek { id, intent }));
    }
}

/// Returns the environment of a spot, where it is a cell.
pub(super) fn cell_of(matrix: &Matrix, spot: &Spot) -> Option<CellId> {
    let column = spot.place.checked_sub(FIRST)?;
    let row = matrix.rows.iter().find(|row| row.slug == spot.slug)?;
    row.cells.get(column)?.as_ref()?;
    let environment = matrix.columns.get(column)?.environment.clone();
    Some(CellId { app: row.slug.clone(), environment })
}

/// Returns the spot of a cell.
pub(super) fn spot_of(matrix: &Matrix, id: &CellId) -> Option<Spot> {
    let column = matrix.columns.iter().position(|column| column.environment == id.environment)?;
    Some(Spot { slug: id.app.clone(), place: FIRST + column })
}

/// Returns the last spot, or the first cell where that is gone.
fn stop_of(matrix: &Matrix, at: Option<&Spot>) -> Option<Spot> {
    let is_here = |spot: &&Spot| {
        let row = matrix.rows.iter().find(|row| row.slug == spot.slug);
        row.is_some_and(|row| {
            spot.place < FIRST || row.cells.get(spot.place - FIRST).is_some_and(Option::is_some)
        })
    };
    at.filter(is_here).cloned().or_else(|| {
        let row = matrix.rows.first()?;
        let place = row.cells.iter().position(Option::is_some).map_or(NAME, |column| FIRST + column);
        Some(Spot { slug: row.slug.clone(), place })
    })
}
