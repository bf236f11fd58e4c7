//! Toasts: what came of one's own acts. What failed is told at its form, and stays there.

use std::time::Duration;

use leptos::prelude::*;
use model::{AppResult, operation::Outcome};

use super::icon::Icon;

/// How long a toast stays.
const STAYS: Duration = Duration::from_secs(8);

/// The toasts of the page.
#[derive(Clone, Copy)]
pub(crate) struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
}

#[derive(Clone, Eq, Hash, PartialEq)]
struct Toast {
    id: u32,
    sentence: String,
}

impl Toasts {
    /// Gives all components the toasts.
    pub(crate) fn provide() {
        provide_context(Self { shown: RwSignal::new(Vec::new()), next: StoredValue::new(0) });
    }

    /// Returns the toasts of the page.
    pub(crate) fn take() -> Option<Self> {
        use_context()
    }

    /// Shows a sentence for a while.
    pub(crate) fn show(self, sentence: String) {
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        self.shown.update(|shown| shown.push(Toast { id, sentence }));
        set_timeout(move || self.dismiss(id), STAYS);
    }

    fn dismiss(self, id: u32) {
        self.shown.update(|shown| shown.retain(|toast| toast.id != id));
    }
}

/// Shows what came of an act; what was refused is told elsewhere.
pub(crate) fn tell(value: impl Get<Value = Option<AppResult<Outcome>>> + 'static) {
    let toasts = Toasts::take();
    Effect::new(move |_| {
        if let (Some(Ok(outcome)), Some(toasts)) = (value.get(), toasts) {
            toasts.show(outcome.sentence);
        }
    });
}

/// Where toasts appear; announced by screen readers.
#[component]
pub(crate) fn ToastRegion() -> impl IntoView {
    let toasts = Toasts::take();
    let shown = move || toasts.map(|toasts| toasts.shown.get()).unwrap_or_default();
    view! {
        <div
            class="pointer-events-none fixed inset-x-4 bottom-16 z-50 flex flex-col items-end gap-2 md:bottom-4"
            role="status"
            aria-live="polite"
        >
            <For each=shown key=|toast| toast.id let:toast>
                <div class="toast pointer-events-auto">
                    <Icon name="check" class="text-healthy"/>
                    <p class="flex-1 font-medium">{toast.sentence}</p>
                    <button
                        type="button"
                        class="btn btn-ghost btn-icon btn-sm"
                        aria-label="Dismiss"
                        on:click=move |_| {
                            if let Some(toasts) = toasts {
                                toasts.dismiss(toast.id);
                            }
                        }
                    >
                        <Icon name="x"/>
                    </button>
                </div>
            </For>
        </div>
    }
}
